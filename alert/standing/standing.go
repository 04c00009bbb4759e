// Package standing remembers where the stations of a basin stand, from the
// warnings alone: each change of a stage is one. A station that goes blind stands
// where it was last seen: losing sight is no all-clear.
//
// It is pure: a [State] goes in and comes out.
package standing

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// State is the stations that are not Clear or cannot be seen, ascending by
// station. It is a plain value, made to be stored.
type State []Station

// A Station is where one station stands.
type Station struct {
	Station  string
	Stage    hydro.Stage // where it was last seen: Clear to Red, never Blind
	Blind    bool        // that nobody sees it, or not all of it
	Since    time.Time   // since it left Clear or was lost
	At       time.Time   // of the last warning
	Group    string      // wave of the last warning that named one
	Warning  string      // the warning that last raised or lowered it
	ReasonZH string      // of that warning
	ReasonEN string

	Escalation Escalation // zero: it is not known to be blind on a rising reach
}

// An Escalation is that a station is blind on a rising reach. It lasts until a
// warning says that the station is seen, or [Calm] that it is no longer so: that the
// reach has calmed is not told as a warning.
type Escalation struct {
	Stage    hydro.Stage // the highest around the station when it was told
	At       time.Time
	Group    string // the wave that the station stands in, or else those who went out of sight together
	Warning  string // that told of it
	ReasonZH string
	ReasonEN string
}

// Step returns the state after warnings, in their order. The state given is not
// changed.
func Step(s State, warnings []hydro.Warning) State {
	if len(warnings) == 0 {
		return s
	}
	s = slices.Clone(s)
	for i := range warnings {
		w := &warnings[i]
		at, held := slices.BinarySearchFunc(s, w.Station, func(x Station, id string) int { return cmp.Compare(x.Station, id) })
		if w.To == hydro.Clear {
			if held {
				s = slices.Delete(s, at, at+1)
			}
			continue
		}
		if !held {
			s = slices.Insert(s, at, Station{Station: w.Station, Since: w.At})
		}
		x := &s[at]
		x.At, x.Blind = w.At, w.To == hydro.Blind || w.Cause != ""
		if w.To != hydro.Blind {
			x.Stage = w.To
			if w.Group != "" { // of a station that is lost it may be the group of the lost
				x.Group = w.Group
			}
		}
		switch {
		case !w.Escalated:
			x.Escalation = Escalation{}
		case w.From == w.To || x.Escalation.At.IsZero():
			x.Escalation = Escalation{Stage: max(w.EscalatedAs, hydro.Blue), At: w.At, Group: w.Group, Warning: w.ID, ReasonZH: w.ReasonZH, ReasonEN: w.ReasonEN}
		}
		if w.To != hydro.Blind && w.To != w.From || x.Warning == "" {
			x.Warning, x.ReasonZH, x.ReasonEN = w.ID, w.ReasonZH, w.ReasonEN
		}
	}
	return s
}

// Calm returns s without the escalations of stations that are not among those known to
// be blind on a rising reach now, in any order. The state given is not changed.
func Calm(s State, escalated []string) State {
	over := func(x Station) bool {
		return x.Escalation.Stage != hydro.Clear && !slices.Contains(escalated, x.Station)
	}
	if !slices.ContainsFunc(s, over) {
		return s
	}
	s = slices.Clone(s)
	for i := range s {
		if over(s[i]) {
			s[i].Escalation = Escalation{}
		}
	}
	return s
}
