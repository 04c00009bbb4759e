package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"freshet/forecast/network"
	"freshet/forecast/routing"
	"freshet/internal/hydro"
)

// RouteOptions say what [Route] measures.
type RouteOptions struct {
	Reaches int
	Steps   int
	Method  string // muskingum, cunge or mct
	Flow    string // low: steady low flow; flood: a storm of a day on top of it
	Step    time.Duration
	Workers int // goroutines
	Tile    int
	Seed    uint64
	Now     func() time.Time
	CPU     func() time.Duration // processor time of this process so far, 0 where it cannot be told
}

// Validate returns an error that wraps hydro.ErrInvalid if o makes no sense.
func (o *RouteOptions) Validate() error {
	switch {
	case o.Reaches < 1 || o.Reaches > 50_000_000:
		return fmt.Errorf("reaches: %d is not in 1 to 50000000: %w", o.Reaches, hydro.ErrInvalid)
	case o.Steps < 1:
		return fmt.Errorf("steps: %d is not positive: %w", o.Steps, hydro.ErrInvalid)
	case o.Method != "muskingum" && o.Method != "cunge" && o.Method != "mct":
		return fmt.Errorf("method: %q is not muskingum, cunge or mct: %w", o.Method, hydro.ErrInvalid)
	case o.Flow != "low" && o.Flow != "flood":
		return fmt.Errorf("flow: %q is not low or flood: %w", o.Flow, hydro.ErrInvalid)
	case o.Step < time.Second || o.Step > 24*time.Hour:
		return fmt.Errorf("step: %v is not in 1s to 24h: %w", o.Step, hydro.ErrInvalid)
	case o.Workers < 1 || o.Workers > 1024:
		return fmt.Errorf("workers: %d is not in 1 to 1024: %w", o.Workers, hydro.ErrInvalid)
	case o.Tile < 1 || o.Tile > 4096:
		return fmt.Errorf("tile: %d is not in 1 to 4096 steps: %w", o.Tile, hydro.ErrInvalid)
	case o.Now == nil || o.CPU == nil:
		return fmt.Errorf("bench: clocks are needed: %w", hydro.ErrInvalid)
	}
	return nil
}

// A RouteResult is what one run measured.
type RouteResult struct {
	Method       string  `json:"method"`
	Flow         string  `json:"flow"`
	Reaches      int     `json:"reaches"`
	Steps        int     `json:"steps"`
	Workers      int     `json:"workers"`
	Rows         int     `json:"rows"` // of the walk's stack
	BuildSeconds float64 `json:"build_seconds"`
	Seconds      float64 `json:"seconds"` // of routing alone
	NsPer        float64 `json:"ns_per_reach_step"`
	PerSecond    float64 `json:"reach_steps_per_s"`
	CPUNsPer     float64 `json:"cpu_ns_per_reach_step,omitempty"` // processor time: to be read where others share the machine
	Iterations   float64 `json:"iterations_per_step"`
	Unconverged  int64   `json:"unconverged"`
	Abandoned    int64   `json:"abandoned"`
	Clipped      int64   `json:"clipped"`
	Limited      int64   `json:"limited"`
	PeakFlow     float64 `json:"peak_flow"` // at the outlet, m³/s
	PeakMemoryMB float64 `json:"peak_memory_mb,omitempty"`
}

// Rivers is a synthetic river network: a tree with the channels of rivers.
type Rivers struct {
	Tree     *network.Tree
	Channels []routing.Channel // in tree order, as are the following
	Area     []float64         // local catchment, km²
	Upstream []float64         // catchment at the end of the reach, km²
}

// NewRivers returns n reaches of rivers drawn from seed. The tree is a random
// one whose stems gather mostly small tributaries: a third of the reaches are
// headwaters, and reaches are numbered at random. Lengths are log-normal about
// 1.5 km, bank-full widths follow catchment area as 2.7 A^0.352 m, slopes fall with
// area, and Manning's n goes from 0.06 to 0.03: the spread of national channel
// tables.
func NewRivers(n int, seed uint64) (*Rivers, error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	downstream := make([]int, n)
	grow(downstream, rng)
	label := rng.Perm(n)
	shuffled := make([]int, n)
	for i, d := range downstream {
		shuffled[label[i]] = -1
		if d >= 0 {
			shuffled[label[i]] = label[d]
		}
	}
	tree, err := network.NewTree(shuffled)
	if err != nil {
		return nil, err
	}
	r := &Rivers{Tree: tree, Channels: make([]routing.Channel, n), Area: make([]float64, n)}
	for i := range r.Area {
		r.Area[i] = 1.5 * math.Exp(0.7*rng.NormFloat64())
	}
	r.Upstream = tree.Accumulate(r.Area)
	for i, a := range r.Upstream {
		top := 2.7 * math.Pow(a, 0.352) * math.Exp(0.3*rng.NormFloat64())
		rough := max(0.03, 0.06*math.Pow(max(a, 1), -0.06))
		r.Channels[i] = routing.Channel{
			Length:   min(max(1500*math.Exp(0.7*rng.NormFloat64()), 100), 10000),
			Slope:    min(max(0.02*math.Pow(a, -0.45)*math.Exp(0.8*rng.NormFloat64()), 2e-5), 0.2),
			Bottom:   0.6 * top,
			Top:      top,
			Compound: 3 * top,
			N:        rough, NCompound: 2 * rough,
			Side: 0.4 + 0.4*rng.Float64(),
		}
	}
	return r, nil
}

// grow fills the downstream indices of a random tree with outlet 0.
func grow(downstream []int, rng *rand.Rand) {
	type stretch struct{ below, size int }
	stack := []stretch{{-1, len(downstream)}}
	next := 0
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for below := s.below; s.size > 0; s.size-- { // up a stem
			downstream[next] = below
			below = next
			next++
			if u := rng.Float64(); s.size > 2 && u < 0.5 { // a tributary, mostly small
				side := 1 + int(0.5*float64(s.size-2)*math.Pow(rng.Float64(), 12))
				stack = append(stack, stretch{below, side})
				s.size -= side
			}
		}
	}
}

// Lateral returns the lateral inflow, m³/s, of each reach for a number of steps of dt
// seconds:
// 1 l/s/km², and in a flood up to 0.3 m³/s/km² more in a storm of about a day.
func (r *Rivers) Lateral(steps int, dt float64, flood bool) func(k, from int, q []float64) {
	runoff := make([]float64, steps) // m³/s/km²
	for t := range runoff {
		runoff[t] = lowFlow
		if flood {
			x := (float64(t) + 0.5) * dt / 28800 // gamma-shaped, peak after 8 h
			runoff[t] += 0.3 * x * x * math.Exp(2-2*x)
		}
	}
	return func(k, from int, q []float64) {
		area := r.Area[k]
		for t, v := range runoff[from : from+len(q)] {
			q[t] = area * v
		}
	}
}

const lowFlow = 0.001 // m³/s/km²

// A method is what Route and Ensemble need of the reaches of forecast/routing.
type method interface {
	network.Method
	SetSteady(k int, inflow, outflow float64) error
	Save() []float64
	Restore(saved []float64) error
}

// reaches returns the method's reaches, carrying steady low flow. Linear
// Muskingum has the celerity of a bank-full wave and as much of x = 0.2 as is
// stable in one piece.
func (r *Rivers) reaches(name string, dt float64) (m method, err error) {
	switch name {
	case "cunge":
		m, err = routing.NewCungeReaches(r.Channels, dt, routing.Previous)
	case "mct":
		m, err = routing.NewMCTReaches(r.Channels, dt, routing.Current)
	default:
		linear := make([]routing.Muskingum, len(r.Channels))
		for i := range linear {
			k := max(r.Channels[i].Length/1.2, 0.65*dt)
			if linear[i], err = routing.NewMuskingum(k, min(0.2, dt/(2*k)), dt, 1); err != nil {
				return nil, err
			}
		}
		m, err = routing.NewMuskingumReaches(linear, routing.Current)
	}
	if err != nil {
		return nil, err
	}
	for k, area := range r.Upstream {
		if err := m.SetSteady(k, lowFlow*max(area-r.Area[k], 0), lowFlow*area); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Route makes a network of rivers and times the routing of a flow through it.
func Route(o RouteOptions) (RouteResult, error) {
	if err := o.Validate(); err != nil {
		return RouteResult{}, err
	}
	begin := o.Now()
	rivers, err := NewRivers(o.Reaches, o.Seed)
	if err != nil {
		return RouteResult{}, err
	}
	dt := o.Step.Seconds()
	m, err := rivers.reaches(o.Method, dt)
	if err != nil {
		return RouteResult{}, err
	}
	opts := network.DefaultOptions()
	opts.Tile = o.Tile
	if o.Workers == 1 {
		opts.Branches = 1
	}
	net, err := network.New(rivers.Tree, m, opts)
	if err != nil {
		return RouteResult{}, err
	}
	r := RouteResult{Method: o.Method, Flow: o.Flow, Reaches: o.Reaches, Steps: o.Steps, Workers: o.Workers, Rows: rivers.Tree.Rows()}
	outlet := rivers.Tree.Len() - 1
	run := network.Run{Steps: o.Steps, Lateral: rivers.Lateral(o.Steps, dt, o.Flow == "flood"), Flow: func(k, _ int, q []float64) {
		if k == outlet {
			for _, v := range q {
				r.PeakFlow = max(r.PeakFlow, v)
			}
		}
	}}
	if o.Workers > 1 {
		run.Each = each(o.Workers)
	}
	r.BuildSeconds = o.Now().Sub(begin).Seconds()
	begin = o.Now()
	cpu := o.CPU()
	tally, err := net.Run(&run)
	cpu = o.CPU() - cpu
	r.Seconds = o.Now().Sub(begin).Seconds()
	if err != nil {
		return RouteResult{}, err
	}
	all := float64(o.Reaches) * float64(o.Steps)
	r.NsPer, r.PerSecond = r.Seconds*1e9/all, all/r.Seconds
	r.CPUNsPer = float64(cpu.Nanoseconds()) / all
	r.Iterations = float64(tally.Iterations) / all
	r.Unconverged, r.Abandoned, r.Clipped, r.Limited = tally.Unconverged, tally.Abandoned, tally.Clipped, tally.Limited
	return r, nil
}

// each returns a function that does tasks on that many goroutines.
func each(workers int) func(tasks int, do func(task int)) {
	return func(tasks int, do func(task int)) {
		var next atomic.Int64
		var running sync.WaitGroup
		for range min(workers, tasks) {
			running.Go(func() {
				for i := next.Add(1) - 1; i < int64(tasks); i = next.Add(1) - 1 {
					do(int(i))
				}
			})
		}
		running.Wait()
	}
}
