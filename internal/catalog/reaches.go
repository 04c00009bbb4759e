package catalog

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

func (n *network) readReaches() {
	seen := map[string]bool{}
	for _, item := range n.m.list("reaches") {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		r := Reach{
			ID: m.id("id"), From: n.node(m, "from"), To: n.node(m, "to"),
			Length: m.needNumber("length", positive), Illustrative: m.flag("illustrative"),
		}
		n.routing(m, &r)
		n.lateral(m, &r)
		m.done()
		if seen[r.ID] && r.ID != "" {
			n.report(m.place("id"), "reach %q given twice", r.ID)
		}
		seen[r.ID] = true
		if r.From != "" && r.To != "" {
			switch {
			case r.From == r.To:
				n.report(m.place("to"), "to: a reach cannot end where it begins")
			case n.out[r.From] != "":
				n.report(m.place("from"), "from: node %q already drains to %q: a river forks here, and the network must be a tree", r.From, n.out[r.From])
			default:
				n.out[r.From] = r.To
			}
		}
		n.basin.Reaches = append(n.basin.Reaches, r)
	}
	slices.SortStableFunc(n.basin.Reaches, func(a, b Reach) int { return cmp.Compare(a.ID, b.ID) })
}

func parseRoutingMethod(s string) (RoutingMethod, error) {
	switch m := RoutingMethod(s); m {
	case Muskingum, MCT, LagRoute, Cunge, Nonlinear:
		return m, nil
	}
	return "", hydro.ErrInvalid
}

// routing reads the method of a reach and what that method needs. A key of
// another method is an unknown key.
func (n *network) routing(m *mapping, r *Reach) {
	r.Method = Muskingum
	if m.values["method"].n != nil {
		var ok bool
		if r.Method, ok = parsed(m, "method", parseRoutingMethod, "muskingum, mct, lag, cunge or nonlinear"); !ok {
			// Which keys belong here is not known: one problem is enough.
			for _, k := range m.keys {
				m.asked = append(m.asked, k.name)
			}
			return
		}
	} else {
		m.asked = append(m.asked, "method")
	}
	switch r.Method {
	case Muskingum:
		r.K, r.X = m.needDuration("k", time.Minute), m.needNumber("x", between(0, 0.5))
		r.SubReaches = m.whole("sub_reaches", 0, 0, 1000)
		n.checkStability(m, *r)
	case MCT:
		r.SubReaches = m.whole("sub_reaches", 0, 0, 1000)
		r.Channel = n.channel(m)
	case Cunge:
		n.cunge(m, r)
	case Nonlinear:
		n.nonlinear(m, r)
	case LagRoute:
		r.Lag, r.K = m.needDuration("lag", 0), m.duration("k", 0, 0)
		step := n.basin.Settings.Step
		if r.Lag > maxLagSteps*step {
			n.report(m.place("lag"), "lag: %s is longer than %d steps of %s", r.Lag, maxLagSteps, step)
		}
		if r.K > 0 && 2*r.K < step {
			n.report(m.place("k"), "k: %s is less than half the step of %s, and outflows could become negative: make k longer, or leave it out for a lag alone", r.K, step)
		}
	}
}

// maxLagSteps keeps the memory of a reach within reason, as forecast/routing does.
const maxLagSteps = 10000

// channel reads the cross section of a reach. The ranges lie within those of
// forecast/routing.
func (n *network) channel(m *mapping) Channel {
	width := between(0.01, 1e5)
	c := Channel{
		Slope: m.needNumber("slope", between(1e-7, 1)), Bottom: m.needNumber("bottom_width", width), Top: m.needNumber("top_width", width),
		Compound: m.number("compound_width", 0, between(0, 1e6)),
		N:        m.needNumber("n", between(0.001, 1)), NPlain: m.number("n_compound", 0, between(0.001, 1)),
		Side: m.needNumber("side_slope", between(0.01, 1000)),
	}
	if c.Top > 0 && c.Bottom > 0 && c.Top <= c.Bottom {
		n.report(m.place("top_width"), "top_width: %g m is not above bottom_width: %g m", c.Top, c.Bottom)
	}
	switch {
	case c.Compound == 0 && c.NPlain > 0:
		n.report(m.place("n_compound"), "n_compound: without compound_width there is no flood plain")
	case c.Compound > 0 && c.Compound <= c.Top:
		n.report(m.place("compound_width"), "compound_width: %g m is not above top_width: %g m", c.Compound, c.Top)
	case c.Compound > 0 && m.values["n_compound"].n == nil:
		n.report(m.place("compound_width"), "n_compound: missing; a flood plain has a roughness of its own")
	}
	return c
}

// checkStability reports a reach that no split into sub-reaches can route at
// the basin's step: Muskingum needs 2kx ≤ Δt ≤ 2k(1−x) for each sub-reach.
func (n *network) checkStability(m *mapping, r Reach) {
	if r.K <= 0 || m.values["k"].n == nil || m.values["x"].n == nil {
		return
	}
	dt, k := n.basin.Settings.Step.Seconds(), r.K.Seconds()
	fits := func(parts int) bool {
		kk := k / float64(parts)
		return 2*kk*r.X <= dt*(1+1e-12) && dt <= 2*kk*(1-r.X)*(1+1e-12)
	}
	if r.SubReaches > 0 {
		if !fits(r.SubReaches) {
			n.report(m.place("sub_reaches"), "sub_reaches: %d parts of k %s with x %g are unstable at step %s: 2kx ≤ step ≤ 2k(1−x) must hold; leave sub_reaches out to have it chosen", r.SubReaches, r.K, r.X, n.basin.Settings.Step)
		}
		return
	}
	least := max(1, int(2*k*r.X/dt))
	if !fits(least) && !fits(least+1) {
		n.report(m.place("k"), "k: %s with x %g cannot be routed at step %s by any number of sub-reaches: make k longer, x smaller or the step shorter", r.K, r.X, n.basin.Settings.Step)
	}
}
