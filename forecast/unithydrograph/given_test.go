package unithydrograph_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/unithydrograph"
)

func sum(u []float64) (s float64) {
	for _, v := range u {
		s += v
	}
	return s
}

func TestGivenOrdinatesKeepTheirShapeAndSumToExactlyOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 300)), 1, 60).Draw(t, "u")
		total := sum(u)
		if total == 0 {
			return
		}
		before := slices.Clone(u)
		h, err := unithydrograph.Given(u, total*rapid.Float64Range(0.9902, 1.009).Draw(t, "off"))
		if err != nil {
			t.Fatal(err)
		}
		if s := sum(h); s != 1 {
			t.Fatalf("sum 1%+g", s-1)
		}
		for i, v := range h {
			if v < 0 || math.Abs(v-u[i]/total) > 1e-12 {
				t.Fatalf("ordinate %d is %g, want %g", i, v, u[i]/total)
			}
		}
		if !slices.Equal(u, before) {
			t.Fatal("the caller's ordinates were changed")
		}
	})
}

func TestOrdinatesThatCannotBeAHydrographAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		u     []float64
		total float64
		says  string
	}{
		"none":               {nil, 1, "0 ordinates sum to 0"},
		"a negative one":     {[]float64{0.6, -0.1, 0.5}, 1, "ordinate 2 = -0.1"},
		"NaN":                {[]float64{0.6, math.NaN()}, 1, "ordinate 2 = NaN"},
		"infinity":           {[]float64{math.Inf(1)}, 1, "ordinate 1 = +Inf"},
		"one forgotten":      {[]float64{0.3, 0.4, 0.2}, 1, "3 ordinates sum to 0.9"},
		"the wrong unit":     {[]float64{30, 40, 30}, 1, "sum to 100: want 1"},
		"nothing to sum to":  {[]float64{1}, 0, "total = 0"},
		"longer than a year": {make([]float64, 20001), 1, "20001 ordinates"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := unithydrograph.Given(c.u, c.total); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

// 10 mm over 360 km² in steps of an hour: 3.6e6 m³ in 3600 s are 1000 m³/s.
func TestTheUnitOfAHydrographInCubicMetres(t *testing.T) {
	if got := unithydrograph.Unit(10, 360, 3600); got != 1000 {
		t.Errorf("%g m³/s, want 1000", got)
	}
}

func TestALagDelaysByItsMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dt := rapid.SampledFrom([]float64{300, 3600, 86400}).Draw(t, "dt")
		lag := rapid.Float64Range(0, 100*dt).Draw(t, "lag")
		u, err := unithydrograph.Lag(lag, dt)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for i, v := range u {
			if v < 0 {
				t.Fatalf("ordinate %d is %g", i, v)
			}
			mean += v * float64(i) * dt
		}
		if s := sum(u); s != 1 || math.Abs(mean-lag) > 1e-9*(lag+dt) {
			t.Fatalf("sum 1%+g, mean delay %g s, want %g", s-1, mean, lag)
		}
	})
	for _, c := range [][2]float64{{-1, 3600}, {3600, 0}, {math.NaN(), 300}, {1e9, 300}, {0, math.NaN()}} {
		if _, err := unithydrograph.Lag(c[0], c[1]); err == nil {
			t.Errorf("lag %g s, step %g s: accepted", c[0], c[1])
		}
	}
}

// A unit hydrograph of 10 mm over 72 km² in hours, as a handbook prints it, in
// m³/s: it should sum to 200. Two hours of runoff, 12 and 4 mm, pass through it.
func ExampleGiven() {
	u, err := unithydrograph.Given([]float64{20, 80, 60, 30, 10}, unithydrograph.Unit(10, 72, 3600))
	if err != nil {
		fmt.Println(err)
		return
	}
	flow := make([]float64, 1+len(u))
	for i, mm := range []float64{12, 4} {
		u.Add(flow[i:], mm*72/3.6) // mm per hour over 72 km² as m³/s
	}
	for _, q := range flow {
		fmt.Printf("%.0f ", q)
	}
	// Output: 24 104 104 60 24 4
}
