package forecast

import (
	"slices"
	"time"

	"freshet/forecast/rain"
	"freshet/internal/hydro"
)

// Ahead is what has been announced for the time after a run's now. The zero
// value is that nothing has been. A run only reads it.
type Ahead struct {
	Rain  []Rain               // each source at most once
	Plans []hydro.DispatchPlan // each reservoir at most once
	Tides []hydro.Tide         // each source at most once a station; ascending by station, then by source
}

// A Rain is a rain forecast on the sub-basins of one model; [Model.Rain] makes
// it.
type Rain struct {
	Source     string
	IssuedAt   time.Time
	ValidUntil time.Time     // not used at or after
	From       time.Time     // when the first step begins
	Step       time.Duration // of the values
	Steps      int
	SubBasins  []SubBasinRain    // as the model has them
	Stations   []SubBasinRain    // of a grid: at the stations of RainAhead that stand in a cell
	Members    int               // of the ensemble; 0 of a single forecast
	Mean       bool              // the runs' rain is the mean of the members: there is no control run
	Unknown    []string          // sub-basins that it speaks of and the model does not have
	Withdrawn  *hydro.Withdrawal // by which it was taken back, or nil

	mixture *mixture // of a Rain that is made of several; nil of any other
}

// A SubBasinRain is the forecast rain of one sub-basin, or at one station, mm per
// step.
type SubBasinRain struct {
	ID       string
	Coverage float64     // share of the area that the forecast speaks of, 0 to 1
	Rain     []float64   // what runs use; nil where Coverage is 0
	Members  [][]float64 // nil where Coverage is 0
}

// End returns when the last step ends.
func (r *Rain) End() time.Time { return r.From.Add(time.Duration(r.Steps) * r.Step) }

// Member returns the rain forecast whose runs use the i-th member, from 0, as if
// it were the only one. It panics if there is none. The values are shared.
func (r *Rain) Member(i int) Rain {
	if i < 0 || i >= r.Members {
		panic("forecast: a rain forecast has no such member")
	}
	if r.mixture != nil {
		return r.mixture.member(i)
	}
	out := *r
	out.Members, out.Mean = 0, false
	only := func(all []SubBasinRain) []SubBasinRain {
		all = slices.Clone(all)
		for j := range all {
			if b := &all[j]; b.Members != nil {
				b.Rain, b.Members = b.Members[i], nil
			}
		}
		return all
	}
	out.SubBasins, out.Stations = only(r.SubBasins), only(r.Stations)
	return out
}

// Rain returns f on the model's sub-basins. A sub-basin takes the mean of the
// cells over its sample points ([rain.Shares]). f must pass its Check; its values
// may be shared, not changed.
func (m *Model) Rain(f *hydro.RainForecast) Rain {
	out := Rain{
		Source: f.Source, IssuedAt: f.IssuedAt, ValidUntil: f.ValidUntil, From: f.From, Step: f.Step, Steps: f.Steps(), Members: f.Members(), Withdrawn: f.Withdrawn,
		SubBasins: make([]SubBasinRain, len(m.subs)),
	}
	out.Mean = out.Members > 0 && len(f.Areas[0].Rain) == 0
	cells := Cells(f)
	for i := range f.Areas {
		if a := &f.Areas[i]; a.SubBasin != "" && !slices.ContainsFunc(m.subs, func(b subBasin) bool { return b.id == a.SubBasin }) {
			out.Unknown = append(out.Unknown, a.SubBasin)
		}
	}
	for i := range m.subs {
		b, to := &m.subs[i], &out.SubBasins[i]
		to.ID = b.id
		share := make([]float64, len(f.Areas))
		if len(cells) > 0 {
			share, to.Coverage = rain.Shares(b.points, cells)
		} else if at := slices.IndexFunc(f.Areas, func(a hydro.RainArea) bool { return a.SubBasin == b.id }); at >= 0 {
			share[at], to.Coverage = 1, 1
		}
		if to.Coverage > 0 {
			to.take(f, share, &out)
		}
	}
	if len(cells) == 0 {
		return out
	}
	for i := range m.rainStations {
		s := SubBasinRain{ID: m.rainStations[i].id}
		var share []float64
		if share, s.Coverage = rain.Shares([]rain.Place{m.rainStations[i].place}, cells); s.Coverage > 0 {
			s.take(f, share, &out)
			out.Stations = append(out.Stations, s)
		}
	}
	return out
}

// Cells returns the cells of f, as they stand in it; nil of a forecast by
// sub-basin.
func Cells(f *hydro.RainForecast) []rain.Cell {
	if len(f.Areas) == 0 || f.Areas[0].SubBasin != "" {
		return nil
	}
	out := make([]rain.Cell, len(f.Areas))
	for i := range f.Areas {
		c := f.Areas[i].Cell
		if len(f.Areas[i].Rings) == 0 {
			out[i] = rain.Box(c.West, c.South, c.East, c.North)
			continue
		}
		rings := make([][]rain.Place, len(f.Areas[i].Rings))
		for j, ring := range f.Areas[i].Rings {
			rings[j] = make([]rain.Place, len(ring))
			for k, p := range ring {
				rings[j][k] = rain.Place{Lon: p[0], Lat: p[1]}
			}
		}
		out[i] = rain.Polygon(rings...)
	}
	return out
}

// take fills the values of b, which are those of the areas of f by their share.
func (b *SubBasinRain) take(f *hydro.RainForecast, share []float64, of *Rain) {
	mean := func(row func(*hydro.RainArea) []float64) []float64 {
		sum := make([]float64, of.Steps)
		for j, w := range share {
			if w == 0 {
				continue
			}
			for t, v := range row(&f.Areas[j]) {
				sum[t] += w * v
			}
		}
		return sum
	}
	for k := range of.Members {
		b.Members = append(b.Members, mean(func(a *hydro.RainArea) []float64 { return a.Members[k] }))
	}
	if !of.Mean {
		b.Rain = mean(func(a *hydro.RainArea) []float64 { return a.Rain })
		return
	}
	b.Rain = make([]float64, of.Steps)
	for t := range b.Rain {
		for _, member := range b.Members {
			b.Rain[t] += member[t]
		}
		b.Rain[t] /= float64(of.Members)
	}
}

// usable says why r cannot be used by a run at now; "" if it can.
func (r *Rain) usable(now time.Time) string {
	switch {
	case r.Withdrawn != nil:
		return r.Withdrawn.Text(stampTime)
	case !now.Before(r.ValidUntil):
		return "expired at " + stamp(r.ValidUntil.UnixMilli())
	case !now.Before(r.End()):
		return "ended at " + stamp(r.End().UnixMilli())
	}
	return ""
}
