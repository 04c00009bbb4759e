// Package register finds what departments say differently of one place: two
// thresholds for a stage, two datums, two offsets, levels without a common datum,
// and values at one site that lie too far apart for too long. What it finds is a
// work-list for people; no forecast, stage or quality follows from it.
//
// It is pure: [Rules] are compiled from a catalogue, [State] goes in and comes
// out, and time is an argument. Conflicts of the catalogue hang on the claims and
// tables that are in force at the instant, conflicts of values on the histories.
// See docs/models/register.md.
package register

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// State is all that the rules remember. It is a plain value, made to be stored;
// everything in it is keyed by ids, so that it survives a change of the catalogue.
type State struct {
	Open  []hydro.Conflict // that stand, ascending by id
	Pairs []Pair           // of gauges that are compared, ascending by id
}

// A Pair is what is known of two gauges of one site.
type Pair struct {
	ID      string    // of the conflict that it can be
	At      time.Time // of the latest comparison; zero if there was none
	Changed time.Time // since when comparisons say what they say
	Apart   bool      // they lie apart
}

// Evidence is what one evaluation sees.
type Evidence struct {
	Now     time.Time
	History func(hydro.Key) *hydro.History // nil if the series does not exist
}

// A Change is a conflict that was opened or settled.
type Change struct {
	Opened   bool
	Conflict hydro.Conflict
}

// Rules are a basin's part of the register.
type Rules struct {
	basin  string
	tables map[string][]*catalog.StageTable // by station, ascending by start
	claims []claims                         // one a station, ascending
	sites  []site                           // ascending
	own    []*catalog.Station               // with a datum that speaks of NATIONAL_1985 twice, ascending
	pairs  []pair                           // ascending by id
}

type claims struct {
	station *catalog.Station
	all     []*catalog.Claim // ascending by department and start
}

type site struct {
	site     *catalog.Site
	stations []*catalog.Station // of the basin, ascending
}

// Compile reads the basin's part of c. Of a site that lies in several basins each
// basin sees its own stations.
func Compile(c *catalog.Catalog, basin string) *Rules {
	r := &Rules{basin: basin, tables: map[string][]*catalog.StageTable{}}
	b, ok := c.Basin(basin)
	if !ok {
		return r
	}
	for i := range c.StageTables {
		t := &c.StageTables[i]
		r.tables[t.Station] = append(r.tables[t.Station], t)
	}
	for i := range c.Claims {
		claim := &c.Claims[i]
		st, ok := c.Station(claim.Station)
		if !ok || st.Basin != basin {
			continue
		}
		if n := len(r.claims); n > 0 && r.claims[n-1].station == st {
			r.claims[n-1].all = append(r.claims[n-1].all, claim)
			continue
		}
		r.claims = append(r.claims, claims{st, []*catalog.Claim{claim}})
	}
	for i := range c.Stations {
		st := &c.Stations[i]
		if st.Basin == basin && st.Datum.To1985 != nil && slices.ContainsFunc(st.Datum.Accepts, func(o catalog.DatumOffset) bool { return o.From == hydro.National1985 }) {
			r.own = append(r.own, st)
		}
	}
	for i := range c.Sites {
		s := site{site: &c.Sites[i]}
		for _, id := range c.Sites[i].Stations {
			if st, ok := c.Station(id); ok && st.Basin == basin {
				s.stations = append(s.stations, st)
			}
		}
		if len(s.stations) > 1 {
			r.sites = append(r.sites, s)
			r.comparePairs(&s, &b.Settings)
		}
	}
	slices.SortFunc(r.pairs, func(a, b pair) int { return cmp.Compare(a.id, b.id) })
	return r
}

// Evaluate finds what is in conflict at ev.Now and returns the new state and what
// has changed, ascending by id. It does not write to the memory behind s.
func (r *Rules) Evaluate(s State, ev Evidence) (State, []Change) {
	found := r.ofCatalogue(ev.Now)
	var next State
	next.Pairs, found = r.ofValues(s, ev, found)
	slices.SortFunc(found, func(a, b hydro.Conflict) int { return cmp.Compare(a.ID, b.ID) })
	next.Open = found
	var changes []Change
	held := s.Open
	for i := range next.Open {
		c := &next.Open[i]
		for len(held) > 0 && held[0].ID < c.ID {
			changes = append(changes, Change{false, held[0]})
			held = held[1:]
		}
		if len(held) > 0 && held[0].ID == c.ID { // it has stood since then, whatever the parties say now
			c.Since = held[0].Since
			held = held[1:]
			continue
		}
		if c.Since.IsZero() || c.Since.After(ev.Now) {
			c.Since = ev.Now
		}
		changes = append(changes, Change{true, *c})
	}
	for _, c := range held {
		changes = append(changes, Change{false, c})
	}
	return next, changes
}
