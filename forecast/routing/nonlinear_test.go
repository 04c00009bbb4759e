package routing_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/routing"
)

// drawNonlinear draws a reach over the range found in rivers: its travel time at
// 100 m³/s is one to ten steps.
func drawNonlinear(t *rapid.T) (n routing.Nonlinear, dt float64) {
	dt = rapid.SampledFrom([]float64{300, 3600, 6 * 3600, 86400}).Draw(t, "dt")
	p := routing.NonlinearParameters{
		X: rapid.Float64Range(0, 0.3).Draw(t, "x"), M: rapid.Float64Range(0.8, 2).Draw(t, "m"),
		A1: 1, A2: 1, Lateral: rapid.Float64Range(-0.1, 0.2).Draw(t, "beta"),
	}
	p.K = dt * rapid.Float64Range(1, 10).Draw(t, "steps") * math.Pow(100, 1-p.M)
	n, err := routing.NewNonlinear(p, dt)
	if err != nil {
		t.Fatal(err)
	}
	return n, dt
}

// A flood of one peak.
func drawWave(t *rapid.T) []float64 {
	base, peak := rapid.Float64Range(10, 100).Draw(t, "base"), rapid.Float64Range(0, 500).Draw(t, "peak")
	width := rapid.Float64Range(4, 10).Draw(t, "width")
	in := make([]float64, 60)
	for i := range in {
		d := (float64(i) - 25) / width
		in[i] = base + peak*math.Exp(-d*d)
	}
	return in
}

// The storage rises by what enters less Outflow, at every step. A flood for which
// the equations have no outflow is an error, and proves nothing else.
func TestNonlinearStorageIsInflowLessOutflow(t *testing.T) {
	ran := 0
	rapid.Check(t, func(t *rapid.T) {
		n, dt := drawNonlinear(t)
		in := drawWave(t)
		s := n.State(in[0], in[0])
		if two := n.State(in[0], 2*in[0]); two.Storage <= s.Storage {
			t.Fatalf("storage %g m³ at twice the outflow, %g m³ before", two.Storage, s.Storage)
		}
		out := make([]float64, 1)
		for _, i := range in[1:] {
			loss := n.Outflow(s)
			next, err := n.Route(s, []float64{i}, out)
			if err != nil {
				return
			}
			joined := ((next.Storage-s.Storage)/dt + loss) / s.Inflow // the inflow that the balance shows
			if out[0] < 0 || next.Storage < 0 || joined < 0.9-1e-9 || joined > 1.2+1e-9 {
				t.Fatalf("outflow %g m³/s, storage %g m³, inflow times %g", out[0], next.Storage, joined)
			}
			s = next
		}
		ran++
	})
	if ran < 30 {
		t.Errorf("%d of 100 floods could be routed, want at least 30", ran)
	}
}

// The procedure's outflow differs from the loss of the storage by the change of
// the wedge: x/(1-x) times the rise of the inflow over the run, if the exponents
// of the flows are 1.
func TestTheOutflowsMissOnlyTheChangeOfTheWedge(t *testing.T) {
	const dt, x = 6 * 3600, 0.2869166
	n, err := routing.NewNonlinear(routing.NonlinearParameters{K: 0.0862491 * dt, X: x, M: 1.868087, A1: 1, A2: 1}, dt)
	if err != nil {
		t.Fatal(err)
	}
	in := []float64{22, 23, 35, 71, 103, 111, 109, 100, 86, 71, 59, 47, 39, 32, 28, 24, 22, 21, 20, 19, 19, 18}
	start := n.State(in[0], in[0])
	out := make([]float64, len(in)-1)
	end, err := n.Route(start, in[1:], out)
	if err != nil {
		t.Fatal(err)
	}
	net := -start.Inflow // every inflow but the last enters; the first outflow is that of the start
	for i, q := range out {
		net += in[i] - q
	}
	net += n.Outflow(end) // the last outflow has not left yet
	rise := x / (1 - x) * (in[len(in)-1] - in[0])
	if got, want := (end.Storage-start.Storage)/dt, net+rise; math.Abs(got-want) > 1e-9*start.Storage/dt {
		t.Errorf("storage rose by %g m³/s steps, inflow less outflow, with the wedge, is %g", got, want)
	}
}

// With m = 1 and steps that halve, the procedure comes to the linear reservoir.
func TestANonlinearReachWithExponentsOneIsALinearReservoir(t *testing.T) {
	const k = 5 * hour
	var before float64
	for i, dt := range []float64{600, 300, 150} {
		n, err := routing.NewNonlinear(routing.NonlinearParameters{K: k, M: 1, A1: 1, A2: 1}, dt)
		if err != nil {
			t.Fatal(err)
		}
		out := slices.Repeat([]float64{100}, int(k/dt))
		if _, err := n.Route(n.State(100, 0), out, out); err != nil {
			t.Fatal(err)
		}
		e := math.Abs(out[len(out)-1] - 100*-math.Expm1(-1))
		if i > 0 && math.Abs(before/e-2) > 0.1 {
			t.Errorf("dt %g s: error %g m³/s, %g m³/s at twice the step; want the half", dt, e, before)
		}
		before = e
	}
}

func TestASteadyFlowStaysAndAStoppedNonlinearRunIsTheWholeRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := routing.NonlinearParameters{K: 0.139 * 3600, X: 0.2956, M: 4.079, A1: 0.433, A2: 0.433}
		n, err := routing.NewNonlinear(p, 3600)
		if err != nil {
			t.Fatal(err)
		}
		steady := slices.Repeat([]float64{rapid.Float64Range(1, 5000).Draw(t, "q")}, 5)
		out := make([]float64, len(steady))
		if _, err := n.Route(n.State(steady[0], steady[0]), steady, out); err != nil {
			t.Fatal(err)
		}
		for _, q := range out {
			if math.Abs(q-steady[0]) > 1e-8*steady[0] {
				t.Fatalf("outflow %g of a steady %g m³/s", q, steady[0])
			}
		}
		in := []float64{22, 23, 35, 71, 103, 111, 109, 100, 86, 71, 59, 47, 39, 32, 28, 24}
		whole, parts := make([]float64, len(in)), slices.Clone(in)
		a, err := n.Route(n.State(22, 22), in, whole)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(in)).Draw(t, "cut")
		b, err1 := n.Route(n.State(22, 22), parts[:cut], parts[:cut])
		b, err2 := n.Route(b, parts[cut:], parts[cut:])
		if diff := cmp.Diff(whole, parts); diff != "" || err1 != nil || err2 != nil {
			t.Fatal(diff, err1, err2)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestNoRealOutflowIsAnErrorWithNumbers(t *testing.T) {
	n, err := routing.NewNonlinear(routing.NonlinearParameters{K: 1, X: 0.4, M: 1, A1: 1, A2: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		s    routing.NonlinearState
		in   []float64
		says string
	}{
		"a leap of the inflow": {n.State(10, 10), []float64{1000, 1000}, "step 1: the inflow's part at 1000 m³/s exceeds the storage of 10 m³"},
		"an empty storage":     {n.State(0, 100), []float64{0}, "step 0: storage of -40 m³ after 60 m³ at inflow 0 m³/s"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := n.Route(c.s, c.in, make([]float64, len(c.in))); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestNonlinearParametersOutOfRangeAreRefused(t *testing.T) {
	good := routing.NonlinearParameters{K: 300, X: 0.2, M: 1.8, A1: 1, A2: 1}
	for name, c := range map[string]struct {
		change func(*routing.NonlinearParameters)
		dt     float64
		says   string
	}{
		"no storage":       {func(p *routing.NonlinearParameters) { p.K = 0 }, 1, "K = 0"},
		"infinite storage": {func(p *routing.NonlinearParameters) { p.K = math.Inf(1) }, 1, "finite"},
		"all wedge":        {func(p *routing.NonlinearParameters) { p.X = 1 }, 1, "x = 1"},
		"NaN":              {func(p *routing.NonlinearParameters) { p.M = math.NaN() }, 1, "m = NaN"},
		"no exponents":     {func(p *routing.NonlinearParameters) { p.A2 = 0 }, 1, "a2 = 0"},
		"a loss of all":    {func(p *routing.NonlinearParameters) { p.Lateral = -1 }, 1, "beta = -1"},
		"no step":          {func(*routing.NonlinearParameters) {}, 0, "dt = 0 s"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			c.change(&p)
			if _, err := routing.NewNonlinear(p, c.dt); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestNonlinearRoutingAllocatesNothing(t *testing.T) {
	n, err := routing.NewNonlinear(routing.NonlinearParameters{K: 3600, X: 0.2, M: 1.2, A1: 1.1, A2: 0.9}, 300)
	if err != nil {
		t.Fatal(err)
	}
	s, q := n.State(10, 10), slices.Repeat([]float64{10}, 288)
	if got := testing.AllocsPerRun(10, func() { _, _ = n.Route(s, q, q) }); got != 0 {
		t.Errorf("%g allocations a call, want 0", got)
	}
	defer func() {
		if p, ok := recover().(string); !ok || !strings.HasPrefix(p, "routing: ") {
			t.Errorf("panic %v, want one of this package", p)
		}
	}()
	_, _ = n.Route(s, q, q[1:])
}

// A flood through the reach of Wilson (1974), with the best known parameters of the
// three-parameter form: its K counts time in steps of 6 h.
func ExampleNonlinear_Route() {
	const dt = 6 * 3600
	n, err := routing.NewNonlinear(routing.NonlinearParameters{K: 0.0862491 * dt, X: 0.2869166, M: 1.868087, A1: 1, A2: 1}, dt)
	if err != nil {
		fmt.Println(err)
		return
	}
	out := make([]float64, 5)
	if _, err := n.Route(n.State(22, 22), []float64{23, 35, 71, 103, 111}, out); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f m³/s\n", out)
	// Output: [22.0 22.4 26.6 34.5 44.2] m³/s
}
