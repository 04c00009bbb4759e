package main

import (
	"fmt"
	"math"
	"strings"

	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// diffText is what changed, for people: the worst first.
func diffText(d *freshetv1.SituationDiff, zone string, lang termui.Lang) string {
	p := newBriefingPage(zone, lang)
	pick := lang.Pick
	for _, x := range []struct {
		zh, en string
		at     *freshetv1.SituationPoint
	}{{"从", "from", d.GetFrom()}, {"到", "to  ", d.GetTo()}} {
		fmt.Fprintf(p, "%s %s · %s %s · %s %.12s · SHA-256 %.16s\n", pick(x.zh, x.en), x.at.GetAsOf().AsTime().In(p.zone).Format("2006-01-02 15:04:05 -07:00"),
			pick("判定时刻", "decided at"), p.time(x.at.GetAt()), pick("目录", "catalogue"), x.at.GetCatalogue(), x.at.GetHash())
	}
	header := p.Len()
	p.changes("变差", "Worse", d.GetWorse())
	p.changes("失去观测", "Lost from sight", d.GetLost())
	p.changes("恢复观测", "Seen again", d.GetBack())
	p.changes("好转", "Better", d.GetBetter())
	p.changes("新测站", "New stations", d.GetNew())
	p.changes("不再有的测站", "Stations that have gone", d.GetGone())
	p.moved(d)
	p.duties(d)
	p.waves(d)
	p.rest(d)
	if p.Len() == header {
		fmt.Fprintln(p, pick("没有变化", "Nothing changed"))
	}
	return p.String()
}

func (p *briefingPage) changes(zh, en string, all []*freshetv1.StationChange) {
	var rows [][]string
	for _, c := range all {
		rows = append(rows, []string{
			p.name(c.GetNameZh(), c.GetNameEn(), c.GetStation()), p.stage(c.GetFrom()) + " → " + p.stage(c.GetTo()), p.time(c.GetSince()),
			strings.TrimSpace(p.lang.Pick(c.GetReasonZh(), c.GetReasonEn())),
		})
	}
	p.part(zh, en, nil, rows)
}

// moved lists forecasts, levels and rain.
func (p *briefingPage) moved(d *freshetv1.SituationDiff) {
	pick := p.lang.Pick
	peak := func(k *freshetv1.ForecastPeak, falling bool) string {
		switch {
		case k == nil:
			return "–"
		case falling:
			return pick("退水", "falling")
		}
		return number(k.GetLevel(), 2) + "/" + number(k.GetDischarge(), 0) + " " + p.time(k.GetAt())
	}
	var rows, crossed [][]string
	for _, c := range d.GetForecasts() {
		name := p.name(c.GetNameZh(), c.GetNameEn(), c.GetStation())
		if !c.GetFallingFrom() || !c.GetFallingTo() {
			rows = append(rows, []string{
				name, peak(c.GetFrom(), c.GetFallingFrom()), peak(c.GetTo(), c.GetFallingTo()), signed(c.LevelChange, 2), signed(c.DischargeChange, 0), p.later(c.LaterS),
			})
		}
		for _, x := range c.GetCrossings() {
			what := pick("时间变动 ", "moved ") + p.later(x.LaterS)
			switch {
			case x.GetMetTo():
				what = pick("已达到", "met")
			case x.GetMetFrom() && x.GetTo() == nil:
				what = pick("已回落", "gone back below")
			case x.GetTo() == nil:
				what = pick("不再预计达到", "no longer expected")
			case x.GetFrom() == nil:
				what = pick("新预计达到", "newly expected")
			case x.GetMetFrom():
				what = pick("再次预计达到", "expected again")
			}
			crossed = append(crossed, []string{name, p.stage(x.GetStage()) + " " + number(x.GetThreshold(), 2), p.time(x.GetFrom()), p.time(x.GetTo()), what})
		}
	}
	p.part("预报达到各级的时间", "Thresholds in the forecast", p.head("测站", "station", "级别", "stage", "原", "was", "现", "is", "变化", "change"), crossed)
	p.part("预报洪峰（水位 m/流量 m³/s）", "Forecast peaks (m / m³/s)", p.head("测站", "station", "原", "was", "现", "is", "水位", "level", "流量", "flow", "时间", "time"), rows)
	rows = nil
	for _, v := range d.GetValues() {
		places := 0
		if v.GetVariable() == freshetv1.Variable_VARIABLE_WATER_LEVEL {
			places = 2
		}
		change := v.GetChange()
		if math.Abs(change) < 0.005 {
			continue
		}
		rows = append(rows, []string{
			p.name(v.GetNameZh(), v.GetNameEn(), v.GetStation()), variableText(v.GetVariable(), p.lang), number(v.GetFrom(), places), number(v.GetTo(), places), signed(&change, places),
		})
	}
	p.part("实测水位流量", "Observed levels and flows", p.head("测站", "station", "要素", "what", "原", "was", "现", "is", "变化", "change"), rows)
	rows = nil
	for _, r := range d.GetRain() {
		if r.GetRain() == 0 && r.GetCoverage() >= 0.9995 {
			continue
		}
		row := []string{p.name(r.GetNameZh(), r.GetNameEn(), r.GetStation()), number(r.GetRain(), 1), ""}
		if r.GetCoverage() < 0.9995 {
			row[2] = fmt.Sprintf("%s %.0f %%", pick("报到时段占比", "covered"), 100*r.GetCoverage())
		}
		rows = append(rows, row)
	}
	p.part("此间降雨 mm", "Rain since, mm", nil, rows)
}

func variableText(v freshetv1.Variable, lang termui.Lang) string {
	switch v {
	case freshetv1.Variable_VARIABLE_WATER_LEVEL:
		return lang.Pick("水位 m", "level m")
	case freshetv1.Variable_VARIABLE_INFLOW:
		return lang.Pick("入库 m³/s", "inflow m³/s")
	default:
		return lang.Pick("流量 m³/s", "flow m³/s")
	}
}

// duties lists plans and measures.
func (p *briefingPage) duties(d *freshetv1.SituationDiff) {
	var rows [][]string
	for _, r := range d.GetResponses() {
		rows = append(rows, []string{
			p.name(r.GetNameZh(), r.GetNameEn(), r.GetPlan()),
			p.lang.Pick("建议 ", "proposed ") + level(r.GetProposedFrom()) + " → " + level(r.GetProposedTo()),
			p.lang.Pick("启动 ", "declared ") + level(r.GetDeclaredFrom()) + " → " + level(r.GetDeclaredTo()),
		})
	}
	p.part("应急响应", "Responses", nil, rows)
	for _, x := range []struct {
		zh, en string
		all    []*freshetv1.MeasureChange
	}{
		{"逾期措施", "Measures late", d.GetLate()},
		{"新措施", "Measures opened", d.GetOpened()},
		{"已开始措施", "Measures started", d.GetStarted()},
		{"已完成措施", "Measures done", d.GetDone()},
		{"未完成即关闭或不再列出的措施", "Measures closed undone or no longer listed", d.GetClosed()},
	} {
		rows = nil
		for _, m := range x.all {
			rows = append(rows, []string{p.name(m.GetMeasure().GetNameZh(), m.GetMeasure().GetNameEn(), m.GetMeasure().GetId()), m.GetPlan() + " " + level(m.GetMeasure().GetLevel()), p.time(m.GetMeasure().GetDeadline())})
		}
		p.part(x.zh, x.en, nil, rows)
	}
}

// waves lists groups.
func (p *briefingPage) waves(d *freshetv1.SituationDiff) {
	for _, x := range []struct {
		zh, en string
		all    []*freshetv1.GroupMove
	}{
		{"新过程与失联", "Waves and outages opened", d.GetGroupsOpened()},
		{"升级", "Waves raised", d.GetGroupsRaised()},
		{"降级", "Waves lowered", d.GetGroupsLowered()},
		{"结束", "Waves and outages closed", d.GetGroupsClosed()},
	} {
		var rows [][]string
		for _, g := range x.all {
			rows = append(rows, []string{p.stage(g.GetFrom()) + " → " + p.stage(g.GetTo()), p.lang.Pick(g.GetTextZh(), g.GetTextEn())})
		}
		p.part(x.zh, x.en, nil, rows)
	}
}

// rest lists blind spots, conflicts and people.
func (p *briefingPage) rest(d *freshetv1.SituationDiff) {
	sets := func(all []*freshetv1.BlindSet) (rows [][]string) {
		for _, b := range all {
			rows = append(rows, []string{p.cause(b.GetCauseZh(), b.GetCause()), p.stations(b.GetStations())})
		}
		return rows
	}
	p.part("新盲区", "Blind spots opened", nil, sets(d.GetBlindOpened()))
	p.part("盲区消除", "Blind spots settled", nil, sets(d.GetBlindSettled()))
	conflicts := func(all []*freshetv1.Conflict) (rows [][]string) {
		for _, c := range all {
			rows = append(rows, []string{p.lang.Pick(c.GetWhatZh(), c.GetWhatEn())})
		}
		return rows
	}
	p.part("新的部门间不一致", "Conflicts opened", nil, conflicts(d.GetConflictsOpened()))
	p.part("已解决的部门间不一致", "Conflicts settled", nil, conflicts(d.GetConflictsSettled()))
	people := func(all []*freshetv1.Unreached) (rows [][]string) {
		for _, u := range all {
			rows = append(rows, []string{p.name(u.GetCall().GetNameZh(), u.GetCall().GetNameEn(), u.GetCall().GetPerson()), p.stage(u.GetStage()), u.GetWave()})
		}
		return rows
	}
	p.part("新的未叫应", "Not reached since", nil, people(d.GetUnreachedOpened()))
	p.part("后来叫应", "Reached since", nil, people(d.GetUnreachedSettled()))
	if from, to := d.GetUnacknowledgedFrom(), d.GetUnacknowledgedTo(); from != to {
		fmt.Fprintf(p, "\n%s %d → %d\n", p.lang.Pick("未确认警报", "Alarms unacknowledged"), from, to)
	}
}
