package forecast_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"freshet/forecast/band"
	"freshet/forecast/param"
	"freshet/forecast/rain"
	"freshet/forecast/rating"
	"freshet/forecast/reservoir"
	"freshet/forecast/routing"
	"freshet/forecast/runoff"
	"freshet/forecast/tidal"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/updating"
)

func TestTheParameterTablesOfTheDocsAreThoseOfTheCode(t *testing.T) {
	for _, page := range []struct {
		name   string
		tables map[string][]param.Param
	}{
		{"forecast.md", map[string][]param.Param{"runoff": runoff.Params, "unithydrograph": unithydrograph.Params, "routing": routing.Params, "rating": rating.Params, "updating": updating.Params, "rain": rain.Params}},
		{"updating.md", map[string][]param.Param{"updating": updating.Params, "moisture": updating.MoistureParams}},
		{"band.md", map[string][]param.Param{"band": band.Params}},
		{"tidal.md", map[string][]param.Param{"tidal": tidal.Params}},
		{"reservoir.md", map[string][]param.Param{"outlets": reservoir.Params, "rules": reservoir.RuleParams}},
	} {
		data, err := os.ReadFile(filepath.Join(root(t), "docs", "models", page.name))
		if err != nil {
			t.Fatal(err)
		}
		for name, params := range page.tables {
			if want := "<!-- " + name + " -->\n\n" + param.Table(params); !strings.Contains(string(data), want) {
				t.Errorf("docs/models/%s should have\n%s", page.name, want)
			}
		}
	}
}
