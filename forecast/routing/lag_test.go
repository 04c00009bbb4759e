package routing_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/routing"
)

func TestLagIsRefusedWithItsNumbers(t *testing.T) {
	for want, c := range map[string][3]float64{
		"lag = -1 s: want 0 to":       {-1, 0, 60},
		"lag = NaN s":                 {math.NaN(), 0, 60},
		"k = -1 s":                    {0, -1, 60},
		"dt = 0 s":                    {0, 0, 0},
		"10001 steps of 60 s":         {600060, 0, 60},
		"unstable: dt = 60 s is outs": {0, 29, 60},
	} {
		if _, err := routing.NewLag(c[0], c[1], c[2]); err == nil || !contains(err, want) {
			t.Errorf("%v: error %v, want %q", c, err, want)
		}
	}
}

func TestLagMovesTheFlow(t *testing.T) {
	in := []float64{0, 100, 0, 0, 0, 0}
	for _, c := range []struct {
		name string
		lag  float64
		want []float64
	}{
		{"not at all", 0, []float64{0, 100, 0, 0, 0, 0}},
		{"by whole steps", 180, []float64{0, 0, 0, 0, 100, 0}},
		{"by steps whole on paper", 180.0000000001, []float64{0, 0, 0, 0, 100, 0}},
		{"by a quarter step", 15, []float64{0, 75, 25, 0, 0, 0}},
		{"by two and a half steps", 150, []float64{0, 0, 0, 50, 50, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := routing.NewLag(c.lag, 0, 60)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]float64, len(in))
			l.Route(l.Steady(0), in, out)
			if diff := cmp.Diff(c.want, out); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLagConservesMassAndAStoppedRunIsTheWholeRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dt := drawStep(t)
		k := 0.0
		if rapid.Bool().Draw(t, "reservoir") {
			k = dt * rapid.Float64Range(0.5, 50).Draw(t, "k/dt")
		}
		l, err := routing.NewLag(dt*rapid.Float64Range(0, 12).Draw(t, "lag/dt"), k, dt)
		if err != nil {
			t.Fatal(err)
		}
		q0 := rapid.Float64Range(0, 100).Draw(t, "q0")
		in := drawFlow(t)
		out := make([]float64, len(in))
		a, b := l.Steady(q0), l.Steady(q0)
		before, i0, o0 := l.Storage(a), q0, q0
		l.Route(a, in, out)
		net, gross := 0.0, before
		for i := range in {
			if out[i] < 0 {
				t.Fatalf("outflow %g m³/s", out[i])
			}
			net += dt / 2 * (i0 + in[i] - o0 - out[i])
			gross += dt * (in[i] + out[i])
			i0, o0 = in[i], out[i]
		}
		if got := l.Storage(a) - before; math.Abs(got-net) > 1e-9*gross+1e-9 {
			t.Fatalf("storage rose by %g m³, inflow less outflow is %g m³", got, net)
		}
		cut := rapid.IntRange(0, len(in)).Draw(t, "cut")
		parts := slices.Clone(in)
		l.Route(b, parts[:cut], parts[:cut])
		l.Route(b, parts[cut:], parts[cut:])
		if diff := cmp.Diff(out, parts); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestLateralInflowNeedsAReservoir(t *testing.T) {
	l, err := routing.NewLag(60, 0, 60)
	if err != nil {
		t.Fatal(err)
	}
	m, err := routing.NewLagReaches([]routing.Lag{l}, routing.Current)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Route(0, []float64{1, 1}, []float64{0, 2}); err == nil || !contains(err, "lateral inflow of 2 m³/s in step 1") {
		t.Errorf("error %v", err)
	}
}
