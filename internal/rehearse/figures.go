package rehearse

import (
	"cmp"
	"math"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// Figures are what one run says of one station over the horizon.
type Figures struct {
	Peak   hydro.Peak
	Volume float64               // 10⁶ m³ through the station; of a reservoir into it
	Stages []Stood               // one per threshold of level, flow and inflow, lowest first
	Series hydro.StationForecast // thinned to the basin's output step
}

// A Stood is how long a run stands at or above a threshold.
type Stood struct {
	Stage    hydro.Stage
	Variable hydro.Variable
	Value    float64   // on the station's datum
	At       time.Time // when it is first met; zero: not within the horizon
	Above    time.Duration
}

// Pool is what one run says of one reservoir over the horizon.
type Pool struct {
	Reservoir   string
	Station     string
	Path        forecast.ReservoirPath // thinned to the basin's output step, flows out as they are then
	PeakLevel   float64                // m; NaN: no level
	PeakAt      time.Time
	EndLevel    float64
	PeakInflow  float64 // m³/s
	PeakOutflow float64
	OverLimit   time.Duration // that the level stands above the limit level in force
	VolumeIn    float64       // 10⁶ m³
	VolumeOut   float64
	Residual    float64 // 10⁶ m³ that do not balance; NaN where outlets did not make the release
	Bounds      []Bound
}

// A Run is one run of a rehearsal: as it is, or as asked.
type Run struct {
	Forecast hydro.Forecast // thinned
	Stations []Figures      // as in Forecast.Stations
	Pools    []Pool
	Walk     Walk
}

// figures draws the figures of a run.
func figures(b *engine.Footing, c *catalog.Catalog, r *forecast.Rehearsal) Run {
	basin, _ := c.Basin(b.Basin)
	step := b.Model.Step()
	every := int(basin.Settings.OutputStep / step)
	out := Run{Forecast: r.Forecast}
	out.Forecast.Step = basin.Settings.OutputStep
	out.Forecast.Stations = make([]hydro.StationForecast, len(r.Forecast.Stations))
	for i := range r.Forecast.Stations {
		s := &r.Forecast.Stations[i]
		f := Figures{Peak: s.Peak, Volume: volume(s.NowDischarge, s.Discharge, step), Series: *s}
		f.Series.Discharge, f.Series.Level = thinned(s.Discharge, every), thinned(s.Level, every)
		pool := reservoirAt(basin, s.Station) != nil
		for _, t := range thresholds(b, c, s.Station) {
			values, now := s.Discharge, s.NowDischarge
			switch {
			case t.Variable == hydro.WaterLevel:
				values, now = s.Level, s.NowLevel
			case pool != (t.Variable == hydro.Inflow):
				continue // a river has no inflow, and the flow below a dam is not what a run tells of it
			}
			if len(values) == 0 || math.IsNaN(values[0]) {
				continue
			}
			t.At, t.Above = stood(b.T0, now, values, step, t.Value)
			f.Stages = append(f.Stages, t)
		}
		out.Forecast.Stations[i] = f.Series
		out.Stations = append(out.Stations, f)
	}
	for i := range r.Reservoirs {
		out.Pools = append(out.Pools, pool(b.T0, &r.Reservoirs[i], step, every))
	}
	slices.SortFunc(out.Pools, func(a, b Pool) int { return cmp.Compare(a.Reservoir, b.Reservoir) })
	return out
}

func thinned(v []float64, every int) []float64 {
	if v == nil {
		return nil
	}
	out := make([]float64, 0, len(v)/every)
	for i := every - 1; i < len(v); i += every {
		out = append(out, v[i])
	}
	return out
}

// volume is what runs through between T0 and the horizon, 10⁶ m³.
func volume(now float64, v []float64, step time.Duration) float64 {
	sum, before := 0.0, now
	for _, q := range v {
		sum += (before + q) / 2 * step.Seconds() / 1e6
		before = q
	}
	return sum
}

// stood returns when a series first meets a threshold, and how long it is at it or
// above, by straight lines between its values.
func stood(t0 time.Time, now float64, v []float64, step time.Duration, threshold float64) (first time.Time, above time.Duration) {
	before := now
	for i, x := range v {
		from := t0.Add(time.Duration(i) * step)
		if math.IsNaN(before) {
			before = x
		}
		share, begin := 0.0, 0.0 // of the step at or above, and where it begins
		switch {
		case before >= threshold && x >= threshold:
			share = 1
		case before >= threshold:
			share = (before - threshold) / (before - x)
		case x >= threshold:
			begin = (threshold - before) / (x - before)
			share = 1 - begin
		}
		if (share > 0 || x >= threshold) && first.IsZero() {
			first = from.Add(time.Duration(begin * float64(step))).Round(time.Second)
		}
		above += time.Duration(share * float64(step))
		before = x
	}
	return first, above.Round(time.Second)
}

// thresholds returns the thresholds of a station in force at T0 on the station's
// datum, one of a stage and variable.
func thresholds(b *engine.Footing, c *catalog.Catalog, station string) []Stood {
	t, ok := c.StageTable(station, b.T0)
	if !ok {
		return nil
	}
	var out []Stood
	for _, h := range t.Thresholds {
		x := Stood{Stage: h.Stage, Variable: h.Variable, Value: h.Value}
		switch h.Variable {
		case hydro.WaterLevel:
			add, ok := b.Rules.Offset(station, t.Datum)
			if !ok {
				continue
			}
			x.Value += add
		case hydro.Discharge, hydro.Inflow:
		default:
			continue
		}
		if !slices.ContainsFunc(out, func(o Stood) bool { return o.Stage == x.Stage && o.Variable == x.Variable }) {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Stood) int {
		return cmp.Or(cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Stage, b.Stage))
	})
	return out
}

func reservoirAt(b *catalog.Basin, station string) *catalog.Reservoir {
	for i := range b.Reservoirs {
		if b.Reservoirs[i].Station == station {
			return &b.Reservoirs[i]
		}
	}
	return nil
}

// pool draws the figures of a reservoir.
func pool(t0 time.Time, p *forecast.ReservoirPath, step time.Duration, every int) Pool {
	out := Pool{
		Reservoir: p.Reservoir, Station: p.Station, Path: *p, PeakLevel: p.Start, PeakAt: t0, EndLevel: p.Start,
		PeakInflow: p.Begin, Residual: p.Residual(step), Bounds: bounds(t0, p, step), VolumeIn: volume(p.Begin, p.Inflow, step),
	}
	for i := range p.Inflow {
		out.PeakInflow, out.PeakOutflow = max(out.PeakInflow, p.Inflow[i]), max(out.PeakOutflow, p.Outflow[i])
		out.VolumeOut += p.Outflow[i] * step.Seconds() / 1e6
		if p.Level == nil {
			continue
		}
		if out.EndLevel = p.Level[i]; p.Level[i] > out.PeakLevel || math.IsNaN(out.PeakLevel) {
			out.PeakLevel, out.PeakAt = p.Level[i], t0.Add(time.Duration(i+1)*step)
		}
		if p.Level[i] > p.Limit[i] { // false for NaN
			out.OverLimit += step
		}
	}
	out.Path.Inflow, out.Path.Outflow, out.Path.Level = thinned(p.Inflow, every), thinned(p.Outflow, every), thinned(p.Level, every)
	out.Path.Volume, out.Path.Asked, out.Path.Limit = thinned(p.Volume, every), thinned(p.Asked, every), thinned(p.Limit, every)
	out.Path.Bound, out.Path.BoundZH = nil, nil
	return out
}

// bounds tells what set the release of a reservoir, from when on, at most
// maxBounds changes of it.
func bounds(t0 time.Time, p *forecast.ReservoirPath, step time.Duration) []Bound {
	var out []Bound
	for i := range p.Bound {
		if n := len(out); n > 0 && out[n-1].EN == p.Bound[i] {
			out[n-1].Most = max(out[n-1].Most, p.Outflow[i])
			continue
		}
		if len(out) == maxBounds {
			break
		}
		out = append(out, Bound{From: t0.Add(time.Duration(i) * step), ZH: p.BoundZH[i], EN: p.Bound[i], Most: p.Outflow[i]})
	}
	return out
}

const maxBounds = 24

// A Bound is what set a release from an instant on.
type Bound struct {
	From   time.Time
	ZH, EN string
	Most   float64 // m³/s released while it did
}
