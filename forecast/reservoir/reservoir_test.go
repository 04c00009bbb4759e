package reservoir_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/rating"
	"freshet/forecast/reservoir"
)

func make1(t testing.TB, o reservoir.Options) *reservoir.Reservoir {
	t.Helper()
	r, err := reservoir.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func start(t testing.TB, r *reservoir.Reservoir, level, inflow float64) reservoir.State {
	t.Helper()
	s, err := r.Start(0, level, inflow)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func route(t testing.TB, r *reservoir.Reservoir, s reservoir.State, in reservoir.Inputs) ([]reservoir.Step, reservoir.State) {
	t.Helper()
	out := make([]reservoir.Step, len(in.Inflow))
	s, err := r.Route(s, in, out)
	if err != nil {
		t.Fatal(err)
	}
	return out, s
}

func steady(q float64, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = q
	}
	return v
}

var steps = []time.Duration{5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour}

// A lake of constant area A whose outflow is k S answers a steady inflow I with
// h = h∞ + (h0 - h∞) exp(-kt), h∞ = I/(kA). Here 6 h to 1/e, 10 m of depth.
func TestALinearReservoirFollowsItsExponential(t *testing.T) {
	const area, k = 2e6, 1 / (6 * 3600.0)
	for _, step := range steps {
		r := make1(t, reservoir.Options{
			Curve:   []reservoir.Point{{Level: 100, Volume: 0}, {Level: 115, Volume: 15 * area / 1e6}},
			Outlets: []reservoir.Outlet{{Name: "pipe", Kind: reservoir.Curve, Points: []rating.Point{{Level: 100, Discharge: 0}, {Level: 115, Discharge: 15 * area * k}}}},
			Step:    step,
		})
		for _, c := range []struct{ from, inflow float64 }{{110, 0}, {100, 10 * area * k}, {103, 13 * area * k}} {
			n := int(48 * time.Hour / step)
			out, _ := route(t, r, start(t, r, c.from, c.inflow), reservoir.Inputs{Inflow: steady(c.inflow, n)})
			worst := 0.0
			for i, s := range out {
				at := step.Seconds() * float64(i+1)
				end := 100 + c.inflow/(k*area)
				worst = max(worst, math.Abs(s.Level-(end+(c.from-end)*math.Exp(-k*at))))
				if s.Bound != reservoir.ByFree {
					t.Fatalf("%v: step %d bound by %v", step, i, s.Bound)
				}
			}
			t.Logf("step %v, from %g m with %.0f m³/s: at most %.3f mm off in 48 h", step, c.from, c.inflow, worst*1000)
			if worst > 1e-3 {
				t.Errorf("step %v, from %g m: %.3f mm off", step, c.from, worst*1000)
			}
		}
	}
}

// A lake of constant area A that empties over a weir, A dh/dt = -C L h^1.5,
// stands at h = (h0^-½ + C L t/(2A))^-2 above the crest.
func TestALakeEmptiesOverAWeirByItsPowerLaw(t *testing.T) {
	const area, width, h0 = 1.5e6, 40.0, 4.0
	for _, step := range steps {
		r := make1(t, reservoir.Options{
			Curve:   []reservoir.Point{{Level: 50, Volume: 1}, {Level: 70, Volume: 1 + 20*area/1e6}},
			Outlets: []reservoir.Outlet{{Name: "spillway", Kind: reservoir.Weir, Level: 60, Width: width, Coefficient: reservoir.SharpCrest}},
			Step:    step,
		})
		out, _ := route(t, r, start(t, r, 60+h0, 0), reservoir.Inputs{Inflow: steady(0, int(72*time.Hour/step))})
		worst := 0.0
		for i, s := range out {
			at := step.Seconds() * float64(i+1)
			want := math.Pow(1/math.Sqrt(h0)+reservoir.SharpCrest*width*at/(2*area), -2)
			worst = max(worst, math.Abs(s.Level-60-want))
		}
		t.Logf("step %v: at most %.3f mm off in 72 h", step, worst*1000)
		if worst > 1e-3 {
			t.Errorf("step %v: %.3f mm off", step, worst*1000)
		}
	}
}

// A ramp of inflow into a linear reservoir: h = (g/kA)(t - (1-exp(-kt))/k) for
// I = g t; the mean outflow of each step by the change of storage.
func TestARampOfInflowIsFollowed(t *testing.T) {
	const area, k, g = 2e6, 1 / (6 * 3600.0), 1e-3
	r := make1(t, reservoir.Options{
		Curve:   []reservoir.Point{{Level: 0, Volume: 0}, {Level: 15, Volume: 15 * area / 1e6}},
		Outlets: []reservoir.Outlet{{Name: "pipe", Kind: reservoir.Curve, Points: []rating.Point{{Level: 0, Discharge: 0}, {Level: 15, Discharge: 15 * area * k}}}},
		Step:    15 * time.Minute,
	})
	in := make([]float64, 96)
	for i := range in {
		in[i] = g * 900 * float64(i+1)
	}
	out, _ := route(t, r, start(t, r, 0, 0), reservoir.Inputs{Inflow: in})
	for i, s := range out {
		at := 900 * float64(i+1)
		if want := g / (k * area) * (at - (1-math.Exp(-k*at))/k); math.Abs(s.Level-want) > 1e-3 {
			t.Errorf("after %g h: %.5f m, want %.5f", at/3600, s.Level, want)
		}
	}
}

const hour = int64(3600_000)

// dam has every kind of outlet.
func dam(rules reservoir.Rules, step time.Duration) reservoir.Options {
	return reservoir.Options{
		Curve: []reservoir.Point{{Level: 60, Volume: 10}, {Level: 80, Volume: 100}, {Level: 100, Volume: 400}},
		Crest: 98,
		Outlets: []reservoir.Outlet{
			{Name: "spillway", Kind: reservoir.Weir, Level: 92, Width: 50, Coefficient: reservoir.SharpCrest},
			{Name: "gates", Kind: reservoir.Gate, Level: 84, Width: 30, Height: 8, Coefficient: 0.62},
			{Name: "bottom", Kind: reservoir.Orifice, Level: 64, Area: 9, Coefficient: 0.6, Controlled: true},
			{Name: "power", Kind: reservoir.Turbines, Level: 75, Capacity: 60},
			{Name: "ladder", Kind: reservoir.Curve, Points: []rating.Point{{Level: 70, Discharge: 0}, {Level: 95, Discharge: 3}}},
		},
		Rules: rules, Step: step,
	}
}

// The plan wants to hold water back, the flood-season limit level wants it gone,
// and the river below bears only so much: who wins is named at each step.
func TestWherePlanAndLimitLevelCollideTheBindingRuleIsNamed(t *testing.T) {
	r := make1(t, dam(reservoir.Rules{Otherwise: reservoir.PassInflow, Downstream: 700}, 10*time.Minute))
	const n = 6 * 24
	in := reservoir.Inputs{
		Inflow: make([]float64, n), Limit: steady(88, n), Local: steady(100, n),
		Plan: []reservoir.Order{{From: 0, Until: 18 * hour, Release: 80}},
	}
	for i := range in.Inflow { // to 1200 m³/s at 12 h and back
		in.Inflow[i] = 100 + 1100*math.Max(0, 1-math.Abs(float64(i+1)/6-12)/8)
	}
	s := start(t, r, 87.5, 100)
	out, _ := route(t, r, s, in)
	var story []string
	for i, x := range out {
		mean := (s.Inflow + in.Inflow[i]) / 2
		s = reservoir.State{Inflow: in.Inflow[i]}
		switch x.Bound {
		case reservoir.ByPlan:
			if math.Abs(x.Outflow-80) > 1e-9 || x.Level > 88+1e-9 {
				t.Errorf("step %d: as planned, but %g m³/s at %g m", i, x.Outflow, x.Level)
			}
		case reservoir.ByLimitLevel:
			if math.Abs(x.Level-88) > 1e-6 || x.Outflow < 80 || x.Outflow > 600 || x.Asked != 80 && x.Asked != mean {
				t.Errorf("step %d: raised by the limit level, but %g m³/s at %g m, asked %g", i, x.Outflow, x.Level, x.Asked)
			}
		case reservoir.ByDownstream:
			if math.Abs(x.Outflow-600) > 1e-9 || x.Level < 88-1e-9 {
				t.Errorf("step %d: cut for the river below, but %g m³/s at %g m", i, x.Outflow, x.Level)
			}
		case reservoir.ByPassInflow:
			if math.Abs(x.Outflow-mean) > 1e-9 {
				t.Errorf("step %d: inflow %g m³/s passed as %g", i, mean, x.Outflow)
			}
		default:
			t.Errorf("step %d bound by %v", i, x.Bound)
		}
		if line := fmt.Sprintf("%v", x.Bound); len(story) == 0 || story[len(story)-1] != line {
			story = append(story, line)
		}
	}
	want := []string{"plan", "limit_level", "downstream", "limit_level", "pass_inflow"}
	if diff := cmp.Diff(want, story); diff != "" {
		for i, x := range out {
			t.Logf("%5.2f h: in %6.1f out %6.1f asked %6.1f m³/s, %.3f m, %v", float64(i+1)/6, in.Inflow[i], x.Outflow, x.Asked, x.Level, x.Bound)
		}
		t.Errorf("who bound (-want +got):\n%s", diff)
	}
}

func TestEachBindingIsNamed(t *testing.T) {
	const far = 1000 * hour
	order := func(q float64) []reservoir.Order { return []reservoir.Order{{From: 0, Until: far, Release: q}} }
	for _, c := range []struct {
		name   string
		level  float64
		inflow float64
		rules  reservoir.Rules
		in     reservoir.Inputs
		bound  reservoir.Binding
		out    float64 // NaN: not looked at
	}{
		{"closed", 66, 5, reservoir.Rules{}, reservoir.Inputs{}, reservoir.ByClosed, 0},
		{"hold", 82, 5, reservoir.Rules{Otherwise: reservoir.Hold}, reservoir.Inputs{Hold: 33}, reservoir.ByHold, 33},
		{"nothing known to hold", 82, 44, reservoir.Rules{Otherwise: reservoir.Hold}, reservoir.Inputs{Hold: math.NaN()}, reservoir.ByPassInflow, 44},
		{"pass", 82, 44, reservoir.Rules{Otherwise: reservoir.PassInflow}, reservoir.Inputs{}, reservoir.ByPassInflow, 44},
		{"keep", 82, 44, reservoir.Rules{Otherwise: reservoir.KeepLevel, Level: 82}, reservoir.Inputs{}, reservoir.ByKeepLevel, 44},
		{"plan", 82, 44, reservoir.Rules{Otherwise: reservoir.Hold}, reservoir.Inputs{Plan: order(20)}, reservoir.ByPlan, 20},
		{"limit", 86, 144, reservoir.Rules{}, reservoir.Inputs{Plan: order(20), Limit: []float64{86}}, reservoir.ByLimitLevel, 144},
		{"no limit in force", 86, 144, reservoir.Rules{}, reservoir.Inputs{Plan: order(20), Limit: []float64{math.NaN()}}, reservoir.ByPlan, 20},
		{"downstream cuts the limit", 86, 144, reservoir.Rules{Downstream: 100}, reservoir.Inputs{Limit: []float64{86}}, reservoir.ByDownstream, 100},
		{"downstream cuts the plan", 86, 144, reservoir.Rules{Downstream: 100}, reservoir.Inputs{Plan: order(200), Local: []float64{30}}, reservoir.ByDownstream, 70},
		{"the dam comes first", 86, 144, reservoir.Rules{Downstream: 100, DownstreamUntil: 86}, reservoir.Inputs{Plan: order(140)}, reservoir.ByPlan, 140},
		{"minimum", 82, 5, reservoir.Rules{}, reservoir.Inputs{Minimum: []float64{8}}, reservoir.ByMinimum, 8},
		{"minimum before the plan", 82, 44, reservoir.Rules{}, reservoir.Inputs{Plan: order(2), Minimum: []float64{8}}, reservoir.ByMinimum, 8},
		{"more than the minimum is planned", 82, 44, reservoir.Rules{}, reservoir.Inputs{Plan: order(9), Minimum: []float64{8}}, reservoir.ByPlan, 9},
		{"limit level before the minimum", 86, 144, reservoir.Rules{}, reservoir.Inputs{Limit: []float64{86}, Minimum: []float64{8}}, reservoir.ByLimitLevel, 144},
		{"more than the limit level wants", 86, 4, reservoir.Rules{}, reservoir.Inputs{Limit: []float64{86}, Minimum: []float64{8}}, reservoir.ByMinimum, 8},
		{"downstream before the minimum", 82, 44, reservoir.Rules{Downstream: 100}, reservoir.Inputs{Minimum: []float64{8}, Local: []float64{95}}, reservoir.ByDownstream, 5},
		{"minimum that no outlet passes", 66, 5, reservoir.Rules{}, reservoir.Inputs{Minimum: []float64{800}}, reservoir.ByCapacity, math.NaN()},
		{"free", 94, 10, reservoir.Rules{}, reservoir.Inputs{Plan: order(5)}, reservoir.ByFree, math.NaN()},
		{"free beats downstream", 94, 10, reservoir.Rules{Downstream: 20}, reservoir.Inputs{Plan: order(5)}, reservoir.ByFree, math.NaN()},
		{"capacity", 78, 10, reservoir.Rules{}, reservoir.Inputs{Plan: order(9000)}, reservoir.ByCapacity, math.NaN()},
		{"empty", 65, 1, reservoir.Rules{}, reservoir.Inputs{Plan: order(40)}, reservoir.ByCapacity, math.NaN()},
		{"full", 97.9, 20000, reservoir.Rules{}, reservoir.Inputs{}, reservoir.ByFull, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := make1(t, dam(c.rules, 10*time.Minute))
			s := start(t, r, c.level, c.inflow)
			c.in.Inflow = []float64{c.inflow}
			out, _ := route(t, r, s, c.in)
			x := out[0]
			if x.Bound != c.bound || c.out == c.out && math.Abs(x.Outflow-c.out) > 1e-9 {
				t.Errorf("%g m³/s by %v at %g m, want %g by %v", x.Outflow, x.Bound, x.Level, c.out, c.bound)
			}
			all, free := r.Capacity(max(c.level, x.Level))
			if x.Bound != reservoir.ByFull && x.Outflow > all+1e-9 {
				t.Errorf("%g m³/s through outlets that pass %g", x.Outflow, all)
			}
			if _, least := r.Capacity(min(c.level, x.Level)); x.Outflow < least-1e-9 {
				t.Errorf("%g m³/s where %g flow freely", x.Outflow, free)
			}
			zh, en := x.Bound.Text()
			if zh == "" || en == "" {
				t.Errorf("%v has no text", x.Bound)
			}
		})
	}
}

// What is in a reservoir whose bottom outlet lies at its lowest point can be
// drawn, and no more.
func TestAnEmptyReservoirGivesWhatComesIn(t *testing.T) {
	r := make1(t, reservoir.Options{
		Curve:   []reservoir.Point{{Level: 60, Volume: 0}, {Level: 80, Volume: 2}},
		Outlets: []reservoir.Outlet{{Name: "valve", Kind: reservoir.Turbines, Level: 60, Capacity: 50}},
		Step:    time.Hour,
	})
	out, s := route(t, r, start(t, r, 61, 3), reservoir.Inputs{Inflow: steady(3, 4), Plan: []reservoir.Order{{From: 0, Until: 100 * hour, Release: 50}}})
	for i, want := range []float64{0.1e6/3600 + 3, 3, 3, 3} {
		if x := out[i]; x.Bound != reservoir.ByEmpty || math.Abs(x.Outflow-want) > 1e-9 || x.Volume != 0 {
			t.Errorf("step %d: %+v, want %g m³/s", i, x, want)
		}
	}
	if s.Volume != 0 || s.At != 4*hour {
		t.Errorf("state %+v", s)
	}
}

// Turbines stop below their lowest level: what a step passes there is what
// brings the lake to it.
func TestTurbinesStopAtTheirLowestLevel(t *testing.T) {
	r := make1(t, reservoir.Options{
		Curve:   []reservoir.Point{{Level: 60, Volume: 0}, {Level: 80, Volume: 2}},
		Outlets: []reservoir.Outlet{{Name: "power", Kind: reservoir.Turbines, Level: 70, Capacity: 50}},
		Step:    time.Hour,
	})
	out, _ := route(t, r, start(t, r, 70.5, 0), reservoir.Inputs{Inflow: steady(0, 3), Plan: []reservoir.Order{{From: 0, Until: 100 * hour, Release: 50}}})
	sum := 0.0
	for _, x := range out {
		sum += x.Outflow * 3600
		if x.Level < 70-1e-9 {
			t.Errorf("drawn to %g m", x.Level)
		}
	}
	if math.Abs(sum-0.05e6) > 1e-3 || out[2].Outflow > 1e-9 || out[0].Bound != reservoir.ByCapacity {
		t.Errorf("%g m³ drawn, want 50000; last %+v", sum, out[2])
	}
}

// An order that ends within a step counts for its part of the step.
func TestOrdersNeedNotFitTheStep(t *testing.T) {
	r := make1(t, dam(reservoir.Rules{}, time.Hour))
	plan := []reservoir.Order{{From: hour / 4, Until: hour / 2, Release: 40}, {From: hour / 2, Until: hour + 360_000, Release: 20}}
	out, _ := route(t, r, start(t, r, 69, 0), reservoir.Inputs{Inflow: steady(0, 2), Plan: plan})
	for i, want := range []float64{0.25*40 + 0.5*20, 0.1 * 20} {
		if x := out[i]; math.Abs(x.Outflow-want) > 1e-9 || math.Abs(x.Asked-want) > 1e-9 || x.Bound != reservoir.ByPlan {
			t.Errorf("step %d: %+v, want %g m³/s", i, x, want)
		}
	}
}

// Openings pass what the outlets' laws say at the level of the moment.
func TestOpeningsAreObeyed(t *testing.T) {
	r := make1(t, dam(reservoir.Rules{}, 10*time.Minute))
	s := start(t, r, 90, 500)
	open := []float64{1, 2.5, 0.5, 0.25, 1}
	out, _ := route(t, r, s, reservoir.Inputs{Inflow: steady(500, 1), Plan: []reservoir.Order{{From: 0, Until: hour, Openings: open}}})
	at := func(h float64) float64 {
		g := math.Sqrt(2 * 9.80665)
		gate := 2.0 / 3 * g * 0.62 * 30 * (math.Pow(h-84, 1.5) - math.Pow(h-86.5, 1.5))
		hole := 0.5 * 0.6 * 9 * g * math.Sqrt(h-64)
		return gate + hole + 0.25*60 + 3*(h-70)/25
	}
	want := (at(90) + at(out[0].Level)) / 2
	if math.Abs(out[0].Outflow-want) > 1e-3*want || out[0].Bound != reservoir.ByPlan || out[0].Asked != out[0].Outflow && math.Abs(out[0].Asked-want) > 1e-3*want {
		t.Errorf("%+v, want %g m³/s", out[0], want)
	}
}

func TestALevelIsApproachedAtTheRateAsked(t *testing.T) {
	for _, rules := range []reservoir.Rules{
		{Otherwise: reservoir.KeepLevel, Level: 85, Approach: 48 * time.Hour},
		{Approach: 48 * time.Hour}, // the limit level alone
	} {
		var ends []float64
		for _, step := range []time.Duration{5 * time.Minute, time.Hour} {
			r := make1(t, dam(rules, step))
			n := int(96 * time.Hour / step)
			s := start(t, r, 86, 100)
			out, _ := route(t, r, s, reservoir.Inputs{Inflow: steady(100, n), Limit: steady(85, n)})
			v85, _ := r.Volume(85)
			left := (out[n-1].Volume - v85) / (s.Volume - v85)
			if math.Abs(left-math.Exp(-2)) > 1e-9 {
				t.Errorf("%v: %g of the way is left after two times its constant, want %g", rules, left, math.Exp(-2))
			}
			ends = append(ends, out[n-1].Volume)
		}
		if math.Abs(ends[0]-ends[1]) > 1e-9 {
			t.Errorf("the end depends on the step: %v", ends)
		}
	}
}

func TestLimitLevelsFollowTheCalendar(t *testing.T) {
	periods := []reservoir.Period{
		{FromMonth: 4, FromDay: 15, ToMonth: 10, ToDay: 15, Level: 88},
		{FromMonth: 6, FromDay: 1, ToMonth: 8, ToDay: 31, Level: 86},
		{FromMonth: 12, FromDay: 1, ToMonth: 2, ToDay: 28, Level: 90},
	}
	for _, c := range []struct {
		month, day int
		want       float64
	}{{4, 14, math.NaN()}, {4, 15, 88}, {5, 31, 88}, {6, 1, 86}, {8, 31, 86}, {9, 1, 88}, {10, 15, 88}, {10, 16, math.NaN()}, {12, 1, 90}, {1, 1, 90}, {2, 28, 90}, {2, 29, math.NaN()}} {
		if got := reservoir.LimitOn(periods, c.month, c.day); got != c.want && (got == got || c.want == c.want) {
			t.Errorf("%02d-%02d: %g m, want %g", c.month, c.day, got, c.want)
		}
	}
}

func TestMinimumReleasesFollowTheCalendar(t *testing.T) {
	floors := []reservoir.Floor{
		{FromMonth: 1, FromDay: 1, ToMonth: 12, ToDay: 31, Release: 4},
		{FromMonth: 11, FromDay: 1, ToMonth: 3, ToDay: 31, Release: 9},
	}
	for _, c := range []struct {
		month, day int
		want       float64
	}{{10, 31, 4}, {11, 1, 9}, {1, 1, 9}, {3, 31, 9}, {4, 1, 4}} {
		if got := reservoir.MinimumOn(floors, c.month, c.day); got != c.want {
			t.Errorf("%02d-%02d: %g m³/s, want %g", c.month, c.day, got, c.want)
		}
	}
	if got := reservoir.MinimumOn(floors[1:], 7, 1); got != 0 {
		t.Errorf("in no period: %g m³/s, want 0", got)
	}
}

// drawn draws a reservoir, its inputs and a level.
func drawn(t *rapid.T) (reservoir.Options, reservoir.Inputs, float64) {
	num := func(name string, lo, hi float64) float64 { return rapid.Float64Range(lo, hi).Draw(t, name) }
	level, volume := num("bottom", -10, 200), num("dead", 0, 1)
	o := reservoir.Options{Step: rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute, time.Hour}).Draw(t, "step")}
	low := level
	for range rapid.IntRange(2, 6).Draw(t, "points") {
		o.Curve = append(o.Curve, reservoir.Point{Level: level, Volume: volume})
		level += num("dh", 0.5, 10)
		volume += num("dv", 1, 100)
	}
	high := o.Curve[len(o.Curve)-1].Level
	if rapid.Bool().Draw(t, "crested") {
		o.Crest = num("crest", low+(high-low)/2, high)
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "outlets") {
		x := reservoir.Outlet{Name: fmt.Sprint(i), Level: num("sill", low, high), Kind: rapid.SampledFrom([]reservoir.Kind{reservoir.Weir, reservoir.Gate, reservoir.Orifice, reservoir.Turbines, reservoir.Curve}).Draw(t, "kind"), Controlled: rapid.Bool().Draw(t, "controlled")}
		switch x.Kind {
		case reservoir.Weir:
			x.Width, x.Coefficient = num("width", 0.1, 60), 1.84
		case reservoir.Gate:
			x.Width, x.Height, x.Coefficient = num("width", 0.1, 40), num("height", 0.1, 10), 0.62
		case reservoir.Orifice:
			x.Area, x.Coefficient = num("area", 0.01, 10), 0.6
			x.Level += math.Sqrt(x.Area)/2 + 1e-9
		case reservoir.Turbines:
			x.Capacity = num("capacity", 0.1, 100)
		case reservoir.Curve:
			x.Points = []rating.Point{{Level: x.Level, Discharge: 0}, {Level: x.Level + num("rise", 0.5, 5), Discharge: num("q1", 1, 300)}}
			x.Level = 0
		}
		o.Outlets = append(o.Outlets, x)
	}
	o.Rules = reservoir.Rules{
		Otherwise: rapid.SampledFrom([]reservoir.Rule{reservoir.Closed, reservoir.Hold, reservoir.PassInflow, reservoir.KeepLevel}).Draw(t, "rule"),
		Level:     low + (high-low)*num("keep", 0, 0.5), Approach: time.Duration(rapid.IntRange(0, 48).Draw(t, "approach")) * time.Hour,
	}
	if rapid.Bool().Draw(t, "spares the river") {
		o.Rules.Downstream = num("downstream", 1, 600)
	}
	n := rapid.IntRange(1, 30).Draw(t, "n")
	in := reservoir.Inputs{Hold: num("hold", 0, 100), Inflow: make([]float64, n), Limit: make([]float64, n), Local: make([]float64, n), Minimum: make([]float64, n)}
	for i := range n {
		in.Inflow[i] = num("share", 0, 1) * num("inflow", 0, 2000)
		in.Limit[i] = rapid.SampledFrom([]float64{math.NaN(), low + (high-low)*0.6, low + (high-low)*0.7}).Draw(t, "limit")
		in.Local[i] = num("local", 0, 100)
		in.Minimum[i] = rapid.SampledFrom([]float64{0, 3, 40}).Draw(t, "minimum")
	}
	at := int64(0)
	for range rapid.IntRange(0, 4).Draw(t, "orders") {
		at += rapid.Int64Range(0, 3*o.Step.Milliseconds()).Draw(t, "wait")
		order := reservoir.Order{From: at, Until: at + rapid.Int64Range(1, 5*o.Step.Milliseconds()).Draw(t, "long"), Release: num("release", 0, 200)}
		if rapid.Bool().Draw(t, "by openings") {
			for _, x := range o.Outlets {
				a := num("opening", 0, 1)
				switch {
				case x.Kind == reservoir.Gate:
					a *= x.Height
				case x.Kind != reservoir.Turbines && !x.Controlled:
					a = 1
				}
				order.Openings = append(order.Openings, a)
			}
		}
		in.Plan = append(in.Plan, order)
		at = order.Until
	}
	top := high
	if o.Crest != 0 {
		top = o.Crest
	}
	return o, in, min(top, low+(top-low)*num("filled", 0, 1))
}

func TestNoWaterIsLostOrMadeAndEveryBoundHolds(t *testing.T) {
	seen := map[reservoir.Binding]int{}
	rapid.Check(t, func(t *rapid.T) {
		o, in, level := drawn(t)
		r, err := reservoir.New(o)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Start(0, level, in.Inflow[0])
		if err != nil {
			t.Fatal(err)
		}
		out := make([]reservoir.Step, len(in.Inflow))
		end, err := r.Route(s, in, out)
		if err != nil {
			t.Fatal(err)
		}
		dt := o.Step.Seconds()
		top, full := o.Curve[len(o.Curve)-1].Level, o.Curve[len(o.Curve)-1].Volume
		if o.Crest != 0 {
			top = o.Crest
			full, _ = r.Volume(top)
		}
		volume, inflow, stood := s.Volume, s.Inflow, level
		for i, x := range out {
			seen[x.Bound]++
			came, went := (inflow+in.Inflow[i])/2*dt, x.Outflow*dt
			if off := (x.Volume-volume)*1e6 - (came - went); math.Abs(off) > 1e-9*max(came, went, volume*1e6, 1) {
				t.Fatalf("step %d: storage rose by %g m³, inflow less outflow is %g m³", i, (x.Volume-volume)*1e6, came-went)
			}
			if x.Volume < o.Curve[0].Volume || x.Volume > full || !(x.Outflow >= 0) || !(x.Asked >= 0) {
				t.Fatalf("step %d: %+v, storage from %g to %g", i, x, o.Curve[0].Volume, full)
			}
			if x.Bound < reservoir.ByMinimum && math.Abs(x.Outflow-x.Asked) > 1e-6*(1+x.Asked) {
				t.Fatalf("step %d: %+v: asked for one thing, did another, and no limit is named", i, x)
			}
			if least := in.Minimum[i]; x.Bound <= reservoir.ByLimitLevel && x.Outflow < least*(1-1e-9)-1e-6 {
				t.Fatalf("step %d: %+v is less than the minimum of %g m³/s, and nothing stronger is named", i, x, least)
			}
			if l := in.Limit[i]; x.Bound <= reservoir.ByLimitLevel && o.Rules.Approach == 0 && x.Level > l+1e-6 {
				t.Fatalf("step %d: %+v above the limit level %g m, bound by no limit", i, x, l)
			}
			if b := o.Rules.Downstream; b > 0 && stood < top && x.Bound <= reservoir.ByDownstream && x.Outflow > max(0, b-in.Local[i])*(1+1e-9)+1e-6 {
				t.Fatalf("step %d: %+v is more than the river below bears, %g less %g m³/s", i, x, b, in.Local[i])
			}
			volume, inflow, stood = x.Volume, in.Inflow[i], x.Level
		}
		// A run stopped anywhere and taken up again is the run that was not.
		k := rapid.IntRange(0, len(out)).Draw(t, "stop")
		again := make([]reservoir.Step, len(out))
		parts := func(a, b int) reservoir.Inputs {
			return reservoir.Inputs{Inflow: in.Inflow[a:b], Plan: in.Plan, Hold: in.Hold, Limit: in.Limit[a:b], Local: in.Local[a:b], Minimum: in.Minimum[a:b]}
		}
		mid, err := r.Route(s, parts(0, k), again[:k])
		if err != nil {
			t.Fatal(err)
		}
		last, err := r.Route(mid, parts(k, len(out)), again[k:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(end, last); diff != "" {
			t.Fatalf("end (-whole +parts):\n%s", diff)
		}
		if !slices.Equal(out, again) {
			t.Fatalf("stopped after %d steps: (-whole +parts)\n%s", k, cmp.Diff(out, again))
		}
	})
	t.Log(seen)
}

// Discharge never falls as the level rises, and never leaps but where turbines
// start.
func TestOutletsAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, _, _ := drawn(t)
		r, err := reservoir.New(o)
		if err != nil {
			t.Fatal(err)
		}
		low, high := o.Curve[0].Level, o.Curve[len(o.Curve)-1].Level
		a := rapid.Float64Range(low, high).Draw(t, "a")
		b := rapid.Float64Range(a, high).Draw(t, "b")
		allA, freeA := r.Capacity(a)
		allB, freeB := r.Capacity(b)
		if allA > allB*(1+1e-12) || freeA > freeB*(1+1e-12) || freeA > allA*(1+1e-12) {
			t.Fatalf("%g (%g free) m³/s at %g m, %g (%g free) at %g m", allA, freeA, a, allB, freeB, b)
		}
	})
}

func TestAGateIsAWeirUntilItsEdgeIsReached(t *testing.T) {
	r := make1(t, reservoir.Options{
		Curve: []reservoir.Point{{Level: 0, Volume: 0}, {Level: 60, Volume: 100}},
		Outlets: []reservoir.Outlet{
			{Name: "gate", Kind: reservoir.Gate, Level: 2, Width: 10, Height: 3, Coefficient: 0.6},
		},
		Step: time.Minute,
	})
	g := math.Sqrt(2 * 9.80665)
	for _, h := range []float64{2.5, 4, 4.999999, 5} {
		all, free := r.Capacity(h)
		if want := 2.0 / 3 * g * 0.6 * 10 * math.Pow(h-2, 1.5); math.Abs(all-want) > 1e-9 || free != 0 {
			t.Errorf("at %g m: %g m³/s, want %g", h, all, want)
		}
	}
	// Far above, it is a hole of 30 m² at the depth of its middle, to (a/H)²/96.
	all, _ := r.Capacity(53.5)
	if want := 0.6 * 30 * g * math.Sqrt(50); math.Abs(all/want-1) > 3.0*3/50/50/96*1.01 {
		t.Errorf("at 53.5 m: %g m³/s, want %g", all, want)
	}
}

func BenchmarkRoute(b *testing.B) {
	for _, c := range []struct {
		name string
		plan []reservoir.Order
	}{{"outlets", nil}, {"plan", []reservoir.Order{{From: 0, Until: 1000 * hour, Release: 300}}}} {
		b.Run("steps=864/by="+c.name, func(b *testing.B) {
			r := make1(b, dam(reservoir.Rules{}, 5*time.Minute))
			in := reservoir.Inputs{Inflow: make([]float64, 864), Plan: c.plan}
			for i := range in.Inflow {
				in.Inflow[i] = 300 + 900*math.Exp(-math.Pow(float64(i-300)/120, 2))
			}
			s, out := start(b, r, 94, 300), make([]reservoir.Step, 864)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Route(s, in, out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/864, "ns/step")
		})
	}
}
