package band

import "math"

// A Crossing is what past paths, or the band, say of one threshold.
type Crossing struct {
	Probability float64 // that it is met by the last lead
	// Lead is when it is met, in steps from now, if it is met: quantiles of it at
	// the Levels. NaN if Probability is 0.
	Lead [levels]float64
	// Paths is how many errors of paths it rests on, at least; 0: too few are known,
	// and it is the bands' bound.
	Paths int
}

// situations of a path: three rises of its highest flow over the flow now (less than
// 0.02 of z, some, more than 0.2), the river has risen in the last three steps or
// not, and the highest is below the 90 % quantile of flows or above it.
const situations = 12

// situation returns that of a path whose highest is top. Unlike a band's situation
// it does not take a rise that was for one to come: a river that falls crosses no
// more, a river that is to rise may.
func (m Model) situation(s *State, top float64) uint8 {
	k := uint8(0)
	if s.Observed > 0 {
		now := s.Recent[0]
		switch ahead := top - now; {
		case ahead > strong:
			k = 2
		case ahead > rise:
			k = 1
		}
		if now-s.Recent[s.Observed-1] > rise {
			k += 3
		}
	}
	if top >= s.High {
		k += 6
	}
	return k
}

// issuePaths writes the path of a forecast to the ring.
func (m Model) issuePaths(s *State, forecast []float64) {
	row := s.PathsIssued[s.Next*len(m.tops) : (s.Next+1)*len(m.tops)]
	p := &s.Pending[s.Next]
	*p = Pending{Highest: float32(math.Inf(-1)), Mark: none, Chance: none}
	for i := range row {
		row[i].Z = none
	}
	if forecast == nil {
		return
	}
	top, i := math.Inf(-1), 0
	for l, q := range forecast {
		if q != q {
			return
		}
		if top = max(top, m.z(q)); l+1 < m.tops[i] {
			continue
		}
		k := m.situation(s, top)
		row[i] = Path{float32(top), k}
		if l+1 == m.dense && s.Observed > 0 && s.Recent[0] < s.High {
			if w := &s.Paths[i*situations+int(k)]; w.N >= FewestPaths {
				p.Mark, p.Chance = float32(s.High), float32(1-w.rank(s.High-top))
			}
		}
		i++
	}
}

// answerPaths learns from z, observed, of the paths that it ends, and remembers it
// for the others.
func (m Model) answerPaths(s *State, z float64) {
	for i := range s.Pending {
		s.Pending[i].Highest = max(s.Pending[i].Highest, float32(z)) // NaN if that is
	}
	for i, lead := range m.tops {
		at := m.ago(s, lead)
		p, path := &s.Pending[at], &s.PathsIssued[at*len(m.tops)+i]
		if p.Highest != p.Highest || path.Z != path.Z {
			continue
		}
		s.Paths[i*situations+int(path.Class)].keep(float64(p.Highest)-float64(path.Z), max(1, thinErrors/m.pace(lead)))
		if lead == m.dense && p.Chance == p.Chance {
			const fades = 1 - 1.0/year
			j := &s.Judged
			j.Forecasts, j.Told, j.Met = fades*j.Forecasts+1, fades*j.Told+float64(p.Chance), fades*j.Met
			if p.Highest >= p.Mark {
				j.Met++
			}
		}
	}
}

// Cross returns with what probability and when the flow meets the threshold of
// each lead, m³/s. now is the flow now: if it meets the first threshold, that is at
// lead 0. by[l] becomes the probability that the threshold is met by lead l+1.
// worst is scratch of twice as many values as there are members. It allocates
// nothing and panics as [Model.Quantiles] does.
func (m Model) Cross(s *State, now float64, members [][]float64, threshold, by, worst []float64) Crossing {
	m.check(s, members, len(by))
	if len(threshold) != len(by) || len(worst) != 2*len(members) {
		panic("band: threshold, by or worst has the wrong length")
	}
	var c Crossing
	if now >= threshold[0] {
		c.Probability = 1
		for i := range by {
			by[i] = 1
		}
		return c
	}
	if c.Paths = m.paths(s, members, threshold, by, worst); c.Paths < FewestPaths {
		c.Paths = 0
		m.bound(s, members, threshold, by, worst)
	}
	c.Probability = by[len(by)-1]
	for i, p := range Levels {
		c.Lead[i] = When(by, p*c.Probability)
	}
	return c
}

// A knot is a lead at which the errors of paths tell a chance.
type knot struct {
	lead   int // less one
	chance float64
	weight float64 // how many knots were pooled into this one
}

// mostKnots are more than the leads of tops for the most leads that [Params] allows,
// and one.
const mostKnots = 100

// paths fills by from the errors of paths, and returns on how many it rests, at
// least.
func (m Model) paths(s *State, members [][]float64, threshold, by, worst []float64) int {
	h, fewest := m.growth(s), size
	top, over := worst[:len(members)], worst[len(members):] // so far: the highest z, and the most that it is above its threshold
	for i := range top {
		top[i], over[i] = math.Inf(-1), math.Inf(-1)
	}
	var knots [mostKnots]knot
	n, k := 0, 0 // knots; and the top whose errors the next takes
	for l, v := range threshold {
		zt := m.z(v)
		for i, f := range members {
			z := m.z(f[l])
			top[i], over[i] = max(top[i], z), max(over[i], z-zt)
		}
		if l+1 != m.tops[k] && l+1 != len(by) {
			continue
		}
		wide, sum := m.wider(l+1, h), 0.0
		for i := range members {
			w := &s.Paths[k*situations+int(m.situation(s, top[i]))]
			fewest = min(fewest, w.N)
			sum += 1 - w.rank(-over[i]/wide)
		}
		k = min(k+1, len(m.tops)-1)
		// The chance of having crossed cannot fall. Errors of other forecasts at the
		// next knot may say so: both take their mean then (isotonic regression).
		knots[n] = knot{l, sum / float64(len(members)), 1}
		for n++; n > 1 && knots[n-2].chance > knots[n-1].chance; n-- {
			a, b := &knots[n-2], knots[n-1]
			*a = knot{b.lead, (a.weight*a.chance + b.weight*b.chance) / (a.weight + b.weight), a.weight + b.weight}
		}
	}
	before, from := 0.0, -1
	for _, x := range knots[:n] {
		for l := from + 1; l <= x.lead; l++ {
			by[l] = before + (x.chance-before)*float64(l-from)/float64(x.lead-from)
		}
		before, from = x.chance, x.lead
	}
	return fewest
}

// bound fills by with the lower bound of what the bands imply: errors keep their
// rank over the leads.
func (m Model) bound(s *State, members [][]float64, threshold, by, worst []float64) {
	clear(worst)
	h := m.growth(s)
	for lead := range by {
		z := m.z(threshold[lead])
		x := m.mix(s, members, lead, h)
		sum := 0.0
		for i := range members {
			at, d := x.member(i)
			worst[i] = max(worst[i], 1-d.under((z-at)/x.wide))
			sum += worst[i]
		}
		by[lead] = sum / float64(len(members))
	}
}
