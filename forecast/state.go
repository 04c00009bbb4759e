package forecast

import (
	"slices"
	"time"

	"freshet/forecast/updating"
	"freshet/internal/hydro"
)

// A State is the water of a basin at one instant, from which a run can start.
// It is plain data, keyed by the catalogue's ids, so that it can be stored and
// survives a change of the catalogue. Treat it as a value: no method of Model
// writes to the slices of a state that it was given.
type State struct {
	At        time.Time     // a multiple of Step since 1970
	From      time.Time     // At of the state that Start made
	Step      time.Duration // of computation
	SubBasins []SubBasinState
	Reaches   []ReachState
	Nodes     []NodeState
	Moisture  []MoistureState // of the gauges above which it is adjusted
}

// A NodeState is the flow through a node.
type NodeState struct {
	ID     string
	Flow   float64 // m³/s
	Inflow float64 // into the reservoir here, m³/s
	// Error is that of the computed flow at the gauge, InflowError that of the
	// computed inflow of the reservoir.
	Error, InflowError updating.Error
	Bands              *Bands // of the gauge; nil while nothing is known
}

// A Source returns the recent past of a series, or nil if there is none. A run
// only reads it.
type Source func(hydro.Key) *hydro.History

// Start returns the state of a basin where it has not rained for long, the
// warm-up before now: nodes carry their base flow, sub-basins hold their
// initial store.
func (m *Model) Start(now time.Time) State {
	at := m.floor(now.Add(-m.settings.Warmup))
	s := State{At: at, From: at, Step: m.settings.Step}
	for i := range m.subs {
		s.SubBasins = append(s.SubBasins, m.subs[i].start())
	}
	for i := range m.reaches {
		s.Reaches = append(s.Reaches, m.startReach(i))
	}
	for i := range m.nodes {
		s.Nodes = append(s.Nodes, m.nodes[i].start())
	}
	for i := range m.moist {
		s.Moisture = append(s.Moisture, MoistureState{Node: m.nodes[m.moist[i].node].id})
	}
	return s
}

func (n *node) start() NodeState { return NodeState{ID: n.id, Flow: n.steady, Inflow: n.steady} }

// Adopt returns old as a state of m, after a change of the catalogue: parts
// that still exist and keep their shape keep their water, new ones start as in
// Start. A sub-basin whose runoff method changed starts its ground as in Start;
// what is under way to its outlet stays under way. A change of the step starts
// anew.
func (m *Model) Adopt(old State, now time.Time) State {
	if old.Step != m.settings.Step || old.At.IsZero() {
		return m.Start(now)
	}
	s := State{At: old.At, From: old.From, Step: old.Step}
	for i := range m.subs {
		b := &m.subs[i]
		next := b.start()
		if j := slices.IndexFunc(old.SubBasins, func(o SubBasinState) bool { return o.ID == b.id }); j >= 0 {
			next = b.adopt(&old.SubBasins[j])
		}
		s.SubBasins = append(s.SubBasins, next)
	}
	for i := range m.reaches {
		next := m.startReach(i)
		if j := slices.IndexFunc(old.Reaches, func(o ReachState) bool { return o.alike(&next) }); j >= 0 {
			next = old.Reaches[j].clone()
		}
		s.Reaches = append(s.Reaches, next)
	}
	for i := range m.nodes {
		next := m.nodes[i].start()
		if j := slices.IndexFunc(old.Nodes, func(o NodeState) bool { return o.ID == next.ID }); j >= 0 {
			next = old.Nodes[j]
		}
		s.Nodes = append(s.Nodes, next)
	}
	for i := range m.moist {
		s.Moisture = append(s.Moisture, m.adoptMoisture(i, old.Moisture))
	}
	return s
}

// fits reports whether s is a state of m.
func (m *Model) fits(s State) bool {
	if s.Step != m.settings.Step || !s.At.Equal(m.floor(s.At)) || len(s.SubBasins) != len(m.subs) || len(s.Reaches) != len(m.reaches) || len(s.Nodes) != len(m.nodes) || len(s.Moisture) != len(m.moist) {
		return false
	}
	for i := range m.subs {
		if !m.subs[i].fits(&s.SubBasins[i]) {
			return false
		}
	}
	for i := range m.reaches {
		if !s.Reaches[i].alike(&m.reaches[i].initial) {
			return false
		}
	}
	for i := range m.nodes {
		if s.Nodes[i].ID != m.nodes[i].id {
			return false
		}
	}
	for i := range m.moist {
		if !m.moistureFits(i, &s.Moisture[i]) {
			return false
		}
	}
	return true
}

// floor returns the latest instant of the computation's grid at or before t.
func (m *Model) floor(t time.Time) time.Time {
	ms := t.UnixMilli()
	return time.UnixMilli(ms - floorMod(ms, m.stepMS)).UTC()
}
