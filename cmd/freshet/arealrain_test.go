package main

import (
	"math"
	"strings"
	"testing"

	"freshet/internal/hydro"
	"freshet/internal/termui"
)

func TestTheTableOfArealRain(t *testing.T) {
	v := forecastView{width: 110, run: testForecast()}
	v.run.ArealRain = []hydro.ArealRain{
		{SubBasin: "enping", Last1h: 1.25, Last3h: 10, Last6h: 20.04, Last24h: math.NaN(), Coverage: 0.999, MissingGauges: []string{"w-one", "w-two"}, Assumed: 40},
		{SubBasin: "上游", Last1h: 0, Last3h: 0, Last6h: 0, Last24h: 0, Coverage: 1},
	}
	for lang, want := range map[termui.Lang][]string{
		termui.English: {
			"areal rain, mm",
			"sub-basin              1h       3h       6h      24h     +72h    cover  silent gauges",
			"enping                1.2     10.0     20.0        –     40.0     99 %  w-one, w-two",
			"上游                  0.0      0.0      0.0      0.0      0.0    100 %",
		},
		termui.Chinese: {
			"面雨量（mm）",
			"子流域                 1h       3h       6h      24h     +72h   控制率  缺测雨量站",
			"enping                1.2     10.0     20.0        –     40.0     99 %  w-one、w-two",
		},
	} {
		v.lang = lang
		out := v.render(false)
		for _, line := range want {
			if !strings.Contains(out, "\n"+line+"\n") {
				t.Errorf("no line %q in:\n%s", line, out)
			}
		}
	}
}
