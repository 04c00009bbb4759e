package alert_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/alert"
	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// rainPost is a rain gauge that reports every five minutes, with forecast ladders of
// its sums.
func rainPost(t interface{ Fatalf(string, ...any) }, persistence int, thresholds ...catalog.Threshold) *alert.Rules {
	st := catalog.Station{ID: "p", NameZH: "甲", NameEN: "P", Basin: "b", Parameters: []catalog.Parameter{{Variable: hydro.Rain, Interval: 5 * time.Minute}}}
	c := &catalog.Catalog{
		Stations:    []catalog.Station{st},
		Basins:      []catalog.Basin{{ID: "b", Season: catalog.Season{Zone: "UTC"}, Settings: catalog.Settings{Persistence: persistence, DeadBandShare: 0.1, DwellLower: 30 * time.Minute}}},
		StageTables: []catalog.StageTable{{Station: "p", ValidFrom: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Thresholds: thresholds}},
	}
	r, err := alert.Compile(c, "b")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

func rainStep(stage hydro.Stage, window time.Duration, mm float64) catalog.Threshold {
	return catalog.Threshold{Stage: stage, Variable: hydro.Rain, Window: window, Value: mm, Forecast: true}
}

// A sky is the rain of a place: what is reported and what is forecast.
type sky struct {
	h     hydro.History
	ahead *hydro.RainAhead // nil: runs use none
}

func (s *sky) evidence(now time.Time, run *hydro.Forecast) alert.Evidence {
	return alert.Evidence{
		Now: now, Forecast: run,
		History: func(hydro.Key) *hydro.History { return &s.h },
		RainAhead: func(string) (hydro.RainAhead, bool) {
			if s.ahead == nil {
				return hydro.RainAhead{}, false
			}
			return *s.ahead, true
		},
		Fallen: func(_ string, from, to time.Time) (float64, float64) {
			sum := accumulation.Between(&s.h, from, to)
			return sum.Rain, sum.Coverage
		},
	}
}

func (s *sky) report(at time.Time, mm float64) {
	s.h.Put(hydro.Sample{At: at.UnixMilli(), Interval: 300, Value: mm, Quality: hydro.Pass})
}

func runAt(at time.Time) *hydro.Forecast {
	return &hydro.Forecast{Basin: "b", IssuedAt: at, Step: 30 * time.Minute, Horizon: 24 * time.Hour, ValidUntil: at.Add(12 * time.Hour)}
}

// minutes is a second way to a sum of rain ahead: every minute by itself, and every
// minute as an end.
type minutes struct {
	issued time.Time
	mm     []float64 // of the minute that ends issued + (i-back+1) minutes
	known  []bool
	back   int
}

func (m *minutes) highest(window time.Duration, until time.Time) (best float64) {
	n := int(window / time.Minute)
	last := int(until.Sub(m.issued)/time.Minute) + m.back
	for end := m.back + 1; end <= last; end++ {
		sum := 0.0
		for i := end - n; i < end; i++ {
			if m.known[i] {
				sum += m.mm[i]
			}
		}
		best = max(best, sum)
	}
	return best
}

// The highest sum is that of what has fallen and what is forecast, wherever a window
// ends, and the stage is that of the highest threshold which it meets.
func TestASumOfRainAheadIsWhatFellAndWhatIsForecast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.SampledFrom([]int{1, 3, 6, 24}).Draw(t, "hours")) * time.Hour
		issued := start.Add(time.Duration(rapid.IntRange(0, 11).Draw(t, "issued"))*5*time.Minute + 48*time.Hour)
		var s sky
		m := minutes{issued: issued, back: 48 * 60}
		m.mm, m.known = make([]float64, 72*60), make([]bool, 72*60)
		at := func(x time.Time) int { return int(x.Sub(issued)/time.Minute) + m.back }
		for x := issued.Add(-30 * time.Hour); !x.After(issued); x = x.Add(5 * time.Minute) {
			if rapid.IntRange(0, 9).Draw(t, "gap") == 0 && !x.Equal(issued) {
				continue
			}
			mm := rapid.Float64Range(0, 5).Draw(t, "fell")
			s.report(x, mm)
			for i := at(x) - 5; i < at(x); i++ {
				m.mm[i], m.known[i] = mm/5, true
			}
		}
		from := issued.Truncate(time.Hour)
		s.ahead = &hydro.RainAhead{From: from, Step: time.Hour, Rain: rapid.SliceOfN(rapid.Float64Range(0, 60), 1, 30).Draw(t, "ahead")}
		until := issued.Add(24 * time.Hour)
		if end := s.ahead.End(); end.Before(until) {
			until = end
		}
		if !until.After(issued) {
			return
		}
		for i := at(issued); i < at(until); i++ {
			m.mm[i], m.known[i] = s.ahead.Rain[int(issued.Add(time.Duration(i-m.back)*time.Minute).Sub(from)/time.Hour)]/60, true
		}
		best := m.highest(window, until)
		r := rainPost(t, 1, rainStep(hydro.Blue, window, 20), rainStep(hydro.Yellow, window, 50), rainStep(hydro.Orange, window, 100), rainStep(hydro.Red, window, 200))
		state, _ := r.Evaluate(r.Start(issued), s.evidence(issued, runAt(issued)))
		got := r.Statuses(state)[0].Forecast
		// An end between two steps of forecast and run is not looked at: within a step
		// the sum runs straight, but for the reports that leave the window: 30 mm at most.
		if got.PeakValue > best+1e-6 || got.PeakValue < best-30-1e-6 {
			t.Fatalf("highest %g mm, by the minute %g mm", got.PeakValue, best)
		}
		want := hydro.Clear
		for i, limit := range []float64{20, 50, 100, 200} {
			if got.PeakValue >= limit {
				want = hydro.Blue + hydro.Stage(i)
			}
		}
		if got.Stage != want || !got.PeakAt.After(issued) || got.PeakAt.After(until) || want > hydro.Clear && (got.At.After(got.PeakAt) || !got.At.After(issued)) {
			t.Fatalf("%s by %s, want %s: %+v", got.Stage, got.At, want, got)
		}
	})
}

// Of dry gauges nothing can leave a window: then the highest sum is exact.
func TestASumOfForecastRainAloneIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.SampledFrom([]int{1, 3, 6, 24}).Draw(t, "hours")) * time.Hour
		s := sky{ahead: &hydro.RainAhead{From: start, Step: time.Hour, Rain: rapid.SliceOfN(rapid.Float64Range(0, 60), 1, 24).Draw(t, "ahead")}}
		s.report(start, 0)
		best := 0.0
		for end := 1; end <= len(s.ahead.Rain); end++ {
			sum := 0.0
			for i := max(0, end-int(window/time.Hour)); i < end; i++ {
				sum += s.ahead.Rain[i]
			}
			best = max(best, sum)
		}
		r := rainPost(t, 1, rainStep(hydro.Red, window, 30))
		state, _ := r.Evaluate(r.Start(start), s.evidence(start, runAt(start)))
		if got := r.Statuses(state)[0].Forecast; math.Abs(got.PeakValue-best) > 1e-9 || (got.Stage == hydro.Red) != (got.PeakValue >= 30) {
			t.Fatalf("highest %g mm, want %g mm: %+v", got.PeakValue, best, got)
		}
	})
}

// Runs come and go with and without a rain forecast, whole, short or expired. A run
// without one moves nothing while what was said is still to come; and a stage never
// rises but by as many runs in a row that ask for it.
func TestARunWithoutARainForecastRaisesAndLowersNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		persistence := rapid.IntRange(1, 3).Draw(t, "persistence")
		r := rainPost(t, persistence, rainStep(hydro.Yellow, 3*time.Hour, 50), rainStep(hydro.Red, 3*time.Hour, 100))
		var s sky
		state, now, row := r.Start(start), start, 0
		for range rapid.IntRange(1, 30).Draw(t, "runs") {
			now = now.Add(10 * time.Minute)
			s.report(now.Add(-5*time.Minute), 0)
			s.report(now, 0)
			s.ahead = nil
			if rapid.IntRange(0, 2).Draw(t, "used") > 0 {
				s.ahead = &hydro.RainAhead{From: now.Truncate(time.Hour), Step: time.Hour, Rain: rapid.SliceOfN(rapid.SampledFrom([]float64{0, 20, 60}), 1, 12).Draw(t, "ahead")}
			}
			before := state.Ladders[0]
			state, _ = r.Evaluate(state, s.evidence(now, runAt(now)))
			after := state.Ladders[0]
			switch {
			case s.ahead == nil:
				if after.Stage > before.Stage || after.Stage < before.Stage && now.UnixMilli() <= before.Until || after.At != before.At {
					t.Fatalf("a run without a rain forecast moved %+v\nto %+v", before, after)
				}
				continue
			case after.Value >= 50:
				row++
			default:
				row = 0
			}
			if after.Stage > before.Stage && row < persistence {
				t.Fatalf("raised after %d runs in a row, %d needed: %+v", row, persistence, after)
			}
			// What an earlier run said of a time that this one does not reach still stands.
			if end := s.ahead.End().UnixMilli(); after.Stage < before.Stage && end < before.Claim && now.UnixMilli() < before.Claim {
				t.Fatalf("lowered by a forecast that ends before %+v", before)
			}
		}
	})
}

// What has fallen alone can meet a threshold ahead, and a silent gauge hides nothing:
// less is known, so the leg can rise and not fall.
func TestASilentGaugeCannotLowerRainAhead(t *testing.T) {
	r := rainPost(t, 1, rainStep(hydro.Red, 6*time.Hour, 100))
	var s sky
	now := start
	for range 12 {
		now = now.Add(5 * time.Minute)
		s.report(now, 8)
	}
	s.ahead = &hydro.RainAhead{From: now, Step: time.Hour, Rain: []float64{10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
	state, warnings := r.Evaluate(r.Start(start), s.evidence(now, runAt(now)))
	if len(warnings) != 1 || warnings[0].To != hydro.Red || warnings[0].Forecast.PeakValue != 106 {
		t.Fatalf("%+v", warnings)
	}
	s.h = hydro.History{} // all of it is gone
	s.ahead.Rain[0] = 0
	now = now.Add(30 * time.Minute)
	state, _ = r.Evaluate(state, s.evidence(now, runAt(now)))
	if got := state.Ladders[0]; got.Stage != hydro.Red {
		t.Fatalf("lowered by what nobody saw: %+v", got)
	}
	now = now.Add(time.Hour) // the window of which it was said has ended
	if state, _ = r.Evaluate(state, s.evidence(now, runAt(now))); state.Ladders[0].Stage != hydro.Clear {
		t.Fatalf("still %s after the window has ended: %+v", state.Ladders[0].Stage, state.Ladders[0])
	}
}
