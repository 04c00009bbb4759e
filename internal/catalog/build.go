package catalog

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// A loader gathers the sections of all files, builds the catalogue from them
// and checks it as a whole. Whatever is wrong is reported and replaced by
// something harmless, so that one pass finds all problems.
type loader struct {
	cat      *Catalog
	problems []Problem
	warnings []Problem
	levels   []levelGiven // of stage tables
	zones    map[string]*time.Location

	heads, departments, profiles, stations, sites, basins, ratings, returnTables, stageTables, marks, claims, caps, seasons []node

	profileNodes map[string]*mapping
	locations    map[string]*time.Location // of stations
	stationAt    []*mapping                // parallel to cat.Stations, until they are sorted
	ratingAt     []*mapping
	siteOf       map[string]string
	nodeOf       map[string]*Node // by gauge
	rainGauges   []node           // that rain checks name

	callouts, contacts, rosters, plans []node
	callout                            Calling    // of rosters that say nothing else
	rosterAt                           []*mapping // parallel to cat.Rosters
	seasonsOf                          []string   // basins whose seasons were read
}

type section struct {
	name string
	into *[]node
}

func (l *loader) sections() []section {
	return []section{
		{"catalog", &l.heads},
		{"departments", &l.departments},
		{"profiles", &l.profiles},
		{"stations", &l.stations},
		{"sites", &l.sites},
		{"basins", &l.basins},
		{"seasons", &l.seasons},
		{"ratings", &l.ratings},
		{"return_periods", &l.returnTables},
		{"stage_tables", &l.stageTables},
		{"marks", &l.marks},
		{"claims", &l.claims},
		{"callout", &l.callouts},
		{"people", &l.contacts},
		{"rosters", &l.rosters},
		{"plans", &l.plans},
		{"cap", &l.caps},
	}
}

func newLoader() *loader {
	return &loader{
		cat:          &Catalog{stations: map[string]int{}, aliases: map[alias]int{}},
		zones:        map[string]*time.Location{},
		profileNodes: map[string]*mapping{},
		locations:    map[string]*time.Location{},
		siteOf:       map[string]string{},
		nodeOf:       map[string]*Node{},
	}
}

// each calls f for every item of the lists that the files give for a section.
func each(section []node, f func(m *mapping)) {
	for _, list := range section {
		for _, item := range list.list() {
			if m, ok := item.mapping(); ok {
				f(m)
				m.done()
			}
		}
	}
}

func (l *loader) build() {
	l.buildHead()
	l.buildDepartments()
	each(l.profiles, l.readProfile)
	l.checkProfiles()
	each(l.stations, l.buildStation)
	l.indexStations()
	each(l.sites, l.buildSite)
	each(l.ratings, l.buildRating)
	l.checkRatings()
	each(l.basins, l.buildBasin)
	l.checkRainChecks()
	l.checkStationBasins()
	each(l.seasons, l.buildSeason)
	each(l.returnTables, l.buildReturnPeriods)
	each(l.stageTables, l.buildStageTable)
	each(l.marks, l.buildMarks)
	l.checkMarks()
	each(l.claims, l.buildClaim)
	l.buildCallout()
	each(l.contacts, l.buildContact)
	each(l.rosters, l.buildRoster)
	l.checkRosters()
	each(l.plans, l.buildPlan)
	for _, v := range l.caps {
		if m, ok := v.mapping(); ok {
			l.buildCAP(m)
			m.done()
		}
	}
	l.sort()
}

// sort puts everything in the order that the catalogue promises.
func (l *loader) sort() {
	c := l.cat
	slices.SortStableFunc(c.Departments, func(a, b DepartmentInfo) int { return cmp.Compare(a.Department, b.Department) })
	slices.SortStableFunc(c.Sites, func(a, b Site) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(c.Basins, func(a, b Basin) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(c.Ratings, func(a, b Rating) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), a.ValidFrom.Compare(b.ValidFrom))
	})
	slices.SortStableFunc(c.StageTables, func(a, b StageTable) int {
		return cmp.Or(cmp.Compare(a.Station, b.Station), a.ValidFrom.Compare(b.ValidFrom))
	})
	slices.SortStableFunc(c.Marks, func(a, b Marks) int {
		return cmp.Or(cmp.Compare(a.Station, b.Station), a.ValidFrom.Compare(b.ValidFrom))
	})
	slices.SortStableFunc(c.ReturnPeriods, func(a, b ReturnPeriods) int {
		return cmp.Or(cmp.Compare(a.Station, b.Station), cmp.Compare(a.Variable, b.Variable), a.ValidFrom.Compare(b.ValidFrom))
	})
	slices.SortStableFunc(c.Claims, func(a, b Claim) int {
		return cmp.Or(cmp.Compare(a.Station, b.Station), cmp.Compare(a.Department, b.Department), a.ValidFrom.Compare(b.ValidFrom))
	})
	slices.SortStableFunc(c.Contacts, func(a, b Contact) int { return cmp.Compare(a.ID, b.ID) })
	for i := range c.Stations {
		c.Stations[i].Site = l.siteOf[c.Stations[i].ID]
	}
}

func (l *loader) buildHead() {
	if len(l.heads) == 0 {
		l.report(place{}, "no file has a catalog section: one must say catalog: {name: …}")
		return
	}
	for _, extra := range l.heads[1:] {
		extra.fail("catalog: given twice; it stands in one file only")
	}
	m, ok := l.heads[0].mapping()
	if !ok {
		return
	}
	l.cat.Name = m.id("name")
	l.cat.TitleZH, l.cat.TitleEN = m.name("title")
	l.cat.Illustrative = m.text("illustrative")
	m.done()
}

func (l *loader) buildDepartments() {
	seen := map[hydro.Department]bool{}
	each(l.departments, func(m *mapping) {
		var d DepartmentInfo
		d.Department, _ = parsed(m, "id", hydro.ParseDepartment, "weather, hydrology or water_resources")
		d.NameZH, d.NameEN = m.name("name")
		if d.Department == 0 {
			return
		}
		if seen[d.Department] {
			m.l.report(m.place("id"), "department %s given twice", d.Department)
			return
		}
		seen[d.Department] = true
		l.cat.Departments = append(l.cat.Departments, d)
	})
}

// parsed returns the value of a key that must be one of a set of words.
func parsed[T any](m *mapping, name string, parse func(string) (T, error), words string) (T, bool) {
	var zero T
	v, ok := m.need(name)
	if !ok {
		return zero, false
	}
	s, ok := v.text()
	if !ok {
		return zero, false
	}
	x, err := parse(s)
	if err != nil {
		v.fail("%s: %q is not known: write %s", name, s, words)
		return zero, false
	}
	return x, true
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var kinds = []Kind{RainStation, LevelStation, HydrologicalStation, ReservoirStation, GateStation, TideStation}

func parseKind(s string) (Kind, error) {
	if k := Kind(s); slices.Contains(kinds, k) {
		return k, nil
	}
	return "", hydro.ErrInvalid
}

func (l *loader) buildStation(m *mapping) {
	var s Station
	s.ID = m.id("id")
	s.NameZH, s.NameEN = m.name("name")
	s.Department, _ = parsed(m, "department", hydro.ParseDepartment, "weather, hydrology or water_resources")
	s.Kind, _ = parsed(m, "kind", parseKind, "rain, level, hydrological, reservoir, gate or tide")
	s.Basin = m.id("basin")
	s.River = m.text("river")
	s.Gateway = m.text("gateway")
	s.Illustrative = m.flag("illustrative")
	if v, ok := m.need("at"); ok {
		p, _ := v.position()
		s.Lon, s.Lat = p[0], p[1]
	}
	var loc *time.Location
	m.need("zone")
	s.Zone, loc = m.zone("zone", "UTC")
	l.locations[s.ID] = loc
	if _, ok := m.take("elevation"); ok {
		s.Elevation, s.HasElevation = m.number("elevation", 0, between(-500, 9000)), true
	}
	s.Maintenance = m.maintenance(loc)
	s.Aliases = l.aliasesOf(m)
	s.Parameters = l.parametersOf(m)
	for i := range s.Parameters {
		s.Parameters[i].Maintenance = s.Maintenance
	}
	s.Datum = l.datumOf(m)
	s.Area = m.buildArea()
	for _, p := range s.Parameters {
		if p.Variable == hydro.WaterLevel && s.Datum.Name == hydro.NoDatum && m.values["datum"].n == nil {
			l.report(m.at(), "datum: missing; a station that reports a level must name its datum")
			break
		}
	}
	l.cat.Stations = append(l.cat.Stations, s)
	l.stationAt = append(l.stationAt, m)
}

func (l *loader) aliasesOf(m *mapping) []string {
	var out []string
	for _, v := range m.list("codes") {
		code, ok := v.text()
		switch {
		case !ok:
		case code == "" || len(code) > 64 || strings.ContainsAny(code, " \t\r\n"):
			v.fail("codes: %q is no code: 1 to 64 bytes without spaces", code)
		case slices.Contains(out, code):
			v.fail("codes: %q given twice", code)
		default:
			out = append(out, code)
		}
	}
	return out
}

// span returns [low, high].
func (v node) span() ([2]float64, bool) {
	r, ok := v.pair("low, high")
	if ok && r[0] >= r[1] {
		v.fail("[%g, %g]: low must be below high", r[0], r[1])
		return r, false
	}
	return r, ok
}

// datum returns the name of a datum.
func (v node) datum() hydro.Datum {
	s, ok := v.text()
	if !ok {
		return hydro.NoDatum
	}
	if s == "" || len(s) > 40 || strings.ContainsAny(s, " \t\r\n") {
		v.fail("datum: %q is no name of a datum: write PEARL_RIVER, NATIONAL_1985, HUANGHAI_1956, STATION or another word without spaces", s)
		return hydro.NoDatum
	}
	return hydro.Datum(s)
}

func (m *mapping) datum(name string) hydro.Datum {
	v, ok := m.take(name)
	if !ok {
		return hydro.NoDatum
	}
	return v.datum()
}

func (l *loader) datumOf(m *mapping) Datum {
	v, ok := m.take("datum")
	if !ok {
		return Datum{}
	}
	if _, plain := v.n.(interface{ GetValue() any }); plain {
		return Datum{Name: v.datum()}
	}
	d, ok := v.mapping()
	if !ok {
		return Datum{}
	}
	defer d.done()
	var out Datum
	if _, ok := d.need("name"); ok {
		out.Name = d.datum("name")
	}
	if _, ok := d.take("to_1985"); ok {
		x := d.number("to_1985", 0, anyNumber)
		out.To1985 = &x
		d.need("source")
	}
	out.To1985Source = d.text("source")
	out.To1985Assumed = d.flag("assumed")
	for _, item := range d.list("accepts") {
		a, ok := item.mapping()
		if !ok {
			continue
		}
		var o DatumOffset
		if _, ok := a.need("from"); ok {
			o.From = a.datum("from")
		}
		o.Add = a.needNumber("add", anyNumber)
		o.Source = a.needText("source")
		switch {
		case o.From == out.Name && o.From != hydro.NoDatum:
			l.report(a.place("from"), "accepts: %s is the station's own datum", o.From)
		case slices.ContainsFunc(out.Accepts, func(x DatumOffset) bool { return x.From == o.From }):
			l.report(a.place("from"), "accepts: %s given twice", o.From)
		}
		a.done()
		out.Accepts = append(out.Accepts, o)
	}
	return out
}

// indexStations sorts the stations, indexes them by id and code and reports
// what is given twice.
func (l *loader) indexStations() {
	type entry struct {
		s  Station
		at *mapping
	}
	entries := make([]entry, len(l.cat.Stations))
	for i := range entries {
		entries[i] = entry{l.cat.Stations[i], l.stationAt[i]}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.s.ID, b.s.ID) })
	for i, e := range entries {
		l.cat.Stations[i], l.stationAt[i] = e.s, e.at
		if e.s.ID == "" {
			continue
		}
		if _, twice := l.cat.stations[e.s.ID]; twice {
			l.report(e.at.place("id"), "station %q given twice", e.s.ID)
			continue
		}
		l.cat.stations[e.s.ID] = i
	}
	for i, e := range entries {
		for _, code := range e.s.Aliases {
			k := alias{e.s.Department, code}
			if j, taken := l.cat.aliases[k]; taken {
				l.report(e.at.place("codes"), "codes: %q is already a code of station %q of the same department", code, l.cat.Stations[j].ID)
				continue
			}
			if j, taken := l.cat.stations[code]; taken && j != i {
				l.report(e.at.place("codes"), "codes: %q is the id of another station", code)
				continue
			}
			l.cat.aliases[k] = i
		}
	}
}

// station returns the station that a value names, or reports that there is
// none.
func (v node) station(what string) (*Station, bool) {
	id, ok := v.text()
	if !ok {
		return nil, false
	}
	s, ok := v.l.cat.Station(id)
	if !ok {
		v.fail("%s: no station %q", what, id)
	}
	return s, ok
}

func (l *loader) buildSite(m *mapping) {
	s := Site{ID: m.id("id"), Authority: map[hydro.Variable]string{}}
	s.NameZH, s.NameEN = m.name("name")
	if slices.ContainsFunc(l.cat.Sites, func(o Site) bool { return o.ID == s.ID }) && s.ID != "" {
		l.report(m.place("id"), "site %q given twice", s.ID)
	}
	m.need("stations")
	for _, v := range m.list("stations") {
		st, ok := v.station("stations")
		if !ok {
			continue
		}
		if other, taken := l.siteOf[st.ID]; taken {
			v.fail("stations: %q already stands at site %q", st.ID, other)
			continue
		}
		l.siteOf[st.ID] = s.ID
		s.Stations = append(s.Stations, st.ID)
	}
	if v, ok := m.take("authority"); ok {
		if a, ok := v.mapping(); ok {
			for _, variable := range hydro.Variables {
				w, ok := a.take(variable.String())
				if !ok {
					continue
				}
				st, ok := w.station("authority")
				switch {
				case !ok:
				case !slices.Contains(s.Stations, st.ID):
					w.fail("authority: %q does not stand at this site", st.ID)
				case !st.Reports(variable):
					w.fail("authority: %q does not report %s", st.ID, variable)
				default:
					s.Authority[variable] = st.ID
				}
			}
			a.done()
		}
	}
	// Where two stations of a site report the same, the catalogue must say
	// whose value counts.
	for _, variable := range hydro.Variables {
		var who []string
		for _, id := range s.Stations {
			if st, ok := l.cat.Station(id); ok && st.Reports(variable) {
				who = append(who, id)
			}
		}
		if _, settled := s.Authority[variable]; len(who) > 1 && !settled {
			l.report(m.place("authority"), "authority: %s is reported by %s; say which one counts", variable, strings.Join(who, " and "))
		}
	}
	s.Disagree = l.disagreement(m)
	slices.Sort(s.Stations)
	l.apart(m, &s)
	l.cat.Sites = append(l.cat.Sites, s)
}
