package calibration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast/calibrate"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/internal/calibration"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// E. M. Wilson, Engineering Hydrology, 1974; step 6 h.
var (
	wilsonIn  = []float64{22, 23, 35, 71, 103, 111, 109, 100, 86, 71, 59, 47, 39, 32, 28, 24, 22, 21, 20, 19, 19, 18}
	wilsonOut = []float64{22, 21, 21, 26, 34, 44, 55, 66, 75, 82, 85, 84, 80, 73, 64, 54, 44, 36, 30, 25, 22, 19}
)

func wilson() string {
	b := "time,inflow,outflow\n"
	for i := range wilsonIn {
		b += fmt.Sprintf("%s,%g,%g\n", time.Date(1974, 1, 1, 6*i, 0, 0, 0, time.UTC).Format("2006-01-02 15:04"), wilsonIn[i], wilsonOut[i])
	}
	return b
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func options(file, method string) calibration.Options {
	return calibration.Options{Source: calibration.Source{File: file, Zone: time.UTC}, Method: method, Objective: "nse", ID: "wilson", Split: 1, Seed: 1}
}

func TestTheFragmentOfAReachHasItsScoresInside(t *testing.T) {
	r, err := calibration.Run(t.Context(), options(write(t, "wilson.csv", wilson()), "nl3"))
	if err != nil {
		t.Fatal(err)
	}
	// NSE 0.99699 is that of the least sum of squares in the literature, 36.7679.
	want := `# freshet calibrate: nl3 fitted to wilson.csv, step 6h, by nse
# fit    1974-01-01 00:00 to 1974-01-06 06:00, 22 values: NSE 0.9970, KGE 0.9762, RMSE 1.293 m³/s, volume +2.2 %, peak +1.1 % at +0 h
# check  none: the parameters were not tried on anything that the fit did not see
# fit    by GB/T 22482-2008, as forecast 6h before the peak: grade A. DC 1.00 (A); floods: 1, qualified of their peaks 100 % (A), of the times of these 100 % (A); too few floods for a grade, which takes 10 or more
# 率定：方案等级 甲（GB/T 22482-2008）。DC 1.00（甲）；洪水 1 场，合格率：洪峰 100 %（甲），峰现时间 100 %（甲）；洪水仅 1 场，不足 10 场，等级仅供参考
# N evaluations, 2 restarts: two restarts came to the same value
# Parameters belong to the step of 6h: no other is accepted.
# reach wilson: K 1862.87, x 0.28692, m 1.8681, a1 1, a2 1, beta 0
reaches:
  - id: wilson # add from, to and length
    method: nonlinear
    k: 15h11m15s
    at_flow: 49.045
    x: 0.28692
    m: 1.8681
    a1: 1
    a2: 1
    beta: 0
    fitted_step: 6h
`
	got := strings.Replace(r.Fragment, fmt.Sprintf("# %d evaluations", r.Evaluations), "# N evaluations", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if ssq := float64(r.Fit.RMSE) * float64(r.Fit.RMSE) * float64(r.Fit.N); math.Abs(ssq/36.7679-1) > 1e-3 {
		t.Errorf("sum of squared errors %g as written, want 36.7679", ssq)
	}
	if r.Check != nil {
		t.Errorf("checked %+v of a record that was fitted whole", r.Check)
	}
}

// What is written for a linear reach and for a sub-basin loads as a part of a
// catalogue, and holds the values that were scored.
func TestFragmentsAreCatalogue(t *testing.T) {
	reach, err := calibration.Run(t.Context(), options(write(t, "wilson.csv", wilson()), "muskingum"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(write(t, "basin.csv", basinCSV()), "saturation")
	o.Source.Columns, o.Area, o.Evaluations, o.Warmup, o.ID = map[string]string{"flow": "q"}, 100, 400, 24*time.Hour, "upper"
	basin, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	in := func(s, id, more string) string {
		s = strings.Replace(s, "  - id: "+id, "  - id: "+id+"\n"+more+"    #", 1)
		return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
	}
	text := "catalog: {name: fit, title: {zh: 拟合, en: Fit}}\nbasins:\n  - id: b\n    name: B\n" +
		"    nodes:\n      - {id: a, name: A}\n      - {id: z, name: Z}\n" +
		in(reach.Fragment, "wilson", "    from: a\n    to: z\n    length: 60\n") + "\n" +
		in(basin.Fragment, "upper", "    name: Upper\n    node: a\n    centre: [112.3, 22.1]\n") + "\n"
	cat, problems := catalog.Load([]hydro.File{{Name: "fit.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	got, rp := cat.Basins[0].Reaches[0], cat.Basins[0].SubBasins[0].Runoff
	value := func(r *calibration.Report, name string) float64 {
		for _, p := range r.Parameters {
			if p.Name == name {
				return p.Value
			}
		}
		t.Fatalf("no parameter %s", name)
		return 0
	}
	for name, v := range map[string][2]float64{
		"k": {got.K.Seconds(), value(reach, "k")}, "x": {got.X, value(reach, "x")}, "sub_reaches": {float64(got.SubReaches), value(reach, "sub_reaches")},
		"capacity": {rp.Capacity, value(basin, "capacity")}, "exponent": {rp.Exponent, value(basin, "exponent")}, "impervious": {rp.Impervious, value(basin, "impervious")},
		"base_share": {rp.BaseShare, value(basin, "base_share")}, "base_recession": {rp.BaseRecession.Seconds(), value(basin, "base_recession")},
		"uh_reservoirs": {rp.UHReservoirs, value(basin, "uh_reservoirs")}, "uh_scale": {rp.UHScale.Seconds(), value(basin, "uh_scale")},
		"evaporation": {rp.Evaporation, value(basin, "evaporation")},
	} {
		if v[0] != v[1] {
			t.Errorf("%s: the catalogue holds %g, the report %g", name, v[0], v[1])
		}
	}
	if reach.Fit.NSE < 0.98 || basin.Fit.NSE < 0.9 {
		t.Errorf("NSE of the reach %g, of the sub-basin %g", reach.Fit.NSE, basin.Fit.NSE)
	}
}

// basinCSV is made by the model itself: rain showers on 100 km², 200 hours.
func basinCSV() string {
	m, err := runoff.New(runoff.Parameters{Capacity: 100, Exponent: 0.3, Evaporation: 3, BaseShare: 0.3, BaseRecession: 86400}, 3600)
	if err != nil {
		panic(err)
	}
	u, err := unithydrograph.Nash(2, 5400, 3600)
	if err != nil {
		panic(err)
	}
	s, fast, b := runoff.State{Tension: 80}, make([]float64, 300+len(u)), "time;rain;q\n"
	for i := range 300 {
		rain := max(0, 8*math.Sin(float64(i)/7)*math.Sin(float64(i)/23))
		var f runoff.Flux
		s, f = m.Step(s, rain)
		u.Add(fast[i:], f.Fast)
		b += fmt.Sprintf("%s;%.17g;%g\n", time.Date(2020, 6, 1, i, 0, 0, 0, time.UTC).Format(time.RFC3339), rain, (fast[i]+f.Slow)*100/3.6)
	}
	return strings.ReplaceAll(b, ";", ",")
}

// Hourly rain, evaporation and flow of 920 km², 2004 to 2006 (airGR, L0123003):
// the fit of one year and the check of another beat the mean with a small budget.
func TestARunoffFitHoldsOnTheYearThatItDidNotSee(t *testing.T) {
	file := "../../../shared/data/airgr_flashy/airgr_L0123003_hourly_2004_2006.csv"
	o := options(file, "saturation")
	o.Source.Columns = map[string]string{"rain": "p_mm", "pet": "pet_mm", "flow": "q_m3s"}
	o.Objective, o.Area, o.Evaluations, o.Warmup = "mix", 920, 250, 30*24*time.Hour
	o.Fit, o.Check = []string{"2005-01-01..2005-06-30"}, []string{"2006-01-01..2006-06-30"}
	o.Bounds = []string{"uh_scale=30m:4h"}
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d evaluations: fit NSE %.3f KGE %.3f, check NSE %.3f KGE %.3f", r.Evaluations, r.Fit.NSE, r.Fit.KGE, r.Check.NSE, r.Check.KGE)
	if r.Fit.NSE < 0.3 || r.Check.NSE < 0.3 {
		t.Errorf("NSE %g in the fit, %g in the check; the mean has 0, want 0.3", r.Fit.NSE, r.Check.NSE)
	}
	if want := time.Date(2006, 6, 30, 23, 0, 0, 0, time.UTC); r.Fit.N != 181*24 || !r.Check.To.Equal(want) {
		t.Errorf("%d values in the fit, check to %s; want %d, %s", r.Fit.N, r.Check.To, 181*24, want)
	}
	if !strings.Contains(r.Fragment, "times the means of the pet column by month; the scores are those of the column itself") {
		t.Errorf("no word of where the evaporation is from in\n%s", r.Fragment)
	}
	e, ok := fragment(t, r, map[string]string{}, "pet_factor", "evaporation")["evaporation"].([]any)
	if !ok || len(e) != 12 || !(e[6].(float64) > 5*e[0].(float64)) { // July and January
		t.Errorf("evaporation %v, want the season of the pet column", e)
	}
}

// The same basin by Xinanjiang: 400 evaluations of 12 parameters on
// four winter months. A model without the season or the floods falls below either floor.
func TestXinanjiangHoldsOnTheYearThatItDidNotSee(t *testing.T) {
	o := options("../../../shared/data/airgr_flashy/airgr_L0123003_hourly_2004_2006.csv", "xinanjiang")
	o.Source.Columns = map[string]string{"rain": "p_mm", "pet": "pet_mm", "flow": "q_m3s"}
	o.Area, o.Evaluations, o.Warmup = 920, 400, 60*24*time.Hour
	o.Fit, o.Check = []string{"2005-01-01..2005-04-30"}, []string{"2006-01-01..2006-04-30"}
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d evaluations: fit NSE %.3f KGE %.3f, check NSE %.3f KGE %.3f", r.Evaluations, r.Fit.NSE, r.Fit.KGE, r.Check.NSE, r.Check.KGE)
	if r.Fit.NSE < 0.7 || r.Check.NSE < 0.6 {
		t.Errorf("NSE %g in the fit, %g in the check; want 0.7 and 0.6", r.Fit.NSE, r.Check.NSE)
	}
	got := fragment(t, r, map[string]string{"method": "xinanjiang"}, "kg_share", "ki_kg", "slice", "division")
	if e, ok := got["evaporation"].([]any); !ok || len(e) != 12 {
		t.Errorf("evaporation %v, want twelve means of the pet column", got["evaporation"])
	}
}

func TestByDefaultHalfOfTheRecordChecksTheFit(t *testing.T) {
	o := options(write(t, "wilson.csv", wilson()+strings.ReplaceAll(strings.TrimPrefix(wilson(), "time,inflow,outflow\n"), "1974-01-", "1974-02-")), "muskingum")
	o.Fit, o.Check = []string{"1974-01-01..1974-01-06T06:00"}, []string{"1974-02-01..1974-02-06T06:00"}
	named, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if named.Check.N != 22 || named.Check.NSE != named.Fit.NSE {
		t.Errorf("the same flood has NSE %g in the fit and %g in the check", named.Fit.NSE, named.Check.NSE)
	}
	o.Fit, o.Check, o.Split = nil, nil, 0.5
	o.Events = write(t, "events.csv", "from,to,use\n1974-01-01,1974-01-06T06:00,check\n1974-02-01T00:00,1974-02-06T06:00,fit\n")
	events, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(named.Parameters, events.Parameters); diff != "" || !events.Check.From.Before(events.Fit.From) {
		t.Errorf("%s; fit from %s, check from %s", diff, events.Fit.From, events.Check.From)
	}
	o = options(write(t, "wilson.csv", wilson()), "nl3")
	o.Split = 0.5
	halves, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if halves.Fit.N != 11 || halves.Check == nil || halves.Check.N != 11 {
		t.Errorf("fit of %d values, check %+v; want 11 each", halves.Fit.N, halves.Check)
	}
}

func TestEqualCallsGiveEqualReportsAndJSONHasNoNaN(t *testing.T) {
	file := write(t, "wilson.csv", wilson())
	var last string
	for range 2 {
		o := options(file, "nl3")
		o.Lateral, o.Evaluations = true, 900
		r, err := calibration.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" && last != string(data) {
			t.Errorf("%s\n%s", last, data)
		}
		last = string(data)
	}
	if !strings.Contains(last, `"beta"`) || !strings.Contains(last, `"check":null`) {
		t.Error(last)
	}
}

func TestWhatIsWrongIsSaidWithItsPlace(t *testing.T) {
	good := wilson()
	for name, c := range map[string]struct {
		text   string
		change func(*calibration.Options)
		says   string
	}{
		"a cell that is no number": {strings.Replace(good, ",35,21", ",35x,21", 1), nil, `wilson.csv:4:18: inflow: "35x" is neither a number`},
		"no such column":           {strings.Replace(good, "outflow", "out", 1), nil, `wilson.csv:1:1: there is no column "outflow"; the header has time, inflow, out`},
		"an unusual time":          {strings.Replace(good, "1974-01-01 00:00", "1 Jan 1974", 1), nil, `wilson.csv:2:1: time "1 Jan 1974"`},
		"a time off the step":      {strings.Replace(good, "1974-01-05 06:00", "1974-01-05 06:30", 1), nil, "is not a whole number of steps"},
		"a time twice":             {strings.Replace(good, "1974-01-01 12:00", "1974-01-01 06:00", 1), nil, "two values of inflow at 1974-01-01 06:00"},
		"a gap in the inflow":      {strings.Replace(good, ",35,21", ",,21", 1), nil, "inflow has no value at 1974-01-01 12:00"},
		"a negative flow":          {strings.Replace(good, ",35,21", ",-35,21", 1), nil, "inflow is -35 at 1974-01-01 12:00"},
		"an empty file":            {"", nil, "wilson.csv: holds no row"},
		"no such method":           {good, func(o *calibration.Options) { o.Method = "nl9" }, "want one of muskingum, nl3, nl4, nl5, lag, mct, cunge, network, saturation, xinanjiang, scs, phi, error"},
		"no such objective":        {good, func(o *calibration.Options) { o.Objective = "ssq" }, "want one of kge kge2012 nse mix nselog"},
		"no such parameter":        {good, func(o *calibration.Options) { o.Bounds = []string{"K=1:2"} }, "it has k, x, m"},
		"set of no parameter":      {good, func(o *calibration.Options) { o.Set = []string{"K=1"} }, "--set K=1: nl3 has no parameter \"K\"; it has k, x, m"},
		"set out of range":         {good, func(o *calibration.Options) { o.Set = []string{"x=1.5"} }, "--set x=1.5: x = 1.5"},
		"set to no number":         {good, func(o *calibration.Options) { o.Set = []string{"x"} }, "--set x: write NAME=VALUE"},
		"set and bound":            {good, func(o *calibration.Options) { o.Set, o.Bounds = []string{"x=0.1"}, []string{"x=0:0.2"} }, "--bound frees x"},
		"set to half a reach":      {good, func(o *calibration.Options) { o.Method, o.Set = "muskingum", []string{"sub_reaches=1.5"} }, "want a whole number"},
		"bounds out of range":      {good, func(o *calibration.Options) { o.Bounds = []string{"x=0:1.5"} }, "x = 1.5"},
		"bounds reversed":          {good, func(o *calibration.Options) { o.Bounds = []string{"k=3d:1h"} }, "bounds 259200 to 3600 s"},
		"bounds that are none":     {good, func(o *calibration.Options) { o.Bounds = []string{"k=fast"} }, "write NAME=LO:HI"},
		"a period that is none":    {good, func(o *calibration.Options) { o.Fit = []string{"yesterday"} }, "write FROM..TO"},
		"a period beside the data": {good, func(o *calibration.Options) { o.Fit = []string{"1999-01-01..1999-02-01"} }, "holds 0 steps"},
		"a check of what was fitted": {good, func(o *calibration.Options) {
			o.Fit, o.Check = []string{"1974-01-01..1974-01-04"}, []string{"1974-01-03..1974-01-06"}
		}, "the check shares 8 steps with the fit, 1974-01-03 00:00 to 1974-01-04 18:00: a check is of what the fit did not see"},
		"no such flow of floods": {good, func(o *calibration.Options) { o.FloodAbove = -1 }, "--flood-above -1"},
		"nothing to fit":         {good, func(o *calibration.Options) { o.Check = []string{"1974-01-01..1974-01-02"} }, "name one with --fit"},
		"a share above one":      {good, func(o *calibration.Options) { o.Split = 1.5 }, "--split 1.5"},
		"a column of no role":    {good, func(o *calibration.Options) { o.Source.Columns = map[string]string{"rain": "r"} }, "it has inflow, outflow"},
		"no length":              {good, func(o *calibration.Options) { o.Method, o.Slope = "mct", 0.001 }, "--length 0 km"},
		"no slope":               {good, func(o *calibration.Options) { o.Method, o.Length = "mct", 30 }, "--slope 0"},
		"no concentration":       {"time,rain,flow\n2020-01-01 00:00,1,1\n2020-01-01 01:00,1,2\n", func(o *calibration.Options) { o.Method, o.Area, o.Concentration = "phi", 1, "clark" }, `--concentration "clark": want nash, lag or ordinates`},
		"too many ordinates": {"time,rain,flow\n2020-01-01 00:00,1,1\n2020-01-01 01:00,1,2\n", func(o *calibration.Options) {
			o.Method, o.Area, o.Concentration, o.Ordinates = "phi", 1, "ordinates", 501
		}, "--ordinates 501"},
		"too many parts": {good, func(o *calibration.Options) { o.Method, o.Length, o.Slope, o.Parts = "cunge", 30, 0.001, 1001 }, "--sub-reaches 1001"},
		"no area":        {"time,rain,flow\n2020-01-01 00:00,1,1\n2020-01-01 01:00,1,2\n", func(o *calibration.Options) { o.Method = "saturation" }, "--area 0"},
		"bounds that cannot be run": {good, func(o *calibration.Options) {
			o.Method, o.Bounds = "muskingum", []string{"k=600h:1000h", "sub_reaches=1:2", "x=0.2:0.5"}
		}, "unstable"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(write(t, "wilson.csv", c.text), "nl3")
			o.Evaluations = 100
			if c.change != nil {
				c.change(&o)
			}
			_, err := calibration.Run(t.Context(), o)
			if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it invalid and to say %q", err, c.says)
			}
		})
	}
	o := options(write(t, "wilson.csv", good), "nl3")
	o.Split, o.Events = 0.5, write(t, "events.csv", "from,to,use\n1974-01-01,1974-01-02,fit\n1974-01-03,soon,\n1974-01-03,1974-01-04,verify\n")
	_, err := calibration.Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "events.csv:3:1:") || !strings.Contains(err.Error(), "events.csv:4:23:") {
		t.Errorf("error %v, want both mistakes with their places", err)
	}
}

func TestACancelledFitEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options(write(t, "wilson.csv", wilson()), "nl5")
	o.Progress = func(g calibrate.Progress) {
		if g.Evaluations >= 200 {
			cancel()
		}
	}
	if _, err := calibration.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// Rain stamped at the beginning of its step belongs to the step's end.
func TestStampsAtTheStartMoveRainByOneStep(t *testing.T) {
	file := write(t, "rain.csv", "time,rain,flow\n2020-01-01 00:00,1,10\n2020-01-01 01:00,2,20\n2020-01-01 02:00,3,30\n")
	for start, want := range map[bool][]float64{false: {1, 2, 3}, true: {0, 1, 2}} {
		r, err := calibration.Read(calibration.Source{File: file, Zone: time.UTC, AtStart: start}, []string{"rain", "flow"}, []string{"pet"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Series("rain")); diff != "" || r.Series("flow")[1] != 20 || r.Step != time.Hour || r.N != 3 || r.Series("pet") != nil {
			t.Errorf("at start %t: %s, %+v", start, diff, r)
		}
	}
}
