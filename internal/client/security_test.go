package client_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/internal/auth"
	"freshet/internal/certs/certstest"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

func newToken(t *testing.T) string {
	t.Helper()
	_, text, err := (&auth.File{}).NewToken(auth.Grant{Name: "x", Role: "officer"}, time.Unix(0, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A listener that is not a Freshet server keeps what it is told. To an address
// that is not this machine's the client begins TLS and says nothing else.
func TestAClientSendsNoTokenInTheClear(t *testing.T) {
	ca := certstest.New(t)
	token := newToken(t)
	for _, c := range []struct {
		name     string
		security client.Security
		clear    bool // the token is to be seen: on loopback without TLS it is
	}{
		{"loopback", client.Security{Token: token}, true},
		{"loopback with a CA", client.Security{Token: token, CA: ca.File}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			first := make(chan string, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					first <- err.Error()
					return
				}
				defer conn.Close()
				b := make([]byte, 3)
				_, _ = io.ReadFull(conn, b)
				first <- string(b)
			}()
			conn, err := c.security.Dial(l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := freshetv1.NewWarningServiceClient(conn).ListStages(t.Context(), &freshetv1.ListStagesRequest{}); err == nil || strings.Contains(err.Error(), token) {
				t.Errorf("%v", err)
			}
			if got := <-first; (got == "PRI") != c.clear || (got == "\x16\x03\x01") == c.clear {
				t.Errorf("the first that is sent is %q", got)
			}
		})
	}
	for addr, plain := range map[string]bool{
		"127.0.0.1:7070": true, "localhost:7070": true, "[::1]:7070": true, "dns:///localhost:7070": true, "unix:/run/freshet": true,
		"10.0.0.1:7070": false, "freshet:7070": false, "dns:///freshet.example:7070": false, "localhost.example:7070": false, "127.0.0.1.example:7070": false,
		"dns://127.0.0.1/freshet.example:7070": false,
	} {
		if got := client.Local(addr); got != plain {
			t.Errorf("%s: plain text %t", addr, got)
		}
	}
}

func TestATokenFileIsReadAgainAndItsMistakesHoldNoSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if _, err := (client.Security{TokenFile: file}).Dial("127.0.0.1:1"); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), file) {
		t.Errorf("no file: %v", err)
	}
	almost := newToken(t) + "x"
	if err := os.WriteFile(file, []byte(almost), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (client.Security{TokenFile: file}).Dial("127.0.0.1:1"); !errors.Is(err, hydro.ErrInvalid) || strings.Contains(err.Error(), almost[20:40]) {
		t.Errorf("a token that is none: %v", err)
	}
}
