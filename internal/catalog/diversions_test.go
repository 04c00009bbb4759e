package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast/routing"
	"freshet/internal/catalog"
)

const upperNode = "gauge: a, rating: ra}"

func withDiversion(d string) string {
	return strings.Replace(small, upperNode, "gauge: a, rating: ra, diversion: "+d+"}", 1)
}

func TestDiversionsLoad(t *testing.T) {
	for text, want := range map[string]catalog.Diversion{
		"0.3":                        {Share: 0.3},
		"{share: 0.3}":               {Share: 0.3},
		"{demand: 4, capacity: 9}":   {Demand: []float64{4}, Capacity: 9},
		"{share: 1, keep: 2.5}":      {Share: 1, Keep: 2.5},
		"{demand: 4, to: lower}":     {Demand: []float64{4}, To: "lower"},
		"{table: [[0, 0], [50, 8]]}": {Table: []routing.DiversionPoint{{}, {Flow: 50, Taken: 8}}},
		"{demand: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], to: lower, lag: 2h}": {Demand: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, To: "lower", Lag: 2 * time.Hour},
	} {
		c, problems := load(withDiversion(text))
		if len(problems) > 0 {
			t.Errorf("%s: %v", text, catalog.Problems(problems))
			continue
		}
		for _, n := range c.Basins[0].Nodes {
			if n.ID == "upper" {
				if diff := cmp.Diff(want, n.Diversion); diff != "" {
					t.Errorf("%s: %s", text, diff)
				}
			}
		}
	}
}

func TestLateralInflowLoads(t *testing.T) {
	text := strings.Replace(withReach("k: 1h, x: 0, lateral: 2.5"), "node: upper, area", "node: lower, along: r1, area", 1)
	c, problems := load(text)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	if b := c.Basins[0]; b.SubBasins[0].Along != "r1" || cmp.Diff([]float64{2.5}, b.Reaches[1].Lateral) != "" {
		t.Errorf("%+v", c.Basins[0])
	}
}

func TestMistakesOfDiversionsAreNamedWithTheirPlace(t *testing.T) {
	d := func(text string) func() string { return func() string { return withDiversion(text) } }
	along := func(node, reach string) func() string {
		return func() string {
			return strings.Replace(small, "node: upper, area", "node: "+node+", along: "+reach+", area", 1)
		}
	}
	for _, c := range []struct {
		name string
		text func() string
		want string
	}{
		{"two wishes", d("{share: 0.1, demand: 3}"), `diversion: ‸{share → diversion: share and demand contradict each other: give one of them; what the intake can take is its capacity`},
		{"no wish", d("{keep: 3}"), `diversion: ‸{keep → diversion: says nothing of how much is taken: give one of share`},
		{"unknown node", d("{demand: 3, to: moon}"), `diversion: ‸{demand → diversion: to: no node "moon" in basin "b"`},
		{"itself", d("{demand: 3, to: upper}"), `diversion: ‸{demand → diversion: to: node "upper" cannot divert to itself`},
		{"a ring", d("{demand: 3, to: dam}"), `diversion: ‸{demand → diversion: to: what is taken at "upper" comes back to it by dam, upper: water cannot run in a ring`},
		{"a lag to nowhere", d("{demand: 3, lag: 1h}"), `lag: ‸1h → lag: without to the water leaves the basin`},
		{"an endless lag", d("{demand: 3, to: lower, lag: 100d}"), `lag: ‸100d → lag: 2400h0m0s is longer than 10000 steps of 5m0s`},
		{"not ascending", d("{table: [[0, 0], [9, 1], [9, 2]]}"), `1], ‸[9, 2 → table: the flow 9 m³/s comes after 9 m³/s: flows must ascend`},
		{"more than flows", d("{table: [[0, 0], [9, 10]]}"), `0], ‸[9, 10 → table: 10 m³/s taken of 9 m³/s: must be from 0 to what flows`},
		{"begins late", d("{table: [[1, 0], [9, 1]]}"), `table: [‸[1, 0 → table: begins at a flow of 1 m³/s: the first point must be [0, 0]`},
		{"one point", d("{table: [[0, 0]]}"), `table: ‸[[0, 0 → table: needs two points at least`},
		{"some months", d("{demand: [1, 2]}"), `demand: ‸[1, 2 → demand: 2 values: give one, or twelve from January on`},
		{"a share above 1", d("{share: 1.1}"), `share: ‸1.1 → share: 1.1 must be from 0 to 1`},
		{"an unknown key", d("{demand: 1, priority: 2}"), `1, ‸priority → unknown key "priority"; known here: capacity, demand, keep, lag, share, table, to`},
		{"out of a lake", func() string {
			return strings.Replace(small, "reservoir: res}", "reservoir: res, diversion: {demand: 3}}", 1)
		}, `diversion: ‸{demand → diversion: reservoir "res" stands at node "dam", and what is taken out of its water is no diversion of a river`},
		{"seepage", func() string { return withReach("k: 1h, x: 0, lateral: -1") }, `lateral: ‸-1 → lateral: -1 must not be negative: what seeps away is a diversion at the node at its head`},
		{"lateral into a lag alone", func() string { return withReach("method: lag, lag: 1h, lateral: 1") }, `lateral: ‸1} → lateral: a lag without k has no storage`},
		{"lateral of a nonlinear reach", func() string {
			return withReach("method: nonlinear, k: 1h, at_flow: 50, x: 0.02, m: 1.5, fitted_step: 5m, lateral: 1")
		}, `lateral: ‸1} → lateral: what joins a nonlinear reach is its beta`},
		{"along no reach", along("lower", "rx"), `along: ‸rx → along: no reach "rx" in basin "b"`},
		{"along another reach", along("upper", "r1"), `along: ‸r1 → along: reach "r1" ends at node "lower", not at "upper" where the sub-basin drains to: write node: lower`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.text()
			_, problems := load(text)
			want := located(t, text, c.want)
			var all []string
			found := false
			for _, p := range problems {
				all = append(all, p.String())
				found = found || strings.HasPrefix(p.String(), want)
			}
			if !found {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(all, "\n"), want)
			}
		})
	}
}
