package network_test

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"

	"freshet/forecast/network"
	"freshet/forecast/routing"
	"freshet/forecast/skill"
)

const florenceData = "../../../shared/data/florence_network/"

func table(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(florenceData + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// number reads a cell; what is empty there, seven cells of lateral inflow, is 0.
func number(t *testing.T, cell string) float64 {
	t.Helper()
	if cell == "" {
		return 0
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A florence is 99 reaches (149 km) of NOAA's National Water Model in hurricane
// Florence, 2018: channels, hourly lateral inflow and the model's own flow.
type florence struct {
	tree     *network.Tree
	channels []routing.Channel
	lateral  [][]float64 // by tree position, hourly, m³/s
	outlet   []float64   // reference flow there, hourly, m³/s
}

func readFlorence(t *testing.T) florence {
	t.Helper()
	rows := table(t, "reaches.csv")
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	rows = rows[1:]
	index := map[string]int{}
	for i, r := range rows {
		index[r[column["link"]]] = i
	}
	downstream := make([]int, len(rows))
	channels := make([]routing.Channel, len(rows))
	for i, r := range rows {
		downstream[i] = -1
		if d, ok := index[r[column["to"]]]; ok {
			downstream[i] = d
		}
		get := func(name string) float64 { return number(t, r[column[name]]) }
		channels[i] = routing.Channel{
			Length: get("Length"), Slope: get("So"), Bottom: get("BtmWdth"), Top: get("TopWdth"), Compound: get("TopWdthCC"),
			N: get("n"), NCompound: get("nCC"), Side: get("ChSlp"),
		}
	}
	tree, err := network.NewTree(downstream)
	if err != nil {
		t.Fatal(err)
	}
	byReach := func(rows [][]string) [][]float64 {
		out := make([][]float64, len(downstream))
		for j, link := range rows[0][1:] {
			i, ok := index[link]
			if !ok {
				t.Fatalf("flow of unknown reach %q", link)
			}
			for _, r := range rows[1:] {
				out[i] = append(out[i], number(t, r[j+1]))
			}
		}
		return network.Arrange(tree, out)
	}
	reference := byReach(table(t, "ref_flow_florence.csv"))
	return florence{tree, network.Arrange(tree, channels), byReach(table(t, "qlat_florence.csv")), reference[len(reference)-1]}
}

func TestFlorenceNetwork(t *testing.T) {
	f := readFlorence(t)
	const perHour, dt = 12, 300.0
	hours := len(f.outlet)
	outlet := f.tree.Len() - 1
	if f.tree.Len() != 99 || hours != 289 || f.tree.Upstream(outlet) != 98 {
		t.Fatalf("%d reaches, %d hours, %d reaches above the outlet", f.tree.Len(), hours, f.tree.Upstream(outlet))
	}
	for k := range f.channels { // t-route's own reaches lie within the limit of a catalogue
		if err := f.channels[k].CheckStep(dt); err != nil {
			t.Errorf("reach %d: %v", k, err)
		}
	}
	start := make([]float64, 99)
	for k := range start {
		start[k] = f.lateral[k][0]
	}
	cunge, err := routing.NewCungeReaches(f.channels, dt, routing.Previous)
	if err != nil {
		t.Fatal(err)
	}
	mct, err := routing.NewMCTReaches(f.channels, dt, routing.Current)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		method interface {
			network.Method
			SetSteady(k int, inflow, outflow float64) error
		}
	}{{"Muskingum-Cunge by t-route's conventions", cunge}, {"mass-conservative", mct}} {
		t.Run(c.name, func(t *testing.T) {
			steady(t, f.tree, c.method, start)
			net, err := network.New(f.tree, c.method, network.DefaultOptions())
			if err != nil {
				t.Fatal(err)
			}
			got := []float64{0}
			steps := 0
			tally, err := net.Run(&network.Run{
				Steps: (hours - 1) * perHour,
				Lateral: func(k, from int, q []float64) {
					for i := range q {
						q[i] = f.lateral[k][(from+i)/perHour+1]
					}
				},
				Flow: func(k, _ int, q []float64) {
					if k != outlet {
						return
					}
					for _, v := range q {
						if steps++; steps%perHour == 0 {
							got = append(got, v)
						}
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			got[0] = f.outlet[0] // the start, not a result
			nse := skill.NSE(f.outlet[1:], got[1:])
			var a, b float64
			for i := range got {
				a, b = a+got[i], b+f.outlet[i]
			}
			t.Logf("NSE %.3f, volume %+.1f %%, %+v", nse, 100*(a/b-1), tally)
			if !(nse >= 0.80) {
				t.Errorf("NSE %.3f, want at least 0.80", nse)
			}
			if e := a/b - 1; !(e >= -0.07 && e <= 0.07) {
				t.Errorf("volume %+.1f %%, want within 7 %%", 100*e)
			}
		})
	}
}
