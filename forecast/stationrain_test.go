package forecast_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// asking is small() with a forecast leg on rain at p1, which stands at head.
func asking() *catalog.Catalog {
	c := small()
	c.StageTables = append(c.StageTables, catalog.StageTable{Station: "p1", Thresholds: []catalog.Threshold{
		{Stage: hydro.Red, Variable: hydro.Rain, Window: 3 * time.Hour, Value: 100, Observed: true, Forecast: true},
	}})
	return c
}

func TestRainAheadIsThatOfTheRunsForecastAtTheStation(t *testing.T) {
	m := compile(t, asking())
	regional := qpf("regional", t0)
	regional.Areas = []hydro.RainArea{{SubBasin: "head", Rain: []float64{1, 2}}, {SubBasin: "flat", Rain: []float64{7, 7}}}
	elsewhere := qpf("elsewhere", t0)
	elsewhere.Areas = []hydro.RainArea{{SubBasin: "flat", Rain: []float64{7, 7}}}
	grid := qpf("grid", t0)
	grid.Areas = []hydro.RainArea{
		{Cell: hydro.Cell{West: 111.95, South: 22.15, East: 112.02, North: 22.22}, Rain: []float64{8, 0}},  // holds one of head's points
		{Cell: hydro.Cell{West: 112.02, South: 22.15, East: 112.10, North: 22.22}, Rain: []float64{3, 30}}, // the station
	}
	beside := qpf("beside", t0)
	beside.Areas = grid.Areas[:1]
	members := qpf("members", t0)
	members.Areas = []hydro.RainArea{{Cell: grid.Areas[1].Cell, Members: [][]float64{{2, 4}, {4, 8}}}}
	withdrawn := qpf("withdrawn", t0)
	withdrawn.Withdrawn = &hydro.Withdrawal{By: "somebody", ReceivedAt: t0}
	for _, c := range []struct {
		name string
		f    *hydro.RainForecast
		at   time.Time
		want []float64
	}{
		{"its sub-basin", regional, t0, []float64{1, 2}},
		{"the cell that it stands in", grid, t0, []float64{3, 30}},
		{"its sub-basin where no cell holds it", beside, t0, []float64{8, 0}},
		{"the mean of members", members, t0, []float64{3, 6}},
		{"another sub-basin says nothing", elsewhere, t0, nil},
		{"ended", regional, t0.Add(2 * time.Hour), nil},
		{"withdrawn", withdrawn, t0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := m.RainAhead(rainAhead(m, c.f), c.at, "p1")
			if ok != (c.want != nil) {
				t.Fatalf("told: %v, %+v", ok, got)
			}
			if want := (hydro.RainAhead{Source: c.f.Source, IssuedAt: t0, From: t0, Step: time.Hour, Rain: c.want}); ok {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	a := rainAhead(m, members)
	if got, _ := m.RainAhead(forecast.Ahead{Rain: []forecast.Rain{a.Rain[0].Member(1)}}, t0, "p1"); !cmp.Equal(got.Rain, []float64{4, 8}) {
		t.Errorf("of one member: %v", got.Rain)
	}
	if _, ok := m.RainAhead(rainAhead(m, regional), t0, "p2"); ok {
		t.Error("told of a station whose tables do not ask")
	}
	if _, ok := m.RainAhead(forecast.Ahead{}, t0, "p1"); ok {
		t.Error("told where nothing was announced")
	}
}
