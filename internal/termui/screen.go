package termui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Terminal reports whether w is a terminal that understands escape sequences.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Colours reports whether to colour what is written to w: on a terminal, unless
// NO_COLOR is set (https://no-color.org).
func Colours(w io.Writer) bool { return Terminal(w) && os.Getenv("NO_COLOR") == "" }

// Size returns the columns and lines of the terminal w, or 80 and 24.
func Size(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// A Screen shows states one after the other: in place on a terminal, else as
// plain lines that only ever grow.
type Screen struct {
	out           io.Writer
	inPlace       bool
	width, height int
	size          func() (width, height int)
	drawn         int       // lines of the last picture
	seen          int       // warnings written so far, in plain mode
	status        time.Time // engine time of the last status line, in plain mode
}

// NewScreen returns a screen on out.
func NewScreen(out io.Writer) *Screen {
	return &Screen{out: out, inPlace: Terminal(out), size: func() (int, int) { return Size(out) }}
}

// statusEvery is the engine time between status lines in plain mode.
const statusEvery = 6 * time.Hour

// Draw shows s.
func (sc *Screen) Draw(s State) error {
	if !sc.inPlace {
		return sc.append(s)
	}
	var b strings.Builder
	b.WriteString("\x1b[?2026h\x1b[?25l") // one update, no cursor
	if w, h := sc.size(); w != sc.width || h != sc.height {
		sc.width, sc.height, sc.drawn = w, h, 0
		b.WriteString("\x1b[2J\x1b[H")
	}
	if sc.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", sc.drawn)
	}
	picture := strings.Split(Render(s, sc.width, sc.height-1), "\n")
	for _, line := range picture {
		b.WriteString(line + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J\x1b[?2026l")
	sc.drawn = len(picture)
	_, err := io.WriteString(sc.out, b.String())
	return err
}

// Close gives the terminal back with the last picture on it.
func (sc *Screen) Close() error {
	if !sc.inPlace {
		return nil
	}
	_, err := io.WriteString(sc.out, "\x1b[?25h")
	return err
}

// append writes the warnings that are new since the last call, oldest first,
// and now and then where things stand.
func (sc *Screen) append(s State) error {
	var b strings.Builder
	s.Colour = false
	if sc.seen == 0 && sc.status.IsZero() {
		b.WriteString(strings.TrimSpace("Freshet  "+s.Lang.Pick(s.TitleZH, s.TitleEN)+"  "+s.marks()) + "\n")
	}
	fresh := s.Total - sc.seen
	if missed := fresh - len(s.Warnings); missed > 0 {
		b.WriteString(s.Lang.Pick(fmt.Sprintf("（此处未显示 %d 条预警）\n", missed), fmt.Sprintf("(%d warnings are not shown here)\n", missed)))
		fresh = len(s.Warnings)
	}
	for i := fresh - 1; i >= 0; i-- {
		b.WriteString(WarningLine(s.Warnings[i], s.Lang, 1000, false) + "\n")
	}
	sc.seen = s.Total
	if !s.Now.IsZero() && (sc.status.IsZero() || s.Now.Sub(sc.status) >= statusEvery) {
		sc.status = s.Now
		c := s.Counters
		b.WriteString(Clock(s.Now) + "  · " + s.Lang.Pick(
			fmt.Sprintf("读数已确认 %s、拒收 %s，预报 %s 次，失明 %d 站", Count(c.Acked), Count(c.Refused), Count(c.Forecasts), len(s.Blind)),
			fmt.Sprintf("readings acked %s, refused %s; forecasts %s; blind stations %d", Count(c.Acked), Count(c.Refused), Count(c.Forecasts), len(s.Blind))) + "\n")
	}
	_, err := io.WriteString(sc.out, b.String())
	return err
}
