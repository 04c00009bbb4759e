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
	hydro.Declare, hydro.StandDown, hydro.MeasureStart, hydro.MeasureDone, hydro.MeasureNote,
}

// Do carries out a command. Command.Response names the plan: of a declaration
// "<plan>/<level>", as in "water/III", of the others the plan alone or with its
// level. What may not be done is a [hydro.CommandError] that
// says why. The state given is not changed.
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
		return before, nil, refuse(fmt.Sprintf("流域%[2]s没有预案%[1]q：可由 freshet plan list 查看", id, r.basin), fmt.Sprintf("no plan %q in basin %s: freshet plan list shows them", id, r.basin))
	}
	x := &s.Responses[at]
	switch c.Kind {
	case hydro.Declare:
		err = t.declare(x, level, &c)
	case hydro.StandDown:
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
	if err != nil {
		return id, l, refuse(fmt.Sprintf("没有%q级：应为 IV、III、II 或 I", level), fmt.Sprintf("no level is called %q: write IV, III, II or I", level))
	}
	return id, l, nil
}

// refuse is why a command may not be done.
func refuse(zh, en string) error { return &hydro.CommandError{ZH: zh, EN: en} }

// everybody reports whether somebody speaks for every department: an admin, and
// whoever calls a server that asks nobody who they are.
func everybody(by *hydro.Person) bool {
	return by.Role == "admin" || by.Role == hydro.Unauthenticated
}

// declares refuses who may not speak for the body of a plan.
func declares(x *hydro.Response, by *hydro.Person) error {
	if everybody(by) || by.Department == x.Department {
		return nil
	}
	return refuse(fmt.Sprintf("%s由%s部门人员宣布，不能由%s宣布", x.NameZH, departmentZH[x.Department], departmentZHOf(by)), fmt.Sprintf("%s is declared by people of %s, not of %s", x.NameEN, x.Department, departmentOf(by)))
}

func departmentOf(p *hydro.Person) string {
	if p.Department == 0 {
		return "no department"
	}
	return p.Department.String()
}

func departmentZHOf(p *hydro.Person) string {
	if p.Department == 0 {
		return "无部门"
	}
	return departmentZH[p.Department]
}

func (t *turn) declare(x *hydro.Response, level hydro.ResponseLevel, c *hydro.Command) error {
	if err := declares(x, &c.By); err != nil {
		return err
	}
	p, ok := t.r.plan(x.Plan)
	if !ok {
		return refuse(fmt.Sprintf("预案%s已不在目录中，只能终止", x.Plan), fmt.Sprintf("plan %s is no longer in the catalogue: it can only be stood down", x.Plan))
	}
	if level == hydro.NoResponse {
		return refuse(fmt.Sprintf("请指明级别，如 %s/IV", x.Plan), fmt.Sprintf("say which level, as in %s/IV", x.Plan))
	}
	if _, has := p.At(level); !has {
		return refuse(fmt.Sprintf("预案%s没有%s级", x.Plan, level), fmt.Sprintf("plan %s has no level %s", x.Plan, level))
	}
	if x.Declared == level {
		return refuse(fmt.Sprintf("%s级响应已由%s于%s宣布", level, x.By.Name, t.clock(x.DeclaredAt)), fmt.Sprintf("level %s stands already, declared by %s at %s", level, x.By.Name, t.clock(x.DeclaredAt)))
	}
	if level != x.Proposed && c.Text == "" {
		proposedZH, proposed := "不启动响应", "no response"
		if x.Proposed != hydro.NoResponse {
			proposedZH, proposed = levelText(x.Proposed)
		}
		return refuse(fmt.Sprintf("预案条件建议%s：宣布%s级须说明理由", proposedZH, level), fmt.Sprintf("the conditions of the plan ask for %s: say why %s is declared", proposed, level))
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
	m := t.r.written(level, def)
	m.State, m.Opened = hydro.MeasureOpened, c.At
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
			m.State, m.Ended = hydro.MeasureDropped, c.At
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
		return refuse(fmt.Sprintf("预案%s当前没有响应", x.Plan), fmt.Sprintf("no response of plan %s stands", x.Plan))
	case level != hydro.NoResponse && level != x.Declared:
		return refuse(fmt.Sprintf("当前为%s级而非%s级：降级请宣布新的级别", x.Declared, level), fmt.Sprintf("level %s stands, not %s: to go to a lower level declare it", x.Declared, level))
	case x.Proposed != hydro.NoResponse && c.Text == "":
		return refuse(fmt.Sprintf("预案条件仍建议%s级：终止须说明理由", x.Proposed), fmt.Sprintf("the conditions of the plan still ask for level %s: say why it is stood down", x.Proposed))
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
		return refuse(fmt.Sprintf("预案%s没有措施%q", x.Plan, c.Measure), fmt.Sprintf("plan %s has no measure %q open", x.Plan, c.Measure))
	}
	m := &x.Measures[i]
	by := c.By.Department
	if !everybody(&c.By) && (by == 0 || by != m.Department && by != x.Department) {
		return refuse(fmt.Sprintf("措施%s属%s部门，%s人员不能办理", m.NameZH, departmentZH[m.Department], departmentZHOf(&c.By)), fmt.Sprintf("measure %s is of %s: people of %s do not tick it", m.ID, m.Department, departmentOf(&c.By)))
	}
	if len(m.Notes) >= maxNotes {
		return refuse(fmt.Sprintf("措施%s已有%d条记录，不再增加", m.NameZH, maxNotes), fmt.Sprintf("measure %s: %d notes are recorded, more are not kept", m.ID, maxNotes))
	}
	if !running(m) && c.Kind != hydro.MeasureNote {
		return refuse(fmt.Sprintf("措施%s自%s起已%s", m.NameZH, t.clock(m.Ended), stateZH[m.State]), fmt.Sprintf("measure %s is %s since %s", m.ID, m.State, t.clock(m.Ended)))
	}
	kind := Noted
	switch c.Kind { //nolint:exhaustive // Does knows the kinds that come here
	case hydro.MeasureStart:
		if m.State == hydro.MeasureBegun {
			return refuse(fmt.Sprintf("措施%s已于%s开始", m.NameZH, t.clock(m.Started)), fmt.Sprintf("measure %s was begun at %s", m.ID, t.clock(m.Started)))
		}
		m.State, m.Started, kind = hydro.MeasureBegun, c.At, Started
	case hydro.MeasureDone:
		if m.EvidenceEN != "" && c.Text == "" {
			return refuse(fmt.Sprintf("措施%s须附凭据：%s", m.NameZH, m.EvidenceZH), fmt.Sprintf("measure %s wants evidence: %s", m.ID, m.EvidenceEN))
		}
		m.State, m.Ended, kind = hydro.MeasureFinished, c.At, Finished
		m.Late = m.Late || !m.Deadline.IsZero() && c.At.After(m.Deadline)
	default:
		if c.Text == "" {
			return refuse(fmt.Sprintf("措施%s的备注为空", m.NameZH), fmt.Sprintf("an empty note on measure %s", m.ID))
		}
	}
	m.Notes = append(m.Notes, hydro.MeasureRemark{At: c.At, By: c.By, Kind: c.Kind, Text: c.Text})
	t.tellMeasure(x, m, kind, c)
	return nil
}
