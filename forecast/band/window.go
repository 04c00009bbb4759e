package band

import (
	"math"
	"slices"
)

// keep takes v into the window: each until it is full, so that something is soon
// known, then one in thin, in place of the oldest.
func (w *Window) keep(v float64, thin int) {
	if w.N < size || w.Seen%thin == 0 {
		slot, n := uint8(w.Kept%size), w.N
		if n == size {
			i := slices.Index(w.Slots[:], slot)
			copy(w.Values[i:], w.Values[i+1:])
			copy(w.Slots[i:], w.Slots[i+1:])
			n--
		}
		i, _ := slices.BinarySearch(w.Values[:n], float32(v))
		copy(w.Values[i+1:n+1], w.Values[i:n])
		copy(w.Slots[i+1:n+1], w.Slots[i:n])
		w.Values[i], w.Slots[i] = float32(v), slot
		w.N = n + 1
		w.Kept++
	}
	w.Seen++
}

// quantile returns the value below which the share p lies: linear between values,
// the i-th of n standing at i/(n+1), and the outermost beyond. It is 0 where
// there is none.
func (w *Window) quantile(p float64) float64 {
	if w.N == 0 {
		return 0
	}
	x := p*float64(w.N+1) - 1
	i := int(math.Floor(x))
	switch {
	case x <= 0:
		return float64(w.Values[0])
	case i >= w.N-1:
		return float64(w.Values[w.N-1])
	}
	a, b := float64(w.Values[i]), float64(w.Values[i+1])
	return a + (x-float64(i))*(b-a)
}

// rank is the inverse of quantile: the share that lies below v, 0 and 1 beyond
// the outermost values.
func (w *Window) rank(v float64) float64 {
	if w.N == 0 {
		if v > 0 {
			return 1
		}
		return 0
	}
	i, _ := slices.BinarySearchFunc(w.Values[:w.N], v, func(a float32, v float64) int {
		if float64(a) < v {
			return -1
		}
		return 1
	})
	switch i {
	case 0:
		return 0
	case w.N:
		return 1
	}
	a, b := float64(w.Values[i-1]), float64(w.Values[i])
	return (float64(i) + (v-a)/(b-a)) / float64(w.N+1)
}

// A spread is the distribution of the errors of a lead and situation, with
// corrected levels.
type spread struct {
	w            *Window
	below, above float64 // exp(w), exp(w')
}

func (m Model) spread(s *State, lead int, class uint8) spread {
	i := lead*classes + int(class)
	o := &s.Outward[i]
	return spread{&s.Errors[i], math.Exp(o[0]), math.Exp(o[1])}
}

// quantile returns the error below which the share p lies.
func (d *spread) quantile(p float64) float64 { return d.w.quantile(bend(p, d.below, d.above)) }

// under is the inverse of quantile.
func (d *spread) under(e float64) float64 { return bend(d.w.rank(e), 1/d.below, 1/d.above) }

// bend moves a probability outward from the median, by an exponent on its side.
func bend(p, below, above float64) float64 {
	if p < 0.5 {
		return 0.5 * math.Pow(2*p, below)
	}
	return 1 - 0.5*math.Pow(2*(1-p), above)
}
