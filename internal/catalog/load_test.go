package catalog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// small is a sound catalogue in which every section appears. Broken ones are
// made from it by changing single lines.
const small = `catalog: {name: small, title: {zh: 小, en: Small}}
departments:
  - {id: hydrology, name: {zh: 水文, en: Hydrology}}
profiles:
  - id: level
    parameters:
      - {variable: water_level, every: 5m, fail_outside: [0, 20], step: {suspect: 0.5, fail: 2}}
stations:
  - {id: a, name: A, department: hydrology, codes: [X1], kind: level, basin: b, at: [112, 22], zone: +08:00, datum: STATION, profile: level}
  - {id: c, name: C, department: hydrology, codes: [X2], kind: level, basin: b, at: [112.1, 22], zone: UTC, datum: STATION, profile: level}
  - {id: p, name: P, department: weather, kind: rain, basin: b, at: [112.1, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}
  - {id: q, name: Q, department: hydrology, kind: rain, basin: b, at: [112.1, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}
  - {id: r, name: R, department: water_resources, kind: reservoir, basin: b, at: [112, 22.1], zone: UTC, datum: PEARL_RIVER, profile: level}
sites:
  - {id: s, name: S, stations: [p, q], authority: {rain: p}}
ratings:
  - {id: ra, station: a, datum: STATION, valid_from: 2026-01-01, points: [[1, 10], [2, 30]]}
basins:
  - id: b
    name: B
    settings: {step: 5m, every: 10m}
    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}
    nodes:
      - {id: lower, name: L, gauge: c}
      - {id: upper, name: U, gauge: a, rating: ra}
      - {id: dam, name: D, reservoir: res}
    reaches:
      - {id: r1, from: upper, to: lower, length: 10, k: 2h, x: 0.2}
      - {id: r0, from: dam, to: upper, length: 10, k: 2h, x: 0.2}
    sub_basins:
      - {id: s1, name: S1, node: upper, area: 100, centre: [112, 22], gauges: [p]}
    reservoirs:
      - {id: res, name: R, station: r, node: dam, datum: PEARL_RIVER, storage_curve: [[1, 2], [3, 4]], flood_limits: [{from: 04-15, to: 10-15, level: 2}], normal: 3, dam_crest: 5, capacity: 4}
stage_tables:
  - station: a
    valid_from: 2026-01-01
    datum: STATION
    thresholds:
      - {variable: water_level, blue: 3, yellow: 4, orange: 5, red: 6}
  - station: p
    valid_from: 2026-01-01
    thresholds:
      - {variable: rain, window: 3h, blue: 50}
`

func load(text string) (*catalog.Catalog, []catalog.Problem) {
	return catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
}

func TestASoundCatalogueLoads(t *testing.T) {
	c, problems := load(small)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	b := c.Basins[0]
	var order []string
	for _, n := range b.Nodes {
		order = append(order, n.ID+">"+n.Downstream)
	}
	if diff := cmp.Diff([]string{"dam>upper", "upper>lower", "lower>"}, order); diff != "" {
		t.Errorf("nodes are not upstream first (-want +got):\n%s", diff)
	}
	want := catalog.DefaultSettings()
	want.Every = 10 * time.Minute
	if diff := cmp.Diff(want, b.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if got := len(b.SubBasins[0].Points); got != 100 {
		t.Errorf("%d points stand for the disc, want 100", got)
	}
	if s, ok := c.Resolve(hydro.Hydrology, "X2"); !ok || s.ID != "c" || c.Stations[c.StationIndex("c")].ID != "c" {
		t.Error("code X2 does not lead to station c")
	}
	if s, _ := c.Station("p"); s.Site != "s" {
		t.Errorf("station p stands at site %q, want s", s.Site)
	}
	// 1 January in the station's zone, +08:00.
	if got, want := c.StageTables[0].ValidFrom, time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("valid from %s, want %s", got, want)
	}
	h := c.StageTables[0].Thresholds
	if len(h) != 4 || !h[0].Observed || !h[0].Forecast || h[3].Stage != hydro.Red {
		t.Errorf("thresholds %+v", h)
	}
	if h := c.StageTables[1].Thresholds[0]; !h.Observed || h.Forecast {
		t.Errorf("the rain threshold applies to %+v, want observations alone", h)
	}
	if p, _ := c.Stations[0].Parameter(hydro.WaterLevel, 0); p.Limits.StepPer != 5*time.Minute || p.Limits.SuspectHigh != 20 {
		t.Errorf("limits %+v", p.Limits)
	}
}

// located turns "text‸more → message" into "c.yaml:line:column: message", the
// place of the caret in the catalogue. A want without a caret stays.
func located(t *testing.T, in, want string) string {
	context, message, ok := strings.Cut(want, " → ")
	if !ok {
		return want
	}
	before, after, _ := strings.Cut(context, "‸")
	if strings.Count(in, before+after) != 1 {
		t.Fatalf("%q stands %d times in the catalogue", before+after, strings.Count(in, before+after))
	}
	head := in[:strings.Index(in, before+after)+len(before)]
	line := strings.Count(head, "\n") + 1
	column := utf8.RuneCountInString(head[strings.LastIndex(head, "\n")+1:]) + 1
	return fmt.Sprintf("c.yaml:%d:%d: %s", line, column, message)
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"unknown key", "kind: level, basin: b, at: [112, 22]", "knd: level, kind: level, basin: b, at: [112, 22]", []string{`], ‸knd → unknown key "knd"; known here: area, at, basin, codes, datum, department, elevation, gateway, id`}},
		{"unknown section", "departments:\n", "department:\n", []string{"Small}}\n‸department: → unknown key \"department\""}},
		{"duplicate key", "name: {zh: 水文, en: Hydrology}", "name: {zh: 水文, en: Hydrology}, id: weather", []string{`}, ‸id: → key "id" given twice`}},
		{"duplicate station", "{id: c, name: C", "{id: a, name: C", []string{`  - {id: ‸a, name: C → station "a" given twice`, `e: ‸c} → gauge: no station "c"`}},
		{"duplicate code", "codes: [X2]", "codes: [X1]", []string{`C, department: hydrology, codes: ‸[X1], kind: level, basin: b, at:  → codes: "X1" is already a code of station "a" of the same department`}},
		{"code is another's id", "codes: [X2]", "codes: [p]", []string{`es: ‸[p], → codes: "p" is the id of another station`}},
		{"level without datum", "at: [112, 22], zone: +08:00, datum: STATION, ", "at: [112, 22], zone: +08:00, ", []string{`  - ‸{id: a → datum: missing`}},
		{"latitude first", "at: [112, 22]", "at: [22, 112]", []string{`t: ‸[22 → [22, 112] is no place: longitude comes first, both in degrees WGS84`}},
		{"unknown zone", "zone: +08:00", "zone: Beijing", []string{`e: ‸Bei → zone: "Beijing" is no zone: write an IANA name such as Asia/Shanghai, `}},
		{"machine's zone", "zone: +08:00", "zone: Local", []string{`e: ‸Loc → zone: "Local" is no zone: write an IANA name such as Asia/Shanghai, UT`}},
		{"missing zone", "zone: +08:00, ", "", []string{`  - ‸{id: a → zone: missing`}},
		{"unknown department", "P, department: weather", "P, department: wether", []string{`t: ‸wet → department: "wether" is not known`}},
		{"unknown profile", "datum: STATION, profile: level}\n  - {id: c", "datum: STATION, profile: lvl}\n  - {id: c", []string{`e: ‸lvl → profile: "lvl" is not defined under profiles`, `e: ‸a,  → gauge: station "a" reports neither water_level nor discharge`, ` - {variable: ‸water_level, b → variable: station "a" does not report water_level`}},
		{"negative interval", "{variable: water_level, every: 5m", "{variable: water_level, every: -5m", []string{`y: ‸-5m → every: -5m0s is shorter than 1m0s`}},
		{"interval without unit", "{variable: water_level, every: 5m", "{variable: water_level, every: 5", []string{`y: ‸5,  → "5" is no duration`}},
		{"range upside down", "fail_outside: [0, 20]", "fail_outside: [20, 0]", []string{`e: ‸[20 → [20, 0]: low must be below high`}},
		{"site without authority", ", authority: {rain: p}", "", []string{`  - ‸{id: s, → authority: rain is reported by p and q`}},
		{"authority elsewhere", "authority: {rain: p}", "authority: {rain: a}", []string{`y: ‸{ra → authority: rain is reported by p and q; say which one counts`, `n: ‸a}} → authority: "a" does not stand at this site`}},
		{"rating not monotone", "points: [[1, 10], [2, 30]]", "points: [[1, 10], [2, 30], [3, 29]]", []string{`0], ‸[3,  → points: [3, 29] does not rise above [2, 30]: level and discharge must `}},
		{"rating on another datum", "{id: ra, station: a, datum: STATION", "{id: ra, station: a, datum: PEARL_RIVER", []string{`a, datum: ‸PEARL_RIVE → datum: a rating of "a" is on PEARL_RIVER but the station is on STATION`}},
		{"rating without date", "valid_from: 2026-01-01, points", "points", []string{`  - ‸{id: ra → valid_from: missing`}},
		{"node's rating unknown", "rating: ra}", "rating: rb}", []string{`g: ‸rb} → rating: no rating "rb"`}},
		{"rating of another gauge", "gauge: c}", "gauge: c, rating: ra}", []string{`c, rating: ‸ra} → rating: "ra" is the rating of station "a", not of the gauge "c"`}},
		{"gauge twice", "{id: lower, name: L, gauge: c}", "{id: lower, name: L, gauge: a}", []string{`e: ‸a,  → gauge: station "a" already stands at node "lower"`}},
		{"circle", "to: lower, length", "to: dam, length", []string{`d: ‸upp → nodes upper, dam run in a circle or drain into one: the network must b`}},
		{"two outlets", "      - {id: r1, from: upper, to: lower, length: 10, k: 2h, x: 0.2}\n", "", []string{`d: ‸low → node "lower" drains nowhere, and so does "upper": a basin has one outl`}},
		{"fork", "from: dam, to: upper", "from: upper, to: dam", []string{`d: ‸low → node "lower" drains nowhere, and so does "dam": a basin has one outlet`, `0, from: ‸upper, to → from: node "upper" already drains to "lower": a river forks here, and `}},
		{"unknown node", "from: upper, to: lower", "from: upper, to: lowr", []string{`d: ‸low → node "lower" drains nowhere, and so does "upper": a basin has one outl`, `o: ‸low → to: no node "lowr" in basin "b"`}},
		{"x too big", "k: 2h, x: 0.2}\n      - {id: r0", "k: 2h, x: 0.6}\n      - {id: r0", []string{`x: ‸0.6 → x: 0.6 must be from 0 to 0.5`}},
		{"unstable sub-reaches", "k: 2h, x: 0.2}\n      - {id: r0", "k: 2h, x: 0.2, sub_reaches: 1}\n      - {id: r0", []string{`s: ‸1} → sub_reaches: 1 parts of k 2h0m0s with x 0.2 are unstable at step 5m0s:`}},
		{"reach too quick", "k: 2h, x: 0.2}\n      - {id: r0", "k: 2m, x: 0.2}\n      - {id: r0", []string{`k: ‸2m, → k: 2m0s with x 0.2 cannot be routed at step 5m0s by any number of sub-`}},
		{"unknown method", "k: 2h, x: 0.2}\n      - {id: r0", "method: kinematic}\n      - {id: r0", []string{`d: ‸kin → method: "kinematic" is not known: write muskingum, mct, lag, cunge or nonlinear`}},
		{"narrow top", "k: 2h, x: 0.2}\n      - {id: r0", "method: mct, slope: 0.001, bottom_width: 20, top_width: 19, n: 0.03, side_slope: 0.5}\n      - {id: r0", []string{`h: ‸19, → top_width: 19 m is not above bottom_width: 20 m`}},
		{"key of another method", "k: 2h, x: 0.2}\n      - {id: r0", "method: mct, slope: 0.001, bottom_width: 20, top_width: 30, n: 0.03, side_slope: 0.5, x: 0.2}\n      - {id: r0", []string{`0.5, ‸x: 0.2 → unknown key "x"; known here: bottom_width`}},
		{"plain without roughness", "k: 2h, x: 0.2}\n      - {id: r0", "method: mct, slope: 0.001, bottom_width: 20, top_width: 30, n: 0.03, side_slope: 0.5, compound_width: 99}\n      - {id: r0", []string{`h: ‸99} → n_compound: missing; a flood plain has a roughness of its own`}},
		{"short storage constant", "k: 2h, x: 0.2}\n      - {id: r0", "method: lag, lag: 1h, k: 2m}\n      - {id: r0", []string{`k: ‸2m} → k: 2m0s is less than half the step of 5m0s`}},
		{"no area", "area: 100", "area: 0", []string{`a: ‸0,  → area: 0 must be above 0`}},
		{"no outline", "centre: [112, 22], ", "", []string{`    - ‸{id: s → give exactly one of boundary, points and centre, so that rain gauges c`}},
		{"gauge without rain", "gauges: [p]", "gauges: [a]", []string{`: [‸a]} → gauges: station "a" does not report rain`}},
		{"curve falls", "storage_curve: [[1, 2], [3, 4]]", "storage_curve: [[1, 2], [3, 4], [4, 3]]", []string{`], ‸[4, → storage_curve: [4, 3] does not rise above [3, 4]: level and volume mus`}},
		{"reservoir at no dam", "name: D, reservoir: res}", "name: D}", []string{`e: ‸dam → node: "dam" does not name this reservoir: write reservoir: res there`}},
		{"unknown reservoir", "reservoir: res}", "reservoir: rest}", []string{`r: ‸res → reservoir: no reservoir "rest" in basin "b"`, `e: ‸dam → node: "dam" does not name this reservoir: write reservoir: res there`}},
		{"not a reservoir", "station: r, node", "station: a, node", []string{`on: ‸a, n → station: "a" is a level station, not a reservoir station`}},
		{"reservoir without datum", "datum: PEARL_RIVER, storage_curve", "storage_curve", []string{`      - ‸{id: res, → datum: missing`}},
		{"reservoir on another datum", "datum: PEARL_RIVER, storage_curve", "datum: NATIONAL_1985, storage_curve", []string{`m: ‸NAT → datum: the table of levels of "r" is on NATIONAL_1985 but the station is on PEARL_RIVER: convert it`}},
		{"no such day", "from: 04-15", "from: 04-31", []string{`m: ‸04- → from: "04-31" is no day of the year: write month and day, as in 05-21`}},
		{"thresholds fall", "yellow: 4", "yellow: 3", []string{`w: ‸3,  → yellow: 3 is not above blue 3: thresholds ascend from blue to red`}},
		{"threshold not a number", "yellow: 4", "yellow: four", []string{`w: ‸fou → "four" is no number`}},
		{"threshold without datum", "    datum: STATION\n", "", []string{`  - ‸station: a → datum: missing`}},
		{"threshold without date", "  - station: p\n    valid_from: 2026-01-01\n", "  - station: p\n", []string{`  - ‸station: p → valid_from: missing`}},
		{"rain without window", "window: 3h, ", "", []string{`      - ‸{variable: r → window: missing; a rain threshold is for an accumulation, as in window`}},
		{"window not kept", "window: 3h", "window: 4h", []string{`w: ‸4h, → window: 4h0m0s is not accumulated: use 5m, 10m, 15m, 30m, 1h, 2h, 3h, `}},
		{"rain is not forecast so finely", "window: 3h, blue: 50}", "window: 10m, blue: 50, legs: [forecast]}", []string{`: [‸for → legs: there is no forecast of rain at station "p": the window 10m0s is shorter than the basin's output_step 30m0s`}},
		{"step does not divide", "step: 5m, every: 10m", "step: 5m, every: 12m", []string{`y: ‸12m → every: 12m0s is no multiple of step 5m0s`}},
		{"band", "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, band: wide}", []string{`d: ‸wid → band: expected on or off`}},
		{"spread of rain", "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, rain_spread: 4}", []string{`d: ‸4} → rain_spread: 4 must be from 0 to 3`}},
		{"spread of rain by lead", "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, rain_spread: [{to: 24h, cv: 0.4}, {to: 12h, cv: 0.8}]}", []string{`o: ‸12h → to: 12h0m0s is not later than the 24h0m0s before it`}},
		{"spread of rain without lead", "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, rain_spread: [{cv: 0.4}]}", []string{`[‸{cv → to: missing`}},
		{"spread of the soil", "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, initial_spread: 2}", []string{`d: ‸2} → initial_spread: 2 must be from 0 to 1`}},
		{"unknown areal rain", "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, areal_rain: kriging}", []string{`n: ‸kri → areal_rain: "kriging" is not known: write thiessen or idw`}},
		{"power too big", "gauges: [p]}", "gauges: [p], areal_rain: idw, areal_rain_power: 9}", []string{`r: ‸9} → areal_rain_power: 9 must be from 0.5 to 6`}},
		{"source twice", "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, rain_sources: [A, A]}", []string{`A, ‸A]} → rain_sources: "A" given twice`}},
		{"source twice at a sub-basin", "gauges: [p]}", "gauges: [p], rain_sources: [A, B, A]}", []string{`B, ‸A]} → rain_sources: "A" given twice`}},
		{"station of no basin", "kind: rain, basin: b, at: [112.1, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}\n  - {id: q", "kind: rain, basin: bb, at: [112.1, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}\n  - {id: q", []string{`n: ‸bb, → basin: no basin "bb"`, `: [‸p]} → gauges: station "p" belongs to basin "bb"`}},
		{"anchor", "name: {zh: 水文, en: Hydrology}", "name: &n {zh: 水文, en: Hydrology}", []string{`e: ‸&n  → expected a text or a number, found an anchor or alias, which is not pa`}},
		{"broken YAML", "    name: B\n", "    name: B\n   bad\n", []string{`no file has a catalog section: one must say catalog: {name: …}`, `   ‸bad → value is not allowed in this context`}},
		{"list for a mapping", "settings: {step: 5m, every: 10m}", "settings: [5m]", []string{`s: ‸[5m → expected keys and values, found a list`}},
		{"no catalog section", "catalog: {name: small, title: {zh: 小, en: Small}}\n", "\n", []string{`no file has a catalog section`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(small, c.old) == 0 {
				t.Fatalf("the sound catalogue does not contain %q", c.old)
			}
			got, problems := load(strings.Replace(small, c.old, c.new, 1))
			if got != nil {
				t.Error("a catalogue came back")
			}
			var texts, want []string
			for _, p := range problems {
				texts = append(texts, p.String())
			}
			for _, w := range c.want {
				want = append(want, located(t, strings.Replace(small, c.old, c.new, 1), w))
			}
			ok := len(texts) == len(want)
			for i := range min(len(texts), len(want)) {
				ok = ok && strings.HasPrefix(texts[i], want[i])
			}
			if !ok {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(texts, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
}

func TestTheSpreadOfRainIsByLead(t *testing.T) {
	c, problems := load(strings.Replace(small, "settings: {step: 5m, every: 10m}", "settings: {step: 5m, every: 10m, rain_spread: [{to: 24h, cv: 0.4, mean: 1.2}, {to: 72h, cv: 0.9}]}", 1))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	want := []catalog.RainSpread{{To: 24 * time.Hour, CV: 0.4, Mean: 1.2}, {To: 72 * time.Hour, CV: 0.9, Mean: 1}}
	if diff := cmp.Diff(want, c.Basins[0].Settings.RainSpread); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASubBasinInheritsTheArealRainOfItsBasin(t *testing.T) {
	change := strings.NewReplacer("settings: {step: 5m, every: 10m}",
		"settings: {step: 5m, every: 10m, areal_rain: idw, areal_rain_power: 3, rain_disagree_mm: 8, rain_disagree_share: 0.5, rain_sources: [Guangdong 3 km, ECMWF], band: off, rain_spread: 0.5, initial_spread: 0.1}",
		"area: 100, centre: [112, 22], gauges: [p]}", "area: 100, centre: [112, 22], gauges: [p]}\n      - {id: s2, name: S2, node: upper, area: 50, centre: [112, 22], areal_rain: thiessen, rain_sources: [zones]}")
	c, problems := load(change.Replace(small))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	b := c.Basins[0]
	want := catalog.DefaultSettings()
	want.Every, want.ArealRain, want.ArealPower, want.RainDisagreeMM, want.RainDisagreeShare = 10*time.Minute, catalog.InverseDistance, 3, 8, 0.5
	want.RainSources = []string{"Guangdong 3 km", "ECMWF"}
	want.NoBand, want.RainSpread, want.InitialSpread = true, []catalog.RainSpread{{CV: 0.5, Mean: 1}}, 0.1
	if diff := cmp.Diff(want, b.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if s := b.SubBasins[0]; s.ArealRain != catalog.InverseDistance || s.ArealPower != 3 {
		t.Errorf("%s: %s, power %g", s.ID, s.ArealRain, s.ArealPower)
	}
	if s := b.SubBasins[1]; s.ArealRain != catalog.Thiessen || len(b.SubBasins[0].RainSources) > 0 || strings.Join(s.RainSources, "|") != "zones" {
		t.Errorf("%s: %s", s.ID, s.ArealRain)
	}
}

func TestAllMistakesAreListedAtOnce(t *testing.T) {
	text := strings.NewReplacer("x: 0.2}\n      - {id: r0", "x: 0.7}\n      - {id: r0", "area: 100", "area: -1", "yellow: 4", "yellow: 2", "gauge: c", "gauge: zz").Replace(small)
	_, problems := load(text)
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if diff := cmp.Diff([]int{24, 28, 31, 39}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s\n%v", diff, catalog.Problems(problems))
	}
}

func TestSectionsMayBeSpreadOverFiles(t *testing.T) {
	at := strings.Index(small, "basins:\n")
	end := strings.Index(small, "stage_tables:\n")
	head, network, tables := small[:at], small[at:end], small[end:]
	c, problems := catalog.Load([]hydro.File{{Name: "z.yaml", Data: []byte(head)}, {Name: "a.yaml", Data: []byte(network)}, {Name: "m.yaml", Data: []byte(tables)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	var names []string
	for _, f := range c.Files() {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"a.yaml", "m.yaml", "z.yaml"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestVersionNamesTheContent(t *testing.T) {
	a, _ := load(small)
	b, _ := load(small)
	c, _ := load(small + "# a remark\n")
	if a.Version != b.Version || a.Version == c.Version || len(a.Version) != len("sha256:")+16 {
		t.Errorf("versions %s %s %s", a.Version, b.Version, c.Version)
	}
}

func TestLoadDirListsProblemsAsOneInvalidError(t *testing.T) {
	dir := t.TempDir()
	if _, err := catalog.LoadDir(dir); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("an empty folder gives %v", err)
	}
	if _, err := catalog.LoadDir(filepath.Join(dir, "none")); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("a missing folder gives %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.yaml"), []byte(strings.Replace(small, "area: 100", "area: -1", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not read"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := catalog.LoadDir(dir)
	if !errors.Is(err, hydro.ErrInvalid) || err.Error() != "catalogue: 1 problem\nc.yaml:31:47: area: -1 must be above 0" {
		t.Errorf("got %v", err)
	}
}

func TestNewerTablesReplaceOlderOnesFromTheirDate(t *testing.T) {
	c, problems := load(small + `  - station: a
    valid_from: 2026-06-01T08:00:00+08:00
    datum: STATION
    thresholds: [{variable: water_level, blue: 2}]
`)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	turn := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]float64{turn.Add(-time.Second): 3, turn: 2} {
		if s, ok := c.StageTable("a", at); !ok || s.Thresholds[0].Value != want {
			t.Errorf("at %s: %+v, want blue at %g", at, s, want)
		}
	}
	if _, ok := c.StageTable("a", turn.AddDate(-1, 0, 0)); ok {
		t.Error("a table is in force before the first valid_from")
	}
}

// FuzzLoad checks that no input makes the loader panic, and that a catalogue
// comes back exactly if there are no problems.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(desk))
	f.Add([]byte("catalog: {name: x, title: y}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("- 1\n--- |\n x\n...\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := load(string(data))
		if (c == nil) != (len(problems) > 0) {
			t.Fatalf("catalogue %v with %d problems", c != nil, len(problems))
		}
		if c == nil {
			return
		}
		for _, b := range c.Basins {
			place := map[string]int{}
			for i, n := range b.Nodes {
				place[n.ID] = i
			}
			for i, n := range b.Nodes {
				if n.Downstream != "" && place[n.Downstream] <= i {
					t.Fatalf("node %s does not stand before %s", n.ID, n.Downstream)
				}
			}
			for _, s := range b.SubBasins {
				if len(s.Points) == 0 || s.Area <= 0 {
					t.Fatalf("sub-basin %s has no place", s.ID)
				}
			}
		}
		for i, s := range c.Stations {
			if c.StationIndex(s.ID) != i {
				t.Fatalf("station %q is not indexed", s.ID)
			}
		}
	})
}

// A basin's id names streams of the log, which know small letters only: said by
// the check, not by the server's start.
func TestABasinWithCapitalsIsRefused(t *testing.T) {
	_, problems := catalog.Load([]hydro.File{{Name: "a.yaml", Data: []byte("basins:\n  - id: Tanjiang\n")}})
	for _, p := range problems {
		if p.File == "a.yaml" && p.Line == 2 && strings.Contains(p.Message, `use small letters, "tanjiang"`) {
			return
		}
	}
	t.Errorf("problems: %v", problems)
}
