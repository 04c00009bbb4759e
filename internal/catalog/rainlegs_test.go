package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"freshet/internal/catalog"
)

// A sum of rain is observed only, unless its ladder asks for the forecast: a table that
// was written before there was such a leg goes on as it did.
func TestTheForecastLegOfRainIsAsked(t *testing.T) {
	const ladder = "{variable: rain, window: 3h, blue: 50}"
	if strings.Count(small, ladder) != 1 {
		t.Fatal("no ladder of rain")
	}
	for legs, want := range map[string][2]bool{
		"": {true, false}, ", legs: [observed]": {true, false}, ", legs: [forecast]": {false, true}, ", legs: [observed, forecast]": {true, true},
	} {
		c, problems := load(strings.Replace(small, ladder, strings.Replace(ladder, "}", legs+", persistence: 3}", 1), 1))
		if len(problems) > 0 {
			t.Fatal(catalog.Problems(problems))
		}
		at := slices.IndexFunc(c.StageTables, func(s catalog.StageTable) bool { return s.Station == "p" })
		if h := c.StageTables[at].Thresholds[0]; h.Observed != want[0] || h.Forecast != want[1] || h.Timing == nil || h.Timing.Persistence != 3 {
			t.Errorf("%q: %+v", legs, h)
		}
	}
	dry := strings.Replace(strings.Replace(small, ladder, "{variable: rain, window: 3h, blue: 50, legs: [forecast]}", 1),
		"    sub_basins:\n      - {id: s1, name: S1, node: upper, area: 100, centre: [112, 22], gauges: [p]}\n", "", 1)
	_, problems := load(dry)
	if got := catalog.Problems(problems).Error(); !strings.Contains(got, `legs: there is no forecast of rain at station "p": rain forecasts are by sub-basin, and basin b has none`) {
		t.Errorf("without a sub-basin: %s", got)
	}
}
