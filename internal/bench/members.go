package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// How the basin of [Members] is observed, and how its ensemble is cut.
const (
	subsPerGauge = 10 // sub-basins to a gauge of flow, and to one of rain
	outlet       = "qmouth"
	memberStep   = 3 * time.Hour
	membersPast  = 160 * time.Hour // of which bands have learnt what they can
)

var membersNow = time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC)

// Members draws the basin of [Ensemble] as a catalogue, with gauges of flow and of
// rain, and times one run of [forecast.Model], as the service does it, under a rain
// forecast of that many members: warm-up, updating, each member's runoff and routing,
// bands and chances. The bands have learnt before. The forecast does not depend on
// the workers.
func Members(o EnsembleOptions) (EnsembleResult, error) {
	if err := o.Validate(); err != nil {
		return EnsembleResult{}, err
	}
	b, err := newMembers(o)
	if err != nil {
		return EnsembleResult{}, err
	}
	res := EnsembleResult{Method: o.Method, Reaches: o.Reaches, SubBasins: o.SubBasins, Members: o.Members, Steps: o.Steps, Workers: o.Workers}
	begin, cpu := o.Now(), o.CPU()
	f, err := b.run(o.Workers)
	cpu = o.CPU() - cpu
	res.Seconds, res.CPUSeconds = o.Now().Sub(begin).Seconds(), cpu.Seconds()
	if err != nil {
		return EnsembleResult{}, err
	}
	res.CPUNsPer = float64(cpu.Nanoseconds()) / float64(o.Members) / float64(o.Reaches) / float64(o.Steps)
	i := slices.IndexFunc(f.Stations, func(s hydro.StationForecast) bool { return s.Station == outlet })
	res.MeanPeak = f.Stations[i].Peak.Discharge
	return res, nil
}

// members is a model, where it stands, and what it is asked.
type members struct {
	model *forecast.Model
	state forecast.State
	obs   map[hydro.Key]*hydro.History
	ahead forecast.Ahead
}

func (b *members) source(k hydro.Key) *hydro.History { return b.obs[k] }

func (b *members) run(workers int) (hydro.Forecast, error) {
	m := b.model
	if workers > 1 {
		m = m.WithEach(each(workers))
	}
	f, _, err := m.Run(b.state, membersNow, "schedule", b.source, b.ahead)
	return f, err
}

func newMembers(o EnsembleOptions) (*members, error) {
	horizon := time.Duration(o.Steps) * o.Step
	c, err := membersCatalogue(o, horizon)
	if err != nil {
		return nil, err
	}
	b := &members{obs: map[hydro.Key]*hydro.History{}}
	if b.model, err = forecast.Compile(c, "bench"); err != nil {
		return nil, err
	}
	b.state = b.model.Start(membersNow.Add(-membersPast))
	if err := b.observe(c, b.state.At); err != nil {
		return nil, err
	}
	if _, b.state, err = b.model.Run(b.state, membersNow, "schedule", b.source, forecast.Ahead{}); err != nil {
		return nil, err
	}
	r := membersRain(c, o, horizon)
	if errs := r.Check(); len(errs) > 0 {
		return nil, fmt.Errorf("bench: the rain of %d members: %w", o.Members, hydro.Firsts(errs))
	}
	b.ahead.Rain = []forecast.Rain{b.model.Rain(r)}
	return b, nil
}

// membersCatalogue writes the basin of newBasin as a catalogue: a node at the head of
// each reach and one at the end, a sub-basin at the node of its lowest reach.
func membersCatalogue(o EnsembleOptions, horizon time.Duration) (*catalog.Catalog, error) {
	rivers, err := NewRivers(o.Reaches, o.Seed)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	b := catalog.Basin{ID: "bench", Settings: catalog.Settings{
		Step: o.Step, OutputStep: o.Step, Horizon: horizon, Every: time.Hour, Warmup: horizon + time.Hour, ErrorHalfLife: 6 * time.Hour, BlindAfter: 2,
	}}
	c := &catalog.Catalog{Version: "bench"}
	station := func(id string, kind catalog.Kind, v hydro.Variable, lon, lat float64) {
		c.Stations = append(c.Stations, catalog.Station{ID: id, Kind: kind, Basin: b.ID, Lon: lon, Lat: lat, Zone: "UTC", Parameters: []catalog.Parameter{{Variable: v, Interval: o.Step}}})
	}
	node := func(k int) string { return fmt.Sprintf("n%06d", k) }
	gauge := func(n *catalog.Node) {
		n.Gauge = "q" + n.ID
		station(n.Gauge, catalog.HydrologicalStation, hydro.Discharge, 112, 23)
	}
	mouth := catalog.Node{ID: "mouth", BaseFlow: lowFlow * rivers.Upstream[o.Reaches-1]}
	gauge(&mouth)
	dt := o.Step.Seconds()
	for k, channel := range rivers.Channels {
		n := catalog.Node{ID: node(k), BaseFlow: lowFlow * (rivers.Upstream[k] - rivers.Area[k]), Downstream: mouth.ID}
		if d := rivers.Tree.Downstream(k); d >= 0 {
			n.Downstream = node(d)
		}
		if k > 0 && k%max(1, subsPerGauge*o.Reaches/o.SubBasins) == 0 {
			gauge(&n)
		}
		b.Nodes = append(b.Nodes, n)
		r := catalog.Reach{ID: "r" + n.ID, From: n.ID, To: n.Downstream, Length: channel.Length / 1000}
		if o.Method == "mct" {
			r.Method, r.SubReaches = catalog.MCT, 1
			r.Channel = catalog.Channel{
				Slope: channel.Slope, Bottom: channel.Bottom, Top: channel.Top, Compound: channel.Compound, N: channel.N, NPlain: channel.NCompound, Side: channel.Side,
			}
		} else { // as Rivers.reaches has it
			long := max(channel.Length/1.2, 0.65*dt)
			r.K, r.X, r.SubReaches = time.Duration(math.Ceil(long*1000))*time.Millisecond, 0.999*min(0.2, dt/(2*long)), 1
		}
		b.Reaches = append(b.Reaches, r)
	}
	b.Nodes = append(b.Nodes, mouth)
	area := make([]float64, o.SubBasins)
	last := make([]int, o.SubBasins)
	for k, a := range rivers.Area {
		i := k * o.SubBasins / o.Reaches
		area[i] += a
		last[i] = k
	}
	for i := range area {
		lon, lat := 112+rng.Float64(), 23+rng.Float64()
		if i%subsPerGauge == 0 {
			station(fmt.Sprintf("p%06d", i), catalog.RainStation, hydro.Rain, lon, lat)
		}
		b.SubBasins = append(b.SubBasins, catalog.SubBasin{
			ID: fmt.Sprintf("s%06d", i), Node: node(last[i]), Area: area[i], Points: [][2]float64{{lon, lat}, {lon + 0.02, lat}, {lon, lat + 0.02}},
			Runoff: catalog.Runoff{
				Method: catalog.Xinanjiang, InitialStore: 0.8, Evaporation: 2.4, Xinanjiang: membersParameters(rng),
				UHReservoirs: 2, UHScale: time.Duration(1800+1800*rng.Float64()) * time.Second,
			},
		})
	}
	c.Basins = []catalog.Basin{b}
	return c, nil
}

// pastRain is what fell in the step that ends some hours after the first, mm/h: a rise
// every other day, so that bands know of rises.
func pastRain(hours float64) float64 { return 4 * max(0, math.Sin(2*math.Pi*hours/48)-0.5) }

// observe reports from an instant on: rain, and rivers that carry what the model makes
// of it, and a little more or less.
func (b *members) observe(c *catalog.Catalog, from time.Time) error {
	blind := *c
	basin := c.Basins[0]
	basin.Settings.Horizon, basin.Settings.Warmup, basin.Settings.NoBand = membersNow.Sub(from), 0, true
	blind.Basins = []catalog.Basin{basin}
	m, err := forecast.Compile(&blind, basin.ID)
	if err != nil {
		return err
	}
	fell := &hydro.RainForecast{
		Basin: basin.ID, Source: "past", IssuedAt: from, ValidUntil: membersNow, From: from, Step: memberStep,
		Areas: []hydro.RainArea{{Cell: hydro.Cell{West: 112, South: 23, East: 114, North: 25}}},
	}
	for h := memberStep; h <= membersNow.Sub(from)+memberStep; h += memberStep {
		fell.Areas[0].Rain = append(fell.Areas[0].Rain, pastRain(h.Hours())*memberStep.Hours())
	}
	f, _, err := m.Run(m.Start(from), from, "schedule", b.source, forecast.Ahead{Rain: []forecast.Rain{m.Rain(fell)}})
	if err != nil {
		return err
	}
	report := func(k hydro.Key, value func(i int) float64) {
		h := &hydro.History{}
		for i := range f.Stations[0].Discharge {
			at, v := from.Add(time.Duration(i+1)*f.Step).UnixMilli(), value(i)
			h.Put(hydro.Sample{At: at, Received: at, Value: v, Raw: v, Quality: hydro.Pass, Interval: int32(f.Step.Seconds())})
		}
		b.obs[k] = h
	}
	for _, s := range f.Stations {
		report(hydro.Key{Station: s.Station, Variable: hydro.Discharge}, func(i int) float64 { return s.Discharge[i] * (1 + 0.1*math.Sin(float64(i)/40)) })
	}
	for _, s := range c.Stations {
		if s.Kind == catalog.RainStation {
			report(hydro.Key{Station: s.ID, Variable: hydro.Rain}, func(i int) float64 {
				at := time.Duration(i) * f.Step
				return pastRain((at - at%memberStep + memberStep).Hours()) * f.Step.Hours()
			})
		}
	}
	return nil
}

// membersRain is an ensemble on a grid of 0.25°, each member with a storm of its own.
func membersRain(c *catalog.Catalog, o EnsembleOptions, horizon time.Duration) *hydro.RainForecast {
	f := &hydro.RainForecast{
		Basin: c.Basins[0].ID, Source: "bench", IssuedAt: membersNow, ValidUntil: membersNow.Add(12 * time.Hour), From: membersNow, Step: memberStep,
	}
	steps := int((horizon + memberStep - 1) / memberStep)
	much, when := make([]float64, o.Members), make([]float64, o.Members)
	rng := rand.New(rand.NewPCG(o.Seed, 2))
	for i := range much {
		much[i], when[i] = math.Exp(0.5*rng.NormFloat64()), 20000+20000*rng.Float64()
	}
	for x := range 5 {
		for y := range 5 {
			a := hydro.RainArea{Cell: hydro.Cell{West: 112 + 0.25*float64(x), South: 23 + 0.25*float64(y)}}
			a.Cell.East, a.Cell.North = a.Cell.West+0.25, a.Cell.South+0.25
			for i := range o.Members {
				local := much[i] * (0.5 + rng.Float64())
				rain := make([]float64, steps)
				for t := range rain {
					s := (float64(t) + 0.5) * memberStep.Seconds() / when[i]
					rain[t] = min(local*memberStep.Hours()*15*s*s*math.Exp(2-2*s), hydro.MaxRainDepth)
				}
				a.Members = append(a.Members, rain)
			}
			f.Areas = append(f.Areas, a)
		}
	}
	return f
}
