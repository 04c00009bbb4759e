package engine

import (
	"time"

	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Overdue reports whether a value of a series that was observed at an instant is
// so old that as many reports are missing as make a station blind.
func (e *Engine) Overdue(k hydro.Key, at time.Time) bool {
	if e.cat == nil {
		return false
	}
	st, ok := e.cat.Station(k.Station)
	basin, known := e.cat.Basin(e.basin)
	if !ok || !known {
		return false
	}
	for _, v := range [...]hydro.Variable{k.Variable, hydro.RainCounter} {
		if p, declared := st.Parameter(v, k.Sensor); declared && (v == k.Variable || k.Variable == hydro.Rain) {
			return p.Interval > 0 && e.now.Sub(at) > time.Duration(basin.Settings.BlindAfter)*p.Interval
		}
	}
	return false
}

// A Refused is what the engine holds against a station: its latest refused
// readings of a variable.
type Refused struct {
	hydro.Refusal
	Received time.Time // by the server's clock
}

// Refusals returns the refused readings that may explain why stations are not
// seen: those of the blind window of each station. They ascend by station and
// variable.
func (e *Engine) Refusals() []Refused {
	if e.cat == nil {
		return nil
	}
	var out []Refused
	for _, r := range e.refusals {
		if e.now.Sub(r.Received) <= e.blindWindow(r.Refusal.Station) {
			out = append(out, Refused{r.Refusal, r.Received})
		}
	}
	return out
}

// BasinAccumulations is Accumulations, but with the hydrological day of the
// basin's season for every station: gauges whose local times are in other zones
// then stand side by side.
func (e *Engine) BasinAccumulations(station string) []accumulation.Sum {
	if e.cat == nil {
		return nil
	}
	i, ok := e.rainSeries(station)
	basin, known := e.cat.Basin(e.basin)
	if !ok || !known {
		return nil
	}
	zone, err := catalog.ParseZone(basin.Season.Zone)
	if err != nil { // not made by Load
		zone = time.UTC
	}
	return accumulation.Sums(&e.series[i].History, e.now, basin.Season.HydrologicalDayStart, zone, nil)
}
