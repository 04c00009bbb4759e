package calibration

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/forecast/network"
)

// BoundsTable returns where the methods look for their parameters, as a Markdown
// table. It is made from the parameter tables of the methods' packages.
func BoundsTable() string {
	var b strings.Builder
	b.WriteString("| method | parameter | unit | sought in | accepted |\n|---|---|---|---|---|\n")
	row := func(method string, p parameter, note string) {
		sought := p.valid.Sought.String()
		if p.held != nil {
			sought = "held at " + number(*p.held)
		}
		fmt.Fprintf(&b, "| %s | %s%s | %s | %s | %s |\n", method, p.Name, note, p.Unit, sought, p.valid.Range())
	}
	ones := []float64{1, 1}
	one, err := network.NewTree([]int{-1})
	if err != nil {
		panic("calibration: " + err.Error())
	}
	for _, m := range Methods {
		seen := map[string]bool{}
		ways := []string{"nash"}
		if m.Observed == Flow && slices.Contains(m.Needs, Rain) {
			ways = append(ways, "lag")
		}
		name := m.Name
		for _, way := range ways {
			for _, note := range []string{"", ", without pet"} {
				r := &Record{Step: time.Hour, N: 2, Zone: time.UTC, series: map[string][]float64{}}
				for _, role := range m.Needs {
					r.series[role] = ones
				}
				if note == "" {
					r.series[PET] = ones
				}
				river := &Network{Tree: one, ids: []string{Flow}, lateral: &Record{Step: time.Hour, N: 2, Zone: time.UTC, series: map[string][]float64{Flow: ones}}}
				built, err := m.build(r, &Options{Network: river, Area: 1, Length: 1, Slope: 0.001, Lateral: true, Concentration: way, Lead: time.Hour, Warmup: time.Hour})
				if err != nil {
					panic("calibration: " + err.Error())
				}
				for _, p := range built.parameters {
					if seen[p.Name] {
						continue
					}
					seen[p.Name] = true
					say := ""
					switch {
					case way == "lag":
						say = ", `--concentration lag`"
					case note != "" && p.Name == "evaporation":
						say = note
					case p.Name == "beta":
						say = ", `--lateral`"
					}
					row(name, p, say)
					name = ""
				}
			}
		}
	}
	return b.String()
}
