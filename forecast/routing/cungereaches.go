package routing

import (
	"fmt"
	"slices"
)

// CungeReaches are the reaches of a network that [Cunge] routes: channels and
// state in flat arrays, 88 bytes a reach.
type CungeReaches struct {
	upstream Upstream
	dt       float64
	channel  []Channel
	inflow   []float64 // from upstream at the last instant, m³/s
	outflow  []float64 // m³/s
	depth    []float64 // m
}

// NewCungeReaches returns dry reaches for steps of dt s, > 0. It fails where [NewCunge]
// does. With [Previous],
// qup and quc are both the flow from upstream at the end of the step before, as
// under t-route's assume_short_ts.
func NewCungeReaches(channels []Channel, dt float64, up Upstream) (*CungeReaches, error) {
	for i := range channels {
		if _, err := NewCunge(channels[i], dt); err != nil {
			return nil, fmt.Errorf("reach %d: %w", i, err)
		}
	}
	n := len(channels)
	return &CungeReaches{
		upstream: up, dt: dt, channel: slices.Clone(channels),
		inflow: make([]float64, n), outflow: make([]float64, n), depth: make([]float64, n),
	}, nil
}

// Len returns the number of reaches.
func (m *CungeReaches) Len() int { return len(m.channel) }

// Upstream returns the choice made at construction.
func (m *CungeReaches) Upstream() Upstream { return m.upstream }

// SetSteady sets reach k to carry inflow at its head and outflow at its end,
// m³/s, at the normal depth of outflow. It fails as [Channel.Steady] does.
func (m *CungeReaches) SetSteady(k int, inflow, outflow float64) error {
	state, err := m.channel[k].Steady(inflow, outflow)
	if err != nil {
		return fmt.Errorf("reach %d: %w", k, err)
	}
	m.inflow[k], m.outflow[k], m.depth[k] = inflow, outflow, state.Depth
	return nil
}

// Outflow returns the flow at the end of reach k now, m³/s.
func (m *CungeReaches) Outflow(k int) float64 { return m.outflow[k] }

// Depth returns the depth in reach k now, m.
func (m *CungeReaches) Depth(k int) float64 { return m.depth[k] }

// Save returns a copy of the state, for [CungeReaches.Restore]: the
// inflows and the outflows, m³/s, and the depths, m, of all reaches.
func (m *CungeReaches) Save() []float64 { return slices.Concat(m.inflow, m.outflow, m.depth) }

// Restore sets the state to one that was saved, in the units of
// [CungeReaches.Save]: m³/s and m. It fails if the length is another's.
func (m *CungeReaches) Restore(saved []float64) error {
	return restore(saved, m.inflow, m.outflow, m.depth)
}

// Clone returns reaches with the same channels, which are shared, and a state of
// their own.
func (m *CungeReaches) Clone() *CungeReaches {
	c := *m
	c.inflow, c.outflow, c.depth = slices.Clone(m.inflow), slices.Clone(m.outflow), slices.Clone(m.depth)
	return &c
}

// Route replaces the inflows q of reach k at the ends of consecutive steps,
// m³/s, by its outflows. Lateral, m³/s, the mean over each step, is nil or has the
// length of q. It allocates nothing, and calls for different reaches may run at
// the same time. It fails at a flow that is not finite.
func (m *CungeReaches) Route(k int, q, lateral []float64) (Tally, error) {
	s, tally := m.channel[k].cunge(m.dt), Tally{} // once per tile, not per step
	state := CungeState{Inflow: m.inflow[k], Outflow: m.outflow[k], Depth: m.depth[k]}
	if err := s.Route(&state, q, lateral, m.upstream, &tally); err != nil {
		return tally, fmt.Errorf("reach %d: %w", k, err)
	}
	m.inflow[k], m.outflow[k], m.depth[k] = state.Inflow, state.Outflow, state.Depth
	return tally, nil
}
