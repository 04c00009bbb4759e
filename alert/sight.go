package alert

import (
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// look finds out what can be seen of a station, and if not all, why.
func (r *Rules) look(st *station, t *table, state *StationState, o *occasion) {
	state.Cause, state.Waiting, state.Seen = "", false, time.Time{}
	watched := st.sightsUnder(t)
	var bad hydro.Tests
	var badAt int64
	var out, waiting bool
	_, maintained := catalog.Maintained(st.maintenance, o.ms)
	for c, gauges := range watched {
		s := &state.Sights[c]
		s.Out, s.Waiting = false, false
		if len(gauges) == 0 {
			continue
		}
		window, interval := st.slowest(gauges)
		switch {
		case s.Since.IsZero():
			s.Since = o.now
		case o.stopped > interval && o.before.Sub(later(s.Seen, s.Since)) <= window: // it was in sight: reports may have been missed
			s.Since = o.now
		}
		seen, tests, at := st.latest(gauges, o)
		switch {
		case maintained:
			s.Out, out = true, true
		case seen > 0:
			s.Seen = later(s.Seen, time.UnixMilli(seen).UTC())
		case o.now.Sub(s.Since) <= window:
			s.Waiting, waiting = true, true
		default:
			s.Out, out = true, true
			if at > badAt {
				bad, badAt = tests, at
			}
		}
	}
	for c := range watched {
		if s := &state.Sights[c]; s.Out || !out && (s.Waiting || !waiting) {
			state.Seen = later(state.Seen, s.Seen)
		}
	}
	if !out {
		state.Waiting = waiting
		return
	}
	if maintained { // whatever it reports: somebody works at it
		state.Cause = causeMaintenance
		return
	}
	if o.Refusal != nil {
		if ref, ok := o.Refusal(st.id); ok && state.lacks(ref.Variable, watched) {
			state.Cause = refusedCause(ref)
			return
		}
	}
	switch {
	case badAt > 0:
		state.Cause = qualityCause(bad)
	case state.Seen.IsZero():
		state.Cause = causeNever
	default:
		state.Cause = causeSilent + r.clock(state.Seen)
	}
}

// latest returns the time of the latest observation in the gauges' blind windows
// that lets a station be seen, 0 if there is none, and otherwise the latest one
// that does not and the tests that it failed. Times are Unix milliseconds.
func (st *station) latest(gauges []int, o *occasion) (seen int64, bad hydro.Tests, badAt int64) {
	for _, i := range gauges {
		g := &st.gauges[i]
		h := history(o.Evidence, g.key)
		if h == nil {
			continue
		}
		for j := len(h.Samples) - 1; j >= 0 && h.Samples[j].At >= o.ms-g.window; j-- {
			sample := &h.Samples[j]
			if sample.At > o.ms {
				continue
			}
			if counts(g.key.Variable, sample) {
				seen = max(seen, sample.At)
				break
			}
			if sample.At > badAt {
				badAt, bad = sample.At, sample.Tests
			}
		}
	}
	return seen, bad, badAt
}

// counts reports whether an observation of v is evidence. Suspect rain is, as it
// is in the accumulations: it is extreme rain that is suspect.
func counts(v hydro.Variable, s *hydro.Sample) bool {
	if classOf(v) == sky {
		return hydro.RainCounts(s.Quality, s.Tests)
	}
	return s.Quality.Usable()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// lacks reports whether v, or if it is not watched its class, is out of sight. Zero
// is any variable.
func (s *StationState) lacks(v hydro.Variable, watched *[sights][]int) bool {
	switch {
	case v == 0:
		return true
	case len(watched[sightOf(v)]) == 0 && classOf(v) == river:
		return s.riverOut()
	}
	return s.Sights[sightOf(v)].Out
}

// riverOut reports whether something that is watched of the river is out of sight.
func (s *StationState) riverOut() bool {
	return s.Sights[river].Out || s.Sights[level].Out || s.Sights[flow].Out || s.Sights[inflow].Out
}

// inSight returns the highest stage of the observed ladders whose quantity is not
// out of sight.
func (s *StationState) inSight(ladders []Ladder) hydro.Stage {
	stage := hydro.Clear
	for i := range ladders {
		if l := &ladders[i]; !l.Forecast && !s.Sights[sightOf(l.Variable)].Out {
			stage = max(stage, l.Stage)
		}
	}
	return stage
}

// missing returns the variables of a station that are not seen, nil if that is
// all of them or none.
func (st *station) missing(t *table, state *StationState) []hydro.Variable {
	var vars []hydro.Variable
	var has, watched, seen [sights]bool // of a class: gauges, of which some are watched, of which some are seen
	for i := range st.sights {
		has[i] = len(st.sights[i]) > 0
	}
	for c, gauges := range st.sightsUnder(t) {
		if len(gauges) == 0 {
			continue
		}
		class := classOf(st.gauges[gauges[0]].key.Variable)
		watched[class] = true
		if s := &state.Sights[c]; !s.Out && (!s.Waiting || state.Cause != "") {
			seen[class] = true
			continue
		}
		for _, i := range gauges {
			v := st.gauges[i].key.Variable
			if v == hydro.RainCounter {
				v = hydro.Rain
			}
			if !slices.Contains(vars, v) {
				vars = append(vars, v)
			}
		}
	}
	for class := range has {
		if has[class] && (seen[class] || !watched[class]) { // a gauge that is not watched is not said to be silent
			return vars
		}
	}
	return nil
}

// cause says in full why a station, or a part of it, is not seen.
func (st *station) cause(t *table, state *StationState) string {
	cause := state.Cause
	if state.Waiting {
		cause = causeWaiting
		if !state.Seen.IsZero() {
			cause += sinceRestart
		}
	}
	if cause == "" {
		return ""
	}
	if _, what := variableNames(st.missing(t, state)); what != "" {
		return what + " " + cause
	}
	return cause
}

// history returns the history of k, which may be nil.
func history(ev Evidence, k hydro.Key) *hydro.History {
	if ev.History == nil {
		return nil
	}
	return ev.History(k)
}
