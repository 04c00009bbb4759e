package reservoir

import (
	"fmt"
	"math"
)

const (
	steepest   = 0.05 // dt dO/dV of one part: the trapezoid is off by a share of its square over 12
	maxParts   = 1000
	maxTrials  = 200 // every second one halves the bracket, and 50 halvings reach the tolerance
	maxSecants = 8
	tolerance  = 1e-14 // of a full reservoir
)

// A part is a part of a step in which one order, or none, is in force.
type part struct {
	*Reservoir
	order    *Order
	dt       float64 // s
	hold     float64 // m³/s
	limit    float64 // m; NaN: none
	bearable float64 // m³/s that the river below bears
	minimum  float64 // m³/s that is released at least
}

// A done is the end of a part.
type done struct {
	volume float64 // 10⁶ m³
	out    float64 // m³/s, mean
	asked  float64 // m³/s
	bound  Binding
	steep  float64 // dt dO/dV where an outlet's law set the outflow
}

// divided moves the storage by the part, in equal parts of it if an outlet law
// is steep against it. The inflow goes from one value to the other, m³/s.
func (p part) divided(volume, from, to float64) (done, error) {
	d, err := p.solve(volume, (from+to)/2)
	if err != nil || d.steep <= steepest {
		return d, err
	}
	if d.steep > maxParts {
		return d, fmt.Errorf("the outlets would empty the reservoir %.3g times within %g s: the step is too long for it", d.steep, p.dt)
	}
	n := int(min(math.Ceil(d.steep/steepest), maxParts))
	whole := p.dt
	p.dt /= float64(n)
	out, asked, bound := 0.0, 0.0, Binding(0) // m³, m³
	for i := range n {
		mid := from + (to-from)*(float64(i)+0.5)/float64(n)
		if d, err = p.solve(volume, mid); err != nil {
			return d, err
		}
		volume = d.volume
		out += d.out * p.dt
		asked += d.asked * p.dt
		bound = max(bound, d.bound)
	}
	return done{volume: volume, out: out / whole, asked: asked / whole, bound: bound}, nil
}

// An ends is what the outlets pass at one end of a part, m³/s, turbines apart:
// they run or stand still, and what they pass is no mean of both.
type ends struct {
	all, free, set float64 // wide open; those that nobody can close; as ordered
	run, setRun    float64 // turbines: all, as ordered
}

func (p *part) at(level float64) (e ends) {
	for i := range p.outlets {
		o := &p.outlets[i]
		setting := 0.0
		if p.order != nil && p.order.Openings != nil {
			setting = p.order.Openings[i]
		}
		if o.Kind == Turbines {
			e.run += o.discharge(level, 1)
			e.setRun += o.discharge(level, setting)
			continue
		}
		q := o.discharge(level, o.open)
		e.all += q
		if !o.Controlled {
			e.free += q
		}
		e.set += o.discharge(level, setting)
	}
	return e
}

// solve moves the storage, 10⁶ m³, by dt with a mean inflow, m³/s.
func (p *part) solve(volume, inflow float64) (done, error) {
	level := p.Level(volume)
	before := p.at(level)
	reach := func(v float64) float64 { return inflow + (volume-v)*1e6/p.dt } // the outflow that ends at v
	end := func(out float64) float64 { return volume + (inflow-out)*p.dt/1e6 }

	d := done{}
	byOpenings := false
	switch {
	case p.order != nil && p.order.Openings != nil:
		byOpenings, d.bound = true, ByPlan
	case p.order != nil:
		d.asked, d.bound = p.order.Release, ByPlan
	default:
		d.asked, d.bound = p.rule(volume, inflow)
	}
	least := math.Inf(-1) // by the limit level
	if !math.IsNaN(p.limit) {
		v, _ := p.curve.Discharge(p.limit)
		least = reach(v + max(0, volume-v)*p.faded())
	}
	most := math.Inf(1)
	if level < p.rules.DownstreamUntil {
		most = p.bearable
	}
	// law is the outflow that ends at a level which the outlets pass now.
	law := func(now ends) (out, asked float64, bound Binding, set, was float64) {
		asked, bound = d.asked, d.bound
		set, was = math.NaN(), math.NaN() // what an outlet law gives at both ends, if it set the outflow
		if byOpenings {
			set, was = now.set, before.set
			asked = (set+was)/2 + min(now.setRun, before.setRun)
		}
		out = asked
		if p.minimum > out {
			out, bound, set = p.minimum, ByMinimum, math.NaN()
		}
		if least > out {
			out, bound, set = least, ByLimitLevel, math.NaN()
		}
		if most < out {
			out, bound, set = most, ByDownstream, math.NaN()
		}
		if f := (before.free + now.free) / 2; f > out {
			out, bound, set, was = f, ByFree, now.free, before.free
		}
		if f := (before.all+now.all)/2 + min(now.run, before.run); f < out {
			out, bound, set, was = f, ByCapacity, now.all, before.all
		}
		return out, asked, bound, set, was
	}

	first, _, _, _, _ := law(before)
	v, now, err := p.root(end(first), func(v float64) (float64, ends) {
		now := p.at(p.Level(v))
		out, _, _, _, _ := law(now)
		return v - end(out), now
	})
	if err != nil {
		return d, err
	}
	out, asked, bound, set, was := law(now)
	d.asked, d.bound = asked, bound
	if dv := v - volume; set == set && math.Abs(dv) > 1e-9*p.full {
		d.steep = max(0, (set-was)/(dv*1e6)*p.dt)
	}
	switch over := end(out) - v; {
	case math.Abs(over) <= 10*tolerance*p.full:
		if d.volume, d.out = end(out), out; d.volume >= p.low && d.volume <= p.full {
			return d, nil
		}
		v = min(max(d.volume, p.low), p.full) // rounding must not empty it further
	case v == p.full && over > 0:
		d.bound = ByFull
	case v == p.low && over < 0:
		d.bound = ByEmpty
	default: // turbines stop at this level: the part's mean lies between running and not
		d.bound = ByCapacity
	}
	d.volume, d.out = v, max(0, reach(v)) // max: against rounding
	return d, nil
}

// rule returns what is released without an order, m³/s.
func (p *part) rule(volume, inflow float64) (float64, Binding) {
	switch p.rules.Otherwise {
	case Hold:
		if p.hold != p.hold {
			return inflow, ByPassInflow
		}
		return p.hold, ByHold
	case PassInflow:
		return inflow, ByPassInflow
	case KeepLevel:
		v, _ := p.curve.Discharge(p.rules.Level)
		target := v + (volume-v)*p.faded()
		return max(0, inflow+(volume-target)*1e6/p.dt), ByKeepLevel
	default:
		return 0, ByClosed
	}
}

// faded returns which share of a distance to a level is left after the part.
func (p *part) faded() float64 {
	if p.rules.Approach == 0 {
		return 0
	}
	return math.Exp(-p.dt / p.rules.Approach.Seconds())
}

// root returns the storage between empty and full where f, which rises at least
// as fast as the storage, is 0, or the end of the range that is nearer to it, and
// what the outlets pass there.
func (p *part) root(start float64, f func(float64) (float64, ends)) (float64, ends, error) {
	if x, e, ok := p.secant(start, f); ok {
		return x, e, nil
	}
	lo, hi := p.low, p.full
	flo, e := f(lo)
	if flo >= 0 {
		return lo, e, nil
	}
	fhi, e := f(hi)
	if fhi <= 0 {
		return hi, e, nil
	}
	x := lo - flo*(hi-lo)/(fhi-flo)
	for i := range maxTrials {
		fx, e := f(x)
		if math.Abs(fx) <= tolerance*p.full || hi-lo <= tolerance*p.full {
			return x, e, nil
		}
		if fx < 0 {
			lo, flo = x, fx
		} else {
			hi, fhi = x, fx
		}
		x = lo - flo*(hi-lo)/(fhi-flo)
		if i%2 == 1 || !(x > lo && x < hi) {
			x = lo + (hi-lo)/2
		}
	}
	fx, _ := f(x)
	return x, e, fmt.Errorf("%w after %d trials: balance open by %g·10⁶ m³ at a storage of %g·10⁶ m³", ErrNoConvergence, maxTrials, fx, x)
}

// secant is the quick way of root, which most parts go: a decided outflow is
// met at once, a smooth outlet law in a few trials. It says so if it leaves the
// range or is not there soon.
func (p *part) secant(x float64, f func(float64) (float64, ends)) (float64, ends, bool) {
	var before, fbefore float64
	for i := range maxSecants {
		if !(x >= p.low && x <= p.full) {
			break
		}
		fx, e := f(x)
		if math.Abs(fx) <= tolerance*p.full {
			return x, e, true
		}
		slope := 1.0
		if i > 0 {
			slope = (fx - fbefore) / (x - before)
		}
		before, fbefore = x, fx
		x -= fx / slope
	}
	return 0, ends{}, false
}
