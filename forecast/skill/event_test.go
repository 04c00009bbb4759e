package skill_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/skill"
)

var start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func hour(h float64) time.Time { return start.Add(time.Duration(h * float64(time.Hour))) }

func hourly(n int) []time.Time {
	at := make([]time.Time, n)
	for i := range at {
		at[i] = hour(float64(i))
	}
	return at
}

func TestFloodsArePeaksOverAThreshold(t *testing.T) {
	nan := math.NaN()
	values := []float64{1, 5, 7, 4, 1, 6, 1, 1, 1, 1, 9, nan, 8, 1, 5}
	got, err := skill.Events(hourly(len(values)), values, 5, 4*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	want := []skill.Event{
		{From: hour(1), To: hour(5), PeakAt: hour(2), PeakUntil: hour(2), Peak: 7, First: 1, Last: 5},                  // 3 h below do not part
		{From: hour(10), To: hour(14), PeakAt: hour(10), PeakUntil: hour(10), Peak: 9, First: 10, Last: 14, Cut: true}, // a gap does not either; the record ends within
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = skill.Events(hourly(len(values)), values, 5, 0)
	if err != nil || len(got) != 4 || got[2].From != hour(10) || got[2].To != hour(12) || got[2].Cut || !got[3].Cut {
		t.Errorf("with no separation: %+v, %v", got, err)
	}
}

func TestACrestMayBeFlat(t *testing.T) {
	got, err := skill.Events(hourly(9), []float64{1, 6, 8, 8, 8, 7, 8, 6, 1}, 5, time.Hour)
	if err != nil || len(got) != 1 || got[0].PeakAt != hour(2) || got[0].PeakUntil != hour(4) {
		t.Errorf("%+v, %v: want a crest from hour 2 to 4", got, err)
	}
}

// The events hold all values at or above the threshold and lie at least the
// separation apart.
func TestEventsHoldAllThatExceeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 10), 1, 60).Draw(t, "values")
		threshold := rapid.Float64Range(1, 9).Draw(t, "threshold")
		separation := time.Duration(rapid.IntRange(0, 8).Draw(t, "separation")) * time.Hour
		events, err := skill.Events(hourly(len(values)), values, threshold, separation)
		if err != nil {
			t.Fatal(err)
		}
		within := make([]bool, len(values))
		for k, e := range events {
			top := math.Inf(-1)
			for i := e.First; i <= e.Last; i++ {
				within[i] = true
				top = max(top, values[i])
			}
			if e.Peak != top || e.Peak < threshold || values[e.First] < threshold || values[e.Last] < threshold {
				t.Fatalf("%+v of %v", e, values)
			}
			if k > 0 && e.From.Sub(events[k-1].To) < separation {
				t.Fatalf("%s between %+v and %+v", e.From.Sub(events[k-1].To), events[k-1], e)
			}
		}
		for i, v := range values {
			if v >= threshold && !within[i] {
				t.Fatalf("value %d, %g, is in no event", i, v)
			}
		}
	})
}

func TestEventsRefuseWhatTheyCannotOrder(t *testing.T) {
	for want, f := range map[string]func() error{
		"does not lie after": func() error { _, err := skill.Events([]time.Time{hour(1), hour(1)}, []float64{1, 2}, 0, 0); return err },
		"threshold NaN":      func() error { _, err := skill.Events(nil, nil, math.NaN(), 0); return err },
		"separation -1h0m0s": func() error { _, err := skill.Events(nil, nil, 1, -time.Hour); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestContingencyOfACaseByHand(t *testing.T) {
	observed := []float64{1, 5, 6, 2, 7, 3, 5, 1}
	forecast := []float64{1, 6, 4, 5, 8, 2, 5, 9}
	c := skill.Exceedances(observed, forecast, 5) // hits 1, 4, 6; miss 2; false 3, 7; neither 0, 5
	if want := (skill.Contingency{Hits: 3, Misses: 1, FalseAlarms: 2, CorrectNegatives: 2}); c != want {
		t.Fatalf("%+v, want %+v", c, want)
	}
	if !near(c.POD(), 0.75) || !near(c.FAR(), 0.4) || !near(c.CSI(), 0.5) {
		t.Errorf("POD %g, FAR %g, CSI %g", c.POD(), c.FAR(), c.CSI())
	}
	var none skill.Contingency
	if !math.IsNaN(none.POD()) || !math.IsNaN(none.FAR()) || !math.IsNaN(none.CSI()) {
		t.Error("scores of nothing are defined")
	}
}

func TestWarningsMeetCrossingsOfACaseByHand(t *testing.T) {
	span := func(from, to float64) skill.Span { return skill.Span{From: hour(from), To: hour(to)} }
	open := func(s skill.Span) skill.Span { s.Open = true; return s }
	crossings := []skill.Span{
		open(span(0, 4)), // began before the record: not judged
		span(20, 30),     // warned at 14: 6 h before
		span(40, 50),     // warned at 41: 1 h late
		span(60, 62),     // never warned
		span(80, 84),     // warned at 80: at once
		span(90, 92),     // the same warning stands on: foreseen since 84
		span(200, 210),   // warned at 190, lowered at 198: taken back too soon
	}
	warnings := []skill.Span{span(1, 5), span(14, 31), span(41, 52), span(80, 95), span(100, 110), span(190, 198), open(span(220, 230))}
	got := skill.Warnings(crossings, warnings)
	want := skill.WarningScore{
		Crossings: 6, InTime: 3, Late: 1, Missed: 2, FalseAlarms: 2, Undecided: 2,
		Leads: []time.Duration{6 * time.Hour, -time.Hour, 0, 6 * time.Hour},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := got.Contingency(); c != (skill.Contingency{Hits: 3, Misses: 3, FalseAlarms: 2}) {
		t.Errorf("%+v", c)
	}
}

func TestEveryCrossingIsCountedOnce(t *testing.T) {
	spans := func(t *rapid.T, name string) []skill.Span {
		var out []skill.Span
		at := 0.0
		for range rapid.IntRange(0, 6).Draw(t, name) {
			from := at + float64(rapid.IntRange(1, 20).Draw(t, "apart"))
			at = from + float64(rapid.IntRange(1, 20).Draw(t, "long"))
			out = append(out, skill.Span{From: hour(from), To: hour(at), Open: rapid.IntRange(0, 9).Draw(t, "open") == 0})
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		crossings, warnings := spans(t, "crossings"), spans(t, "warnings")
		s := skill.Warnings(crossings, warnings)
		if s.InTime+s.Late+s.Missed != s.Crossings || len(s.Leads) != s.InTime+s.Late || s.Crossings > len(crossings) {
			t.Fatalf("%+v of %d crossings", s, len(crossings))
		}
		if perfect := skill.Warnings(crossings, crossings); perfect.InTime != perfect.Crossings || perfect.FalseAlarms != 0 {
			t.Fatalf("warnings that are the crossings: %+v", perfect)
		}
	})
}

func TestCoverageCountsTheEdges(t *testing.T) {
	o := []float64{1, 2, 3, 4}
	if got := skill.Coverage(o, []float64{1, 1, 3.1, 0}, []float64{2, 2, 5, 3}); got != 0.5 {
		t.Errorf("%g", got)
	}
	if !math.IsNaN(skill.Coverage(nil, nil, nil)) {
		t.Error("coverage of nothing is defined")
	}
}

func ExampleEvents() {
	start := time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
	var at []time.Time
	values := []float64{120, 480, 910, 640, 210, 130} // m³/s
	for i := range values {
		at = append(at, start.Add(time.Duration(i)*6*time.Hour))
	}
	events, err := skill.Events(at, values, 400, 24*time.Hour)
	if err != nil {
		panic(err)
	}
	for _, e := range events {
		fmt.Println(e.Peak, "m³/s at", e.PeakAt.Format("01-02 15:04"))
	}
	// Output: 910 m³/s at 06-10 12:00
}

func ExampleProfile() {
	p := skill.GBT22482of2008
	observed := []float64{200, 420, 610, 560, 380}
	forecast := []float64{210, 400, 640, 530, 390}
	qualified := 0
	for i := range observed {
		if math.Abs(forecast[i]-observed[i]) <= p.FlowTolerance(150, observed[i]) { // issued at 150 m³/s
			qualified++
		}
	}
	qr := float64(qualified) / float64(len(observed))
	dc := skill.NSE(observed, forecast)
	fmt.Printf("DC %.3f, QR %.0f %%: %s (%s)\n", dc, 100*qr, p.Scheme(dc, qr).ZH(), p.Name)
	// Output: DC 0.977, QR 100 %: 甲 (GB/T 22482-2008)
}
