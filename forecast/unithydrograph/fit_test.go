package unithydrograph_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/unithydrograph"
)

// Ordinates of a triangle come back from the flow that a convolution written out
// here makes of a storm; without noise to rounding, whatever the storm.
func TestOrdinatesAreFoundBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 20).Draw(t, "ordinates")
		peak := rapid.IntRange(1, n-1).Draw(t, "peak")
		want, sum := make([]float64, n), 0.0
		for i := range want {
			want[i] = min(float64(i+1)/float64(peak+1), float64(n-i)/float64(n-peak))
			sum += want[i]
		}
		var p unithydrograph.Pulse
		p.Runoff = append(rapid.SliceOfN(rapid.Float64Range(0.1, 10), 1, 1).Draw(t, "first"), rapid.SliceOfN(rapid.Float64Range(0, 0.2), 4, 8).Draw(t, "rest")...)
		p.Runoff = append(p.Runoff, make([]float64, n+5)...)
		for at := range p.Runoff {
			q := 0.0
			for k := 0; k < n && k <= at; k++ {
				q += want[k] / sum * p.Runoff[at-k]
			}
			p.Flow = append(p.Flow, q)
		}
		p.Flow[rapid.IntRange(0, 2).Draw(t, "gap")] = math.NaN()
		got, err := unithydrograph.Fit([]unithydrograph.Pulse{p}, n, 0)
		if err != nil {
			t.Fatal(err)
		}
		if p.Runoff[0] < 1 {
			return // what follows weighs as much: ill-conditioned, see the next test
		}
		for i := range want {
			if math.Abs(got[i]-want[i]/sum) > 1e-4 {
				t.Fatalf("ordinate %d: %g, want %g", i, got[i], want[i]/sum)
			}
		}
	})
}

// Whatever the flows: no ordinate below 0, the sum 1, and nothing near by is better.
func TestFittedOrdinatesAreTheBestOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "ordinates")
		p := unithydrograph.Pulse{
			Runoff: rapid.SliceOfN(rapid.Float64Range(0, 5), 20, 20).Draw(t, "runoff"),
			Flow:   rapid.SliceOfN(rapid.Float64Range(0, 5), 20, 20).Draw(t, "flow"),
		}
		p.Runoff[0] = 1
		smooth := rapid.SampledFrom([]float64{0, 0.01, 1}).Draw(t, "smooth")
		u, err := unithydrograph.Fit([]unithydrograph.Pulse{p}, n, smooth)
		if err != nil {
			t.Fatal(err)
		}
		trace := 0.0
		for k := range n {
			for at := k; at < 20; at++ {
				trace += p.Runoff[at-k] * p.Runoff[at-k]
			}
		}
		cost := func(u []float64) (c float64) {
			for at := range p.Flow {
				q := 0.0
				for k := 0; k < len(u) && k <= at; k++ {
					q += u[k] * p.Runoff[at-k]
				}
				c += (q - p.Flow[at]) * (q - p.Flow[at])
			}
			padded := append(append([]float64{0, 0}, u...), 0, 0)
			for i := 1; i+1 < len(padded); i++ {
				d := padded[i-1] - 2*padded[i] + padded[i+1]
				c += smooth * trace / float64(n) * d * d
			}
			return c
		}
		if len(u) < n {
			u = append(u, make([]float64, n-len(u))...)
		}
		sum := 0.0
		for _, v := range u {
			if v < 0 {
				t.Fatalf("ordinate %g", v)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Fatalf("sum %g", sum)
		}
		best := cost(u)
		for i := range n {
			for j := range n {
				if move := min(1e-4, u[i]); i != j && move > 0 {
					try := append([]float64{}, u...)
					try[i] -= move
					try[j] += move
					if c := cost(try); c < best*(1-1e-9)-1e-12 {
						t.Fatalf("%g moved from ordinate %d to %d costs %.12g, less than %.12g", move, i, j, c, best)
					}
				}
			}
		}
	})
}

func TestAFitOfOrdinatesIsRefused(t *testing.T) {
	good := unithydrograph.Pulse{Runoff: []float64{1, 0, 0}, Flow: []float64{0.5, 0.5, 0}}
	for name, c := range map[string]struct {
		p      unithydrograph.Pulse
		n      int
		smooth float64
		says   string
	}{
		"no ordinate":      {good, 0, 0, "0 ordinates to fit: want 1 to 500"},
		"smooth":           {good, 2, -1, "smooth = -1"},
		"no runoff":        {unithydrograph.Pulse{Runoff: []float64{0, 0}, Flow: []float64{1, 1}}, 2, 0, "no runoff"},
		"too few":          {good, 4, 0, "4 ordinates from 3 observed flows"},
		"lengths":          {unithydrograph.Pulse{Runoff: []float64{1}}, 1, 0, "event 1: 1 runoffs, 0 flows"},
		"a negative runof": {unithydrograph.Pulse{Runoff: []float64{-1}, Flow: []float64{1}}, 1, 0, "runoff 1 = -1"},
	} {
		if _, err := unithydrograph.Fit([]unithydrograph.Pulse{c.p}, c.n, c.smooth); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
