package forecast

import (
	"math"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// gaugeForecast turns the flow at a gauge into its station's forecast.
func (r *run) gaugeForecast(n *node, g reading, flow []float64) hydro.StationForecast {
	f := hydro.StationForecast{Station: n.gauge.station, Datum: n.gauge.datum, Updated: g.fresh, Extrapolated: g.beyond, NowDischarge: g.discharge, NowLevel: g.level}
	if math.IsNaN(f.NowDischarge) {
		f.NowDischarge = r.at(flow, r.now)
	}
	level := r.level
	switch {
	case n.estuary != nil:
		level = r.tidalLevel(n, &f)
	case g.table == nil || n.tidal:
		level = nil
	default:
		offset, decay := r.offsetHere(n, g), n.gauge.corrector.Decay()
		for t := r.here; t <= r.end; t++ {
			l, beyond := g.table.Level(flow[t])
			f.Extrapolated = f.Extrapolated || beyond && t > r.here
			level[t] = l + offset
			offset *= decay
		}
		if math.IsNaN(f.NowLevel) {
			f.NowLevel, _ = g.table.Level(f.NowDischarge)
		}
		if f.Extrapolated {
			low, high := g.table.Measured()
			r.note("level at %s lies outside the rating's measured range %g to %g m at some time", f.Station, low, high)
		}
	}
	r.finish(&f, flow, level, thresholdsAt(n.gauge.tables, r.now), hydro.Discharge, n.estuary != nil)
	return f
}

// offsetHere returns how far the river stands above its rating at index here, m:
// what was observed last, carried on or back to it.
func (r *run) offsetHere(n *node, g reading) float64 {
	if !g.hasOffset {
		return 0
	}
	decay := n.gauge.corrector.Decay()
	if decay == 0 {
		return g.offset
	}
	return g.offset * math.Pow(decay, float64(r.start+int64(r.here)*r.m.stepMS-g.levelAt)/float64(r.m.stepMS))
}

// finish fills the values, the peak and the crossings. level is nil where there
// is none, else valid from index here on. quantity is the variable that flow is
// of in stage tables. The crest of a reservoir and that of a tidal gauge are byLevel,
// if there is one, a river's is of its flow.
func (r *run) finish(f *hydro.StationForecast, flow, level []float64, thresholds []catalog.Threshold, quantity hydro.Variable, byLevel bool) {
	every := r.m.settings.OutputStep.Milliseconds()
	count := int(r.horizon / every)
	values := make([]float64, 2*count)
	f.Discharge, f.Level = values[:count:count], values[count:]
	for i := range count {
		at := r.now + int64(i+1)*every
		f.Discharge[i] = r.at(flow, at)
		if level != nil {
			f.Level[i] = r.at(level, at)
		} else {
			f.Level[i] = math.NaN()
		}
	}
	decides, now := flow, f.NowDischarge
	if byLevel && level != nil && slices.ContainsFunc(level[r.here+1:], func(l float64) bool { return !math.IsNaN(l) }) {
		decides, now = level, f.NowLevel
	}
	f.Peak = hydro.Peak{At: time.UnixMilli(r.now).UTC(), Discharge: f.NowDischarge, Level: f.NowLevel}
	if level == nil {
		f.Peak.Level = math.NaN()
	}
	best, where := now, -1
	last := int((r.now + r.horizon - r.start) / r.m.stepMS)
	for t := r.here + 1; t <= last; t++ {
		if decides[t] > best || math.IsNaN(best) {
			best, where = decides[t], t
		}
		f.Peak.Discharge = max(f.Peak.Discharge, flow[t])
		if level != nil && (level[t] > f.Peak.Level || math.IsNaN(f.Peak.Level)) {
			f.Peak.Level = level[t]
		}
	}
	if where >= 0 {
		f.Peak.At = r.instant(where)
		f.Peak.AtEnd = where == last && last > r.here+1 && decides[last] > decides[last-1]
	}
	for _, h := range thresholds {
		c := hydro.Crossing{Stage: h.Stage, Variable: h.Variable, Threshold: h.Value}
		switch {
		case h.Variable == quantity:
			c.At = r.crossing(flow, f.NowDischarge, h.Value, last)
		case h.Variable == hydro.WaterLevel && level != nil:
			c.At = r.crossing(level, f.NowLevel, h.Value, last)
			if c.At.IsZero() && slices.ContainsFunc(level[r.here+1:last+1], math.IsNaN) {
				continue // the level is not known all the way: nobody may read that it is not met
			}
		default:
			continue
		}
		f.Crossings = append(f.Crossings, c)
	}
}

// crossing returns when v first meets the threshold: now if it does already,
// else between two indices, to the second; zero if not by index last.
func (r *run) crossing(v []float64, now, threshold float64, last int) time.Time {
	if now >= threshold {
		return time.UnixMilli(r.now).UTC()
	}
	before, at := now, r.now
	for t := r.here + 1; t <= last; t++ {
		ms := r.start + int64(t)*r.m.stepMS
		if v[t] >= threshold {
			if before < threshold && v[t] > before {
				ms = at + int64(math.Ceil(float64(ms-at)*(threshold-before)/(v[t]-before)))
			}
			return time.UnixMilli(ms).UTC()
		}
		before, at = v[t], ms
	}
	return time.Time{}
}

func (r *run) instant(t int) time.Time { return time.UnixMilli(r.start + int64(t)*r.m.stepMS).UTC() }
