package calibration_test

import (
	"testing"
	"time"

	"freshet/forecast/network"
	"freshet/forecast/routing"
	"freshet/forecast/skill"
	"freshet/internal/calibration"
)

const florenceData = "../../../shared/data/florence_network/"

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
	side := calibration.Source{File: florenceData + "qlat_florence.csv", Zone: time.UTC, Delimiter: ','}
	n, err := calibration.ReadNetwork(florenceData+"reaches.csv", side, true)
	if err != nil {
		t.Fatal(err)
	}
	if n.Filled != 1 {
		t.Errorf("%d empty cells, want 1", n.Filled)
	}
	f := florence{tree: n.Tree, channels: n.Channels}
	for k := range n.Tree.Len() {
		f.lateral = append(f.lateral, n.Lateral(k))
	}
	reference := side
	reference.File, reference.Columns = florenceData+"ref_flow_florence.csv", map[string]string{calibration.Flow: "8777369"}
	r, err := calibration.Read(reference, []string{calibration.Flow}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n.Position("8777369") != n.Tree.Len()-1 {
		t.Fatal("the outlet is another reach")
	}
	f.outlet = r.Series(calibration.Flow)
	return f
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
			for k, q := range f.tree.Accumulate(start) {
				if err := c.method.SetSteady(k, max(q-start[k], 0), q); err != nil {
					t.Fatal(err)
				}
			}
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
