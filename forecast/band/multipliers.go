package band

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Multipliers writes to dst the means of len(dst) equally probable parts of a
// lognormal distribution of mean 1 and coefficient of variation cv, ascending.
// Each times the rain, or times the initial store, is a member; their mean is
// exactly 1, so that no water is added on average. All are dimensionless. cv 0 gives
// ones. It panics if cv is negative, NaN or infinite.
func Multipliers(cv float64, dst []float64) {
	if !(cv >= 0) || math.IsInf(cv, 0) {
		panic("band: coefficient of variation is negative or no number")
	}
	sigma := math.Sqrt(math.Log1p(cv * cv))
	n := float64(len(dst))
	// The mean of a lognormal's part between quantiles a and b of the normal is
	// (Phi(b - sigma) - Phi(a - sigma)) n, for a mean of 1.
	before, sum := 0.0, 0.0
	for i := range dst {
		next := 1.0
		if i < len(dst)-1 {
			next = distuv.UnitNormal.CDF(distuv.UnitNormal.Quantile(float64(i+1)/n) - sigma)
		}
		dst[i] = (next - before) * n
		before = next
		sum += dst[i]
	}
	for i := range dst {
		dst[i] *= n / sum
	}
}

// Spread returns the coefficient of variation for [Multipliers] from past
// depths of rain, forecast and observed, mm over the lead that matters: the one
// whose lognormal has the variance of ln(observed/forecast). Pairs of which one
// is below least, mm, say nothing of a ratio and are left out. bias is the ratio
// of the sums of those used, observed over forecast. It fails with fewer than ten
// pairs, and panics if the lengths differ.
func Spread(forecast, observed []float64, least float64) (cv, bias float64, err error) {
	if len(forecast) != len(observed) {
		panic("band: slices have unequal length")
	}
	n, sum, squares, f, o := 0.0, 0.0, 0.0, 0.0, 0.0
	for i, a := range forecast {
		b := observed[i]
		if !(a >= least && b >= least && least > 0) {
			continue
		}
		l := math.Log(b / a)
		n, sum, squares, f, o = n+1, sum+l, squares+l*l, f+a, o+b
	}
	if n < 10 {
		return 0, 0, fmt.Errorf("band: %g pairs of at least %g mm: want 10", n, least)
	}
	variance := max(0, squares-sum*sum/n) / (n - 1)
	return math.Sqrt(math.Expm1(variance)), o / f, nil
}
