// Package reservoir routes a flood through a lake whose surface is level, by
// what its outlets can pass, what was ordered, and what limits the release.
//
// Over a step of dt, with inflow I, outflow O and storage V,
//
//	V(t+dt) - V(t) = dt (Ī - Ō)                                       [Chow88] 8.2
//	Ī = (I(t) + I(t+dt))/2
//	Ō = (O(h(t)) + O(h(t+dt)))/2         where the outlets' laws set it
//	Ō = what was decided for the step    where an order, a rule or a limit does
//
// h is the level of V by the storage curve, linear between its points. As no
// outlet passes less at a higher level, the equation has exactly one root: secants
// find it in most parts, else bisection and false position between the empty and
// the full reservoir. Ō then follows from the change of storage, so that no water
// is lost or made. An outlet law that is steep against the step (dt dO/dV above
// 0.05) makes the step be taken in equal parts, which keeps the error of the
// trapezoid within millimetres; an order that begins or ends within a step parts
// it, too.
//
// What decides the outflow of a step, the later the stronger:
//
//	the rule        where there is no order: gates closed, hold, pass the inflow, keep a level
//	the plan        an order in force: a release, or openings of the outlets
//	minimum         at least what the river is always to have
//	limit level     at least what keeps the level at or below it
//	downstream      at most what the river below bears, until the dam itself is in danger
//	free outlets    at least what flows without anybody's doing
//	capacity        at most what all outlets pass wide open
//	empty, full     no more than there is; what a full reservoir cannot hold goes over its top
//
// [Step.Bound] names which of them it was.
//
// Sources: [Chow88] V. T. Chow, D. R. Maidment, L. W. Mays, Applied Hydrology,
// 1988, section 8.2, level pool routing. [USBR87] US Bureau of Reclamation, Design
// of Small Dams, 3rd ed., 1987, chapter 9, discharge over crests and through
// gates. [Bos89] M. G. Bos (ed.), Discharge Measurement Structures, ILRI
// publication 20, 3rd ed., 1989: coefficients of weirs.
package reservoir

import (
	"errors"
	"fmt"
	"math"
	"time"

	"freshet/forecast/rating"
)

// A Point is a point of a storage curve.
type Point struct {
	Level  float64 // m
	Volume float64 // 10⁶ m³
}

// Options make a reservoir.
type Options struct {
	Curve   []Point       // level and volume strictly ascending, volume >= 0, at least two; the first is the lowest level to which it can be drawn
	Crest   float64       // m; what rises above it goes over the dam; 0: the top of the curve
	Outlets []Outlet      // at least one
	Rules   Rules         // what is done without an order, and the limits
	Step    time.Duration // of computation, whole milliseconds
}

// A Reservoir is immutable and safe for concurrent use.
type Reservoir struct {
	curve               *rating.Table // level, m, against 10⁶ m³
	low, full           float64       // 10⁶ m³
	lowLevel, fullLevel float64       // m
	outlets             []outlet
	rules               Rules
	stepMS              int64
}

// A State is the water in a reservoir at one instant. It is plain data: a run
// that is stopped, stored and taken up again gives the same as one that was not.
type State struct {
	At     int64   // Unix ms
	Volume float64 // 10⁶ m³
	Inflow float64 // m³/s at that instant
}

// Inputs are what a run of n steps is told. Route writes to none of it.
type Inputs struct {
	Inflow []float64 // m³/s at the end of each step, >= 0; n values
	Plan   []Order   // ascending, not overlapping; nil: no plan
	Hold   float64   // m³/s >= 0 that the rule [Hold] releases; NaN: not known, the inflow is passed then
	Limit  []float64 // limit level in force in each step, m; NaN: none; nil: none at all. See [LimitOn]
	Local  []float64 // m³/s >= 0 that the river where Rules.Downstream counts carries besides what is released in each step; nil: none

	// Minimum is what is released at least in each step, m³/s >= 0, such as an
	// ecological flow; nil: nothing. See [MinimumOn].
	Minimum []float64
}

// A Step is what a reservoir did in one step.
type Step struct {
	Outflow      float64 // m³/s, mean of the step, all outlets and what goes over the top
	Level        float64 // m at the end
	Volume       float64 // 10⁶ m³ at the end
	Asked        float64 // m³/s that the order or the rule asked for, mean of the step
	Bound        Binding // the strongest that set the outflow in any part of the step
	Extrapolated bool    // an outlet's table was read beyond its points
}

// ErrNoConvergence is wrapped by errors of iterations that gave up.
var ErrNoConvergence = errors.New("no convergence")

// New returns a reservoir. It fails, with the numbers, if the curve or an outlet
// is out of range, if an outlet lies below the curve, the crest above it, or the
// step is not a positive number of milliseconds.
func New(o Options) (*Reservoir, error) {
	if o.Step < time.Millisecond || o.Step%time.Millisecond != 0 {
		return nil, fmt.Errorf("reservoir: step %v: want whole milliseconds, more than 0", o.Step)
	}
	points := make([]rating.Point, len(o.Curve))
	for i, p := range o.Curve {
		points[i] = rating.Point{Level: p.Level, Discharge: p.Volume}
	}
	curve, err := rating.New(points, "", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("reservoir: storage curve (10⁶ m³ for m³/s): %w", err)
	}
	first, last := o.Curve[0], o.Curve[len(o.Curve)-1]
	r := &Reservoir{
		curve: curve, rules: o.Rules, stepMS: o.Step.Milliseconds(),
		low: first.Volume, lowLevel: first.Level, full: last.Volume, fullLevel: last.Level,
	}
	if o.Crest != 0 {
		if !(o.Crest > first.Level && o.Crest <= last.Level) {
			return nil, fmt.Errorf("reservoir: crest at %g m: want it within the storage curve, above %g to %g m", o.Crest, first.Level, last.Level)
		}
		r.fullLevel = o.Crest
		r.full, _ = curve.Discharge(o.Crest)
	}
	if len(o.Outlets) == 0 {
		return nil, errors.New("reservoir: no outlet: want at least 1")
	}
	for i := range o.Outlets {
		c, err := o.Outlets[i].compile(first.Level)
		if err != nil {
			return nil, fmt.Errorf("reservoir: outlet %d %q: %w", i+1, o.Outlets[i].Name, err)
		}
		r.outlets = append(r.outlets, c)
	}
	if err := r.rules.check(r.lowLevel, r.fullLevel); err != nil {
		return nil, fmt.Errorf("reservoir: %w", err)
	}
	return r, nil
}

// Volume returns the storage, 10⁶ m³, at a level, m, and whether the level lies
// outside the reservoir, below the first point of the curve or above the crest;
// the curve's end segments are extended there, never below 0.
func (r *Reservoir) Volume(level float64) (volume float64, outside bool) {
	volume, _ = r.curve.Discharge(level)
	return volume, level < r.lowLevel || level > r.fullLevel
}

// Level returns the level, m, at a storage, 10⁶ m³.
func (r *Reservoir) Level(volume float64) float64 {
	level, _ := r.curve.Level(volume)
	return level
}

// Capacity returns what all outlets pass wide open at a level, m³/s, and what of
// it flows without anybody's doing.
func (r *Reservoir) Capacity(level float64) (all, free float64) {
	for i := range r.outlets {
		o := &r.outlets[i]
		q := o.discharge(level, o.open)
		all += q
		if !o.Controlled {
			free += q
		}
	}
	return all, free
}

// Closable returns the names of the outlets that somebody can close, in order.
func (r *Reservoir) Closable() []string {
	var names []string
	for i := range r.outlets {
		if r.outlets[i].Controlled {
			names = append(names, r.outlets[i].Name)
		}
	}
	return names
}

// Start returns the state of a reservoir that stands at level, m, at an instant,
// Unix ms, and takes in inflow, m³/s. It fails if the level lies outside the
// reservoir or the inflow is negative or not finite.
func (r *Reservoir) Start(at int64, level, inflow float64) (State, error) {
	v, outside := r.Volume(level)
	if outside || v != v {
		return State{}, fmt.Errorf("reservoir: level %g m: want %g to %g m", level, r.lowLevel, r.fullLevel)
	}
	if !(inflow >= 0) || math.IsInf(inflow, 0) {
		return State{}, fmt.Errorf("reservoir: inflow %g m³/s: want 0 or more", inflow)
	}
	return State{At: at, Volume: v, Inflow: inflow}, nil
}

const badLength = "reservoir: inputs and steps have unequal length"

// Route moves s by len(in.Inflow) steps, writes what happened in each to out and
// returns the new state. It panics if the lengths of Inflow, out, and of Limit, Local
// and Minimum where they are not nil, differ. It fails, with the numbers, on an inflow,
// a plan or a state that is out of range, on a reservoir too small for the step
// (dt dO/dV above 1000), and wraps [ErrNoConvergence] if a root was not found.
func (r *Reservoir) Route(s State, in Inputs, out []Step) (State, error) {
	n := len(in.Inflow)
	if len(out) != n || in.Limit != nil && len(in.Limit) != n || in.Local != nil && len(in.Local) != n || in.Minimum != nil && len(in.Minimum) != n {
		panic(badLength)
	}
	if !(s.Volume >= r.low*(1-1e-12) && s.Volume <= r.full*(1+1e-12)) {
		return s, fmt.Errorf("reservoir: storage %g·10⁶ m³: want %g to %g·10⁶ m³", s.Volume, r.low, r.full)
	}
	if in.Hold < 0 || math.IsInf(in.Hold, 0) {
		return s, fmt.Errorf("reservoir: held release %g m³/s: want 0 or more", in.Hold)
	}
	if err := r.CheckPlan(in.Plan); err != nil {
		return s, err
	}
	for t := range n {
		if !(in.Inflow[t] >= 0) || math.IsInf(in.Inflow[t], 0) || !(s.Inflow >= 0) {
			return s, fmt.Errorf("reservoir: inflow %g m³/s after %g in step %d: want 0 or more", in.Inflow[t], s.Inflow, t+1)
		}
		p := part{Reservoir: r, hold: in.Hold, limit: math.NaN(), bearable: math.Inf(1)}
		if in.Limit != nil {
			p.limit = in.Limit[t]
		}
		if in.Minimum != nil {
			if p.minimum = in.Minimum[t]; !(p.minimum >= 0) || math.IsInf(p.minimum, 0) {
				return s, fmt.Errorf("reservoir: minimum release %g m³/s in step %d: want 0 or more", p.minimum, t+1)
			}
		}
		if r.rules.Downstream > 0 {
			p.bearable = r.rules.Downstream
			if in.Local != nil {
				if !(in.Local[t] >= 0) {
					return s, fmt.Errorf("reservoir: local flow %g m³/s in step %d: want 0 or more", in.Local[t], t+1)
				}
				p.bearable = max(0, p.bearable-in.Local[t])
			}
		}
		var err error
		if s, err = r.step(s, in.Inflow[t], in.Plan, p, &out[t]); err != nil {
			return s, fmt.Errorf("reservoir: step %d: %w", t+1, err)
		}
	}
	return s, nil
}

// step moves s by one step, in parts that no order begins or ends in.
func (r *Reservoir) step(s State, inflow float64, plan []Order, p part, out *Step) (State, error) {
	end, before := s.At+r.stepMS, s
	volume, asked, outflow := s.Volume, 0.0, 0.0 // 10⁶ m³, m³, m³
	*out = Step{}
	for at := s.At; at < end; {
		var until int64
		p.order, until = orderAt(plan, at, end)
		p.dt = float64(until-at) / 1000
		share := func(ms int64) float64 { return float64(ms-before.At) / float64(r.stepMS) }
		from := before.Inflow + share(at)*(inflow-before.Inflow)
		to := before.Inflow + share(until)*(inflow-before.Inflow)
		d, err := p.divided(volume, from, to)
		if err != nil {
			return s, err
		}
		volume = d.volume
		asked += d.asked * p.dt
		outflow += d.out * p.dt
		out.Bound = max(out.Bound, d.bound)
		at = until
	}
	dt := float64(r.stepMS) / 1000
	s = State{At: end, Volume: volume, Inflow: inflow}
	out.Volume, out.Level, out.Asked, out.Outflow = volume, r.Level(volume), asked/dt, outflow/dt
	for i := range r.outlets {
		out.Extrapolated = out.Extrapolated || r.outlets[i].beyond(out.Level)
	}
	return s, nil
}
