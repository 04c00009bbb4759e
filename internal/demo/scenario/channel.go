package scenario

import "math"

// A section is a trapezoidal channel section in uniform flow.
type section struct {
	bed   float64 // m above the datum
	width float64 // at the bed, m
	side  float64 // horizontal per vertical
	n     float64 // Manning's n, s/m^(1/3)
	slope float64
}

func (s section) area(depth float64) float64 { return (s.width + s.side*depth) * depth }

func (s section) depth(area float64) float64 {
	if area <= 0 {
		return 0
	}
	return 2 * area / (s.width + math.Sqrt(s.width*s.width+4*s.side*area))
}

// discharge returns Manning's flow in m³/s for a wetted area in m².
func (s section) discharge(area float64) float64 {
	if area <= 0 {
		return 0
	}
	perimeter := s.width + 2*s.depth(area)*math.Sqrt(1+s.side*s.side)
	radius := area / perimeter
	return area * math.Cbrt(radius*radius) * math.Sqrt(s.slope) / s.n
}

// areaOf is the inverse of discharge, by bisection to a millionth.
func (s section) areaOf(q float64) float64 {
	lo, hi := 0.0, 100.0
	for s.discharge(hi) < q {
		hi *= 2
	}
	for range 50 {
		mid := (lo + hi) / 2
		if s.discharge(mid) < q {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// celerity returns the speed of a kinematic wave in m/s at a depth, by central
// difference of Q over A.
func (s section) celerity(depth float64) float64 {
	a, b := s.area(depth*0.99), s.area(depth*1.01)
	return (s.discharge(b) - s.discharge(a)) / (b - a)
}

// A channel is a reach as a row of cells, each a nonlinear store that empties by
// Manning's law: the kinematic wave by the upwind scheme.
type channel struct {
	section
	dx    float64   // m
	cells []float64 // wetted area, m²
}

func newChannel(s section, km, q float64) *channel {
	n := max(1, int(math.Round(km/2)))
	c := &channel{section: s, dx: km * 1000 / float64(n), cells: make([]float64, n)}
	a := s.areaOf(q)
	for i := range c.cells {
		c.cells[i] = a
	}
	return c
}

// step moves the water for dt seconds: inflow in m³/s at the upper end, lateral
// spread evenly. It returns the outflow.
func (c *channel) step(inflow, lateral, dt float64) float64 {
	lateral /= float64(len(c.cells))
	q := inflow
	for i, a := range c.cells {
		out := min(c.discharge(a), a*c.dx/dt) // never more than is there
		c.cells[i] = a + dt*(q+lateral-out)/c.dx
		q = out
	}
	return q
}

// level returns the level above the datum for a flow that changes by rise m/s:
// a rising river is steeper than its bed and carries the same flow lower (Jones'
// formula, Q = Q₀·√(1 + (1/(S·c))·dh/dt)).
func (s section) level(q, rise float64) float64 {
	d := s.depth(s.areaOf(q))
	loop := 1 + rise/(s.slope*max(0.3, s.celerity(max(d, 0.2))))
	return s.bed + s.depth(s.areaOf(q/math.Sqrt(min(1.5, max(0.6, loop)))))
}
