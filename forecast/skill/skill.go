// Package skill says how good forecasts were: scores of a forecast series
// against what was observed, the persistence forecast to compare with, and the
// grades of the Chinese standard for hydrological forecasts.
//
// Functions take the observed series first. Both series are paired and have
// equal length, else the functions panic; values must be finite. A score that
// the series do not define (too short, or observations that never change) is
// NaN.
//
// Sources:
//
//	[Nash70]  Nash, Sutcliffe: River flow forecasting through conceptual models
//	          I, J. Hydrology 10 (1970)
//	[Gupta09] Gupta, Kling, Yilmaz, Martinez: Decomposition of the mean squared
//	          error and NSE performance criteria, J. Hydrology 377 (2009)
//	[GB22482] GB/T 22482-2008 水文情报预报规范
package skill

import (
	"math"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

const badLength = "skill: series of different length"

// NSE returns the Nash-Sutcliffe efficiency [Nash70], the DC 确定性系数 of
// [GB22482]: 1 for a perfect forecast, 0 for one as good as the mean of the
// observations. It is dimensionless, the series being in one unit.
func NSE(observed, forecast []float64) float64 {
	if len(observed) != len(forecast) {
		panic(badLength)
	}
	if len(observed) < 2 {
		return math.NaN()
	}
	mean := stat.Mean(observed, nil)
	var of, om float64
	for i, o := range observed {
		of += (o - forecast[i]) * (o - forecast[i])
		om += (o - mean) * (o - mean)
	}
	if still(observed) { // om may be above 0 all the same, by rounding of the mean
		return math.NaN()
	}
	return 1 - of/om
}

// still reports whether a series, which is not empty, never changes.
func still(series []float64) bool { return floats.Min(series) == floats.Max(series) }

// Versus returns the skill over a reference forecast, 1 less the ratio of the
// sums of squared errors: above 0 the forecast beats the reference. With
// persistence as the reference it is the coefficient of persistence. It is
// dimensionless, the series being in one unit.
func Versus(observed, forecast, reference []float64) float64 {
	if len(observed) != len(forecast) || len(observed) != len(reference) {
		panic(badLength)
	}
	var of, or float64
	for i, o := range observed {
		of += (o - forecast[i]) * (o - forecast[i])
		or += (o - reference[i]) * (o - reference[i])
	}
	if or == 0 {
		return math.NaN()
	}
	return 1 - of/or
}

// KGE returns the Kling-Gupta efficiency [Gupta09], 1 less the distance of
// correlation, ratio of deviations and ratio of means from (1, 1, 1). It is
// dimensionless, the series being in one unit.
func KGE(observed, forecast []float64) float64 {
	r, deviations, means := kling(observed, forecast)
	return distance(r, deviations, means)
}

// MeanError returns the mean of forecast less observed, in the unit of the
// series; 0 means no bias.
func MeanError(observed, forecast []float64) float64 {
	if len(observed) != len(forecast) {
		panic(badLength)
	}
	if len(observed) == 0 {
		return math.NaN()
	}
	return (floats.Sum(forecast) - floats.Sum(observed)) / float64(len(observed))
}

// MeanAbsoluteError returns the mean distance of forecast and observed, in the
// unit of the series.
func MeanAbsoluteError(observed, forecast []float64) float64 {
	if len(observed) != len(forecast) {
		panic(badLength)
	}
	if len(observed) == 0 {
		return math.NaN()
	}
	return floats.Distance(observed, forecast, 1) / float64(len(observed))
}

// RootMeanSquareError is in the unit of the series.
func RootMeanSquareError(observed, forecast []float64) float64 {
	if len(observed) != len(forecast) {
		panic(badLength)
	}
	if len(observed) == 0 {
		return math.NaN()
	}
	return floats.Distance(observed, forecast, 2) / math.Sqrt(float64(len(observed)))
}

// A PeakError compares the highest value that a forecast gave with the highest
// that was observed.
type PeakError struct {
	Observed, Forecast     float64
	ObservedAt, ForecastAt time.Time
}

// Error returns forecast less observed, in the unit of the series.
func (p PeakError) Error() float64 { return p.Forecast - p.Observed }

// Share returns Error as a share of the observed peak; NaN if that is not above
// 0, as a level on a local datum may be.
func (p PeakError) Share() float64 {
	if p.Observed <= 0 {
		return math.NaN()
	}
	return p.Error() / p.Observed
}

// Late returns by how much the forecast peak came after the observed one.
func (p PeakError) Late() time.Duration { return p.ForecastAt.Sub(p.ObservedAt) }

// Peak returns the peaks of two series in one unit over the same instants; the first of
// equal values counts. It panics if the lengths differ or are 0.
func Peak(at []time.Time, observed, forecast []float64) PeakError {
	if len(observed) != len(forecast) || len(observed) != len(at) {
		panic(badLength)
	}
	o, f := floats.MaxIdx(observed), floats.MaxIdx(forecast)
	return PeakError{Observed: observed[o], Forecast: forecast[f], ObservedAt: at[o], ForecastAt: at[f]}
}
