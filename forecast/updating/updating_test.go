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

func corrector(t testing.TB, halfLife float64) updating.Corrector {
	t.Helper()
	c, err := updating.NewCorrector(halfLife, 300)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seen is an error that has been 0 for long.
var seen = updating.Error{Count: 1000}

func TestTheObservedFlowStandsAndItsErrorFades(t *testing.T) {
	c := corrector(t, 600) // half in two steps
	computed := []float64{10, 10, 10, 10, 10, 10}
	out := make([]float64, 6)
	e := c.Correct(seen, computed, []float64{nan, 18, nan, nan, nan, nan}, out)
	want := []float64{10, 18, 10 + 8*math.Sqrt(0.5), 14, 10 + 4*math.Sqrt(0.5), 12}
	// One observation in five minutes moves the bias by 8/288 m³/s and no more.
	if diff := cmp.Diff(want, out, cmpopts.EquateApprox(0, 0.03)); diff != "" {
		t.Error(diff)
	}
	if math.Abs(e.Now-2) > 0.03 || e.Bias <= 0 || e.Bias > 8.0/288 {
		t.Errorf("error carried %+v, want 2 and a bias of at most 8/288", e)
	}
}

func TestABiasOutlivesTheRest(t *testing.T) {
	c := corrector(t, 3600)
	n := 10 * 288
	computed, observed := make([]float64, n), make([]float64, n)
	for i := range computed {
		computed[i] = 100
		observed[i] = 80 + 10*math.Sin(2*math.Pi*float64(i)/288) // 20 too high, and a daily wave
	}
	e := c.Correct(seen, computed, observed, observed)
	if math.Abs(e.Bias+20) > 2 {
		t.Errorf("bias %g m³/s, want about -20", e.Bias)
	}
	out := computed[:288]
	e = c.Carry(updating.Error{Now: -40, Bias: -20, Count: 1000}, out, out)
	if want := -10.0; math.Abs(e.Now-want) > 0.01 {
		t.Errorf("a day later %g m³/s, want %g: the bias has a half-life of a day", e.Now, want)
	}
}

func TestTheBiasStartsAsThePlainMean(t *testing.T) {
	c := corrector(t, 3600)
	out := []float64{10, 10, 10}
	if e := c.Correct(updating.Error{}, out, []float64{25, 31, 28}, out); e != (updating.Error{Now: 18, Bias: 18, Count: 3}) {
		t.Errorf("%+v; the mean of 15, 21 and 18 is 18", e)
	}
}

func TestWithoutAHalfLifeNothingIsCarried(t *testing.T) {
	c := corrector(t, 0)
	out := []float64{10, 10, 10}
	c.Correct(updating.Error{}, out, []float64{nan, 25, nan}, out)
	if diff := cmp.Diff([]float64{10, 25, 10}, out); diff != "" {
		t.Error(diff)
	}
}

func TestAFlowNeverTurnsNegative(t *testing.T) {
	c := corrector(t, math.Inf(1))
	q := []float64{100, 50, 5}
	c.Correct(seen, q, []float64{40, nan, nan}, q)
	if q[0] != 40 || q[1] != 0 || q[2] != 0 {
		t.Errorf("%v", q)
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
		e := c.Correct(updating.Error{Now: 3, Bias: 1}, q, o, whole)
		cut := rapid.IntRange(0, len(q)).Draw(t, "cut")
		kept := c.Correct(updating.Error{Now: 3, Bias: 1}, q[:cut], o[:cut], parts[:cut])
		if got := c.Correct(kept, q[cut:], o[cut:], parts[cut:]); got != e {
			t.Fatalf("carried %+v, want %+v", got, e)
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
