package plot

import (
	"math"
	"slices"
	"strconv"
	"time"

	"freshet/internal/termui"
)

// draw puts the figure on a canvas, back to front.
func (l *layout) draw(c canvas) {
	f := l.f
	c.rect("paper", 0, 0, l.width, l.height, "#ffffff", 1, "")
	c.text("title", left, 26, f.Title, typeface{size: 18, bold: true, colour: ink})
	c.text("subtitle", left, 46, f.Subtitle, typeface{size: 12, colour: grey})
	if f.Mark != "" {
		w := column*float64(termui.Width(f.Mark)) + 20
		fill := "#fff4ed"
		if f.Ink {
			fill = "#ffffff"
		}
		c.rect("mark", l.width-12-w, 10, w, 22, fill, 1, f.colour("#b42318"))
		c.text("mark", l.width-12-w/2, 25, f.Mark, typeface{size: 12, bold: true, colour: f.colour("#b42318"), at: middle})
	}
	for i, row := range l.legend {
		x, y := left, l.legendY+18*float64(i)
		for _, e := range row {
			e.draw(c, x, y)
			c.text("legend", x+30, y+4, e.label, typeface{size: 12, colour: ink})
			x += e.width
		}
	}
	x0, x1, bottom := left, l.width-right, l.top+l.h
	upper := l.top
	if f.Rain != nil {
		upper = l.rainTop
	}
	if !f.Now.IsZero() && f.Now.Before(l.to) && !f.Now.Before(l.from) {
		c.rect("future", l.x(f.Now), upper, x1-l.x(f.Now), bottom-upper, "#f5f7fa", 1, "")
	}
	l.axes(c, x0, x1, upper)
	if f.Rain != nil {
		l.rain(c, x0, x1)
	}
	for i, b := range f.Bands {
		l.band(c, b, i)
	}
	l.thresholds(c, x0, x1)
	for _, line := range slices.Backward(f.Lines) { // the first on top
		class := "line"
		if line.Style.Dashed {
			class = "line forecast"
		}
		l.line(c, class, line)
	}
	for _, p := range f.Doubtful {
		if p.Value >= l.low && p.Value <= l.high && !p.At.Before(l.from) && !p.At.After(l.to) {
			c.circle("doubtful", l.x(p.At), l.y(p.Value), 2.5, "#ffffff", f.colour(Observed.Colour))
		}
	}
	if !f.Now.IsZero() && !f.Now.Before(l.from) && !f.Now.After(l.to) {
		x := l.x(f.Now)
		c.path("now", [][]xy{{{x, upper}, {x, bottom}}}, stroke{colour: ink, width: 1.2})
		t, dx := typeface{size: 11, colour: ink, halo: true}, 5.0
		if x+column*float64(termui.Width(f.NowLabel)) > x1 {
			t.at, dx = end, -5
		}
		c.text("now", x+dx, bottom-7, f.NowLabel, t)
	}
	for _, p := range f.Peaks {
		l.peak(c, p, x0, x1)
	}
	c.rect("frame", x0, l.top, x1-x0, l.h, "", 0, "#8a929c")
	if f.Rain != nil {
		c.rect("frame", x0, l.rainTop, x1-x0, l.rainH, "", 0, "#8a929c")
	}
	for i, n := range l.notes {
		c.text("note", left, bottom+48+15*float64(i+1)-4, n, typeface{size: 11, colour: grey})
	}
}

func (l *layout) line(c canvas, class string, line Line) {
	var drawn [][]xy
	for _, part := range parts(l.within(line.Points), line.Gap) {
		var p []xy
		for _, q := range part {
			p = append(p, xy{l.x(q.At), l.y(q.Value)})
		}
		if len(p) == 1 { // a value alone shows too
			c.circle(class, p[0].x, p[0].y, 1.6, l.f.colour(line.Style.Colour), "")
			continue
		}
		drawn = append(drawn, p)
	}
	if len(drawn) > 0 {
		k := line.Style.stroke()
		k.colour = l.f.colour(k.colour)
		c.path(class, drawn, k)
		if line.Style.Dotted {
			c.circle(class+" issue", drawn[0][0].x, drawn[0][0].y, 3, k.colour, "")
		}
	}
}

func (l *layout) band(c canvas, b Band, nth int) {
	var upper, lower []xy
	finish := func() {
		switch {
		case len(upper) > 1 && l.f.Ink:
			hatch(c, "band", nth, upper, lower)
		case len(upper) > 1:
			slices.Reverse(lower)
			c.polygon("band", append(upper, lower...), Forecast.Colour, bandOpacity(nth))
		}
		upper, lower = nil, nil
	}
	for i, t := range b.At {
		if math.IsNaN(b.Low[i]) || math.IsNaN(b.High[i]) || t.Before(l.from) || t.After(l.to) {
			finish()
			continue
		}
		upper, lower = append(upper, xy{l.x(t), l.y(b.High[i])}), append(lower, xy{l.x(t), l.y(b.Low[i])})
	}
	finish()
}

// thresholds draws the lines, and their captions at the right, where they step
// aside for each other.
func (l *layout) thresholds(c canvas, x0, x1 float64) {
	type caption struct {
		text, colour string
		at, y        float64
		line         bool
	}
	var captions []caption
	for _, t := range l.f.Thresholds {
		text := t.Label
		y := l.y(t.Value)
		inside := y >= l.top && y <= l.top+l.h
		switch {
		case inside:
			dash := t.Dash
			if dash == nil {
				dash = []float64{2, 3}
			}
			c.path("threshold", [][]xy{{{x0, y}, {x1, y}}}, stroke{colour: t.Colour, width: 1.1, dash: dash})
		case y < l.top:
			text, y = "↑ "+text, l.top+4
		default:
			text, y = "↓ "+text, l.top+l.h-4
		}
		captions = append(captions, caption{text, t.Colour, y, y, inside})
	}
	slices.SortStableFunc(captions, func(a, b caption) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	const apart = 15
	for range 50 { // push neighbours apart until they fit; a few passes do
		moved := false
		for i := 1; i < len(captions); i++ {
			if d := captions[i].y - captions[i-1].y; d < apart-1e-6 {
				captions[i-1].y -= (apart - d) / 2
				captions[i].y += (apart - d) / 2
				moved = true
			}
		}
		if !moved {
			break
		}
	}
	for _, k := range captions {
		if k.line {
			c.path("leader", [][]xy{{{x1, k.at}, {x1 + 6, k.at}, {x1 + 12, k.y}}}, stroke{colour: k.colour, width: 0.8})
		}
		c.text("threshold", x1+15, k.y+4, k.text, typeface{size: 12, colour: k.colour})
	}
}

// colour is ink in a figure for black-and-white print.
func (f *Figure) colour(of string) string {
	if f.Ink {
		return ink
	}
	return of
}

// hatch fills what lies between two lines with strokes: upright ones of the first
// band, closer ones of the next within it. Both lines go from left to right.
func hatch(c canvas, class string, nth int, upper, lower []xy) {
	const apart = 6.0
	var strokes [][]xy
	for i := 1; i < len(upper); i++ {
		a, z := upper[i-1].x, upper[i].x
		shift := apart / 2 * float64(nth%2)
		for k := math.Ceil((a - shift) / apart); k*apart+shift < z; k++ {
			x := k*apart + shift
			share := (x - a) / (z - a)
			at := func(p []xy) float64 { return p[i-1].y + share*(p[i].y-p[i-1].y) }
			strokes = append(strokes, []xy{{x, at(upper)}, {x, at(lower)}})
		}
	}
	if len(strokes) > 0 {
		c.path(class+" hatch", strokes, stroke{colour: grey, width: 0.6})
	}
	c.path(class, [][]xy{upper, lower}, stroke{colour: grey, width: 0.5})
}

func (l *layout) peak(c canvas, p Peak, x0, x1 float64) {
	if math.IsNaN(p.Value) || p.At.Before(l.from) || p.At.After(l.to) {
		return
	}
	x, y := l.x(p.At), l.y(p.Value)
	c.polygon("peak", []xy{{x, y - 3}, {x - 5, y - 11}, {x + 5, y - 11}}, ink, 1)
	half := column * float64(termui.Width(p.Label)) / 2
	c.text("peak", min(max(x, x0+half+4), x1-half-4), y-15, p.Label, typeface{size: 12, colour: ink, at: middle, halo: true})
}

func (l *layout) rain(c canvas, x0, x1 float64) {
	f := l.f
	for _, b := range f.Rain.Bars {
		if !b.To.After(l.from) || !b.From.Before(l.to) {
			continue
		}
		a, z := max(l.x(b.From), x0), min(l.x(b.To), x1)
		switch {
		case math.IsNaN(b.Depth) && f.Ink:
			hatch(c, "norain", 0, []xy{{a, l.rainTop}, {z, l.rainTop}}, []xy{{a, l.rainTop + 8}, {z, l.rainTop + 8}})
		case math.IsNaN(b.Depth):
			c.rect("norain", a, l.rainTop, z-a, 4, "#c5cad1", 1, "")
		case b.Depth > 0:
			gap := min(1, (z-a)/5)
			h := b.Depth / l.rainMost * l.rainH
			if b.Forecast {
				c.rect("rain forecast", a+gap/2, l.rainTop, z-a-gap, h, "#ffffff", 1, f.colour("#2f80c2"))
			} else {
				c.rect("rain", a+gap/2, l.rainTop, z-a-gap, h, f.colour("#5aa5dd"), 1, "")
			}
		}
	}
	for i, line := range termui.Wrap(f.Rain.Caption, captionColumns) {
		c.text("caption", x1+15, l.rainTop+13+15*float64(i), line, typeface{size: 12, colour: f.colour("#2f6fa8")})
	}
}

// axes draws the grid with its numbers.
func (l *layout) axes(c canvas, x0, x1, upper float64) {
	bottom := l.top + l.h
	for _, v := range ticks(l.low, l.high, max(3, int(l.h/55))) {
		y := l.y(v)
		c.path("grid", [][]xy{{{x0, y}, {x1, y}}}, stroke{colour: faint, width: 1})
		c.text("tick value", x0-7, y+4, l.f.number(v), typeface{size: 11, colour: ink, at: end})
	}
	c.text("axis", 16, l.top+l.h/2, l.f.Axis, typeface{size: 12, colour: ink, at: middle, upward: true})
	if l.f.Rain != nil {
		for _, v := range ticks(0, l.rainMost, 3) {
			y := l.rainTop + v/l.rainMost*l.rainH
			if v > 0 {
				c.path("grid", [][]xy{{{x0, y}, {x1, y}}}, stroke{colour: faint, width: 1})
			}
			c.text("tick rain", x0-7, min(y+4, l.rainTop+l.rainH), trim(v), typeface{size: 11, colour: ink, at: end})
		}
	}
	times, step := instants(l.from, l.to, l.f.zone(), int((x1-x0)/62))
	day := ""
	for _, t := range times {
		x := l.x(t)
		c.path("grid", [][]xy{{{x, upper}, {x, bottom}}}, stroke{colour: faint, width: 1})
		local := t.In(l.f.zone())
		if step < 24*time.Hour {
			c.text("tick time", x, bottom+15, local.Format("15:04"), typeface{size: 11, colour: ink, at: middle})
		}
		if d := local.Format("01-02"); d != day {
			c.text("tick day", x, bottom+30, d, typeface{size: 11, colour: ink, at: middle})
			day = d
		}
	}
	c.text("zone", x1+24, bottom+15, l.f.ZoneName, typeface{size: 11, colour: grey})
}

// ticks returns about n round numbers in [low, high].
func ticks(low, high float64, n int) []float64 {
	raw := (high - low) / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * unit
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= 0.8*raw {
			step = m * unit
			break
		}
	}
	var out []float64
	for k := math.Ceil(low/step - 1e-9); k*step <= high+1e-9*step; k++ {
		out = append(out, k*step+0) // no −0
	}
	return out
}

// instants returns round instants of a zone in [from, to], at most n, and their
// distance.
func instants(from, to time.Time, zone *time.Location, n int) ([]time.Time, time.Duration) {
	step := 24 * time.Hour
	for _, s := range []time.Duration{
		5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		24 * time.Hour, 48 * time.Hour, 120 * time.Hour, 240 * time.Hour, 720 * time.Hour,
	} {
		step = s
		if to.Sub(from) <= time.Duration(max(n, 2))*s {
			break
		}
	}
	local := from.In(zone)
	t := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	var out []time.Time
	for ; !t.After(to); t = t.Add(step) {
		if !t.Before(from) {
			out = append(out, t)
		}
	}
	return out, step
}

func trim(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
