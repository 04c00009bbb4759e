package runoff_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestEvaporationOfAStepReplacesTheParameterAndClosesTheBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p, s := draw(t)
		rain, pet := rapid.Float64Range(0, 80).Draw(t, "rain"), rapid.Float64Range(0, 5).Draw(t, "pet")
		next, f := m.StepEvaporating(s, rain, pet)
		if d := rain - f.Evaporation - f.Fast - f.Slow - (m.Storage(next) - m.Storage(s)); math.Abs(d) > 1e-10*(1+rain+m.Storage(s)) {
			t.Fatalf("%g mm are missing: %+v", d, f)
		}
		if most := pet * (1 - p.Impervious); f.Evaporation > most+1e-9 {
			t.Fatalf("%g mm evaporated, at most %g could", f.Evaporation, most)
		}
		if a, b := m.Step(s, rain); p.Evaporation == 0 {
			if c, d := m.StepEvaporating(s, rain, 0); a != c || b != d {
				t.Fatalf("%+v %+v, with no evaporation either way %+v %+v", a, b, c, d)
			}
		}
	})
}

func TestEvaporationThatIsNoDepthPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _, s := draw(t)
		defer func() {
			if recover() == nil {
				t.Fatal("no panic")
			}
		}()
		m.StepEvaporating(s, 1, rapid.SampledFrom([]float64{-1, math.NaN()}).Draw(t, "pet"))
	})
}
