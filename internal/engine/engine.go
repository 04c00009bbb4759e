// Package engine is the state machine of one basin: quality control,
// accumulations, forecast and stages composed into Apply.
//
// An Engine is a pure function of the inputs that it was given, in their order:
// it reads no clock, does no I/O and starts no goroutine, and no map's order
// can show in its outputs. Two engines that applied the same inputs hold equal
// states and gave equal outputs. Decisions (forecast runs, stages, blindness)
// are taken on ticks alone; batches only add observations. An Engine is not
// safe for concurrent use.
package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/alert"
	"freshet/alert/group"
	"freshet/forecast"
	"freshet/ingest/accumulation"
	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/register"
	"freshet/internal/reporting"
)

// retention is how long observations stay in memory: the longest accumulation
// (72 h), a hydrological day before it, and no more.
const retention = 96 * time.Hour

// An Engine is one basin's state machine. The zero value is not usable; call
// New or Restore.
type Engine struct {
	basin string
	seq   uint64    // of the last input applied
	now   time.Time // the last tick; zero before the first

	cat      *catalog.Catalog // nil before the first catalogue
	model    *forecast.Model
	rules    *alert.Rules
	register *register.Rules
	net      *quality.Network
	rates    *reporting.Rules
	parts    dutyRules
	groups   *group.Rules

	series   []series          // in order of first appearance
	index    map[hydro.Key]int // into series; only ever looked up
	refusals []refusal         // one a station and variable, ascending

	rains []heldRain           // one a source, ascending
	plans []hydro.DispatchPlan // one a reservoir, ascending
	tides []hydro.Tide         // one a station and source, ascending

	forecastState forecast.State
	alertState    alert.State
	alertBefore   alert.State // before the last tick, for Explain; not part of the state
	conflicts     register.State
	rateState     reporting.State
	duty          dutyState
	groupState    group.State
	latest        *hydro.Forecast // never changed in place
	lastRun       time.Time       // T0 of the last run, failed runs included
	forecasts     uint64          // runs issued so far
	watch         watchState

	scratch scratch
	each    forecast.Each // lent by Lend; not part of the state
}

// A series is one key's recent past.
type series struct {
	Key     hydro.Key
	History hydro.History
	Why     string // of the newest sample whose tests fired
	WhyAt   int64  // its instant, Unix ms
	Datum   hydro.Datum
	Changed quality.Hours // since the last tick

	// What came since the last tick and too late for a stage: in the history from …
	// to …, Unix ms, 0 if nothing; and what is too old for it.
	LateFrom, LateTo int64
	Old              []hydro.Sample

	// What the catalogue in force says; nil where it no longer knows the series.
	station   *catalog.Station
	parameter *catalog.Parameter
	takes     bool // readings, not only what follows from others
	slot      int  // in the network; -1: none
}

type refusal struct {
	Refusal  hydro.Refusal
	Received time.Time
}

// scratch is memory that is reused from call to call and never part of the state.
type scratch struct {
	rain   []hydro.Reading
	healed []healed
	seen   []quality.Series
	memo   quality.Memo
}

// healed remembers the accumulations of a series before late rain entered it.
type healed struct {
	series int
	before []accumulation.Sum
}

// New returns the engine of a basin that has applied nothing. It gives no
// outputs until its first input puts a catalogue in force.
func New(basin string) *Engine {
	return &Engine{basin: basin, index: map[hydro.Key]int{}}
}

// Apply takes the next input and returns what follows from it. An input whose
// sequence number is not above the last one applied is a redelivery: it changes
// nothing and yields nothing. The error is for inputs that break the log's
// contract; the engine is then unchanged and must not go on.
func (e *Engine) Apply(in hydro.Input) ([]hydro.Output, error) {
	if in.Seq <= e.seq {
		return nil, nil
	}
	var outs []hydro.Output
	switch {
	case in.Catalogue != nil:
		outs = e.applyCatalogue(in.Catalogue)
	case in.Batch != nil:
		if in.Batch.Basin != e.basin {
			return nil, fmt.Errorf("input %d: batch of basin %q on the log of %q: %w", in.Seq, in.Batch.Basin, e.basin, hydro.ErrInvalid)
		}
		outs = e.applyBatch(in.Batch)
	case in.Tick != nil:
		outs = e.applyTick(*in.Tick)
	case in.RainForecast != nil, in.DispatchPlan != nil, in.Tide != nil, in.Withdrawal != nil:
		var err error
		if outs, err = e.applyAhead(in); err != nil {
			return nil, err
		}
	case in.Command != nil:
		if in.Command.Basin != e.basin {
			return nil, fmt.Errorf("input %d: command for basin %q on the log of %q: %w", in.Seq, in.Command.Basin, e.basin, hydro.ErrInvalid)
		}
		outs = e.applyCommand(in.Seq, *in.Command)
	default:
		return nil, fmt.Errorf("input %d carries nothing: %w", in.Seq, hydro.ErrInvalid)
	}
	e.seq = in.Seq
	return outs, nil
}

// applyCatalogue puts a catalogue in force. One that does not load or compile is
// recorded and not used: the rules in force go on.
func (e *Engine) applyCatalogue(c *hydro.CatalogueChange) []hydro.Output {
	refuse := func(err any) []hydro.Output {
		return []hydro.Output{{Audit: &hydro.Audit{At: c.At, Kind: "catalogue_refused", Text: fmt.Sprintf("catalogue %s was not put in force: %v", c.Version, err)}}}
	}
	cat, problems := catalog.Load(c.Files)
	if len(problems) > 0 {
		p := problems[0]
		return refuse(fmt.Sprintf("%s:%d: %s (%d problems)", p.File, p.Line, p.Message, len(problems)))
	}
	model, err := forecast.Compile(cat, e.basin)
	if err != nil {
		return refuse(err)
	}
	rules, err := alert.Compile(cat, e.basin)
	if err != nil {
		return refuse(err)
	}
	parts, err := compileDuty(cat, e.basin)
	if err != nil {
		return refuse(err)
	}
	groups, err := group.Compile(cat, e.basin)
	if err != nil {
		return refuse(err)
	}
	if e.cat == nil {
		e.forecastState, e.alertState = model.Start(e.now), rules.Start(e.now)
	} else {
		e.forecastState, e.alertState = model.Adopt(e.forecastState, e.now), rules.Adopt(e.alertState, e.now)
	}
	e.cat, e.model, e.rules = cat, model, rules
	e.register, e.net = register.Compile(cat, e.basin), quality.NewNetwork(cat, e.basin)
	e.rates, e.parts, e.groups = reporting.Compile(cat, e.basin), parts, groups
	e.remap()
	for i := range e.series {
		e.bind(&e.series[i])
		e.series[i].Changed = quality.AllHours() // other neighbours, other limits
	}
	return []hydro.Output{{Audit: &hydro.Audit{At: c.At, Kind: "catalogue", Text: "catalogue " + cat.Name + " " + cat.Version + " is in force"}}}
}

// bind points s at what the catalogue in force says of it.
func (e *Engine) bind(s *series) {
	s.station, s.parameter, s.takes, s.slot = nil, nil, false, e.net.Slot(s.Key)
	st, ok := e.cat.Station(s.Key.Station)
	if !ok || st.Basin != e.basin {
		return
	}
	s.station, s.takes = st, st.Takes(s.Key.Variable, s.Key.Sensor)
	if s.Key.Variable == hydro.WaterLevel && s.Datum != hydro.NoDatum && s.Datum != st.Datum.Name {
		// The catalogue moved the station to another datum: what it remembers
		// cannot be compared with what comes.
		s.History, s.Datum, s.Why = hydro.History{}, hydro.NoDatum, ""
	}
	for i := range st.Parameters {
		if p := &st.Parameters[i]; p.Variable == s.Key.Variable && p.Sensor == s.Key.Sensor {
			s.parameter = p
			return
		}
	}
	if s.Key.Variable == hydro.Rain { // rain that follows from a counter has the counter's limits
		for i := range st.Parameters {
			if p := &st.Parameters[i]; p.Variable == hydro.RainCounter && p.Sensor == s.Key.Sensor {
				s.parameter = quality.FollowingRain(st, p)
			}
		}
	}
}

// at returns the series of k, making it on first sight.
func (e *Engine) at(k hydro.Key) int {
	if i, ok := e.index[k]; ok {
		return i
	}
	s := series{Key: k}
	e.bind(&s)
	e.series = append(e.series, s)
	e.index[k] = len(e.series) - 1
	return len(e.series) - 1
}

func (e *Engine) applyBatch(b *hydro.Batch) []hydro.Output {
	if e.cat == nil {
		return []hydro.Output{{Audit: &hydro.Audit{At: b.ReceivedAt, Kind: "refused", Text: fmt.Sprintf("%d readings arrived before any catalogue", len(b.Readings))}}}
	}
	obs := make([]hydro.Observation, 0, len(b.Readings)+len(b.Readings)/8)
	var audits []hydro.Output
	e.scratch.healed = e.scratch.healed[:0]
	for _, r := range b.Readings {
		i := e.at(r.Key)
		if !e.series[i].takes { // the catalogue changed between ingest and here
			audits = append(audits, hydro.Output{Audit: &hydro.Audit{
				At: b.ReceivedAt, Kind: "refused", Station: r.Station,
				Text: "reading of " + r.String() + " at " + r.At.Format(time.RFC3339) + ": the catalogue in force takes no such reading",
			}})
			continue
		}
		n := len(obs)
		obs = e.observe(i, r, b.ReceivedAt, obs)
		if r.Variable == hydro.RainCounter && len(obs) > n && !e.forgotten(r.At) {
			e.scratch.rain = quality.Differences(r.Station, e.series[i].parameter, e.zone(i), &e.series[i].History, r.At, e.scratch.rain[:0])
			for _, rain := range e.scratch.rain {
				rain.Sensor, rain.Again = r.Sensor, r.Again
				obs = e.observe(e.at(rain.Key), rain, b.ReceivedAt, obs)
			}
		}
	}
	for _, r := range b.Refusals {
		e.refuse(r, b.ReceivedAt)
	}
	var outs []hydro.Output
	if len(obs) > 0 {
		outs = append(outs, hydro.Output{Observations: obs})
	}
	for _, h := range e.scratch.healed {
		outs = e.auditHealed(h, b.ReceivedAt, outs)
	}
	return append(outs, audits...)
}

// observe judges one reading and stores it.
func (e *Engine) observe(i int, r hydro.Reading, received time.Time, obs []hydro.Observation) []hydro.Observation {
	s := &e.series[i]
	if e.forgotten(r.At) {
		// It can be archived, and judged by its limits alone, but not used: what it
		// would have to be compared with is gone, and so it is never more than suspect.
		n := len(obs)
		obs = quality.Check(s.parameter, s.station.Kind, &hydro.History{}, r, received, obs)
		for i := n; i < len(obs); i++ {
			o := &obs[i]
			late := fmt.Sprintf("late: %s old, beyond the %s that quality control remembers", e.now.Sub(r.At).Round(time.Minute), retention)
			if o.Why != "" {
				late = o.Why + "; " + late
			}
			s.old(o, o.Quality)
			o.Quality, o.Tests, o.Why = max(o.Quality, hydro.Suspect), o.Tests|hydro.TestLate, late
		}
		return obs
	}
	if r.Variable == hydro.Rain && !e.now.IsZero() {
		if last, ok := s.History.Last(); ok && r.At.UnixMilli() <= last.At {
			e.rememberSums(i)
		}
	}
	s.Datum = r.Datum
	newest := int64(-1 << 62)
	if last, ok := s.History.Last(); ok {
		newest = last.At
	}
	n := len(obs)
	obs = quality.Check(s.parameter, s.station.Kind, &s.History, r, received, obs)
	for k := n; k < len(obs); k++ {
		s.note(&obs[k])
		if obs[k].At.Equal(r.At) { // not one that it made to be judged anew
			e.late(s, &obs[k], newest)
		}
	}
	return obs
}

// note takes note of what was given out about a sample of s.
func (s *series) note(o *hydro.Observation) {
	ms := o.At.UnixMilli()
	s.Changed.Add(ms)
	if o.Why != "" && ms >= s.WhyAt {
		s.Why, s.WhyAt = o.Why, ms
	}
}

// judge carries out the tests that compare series with each other, on what came
// since the last tick. Like all decisions they are taken on ticks alone.
func (e *Engine) judge(oldest int64, outs []hydro.Output) []hydro.Output {
	e.scratch.seen = slices.Grow(e.scratch.seen[:0], e.net.Len())[:e.net.Len()]
	seen := e.scratch.seen
	clear(seen)
	for i := range e.series {
		if s := &e.series[i]; s.slot >= 0 {
			seen[s.slot] = quality.Series{History: &s.History, Datum: s.Datum, Changed: &s.Changed}
		}
	}
	obs := e.net.Judge(seen, oldest, &e.scratch.memo, nil)
	for k := range obs {
		s := &e.series[e.index[obs[k].Key]]
		if ms := obs[k].At.UnixMilli(); ms >= s.WhyAt {
			s.Why, s.WhyAt = obs[k].Why, ms
		}
	}
	if len(obs) > 0 {
		outs = append(outs, hydro.Output{Observations: obs})
	}
	return outs
}

// forgotten reports whether an instant lies beyond what the engine remembers.
func (e *Engine) forgotten(at time.Time) bool {
	return !e.now.IsZero() && at.Before(e.now.Add(-retention))
}

// rememberSums keeps the accumulations of series i as they were before this
// batch's late rain.
func (e *Engine) rememberSums(i int) {
	for _, h := range e.scratch.healed {
		if h.series == i {
			return
		}
	}
	e.scratch.healed = append(e.scratch.healed, healed{i, e.sums(i)})
}

func (e *Engine) auditHealed(h healed, received time.Time, outs []hydro.Output) []hydro.Output {
	s := &e.series[h.series]
	for _, c := range accumulation.Changed(h.before, e.sums(h.series)) {
		window := c.Window.String()
		if c.Window == 0 {
			window = "hydrological day"
		}
		outs = append(outs, hydro.Output{Audit: &hydro.Audit{
			At: received, Kind: "accumulation_healed", Station: s.Key.Station, Before: c.Before, After: c.After,
			Text: fmt.Sprintf("late rain: %s up to %s was %.1f mm, is %.1f mm", window, e.now.Format(time.RFC3339), c.Before, c.After),
		}})
	}
	return outs
}

func (e *Engine) sums(i int) []accumulation.Sum {
	basin, _ := e.cat.Basin(e.basin)
	return accumulation.Sums(&e.series[i].History, e.now, basin.Season.HydrologicalDayStart, e.zone(i), nil)
}

// zone returns the zone of the hydrological day at a series' station.
func (e *Engine) zone(i int) *time.Location {
	if st := e.series[i].station; st != nil {
		return st.Location()
	}
	return time.UTC
}

func (e *Engine) refuse(r hydro.Refusal, received time.Time) {
	i, found := slices.BinarySearchFunc(e.refusals, r, func(x refusal, r hydro.Refusal) int {
		return cmp.Or(cmp.Compare(x.Refusal.Station, r.Station), cmp.Compare(x.Refusal.Variable, r.Variable))
	})
	if found {
		e.refusals[i] = refusal{r, received}
		return
	}
	e.refusals = slices.Insert(e.refusals, i, refusal{r, received})
}

func (e *Engine) applyTick(t hydro.Tick) []hydro.Output {
	now := t.At
	if e.cat == nil || !now.After(e.now) {
		return nil
	}
	e.now = now
	before := now.Add(-retention).UnixMilli()
	for i := range e.series {
		e.series[i].History.Prune(before)
	}
	e.forget()
	outs := e.judge(before, nil)
	outs = e.watchForecast(e.runForecast(now.Add(-t.Settle), outs))
	var warnings []hydro.Warning
	e.alertBefore = e.alertState
	e.alertState, warnings = e.rules.Evaluate(e.alertState, alert.Evidence{
		Now: now, History: e.history, Rain: e.rain, Forecast: e.latest, Refusal: e.refusal,
		RainAhead: e.rainAhead(), Fallen: e.fallen,
	})
	var groups []hydro.GroupChange
	e.groupState, groups = e.groups.Step(e.groupState, group.Evidence{Now: now, Stations: e.rules.Standings(e.alertState), Forecast: e.latest}, warnings)
	for i := range warnings {
		w := &warnings[i]
		// Of time and station, not of the log's sequence: resends after a broken
		// link add inputs but must not change a warning's name.
		w.ID = fmt.Sprintf("%s/%s/%s", e.basin, w.At.UTC().Format("20060102T150405Z"), w.Station)
		w.Basin, w.Catalogue = e.basin, e.cat.Version
		outs = append(outs, hydro.Output{Warning: w})
	}
	for i := range groups {
		outs = append(outs, hydro.Output{Group: &groups[i]})
	}
	outs = e.hindsight(outs)
	return e.reviewRegister(e.requestRates(e.applyTickDuty(warnings, outs)))
}

// requestRates asks stations to report faster, or no longer, by where stations
// stand now.
func (e *Engine) requestRates(outs []hydro.Output) []hydro.Output {
	if !e.rates.On() && len(e.rateState.Requests) == 0 {
		return outs
	}
	standing := make([]reporting.Standing, len(e.alertState.Stations))
	for i := range e.alertState.Stations {
		s := &e.alertState.Stations[i]
		standing[i] = reporting.Standing{Station: s.Station, Stage: s.Stage}
	}
	var changes []hydro.RateRequest
	e.rateState, changes = e.rates.Evaluate(e.rateState, standing, e.now)
	for part := range slices.Chunk(changes, maxRateRequests) {
		outs = append(outs, hydro.Output{Rate: &hydro.RateChange{At: e.now, Requests: part}})
	}
	return outs
}

// maxRateRequests of one output keep its message below 1 MB.
const maxRateRequests = 2000

// reviewRegister finds what departments say differently, and notes what is new
// and what is settled.
func (e *Engine) reviewRegister(outs []hydro.Output) []hydro.Output {
	var changes []register.Change
	e.conflicts, changes = e.register.Evaluate(e.conflicts, register.Evidence{Now: e.now, History: e.history})
	for i := range changes {
		kind := "conflict_settled"
		if changes[i].Opened {
			kind = "conflict_opened"
		}
		c := &changes[i].Conflict
		outs = append(outs, hydro.Output{Audit: &hydro.Audit{At: e.now, Kind: kind, Station: c.Station, Text: c.Line()}})
	}
	return outs
}

// runForecast runs the forecast if it is due: once in every Settings.Every, and
// in between when a gauge rises markedly. A run's T0 is the instant up to which
// readings are expected in, cut to the computing step; no two runs share one.
func (e *Engine) runForecast(settled time.Time, outs []hydro.Output) []hydro.Output {
	basin, _ := e.cat.Basin(e.basin)
	t0 := settled.Truncate(basin.Settings.Step)
	if !t0.After(e.lastRun) {
		return outs
	}
	trigger := "schedule"
	if !e.lastRun.IsZero() && t0.Truncate(basin.Settings.Every).Equal(e.lastRun.Truncate(basin.Settings.Every)) {
		station, rising := e.model.Rising(t0, e.history)
		if !rising {
			return outs
		}
		trigger = "rise at " + station
	}
	e.lastRun = t0
	f, state, err := e.model.WithEach(e.each).Run(e.forecastState, t0, trigger, e.history, e.Ahead())
	e.watch.ran(err)
	if err != nil {
		return append(outs, hydro.Output{Audit: &hydro.Audit{At: e.now, Kind: "forecast_failed", Text: err.Error()}})
	}
	e.forecastState, e.latest = state, &f
	e.forecasts++
	return append(outs, hydro.Output{Forecast: &f})
}

func (e *Engine) history(k hydro.Key) *hydro.History {
	if i, ok := e.index[k]; ok {
		return &e.series[i].History
	}
	return nil
}

// rain returns the accumulation of a station's rain in a window that ends now.
func (e *Engine) rain(station string, window time.Duration) (mm, coverage float64, ok bool) {
	i, ok := e.rainSeries(station)
	if !ok {
		return 0, 0, false
	}
	for _, s := range e.sums(i) {
		if s.Window == window {
			return s.Rain, s.Coverage, true
		}
	}
	return 0, 0, false
}

// fallen returns the rain that a station reported in (from, to], and the share of
// that time that its reports cover.
func (e *Engine) fallen(station string, from, to time.Time) (mm, coverage float64) {
	i, ok := e.rainSeries(station)
	if !ok {
		return 0, 0
	}
	s := accumulation.Between(&e.series[i].History, from, to)
	return s.Rain, s.Coverage
}

// rainSeries returns the series that a station's accumulations are made of: its
// first rain gauge in the catalogue, measured or from a counter.
func (e *Engine) rainSeries(station string) (int, bool) {
	st, ok := e.cat.Station(station)
	if !ok {
		return 0, false
	}
	for _, p := range st.Parameters {
		if p.Variable == hydro.Rain || p.Variable == hydro.RainCounter {
			i, ok := e.index[hydro.Key{Station: station, Variable: hydro.Rain, Sensor: p.Sensor}]
			return i, ok
		}
	}
	return 0, false
}

// refusal returns the latest refusal of a station's readings if it is recent
// enough to explain why the station is not seen. Of several variables that were
// refused at one time, the first in the order of hydro.Variables speaks.
func (e *Engine) refusal(station string) (hydro.Refusal, bool) {
	window := e.blindWindow(station)
	first, _ := slices.BinarySearchFunc(e.refusals, station, func(x refusal, id string) int { return cmp.Compare(x.Refusal.Station, id) })
	var latest refusal
	for _, r := range e.refusals[first:] {
		if r.Refusal.Station != station {
			break
		}
		if e.now.Sub(r.Received) <= window && r.Received.After(latest.Received) {
			latest = r
		}
	}
	return latest.Refusal, !latest.Received.IsZero()
}

// blindWindow returns how long a refusal explains that a station is not seen; 0
// for one that the catalogue in force does not know.
func (e *Engine) blindWindow(station string) time.Duration {
	st, ok := e.cat.Station(station)
	if !ok {
		return 0
	}
	basin, _ := e.cat.Basin(e.basin)
	var window time.Duration
	for _, p := range st.Parameters {
		window = max(window, time.Duration(basin.Settings.BlindAfter+1)*p.Interval)
	}
	return window
}
