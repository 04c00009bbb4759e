// Package rain turns gauges' rain into areal rain by weights that follow the
// gauges which report, and rain forecasts into rain on a catchment's steps.
//
// A catchment is sampled by points of equal area. Which gauges speak for a point
// is the method's:
//
//   - [Thiessen]: the nearest gauge that reports in the step and lies within
//     reach [Thiessen11];
//   - [IDW]: all gauges that report in the step and lie within reach, weighted by
//     distance^−power [Shepard68].
//
// The weight of a gauge is its mean share over the points that have one. A gauge
// that falls silent or doubtful drops out and its points go to the others, step
// by step, so that a storm in which gauges drown one after the other is still
// summed up from those that live. Points without any gauge in reach take the mean
// of the others, and their share is told as missing coverage.
//
// Gauges of several departments at one place are merged before they are weighted
// ([Merge]): an average of two that disagree would be what neither measured.
// [Disagreement] tells how far they lie apart.
//
// Distances are great-circle distances on a sphere of 6371.0088 km. Of two
// gauges equally far from a point the earlier in the list is taken.
//
// Sources: [Thiessen11] A. H. Thiessen, Precipitation averages for large areas,
// Monthly Weather Review 39, 1911, 1082-1089. [Shepard68] D. Shepard, A
// two-dimensional interpolation function for irregularly-spaced data, Proc. 23rd
// ACM National Conference, 1968, 517-524: his equation (1), with the gauges within
// reach instead of his search radius.
package rain

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
)

// A Place is a point of the Earth in degrees, WGS84.
type Place struct {
	Lon, Lat float64
}

// Distance returns the great-circle distance in km.
func Distance(a, b Place) float64 {
	const radius = 6371.0088 // km, mean
	rad := math.Pi / 180
	s1, s2 := math.Sin((b.Lat-a.Lat)*rad/2), math.Sin((b.Lon-a.Lon)*rad/2)
	h := s1*s1 + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*s2*s2
	return 2 * radius * math.Asin(math.Sqrt(min(1, h)))
}

// A Thiessen weighs gauges for one catchment. It is immutable and safe for
// concurrent use; see [Weights] for what changes.
type Thiessen struct {
	gauges int
	points int
	order  []int32 // per point its gauges in reach, nearest first, one after the other
	from   []int32 // index into order where a point's gauges start; one more than points
}

// New returns the weights' source for
//
//	points  sample points of equal area, at least one
//	gauges  places of the gauges; of equals in distance the first is nearer
//	reach   km beyond which a gauge does not speak for a point; 0: no limit
//
// It fails if there is no point, if reach is below 0 or NaN, or if the distance of a
// point and a gauge is NaN.
func New(points, gauges []Place, reach float64) (*Thiessen, error) {
	if len(points) == 0 {
		return nil, errors.New("thiessen: no sample points")
	}
	if !(reach >= 0) {
		return nil, fmt.Errorf("thiessen: reach = %g km: want 0 or more", reach)
	}
	t := &Thiessen{gauges: len(gauges), points: len(points), from: make([]int32, 1, len(points)+1)}
	far := make([]float64, len(gauges))
	for _, p := range points {
		start := len(t.order)
		for g, at := range gauges {
			far[g] = Distance(p, at)
			if math.IsNaN(far[g]) {
				return nil, fmt.Errorf("thiessen: point (%g, %g) or gauge %d (%g, %g) is no place", p.Lon, p.Lat, g, at.Lon, at.Lat)
			}
			if reach == 0 || far[g] <= reach {
				t.order = append(t.order, int32(g))
			}
		}
		slices.SortStableFunc(t.order[start:], func(a, b int32) int {
			switch {
			case far[a] < far[b]:
				return -1
			case far[a] > far[b]:
				return 1
			}
			return 0
		})
		t.from = append(t.from, int32(len(t.order)))
	}
	return t, nil
}

// Gauges returns the number of gauges.
func (t *Thiessen) Gauges() int { return t.gauges }

// Weights returns a fresh set of weights.
func (t *Thiessen) Weights() *Weights { return newWeights(t) }

// weigh adds to share, per gauge, the number of points that it speaks for, and
// returns the number of points that any live gauge speaks for.
func (t *Thiessen) weigh(live []bool, share []float64) (covered int) {
	for p := range t.points {
		for _, g := range t.order[t.from[p]:t.from[p+1]] {
			if live[g] {
				share[g]++
				covered++
				break
			}
		}
	}
	return covered
}

func (t *Thiessen) size() (gauges, points int) { return t.gauges, t.points }

// A Report is the depth that a gauge reports for an interval.
type Report struct {
	At     int64   // end of the interval, Unix ms
	Length int64   // of the interval, ms; one that is not above 0 is not looked at
	MM     float64 // depth, mm; below 0 counts as 0
}

// Prorate writes to depth the rain, mm, of each step of stepMS ms, the first of
// which begins at fromMS (Unix milliseconds), and NaN where the gauge did not
// report for at least half of the step. Each report's depth is spread
// evenly over its interval; where an interval reaches back over that of the
// report before, its depth over the remainder alone counts. What a report
// leaves of a step is raised to the whole step. Reports are those that can be used, and ascend by instant, those
// later than untilMS are not looked at. It returns the instant of the latest
// report used, or 0.
func Prorate(reports iter.Seq[Report], fromMS, stepMS, untilMS int64, depth []float64) (latest int64) {
	end := fromMS + int64(len(depth))*stepMS
	cover := 0.0 // ms of the current step
	step := -1   // the step that cover and depth[step] are about
	finish := func(next int) {
		if step >= 0 {
			if 2*cover < float64(stepMS) {
				depth[step] = math.NaN()
			} else if cover < float64(stepMS) {
				depth[step] *= float64(stepMS) / cover
			}
		}
		for i := step + 1; i < next; i++ {
			depth[i] = math.NaN()
		}
		if next < len(depth) {
			depth[next] = 0
		}
		step, cover = next, 0
	}
	covered := int64(math.MinInt64)
	for s := range reports {
		if s.At > untilMS {
			break
		}
		if s.Length <= 0 {
			continue
		}
		rate := max(0, s.MM) / float64(s.Length) // mm per ms
		a, b := max(s.At-s.Length, covered, fromMS), min(s.At, end)
		covered = max(covered, s.At)
		if a >= b {
			continue
		}
		latest = s.At
		for i := int((a - fromMS) / stepMS); a < b; i++ {
			if i != step {
				finish(i)
			}
			to := min(b, fromMS+int64(i+1)*stepMS)
			depth[i] += rate * float64(to-a)
			cover += float64(to - a)
			a = to
		}
	}
	finish(len(depth))
	return latest
}
