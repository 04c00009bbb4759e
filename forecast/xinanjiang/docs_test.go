package xinanjiang_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"freshet/forecast/loss"
	"freshet/forecast/param"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
)

func TestTheParameterTablesOfTheDocsAreThoseOfTheCode(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "models", "runoff.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, params := range map[string][]param.Param{
		"xinanjiang": xinanjiang.Params, "concentration": xinanjiang.ConcentrationParams, "unithydrograph": unithydrograph.Params,
		"curvenumber": loss.CurveNumberParams, "phi": loss.PhiParams,
	} {
		if want := "<!-- " + name + " -->\n\n" + param.Table(params); !strings.Contains(string(data), want) {
			t.Errorf("docs/models/runoff.md should have\n%s", want)
		}
	}
}
