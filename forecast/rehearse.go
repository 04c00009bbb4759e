package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast/rain"
	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/internal/hydro"
)

// A Ground is what a rehearsal makes of the tension water of a sub-basin at now.
type Ground struct {
	SubBasin string // "": every sub-basin that has tension water
	// Fill is the share of the capacity that is full then, 0 to 1; where it is NaN,
	// Share of the room is filled or, if it is negative, of the water taken away.
	Fill, Share float64
}

// A wetting is a Ground of one sub-basin.
type wetting struct {
	on          bool
	fill, share float64
}

// A ReservoirPath is what a reservoir does after now. Value i of a series is for
// now + (i+1)·Step, but flows out are means of that step where Solved is true.
type ReservoirPath struct {
	Reservoir string
	Station   string
	Start     float64   // level at now, m; NaN: not known
	Inflow    []float64 // m³/s
	Outflow   []float64 // m³/s
	Level     []float64 // m; nil where nothing tells it
	Begin     float64   // m³/s of inflow at now
	BeginOut  float64   // m³/s of outflow at now
	// Solved says that outlets, rules and limits made the release.
	Solved       bool
	Volume       []float64 // 10⁶ m³; nil where nothing tells it
	StartVolume  float64   // 10⁶ m³
	Asked        []float64 // m³/s, where Solved
	Bound        []string  // what set the release, where Solved, in English
	BoundZH      []string
	Extrapolated bool
	Limit        []float64 // limit level in force, m; NaN: none
}

// Residual returns by how much the water of the path does not balance: the storage
// gained less what came in and did not go out, 10⁶ m³. It is NaN where nothing tells
// the storage.
func (p *ReservoirPath) Residual(step time.Duration) float64 {
	if len(p.Volume) == 0 {
		return math.NaN()
	}
	net, in, out := 0.0, p.Begin, p.BeginOut
	for i := range p.Inflow {
		let := p.Outflow[i]
		if !p.Solved {
			let = (out + let) / 2
		}
		net += ((in+p.Inflow[i])/2 - let) * step.Seconds() / 1e6
		in, out = p.Inflow[i], p.Outflow[i]
	}
	return p.Volume[len(p.Volume)-1] - p.StartVolume - net
}

// A Rehearsal is a run of which more is told than of one that is issued.
type Rehearsal struct {
	// Forecast has its values at each step of computation, and no bands: they are of
	// past runs, and no rehearsal was one.
	Forecast   hydro.Forecast
	Reservoirs []ReservoirPath
	SubBasins  []string    // in the model's order
	Rain       [][]float64 // mm per step of computation from now on, per sub-basin
}

// Rehearse is [Model.Run] for a question: with another ground at now, and telling
// values at each step, what reservoirs do and the rain that is assumed. The state
// of no later run follows from it. It fails as [Model.Run] does, or if a ground names a
// sub-basin that there is not, or one whose method has no tension water.
func (m *Model) Rehearse(s State, now time.Time, obs Source, ahead Ahead, ground []Ground) (Rehearsal, error) {
	wet, err := m.wettings(ground)
	if err != nil {
		return Rehearsal{}, err
	}
	fine := *m
	fine.settings.OutputStep = m.settings.Step
	fine.leads = 0
	r, f, err := fine.run(s, now, "rehearsal", obs, ahead, wet, true)
	if err != nil {
		return Rehearsal{}, err
	}
	out := Rehearsal{Forecast: f, Reservoirs: r.pools}
	for i := range m.subs {
		out.SubBasins = append(out.SubBasins, m.subs[i].id)
		out.Rain = append(out.Rain, slices.Clone(r.areal[i][r.here:r.end]))
	}
	return out, nil
}

// wettings spreads what is said of the ground over the sub-basins.
func (m *Model) wettings(ground []Ground) ([]wetting, error) {
	if len(ground) == 0 {
		return nil, nil
	}
	out := make([]wetting, len(m.subs))
	for _, g := range ground {
		found := false
		for i := range m.subs {
			b := &m.subs[i]
			if g.SubBasin != "" && g.SubBasin != b.id {
				continue
			}
			if _, ok := b.ground.(soil); !ok {
				if g.SubBasin != "" {
					return nil, fmt.Errorf("sub-basin %q: its runoff method %q has no tension water to change: %w", b.id, b.start().Method, hydro.ErrInvalid)
				}
				continue
			}
			found = true
			out[i] = wetting{true, g.Fill, g.Share}
		}
		if !found {
			if g.SubBasin == "" {
				return nil, fmt.Errorf("no sub-basin of %q has tension water to change: %w", m.basin, hydro.ErrInvalid)
			}
			return nil, fmt.Errorf("sub-basin %q is not in basin %q: %w", g.SubBasin, m.basin, hydro.ErrInvalid)
		}
	}
	return out, nil
}

// moisten changes the ground of sub-basin i as the rehearsal asks.
func (r *run) moisten(i int, water *SubBasinState) {
	w, g := r.wet[i], r.m.subs[i].ground
	s, ok := g.(soil)
	if !w.on || !ok {
		return
	}
	share := w.share
	if !math.IsNaN(w.fill) {
		share = 0
		held, room := s.tension(water)
		switch target := w.fill * (held + room); {
		case target > held && room > 0:
			share = (target - held) / room
		case target < held:
			share = (target - held) / held
		}
	}
	s.moisten(water, share)
}

// remember keeps what a reservoir does after now for a rehearsal.
func (r *run) remember(v *reservoir, inflow, outflow, level []float64, solved bool) {
	from, to := r.here+1, r.end+1
	p := ReservoirPath{
		Reservoir: v.id, Station: v.station, Start: math.NaN(), Begin: inflow[r.here], BeginOut: outflow[r.here], Solved: solved,
		Inflow: slices.Clone(inflow[from:to]), Outflow: slices.Clone(outflow[from:to]), Limit: make([]float64, to-from),
	}
	for t := range p.Limit {
		p.Limit[t] = math.NaN()
		if v.zone != nil {
			day := r.instant(from + t).In(v.zone)
			p.Limit[t] = levelpool.LimitOn(v.limits, int(day.Month()), day.Day())
		}
	}
	if level != nil {
		p.Start, p.Level = level[r.here], slices.Clone(level[from:to])
	}
	if !solved && level != nil && v.curve != nil {
		p.StartVolume, _ = v.curve.Discharge(p.Start)
		for _, h := range p.Level {
			volume, _ := v.curve.Discharge(h)
			p.Volume = append(p.Volume, volume)
		}
	}
	if solved {
		p.StartVolume, _ = v.pool.Volume(p.Start)
		for _, x := range r.solved {
			p.Volume, p.Asked = append(p.Volume, x.Volume), append(p.Asked, x.Asked)
			zh, en := v.bound(x.Bound)
			p.Bound, p.BoundZH = append(p.Bound, en), append(p.BoundZH, zh)
			p.Extrapolated = p.Extrapolated || x.Extrapolated
		}
	}
	r.pools = append(r.pools, p)
}

// Step returns the step of computation.
func (m *Model) Step() time.Duration { return m.settings.Step }

// RainSteps is the areal rain of each sub-basin, mm per step from an instant on,
// as its gauges told it.
type RainSteps struct {
	SubBasins []string
	Rain      [][]float64
	Heard     []float64 // share of the steps in which a gauge spoke for the sub-basin
}

// Fallen returns the areal rain that fell in [from, until) by what gauges observed.
// Both are cut to the step of computation.
func (m *Model) Fallen(from, until time.Time, obs Source) RainSteps {
	from, until = m.floor(from), m.floor(until)
	n := max(0, int(until.Sub(from)/m.settings.Step))
	depth := make([][]float64, len(m.gauges))
	for g := range m.gauges {
		each := make([][]float64, len(m.gauges[g].series))
		for i := range each {
			each[i] = make([]float64, n)
			var samples []hydro.Sample
			if h := obs(m.gauges[g].series[i].key); h != nil {
				samples = h.Between(from.UnixMilli(), until.UnixMilli())
			}
			rain.Prorate(reports(samples), from.UnixMilli(), m.stepMS, until.UnixMilli(), each[i])
		}
		depth[g] = each[0]
		if len(each) > 1 {
			rain.Merge(depth[g], each...)
		}
	}
	var out RainSteps
	for i := range m.subs {
		b := &m.subs[i]
		weights := b.areal.Weights()
		said := make([]float64, len(b.gauges))
		fell, heard := make([]float64, n), 0
		for t := range fell {
			for k, g := range b.gauges {
				said[k] = depth[g][t]
			}
			v := weights.Areal(said)
			fell[t] = v.Rain
			if v.Coverage > 0 {
				heard++
			}
		}
		out.SubBasins, out.Rain = append(out.SubBasins, b.id), append(out.Rain, fell)
		out.Heard = append(out.Heard, float64(heard)/float64(max(n, 1)))
	}
	return out
}
