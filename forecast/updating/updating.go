// Package updating lets observations correct a computed flow.
//
// At a gauge the error of the computed flow Qc is known wherever the gauge
// reports. Three things are learnt from it, online, and each can be switched
// off ([Parts]) and seen ([Corrector.Report]).
//
// State insertion: the observed flow replaces the computed one and is what
// routing carries on downstream. That is done by the caller, with what
// [Corrector.Correct] returns.
//
// A lasting loss: the share l of the computed flow that does not arrive, by the
// volumes of the past with the memory V (a negative l is a gain). It is used when
// the gauge has reported for two days, so that daily waves cancel, and only while
// it lies between -0.5 and 0.9: more is no loss but a wrong model.
//
//	l = 1 - sum w Qo / sum w Qc        w = exp(-age/V)
//	r = Qo - (1-l) Qc                  where the gauge reports
//
// An error model: the residual r has a bias b that lasts (a base flow, an area
// that is not quite right) and a rest, which is mostly timing and soon changes
// sign. b is the running mean of r with the memory M, a that with the memory A;
// a - b is what of the rest has stood for hours, r - a where it is going:
//
//	b(t) = b(t-dt) + (1 - exp(-dt/M)) (r(t) - b(t-dt))      where the gauge reports
//	a(t) = a(t-dt) + (1 - exp(-dt/A)) (r(t) - a(t-dt))      where the gauge reports
//	r(t+L) = beta(L) b(t) + alpha(L) (a(t) - b(t)) + rho(L) (r(t) - a(t))
//	Q(t+L) = max(0, (1-l) Qc(t+L) + r(t+L))
//
// It is an autoregressive model of order two about a bias, the usual output
// updating [Refsgaard97]. Its coefficients are not powers of the one-step
// coefficient but are fitted at each lead L of 1 to 24 h by itself (the direct
// method of [Marcellino06]): what one step says well it says badly of twelve
// hours, because errors of timing turn with the wave. The fit is least squares
// with exponential forgetting, the memory F, over the pairs of an hour and the
// hour L before it; a ridge draws the coefficients to a prior, with the weight of
// n0 hours of data:
//
//	(S + (n0/n) diag S) theta = s + (n0/n) diag S theta0
//	beta0 = 2^(-L/B)    alpha0 = rho0 = 2^(-L/T)
//
// where S are the weighted sums of products of the three predictors, s those with
// the residual L later and n the sum of the weights. So an error is carried just as
// far as it has been useful in the past, a gauge not seen yet fades by the
// half-lives B and T, and leads between the hours are interpolated; beyond 24 h
// the prior's fading goes on from the last hour.
//
// Sources: [Refsgaard97] J. C. Refsgaard, Validation and intercomparison of
// different updating procedures for real-time forecasting, Nordic Hydrology
// 28(2), 1997, 65-84. [Marcellino06] M. Marcellino, J. H. Stock, M. W. Watson, A
// comparison of direct and iterated multistep AR methods, J. Econometrics
// 135(1-2), 2006, 499-526. The ridge towards half-lives, and the loss, are this
// package's.
package updating

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Params are the parameters of [NewCorrector].
var Params = []param.Param{
	{Name: "T", Unit: "s", Lo: 0, Hi: math.Inf(1), Doc: "half-life of an error about its bias before anything is learnt; 0: all of an error is forgotten at once", Source: "[Refsgaard97]"},
	{Name: "dt", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "time step", Source: "[Refsgaard97]"},
}

const (
	memory       = 86400.0     // M, s: daily waves of releases cancel from the bias
	shortMemory  = 3 * 3600.0  // A, s
	biasHalfLife = 86400.0     // B, s
	volumeMemory = 5 * 86400.0 // V, s
	fitMemory    = 240.0       // F, samples
	priorSamples = 24.0        // n0
	spacing      = 3600.0      // between samples of the fit, s
	lossLow      = -0.5
	lossHigh     = 0.9
)

// Leads is the number of leads, an hour apart, at which the error model is fitted.
const Leads = 24

const terms = 3 // b, a - b, r - a

// Parts says what a corrector leaves out. The zero value leaves out nothing.
type Parts struct {
	NoLoss  bool // nothing is learnt of a lasting loss
	NoLag   bool // nothing is learnt of a lasting error of timing
	NoFit   bool // errors fade by the half-lives, whatever the past says
	NoError bool // no error is carried beyond the last observation
}

// A Corrector carries a gauge's error. It is immutable.
type Corrector struct {
	off    Parts
	none   bool // T = 0
	dt     float64
	rest   float64 // what one step leaves of the rest, by T
	bias   float64 // what one step leaves of the bias, by B
	learn  float64 // weight of one step's residual in the bias
	short  float64 // and in the short mean
	count  int     // of steps from which on learn rules
	every  int     // steps between samples
	forget float64 // per sample
	volume float64 // what one step leaves of the volumes
	settle float64 // weight of the volumes from which on they are believed
	prior  [Leads + 1][terms]float64
}

// An Error is what is known of a gauge's error at one instant. It is plain data,
// to be stored and compared.
type Error struct {
	Now    float64 // residual at the last observation, m³/s
	Bias   float64 // the part of it that lasts, m³/s
	Mean   float64 // its running mean of the last hours, m³/s
	Count  int     // steps with an observation, as far as they matter for the bias
	Silent int     // steps since the last observation
	Memory Memory
}

// A Memory is what a gauge's past has taught: weighted sums, no series.
type Memory struct {
	Computed, Observed, Weight float64 // volumes, m³/s times steps, and steps
	Slope, Timing              float64 // of slope², (m³/s/s)², and of slope times residual
	Last                       float64 // computed flow of the step before, m³/s
	Begun                      bool    // there was one

	Phase int                   // steps since the last sample
	Seen  uint32                // bit k: the sample of k+1 hours before the next one was observed
	Past  [Leads][terms]float64 // predictors of the samples, the latest first, m³/s
	Fits  [Leads]Sums
}

// Sums are those of the least squares of one lead.
type Sums struct {
	N float64                          // sum of the weights
	S [terms * (terms + 1) / 2]float64 // products of predictors, lower triangle by rows, (m³/s)²
	Y [terms]float64                   // products with the residual, (m³/s)²
}

// NewCorrector returns a corrector with
//
//	halfLife  T, s          >= 0; 0: an error is forgotten at once; +Inf: only its bias fades
//	dt        time step, s  > 0
//
// and without what off says.
func NewCorrector(halfLife, dt float64, off Parts) (Corrector, error) {
	for i, v := range []float64{halfLife, dt} {
		if err := Params[i].Check(v); err != nil {
			return Corrector{}, fmt.Errorf("updating: %w", err)
		}
	}
	if math.IsInf(dt, 0) {
		return Corrector{}, fmt.Errorf("updating: dt = %g s: want finite", dt)
	}
	c := Corrector{
		off: off, none: halfLife == 0 || off.NoError, dt: dt,
		bias: math.Exp2(-dt / biasHalfLife), learn: -math.Expm1(-dt / memory), short: -math.Expm1(-dt / shortMemory), count: int(math.Ceil(memory/dt)) + 1,
		every: max(1, int(math.Round(spacing/dt))), forget: math.Exp(-1 / fitMemory),
		volume: math.Exp(-dt / volumeMemory),
	}
	if !c.none {
		c.rest = math.Exp2(-dt / halfLife)
	}
	// After two days the weight is the sum of a geometric series.
	c.settle = -math.Expm1(-2*86400/volumeMemory) / (1 - c.volume)
	for k := range c.prior {
		steps := float64(k * c.every)
		c.prior[k] = [terms]float64{math.Pow(c.bias, steps), math.Pow(c.rest, steps), math.Pow(c.rest, steps)}
	}
	return c, nil
}

// Decay returns what one step leaves of an error about its bias before anything
// is learnt.
func (c *Corrector) Decay() float64 { return c.rest }

// Loss returns the share of the computed flow that does not arrive: 0 before the
// gauge has reported for two days, or if what the volumes say is no loss.
func (c *Corrector) Loss(e *Error) float64 {
	l := c.share(e)
	if c.off.NoLoss || !(l >= lossLow && l <= lossHigh) {
		return 0
	}
	return l
}

// share returns the loss by the volumes, NaN before they are believed.
func (c *Corrector) share(e *Error) float64 {
	m := &e.Memory
	if m.Weight < c.settle || m.Computed <= 0 {
		return math.NaN()
	}
	return 1 - m.Observed/m.Computed
}

// Lag returns by how much the wave comes earlier than computed, s.
func (c *Corrector) Lag(e *Error) float64 {
	m := &e.Memory
	if c.off.NoLag || m.Weight < c.settle || m.Slope <= 0 {
		return 0
	}
	return m.Timing / m.Slope
}

// slope returns the rise of the computed flow over the step, m³/s/s, and keeps it
// for the next.
func (c *Corrector) slope(m *Memory, computed float64) float64 {
	s := 0.0
	if m.Begun {
		s = (computed - m.Last) / c.dt
	}
	m.Last, m.Begun = computed, true
	return s
}

// observe moves e over a step with an observation. computed is as the model
// says it, without the loss. learn is false where nothing is to be learnt.
func (c *Corrector) observe(e *Error, computed, observed float64) {
	m := &e.Memory
	m.Computed = m.Computed*c.volume + computed
	m.Observed = m.Observed*c.volume + observed
	m.Weight = m.Weight*c.volume + 1
	slope := c.slope(m, computed)
	now := observed - (1-c.Loss(e))*computed
	m.Slope = m.Slope*c.volume + slope*slope
	m.Timing = m.Timing*c.volume + slope*(now-e.Bias)
	now -= c.Lag(e) * slope
	if e.Silent > 0 {
		away := e.Mean - e.Bias
		e.Bias *= math.Pow(c.bias, float64(e.Silent))
		e.Mean = e.Bias + away*math.Pow(c.rest, float64(e.Silent))
		e.Silent = 0
	}
	weight, short := c.learn, c.short
	if e.Count < c.count {
		e.Count++
		weight = max(weight, 1/float64(e.Count))
		short = max(short, 1/float64(e.Count))
	}
	e.Bias += weight * (now - e.Bias)
	e.Mean += short * (now - e.Mean)
	e.Now = now
	if m.Phase++; m.Phase == c.every {
		c.sample(e, true)
	}
}

// silent moves e over a step without an observation and returns the corrected flow.
func (c *Corrector) silent(e *Error, computed float64, next *course) float64 {
	slope := c.slope(&e.Memory, computed)
	e.Silent++
	if e.Memory.Phase++; e.Memory.Phase == c.every {
		c.sample(e, false)
	}
	return max(0, next.keep*computed+next.lag*slope+next.after(e.Silent))
}

func (e *Error) predictors() [terms]float64 {
	return [terms]float64{e.Bias, e.Mean - e.Bias, e.Now - e.Mean}
}

// sample takes e into the fits.
func (c *Corrector) sample(e *Error, observed bool) {
	m := &e.Memory
	m.Phase = 0
	if observed {
		for k := range m.Fits {
			if m.Seen&(1<<k) != 0 {
				m.Fits[k].add(&m.Past[k], e.Now, c.forget)
			}
		}
	}
	copy(m.Past[1:], m.Past[:])
	m.Seen = m.Seen << 1 & (1<<Leads - 1)
	m.Past[0] = [terms]float64{}
	if observed {
		m.Seen |= 1
		m.Past[0] = e.predictors()
	}
}

func (s *Sums) add(x *[terms]float64, y, forget float64) {
	s.N = s.N*forget + 1
	n := 0
	for i, a := range x {
		for j := 0; j <= i; j++ {
			s.S[n] = s.S[n]*forget + a*x[j]
			n++
		}
		s.Y[i] = s.Y[i]*forget + a*y
	}
}

// solve returns the coefficients, drawn to the prior. Predictors that have been
// nothing but 0 keep the prior's.
func (s *Sums) solve(prior *[terms]float64) [terms]float64 {
	if s.N == 0 {
		return *prior
	}
	// In the deviation from the prior: (S + ridge diag S) d = Y - S prior.
	ridge := priorSamples / s.N
	var a [terms][terms]float64
	var d [terms]float64
	n := 0
	for i := range terms {
		for j := 0; j <= i; j++ {
			a[i][j], a[j][i] = s.S[n], s.S[n]
			n++
		}
	}
	for i := range terms {
		d[i] = s.Y[i]
		for j := range terms {
			d[i] -= a[i][j] * prior[j]
		}
	}
	for i := range terms {
		a[i][i] *= 1 + ridge
	}
	// Cholesky; S is positive semidefinite and the ridge makes it definite
	// wherever a predictor has moved at all.
	for i := range terms {
		for j := 0; j <= i; j++ {
			v := a[i][j]
			for k := range j {
				v -= a[i][k] * a[j][k]
			}
			switch {
			case j < i && a[j][j] > 0:
				a[i][j] = v / a[j][j]
			case j < i:
				a[i][j] = 0
			case v > 0:
				a[i][i] = math.Sqrt(v)
			default:
				a[i][i] = 0
			}
		}
	}
	for i := range terms {
		for k := range i {
			d[i] -= a[i][k] * d[k]
		}
		if a[i][i] > 0 {
			d[i] /= a[i][i]
		} else {
			d[i] = 0
		}
	}
	for i := terms - 1; i >= 0; i-- {
		for k := i + 1; k < terms; k++ {
			d[i] -= a[k][i] * d[k]
		}
		if a[i][i] > 0 {
			d[i] /= a[i][i]
		} else {
			d[i] = 0
		}
	}
	for i := range d {
		d[i] += prior[i]
	}
	return d
}

// A course is how the residual goes on after the last observation.
type course struct {
	keep, lag float64
	at        [Leads + 1]float64 // each hour, m³/s
	every     int
	bias      float64 // what is left at the last hour
	rest      float64
	c         *Corrector
}

// course returns how e goes on.
func (c *Corrector) course(e *Error) (out course) {
	out.every, out.c, out.keep, out.lag = c.every, c, 1-c.Loss(e), c.Lag(e)
	if c.none {
		return out
	}
	x := e.predictors()
	out.at[0] = e.Now
	for k := 1; k <= Leads; k++ {
		theta := c.prior[k]
		if !c.off.NoFit {
			theta = e.Memory.Fits[k-1].solve(&c.prior[k])
		}
		for i := range x {
			out.at[k] += theta[i] * x[i]
		}
		if k == Leads {
			out.bias = theta[0] * x[0]
			out.rest = out.at[k] - out.bias
		}
	}
	return out
}

// after returns the residual that many steps after the last observation.
func (o *course) after(steps int) float64 {
	k := steps / o.every
	if k >= Leads {
		s := float64(steps - Leads*o.every)
		return o.bias*math.Pow(o.c.bias, s) + o.rest*math.Pow(o.c.rest, s)
	}
	f := float64(steps%o.every) / float64(o.every)
	return o.at[k] + f*(o.at[k+1]-o.at[k])
}

// Correct writes the corrected flow, m³/s, of each step to out and returns the
// error after the last step. carried is the error before the first step;
// observed is NaN where the gauge did not report. Out may be the same slice as
// computed. It panics if the lengths differ.
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

// Carry writes the corrected flow of steps without observations to out, and
// returns the error after the last step. Out may be the same slice as computed.
// It panics if the lengths differ.
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
