package routing

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// However an iteration ended, with the residual looked at or by the order of its
// convergence: the equation holds to 1e-8 of the water at the depth it gives.
func TestMCTSolvesTheBalanceToItsPrecision(t *testing.T) {
	judged := 0
	rapid.Check(t, func(t *rapid.T) {
		c := Channel{
			Length: math.Pow(10, rapid.Float64Range(2, 4.3).Draw(t, "log dx")),
			Slope:  math.Pow(10, rapid.Float64Range(-5, -0.7).Draw(t, "log s0")),
			Bottom: math.Pow(10, rapid.Float64Range(-0.3, 2.5).Draw(t, "log bw")),
			N:      rapid.Float64Range(0.02, 0.1).Draw(t, "n"),
			Side:   rapid.Float64Range(0.1, 2).Draw(t, "cs"),
		}
		c.Top = c.Bottom * rapid.Float64Range(1, 3).Draw(t, "tw/bw")
		if rapid.Bool().Draw(t, "flood plain") {
			c.Compound, c.NCompound = c.Top*rapid.Float64Range(1, 5).Draw(t, "twcc/tw"), 2*c.N
		}
		m, err := NewMCT(c, rapid.SampledFrom([]float64{60, 300, 900, 3600}).Draw(t, "dt"))
		if err != nil {
			t.Fatal(err)
		}
		q := c.Bottom * math.Pow(10, rapid.Float64Range(-3, 1).Draw(t, "log q"))
		s, err := m.Steady(q, q)
		if err != nil {
			t.Fatal(err)
		}
		var tally Tally
		for i := range 40 {
			q *= 1 + rapid.Float64Range(-0.2, 0.25).Draw(t, "rise")
			have := s.Storage + m.dt/2*(s.Inflow-s.Outflow)
			water := have + m.dt*q
			if _, err := m.Step(&s, q, 0, &tally); err != nil {
				t.Fatal(err)
			}
			w := m.balance(s.Depth, q, have)
			if off := w.storage + m.dt*w.q - water; math.Abs(off) > 1.01*precision*water {
				t.Fatalf("step %d: %g of the water at a depth of %g m is unaccounted for", i, off/water, s.Depth)
			}
			if out := max(2*w.q-q, 0); math.Abs(out-s.Outflow) > 1e-7*(q+w.q) {
				t.Fatalf("step %d: outflow %g m³/s, at the depth it is %g m³/s", i, s.Outflow, out)
			}
		}
		judged += int(tally.Steps)
	})
	if judged == 0 {
		t.Error("no step was judged")
	}
}
