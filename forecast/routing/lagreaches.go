package routing

import (
	"fmt"
	"math"
	"slices"
)

// LagReaches are the reaches of a network with lag-and-route: parameters and
// state in flat arrays. Lateral inflow enters the reservoir.
type LagReaches struct {
	upstream Upstream
	reach    []Lag
	first    []int32   // where the reach's state begins; one more than there are reaches
	state    []float64 // as in State, reach after reach
	last     []float64 // raw inflow of the last step; nil with Current
}

// NewLagReaches returns dry reaches, with up as [Upstream] says. It fails if one was
// not made by [NewLag], if their steps differ, or if they look back more than 2³¹ − 1 steps
// in all.
func NewLagReaches(reaches []Lag, up Upstream) (*LagReaches, error) {
	m := &LagReaches{upstream: up, reach: slices.Clone(reaches), first: make([]int32, len(reaches)+1)}
	size := 0
	for i := range reaches {
		if reaches[i].dt == 0 || reaches[i].dt != reaches[0].dt {
			return nil, fmt.Errorf("reach %d: lag: dt = %g s, that of reach 0 is %g s", i, reaches[i].dt, reaches[0].dt)
		}
		if size += reaches[i].size(); size > math.MaxInt32 {
			return nil, fmt.Errorf("reach %d: lag: more than %d steps of lag in all", i, math.MaxInt32)
		}
		m.first[i+1] = int32(size)
	}
	m.state = make([]float64, size)
	if up == Previous {
		m.last = make([]float64, len(reaches))
	}
	return m, nil
}

// Len returns the number of reaches.
func (m *LagReaches) Len() int { return len(m.reach) }

// Upstream returns the choice made at construction.
func (m *LagReaches) Upstream() Upstream { return m.upstream }

func (m *LagReaches) stateOf(k int) State { return m.state[m.first[k]:m.first[k+1]] }

// SetSteady sets reach k to have carried inflow at its head and outflow at its
// end, m³/s, for long, lateral inflow to the reservoir making the difference. It
// fails unless both are from 0 to 10⁹ m³/s.
func (m *LagReaches) SetSteady(k int, inflow, outflow float64) error {
	if err := checkSteady(inflow, outflow); err != nil {
		return fmt.Errorf("reach %d: %w", k, err)
	}
	s := m.stateOf(k)
	for i := range s {
		s[i] = inflow
	}
	s[len(s)-1] = outflow
	if m.last != nil {
		m.last[k] = inflow
	}
	return nil
}

// Outflow returns the flow at the end of reach k now, m³/s.
func (m *LagReaches) Outflow(k int) float64 { return m.state[m.first[k+1]-1] }

// Storage returns the water in reach k, m³, what it will take from upstream in
// the next step included if that is [Previous].
func (m *LagReaches) Storage(k int) float64 {
	s := m.stateOf(k)
	v := m.reach[k].Storage(s)
	if m.last != nil {
		v += m.reach[k].dt / 2 * (s[0] + m.last[k])
	}
	return v
}

// Save returns a copy of the state, for [LagReaches.Restore]: flows, m³/s.
func (m *LagReaches) Save() []float64 { return slices.Concat(m.state, m.last) }

// Restore sets the state to one that was saved, m³/s. It fails if the
// length is another's.
func (m *LagReaches) Restore(saved []float64) error { return restore(saved, m.state, m.last) }

// Clone returns reaches with the same parameters, which are shared, and a state
// of their own.
func (m *LagReaches) Clone() *LagReaches {
	c := *m
	c.state, c.last = slices.Clone(m.state), slices.Clone(m.last)
	return &c
}

// Route replaces the inflows q of reach k at the ends of consecutive steps,
// m³/s, by its outflows. Lateral, m³/s, the mean over each step, is nil or has the
// length of q, else it panics. It allocates nothing, and calls for different reaches may
// run at the same time. It fails if there is lateral inflow and no reservoir to take it.
func (m *LagReaches) Route(k int, q, lateral []float64) (Tally, error) {
	if lateral != nil && len(lateral) != len(q) {
		panic(badLateral)
	}
	r := &m.reach[k]
	if r.reservoir.n == 0 {
		for t, v := range lateral {
			if v != 0 {
				return Tally{}, fmt.Errorf("reach %d: lag: lateral inflow of %g m³/s in step %d of the tile into a reach with k = 0 s", k, v, t)
			}
		}
	}
	if m.last != nil {
		delay(q, &m.last[k])
	}
	r.route(m.stateOf(k), q, lateral)
	return Tally{Steps: int64(len(q))}, nil
}
