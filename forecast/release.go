package forecast

import (
	"fmt"
	"math"
	"strings"

	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/internal/hydro"
)

// released replaces what flows out of a reservoir after now, in flow, by what
// the plan, if there is one, its rules, limit levels and outlets make of the
// inflow, from the observed level on, and returns the level, valid from index here
// on. held is the last observed outflow, m³/s, NaN if there is no recent one. It
// returns nil, says why, and
// leaves flow as it is, if the reservoir cannot start from that level.
func (r *run) released(v *reservoir, level float64, inflow []float64, held float64, plan *schedule, flow []float64, f *hydro.StationForecast) []float64 {
	n := r.end - r.here
	s, err := v.pool.Start(r.start+int64(r.here)*r.m.stepMS, level, inflow[r.here])
	steps := make([]levelpool.Step, n)
	if err == nil {
		limits := make([]float64, n)
		for t := range limits {
			day := r.instant(r.here + t).In(v.zone)
			limits[t] = levelpool.LimitOn(v.limits, int(day.Month()), day.Day())
		}
		_, err = v.pool.Route(s, levelpool.Inputs{Inflow: inflow[r.here+1:], Plan: plan.orders(r.instant(r.end).UnixMilli()), Hold: held, Limit: limits}, steps)
	}
	if err != nil {
		r.note("reservoir %s: its rules are not used: %v", v.id, err)
		return nil
	}
	out := r.level
	out[r.here] = level
	for t, x := range steps {
		out[r.here+1+t], flow[r.here+1+t] = x.Level, x.Outflow
		f.Extrapolated = f.Extrapolated || x.Extrapolated
	}
	if f.Extrapolated {
		r.note("level of reservoir %s leaves the table of an outlet", v.id)
	}
	r.ruled = true
	r.note("reservoir %s: %s", v.id, r.story(steps))
	return out
}

// orders returns the plan as orders up to an instant, Unix ms: like at, with the
// last release held beyond the plan's end. A nil schedule has none.
func (s *schedule) orders(until int64) []levelpool.Order {
	if s == nil {
		return nil
	}
	var out []levelpool.Order
	for i, x := range s.plan.Releases {
		o := levelpool.Order{From: max(s.from, x.From.UnixMilli()), Until: until, Release: x.Outflow}
		if i+1 < len(s.plan.Releases) {
			o.Until = min(until, s.plan.Releases[i+1].From.UnixMilli())
		}
		if o.From < o.Until {
			out = append(out, o)
		}
	}
	return out
}

// longestStory is how many changes of what binds a release are told.
const longestStory = 6

// story tells what set a release, from when on, and how much it was at most.
func (r *run) story(steps []levelpool.Step) string {
	var b strings.Builder
	told := 0
	for t := 0; t < len(steps); {
		from, most, bound := t, 0.0, steps[t].Bound
		for ; t < len(steps) && steps[t].Bound == bound; t++ {
			most = max(most, steps[t].Outflow)
		}
		if told++; told > longestStory {
			return b.String() + ", and so on"
		}
		_, en := bound.Text()
		if from > 0 {
			fmt.Fprintf(&b, "; from %s ", stamp(r.instant(r.here+from).UnixMilli()))
		}
		fmt.Fprintf(&b, "%s, at most %g m³/s", en, math.Round(most*100)/100)
	}
	return b.String()
}
