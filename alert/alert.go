// Package alert decides the stage of each station of a basin: Clear, Blue,
// Yellow, Orange, Red, or Blind where nobody can see.
//
// It is pure: [Rules] are compiled from a catalogue, [State] goes in and comes
// out, and time is an argument. It reads no clock, does no I/O and keeps no
// state of its own. Instants are UTC; people read them in the zone of the
// basin's season.
//
// # Legs and ladders
//
// A station has up to two legs: what is observed (level, flow, rain
// accumulations) and what is forecast (level, flow). Each leg has one [Ladder]
// for each quantity that its stage tables name. The stage of a leg is the
// highest of its ladders, the stage of a station the higher of its legs.
//
// An observed ladder rises to the highest stage whose threshold has been met or
// exceeded for DwellRaise, several steps at once if need be, and lowers one
// step after another once the value has been below the threshold by more than
// the dead-band for DwellLower. Between threshold and dead-band it holds. Dwell
// is counted from the observation's own time. A report that is due within the
// dwell is waited for, since it could deny the rise; one that is overdue is not.
// The first evidence after a start or after blindness decides at once: the
// ladder then knows of nothing to which it could hold. When the other leg lowers,
// evidence that is above a threshold holds the stage that stands, without dwell.
//
// A forecast ladder counts runs, each once by its time of issue. It rises when
// Persistence runs in a row reach a threshold, and lowers when as many in a row
// stay below it by more than the dead-band. A run that has expired, a station
// that the run does not hold and levels that are NaN are no evidence: they are
// not counted and break no row. A run whose levels are partly NaN can raise and
// never lowers.
//
// A ladder without evidence holds its stage. It never lowers on silence.
//
// # Old points
//
// An observed ladder looks only at observations later than the last one that it
// used and not older than the blind window, so that a back-fill moves nothing.
// A correction of the very last observation counts as new. A rain accumulation
// is evidence about the window that ends now: a late report inside that window
// heals it, and so may raise; one outside cannot.
//
// # Blindness
//
// An observed quantity is out of sight when its latest usable observation is
// older than BlindAfter reporting intervals and a small grace (a quarter of the
// interval, at most five minutes). A station is blind when all the observed
// quantities of its stage table are out of sight, or all its parameters where it
// has no table. The [hydro.Warning.Cause] says why: "refused: …", "quality: …",
// "silent since …" or "never reported".
//
// Blindness must not hide a dangerous forecast, and a dangerous forecast must
// not hide blindness. So a blind station is Blind unless its forecast leg asks
// for Blue or more; then its stage is the higher of the forecast leg and of what
// was last observed, and Cause and the reason say that the observations are
// blind. So the loss of a gauge never steps a stage down, it can only make it
// Blind. A warning is given when a station goes blind or comes back to sight
// even if its stage stays the same (From equals To).
//
// After a start a station has its blind window of grace. Until it reports or
// the grace is over, [Rules.Statuses] show it as Blind with the cause "not yet
// reported", so that silence never looks clear, and the feed stays quiet, so
// that a start is no storm of warnings.
package alert

import (
	"slices"
	"sort"
	"time"

	"freshet/internal/hydro"
)

// State is all that the rules remember. It is a plain value, made to be stored:
// everything is keyed by ids, so that it survives a catalogue change (see
// [Rules.Adopt]).
type State struct {
	Now      time.Time // of the last evaluation
	Run      time.Time // time of issue of the last forecast counted
	Stations []StationState
	Ladders  []Ladder
}

// A StationState is where one station stands.
type StationState struct {
	Station string
	Watched time.Time   // since when the rules watch it
	Seen    time.Time   // of its latest usable observation; zero if there was none
	Stage   hydro.Stage // as the feed has it
	Since   time.Time   // of Stage
	Cause   string      // why its observations are blind; "" if they are not
	Waiting bool        // not yet reported, still in the grace of a start
}

// A Ladder is the memory of one quantity of one leg. Arrays hold one entry for
// each of Blue, Yellow, Orange, Red.
type Ladder struct {
	Station  string
	Forecast bool           // of the forecast leg; else of the observed leg
	Variable hydro.Variable // WaterLevel, Discharge, Inflow or Rain
	Window   time.Duration  // of a rain accumulation

	Stage hydro.Stage // Clear to Red
	Lost  bool        // no evidence yet, or none since it went out of sight
	At    int64       // of the latest evidence: observed at, or issued at; Unix milliseconds, 0 if none
	Value float64     // the latest evidence: the value observed, or the forecast's peak
	Peak  int64       // of a forecast: when its peak is, Unix milliseconds

	// Observed leg: since when thresholds have been met, and since when the value
	// has been below them by the dead-band; Unix milliseconds, 0 if not.
	// Forecast leg: the number of runs in a row.
	Met, Below [rungs]int64
	// Forecast leg: when the latest run crosses each threshold, Unix
	// milliseconds, 0 if it does not.
	Cross [rungs]int64
}

// rungs is the number of stages that a ladder can rise to.
const rungs = 4

// Evidence is what one evaluation sees.
type Evidence struct {
	Now      time.Time                                                                  // engine time
	History  func(hydro.Key) *hydro.History                                             // nil if the series does not exist
	Rain     func(station string, window time.Duration) (mm, coverage float64, ok bool) // the accumulation that ends now, and the share of the window that reports cover
	Forecast *hydro.Forecast                                                            // the latest run, or nil
	Refusal  func(station string) (hydro.Refusal, bool)                                 // the latest refusal within the blind window
}

// minCoverage is the share of a rain window that reports must cover before its
// accumulation can count as below a threshold: rain that was not reported may
// have fallen. Rain that was reported has fallen, so any coverage can raise.
const minCoverage = 0.75

// Start returns the state of rules that have seen nothing, at the instant now.
// A zero now means that watching starts with the first evaluation.
func (r *Rules) Start(now time.Time) State { return r.Adopt(State{}, now) }

// Adopt returns old in the shape of r, after a catalogue change: what still
// exists is kept, a station that is new is watched from now on, and one that is
// gone is forgotten. The result shares no memory with old.
func (r *Rules) Adopt(old State, now time.Time) State {
	s := State{Now: old.Now, Run: old.Run}
	s.Stations = make([]StationState, len(r.stations))
	s.Ladders = make([]Ladder, len(r.ladders))
	for i := range r.stations {
		id := r.stations[i].id
		if j, found := sort.Find(len(old.Stations), func(j int) int { return compareStrings(id, old.Stations[j].Station) }); found {
			s.Stations[i] = old.Stations[j]
			continue
		}
		s.Stations[i] = StationState{Station: id, Watched: now, Since: now, Waiting: true}
	}
	for i, key := range r.ladders {
		if j, found := sort.Find(len(old.Ladders), func(j int) int { return key.compare(old.Ladders[j].key()) }); found {
			s.Ladders[i] = old.Ladders[j]
			continue
		}
		s.Ladders[i] = Ladder{Station: key.station, Forecast: key.forecast, Variable: key.variable, Window: key.window, Lost: true}
	}
	return s
}

// fits reports whether s has the shape of r.
func (r *Rules) fits(s State) bool {
	if len(s.Stations) != len(r.stations) || len(s.Ladders) != len(r.ladders) {
		return false
	}
	for i := range s.Stations {
		if s.Stations[i].Station != r.stations[i].id {
			return false
		}
	}
	for i := range s.Ladders {
		if s.Ladders[i].key() != r.ladders[i] {
			return false
		}
	}
	return true
}

// Evaluate decides all stations at ev.Now and returns the new state and the
// warnings, ascending by station. ID, Basin and Catalogue of a warning are the
// caller's to fill. An instant that is not later than the last one changes
// nothing. It does not write to the memory behind s; a state of another
// catalogue is adopted.
func (r *Rules) Evaluate(s State, ev Evidence) (State, []hydro.Warning) {
	if !s.Now.IsZero() && !ev.Now.After(s.Now) {
		return s, nil
	}
	if r.fits(s) {
		s.Stations = slices.Clone(s.Stations)
		s.Ladders = slices.Clone(s.Ladders)
	} else {
		s = r.Adopt(s, ev.Now)
	}
	now := ev.Now.UTC()
	s.Now = now

	var run *hydro.Forecast
	if f := ev.Forecast; f != nil && f.ValidUntil.After(now) && f.IssuedAt.After(s.Run) {
		run = f
		s.Run = f.IssuedAt.UTC()
	}
	var warnings []hydro.Warning
	for i := range r.stations {
		st, state := &r.stations[i], &s.Stations[i]
		ladders := s.Ladders[st.first : st.first+st.count]
		if state.Watched.IsZero() {
			state.Watched, state.Since = now, now
		}
		if w, changed := r.station(st, state, ladders, ev, run, s.Run, now); changed {
			warnings = append(warnings, w)
		}
	}
	return s, warnings
}

// station decides one station.
func (r *Rules) station(st *station, state *StationState, ladders []Ladder, ev Evidence, run *hydro.Forecast, issued, now time.Time) (hydro.Warning, bool) {
	t := st.table(now)
	ms := now.UnixMilli()

	for i := range ladders {
		l := &ladders[i]
		steps := t.steps(i)
		switch {
		case len(steps) == 0: // not in the table that is in force
			*l = Ladder{Station: l.Station, Forecast: l.Forecast, Variable: l.Variable, Window: l.Window, Lost: true}
		case l.Forecast:
			if run != nil {
				r.foresee(st, l, steps, run)
			}
		case l.Variable == hydro.Rain:
			r.accumulate(st, l, steps, ev, now)
		default:
			if g, ok := st.gauge(l.Variable); ok {
				r.observe(g, l, steps, history(ev, g.key), ms)
			}
		}
	}

	seen, cause, waiting := r.sight(st, t, state, ev, ms)
	if seen > 0 {
		if at := time.UnixMilli(seen).UTC(); at.After(state.Seen) {
			state.Seen = at
		}
	}

	if stage := max(highest(ladders, false), highest(ladders, true)); stage < state.Stage && state.Stage != hydro.Blind {
		current := ev.Forecast != nil && ev.Forecast.ValidUntil.After(now) && ev.Forecast.IssuedAt.Equal(issued)
		takeOver(ladders, state.Stage, current, issued.UnixMilli())
	}
	forecast := highest(ladders, true)
	stage := max(highest(ladders, false), forecast)
	if cause != "" && forecast == hydro.Clear {
		stage = hydro.Blind
	}
	changed := stage != state.Stage || (cause == "") != (state.Cause == "")
	before := *state
	state.Cause, state.Waiting = cause, waiting
	if stage != state.Stage {
		state.Stage, state.Since = stage, now
	}
	if !changed {
		return hydro.Warning{}, false
	}
	w := hydro.Warning{
		Station:      st.id,
		At:           now,
		From:         before.Stage,
		To:           stage,
		Cause:        cause,
		Illustrative: t != nil && t.illustrative,
	}
	w.Observed, w.Forecast = r.legs(st, t, state, ladders)
	if w.Forecast.Variable != 0 {
		w.ForecastIssuedAt = issued
	}
	w.ReasonZH, w.ReasonEN = r.reason(st, t, state, ladders, before, now)
	return w, true
}

// takeOver lets ladders hold the stage that stands, at once, as far as their
// latest evidence asks for it: dwell and persistence are there for raising.
// Current says whether the run issued at issued is valid.
func takeOver(ladders []Ladder, stands hydro.Stage, current bool, issued int64) {
	for i := range ladders {
		l := &ladders[i]
		if l.Forecast && (!current || l.At != issued) {
			continue
		}
		for s := stands; s > l.Stage; s-- {
			if l.Met[s-hydro.Blue] != 0 {
				l.Stage = s
			}
		}
	}
}

// sight says whether a station can be seen at the instant now (Unix
// milliseconds): the time of its latest usable observation, or the cause of its
// blindness, or that it is still waited for.
func (r *Rules) sight(st *station, t *table, state *StationState, ev Evidence, now int64) (seen int64, cause string, waiting bool) {
	gauges := st.sights
	if t != nil && len(t.sights) > 0 {
		gauges = t.sights
	}
	var bad hydro.Tests
	var badAt int64
	for _, i := range gauges {
		g := &st.gauges[i]
		h := history(ev, g.key)
		if h == nil {
			continue
		}
		from := now - g.window
		for j := len(h.Samples) - 1; j >= 0 && h.Samples[j].At >= from; j-- {
			sample := &h.Samples[j]
			if sample.At > now {
				continue
			}
			if sample.Quality.Usable() {
				seen = max(seen, sample.At)
				break
			}
			if sample.At > badAt {
				badAt, bad = sample.At, sample.Tests
			}
		}
	}
	if seen > 0 || len(gauges) == 0 {
		return seen, "", false
	}
	if state.Seen.IsZero() && state.Cause == "" {
		for _, i := range gauges {
			if now-state.Watched.UnixMilli() <= st.gauges[i].window {
				return 0, "", true
			}
		}
	}
	if ev.Refusal != nil {
		if ref, ok := ev.Refusal(st.id); ok && st.concerns(gauges, ref.Variable) {
			return 0, refusedCause(ref), false
		}
	}
	switch {
	case badAt > 0:
		return 0, qualityCause(bad), false
	case state.Seen.IsZero():
		return 0, causeNever, false
	default:
		return 0, causeSilent + r.clock(state.Seen), false
	}
}

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

// legs describes both legs as warnings and statuses show them.
func (r *Rules) legs(st *station, t *table, state *StationState, ladders []Ladder) (observed, forecast hydro.Leg) {
	if i := deciding(ladders, false); i >= 0 {
		observed = st.leg(t, ladders, i)
	}
	if i := deciding(ladders, true); i >= 0 {
		forecast = st.leg(t, ladders, i)
	}
	if state.Cause != "" || state.Waiting { // no evidence: a blind leg says when it last saw
		observed = hydro.Leg{Stage: hydro.Blind, At: state.Seen}
	}
	return observed, forecast
}

// deciding returns the index of the ladder that gives a leg its stage, the one
// with evidence first, or -1 if no ladder of the leg ever had evidence.
func deciding(ladders []Ladder, forecast bool) int {
	best := -1
	for i := range ladders {
		l := &ladders[i]
		if l.Forecast != forecast || l.At == 0 {
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
	leg := hydro.Leg{Stage: l.Stage, Variable: l.Variable, Window: l.Window, Value: l.Value}
	if l.Variable == hydro.WaterLevel {
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
		status := hydro.StationStatus{Station: st.id, Stage: state.Stage, Since: state.Since, Cause: state.Cause}
		if state.Waiting {
			status.Cause = causeWaiting
			if state.Stage == hydro.Clear {
				status.Stage = hydro.Blind
			}
		}
		status.Observed, status.Forecast = r.legs(st, t, state, ladders)
		status.ReasonZH, status.ReasonEN = r.reason(st, t, state, ladders, *state, s.Now)
		out = append(out, status)
	}
	return out
}

// history returns the history of k, which may be nil.
func history(ev Evidence, k hydro.Key) *hydro.History {
	if ev.History == nil {
		return nil
	}
	return ev.History(k)
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
