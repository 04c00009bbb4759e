package rain

import (
	"math"
	"slices"
)

// Merge makes one gauge of several at one place: in each step dst takes the depth,
// mm, of the first of gauges that reported, and NaN where none did. The first is
// the one with authority. It panics if the lengths differ. dst may be one of
// gauges if that is the first.
func Merge(dst []float64, gauges ...[]float64) {
	for _, g := range gauges {
		if len(g) != len(dst) {
			panic("rain: gauges of a site have unequal lengths")
		}
	}
	for t := range dst {
		v := math.NaN()
		for _, g := range gauges {
			if g[t] == g[t] {
				v = g[t]
				break
			}
		}
		dst[t] = v
	}
}

// A Limit is how far two gauges at one place may lie apart: they disagree if the
// difference is above both MM and Share of the larger.
type Limit struct {
	MM    float64 // mm
	Share float64 // 0 to 1
}

// Disagreement compares two gauges' depths, mm per step, over the latest run of
// steps steps, up to the end of a and b, in which both reported in each step. It
// returns their sums and the index of its last step; ok says that there is such a
// run that ends among the last within steps, and disagree that the sums lie beyond
// the limit. It panics if the lengths differ or steps is not above 0.
func Disagreement(a, b []float64, steps, within int, l Limit) (sumA, sumB float64, last int, ok, disagree bool) {
	if len(a) != len(b) || steps <= 0 {
		panic("rain: two gauges have unequal lengths, or no step is compared")
	}
	run := 0 // steps with both, backwards from last
	for t, va := range slices.Backward(a) {
		vb := b[t]
		if va != va || vb != vb {
			run, sumA, sumB = 0, 0, 0
			continue
		}
		if run == 0 {
			last = t
			if len(a)-1-t >= within {
				return 0, 0, 0, false, false
			}
		}
		sumA += va
		sumB += vb
		if run++; run == steps {
			d := max(sumA-sumB, sumB-sumA)
			return sumA, sumB, last, true, d > l.MM && d > l.Share*max(sumA, sumB)
		}
	}
	return 0, 0, 0, false, false
}
