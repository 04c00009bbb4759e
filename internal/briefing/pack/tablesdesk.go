package pack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	freshetv1 "freshet/proto/freshet/v1"
)

func (m *maker) warningPart(s *Section) {
	t := Table{
		ID: "warnings", Title: m.pick("各站状态", "Where the stations stand"), Empty: m.pick("各站状态未知。", "Where the stations stand is not known."),
		Columns: m.columns("站名", "Station", "状态", "Stage", m.at("自"), m.at("Since"), "实测", "Observed", "预报", "Forecast", "*理由", "*Reason"),
	}
	stages := slices.Clone(m.s.GetStages())
	slices.SortStableFunc(stages, func(a, b *freshetv1.StationStage) int { return cmp.Compare(b.GetStage(), a.GetStage()) })
	for _, x := range stages {
		t.Rows = append(t.Rows, []Cell{
			m.station(x.GetStation()), m.stage(x.GetStage()), m.instant(x.GetSince()), m.leg(x.GetObserved()), m.leg(x.GetForecast()),
			words(cmp.Or(m.pick(x.GetReasonZh(), x.GetReasonEn()), m.cause(x.GetCause()), "—")),
		})
	}
	w := Table{
		ID: "waves", Title: m.pick("洪水过程与失联", "Waves and outages"), Empty: m.pick("没有进行中或一天内结束的过程。", "None is open, none closed within a day."),
		Columns: m.columns("类别", "Kind", "现级", "Stage", "最高", "Highest", m.at("开始"), m.at("Opened"), m.at("结束"), m.at("Closed"), "站数", "Stations", "仍在预警", "Standing", "*概述", "*Summary"),
	}
	for _, g := range m.s.GetGroups() {
		closed := m.instant(g.GetClosedAt())
		if g.GetClosedAt() == nil {
			closed = missing(m.pick("进行中", "open"))
		}
		w.Rows = append(w.Rows, []Cell{
			words(m.groupKind(g.GetKind())), m.stage(g.GetStage()), m.stage(g.GetHighest()), m.instant(g.GetOpenedAt()), closed,
			m.number(Count, float64(g.GetStationCount())), m.number(Count, float64(g.GetStanding())), words(m.pick(g.GetTextZh(), g.GetTextEn())),
		})
	}
	a := Table{
		ID: "alarms", Title: m.pick("报警", "Alarms"), Empty: m.pick("没有报警。", "There are no alarms."),
		Columns: m.columns("站名", "Station", "处理", "State", m.at("自"), m.at("Since"), "级别", "Stage", "人员", "By", "*说明", "*Words"),
	}
	for _, x := range m.s.GetAlarms() {
		w := alarmWords[x.GetState()]
		a.Rows = append(a.Rows, []Cell{
			m.station(x.GetStation()), words(m.pick(w.zh, w.en)).strong(strings.Contains(w.en, "unack")), m.instant(x.GetSince()), m.stage(x.GetStage()),
			words(cmp.Or(x.GetBy().GetName(), "—")), words(cmp.Or(x.GetReason(), m.cause(x.GetCause()), "—")),
		})
	}
	c := Table{
		ID: "calls", Title: m.pick("叫应", "Calls"), Empty: m.pick("没有叫应。", "Nobody has been called."),
		Columns: m.columns("级别", "Stage", "触发站", "Station", m.at("开始"), m.at("Opened"), "人员", "Person", "部门", "Department", "结果", "Outcome", "应叫次数", "Tries", "已到次数", "Fell due"),
	}
	for _, r := range m.s.GetCalls() {
		for _, x := range r.GetCalls() {
			c.Rows = append(c.Rows, []Cell{
				m.stage(r.GetStage()), m.station(r.GetStation()), m.instant(r.GetOpened()), words(cmp.Or(m.pick(x.GetNameZh(), x.GetNameEn()), x.GetPerson())),
				words(m.department(x.GetDepartment())), m.outcome(x.GetOutcome()), m.number(Count, float64(x.GetTries())), m.number(Count, float64(x.GetGiven())),
			})
		}
	}
	s.Tables = append(s.Tables, t, w, a, c)
}

func (m *maker) groupKind(k freshetv1.GroupKind) string {
	switch k {
	case freshetv1.GroupKind_GROUP_KIND_WAVE:
		return m.pick("洪水过程", "wave")
	case freshetv1.GroupKind_GROUP_KIND_BLIND:
		return m.pick("失联", "outage")
	default:
		return m.pick("未注明", "not stated")
	}
}

func (m *maker) outcome(o freshetv1.CallOutcome) Cell {
	w, ok := map[freshetv1.CallOutcome]name{
		freshetv1.CallOutcome_CALL_OUTCOME_CALLING: {"正在叫应", "being called"}, freshetv1.CallOutcome_CALL_OUTCOME_CONFIRMED: {"已应答", "confirmed"},
		freshetv1.CallOutcome_CALL_OUTCOME_UNREACHED: {"未到", "NOT REACHED"}, freshetv1.CallOutcome_CALL_OUTCOME_STOPPED: {"他人已应答", "another confirmed"},
		freshetv1.CallOutcome_CALL_OUTCOME_SUPERSEDED: {"已转高一级叫应", "a higher stage calls"},
	}[o]
	if !ok {
		return missing("—")
	}
	return words(m.pick(w.zh, w.en)).strong(o == freshetv1.CallOutcome_CALL_OUTCOME_UNREACHED)
}

// leg is the stage that one kind of evidence asks for, with its value.
func (m *maker) leg(l *freshetv1.Leg) Cell {
	if l.GetVariable() == freshetv1.Variable_VARIABLE_UNSPECIFIED {
		return missing(m.pick("无依据", "no evidence"))
	}
	return words(m.stage(l.GetStage()).show)
}

func (m *maker) blindPart(s *Section) {
	t := Table{
		ID: "blind", Title: m.pick("盲区", "Blind spots"), Empty: fmt.Sprintf(m.pick("%d站均无盲区。", "Nothing of %d stations is blind."), len(m.s.GetBoard())),
		Columns: m.columns("部门", "Department", "原因", "Cause", "网关", "Gateway", "整体失联", "Whole", "站数", "Count", m.at("最后可用"), m.at("Last usable"), "*测站", "*Stations", "*须派人查看", "*To be looked at"),
	}
	for _, b := range m.s.GetBlind() {
		since := m.instant(b.GetSince())
		if b.GetSince() == nil {
			since = missing(m.pick("从未见过", "never seen"))
		}
		t.Rows = append(t.Rows, []Cell{
			words(m.department(b.GetDepartment())), words(m.cause(b.GetCause())), words(cmp.Or(b.GetGateway(), "—")), words(m.yes(b.GetWhole())),
			m.number(Count, float64(len(b.GetStations()))), since, words(m.list(b.GetStations())), words(m.list(b.GetEscalated())).strong(len(b.GetEscalated()) > 0),
		})
	}
	h := Table{
		ID: "data", Title: m.pick("资料状况", "State of the data"), Empty: m.pick("目录中无测站。", "The catalogue has no station."),
		Columns: m.columns("站名", "Station", "部门", "Department", "类别", "Kind", "资料龄|min", "Age|min", "超时", "Overdue", "*状况", "*State"),
	}
	for _, r := range m.s.GetBoard() {
		age := missing(m.pick("从未上报", "never reported"))
		if r.AgeS != nil {
			age = m.number(Count, r.GetAgeS()/60)
		}
		h.Rows = append(h.Rows, []Cell{
			m.station(r.GetStation()), words(m.department(r.GetDepartment())), words(m.kind(r.GetKind())), age, words(m.yes(r.GetOverdue())).strong(r.GetOverdue()), words(m.health(r)),
		})
	}
	c := Table{
		ID: "conflicts", Title: m.pick("各部门不一致", "Departments differ"), Empty: m.pick("没有不一致。", "The departments differ in nothing."),
		Columns: m.columns("测站", "Station", m.at("自"), m.at("Since"), "*差异", "*What differs", "*处理", "*How it is settled"),
	}
	for _, x := range m.s.GetConflicts() {
		place := x.GetSite()
		if x.GetStation() != "" {
			place = m.name(x.GetStation())
		}
		c.Rows = append(c.Rows, []Cell{
			words(cmp.Or(place, "—")), m.instant(x.GetSince()), words(cmp.Or(m.pick(x.GetWhatZh(), x.GetWhatEn()), "—")), words(cmp.Or(m.pick(x.GetSettleZh(), x.GetSettleEn()), "—")),
		})
	}
	s.Tables = append(s.Tables, t, h, c)
}

func (m *maker) kind(k string) string {
	w, ok := map[string]string{"rain": "雨量", "level": "水位", "hydrological": "水文", "reservoir": "水库", "gate": "闸", "tide": "潮位"}[k]
	if !ok {
		return cmp.Or(k, m.pick("未注明", "not stated"))
	}
	return m.pick(w, k)
}

func (m *maker) yes(is bool) string {
	if is {
		return m.pick("是", "yes")
	}
	return m.pick("否", "no")
}

func (m *maker) plansPart(s *Section) {
	t := Table{
		ID: "plans", Title: m.pick("预案", "Plans"), Empty: m.pick("目录中未配置预案。", "The catalogue has no plan."),
		Columns: m.columns("预案", "Plan", "机构", "Body", "已宣布", "Declared", m.at("宣布时间"), m.at("Declared at"), "宣布人", "By", "系统建议", "Proposed", "*建议理由", "*Because"),
	}
	x := Table{
		ID: "measures", Title: m.pick("措施", "Measures"), Empty: m.pick("没有措施：未宣布响应。", "No measures: no response has been declared."),
		Columns: m.columns("预案", "Plan", "级别", "Level", "*措施", "*Measure", "责任", "Owner", "状态", "State", m.at("时限"), m.at("Deadline"), m.at("开始"), m.at("Begun"), m.at("结束"), m.at("Ended"), "超时", "Late"),
	}
	for _, r := range m.s.GetResponses() {
		t.Rows = append(t.Rows, []Cell{
			words(m.pick(r.GetNameZh(), r.GetNameEn())), words(m.pick(r.GetBodyZh(), r.GetBodyEn())), words(m.declared(r.GetDeclared())), m.instant(r.GetDeclaredAt()),
			words(cmp.Or(r.GetBy().GetName(), "—")), words(m.level(r.GetProposed())).strong(r.GetProposed() != r.GetDeclared()), words(cmp.Or(m.pick(r.GetReasonZh(), r.GetReasonEn()), "—")),
		})
		for _, k := range r.GetMeasures() {
			x.Rows = append(x.Rows, m.measureCells(m.pick(r.GetNameZh(), r.GetNameEn()), k))
		}
	}
	s.Tables = append(s.Tables, t, x)
}

func (m *maker) measureCells(plan string, k *freshetv1.Measure) []Cell {
	w := measureWords[k.GetState()]
	deadline := m.instant(k.GetDeadline())
	if k.GetDeadline() == nil {
		deadline = missing(m.pick("无时限", "no deadline"))
	}
	return []Cell{
		words(plan), words(m.level(k.GetLevel())), words(m.pick(k.GetNameZh(), k.GetNameEn())), words(m.owner(k)), words(m.pick(w.zh, w.en)),
		deadline, m.instant(k.GetStarted()), m.instant(k.GetEnded()), words(m.yes(k.GetLate())).strong(k.GetLate()),
	}
}

func (m *maker) changesPart(s *Section) {
	d := m.Diff
	if d == nil {
		return
	}
	t := Table{
		ID: "changed", Title: m.pick("测站变化", "Stations that stand otherwise"), Empty: m.pick("没有测站变化。", "No station stands otherwise."),
		Columns: m.columns("变化", "Change", "站名", "Station", "上次", "Before", "本次", "Now", m.at("自"), m.at("Since"), "*理由", "*Reason"),
	}
	for _, k := range []struct {
		zh, en string
		list   []*freshetv1.StationChange
	}{{"升级", "worse", d.GetWorse()}, {"失去", "lost", d.GetLost()}, {"降级", "better", d.GetBetter()}, {"恢复", "back", d.GetBack()}, {"新增", "new", d.GetNew()}, {"撤销", "gone", d.GetGone()}} {
		for _, c := range k.list {
			t.Rows = append(t.Rows, []Cell{
				words(m.pick(k.zh, k.en)), words(m.changed(c)), m.stage(c.GetFrom()), m.stage(c.GetTo()), m.instant(c.GetSince()),
				words(cmp.Or(m.pick(c.GetReasonZh(), c.GetReasonEn()), m.cause(c.GetCauseTo()), m.cause(c.GetCauseFrom()), "—")),
			})
		}
	}
	v := Table{
		ID: "moved", Title: m.pick("水位流量变化", "Levels and flows since"), Empty: m.pick("没有可比较的变化。", "Nothing that can be compared has changed."),
		Columns: m.columns("站名", "Station", "要素", "What", "上次|m, m³/s", "Before|m, m³/s", m.at("上次时间"), m.at("At"), "本次|m, m³/s", "Now|m, m³/s", m.at("本次时间"), m.at("At"), "变化|m, m³/s", "Change|m, m³/s"),
	}
	for _, x := range d.GetValues() {
		k := kindOf(x.GetVariable())
		change, what := Moved, m.pick("流量", "flow")
		if k == Level {
			change, what = Over, m.pick("水位", "level")
		}
		v.Rows = append(v.Rows, []Cell{
			words(cmp.Or(m.pick(x.GetNameZh(), x.GetNameEn()), x.GetStation())), words(what), m.number(k, x.GetFrom()), m.instant(x.GetFromAt()), m.number(k, x.GetTo()), m.instant(x.GetToAt()),
			m.number(change, x.GetChange()),
		})
	}
	r := Table{
		ID: "rainsince", Title: m.pick("期间雨量", "Rain since"), Empty: m.pick("没有雨量站。", "There is no rain gauge."),
		Columns: m.columns("站名", "Station", "雨量|mm", "Rain|mm", "资料覆盖", "Covered"),
	}
	for _, x := range d.GetRain() {
		rain := m.absent()
		if x.GetCoverage() > 0 {
			rain = m.rainCell(&freshetv1.BoardRain{Rain: x.GetRain(), Coverage: x.GetCoverage()})
		}
		r.Rows = append(r.Rows, []Cell{words(cmp.Or(m.pick(x.GetNameZh(), x.GetNameEn()), x.GetStation())), rain, m.number(Share, x.GetCoverage())})
	}
	s.Tables = append(s.Tables, t, v, r, m.peaksMoved(), m.measuresMoved())
}

func (m *maker) peaksMoved() Table {
	t := Table{
		ID: "peaksmoved", Title: m.pick("预报洪峰变化", "Forecast peaks that moved"), Empty: m.pick("没有变化。", "None moved."),
		Columns: m.columns("站名", "Station", "上次峰水位|m", "Peak before|m", m.at("上次峰现"), m.at("At"), "本次峰水位|m", "Peak now|m", m.at("本次峰现"), m.at("At"), "水位变化|m", "Level change|m",
			"流量变化|m³/s", "Flow change|m³/s", "峰现推迟|h", "Later|h"),
	}
	for _, x := range m.Diff.GetForecasts() {
		why := m.incomparable()
		t.Rows = append(t.Rows, []Cell{
			words(cmp.Or(m.pick(x.GetNameZh(), x.GetNameEn()), x.GetStation())), m.peakCell(Level, x.GetFrom(), x.GetFrom().GetLevel()), m.instant(x.GetFrom().GetAt()),
			m.peakCell(Level, x.GetTo(), x.GetTo().GetLevel()), m.instant(x.GetTo().GetAt()), m.optional(Over, x.LevelChange, why), m.optional(Moved, x.DischargeChange, why), m.later(x.LaterS),
		})
	}
	return t
}

func (m *maker) later(s *float64) Cell {
	if s == nil {
		return missing(m.incomparable())
	}
	return m.number(Hours, *s/3600)
}

func (m *maker) measuresMoved() Table {
	t := Table{
		ID: "measuresmoved", Title: m.pick("措施变化", "Measures that moved"), Empty: m.pick("没有变化。", "None moved."),
		Columns: m.columns("变化", "Change", "预案", "Plan", "级别", "Level", "*措施", "*Measure", "责任", "Owner", "状态", "State", m.at("时限"), m.at("Deadline"), m.at("开始"), m.at("Begun"), m.at("结束"), m.at("Ended"), "超时", "Late"),
	}
	d := m.Diff
	for _, k := range []struct {
		zh, en string
		list   []*freshetv1.MeasureChange
	}{{"新开", "opened", d.GetOpened()}, {"开始", "begun", d.GetStarted()}, {"完成", "done", d.GetDone()}, {"超时", "late", d.GetLate()}, {"未完成即关闭或不再列出", "closed undone or no longer listed", d.GetClosed()}} {
		for _, c := range k.list {
			t.Rows = append(t.Rows, append([]Cell{words(m.pick(k.zh, k.en))}, m.measureCells(m.pick(c.GetPlanZh(), c.GetPlanEn()), c.GetMeasure())...))
		}
	}
	return t
}
