package band

import (
	"math"
	"slices"
)

// Start returns the state of a gauge of which nothing is known. Bands are of
// zero width until errors have been seen.
func (m Model) Start() State {
	s := State{Errors: make([]Tracker, m.leads*classes), Issued: make([]float64, m.leads*m.leads), Class: make([]uint8, m.leads*m.leads)}
	for i := range s.Issued {
		s.Issued[i] = math.NaN()
	}
	return s
}

// Clone returns a copy of s that shares nothing with it.
func (s State) Clone() State {
	s.Errors, s.Issued, s.Class = slices.Clone(s.Errors), slices.Clone(s.Issued), slices.Clone(s.Class)
	return s
}

// fits panics unless s is a state of m.
func (m Model) fits(s *State) {
	if len(s.Errors) != m.leads*classes || len(s.Issued) != m.leads*m.leads || len(s.Class) != len(s.Issued) || s.Next < 0 || s.Next >= m.leads {
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
			if was := s.Issued[i]; was == was {
				s.Errors[lead*classes+int(s.Class[i])].learn(z-was, m.g)
			}
		}
		s.Flows.learn(z, m.g/4) // the year's range, not the week's
		copy(s.Recent[1:], s.Recent[:])
		s.Recent[0] = z
		s.Observed = min(s.Observed+1, len(s.Recent))
	}
	row := s.Issued[s.Next*m.leads : (s.Next+1)*m.leads]
	if forecast == nil {
		for i := range row {
			row[i] = math.NaN()
		}
	} else {
		if len(forecast) != m.leads {
			panic("band: forecast and leads differ in length")
		}
		for lead, q := range forecast {
			row[lead] = m.z(q)
			s.Class[s.Next*m.leads+lead] = m.class(s, row[lead])
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
	case s.Flows.N == 0 || z < s.Flows.Quantile[median]:
	case z < s.Flows.Quantile[upper]:
		k = 1
	default:
		k = 2
	}
	if s.Observed > 0 {
		now := s.Recent[0]
		if z > now+rise || now > s.Recent[s.Observed-1]+rise {
			k += 3
		}
	}
	return k
}

// learn moves the quantiles towards those of a distribution that gave v.
func (t *Tracker) learn(v, gain float64) {
	t.N++
	if t.N == 1 {
		for i := range t.Quantile {
			t.Quantile[i] = v
		}
		return
	}
	gain = max(gain, 1/float64(t.N))
	t.Scale += gain * (math.Abs(v-t.Quantile[median]) - t.Scale)
	// A density near a tail is a fraction of that near the median: the step there
	// is longer, else the tails would be the last to be right.
	step := min(gain, 0.5) * t.Scale * stretch
	for i, p := range Levels {
		if v < t.Quantile[i] {
			t.Quantile[i] -= step * (1 - p)
		} else {
			t.Quantile[i] += step * p
		}
	}
	slices.Sort(t.Quantile[:])
}

const stretch = 3
