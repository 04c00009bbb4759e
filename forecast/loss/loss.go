// Package loss takes from the rain of a storm what does not run off: for small
// or ungauged basins, whose runoff then goes to a unit hydrograph. Both methods
// forget between storms: give each a new state, and give neither a season.
//
// Curve number of the US Soil Conservation Service [Chow88] 5.5, [NEH4] chapter
// 10, in the cumulative rain P of the storm:
//
//	S  = 25,400/CN - 254 mm       Ia = ratio·S
//	Pe = (P - Ia)²/(P - Ia + S)                        while P > Ia, else 0
//
// The excess of a step is the rise of Pe over it, so that it does not depend on
// how the storm is cut into steps.
//
// Constant loss rate, the φ-index [Chow88] 5.3: what exceeds φ runs off.
//
// Rain = excess + loss in every step, exactly: the loss is what the excess
// leaves, and 0 <= excess <= rain.
//
// Sources: [Chow88] Chow, Maidment, Mays, Applied Hydrology, 1988. [NEH4] Soil
// Conservation Service, National Engineering Handbook, section 4, 1972.
package loss

import (
	"fmt"
	"math"
	"slices"

	"freshet/forecast/param"
)

// CurveNumberParams are the parameters of [NewCurveNumber].
var CurveNumberParams = []param.Param{
	{Name: "CN", Unit: "–", Lo: 1, Hi: 100, Doc: "curve number of soil and land use; 100: all runs off", Source: "[NEH4]", Sought: param.Sought{Lo: 30, Hi: 99}},
	{Name: "ratio", Unit: "–", Lo: 0, Hi: 1, Doc: "initial abstraction over potential retention; 0.2 in the handbook", Source: "[NEH4]", Sought: param.Sought{Hi: 0.4}},
}

// PhiParams are the parameters of [NewPhi].
var PhiParams = []param.Param{
	{Name: "phi", Unit: "mm/h", Lo: 0, Hi: 1000, Doc: "constant loss rate", Source: "[Chow88]", Sought: param.Sought{Hi: 50}},
}

// A CurveNumber is the curve-number loss of one basin. It is immutable and safe
// for concurrent use.
type CurveNumber struct{ retention, initial float64 }

// A Storm is the state of a curve-number loss: the rain since the storm began,
// mm. The zero Storm is the beginning.
type Storm struct{ Rain float64 }

// NewCurveNumber returns the loss with
//
//	cn     curve number, –              1 to 100, for the mean antecedent moisture or as of [Dry] and [Wet]
//	ratio  initial abstraction over S   0 to 1; 0.2 in the handbook
//
// It fails if a value is out of range.
func NewCurveNumber(cn, ratio float64) (CurveNumber, error) {
	for i, v := range []float64{cn, ratio} {
		if err := CurveNumberParams[i].Check(v); err != nil {
			return CurveNumber{}, fmt.Errorf("curve number: %w", err)
		}
	}
	s := 25400/cn - 254
	return CurveNumber{retention: s, initial: ratio * s}, nil
}

// Dry returns the curve number for dry antecedent moisture (class I) of one for
// mean moisture, dimensionless, 1 to 100 [Chow88] 5.5.
func Dry(cn float64) float64 { return 4.2 * cn / (10 - 0.058*cn) }

// Wet returns the curve number for wet antecedent moisture (class III) of one for
// mean moisture, dimensionless, 1 to 100 [Chow88] 5.5.
func Wet(cn float64) float64 { return 23 * cn / (10 + 0.13*cn) }

// Step returns the storm after rain mm more and the excess of it, mm, which runs
// off. It panics if rain is negative or NaN.
func (c CurveNumber) Step(s Storm, rain float64) (Storm, float64) {
	if !(rain >= 0) {
		panic("loss: rain is negative or NaN")
	}
	before := c.excess(s.Rain)
	s.Rain += rain
	return s, min(rain, max(0, c.excess(s.Rain)-before))
}

// excess returns Pe of p mm since the storm began.
func (c CurveNumber) excess(p float64) float64 {
	p -= c.initial
	if p <= 0 {
		return 0
	}
	return p * (p / (p + c.retention))
}

// A Phi is a constant loss rate at one time step.
type Phi struct{ depth float64 }

// NewPhi returns the loss of rate phi, mm/h, 0 to 1000, at the step dt, s, > 0. It
// fails if a value is out of range.
func NewPhi(phi, dt float64) (Phi, error) {
	if err := PhiParams[0].Check(phi); err != nil {
		return Phi{}, fmt.Errorf("phi-index: %w", err)
	}
	if !(dt > 0) || math.IsInf(dt, 0) {
		return Phi{}, fmt.Errorf("phi-index: dt = %g s: want > 0", dt)
	}
	return Phi{depth: phi * dt / 3600}, nil
}

// Excess returns what of rain mm in a step runs off, mm. It panics if rain is
// negative or NaN.
func (p Phi) Excess(rain float64) float64 {
	if !(rain >= 0) {
		panic("loss: rain is negative or NaN")
	}
	return max(0, rain-p.depth)
}

// FitPhi returns the rate, mm/h, that leaves runoff mm of excess from the rain of
// a storm, mm per step of dt s. The answer is exact: there is no iteration. It
// fails if dt is not positive, a rain is negative or not finite, or runoff is not
// 0 to the sum of the rain. With no runoff it is the rate that the heaviest step
// just does not exceed.
func FitPhi(rain []float64, runoff, dt float64) (float64, error) {
	if !(dt > 0) || math.IsInf(dt, 0) {
		return 0, fmt.Errorf("phi-index: dt = %g s: want > 0", dt)
	}
	sum := 0.0
	for i, v := range rain {
		if !(v >= 0) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("phi-index: rain of step %d = %g mm: want >= 0", i+1, v)
		}
		sum += v
	}
	if len(rain) == 0 || !(runoff >= 0 && runoff <= sum) {
		return 0, fmt.Errorf("phi-index: runoff = %g mm from %g mm of rain in %d steps: want 0 to that", runoff, sum, len(rain))
	}
	sorted := slices.Clone(rain)
	slices.Sort(sorted)
	// The n heaviest steps give excess, the others none: n φ = their rain - runoff.
	top := 0.0
	for i, depth := range slices.Backward(sorted) {
		top += depth
		phi := (top - runoff) / float64(len(sorted)-i)
		if i == 0 || phi >= sorted[i-1] {
			return max(0, phi) * 3600 / dt, nil
		}
	}
	panic("loss: unreachable")
}
