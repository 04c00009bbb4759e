package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"freshet/alert/notify"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/outbox"
)

// A source is the logs of some basins, in memory, with faults that a real log
// cannot be asked for.
type source struct {
	mu          sync.Mutex
	logs        map[string][]hydro.Output
	grown       chan struct{} // closed when a log grows
	saved       chan struct{} // closed when a checkpoint moves, or an outbox has taken an output
	read        int           // outputs that outboxes have taken
	checkpoints map[string]uint64
	failSave    func(name string) bool
}

func newSource() *source {
	return &source{logs: map[string][]hydro.Output{}, grown: make(chan struct{}), saved: make(chan struct{}), checkpoints: map[string]uint64{}}
}

func (s *source) append(basin string, outs ...hydro.Output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[basin] = append(s.logs[basin], outs...)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *source) Outputs(ctx context.Context, basin string, after uint64, kinds ...string) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for ctx.Err() == nil {
			s.mu.Lock()
			log, grown := s.logs[basin], s.grown
			s.mu.Unlock()
			for i := int(after); i < len(log); i++ {
				if after = uint64(i + 1); strings.Contains(strings.Join(kinds, " "), log[i].Kind()) {
					if !yield(journal.Record{Seq: after, Pending: 0, Output: log[i]}, nil) {
						return
					}
					s.mu.Lock()
					s.read++
					close(s.saved)
					s.saved = make(chan struct{})
					s.mu.Unlock()
				}
			}
			select {
			case <-grown:
			case <-ctx.Done():
			}
		}
	}
}

func (s *source) FirstOutput(context.Context, string) (uint64, error) { return 1, nil }

func (s *source) LastOutput(_ context.Context, basin string) (journal.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return journal.Position{Seq: uint64(len(s.logs[basin]))}, nil
}

func (s *source) LoadCheckpoint(_ context.Context, name string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkpoints[name], nil
}

func (s *source) SaveCheckpoint(_ context.Context, name string, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failSave != nil && s.failSave(name) {
		return fmt.Errorf("save: %w", hydro.ErrUnavailable)
	}
	if seq < s.checkpoints[name] {
		return errors.New("a checkpoint went back")
	}
	s.checkpoints[name] = seq
	close(s.saved)
	s.saved = make(chan struct{})
	return nil
}

// flood is n outputs of a basin: warnings, and between them what no receiver
// gets. The first number makes their ids.
func flood(basin string, from, n int) (outs []hydro.Output, ids []string) {
	for i := from; i < from+n; i++ {
		if i%3 == 2 {
			outs = append(outs, hydro.Output{Audit: &hydro.Audit{At: noon}})
			continue
		}
		w := &hydro.Warning{
			ID: fmt.Sprintf("%s/%04d/s", basin, i), Basin: basin, Station: "s", At: noon.Add(time.Duration(i) * time.Minute), To: hydro.Stage(1 + i%4),
			ReasonZH: "水位", ReasonEN: "level",
		}
		outs = append(outs, hydro.Output{Warning: w})
		ids = append(ids, w.ID)
	}
	return outs, ids
}

// A hook is a real HTTP receiver. Each message is taken, or met as answer says.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []string // keys, in order, also of what was not answered with a yes
	taken  []string // keys that were answered with a yes, or would have been
	bad    []string
	answer func(call int) answer
	change chan struct{} // closed when a call ends
}

type answer int

const (
	yes    answer = iota
	no            // 503
	cutOff        // not taken, and no answer
	lost          // taken, and the answer does not arrive
)

func newHook(t testing.TB) *hook {
	h := &hook{change: make(chan struct{})}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

const secretText = "correct horse"

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() {
		close(h.change)
		h.change = make(chan struct{})
	}()
	key := r.Header.Get(notify.HeaderKey)
	if err != nil || notify.Verify(secretText, r.Header.Get(notify.HeaderSignature), body, noon, time.Minute) != nil ||
		!strings.Contains(string(body), `"id":"`+key+`"`) || r.Method != http.MethodPost {
		h.bad = append(h.bad, key)
	}
	a := yes
	if h.answer != nil {
		a = h.answer(len(h.calls))
	}
	h.calls = append(h.calls, key)
	if a == yes || a == lost {
		h.taken = append(h.taken, key)
	}
	switch a {
	case no:
		w.WriteHeader(http.StatusServiceUnavailable)
	case cutOff, lost:
		panic(http.ErrAbortHandler)
	case yes:
		w.WriteHeader(http.StatusNoContent)
	}
}

// wait returns when the receiver has had what done asks for.
func (h *hook) wait(t testing.TB, done func() bool) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		h.mu.Lock()
		ok, change := done(), h.change
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-change:
		case <-late:
			t.Fatalf("not delivered within a minute: %d calls, %d taken", len(h.calls), len(h.taken))
		}
	}
}

// once is what a receiver keeps that takes each key once.
func once(keys []string) (out []string) {
	seen := map[string]bool{}
	for _, k := range keys {
		if !seen[k] {
			out = append(out, k)
		}
		seen[k] = true
	}
	return out
}

// of returns the keys of one basin, in order.
func of(basin string, keys []string) (out []string) {
	for _, k := range keys {
		if strings.HasPrefix(k, basin+"/") {
			out = append(out, k)
		}
	}
	return out
}

func receiver(t testing.TB, text string) notify.Receiver {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(secretText+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rs, err := notify.Parse(filepath.Join(dir, "notify.yaml"), []byte("receivers:\n  - "+text+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rs[0]
}

func options(r notify.Receiver, basins ...string) outbox.Options {
	return outbox.Options{
		Receiver: r, Basins: basins, Now: func() time.Time { return noon }, Wall: func() time.Time { return noon },
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, // time flies
	}
}

// run starts an outbox; the returned function stops it.
func run(t testing.TB, s outbox.Source, o outbox.Options) (stop func()) {
	t.Helper()
	b, err := outbox.New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}
}

// begin runs an outbox until its receiver has a place on every log.
func begin(t testing.TB, s *source, o outbox.Options) {
	t.Helper()
	stop := run(t, s, o)
	defer stop()
	for _, basin := range o.Basins {
		s.wait("outbox."+o.Receiver.Name+"."+basin, 1)
	}
}
