package calibration_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"freshet/forecast/loss"
	"freshet/forecast/routing"
	"freshet/forecast/unithydrograph"
	"freshet/internal/calibration"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/verify"
)

func value(t *testing.T, r *calibration.Report, name string) float64 {
	t.Helper()
	for _, p := range r.Parameters {
		if p.Name == name {
			return p.Value
		}
	}
	t.Fatalf("no parameter %s", name)
	return 0
}

// under puts a fragment under a basin of a catalogue, with what it asks to add.
func under(fragment, id, more string) string {
	s := strings.Replace(fragment, "  - id: "+id, "  - id: "+id+"\n"+more+"    #", 1)
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ") + "\n"
}

func load(t *testing.T, step, text string) *catalog.Catalog {
	t.Helper()
	text = "catalog: {name: fit, title: {zh: 拟合, en: Fit}}\nbasins:\n  - id: b\n    name: B\n    settings: {step: " + step + ", every: " + step + ", output_step: " + step + "}\n" +
		"    nodes:\n      - {id: a, name: A}\n      - {id: z, name: Z}\n" + text
	cat, problems := catalog.Load([]hydro.File{{Name: "fit.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	return cat
}

// floodCSV is two floods, of 2020-06-01 and of 2020-06-09, 96 hours each, with
// nothing between them, and what route makes of each.
func floodCSV(route func(in, out []float64)) string {
	b := "time,inflow,outflow\n"
	for event := range 2 {
		in, out := make([]float64, 96), make([]float64, 96)
		for i := range in {
			x := float64(i) / (8 + 4*float64(event))
			in[i] = 50 + 900*x*x*math.Exp(2-2*x)
		}
		route(in, out)
		for i := range in {
			b += fmt.Sprintf("%s,%.17g,%.17g\n", time.Date(2020, 6, 1+8*event, i, 0, 0, 0, time.UTC).Format("2006-01-02 15:04"), in[i], out[i])
		}
	}
	return b
}

const floods = "from,to,use\n2020-06-01,2020-06-04,\n2020-06-09,2020-06-12,\n"

// troutes is one of two parts of a reach of 30 km; floods of some 400 m³/s and more
// leave its banks.
var troutes = routing.Channel{Length: 15000, Slope: 0.0004, Bottom: 60, Top: 80, Compound: 300, N: 0.035, NCompound: 0.08, Side: 0.5}

// Each reach is fitted to a flood of an event list that the method itself has
// routed, and holds on the other flood; what is written loads.
func TestReachesAreFittedOnOneEventAndCheckedOnAnother(t *testing.T) {
	lag, err := routing.NewLag(9000, 14400, 3600)
	if err != nil {
		t.Fatal(err)
	}
	channel, err := routing.NewMCT(routing.Channel{Length: 10000, Slope: 0.0004, Bottom: 60, Top: 90, N: 0.035, Side: 0.5}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	troute, err := routing.NewCunge(troutes, 3600)
	if err != nil {
		t.Fatal(err)
	}
	for method, route := range map[string]func(in, out []float64){
		"cunge": func(in, out []float64) {
			copy(out, in)
			for range 2 {
				s, err := troutes.Steady(in[0], in[0])
				if err != nil {
					t.Fatal(err)
				}
				if err := troute.Route(&s, out[1:], nil, routing.Current, new(routing.Tally)); err != nil {
					t.Fatal(err)
				}
			}
		},
		"lag": func(in, out []float64) { lag.Route(lag.Steady(in[0]), in, out) },
		"mct": func(in, out []float64) {
			copy(out, in)
			for range 3 {
				s, err := channel.Steady(in[0], in[0])
				if err != nil {
					t.Fatal(err)
				}
				for i := range out {
					if _, err := channel.Step(&s, out[i], 0, new(routing.Tally)); err != nil {
						t.Fatal(err)
					}
					out[i] = s.Outflow
				}
			}
		},
	} {
		t.Run(method, func(t *testing.T) {
			o := options(write(t, "floods.csv", floodCSV(route)), method)
			o.Events, o.Split, o.Length, o.Slope, o.Evaluations = write(t, "events.csv", floods), 0.5, 30, 0.0004, 1500
			least := verify.Score(0.999)
			if method == "cunge" { // its own stopping rule leaves a per cent of the depth open; what was surveyed is given
				o.Parts, o.Evaluations, least = 2, 2500, 0.99
				o.Bounds = []string{"bank_depth=4.5:5.5", "plain_ratio=3:5", "side_slope=0.4:0.6", "bottom_width=40:90"}
			}
			r, err := calibration.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Fit.Events != 1 || r.Check == nil || r.Check.Events != 1 || r.Fit.NSE < least || r.Check.NSE < least {
				t.Errorf("fit %+v, check %+v: want one event each and an NSE of %g of what the method made", r.Fit, r.Check, least)
			}
			more := "    from: a\n    to: z\n"
			if method == "lag" {
				more += "    length: 30\n"
			}
			reach := load(t, "1h", under(r.Fragment, "wilson", more)).Basins[0].Reaches[0]
			if reach.Length != 30 {
				t.Errorf("length %g km", reach.Length)
			}
			want := map[string]float64{"lag": reach.Lag.Seconds(), "k": reach.K.Seconds()}
			if method == "cunge" {
				want = map[string]float64{"bottom_width": reach.Channel.Bottom, "n_compound": reach.Channel.NPlain, "n": reach.Channel.N, "side_slope": reach.Channel.Side}
				if c := reach.Channel; reach.SubReaches != 2 || math.Abs(c.N/0.035-1) > 0.1 || math.Abs(c.NPlain/0.08-1) > 0.3 {
					t.Errorf("%d parts, n %g and %g of the plain; the truth is 2, 0.035 and 0.08", reach.SubReaches, c.N, c.NPlain)
				}
			}
			if method == "mct" {
				want = map[string]float64{"bottom_width": reach.Channel.Bottom, "side_slope": reach.Channel.Side, "n": reach.Channel.N}
			}
			for name, got := range want {
				if got != value(t, r, name) {
					t.Errorf("%s: the catalogue holds %g, the report %g", name, got, value(t, r, name))
				}
			}
		})
	}
}

// Two storms on 20 km², the second of two parts that a day without rain divides.
func TestACurveNumberIsFoundFromEvents(t *testing.T) {
	ground, err := loss.NewCurveNumber(78, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	u, err := unithydrograph.Nash(3, 5400, 3600)
	if err != nil {
		t.Fatal(err)
	}
	text := "time,rain,flow\n"
	for event := range 2 {
		flow := make([]float64, 96+len(u))
		var s loss.Storm
		for i := range 96 {
			rain := max(0, 12*math.Sin(float64(i)/4)) * float64(1+event)
			if i > 20 && (event == 0 || i < 50 || i > 60) {
				rain = 0
			}
			if i == 49 {
				s = loss.Storm{} // after more than a day
			}
			var excess float64
			s, excess = ground.Step(s, rain)
			u.Add(flow[i:], excess*20/3.6)
			text += fmt.Sprintf("%s,%.17g,%.17g\n", time.Date(2020, 6, 1+8*event, i, 0, 0, 0, time.UTC).Format("2006-01-02 15:04"), rain, flow[i])
		}
	}
	o := options(write(t, "storms.csv", text), "scs")
	o.Events, o.Split, o.Area, o.Evaluations = write(t, "events.csv", floods), 0.5, 20, 4000
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Fit.NSE < 0.999 || r.Check.NSE < 0.99 {
		t.Errorf("NSE %g in the fit, %g in the check", r.Fit.NSE, r.Check.NSE)
	}
	fragment(t, r, map[string]string{"method": "scs", "storm_gap": "24h"})
}

// fragment checks that the runoff of a fragment has each parameter of the report
// but those of skip, with its value, and what more says.
func fragment(t *testing.T, r *calibration.Report, more map[string]string, skip ...string) map[string]any {
	t.Helper()
	var f struct {
		SubBasins []struct {
			ID     string
			Area   float64
			Runoff map[string]any
		} `yaml:"sub_basins"`
	}
	if err := yaml.Unmarshal([]byte(r.Fragment), &f); err != nil || len(f.SubBasins) != 1 {
		t.Fatalf("%v: %d sub-basins in\n%s", err, len(f.SubBasins), r.Fragment)
	}
	got := f.SubBasins[0].Runoff
	for _, p := range r.Parameters {
		if strings.Contains(strings.Join(skip, " "), p.Name) {
			continue
		}
		text := fmt.Sprint(got[p.Name])
		v, err := time.ParseDuration(text)
		x := v.Seconds()
		if err != nil {
			_, err = fmt.Sscan(text, &x)
		}
		if err != nil || x != p.Value {
			t.Errorf("%s: the fragment holds %s, the report %g", p.Name, text, p.Value)
		}
	}
	for name, want := range more {
		if fmt.Sprint(got[name]) != want {
			t.Errorf("%s: the fragment holds %v, want %s", name, got[name], want)
		}
	}
	return got
}

// A pull moves parameters to the middle of their bounds and costs fit.
func TestAPullMovesParametersToTheMiddle(t *testing.T) {
	off := func(pull float64) (distance, nse float64) {
		o := options(write(t, "wilson.csv", wilson()), "nl3")
		o.Pull = pull
		r, err := calibration.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Pull != pull || strings.Contains(r.Fragment, "pull") != (pull > 0) {
			t.Errorf("a pull of %g is reported as %g in\n%s", pull, r.Pull, r.Fragment)
		}
		for _, p := range r.Parameters {
			u := (p.Value - p.Lo) / (p.Hi - p.Lo)
			if p.Name != "x" {
				u = math.Log(p.Value/p.Lo) / math.Log(p.Hi/p.Lo)
			}
			distance += (u - 0.5) * (u - 0.5)
		}
		return distance, float64(r.Fit.NSE)
	}
	d0, n0 := off(0)
	d1, n1 := off(1)
	d2, n2 := off(100)
	if !(d0 > d1 && d1 > d2 && d2 < 1e-2 && n0 > n1 && n1 > n2) {
		t.Errorf("distances %g, %g, %g and NSE %g, %g, %g under growing pulls", d0, d1, d2, n0, n1, n2)
	}
	for _, pull := range []float64{-1, math.NaN(), math.Inf(1)} {
		o := options(write(t, "wilson.csv", wilson()), "nl3")
		o.Pull = pull
		if _, err := calibration.Run(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "--pull") {
			t.Errorf("pull %g: %v", pull, err)
		}
	}
}

// The middle of the bounds of a Xinanjiang model is the usual one.
func TestTheMiddleOfTheBoundsIsTheUsualXinanjiang(t *testing.T) {
	o := options(write(t, "basin.csv", strings.Replace(basinCSV(), ",q\n", ",flow\n", 1)), "xinanjiang")
	o.Area, o.Evaluations = 100, 300
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	usual := map[string]float64{"wlm": 70, "wdm": 50, "b": 0.3, "sm": 25, "kg_share": 0.5, "ci": 0.7, "cg": 0.98, "uh_reservoirs": 3}
	for _, p := range r.Parameters {
		want, ok := usual[p.Name]
		middle, geometric := (p.Lo+p.Hi)/2, math.Sqrt(p.Lo*p.Hi)
		if ok && math.Abs(middle/want-1) > 0.02 && math.Abs(geometric/want-1) > 0.02 {
			t.Errorf("%s from %g to %g: want %g in the middle", p.Name, p.Lo, p.Hi, want)
		}
	}
	if r.Parameters[0].Name != "evaporation" {
		t.Errorf("without a pet column the first parameter is %s, want the evaporation", r.Parameters[0].Name)
	}
	got := fragment(t, r, map[string]string{"method": "xinanjiang", "k": "1", "wum": "20", "c": "0.15", "im": "0.01", "division": "area", "initial_store": "0.6"}, "kg_share", "ki_kg", "slice", "division")
	ki, kg := got["ki"].(float64), got["kg"].(float64)
	if share := r.Parameters[6]; share.Name != "kg_share" || math.Abs(ki+kg-0.7) > 1e-9 || math.Abs(kg/0.7-share.Value) > 1e-5 {
		t.Errorf("ki %g and kg %g for %+v", ki, kg, share)
	}
}
