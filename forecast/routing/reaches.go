package routing

import (
	"fmt"
	"math"
	"slices"
)

// An Upstream says which flow of its upstream reaches enters a reach in a step.
// It is a modelling choice with visible effect where a step is not short against
// the travel time of a reach, not a detail.
type Upstream int

const (
	// Current takes the flow at the end of this step. Reaches are computed in
	// order, and a flood passes any number of them within a step.
	Current Upstream = iota
	// Previous takes the flow at the end of the step before: the "short time
	// step" assumption of [t-route]. Each reach delays the flood by a step more.
	Previous
)

// A Tally counts what a solver met. Every count but Solved is of reach-steps.
type Tally struct {
	Steps       int64 // all
	Iterations  int64 // of the solver
	Unconverged int64 // ended at the limit of iterations, the last value stands ([Cunge] only)
	Abandoned   int64 // ended because a secant step led below the bed, the value before stands ([Cunge] only)
	Clipped     int64 // a negative outflow was replaced, which makes water ([Cunge] only)
	Limited     int64 // the attenuation was bounded to keep the outflow non-negative ([MCT] only)
	Unstable    int64 // the storage answers faster than [MaxRate] allows ([Nonlinear] only)
}

// Add adds u to t.
func (t *Tally) Add(u Tally) {
	t.Steps += u.Steps
	t.Iterations += u.Iterations
	t.Unconverged += u.Unconverged
	t.Abandoned += u.Abandoned
	t.Clipped += u.Clipped
	t.Limited += u.Limited
	t.Unstable += u.Unstable
}

const (
	badReach   = "routing: no such reach"
	badLateral = "routing: lateral inflow and flow have unequal length"
)

// delay moves a series of flows by one step: the last value of the series
// before comes first.
func delay(q []float64, last *float64) {
	for i, v := range q {
		q[i], *last = *last, v
	}
}

// checkSteady returns an error unless every flow is finite and not negative.
func checkSteady(q ...float64) error {
	for _, v := range q {
		if !(v >= 0 && v <= maxFlow) {
			return fmt.Errorf("steady flow = %g m³/s: want 0 to %g", v, float64(maxFlow))
		}
	}
	return nil
}

const maxFlow = 1e9 // no river has more

// restore copies saved into the parts.
func restore(saved []float64, parts ...[]float64) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if len(saved) != n {
		return fmt.Errorf("restore: state of %d values, want %d", len(saved), n)
	}
	for _, p := range parts {
		saved = saved[copy(p, saved):]
	}
	return nil
}

// MuskingumReaches are the reaches of a network with linear Muskingum routing:
// parameters and state in flat arrays. Lateral inflow, m³/s, the mean over the
// step, is spread evenly over the sub-reaches,
//
//	dS/dt = I - O + q_lat     O(t+dt) = c1 I(t+dt) + c2 I(t) + c3 O(t) + c4 q_lat
//	c4 = 2dt / (2k(1-x) + dt)                                   [Chow88] (8.4.4) with q_lat
type MuskingumReaches struct {
	upstream Upstream
	reach    []Muskingum
	first    []int32   // where the reach's state begins
	state    []float64 // as in State, reach after reach
	last     []float64 // raw inflow of the last step; nil with Current
}

// NewMuskingumReaches returns dry reaches, with up as [Upstream] says. It fails if one
// was not made by [NewMuskingum], if their steps differ, or if they have more than 2³¹ − 1
// sub-reaches in all.
func NewMuskingumReaches(reaches []Muskingum, up Upstream) (*MuskingumReaches, error) {
	m := &MuskingumReaches{upstream: up, reach: slices.Clone(reaches), first: make([]int32, len(reaches))}
	size := 0
	for i, r := range reaches {
		if r.n == 0 {
			return nil, fmt.Errorf("reach %d: muskingum: not made by NewMuskingum", i)
		}
		if r.dt != reaches[0].dt {
			return nil, fmt.Errorf("reach %d: muskingum: dt = %g s, that of reach 0 is %g s", i, r.dt, reaches[0].dt)
		}
		m.first[i] = int32(size)
		if size += r.n + 1; size > math.MaxInt32 {
			return nil, fmt.Errorf("reach %d: muskingum: more than %d sub-reaches in all", i, math.MaxInt32)
		}
	}
	m.state = make([]float64, size)
	if up == Previous {
		m.last = make([]float64, len(reaches))
	}
	return m, nil
}

// Len returns the number of reaches.
func (m *MuskingumReaches) Len() int { return len(m.reach) }

// Upstream returns the choice made at construction.
func (m *MuskingumReaches) Upstream() Upstream { return m.upstream }

// SetSteady sets reach k to have carried inflow at its head and outflow at its
// end, m³/s, for long; between them flow changes evenly. It fails unless both are from 0
// to 10⁹ m³/s.
func (m *MuskingumReaches) SetSteady(k int, inflow, outflow float64) error {
	if err := checkSteady(inflow, outflow); err != nil {
		return fmt.Errorf("reach %d: %w", k, err)
	}
	s := m.stateOf(k)
	for i := range s {
		s[i] = inflow + (outflow-inflow)*float64(i)/float64(len(s)-1)
	}
	if m.last != nil {
		m.last[k] = inflow
	}
	return nil
}

func (m *MuskingumReaches) stateOf(k int) State {
	from := int(m.first[k])
	return m.state[from : from+m.reach[k].n+1]
}

// Outflow returns the flow at the end of reach k now, m³/s.
func (m *MuskingumReaches) Outflow(k int) float64 { s := m.stateOf(k); return s[len(s)-1] }

// Storage returns the water in reach k, m³, what it will take from upstream in
// the next step included if that is [Previous].
func (m *MuskingumReaches) Storage(k int) float64 {
	s := m.stateOf(k)
	v := m.reach[k].Storage(s)
	if m.last != nil {
		v += m.reach[k].dt / 2 * (s[0] + m.last[k])
	}
	return v
}

// Save returns a copy of the state, for [MuskingumReaches.Restore]: flows, m³/s.
func (m *MuskingumReaches) Save() []float64 { return slices.Concat(m.state, m.last) }

// Restore sets the state to one that was saved, m³/s. It fails if the length is
// another's.
func (m *MuskingumReaches) Restore(saved []float64) error { return restore(saved, m.state, m.last) }

// Clone returns reaches with the same parameters, which are shared, and a state
// of their own.
func (m *MuskingumReaches) Clone() *MuskingumReaches {
	c := *m
	c.state, c.last = slices.Clone(m.state), slices.Clone(m.last)
	return &c
}

// Route replaces the inflows q of reach k at the ends of consecutive steps,
// m³/s, by its outflows. Lateral, m³/s, is nil or has the length of q, else it panics.
// No error comes of it. It allocates nothing, and calls for different reaches may run at the same time.
func (m *MuskingumReaches) Route(k int, q, lateral []float64) (Tally, error) {
	if m.last != nil {
		delay(q, &m.last[k])
	}
	r, s := &m.reach[k], m.stateOf(k)
	switch {
	case lateral == nil:
		r.Route(s, q, q)
	case len(lateral) != len(q):
		panic(badLateral)
	default:
		r.routeLateral(s, q, lateral)
	}
	return Tally{Steps: int64(len(q))}, nil
}

func (m *Muskingum) routeLateral(s State, q, lateral []float64) {
	lateral = lateral[:len(q)]
	c1, c2, c3 := m.c1, m.c2, m.c3
	c4 := 2 * m.dt / (2*m.k*(1-m.x) + m.dt) / float64(m.n)
	before := s[0]
	if len(q) > 0 {
		s[0] = q[len(q)-1]
	}
	for j := 1; j <= m.n; j++ {
		o, i0, first := s[j], before, s[j]
		for t, i1 := range q {
			o = (c1*i1 + c2*i0 + c4*lateral[t]) + c3*o
			i0 = i1
			q[t] = o
		}
		before, s[j] = first, o
	}
}
