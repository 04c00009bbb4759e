package forecast

import (
	"freshet/forecast/rain"
	"freshet/internal/hydro"
)

// An Area is a sub-basin as its areal rain is made.
type Area struct {
	SubBasin string
	KM2      float64
	// Sites are the places of its gauges, of each the series of rain, the one with
	// authority first.
	Sites  [][]hydro.Key
	Method rain.Method // over Sites
}

// Areas returns the sub-basins in the catalogue's order.
func (m *Model) Areas() []Area {
	out := make([]Area, len(m.subs))
	for i := range m.subs {
		b := &m.subs[i]
		out[i] = Area{SubBasin: b.id, KM2: b.area, Sites: make([][]hydro.Key, len(b.gauges)), Method: b.areal}
		for k, g := range b.gauges {
			for _, s := range m.gauges[g].series {
				out[i].Sites[k] = append(out[i].Sites[k], s.key)
			}
		}
	}
	return out
}
