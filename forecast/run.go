package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/rain"
	"freshet/forecast/rating"
	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/forecast/updating"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// What every run assumes, for the honesty line.
const (
	rainAssumed = "no further rain assumed"
	planHeld    = "last observed outflow held"
	planNone    = "no reservoir plan used"
	planRules   = "releases by the reservoirs' own rules and limits"
)

// outage is how far a state may lie behind before a run starts anew.
const outage = 7 * 24 * time.Hour

// Run computes the forecast issued at now and the state to start the next run
// from. It reads observations up to now and no later, and takes the rain and the
// releases after now from ahead, as far as they are valid; the forecast says which
// it used, and which not and why. It never writes to s, nor to what s, obs or
// ahead refer to. now may not go back before s.At, or the error wraps
// hydro.ErrInvalid. What has no solution, and what lies below it, has holes instead of
// forecasts, and keeps its state; that no station is left is an error. A state that does not fit the model is adopted; one more
// than a week older than the warm-up is replaced by Start, with a note. A panic
// of a method is no solution.
func (m *Model) Run(s State, now time.Time, trigger string, obs Source, ahead Ahead) (f hydro.Forecast, next State, err error) {
	r, f, err := m.run(s, now, trigger, obs, ahead, nil, false)
	if err != nil {
		return hydro.Forecast{}, State{}, err
	}
	return f, r.kept().state, nil
}

// run is Run, with a change of the ground at now that a rehearsal asks for.
func (m *Model) run(s State, now time.Time, trigger string, obs Source, ahead Ahead, wet []wetting, tell bool) (r *run, f hydro.Forecast, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, f, err = nil, hydro.Forecast{}, fmt.Errorf("forecast: run of basin %q at %s: panic: %v", m.basin, now.UTC().Format(time.RFC3339), p)
		}
	}()
	now = time.UnixMilli(now.UnixMilli()).UTC()
	var notes []string
	if !m.fits(s) {
		s = m.Adopt(s, now)
	}
	if now.Before(s.At) {
		return nil, f, fmt.Errorf("forecast: run of basin %q at %s: the state is later (%s): %w", m.basin, now.Format(time.RFC3339), s.At.Format(time.RFC3339), hydro.ErrInvalid)
	}
	if now.Sub(s.At) > m.settings.Warmup+outage {
		if s.At.Unix() > 0 { // else of an engine that had no time yet: nothing ran before
			notes = append(notes, fmt.Sprintf("the last state is of %s, more than a week ago: started anew", stamp(s.At.UnixMilli())))
		}
		fresh := m.Start(now)
		for i := range fresh.Nodes {
			fresh.Nodes[i].Bands = s.Nodes[i].Bands // of the past, which is what bands are of
		}
		s = fresh
	}
	r = newRun(m, s, now, obs, m.settings.Horizon)
	r.notes, r.wet, r.telling = notes, wet, tell
	r.mark(ahead)
	if err := r.compute(ahead); err != nil {
		return nil, hydro.Forecast{}, fmt.Errorf("forecast: run of basin %q at %s: %w", m.basin, now.Format(time.RFC3339), err)
	}
	holes := r.left()
	if len(holes) > 0 && (tell || len(r.stations) == 0) {
		return nil, hydro.Forecast{}, fmt.Errorf("forecast: run of basin %q at %s: %s", m.basin, now.Format(time.RFC3339), holes[0].Why)
	}
	f = hydro.Forecast{
		Basin: m.basin, IssuedAt: now, Trigger: trigger, Catalogue: m.version, Step: m.settings.OutputStep, Horizon: m.settings.Horizon,
		Stations: r.stations, ArealRain: r.arealRains, Holes: holes,
		ValidUntil: now.Add(2 * max(m.settings.Every, m.settings.Step)), RainCoverage: r.coverage, RainAssumed: r.rainAssumed,
		Illustrative: m.illustrative,
	}
	if slices.ContainsFunc(f.Stations, func(s hydro.StationForecast) bool { return len(s.Band) > 0 }) {
		f.BandStep, f.BandBasis = m.bandStep, r.basis
	}
	if r.ruled {
		r.plans = append(r.plans, planRules)
	}
	if r.held {
		r.plans = append(r.plans, planHeld)
	}
	if len(r.plans) == 0 {
		r.plans = append(r.plans, planNone)
	}
	f.Plan = strings.Join(r.plans, "; ")
	if r.cutoff > 0 {
		f.DataCutoff = time.UnixMilli(r.cutoff).UTC()
	} else {
		r.note("no observation at all: the rivers' base flow is all that this forecast knows")
	}
	slices.SortFunc(f.Stations, func(a, b hydro.StationForecast) int { return strings.Compare(a.Station, b.Station) })
	slices.Sort(r.missing)
	f.MissingGauges = slices.Compact(r.missing)
	f.Notes = slices.Concat(r.notes, m.notes)
	return r, f, nil
}

// compute fills what the run is for: the stations' forecasts, their bands, and the
// states at the marks.
func (r *run) compute(ahead Ahead) error {
	rain, err := r.announcedRain(ahead)
	if err != nil {
		return err
	}
	r.announcedPlans(ahead)
	r.announcedTides(ahead)
	r.readPans()
	r.rain()
	r.nodes()
	r.tellLeaks()
	r.tellDiversions()
	r.tellDoubts()
	for i := range r.days {
		r.kept().state.Moisture[i].Error = r.days[i].kept
	}
	if err := try(func() error { r.bands(rain); return nil }); err != nil {
		r.note("no bands in this run: %v", err)
	}
	r.tellUnlearnt()
	return nil
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04Z") }

// A run is what one run knows. Index i of a series is the instant start + i·step;
// 0 is the state's instant, keep that of the state to be returned, here the last
// one at or before now, end the first one at or after the horizon.
type run struct {
	m       *Model
	s       State
	marks   []mark // ascending, the one at keep among them
	obs     Source
	now     int64 // Unix ms
	start   int64
	keep    int
	here    int
	end     int
	horizon int64 // ms from now

	flow     [][]float64 // per node
	local    []float64   // scratch: what a node's sub-basins give, then what a reach gives
	observed []float64   // scratch, from index 1 to here
	inflow   []float64   // scratch, of a reservoir
	level    []float64   // scratch, per index from here on
	depth    [][]float64 // rain per gauge, mm, of the step that ends at index i+1; NaN where it did not report
	pans     [][]float64 // depth per pan, mm, of the step that ends at index i+1, to here; NaN where it did not report
	ahead    [][]float64 // rain per sub-basin, mm, of the step that ends at index here+i+1; nil where none is forecast
	areal    [][]float64 // rain per sub-basin, mm, of the step that ends at index i+1, to end
	days     []days      // per adjustment of soil moisture
	runoff   [][]float64 // m³/s per sub-basin, longer than end by what is under way then

	arealRains []hydro.ArealRain // per sub-basin
	unheard    []string          // sub-basins whose rain nobody told for a while, and how long

	stations []hydro.StationForecast
	missing  []string
	notes    []string
	cutoff   int64
	coverage float64
	held     bool // the last observed outflow of a reservoir
	ruled    bool // a reservoir's release follows its rules and limits

	leaks []leak // of reaches whose method does not conserve water

	taken []taken // by diversions, upstream first
	unfed []int   // reaches along which drains what has no solution

	hours  []int    // indices in (0, here] at which bands learn
	gauged []gauged // gauges that correct the flow, upstream first
	basis  string   // of the bands

	rainAssumed string
	plans       []string // those that are used
	schedules   []schedule
	tides       []usedTide // one a station that a level is forecast from

	watch   int       // node whose corrected flow is copied to watched
	watched []float64 // nil: of none

	lost    []*hole   // per node that has no forecast
	arrived []float64 // scratch, what arrives at a node
	doubts  doubts
	stuck   error // of a node: why nothing can be computed there
	once    bool  // a part without a solution is not tried anew

	// Of a rehearsal.
	wet     []wetting       // of the ground at here, per sub-basin; nil: none
	pools   []ReservoirPath // asked for by telling
	solved  []levelpool.Step
	telling bool
}

func newRun(m *Model, s State, now time.Time, obs Source, horizon time.Duration) *run {
	r := &run{m: m, s: s, obs: obs, now: now.UnixMilli(), start: s.At.UnixMilli(), horizon: horizon.Milliseconds()}
	r.here = int((r.now - r.start) / m.stepMS)
	r.end = int((r.now + r.horizon - r.start + m.stepMS - 1) / m.stepMS)
	r.keep = max(0, int((m.floor(now.Add(-m.settings.Warmup)).UnixMilli()-r.start)/m.stepMS))
	n := r.end + 1
	arena := make([]float64, (len(m.nodes)+4)*n+r.here)
	take := func(n int) []float64 {
		a := arena[:n:n]
		arena = arena[n:]
		return a
	}
	r.flow = make([][]float64, len(m.nodes))
	for i := range r.flow {
		r.flow[i] = take(n)
	}
	r.local, r.inflow, r.level, r.arrived, r.observed = take(n), take(n), take(n), take(n), take(r.here)
	r.lost = make([]*hole, len(m.nodes))
	r.stations = make([]hydro.StationForecast, 0, len(m.nodes))
	return r
}

func (r *run) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *run) used(at int64) { r.cutoff = max(r.cutoff, at) }

// health names the series among the missing gauges unless its newest sample is
// usable and fresh. It returns the newest usable sample, if it is fresh.
func (r *run) health(s *series) (hydro.Sample, bool) {
	h := r.obs(s.key)
	var newest, usable hydro.Sample
	seen, ok := false, false
	if h != nil {
		for _, v := range slices.Backward(h.Samples) {

			if v.At > r.now {
				continue
			}
			if !seen {
				newest, seen = v, true
			}
			if v.Quality.Usable() {
				usable, ok = v, true
				break
			}
			if r.now-v.At > s.staleMS {
				break
			}
		}
	}
	name := s.key.Variable.String()
	switch {
	case !seen:
		r.missing = append(r.missing, fmt.Sprintf("%s: %s: no data", s.key.Station, name))
	case r.now-newest.At > s.staleMS:
		r.missing = append(r.missing, fmt.Sprintf("%s: %s: silent since %s", s.key.Station, name, stamp(newest.At)))
	case !newest.Quality.Usable():
		why := newest.Quality.String()
		if t := newest.Tests.Names(); len(t) > 0 {
			why += " (" + strings.Join(t, ", ") + ")"
		}
		r.missing = append(r.missing, fmt.Sprintf("%s: %s: %s since %s", s.key.Station, name, why, r.since(h, newest)))
	}
	return usable, ok && r.now-usable.At <= s.staleMS
}

// since tells when the run of unusable samples that ends with newest began.
func (r *run) since(h *hydro.History, newest hydro.Sample) string {
	i, _ := h.Find(newest.At)
	for i > 0 && !h.Samples[i-1].Quality.Usable() {
		i--
	}
	return stamp(h.Samples[i].At)
}

// rain fills runoff from the gauges and moves the sub-basins' states.
func (r *run) rain() {
	m := r.m
	live := make([]bool, len(m.gauges)) // now
	r.depth = make([][]float64, len(m.gauges))
	depth := make([]float64, (len(m.gauges)+m.twins)*r.here)
	take := func() []float64 {
		d := depth[:r.here:r.here]
		depth = depth[r.here:]
		return d
	}
	for g := range m.gauges {
		site := &m.gauges[g]
		each := make([][]float64, len(site.series))
		for i := range site.series {
			s := &site.series[i]
			_, fresh := r.health(s)
			live[g] = live[g] || fresh
			each[i] = take()
			var samples []hydro.Sample
			if h := r.obs(s.key); h != nil {
				samples = h.Between(r.start, r.now)
			}
			r.used(rain.Prorate(reports(samples), r.start, m.stepMS, r.now, each[i]))
		}
		r.depth[g] = each[0]
		if len(each) > 1 {
			r.compare(site, each)
			rain.Merge(r.depth[g], each...)
		}
	}
	r.runoff, r.areal = make([][]float64, len(m.subs)), make([][]float64, len(m.subs))
	r.arealRains = make([]hydro.ArealRain, len(m.subs))
	for i := range m.subs {
		r.arealRains[i] = r.arealRain(i, live)
	}
	if len(r.unheard) > 0 {
		r.note("no rain gauge spoke in the last %s for sub-basin %s: no rain is assumed to have fallen then", hours(m.settings.Warmup), strings.Join(r.unheard, ", "))
	}
	r.grounds()
	if m.area > 0 {
		r.coverage /= m.area
	}
}

// pass computes the flow through node i, whose buffer holds what arrives.
func (r *run) pass(i int) {
	m, n := r.m, &r.m.nodes[i]
	state := &r.s.Nodes[i]
	flow := r.flow[i]
	if n.divert != nil {
		r.divert(i, flow)
	}
	for t := range flow {
		flow[t] = n.keep*flow[t] + n.local
	}
	for _, b := range n.subs {
		for t, q := range r.runoff[b][:len(flow)] {
			flow[t] += q
		}
	}
	flow[0] = state.Flow
	cold := r.start < r.s.From.Add(m.settings.Warmup).UnixMilli()
	if n.reservoir != nil {
		r.reservoir(i, flow)
	}
	var g reading
	if n.gauge != nil {
		if n.gauge.apart {
			copy(r.local, flow)
		}
		g = r.gauge(i, cold, flow)
	} else {
		for k := range r.marks {
			r.marks[k].state.Nodes[i].Error = state.Error
		}
	}
	for k := range r.marks {
		mk := &r.marks[k]
		mk.state.Nodes[i].Flow = flow[mk.at]
	}
	if n.gauge != nil {
		if k := len(r.gauged) - 1; k >= 0 && r.gauged[k].node == i {
			r.gauged[k].station, r.gauged[k].reading = len(r.stations), g
			r.gauged[k].offset = r.offsetHere(n, g)
		}
		r.stations = append(r.stations, r.gaugeForecast(n, g, flow))
	}
	if r.watched != nil && r.watch == i {
		copy(r.watched, flow)
	}
	if n.gauge != nil && n.gauge.apart {
		copy(flow, r.local)
	}
}

// A reading is what a gauge says now.
type reading struct {
	discharge, level float64 // NaN where it does not say
	levelAt          int64   // of the sample behind offset
	offset           float64 // observed level less that of the rating, m, at levelAt
	hasOffset        bool
	fresh            bool // its flow corrects the forecast
	beyond           bool // a flow was taken from a level outside the rating's measured range
	table            *rating.Table
}

// correct corrects flow from index 1 on by the series' observations, turned
// into a flow by the rating in force at each if ratings is not nil, tells save the
// error at each mark, and reports whether there was any observation, and whether a
// rating was left beyond its range for one. With backfill the first observation stands for the time before it,
// too. days, if not nil, are those of an adjustment of soil moisture. What was
// observed is in r.observed then.
func (r *run) correct(c *updating.Corrector, s *series, ratings []ratingFrom, carried updating.Error, flow []float64, backfill bool, days *days, save func(*mark, updating.Error)) (observed, beyond bool) {
	m := r.m
	o := r.observed
	var samples []hydro.Sample
	if h := r.obs(s.key); h != nil {
		samples = h.Between(r.start-s.gapMS, r.now)
	}
	last, ok := updating.Resample(usable(samples), r.start+m.stepMS, m.stepMS, s.gapMS, r.now, o)
	if ok {
		r.used(last.At)
	}
	first := -1
	for t, v := range o {
		if v != v {
			continue
		}
		if ratings != nil {
			var outside bool
			if o[t], outside = flowOf(ratings, r.start+int64(t+1)*m.stepMS, v); o[t] != o[t] {
				continue
			}
			beyond = beyond || outside
		}
		if first < 0 {
			first = t
		}
	}
	from := 0
	if first >= 0 && backfill {
		for t := range first {
			flow[t+1] = max(0, o[first])
		}
		from = first // nothing is learnt from what was not observed
	}
	e := r.learn(c, carried, flow, o, from, days, save)
	c.Carry(e, flow[r.here+1:], flow[r.here+1:])
	return first >= 0, beyond
}

// gauge corrects flow by what the gauge at node i observed.
func (r *run) gauge(i int, cold bool, flow []float64) reading {
	n, state := &r.m.nodes[i], &r.s.Nodes[i]
	g := n.gauge
	out := reading{discharge: math.NaN(), level: math.NaN(), table: ratingAt(g.ratings, r.now)}
	var q, h hydro.Sample
	var qOK, hOK bool
	if g.discharge != nil {
		if q, qOK = r.health(g.discharge); qOK {
			out.discharge = q.Value
		}
	}
	if g.level != nil {
		if h, hOK = r.health(g.level); hOK {
			out.level = h.Value
			r.used(h.At)
			if !qOK && out.table != nil && !n.tidal {
				out.discharge, out.beyond = out.table.Discharge(h.Value)
			}
		}
	}
	if !g.updates || n.tidal {
		if n.banded() {
			copy(r.observed, r.observedFlow(g))
			r.seen(i)
		}
		return out
	}
	s, ratings := g.discharge, []ratingFrom(nil)
	if g.level != nil && out.table != nil && (s == nil || !qOK && hOK) {
		s, ratings = g.level, g.ratings
	}
	if s == nil { // a level whose rating is not in force yet
		r.note("%s has no rating in force: it corrects nothing", g.station)
		r.carry(g.corrector, state.Error, flow, func(mk *mark, e updating.Error) { mk.state.Nodes[i].Error = e })
		return out
	}
	var days *days
	if n.moist > 0 {
		days = &r.days[n.moist-1]
	}
	observed, beyond := r.correct(g.corrector, s, ratings, state.Error, flow, cold && state.Error.Count == 0, days, func(mk *mark, e updating.Error) { mk.state.Nodes[i].Error = e })
	if beyond {
		out.beyond = true
		low, high := out.table.Measured()
		r.note("flow at %s is of levels outside the rating's measured range %g to %g m: what it corrects, here and below, is extrapolated", g.station, low, high)
	}
	r.seen(i)
	if len(r.marks) > 0 { // else nobody reads the notes
		r.lossNote(g, &r.kept().state.Nodes[i].Error)
		r.lagNote(g, &r.kept().state.Nodes[i].Error)
	}
	out.fresh = observed && (qOK || ratings != nil && hOK)
	if !observed && state.Error.Count == 0 {
		r.note("no observed flow at %s yet: its base flow of %g m³/s is assumed", g.station, math.Round(n.steady*100)/100)
	}
	if g.level != nil && out.table != nil && hOK {
		// A level and a flow of one instant say how far the river stands from its rating.
		at := r.at(flow, h.At)
		if ratings != nil {
			at, _ = out.table.Discharge(h.Value)
		}
		l, _ := out.table.Level(at)
		out.offset, out.levelAt, out.hasOffset = h.Value-l, h.At, true
	}
	return out
}

// carry fades an error over all of flow and tells save what is left at each mark.
func (r *run) carry(c *updating.Corrector, e updating.Error, flow []float64, save func(*mark, updating.Error)) {
	from := 0
	for k := range r.marks {
		at := r.marks[k].at
		e = c.Carry(e, flow[from+1:at+1], flow[from+1:at+1])
		from = at
		save(&r.marks[k], e)
	}
	c.Carry(e, flow[from+1:], flow[from+1:])
}

// at returns the value of a series at an instant, linear between indices.
func (r *run) at(v []float64, ms int64) float64 {
	d := max(0, ms-r.start)
	i := int(d / r.m.stepMS)
	if i >= len(v)-1 {
		return v[len(v)-1]
	}
	f := float64(d%r.m.stepMS) / float64(r.m.stepMS)
	if f == 0 {
		return v[i]
	}
	return v[i] + f*(v[i+1]-v[i])
}

func ratingAt(all []ratingFrom, ms int64) *rating.Table {
	for _, a := range slices.Backward(all) {
		if a.from.IsZero() || a.from.UnixMilli() <= ms {
			return a.table
		}
	}
	return nil
}

// flowOf returns the flow of a level by the rating in force at an instant, NaN if
// none is, and whether the rating is left beyond its measured range for it.
func flowOf(all []ratingFrom, ms int64, level float64) (q float64, beyond bool) {
	table := ratingAt(all, ms)
	if table == nil {
		return math.NaN(), false
	}
	return table.Discharge(level)
}

func thresholdsAt(all []tableFrom, ms int64) []catalog.Threshold {
	for _, a := range slices.Backward(all) {
		if a.from.IsZero() || a.from.UnixMilli() <= ms {
			return a.thresholds
		}
	}
	return nil
}
