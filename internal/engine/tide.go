package engine

import (
	"cmp"
	"fmt"
	"slices"

	"freshet/internal/hydro"
)

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
