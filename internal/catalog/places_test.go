package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
)

// ruled is small with outlets and these rules at its reservoir.
func ruled(rules string) string {
	return strings.Replace(small, "dam_crest: 5, capacity: 4}", "dam_crest: 3, capacity: 4, outlets: [{name: weir, kind: weir, crest: 2, width: 9, coefficient: 1.8}], rules: {"+rules+"}}", 1)
}

func TestPlacesAndMinimumReleasesAreRead(t *testing.T) {
	c, problems := load(ruled("downstream: 90, downstream_at: lower, minimum: [{from: 11-01, to: 03-31, release: 8}, {from: 04-01, to: 10-31, release: 3}]"))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	want := catalog.ReservoirRules{
		Otherwise: "hold", Downstream: 90, DownstreamAt: "lower",
		Minimum: []catalog.Floor{{FromMonth: 11, FromDay: 1, ToMonth: 3, ToDay: 31, Release: 8}, {FromMonth: 4, FromDay: 1, ToMonth: 10, ToDay: 31, Release: 3}},
	}
	if diff := cmp.Diff(want, c.Basins[0].Reservoirs[0].Rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c, problems = load(ruled("minimum: 4.5"))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	if diff := cmp.Diff([]catalog.Floor{{FromMonth: 1, FromDay: 1, ToMonth: 12, ToDay: 31, Release: 4.5}}, c.Basins[0].Reservoirs[0].Rules.Minimum); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrongPlacesAndMinimumReleasesAreNamed(t *testing.T) {
	const second = "\n      - {id: res2, name: R2, station: r, node: upper, datum: PEARL_RIVER, storage_curve: [[1, 2], [3, 4]]}"
	two := func(rules string) string {
		s := strings.Replace(ruled(rules), "rating: ra}", "rating: ra, reservoir: res2}", 1)
		return strings.Replace(s, "    reservoirs:", "    reservoirs:"+second, 1)
	}
	// A second dam on a tributary to the same place.
	const beside = "{name: weir, kind: weir, crest: 2, width: 9, coefficient: 1.8}"
	mutual := func(rules string) string {
		s := strings.Replace(ruled(rules), "      - {id: lower,", "      - {id: side, name: Side, reservoir: res2}\n      - {id: lower,", 1)
		s = strings.Replace(s, "    sub_basins:", "      - {id: r9, from: side, to: lower, length: 10, k: 2h, x: 0.2}\n    sub_basins:", 1)
		return strings.Replace(s, "    reservoirs:", "    reservoirs:\n      - {id: res2, name: R2, station: r, node: side, datum: PEARL_RIVER, storage_curve: [[1, 2], [3, 4]], outlets: ["+beside+"], rules: {downstream: 9, downstream_at: lower}}", 1)
	}
	// Water that is diverted off the way to the place and comes back to it.
	off := strings.Replace(ruled("downstream: 90, downstream_at: lower"), "      - {id: lower,", "      - {id: side, name: Side}\n      - {id: lower,", 1)
	off = strings.Replace(off, "    sub_basins:", "      - {id: r9, from: side, to: lower, length: 10, k: 2h, x: 0.2}\n    sub_basins:", 1)
	off = strings.Replace(off, "rating: ra}", "rating: ra, diversion: {share: 0.2, to: side}}", 1)
	for _, c := range []struct{ in, want string }{
		{off, `downstream_at: ‸lower → downstream_at: the diversion at node "upper" takes water off the way to "lower", and it comes back by side, lower: what the place carries cannot be known before the release`},
		{ruled("downstream: 90, downstream_at: nowhere"), `downstream_at: ‸nowhere → downstream_at: no node "nowhere" in basin "b"`},
		{ruled("downstream: 90, downstream_at: dam"), `downstream_at: ‸dam}} → downstream_at: the reservoir itself stands at "dam": give a node below its dam`},
		{ruled("downstream_at: lower"), `downstream_at: ‸lower → downstream_at: there is no downstream limit that could count at "lower": give downstream in m³/s`},
		{strings.Replace(ruled("downstream: 90, downstream_at: upper"), "{id: r0, from: dam, to: upper,", "{id: r0, from: dam, to: lower,", 1), `downstream_at: ‸upper → downstream_at: node "upper" does not lie below the dam; below it lie lower`},
		{two("downstream: 90, downstream_at: lower"), `downstream_at: ‸lower → downstream_at: reservoir "res2" stands at node "upper" on the way to "lower"`},
		{mutual("downstream: 90, downstream_at: lower"), `9, downstream_at: ‸lower → downstream_at: reservoirs "res" and "res2" would each count what the other lets out: leave it out at one of them`},
		{ruled("minimum: -2"), `minimum: ‸-2 → minimum: -2 must be above 0`},
		{ruled("downstream: 5, minimum: 8"), `minimum: ‸8 → minimum: 8 m³/s is more than the river below bears, downstream: 5 m³/s`},
		{ruled("minimum: []"), `minimum: ‸[] → minimum: empty`},
		{ruled("minimum: [{from: 11-01, to: 13-31, release: 8}]"), `to: ‸13-31 → to: "13-31" is no day of the year`},
		{ruled("minimum: [{from: 11-01, to: 12-31, flow: 8}]"), `minimum: [‸{from: 11-01 → release: missing`},
	} {
		_, problems := load(c.in)
		if len(problems) == 0 || !strings.HasPrefix(problems[0].String(), located(t, c.in, c.want)) {
			t.Errorf("%v, want %s", problems, located(t, c.in, c.want))
		}
	}
}
