package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// A briefingPage is text for people, in one language and one zone.
type briefingPage struct {
	strings.Builder

	lang  termui.Lang
	zone  *time.Location
	names map[string]string // of the stations of a situation
}

func newBriefingPage(zone string, lang termui.Lang) *briefingPage {
	loc, err := catalog.ParseZone(zone)
	if err != nil {
		loc = termui.Beijing
	}
	return &briefingPage{lang: lang, zone: loc}
}

func (p *briefingPage) time(t *timestamppb.Timestamp) string {
	if t == nil {
		return "–"
	}
	return t.AsTime().In(p.zone).Format("01-02 15:04")
}

func (p *briefingPage) stage(s freshetv1.Stage) string {
	text, ok := stagesText[s]
	if !ok {
		return "–"
	}
	return p.lang.Pick(text[0], text[1])
}

// part begins a part of the page; nothing of it is printed where it has no rows.
func (p *briefingPage) part(zh, en string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(p, "\n%s (%d)\n", p.lang.Pick(zh, en), len(rows))
	if head != nil {
		rows = append([][]string{head}, rows...)
	}
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], termui.Width(cell))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			line.WriteString("  ")
			line.WriteString(termui.Pad(cell, widths[i]))
		}
		fmt.Fprintln(p, strings.TrimRight(line.String(), " "))
	}
}

func (p *briefingPage) name(zh, en, id string) string {
	if name := p.lang.Pick(zh, en); name != "" && name != id {
		return name + " " + id
	}
	return id
}

// number is a value to so many places, – where it is not known.
func number(x float64, places int) string {
	if math.IsNaN(x) {
		return "–"
	}
	return fmt.Sprintf("%.*f", places, x)
}

// signed is a change to so many places, with its sign.
func signed(x *float64, places int) string {
	if x == nil || math.IsNaN(*x) {
		return "–"
	}
	return fmt.Sprintf("%+.*f", places, *x)
}

// later is a shift in time in words.
func (p *briefingPage) later(s *float64) string {
	if s == nil {
		return "–"
	}
	d := time.Duration(math.Abs(*s) * float64(time.Second)).Round(time.Minute)
	text := fmt.Sprintf("%d:%02d", int(d.Hours()), int(d.Minutes())%60)
	switch {
	case d == 0:
		return p.lang.Pick("不变", "same")
	case *s < 0:
		return p.lang.Pick("提前 "+text, text+" sooner")
	}
	return p.lang.Pick("推后 "+text, text+" later")
}

// situationText is a situation for people.
func situationText(resp *freshetv1.GetSituationResponse, lang termui.Lang) string {
	s := resp.GetSituation()
	p := newBriefingPage(s.GetZone(), lang)
	pick := lang.Pick
	p.names = map[string]string{}
	for _, r := range s.GetBoard() {
		p.names[r.GetStation()] = p.name(r.GetNameZh(), r.GetNameEn(), r.GetStation())
	}
	fmt.Fprintf(p, "%s · %s %s\n", p.name(s.GetNameZh(), s.GetNameEn(), s.GetBasin()), pick("截至", "as of"), s.GetAsOf().AsTime().In(p.zone).Format("2006-01-02 15:04:05 -07:00"))
	fmt.Fprintf(p, "%s %s · %s %d · %s %.12s\nSHA-256 %s\n", pick("判定时刻", "decided at"), s.GetAt().AsTime().In(p.zone).Format("2006-01-02 15:04:05"),
		pick("输入", "input"), s.GetInputSeq(), pick("目录", "catalogue"), s.GetCatalogue(), resp.GetHash())
	if s.GetIllustrative() {
		fmt.Fprintln(p, pick("【示例数据，非官方】", "[illustrative, not official] ")+s.GetMark())
	}
	counts := map[freshetv1.Stage]int{}
	for _, r := range s.GetBoard() {
		counts[r.GetStage()]++
	}
	var sums []string
	for _, st := range worstFirst {
		sums = append(sums, fmt.Sprintf("%s %d", p.stage(st), counts[st]))
	}
	fmt.Fprintf(p, "%s %d: %s\n", pick("测站", "stations"), len(s.GetBoard()), strings.Join(sums, pick("，", ", ")))
	p.board(s)
	var rows [][]string
	for _, b := range s.GetBlind() {
		rows = append(rows, []string{p.cause(b.GetCauseZh(), b.GetCause()), p.stations(b.GetStations()), p.time(b.GetSince())})
	}
	p.part("看不见的", "Not seen", nil, rows)
	p.forecast(s)
	rows = nil
	for _, g := range s.GetGroups() {
		if g.GetClosedAt() == nil {
			rows = append(rows, []string{p.stage(g.GetStage()), pick(g.GetTextZh(), g.GetTextEn())})
		}
	}
	p.part("洪水过程与失联", "Waves and outages", nil, rows)
	rows = nil
	for _, r := range s.GetResponses() {
		rows = append(rows, []string{p.name(r.GetNameZh(), r.GetNameEn(), r.GetPlan()), pick("建议 ", "proposed ") + level(r.GetProposed()), pick("已启动 ", "declared ") + level(r.GetDeclared())})
		for _, m := range r.GetMeasures() {
			if st := m.GetState(); st == freshetv1.MeasureState_MEASURE_STATE_OPEN || st == freshetv1.MeasureState_MEASURE_STATE_STARTED {
				late := ""
				if m.GetLate() {
					late = pick("逾期", "LATE")
				}
				rows = append(rows, []string{"  " + p.name(m.GetNameZh(), m.GetNameEn(), m.GetId()), pick("限 ", "until ") + p.time(m.GetDeadline()), late})
			}
		}
	}
	p.part("预案与未完成措施", "Plans and what is still to be done", nil, rows)
	rows = nil
	for _, u := range s.GetUnreached() {
		rows = append(rows, []string{p.name(u.GetCall().GetNameZh(), u.GetCall().GetNameEn(), u.GetCall().GetPerson()), p.stage(u.GetStage()), u.GetWave()})
	}
	p.part("未叫应", "Not reached", nil, rows)
	rows = nil
	for _, c := range s.GetConflicts() {
		rows = append(rows, []string{pick(c.GetWhatZh(), c.GetWhatEn()), p.time(c.GetSince())})
	}
	p.part("部门间不一致", "What departments say differently", nil, rows)
	return p.String()
}

// worstFirst is the order in which stages are read, that of alarms: nobody knows
// what happens where nothing is seen.
var worstFirst = []freshetv1.Stage{
	freshetv1.Stage_STAGE_RED, freshetv1.Stage_STAGE_BLIND, freshetv1.Stage_STAGE_ORANGE, freshetv1.Stage_STAGE_YELLOW, freshetv1.Stage_STAGE_BLUE, freshetv1.Stage_STAGE_CLEAR,
}

// station names a station of the situation.
func (p *briefingPage) station(id string) string { return cmp.Or(p.names[id], id) }

func (p *briefingPage) stations(ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = p.station(id)
	}
	return strings.Join(names, p.lang.Pick("、", ", "))
}

// cause is why something is not seen. A server of before may know no Chinese for it.
func (p *briefingPage) cause(zh, en string) string {
	return p.lang.Pick(cmp.Or(zh, hydro.CauseZH(en)), en)
}

// board lists the stations that are not clear, the worst first.
func (p *briefingPage) board(s *freshetv1.Situation) {
	var rows [][]string
	for _, r := range slices.SortedStableFunc(slices.Values(s.GetBoard()), func(a, b *freshetv1.BoardRow) int {
		return slices.Index(worstFirst, a.GetStage()) - slices.Index(worstFirst, b.GetStage())
	}) {
		if r.GetStage() == freshetv1.Stage_STAGE_CLEAR && r.GetCause() == "" {
			continue
		}
		row := []string{p.stage(r.GetStage()), p.name(r.GetNameZh(), r.GetNameEn(), r.GetStation()), "–", "–", "–", p.time(r.GetSince()), p.cause(r.GetCauseZh(), r.GetCause())}
		if r.GetLevel() != nil {
			row[2] = number(r.GetLevel().GetValue(), 2)
		}
		if r.OverWarning != nil {
			row[3] = signed(r.OverWarning, 2)
		}
		if r.GetFlow() != nil {
			row[4] = number(r.GetFlow().GetValue(), 0)
		}
		rows = append(rows, row)
	}
	p.part("有预警或看不见的测站", "Stations with a warning or not seen", p.head("级别", "stage", "测站", "station", "水位 m", "level m", "超警 m", "over warning", "流量 m³/s", "flow m³/s", "自", "since", "原因", "cause"), rows)
}

// head is the head of a table: Chinese and English by turns.
func (p *briefingPage) head(words ...string) (out []string) {
	for i := 0; i+1 < len(words); i += 2 {
		out = append(out, p.lang.Pick(words[i], words[i+1]))
	}
	return out
}

func (p *briefingPage) forecast(s *freshetv1.Situation) {
	f := s.GetForecast()
	if w := s.GetForecastWatch(); w.GetStanding() > freshetv1.ForecastStanding_FORECAST_STANDING_VALID {
		fmt.Fprintln(p)
		for _, line := range termui.Wrap(p.lang.Pick(w.GetDetailZh(), w.GetDetail()), 100) {
			fmt.Fprintln(p, line)
		}
	}
	if f == nil {
		fmt.Fprintln(p, "\n"+p.lang.Pick("尚无预报", "No forecast yet"))
		return
	}
	var rows [][]string
	for _, st := range f.GetStations() {
		peak := st.GetPeak()
		when := p.time(peak.GetAt())
		switch {
		case peak.GetAt().AsTime().Equal(f.GetIssuedAt().AsTime()):
			when = p.lang.Pick("正在退水", "falling")
		case peak.GetAtEnd():
			when += p.lang.Pick("（仍在涨）", " (still rising)")
		}
		var crossings strings.Builder
		said := map[freshetv1.Stage]bool{} // a stage may have a level and a flow
		for _, c := range slices.SortedStableFunc(slices.Values(st.GetCrossings()), func(a, b *freshetv1.ThresholdCrossing) int {
			return a.GetAt().AsTime().Compare(b.GetAt().AsTime())
		}) {
			if c.GetAt() == nil || said[c.GetStage()] {
				continue
			}
			said[c.GetStage()] = true
			when := p.time(c.GetAt())
			if !c.GetAt().AsTime().After(f.GetIssuedAt().AsTime()) {
				when = p.lang.Pick("已达", "reached")
			}
			crossings.WriteString(" " + p.stage(c.GetStage()) + " " + when)
		}
		rows = append(rows, []string{p.station(st.GetStation()), number(peak.GetLevel(), 2), number(peak.GetDischarge(), 0), when, strings.TrimSpace(crossings.String())})
	}
	p.part("预报 "+p.time(f.GetIssuedAt()), "Forecast of "+p.time(f.GetIssuedAt()), p.head("测站", "station", "峰位 m", "peak m", "峰量 m³/s", "peak m³/s", "峰现", "at", "达到", "reaches"), rows)
	for _, line := range termui.Wrap(p.lang.Pick(f.GetHonesty().GetLineZh(), f.GetHonesty().GetLineEn()), 100) {
		fmt.Fprintln(p, "  "+line)
	}
}

func level(l freshetv1.ResponseLevel) string {
	if l == freshetv1.ResponseLevel_RESPONSE_LEVEL_UNSPECIFIED {
		return "–"
	}
	return strings.TrimPrefix(l.String(), "RESPONSE_LEVEL_")
}
