package alert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Rules are a basin's stage tables and settings, made ready to decide. They are
// immutable and safe for concurrent use.
type Rules struct {
	zone        *time.Location
	deadBand    float64 // m
	deadShare   float64 // share of the threshold
	timing      timing  // of ladders that state none of their own
	riseTrigger float64 // m within riseWindow, in ms, by which a reach is known to rise; 0: never
	riseWindow  int64
	stations    []station
	ladders     []ladderKey // all stations' ladders, in the order of stations
}

// A station is what the rules know of one station.
type station struct {
	id             string
	nameZH, nameEN string
	datum          hydro.Datum
	offsets        []catalog.DatumOffset // declared: add to a level on From
	gauges         []gauge               // its parameters
	sights         [sights][]int         // its gauges by class: what is watched where no table says more
	tables         []table               // ascending by from
	maintenance    []catalog.Window
	first, count   int // its part of the ladders

	reservoir  *catalog.Reservoir // nil: it is the station of none
	zone       *time.Location     // of the days of its limit levels
	department hydro.Department
	gateway    string
	reach      []int // stations next to it on the river, and at its own place
}

// A gauge is one series that a station reports. Times are in milliseconds.
type gauge struct {
	key                     hydro.Key
	interval, grace, window int64
}

// A table is one stage table.
type table struct {
	from         time.Time
	illustrative bool
	profile      *catalog.Profile // that some steps come from; nil: none
	ladders      [][]step         // for each ladder of the station, ascending by stage; empty if not in this table
	timings      []timing         // for each ladder of the station
	sights       [sights][]int    // gauges that are watched: those that the observed leg rests on, else those of the station
}

// What is watched by itself. Gauges are of three classes, of which one does not
// stand for another: dry weather does not say that the river is low. Where a stage
// table names quantities of the river, each of them is a sight of its own: a dead
// level gauge is not replaced by a flow that has thresholds of its own.
const (
	river = iota // level, flow, inflow: any of them, where no table names one
	sky          // rain
	works        // storage, outflow, gates, a pan: counts only at a station that has neither of the others
	level        // what a table names of the river
	flow
	inflow
	sights = iota
)

var sightNames = [sights]string{"river", "sky", "works", "water_level", "discharge", "inflow"}

// classOf returns river, sky or works.
func classOf(v hydro.Variable) int {
	switch sight := sightOf(v); sight {
	case level, flow, inflow:
		return river
	default:
		return sight
	}
}

// sightOf returns the sight of a quantity that a stage table names.
func sightOf(v hydro.Variable) int {
	switch v {
	case hydro.WaterLevel:
		return level
	case hydro.Discharge:
		return flow
	case hydro.Inflow:
		return inflow
	case hydro.Rain, hydro.RainCounter:
		return sky
	case hydro.Storage, hydro.Outflow, hydro.GateOpening, hydro.PanEvaporation:
	}
	return works
}

// A step is a threshold in the station's datum.
type step struct {
	stage   hydro.Stage
	value   float64
	years   float64 // the return period that it stands for; 0: none
	profile bool    // it comes from the table's profile
}

// A timing is the dwell, in ms, and the persistence, in runs, of one ladder.
type timing struct{ raise, lower, persistence int64 }

// A ladderKey names a ladder.
type ladderKey struct {
	station  string
	forecast bool
	variable hydro.Variable
	window   time.Duration
	measure  hydro.Basis
	of       hydro.Stage
}

func (l *Ladder) key() ladderKey {
	return ladderKey{l.Station, l.Forecast, l.Variable, l.Window, l.Basis, l.Of}
}

// ladder returns a ladder that has seen nothing.
func (k ladderKey) ladder() Ladder {
	return Ladder{Station: k.station, Forecast: k.forecast, Variable: k.variable, Window: k.window, Basis: k.measure, Of: k.of, Lost: true}
}

func (k ladderKey) compare(o ladderKey) int {
	return cmp.Or(
		cmp.Compare(k.station, o.station),
		cmp.Compare(number(k.forecast), number(o.forecast)),
		cmp.Compare(k.variable, o.variable),
		cmp.Compare(k.window, o.window),
		cmp.Compare(k.measure, o.measure),
		cmp.Compare(k.of, o.of),
	)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Compile makes the rules of one basin from a catalogue. Settings that are zero
// take their least value: no dwell, no dead-band, one run; BlindAfter takes 2.
// The error wraps hydro.ErrNotFound if there is no such basin, and
// hydro.ErrInvalid, naming every table at fault, if a level threshold stands on
// a datum for which its station declares no offset, or a threshold cannot be
// used.
func Compile(c *catalog.Catalog, basin string) (*Rules, error) {
	b, ok := c.Basin(basin)
	if !ok {
		return nil, fmt.Errorf("alert rules: basin %q: %w", basin, hydro.ErrNotFound)
	}
	zone, err := location(b.Season.Zone)
	if err != nil {
		return nil, fmt.Errorf("alert rules: basin %q: %w", basin, err)
	}
	set := b.Settings
	r := &Rules{
		zone:        zone,
		deadBand:    set.DeadBand,
		deadShare:   set.DeadBandShare,
		timing:      timing{set.DwellRaise.Milliseconds(), set.DwellLower.Milliseconds(), int64(max(set.Persistence, 1))},
		riseTrigger: set.RiseTrigger,
		riseWindow:  set.RiseWindow.Milliseconds(),
	}
	if !(set.DeadBand >= 0) || !(set.DeadBandShare >= 0 && set.DeadBandShare < 1) || set.DwellRaise < 0 || set.DwellLower < 0 {
		return nil, fmt.Errorf("alert rules: basin %q: dead-band or dwell is negative, or the dead-band share is 1 or more: %w", basin, hydro.ErrInvalid)
	}
	blindAfter := set.BlindAfter
	if blindAfter < 1 {
		blindAfter = 2
	}
	var problems []error
	for i := range c.Stations {
		s := &c.Stations[i]
		if s.Basin != basin || len(s.Parameters) == 0 {
			continue
		}
		st, errs := compileStation(c, s, blindAfter)
		problems = append(problems, errs...)
		r.stations = append(r.stations, st)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("alert rules: basin %q: %w", basin, errors.Join(problems...))
	}
	slices.SortFunc(r.stations, func(a, b station) int { return cmp.Compare(a.id, b.id) })
	for i := range r.stations {
		r.stations[i].compileLadders(c, r)
	}
	r.compileReaches(c, b)
	return r, nil
}

// compileReaches finds out which river stations lie next to each other: each
// with those at its own node and at the next node downstream that has any.
func (r *Rules) compileReaches(c *catalog.Catalog, b *catalog.Basin) {
	at := map[string][]int{} // stations by node
	downstream := map[string]string{}
	for i := range b.Nodes {
		n := &b.Nodes[i]
		downstream[n.ID] = n.Downstream
		for j := range r.stations {
			if st := &r.stations[j]; len(st.sights[river]) > 0 && standsAt(c, b, n, st.id) {
				at[n.ID] = append(at[n.ID], j)
			}
		}
	}
	join := func(i, j int) {
		if st := &r.stations[i]; i != j && !slices.Contains(st.reach, j) {
			st.reach = append(st.reach, j)
		}
	}
	for i := range b.Nodes {
		id := b.Nodes[i].ID
		next := downstream[id]
		for next != "" && len(at[next]) == 0 {
			next = downstream[next]
		}
		for _, j := range at[id] {
			for _, k := range slices.Concat(at[id], at[next]) {
				join(j, k)
				join(k, j)
			}
		}
	}
	for i := range r.stations {
		slices.Sort(r.stations[i].reach)
	}
}

// standsAt reports whether a station is the gauge or the reservoir of a node, or
// stands at the site of that.
func standsAt(c *catalog.Catalog, b *catalog.Basin, n *catalog.Node, id string) bool {
	owners := []string{n.Gauge}
	for i := range b.Reservoirs {
		if b.Reservoirs[i].Node == n.ID {
			owners = append(owners, b.Reservoirs[i].Station)
		}
	}
	if slices.Contains(owners, id) {
		return true
	}
	st, ok := c.Station(id)
	if !ok || st.Site == "" {
		return false
	}
	return slices.ContainsFunc(owners, func(owner string) bool {
		o, ok := c.Station(owner)
		return ok && o.Site == st.Site
	})
}

// compileStation takes a station's gauges and checks its tables.
func compileStation(c *catalog.Catalog, s *catalog.Station, blindAfter int) (station, []error) {
	st := station{id: s.ID, nameZH: s.NameZH, nameEN: s.NameEN, datum: s.Datum.Name, maintenance: s.Maintenance, department: s.Department, gateway: s.Gateway}
	st.offsets = slices.Clone(s.Datum.Accepts)
	if s.Datum.To1985 != nil && !s.Datum.To1985Assumed { // an assumed offset is for showing, not for warning
		st.offsets = append(st.offsets, catalog.DatumOffset{From: hydro.National1985, Add: -*s.Datum.To1985, Source: s.Datum.To1985Source})
	}
	for _, p := range s.Parameters {
		g := gauge{key: hydro.Key{Station: s.ID, Variable: p.Variable, Sensor: p.Sensor}, interval: p.Interval.Milliseconds()}
		// A packet lost and the next one a minute late is not yet blindness.
		g.grace = max(min(g.interval/4, (5*time.Minute).Milliseconds()), time.Minute.Milliseconds())
		g.window = int64(blindAfter)*g.interval + g.grace
		st.gauges = append(st.gauges, g)
	}
	slices.SortFunc(st.gauges, func(a, b gauge) int {
		return cmp.Or(cmp.Compare(a.key.Variable, b.key.Variable), cmp.Compare(a.key.Sensor, b.key.Sensor))
	})
	for i := range st.gauges {
		c := classOf(st.gauges[i].key.Variable)
		st.sights[c] = append(st.sights[c], i)
	}
	if len(st.sights[river])+len(st.sights[sky]) > 0 {
		st.sights[works] = nil
	}
	st.zone = s.Location()
	if b, ok := c.Basin(s.Basin); ok {
		for i := range b.Reservoirs {
			if b.Reservoirs[i].Station == s.ID {
				st.reservoir = &b.Reservoirs[i]
			}
		}
	}
	var problems []error
	for i := range c.StageTables {
		t := &c.StageTables[i]
		if t.Station != s.ID {
			continue
		}
		for _, th := range t.Thresholds {
			if err := st.check(t, th); err != nil {
				problems = append(problems, err)
			}
		}
		for i := range t.Conditions {
			if err := st.checkCondition(t, &t.Conditions[i]); err != nil {
				problems = append(problems, err)
			}
		}
	}
	return st, problems
}

// check returns an error unless a threshold can be used at the station.
func (st *station) check(t *catalog.StageTable, th catalog.Threshold) error {
	where := fmt.Sprintf("station %q, stage table valid from %s, %s %s", st.id, t.ValidFrom.UTC().Format(time.RFC3339), th.Stage, th.Variable)
	switch {
	case th.Stage < hydro.Blue || th.Stage > hydro.Red:
		return fmt.Errorf("%s: a threshold is for blue, yellow, orange or red: %w", where, hydro.ErrInvalid)
	case th.Variable == hydro.Rain && th.Window <= 0:
		return fmt.Errorf("%s: a rain threshold needs its window: %w", where, hydro.ErrInvalid)
	case th.Variable != hydro.WaterLevel && th.Variable != hydro.Discharge && th.Variable != hydro.Inflow && th.Variable != hydro.Rain:
		return fmt.Errorf("%s: stages are on water_level, discharge, inflow or rain: %w", where, hydro.ErrInvalid)
	case th.Variable == hydro.WaterLevel:
		if _, ok := st.offset(t.Datum); !ok {
			return fmt.Errorf("%s: the threshold is on datum %q, the station's levels are on %q and it declares no offset between them: %w",
				where, t.Datum, st.datum, hydro.ErrInvalid)
		}
	}
	return nil
}

// checkCondition returns an error unless a condition can be used at the station.
func (st *station) checkCondition(t *catalog.StageTable, h *catalog.Condition) error {
	where := fmt.Sprintf("station %q, stage table valid from %s, %s %s of %s", st.id, t.ValidFrom.UTC().Format(time.RFC3339), h.Stage, h.Basis, h.Variable)
	switch h.Basis {
	case hydro.Rise:
		if h.Variable == hydro.WaterLevel && h.Window > 0 && h.Value > 0 {
			return nil
		}
		return fmt.Errorf("%s: a rise is of water_level, by more than 0 m in a window: %w", where, hydro.ErrInvalid)
	case hydro.OverLimit:
		if h.Variable == hydro.WaterLevel && st.reservoir != nil && len(st.reservoir.FloodLimits) > 0 {
			return nil
		}
		return fmt.Errorf("%s: over_limit is of the water_level of a reservoir with flood_limits: %w", where, hydro.ErrInvalid)
	case hydro.Likelihood:
		if h.Of >= hydro.Blue && h.Of <= hydro.Red && h.Window > 0 && h.Value > 0 && h.Value <= 1 && h.Forecast && !h.Observed {
			return nil
		}
		return fmt.Errorf("%s: a chance is of a colour, within a window, above 0 and at most 1, and of forecasts only: %w", where, hydro.ErrInvalid)
	case hydro.Itself:
	}
	return fmt.Errorf("%s: a condition is a rise, over_limit or a chance: %w", where, hydro.ErrInvalid)
}

// offset returns what to add to a level on the datum d to have it on the
// station's.
func (st *station) offset(d hydro.Datum) (float64, bool) {
	if d == st.datum {
		return 0, true
	}
	if d == hydro.NoDatum || d == hydro.StationDatum { // local: never the same surface at two places
		return 0, false
	}
	for _, o := range st.offsets {
		if o.From == d {
			return o.Add, true
		}
	}
	return 0, false
}

// compileLadders lays out the station's ladders in r and fills its tables.
func (st *station) compileLadders(c *catalog.Catalog, r *Rules) {
	var keys []ladderKey
	each := func(t *catalog.StageTable, use func(ladderKey, step, *catalog.Timing)) {
		for i := range t.Conditions {
			h := &t.Conditions[i]
			key := ladderKey{station: st.id, variable: h.Variable, window: h.Window, measure: h.Basis, of: h.Of}
			if _, measured := st.gauge(h.Variable); h.Observed && measured {
				use(key, step{stage: h.Stage, value: h.Value}, h.Timing)
			}
			if h.Forecast {
				key.forecast = true
				use(key, step{stage: h.Stage, value: h.Value}, h.Timing)
			}
		}
		for _, th := range t.Thresholds {
			value := th.Value
			if th.Variable == hydro.WaterLevel {
				add, _ := st.offset(t.Datum)
				value += add
			}
			key := ladderKey{station: st.id, variable: th.Variable}
			if th.Variable == hydro.Rain {
				key.window = th.Window
			}
			_, measured := st.gauge(th.Variable)
			if th.Observed && measured {
				use(key, step{th.Stage, value, th.Years, th.Profile}, th.Timing)
			}
			if th.Forecast && (measured || th.Variable != hydro.Rain) { // of a sum of rain a part has fallen
				key.forecast = true
				use(key, step{th.Stage, value, th.Years, th.Profile}, th.Timing)
			}
		}
	}
	var tables []*catalog.StageTable
	for i := range c.StageTables {
		if t := &c.StageTables[i]; t.Station == st.id {
			tables = append(tables, t)
			each(t, func(k ladderKey, _ step, _ *catalog.Timing) { keys = append(keys, k) })
		}
	}
	slices.SortStableFunc(tables, func(a, b *catalog.StageTable) int { return a.ValidFrom.Compare(b.ValidFrom) })
	slices.SortFunc(keys, ladderKey.compare)
	keys = slices.Compact(keys)
	st.first, st.count = len(r.ladders), len(keys)
	r.ladders = append(r.ladders, keys...)
	for _, ct := range tables {
		t := table{from: ct.ValidFrom, illustrative: ct.Illustrative, profile: ct.Profile, ladders: make([][]step, len(keys))}
		t.timings = slices.Repeat([]timing{r.timing}, len(keys))
		each(ct, func(k ladderKey, s step, own *catalog.Timing) {
			i, _ := slices.BinarySearchFunc(keys, k, ladderKey.compare)
			t.ladders[i] = append(t.ladders[i], s)
			if own != nil {
				t.timings[i] = timing{own.DwellRaise.Milliseconds(), own.DwellLower.Milliseconds(), int64(max(own.Persistence, 1))}
			}
			if !k.forecast {
				if g, _ := st.gaugeIndex(k.variable); !slices.Contains(t.sights[sightOf(k.variable)], g) {
					t.sights[sightOf(k.variable)] = append(t.sights[sightOf(k.variable)], g)
				}
			}
		})
		for _, steps := range t.ladders {
			slices.SortStableFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.value, b.value)) })
		}
		// A rain gauge that the table does not name may be dead without blinding the
		// river beside it: its silence shows in its own series.
		namesRiver := len(t.sights[level])+len(t.sights[flow])+len(t.sights[inflow]) > 0
		for c := range t.sights {
			slices.Sort(t.sights[c])
			if len(t.sights[c]) == 0 && !namesRiver {
				t.sights[c] = st.sights[c]
			}
		}
		st.tables = append(st.tables, t)
	}
}

// gauge returns the gauge that observes v: the lowest sensor. Rain may come
// from a counter.
func (st *station) gauge(v hydro.Variable) (*gauge, bool) {
	i, ok := st.gaugeIndex(v)
	if !ok {
		return nil, false
	}
	return &st.gauges[i], true
}

func (st *station) gaugeIndex(v hydro.Variable) (int, bool) {
	for i := range st.gauges {
		if st.gauges[i].key.Variable == v {
			return i, true
		}
	}
	if v == hydro.Rain {
		return st.gaugeIndex(hydro.RainCounter)
	}
	return 0, false
}

// sightsUnder returns the gauges that are watched while t, which may be nil, is
// in force.
func (st *station) sightsUnder(t *table) *[sights][]int {
	if t == nil {
		return &st.sights
	}
	return &t.sights
}

// slowest returns the longest blind window and reporting interval of gauges.
func (st *station) slowest(gauges []int) (window, interval time.Duration) {
	for _, i := range gauges {
		window = max(window, time.Duration(st.gauges[i].window)*time.Millisecond)
		interval = max(interval, time.Duration(st.gauges[i].interval)*time.Millisecond)
	}
	return window, interval
}

// table returns the table in force at the instant, or nil.
func (st *station) table(at time.Time) *table {
	for i := len(st.tables) - 1; i >= 0; i-- {
		if !st.tables[i].from.After(at) {
			return &st.tables[i]
		}
	}
	return nil
}

// steps returns the thresholds of the station's ladder i.
func (t *table) steps(i int) []step {
	if t == nil {
		return nil
	}
	return t.ladders[i]
}

// stepOf returns the lowest threshold of a stage.
func stepOf(steps []step, stage hydro.Stage) (step, bool) {
	for _, s := range steps {
		if s.stage == stage {
			return s, true
		}
	}
	return step{}, false
}

// BlindWindow returns how long the slowest quantity of a station may be silent
// before it is out of sight, 0 for a station that the rules do not know. A
// refusal within it explains blindness.
func (r *Rules) BlindWindow(station string) time.Duration {
	for i := range r.stations {
		if r.stations[i].id == station {
			var longest int64
			for _, g := range r.stations[i].gauges {
				longest = max(longest, g.window)
			}
			return time.Duration(longest) * time.Millisecond
		}
	}
	return 0
}

// location returns a zone by IANA name or offset; no name means Beijing time.
func location(name string) (*time.Location, error) {
	if name == "" {
		name = "Asia/Shanghai"
	}
	return catalog.ParseZone(name)
}
