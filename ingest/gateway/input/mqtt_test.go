package input_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"freshet/ingest/feed"
	"freshet/ingest/gateway/input"
	"freshet/internal/hydro"
)

// A sink is a spool's side that refuses on command.
type sink struct {
	mu   sync.Mutex
	full bool
	got  []string
	more chan struct{} // one for each Put
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1000)} }

func (s *sink) put(_ context.Context, d hydro.Department, raws []hydro.Raw) error {
	defer func() { s.more <- struct{}{} }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return fmt.Errorf("spool is full: %w", hydro.ErrUnavailable)
	}
	for _, r := range raws {
		s.got = append(s.got, fmt.Sprintf("%s %s %s %g %s", d, r.Station, r.Variable, r.Value, r.At.UTC().Format(time.DateTime)))
	}
	return nil
}

func (s *sink) setFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

func (s *sink) wait(n int) []string {
	for {
		s.mu.Lock()
		if len(s.got) >= n {
			got := slices.Clone(s.got)
			s.mu.Unlock()
			slices.Sort(got)
			return slices.Compact(got)
		}
		s.mu.Unlock()
		<-s.more
	}
}

func parseMap(t testing.TB, text string) *feed.Map {
	t.Helper()
	m, err := feed.Parse("map.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func common(s *sink) input.Common {
	return input.Common{Name: "test", Put: s.put, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

// broker starts a real broker at addr.
func broker(t testing.TB, addr string) *mqtt.Server {
	t.Helper()
	b := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := b.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	if err := b.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: addr})); err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

const gauges = `department: hydrology
files:
  - format: jsonl
    station: id
    time: {column: t, layout: unix_ms}
    columns: [{column: z, variable: water_level, unit: m, datum: PEARL_RIVER}]
`

// A message is acknowledged when its values are safe: a full spool keeps it with
// the broker, and so does a gateway that goes away before that.
func TestMessagesStayWithTheBrokerUntilTheyAreSafe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	b := broker(t, addr)
	s := newSink()
	run := func() (*input.MQTT, func()) {
		in, err := input.NewMQTT(input.MQTTOptions{Common: common(s), Broker: "mqtt://" + addr, ClientID: "gateway", Topics: []string{"gauges/+"}, Map: parseMap(t, gauges)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- in.Run(ctx) }()
		return in, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	publish := func(i int) {
		t.Helper()
		payload := fmt.Appendf(nil, `{"id": "g%d", "t": 1780272000000, "z": %d}`, i, i)
		if err := b.Publish(fmt.Sprintf("gauges/%d", i), payload, false, 1); err != nil {
			t.Fatal(err)
		}
	}
	want := func(n int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf("hydrology g%d water_level %d 2026-06-01 00:00:00", i, i))
		}
		slices.Sort(lines)
		return lines
	}
	in, stop := run()
	await(t, func() bool { return in.Status().State == "subscribed" })
	publish(0)
	if err := b.Publish("gauges/x", []byte("not JSON"), false, 1); err != nil {
		t.Fatal(err)
	}
	publish(1)
	if d := cmp.Diff(want(2), s.wait(2)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	await(t, func() bool { return in.Status().Problems == 1 })
	s.setFull(true)
	publish(2)
	await(t, func() bool { return in.Status().Error != "" })
	stop() // with a message that is not safe
	publish(3)
	s.setFull(false)
	in, stop = run()
	defer stop()
	if d := cmp.Diff(want(4), s.wait(4)); d != "" {
		t.Errorf("after the gateway came back (-want +got):\n%s", d)
	}
	await(t, func() bool { // nothing is left with the broker
		c, ok := b.Clients.Get("gateway")
		return ok && c.State.Inflight.Len() == 0
	})
	if n := in.Status().Values; n < 2 {
		t.Errorf("the status counts %d values, want 2", n)
	}
}

// await returns when cond holds.
func await(t testing.TB, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

func TestInputsNeedAMapWithADepartment(t *testing.T) {
	if _, err := input.NewLines(input.LinesOptions{Common: common(newSink())}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("without a map: %v", err)
	}
	if _, err := input.NewFolder(input.FolderOptions{Common: common(newSink()), Map: parseMap(t, gauges)}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("without a folder: %v", err)
	}
}
