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

// stationLine shows a station that has a stage table by the variable that is
// nearest to its next threshold.
func stationLine(e *engine.Engine, st hydro.StationStatus) (termui.Station, bool) {
	station, ok := e.Catalog().Station(st.Station)
	if !ok {
		return termui.Station{}, false
	}
	table, ok := e.Catalog().StageTable(st.Station, e.Now())
	if !ok {
		return termui.Station{}, false
	}
	best := termui.Station{NameZH: station.NameZH, NameEN: station.NameEN, Stage: st.Stage, Threshold: math.NaN()}
	found := false
	for _, th := range table.Thresholds {
		line := best
		line.Variable, line.Window, line.Next = th.Variable, th.Window, th.Stage
		line.Threshold = th.Value
		if th.Variable == hydro.Rain {
			for _, sum := range e.Accumulations(st.Station) {
				if sum.Window == th.Window {
					line.Value = sum.Rain
				}
			}
		} else {
			h := e.History(hydro.Key{Station: st.Station, Variable: th.Variable})
			if h == nil {
				continue
			}
			last, ok := h.LastUsable()
			if !ok {
				continue
			}
			line.Value, line.Age, line.Trend = last.Value, e.Now().Sub(last.Time()), trend(h, last)
			line.Overdue = overdue(e, st.Station, th.Variable)
		}
		reached := line.Value >= th.Value
		switch {
		case !found:
		case reached && line.Threshold <= best.Threshold && line.Variable == best.Variable && line.Window == best.Window:
			continue
		case share(line) < share(best) && !reached:
			continue
		}
		if reached { // show the next one up if there is one, else no threshold
			line.Threshold = math.NaN()
			for _, up := range table.Thresholds {
				if up.Variable == th.Variable && up.Window == th.Window && up.Value > line.Value {
					line.Threshold, line.Next = up.Value, up.Stage
					break
				}
			}
		}
		if !found || share(line) >= share(best) {
			best, found = line, true
		}
	}
	return best, found
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
	for i := len(past) - 1; i >= 0; i-- {
		if !past[i].Quality.Usable() {
			continue
		}
		switch d := last.Value - past[i].Value; {
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
