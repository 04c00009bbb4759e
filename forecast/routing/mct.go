package routing

import (
	"fmt"
	"math"
)

// MCT solves mass-conservative variable-parameter Muskingum-Cunge routing after
// Todini, the Muskingum-Cunge-Todini method:
//
//	S = K [X I + (1-X) O]     K = dx A/Q     X = (1-D)/2             [Todini07] section 5
//	β = c A/Q     C = c dt/(β dx) = dt/K     D = Q/(β B s0 c dx)     [Todini07] (49)-(51)
//	S(t+dt) - S(t) = dt [(I(t) + I(t+dt))/2 - (O(t) + O(t+dt))/2 + q_lat]
//
// with A, B, c and Q the area, width, celerity dQ/dA and normal flow at the
// reference depth y, at which Q(y) = (I + O)/2. Todini takes Q from an estimate of
// O ((45), (46)) and repeats. Here the equation is solved: with O = 2Q - I the storage is
//
//	S(y) = dx A [1 + D (Q - I)/Q]
//
// which leaves one equation in y alone, solved to 1e-8 of the water at hand, and
// the stored water itself is the state, so that the balance closes to rounding
// whatever the residual.
//
// D is bounded where a flow would otherwise ring or become negative:
//
//   - C - min(1, 1/β) <= D, or the outflow of a reach that is short against a step
//     rings from step to step;
//   - 1 - C - 2 have/(K I) <= D, or a sharp rise of the inflow to a reach that is
//     long against a step makes O < 0; have is the water that the step begins with;
//   - D <= (C I + (1-C) Q)/(I - Q) where I > Q, or a sharp fall after this step makes
//     O < 0 in the next: a short reach in flat land.
//
// That changes the attenuation of the step, makes or loses no water, and is
// counted as Limited in [Tally]. With it a solution with O >= 0 exists for every
// I >= 0: at O = 0 the left side is at most the right, because the second bound
// leaves S <= have + dt I/2, and the third and the first leave have >= 0 to the
// next step. A rise may still begin with a small dip, as in any Muskingum scheme
// with C + D < 1; cut the reach into several to avoid it.
//
// The section is t-route's ([Channel]), save that flow above bank-full is that of
// channel and flood plain divided by an upright line, and that the flood plain
// widens over a quarter of bank-full depth: t-route's conveyance falls and its
// width jumps at bank-full, where an equation would have no solution.
//
// [Todini07] E. Todini, A mass conservative and water storage consistent variable
// parameter Muskingum-Cunge approach, Hydrol. Earth Syst. Sci. 11, 2007.
type MCT struct {
	section
	dt float64
}

// An MCTState is a reach at one instant. The zero value is dry.
type MCTState struct {
	Inflow, Outflow float64 // m³/s
	Storage         float64 // m³
	Depth           float64 // reference depth, m
}

// NewMCT returns the solver of a reach for steps of dt > 0 seconds. It fails if
// a parameter is out of the range of [ChannelParams].
func NewMCT(c Channel, dt float64) (MCT, error) {
	if err := c.Check(); err != nil {
		return MCT{}, fmt.Errorf("mct: %w", err)
	}
	if !(dt > 0) || math.IsInf(dt, 1) {
		return MCT{}, fmt.Errorf("mct: dt = %g s: want > 0", dt)
	}
	return MCT{c.section(), dt}, nil
}

// Parts returns into how many equal parts to cut the channel for [MCT] at a step
// of dt > 0 seconds, so that the outflow of none of them dips where a rise begins
// at half the bank-full depth: the smallest number with C + D >= 1,
//
//	dx <= c dt + Q/(B s0 c)                                  [Todini07] (49)-(51)
//
// A flow above that asks for longer parts and bears these; a flow far below may
// dip a little, which makes or loses no water. It panics if a parameter is out of
// the range of [ChannelParams] or the channel has no bank-full depth (tw < bw).
func (c *Channel) Parts(dt float64) int {
	if c.Check() != nil || c.Top < c.Bottom || !(dt > 0) {
		panic("routing: parts of a channel without bank-full depth")
	}
	s := c.section()
	_, width, q, dq := s.at(c.bankfull() / 2)
	celerity := dq / width
	return max(1, int(math.Ceil(c.Length/(celerity*dt+q/(width*c.Slope*celerity))*(1-slack))))
}

// Steady returns the state of a reach that has carried inflow at its head and
// outflow at its end, m³/s, for long, lateral inflow making the difference. A
// flow below 1e-200 m³/s has no depth and stores nothing. It fails if a flow is
// negative, not finite or too large for any depth.
func (m *MCT) Steady(inflow, outflow float64) (MCTState, error) {
	if err := checkSteady(inflow, outflow); err != nil {
		return MCTState{}, fmt.Errorf("mct: %w", err)
	}
	y, err := m.depth((inflow + outflow) / 2)
	if err != nil {
		return MCTState{}, fmt.Errorf("mct: %w", err)
	}
	s := MCTState{Inflow: inflow, Outflow: outflow, Depth: y}
	if y > 0 {
		s.Storage = m.balance(y, inflow, math.Inf(1)).storage
	}
	return s, nil
}

// A wave is the reach at a reference depth.
type wave struct {
	q, dq   float64 // reference flow, m³/s, and its derivative by depth, m²/s
	storage float64 // m³
	slope   float64 // d(storage + dt q)/dy with D held, m²
	near    bool    // a bound of D is near or met
	limited bool    // is met
}

// balance bounds D as [MCT] says; have is the water that the step begins with and
// that does not depend on its end, m³.
func (m *MCT) balance(y, inflow, have float64) wave {
	area, width, q, dq := m.at(y)
	inv := 1 / (area * dq)                // one division for all but I/Q
	rest := width * q * inv               // 1/β
	d := rest * (q * area * m.flat * inv) // Q/(β B s0 c dx) with c = dq/B
	volume := m.dx * area
	c := m.dt / m.dx * q * dq * inv
	invQ := 1 / q
	ratio := inflow * invQ
	w := wave{q: q, dq: dq}
	// The bounds of MCT with a hundredth of room, multiplied out to save the divisions:
	// rarely is one near.
	if d < c-0.99*min(1, rest) || (1.01-c-d)*ratio*volume > 1.98*have || (d-c)*(ratio-1) > 0.99 {
		w.near = true
		d, w.limited = bound(d, c, rest, ratio, have/volume)
	}
	wedge := 1 + d - d*ratio
	w.storage = volume * wedge
	w.slope = m.dx*(width*wedge+area*d*ratio*dq*invQ) + m.dt*dq
	return w
}

// bound returns D within the bounds that [MCT] names, and whether one is met.
// Rest is 1/β, ratio I/Q, and have is in volumes of the reach.
func bound(d, c, rest, ratio, have float64) (_ float64, limited bool) {
	if ratio > 1 {
		if hi := c + 1/(ratio-1); d > hi {
			d, limited = hi, true
		}
	}
	lo := c - min(1, rest)
	if ratio > 0 {
		lo = max(lo, 1-c-2*have/ratio)
	}
	if d < lo {
		d, limited = lo, true
	}
	return d, limited
}

// Step moves s on by one step in which the flow at the head ends at inflow >= 0,
// m³/s, and lateral enters along the reach, m³/s, the mean over the step. Where
// lateral is a loss of more than there is, the loss is cut: short is what it went
// short of, m³, else 0. Tally counts. It fails, with [ErrNoConvergence], where no
// depth up to 10 km holds the water or a flow is not finite.
func (m *MCT) Step(s *MCTState, inflow, lateral float64, tally *Tally) (short float64, err error) {
	have := s.Storage + m.dt/2*(s.Inflow-s.Outflow) + m.dt*lateral
	if have < 0 {
		if lateral < 0 {
			short = min(-have, -m.dt*lateral)
		}
		have += short
	}
	y, w, n, err := m.solve(have+m.dt*inflow, inflow, s.Depth)
	tally.Iterations += int64(n)
	tally.Steps++
	if w.limited {
		tally.Limited++
	}
	if err != nil {
		return short, err
	}
	out := max(2*w.q-inflow, 0) // less than 0 only within the tolerance
	s.Storage = have + m.dt/2*(inflow-out)
	s.Inflow, s.Outflow, s.Depth = inflow, out, y
	return short, nil
}

const (
	dry         = 1e-9 // m³: below it a reach gives no outflow, and keeps what it has
	precision   = 1e-8 // of the water at hand
	trusted     = 1e-6 // of it: where bounds of D are far, the next step leaves a hundredth of that at most
	maxBalances = 100
)

// guess returns a depth at which the section holds about so much water, m³.
func (m *MCT) guess(water float64) float64 {
	return water / (m.dx * (m.bw + m.z*math.Sqrt(water/m.dx)))
}

// solve returns the depth at which storage + dt q is water, m³.
func (m *MCT) solve(water, inflow, y float64) (float64, wave, int, error) {
	if water <= dry {
		return 0, wave{q: inflow / 2}, 0, nil
	}
	lo, hi := 0.0, math.Inf(1)
	if y <= 0 {
		y = m.guess(water)
	}
	var lastY, lastF, lastSlope float64
	var w wave
	near := false // a bound, here or before
	for n := 1; n <= maxBalances && y <= maxDepth; n++ {
		w = m.balance(y, inflow, water-m.dt*inflow)
		f := w.storage + m.dt*w.q - water
		slope := w.slope
		near = near || w.near
		tolerance := precision * water
		if lastY > 0 { // D moves with y, and a secant knows
			if s := (f - lastF) / (y - lastY); s > 0 {
				slope = s
				if end := s + (w.slope-lastSlope)/2; end > 0 && !near { // s is of halfway
					slope, tolerance = end, trusted*water
				}
			}
		} else if n == 1 && !near && math.Abs(f) > tolerance { // of halfway to the root, were this a power of the depth
			slope -= f * (slope*y - water - f) / (2 * y * (water + f))
		}
		next := math.NaN()
		if slope > 0 {
			next = y - f/slope
		}
		if math.Abs(f) <= tolerance {
			if slope > 0 { // one more step of the iteration without its check
				w.q += w.dq * (next - y)
				y = next
			}
			return y, w, n, nil
		}
		if f < 0 {
			lo = y
		} else {
			hi = y
		}
		if n == 1 && f < 0 && w.q < inflow/100 { // a flood into a reach as good as dry: the way up by a secant is long
			y = max(2*y, m.guess(water))
			continue
		}
		if n%8 == 0 || n > 24 && n%2 == 0 { // not to creep along a flat where a bound of D sets in
			next = math.NaN() // a leap up
			if hi <= maxDepth {
				next = lo + (hi-lo)/2
			}
		}
		lastY, lastF, lastSlope = y, f, w.slope
		y = between(lo, next, hi)
	}
	f := w.storage + m.dt*w.q - water
	return y, w, maxBalances, fmt.Errorf("mct: water of %g m³ with inflow %g m³/s: %g m³ off at a depth of %g m after %d iterations: %w",
		water, inflow, f, lastY, maxBalances, ErrNoConvergence)
}
