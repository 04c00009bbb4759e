package routing

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// LagParams are the parameters of [NewLag].
var LagParams = []param.Param{
	{Name: "lag", Unit: "s", Lo: 0, Hi: 1e8, Doc: "time by which the flow is moved, need not be whole steps", Source: "[Linsley82]", Sought: param.Sought{HiSteps: 50}},
	{Name: "k", Unit: "s", Lo: 0, Hi: 1e8, Doc: "storage constant of the reservoir; 0: none", Source: "[Linsley82]", Sought: param.Sought{LoSteps: 0.5, HiSteps: 200, Log: true}},
	{Name: "dt", Unit: "s", Lo: 0, Hi: 1e8, Above: true, Doc: "time step", Source: "[Linsley82]"},
}

// A Lag is a reach that moves the flow by a time and then passes it through a
// linear reservoir ("lag and route"),
//
//	J(t) = I(t - lag)      O = S/k      dS/dt = J - O + q_lat
//
// the flow being linear between steps, so that a lag of m + f steps gives
// J = (1-f) I(t - m dt) + f I(t - (m+1) dt), and the reservoir is the Muskingum
// scheme with x = 0. A fraction f spreads the flow a little: by the variance of
// f(1-f) dt². Mass is conserved. Immutable, safe for concurrent use.
//
// [Linsley82] R. K. Linsley, M. A. Kohler, J. L. H. Paulhus, Hydrology for
// Engineers, 3rd ed. 1982, section 9.
type Lag struct {
	whole     int     // steps of lag
	part      float64 // and the rest, 0 to less than 1
	reservoir Muskingum
	dt        float64
}

// maxLag keeps the memory of a reach within reason, steps.
const maxLag = 10000

// NewLag returns a reach with
//
//	lag  time by which the flow is moved, s     >= 0
//	k    storage constant of the reservoir, s   0: none; else >= dt/2
//	dt   time step, s                           > 0
//
// It fails if a value is out of range, and if k is less than half a step, where
// an outflow could become negative.
func NewLag(lag, k, dt float64) (Lag, error) {
	for i, v := range []float64{lag, k, dt} {
		if err := LagParams[i].Check(v); err != nil {
			return Lag{}, fmt.Errorf("lag: %w", err)
		}
	}
	steps := lag / dt
	if steps > maxLag {
		return Lag{}, fmt.Errorf("lag: lag = %g s: %g steps of %g s, want at most %d", lag, steps, dt, maxLag)
	}
	l := Lag{whole: int(steps), dt: dt}
	l.part = steps - float64(l.whole)
	if near := math.Round(steps); math.Abs(steps-near) <= slack*max(near, 1) { // whole on paper
		l.whole, l.part = int(near), 0
	}
	if k > 0 {
		m, err := NewMuskingum(k, 0, dt, 1)
		if err != nil {
			return Lag{}, fmt.Errorf("lag: reservoir: %w", err)
		}
		l.reservoir = m
	}
	return l, nil
}

// size returns the number of values of the reach's state: its inflows of the
// steps that the lag looks back, newest first, the inflow of the reservoir and
// the outflow.
func (l *Lag) size() int { return l.whole + 4 }

// Steady returns the state of a reach that has carried q m³/s for long.
func (l *Lag) Steady(q float64) State {
	s := make(State, l.size())
	for i := range s {
		s[i] = q
	}
	return s
}

// Storage returns the water in the reach, m³. It panics if the state has the
// wrong length.
func (l *Lag) Storage(s State) float64 {
	if len(s) != l.size() {
		panic(badState)
	}
	n := len(s)
	past := s[:n-2]
	sum := 0.0 // of the steps that are wholly under way
	for i := range l.whole {
		sum += (past[i] + past[i+1]) / 2
	}
	sum += l.part * (past[l.whole] + past[l.whole+1]) / 2
	v := l.dt * sum
	if l.reservoir.n > 0 {
		v += l.reservoir.Storage(s[n-2:])
	}
	return v
}

// Route is [Muskingum.Route] of this reach, of flows in m³/s. It panics if in and out
// differ in length, or if the state has the wrong length.
func (l *Lag) Route(s State, in, out []float64) {
	if len(in) != len(out) {
		panic(badLength)
	}
	copy(out, in)
	l.route(s, out, nil)
}

func (l *Lag) route(s State, q, lateral []float64) {
	if len(s) != l.size() {
		panic(badState)
	}
	n := len(s)
	past := s[:n-2]
	for t, in := range q {
		copy(past[1:], past)
		past[0] = in
		q[t] = past[l.whole]
		if l.part > 0 {
			q[t] = (1-l.part)*past[l.whole] + l.part*past[l.whole+1]
		}
	}
	switch r := &l.reservoir; {
	case r.n == 0:
		if len(q) > 0 {
			s[n-2], s[n-1] = q[len(q)-1], q[len(q)-1]
		}
	case lateral == nil:
		r.Route(s[n-2:], q, q)
	default:
		r.routeLateral(s[n-2:], q, lateral)
	}
}
