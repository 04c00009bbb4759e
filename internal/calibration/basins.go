package calibration

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"freshet/forecast/calibrate"
	"freshet/forecast/loss"
	"freshet/forecast/param"
	"freshet/forecast/runoff"
	"freshet/forecast/xinanjiang"
	"freshet/internal/hydro"
)

// A ground makes runoff of rain.
type ground struct {
	parameters []parameter
	// runoff writes for steps from to to, mm each, what goes to the outlet by the
	// concentration to spread, and what flows beside it to direct, which is 0 before.
	runoff func(x []float64, from, to int, spread, direct []float64) error
	// fragment writes the keys of runoff.
	fragment func(b *strings.Builder, x []float64)
	// event says that the ground knows storms alone: what flowed when an event began
	// runs on beside them.
	event bool
}

// subBasin joins a ground and the concentration that the options name.
func subBasin(build func(*Record, *Options) (*ground, error)) func(*Record, *Options) (*model, error) {
	return func(r *Record, o *Options) (*model, error) {
		if err := checkArea(o); err != nil {
			return nil, err
		}
		g, err := build(r, o)
		if err != nil {
			return nil, err
		}
		way, err := concentrationOf(r, o)
		if err != nil {
			return nil, err
		}
		b := &basin{record: r, ground: g, way: way, unit: o.Area * 1000 / r.Step.Seconds()}
		m := &model{parameters: append(g.parameters, way.parameters...), simulate: b.simulate, derived: way.derived, event: g.event}
		if way.fit != nil {
			m.complete = b.complete
		}
		m.fragment = func(w *strings.Builder, id string, x []float64) {
			if g.event {
				fmt.Fprint(w, "# What flowed when an event began was taken to run on: give it to the node as base_flow.\n")
			}
			fmt.Fprintf(w, "sub_basins:\n  - id: %s # add node and gauges\n    area: %s\n    runoff:\n", id, number(o.Area))
			g.fragment(w, x)
			way.fragment(w, x[len(g.parameters):])
		}
		return m, nil
	}
}

// A basin is a sub-basin on a record.
type basin struct {
	record *Record
	ground *ground
	way    *concentration
	unit   float64 // m³/s of 1 mm per step

	spread, direct, flow []float64 // kept between runs for their memory
}

// water runs the ground and returns what it gives, mm per step, and what flows
// beside the rain, m³/s.
func (b *basin) water(x []float64, from, to int) (spread, direct []float64, base float64, err error) {
	b.spread, b.direct = room(b.spread, to-from), room(b.direct, to-from)
	if b.ground.event {
		if q := b.record.Series(Flow)[from]; q > 0 { // a gap is not
			base = q
		}
	}
	return b.spread, b.direct, base, b.ground.runoff(x, from, to, b.spread, b.direct)
}

func (b *basin) simulate(x []float64, from, to int, out []float64) error {
	spread, direct, base, err := b.water(x, from, to)
	if err != nil {
		return err
	}
	add, n, err := b.way.route(x[len(b.ground.parameters):])
	if err != nil {
		return err
	}
	b.flow = room(b.flow, to-from+n)
	for i := range spread {
		add(b.flow[i:], spread[i])
		out[from+i] = b.unit*(b.flow[i]+direct[i]) + base
	}
	return nil
}

// room returns n zeros, in the memory of s if that has room.
func room(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	s = s[:n]
	clear(s)
	return s
}

func checkArea(o *Options) error {
	if !(o.Area > 0) || math.IsInf(o.Area, 0) {
		return fmt.Errorf("--area %g km²: want the area of the sub-basin, > 0: %w", o.Area, hydro.ErrInvalid)
	}
	return nil
}

// petFactor is looked for where there is a pet column.
var petFactor = param.Param{Name: "pet_factor", Unit: "–", Hi: 10, Doc: "from the pet column to potential evaporation", Sought: param.Sought{Lo: 0.3, Hi: 2}}

// saturation looks for the parameters of a sub-basin. It begins half full, with a
// slow store that carries the flow observed then.
func saturation(r *Record, o *Options) (*ground, error) {
	dt := r.Step.Seconds()
	rain, pet, flow := r.Series(Rain), r.Series(PET), r.Series(Flow)
	unit := o.Area * 1000 / dt // m³/s of 1 mm per step
	p := runoff.Params
	evaporation := within(p[3], "evaporation", dt)
	if pet != nil {
		evaporation = within(petFactor, "pet_factor", dt)
	}
	g := &ground{parameters: []parameter{
		within(p[0], "capacity", dt), within(p[1], "exponent", dt), within(p[2], "impervious", dt), evaporation,
		within(p[4], "base_share", dt), within(p[5], "base_recession", dt),
	}}
	g.runoff = func(x []float64, from, to int, spread, direct []float64) error {
		rp := runoff.Parameters{Capacity: x[0], Exponent: x[1], Impervious: x[2], BaseShare: x[4], BaseRecession: x[5]}
		if pet == nil {
			rp.Evaporation = x[3]
		}
		m, err := runoff.New(rp, dt)
		if err != nil {
			return err
		}
		s := runoff.State{Tension: x[0] / 2}
		if q := flow[from]; !math.IsNaN(q) && x[4] > 0 {
			s.Slow = q / unit * x[5] / dt // its outflow, per step, is the store times dt/k
		}
		for i := from; i < to; i++ {
			var f runoff.Flux
			if pet == nil {
				s, f = m.Step(s, rain[i])
			} else {
				s, f = m.StepEvaporating(s, rain[i], x[3]*pet[i])
			}
			spread[i-from], direct[i-from] = f.Fast, f.Slow
		}
		return nil
	}
	g.fragment = func(b *strings.Builder, x []float64) {
		e, note := number(x[3]), ""
		if pet != nil {
			e, note = petRates(r, x[3])
			note = fmt.Sprintf(" # %s times the %s", number(x[3]), note)
		}
		fmt.Fprintf(b, "      capacity: %s\n      exponent: %s\n      impervious: %s\n      evaporation: %s%s\n", number(x[0]), number(x[1]), number(x[2]), e, note)
		fmt.Fprintf(b, "      base_share: %s\n      base_recession: %s\n", number(x[4]), duration(x[5]))
	}
	return g, nil
}

// stormGap is that of a catalogue that does not say.
const stormGap = 24 * time.Hour

// scs looks for the curve number of a small basin. Each event begins with dry
// ground, [stormGap] without rain ends a storm.
func scs(r *Record, _ *Options) (*ground, error) {
	dt, rain, p := r.Step.Seconds(), r.Series(Rain), loss.CurveNumberParams
	g := &ground{event: true, parameters: []parameter{within(p[0], "cn", dt), within(p[1], "ratio", dt)}}
	g.runoff = func(x []float64, from, to int, spread, _ []float64) error {
		m, err := loss.NewCurveNumber(x[0], x[1])
		if err != nil {
			return err
		}
		var s loss.Storm
		dry := time.Duration(0)
		for i := from; i < to; i++ {
			if dry += r.Step; rain[i] > 0 {
				dry = 0
			}
			if dry >= stormGap {
				s = loss.Storm{}
			}
			s, spread[i-from] = m.Step(s, rain[i])
		}
		return nil
	}
	g.fragment = func(b *strings.Builder, x []float64) {
		fmt.Fprintf(b, "      method: scs\n      cn: %s\n      ratio: %s\n      storm_gap: %s\n", number(x[0]), number(x[1]), duration(stormGap.Seconds()))
	}
	return g, nil
}

// phi looks for the constant loss rate of storms.
func phi(r *Record, _ *Options) (*ground, error) {
	dt, rain := r.Step.Seconds(), r.Series(Rain)
	g := &ground{event: true, parameters: []parameter{within(loss.PhiParams[0], "phi", dt)}}
	g.runoff = func(x []float64, from, to int, spread, _ []float64) error {
		m, err := loss.NewPhi(x[0], dt)
		if err != nil {
			return err
		}
		for i := from; i < to; i++ {
			spread[i-from] = m.Excess(rain[i])
		}
		return nil
	}
	g.fragment = func(b *strings.Builder, x []float64) {
		fmt.Fprintf(b, "      method: phi\n      phi: %s\n", number(x[0]))
	}
	return g, nil
}

// petRates returns the pet column times a factor as a catalogue's evaporation, mm/d,
// by month if it has all of them, and says what it is.
func petRates(r *Record, factor float64) (value, says string) {
	monthly, ok := monthlyRates(r)
	if !ok {
		return number(factor * meanRate(r)), "mean of the pet column, which does not have all months; the scores are those of the column itself"
	}
	rates := make([]string, 12)
	for i, v := range monthly {
		rates[i] = number(math.Round(factor*v*1000) / 1000)
	}
	return "[" + strings.Join(rates, ", ") + "]", "means of the pet column by month; the scores are those of the column itself"
}

// meanRate returns the mean of the pet column, mm/d.
func meanRate(r *Record) float64 {
	pet := r.Series(PET)
	_, present := calibrate.Pairs(nil, nil, pet, pet, calibrate.Span{To: r.N})
	return stat.Mean(present, nil) * 86400 / r.Step.Seconds()
}

// monthlyRates returns the means of the pet column by month of the record's zone,
// mm/d, if it has all twelve. A step is of the month in which its middle lies.
func monthlyRates(r *Record) (rates xinanjiang.Monthly, ok bool) {
	var n [12]float64
	for i, v := range r.Series(PET) {
		if !math.IsNaN(v) {
			month := r.At(i).Add(-r.Step/2).Month() - 1
			rates[month] += v * 86400 / r.Step.Seconds()
			n[month]++
		}
	}
	ok = true
	for i := range rates {
		rates[i] /= n[i]
		ok = ok && n[i] > 0
	}
	return rates, ok
}
