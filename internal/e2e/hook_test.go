package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"freshet/alert/notify"
)

// A hook is a receiver of warnings that outlives the server: it keeps each
// idempotency key once, in the order in which they first came.
type hook struct {
	config string // the server's file of receivers

	mu     sync.Mutex
	keys   []string
	seen   map[string]bool
	calls  int
	change chan struct{}
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{config: filepath.Join(t.TempDir(), "notify.yaml"), seen: map[string]bool{}, change: make(chan struct{})}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	text := "receivers:\n  - {name: duty, kind: webhook, kinds: [warning], url: '" + srv.URL + "'}\n"
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil { // the server was killed in its midst
		panic(http.ErrAbortHandler)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	if key := r.Header.Get(notify.HeaderKey); !h.seen[key] {
		h.seen[key] = true
		h.keys = append(h.keys, key)
	}
	close(h.change)
	h.change = make(chan struct{})
}

// wait returns the keys once there are n, and how many messages brought them.
func (h *hook) wait(ctx context.Context, n int) (keys []string, calls int, err error) {
	for {
		h.mu.Lock()
		keys, calls, change := h.keys, h.calls, h.change
		h.mu.Unlock()
		if len(keys) >= n {
			return keys, calls, nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("%d of %d warnings were sent: %w", len(keys), n, ctx.Err())
		}
	}
}
