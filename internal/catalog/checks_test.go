package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// checks is a sound catalogue in which every key of quality control's checks
// appears.
const checks = `catalog: {name: checks, title: C}
departments: [{id: hydrology, name: H}]
stations:
  - id: z
    name: Z
    department: hydrology
    kind: level
    basin: b
    at: [112, 22]
    elevation: 12.5
    zone: +08:00
    datum: PEARL_RIVER
    maintenance:
      - {from: 2026-06-03, to: 2026-06-04, why: later}
      - {from: 2026-06-01T08:00:00+08:00, to: 2026-06-01T09:00:00+08:00, why: new probe}
    parameters:
      - {variable: water_level, every: 5m, step: {suspect: 0.5, fail: 2, down_suspect: 0.2, down_fail: 1}, stuck: {after: 6h, above: 1.5}, rain: {gauges: [p, q], within: 3h, rise: 1, dry: 2, heavy: 50, expect: 0.2, then: suspect}}
  - {id: y, name: Y, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m}]}
  - {id: x, name: X, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
  - {id: p, name: P, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: UTC, parameters: [{variable: rain, every: 5m, wall: 150, day_total: 800}]}
  - {id: q, name: Q, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: +08:00, parameters: [{variable: rain_counter, every: 5m, resets: {every: day, at: 08:00}}, {variable: rain_counter, sensor: 2, every: 5m, resets: {every: year}}]}
sites:
  - {id: s, name: S, stations: [y, z], authority: {water_level: z}, disagree: {water_level: 0.3}}
basins:
  - {id: b, name: B, nodes: [{id: o, name: O}], settings: {rain_neighbours: {count: 4, reach: 20, climb: 1, excess: 60, factor: 5, pour: 25, share: 0.1, hold: 3h}}}
`

func TestTheKeysOfQualityControlAreRead(t *testing.T) {
	c, problems := load(checks)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	z, _ := c.Station("z")
	at := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x.UTC()
	}
	windows := []catalog.Window{
		{From: at("2026-06-01T00:00:00Z"), To: at("2026-06-01T01:00:00Z"), Why: "new probe"},
		{From: at("2026-06-02T16:00:00Z"), To: at("2026-06-03T16:00:00Z"), Why: "later"}, // days of the station's zone
	}
	want := catalog.Parameter{
		Variable: hydro.WaterLevel, Interval: 5 * time.Minute, Maintenance: windows,
		Limits: catalog.Limits{
			StepSuspect: 0.5, StepFail: 2, DownSuspect: 0.2, DownFail: 1, StepPer: 5 * time.Minute,
			StuckAfter: 6 * time.Hour, StuckAbove: 1.5, HasStuckAbove: true,
		},
		Rain: catalog.RainCheck{Gauges: []string{"p", "q"}, Within: 3 * time.Hour, Rise: 1, Dry: 2, Heavy: 50, Expect: 0.2},
	}
	if d := cmp.Diff(want, z.Parameters[0]); d != "" {
		t.Error(d)
	}
	if !z.HasElevation || z.Elevation != 12.5 || !cmp.Equal(z.Maintenance, windows) {
		t.Errorf("station: %+v", z)
	}
	for i, in := range map[string]bool{"2026-05-31T23:59:59Z": false, "2026-06-01T00:00:00Z": true, "2026-06-01T01:00:00Z": false} {
		if _, got := catalog.Maintained(windows, at(i).UnixMilli()); got != in {
			t.Errorf("%s: under maintenance %v", i, got)
		}
	}
	p, _ := c.Station("p")
	if l := p.Parameters[0].Limits; l.Wall != 150 || l.DayTotal != 800 || p.HasElevation {
		t.Errorf("rain: %+v", l)
	}
	if got := c.Sites[0].Disagree; got[hydro.WaterLevel] != 0.3 || len(got) != 1 {
		t.Errorf("site: %v", got)
	}
	n := catalog.Neighbours{Count: 4, Reach: 20, Climb: 1, Excess: 60, Factor: 5, Pour: 25, Share: 0.1, Hold: 3 * time.Hour}
	if d := cmp.Diff(n, c.Basins[0].Settings.Neighbours); d != "" {
		t.Error(d)
	}
	q, _ := c.Station("q")
	for _, x := range []struct {
		sensor       int
		before, want string
	}{
		{0, "2026-06-01T00:00:00Z", "2026-05-31T00:00:00Z"}, // 08:00 in Beijing itself is not before it
		{0, "2026-06-01T00:00:01Z", "2026-06-01T00:00:00Z"},
		{1, "2026-06-01T00:00:00Z", "2025-12-31T16:00:00Z"},
		{1, "2026-12-31T16:00:00Z", "2025-12-31T16:00:00Z"},
		{1, "2026-12-31T16:05:00Z", "2026-12-31T16:00:00Z"},
	} {
		got, ok := q.Parameters[x.sensor].Resets.Last(at(x.before), q.Location())
		if !ok || !got.Equal(at(x.want)) {
			t.Errorf("last reset before %s: %s, want %s", x.before, got, x.want)
		}
	}
}

func TestMistakesInTheKeysOfQualityControlAreNamedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"maintenance backwards", "to: 2026-06-04, why", "to: 2026-06-02, why", "o: ‸2026-06-02,  → maintenance: to 2026-06-02T00:00:00+08:00 is not after from"},
		{"maintenance without why", ", why: later}", "}", "      - ‸{from: 2026-06-03 → why: missing"},
		{"height of no mountain", "elevation: 12.5", "elevation: 12500", "n: ‸125 → elevation: 12500 must be from -500 to 9000"},
		{"fall upside down", "down_fail: 1", "down_fail: 0.1", "step: ‸{suspect: 0.5 → step: of a fall suspect 0.2 is above fail 0.1"},
		{"rain above a gauge that is none", "gauges: [p, q]", "gauges: [p, y]", `p, ‸y], → gauges: station "y" reports no rain`},
		{"rain without a limit", "rise: 1, dry: 2, heavy: 50, expect: 0.2, ", "", "rain: ‸{gauges: [p, q], w → rain: needs rise and dry, heavy and expect, or all four"},
		{"rise without dry", "rise: 1, dry: 2, ", "rise: 1, ", "rain: ‸{gauges: [p, q], w → rain: rise and dry belong together"},
		{"unknown consequence", "then: suspect", "then: fail", "n: ‸fail → then: expected note or suspect"},
		{"rain of a rain gauge", "wall: 150, ", "rain: {gauges: [p], within: 1h, rise: 1, dry: 1}, ", "rain: ‸{gauges: [p], → rain: compares a water_level with the rain above it, not rain"},
		{"wall of a level", "datum: STATION, parameters: [{variable: water_level, every: 5m", "datum: STATION, parameters: [{variable: water_level, every: 5m, wall: 9", "wall: ‸9}] → wall: is for rain; the wall of water_level is fail_outside"},
		{"wall below the limit", "wall: 150", "wall: 150, fail_outside: [0, 200]", "wall: ‸150 → wall: 150 mm is below 200 mm, from which on rain is suspect"},
		{"resets of no counter", "wall: 150, ", "resets: {every: day}, ", "resets: ‸{every: day}, d → resets: is for rain_counter, not for rain"},
		{"resets each month", "every: year", "every: month", `y: ‸month → every: "month" is not known: write day or year`},
		{"levels on datums apart", "stations: [y, z], authority: {water_level: z}", "stations: [x, z], authority: {water_level: z}", `l: ‸0.3 → disagree: levels of "x" are on a datum of its own`},
		{"nothing to disagree", "disagree: {water_level: 0.3}", "disagree: {rain: 3}", "rain: ‸3} → disagree: fewer than two stations of the site report rain"},
		{"one neighbour", "count: 4", "count: 1", `t: ‸1, → count: "1" must be a whole number from 2 to 20`},
		{"held too long", "hold: 3h", "hold: 30h", "d: ‸30h → hold: 30h0m0s is longer than 24h"},
		{"neighbours on", "rain_neighbours: {count: 4, reach: 20, climb: 1, excess: 60, factor: 5, pour: 25, share: 0.1, hold: 3h}", "rain_neighbours: on", "s: ‸on} → rain_neighbours: expected off or {count: 5, reach: 30, …}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(checks, c.old) != 1 {
				t.Fatalf("%q stands %d times in the sound catalogue", c.old, strings.Count(checks, c.old))
			}
			text := strings.Replace(checks, c.old, c.new, 1)
			_, problems := load(text)
			if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), located(t, text, c.want)) {
				t.Errorf("got %v, want %s", problems, located(t, text, c.want))
			}
		})
	}
	c, problems := load(strings.Replace(checks, "rain_neighbours: {count: 4, reach: 20, climb: 1, excess: 60, factor: 5, pour: 25, share: 0.1, hold: 3h}", "rain_neighbours: off", 1))
	if len(problems) > 0 || c.Basins[0].Settings.Neighbours.Count != 0 {
		t.Errorf("switched off: %v", problems)
	}
}
