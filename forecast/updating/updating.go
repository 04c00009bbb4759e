// Package updating lets observations correct a computed flow.
//
// At a gauge the error e of the computed flow Qc is known wherever the gauge
// reports; afterwards it is carried on and decays with the half-life T:
//
//	e(t) = Qo(t) - Qc(t)            where the gauge reports
//	e(t) = e(t-dt) 2^(-dt/T)        elsewhere
//	Q(t) = max(0, Qc(t) + e(t))
//
// so that observed flow replaces computed flow while there is any, and the last
// error fades from a forecast. Routing Q on downstream carries both. This is an
// autoregressive error model of order one whose coefficient is 2^(-dt/T)
// [Refsgaard97], the "output updating" of the four ways named there.
//
// Source: [Refsgaard97] J. C. Refsgaard, Validation and intercomparison of
// different updating procedures for real-time forecasting, Nordic Hydrology
// 28(2), 1997, 65-84.
package updating

import (
	"fmt"
	"math"

	"freshet/internal/hydro"
)

// A Corrector carries a gauge's error. It is immutable.
type Corrector struct {
	decay float64 // per step
}

// NewCorrector returns a corrector with
//
//	halfLife  time in which an error halves, s   >= 0; 0: it is forgotten at once; +Inf: never
//	dt        time step, s                       > 0
func NewCorrector(halfLife, dt float64) (Corrector, error) {
	if !(halfLife >= 0) || !(dt > 0) || math.IsInf(dt, 0) {
		return Corrector{}, fmt.Errorf("updating: half-life %g s at dt %g s: want 0 or more, and more than 0", halfLife, dt)
	}
	if halfLife == 0 {
		return Corrector{}, nil
	}
	return Corrector{decay: math.Exp2(-dt / halfLife)}, nil
}

// Decay returns what is left of an error after one step.
func (c Corrector) Decay() float64 { return c.decay }

// Correct writes the corrected flow, m³/s, of each step to out and returns the
// error after the last step. carried is the error before the first step;
// observed is NaN where the gauge did not report. Out may be the same slice as
// computed. It panics if the lengths differ.
func (c Corrector) Correct(carried float64, computed, observed, out []float64) float64 {
	if len(computed) != len(observed) || len(computed) != len(out) {
		panic("updating: slices have unequal length")
	}
	e := carried
	for i, q := range computed {
		if o := observed[i]; o == o {
			e = o - q
		} else {
			e *= c.decay
		}
		out[i] = max(0, q+e)
	}
	return e
}

// Carry writes the corrected flow of steps without observations to out, and
// returns the error after the last step. Out may be the same slice as computed.
func (c Corrector) Carry(carried float64, computed, out []float64) float64 {
	e := carried
	for i, q := range computed {
		e *= c.decay
		out[i] = max(0, q+e)
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
