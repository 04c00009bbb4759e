package updating_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast/updating"
	"freshet/internal/hydro"
)

var nan = math.NaN()

func TestTheObservedFlowStandsAndItsErrorFades(t *testing.T) {
	c, err := updating.NewCorrector(600, 300) // half in two steps
	if err != nil {
		t.Fatal(err)
	}
	computed := []float64{10, 10, 10, 10, 10, 10}
	out := make([]float64, 6)
	e := c.Correct(0, computed, []float64{nan, 18, nan, nan, nan, nan}, out)
	want := []float64{10, 18, 10 + 8*math.Sqrt(0.5), 14, 10 + 4*math.Sqrt(0.5), 12}
	if diff := cmp.Diff(want, out, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Error(diff)
	}
	if math.Abs(e-2) > 1e-12 {
		t.Errorf("error carried %g, want 2", e)
	}
}

func TestAFlowNeverTurnsNegative(t *testing.T) {
	c, err := updating.NewCorrector(math.Inf(1), 300)
	if err != nil {
		t.Fatal(err)
	}
	q := []float64{100, 50, 5}
	c.Correct(0, q, []float64{40, nan, nan}, q)
	if diff := cmp.Diff([]float64{40, 0, 0}, q); diff != "" {
		t.Error(diff)
	}
}

func TestAStoppedRunIsTheWholeRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := updating.NewCorrector(rapid.Float64Range(0, 1e6).Draw(t, "half-life"), 300)
		if err != nil {
			t.Fatal(err)
		}
		q := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 50).Draw(t, "q")
		o := make([]float64, len(q))
		for i := range o {
			o[i] = rapid.OneOf(rapid.Just(nan), rapid.Float64Range(0, 1000)).Draw(t, "o")
		}
		whole, parts := make([]float64, len(q)), make([]float64, len(q))
		e := c.Correct(3, q, o, whole)
		cut := rapid.IntRange(0, len(q)).Draw(t, "cut")
		kept := c.Correct(3, q[:cut], o[:cut], parts[:cut])
		if got := c.Correct(kept, q[cut:], o[cut:], parts[cut:]); got != e {
			t.Fatalf("carried %g, want %g", got, e)
		}
		if diff := cmp.Diff(whole, parts); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSamplesAreJoinedOverShortGapsOnly(t *testing.T) {
	minute := time.Minute.Milliseconds()
	samples := []hydro.Sample{
		{At: 0, Value: 10, Quality: hydro.Pass},
		{At: 10 * minute, Value: 20, Quality: hydro.Pass},
		{At: 15 * minute, Value: 99, Quality: hydro.Suspect},
		{At: 20 * minute, Value: 30, Quality: hydro.NotEvaluated},
		{At: 60 * minute, Value: 70, Quality: hydro.Pass},
		{At: 70 * minute, Value: 80, Quality: hydro.Pass},
	}
	got := make([]float64, 14)
	last, ok := updating.Resample(samples, 5*minute, 5*minute, 15*minute, 65*minute, got)
	want := []float64{15, 20, 25, 30, nan, nan, nan, nan, nan, nan, nan, 70, nan, nan}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if !ok || last.Value != 70 {
		t.Errorf("last %+v, %v; what is later than the limit must not be seen", last, ok)
	}
}

func TestBadHalfLivesAreRefused(t *testing.T) {
	for _, p := range [][2]float64{{-1, 300}, {nan, 300}, {60, 0}} {
		if _, err := updating.NewCorrector(p[0], p[1]); err == nil {
			t.Errorf("half-life %g s at step %g s accepted", p[0], p[1])
		}
	}
}
