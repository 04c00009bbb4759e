package catalog

import (
	"slices"
	"time"

	"freshet/forecast/tidal"
	"freshet/internal/hydro"
)

// A TidalLevel says how the level at a tidal node follows from the tide at a station
// and the flow of a node: forecast/tidal has the relation.
type TidalLevel struct {
	Station      string // of kind tide
	TideDatum    hydro.Datum
	Datum        hydro.Datum // of the level that follows: the gauge's
	FlowAt       string      // node at or above this one
	Lag, Travel  time.Duration
	Level        tidal.Level
	HalfLife     time.Duration // of the residual; 0: it is not used
	Flow, Tide   [2]float64    // m³/s, m: what the relation was fitted to; beyond it is extrapolated
	Source       string
	Illustrative bool
}

// tidalLevel reads the section tide of a node.
func (n *network) tidalLevel(m *mapping, d *Node) *TidalLevel {
	v, ok := m.take("tide")
	if !ok {
		return nil
	}
	s, ok := v.mapping()
	if !ok {
		return nil
	}
	defer s.done()
	before := len(n.problems)
	p := tidal.Params
	t := &TidalLevel{
		TideDatum: s.datum("tide_datum"), Datum: s.datum("datum"), Lag: s.needDuration("lag", 0), Travel: s.needDuration("travel", 0),
		Level: tidal.Level{
			Mean: s.needNumber("mean", in(p[0])), Rise: s.needNumber("rise", in(p[1])), Gain: s.needNumber("gain", in(p[2])),
			Damping: s.needNumber("damping", in(p[3])), Exponent: s.number("exponent", 2.0/3, in(p[4])),
		},
		HalfLife: s.needDuration("half_life", 0), Source: s.needText("source"), Illustrative: s.flag("illustrative"),
	}
	t.FlowAt = s.needText("flow_at")
	for _, r := range []struct {
		name string
		into *[2]float64
	}{{"fitted_flow", &t.Flow}, {"fitted_tide", &t.Tide}} {
		if w, ok := s.need(r.name); ok {
			*r.into, _ = w.span()
		}
	}
	if v, ok := s.need("station"); ok {
		if st, ok := v.station("station"); ok {
			t.Station = st.ID
			switch {
			case st.Kind != TideStation:
				v.fail("station: %q is a %s station, not a tide station", st.ID, st.Kind)
			case st.Basin != n.basin.ID:
				v.fail("station: %q belongs to basin %q", st.ID, st.Basin)
			case t.TideDatum != st.Datum.Name || t.TideDatum == hydro.NoDatum:
				n.report(s.place("tide_datum"), "tide_datum: %q is not the datum of %s (%q): fit the relation to levels on the station's datum", t.TideDatum, st.ID, st.Datum.Name)
			}
		}
	}
	gauge, _ := n.cat.Station(d.Gauge)
	switch {
	case !d.Tidal:
		n.report(s.at(), "tide: the node is not tidal: write tidal: true beside it")
	case gauge == nil || !gauge.Reports(hydro.WaterLevel):
		n.report(s.at(), "tide: the node has no gauge that reports water_level")
	case t.Datum != gauge.Datum.Name || t.Datum == hydro.NoDatum:
		n.report(s.place("datum"), "datum: %q is not the datum of %s (%q): fit the relation to levels on the station's datum", t.Datum, gauge.ID, gauge.Datum.Name)
	}
	if len(n.problems) > before {
		return nil
	}
	return t
}

// checkTides says which relations take the flow of a node that is not above theirs.
func (n *network) checkTides() {
	for i := range n.basin.Nodes {
		d := &n.basin.Nodes[i]
		if d.Tide != nil && d.Tide.FlowAt != d.ID && !slices.Contains(n.way(d.Tide.FlowAt), d.ID) {
			n.report(n.at[d.ID].at(), "tide: flow_at: no reach leads from %q to %q", d.Tide.FlowAt, d.ID)
		}
	}
}
