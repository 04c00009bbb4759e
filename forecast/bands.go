package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/band"
	"freshet/forecast/updating"
	"freshet/internal/hydro"
)

// The parameters of every gauge's band; see forecast/band.
const (
	bandOffset = 1.0  // m³/s
	bandGain   = 0.01 // of the correction of levels

	// leastErrors is how many past errors in a situation like this one a lead needs
	// before a band is told: with fewer, the outer quantiles are one or two floods.
	leastErrors = 24
	// farEvery is each how many steps a forecast without rain is followed to the
	// horizon.
	farEvery = 6
	// rainFactors stand for the rain of a forecast that has no members, and as many at
	// least for the soil water.
	rainFactors = 9
)

// What a band rests on, for the honesty line.
const (
	basisDry    = "errors of past runs without a rain forecast"
	basisRained = "errors of past runs with the rain that fell"
	basisWider  = "; beyond %g h widened as they grew up to there"
)

// mostSteps is how many steps all bands of a run have at most, where leads that are
// learnt with the rain known do not need more: a run is one message of the log, of 8 MB
// at most, and a step takes some 120 bytes of it.
const mostSteps = 40_000

// mostTold is how many leads a band has at most, as many as a store takes.
const mostTold = 720

// Bands is what the past forecasts at one gauge have taught, in runs that knew of
// no further rain and in runs that knew the rain that fell. It is never changed in
// place, so that states may share it.
type Bands struct {
	At          time.Time     // of the last step
	Step        time.Duration // between leads
	Dry, Rained band.State
}

// A mark is an instant of a run whose state is kept.
type mark struct {
	at    int // an index of the run
	state State
}

// addBand finds the leads of bands. They reach to the horizon. A band learns from
// hindcasts that begin where a state is stored, the warm-up before now. Those that
// know the rain end where the rain of today may not be complete yet, and the band
// widens from there on. Those that know of no rain go on to the horizon, though each
// sixth hour only: they wait for what will be observed.
func (k *compiler) addBand() {
	m := k.m
	m.bandStep = m.settings.OutputStep
	for m.bandStep < time.Hour {
		m.bandStep += m.settings.OutputStep
	}
	if m.settings.NoBand {
		return
	}
	known := m.settings.Warmup - m.settings.Step
	for i := range m.gauges {
		for j := range m.gauges[i].series {
			known = min(known, m.settings.Warmup-m.gauges[i].series[j].interval)
		}
	}
	leads := int(min(known, m.settings.Horizon) / m.bandStep)
	if leads < 1 {
		k.note("no bands: a warm-up of %v and a horizon of %v hold no lead of %v", m.settings.Warmup, m.settings.Horizon, m.bandStep)
		return
	}
	told := min(int(m.settings.Horizon/m.bandStep), mostTold)
	var err error
	if m.dry, err = band.New(band.Parameters{Leads: leads, Far: told, Offset: bandOffset, Gain: bandGain}); err != nil {
		k.errs = append(k.errs, err)
	}
	if m.rained, err = band.New(band.Parameters{Leads: leads, Offset: bandOffset, Gain: bandGain}); err != nil {
		k.errs = append(k.errs, err)
	}
	m.leads, m.told = leads, told
	k.noteUnbanded()
	banded := 0
	for i := range m.nodes {
		n := &m.nodes[i]
		if n.banded() {
			banded++
		}
		if n.reservoir != nil && (n.gauge != nil || !n.banded()) { // of members
			banded++
		}
	}
	if m.shown = min(told, max(leads, mostSteps/max(1, banded))); m.shown < told {
		k.note("bands end after %v: those of %d stations to the horizon are too much for one run", time.Duration(m.shown)*m.bandStep, banded)
	}
}

// bandsOf returns what a state holds for the model's bands, or nil if that is
// nothing, or for other leads.
func (m *Model) bandsOf(s *NodeState) *Bands {
	if b := s.Bands; b != nil && b.Step == m.bandStep && m.dry.Fits(&b.Dry) && m.rained.Fits(&b.Rained) {
		return b
	}
	return nil
}

// mark says at which instants the run keeps its state: where the next run starts
// from, where bands learn on the way there, and now, if the rain ahead is an
// ensemble.
func (r *run) mark(ahead Ahead) {
	m := r.m
	at := []int{r.keep}
	if m.leads > 0 {
		every := m.bandStep.Milliseconds()
		for ms := r.start - floorMod(r.start, every) + every; ms <= r.now; ms += every {
			i := int((ms - r.start) / m.stepMS)
			r.hours = append(r.hours, i)
			if i < r.keep {
				at = append(at, i)
			}
		}
		if r.isEnsemble(ahead) && r.here != r.keep {
			at = append(at, r.here)
		}
	}
	slices.Sort(at)
	r.marks = make([]mark, 0, len(at))
	for _, i := range at {
		r.addMark(i)
	}
}

func (r *run) addMark(at int) {
	s := State{
		At: r.instant(at), From: r.s.From, Step: r.s.Step,
		SubBasins: make([]SubBasinState, len(r.m.subs)), Reaches: make([]ReachState, len(r.m.reaches)), Nodes: make([]NodeState, len(r.m.nodes)),
		Moisture: make([]MoistureState, len(r.m.moist)),
	}
	for i := range s.Moisture {
		s.Moisture[i].Node = r.m.nodes[r.m.moist[i].node].id // of the day nothing, but at keep
	}
	for i := range s.Nodes {
		s.Nodes[i] = NodeState{ID: r.m.nodes[i].id, Bands: r.s.Nodes[i].Bands}
	}
	r.marks = append(r.marks, mark{at, s})
}

// markAt returns the mark at an index, which must be one.
func (r *run) markAt(at int) *mark {
	return &r.marks[slices.IndexFunc(r.marks, func(mk mark) bool { return mk.at == at })]
}

// kept is the mark whose state the run returns.
func (r *run) kept() *mark { return r.markAt(r.keep) }

// isEnsemble reports whether the rain ahead of the run, or the soil on which it falls,
// has members or gets some.
func (r *run) isEnsemble(ahead Ahead) bool {
	used := r.m.leadingRain(ahead, r.m.RainOf(ahead, time.UnixMilli(r.now).UTC()))
	return used >= 0 && (ahead.Rain[used].Members > 0 || len(r.m.settings.RainSpread) > 0 || r.m.settings.InitialSpread > 0)
}

// banded reports whether the errors of a forecast can be told at n: of a gauge the
// flow, corrected or not; of a reservoir without one the inflow.
func (n *node) banded() bool {
	switch {
	case n.gauge != nil:
		return !n.tidal && (n.gauge.discharge != nil || n.gauge.level != nil && len(n.gauge.ratings) > 0)
	case n.reservoir != nil:
		return n.reservoir.inflow != nil
	}
	return false
}

// noteUnbanded says which stations have no band, and why.
func (k *compiler) noteUnbanded() {
	var tidal, blind []string
	for i := range k.m.nodes {
		if k.m.nodes[i].reservoir != nil {
			k.m.pools = append(k.m.pools, i)
		}
		n := &k.m.nodes[i]
		switch {
		case n.reservoir != nil && n.gauge != nil:
			k.m.unlearnt[1] = append(k.m.unlearnt[1], n.reservoir.station)
		case n.reservoir != nil && !n.banded():
			k.m.unlearnt[0] = append(k.m.unlearnt[0], n.reservoir.station)
		case n.gauge == nil || n.banded():
		case n.tidal:
			tidal = append(tidal, n.gauge.station)
		default:
			blind = append(blind, n.gauge.station)
		}
	}
	for _, x := range []struct {
		stations []string
		why      string
	}{{tidal, "the tide hides what the forecast errs by"}, {blind, "no flow is observed and no rating makes one of its level"}} {
		if len(x.stations) > 0 {
			slices.Sort(x.stations)
			k.note("no band at %s: %s", strings.Join(x.stations, ", "), x.why)
		}
	}
}

// A gauged is what a run found at a gauge that observes the flow, or a reservoir
// its inflow.
type gauged struct {
	node    int
	station int       // index in stations
	seen    []float64 // the observed flow at each of the run's hours, m³/s; NaN where there is none
	reading reading
	offset  float64 // of the level at index here, m

	unsolved int // number of the first member of the rain ahead without a solution here; 0: none
}

// seen takes what the gauge at node i observed at the run's hours.
func (r *run) seen(i int) {
	g := gauged{node: i, seen: make([]float64, len(r.hours))}
	for j, at := range r.hours {
		g.seen[j] = r.observed[at-1]
	}
	r.gauged = append(r.gauged, g)
}

// observe fills observed with what a series reported.
func (r *run) observe(s *series) {
	var samples []hydro.Sample
	if h := r.obs(s.key); h != nil {
		samples = h.Between(r.start-s.gapMS, r.now)
	}
	updating.Resample(usable(samples), r.start+r.m.stepMS, r.m.stepMS, s.gapMS, r.now, r.observed)
}

// bands teaches the gauges' bands by the hindcasts of the hours over which the
// state moved, and gives each station its band. What goes wrong on the way costs the
// band, and never the forecast.
func (r *run) bands(used *Rain) {
	m := r.m
	if m.leads == 0 || len(r.gauged) == 0 && len(m.pools) == 0 {
		return
	}
	learnt := 0
	cold := r.s.From.Add(m.settings.Warmup).UnixMilli()
	for j, at := range r.hours {
		if at > r.keep {
			break
		}
		if r.start+int64(at)*m.stepMS >= cold {
			r.teach(j, at, learnt == 0)
			learnt++
		}
	}
	members, ofRain, err := r.ensemble(used)
	if err != nil {
		r.note("no bands in this run: %v", err)
		return
	}
	var without []string
	has := make([]bool, len(r.gauged))
	m.beside(len(has), func(i int) { has[i] = r.band(&r.gauged[i], used != nil, members) })
	for i := range r.gauged {
		if k := r.gauged[i].unsolved; k > 0 {
			r.note("no band at %s: no solution for member %d of the rain ahead", r.stations[r.gauged[i].station].Station, k)
		}
	}
	pools := r.poolBands(members, ofRain)
	for i := range r.gauged {
		if !has[i] && !slices.Contains(pools, r.stations[r.gauged[i].station].Station) {
			without = append(without, r.stations[r.gauged[i].station].Station)
		}
	}
	if len(without) > 0 {
		r.note("no band yet at %s: fewer than %d past errors in a situation like this", strings.Join(without, ", "), leastErrors)
	}
	if used != nil && !ofRain && len(without) < len(r.gauged) {
		r.note("the band does not hold the uncertainty of the rain forecast itself: it has no members and the catalogue no rain_spread")
	}
}

// teach moves the gauges' bands over one hour by the forecasts that would have
// been issued then. first says that the bands are still those of the run's state.
func (r *run) teach(hour, at int, first bool) {
	m := r.m
	mk, kept := r.markAt(at), r.kept()
	rained := make([][]float64, len(m.subs))
	steps := m.leads * int(m.bandStep/m.settings.Step)
	ahead := m.leads
	if mk.state.At.UnixMilli()/m.bandStep.Milliseconds()%farEvery == 0 {
		ahead = m.told
	}
	for i := range rained {
		rained[i] = r.areal[i][at : at+steps]
	}
	var told [2][]hydro.StationForecast // without a rain forecast, and with the rain that fell
	var errs [2]error
	m.beside(len(told), func(i int) {
		told[i], errs[i] = m.project(mk.state, mk.state.At, r.obs, [][][]float64{nil, rained}[i], nil, [...]int{ahead, m.leads}[i])
	})
	dry, wet := told[0], told[1]
	if err := errs[0]; err != nil {
		r.note("bands learn nothing from %s without a rain forecast: %v", stamp(mk.state.At.UnixMilli()), err)
	}
	if err := errs[1]; err != nil {
		r.note("bands learn nothing from %s with the rain that fell: %v", stamp(mk.state.At.UnixMilli()), err)
	}
	for i := range r.gauged {
		g := &r.gauged[i]
		node := &kept.state.Nodes[g.node]
		b := m.bandsOf(node)
		switch {
		case b == nil:
			b = &Bands{At: mk.state.At, Step: m.bandStep, Dry: m.dry.Start(), Rained: m.rained.Start()}
		case first:
			b = &Bands{At: b.At, Step: b.Step, Dry: b.Dry.Clone(), Rained: b.Rained.Clone()}
		}
		m.pass(m.dry, &b.Dry, b.At, mk.state.At)
		m.pass(m.rained, &b.Rained, b.At, mk.state.At)
		m.dry.Step(&b.Dry, g.seen[hour], m.atLeads(dry, g, ahead, m.dry.Last()))
		m.rained.Step(&b.Rained, g.seen[hour], m.atLeads(wet, g, m.leads, m.leads))
		b.At = mk.state.At
		node.Bands = b
	}
}

// pass moves a band over hours of which nothing is known, up to the step that
// ends at an instant.
func (m *Model) pass(b band.Model, s *band.State, from, to time.Time) {
	missed := int(to.Sub(from)/m.bandStep) - 1
	for range min(missed, b.Last()) {
		b.Step(s, math.NaN(), nil)
	}
}

// atLeads returns the discharge of a gauge's forecast at each lead up to ahead, and
// NaN from there up to n; nil where there is no forecast.
func (m *Model) atLeads(stations []hydro.StationForecast, g *gauged, ahead, n int) []float64 {
	if stations == nil || stations[g.station].Discharge == nil {
		return nil
	}
	values := stations[g.station].Discharge
	out := make([]float64, n)
	every := int(m.bandStep / m.settings.OutputStep)
	for l := range out {
		out[l] = math.NaN()
		if l < ahead {
			out[l] = values[(l+1)*every-1]
		}
	}
	return out
}

// project computes the forecasts, over so many leads of bands, of a run at now from
// a state of the grid's last instant, with that rain per sub-basin, mm per step, and
// those plans. They stand in the order of any run's stations before it sorts them, without
// values where there is no solution. A panic becomes an error.
func (m *Model) project(s State, now time.Time, obs Source, rain [][]float64, plans []schedule, leads int) (stations []hydro.StationForecast, err error) {
	defer func() {
		if p := recover(); p != nil {
			stations, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	r := newRun(m, s, now, obs, time.Duration(leads)*m.bandStep) // without a mark: nobody goes on from it
	r.once = true                                                // a part that starts anew starts now, without a warm-up, and nobody is told
	r.ahead, r.schedules = rain, plans
	r.runoff, r.areal = make([][]float64, len(m.subs)), make([][]float64, len(m.subs))
	for i := range m.subs {
		r.areal[i] = make([]float64, r.end)
		if r.ahead != nil {
			copy(r.areal[i], r.ahead[i])
		}
	}
	r.grounds()
	r.nodes()
	return r.stations, nil
}

// band gives a station its band, and its thresholds their chances. It reports
// whether there is one.
func (r *run) band(g *gauged, rained bool, members [][]hydro.StationForecast) bool {
	m := r.m
	f := &r.stations[g.station]
	b := m.bandsOf(&r.kept().state.Nodes[g.node])
	if b == nil {
		return false
	}
	// What was observed since the state answers hindcasts from before it, and says
	// how the river moves.
	model, s := m.dry, b.Dry
	if rained {
		model, s = m.rained, b.Rained
	}
	s = s.Clone()
	at := b.At
	for j, i := range r.hours {
		if t := r.instant(i); t.After(at) {
			m.pass(model, &s, at, t)
			model.Step(&s, g.seen[j], nil)
			at = t
		}
	}
	flows := make([][]float64, 0, max(1, len(members)))
	for k, member := range members {
		flow := m.atLeads(member, g, m.told, m.told)
		if flow == nil {
			g.unsolved = k + 1 // told later: bands are made side by side
			return true
		}
		flows = append(flows, flow)
	}
	if len(flows) == 0 {
		flows = append(flows, m.atLeads(r.stations, g, m.told, m.told))
	}
	steps := make([]band.Band, m.told)
	model.Quantiles(&s, flows, steps)
	n := 0
	for n < m.shown && steps[n].Errors >= leastErrors {
		n++
	}
	if n == 0 {
		return false
	}
	r.tell(f, g, steps[:n])
	for i := range flows {
		flows[i] = flows[i][:n]
	}
	r.chances(f, g, model, &s, flows)
	return true
}

// tell writes the band, of flow and of level.
func (r *run) tell(f *hydro.StationForecast, g *gauged, steps []band.Band) {
	f.Band = make([]hydro.BandStep, len(steps))
	for l, b := range steps {
		to := &f.Band[l]
		to.Discharge, to.Errors, to.Extrapolated = b.Quantile, b.Errors, g.reading.beyond
		offset := 0.0
		if g.levels() {
			offset = r.offset(g, l)
		}
		for j, q := range b.Quantile {
			to.Level[j] = math.NaN()
			if g.levels() {
				h, beyond := g.reading.table.Level(q)
				to.Level[j] = h + offset
				to.Extrapolated = to.Extrapolated || beyond
			}
		}
	}
}

func (g *gauged) levels() bool { return g.reading.table != nil }

// offset returns what is added to the rating's level at a lead, m.
func (r *run) offset(g *gauged, lead int) float64 {
	decay := r.m.nodes[g.node].gauge.corrector.Decay()
	ms := r.now - (r.start + int64(r.here)*r.m.stepMS) + int64(lead+1)*r.m.bandStep.Milliseconds()
	return g.offset * math.Pow(decay, float64(ms)/float64(r.m.stepMS))
}

// chances says how probable each crossing is within the members' leads.
func (r *run) chances(f *hydro.StationForecast, g *gauged, model band.Model, s *band.State, members [][]float64) {
	m, n := r.m, len(members[0])
	now := time.UnixMilli(r.now).UTC()
	threshold, by, worst := make([]float64, n), make([]float64, n), make([]float64, 2*len(members))
	for i := range f.Crossings {
		c := &f.Crossings[i]
		if c.Variable == hydro.WaterLevel && !g.levels() { // a reservoir's: its band is of inflow
			continue
		}
		c.Chance.Until = now.Add(time.Duration(n) * m.bandStep)
		c.Chance.Extrapolated = g.reading.beyond
		met := f.NowDischarge
		for l := range threshold {
			threshold[l] = c.Threshold
			if c.Variable == hydro.WaterLevel {
				met = f.NowLevel
				var beyond bool
				threshold[l], beyond = g.reading.table.Discharge(c.Threshold - r.offset(g, l))
				c.Chance.Extrapolated = c.Chance.Extrapolated || beyond
			}
		}
		if met >= c.Threshold {
			c.Chance.Probability, c.Chance.Early, c.Chance.Middle, c.Chance.Late = 1, now, now, now
			continue
		}
		told := model.Cross(s, math.Inf(-1), members, threshold, by, worst) // that it is not met now is known
		c.Chance.Uncalibrated = told.Paths == 0 || !s.Judged.Calibrated()
		p := by[n-1]
		c.Chance.Probability = p
		if p > 0 {
			at := func(share float64) time.Time {
				lead := band.When(by, share*p)
				return now.Add(time.Duration(math.Round(lead*m.bandStep.Seconds())) * time.Second)
			}
			c.Chance.Early, c.Chance.Middle, c.Chance.Late = at(0.1), at(0.5), at(0.9)
		}
	}
}

// floorMod is the remainder of a division that rounds down, b > 0.
func floorMod(a, b int64) int64 { return (a%b + b) % b }
