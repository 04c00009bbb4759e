package forecast

import (
	"fmt"
	"math"
	"slices"

	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/internal/catalog"
)

// A place is where the river below a reservoir is to carry no more than a limit.
type place struct {
	id    string // of the node
	node  int
	limit float64 // m³/s
	path  []int   // nodes from below the dam down to the place
	spans []span  // of the trials
	until float64 // m of the lake: from here on the dam comes first
}

// A span is when the release of a step passes the place: from lo to hi steps later.
type span struct{ lo, hi int }

// A trial is one try to keep the limit. Narrow spans come first, which cut no longer
// than need be; what is left then is of the tails, of which much must be cut.
type trial struct {
	tail float64 // share of a release that passes before its span, and after it
	gain float64 // of the excess by which the steps in its span are cut
}

var trials = []trial{{0.1, 1}, {0.1, 1}, {0.05, 1}, {0.05, 1}, {0.02, 2}, {0.02, 10}, {0.01, 50}, {0.005, 100}, {0.002, 200}, {0.001, 500}}

const (
	enough  = 1e-3 // of the limit: the flow at the place is as good as kept
	tooMuch = 0.01 // of the limit: a flow above it is told
)

// waits returns, for each reservoir whose limit counts at a place, the nodes that
// must be computed before it: all that feed the place but by way of the dam. Nodes
// are by index in the catalogue; below is the index of the node downstream or -1, joins
// are those of the nodes where diverted water joins.
func (k *compiler) waits(below []int, joins [][]int) [][2]int {
	var out [][2]int
	path := func(i int) []int { // from i down
		var p []int
		for ; i >= 0 && len(p) <= len(below); i = below[i] {
			p = append(p, i)
		}
		return p
	}
	for i := range k.b.Nodes {
		r := k.reservoirAt(&k.b.Nodes[i])
		if r == nil || r.Rules.DownstreamAt == "" {
			continue
		}
		way := path(i)
		to := slices.IndexFunc(way, func(n int) bool { return k.b.Nodes[n].ID == r.Rules.DownstreamAt })
		if to < 0 {
			continue // refused by addPlaces
		}
		way = way[:to+1]
		feeds := make([]bool, len(below)) // the place, but by way of the dam
		for _, j := range way[1:] {
			feeds[j] = true
		}
		for more := true; more; {
			more = false
			for j := range feeds {
				if feeds[j] || j == i {
					continue
				}
				feeds[j] = below[j] >= 0 && feeds[below[j]] || slices.ContainsFunc(joins[j], func(d int) bool { return feeds[d] })
				more = more || feeds[j]
			}
		}
		for j := range feeds {
			if feeds[j] && !slices.Contains(way, j) {
				out = append(out, [2]int{j, i})
			}
		}
	}
	return out
}

func (k *compiler) reservoirAt(n *catalog.Node) *catalog.Reservoir {
	for i := range k.b.Reservoirs {
		if r := &k.b.Reservoirs[i]; n.Reservoir != "" && r.ID == n.Reservoir {
			return r
		}
	}
	return nil
}

// addPlaces finds where the limits of reservoirs count, once the reaches are known.
func (k *compiler) addPlaces() {
	m := k.m
	for i := range m.nodes {
		v := m.nodes[i].reservoir
		if v == nil || v.pool == nil {
			continue
		}
		at := slices.IndexFunc(k.b.Reservoirs, func(r catalog.Reservoir) bool { return r.ID == v.id })
		rules := &k.b.Reservoirs[at].Rules
		if rules.DownstreamAt == "" || rules.Downstream == 0 {
			continue
		}
		p := &place{id: rules.DownstreamAt, limit: rules.Downstream, until: k.b.Reservoirs[at].DamFirst()}
		found := false
		for j := m.nodes[i].to; j >= 0 && !found; j = m.nodes[j].to {
			if o := m.nodes[j].reservoir; o != nil {
				k.errorf("reservoir %q: downstream_at %q: reservoir %q stands on the way: its release, not this one's, reaches the place", v.id, p.id, o.id)
				break
			}
			p.path = append(p.path, j)
			p.node, found = j, m.nodes[j].id == p.id
		}
		switch {
		case found:
			if err := k.arrivals(p, i); err != nil {
				k.errorf("reservoir %q: downstream_at %q: %w", v.id, p.id, err)
				continue
			}
			v.below = p
		case len(k.errs) == 0:
			k.errorf("reservoir %q: downstream_at %q is no node below its dam", v.id, p.id)
		}
	}
}

// arrivals finds the spans: a steady flow from the dam is raised a little, at a tenth
// of the limit and at the limit, because big floods of some methods are faster.
func (k *compiler) arrivals(p *place, dam int) error {
	m := k.m
	n := int(m.settings.Horizon / m.settings.Step)
	p.spans = make([]span, len(trials))
	for i := range p.spans {
		p.spans[i] = span{lo: n}
	}
	for _, q := range []float64{p.limit / 10, p.limit} {
		flow := slices.Repeat([]float64{1.1 * q}, n)
		for i := dam; i != p.node; i = m.nodes[i].to {
			router := m.reaches[m.nodes[i].out].router
			s, err := router.steady(q, q)
			if err != nil {
				return err
			}
			if _, err := router.route(&s, flow, nil); err != nil {
				return err
			}
		}
		for i := range trials {
			came := func(share float64) int {
				for t, x := range flow {
					if x-q >= share*0.1*q {
						return t
					}
				}
				return n - 1
			}
			s := &p.spans[i]
			s.lo, s.hi = min(s.lo, came(trials[i].tail)), max(s.hi, came(1-trials[i].tail))
		}
	}
	return nil
}

// spare fills steps with what a reservoir does after now so that the river at its
// place carries no more than it bears. What the place would carry is computed by the
// run's own way down, with all that joins, is corrected and is taken there. Where that
// is more than the river bears, and more than it carries if the dam lets out as little
// as it can, the steps whose release passes then are cut, until that is no longer so. It
// returns by how much the limit is exceeded at most all the same, m³/s, and after how
// many steps.
func (r *run) spare(i int, v *reservoir, s levelpool.State, in levelpool.Inputs, steps []levelpool.Step) (over float64, at int, err error) {
	p := v.below
	n := len(steps)
	in.Local = make([]float64, n)
	flow := slices.Clone(r.flow[i])
	route := func() error {
		_, err := v.pool.Route(s, in, steps)
		return err
	}
	there := func() ([]float64, error) {
		for t := range steps {
			flow[r.here+1+t] = steps[t].Outflow
		}
		return r.down(i, p, flow)
	}
	for t := range in.Local {
		in.Local[t] = p.limit
	}
	if err := route(); err != nil {
		return 0, 0, err
	}
	bears, err := there() // what the river is to carry at most
	if err != nil {       // with as little as the dam can let out some methods have no solution
		bears = make([]float64, n)
	}
	full := false // from then on the least now is more later
	for t := range bears {
		full = full || steps[t].Level >= p.until
		if bears[t] = max(bears[t], p.limit); full {
			bears[t] = p.limit
		}
	}
	clear(in.Local)
	over = math.Inf(-1)
	var kept []float64 // Local of the last trial whose way down has a solution
	for k := 0; ; k++ {
		if err := route(); err != nil {
			return 0, 0, err
		}
		q, err := there()
		if err != nil {
			r.note("reservoir %s: its release is not cut for %s from the trial on whose way down has no solution: %v", v.id, p.id, err)
			if kept != nil {
				copy(in.Local, kept)
				return over, at, route()
			}
			return over, at, nil // if the release itself has no way down, routing it says so
		}
		kept = append(kept[:0], in.Local...)
		worst := math.Inf(-1)
		over = math.Inf(-1)
		for t := range q {
			worst = max(worst, q[t]-bears[t])
			if q[t]-p.limit > over {
				over, at = q[t]-p.limit, t
			}
			q[t] -= bears[t]
		}
		if worst <= enough*p.limit || k == len(trials) {
			return over, at, nil
		}
		for t := range steps {
			lo, hi := min(t+p.spans[k].lo, n-1), min(t+p.spans[k].hi, n-1)
			if excess := slices.Max(q[lo : hi+1]); excess > 0 {
				in.Local[t] = max(in.Local[t], p.limit-max(0, steps[t].Outflow-trials[k].gain*excess))
			}
		}
	}
}

// down returns what flows at a place after now if flow leaves the dam at node i. The
// way is computed on a copy of the run: nothing of it is told or kept.
func (r *run) down(i int, p *place, flow []float64) ([]float64, error) {
	d := *r
	d.notes, d.missing, d.stations, d.gauged, d.plans, d.marks, d.pools, d.taken = nil, nil, nil, nil, nil, nil, nil, nil
	d.telling = false
	d.addMark(r.keep)
	d.flow = slices.Clone(r.flow)
	for _, j := range p.path {
		d.flow[j] = slices.Clone(r.flow[j])
	}
	d.local, d.observed = make([]float64, len(r.local)), make([]float64, len(r.observed))
	d.watch, d.watched = p.node, make([]float64, len(flow))
	n := &d.m.nodes[i]
	for _, j := range p.path {
		if err := d.route(n.out, flow); err != nil {
			return nil, err
		}
		n, flow = &d.m.nodes[j], d.flow[j]
		d.pass(j)
		if c := n.canal(); c >= 0 && slices.Contains(p.path, d.m.reaches[c].to) {
			if err := d.route(c, d.taken[len(d.taken)-1].flow); err != nil {
				return nil, err
			}
		}
	}
	return d.watched[r.here+1:], nil
}

// bound says what set a release, with the place for whose sake it was cut.
func (v *reservoir) bound(b levelpool.Binding) (zh, en string) {
	zh, en = b.Text()
	if b == levelpool.ByDownstream && v.below != nil {
		return fmt.Sprintf("受下游%s安全泄量限制", v.below.id), "cut by what the river bears at " + v.below.id
	}
	return zh, en
}
