package xinanjiang_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"freshet/forecast/xinanjiang"
)

// columns reads the named columns of a file of the recorded data, which lie
// beside the project. An empty cell is NaN.
func columns(t testing.TB, path string, names ...string) [][]float64 {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(names))
	for j, name := range names {
		at := -1
		for i, head := range rows[0] {
			if head == name {
				at = i
			}
		}
		if at < 0 {
			t.Fatalf("%s has no column %q", path, name)
		}
		for _, row := range rows[1:] {
			v := math.NaN()
			if row[at] != "" {
				if v, err = strconv.ParseFloat(row[at], 64); err != nil {
					t.Fatal(err)
				}
			}
			out[j] = append(out[j], v)
		}
	}
	return out
}

func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	t.Logf("%s: %.10g, the other program %.10g (%+.2e)", what, got, want, got/want-1)
	if !(math.Abs(got-want) <= share*math.Abs(want)) {
		t.Errorf("%s = %.10g, want %.10g to within %g", what, got, want, share)
	}
}

// OuyangWenyu/hydromodel, daily, L0123001, 10,593 days: its parameters, initial
// states (stores half full, fr 0.1, flows of 0.1 mm/d) and "CSL" routing, all
// three sources through one day of lag and the recession CS.
//
// Its flow is met to 0.013 mm in 15,521, which is what it loses where it cuts the
// stores at their capacity less 1e-5 mm. Its evaporation is not weighed by area: it stands
// for the pervious part alone, met to rounding, while on the impervious part less
// evaporates, so that its flow and evaporation exceed its rain by 170 mm. Over the whole
// area ours is 1.1 % less than that figure.
func TestAnotherProgramIsReproduced(t *testing.T) {
	data := columns(t, "airgr_daily/xaj_reference.csv", "P", "E", "q_mm")
	rain, pet, want := data[0], data[1], data[2]
	p := xinanjiang.Parameters{K: 0.95, B: 0.3, IM: 0.02, WUM: 20, WLM: 70, WDM: 60, C: 0.15, SM: 25, EX: 1.2, KI: 0.35, KG: 0.35, CI: 0.8, CG: 0.98}
	const day = 86400
	m, err := xinanjiang.New(p, day)
	if err != nil {
		t.Fatal(err)
	}
	c, err := xinanjiang.NewConcentration(0.4, day, day)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Start(0.5)
	s.Area, s.Free = 0.1, 0.1*0.5*p.SM
	s.Interflow, s.Groundwater = 0.1*p.CI/(1-p.CI), 0.1*p.CG/(1-p.CG) // a linear store that has just let 0.1 mm go
	if err := m.Check(s); err != nil {
		t.Fatal(err)
	}

	_, first := m.Step(s, rain[0], pet[0])
	channel := c.Steady(first.Total()) // its first flow at the outlet is what leaves the ground
	flow := make([]float64, len(rain)+len(c.Lag))
	flow[0] = first.Total()
	var q, e, pervious, worst float64
	for i := range rain {
		next, f := m.Step(s, rain[i], pet[i])
		if d := rain[i] - f.Evaporation - f.Total() - (m.Storage(next) - m.Storage(s)); math.Abs(d) > 1e-9 {
			t.Fatalf("day %d: %g mm are missing", i, d)
		}
		s = next
		e += f.Evaporation
		pervious += (f.Evaporation - p.IM*min(rain[i], p.K*pet[i])) / (1 - p.IM)
		var out float64
		channel, out = c.Step(channel, f.Total())
		c.Lag.Add(flow[i:], out)
		q += flow[i]
		worst = max(worst, math.Abs(flow[i]-want[i]))
	}
	near(t, "sum of flow, mm", q, 15520.624369363188, 1e-6)
	near(t, "sum of evaporation of the pervious area, mm", pervious, 15423.589732891138, 1e-6)
	near(t, "sum of evaporation of the whole area, mm", e, 15423.589732891138, 0.012)
	for i, w := range []float64{0.5225631223186235, 0.5225631223186235, 1.0500230979809613, 0.707722931112545, 0.5296012344312657} {
		near(t, "flow of day "+strconv.Itoa(i), flow[i], w, 1e-6)
	}
	near(t, "flow of day 100", flow[100], 0.635408104672425, 1e-6)
	near(t, "flow of day 723", flow[723], 22.5469356911893, 1e-6)
	for i, v := range flow[:len(rain)] {
		if v > flow[723] {
			t.Errorf("day %d has %g mm, more than day 723", i, v)
		}
	}
	t.Logf("largest difference of one day: %.2e mm", worst)
	if worst > 1e-3 {
		t.Errorf("a day differs by %g mm", worst)
	}
}
