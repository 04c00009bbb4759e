package server_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

// ListThresholds tells what a table hangs on beside values: a rise, the excess over a
// limit level and a chance, with their windows and legs; and which sums of rain are
// forecast.
func TestThresholdsTellTheirConditions(t *testing.T) {
	b := newBench(t, func(o *server.Options) {
		c, problems := catalog.Load(append(o.Catalog().Files(), hydro.File{Name: "zz_conditions.yaml", Data: []byte(`stage_tables:
  - station: h-puqiao
    valid_from: 2026-01-02
    datum: PEARL_RIVER
    source: test
    thresholds:
      - {variable: water_level, yellow: 1.6, orange: 2}
      - {variable: water_level, measure: rise, window: 1h, blue: 0.2, orange: 0.5, legs: [observed]}
      - {variable: water_level, measure: chance, of: orange, within: 24h, blue: 0.3}
  - station: w-datian
    valid_from: 2026-01-02
    source: test
    thresholds: [{variable: rain, window: 3h, blue: 25, legs: [observed, forecast]}, {variable: rain, window: 24h, blue: 60}]
  - station: r-jinjiang
    valid_from: 2026-01-02
    datum: PEARL_RIVER
    source: test
    thresholds: [{variable: water_level, measure: over_limit, yellow: 0, red: 0.5, legs: [observed]}]
`)}))
		if len(problems) > 0 {
			t.Fatal(catalog.Problems(problems))
		}
		o.Catalog = func() *catalog.Catalog { return c }
	})
	type line struct{ stage, of, what, window, value, legs string }
	told := func(station string) (values, conditions []line) {
		t.Helper()
		resp, err := b.stations().ListThresholds(t.Context(), &freshetv1.ListThresholdsRequest{Station: station})
		if err != nil || len(resp.GetStations()) != 1 {
			t.Fatalf("%s: %v, %v", station, resp, err)
		}
		legs := func(observed, forecast bool) string {
			return fmt.Sprintf("observed %t, forecast %t", observed, forecast)
		}
		window := func(s uint32) string { return (time.Duration(s) * time.Second).String() }
		for _, l := range resp.GetStations()[0].GetLines() {
			if l.GetStage() != freshetv1.Stage_STAGE_UNSPECIFIED {
				values = append(values, line{l.GetStage().String(), "", l.GetVariable().String(), window(l.GetWindowS()), fmt.Sprint(l.GetValue()), legs(l.GetObserved(), l.GetForecast())})
			}
		}
		for _, x := range resp.GetStations()[0].GetConditions() {
			conditions = append(conditions, line{x.GetStage().String(), x.GetOf().String(), x.GetBasis().String(), window(x.GetWindowS()), fmt.Sprint(x.GetValue()), legs(x.GetObserved(), x.GetForecast())})
		}
		return values, conditions
	}
	same := func(what string, got, want []line) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got\n%v\nwant\n%v", what, got, want)
		}
	}
	const none = "STAGE_UNSPECIFIED"
	values, conditions := told("h-puqiao")
	same("values", values, []line{
		{"STAGE_YELLOW", "", "VARIABLE_WATER_LEVEL", "0s", "1.6", "observed true, forecast true"},
		{"STAGE_ORANGE", "", "VARIABLE_WATER_LEVEL", "0s", "2", "observed true, forecast true"},
	})
	same("rise and chance", conditions, []line{
		{"STAGE_BLUE", none, "BASIS_RISE", "1h0m0s", "0.2", "observed true, forecast false"},
		{"STAGE_ORANGE", none, "BASIS_RISE", "1h0m0s", "0.5", "observed true, forecast false"},
		{"STAGE_BLUE", "STAGE_ORANGE", "BASIS_CHANCE", "24h0m0s", "0.3", "observed false, forecast true"},
	})
	values, conditions = told("w-datian")
	same("rain", values, []line{
		{"STAGE_BLUE", "", "VARIABLE_RAIN", "3h0m0s", "25", "observed true, forecast true"},
		{"STAGE_BLUE", "", "VARIABLE_RAIN", "24h0m0s", "60", "observed true, forecast false"},
	})
	same("of rain", conditions, nil)
	_, conditions = told("r-jinjiang")
	same("over the limit", conditions, []line{
		{"STAGE_YELLOW", none, "BASIS_OVER_LIMIT", "0s", "0", "observed true, forecast false"},
		{"STAGE_RED", none, "BASIS_OVER_LIMIT", "0s", "0.5", "observed true, forecast false"},
	})
}

// A hydrological day in which the clocks change has 23 or 25 hours; a window of 24
// hours has 24.
func TestAccumulationsWhereTheClocksChange(t *testing.T) {
	var lent *lentEngine
	b := newBench(t, func(o *server.Options) {
		files := o.Catalog().Files()
		found := 0
		for i := range files {
			const zone = "day_start: 08:00\n      zone: Asia/Shanghai"
			found += bytes.Count(files[i].Data, []byte(zone))
			files[i].Data = bytes.ReplaceAll(files[i].Data, []byte(zone), []byte("day_start: 08:00\n      zone: Europe/Berlin"))
		}
		c, problems := catalog.Load(files)
		if found != 1 || len(problems) > 0 {
			t.Fatalf("%d seasons moved, problems %v", found, problems)
		}
		e := engine.New(riverBasin)
		if _, err := e.Apply(hydro.Input{Seq: 1, Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}}); err != nil {
			t.Fatal(err)
		}
		o.Catalog = func() *catalog.Catalog { return c }
		lent = &lentEngine{e: e}
		o.Basins[0].Engine = lent
	})
	apply := func(in hydro.Input) {
		t.Helper()
		lent.Query(func(e *engine.Engine) {
			in.Seq = e.Seq() + 1
			if _, err := e.Apply(in); err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []struct {
		name  string
		now   string
		hours float64 // of the hydrological day up to now
	}{
		{"the day that loses an hour, whole", "2026-03-29T06:00:00Z", 23},
		{"the day after it, half an hour old", "2026-03-29T06:30:00Z", 0.5},
		{"an ordinary day, whole", "2026-03-30T06:00:00Z", 24},
		{"the day that gains an hour, whole", "2026-10-25T07:00:00Z", 25},
		{"the day after it, half an hour old", "2026-10-25T07:30:00Z", 0.5},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		batch := &hydro.Batch{Basin: riverBasin, ReceivedAt: now}
		mm := func(at time.Time) float64 { return 0.1 + 0.2*float64(at.Unix()/300%2) } // 0.2 in the mean
		for at := now.Add(-26 * time.Hour); !at.After(now); at = at.Add(5 * time.Minute) {
			batch.Readings = append(batch.Readings, hydro.Reading{Key: hydro.Key{Station: "w-datian", Variable: hydro.Rain}, At: at, Interval: 5 * time.Minute, Raw: mm(at), Value: mm(at)})
		}
		apply(hydro.Input{Batch: batch})
		apply(hydro.Input{Tick: &hydro.Tick{At: now}})
		got, err := b.stations().GetAccumulations(t.Context(), &freshetv1.GetAccumulationsRequest{Station: "w-datian"})
		if err != nil {
			t.Fatal(err)
		}
		if !got.GetAt().AsTime().Equal(now) {
			t.Errorf("%s: at %s", c.name, got.GetAt().AsTime())
		}
		seen := 0
		for _, a := range got.GetAccumulations() {
			hours := float64(a.GetWindowS()) / 3600
			switch a.GetWindowS() {
			case 0:
				hours = c.hours
			case 24 * 3600:
			default:
				continue
			}
			seen++
			from := now.Add(-time.Duration(hours * float64(time.Hour)))
			if math.Abs(a.GetRain()-hours*12*0.2) > 1e-9 || math.Abs(a.GetCoverage()-1) > 1e-9 || !a.GetFrom().AsTime().Equal(from) {
				t.Errorf("%s: window of %d s: %v, want %g h from %s", c.name, a.GetWindowS(), a, hours, from)
			}
		}
		if seen != 2 {
			t.Errorf("%s: %d windows", c.name, seen)
		}
	}
}
