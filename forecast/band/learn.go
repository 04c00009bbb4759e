package band

import (
	"math"
	"slices"
)

// Start returns the state of a gauge of which nothing is known. Bands are of
// zero width until errors have been seen.
func (m Model) Start() State {
	n := len(m.at) * classes
	s := State{
		Errors: make([]Window, n), Outward: make([][2]float64, n), Issued: make([]Issued, m.last*len(m.at)),
		Paths: make([]Window, len(m.tops)*situations), PathsIssued: make([]Path, m.last*len(m.tops)), Pending: make([]Pending, m.last),
	}
	for i := range s.Issued {
		s.Issued[i].Low = none
	}
	for i := range s.PathsIssued {
		s.PathsIssued[i].Z = none
	}
	for i := range s.Pending {
		s.Pending[i] = Pending{none, none, none}
	}
	return s
}

// Clone returns a copy of s that shares nothing with it.
func (s State) Clone() State {
	s.Errors, s.Outward, s.Issued = slices.Clone(s.Errors), slices.Clone(s.Outward), slices.Clone(s.Issued)
	s.Paths, s.PathsIssued, s.Pending = slices.Clone(s.Paths), slices.Clone(s.PathsIssued), slices.Clone(s.Pending)
	return s
}

// Fits reports whether s is a state of m, or of a model of the same leads.
func (m Model) Fits(s *State) bool {
	return len(s.Errors) == len(m.at)*classes && len(s.Outward) == len(s.Errors) && len(s.Issued) == m.last*len(m.at) &&
		len(s.Paths) == len(m.tops)*situations && len(s.PathsIssued) == m.last*len(m.tops) && len(s.Pending) == m.last && s.Next >= 0 && s.Next < m.last
}

// fits panics unless s is a state of m.
func (m Model) fits(s *State) {
	if !m.Fits(s) {
		panic("band: state of another shape")
	}
}

// Step moves s over one time step, at whose end flow, m³/s, was observed and
// forecast, m³/s at each lead from there to the last, was issued; NaN at leads of
// which it does not speak: beyond the parameter leads one is expected each sixth
// step, and learnt from as six. Flow is NaN where the gauge did not report or is not to
// be trusted: nothing is learnt then. Forecast is nil where none was issued. The
// errors of the forecasts that this flow answers are learnt first. It allocates
// nothing. It panics if forecast has another length than the model's last lead, or
// s is another model's.
func (m Model) Step(s *State, flow float64, forecast []float64) {
	m.fits(s)
	if flow == flow {
		z := m.z(flow)
		for i, lead := range m.at {
			if k := m.ago(s, lead)*len(m.at) + i; s.Issued[k].Low == s.Issued[k].Low {
				m.answer(s, i, k, z)
			}
		}
		m.answerPaths(s, z)
		s.Flows.keep(z, thinFlows)
		s.Middle, s.High = s.Flows.quantile(0.5), s.Flows.quantile(0.9)
		copy(s.Recent[1:], s.Recent[:])
		s.Recent[0] = z
		s.Observed = min(s.Observed+1, len(s.Recent))
	} else {
		for i := range s.Pending { // what came between is not known
			s.Pending[i].Highest = none
		}
	}
	m.issue(s, forecast)
	m.issuePaths(s, forecast)
	s.Next = (s.Next + 1) % m.last
}

// ago returns the place in the ring of what was issued that many steps ago.
func (m Model) ago(s *State, steps int) int { return (s.Next - steps + m.last) % m.last }

// issue writes a forecast to the ring.
func (m Model) issue(s *State, forecast []float64) {
	row := s.Issued[s.Next*len(m.at) : (s.Next+1)*len(m.at)]
	if forecast != nil && len(forecast) != m.last {
		panic("band: forecast and leads differ in length")
	}
	for i, lead := range m.at {
		row[i].Low = none
		if forecast == nil || forecast[lead-1] != forecast[lead-1] {
			continue
		}
		z := m.z(forecast[lead-1])
		k := m.class(s, z)
		d := m.spread(s, i, k)
		row[i] = Issued{float32(z + d.quantile(Levels[low])), float32(z + d.quantile(Levels[high])), float32(z), k}
	}
}

// z transforms a flow, m³/s. What a gauge reports below 0 (backwater, tide) is
// no flow that an error could be told of.
func (m Model) z(q float64) float64 {
	if m.linear {
		return q
	}
	return math.Log(max(0, q) + m.c)
}

// class returns the situation of a forecast of z.
func (m Model) class(s *State, z float64) uint8 {
	k := uint8(0)
	switch {
	case z < s.Middle:
	case z < s.High:
		k = 1
	default:
		k = 2
	}
	if s.Observed > 0 {
		now := s.Recent[0]
		switch moved := max(z-now, now-s.Recent[s.Observed-1]); {
		case moved > strong:
			k += 6
		case moved > rise:
			k += 3
		}
	}
	return k
}

// none marks a place of the ring without a forecast.
var none = float32(math.NaN())

// answer learns from z, observed, of the forecast at place k of the ring, at the
// i-th lead that is kept.
func (m Model) answer(s *State, i, k int, z float64) {
	issued := &s.Issued[k]
	j := i*classes + int(issued.Class)
	w := &s.Errors[j]
	pace := m.pace(m.at[i])
	if w.Seen >= enough/pace {
		o, g := &s.Outward[j], m.g*float64(pace)
		for side, outside := range [2]bool{float32(z) < issued.Low, float32(z) > issued.High} {
			o[side] -= g * Levels[low]
			if outside {
				o[side] += g
			}
			o[side] = min(max(o[side], -outermost), outermost)
		}
	}
	w.keep(z-float64(issued.Z), max(1, thinErrors/pace))
}

// pace returns how many steps a forecast of a lead stands for.
func (m Model) pace(lead int) int {
	if lead > m.dense {
		return sparse
	}
	return 1
}
