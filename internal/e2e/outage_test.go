package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/app"
	"freshet/internal/catalog"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/influx/influxtest"
)

// An outage of the store, in steps of the storm.
type outage struct {
	from, to int
	end      func(*influxtest.Server) error
}

// A storm is played through a server whose store is a real InfluxDB. That is
// stopped in its midst for twenty hours of the storm, and later once more by
// kill -9. Readings go on being acknowledged and warnings being issued, and
// when InfluxDB is back it comes to hold what it would have held.
//
// The store to compare with is Pebble's of the same run: the run's log is
// opened once more with Pebble as the store, which is empty and so is filled
// from the start of the log.
func TestAStoreThatIsAwayLosesNothingAndHoldsNothingUp(t *testing.T) {
	outages := []outage{
		{from: 12 * 24, to: 12 * 44, end: (*influxtest.Server).Stop},
		{from: 12 * 47, to: 12 * 50, end: (*influxtest.Server).Kill},
	}
	cat, storm := loadStorm(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	influxd := influxtest.Run(t)

	opts := app.DefaultOptions()
	opts.Catalog, opts.Data, opts.Clock = catalogDir, t.TempDir(), "driven"
	opts.GRPC, opts.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	opts.Store, opts.InfluxURL, opts.InfluxBucket = "influx", influxd.URL, "storm"
	opts.Logger = slog.New(slog.DiscardHandler)
	first := start(ctx, t, opts)
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	officer, watched := watch(watching, first.GRPCAddr())

	sent := newSender(cat)
	var warningsBefore, ackedBefore int
	began := time.Now()
	if err := sent.play(ctx, first.GRPCAddr(), storm, killSteps, func(i int) error {
		for n, o := range outages {
			switch i {
			case o.from:
				warningsBefore, ackedBefore = officer.count(), len(sent.acked)
				return o.end(influxd)
			case o.to:
				_, lag := first.Archived()
				acked := len(sent.acked) - ackedBefore
				warned := officer.count() - warningsBefore
				t.Logf("outage %d, %d steps: %d readings acknowledged, %d warnings issued, the archive %d outputs behind", n+1, o.to-o.from, acked, warned, lag)
				switch {
				case acked < 10*(o.to-o.from):
					return fmt.Errorf("%d readings acknowledged in outage %d of %d steps", acked, n+1, o.to-o.from)
				case n == 0 && warned < 10:
					return fmt.Errorf("%d warnings issued in outage %d", warned, n+1)
				case lag < uint64(o.to-o.from):
					return fmt.Errorf("the archive is %d outputs behind after %d steps without a store", lag, o.to-o.from)
				case first.Ready() != nil:
					return fmt.Errorf("not ready: %w", first.Ready())
				}
				if err := readOne(ctx, first.Store()); !errors.Is(err, hydro.ErrUnavailable) {
					t.Errorf("a read from a store that is away gives %v, want ErrUnavailable", err)
				}
				return influxd.Start(ctx)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	played := time.Since(began)
	if err := first.WaitArchived(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("storm of %d steps played in %s, archived %s later", killSteps, played.Round(time.Millisecond), (time.Since(began) - played).Round(time.Millisecond))
	inInflux := contents(ctx, t, cat, storm, first.Store())
	got, err := officer.wait(ctx, len(inInflux.warnings))
	if err != nil {
		t.Fatal(err)
	}
	stopWatching()
	if err := <-watched; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	opts.Store, opts.Registry = "pebble", nil
	second := start(ctx, t, opts)
	if err := second.WaitArchived(ctx); err != nil {
		t.Fatal(err)
	}
	inPebble := contents(ctx, t, cat, storm, second.Store())
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}

	inPebble.compare(t, inInflux)
	if d := cmp.Diff(inInflux.warnings, got, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("the officer's feed differs from the store (-store +feed):\n%.3000s", d)
	}
	for r, n := range sent.acked {
		if inInflux.found[r] != 1 {
			t.Errorf("%s at %d was acknowledged %d times and is in InfluxDB %d times", r.key, r.at, n, inInflux.found[r])
		}
	}
	t.Logf("InfluxDB and Pebble alike: %d observations of %d series, %d forecasts, %d warnings", len(inPebble.found), len(inPebble.series), len(inPebble.forecasts), len(inPebble.warnings))
	if len(inPebble.found) < len(sent.acked) || len(inPebble.forecasts) < killSteps/2 || len(inPebble.warnings) < 40 {
		t.Error("too little in the stores to show anything")
	}
}

// start starts a server and closes it at the end if the test has not.
func start(ctx context.Context, t *testing.T, opts app.Options) *app.App {
	t.Helper()
	a, err := app.Start(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if err := a.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return a
}

func readOne(ctx context.Context, s store.Store) error {
	for _, err := range s.Warnings(ctx, basin, time.Unix(0, 0), time.Unix(1<<32, 0)) {
		return err
	}
	return nil
}

// count returns how many warnings the officer has seen.
func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.warnings)
}

// A holding is all that a store holds of the storm.
type holding struct {
	series    map[hydro.Key][]hydro.Observation
	found     map[reading]int
	forecasts []hydro.Forecast
	warnings  []hydro.Warning
}

func contents(ctx context.Context, t *testing.T, cat *catalog.Catalog, storm *scenario.Storm, s store.Store) holding {
	t.Helper()
	h := holding{series: map[hydro.Key][]hydro.Observation{}, found: map[reading]int{}}
	from, to := storm.Start().Add(-30*24*time.Hour), storm.Start().Add(30*24*time.Hour)
	read := func(k hydro.Key) {
		for o, err := range s.Observations(ctx, k, from, to) {
			if err != nil {
				t.Fatal(err)
			}
			h.series[k] = append(h.series[k], o)
			h.found[reading{k, o.At.UnixMilli()}]++
		}
	}
	for _, station := range cat.Stations {
		for _, p := range station.Parameters {
			read(hydro.Key{Station: station.ID, Variable: p.Variable, Sensor: p.Sensor})
			if p.Variable == hydro.RainCounter { // the rain that follows from it
				read(hydro.Key{Station: station.ID, Variable: hydro.Rain, Sensor: p.Sensor})
			}
		}
	}
	for f, err := range s.Forecasts(ctx, basin, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		h.forecasts = append(h.forecasts, f)
	}
	for w, err := range s.Warnings(ctx, basin, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		h.warnings = append(h.warnings, w)
	}
	return h
}

// compare fails unless other holds the same, point by point.
func (h holding) compare(t *testing.T, other holding) {
	t.Helper()
	for k, want := range h.series {
		if d := cmp.Diff(want, other.series[k]); d != "" {
			t.Errorf("%s differs (-Pebble +InfluxDB):\n%.1500s", k, d)
		}
	}
	if len(h.series) != len(other.series) {
		t.Errorf("%d series in InfluxDB, %d in Pebble", len(other.series), len(h.series))
	}
	if len(h.forecasts) != len(other.forecasts) {
		t.Errorf("%d forecasts in InfluxDB, %d in Pebble", len(other.forecasts), len(h.forecasts))
	} else {
		for i := range h.forecasts {
			if d := cmp.Diff(h.forecasts[i], other.forecasts[i], cmpopts.EquateNaNs()); d != "" {
				t.Errorf("forecast %d differs (-Pebble +InfluxDB):\n%.1500s", i, d)
				break
			}
		}
	}
	if d := cmp.Diff(h.warnings, other.warnings, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("warnings differ (-Pebble +InfluxDB):\n%.3000s", d)
	}
}
