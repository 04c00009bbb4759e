package callout

import (
	"slices"
	"time"

	"freshet/alert/standing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A turn is one step, or one command, in the making.
type turn struct {
	r      *Rules
	s      *State
	now    time.Time
	events []hydro.DutyEvent
}

// join finds the waves whose stations stand: a station's own wave becomes that of
// its group once it has one.
func (t *turn) join() {
	for i := range t.s.Waves {
		if t.s.Waves[i].Quiet.IsZero() {
			t.s.Waves[i].Quiet = t.now
		}
	}
	for _, x := range t.s.Standing {
		if e := &x.Escalation; e.Stage != hydro.Clear {
			if w := t.wave(blindWave(&x), x.Station); w != nil && w.Quiet.Equal(t.now) { // else it was over: this is another rise
				w.Quiet = time.Time{}
			}
		}
		if x.Stage == hydro.Clear {
			continue
		}
		if x.Group != "" && t.group(x.Group) == nil {
			if own := t.own(x.Station); own != nil {
				own.Group = x.Group
				for k := range own.Rounds {
					own.Rounds[k].Group = x.Group
				}
			}
		}
		if w := t.wave(x.Group, x.Station); w != nil {
			w.Quiet = time.Time{}
		}
	}
}

// group returns the last wave of a group. Stations that were lost together may be on
// a rising reach more than once, and each time is a wave.
func (t *turn) group(id string) *Wave {
	for i := len(t.s.Waves) - 1; i >= 0; i-- {
		if t.s.Waves[i].Group == id {
			return &t.s.Waves[i]
		}
	}
	return nil
}

// own returns the wave of a station without a group that goes on: what has been
// quiet before this turn is over, and a new rise is another wave.
func (t *turn) own(station string) *Wave {
	i := slices.IndexFunc(t.s.Waves, func(w Wave) bool {
		return w.Group == "" && w.Station == station && (w.Quiet.IsZero() || w.Quiet.Equal(t.now))
	})
	if i < 0 {
		return nil
	}
	return &t.s.Waves[i]
}

func (t *turn) wave(group, station string) *Wave {
	if group != "" {
		return t.group(group)
	}
	return t.own(station)
}

// forget drops waves that have been quiet for long.
func (t *turn) forget() {
	t.s.Waves = slices.DeleteFunc(t.s.Waves, func(w Wave) bool {
		return !w.Quiet.IsZero() && t.now.Sub(w.Quiet) >= keep && !slices.ContainsFunc(w.Rounds, func(x hydro.CallRound) bool { return x.Done.IsZero() })
	})
}

// A claim is what one station asks a roster to call for.
type claim struct {
	group, station string // of the wave; no station if it has a group
	of             *standing.Station
	stage          hydro.Stage
	at             time.Time
	blind          bool // the station is blind on a rising reach
}

// blindWave is the wave for which a station is called that is blind on a rising
// reach: its own if it stood in one, else that of those who were lost with it.
func blindWave(x *standing.Station) string {
	if x.Stage != hydro.Clear {
		return x.Group
	}
	return x.Escalation.Group
}

// claims returns what the stations that stand ask a roster for.
func (t *turn) claims(roster *catalog.Roster) []claim {
	var out []claim
	for i := range t.s.Standing {
		x := &t.s.Standing[i]
		if x.Stage != hydro.Clear {
			out = append(out, claim{x.Group, x.Station, x, x.Stage, x.At, false})
		}
		if e := &x.Escalation; e.Stage != hydro.Clear {
			out = append(out, claim{blindWave(x), x.Station, x, max(e.Stage, roster.Call.Blind), e.At, true})
		}
	}
	for i := range out {
		if out[i].group != "" {
			out[i].station = ""
		}
	}
	return out
}

// open opens what is to be called for: for each wave at the highest stage at which
// one of its stations stands, the rosters that have not been called for that stage
// or a higher one. A station that is blind on a rising reach counts as its roster
// says.
func (t *turn) open() {
	type due struct{ group, station string }
	var waves []due
	rosters := make([][]claim, len(t.r.rosters))
	for i := range t.r.rosters {
		rosters[i] = t.claims(&t.r.rosters[i])
		for _, c := range rosters[i] {
			if d := (due{c.group, c.station}); !slices.Contains(waves, d) {
				waves = append(waves, d)
			}
		}
	}
	for _, d := range waves {
		for i := range t.r.rosters {
			roster := &t.r.rosters[i]
			var highest claim
			for _, c := range rosters[i] {
				if d == (due{c.group, c.station}) && (c.stage > highest.stage || c.stage == highest.stage && c.at.Before(highest.at)) {
					highest = c
				}
			}
			if roster.Only || highest.of == nil || highest.stage < roster.Call.From {
				continue
			}
			w := t.wave(d.group, d.station)
			again := w != nil && !w.Quiet.IsZero() // the reach around the lost had calmed
			if w != nil && !again && w.called(roster.ID) >= highest.stage {
				continue
			}
			x := highest.of
			if w == nil || again {
				own := Wave{ID: d.group, Group: d.group}
				if again {
					own.ID += "@" + x.Escalation.At.UTC().Format("20060102T150405Z")
				}
				if d.group == "" {
					own.ID, own.Station = x.Station+"@"+x.Since.UTC().Format("20060102T150405Z"), x.Station
				}
				t.s.Waves = append(t.s.Waves, own)
				w = &t.s.Waves[len(t.s.Waves)-1]
			}
			round := hydro.CallRound{
				Wave: w.ID, Group: w.Group, Stage: highest.stage, Station: x.Station, Warning: x.Warning,
				ReasonZH: x.ReasonZH, ReasonEN: x.ReasonEN, Opened: t.now, Blind: highest.blind,
			}
			if e := &x.Escalation; highest.blind {
				round.Warning, round.ReasonZH, round.ReasonEN = e.Warning, e.ReasonZH, e.ReasonEN
			}
			t.begin(w, roster, &round)
		}
	}
}

// called returns the highest stage that a roster was called for.
func (w *Wave) called(roster string) hydro.Stage {
	stage := hydro.Clear
	for i := range w.Rounds {
		if slices.ContainsFunc(w.Rounds[i].Chains, func(c hydro.CallChain) bool { return c.Roster == roster }) {
			stage = max(stage, w.Rounds[i].Stage)
		}
	}
	return stage
}

// begin adds a roster to the round of a stage, which it opens if there is none,
// and ends what the roster was still called for at lower ones.
func (t *turn) begin(w *Wave, roster *catalog.Roster, fresh *hydro.CallRound) {
	for i := range w.Rounds {
		round := &w.Rounds[i]
		if round.Stage >= fresh.Stage {
			continue
		}
		for c := range round.Chains {
			if chain := &round.Chains[c]; chain.Roster == roster.ID && chain.Outcome == hydro.Calling {
				chain.Outcome, chain.Ended = hydro.CallSuperseded, t.now
			}
		}
		t.stop(round, hydro.CallSuperseded)
	}
	i := slices.IndexFunc(w.Rounds, func(x hydro.CallRound) bool { return x.Stage == fresh.Stage })
	if i < 0 {
		w.Rounds = append(w.Rounds, *fresh)
		i = len(w.Rounds) - 1
	}
	round := &w.Rounds[i]
	round.Done = time.Time{}
	round.Chains = append(round.Chains, hydro.CallChain{
		Roster: roster.ID, NameZH: roster.NameZH, NameEN: roster.NameEN, Department: roster.Department, Now: roster.ID, Outcome: hydro.Calling,
	})
}

// stop ends calls that no roster waits for any more.
func (t *turn) stop(round *hydro.CallRound, outcome hydro.CallOutcome) {
	for i := range round.Calls {
		call := &round.Calls[i]
		waited := slices.ContainsFunc(round.Chains, func(c hydro.CallChain) bool {
			return c.Outcome == hydro.Calling && len(c.People) > 0 && c.People[len(c.People)-1] == call.Person
		})
		if call.Outcome == hydro.Calling && !waited {
			call.Outcome, call.Ended = outcome, t.now
		}
	}
}

// advance moves the clocks of a round until nothing more is due at now.
func (t *turn) advance(w *Wave, round *hydro.CallRound) {
	if !round.Done.IsZero() {
		return
	}
	for {
		t.clocks(w, round)
		if !t.escalate(w, round) {
			break
		}
	}
	t.stop(round, hydro.CallStopped)
	t.finish(w, round)
}

// clocks tells the tries that are due, and gives up those who had all of theirs.
func (t *turn) clocks(w *Wave, round *hydro.CallRound) {
	for i := range round.Calls {
		call := &round.Calls[i]
		switch {
		case call.Outcome != hydro.Calling || call.Given > 0 && t.now.Before(call.Next()):
		case call.Given < call.Tries:
			call.Given++
			call.Last = t.now
			t.tellDue(w, round, call)
		default:
			call.Outcome, call.Ended = hydro.CallUnreached, t.now
			call.Missed++
			t.tellUnreached(w, round, call)
		}
	}
}

// escalate moves each roster's part on that waits for nobody. It reports whether
// somebody new is called.
func (t *turn) escalate(w *Wave, round *hydro.CallRound) bool {
	began := false
	for i := range round.Chains {
		chain := &round.Chains[i]
		for chain.Outcome == hydro.Calling {
			outcome := hydro.CallUnreached // of nobody
			last := ""
			if n := len(chain.People); n > 0 {
				last = chain.People[n-1]
				outcome = round.Call(last).Outcome
			}
			if outcome == hydro.Calling {
				break
			}
			if outcome == hydro.CallConfirmed {
				chain.Outcome, chain.Ended = hydro.CallConfirmed, t.now
				break
			}
			next, ok := t.next(chain)
			if !ok {
				chain.Outcome, chain.Ended = hydro.CallUnreached, t.now
				t.tellExhausted(w, round, chain)
				break
			}
			chain.People = append(chain.People, next)
			call := round.Call(next)
			if last != "" && (call == nil || call.Outcome == hydro.Calling || call.Again < chain.Again && call.Outcome != hydro.CallConfirmed) {
				t.tellEscalated(w, round, chain, last, next)
			}
			if call == nil || call.Again < chain.Again && call.Outcome != hydro.Calling && call.Outcome != hydro.CallConfirmed {
				t.ring(round, chain, next)
				began = true
			} // else another roster has called them in this round: its clock counts for both
		}
	}
	return began
}

// next returns who comes after those whom a roster's part has called: of the
// roster that it is at, by who is on duty now, then of those behind it.
func (t *turn) next(chain *hydro.CallChain) (string, bool) {
	for range len(t.r.rosters) + 1 {
		roster, ok := t.r.roster(chain.Now)
		if !ok {
			return "", false // no longer in the catalogue
		}
		for _, p := range t.r.onDuty(roster, t.now) {
			if !slices.Contains(chain.People, p) {
				return p, true
			}
		}
		if roster.Then == "" {
			return "", false
		}
		chain.Now = roster.Then
	}
	return "", false
}

// ring starts the clock of a person.
func (t *turn) ring(round *hydro.CallRound, chain *hydro.CallChain, person string) {
	roster, _ := t.r.roster(chain.Now)
	call := hydro.Call{Person: person, Roster: roster.ID, Outcome: hydro.Calling, Tries: roster.Call.Tries, Interval: roster.Call.Interval, Began: t.now}
	if p, ok := t.r.cat.Contact(person); ok {
		call.NameZH, call.NameEN, call.TitleZH, call.TitleEN, call.Department = p.NameZH, p.NameEN, p.TitleZH, p.TitleEN, p.Department
	}
	if old := round.Call(person); old != nil { // begun anew: what is on record of them stays
		call.Again, call.Missed, call.Attempts = chain.Again, old.Missed, old.Attempts
		*old = call
		return
	}
	call.Again = chain.Again
	round.Calls = append(round.Calls, call)
}

// again begins anew, from its top, what a roster has called in vain, once its pause
// is over: as long as the wave stands, and no higher than it was called for then.
func (t *turn) again(w *Wave) {
	if !w.Quiet.IsZero() {
		return
	}
	for i := range w.Rounds {
		round := &w.Rounds[i]
		for k := range round.Chains {
			chain := &round.Chains[k]
			roster, ok := t.r.roster(chain.Roster)
			if !ok || chain.Outcome != hydro.CallUnreached || roster.Call.Repeat <= 0 || t.now.Before(chain.Ended.Add(roster.Call.Repeat)) || w.called(chain.Roster) > round.Stage {
				continue
			}
			chain.Before, chain.People, chain.Now = chain.Called(), nil, chain.Roster
			chain.Outcome, chain.Ended = hydro.Calling, time.Time{}
			chain.Again++
			round.Done = time.Time{}
			t.tellRepeated(w, round, chain)
		}
	}
}

// finish tells once that all rosters of a round have ended.
func (t *turn) finish(w *Wave, round *hydro.CallRound) {
	if !round.Done.IsZero() || slices.ContainsFunc(round.Chains, func(c hydro.CallChain) bool { return c.Outcome == hydro.Calling }) {
		return
	}
	round.Done = t.now
	t.tellDone(w, round)
}
