package routing_test

import (
	"os"
	"strings"
	"testing"

	"freshet/forecast/param"
	"freshet/forecast/routing"
)

func TestTheParameterTablesOfTheDocsAreThoseOfTheCode(t *testing.T) {
	data, err := os.ReadFile("../../docs/models/routing.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, params := range map[string][]param.Param{"muskingum": routing.Params, "channel": routing.ChannelParams, "lag": routing.LagParams} {
		if want := "<!-- " + name + " -->\n\n" + param.Table(params); !strings.Contains(string(data), want) {
			t.Errorf("docs/models/routing.md should have\n<!-- %s -->\n\n%s", name, param.Table(params))
		}
	}
}
