// Package plan walks the bodies' emergency plans 预案: where stations stand
// proposes a level of response 应急响应, a person declares it, and its measures open
// with their clocks. Each body has a ladder of its own; they are never merged.
//
// It is pure: [Rules] are compiled from a catalogue, [State] goes in and comes
// out, and time is an argument. The service proposes and never declares: without
// a command no level stands and no measure opens. What follows is told as
// [hydro.DutyEvent].
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/alert/standing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// The kinds of event.
const (
	Proposed  = "proposed"   // the conditions ask for another level; From and To are levels, "" is none
	Declared  = "declared"   // a person declared a level
	StoodDown = "stood_down" // a person ended the response
	Opened    = "measure_open"
	Started   = "measure_start"
	Finished  = "measure_done"
	Noted     = "measure_note"
	Late      = "measure_late"   // the deadline has passed; told once
	Closed    = "measure_closed" // not done when its level was left
)

// maxNotes are kept of one measure.
const maxNotes = 200

// State is all that the rules remember. It is a plain value, made to be stored.
type State struct {
	Standing  standing.State
	Responses []hydro.Response // one per plan, ascending by plan
}

// Rules are the plans of one basin.
type Rules struct {
	basin string
	zone  *time.Location
	plans []catalog.Plan // ascending by id
	cat   *catalog.Catalog
}

// Compile reads the basin's part of c.
func Compile(c *catalog.Catalog, basin string) (*Rules, error) {
	b, ok := c.Basin(basin)
	if !ok {
		return nil, fmt.Errorf("plan: no basin %q: %w", basin, hydro.ErrNotFound)
	}
	zone, err := catalog.ParseZone(b.Season.Zone)
	if err != nil {
		return nil, fmt.Errorf("plan: basin %s: %w", basin, err)
	}
	r := &Rules{basin: basin, zone: zone, cat: c}
	for i := range c.Plans {
		if c.Plans[i].Basin == basin {
			r.plans = append(r.plans, c.Plans[i])
		}
	}
	slices.SortFunc(r.plans, func(a, b catalog.Plan) int { return cmp.Compare(a.ID, b.ID) })
	return r, nil
}

func (r *Rules) plan(id string) (*catalog.Plan, bool) {
	i, ok := slices.BinarySearchFunc(r.plans, id, func(p catalog.Plan, id string) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return nil, false
	}
	return &r.plans[i], true
}

// clone copies what Step and Do change in place.
func (s State) clone() State {
	s.Responses = slices.Clone(s.Responses)
	for i := range s.Responses {
		x := &s.Responses[i]
		x.Measures = slices.Clone(x.Measures)
		for k := range x.Measures {
			x.Measures[k].Notes = slices.Clone(x.Measures[k].Notes)
		}
	}
	return s
}

// Step moves the clocks to now and looks at the conditions, after the warnings
// that were decided at now. It returns the state after it, and what is told, in
// order. The state given is not changed.
func (r *Rules) Step(s State, now time.Time, warnings []hydro.Warning) (State, []hydro.DutyEvent) {
	s.Standing = standing.Step(s.Standing, warnings)
	if len(r.plans) == 0 && len(s.Responses) == 0 {
		return s, nil
	}
	s = s.clone()
	t := turn{r: r, s: &s, now: now}
	t.align()
	for i := range s.Responses {
		x := &s.Responses[i]
		t.propose(x)
		for k := range x.Measures {
			m := &x.Measures[k]
			if running(m) && !m.Late && !m.Deadline.IsZero() && now.After(m.Deadline) {
				m.Late = true
				t.tellLate(x, m)
			}
		}
	}
	return s, t.events
}

// running reports whether a measure is still to be done.
func running(m *hydro.Measure) bool {
	return m.State == hydro.MeasureOpened || m.State == hydro.MeasureBegun
}

// A turn is one step, or one command, in the making.
type turn struct {
	r      *Rules
	s      *State
	now    time.Time
	events []hydro.DutyEvent
}

// align has one response for each plan. One whose plan has left the catalogue
// stays until it is stood down: its clocks go on.
func (t *turn) align() {
	for i := range t.r.plans {
		p := &t.r.plans[i]
		at, held := slices.BinarySearchFunc(t.s.Responses, p.ID, func(x hydro.Response, id string) int { return cmp.Compare(x.Plan, id) })
		if !held {
			t.s.Responses = slices.Insert(t.s.Responses, at, hydro.Response{Plan: p.ID})
		}
		x := &t.s.Responses[at]
		x.NameZH, x.NameEN, x.BodyZH, x.BodyEN = p.NameZH, p.NameEN, p.BodyZH, p.BodyEN
		x.Department, x.Source, x.Illustrative = p.Department, p.Source, p.Illustrative
	}
	t.s.Responses = slices.DeleteFunc(t.s.Responses, func(x hydro.Response) bool {
		_, ok := t.r.plan(x.Plan)
		return !ok && x.Declared == hydro.NoResponse
	})
}

// propose looks at the conditions of a plan and tells when they ask for another
// level than before.
func (t *turn) propose(x *hydro.Response) {
	p, ok := t.r.plan(x.Plan)
	if !ok {
		return
	}
	level, met := hydro.NoResponse, []meeting(nil)
	for i := range p.Levels {
		if got := t.meets(&p.Levels[i]); len(got) > 0 {
			level, met = p.Levels[i].Level, got
		}
	}
	x.Blind = t.blind(p)
	before := x.Proposed
	x.Proposed = level
	x.ReasonZH, x.ReasonEN = t.reasons(x, met)
	if level == before {
		return
	}
	x.ProposedAt = t.now
	t.tellProposed(x, before)
}

// A meeting is a condition that is met, with the stations that meet it.
type meeting struct {
	condition *catalog.Trigger
	stations  []*standing.Station
}

// meets returns the conditions of a level that are met.
func (t *turn) meets(l *catalog.PlanLevel) []meeting {
	var out []meeting
	for i := range l.When {
		c := &l.When[i]
		m := meeting{condition: c}
		for k := range t.s.Standing {
			if x := &t.s.Standing[k]; x.Stage >= c.Stage && t.of(c, x.Station) {
				m.stations = append(m.stations, x)
			}
		}
		if len(m.stations) >= c.Count {
			out = append(out, m)
		}
	}
	return out
}

// of reports whether a condition looks at a station.
func (t *turn) of(c *catalog.Trigger, station string) bool {
	if len(c.Stations) == 0 {
		return true
	}
	_, ok := slices.BinarySearch(c.Stations, station)
	return ok
}

// blind returns the stations of a plan's conditions that nobody sees.
func (t *turn) blind(p *catalog.Plan) []string {
	var out []string
	for i := range t.s.Standing {
		x := &t.s.Standing[i]
		if x.Blind && slices.ContainsFunc(p.Levels, func(l catalog.PlanLevel) bool {
			return slices.ContainsFunc(l.When, func(c catalog.Trigger) bool { return t.of(&c, x.Station) })
		}) {
			out = append(out, x.Station)
		}
	}
	return out
}

// Responses returns all plans of the basin and where they stand, ascending by
// plan, with their ladders as the catalogue has them now.
func (r *Rules) Responses(s State) []hydro.Response {
	s = s.clone()
	t := turn{r: r, s: &s}
	t.align() // also before the first tick
	for i := range s.Responses {
		x := &s.Responses[i]
		if p, ok := r.plan(x.Plan); ok {
			x.Ladder = r.ladder(p)
		}
	}
	return s.Responses
}

// ladder is the levels of a plan as people read them.
func (r *Rules) ladder(p *catalog.Plan) []hydro.Rung {
	var out []hydro.Rung
	for i := range p.Levels {
		l := &p.Levels[i]
		rung := hydro.Rung{Level: l.Level}
		for k := range l.When {
			zh, en := r.condition(&l.When[k])
			rung.WhenZH, rung.WhenEN = append(rung.WhenZH, zh), append(rung.WhenEN, en)
		}
		for k := range l.Measures {
			rung.Measures = append(rung.Measures, r.written(l.Level, &l.Measures[k]))
		}
		out = append(out, rung)
	}
	return out
}

// written is a measure as the plan has it, with nothing done yet.
func (r *Rules) written(level hydro.ResponseLevel, def *catalog.Measure) hydro.Measure {
	m := hydro.Measure{
		ID: def.ID, Level: level, NameZH: def.NameZH, NameEN: def.NameEN, Department: def.Department, Person: def.Person,
		Within: def.Within, EvidenceZH: def.EvidenceZH, EvidenceEN: def.EvidenceEN,
	}
	if p, ok := r.cat.Contact(def.Person); ok {
		m.PersonZH, m.PersonEN = p.NameZH, p.NameEN
	}
	for _, s := range def.Steps {
		m.StepsZH, m.StepsEN = append(m.StepsZH, s.ZH), append(m.StepsEN, s.EN)
	}
	return m
}
