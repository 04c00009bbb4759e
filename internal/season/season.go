// Package season sums the rain of a season, such as the Dragon Boat rain 龙舟水, by
// station, sub-basin and basin, and compares it with what is normal and with other
// years.
//
// It is pure: no clock, no I/O. Its input are the reports of rain as somebody kept
// them, its unit is the whole hour from the start of the season. Nothing is put in
// the place of what was not reported: docs/models/season.md.
package season

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	// whole is the share of an hour from which on reports cover all of it: clocks of
	// gauges are not exact, and one report of five minutes is more than is left.
	whole = 0.95
	// speaks is the share of an hour from which on a gauge speaks for the area around
	// it, as in a forecast's step.
	speaks = 0.5
	// straddle bounds how long a report may be that is looked for around an hour.
	straddle = 48 * time.Hour
	// maxGaps of one station are listed.
	maxGaps = 50
)

// Around is how far beyond the season's ends reports are of use: one that lies partly
// in it counts by its share of time.
const Around = 24 * time.Hour

// A Plan says what is summed.
type Plan struct {
	Basin       *catalog.Basin
	Zone        *time.Location // of its days
	From, Until time.Time      // the season, UTC
	Stations    []Station      // with a rain gauge, ascending by id
	Areas       []forecast.Area
}

// A Station is one whose rain is summed.
type Station struct {
	*catalog.Station
	Key hydro.Key // the first rain gauge in the catalogue, measured or from a counter
}

// At plans the season of a basin that is on at an instant, or else the last before it.
// A basin without one is hydro.ErrNotFound.
func At(c *catalog.Catalog, basin string, areas []forecast.Area, at time.Time) (*Plan, error) {
	b, ok := c.Basin(basin)
	if !ok {
		return nil, fmt.Errorf("season of basin %q: no such basin: %w", basin, hydro.ErrNotFound)
	}
	if !b.Season.Configured() {
		return nil, fmt.Errorf("basin %q has no season: its catalogue gives none, as season: {name: …, from: 05-21, to: 06-20}: %w", basin, hydro.ErrNotFound)
	}
	zone, err := catalog.ParseZone(b.Season.Zone)
	if err != nil {
		return nil, fmt.Errorf("season of basin %q: %w", basin, err)
	}
	year := at.In(zone).Year()
	from, until := b.Season.Span(year, zone)
	if from.After(at) {
		from, until = b.Season.Span(year-1, zone)
	}
	p := &Plan{Basin: b, Zone: zone, From: from.UTC(), Until: until.UTC(), Areas: areas}
	for i := range c.Stations { // ascending by id
		st := &c.Stations[i]
		if st.Basin != basin {
			continue
		}
		for _, v := range st.Parameters {
			if v.Variable == hydro.Rain || v.Variable == hydro.RainCounter {
				p.Stations = append(p.Stations, Station{st, hydro.Key{Station: st.ID, Variable: hydro.Rain, Sensor: v.Sensor}})
				break
			}
		}
	}
	return p, nil
}

// Keys returns the series that are needed, each once: the stations' first, in their
// order, and then others that areal rain is made of.
func (p *Plan) Keys() []hydro.Key {
	out := make([]hydro.Key, 0, len(p.Stations))
	for _, s := range p.Stations {
		out = append(out, s.Key)
	}
	for _, a := range p.Areas {
		for _, site := range a.Sites {
			for _, k := range site {
				if !slices.Contains(out, k) {
					out = append(out, k)
				}
			}
		}
	}
	return out
}

// Year returns the year in which the season begins.
func (p *Plan) Year() int { return p.From.In(p.Zone).Year() }

// Count returns the whole hours of the season that have passed at an instant.
func (p *Plan) Count(at time.Time) int {
	if at.After(p.Until) {
		at = p.Until
	}
	return max(0, int(at.Sub(p.From)/time.Hour))
}

// Hours is what one series has of each hour of the season.
type Hours struct {
	Rain  []float64 // mm reported
	Cover []float64 // share of the hour that reports cover, 0 to 1
	// Reports and LeftOut are how many reports end in these hours, and how many of
	// them quality control took out.
	Reports, LeftOut int
}

// Hours sums up the first n hours of a series' samples, ascending by At, by the rules
// of [accumulation.Sums].
func (p *Plan) Hours(samples []hydro.Sample, n int) Hours {
	out := Hours{Rain: make([]float64, n), Cover: make([]float64, n)}
	from, end := p.From.UnixMilli(), p.From.Add(time.Duration(n)*time.Hour).UnixMilli()
	var longest int64 // ms
	for i := range samples {
		s := &samples[i]
		counts := hydro.RainCounts(s.Quality, s.Tests) && s.Interval > 0
		if s.At > from && s.At <= end {
			out.Reports++
			if !counts {
				out.LeftOut++
			}
		}
		if counts {
			longest = max(longest, int64(s.Interval)*1000)
		}
	}
	// What a long report leaves to an hour hangs on the short ones inside it, and these
	// on others: twice its length holds them.
	around := 2 * min(longest, straddle.Milliseconds())
	lo, hi := 0, 0
	for i := range n {
		start := p.From.Add(time.Duration(i) * time.Hour)
		stop := start.Add(time.Hour)
		for lo < len(samples) && samples[lo].At <= start.UnixMilli()-around {
			lo++
		}
		for hi < len(samples) && samples[hi].At <= stop.UnixMilli()+around {
			hi++
		}
		sum := accumulation.Between(&hydro.History{Samples: samples[lo:hi]}, start, stop)
		out.Rain[i], out.Cover[i] = sum.Rain, sum.Coverage
	}
	return out
}

// first returns what of h lies in the first n hours.
func (h *Hours) first(n int) place {
	return place{rain: h.Rain[:n], cover: h.Cover[:n]}
}

// A place is what is known of each hour in one place.
type place struct {
	rain   []float64 // mm; 0 where nothing is known
	cover  []float64 // share that is known, 0 to 1
	full   []bool    // all is known; nil: where cover is whole
	heard  []bool    // something is known; nil: where cover is above 0
	gauges []string
}

func (p *place) whole(i int) bool {
	if p.full != nil {
		return p.full[i]
	}
	return p.cover[i] >= whole
}

// known reports whether anything is known of hour i.
func (p *place) known(i int) bool {
	if p.heard != nil {
		return p.heard[i]
	}
	return p.cover[i] > 0
}

// area makes the areal rain of a sub-basin for n hours.
func area(a *forecast.Area, series map[hydro.Key]*Hours, n int) place {
	out := place{rain: make([]float64, n), cover: make([]float64, n), full: make([]bool, n), heard: make([]bool, n)}
	weights := a.Method.Weights()
	every := make([]bool, len(a.Sites))
	for i := range every {
		every[i] = true
	}
	share, reach := weights.For(every)
	share = slices.Clone(share)
	for g, site := range a.Sites {
		if share[g] > 0 {
			for _, k := range site {
				out.gauges = append(out.gauges, k.Station)
			}
		}
	}
	slices.Sort(out.gauges)
	out.gauges = slices.Compact(out.gauges)

	depth, cover := make([]float64, len(a.Sites)), make([]float64, len(a.Sites))
	for i := range n {
		something := hourOf(a, series, i, speaks, depth, cover)
		areal := weights.Areal(depth)
		if areal.Coverage == 0 && something {
			// Nobody has half of the hour: what little was reported is all that is known.
			hourOf(a, series, i, 0, depth, cover)
			areal = weights.Areal(depth)
		}
		if areal.Coverage == 0 {
			continue
		}
		out.rain[i], out.full[i], out.heard[i] = areal.Rain, reach >= 1, true
		for g := range depth {
			if share[g] == 0 {
				continue
			}
			out.cover[i] += reach * share[g] * cover[g]
			out.full[i] = out.full[i] && cover[g] >= whole
		}
	}
	return out
}

// hourOf writes the depth that each site has in hour i, NaN where it has less than
// least of it, and the share that it has; it reports whether any site has something.
func hourOf(a *forecast.Area, series map[hydro.Key]*Hours, i int, least float64, depth, cover []float64) (something bool) {
	for g, site := range a.Sites {
		depth[g], cover[g] = nan, 0
		for _, k := range site {
			h := series[k]
			if h == nil || h.Cover[i] <= 0 {
				continue
			}
			something = true
			if h.Cover[i] >= least {
				depth[g], cover[g] = h.Rain[i], min(1, h.Cover[i])
				break
			}
		}
	}
	return something
}

// basin makes the areal rain of all sub-basins together. Where nothing is known of
// one, the others speak for it.
func basin(areas []forecast.Area, subs []place, n int) place {
	out := place{rain: make([]float64, n), cover: make([]float64, n), full: make([]bool, n), heard: make([]bool, n)}
	all := 0.0
	for i := range areas {
		all += areas[i].KM2
		out.gauges = append(out.gauges, subs[i].gauges...)
	}
	slices.Sort(out.gauges)
	out.gauges = slices.Compact(out.gauges)
	for h := range n {
		heard := 0.0
		out.full[h] = len(areas) > 0
		for i := range areas {
			out.full[h] = out.full[h] && subs[i].full[h]
			if !subs[i].known(h) {
				continue
			}
			heard += areas[i].KM2
			out.heard[h] = true
			out.rain[h] += areas[i].KM2 * subs[i].rain[h]
			out.cover[h] += areas[i].KM2 / all * subs[i].cover[h]
		}
		if heard > 0 {
			out.rain[h] /= heard
		}
	}
	return out
}

// A Result is the season's rain up to an instant.
type Result struct {
	Plan      *Plan
	AsOf, To  time.Time // To is the end of the last whole hour
	Hours     int
	All       int // of the whole season
	Ended     bool
	Whole     Rain
	SubBasins []Rain // in the catalogue's order
	Stations  []Rain // as in the plan
	Example   bool   // a normal or a year is an example
}

// Sum sums up the season to an instant. Of each of the plan's keys it needs the hours
// up to then, or nothing.
func (p *Plan) Sum(series map[hydro.Key]*Hours, asOf time.Time) *Result {
	n := p.Count(asOf)
	r := &Result{
		Plan: p, AsOf: asOf.UTC(), To: p.From.Add(time.Duration(n) * time.Hour), Hours: n, All: p.Count(p.Until),
		Ended: !asOf.Before(p.Until),
	}
	subs := make([]place, len(p.Areas))
	for i := range p.Areas {
		subs[i] = area(&p.Areas[i], series, n)
		id := p.Areas[i].SubBasin
		x := r.rain(&subs[i], p.Basin.Season.SubBasin(id))
		x.ID = id
		if k := slices.IndexFunc(p.Basin.SubBasins, func(s catalog.SubBasin) bool { return s.ID == id }); k >= 0 {
			x.NameZH, x.NameEN = p.Basin.SubBasins[k].NameZH, p.Basin.SubBasins[k].NameEN
		}
		r.SubBasins = append(r.SubBasins, x)
	}
	all := basin(p.Areas, subs, n)
	r.Whole = r.rain(&all, &p.Basin.Season.Whole)
	r.Whole.ID, r.Whole.NameZH, r.Whole.NameEN = p.Basin.ID, p.Basin.NameZH, p.Basin.NameEN
	nothing := Hours{Rain: make([]float64, n), Cover: make([]float64, n)}
	for _, s := range p.Stations {
		h := series[s.Key]
		if h == nil {
			h = &nothing
		}
		one := h.first(n)
		x := r.rain(&one, p.Basin.Season.Station(s.ID))
		x.ID, x.NameZH, x.NameEN = s.ID, s.NameZH, s.NameEN
		x.Gaps, x.MoreGaps = r.gaps(&one)
		r.Stations = append(r.Stations, x)
	}
	return r
}

// gaps joins the hours of a station that are not whole.
func (r *Result) gaps(p *place) (out []Gap, more int) {
	for i := range r.Hours {
		if p.whole(i) {
			continue
		}
		from := r.Plan.From.Add(time.Duration(i) * time.Hour)
		if k := len(out) - 1; k >= 0 && out[k].To.Equal(from) {
			out[k].To = from.Add(time.Hour)
			continue
		}
		out = append(out, Gap{from, from.Add(time.Hour)})
	}
	if len(out) > maxGaps {
		return out[:maxGaps], len(out) - maxGaps
	}
	return out, 0
}

// sortYears puts the wettest first, of equals the later.
func sortYears(years []Year) {
	slices.SortStableFunc(years, func(a, b Year) int { return cmp.Or(cmp.Compare(b.Rain, a.Rain), cmp.Compare(b.Year, a.Year)) })
}
