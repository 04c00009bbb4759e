package routing

import (
	"fmt"
	"math"
)

// A CungeState is a reach of [Cunge] at one instant. The zero value is dry.
type CungeState struct {
	Inflow, Outflow float64 // m³/s
	Depth           float64 // m, at which the iteration for Outflow ended
}

// Steady returns the state of a reach that has carried inflow at its head and
// outflow at its end, m³/s, for long, at the normal depth of outflow. It fails if
// a flow is negative, not finite or too large for any depth.
func (c *Channel) Steady(inflow, outflow float64) (CungeState, error) {
	if err := checkSteady(inflow, outflow); err != nil {
		return CungeState{}, fmt.Errorf("muskingum-cunge: %w", err)
	}
	s := c.section()
	y, err := s.depth(outflow)
	if err != nil {
		return CungeState{}, fmt.Errorf("muskingum-cunge: %w", err)
	}
	return CungeState{Inflow: inflow, Outflow: outflow, Depth: y}, nil
}

// Route replaces the inflows q at the ends of consecutive steps, m³/s, by the
// outflows, moves state and adds to tally. With [Previous], qup and quc are both
// the flow at the head at the end of the step before. Lateral, m³/s, the mean over
// each step, is nil or has the length of q. It allocates nothing. It fails at a flow
// that is not finite, with the numbers; state is then that of before.
func (s *Cunge) Route(state *CungeState, q, lateral []float64, up Upstream, tally *Tally) error {
	if lateral != nil && len(lateral) != len(q) {
		panic(badLateral)
	}
	tally.Steps += int64(len(q))
	qup, out, depth, sum := state.Inflow, state.Outflow, state.Depth, 0.0
	for t, quc := range q {
		now, ql := quc, 0.0
		if up == Previous {
			quc = qup
		}
		if lateral != nil {
			ql = lateral[t]
		}
		sum += now + ql
		out, depth, _ = s.solve(qup, quc, out, ql, depth, tally)
		qup, q[t] = now, out
	}
	if !(out <= maxFlow && depth <= maxDepth) || sum != sum { // a NaN that came in is in the sum
		return fmt.Errorf("muskingum-cunge: outflow %g m³/s at depth %g m: %w", out, depth, ErrNoConvergence)
	}
	state.Inflow, state.Outflow, state.Depth = qup, out, depth
	return nil
}

// Storage returns the water in the reach if it is as deep everywhere as at its
// end, m³. No storage belongs to the method: this one is that of t-route's section,
// and serves to tell about how much water a run made or lost.
func (s *Cunge) Storage(state CungeState) float64 {
	h := max(state.Depth, 0)
	area := (s.bw + h*s.z) * h
	if h > s.bank {
		area = s.area + s.twcc*(h-s.bank)
	}
	return s.dx * area
}

// CheckStep returns an error with numbers unless a flood passes the channel, as one
// reach of [Cunge], within fifty steps of dt > 0 seconds, attenuation counted: fifty
// times the length that [Channel.Parts] cuts to, at half the bank-full depth. The
// method never grows without bound (with K >= dt and X <= 1/2 its |C3| is below
// 1), but in a reach that is longer C2 comes near to -1 and a sharp rise of the
// inflow makes outflows below 0, which are replaced and make water. Of the 99
// reaches of t-route that forecast/network is tested with, at its 5 min, one needs 32.
// A channel without bank-full depth is not
// looked at.
func (c *Channel) CheckStep(dt float64) error {
	if c.Top < c.Bottom {
		return nil
	}
	if parts := c.Parts(dt); parts > maxStepsOfCunge {
		return fmt.Errorf("muskingum-cunge: unstable: at half the bank-full depth a flood needs some %d steps of %g s to pass %g m, and a sharp rise would make outflows below 0: want at most %d; cut it into %d parts or more, or take mct",
			parts, dt, c.Length, maxStepsOfCunge, int(math.Ceil(float64(parts)/maxStepsOfCunge)))
	}
	return nil
}

const maxStepsOfCunge = 50
