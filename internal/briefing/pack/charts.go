package pack

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// sampleTime is the instant of the facts that templates are tried on.
var sampleTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A series is what a station observed, as points.
type series struct {
	station  string
	variable freshetv1.Variable
	datum    string
	every    time.Duration
	points   []point
}

type point struct {
	at     time.Time
	value  float64
	usable bool          // quality control lets it pass; of rain: it enters sums
	fell   time.Duration // of rain
}

func seriesOf(x *freshetv1.SituationSeries, at time.Time) series {
	s := series{station: x.GetStation(), variable: x.GetVariable(), datum: x.GetDatum(), every: time.Duration(x.GetIntervalS()) * time.Second}
	for i, off := range x.GetOffsetMs() {
		if i >= len(x.GetValue()) || i >= len(x.GetQuality()) {
			break
		}
		q := x.GetQuality()[i]
		p := point{at: at.Add(time.Duration(off) * time.Millisecond), value: x.GetValue()[i], usable: q == freshetv1.Quality_QUALITY_PASS || q == freshetv1.Quality_QUALITY_NOT_EVALUATED}
		if x.GetVariable() == freshetv1.Variable_VARIABLE_RAIN {
			p.usable = !slices.Contains(x.GetNotCounted(), uint32(i)) //nolint:gosec // far below 2³²
			if i < len(x.GetFellInS()) {
				p.fell = time.Duration(x.GetFellInS()[i]) * time.Second
			}
		}
		s.points = append(s.points, p)
	}
	return s
}

func (m *maker) find(station string, v freshetv1.Variable) *series {
	for i := range m.all {
		if m.all[i].station == station && m.all[i].variable == v {
			return &m.all[i]
		}
	}
	return nil
}

const (
	chartWidth  = 720 // px, the width of A4 between margins at 96 dpi
	mostCharts  = 8   // hydrographs on paper: four pages
	chartBefore = 48 * time.Hour
)

// falls are the rain of all gauges that reported.
func (m *maker) falls() (out [][]plot.Fall) {
	for _, s := range m.all {
		if s.variable != freshetv1.Variable_VARIABLE_RAIN {
			continue
		}
		var f []plot.Fall
		for _, p := range s.points {
			if p.usable && p.fell > 0 {
				f = append(f, plot.Fall{From: p.at.Add(-p.fell), To: p.at, Depth: p.value})
			}
		}
		out = append(out, f)
	}
	return out
}

// rainChart hangs the mean rain of the gauges from the top, by the hour.
func (m *maker) rainChart() *plot.Figure {
	falls, at := m.falls(), m.s.GetAt().AsTime()
	if len(falls) == 0 {
		return nil
	}
	from := at.Add(-72 * time.Hour)
	bars := plot.MeanRain(from, at, time.Hour, falls)
	sum := plot.Line{Label: m.pick("累计", "sum"), Style: plot.Observed}
	total := 0.0
	for _, b := range bars {
		if !math.IsNaN(b.Depth) {
			total += b.Depth
		}
		sum.Points = append(sum.Points, plot.Point{At: b.To, Value: total})
	}
	return &plot.Figure{
		Width: chartWidth, Height: 330, Ink: true, Title: m.pick("近72小时逐时雨量", "Rain by the hour, last 72 h"), Subtitle: plot.MeanOf(len(falls), m.Lang),
		Axis: m.pick("累计雨量, mm", "rain since, mm"), Number: formats[Depth].text, Zone: m.zone, ZoneName: m.zoneName(), From: from, To: at,
		Rain: &plot.Rain{Caption: plot.RainCaption(plot.MeanOf(len(falls), m.Lang), time.Hour, bars, m.Lang), Bars: bars}, Lines: []plot.Line{sum},
		Notes: []string{m.pick("斜线条表示该时无站有报（不是零）；累计不含这些时段。", "Hatched: no gauge reported in that hour (not zero); the sum leaves it out.")},
	}
}

// hydrographs are those of the stations that stand highest.
func (m *maker) hydrographs() []*plot.Figure {
	var out []*plot.Figure
	for _, s := range m.charted() {
		out = append(out, m.hydrograph(s))
	}
	return out
}

// charted are the stations that have a chart.
func (m *maker) charted() []*freshetv1.StationForecast {
	var out []*freshetv1.StationForecast
	for _, s := range m.ranked() {
		if len(out) == mostCharts {
			break
		}
		if _, _, values := drawn(s); slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) }) {
			out = append(out, s)
		}
	}
	return out
}

// drawn are the values that a station's chart shows: levels, or flows where no
// level is forecast.
func drawn(s *freshetv1.StationForecast) (v freshetv1.Variable, now float64, values []float64) {
	if slices.ContainsFunc(s.GetLevel(), func(x float64) bool { return !math.IsNaN(x) }) {
		return freshetv1.Variable_VARIABLE_WATER_LEVEL, s.GetNowLevel(), s.GetLevel()
	}
	return freshetv1.Variable_VARIABLE_DISCHARGE, s.GetNowDischarge(), s.GetDischarge()
}

// observedOf is what was observed of a chart's quantity.
func (m *maker) observedOf(station string, v freshetv1.Variable) *series {
	s := m.find(station, v)
	if s == nil && v == freshetv1.Variable_VARIABLE_DISCHARGE {
		s = m.find(station, freshetv1.Variable_VARIABLE_INFLOW)
	}
	return s
}

func (m *maker) hydrograph(s *freshetv1.StationForecast) *plot.Figure {
	run := m.s.GetForecast()
	issued := run.GetIssuedAt().AsTime()
	v, now, values := drawn(s)
	variable, err := wire.ToVariable(v)
	if err != nil { // drawn returns two that exist
		variable = hydro.WaterLevel
	}
	k := kindOf(v)
	f := &plot.Figure{
		Width: chartWidth, Height: 440, Ink: true, Title: m.name(s.GetStation()) + " " + m.pick("洪水预报过程线", "flood forecast"),
		Subtitle: m.pick("预报发布 ", "issued ") + m.instant(run.GetIssuedAt()).show + " · " + m.pick("本材料截至 ", "as of ") + m.instant(m.s.GetAt()).show,
		Axis:     plot.Caption(variable, hydro.Datum(s.GetDatum()), m.Lang), Number: formats[k].text, Zone: m.zone, ZoneName: m.zoneName(),
		From: m.s.GetAt().AsTime().Add(-chartBefore), To: stepAt(run, len(values)-1), Now: issued, NowLabel: m.pick("发布 ", "issued ") + m.clock(run.GetIssuedAt()).show,
		DoubtfulLabel: m.pick("存疑或不通过", "held back"),
	}
	var marks []string
	if m.s.GetIllustrative() {
		marks = append(marks, m.pick("示例数据，非正式", "illustrative, not official"))
	}
	if m.expired() {
		marks = append(marks, m.pick("已过有效期，不可采用", "EXPIRED, do not use"))
	}
	f.Mark = strings.Join(marks, " · ")
	f.Notes = append(f.Notes, m.observedLine(f, s, v)...)
	ahead := plot.Line{Label: m.pick("预报", "forecast"), Style: plot.Forecast, Points: []plot.Point{{At: issued, Value: now}}}
	for i, x := range values {
		ahead.Points = append(ahead.Points, plot.Point{At: stepAt(run, i), Value: x})
	}
	f.Lines = append(f.Lines, ahead)
	f.Bands = m.bands(s, v, now)
	m.lines(f, s, v)
	if p := s.GetPeak(); p != nil && p.GetAt().AsTime().After(issued) && !p.GetAtEnd() {
		x := p.GetLevel()
		if k == Flow {
			x = p.GetDischarge()
		}
		f.Peaks = append(f.Peaks, plot.Peak{
			Point: plot.Point{At: p.GetAt().AsTime(), Value: x}, Label: m.pick("洪峰 ", "peak ") + m.number(k, x).show + " " + unitOf(k) + ", " + m.clock(p.GetAt()).show,
		})
	}
	if falls := m.falls(); len(falls) > 0 {
		bars := plot.MeanRain(f.From, m.s.GetAt().AsTime(), time.Hour, falls)
		f.Rain = &plot.Rain{Caption: plot.RainCaption(plot.MeanOf(len(falls), m.Lang), time.Hour, bars, m.Lang), Bars: bars}
	}
	// The honesty line is long and of the run: it stands once in the section, not below each chart.
	f.Notes = append(f.Notes, m.remarks(s)+m.pick("。预报所依据的资料与缺测见本节。", ". What the forecast stands on is said in this section."))
	return f
}

// observedLine draws what was observed, and says what could not be drawn.
func (m *maker) observedLine(f *plot.Figure, s *freshetv1.StationForecast, v freshetv1.Variable) []string {
	o := m.observedOf(s.GetStation(), v)
	switch {
	case o == nil:
		return []string{m.pick("近72小时无实测。", "Nothing was observed in the last 72 h.")}
	case kindOf(v) == Level && (o.datum != s.GetDatum() || o.datum == ""):
		return []string{fmt.Sprintf(m.pick("实测水位基面为%s，与预报不同，未绘出。", "Observed levels are on %s, not on the forecast's datum: not drawn."), m.datum(o.datum))}
	}
	line := plot.Line{Label: m.pick("实测", "observed"), Style: plot.Observed, Gap: 3 * o.every}
	for _, p := range o.points {
		q := plot.Point{At: p.at, Value: p.value}
		if p.usable {
			line.Points = append(line.Points, q)
		} else {
			f.Doubtful = append(f.Doubtful, q)
		}
	}
	if len(line.Points) > 0 {
		f.Lines = append(f.Lines, line)
	}
	return nil
}

// lines are the thresholds of the charted quantity, of the table and the marks.
func (m *maker) lines(f *plot.Figure, s *freshetv1.StationForecast, v freshetv1.Variable) {
	marks := m.marks[s.GetStation()]
	for _, l := range marks.GetLines() {
		if l.GetVariable() != v || kindOf(v) == Level && marks.GetDatum() != s.GetDatum() {
			continue
		}
		label := cmp.Or(m.pick(l.GetNameZh(), l.GetNameEn()), m.stage(l.GetStage()).show) + " " + m.threshold(v, l.GetValue()).show
		f.Thresholds = append(f.Thresholds, plot.Threshold{Value: l.GetValue(), Label: label, Colour: "#000000", Dash: dashes[l.GetStage()]})
	}
}

// dashes tell the stages' lines apart without colour: the higher, the longer.
var dashes = map[freshetv1.Stage][]float64{
	freshetv1.Stage_STAGE_BLUE: {1, 4}, freshetv1.Stage_STAGE_YELLOW: {3, 3}, freshetv1.Stage_STAGE_ORANGE: {7, 3}, freshetv1.Stage_STAGE_RED: {14, 3},
}

// bands are the ranges of 90 % and 50 %.
func (m *maker) bands(s *freshetv1.StationForecast, v freshetv1.Variable, now float64) []plot.Band {
	run := m.s.GetForecast()
	if len(s.GetBand()) == 0 {
		return nil
	}
	var out []plot.Band
	for _, r := range []struct {
		low, high int
		share     string
	}{{0, 6, "90%"}, {2, 4, "50%"}} {
		b := plot.Band{Label: r.share + m.pick("区间", " range"), At: []time.Time{run.GetIssuedAt().AsTime()}, Low: []float64{now}, High: []float64{now}}
		for i, q := range s.GetBand() {
			values := q.GetLevel()
			if kindOf(v) == Flow {
				values = q.GetDischarge()
			}
			low, high := math.NaN(), math.NaN()
			if len(values) == 7 {
				low, high = values[r.low], values[r.high]
			}
			b.At = append(b.At, run.GetIssuedAt().AsTime().Add(time.Duration(i+1)*time.Duration(run.GetBandStepS())*time.Second))
			b.Low, b.High = append(b.Low, low), append(b.High, high)
		}
		out = append(out, b)
	}
	return out
}
