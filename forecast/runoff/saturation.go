// Package runoff turns rain into runoff.
//
// The method is saturation excess with the tension-water capacity curve of the
// Xinanjiang model [Zhao92], in one layer. Point capacities w' of the pervious
// area follow f/F = 1 - (1 - w'/wmm)^b with areal mean wm, so that
//
//	wmm = wm (1 + b)                                         mm
//	a   = wmm (1 - (1 - w/wm)^(1/(1+b)))                     mm
//	r   = pe - (wm - w) + wm (1 - (pe + a)/wmm)^(1+b)        mm, where pe + a < wmm
//	r   = pe - (wm - w)                                      mm, else
//
// where w is the areal mean store and pe the rain that evaporation leaves. Rain
// on the impervious share runs off whole. Evaporation takes the rain first and
// then the store, at the potential rate times w/wm (the one-layer rule). A share
// of the runoff goes to a slow linear store, the rest leaves at once for a unit
// hydrograph. The departure from [Zhao92] is that there are one layer of
// evaporation instead of three and two components of runoff instead of three.
//
// Water balance, per step and per unit area, to rounding:
//
//	rain = evaporation + fast + slow outflow + rise of the stores
//
// Source: [Zhao92] Zhao Ren-jun, The Xinanjiang model applied in China, J.
// Hydrol. 135, 1992, 371-381.
package runoff

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Params are the parameters of [New], in the order of [Parameters].
var Params = []param.Param{
	{Name: "WM", Unit: "mm", Lo: 0, Hi: 1000, Above: true, Doc: "areal mean tension-water capacity", Source: "[Zhao92]", Sought: param.Sought{Lo: 20, Hi: 500}},
	{Name: "B", Unit: "–", Lo: 0, Hi: 5, Doc: "exponent of the capacity curve", Source: "[Zhao92]", Sought: param.Sought{Lo: 0.05, Hi: 2}},
	{Name: "IM", Unit: "–", Lo: 0, Hi: 1, Doc: "impervious share of the area", Source: "[Zhao92]", Sought: param.Sought{Hi: 0.3}},
	{Name: "EP", Unit: "mm/d", Lo: 0, Hi: 20, Doc: "potential evaporation", Source: "[Zhao92]", Sought: param.Sought{Hi: 10}},
	{Name: "BaseShare", Unit: "–", Lo: 0, Hi: 1, Doc: "share of the runoff that goes to the slow store", Source: "this package", Sought: param.Sought{Hi: 1}},
	{Name: "BaseRecession", Unit: "s", Lo: 0, Hi: math.Inf(1), Doc: "e-folding time of the slow store; 0 where BaseShare is 0", Source: "this package", Sought: param.Sought{Lo: 6 * 3600, Hi: 120 * 86400, Log: true}},
}

// Parameters are those of one catchment. Their ranges are in [Params].
type Parameters struct {
	Capacity      float64 // WM, mm
	Exponent      float64 // B
	Impervious    float64 // IM, share
	Evaporation   float64 // EP, mm/d
	BaseShare     float64 // share
	BaseRecession float64 // s
}

// A Model is the method with its parameters at one time step. It is immutable
// and safe for concurrent use.
type Model struct {
	wm, wmm, b, im float64
	ep             float64 // mm per step
	share          float64
	keep           float64 // exp(-dt/k)
	fill           float64 // k/dt (1-exp(-dt/k)): what is left of a step's inflow at its end
}

// A State is the water in a catchment.
type State struct {
	Tension float64 // w, mm over the pervious area, 0 to WM
	Slow    float64 // mm over the whole area
}

// A Flux is what one step moved, mm over the whole area.
type Flux struct {
	Fast        float64 // leaves for the unit hydrograph
	Slow        float64 // left the slow store
	Evaporation float64
}

// New returns a model at the step dt, s. It fails if a parameter is out of
// range.
func New(p Parameters, dt float64) (Model, error) {
	for i, v := range []float64{p.Capacity, p.Exponent, p.Impervious, p.Evaporation, p.BaseShare, p.BaseRecession} {
		if err := Params[i].Check(v); err != nil {
			return Model{}, fmt.Errorf("runoff: %w", err)
		}
	}
	if !(dt > 0) || math.IsInf(dt, 0) {
		return Model{}, fmt.Errorf("runoff: dt = %g s: want > 0", dt)
	}
	if p.BaseShare > 0 && p.BaseRecession == 0 {
		return Model{}, fmt.Errorf("runoff: BaseRecession = 0 s: want > 0 where BaseShare is %g", p.BaseShare)
	}
	m := Model{wm: p.Capacity, wmm: p.Capacity * (1 + p.Exponent), b: p.Exponent, im: p.Impervious, ep: p.Evaporation * dt / 86400, share: p.BaseShare}
	if k := p.BaseRecession; k > 0 {
		m.keep = math.Exp(-dt / k)
		m.fill = -math.Expm1(-dt/k) * k / dt
	}
	return m, nil
}

// Storage returns the water of s, mm over the whole area.
func (m Model) Storage(s State) float64 { return s.Tension*(1-m.im) + s.Slow }

// Step moves s over one step with rain, mm, and returns the new state and what
// moved. Tension water above the capacity, as of a state of a model that had a
// larger one, is water all the same: it leaves by evaporation. Rain below 0 or NaN is
// a programming error and panics.
func (m Model) Step(s State, rain float64) (State, Flux) {
	if !(rain >= 0) {
		panic("runoff: rain below 0 or unknown")
	}
	var f Flux
	w := s.Tension
	var r float64 // of the pervious area
	switch {
	case rain < m.ep:
		e := min(w, m.ep-rain, (m.ep-rain)*w/m.wm)
		w -= e
		f.Evaporation = rain + e
	case w >= m.wm:
		r = rain - m.ep
		f.Evaporation = m.ep
	default:
		pe := rain - m.ep
		r = m.excess(w, pe)
		w = min(m.wm, w+(pe-r))
		f.Evaporation = m.ep
	}
	f.Evaporation *= 1 - m.im
	total := r*(1-m.im) + rain*m.im
	base := total * m.share
	f.Fast = total - base
	next := s.Slow*m.keep + base*m.fill // linear store with a constant inflow over the step
	f.Slow = s.Slow + base - next
	return State{Tension: w, Slow: next}, f
}

// excess returns the runoff, mm, of pe mm of net rain on a store of w mm.
func (m Model) excess(w, pe float64) float64 {
	if pe == 0 {
		return 0
	}
	room := m.wm - w
	a := m.wmm * (1 - math.Pow(room/m.wm, 1/(1+m.b)))
	r := pe - room // the whole area is full
	if pe+a < m.wmm {
		r += m.wm * math.Pow(1-(pe+a)/m.wmm, 1+m.b) // part of it is
	}
	return min(max(0, r), pe)
}
