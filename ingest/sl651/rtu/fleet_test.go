package rtu_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/link"
	"freshet/ingest/sl651/rtu"
	"freshet/internal/hydro"
)

// A store is what a gateway's spool would be: it holds what the handler got.
type store struct {
	set *sl651.Settings

	mu    sync.Mutex
	seen  map[string]int // readings: station, variable, instant, value
	other []string       // what should not be there
}

func (s *store) handle(_ context.Context, m link.Message) error {
	r := s.set.Read(m.Message, m.Received)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, raw := range r.Raws {
		s.seen[name(raw.Station, raw.Variable, raw.At, raw.Value)]++
	}
	for _, p := range r.Problems {
		s.other = append(s.other, p.Message)
	}
	if m.Fault != nil || m.Conflict {
		s.other = append(s.other, fmt.Sprintf("station %s: fault %v, conflict %v", m.Station, m.Fault, m.Conflict))
	}
	return nil
}

func name(station string, v hydro.Variable, at time.Time, value float64) string {
	return fmt.Sprintf("%s %s %s %.3f", station, v, at.UTC().Format(time.RFC3339), value)
}

var variables = map[sl651.ID]hydro.Variable{0x39: hydro.WaterLevel, 0x26: hydro.RainCounter}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func dial(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}

// Fifty stations report over a link that drops, delays, repeats, corrupts and
// cuts, each until all its reports are acknowledged, some in packets and some in
// ASCII mode. What a station saw acknowledged has reached the handler, once.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	const stations, reports = 50, 6
	set, err := sl651.ParseSettings("test", []byte("defaults: {department: hydrology, datum: STATION}"))
	if err != nil {
		t.Fatal(err)
	}
	st := &store{set: set, seen: map[string]int{}}
	server, err := link.New(link.Options{Handle: st.handle, Now: time.Now, Log: slog.New(slog.DiscardHandler), Packets: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	centre := listen(t)
	wg.Go(func() {
		if err := server.Serve(ctx, centre); err != nil {
			t.Error(err)
		}
	})
	proxy := &rtu.Proxy{
		Seed: 1, Dial: dial(centre.Addr().String()),
		Faults: rtu.Faults{Drop: 0.05, Duplicate: 0.05, Corrupt: 0.05, Noise: 0.05, Cut: 0.01, Delay: 0.2, MaxDelay: 5 * time.Millisecond},
	}
	bad := listen(t)
	wg.Go(func() {
		if err := proxy.Serve(ctx, bad); err != nil {
			t.Error(err)
		}
	})

	var mu sync.Mutex
	acked := map[string]int{}
	var fleet sync.WaitGroup
	for i := range stations {
		opts := rtu.Options{
			Address: sl651.Address{0, 0x81, 0, 0, byte(i/10<<4 | i%10)}, Now: time.Now, Dial: dial(bad.Addr().String()),
			Every: time.Millisecond, Reports: reports, Start: time.Now().Add(-2 * time.Hour).Truncate(time.Minute), Step: 5 * time.Minute,
			Answer: 150 * time.Millisecond, Redial: time.Millisecond,
			Acked: func(r rtu.Report) {
				mu.Lock()
				defer mu.Unlock()
				for _, v := range r.Values {
					if variable, ok := variables[v.ID]; ok {
						acked[name(r.Address.Code(), variable, r.At, v.Value)]++
					}
				}
			},
		}
		if i%5 == 1 {
			opts.PacketSize = 16 // the first one holds serial number and send time, in ASCII mode too
		}
		if i%3 == 1 {
			opts.Mode = sl651.ASCII
		}
		station, err := rtu.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		fleet.Go(func() {
			if err := station.Run(ctx); err != nil {
				t.Error(err)
			}
			if c := station.Counts(); c.Acked != reports || c.Made != reports || station.Waiting() != 0 {
				t.Errorf("station %d: %+v", i, c)
			}
		})
	}
	fleet.Wait()
	cancel()
	wg.Wait()

	if len(acked) != 2*stations*reports {
		t.Errorf("%d readings were acknowledged, want %d", len(acked), 2*stations*reports)
	}
	for k, n := range acked {
		if n != 1 || st.seen[k] != 1 {
			t.Errorf("%s: acknowledged %d times, %d times with the handler", k, n, st.seen[k])
		}
	}
	for k := range st.seen {
		if acked[k] == 0 {
			t.Errorf("%s reached the handler and no station sent it", k)
		}
	}
	for _, o := range st.other {
		t.Error(o)
	}
	if dropped, duplicated, corrupted, _ := proxy.Harmed(); dropped == 0 || duplicated == 0 || corrupted == 0 {
		t.Errorf("the link was not bad: %s", proxy.Did())
	}
	t.Log(proxy.Did())
	t.Logf("%+v", server.Stats())
}

// The centre's clock, questions and wish for more reports are obeyed, in both
// modes.
func TestAStationObeys(t *testing.T) {
	for _, mode := range []sl651.Mode{sl651.Hex, sl651.ASCII} {
		t.Run(mode.String(), func(t *testing.T) {
			got := make(chan link.Message, 1000)
			server, err := link.New(link.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Handle: func(_ context.Context, m link.Message) error { got <- m; return nil }})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			defer wg.Wait()
			defer cancel()
			ln := listen(t)
			wg.Go(func() { _ = server.Serve(ctx, ln) })
			a := sl651.Address{0, 0x81, 0, 0, 1}
			station, err := rtu.New(rtu.Options{
				Address: a, Mode: mode, Now: time.Now, Dial: dial(ln.Addr().String()), Every: time.Hour, Minute: time.Millisecond,
				Values: func(n int, _ time.Time) []rtu.Value { return []rtu.Value{{0x39, 1.5}, {0x26, float64(n)}} },
			})
			if err != nil {
				t.Fatal(err)
			}
			station.SetClock(-37 * time.Minute)
			wg.Go(func() { _ = station.Run(ctx) })
			<-got // it is there

			if err := server.SetClock(ctx, a); err != nil {
				t.Fatal(err)
			}
			if off := time.Since(station.Clock()).Abs(); off > 10*time.Second {
				t.Errorf("the clock is %s off", off)
			}
			now, err := server.Now(ctx, a)
			if err != nil || len(now.Groups) != 4 {
				t.Fatalf("%+v, %v", now, err)
			}
			one, err := server.Elements(ctx, a, 0x39)
			if err != nil || len(one.Groups) != 3 {
				t.Fatalf("%+v, %v", one, err)
			}
			if v, err := one.Groups[2].Number(); err != nil || v != 1.5 {
				t.Errorf("%g, %v", v, err)
			}
			from := time.Date(2026, 6, 1, 8, 0, 0, 0, sl651.Beijing)
			period, err := server.Period(ctx, a, from, from.Add(2*time.Hour), 'N', 30, 0x39)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(period.Groups[len(period.Groups)-1].Values()); n != 5 {
				t.Errorf("%d values of two hours, want 5", n)
			}
			if v := station.Parameter(sl651.ParamExtra); v != 0 {
				t.Errorf("extra reports each %g min from the start", v)
			}
			every, err := server.ReportEvery(ctx, a, 4*time.Minute+time.Second)
			if err != nil || every != 5*time.Minute || station.Parameter(sl651.ParamExtra) != 5 {
				t.Fatalf("%s, %v", every, err)
			}
			for extra := 0; extra < 3; {
				if m := <-got; m.Function == sl651.ExtraReport {
					extra++
				}
			}
			if every, err = server.ReportEvery(ctx, a, 0); err != nil || every != 0 {
				t.Fatalf("%s, %v", every, err)
			}
			read, err := server.Read(ctx, a, sl651.ParamExtra, sl651.ParamBase1)
			if err != nil || len(read.Groups) != 3 {
				t.Fatalf("%+v, %v", read, err)
			}
			if _, err := server.ReportEvery(ctx, a, 2*time.Hour); !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("2 h: %v", err)
			}
		})
	}
}
