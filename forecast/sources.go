package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/rain"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// leastReach is the share of a sub-basin that a rain forecast must speak of to come
// before one that is preferred less and speaks of as much.
const leastReach = 0.5

// rainSources returns the sources of rain forecasts that a sub-basin prefers: its own
// first, then the basin's; nil where neither says.
func rainSources(s catalog.Settings, sb *catalog.SubBasin) []string {
	out := slices.Clone(sb.RainSources)
	for _, source := range s.RainSources {
		if !slices.Contains(out, source) {
			out = append(out, source)
		}
	}
	return out
}

// before reports whether r is preferred to b: the source that stands first in order;
// of sources that do not stand there, the one issued last; of two issued at once, the
// one whose source sorts first.
func before(order []string, r, b *Rain) bool {
	rank := func(source string) int {
		if i := slices.Index(order, source); i >= 0 {
			return i
		}
		return len(order)
	}
	if x, y := rank(r.Source), rank(b.Source); x != y {
		return x < y
	}
	return r.IssuedAt.After(b.IssuedAt) || r.IssuedAt.Equal(b.IssuedAt) && r.Source < b.Source
}

// newestRain returns the index of the rain forecast that sub-basins without
// rain_sources take, or -1.
func newestRain(a Ahead, now time.Time) int {
	best := -1
	for i := range a.Rain {
		if r := &a.Rain[i]; r.usable(now) == "" && (best < 0 || before(nil, r, &a.Rain[best])) {
			best = i
		}
	}
	return best
}

// RainOf returns, for each sub-basin in the model's order, the index in a.Rain of the
// rain forecast that a run at now takes there, or -1. With rain_sources in the
// catalogue, of the sub-basin or of the basin, it is the one whose source stands first
// there of those that have neither expired, nor ended, nor been withdrawn, and that
// speak of half of the sub-basin at least; if none does, of those that speak of any of
// it. Sources that do not stand there come last, the one issued last before the others.
// Without rain_sources it is the one issued last, whatever it speaks of.
func (m *Model) RainOf(a Ahead, now time.Time) []int {
	out := make([]int, len(m.subs))
	for i := range out {
		out[i] = m.rainOf(a, now, i)
	}
	return out
}

func (m *Model) rainOf(a Ahead, now time.Time, sub int) int {
	order := m.subs[sub].sources
	if len(order) == 0 {
		return newestRain(a, now)
	}
	best, enough := -1, false
	for i := range a.Rain {
		r := &a.Rain[i]
		if r.usable(now) != "" || sub >= len(r.SubBasins) || r.SubBasins[sub].Coverage == 0 {
			continue
		}
		reaches := r.SubBasins[sub].Coverage >= leastReach
		if best < 0 || reaches && !enough || reaches == enough && before(order, r, &a.Rain[best]) {
			best, enough = i, reaches
		}
	}
	return best
}

// RainFor returns the rain of a run at now: the rain forecast that its sub-basins take
// or, where they take several, one of all on the model's step; nil where they take
// none. Its members are those of one source, the one of most area that has some: in
// the sub-basins that take another, each member has the same rain.
func (m *Model) RainFor(a Ahead, now time.Time) *Rain {
	of := m.RainOf(a, now)
	switch used := distinct(of); len(used) {
	case 0:
		return nil
	case 1:
		return &a.Rain[used[0]]
	}
	return m.mixedRain(a, of)
}

// distinct returns the indices in of from 0 on, ascending, each once.
func distinct(of []int) []int {
	used := slices.Clone(of)
	slices.Sort(used)
	used = slices.Compact(used)
	if len(used) > 0 && used[0] < 0 {
		used = used[1:]
	}
	return used
}

// leadingRain returns the index of the rain forecast whose members a run has, if any
// has some; -1 where none is taken.
func (m *Model) leadingRain(a Ahead, of []int) int {
	lead, led, most := -1, false, 0.0
	for _, i := range distinct(of) {
		area := 0.0
		for k, at := range of {
			if at == i {
				area += m.subs[k].area
			}
		}
		if has := a.Rain[i].Members > 0; lead < 0 || has && !led || has == led && area > most {
			lead, led, most = i, has, area
		}
	}
	return lead
}

// A mixture is what a Rain of several sources is made of.
type mixture struct {
	parts  []Rain
	of     []int // per sub-basin the index of its part, or -1
	lead   int   // the part whose members count
	stepMS int64
}

func (m *Model) mixedRain(a Ahead, of []int) *Rain {
	x := &mixture{of: slices.Clone(of), stepMS: m.stepMS}
	lead := m.leadingRain(a, of)
	for k, i := range distinct(of) {
		x.parts = append(x.parts, a.Rain[i])
		if i == lead {
			x.lead = k
		}
		for j, at := range of {
			if at == i {
				x.of[j] = k
			}
		}
	}
	out := x.rain()
	return &out
}

// rain puts the parts on one step. The steps lie where those of runs do, so that a run
// reads from it what it would read from the parts.
func (x *mixture) rain() Rain {
	lead := &x.parts[x.lead]
	out := Rain{Members: lead.Members, Step: time.Duration(x.stepMS) * time.Millisecond, SubBasins: make([]SubBasinRain, len(x.of)), mixture: x}
	var names []string
	var end time.Time
	for i := range x.parts {
		p := &x.parts[i]
		names = append(names, p.Source)
		if i == 0 || p.From.Before(out.From) {
			out.From = p.From
		}
		if i == 0 || p.ValidUntil.Before(out.ValidUntil) {
			out.ValidUntil = p.ValidUntil
		}
		if p.IssuedAt.After(out.IssuedAt) {
			out.IssuedAt = p.IssuedAt
		}
		if p.End().After(end) {
			end = p.End()
		}
	}
	out.Source = strings.Join(names, ", ")
	from := out.From.UnixMilli()
	from -= floorMod(from, x.stepMS)
	out.From = time.UnixMilli(from).UTC()
	out.Steps = int((end.UnixMilli() - from + x.stepMS - 1) / x.stepMS)
	for i, k := range x.of {
		b := &out.SubBasins[i]
		if k < 0 || x.parts[k].SubBasins[i].Rain == nil {
			b.ID = x.parts[0].SubBasins[i].ID
			continue
		}
		p := &x.parts[k]
		b.ID, b.Coverage, b.Rain = p.SubBasins[i].ID, p.SubBasins[i].Coverage, make([]float64, out.Steps)
		rain.Spread(p.SubBasins[i].Rain, p.From.UnixMilli(), p.Step.Milliseconds(), from, x.stepMS, b.Rain)
	}
	return out
}

// member is the rain of the leading part's i-th member, and of the others.
func (x *mixture) member(i int) Rain {
	one := *x
	one.parts = slices.Clone(x.parts)
	one.parts[x.lead] = x.parts[x.lead].Member(i)
	out := one.rain()
	out.Members, out.mixture = 0, nil
	return out
}

// announcedRain takes the rain forecasts of the run, and says which they are and
// which were passed over. It fills ahead: rain per sub-basin, mm, of the steps behind
// here. It returns the rain that is used, or nil.
func (r *run) announcedRain(a Ahead) (*Rain, error) {
	now := time.UnixMilli(r.now).UTC()
	r.rainAssumed = rainAssumed
	for i := range a.Rain {
		f := &a.Rain[i]
		if len(f.SubBasins) != len(r.m.subs) {
			return nil, fmt.Errorf("rain forecast of %s has %d sub-basins, the model %d: %w", f.Source, len(f.SubBasins), len(r.m.subs), hydro.ErrInvalid)
		}
		for k := range f.SubBasins {
			if b := r.m.subs[k].id; f.SubBasins[k].ID != b {
				return nil, fmt.Errorf("rain forecast of %s has sub-basin %q where the model has %q: %w", f.Source, f.SubBasins[k].ID, b, hydro.ErrInvalid)
			}
		}
	}
	of := r.m.RainOf(a, now)
	used := distinct(of)
	r.passedOver(a, of, used, now)
	if len(used) == 0 {
		return nil, nil
	}
	var assumed []string
	for _, i := range used {
		f := &a.Rain[i]
		assumed = append(assumed, fmt.Sprintf("rain forecast of %s, issued %s, valid until %s", f.Source, stamp(f.IssuedAt.UnixMilli()), stamp(f.ValidUntil.UnixMilli())))
		if len(used) > 1 {
			r.note("rain forecast of %s is taken in %s", f.Source, r.m.subsWhere(func(k int) bool { return of[k] == i }))
		}
		r.rainNotes(f)
	}
	r.rainAssumed = strings.Join(assumed, "; ")
	out := &a.Rain[used[0]]
	if len(used) > 1 {
		out = r.m.mixedRain(a, of)
		r.membersNote(a, of, used)
	}
	r.coverageNotes(a, of, used)
	r.ahead = r.spread(out)
	return out, nil
}

// subsWhere names the sub-basins for which is is true.
func (m *Model) subsWhere(is func(sub int) bool) string {
	var out []string
	for k := range m.subs {
		if is(k) {
			out = append(out, m.subs[k].id)
		}
	}
	return strings.Join(out, ", ")
}

// passedOver notes what is held and not used, or not everywhere where it is preferred,
// and why.
func (r *run) passedOver(a Ahead, of, used []int, now time.Time) {
	var first []string
	for _, i := range used {
		first = append(first, a.Rain[i].Source)
	}
	for i := range a.Rain {
		f := &a.Rain[i]
		if longWithdrawn(f.Withdrawn, now) {
			continue
		}
		issued := stamp(f.IssuedAt.UnixMilli())
		if why := f.usable(now); why != "" {
			r.note("rain forecast of %s, issued %s, %s: not used", f.Source, issued, why)
			continue
		}
		if !slices.Contains(used, i) && !slices.ContainsFunc(f.SubBasins, func(b SubBasinRain) bool { return b.Coverage > 0 }) {
			r.note("rain forecast of %s, issued %s, reaches no sub-basin: not used", f.Source, issued)
			continue
		}
		if short := r.m.subsWhere(func(k int) bool {
			order := r.m.subs[k].sources
			return len(order) > 0 && of[k] >= 0 && of[k] != i && before(order, f, &a.Rain[of[k]])
		}); short != "" {
			r.note("rain forecast of %s, issued %s, reaches less than half of %s: another is taken there", f.Source, issued, short)
		}
		switch {
		case slices.Contains(used, i):
		case len(used) == 1:
			r.note("rain forecast of %s, issued %s, is held and not used: that of %s comes first", f.Source, issued, first[0])
		default:
			r.note("rain forecast of %s, issued %s, is held and not used: those of %s come first", f.Source, issued, strings.Join(first, ", "))
		}
	}
}

// rainNotes says what is to be known of a rain forecast that is used.
func (r *run) rainNotes(f *Rain) {
	if f.Mean {
		r.note("rain forecast of %s is the mean of %d members", f.Source, f.Members)
	}
	if from := f.From.UnixMilli(); from > r.now {
		r.note("rain forecast of %s begins at %s: no rain is assumed before it", f.Source, stamp(from))
	}
	if end := f.End().UnixMilli(); end < r.now+r.m.settings.Horizon.Milliseconds() {
		r.note("rain forecast of %s ends at %s: no rain is assumed after it", f.Source, stamp(end))
	}
	if len(f.Unknown) > 0 {
		r.note("rain forecast of %s speaks of sub-basins that the catalogue does not have: %s", f.Source, strings.Join(f.Unknown, ", "))
	}
}

// membersNote says where the members of an ensemble differ if not all sub-basins take
// the rain forecast that has them.
func (r *run) membersNote(a Ahead, of, used []int) {
	lead := r.m.leadingRain(a, of)
	if a.Rain[lead].Members == 0 {
		return
	}
	r.note("members of the rain forecast of %s differ in %s alone: elsewhere each has the same rain", a.Rain[lead].Source, r.m.subsWhere(func(k int) bool { return of[k] == lead }))
	for _, i := range used {
		if f := &a.Rain[i]; i != lead && f.Members > 0 {
			r.note("the %d members of the rain forecast of %s are not told apart: members of two sources do not belong together", f.Members, f.Source)
		}
	}
}

// coverageNotes says where no rain forecast speaks.
func (r *run) coverageNotes(a Ahead, of, used []int) {
	covered, sampled := make([]float64, len(a.Rain)), make([]float64, len(a.Rain))
	all := 0.0
	left := r.m.subsWhere(func(k int) bool {
		b, i := &r.m.subs[k], of[k]
		if i < 0 || a.Rain[i].SubBasins[k].Coverage == 0 {
			return true
		}
		all += b.area
		covered[i] += b.area
		sampled[i] += b.area * a.Rain[i].SubBasins[k].Coverage
		return false
	})
	if left != "" {
		share := int(math.Ceil(100*(1-all/r.m.area) - 1e-9))
		if len(used) == 1 {
			r.note("rain forecast of %s leaves out %d %% of the area: no rain is assumed in %s", a.Rain[used[0]].Source, share, left)
		} else {
			r.note("the rain forecasts leave out %d %% of the area: no rain is assumed in %s", share, left)
		}
	}
	for _, i := range used {
		switch f := &a.Rain[i]; {
		case sampled[i] >= covered[i]*(1-1e-12):
		case len(used) == 1:
			r.note("cells of the rain forecast of %s cover %d %% of the rest; their mean stands for all of it", f.Source, int(math.Floor(100*sampled[i]/covered[i])))
		default:
			r.note("cells of the rain forecast of %s cover %d %% of where it is taken; their mean stands for all of it", f.Source, int(math.Floor(100*sampled[i]/covered[i])))
		}
	}
}
