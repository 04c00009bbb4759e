package routing

import "errors"

// RouteLateral replaces the inflows q at the head of the reach at the ends of
// consecutive steps, m³/s, by its outflows, as [Muskingum.Route] does, with lateral,
// m³/s, the mean over each step, joining evenly along the sub-reaches:
//
//	dS/dt = I - O + q_lat     O(t+dt) = c1 I(t+dt) + c2 I(t) + c3 O(t) + c4 q_lat
//	c4 = 2dt / (2k(1-x) + dt)                                   [Chow88] (8.4.4) with q_lat
//
// each of n sub-reaches with its n-th part of q_lat. Lateral has the length of q.
func (m *Muskingum) RouteLateral(s State, q, lateral []float64) {
	if len(s) != m.n+1 {
		panic(badState)
	}
	if len(lateral) != len(q) {
		panic(badLateral)
	}
	m.routeLateral(s, q, lateral)
}

// SteadyLateral returns the state of a reach that has carried in at its head and out
// at its end, m³/s, for long, the difference joining evenly along it.
func (m *Muskingum) SteadyLateral(in, out float64) State {
	s := m.Steady(in)
	for i := range s {
		s[i] = in + (out-in)*float64(i)/float64(len(s)-1)
	}
	return s
}

// RouteLateral is [Muskingum.RouteLateral] of this reach, of flows in m³/s: lateral
// joins its reservoir. A lag alone has nothing that lateral could join: it panics, see [Lag.TakesLateral].
func (l *Lag) RouteLateral(s State, q, lateral []float64) {
	if len(lateral) != len(q) || l.reservoir.n == 0 {
		panic(badLateral)
	}
	l.route(s, q, lateral)
}

// SteadyLateral is [Muskingum.SteadyLateral] of this reach, of flows in m³/s.
func (l *Lag) SteadyLateral(in, out float64) State {
	s := l.Steady(in)
	s[len(s)-1] = out
	return s
}

// TakesLateral returns an error if lateral inflow cannot join.
func (l *Lag) TakesLateral() error {
	if l.reservoir.n == 0 {
		return errors.New("lag: lateral inflow into a reach with k = 0 s: there is no storage that it could join; give k, or let it join at the node at its end")
	}
	return nil
}
