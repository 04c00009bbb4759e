package forecast

import "time"

// A Balance is the water of a run from its state to now, m³.
type Balance struct {
	Came    float64 // steady local flow, runoff and lateral inflow
	Lateral float64 // of it along reaches
	Left    float64 // at the mouth
	Taken   float64 // out of the basin by diversions
	Moved   float64 // to other nodes by diversions
	Stored  float64 // gained in reaches and on the way of diversions
	Held    float64 // in them at the beginning
	Broken  int     // steps after which less than its keep was left below a diversion
}

// BalanceOf runs a model that has no warm-up and no method that does not conserve
// water, from a state that is steady.
func (m *Model) BalanceOf(s State, now time.Time, obs Source) (b Balance, err error) {
	r, _, err := m.run(s, now, "test", obs, Ahead{}, nil, false)
	if err != nil {
		return b, err
	}
	sum := func(q []float64, begin float64) (v float64) {
		for t := 1; t <= r.keep; t++ {
			v += m.dt / 2 * (begin + q[t])
			begin = q[t]
		}
		return v
	}
	span := float64(r.keep) * m.dt
	for i := range m.nodes {
		n := &m.nodes[i]
		b.Came += n.local * span
		for _, sub := range n.subs {
			b.Came += sum(r.runoff[sub], 0)
		}
		if n.out < 0 {
			b.Left += sum(r.flow[i], n.steady)
		}
		if n.keep < 1 {
			lost := make([]float64, len(r.flow[i]))
			for t, q := range r.flow[i] {
				q -= n.local
				for _, sub := range n.subs {
					q -= r.runoff[sub][t]
				}
				lost[t] = q / n.keep * (1 - n.keep)
			}
			b.Taken += sum(lost, (n.steady-n.local)/n.keep*(1-n.keep))
		}
	}
	for _, x := range r.taken {
		n := &m.nodes[x.node]
		if v := sum(x.flow, n.divert.steady); n.divert.canal < 0 {
			b.Taken += v
		} else {
			b.Moved += v
		}
		for t := 1; t <= r.keep; t++ {
			left := r.flow[x.node][t] - n.local
			for _, sub := range n.subs {
				left -= r.runoff[sub][t]
			}
			if least := min(n.divert.mean.Keep, left+x.flow[t]); left < least-1e-9*(1+r.flow[x.node][t]) {
				b.Broken++
			}
		}
	}
	for i := range m.reaches {
		reach := &m.reaches[i]
		for t, q := range r.lateral(reach) {
			if t > 0 && t <= r.keep {
				b.Lateral += q * m.dt
			}
		}
		stored := func(s *ReachState) (v float64) {
			switch method := reach.router.(type) {
			case muskingum:
				return method.Storage(s.Flow)
			case lag:
				return method.Storage(s.Flow)
			case mct:
				for _, part := range s.Parts {
					v += part.Storage
				}
				return v
			default:
				panic("no storage")
			}
		}
		before, after := stored(&r.s.Reaches[i]), stored(&r.kept().state.Reaches[i])
		b.Held += before
		b.Stored += after - before
	}
	b.Came += b.Lateral
	return b, nil
}
