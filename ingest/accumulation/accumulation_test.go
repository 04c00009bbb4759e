package accumulation_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest/accumulation"
	"freshet/internal/hydro"
)

var (
	now     = time.Date(2026, 6, 3, 4, 30, 0, 0, time.UTC) // 12:30 in Beijing
	beijing = time.FixedZone("CST", 8*3600)
)

const dayStart = 8 * time.Hour

func sample(ago, interval time.Duration, mm float64, q hydro.Quality) hydro.Sample {
	return hydro.Sample{At: now.Add(-ago).UnixMilli(), Value: mm, Raw: mm, Interval: int32(interval / time.Second), Quality: q}
}

func history(samples ...hydro.Sample) *hydro.History {
	var h hydro.History
	for _, s := range samples {
		h.Put(s)
	}
	return &h
}

func sums(h *hydro.History) map[time.Duration]accumulation.Sum {
	out := map[time.Duration]accumulation.Sum{}
	for _, s := range accumulation.Sums(h, now, dayStart, beijing, nil) {
		out[s.Window] = s
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) }

func TestNoHistoryIsNoRainAndNoCoverage(t *testing.T) {
	for _, h := range []*hydro.History{nil, {}} {
		got := accumulation.Sums(h, now, dayStart, beijing, nil)
		if len(got) != len(accumulation.Windows)+1 {
			t.Fatalf("%d sums", len(got))
		}
		for i, s := range got {
			if s.Rain != 0 || s.Coverage != 0 || i < len(accumulation.Windows) && s.Window != accumulation.Windows[i] {
				t.Errorf("%+v", s)
			}
		}
		if day := got[len(got)-1]; day.Window != 0 || !day.From.Equal(time.Date(2026, 6, 3, 0, 0, 0, 0, time.UTC)) || !day.To.Equal(now) {
			t.Errorf("%+v", day)
		}
	}
}

func TestEveryWindowSumsItsReports(t *testing.T) {
	var h hydro.History
	for i := range 96 * 12 { // 1 mm each 5 min for 96 h
		h.Put(sample(time.Duration(i)*5*time.Minute, 5*time.Minute, 1, hydro.Pass))
	}
	got := sums(&h)
	for _, w := range accumulation.Windows {
		if s := got[w]; !near(s.Rain, float64(w/(5*time.Minute))) || s.Coverage != 1 || !s.From.Equal(now.Add(-w)) || !s.To.Equal(now) {
			t.Errorf("%s: %+v", w, s)
		}
	}
	if day := got[0]; !near(day.Rain, 54) || day.Coverage != 1 { // 08:00 to 12:30
		t.Errorf("day: %+v", day)
	}
}

func TestAReportPartlyInAWindowEntersByItsShareOfTime(t *testing.T) {
	got := sums(history(sample(20*time.Minute, time.Hour, 60, hydro.Pass)))
	for w, mm := range map[time.Duration]float64{
		15 * time.Minute: 0, 30 * time.Minute: 10, time.Hour: 40, 2 * time.Hour: 60,
	} {
		if s := got[w]; !near(s.Rain, mm) || !near(s.Coverage, mm/60*float64(time.Hour)/float64(w)) {
			t.Errorf("%s: %+v, want %g mm", w, s, mm)
		}
	}
	// A report that ends after now enters by what lies before it.
	if s := sums(history(sample(-20*time.Minute, time.Hour, 60, hydro.Pass)))[time.Hour]; !near(s.Rain, 40) {
		t.Errorf("%+v", s)
	}
}

func TestFailedReportsAreLeftOutAndSuspectOnesCount(t *testing.T) {
	got := sums(history(
		sample(0, 5*time.Minute, 1, hydro.NotEvaluated),
		sample(5*time.Minute, 5*time.Minute, 30, hydro.Suspect),
		sample(10*time.Minute, 5*time.Minute, 300, hydro.Fail),
	))
	if s := got[15*time.Minute]; !near(s.Rain, 31) || !near(s.Coverage, 2.0/3) {
		t.Errorf("%+v", s)
	}
}

func TestHourlyTotalsBesideFiveMinuteReportsDoNotCountTwice(t *testing.T) {
	var h hydro.History
	for i := 1; i < 12; i++ { // the report of the full hour is the hourly total's instant
		h.Put(sample(time.Duration(i)*5*time.Minute, 5*time.Minute, 2, hydro.Pass))
	}
	h.Put(sample(0, time.Hour, 30, hydro.Pass))
	got := sums(&h)
	if s := got[time.Hour]; !near(s.Rain, 30) || s.Coverage != 1 {
		t.Errorf("%+v", s)
	}
	if s := got[5*time.Minute]; !near(s.Rain, 8) { // what the finer ones leave of the total
		t.Errorf("%+v", s)
	}
	if s := got[30*time.Minute]; !near(s.Rain, 8+5*2) {
		t.Errorf("%+v", s)
	}
	// A total below the sum of the finer ones takes nothing away.
	h.Put(sample(0, time.Hour, 3, hydro.Pass))
	if s := sums(&h)[time.Hour]; !near(s.Rain, 22) {
		t.Errorf("%+v", s)
	}
}

func TestGaugesWithInexactClocksLoseNothing(t *testing.T) {
	var h hydro.History
	for i := range 12 {
		off := time.Duration(i*7%5-2) * 4 * time.Second
		h.Put(sample(time.Duration(i)*5*time.Minute+5*time.Minute+off, 5*time.Minute, 1, hydro.Pass))
	}
	if s := sums(&h)[3*time.Hour]; !near(s.Rain, 12) {
		t.Errorf("%+v", s)
	}
}

func TestTheHydrologicalDayBeginsAtEightInTheStationsZone(t *testing.T) {
	for _, c := range []struct{ now, from string }{
		{"2026-06-03 07:59", "2026-06-02 08:00"},
		{"2026-06-03 08:00", "2026-06-02 08:00"}, // the whole day that ends
		{"2026-06-03 08:01", "2026-06-03 08:00"},
		{"2026-06-03 23:59", "2026-06-03 08:00"},
		{"2026-06-01 03:00", "2026-05-31 08:00"},
	} {
		at, _ := time.ParseInLocation("2006-01-02 15:04", c.now, beijing)
		got := accumulation.Sums(nil, at, dayStart, beijing, nil)
		if from := got[len(got)-1].From.In(beijing).Format("2006-01-02 15:04"); from != c.from {
			t.Errorf("%s: from %s, want %s", c.now, from, c.from)
		}
	}
}

func TestALateReadingChangesOnlyTheWindowsItTouches(t *testing.T) {
	var h hydro.History
	for i := range 96 * 12 {
		if i != 20 { // the report that ended 100 min ago
			h.Put(sample(time.Duration(i)*5*time.Minute, 5*time.Minute, 1, hydro.Pass))
		}
	}
	before := accumulation.Sums(&h, now, dayStart, beijing, nil)
	h.Put(sample(100*time.Minute, 5*time.Minute, 4, hydro.Pass))
	after := accumulation.Sums(&h, now, dayStart, beijing, nil)
	changes := accumulation.Changed(before, after)
	var touched []time.Duration
	for _, c := range changes {
		touched = append(touched, c.Window)
		if !near(c.After-c.Before, 4) || c.CoverageAfter != 1 || c.CoverageBefore >= 1 {
			t.Errorf("%+v", c)
		}
	}
	if d := cmp.Diff(append(slices.Clone(accumulation.Windows[5:]), 0), touched); d != "" {
		t.Error(d)
	}
	if c := accumulation.Changed(after, after); len(c) != 0 {
		t.Errorf("%+v", c)
	}
}

func drawSamples(t *rapid.T) []hydro.Sample {
	n := rapid.IntRange(0, 80).Draw(t, "n")
	ago := time.Duration(rapid.IntRange(-3600, 3600).Draw(t, "first")) * time.Second
	var out []hydro.Sample
	for range n {
		interval := rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute, 5 * time.Minute, 5 * time.Minute, time.Hour, 6 * time.Hour}).Draw(t, "interval")
		out = append(out, sample(ago, interval, float64(rapid.IntRange(0, 400).Draw(t, "mm"))/10,
			rapid.SampledFrom([]hydro.Quality{hydro.Pass, hydro.Pass, hydro.Suspect, hydro.NotEvaluated, hydro.Fail}).Draw(t, "quality")))
		ago += rapid.SampledFrom([]time.Duration{5 * time.Minute, 5 * time.Minute, 5*time.Minute + 3*time.Second, 299 * time.Second, 17 * time.Second, time.Hour, 9 * time.Hour}).Draw(t, "step")
	}
	return out
}

func TestSumsAreThoseOfReadingsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := drawSamples(t)
		ordered := accumulation.Sums(history(samples...), now, dayStart, beijing, nil)
		shuffled := accumulation.Sums(history(rapid.Permutation(samples).Draw(t, "order")...), now, dayStart, beijing, nil)
		if d := cmp.Diff(ordered, shuffled); d != "" {
			t.Fatal(d)
		}
	})
}

func TestALongerWindowNeverHoldsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := accumulation.Sums(history(drawSamples(t)...), now, dayStart, beijing, nil)
		for i := range accumulation.Windows {
			s := got[i]
			if s.Coverage < 0 || s.Coverage > 1 || s.Rain < 0 || math.IsNaN(s.Rain) {
				t.Fatalf("%+v", s)
			}
			if i > 0 && s.Rain < got[i-1].Rain {
				t.Fatalf("%+v after %+v", s, got[i-1])
			}
		}
		if day := got[len(got)-1]; day.Coverage < 0 || day.Coverage > 1 {
			t.Fatalf("%+v", day)
		}
	})
}

func TestAWindowIsTheSumOfItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history(drawSamples(t)...)
		at := now.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "minutes")) * time.Minute)
		// Cut where no report straddles, so that each half sees the same reports.
		for _, s := range h.Samples {
			if s.At > at.UnixMilli() && s.At-int64(s.Interval)*1000 < at.UnixMilli() {
				return
			}
		}
		pick := func(at time.Time, w time.Duration) float64 {
			for _, s := range accumulation.Sums(h, at, dayStart, beijing, nil) {
				if s.Window == w {
					return s.Rain
				}
			}
			t.Fatal("no such window")
			return 0
		}
		w := rapid.SampledFrom([]time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}).Draw(t, "window")
		whole := pick(at, 2*w)
		for _, s := range h.Samples { // nor at the seam between the halves
			seam := at.Add(-w).UnixMilli()
			if s.At > seam && s.At-int64(s.Interval)*1000 < seam {
				return
			}
		}
		if parts := pick(at, w) + pick(at.Add(-w), w); !near(whole, parts) {
			t.Fatalf("%s up to %s: %g mm, its halves %g mm", 2*w, at, whole, parts)
		}
	})
}

func TestRainIsNeitherMadeNorLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Reports side by side, of any length: 72 h hold their total.
		var h hydro.History
		ago, total := time.Duration(0), 0.0
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			interval := rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour}).Draw(t, "interval")
			mm := float64(rapid.IntRange(0, 300).Draw(t, "mm")) / 10
			h.Put(sample(ago, interval, mm, hydro.Pass))
			ago, total = ago+interval, total+mm
		}
		if s := sums(&h)[72*time.Hour]; !near(s.Rain, total) || !near(s.Coverage, float64(ago)/float64(72*time.Hour)) {
			t.Fatalf("%+v, want %g mm", s, total)
		}
	})
}

func BenchmarkSums(b *testing.B) {
	var fine, mixed hydro.History
	for i := range 96 * 12 {
		s := sample(time.Duration(i)*5*time.Minute, 5*time.Minute, 0.2, hydro.Pass)
		fine.Put(s)
		if i%12 == 6 {
			s.Interval, s.Value = 3600, 3
		}
		mixed.Put(s)
	}
	for _, c := range []struct {
		name string
		h    *hydro.History
	}{{"reports=5min", &fine}, {"reports=5min+1h", &mixed}} {
		b.Run(c.name, func(b *testing.B) {
			out := make([]accumulation.Sum, 0, 16)
			b.ReportAllocs()
			for b.Loop() {
				out = accumulation.Sums(c.h, now, dayStart, beijing, out[:0])
			}
		})
	}
}
