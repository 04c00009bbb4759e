package alert

import (
	"time"

	"freshet/internal/hydro"
)

// A Standing is where a station stands, without the words of a status: for other
// rules that go on from here on every tick.
type Standing struct {
	Station string
	Stage   hydro.Stage
	Cause   string // why it, or a part of it, is not seen, "" if it is: as [StationState.Cause]

	Escalated time.Time // since when it is known that it is blind on a rising reach; zero if it is not

	// What is observed of the river.
	Reached  [rungs]time.Time // since when each stage from Blue on has been met; zero if it is not, or has not dwelt
	Variable hydro.Variable   // 0: nothing is observed, or it is not in sight
	Value    float64
	At       time.Time
}

// Standings returns where each station of s stands, ascending by station.
func (r *Rules) Standings(s State) []Standing {
	if !r.fits(s) {
		s = r.Adopt(s, s.Now)
	}
	out := make([]Standing, len(r.stations))
	for i := range r.stations {
		st, state := &r.stations[i], &s.Stations[i]
		o := &out[i]
		o.Station, o.Stage, o.Cause = st.id, state.Stage, state.Cause
		if state.escalated() {
			o.Escalated = state.Escalated
		}
		highest := hydro.Clear
		ladders := s.Ladders[st.first : st.first+st.count]
		for j := range ladders {
			l := &ladders[j]
			if l.Forecast || l.Lost || l.At == 0 || l.Basis != hydro.Itself || classOf(l.Variable) != river {
				continue
			}
			for k := range l.Met {
				if l.Stage < hydro.Blue+hydro.Stage(k) || l.Met[k] == 0 {
					continue
				}
				if at := time.UnixMilli(l.Met[k]).UTC(); o.Reached[k].IsZero() || at.Before(o.Reached[k]) {
					o.Reached[k] = at
				}
			}
			if o.Variable == 0 || l.Stage > highest {
				highest = l.Stage
				o.Variable, o.Value, o.At = l.Variable, l.Value, time.UnixMilli(l.At).UTC()
			}
		}
	}
	return out
}
