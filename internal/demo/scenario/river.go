package scenario

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// The true sections at the gauges. They are not in the catalogue: its ratings
// come from imagined gaugings of them with 4 % error.
var sections = map[string]section{
	"enping":     {2.6, 70, 2, 0.033, 0.00045},
	"puqiao":     {0.2, 90, 2, 0.032, 0.0003},
	"huangbutou": {-0.9, 160, 2, 0.030, 0.0002},
	"changsha":   {-1.2, 260, 2.5, 0.029, 0.00013},
	"cangcheng":  {1.0, 60, 2, 0.034, 0.0005},
	"hezailang":  {0.8, 35, 2, 0.035, 0.0006},
	"taicheng":   {0.5, 45, 2, 0.034, 0.0004},
	"sanbu":      {-2.5, 280, 2.5, 0.028, 0.00010},
	"shizui":     {-4.0, 320, 3, 0.026, 0.00007},
	"yamen":      {-6.0, 420, 4, 0.025, 0.00005},
}

// The tide's share at each node, and the flow in m³/s at which a flood has
// drowned most of it.
var tidalNodes = map[string]struct{ share, drown, setup, perFlow, power float64 }{
	"changsha": {share: 0.12, drown: 500},
	"sanbu":    {share: 0.55, drown: 1500, setup: 0.15, perFlow: 3.4, power: 0.75},
	"shizui":   {share: 0.80, drown: 3500, setup: 0.10, perFlow: 1.55, power: 0.8},
	"yamen":    {share: 1, drown: 20000, setup: 0.05, perFlow: 0.35, power: 0.9},
}

// tide returns the level of the sea at the mouth in m, h hours after the start:
// the four main constituents of the coast, and a surge while the trough passes.
func tide(h float64) float64 {
	var sum float64
	for _, c := range []struct{ amplitude, period, phase float64 }{
		{0.52, 12.4206, 1.1}, {0.20, 12, 2.0}, {0.36, 23.9345, 0.4}, {0.30, 25.8193, 2.9},
	} {
		sum += c.amplitude * math.Cos(2*math.Pi*h/c.period-c.phase)
	}
	return 0.25 + sum + 0.45*math.Exp(-(h-30)/9*((h-30)/9))
}

// A release is what a reservoir lets out from an hour on.
type release struct{ from, flow float64 }

// What the dams did. Nobody announced it to the forecast.
var releases = map[string]struct {
	level float64 // m at the start
	plan  []release
}{
	"jinjiang": {87.2, []release{{0, 11}, {9, 90}, {17, 30}, {25, 220}, {27, 360}, {38, 240}, {46, 120}, {58, 40}}},
	"zhenhai":  {43.4, []release{{0, 4}, {20, 60}, {25, 150}, {34, 90}, {44, 30}, {56, 8}}},
	"dashahe":  {33.0, []release{{0, 6}, {24, 80}, {28, 120}, {38, 60}, {50, 15}}},
}

func flowOf(plan []release, h float64) float64 {
	var q float64
	for i, r := range plan {
		if h < r.from {
			break
		}
		if q = r.flow; i > 0 && h < r.from+0.5 { // gates move for half an hour
			q = plan[i-1].flow + (r.flow-plan[i-1].flow)*(h-r.from)/0.5
		}
	}
	return q
}

// A river is what truly happened, at each step.
type river struct {
	flow     map[string][]float64  // node -> m³/s
	level    map[string][]float64  // node -> m above the datum of its gauge
	pools    map[string]*reservoir // by id
	rainMean []float64             // mm over the basin in the five minutes
}

// A reservoir is the true course of one.
type reservoir struct {
	volume, inflow, outflow []float64 // 10⁶ m³, m³/s
	curve                   []catalog.LevelVolume
}

// at returns the level for a volume, by the storage curve.
func (r *reservoir) at(volume float64) float64 {
	c := r.curve
	for i := 1; i < len(c); i++ {
		if volume <= c[i].Volume || i == len(c)-1 {
			f := (volume - c[i-1].Volume) / (c[i].Volume - c[i-1].Volume)
			return c[i-1].Level + f*(c[i].Level-c[i-1].Level)
		}
	}
	return 0
}

func (r *reservoir) volumeAt(level float64) float64 {
	c := r.curve
	for i := 1; i < len(c); i++ {
		if level <= c[i].Level || i == len(c)-1 {
			f := (level - c[i-1].Level) / (c[i].Level - c[i-1].Level)
			return c[i-1].Volume + f*(c[i].Volume-c[i-1].Volume)
		}
	}
	return 0
}

const (
	placesPerSubBasin = 12
	minutesPerStep    = 5
)

func newCatchment(s *catalog.SubBasin, r *rand.Rand) *catchment {
	c := &catchment{id: s.ID, area: s.Area, lag: 1 + 0.1*math.Sqrt(s.Area)}
	n := min(placesPerSubBasin, len(s.Points))
	for i := range n {
		p := s.Points[i*len(s.Points)/n]
		x, y := toPlane(p[0], p[1])
		vary := func(v, share float64) float64 { return v * (1 + share*(2*r.Float64()-1)) }
		c.slopes = append(c.slopes, hillslope{
			x: x, y: y, conductivity: vary(3.2, 0.4), suction: vary(26, 0.4), room: vary(95, 0.3), alpha: vary(0.045, 0.3),
			infiltrated: 18, soil: vary(12, 0.3), // June: the ground is wet already
		})
	}
	c.start()
	return c
}

// placeRain returns the rain in mm/h by catchment, step and hillslope, scaled so
// that the basin receives stormTotal; mean receives the basin's rain in mm a
// step.
func placeRain(catchments []*catchment, subs []catalog.SubBasin, rain *rainField, mean []float64) [][][]float64 {
	var area, sum float64
	for i := range subs {
		area += subs[i].Area
	}
	out := make([][][]float64, len(catchments))
	for k, c := range catchments {
		out[k] = make([][]float64, len(mean))
		for i := range mean {
			out[k][i] = make([]float64, len(c.slopes))
			for j, s := range c.slopes {
				mm := rain.over(s.x, s.y, i)
				out[k][i][j] = mm / stepHours
				mean[i] += mm * subs[k].Area / area / float64(len(c.slopes))
			}
		}
	}
	for _, mm := range mean {
		sum += mm
	}
	scale := stormTotal / sum
	rain.scale *= scale
	for i := range mean {
		mean[i] *= scale
		for k := range out {
			for j := range out[k][i] {
				out[k][i][j] *= scale
			}
		}
	}
	return out
}

// run computes the river, and scales the rain to the storm's total.
func run(b *catalog.Basin, rain *rainField, steps int, r *rand.Rand) (*river, error) {
	v := &river{flow: map[string][]float64{}, level: map[string][]float64{}, pools: map[string]*reservoir{}, rainMean: make([]float64, steps)}
	var catchments []*catchment
	for i := range b.SubBasins {
		catchments = append(catchments, newCatchment(&b.SubBasins[i], r))
	}
	base := map[string]float64{} // flow at each node before the storm
	for i := range b.SubBasins {
		base[b.SubBasins[i].Node] += b.SubBasins[i].Area * baseYield
	}
	channels := map[string]*channel{} // by the node that they leave
	into := map[string][]string{}     // node -> nodes that drain to it
	for i := range b.Nodes {
		d := &b.Nodes[i]
		v.flow[d.ID], v.level[d.ID] = make([]float64, steps), make([]float64, steps)
		if d.Reservoir != "" {
			plan, ok := releases[d.Reservoir]
			if !ok {
				return nil, fmt.Errorf("scenario: no release is told for reservoir %q: %w", d.Reservoir, hydro.ErrInvalid)
			}
			p := &reservoir{volume: make([]float64, steps), inflow: make([]float64, steps), outflow: make([]float64, steps)}
			for _, x := range b.Reservoirs {
				if x.ID == d.Reservoir {
					p.curve = x.Storage
				}
			}
			if len(p.curve) < 2 {
				return nil, fmt.Errorf("scenario: reservoir %q has no storage curve: %w", d.Reservoir, hydro.ErrInvalid)
			}
			p.volume[0] = p.volumeAt(plan.level)
			v.pools[d.Reservoir] = p
			base[d.ID] = plan.plan[0].flow
		} else if _, ok := sections[d.ID]; !ok {
			return nil, fmt.Errorf("scenario: no river section is told for node %q: %w", d.ID, hydro.ErrInvalid)
		}
		if d.Downstream == "" {
			continue
		}
		base[d.Downstream] += base[d.ID]
		into[d.Downstream] = append(into[d.Downstream], d.ID)
		for _, reach := range b.Reaches {
			if reach.From == d.ID {
				s, ok := sections[d.Downstream]
				if !ok {
					return nil, fmt.Errorf("scenario: no river section is told for node %q: %w", d.Downstream, hydro.ErrInvalid)
				}
				s.width *= 0.85 // narrower on the way than at its end
				channels[d.ID] = newChannel(s, reach.Length, base[d.ID])
			}
		}
	}
	now := map[string]float64{} // outflow of each node
	maps.Copy(now, base)
	arriving := map[string]float64{} // at the lower end of the channel that leaves a node
	for id := range channels {
		arriving[id] = base[id]
	}
	rains := placeRain(catchments, b.SubBasins, rain, v.rainMean)
	for i := range steps {
		for range minutesPerStep {
			lateral := map[string]float64{}
			for k, c := range catchments {
				lateral[b.SubBasins[k].Node] += c.step(rains[k][i], 1.0/60)
			}
			for n := range b.Nodes {
				d := &b.Nodes[n]
				own := lateral[d.ID]
				var q float64
				for k, from := range into[d.ID] {
					var along float64
					if k == 0 { // the land between two gauges drains along the way
						along, own = own, 0
					}
					arriving[from] = channels[from].step(now[from], along, 60)
					q += arriving[from]
				}
				q += own
				if d.Reservoir != "" {
					p := v.pools[d.Reservoir]
					h := float64(i) * stepHours
					out := flowOf(releases[d.Reservoir].plan, h)
					at := max(0, i-1)
					if i > 0 && p.volume[i] == 0 {
						p.volume[i] = p.volume[at]
					}
					p.volume[i] += (q - out) * 60 / 1e6
					p.inflow[i], p.outflow[i] = q, out
					q = out
				}
				now[d.ID] = q
			}
		}
		for n := range b.Nodes {
			v.flow[b.Nodes[n].ID][i] = now[b.Nodes[n].ID]
		}
	}
	for n := range b.Nodes {
		v.levels(&b.Nodes[n])
	}
	return v, nil
}

// levels turns the flows of a node into levels.
func (v *river) levels(d *catalog.Node) {
	s, ok := sections[d.ID]
	if !ok {
		return // a dam: its level is the reservoir's
	}
	q, h := v.flow[d.ID], v.level[d.ID]
	sea, tidal := tidalNodes[d.ID]
	for i := range q {
		if tidal && d.Tidal {
			h[i] = sea.setup + sea.perFlow*math.Pow(q[i]/3000, sea.power)
		} else {
			rise := 0.0
			if from, to := max(0, i-3), min(len(q)-1, i+3); to > from {
				up := s.depth(s.areaOf(q[to])) - s.depth(s.areaOf(q[from]))
				rise = up / (float64(to-from) * 300)
			}
			h[i] = s.level(q[i], rise)
		}
		if tidal {
			h[i] += sea.share * tide(float64(i)*stepHours-3*(1-sea.share)) * math.Exp(-q[i]/sea.drown)
		}
	}
}
