package forecast

import (
	"fmt"
	"slices"
	"strings"
	"time"

	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/internal/hydro"
)

// namedFor is how long runs name what was withdrawn: as long as what expired is
// held by those who call them.
const namedFor = 96 * time.Hour

// longWithdrawn reports whether w is a withdrawal so long ago that a run at now no
// longer speaks of it.
func longWithdrawn(w *hydro.Withdrawal, now time.Time) bool {
	return w != nil && now.After(w.At.Add(namedFor))
}

func stampTime(t time.Time) string { return stamp(t.UnixMilli()) }

// A schedule is the plan of one reservoir in a run.
type schedule struct {
	plan   *hydro.DispatchPlan
	from   int64 // Unix ms
	until  int64
	orders []levelpool.Order // up to the end of the run; of a gate plan only with its openings
	gates  bool              // it orders openings, and tells a release only with a level
	used   string            // how the forecast names it
	unset  []string          // outlets that somebody can close and a gate plan does not name
}

// at returns the release at an instant: that of the plan as long as it is valid,
// its last one from then on. planned is false before the plan begins.
func (s *schedule) at(ms int64) (outflow float64, planned bool) {
	if ms < s.from {
		return 0, false
	}
	ms = min(ms, s.until-1)
	for _, r := range slices.Backward(s.plan.Releases) {
		if r.From.UnixMilli() <= ms {
			return r.Outflow, true
		}
	}
	return 0, false
}

// announcedPlans takes the plans that this run uses and names the others. A gate
// plan is used once its reservoir is known to have a level ([run.released]).
func (r *run) announcedPlans(a Ahead) {
	horizon := r.now + r.m.settings.Horizon.Milliseconds()
	for i := range a.Plans {
		p := &a.Plans[i]
		s := schedule{plan: p, from: p.ValidFrom.UnixMilli(), until: p.ValidUntil.UnixMilli(), gates: len(p.Gates) > 0}
		name := p.Title(stampTime)
		at := slices.IndexFunc(r.m.nodes, func(n node) bool { return n.reservoir != nil && n.reservoir.id == p.Reservoir })
		switch {
		case longWithdrawn(p.Withdrawn, time.UnixMilli(r.now)):
			continue
		case p.Withdrawn != nil:
			r.note("%s, %s: not used", name, p.Withdrawn.Text(stampTime))
			continue
		case at < 0:
			r.note("%s: not used, because the catalogue has no such reservoir", name)
			continue
		case r.now >= s.until:
			r.note("%s, expired at %s: not used", name, stamp(s.until))
			continue
		case s.from >= horizon:
			r.note("%s, begins at %s: not used yet", name, stamp(s.from))
			continue
		}
		if why := s.order(r.m.nodes[at].reservoir, r.instant(r.end).UnixMilli()); why != "" {
			r.note("%s: not used: %s", name, why)
			continue
		}
		s.used = fmt.Sprintf("%s, valid %s to %s", name, stamp(s.from), stamp(s.until))
		r.schedules = append(r.schedules, s)
		if !s.gates {
			r.uses(&s)
		}
	}
}

// uses names a plan among those that the run uses.
func (r *run) uses(s *schedule) {
	p := s.plan
	r.plans = append(r.plans, s.used)
	if s.until < r.now+r.m.settings.Horizon.Milliseconds() {
		if s.gates {
			r.note("gate plan of reservoir %s ends at %s: its last openings are held", p.Reservoir, stamp(s.until))
		} else {
			r.note("release plan of reservoir %s ends at %s: its last release of %g m³/s is held", p.Reservoir, stamp(s.until), p.Releases[len(p.Releases)-1].Outflow)
		}
	}
	if len(s.unset) > 0 {
		r.note("gate plan of reservoir %s does not name %s: taken as closed", p.Reservoir, strings.Join(s.unset, ", "))
	}
}

// order turns the plan into orders up to an instant, Unix ms, the last one held
// beyond the plan's end. It says why a gate plan does not fit the reservoir, and ""
// if it does.
func (s *schedule) order(v *reservoir, until int64) string {
	if !s.gates {
		for i, x := range s.plan.Releases {
			o := levelpool.Order{From: max(s.from, x.From.UnixMilli()), Until: until, Release: x.Outflow}
			if i+1 < len(s.plan.Releases) {
				o.Until = min(until, s.plan.Releases[i+1].From.UnixMilli())
			}
			if o.From < o.Until {
				s.orders = append(s.orders, o)
			}
		}
		return ""
	}
	if v.pool == nil {
		return "the catalogue gives the reservoir no outlets, or no station for its level"
	}
	settings := make([]levelpool.Setting, len(s.plan.Gates))
	for i, g := range s.plan.Gates {
		settings[i] = levelpool.Setting{From: g.From.UnixMilli(), Outlet: g.Outlet, Opening: g.Opening}
	}
	var err error
	if s.orders, err = v.pool.Orders(settings, s.from, until); err != nil {
		return strings.TrimPrefix(err.Error(), "reservoir: ")
	}
	for _, name := range v.pool.Closable() {
		if !slices.ContainsFunc(settings, func(x levelpool.Setting) bool { return x.Outlet == name }) {
			s.unset = append(s.unset, name)
		}
	}
	return ""
}

// scheduleOf returns the plan that this run uses for a reservoir, or nil.
func (r *run) scheduleOf(reservoir string) *schedule {
	for i := range r.schedules {
		if r.schedules[i].plan.Reservoir == reservoir {
			return &r.schedules[i]
		}
	}
	return nil
}
