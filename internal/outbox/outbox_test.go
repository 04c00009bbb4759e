package outbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/outbox"
)

var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

// Whatever the receiver answers, wherever the process is stopped and whichever
// places on the log are not stored: a receiver that takes each key once has
// every warning once, and each basin's in order.
func TestAllIsDeliveredInOrderAndOnceByItsKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHook(t)
		defer h.Close()
		answers := rapid.SliceOfN(rapid.SampledFrom([]answer{yes, yes, yes, no, cutOff, lost}), 0, 25).Draw(rt, "answers")
		h.answer = func(call int) answer {
			if call < len(answers) {
				return answers[call]
			}
			return yes
		}
		s := newSource()
		saves := rapid.SliceOfN(rapid.Bool(), 0, 20).Draw(rt, "failing saves")
		basins := []string{"a", "b"}
		o := options(receiver(t, "{name: r, kind: webhook, secret_file: secret, url: '"+h.URL+"'}"), basins...)
		want := map[string][]string{}
		sofar := map[string]int{}
		begin(t, s, o) // the receiver has been named
		s.failSave = func(string) bool {
			if len(saves) == 0 {
				return false
			}
			fail := saves[0]
			saves = saves[1:]
			return fail
		}
		total := 0
		for range rapid.IntRange(1, 3).Draw(rt, "lives") {
			for _, basin := range basins {
				n := rapid.IntRange(0, 8).Draw(rt, "outputs")
				outs, ids := flood(basin, sofar[basin], n)
				sofar[basin] += n
				want[basin] = append(want[basin], ids...)
				total += len(ids)
				s.append(basin, outs...)
			}
			stop := run(t, s, o)
			enough := rapid.IntRange(0, total).Draw(rt, "taken before the stop")
			h.wait(t, func() bool { return len(once(h.taken)) >= enough })
			stop()
		}
		stop := run(t, s, o)
		h.wait(t, func() bool { return len(once(h.taken)) >= total })
		stop()
		h.Close() // a stop leaves a call behind that nobody waits for
		if len(h.bad) > 0 {
			rt.Errorf("badly signed, or another body: %q", h.bad)
		}
		for _, basin := range basins {
			if diff := cmp.Diff(want[basin], of(basin, once(h.taken))); diff != "" {
				rt.Errorf("basin %s, taken once each (-want +got):\n%s", basin, diff)
			}
		}
	})
}

func TestAReceiverThatIsNewGetsWhatFollowsAndOneThatWasThereMissesNothing(t *testing.T) {
	h := newHook(t)
	s := newSource()
	old, _ := flood("a", 0, 30)
	s.append("a", old...)
	o := options(receiver(t, "{name: r, kind: webhook, secret_file: secret, url: '"+h.URL+"'}"), "a")
	begin(t, s, o) // named, and stopped before anything happened
	next, ids := flood("a", 30, 30)
	s.append("a", next...)
	stop := run(t, s, o)
	h.wait(t, func() bool { return len(h.taken) >= len(ids) })
	stop()
	if diff := cmp.Diff(ids, h.calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// On an empty log too: the place before the first output is a place.
	s, h2 := newSource(), newHook(t)
	o = options(receiver(t, "{name: r, kind: webhook, secret_file: secret, url: '"+h2.URL+"'}"), "a")
	begin(t, s, o)
	s.append("a", old...)
	stop = run(t, s, o)
	h2.wait(t, func() bool { return len(h2.taken) >= 20 })
	stop()
}

// The place on the log never passes what the receiver has taken.
func TestThePlaceMovesOnlyWithAYes(t *testing.T) {
	h := newHook(t)
	h.answer = func(call int) answer { return []answer{no, cutOff, lost, yes}[call%4] }
	s := newSource()
	o := options(receiver(t, "{name: r, kind: webhook, secret_file: secret, url: '"+h.URL+"'}"), "a")
	begin(t, s, o)
	outs, ids := flood("a", 0, 12)
	seqs := map[string]uint64{}
	for i, out := range outs {
		if out.Warning != nil {
			seqs[out.Warning.ID] = uint64(i + 1)
		}
	}
	var ahead atomic.Int32
	s.failSave = func(name string) bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for i, id := range ids { // what is saved now lies behind all that was said yes to
			if answered := (i + 1) * 4; len(h.calls) < answered && s.checkpoints[name] > seqs[id] {
				ahead.Add(1)
			}
		}
		return false
	}
	s.append("a", outs...)
	stop := run(t, s, o)
	s.wait("outbox.r.a", seqs[ids[len(ids)-1]]+1)
	stop()
	var want []string
	for _, id := range ids {
		want = append(want, id, id, id, id)
	}
	if diff := cmp.Diff(want, h.calls); diff != "" || ahead.Load() > 0 {
		t.Errorf("%d places were ahead; calls (-want +got):\n%s", ahead.Load(), diff)
	}
}

func TestAReceiverThatIsDownDelaysNoOtherAndIsLoud(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	up, down := newHook(t), newHook(t)
	defer up.Close()
	defer down.Close()
	down.answer = func(int) answer { return no }
	s := newSource()
	registry := prometheus.NewRegistry()
	metrics := outbox.NewMetrics(registry)
	// The one that is down waits for as long as its turns are not given to it.
	turns := make(chan struct{})
	var pauses []time.Duration
	first := options(receiver(t, "{name: up, kind: webhook, secret_file: secret, url: '"+up.URL+"'}"), "a")
	second := options(receiver(t, "{name: down, kind: webhook, secret_file: secret, url: '"+down.URL+"'}"), "a")
	first.Metrics, second.Metrics = metrics, metrics
	second.Wait = func(ctx context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		select {
		case <-turns:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	stop1, stop2 := run(t, s, first), run(t, s, second)
	s.wait("outbox.up.a", 1)
	s.wait("outbox.down.a", 1)
	outs, ids := flood("a", 0, 60)
	s.append("a", outs...)
	s.wait("outbox.up.a", 60) // behind the last warning
	for i := range 10 {
		down.wait(t, func() bool { return len(down.calls) > i })
		turns <- struct{}{}
	}
	down.wait(t, func() bool { return len(down.calls) >= 11 })
	s.waitRead(2 * len(ids))
	stop1()
	stop2()
	if got := once(down.calls); len(got) != 1 || got[0] != ids[0] {
		t.Errorf("the receiver that is down was offered %q", got)
	}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute, time.Minute, time.Minute}
	if diff := cmp.Diff(want, pauses[:10]); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	for name, want := range map[string]float64{"up": 0, "down": float64(len(ids))} {
		if got := value(t, registry, "freshet_outbox_queue_items", name); got != want {
			t.Errorf("%g items wait for %s, want %g", got, name, want)
		}
	}
	if value(t, registry, "freshet_outbox_down", "down") != 1 || value(t, registry, "freshet_outbox_down", "up") != 0 ||
		value(t, registry, "freshet_outbox_failures_total", "down") < 10 || value(t, registry, "freshet_outbox_sent_total", "up") != float64(len(ids)) ||
		value(t, registry, "freshet_outbox_last_success_timestamp_seconds", "up") != float64(noon.Unix()) {
		t.Error("the metrics do not show who is down")
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// waitOnce tells of a wait and waits to the end.
func waitOnce(tried chan<- struct{}) func(context.Context, time.Duration) error {
	return func(ctx context.Context, _ time.Duration) error {
		select {
		case tried <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

// wait returns when a checkpoint has come to seq.
func (s *source) wait(name string, seq uint64) {
	for {
		s.mu.Lock()
		at, saved := s.checkpoints[name], s.saved
		s.mu.Unlock()
		if at >= seq {
			return
		}
		<-saved
	}
}

// waitRead returns when that many outputs are with the outboxes.
func (s *source) waitRead(n int) {
	for {
		s.mu.Lock()
		read, change := s.read, s.saved
		s.mu.Unlock()
		if read >= n {
			return
		}
		<-change
	}
}

func value(t *testing.T, g prometheus.Gatherer, name, receiver string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == receiver {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s of %s", name, receiver)
	return 0
}

func TestARobotGetsWhatWaitedInFewMessagesAndNoMoreThanItMay(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	robot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(body))
		if r.URL.Query().Get("access_token") != "t" || r.URL.Query().Get("sign") == "" || r.URL.Query().Get("timestamp") == "" {
			io.WriteString(w, `{"errcode":310000,"errmsg":"sign not match"}`)
			return
		}
		io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	}))
	defer robot.Close()
	r := receiver(t, "{name: r, kind: dingtalk, secret_file: secret, url_file: url, per_minute: 2, kinds: [warning]}")
	if err := os.WriteFile(r.URLFile, []byte(robot.URL+"?access_token=t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSource()
	o := options(r, "a")
	now, waited := noon, time.Duration(0)
	o.Wall = func() time.Time { return now } // the sending goroutine's alone
	o.Wait = func(_ context.Context, d time.Duration) error {
		now, waited = now.Add(d), waited+d
		return nil
	}
	begin(t, s, o)
	outs, ids := flood("a", 0, 200)
	s.append("a", outs...)
	stop := run(t, s, o)
	s.wait("outbox.r.a", 200)
	stop()
	if n := len(bodies); n < 7 || n > len(ids)/2 {
		t.Errorf("%d warnings came in %d messages of at most 20", len(ids), n)
	}
	if least := time.Duration(len(bodies)/2-1) * time.Minute; waited < least {
		t.Errorf("%d messages at two a minute took %s, want at least %s", len(bodies), waited, least)
	}
	if got := strings.Count(strings.Join(bodies, ""), "###"); got != len(ids) {
		t.Errorf("%d of %d warnings are in the messages", got, len(ids))
	}
}

func TestSecretsAreReadAnewAndNeverInErrors(t *testing.T) {
	r := receiver(t, "{name: r, kind: feishu, url_file: url, kinds: [warning]}")
	if _, err := outbox.New(newSource(), options(r, "a")); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "url_file") {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(r.URLFile, []byte("http://127.0.0.1:1/hook/very-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	s := newSource()
	o := options(r, "a")
	o.Logger = logger(&log)
	tried := make(chan struct{}, 1)
	o.Wait = waitOnce(tried)
	begin(t, s, o)
	outs, _ := flood("a", 0, 1)
	s.append("a", outs...)
	stop := run(t, s, o)
	<-tried
	stop()
	if !strings.Contains(log.String(), "receiver not reached") || strings.Contains(log.String(), "very-secret") {
		t.Errorf("the log says %s", log.String())
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	good := receiver(t, "{name: r, kind: webhook, secret_file: secret, url: 'http://127.0.0.1'}")
	for name, change := range map[string]func(*outbox.Options){
		"no clock":       func(o *outbox.Options) { o.Now = nil },
		"no wall clock":  func(o *outbox.Options) { o.Wall = nil },
		"no receiver":    func(o *outbox.Options) { o.Receiver.Name = "" },
		"negative pause": func(o *outbox.Options) { o.MinBackoff = -1 },
		"no secret":      func(o *outbox.Options) { o.Receiver.SecretFile += "x" },
		"no CA":          func(o *outbox.Options) { o.Receiver.CAFile = "x" },
		"empty CA":       func(o *outbox.Options) { o.Receiver.CAFile = o.Receiver.SecretFile },
	} {
		o := options(good, "a")
		change(&o)
		if _, err := outbox.New(newSource(), o); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
