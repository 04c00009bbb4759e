package alert

import (
	"time"

	"freshet/internal/hydro"
)

// Explain adds to x what the rules held of a station before and after one
// evaluation: the quantities with their thresholds and clocks, and what was in
// sight. It reports whether the rules know the station.
func (r *Rules) Explain(x *hydro.Explanation, before, after State, id string) bool {
	i := -1
	for j := range r.stations {
		if r.stations[j].id == id {
			i = j
		}
	}
	if i < 0 || !r.fits(after) {
		return false
	}
	if !r.fits(before) {
		before = r.Adopt(before, after.Now)
	}
	st := &r.stations[i]
	t := st.table(after.Now)
	ladders, old := after.Ladders[st.first:st.first+st.count], before.Ladders[st.first:st.first+st.count]
	observed, forecast := deciding(ladders, false), deciding(ladders, true)
	x.DeadBand, x.DeadBandShare = r.deadBand, r.deadShare
	for k := range ladders {
		l := &ladders[k]
		steps := t.steps(k)
		if len(steps) == 0 {
			continue
		}
		q := hydro.ExplainedQuantity{
			Forecast: l.Forecast, Variable: l.Variable, Window: l.Window, Basis: l.Basis, From: old[k].Stage, To: l.Stage,
			Decides: k == observed || k == forecast, Evidence: l.At != 0 && !l.Lost, Value: l.Value, At: instant(l.At),
		}
		if timing := t.timings[k]; l.Forecast {
			q.PeakAt, q.Fallen, q.Persistence = instant(l.Peak), l.Fallen, int(timing.persistence)
			q.Extrapolated, q.Uncalibrated = l.Extrapolated, l.Uncalibrated
		} else {
			q.Raise, q.Lower = time.Duration(timing.raise)*time.Millisecond, time.Duration(timing.lower)*time.Millisecond
		}
		for _, s := range steps {
			n := s.stage - hydro.Blue
			e := hydro.ExplainedStep{Stage: s.stage, Given: s.value, Threshold: s.value, Met: q.Evidence && l.Value >= s.value}
			if l.Forecast {
				e.MetRuns, e.BelowRuns, e.CrossAt = int(l.Met[n]), int(l.Below[n]), instant(l.Cross[n])
			} else {
				e.MetSince, e.BelowSince = instant(l.Near[n]), instant(l.Below[n])
			}
			q.Steps = append(q.Steps, e)
		}
		x.Quantities = append(x.Quantities, q)
	}
	state := &after.Stations[i]
	for c, gauges := range st.sightsUnder(t) {
		if len(gauges) == 0 {
			continue
		}
		window, _ := st.slowest(gauges)
		s := &state.Sights[c]
		x.Sights = append(x.Sights, hydro.ExplainedSight{Class: sightNames[c], Seen: s.Seen, Window: window, Out: s.Out, Waiting: s.Waiting})
	}
	return true
}

// Offset returns what is added to a level on the datum of a stage table to have it
// on the station's.
func (r *Rules) Offset(id string, d hydro.Datum) (float64, bool) {
	for i := range r.stations {
		if r.stations[i].id == id {
			return r.stations[i].offset(d)
		}
	}
	return 0, false
}

// instant returns Unix milliseconds as a time, zero as none.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
