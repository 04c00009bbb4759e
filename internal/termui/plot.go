package termui

import (
	"fmt"
	"math"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// A Plot is a hydrograph in braille dots, two columns and four rows of them to
// a character.
type Plot struct {
	Values    []float64 // value i is for Start + (i+1)·Step; NaN leaves a gap
	Start     time.Time
	Step      time.Duration
	Variable  hydro.Variable
	Caption   string    // e.g. the station and the datum
	Threshold float64   // drawn as a dashed line; NaN for none
	Label     string    // of the threshold, in words
	PeakAt    time.Time // marked below; zero for none
	Low, High []float64 // edges of a band, as Values or nil; NaN where there is none; dotted
	BandLabel string    // of the band, in words
}

// Render draws p in at most width columns and height rows of plot, with the
// axis in Beijing time below. It returns "" where there is nothing to draw or no
// room.
func (p Plot) Render(width, height int) string {
	const axis = 9 // columns of the numbers on the left
	cells := width - axis - 1
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range p.Values {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	banded := false
	for _, edge := range [][]float64{p.Low, p.High} {
		for _, v := range edge {
			if !math.IsNaN(v) {
				low, high, banded = min(low, v), max(high, v), true
			}
		}
	}
	if cells < 20 || height < 2 || high < low {
		return ""
	}
	drawn := !math.IsNaN(p.Threshold) && p.Threshold >= low-(high-low) && p.Threshold <= high+(high-low)
	if drawn {
		low, high = min(low, p.Threshold), max(high, p.Threshold)
	}
	if high-low < 0.01 { // a flat line stays one
		low, high = low-0.5, high+0.5
	}
	grid := make([][]rune, height)
	for i := range grid {
		grid[i] = []rune(strings.Repeat("\u2800", cells))
	}
	rows, cols := height*4, cells*2
	row := func(v float64) int { return int(math.Round((high - v) / (high - low) * float64(rows-1))) }
	// The bits of a braille character, by row and column of its dots.
	bits := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	dot := func(x, y int) { grid[y/4][x/2] |= bits[y%4][x%2] }
	if drawn {
		for x := 0; x < cols; x += 4 {
			dot(x, row(p.Threshold))
		}
	}
	at := func(values []float64, x int) float64 {
		if len(values) == 1 {
			return values[0]
		}
		pos := float64(x) / float64(cols-1) * float64(len(values)-1)
		i := min(int(pos), len(values)-2)
		f := pos - float64(i)
		return values[i]*(1-f) + values[i+1]*f
	}
	for _, edge := range [][]float64{p.Low, p.High} {
		for x := 0; x < cols && len(edge) > 0; x += 2 {
			if v := at(edge, x); !math.IsNaN(v) {
				dot(x, row(v))
			}
		}
	}
	last := -1
	for x := range cols {
		v := at(p.Values, x)
		if math.IsNaN(v) {
			last = -1
			continue
		}
		y := row(v)
		from, to := y, y
		if last >= 0 { // join steep steps
			from, to = min(y, last), max(y, last)
			if last < y {
				from++
			} else if last > y {
				to--
			}
		}
		for j := from; j <= to; j++ {
			dot(x, j)
		}
		last = y
	}

	var b strings.Builder
	b.WriteString(Cut(p.Caption, width) + "\n")
	for i, line := range grid {
		label := ""
		switch i {
		case 0:
			label = Number(p.Variable, high)
		case height - 1:
			label = Number(p.Variable, low)
		}
		b.WriteString(PadLeft(label, axis-1) + " ┤" + strings.TrimRight(string(line), "\u2800") + "\n")
	}
	end := p.Start.Add(time.Duration(len(p.Values)) * p.Step)
	marks := []rune(strings.Repeat("─", cells))
	scale := func(t time.Time) int {
		first := p.Start.Add(p.Step)
		if !end.After(first) {
			return 0
		}
		return int(math.Round(float64(t.Sub(first)) / float64(end.Sub(first)) * float64(cells-1)))
	}
	if x := scale(p.PeakAt); !p.PeakAt.IsZero() && x >= 0 && x < cells {
		marks[x] = '▲'
	}
	b.WriteString(strings.Repeat(" ", axis) + "└" + string(marks) + "\n")
	left, right := Clock(p.Start), Clock(end)
	b.WriteString(strings.Repeat(" ", axis+1) + left + strings.Repeat(" ", max(1, cells-Width(left)-Width(right))) + right + "\n")
	if banded {
		b.WriteString(strings.Repeat(" ", axis+1) + "⠒ " + p.BandLabel + "\n")
	}
	if !math.IsNaN(p.Threshold) {
		b.WriteString(strings.Repeat(" ", axis+1) + fmt.Sprintf("┄ %s %s %s\n", p.Label, Number(p.Variable, p.Threshold), Unit(p.Variable)))
	}
	return b.String()
}

// Spark draws values as one line of blocks, at most width columns.
func Spark(values []float64, width int) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if len(values) == 0 || width <= 0 || high < low {
		return ""
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	n := min(width, len(values))
	out := make([]rune, n)
	for i := range out {
		// The highest of its share, so that a short crest is not lost.
		from, to := i*len(values)/n, max((i+1)*len(values)/n, i*len(values)/n+1)
		top := math.Inf(-1)
		for _, v := range values[from:to] {
			if !math.IsNaN(v) {
				top = max(top, v)
			}
		}
		switch {
		case math.IsInf(top, -1):
			out[i] = ' '
		case high-low < 0.01:
			out[i] = blocks[0]
		default:
			out[i] = blocks[int(math.Round((top-low)/(high-low)*float64(len(blocks)-1)))]
		}
	}
	return string(out)
}
