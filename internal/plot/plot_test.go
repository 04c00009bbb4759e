package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/termui"
)

var t0 = time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)

func at(hours float64) time.Time { return t0.Add(time.Duration(hours * float64(time.Hour))) }

// An element is one mark of a drawing.
type element struct {
	name, class, text string
	attr              map[string]string
}

// A fataler is a test of either kind.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// read parses an SVG, which must be well-formed.
func read(t fataler, data []byte) []element {
	t.Helper()
	var out []element
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if token == nil {
			return out
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, data)
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := element{name: x.Name.Local, attr: map[string]string{}}
			for _, a := range x.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			e.class = e.attr["class"]
			out = append(out, e)
		case xml.CharData:
			if n := len(out) - 1; n >= 0 {
				out[n].text += strings.TrimSpace(string(x))
			}
		}
	}
}

func draw(t testing.TB, f *plot.Figure) []element {
	t.Helper()
	var b bytes.Buffer
	if err := f.SVG(&b); err != nil {
		t.Fatal(err)
	}
	return read(t, b.Bytes())
}

func of(all []element, name, class string) []element {
	return slices.DeleteFunc(slices.Clone(all), func(e element) bool { return e.name != name || e.class != class })
}

func number(t fataler, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// scales are read off the axes, as a person would: from two ticks each.
type scales struct{ x0, perHour, y0, perUnit float64 }

func axes(t testing.TB, all []element, zone *time.Location) scales {
	t.Helper()
	values, times, days := of(all, "text", "tick value"), of(all, "text", "tick time"), of(all, "text", "tick day")
	if len(values) < 2 || len(times) < 2 || len(days) < 1 {
		t.Fatalf("%d value ticks, %d time ticks, %d days", len(values), len(times), len(days))
	}
	a, z := values[0], values[len(values)-1]
	va, vz := number(t, a.text), number(t, z.text)
	ya, yz := number(t, a.attr["y"])-4, number(t, z.attr["y"])-4 // the middle of the digits
	var s scales
	s.perUnit = (yz - ya) / (vz - va)
	s.y0 = ya - va*s.perUnit
	instant := func(i int) time.Time {
		day := ""
		for _, d := range days { // the last one at or before the tick
			if number(t, d.attr["x"]) <= number(t, times[i].attr["x"])+0.01 {
				day = d.text
			}
		}
		at, err := time.ParseInLocation("2006-01-02 15:04", "2026-"+day+" "+times[i].text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first, last := instant(0), instant(len(times)-1)
	xa, xz := number(t, times[0].attr["x"]), number(t, times[len(times)-1].attr["x"])
	s.perHour = (xz - xa) / last.Sub(first).Hours()
	s.x0 = xa - first.Sub(t0).Hours()*s.perHour
	return s
}

func (s scales) point(x, y float64) (hours, value float64) {
	return (x - s.x0) / s.perHour, (y - s.y0) / s.perUnit
}

// subpaths reads "Mx,yLx,y…".
func subpaths(t testing.TB, d string) [][][2]float64 {
	t.Helper()
	var out [][][2]float64
	for _, part := range strings.Split(d, "M")[1:] {
		var p [][2]float64
		for pair := range strings.SplitSeq(part, "L") {
			x, y, ok := strings.Cut(pair, ",")
			if !ok {
				t.Fatalf("%q in %q", pair, d)
			}
			p = append(p, [2]float64{number(t, x), number(t, y)})
		}
		out = append(out, p)
	}
	return out
}

func flood() *plot.Figure {
	f := &plot.Figure{
		Title: "恩平 <&> \"Enping\"", Subtitle: "h-enping", Mark: "示例数据，非正式", Axis: plot.Caption(hydro.WaterLevel, hydro.PearlRiver, termui.Chinese),
		Number: func(v float64) string { return termui.Number(hydro.WaterLevel, v) }, Zone: termui.Beijing, ZoneName: plot.ZoneName(termui.Chinese),
		Now: at(24), NowLabel: "发布", Notes: []string{"数据截至 < 某时 & 某处。", strings.Repeat("缺测站很多，", 60)},
		Thresholds: []plot.Threshold{
			plot.StageLine(hydro.Blue, hydro.WaterLevel, 5.8, termui.Chinese), plot.StageLine(hydro.Yellow, hydro.WaterLevel, 5.85, termui.Chinese),
			plot.StageLine(hydro.Orange, hydro.WaterLevel, 7.3, termui.Chinese), plot.StageLine(hydro.Red, hydro.WaterLevel, 40, termui.Chinese),
		},
		Rain: &plot.Rain{Caption: "雨量 mm/h", Bars: []plot.Bar{
			{From: at(0), To: at(1), Depth: 12}, {From: at(1), To: at(2), Depth: math.NaN()}, {From: at(2), To: at(3), Depth: 24}, {From: at(25), To: at(26), Depth: 6, Forecast: true},
		}},
		Peaks: []plot.Peak{{Point: plot.Point{At: at(36), Value: 8.1}, Label: "洪峰 8.10"}},
	}
	observed, forecast := plot.Line{Label: "实测", Style: plot.Observed, Gap: 2 * time.Hour}, plot.Line{Label: "预报", Style: plot.Forecast}
	for h := range 25 {
		if h != 10 && h != 11 && h != 12 { // the gauge was silent
			observed.Points = append(observed.Points, plot.Point{At: at(float64(h)), Value: 3 + 0.1*float64(h)})
		}
	}
	for h := 24; h <= 72; h++ {
		v := 5.4 + 2.7*math.Exp(-math.Pow(float64(h-36)/6, 2))
		if h >= 60 && h < 64 {
			v = math.NaN()
		}
		forecast.Points = append(forecast.Points, plot.Point{At: at(float64(h)), Value: v})
	}
	f.Lines = []plot.Line{observed, forecast}
	return f
}

func TestCoordinatesReadOffTheAxesAreTheValues(t *testing.T) {
	f := flood()
	all := draw(t, f)
	s := axes(t, all, termui.Beijing)
	for i, class := range []string{"line", "line forecast"} {
		var got [][2]float64
		for _, p := range of(all, "path", class) {
			for _, part := range subpaths(t, p.attr["d"]) {
				got = append(got, part...)
			}
		}
		want := slices.DeleteFunc(slices.Clone(f.Lines[i].Points), func(p plot.Point) bool { return math.IsNaN(p.Value) })
		if len(got) != len(want) {
			t.Fatalf("%s has %d points, want %d", class, len(got), len(want))
		}
		for k, p := range want {
			h, v := s.point(got[k][0], got[k][1])
			if math.Abs(h-p.At.Sub(t0).Hours()) > 0.01 || math.Abs(v-p.Value) > 0.001 {
				t.Errorf("%s point %d is drawn at hour %.3f, %.4f; it is hour %.3f, %.4f", class, k, h, v, p.At.Sub(t0).Hours(), p.Value)
			}
		}
	}
	now := subpaths(t, of(all, "path", "now")[0].attr["d"])[0][0]
	if h, _ := s.point(now[0], 0); math.Abs(h-24) > 0.01 {
		t.Errorf("the line of issue stands at hour %.3f, want 24", h)
	}
}

func TestGapsAreGaps(t *testing.T) {
	all := draw(t, flood())
	for class, want := range map[string][]int{"line": {10, 12}, "line forecast": {36, 9}} {
		var got []int
		for _, p := range of(all, "path", class) {
			for _, part := range subpaths(t, p.attr["d"]) {
				got = append(got, len(part))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is in pieces of %v points, want %v", class, got, want)
		}
	}
}

func TestThresholdsStandAtTheirLevelsAndCaptionsStepAside(t *testing.T) {
	all := draw(t, flood())
	s := axes(t, all, termui.Beijing)
	var levels []float64
	for _, p := range of(all, "path", "threshold") {
		_, v := s.point(0, subpaths(t, p.attr["d"])[0][0][1])
		levels = append(levels, math.Round(v*1000)/1000)
	}
	if !slices.Equal(levels, []float64{5.8, 5.85, 7.3}) {
		t.Errorf("lines at %v", levels)
	}
	captions := of(all, "text", "threshold")
	var texts []string
	for i, c := range captions {
		texts = append(texts, c.text)
		if i > 0 && number(t, c.attr["y"])-number(t, captions[i-1].attr["y"]) < 14.9 {
			t.Errorf("captions %q and %q overlap", captions[i-1].text, c.text)
		}
	}
	if want := []string{"↑ 红色 40.00 m", "橙色 7.30 m", "黄色 5.85 m", "蓝色 5.80 m"}; !slices.Equal(texts, want) {
		t.Errorf("captions %q, want %q", texts, want)
	}
}

func TestRainHangsFromTheTopInProportion(t *testing.T) {
	all := draw(t, flood())
	bars := of(all, "rect", "rain")
	if len(bars) != 2 || len(of(all, "rect", "norain")) != 1 || len(of(all, "rect", "rain forecast")) != 1 {
		t.Fatalf("%d bars, %d without data, %d forecast", len(bars), len(of(all, "rect", "norain")), len(of(all, "rect", "rain forecast")))
	}
	h1, h2 := number(t, bars[0].attr["height"]), number(t, bars[1].attr["height"])
	if math.Abs(h2-2*h1) > 0.02 || bars[0].attr["y"] != bars[1].attr["y"] {
		t.Errorf("12 mm is %g high from %s, 24 mm is %g from %s", h1, bars[0].attr["y"], h2, bars[1].attr["y"])
	}
	if frame := of(all, "rect", "frame"); frame[1].attr["y"] != bars[0].attr["y"] {
		t.Errorf("bars hang from %s, the panel begins at %s", bars[0].attr["y"], frame[1].attr["y"])
	}
	s := axes(t, all, termui.Beijing)
	if h, _ := s.point(number(t, bars[1].attr["x"]), 0); math.Abs(h-2) > 0.06 {
		t.Errorf("the rain of hour 2 to 3 begins at %.3f", h)
	}
}

func TestAFigureSaysWhatItIs(t *testing.T) {
	all := draw(t, flood())
	text := ""
	for _, e := range all {
		text += e.text + "\n"
	}
	for _, want := range []string{"恩平 <&> \"Enping\"", "水位, m (珠江基面)", "示例数据，非正式", "数据截至 < 某时 & 某处。", "北京时间 +08:00", "洪峰 8.10", "实测", "预报", "发布"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the drawing", want)
		}
	}
	for _, e := range of(all, "text", "note") {
		if w := termui.Width(e.text); w > 160 {
			t.Errorf("a note of %d columns", w)
		}
	}
	if y, h := number(t, of(all, "text", "note")[len(of(all, "text", "note"))-1].attr["y"]), number(t, all[0].attr["height"]); y >= h {
		t.Errorf("the last note stands at %g, the figure ends at %g", y, h)
	}
}

// Any finite series is drawn inside its frame, and where its values say.
func TestAnySeriesIsDrawnInsideItsFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Float64Range(-100, 5000).Draw(t, "low")
		span := rapid.Float64Range(0, 4000).Draw(t, "span")
		n := rapid.IntRange(2, 40).Draw(t, "n")
		step := time.Duration(rapid.IntRange(1, 2000).Draw(t, "minutes")) * time.Minute
		line := plot.Line{Style: plot.Observed}
		for i := range n {
			line.Points = append(line.Points, plot.Point{At: t0.Add(time.Duration(i) * step), Value: low + span*rapid.Float64Range(0, 1).Draw(t, "v")})
		}
		f := &plot.Figure{Lines: []plot.Line{line}, Thresholds: []plot.Threshold{{Value: rapid.Float64Range(-1e5, 1e5).Draw(t, "threshold"), Colour: "#000000"}}}
		var b bytes.Buffer
		if err := f.SVG(&b); err != nil {
			t.Fatal(err)
		}
		all := read(t, b.Bytes())
		frame := of(all, "rect", "frame")[0].attr
		num := func(s string) float64 { return number(t, s) }
		x, y, w, h := num(frame["x"]), num(frame["y"]), num(frame["width"]), num(frame["height"])
		for _, p := range of(all, "path", "line") {
			for _, pair := range strings.FieldsFunc(p.attr["d"], func(r rune) bool { return r == 'M' || r == 'L' }) {
				px, py, _ := strings.Cut(pair, ",")
				if a, b := num(px), num(py); a < x-0.01 || a > x+w+0.01 || b < y-0.01 || b > y+h+0.01 {
					t.Fatalf("(%g, %g) lies outside of %v", a, b, frame)
				}
			}
		}
	})
}

func TestBandsBreakWhereAQuantileIsMissing(t *testing.T) {
	f := flood()
	band := plot.Band{Label: "80 %"}
	for h := 24; h <= 72; h++ {
		low := 5.0
		if h == 40 {
			low = math.NaN()
		}
		band.At, band.Low, band.High = append(band.At, at(float64(h))), append(band.Low, low), append(band.High, 7)
	}
	f.Bands = []plot.Band{band}
	all := draw(t, f)
	got := of(all, "polygon", "band")
	if len(got) != 2 {
		t.Fatalf("%d pieces", len(got))
	}
	s := axes(t, all, termui.Beijing)
	corner := strings.Split(strings.Fields(got[0].attr["points"])[0], ",")
	if h, v := s.point(number(t, corner[0]), number(t, corner[1])); math.Abs(h-24) > 0.01 || math.Abs(v-7) > 0.001 {
		t.Errorf("the band begins at hour %.3f, %.4f", h, v)
	}
}

func TestNothingToDrawIsAnError(t *testing.T) {
	nan := plot.Line{Points: []plot.Point{{At: at(0), Value: math.NaN()}, {At: at(1), Value: math.NaN()}}}
	for name, f := range map[string]*plot.Figure{"no line": {}, "only gaps": {Lines: []plot.Line{nan}}} {
		if err := f.SVG(&bytes.Buffer{}); !errors.Is(err, plot.ErrEmpty) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func english() *plot.Figure {
	f := flood()
	f.Title, f.Mark, f.NowLabel, f.Notes, f.Rain.Caption, f.Peaks[0].Label = "Enping", "illustrative", "issued", []string{"data up to"}, "rain, mm/h", "peak"
	f.Axis, f.ZoneName = plot.Caption(hydro.WaterLevel, hydro.PearlRiver, termui.English), plot.ZoneName(termui.English)
	f.Lines[0].Label, f.Lines[1].Label = "observed", "forecast"
	f.Thresholds = []plot.Threshold{plot.StageLine(hydro.Blue, hydro.WaterLevel, 5.8, termui.English)}
	return f
}

func TestPNGShowsWhatTheSVGShows(t *testing.T) {
	f := english()
	font, err := plot.BuiltinFont()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.PNG(&b, font); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	all := draw(t, f)
	if w := int(math.Ceil(2 * number(t, all[0].attr["width"]))); img.Bounds().Dx() != w {
		t.Errorf("%d px wide, want %d", img.Bounds().Dx(), w)
	}
	near := func(x, y float64, r, g, b uint32) bool { // a pixel of that colour within 3 px
		for dx := -3; dx <= 3; dx++ {
			for dy := -3; dy <= 3; dy++ {
				pr, pg, pb, _ := img.At(int(2*x)+dx, int(2*y)+dy).RGBA()
				if pr>>8 == r && pg>>8 == g && pb>>8 == b {
					return true
				}
			}
		}
		return false
	}
	seen := 0
	parts := subpaths(t, of(all, "path", "line")[0].attr["d"])
	for _, part := range parts {
		for _, p := range part {
			if !near(p[0], p[1], 0x17, 0x40, 0x7a) {
				t.Errorf("no observed line at %v", p)
			}
			seen++
		}
	}
	before, after := parts[0][len(parts[0])-1], parts[1][0]
	if x, y := (before[0]+after[0])/2, (before[1]+after[1])/2; near(x, y, 0x17, 0x40, 0x7a) {
		t.Errorf("a line at (%g, %g), where the gauge was silent", x, y)
	}
	if seen != 22 {
		t.Errorf("%d points", seen)
	}
}

func TestPNGRefusesWhatItsFontCannotWrite(t *testing.T) {
	font, err := plot.BuiltinFont()
	if err != nil {
		t.Fatal(err)
	}
	if err := flood().PNG(&bytes.Buffer{}, font); err == nil || !strings.Contains(err.Error(), "the font has no '恩'") {
		t.Errorf("%v", err)
	}
	if r, missing := font.Missing("m³/s · 12–24 h, peak ↑"); missing {
		t.Errorf("the built-in font has no %q, which captions use", r)
	}
	if _, err := plot.ParseFont([]byte("not a font")); err == nil {
		t.Error("any bytes pass for a font")
	}
}

func TestMeanRainCountsGaugesThatReportHalfOfABar(t *testing.T) {
	fall := func(from, to, depth float64) plot.Fall { return plot.Fall{From: at(from), To: at(to), Depth: depth} }
	gauges := [][]plot.Fall{
		{fall(0, 1, 4), fall(1, 1.25, 100), fall(2, 4, 10)}, // of hour 1 too little is known
		{fall(0, 0.5, 1), fall(0.5, 1, 1), fall(1, 2, 6)},
	}
	got := plot.MeanRain(at(0), at(5.5), time.Hour, gauges)
	var text []string
	for _, b := range got {
		text = append(text, fmt.Sprintf("%g", b.Depth))
	}
	if want := []string{"3", "6", "5", "5", "NaN"}; !slices.Equal(text, want) {
		t.Errorf("%v, want %v", text, want)
	}
	if got[0].From != at(0) || got[4].To != at(5) {
		t.Errorf("bars from %s to %s", got[0].From, got[4].To)
	}
}

// Rain that is reported without a gap is neither lost nor made, however the
// reports lie.
func TestMeanRainKeepsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var falls []plot.Fall
		sum, end := 0.0, 0
		for end < 24*60 {
			length := min(rapid.IntRange(1, 300).Draw(t, "minutes"), 24*60-end)
			depth := rapid.Float64Range(0, 50).Draw(t, "depth")
			falls = append(falls, plot.Fall{From: at(float64(end) / 60), To: at(float64(end+length) / 60), Depth: depth})
			sum += depth
			end += length
		}
		got := 0.0
		for _, b := range plot.MeanRain(at(0), at(24), time.Hour, [][]plot.Fall{falls, falls}) {
			got += b.Depth
		}
		if math.Abs(got-sum) > 1e-6*(1+sum) {
			t.Fatalf("%g mm, want %g", got, sum)
		}
	})
}
