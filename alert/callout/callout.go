// Package callout calls people and waits for their confirmation 叫应: a warning at
// or above a set stage starts, for each roster of the basin, the clock of the
// first person on duty. Tries fall due; when they have run out without a
// confirmation the clock of the next person starts, then those of the roster that
// comes after. What follows is told as [hydro.DutyEvent], one log for all
// departments.
//
// It is pure: [Rules] are compiled from a catalogue, [State] goes in and comes
// out, and time is an argument. It calls nobody by itself: a due try is told, and
// people, or a channel, record what they did.
//
// # One call for one wave
//
// A round is of one wave and one stage. The wave is the group of the warning, or
// the station's own time above Clear where it has no group. A round is opened when
// the wave stands higher than it was ever called for; falling and rising again
// opens none. A station that is blind on a rising reach counts as the stage that its
// roster says; if it stood in no wave, those who were lost with it are one. In a round there is one clock per person, so that nobody can be
// called twice, however many stations or rosters ask for them.
//
// # Clocks
//
// A clock moves on ticks, one try a tick at most, and counts from when the last
// try was told. After a pause of the service the tries that are left are still
// told, one interval apart: nobody is given up who was not called.
//
// A roster that has nobody left is begun anew from its top after a pause, as often as
// need be: until one of it confirms, the wave is over, or it stands higher.
package callout

import (
	"fmt"
	"slices"
	"time"

	"freshet/alert/standing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// The kinds of event.
const (
	Due       = "call_due"       // a try is due: From "1" To "3" is the first of three; Until, when the clock moves on
	Attempt   = "call_attempt"   // a try was recorded
	Confirm   = "call_confirm"   // a person confirmed
	Escalated = "call_escalated" // from one person to the next
	Unreached = "call_unreached" // a person's tries ran out
	Exhausted = "call_exhausted" // a roster has nobody left
	Repeated  = "call_repeated"  // a roster that had nobody left is called again from its top; From names it, To says for the how manieth time it is called
	Done      = "call_done"      // all rosters of a round have ended; To is "confirmed", "unreached" or "superseded"
)

const (
	keep        = 72 * time.Hour // a wave is remembered after its last station has cleared
	maxAttempts = 100            // recorded per call
)

// State is all that the rules remember. It is a plain value, made to be stored.
type State struct {
	Standing standing.State
	Waves    []Wave // that have been called for, in the order of their first call
}

// A Wave is the rounds of one wave.
type Wave struct {
	ID      string
	Group   string
	Station string    // of a wave without a group
	Quiet   time.Time // since none of its stations stands at a colour; zero: one does
	Rounds  []hydro.CallRound
}

// Rules say who is called.
type Rules struct {
	basin   string
	zone    *time.Location
	rosters []catalog.Roster
	cat     *catalog.Catalog
}

// Compile reads the basin's part of c.
func Compile(c *catalog.Catalog, basin string) (*Rules, error) {
	b, ok := c.Basin(basin)
	if !ok {
		return nil, fmt.Errorf("callout: no basin %q: %w", basin, hydro.ErrNotFound)
	}
	zone, err := catalog.ParseZone(b.Season.Zone)
	if err != nil {
		return nil, fmt.Errorf("callout: basin %s: %w", basin, err)
	}
	r := &Rules{basin: basin, zone: zone, cat: c}
	for i := range c.Rosters {
		if c.Rosters[i].Serves(basin) {
			r.rosters = append(r.rosters, c.Rosters[i])
		}
	}
	return r, nil
}

func (r *Rules) roster(id string) (*catalog.Roster, bool) {
	i := slices.IndexFunc(r.rosters, func(x catalog.Roster) bool { return x.ID == id })
	if i < 0 {
		return nil, false
	}
	return &r.rosters[i], true
}

// onDuty returns the people of a roster at an instant, in the order in which they
// are called.
func (r *Rules) onDuty(x *catalog.Roster, now time.Time) []string {
	var out []string
	add := func(people []string) {
		for _, p := range people {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	for i := range x.Shifts {
		if x.Shifts[i].On(now, r.zone) {
			add(x.Shifts[i].People)
		}
	}
	add(x.Always)
	return out
}

// clone copies what Step and Do change in place.
func (s State) clone() State {
	waves := slices.Clone(s.Waves)
	for i := range waves {
		waves[i].Rounds = slices.Clone(waves[i].Rounds)
		for k := range waves[i].Rounds {
			round := &waves[i].Rounds[k]
			round.Chains, round.Calls = slices.Clone(round.Chains), slices.Clone(round.Calls)
			for c := range round.Chains {
				round.Chains[c].People, round.Chains[c].Before = slices.Clone(round.Chains[c].People), slices.Clone(round.Chains[c].Before)
			}
			for c := range round.Calls {
				round.Calls[c].Attempts = slices.Clone(round.Calls[c].Attempts)
			}
		}
	}
	s.Waves = waves
	return s
}

// Step moves the clocks to now, after the warnings that were decided at now. It
// returns the state after it, and what is told, in order. The state given is not
// changed.
func (r *Rules) Step(s State, now time.Time, warnings []hydro.Warning) (State, []hydro.DutyEvent) {
	s.Standing = standing.Step(s.Standing, warnings)
	if len(s.Waves) == 0 && !slices.ContainsFunc(s.Standing, func(x standing.Station) bool { return x.Stage != hydro.Clear || x.Escalation.Stage != hydro.Clear }) {
		return s, nil
	}
	s = s.clone()
	t := turn{r: r, s: &s, now: now}
	t.join()
	t.forget()
	t.open()
	for i := range s.Waves {
		t.again(&s.Waves[i])
		for k := range s.Waves[i].Rounds {
			t.advance(&s.Waves[i], &s.Waves[i].Rounds[k])
		}
	}
	return s, t.events
}

// Rounds returns the rounds that are remembered, the newest first, with the
// phones of the people as the catalogue has them now.
func (r *Rules) Rounds(s State) []hydro.CallRound {
	s = s.clone()
	var out []hydro.CallRound
	for i := range s.Waves {
		for _, round := range s.Waves[i].Rounds {
			for c := range round.Calls {
				if p, ok := r.cat.Contact(round.Calls[c].Person); ok {
					round.Calls[c].Phones = p.Phones
				}
			}
			out = append(out, round)
		}
	}
	slices.SortStableFunc(out, func(a, b hydro.CallRound) int { return b.Opened.Compare(a.Opened) })
	return out
}

// Unreached lists everybody whose tries ran out without a confirmation, the
// newest round first.
func (r *Rules) Unreached(s State) []hydro.Unreached {
	var out []hydro.Unreached
	for _, round := range r.Rounds(s) {
		for _, c := range round.Calls {
			if c.Unreached() {
				out = append(out, hydro.Unreached{Wave: round.Wave, Group: round.Group, Stage: round.Stage, Call: c})
			}
		}
	}
	return out
}
