package unithydrograph_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/unithydrograph"
)

func draw(t *rapid.T) unithydrograph.Hydrograph {
	u, err := unithydrograph.Nash(
		rapid.Float64Range(0.5, 10).Draw(t, "n"),
		rapid.Float64Range(0, 4*3600).Draw(t, "k"),
		rapid.SampledFrom([]float64{60, 300, 3600, 86400}).Draw(t, "dt"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestOrdinatesAreSharesThatSumToExactlyOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sum := 0.0
		for _, v := range draw(t) {
			if v < 0 {
				t.Fatalf("ordinate %g", v)
			}
			sum += v
		}
		if sum != 1 {
			t.Fatalf("sum 1%+g", sum-1)
		}
	})
}

// One reservoir answers to a unit over one step with 1 - exp(-dt/k), then with
// that times exp(-dt/k) and so on: the closed form of [Nash57] for n = 1.
func TestOneReservoirIsTheExponential(t *testing.T) {
	u, err := unithydrograph.Nash(1, 3600, 300)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range u {
		want := -math.Expm1(-300.0/3600) * math.Exp(-float64(i)*300/3600)
		if math.Abs(v-want) > 2e-6 {
			t.Fatalf("ordinate %d is %g, want %g", i, v, want)
		}
	}
}

// The first moment of the cascade is n·k; that of a unit over one step lies half
// a step later, and an ordinate stands for the end of its step.
func TestTheMeanDelayIsNTimesK(t *testing.T) {
	const n, k, dt = 2.5, 5400.0, 300.0
	u, err := unithydrograph.Nash(n, k, dt)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for i, v := range u {
		mean += v * (float64(i) + 0.5) * dt
	}
	if want := n*k + dt/2; math.Abs(mean-want) > dt/2+10 {
		t.Errorf("mean delay %g s, want about %g", mean, want)
	}
}

func TestConvolutionLosesNoWater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := draw(t)
		r := rapid.SliceOfN(rapid.Float64Range(0, 50), 1, 30).Draw(t, "runoff")
		flow := make([]float64, len(r)+len(u))
		in, out := 0.0, 0.0
		for i, v := range r {
			u.Add(flow[i:], v)
			in += v
		}
		for _, q := range flow {
			out += q
		}
		if math.Abs(in-out) > 1e-9*in {
			t.Fatalf("%g in, %g out", in, out)
		}
	})
}

func TestAStoppedRunIsTheWholeRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := draw(t)
		r := rapid.SliceOfN(rapid.Float64Range(0, 50), 2, 30).Draw(t, "runoff")
		cut := rapid.IntRange(1, len(r)-1).Draw(t, "cut")
		whole := make([]float64, len(r)+len(u))
		for i, v := range r {
			u.Add(whole[i:], v)
		}
		first := make([]float64, cut+len(u))
		for i, v := range r[:cut] {
			u.Add(first[i:], v)
		}
		pending := slices.Clone(first[cut:])
		second := make([]float64, len(r)-cut+len(u))
		copy(second, pending)
		for i, v := range r[cut:] {
			u.Add(second[i:], v)
		}
		if diff := cmp.Diff(whole, append(first[:cut:cut], second...)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestParametersOutOfRangeAreRefused(t *testing.T) {
	for name, p := range map[string][3]float64{
		"no reservoirs": {0, 3600, 300}, "a negative constant": {2, -1, 300}, "no step": {2, 3600, 0}, "NaN": {math.NaN(), 3600, 300}, "longer than any store": {10, 1e9, 60},
	} {
		t.Run(name, func(t *testing.T) {
			if u, err := unithydrograph.Nash(p[0], p[1], p[2]); err == nil {
				t.Errorf("%d ordinates, want an error", len(u))
			}
		})
	}
}
