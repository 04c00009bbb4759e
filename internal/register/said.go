package register

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	sameLevel  = 0.005  // m within which two levels are one, where one was converted
	sameOffset = 0.0005 // m within which two offsets are one
)

// ofCatalogue returns what the claims and tables in force at now say differently.
func (r *Rules) ofCatalogue(now time.Time) []hydro.Conflict {
	var out []hydro.Conflict
	offsets := map[string][]hydro.Party{} // by station; only looked up
	for _, st := range r.own {
		offsets[st.ID] = ownOffsets(st)
	}
	claimed := map[string]bool{}
	for i := range r.claims {
		c := &r.claims[i]
		claimed[c.station.ID] = true
		inForce := c.inForce(now)
		out = r.datumClaims(out, c.station, inForce)
		own := offsets[c.station.ID]
		if own == nil {
			own = ownOffsets(c.station)
		}
		out = r.offsets(out, c.station, own, inForce)
		out = r.thresholdClaims(out, c.station, inForce, now)
	}
	for _, st := range r.own {
		if !claimed[st.ID] {
			out = r.offsets(out, st, offsets[st.ID], nil)
		}
	}
	for i := range r.sites {
		s := &r.sites[i]
		out = r.siteDatums(out, s)
		out = r.siteThresholds(out, s, now)
	}
	return out
}

// inForce returns the newest claim of each department that has begun.
func (c *claims) inForce(now time.Time) []*catalog.Claim {
	var out []*catalog.Claim
	for _, claim := range c.all {
		switch n := len(out); {
		case claim.ValidFrom.After(now):
		case n > 0 && out[n-1].Department == claim.Department:
			out[n-1] = claim
		default:
			out = append(out, claim)
		}
	}
	return out
}

func (r *Rules) id(kind hydro.ConflictKind, subject string, more ...string) string {
	return strings.Join(append([]string{r.basin, kind.String(), subject}, more...), "/")
}

// since is the instant from which the last of the parties stands.
func since(parties []hydro.Party) time.Time {
	var t time.Time
	for i := range parties {
		if parties[i].At.After(t) {
			t = parties[i].At
		}
	}
	return t
}

func (r *Rules) datumClaims(out []hydro.Conflict, st *catalog.Station, inForce []*catalog.Claim) []hydro.Conflict {
	parties := []hydro.Party{{Datum: st.Datum.Name}}
	differ := false
	for _, c := range inForce {
		if c.Datum != hydro.NoDatum {
			parties = append(parties, hydro.Party{Department: c.Department, Datum: c.Datum, Source: c.Source, At: c.ValidFrom})
			differ = differ || c.Datum != st.Datum.Name
		}
	}
	if !differ {
		return out
	}
	return append(out, hydro.Conflict{
		ID: r.id(hydro.DatumConflict, st.ID), Kind: hydro.DatumConflict, Basin: r.basin, Site: st.Site, Station: st.ID, Parties: parties, Since: since(parties),
	})
}

// ownOffsets are the offsets to NATIONAL_1985 that the catalogue itself gives.
func ownOffsets(st *catalog.Station) []hydro.Party {
	var out []hydro.Party
	if st.Datum.To1985 != nil {
		out = append(out, hydro.Party{HasValue: true, Value: *st.Datum.To1985, Source: st.Datum.To1985Source})
	}
	for _, a := range st.Datum.Accepts {
		if a.From == hydro.National1985 {
			out = append(out, hydro.Party{HasValue: true, Value: -a.Add, Source: "accepts: " + a.Source})
		}
	}
	return out
}

func (r *Rules) offsets(out []hydro.Conflict, st *catalog.Station, own []hydro.Party, inForce []*catalog.Claim) []hydro.Conflict {
	parties := slices.Clone(own)
	for _, c := range inForce {
		if c.To1985 != nil {
			parties = append(parties, hydro.Party{Department: c.Department, HasValue: true, Value: *c.To1985, Source: c.Source, At: c.ValidFrom})
		}
	}
	if spread(parties) <= sameOffset {
		return out
	}
	return append(out, hydro.Conflict{
		ID: r.id(hydro.OffsetConflict, st.ID), Kind: hydro.OffsetConflict, Basin: r.basin, Site: st.Site, Station: st.ID, Parties: parties, Since: since(parties),
	})
}

// spread is how far the values lie apart.
func spread(parties []hydro.Party) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range parties {
		if parties[i].HasValue {
			lo, hi = min(lo, parties[i].Value), max(hi, parties[i].Value)
		}
	}
	return max(0, hi-lo)
}

// table is the stage table of a station in force at now.
func (r *Rules) table(station string, now time.Time) *catalog.StageTable {
	var t *catalog.StageTable
	for _, x := range r.tables[station] {
		if !x.ValidFrom.After(now) {
			t = x
		}
	}
	return t
}

// A rung is one threshold's name.
type rung struct {
	variable hydro.Variable
	window   time.Duration
	stage    hydro.Stage
}

func (g rung) compare(o rung) int {
	return cmp.Or(cmp.Compare(g.variable, o.variable), cmp.Compare(g.window, o.window), cmp.Compare(g.stage, o.stage))
}

func rungOf(h catalog.Threshold) rung { return rung{h.Variable, h.Window, h.Stage} }

func (g rung) text() string {
	if g.window > 0 {
		return g.variable.String() + "/" + g.window.String() + "/" + g.stage.String()
	}
	return g.variable.String() + "/" + g.stage.String()
}

func threshold(list []catalog.Threshold, g rung) (float64, bool) {
	for _, h := range list {
		if rungOf(h) == g {
			return h.Value, true
		}
	}
	return 0, false
}

// thresholdClaims compares each threshold that a claim names with that of the
// table in force and of the other claims. A stage that the table does not have is
// a difference too: the department warns there, and Freshet does not.
func (r *Rules) thresholdClaims(out []hydro.Conflict, st *catalog.Station, inForce []*catalog.Claim, now time.Time) []hydro.Conflict {
	var rungs []rung
	for _, c := range inForce {
		for _, h := range c.Thresholds {
			rungs = append(rungs, rungOf(h))
		}
	}
	slices.SortFunc(rungs, rung.compare)
	t := r.table(st.ID, now)
	for _, g := range slices.Compact(rungs) {
		parties := []hydro.Party{{}}
		differ, unknown := true, false
		if t != nil {
			parties[0].Source, parties[0].At = t.Source, t.ValidFrom
			if v, ok := threshold(t.Thresholds, g); ok {
				parties[0].Value, parties[0].HasValue, differ = v, true, false
			}
		}
		if g.variable == hydro.WaterLevel {
			parties[0].Datum = st.Datum.Name
		}
		var first *float64 // on the station's datum
		if parties[0].HasValue {
			first = &parties[0].Value
		}
		for _, c := range inForce {
			v, ok := threshold(c.Thresholds, g)
			if !ok {
				continue
			}
			p := hydro.Party{Department: c.Department, HasValue: true, Value: v, Source: c.Source, At: c.ValidFrom}
			within := 0.0
			if g.variable == hydro.WaterLevel {
				p.Datum = cmp.Or(c.Datum, st.Datum.Name)
				add, known := st.Datum.From(p.Datum)
				unknown = unknown || !known
				if add != 0 {
					within = sameLevel
				}
				v += add
			}
			if first == nil {
				first = &v
			}
			differ = differ || math.Abs(v-*first) > within
			parties = append(parties, p)
		}
		if differ || unknown {
			out = append(out, hydro.Conflict{
				ID: r.id(hydro.ThresholdConflict, st.ID, g.text()), Kind: hydro.ThresholdConflict, Basin: r.basin, Site: st.Site, Station: st.ID,
				Variable: g.variable, Window: g.window, Stage: g.stage, Parties: parties, Since: since(parties),
			})
		}
	}
	return out
}

// siteDatums finds levels at one site that have no datum in common, and offsets
// of one datum that differ.
func (r *Rules) siteDatums(out []hydro.Conflict, s *site) []hydro.Conflict {
	for i, a := range s.stations {
		for _, b := range s.stations[i+1:] {
			if !a.Reports(hydro.WaterLevel) || !b.Reports(hydro.WaterLevel) {
				continue
			}
			if _, ok := catalog.Common(a.Datum, b.Datum); !ok {
				out = append(out, hydro.Conflict{
					ID: r.id(hydro.UnknownDatum, "@"+s.site.ID, a.ID, b.ID), Kind: hydro.UnknownDatum, Basin: r.basin, Site: s.site.ID, Variable: hydro.WaterLevel,
					Parties: []hydro.Party{{Station: a.ID, Department: a.Department, Datum: a.Datum.Name}, {Station: b.ID, Department: b.Department, Datum: b.Datum.Name}},
				})
			}
			if a.Datum.Name != b.Datum.Name || a.Datum.Name == hydro.StationDatum || a.Datum.To1985 == nil || b.Datum.To1985 == nil {
				continue
			}
			parties := []hydro.Party{
				{Station: a.ID, Department: a.Department, HasValue: true, Value: *a.Datum.To1985, Datum: a.Datum.Name, Source: a.Datum.To1985Source},
				{Station: b.ID, Department: b.Department, HasValue: true, Value: *b.Datum.To1985, Datum: b.Datum.Name, Source: b.Datum.To1985Source},
			}
			if spread(parties) > sameOffset {
				out = append(out, hydro.Conflict{
					ID: r.id(hydro.OffsetConflict, "@"+s.site.ID, a.ID, b.ID), Kind: hydro.OffsetConflict, Basin: r.basin, Site: s.site.ID, Parties: parties,
				})
			}
		}
	}
	return out
}

// siteThresholds compares the tables of a site's stations, where their levels can
// be compared; where not, siteDatums says so.
func (r *Rules) siteThresholds(out []hydro.Conflict, s *site, now time.Time) []hydro.Conflict {
	for i, a := range s.stations {
		ta := r.table(a.ID, now)
		if ta == nil {
			continue
		}
		for _, b := range s.stations[i+1:] {
			tb := r.table(b.ID, now)
			if tb == nil {
				continue
			}
			for _, h := range ta.Thresholds {
				g := rungOf(h)
				v, ok := threshold(tb.Thresholds, g)
				if !ok {
					continue
				}
				parties := []hydro.Party{
					{Station: a.ID, Department: a.Department, HasValue: true, Value: h.Value, Source: ta.Source, At: ta.ValidFrom},
					{Station: b.ID, Department: b.Department, HasValue: true, Value: v, Source: tb.Source, At: tb.ValidFrom},
				}
				within, apart := 0.0, math.Abs(h.Value-v)
				if g.variable == hydro.WaterLevel {
					on, known := catalog.Common(a.Datum, b.Datum)
					if !known {
						continue
					}
					if a.Datum.Name != b.Datum.Name {
						within = sameLevel
					}
					parties[0].Datum, parties[1].Datum = a.Datum.Name, b.Datum.Name
					apart = math.Abs(h.Value + on.AddA - v - on.AddB)
				}
				if apart > within {
					out = append(out, hydro.Conflict{
						ID: r.id(hydro.ThresholdConflict, "@"+s.site.ID, a.ID, b.ID, g.text()), Kind: hydro.ThresholdConflict, Basin: r.basin, Site: s.site.ID,
						Variable: g.variable, Window: g.window, Stage: g.stage, Parties: parties, Since: since(parties),
					})
				}
			}
		}
	}
	return out
}
