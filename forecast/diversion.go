package forecast

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/forecast/routing"
	"freshet/internal/catalog"
)

// A diversion takes water out of what arrives at a node.
type diversion struct {
	months  [12]routing.Diversion
	changes bool              // by month
	mean    routing.Diversion // of the year
	zone    *time.Location    // in which months begin
	canal   int               // index of the reach to where the water joins, or -1
	steady  float64           // taken when it has not rained for long, m³/s
}

// canal returns the index of the reach that carries what n diverts, or -1.
func (n *node) canal() int {
	if n.divert == nil {
		return -1
	}
	return n.divert.canal
}

// zone returns the zone in which the basin's months begin.
func (k *compiler) zone() *time.Location {
	if name := k.b.Season.Zone; name != "" {
		zone, err := catalog.ParseZone(name)
		if err != nil {
			k.errorf("season: %w", err)
			return time.UTC
		}
		return zone
	}
	return time.UTC
}

// addDiversion compiles what is taken from the river at a node. A share that leaves the
// basin and nothing else stays a factor of what arrives.
func (k *compiler) addDiversion(n *catalog.Node, out *node, where string) {
	d := &n.Diversion
	if !(d.Share >= 0 && d.Share <= 1) {
		k.errorf("%s: diversion %g: want a share from 0 to 1", where, d.Share)
		return
	}
	if d.Plain() {
		out.keep = 1 - d.Share
		return
	}
	if n.Reservoir != "" {
		k.errorf("%s: what is taken out of the water of reservoir %q is no diversion of a river: give the diversion to a node above the lake or below the dam", where, n.Reservoir)
	}
	if d.Share == 0 && len(d.Demand) == 0 && len(d.Table) == 0 {
		k.errorf("%s: diversion says nothing of how much is taken: give share, demand or table", where)
	}
	if d.To == "" && d.Lag != 0 {
		k.errorf("%s: diversion: a lag of %s to nowhere", where, d.Lag)
	}
	if !monthly(d.Demand) {
		k.errorf("%s: diversion: %d demands: want one, or twelve from January on", where, len(d.Demand))
		return
	}
	c := &diversion{mean: d.At(0), changes: len(d.Demand) > 1, zone: k.zone(), canal: -1}
	for m := range c.months {
		c.months[m] = d.At(m + 1)
		if err := c.months[m].Check(); err != nil {
			k.errorf("%s: %w", where, err)
			return
		}
	}
	out.divert = c
}

// monthly reports whether there is no value, one, or one for each month.
func monthly(values []float64) bool {
	return len(values) <= 1 || len(values) == 12
}

// addCanals makes a reach of each diversion to another node, once the nodes are
// ordered: its water is under way by a lag.
func (k *compiler) addCanals() {
	if len(k.errs) > 0 {
		return
	}
	for i := range k.b.Nodes {
		n := &k.b.Nodes[i]
		from := k.nodes[n.ID]
		if n.Diversion.To == "" || k.m.nodes[from].divert == nil {
			continue
		}
		l, err := routing.NewLag(n.Diversion.Lag.Seconds(), 0, k.m.dt)
		if err != nil {
			k.errorf("node %q: diversion: %w", n.ID, err)
			continue
		}
		k.m.nodes[from].divert.canal = len(k.m.reaches)
		k.m.reaches = append(k.m.reaches, reach{id: "diversion:" + n.ID, from: from, to: k.nodes[n.Diversion.To], router: lag{l}, canal: true}) // no reach of a catalogue has a colon
	}
}

// addLaterals takes what joins along reaches.
func (k *compiler) addLaterals() {
	if len(k.errs) > 0 {
		return
	}
	var names []string
	total, changes := 0.0, false
	for i := range k.b.Reaches {
		r := &k.b.Reaches[i]
		if len(r.Lateral) == 0 {
			continue
		}
		at := slices.IndexFunc(k.m.reaches, func(x reach) bool { return x.id == r.ID })
		where := fmt.Sprintf("reach %q", r.ID)
		if !monthly(r.Lateral) {
			k.errorf("%s: %d values of lateral inflow: want one, or twelve from January on", where, len(r.Lateral))
			continue
		}
		for _, q := range r.Lateral {
			if !(q >= 0 && q <= maxLateral) {
				k.errorf("%s: lateral inflow %g m³/s: want 0 to %g", where, q, float64(maxLateral))
			}
		}
		k.takesLateral(&k.m.reaches[at], where)
		k.m.reaches[at].lateral, k.m.reaches[at].zone = r.Lateral, k.zone()
		names = append(names, r.ID)
		total += catalog.MonthValue(r.Lateral, 0)
		changes = changes || len(r.Lateral) > 1
	}
	if len(names) == 0 {
		return
	}
	who := strings.Join(names[:min(len(names), toldLaterals)], ", ")
	if n := len(names) - toldLaterals; n > 0 {
		who += fmt.Sprintf(" and %d more", n)
	}
	if changes {
		k.note("lateral inflow by the catalogue, by month, is assumed along %s: %.4g m³/s in all in the mean of the year", who, total)
	} else {
		k.note("lateral inflow by the catalogue, always the same, is assumed along %s: %.4g m³/s in all", who, total)
	}
}

const (
	maxLateral   = 1e6 // m³/s: no river takes more
	toldLaterals = 5   // reaches that are named; the others are counted
)

// takesLateral reports a reach along which nothing can join.
func (k *compiler) takesLateral(r *reach, where string) {
	switch router := r.router.(type) {
	case lag:
		if err := router.TakesLateral(); err != nil {
			k.errorf("%s: %w", where, err)
		}
	case nonlinear:
		k.errorf("%s: what joins along a nonlinear reach is its beta, a share of the inflow", where)
	}
}

// drains lets the sub-basin that is added next drain to node at, or along the reach
// that ends there.
func (k *compiler) drains(sb *catalog.SubBasin, at int, where string) {
	m := k.m
	if sb.Along == "" {
		m.nodes[at].subs = append(m.nodes[at].subs, len(m.subs))
		return
	}
	i := slices.IndexFunc(m.reaches, func(r reach) bool { return r.id == sb.Along && !r.canal })
	if i < 0 || m.reaches[i].to != at {
		k.errorf("%s: along %q: no reach of that name ends at node %q", where, sb.Along, sb.Node)
		return
	}
	k.takesLateral(&m.reaches[i], where+": along "+sb.Along)
	m.reaches[i].subs = append(m.reaches[i].subs, len(m.subs))
}

// lateral returns what joins along a reach, m³/s, value i the mean of the step that ends
// at index i; nil if nothing ever does.
func (r *run) lateral(reach *reach) []float64 {
	if len(reach.lateral) == 0 && len(reach.subs) == 0 {
		return nil
	}
	out := make([]float64, r.end+1)
	switch len(reach.lateral) {
	case 0:
	case 1:
		for t := range out {
			out[t] = reach.lateral[0]
		}
	default:
		for t := range out {
			out[t] = catalog.MonthValue(reach.lateral, r.month(t, reach.zone))
		}
	}
	for _, b := range reach.subs {
		for t, q := range r.runoff[b][:len(out)] {
			out[t] += q
		}
	}
	return out
}

// month returns the month, from 1 to 12, in which the step that ends at index t lies.
func (r *run) month(t int, zone *time.Location) int {
	return int(r.instant(t).Add(-time.Millisecond).In(zone).Month())
}

// between returns the values of steps that end after index from and at or before to.
func between(values []float64, from, to int) []float64 {
	if values == nil {
		return nil
	}
	return values[from+1 : to+1]
}

// after returns the values of steps that end after an index.
func after(values []float64, from int) []float64 {
	return between(values, from, len(values)-1)
}

// Taken is what a diversion took in a run.
type taken struct {
	node    int
	flow    []float64 // m³/s
	arrived float64   // mean after now, m³/s
	mean    float64   // taken, mean after now, m³/s
	short   int       // steps after now in which less was taken than asked for
}

// divert takes out of flow, which is what arrives at node i, what its diversion takes.
func (r *run) divert(i int, flow []float64) {
	d := r.m.nodes[i].divert
	x := taken{node: i, flow: make([]float64, len(flow))}
	arrived, sum := 0.0, 0.0
	ask := &d.months[0]
	for t, q := range flow {
		if d.changes {
			ask = &d.months[r.month(t, d.zone)-1]
		}
		x.flow[t], flow[t] = ask.Take(q)
		if t <= r.here {
			continue
		}
		arrived, sum = arrived+q, sum+x.flow[t]
		if asked := ask.Asks(q); asked-x.flow[t] > 1e-9*asked {
			x.short++
		}
	}
	n := float64(max(1, r.end-r.here))
	x.arrived, x.mean = arrived/n, sum/n
	r.taken = append(r.taken, x)
}

// toldDiversions is how many diversions are told of, the largest first; the others are
// told of together.
const toldDiversions = 5

// tellDiversions notes what was diverted from now to the horizon, and where less was
// than asked for.
func (r *run) tellDiversions() {
	all := slices.Clone(r.taken)
	slices.SortStableFunc(all, func(a, b taken) int {
		return cmp.Or(cmp.Compare(b.mean, a.mean), strings.Compare(r.m.nodes[a.node].id, r.m.nodes[b.node].id))
	})
	rest := 0.0
	for i, x := range all {
		if i >= toldDiversions {
			rest += x.mean
			continue
		}
		n := &r.m.nodes[x.node]
		where := "out of the basin"
		if n.divert.canal >= 0 {
			where = "to node " + r.m.nodes[r.m.reaches[n.divert.canal].to].id
		}
		share := 0.0
		if x.arrived > 0 {
			share = x.mean / x.arrived
		}
		r.note("diversion at node %s %s: %.3g m³/s in the mean to the horizon, %.0f %% of what arrives", n.id, where, x.mean, 100*share)
		if x.short == 0 {
			continue
		}
		short := hours(time.Duration(x.short) * r.m.settings.Step)
		if keep := n.divert.mean.Keep; keep > 0 {
			r.note("diversion at node %s takes less than asked for during %s: %g m³/s stay in the river", n.id, short, keep)
		} else {
			r.note("diversion at node %s takes less than asked for during %s: the river has no more", n.id, short)
		}
	}
	if n := len(all) - toldDiversions; n > 0 {
		r.note("%d more diversions take %.3g m³/s in all in the mean to the horizon", n, rest)
	}
}
