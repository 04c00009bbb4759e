package catalog_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const section = "tide: {station: h-yamen, tide_datum: PEARL_RIVER, datum: PEARL_RIVER, flow_at: changsha, lag: 1h30m, travel: 3h, mean: 0.1, rise: 0.004, gain: 0.8, damping: 0.001, half_life: 6h, fitted_flow: [50, 4000], fitted_tide: [-1.5, 2], source: test, illustrative: true}"

// estuarine is the shipped catalogue with a section tide at Sanbu.
func estuarine(t *testing.T, section string) (*catalog.Catalog, []catalog.Problem) {
	t.Helper()
	c, err := catalog.LoadDir("../../deploy/catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	files, found := slices.Clone(c.Files()), 0
	const at = "gauge: h-sanbu, tidal: true,"
	for i, f := range files {
		found += bytes.Count(f.Data, []byte(at))
		files[i].Data = bytes.ReplaceAll(f.Data, []byte(at), []byte(at+" "+section+","))
	}
	if found != 1 {
		t.Fatalf("%d places", found)
	}
	return catalog.Load(files)
}

func TestASectionTideIsRead(t *testing.T) {
	c, problems := estuarine(t, section)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	i := slices.IndexFunc(c.Basins[0].Nodes, func(d catalog.Node) bool { return d.ID == "sanbu" })
	d := c.Basins[0].Nodes[i].Tide
	if d == nil || d.Station != "h-yamen" || d.FlowAt != "changsha" || d.Lag != 90*time.Minute || d.Level.Damping != 0.001 || d.Level.Exponent != 2.0/3 || d.Flow != [2]float64{50, 4000} || d.Datum != hydro.PearlRiver {
		t.Errorf("%+v", d)
	}
}

func TestMistakesOfASectionTideAreTold(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"station: h-yamen", "station: h-shizui", "not a tide station"},
		{"tide_datum: PEARL_RIVER", "tide_datum: CHART", `tide_datum: "CHART" is not the datum of h-yamen`},
		{", datum: PEARL_RIVER", ", datum: NATIONAL_1985", `datum: "NATIONAL_1985" is not the datum of h-sanbu`},
		{"flow_at: changsha", "flow_at: yamen", `no reach leads from "yamen" to "sanbu"`},
		{"gain: 0.8", "gain: -0.8", "gain"},
		{"half_life: 6h, ", "", "half_life: missing"},
		{"source: test, ", "", "source: missing"},
		{"fitted_flow: [50, 4000]", "fitted_flow: [4000, 50]", "low must be below high"},
	} {
		changed := strings.Replace(section, c.from, c.to, 1)
		_, problems := estuarine(t, changed)
		if changed == section || !strings.Contains(catalog.Problems(problems).Error(), c.want) {
			t.Errorf("%s: %v", c.to, catalog.Problems(problems))
		}
	}
}
