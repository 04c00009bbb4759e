// Package updating lets observations correct a computed flow.
//
// At a gauge the error e of the computed flow Qc is known wherever the gauge
// reports. It has two parts: a bias b that lasts (a diversion, a base flow, an
// area that is not quite right), and the rest, which is mostly timing and soon
// changes sign. The bias is the error's running mean with the memory M, and each
// part fades after the last observation by its own half-life, T for the rest and
// B for the bias:
//
//	e(t) = Qo(t) - Qc(t)                                      where the gauge reports
//	b(t) = b(t-dt) + (1 - exp(-dt/M)) (e(t) - b(t-dt))
//	b(t) = b(t-dt) 2^(-dt/B)                                  elsewhere
//	e(t) = b(t) + (e(t-dt) - b(t-dt)) 2^(-dt/T)
//	Q(t) = max(0, Qc(t) + e(t))
//
// so that observed flow replaces computed flow while there is any, and the last
// error fades from a forecast. Routing Q on downstream carries both. The rest is
// an autoregressive model of order one whose coefficient is 2^(-dt/T), the usual
// output updating [Refsgaard97]; taking the bias out first is this package's
// addition, because no one half-life fits both parts. M and B are a day: daily
// waves of releases cancel from the bias. Until a gauge has reported for M, its
// bias is the plain mean of the errors so far.
//
// Source: [Refsgaard97] J. C. Refsgaard, Validation and intercomparison of
// different updating procedures for real-time forecasting, Nordic Hydrology
// 28(2), 1997, 65-84.
package updating

import (
	"fmt"
	"math"

	"freshet/forecast/param"
	"freshet/internal/hydro"
)

// Params are the parameters of [NewCorrector].
var Params = []param.Param{
	{Name: "T", Unit: "s", Lo: 0, Hi: math.Inf(1), Doc: "half-life of an error about its bias; 0: all of an error is forgotten at once", Source: "[Refsgaard97]"},
	{Name: "dt", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "time step", Source: "[Refsgaard97]"},
}

const (
	memory       = 86400.0 // M, s
	biasHalfLife = 86400.0 // B, s
)

// A Corrector carries a gauge's error. It is immutable.
type Corrector struct {
	rest, bias float64 // what one step leaves of each part
	learn      float64 // weight of one step's error in the bias
	count      int     // of steps from which on learn rules
}

// An Error is what is known of a gauge's error at one instant, m³/s.
type Error struct {
	Now   float64 // observed less computed flow, as far as it is still carried
	Bias  float64 // the part of it that lasts
	Count int     // steps with an observation, as far as they matter for the bias
}

// NewCorrector returns a corrector with
//
//	halfLife  T, s          >= 0; 0: an error is forgotten at once; +Inf: only its bias fades
//	dt        time step, s  > 0
func NewCorrector(halfLife, dt float64) (Corrector, error) {
	for i, v := range []float64{halfLife, dt} {
		if err := Params[i].Check(v); err != nil {
			return Corrector{}, fmt.Errorf("updating: %w", err)
		}
	}
	if math.IsInf(dt, 0) {
		return Corrector{}, fmt.Errorf("updating: dt = %g s: want finite", dt)
	}
	if halfLife == 0 {
		return Corrector{}, nil
	}
	return Corrector{rest: math.Exp2(-dt / halfLife), bias: math.Exp2(-dt / biasHalfLife), learn: -math.Expm1(-dt / memory), count: int(math.Ceil(memory/dt)) + 1}, nil
}

// Decay returns what one step leaves of an error about its bias.
func (c Corrector) Decay() float64 { return c.rest }

// observe returns e after a step with an error of now.
func (c Corrector) observe(e Error, now float64) Error {
	weight := c.learn
	if e.Count < c.count {
		e.Count++
		weight = max(weight, 1/float64(e.Count))
	}
	e.Bias += weight * (now - e.Bias)
	e.Now = now
	return e
}

// fade returns e after a step without an observation.
func (c Corrector) fade(e Error) Error {
	bias := e.Bias * c.bias
	return Error{Now: bias + (e.Now-e.Bias)*c.rest, Bias: bias, Count: e.Count}
}

// Correct writes the corrected flow, m³/s, of each step to out and returns the
// error after the last step. carried is the error before the first step;
// observed is NaN where the gauge did not report. Out may be the same slice as
// computed. It panics if the lengths differ.
func (c Corrector) Correct(carried Error, computed, observed, out []float64) Error {
	if len(computed) != len(observed) || len(computed) != len(out) {
		panic("updating: slices have unequal length")
	}
	e := carried
	for i, q := range computed {
		if o := observed[i]; o == o {
			e = c.observe(e, o-q)
			out[i] = max(0, o)
			continue
		}
		e = c.fade(e)
		out[i] = max(0, q+e.Now)
	}
	return e
}

// Carry writes the corrected flow of steps without observations to out, and
// returns the error after the last step. Out may be the same slice as computed.
// It panics if the lengths differ.
func (c Corrector) Carry(carried Error, computed, out []float64) Error {
	if len(computed) != len(out) {
		panic("updating: slices have unequal length")
	}
	e := carried
	for i, q := range computed {
		e = c.fade(e)
		out[i] = max(0, q+e.Now)
	}
	return e
}

// Resample writes to dst the value at fromMS + i·stepMS (Unix milliseconds) for
// each i: linear between the two usable samples around the instant where they
// are at most gapMS apart, else NaN. Samples ascend by instant, those later
// than untilMS are not looked at. It returns the latest usable sample looked
// at, even if it precedes fromMS.
func Resample(samples []hydro.Sample, fromMS, stepMS, gapMS, untilMS int64, dst []float64) (last hydro.Sample, ok bool) {
	i := 0
	for _, s := range samples {
		if s.At > untilMS {
			break
		}
		if !s.Quality.Usable() {
			continue
		}
		for ; i < len(dst); i++ {
			at := fromMS + int64(i)*stepMS
			if at > s.At {
				break
			}
			switch {
			case at == s.At:
				dst[i] = s.Value
			case ok && s.At-last.At <= gapMS:
				dst[i] = last.Value + (s.Value-last.Value)*(float64(at-last.At)/float64(s.At-last.At))
			default:
				dst[i] = math.NaN()
			}
		}
		last, ok = s, true
	}
	for ; i < len(dst); i++ {
		dst[i] = math.NaN()
	}
	return last, ok
}
