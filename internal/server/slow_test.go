package server_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"freshet/internal/server"
)

// Connections that say nothing, or a letter now and then, are closed.
func TestConnectionsThatDoNotSayWhatTheyWantAreClosed(t *testing.T) {
	b := newBench(t, func(o *server.Options) { o.Patience = 50 * time.Millisecond })
	for name, c := range map[string]struct{ address, words string }{
		"HTTP, no word":             {strings.TrimPrefix(b.http, "http://"), ""},
		"HTTP, half a header":       {strings.TrimPrefix(b.http, "http://"), "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "},
		"gRPC, no word":             {b.grpcAddr, ""},
		"gRPC, half of the preface": {b.grpcAddr, "PRI * HTT"},
	} {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, c.words); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the server waits", name)
		}
	}
}

// The connections of a listener are bounded: one more waits until one ends.
func TestConnectionsAreBounded(t *testing.T) {
	b := newBench(t, func(o *server.Options) { o.MaxConnections = 2 })
	address := strings.TrimPrefix(b.http, "http://")
	ask := func(conn net.Conn) string {
		t.Helper()
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	var conns []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
		if len(conns) < 3 && ask(conn) != "HTTP/1.1 200" {
			t.Fatal("no answer")
		}
	}
	// The third is not answered while the two are open.
	if _, err := io.WriteString(conns[2], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conns[2].SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conns[2].Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a third connection is answered: %d bytes, %v", n, err)
	}
	conns[0].Close()
	if got := ask(conns[2]); got != "HTTP/1.1 200" {
		t.Errorf("after one has gone: %q", got)
	}
}
