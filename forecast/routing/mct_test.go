package routing_test

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/floats/scalar"
	"pgregory.net/rapid"

	"freshet/forecast/routing"
)

// drawChannel draws a channel over the range found in rivers, from gullies of
// 100 m to flat reaches of 20 km.
func drawChannel(t *rapid.T) routing.Channel {
	c := routing.Channel{
		Length: math.Pow(10, rapid.Float64Range(2, 4.3).Draw(t, "log dx")),
		Slope:  math.Pow(10, rapid.Float64Range(-5, -0.7).Draw(t, "log s0")),
		Bottom: math.Pow(10, rapid.Float64Range(-0.3, 2.5).Draw(t, "log bw")),
		N:      rapid.Float64Range(0.02, 0.1).Draw(t, "n"),
		Side:   rapid.Float64Range(0.1, 2).Draw(t, "cs"),
	}
	c.Top = c.Bottom * rapid.Float64Range(1, 3).Draw(t, "tw/bw")
	if rapid.Bool().Draw(t, "flood plain") {
		c.Compound, c.NCompound = c.Top*rapid.Float64Range(1, 5).Draw(t, "twcc/tw"), 2*c.N
	}
	return c
}

func drawStep(t *rapid.T) float64 {
	return rapid.SampledFrom([]float64{60, 300, 900, 3600}).Draw(t, "dt")
}

// drawFlood draws inflows with jumps of up to five orders of magnitude.
func drawFlood(t *rapid.T, c routing.Channel) []float64 {
	q := rapid.SliceOfN(rapid.Float64Range(-4, 1), 1, 60).Draw(t, "log inflow")
	for i := range q {
		q[i] = c.Bottom * math.Pow(10, q[i])
		if rapid.IntRange(0, 9).Draw(t, "zero") == 0 {
			q[i] = 0
		}
	}
	return q
}

func TestMCTConservesMassAndKeepsFlowNonNegativeUnderAnyInflow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, dt := drawChannel(t), drawStep(t)
		m, err := routing.NewMCT(c, dt)
		if err != nil {
			t.Fatal(err)
		}
		q0 := c.Bottom * math.Pow(10, rapid.Float64Range(-3, 1).Draw(t, "log q0"))
		s, err := m.Steady(q0, q0)
		if err != nil {
			t.Fatal(err)
		}
		var tally routing.Tally
		gross := s.Storage
		for i, in := range drawFlood(t, c) {
			lateral := rapid.Float64Range(-0.1, 0.1).Draw(t, "lateral") * q0
			before := s
			short, err := m.Step(&s, in, lateral, &tally)
			if err != nil {
				t.Fatal(err)
			}
			if !(s.Outflow >= 0) || short < 0 || short > max(0, -lateral*dt) {
				t.Fatalf("step %d: outflow %g m³/s, short of %g m³ for lateral %g m³/s", i, s.Outflow, short, lateral)
			}
			gross += dt * (in + s.Outflow + math.Abs(lateral))
			want := before.Storage + dt/2*(before.Inflow+in-before.Outflow-s.Outflow) + dt*lateral + short
			if !scalar.EqualWithinAbs(s.Storage, want, 1e-12*gross) {
				t.Fatalf("step %d: storage %g m³, by balance %g m³", i, s.Storage, want)
			}
			if s.Storage < -1e-8*gross {
				t.Fatalf("step %d: storage %g m³ of %g m³ gone through", i, s.Storage, gross)
			}
		}
	})
}

// The stored water is that of the equation, not only what is left over: after any
// flood, steady inflow brings the reach to the storage of the steady state.
func TestMCTReturnsToTheSteadyState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, dt := drawChannel(t), drawStep(t)
		c.Length, c.Slope = max(c.Length, 1000), max(c.Slope, 1e-4) // flatter ones would take a hundred days
		m, err := routing.NewMCT(c, dt)
		if err != nil {
			t.Fatal(err)
		}
		q := c.Bottom * math.Pow(10, rapid.Float64Range(-1, 0.5).Draw(t, "log q"))
		want, err := m.Steady(q, q)
		if err != nil {
			t.Fatal(err)
		}
		var s routing.MCTState
		var tally routing.Tally
		for range max(20000, int(200*86400/dt)) {
			if _, err := m.Step(&s, q, 0, &tally); err != nil {
				t.Fatal(err)
			}
			if scalar.EqualWithinRel(s.Outflow, q, 1e-7) {
				break
			}
		}
		if !scalar.EqualWithinRel(s.Storage, want.Storage, 1e-4) || !scalar.EqualWithinRel(s.Outflow, q, 1e-4) {
			t.Fatalf("got %+v, want %+v", s, want)
		}
	})
}

// Small waves on a uniform flow obey the linear advection-diffusion equation
// with celerity c and diffusivity q/(2 B s0): the first two moments of the
// response to a pulse are L/c and 2 (L/c)·(diffusivity/c²).
func TestMCTMovesAndSpreadsASmallWaveAsTheoryAsks(t *testing.T) {
	const (
		dt, n, q0 = 300.0, 20, 50.0
		dx        = 500.0
	)
	c := routing.Channel{Length: dx, Slope: 4e-4, Bottom: 30, Top: 60, N: 0.035, Side: 0.5}
	m, err := routing.NewMCT(c, dt)
	if err != nil {
		t.Fatal(err)
	}
	reaches := make([]routing.MCTState, n)
	for i := range reaches {
		if reaches[i], err = m.Steady(q0, q0); err != nil {
			t.Fatal(err)
		}
	}
	// From Manning, by hand: y, then B, c = dQ/dA.
	y := reaches[0].Depth
	z := 1 / c.Side
	area, b, p, dp := (c.Bottom+z*y)*y, c.Bottom+2*z*y, c.Bottom+2*y*math.Sqrt(1+z*z), 2*math.Sqrt(1+z*z)
	celerity := q0 / area * (5.0/3 - 2.0/3*area*dp/(p*b))
	diffusivity := q0 / (2 * b * c.Slope)
	var tally routing.Tally
	var sum, first, second float64
	for step := range 600 {
		q := q0
		if step < 4 {
			q += 1e-3
		}
		for i := range reaches {
			if _, err := m.Step(&reaches[i], q, 0, &tally); err != nil {
				t.Fatal(err)
			}
			q = reaches[i].Outflow
		}
		at := (float64(step) - 1.5) * dt // the pulse is centred there
		sum, first, second = sum+q-q0, first+(q-q0)*at, second+(q-q0)*at*at
	}
	mean := first / sum
	spread := second/sum - mean*mean - dt*dt*15/12 // less the pulse's own
	travel := n * dx / celerity
	t.Logf("mean %.0f s, theory %.0f s; variance %.3g s², theory %.3g s²; %+v", mean, travel, spread, 2*travel*diffusivity/celerity/celerity, tally)
	if !scalar.EqualWithinRel(mean, travel, 0.01) {
		t.Errorf("mean travel time %.0f s, want %.0f s", mean, travel)
	}
	if want := 2 * travel * diffusivity / (celerity * celerity); !scalar.EqualWithinRel(spread, want, 0.02) {
		t.Errorf("variance %.4g s², want %.4g s²", spread, want)
	}
	if tally.Limited != 0 {
		t.Errorf("%d steps limited, want none", tally.Limited)
	}
}

func TestMCTCutsALossToWhatThereIs(t *testing.T) {
	c := routing.Channel{Length: 1000, Slope: 1e-3, Bottom: 5, Top: 10, N: 0.04, Side: 0.5}
	m, err := routing.NewMCT(c, 300)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Steady(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Storage
	var tally routing.Tally
	short, out := 0.0, 0.5
	for range 50 {
		more, err := m.Step(&s, 0, -1, &tally)
		if err != nil {
			t.Fatal(err)
		}
		short, out = short+more, out+s.Outflow
	}
	lost := 50*300 - short
	if s.Storage > 1e-6 || !scalar.EqualWithinRel(before+0.5*300, lost+(out-s.Outflow/2)*300, 1e-9) {
		t.Errorf("left %g m³; %g m³ at first, %g m³ lost, %g m³ short", s.Storage, before, lost, short)
	}
}

func TestChannelsAreRefusedWithTheirNumbers(t *testing.T) {
	good := routing.Channel{Length: 1000, Slope: 1e-3, Bottom: 5, Top: 10, Compound: 30, N: 0.04, NCompound: 0.08, Side: 0.5}
	for want, spoil := range map[string]func(*routing.Channel){
		"dx = 0 m":            func(c *routing.Channel) { c.Length = 0 },
		"s0 = 0 –":            func(c *routing.Channel) { c.Slope = 0 },
		"bw = NaN m":          func(c *routing.Channel) { c.Bottom = math.NaN() },
		"tw = -1 m":           func(c *routing.Channel) { c.Top = -1 },
		"twcc = +Inf m":       func(c *routing.Channel) { c.Compound = math.Inf(1) },
		"n = 0 s/m^(1/3)":     func(c *routing.Channel) { c.N = 0 },
		"ncc = 0 s/m^(1/3) w": func(c *routing.Channel) { c.NCompound = 0 },
		"cs = 0 –":            func(c *routing.Channel) { c.Side = 0 },
	} {
		c := good
		spoil(&c)
		for _, err := range []error{c.Check(), second(routing.NewMCT(c, 60)), second(routing.NewCunge(c, 60))} {
			if err == nil || !contains(err, want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
	for _, dt := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		want := fmt.Sprintf("dt = %g s", dt)
		for _, err := range []error{second(routing.NewMCT(good, dt)), second(routing.NewCunge(good, dt))} {
			if err == nil || !contains(err, want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
}

// A depth that is next to nothing is no start for a solver: a flood comes to a
// reach that has been as good as dry.
func TestMCTTakesAFloodIntoAReachThatIsAsGoodAsDry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, dt := drawChannel(t), drawStep(t)
		m, err := routing.NewMCT(c, dt)
		if err != nil {
			t.Fatal(err)
		}
		trickle := math.Pow(10, rapid.Float64Range(-40, -3).Draw(t, "log trickle"))
		s, err := m.Steady(trickle, trickle)
		if err != nil {
			t.Fatal(err)
		}
		var tally routing.Tally
		if _, err := m.Step(&s, c.Bottom*math.Pow(10, rapid.Float64Range(-3, 1).Draw(t, "log flood")), 0, &tally); err != nil {
			t.Fatal(err)
		}
		if tally.Iterations > 70 {
			t.Fatalf("%d iterations", tally.Iterations)
		}
	})
}

// Where a rise begins at half the bank-full depth no part of a channel dips.
func TestMCTDoesNotDipInTheNumberOfPartsOfTheChannel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, dt := drawChannel(t), drawStep(t)
		c.Top = c.Bottom * rapid.Float64Range(1.2, 3).Draw(t, "tw/bw")
		if c.Compound > 0 {
			c.Compound = 2 * c.Top
		}
		n := c.Parts(dt)
		bank := (c.Top - c.Bottom) * c.Side / 2
		area := (c.Bottom + bank/2/c.Side) * bank / 2
		r := area / (c.Bottom + bank*math.Sqrt(1+1/(c.Side*c.Side)))
		q := math.Sqrt(c.Slope) / c.N * area * math.Pow(r, 2.0/3)
		c.Length /= float64(n)
		m, err := routing.NewMCT(c, dt)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Steady(q, q)
		if err != nil {
			t.Fatal(err)
		}
		var tally routing.Tally
		if _, err := m.Step(&s, 1.001*q, 0, &tally); err != nil {
			t.Fatal(err)
		}
		if s.Outflow < q*(1-1e-6) {
			t.Fatalf("%d parts: the flow falls from %g to %g m³/s as a rise begins", n, q, s.Outflow)
		}
	})
}

func TestALongChannelIsCutAsItsWaveAsks(t *testing.T) {
	// Half bank-full depth is 1.25 m, where c = 1.06 m/s: dx = c dt + Q/(B s0 c) = 319 + 1458 m.
	c := routing.Channel{Length: 60000, Slope: 5e-4, Bottom: 40, Top: 60, N: 0.035, Side: 0.25}
	if n := c.Parts(300); n != 34 {
		t.Errorf("%d parts, want 34", n)
	}
	for _, spoil := range []func(c *routing.Channel){func(c *routing.Channel) { c.Top = 30 }, func(c *routing.Channel) { c.Slope = 0 }} {
		c := c
		spoil(&c)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for %+v", c)
				}
			}()
			c.Parts(300)
		}()
	}
}

// Just above bank-full the bound of D makes the balance fall as the depth rises,
// and its only root lies beyond: found by an ensemble of storms.
func TestMCTFindsTheDepthBeyondAFlat(t *testing.T) {
	c := routing.Channel{
		Length: 668.7511132271652, Slope: 0.027676851461786174, Bottom: 1.9762367035394197, Top: 3.2937278392323663,
		Compound: 9.881183517697099, N: 0.06, NCompound: 0.12, Side: 0.5592302704,
	}
	m, err := routing.NewMCT(c, 600)
	if err != nil {
		t.Fatal(err)
	}
	for water := 1600.0; water < 1650; water += 0.25 {
		s := routing.MCTState{Storage: water, Depth: 0.3715876061826443}
		var tally routing.Tally
		if _, err := m.Step(&s, 0, 0, &tally); err != nil {
			t.Fatal(err)
		}
		if left := water - s.Storage - 300*s.Outflow; s.Outflow < 0 || left > 1e-6 || left < -1e-6 {
			t.Fatalf("of %g m³ %g are left over", water, left)
		}
	}
}

// A recession leaves a reach with next to nothing, and that is no error.
func TestMCTFindsTheNormalDepthOfATrickle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawChannel(t)
		m, err := routing.NewMCT(c, drawStep(t))
		if err != nil {
			t.Fatal(err)
		}
		q := math.Pow(10, rapid.Float64Range(-199, -3).Draw(t, "log q"))
		s, err := m.Steady(q, q)
		if err != nil {
			t.Fatal(err)
		}
		y, z := s.Depth, 1/c.Side
		area := (c.Bottom + z*y) * y
		radius := area / (c.Bottom + 2*y*math.Sqrt(1+z*z))
		inBank := c.Compound == 0 || y <= (c.Top-c.Bottom)/(2*z) // a tiny channel is full at 1 l/s
		if manning := math.Sqrt(c.Slope) / c.N * area * math.Pow(radius, 2.0/3); inBank && !scalar.EqualWithinRel(manning, q, 1e-8) {
			t.Fatalf("at the depth of %g m Manning's flow is %g m³/s, want %g", y, manning, q)
		}
		if !(s.Storage > 0) {
			t.Fatalf("%g m³ carry %g m³/s", s.Storage, q)
		}
		var tally routing.Tally
		if _, err := m.Step(&s, q, 0, &tally); err != nil || !(s.Outflow >= 0 && s.Storage >= 0) {
			t.Fatalf("after a step: %+v, %v", s, err)
		}
	})
	m, err := routing.NewMCT(routing.Channel{Length: 1000, Slope: 0.001, Bottom: 10, Top: 20, N: 0.03, Side: 0.5}, 300)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := m.Steady(5e-324, 5e-324); err != nil || s.Depth != 0 || s.Storage != 0 {
		t.Fatalf("the least number of all as a flow: %+v, %v; want it dry", s, err)
	}
}
