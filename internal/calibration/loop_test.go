package calibration_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/forecast/skill"
	"freshet/internal/calibration"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// forecastOf loads a fragment as a catalogue with one river, whose head is gauged
// or, of a sub-basin, whose one rain gauge stands in it, runs its forecast step after
// step over the record from begin to end, and returns the flow at the outlet.
func forecastOf(t *testing.T, fragment, id string, step time.Duration, start time.Time, base float64, input []float64) []float64 {
	t.Helper()
	text := "catalog: {name: fit, title: {zh: 拟合, en: Fit}}\ndepartments: [{id: hydrology, name: Hydrology}]\nstations:\n" +
		"  - {id: g, name: G, department: hydrology, kind: hydrological, basin: b, at: [112.3, 22.1], zone: UTC, datum: STATION, parameters: [{variable: discharge, every: 1h}]}\n" +
		"  - {id: p, name: P, department: hydrology, kind: rain, basin: b, at: [112.3, 22.1], zone: UTC, parameters: [{variable: rain, every: 1h}]}\n" +
		fmt.Sprintf("basins:\n  - id: b\n    name: B\n    settings: {step: %[1]s, every: %[1]s, output_step: %[1]s, warmup: 0s}\n", step)
	reach := strings.Contains(fragment, "reaches:")
	variable, station, outlet := hydro.Rain, "p", 0
	if reach {
		more := "    from: a\n    to: z\n"
		if !strings.Contains(fragment, "    length:") {
			more += "    length: 30\n"
		}
		variable, station, outlet = hydro.Discharge, "g", 1
		text += fmt.Sprintf("    nodes:\n      - {id: a, name: A, gauge: g, base_flow: %.17g}\n      - {id: z, name: Z}\n", base) + under(fragment, id, more)
	} else {
		text += fmt.Sprintf("    nodes:\n      - {id: a, name: A, base_flow: %.17g}\n", base) + under(fragment, id, "    name: S\n    node: a\n    centre: [112.3, 22.1]\n    gauges: [p]\n")
	}
	cat, problems := catalog.Load([]hydro.File{{Name: "fit.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	m, err := forecast.Compile(cat, "b")
	if err != nil {
		t.Fatal(err)
	}
	k := hydro.Key{Station: station, Variable: variable}
	history := &hydro.History{}
	obs := func(key hydro.Key) *hydro.History {
		if key == k {
			return history
		}
		return nil
	}
	var out []float64
	if reach { // it begins with its first inflow flowing for long; the rain of a first row falls before it
		out, input, start = append(out, base), input[1:], start.Add(step)
	}
	s := m.Start(start.Add(-step))
	for i, v := range input {
		now := start.Add(time.Duration(i) * step)
		x := hydro.Sample{At: now.UnixMilli(), Received: now.UnixMilli(), Value: v, Raw: v, Quality: hydro.Pass}
		if variable == hydro.Rain {
			x.Interval = int32(step.Seconds())
		}
		history.Put(x)
		if _, s, err = m.Run(s, now, "schedule", obs, forecast.Ahead{}); err != nil {
			t.Fatal(err)
		}
		out = append(out, s.Nodes[outlet].Flow)
	}
	return out
}

// record writes a CSV file of an input and what was observed of it.
func record(t *testing.T, roles string, start time.Time, step time.Duration, input, observed []float64) string {
	t.Helper()
	text := "time," + roles + "\n"
	for i := range input {
		text += fmt.Sprintf("%s,%.17g,%.17g\n", start.Add(time.Duration(i)*step).Format("2006-01-02 15:04"), input[i], observed[i])
	}
	return write(t, "record.csv", text)
}

// flood is a flow with one peak, one of rain where base is 0.
func flood(n int, base, peak, width float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		x := float64(i) / width
		out[i] = base + peak*x*x*math.Exp(2-2*x)
	}
	return out
}

var june = time.Date(2020, 6, 1, 0, 0, 0, 0, time.UTC)

// What was fitted, written, loaded and forecast has the score that the fit says,
// and it is a good one: the truth is made here by formulas written out, not by the
// packages that are fitted, but for t-route's reach, which has no other.
func TestAForecastByTheFragmentHasTheScoreOfTheFit(t *testing.T) {
	const area = 36.0 // 1 mm/h is 10 m³/s
	storm := make([]float64, 72)
	copy(storm[1:], []float64{2, 9, 14, 30, 11, 4, 1})
	copy(storm[30:], []float64{6, 18, 7, 2})
	convolve := func(excess func(mm float64) float64, u func(k int) float64, base float64) []float64 {
		out := make([]float64, len(storm))
		for i := range out {
			out[i] = base
			for k := 0; k <= i; k++ {
				out[i] += 10 * u(k) * excess(storm[i-k])
			}
		}
		return out
	}
	loss := func(phi float64) func(float64) float64 { return func(mm float64) float64 { return max(0, mm-phi) } }
	triangle := func(k int) float64 { return max(0, min(float64(k+1), float64(9-k)/2)) / 16.5 } // 1 2 3 3 2.5 2 … of sum 16.5
	recession := func(k int) float64 {                                                          // of a store of 6 h behind a lag of 2 h
		if k < 2 {
			return 0
		}
		return (1 - math.Exp(-1.0/6)) * math.Exp(-float64(k-2)/6)
	}
	nonlinearIn := flood(60, 40, 300, 12)
	nonlinearOut := make([]float64, len(nonlinearIn))
	{ // S = K O^1.25 by steps of a second, x = 0
		k := 4 * 3600 * 100 / math.Pow(100, 1.25)
		s := k * math.Pow(40, 1.25)
		for i := range nonlinearIn {
			nonlinearOut[i] = math.Pow(s/k, 1/1.25)
			if i+1 < len(nonlinearIn) {
				for sec := range 3600 {
					f := float64(sec) / 3600
					s += (1-f)*nonlinearIn[i] + f*nonlinearIn[i+1] - math.Pow(s/k, 1/1.25)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		method, roles   string
		input, observed []float64
		base, nse       float64
		change          func(*calibration.Options)
		want, off       map[string]float64 // the truth, and how far a fit may lie from it
	}{
		"phi and ordinates": {
			"phi", "rain,flow", storm, convolve(loss(3.5), triangle, 7), 7, 0.99999,
			func(o *calibration.Options) { o.Concentration, o.Ordinates = "ordinates", 12 },
			map[string]float64{"phi": 3.5, "u1": 1 / 16.5, "u3": 3 / 16.5, "u5": 2.5 / 16.5, "u11": 0},
			map[string]float64{"phi": 0.01, "u1": 1e-3, "u3": 1e-3, "u5": 1e-3, "u11": 1e-3},
		},
		"phi and lag": {
			"phi", "rain,flow", storm, convolve(loss(3.5), recession, 0), 0, 0.99999,
			func(o *calibration.Options) { o.Concentration = "lag" },
			map[string]float64{"phi": 3.5, "cs": math.Exp(-4), "lag": 7200},
			map[string]float64{"phi": 0.02, "cs": 1e-3, "lag": 60},
		},
		"phi and nash": {
			"phi", "rain,flow", storm, convolve(loss(3.5), recession, 7), 7, 0.94, func(*calibration.Options) {}, nil, nil,
		},
		"nonlinear": {
			"nl3", "inflow,outflow", nonlinearIn, nonlinearOut, 40, 0.998, func(*calibration.Options) {},
			map[string]float64{"m": 1.25},
			map[string]float64{"m": 0.15},
		},
		"xinanjiang and lag": {
			"xinanjiang", "rain,flow", storm, convolve(loss(6), recession, 0), 0, 0.8,
			func(o *calibration.Options) { o.Concentration, o.Evaluations = "lag", 2500 }, nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(record(t, c.roles, june, time.Hour, c.input, c.observed), c.method)
			o.Area, o.Evaluations, o.Warmup = area, 3000, 0
			c.change(&o)
			r, err := calibration.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if float64(r.Fit.NSE) < c.nse {
				t.Errorf("NSE %.6f, want %g: %+v", r.Fit.NSE, c.nse, r.Parameters)
			}
			for name, want := range c.want {
				if got := value(t, r, name); math.Abs(got-want) > c.off[name] {
					t.Errorf("%s %g, the truth is %g", name, got, want)
				}
			}
			got := forecastOf(t, r.Fragment, "wilson", time.Hour, june, c.base, c.input)
			if nse := skill.NSE(c.observed, got); math.Abs(nse-float64(r.Fit.NSE)) > 1e-6 {
				t.Errorf("the forecast's NSE is %.8f, the fit's %.8f\n%s", nse, r.Fit.NSE, r.Fragment)
			}
		})
	}
}
