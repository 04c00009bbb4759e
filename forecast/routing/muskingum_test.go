package routing_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/floats/scalar"
	"pgregory.net/rapid"

	"freshet/forecast/routing"
)

const hour = 3600.0

// The published table of [Chow88], example 8.4.1: K = 2.3 h, X = 0.15, step 1 h,
// flows in ft³/s, printed as whole numbers.
func TestChowExample841IsReproduced(t *testing.T) {
	in := []float64{93, 137, 208, 320, 442, 546, 630, 678, 691, 675, 634, 571, 477, 390, 329, 247, 184, 134, 108, 90}
	want := []float64{85, 91, 114, 159, 233, 324, 420, 509, 578, 623, 642, 635, 603, 546, 479, 413, 341, 274, 215, 170}
	m, err := routing.NewMuskingum(2.3*hour, 0.15, hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	c1, c2, c3 := m.Coefficients()
	for i, c := range []struct{ got, want float64 }{{c1, 0.0631}, {c2, 0.3442}, {c3, 0.5927}} {
		if math.Abs(c.got-c.want) > 5e-5 {
			t.Errorf("C%d = %.5f, printed %.4f", i+1, c.got, c.want)
		}
	}
	out := make([]float64, len(in)-1)
	m.Route(routing.State{in[0], want[0]}, in[1:], out)
	for i, q := range out {
		if math.Abs(q-want[i+1]) > 0.6 { // printed numbers are rounded, and so were their products
			t.Errorf("hour %d: %.2f ft³/s, printed %g", i+2, q, want[i+1])
		}
	}
}

// Ponce, Engineering Hydrology, table 9-1: K = 2 d, X = 0.1, step 1 d, m³/s.
func TestPonceTable91IsReproduced(t *testing.T) {
	in := []float64{352, 587, 1353, 2725, 4408.5, 5987, 6704, 6951, 6839, 6207}
	want := []float64{352, 382.7, 571.4, 1090.2, 2020.6, 3264.7, 4541.8, 5514.1, 6124.2}
	m, err := routing.NewMuskingum(2*86400, 0.1, 86400, 1)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(want)-1)
	m.Route(m.Steady(352), in[1:len(want)], out)
	for i, q := range out {
		if math.Abs(q-want[i+1]) > 0.2 {
			t.Errorf("day %d: %.2f m³/s, printed %g", i+1, q, want[i+1])
		}
	}
}

// Wilson (1974), step 6 h, m³/s, as tabulated in the literature on nonlinear
// Muskingum calibration. The best linear fit of the trapezoidal scheme without
// any bound is known to have K = 29.165 h, x = 0.221 and the sum of squared errors
// 605.63. It lies where 2kx exceeds the step, so its c1 is negative: the table is
// checked with it, the reach is refused, and the stable fit is compared.
func TestWilsonsFlood(t *testing.T) {
	in := []float64{22, 23, 35, 71, 103, 111, 109, 100, 86, 71, 59, 47, 39, 32, 28, 24, 22, 21, 20, 19, 19, 18}
	want := []float64{22, 21, 21, 26, 34, 44, 55, 66, 75, 82, 85, 84, 80, 73, 64, 54, 44, 36, 30, 25, 22, 19}
	const k, x, dt = 29.165, 0.221, 6.0
	ssq := func(out []float64) (s float64) {
		for i := range out {
			s += (out[i] - want[i]) * (out[i] - want[i])
		}
		return s
	}
	t.Run("the known fit gives its sum of squares", func(t *testing.T) {
		d := 2*k*(1-x) + dt
		c1, c2, c3 := (dt-2*k*x)/d, (dt+2*k*x)/d, (2*k*(1-x)-dt)/d
		if c1 >= 0 {
			t.Errorf("c1 = %g, want it negative", c1)
		}
		out := []float64{in[0]}
		for i := range in[1:] {
			out = append(out, c1*in[i+1]+c2*in[i]+c3*out[i])
		}
		if got := ssq(out); math.Abs(got-605.63) > 0.01 {
			t.Errorf("sum of squared errors %.3f, want 605.63", got)
		}
	})
	t.Run("that reach is refused whole and taken in three parts", func(t *testing.T) {
		if _, err := routing.NewMuskingum(k*hour, x, dt*hour, 1); err == nil || !strings.Contains(err.Error(), "stable with 3 to 7 sub-reaches") {
			t.Errorf("error %v; want the stable numbers of sub-reaches", err)
		}
		m, err := routing.NewMuskingum(k*hour, x, dt*hour, 0)
		if err != nil || m.SubReaches() != 3 {
			t.Errorf("%d sub-reaches, %v; want 3", m.SubReaches(), err)
		}
	})
	t.Run("a stable fit is better", func(t *testing.T) {
		best, at := math.Inf(1), ""
		for n := 1; n <= 4; n++ {
			for k := 15.0; k <= 35; k += 0.1 {
				for x := 0.0; x <= 0.4; x += 0.01 {
					m, err := routing.NewMuskingum(k*hour, x, dt*hour, n)
					if err != nil {
						continue
					}
					out := slices.Clone(in)
					m.Route(m.Steady(in[0]), out[1:], out[1:])
					if s := ssq(out); s < best {
						best, at = s, fmt.Sprintf("K = %.1f h, x = %.2f, n = %d", k, x, n)
					}
				}
			}
		}
		t.Logf("sum of squared errors %.2f with %s", best, at)
		if best > 605.63 {
			t.Errorf("sum of squared errors %.2f with %s, want at most 605.63", best, at)
		}
	})
}

func TestAConstructorRefusesWhatCannotBeRouted(t *testing.T) {
	for _, c := range []struct {
		name        string
		k, x, dt    float64
		n           int
		says, andIt string
	}{
		{"a negative travel time", -1, 0.2, 300, 1, "k = -1 s", "> 0"},
		{"NaN", math.NaN(), 0.2, 300, 1, "k = NaN", "> 0"},
		{"an infinite travel time", math.Inf(1), 0.2, 300, 1, "finite", ""},
		{"an x above a half", 3600, 0.6, 300, 1, "x = 0.6", "0 to 0.5"},
		{"no step", 3600, 0.2, 0, 1, "dt = 0 s", "> 0"},
		{"fewer than no sub-reaches", 3600, 0.2, 300, -1, "n = -1", ""},
		{"a reach too long for one step", 36000, 0.3, 300, 1, "unstable: dt = 300 s is outside 2kx to 2k(1-x) = 21600 to 50400 s", "stable with 72 to 168 sub-reaches"},
		{"too many sub-reaches", 36000, 0.3, 300, 200, "unstable", "stable with 72 to 168 sub-reaches"},
		{"a reach shorter than the step", 60, 0.1, 300, 0, "unstable", "use a step of at most 108 s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := routing.NewMuskingum(c.k, c.x, c.dt, c.n)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.andIt) {
				t.Errorf("error %v; want it to say %q and %q", err, c.says, c.andIt)
			}
		})
	}
}

// drawReach draws a stable reach over the range found in rivers: minutes to days
// of travel time at steps of a minute to a day.
func drawReach(t *rapid.T) (m routing.Muskingum, dt float64) {
	dt = rapid.SampledFrom([]float64{60, 300, 900, 3600, 6 * 3600, 86400}).Draw(t, "dt")
	x := rapid.Float64Range(0, 0.5).Draw(t, "x")
	n := rapid.IntRange(1, 100).Draw(t, "n")
	// Of one sub-reach dt/(2(1-x)) <= k <= dt/(2x).
	k := float64(n) * dt * rapid.Float64Range(0.5/(1-x), min(100, 0.5/x)).Draw(t, "k/dt")
	m, err := routing.NewMuskingum(k, x, dt, n)
	if err != nil {
		t.Fatal(err)
	}
	return m, dt
}

func drawFlow(t *rapid.T) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(0, 5000), 1, 80).Draw(t, "in")
}

func TestMassIsConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, dt := drawReach(t)
		s := m.Steady(rapid.Float64Range(0, 5000).Draw(t, "q0"))
		in := drawFlow(t)
		out := make([]float64, len(in))
		before, i0, o0 := m.Storage(s), s[0], s[len(s)-1]
		m.Route(s, in, out)
		net, gross := 0.0, before // by the trapezoidal rule
		for i := range in {
			net += dt * ((i0+in[i])/2 - (o0+out[i])/2)
			gross += dt * (in[i] + out[i])
			i0, o0 = in[i], out[i]
		}
		if got := m.Storage(s) - before; math.Abs(got-net) > 1e-9*gross+1e-9 {
			t.Fatalf("storage rose by %g m³, inflow less outflow is %g m³", got, net)
		}
	})
}

func TestNoOutflowIsNegativeAndNoneExceedsAllInflow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _ := drawReach(t)
		q0 := rapid.Float64Range(0, 5000).Draw(t, "q0")
		s := m.Steady(q0)
		in := drawFlow(t)
		out := make([]float64, len(in))
		m.Route(s, in, out)
		most := max(q0, slices.Max(in))
		for i, q := range out {
			if q < 0 || q > most*(1+1e-9) {
				t.Fatalf("outflow %d is %g m³/s of inflows up to %g", i, q, most)
			}
		}
	})
}

func TestAStoppedRunIsTheWholeRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _ := drawReach(t)
		in := drawFlow(t)
		whole := make([]float64, len(in))
		a := m.Steady(10)
		m.Route(a, in, whole)
		cut := rapid.IntRange(0, len(in)).Draw(t, "cut")
		parts := slices.Clone(in) // in place
		b := m.Steady(10)
		m.Route(b, parts[:cut], parts[:cut])
		m.Route(b, parts[cut:], parts[cut:])
		if diff := cmp.Diff(whole, parts); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
	})
}

// With x = 0 a sub-reach is a linear reservoir, whose answer to a step of inflow
// is 1 - exp(-t/k); the scheme is of second order.
func TestOneSubReachWithoutWedgeIsALinearReservoir(t *testing.T) {
	const k, dt = 5 * hour, 300.0
	m, err := routing.NewMuskingum(k, 0, dt, 1)
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Repeat([]float64{100}, 600)
	s := routing.State{100, 0}
	m.Route(s, out, out)
	for i, q := range out {
		if want := 100 * -math.Expm1(-float64(i+1)*dt/k); !scalar.EqualWithinAbs(q, want, 0.01) {
			t.Fatalf("after %g s: %g m³/s, want %g", float64(i+1)*dt, q, want)
		}
	}
}

func TestTheChainOfNIsTheNthPartRoutedNTimes(t *testing.T) {
	in := []float64{10, 20, 80, 160, 120, 70, 40, 20, 10, 10, 10, 10}
	whole, err := routing.NewMuskingum(4*hour, 0.1, hour, 4)
	if err != nil {
		t.Fatal(err)
	}
	part, err := routing.NewMuskingum(hour, 0.1, hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	a, b := slices.Clone(in), slices.Clone(in)
	whole.Route(whole.Steady(10), a, a)
	for range 4 {
		part.Route(part.Steady(10), b, b)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

func TestWrongShapesPanic(t *testing.T) {
	m, err := routing.NewMuskingum(hour, 0.1, hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"state":   func() { m.Route(routing.State{1}, nil, nil) },
		"lengths": func() { m.Route(m.Steady(1), make([]float64, 2), make([]float64, 3)) },
		"storage": func() { m.Storage(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p, ok := recover().(string); !ok || !strings.HasPrefix(p, "routing: ") {
					t.Errorf("panic %v, want one of this package", p)
				}
			}()
			f()
		})
	}
}

func TestRoutingAllocatesNothing(t *testing.T) {
	m, err := routing.NewMuskingum(4*hour, 0.2, 300, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, q := m.Steady(10), make([]float64, 288)
	if n := testing.AllocsPerRun(10, func() { m.Route(s, q, q) }); n != 0 {
		t.Errorf("%g allocations a call, want 0", n)
	}
}

func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{1, 4, 20} {
		b.Run(fmt.Sprintf("subreaches=%d/steps=1152", n), func(b *testing.B) {
			m, err := routing.NewMuskingum(float64(n)*1000, 0.1, 300, n)
			if err != nil {
				b.Fatal(err)
			}
			s, in, out := m.Steady(10), slices.Repeat([]float64{20}, 1152), make([]float64, 1152)
			for b.Loop() {
				m.Route(s, in, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*1152), "ns/subreach-step")
		})
	}
}
