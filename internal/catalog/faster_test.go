package catalog_test

import (
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func TestReportFasterIsReadAndItsMistakesAreNamed(t *testing.T) {
	const plain = "settings: {step: 5m, every: 10m}"
	with := func(s string) string {
		return strings.Replace(small, plain, "settings: {step: 5m, every: 10m, report_faster: "+s+"}", 1)
	}
	c, problems := load(with("{from: orange, every: 30s, where: basin}"))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	if got, want := c.Basins[0].Settings.ReportFaster, (catalog.ReportFaster{From: hydro.Orange, Every: 30 * time.Second, Basin: true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, c := range []struct{ in, want string }{
		{"{from: blind, every: 1m}", `from: ‸blind → from: "blind" is not known: write blue, yellow, orange or red`},
		{"{from: red}", `report_faster: ‸{from → every: missing`},
		{"{from: red, every: 1s}", `red, every: ‸1s → every: 1s is shorter than 10s`},
		{"{from: red, every: 2h}", `red, every: ‸2h → every: 2h0m0s is longer than an hour`},
		{"{from: red, every: 1m, where: up}", `where: ‸up} → where: "up" is not known: write downstream or basin`},
		{"{from: red, every: 1m, whre: up}", `1m, ‸whre → unknown key "whre"; known here: every, from, where`},
	} {
		in := with(c.in)
		_, problems := load(in)
		if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), located(t, in, c.want)) {
			t.Errorf("%s: %v, want %s", c.in, problems, located(t, in, c.want))
		}
	}
}
