package pack

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// A Kind is how a cell is written.
type Kind int

// The kinds.
const (
	Words Kind = iota
	Level      // m above a datum
	Over       // m above (+) or below (−) a mark
	Flow       // m³/s
	Moved      // m³/s, with its sign
	Depth      // of rain, mm
	Share      // 0 to 1, as a percentage
	Area       // km²
	Hours      // with their sign
	Count
	Instant
	Day // a date
)

// formats is the one table of how numbers are written: text for page and
// sentences, excel for the same digits in a cell that still holds the number.
var formats = [...]struct {
	text  func(float64) string
	excel string
}{
	Words:   {nil, "@"},
	Level:   {func(x float64) string { return termui.Number(hydro.WaterLevel, x) }, "0.00"},
	Over:    {func(x float64) string { return signed(x, 2) }, "+0.00;-0.00;0.00"},
	Flow:    {func(x float64) string { return termui.Number(hydro.Discharge, x) }, "[>=100]0;[<=-100]-0;0.0"},
	Moved:   {func(x float64) string { return signed(x, 1) }, "+0.0;-0.0;0.0"},
	Depth:   {func(x float64) string { return termui.Number(hydro.Rain, x) }, "0.0"},
	Share:   {func(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + "%" }, "0.0%"},
	Area:    {func(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }, "0.0"},
	Hours:   {func(x float64) string { return signed(x, 1) }, "+0.0;-0.0;0.0"},
	Count:   {func(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }, "0"},
	Instant: {nil, "yyyy-mm-dd hh:mm"},
	Day:     {nil, "yyyy-mm-dd"},
}

func signed(x float64, digits int) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	if x > 0 {
		return "+" + s
	}
	return s
}

// A Cell is a value with the words that show it. A missing one has no number and
// no instant, and says so in words.
type Cell struct {
	Kind   Kind
	Number float64   // of all kinds but words and instants
	At     time.Time // in the basin's zone
	show   string
	known  bool
	Strong bool // shown bold: over a mark, late, blind
}

// String is what is shown.
func (c Cell) String() string { return c.show }

// Known reports whether there is a value.
func (c Cell) Known() bool { return c.known }

// Class is how the page sets a cell: n a number, t an instant, gone a value that
// is missing.
func (c Cell) Class() string {
	switch {
	case !c.known:
		return "gone"
	case c.Kind == Instant || c.Kind == Day:
		return "t"
	case c.Kind != Words:
		return "n"
	}
	return ""
}

func words(s string) Cell { return Cell{show: s, known: true} }

func (c Cell) strong(is bool) Cell {
	c.Strong = is
	return c
}

// missing is a value that is not there, and why.
func missing(why string) Cell { return Cell{show: why} }

// number is a value; one that is no number is missing.
func (m *maker) number(k Kind, x float64) Cell {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return m.absent()
	}
	return Cell{Kind: k, Number: x, show: formats[k].text(x), known: true}
}

// optional is a value that may not be set, and what is said then.
func (m *maker) optional(k Kind, x *float64, why string) Cell {
	if x == nil {
		return missing(why)
	}
	return m.number(k, *x)
}

func (m *maker) absent() Cell { return missing(m.pick("缺测", "missing")) }

// unset is what the catalogue does not have.
func (m *maker) unset() string { return m.pick("未配置", "not set") }

// incomparable is a level that cannot be held against its mark: it is not usable,
// not in time, or on another datum.
func (m *maker) incomparable() string { return m.pick("无法比较", "cannot be compared") }

func (m *maker) instant(t *timestamppb.Timestamp) Cell {
	if t == nil {
		return missing("—")
	}
	at := t.AsTime().In(m.zone)
	return Cell{Kind: Instant, At: at, show: at.Format("2006-01-02 15:04"), known: true}
}

// clock is an instant for a sentence: without the year.
func (m *maker) clock(t *timestamppb.Timestamp) Cell {
	c := m.instant(t)
	if c.known {
		c.show = m.pick(c.At.Format("1月2日15:04"), c.At.Format("2 Jan 15:04"))
	}
	return c
}

// value is a board value.
func (m *maker) value(v *freshetv1.BoardValue) Cell {
	if v == nil {
		return missing(m.pick("未报", "not reported"))
	}
	k := Flow
	if v.GetVariable() == freshetv1.Variable_VARIABLE_WATER_LEVEL {
		k = Level
	}
	return m.number(k, v.GetValue())
}

// doubt says what is wrong with a board value; "" if nothing is.
func (m *maker) doubt(v *freshetv1.BoardValue) string {
	var out []string
	switch v.GetQuality() {
	case freshetv1.Quality_QUALITY_SUSPECT:
		out = append(out, m.pick("存疑", "suspect"))
	case freshetv1.Quality_QUALITY_FAIL:
		out = append(out, m.pick("质控不通过", "failed"))
	case freshetv1.Quality_QUALITY_NOT_EVALUATED:
		out = append(out, m.pick("未质控", "not checked"))
	default: // nothing
	}
	if v.GetOverdue() {
		out = append(out, m.pick("超时未报", "overdue"))
	}
	return strings.Join(out, m.pick("，", ", "))
}

func (m *maker) stage(s freshetv1.Stage) Cell {
	w, ok := stageWords[s]
	if !ok {
		return missing("—")
	}
	return words(m.pick(w.zh, w.en)).strong(s > freshetv1.Stage_STAGE_CLEAR)
}

func (m *maker) department(d freshetv1.Department) string {
	w := departmentWords[d]
	return m.pick(w.zh, w.en)
}

func (m *maker) datum(d string) string {
	if d == "" {
		return m.pick("基面未注明", "datum not stated")
	}
	if w, ok := datumWords[d]; ok {
		return m.pick(w, d)
	}
	return d
}

// cause puts the cause of a blind spot into words: of what is refused the reason
// only, as in Chinese.
func (m *maker) cause(c string) string {
	if m.Lang == termui.Chinese {
		return hydro.CauseZH(c)
	}
	if parts := strings.Split(c, ": "); parts[0] == "refused" && len(parts) > 2 {
		return parts[0] + ": " + parts[1]
	}
	return c
}

func (m *maker) level(l freshetv1.ResponseLevel) string {
	if l == freshetv1.ResponseLevel_RESPONSE_LEVEL_UNSPECIFIED {
		return m.pick("无", "none")
	}
	return m.pick(roman[l]+"级", "level "+roman[l])
}

// declared is a level that somebody has declared.
func (m *maker) declared(l freshetv1.ResponseLevel) string {
	if l == freshetv1.ResponseLevel_RESPONSE_LEVEL_UNSPECIFIED {
		return m.pick("未宣布响应", "no response declared")
	}
	return m.level(l)
}

// window is the span of a rain sum.
func (m *maker) window(seconds uint32) string {
	if seconds == 0 {
		return m.pick("8时以来", "since 08:00")
	}
	return fmt.Sprintf(m.pick("%d小时", "%d h"), seconds/3600)
}

var stageWords = map[freshetv1.Stage]name{
	freshetv1.Stage_STAGE_CLEAR: {"正常", "clear"}, freshetv1.Stage_STAGE_BLUE: {"蓝色", "blue"}, freshetv1.Stage_STAGE_YELLOW: {"黄色", "yellow"},
	freshetv1.Stage_STAGE_ORANGE: {"橙色", "orange"}, freshetv1.Stage_STAGE_RED: {"红色", "red"}, freshetv1.Stage_STAGE_BLIND: {"盲", "BLIND"},
}

var departmentWords = map[freshetv1.Department]name{
	freshetv1.Department_DEPARTMENT_UNSPECIFIED: {"未注明部门", "no department"}, freshetv1.Department_DEPARTMENT_WEATHER: {"气象", "weather"},
	freshetv1.Department_DEPARTMENT_HYDROLOGY: {"水文", "hydrology"}, freshetv1.Department_DEPARTMENT_WATER_RESOURCES: {"水利", "water resources"},
}

var datumWords = map[string]string{
	string(hydro.National1985): "1985国家高程基准", string(hydro.Huanghai1956): "1956黄海高程", string(hydro.PearlRiver): "珠江基面", string(hydro.StationDatum): "测站基面",
}

var roman = map[freshetv1.ResponseLevel]string{
	freshetv1.ResponseLevel_RESPONSE_LEVEL_I: "I", freshetv1.ResponseLevel_RESPONSE_LEVEL_II: "II",
	freshetv1.ResponseLevel_RESPONSE_LEVEL_III: "III", freshetv1.ResponseLevel_RESPONSE_LEVEL_IV: "IV",
}

var trendWords = map[freshetv1.Trend]name{
	freshetv1.Trend_TREND_UNSPECIFIED: {"不明", "unknown"}, freshetv1.Trend_TREND_RISING: {"涨↑", "rising ↑"},
	freshetv1.Trend_TREND_FALLING: {"落↓", "falling ↓"}, freshetv1.Trend_TREND_STEADY: {"平→", "steady →"},
}

var measureWords = map[freshetv1.MeasureState]name{
	freshetv1.MeasureState_MEASURE_STATE_UNSPECIFIED: {"未宣布", "not declared"}, freshetv1.MeasureState_MEASURE_STATE_OPEN: {"待办", "open"},
	freshetv1.MeasureState_MEASURE_STATE_STARTED: {"办理中", "begun"}, freshetv1.MeasureState_MEASURE_STATE_DONE: {"完成", "done"},
	freshetv1.MeasureState_MEASURE_STATE_CLOSED: {"关闭（未完成）", "closed, not done"},
}

var alarmWords = map[freshetv1.AlarmState]name{
	freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED: {"未确认", "unacknowledged"}, freshetv1.AlarmState_ALARM_STATE_ACKNOWLEDGED: {"已确认", "acknowledged"},
	freshetv1.AlarmState_ALARM_STATE_RETURNED_UNACKNOWLEDGED: {"已消除，未确认", "returned, unacknowledged"},
	freshetv1.AlarmState_ALARM_STATE_SHELVED:                 {"搁置", "shelved"}, freshetv1.AlarmState_ALARM_STATE_OUT_OF_SERVICE: {"停用", "out of service"},
}

// zoneName is the zone of the times on paper, as an offset.
func (m *maker) zoneName() string { return m.s.GetAt().AsTime().In(m.zone).Format("-07:00") }
