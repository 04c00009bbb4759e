package forecast_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"freshet/forecast/param"
	"freshet/forecast/routing"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/updating"
)

func TestTheParameterTablesOfTheDocsAreThoseOfTheCode(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root(t), "docs", "models", "forecast.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, params := range map[string][]param.Param{"runoff": runoff.Params, "unithydrograph": unithydrograph.Params, "routing": routing.Params, "updating": updating.Params} {
		if want := "<!-- " + name + " -->\n\n" + param.Table(params); !strings.Contains(string(data), want) {
			t.Errorf("docs/models/forecast.md should have\n%s", want)
		}
	}
}
