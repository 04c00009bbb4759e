package forecast

import (
	"fmt"
	"math"
	"strings"

	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/forecast/updating"
	"freshet/internal/hydro"
)

// reservoir turns flow, the computed inflow of the reservoir at node i, into its
// outflow, and appends the reservoir's own forecast, whose discharge is the inflow.
func (r *run) reservoir(i int, flow []float64) {
	v, state := r.m.nodes[i].reservoir, &r.s.Nodes[i]
	save := func(mk *mark, e updating.Error) { mk.state.Nodes[i].InflowError = e }
	f := hydro.StationForecast{Station: v.station, Datum: v.datum, NowDischarge: math.NaN(), NowLevel: math.NaN()}
	inflow := r.inflow
	copy(inflow, flow)
	inflow[0] = state.Inflow
	if v.inflow != nil {
		if q, ok := r.health(v.inflow); ok {
			f.NowDischarge, f.Updated = q.Value, true
		}
	}
	if v.inflow != nil && v.updates {
		r.correct(v.corrector, v.inflow, nil, state.InflowError, inflow, false, nil, save)
	} else {
		r.carry(v.corrector, state.InflowError, inflow, save)
	}
	if n := &r.m.nodes[i]; n.gauge == nil && n.banded() {
		r.observe(v.inflow)
		r.seen(i)
		r.gauged[len(r.gauged)-1].station = len(r.stations)
	}
	if math.IsNaN(f.NowDischarge) {
		f.NowDischarge = r.at(inflow, r.now)
	}
	copy(flow[1:], inflow[1:])
	plan := r.scheduleOf(v.id)
	releases := plan // what tells a release without a level
	if plan != nil && plan.gates {
		releases = nil
	}
	let := r.release(v, releases, flow)
	for k := range r.marks {
		mk := &r.marks[k]
		mk.state.Nodes[i].Inflow = inflow[mk.at]
	}

	var level []float64
	ruled := false
	if v.level != nil {
		h, ok := r.health(v.level)
		if ok {
			f.NowLevel = h.Value
			r.used(h.At)
		}
		switch {
		case v.pool == nil:
		case !ok:
			r.note("no recent level of reservoir %s: its rules are not used", v.id)
		default:
			level = r.released(i, v, h.Value, inflow, let.recent, plan, flow, &f)
			ruled = level != nil
		}
		if plan != nil && plan.gates {
			if ruled {
				r.uses(plan)
			} else {
				r.note("%s: not used: no level of the reservoir to compute the release from", plan.plan.Title(stampTime))
			}
		}
		if ok && v.curve != nil && level == nil {
			// dV/dt = inflow - outflow from the observed level on; 10⁶ m³.
			level = r.level
			volume, outside := v.curve.Discharge(h.Value)
			if outside {
				f.Extrapolated = true
				r.note("level of reservoir %s, %.2f m, is outside its storage curve: its volume is extrapolated, and every level from it", v.id, h.Value)
			}
			level[r.here] = h.Value
			leaves := false
			for t := r.here + 1; t <= r.end; t++ {
				in, out := (inflow[t-1]+inflow[t])/2, (flow[t-1]+flow[t])/2
				volume = max(0, volume+(in-out)*r.m.dt/1e6)
				var beyond bool
				level[t], beyond = v.curve.Level(volume)
				leaves = leaves || beyond
			}
			if leaves {
				f.Extrapolated = true
				how := planHeld
				if releases != nil {
					how = "the release plan"
				}
				r.note("level of reservoir %s leaves its storage curve: %s would fill or empty it", v.id, how)
			}
		}
	}
	r.held = r.held || let.held && !ruled
	switch {
	case !let.passes || ruled:
	case v.outflow == nil:
		r.note("reservoir %s reports no outflow: its inflow passes through", v.id)
	default:
		r.note("no recent outflow of reservoir %s: its inflow passes through", v.id)
	}
	r.finish(&f, inflow, level, thresholdsAt(v.tables, r.now), hydro.Inflow, true)
	r.stations = append(r.stations, f)
	if r.telling {
		r.remember(v, inflow, flow, level, ruled)
	}
}

// A letting is what release knew of a reservoir's outflow.
type letting struct {
	recent float64 // the last observed outflow, m³/s; NaN if there is no recent one
	held   bool    // it stands for some time after now
	passes bool    // the inflow passes for some time before or after now
}

// release turns flow, the inflow of a reservoir, into its outflow: what was
// observed; after the last observation, if that is recent, the same up to now; the
// plan from now on, and before where nothing tells what was released; without a
// plan the last observed outflow, if that is recent; else the inflow passes.
func (r *run) release(v *reservoir, plan *schedule, flow []float64) letting {
	let, observed := letting{recent: math.NaN(), passes: true}, 0
	if v.outflow != nil {
		if q, ok := r.health(v.outflow); ok {
			let.recent, let.passes = max(0, q.Value), false
		}
		var samples []hydro.Sample
		if h := r.obs(v.outflow.key); h != nil {
			samples = h.Between(r.start-v.outflow.gapMS, r.now)
		}
		last, ok := updating.Resample(usable(samples), r.start+r.m.stepMS, r.m.stepMS, v.outflow.gapMS, r.now, r.observed)
		if ok {
			r.used(last.At)
		}
		for t, q := range r.observed {
			if q == q {
				observed = t + 1
			}
		}
	}
	for t := 1; t <= r.end; t++ {
		if v.outflow != nil && t <= r.here && r.observed[t-1] == r.observed[t-1] {
			flow[t] = max(0, r.observed[t-1])
			continue
		}
		recent := let.recent == let.recent && t > observed
		if plan != nil && (t > r.here || !recent) {
			if q, planned := plan.at(r.start + int64(t)*r.m.stepMS); planned {
				flow[t] = q
				let.passes = let.passes && t > r.here+1
				continue
			}
		}
		if recent {
			flow[t] = let.recent
			let.held = let.held || t > r.here
		}
	}
	return let
}

// released replaces what flows out of a reservoir after now, in flow, by what
// the plan, if there is one, its rules, limit levels and outlets make of the
// inflow, from the observed level on, and returns the level, valid from index here
// on. held is the last observed outflow, m³/s, NaN if there is no recent one. It
// returns nil, says why, and
// leaves flow as it is, if the reservoir cannot start from that level.
func (r *run) released(i int, v *reservoir, level float64, inflow []float64, held float64, plan *schedule, flow []float64, f *hydro.StationForecast) []float64 {
	if r.stuck = r.barred(v.below); r.stuck != nil {
		return nil
	}
	n := r.end - r.here
	over, overAt := math.Inf(-1), 0
	s, err := v.pool.Start(r.start+int64(r.here)*r.m.stepMS, level, inflow[r.here])
	steps := make([]levelpool.Step, n)
	if err == nil {
		limits, least := make([]float64, n), make([]float64, n)
		for t := range limits {
			day := r.instant(r.here + t).In(v.zone)
			limits[t] = levelpool.LimitOn(v.limits, int(day.Month()), day.Day())
			least[t] = levelpool.MinimumOn(v.minimum, int(day.Month()), day.Day())
		}
		in := levelpool.Inputs{Inflow: inflow[r.here+1:], Hold: held, Limit: limits, Minimum: least}
		if plan != nil {
			in.Plan = plan.orders
		}
		if v.below != nil {
			over, overAt, err = r.spare(i, v, s, in, steps)
		} else {
			_, err = v.pool.Route(s, in, steps)
		}
	}
	if err != nil {
		r.note("reservoir %s: its rules are not used: %v", v.id, err)
		return nil
	}
	out := r.level
	out[r.here] = level
	if r.telling {
		r.solved = steps
	}
	for t, x := range steps {
		out[r.here+1+t], flow[r.here+1+t] = x.Level, x.Outflow
		f.Extrapolated = f.Extrapolated || x.Extrapolated
	}
	if f.Extrapolated {
		r.note("level of reservoir %s leaves the table of an outlet", v.id)
	}
	r.ruled = true
	r.note("reservoir %s: %s", v.id, r.story(v, steps))
	if p := v.below; p != nil && over > tooMuch*p.limit {
		r.note("below reservoir %s the river at %s carries up to %.4g m³/s, at %s, more than the %g m³/s that it bears: the release can do no more about it",
			v.id, p.id, p.limit+over, stamp(r.instant(r.here+1+overAt).UnixMilli()), p.limit)
	}
	return out
}

// longestStory is how many changes of what binds a release are told.
const longestStory = 6

// story tells what set a release, from when on, and how much it was at most.
func (r *run) story(v *reservoir, steps []levelpool.Step) string {
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
		_, en := v.bound(bound)
		if from > 0 {
			fmt.Fprintf(&b, "; from %s ", stamp(r.instant(r.here+from).UnixMilli()))
		}
		fmt.Fprintf(&b, "%s, at most %g m³/s", en, math.Round(most*100)/100)
	}
	return b.String()
}
