package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Does reports whether commands of that kind are of this package.
func Does(k hydro.CommandKind) bool {
	return slices.Contains(kinds, k)
}

var kinds = []hydro.CommandKind{
	hydro.CommandDeclare, hydro.CommandStandDown, hydro.CommandMeasureStart, hydro.CommandMeasureDone, hydro.CommandMeasureNote,
}

// Do carries out a command. Command.Response names the plan: of a declaration
// "<plan>/<level>", as in "water/III", of the others the plan alone or with its
// level. What may not be done is an error that wraps [hydro.ErrConflict],
// [hydro.ErrInvalid] or [hydro.ErrNotFound] and says why. The state given is not
// changed.
func (r *Rules) Do(s State, c hydro.Command) (State, []hydro.DutyEvent, error) {
	before := s
	s = s.clone()
	t := turn{r: r, s: &s, now: c.At}
	t.align()
	id, level, err := parse(c.Response)
	if err != nil {
		return before, nil, err
	}
	at, ok := slices.BinarySearchFunc(s.Responses, id, func(x hydro.Response, id string) int { return cmp.Compare(x.Plan, id) })
	if !ok {
		return before, nil, fmt.Errorf("no plan %q in basin %s: freshet plan list shows them: %w", id, r.basin, hydro.ErrNotFound)
	}
	x := &s.Responses[at]
	switch c.Kind {
	case hydro.CommandDeclare:
		err = t.declare(x, level, &c)
	case hydro.CommandStandDown:
		err = t.standDown(x, level, &c)
	default:
		err = t.measure(x, &c)
	}
	if err != nil {
		return before, nil, err
	}
	return s, t.events, nil
}

// parse splits "<plan>/<level>"; the level may be missing.
func parse(response string) (string, hydro.ResponseLevel, error) {
	id, level, found := strings.Cut(response, "/")
	if !found {
		return id, hydro.NoResponse, nil
	}
	l, err := hydro.ParseResponse(level)
	return id, l, err
}

// declares refuses who may not speak for the body of a plan.
func declares(x *hydro.Response, by *hydro.Person) error {
	if by.Role == "admin" || by.Department == x.Department {
		return nil
	}
	return fmt.Errorf("%s is declared by people of %s, not of %s: %w", x.NameEN, x.Department, departmentOf(by), hydro.ErrConflict)
}

func departmentOf(p *hydro.Person) string {
	if p.Department == 0 {
		return "no department"
	}
	return p.Department.String()
}

func (t *turn) declare(x *hydro.Response, level hydro.ResponseLevel, c *hydro.Command) error {
	if err := declares(x, &c.By); err != nil {
		return err
	}
	p, ok := t.r.plan(x.Plan)
	if !ok {
		return fmt.Errorf("plan %s is no longer in the catalogue: it can only be stood down: %w", x.Plan, hydro.ErrConflict)
	}
	if level == hydro.NoResponse {
		return fmt.Errorf("say which level, as in %s/IV: %w", x.Plan, hydro.ErrInvalid)
	}
	if _, has := p.At(level); !has {
		return fmt.Errorf("plan %s has no level %s: %w", x.Plan, level, hydro.ErrNotFound)
	}
	if x.Declared == level {
		return fmt.Errorf("level %s stands already, declared by %s at %s: %w", level, x.By.Name, t.clock(x.DeclaredAt), hydro.ErrConflict)
	}
	if level != x.Proposed && c.Text == "" {
		proposed := "no response"
		if x.Proposed != hydro.NoResponse {
			proposed = "level " + x.Proposed.String()
		}
		return fmt.Errorf("the conditions of the plan ask for %s: say why %s is declared: %w", proposed, level, hydro.ErrInvalid)
	}
	before := x.Declared
	if before == hydro.NoResponse {
		x.Measures = nil // those of the response before are on the log
	}
	x.Declared, x.DeclaredAt, x.By, x.Text = level, c.At, c.By, c.Text
	t.tellDeclared(x, before, c)
	for i := range p.Levels {
		l := &p.Levels[i]
		switch {
		case l.Level.Above(level): // left, or never reached
			t.close(x, l.Level, c)
		case l.Level.Above(before) || before == hydro.NoResponse:
			for k := range l.Measures {
				t.open(x, l.Level, &l.Measures[k], c)
			}
		}
	}
	t.closeRest(x, p, c)
	return nil
}

// open opens a measure, or opens it anew.
func (t *turn) open(x *hydro.Response, level hydro.ResponseLevel, def *catalog.Measure, c *hydro.Command) {
	m := hydro.Measure{
		ID: def.ID, Level: level, NameZH: def.NameZH, NameEN: def.NameEN, Department: def.Department, Person: def.Person,
		EvidenceZH: def.EvidenceZH, EvidenceEN: def.EvidenceEN, State: hydro.MeasureOpen, Opened: c.At,
	}
	if p, ok := t.r.cat.Contact(def.Person); ok {
		m.PersonZH, m.PersonEN = p.NameZH, p.NameEN
	}
	for _, s := range def.Steps {
		m.StepsZH, m.StepsEN = append(m.StepsZH, s.ZH), append(m.StepsEN, s.EN)
	}
	if def.Within > 0 {
		m.Deadline = c.At.Add(def.Within)
	}
	i := slices.IndexFunc(x.Measures, func(o hydro.Measure) bool { return o.ID == m.ID })
	if i >= 0 {
		m.Notes = x.Measures[i].Notes
		x.Measures[i] = m
	} else {
		x.Measures = append(x.Measures, m)
		i = len(x.Measures) - 1
	}
	t.tellOpened(x, &x.Measures[i], c)
}

// close ends the measures of a level that are still to be done.
func (t *turn) close(x *hydro.Response, level hydro.ResponseLevel, c *hydro.Command) {
	for i := range x.Measures {
		if m := &x.Measures[i]; m.Level == level && running(m) {
			m.State, m.Ended = hydro.MeasureClosed, c.At
			t.tellClosed(x, m, c)
		}
	}
}

// closeRest ends measures of higher levels that the plan no longer has.
func (t *turn) closeRest(x *hydro.Response, p *catalog.Plan, c *hydro.Command) {
	for _, l := range hydro.ResponseLevels {
		if _, has := p.At(l); !has && l.Above(x.Declared) {
			t.close(x, l, c)
		}
	}
}

func (t *turn) standDown(x *hydro.Response, level hydro.ResponseLevel, c *hydro.Command) error {
	if err := declares(x, &c.By); err != nil {
		return err
	}
	switch {
	case x.Declared == hydro.NoResponse:
		return fmt.Errorf("no response of plan %s stands: %w", x.Plan, hydro.ErrConflict)
	case level != hydro.NoResponse && level != x.Declared:
		return fmt.Errorf("level %s stands, not %s: to go to a lower level declare it: %w", x.Declared, level, hydro.ErrConflict)
	case x.Proposed != hydro.NoResponse && c.Text == "":
		return fmt.Errorf("the conditions of the plan still ask for level %s: say why it is stood down: %w", x.Proposed, hydro.ErrInvalid)
	}
	before := x.Declared
	x.Declared, x.DeclaredAt, x.By, x.Text = hydro.NoResponse, c.At, c.By, c.Text
	t.tellStoodDown(x, before, c)
	for _, l := range hydro.ResponseLevels {
		t.close(x, l, c)
	}
	return nil
}

func (t *turn) measure(x *hydro.Response, c *hydro.Command) error {
	i := slices.IndexFunc(x.Measures, func(m hydro.Measure) bool { return m.ID == c.Measure })
	if i < 0 {
		return fmt.Errorf("plan %s has no measure %q open: %w", x.Plan, c.Measure, hydro.ErrNotFound)
	}
	m := &x.Measures[i]
	by := c.By.Department
	if c.By.Role != "admin" && (by == 0 || by != m.Department && by != x.Department) {
		return fmt.Errorf("measure %s is of %s: people of %s do not tick it: %w", m.ID, m.Department, departmentOf(&c.By), hydro.ErrConflict)
	}
	if len(m.Notes) >= maxNotes {
		return fmt.Errorf("measure %s: %d notes are recorded, more are not kept: %w", m.ID, maxNotes, hydro.ErrConflict)
	}
	if !running(m) && c.Kind != hydro.CommandMeasureNote {
		return fmt.Errorf("measure %s is %s since %s: %w", m.ID, m.State, t.clock(m.Ended), hydro.ErrConflict)
	}
	kind := Noted
	switch c.Kind { //nolint:exhaustive // Does knows the kinds that come here
	case hydro.CommandMeasureStart:
		if m.State == hydro.MeasureStarted {
			return fmt.Errorf("measure %s was begun at %s: %w", m.ID, t.clock(m.Started), hydro.ErrConflict)
		}
		m.State, m.Started, kind = hydro.MeasureStarted, c.At, Started
	case hydro.CommandMeasureDone:
		if m.EvidenceEN != "" && c.Text == "" {
			return fmt.Errorf("measure %s wants evidence: %s: %w", m.ID, m.EvidenceEN, hydro.ErrInvalid)
		}
		m.State, m.Ended, kind = hydro.MeasureDone, c.At, Finished
		m.Late = m.Late || !m.Deadline.IsZero() && c.At.After(m.Deadline)
	default:
		if c.Text == "" {
			return fmt.Errorf("an empty note on measure %s: %w", m.ID, hydro.ErrInvalid)
		}
	}
	m.Notes = append(m.Notes, hydro.MeasureNote{At: c.At, By: c.By, Kind: c.Kind, Text: c.Text})
	t.tellMeasure(x, m, kind, c)
	return nil
}
