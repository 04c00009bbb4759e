package forecast_test

import (
	"math"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// flashyCatalog is a catalogue of one catchment with one rain gauge and one flow gauge at
// its outlet. The parameters of the ground were fitted to 2004-11 to 2005-12; see
// forecast/band.
func flashyCatalog() *catalog.Catalog {
	st := func(id string, kind catalog.Kind, v hydro.Variable) catalog.Station {
		return catalog.Station{ID: id, Kind: kind, Basin: "b", Lon: 4, Lat: 45, Zone: "UTC", Parameters: []catalog.Parameter{{Variable: v, Interval: time.Hour}}}
	}
	settings := catalog.DefaultSettings()
	settings.Step, settings.OutputStep, settings.Every, settings.Horizon = time.Hour, time.Hour, time.Hour, 72*time.Hour
	settings.Warmup = 25 * time.Hour
	return &catalog.Catalog{
		Version: "sha256:test",
		Stations: []catalog.Station{
			st("gauge", catalog.HydrologicalStation, hydro.Discharge), st("rain", catalog.RainStation, hydro.Rain),
		},
		Basins: []catalog.Basin{{
			ID: "b", Settings: settings, Nodes: []catalog.Node{{ID: "out", Gauge: "gauge"}},
			SubBasins: []catalog.SubBasin{{
				ID: "s", Area: 920, Node: "out", Points: [][2]float64{{4, 45}},
				Runoff: catalog.Runoff{
					Capacity: 718.8838, Exponent: 5, Evaporation: 4, BaseShare: 0.435602, BaseRecession: 741210 * time.Second, InitialStore: 0.8,
					UHReservoirs: 1.310952, UHScale: 50598 * time.Second,
				},
			}},
		}},
	}
}

// A hindcast of each hour holds its promise: the band of 80 % holds about 80 % of
// what was observed, at each lead, both of runs that know of no further rain and of
// runs that know the rain that fell.
func TestBandsHoldWhatTheySay(t *testing.T) {
	c := flashy(t)
	from, rain, flow := c.at[0], c.rain, c.q
	at := func(i int) time.Time { return from.Add(time.Duration(i+1) * time.Hour) } // when hour i ends
	samples := func(v []float64) (out []hydro.Sample) {
		for i, x := range v {
			out = append(out, hydro.Sample{At: at(i).UnixMilli(), Value: x, Quality: hydro.Pass, Interval: 3600})
		}
		return out
	}
	rains, flows := samples(rain), samples(flow)
	source := func(i int) forecast.Source { // of four days up to hour i
		return func(k hydro.Key) *hydro.History {
			if k.Variable == hydro.Rain {
				return &hydro.History{Samples: rains[i-96 : i+1]}
			}
			return &hydro.History{Samples: flows[i-96 : i+1]}
		}
	}
	const leads, sure = 72, 24 // the bands of runs that know the rain are learnt up to sure
	hours := func(year int, month time.Month) int {
		return int(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Sub(from).Hours())
	}
	begin, test, end := hours(2004, 11), hours(2006, 1), len(flow)-leads
	m := compile(t, flashyCatalog())
	s := m.Start(at(begin))
	type count struct{ n, within int }
	var counts [2][leads]count
	tally := func(kind, i int, f *hydro.Forecast) {
		for l, b := range f.Stations[0].Band {
			n := &counts[kind][l]
			n.n++
			if o := flow[i+1+l]; o >= b.Discharge[1] && o <= b.Discharge[5] {
				n.within++
			}
		}
	}
	for i := begin; i < end; i += 6 {
		f, next := run(t, m, s, at(i), source(i))
		if i >= test {
			tally(0, i, &f)
			known := m.Rain(&hydro.RainForecast{
				Basin: "b", Source: "s", IssuedAt: at(i), ValidUntil: at(i + 1), From: at(i), Step: time.Hour,
				Areas: []hydro.RainArea{{SubBasin: "s", Rain: rain[i+1 : i+1+leads]}},
			})
			f, _, err := m.Run(s, at(i), "schedule", source(i), forecast.Ahead{Rain: []forecast.Rain{known}})
			if err != nil {
				t.Fatal(err)
			}
			tally(1, i, &f)
		}
		s = next
	}
	for kind, name := range []string{"no further rain", "the rain that fell"} {
		for l, c := range counts[kind] {
			share := float64(c.within) / float64(c.n)
			t.Logf("%s, lead %d h: %d of %d forecasts have a band, %.3f within", name, l+1, c.n, (end-test)/6, share)
			least := 98
			if l >= sure { // learnt of each sixth hour, and so later
				least = 93
			}
			if c.n < (end-test)/6*least/100 || math.Abs(share-0.8) > 0.05 {
				t.Errorf("%s, lead %d h: the band of 80 %% holds %.3f in %d forecasts of %d", name, l+1, share, c.n, (end-test)/6)
			}
		}
	}
}
