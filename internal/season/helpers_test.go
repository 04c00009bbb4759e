package season_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/season"
)

// Two sub-basins of 100 and 300 km², with a gauge in the middle of each, and a second
// one beside the gauge of the first, at one site. The season has four days.
const basin = `catalog: {name: small, title: {zh: 小, en: Small}}
departments:
  - {id: hydrology, name: {zh: 水文, en: Hydrology}}
  - {id: weather, name: {zh: 气象, en: Weather}}
profiles:
  - {id: gauge, parameters: [{variable: rain, every: 5m}]}
stations:
  - {id: a1, name: {zh: 甲, en: A1}, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: +08:00, profile: gauge}
  - {id: a2, name: {zh: 甲二, en: A2}, department: weather, kind: rain, basin: b, at: [112.001, 22], zone: UTC, profile: gauge}
  - {id: b1, name: {zh: 乙, en: B1}, department: weather, kind: rain, basin: b, at: [113, 22], zone: UTC, parameters: [{variable: rain_counter, every: 5m}]}
sites:
  - {id: a, name: A, stations: [a1, a2], authority: {rain: a1}}
basins:
  - id: b
    name: {zh: 小河, en: Brook}
    season: {name: {zh: 龙舟水, en: Dragon Boat rain}, from: 05-21, to: 05-24, day_start: 08:00, zone: Asia/Shanghai}
    nodes:
      - {id: n, name: N, base_flow: 1}
    sub_basins:
      - {id: west, name: {zh: 西, en: West}, node: n, area: 100, centre: [112, 22]}
      - {id: east, name: {zh: 东, en: East}, node: n, area: 300, centre: [113, 22]}
`

// Normals and years of the season above.
const figures = `seasons:
  - basin: b
    source: a book
    normal: {daily: [10, 20, 30, 40]}
    years:
      - {year: 2008, daily: [50, 50, 50, 50]}
      - {year: 2010, daily: [0, 10, 10, 10], illustrative: true}
      - {year: 2022, total: 60}
    sub_basins:
      - {id: west, normal: {total: 100}, years: [{year: 2022, total: 60}]}
    stations:
      - {id: a1, normal: {daily: [0, 0, 10, 10]}}
`

var start = time.Date(2026, 5, 21, 0, 0, 0, 0, time.UTC) // 08:00 in Beijing

const (
	hoursOfAll = 96
	east, west = 0, 1 // a catalogue's sub-basins ascend by id
)

func load(t testing.TB, text string) *catalog.Catalog {
	t.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	return c
}

func plan(t testing.TB, text string, at time.Time) *season.Plan {
	t.Helper()
	c := load(t, text)
	m, err := forecast.Compile(c, "b")
	if err != nil {
		t.Fatal(err)
	}
	p, err := season.At(c, "b", m.Areas(), at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func key(station string) hydro.Key { return hydro.Key{Station: station, Variable: hydro.Rain} }

func sample(end time.Time, interval time.Duration, mm float64) hydro.Sample {
	return hydro.Sample{At: end.UnixMilli(), Interval: int32(interval / time.Second), Value: mm, Quality: hydro.Pass}
}

// hourly are the first n hours of the season with mm each.
func hourly(n int, mm float64) []hydro.Sample {
	var out []hydro.Sample
	for i := range n {
		out = append(out, sample(start.Add(time.Duration(i+1)*time.Hour), time.Hour, mm))
	}
	return out
}

// sum sums up what the series of stations have up to an instant.
func sum(p *season.Plan, series map[string][]hydro.Sample, at time.Time) *season.Result {
	hours := map[hydro.Key]*season.Hours{}
	for id, s := range series {
		h := p.Hours(s, p.Count(at))
		hours[key(id)] = &h
	}
	return p.Sum(hours, at)
}

func station(t testing.TB, r *season.Result, id string) *season.Rain {
	t.Helper()
	for i := range r.Stations {
		if r.Stations[i].ID == id {
			return &r.Stations[i]
		}
	}
	t.Fatalf("no station %s", id)
	return nil
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*(1+math.Abs(a)+math.Abs(b)) }

// drawReports draws reports side by side on whole minutes, some of them missing, some
// found wrong, from before the season to after its end.
func drawReports(t *rapid.T) []hydro.Sample {
	var out []hydro.Sample
	end := start.Add(-90 * time.Minute)
	for end.Before(start.Add((hoursOfAll + 2) * time.Hour)) {
		interval := rapid.SampledFrom([]time.Duration{5 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour}).Draw(t, "interval")
		for range rapid.IntRange(1, 40).Draw(t, "run") {
			end = end.Add(interval)
			s := sample(end, interval, float64(rapid.IntRange(0, 300).Draw(t, "mm"))/10)
			switch rapid.IntRange(0, 19).Draw(t, "fate") {
			case 0, 1:
				continue // it was lost
			case 2:
				s.Quality = hydro.Fail
			case 3:
				s.Quality = hydro.Suspect
			}
			out = append(out, s)
		}
	}
	return out
}

// spread is an independent sum: each report evenly over its minutes.
func spread(samples []hydro.Sample, from, to time.Time) (mm, covered float64) {
	for _, s := range samples {
		if s.Quality == hydro.Fail {
			continue
		}
		minutes := int(s.Interval / 60)
		for m := range minutes {
			at := s.Time().Add(-time.Duration(m+1) * time.Minute)
			if !at.Before(from) && at.Before(to) {
				mm += s.Value / float64(minutes)
				covered++
			}
		}
	}
	return mm, covered / to.Sub(from).Minutes()
}
