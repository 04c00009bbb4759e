// Package unithydrograph spreads runoff in time by a unit hydrograph.
//
// [Given] takes ordinates as they are printed, [Lag] delays alone, and [Nash] is
// the cascade of n equal linear reservoirs of storage constant k [Nash57]. Its
// instantaneous response is the gamma density, and the response at t to a unit of
// runoff spread evenly over one step of dt is
//
//	u(t) = P(n, t/k) - P(n, (t-dt)/k)       share of the runoff, per step
//
// where P is the regularised lower incomplete gamma function (the S-curve of the
// cascade). The tail beyond 1 - 1e-5 is cut and the ordinates scaled so that
// they sum to exactly 1: no water is made or lost.
//
// Source: [Nash57] J. E. Nash, The form of the instantaneous unit hydrograph,
// IAHS Publ. 45(3), 1957, 114-121.
package unithydrograph

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"freshet/forecast/param"
)

// Params are the parameters of [Nash].
var Params = []param.Param{
	{Name: "n", Unit: "–", Lo: 0.1, Hi: 30, Doc: "reservoirs of the cascade, need not be whole", Source: "[Nash57]", Sought: param.Sought{Lo: 1, Hi: 9, Log: true}},
	{Name: "k", Unit: "s", Lo: 0, Hi: math.Inf(1), Doc: "storage constant of each reservoir; 0: no delay", Source: "[Nash57]", Sought: param.Sought{Lo: 60, LoSteps: 0.1, Hi: 2 * 86400, HiSteps: 5, Log: true}},
	{Name: "dt", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "time step", Source: "[Nash57]"},
}

const (
	tail        = 1e-5
	maxOrdinate = 20000
)

// A Hydrograph is the ordinates of a unit hydrograph: shares of one step's
// runoff that leave in that step, in the next one, and so on. They are
// non-negative and sum to exactly 1.
type Hydrograph []float64

// Nash returns the ordinates of a cascade with
//
//	n   reservoirs, –               0.1 to 30
//	k   storage constant, s         >= 0; 0 gives the single ordinate 1
//	dt  time step, s                > 0
//
// It fails if a value is out of range or the hydrograph would be longer than
// 20,000 steps.
func Nash(n, k, dt float64) (Hydrograph, error) {
	for i, v := range []float64{n, k, dt} {
		if err := Params[i].Check(v); err != nil {
			return nil, fmt.Errorf("unit hydrograph: %w", err)
		}
	}
	if k == 0 {
		return Hydrograph{1}, nil
	}
	var u Hydrograph
	for s, i := 0.0, 1; s < 1-tail; i++ {
		if i > maxOrdinate {
			return nil, fmt.Errorf("unit hydrograph: n = %g, k = %g s at dt = %g s is longer than %d steps", n, k, dt, maxOrdinate)
		}
		next := mathext.GammaIncReg(n, float64(i)*dt/k) // [Nash57], the S-curve
		u = append(u, max(0, next-s))
		s = next
	}
	return u.whole(), nil
}

// whole scales u to the sum 1, and makes the last ordinate what is missing to
// exactly 1.
func (u Hydrograph) whole() Hydrograph {
	total := 0.0
	for _, v := range u {
		total += v
	}
	sum := 0.0
	for i, v := range u {
		if rest := 1 - sum; i == len(u)-1 || v/total >= rest {
			u[i] = rest
			return u[:i+1]
		}
		u[i] = v / total
		sum += u[i]
	}
	return u
}

// Add adds to flow the response to the runoff r of the step whose end is
// flow[0]: flow[i] += r·u[i]. The unit of flow is that of r. It panics if flow is
// shorter than u. What stands in flow beyond the present is the state: copy it,
// and a stopped run goes on as if it had not stopped.
func (u Hydrograph) Add(flow []float64, r float64) {
	if len(flow) < len(u) {
		panic("unithydrograph: flow is shorter than the hydrograph")
	}
	if r == 0 {
		return
	}
	flow = flow[:len(u)]
	for i, v := range u {
		flow[i] += r * v
	}
}
