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
// A crossing is of the whole path ahead, and no sum over leads: an error at one lead
// says little of the next, and the band of a late lead of a falling river says
// nothing of whether the river turns. So the errors of whole paths are learnt,
// too, by the same situations (of the highest flow forecast up to a lead L):
//
//	E_L = highest z observed up to L - highest z forecast up to L
//	P(crossed by L) = mean over members of share of E_L >= min over l <= L of z threshold_l - z member_l
//
// Their levels are not corrected: what widens a band until a tenth lies outside
// says nothing of the tail, where thresholds lie. Where a situation has fewer than
// [FewestPaths] such errors, the bands' own bound stands in, which is too high as a
// rule ([Crossing.Paths] is 0 then): errors keep their rank over leads, and
//
//	P(crossed by L) = mean over members of max over l <= L of 1 - F_l(threshold_l)
//
// How good the chances have been is judged as time goes ([State.Judged]), on one
// threshold that each gauge has: the 90 % quantile of its flows.
//
// Errors are kept at each lead up to the parameter leads and at each sixth one from
// there to far. Beyond the last lead they are widened: all errors times (l / last)^h, where h is how the width of 80 % grew
// from the middle lead to the last, 0 at least and 1/2, a random walk, at most.
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
// situations, that levels are corrected on either side by lead and situation, and
// the errors of paths are this package's.
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

	sparse = 6        // leads beyond Parameters.Leads lie so far apart
	year   = 365 * 24 // steps that judging remembers, about
	judged = 72       // crossings' steps that it needs: three, if each is foreseen for a day
	lean   = 1.5      // of what was told over what happened: more is not calibrated, nor less than 1 over it
)

// FewestPaths is how many errors of paths a situation needs before they tell a
// chance: with fewer, it is one or two floods.
const FewestPaths = 24

// Params are the parameters of [New].
var Params = []param.Param{
	{Name: "leads", Unit: "steps", Lo: 1, Hi: 1000, Doc: "leads of a forecast, one step apart", Source: "this package"},
	{Name: "far", Unit: "steps", Lo: 0, Hi: 1000, Doc: "the last lead, if beyond leads: there each sixth one is learnt", Source: "this package"},
	{Name: "c", Unit: "m³/s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "added to a flow before its logarithm is taken; about the lowest flow", Source: "this package"},
	{Name: "G", Unit: "–", Lo: 0, Hi: 0.5, Doc: "gain by which levels are corrected; 0: not at all, 0.01 is usual", Source: "[GibbsCandes21]"},
}

// Parameters are those of one gauge. Their ranges are in [Params].
type Parameters struct {
	Leads  int
	Far    int
	Offset float64 // c, m³/s
	Gain   float64 // G
	// Linear takes values as they are, z = Q: levels, m, say. Offset is not used.
	Linear bool
}

// A Model is the method with its parameters. It is immutable and safe for
// concurrent use.
type Model struct {
	last   int   // lead
	dense  int   // the last of those that are each one step apart
	at     []int // the leads at which errors are kept, ascending
	tops   []int // the leads up to which errors of paths are kept, ascending
	where  []int // by lead less one: the index in at of the next lead there
	c, g   float64
	linear bool
}

// A Window is the last values of a distribution, one in some once it is full.
type Window struct {
	Seen, Kept, N int           // values seen, taken in, and held
	Values        [size]float32 // the first N, ascending
	Slots         [size]uint8   // when each was taken in: its number, modulo size
}

// An Issued is ln(Q + c) of a forecast at one lead; Low is NaN if there is none.
type Issued struct {
	Low, High float32 // its quantiles at 10 and 90 %
	Z         float32
	Class     uint8
}

// A Path is the highest ln(Q + c) of a forecast up to one lead; NaN if there is none.
type Path struct {
	Z     float32
	Class uint8
}

// A Judged is what the chances told of a threshold, and what happened, fading
// over a year.
type Judged struct {
	Forecasts, Told, Met float64 // how many, the sum of their chances, and how many were met
}

// Calibrated reports whether the chances of the past are near what happened: there
// were enough crossings to say so, and neither told more than 1.5 times as many nor
// fewer than two thirds.
func (j Judged) Calibrated() bool {
	return j.Met >= judged && j.Told <= lean*j.Met && j.Met <= lean*j.Told
}

// A Pending is a step of the ring: what was issued then and waits.
type Pending struct {
	Highest float32 // ln(Q + c) observed since; NaN if it was not observed throughout
	Mark    float32 // the threshold of Judged then
	Chance  float32 // told of it; NaN: none
}

// A State is what a gauge's past forecasts have taught, and those that wait for
// their observations. It is plain data, to be stored. [State.Bytes] says how much.
type State struct {
	Flows        Window          // of ln(Q + c) observed
	Middle, High float64         // its quantiles that part the situations
	Errors       []Window        // by lead kept, then situation
	Outward      [][2]float64    // likewise: w below and above the median
	Issued       []Issued        // of each step of the ring, by lead kept
	Paths        []Window        // errors of paths, by lead of tops, then situation
	PathsIssued  []Path          // of each step of the ring, by lead of tops
	Pending      []Pending       // of each step of the ring
	Next         int             // place in the ring of the next forecast
	Recent       [recent]float64 // ln(Q + c) of the last observations, the latest first
	Observed     int             // how many of Recent there are
	Judged       Judged          // chances up to the lead Parameters.Leads
}

// Bytes returns how much memory s takes, as a program of 64 bits lays it out.
func (s *State) Bytes() int {
	const word, real, window = 8, 4, 3*8 + size*(4+1)
	self := window + 10*word + 6*3*word // and the slices' headers
	return self + (len(s.Errors)+len(s.Paths))*window + len(s.Outward)*2*word + len(s.Issued)*4*real + len(s.PathsIssued)*2*real + len(s.Pending)*3*real
}

// New returns a model. It fails if a parameter is out of range.
func New(p Parameters) (Model, error) {
	if p.Linear {
		p.Offset = 1
	}
	for i, v := range []float64{float64(p.Leads), float64(p.Far), p.Offset, p.Gain} {
		if err := Params[i].Check(v); err != nil {
			return Model{}, fmt.Errorf("band: %w", err)
		}
	}
	if math.IsInf(p.Offset, 0) {
		return Model{}, fmt.Errorf("band: c = %g m³/s: want finite", p.Offset)
	}
	m := Model{dense: p.Leads, last: max(p.Leads, p.Far), c: p.Offset, g: p.Gain, linear: p.Linear}
	for l := 1; l <= m.last; l++ {
		if l <= p.Leads || l%sparse == 0 || l == m.last {
			m.at = append(m.at, l)
		}
		if l <= 3 || l <= 12 && l%3 == 0 || l <= 24 && l%6 == 0 || l%12 == 0 || l == p.Leads || l == m.last {
			m.tops = append(m.tops, l)
		}
	}
	for l, i := 1, 0; l <= m.last; l++ {
		if m.at[i] < l {
			i++
		}
		m.where = append(m.where, i)
	}
	return m, nil
}

// Last returns the last lead of which m learns.
func (m Model) Last() int { return m.last }
