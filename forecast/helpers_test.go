package forecast_test

import (
	"bytes"
	"encoding/gob"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// diffForecasts compares to the last bit; NaN equals NaN.
func diffForecasts(a, b hydro.Forecast) string { return cmp.Diff(a, b, cmpopts.EquateNaNs()) }

var t0 = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

const every5 = 5 * time.Minute

// book is what gauges reported.
type book map[hydro.Key]*hydro.History

func (b book) source(k hydro.Key) *hydro.History { return b[k] }

func (b book) put(station string, v hydro.Variable, at time.Time, value float64, q hydro.Quality) {
	k := hydro.Key{Station: station, Variable: v}
	if b[k] == nil {
		b[k] = &hydro.History{}
	}
	s := hydro.Sample{At: at.UnixMilli(), Received: at.UnixMilli(), Value: value, Raw: value, Quality: q}
	if v == hydro.Rain {
		s.Interval = int32(every5.Seconds())
	}
	b[k].Put(s)
}

// fill reports value(t) each 5 minutes in (from, to].
func (b book) fill(station string, v hydro.Variable, from, to time.Time, value func(time.Time) float64) {
	for at := from.Add(every5); !at.After(to); at = at.Add(every5) {
		b.put(station, v, at, value(at), hydro.Pass)
	}
}

func constant(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// small is a river of four nodes: a headwater gauge "up", a dam "dam" on a
// tributary, a gauge "mid" at their confluence which reports a level alone, and a
// tidal gauge "sea". Two rain gauges.
func small() *catalog.Catalog {
	param := func(vs ...hydro.Variable) (ps []catalog.Parameter) {
		for _, v := range vs {
			ps = append(ps, catalog.Parameter{Variable: v, Interval: every5})
		}
		return ps
	}
	st := func(id string, kind catalog.Kind, lon, lat float64, vs ...hydro.Variable) catalog.Station {
		return catalog.Station{ID: id, Kind: kind, Basin: "b", Lon: lon, Lat: lat, Zone: "UTC", Parameters: param(vs...), Datum: catalog.Datum{Name: hydro.PearlRiver}}
	}
	runoff := catalog.Runoff{Capacity: 120, Exponent: 0.3, Impervious: 0.05, InitialStore: 0.9, Evaporation: 3, BaseShare: 0.2, BaseRecession: 48 * time.Hour, UHReservoirs: 2.5, UHScale: time.Hour}
	return &catalog.Catalog{
		Version: "sha256:test",
		Stations: []catalog.Station{
			st("dam", catalog.ReservoirStation, 112.1, 22.4, hydro.WaterLevel, hydro.Inflow, hydro.Outflow),
			st("mid", catalog.LevelStation, 112.2, 22.2, hydro.WaterLevel),
			st("p1", catalog.RainStation, 112.05, 22.2, hydro.Rain),
			st("p2", catalog.RainStation, 112.15, 22.4, hydro.RainCounter),
			st("sea", catalog.HydrologicalStation, 112.4, 22.1, hydro.WaterLevel, hydro.Discharge),
			st("up", catalog.HydrologicalStation, 112.0, 22.2, hydro.WaterLevel, hydro.Discharge),
		},
		Ratings: []catalog.Rating{
			{ID: "up", Station: "up", Datum: hydro.PearlRiver, MeasuredLow: 1, MeasuredHigh: 5, Points: []catalog.RatingPoint{{Level: 0, Discharge: 0}, {Level: 2, Discharge: 50}, {Level: 6, Discharge: 800}, {Level: 9, Discharge: 2500}}},
			{ID: "mid", Station: "mid", Datum: hydro.PearlRiver, MeasuredLow: 0, MeasuredHigh: 8, Points: []catalog.RatingPoint{{Level: 0, Discharge: 0}, {Level: 2, Discharge: 80}, {Level: 6, Discharge: 1200}, {Level: 9, Discharge: 4000}}},
		},
		StageTables: []catalog.StageTable{
			{Station: "mid", Datum: hydro.PearlRiver, Thresholds: []catalog.Threshold{
				{Stage: hydro.Red, Variable: hydro.WaterLevel, Value: 8.5, Observed: true, Forecast: true},
				{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 2.5, Observed: true, Forecast: true},
				{Stage: hydro.Yellow, Variable: hydro.WaterLevel, Value: 3, Observed: true},
				{Stage: hydro.Blue, Variable: hydro.Rain, Value: 30, Window: time.Hour, Observed: true},
			}},
		},
		Basins: []catalog.Basin{{
			ID:       "b",
			Settings: catalog.Settings{Step: every5, OutputStep: 30 * time.Minute, Horizon: 48 * time.Hour, Every: every5, Warmup: 24 * time.Hour, ErrorHalfLife: 6 * time.Hour, RiseTrigger: 0.3, RiseWindow: 30 * time.Minute, BlindAfter: 2},
			Nodes: []catalog.Node{
				{ID: "up", Gauge: "up", Rating: "up", BaseFlow: 20, Downstream: "mid"},
				{ID: "dam", Reservoir: "dam", BaseFlow: 10, Downstream: "mid"},
				{ID: "mid", Gauge: "mid", Rating: "mid", BaseFlow: 35, Downstream: "sea"},
				{ID: "sea", Gauge: "sea", Tidal: true, BaseFlow: 40},
			},
			Reaches: []catalog.Reach{
				{ID: "up-mid", From: "up", To: "mid", K: 3 * time.Hour, X: 0.2},
				{ID: "dam-mid", From: "dam", To: "mid", K: 2 * time.Hour, X: 0, SubReaches: 2},
				{ID: "mid-sea", From: "mid", To: "sea", K: 4 * time.Hour, X: 0.1},
			},
			SubBasins: []catalog.SubBasin{
				{ID: "head", Node: "up", Area: 400, Points: [][2]float64{{112, 22.2}, {112.05, 22.25}}, Runoff: runoff},
				{ID: "lake", Node: "dam", Area: 200, Points: [][2]float64{{112.1, 22.4}, {112.12, 22.42}}, Runoff: runoff},
				{ID: "flat", Node: "mid", Area: 300, Points: [][2]float64{{112.2, 22.2}, {112.15, 22.3}}, Runoff: runoff},
			},
			Reservoirs: []catalog.Reservoir{{ID: "dam", Station: "dam", Node: "dam", Datum: hydro.PearlRiver, Storage: []catalog.LevelVolume{{Level: 40, Volume: 10}, {Level: 60, Volume: 110}}}},
		}},
	}
}

// storm fills a book for small() over (from, to]: a burst of rain at hour 6, the
// rivers rising after it.
func storm(from, to time.Time) book {
	b := book{}
	hours := func(at time.Time) float64 { return at.Sub(from).Hours() }
	bump := func(at time.Time, centre, width float64) float64 {
		d := (hours(at) - centre) / width
		return math.Exp(-d * d)
	}
	b.fill("p1", hydro.Rain, from, to, func(at time.Time) float64 { return 4 * bump(at, 6, 2) })
	b.fill("p2", hydro.Rain, from, to, func(at time.Time) float64 { return 2 * bump(at, 7, 2) })
	b.fill("up", hydro.Discharge, from, to, func(at time.Time) float64 { return 25 + 300*bump(at, 12, 4) })
	b.fill("up", hydro.WaterLevel, from, to, func(at time.Time) float64 { return 1 + 2.4*bump(at, 12, 4) })
	b.fill("mid", hydro.WaterLevel, from, to, func(at time.Time) float64 { return 1 + 2*bump(at, 15, 5) })
	b.fill("dam", hydro.WaterLevel, from, to, constant(50))
	b.fill("dam", hydro.Inflow, from, to, func(at time.Time) float64 { return 10 + 80*bump(at, 10, 3) })
	b.fill("dam", hydro.Outflow, from, to, constant(15))
	b.fill("sea", hydro.WaterLevel, from, to, func(at time.Time) float64 { return math.Sin(hours(at) / 2) })
	b.fill("sea", hydro.Discharge, from, to, func(at time.Time) float64 { return 500 * math.Sin(hours(at)/2) })
	return b
}

func compile(t testing.TB, c *catalog.Catalog) *forecast.Model {
	t.Helper()
	m, err := forecast.Compile(c, c.Basins[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func run(t testing.TB, m *forecast.Model, s forecast.State, now time.Time, obs forecast.Source) (hydro.Forecast, forecast.State) {
	t.Helper()
	f, next, err := m.Run(s, now, "schedule", obs, forecast.Ahead{})
	if err != nil {
		t.Fatal(err)
	}
	return f, next
}

func stored(t testing.TB, s forecast.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restored(t testing.TB, data []byte) (s forecast.State) {
	t.Helper()
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func station(t testing.TB, f hydro.Forecast, id string) hydro.StationForecast {
	t.Helper()
	for _, s := range f.Stations {
		if s.Station == id {
			return s
		}
	}
	t.Fatal("no forecast for " + id)
	return hydro.StationForecast{}
}
