package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
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
	var cells []rain.Box
	for i := range f.Areas {
		a := &f.Areas[i]
		if a.SubBasin == "" {
			cells = append(cells, rain.Box(a.Cell))
		} else if !slices.ContainsFunc(m.subs, func(b subBasin) bool { return b.id == a.SubBasin }) {
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

// RainAt returns the index in a.Rain of the rain forecast that a run at now uses,
// or -1: of those that have neither expired nor ended, that of the source which
// stands first in the catalogue's rain_sources; of sources that do not stand
// there, the one issued last; of two issued at once, the one whose source sorts
// first.
func (m *Model) RainAt(a Ahead, now time.Time) int {
	rank := func(source string) int {
		if i := slices.Index(m.settings.RainSources, source); i >= 0 {
			return i
		}
		return len(m.settings.RainSources)
	}
	best := -1
	for i := range a.Rain {
		r := &a.Rain[i]
		if r.usable(now) != "" {
			continue
		}
		if best < 0 {
			best = i
			continue
		}
		b := &a.Rain[best]
		if x, y := rank(r.Source), rank(b.Source); x != y {
			if x < y {
				best = i
			}
		} else if r.IssuedAt.After(b.IssuedAt) || r.IssuedAt.Equal(b.IssuedAt) && r.Source < b.Source {
			best = i
		}
	}
	return best
}

// announcedRain takes the rain forecast of the run, and says which it is. It
// fills ahead: rain per sub-basin, mm, of the steps behind here. It returns the
// forecast that is used, or nil.
func (r *run) announcedRain(a Ahead) (*Rain, error) {
	now := time.UnixMilli(r.now).UTC()
	r.rainAssumed = rainAssumed
	used := r.m.RainAt(a, now)
	for i := range a.Rain {
		f := &a.Rain[i]
		if len(f.SubBasins) != len(r.m.subs) {
			return nil, fmt.Errorf("rain forecast of %s has %d sub-basins, the model %d: %w", f.Source, len(f.SubBasins), len(r.m.subs), hydro.ErrInvalid)
		}
		if longWithdrawn(f.Withdrawn, now) {
			continue
		}
		if why := f.usable(now); why != "" {
			r.note("rain forecast of %s, issued %s, %s: not used", f.Source, stamp(f.IssuedAt.UnixMilli()), why)
		} else if i != used {
			r.note("rain forecast of %s, issued %s, is held and not used: that of %s comes first", f.Source, stamp(f.IssuedAt.UnixMilli()), a.Rain[used].Source)
		}
	}
	if used < 0 {
		return nil, nil
	}
	f := &a.Rain[used]
	r.rainAssumed = fmt.Sprintf("rain forecast of %s, issued %s, valid until %s", f.Source, stamp(f.IssuedAt.UnixMilli()), stamp(f.ValidUntil.UnixMilli()))
	if f.Mean {
		r.note("rain forecast of %s is the mean of %d members", f.Source, f.Members)
	}
	if from := f.From.UnixMilli(); from > r.now {
		r.note("rain forecast of %s begins at %s: no rain is assumed before it", f.Source, stamp(from))
	}
	if end := f.End().UnixMilli(); end < r.now+r.m.settings.Horizon.Milliseconds() {
		r.note("rain forecast of %s ends at %s: no rain is assumed after it", f.Source, stamp(end))
	}
	if len(f.Unknown) > 0 {
		r.note("rain forecast of %s speaks of sub-basins that the catalogue does not have: %s", f.Source, strings.Join(f.Unknown, ", "))
	}
	var left []string
	covered, sampled := 0.0, 0.0
	for i := range r.m.subs {
		b, s := &r.m.subs[i], &f.SubBasins[i]
		if s.ID != b.id {
			return nil, fmt.Errorf("rain forecast of %s has sub-basin %q where the model has %q: %w", f.Source, s.ID, b.id, hydro.ErrInvalid)
		}
		if s.Coverage == 0 {
			left = append(left, b.id)
			continue
		}
		covered += b.area
		sampled += b.area * s.Coverage
	}
	if len(left) > 0 {
		r.note("rain forecast of %s leaves out %d %% of the area: no rain is assumed in %s", f.Source, int(math.Ceil(100*(1-covered/r.m.area)-1e-9)), strings.Join(left, ", "))
	}
	if sampled < covered*(1-1e-12) {
		r.note("cells of the rain forecast of %s cover %d %% of the rest; their mean stands for all of it", f.Source, int(math.Floor(100*sampled/covered)))
	}
	r.ahead = r.spread(f)
	return f, nil
}
