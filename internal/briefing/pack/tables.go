package pack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	freshetv1 "freshet/proto/freshet/v1"
)

// columns makes the heads of a table: pairs of Chinese and English, with a unit
// behind a "|" and a "*" in front of a wide one.
func (m *maker) columns(pairs ...string) []Column {
	var out []Column
	for i := 0; i+1 < len(pairs); i += 2 {
		text, unit, _ := strings.Cut(m.pick(pairs[i], pairs[i+1]), "|")
		title, wide := strings.CutPrefix(text, "*")
		out = append(out, Column{Title: title, Unit: unit, Wide: wide})
	}
	return out
}

func (m *maker) station(id string) Cell { return words(m.name(id)) }

// at is the head of a column of instants: the zone is its unit.
func (m *maker) at(title string) string { return title + "|" + m.zoneName() }

func (m *maker) rainPart(s *Section) {
	t := Table{
		ID: "rain", Title: m.pick("雨量站", "Rain gauges"), Empty: m.pick("目录中无雨量站。", "The catalogue has no rain gauge."),
		Note: m.pick("“≥”表示该时段资料不全，数值为下限；“缺测”表示该时段无资料，不是零。", "“≥”: reports do not cover the span, the value is a lower bound. “missing” is not zero."),
		Columns: m.columns("站名", "Station", "部门", "Department", "1小时|mm", "1 h|mm", "3小时|mm", "3 h|mm", "6小时|mm", "6 h|mm",
			"24小时|mm", "24 h|mm", "8时以来|mm", "since 08:00|mm", "24小时资料覆盖", "24 h covered"),
	}
	for _, r := range m.s.GetBoard() {
		if !measuresRain(r) {
			continue
		}
		row := []Cell{m.station(r.GetStation()), words(m.department(r.GetDepartment()))}
		for _, w := range []uint32{3600, 3 * 3600, 6 * 3600, 24 * 3600, 0} {
			row = append(row, m.rainCell(rainOf(r, w)))
		}
		covered := missing(m.pick("无", "none"))
		if x := rainOf(r, 24*3600); x != nil {
			covered = m.number(Share, x.GetCoverage())
		}
		t.Rows = append(t.Rows, append(row, covered))
	}
	a := Table{
		ID: "areal", Title: m.pick("面雨量", "Areal rain"), Empty: m.pick("尚无预报运行，面雨量不明。", "No run yet: areal rain is not known."),
		Columns: m.columns("子流域", "Sub-basin", "面积|km²", "Area|km²", "1小时|mm", "1 h|mm", "3小时|mm", "3 h|mm", "6小时|mm", "6 h|mm", "24小时|mm", "24 h|mm",
			"预见期内采用|mm", "assumed ahead|mm", "雨量站控制率", "Gauge cover", "*缺报雨量站", "*Silent gauges"),
	}
	if f := m.s.GetForecast(); f != nil {
		a.Note = m.pick("截至预报发布时刻 ", "Up to the time of issue ") + m.instant(f.GetIssuedAt()).show
		for _, r := range f.GetArealRain() {
			b := m.subs[r.GetSubBasin()]
			area := missing(m.unset())
			if b != nil {
				area = m.number(Area, b.GetAreaKm2())
			}
			row := []Cell{words(cmp.Or(m.pick(b.GetNameZh(), b.GetNameEn()), r.GetSubBasin())), area}
			for _, w := range []uint32{3600, 3 * 3600, 6 * 3600, 24 * 3600} {
				row = append(row, m.optional(Depth, lastRain(r, w), m.pick("缺测", "missing")))
			}
			a.Rows = append(a.Rows, append(row, m.number(Depth, r.GetAssumed()), m.number(Share, r.GetCoverage()), words(m.list(r.GetMissingGauges()))))
		}
	}
	s.Tables = append(s.Tables, t, a)
	if f := m.rainChart(); f != nil {
		s.Charts = append(s.Charts, f)
	}
}

// rainCell is a rain sum: one whose reports are not whole is a lower bound.
func (m *maker) rainCell(x *freshetv1.BoardRain) Cell {
	if x == nil {
		return m.absent()
	}
	c := m.number(Depth, x.GetRain())
	if c.known && x.GetCoverage() < 1 {
		c.show = "≥" + c.show
	}
	return c
}

func (m *maker) waterPart(s *Section) {
	t := Table{
		ID: "water", Title: m.pick("河道与潮位站", "River and tide stations"), Empty: m.pick("目录中无河道站。", "The catalogue has no river station."),
		Columns: m.columns("站名", "Station", "河名", "River", "水位|m", "Level|m", "基面", "Datum", m.at("时间"), m.at("Time"), "水势", "Trend", "1小时变化|m, m³/s", "1 h change|m, m³/s",
			"流量|m³/s", "Flow|m³/s", "警戒|m", "Warning|m", "超警|m", "over|m", "保证|m", "Guarantee|m", "超保|m", "over|m", "历史最高|m", "Highest|m", "超历史|m", "over|m",
			"状态", "Stage", "*资料", "*Data"),
	}
	for _, r := range m.s.GetBoard() {
		if isRiver(r) {
			t.Rows = append(t.Rows, slices.Concat(m.levelCells(r), []Cell{
				m.value(r.GetFlow()),
				m.mark(r, freshetv1.Mark_MARK_WARNING), m.overMark(r, freshetv1.Mark_MARK_WARNING, r.OverWarning),
				m.mark(r, freshetv1.Mark_MARK_GUARANTEE), m.overMark(r, freshetv1.Mark_MARK_GUARANTEE, r.OverGuarantee),
				m.mark(r, freshetv1.Mark_MARK_HIGHEST), m.overMark(r, freshetv1.Mark_MARK_HIGHEST, r.OverHighest),
				m.stage(r.GetStage()), words(m.health(r)),
			}))
		}
	}
	s.Tables = append(s.Tables, t)
	for _, r := range m.s.GetBoard() {
		if l := m.markOf(r.GetStation(), freshetv1.Mark_MARK_HIGHEST); l != nil {
			s.Notes = append(s.Notes, fmt.Sprintf(m.pick("%s历史最高水位%s米，%s，来源：%s。", "%s: highest on record %s m, %s, by %s."), m.name(r.GetStation()),
				m.number(Level, l.GetValue()).show, cmp.Or(l.GetOn(), m.pick("日期未注明", "day not stated")), l.GetSource()))
		}
	}
}

func (m *maker) levelCells(r *freshetv1.BoardRow) []Cell {
	level, at := m.value(r.GetLevel()), m.instant(r.GetLevel().GetAt())
	if r.GetLevel() == nil && r.GetFlow() != nil {
		at = m.instant(r.GetFlow().GetAt())
	}
	trend, change := words(m.pick(trendWords[r.GetTrend().GetTrend()].zh, trendWords[r.GetTrend().GetTrend()].en)), missing("—")
	if t := r.GetTrend(); t.GetFrom() != nil {
		k := Moved
		if t.GetVariable() == freshetv1.Variable_VARIABLE_WATER_LEVEL {
			k = Over
		}
		change = m.number(k, t.GetChange())
	}
	datum := missing("—")
	if r.GetLevel() != nil {
		datum = words(m.datum(r.GetLevel().GetDatum()))
	}
	return []Cell{m.station(r.GetStation()), words(cmp.Or(r.GetRiver(), "—")), level, datum, at, trend, change}
}

func (m *maker) mark(r *freshetv1.BoardRow, mark freshetv1.Mark) Cell {
	if l := m.markOf(r.GetStation(), mark); l != nil {
		return m.number(Level, l.GetValue())
	}
	return missing(m.unset())
}

// health says what is wrong with what a station tells; never nothing.
func (m *maker) health(r *freshetv1.BoardRow) string {
	var out []string
	for _, v := range []*freshetv1.BoardValue{r.GetLevel(), r.GetFlow()} {
		if d := m.doubt(v); d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if r.GetCause() != "" {
		out = append(out, m.cause(r.GetCause()))
	}
	if len(out) == 0 && r.GetOverdue() {
		out = append(out, m.pick("部分要素超时未报", "a part is overdue"))
	}
	if len(out) == 0 && r.GetLevel() == nil && r.GetFlow() == nil && len(r.GetRain()) == 0 {
		out = append(out, m.pick("从未上报", "never reported"))
	}
	if len(out) == 0 {
		return m.pick("合格", "passed")
	}
	return strings.Join(out, m.pick("；", "; "))
}

func (m *maker) worksPart(s *Section) {
	t := Table{
		ID: "works", Title: m.pick("水库与闸站", "Reservoirs and gates"), Empty: m.pick("目录中无水库或闸站。", "The catalogue has no reservoir and no gate."),
		Columns: m.columns("站名", "Station", "河名", "River", "水位|m", "Level|m", "基面", "Datum", m.at("时间"), m.at("Time"), "水势", "Trend", "1小时变化|m, m³/s", "1 h change|m, m³/s",
			"汛限|m", "Flood limit|m", "超汛限|m", "over|m", "正常蓄水位|m", "Normal|m", "坝顶|m", "Crest|m", "入库|m³/s", "Inflow|m³/s", "出库|m³/s", "Outflow|m³/s", "状态", "Stage", "*资料", "*Data"),
	}
	reservoirs := map[string]*freshetv1.NetworkReservoir{}
	for _, r := range m.s.GetReservoirs() {
		reservoirs[r.GetStation()] = r
	}
	for _, r := range m.s.GetBoard() {
		if !isReservoir(r) && !isGate(r) {
			continue
		}
		normal, crest, limit, over := missing("—"), missing("—"), missing("—"), missing("—")
		if isReservoir(r) {
			normal, crest = missing(m.unset()), missing(m.unset())
			limit, over = m.mark(r, freshetv1.Mark_MARK_FLOOD_LIMIT), m.overMark(r, freshetv1.Mark_MARK_FLOOD_LIMIT, r.OverFloodLimit)
		}
		if x := reservoirs[r.GetStation()]; x.GetNormalLevel() != 0 {
			normal = m.number(Level, x.GetNormalLevel())
		}
		if x := reservoirs[r.GetStation()]; x.GetDamCrest() != 0 {
			crest = m.number(Level, x.GetDamCrest())
		}
		t.Rows = append(t.Rows, slices.Concat(m.levelCells(r), []Cell{
			limit, over, normal, crest, m.value(r.GetFlow()), m.outflow(r.GetStation()), m.stage(r.GetStage()), words(m.health(r)),
		}))
	}
	s.Tables = append(s.Tables, t)
}

// outflow is the newest value of a station's outflow that is in the situation's
// series.
func (m *maker) outflow(station string) Cell {
	for _, x := range m.all {
		if x.station == station && x.variable == freshetv1.Variable_VARIABLE_OUTFLOW && len(x.points) > 0 {
			p := x.points[len(x.points)-1]
			c := m.number(Flow, p.value)
			if !p.usable {
				c.show += m.pick("（存疑）", " (doubtful)")
			}
			return c
		}
	}
	return missing(m.pick("72小时内未报", "not in 72 h"))
}

func (m *maker) forecastPart(s *Section) {
	run := m.s.GetForecast()
	t := Table{
		ID: "forecast", Title: m.pick("预报洪峰", "Forecast peaks"), Empty: m.pick("尚无预报。", "No forecast has been issued."),
		Columns: m.columns("站名", "Station", "现水位|m", "Level now|m", "现流量|m³/s", "Flow now|m³/s", "峰水位|m", "Peak level|m", "基面", "Datum", "峰流量|m³/s", "Peak flow|m³/s",
			m.at("峰现时间"), m.at("Peak time"), "*说明", "*Remarks"),
	}
	c := Table{
		ID: "crossings", Title: m.pick("达到阈值的时间", "When thresholds are met"), Empty: m.pick("无阈值。", "There are no thresholds."),
		Columns: m.columns("站名", "Station", "级别", "Stage", "阈值|m, m³/s", "Threshold|m, m³/s", m.at("达到时间"), m.at("Met at"), "概率", "Probability",
			m.at("最早(10%)"), m.at("early (10%)"), m.at("最迟(90%)"), m.at("late (90%)")),
	}
	for _, x := range run.GetStations() {
		p := x.GetPeak()
		t.Rows = append(t.Rows, []Cell{
			m.station(x.GetStation()), m.number(Level, x.GetNowLevel()), m.number(Flow, x.GetNowDischarge()), m.peakCell(Level, p, p.GetLevel()), words(m.datum(x.GetDatum())),
			m.peakCell(Flow, p, p.GetDischarge()), m.instant(p.GetAt()), words(m.remarks(x)),
		})
		for _, k := range x.GetCrossings() {
			row := []Cell{m.station(x.GetStation()), m.stage(k.GetStage()), m.threshold(k.GetVariable(), k.GetThreshold()), m.instant(k.GetAt())}
			if k.GetAt() == nil {
				row[3] = missing(m.pick("预见期内不达到", "not within the horizon"))
			}
			none := missing(m.pick("无概率", "no band"))
			if ch := k.GetChance(); ch != nil {
				row = append(row, m.number(Share, ch.GetProbability()), m.instant(ch.GetEarly()), m.instant(ch.GetLate()))
			} else {
				row = append(row, none, none, none)
			}
			c.Rows = append(c.Rows, row)
		}
	}
	// An office's templates may leave them out; the page may not.
	for _, line := range []string{m.unsound(), m.pick(run.GetHonesty().GetLineZh(), run.GetHonesty().GetLineEn())} {
		if line != "" && !slices.ContainsFunc(s.Text, func(t string) bool { return strings.Contains(t, line) }) {
			s.Notes = append(s.Notes, line)
		}
	}
	s.Tables = append(s.Tables, t, c)
	s.Charts = m.hydrographs()
	if left := len(run.GetStations()) - len(s.Charts); left > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf(m.pick("过程线只绘级别最高的%d站；其余%d站见表和工作簿。", "Hydrographs of the %d stations that stand highest; the other %d are in the table and the workbook."), len(s.Charts), left))
	}
}

func (m *maker) peakCell(k Kind, p *freshetv1.ForecastPeak, x float64) Cell {
	if p == nil {
		return m.absent()
	}
	return m.number(k, x)
}

func (m *maker) remarks(x *freshetv1.StationForecast) string {
	var out []string
	for _, n := range []struct {
		is     bool
		zh, en string
	}{
		{m.expired(), "已过有效期", "EXPIRED"},
		{x.GetPeak().GetAtEnd(), "期末仍涨，峰未定", "still rising at the end, peak not known"},
		{m.falling(x), "退水", "falling"},
		{x.GetExtrapolated(), "水位流量关系外延", "rating extrapolated"},
		{!x.GetUpdated(), "未经实测校正", "not corrected by a gauge"},
		{len(x.GetBand()) == 0, "无不确定性区间", "no band"},
	} {
		if n.is {
			out = append(out, m.pick(n.zh, n.en))
		}
	}
	if len(out) == 0 {
		return m.pick("已实测校正，有不确定性区间", "corrected by a gauge, with a band")
	}
	return strings.Join(out, m.pick("；", "; "))
}
