package forecast

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/forecast/loss"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
	"freshet/internal/catalog"
)

// A SubBasinState is the water in a sub-basin. Which of its stores are used is
// the method's matter; those of the others are zero.
type SubBasinState struct {
	ID         string
	Method     catalog.RunoffMethod
	Store      runoff.State     // of saturation
	Xinanjiang xinanjiang.State // of xinanjiang
	Storm      loss.Storm       // of scs, the one that is on
	Dry        float64          // s since it last rained in that storm

	// Channel is what the recession of the channel network holds, m³/s for one
	// step: so it stays the same water whatever becomes of the area.
	Channel float64
	Pending []float64 // m³/s that runoff so far will add in the steps to come; at most one fewer than the unit hydrograph has ordinates, unless it is of an older one
}

// A ground is a runoff method with the parameters of one sub-basin.
type ground interface {
	// start fills the method's own stores of s: it has not rained for long.
	start(s *SubBasinState)
	// step moves them over one step with rain and potential evaporation, mm, and
	// returns what goes to the outlet by way of the channels and what comes there at
	// once, mm.
	step(s *SubBasinState, rain, pet float64) (spread, direct float64)
}

type saturation struct {
	runoff.Model
	p       runoff.Parameters
	initial float64 // mm
}

func (g saturation) start(s *SubBasinState) {
	s.Method, s.Store = catalog.Saturation, runoff.State{Tension: g.initial}
}

func (g saturation) step(s *SubBasinState, rain, pet float64) (spread, direct float64) {
	var f runoff.Flux
	s.Store, f = g.StepEvaporating(s.Store, rain, pet)
	return f.Fast, f.Slow
}

type threeSources struct {
	xinanjiang.Model
	p     xinanjiang.Parameters
	share float64
}

func (g threeSources) start(s *SubBasinState) {
	s.Method, s.Xinanjiang = catalog.Xinanjiang, g.Start(g.share)
}

func (g threeSources) step(s *SubBasinState, rain, pet float64) (spread, direct float64) {
	var f xinanjiang.Flux
	s.Xinanjiang, f = g.Step(s.Xinanjiang, rain, pet)
	return f.Total(), 0
}

type curveNumber struct {
	loss.CurveNumber
	gap, dt float64 // s
}

func (g curveNumber) start(s *SubBasinState) { s.Method = catalog.CurveNumber }

// step ends the storm once it has been dry for the gap.
func (g curveNumber) step(s *SubBasinState, rain, _ float64) (spread, direct float64) {
	switch {
	case rain > 0:
		s.Dry = 0
	case s.Storm.Rain > 0:
		if s.Dry += g.dt; s.Dry >= g.gap {
			s.Storm, s.Dry = loss.Storm{}, 0
		}
	}
	s.Storm, spread = g.Step(s.Storm, rain)
	return spread, 0
}

type phiIndex struct{ loss.Phi }

func (g phiIndex) start(s *SubBasinState) { s.Method = catalog.PhiIndex }

func (g phiIndex) step(_ *SubBasinState, rain, _ float64) (spread, direct float64) {
	return g.Excess(rain), 0
}

// newGround returns the method that the catalogue asks for.
func newGround(r *catalog.Runoff, dt float64) (ground, error) {
	method := cmp.Or(r.Method, catalog.Saturation)
	if continuous := method == catalog.Saturation || method == catalog.Xinanjiang; continuous && !(r.InitialStore >= 0 && r.InitialStore <= 1) {
		return nil, fmt.Errorf("initial store %g: want a share from 0 to 1", r.InitialStore)
	}
	switch method {
	case catalog.Saturation:
		p := runoff.Parameters{
			Capacity: r.Capacity, Exponent: r.Exponent, Impervious: r.Impervious, Evaporation: r.Evaporation,
			BaseShare: r.BaseShare, BaseRecession: r.BaseRecession.Seconds(),
		}
		g, err := runoff.New(p, dt)
		return saturation{g, p, r.InitialStore * r.Capacity}, err
	case catalog.Xinanjiang:
		g, err := xinanjiang.New(r.Xinanjiang, dt)
		return threeSources{g, r.Xinanjiang, r.InitialStore}, err
	case catalog.CurveNumber:
		if r.StormGap <= 0 {
			return nil, fmt.Errorf("storm gap %v: want more than 0", r.StormGap)
		}
		g, err := loss.NewCurveNumber(r.CN, r.Ratio)
		return curveNumber{g, r.StormGap.Seconds(), dt}, err
	case catalog.PhiIndex:
		g, err := loss.NewPhi(r.Phi, dt)
		return phiIndex{g}, err
	default:
		return nil, fmt.Errorf("runoff method %q: want %q, %q, %q or %q", method, catalog.Saturation, catalog.Xinanjiang, catalog.CurveNumber, catalog.PhiIndex)
	}
}

// An evaporation is the potential evaporation of a sub-basin.
type evaporation struct {
	monthly *xinanjiang.Monthly // nil: always the same
	depth   float64             // mm per step
	dt      float64             // s
	zone    *time.Location      // in which months begin
	pan     int                 // number in Model.pans, from 1, of what is measured; 0: none
	factor  float64             // of the pan
}

func newEvaporation(r *catalog.Runoff, dt float64, zone *time.Location) (evaporation, error) {
	rates := []float64{r.Evaporation}
	if r.Monthly != nil {
		rates = r.Monthly[:]
	}
	for _, v := range rates {
		if err := runoff.Params[3].Check(v); err != nil {
			return evaporation{}, fmt.Errorf("evaporation: %w", err)
		}
	}
	return evaporation{monthly: r.Monthly, depth: r.Evaporation * dt / 86400, dt: dt, zone: zone}, nil
}

// of returns the potential evaporation by the catalogue, mm, of the step that ends
// at an instant.
func (e *evaporation) of(end time.Time) float64 {
	if e.monthly == nil {
		return e.depth
	}
	return e.monthly.Depth(end.In(e.zone), e.dt)
}

// An outlet brings runoff to the outlet of its sub-basin.
type outlet struct {
	uh      unithydrograph.Hydrograph
	channel *xinanjiang.Concentration // a store before uh; nil: none
}

func newOutlet(r *catalog.Runoff, dt float64) (outlet, error) {
	switch way := cmp.Or(r.Concentration, catalog.NashCascade); way {
	case catalog.NashCascade:
		uh, err := unithydrograph.Nash(r.UHReservoirs, r.UHScale.Seconds(), dt)
		return outlet{uh: uh}, err
	case catalog.LagRecession:
		c, err := xinanjiang.NewConcentration(r.CS, r.Lag.Seconds(), dt)
		return outlet{c.Lag, &c}, err
	case catalog.GivenOrdinates:
		uh, err := unithydrograph.Given(r.Ordinates, 1)
		if err != nil {
			return outlet{}, err
		}
		uh, err = uh.Resample(r.OrdinatesStep.Seconds(), dt)
		return outlet{uh: uh}, err
	default:
		return outlet{}, fmt.Errorf("concentration %q: want %q, %q or %q", way, catalog.NashCascade, catalog.LagRecession, catalog.GivenOrdinates)
	}
}

// start returns the water of a sub-basin on which it has not rained for long.
func (b *subBasin) start() SubBasinState {
	s := SubBasinState{ID: b.id}
	b.ground.start(&s)
	return s
}

// fits reports whether a run can go on from s.
func (b *subBasin) fits(s *SubBasinState) bool {
	return s.ID == b.id && s.Method == b.start().Method && (b.outlet.channel != nil || s.Channel == 0)
}

// adopt returns old as a state of b. The ground keeps its water if the method is
// the same, whatever its parameters, and else starts anew, because the stores of
// two methods are no like quantities. What has left the ground stays under way:
// what is pending comes when it would have come, and what a channel store holds
// that b does not have comes by its unit hydrograph.
func (b *subBasin) adopt(old *SubBasinState) SubBasinState {
	s := b.start()
	if old.Method == s.Method {
		s = *old
	}
	s.Channel, s.Pending = old.Channel, slices.Clone(old.Pending)
	if b.outlet.channel == nil && s.Channel > 0 {
		s.Pending = append(s.Pending, make([]float64, max(0, len(b.outlet.uh)-len(s.Pending)))...)
		b.outlet.uh.Add(s.Pending, s.Channel)
		s.Channel = 0
	}
	return s
}

// step moves s over one step with rain and potential evaporation, mm, and adds what
// comes to the outlet, m³/s, to flow, whose first value is that of the step.
func (b *subBasin) step(s *SubBasinState, rain, pet float64, flow []float64) {
	spread, direct := b.ground.step(s, rain, pet)
	spread *= b.perMM
	if c := b.outlet.channel; c != nil {
		s.Channel, spread = c.Step(s.Channel, spread)
	}
	b.outlet.uh.Add(flow, spread)
	flow[0] += direct * b.perMM
}
