package engine

import (
	"time"

	"freshet/forecast"
	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Latest is the newest value of one series.
type Latest struct {
	Observation hydro.Observation
	Age         time.Duration // between the observation's instant and engine time
	Overdue     bool          // as many reports are missing as make a station blind
}

// Basin returns the id of the engine's basin.
func (e *Engine) Basin() string { return e.basin }

// Seq returns the sequence number of the last input applied.
func (e *Engine) Seq() uint64 { return e.seq }

// Now returns engine time: the last tick, or zero before the first.
func (e *Engine) Now() time.Time { return e.now }

// Catalog returns the catalogue in force, or nil before the first.
func (e *Engine) Catalog() *catalog.Catalog { return e.cat }

// Model returns the forecast's model of the catalogue in force, or nil before the
// first. It is immutable.
func (e *Engine) Model() *forecast.Model { return e.model }

// Latest returns the newest value of every series of a station, in the order of
// the catalogue. Values that quality control doubts are included with their
// flags.
func (e *Engine) Latest(station string) []Latest {
	if e.cat == nil {
		return nil
	}
	st, ok := e.cat.Station(station)
	basin, _ := e.cat.Basin(e.basin)
	if !ok {
		return nil
	}
	var out []Latest
	add := func(k hydro.Key, interval time.Duration) {
		i, ok := e.index[k]
		if !ok {
			return
		}
		s := &e.series[i]
		last, ok := s.History.Last()
		if !ok {
			return
		}
		o := hydro.Observation{
			Reading: hydro.Reading{
				Key: k, At: last.Time(), Interval: time.Duration(last.Interval) * time.Second, Raw: last.Raw, Value: last.Value,
				Datum: s.Datum, Notes: last.Tests & (hydro.NoteTrace | hydro.NoteDatumConverted),
			},
			Quality: last.Quality, Tests: last.Tests, Ran: last.Ran, Failed: last.Failed, Revision: last.Revision, ReceivedAt: time.UnixMilli(last.Received).UTC(),
		}
		if s.WhyAt == last.At {
			o.Why = s.Why
		}
		age := e.now.Sub(o.At)
		out = append(out, Latest{o, age, interval > 0 && age > time.Duration(basin.Settings.BlindAfter)*interval})
	}
	for _, p := range st.Parameters {
		add(hydro.Key{Station: station, Variable: p.Variable, Sensor: p.Sensor}, p.Interval)
		if p.Variable == hydro.RainCounter {
			add(hydro.Key{Station: station, Variable: hydro.Rain, Sensor: p.Sensor}, p.Interval)
		}
	}
	return out
}

// History returns the recent past of a series, or nil if it has none. It
// belongs to the engine: read it before the next Apply and do not change it.
func (e *Engine) History(k hydro.Key) *hydro.History { return e.history(k) }

// Accumulations returns the rain of a station up to now in all windows, or nil
// if it has reported no rain.
func (e *Engine) Accumulations(station string) []accumulation.Sum {
	if e.cat == nil {
		return nil
	}
	i, ok := e.rainSeries(station)
	if !ok {
		return nil
	}
	return e.sums(i)
}

// Forecast returns the latest run, or nil before the first. It is never changed
// afterwards.
func (e *Engine) Forecast() *hydro.Forecast { return e.latest }

// ForecastCount returns how many runs the engine has issued.
func (e *Engine) ForecastCount() uint64 { return e.forecasts }

// Statuses returns where every station stands, ascending by station id.
func (e *Engine) Statuses() []hydro.StationStatus {
	if e.rules == nil {
		return nil
	}
	return e.rules.Statuses(e.alertState)
}

// Blind returns the stations of which something is not seen, grouped by cause,
// department and gateway.
func (e *Engine) Blind() []hydro.BlindSet {
	if e.rules == nil {
		return nil
	}
	return e.rules.Blind(e.alertState)
}

// Conflicts returns what departments say differently, ascending by id. It is
// never changed afterwards.
func (e *Engine) Conflicts() []hydro.Conflict { return e.conflicts.Open }

// Rates returns the requests for a faster reporting rate that are in force,
// ascending by station. It is never changed afterwards.
func (e *Engine) Rates() []hydro.RateRequest { return e.rateState.Requests }

// Calls returns the rounds of call-and-confirm that are remembered, the newest
// first, with the phones of the people.
func (e *Engine) Calls() []hydro.CallRound {
	if e.cat == nil {
		return nil
	}
	return e.parts.callout.Rounds(e.duty.Callout)
}

// Unreached returns everybody whose tries ran out without a confirmation.
func (e *Engine) Unreached() []hydro.Unreached {
	if e.cat == nil {
		return nil
	}
	return e.parts.callout.Unreached(e.duty.Callout)
}

// Responses returns the plans of the basin and where they stand, ascending by
// plan.
func (e *Engine) Responses() []hydro.Response {
	if e.cat == nil {
		return nil
	}
	return e.parts.plan.Responses(e.duty.Plan)
}

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

// Groups returns the waves and outages that are open, and those that closed lately,
// the highest first.
func (e *Engine) Groups() []hydro.GroupChange {
	if e.groups == nil {
		return nil
	}
	return e.groups.Groups(e.groupState, e.latest, e.now)
}
