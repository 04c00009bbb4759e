package journal_test

import (
	"errors"
	"net"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

func TestAReaderOutlivesTheServersRestart(t *testing.T) {
	dir := t.TempDir()
	srv := startServer(t, dir, server.RANDOM_PORT)
	port := srv.Addr().(*net.TCPAddr).Port
	j := open(t, journal.Options{URL: srv.ClientURL()})
	appendTicks(t, j, 1, 5)
	n := 0
	for in, err := range j.Inputs(t.Context(), basin, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; in.Seq != uint64(n) {
			t.Fatalf("got input %d, want %d", in.Seq, n)
		}
		if n == 3 {
			stopServer(srv)
			if _, err := j.AppendInput(t.Context(), basin, tick(6)); !errors.Is(err, hydro.ErrUnavailable) {
				t.Fatalf("append while the server is away: got %v, want ErrUnavailable", err)
			}
			srv = startServer(t, dir, port)
		}
		if n == 5 { // whatever the reader had ahead is used up
			appendUntilAccepted(t, j, 6)
		}
		if n == 6 {
			break
		}
	}
}

// appendUntilAccepted appends again while the connection comes back.
func appendUntilAccepted(t *testing.T, j *journal.Journal, i int) {
	t.Helper()
	for {
		_, err := j.AppendInput(t.Context(), basin, tick(i))
		if err == nil {
			return
		}
		if !errors.Is(err, hydro.ErrUnavailable) {
			t.Fatal(err)
		}
	}
}

func TestAReaderOutlivesTheLossOfItsConsumer(t *testing.T) {
	opts := backends["External"](t)
	j := open(t, opts)
	_, stream := manage(t, opts, "IN_"+basin)
	appendTicks(t, j, 1, 1)
	n := 0
	for in, err := range j.Inputs(t.Context(), basin, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; in.Seq != uint64(n) {
			t.Fatalf("got input %d, want %d", in.Seq, n)
		}
		if n == 4 {
			break
		}
		names := stream.ConsumerNames(t.Context())
		for name := range names.Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if err := names.Err(); err != nil {
			t.Fatal(err)
		}
		appendTicks(t, j, n+1, n+1)
	}
}
