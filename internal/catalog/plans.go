package catalog

import (
	"slices"
	"time"

	"freshet/internal/hydro"
)

// A Plan is the ladder of one body's emergency responses in a basin. Several
// bodies have one each; they are never merged.
type Plan struct {
	ID             string
	NameZH, NameEN string
	Basin          string
	BodyZH, BodyEN string           // that declares
	Department     hydro.Department // whose people may declare for it
	Source         string
	Illustrative   bool
	Levels         []PlanLevel // lowest first; those that the plan has
}

// A PlanLevel is one level of a plan.
type PlanLevel struct {
	Level    hydro.ResponseLevel
	When     []Trigger // any of them proposes the level; empty: it is never proposed
	Measures []Measure
}

// A Trigger is met when so many stations stand at a stage or above.
type Trigger struct {
	Stage    hydro.Stage
	Stations []string // ascending; empty: all of the basin
	Count    int
}

// A Measure is something to be done once a level is declared.
type Measure struct {
	ID                     string // of its own within the plan
	NameZH, NameEN         string
	Department             hydro.Department // that owns it
	Person                 string           // id under people who owns it; ""
	Within                 time.Duration    // of the declaration, to be done; 0: no clock
	Steps                  []Text
	EvidenceZH, EvidenceEN string // what is to be kept as evidence; "": nothing
}

// A Text is one text in both languages.
type Text struct{ ZH, EN string }

// Plan returns the plan of that id.
func (c *Catalog) Plan(id string) (*Plan, bool) {
	i := slices.IndexFunc(c.Plans, func(p Plan) bool { return p.ID == id })
	if i < 0 {
		return nil, false
	}
	return &c.Plans[i], true
}

// At returns a level of the plan.
func (p *Plan) At(l hydro.ResponseLevel) (*PlanLevel, bool) {
	i := slices.IndexFunc(p.Levels, func(x PlanLevel) bool { return x.Level == l })
	if i < 0 {
		return nil, false
	}
	return &p.Levels[i], true
}

func (l *loader) buildPlan(m *mapping) {
	p := Plan{ID: m.id("id"), Source: m.text("source"), Illustrative: m.flag("illustrative")}
	p.NameZH, p.NameEN = m.name("name")
	p.BodyZH, p.BodyEN = m.name("body")
	p.Department, _ = parsed(m, "department", hydro.ParseDepartment, "weather, hydrology or water_resources")
	p.Basin = m.needText("basin")
	if _, ok := l.cat.Basin(p.Basin); !ok && p.Basin != "" {
		l.report(m.place("basin"), "basin: no basin %q", p.Basin)
	}
	seen := map[string]bool{} // measures
	m.need("levels")
	for _, item := range m.list("levels") {
		w, ok := item.mapping()
		if !ok {
			continue
		}
		level := l.planLevel(w, &p, seen)
		w.done()
		switch {
		case level.Level == hydro.NoResponse:
		case slices.ContainsFunc(p.Levels, func(o PlanLevel) bool { return o.Level == level.Level }):
			l.report(w.place("level"), "level: %s given twice in this plan", level.Level)
		default:
			p.Levels = append(p.Levels, level)
		}
	}
	if v, ok := m.values["levels"]; ok && len(m.list("levels")) == 0 {
		v.fail("levels: empty")
	}
	slices.SortStableFunc(p.Levels, func(a, b PlanLevel) int { return int(b.Level - a.Level) })
	if p.ID == "" {
		return
	}
	if _, twice := l.cat.Plan(p.ID); twice {
		l.report(m.place("id"), "plan %q given twice", p.ID)
		return
	}
	l.cat.Plans = append(l.cat.Plans, p)
}

func (l *loader) planLevel(m *mapping, p *Plan, seen map[string]bool) PlanLevel {
	var out PlanLevel
	out.Level, _ = parsed(m, "level", hydro.ParseResponse, "IV, III, II or I")
	for _, item := range m.list("when") {
		if w, ok := item.mapping(); ok {
			out.When = append(out.When, l.trigger(w, p.Basin))
			w.done()
		}
	}
	for _, item := range m.list("measures") {
		w, ok := item.mapping()
		if !ok {
			continue
		}
		measure := l.measure(w)
		w.done()
		if measure.ID != "" && seen[measure.ID] {
			l.report(w.place("id"), "measure %q given twice in this plan: a higher level adds its own to those of the lower ones", measure.ID)
			continue
		}
		seen[measure.ID] = true
		out.Measures = append(out.Measures, measure)
	}
	return out
}

func (l *loader) trigger(m *mapping, basin string) Trigger {
	var c Trigger
	stage, ok := parsed(m, "stage", hydro.ParseStage, "blue, yellow, orange or red")
	if ok && (stage == hydro.Clear || stage == hydro.Blind) {
		l.report(m.place("stage"), "stage: %s proposes nothing: write blue, yellow, orange or red", stage)
	}
	c.Stage = stage
	all := 0
	for i := range l.cat.Stations {
		if l.cat.Stations[i].Basin == basin {
			all++
		}
	}
	for _, v := range m.list("stations") {
		s, ok := v.station("stations")
		switch {
		case !ok:
		case s.Basin != basin:
			v.fail("stations: %q is in basin %q, the plan is of %q", s.ID, s.Basin, basin)
		case slices.Contains(c.Stations, s.ID):
			v.fail("stations: %q given twice", s.ID)
		default:
			c.Stations = append(c.Stations, s.ID)
			if !slices.ContainsFunc(l.cat.StageTables, func(t StageTable) bool { return t.Station == s.ID }) {
				v.fail("stations: %q has no stage table: it never stands at a stage", s.ID)
			}
		}
	}
	slices.Sort(c.Stations)
	if len(c.Stations) > 0 {
		all = len(c.Stations)
	}
	c.Count = m.whole("count", 1, 1, max(1, all))
	return c
}

func (l *loader) measure(m *mapping) Measure {
	out := Measure{ID: m.id("id")}
	out.NameZH, out.NameEN = m.name("name")
	if v, ok := m.need("owner"); ok {
		if w, ok := v.mapping(); ok {
			out.Department, _ = parsed(w, "department", hydro.ParseDepartment, "weather, hydrology or water_resources")
			out.Person = w.text("person")
			if out.Person != "" && !slices.ContainsFunc(l.cat.Contacts, func(p Contact) bool { return p.ID == out.Person }) {
				l.report(w.place("person"), "person: no person %q under people", out.Person)
			}
			w.done()
		}
	}
	out.Within = m.duration("within", 0, time.Minute)
	for _, v := range m.list("steps") {
		if t, ok := v.both("steps"); ok {
			out.Steps = append(out.Steps, t)
		}
	}
	if _, ok := m.take("evidence"); ok {
		out.EvidenceZH, out.EvidenceEN = m.name("evidence")
	}
	return out
}

// both returns a text in both languages, written as a name is.
func (v node) both(what string) (Text, bool) {
	m := &mapping{node: v, values: map[string]node{what: v}}
	quiet := len(v.l.problems)
	zh, en := m.name(what)
	return Text{zh, en}, len(v.l.problems) == quiet
}
