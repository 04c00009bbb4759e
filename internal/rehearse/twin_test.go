package rehearse_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// twin is two dams on two arms that meet above a town. Water takes an hour from
// either dam to the town, whose level is a hundredth of its flow. %s are the outlets
// of the dams, if any.
const twin = `
catalog: {name: twin, title: Twin}
profiles:
  - {id: dam, parameters: [{variable: water_level, every: 10m}, {variable: inflow, every: 10m}, {variable: outflow, every: 10m}]}
  - {id: river, parameters: [{variable: water_level, every: 10m}, {variable: discharge, every: 10m}]}
  - {id: gauge, parameters: [{variable: rain, every: 10m}]}
stations:
  - {id: p1, name: {zh: 雨站, en: Rain one}, department: weather, kind: rain, basin: twin, at: [112.0, 22.0], zone: Asia/Shanghai, profile: gauge}
  - {id: d1, name: {zh: 一库, en: Dam one}, department: water_resources, kind: reservoir, basin: twin, river: R, at: [112.0, 22.1], zone: Asia/Shanghai, datum: STATION, profile: dam}
  - {id: d2, name: {zh: 二库, en: Dam two}, department: water_resources, kind: reservoir, basin: twin, river: R, at: [112.1, 22.1], zone: Asia/Shanghai, datum: STATION, profile: dam}
  - {id: town, name: {zh: 镇上, en: Town}, department: hydrology, kind: hydrological, basin: twin, river: R, at: [112.05, 22.0], zone: Asia/Shanghai, datum: STATION, profile: river}
  - {id: creek, name: {zh: 小溪, en: Creek}, department: hydrology, kind: hydrological, basin: twin, river: C, at: [112.2, 22.0], zone: Asia/Shanghai, datum: STATION, profile: river}
people:
  - {id: lead, name: {zh: 例甲, en: Example A}, title: {zh: 带班, en: lead}, department: water_resources, phones: [000-0001]}
basins:
  - id: twin
    name: {zh: 双库, en: Twin}
    settings: {step: 10m, output_step: 30m, horizon: 24h, every: 10m, warmup: 6h, error_half_life: 6h, dead_band: 0.1, dead_band_share: 0.1, dwell_raise: 10m, dwell_lower: 1h, persistence: 2, blind_after: 2, band: off, updating: off}
    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}
    nodes:
      - {id: n1, name: N1, reservoir: one, base_flow: 40}
      - {id: n2, name: N2, reservoir: two, base_flow: 40}
      - {id: nt, name: NT, gauge: town, rating: town, base_flow: 80}
    reaches:
      - {id: r1, from: n1, to: nt, length: 10, method: lag, lag: 1h}
      - {id: r2, from: n2, to: nt, length: 10, method: lag, lag: 1h}
    sub_basins:
      - {id: s1, name: S1, node: n1, area: 200, centre: [112.0, 22.1], runoff: {capacity: 100, exponent: 0.3, impervious: 0, initial_store: 0.5, evaporation: 0, base_share: 0, base_recession: 10h, uh_reservoirs: 3, uh_scale: 40m}}
      - {id: s2, name: S2, node: n2, area: 200, centre: [112.1, 22.1], runoff: {capacity: 100, exponent: 0.3, impervious: 0, initial_store: 0.5, evaporation: 0, base_share: 0, base_recession: 10h, uh_reservoirs: 3, uh_scale: 2h}}
    reservoirs:
      - {id: one, name: One, station: d1, node: n1, datum: STATION, capacity: 120, storage_curve: [[0, 0], [60, 120]], flood_limits: [{from: 04-15, to: 10-15, level: 50}], normal: 50, dam_crest: 60%s}
      - {id: two, name: Two, station: d2, node: n2, datum: STATION, capacity: 120, storage_curve: [[0, 0], [60, 120]], flood_limits: [{from: 04-15, to: 10-15, level: 50}], normal: 50, dam_crest: 60%s}
ratings:
  - {id: town, station: town, datum: STATION, valid_from: 2026-01-01, source: t, points: [[0, 0], [20, 2000]]}
stage_tables:
  - station: town
    valid_from: 2026-01-01
    datum: STATION
    source: t
    thresholds:
      - {variable: water_level, blue: 1.5, yellow: 2.5}
      - {variable: discharge, orange: 280, red: 600, legs: [observed]}
plans:
  - id: water
    name: {zh: 水利, en: Water}
    body: {zh: 水利局, en: Water bureau}
    department: water_resources
    basin: twin
    source: t
    levels:
      - level: IV
        when: [{stage: blue, stations: [town]}]
        measures:
          - {id: duty, name: {zh: 值守, en: Duty}, owner: {department: water_resources, person: lead}, within: 1h}
          - {id: gauge, name: {zh: 加报, en: Denser}, owner: {department: hydrology}, within: 30m}
      - level: III
        when: [{stage: yellow, stations: [town]}]
        measures:
          - {id: consult, name: {zh: 会商, en: Consult}, owner: {department: water_resources, person: lead}, within: 2h}
          - {id: patrol, name: {zh: 巡查, en: Patrol}, owner: {department: water_resources}, within: 8h}
      - level: II
        when: [{stage: orange, stations: [town]}]
        measures:
          - {id: move, name: {zh: 转移, en: Move}, owner: {department: water_resources, person: lead}, within: 2h}
          - {id: watch, name: {zh: 盯守, en: Watch}, owner: {department: water_resources}}
`

// outlets give the dams a gate that can pass a flood.
const outlets = ", outlets: [{name: gates, kind: gate, sill: 10, width: 20, height: 8, coefficient: 0.6}], rules: {otherwise: hold}"

var begin = time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)

func twinCatalog(tb testing.TB, outlets string) *catalog.Catalog {
	tb.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "twin.yaml", Data: []byte(fmt.Sprintf(twin, outlets, outlets))}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	return c
}

// live is an engine of the catalogue after twelve quiet hours: 40 m³/s from each
// dam, 80 at the town, both reservoirs at 40 m. Rain falls as told, mm in 10 min.
func live(tb testing.TB, c *catalog.Catalog, rain func(hours float64) float64) *engine.Engine {
	tb.Helper()
	e := engine.New("twin")
	seq := uint64(0)
	give := func(in hydro.Input) {
		seq++
		in.Seq = seq
		outs, err := e.Apply(in)
		if err != nil {
			tb.Fatal(err)
		}
		for _, o := range outs {
			if o.Audit != nil && strings.Contains(o.Audit.Kind, "fail") || o.Audit != nil && o.Audit.Kind == "catalogue_refused" {
				tb.Fatal(o.Audit.Text)
			}
		}
	}
	give(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: begin}})
	for at := begin.Add(10 * time.Minute); !at.After(begin.Add(12 * time.Hour)); at = at.Add(10 * time.Minute) {
		b := &hydro.Batch{Basin: "twin", ReceivedAt: at}
		put := func(station string, v hydro.Variable, x float64) {
			r := hydro.Reading{Key: hydro.Key{Station: station, Variable: v}, At: at, Value: x, Raw: x}
			switch v {
			case hydro.WaterLevel:
				r.Datum = hydro.StationDatum
			case hydro.Rain:
				r.Interval = 10 * time.Minute
			default: // nothing more to say
			}
			b.Readings = append(b.Readings, r)
		}
		for _, d := range []string{"d1", "d2"} {
			put(d, hydro.WaterLevel, 40)
			put(d, hydro.Inflow, 40)
			put(d, hydro.Outflow, 40)
		}
		put("town", hydro.WaterLevel, 0.8)
		put("town", hydro.Discharge, 80)
		put("creek", hydro.WaterLevel, 1)
		put("creek", hydro.Discharge, 3)
		mm := 0.0
		if rain != nil {
			mm = math.Round(10*rain(at.Sub(begin).Hours())) / 10
		}
		put("p1", hydro.Rain, mm)
		give(hydro.Input{Batch: b})
		give(hydro.Input{Tick: &hydro.Tick{At: at}})
	}
	return e
}
