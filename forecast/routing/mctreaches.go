package routing

import (
	"fmt"
	"slices"
)

// MCTReaches are the reaches of a network that [MCT] routes, Freshet's default:
// channels and state in flat arrays, 104 bytes a reach.
type MCTReaches struct {
	upstream Upstream
	dt       float64
	channel  []Channel
	state    []MCTState
	short    []float64 // m³
	last     []float64 // raw inflow of the last step; nil with Current
}

// NewMCTReaches returns dry reaches for steps of dt s, > 0, with up as [Upstream] says. It
// fails where [NewMCT] does.
func NewMCTReaches(channels []Channel, dt float64, up Upstream) (*MCTReaches, error) {
	for i := range channels {
		if _, err := NewMCT(channels[i], dt); err != nil {
			return nil, fmt.Errorf("reach %d: %w", i, err)
		}
	}
	n := len(channels)
	m := &MCTReaches{upstream: up, dt: dt, channel: slices.Clone(channels), state: make([]MCTState, n), short: make([]float64, n)}
	if up == Previous {
		m.last = make([]float64, n)
	}
	return m, nil
}

// Len returns the number of reaches.
func (m *MCTReaches) Len() int { return len(m.channel) }

// Upstream returns the choice made at construction.
func (m *MCTReaches) Upstream() Upstream { return m.upstream }

// SetSteady sets reach k to have carried inflow at its head and outflow at its
// end, m³/s, for long. It fails as [MCT.Steady] does.
func (m *MCTReaches) SetSteady(k int, inflow, outflow float64) error {
	solver := MCT{m.channel[k].section(), m.dt}
	s, err := solver.Steady(inflow, outflow)
	if err != nil {
		return fmt.Errorf("reach %d: %w", k, err)
	}
	m.state[k] = s
	if m.last != nil {
		m.last[k] = inflow
	}
	return nil
}

// State returns reach k now.
func (m *MCTReaches) State(k int) MCTState { return m.state[k] }

// Outflow returns the flow at the end of reach k now, m³/s.
func (m *MCTReaches) Outflow(k int) float64 { return m.state[k].Outflow }

// Storage returns the water in reach k, m³, what it will take from upstream in
// the next step included if that is [Previous].
func (m *MCTReaches) Storage(k int) float64 {
	v := m.state[k].Storage
	if m.last != nil {
		v += m.dt / 2 * (m.state[k].Inflow + m.last[k])
	}
	return v
}

// Short returns how much less than asked for was lost from reach k so far, m³,
// because it was dry.
func (m *MCTReaches) Short(k int) float64 { return m.short[k] }

// Save returns a copy of the state, for [MCTReaches.Restore]: of each
// reach the flows, m³/s, storage, m³, and depth, m, then the rest.
func (m *MCTReaches) Save() []float64 {
	out := make([]float64, 0, 4*len(m.state)+len(m.short)+len(m.last))
	for _, s := range m.state {
		out = append(out, s.Inflow, s.Outflow, s.Storage, s.Depth)
	}
	return append(append(out, m.short...), m.last...)
}

// Restore sets the state to one that was saved, in the units of
// [MCTReaches.Save]: m³/s, m³ and m. It fails if the length is another's.
func (m *MCTReaches) Restore(saved []float64) error {
	flat := make([]float64, 4*len(m.state))
	if err := restore(saved, flat, m.short, m.last); err != nil {
		return err
	}
	for i := range m.state {
		m.state[i] = MCTState{Inflow: flat[4*i], Outflow: flat[4*i+1], Storage: flat[4*i+2], Depth: flat[4*i+3]}
	}
	return nil
}

// Clone returns reaches with the same channels, which are shared, and a state of
// their own.
func (m *MCTReaches) Clone() *MCTReaches {
	c := *m
	c.state, c.short, c.last = slices.Clone(m.state), slices.Clone(m.short), slices.Clone(m.last)
	return &c
}

// Route replaces the inflows q >= 0 of reach k at the ends of consecutive steps,
// m³/s, by its outflows. Lateral, m³/s, the mean over each step, is nil or has the
// length of q, else it panics. It allocates nothing, and calls for different reaches may
// run at the same time. It fails as [MCT.Step] does: then the state is that of before,
// but for the inflow that waits under [Previous], and q holds outflows up to the step that failed.
func (m *MCTReaches) Route(k int, q, lateral []float64) (Tally, error) {
	if lateral != nil && len(lateral) != len(q) {
		panic(badLateral)
	}
	if m.last != nil {
		delay(q, &m.last[k])
	}
	solver := MCT{m.channel[k].section(), m.dt} // once per tile, not per step
	s, tally := m.state[k], Tally{}
	for t, inflow := range q {
		ql := 0.0
		if lateral != nil {
			ql = lateral[t]
		}
		short, err := solver.Step(&s, inflow, ql, &tally)
		if err != nil {
			return tally, fmt.Errorf("reach %d: %w", k, err)
		}
		if short > 0 {
			m.short[k] += short
		}
		q[t] = s.Outflow
	}
	m.state[k] = s
	return tally, nil
}
