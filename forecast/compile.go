package forecast

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/band"
	"freshet/forecast/rating"
	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/forecast/updating"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Model is one basin's forecast, compiled from a catalogue. It is immutable
// and safe for concurrent use.
type Model struct {
	basin        string
	version      string
	settings     catalog.Settings
	stepMS       int64
	dt           float64 // s
	nodes        []node  // upstream first
	reaches      []reach
	subs         []subBasin
	moist        []moisture
	gauges       []rainSite // ascending by the first station
	twins        int        // gauges of rain at a site beside its first
	pans         []pan
	area         float64  // of all sub-basins, km²
	notes        []string // that hold for every run
	illustrative bool
	reservoirs   bool
	rising       []series // levels that may trigger a run, ascending by station
	rainStations []rainStation
	tideStations []tideStation // ascending
	dry, rained  band.Model
	bandStep     time.Duration // between the leads of bands
	leads        int           // of bands, learnt with the rain known; 0: no bands
	told         int           // of bands, up to the horizon
	shown        int           // of those, in a run
	pools        []int         // nodes with a reservoir
	unlearnt     [2][]string   // stations of those of which no band is learnt, by why: see unlearntWhy
	each         Each          // nil: one after the other
}

// A series is one series of a station, as far as a run reads it.
type series struct {
	key     hydro.Key
	staleMS int64 // older than this it does not speak for now
	gapMS   int64 // samples at most this far apart are joined by a line

	interval time.Duration // of reports
}

type node struct {
	id        string
	out       int        // index of the reach that leaves, or -1
	to        int        // index of the node at its end
	subs      []int      // indices of the sub-basins that drain here
	keep      float64    // share of what arrives that a plain diversion leaves
	divert    *diversion // nil: none, or a plain one
	local     float64    // steady local flow, m³/s
	steady    float64    // flow when it has not rained for long, m³/s
	tidal     bool
	estuary   *estuary // nil: no level follows from a tide
	gauge     *gauge
	reservoir *reservoir
	updating  catalog.Updating // what is switched off
	moist     int              // number of its adjustment of soil moisture, from 1; 0: none
}

type gauge struct {
	station   string
	datum     hydro.Datum
	discharge *series // nil if not measured
	level     *series // nil if not measured
	updates   bool    // observations here correct the flow
	corrector *updating.Corrector
	apart     bool // what they correct does not run on downstream
	ratings   []ratingFrom
	tables    []tableFrom
}

type reservoir struct {
	id, station            string
	datum                  hydro.Datum
	outflow, inflow, level *series
	updates                bool // observed inflow corrects the computed one
	corrector              *updating.Corrector
	curve                  *rating.Table // level against storage; nil if the catalogue has none
	tables                 []tableFrom
	pool                   *levelpool.Reservoir // nil if the catalogue has no outlets, or nothing tells the level
	limits                 []levelpool.Period
	minimum                []levelpool.Floor
	zone                   *time.Location // of the limit levels' days
	below                  *place         // where the limit for the river below counts; nil: at the dam
}

type ratingFrom struct {
	from  time.Time
	table *rating.Table
}

type tableFrom struct {
	from       time.Time
	thresholds []catalog.Threshold // of forecasts, mildest stage first
}

// Compile builds the model of a basin. The error wraps hydro.ErrNotFound if the
// catalogue has no such basin, and hydro.ErrInvalid, with all that is wrong, if
// the network is no forest of rivers, a setting is out of range, or a method
// refuses its parameters (such as an unstable reach, with the numbers).
func Compile(c *catalog.Catalog, basin string) (*Model, error) {
	b, ok := c.Basin(basin)
	if !ok {
		return nil, fmt.Errorf("forecast: basin %q: %w", basin, hydro.ErrNotFound)
	}
	k := &compiler{c: c, b: b, stations: map[string]int{}, nodes: map[string]int{}, m: &Model{
		basin: basin, version: c.Version, settings: b.Settings, illustrative: c.Illustrative != "",
	}}
	for i := range c.Stations {
		k.stations[c.Stations[i].ID] = i
	}
	k.compile()
	if len(k.errs) > 0 {
		return nil, fmt.Errorf("forecast: basin %q: %w: %w", basin, hydro.ErrInvalid, errors.Join(k.errs...))
	}
	return k.m, nil
}

// A compiler gathers the model and all errors. Its maps are looked up only.
type compiler struct {
	c        *catalog.Catalog
	b        *catalog.Basin
	m        *Model
	stations map[string]int
	nodes    map[string]int
	errs     []error
}

func (k *compiler) errorf(format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf(format, args...))
}

func (k *compiler) compile() {
	if !k.settings() {
		return
	}
	order := k.order()
	if len(k.errs) > 0 {
		return
	}
	for _, i := range order {
		k.addNode(&k.b.Nodes[i])
	}
	k.addReaches()
	k.addCanals()
	k.addLaterals()
	k.steadyFlows()
	k.startReaches()
	k.addPlaces()
	k.addCorrectors()
	k.addSubBasins()
	k.addRainStations()
	k.addTides()
	k.addMoisture()
	k.addRising()
	k.addBand()
}

func (k *compiler) settings() bool {
	s := &k.m.settings
	before := len(k.errs)
	if s.Step < time.Millisecond || s.Step%time.Millisecond != 0 {
		k.errorf("step %v: want whole milliseconds, more than 0", s.Step)
		return false
	}
	if s.OutputStep == 0 {
		s.OutputStep = s.Step
	}
	if s.OutputStep < 0 || s.OutputStep%s.Step != 0 {
		k.errorf("output step %v: want a multiple of the step %v", s.OutputStep, s.Step)
	}
	if s.Horizon < s.OutputStep {
		k.errorf("horizon %v: want at least the output step %v", s.Horizon, s.OutputStep)
	}
	if s.Warmup < 0 || s.Every < 0 || s.RiseWindow < 0 || s.RiseTrigger < 0 {
		k.errorf("warm-up %v, every %v, rise window %v, rise trigger %g m: want none below 0", s.Warmup, s.Every, s.RiseWindow, s.RiseTrigger)
	}
	if s.BlindAfter <= 0 {
		s.BlindAfter = 2
	}
	k.m.stepMS = s.Step.Milliseconds()
	k.m.dt = s.Step.Seconds()
	if _, err := updating.NewCorrector(s.ErrorHalfLife.Seconds(), k.m.dt, updating.Parts{}); err != nil {
		k.errs = append(k.errs, err)
	}
	return len(k.errs) == before
}

// order returns the indices of the nodes, upstream first and otherwise as in
// the catalogue.
func (k *compiler) order() []int {
	nodes := k.b.Nodes
	byID := make(map[string]int, len(nodes))
	for i, n := range nodes {
		if _, twice := byID[n.ID]; twice {
			k.errorf("node %q stands twice", n.ID)
		}
		byID[n.ID] = i
	}
	waits := make([]int, len(nodes)) // how many that must come first are still to come
	below := make([]int, len(nodes))
	joins := make([][]int, len(nodes)) // where diverted water joins
	for i, n := range nodes {
		if below[i] = -1; n.Downstream == "" {
			continue
		}
		d, ok := byID[n.Downstream]
		if !ok || d == i {
			k.errorf("node %q: downstream node %q is not another node of the basin", n.ID, n.Downstream)
			continue
		}
		below[i] = d
		waits[d]++
	}
	if len(k.errs) > 0 {
		return nil
	}
	later, held := make([][]int, len(nodes)), make([]int, len(nodes)) // reservoirs that wait for a node which feeds their place, and for how many
	for i, n := range nodes {                                         // what is diverted joins before its node is computed
		if d := n.Diversion.To; d != "" {
			to, ok := byID[d]
			if !ok || to == i {
				k.errorf("node %q: diversion to node %q: it is not another node of the basin", n.ID, d)
				return nil
			}
			joins[i] = append(joins[i], to)
			waits[to]++
		}
	}
	for _, w := range k.waits(below, joins) {
		later[w[0]] = append(later[w[0]], w[1])
		waits[w[1]]++
		held[w[1]]++
	}
	order := make([]int, 0, len(nodes))
	done := make([]bool, len(nodes))
	for len(order) < len(nodes) {
		before := len(order)
		for i, n := range nodes {
			if done[i] || waits[i] > 0 {
				continue
			}
			done[i] = true
			order = append(order, i)
			if n.Downstream != "" {
				waits[byID[n.Downstream]]--
			}
			for _, j := range joins[i] {
				waits[j]--
			}
			for _, j := range later[i] {
				waits[j]--
				held[j]--
			}
		}
		if len(order) == before {
			var ring, mutual []string
			for i, n := range nodes {
				if !done[i] && waits[i] == held[i] {
					mutual = append(mutual, n.Reservoir)
				}
				if !done[i] {
					ring = append(ring, n.ID)
				}
			}
			if len(mutual) > 0 {
				k.errorf("reservoirs %s: by downstream_at each counts what the other lets out, and none can come first: give downstream_at to one of them, and let no diversion take water off the way to its place", strings.Join(mutual, ", "))
				return nil
			}
			k.errorf("nodes %s lie on or below a ring of reaches and diversions: water must run downhill", strings.Join(ring, ", "))
			return nil
		}
	}
	return order
}

func (k *compiler) station(id, use string) *catalog.Station {
	i, ok := k.stations[id]
	if !ok {
		k.errorf("%s: station %q is not in the catalogue", use, id)
		return nil
	}
	if k.c.Stations[i].Illustrative {
		k.m.illustrative = true
	}
	return &k.c.Stations[i]
}

// series returns the station's first series of that variable, or nil.
func (k *compiler) series(s *catalog.Station, v hydro.Variable) *series {
	for _, p := range s.Parameters {
		if p.Variable != v {
			continue
		}
		return k.seriesOf(s.ID, p)
	}
	return nil
}

func (k *compiler) seriesOf(station string, p catalog.Parameter) *series {
	interval := max(p.Interval, k.m.settings.Step)
	stale := int64(k.m.settings.BlindAfter+1) * interval.Milliseconds()
	v := p.Variable
	if v == hydro.RainCounter { // its differences are a rain series of the same sensor
		v = hydro.Rain
	}
	return &series{key: hydro.Key{Station: station, Variable: v, Sensor: p.Sensor}, staleMS: stale, gapMS: max(stale, (30 * time.Minute).Milliseconds()), interval: interval}
}

func (k *compiler) addNode(n *catalog.Node) {
	m := k.m
	where := fmt.Sprintf("node %q", n.ID)
	if !(n.BaseFlow >= 0) || math.IsInf(n.BaseFlow, 0) {
		k.errorf("%s: base flow %g m³/s: want 0 or more", where, n.BaseFlow)
	}
	out := node{id: n.ID, out: -1, to: -1, keep: 1, steady: n.BaseFlow, tidal: n.Tidal, updating: n.Updating.Or(m.settings.Updating)}
	k.addDiversion(n, &out, where)
	if n.Reservoir != "" {
		out.reservoir = k.addReservoir(n, where)
		m.reservoirs = true
	}
	if n.Gauge != "" && (out.reservoir == nil || out.reservoir.station != n.Gauge) {
		out.gauge = k.addGauge(n, where)
	}
	k.nodes[n.ID] = len(m.nodes)
	m.nodes = append(m.nodes, out)
}

func (k *compiler) addGauge(n *catalog.Node, where string) *gauge {
	s := k.station(n.Gauge, where)
	if s == nil {
		return nil
	}
	g := &gauge{station: s.ID, datum: s.Datum.Name, discharge: k.series(s, hydro.Discharge), level: k.series(s, hydro.WaterLevel), tables: k.tables(s)}
	for i := range k.m.nodes {
		if o := k.m.nodes[i].gauge; o != nil && o.station == s.ID {
			k.errorf("%s: station %q gauges node %q already", where, s.ID, k.m.nodes[i].id)
		}
	}
	if n.Rating != "" {
		g.ratings = k.ratings(n.Rating, s, where)
	}
	switch {
	case n.Tidal && n.Tide != nil:
		k.note("gauge %s lies where the tide turns the flow: it corrects no flow", s.ID)
	case n.Tidal:
		k.note("level at %s depends on the tide and is not forecast; its gauge corrects nothing", s.ID)
	case g.discharge != nil || g.level != nil && len(g.ratings) > 0:
		g.updates = true
	case g.level != nil:
		k.note("%s measures a level but has no rating: it corrects nothing and no level is forecast", s.ID)
	}
	return g
}

func (k *compiler) note(format string, args ...any) {
	k.m.notes = append(k.m.notes, fmt.Sprintf(format, args...))
}

func (k *compiler) ratings(id string, s *catalog.Station, where string) []ratingFrom {
	var out []ratingFrom
	for i := range k.c.Ratings {
		r := &k.c.Ratings[i]
		if r.ID != id {
			continue
		}
		if r.Datum != s.Datum.Name {
			k.errorf("%s: rating %q is on datum %q and station %q on %q: levels on two datums cannot be compared", where, id, r.Datum, s.ID, s.Datum.Name)
			continue
		}
		t, err := compileRating(r)
		if err != nil {
			k.errorf("%s: rating %q: %w", where, id, err)
			continue
		}
		k.m.illustrative = k.m.illustrative || r.Illustrative
		k.ratingNotes(r, t)
		out = append(out, ratingFrom{r.ValidFrom, t})
	}
	if len(out) == 0 && len(k.errs) == 0 {
		k.errorf("%s: rating %q is not in the catalogue", where, id)
	}
	slices.SortStableFunc(out, func(a, b ratingFrom) int { return a.from.Compare(b.from) })
	return out
}

func (k *compiler) tables(s *catalog.Station) []tableFrom {
	var out []tableFrom
	for i := range k.c.StageTables {
		t := &k.c.StageTables[i]
		if t.Station != s.ID {
			continue
		}
		tf := tableFrom{from: t.ValidFrom}
		for _, h := range t.Thresholds {
			if !h.Forecast || h.Variable == hydro.Rain {
				continue
			}
			if h.Variable == hydro.WaterLevel && t.Datum != s.Datum.Name {
				k.note("thresholds of %s are on datum %s and its levels on %s: crossings of level are not told", s.ID, datumName(t.Datum), datumName(s.Datum.Name))
				break
			}
			tf.thresholds = append(tf.thresholds, h)
		}
		slices.SortStableFunc(tf.thresholds, func(a, b catalog.Threshold) int {
			if a.Stage != b.Stage {
				return int(a.Stage) - int(b.Stage)
			}
			return int(a.Variable) - int(b.Variable)
		})
		out = append(out, tf)
	}
	slices.SortStableFunc(out, func(a, b tableFrom) int { return a.from.Compare(b.from) })
	return out
}

func datumName(d hydro.Datum) string {
	if d == hydro.NoDatum {
		return "(not stated)"
	}
	return string(d)
}

func (k *compiler) addReservoir(n *catalog.Node, where string) *reservoir {
	for i := range k.b.Reservoirs {
		r := &k.b.Reservoirs[i]
		if r.ID != n.Reservoir {
			continue
		}
		s := k.station(r.Station, where+": reservoir "+r.ID)
		if s == nil {
			return nil
		}
		if r.Datum != s.Datum.Name {
			k.errorf("%s: the levels of reservoir %q are on datum %q and station %q on %q: levels on two datums cannot be compared", where, r.ID, r.Datum, s.ID, s.Datum.Name)
			return nil
		}
		k.m.illustrative = k.m.illustrative || r.Illustrative
		out := &reservoir{
			id: r.ID, station: s.ID, datum: s.Datum.Name, tables: k.tables(s),
			outflow: k.series(s, hydro.Outflow), inflow: k.series(s, hydro.Inflow), level: k.series(s, hydro.WaterLevel),
		}
		if len(r.Storage) > 0 {
			points := make([]rating.Point, len(r.Storage))
			for j, p := range r.Storage {
				points[j] = rating.Point{Level: p.Level, Discharge: p.Volume}
			}
			curve, err := rating.New(points, string(s.Datum.Name), 0, 0)
			if err != nil {
				k.errorf("%s: storage curve of reservoir %q: %w", where, r.ID, err)
			}
			out.curve = curve
		}
		k.addPool(out, r, s, where)
		return out
	}
	k.errorf("%s: reservoir %q is not in the basin", where, n.Reservoir)
	return nil
}

func (k *compiler) addReaches() {
	for i := range k.b.Reaches {
		r := &k.b.Reaches[i]
		from, ok1 := k.nodes[r.From]
		to, ok2 := k.nodes[r.To]
		switch {
		case !ok1 || !ok2:
			k.errorf("reach %q: from %q to %q: both must be nodes of the basin", r.ID, r.From, r.To)
			continue
		case k.m.nodes[from].out >= 0:
			k.errorf("reach %q: reach %q leaves node %q already", r.ID, k.m.reaches[k.m.nodes[from].out].id, r.From)
			continue
		case to <= from || !k.leadsTo(r.From, r.To):
			k.errorf("reach %q: the node downstream of %q is not %q", r.ID, r.From, r.To)
			continue
		}
		router, err := k.router(r)
		if err != nil {
			k.errorf("reach %q: %w", r.ID, err)
			continue
		}
		k.m.illustrative = k.m.illustrative || r.Illustrative
		k.m.nodes[from].out, k.m.nodes[from].to = len(k.m.reaches), to
		k.m.reaches = append(k.m.reaches, reach{id: r.ID, from: from, to: to, router: router})
	}
	if len(k.errs) > 0 {
		return
	}
	for _, n := range k.b.Nodes {
		if n.Downstream != "" && k.m.nodes[k.nodes[n.ID]].out < 0 {
			k.errorf("node %q: no reach leads to its downstream node %q", n.ID, n.Downstream)
		}
	}
}

func (k *compiler) leadsTo(from, to string) bool {
	for i := range k.b.Nodes {
		if k.b.Nodes[i].ID == from {
			return k.b.Nodes[i].Downstream == to
		}
	}
	return false
}

// steadyFlows splits each node's base flow into what arrives and what is local.
func (k *compiler) steadyFlows() {
	arriving := make([]float64, len(k.m.nodes))
	for i := range k.m.nodes {
		n := &k.m.nodes[i]
		here := n.keep * arriving[i]
		if d := n.divert; d != nil {
			d.steady, here = d.mean.Take(arriving[i])
			if d.canal >= 0 {
				arriving[k.m.reaches[d.canal].to] += d.steady
			}
		}
		n.local = max(0, n.steady-here)
		n.steady = here + n.local
		if n.to >= 0 {
			arriving[n.to] += n.steady + catalog.MonthValue(k.m.reaches[n.out].lateral, 0)
		}
	}
}

func (k *compiler) addRising() {
	for i := range k.m.nodes {
		if g := k.m.nodes[i].gauge; g != nil && g.level != nil && !k.m.nodes[i].tidal {
			k.m.rising = append(k.m.rising, *g.level)
		}
	}
	slices.SortFunc(k.m.rising, func(a, b series) int { return strings.Compare(a.key.Station, b.key.Station) })
}

// Rising returns the first station, ascending by id, whose observed level has
// risen by Settings.RiseTrigger or more within Settings.RiseWindow and is
// fresh: the marked rise that asks for a run before the next one is due. A
// gauge with tide is not looked at. It remembers nothing: as long as the rise
// lasts it is told.
func (m *Model) Rising(now time.Time, obs Source) (station string, ok bool) {
	if m.settings.RiseTrigger == 0 {
		return "", false
	}
	nowMS := now.UnixMilli()
	for i := range m.rising {
		s := &m.rising[i]
		h := obs(s.key)
		if h == nil {
			continue
		}
		samples := h.Between(nowMS-m.settings.RiseWindow.Milliseconds()-1, nowMS)
		low, last, found := math.Inf(1), hydro.Sample{}, false
		for _, v := range samples {
			if v.Quality.Usable() {
				low, last, found = min(low, v.Value), v, true
			}
		}
		if found && nowMS-last.At <= s.staleMS && last.Value-low >= m.settings.RiseTrigger-1e-9 {
			return s.key.Station, true
		}
	}
	return "", false
}
