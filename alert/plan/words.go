package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/alert/standing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var (
	stageZH      = [...]string{"解除", "蓝色", "黄色", "橙色", "红色", "失明"}
	departmentZH = [...]string{"", "气象", "水文", "水利"}
	stateZH      = [...]string{"", "待办", "办理中", "完成", "关闭"}
)

// clock is an instant as people read it, in the zone of the basin.
func (t *turn) clock(at time.Time) string { return at.In(t.r.zone).Format("01-02 15:04") }

// tell adds an event of a response.
func (t *turn) tell(x *hydro.Response, e hydro.DutyEvent) {
	e.Basin, e.At, e.Response = t.r.basin, t.now, x.Plan
	for i := range t.s.Standing {
		e.Stage = max(e.Stage, t.s.Standing[i].Stage) // that the basin stands at: for those who follow from a stage on
	}
	t.events = append(t.events, e)
}

func (r *Rules) station(id string) (zh, en string) {
	if st, ok := r.cat.Station(id); ok {
		return st.NameZH, st.NameEN
	}
	return id, id
}

// condition says what a condition asks for.
func (r *Rules) condition(c *catalog.Trigger) (string, string) {
	ofZH, ofEN := "全流域", "of the basin"
	if len(c.Stations) > 0 {
		var zh, en []string
		for _, id := range c.Stations {
			nameZH, nameEN := r.station(id)
			zh, en = append(zh, nameZH), append(en, nameEN)
		}
		ofZH, ofEN = strings.Join(zh, "、"), "of "+strings.Join(en, ", ")
	}
	return fmt.Sprintf("%s中%d站达%s及以上", ofZH, c.Count, stageZH[c.Stage]), fmt.Sprintf("%d at %s or above, %s", c.Count, c.Stage, ofEN)
}

// reasons says which conditions are met, by which stations, and who is not seen.
func (t *turn) reasons(x *hydro.Response, met []meeting) (string, string) {
	var partsZH, partsEN []string
	for _, m := range met {
		var zh, en []string
		for _, s := range m.stations {
			nameZH, nameEN := t.r.station(s.Station)
			lostZH, lostEN := "", ""
			if s.Blind {
				lostZH, lostEN = "（失明前）", " when last seen"
			}
			zh, en = append(zh, nameZH+stageZH[s.Stage]+lostZH), append(en, nameEN+" "+s.Stage.String()+lostEN)
		}
		partsZH = append(partsZH, fmt.Sprintf("%d站达%s及以上（条件%d站）：%s", len(m.stations), stageZH[m.condition.Stage], m.condition.Count, strings.Join(zh, "、")))
		partsEN = append(partsEN, fmt.Sprintf("%d at %s or above (%d asked for): %s", len(m.stations), m.condition.Stage, m.condition.Count, strings.Join(en, ", ")))
	}
	if len(met) == 0 {
		partsZH, partsEN = append(partsZH, "无条件满足"), append(partsEN, "no condition is met")
	}
	if len(x.Blind) > 0 {
		var zh, en []string
		for _, id := range x.Blind {
			nameZH, nameEN := t.r.station(id)
			if t.escalated(id) {
				nameZH, nameEN = nameZH+"（河段上涨，须派人查看）", nameEN+" (the reach is rising, have somebody look)"
			}
			zh, en = append(zh, nameZH), append(en, nameEN)
		}
		partsZH = append(partsZH, fmt.Sprintf("%d站失明：%s", len(zh), strings.Join(zh, "、")))
		partsEN = append(partsEN, fmt.Sprintf("%d not seen: %s", len(en), strings.Join(en, ", ")))
	}
	return strings.Join(partsZH, "；"), strings.Join(partsEN, "; ")
}

// escalated reports whether a station is blind on a rising reach.
func (t *turn) escalated(station string) bool {
	return slices.ContainsFunc(t.s.Standing, func(x standing.Station) bool { return x.Station == station && x.Escalation.Stage != hydro.Clear })
}

func levelText(l hydro.ResponseLevel) (zh, en string) {
	if l == hydro.NoResponse {
		return "不启动响应", "no response"
	}
	return l.String() + "级响应", "level " + l.String()
}

func (t *turn) tellProposed(x *hydro.Response, before hydro.ResponseLevel) {
	zh, en := levelText(x.Proposed)
	if x.Proposed == hydro.NoResponse && x.Declared != hydro.NoResponse {
		zh, en = "终止响应", "to stand down"
	}
	standsZH, standsEN := levelText(x.Declared)
	if x.Declared == hydro.NoResponse {
		standsZH = "未启动响应"
	}
	t.tell(x, hydro.DutyEvent{
		Kind: Proposed, From: before.String(), To: x.Proposed.String(),
		TextZH: fmt.Sprintf("%s：建议%s（现：%s）。%s。须由%s宣布。", x.NameZH, zh, standsZH, x.ReasonZH, x.BodyZH),
		TextEN: fmt.Sprintf("%s: proposes %s (stands: %s); %s; to be declared by %s", x.NameEN, en, standsEN, x.ReasonEN, x.BodyEN),
	})
}

// said is what somebody said, after a stop.
func said(text string) (zh, en string) {
	if text == "" {
		return "", ""
	}
	return "：" + text, ": " + text
}

func (t *turn) tellDeclared(x *hydro.Response, before hydro.ResponseLevel, c *hydro.Command) {
	saidZH, saidEN := said(c.Text)
	t.tell(x, hydro.DutyEvent{
		Kind: Declared, From: before.String(), To: x.Declared.String(), By: c.By, Command: c.ID,
		TextZH: fmt.Sprintf("%s：%s宣布启动%s级响应%s。", x.NameZH, c.By.Name, x.Declared, saidZH),
		TextEN: fmt.Sprintf("%s: level %s declared by %s%s", x.NameEN, x.Declared, c.By.Name, saidEN),
	})
}

func (t *turn) tellStoodDown(x *hydro.Response, before hydro.ResponseLevel, c *hydro.Command) {
	saidZH, saidEN := said(c.Text)
	open := 0
	for i := range x.Measures {
		if running(&x.Measures[i]) {
			open++
		}
	}
	t.tell(x, hydro.DutyEvent{
		Kind: StoodDown, From: before.String(), By: c.By, Command: c.ID,
		TextZH: fmt.Sprintf("%s：%s宣布终止%s级响应，%d项措施未完成%s。", x.NameZH, c.By.Name, before, open, saidZH),
		TextEN: fmt.Sprintf("%s: level %s stood down by %s, measures not done: %d%s", x.NameEN, before, c.By.Name, open, saidEN),
	})
}

// owner is who a measure is of.
func owner(m *hydro.Measure) (zh, en string) {
	if int(m.Department) < len(departmentZH) {
		zh = departmentZH[m.Department]
	}
	en = m.Department.String()
	if m.PersonEN != "" {
		return zh + m.PersonZH, en + ", " + m.PersonEN
	}
	return zh, en
}

func (t *turn) tellOpened(x *hydro.Response, m *hydro.Measure, c *hydro.Command) {
	zh, en := owner(m)
	byZH, byEN := "", ""
	if !m.Deadline.IsZero() {
		byZH, byEN = "，"+t.clock(m.Deadline)+"前完成", ", to be done by "+t.clock(m.Deadline)
	}
	t.tell(x, hydro.DutyEvent{
		Kind: Opened, Measure: m.ID, To: m.State.String(), Until: m.Deadline, By: c.By, Command: c.ID,
		TextZH: fmt.Sprintf("%s：%s级措施「%s」，责任：%s%s。", x.NameZH, m.Level, m.NameZH, zh, byZH),
		TextEN: fmt.Sprintf("%s: measure of level %s: %s, owner %s%s", x.NameEN, m.Level, m.NameEN, en, byEN),
	})
}

var doneZH = map[string]string{Started: "已开始", Finished: "已完成", Noted: "备注"}

var doneEN = map[string]string{Started: "begun", Finished: "done", Noted: "note"}

func (t *turn) tellMeasure(x *hydro.Response, m *hydro.Measure, kind string, c *hydro.Command) {
	saidZH, saidEN := said(c.Text)
	lateZH, lateEN := "", ""
	if kind == Finished && m.Late {
		over := c.At.Sub(m.Deadline).Round(time.Minute)
		lateZH, lateEN = fmt.Sprintf("（超时%d分钟）", int(over.Minutes())), fmt.Sprintf(", %d min late", int(over.Minutes()))
	}
	t.tell(x, hydro.DutyEvent{
		Kind: kind, Measure: m.ID, To: m.State.String(), Until: m.Deadline, By: c.By, Command: c.ID,
		TextZH: fmt.Sprintf("%s：「%s」%s%s（%s）%s。", x.NameZH, m.NameZH, doneZH[kind], lateZH, c.By.Name, saidZH),
		TextEN: fmt.Sprintf("%s: %s: %s%s by %s%s", x.NameEN, m.NameEN, doneEN[kind], lateEN, c.By.Name, saidEN),
	})
}

func (t *turn) tellLate(x *hydro.Response, m *hydro.Measure) {
	zh, en := owner(m)
	beganZH, beganEN := "未开始", "not begun"
	if m.State == hydro.MeasureBegun {
		beganZH, beganEN = "已开始未完成", "begun and not done"
	}
	t.tell(x, hydro.DutyEvent{
		Kind: Late, Measure: m.ID, To: m.State.String(), Until: m.Deadline,
		TextZH: fmt.Sprintf("%s：「%s」超时，应于%s完成，%s，责任：%s。", x.NameZH, m.NameZH, t.clock(m.Deadline), beganZH, zh),
		TextEN: fmt.Sprintf("%s: %s is late: due %s, %s, owner %s", x.NameEN, m.NameEN, t.clock(m.Deadline), beganEN, en),
	})
}

func (t *turn) tellClosed(x *hydro.Response, m *hydro.Measure, c *hydro.Command) {
	t.tell(x, hydro.DutyEvent{
		Kind: Closed, Measure: m.ID, To: m.State.String(), By: c.By, Command: c.ID,
		TextZH: fmt.Sprintf("%s：「%s」未完成，随响应调整关闭。", x.NameZH, m.NameZH),
		TextEN: fmt.Sprintf("%s: %s closed, not done, as its level is left", x.NameEN, m.NameEN),
	})
}
