package calibrate

// A source is a stream of random bits that depends on its seed alone, on every
// machine and with every release of Go: SplitMix64 [Steele14]. It is what
// gonum's samplers ask for.
type source uint64

// Uint64 returns the next 64 bits.
func (s *source) Uint64() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit returns the next number in [0, 1).
func (s *source) unit() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// below returns the next whole number in [0, n); the bias at the few numbers
// that are asked for is below 1e-15.
func (s *source) below(n int) int { return int(s.unit() * float64(n)) }

// latin returns n points in the unit cube, one in each n-th of every axis.
func (s *source) latin(n, dim int) [][]float64 {
	points := make([][]float64, n)
	for i := range points {
		points[i] = make([]float64, dim)
	}
	order := make([]int, n)
	for d := range dim {
		for i := range order {
			j := s.below(i + 1) // an inside-out shuffle
			order[i] = order[j]
			order[j] = i
		}
		for i, k := range order {
			points[i][d] = (float64(k) + s.unit()) / float64(n)
		}
	}
	return points
}
