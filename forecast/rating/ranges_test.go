package rating_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/forecast/rating"
)

func ranges(t testing.TB, o rating.Options, r ...rating.Range) *rating.Table {
	t.Helper()
	out, err := rating.NewRanges(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRangesAreInverseAndMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "n")
		low := rapid.Float64Range(-5, 200).Draw(t, "low")
		bottom, end := low, 0.0 // m³/s at the end of the range before
		var rs []rating.Range
		for range n {
			r := rating.Range{Low: low, High: low + rapid.Float64Range(0.1, 3).Draw(t, "width")}
			r.H0 = low - rapid.Float64Range(0.05, 3).Draw(t, "depth")
			r.B = rapid.Float64Range(0.5, 4).Draw(t, "b")
			from := max(0.1, end) * rapid.Float64Range(1, 1.02).Draw(t, "leap") // rounding may bring it below
			r.C = from / math.Pow(r.Low-r.H0, r.B)
			end = r.C * math.Pow(r.High-r.H0, r.B)
			rs = append(rs, r)
			low = r.High
		}
		tab, err := rating.NewRanges(rs, rating.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a := rapid.Float64Range(bottom-4, low+3).Draw(t, "a")
		b := rapid.Float64Range(bottom-4, low+3).Draw(t, "b")
		qa, beyond := tab.Discharge(a)
		qb, _ := tab.Discharge(b)
		if a < b && qa > qb*(1+1e-12) {
			t.Fatalf("%g m³/s at %g m and %g m³/s at %g m", qa, a, qb, b)
		}
		if want := a < bottom-1e-4 || a > low+1e-4; beyond != want {
			t.Fatalf("%g m with measurements from %g to %g m: extrapolated %v", a, bottom, low, beyond)
		}
		// Near h0 the power law is flat for b > 1, and what rounding leaves of q says less of h.
		if back, _ := tab.Level(qa); qa > 1e-6 && math.Abs(back-a) > 1e-9*(1+math.Abs(a)) {
			t.Fatalf("%g m came back as %g m", a, back)
		}
		q := rapid.Float64Range(0.01, 2*end).Draw(t, "q")
		h, _ := tab.Level(q)
		leaps := false
		for _, j := range tab.Joins() {
			leaps = leaps || j.Jump() > 0 && h == j.Level
		}
		if back, _ := tab.Discharge(h); !leaps && math.Abs(back-q) > 1e-9*q {
			t.Fatalf("%g m³/s came back as %g m³/s by way of %g m", q, back, h)
		}
	})
}

func TestJoinsSayWhatTheLawsGive(t *testing.T) {
	// 10 (h-0)^2 gives 40 at 2 m: 1 less than 41 (leap), then falls from 92.25 to 92.24.
	tab := ranges(t, rating.Options{},
		rating.Range{Low: 1, High: 2, C: 10, B: 2},
		rating.Range{Low: 2, High: 3, C: 10.25, B: 2},
		rating.Range{Low: 3, High: 5, C: 92.24 / 3, B: 1})
	joins := tab.Joins()
	if len(joins) != 2 {
		t.Fatalf("%d joins", len(joins))
	}
	if j := joins[0]; j.Given != 2 || j.Level != 2 || j.Below != 40 || j.Above != 41 || j.Jump() != 1 {
		t.Errorf("first join %+v", j)
	}
	// 10.25 h² = 92.24/3 h at 92.24/30.75 m.
	if j := joins[1]; math.Abs(j.Level-92.24/30.75) > 1e-12 || j.Given != 3 || j.Jump() != 0 || math.Abs(j.Above-92.24) > 1e-9 {
		t.Errorf("second join %+v", j)
	}
	for q, want := range map[float64]float64{40.5: 2, 40: 2, 41: 2, 0: 0, -1: 0, 92.25: 9.225 / 9.224 * 3} {
		if h, _ := tab.Level(q); math.Abs(h-want) > 1e-12 {
			t.Errorf("%g m³/s stands at %.9f m, want %.9f", q, h, want)
		}
	}
	if q, beyond := tab.Discharge(-1); q != 0 || !beyond {
		t.Errorf("below h0: %g m³/s, extrapolated %v", q, beyond)
	}
	if q, beyond := tab.Discharge(math.NaN()); q == q || beyond {
		t.Errorf("NaN gives %g, %v", q, beyond)
	}
}

func TestBadRangesAreRefusedWithTheirNumbers(t *testing.T) {
	good := rating.Range{Low: 1, High: 2, C: 10, B: 2}
	for name, c := range map[string]struct {
		want string
		o    rating.Options
		r    []rating.Range
	}{
		"none":              {"no range", rating.Options{}, nil},
		"no coefficient":    {"c = 0", rating.Options{}, []rating.Range{{Low: 1, High: 2, B: 2}}},
		"no exponent":       {"b = 0", rating.Options{}, []rating.Range{{Low: 1, High: 2, C: 1}}},
		"NaN":               {"h0 = NaN", rating.Options{}, []rating.Range{{Low: 1, High: 2, C: 1, B: 1, H0: math.NaN()}}},
		"infinite":          {"c = +Inf", rating.Options{}, []rating.Range{{Low: 1, High: 2, C: math.Inf(1), B: 1}}},
		"upside down":       {"range 1 (2 to 1 m", rating.Options{}, []rating.Range{{Low: 2, High: 1, C: 1, B: 1}}},
		"begins below h0":   {"h0 = 1.5 m", rating.Options{}, []rating.Range{{Low: 1, High: 2, C: 1, B: 1, H0: 1.5}}},
		"gap":               {"range 2 begins at 2.1 m and the one before ends at 2 m", rating.Options{}, []rating.Range{good, {Low: 2.1, High: 3, C: 10, B: 2}}},
		"falls":             {"discharge falls from 40 to 36 m³/s at 2 m", rating.Options{}, []rating.Range{good, {Low: 2, High: 3, C: 9, B: 2}}},
		"measured nothing":  {"measured range 3 to 2 m", rating.Options{Low: 3, High: 2}, []rating.Range{good}},
		"loop below naught": {"loop of -1 m", rating.Options{Loop: -1}, []rating.Range{good}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rating.NewRanges(c.r, c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestARatingHoldsFromItsDate(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	r := rating.Range{Low: 1, High: 2, C: 10, B: 2}
	old := ranges(t, rating.Options{ValidFrom: day(1)}, r)
	shifted := ranges(t, rating.Options{ValidFrom: day(10), Loop: 0.4, Datum: "STATION"}, r)
	all := []*rating.Table{shifted, old}
	for n, want := range map[int]*rating.Table{1: old, 9: old, 10: shifted, 30: shifted} {
		if rating.At(all, day(n)) != want {
			t.Errorf("another rating holds on day %d", n)
		}
	}
	if rating.At(all, day(1).Add(-1)) != nil {
		t.Error("a rating holds before its first date")
	}
	if shifted.Loop() != 0.4 || old.Loop() != 0 || !shifted.ValidFrom().Equal(day(10)) || shifted.Datum() != "STATION" {
		t.Errorf("loop %g, from %s, datum %q", shifted.Loop(), shifted.ValidFrom(), shifted.Datum())
	}
}
