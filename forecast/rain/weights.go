package rain

import "slices"

// A Method says how gauges speak for a catchment: a [Thiessen] or an [IDW].
type Method interface {
	// Gauges returns the number of gauges.
	Gauges() int
	// Weights returns a fresh set of weights.
	Weights() *Weights

	size() (gauges, points int)
	weigh(live []bool, share []float64) (covered int)
}

// Weights are the weights for one set of reporting gauges. They are kept until
// the set changes. A Weights belongs to one goroutine.
type Weights struct {
	method   Method
	points   int
	live     []bool
	share    []float64 // per gauge; sums to 1, or all 0
	coverage float64
	missing  int
	known    bool
}

func newWeights(m Method) *Weights {
	gauges, points := m.size()
	return &Weights{method: m, points: points, live: make([]bool, gauges), share: make([]float64, gauges)}
}

// For returns the share of each gauge, summing to 1, or all 0 where no live
// gauge is in reach of any point; and the coverage, the share of the points
// with a live gauge in reach. The slice is valid until the next call. It
// panics if live has not one value for each gauge.
func (w *Weights) For(live []bool) (share []float64, coverage float64) {
	if len(live) != len(w.live) {
		panic("rain: live has not one value for each gauge")
	}
	if w.known && slices.Equal(live, w.live) {
		return w.share, w.coverage
	}
	copy(w.live, live)
	w.reweigh()
	return w.share, w.coverage
}

func (w *Weights) reweigh() {
	clear(w.share)
	covered := w.method.weigh(w.live, w.share)
	if covered > 0 {
		for g := range w.share {
			w.share[g] /= float64(covered)
		}
	}
	w.coverage = float64(covered) / float64(w.points)
	w.missing = 0
	for _, l := range w.live {
		if !l {
			w.missing++
		}
	}
	w.known = true
}

// A Value is areal rain with what it stands on.
type Value struct {
	Rain     float64 // mm; 0 where Coverage is
	Coverage float64 // share of the area with a reporting gauge in reach, 0 to 1
	Missing  int     // gauges that did not report
}

// Areal returns the areal rain of one step from the gauges' depths, mm, NaN where
// a gauge did not report. It panics if depth has not one value for each gauge.
func (w *Weights) Areal(depth []float64) Value {
	if len(depth) != len(w.live) {
		panic("rain: depth has not one value for each gauge")
	}
	fresh := w.known
	for g, d := range depth {
		if live := d == d; live != w.live[g] {
			w.live[g], fresh = live, false
		}
	}
	if !fresh {
		w.reweigh()
	}
	v := Value{Coverage: w.coverage, Missing: w.missing}
	for g, d := range depth {
		if w.live[g] {
			v.Rain += w.share[g] * d
		}
	}
	return v
}
