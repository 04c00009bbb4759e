package forecast

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"freshet/internal/hydro"
)

// What has no solution costs the forecast of what lies below it and of nothing else:
// a node there has a hole, with the reason, and keeps the state from which the run
// started, to be tried again by the next run. Nothing is put in the place of a flow
// that is not known.

// A hole is why a node has no forecast.
type hole struct {
	why, whyZH string
	at         int // the first index without a solution
}

// An unsolved error says from which index on there is no solution.
type unsolved struct {
	at  int
	err error
}

func (u unsolved) Error() string { return u.err.Error() }
func (u unsolved) Unwrap() error { return u.err }

// holeOf returns the hole that a failing of a part of the basin makes.
func holeOf(en, zh string, err error) *hole {
	h := &hole{why: fmt.Sprintf("%s: no solution: %v", en, err), whyZH: zh + "无解：" + hydro.ReasonZH(err.Error())}
	if u := (unsolved{}); errors.As(err, &u) {
		h.at = u.at
	}
	return h
}

// try runs a part of the computation; a panic of a method becomes an error.
func try(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// A said is what a run had said before a try.
type said struct {
	stations, gauged, notes, missing, plans, pools, leaks, taken int
	held, ruled                                                  bool
	doubts                                                       doubts
}

func (r *run) said() said {
	return said{len(r.stations), len(r.gauged), len(r.notes), len(r.missing), len(r.plans), len(r.pools), len(r.leaks), len(r.taken), r.held, r.ruled, r.doubts}
}

// unsay takes back what a try that failed has said.
func (r *run) unsay(s said) {
	r.stations, r.gauged, r.notes, r.missing = r.stations[:s.stations], r.gauged[:s.gauged], r.notes[:s.notes], r.missing[:s.missing]
	r.plans, r.pools, r.leaks, r.held, r.ruled = r.plans[:s.plans], r.pools[:s.pools], r.leaks[:s.leaks], s.held, s.ruled
	r.doubts, r.taken = s.doubts, r.taken[:s.taken]
}

// finite returns an error that names the first value of a flow, from index 1 on, that
// is none.
func finite(what string, flow []float64) error {
	for t, q := range flow {
		if t > 0 && !(math.Abs(q) <= math.MaxFloat64) {
			return unsolved{t, fmt.Errorf("%s is %g m³/s", what, q)}
		}
	}
	return nil
}

// grounds computes the runoff of all sub-basins.
func (r *run) grounds() {
	m := r.m
	for i := range m.subs {
		r.subBasin(i)
		if !m.subs[i].moist {
			r.ground([]int{i}, -1)
		}
	}
	r.days = make([]days, len(m.moist))
	for i := range m.moist {
		r.ground(m.nodes[m.moist[i].node].subs, i)
	}
}

// ground computes the runoff of sub-basins that must be computed together: one, or
// those of the moist-th gauge whose soil moisture is adjusted. If there is no solution
// from their state they start anew; if there is none then, their node has a hole.
func (r *run) ground(subs []int, moist int) {
	compute := func() error {
		if moist < 0 {
			r.runOff(subs[0])
		} else {
			r.moisture(moist)
		}
		for _, b := range subs {
			if err := finite("runoff", r.runoff[b][:r.end+1]); err != nil {
				return fmt.Errorf("sub-basin %s: %w", r.m.subs[b].id, err)
			}
		}
		return nil
	}
	before, carried := r.said(), r.s
	first := try(compute)
	if first == nil {
		return
	}
	r.unsay(before)
	r.s.SubBasins, r.s.Moisture = slices.Clone(r.s.SubBasins), slices.Clone(r.s.Moisture)
	for _, b := range subs {
		r.s.SubBasins[b] = r.m.subs[b].start()
		r.subBasin(b)
	}
	if moist >= 0 {
		r.s.Moisture[moist] = MoistureState{Node: carried.Moisture[moist].Node}
	}
	if !r.once && try(compute) == nil {
		r.note("sub-basin %s: no solution from its last state (%v): started anew", r.m.subs[subs[0]].id, first)
		return
	}
	r.unsay(before)
	r.s.SubBasins, r.s.Moisture = carried.SubBasins, carried.Moisture
	for k := range r.marks {
		mk := &r.marks[k]
		for _, b := range subs {
			mk.state.SubBasins[b] = r.s.SubBasins[b]
			mk.state.SubBasins[b].Pending = slices.Clone(r.s.SubBasins[b].Pending)
		}
		if moist >= 0 {
			mk.state.Moisture[moist] = r.s.Moisture[moist].clone()
		}
	}
	if moist >= 0 {
		r.days[moist] = days{begin: r.s.Moisture[moist].Error, kept: r.s.Moisture[moist].Error}
	}
	lose := func(i int) {
		r.lose(i, holeOf("runoff at node "+r.m.nodes[i].id, "节点"+r.m.nodes[i].id+"产流", first))
	}
	for i := range r.m.nodes {
		if slices.Contains(r.m.nodes[i].subs, subs[0]) {
			lose(i)
		}
	}
	for i := range r.m.reaches {
		if slices.Contains(r.m.reaches[i].subs, subs[0]) {
			r.unfed = append(r.unfed, i)
			lose(r.m.reaches[i].to)
		}
	}
}

// lose says that there is no flow at node i. The first reason stands.
func (r *run) lose(i int, h *hole) {
	if r.lost[i] == nil {
		r.lost[i] = h
	}
}

// nodes computes the flow through all nodes, upstream first, and routes it on.
func (r *run) nodes() {
	for i := range r.m.nodes {
		if r.lost[i] == nil {
			r.solve(i)
		}
		if r.lost[i] != nil {
			r.leaveOut(i)
		}
	}
}

// solve computes the flow through node i and routes it on.
func (r *run) solve(i int) {
	n := &r.m.nodes[i]
	copy(r.arrived, r.flow[i])
	through := func() error {
		first := len(r.stations)
		r.stuck = nil
		r.pass(i)
		if r.stuck != nil {
			return r.stuck
		}
		if err := finite("flow", r.flow[i]); err != nil {
			return err
		}
		for k := first; k < len(r.stations); k++ {
			for _, q := range r.stations[k].Discharge {
				if !(math.Abs(q) <= math.MaxFloat64) {
					return unsolved{r.here + 1, fmt.Errorf("discharge at %s is %g m³/s", r.stations[k].Station, q)}
				}
			}
		}
		return nil
	}
	before, carried := r.said(), r.s
	var learnt days // before the try
	if n.moist > 0 {
		learnt = r.days[n.moist-1]
	}
	forget := func() {
		r.unsay(before)
		if n.moist > 0 {
			r.days[n.moist-1] = learnt
		}
	}
	if err := try(through); err != nil {
		forget()
		copy(r.flow[i], r.arrived)
		r.s.Nodes = slices.Clone(r.s.Nodes)
		r.s.Nodes[i] = n.start()
		r.s.Nodes[i].Bands = carried.Nodes[i].Bands
		if r.once || try(through) != nil {
			forget()
			r.s.Nodes = carried.Nodes
			r.lose(i, holeOf("node "+n.id, "节点"+n.id, err))
			return
		}
		r.note("node %s: no solution from its last state (%v): started anew", n.id, err)
	}
	if c := n.canal(); c >= 0 {
		r.onward(c, r.taken[len(r.taken)-1].flow)
	}
	if n.out >= 0 {
		r.onward(n.out, r.flow[i])
	}
}

// onward routes a flow through a reach to the node at its end.
func (r *run) onward(out int, flow []float64) {
	reach := &r.m.reaches[out]
	if slices.Contains(r.unfed, out) { // the node at its end is lost
		r.hold(out)
		return
	}
	through := func() error { return r.route(out, flow) }
	before, carried := r.said(), r.s
	if err := try(through); err != nil {
		r.unsay(before)
		r.s.Reaches = slices.Clone(r.s.Reaches)
		r.s.Reaches[out] = r.m.startReach(out)
		if !r.once && try(through) == nil {
			r.note("reach %s: no solution from its last state (%v): started anew", reach.id, err)
			return
		}
		r.unsay(before)
		r.s.Reaches = carried.Reaches
		r.hold(out)
		r.lose(reach.to, holeOf("reach "+reach.id, "河段"+reach.id, err))
	}
}

// hold keeps the water of a reach as it was in the run's state.
func (r *run) hold(out int) {
	for k := range r.marks {
		r.marks[k].state.Reaches[out] = r.s.Reaches[out].clone()
	}
}

// leaveOut lets node i, which has no flow, keep its state, and what lies below it have
// none either. Its stations keep their places among the others, without values.
func (r *run) leaveOut(i int) {
	n := &r.m.nodes[i]
	for k := range r.marks {
		r.marks[k].state.Nodes[i] = r.s.Nodes[i]
	}
	for _, id := range n.stations() {
		r.stations = append(r.stations, hydro.StationForecast{Station: id})
	}
	for _, out := range []int{n.canal(), n.out} {
		if out >= 0 {
			r.hold(out)
			r.lose(r.m.reaches[out].to, r.lost[i])
		}
	}
}

// stations returns those that node n has a forecast for, in the order of a run.
func (n *node) stations() (ids []string) {
	if n.reservoir != nil {
		ids = append(ids, n.reservoir.station)
	}
	if n.gauge != nil {
		ids = append(ids, n.gauge.station)
	}
	return ids
}

// barred returns why the release for the sake of a place below cannot be found: water
// joins on the way whose flow is not known.
func (r *run) barred(p *place) error {
	if p == nil {
		return nil
	}
	for _, j := range p.path {
		if h := r.lost[j]; h != nil {
			return unsolved{h.at, fmt.Errorf("its release is set by what the river bears at %s, and what joins on the way is not known: %s", p.id, h.why)}
		}
	}
	return nil
}

// left takes the stations without a forecast out of the run, and returns the holes.
func (r *run) left() []hydro.ForecastHole {
	var holes []hydro.ForecastHole
	for i := range r.m.nodes {
		h, n := r.lost[i], &r.m.nodes[i]
		if h == nil {
			continue
		}
		ids := n.stations()
		if len(ids) == 0 {
			ids = []string{""}
		}
		for _, id := range ids {
			holes = append(holes, hydro.ForecastHole{Node: n.id, Station: id, Why: h.why, WhyZH: h.whyZH, From: r.instant(h.at)})
		}
	}
	for k, h := range holes { // the notes of a run are kept where it is archived
		same := func(x hydro.ForecastHole) bool { return x.Why == h.Why }
		if slices.ContainsFunc(holes[:k], same) {
			continue
		}
		var who []string
		for _, x := range holes[k:] {
			if same(x) {
				who = append(who, cmp.Or(x.Station, "node "+x.Node))
			}
		}
		r.note("no forecast at %s: %s", strings.Join(who, ", "), h.Why)
	}
	r.stations = slices.DeleteFunc(r.stations, func(s hydro.StationForecast) bool { return s.Discharge == nil })
	return holes
}
