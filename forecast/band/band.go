// Package band says how far a forecast can be trusted: quantiles of flow at each
// lead, and with what probability and when a threshold is crossed.
//
// A forecast is one central run or several members (of the rain, of the initial
// state; [Multipliers] makes them where no weather centre does). Each is dressed
// with the errors that forecasts of this gauge at this lead, in a situation like
// this one, have had: with
//
//	z = ln(Q + c)        e = z observed - z forecast
//
// the quantiles of e at the [Levels] p are tracked for each lead L and class k of
// situation by the stochastic approximation of [RobbinsMonro51], as adaptive
// conformal inference does [GibbsCandes21]: when a forecast is answered,
//
//	q_p += g s (p - [e < q_p issued])        s = running mean of |e - q_0.5|
//
// with the gain g = G, and before as many errors have been seen 1/n, at most 0.1; s
// is sixteen times as slow. [e < q_p issued] is 1 where the observation lies below
// the quantile that was issued then, not below today's. So the sum of the steps
// is known: whatever the errors' distribution, however it drifts and however they
// cling together, the share of observations below the quantiles issued differs
// from p by no more than the way that q_p went, over g s n. Quantiles that cross
// are sorted where they are used, which makes no one worse [Chernozhukov10].
//
// That errors are taken by lead and situation, after a transformation that makes
// them alike, is the idea of [SolomatineShrestha09] and of the quantile
// regression of [Weerts11]. The classes are six: the forecast at the lead is low,
// middling or high (below the median, up to the 90 % quantile, above it, of the
// observed flows, which are tracked likewise), and the forecast or the river
// rises, or neither does.
//
// Dressed members are mixed with equal weights:
//
//	F(Q) = mean over members of F_k(z - z member)
//
// F_k is linear between the tracked quantiles and on to 0 and 1 over the same
// width as from 5 to 10 % and from 90 to 95 %. If errors are learnt from runs
// with the observed rain they are what is uncertain of the catchment alone, the
// members bring the uncertainty of the rain, and the mixture has both once: the
// Bayesian forecasting system of [Krzysztofowicz99]. If they are learnt from
// runs as they were issued, as for runs without a rain forecast, they hold all
// of it already, and there is one member.
//
// A crossing needs the joint distribution over leads. Errors keep their rank
// here: a forecast too low by its 90 % quantile at one lead is so at all. Then
//
//	P(crossed by L) = mean over members of max over l <= L of 1 - F_l(threshold)
//
// which is a lower bound, and near the truth where errors last as long as it takes
// a crossing to be decided.
//
// Nothing is random: equal inputs give equal bands. Sources: [Krzysztofowicz99]
// R. Krzysztofowicz, Bayesian theory of probabilistic forecasting via
// deterministic hydrologic model, Water Resour. Res. 35(9), 1999, 2739-2750.
// [SolomatineShrestha09] D. P. Solomatine, D. L. Shrestha, A novel method to
// estimate model uncertainty using machine learning techniques, Water Resour.
// Res. 45, 2009, W00B11. [Weerts11] A. H. Weerts, H. C. Winsemius, J. S. Verkade,
// Estimation of predictive hydrological uncertainty using quantile regression,
// Hydrol. Earth Syst. Sci. 15, 2011, 255-265. [GibbsCandes21] I. Gibbs, E. Candès,
// Adaptive conformal inference under distribution shift, NeurIPS 34, 2021.
// [RobbinsMonro51] H. Robbins, S. Monro, A stochastic approximation method, Ann.
// Math. Stat. 22(3), 1951, 400-407. [Chernozhukov10] V. Chernozhukov, I.
// Fernández-Val, A. Galichon, Quantile and probability curves without crossing,
// Econometrica 78(3), 2010, 1093-1125.
package band

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Levels are the probabilities of a band's quantiles.
var Levels = [levels]float64{0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95}

const (
	levels  = 7
	median  = 3
	classes = 6        // three of magnitude times two of movement
	upper   = 5        // index of the level of observed flows above which a flow is high
	rise    = 0.02     // of z, about 2 % of the flow, that makes a situation rising
	recent  = 4        // steps: the river rises if it stands higher than so long ago
	start   = 0.1      // gain at first
	slow    = 1.0 / 16 // of the gain, that of the scale
)

// Params are the parameters of [New].
var Params = []param.Param{
	{Name: "leads", Unit: "steps", Lo: 1, Hi: 1000, Doc: "leads of a forecast, one step apart", Source: "this package"},
	{Name: "c", Unit: "m³/s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "added to a flow before its logarithm is taken; about the lowest flow", Source: "this package"},
	{Name: "G", Unit: "–", Lo: 0, Hi: 0.5, Above: true, Doc: "lasting gain of the quantiles; smaller: steadier and slower to adapt", Source: "[GibbsCandes21]"},
}

// Parameters are those of one gauge. Their ranges are in [Params].
type Parameters struct {
	Leads  int
	Offset float64 // c, m³/s
	Gain   float64 // G
}

// A Model is the method with its parameters. It is immutable and safe for
// concurrent use.
type Model struct {
	leads int
	c, g  float64
}

// A Tracker is what is known of one distribution.
type Tracker struct {
	N        int             // values learnt from
	Scale    float64         // mean distance from the median
	Quantile [levels]float64 // at the Levels
}

// A State is what a gauge's past forecasts have taught, and those that wait for
// their observations. It is plain data, to be stored: about
// leads · (430 + 33 leads) bytes.
type State struct {
	Flows    Tracker               // of ln(Q + c) observed
	Errors   []Tracker             // by lead, then class
	Issued   [][levels + 1]float32 // ln(Q + c) at the Levels, and forecast, of each step of the ring, by lead; NaN if none
	Class    []uint8               // likewise
	Next     int                   // place in the ring of the next forecast
	Recent   [recent]float64       // ln(Q + c) of the last observations, the latest first; 0 before the first
	Observed int                   // how many of Recent there are
}

// New returns a model. It fails if a parameter is out of range.
func New(p Parameters) (Model, error) {
	for i, v := range []float64{float64(p.Leads), p.Offset, p.Gain} {
		if err := Params[i].Check(v); err != nil {
			return Model{}, fmt.Errorf("band: %w", err)
		}
	}
	if math.IsInf(p.Offset, 0) {
		return Model{}, fmt.Errorf("band: c = %g m³/s: want finite", p.Offset)
	}
	return Model{leads: p.Leads, c: p.Offset, g: p.Gain}, nil
}
