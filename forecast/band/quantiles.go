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
// member i at each lead, m³/s. There may be more leads than the model learns of.
// Where leads are learnt six apart, and beyond the last, a lead between two of them
// takes their quantiles, less what members forecast, in equal steps. Those of several members are right to one millionth
// of Q + c. It allocates nothing. It panics if there is no
// member, or one has another number of leads than out, or s is another model's.
func (m Model) Quantiles(s *State, members [][]float64, out []Band) {
	m.check(s, members, len(out))
	h, before := m.growth(s), -1
	for lead := range out {
		if lead >= m.dense && (lead+1)%sparse != 0 && lead+1 != len(out) {
			continue
		}
		out[lead] = m.one(s, members, lead, h)
		for j := before + 1; j < lead; j++ {
			m.between(members, out, before, j, lead)
		}
		before = lead
	}
}

// between finds the band at a lead from those at two others, around what the
// members forecast there.
func (m Model) between(members [][]float64, out []Band, from, at, to int) {
	share := float64(at-from) / float64(to-from)
	shift := m.middle(members, at) - (1-share)*m.middle(members, from) - share*m.middle(members, to)
	for j := range out[at].Quantile {
		out[at].Quantile[j] = m.flow((1-share)*m.z(out[from].Quantile[j]) + share*m.z(out[to].Quantile[j]) + shift)
	}
	out[at].Errors = min(out[from].Errors, out[to].Errors)
}

// middle returns the mean of the members' z.
func (m Model) middle(members [][]float64, lead int) float64 {
	sum := 0.0
	for _, f := range members {
		sum += m.z(f[lead])
	}
	return sum / float64(len(members))
}

func (m Model) check(s *State, members [][]float64, leads int) {
	m.fits(s)
	if len(members) == 0 {
		panic("band: no member")
	}
	for _, f := range members {
		if len(f) != leads {
			panic("band: forecast and leads differ in length")
		}
	}
}

// growth returns the power of the lead by which errors grew from the middle lead
// to the last.
func (m Model) growth(s *State) float64 {
	half := m.where[max(1, m.last/2)-1]
	before, then := 0.0, 0.0
	for k := range classes {
		a, b := &s.Errors[half*classes+k], &s.Errors[(len(m.at)-1)*classes+k]
		if a.N >= FewestPaths && b.N >= FewestPaths {
			weight := float64(min(a.Seen, b.Seen))
			before += weight * (a.quantile(Levels[high]) - a.quantile(Levels[low]))
			then += weight * (b.quantile(Levels[high]) - b.quantile(Levels[low]))
		}
	}
	if m.at[half] == m.last || before <= 0 {
		return walk
	}
	return min(max(math.Log(then/before)/math.Log(float64(m.last)/float64(m.at[half])), 0), walk)
}

// walk is how a random walk grows.
const walk = 0.5

// wider returns by what errors are multiplied at a lead beyond the last.
func (m Model) wider(lead int, h float64) float64 {
	if lead <= m.last {
		return 1
	}
	return math.Pow(float64(lead)/float64(m.last), h)
}

// A mixture is the members at one lead, with the errors of each class that they
// need.
type mixture struct {
	m      Model
	s      *State
	lead   int     // less one
	kept   int     // the lead whose errors it takes
	wide   float64 // by which they are multiplied
	flows  [][]float64
	have   [classes]bool
	errors [classes]spread
	known  int // members whose z and class are in the next two
	z      [remembered]float64
	class  [remembered]uint8
}

// remembered is how many members are transformed but once.
const remembered = 64

func (x *mixture) member(i int) (z float64, d *spread) {
	var k uint8
	if i < x.known {
		z, k = x.z[i], x.class[i]
	} else {
		z = x.m.z(x.flows[i][x.lead])
		k = x.m.class(x.s, z)
		if i == x.known && i < remembered {
			x.z[i], x.class[i] = z, k
			x.known++
		}
	}
	if !x.have[k] {
		x.have[k], x.errors[k] = true, x.m.spread(x.s, x.kept, k)
	}
	return z, &x.errors[k]
}

// below returns the share of the mixture below z.
func (x *mixture) below(z float64) float64 {
	sum := 0.0
	for i := range x.flows {
		at, d := x.member(i)
		sum += d.under((z - at) / x.wide)
	}
	return sum / float64(len(x.flows))
}

func (m Model) mix(s *State, members [][]float64, lead int, h float64) mixture {
	return mixture{m: m, s: s, lead: lead, kept: m.where[min(lead, m.last-1)], wide: m.wider(lead+1, h), flows: members}
}

// one returns the band at a lead, given less one.
func (m Model) one(s *State, members [][]float64, lead int, h float64) (out Band) {
	x := m.mix(s, members, lead, h)
	a, b := math.Inf(1), math.Inf(-1)
	for i := range members {
		z, d := x.member(i)
		if i == 0 || d.w.N < out.Errors {
			out.Errors = d.w.N
		}
		a, b = min(a, z+x.wide*d.quantile(0)), max(b, z+x.wide*d.quantile(1))
	}
	z, d := x.member(0)
	for j, p := range Levels {
		if len(members) == 1 {
			out.Quantile[j] = m.flow(z + x.wide*d.quantile(p))
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
func (m Model) flow(z float64) float64 {
	if m.linear {
		return z
	}
	return max(0, math.Exp(z)-m.c)
}

// Exceed writes to out the probability that the flow at each lead is at or above
// the threshold, m³/s. It allocates nothing and panics as [Model.Quantiles] does.
func (m Model) Exceed(s *State, members [][]float64, threshold float64, out []float64) {
	m.check(s, members, len(out))
	h := m.growth(s)
	for lead := range out {
		x := m.mix(s, members, lead, h)
		out[lead] = 1 - x.below(m.z(threshold))
	}
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
