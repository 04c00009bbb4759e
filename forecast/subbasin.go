package forecast

import (
	"fmt"
	"math"
	"slices"

	"freshet/forecast/rain"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
)

type subBasin struct {
	id      string
	area    float64      // km²
	points  []rain.Place // that sample the area
	gauges  []int        // indices into Model.gauges
	areal   rain.Method  // over gauges
	runoff  runoff.Model
	initial runoff.State
	uh      unithydrograph.Hydrograph
	perMM   float64 // m³/s of 1 mm in one step
}

func (k *compiler) addSubBasins() {
	m := k.m
	all := k.rainSites()
	used := make([]bool, len(all))
	picks := make([][]int, 0, len(k.b.SubBasins))
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
		if !(sb.Runoff.InitialStore >= 0 && sb.Runoff.InitialStore <= 1) {
			k.errorf("%s: initial store %g: want a share from 0 to 1", where, sb.Runoff.InitialStore)
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
		ro, err := runoff.New(runoff.Parameters{
			Capacity: sb.Runoff.Capacity, Exponent: sb.Runoff.Exponent, Impervious: sb.Runoff.Impervious, Evaporation: sb.Runoff.Evaporation,
			BaseShare: sb.Runoff.BaseShare, BaseRecession: sb.Runoff.BaseRecession.Seconds(),
		}, m.dt)
		if err != nil {
			k.errorf("%s: %w", where, err)
		}
		uh, err := unithydrograph.Nash(sb.Runoff.UHReservoirs, sb.Runoff.UHScale.Seconds(), m.dt)
		if err != nil {
			k.errorf("%s: %w", where, err)
		}
		m.illustrative = m.illustrative || sb.Illustrative
		m.nodes[at].subs = append(m.nodes[at].subs, len(m.subs))
		m.area += sb.Area
		picks = append(picks, pick)
		m.subs = append(m.subs, subBasin{
			id: sb.ID, area: sb.Area, points: points, areal: areal, runoff: ro, uh: uh, perMM: sb.Area * 1000 / m.dt,
			initial: runoff.State{Tension: sb.Runoff.InitialStore * sb.Runoff.Capacity},
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

// subBasin computes the areal rain and the runoff of sub-basin i, and moves its
// state. live says which gauges report now.
func (r *run) subBasin(i int, live []bool) {
	b, s := &r.m.subs[i], &r.s.SubBasins[i]
	flow := make([]float64, r.end+1+max(len(b.uh), len(s.Pending)))
	copy(flow[1:], s.Pending)
	r.runoff[i] = flow
	areal := make([]float64, r.end)
	r.areal[i] = areal
	weights := b.areal.Weights()
	depth := make([]float64, len(b.gauges))
	spoke := 0 // the last step in which a gauge reported
	store := s.Store
	if r.keep == 0 {
		r.next.SubBasins[i] = SubBasinState{ID: b.id, Store: store, Pending: slices.Clone(s.Pending)}
	}
	for t := 1; t <= r.end; t++ {
		switch {
		case t <= r.here:
			for k, g := range b.gauges {
				depth[k] = r.depth[g][t-1]
			}
			v := weights.Areal(depth)
			if areal[t-1] = v.Rain; v.Coverage > 0 {
				spoke = t
			}
		case r.ahead != nil && r.ahead[i] != nil:
			areal[t-1] = r.ahead[i][t-r.here-1]
		}
		next, flux := b.runoff.Step(store, areal[t-1])
		store = next
		b.uh.Add(flow[t:], flux.Fast*b.perMM)
		flow[t] += flux.Slow * b.perMM
		if t == r.keep {
			pending := flow[t+1 : max(t+len(b.uh), len(s.Pending)+1)]
			r.next.SubBasins[i] = SubBasinState{ID: b.id, Store: store, Pending: slices.Clone(pending)}
		}
	}
	speaks := make([]bool, len(b.gauges))
	for k, g := range b.gauges {
		speaks[k] = live[g]
	}
	_, coverage := weights.For(speaks)
	if coverage == 0 {
		r.note("no rain gauge speaks for sub-basin %s now: no rain is assumed to fall there", b.id)
	}
	r.coverage += coverage * b.area
	r.arealRains[i] = r.arealRain(i, spoke, coverage, speaks, weights)
}
