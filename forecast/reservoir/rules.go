package reservoir

import (
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast/param"
)

// A Rule is what is done where no order is in force.
type Rule int

// The rules.
const (
	Closed     Rule = iota // controlled outlets stay closed
	Hold                   // Inputs.Hold is released
	PassInflow             // what comes in goes out
	KeepLevel              // the level goes to Rules.Level and stays there
)

// String returns the rule as the catalogue spells it.
func (r Rule) String() string {
	if r < Closed || r > KeepLevel {
		return fmt.Sprintf("Rule(%d)", int(r))
	}
	return [...]string{"closed", "hold", "pass_inflow", "keep_level"}[r]
}

// ParseRule returns the rule of that spelling.
func ParseRule(s string) (Rule, bool) {
	for r := Closed; r <= KeepLevel; r++ {
		if r.String() == s {
			return r, true
		}
	}
	return 0, false
}

// RuleParams are the parameters of [Rules].
var RuleParams = []param.Param{
	{Name: "Level", Unit: "m", Lo: -500, Hi: 9000, Doc: "level that keep_level keeps; within the reservoir", Source: "this package"},
	{Name: "Approach", Unit: "s", Lo: 0, Hi: math.Inf(1), Doc: "time in which the distance to Level, or to a limit level from above, falls to 1/e; 0: within the step", Source: "this package"},
	{Name: "Downstream", Unit: "m³/s", Lo: 0, Hi: math.Inf(1), Doc: "what the river below bears; 0: no limit", Source: "this package"},
	{Name: "DownstreamUntil", Unit: "m", Lo: -500, Hi: 9000, Doc: "level from which on the dam comes first; default: the crest", Source: "this package"},
}

// Rules are what is done without an order, and what limits any release. The
// zero value closes the controlled outlets and knows no limit.
type Rules struct {
	Otherwise       Rule          // where no order is in force
	Level           float64       // m, of KeepLevel
	Approach        time.Duration // in which the distance to Level, or to a limit level from above, falls to 1/e; 0: within the step
	Downstream      float64       // m³/s that the river below bears; 0: no such limit
	DownstreamUntil float64       // m; from here on the dam comes first, and Downstream no longer limits; 0: the crest
}

func (r *Rules) check(low, full float64) error {
	if r.Otherwise < Closed || r.Otherwise > KeepLevel {
		return fmt.Errorf("rule %d is not known", int(r.Otherwise))
	}
	for i, v := range []float64{r.Level, r.Approach.Seconds(), r.Downstream, r.DownstreamUntil} {
		if err := RuleParams[i].Check(v); err != nil {
			return err
		}
	}
	if math.IsInf(r.Downstream, 1) {
		return fmt.Errorf("%s = %g m³/s: want finite, 0 for no limit", RuleParams[2].Name, r.Downstream)
	}
	if r.Otherwise == KeepLevel && !(r.Level >= low && r.Level <= full) {
		return fmt.Errorf("level to keep %g m: want %g to %g m", r.Level, low, full)
	}
	if r.DownstreamUntil == 0 {
		r.DownstreamUntil = full
	}
	return nil
}

// An Order is what a plan asks for from one instant, inclusive, to another,
// exclusive.
type Order struct {
	From, Until int64     // Unix ms
	Release     float64   // m³/s in all, >= 0; not used where there are Openings
	Openings    []float64 // of each outlet: m of a gate, share 0 to 1 of all else, 1 where nobody can close it; nil: Release counts
}

// CheckPlan returns an error with the numbers unless the orders ascend, do not
// overlap, and ask for what the outlets can be set to.
func (r *Reservoir) CheckPlan(plan []Order) error {
	for i, o := range plan {
		if o.From >= o.Until {
			return fmt.Errorf("reservoir: order %d ends at %d ms, not after its begin at %d ms", i+1, o.Until, o.From)
		}
		if i > 0 && o.From < plan[i-1].Until {
			return fmt.Errorf("reservoir: order %d begins at %d ms, before order %d ends at %d ms", i+1, o.From, i, plan[i-1].Until)
		}
		if o.Openings == nil {
			if !(o.Release >= 0) || math.IsInf(o.Release, 0) {
				return fmt.Errorf("reservoir: order %d: release %g m³/s: want 0 or more", i+1, o.Release)
			}
			continue
		}
		if len(o.Openings) != len(r.outlets) {
			return fmt.Errorf("reservoir: order %d: %d openings for %d outlets", i+1, len(o.Openings), len(r.outlets))
		}
		for k, a := range o.Openings {
			c := &r.outlets[k]
			if !(a >= 0 && a <= c.open) || !c.Controlled && a != 1 {
				lo := 0.0
				if !c.Controlled {
					lo = 1
				}
				return fmt.Errorf("reservoir: order %d: outlet %d %q set to %g: want %g to %g", i+1, k+1, c.Name, a, lo, c.open)
			}
		}
	}
	return nil
}

// A Setting asks one outlet for an opening from an instant, inclusive, until the
// next setting of that outlet.
type Setting struct {
	From    int64 // Unix ms
	Outlet  string
	Opening float64 // m of a gate, share 0 to 1 of all else
}

// Orders returns the settings, ascending by From, as orders of openings from one
// instant to another, Unix ms: settings before from count from there, the last ones
// stay until the end. Outlets that somebody can close are closed until a setting
// names them, those that nobody can close stay open. It fails, with the numbers,
// on an outlet that is not there, that nobody can close, or that cannot be set so
// far, and on settings that do not ascend.
func (r *Reservoir) Orders(settings []Setting, from, until int64) ([]Order, error) {
	now := make([]float64, len(r.outlets))
	for k := range r.outlets {
		if !r.outlets[k].Controlled {
			now[k] = 1
		}
	}
	var orders []Order
	put := func(from, until int64) {
		if from < until {
			orders = append(orders, Order{From: from, Until: until, Openings: slices.Clone(now)})
		}
	}
	for i, s := range settings {
		k := slices.IndexFunc(r.outlets, func(o outlet) bool { return o.Name == s.Outlet })
		switch {
		case i > 0 && s.From < settings[i-1].From:
			return nil, fmt.Errorf("reservoir: setting %d at %d ms, before setting %d at %d ms", i+1, s.From, i, settings[i-1].From)
		case k < 0:
			return nil, fmt.Errorf("reservoir: setting %d: no outlet %q", i+1, s.Outlet)
		case !r.outlets[k].Controlled:
			return nil, fmt.Errorf("reservoir: setting %d: outlet %q: nobody can close it", i+1, s.Outlet)
		case !(s.Opening >= 0 && s.Opening <= r.outlets[k].open):
			return nil, fmt.Errorf("reservoir: setting %d: outlet %q set to %g: want 0 to %g", i+1, s.Outlet, s.Opening, r.outlets[k].open)
		}
		if i > 0 && s.From > settings[i-1].From {
			put(max(from, settings[i-1].From), min(until, s.From))
		}
		now[k] = s.Opening
	}
	if n := len(settings); n > 0 {
		put(max(from, settings[n-1].From), until)
	}
	return orders, nil
}

// orderAt returns the order in force at an instant, or nil, and up to when, at
// most end, that stays so.
func orderAt(plan []Order, at, end int64) (*Order, int64) {
	for i := range plan {
		switch o := &plan[i]; {
		case at < o.From:
			return nil, min(end, o.From)
		case at < o.Until:
			return o, min(end, o.Until)
		}
	}
	return nil, end
}

// A Period is a part of the year with a limit level 汛限水位.
type Period struct {
	FromMonth, FromDay int     // first day
	ToMonth, ToDay     int     // last day; before the first day: the period goes over New Year
	Level              float64 // m
}

// LimitOn returns the limit level, m, on a day of the year: the lowest of the
// periods that hold it, or NaN if none does. Which day it is, and in which zone
// it begins, is the caller's to say.
func LimitOn(periods []Period, month, day int) float64 {
	level := math.NaN()
	for _, p := range periods {
		if holds(p.FromMonth, p.FromDay, p.ToMonth, p.ToDay, month, day) && !(level <= p.Level) {
			level = p.Level
		}
	}
	return level
}

// A Floor is a part of the year with a minimum release, such as an ecological flow
// 生态流量.
type Floor struct {
	FromMonth, FromDay int     // first day
	ToMonth, ToDay     int     // last day; before the first day: the period goes over New Year
	Release            float64 // m³/s
}

// MinimumOn returns the minimum release, m³/s, on a day of the year: the highest of
// the periods that hold it, or 0 if none does. Which day it is, is the caller's to say.
func MinimumOn(floors []Floor, month, day int) float64 {
	least := 0.0
	for _, f := range floors {
		if holds(f.FromMonth, f.FromDay, f.ToMonth, f.ToDay, month, day) {
			least = max(least, f.Release)
		}
	}
	return least
}

// holds reports whether a period of the year holds a day.
func holds(fromMonth, fromDay, toMonth, toDay, month, day int) bool {
	from, to, at := fromMonth*100+fromDay, toMonth*100+toDay, month*100+day
	if from > to {
		return from <= at || at <= to
	}
	return from <= at && at <= to
}

// A Binding is what set the outflow of a step. They ascend from the weakest to
// the strongest.
type Binding int

// The bindings.
const (
	ByClosed     Binding = iota // no order: controlled outlets closed, and nothing flows freely
	ByHold                      // no order: the release is held
	ByPassInflow                // no order: the inflow is passed
	ByKeepLevel                 // no order: the level is kept
	ByPlan                      // the order
	ByMinimum                   // more than asked for: the river below is never to have less
	ByLimitLevel                // more than asked for, to keep the limit level
	ByDownstream                // less than asked for, or than the minimum or the limit level want, to spare the river below
	ByFree                      // more than asked for: outlets that nobody can close
	ByCapacity                  // less than asked for: all outlets are open
	ByEmpty                     // less than asked for: there is no more water
	ByFull                      // the reservoir is full, the rest goes over its top
)

var bindings = [...]struct{ id, zh, en string }{
	{"closed", "无调度指令，闸门关闭", "no order, gates closed"},
	{"hold", "无调度指令，维持现有下泄", "no order, release held"},
	{"pass_inflow", "无调度指令，按来水下泄", "no order, inflow passed"},
	{"keep_level", "无调度指令，维持目标水位", "no order, level kept"},
	{"plan", "按调度计划下泄", "as planned"},
	{"minimum", "按最小下泄流量（生态流量）控制", "raised to the minimum release"},
	{"limit_level", "受汛限水位控制", "raised by the limit level"},
	{"downstream", "受下游安全泄量限制", "cut by what the river below bears"},
	{"free", "无控制泄水建筑物自由泄流", "set by outlets that cannot be closed"},
	{"capacity", "受泄流能力限制", "cut by the capacity of the outlets"},
	{"empty", "库水已放空至最低水位", "cut because the reservoir is empty"},
	{"full", "库满，漫顶泄流", "reservoir full, water goes over its top"},
}

// String returns the binding's name, such as "limit_level".
func (b Binding) String() string {
	if b < 0 || int(b) >= len(bindings) {
		return fmt.Sprintf("Binding(%d)", int(b))
	}
	return bindings[b].id
}

// Text returns the binding in Chinese and in English, for people. It panics on a
// value that is none of the bindings.
func (b Binding) Text() (zh, en string) { return bindings[b].zh, bindings[b].en }
