package catalog

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"freshet/internal/hydro"
)

func (l *loader) buildRating(m *mapping) {
	r := Rating{ID: m.id("id"), Source: m.text("source"), Illustrative: m.flag("illustrative")}
	zone := time.UTC
	if v, ok := m.need("station"); ok {
		if s, ok := v.station("station"); ok {
			r.Station, zone = s.ID, l.locations[s.ID]
		}
	}
	r.ValidFrom = m.instant("valid_from", zone)
	r.Datum = l.tableDatum(m, r.Station, "a rating")
	l.ratingLaw(m, &r)
	if v, ok := m.take("measured"); ok {
		if x, ok := v.span(); ok {
			r.MeasuredLow, r.MeasuredHigh = x[0], x[1]
		}
	}
	r.Loop = m.number("loop", 0, notNegative)
	l.cat.Ratings = append(l.cat.Ratings, r)
	l.ratingAt = append(l.ratingAt, m)
}

// checkRatings reports ratings that claim the same id and start.
func (l *loader) checkRatings() {
	for i, r := range l.cat.Ratings {
		for _, o := range l.cat.Ratings[:i] {
			if r.ID == "" || r.ID != o.ID {
				continue
			}
			if r.Station != o.Station {
				l.report(l.ratingAt[i].place("station"), "rating %q belongs to station %q elsewhere: only versions of one rating share an id", r.ID, o.Station)
				break
			}
			if r.ValidFrom.Equal(o.ValidFrom) && !r.ValidFrom.IsZero() {
				l.report(l.ratingAt[i].place("valid_from"), "rating %q given twice for the same valid_from", r.ID)
				break
			}
		}
	}
}

// tableDatum returns the datum of a rating or stage table. It must be the
// station's own: a table is converted by people, once, and not by the program
// on each reading.
func (l *loader) tableDatum(m *mapping, station, what string) hydro.Datum {
	v, ok := m.need("datum")
	if !ok {
		return hydro.NoDatum
	}
	d := v.datum()
	if s, ok := l.cat.Station(station); ok && d != hydro.NoDatum && s.Datum.Name != hydro.NoDatum && s.Datum.Name != d {
		v.fail("datum: %s of %q is on %s but the station is on %s: convert it", what, station, d, s.Datum.Name)
	}
	return d
}

func (l *loader) buildBasin(m *mapping) {
	b := Basin{ID: m.id("id")}
	if b.ID != strings.ToLower(b.ID) { // it names streams of the log
		l.report(m.place("id"), "id: %q is the id of a basin: use small letters, %q", b.ID, strings.ToLower(b.ID))
	}
	b.NameZH, b.NameEN = m.name("name")
	if slices.ContainsFunc(l.cat.Basins, func(o Basin) bool { return o.ID == b.ID }) && b.ID != "" {
		l.report(m.place("id"), "basin %q given twice", b.ID)
	}
	b.Settings = l.settings(m)
	b.Season = l.season(m)
	n := &network{loader: l, basin: &b, m: m, at: map[string]*mapping{}, out: map[string]string{}}
	n.readNodes()
	n.readReaches()
	n.order()
	n.readSubBasins()
	n.readReservoirs()
	n.checkNodeReservoirs()
	for i := range b.Nodes {
		if g := b.Nodes[i].Gauge; g != "" {
			l.nodeOf[g] = &b.Nodes[i]
		}
	}
	l.cat.Basins = append(l.cat.Basins, b)
}

// DefaultSettings returns the settings of a basin that states none.
func DefaultSettings() Settings {
	return Settings{
		Step: 5 * time.Minute, OutputStep: 30 * time.Minute, Horizon: 72 * time.Hour, Every: 5 * time.Minute,
		Warmup: 24 * time.Hour, RiseTrigger: 0, RiseWindow: 30 * time.Minute, ErrorHalfLife: 6 * time.Hour,
		DeadBand: 0.10, DeadBandShare: 0.10, DwellRaise: 10 * time.Minute, DwellLower: time.Hour, Persistence: 2, BlindAfter: 2,
		ArealRain: Thiessen, ArealPower: 2, RainDisagreeMM: 5, RainDisagreeShare: 0.3,
	}
}

func parseArealMethod(s string) (ArealMethod, error) {
	if m := ArealMethod(s); m == Thiessen || m == InverseDistance {
		return m, nil
	}
	return "", hydro.ErrInvalid
}

// arealRain reads the method of areal rain of a basin's settings or a sub-basin,
// which are what is given if it says nothing.
func arealRain(m *mapping, method ArealMethod, power float64) (ArealMethod, float64) {
	if m.values["areal_rain"].n != nil {
		method, _ = parsed(m, "areal_rain", parseArealMethod, "thiessen or idw")
	} else {
		m.asked = append(m.asked, "areal_rain")
	}
	return method, m.number("areal_rain_power", power, between(0.5, 6))
}

// rainSources reads the preferred sources of rain forecasts.
func rainSources(m *mapping) []string {
	var out []string
	for _, v := range m.list("rain_sources") {
		s, ok := v.text()
		switch {
		case !ok:
		case s == "":
			v.fail("rain_sources: empty")
		case slices.Contains(out, s):
			v.fail("rain_sources: %q given twice", s)
		default:
			out = append(out, s)
		}
	}
	return out
}

func (l *loader) settings(basin *mapping) Settings {
	s := DefaultSettings()
	v, ok := basin.take("settings")
	if !ok {
		return s
	}
	m, ok := v.mapping()
	if !ok {
		return s
	}
	defer m.done()
	s.Step = m.duration("step", s.Step, time.Minute)
	s.OutputStep = m.duration("output_step", s.OutputStep, time.Minute)
	s.Horizon = m.duration("horizon", s.Horizon, time.Minute)
	s.Every = m.duration("every", s.Every, time.Minute)
	s.Warmup = m.duration("warmup", s.Warmup, 0)
	s.RiseTrigger = m.number("rise_trigger", s.RiseTrigger, notNegative)
	s.RiseWindow = m.duration("rise_window", s.RiseWindow, time.Minute)
	s.ErrorHalfLife = m.duration("error_half_life", s.ErrorHalfLife, time.Minute)
	s.DeadBand = m.number("dead_band", s.DeadBand, notNegative)
	s.DeadBandShare = m.number("dead_band_share", s.DeadBandShare, between(0, 0.9))
	s.DwellRaise = m.duration("dwell_raise", s.DwellRaise, 0)
	s.DwellLower = m.duration("dwell_lower", s.DwellLower, 0)
	s.Persistence = m.whole("persistence", s.Persistence, 1, 1000)
	s.BlindAfter = m.whole("blind_after", s.BlindAfter, 1, 1000)
	s.Updating = m.updating()
	s.NoBand = !m.onOff("band", true)
	s.RainSpread = m.number("rain_spread", 0, between(0, 3))
	s.ArealRain, s.ArealPower = arealRain(m, s.ArealRain, s.ArealPower)
	s.RainDisagreeMM = m.number("rain_disagree_mm", s.RainDisagreeMM, notNegative)
	s.RainDisagreeShare = m.number("rain_disagree_share", s.RainDisagreeShare, share)
	s.RainSources = rainSources(m)
	if s.OutputStep%s.Step != 0 {
		l.report(m.place("output_step"), "output_step: %s is no multiple of step %s", s.OutputStep, s.Step)
	}
	if s.Horizon%s.OutputStep != 0 {
		l.report(m.place("horizon"), "horizon: %s is no multiple of output_step %s", s.Horizon, s.OutputStep)
	}
	if s.Horizon > 30*24*time.Hour {
		l.report(m.place("horizon"), "horizon: %s is longer than 30 days", s.Horizon)
	}
	if s.Every%s.Step != 0 {
		l.report(m.place("every"), "every: %s is no multiple of step %s", s.Every, s.Step)
	}
	if s.Warmup%s.Step != 0 || s.Warmup > 30*24*time.Hour {
		l.report(m.place("warmup"), "warmup: %s must be a multiple of step %s and at most 30 days", s.Warmup, s.Step)
	}
	return s
}

// updating reads "on", "off" or the list of what stays on.
func (m *mapping) updating() Updating {
	v, ok := m.take("updating")
	if !ok {
		return Updating{}
	}
	if _, list := v.n.(*ast.SequenceNode); !list {
		switch s, _ := v.text(); s {
		case "on":
			return Updating{}
		case "off":
			return NoUpdating
		}
		v.fail("updating: expected on, off or a list of insertion, loss, lag, fit, error, moisture")
		return Updating{}
	}
	u := NoUpdating
	for _, item := range v.list() {
		switch s, _ := item.text(); s {
		case "insertion":
			u.NoInsertion = false
		case "loss":
			u.NoLoss = false
		case "lag":
			u.NoLag = false
		case "fit":
			u.NoFit = false
		case "error":
			u.NoError = false
		case "moisture":
			u.Moisture = true
		default:
			item.fail("updating: %q is none of insertion, loss, lag, fit, error, moisture", s)
		}
	}
	if u.NoError && !u.NoFit {
		v.fail("updating: fit without error has nothing to fit")
	}
	return u
}

func (l *loader) season(basin *mapping) Season {
	s := Season{HydrologicalDayStart: 8 * time.Hour, Zone: "Asia/Shanghai"}
	v, ok := basin.take("season")
	if !ok {
		return s
	}
	m, ok := v.mapping()
	if !ok {
		return s
	}
	defer m.done()
	if m.values["name"].n != nil || m.values["from"].n != nil || m.values["to"].n != nil {
		s.NameZH, s.NameEN = m.name("name")
		s.FromMonth, s.FromDay = m.monthDay("from")
		s.ToMonth, s.ToDay = m.monthDay("to")
	}
	m.asked = append(m.asked, "name", "from", "to")
	s.NormalMM = m.number("normal_mm", 0, notNegative)
	if s.NormalMM > 0 {
		m.need("normal_source")
	}
	s.NormalSource = m.text("normal_source")
	s.HydrologicalDayStart = m.timeOfDay("day_start", s.HydrologicalDayStart)
	s.Zone, _ = m.zone("zone", s.Zone)
	return s
}

// A network is a basin in the making.
type network struct {
	*loader
	basin *Basin
	m     *mapping
	at    map[string]*mapping // nodes, by id
	out   map[string]string   // node -> node downstream
}

func (n *network) readNodes() {
	v, ok := n.m.need("nodes")
	if !ok {
		return
	}
	gauges := map[string]string{}
	for _, item := range v.list() {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		d := Node{
			ID: m.id("id"), Tidal: m.flag("tidal"),
			BaseFlow:  m.number("base_flow", 0, notNegative),
			Diversion: m.number("diversion", 0, between(0, 0.99)),
			Updating:  m.updating(),
		}
		d.NameZH, d.NameEN = m.name("name")
		if v, ok := m.take("gauge"); ok {
			if s, ok := v.station("gauge"); ok {
				switch {
				case s.Basin != n.basin.ID:
					v.fail("gauge: station %q belongs to basin %q", s.ID, s.Basin)
				case !reports(s, hydro.WaterLevel) && !reports(s, hydro.Discharge):
					v.fail("gauge: station %q reports neither water_level nor discharge", s.ID)
				case gauges[s.ID] != "":
					v.fail("gauge: station %q already stands at node %q", s.ID, gauges[s.ID])
				default:
					d.Gauge = s.ID
					gauges[s.ID] = d.ID
				}
			}
		}
		if v, ok := m.take("rating"); ok {
			d.Rating = n.nodeRating(v, d.Gauge)
		}
		d.Reservoir = m.text("reservoir")
		m.done()
		if d.ID == "" {
			continue
		}
		if _, twice := n.at[d.ID]; twice {
			n.report(m.place("id"), "node %q given twice", d.ID)
			continue
		}
		n.at[d.ID] = m
		n.basin.Nodes = append(n.basin.Nodes, d)
	}
	if len(n.at) == 0 && len(v.list()) == 0 {
		v.fail("nodes: a basin needs one node at least")
	}
}

func (n *network) nodeRating(v node, gauge string) string {
	id, ok := v.text()
	if !ok {
		return ""
	}
	i := slices.IndexFunc(n.cat.Ratings, func(r Rating) bool { return r.ID == id })
	switch {
	case i < 0:
		v.fail("rating: no rating %q", id)
		return ""
	case gauge != "" && n.cat.Ratings[i].Station != gauge:
		v.fail("rating: %q is the rating of station %q, not of the gauge %q", id, n.cat.Ratings[i].Station, gauge)
	}
	return id
}

// node returns the node that a key names.
func (n *network) node(m *mapping, key string) string {
	v, ok := m.need(key)
	if !ok {
		return ""
	}
	id, ok := v.text()
	if !ok {
		return ""
	}
	if _, known := n.at[id]; !known {
		v.fail("%s: no node %q in basin %q", key, id, n.basin.ID)
		return ""
	}
	return id
}

// order sorts the nodes upstream first, keeping the file's order otherwise, and
// reports circles and second outlets.
func (n *network) order() {
	nodes := n.basin.Nodes
	waiting := map[string]int{}
	for i := range nodes {
		nodes[i].Downstream = n.out[nodes[i].ID]
		if to := nodes[i].Downstream; to != "" {
			waiting[to]++
		}
	}
	sorted := make([]Node, 0, len(nodes))
	done := map[string]bool{}
	for progress := true; progress; {
		progress = false
		for _, d := range nodes {
			if done[d.ID] || waiting[d.ID] > 0 {
				continue
			}
			done[d.ID], progress = true, true
			sorted = append(sorted, d)
			if d.Downstream != "" {
				waiting[d.Downstream]--
			}
		}
	}
	var circle []string
	var outlets []string
	for _, d := range nodes {
		if !done[d.ID] {
			circle = append(circle, d.ID)
		}
		if d.Downstream == "" {
			outlets = append(outlets, d.ID)
		}
	}
	if len(circle) > 0 {
		n.report(n.at[circle[0]].place("id"), "nodes %s run in a circle or drain into one: the network must be a tree", strings.Join(circle, ", "))
		return
	}
	if len(outlets) > 1 {
		for _, id := range outlets[:len(outlets)-1] {
			n.report(n.at[id].place("id"), "node %q drains nowhere, and so does %q: a basin has one outlet; add a reach or make another basin", id, outlets[len(outlets)-1])
		}
		return
	}
	n.basin.Nodes = sorted
}

func (n *network) readSubBasins() {
	seen := map[string]bool{}
	for _, item := range n.m.list("sub_basins") {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		s := SubBasin{
			ID: m.id("id"), Node: n.node(m, "node"), Area: m.needNumber("area", positive),
			Reach: m.number("gauge_reach", 0, notNegative), Illustrative: m.flag("illustrative"),
		}
		s.NameZH, s.NameEN = m.name("name")
		s.Points = n.points(m, s.Area)
		s.ArealRain, s.ArealPower = arealRain(m, n.basin.Settings.ArealRain, n.basin.Settings.ArealPower)
		for _, v := range m.list("gauges") {
			if st, ok := v.station("gauges"); ok {
				switch {
				case st.Basin != n.basin.ID:
					v.fail("gauges: station %q belongs to basin %q", st.ID, st.Basin)
				case !reports(st, hydro.Rain):
					v.fail("gauges: station %q does not report rain", st.ID)
				case slices.Contains(s.Gauges, st.ID):
					v.fail("gauges: station %q given twice", st.ID)
				default:
					s.Gauges = append(s.Gauges, st.ID)
				}
			}
		}
		slices.Sort(s.Gauges)
		s.Runoff = n.runoff(m)
		m.done()
		if seen[s.ID] && s.ID != "" {
			n.report(m.place("id"), "sub-basin %q given twice", s.ID)
		}
		seen[s.ID] = true
		n.basin.SubBasins = append(n.basin.SubBasins, s)
	}
	slices.SortStableFunc(n.basin.SubBasins, func(a, b SubBasin) int { return cmp.Compare(a.ID, b.ID) })
}

// points samples the area by a boundary, takes the points that the file lists,
// or fills a disc of the sub-basin's area around a centre.
func (n *network) points(m *mapping, area float64) [][2]float64 {
	boundary, hasBoundary := m.take("boundary")
	listed, hasPoints := m.take("points")
	centre, hasCentre := m.take("centre")
	given := 0
	for _, has := range []bool{hasBoundary, hasPoints, hasCentre} {
		if has {
			given++
		}
	}
	if given != 1 {
		n.report(m.at(), "give exactly one of boundary, points and centre, so that rain gauges can be weighted")
		return nil
	}
	switch {
	case hasBoundary:
		ring := boundary.positions()
		if len(ring) > 1 && ring[0] == ring[len(ring)-1] {
			ring = ring[:len(ring)-1]
		}
		if len(ring) < 3 {
			boundary.fail("boundary: a polygon needs three corners at least")
			return nil
		}
		return samplePolygon(ring)
	case hasPoints:
		p := listed.positions()
		if len(p) == 0 {
			listed.fail("points: needs one point at least")
		}
		return p
	default:
		p, ok := centre.position()
		if !ok || area <= 0 {
			return nil
		}
		return sampleDisc(p, area)
	}
}

func (n *network) readReservoirs() {
	for _, item := range n.m.list("reservoirs") {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		r := Reservoir{
			ID: m.id("id"), Node: n.node(m, "node"), Normal: m.number("normal", 0, anyNumber), DamCrest: m.number("dam_crest", 0, anyNumber),
			CapacityMillionM3: m.number("capacity", 0, positive), Illustrative: m.flag("illustrative"),
		}
		r.NameZH, r.NameEN = m.name("name")
		if v, ok := m.need("station"); ok {
			if s, ok := v.station("station"); ok {
				r.Station = s.ID
				if s.Kind != ReservoirStation {
					v.fail("station: %q is a %s station, not a reservoir station", s.ID, s.Kind)
				}
				if s.Basin != n.basin.ID {
					v.fail("station: %q belongs to basin %q", s.ID, s.Basin)
				}
			}
		}
		r.Storage = n.curve(m)
		r.FloodLimits = n.floodLimits(m)
		n.outlets(m, &r)
		m.done()
		if slices.ContainsFunc(n.basin.Reservoirs, func(o Reservoir) bool { return o.ID == r.ID }) && r.ID != "" {
			n.report(m.place("id"), "reservoir %q given twice", r.ID)
		}
		if r.ID != "" && r.Node != "" {
			i := slices.IndexFunc(n.basin.Nodes, func(d Node) bool { return d.ID == r.Node })
			if i >= 0 && n.basin.Nodes[i].Reservoir != r.ID {
				n.report(m.place("node"), "node: %q does not name this reservoir: write reservoir: %s there", r.Node, r.ID)
			}
		}
		if r.DamCrest != 0 && r.Normal > r.DamCrest {
			n.report(m.place("normal"), "normal: %g m is above the dam crest %g m", r.Normal, r.DamCrest)
		}
		n.basin.Reservoirs = append(n.basin.Reservoirs, r)
	}
	slices.SortStableFunc(n.basin.Reservoirs, func(a, b Reservoir) int { return cmp.Compare(a.ID, b.ID) })
}

func (n *network) curve(m *mapping) []LevelVolume {
	v, ok := m.take("storage_curve")
	if !ok {
		return nil
	}
	var out []LevelVolume
	for _, item := range v.list() {
		x, ok := item.pair("level in m, volume in 10⁶ m³")
		if !ok {
			continue
		}
		p := LevelVolume{x[0], x[1]}
		if k := len(out); k > 0 && (p.Level <= out[k-1].Level || p.Volume <= out[k-1].Volume) {
			item.fail("storage_curve: [%g, %g] does not rise above [%g, %g]: level and volume must both ascend", p.Level, p.Volume, out[k-1].Level, out[k-1].Volume)
			continue
		}
		if p.Volume < 0 {
			item.fail("storage_curve: volume %g is negative", p.Volume)
			continue
		}
		out = append(out, p)
	}
	if len(out) < 2 {
		v.fail("storage_curve: needs two good points at least")
	}
	return out
}

func (n *network) floodLimits(m *mapping) []FloodLimit {
	var out []FloodLimit
	for _, item := range m.list("flood_limits") {
		f, ok := item.mapping()
		if !ok {
			continue
		}
		var x FloodLimit
		x.FromMonth, x.FromDay = f.monthDay("from")
		x.ToMonth, x.ToDay = f.monthDay("to")
		x.Level = f.needNumber("level", anyNumber)
		f.done()
		out = append(out, x)
	}
	return out
}

// checkNodeReservoirs reports nodes that name reservoirs which do not exist or
// stand elsewhere.
func (n *network) checkNodeReservoirs() {
	for i := range n.basin.Nodes {
		d := &n.basin.Nodes[i]
		if d.Reservoir == "" {
			continue
		}
		if !slices.ContainsFunc(n.basin.Reservoirs, func(r Reservoir) bool { return r.ID == d.Reservoir }) {
			n.report(n.at[d.ID].place("reservoir"), "reservoir: no reservoir %q in basin %q", d.Reservoir, n.basin.ID)
		}
	}
}

// checkStationBasins reports stations of basins that do not exist.
func (l *loader) checkStationBasins() {
	for i := range l.cat.Stations {
		s := &l.cat.Stations[i]
		if _, ok := l.cat.Basin(s.Basin); !ok && s.Basin != "" {
			l.report(l.stationAt[i].place("basin"), "basin: no basin %q", s.Basin)
		}
	}
}

// windows are the windows of rain accumulation that a threshold may use.
var windows = []time.Duration{
	5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 72 * time.Hour,
}

var colours = []hydro.Stage{hydro.Blue, hydro.Yellow, hydro.Orange, hydro.Red}

func (l *loader) buildStageTable(m *mapping) {
	t := StageTable{Source: m.text("source"), Illustrative: m.flag("illustrative")}
	zone := time.UTC
	var station *Station
	if v, ok := m.need("station"); ok {
		if s, ok := v.station("station"); ok {
			t.Station, zone, station = s.ID, l.locations[s.ID], s
		}
	}
	t.ValidFrom = m.instant("valid_from", zone)
	m.take("datum")
	v, ok := m.need("thresholds")
	if ok {
		items := v.list()
		if len(items) == 0 {
			v.fail("thresholds: empty")
		}
		seen := map[[2]int64]bool{}
		for _, item := range items {
			if w, ok := item.mapping(); ok {
				got := l.ladder(w, station)
				w.done()
				if len(got) == 0 {
					continue
				}
				k := [2]int64{int64(got[0].Variable), int64(got[0].Window)}
				if seen[k] {
					w.fail("thresholds: %s %s given twice in this table; one ladder may hold all colours", got[0].Variable, windowText(got[0].Window))
				}
				seen[k] = true
				t.Thresholds = append(t.Thresholds, got...)
			}
		}
	}
	if slices.ContainsFunc(t.Thresholds, func(h Threshold) bool { return h.Variable == hydro.WaterLevel }) || m.values["datum"].n != nil {
		t.Datum = l.tableDatum(m, t.Station, "the stage table")
	}
	for _, o := range l.cat.StageTables {
		if o.Station == t.Station && t.Station != "" && o.ValidFrom.Equal(t.ValidFrom) && !t.ValidFrom.IsZero() {
			l.report(m.place("valid_from"), "station %q has another stage table with the same valid_from", t.Station)
		}
	}
	slices.SortStableFunc(t.Thresholds, func(a, b Threshold) int {
		return cmp.Or(cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Window, b.Window), cmp.Compare(a.Stage, b.Stage))
	})
	l.cat.StageTables = append(l.cat.StageTables, t)
}

func windowText(d time.Duration) string {
	if d == 0 {
		return "ladder"
	}
	return "over " + d.String()
}

// ladder reads the thresholds of one variable, blue to red.
func (l *loader) ladder(m *mapping, station *Station) []Threshold {
	h := Threshold{}
	v, ok := parsed(m, "variable", hydro.ParseVariable, "water_level, discharge, inflow or rain")
	switch {
	case !ok:
	case v != hydro.WaterLevel && v != hydro.Discharge && v != hydro.Inflow && v != hydro.Rain:
		l.report(m.place("variable"), "variable: no stage can hang on %s: use water_level, discharge, inflow or rain", v)
		ok = false
	case station != nil && !reports(station, v):
		l.report(m.place("variable"), "variable: station %q does not report %s", station.ID, v)
	}
	h.Variable = v
	h.Window = m.duration("window", 0, time.Minute)
	switch {
	case v == hydro.Rain && m.values["window"].n == nil:
		l.report(m.at(), "window: missing; a rain threshold is for an accumulation, as in window: 3h")
	case v == hydro.Rain && h.Window > 0 && !slices.Contains(windows, h.Window):
		l.report(m.place("window"), "window: %s is not accumulated: use 5m, 10m, 15m, 30m, 1h, 2h, 3h, 6h, 12h, 24h, 48h or 72h", h.Window)
	case ok && v != hydro.Rain && m.values["window"].n != nil:
		l.report(m.place("window"), "window: only rain has one")
	}
	h.Observed, h.Forecast = l.legs(m, station, v)
	var out []Threshold
	var last *Threshold
	for _, c := range colours {
		w, given := m.take(c.String())
		if !given {
			continue
		}
		x, isNumber := w.number()
		if !isNumber {
			continue
		}
		if last != nil && x <= last.Value {
			w.fail("%s: %g is not above %s %g: thresholds ascend from blue to red", c, x, last.Stage, last.Value)
			continue
		}
		if x <= 0 && (v == hydro.Rain || v == hydro.Discharge || v == hydro.Inflow) {
			w.fail("%s: %g must be above 0", c, x)
			continue
		}
		h.Stage, h.Value = c, x
		out = append(out, h)
		last = &out[len(out)-1]
	}
	if len(out) == 0 {
		if !slices.ContainsFunc(colours, func(c hydro.Stage) bool { return m.values[c.String()].n != nil }) {
			l.report(m.at(), "thresholds: no colour; give blue, yellow, orange or red")
		}
		return nil
	}
	if !ok {
		return nil
	}
	return out
}

// legs says to which evidence a ladder applies. Unless the file says, it is
// observations, and forecasts where the station has any.
func (l *loader) legs(m *mapping, station *Station, v hydro.Variable) (observed, forecast bool) {
	can, why := l.forecasts(station, v)
	w, ok := m.take("legs")
	if !ok {
		return true, can
	}
	for _, item := range w.list() {
		s, ok := item.text()
		switch {
		case !ok:
		case s == "observed":
			observed = true
		case s == "forecast" && !can && station != nil && v != 0:
			item.fail("legs: there is no forecast of %s at station %q: %s", v, station.ID, why)
		case s == "forecast":
			forecast = true
		default:
			item.fail("legs: %q is not known: write observed or forecast", s)
		}
	}
	if len(w.list()) == 0 {
		w.fail("legs: empty")
	}
	return observed, forecast
}

// forecasts says whether forecasts give a variable at a station, and if not,
// why.
func (l *loader) forecasts(station *Station, v hydro.Variable) (bool, string) {
	if v != hydro.WaterLevel && v != hydro.Discharge {
		return false, "only water_level and discharge are forecast"
	}
	if station == nil {
		return false, ""
	}
	d, ok := l.nodeOf[station.ID]
	switch {
	case !ok:
		return false, "it is the gauge of no node"
	case d.Tidal && v == hydro.WaterLevel:
		return false, "its node is tidal"
	case d.Rating == "" && v == hydro.WaterLevel:
		return false, "its node has no rating"
	}
	return true, ""
}
