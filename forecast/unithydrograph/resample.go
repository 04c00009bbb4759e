package unithydrograph

import (
	"fmt"
	"math"
)

// Resample returns u, whose steps are of from s, in steps of to s, by its S-curve
// [Chow88, 7.7]: the response to runoff that never ends,
//
//	S(k·from) = u(0) + … + u(k-1)                     linear between, 0 to 1
//	u'(i) = S((i+1)·to) - S(i·to)
//
// Where to is longer and a whole number of from long this is exact; where it is
// shorter, runoff that is even over each step of from gives at their ends the flow that u gives.
// No water is made or lost, and equal steps give u as it is.
//
// It fails if a step is not above 0 or the hydrograph would be longer than 20,000
// steps.
//
// [Chow88] V. T. Chow, D. R. Maidment, L. W. Mays, Applied Hydrology, 1988, 7.7.
func (u Hydrograph) Resample(from, to float64) (Hydrograph, error) {
	for _, dt := range []float64{from, to} {
		if !(dt > 0) || math.IsInf(dt, 0) {
			return nil, fmt.Errorf("unit hydrograph: a step of %g s: want > 0", dt)
		}
	}
	if from == to {
		return u, nil
	}
	steps := math.Ceil(float64(len(u)) * from / to)
	if !(steps <= maxOrdinate) {
		return nil, fmt.Errorf("unit hydrograph: %d ordinates of %g s are longer than %d steps of %g s", len(u), from, maxOrdinate, to)
	}
	curve := make([]float64, len(u)+1)
	for i, v := range u {
		curve[i+1] = curve[i] + v
	}
	at := func(t float64) float64 { // t in steps of from
		k := int(t)
		if k >= len(u) {
			return 1
		}
		return curve[k] + (t-float64(k))*u[k]
	}
	out := make(Hydrograph, int(steps))
	for i := range out {
		out[i] = max(0, at(float64(i+1)*to/from)-at(float64(i)*to/from))
	}
	return out.whole(), nil
}
