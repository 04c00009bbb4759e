package group

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/alert"
	"freshet/internal/hydro"
)

// Evidence is what one step sees.
type Evidence struct {
	Now      time.Time        // engine time
	Stations []alert.Standing // where all stations stand, ascending by station
	Forecast *hydro.Forecast  // the latest run, or nil
}

// Step takes the groups on to where stations stand now. It fills in Group of each
// warning that was given at this instant, and returns the new state and what is to
// be told. It does not write to the memory behind s.
func (r *Rules) Step(s State, ev Evidence, warnings []hydro.Warning) (State, []hydro.GroupChange) {
	now := ev.Now.UTC()
	next := State{Run: s.Run}
	for _, at := range s.Items {
		if now.Sub(at) < Window {
			next.Items = append(next.Items, at)
		}
	}
	for i := range s.Groups {
		g := s.Groups[i]
		if !g.ClosedAt.IsZero() && g.Told.Closed && now.Sub(g.ClosedAt) > Keep {
			continue
		}
		if g.ClosedAt.IsZero() { // a closed one is not changed any more
			g.Members = slices.Clone(g.Members)
		}
		next.Groups = append(next.Groups, g)
	}
	r.follow(&next, ev, now)
	r.joinWaves(&next, ev.Stations, now)
	r.joinBlind(&next, ev.Stations, now)
	for i := range next.Groups {
		next.Groups[i].settle(now)
	}
	for i := range warnings {
		warnings[i].Group = next.groupOf(warnings[i].Station, now)
	}
	if f := valid(ev.Forecast, now); f != nil && f.IssuedAt.After(next.Run) {
		next.Run = f.IssuedAt.UTC()
		for i := range next.Groups {
			if g := &next.Groups[i]; g.Kind == hydro.WaveGroup && g.ClosedAt.IsZero() && !g.Told.At.IsZero() {
				g.Moved = r.moved(g, f, now)
			}
		}
	}
	return next, r.tell(&next, ev.Forecast, now)
}

// valid returns f if it may still be believed, else nil.
func valid(f *hydro.Forecast, now time.Time) *hydro.Forecast {
	if f == nil || !f.ValidUntil.After(now) {
		return nil
	}
	return f
}

// follow brings the members of open groups to where their stations stand.
func (r *Rules) follow(s *State, ev Evidence, now time.Time) {
	for i := range s.Groups {
		g := &s.Groups[i]
		if !g.ClosedAt.IsZero() {
			continue
		}
		for j := range g.Members {
			m := &g.Members[j]
			st, known := find(ev.Stations, m.Station)
			if g.Kind == hydro.BlindGroup {
				m.see(st, known, now)
				g.escalate(m, st, known)
				continue
			}
			if m.wade(st, known, now) {
				g.GrewAt = now
			}
			g.Highest = max(g.Highest, m.Highest)
			if m.stands() && known {
				m.observe(st, r.places[m.Station].stages)
			}
		}
	}
}

// see follows a member of a blind group.
func (m *Member) see(st *alert.Standing, known bool, now time.Time) {
	switch {
	case !m.stands():
	case !known || st.Cause == "":
		m.Stage, m.Cause, m.LeftAt = hydro.Clear, "", now
		if known {
			m.Stage = st.Stage
		}
	default:
		m.Stage, m.Cause = st.Stage, st.Cause
	}
}

// escalate takes note of a member that is blind on a rising reach, once for each
// time that this becomes known.
func (g *Group) escalate(m *Member, st *alert.Standing, known bool) {
	at := time.Time{}
	if known && m.stands() {
		at = st.Escalated
	}
	if !at.IsZero() && !at.Equal(m.RisesAt) {
		g.Escalated++
	}
	m.RisesAt = at
}

// wade follows a member of a wave and reports whether it rose.
func (m *Member) wade(st *alert.Standing, known bool, now time.Time) bool {
	switch {
	case !known:
		if m.stands() {
			m.Stage, m.Cause, m.BlindAt, m.LeftAt = hydro.Clear, "", time.Time{}, now
		}
		return false
	case !m.stands() && (now.Sub(m.LeftAt) > Quiet || !risen(st.Stage)):
		return false
	case risen(st.Stage):
		rose := !m.stands() || st.Stage > m.Stage && m.Stage != hydro.Blind
		m.Stage, m.Highest, m.Cause = st.Stage, max(m.Highest, st.Stage), st.Cause
		m.BlindAt, m.LeftAt = time.Time{}, time.Time{}
		if rose {
			m.RoseAt = now
		}
		return rose
	case st.Stage == hydro.Blind:
		if m.BlindAt.IsZero() {
			m.BlindAt = now
		}
		m.Stage, m.Cause = hydro.Blind, st.Cause
		if now.Sub(m.BlindAt) >= BlindHold {
			m.LeftAt = now
		}
	default:
		m.Stage, m.Cause, m.BlindAt, m.LeftAt = hydro.Clear, "", time.Time{}, now
	}
	return false
}

func risen(s hydro.Stage) bool { return s >= hydro.Blue && s <= hydro.Red }

// observe takes note of what the river is observed to do at a member.
func (m *Member) observe(st *alert.Standing, stages [rungs]bool) {
	for k, at := range st.Reached {
		if stages[k] && !at.IsZero() && (m.Reached[k].IsZero() || at.Before(m.Reached[k])) {
			m.Reached[k] = at
		}
	}
	if st.Variable != 0 && (m.Variable != st.Variable || st.Value > m.Crest) {
		m.Variable, m.Crest, m.CrestAt = st.Variable, st.Value, st.At
	}
}

// joinWaves finds a wave for each station that has risen, headwaters first.
func (r *Rules) joinWaves(s *State, stations []alert.Standing, now time.Time) {
	member := s.members(hydro.WaveGroup)
	var rising []*alert.Standing
	for i := range stations {
		if st := &stations[i]; risen(st.Stage) && !member[st.Station] {
			rising = append(rising, st)
		}
	}
	slices.SortFunc(rising, func(a, b *alert.Standing) int { return r.along(a.Station, b.Station) })
	for _, st := range rising {
		i, ok := r.wave(s, st.Station, now)
		if !ok {
			i = s.open(Group{ID: r.id(hydro.WaveGroup, st.Station, now), Kind: hydro.WaveGroup, OpenedAt: now})
		}
		g := &s.Groups[i]
		m := g.join(st, now)
		m.Highest = max(m.Highest, st.Stage)
		m.observe(st, r.places[st.Station].stages)
		g.Highest = max(g.Highest, st.Stage)
	}
}

// wave returns the wave that a station which has risen joins.
func (r *Rules) wave(s *State, station string, now time.Time) (int, bool) {
	type fit struct{ rule, reaches int } // the lower the better
	var best fit
	index, found := 0, false
	at := r.node(station)
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.Kind != hydro.WaveGroup || !g.ClosedAt.IsZero() {
			continue
		}
		above, below, before := -1, -1, false
		for j := range g.Members {
			m := &g.Members[j]
			before = before || m.Station == station
			if !m.stands() {
				continue
			}
			n := r.node(m.Station)
			if d := r.down(n, at); d >= 0 && (above < 0 || d < above) && (!r.places[m.Station].rain || now.Sub(m.RoseAt) <= Span) {
				above = d
			}
			if d := r.down(at, n); d >= 0 && (below < 0 || d < below) {
				below = d
			}
		}
		f := fit{3, 0}
		switch {
		case above >= 0:
			f = fit{1, above}
		case before || now.Sub(g.GrewAt) > Span:
			continue
		case below >= 0:
			f = fit{2, below}
		}
		if !found || f.rule < best.rule || f.rule == best.rule && f.reaches <= best.reaches { // of equal ones the newest
			best, index, found = f, i, true
		}
	}
	return index, found
}

// joinBlind finds a group for each station that is not seen.
func (r *Rules) joinBlind(s *State, stations []alert.Standing, now time.Time) {
	member := s.members(hydro.BlindGroup)
	for i := range stations {
		st := &stations[i]
		if st.Cause == "" || member[st.Station] {
			continue
		}
		department, cause := r.places[st.Station].department, causeOf(st.Cause)
		k := -1
		for j := range s.Groups {
			if g := &s.Groups[j]; g.Kind == hydro.BlindGroup && g.ClosedAt.IsZero() && g.Department == department && g.Cause == cause &&
				(now.Sub(g.GrewAt) <= Outage || g.has(st.Station)) {
				k = j
			}
		}
		if k < 0 {
			k = s.open(Group{ID: r.id(hydro.BlindGroup, st.Station, now), Kind: hydro.BlindGroup, OpenedAt: now, Department: department, Cause: cause, Highest: hydro.Blind})
		}
		m := s.Groups[k].join(st, now)
		m.Highest = hydro.Blind
		s.Groups[k].escalate(m, st, true)
	}
}

// has reports whether a station is or was in g.
func (g *Group) has(station string) bool {
	_, found := slices.BinarySearchFunc(g.Members, station, func(m Member, id string) int { return cmp.Compare(m.Station, id) })
	return found
}

// members returns who stands in an open group of a kind; it is only looked up.
func (s *State) members(kind hydro.GroupKind) map[string]bool {
	in := map[string]bool{}
	for i := range s.Groups {
		if g := &s.Groups[i]; g.Kind == kind && g.ClosedAt.IsZero() {
			for j := range g.Members {
				if g.Members[j].stands() {
					in[g.Members[j].Station] = true
				}
			}
		}
	}
	return in
}

func (r *Rules) id(kind hydro.GroupKind, station string, now time.Time) string {
	return fmt.Sprintf("%s/%s/%s/%s", r.basin, kind, now.Format("20060102T150405Z"), station)
}

func (s *State) open(g Group) int {
	s.Groups = append(s.Groups, g)
	return len(s.Groups) - 1
}

// join lets a station stand in g, anew if it has left it before.
func (g *Group) join(st *alert.Standing, now time.Time) *Member {
	i, found := slices.BinarySearchFunc(g.Members, st.Station, func(m Member, id string) int { return cmp.Compare(m.Station, id) })
	if !found {
		g.Members = slices.Insert(g.Members, i, Member{Station: st.Station, JoinedAt: now})
	}
	m := &g.Members[i]
	m.Stage, m.Cause, m.RoseAt, m.LeftAt, m.BlindAt = st.Stage, st.Cause, now, time.Time{}, time.Time{}
	g.GrewAt = now
	return m
}

// settle closes a group that is over.
func (g *Group) settle(now time.Time) {
	switch {
	case !g.ClosedAt.IsZero():
	case g.standing() > 0:
		g.BackAt = time.Time{}
	default:
		if g.BackAt.IsZero() {
			g.BackAt = now
		}
		pause := Quiet
		if g.Kind == hydro.BlindGroup {
			pause = Seen
		}
		if now.Sub(g.BackAt) >= pause {
			g.ClosedAt = now
		}
	}
}

// groupOf returns the id of the group that a warning given now belongs to: the
// wave in which its station stands, or has just stopped to stand, or else the
// blind group.
func (s *State) groupOf(station string, now time.Time) string {
	for _, kind := range hydro.GroupKinds {
		for i := range s.Groups {
			g := &s.Groups[i]
			if g.Kind != kind || !g.ClosedAt.IsZero() && !g.ClosedAt.Equal(now) {
				continue
			}
			j, found := slices.BinarySearchFunc(g.Members, station, func(m Member, id string) int { return cmp.Compare(m.Station, id) })
			if found && (g.Members[j].stands() || g.Members[j].LeftAt.Equal(now)) {
				return g.ID
			}
		}
	}
	return ""
}

// find returns where a station stands; stations ascend by id.
func find(stations []alert.Standing, id string) (*alert.Standing, bool) {
	i, found := slices.BinarySearchFunc(stations, id, func(s alert.Standing, id string) int { return cmp.Compare(s.Station, id) })
	if !found {
		return nil, false
	}
	return &stations[i], true
}
