// Package updating lets observations correct a computed flow.
//
// At a gauge the error of the computed flow Qc is known wherever the gauge
// reports. Four things are done with it, and each can be switched off ([Parts])
// and seen ([Corrector.Report]). What is learnt is learnt online, from the past
// alone, and from nothing but usable observations.
//
// State insertion: the observed flow replaces the computed one, and it is what
// routing carries on downstream. The caller does that, with what
// [Corrector.Correct] returns.
//
// A lasting loss: the share l of the computed flow that does not arrive, by the
// volumes of the past with the memory V. A negative l is a gain.
//
//	l = 1 - sum w Qo / sum w Qc                              w = exp(-age/V)
//
// A lasting lag: the wave comes k earlier than computed. With the computed slope
// s = dQc/dt, and R the correlation of s and what it is to explain,
//
//	k = sum w s y / sum w s²                                 y = Qo - (1-l) Qc - b
//	k = 0 where R² <= 1/(d+1), else k (1 - (1-R²)/(d R²))    d = days of weight
//
// The second line is a positive-part shrinkage [JamesStein61] that counts a day
// as one independent observation: a lag that chance may have made is not used.
// A loss is used when the gauge has reported for two days, so that daily waves
// cancel; the lag is learnt from then on, and used after a day. Both are used only while l lies between -0.5 and 0.9 and k between -6 and
// 6 h: what is more is a wrong model, and is reported but not applied.
//
// An error model, of what loss and lag leave:
//
//	r = Qo - (1-l) Qc - k s                                  where the gauge reports
//	b(t) = b(t-dt) + (1 - exp(-dt/M)) (r(t) - b(t-dt))       where the gauge reports
//	a(t) = a(t-dt) + (1 - exp(-dt/A)) (r(t) - a(t-dt))       where the gauge reports
//	r(t+L) = beta(L) b(t) + alpha(L) (a(t) - b(t)) + rho(L) (r(t) - a(t))
//	Q(t+L) = max(0, (1-l) Qc(t+L) + k s(t+L) + r(t+L))
//
// The bias b lasts (a base flow, an area that is not quite right); a - b has stood
// for hours; r - a says where it is going. This is the usual output updating by
// an autoregressive model [Refsgaard97], here of order three on running means. Its
// coefficients are not powers of a one-step coefficient but are fitted at each
// lead L of 1 to 24 h by itself (the direct method of [Marcellino06]): what fits
// the next step says little of the next twelve hours, because errors of timing
// turn with the wave. The fit is least squares with exponential forgetting, the
// memory F, over pairs of samples L apart, one sample an hour; a ridge draws the
// coefficients to a prior with the weight of n0 samples:
//
//	(S + R) theta = p + R theta0        R = (n0/n) diag (S + c y)
//	beta0 = 2^(-L/B)    alpha0 = rho0 = 2^(-L/T)    -m <= theta <= m
//
// where S are the weighted sums of products of the three predictors, p those with
// the residual L later, y those of that residual with itself and n the sum of the
// weights. Without c and m a predictor that stood still in the past, as on a calm
// river, could get any coefficient, and the next flood would be carried a
// thousandfold. So an error is carried as far
// as it has been useful in the past; at a gauge that has not been seen yet it
// fades by the half-lives B and T. What the fit says more than the half-lives do is
// believed as far as it came true when it was said before anybody knew, because the
// coefficients fit the one wave behind them, whose rise they carry on as a fall and a
// rise again (a dip below a dam that let out a steady flow):
//
//	r(t+L) = r0(t+L) + g(L) (rfit(t+L) - r0(t+L))        r0 by the half-lives
//	g(L) = n/(n+n1) sum w d y / sum w d²    0 <= g <= 1   d = rfit - r0, y = r - r0, as said L before
//
// with the memory F, n the weight of what was said at L, and the sums over L and the
// leads beside it, min(3 h, L/3) on either side. From the fourth to the fifth day of
// pairs at a lead g goes to 1: what many waves have taught stands as it is. Between the
// hours, what the fit leaves more or
// less than the half-lives do is interpolated, and beyond 24 h the half-lives go
// on from what is left.
//
// The constants: M = B = 1 d (daily waves of releases cancel from the bias), A =
// 3 h, V = 5 d, F = 10 d, n0 = n1 = 24, c = 0.01, m = 1.5. Until a gauge has reported for M, or A, the
// running mean is the plain mean.
//
// Sources: [Refsgaard97] J. C. Refsgaard, Validation and intercomparison of
// different updating procedures for real-time forecasting, Nordic Hydrology
// 28(2), 1997, 65-84. [Marcellino06] M. Marcellino, J. H. Stock, M. W. Watson, A
// comparison of direct and iterated multistep AR methods for forecasting
// macroeconomic time series, J. Econometrics 135(1-2), 2006, 499-526.
// [JamesStein61] W. James, C. Stein, Estimation with quadratic loss, Proc. Fourth
// Berkeley Symp. 1, 1961, 361-379. The loss, the lag, the running means and the
// ridge towards half-lives are this package's.
package updating

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Params are the parameters of [NewCorrector].
var Params = []param.Param{
	{Name: "T", Unit: "s", Lo: 0, Hi: math.Inf(1), Doc: "half-life of an error about its bias before anything is learnt; 0: all of an error is forgotten at once", Source: "[Refsgaard97]", Sought: param.Sought{Lo: 1800, Hi: 5 * 86400, Log: true}},
	{Name: "dt", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "time step", Source: "[Refsgaard97]"},
}

const (
	day          = 86400.0
	memory       = day      // M, s
	shortMemory  = 3 * 3600 // A, s
	biasHalfLife = day      // B, s
	volumeMemory = 5 * day  // V, s
	lossFrom     = 2 * day  // s of reports before a loss is used
	lagFrom      = day      // s after that before a lag is
	lossLow      = -0.5
	lossHigh     = 0.9
	lagLimit     = 6 * 3600 // s
)

// Parts says what a corrector leaves out. The zero value leaves out nothing.
type Parts struct {
	NoInsertion bool // observed flow does not run on downstream; for the caller
	NoLoss      bool // no lasting loss is applied
	NoLag       bool // no lasting lag is applied
	NoFit       bool // errors fade by the half-lives, whatever the past says
	NoError     bool // no error is carried beyond the last observation
}

// A Corrector carries a gauge's error at one time step. It is immutable and safe
// for concurrent use.
type Corrector struct {
	off     Parts
	carries bool    // errors at all
	dt      float64 // s
	rest    float64 // what one step leaves of the rest, by T
	bias    float64 // what one step leaves of the bias, by B
	learn   float64 // weight of one step's residual in the bias
	short   float64 // and in the short mean
	count   int     // of steps from which on learn rules
	volume  float64 // what one step leaves of the volumes
	settled float64 // sum of weights from which on a loss is believed
	lagged  float64 // and a lag
	every   int     // steps between samples of the fit
	forget  float64 // what one sample leaves of the fit's sums
	prior   [Leads + 1][terms]float64
	fade    [][2]float64 // what that many steps leave of the bias and of the rest, up to the last lead
}

// An Error is what is known of a gauge's error at one instant. It is plain data
// without references, to be stored, copied and compared; about 6 kB.
type Error struct {
	Now    float64 // residual at the last observation, m³/s
	Bias   float64 // b, its mean of a day, m³/s
	Mean   float64 // a, its mean of three hours, m³/s
	Count  int     // steps with an observation, as far as they matter for the means
	Silent int     // steps since the last observation

	Volumes Volumes
	Fit     Fit
}

// Volumes are the weighted sums from which loss and lag are learnt, one term per
// step with an observation.
type Volumes struct {
	Weight             float64 // steps
	Computed, Observed float64 // m³/s
	Lagged             float64 // weight of the three below, steps
	Slope2, Rest2      float64 // of s², (m³/s/s)², and y², (m³/s)²
	SlopeRest          float64 // of s y
	Last               float64 // computed flow of the step before, m³/s
	Begun              bool    // there was a step before
}

// NewCorrector returns a corrector with
//
//	halfLife  T, s          >= 0; 0: an error is forgotten at once; +Inf: only its bias fades
//	dt        time step, s  > 0
//
// and without what off says. It fails if a value is out of range.
func NewCorrector(halfLife, dt float64, off Parts) (*Corrector, error) {
	for i, v := range []float64{halfLife, dt} {
		if err := Params[i].Check(v); err != nil {
			return nil, fmt.Errorf("updating: %w", err)
		}
	}
	if math.IsInf(dt, 0) {
		return nil, fmt.Errorf("updating: dt = %g s: want finite", dt)
	}
	c := &Corrector{
		off: off, carries: halfLife > 0 && !off.NoError, dt: dt,
		bias: math.Exp2(-dt / biasHalfLife), learn: -math.Expm1(-dt / memory), short: -math.Expm1(-dt / shortMemory),
		count: int(math.Ceil(memory/dt)) + 1, volume: math.Exp(-dt / volumeMemory),
		every: max(1, int(math.Round(spacing/dt))), forget: math.Exp(-1 / fitMemory),
	}
	if c.carries {
		c.rest = math.Exp2(-dt / halfLife)
	}
	c.settled = math.Expm1(-lossFrom/volumeMemory) / math.Expm1(-dt/volumeMemory)
	c.lagged = math.Expm1(-lagFrom/volumeMemory) / math.Expm1(-dt/volumeMemory)
	c.fade = make([][2]float64, Leads*c.every+1)
	for s := range c.fade {
		c.fade[s] = [2]float64{math.Pow(c.bias, float64(s)), math.Pow(c.rest, float64(s))}
	}
	for k := range c.prior {
		f := c.faded(k * c.every)
		c.prior[k] = [terms]float64{f[0], f[1], f[1]}
	}
	return c, nil
}

// Decay returns what one step leaves of an error about its bias before anything
// is learnt.
func (c *Corrector) Decay() float64 { return c.rest }

// faded returns what that many steps leave of the bias and of the rest by the
// half-lives.
func (c *Corrector) faded(steps int) [2]float64 {
	whole := len(c.fade) - 1
	f := c.fade[steps%whole]
	for ; steps >= whole && f[0] > 0; steps -= whole {
		f[0] *= c.fade[whole][0]
		f[1] *= c.fade[whole][1]
	}
	return f
}

// loss returns the lasting loss, and whether it is believed.
func (c *Corrector) loss(v *Volumes) (share float64, ok bool) {
	if v.Weight < c.settled || v.Computed <= 0 {
		return 0, false
	}
	share = 1 - v.Observed/v.Computed
	return share, share >= lossLow && share <= lossHigh
}

// lag returns the lasting lag, s, and whether it is believed.
func (c *Corrector) lag(v *Volumes) (s float64, ok bool) {
	explained := v.SlopeRest * v.SlopeRest // R² = explained/all
	all := v.Slope2 * v.Rest2
	days := v.Lagged * c.dt / day
	if v.Lagged < c.lagged || all <= 0 || explained*(days+1) <= all {
		return 0, false
	}
	s = v.SlopeRest / v.Slope2 * (1 - (all-explained)/(days*explained))
	return s, math.Abs(s) <= lagLimit
}

// applied returns the loss and the lag, s, that are used.
func (c *Corrector) applied(v *Volumes) (loss, lag float64) {
	if share, ok := c.loss(v); ok && !c.off.NoLoss {
		loss = share
	}
	if s, ok := c.lag(v); ok && !c.off.NoLag {
		lag = s
	}
	return loss, lag
}

// slope returns the rise of the computed flow over the step, m³/s/s.
func (c *Corrector) slope(v *Volumes, computed float64) float64 {
	s := 0.0
	if v.Begun {
		s = (computed - v.Last) / c.dt
	}
	v.Last, v.Begun = computed, true
	return s
}

// observe moves e over a step with an observation.
func (c *Corrector) observe(e *Error, computed, observed float64) {
	v := &e.Volumes
	slope := c.slope(v, computed)
	v.Weight = v.Weight*c.volume + 1
	v.Computed = v.Computed*c.volume + computed
	v.Observed = v.Observed*c.volume + observed
	loss, lag := c.applied(v)
	now := observed - (1-loss)*computed
	if v.Weight >= c.settled { // before, a loss not yet taken off would look like noise
		y := now - e.Bias
		v.Lagged = v.Lagged*c.volume + 1
		v.Slope2 = v.Slope2*c.volume + slope*slope
		v.SlopeRest = v.SlopeRest*c.volume + slope*y
		v.Rest2 = v.Rest2*c.volume + y*y
	}
	now -= lag * slope
	if e.Silent > 0 {
		f := c.faded(e.Silent)
		away := (e.Mean - e.Bias) * f[1]
		e.Bias *= f[0]
		e.Mean = e.Bias + away
		e.Silent = 0
	}
	long, short := c.learn, c.short
	if e.Count < c.count {
		e.Count++
		long, short = max(long, 1/float64(e.Count)), max(short, 1/float64(e.Count))
	}
	e.Bias += long * (now - e.Bias)
	e.Mean += short * (now - e.Mean)
	e.Now = now
	if e.Fit.Phase++; e.Fit.Phase >= c.every {
		c.sample(e, true)
	}
}

// silent moves e over a step without an observation and returns the corrected
// flow, m³/s.
func (c *Corrector) silent(e *Error, computed float64, next *course) float64 {
	slope := c.slope(&e.Volumes, computed)
	e.Silent++
	if e.Fit.Phase++; e.Fit.Phase >= c.every {
		c.sample(e, false)
	}
	return max(0, next.keep*computed+next.lag*slope+next.after(e.Silent))
}

// Correct writes the corrected flow, m³/s, of each step to out and returns the
// error after the last step. carried is the error before the first step, the
// zero Error at a gauge that has not been seen; observed, m³/s, is NaN where the
// gauge did not report or is not to be trusted, and nothing is learnt there.
// What is negative (tide, backwater) is learnt from, but written as 0. Out may be
// the same slice as computed. It panics if the lengths differ.
func (c *Corrector) Correct(carried Error, computed, observed, out []float64) Error {
	if len(computed) != len(observed) || len(computed) != len(out) {
		panic("updating: slices have unequal length")
	}
	e := carried
	var next course
	ready := false
	for i, q := range computed {
		if o := observed[i]; o == o {
			c.observe(&e, q, o)
			out[i] = max(0, o)
			ready = false
			continue
		}
		if !ready {
			next, ready = c.course(&e), true
		}
		out[i] = c.silent(&e, q, &next)
	}
	return e
}

// Carry writes the corrected flow, m³/s, of steps without observations to out,
// and returns the error after the last step. Out may be the same slice as
// computed. It panics if the lengths differ.
func (c *Corrector) Carry(carried Error, computed, out []float64) Error {
	if len(computed) != len(out) {
		panic("updating: slices have unequal length")
	}
	e := carried
	next := c.course(&e)
	for i, q := range computed {
		out[i] = c.silent(&e, q, &next)
	}
	return e
}
