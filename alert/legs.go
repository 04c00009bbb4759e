package alert

import (
	"time"

	"freshet/internal/hydro"
)

// highest returns the stage of one leg.
func highest(ladders []Ladder, forecast bool) hydro.Stage {
	stage := hydro.Clear
	for i := range ladders {
		if ladders[i].Forecast == forecast {
			stage = max(stage, ladders[i].Stage)
		}
	}
	return stage
}

// legs describes both legs as warnings and statuses show them. A leg is empty
// where there is no evidence.
func (st *station) legs(t *table, state *StationState, ladders []Ladder) (observed, forecast hydro.Leg) {
	if i := deciding(ladders, false); i >= 0 {
		observed = st.leg(t, ladders, i)
	}
	if i := deciding(ladders, true); i >= 0 {
		forecast = st.leg(t, ladders, i)
	}
	if (state.Cause != "" || state.Waiting) && state.inSight(ladders) == hydro.Clear { // a blind leg says when it last saw
		observed = hydro.Leg{Stage: hydro.Blind, At: state.Seen}
	}
	return observed, forecast
}

// deciding returns the index of the ladder that gives a leg its stage, the one
// with evidence first, or -1 if no ladder of the leg ever had evidence. A
// forecast that has expired is none that anything is clear.
func deciding(ladders []Ladder, forecast bool) int {
	best := -1
	for i := range ladders {
		l := &ladders[i]
		if l.Forecast != forecast || l.At == 0 || forecast && l.Lost && l.Stage == hydro.Clear {
			continue
		}
		if best < 0 || l.Stage > ladders[best].Stage || l.Stage == ladders[best].Stage && ladders[best].Lost && !l.Lost {
			best = i
		}
	}
	return best
}

// leg describes the ladder i of a station.
func (st *station) leg(t *table, ladders []Ladder, i int) hydro.Leg {
	l := &ladders[i]
	leg := hydro.Leg{Stage: l.Stage, Variable: l.Variable, Window: l.Window, Basis: l.Basis, Value: l.Value, Limit: l.Limit}
	if l.Variable == hydro.WaterLevel && l.Basis != hydro.Rise { // a difference has no datum, a limit level has
		leg.Datum = st.datum
	}
	if l.Stage > hydro.Clear {
		if step, ok := stepOf(t.steps(i), l.Stage); ok {
			leg.Threshold = step.value
		}
	}
	if !l.Forecast {
		leg.At = time.UnixMilli(l.At).UTC()
		return leg
	}
	leg.PeakValue, leg.PeakAt = l.Value, time.UnixMilli(l.Peak).UTC()
	leg.At = leg.PeakAt
	if l.Stage > hydro.Clear {
		if at := l.Cross[l.Stage-hydro.Blue]; at != 0 {
			leg.At = time.UnixMilli(at).UTC()
		}
	}
	return leg
}

// Statuses returns where each station stands, ascending by station. A station
// that has not yet reported since the start is shown as Blind.
func (r *Rules) Statuses(s State) []hydro.StationStatus {
	if !r.fits(s) {
		s = r.Adopt(s, s.Now)
	}
	out := make([]hydro.StationStatus, 0, len(r.stations))
	for i := range r.stations {
		st, state := &r.stations[i], &s.Stations[i]
		ladders := s.Ladders[st.first : st.first+st.count]
		t := st.table(s.Now)
		status := hydro.StationStatus{Station: st.id, Stage: state.Stage, Since: state.Since, Cause: st.cause(t, state), Escalated: !state.Escalated.IsZero()}
		if state.Waiting && state.Stage == hydro.Clear {
			status.Stage = hydro.Blind
		}
		status.Observed, status.Forecast = st.legs(t, state, ladders)
		status.ReasonZH, status.ReasonEN = r.reason(st, t, state, ladders, *state, -1, s.Now)
		out = append(out, status)
	}
	return out
}
