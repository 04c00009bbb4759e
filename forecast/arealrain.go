package forecast

import (
	"math"
	"time"

	"freshet/forecast/rain"
	"freshet/internal/hydro"
)

// arealRain returns what the run knows of the rain of sub-basin i. coverage and
// speaks are those of its gauges now, spoke the index of the last step in which
// any of them reported.
func (r *run) arealRain(i, spoke int, coverage float64, speaks []bool, weights *rain.Weights) hydro.ArealRain {
	b, areal := &r.m.subs[i], r.areal[i]
	// last sums the steps of the time before here, mm.
	last := func(span time.Duration) float64 {
		n := int(span.Milliseconds() / r.m.stepMS)
		if span.Milliseconds()%r.m.stepMS != 0 || n > r.here || spoke <= r.here-n {
			return math.NaN()
		}
		sum := 0.0
		for _, mm := range areal[r.here-n : r.here] {
			sum += mm
		}
		return sum
	}
	out := hydro.ArealRain{
		SubBasin: b.id, Coverage: coverage,
		Last1h: last(time.Hour), Last3h: last(3 * time.Hour), Last6h: last(6 * time.Hour), Last24h: last(24 * time.Hour),
	}
	horizon := r.now + r.m.settings.Horizon.Milliseconds()
	for t := r.here; t < r.end; t++ { // the step from index t to t+1
		from := r.start + int64(t)*r.m.stepMS
		share := float64(min(horizon, from+r.m.stepMS)-max(r.now, from)) / float64(r.m.stepMS)
		out.Assumed += share * areal[t]
	}
	all := make([]bool, len(b.gauges))
	for k := range all {
		all[k] = true
	}
	counts, _ := weights.For(all) // a gauge that none of the area would take from is not missed
	for k, g := range b.gauges {
		if !speaks[k] && counts[k] > 0 {
			site := &r.m.gauges[g]
			name := site.id
			if name == "" {
				name = site.series[0].key.Station
			}
			out.MissingGauges = append(out.MissingGauges, name)
		}
	}
	return out
}
