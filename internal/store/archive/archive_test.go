package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/store/archive"
)

const basin = "tanjiang"

var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

func TestTheStoreEqualsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := storm(200)
		src, to := newSource(log[:120]), newFaulty()
		a, stop := start(t, src, to, options())
		synctest.Wait()
		same(t, contents(t, to), ideal(t, log[:120]))
		if a.Done() != 120 || a.Lag() != 0 {
			t.Errorf("done %d, lag %d; want 120 and 0", a.Done(), a.Lag())
		}
		for _, o := range log[120:] {
			src.append(o)
			synctest.Wait()
		}
		same(t, contents(t, to), ideal(t, log))
		stopped(t, stop())
		if got := src.checkpoint(); got != 200 {
			t.Errorf("checkpoint %d after an orderly end, want 200", got)
		}
	})
}

func TestObservationsAreBatchedWhileTheLogHasMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []hydro.Output
		for i := range 100 {
			log = append(log, hydro.Output{Observations: []hydro.Observation{observation("a", i, 0)}})
		}
		to := newFaulty()
		a, stop := start(t, newSource(log), to, options())
		synctest.Wait()
		stopped(t, stop())
		if d := cmp.Diff([]string{
			"observations 16", "observations 16", "observations 16", "observations 16", "observations 16", "observations 16", "observations 4",
		}, to.reached); d != "" {
			t.Errorf("writes (-want +got):\n%s", d)
		}
		if a.Written() != 100 {
			t.Errorf("written %d, want 100", a.Written())
		}
	})
}

func TestHistoryWaitsForBusyGatewaysButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := storm(3) // observations only
		src, to := newSource(log), newFaulty()
		var busy atomic.Bool
		busy.Store(true)
		o := options()
		o.Busy = busy.Load
		a, stop := start(t, src, to, o)
		<-time.After(900 * time.Millisecond) // in the bubble's time
		synctest.Wait()
		if n := a.Written(); n != 0 {
			t.Errorf("%d written while gateways wait", n)
		}
		<-time.After(200 * time.Millisecond)
		synctest.Wait()
		if a.Written() == 0 {
			t.Error("nothing written in a second")
		}
		busy.Store(false)
		src.append(storm(6)[3:4]...)
		synctest.Wait()
		if n := a.Written(); n != 16 {
			t.Errorf("%d written when the gateways were served", n)
		}
		stopped(t, stop())
	})
}

func TestAStoreThatIsDownForADayLosesAndDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := storm(300)
		src, to := newSource(log[:50]), newFaulty()
		registry := prometheus.NewRegistry()
		var text bytes.Buffer
		o := options()
		o.Metrics, o.Logger = archive.NewMetrics(registry), slog.New(slog.NewTextHandler(&text, nil))
		a, stop := start(t, src, to, o)
		synctest.Wait()
		attempts := 0
		to.set(func(string) error {
			attempts++
			return fmt.Errorf("connection refused: %w", hydro.ErrUnavailable)
		})
		src.append(log[50:150]...)
		time.Sleep(24 * time.Hour) // of the bubble's clock
		synctest.Wait()
		if a.Done() != 50 || a.Lag() != 100 {
			t.Errorf("while it is down: done %d, lag %d; want 50 and 100", a.Done(), a.Lag())
		}
		if src.checkpoint() > 50 {
			t.Errorf("checkpoint %d runs ahead of the store", src.checkpoint())
		}
		if least, most := 24*60*60/10-10, 24*60*60/10+20; attempts < least || attempts > most {
			t.Errorf("%d attempts in a day, want one each 10 s", attempts)
		}
		src.append(log[150:]...)
		to.set(nil)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		same(t, contents(t, to), ideal(t, log))
		if a.Lag() != 0 {
			t.Errorf("lag %d after catching up", a.Lag())
		}
		seen := map[string]bool{}
		for _, w := range to.reached {
			if !strings.HasPrefix(w, "observations") && seen[w] {
				t.Errorf("%s was written twice", w)
			}
			seen[w] = true
		}
		stopped(t, stop())
		if got := metric(t, registry, "freshet_archive_errors_total", ""); got != float64(attempts) {
			t.Errorf("freshet_archive_errors_total is %v after %d failures", got, attempts)
		}
		if got := metric(t, registry, "freshet_archive_lag_outputs", ""); got != 0 {
			t.Errorf("freshet_archive_lag_outputs is %v after catching up", got)
		}
		if n := strings.Count(text.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings in the log, want 1:\n%s", n, text.String())
		}
		if !strings.Contains(text.String(), "archive goes on") {
			t.Errorf("the log does not say that the store is back:\n%s", text.String())
		}
	})
}

// Any error but ErrInvalid is tried again: losing data because a driver has an
// error that nobody foresaw would be worse than trying in vain.
func TestAnUnforeseenErrorIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newFaulty()
		n := 0
		to.fault = func(string) error {
			if n++; n < 5 {
				return errors.New("nobody foresaw this")
			}
			return nil
		}
		log := storm(20)
		_, stop := start(t, newSource(log), to, options())
		time.Sleep(time.Minute)
		synctest.Wait()
		stopped(t, stop())
		same(t, contents(t, to), ideal(t, log))
	})
}

func TestWhatTheStoreRefusesIsCountedAndNothingElseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := storm(40)
		poisoned := make([]hydro.Output, len(log))
		copy(poisoned, log)
		poison := observation("a", 500, 0)
		poison.Value = math.NaN()
		poisoned[7].Observations = append([]hydro.Observation{poison}, log[7].Observations...)
		poisoned[15].Observations = append(append([]hydro.Observation{}, log[15].Observations...), poison)
		poisoned = append(poisoned, hydro.Output{Warning: &hydro.Warning{ID: "no basin", Station: "a", At: noon}}, hydro.Output{Forecast: &hydro.Forecast{Basin: basin}})
		registry := prometheus.NewRegistry()
		var text bytes.Buffer
		o := options()
		o.Metrics, o.Logger = archive.NewMetrics(registry), slog.New(slog.NewTextHandler(&text, nil))
		src, to := newSource(poisoned), newFaulty()
		a, stop := start(t, src, to, o)
		synctest.Wait()
		stopped(t, stop())
		same(t, contents(t, to), ideal(t, log))
		if a.Done() != uint64(len(poisoned)) {
			t.Errorf("done %d of %d", a.Done(), len(poisoned))
		}
		for kind, want := range map[string]float64{"forecast": 1, "observation": 2, "warning": 1} {
			if got := metric(t, registry, "freshet_archive_refused_total", kind); got != want {
				t.Errorf("freshet_archive_refused_total of %s is %v, want %v", kind, got, want)
			}
		}
		for _, want := range []string{"series=a/water_level", "value=NaN", `id="no basin"`} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("the log does not say %s:\n%s", want, text.String())
			}
		}
	})
}

func TestACrashBetweenWriteAndCheckpointIsHarmless(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 120).Draw(rt, "outputs")
		log := storm(n)
		lives := rapid.SliceOfN(rapid.IntRange(0, n), 0, 6).Draw(rt, "crash after writes")
		batch := rapid.IntRange(1, 40).Draw(rt, "batch")
		synctest.Test(t, func(t *testing.T) {
			to := newFaulty()
			src := newSource(log)
			for _, writes := range append(lives, math.MaxInt) {
				// This life's archive writes so often, and then the process is
				// gone: what it wrote stays, the checkpoint may be anywhere
				// before it.
				left := writes
				to.set(func(string) error {
					if left == 0 {
						return fmt.Errorf("crash: %w", hydro.ErrUnavailable)
					}
					left--
					return nil
				})
				o := options()
				o.BatchObservations = batch
				before := src.checkpoint()
				a, stop := start(t, src, to, o)
				synctest.Wait()
				stopped(t, stop())
				if at := rapid.Uint64Range(before, max(before, a.Done())).Draw(rt, "checkpoint"); writes != math.MaxInt {
					src.checkpoints["archive.memory."+basin] = at
				}
			}
			same(t, contents(t, to), ideal(t, log))
		})
	})
}

func TestCheckpointsAreRareAndNeverAheadOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, to := newSource(nil), newFaulty()
		_, stop := start(t, src, to, options())
		log := storm(100)
		for i, o := range log { // ten outputs a second
			src.append(o)
			synctest.Wait()
			if got := src.checkpoint(); got > uint64(i+1) {
				t.Fatalf("checkpoint %d after %d outputs", got, i+1)
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if src.saves < 8 || src.saves > 11 {
			t.Errorf("%d checkpoints in ten seconds, want one a second", src.saves)
		}
		stopped(t, stop())
		if src.checkpoint() != 100 {
			t.Errorf("last checkpoint %d, want 100", src.checkpoint())
		}
	})
}

func TestALogOutOfReachIsFollowedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := storm(60)
		src, to := newSource(log), newFaulty()
		calls := 0
		src.fail = func() error {
			if calls++; calls%9 == 1 {
				return fmt.Errorf("no servers: %w", hydro.ErrUnavailable)
			}
			return nil
		}
		_, stop := start(t, src, to, options())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		stopped(t, stop())
		same(t, contents(t, to), ideal(t, log))
	})
}

func TestALogThatCannotBeReadEndsTheArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(storm(5))
		src.fail = func() error { return fmt.Errorf("message 1: %w", hydro.ErrInvalid) }
		_, stop := start(t, src, newFaulty(), options())
		synctest.Wait()
		if err := stop(); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("Run ended with %v, want ErrInvalid", err)
		}
	})
}

func TestOutputsThatTheLogDroppedAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := storm(60)
		src, to := newSource(log), newFaulty()
		src.dropped = 20
		registry := prometheus.NewRegistry()
		o := options()
		o.Metrics = archive.NewMetrics(registry)
		_, stop := start(t, src, to, o)
		synctest.Wait()
		stopped(t, stop())
		same(t, contents(t, to), ideal(t, log[20:]))
		if got := metric(t, registry, "freshet_archive_missed_outputs_total", ""); got != 20 {
			t.Errorf("freshet_archive_missed_outputs_total is %v, want 20", got)
		}
	})
}

func TestAnotherStoreStartsAtTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := storm(30)
		src := newSource(log)
		_, stop := start(t, src, newFaulty(), options())
		synctest.Wait()
		stopped(t, stop())
		second := newFaulty()
		o := options()
		o.Store = "second"
		_, stop = start(t, src, second, o)
		synctest.Wait()
		stopped(t, stop())
		same(t, contents(t, second), ideal(t, log))
	})
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for name, change := range map[string]func(*archive.Options){
		"no basin":       func(o *archive.Options) { o.Basin = "" },
		"no store":       func(o *archive.Options) { o.Store = "" },
		"no clock":       func(o *archive.Options) { o.Now = nil },
		"negative batch": func(o *archive.Options) { o.BatchObservations = -1 },
		"negative pause": func(o *archive.Options) { o.MinBackoff = -1 },
	} {
		o := options()
		change(&o)
		if _, err := archive.New(newSource(nil), newFaulty(), o); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: got error %v, want one that wraps ErrInvalid", name, err)
		}
	}
}
