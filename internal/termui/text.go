// Package termui writes warnings, forecasts and the live view of the demo for
// people at a terminal.
//
// Rendering is pure: a state and a size in, text out. Stages are always named
// in words, in Chinese and English; colour only repeats what the words say.
// Widths count columns, two for a Chinese character.
package termui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"freshet/internal/hydro"
)

// A Lang is the language of sentences and captions.
type Lang string

// The languages.
const (
	Chinese Lang = "zh"
	English Lang = "en"
)

// ParseLang returns the language of that name.
func ParseLang(s string) (Lang, error) {
	switch l := Lang(s); l {
	case Chinese, English:
		return l, nil
	}
	return "", fmt.Errorf("language %q: zh and en are spoken: %w", s, hydro.ErrInvalid)
}

// LangOf returns the language of a locale such as "zh_CN.UTF-8": Chinese, or
// English for all others.
func LangOf(locale string) Lang {
	if strings.HasPrefix(strings.ToLower(locale), "zh") {
		return Chinese
	}
	return English
}

// Pick returns the text of l, or the other one if that is empty.
func (l Lang) Pick(zh, en string) string {
	if l == Chinese && zh != "" || en == "" {
		return zh
	}
	return en
}

// Beijing is the zone of all times that people read, +08:00 all year.
var Beijing = time.FixedZone("+08:00", 8*60*60)

// Clock writes an instant for people, in Beijing time, to the minute.
func Clock(t time.Time) string { return t.In(Beijing).Format("01-02 15:04") }

// columns measures text. Characters of ambiguous width count as one column, as
// terminals show them unless told otherwise; a fixed rule keeps the output the
// same everywhere.
var columns = &runewidth.Condition{}

// Width returns how many columns s takes. It must hold no escape sequences.
func Width(s string) int { return columns.StringWidth(s) }

// Cut shortens s to at most width columns, ending it with "…" if something was
// cut off.
func Cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return columns.Truncate(s, width, "…")
}

// Pad cuts s to width columns and fills it up with spaces on the right.
func Pad(s string, width int) string { return columns.FillRight(Cut(s, width), width) }

// PadLeft is Pad with the spaces on the left.
func PadLeft(s string, width int) string { return columns.FillLeft(Cut(s, width), width) }

// Wrap breaks s into lines of at most width columns: between words, and within
// Chinese text anywhere but before a closing or behind an opening mark.
func Wrap(s string, width int) []string {
	if width < 2 {
		return []string{s}
	}
	var (
		lines []string
		line  []rune
		used  int
		brk   = -1 // where line may be broken: before line[brk]
	)
	emit := func(rest []rune) {
		lines = append(lines, strings.TrimRight(string(line[:len(line)-len(rest)]), " "))
		line = []rune(strings.TrimLeft(string(rest), " "))
		used, brk = Width(string(line)), -1
	}
	for _, r := range s {
		w := columns.RuneWidth(r)
		if w == 2 && len(line) > 0 && !closing(r) {
			brk = len(line)
		}
		if used+w > width && r != ' ' {
			if brk == len(line) && closing(r) { // no mark begins a line: take what it closes along
				for brk--; brk > 0 && closing(line[brk]); brk-- {
				}
			}
			if brk > 0 {
				emit(line[brk:])
			} else {
				emit(nil)
			}
		}
		if len(line) == 0 && r == ' ' {
			continue
		}
		line = append(line, r)
		used += w
		if r == ' ' || w == 2 && !strings.ContainsRune("（“《", r) {
			brk = len(line)
		}
	}
	if len(line) > 0 {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return lines
}

// closing reports whether r may not begin a line.
func closing(r rune) bool { return strings.ContainsRune("，。；：、）！？”》", r) }

var stageWords = [...]struct{ zh, en, colour string }{
	hydro.Clear:  {"正常", "CLEAR", "32"},
	hydro.Blue:   {"蓝色", "BLUE", "97;44"},
	hydro.Yellow: {"黄色", "YELLOW", "30;43"},
	hydro.Orange: {"橙色", "ORANGE", "30;48;5;208"},
	hydro.Red:    {"红色", "RED", "1;97;41"},
	hydro.Blind:  {"失明", "BLIND", "1;7"},
}

// StageWidth is the width of StageTag.
const StageWidth = 11

// StageTag names a stage in both languages, filled up to StageWidth columns and
// coloured if asked.
func StageTag(s hydro.Stage, colour bool) string {
	if int(s) >= len(stageWords) {
		return Pad(s.String(), StageWidth)
	}
	w := stageWords[s]
	text := w.zh + " " + w.en
	return paint(text, w.colour, colour) + strings.Repeat(" ", StageWidth-Width(text))
}

func paint(s, code string, colour bool) string {
	if !colour || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Arrow is the direction of a warning: ▲ raised, ▼ lowered, ✕ sight lost, ○
// sight regained.
func Arrow(w hydro.Warning) string {
	switch {
	case w.To == hydro.Blind, w.From == w.To && w.Cause != "": // blind, but a stage is held
		return "✕"
	case w.From == hydro.Blind, w.From == w.To:
		return "○"
	case w.Lowered():
		return "▼"
	default:
		return "▲"
	}
}

// WarningLine is a warning in one line of at most width columns: when, which
// way, the stage, and as much of the reason as there is room for.
func WarningLine(w hydro.Warning, lang Lang, width int, colour bool) string {
	head := Clock(w.At) + "  " + Arrow(w) + " "
	rest := width - Width(head) - StageWidth - 1
	return head + StageTag(w.To, colour) + " " + Cut(Reason(w, lang), rest)
}

// WarningText is a warning with its whole reason, wrapped to width columns and
// indented below its head.
func WarningText(w hydro.Warning, lang Lang, width int, colour bool) string {
	head := Clock(w.At) + "  " + Arrow(w) + " "
	indent := Width(head) + StageWidth + 1
	if width < indent+20 {
		return head + StageTag(w.To, colour) + " " + Reason(w, lang) + "\n"
	}
	lines := Wrap(Reason(w, lang), width-indent)
	return head + StageTag(w.To, colour) + " " + strings.Join(lines, "\n"+strings.Repeat(" ", indent)) + "\n"
}

// Reason is the warning's sentence in a language; it says when the thresholds
// behind it are illustrative.
func Reason(w hydro.Warning, lang Lang) string {
	s := lang.Pick(w.ReasonZH, w.ReasonEN)
	if s == "" {
		s = w.Station
	}
	if w.Illustrative && w.To != hydro.Blind && !strings.Contains(s, "示例") && !strings.Contains(s, "llustrative") {
		s += lang.Pick("（示例阈值，非正式）", " (illustrative thresholds, not official)")
	}
	return s
}

// Number writes a value of a variable as people in the field do: levels to the
// centimetre, rain to 0.1 mm, flow to three figures or whole m³/s; "–" for none.
func Number(v hydro.Variable, x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case v == hydro.WaterLevel || v == hydro.GateOpening:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case v == hydro.Rain || v == hydro.RainCounter || v == hydro.PanEvaporation, x < 100 && x > -100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
}

// Unit is the unit of a variable as a terminal can show it.
func Unit(v hydro.Variable) string {
	return strings.NewReplacer("m3", "m³", "1e6", "10⁶").Replace(v.Unit())
}

// Span writes a duration in its two largest units: "3 h 05 min", "2 d 04 h",
// "40 s", "3 小时 05 分"; "–" if negative.
func (l Lang) Span(d time.Duration) string {
	day, hour, minute, second := l.Pick("天", "d"), l.Pick("小时", "h"), l.Pick("分", "min"), l.Pick("秒", "s")
	switch {
	case d < 0:
		return "–"
	case d < time.Minute:
		return fmt.Sprintf("%d %s", int(d/time.Second), second)
	case d < time.Hour:
		return fmt.Sprintf("%d %s", int(d/time.Minute), minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d %s %02d %s", int(d/time.Hour), hour, int(d%time.Hour/time.Minute), minute)
	default:
		return fmt.Sprintf("%d %s %02d %s", int(d/(24*time.Hour)), day, int(d%(24*time.Hour)/time.Hour), hour)
	}
}

// Count writes a number with its thousands apart.
func Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
