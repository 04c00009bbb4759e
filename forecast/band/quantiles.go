package band

import (
	"math"
)

// A Band is the uncertain forecast at one lead.
type Band struct {
	Quantile [levels]float64 // m³/s, at the Levels
	Errors   int             // how many errors it rests on, at least; 0: it has no width of its own
}

// Quantiles writes the band at each lead to out. members[i] is the flow of
// member i at each lead, m³/s. Those of several members are right to one millionth
// of Q + c. It allocates nothing. It panics if there is no
// member, or a length is not the model's number of leads, or s is another model's.
func (m Model) Quantiles(s *State, members [][]float64, out []Band) {
	m.check(s, members)
	if len(out) != m.leads {
		panic("band: bands and leads differ in length")
	}
	for lead := range out {
		out[lead] = m.at(s, members, lead)
	}
}

func (m Model) check(s *State, members [][]float64) {
	m.fits(s)
	if len(members) == 0 {
		panic("band: no member")
	}
	for _, f := range members {
		if len(f) != m.leads {
			panic("band: forecast and leads differ in length")
		}
	}
}

// A mixture is the members at one lead, with the errors of each class that they
// need.
type mixture struct {
	m      Model
	s      *State
	lead   int
	flows  [][]float64
	have   [classes]bool
	errors [classes]spread
}

func (x *mixture) member(i int) (z float64, d *spread) {
	z = x.m.z(x.flows[i][x.lead])
	k := x.m.class(x.s, z)
	if !x.have[k] {
		x.have[k], x.errors[k] = true, x.m.spread(x.s, x.lead, k)
	}
	return z, &x.errors[k]
}

// below returns the share of the mixture below z.
func (x *mixture) below(z float64) float64 {
	sum := 0.0
	for i := range x.flows {
		at, d := x.member(i)
		sum += d.under(z - at)
	}
	return sum / float64(len(x.flows))
}

// at returns the band at a lead.
func (m Model) at(s *State, members [][]float64, lead int) (out Band) {
	x := mixture{m: m, s: s, lead: lead, flows: members}
	a, b := math.Inf(1), math.Inf(-1)
	for i := range members {
		z, d := x.member(i)
		if i == 0 || d.w.N < out.Errors {
			out.Errors = d.w.N
		}
		a, b = min(a, z+d.quantile(0)), max(b, z+d.quantile(1))
	}
	z, d := x.member(0)
	for j, p := range Levels {
		if len(members) == 1 {
			out.Quantile[j] = m.flow(z + d.quantile(p))
			continue
		}
		// F rises from 0 at a to 1 at b, and the quantiles ascend.
		to := b
		if j > 0 && x.below(a) >= p { // a step of F: every quantile in it is the same
			to = a
		}
		for to-a > precise {
			if mid := a + (to-a)/2; x.below(mid) < p {
				a = mid
			} else {
				to = mid
			}
		}
		out.Quantile[j] = m.flow(to)
		a = to // so that the next is not below it
	}
	return out
}

// flow is the inverse of z. A flow is not negative: the mass below 0 stands at 0.
func (m Model) flow(z float64) float64 { return max(0, math.Exp(z)-m.c) }

// Exceed writes to out the probability that the flow at each lead is at or above
// the threshold, m³/s. It allocates nothing and panics as [Model.Quantiles] does.
func (m Model) Exceed(s *State, members [][]float64, threshold float64, out []float64) {
	m.check(s, members)
	if len(out) != m.leads {
		panic("band: probabilities and leads differ in length")
	}
	for lead := range out {
		x := mixture{m: m, s: s, lead: lead, flows: members}
		out[lead] = 1 - x.below(m.z(threshold))
	}
}

// A Crossing is what a band says of one threshold.
type Crossing struct {
	Probability float64 // that it is met by the last lead; a lower bound, see the package comment
	// Lead is when it is met, in steps from now, if it is met: quantiles of it at
	// the Levels. NaN if Probability is 0.
	Lead [levels]float64
}

// Cross returns with what probability and when the flow meets the threshold of
// each lead, m³/s. now is the flow now: if it meets the first threshold, that is at
// lead 0. by[l] becomes the probability that the threshold is met by lead l+1.
// worst is scratch of as many values as there are members. It allocates nothing and
// panics as [Model.Quantiles] does.
func (m Model) Cross(s *State, now float64, members [][]float64, threshold, by, worst []float64) Crossing {
	m.check(s, members)
	if len(threshold) != m.leads || len(by) != m.leads || len(worst) != len(members) {
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
	clear(worst)
	for lead := range by {
		z := m.z(threshold[lead])
		x := mixture{m: m, s: s, lead: lead, flows: members}
		sum := 0.0
		for i := range members {
			at, d := x.member(i)
			worst[i] = max(worst[i], 1-d.under(z-at))
			sum += worst[i]
		}
		by[lead] = sum / float64(len(members))
	}
	c.Probability = by[m.leads-1]
	for i, p := range Levels {
		c.Lead[i] = When(by, p*c.Probability)
	}
	return c
}

// When returns the lead, in steps, at which the probability by, of lead 1, 2, ...,
// first reaches p, linear between leads. It is NaN if p is 0 or not reached.
func When(by []float64, p float64) float64 {
	before := 0.0
	for i, v := range by {
		if v >= p && v > 0 {
			return float64(i) + (p-before)/(v-before)
		}
		before = v
	}
	return math.NaN()
}
