package forecast

import (
	"fmt"
	"math"
	"time"

	"freshet/forecast/rain"
	"freshet/internal/hydro"
)

// arealRain computes the areal rain of sub-basin i, and says what it stands on. live
// says which gauges report now.
func (r *run) arealRain(i int, live []bool) hydro.ArealRain {
	b := &r.m.subs[i]
	areal, heard := make([]float64, r.end), make([]bool, r.here)
	r.areal[i] = areal
	weights := b.areal.Weights()
	depth := make([]float64, len(b.gauges))
	for t := range r.here {
		for k, g := range b.gauges {
			depth[k] = r.depth[g][t]
		}
		v := weights.Areal(depth)
		areal[t], heard[t] = v.Rain, v.Coverage > 0
	}
	if r.ahead != nil {
		copy(areal[r.here:], r.ahead[i])
	}
	speaks := make([]bool, len(b.gauges))
	for k, g := range b.gauges {
		speaks[k] = live[g]
	}
	_, coverage := weights.For(speaks)
	if coverage == 0 {
		r.note("no rain gauge speaks for sub-basin %s now: no rain is assumed to fall there", b.id)
	}
	if gap := r.unheardFor(heard, coverage > 0); gap > 0 {
		r.unheard = append(r.unheard, fmt.Sprintf("%s (%s)", b.id, hours(gap)))
	}
	r.coverage += coverage * b.area
	last := func(span time.Duration) float64 { return r.lastRain(span, areal, heard) }
	return hydro.ArealRain{
		SubBasin: b.id, Coverage: coverage, MissingGauges: r.silent(b, weights, speaks),
		Last1h: last(time.Hour), Last3h: last(3 * time.Hour), Last6h: last(6 * time.Hour), Last24h: last(24 * time.Hour),
		Assumed: r.assumed(areal),
	}
}

// unheardFor is how long no gauge spoke in the warm-up: what fell then is as little
// known as what falls now, and a flood can be of it. Reports that are still to come
// are missed only where no gauge is live.
func (r *run) unheardFor(heard []bool, live bool) time.Duration {
	heard = heard[max(0, len(heard)-int(r.m.settings.Warmup.Milliseconds()/r.m.stepMS)):] // not every run looks back further
	n := len(heard)
	for live && n > 0 && !heard[n-1] {
		n--
	}
	gaps := 0
	for _, h := range heard[:n] {
		if !h {
			gaps++
		}
	}
	return time.Duration(int64(gaps)*r.m.stepMS) * time.Millisecond
}

// hours writes a duration to a tenth of an hour.
func hours(d time.Duration) string { return fmt.Sprintf("%g h", math.Ceil(10*d.Hours())/10) }

// lastRain sums the rain of the time before here, mm; NaN where the gauges were
// silent for more than a tenth of it, and where not every run looks so far back.
func (r *run) lastRain(span time.Duration, areal []float64, heard []bool) float64 {
	n := int(span.Milliseconds() / r.m.stepMS)
	if span.Milliseconds()%r.m.stepMS != 0 || n > r.here || span > r.m.settings.Warmup {
		return math.NaN()
	}
	sum, gaps := 0.0, 0
	for t := r.here - n; t < r.here; t++ {
		sum += areal[t]
		if !heard[t] {
			gaps++
		}
	}
	if 10*gaps > n {
		return math.NaN()
	}
	return sum
}

// assumed sums the rain from now to the horizon, mm.
func (r *run) assumed(areal []float64) float64 {
	sum := 0.0
	for t := r.here; t < r.end; t++ { // the step from index t to t+1
		from := r.start + int64(t)*r.m.stepMS
		share := float64(min(r.now+r.horizon, from+r.m.stepMS)-max(r.now, from)) / float64(r.m.stepMS)
		sum += share * areal[t]
	}
	return sum
}

// silent names the gauges of a sub-basin that would count and do not speak.
func (r *run) silent(b *subBasin, weights *rain.Weights, speaks []bool) []string {
	var out []string
	all := make([]bool, len(b.gauges))
	for k := range all {
		all[k] = true
	}
	counts, _ := weights.For(all) // a gauge that none of the area would take from is not missed
	for k, g := range b.gauges {
		if speaks[k] || counts[k] == 0 {
			continue
		}
		site := &r.m.gauges[g]
		name := site.id
		if name == "" {
			name = site.series[0].key.Station
		}
		out = append(out, name)
	}
	return out
}
