package rain

import (
	"errors"
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Params describes the parameters of inverse distance weighting.
var Params = []param.Param{
	{Name: "power", Unit: "–", Lo: 0.5, Hi: 6, Doc: "exponent of the distance; 2 is usual, a large one comes close to Thiessen", Source: "[Shepard68]"},
	{Name: "reach", Unit: "km", Lo: 0, Hi: math.Inf(1), Doc: "beyond which a gauge does not speak for a point; 0: no limit", Source: "this package"},
}

// An IDW weighs gauges for one catchment by inverse distance. It is immutable
// and safe for concurrent use; see [Weights] for what changes.
type IDW struct {
	gauges int
	points int
	gauge  []int32   // per point its gauges in reach, one after the other
	weight []float64 // of each of these: distance^−power relative to the nearest's; +Inf at distance 0
	from   []int32   // index into gauge where a point's gauges start; one more than points
}

// NewIDW returns the weights' source for
//
//	points  sample points of equal area, at least one
//	gauges  places of the gauges
//	reach   km beyond which a gauge does not speak for a point; 0: no limit
//	power   exponent of the distance, 0.5 to 6
//
// With the live gauges g in reach of a point at distances d,
//
//	w = d^−power / Σ d^−power        [Shepard68] (1)
//
// A point at a live gauge takes that gauge alone, the first of several. It fails if
// there is no point, if reach or power is out of its range in [Params], or if the
// distance of a point and a gauge is NaN.
func NewIDW(points, gauges []Place, reach, power float64) (*IDW, error) {
	if len(points) == 0 {
		return nil, errors.New("idw: no sample points")
	}
	for i, v := range [...]float64{power, reach} {
		if err := Params[i].Check(v); err != nil {
			return nil, fmt.Errorf("idw: %w", err)
		}
	}
	w := &IDW{gauges: len(gauges), points: len(points), from: make([]int32, 1, len(points)+1)}
	far := make([]float64, len(gauges))
	for _, p := range points {
		near := math.Inf(1)
		for g, at := range gauges {
			far[g] = Distance(p, at)
			if math.IsNaN(far[g]) {
				return nil, fmt.Errorf("idw: point (%g, %g) or gauge %d (%g, %g) is no place", p.Lon, p.Lat, g, at.Lon, at.Lat)
			}
			if far[g] > 0 {
				near = min(near, far[g])
			}
		}
		for g, d := range far {
			if reach == 0 || d <= reach {
				w.gauge = append(w.gauge, int32(g))
				weight := math.Inf(1)
				if d > 0 {
					weight = math.Pow(near/d, power) // at most 1: no power overflows
				}
				w.weight = append(w.weight, weight)
			}
		}
		w.from = append(w.from, int32(len(w.gauge)))
	}
	return w, nil
}

// Gauges returns the number of gauges.
func (w *IDW) Gauges() int { return w.gauges }

// Weights returns a fresh set of weights.
func (w *IDW) Weights() *Weights { return newWeights(w) }

func (w *IDW) size() (gauges, points int) { return w.gauges, w.points }

func (w *IDW) weigh(live []bool, share []float64) (covered int) {
points:
	for p := range w.points {
		lo, hi := w.from[p], w.from[p+1]
		sum := 0.0
		for i := lo; i < hi; i++ {
			if g := w.gauge[i]; live[g] {
				if math.IsInf(w.weight[i], 1) {
					share[g]++
					covered++
					continue points
				}
				sum += w.weight[i]
			}
		}
		if sum == 0 { // none is live: a weight is at least (shortest/longest distance)^6 > 0
			continue
		}
		covered++
		for i := lo; i < hi; i++ {
			if g := w.gauge[i]; live[g] {
				share[g] += w.weight[i] / sum
			}
		}
	}
	return covered
}
