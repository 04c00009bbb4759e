package catalog

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// minimum reads a minimum release: one number for all of the year, or periods of it.
// bears is what the river below does, m³/s, or 0.
func (n *network) minimum(m *mapping, bears float64) []Floor {
	v, ok := m.take("minimum")
	if !ok {
		return nil
	}
	check := func(at node, q float64) {
		if bears > 0 && q > bears {
			at.fail("minimum: %g m³/s is more than the river below bears, downstream: %g m³/s", q, bears)
		}
	}
	if _, list := v.n.(*ast.SequenceNode); !list {
		q := m.number("minimum", 0, positive)
		check(v, q)
		return []Floor{{FromMonth: 1, FromDay: 1, ToMonth: 12, ToDay: 31, Release: q}}
	}
	var out []Floor
	for _, item := range v.list() {
		f, ok := item.mapping()
		if !ok {
			continue
		}
		var x Floor
		x.FromMonth, x.FromDay = f.monthDay("from")
		x.ToMonth, x.ToDay = f.monthDay("to")
		x.Release = f.needNumber("release", positive)
		f.done()
		if r := f.values["release"]; r.n != nil {
			check(r, x.Release)
		}
		out = append(out, x)
	}
	if len(v.list()) == 0 {
		v.fail("minimum: empty; write m³/s, or periods of the year as {from: 11-01, to: 03-31, release: 8}")
	}
	return out
}

// way returns the nodes from one down to the outlet, itself the first.
func (n *network) way(from string) []string {
	var out []string
	for at := from; at != "" && !slices.Contains(out, at); at = n.out[at] {
		out = append(out, at)
	}
	return out
}

// checkPlaces reports places of limits that are not below the reservoir, that another
// reservoir stands before, and reservoirs which each count what the other lets out.
func (n *network) checkPlaces() {
	at := func(r *Reservoir) place { return n.rules[r.ID].place("downstream_at") }
	var sound []*Reservoir
	for i := range n.basin.Reservoirs {
		r := &n.basin.Reservoirs[i]
		to := r.Rules.DownstreamAt
		if to == "" || r.Node == "" || n.rules[r.ID] == nil {
			continue
		}
		way := n.way(r.Node)
		k := slices.Index(way, to)
		switch {
		case n.at[to] == nil:
			n.report(at(r), "downstream_at: no node %q in basin %q", to, n.basin.ID)
		case k == 0:
			n.report(at(r), "downstream_at: the reservoir itself stands at %q: give a node below its dam, or leave it out for a limit of the release alone", to)
		case k < 0:
			n.report(at(r), "downstream_at: node %q does not lie below the dam; below it lie %s", to, orNone(way[1:]))
		default:
			free := true
			for _, id := range way[1 : k+1] {
				if o := n.reservoirAt(id); o != "" {
					n.report(at(r), "downstream_at: reservoir %q stands at node %q on the way to %q: its release, not this one's, reaches the place; give the limit to it", o, id, to)
					free = false
					break
				}
			}
			free = free && n.turnsNoWay(r, way[:k+1], at(r))
			if free {
				sound = append(sound, r)
			}
		}
	}
	// a counts b if b's dam feeds a's place on another way than past a's dam.
	counts := func(a, b *Reservoir) bool {
		return n.feeds(b.Node, a.Rules.DownstreamAt, a.Node)
	}
	for i, a := range sound {
		for _, b := range sound[:i] {
			if counts(a, b) && counts(b, a) {
				n.report(at(a), "downstream_at: reservoirs %q and %q would each count what the other lets out: leave it out at one of them", b.ID, a.ID)
			}
		}
	}
}

func (n *network) reservoirAt(id string) string {
	for i := range n.basin.Nodes {
		if n.basin.Nodes[i].ID == id {
			return n.basin.Nodes[i].Reservoir
		}
	}
	return ""
}

func orNone(ids []string) string {
	if len(ids) == 0 {
		return "no nodes"
	}
	return strings.Join(ids, ", ")
}
