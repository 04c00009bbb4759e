package unithydrograph_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/unithydrograph"
)

// The 0.5 h hydrograph of [Chow88], table 7.4.3, and every third of the ordinates that
// example 7.7.1 makes of it for 1.5 h, both in ft³/s per inch.
func TestOrdinatesOfAnotherStepAreThoseOfTheTextbook(t *testing.T) {
	u := []float64{404, 1079, 2343, 2506, 1460, 453, 381, 274, 173}
	want := []float64{1275, 1473, 276}
	h, err := unithydrograph.Given(u, sum(u))
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Resample(1800, 5400)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d ordinates, want %d", len(got), len(want))
	}
	for i, w := range want {
		if q := got[i] * sum(u) / 3; math.Abs(q-w) > 0.5 { // printed to whole numbers
			t.Errorf("ordinate %d: %g ft³/s per inch, the book has %g", i+1, q, w)
		}
	}
}

// Nash's cascade is known at every step: a whole number of steps joined gives its
// ordinates of the longer step.
func TestJoinedStepsOfACascadeAreItsOwn(t *testing.T) {
	fine, err := unithydrograph.Nash(2.5, 5400, 600)
	if err != nil {
		t.Fatal(err)
	}
	coarse, err := unithydrograph.Nash(2.5, 5400, 3600)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fine.Resample(600, 3600)
	if err != nil {
		t.Fatal(err)
	}
	for i := range min(len(got), len(coarse)) {
		if math.Abs(got[i]-coarse[i]) > 2e-5 { // the tail that each cuts
			t.Errorf("ordinate %d: %g, want %g", i+1, got[i], coarse[i])
		}
	}
}

// Whatever the steps: nothing below 0, the sum exactly 1, and the mean delay from the
// middle of the runoff's step moves by half of the steps' difference at most.
func TestResamplingKeepsTheWaterAndItsDelay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Float64Range(0, 300), 1, 40).Draw(t, "u")
		raw[0] += 1
		h, err := unithydrograph.Given(raw, sum(raw))
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(h)
		from, to := rapid.Float64Range(60, 90000).Draw(t, "from"), rapid.Float64Range(60, 90000).Draw(t, "to")
		if rapid.Bool().Draw(t, "same") {
			to = from
		}
		got, err := h.Resample(from, to)
		if err != nil {
			if float64(len(h))*from/to > 19999 {
				return
			}
			t.Fatal(err)
		}
		if !slices.Equal(h, before) || from == to && !slices.Equal(got, h) {
			t.Fatal("the ordinates were changed")
		}
		if s := sum(got); s != 1 || slices.Min(got) < 0 {
			t.Fatalf("sum 1%+g, least ordinate %g", s-1, slices.Min(got))
		}
		delay := func(u []float64, dt float64) (d float64) { // of what leaves, from the beginning of the step
			for k, v := range u {
				d += v * (float64(k) + 0.5) * dt
			}
			return d
		}
		if off := delay(got, to) - delay(h, from); math.Abs(off) > to/2*(1+1e-9) {
			t.Fatalf("the mean delay moves by %g s, steps %g and %g s", off, from, to)
		}
	})
}

// Hourly rain that is even within its hours gives at each full hour the flow that the
// hourly ordinates give, computed every 10 min.
func TestAShorterStepGivesTheSameFlowAtFullSteps(t *testing.T) {
	h := unithydrograph.Hydrograph{0.1, 0.4, 0.3, 0.2}
	fine, err := h.Resample(3600, 600)
	if err != nil {
		t.Fatal(err)
	}
	if len(fine) != 24 {
		t.Fatalf("%d ordinates of 10 min in 4 h", len(fine))
	}
	rain := []float64{3, 0, 7, 1, 0, 0, 0, 0}
	hourly, often := make([]float64, 16), make([]float64, 16*6)
	for i, r := range rain {
		h.Add(hourly[i:], r) // mm/h
		for k := range 6 {
			fine.Add(often[6*i+k:], r)
		}
	}
	for i, want := range hourly {
		if got := often[6*i+5]; math.Abs(got-want) > 1e-12 {
			t.Errorf("hour %d: %g mm/h, want %g", i+1, got, want)
		}
	}
}

func TestStepsThatCannotBeAreRefused(t *testing.T) {
	for says, c := range map[string]struct{ from, to float64 }{
		"a step of 0 s": {0, 60}, "a step of NaN s": {60, math.NaN()}, "a step of +Inf s": {math.Inf(1), 60},
		"2 ordinates of 86400 s are longer than 20000 steps of 1 s": {86400, 1},
	} {
		if _, err := (unithydrograph.Hydrograph{0.5, 0.5}).Resample(c.from, c.to); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%g to %g s: %v, want %q", c.from, c.to, err, says)
		}
	}
}
