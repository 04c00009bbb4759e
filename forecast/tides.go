package forecast

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A tideStation is a station that tides may be submitted for.
type tideStation struct {
	id    string
	datum catalog.Datum
}

func (k *compiler) addTides() {
	for i := range k.c.Stations {
		if s := &k.c.Stations[i]; s.Kind == catalog.TideStation && s.Basin == k.m.basin {
			k.m.tideStations = append(k.m.tideStations, tideStation{s.ID, s.Datum})
		}
	}
	slices.SortFunc(k.m.tideStations, func(a, b tideStation) int { return strings.Compare(a.id, b.id) })
}

// A usedTide is the tide of one station in a run.
type usedTide struct {
	tide *hydro.Tide
	add  float64 // m, from its datum to the station's
}

// announcedTides takes the tide of each station that this run may use, and names
// the others.
func (r *run) announcedTides(a Ahead) {
	for i := range a.Tides {
		t := &a.Tides[i]
		u, why := r.m.usableTide(t, r.now)
		switch {
		case longWithdrawn(t.Withdrawn, time.UnixMilli(r.now)):
			continue
		case why != "":
			r.note("%s%s", t.Title(stampTime), why)
			continue
		case len(r.m.takesTide(t.Station)) == 0:
			r.note("%s, is held and not used: no level is forecast from the tide at %s", t.Title(stampTime), t.Station)
			continue
		}
		k := slices.IndexFunc(r.tides, func(o usedTide) bool { return o.tide.Station == t.Station })
		if k < 0 {
			r.tides = append(r.tides, u)
			continue
		}
		later, other := u, r.tides[k]
		if cmp.Or(t.IssuedAt.Compare(other.tide.IssuedAt), strings.Compare(other.tide.Source, t.Source)) < 0 {
			later, other = other, later
		}
		r.tides[k] = later
		r.note("%s, is held and not used: that of %s was issued later", other.tide.Title(stampTime), later.tide.Source)
	}
	for _, u := range r.tides {
		t := u.tide
		gauges := strings.Join(r.m.takesTide(t.Station), ", ")
		r.note("%s, valid until %s: used for the level at %s", t.Title(stampTime), stampTime(t.ValidUntil), gauges)
		if end := t.End().UnixMilli(); end < r.now+r.m.settings.Horizon.Milliseconds() {
			r.note("tide of %s at %s ends at %s: no level is forecast from it after that", t.Source, t.Station, stamp(end))
		}
		if begin := t.Begin().UnixMilli(); begin > r.now {
			r.note("tide of %s at %s begins at %s: no level is forecast from it before that", t.Source, t.Station, stamp(begin))
		}
	}
}

// usableTide returns t on its station's datum, or why a run at now cannot use it.
func (m *Model) usableTide(t *hydro.Tide, now int64) (u usedTide, why string) {
	at := slices.IndexFunc(m.tideStations, func(s tideStation) bool { return s.id == t.Station })
	switch {
	case t.Withdrawn != nil:
		return u, ", " + t.Withdrawn.Text(stampTime) + ": not used"
	case at < 0:
		return u, ": not used, because the catalogue has no such tide station"
	case now >= t.ValidUntil.UnixMilli():
		return u, ", expired at " + stampTime(t.ValidUntil) + ": not used"
	case now >= t.End().UnixMilli():
		return u, ", ended at " + stampTime(t.End()) + ": not used"
	}
	d := m.tideStations[at].datum
	add, ok := d.Convert(t.Datum)
	if !ok {
		return u, ": not used: its levels are on " + datumName(t.Datum) + ", the station's on " + datumName(d.Name) + ", and the catalogue gives no offset"
	}
	return usedTide{t, add}, ""
}

// takesTide returns the gauges whose level is forecast from the tide at a station.
func (m *Model) takesTide(_ string) []string { return nil }
