package loss_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/loss"
)

// By hand: CN 80 has S = 25,400/80 - 254 = 63.5 mm and Ia = 12.7 mm. 100 mm of rain
// leave (100 - 12.7)²/(100 + 50.8) = 50.539 mm.
func TestTheCurveNumberByHand(t *testing.T) {
	c, err := loss.NewCurveNumber(80, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	s, first := c.Step(loss.Storm{}, 12.7)
	_, rest := c.Step(s, 87.3)
	if first != 0 || math.Abs(rest-87.3*87.3/150.8) > 1e-12 {
		t.Errorf("%g and %g mm, want 0 and %g", first, rest, 87.3*87.3/150.8)
	}
}

func TestTheExcessOfAStormDoesNotDependOnItsSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := loss.NewCurveNumber(rapid.Float64Range(1, 100).Draw(t, "CN"), rapid.Float64Range(0, 1).Draw(t, "ratio"))
		if err != nil {
			t.Fatal(err)
		}
		var s loss.Storm
		total, excess := 0.0, 0.0
		for _, rain := range rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 60)), 1, 60).Draw(t, "rain") {
			var e float64
			s, e = c.Step(s, rain)
			if e < 0 || e > rain {
				t.Fatalf("%g mm run off of %g mm", e, rain)
			}
			total, excess = total+rain, excess+e
		}
		if _, once := c.Step(loss.Storm{}, total); math.Abs(once-excess) > 1e-9 {
			t.Fatalf("%g mm in steps, %g mm at once", excess, once)
		}
	})
}

func TestACurveNumberOfAHundredLosesNothing(t *testing.T) {
	c, err := loss.NewCurveNumber(100, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	if _, e := c.Step(loss.Storm{}, 37); e != 37 {
		t.Errorf("%g mm of 37", e)
	}
}

// The table of [Chow88] 5.5 gives for class II 70 about 50 (I) and 85 (III) to the
// integers of the handbook.
func TestMoistureClassesOfTheHandbook(t *testing.T) {
	for cn, want := range map[float64][2]float64{100: {100, 100}, 70: {50, 85}, 90: {79, 95.4}} {
		if i, iii := loss.Dry(cn), loss.Wet(cn); math.Abs(i-want[0]) > 1 || math.Abs(iii-want[1]) > 1 {
			t.Errorf("%g: %g dry and %g wet, want about %v", cn, i, iii, want)
		}
	}
}

func TestTheFittedRateLeavesTheRunoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rain := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 60)), 1, 60).Draw(t, "rain")
		dt := rapid.SampledFrom([]float64{300, 3600, 21600}).Draw(t, "dt")
		total := 0.0
		for _, v := range rain {
			total += v
		}
		want := total * rapid.Float64Range(0, 1).Draw(t, "share")
		phi, err := loss.FitPhi(rain, want, dt)
		if err != nil {
			t.Fatal(err)
		}
		p, err := loss.NewPhi(phi, dt)
		if err != nil {
			t.Fatal(err)
		}
		got := 0.0
		for _, v := range rain {
			e := p.Excess(v)
			if e < 0 || e > v {
				t.Fatalf("%g mm run off of %g mm", e, v)
			}
			got += e
		}
		if math.Abs(got-want) > 1e-9 {
			t.Fatalf("φ = %g mm/h leaves %g mm, want %g", phi, got, want)
		}
	})
}

func TestImpossibleValuesAreRefused(t *testing.T) {
	errs := map[string]error{}
	_, errs["CN = 0"] = loss.NewCurveNumber(0, 0.2)
	_, errs["CN = 101"] = loss.NewCurveNumber(101, 0.2)
	_, errs["ratio = -0.2"] = loss.NewCurveNumber(80, -0.2)
	_, errs["phi = NaN"] = loss.NewPhi(math.NaN(), 300)
	_, errs["dt = 0 s"] = loss.NewPhi(3, 0)
	_, errs["dt = -1 s"] = loss.FitPhi([]float64{1}, 0.5, -1)
	_, errs["runoff = 9 mm from 8 mm"] = loss.FitPhi([]float64{5, 3}, 9, 300)
	_, errs["rain of step 2 = -3 mm"] = loss.FitPhi([]float64{5, -3}, 1, 300)
	_, errs["in 0 steps"] = loss.FitPhi(nil, 0, 300)
	for says, err := range errs {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
	c, err := loss.NewCurveNumber(80, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(float64){"curve number": func(v float64) { c.Step(loss.Storm{}, v) }, "phi-index": func(v float64) { loss.Phi{}.Excess(v) }} {
		for _, v := range []float64{-1, math.NaN()} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: rain %g accepted", name, v)
					}
				}()
				f(v)
			}()
		}
	}
}

func ExampleCurveNumber() {
	c, err := loss.NewCurveNumber(loss.Wet(75), 0.2) // it has rained for days
	if err != nil {
		fmt.Println(err)
		return
	}
	var s loss.Storm
	for _, rain := range []float64{5, 20, 30, 10} {
		var excess float64
		s, excess = c.Step(s, rain)
		fmt.Printf("%.1f of %.0f mm\n", excess, rain)
	}
	// Output:
	// 0.0 of 5 mm
	// 5.7 of 20 mm
	// 21.2 of 30 mm
	// 8.3 of 10 mm
}

func ExampleFitPhi() {
	rain := []float64{2, 9, 14, 6, 1} // mm in hours; the gauge saw 17 mm of direct runoff
	phi, err := loss.FitPhi(rain, 17, 3600)
	fmt.Printf("%.0f mm/h %v\n", phi, err)
	// Output: 4 mm/h <nil>
}
