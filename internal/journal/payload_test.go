package journal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

// A server with NATS's own limit of messages is refused with what to set, and taken
// once that is set.
func TestAServerOfTooSmallMessagesIsRefused(t *testing.T) {
	opts := server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true}
	srv, err := server.NewServer(&opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { stopServer(srv) })
	_, err = journal.Open(t.Context(), journal.Options{URL: srv.ClientURL()})
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Fatalf("got %v, want ErrInvalid", err)
	}
	for _, want := range []string{srv.ClientURL(), "up to 1048576 bytes", "8388608", "set max_payload: 8MB"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	larger := opts
	larger.MaxPayload = 8 << 20
	if err := srv.ReloadOptions(&larger); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), journal.Options{URL: srv.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}
