package forecast

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/tidal"
	"freshet/forecast/updating"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A tideStation is a station that tides may be submitted for.
type tideStation struct {
	id    string
	datum catalog.Datum
}

func (k *compiler) addTides() {
	for i := range k.c.Stations {
		if s := &k.c.Stations[i]; s.Kind == catalog.TideStation && s.Basin == k.m.basin {
			k.m.tideStations = append(k.m.tideStations, tideStation{s.ID, s.Datum})
		}
	}
	for i := range k.b.Nodes {
		d := &k.b.Nodes[i]
		if d.Tide == nil {
			continue
		}
		to := k.nodes[d.ID]
		at, ok := k.nodes[d.Tide.FlowAt]
		switch _, err := tidal.New(d.Tide.Level); {
		case err != nil:
			k.errorf("node %q: %w", d.ID, err)
		case !ok || at > to:
			k.errorf("node %q: tide: flow_at %q is no node at or above it", d.ID, d.Tide.FlowAt)
		case k.m.nodes[to].gauge == nil || k.m.nodes[to].gauge.level == nil:
			k.errorf("node %q: tide: it has no gauge of a level", d.ID)
		default:
			if need := d.Tide.Travel + time.Duration(tidal.CycleMS)*time.Millisecond; need > k.m.settings.Warmup {
				k.errorf("node %q: tide: travel %s and a tidal cycle are longer than the warmup of %s: give a warmup of %s or more", d.ID, d.Tide.Travel, k.m.settings.Warmup, need.Round(time.Minute))
				continue
			}
			k.m.nodes[to].estuary = &estuary{d.Tide, at}
			k.m.illustrative = k.m.illustrative || d.Tide.Illustrative
		}
	}
	slices.SortFunc(k.m.tideStations, func(a, b tideStation) int { return strings.Compare(a.id, b.id) })
}

// A usedTide is the tide of one station in a run.
type usedTide struct {
	tide *hydro.Tide
	add  float64 // m, from its datum to the station's

	curve tidal.Curve // on the station's datum
}

// shape returns the tide as a function of time.
func (u *usedTide) shape() tidal.Curve {
	if t := u.tide; len(t.Turns) == 0 {
		levels := make([]float64, len(t.Levels))
		for i, v := range t.Levels {
			levels[i] = v + u.add
		}
		return tidal.Regular(t.From.UnixMilli(), t.Step.Milliseconds(), levels)
	}
	turns := make([]tidal.Turn, len(u.tide.Turns))
	for i, w := range u.tide.Turns {
		turns[i] = tidal.Turn{At: w.At.UnixMilli(), Level: w.Level + u.add}
	}
	return tidal.Turns(turns)
}

// An estuary is how the level at a node follows from a tide and a flow.
type estuary struct {
	*catalog.TidalLevel
	at int // node whose flow it takes
}

// announcedTides takes the tide of each station that this run may use, and names
// the others.
func (r *run) announcedTides(a Ahead) {
	for i := range a.Tides {
		t := &a.Tides[i]
		u, why := r.m.usableTide(t, r.now)
		switch {
		case longWithdrawn(t.Withdrawn, time.UnixMilli(r.now)):
			continue
		case why != "":
			r.note("%s%s", t.Title(stampTime), why)
			continue
		case len(r.m.takesTide(t.Station)) == 0:
			r.note("%s, is held and not used: no level is forecast from the tide at %s", t.Title(stampTime), t.Station)
			continue
		}
		k := slices.IndexFunc(r.tides, func(o usedTide) bool { return o.tide.Station == t.Station })
		if k < 0 {
			r.tides = append(r.tides, u)
			continue
		}
		later, other := u, r.tides[k]
		if b, o := begun(later.tide, r.now), begun(other.tide, r.now); b != o { // a table of next year is no tide of now
			if o {
				later, other = other, later
			}
			r.tides[k] = later
			r.note("%s, is held and not used: it begins at %s, that of %s has begun", other.tide.Title(stampTime), stampTime(other.tide.Begin()), later.tide.Source)
			continue
		}
		if cmp.Or(t.IssuedAt.Compare(other.tide.IssuedAt), strings.Compare(other.tide.Source, t.Source)) < 0 {
			later, other = other, later
		}
		r.tides[k] = later
		r.note("%s, is held and not used: that of %s was issued later", other.tide.Title(stampTime), later.tide.Source)
	}
	for i := range r.tides {
		r.tides[i].curve = r.tides[i].shape()
		t := r.tides[i].tide
		gauges := strings.Join(r.m.takesTide(t.Station), ", ")
		r.note("%s, valid until %s: used for the level at %s", t.Title(stampTime), stampTime(t.ValidUntil), gauges)
		if end := t.End().UnixMilli(); end < r.now+r.m.settings.Horizon.Milliseconds() {
			r.note("tide of %s at %s ends at %s: no level is forecast from it after that", t.Source, t.Station, stamp(end))
		}
		if begin := t.Begin().UnixMilli(); begin > r.now {
			r.note("tide of %s at %s begins at %s: no level is forecast from it before that", t.Source, t.Station, stamp(begin))
		}
	}
}

func begun(t *hydro.Tide, now int64) bool { return t.Begin().UnixMilli() <= now }

// usableTide returns t on its station's datum, or why a run at now cannot use it.
func (m *Model) usableTide(t *hydro.Tide, now int64) (u usedTide, why string) {
	at := slices.IndexFunc(m.tideStations, func(s tideStation) bool { return s.id == t.Station })
	switch {
	case t.Withdrawn != nil:
		return u, ", " + t.Withdrawn.Text(stampTime) + ": not used"
	case at < 0:
		return u, ": not used, because the catalogue has no such tide station"
	case now >= t.ValidUntil.UnixMilli():
		return u, ", expired at " + stampTime(t.ValidUntil) + ": not used"
	case now >= t.End().UnixMilli():
		return u, ", ended at " + stampTime(t.End()) + ": not used"
	}
	d := m.tideStations[at].datum
	add, ok := d.Convert(t.Datum)
	if !ok {
		return u, ": not used: its levels are on " + datumName(t.Datum) + ", the station's on " + datumName(d.Name) + ", and the catalogue gives no offset"
	}
	return usedTide{tide: t, add: add}, ""
}

// takesTide returns the gauges whose level is forecast from the tide at a station.
func (m *Model) takesTide(station string) (gauges []string) {
	for i := range m.nodes {
		if e := m.nodes[i].estuary; e != nil && e.Station == station {
			gauges = append(gauges, m.nodes[i].gauge.station)
		}
	}
	return gauges
}

// tidalLevel returns the level at a tidal gauge from index here on, NaN where the tide
// does not reach, or nil where there is none.
func (r *run) tidalLevel(n *node, f *hydro.StationForecast) []float64 {
	e := n.estuary
	k := slices.IndexFunc(r.tides, func(u usedTide) bool { return u.tide.Station == e.Station })
	if k < 0 {
		r.note("level at %s is not forecast: no tide at %s is in force", f.Station, e.Station)
		return nil
	}
	drivers := func(t int) (tide, flow float64) {
		ms := r.start + int64(t)*r.m.stepMS
		return r.tides[k].curve.At(ms - e.Lag.Milliseconds()), r.at(r.flow[e.at], ms-e.Travel.Milliseconds())
	}
	residual := r.tidalResidual(n, func(t int) float64 { return e.Level.At(drivers(t)) })
	outside := func(v float64, in [2]float64) bool { return v < in[0] || v > in[1] }
	var ebb, flood bool
	for t := r.here; t <= r.end; t++ {
		tide, flow := drivers(t)
		after := max(0, float64(r.start+int64(t)*r.m.stepMS-r.now)/1000)
		r.level[t] = e.Level.At(tide, flow) + residual*tidal.Decay(after, e.HalfLife.Seconds())
		if t > r.here && tide == tide {
			flood, ebb = flood || outside(flow, e.Flow), ebb || outside(tide, e.Tide)
		}
	}
	if flood {
		r.note("level at %s is extrapolated: the flow leaves the %g to %g m³/s that its relation to the tide was fitted to", f.Station, e.Flow[0], e.Flow[1])
	}
	if ebb {
		r.note("level at %s is extrapolated: the tide leaves the %g to %g m that its relation to the tide was fitted to", f.Station, e.Tide[0], e.Tide[1])
	}
	f.Extrapolated = f.Extrapolated || flood || ebb
	if math.IsNaN(f.NowLevel) {
		f.NowLevel = r.at(r.level, r.now)
	}
	return r.level
}

// tidalResidual returns how far the level observed at a tidal gauge stands above the
// computed one, m, as the mean of the last tidal cycle; 0 where too little of it was
// observed, or of the tide is known, which it notes.
func (r *run) tidalResidual(n *node, computed func(t int) float64) float64 {
	if n.estuary.HalfLife == 0 {
		return 0
	}
	steps := int(tidal.CycleMS / r.m.stepMS)
	s := n.gauge.level
	var samples []hydro.Sample
	if h := r.obs(s.key); h != nil {
		samples = h.Between(r.start-s.gapMS, r.now)
	}
	updating.Resample(usable(samples), r.start+r.m.stepMS, r.m.stepMS, s.gapMS, r.now, r.observed)
	observed, level := make([]float64, steps), make([]float64, steps)
	for i := range steps {
		observed[i], level[i] = math.NaN(), math.NaN()
		if t := r.here - steps + 1 + i; t >= 1 {
			observed[i], level[i] = r.observed[t-1], computed(t)
		}
	}
	mean, ok := tidal.Residual(observed, level)
	if !ok {
		r.note("level at %s is of tide and flow alone: too little of the last tidal cycle was observed there, or of the tide is known", n.gauge.station)
	}
	return mean
}
