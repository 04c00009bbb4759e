package input

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/rtu"
	"freshet/internal/hydro"
)

// A station that was asked to report faster gets back what it had: when the request
// is withdrawn, when it runs out because the centre is not heard any more, and by
// a gateway that was killed in between.
func TestAStationGetsBackItsOwnRate(t *testing.T) {
	address := sl651.Address{0, 0, 0, 0, 7}
	settings, err := sl651.ParseSettings("settings", []byte("unlisted: refuse\nstations:\n  - {address: \"0000000007\", station: EX7, department: hydrology, datum: PEARL_RIVER}\n"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var ahead atomic.Int64 // of the clock
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	var to atomic.Value
	station, err := rtu.New(rtu.Options{
		Address: address, Now: time.Now, Every: time.Hour, KeepAlive: 5 * time.Millisecond, Redial: time.Millisecond, Answer: time.Second,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.Load().(string))
		},
		Values: func(int, time.Time) []rtu.Value { return []rtu.Value{{ID: 0x39, Value: 1}} },
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "faster")
	safe := make(chan struct{}, 1000)
	open := func() (in *RTU, stop func()) {
		t.Helper()
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		in, err = NewRTU(RTUOptions{
			Common: Common{Name: "rtus", Now: now, Logger: slog.New(slog.DiscardHandler), Put: func(context.Context, hydro.Department, []hydro.Raw) error { safe <- struct{}{}; return nil }},
			Listen: ln, Settings: settings, Faster: file,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, kill := context.WithCancel(ctx)
		done := make(chan struct{})
		wg.Go(func() { defer close(done); _ = in.Run(ctx) })
		to.Store(ln.Addr().String())
		return in, func() { kill(); <-done }
	}
	has := func(minutes float64) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for station.Parameter(sl651.ParamExtra) != minutes {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal(ctx.Err())
			}
		}
	}
	asked := func(every, until time.Duration) []Faster {
		return []Faster{{Names: []string{"h-7", "EX7"}, Every: every, Until: now().Add(until)}, {Names: []string{"EX8"}, Every: time.Minute, Until: now().Add(time.Hour)}}
	}
	in, stop := open()
	wg.Go(func() { _ = station.Run(ctx) })
	<-safe
	if _, err := in.server.ReportEvery(ctx, address, 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	in.ReportFaster(hydro.Weather, asked(time.Minute, time.Hour)) // not its department
	in.ReportFaster(hydro.Hydrology, asked(150*time.Second, time.Hour))
	has(3)
	in.ReportFaster(hydro.Hydrology, asked(time.Minute, time.Hour))
	has(1)
	in.ReportFaster(hydro.Hydrology, nil)
	has(30)

	in.ReportFaster(hydro.Hydrology, asked(5*time.Minute, time.Minute))
	has(5)
	ahead.Store(int64(time.Minute))
	in.pace.nudge()
	has(30)

	in.ReportFaster(hydro.Hydrology, asked(5*time.Minute, time.Hour))
	has(5)
	stop()
	in, stop = open() // hears of no request
	defer stop()
	has(30)
	for asked, _ := in.pace.counts(); asked > 0; asked, _ = in.pace.counts() {
	}

	// Slower than its own rate is no reason to slow down.
	if _, err := in.server.ReportEvery(ctx, address, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	in.ReportFaster(hydro.Hydrology, asked(5*time.Minute, time.Hour))
	for _, obey := in.pace.counts(); obey == 0; _, obey = in.pace.counts() {
	}
	has(2)

	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewRTU(RTUOptions{Common: in.o.Common, Listen: in.o.Listen, Settings: settings, Faster: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged file: %v", err)
	}
}
