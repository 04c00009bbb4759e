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
// 1 is perfect. It is NaN with fewer than two pairs, where one of the series does
// not change, and where the mean of one is 0.
//
// Source: [Kling12] Kling, Fuchs, Paulin: Runoff conditions in the upper Danube
// basin under an ensemble of climate change scenarios, J. Hydrology 424-425
// (2012).
func KGE2012(observed, forecast []float64) float64 {
	if len(observed) != len(forecast) {
		panic(badLength)
	}
	if len(observed) < 2 {
		return math.NaN()
	}
	mo, so := stat.MeanStdDev(observed, nil)
	mf, sf := stat.MeanStdDev(forecast, nil)
	if so == 0 || sf == 0 || mo == 0 || mf == 0 {
		return math.NaN()
	}
	r := stat.Correlation(observed, forecast, nil)
	return 1 - math.Hypot(math.Hypot(r-1, (sf/mf)/(so/mo)-1), mf/mo-1)
}
