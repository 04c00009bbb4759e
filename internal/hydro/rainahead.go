package hydro

import "time"

// A RainAhead is a rain forecast at one place. Value i is the rain, mm, of the step
// that begins at From + i·Step.
type RainAhead struct {
	Source   string
	IssuedAt time.Time
	From     time.Time
	Step     time.Duration // above 0
	Rain     []float64
}

// End returns when the last step ends.
func (r *RainAhead) End() time.Time { return r.From.Add(time.Duration(len(r.Rain)) * r.Step) }

// Between returns the rain of (from, to], mm, each step's spread evenly over it, and
// of how much of that time the forecast speaks.
func (r *RainAhead) Between(from, to time.Time) (mm float64, known time.Duration) {
	first := max(0, int(from.Sub(r.From)/r.Step))
	for i := first; i < len(r.Rain); i++ {
		a := r.From.Add(time.Duration(i) * r.Step)
		b := a.Add(r.Step)
		if !a.Before(to) {
			break
		}
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		if span := b.Sub(a); span > 0 {
			mm += r.Rain[i] * (float64(span) / float64(r.Step))
			known += span
		}
	}
	return mm, known
}
