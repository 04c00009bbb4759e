package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"freshet/forecast/routing"
)

// A Diversion takes water out of the river that arrives at a node, above all that
// joins there. It wishes for one of Share, Demand and Table; the zero value takes
// nothing.
type Diversion struct {
	Share    float64                  // of the flow arriving, 0 to 1
	Demand   []float64                // m³/s: one value, or one for each month of the season's zone
	Table    []routing.DiversionPoint // flow against what is taken of it, ascending from a flow of 0
	Capacity float64                  // m³/s that the intake can take; 0: no limit
	Keep     float64                  // m³/s that stay in the river before anything is taken
	To       string                   // node where the water joins; "": it leaves the basin
	Lag      time.Duration            // on the way there
}

// Plain reports whether the diversion is a share that leaves the basin and nothing
// else, or takes nothing.
func (d *Diversion) Plain() bool {
	return len(d.Demand) == 0 && len(d.Table) == 0 && d.Capacity == 0 && d.Keep == 0 && d.To == "" && d.Lag == 0
}

// At returns the diversion of a month, from 1 to 12, or of the mean of the year if
// month is 0.
func (d *Diversion) At(month int) routing.Diversion {
	return routing.Diversion{Share: d.Share, Demand: MonthValue(d.Demand, month), Table: d.Table, Capacity: d.Capacity, Keep: d.Keep}
}

// MonthValue returns the value of a month, from 1 to 12, of one value or twelve, or
// their mean if month is 0. Of none it is 0.
func MonthValue(values []float64, month int) float64 {
	switch {
	case len(values) == 0:
		return 0
	case len(values) == 1:
		return values[0]
	case month > 0:
		return values[month-1]
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// monthly reads one number, or twelve from January on.
func (m *mapping) monthly(name string, b bound) []float64 {
	v, ok := m.take(name)
	if !ok {
		return nil
	}
	items := []node{v}
	if _, list := v.n.(*ast.SequenceNode); list {
		if items = v.list(); len(items) != 12 {
			v.fail("%s: %d values: give one, or twelve from January on", name, len(items))
			return nil
		}
	}
	var out []float64
	for _, item := range items {
		x, ok := item.number()
		if !ok {
			return nil
		}
		if !b.ok(x) {
			item.fail("%s: %g %s", name, x, b.says)
			return nil
		}
		out = append(out, x)
	}
	return out
}

// diversion reads what is taken from the river at a node: a share, or more about it.
func (n *network) diversion(m *mapping) (d Diversion) {
	v, ok := m.take("diversion")
	if !ok {
		return d
	}
	if _, scalar := v.n.(ast.ScalarNode); scalar {
		d.Share = m.number("diversion", 0, between(0, 0.99))
		return d
	}
	k, ok := v.mapping()
	if !ok {
		return d
	}
	before := len(n.problems)
	d = Diversion{
		Share: k.number("share", 0, share), Demand: k.monthly("demand", notNegative), Capacity: k.number("capacity", 0, positive),
		Keep: k.number("keep", 0, notNegative), To: k.text("to"), Lag: k.duration("lag", 0, 0),
	}
	if t, ok := k.take("table"); ok {
		d.Table = n.diversionTable(t)
	}
	k.done()
	if d.To == "" && d.Lag > 0 {
		n.report(k.place("lag"), "lag: without to the water leaves the basin, and nothing waits for it")
	}
	if step := n.basin.Settings.Step; d.Lag > maxLagSteps*step {
		n.report(k.place("lag"), "lag: %s is longer than %d steps of %s", d.Lag, maxLagSteps, step)
	}
	if len(n.problems) > before {
		return Diversion{}
	}
	var wishes []string
	for _, w := range []string{"share", "demand", "table"} {
		if k.values[w].n != nil {
			wishes = append(wishes, w)
		}
	}
	switch len(wishes) {
	case 0:
		v.fail("diversion: says nothing of how much is taken: give one of share (of what arrives), demand (m³/s) and table ([[flow, taken], …], m³/s)")
		return Diversion{}
	case 1:
		return d
	}
	v.fail("diversion: %s contradict each other: give one of them; what the intake can take is its capacity", strings.Join(wishes, " and "))
	return Diversion{}
}

func (n *network) diversionTable(v node) (out []routing.DiversionPoint) {
	items := v.list()
	for i, item := range items {
		x, ok := item.pair("flow in m³/s, taken of it in m³/s")
		if !ok {
			return nil
		}
		p := routing.DiversionPoint{Flow: x[0], Taken: x[1]}
		switch {
		case p.Taken < 0 || p.Taken > p.Flow:
			item.fail("table: %g m³/s taken of %g m³/s: must be from 0 to what flows", p.Taken, p.Flow)
			return nil
		case i == 0 && p.Flow != 0:
			item.fail("table: begins at a flow of %g m³/s: the first point must be [0, 0]", p.Flow)
			return nil
		case i > 0 && p.Flow <= out[i-1].Flow:
			item.fail("table: the flow %g m³/s comes after %g m³/s: flows must ascend", p.Flow, out[i-1].Flow)
			return nil
		}
		out = append(out, p)
	}
	if len(out) == 1 || len(items) == 0 {
		v.fail("table: needs two points at least")
	}
	return out
}

// checkDiversions reports diversions to where no water can run to, once the reaches
// are known.
func (n *network) checkDiversions() {
	for i := range n.basin.Nodes {
		d := &n.basin.Nodes[i]
		at := n.at[d.ID].place("diversion")
		if d.Reservoir != "" && !d.Diversion.Plain() {
			n.report(at, "diversion: reservoir %q stands at node %q, and what is taken out of its water is no diversion of a river: give the diversion to a node above the lake or below the dam, or give the reservoir an outlet", d.Reservoir, d.ID)
		}
		to := d.Diversion.To
		if to == "" {
			continue
		}
		if n.at[to] == nil {
			n.report(at, "diversion: to: no node %q in basin %q", to, n.basin.ID)
			d.Diversion.To = ""
			continue
		}
		if to == d.ID {
			n.report(at, "diversion: to: node %q cannot divert to itself", to)
			d.Diversion.To = ""
			continue
		}
		if ring := n.waterway(to, d.ID, ""); ring != nil {
			n.report(at, "diversion: to: what is taken at %q comes back to it by %s: water cannot run in a ring; give a node that does not feed %q", d.ID, strings.Join(ring, ", "), d.ID)
			d.Diversion.To = ""
		}
	}
}

// waterway returns the nodes by which water from one node comes to another, both
// included, by reaches and diversions and never by way of the node without; nil if
// none comes.
func (n *network) waterway(from, to, without string) []string {
	seen := map[string]bool{without: true}
	var walk func(id string) []string
	walk = func(id string) []string {
		if id == "" || seen[id] {
			return nil
		}
		seen[id] = true
		if id == to {
			return []string{id}
		}
		next := []string{n.out[id]}
		if i := slices.IndexFunc(n.basin.Nodes, func(d Node) bool { return d.ID == id }); i >= 0 {
			next = append(next, n.basin.Nodes[i].Diversion.To)
		}
		for _, v := range next {
			if way := walk(v); way != nil {
				return append([]string{id}, way...)
			}
		}
		return nil
	}
	return walk(from)
}

// feeds reports whether water from one node comes to another, not by way of without.
func (n *network) feeds(from, to, without string) bool {
	return n.waterway(from, to, without) != nil
}

// turnsNoWay reports that water of the dam leaves the way down to its place and comes
// back to it by another way: then neither could be computed before the other.
func (n *network) turnsNoWay(r *Reservoir, way []string, at place) bool {
	for _, id := range way {
		i := slices.IndexFunc(n.basin.Nodes, func(d Node) bool { return d.ID == id })
		to := n.basin.Nodes[i].Diversion.To
		if to == "" || slices.Contains(way, to) {
			continue
		}
		if back := n.waterway(to, way[len(way)-1], r.Node); back != nil {
			n.report(at, "downstream_at: the diversion at node %q takes water off the way to %q, and it comes back by %s: what the place carries cannot be known before the release; let it join on the way, or give a place above", id, r.Rules.DownstreamAt, strings.Join(back, ", "))
			return false
		}
	}
	return true
}

// lateral reads what joins along a reach.
func (n *network) lateral(m *mapping, r *Reach) {
	if v, ok := m.values["lateral"]; ok && r.Method == Nonlinear {
		m.asked = append(m.asked, "lateral")
		v.fail("lateral: what joins a nonlinear reach is its beta, a share of the inflow")
		return
	}
	notALoss := notNegative
	notALoss.says = "must not be negative: what seeps away is a diversion at the node at its head (demand), which never takes more than flows"
	r.Lateral = m.monthly("lateral", notALoss)
	if len(r.Lateral) > 0 && r.Method == LagRoute && r.K == 0 {
		n.report(m.place("lateral"), "lateral: a lag without k has no storage that it could join: give k, or let it join as base_flow of the node at the end")
	}
}

// along reads the reach along which a sub-basin drains.
func (n *network) along(m *mapping, node string) string {
	v, ok := m.take("along")
	if !ok {
		return ""
	}
	id, ok := v.text()
	if !ok {
		return ""
	}
	i := slices.IndexFunc(n.basin.Reaches, func(r Reach) bool { return r.ID == id })
	if i < 0 {
		v.fail("along: no reach %q in basin %q", id, n.basin.ID)
		return ""
	}
	switch r := &n.basin.Reaches[i]; {
	case node != "" && r.To != node:
		v.fail("along: reach %q ends at node %q, not at %q where the sub-basin drains to: write node: %s, or leave along out", id, r.To, node, r.To)
	case r.Method == Nonlinear:
		v.fail("along: what joins reach %q, a nonlinear one, is its beta: let the sub-basin drain to the node", id)
	case r.Method == LagRoute && r.K == 0:
		v.fail("along: reach %q is a lag without k and has no storage that the water could join: let the sub-basin drain to the node", id)
	default:
		return id
	}
	return ""
}
