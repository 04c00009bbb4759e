// Package plot draws a hydrograph 过程线 as SVG or PNG: rain hanging from the
// top, what was observed, the instant of issue, what is forecast with its band,
// and the thresholds by name.
//
// A [Figure] is laid out once and drawn on one of two canvases of five strokes
// each. A plotting library was weighed against it: gonum.org/v1/plot has one
// value axis to a plot, so that hanging rain, captions that step aside for each
// other and a frame for the notes would all be code on top of it, and it brings
// a dozen modules; golang.org/x/image, for PNG, is one.
//
// In SVG text stays text, in the viewer's fonts, so that Chinese shows wherever
// the viewer has it. A PNG needs a font; the one that is built in knows no
// Chinese (see [Font]).
package plot

import (
	"math"
	"slices"
	"time"

	"freshet/internal/termui"
)

// A Figure is a hydrograph. Captions come from the caller, in one language.
type Figure struct {
	Width, Height float64 // px, 0: 1000 and what the content needs
	Title         string
	Subtitle      string
	Mark          string // in a frame at the top, such as that numbers are illustrative; "" for none
	Rehearsal     string // of a what-if: a watermark and a frame of its own; "" of what is
	Axis          string // what the values are: variable, unit and datum
	Number        func(float64) string
	Zone          *time.Location // of the time axis; nil: UTC
	ZoneName      string         // below the axis
	From, To      time.Time      // of the time axis; zero: the extent of lines and rain
	Now           time.Time      // of issue: a vertical line, forecasts are behind it; zero for none
	NowLabel      string
	Rain          *Rain
	Bands         []Band // widest first
	Lines         []Line
	Doubtful      []Point // observations that quality control held back, drawn hollow
	DoubtfulLabel string
	Thresholds    []Threshold
	Peaks         []Peak
	Notes         []string // below, wrapped: the honesty line
	Ink           bool     // for black-and-white print: black lines, and hatching instead of tints
}

// A Point is a value at an instant. NaN breaks the line.
type Point struct {
	At    time.Time
	Value float64
}

// A Line is a series with its entry in the legend.
type Line struct {
	Label  string
	Points []Point       // ascending
	Gap    time.Duration // points farther apart are not joined; 0: all are
	Style  Style
}

// A Style is how a line looks.
type Style struct {
	Colour string // #rrggbb
	Width  float64
	Dashed bool
	Dotted bool // a dot at the first point
}

// The styles of the two lines that every hydrograph has.
var (
	Observed = Style{Colour: "#17407a", Width: 2}
	Forecast = Style{Colour: "#b4400f", Width: 2, Dashed: true}
)

// Issue returns the style of the i-th of n forecasts issued one after the other.
func Issue(i, n int) Style {
	shades := []string{"#8a5a9e", "#c2559a", "#d9703c", "#b48a12", "#3f8f5a", "#2b8ca3", "#6b7280"}
	if n <= 1 {
		return Forecast
	}
	return Style{Colour: shades[i%len(shades)], Width: 1.5, Dashed: true, Dotted: true}
}

// A Band is the range between two quantiles.
type Band struct {
	Label     string
	At        []time.Time
	Low, High []float64 // NaN in one of them leaves a gap
}

// Rain are the depths that hang from the top.
type Rain struct {
	Caption string // whose rain, with unit
	Bars    []Bar
}

// A Bar is the rain of an interval; a Depth of NaN is an interval of which
// nothing is known, and shows as a grey stripe.
type Bar struct {
	From, To time.Time
	Depth    float64 // mm
	Forecast bool    // drawn hollow
}

// A Threshold is a level line with its caption.
type Threshold struct {
	Value  float64
	Label  string
	Colour string    // #rrggbb
	Dash   []float64 // px on, px off; nil: dotted
}

// A Peak is a marked point with its caption.
type Peak struct {
	Point
	Label string
}

// xy is a place in px, from the top left.
type xy struct{ x, y float64 }

type stroke struct {
	colour string
	width  float64
	dash   []float64 // px on, px off; nil: solid
}

type anchor int

const (
	start anchor = iota
	middle
	end
)

type typeface struct {
	size   float64
	bold   bool
	colour string
	at     anchor
	halo   bool // a white seam, for text over lines
	upward bool // reads from bottom to top
}

// A canvas takes the strokes of a figure. Class says what a stroke is, for who
// reads the drawing by machine.
type canvas interface {
	path(class string, parts [][]xy, s stroke)
	polygon(class string, p []xy, colour string, opacity float64)
	rect(class string, x, y, w, h float64, fill string, opacity float64, border string)
	circle(class string, x, y, r float64, fill, border string)
	text(class string, x, y float64, s string, t typeface)
}

const (
	ink, grey, faint = "#222222", "#666666", "#e3e6ea"
	left, right      = 66.0, 150.0 // margins beside the panels
	peakRoom         = 30          // px above a peak, for its mark and caption
	column           = 6.3         // px of a text column at 12 px
	captionColumns   = 21          // of text beside the panels
)

// layout is where things go.
type layout struct {
	f              *Figure
	width, height  float64
	legendY        float64
	rainTop, rainH float64
	top, h         float64 // of the panel of values
	from, to       time.Time
	low, high      float64
	rainMost       float64
	legend         [][]entry // rows
	notes          []string
}

type entry struct {
	label string
	width float64
	draw  func(c canvas, x, y float64)
}

func (l *layout) x(t time.Time) float64 {
	return left + float64(t.Sub(l.from))/float64(l.to.Sub(l.from))*(l.width-left-right)
}

func (l *layout) y(v float64) float64 { return l.top + (l.high-v)/(l.high-l.low)*l.h }

func (f *Figure) number(v float64) string {
	if f.Number == nil {
		return trim(v)
	}
	return f.Number(v)
}

func (f *Figure) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// plan finds the extents and the room for each part. It says false if there is
// no value or no time to draw.
func (f *Figure) plan() (*layout, bool) {
	l := &layout{f: f, width: f.Width, height: f.Height, from: f.From, to: f.To, low: math.Inf(1), high: math.Inf(-1)}
	if l.width == 0 {
		l.width = 1000
	}
	see := func(t time.Time, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		if !f.From.IsZero() && t.Before(f.From) || !f.To.IsZero() && t.After(f.To) {
			return
		}
		if f.From.IsZero() && (l.from.IsZero() || t.Before(l.from)) {
			l.from = t
		}
		if f.To.IsZero() && t.After(l.to) {
			l.to = t
		}
		l.low, l.high = min(l.low, v), max(l.high, v)
	}
	for _, line := range f.Lines {
		for _, p := range line.Points {
			see(p.At, p.Value)
		}
	}
	for _, b := range f.Bands {
		for i, t := range b.At {
			see(t, b.Low[i])
			see(t, b.High[i])
		}
	}
	for _, p := range f.Doubtful { // they widen nothing beyond thrice the rest: a spike must not flatten the flood
		if span := l.high - l.low; p.Value >= l.low-span && p.Value <= l.high+span {
			see(p.At, p.Value)
		}
	}
	if l.high < l.low || !l.to.After(l.from) {
		return nil, false
	}
	span := l.high - l.low
	for _, t := range f.Thresholds { // far ones are named at the edge
		if t.Value >= l.low-0.6*span && t.Value <= l.high+0.6*span {
			l.low, l.high = min(l.low, t.Value), max(l.high, t.Value)
		}
	}
	if l.high-l.low < 1e-9*max(1, math.Abs(l.high)) {
		l.low, l.high = l.low-0.5, l.high+0.5
	}
	pad := 0.06 * (l.high - l.low)
	if positive := l.low >= 0; positive {
		l.low = max(0, l.low-pad)
	} else {
		l.low -= pad
	}
	l.high += 1.8 * pad

	l.legend = f.entries(l.width - left - right)
	l.legendY = 62
	l.top = l.legendY + 18*float64(len(l.legend)) + 4
	if f.Rain != nil {
		l.rainTop, l.rainH = l.top, 84
		for _, b := range f.Rain.Bars {
			if !math.IsNaN(b.Depth) {
				l.rainMost = max(l.rainMost, b.Depth)
			}
		}
		l.rainMost = max(l.rainMost*1.1, 1)
		l.top += l.rainH + 10
	}
	l.notes = wrap(f.Notes, int((l.width-left-20)/column))
	below := 48 + 15*float64(len(l.notes)) + 8
	if l.height == 0 {
		l.height = l.top + 330 + below
	}
	l.h = max(120, l.height-l.top-below)
	l.height = l.top + l.h + below
	for _, p := range f.Peaks { // with its caption it stays below the edge
		if share := peakRoom / l.h; l.high-p.Value < share*(l.high-l.low) {
			l.high = (p.Value - share*l.low) / (1 - share)
		}
	}
	return l, true
}

func wrap(notes []string, columns int) []string {
	var out []string
	for _, n := range notes {
		out = append(out, termui.Wrap(n, columns)...)
	}
	return out
}

// entries lays the legend out in rows no wider than the panels.
func (f *Figure) entries(room float64) [][]entry {
	var all []entry
	add := func(label string, draw func(c canvas, x, y float64)) {
		if label != "" {
			all = append(all, entry{label, 30 + column*float64(termui.Width(label)) + 18, draw})
		}
	}
	for _, line := range f.Lines {
		add(line.Label, func(c canvas, x, y float64) {
			k := line.Style.stroke()
			k.colour = f.colour(k.colour)
			c.path("key", [][]xy{{{x, y}, {x + 24, y}}}, k)
		})
	}
	for i, b := range f.Bands {
		add(b.Label, func(c canvas, x, y float64) {
			if f.Ink {
				hatch(c, "key", i, []xy{{x, y - 5}, {x + 24, y - 5}}, []xy{{x, y + 5}, {x + 24, y + 5}})
				return
			}
			c.rect("key", x, y-5, 24, 10, Forecast.Colour, bandOpacity(i), "")
		})
	}
	if len(f.Doubtful) > 0 {
		add(f.DoubtfulLabel, func(c canvas, x, y float64) { c.circle("key", x+12, y, 3, "#ffffff", f.colour(Observed.Colour)) })
	}
	var rows [][]entry
	used := 0.0
	for _, e := range all {
		if len(rows) == 0 || used+e.width > room {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += e.width
	}
	return rows
}

func (s Style) stroke() stroke {
	out := stroke{colour: s.Colour, width: s.Width}
	if s.Dashed {
		out.dash = []float64{7, 4}
	}
	return out
}

func bandOpacity(i int) float64 { return min(0.14+0.1*float64(i), 0.4) }

// parts cuts a line where a value is missing or the next one is too far.
func parts(p []Point, gap time.Duration) [][]Point {
	var out [][]Point
	open := false
	for _, q := range p {
		if math.IsNaN(q.Value) || math.IsInf(q.Value, 0) {
			open = false
			continue
		}
		if open && gap > 0 {
			last := out[len(out)-1]
			open = q.At.Sub(last[len(last)-1].At) <= gap
		}
		if !open {
			out = append(out, nil)
			open = true
		}
		out[len(out)-1] = append(out[len(out)-1], q)
	}
	return out
}

// within keeps the points of an extent, and lets a line run up to its edge.
func (l *layout) within(p []Point) []Point {
	i, _ := slices.BinarySearchFunc(p, l.from, func(p Point, t time.Time) int { return p.At.Compare(t) })
	j, found := slices.BinarySearchFunc(p, l.to, func(p Point, t time.Time) int { return p.At.Compare(t) })
	if found {
		j++
	}
	return p[i:max(i, j)]
}
