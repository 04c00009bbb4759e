package main

import (
	"fmt"
	"math"
	"strings"

	"freshet/internal/termui"
)

// arealRain writes the rain of the sub-basins as a table.
func (v *forecastView) arealRain(b *strings.Builder) {
	f := &v.run
	if len(f.ArealRain) == 0 {
		return
	}
	pick := v.lang.Pick
	name := 16
	if v.width >= 120 {
		name = 24
	}
	row := func(id string, cells [6]string, missing string) {
		var line strings.Builder
		line.WriteString(termui.Pad(id, name))
		for _, c := range cells {
			line.WriteString(termui.PadLeft(c, 9))
		}
		line.WriteString("  " + missing)
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	mm := func(x float64) string {
		if math.IsNaN(x) {
			return "–"
		}
		return fmt.Sprintf("%.1f", x)
	}
	b.WriteString("\n" + pick("面雨量（mm）", "areal rain, mm") + "\n")
	ahead := fmt.Sprintf("+%dh", int(f.Horizon.Hours()))
	row(pick("子流域", "sub-basin"), [6]string{"1h", "3h", "6h", "24h", ahead, pick("控制率", "cover")}, pick("缺测雨量站", "silent gauges"))
	for i := range f.ArealRain {
		r := &f.ArealRain[i]
		silent := make([]string, len(r.MissingGauges))
		for k, g := range r.MissingGauges {
			silent[k] = v.name(g)
		}
		row(r.SubBasin, [6]string{
			mm(r.Last1h), mm(r.Last3h), mm(r.Last6h), mm(r.Last24h), mm(r.Assumed), fmt.Sprintf("%d %%", int(math.Floor(100*r.Coverage+1e-9))),
		}, strings.Join(silent, pick("、", ", ")))
	}
}
