package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/routing"
	"freshet/internal/catalog"
)

// A leaky router does not conserve water, and each run says how much was made or
// lost.
type leaky interface {
	// ends returns the flow at the head and at the end of the reach, m³/s, and the
	// water between them, m³.
	ends(s *ReachState) (inflow, outflow, storage float64)
}

// A cunge is a reach by t-route's conventions in equal parts, whose depth is what
// tells the water in them.
type cunge struct {
	part    routing.Cunge
	channel routing.Channel // of a part
	parts   int
	up      routing.Upstream
}

func newCunge(r *catalog.Reach, dt float64) (router, error) {
	c := cunge{channel: r.Section(), parts: cmp.Or(r.SubReaches, 1)}
	if r.ShortStep {
		c.up = routing.Previous
	}
	if c.parts < 1 || c.parts > maxParts {
		return nil, fmt.Errorf("muskingum-cunge: %g m in %d parts: want 1 to %d", c.channel.Length, c.parts, maxParts)
	}
	c.channel.Length /= float64(c.parts)
	var err error
	if c.part, err = routing.NewCunge(c.channel, dt); err != nil {
		return nil, err
	}
	return c, c.channel.CheckStep(dt)
}

func (c cunge) steady(in, out float64) (ReachState, error) {
	s := ReachState{Method: catalog.Cunge, Cunge: make([]routing.CungeState, c.parts)}
	for i := range s.Cunge {
		var err error
		if s.Cunge[i], err = c.channel.Steady(along(in, out, i, c.parts), along(in, out, i+1, c.parts)); err != nil {
			return ReachState{}, err
		}
	}
	return s, nil
}

func (c cunge) route(s *ReachState, q, lateral []float64) (tally routing.Tally, err error) {
	if lateral != nil {
		lateral = slices.Clone(lateral)
		for t := range lateral {
			lateral[t] /= float64(c.parts)
		}
	}
	for i := range s.Cunge {
		if err := c.part.Route(&s.Cunge[i], q, lateral, c.up, &tally); err != nil {
			return tally, fmt.Errorf("part %d of %d: %w", i+1, c.parts, err)
		}
	}
	return tally, nil
}

func (c cunge) ends(s *ReachState) (inflow, outflow, storage float64) {
	for _, part := range s.Cunge {
		storage += c.part.Storage(part)
	}
	return s.Cunge[0].Inflow, s.Cunge[len(s.Cunge)-1].Outflow, storage
}

type nonlinear struct {
	routing.Nonlinear
	p routing.NonlinearParameters
}

func newNonlinear(r *catalog.Reach, step time.Duration) (router, error) {
	if fitted := r.Nonlinear.FittedStep; fitted != step {
		return nil, fmt.Errorf("nonlinear muskingum: fitted at a step of %s, the basin's is %s: the parameters belong to the step", fitted, step)
	}
	n := nonlinear{p: r.Parameters()}
	var err error
	n.Nonlinear, err = routing.NewNonlinear(n.p, step.Seconds())
	return n, err
}

// steady refuses a flow at which the procedure is unstable: a flood would grow out
// of nothing.
func (n nonlinear) steady(q, _ float64) (ReachState, error) {
	if rate := n.Rate(max(q, 1e-6), max(q, 1e-6)); !(rate <= routing.MaxRate) {
		return ReachState{}, fmt.Errorf("nonlinear muskingum: unstable: at the flow of %g m³/s from which it starts the storage answers %.3g times within a step, want at most %d: give the node above a higher base_flow, or the reach a longer k", q, rate, routing.MaxRate)
	}
	return ReachState{Method: catalog.Nonlinear, Nonlinear: n.State(q, q)}, nil
}

func (n nonlinear) route(s *ReachState, q, _ []float64) (tally routing.Tally, err error) { // a lateral is refused
	if s.Nonlinear, err = n.Route(s.Nonlinear, q, q); err != nil {
		return tally, err
	}
	tally.Steps = int64(len(q))
	for _, o := range q {
		if n.Rate(o, o) > routing.MaxRate {
			tally.Unstable++
		}
	}
	return tally, nil
}

func (n nonlinear) ends(s *ReachState) (inflow, outflow, storage float64) {
	return s.Nonlinear.Inflow, s.Nonlinear.Given, s.Nonlinear.Storage
}

// through routes out from index from to index to, and keeps the water at now of a
// reach whose method does not conserve it.
func (r *run) through(reach *reach, water *ReachState, out, lateral []float64, from, to int, began *ReachState, ahead *routing.Tally) (tally routing.Tally, err error) {
	if _, ok := reach.router.(leaky); ok && from <= r.here && r.here < to {
		if tally, err = reach.router.route(water, out[from+1:r.here+1], between(lateral, from, r.here)); err != nil {
			return tally, err
		}
		*began, from = water.clone(), r.here
	}
	more, err := reach.router.route(water, out[from+1:to+1], between(lateral, from, to))
	tally.Add(more)
	if from >= r.here {
		ahead.Add(more)
	}
	return tally, err
}

// A leak is the water that a reach made from now to the horizon (or lost, below 0),
// m³. The time before now is left out: how long that is depends on when the state
// that a run starts from was kept.
type leak struct {
	id         string
	made, came float64 // and what came in, at its head and along it
}

// leak keeps how much water a reach made between the states began and water, with
// flow at its head and out at its end at the ends of the steps between, and lateral
// along it, which may be nil.
func (r *run) leak(reach *reach, began, water ReachState, flow, lateral, out []float64) {
	l, ok := reach.router.(leaky)
	if !ok || len(out) == 0 {
		return
	}
	inflow, outflow, before := l.ends(&began)
	_, _, after := l.ends(&water)
	x := leak{id: reach.id, made: after - before}
	for t := range out {
		x.came += r.m.dt / 2 * (inflow + flow[t])
		x.made += r.m.dt / 2 * (outflow + out[t] - inflow - flow[t])
		inflow, outflow = flow[t], out[t]
		if lateral != nil {
			x.came += r.m.dt * lateral[t]
			x.made -= r.m.dt * lateral[t]
		}
	}
	r.leaks = append(r.leaks, x)
}

// toldLeaks is how many reaches are named; the others are counted.
const toldLeaks = 5

// tellLeaks notes how much water reaches made or lost, the most first.
func (r *run) tellLeaks() {
	if len(r.leaks) == 0 {
		return
	}
	total, came := 0.0, 0.0
	for _, l := range r.leaks {
		total, came = total+l.made, came+l.came
	}
	slices.SortStableFunc(r.leaks, func(a, b leak) int {
		return cmp.Or(cmp.Compare(math.Abs(b.made), math.Abs(a.made)), strings.Compare(a.id, b.id))
	})
	var told []string
	for i, l := range r.leaks {
		if i == toldLeaks {
			told = append(told, fmt.Sprintf("and %d more, %s in all", len(r.leaks), madeOf(total, came)))
			break
		}
		told = append(told, l.id+" "+madeOf(l.made, l.came))
	}
	r.note("methods that do not conserve water, from %s to %s: %s", stamp(r.start+int64(r.here)*r.m.stepMS), stamp(r.start+int64(r.end)*r.m.stepMS), strings.Join(told, "; "))
}

func madeOf(made, came float64) string {
	verb := "gained"
	if made < 0 {
		verb = "lost"
	}
	if came > 0 {
		return fmt.Sprintf("%s %.3g m³, %.2g %% of what came in", verb, math.Abs(made), 100*math.Abs(made)/came)
	}
	return fmt.Sprintf("%s %.3g m³", verb, math.Abs(made))
}

// doubts are the steps after now of reaches whose procedure was not at home in a few.
type doubts struct {
	reaches      int
	ended, steps int64
}

// tellDoubts notes them together: few are no reason to name each reach in every run,
// and none to say nothing.
func (r *run) tellDoubts() {
	if d := r.doubts; d.reaches > 0 {
		r.note("in %d reaches the iteration of t-route's Muskingum-Cunge did not come to its end in %d of %d steps from now on", d.reaches, d.ended, d.steps)
	}
}

// doubt notes where a method's procedure was not at home in a tenth of the steps or
// more.
func (r *run) doubt(reach *reach, tally, ahead routing.Tally) {
	steps := float64(max(tally.Steps, 1))
	if n := tally.Unconverged + tally.Abandoned + tally.Clipped; float64(n)/steps >= limitedShare {
		r.note("reach %s: the iteration of t-route's Muskingum-Cunge did not come to its end in %.0f %% of the steps of its parts: %d at the limit of iterations, %d led below the bed, %d outflows below 0 replaced; mct has an answer there",
			reach.id, 100*float64(n)/steps, tally.Unconverged, tally.Abandoned, tally.Clipped)
	} else if n := ahead.Unconverged + ahead.Abandoned + ahead.Clipped; n > 0 {
		r.doubts.reaches++
		r.doubts.ended += n
		r.doubts.steps += ahead.Steps
	}
	if tally.Unstable > 0 {
		r.note("reach %s: nonlinear Muskingum was unstable in %d of %d steps, of low flow: its storage answers faster than the step allows", reach.id, tally.Unstable, tally.Steps)
	}
}
