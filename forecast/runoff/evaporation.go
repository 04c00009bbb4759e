package runoff

import "math"

// StepEvaporating is Step with the potential evaporation of this one step, mm, in
// place of the parameter EP, for a series of it. It panics if rain or evaporation
// is negative or NaN.
func (m Model) StepEvaporating(s State, rain, evaporation float64) (State, Flux) {
	if !(evaporation >= 0) || math.IsNaN(rain) {
		panic("runoff: negative evaporation, or no number")
	}
	m.ep = evaporation // m is a copy
	return m.Step(s, rain)
}
