package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// laterTide is how far ahead a tide may begin that takes the place of one that runs: a
// new run of a model begins soon, the table of next year does not.
const laterTide = 24 * time.Hour

// applyTide is applyRainForecast for the tide of a source at a station.
func (e *Engine) applyTide(t *hydro.Tide) []hydro.Output {
	name := t.Title(rfc3339)
	if why := e.unusable(t.ValidUntil); why != "" {
		return notUsed(t.ReceivedAt, name+": "+why)
	}
	i, found := e.tideAt(t.Station, t.Source)
	if found {
		switch held := &e.tides[i]; {
		case held.IssuedAt.After(t.IssuedAt):
			return notUsed(t.ReceivedAt, fmt.Sprintf("%s: one issued %s is held", name, rfc3339(held.IssuedAt)))
		case held.IssuedAt.Equal(t.IssuedAt) && held.Same(t): // a resend
			return nil
		case held.IssuedAt.Equal(t.IssuedAt):
			return notUsed(t.ReceivedAt, name+": another content was issued at that time before; send a correction with a later time of issue")
		case held.Withdrawn == nil && t.Begin().After(e.now.Add(laterTide)) && !held.Begin().After(e.now) && held.End().After(e.now):
			return notUsed(t.ReceivedAt, fmt.Sprintf("%s: it begins at %s, and would take the place of the one that runs until %s: send it when that has ended, or as one that reaches back to now", name, rfc3339(t.Begin()), rfc3339(held.End())))
		}
		e.tides[i] = *t
	} else {
		e.tides = slices.Insert(e.tides, i, *t)
	}
	return []hydro.Output{{Audit: &hydro.Audit{
		At: t.ReceivedAt, Kind: "tide", Station: t.Station,
		Text: fmt.Sprintf("%s, of %s to %s, valid until %s, is held", name, rfc3339(t.Begin()), rfc3339(t.End()), rfc3339(t.ValidUntil)),
	}}}
}

// tideAt returns where the tide of a source at a station stands, or would.
func (e *Engine) tideAt(station, source string) (int, bool) {
	return slices.BinarySearchFunc(e.tides, station, func(t hydro.Tide, id string) int {
		return cmp.Or(cmp.Compare(t.Station, id), cmp.Compare(t.Source, source))
	})
}
