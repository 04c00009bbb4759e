package calibrate_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/calibrate"
	"freshet/forecast/param"
)

func axis(name string, lo, hi float64) calibrate.Parameter {
	return calibrate.Parameter{Param: param.Param{Name: name, Unit: "–", Lo: lo, Hi: hi}}
}

// Rosenbrock's valley, least at (1, 1), where it is 0.
func valley(x []float64) (float64, error) {
	return 100*(x[1]-x[0]*x[0])*(x[1]-x[0]*x[0]) + (1-x[0])*(1-x[0]), nil
}

// Within 3 % of the bounds' distance with 600 evaluations, also on a bound.
func TestTheLeastValueIsFoundWhereverItLies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := calibrate.Problem{}
		var want []float64
		for i := range rapid.IntRange(1, 2).Draw(t, "parameters") {
			q := axis(fmt.Sprint(i), rapid.Float64Range(-100, 100).Draw(t, "lo"), 0)
			q.Hi = q.Lo + rapid.Float64Range(0.1, 1000).Draw(t, "width")
			p.Parameters = append(p.Parameters, q)
			want = append(want, q.Lo+(q.Hi-q.Lo)*rapid.Float64Range(0, 1).Draw(t, "at")) // on a bound too
		}
		p.Objective = func(x []float64) (v float64, err error) {
			for i := range x {
				q := p.Parameters[i]
				if !(x[i] >= q.Lo && x[i] <= q.Hi) {
					t.Fatalf("%g was tried, bounds %g to %g", x[i], q.Lo, q.Hi)
				}
				d := (x[i] - want[i]) / (q.Hi - q.Lo)
				v += d * d
			}
			return v, nil
		}
		r, err := calibrate.Minimize(p, calibrate.Options{Seed: rapid.Uint64().Draw(t, "seed"), Evaluations: 800, Restarts: 1})
		if err != nil || r.Value > 1e-3 {
			t.Fatalf("%v at %v after %d evaluations, want 0 at %v; %v", r.Value, r.X, r.Evaluations, want, err)
		}
	})
}

func TestEqualSeedsGiveEqualResultsAndTheTraceFalls(t *testing.T) {
	p := calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", -5, 5), axis("y", -5, 5)}, Objective: valley}
	one, err := calibrate.Minimize(p, calibrate.Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	two, err := calibrate.Minimize(p, calibrate.Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
	other, err := calibrate.Minimize(p, calibrate.Options{Seed: 8})
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(one.Trace, other.Trace) {
		t.Error("another seed gave the same search")
	}
	if one.Value > 1e-8 {
		t.Errorf("%g at %v, want 0 at (1, 1)", one.Value, one.X)
	}
	for i := 1; i < len(one.Trace); i++ {
		if a, b := one.Trace[i-1], one.Trace[i]; b.Value >= a.Value || b.Evaluation <= a.Evaluation {
			t.Fatalf("%+v after %+v", b, a)
		}
	}
	if last := one.Trace[len(one.Trace)-1]; last.Value != one.Value {
		t.Errorf("the trace ends at %g, the result is %g", last.Value, one.Value)
	}
}

// On a logarithmic scale a value ten decades from the middle is no harder.
func TestALogarithmicScaleFindsTheOrderOfMagnitude(t *testing.T) {
	q := axis("k", 1e-8, 1e8)
	q.Log = true
	r, err := calibrate.Minimize(calibrate.Problem{Parameters: []calibrate.Parameter{q}, Objective: func(x []float64) (float64, error) {
		return math.Abs(math.Log10(x[0]) + 6.5), nil
	}}, calibrate.Options{})
	if err != nil || math.Abs(math.Log10(r.X[0])+6.5) > 1e-5 {
		t.Errorf("%g, %v; want 10^-6.5", r.X, err)
	}
}

func TestWholeParametersAreWholeAndOpenBoundsAreNotTried(t *testing.T) {
	whole, open := axis("n", 0.5, 9.5), axis("k", 0, 1)
	whole.Whole, open.Above = true, true
	r, err := calibrate.Minimize(calibrate.Problem{Parameters: []calibrate.Parameter{whole, open}, Objective: func(x []float64) (float64, error) {
		if x[0] != math.Round(x[0]) || x[0] < 1 || x[0] > 9 || x[1] <= 0 {
			t.Fatalf("%g was tried", x)
		}
		return (x[0]-7.3)*(x[0]-7.3) + x[1], nil
	}}, calibrate.Options{Evaluations: 2000})
	if err != nil || r.X[0] != 7 || r.X[1] > 1e-6 {
		t.Errorf("%g, %v; want 7 and next to 0", r.X, err)
	}
}

// The objective has no value in nine tenths of the box, and is least at the edge
// of where it has one.
func TestTheSearchGoesAroundWhatCannotBeRun(t *testing.T) {
	r, err := calibrate.Minimize(calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", 0, 1), axis("y", 0, 1)}, Objective: func(x []float64) (float64, error) {
		switch {
		case x[0] > 0.3:
			return 0, errors.New("complex")
		case x[1] < 0.7:
			return math.NaN(), nil
		}
		return 1 - x[0] + x[1], nil
	}}, calibrate.Options{})
	if err != nil || math.Abs(r.Value-1.4) > 1e-5 {
		t.Errorf("%g at %g, %v; want 1.4", r.Value, r.X, err)
	}
}

func TestASearchWithoutAnyValueSaysWhy(t *testing.T) {
	p := calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", 0, 1)}, Objective: func([]float64) (float64, error) {
		return 0, errors.New("storage -3 m³")
	}}
	_, err := calibrate.Minimize(p, calibrate.Options{Evaluations: 150})
	if !errors.Is(err, calibrate.ErrNoValue) || !strings.Contains(err.Error(), "150 tries") || !strings.Contains(err.Error(), "storage -3 m³") {
		t.Errorf("error %v", err)
	}
}

func TestTheBudgetAndACancellationEndTheSearch(t *testing.T) {
	p := calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", -5, 5), axis("y", -5, 5)}, Objective: valley}
	for _, budget := range []int{1, 40, 41, 333} {
		calls := 0
		r, err := calibrate.Minimize(watched(p, func(float64) { calls++ }), calibrate.Options{Evaluations: budget})
		if err != nil || r.Evaluations != budget || calls != budget || r.Reason != calibrate.Budget {
			t.Errorf("budget %d: %d evaluations, %d calls, %s, %v", budget, r.Evaluations, calls, r.Reason, err)
		}
	}
	n, told := 0, 0
	r, err := calibrate.Minimize(watched(p, func(float64) { n++ }), calibrate.Options{
		Cancelled: func() bool { return n >= 250 },
		Progress:  func(g calibrate.Progress) { told = g.Evaluations },
	})
	if err != nil || r.Reason != calibrate.Cancelled || r.Evaluations != 250 || len(r.X) != 2 || told != 200 {
		t.Errorf("%d evaluations, told of %d, %s at %v, %v", r.Evaluations, told, r.Reason, r.X, err)
	}
}

func TestAPanicOfTheModelReachesTheCaller(t *testing.T) {
	n := 0
	p := calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", 0, 1)}, Objective: func([]float64) (float64, error) {
		if n++; n > 50 { // within gonum's goroutine
			panic("runoff: negative rain")
		}
		return float64(n), nil
	}}
	defer func() {
		if r := recover(); r != "runoff: negative rain" {
			t.Errorf("recovered %v", r)
		}
	}()
	_, err := calibrate.Minimize(p, calibrate.Options{})
	t.Errorf("no panic, error %v", err)
}

func TestAProblemThatIsNotSoundIsRefused(t *testing.T) {
	zero, none := axis("k", 0, 1), axis("n", 1.2, 1.8)
	zero.Log, none.Whole = true, true
	ok := func([]float64) (float64, error) { return 0, nil }
	for name, c := range map[string]struct {
		p    calibrate.Problem
		says string
	}{
		"nothing to look for": {calibrate.Problem{Objective: ok}, "no parameter"},
		"no objective":        {calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", 0, 1)}}, "no objective"},
		"bounds reversed":     {calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", 1, 0)}, Objective: ok}, "x: bounds 1 to 0"},
		"an infinite bound":   {calibrate.Problem{Parameters: []calibrate.Parameter{axis("x", 1, math.Inf(1))}, Objective: ok}, "finite"},
		"a logarithm of 0":    {calibrate.Problem{Parameters: []calibrate.Parameter{zero}, Objective: ok}, "k: lower bound 0"},
		"no whole number":     {calibrate.Problem{Parameters: []calibrate.Parameter{none}, Objective: ok}, "no whole number between 1.2 and 1.8"},
	} {
		if _, err := calibrate.Minimize(c.p, calibrate.Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want it to say %q", name, err, c.says)
		}
	}
}

func TestARecordIsSplitWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, share := rapid.IntRange(0, 500).Draw(t, "n"), rapid.Float64Range(-0.1, 1.1).Draw(t, "share")
		fit, check, err := calibrate.Split(n, share)
		if err != nil {
			return
		}
		if fit.From != 0 || fit.To != check.From || check.To != n || fit.Len() < 2 || check.Len() < 2 {
			t.Fatalf("%v and %v of %d", fit, check, n)
		}
	})
	for _, c := range []struct {
		n     int
		share float64
	}{{3, 0.5}, {100, 0}, {100, 1}, {100, math.NaN()}, {100, 0.001}} {
		if _, _, err := calibrate.Split(c.n, c.share); err == nil {
			t.Errorf("%d steps were split at %g", c.n, c.share)
		}
	}
}

func TestPairsLeaveGapsOut(t *testing.T) {
	nan := math.NaN()
	o, s := calibrate.Pairs(nil, nil, []float64{1, nan, 3, 4, 5}, []float64{10, 20, 30, 40, 50}, calibrate.Span{From: 0, To: 3}, calibrate.Span{From: 4, To: 5})
	if diff := cmp.Diff([][]float64{{1, 3, 5}, {10, 30, 50}}, [][]float64{o, s}); diff != "" {
		t.Error(diff)
	}
}

func TestMeasuresAreOneForAPerfectSimulation(t *testing.T) {
	o := []float64{1, 5, 3, 2}
	for _, m := range calibrate.Measures {
		got, err := calibrate.MeasureOf(m.Name)
		if err != nil || math.Abs(got.Score(o, o)-1) > 1e-12 || got.Score(o, []float64{2, 4, 3, 3}) >= 1 {
			t.Errorf("%s: %g, %v", m.Name, got.Score(o, o), err)
		}
	}
	if _, err := calibrate.MeasureOf("ssq"); err == nil || !strings.Contains(err.Error(), "kge kge2012 nse mix nselog") {
		t.Errorf("error %v", err)
	}
}

// Low water that is twice what it was costs a fit by nselog much and one by nse next
// to nothing; neither depends on the unit of the flow.
func TestLogarithmsSeeLowWater(t *testing.T) {
	score := func(name string, unit float64) float64 {
		o, s := []float64{1, 1, 90, 40, 2, 1, 3, 2}, []float64{2, 2, 90, 40, 4, 2, 6, 4}
		for i := range o {
			o[i], s[i] = unit*o[i], unit*s[i]
		}
		m, err := calibrate.MeasureOf(name)
		if err != nil {
			t.Fatal(err)
		}
		return m.Score(o, s)
	}
	if nse, both := score("nse", 1), score("nselog", 1); nse < 0.99 || both > 0.95 {
		t.Errorf("nse %g, nselog %g", nse, both)
	}
	if a, b := score("nselog", 1), score("nselog", 0.001); math.Abs(a-b) > 1e-12 {
		t.Errorf("nselog is %g in m³/s and %g in another unit", a, b)
	}
}

// The place of a value between its bounds is the search's own scale.
func TestThePlaceOfAValueIsBetweenItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := axis("x", rapid.Float64Range(0.01, 10).Draw(t, "lo"), rapid.Float64Range(11, 1e4).Draw(t, "hi"))
		p.Log = rapid.Bool().Draw(t, "log")
		middle := (p.Lo + p.Hi) / 2
		if p.Log {
			middle = math.Sqrt(p.Lo * p.Hi)
		}
		for want, v := range map[float64]float64{0: p.Lo, 0.5: middle, 1: p.Hi} {
			if got := p.Place(v); math.Abs(got-want) > 1e-12 {
				t.Fatalf("%g lies at %g between %g and %g, want %g", v, got, p.Lo, p.Hi, want)
			}
		}
	})
}
