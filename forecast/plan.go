package forecast

import (
	"fmt"
	"slices"
	"time"

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
	plan  *hydro.DispatchPlan
	from  int64 // Unix ms
	until int64
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

// announcedPlans takes the plans that this run uses and names the others.
func (r *run) announcedPlans(a Ahead) {
	horizon := r.now + r.m.settings.Horizon.Milliseconds()
	for i := range a.Plans {
		p := &a.Plans[i]
		s := schedule{plan: p, from: p.ValidFrom.UnixMilli(), until: p.ValidUntil.UnixMilli()}
		name := p.Title(stampTime)
		switch {
		case longWithdrawn(p.Withdrawn, time.UnixMilli(r.now)):
		case p.Withdrawn != nil:
			r.note("%s, %s: not used", name, p.Withdrawn.Text(stampTime))
		case !slices.ContainsFunc(r.m.nodes, func(n node) bool { return n.reservoir != nil && n.reservoir.id == p.Reservoir }):
			r.note("%s: not used, because the catalogue has no such reservoir", name)
		case r.now >= s.until:
			r.note("%s, expired at %s: not used", name, stamp(s.until))
		case s.from >= horizon:
			r.note("%s, begins at %s: not used yet", name, stamp(s.from))
		default:
			r.schedules = append(r.schedules, s)
			r.plans = append(r.plans, fmt.Sprintf("%s, valid %s to %s", name, stamp(s.from), stamp(s.until)))
			if last := p.Releases[len(p.Releases)-1].Outflow; s.until < horizon {
				r.note("release plan of reservoir %s ends at %s: its last release of %g m³/s is held", p.Reservoir, stamp(s.until), last)
			}
		}
	}
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
