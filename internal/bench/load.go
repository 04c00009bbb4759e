package bench

import (
	"fmt"
	"math"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// readingsPerRound is how many readings one stream's stations make in one round
// of reports, whatever its department.
const readingsPerRound = 600

// maxSpan is how far back the readings go: inside what the engine remembers,
// because older ones would be set aside as too late for quality control.
const maxSpan = 90 * time.Hour

// A department's stations and what each reports.
type profile struct {
	department hydro.Department
	prefix     string
	kind       string
	values     int // per report
}

var profiles = [...]profile{
	{hydro.Hydrology, "hy", "hydrological", 3},   // level, discharge, rain
	{hydro.Weather, "wx", "rain", 1},             // rain
	{hydro.WaterResources, "wr", "reservoir", 5}, // level, storage, inflow, outflow, one gate
	{hydro.Hydrology, "hy", "hydrological", 3},   // half of all streams
}

// A gateway is one stream's part of the load.
type gateway struct {
	profile
	name     string
	number   int
	stations []string
	readings int // to send in all
	step     time.Duration
	start    time.Time // of the first round
}

// gateways deals the load out.
func gateways(o *Options) []gateway {
	out := make([]gateway, o.Streams)
	for i := range out {
		g := &out[i]
		*g = gateway{profile: profiles[i%len(profiles)], name: fmt.Sprintf("gateway-%03d", i), number: i}
		g.stations = make([]string, readingsPerRound/g.values)
		for k := range g.stations {
			g.stations[k] = fmt.Sprintf("%s-%03d-%04d", g.prefix, i, k)
		}
		g.readings = o.Readings / o.Streams
		if i < o.Readings%o.Streams {
			g.readings++
		}
		rounds := (g.readings + readingsPerRound - 1) / readingsPerRound
		g.step = min(5*time.Minute, (maxSpan / time.Duration(rounds)).Truncate(time.Second))
		g.start = o.End.Truncate(time.Second).Add(-time.Duration(rounds-1) * g.step)
	}
	return out
}

// interval returns the accumulation interval of the gateway's rain.
func (g *gateway) interval() time.Duration { return max(g.step, time.Minute) }

// report returns station and instant of the i-th report of the gateway, from 0.
func (g *gateway) report(i int) (station int, at time.Time) {
	round := i / len(g.stations)
	return i % len(g.stations), g.start.Add(time.Duration(round) * g.step)
}

// reports returns how many reports it takes to send all readings.
func (g *gateway) reports() int { return (g.readings + g.values - 1) / g.values }

// waves are values as sensors give them: a river that rises and falls, rain in
// showers, at the sensors' resolution.
var waves = func() (w struct {
	level, discharge, rain, storage [1024]float64
},
) {
	for i := range w.level {
		x := 2 * math.Pi * float64(i) / float64(len(w.level))
		rise := 1.5*math.Sin(x) + 0.5*math.Sin(3*x+1)
		w.level[i] = math.Round((5+rise)*1000) / 1000
		w.discharge[i] = math.Round(300 + 120*rise)
		w.storage[i] = math.Round((90+8*rise)*1000) / 1000
		if i%64 < 20 {
			w.rain[i] = math.Round(20*math.Abs(math.Sin(float64(i)))) / 10
		}
	}
	return w
}()

// phase returns the place in waves of a station's report.
func (g *gateway) phase(station int, at time.Time) int {
	return int(at.Unix()/300+int64(station)*37+int64(g.number)*11) & 1023
}

// Catalogue returns the files of a catalogue with the stations of the load: in
// each basin a small river network of five reaches with observed nodes.
func Catalogue(o *Options) []hydro.File {
	var stations, network strings.Builder
	stations.WriteString(`catalog:
  name: bench
  title: {zh: 基准测试, en: Benchmark}
departments:
  - {id: weather, name: {zh: 气象, en: Weather}}
  - {id: hydrology, name: {zh: 水文, en: Hydrology}}
  - {id: water_resources, name: {zh: 水利, en: Water resources}}
profiles:
  - id: hydrology
    parameters:
      - {variable: water_level, every: 5m, fail_outside: [0, 20], step: {suspect: 0.5, fail: 2, per: 5m}}
      - {variable: discharge, every: 5m, fail_outside: [0, 15000]}
      - {variable: rain, every: 5m, fail_outside: [0, 200], suspect_outside: [0, 20]}
  - id: weather
    parameters:
      - {variable: rain, every: 5m, fail_outside: [0, 200], suspect_outside: [0, 20]}
  - id: water_resources
    parameters:
      - {variable: water_level, every: 5m, fail_outside: [0, 200]}
      - {variable: storage, every: 5m, fail_outside: [0, 500]}
      - {variable: inflow, every: 5m}
      - {variable: outflow, every: 5m}
      - {variable: gate_opening, sensor: 1, every: 5m}
stations:
`)
	gauges := make([][]string, o.Basins)
	for i, g := range gateways(o) {
		basin := i % o.Basins
		for k, id := range g.stations {
			datum := ""
			if g.department != hydro.Weather {
				datum = "datum: PEARL_RIVER, "
			}
			fmt.Fprintf(&stations, "  - {id: %s, name: %s, department: %s, kind: %s, basin: bench-%d, at: [%.4f, %.4f], zone: Asia/Shanghai, %sprofile: %s}\n",
				id, id, g.department, g.kind, basin, 112+float64(i%20)*0.05, 22+float64(k%40)*0.02, datum, g.department)
			if g.department == hydro.Hydrology && len(gauges[basin]) < 6 {
				gauges[basin] = append(gauges[basin], id)
			}
		}
	}
	network.WriteString("basins:\n")
	for b, ids := range gauges {
		fmt.Fprintf(&network, "  - id: bench-%d\n    name: bench-%d\n    season: {zone: Asia/Shanghai}\n    nodes:\n", b, b)
		if len(ids) == 0 {
			network.WriteString("      - {id: outlet, name: outlet}\n")
			continue
		}
		for i, id := range ids {
			fmt.Fprintf(&network, "      - {id: n%d, name: n%d, gauge: %s}\n", i, i, id)
		}
		network.WriteString("    reaches:\n")
		for i := range ids[1:] {
			fmt.Fprintf(&network, "      - {id: r%d, from: n%d, to: n%d, length: 30, k: 4h, x: 0.2}\n", i, i, i+1)
		}
	}
	return []hydro.File{{Name: "network.yaml", Data: []byte(network.String())}, {Name: "stations.yaml", Data: []byte(stations.String())}}
}
