package termui

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// A State is everything that the live view shows. The zero value renders.
type State struct {
	Lang   Lang
	Colour bool

	TitleZH, TitleEN string        // of the basin or the catalogue
	Synthetic        bool          // the river is invented: said in the first line
	Illustrative     bool          // the catalogue's numbers are an example: said in the first line
	Now              time.Time     // engine time; zero before the first tick
	Speed            float64       // seconds of engine time per second; 0 for as fast as it goes
	Progress         float64       // share of the event that has passed, 0 to 1; NaN if it has no end
	Elapsed          time.Duration // since the start, by the wall clock
	Notice           string        // one line for the reader, e.g. what was just switched; "" for none

	Warnings []hydro.Warning // newest first
	Total    int             // warnings so far
	Stations []Station       // worst first
	Peaks    []Peak          // most urgent first
	Blind    []hydro.StationStatus
	Counters Counters
}

// A Station is a line of the worst stations.
type Station struct {
	NameZH, NameEN string
	Stage          hydro.Stage
	Variable       hydro.Variable // 0: no value yet
	Window         time.Duration  // of a rain accumulation
	Value          float64
	Threshold      float64 // of the next stage up; NaN for none
	Next           hydro.Stage
	Trend          Trend
	Age            time.Duration // of the value
	Overdue        bool
}

// A Trend is 水势, the way a value moves.
type Trend int8

// The trends.
const (
	Unknown Trend = iota
	Falling
	Steady
	Rising
)

// String returns the arrow of people in the field.
func (t Trend) String() string {
	switch t {
	case Falling:
		return "↓"
	case Steady:
		return "→"
	case Rising:
		return "↑"
	default:
		return " "
	}
}

// A Peak is a line of the forecast peaks.
type Peak struct {
	NameZH, NameEN string
	Variable       hydro.Variable
	Now            float64
	Value          float64
	At             time.Time
	Stage          hydro.Stage // highest that the forecast reaches
	AtEnd          bool        // still rising when the forecast ends
	Values         []float64   // for the small plot
}

// Counters are what an operator wants to add up.
type Counters struct {
	Sent, Acked, Refused uint64 // readings
	Archived             uint64 // observations in the store
	Lag                  uint64 // outputs that the archive is behind the log
	Forecasts            uint64
	Raised, Lowered      uint64 // warnings
}

// Render draws s in at most width columns and height lines, without a line feed
// at the end. A list says how many of its items do not fit; blind stations and
// warnings get their lines before all else. Less than 50 columns or 8 lines give
// the warnings alone.
func Render(s State, width, height int) string {
	width, height = max(width, 28), max(height, 1) // less than a head of a warning is no view
	if width < 50 || height < 8 {
		return strings.Join(s.feed(width, height), "\n")
	}
	head := s.head(width)
	foot := s.foot(width)
	room := height - len(head) - len(foot)

	// Each section asks for lines, its caption included; who sees nothing comes
	// first because it must not be overlooked, then the feed.
	wants := []int{1 + max(1, len(s.Blind)), 1 + max(1, len(s.Warnings)), 1 + max(1, len(s.Stations)), 1 + max(1, len(s.Peaks))}
	least := []int{min(3, wants[0]), min(4, wants[1]), min(3, wants[2]), min(3, wants[3])}
	given := share(room, least, wants)
	sections := [][]string{s.blind(width, given[0]), s.feed(width, given[1]), s.stations(width, given[2]), s.peaks(width, given[3])}
	lines := slices.Clone(head)
	for _, i := range []int{1, 2, 3, 0} { // on screen: feed, stations, peaks, blind
		lines = append(lines, sections[i]...)
	}
	lines = append(lines, foot...)
	if len(lines) > height {
		lines = lines[:height]
	}
	return strings.Join(lines, "\n")
}

// share gives each section at least its least, as far as the room goes, and the
// rest in turn until nobody wants more.
func share(room int, least, wants []int) []int {
	given := make([]int, len(wants))
	for i := range wants {
		given[i] = max(0, min(least[i], room))
		room -= given[i]
	}
	for room > 0 {
		before := room
		for i := range wants {
			if room > 0 && given[i] < wants[i] {
				given[i]++
				room--
			}
		}
		if room == before {
			break
		}
	}
	return given
}

func (s State) head(width int) []string {
	title := "Freshet  " + s.Lang.Pick(s.TitleZH, s.TitleEN)
	out := []string{Cut(title, width)}
	if mark := s.marks(); mark != "" {
		if gap := width - Width(title) - Width(mark); gap >= 2 {
			out[0] += strings.Repeat(" ", gap) + paint(mark, "1;33", s.Colour)
		} else {
			out = append(out, paint(Cut(mark, width), "1;33", s.Colour))
		}
	}
	now := s.Lang.Pick("等待第一个时刻", "waiting for the first tick")
	if !s.Now.IsZero() {
		now = s.Now.In(Beijing).Format("2006-01-02 15:04 ") + s.Lang.Pick("北京时间", "Beijing time")
	}
	speed := s.Lang.Pick("全速", "full speed")
	if s.Speed > 0 {
		speed = fmt.Sprintf("×%g", s.Speed)
	}
	line := now + "   " + speed + "   " + s.Lang.Pick("已运行 ", "running ") + s.Lang.Span(s.Elapsed)
	if !math.IsNaN(s.Progress) {
		p := min(1, max(0, s.Progress))
		const cells = 12
		full := int(math.Round(p * cells))
		line += fmt.Sprintf("   %s%s %d%%", strings.Repeat("━", full), strings.Repeat("┄", cells-full), int(p*100))
	}
	out = append(out, Cut(line, width))
	if s.Notice != "" {
		out = append(out, Cut(s.Notice, width))
	}
	return out
}

// marks says what the numbers are not.
func (s State) marks() string {
	var marks []string
	if s.Synthetic {
		marks = append(marks, s.Lang.Pick("合成演示，非真实水情", "SYNTHETIC, not a real flood"))
	}
	if s.Illustrative {
		marks = append(marks, s.Lang.Pick("示例数据，非正式", "illustrative numbers, not official"))
	}
	if len(marks) == 0 {
		return ""
	}
	return "[" + strings.Join(marks, s.Lang.Pick("；", "; ")) + "]"
}

func (s State) foot(width int) []string {
	c := s.Counters
	one := s.Lang.Pick(
		fmt.Sprintf("读数 已发 %s  已确认 %s  拒收 %s", Count(c.Sent), Count(c.Acked), Count(c.Refused)),
		fmt.Sprintf("readings: sent %s  acked %s  refused %s", Count(c.Sent), Count(c.Acked), Count(c.Refused)))
	lag := s.Lang.Pick("已跟上", "caught up")
	if c.Lag > 0 {
		lag = s.Lang.Pick("落后 "+Count(c.Lag)+" 条", Count(c.Lag)+" behind")
	}
	two := s.Lang.Pick(
		fmt.Sprintf("归档 %s（%s）  预报 %s 次  预警 升 %s 降 %s", Count(c.Archived), lag, Count(c.Forecasts), Count(c.Raised), Count(c.Lowered)),
		fmt.Sprintf("archived %s (%s)  forecasts %s  warnings: %s raised, %s lowered", Count(c.Archived), lag, Count(c.Forecasts), Count(c.Raised), Count(c.Lowered)))
	if joined := one + "   " + two; Width(joined) <= width {
		return []string{rule(width), joined}
	}
	return []string{rule(width), Cut(one, width), Cut(two, width)}
}

func rule(width int) string { return strings.Repeat("─", width) }

// caption is the first line of a section.
func (s State) caption(text string, width int) string {
	return paint(Cut(text, width), "1", s.Colour)
}

// list is a caption and as many items as there is room for; the last line
// counts those that there is no room for.
func (s State) list(caption, none string, n, lines, width int, item func(i int) string) []string {
	if lines <= 0 {
		return nil
	}
	out := []string{s.caption(caption, width)}
	if n == 0 && lines > 1 {
		return append(out, "  "+Cut(none, width-2))
	}
	shown := min(n, lines-1)
	if shown < n && lines > 2 {
		shown--
	}
	for i := range shown {
		out = append(out, item(i))
	}
	if left := n - shown; left > 0 {
		more := s.Lang.Pick(fmt.Sprintf("… 另有 %d 项", left), fmt.Sprintf("… %d more", left))
		if lines > 2 {
			out = append(out, "  "+more)
		} else {
			out[0] = s.caption(caption+"  "+more, width)
		}
	}
	return out
}

func (s State) feed(width, lines int) []string {
	caption := s.Lang.Pick("最新预警", "Latest warnings")
	if s.Total > 0 {
		caption += s.Lang.Pick(fmt.Sprintf("（共 %d 条）", s.Total), fmt.Sprintf(" (%d so far)", s.Total))
	}
	shown := s
	if s.Total > len(s.Warnings) { // older ones are counted above
		shown.Warnings = s.Warnings[:min(len(s.Warnings), max(0, lines-1))]
	}
	return s.list(caption, s.Lang.Pick("尚无预警", "none yet"), len(shown.Warnings), lines, width, func(i int) string {
		return WarningLine(s.Warnings[i], s.Lang, width, s.Colour)
	})
}

// columnsFor widens the column of names by what a wide terminal leaves over.
func columnsFor(width, fixed, least, most int) int { return min(most, max(least, width-fixed)) }

func (s State) stations(width, lines int) []string {
	name := columnsFor(width, 64, 12, 30)
	return s.list(s.Lang.Pick("最重测站", "Worst stations"), s.Lang.Pick("暂无数据", "no data yet"), len(s.Stations), lines, width, func(i int) string {
		st := s.Stations[i]
		value := "–"
		if st.Variable != 0 {
			value = Number(st.Variable, st.Value) + " " + Unit(st.Variable)
			if st.Window > 0 {
				value += "/" + strings.ReplaceAll(strings.TrimSuffix(English.Span(st.Window), " 00 min"), " ", "")
			}
		}
		next := ""
		if !math.IsNaN(st.Threshold) && st.Threshold != 0 {
			next = s.Lang.Pick("距", "to ") + s.Lang.Pick(stageWords[st.Next].zh, stageWords[st.Next].en) + " " + Number(st.Variable, st.Threshold-st.Value)
		}
		age := s.Lang.Span(st.Age) + s.Lang.Pick("前", " ago")
		if st.Variable == 0 {
			age = s.Lang.Pick("从未上报", "never reported")
		} else if st.Overdue {
			age += s.Lang.Pick(" 迟报", " LATE")
		}
		return "  " + StageTag(st.Stage, s.Colour) + " " + Pad(s.Lang.Pick(st.NameZH, st.NameEN), name) + " " +
			PadLeft(value, 13) + " " + st.Trend.String() + "  " + Cut(Pad(next, 17)+age, width-name-32)
	})
}

func (s State) peaks(width, lines int) []string {
	name := columnsFor(width, 78, 12, 24)
	spark := max(0, min(24, width-name-68))
	return s.list(s.Lang.Pick("预报洪峰", "Forecast peaks"), s.Lang.Pick("尚无预报", "no forecast yet"), len(s.Peaks), lines, width, func(i int) string {
		p := s.Peaks[i]
		when := Clock(p.At) + "  " + s.Lang.Pick("预见期 ", "in ") + s.Lang.Span(p.At.Sub(s.Now))
		switch {
		case p.AtEnd:
			when = s.Lang.Pick("预报期末仍在上涨，峰未定", "still rising at the end: peak not known")
		case !p.At.After(s.Now):
			when = s.Lang.Pick("现为最高，退水", "now the highest, falling")
		}
		value := Number(p.Variable, p.Now) + " → " + Number(p.Variable, p.Value) + " " + Unit(p.Variable)
		line := "  " + StageTag(p.Stage, s.Colour) + " " + Pad(s.Lang.Pick(p.NameZH, p.NameEN), name) + " " + PadLeft(value, 18) + "  "
		rest := width - name - 35
		if spark >= 8 {
			return line + Pad(when, rest-spark-1) + " " + Spark(p.Values, spark)
		}
		return line + Cut(when, rest)
	})
}

func (s State) blind(width, lines int) []string {
	caption := s.Lang.Pick("失明测站", "Blind stations")
	if len(s.Blind) > 0 {
		caption += s.Lang.Pick(fmt.Sprintf("（%d 站，不得视为正常）", len(s.Blind)), fmt.Sprintf(" (%d: not to be taken for clear)", len(s.Blind)))
	}
	return s.list(caption, s.Lang.Pick("无", "none"), len(s.Blind), lines, width, func(i int) string {
		b := s.Blind[i]
		text := s.Lang.Pick(b.ReasonZH, b.ReasonEN)
		if text == "" {
			text = b.Station + ": " + b.Cause
		}
		return "  " + StageTag(hydro.Blind, s.Colour) + " " + Cut(text, width-StageWidth-3)
	})
}
