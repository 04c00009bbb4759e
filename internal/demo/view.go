package demo

import (
	"cmp"
	"io"
	"math"
	"slices"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/termui"
)

// redrawEvery bounds how often the terminal is redrawn.
const redrawEvery = 100 * time.Millisecond

// A view shows the storm to people.
type view struct {
	player *player
	screen *termui.Screen
	colour bool
	drawn  time.Time
	plain  bool
}

func newView(out io.Writer, p *player) *view {
	return &view{player: p, screen: termui.NewScreen(out), colour: termui.Colours(out), plain: !termui.Terminal(out)}
}

func (v *view) close() error { return v.screen.Close() }

func (v *view) draw(now time.Time) error {
	wall := v.player.opts.Now()
	last := !now.Before(v.player.storm.Start().Add(time.Duration(v.player.total()-1) * v.player.storm.Step()))
	if !last && wall.Sub(v.drawn) < redrawEvery {
		return nil
	}
	v.drawn = wall
	return v.screen.Draw(v.state(now))
}

func (v *view) state(now time.Time) termui.State {
	p := v.player
	cat := p.app.Catalog()
	stats := p.stats()
	keep := 200
	warnings, total := p.feed.newest(keep)
	s := termui.State{
		Lang: p.opts.Lang, Colour: v.colour, TitleZH: cat.TitleZH, TitleEN: cat.TitleEN,
		Synthetic: true, Illustrative: cat.Illustrative != "", Now: now, Speed: p.opts.Speed,
		Progress: float64(now.Sub(p.storm.Start())) / float64(time.Duration(p.total())*p.storm.Step()), Elapsed: p.opts.Now().Sub(p.started),
		Warnings: warnings, Total: total,
		Counters: termui.Counters{Sent: uint64(stats.Sent), Acked: uint64(stats.Accepted), Refused: uint64(stats.RefusedTotal())},
	}
	s.Notice = p.opts.Lang.Pick("值班台 ", "") + "console: http://" + p.app.HTTPAddr() + "   freshet watch --server " + p.app.GRPCAddr()
	s.Counters.Archived, s.Counters.Lag = p.app.Archived()
	all, _ := p.feed.newest(total)
	for _, w := range all {
		switch {
		case w.Raised():
			s.Counters.Raised++
		case w.Lowered():
			s.Counters.Lowered++
		}
	}
	p.app.Query(p.basin, func(e *engine.Engine) {
		s.Counters.Forecasts = e.ForecastCount()
		for _, st := range e.Statuses() {
			if st.Stage == hydro.Blind || st.Cause != "" {
				s.Blind = append(s.Blind, st)
			}
			if line, ok := stationLine(e, st); ok {
				s.Stations = append(s.Stations, line)
			}
		}
		s.Peaks = peaks(e)
	})
	slices.SortStableFunc(s.Stations, func(a, b termui.Station) int {
		return cmp.Or(cmp.Compare(urgency(b.Stage), urgency(a.Stage)), cmp.Compare(share(b), share(a)))
	})
	return s
}

// urgency orders stages for a list of the worst: blindness stands above clear
// and below every colour.
func urgency(s hydro.Stage) int {
	if s == hydro.Blind {
		return 0
	}
	if s == hydro.Clear {
		return -1
	}
	return int(s)
}

// share is how much of the way to its next threshold a station has come.
func share(s termui.Station) float64 {
	if math.IsNaN(s.Threshold) || s.Threshold == 0 {
		return 0
	}
	return s.Value / s.Threshold
}

// stationLine shows a station that has a stage table: the observed value that
// decides its stage and how far the next threshold is.
func stationLine(e *engine.Engine, st hydro.StationStatus) (termui.Station, bool) {
	station, known := e.Catalog().Station(st.Station)
	table, staged := e.Catalog().StageTable(st.Station, e.Now())
	if !known || !staged || len(table.Thresholds) == 0 { // a table of conditions alone has no level to show
		return termui.Station{}, false
	}
	leg := st.Observed
	if leg.Basis != hydro.Itself { // a rise is not a level
		leg = hydro.Leg{}
	}
	if h := e.History(hydro.Key{Station: st.Station, Variable: table.Thresholds[0].Variable}); leg.Variable == 0 && h != nil {
		// Out of sight: what was seen last, with its age.
		if last, ok := h.LastUsable(); ok && table.Thresholds[0].Variable != hydro.Rain {
			leg = hydro.Leg{Variable: table.Thresholds[0].Variable, Value: last.Value, At: last.Time()}
		}
	}
	line := termui.Station{
		NameZH: station.NameZH, NameEN: station.NameEN, Stage: st.Stage,
		Variable: leg.Variable, Window: leg.Window, Value: leg.Value, Threshold: math.NaN(),
	}
	if leg.Variable == 0 {
		return line, true // nothing seen yet
	}
	line.Age, line.Overdue = e.Now().Sub(leg.At), overdue(e, st.Station, leg.Variable)
	if h := e.History(hydro.Key{Station: st.Station, Variable: leg.Variable}); h != nil && leg.Variable != hydro.Rain {
		if last, ok := h.LastUsable(); ok {
			line.Trend = trend(h, last)
		}
	}
	for _, th := range table.Thresholds {
		if th.Variable == leg.Variable && th.Window == leg.Window && th.Value > leg.Value && !(th.Value >= line.Threshold) {
			line.Threshold, line.Next = th.Value, th.Stage
		}
	}
	return line, true
}

func overdue(e *engine.Engine, station string, v hydro.Variable) bool {
	for _, l := range e.Latest(station) {
		if l.Observation.Variable == v {
			return l.Overdue
		}
	}
	return false
}

// trend compares the latest value with the one an hour before.
func trend(h *hydro.History, last hydro.Sample) termui.Trend {
	past := h.Between(last.At-75*time.Minute.Milliseconds(), last.At-45*time.Minute.Milliseconds())
	for _, p := range slices.Backward(past) {
		if !p.Quality.Usable() {
			continue
		}
		switch d := last.Value - p.Value; {
		case d > 0.03:
			return termui.Rising
		case d < -0.03:
			return termui.Falling
		default:
			return termui.Steady
		}
	}
	return termui.Unknown
}

// peaks lists the forecast's highest points at stations with level thresholds,
// the most urgent first.
func peaks(e *engine.Engine) []termui.Peak {
	f := e.Forecast()
	if f == nil {
		return nil
	}
	var out []termui.Peak
	for _, sf := range f.Stations {
		st, ok := e.Catalog().Station(sf.Station)
		if !ok || len(sf.Crossings) == 0 {
			continue
		}
		p := termui.Peak{
			NameZH: st.NameZH, NameEN: st.NameEN, Variable: hydro.WaterLevel, Now: sf.NowLevel, Value: sf.Peak.Level,
			At: sf.Peak.At, AtEnd: sf.Peak.AtEnd, Values: sf.Level,
		}
		if math.IsNaN(sf.Peak.Level) {
			p.Variable, p.Now, p.Value, p.Values = hydro.Discharge, sf.NowDischarge, sf.Peak.Discharge, sf.Discharge
		}
		for _, c := range sf.Crossings {
			if !c.At.IsZero() && c.Stage > p.Stage {
				p.Stage = c.Stage
			}
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b termui.Peak) int { return cmp.Compare(b.Stage, a.Stage) })
	return out
}
