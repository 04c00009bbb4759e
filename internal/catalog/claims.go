package catalog

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// A Claim is what a department says of a station beside what the catalogue
// uses: another datum, another offset, other thresholds. A claim is never used.
// It stands so that people see where departments differ, until they have agreed
// and the catalogue says so.
type Claim struct {
	Station    string
	Department hydro.Department // that says so
	ValidFrom  time.Time
	Datum      hydro.Datum // of the station's levels, and of what else is claimed; "": not claimed
	To1985     *float64    // m to add for NATIONAL_1985; nil: not claimed
	Thresholds []Threshold // on Datum, or on the station's where that is not claimed
	Source     string
}

func (l *loader) buildClaim(m *mapping) {
	c := Claim{}
	zone := time.UTC
	var station *Station
	if v, ok := m.need("station"); ok {
		if s, ok := v.station("station"); ok {
			c.Station, zone, station = s.ID, l.locations[s.ID], s
		}
	}
	c.Department, _ = parsed(m, "department", hydro.ParseDepartment, "weather, hydrology or water_resources")
	c.ValidFrom = m.instant("valid_from", zone)
	c.Source = m.needText("source")
	c.Datum = m.datum("datum")
	if _, ok := m.take("to_1985"); ok {
		x := m.number("to_1985", 0, anyNumber)
		c.To1985 = &x
	}
	seen := map[[2]int64]bool{}
	for _, item := range m.list("thresholds") {
		w, ok := item.mapping()
		if !ok {
			continue
		}
		got := l.ladder(w, station, nil)
		w.done()
		if len(got) == 0 {
			continue
		}
		k := [2]int64{int64(got[0].Variable), int64(got[0].Window)}
		if seen[k] {
			w.fail("thresholds: %s %s given twice in this claim; one ladder may hold all colours", got[0].Variable, windowText(got[0].Window))
		}
		seen[k] = true
		c.Thresholds = append(c.Thresholds, got...)
	}
	if m.values["datum"].n == nil && m.values["to_1985"].n == nil && m.values["thresholds"].n == nil {
		l.report(m.at(), "claims: nothing is claimed; give datum, to_1985 or thresholds")
	}
	for _, o := range l.cat.Claims {
		if o.Station == c.Station && c.Station != "" && o.Department == c.Department && o.ValidFrom.Equal(c.ValidFrom) && !c.ValidFrom.IsZero() {
			l.report(m.place("valid_from"), "claims: %s has another claim on station %q with the same valid_from", c.Department, c.Station)
		}
	}
	slices.SortStableFunc(c.Thresholds, func(a, b Threshold) int {
		return cmp.Or(cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Window, b.Window), cmp.Compare(a.Stage, b.Stage))
	})
	l.cat.Claims = append(l.cat.Claims, c)
}

// A Disagreement says how far the values of one site may lie apart, and for how
// long, before that is a conflict. A limit of 0 compares nothing.
type Disagreement struct {
	Level     float64       // m, on a common datum
	Discharge float64       // share of the larger
	Dwell     time.Duration // for which they differ before it is a conflict, and agree before it is none
}

// DefaultDisagreement is that of a site which states none. Rain is as far apart
// as the basin's settings allow.
func DefaultDisagreement() Disagreement {
	return Disagreement{Level: 0.2, Discharge: 0.2, Dwell: 30 * time.Minute}
}

func (l *loader) disagreement(site *mapping) Disagreement {
	d := DefaultDisagreement()
	v, ok := site.take("disagree")
	if !ok {
		return d
	}
	m, ok := v.mapping()
	if !ok {
		return d
	}
	defer m.done()
	d.Level = m.number("water_level", d.Level, notNegative)
	d.Discharge = m.number("discharge", d.Discharge, share)
	d.Dwell = m.duration("dwell", d.Dwell, 0)
	return d
}

// To returns what to add to a level of the station to have it on another datum.
// Assumed says that the number is an assumption and no survey. It is false for
// a datum that the catalogue does not relate to the station's: a STATION datum
// is local, and never that of another station.
func (d Datum) To(on hydro.Datum) (add float64, assumed, ok bool) {
	if on == hydro.NoDatum || d.Name == hydro.NoDatum || on == hydro.StationDatum {
		return 0, false, false
	}
	if on == d.Name {
		return 0, false, true
	}
	if on == hydro.National1985 && d.To1985 != nil {
		return *d.To1985, d.To1985Assumed, true
	}
	for _, a := range d.Accepts {
		if a.From == on {
			return -a.Add, false, true
		}
	}
	return 0, false, false
}

// From returns what to add to a level on another datum to have it on the
// station's.
func (d Datum) From(on hydro.Datum) (add float64, ok bool) {
	if on == d.Name && on != hydro.NoDatum {
		return 0, true // also STATION: of this very station
	}
	for _, a := range d.Accepts {
		if a.From == on {
			return a.Add, true
		}
	}
	add, _, ok = d.To(on)
	return -add, ok
}

// Convert is [Datum.From] by what was surveyed: an assumed to_1985 converts nothing,
// neither readings nor tides.
func (d Datum) Convert(on hydro.Datum) (add float64, ok bool) {
	if d.To1985Assumed {
		d.To1985 = nil
	}
	return d.From(on)
}

// A CommonDatum is where the levels of two stations can be compared.
type CommonDatum struct {
	On         hydro.Datum
	AddA, AddB float64 // m to add to the levels of the one and of the other
	Assumed    bool    // one of the offsets is an assumption
}

// Common returns a datum on which the levels of two stations can be compared:
// the one that both are on, NATIONAL_1985, or one that both declare. It is false
// where the catalogue knows none; levels must not be compared then.
func Common(a, b Datum) (CommonDatum, bool) {
	candidates := []hydro.Datum{a.Name, hydro.National1985, b.Name}
	for _, x := range a.Accepts {
		candidates = append(candidates, x.From)
	}
	for _, on := range candidates {
		addA, assumedA, okA := a.To(on)
		addB, assumedB, okB := b.To(on)
		if okA && okB {
			return CommonDatum{on, addA, addB, assumedA || assumedB}, true
		}
	}
	return CommonDatum{}, false
}
