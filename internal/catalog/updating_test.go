package catalog_test

import (
	"strings"
	"testing"

	"freshet/internal/catalog"
)

func TestUpdatingIsSwitchedOffByPart(t *testing.T) {
	for _, c := range []struct {
		name, settings, node string
		want, wantNode       catalog.Updating
	}{
		{"not said", "", "", catalog.Updating{}, catalog.Updating{}},
		{"on", ", updating: on", ", updating: on", catalog.Updating{}, catalog.Updating{}},
		{"off", ", updating: off", "", catalog.NoUpdating, catalog.Updating{}},
		{"off at a node", "", ", updating: off", catalog.Updating{}, catalog.NoUpdating},
		{"what stays on", "", ", updating: [insertion, error]", catalog.Updating{}, catalog.Updating{NoLoss: true, NoLag: true, NoFit: true}},
		{"soil moisture", "", ", updating: [insertion, loss, lag, fit, error, moisture]", catalog.Updating{}, catalog.Updating{Moisture: true}},
		{"all by name", ", updating: [insertion, loss, lag, fit, error]", "", catalog.Updating{}, catalog.Updating{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, "{step: 5m, every: 10m", "{step: 5m, every: 10m"+c.settings, 1)
			text = strings.Replace(text, "{id: upper, name: U", "{id: upper, name: U"+c.node, 1)
			got, problems := load(text)
			if len(problems) > 0 {
				t.Fatal(catalog.Problems(problems))
			}
			if u := got.Basins[0].Settings.Updating; u != c.want {
				t.Errorf("basin: %+v, want %+v", u, c.want)
			}
			for _, n := range got.Basins[0].Nodes {
				if n.ID == "upper" && n.Updating != c.wantNode {
					t.Errorf("node: %+v, want %+v", n.Updating, c.wantNode)
				}
			}
		})
	}
	if u := (catalog.Updating{Moisture: true}).Or(catalog.NoUpdating); u != catalog.NoUpdating {
		t.Errorf("%+v: all is off at the node", u)
	}
	for in, want := range map[string]string{
		"of": "expected on, off or a list", "[insertion, los]": `"los" is none of insertion, loss, lag, fit, error`, "[fit]": "fit without error",
	} {
		_, problems := load(strings.Replace(small, "{step: 5m", "{updating: "+in+", step: 5m", 1))
		if len(problems) != 1 || !strings.Contains(problems[0].String(), want) {
			t.Errorf("updating: %s: %v, want %q", in, problems, want)
		}
	}
}
