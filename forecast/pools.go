package forecast

import (
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/band"
	"freshet/internal/hydro"
)

// poolBands gives reservoirs that have a level the quantiles of the members' levels
// and the share of members that meet each of its thresholds; and the quantiles of their
// inflows where past errors tell none. They hold what the members differ by and
// nothing else, and are marked so. It returns the stations.
func (r *run) poolBands(members [][]hydro.StationForecast, ofRain bool) []string {
	m := r.m
	if len(members) == 0 || m.shown == 0 {
		return nil
	}
	var told, unsolved []string
	for _, i := range m.pools {
		station := m.nodes[i].reservoir.station
		at := slices.IndexFunc(r.stations, func(f hydro.StationForecast) bool { return f.Station == station })
		if at < 0 || !levelled(&r.stations[at]) {
			continue // the run says why
		}
		if slices.ContainsFunc(members, func(f []hydro.StationForecast) bool { return !levelled(&f[at]) }) {
			unsolved = append(unsolved, station)
			continue
		}
		r.poolBand(at, members)
		told = append(told, station)
	}
	slices.Sort(told)
	if len(told) > 0 {
		what := "rain ahead"
		switch {
		case m.settings.InitialSpread == 0:
		case ofRain:
			what = "rain ahead and of the soil now"
		default:
			what = "soil now"
		}
		r.note("levels of reservoirs at %s: the band is of the members of the %s alone, not of past errors, and no chance of theirs is calibrated", strings.Join(told, ", "), what)
	}
	if len(unsolved) > 0 {
		slices.Sort(unsolved)
		r.note("no band of the level at %s: a member of the ensemble has none", strings.Join(unsolved, ", "))
	}
	return told
}

// levelled reports whether there is a level at each step of a reservoir's forecast.
func levelled(f *hydro.StationForecast) bool {
	return len(f.Level) > 0 && !slices.ContainsFunc(f.Level, math.IsNaN)
}

// poolBand gives the station at index at the band of the members' levels.
func (r *run) poolBand(at int, members [][]hydro.StationForecast) {
	m, f := r.m, &r.stations[at]
	every := int(m.bandStep / m.settings.OutputStep)
	alone := len(f.Band) == 0
	if alone {
		f.Band = make([]hydro.BandStep, m.shown)
	}
	values := make([]float64, len(members))
	beyond := slices.ContainsFunc(members, func(all []hydro.StationForecast) bool { return all[at].Extrapolated })
	for l := range f.Band {
		to := &f.Band[l]
		for i := range members {
			values[i] = members[i][at].Level[(l+1)*every-1]
		}
		to.Level = quantilesOf(values)
		to.Extrapolated = to.Extrapolated || beyond
		if alone {
			for i := range members {
				values[i] = members[i][at].Discharge[(l+1)*every-1]
			}
			to.Discharge = quantilesOf(values)
		}
	}
	r.poolChances(f, at, members, every, beyond)
}

// quantilesOf returns the quantiles of equally probable values, the i-th of n
// standing at (i - 1/2)/n and the outermost beyond. It sorts them.
func quantilesOf(values []float64) (out [len(hydro.BandLevels)]float64) {
	slices.Sort(values)
	n := len(values)
	for j, p := range hydro.BandLevels {
		x := min(max(p*float64(n)-0.5, 0), float64(n-1))
		i := min(int(x), max(0, n-2))
		out[j] = values[i]
		if share := x - float64(i); share > 0 {
			out[j] += share * (values[i+1] - values[i])
		}
	}
	return out
}

// poolChances says which share of the members meets each threshold of the level, and
// when.
func (r *run) poolChances(f *hydro.StationForecast, at int, members [][]hydro.StationForecast, every int, beyond bool) {
	now := time.UnixMilli(r.now).UTC()
	by := make([]float64, len(f.Band))
	for i := range f.Crossings {
		c := &f.Crossings[i]
		if c.Variable != hydro.WaterLevel {
			continue
		}
		h := &c.Chance
		*h = hydro.Chance{Until: now.Add(time.Duration(len(by)) * r.m.bandStep), Extrapolated: beyond, Uncalibrated: true}
		if f.NowLevel >= c.Threshold {
			h.Probability, h.Early, h.Middle, h.Late, h.Uncalibrated = 1, now, now, now, false
			continue
		}
		clear(by)
		for k := range members {
			level := members[k][at].Level
			if first := slices.IndexFunc(level[:len(by)*every], func(v float64) bool { return v >= c.Threshold }); first >= 0 {
				by[first/every] += 1 / float64(len(members))
			}
		}
		for l := 1; l < len(by); l++ {
			by[l] = min(1, by[l]+by[l-1])
		}
		if h.Probability = by[len(by)-1]; h.Probability > 0 {
			when := func(share float64) time.Time {
				lead := band.When(by, share*h.Probability)
				return now.Add(time.Duration(math.Round(lead*r.m.bandStep.Seconds())) * time.Second)
			}
			h.Early, h.Middle, h.Late = when(0.1), when(0.5), when(0.9)
		}
	}
}

// unlearntWhy says why no band of a reservoir is learnt.
var unlearntWhy = [...]string{"no observed inflow to learn from", "at a reservoir with a gauge below its dam the gauge's flow alone is learnt from"}

// tellUnlearnt names reservoirs of which no band is learnt, unless they have one of
// the members all the same.
func (r *run) tellUnlearnt() {
	for k, stations := range r.m.unlearnt {
		var without []string
		for _, station := range stations {
			if !slices.ContainsFunc(r.stations, func(f hydro.StationForecast) bool { return f.Station == station && len(f.Band) > 0 }) {
				without = append(without, station)
			}
		}
		if len(without) > 0 {
			slices.Sort(without)
			r.note("no band at %s: %s", strings.Join(without, ", "), unlearntWhy[k])
		}
	}
}
