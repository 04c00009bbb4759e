package forecast

import (
	"fmt"
	"math"
	"slices"

	"freshet/forecast/rain"
)

type subBasin struct {
	id     string
	area   float64      // km²
	points []rain.Place // that sample the area
	gauges []int        // indices into Model.gauges
	areal  rain.Method  // over gauges
	ground ground
	pet    evaporation
	outlet outlet
	perMM  float64 // m³/s of 1 mm in one step
	moist  bool    // its soil moisture is adjusted, see moisture.go

	sources []string // of rain forecasts, the preferred one first
}

func (k *compiler) addSubBasins() {
	m := k.m
	all := k.rainSites()
	used := make([]bool, len(all))
	picks := make([][]int, 0, len(k.b.SubBasins))
	zone := k.zone()
	for i := range k.b.SubBasins {
		sb := &k.b.SubBasins[i]
		where := fmt.Sprintf("sub-basin %q", sb.ID)
		at, ok := k.nodes[sb.Node]
		if !ok {
			k.errorf("%s: node %q is not in the basin", where, sb.Node)
			continue
		}
		if !(sb.Area > 0) || math.IsInf(sb.Area, 0) {
			k.errorf("%s: area %g km²: want more than 0", where, sb.Area)
		}
		var pick []int
		var places []rain.Place
		for j := range all {
			if len(sb.Gauges) == 0 || slices.ContainsFunc(sb.Gauges, all[j].has) {
				pick = append(pick, j)
				places = append(places, all[j].place)
				used[j] = true
			}
		}
		for _, g := range sb.Gauges {
			if !slices.ContainsFunc(all, func(c rainCandidate) bool { return c.has(g) }) {
				k.errorf("%s: %q is no rain station of the basin", where, g)
			}
		}
		points := make([]rain.Place, len(sb.Points))
		for j, p := range sb.Points {
			points[j] = rain.Place{Lon: p[0], Lat: p[1]}
		}
		areal, err := arealRain(m.settings, sb, points, places)
		if err != nil {
			k.errorf("%s: %w", where, err)
		}
		ground, err := newGround(&sb.Runoff, m.dt)
		if err != nil {
			k.errorf("%s: %w", where, err)
		}
		pet, err := newEvaporation(&sb.Runoff, m.dt, zone)
		if err != nil {
			k.errorf("%s: %w", where, err)
		}
		k.addPan(sb, where, &pet)
		outlet, err := newOutlet(&sb.Runoff, m.dt)
		if err != nil {
			k.errorf("%s: %w", where, err)
		}
		m.illustrative = m.illustrative || sb.Illustrative
		k.drains(sb, at, where)
		m.area += sb.Area
		picks = append(picks, pick)
		m.subs = append(m.subs, subBasin{
			id: sb.ID, area: sb.Area, points: points, areal: areal, ground: ground, pet: pet, outlet: outlet, perMM: sb.Area * 1000 / m.dt,
			sources: rainSources(m.settings, sb),
		})
	}
	index := make([]int, len(all))
	for j, c := range all {
		if used[j] {
			index[j] = len(m.gauges)
			m.gauges = append(m.gauges, c.rainSite)
			m.twins += len(c.series) - 1
		}
	}
	for i, pick := range picks {
		for _, j := range pick {
			m.subs[i].gauges = append(m.subs[i].gauges, index[j])
		}
	}
}

// subBasin makes room for the runoff of sub-basin i, with what is under way.
func (r *run) subBasin(i int) {
	b, s := &r.m.subs[i], &r.s.SubBasins[i]
	flow := make([]float64, r.end+1+max(len(b.outlet.uh), len(s.Pending)))
	copy(flow[1:], s.Pending)
	r.runoff[i] = flow
}

// runOff computes the runoff of sub-basin i from its areal rain, and moves its
// state.
func (r *run) runOff(i int) {
	b, flow, areal := &r.m.subs[i], r.runoff[i], r.areal[i]
	water := r.s.SubBasins[i]
	r.saveSubBasin(i, &water, 0)
	for t := 1; t <= r.end; t++ {
		b.step(&water, areal[t-1], r.pet(i, t), flow[t:])
		r.saveSubBasin(i, &water, t)
		if t == r.here && r.wet != nil {
			r.moisten(i, &water)
		}
	}
}

// saveSubBasin puts the state of sub-basin i at index t, whose water is given and
// whose flow lies in runoff, into the mark there, if there is one.
func (r *run) saveSubBasin(i int, water *SubBasinState, t int) {
	for k := range r.marks {
		if mk := &r.marks[k]; mk.at == t {
			mk.state.SubBasins[i] = *water
			mk.state.SubBasins[i].Pending = slices.Clone(r.pending(i, t))
		}
	}
}

// pending returns what is under way to the outlet of sub-basin i at index t, up to
// which its runoff is computed.
func (r *run) pending(i, t int) []float64 {
	before := r.s.SubBasins[i].Pending
	if t == 0 {
		return before
	}
	return r.runoff[i][t+1 : max(t+len(r.m.subs[i].outlet.uh), len(before)+1)]
}
