package group

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Rules know which stations stand where along the basin's rivers. They are
// immutable and safe for concurrent use.
type Rules struct {
	basin          string
	nameZH, nameEN string
	zone           *time.Location
	nodes          []node           // upstream first
	places         map[string]place // by station; only ever looked up
	stations       []string         // along the rivers, headwaters first
}

// A node is a point of the network.
type node struct {
	down int // -1 at the outlet
}

// A place is where a station stands, and what people call it.
type place struct {
	nameZH, nameEN string
	river          string
	department     hydro.Department
	datum          hydro.Datum
	node           int // -1: at none
	order          int // along the rivers
	rain           bool
	illustrative   bool
	stages         [rungs]bool // those for which the river has a threshold
}

// Compile reads the basin's part of c. The error wraps hydro.ErrNotFound if there
// is no such basin.
func Compile(c *catalog.Catalog, basin string) (*Rules, error) {
	b, ok := c.Basin(basin)
	if !ok {
		return nil, fmt.Errorf("groups: basin %q: %w", basin, hydro.ErrNotFound)
	}
	zone, err := catalog.ParseZone(cmp.Or(b.Season.Zone, "Asia/Shanghai"))
	if err != nil {
		return nil, fmt.Errorf("groups: basin %q: %w", basin, err)
	}
	r := &Rules{basin: basin, nameZH: b.NameZH, nameEN: b.NameEN, zone: zone, places: map[string]place{}}
	index := map[string]int{}
	for i := range b.Nodes {
		index[b.Nodes[i].ID] = i
	}
	for i := range b.Nodes {
		n := node{down: -1}
		if down, ok := index[b.Nodes[i].Downstream]; ok {
			n.down = down
		}
		r.nodes = append(r.nodes, n)
	}
	at := placed(c, b, index)
	for i := range c.Stations {
		st := &c.Stations[i]
		if st.Basin != basin {
			continue
		}
		p := place{nameZH: st.NameZH, nameEN: st.NameEN, river: st.River, department: st.Department, datum: st.Datum.Name, node: -1, order: len(r.nodes)}
		p.rain = !st.Reports(hydro.WaterLevel) && !st.Reports(hydro.Discharge) && !st.Reports(hydro.Inflow)
		if n, ok := at[st.ID]; ok {
			p.node, p.order = n, n
		} else if n, ok := nearest(b, index, st); ok {
			p.node, p.order = n, n
		}
		r.places[st.ID] = p
		r.stations = append(r.stations, st.ID)
	}
	for i := range c.StageTables {
		t := &c.StageTables[i]
		p, ok := r.places[t.Station]
		if !ok {
			continue
		}
		p.illustrative = p.illustrative || t.Illustrative
		for _, th := range t.Thresholds {
			if th.Variable != hydro.Rain && th.Stage >= hydro.Blue && th.Stage <= hydro.Red {
				p.stages[th.Stage-hydro.Blue] = true
			}
		}
		r.places[t.Station] = p
	}
	slices.SortFunc(r.stations, r.along)
	return r, nil
}

// placed returns the nodes of stations: of gauges and reservoirs, of whoever shares
// a site with one, and of rain gauges that a sub-basin names, the node that it
// drains to.
func placed(c *catalog.Catalog, b *catalog.Basin, index map[string]int) map[string]int {
	at := map[string]int{}
	put := func(station string, n int) {
		if _, known := at[station]; !known && station != "" {
			at[station] = n
		}
	}
	for i := range b.Nodes {
		put(b.Nodes[i].Gauge, i)
	}
	for i := range b.Reservoirs {
		if n, ok := index[b.Reservoirs[i].Node]; ok {
			put(b.Reservoirs[i].Station, n)
		}
	}
	for i := range c.Sites {
		for _, id := range c.Sites[i].Stations {
			if n, ok := at[id]; ok {
				for _, mate := range c.Sites[i].Stations {
					put(mate, n)
				}
				break
			}
		}
	}
	for i := range b.SubBasins {
		if n, ok := index[b.SubBasins[i].Node]; ok {
			for _, id := range b.SubBasins[i].Gauges {
				put(id, n)
			}
		}
	}
	return at
}

// nearest returns the node of the sub-basin that a station stands in, or next to.
func nearest(b *catalog.Basin, index map[string]int, st *catalog.Station) (int, bool) {
	best, found, least := 0, false, math.Inf(1)
	narrow := math.Cos(st.Lat * math.Pi / 180)
	for i := range b.SubBasins {
		n, ok := index[b.SubBasins[i].Node]
		if !ok {
			continue
		}
		for _, p := range b.SubBasins[i].Points {
			x, y := (p[0]-st.Lon)*narrow, p[1]-st.Lat
			if d := x*x + y*y; d < least {
				best, found, least = n, true, d
			}
		}
	}
	return best, found
}

// along orders stations along the rivers, headwaters first. One that the catalogue
// does not know any more comes last.
func (r *Rules) along(a, b string) int {
	return cmp.Or(cmp.Compare(r.order(a), r.order(b)), cmp.Compare(a, b))
}

func (r *Rules) order(station string) int {
	if p, ok := r.places[station]; ok {
		return p.order
	}
	return len(r.nodes) + 1
}

// node returns the node at which a station stands, -1 if at none.
func (r *Rules) node(station string) int {
	if p, ok := r.places[station]; ok {
		return p.node
	}
	return -1
}

// down returns how many reaches lie from node a down to node b, -1 if b is not
// below a.
func (r *Rules) down(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	for n := 0; a >= 0 && a <= b; n++ { // upstream first: what is below has a higher index
		if a == b {
			return n
		}
		a = r.nodes[a].down
	}
	return -1
}

// causes are the kinds of cause of blindness, and what alert's sentences begin
// with.
var causes = [...]struct{ kind, prefix, zh, en string }{
	{"silent", "silent since ", "无数据", "silent"},
	{"refused", "refused: ", "数据被拒收", "reports refused"},
	{"quality", "quality: ", "数据质量不合格", "values fail quality control"},
	{"maintenance", "maintenance", "维护", "maintenance"},
	{"never_reported", "never reported", "从未报送", "never reported"},
}

// causeOf returns the kind of a cause.
func causeOf(cause string) string {
	for _, c := range causes {
		if strings.HasPrefix(cause, c.prefix) {
			return c.kind
		}
	}
	return "other"
}
