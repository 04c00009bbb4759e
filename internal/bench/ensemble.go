package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"freshet/forecast/network"
	"freshet/forecast/routing"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
	"freshet/internal/hydro"
)

// EnsembleOptions say what [Ensemble] measures.
type EnsembleOptions struct {
	Reaches   int
	SubBasins int
	Members   int
	Steps     int
	Step      time.Duration
	Method    string // muskingum or mct
	Workers   int    // goroutines, each with members of its own
	Seed      uint64
	Now       func() time.Time
	CPU       func() time.Duration // processor time of this process so far, 0 where it cannot be told
}

// Validate returns an error that wraps hydro.ErrInvalid if o makes no sense.
func (o *EnsembleOptions) Validate() error {
	switch {
	case o.Reaches < 1 || o.Reaches > 10_000_000:
		return fmt.Errorf("reaches: %d is not in 1 to 10000000: %w", o.Reaches, hydro.ErrInvalid)
	case o.SubBasins < 1 || o.SubBasins > o.Reaches:
		return fmt.Errorf("subs: %d is not in 1 to the %d reaches: %w", o.SubBasins, o.Reaches, hydro.ErrInvalid)
	case o.Members < 1 || o.Members > 100_000:
		return fmt.Errorf("members: %d is not in 1 to 100000: %w", o.Members, hydro.ErrInvalid)
	case o.Steps < 1 || o.Steps > 100_000:
		return fmt.Errorf("steps: %d is not in 1 to 100000: %w", o.Steps, hydro.ErrInvalid)
	case o.Step < time.Second || o.Step > 24*time.Hour:
		return fmt.Errorf("step: %v is not in 1s to 24h: %w", o.Step, hydro.ErrInvalid)
	case o.Method != "muskingum" && o.Method != "mct":
		return fmt.Errorf("method: %q is not muskingum or mct: %w", o.Method, hydro.ErrInvalid)
	case o.Workers < 1 || o.Workers > 1024:
		return fmt.Errorf("workers: %d is not in 1 to 1024: %w", o.Workers, hydro.ErrInvalid)
	case o.Now == nil || o.CPU == nil:
		return fmt.Errorf("bench: clocks are needed: %w", hydro.ErrInvalid)
	}
	return nil
}

// An EnsembleResult is what one run measured.
type EnsembleResult struct {
	Method     string     `json:"method"`
	Reaches    int        `json:"reaches"`
	SubBasins  int        `json:"sub_basins"`
	Members    int        `json:"members"`
	Steps      int        `json:"steps"`
	Workers    int        `json:"workers"`
	Seconds    float64    `json:"seconds"`                         // runoff and routing of all members
	CPUSeconds float64    `json:"cpu_seconds,omitempty"`           // processor time: to be read where others share the machine
	CPUNsPer   float64    `json:"cpu_ns_per_reach_step,omitempty"` // all of the processor time, runoff's too, over members, reaches and steps
	Limited    int64      `json:"limited"`
	Peak       [3]float64 `json:"peak_flow,omitzero"`  // least, median and greatest of the members' at the outlet, m³/s; not of [Members]
	MeanPeak   float64    `json:"mean_peak,omitempty"` // of the run on the members' mean, there, m³/s; of [Members]
}

// A basin is what an ensemble runs through: rivers whose reaches belong to
// sub-basins, each with a Xinanjiang model and a unit hydrograph.
type basin struct {
	rivers *Rivers
	sub    []int32   // of each reach
	share  []float64 // of the sub-basin's area
	models []xinanjiang.Model
	start  []xinanjiang.State
	uh     []unithydrograph.Hydrograph
	area   []float64 // of the sub-basins, km²
	dt     float64
	steps  int
	seed   uint64
}

// newBasin draws a basin: sub-basins are stretches of the walk through the
// rivers, as neighbours are, and their parameters are those of humid hills.
func newBasin(o EnsembleOptions) (*basin, error) {
	rivers, err := NewRivers(o.Reaches, o.Seed)
	if err != nil {
		return nil, err
	}
	b := &basin{
		rivers: rivers, dt: o.Step.Seconds(), steps: o.Steps, seed: o.Seed,
		sub: make([]int32, o.Reaches), share: make([]float64, o.Reaches), area: make([]float64, o.SubBasins),
	}
	for k := range b.sub {
		b.sub[k] = int32(k * o.SubBasins / o.Reaches)
		b.area[b.sub[k]] += rivers.Area[k]
	}
	for k, i := range b.sub {
		b.share[k] = rivers.Area[k] / b.area[i]
	}
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	for range o.SubBasins {
		p := membersParameters(rng)
		m, err := xinanjiang.New(p, b.dt)
		if err != nil {
			return nil, err
		}
		uh, err := unithydrograph.Nash(2, 1800+1800*rng.Float64(), b.dt)
		if err != nil {
			return nil, err
		}
		b.models, b.start, b.uh = append(b.models, m), append(b.start, m.Start(0.8)), append(b.uh, uh)
	}
	return b, nil
}

// membersParameters are of a sub-basin in humid hills.
func membersParameters(rng *rand.Rand) xinanjiang.Parameters {
	return xinanjiang.Parameters{
		K: 0.9, WUM: 20, WLM: 60, WDM: 40 + 40*rng.Float64(), C: 0.15, B: 0.2 + 0.3*rng.Float64(), IM: 0.02,
		SM: 15 + 20*rng.Float64(), EX: 1.2, KI: 0.3, KG: 0.4, CI: 0.6 + 0.3*rng.Float64(), CG: 0.98,
	}
}

// A runner runs members one after the other, in memory of its own.
type runner struct {
	basin  *basin
	rivers method
	start  []float64
	net    *network.Network
	run    network.Run
	runoff [][]float64 // of each sub-basin, m³/s, with what is under way at the end
	peak   float64
	tally  routing.Tally
}

func (b *basin) runner(name string) (*runner, error) {
	m, err := b.rivers.reaches(name, b.dt)
	if err != nil {
		return nil, err
	}
	opts := network.DefaultOptions()
	opts.Branches = 1 // members run side by side, not branches
	r := &runner{basin: b, rivers: m, start: m.Save()}
	if r.net, err = network.New(b.rivers.Tree, m, opts); err != nil {
		return nil, err
	}
	for i := range b.uh {
		r.runoff = append(r.runoff, make([]float64, b.steps+len(b.uh[i])))
	}
	outlet := b.rivers.Tree.Len() - 1
	r.run = network.Run{Steps: b.steps, Lateral: func(k, from int, q []float64) {
		flow, share := r.runoff[b.sub[k]][from:from+len(q)], b.share[k]
		low := lowFlow * b.rivers.Area[k]
		for t, v := range flow {
			q[t] = low + share*v
		}
	}, Flow: func(k, _ int, q []float64) {
		if k == outlet {
			r.peak = max(r.peak, slices.Max(q))
		}
	}}
	return r, nil
}

// member runs one member: rain of its own, runoff, routing. It returns the peak
// at the outlet, m³/s.
func (r *runner) member(i int) (float64, error) {
	b := r.basin
	rng := rand.New(rand.NewPCG(b.seed, uint64(i)+2))
	much, when := math.Exp(0.5*rng.NormFloat64()), 20000+20000*rng.Float64()
	for j := range b.models {
		flow := r.runoff[j]
		clear(flow)
		m, s, uh, local := &b.models[j], b.start[j], b.uh[j], much*(0.5+rng.Float64())
		perMM := b.area[j] * 1000 / b.dt // m³/s of 1 mm in a step
		for t := range b.steps {
			x := (float64(t) + 0.5) * b.dt / when
			var flux xinanjiang.Flux
			s, flux = m.Step(s, local*b.dt/3600*15*x*x*math.Exp(2-2*x), 0.1*b.dt/3600) // up to 15 mm/h, and 2.4 mm/d of evaporation
			uh.Add(flow[t:], flux.Surface*perMM)
			flow[t] += (flux.Interflow + flux.Groundwater) * perMM
		}
	}
	if err := r.rivers.Restore(r.start); err != nil {
		return 0, err
	}
	r.peak = 0
	tally, err := r.net.Run(&r.run)
	r.tally.Add(tally)
	return r.peak, err
}

// Ensemble draws a basin, and times runoff and routing of all members of an
// ensemble of storms through it. The flows do not depend on the workers.
func Ensemble(o EnsembleOptions) (EnsembleResult, error) {
	if err := o.Validate(); err != nil {
		return EnsembleResult{}, err
	}
	b, err := newBasin(o)
	if err != nil {
		return EnsembleResult{}, err
	}
	runners := make([]*runner, min(o.Workers, o.Members))
	for i := range runners {
		if runners[i], err = b.runner(o.Method); err != nil {
			return EnsembleResult{}, err
		}
	}
	res := EnsembleResult{Method: o.Method, Reaches: o.Reaches, SubBasins: o.SubBasins, Members: o.Members, Steps: o.Steps, Workers: o.Workers}
	begin, cpu := o.Now(), o.CPU()
	peaks, err := b.members(runners, o.Members)
	cpu = o.CPU() - cpu
	res.Seconds, res.CPUSeconds = o.Now().Sub(begin).Seconds(), cpu.Seconds()
	if err != nil {
		return EnsembleResult{}, err
	}
	res.CPUNsPer = float64(cpu.Nanoseconds()) / float64(o.Members) / float64(o.Reaches) / float64(o.Steps)
	for _, r := range runners {
		res.Limited += r.tally.Limited
	}
	slices.Sort(peaks)
	res.Peak = [3]float64{peaks[0], peaks[len(peaks)/2], peaks[len(peaks)-1]}
	return res, nil
}

// members runs all members, each runner on a goroutine of its own, and returns
// their peaks.
func (b *basin) members(runners []*runner, members int) ([]float64, error) {
	peaks, errs := make([]float64, members), make([]error, members)
	var next atomic.Int64
	var running sync.WaitGroup
	for _, r := range runners {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(members); i = next.Add(1) - 1 {
				peaks[i], errs[i] = r.member(int(i))
			}
		})
	}
	running.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("member %d: %w", i, err)
		}
	}
	return peaks, nil
}
