package alert

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// Blind returns the stations of which something is not seen, grouped by cause,
// department and gateway, the largest group first. A gateway or a department of
// which nothing is seen is one group: one cable, one call. It is a pure function
// of the state.
func (r *Rules) Blind(s State) []hydro.BlindSet {
	if !r.fits(s) {
		s = r.Adopt(s, s.Now)
	}
	type key struct {
		cause      string
		department hydro.Department
		gateway    string
	}
	type count struct{ all, blind map[key]int } // of a department's and of a gateway's stations, by cause "" and by cause
	n := count{map[key]int{}, map[key]int{}}
	causes := make([]string, len(r.stations))
	for i := range r.stations {
		st := &r.stations[i]
		causes[i] = kindOfCause(&s.Stations[i])
		for _, k := range []key{{department: st.department}, {department: st.department, gateway: st.gateway}} {
			n.all[k]++
			if k.cause = causes[i]; k.cause != "" {
				n.blind[k]++
			}
			if st.gateway == "" {
				break
			}
		}
	}
	var keys []key
	groups := map[key]*hydro.BlindSet{}
	for i := range r.stations {
		if causes[i] == "" {
			continue
		}
		st, state := &r.stations[i], &s.Stations[i]
		whole := func(k key) bool {
			all := n.all[key{department: k.department, gateway: k.gateway}]
			return all > 1 && n.blind[k] == all
		}
		k := key{causes[i], st.department, ""}
		isWhole := whole(k)
		if !isWhole && st.gateway != "" {
			k.gateway = st.gateway
			isWhole = whole(k)
		}
		g := groups[k]
		if g == nil {
			g = &hydro.BlindSet{Cause: k.cause, Department: k.department, Gateway: k.gateway, Whole: isWhole, Since: state.Seen}
			groups[k], keys = g, append(keys, k)
		}
		g.Stations = append(g.Stations, st.id)
		if state.Seen.Before(g.Since) {
			g.Since = state.Seen
		}
		if !state.Escalated.IsZero() {
			g.Escalated = append(g.Escalated, st.id)
		}
	}
	out := make([]hydro.BlindSet, 0, len(keys))
	for _, k := range keys {
		out = append(out, *groups[k])
	}
	slices.SortStableFunc(out, func(a, b hydro.BlindSet) int {
		return cmp.Or(
			cmp.Compare(len(b.Escalated), len(a.Escalated)), cmp.Compare(len(b.Stations), len(a.Stations)),
			cmp.Compare(a.Department, b.Department), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Cause, b.Cause),
		)
	})
	return out
}

// kindOfCause names why something of a station is not seen, without what is
// its own: times and places. It is "" if all is in sight.
func kindOfCause(state *StationState) string {
	switch cause := state.Cause; {
	case state.Waiting:
		return causeWaiting
	case strings.HasPrefix(cause, causeSilent):
		return strings.TrimSpace(strings.TrimSuffix(causeSilent, "since "))
	case strings.HasPrefix(cause, causeRefused):
		reason, _, _ := strings.Cut(strings.TrimPrefix(cause, causeRefused), ": ")
		return causeRefused + reason
	default:
		return cause
	}
}

// escalate marks the blind stations that lie on a rising reach, and returns the
// warnings with what that adds: in the warning of a station that has just gone
// blind, or as a warning of its own, of which From equals To. So whoever reads the
// warnings knows that each of these two, if it is Escalated, is one escalation. A
// mark stays until the station is seen, or nothing around it has been rising for
// the dwell of lowering.
func (r *Rules) escalate(s *State, warnings []hydro.Warning, o *occasion) []hydro.Warning {
	for i := range r.stations {
		st, state := &r.stations[i], &s.Stations[i]
		if !state.riverOut() {
			state.Escalated, state.Rising, state.RisingAt, state.RisingTo = time.Time{}, time.Time{}, "", hydro.Clear
			continue
		}
		at, to := r.rising(st, s, o)
		switch {
		case at != "":
			state.Rising, state.RisingAt, state.RisingTo = o.now, at, to
		case o.now.Sub(state.Rising).Milliseconds() >= r.timing.lower:
			state.Escalated = time.Time{}
		}
		if at == "" || !state.Escalated.IsZero() {
			continue
		}
		k, found := slices.BinarySearchFunc(warnings, st.id, func(w hydro.Warning, id string) int { return cmp.Compare(w.Station, id) })
		if found && !slices.Contains(o.lost, st.id) {
			continue // its forecast moved: an escalation is not to be lost in that, it follows on the next tick
		}
		state.Escalated = o.now
		if !found {
			warnings = slices.Insert(warnings, k, r.warning(st, state, s.ladders(st), *state, -1, o))
			continue
		}
		w := &warnings[k]
		w.Escalated, w.EscalatedAs = true, to
		zh, en := r.escalation(state)
		w.ReasonZH, w.ReasonEN = strings.TrimSuffix(w.ReasonZH, "。")+"；"+zh+"。", strings.TrimSuffix(w.ReasonEN, ".")+"; "+en+"."
	}
	return warnings
}

func (s *State) ladders(st *station) []Ladder { return s.Ladders[st.first : st.first+st.count] }

// rising returns the station by which the reach of st rises: the first of its
// neighbours up and down the river that stands at Blue or above, by observation or
// forecast, or whose level has risen by the trigger of the settings; "" if none
// does. With it comes the highest stage of all that rise, Blue of a rise that has
// reached no threshold. Its own forecast needs no help: it is the station's stage.
func (r *Rules) rising(st *station, s *State, o *occasion) (at string, to hydro.Stage) {
	for _, j := range st.reach {
		n := &r.stations[j]
		stage := s.Stations[j].Stage
		stands := stage != hydro.Blind && stage > hydro.Clear
		if !stands && !r.rises(n, o) {
			continue
		}
		if at == "" {
			at, to = n.id, hydro.Blue
		}
		if stands {
			to = max(to, stage)
		}
	}
	return at, to
}

// rises reports whether a level in sight has risen by the trigger within its
// window.
func (r *Rules) rises(st *station, o *occasion) bool {
	g, ok := st.gauge(hydro.WaterLevel)
	if !ok || r.riseTrigger <= 0 {
		return false
	}
	h := history(o.Evidence, g.key)
	if h == nil {
		return false
	}
	lowest, latest, seen := 0.0, 0.0, false
	for _, x := range h.Between(o.ms-r.riseWindow-1, o.ms) {
		if !x.Quality.Usable() {
			continue
		}
		if !seen || x.Value < lowest {
			lowest = x.Value
		}
		latest, seen = x.Value, true
	}
	return seen && latest-lowest >= r.riseTrigger
}

// escalation says that a blind station lies on a rising reach, and by what that
// is known.
func (r *Rules) escalation(state *StationState) (zh, en string) {
	zh, en = state.RisingAt, state.RisingAt
	for i := range r.stations {
		if r.stations[i].id == state.RisingAt {
			zh, en = r.stations[i].names()
		}
	}
	return "升级：所在河段正在上涨（" + zh + "），须派人查看", "escalated: the reach is rising (" + en + "), have somebody look"
}
