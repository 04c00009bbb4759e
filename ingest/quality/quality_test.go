package quality_test

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var t0 = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

var (
	levelKey = hydro.Key{Station: "a", Variable: hydro.WaterLevel}
	rainKey  = hydro.Key{Station: "a", Variable: hydro.Rain}
)

func level() *catalog.Parameter {
	return &catalog.Parameter{
		Variable: hydro.WaterLevel, Interval: 5 * time.Minute,
		Limits: catalog.Limits{
			HasRange: true, Low: -1, High: 12, SuspectLow: 0, SuspectHigh: 10,
			StepSuspect: 0.5, StepFail: 2, StepPer: 5 * time.Minute,
			StuckAfter: 2 * time.Hour, StuckDelta: 0.005,
		},
	}
}

func rain() *catalog.Parameter {
	return &catalog.Parameter{Variable: hydro.Rain, Interval: 5 * time.Minute}
}

// A series feeds one history.
type series struct {
	t    testing.TB
	p    *catalog.Parameter
	kind catalog.Kind
	h    hydro.History
}

func newSeries(t testing.TB, p *catalog.Parameter) *series {
	return &series{t: t, p: p, kind: catalog.HydrologicalStation}
}

// put checks v at t0 plus min minutes, on time.
func (s *series) put(min int, v float64) []hydro.Observation {
	at := t0.Add(time.Duration(min) * time.Minute)
	return s.reading(reading(s.p, at, v), at.Add(time.Second))
}

func (s *series) reading(r hydro.Reading, received time.Time) []hydro.Observation {
	return quality.Check(s.p, s.kind, &s.h, r, received, nil)
}

// run checks values 5 min apart and returns the verdicts that stand in the end.
func (s *series) run(values ...float64) []hydro.Sample {
	start := 0
	if last, ok := s.h.Last(); ok {
		start = int(last.Time().Sub(t0)/time.Minute) + 5
	}
	for i, v := range values {
		s.put(start+5*i, v)
	}
	return s.h.Samples[len(s.h.Samples)-len(values):]
}

func reading(p *catalog.Parameter, at time.Time, v float64) hydro.Reading {
	r := hydro.Reading{Key: hydro.Key{Station: "a", Variable: p.Variable}, At: at, Raw: v, Value: v}
	switch p.Variable {
	case hydro.Rain:
		r.Interval = p.Interval
	case hydro.WaterLevel:
		r.Datum = hydro.PearlRiver
	default:
	}
	return r
}

func want(t *testing.T, s hydro.Sample, q hydro.Quality, tests hydro.Tests) {
	t.Helper()
	if s.Quality != q || s.Tests != tests {
		t.Errorf("%.3f at %s: %s %v, want %s %v", s.Value, s.Time().Format("15:04"), s.Quality, s.Tests.Names(), q, tests.Names())
	}
}

func TestAnOrdinaryReadingPassesWithoutNotes(t *testing.T) {
	s := newSeries(t, level())
	s.put(0, 3)
	got := s.put(5, 3.1)
	at := t0.Add(5 * time.Minute)
	wanted := []hydro.Observation{{
		Reading: hydro.Reading{Key: levelKey, At: at, Raw: 3.1, Value: 3.1, Datum: hydro.PearlRiver},
		Quality: hydro.Pass, ReceivedAt: at.Add(time.Second),
	}}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Error(d)
	}
}

func TestLevelsOutsideTheRangeFailAndOutsideTheUsualAreSuspect(t *testing.T) {
	p := level()
	p.Limits.StepSuspect, p.Limits.StepFail = 0, 0
	for _, c := range []struct {
		v     float64
		q     hydro.Quality
		tests hydro.Tests
		why   string
	}{
		{-1.01, hydro.Fail, hydro.TestRange, "range: -1.01 m is outside the possible -1 to 12 m"},
		{-0.5, hydro.Suspect, hydro.TestRange, "range: -0.5 m is outside the usual 0 to 10 m"},
		{0, hydro.Pass, 0, ""},
		{10, hydro.Pass, 0, ""},
		{10.25, hydro.Suspect, hydro.TestRange, "range: 10.25 m is outside the usual 0 to 10 m"},
		{99, hydro.Fail, hydro.TestRange, "range: 99 m is outside the possible -1 to 12 m"},
	} {
		got := newSeries(t, p).put(0, c.v)
		if len(got) != 1 || got[0].Quality != c.q || got[0].Tests != c.tests || got[0].Why != c.why || got[0].Raw != c.v {
			t.Errorf("%g: got %+v", c.v, got)
		}
	}
}

func TestWithoutAnyLimitNothingIsEvaluated(t *testing.T) {
	s := newSeries(t, &catalog.Parameter{Variable: hydro.Storage})
	want(t, s.run(5)[0], hydro.NotEvaluated, 0)
}

func TestAStepIsHeldAgainstTheLatestUsableSample(t *testing.T) {
	s := newSeries(t, level())
	s.run(3, 3.1)
	got := s.put(10, 4.0)
	if got[0].Quality != hydro.Suspect || got[0].Why != "step: 3.1 to 4 m in 5m, limit 0.5 m per 5m" {
		t.Errorf("got %s %q", got[0].Quality, got[0].Why)
	}
	got = s.put(15, 8.0)
	if got[0].Quality != hydro.Fail || got[0].Why != "step: 3.1 to 8 m in 10m, limit 2 m per 5m" {
		t.Errorf("got %s %q", got[0].Quality, got[0].Why)
	}
}

func TestFastSamplingDoesNotTurnNoiseIntoARate(t *testing.T) {
	s := newSeries(t, level())
	s.put(0, 3)
	if got := s.put(1, 3.2); got[0].Quality != hydro.Pass {
		t.Errorf("0.2 m in 1 min: %s %q", got[0].Quality, got[0].Why)
	}
}

func TestASlowRiseOverAGapPasses(t *testing.T) {
	s := newSeries(t, level())
	s.put(0, 3)
	got := s.put(60, 6)
	if got[0].Quality != hydro.Pass || got[0].Tests != hydro.TestGap || got[0].Why != "gap: 1h since the report before, interval 5m" {
		t.Errorf("got %+v", got[0])
	}
}

func TestADropoutFailsOnceTheLevelIsBackAndItsNeighboursPass(t *testing.T) {
	s := newSeries(t, level())
	s.run(1.09, 1.09)
	got := s.put(10, 0)
	if len(got) != 1 || got[0].Quality != hydro.Suspect || got[0].Tests != hydro.TestStep {
		t.Fatalf("the dropout on arrival: %+v", got)
	}
	got = s.put(15, 1.09)
	if len(got) != 2 || got[0].Quality != hydro.Pass || got[0].Tests != 0 {
		t.Fatalf("the neighbour and the dropout anew: %+v", got)
	}
	dropout := got[1]
	if !dropout.At.Equal(t0.Add(10*time.Minute)) || dropout.Quality != hydro.Fail ||
		dropout.Tests != hydro.TestStep|hydro.TestSpike || dropout.Revision != 0 || dropout.Raw != 0 || dropout.Datum != hydro.PearlRiver {
		t.Errorf("the dropout: %+v", dropout)
	}
	if w := "step: 1.09 to 0 m in 5m, limit 0.5 m per 5m; spike: back at 1.09 m 5m later"; dropout.Why != w {
		t.Errorf("why: %q", dropout.Why)
	}
}

func TestASpikeOfTwoSamplesFailsAndOneOfThreeStaysSuspect(t *testing.T) {
	s := newSeries(t, level())
	got := s.run(3, 3, 4.4, 4.5, 3.1)
	want(t, got[2], hydro.Fail, hydro.TestStep|hydro.TestSpike)
	want(t, got[3], hydro.Fail, hydro.TestStep|hydro.TestSpike)
	want(t, got[4], hydro.Pass, 0)

	p := level()
	p.Limits.StepSuspect = 0.2
	s = newSeries(t, p)
	got = s.run(3, 3, 4.5, 4.5, 4.5, 3)
	for _, g := range got[2:5] {
		want(t, g, hydro.Suspect, hydro.TestStep)
	}
	want(t, got[5], hydro.Pass, 0)
}

func TestAFastRiseIsNoSpike(t *testing.T) {
	s := newSeries(t, level())
	got := s.run(3, 3, 3.6, 3.9, 4.3)
	want(t, got[2], hydro.Suspect, hydro.TestStep)
	want(t, got[3], hydro.Pass, 0)
	want(t, got[4], hydro.Pass, 0)
}

func TestANewLevelAfterATrueJumpIsBelievedAfterThreeConsistentSamples(t *testing.T) {
	p := level()
	p.Limits.StuckAfter = 0
	s := newSeries(t, p)
	got := s.run(3, 3, 9, 9.1, 9.1, 9.2, 9.2, 9.1)
	for _, g := range got[2:5] {
		if g.Quality.Usable() {
			t.Errorf("%g at %s is usable", g.Value, g.Time())
		}
	}
	for _, g := range got[5:] {
		want(t, g, hydro.Pass, 0)
	}
}

func TestValuesThatJumpAboutAreNotBelieved(t *testing.T) {
	s := newSeries(t, level())
	got := s.run(3, 3, 9, 6, 9, 6, 9, 7)
	for _, g := range got[2:7] {
		if g.Quality.Usable() {
			t.Errorf("%g at %s is usable", g.Value, g.Time())
		}
	}
}

func TestALevelThatDoesNotMoveIsStuckAndMovesAgain(t *testing.T) {
	s := newSeries(t, level())
	var values []float64
	for range 30 {
		values = append(values, 3.002)
	}
	got := s.run(values...)
	for i, g := range got {
		if i < 24 {
			want(t, g, hydro.Pass, 0)
		} else {
			want(t, g, hydro.Suspect, hydro.TestStuck)
		}
	}
	o := s.put(150, 3.003)
	if w := "stuck: 3.003 m did not move by more than 0.005 m for 2h30m, limit 2h"; o[0].Why != w {
		t.Errorf("why: %q", o[0].Why)
	}
	want(t, s.run(3.02)[0], hydro.Pass, 0)
}

func TestATideStandsStillForTwoHoursAtMostAndAReservoirForDays(t *testing.T) {
	p := &catalog.Parameter{Variable: hydro.WaterLevel, Interval: 5 * time.Minute}
	for _, c := range []struct {
		kind catalog.Kind
		q    hydro.Quality
	}{{catalog.TideStation, hydro.Suspect}, {catalog.ReservoirStation, hydro.NotEvaluated}} {
		s := newSeries(t, p)
		s.kind = c.kind
		got := s.run(slices.Repeat([]float64{1.2}, 40)...)
		if q := got[39].Quality; q != c.q {
			t.Errorf("%s: %s, want %s", c.kind, q, c.q)
		}
	}
}

func TestNoRainIsNeverStuckAndOneRepeatedValueIs(t *testing.T) {
	s := newSeries(t, rain())
	for _, g := range s.run(slices.Repeat([]float64{0}, 100)...) {
		want(t, g, hydro.Pass, 0)
	}
	got := s.run(slices.Repeat([]float64{1.4}, 40)...)
	want(t, got[30], hydro.Pass, 0)
	want(t, got[39], hydro.Suspect, hydro.TestStuck)
	if o := s.put((100+40)*5, 1.4); o[0].Why != "stuck: 1.4 mm repeated for 3h20m, limit 3h" {
		t.Errorf("why: %q", o[0].Why)
	}
}

func TestTheFirstReportAfterMissedOnesIsNotedAndTheNoteGoesWhenTheyComeLate(t *testing.T) {
	s := newSeries(t, level())
	s.put(0, 3)
	if got := s.put(10, 3.01); got[0].Tests != hydro.TestGap || got[0].Quality != hydro.Pass {
		t.Fatalf("got %+v", got[0])
	}
	got := s.reading(reading(s.p, t0.Add(5*time.Minute), 3.02), t0.Add(11*time.Minute))
	if len(got) != 2 || got[0].Tests != 0 || got[1].Tests != 0 || !got[1].At.Equal(t0.Add(10*time.Minute)) {
		t.Errorf("got %+v", got)
	}
}

func TestALateReadingIsNotedAndStillPasses(t *testing.T) {
	s := newSeries(t, level())
	for _, c := range []struct {
		after time.Duration
		tests hydro.Tests
	}{{15 * time.Minute, 0}, {15*time.Minute + time.Second, hydro.TestLate}} {
		r := reading(s.p, t0, 3)
		r.At = t0.Add(c.after)
		got := s.reading(r, r.At.Add(c.after))
		if got[0].Quality != hydro.Pass || got[0].Tests&hydro.TestLate != c.tests {
			t.Errorf("%s: %+v", c.after, got[0])
		}
	}
	s = newSeries(t, &catalog.Parameter{Variable: hydro.Rain, Interval: time.Hour})
	if got := s.reading(reading(s.p, t0, 3), t0.Add(2*time.Hour)); got[0].Tests != 0 {
		t.Errorf("an hourly report two hours late: %+v", got[0])
	}
}

func TestAnotherValueForTheSameInstantIsARevision(t *testing.T) {
	s := newSeries(t, level())
	s.run(3, 3.1)
	got := s.put(5, 3.2)
	if len(got) != 1 || got[0].Revision != 1 || got[0].Tests != hydro.TestRevision || got[0].Quality != hydro.Pass || got[0].Raw != 3.2 {
		t.Errorf("got %+v", got)
	}
	if got = s.put(5, 3.3); got[0].Revision != 2 || got[0].Why != "revision: 2 of this instant" {
		t.Errorf("got %+v", got)
	}
	if n := len(s.h.Samples); n != 2 {
		t.Errorf("%d samples", n)
	}
}

func TestACorrectedDatumIsARevisionAlthoughTheRawValueIsTheSame(t *testing.T) {
	s := newSeries(t, level())
	wrong := reading(s.p, t0, 5)
	wrong.Value, wrong.Notes = 4.256, hydro.NoteDatumConverted
	s.reading(wrong, t0)
	got := s.put(0, 5)
	if len(got) != 1 || got[0].Revision != 1 || got[0].Raw != 5 || got[0].Value != 5 || got[0].Notes != 0 {
		t.Errorf("got %+v", got)
	}
	if got = s.reading(wrong, t0); len(got) != 0 || s.h.Samples[0].Value != 5 {
		t.Errorf("the wrong one resent: %+v, stands %+v", got, s.h.Samples)
	}
}

func TestAResendOfTheValueThatARevisionReplacedChangesNothing(t *testing.T) {
	s := newSeries(t, level())
	s.put(0, 3)
	s.put(0, 3.2)
	before := slices.Clone(s.h.Samples)
	for _, v := range []float64{3, 3.2, 3} {
		if got := s.put(0, v); len(got) != 0 {
			t.Errorf("%g resent: %+v", v, got)
		}
	}
	if d := cmp.Diff(before, s.h.Samples); d != "" {
		t.Error(d)
	}
	if got := s.put(0, 3.1); len(got) != 1 || got[0].Revision != 2 {
		t.Errorf("a third value: %+v", got)
	}
	if got := s.put(0, 3.2); len(got) != 0 {
		t.Errorf("the second resent: %+v", got)
	}
	if got := s.put(0, 3); len(got) != 1 || got[0].Revision != 3 { // the limit: one value is remembered
		t.Errorf("the first resent: %+v", got)
	}
}

func TestAMistakenCorrectionThatFailedCanBeTakenBack(t *testing.T) {
	s := newSeries(t, level())
	s.put(0, 3)
	s.put(0, 30)
	if got := s.put(0, 3); len(got) != 1 || got[0].Quality != hydro.Pass || got[0].Revision != 2 {
		t.Errorf("got %+v", got)
	}
	if got := s.put(0, 30); len(got) != 0 {
		t.Errorf("the mistake resent: %+v", got)
	}
}

func TestAStuckGaugeIsStuckBetweenItsSpikesToo(t *testing.T) {
	for _, spike := range []float64{3.8, 8, 99} {
		s := newSeries(t, level())
		var values []float64
		for i := range 12 * 24 {
			v := 3.0
			if i > 0 && i%24 == 0 {
				v = spike
			}
			values = append(values, v)
		}
		for i, g := range s.run(values...) {
			switch {
			case i < 24:
				want(t, g, hydro.Pass, 0)
			case g.Value != 3:
				if g.Quality.Usable() {
					t.Errorf("the spike to %g at %s is usable", g.Value, g.Time().Format("15:04"))
				}
			default:
				want(t, g, hydro.Suspect, hydro.TestStuck)
			}
		}
		got := s.put(12*24*5, 3)
		if w := "stuck: 3 m did not move by more than 0.005 m for 24h, limit 2h"; len(got) != 1 || got[0].Why != w {
			t.Errorf("got %+v", got)
		}
	}
}

func TestRainThatRepeatsIsStuckAlthoughAnImpossibleReportStandsBetween(t *testing.T) {
	s := newSeries(t, rain())
	values := slices.Repeat([]float64{1.4}, 40)
	values[20] = -1
	got := s.run(values...)
	want(t, got[35], hydro.Pass, 0)
	want(t, got[39], hydro.Suspect, hydro.TestStuck)
}

func TestTheCrestOfAFloodAboveTheUsualRangeIsMovement(t *testing.T) {
	p := level()
	p.Limits.StuckAfter = 30 * time.Minute
	s := newSeries(t, p)
	got := s.run(9.8, 9.8, 9.8, 9.8, 10.1, 10.3, 10.1, 9.8)
	want(t, got[7], hydro.Pass, 0)
}

func TestAGaugeThatWasStuckIsBelievedAgainAfterThreeConsistentSamples(t *testing.T) {
	s := newSeries(t, level())
	s.run(slices.Repeat([]float64{3}, 60)...)
	got := s.run(6, 6.02, 6.04, 6.06)
	for _, g := range got[:3] {
		if g.Quality.Usable() || g.Tests != hydro.TestStep {
			t.Errorf("%g: %s %v", g.Value, g.Quality, g.Tests.Names())
		}
	}
	want(t, got[3], hydro.Pass, 0)
}

func TestARevisedDropoutFreesTheReadingBehindIt(t *testing.T) {
	s := newSeries(t, level())
	s.run(3, 9, 3.1)
	got := s.put(5, 3.05)
	if len(got) != 1 || got[0].Quality != hydro.Pass {
		t.Errorf("got %+v", got)
	}
	// A first value that was wrong condemned what followed.
	s = newSeries(t, level())
	s.run(9, 3, 3.1)
	got = s.put(0, 3)
	if len(got) != 3 || !got[1].Quality.Usable() || !got[2].Quality.Usable() {
		t.Errorf("got %+v", got)
	}
}

func TestExtremeRainIsSuspectAndOnlyTheWallFails(t *testing.T) {
	for _, c := range []struct {
		interval time.Duration
		mm       float64
		q        hydro.Quality
		why      string
	}{
		{5 * time.Minute, 12, hydro.Pass, ""},
		{5 * time.Minute, 20, hydro.Pass, ""},
		{5 * time.Minute, 24.6, hydro.Suspect, "range: 24.6 mm in 5m is above 20 mm"},
		{5 * time.Minute, 200, hydro.Suspect, "range: 200 mm in 5m is above 20 mm"},
		{5 * time.Minute, 200.1, hydro.Fail, "range: 200.1 mm in 5m is above the possible 200 mm"},
		{time.Minute, 41, hydro.Fail, "range: 41 mm in 1m is above the possible 40 mm"},
		{time.Hour, 120, hydro.Pass, ""},
		{time.Hour, 142.6, hydro.Suspect, "range: 142.6 mm in 1h is above 120 mm"},
		{time.Hour, 999, hydro.Fail, "range: 999 mm in 1h is above the possible 600 mm"},
		{3 * time.Hour, 239.8, hydro.Pass, ""},
		{24 * time.Hour, 1034.4, hydro.Suspect, "range: 1034.4 mm in 24h is above 600 mm"},
		{24 * time.Hour, 1501, hydro.Fail, "range: 1501 mm in 24h is above the possible 1500 mm"},
		{5 * time.Minute, -0.1, hydro.Fail, "range: -0.1 mm of rain is negative"},
	} {
		p := rain()
		p.Interval = c.interval
		got := newSeries(t, p).put(0, c.mm)
		if got[0].Quality != c.q || got[0].Why != c.why {
			t.Errorf("%g mm in %s: %s %q, want %s %q", c.mm, c.interval, got[0].Quality, got[0].Why, c.q, c.why)
		}
	}
}

func TestACataloguesRainLimitMakesSuspectAndDoesNotFail(t *testing.T) {
	p := rain()
	p.Limits = catalog.Limits{HasRange: true, High: 15}
	s := newSeries(t, p)
	want(t, s.run(15.1)[0], hydro.Suspect, hydro.TestRange)
	want(t, s.run(14)[0], hydro.Pass, 0)
	r := reading(p, t0.Add(time.Hour), 60) // an hourly total: the limit of the 5-min report is not for it
	r.Interval = time.Hour
	if got := s.reading(r, r.At); got[0].Quality != hydro.Pass {
		t.Errorf("got %+v", got)
	}
}

func TestRainLimitsGrowWithTheInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := time.Duration(rapid.Int64Range(1, 200000).Draw(t, "a")) * time.Second
		b := a + time.Duration(rapid.Int64Range(0, 200000).Draw(t, "more"))*time.Second
		sa, wa := quality.RainLimits(a)
		sb, wb := quality.RainLimits(b)
		if sa > sb || wa > wb || sa >= wa || sa <= 0 {
			t.Fatalf("%s: %g, %g; %s: %g, %g", a, sa, wa, b, sb, wb)
		}
	})
}

func TestACounterThatGoesDownWasResetAndIsNotRain(t *testing.T) {
	p := &catalog.Parameter{Variable: hydro.RainCounter, Interval: 5 * time.Minute}
	s := newSeries(t, p)
	var rains []hydro.Observation
	rainSeries := newSeries(t, rain())
	for i, v := range []float64{100, 100.2, 101.5, 0.5, 0.7} {
		got := s.put(5*i, v)
		if reset := got[0].Tests&hydro.TestCounterReset != 0; reset != (i == 3) {
			t.Errorf("sample %d: %+v", i, got[0])
		}
		for _, r := range quality.Differences("a", &s.h, got[0].At, nil) {
			rains = append(rains, rainSeries.reading(r, r.At)...)
		}
	}
	at := func(i int, mm float64) hydro.Observation {
		at := t0.Add(time.Duration(i) * 5 * time.Minute)
		return hydro.Observation{
			Reading: hydro.Reading{Key: rainKey, At: at, Interval: 5 * time.Minute, Raw: mm, Value: mm},
			Quality: hydro.Pass, ReceivedAt: at,
		}
	}
	reset := at(3, 0)
	reset.Quality, reset.Tests = hydro.Fail, hydro.TestCounterReset
	reset.Why = "counter_reset: the counter was reset or failed; what fell in 5m is not known"
	if d := cmp.Diff([]hydro.Observation{at(1, 0.2), at(2, 1.3), reset, at(4, 0.2)}, rains); d != "" {
		t.Error(d)
	}
}

// A counter feeds the history of a rain counter and that of the rain derived from it.
type counter struct {
	p     *catalog.Parameter
	h     hydro.History
	rain  hydro.History
	given []hydro.Observation // rain
}

func newCounter() *counter {
	return &counter{p: &catalog.Parameter{
		Variable: hydro.RainCounter, Interval: 5 * time.Minute, Limits: catalog.Limits{HasRange: true, High: 1000},
	}}
}

func (c *counter) put(at time.Time, v float64) {
	quality.Check(c.p, catalog.RainStation, &c.h, reading(c.p, at, v), at, nil)
	for _, r := range quality.Differences("a", &c.h, at, nil) {
		c.given = quality.Check(rain(), catalog.RainStation, &c.rain, r, at, c.given)
	}
}

// minutes puts values 5 min apart.
func (c *counter) minutes(values ...float64) {
	for i, v := range values {
		c.put(t0.Add(time.Duration(5*i)*time.Minute), v)
	}
}

// stands describes the rain: minute of the end, length in minutes, mm or "-" if it failed.
func (c *counter) stands() string {
	var out []string
	for _, s := range c.rain.Samples {
		mm := strconv.FormatFloat(s.Value, 'g', -1, 64)
		if s.Quality == hydro.Fail {
			mm = "-"
		}
		out = append(out, strconv.Itoa(int(s.Time().Sub(t0)/time.Minute))+"/"+strconv.Itoa(int(s.Interval/60))+":"+mm)
	}
	return strings.Join(out, " ")
}

func TestRainDerivedBeforeIsReplacedWhenTheCounterIsRevised(t *testing.T) {
	for _, c := range []struct {
		name, want string
		at         int
		values     []float64
	}{
		{"to another value", "5/5:2 10/5:3 15/5:1", 5, []float64{12}},
		{"so that an interval becomes a reset", "5/5:- 10/5:7 15/5:1", 5, []float64{8}},
		{"so that the interval behind becomes a reset", "5/5:9 10/5:- 15/5:1", 5, []float64{19}},
		{"to a value that fails", "5/5:- 10/10:5 15/5:1", 5, []float64{5000}},
		{"to a value that fails, at the start", "5/5:- 10/5:4 15/5:1", 0, []float64{5000}},
		{"to a reset and back", "5/5:2 10/5:3 15/5:1", 5, []float64{8, 12}},
		{"to fail and back", "5/5:1 10/5:4 15/5:1", 5, []float64{5000, 11}},
	} {
		s := newCounter()
		s.minutes(10, 11, 15, 16)
		for _, v := range c.values {
			s.put(t0.Add(time.Duration(c.at)*time.Minute), v)
		}
		if got := s.stands(); got != c.want {
			t.Errorf("revised %s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDerivedRainMayReturnToTheValueThatItHadBefore(t *testing.T) {
	s := newCounter()
	s.minutes(0, 10, 15)
	s.put(t0.Add(10*time.Minute), 16)
	s.put(t0.Add(5*time.Minute), 11)
	if got := s.stands(); got != "5/5:11 10/5:5" {
		t.Error(got)
	}
}

func TestNoRainAndAnIntervalOfAResetAreNotTheSame(t *testing.T) {
	s := newCounter()
	s.minutes(10, 10)
	s.put(t0.Add(5*time.Minute), 8)
	if got := s.stands(); got != "5/5:-" {
		t.Error(got)
	}
}

func TestALateCounterSampleShortensTheIntervalBehindIt(t *testing.T) {
	s := newCounter()
	s.put(t0, 10)
	s.put(t0.Add(10*time.Minute), 16)
	s.put(t0.Add(5*time.Minute), 18) // and turns it into a reset
	if got := s.stands(); got != "5/5:8 10/5:-" {
		t.Error(got)
	}
	last := s.given[len(s.given)-1]
	if !last.At.Equal(t0.Add(10*time.Minute)) || last.Revision != 1 || last.Tests&hydro.TestCounterReset == 0 || last.Quality != hydro.Fail {
		t.Errorf("given out: %+v", last)
	}
}

func TestCounterSamplesWithinASecondLoseNoRain(t *testing.T) {
	s := newCounter()
	s.put(t0, 10)
	s.put(t0.Add(5*time.Minute), 12)
	s.put(t0.Add(5*time.Minute+500*time.Millisecond), 13)
	s.put(t0.Add(10*time.Minute), 14)
	if n := len(s.rain.Samples); n != 3 || s.rain.Samples[1].Value != 3 || s.rain.Samples[2].Value != 1 {
		t.Errorf("got %+v", s.rain.Samples)
	}
}

func TestDerivedRainDoesNotDependOnTheOrderOfArrivalOrOnWhatWasRevised(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sample struct {
			at time.Time
			v  float64
		}
		value := rapid.SampledFrom([]float64{0, 1, 2, 3, 5, 5, 8, 20, 5000})
		var samples []sample
		at := t0
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			at = at.Add(rapid.SampledFrom([]time.Duration{5 * time.Minute, 5 * time.Minute, time.Hour, 300 * time.Millisecond}).Draw(t, "step"))
			samples = append(samples, sample{at, value.Draw(t, "v")})
		}
		ordered, other := newCounter(), newCounter()
		for _, s := range samples {
			ordered.put(s.at, s.v)
		}
		held := map[int64]hydro.Observation{} // by a reader of the outputs
		for _, s := range rapid.Permutation(samples).Draw(t, "order") {
			if wrong := value.Draw(t, "wrong"); rapid.Bool().Draw(t, "revised") {
				other.put(s.at, wrong)
			}
			other.put(s.at, s.v)
		}
		for _, o := range other.given {
			if was := held[o.At.UnixMilli()]; o.Revision >= was.Revision {
				held[o.At.UnixMilli()] = o
			}
		}
		rains := func(h *hydro.History) []hydro.Sample {
			out := verdicts(h.Samples)
			for i := range out {
				out[i].Revision, out[i].Superseded = 0, 0
				out[i].Tests &^= hydro.TestRevision
			}
			return out
		}
		if d := cmp.Diff(rains(&ordered.rain), rains(&other.rain)); d != "" {
			t.Fatal(d)
		}
		for _, s := range other.rain.Samples {
			if o := held[s.At]; o.Value != s.Value || o.Quality != s.Quality || o.Tests != s.Tests || o.Interval != time.Duration(s.Interval)*time.Second {
				t.Fatalf("given out %+v, held %+v", o, s)
			}
		}
	})
}

func TestALateCounterSampleSplitsTheRainAroundIt(t *testing.T) {
	s := newSeries(t, &catalog.Parameter{Variable: hydro.RainCounter, Interval: 5 * time.Minute})
	s.put(0, 10)
	s.put(10, 16)
	s.put(5, 11)
	got := quality.Differences("a", &s.h, t0.Add(5*time.Minute), nil)
	if len(got) != 2 || got[0].Raw != 1 || got[1].Raw != 5 || got[1].Interval != 5*time.Minute || !got[1].At.Equal(t0.Add(10*time.Minute)) {
		t.Errorf("got %+v", got)
	}
	// The rain of the second half replaces that of the whole although the instant is the same.
	rainSeries := newSeries(t, rain())
	whole := reading(rainSeries.p, t0.Add(10*time.Minute), 5)
	whole.Interval = 10 * time.Minute
	rainSeries.reading(whole, t0)
	if obs := rainSeries.reading(got[1], t0); len(obs) != 1 || obs[0].Revision != 1 || obs[0].Interval != 5*time.Minute {
		t.Errorf("got %+v", obs)
	}
}

func TestDrizzleAtTheGaugesResolutionIsNotStuckForHalfADay(t *testing.T) {
	s := newSeries(t, rain())
	got := s.run(slices.Repeat([]float64{0.2}, 12*12+2)...)
	want(t, got[12*12-1], hydro.Pass, 0)
	want(t, got[12*12], hydro.Suspect, hydro.TestStuck)
}

// drawReadings draws readings of distinct instants, rough enough to fire every test.
func drawReadings(t *rapid.T, p *catalog.Parameter) []hydro.Reading {
	n := rapid.IntRange(1, 60).Draw(t, "n")
	minute := 0
	v := 3.0
	var out []hydro.Reading
	for range n {
		minute += rapid.SampledFrom([]int{5, 5, 5, 5, 5, 1, 10, 60, 200}).Draw(t, "step")
		v += rapid.SampledFrom([]float64{0, 0, 0, 0.01, -0.01, 0.3, -0.3, 0.6}).Draw(t, "move")
		x := v + rapid.SampledFrom([]float64{0, 0, 0, 0, 0, 0.7, -0.7, 3, -3, 100}).Draw(t, "error")
		if p.Variable == hydro.Rain {
			x = rapid.SampledFrom([]float64{0, 1.2, 1.2, 1.2, 0.2, 0.2, 25, 300}).Draw(t, "rain")
		}
		out = append(out, reading(p, t0.Add(time.Duration(minute)*time.Minute), math.Round(x*1000)/1000))
	}
	return out
}

func drawParameter(t *rapid.T) *catalog.Parameter {
	if rapid.Bool().Draw(t, "rain?") {
		p := rain()
		p.Limits.StuckAfter = rapid.SampledFrom([]time.Duration{0, 10 * time.Minute, 30 * time.Minute}).Draw(t, "stuck after")
		return p
	}
	p := level()
	p.Limits.StuckAfter = rapid.SampledFrom([]time.Duration{0, 20 * time.Minute, time.Hour}).Draw(t, "stuck after")
	p.Limits.StepFail = rapid.SampledFrom([]float64{0, 2}).Draw(t, "step fail")
	return p
}

// verdicts drops what may depend on the time of arrival.
func verdicts(samples []hydro.Sample) []hydro.Sample {
	out := slices.Clone(samples)
	for i := range out {
		out[i].Received = 0
		out[i].Tests &^= hydro.TestLate
	}
	return out
}

func TestVerdictsDoNotDependOnTheOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParameter(t)
		readings := drawReadings(t, p)
		var ordered, shuffled hydro.History
		for _, r := range readings {
			quality.Check(p, catalog.LevelStation, &ordered, r, r.At, nil)
		}
		// What a reader of the outputs holds in the end is what the history says.
		held := map[int64]hydro.Observation{}
		for i, r := range rapid.Permutation(readings).Draw(t, "order") {
			received := t0.Add(time.Duration(i) * time.Hour)
			for _, o := range quality.Check(p, catalog.LevelStation, &shuffled, r, received, nil) {
				held[o.At.UnixMilli()] = o
			}
			if !slices.IsSortedFunc(shuffled.Samples, func(a, b hydro.Sample) int { return int(a.At - b.At) }) || len(shuffled.Samples) != i+1 {
				t.Fatalf("after %d readings: %v", i+1, shuffled.Samples)
			}
		}
		if d := cmp.Diff(verdicts(ordered.Samples), verdicts(shuffled.Samples)); d != "" {
			t.Fatal(d)
		}
		for i, r := range readings {
			s := shuffled.Samples[i]
			if s.At != r.At.UnixMilli() || s.Raw != r.Raw || s.Value != r.Value {
				t.Fatalf("reading %+v became %+v", r, s)
			}
			o := held[s.At]
			if o.Quality != s.Quality || o.Tests != s.Tests || o.Raw != r.Raw || (o.Why != "") != (o.Tests != 0) {
				t.Fatalf("given out %+v, held %+v", o, s)
			}
		}
	})
}

func TestRedeliveredReadingsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParameter(t)
		readings := drawReadings(t, p)
		var h hydro.History
		for i, r := range readings {
			quality.Check(p, catalog.LevelStation, &h, r, r.At, nil)
			before := slices.Clone(h.Samples)
			again := readings[rapid.IntRange(0, i).Draw(t, "again")]
			if out := quality.Check(p, catalog.LevelStation, &h, again, r.At.Add(time.Hour), nil); len(out) != 0 {
				t.Fatalf("gave out %+v", out)
			}
			if d := cmp.Diff(before, h.Samples); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func TestARevisionGivesTheVerdictsOfTheRevisedSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParameter(t)
		readings := drawReadings(t, p)
		i := rapid.IntRange(0, len(readings)-1).Draw(t, "revised")
		var right, revised hydro.History
		for k, r := range readings {
			quality.Check(p, catalog.LevelStation, &right, r, r.At, nil)
			if k == i {
				r.Raw, r.Value = r.Raw+1.5, r.Value+1.5
			}
			quality.Check(p, catalog.LevelStation, &revised, r, r.At, nil)
		}
		quality.Check(p, catalog.LevelStation, &revised, readings[i], readings[i].At, nil)
		got := verdicts(revised.Samples)
		got[i].Revision, got[i].Superseded = 0, 0
		got[i].Tests &^= hydro.TestRevision
		if d := cmp.Diff(verdicts(right.Samples), got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestLaGrangeDropoutIsFlaggedAndItsNeighboursPass(t *testing.T) {
	f, err := os.Open(filepath.Join(sharedData(t), "lower_colorado_chain", "lower_colorado_5min_20200601_0619.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no recorded data beside the project: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := slices.Index(rows[0], "h_LaGrange_m")
	p := level()
	p.Limits.StuckAfter = 0
	p.Limits.Low, p.Limits.SuspectLow = -5, -4 // as if nothing were known of the river
	s := newSeries(t, p)
	for _, row := range rows[1:] {
		at, err := time.Parse("2006-01-02 15:04", row[0])
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(row[column]), 64)
		if err != nil {
			t.Fatal(err)
		}
		s.reading(reading(p, at, v), at)
	}
	dropout := time.Date(2020, 6, 2, 16, 25, 0, 0, time.UTC)
	for _, g := range s.h.Samples {
		if g.Time().Equal(dropout) {
			want(t, g, hydro.Fail, hydro.TestStep|hydro.TestSpike)
		} else {
			want(t, g, hydro.Pass, 0)
		}
	}
}

// sharedData returns the folder of recorded data beside the repository.
func sharedData(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "data")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

func FuzzCheckKeepsHistorySortedAndWhole(f *testing.F) {
	f.Add([]byte{0, 10, 5, 200, 1, 1, 1, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := level()
		var h hydro.History
		sent := map[int64][]float64{}
		for len(data) >= 2 {
			r := reading(p, t0.Add(time.Duration(data[0])*time.Minute), float64(int8(data[1]))/8)
			data = data[2:]
			quality.Check(p, catalog.LevelStation, &h, r, t0, nil)
			sent[r.At.UnixMilli()] = append(sent[r.At.UnixMilli()], r.Raw)
			again := slices.Clone(h.Samples)
			if out := quality.Check(p, catalog.LevelStation, &h, r, t0.Add(time.Hour), nil); len(out) != 0 || !slices.Equal(again, h.Samples) {
				t.Fatalf("a resend at once gave out %+v", out)
			}
		}
		if len(h.Samples) != len(sent) {
			t.Fatalf("%d samples of %d instants", len(h.Samples), len(sent))
		}
		for i, s := range h.Samples {
			if i > 0 && h.Samples[i-1].At >= s.At || !slices.Contains(sent[s.At], s.Raw) {
				t.Fatalf("sample %d: %+v", i, s)
			}
		}
	})
}

func TestAnOrdinaryReadingAllocatesNothing(t *testing.T) {
	p := level()
	h := hydro.History{Samples: make([]hydro.Sample, 0, 4096)}
	out := make([]hydro.Observation, 0, 1)
	i := 0
	n := testing.AllocsPerRun(2000, func() {
		i++
		r := reading(p, t0.Add(time.Duration(i)*5*time.Minute), 3+0.01*float64(i%7))
		out = quality.Check(p, catalog.LevelStation, &h, r, r.At, out[:0])
	})
	if n != 0 || out[0].Quality != hydro.Pass {
		t.Errorf("%g allocations; %+v", n, out)
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct {
		name string
		p    *catalog.Parameter
		flat bool
	}{{"level", level(), false}, {"flat level", level(), true}, {"rain", rain(), false}} {
		b.Run(c.name, func(b *testing.B) {
			var h hydro.History
			out := make([]hydro.Observation, 0, 1)
			i := 0
			for b.Loop() {
				i++
				v := 3 + 0.01*float64(i%7)
				if c.flat {
					v = 3 + 0.01*float64(i/20%2)
				}
				r := reading(c.p, t0.Add(time.Duration(i)*5*time.Minute), v)
				out = quality.Check(c.p, catalog.LevelStation, &h, r, r.At, out[:0])
				h.Prune(r.At.UnixMilli() - 96*3600_000)
			}
		})
	}
}
