package group

import (
	"cmp"
	"math"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// pending returns what has happened to a group since its last item, 0 if nothing,
// and whether it must not wait.
func (g *Group) pending() (event hydro.GroupEvent, urgent bool) {
	stage, told := g.stage(), &g.Told
	urgent = g.Kind == hydro.WaveGroup && g.Highest >= hydro.Orange && g.Highest > told.Highest
	switch {
	case told.Closed:
		return 0, false
	case !g.ClosedAt.IsZero():
		return hydro.GroupClosed, urgent
	case told.At.IsZero():
		return hydro.GroupOpened, urgent
	case g.raisedBlind():
		return hydro.GroupRaised, false
	case height(stage) > height(told.Stage) || g.Kind == hydro.WaveGroup && g.Highest > told.Highest:
		return hydro.GroupRaised, urgent
	case g.Kind == hydro.BlindGroup && stage == hydro.Clear:
		return 0, false // it is told when it is closed
	case height(stage) < height(told.Stage):
		return hydro.GroupLowered, false
	case g.sum() > told.Sum || g.standing() > told.Standing:
		return hydro.GroupExtended, false
	case g.standing() < told.Standing:
		return hydro.GroupLowered, false
	case g.Moved:
		return hydro.GroupExtended, false
	}
	return 0, false
}

// raisedBlind reports whether one of a blind group has been found to lie on a
// rising reach since the group's last item, and one still does.
func (g *Group) raisedBlind() bool {
	return g.Kind == hydro.BlindGroup && g.Escalated > g.Told.Escalated &&
		slices.ContainsFunc(g.Members, func(m Member) bool { return m.stands() && !m.RisesAt.IsZero() })
}

// waits reports whether an event of a group has to wait at now, when n items were
// told within the window.
func (g *Group) waits(event hydro.GroupEvent, now time.Time, n int) bool {
	room, pause := roomToExtend, Every
	if g.raisedBlind() && g.Told.Escalated == 0 { // the first of a group, also of one that opens with it
		return n >= MaxItems
	}
	switch event {
	case hydro.GroupOpened:
		return n >= roomToOpen
	case hydro.GroupRaised:
		room = roomToOpen
	case hydro.GroupExtended:
		switch {
		case g.grave() > g.Told.Grave, g.Kind == hydro.BlindGroup:
		case g.sum() > g.Told.Sum || g.standing() > g.Told.Standing:
			pause = EveryJoin
		default:
			pause = EveryEase
		}
	case hydro.GroupLowered:
		pause = EveryEase
	case hydro.GroupClosed:
	}
	return n >= room || now.Sub(g.Told.At) < pause
}

// tell gives out what is urgent, and of the rest what there is room for, the
// highest first.
func (r *Rules) tell(s *State, forecast *hydro.Forecast, now time.Time) []hydro.GroupChange {
	type item struct {
		group  int
		event  hydro.GroupEvent
		urgent bool
	}
	var items []item
	for i := range s.Groups {
		if event, urgent := s.Groups[i].pending(); event != 0 {
			items = append(items, item{i, event, urgent})
		}
	}
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(
			-cmp.Compare(number(a.urgent), number(b.urgent)),
			-cmp.Compare(number(s.Groups[a.group].raisedBlind()), number(s.Groups[b.group].raisedBlind())),
			-cmp.Compare(height(s.Groups[a.group].stage()), height(s.Groups[b.group].stage())),
			cmp.Compare(a.event, b.event),
		)
	})
	var out []hydro.GroupChange
	for _, it := range items {
		g := &s.Groups[it.group]
		if !it.urgent && g.waits(it.event, now, len(s.Items)) {
			continue
		}
		c := r.build(g, forecast, now)
		c.Event = it.event
		r.describe(g, &c)
		g.Moved = false
		g.Told = Told{
			At: now, Event: it.event, Stage: c.Stage, Highest: g.Highest, Standing: c.Standing, Sum: g.sum(), Grave: g.grave(), Escalated: g.Escalated,
			Arrivals: r.ahead(g, valid(forecast, now), now), Closed: !g.ClosedAt.IsZero(),
		}
		s.Items = append(s.Items, now)
		out = append(out, c)
	}
	return out
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Groups returns all groups of s as they stand at its last step: those that are
// open, and those that have closed within [Keep]; the highest first, then the one
// that opened last.
func (r *Rules) Groups(s State, forecast *hydro.Forecast, now time.Time) []hydro.GroupChange {
	var out []hydro.GroupChange
	for i := range s.Groups {
		g := &s.Groups[i]
		c := r.build(g, forecast, now)
		if c.Event = g.Told.Event; c.Event == 0 {
			c.Event = hydro.GroupOpened
		}
		if !g.ClosedAt.IsZero() {
			c.At, c.Event = g.ClosedAt, hydro.GroupClosed
		}
		r.describe(g, &c)
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b hydro.GroupChange) int {
		return cmp.Or(
			cmp.Compare(number(a.Closed()), number(b.Closed())),
			-cmp.Compare(height(a.Stage), height(b.Stage)),
			b.OpenedAt.Compare(a.OpenedAt),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return out
}

// build describes a group at now; the event and the words are still to come.
func (r *Rules) build(g *Group, forecast *hydro.Forecast, now time.Time) hydro.GroupChange {
	c := hydro.GroupChange{
		ID: g.ID, Basin: r.basin, Kind: g.Kind, At: now, OpenedAt: g.OpenedAt, ClosedAt: g.ClosedAt,
		Stage: g.stage(), Highest: g.Highest, Cause: g.Cause, Department: g.Department, Standing: g.standing(),
	}
	forecast = valid(forecast, now)
	if g.Kind != hydro.WaveGroup || !g.ClosedAt.IsZero() {
		forecast = nil
	}
	if forecast != nil {
		c.ForecastIssuedAt = forecast.IssuedAt.UTC()
	}
	for i := range g.Members {
		m := &g.Members[i]
		st := hydro.GroupStation{Station: m.Station, Stage: m.Stage, Highest: m.Highest, JoinedAt: m.JoinedAt, LeftAt: m.LeftAt, Cause: m.Cause}
		p := r.places[m.Station]
		st.Rain = p.rain && g.Kind == hydro.WaveGroup
		st.Escalated = m.stands() && !m.RisesAt.IsZero()
		if g.Kind == hydro.WaveGroup {
			c.Illustrative = c.Illustrative || p.illustrative
			st.PeakVariable, st.PeakValue, st.PeakAt = m.Variable, m.Crest, m.CrestAt
			st.PeakObserved = m.Variable != 0
			var f *hydro.StationForecast
			if m.stands() {
				f = foreseen(forecast, m.Station)
			}
			st.Arrivals = arrivals(m.Reached, f)
			r.crest(&st, f, now)
		}
		c.Stations = append(c.Stations, st)
	}
	for _, id := range r.expected(g, forecast) {
		f := foreseen(forecast, id)
		st := hydro.GroupStation{Station: id, Arrivals: arrivals([rungs]time.Time{}, f)}
		r.crest(&st, f, now)
		c.Illustrative = c.Illustrative || r.places[id].illustrative
		c.Stations = append(c.Stations, st)
	}
	slices.SortFunc(c.Stations, func(a, b hydro.GroupStation) int { return r.along(a.Station, b.Station) })
	c.Count = len(c.Stations)
	r.ends(g, &c)
	if len(c.Stations) > maxStations { // the highest are kept
		slices.SortStableFunc(c.Stations, func(a, b hydro.GroupStation) int { return -cmp.Compare(height(a.Stage), height(b.Stage)) })
		c.Stations = c.Stations[:maxStations]
		slices.SortFunc(c.Stations, func(a, b hydro.GroupStation) int { return r.along(a.Station, b.Station) })
	}
	return c
}

// ends finds the station that stands highest and the ends of a wave.
func (r *Rules) ends(g *Group, c *hydro.GroupChange) {
	best := hydro.Clear
	rivers := slices.ContainsFunc(c.Stations, func(s hydro.GroupStation) bool { return !s.Rain && !s.JoinedAt.IsZero() })
	for i := range c.Stations {
		s := &c.Stations[i]
		stands := !s.JoinedAt.IsZero() && s.LeftAt.IsZero()
		if stands && (c.Station == "" || height(s.Stage) > height(best)) {
			c.Station, best = s.Station, s.Stage
		}
		if g.Kind != hydro.WaveGroup || s.JoinedAt.IsZero() || s.Rain && rivers {
			continue
		}
		if c.Headwater == "" {
			c.Headwater = s.Station
		}
		c.Mouth = s.Station
	}
	if c.Station == "" { // none stands: who stood highest
		best = hydro.Clear
		for i := range c.Stations {
			if s := &c.Stations[i]; !s.JoinedAt.IsZero() && (c.Station == "" || height(s.Highest) > height(best)) {
				c.Station, best = s.Station, s.Highest
			}
		}
	}
}

// foreseen returns what a run says of a station, or nil.
func foreseen(f *hydro.Forecast, station string) *hydro.StationForecast {
	if f == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(f.Stations, station, func(s hydro.StationForecast, id string) int { return cmp.Compare(s.Station, id) })
	if !found {
		return nil
	}
	return &f.Stations[i]
}

// arrivals lists when a station reaches each stage: as observed, or else as f, which
// may be nil, says it.
func arrivals(reached [rungs]time.Time, f *hydro.StationForecast) []hydro.GroupArrival {
	var out []hydro.GroupArrival
	cross := crossings(f)
	for k := range rungs {
		switch stage := hydro.Blue + hydro.Stage(k); {
		case !reached[k].IsZero():
			out = append(out, hydro.GroupArrival{Stage: stage, At: reached[k], Observed: true})
		case !cross[k].IsZero():
			out = append(out, hydro.GroupArrival{Stage: stage, At: cross[k]})
		}
	}
	return out
}

// crossings returns when f crosses the thresholds of each stage, the first of
// several.
func crossings(f *hydro.StationForecast) (at [rungs]time.Time) {
	if f == nil {
		return at
	}
	for _, c := range f.Crossings {
		if c.At.IsZero() || !risen(c.Stage) {
			continue
		}
		if k := c.Stage - hydro.Blue; at[k].IsZero() || c.At.Before(at[k]) {
			at[k] = c.At.UTC()
		}
	}
	return at
}

// crest puts the forecast's peak in place of what was observed if it is higher and
// still to come. Levels on another datum than the station's are not compared.
func (r *Rules) crest(s *hydro.GroupStation, f *hydro.StationForecast, now time.Time) {
	if f == nil || f.Peak.AtEnd || !f.Peak.At.After(now) {
		return
	}
	v := s.PeakVariable
	if v == 0 {
		if v = hydro.WaterLevel; math.IsNaN(f.Peak.Level) {
			v = hydro.Discharge
		}
	}
	peak := f.Peak.Discharge
	if v == hydro.WaterLevel {
		if peak = f.Peak.Level; f.Datum != r.places[s.Station].datum {
			return
		}
	}
	if math.IsNaN(peak) || s.PeakVariable != 0 && peak <= s.PeakValue {
		return
	}
	s.PeakVariable, s.PeakValue, s.PeakAt, s.PeakObserved = v, peak, f.Peak.At.UTC(), false
}

// expected returns the stations that a wave has yet to reach: below a member that
// stands, in no group, and forecast to cross a threshold. They ascend by station.
func (r *Rules) expected(g *Group, f *hydro.Forecast) []string {
	if f == nil {
		return nil
	}
	var out []string
	below := make([]bool, len(r.nodes))
	for i := range g.Members {
		m := &g.Members[i]
		if !m.stands() {
			continue
		}
		for n := r.node(m.Station); n >= 0 && !below[n]; n = r.nodes[n].down {
			below[n] = true
		}
	}
	for i := range f.Stations {
		id := f.Stations[i].Station
		n := r.node(id)
		if n < 0 || !below[n] || crossings(&f.Stations[i]) == [rungs]time.Time{} {
			continue
		}
		if !g.has(id) {
			out = append(out, id)
		}
	}
	return out
}

// ahead lists when f says that a wave will reach the next stage of its stations,
// ascending by station.
func (r *Rules) ahead(g *Group, f *hydro.Forecast, now time.Time) []Arrival {
	if f == nil || g.Kind != hydro.WaveGroup || !g.ClosedAt.IsZero() {
		return nil
	}
	var out []Arrival
	next := func(id string, reached [rungs]time.Time) {
		for _, a := range arrivals(reached, foreseen(f, id)) {
			if !a.Observed && a.At.After(now) {
				out = append(out, Arrival{id, a.At})
				return
			}
		}
	}
	for i := range g.Members {
		if m := &g.Members[i]; m.stands() {
			next(m.Station, m.Reached)
		}
	}
	for _, id := range r.expected(g, f) {
		next(id, [rungs]time.Time{})
	}
	slices.SortFunc(out, func(a, b Arrival) int { return cmp.Compare(a.Station, b.Station) })
	return out
}

// moved reports whether a new run moves the arrivals that were told and are still
// to come.
func (r *Rules) moved(g *Group, f *hydro.Forecast, now time.Time) bool {
	ahead := r.ahead(g, f, now)
	for _, a := range ahead {
		told, found := arrival(g.Told.Arrivals, a.Station)
		if d := a.At.Sub(told); !found || d >= Moved || d <= -Moved {
			return true
		}
	}
	for _, a := range g.Told.Arrivals {
		if _, found := arrival(ahead, a.Station); !found && a.At.Sub(now) >= Moved {
			return true
		}
	}
	return false
}

func arrival(list []Arrival, station string) (time.Time, bool) {
	i, found := slices.BinarySearchFunc(list, station, func(a Arrival, id string) int { return cmp.Compare(a.Station, id) })
	if !found {
		return time.Time{}, false
	}
	return list[i].At, true
}
