package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast/routing"
	"freshet/internal/catalog"
)

// A ReachState is the water in a reach. Which of its parts are used is the
// method's matter.
type ReachState struct {
	ID        string
	Method    catalog.RoutingMethod
	Flow      routing.State      // m³/s, of linear Muskingum and of lag and route
	Parts     []routing.MCTState // of MCT, upstream first
	Cunge     []routing.CungeState
	Nonlinear routing.NonlinearState
}

func (s ReachState) clone() ReachState {
	s.Flow, s.Parts, s.Cunge = slices.Clone(s.Flow), slices.Clone(s.Parts), slices.Clone(s.Cunge)
	return s
}

// alike reports whether a and b are states of the same method and shape, so that
// the one can go on from the water of the other.
func (s *ReachState) alike(o *ReachState) bool {
	return s.ID == o.ID && s.Method == o.Method && len(s.Flow) == len(o.Flow) && len(s.Parts) == len(o.Parts) && len(s.Cunge) == len(o.Cunge)
}

// A reach moves the flow at one node to the next.
type reach struct {
	id       string
	from, to int
	router   router
	initial  ReachState     // where the flow has long been steady
	lateral  []float64      // m³/s that join along it: none, one value, or one for each month
	zone     *time.Location // in which months begin
	subs     []int          // indices of the sub-basins that drain along it
	canal    bool           // what a diversion takes, on its way to where it joins
}

// A router is a method with the parameters of one reach.
type router interface {
	// steady returns the state of a reach that has carried in at its head and out at
	// its end, m³/s, for long, what joins along it making the difference.
	steady(in, out float64) (ReachState, error)
	// route replaces the flow at the head of the reach at the ends of consecutive
	// steps, m³/s, by that at its end, and moves s. Lateral, the mean over each step
	// of what joins along it, m³/s, is nil or has the length of q.
	route(s *ReachState, q, lateral []float64) (routing.Tally, error)
}

type muskingum struct{ routing.Muskingum }

func (m muskingum) steady(in, out float64) (ReachState, error) {
	return ReachState{Method: catalog.Muskingum, Flow: m.SteadyLateral(in, out)}, nil
}

func (m muskingum) route(s *ReachState, q, lateral []float64) (routing.Tally, error) {
	if lateral != nil {
		m.RouteLateral(s.Flow, q, lateral)
	} else {
		m.Route(s.Flow, q, q)
	}
	return routing.Tally{}, nil
}

type lag struct{ routing.Lag }

func (l lag) steady(in, out float64) (ReachState, error) {
	return ReachState{Method: catalog.LagRoute, Flow: l.SteadyLateral(in, out)}, nil
}

func (l lag) route(s *ReachState, q, lateral []float64) (routing.Tally, error) {
	if lateral != nil {
		l.RouteLateral(s.Flow, q, lateral)
	} else {
		l.Route(s.Flow, q, q)
	}
	return routing.Tally{}, nil
}

// An mct is a reach in equal parts.
type mct struct {
	part  routing.MCT
	parts int
}

func (m mct) steady(in, out float64) (ReachState, error) {
	s := ReachState{Method: catalog.MCT, Parts: make([]routing.MCTState, m.parts)}
	for i := range s.Parts {
		var err error
		if s.Parts[i], err = m.part.Steady(along(in, out, i, m.parts), along(in, out, i+1, m.parts)); err != nil {
			return ReachState{}, err
		}
	}
	return s, nil
}

// along returns a flow after i of n equal parts of a reach in which it changes evenly.
func along(in, out float64, i, n int) float64 { return in + (out-in)*float64(i)/float64(n) }

func (m mct) route(s *ReachState, q, lateral []float64) (tally routing.Tally, err error) {
	for i := range s.Parts {
		part := &s.Parts[i]
		for t, inflow := range q {
			joins := 0.0
			if lateral != nil {
				joins = lateral[t] / float64(m.parts)
			}
			if _, err := m.part.Step(part, inflow, joins, &tally); err != nil {
				return tally, fmt.Errorf("part %d of %d, step %d: %w", i+1, m.parts, t+1, err)
			}
			q[t] = part.Outflow
		}
	}
	return tally, nil
}

// router returns the method that the catalogue asks for.
func (k *compiler) router(r *catalog.Reach) (router, error) {
	switch method := cmp.Or(r.Method, catalog.Muskingum); method {
	case catalog.Muskingum:
		m, err := routing.NewMuskingum(r.K.Seconds(), r.X, k.m.dt, r.SubReaches)
		return muskingum{m}, err
	case catalog.LagRoute:
		l, err := routing.NewLag(r.Lag.Seconds(), r.K.Seconds(), k.m.dt)
		return lag{l}, err
	case catalog.MCT:
		c := r.Section()
		if err := c.Check(); err != nil {
			return nil, fmt.Errorf("mct: %w", err)
		}
		parts := r.SubReaches
		if parts == 0 {
			parts = c.Parts(k.m.dt)
		}
		if parts < 1 || parts > maxParts {
			return nil, fmt.Errorf("mct: %g m in %d parts: want 1 to %d", c.Length, parts, maxParts)
		}
		c.Length /= float64(parts)
		m, err := routing.NewMCT(c, k.m.dt)
		return mct{m, parts}, err
	case catalog.Cunge:
		return newCunge(r, k.m.dt)
	case catalog.Nonlinear:
		return newNonlinear(r, k.m.settings.Step)
	default:
		return nil, fmt.Errorf("method %q: want %q, %q, %q, %q or %q", method, catalog.Muskingum, catalog.MCT, catalog.LagRoute, catalog.Cunge, catalog.Nonlinear)
	}
}

// maxParts keeps the work and the state of a reach within reason.
const maxParts = 1000

// startReaches finds the states in which reaches start, once the nodes' steady
// flows are known.
func (k *compiler) startReaches() {
	for i := range k.m.reaches {
		r := &k.m.reaches[i]
		in := k.m.nodes[r.from].steady
		if r.canal {
			in = k.m.nodes[r.from].divert.steady
		}
		s, err := r.router.steady(in, in+catalog.MonthValue(r.lateral, 0))
		if err != nil {
			k.errorf("reach %q: %w", r.id, err)
			continue
		}
		s.ID = r.id
		r.initial = s
	}
}

func (m *Model) startReach(i int) ReachState { return m.reaches[i].initial.clone() }

// limitedShare is the share of a reach's steps from which on a bounded
// attenuation is told.
const limitedShare = 0.1

// route moves a flow through a reach, on to the node
// at its end. It fails if the method finds no answer, or one that is no flow.
func (r *run) route(at int, flow []float64) error {
	reach := &r.m.reaches[at]
	water := r.s.Reaches[at].clone()
	lateral := r.lateral(reach)
	var began ReachState // at now
	out := r.local
	copy(out, flow)
	var tally, ahead routing.Tally
	from := 0
	for k := 0; k <= len(r.marks); k++ {
		to := len(out) - 1
		if k < len(r.marks) {
			to = r.marks[k].at
		}
		more, err := r.through(reach, &water, out, lateral, from, to, &began, &ahead)
		if err != nil {
			return unsolved{from + 1, fmt.Errorf("between %s and %s: %w", stamp(r.instant(from).UnixMilli()), stamp(r.instant(to).UnixMilli()), err)}
		}
		tally.Add(more)
		from = to
		if k < len(r.marks) {
			r.marks[k].state.Reaches[at] = water.clone()
		}
	}
	for t := 1; t < len(out); t++ {
		if !(out[t] >= 0 && out[t] <= math.MaxFloat64) {
			return unsolved{t, fmt.Errorf("outflow of %g m³/s at %s with %g m³/s at its head", out[t], stamp(r.instant(t).UnixMilli()), flow[t])}
		}
	}
	for t, down := 1, r.flow[reach.to]; t < len(down); t++ {
		down[t] += out[t]
	}
	r.leak(reach, began, water, flow[r.here+1:], after(lateral, r.here), out[r.here+1:])
	r.doubt(reach, tally, ahead)
	if share := float64(tally.Limited) / float64(max(tally.Steps, 1)); share >= limitedShare {
		r.note("reach %s: attenuation bounded in %.0f %% of its steps, %d of %d, to keep its outflow from ringing or falling below 0: another number of sub_reaches would suit the step better",
			reach.id, 100*share, tally.Limited, tally.Steps)
	}
	return nil
}
