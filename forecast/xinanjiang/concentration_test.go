package xinanjiang_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/xinanjiang"
)

func TestTheChannelsLoseNoWater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dt := rapid.SampledFrom([]float64{300, 3600, 86400}).Draw(t, "dt")
		c, err := xinanjiang.NewConcentration(rapid.Float64Range(0, 0.999).Draw(t, "CS"), rapid.Float64Range(0, 20*dt).Draw(t, "L"), dt)
		if err != nil {
			t.Fatal(err)
		}
		in := drawDepths(t, "in", 30)
		flow := make([]float64, len(in)+len(c.Lag))
		store := c.Steady(rapid.Float64Range(0, 2).Draw(t, "steady"))
		given := store
		for i, v := range in {
			rest, out := c.Step(store, v)
			if d := store + v - rest - out; math.Abs(d) > 1e-9 || rest < 0 || out < 0 {
				t.Fatalf("%g mm are missing: %g and %g in, %g and %g out", d, store, v, rest, out)
			}
			store = rest
			c.Lag.Add(flow[i:], out)
			given += v
		}
		for _, v := range flow {
			given -= v
		}
		if math.Abs(given-store) > 1e-9*(1+store) {
			t.Fatalf("%g mm in the channels, %g by the balance", store, given)
		}
	})
}

func TestASteadyFlowStaysSteady(t *testing.T) {
	c, err := xinanjiang.NewConcentration(0.3, 0, 3600)
	if err != nil {
		t.Fatal(err)
	}
	store := c.Steady(1.5)
	for range 10 {
		var out float64
		store, out = c.Step(store, 1.5)
		near(t, "outflow", out, 1.5, 1e-12)
	}
}

// CS is per day: at any step the flow of a day later is CS times that of now.
func TestTheRecessionOfTheChannelsDoesNotDependOnTheStep(t *testing.T) {
	for _, dt := range []float64{300, 3600, 86400} {
		c, err := xinanjiang.NewConcentration(0.2, 0, dt)
		if err != nil {
			t.Fatal(err)
		}
		store := 10.0
		for range int(86400 / dt) {
			store, _ = c.Step(store, 0)
		}
		near(t, "store after a day", store, 2, 1e-12)
	}
}

func TestImpossibleConcentrationsAreRefused(t *testing.T) {
	for says, v := range map[string][3]float64{
		"CS = 1 1/d": {1, 0, 300}, "CS = NaN": {math.NaN(), 0, 300}, "L = -1 s": {0.5, -1, 300}, "dt = 0 s": {0.5, 0, 0}, "20000 steps": {0.5, 30 * 86400, 60},
	} {
		if _, err := xinanjiang.NewConcentration(v[0], v[1], v[2]); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}
