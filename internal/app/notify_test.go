package app_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/alert/notify"
	"freshet/internal/app"
	"freshet/internal/hydro"
)

// A receiver is a real HTTP server that can go away and come back at its address.
type receiver struct {
	t       *testing.T
	address string
	server  *http.Server

	mu     sync.Mutex
	keys   []string
	change chan struct{}
	meet   func(key string, r *http.Request) // before the answer
}

func (r *receiver) up() {
	r.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(r.t.Context(), "tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.address = l.Addr().String()
	r.server = &http.Server{Handler: r}
	go r.server.Serve(l)
}

func (r *receiver) down() { r.server.Close() }

func (r *receiver) ServeHTTP(_ http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil || notify.Verify("a secret", q.Header.Get(notify.HeaderSignature), body, time.Now(), time.Hour) != nil {
		r.t.Errorf("badly signed: %v", q.Header)
	}
	key := q.Header.Get(notify.HeaderKey)
	r.mu.Lock()
	r.keys = append(r.keys, key)
	close(r.change)
	r.change = make(chan struct{})
	meet := r.meet
	r.mu.Unlock()
	if meet != nil {
		meet(key, q)
	}
}

// wait returns the keys once there are so many different ones.
func (r *receiver) wait(n int) []string {
	r.t.Helper()
	late := time.After(time.Minute)
	for {
		r.mu.Lock()
		keys, change := append([]string(nil), r.keys...), r.change
		r.mu.Unlock()
		if len(different(keys)) >= n {
			return keys
		}
		select {
		case <-change:
		case <-late:
			r.t.Fatalf("%d of %d warnings within a minute", len(different(keys)), n)
		}
	}
}

func different(keys []string) (out []string) {
	seen := map[string]bool{}
	for _, k := range keys {
		if !seen[k] {
			out = append(out, k)
		}
		seen[k] = true
	}
	return out
}

func openReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, address: "127.0.0.1:0", change: make(chan struct{})}
	r.up()
	t.Cleanup(r.down)
	return r
}

// notifying returns options with that receiver, and more of its keys.
func notifying(t *testing.T, r *receiver, more ...string) app.Options {
	t.Helper()
	o := options(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("a secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Notify = filepath.Join(dir, "notify.yaml")
	text := "receivers:\n  - {name: duty, kind: webhook, url: 'http://" + r.address + "/in', secret_file: secret, " + strings.Join(append(more, "kinds: [warning]"), ", ") + "}\n"
	if err := os.WriteFile(o.Notify, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.NotifyWait = func(ctx context.Context, _ time.Duration) error { // time flies, and nobody spins
		select {
		case <-time.After(time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return o
}

// told returns the ids of all warnings on the log, in order.
func told(t *testing.T, a *app.App) (ids []string) {
	t.Helper()
	if err := a.WaitApplied(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.WaitArchived(t.Context()); err != nil {
		t.Fatal(err)
	}
	for w, err := range a.Store().Warnings(t.Context(), "tanjiang", noon.Add(-time.Hour), noon.Add(240*time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, w.ID)
	}
	return ids
}

// Acceptance 9 of the duty desk: an hour of engine time
// without the receiver, and restarts of the server in its midst.
func TestAReceiverThatWasDownForAnHourGetsAllInOrderOnceEach(t *testing.T) {
	r := openReceiver(t)
	o := notifying(t, r)
	a := start(t, o)
	o.GRPC = a.GRPCAddr()
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	river := openRiverside(t, a)
	level := 5.0
	rise := func(steps int, by float64) {
		for range steps {
			level += by
			river.step(a, level)
		}
	}
	rise(10, 0.19) // a rise through blue and yellow, while other stations stay silent
	before := told(t, a)
	if len(before) == 0 {
		t.Fatal("nothing happened before the receiver went down")
	}
	r.wait(len(before))

	r.down()
	hour := river.now
	rise(6, 0.19)
	mid := told(t, a)
	if len(mid) <= len(before) {
		t.Fatal("nothing happened while the receiver was down")
	}
	if err := a.Close(); err != nil { // the server goes too, and comes back
		t.Fatal(err)
	}
	a = start(t, o)
	rise(6, -0.15)
	if got := river.now.Sub(hour); got < time.Hour {
		t.Fatalf("the receiver was down for %s of engine time", got)
	}
	rise(20, -0.1)
	all := told(t, a)
	r.up()
	keys := r.wait(len(all))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, keys); diff != "" {
		t.Errorf("%d warnings, %d of them while it was down, %d messages (-log +receiver):\n%s", len(all), len(all)-len(before), len(keys), diff)
	}
	t.Logf("%d warnings, %d of them after the receiver went down for %s; %d messages", len(all), len(all)-len(before), river.now.Sub(hour), len(keys))
}

// A server that ends between the sending and the answer sends again, with the
// same key.
func TestACrashBetweenSendingAndTheAnswerRepeatsTheKey(t *testing.T) {
	r := openReceiver(t)
	o := notifying(t, r, "timeout: 5m") // longer than the test: nobody may give up on the first answer
	a := start(t, o)
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	struck := make(chan struct{})
	var once sync.Once
	r.meet = func(_ string, q *http.Request) {
		once.Do(func() {
			close(struck)
			<-q.Context().Done() // the answer never gets away: the server is gone
		})
	}
	for i := range 24 { // silence: stations go blind
		if err := advance(t, a, noon.Add(time.Duration(i+1)*10*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	<-struck
	all := told(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if keys := r.wait(1); len(keys) != 1 {
		t.Fatalf("%d messages before the first was answered", len(keys))
	}
	a = start(t, o)
	keys := r.wait(len(all))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]string{all[0]}, all...), keys); diff != "" {
		t.Errorf("(-the first twice +receiver):\n%s", diff)
	}
}

func TestReceiversThatAreWrongStopTheStart(t *testing.T) {
	o := options(t)
	o.Notify = filepath.Join(t.TempDir(), "notify.yaml")
	if _, err := app.Start(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "--notify") {
		t.Errorf("no file: %v", err)
	}
	text := "receivers:\n  - {name: a, kind: webhook, url: 'https://example.org', basins: [nile]}\n  - {name: b, kind: wecom}\n"
	if err := os.WriteFile(o.Notify, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Start(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "notify.yaml:2:") || !strings.Contains(err.Error(), "notify.yaml:3:") {
		t.Errorf("mistakes: %v", err)
	}
	text = "receivers:\n  - {name: a, kind: webhook, url: 'https://example.org', secret_file: nowhere}\n"
	if err := os.WriteFile(o.Notify, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Start(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a secret that is not there: %v", err)
	}
}
