package forecast_test

import (
	"fmt"
	"log"
	"math"
	"time"

	"freshet/forecast"
)

func ExampleModel_Run() {
	files := []forecast.File{{Name: "river.yaml", Data: []byte(`
catalog: {name: example, title: Example}
stations:
  - {id: upper, name: Upper, department: hydrology, kind: hydrological, basin: river, at: [112.6, 22.2], zone: +08:00, datum: STATION, parameters: [{variable: discharge, every: 1h}]}
  - {id: lower, name: Lower, department: hydrology, kind: hydrological, basin: river, at: [112.8, 22.3], zone: +08:00, datum: STATION, parameters: [{variable: water_level, every: 1h}]}
basins:
  - id: river
    name: River
    settings: {step: 30m, every: 1h, output_step: 1h, horizon: 24h}
    nodes: [{id: a, name: A, gauge: upper, base_flow: 40}, {id: b, name: B, gauge: lower, rating: lower, base_flow: 40}]
    reaches: [{id: ab, from: a, to: b, length: 36, k: 9h, x: 0.2}]
ratings: [{id: lower, station: lower, datum: STATION, valid_from: 2026-01-01, source: made up, points: [[1, 10], [3, 120], [8, 900]]}]
`)}}
	m, err := forecast.Load(files, "river")
	if err != nil {
		log.Fatal(err)
	}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	observed := map[forecast.Key]*forecast.History{}
	upper := forecast.Key{Station: "upper", Variable: forecast.Discharge}
	observed[upper] = &forecast.History{}
	for h := -48; h <= 0; h++ {
		q := 40 + 360*math.Exp(-math.Pow(float64(h+4)/6, 2)) // m³/s, its crest four hours ago
		at := now.Add(time.Duration(h) * time.Hour).UnixMilli()
		observed[upper].Put(forecast.Sample{At: at, Received: at, Value: q, Raw: q, Quality: forecast.Pass})
	}
	f, next, err := m.Run(m.Start(now), now, "example", func(k forecast.Key) *forecast.History { return observed[k] }, forecast.Ahead{})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range f.Stations {
		if s.Station != "lower" {
			continue
		}
		for i := 3; i < len(s.Level); i += 6 {
			fmt.Printf("%s  %.2f m  %.0f m³/s\n", f.IssuedAt.Add(time.Duration(i+1)*f.Step).Format("15:04"), s.Level[i], s.Discharge[i])
		}
	}
	fmt.Println(f.RainAssumed)
	fmt.Println("the next run starts from", next.At.Format("2006-01-02 15:04"))
	// Output:
	// 04:00  4.46 m  348 m³/s
	// 10:00  3.96 m  270 m³/s
	// 16:00  3.69 m  228 m³/s
	// 22:00  3.32 m  170 m³/s
	// no further rain assumed
	// the next run starts from 2026-05-31 00:00
}
