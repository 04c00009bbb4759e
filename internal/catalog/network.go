package catalog

import (
	"cmp"
	"slices"
	"strings"
	"time"

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
	n := &network{loader: l, basin: &b, m: m, at: map[string]*mapping{}, out: map[string]string{}, rules: map[string]*mapping{}}
	n.readNodes()
	n.readReaches()
	n.order()
	n.checkDiversions()
	n.readSubBasins()
	n.readReservoirs()
	n.checkNodeReservoirs()
	n.checkPlaces()
	n.checkTides()
	for i := range b.Nodes {
		if g := b.Nodes[i].Gauge; g != "" {
			l.nodeOf[g] = &b.Nodes[i]
		}
	}
	l.cat.Basins = append(l.cat.Basins, b)
}

// A network is a basin in the making.
type network struct {
	*loader
	basin *Basin
	m     *mapping
	at    map[string]*mapping // nodes, by id
	out   map[string]string   // node -> node downstream
	rules map[string]*mapping // of reservoirs, by id
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
			Diversion: n.diversion(m),
			Updating:  m.updating(),
		}
		d.NameZH, d.NameEN = m.name("name")
		if v, ok := m.take("gauge"); ok {
			if s, ok := v.station("gauge"); ok {
				switch {
				case s.Basin != n.basin.ID:
					v.fail("gauge: station %q belongs to basin %q", s.ID, s.Basin)
				case !s.Reports(hydro.WaterLevel) && !s.Reports(hydro.Discharge):
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
		d.Tide = n.tidalLevel(m, &d)
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
		s.Along = n.along(m, s.Node)
		s.Points, s.Boundary = n.points(m, s.Area)
		s.ArealRain, s.ArealPower = arealRain(m, n.basin.Settings.ArealRain, n.basin.Settings.ArealPower)
		s.RainSources = rainSources(m)
		for _, v := range m.list("gauges") {
			if st, ok := v.station("gauges"); ok {
				switch {
				case st.Basin != n.basin.ID:
					v.fail("gauges: station %q belongs to basin %q", st.ID, st.Basin)
				case !st.Reports(hydro.Rain):
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
// or fills a disc of the sub-basin's area around a centre. The boundary is
// returned too.
func (n *network) points(m *mapping, area float64) (points, ring [][2]float64) {
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
		return nil, nil
	}
	switch {
	case hasBoundary:
		ring = boundary.positions()
		if len(ring) > 1 && ring[0] == ring[len(ring)-1] {
			ring = ring[:len(ring)-1]
		}
		if len(ring) < 3 {
			boundary.fail("boundary: a polygon needs three corners at least")
			return nil, nil
		}
		return samplePolygon(ring), ring
	case hasPoints:
		p := listed.positions()
		if len(p) == 0 {
			listed.fail("points: needs one point at least")
		}
		return p, nil
	default:
		p, ok := centre.position()
		if !ok || area <= 0 {
			return nil, nil
		}
		return sampleDisc(p, area), nil
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
		on := "" // the station whose datum must be that of the levels
		if v, ok := m.need("station"); ok {
			if s, ok := v.station("station"); ok {
				r.Station = s.ID
				if s.Kind == ReservoirStation {
					on = s.ID
				} else {
					v.fail("station: %q is a %s station, not a reservoir station", s.ID, s.Kind)
				}
				if s.Basin != n.basin.ID {
					v.fail("station: %q belongs to basin %q", s.ID, s.Basin)
				}
			}
		}
		r.Datum = n.tableDatum(m, on, "the table of levels")
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
