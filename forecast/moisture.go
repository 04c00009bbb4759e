package forecast

import (
	"math"
	"slices"
	"time"

	"freshet/forecast/updating"
	"freshet/internal/hydro"
)

// How soil moisture is adjusted, see docs/models/updating.md. A day is one of UTC,
// so that when runs happen does not show.
const (
	moistureDay   = 24 * time.Hour
	moistureShare = 0.25 // of the volume error is laid to the soil
	moistureDead  = 0.1  // of the observed volume: an error within moves nothing
	moistureLimit = 0.05 // of the capacity is moved in a day at most
	moistureFloor = 2    // mm
	moistureSeen  = 0.9  // of the day's steps must be observed
)

// A soil is a ground whose tension water can be adjusted.
type soil interface {
	ground
	// tension returns the tension water of s and what more it could hold, mm over the
	// whole area.
	tension(s *SubBasinState) (held, room float64)
	// moisten fills a share of the room of each layer, or if it is negative takes that
	// share of the water in it.
	moisten(s *SubBasinState, share float64)
	// storage returns all water in the ground, mm over the whole area.
	storage(s *SubBasinState) float64
}

// moistened returns a layer of w mm, of a capacity, with the share of its room, or
// without the share of its water.
func moistened(w, capacity, share float64) float64 {
	if share > 0 {
		return w + max(0, capacity-w)*share
	}
	return w + w*share
}

func (g saturation) tension(s *SubBasinState) (held, room float64) {
	pervious := 1 - g.p.Impervious
	return s.Store.Tension * pervious, max(0, g.p.Capacity-s.Store.Tension) * pervious
}

func (g saturation) moisten(s *SubBasinState, share float64) {
	s.Store.Tension = moistened(s.Store.Tension, g.p.Capacity, share)
}

func (g saturation) storage(s *SubBasinState) float64 { return g.Storage(s.Store) }

func (g threeSources) tension(s *SubBasinState) (held, room float64) {
	x, p := &s.Xinanjiang, &g.p
	held = x.Upper + x.Lower + x.Deep
	room = max(0, p.WUM-x.Upper) + max(0, p.WLM-x.Lower) + max(0, p.WDM-x.Deep)
	return held * (1 - p.IM), room * (1 - p.IM)
}

func (g threeSources) moisten(s *SubBasinState, share float64) {
	x, p := &s.Xinanjiang, &g.p
	x.Upper, x.Lower, x.Deep = moistened(x.Upper, p.WUM, share), moistened(x.Lower, p.WLM, share), moistened(x.Deep, p.WDM, share)
}

func (g threeSources) storage(s *SubBasinState) float64 { return g.Storage(s.Xinanjiang) }

var (
	_ soil = saturation{}
	_ soil = threeSources{}
)

// A moisture is a gauge to which no river comes, so that the volume of what it
// observes tells of the soil above.
type moisture struct {
	node int
	area float64 // of its sub-basins, km²
}

// A Moisture is what the adjustment of soil moisture did above a gauge.
type Moisture struct {
	On                  bool
	At                  time.Time // end of the day that is told of; zero: none yet
	updating.Adjustment           // of the tension water, areal mean over the gauge's sub-basins
	// Made is the water that it brought into the ground and under way to the outlet at
	// that instant, mm; negative: that it took out. It is less than was moved by what
	// has run off or evaporated since the day began.
	Made float64
}

// A MoistureState is what is known of a day that is not over.
type MoistureState struct {
	Node  string
	Begin []SubBasinState // when the day began, as the model has them; empty: nothing is known of this day
	Rain  [][]float64     // mm, per sub-basin, of the steps since
	// Evaporation is the potential one, mm, beside Rain.
	Evaporation [][]float64
	Observed    []float64      // m³/s, of the steps since; NaN where there is none
	Error       updating.Error // of the gauge, when the day began
	Last        Moisture       // of the last whole day
}

func (s MoistureState) clone() MoistureState {
	s.Begin, s.Rain, s.Evaporation, s.Observed = slices.Clone(s.Begin), slices.Clone(s.Rain), slices.Clone(s.Evaporation), slices.Clone(s.Observed)
	for i := range s.Begin {
		s.Begin[i].Pending = slices.Clone(s.Begin[i].Pending)
	}
	for i := range s.Rain {
		s.Rain[i] = slices.Clone(s.Rain[i])
	}
	for i := range s.Evaporation {
		s.Evaporation[i] = slices.Clone(s.Evaporation[i])
	}
	return s
}

// addMoisture finds the gauges whose volume tells of the soil: those that correct
// the flow, and to which no river comes, but soil drains.
func (k *compiler) addMoisture() {
	m := k.m
	arrives := make([]bool, len(m.nodes))
	for i := range m.reaches {
		arrives[m.reaches[i].to] = true
	}
	for i := range m.nodes {
		n := &m.nodes[i]
		if !n.updating.Moisture || n.gauge == nil || !n.gauge.updates || n.tidal || n.reservoir != nil || arrives[i] {
			continue
		}
		a, room := moisture{node: i}, 0.0
		for _, j := range n.subs {
			b := &m.subs[j]
			a.area += b.area
			if g, ok := b.ground.(soil); ok {
				s := b.start()
				held, more := g.tension(&s)
				room += held + more
			}
		}
		if room == 0 {
			continue
		}
		for _, j := range n.subs {
			m.subs[j].moist = true
		}
		m.moist = append(m.moist, a)
		n.moist = len(m.moist)
	}
	for i := range k.b.Nodes {
		if n := &k.b.Nodes[i]; n.Updating.Moisture && m.nodes[k.nodes[n.ID]].moist == 0 {
			k.note("soil moisture at node %s is not adjusted: it takes a gauge that corrects the flow, to which no river comes and soil drains", n.ID)
		}
	}
}

// moistureFits reports whether the i-th adjustment can go on from s.
func (m *Model) moistureFits(i int, s *MoistureState) bool {
	n := &m.nodes[m.moist[i].node]
	if s.Node != n.id || len(s.Begin) > 0 && len(s.Begin) != len(n.subs) {
		return false
	}
	if len(s.Evaporation) != len(s.Rain) { // of a version that did not keep it
		return false
	}
	for j := range s.Begin {
		if !m.subs[n.subs[j]].fits(&s.Begin[j]) {
			return false
		}
	}
	return true
}

// adoptMoisture returns the state of the i-th adjustment among old ones. If its
// sub-basins are others now, or by other methods, the day is let go.
func (m *Model) adoptMoisture(i int, old []MoistureState) MoistureState {
	s := MoistureState{Node: m.nodes[m.moist[i].node].id}
	for j := range old {
		if old[j].Node != s.Node {
			continue
		}
		if m.moistureFits(i, &old[j]) {
			return old[j].clone()
		}
		s.Last = old[j].Last
	}
	return s
}

// dayOf numbers the days; the step that ends at midnight is of the day that ends
// then.
func (r *run) dayOf(t int) int64 {
	return (r.start + int64(t)*r.m.stepMS - 1) / moistureDay.Milliseconds()
}

// days are those that end in a run, at one gauge.
type days struct {
	ends []dayEnd
	// begin is the gauge's error where the last day began, kept that of the last one
	// up to keep.
	begin, kept updating.Error
}

// A dayEnd is where a day ends. If the day was computed again, flow and observed
// are its computed and observed flow, m³/s.
type dayEnd struct {
	t              int
	flow, observed []float64
}

// moisture computes the runoff of the sub-basins of the i-th gauge whose soil
// moisture is adjusted, and moves their states. At the end of each day before now
// the day's volume is compared, the day computed again from the store that suits it
// better, and the ground and what is under way at its end are those of that day.
// What has passed the gauge is not changed: observations correct that.
func (r *run) moisture(i int) {
	m, a := r.m, &r.m.moist[i]
	n := &m.nodes[a.node]
	observed := r.observedFlow(n.gauge)
	day := r.s.Moisture[i].clone()
	r.days[i] = days{begin: day.Error, kept: day.Error}
	water := make([]SubBasinState, len(n.subs))
	for j, b := range n.subs {
		water[j] = r.s.SubBasins[b]
	}
	for t := 0; t <= r.end; t++ {
		if t > 0 {
			for j, b := range n.subs {
				m.subs[b].step(&water[j], r.areal[b][t-1], r.pet(b, t), r.runoff[b][t:])
			}
		}
		known := len(day.Begin) > 0
		if known && t > 0 && t <= r.here {
			for j, b := range n.subs {
				day.Rain[j] = append(day.Rain[j], r.areal[b][t-1])
				day.Evaporation[j] = append(day.Evaporation[j], r.pet(b, t))
			}
			day.Observed = append(day.Observed, observed[t-1])
		}
		if t <= r.here && r.dayOf(t) != r.dayOf(t+1) && (t > 0 || !known) {
			end := dayEnd{t: t}
			if known {
				day.Last, end.flow = r.adjust(a, n, &day, water, t)
				end.observed = day.Observed
			}
			r.days[i].ends = append(r.days[i].ends, end)
			day = r.dawn(n, day.Last, water, t)
		}
		for j, b := range n.subs {
			r.saveSubBasin(b, &water[j], t)
			if t == r.here && r.wet != nil {
				r.moisten(b, &water[j])
			}
		}
		if t == r.keep && len(r.marks) > 0 {
			r.kept().state.Moisture[i] = day.clone()
		}
	}
	r.moistureNote(n.gauge, &day.Last)
}

// learn corrects flow by what was observed, o, from an index on up to here, tells
// save the gauge's error at each mark, and returns that at here. Where a day ends
// that was computed again, the error is what that day's flow has taught: else what
// the soil has taken over would be carried once more.
func (r *run) learn(c *updating.Corrector, e updating.Error, flow, o []float64, from int, days *days, save func(*mark, updating.Error)) updating.Error {
	at, k := from, 0
	to := func(t int) {
		if t > at {
			e = c.Correct(e, flow[at+1:t+1], o[at:t], flow[at+1:t+1])
			at = t
		}
	}
	marksBefore := func(t int) {
		for ; k < len(r.marks) && r.marks[k].at < t; k++ {
			to(r.marks[k].at)
			save(&r.marks[k], e)
		}
	}
	if days != nil {
		for _, d := range days.ends {
			marksBefore(d.t)
			to(d.t)
			if d.flow != nil {
				e = c.Correct(days.begin, d.flow, d.observed, make([]float64, len(d.flow))) // another try takes d.flow again
			}
			days.begin = e
			if d.t <= r.keep {
				days.kept = e
			}
		}
	}
	marksBefore(r.here + 1)
	to(r.here)
	return e
}

// dawn returns the state of a day that begins at index t.
func (r *run) dawn(n *node, last Moisture, water []SubBasinState, t int) MoistureState {
	day := MoistureState{Node: n.id, Begin: slices.Clone(water), Rain: make([][]float64, len(n.subs)), Evaporation: make([][]float64, len(n.subs)), Last: last}
	for j, b := range n.subs {
		day.Begin[j].Pending = slices.Clone(r.pending(b, t))
	}
	return day
}

// observedFlow returns the flow that a gauge observed at index i+1; NaN where there
// is none. The gauge's flow comes before its level.
func (r *run) observedFlow(g *gauge) []float64 {
	out := make([]float64, r.here)
	s := g.discharge
	if s == nil {
		s = g.level
	}
	var samples []hydro.Sample
	if h := r.obs(s.key); h != nil {
		samples = h.Between(r.start-s.gapMS, r.now)
	}
	updating.Resample(usable(samples), r.start+r.m.stepMS, r.m.stepMS, s.gapMS, r.now, out)
	if g.discharge != nil {
		return out
	}
	for t, level := range out {
		if level == level {
			out[t], _ = flowOf(g.ratings, r.start+int64(t+1)*r.m.stepMS, level) // that it is extrapolated, correct tells
		}
	}
	return out
}

// adjust compares the volume of a day that ends at index t, and replaces water and
// what is under way by those of the day with the store that suits it. It returns the
// flow of that day at the gauge, m³/s, nil if the day stays as it was.
func (r *run) adjust(a *moisture, n *node, day *MoistureState, water []SubBasinState, t int) (out Moisture, computed []float64) {
	m := r.m
	out = Moisture{On: true, At: r.instant(t)}
	steps := len(day.Observed)
	depth := m.dt / (a.area * 1000) // mm of a m³/s for one step
	seen, volume := 0, 0.0
	for _, q := range day.Observed {
		if q == q {
			seen++
			volume += (q - n.local) * depth
		}
	}
	volume = max(0, volume) // of a river below its base flow: nothing ran off
	if float64(seen) < moistureSeen*float64(moistureDay/m.settings.Step) {
		volume = math.NaN()
	}
	held, room := 0.0, 0.0
	for j, b := range n.subs {
		if g, ok := m.subs[b].ground.(soil); ok {
			h, more := g.tension(&day.Begin[j])
			held += h * m.subs[b].area / a.area
			room += more * m.subs[b].area / a.area
		}
	}
	again := make([]SubBasinState, len(n.subs))
	flow := make([][]float64, len(n.subs))
	for j, b := range n.subs {
		flow[j] = make([]float64, steps+max(len(m.subs[b].outlet.uh), len(day.Begin[j].Pending)))
	}
	// ranOff computes the day from another store.
	ranOff := func(store float64) float64 {
		share := 0.0
		switch {
		case store > held:
			share = min(1, (store-held)/room)
		case store < held:
			share = max(-1, (store-held)/held)
		}
		sum := 0.0
		for j, i := range n.subs {
			b := &m.subs[i]
			again[j] = day.Begin[j]
			if g, ok := b.ground.(soil); ok {
				g.moisten(&again[j], share)
			}
			clear(flow[j])
			copy(flow[j], day.Begin[j].Pending)
			for k, rain := range day.Rain[j] {
				b.step(&again[j], rain, day.Evaporation[j][k], flow[j][k:])
				if q := day.Observed[k]; q == q {
					sum += flow[j][k] * depth
				}
			}
		}
		return sum
	}
	method, err := updating.NewMoisture(moistureShare, moistureDead, moistureLimit, moistureFloor)
	if err != nil {
		panic(err) // constants
	}
	out.Adjustment = method.Adjust(held, held+room, volume, ranOff)
	if out.Moved == 0 {
		return out, nil
	}
	ranOff(out.Store)
	computed = make([]float64, steps)
	for k := range computed {
		computed[k] = n.local
		for j := range n.subs {
			computed[k] += flow[j][k]
		}
	}
	for j, i := range n.subs {
		b := &m.subs[i]
		tail, ahead := flow[j][steps:], r.runoff[i][t+1:]
		for k := range ahead {
			q := 0.0
			if k < len(tail) {
				q = tail[k]
			}
			out.Made += (q - ahead[k]) * depth
			ahead[k] = q
		}
		out.Made += (again[j].Channel - water[j].Channel) * depth
		if g, ok := b.ground.(soil); ok {
			out.Made += (g.storage(&again[j]) - g.storage(&water[j])) * b.area / a.area
		}
		water[j] = again[j]
	}
	return out, computed
}

// moistureNote tells what the last day's volume moved.
func (r *run) moistureNote(g *gauge, l *Moisture) {
	what, mm := "added", l.Made
	if mm < 0 {
		what, mm = "taken away", -mm
	}
	if l.Moved != 0 {
		r.note("soil moisture above %s: in the day to %s the runoff was %.1f mm off, observed less computed: %.1f mm of water %s", g.station, stamp(l.At.UnixMilli()), l.Before, mm, what)
	}
}
