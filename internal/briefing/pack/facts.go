package pack

import (
	"cmp"
	"math"
	"slices"

	freshetv1 "freshet/proto/freshet/v1"
)

// Facts are what the templates of the sentences are given. A Cell prints as it
// stands on the page and in the workbook; where a value is missing it prints why,
// and {{if .X.Known}} asks. docs/models/briefing-pack.md describes the fields.
type Facts struct {
	Basin, Title string
	AsOf, At     Cell
	Zone         string
	Hash         string
	Mark         string // that numbers are illustrative; "" where none is
	Rain         RainFacts
	Water        WaterFacts
	Works        WorksFacts
	Forecast     ForecastFacts
	Warnings     WarningFacts
	Blind        BlindFacts
	Changes      *ChangeFacts // nil: nothing to compare with
	Plans        []PlanFacts
}

// Named is a station with up to three values.
type Named struct {
	Name  string
	Value Cell // of a level, the level
	Unit  string
	Over  Cell // above the mark
	At    Cell
	Text  string
}

// RainFacts are of the rain stations of all departments.
type RainFacts struct {
	Stations int     // that measure rain
	Silent   []Named // of them, those that have reported none for the last hour
	Hour     RainWindow
	Hours3   RainWindow
	Hours6   RainWindow
	Hours24  RainWindow
	Since8   RainWindow
}

// RainWindow is the rain of one span up to the situation's instant.
type RainWindow struct {
	Span     string
	Gauges   int   // with reports in the window
	Absent   int   // without any
	Areal    Cell  // mean of the sub-basins by area, up to ArealAt; there is none since 08:00
	ArealAt  Cell  // when the run in force was issued
	Covered  Cell  // share of the basin's area that Areal stands for
	Average  Cell  // arithmetic mean of the gauges
	Most     Named // Most, Second, Least: Value is missing where there is none
	Second   Named
	Least    Named // of those whose reports cover nine tenths
	Partial  []Named
	Over     []Grade
	HasAreal bool
}

// Grade counts the stations with at least From and less than To mm in 24 h.
type Grade struct {
	Name  string
	From  float64
	Count int
}

// Marked counts the stations above one mark.
type Marked struct {
	Stations     []Named // above it, the farthest first
	Compared     int     // whose usable level was held against the mark
	Unset        []Named // without the mark in the catalogue: 未配置
	Incomparable []Named // with the mark, but no usable level in time
}

// WaterFacts are of rivers and tides.
type WaterFacts struct {
	Stations                         int
	Usable                           int // with a usable value in time
	Unusable                         []Named
	Warning, Guarantee, Highest      Marked
	Rising, Falling, Steady, Unknown int
}

// WorksFacts are of reservoirs and gates.
type WorksFacts struct {
	Reservoirs, Gates int
	Limit             Marked
	Levels            []Named // of all reservoirs; Over is above the limit level
}

// ForecastFacts are of the run in force.
type ForecastFacts struct {
	Known                bool
	Issued, Until        Cell
	Hours                int
	Line                 string // the honesty line
	Expired              bool
	Doubt                string // why the forecast is not whole and valid; "" if it is, or the situation does not say
	Stations             int
	Peaks                []PeakFacts // of those that meet a threshold
	Below                int         // those that meet none within the horizon
	Missing              []string
	WithoutThresholds    int
	WithoutThresholdList []Named
}

// PeakFacts is one station's forecast.
type PeakFacts struct {
	Name        string
	Level, Flow Cell
	At          Cell
	AtEnd       bool // still rising when the forecast ends
	Falling     bool // it falls from the start
	Highest     string
	Crossings   []Named // Name is the stage, Value the threshold, At when it is met
}

// WarningFacts are what is in force.
type WarningFacts struct {
	Stages         []StageFacts // red first, only those with stations
	Clear, Blind   int
	Stations       int
	Waves          []string // open ones, in a sentence each
	Unacknowledged []Named
	Shelved        []Named
	Unreached      []Named
}

// StageFacts are the stations at one stage.
type StageFacts struct {
	Stage    string
	Count    int
	Stations []Named
}

// BlindFacts are what nobody sees.
type BlindFacts struct {
	Stations, Of int // distinct stations of which something is not seen
	Sets         []BlindSet
	Escalated    []Named
	Conflicts    int
}

// BlindSet is what one call can mend.
type BlindSet struct {
	Department, Cause, Gateway string
	Stations                   []Named
	Since                      Cell
}

// ChangeFacts are since the last briefing.
type ChangeFacts struct {
	From                                  Cell
	New, Gone, Worse, Better, Lost, Back  []Named // Text says from what to what
	Rain                                  []Named // the most first
	Peaks                                 []Named // that moved: Over by how much, Text how much later
	Opened, Started, Done, Late, Closed   []Named
	Responses                             []Named
	ConflictsOpened, ConflictsSettled     int
	UnacknowledgedBefore, Unacknowledged  int
	UnreachedOpened, UnreachedSettled     int
	BlindOpened, BlindSettled             int
	WavesOpened, WavesRaised, WavesClosed int
}

// PlanFacts is one body's plan.
type PlanFacts struct {
	Name, Body                         string
	Proposed, Declared                 string
	Differs                            bool
	Reason                             string
	Open, Started, Done, Late, Dropped int
	LateMeasures                       []Named
}

func (m *maker) named(station string) Named { return Named{Name: m.name(station)} }

func (m *maker) nameds(stations []string) []Named {
	var out []Named
	for _, s := range stations {
		out = append(out, m.named(s))
	}
	return out
}

func (m *maker) facts() *Facts {
	h := m.head()
	f := &Facts{
		Basin: h.Basin, Title: h.Title, AsOf: m.clock(m.s.GetAsOf()), At: m.clock(m.s.GetAt()), Zone: h.Zone, Hash: m.Hash, Mark: h.Mark,
		Rain: m.rainFacts(), Water: m.waterFacts(), Works: m.worksFacts(), Forecast: m.forecastFacts(), Warnings: m.warningFacts(),
		Blind: m.blindFacts(), Plans: m.planFacts(),
	}
	if m.Diff != nil {
		f.Changes = m.changeFacts()
	}
	return f
}

func rainOf(r *freshetv1.BoardRow, window uint32) *freshetv1.BoardRain {
	for _, x := range r.GetRain() {
		if x.GetWindowS() == window && x.GetCoverage() > 0 {
			return x
		}
	}
	return nil
}

// measuresRain says whether a row is of a rain gauge: by its kind, or because it
// has reported rain.
func measuresRain(r *freshetv1.BoardRow) bool { return r.GetKind() == "rain" || len(r.GetRain()) > 0 }

func isReservoir(r *freshetv1.BoardRow) bool { return r.GetKind() == "reservoir" }
func isGate(r *freshetv1.BoardRow) bool      { return r.GetKind() == "gate" }
func isRiver(r *freshetv1.BoardRow) bool {
	return !isReservoir(r) && !isGate(r) && r.GetKind() != "rain"
}

func (m *maker) rainFacts() RainFacts {
	f := RainFacts{}
	for _, r := range m.s.GetBoard() {
		if measuresRain(r) {
			f.Stations++
			if rainOf(r, 3600) == nil {
				f.Silent = append(f.Silent, m.named(r.GetStation()))
			}
		}
	}
	for _, w := range []struct {
		to      *RainWindow
		seconds uint32
	}{{&f.Hour, 3600}, {&f.Hours3, 3 * 3600}, {&f.Hours6, 6 * 3600}, {&f.Hours24, 24 * 3600}, {&f.Since8, 0}} {
		*w.to = m.rainWindow(w.seconds)
	}
	return f
}

// enough is the share of a window that reports must cover for the least rain: a
// gauge that was silent is not the driest.
const enough = 0.9

func (m *maker) rainWindow(seconds uint32) RainWindow {
	w := RainWindow{Span: m.window(seconds), Areal: missing(m.pick("缺", "not known")), ArealAt: missing("—"), Covered: missing("—"), Average: m.absent()}
	none := Named{Name: m.pick("无", "none"), Value: m.absent()}
	w.Most, w.Second, w.Least = none, none, none
	type gauge struct {
		id   string
		rain *freshetv1.BoardRain
	}
	var all []gauge
	sum := 0.0
	for _, r := range m.s.GetBoard() {
		if !measuresRain(r) {
			continue
		}
		x := rainOf(r, seconds)
		if x == nil {
			w.Absent++
			continue
		}
		all = append(all, gauge{r.GetStation(), x})
		sum += x.GetRain()
	}
	w.Gauges = len(all)
	slices.SortStableFunc(all, func(a, b gauge) int { return cmp.Compare(b.rain.GetRain(), a.rain.GetRain()) })
	say := func(g gauge) Named {
		n := Named{Name: m.name(g.id), Value: m.number(Depth, g.rain.GetRain())}
		if g.rain.GetCoverage() < 1 {
			n.Text = m.pick("不少于", "at least")
		}
		return n
	}
	if len(all) > 0 {
		w.Average = m.number(Depth, sum/float64(len(all)))
		w.Most = say(all[0])
	}
	if len(all) > 1 {
		w.Second = say(all[1])
	}
	for _, g := range slices.Backward(all) {
		if g.rain.GetCoverage() >= enough {
			w.Least = say(g)
			break
		}
	}
	for _, g := range all {
		if g.rain.GetCoverage() < enough {
			w.Partial = append(w.Partial, say(g))
		}
	}
	if seconds == 24*3600 {
		w.Over = m.grades(func(yield func(float64)) {
			for _, g := range all {
				yield(g.rain.GetRain())
			}
		})
	}
	if seconds > 0 {
		m.arealMean(&w, seconds)
	}
	return w
}

// grades are those of 24 h by GB/T 28592-2012.
func (m *maker) grades(each func(func(float64))) []Grade {
	out := []Grade{{m.pick("特大暴雨", "extreme rainstorm"), 250, 0}, {m.pick("大暴雨", "heavy rainstorm"), 100, 0}, {m.pick("暴雨", "rainstorm"), 50, 0}}
	each(func(mm float64) {
		for i := range out {
			if mm >= out[i].From {
				out[i].Count++
				return
			}
		}
	})
	return out
}

func lastRain(r *freshetv1.ArealRain, seconds uint32) *float64 {
	switch seconds {
	case 3600:
		return r.Last_1H
	case 3 * 3600:
		return r.Last_3H
	case 6 * 3600:
		return r.Last_6H
	}
	return r.Last_24H
}

// arealMean is the mean over the sub-basins whose rain is known, by their area.
func (m *maker) arealMean(w *RainWindow, seconds uint32) {
	all, sum, known := 0.0, 0.0, 0.0
	for _, b := range m.s.GetSubBasins() {
		all += b.GetAreaKm2()
	}
	for _, r := range m.s.GetForecast().GetArealRain() {
		area := m.subs[r.GetSubBasin()].GetAreaKm2()
		if x := lastRain(r, seconds); x != nil && !math.IsNaN(*x) {
			sum += *x * area
			known += area
		}
	}
	if known > 0 && all > 0 {
		w.HasAreal = true
		w.Areal, w.Covered, w.ArealAt = m.number(Depth, sum/known), m.number(Share, known/all), m.clock(m.s.GetForecast().GetIssuedAt())
	}
}

// marked holds each station against a mark.
func (m *maker) marked(is func(*freshetv1.BoardRow) bool, mark freshetv1.Mark, over func(*freshetv1.BoardRow) *float64) Marked {
	var out Marked
	for _, r := range m.s.GetBoard() {
		if !is(r) {
			continue
		}
		x := over(r)
		switch {
		case x != nil:
			out.Compared++
			if *x > 0 {
				out.Stations = append(out.Stations, Named{
					Name: m.name(r.GetStation()), Value: m.value(r.GetLevel()), Over: m.number(Over, *x), At: m.clock(r.GetLevel().GetAt()),
				})
			}
		case m.markOf(r.GetStation(), mark) == nil:
			out.Unset = append(out.Unset, m.named(r.GetStation()))
		default:
			out.Incomparable = append(out.Incomparable, m.named(r.GetStation()))
		}
	}
	slices.SortStableFunc(out.Stations, func(a, b Named) int { return cmp.Compare(b.Over.Number, a.Over.Number) })
	return out
}

func (m *maker) markOf(station string, mark freshetv1.Mark) *freshetv1.ThresholdLine {
	for _, l := range m.marks[station].GetLines() {
		if l.GetMark() == mark {
			return l
		}
	}
	return nil
}

func (m *maker) waterFacts() WaterFacts {
	var f WaterFacts
	for _, r := range m.s.GetBoard() {
		if !isRiver(r) {
			continue
		}
		f.Stations++
		if r.GetTrend() == nil { // the trend is of the newest usable value in time
			f.Unusable = append(f.Unusable, m.named(r.GetStation()))
			continue
		}
		f.Usable++
		switch r.GetTrend().GetTrend() {
		case freshetv1.Trend_TREND_RISING:
			f.Rising++
		case freshetv1.Trend_TREND_FALLING:
			f.Falling++
		case freshetv1.Trend_TREND_STEADY:
			f.Steady++
		default:
			f.Unknown++
		}
	}
	f.Warning = m.marked(isRiver, freshetv1.Mark_MARK_WARNING, func(r *freshetv1.BoardRow) *float64 { return r.OverWarning })
	f.Guarantee = m.marked(isRiver, freshetv1.Mark_MARK_GUARANTEE, func(r *freshetv1.BoardRow) *float64 { return r.OverGuarantee })
	f.Highest = m.marked(isRiver, freshetv1.Mark_MARK_HIGHEST, func(r *freshetv1.BoardRow) *float64 { return r.OverHighest })
	return f
}

func (m *maker) worksFacts() WorksFacts {
	var f WorksFacts
	for _, r := range m.s.GetBoard() {
		switch {
		case isGate(r):
			f.Gates++
		case isReservoir(r):
			f.Reservoirs++
			f.Levels = append(f.Levels, Named{
				Name: m.name(r.GetStation()), Value: m.value(r.GetLevel()), Over: m.overMark(r, freshetv1.Mark_MARK_FLOOD_LIMIT, r.OverFloodLimit), At: m.clock(r.GetLevel().GetAt()),
				Text: m.doubt(r.GetLevel()),
			})
		}
	}
	f.Limit = m.marked(isReservoir, freshetv1.Mark_MARK_FLOOD_LIMIT, func(r *freshetv1.BoardRow) *float64 { return r.OverFloodLimit })
	return f
}

// overMark is how far a level is above a mark, or why that cannot be told.
func (m *maker) overMark(r *freshetv1.BoardRow, mark freshetv1.Mark, over *float64) Cell {
	switch {
	case over != nil:
		return m.number(Over, *over).strong(*over > 0)
	case m.markOf(r.GetStation(), mark) == nil:
		return missing(m.unset())
	}
	return missing(m.incomparable())
}
