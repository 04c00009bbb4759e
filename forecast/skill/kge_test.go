package skill_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/skill"
)

// By hand: forecasts twice the observed ones have r = 1, equal coefficients of
// variation and a ratio of means of 2.
func TestKGE2012CountsAFactorOnceAndKGETwice(t *testing.T) {
	o, f := []float64{1, 2, 3, 6}, []float64{2, 4, 6, 12}
	if k := skill.KGE2012(o, f); !near(k, 0) {
		t.Errorf("KGE of 2012: %g, want 1 - 1 = 0", k)
	}
	if k := skill.KGE(o, f); !near(k, 1-math.Sqrt2) {
		t.Errorf("KGE of 2009: %g, want 1 - √2", k)
	}
}

func TestTheTwoKGEsAgreeWithoutBias(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, f := draw(t)
		var mo, mf float64
		for i := range o {
			mo, mf = mo+o[i], mf+f[i]
		}
		for i := range f {
			f[i] *= mo / mf
		}
		a, b := skill.KGE(o, f), skill.KGE2012(o, f)
		if math.IsNaN(a) != math.IsNaN(b) || math.Abs(a-b) > 1e-6*(1+math.Abs(a)) {
			t.Fatalf("%g and %g", a, b)
		}
	})
}

func TestKGE2012IsNotDefinedForWhatDoesNotChange(t *testing.T) {
	flat, rising := []float64{2, 2, 2}, []float64{1, 2, 3}
	for name, k := range map[string]float64{
		"flat observations": skill.KGE2012(flat, rising),
		"a flat forecast":   skill.KGE2012(rising, flat),
		"one pair":          skill.KGE2012([]float64{1}, []float64{1}),
		"a mean of 0":       skill.KGE2012([]float64{-1, 0, 1}, rising),
	} {
		if !math.IsNaN(k) {
			t.Errorf("%s: %g", name, k)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("series of different length did not panic")
		}
	}()
	skill.KGE2012(flat, flat[:2])
}
