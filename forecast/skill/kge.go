package skill

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// KGE2012 returns the Kling-Gupta efficiency in its later form [Kling12], with the
// ratio of the coefficients of variation, forecast to observed, in place of the
// ratio of deviations, so that a bias does not count twice:
//
//	1 - √((r-1)² + (γ-1)² + (β-1)²)   γ = (σ/μ of the forecast) / (σ/μ of the observed)   β = μ / μ
//
// It is dimensionless, the series being in one unit; 1 is perfect. It is NaN with fewer than two pairs, where one of the series does
// not change, and where the mean of one is 0.
//
// Source: [Kling12] Kling, Fuchs, Paulin: Runoff conditions in the upper Danube
// basin under an ensemble of climate change scenarios, J. Hydrology 424-425
// (2012).
func KGE2012(observed, forecast []float64) float64 {
	r, deviations, means := kling(observed, forecast)
	if means == 0 {
		return math.NaN()
	}
	return distance(r, deviations/means, means)
}

// kling returns the correlation and the ratios of deviations and of means,
// forecast to observed: NaN where a series is shorter than two or does not change,
// or the observed mean is 0.
func kling(observed, forecast []float64) (r, deviations, means float64) {
	if len(observed) != len(forecast) {
		panic(badLength)
	}
	if len(observed) < 2 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	mo, so := stat.MeanStdDev(observed, nil)
	mf, sf := stat.MeanStdDev(forecast, nil)
	if still(observed) || still(forecast) || mo == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return stat.Correlation(observed, forecast, nil), sf / so, mf / mo
}

// distance returns 1 less the distance of the three from (1, 1, 1).
func distance(a, b, c float64) float64 {
	return 1 - math.Hypot(math.Hypot(a-1, b-1), c-1)
}
