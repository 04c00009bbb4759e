package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"freshet/ingest/gateway"
	"freshet/ingest/gateway/spool"
	"freshet/internal/hydro"
)

var start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// A centre is the other end of links that fail at will: what a link does when
// it gives up cannot be had from a real one at a chosen frame.
type centre struct {
	mu     sync.Mutex
	got    []string
	frames []int
	links  []*link
	opened chan *link
}

type link struct {
	c     *centre
	d     hydro.Department
	hooks gateway.Hooks
	ctx   context.Context
	hold  bool // does not acknowledge
	next  uint64
	once  sync.Once
	done  chan struct{}
	err   error
}

func (c *centre) open(hold bool) func(context.Context, hydro.Department, gateway.Hooks) (gateway.Uplink, error) {
	return func(ctx context.Context, d hydro.Department, h gateway.Hooks) (gateway.Uplink, error) {
		l := &link{c: c, d: d, hooks: h, ctx: ctx, hold: hold, done: make(chan struct{})}
		c.mu.Lock()
		c.links = append(c.links, l)
		c.mu.Unlock()
		c.opened <- l
		return l, nil
	}
}

func (l *link) Send(_ context.Context, raws []hydro.Raw) error {
	l.c.mu.Lock()
	l.next++
	for i := range raws {
		raws[i].Report, raws[i].Field = i/2, fmt.Sprint("f", i%2)
		l.c.got = append(l.c.got, raws[i].Station)
	}
	l.c.frames = append(l.c.frames, len(raws))
	l.c.mu.Unlock()
	if l.hold {
		return nil
	}
	for i := range raws {
		if raws[i].Station == "refuse" {
			l.hooks.Rejected(l.next, hydro.Rejection{Report: raws[i].Report, Field: raws[i].Field, Reason: hydro.UnknownStation, Message: "Mend it."})
		}
	}
	l.hooks.Acked(l.next)
	return nil
}

func (l *link) Done() <-chan struct{} { return l.done }
func (l *link) Err() error            { return l.err }
func (l *link) Close()                { l.once.Do(func() { close(l.done) }) }
func (l *link) giveUp(err error)      { l.err = err; l.Close() }

func newGateway(t *testing.T, c *centre, hold bool, change ...func(*gateway.Options, *spool.Options)) (*gateway.Gateway, *spool.Spool) {
	t.Helper()
	now := func() time.Time { return start }
	so := spool.Options{Dir: "spool", FS: vfs.NewMem(), Now: now, MinFree: 1 << 16}
	o := gateway.Options{
		Open: c.open(hold), Registerer: prometheus.NewRegistry(), Now: now, Retry: time.Millisecond,
		Sendable: func(_ hydro.Department, raw *hydro.Raw) error {
			if raw.Station == "" {
				return errors.New("no station")
			}
			return nil
		},
	}
	for _, f := range change {
		f(&o, &so)
	}
	s, err := spool.Open(so)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o.Spool = s
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, s
}

// run runs g until the returned function is called.
func run(t *testing.T, g *gateway.Gateway) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func raw(station string) hydro.Raw {
	return hydro.Raw{Station: station, Variable: hydro.WaterLevel, At: start}
}

// acks lets a test wait until so many values were acknowledged.
func acks(n int) (func(*gateway.Options, *spool.Options), <-chan struct{}) {
	done := make(chan struct{})
	return func(o *gateway.Options, _ *spool.Options) {
		var mu sync.Mutex
		o.Acked = func(_ hydro.Department, entries []spool.Entry) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range entries {
				if n -= len(e.Raws); n == 0 {
					close(done)
				}
			}
		}
	}, done
}

func TestRefusedValuesAreListedAndLeaveTheSpool(t *testing.T) {
	c := &centre{opened: make(chan *link, 9)}
	each, done := acks(4)
	g, _ := newGateway(t, c, false, each)
	values := []hydro.Raw{raw("a"), raw(""), raw("refuse"), raw("b"), raw("c")}
	if err := g.Put(t.Context(), hydro.Hydrology, values); err != nil {
		t.Fatal(err)
	}
	if values[1].Station != "" || values[4].Station != "c" {
		t.Errorf("Put changed the caller's values: %v", values)
	}
	defer run(t, g)()
	<-done
	st, err := g.Status(10)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int64{"unsendable": 1, "unknown_station": 1}, st.Refused); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
	var listed []string
	for _, r := range st.LastRefused {
		listed = append(listed, r.Station+" "+r.Reason+" "+r.Message)
	}
	slices.Sort(listed)
	if d := cmp.Diff([]string{" unsendable no station", "refuse unknown_station Mend it."}, listed); d != "" {
		t.Errorf("listed (-want +got):\n%s", d)
	}
	if st.Spool.Readings != 0 || st.Spool.Refused != 2 {
		t.Errorf("spool %+v", st.Spool)
	}
}

// A link that gives up takes nothing with it: another one is opened and gets
// all that was not acknowledged.
func TestWhatALinkDidNotAcknowledgeGoesOverTheNext(t *testing.T) {
	c := &centre{opened: make(chan *link, 9)}
	each, done := acks(3)
	g, _ := newGateway(t, c, true, each, func(o *gateway.Options, _ *spool.Options) { o.Frame = 1 })
	for _, s := range []string{"a", "b", "c"} {
		if err := g.Put(t.Context(), hydro.Hydrology, []hydro.Raw{raw(s)}); err != nil {
			t.Fatal(err)
		}
	}
	defer run(t, g)()
	first := <-c.opened
	first.giveUp(fmt.Errorf("this gateway is not known: %w", hydro.ErrNotFound))
	second := <-c.opened
	for sent := 0; sent < 3; { // of the second link: it holds them too
		c.mu.Lock()
		sent = int(second.next)
		c.mu.Unlock()
		if sent == 3 {
			break
		}
		runtime.Gosched()
	}
	for n := uint64(1); n <= 3; n++ {
		second.hooks.Acked(n)
	}
	<-done
	st, err := g.Status(0)
	if err != nil {
		t.Fatal(err)
	}
	if st.Spool.Readings != 0 {
		t.Errorf("%d values are still in the spool", st.Spool.Readings)
	}
}

// The window holds; and only BacklogWindow of it is for the backlog, so that
// there is always room for what is fresh.
func TestBacklogLeavesRoomForLive(t *testing.T) {
	c := &centre{opened: make(chan *link, 9)}
	g, s := newGateway(t, c, true, func(o *gateway.Options, _ *spool.Options) { o.Frame, o.Window, o.BacklogWindow = 1, 5, 2 })
	for i := range 9 {
		old := raw(fmt.Sprint("old", i))
		old.At = start.Add(-time.Hour)
		if err := g.Put(t.Context(), hydro.Hydrology, []hydro.Raw{old}); err != nil {
			t.Fatal(err)
		}
	}
	stop := run(t, g)
	<-c.opened
	flying := func(want int) {
		t.Helper()
		for {
			st, err := g.Status(0)
			if err != nil {
				t.Fatal(err)
			}
			if n := st.Departments[1].Frames; n == want {
				return
			} else if n > want {
				t.Fatalf("%d frames on their way, want at most %d", n, want)
			}
			runtime.Gosched()
		}
	}
	flying(2)
	for i := range 9 {
		if err := g.Put(t.Context(), hydro.Hydrology, []hydro.Raw{raw(fmt.Sprint("live", i))}); err != nil {
			t.Fatal(err)
		}
	}
	flying(5)
	stop()
	want := []string{"old0", "old1", "live0", "live1", "live2"}
	if d := cmp.Diff(want, c.got); d != "" {
		t.Errorf("sent (-want +got):\n%s", d)
	}
	if st, err := s.Stats(); err != nil || st.Readings != 18 {
		t.Errorf("the spool holds %d values, want 18 (%v)", st.Readings, err)
	}
}
