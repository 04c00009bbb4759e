package calibration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast/skill"
	"freshet/internal/calibration"
	"freshet/internal/hydro"
)

// Two floods of nearly one height, of which the first was observed higher and the
// second is computed higher: each is met, and none comes 8 days early or late.
func TestPeaksAreComparedFloodByFlood(t *testing.T) {
	factor := 1.03
	file := write(t, "floods.csv", floodCSV(func(in, out []float64) {
		store := in[0]
		for i, q := range in {
			q *= 2 - factor // 0.97, then 1
			in[i] = q
			store += 0.2 * (q - store)
			out[i] = factor * factor * store
		}
		factor = 1
	}))
	for name, periods := range map[string]func(*calibration.Options){
		"events": func(o *calibration.Options) {
			o.Events = write(t, "events.csv", "from,to,use\n2020-06-01,2020-06-04T23:00,fit\n2020-06-09,2020-06-12T23:00,fit\n")
		},
		"periods": func(o *calibration.Options) {
			o.Fit, o.FloodAbove = []string{"2020-06-01..2020-06-04T23:00", "2020-06-09..2020-06-12T23:00"}, 500
		},
	} {
		o := options(file, "muskingum")
		periods(&o)
		r, err := calibration.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		f := r.Fit.Floods
		if f.Peaks.N != 2 || math.Abs(float64(f.WorstLate)) > 3 || float64(f.Peaks.MeanLate) > 3 || math.Abs(float64(f.WorstShare)) > 0.1 {
			t.Errorf("%s: %d floods, worst %g h and %g, mean %g h\n%s", name, f.Peaks.N, f.WorstLate, f.WorstShare, f.Peaks.MeanLate, r.Fragment)
		}
		if !strings.Contains(r.Fragment, "peaks of 2 floods off by ") {
			t.Errorf("%s: no word of the peaks in\n%s", name, r.Fragment)
		}
	}
}

// Twelve floods that the fit did not see, of which three came half as high again as the
// scheme that was fitted to three others says.
func TestASchemeIsGradedByTheFloodsOfItsCheck(t *testing.T) {
	rows, events := "time,rain,flow\n", "from,to,use\n"
	u := []float64{0.1, 0.4, 0.3, 0.2}
	storm := []float64{0, 10, 30, 15, 5}
	for n := range 15 {
		begin := june.Add(time.Duration(n) * 48 * time.Hour)
		flow, times := make([]float64, 24), 1.0
		if n >= 12 {
			times = 1.5
		}
		for i, r := range storm {
			for k, share := range u {
				flow[i+k] += 10 * share * max(0, r-3.5) * times
			}
		}
		for i := range 48 {
			rain, q := 0.0, 0.0
			if i < len(storm) {
				rain = storm[i]
			}
			if i < len(flow) {
				q = flow[i]
			}
			rows += fmt.Sprintf("%s,%g,%.17g\n", begin.Add(time.Duration(i)*time.Hour).Format("2006-01-02 15:04"), rain, q)
		}
		events += fmt.Sprintf("%s,%s,%s\n", begin.Format("2006-01-02T15:04"), begin.Add(23*time.Hour).Format("2006-01-02T15:04"), map[bool]string{true: "fit", false: "check"}[n < 3])
	}
	o := options(write(t, "basin.csv", rows), "phi")
	o.Area, o.Evaluations, o.Concentration, o.Ordinates = 36, 2000, "ordinates", 6
	o.Events = write(t, "events.csv", events)
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	fit, check := r.Fit.Floods, r.Check.Floods
	if fit.Peaks.N != 3 || !fit.Few || fit.Grade != skill.GradeA {
		t.Errorf("fit: %d floods, few %t, grade %s", fit.Peaks.N, fit.Few, fit.Grade)
	}
	if q := check.Peaks; q.N != 12 || check.Few || q.Qualified != 0.75 || q.InTime != 1 || q.DepthQualified != 0.75 {
		t.Errorf("check: few %t, %+v", check.Few, q)
	}
	if check.GradeDC != skill.GBT22482of2008.GradeDC(float64(r.Check.NSE)) || check.GradeDepth != skill.GradeB || check.Grade != max(check.GradeDC, skill.GradeB) {
		t.Errorf("check: NSE %g is %s, depths %s, the scheme %s", r.Check.NSE, check.GradeDC, check.GradeDepth, check.Grade)
	}
	for _, want := range []string{
		"# check  by GB/T 22482-2008, as forecast 6h before the peak: grade ", "floods: 12, qualified of their peaks 75 % (B), of the times of these 100 % (A), of depths 75 % (B)\n",
		"# 检验：方案等级 ", "洪水 12 场，合格率：洪峰 75 %（乙），峰现时间 100 %（甲），径流深 75 %（乙）\n", "洪水仅 3 场，不足 10 场",
	} {
		if !strings.Contains(r.Fragment, want) {
			t.Errorf("no %q in\n%s", want, r.Fragment)
		}
	}
	data, err := json.Marshal(r.Check)
	if err != nil || !strings.Contains(string(data), `"depth_qualified_share":0.75`) || !strings.Contains(string(data), `"few_floods":false`) {
		t.Errorf("%v in JSON %s", err, data)
	}
	// Another edition's file counts.
	o.Profile = skill.GBT22482of2008
	o.Profile.Name, o.Profile.QR = "strict", [3]float64{0.99, 0.95, 0.9}
	if r, err = calibration.Run(t.Context(), o); err != nil || r.Check.Grade != skill.BelowC || r.Profile != "strict" {
		t.Errorf("%v: the scheme is %s by %s", err, r.Check.Grade, r.Profile)
	}
}

func TestWithAFitAloneTheRestOfTheRecordIsChecked(t *testing.T) {
	o := options(write(t, "wilson.csv", wilson()), "muskingum")
	o.Fit, o.Split = []string{"1974-01-02..1974-01-04T00:00"}, 0.5
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Check == nil || r.Fit.N != 9 || r.Check.N != 13 || r.Check.Events != 2 {
		t.Fatalf("fit of %d values, check %+v: want 9 and the 13 others", r.Fit.N, r.Check)
	}
	for _, want := range []string{"the rest of the record is checked, 1974-01-01 00:00 to 1974-01-01 18:00", "is checked, 1974-01-04 06:00 to 1974-01-06 06:00"} {
		if !strings.Contains(strings.Join(r.Notes, "\n"), want) || !strings.Contains(r.Fragment, want) {
			t.Errorf("no %q in %q", want, r.Notes)
		}
	}
	// What cannot be run there is told, and the fit stands.
	o.Method = "nl3"
	if r, err = calibration.Run(t.Context(), o); err != nil || r.Check != nil || !strings.Contains(r.Fragment, "# the model that was fitted cannot be run over the rest of the record: ") {
		t.Errorf("%v: %+v", err, r)
	}
	o.Split = 1 // nothing is to be checked
	if r, err = calibration.Run(t.Context(), o); err != nil || r.Check != nil || len(r.Notes) > 0 {
		t.Errorf("%v: checked %+v, notes %q", err, r.Check, r.Notes)
	}
}

func TestARatingIsNotCheckedByWhatItSaw(t *testing.T) {
	text := "time,level,flow\n"
	for i := range 20 {
		text += fmt.Sprintf("2020-01-%02d,%g,%g\n", i+1, 1+0.1*float64(i), 10*math.Pow(1+0.1*float64(i), 1.6))
	}
	o := calibration.RatingOptions{Source: calibration.Source{File: write(t, "pairs.csv", text), Zone: time.UTC}, Datum: "STATION", Station: "s", ValidFrom: "2020-01-01", Split: 0.5, Seed: 1, Evaluations: 500}
	o.Fit, o.Check = []string{"2020-01-01..2020-01-12"}, []string{"2020-01-12..2020-01-20"}
	if _, err := calibration.RunRating(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "shares the pair of 2020-01-12 00:00 with --fit") {
		t.Errorf("%v", err)
	}
}
