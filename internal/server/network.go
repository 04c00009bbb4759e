package server

import (
	"context"
	"maps"
	"math"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// GetNetwork gives a basin as it lies.
func (s *Server) GetNetwork(_ context.Context, req *freshetv1.GetNetworkRequest) (*freshetv1.GetNetworkResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	b, err := s.basin(req.GetBasin())
	if err != nil {
		return nil, err
	}
	basin, ok := c.Basin(b.ID)
	if !ok {
		return &freshetv1.GetNetworkResponse{Basin: b.ID, Catalogue: c.Version, Illustrative: c.Illustrative}, nil
	}
	var (
		now time.Time
		f   *hydro.Forecast
	)
	b.Engine.Query(func(e *engine.Engine) { now, f = e.Now(), e.Forecast() }) // a run never changes
	resp := &freshetv1.GetNetworkResponse{
		Now: timestamp(now), Basin: basin.ID, NameZh: basin.NameZH, NameEn: basin.NameEN, Catalogue: c.Version, Illustrative: c.Illustrative,
	}
	nodeOf := map[string]string{} // by gauge
	for i := range basin.Nodes {
		if n := &basin.Nodes[i]; n.Gauge != "" {
			nodeOf[n.Gauge] = n.ID
		}
	}
	for i := range basin.Reservoirs {
		if r := &basin.Reservoirs[i]; r.Station != "" {
			nodeOf[r.Station] = r.Node
		}
	}
	for i := range c.Stations {
		if st := &c.Stations[i]; st.Basin == basin.ID {
			resp.Stations = append(resp.Stations, &freshetv1.NetworkStation{
				Id: st.ID, NameZh: st.NameZH, NameEn: st.NameEN, Department: wire.FromDepartment(st.Department), Kind: string(st.Kind),
				River: st.River, Place: placeOf([2]float64{st.Lon, st.Lat}), Node: nodeOf[st.ID], Site: st.Site,
			})
		}
	}
	places := nodePlaces(c, basin)
	for i := range basin.Nodes {
		n := &basin.Nodes[i]
		out := &freshetv1.NetworkNode{
			Id: n.ID, NameZh: n.NameZH, NameEn: n.NameEN, Gauge: n.Gauge, Reservoir: n.Reservoir, Tidal: n.Tidal, Downstream: n.Downstream,
		}
		if p, ok := places[n.ID]; ok {
			out.Place, out.PlaceGuessed = placeOf(p.at), p.guessed
		}
		resp.Nodes = append(resp.Nodes, out)
	}
	for i := range basin.Reaches {
		r := &basin.Reaches[i]
		out := &freshetv1.NetworkReach{Id: r.ID, From: r.From, To: r.To, LengthKm: r.Length}
		from, okFrom := places[r.From]
		to, okTo := places[r.To]
		if okFrom && okTo {
			out.Line = []*freshetv1.Place{placeOf(from.at), placeOf(to.at)}
		}
		resp.Reaches = append(resp.Reaches, out)
	}
	at := now
	if at.IsZero() {
		at = s.opts.Clock.Now()
	}
	resp.Reservoirs = networkReservoirs(c, basin, at)
	resp.SubBasins = networkSubBasins(basin, f)
	return resp, nil
}

func networkReservoirs(c *catalog.Catalog, basin *catalog.Basin, at time.Time) []*freshetv1.NetworkReservoir {
	var out []*freshetv1.NetworkReservoir
	for i := range basin.Reservoirs {
		r := &basin.Reservoirs[i]
		out = append(out, &freshetv1.NetworkReservoir{
			Id: r.ID, NameZh: r.NameZH, NameEn: r.NameEN, Station: r.Station, Node: r.Node, NormalLevel: r.Normal, DamCrest: r.DamCrest,
			FloodLimit: floodLimit(c, r, at),
		})
	}
	return out
}

// stationFloodLimit returns the flood-limit level in force of the reservoir whose
// levels a station reports.
func stationFloodLimit(c *catalog.Catalog, st *catalog.Station, at time.Time) *float64 {
	if b, ok := c.Basin(st.Basin); ok {
		for i := range b.Reservoirs {
			if b.Reservoirs[i].Station == st.ID {
				return floodLimit(c, &b.Reservoirs[i], at)
			}
		}
	}
	return nil
}

func placeOf(p [2]float64) *freshetv1.Place {
	return &freshetv1.Place{Longitude: p[0], Latitude: p[1]}
}

// floodLimit returns the flood-limit level in force on a day, by the calendar at
// the reservoir's station.
func floodLimit(c *catalog.Catalog, r *catalog.Reservoir, at time.Time) *float64 {
	zone := time.UTC
	if st, ok := c.Station(r.Station); ok {
		zone = st.Location()
	}
	if l, ok := r.FloodLimit(at, zone); ok {
		return &l
	}
	return nil
}

// A nodePlace is where a node is drawn.
type nodePlace struct {
	at      [2]float64
	guessed bool
}

// nodePlaces returns where the nodes of a basin lie: where the gauge or the
// reservoir's station is; else in the middle of what drains to the node; else
// between the nodes around it.
func nodePlaces(c *catalog.Catalog, b *catalog.Basin) map[string]nodePlace {
	out := map[string]nodePlace{}
	put := func(node, station string) {
		if st, ok := c.Station(station); ok {
			if _, has := out[node]; !has {
				out[node] = nodePlace{at: [2]float64{st.Lon, st.Lat}}
			}
		}
	}
	for i := range b.Nodes {
		put(b.Nodes[i].ID, b.Nodes[i].Gauge)
	}
	for i := range b.Reservoirs {
		put(b.Reservoirs[i].Node, b.Reservoirs[i].Station)
	}
	// Up to as many rounds as there are nodes: each places one at least.
	for range b.Nodes {
		placed := map[string]nodePlace{}
		for i := range b.Nodes {
			id := b.Nodes[i].ID
			if _, has := out[id]; has {
				continue
			}
			var around [][2]float64
			for k := range b.Reaches {
				r := &b.Reaches[k]
				if p, ok := out[r.From]; ok && r.To == id {
					around = append(around, p.at)
				}
				if p, ok := out[r.To]; ok && r.From == id {
					around = append(around, p.at)
				}
			}
			if len(around) < 2 { // one neighbour alone would draw the node over it
				for k := range b.SubBasins {
					if b.SubBasins[k].Node == id {
						around = append(around, mean(b.SubBasins[k].Points))
					}
				}
			}
			if len(around) > 0 {
				placed[id] = nodePlace{mean(around), true}
			}
		}
		if len(placed) == 0 {
			break
		}
		maps.Copy(out, placed)
	}
	return out
}

func mean(points [][2]float64) [2]float64 {
	var m [2]float64
	for _, p := range points {
		m[0] += p[0] / float64(len(points))
		m[1] += p[1] / float64(len(points))
	}
	return m
}

// networkSubBasins returns the sub-basins with the areal rain of a run, which may
// be nil.
func networkSubBasins(b *catalog.Basin, f *hydro.Forecast) []*freshetv1.NetworkSubBasin {
	rain := map[string]*hydro.ArealRain{}
	if f != nil {
		for i := range f.ArealRain {
			rain[f.ArealRain[i].SubBasin] = &f.ArealRain[i]
		}
	}
	var out []*freshetv1.NetworkSubBasin
	for i := range b.SubBasins {
		s := &b.SubBasins[i]
		n := &freshetv1.NetworkSubBasin{Id: s.ID, NameZh: s.NameZH, NameEn: s.NameEN, Node: s.Node, AreaKm2: s.Area}
		for _, p := range s.Boundary {
			n.Boundary = append(n.Boundary, placeOf(p))
		}
		if r, ok := rain[s.ID]; ok {
			n.Rain_1H, n.Rain_3H, n.Rain_6H, n.Rain_24H = given(r.Last1h), given(r.Last3h), given(r.Last6h), given(r.Last24h)
			n.RainAt = timestamp(f.IssuedAt)
			if !math.IsNaN(r.Coverage) {
				n.RainCoverage = r.Coverage
			}
		}
		out = append(out, n)
	}
	return out
}
