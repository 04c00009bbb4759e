package quality_test

import (
	"encoding/csv"
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

// A series feeds one history.
// put checks v at t0 plus min minutes, on time.
// run checks values 5 min apart and returns the verdicts that stand in the end.
func TestAnOrdinaryReadingPassesWithoutNotes(t *testing.T) {
	s := newSeries(t, level())
	s.put(0, 3)
	got := s.put(5, 3.1)
	at := t0.Add(5 * time.Minute)
	wanted := []hydro.Observation{{
		Reading: hydro.Reading{Key: levelKey, At: at, Raw: 3.1, Value: 3.1, Datum: hydro.PearlRiver},
		Quality: hydro.Pass, Ran: hydro.TestRange | hydro.TestStep | hydro.TestSpike | hydro.TestStuck | hydro.TestGap | hydro.TestLate, ReceivedAt: at.Add(time.Second),
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
	}{{catalog.TideStation, hydro.Suspect}, {catalog.ReservoirStation, hydro.Pass}} {
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

// A counter feeds the history of a rain counter and that of the rain derived from it.
// minutes puts values 5 min apart.
// stands describes the rain: minute of the end, length in minutes, mm or "-" if it failed.
func TestDrizzleAtTheGaugesResolutionIsNotStuckForHalfADay(t *testing.T) {
	s := newSeries(t, rain())
	got := s.run(slices.Repeat([]float64{0.2}, 12*12+2)...)
	want(t, got[12*12-1], hydro.Pass, 0)
	want(t, got[12*12], hydro.Suspect, hydro.TestStuck)
}

// drawReadings draws readings of distinct instants, rough enough to fire every test.
// verdicts drops what may depend on the time of arrival.
func TestLaGrangeDropoutIsFlaggedAndItsNeighboursPass(t *testing.T) {
	f, err := os.Open(filepath.Join(sharedData(t), "lower_colorado_chain", "lower_colorado_5min_20200601_0619.csv"))
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
