package certs_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"freshet/internal/certs"
	"freshet/internal/certs/certstest"
	"freshet/internal/hydro"
)

// A clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// tick moves it by a second.
func (c *clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
}

// serve accepts TLS connections and tells each who it is.
func serve(t *testing.T, s *certs.Source) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", s.Config("h2"))
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				if err := c.(*tls.Conn).Handshake(); err != nil {
					return
				}
				who := "nobody"
				if chains := c.(*tls.Conn).ConnectionState().VerifiedChains; len(chains) > 0 {
					who = chains[0][0].Subject.CommonName
				}
				_, _ = fmt.Fprintln(c, who)
			})
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return l.Addr().String()
}

// call returns the serial number of the server's certificate and who the server
// took the client for.
func call(address string, config *tls.Config) (serial int64, who string, err error) {
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	if _, err = fmt.Fscanln(c, &who); err != nil {
		return 0, "", err
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), who, nil
}

func TestAReplacedCertificateIsUsedWithoutARestart(t *testing.T) {
	ca, dir := certstest.New(t), t.TempDir()
	first := ca.Issue(t, dir, certstest.Identity{Name: "server", Server: true})
	wall := &clock{now: time.Unix(1_800_000_000, 0)}
	var told []string
	s, err := certs.Open(certs.Files{Cert: first.Cert, Key: first.Key}, time.Second, wall.Now, func(err error) { told = append(told, err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, s)
	trust, err := certs.Client(ca.File, "", "")
	if err != nil {
		t.Fatal(err)
	}
	is := func(want *certstest.Pair) {
		t.Helper()
		if serial, _, err := call(address, trust); err != nil || serial != want.Leaf.SerialNumber.Int64() {
			t.Fatalf("certificate %d, want %d: %v", serial, want.Leaf.SerialNumber, err)
		}
	}
	is(&first)
	second := ca.Issue(t, dir, certstest.Identity{Name: "server", Server: true})
	is(&first) // not looked at yet
	wall.tick()
	is(&second)

	// Half a replacement, or one that has expired, is told once and not used.
	if err := os.WriteFile(second.Key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wall.tick()
		is(&second)
	}
	if len(told) != 1 || !strings.Contains(told[0], second.Key) {
		t.Fatalf("told: %q", told)
	}
	ca.Issue(t, dir, certstest.Identity{Name: "server", Server: true, NotAfter: wall.Now().Add(-time.Hour)})
	wall.tick()
	is(&second)
	if len(told) != 2 || !strings.Contains(told[1], "expired") {
		t.Fatalf("told: %q", told)
	}
	third := ca.Issue(t, dir, certstest.Identity{Name: "server", Server: true, NotAfter: wall.Now().Add(time.Hour)})
	wall.tick()
	is(&third)
	if !s.Expires().Equal(third.Leaf.NotAfter) {
		t.Errorf("expires %s, want %s", s.Expires(), third.Leaf.NotAfter)
	}
}

func TestClientCertificatesAreAskedForButNotDemanded(t *testing.T) {
	ca, other, dir := certstest.New(t), certstest.New(t), t.TempDir()
	server := ca.Issue(t, dir, certstest.Identity{Name: "server", Server: true})
	s, err := certs.Open(certs.Files{Cert: server.Cert, Key: server.Key, ClientCA: ca.File}, time.Second, time.Now, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, s)
	for _, c := range []struct {
		name string
		by   *certstest.CA
		who  string // "": no connection
	}{{"", nil, "nobody"}, {"gateway", ca, "gateway"}, {"stranger", other, ""}} {
		var cert, key string
		if c.by != nil {
			p := c.by.Issue(t, dir, certstest.Identity{Name: c.name})
			cert, key = p.Cert, p.Key
		}
		config, err := certs.Client(ca.File, cert, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, who, err := call(address, config); who != c.who || (err == nil) != (c.who != "") {
			t.Errorf("%q: the server sees %q, %v", c.name, who, err)
		}
		config.MaxVersion, config.MinVersion = tls.VersionTLS11, tls.VersionTLS10
		if _, _, err := call(address, config); err == nil {
			t.Errorf("%q: TLS 1.1 is spoken", c.name)
		}
	}
}

func TestExactlyWantsThatCertificate(t *testing.T) {
	ca, dir := certstest.New(t), t.TempDir()
	server := ca.Issue(t, dir, certstest.Identity{Name: "server", Server: true})
	like := ca.Issue(t, dir, certstest.Identity{Name: "like", Server: true})
	s, err := certs.Open(certs.Files{Cert: server.Cert, Key: server.Key}, time.Second, time.Now, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, s)
	for file, good := range map[string]bool{server.Cert: true, like.Cert: false} {
		config, err := certs.Exactly(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := call(address, config); (err == nil) != good {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := certs.Exactly(server.Key); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("a key passed for a certificate: %v", err)
	}
}

func TestFilesThatAreNotGoodAreNamed(t *testing.T) {
	ca, dir := certstest.New(t), t.TempDir()
	a := ca.Issue(t, dir, certstest.Identity{Name: "a", Server: true})
	b := ca.Issue(t, dir, certstest.Identity{Name: "b", Server: true})
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files certs.Files
		names []string
	}{
		{certs.Files{Cert: a.Cert, Key: b.Key}, []string{a.Cert, b.Key}},
		{certs.Files{Cert: empty, Key: a.Key}, []string{empty}},
		{certs.Files{Cert: filepath.Join(dir, "none.pem"), Key: a.Key}, []string{"none.pem"}},
		{certs.Files{Cert: a.Cert, Key: a.Key, ClientCA: empty}, []string{empty}},
	} {
		_, err := certs.Open(c.files, time.Second, time.Now, func(error) {})
		if !errors.Is(err, hydro.ErrInvalid) || slices.ContainsFunc(c.names, func(n string) bool { return !strings.Contains(err.Error(), n) }) {
			t.Errorf("%+v: %v", c.files, err)
		}
	}
	for _, pair := range [][2]string{{a.Cert, ""}, {"", a.Key}, {a.Cert, b.Key}} {
		if _, err := certs.Client(ca.File, pair[0], pair[1]); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("client with %q: %v", pair, err)
		}
	}
}
