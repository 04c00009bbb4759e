package calibration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"freshet/internal/calibration"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// rains is a synthetic file of forecasts to 48 h in rows of 6 h, whose factor has a
// coefficient of variation of cv[0] to 24 h and of cv[1] beyond, and the mean given. One
// forecast in ten is of a dry day on which 12 mm fall.
func rains(n int, cv [2]float64, mean float64) string {
	dice := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("issued,lead,forecast,observed\n")
	for i := range n {
		at := time.Date(2025, 5, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * 12 * time.Hour)
		for k := range 2 {
			variance := math.Log1p(cv[k] * cv[k])
			factor := mean * math.Exp(math.Sqrt(variance)*dice.NormFloat64()-variance/2)
			depth := 2 + 10*dice.Float64()
			for j := range 4 {
				f, o := depth, depth*factor
				if i%10 == 9 {
					f, o = 0, 3
				}
				fmt.Fprintf(&b, "%s,%d,%.4f,%.4f\n", at.Format("2006-01-02 15:04"), 24*k+6*(j+1), f, o)
			}
		}
	}
	return b.String()
}

func spreadOptions(file string) calibration.RainSpreadOptions {
	return calibration.RainSpreadOptions{Source: calibration.Source{File: file, Zone: time.UTC}, Least: 1, Split: 0.5}
}

// The spread by lead is found back, the half that the fit did not see lies within the
// factors as often as they say, and a catalogue takes the fragment.
func TestTheSpreadOfRainIsFoundBack(t *testing.T) {
	r, err := calibration.RunRainSpread(spreadOptions(write(t, "rain.csv", rains(2000, [2]float64{0.4, 0.9}, 1.2))))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Leads) != 2 || r.Check == nil || r.Fit.Forecasts != 1000 || r.Check.Forecasts != 1000 || !r.Check.From.After(r.Fit.To) {
		t.Fatalf("%+v", r)
	}
	for k, want := range []float64{0.4, 0.9} {
		l, c := r.Leads[k], r.Check.Leads[k]
		if math.Abs(l.CV-want) > 0.06 || math.Abs(l.Mean-1.2) > 0.12 || l.Pairs != 900 {
			t.Errorf("window %d: %+v, want %g, mean 1.2, of 900 pairs", k, l, want)
		}
		if c.N != 900 || math.Abs(float64(c.Eighty)-0.8) > 0.04 || math.Abs(float64(c.Ninety)-0.9) > 0.03 || math.Abs(float64(c.Below)-0.1) > 0.04 {
			t.Errorf("window %d: check %+v", k, c)
		}
		if c.Missed != 100 || !(c.MissedShare > 0.01 && c.MissedShare < 0.06) {
			t.Errorf("window %d: missed %+v, want 100 dry forecasts of rain", k, c)
		}
	}
	// The errors of the two days know nothing of each other here, and factors of one rank
	// suppose that they do: their sum is held too often.
	if w := r.Check.Whole; w.N != 900 || !(w.Eighty > 0.81) {
		t.Errorf("the whole: %+v", w)
	}
	text := "catalog: {name: fit, title: {zh: 拟合, en: Fit}}\nbasins:\n  - id: b\n    name: B\n    nodes: [{id: a, name: A}]\n"
	for line := range strings.SplitSeq(strings.TrimSpace(r.Fragment), "\n") {
		text += "    " + line + "\n"
	}
	cat, problems := catalog.Load([]hydro.File{{Name: "fit.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	s := cat.Basins[0].Settings.RainSpread
	if len(s) != 2 || s[0] != (catalog.RainSpread{To: 24 * time.Hour, CV: r.Leads[0].CV, Mean: r.Leads[0].Mean}) || s[1].To != 48*time.Hour {
		t.Errorf("%+v from\n%s", s, r.Fragment)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// What cannot be said is not: gaps are left out, and mistakes are named where they are.
func TestASpreadOfRainNeedsWholeWindows(t *testing.T) {
	text := rains(60, [2]float64{0.4, 0.4}, 1)
	gap := strings.Replace(text, strings.Split(text, "\n")[3]+"\n", "", 1) // a row of the first forecast
	r, err := calibration.RunRainSpread(spreadOptions(write(t, "rain.csv", gap)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Leads[0].Pairs != 26 || r.Leads[1].Pairs != 27 || len(r.Notes) != 1 {
		t.Errorf("%+v, notes %q", r.Leads, r.Notes)
	}
	for _, x := range []struct{ name, text, want string }{
		{"no column", "issued,lead,forecast\n", `there is no column "observed"`},
		{"no time", "issued,lead,forecast,observed\ntoday,6,1,1\n", `issued: "today" is no time`},
		{"no lead", "issued,lead,forecast,observed\n2025-05-01 08:00,0,1,1\n", "hours from the issue to the end of the interval"},
		{"below 0", "issued,lead,forecast,observed\n2025-05-01 08:00,6,1,-1\n", "observed: \"-1\" is neither a depth"},
		{"twice", "issued,lead,forecast,observed\n2025-05-01 08:00,6,1,1\n2025-05-01 08:00,6,1,1\n", "two rows of the forecast of 2025-05-01 08:00 at a lead of 6 h"},
		{"too few", rains(10, [2]float64{0.4, 0.4}, 1), "pairs of at least 1 mm: want 10"},
		{"another unit", rains(60, [2]float64{0.1, 0.1}, 30), "are both in mm of the same interval?"},
	} {
		if _, err := calibration.RunRainSpread(spreadOptions(write(t, "rain.csv", x.text))); err == nil || !strings.Contains(err.Error(), x.want) || !errors.Is(err, hydro.ErrInvalid) && !strings.Contains(err.Error(), "rain.csv") {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	for _, o := range []calibration.RainSpreadOptions{{Split: 2, Least: 1}, {Split: 0.5}, {Split: 0.5, Least: 1, Leads: []time.Duration{time.Hour, time.Hour}}} {
		if _, err := calibration.RunRainSpread(o); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
