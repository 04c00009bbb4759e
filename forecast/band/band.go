// Package band says how far a forecast can be trusted: quantiles of flow at each
// lead, and with what probability and when a threshold is crossed.
//
// A forecast is one central run or several members (of the rain, of the initial
// state; [Multipliers] makes them where no weather centre does). Each is dressed
// with the errors that forecasts of this gauge at this lead, in a situation like
// this one, have had:
//
//	z = ln(Q + c)        e = z observed - z forecast
//
// That errors are taken by lead and situation, after a transformation that makes
// them alike, is the idea of [SolomatineShrestha09] and of the quantile
// regression of [Weerts11]. The situations are nine: the forecast at the lead is
// low, middling or high (below the median, up to the 90 % quantile, above it, of
// the flows observed in the last year), and the rise, of the forecast from now to
// the lead or of the river in the last three steps, whichever is more, is none
// (less than 0.02 of z, about 2 %), some or strong (more than 0.2). Of each lead
// and situation 128 errors are kept, the first 128 and from then on one in eight
// in place of the oldest, because errors of neighbouring hours say the same; their quantile at p stands between the i-th
// and the next, i = p (n + 1).
//
// The past need not be like the present. Therefore levels are corrected until
// the bands hold what they say, as in adaptive conformal inference
// [GibbsCandes21]: the quantile at p is taken from the window at
//
//	(2p)^exp(w) / 2             where p < 0.5
//	1 - (2-2p)^exp(w') / 2      else
//
// and when a forecast is answered, with the gain G,
//
//	w  += G ([z observed < z issued at 10 %] - 0.1)        -1 <= w, w' <= 1
//	w' += G ([z observed > z issued at 90 %] - 0.1)
//
// What counts is the quantile that was issued, not today's. So, while w does not
// stand at its end, the share of observations outside differs from a tenth by no
// more than the way of w over G n, whatever the errors' distribution, however it
// drifts and however they cling together. At the end the level of 10 % is taken from
// the window at 0.6 %; a window of 128 has none beyond 1/129.
//
// Dressed members are mixed with equal weights, F being the distribution of a
// member's flow, and so a band has the members' spread and the errors' at once:
//
//	F(z) = mean over members of F_error(z - z member)
//
// If errors are learnt from runs with the observed rain they are what is uncertain
// of the catchment alone, and members bring the uncertainty of the rain: the
// Bayesian forecasting system of [Krzysztofowicz99]. If they are learnt from runs
// as they were issued, as for runs without a rain forecast, they hold all of it
// already, and there is one member. A gauge has a [State] for each kind of run.
//
// A crossing needs the joint distribution over leads. Errors keep their rank
// here: a forecast too low by its 90 % quantile at one lead is so at all. Then
//
//	P(crossed by L) = mean over members of max over l <= L of 1 - F_l(threshold)
//
// which is a lower bound of what the bands imply, and near it where errors last.
//
// Nothing is random: equal inputs give equal bands. Sources: [Krzysztofowicz99]
// R. Krzysztofowicz, Bayesian theory of probabilistic forecasting via
// deterministic hydrologic model, Water Resour. Res. 35(9), 1999, 2739-2750.
// [SolomatineShrestha09] D. P. Solomatine, D. L. Shrestha, A novel method to
// estimate model uncertainty using machine learning techniques, Water Resour.
// Res. 45, 2009, W00B11. [Weerts11] A. H. Weerts, H. C. Winsemius, J. S. Verkade,
// Estimation of predictive hydrological uncertainty using quantile regression,
// Hydrol. Earth Syst. Sci. 15, 2011, 255-265. [GibbsCandes21] I. Gibbs, E. Candès,
// Adaptive conformal inference under distribution shift, NeurIPS 34, 2021. The
// situations, and that levels are corrected on either side by lead and situation,
// are this package's.
package band

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Levels are the probabilities of a band's quantiles.
var Levels = [levels]float64{0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95}

const (
	levels    = 7
	low, high = 1, 5 // the levels by which all are corrected

	classes = 9    // three of magnitude times three of movement
	rise    = 0.02 // of z
	strong  = 0.2
	recent  = 4 // observations kept, to see a rise

	size       = 128 // of a window
	thinErrors = 8
	thinFlows  = 64  // 128 of every 64th hour are about a year
	enough     = 200 // errors seen before levels are corrected
	outermost  = 1.0 // of w

	precise = 1e-6 // of z
)

// Params are the parameters of [New].
var Params = []param.Param{
	{Name: "leads", Unit: "steps", Lo: 1, Hi: 1000, Doc: "leads of a forecast, one step apart", Source: "this package"},
	{Name: "c", Unit: "m³/s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "added to a flow before its logarithm is taken; about the lowest flow", Source: "this package"},
	{Name: "G", Unit: "–", Lo: 0, Hi: 0.5, Doc: "gain by which levels are corrected; 0: not at all, 0.01 is usual", Source: "[GibbsCandes21]"},
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

// A Window is the last values of a distribution, one in some once it is full.
type Window struct {
	Seen, Kept, N int           // values seen, taken in, and held
	Values        [size]float32 // the first N, ascending
	Slots         [size]uint8   // when each was taken in: its number, modulo size
}

// A State is what a gauge's past forecasts have taught, and those that wait for
// their observations. It is plain data, to be stored: about leads · (6000 + 33
// leads) bytes.
type State struct {
	Flows        Window                // of ln(Q + c) observed
	Middle, High float64               // its quantiles that part the situations
	Errors       []Window              // by lead, then situation
	Outward      [][2]float64          // likewise: w below and above the median
	Issued       [][levels + 1]float32 // ln(Q + c) at the Levels, and forecast, of each step of the ring, by lead; the first is NaN if there is none
	Class        []uint8               // likewise
	Next         int                   // place in the ring of the next forecast
	Recent       [recent]float64       // ln(Q + c) of the last observations, the latest first
	Observed     int                   // how many of Recent there are
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
