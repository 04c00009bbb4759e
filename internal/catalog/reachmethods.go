package catalog

import (
	"time"

	"freshet/forecast/routing"
)

// NonlinearReach are the parameters of a nonlinear Muskingum reach beside K and X
// of [Reach], where K is the travel time at the flow AtFlow.
type NonlinearReach struct {
	AtFlow     float64 // m³/s
	M          float64 // exponent of the whole
	A1, A2     float64 // of the inflow, of the outflow
	Lateral    float64 // share of the inflow that joins on the way; negative: a loss
	FittedStep time.Duration
}

// Parameters returns what forecast/routing makes of the reach.
func (r *Reach) Parameters() routing.NonlinearParameters {
	n := r.Nonlinear
	p := routing.NonlinearParameters{X: r.X, M: n.M, A1: n.A1, A2: n.A2, Lateral: n.Lateral}
	p.K = routing.NonlinearK(p, r.K.Seconds(), n.AtFlow)
	return p
}

// nonlinear reads a nonlinear reach. Its parameters belong to the step at which
// they were fitted, which is why that must be stated and be the basin's.
func (n *network) nonlinear(m *mapping, r *Reach) {
	p, before := routing.NonlinearParams, len(n.problems)
	r.K, r.X = m.needDuration("k", time.Minute), m.needNumber("x", in(p[1]))
	x := NonlinearReach{
		AtFlow: m.needNumber("at_flow", positive), M: m.needNumber("m", in(p[2])), A1: m.number("a1", 1, in(p[3])),
		Lateral: m.number("beta", 0, in(p[5])), FittedStep: m.needDuration("fitted_step", time.Second),
	}
	x.A2 = m.number("a2", x.A1, in(p[4]))
	r.Nonlinear = x
	if len(n.problems) > before {
		return
	}
	if x.A1 == x.A2 && r.X > 0.5 {
		n.report(m.place("x"), "x: %g must be from 0 to 0.5 where a1 and a2 are equal", r.X)
	}
	step := n.basin.Settings.Step
	if x.FittedStep != step {
		n.report(m.place("fitted_step"), "fitted_step: %s, but the basin's step is %s: these parameters belong to the step of the data that they were fitted to; fit them to data of %s, or take another method", x.FittedStep, step, step)
	}
	if reach, err := routing.NewNonlinear(r.Parameters(), step.Seconds()); err != nil {
		n.report(m.at(), "%v", err)
	} else if rate := reach.Rate(x.AtFlow, x.AtFlow); !(rate <= routing.MaxRate) {
		n.report(m.place("k"), "k: unstable: at %g m³/s the storage answers %.3g times within a step of %s, want at most %d: make k longer or the step shorter", x.AtFlow, rate, step, routing.MaxRate)
	}
}

// cunge reads a reach by t-route's conventions. t-route itself cuts no reach.
func (n *network) cunge(m *mapping, r *Reach) {
	before := len(n.problems)
	r.SubReaches, r.ShortStep = m.whole("sub_reaches", 1, 1, 1000), m.flag("short_step")
	r.Channel = n.channel(m)
	if len(n.problems) > before || r.Length == 0 {
		return
	}
	c := r.Section()
	c.Length /= float64(r.SubReaches)
	if err := c.CheckStep(n.basin.Settings.Step.Seconds()); err != nil {
		n.report(m.at(), "%v", err)
	}
}

// Section returns what forecast/routing makes of the channel of the whole reach.
func (r *Reach) Section() routing.Channel {
	c := r.Channel
	return routing.Channel{Length: r.Length * 1000, Slope: c.Slope, Bottom: c.Bottom, Top: c.Top, Compound: c.Compound, N: c.N, NCompound: c.NPlain, Side: c.Side}
}
