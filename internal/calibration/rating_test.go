package calibration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/calibration"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func ratingOptions(file string) calibration.RatingOptions {
	return calibration.RatingOptions{
		Source: calibration.Source{File: file, Zone: time.UTC}, ID: "r", Station: "g", Datum: "STATION", ValidFrom: "2020-01-01", Split: 0.5, Seed: 1,
	}
}

// truth is a river with a break at 4 m, made here.
func truth(h float64) float64 {
	if h <= 4 {
		return 12 * math.Pow(h-0.8, 1.7)
	}
	return 12 * math.Pow(3.2, 1.7) * math.Pow((h-2)/2, 1.2)
}

func gaugings(noise float64) string {
	text := "level,flow\n,5\n2.5,\n1.2,0\n"
	for i := range 120 {
		h := 1.1 + 6.4*float64((i*37)%120)/119
		text += fmt.Sprintf("%.4f,%.8g\n", h, truth(h)*(1+noise*math.Sin(float64(7*i*i))))
	}
	return text
}

// Two laws and where they meet are found back from pairs without noise, and
// the fragment loads: a level observed there is the truth's flow in a forecast.
func TestARatingIsFoundBackAndForecastsByIt(t *testing.T) {
	r, err := calibration.RunRating(t.Context(), ratingOptions(write(t, "pairs.csv", gaugings(0))))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Ranges) != 2 || r.Left != 3 || r.Fit.N != 60 || r.Check == nil || r.Check.N != 60 {
		t.Fatalf("%d ranges, %d rows left out, fit %+v, check %+v; want 2, 3, 60 pairs each", len(r.Ranges), r.Left, r.Fit, r.Check)
	}
	for i, want := range []calibration.RatingLaw{{To: 4, H0: 0.8, B: 1.7}, {From: 4, H0: 2, B: 1.2}} {
		got := r.Ranges[i]
		if math.Abs(got.H0-want.H0) > 0.05 || math.Abs(got.B-want.B) > 0.03 || i == 0 && math.Abs(got.To-4) > 0.05 || i == 1 && got.From != r.Ranges[0].To {
			t.Errorf("range %d: %+v, the truth is %+v", i+1, got, want)
		}
	}
	if r.Check.Median > 1e-3 || r.Check.P95 > 5e-3 || math.Abs(float64(r.Check.Bias)) > 1e-3 || len(r.Check.Ranges) != 2 {
		t.Errorf("check %+v", r.Check)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	text := "catalog: {name: fit, title: {zh: 拟合, en: Fit}}\ndepartments: [{id: hydrology, name: Hydrology}]\nstations:\n" +
		"  - {id: g, name: G, department: hydrology, kind: level, basin: b, at: [112.3, 22.1], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 1h}]}\n" +
		r.Fragment + "basins:\n  - id: b\n    name: B\n    settings: {step: 1h, every: 1h, output_step: 1h, warmup: 0s}\n    nodes: [{id: a, name: A, gauge: g, rating: r}]\n"
	cat, problems := catalog.Load([]hydro.File{{Name: "fit.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	m, err := forecast.Compile(cat, "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []float64{1.5, 3.9, 4.1, 7} {
		now := june.Add(time.Hour)
		levels := &hydro.History{}
		levels.Put(hydro.Sample{At: now.UnixMilli(), Received: now.UnixMilli(), Value: h, Raw: h, Quality: hydro.Pass})
		_, s, err := m.Run(m.Start(june), now, "schedule", func(k hydro.Key) *hydro.History {
			if k.Variable == hydro.WaterLevel {
				return levels
			}
			return nil
		}, forecast.Ahead{})
		if err != nil {
			t.Fatal(err)
		}
		if q := s.Nodes[0].Flow; math.Abs(q/truth(h)-1) > 1e-2 {
			t.Errorf("%g m is %g m³/s in a forecast, want %g", h, q, truth(h))
		}
	}
}

// The tests of the residuals see a curve that is wrong, and none in noise.
func TestResidualTestsTellAWrongCurve(t *testing.T) {
	o := ratingOptions(write(t, "pairs.csv", gaugings(0.05)))
	good, err := calibration.RunRating(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Ranges, o.Bounds = 1, []string{"depth=4:9"} // a law that cannot bend as the river does
	bad, err := calibration.RunRating(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if good.Check.Run < 0.05 || bad.Check.Run > 1e-3 || bad.Check.P95 < 2*good.Check.P95 {
		t.Errorf("runs by accident %g of the good curve and %g of the bad one; errors %g and %g", good.Check.Run, bad.Check.Run, good.Check.P95, bad.Check.P95)
	}
	if good.Check.Median > 0.05 {
		t.Errorf("noise of 5 %% makes an error of %g in the median", good.Check.Median)
	}
}

// The year 2007 of the River Don, whose flows an agency computed from its levels by
// three laws (see forecast/rating), the first half fitted, the second checked.
func TestTheRiverDonsRatingIsFoundFromItsReadings(t *testing.T) {
	o := ratingOptions("../../../shared/data/river_don/hadfields_15min_2007.csv")
	o.Source.Columns = map[string]string{"level": "stage_m", "flow": "flow_m3s"}
	o.Source.Missing, o.Ranges, o.Evaluations = []string{"---"}, 3, 1500
	o.Fit, o.Check = []string{"2007-01-01..2007-06-30"}, []string{"2007-07-01..2007-12-31"}
	r, err := calibration.RunRating(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", r.Fragment)
	if r.Fit.Median > 0.003 || r.Check.Median > 0.003 || r.Check.P95 > 0.02 || r.Left != 34 {
		t.Errorf("fit %+v, check %+v, %d rows left out", r.Fit, r.Check, r.Left)
	}
}

func TestWhatIsWrongWithARatingIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		change func(*calibration.RatingOptions)
		says   string
	}{
		"no datum":       {gaugings(0), func(o *calibration.RatingOptions) { o.Datum = "" }, "--datum: name the datum of the levels"},
		"no station":     {gaugings(0), func(o *calibration.RatingOptions) { o.Station = "" }, "--station"},
		"no day":         {gaugings(0), func(o *calibration.RatingOptions) { o.ValidFrom = "soon" }, `--valid-from "soon": write the day`},
		"ranges":         {gaugings(0), func(o *calibration.RatingOptions) { o.Ranges = 6 }, "--ranges 6"},
		"split":          {gaugings(0), func(o *calibration.RatingOptions) { o.Split = 0 }, "--split 0"},
		"bound":          {gaugings(0), func(o *calibration.RatingOptions) { o.Bounds = []string{"h0=1:2"} }, "a rating has depth=LO:HI"},
		"a word":         {"level,flow\n1,2\n2,high\n", nil, `pairs.csv:3:3: flow: "high" is neither a number`},
		"no column":      {"stage,flow\n1,2\n", nil, `pairs.csv:1:1: there is no column "level"; the header has stage, flow: say --column level=NAME`},
		"too few":        {"level,flow\n1,2\n2,3\n", nil, "2 pairs of a level and a flow above 0: want 5 or more"},
		"no time":        {gaugings(0), func(o *calibration.RatingOptions) { o.Fit = []string{"2020-01-01..2020-02-01"} }, `there is no column "time"`},
		"a falling pair": {"level,flow\n1,9\n2,8\n3,7\n4,6\n5,5\n6,4\n7,3\n8,2\n", func(o *calibration.RatingOptions) { o.Ranges = 1 }, "b = -"},
	} {
		o := ratingOptions(write(t, "pairs.csv", c.text))
		o.Evaluations = 200
		if c.change != nil {
			c.change(&o)
		}
		if _, err := calibration.RunRating(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q, invalid", name, err, c.says)
		}
	}
}
