package calibration_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"freshet/forecast/routing"
	"freshet/forecast/skill"
	"freshet/internal/calibration"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func errorOptions(file string, lead time.Duration) calibration.Options {
	o := options(file, "error")
	o.Lead, o.Split, o.Evaluations, o.Warmup, o.ID = lead, 0.5, 60, 4*24*time.Hour, "z"
	return o
}

// loadErrorModel loads a fragment and returns the settings and the node.
func loadErrorModel(t *testing.T, fragment string) (catalog.Settings, catalog.Node) {
	t.Helper()
	text := "catalog: {name: fit, title: {zh: 拟合, en: Fit}}\nbasins:\n  - id: b\n    name: B\n    " +
		strings.ReplaceAll(strings.TrimSpace(strings.Replace(fragment, "id: z", "id: z\n    name: Z", 1)), "\n", "\n    ") + "\n"
	cat, problems := catalog.Load([]hydro.File{{Name: "fit.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	return cat.Basins[0].Settings, cat.Basins[0].Nodes[0]
}

// A river of which a fifth does not arrive, with errors of an autoregressive process
// of order one, made here, whose half-life is 12 h: the loss is found, forecasts are
// better than without updating, and the fragment loads.
func TestALossAndItsErrorsAreLearnt(t *testing.T) {
	text, e := "time,computed,observed\n", 0.0
	keep := math.Pow(2, -1.0/12)
	for i := range 24 * 40 {
		q := 100 + 40*math.Sin(float64(i)/30)
		e = keep*e + math.Sqrt(1-keep*keep)*8*math.Sqrt2*math.Sin(float64(i*i)*0.7)
		text += fmt.Sprintf("%s,%.10g,%.10g\n", june.Add(time.Duration(i)*time.Hour).Format("2006-01-02 15:04"), q, 0.8*q+e)
	}
	r, err := calibration.Run(t.Context(), errorOptions(write(t, "errors.csv", text), 6*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var share float64
	_, after, _ := strings.Cut(r.Fragment, "At the end of the record ")
	if _, err := fmt.Sscanf(after, "%g %%", &share); err != nil || math.Abs(share-20) > 3 {
		t.Errorf("%v: a loss of %g %%, the truth is 20, in\n%s", err, share, r.Fragment)
	}
	if r.Check.NSE < 0.8 {
		t.Errorf("NSE %g of forecasts 6 h ahead", r.Check.NSE)
	}
	s, n := loadErrorModel(t, r.Fragment)
	if s.ErrorHalfLife.Seconds() != value(t, r, "half_life") || n.Updating.NoLoss != (value(t, r, "loss") == 0) || n.Updating.NoFit != (value(t, r, "fit") == 0) || n.Updating.NoInsertion {
		t.Errorf("half-life %s, updating %+v for %+v", s.ErrorHalfLife, n.Updating, r.Parameters)
	}
}

// La Grange to Columbus on the Lower Colorado, routed by Muskingum with 22 h: a quarter
// is diverted on the way. Forecasts 12 h ahead on the half of the record that the fit did
// not see beat the computed flow alone.
func TestTheLossOfTheLowerColoradoIsLearnt(t *testing.T) {
	f, err := os.Open("../../../shared/data/lower_colorado_chain/lower_colorado_5min_20200601_0619.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	var in, out []float64
	for _, row := range rows[1:] {
		if when, err := time.Parse("2006-01-02 15:04", row[0]); err != nil || when.Minute() != 0 {
			continue // hourly
		}
		q, _ := strconv.ParseFloat(row[5], 64)
		o, _ := strconv.ParseFloat(row[7], 64)
		if q == 0 && len(in) > 0 {
			q = in[len(in)-1]
		}
		if o == 0 {
			o = math.NaN()
		}
		at, in, out = append(at, row[0]), append(in, q), append(out, o)
	}
	reach, err := routing.NewMuskingum(22*3600, 0.2, 3600, 0)
	if err != nil {
		t.Fatal(err)
	}
	computed := make([]float64, len(in))
	reach.Route(reach.Steady(in[0]), in, computed)
	text := "time,computed,observed\n"
	for i := range at {
		text += fmt.Sprintf("%s,%.6g,", at[i], computed[i])
		if !math.IsNaN(out[i]) {
			text += fmt.Sprintf("%.6g", out[i])
		}
		text += "\n"
	}
	r, err := calibration.Run(t.Context(), errorOptions(write(t, "columbus.csv", text), 12*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", r.Fragment)
	var o, c []float64
	for i := len(out) - r.Check.N; i < len(out); i++ {
		if !math.IsNaN(out[i]) {
			o, c = append(o, out[i]), append(c, computed[i])
		}
	}
	if alone := skill.NSE(o, c); float64(r.Check.NSE) < alone+0.1 {
		t.Errorf("NSE %g 12 h ahead, %g of the computed flow", r.Check.NSE, alone)
	}
	if !strings.Contains(r.Fragment, "lastingly did not arrive") {
		t.Errorf("no loss in\n%s", r.Fragment)
	}
}
