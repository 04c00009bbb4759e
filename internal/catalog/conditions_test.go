package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// extended is the small catalogue with return periods and a table that uses every
// measure.
var extended = strings.Replace(small, "stage_tables:\n", `return_periods:
  - {station: a, variable: water_level, datum: STATION, valid_from: 2020-01-01, source: study 2019, points: [[5, 3.5], [20, 4.5], [50, 6.5]]}
  - {station: a, variable: water_level, datum: STATION, valid_from: 2027-01-01, source: study 2026, points: [[5, 3.6]]}
stage_tables:
  - {station: r, valid_from: 2026-01-01, datum: PEARL_RIVER, thresholds: [{variable: water_level, measure: over_limit, yellow: 0, orange: 0.5, dwell_raise: 0s}]}
`, 1)

var allMeasures = strings.Replace(extended, "red: 6}\n", `red: 6}
      - {variable: water_level, measure: return_period, yellow: 5, red: 50}
      - {variable: water_level, measure: rise, window: 1h, blue: 0.5, yellow: 1}
      - {variable: water_level, measure: chance, of: orange, within: 24h, blue: 0.3, persistence: 3}
`, 1)

func TestATableMayHangOnEveryMeasure(t *testing.T) {
	c, problems := load(allMeasures)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	table, _ := c.StageTable("a", time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	own := &catalog.Timing{DwellRaise: 10 * time.Minute, DwellLower: time.Hour, Persistence: 3}
	level := hydro.WaterLevel
	want := []catalog.Condition{
		{Basis: hydro.Rise, Stage: hydro.Blue, Variable: level, Window: time.Hour, Value: 0.5, Observed: true, Forecast: true},
		{Basis: hydro.Rise, Stage: hydro.Yellow, Variable: level, Window: time.Hour, Value: 1, Observed: true, Forecast: true},
		{Basis: hydro.Likelihood, Stage: hydro.Blue, Variable: level, Window: 24 * time.Hour, Of: hydro.Orange, Value: 0.3, Forecast: true, Timing: own},
	}
	if diff := cmp.Diff(want, table.Conditions); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	var got []catalog.Threshold
	for _, h := range table.Thresholds {
		if h.Years > 0 {
			got = append(got, h)
		}
	}
	if diff := cmp.Diff([]catalog.Threshold{
		{Stage: hydro.Yellow, Variable: level, Value: 3.5, Observed: true, Forecast: true, Years: 5},
		{Stage: hydro.Red, Variable: level, Value: 6.5, Observed: true, Forecast: true, Years: 50},
	}, got); diff != "" {
		t.Errorf("return periods (-want +got):\n%s", diff)
	}
	table, _ = c.StageTable("r", time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	if len(table.Conditions) != 2 || !table.Conditions[0].Forecast || table.Conditions[0].Timing == nil || table.Conditions[0].Timing.DwellRaise != 0 || len(table.Thresholds) != 0 {
		t.Errorf("over the limit: %+v", table)
	}
}

func TestMistakesInMeasuresAndProfilesAreNamedWithTheirPlace(t *testing.T) {
	const first = "    thresholds:\n      - {variable: water_level, blue: 3, yellow: 4, orange: 5, red: 6}\n"
	profile := func(text string) string { return "    profile: {" + text + "}\n" }
	for _, c := range []struct{ name, old, new, want string }{
		{"an unknown measure", "measure: rise", "measure: slope", `e: ‸slope → measure: "slope" is not known: write value, return_period, rise, over_limit or chance`},
		{"a rise of flow", "{variable: water_level, measure: rise", "{variable: discharge, measure: rise", `e: ‸discharge, measure: rise → variable: station "a" does not report discharge`},
		{"a rise without a window", "measure: rise, window: 1h", "measure: rise", `- ‸{variable: water_level, measure: rise → window: missing`},
		{"a rise over days", "window: 1h", "window: 3d", `w: ‸3d → window: 72h0m0s is longer than 24h`},
		{"a rise of nothing", "window: 1h, blue: 0.5", "window: 1h, blue: 0", `1h, blue: ‸0 → blue: 0 must be above 0`},
		{"rises that fall", "blue: 0.5, yellow: 1}", "blue: 0.5, yellow: 0.4}", `yellow: ‸0.4} → yellow: 0.4 is not above blue 0.5`},
		{"no colour", "blue: 0.5, yellow: 1}", "legs: [observed]}", `- ‸{variable: water_level, measure: rise → thresholds: no colour; give blue`},
		{"twice", "      - {variable: water_level, measure: chance", "      - {variable: water_level, measure: rise, window: 1h, blue: 2}\n      - {variable: water_level, measure: chance", `- ‸{variable: water_level, measure: rise, window: 1h, blue: 2} → thresholds: water_level over 1h0m0s given twice`},
		{"a river's limit", "measure: rise, window: 1h", "measure: over_limit", `e: ‸over_limit, blue → measure: over_limit is for the station of a reservoir, and "a" is that of none`},
		{"a reservoir without limits", ", flood_limits: [{from: 04-15, to: 10-15, level: 2}]", "", `e: ‸over_limit → measure: over_limit needs limit levels: give flood_limits at reservoir "res"`},
		{"years that the table has not", "yellow: 5, red: 50", "yellow: 10, red: 50", `w: ‸10 → yellow: 10 years are not in the station's return_periods: write one of 5, 20, 50`},
		{"no table of return periods", "valid_from: 2020-01-01, source: study 2019", "valid_from: 2026-02-01, source: study 2019", `measure: ‸return_period → measure: station "a" has no return_periods of water_level in force`},
		{"return periods that fall", "[20, 4.5]", "[20, 3.4]", `, ‸[20, 3.4] → points: [20, 3.4]: years, from 1 on, and values must both ascend`},
		{"return periods without a source", ", source: study 2019", "", `- ‸{station: a, variable: water_level, datum: STATION, valid_from: 2020 → source: missing`},
		{"a chance of no threshold", "of: orange", "of: orange, legs: [forecast]", `, ‸legs → unknown key "legs"`},
		{"a chance above one", "blue: 0.3, persistence", "blue: 30, persistence", `blue: ‸30 → blue: 30 must be above 0 and at most 1`},
		{"a chance without bands", "settings: {step: 5m", "settings: {band: off, step: 5m", `- ‸{variable: water_level, measure: chance → measure: no chance is told: the settings of basin "b" say band: off`},
		{"a chance of what stands nowhere", "orange: 5, red: 6}", "red: 6}", `of: ‸orange → of: this table has no orange threshold of water_level`},
		{"an unknown profile", first, profile("name: national"), `name: ‸national → name: "national" is not known: write national-2013-first, national-2013-second, guangdong-practice`},
		{"a profile without its levels", first, profile("name: national-2013-first, warning: 3, guarantee: 4, highest: 5"), `profile: ‸{ → near: missing`},
		{"levels that fall", first, profile("name: national-2013-first, warning: 3, guarantee: 2, highest: 5, near: 0.2"), `profile: ‸{ → profile: orange at 2 is not above yellow at 3`},
		{"a key of another profile", first, profile("name: national-2013-first, warning: 3, guarantee: 4, highest: 5, near: 0.2, crest: 7"), `, ‸crest → unknown key "crest"`},
		{"neither", first, "", `- ‸station: a
    valid_from → thresholds: missing; give thresholds, a profile or both`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := strings.Replace(allMeasures, c.old, c.new, 1)
			if in == allMeasures {
				t.Fatalf("%q is not in the catalogue", c.old)
			}
			if c.old == first { // the measures hang on the thresholds
				head, tail, _ := strings.Cut(in, "      - {variable: water_level, measure: return_period")
				_, tail, _ = strings.Cut(tail, "  - station: p\n")
				in = head + "  - station: p\n" + tail
			}
			_, problems := load(in)
			var texts []string
			for _, p := range problems {
				texts = append(texts, p.String())
			}
			if want := located(t, in, c.want); !strings.Contains(strings.Join(texts, "\n"), want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(texts, "\n  "), want)
			}
		})
	}
}

func TestEveryProfileSaysWhatItRestsOnAndWhatIsNotVerified(t *testing.T) {
	if n := len(catalog.StageProfiles()); n != 3 {
		t.Fatalf("%d profiles", n)
	}
	for _, p := range catalog.StageProfiles() {
		if p.NameZH == "" || p.NameEN == "" || p.Source == "" || p.Unverified == "" {
			t.Errorf("%+v", p)
		}
	}
}

func TestTheLimitLevelOfADay(t *testing.T) {
	r := catalog.Reservoir{FloodLimits: []catalog.FloodLimit{
		{FromMonth: 4, FromDay: 15, ToMonth: 10, ToDay: 15, Level: 88}, {FromMonth: 5, FromDay: 21, ToMonth: 6, ToDay: 20, Level: 86}, {FromMonth: 12, FromDay: 20, ToMonth: 1, ToDay: 10, Level: 90},
	}}
	beijing := time.FixedZone("", 8*3600)
	for at, want := range map[string]float64{
		"2026-04-14T15:59:59Z": 0, "2026-04-14T16:00:00Z": 88, "2026-05-20T15:00:00Z": 88, "2026-05-20T16:00:00Z": 86, "2026-06-20T15:59:00Z": 86,
		"2026-06-20T16:00:00Z": 88, "2026-12-25T00:00:00Z": 90, "2027-01-10T15:00:00Z": 90, "2027-01-10T16:00:00Z": 0,
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := r.FloodLimit(when, beijing); got != want || ok != (want != 0) {
			t.Errorf("%s: %g %v, want %g", at, got, ok, want)
		}
	}
}
