package band

import (
	"math"
	"slices"
)

// A Band is the uncertain forecast at one lead.
type Band struct {
	Quantile [levels]float64 // m³/s, at the Levels
	Errors   int             // how many errors it rests on, at least; 0: it has no width of its own
}

// Quantiles writes the band at each lead to out. members[i] is the flow of
// member i at each lead, m³/s. It allocates nothing. It panics if there is no
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

func (m Model) tracker(s *State, lead int, z float64) *Tracker {
	return &s.Errors[lead*classes+int(m.class(s, z))]
}

// at returns the band at a lead.
func (m Model) at(s *State, members [][]float64, lead int) (out Band) {
	low, high := math.Inf(1), math.Inf(-1)
	for i, f := range members {
		z := m.z(f[lead])
		t := m.tracker(s, lead, z)
		if len(members) == 1 {
			for j, e := range t.sorted() {
				out.Quantile[j] = m.flow(z + e)
			}
			out.Errors = t.N
			return out
		}
		if i == 0 || t.N < out.Errors {
			out.Errors = t.N
		}
		q := t.sorted()
		low, high = min(low, z+q.begin()), max(high, z+q.end())
	}
	for j, p := range Levels {
		// F rises from 0 at low to 1 at high: halving the interval 50 times leaves rounding.
		a, b := low, high
		for range 50 {
			mid := a + (b-a)/2
			if m.below(s, members, lead, mid) < p {
				a = mid
			} else {
				b = mid
			}
		}
		out.Quantile[j] = m.flow(b)
		low = a
	}
	return out
}

// flow is the inverse of z. A flow is not negative: the mass below 0 stands at 0.
func (m Model) flow(z float64) float64 { return max(0, math.Exp(z)-m.c) }

// below returns the share of the mixture that lies below z.
func (m Model) below(s *State, members [][]float64, lead int, z float64) float64 {
	sum := 0.0
	for _, f := range members {
		c := m.z(f[lead])
		q := m.tracker(s, lead, c).sorted()
		sum += q.below(z - c)
	}
	return sum / float64(len(members))
}

// An order is quantiles that ascend.
type order [levels]float64

// sorted returns the quantiles in order. Those tracked may cross for a while.
func (t *Tracker) sorted() order {
	q := t.Quantile
	slices.Sort(q[:])
	return order(q)
}

func (t *order) begin() float64 { return 2*t[0] - t[1] }
func (t *order) end() float64   { return 2*t[levels-1] - t[levels-2] }

// below returns the share of errors below e.
func (t *order) below(e float64) float64 {
	from, p := t.begin(), 0.0
	if e <= from {
		return 0
	}
	for i := range levels + 1 {
		to, q := t.end(), 1.0
		if i < levels {
			to, q = t[i], Levels[i]
		}
		if e <= to {
			return p + (q-p)*(e-from)/(to-from)
		}
		from, p = to, q
	}
	return 1
}

// A Crossing is what a band says of one threshold.
type Crossing struct {
	Probability float64 // that it is met by the last lead; a lower bound, see the package comment
	// Lead is when it is met, in steps from now, if it is met: quantiles of it at
	// the Levels. NaN if Probability is 0.
	Lead [levels]float64
}

// Cross returns with what probability and when the flow meets the threshold,
// m³/s. now is the flow now: if it meets the threshold, that is at lead 0. by[l],
// unless by is nil, becomes the probability that the threshold is met by lead
// l+1. worst is scratch of as many values as there are members. It allocates
// nothing and panics as [Model.Quantiles] does.
func (m Model) Cross(s *State, now float64, members [][]float64, threshold float64, by, worst []float64) Crossing {
	m.check(s, members)
	if by == nil || len(by) != m.leads || len(worst) != len(members) {
		panic("band: by or worst has the wrong length")
	}
	var c Crossing
	if now >= threshold {
		c.Probability = 1
		for i := range by {
			by[i] = 1
		}
		return c
	}
	z := math.Log(max(threshold, 0) + m.c)
	clear(worst)
	for lead := range by {
		sum := 0.0
		for i, f := range members {
			at := m.z(f[lead])
			q := m.tracker(s, lead, at).sorted()
			worst[i] = max(worst[i], 1-q.below(z-at))
			sum += worst[i]
		}
		by[lead] = sum / float64(len(members))
	}
	c.Probability = by[m.leads-1]
	for i, p := range Levels {
		c.Lead[i] = when(by, p*c.Probability)
	}
	return c
}

// when returns the lead, in steps, at which the probability by first reaches p > 0,
// linear between leads.
func when(by []float64, p float64) float64 {
	before := 0.0
	for i, v := range by {
		if v >= p && v > 0 {
			return float64(i) + (p-before)/(v-before)
		}
		before = v
	}
	return math.NaN()
}
