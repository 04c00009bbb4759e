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
// accumulations) and what is forecast (the same). Each leg has one [Ladder]
// for each quantity that its stage tables name. The stage of a leg is the
// highest of its ladders, the stage of a station the higher of its legs.
//
// An observed ladder rises to the highest stage whose threshold is met or
// exceeded and was first met DwellRaise ago, several steps at once if need be, if
// the value has not been below it by more than the dead-band in between: a dip
// within the dead-band is noise and does not start the dwell anew. It lowers one
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
// A sum of rain ahead is made of what has fallen and of the rain forecast that the
// run used there. Without one the run is no evidence about rain: "no further rain
// assumed" says nothing. A run that does not see as far as the window of which an
// earlier one spoke, or of which too much is not known, can raise and not lower,
// until that window has ended.
//
// A ladder without evidence holds its stage. It never lowers on silence. But a
// forecast speaks of a bounded time, so one that no valid run confirms holds only
// until its last point has passed, or until, after its peak, the same quantity
// has been observed below the threshold by the dead-band for DwellLower. While it
// holds, the sentence says since when there has been no valid forecast.
//
// # Old points
//
// An observed ladder looks only at observations later than the last one that it
// used and not older than the blind window, so that a back-fill moves nothing.
// A correction of the very last observation counts as new. A rain accumulation
// is evidence about the window that ends now: a late report inside that window
// heals it, and so may raise; one outside cannot. [Rules.Hindsight] notes what late
// observations would have raised.
//
// # Blindness
//
// A gauge is out of sight when its latest usable observation is older than
// BlindAfter reporting intervals and a small grace (a quarter of the interval,
// at least one minute and at most five). Suspect rain is seen, and is evidence,
// because extreme rain is what makes it suspect; failed rain is not.
//
// Sight is judged by class: the river (level, flow, inflow), the sky (rain) and,
// where a station has neither, the works (storage, outflow, gates). A class is
// in sight if one of its gauges is; where the stage table in force names
// quantities of the class, each of those must be, by its own reporting interval: a
// flow that has thresholds of its own does not stand for a level that has others. A
// station is blind if anything that it measures so is out of sight: dry weather does
// not stand for a level that nobody sees. The [hydro.Warning.Cause] says why: "refused: …", "quality: …",
// "silent since …" or "never reported", after the names of what is missing if
// the rest is seen ("water level silent since …").
//
// Blindness must not hide a danger, and a danger must not hide blindness. So a
// blind station is Blind unless its forecast leg, or a ladder of a quantity that is
// in sight, stands at Blue or more; then its stage is the highest of all its
// ladders, also of what was last observed, and Cause and the reason say what is
// not seen. So the loss of a gauge never steps a stage down, it can only make it
// Blind. A warning is given when a station goes blind or comes back to sight
// even if its stage stays the same (From equals To).
//
// After a start, and after a stop so long that reports may have been missed
// (longer than a reporting interval, and than twice the step before it, which
// tells a stop from a clock that goes in long steps), a station that was in
// sight has its blind window of grace. Until it reports or the grace is over,
// [Rules.Statuses] show it as Blind, or at the colour that it holds, with the
// cause "not yet reported" or "not yet reported since the restart", so that
// silence never looks clear, and the feed stays quiet, so that a start is no
// storm of warnings.
//
// A blind river station that lies on a rising reach is escalated: a station next
// to it up or down the river stands at Blue or above, or its level has risen by
// the rise trigger of the settings. Its warnings say so,
// and one is given when that becomes known. It is escalated until it is seen, or
// nothing around it has been rising for DwellLower. [Rules.Blind] groups what is
// not seen.
//
// A station that a catalogue change removes while it is not Clear is closed by
// one warning to Clear, which says so.
package alert

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// State is all that the rules remember. It is a plain value, made to be stored:
// everything is keyed by ids, so that it survives a catalogue change (see
// [Rules.Adopt]).
type State struct {
	Now      time.Time     // of the last evaluation
	Step     time.Duration // from the evaluation before to Now
	Run      time.Time     // time of issue of the last forecast counted
	Stations []StationState
	Ladders  []Ladder
	Gone     []StationState // removed from the catalogue, to be closed on the feed; ascending by station
	Noted    []Noted        // what late observations would have warned of, in the order in which it was found
}

// A StationState is where one station stands.
type StationState struct {
	Station string
	Seen    time.Time   // of its latest usable observation, or of that of its part that is not seen; zero if there was none
	Stage   hydro.Stage // as the feed has it
	Since   time.Time   // of Stage
	Cause   string      // why it, or its part that is not seen, is blind; "" if all is in sight
	Waiting bool        // it or a part has not yet reported and is still in the grace of a start
	Sights  [sights]Sight

	Past []Stood // where it stood, ascending; the last one is where it stands

	Escalated time.Time   // since when it is known that it is blind on a rising reach; zero if it is not
	Rising    time.Time   // when the reach of a blind station was last known to rise
	RisingAt  string      // the station by which that was known
	RisingTo  hydro.Stage // the highest stage around it then, Blue at least
}

// escalated reports whether the station is blind on a rising reach.
func (s *StationState) escalated() bool { return !s.Escalated.IsZero() && s.riverOut() }

// A Sight is what is known of what is watched by itself of a station: each quantity
// of the river that its table names, or else the river; the sky, the works.
type Sight struct {
	Since   time.Time // since when it is watched: a start, or the end of a long stop
	Seen    time.Time // its latest usable observation; zero if there was none
	Waiting bool      // not yet reported since then, still in the grace
	Out     bool      // out of sight
}

// A Ladder is the memory of one quantity of one leg. Arrays hold one entry for
// each of Blue, Yellow, Orange, Red.
type Ladder struct {
	Station  string
	Forecast bool           // of the forecast leg; else of the observed leg
	Variable hydro.Variable // WaterLevel, Discharge, Inflow or Rain
	Window   time.Duration  // of a rain accumulation, a rise or a chance
	Basis    hydro.Basis
	Of       hydro.Stage // of a chance: the stage whose threshold may be met

	Stage hydro.Stage // Clear to Red
	Lost  bool        // no evidence yet, or none since it went out of sight
	At    int64       // of the latest evidence: observed at, or issued at; Unix milliseconds, 0 if none
	Value float64     // the latest evidence: the value observed, or the forecast's peak; what follows from it by Basis
	Level float64     // of the observed leg: the value observed
	Limit float64     // the limit level in force, or the threshold that may be met
	Part  bool        // the latest evidence can raise and not lower: its window is not covered
	Peak  int64       // of a forecast: when its peak is, Unix milliseconds
	Until int64       // of a forecast: when its last value is, Unix milliseconds
	// Of forecast rain: what of Value had fallen by the run's issue, mm; and when the
	// sum is at its highest of which no later run has spoken, Unix milliseconds.
	Fallen float64
	Claim  int64
	// Of a forecast: Extrapolated is beyond the rating's measured range, Uncalibrated a
	// chance that has not been near what happened, or of which that is not known.
	Extrapolated, Uncalibrated bool

	// Observed leg: since when thresholds have been met, and since when the value
	// has been below them by the dead-band; Unix milliseconds, 0 if not.
	// Forecast leg: the number of runs in a row.
	Met, Below [rungs]int64
	// Observed leg: since when a threshold has been met and its dead-band not left;
	// Unix milliseconds, 0 if not. It is the clock of the dwell before a raise: noise
	// around a threshold must not stop it.
	Near [rungs]int64
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
	// The rain forecast that the latest run used, at a station; false if it used none
	// there. Nil: none anywhere.
	RainAhead func(station string) (hydro.RainAhead, bool)
	// What was reported to have fallen at a station in (from, to], and the share of that
	// time that reports cover. Nil: nothing.
	Fallen  func(station string, from, to time.Time) (mm, coverage float64)
	Refusal func(station string) (hydro.Refusal, bool) // the latest refusal within the blind window
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
// gone is forgotten, after the next evaluation has closed it on the feed if it
// was not Clear. The result shares no memory with old.
func (r *Rules) Adopt(old State, now time.Time) State {
	s := State{Now: old.Now, Step: old.Step, Run: old.Run, Noted: old.Noted}
	s.Stations = make([]StationState, len(r.stations))
	s.Ladders = make([]Ladder, len(r.ladders))
	for i := range r.stations {
		id := r.stations[i].id
		if j, found := findState(old.Stations, id); found {
			s.Stations[i] = old.Stations[j]
			continue
		}
		if j, found := findState(old.Gone, id); found { // back before it was closed
			s.Stations[i] = old.Gone[j]
			continue
		}
		s.Stations[i] = StationState{Station: id, Since: now, Waiting: true}
		for c := range s.Stations[i].Sights {
			s.Stations[i].Sights[c].Since = now
		}
	}
	for _, list := range [][]StationState{old.Stations, old.Gone} {
		for _, state := range list {
			if _, kept := findState(s.Stations, state.Station); !kept && state.Stage != hydro.Clear {
				s.Gone = append(s.Gone, state)
			}
		}
	}
	slices.SortFunc(s.Gone, func(a, b StationState) int { return cmp.Compare(a.Station, b.Station) })
	for i, key := range r.ladders {
		if j, found := slices.BinarySearchFunc(old.Ladders, key, func(l Ladder, k ladderKey) int { return l.key().compare(k) }); found {
			s.Ladders[i] = old.Ladders[j]
			continue
		}
		s.Ladders[i] = key.ladder()
	}
	return s
}

func findState(states []StationState, id string) (int, bool) {
	return slices.BinarySearchFunc(states, id, func(s StationState, id string) int { return cmp.Compare(s.Station, id) })
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
	o := occasion{Evidence: ev, now: ev.Now.UTC()}
	o.ms = o.now.UnixMilli()
	if !s.Now.IsZero() {
		step := o.now.Sub(s.Now)
		if step > 2*s.Step {
			o.stopped, o.before = step, s.Now
		}
		s.Step = step
	}
	s.Now = o.now

	if f := ev.Forecast; f != nil && f.ValidUntil.After(o.now) {
		if f.IssuedAt.After(s.Run) {
			o.run = f
			s.Run = f.IssuedAt.UTC()
		}
		o.current = f.IssuedAt.Equal(s.Run)
	}
	o.issued = s.Run.UnixMilli()
	var warnings []hydro.Warning
	for i := range r.stations {
		st, state := &r.stations[i], &s.Stations[i]
		ladders := s.Ladders[st.first : st.first+st.count]
		if state.Since.IsZero() {
			state.Since = o.now
		}
		if w, changed := r.station(st, state, ladders, &o); changed {
			warnings = append(warnings, w)
		}
	}
	warnings = r.escalate(&s, warnings, &o)
	if len(s.Gone) > 0 {
		for i := range s.Gone {
			warnings = append(warnings, closing(&s.Gone[i], o.now))
		}
		s.Gone = nil
		slices.SortFunc(warnings, func(a, b hydro.Warning) int { return cmp.Compare(a.Station, b.Station) })
	}
	return s, warnings
}

// An occasion is one evaluation.
type occasion struct {
	Evidence
	now     time.Time
	ms      int64           // now, in Unix milliseconds
	run     *hydro.Forecast // a valid run that is new, or nil
	issued  int64           // the run counted last, Unix milliseconds
	current bool            // that run is valid
	stopped time.Duration   // how long nothing was evaluated, if longer than the usual step
	before  time.Time       // of the evaluation before the stop
	lost    []string        // stations that are said to have gone blind, ascending
}

// station decides one station.
func (r *Rules) station(st *station, state *StationState, ladders []Ladder, o *occasion) (hydro.Warning, bool) {
	t := st.table(o.now)

	held := standing(ladders)
	for i := range ladders {
		l := &ladders[i]
		steps := t.steps(i)
		switch {
		case len(steps) == 0: // not in the table that is in force
			*l = l.key().ladder()
		case l.Basis == hydro.OverLimit && !st.limited(o.now):
			*l = l.key().ladder() // no limit level is in force: nothing can be above it
		case l.Forecast:
			switch {
			case o.run == nil:
			case l.Variable == hydro.Rain:
				r.foreseeRain(st, l, steps, t.timings[i].persistence, o)
			default:
				r.foresee(st, l, steps, t.timings[i].persistence, o.run)
			}
			if !o.current || l.At != o.issued {
				r.outlast(l, ladders, t.timings[i].lower, o.ms)
			}
		case l.Variable == hydro.Rain:
			r.accumulate(st, l, steps, t.timings[i], o.Evidence, o.now)
		default:
			if g, ok := st.gauge(l.Variable); ok {
				r.observe(st, g, l, steps, t.timings[i], history(o.Evidence, g.key), o.ms)
			}
		}
	}

	before := *state
	r.look(st, t, state, o)
	if stage := max(highest(ladders, false), highest(ladders, true)); stage < state.Stage && state.Stage != hydro.Blind {
		takeOver(ladders, state.Stage, o.current, o.issued)
	}
	stage := max(highest(ladders, false), highest(ladders, true))
	if state.Cause != "" && max(state.inSight(ladders), highest(ladders, true)) == hydro.Clear {
		stage = hydro.Blind
	}
	if stage != state.Stage {
		state.Stage, state.Since = stage, o.now
		state.Past = stand(state.Past, stage, o.ms)
	}
	if stage == before.Stage && (state.Cause == "") == (before.Cause == "") {
		return hydro.Warning{}, false
	}
	if before.Cause == "" && state.Cause != "" {
		o.lost = append(o.lost, st.id)
	}
	return r.warning(st, state, ladders, before, held, o), true
}

// warning describes where a station stands now, after it stood at before; held
// is the observed ladder that stood highest then, or -1.
func (r *Rules) warning(st *station, state *StationState, ladders []Ladder, before StationState, held int, o *occasion) hydro.Warning {
	t := st.table(o.now)
	w := hydro.Warning{
		Station:      st.id,
		At:           o.now,
		From:         before.Stage,
		To:           state.Stage,
		Illustrative: t != nil && t.illustrative,
		Escalated:    state.escalated(),
	}
	if w.Escalated {
		w.EscalatedAs = state.RisingTo
	}
	if !state.Waiting {
		w.Cause = st.cause(t, state)
	}
	w.Observed, w.Forecast = st.legs(t, state, ladders)
	if i := deciding(ladders, true); i >= 0 {
		w.ForecastIssuedAt = time.UnixMilli(ladders[i].At).UTC()
	}
	w.ReasonZH, w.ReasonEN = r.reason(st, t, state, ladders, before, held, o.now)
	return w
}

// closing is the warning that closes a station that is no longer in the
// catalogue.
func closing(state *StationState, now time.Time) hydro.Warning {
	return hydro.Warning{
		Station: state.Station, At: now, From: state.Stage, To: hydro.Clear,
		ReasonZH: state.Station + "：已从目录移除；" + stageZH[state.Stage] + "解除。",
		ReasonEN: state.Station + ": no longer in the catalogue; " + stageEN[state.Stage] + " ends.",
	}
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
