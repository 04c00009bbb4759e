// Package routing moves a flood wave down a river.
//
// The method is linear Muskingum routing through a chain of equal sub-reaches,
//
//	S = k (x I + (1-x) O)                      storage, m³           [Chow88] (8.4.1)
//	O(t+dt) = c1 I(t+dt) + c2 I(t) + c3 O(t)                         [Chow88] (8.4.7)
//	c1 = (dt - 2kx)      / (2k(1-x) + dt)                            [Chow88] (8.4.8)
//	c2 = (dt + 2kx)      / (2k(1-x) + dt)                            [Chow88] (8.4.9)
//	c3 = (2k(1-x) - dt)  / (2k(1-x) + dt)                            [Chow88] (8.4.10)
//
// with k the travel time of one sub-reach. All three coefficients are
// non-negative, and thus no outflow can be negative, only if
//
//	2kx <= dt <= 2k(1-x)
//
// which a constructor checks: outside of it the reach is refused with the
// numbers, never clamped.
//
// The weighting factor belongs to each sub-reach. A chain of n sub-reaches
// attenuates less than one reach of the same k and x: as a whole it behaves like
// one reach with X = (1 - (1-2x)/n)/2 [Cunge69]. At a step much shorter than the
// travel time, take x = 0 and n = 1/(1-2X) to get the attenuation of a
// hand-fitted X.
//
// Sources: [Chow88] V. T. Chow, D. R. Maidment, L. W. Mays, Applied Hydrology,
// 1988, section 8.4. [Cunge69] J. A. Cunge, On the subject of a flood
// propagation computation method (Muskingum method), J. Hydraul. Res. 7(2),
// 1969: the attenuation of the scheme; the rule for n follows by equal second
// moments of the impulse response.
package routing

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Params are the parameters of [NewMuskingum].
var Params = []param.Param{
	{Name: "k", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "travel time of the whole reach", Source: "[Chow88]", Sought: param.Sought{LoSteps: 0.5, HiSteps: 200, Log: true}},
	{Name: "x", Unit: "–", Lo: 0, Hi: 0.5, Doc: "weighting factor of each sub-reach: 0 level pool, 0.5 pure translation", Source: "[Chow88]", Sought: param.Sought{Hi: 0.5}},
	{Name: "dt", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "time step", Source: "[Chow88]"},
	{Name: "n", Unit: "–", Lo: 0, Hi: maxSubReaches, Doc: "sub-reaches; 0: the smallest stable number", Source: "[Chow88]", Sought: param.Sought{Lo: 1, Hi: 100, Log: true, Whole: true}},
}

const (
	maxSubReaches = 10000
	slack         = 1e-9 // relative; lets k = n·dt/2x through that is exact on paper only
)

// A Muskingum is a reach. The zero value is not usable, see [NewMuskingum]. It
// is immutable and safe for concurrent use.
type Muskingum struct {
	n          int
	k          float64 // of one sub-reach, s
	x, dt      float64
	c1, c2, c3 float64
}

// NewMuskingum returns a reach with
//
//	k   travel time of the whole reach, s       > 0
//	x   weighting factor of a sub-reach, –      0 to 0.5
//	dt  time step, s                            > 0
//	n   sub-reaches, –                          0: the smallest number for which 2(k/n)x <= dt
//
// It fails if a value is out of range, or if dt is outside
// 2(k/n)x <= dt <= 2(k/n)(1-x), where an outflow could become negative.
func NewMuskingum(k, x, dt float64, n int) (Muskingum, error) {
	for i, v := range []float64{k, x, dt, float64(n)} {
		if err := Params[i].Check(v); err != nil {
			return Muskingum{}, fmt.Errorf("muskingum: %w", err)
		}
	}
	if math.IsInf(k, 0) || math.IsInf(dt, 0) {
		return Muskingum{}, fmt.Errorf("muskingum: k = %g s, dt = %g s: want finite", k, dt)
	}
	if n == 0 {
		need := math.Ceil(2 * k * x / dt * (1 - slack))
		if need > maxSubReaches {
			return Muskingum{}, fmt.Errorf("muskingum: k = %g s, x = %g, dt = %g s: stability asks for %g sub-reaches, more than %d", k, x, dt, need, maxSubReaches)
		}
		n = max(1, int(need))
	}
	ks := k / float64(n)
	lo, hi := 2*ks*x, 2*ks*(1-x)
	if dt < lo*(1-slack) || dt > hi*(1+slack) {
		return Muskingum{}, fmt.Errorf("muskingum: unstable: dt = %g s is outside 2kx to 2k(1-x) = %g to %g s for k = %g s in %d sub-reaches, x = %g: %s",
			dt, lo, hi, k, n, x, advice(k, x, dt))
	}
	d := hi + dt
	m := Muskingum{n: n, k: ks, x: x, dt: dt}
	m.c1 = max(0, (dt-lo)/d) // [Chow88] (8.4.8); the bounds take away what slack let in
	m.c3 = max(0, (hi-dt)/d) // [Chow88] (8.4.10)
	m.c2 = 1 - m.c1 - m.c3   // [Chow88] (8.4.9); the three sum to 1
	return m, nil
}

// advice says which numbers of sub-reaches would do.
func advice(k, x, dt float64) string {
	lo := max(1, math.Ceil(2*k*x/dt*(1-slack)))
	hi := math.Floor(2 * k * (1 - x) / dt * (1 + slack))
	if hi < lo {
		return fmt.Sprintf("no number of sub-reaches is stable, use a step of at most %g s or a longer reach", 2*k*(1-x))
	}
	return fmt.Sprintf("stable with %g to %g sub-reaches", lo, hi)
}

// SubReaches returns the number of sub-reaches.
func (m Muskingum) SubReaches() int { return m.n }

// Coefficients returns c1, c2 and c3, which weigh the inflow now, the inflow
// before and the outflow before. They are dimensionless, not negative, and sum to 1.
func (m Muskingum) Coefficients() (c1, c2, c3 float64) { return m.c1, m.c2, m.c3 }

// A State is the flow, m³/s, at the head of the reach and at the end of each of
// its sub-reaches at one instant: SubReaches()+1 values.
type State []float64

// Steady returns the state of a reach that has carried q m³/s for long.
func (m Muskingum) Steady(q float64) State {
	s := make(State, m.n+1)
	for i := range s {
		s[i] = q
	}
	return s
}

// Storage returns the water in the reach, m³. It panics if the state has the
// wrong length.
func (m Muskingum) Storage(s State) float64 {
	if len(s) != m.n+1 {
		panic(badState)
	}
	var v float64
	for i := range m.n {
		v += m.k * (m.x*s[i] + (1-m.x)*s[i+1]) // [Chow88] (8.4.1)
	}
	return v
}

const (
	badState  = "routing: state does not fit the reach"
	badLength = "routing: inflow and outflow have unequal length"
)

// Route writes to out the outflow, m³/s, for each inflow of in, both
// instantaneous values dt apart, the first one dt after the instant of s. It
// moves s to the last instant. In and out may be the same slice. It allocates
// nothing. It panics if the lengths differ or s does not fit the reach.
func (m Muskingum) Route(s State, in, out []float64) {
	if len(s) != m.n+1 {
		panic(badState)
	}
	if len(in) != len(out) {
		panic(badLength)
	}
	if len(in) == 0 {
		return
	}
	c1, c2, c3 := m.c1, m.c2, m.c3
	before := s[0]
	s[0] = in[len(in)-1]
	src := in
	for j := 1; j <= m.n; j++ {
		o, i0, first := s[j], before, s[j]
		out := out[:len(src)]
		for t, i1 := range src {
			o = c1*i1 + c2*i0 + c3*o // [Chow88] (8.4.7)
			i0 = i1
			out[t] = o
		}
		before, s[j] = first, o
		src = out
	}
}
