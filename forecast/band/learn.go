package band

import (
	"math"
	"slices"
)

// Start returns the state of a gauge of which nothing is known. Bands are of
// zero width until errors have been seen.
func (m Model) Start() State {
	s := State{Errors: make([]Window, m.leads*classes), Outward: make([][2]float64, m.leads*classes), Issued: make([][levels + 1]float32, m.leads*m.leads), Class: make([]uint8, m.leads*m.leads)}
	for i := range s.Issued {
		s.Issued[i][0] = none
	}
	return s
}

// Clone returns a copy of s that shares nothing with it.
func (s State) Clone() State {
	s.Errors, s.Issued, s.Class = slices.Clone(s.Errors), slices.Clone(s.Issued), slices.Clone(s.Class)
	s.Outward = slices.Clone(s.Outward)
	return s
}

// Fits reports whether s is a state of m, or of a model of as many leads.
func (m Model) Fits(s *State) bool {
	return len(s.Errors) == m.leads*classes && len(s.Outward) == len(s.Errors) && len(s.Issued) == m.leads*m.leads && len(s.Class) == len(s.Issued) && s.Next >= 0 && s.Next < m.leads
}

// fits panics unless s is a state of m.
func (m Model) fits(s *State) {
	if !m.Fits(s) {
		panic("band: state of another shape")
	}
}

// Step moves s over one time step, at whose end flow, m³/s, was observed and
// forecast, m³/s at each lead from there, was issued. Flow is NaN where the gauge
// did not report or is not to be trusted: nothing is learnt then. Forecast is
// nil where none was issued. The errors of the forecasts that this flow answers
// are learnt first. It allocates nothing. It panics if forecast has another
// length than the model's leads, or s is another model's.
func (m Model) Step(s *State, flow float64, forecast []float64) {
	m.fits(s)
	if flow == flow {
		z := m.z(flow)
		for lead := range m.leads {
			// Issued lead+1 steps ago.
			slot := (s.Next - 1 - lead + 2*m.leads) % m.leads
			i := slot*m.leads + lead
			if s.Issued[i][0] == s.Issued[i][0] {
				m.answer(s, lead, i, z)
			}
		}
		s.Flows.keep(z, thinFlows)
		s.Middle, s.High = s.Flows.quantile(0.5), s.Flows.quantile(0.9)
		copy(s.Recent[1:], s.Recent[:])
		s.Recent[0] = z
		s.Observed = min(s.Observed+1, len(s.Recent))
	}
	row := s.Issued[s.Next*m.leads : (s.Next+1)*m.leads]
	if forecast == nil {
		for i := range row {
			row[i][0] = none
		}
	} else {
		if len(forecast) != m.leads {
			panic("band: forecast and leads differ in length")
		}
		for lead, q := range forecast {
			z := m.z(q)
			k := m.class(s, z)
			s.Class[s.Next*m.leads+lead] = k
			d := m.spread(s, lead, k)
			for i, p := range Levels {
				row[lead][i] = float32(z + d.quantile(p))
			}
			row[lead][levels] = float32(z)
		}
	}
	s.Next = (s.Next + 1) % m.leads
}

// z transforms a flow, m³/s. What a gauge reports below 0 (backwater, tide) is
// no flow that an error could be told of.
func (m Model) z(q float64) float64 { return math.Log(max(0, q) + m.c) }

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

// answer learns from z, observed, of the forecast at place i of the ring.
func (m Model) answer(s *State, lead, i int, z float64) {
	issued := &s.Issued[i]
	k := lead*classes + int(s.Class[i])
	w := &s.Errors[k]
	if w.Seen >= enough {
		o := &s.Outward[k]
		for side, outside := range [2]bool{float32(z) < issued[low], float32(z) > issued[high]} {
			o[side] -= m.g * Levels[low]
			if outside {
				o[side] += m.g
			}
			o[side] = min(max(o[side], -outermost), outermost)
		}
	}
	w.keep(z-float64(issued[levels]), thinErrors)
}
