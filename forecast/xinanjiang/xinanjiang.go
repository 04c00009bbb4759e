// Package xinanjiang is the three-source Xinanjiang model (新安江模型) of Zhao
// Renjun: rain and potential evaporation in, evaporation, surface runoff,
// interflow and groundwater flow of a catchment out, in mm per step.
//
// One step of dt, with d = dt/86,400 s, on the pervious share 1-IM of the area:
//
//	ep  = K pet                                                       potential evaporation
//
// Evaporation, three layers [Zhao92], while rain < ep:
//
//	eu  = min(ep, WU + rain)
//	el  = (ep - eu) max(WL/WLM, C), at most WL
//	ed  = what C (ep - eu) exceeds WL, at most WD
//
// Saturation excess on the tension-water capacity curve [Zhao92], pe = rain - ep > 0:
//
//	wmm = WM (1 + B)          a = wmm (1 - (1 - W/WM)^(1/(1+B)))      WM = WUM + WLM + WDM
//	r   = pe - (WM - W) + WM (1 - (pe + a)/wmm)^(1+B)                 where pe + a < wmm
//	r   = pe - (WM - W)                                               else
//	fr  = r/pe                                                        runoff-producing area
//
// What does not run off fills the upper, the lower and the deep layer in turn.
// Source division [Bao09] (2-85) to (2-89): on the area fr lies free water of
// depth s, with a capacity curve of mean SM and maximum ms = SM (1 + EX):
//
//	au  = ms (1 - (1 - s/SM)^(1/(1+EX)))
//	rs  = fr (pe - SM + s + SM (1 - (pe + au)/ms)^(1+EX))             where pe + au < ms
//	rs  = fr (pe - SM + s)                                            else
//	s'  = s + (r - rs)/fr
//	ri  = kid s' fr           rg = kgd s' fr                          s = (1 - kid - kgd) s'
//
// With [AreaCapacity] SM and ms are those of the share fr of the catchment that
// has the smallest capacities [EH10]:
//
//	smmf = ms (1 - (1 - fr)^(1/EX))          smf = smmf/(1 + EX)
//
// Interflow and groundwater leave through linear stores, and the impervious
// share sheds its net rain:
//
//	qi = cid qi⁻ + (1 - cid) ri (1 - IM)     qg = cgd qg⁻ + (1 - cgd) rg (1 - IM)
//	qs = rs (1 - IM) + pe IM
//
// Of what the groundwater store lets go, the share Leak leaves the catchment
// underground and passes its outlet by [Burnash73]:
//
//	leak = Leak qg'          qg = (1 - Leak) qg'          qg' as qg above
//
// It is not of Zhao's model: 0 there. A catchment on permeable rock that gives off
// less than its rain and its potential evaporation leave over cannot do without.
//
// KI, KG, CI and CG are per day. At the step they become [Bao09]
//
//	kid + kgd = 1 - (1 - KI - KG)^d          kid/kgd = KI/KG
//	cid = CI^d                               cgd = CG^d
//
// so that a store left alone recedes alike at any step. The flows of a [Flux] go
// on to the outlet by a [Concentration] (CS and L) or a unit hydrograph.
//
// Water balance, per step over the whole area, to rounding:
//
//	rain = evaporation + qs + qi + qg + leak + rise of the stores
//
// Departures from the books, all for the sake of that balance. What the deep
// layer cannot give does not evaporate. Where fr falls so far that the free water
// would stand above the capacity of the new area, the books cut it; here the area
// stays as it was, and r is spread over it. Evaporation is weighed over the
// pervious and the impervious area, on which no more than the rain evaporates.
// Both curves are computed in the equivalent form
//
//	pe - r = (WM - W) (1 - (1 - pe/(wmm - a))^(1+B))
//
// which does not cancel when pe is small, as it is at a step of minutes.
//
// Sources: [Zhao92] Zhao Ren-jun, The Xinanjiang model applied in China, J.
// Hydrol. 135, 1992, 371-381. [Zhao84] Zhao Renjun, 流域水文模拟, 1984. [Bao09] Bao
// Weimin, 水文预报, 4th and 5th ed. [Burnash73] Burnash, Ferral, McGuire, A
// generalized streamflow simulation system, 1973: Leak is SIDE/(1 + SIDE) there. [EH10] 工程水文学, 3rd ed. The equations of the
// three Chinese books are taken second-hand, as the comments of
// OuyangWenyu/hydromodel (hydromodel/models/xaj.py) quote them.
package xinanjiang

import (
	"errors"
	"fmt"
	"math"

	"freshet/forecast/param"
)

// Params are the parameters of [New], in the order of [Parameters].
var Params = []param.Param{
	{Name: "K", Unit: "–", Lo: 0.1, Hi: 2, Doc: "potential evaporation over what the pan or the formula gives", Source: "[Zhao92]", Sought: param.Sought{Lo: 0.5, Hi: 2, Log: true}},
	{Name: "WUM", Unit: "mm", Lo: 1, Hi: 150, Doc: "tension-water capacity of the upper layer", Source: "[Zhao92]"},
	{Name: "WLM", Unit: "mm", Lo: 1, Hi: 300, Doc: "tension-water capacity of the lower layer", Source: "[Zhao92]", Sought: param.Sought{Lo: 16, Hi: 300, Log: true}},
	{Name: "WDM", Unit: "mm", Lo: 0, Hi: 500, Doc: "tension-water capacity of the deep layer", Source: "[Zhao92]", Sought: param.Sought{Lo: 5, Hi: 500, Log: true}},
	{Name: "C", Unit: "–", Lo: 0, Hi: 0.5, Doc: "share of the evaporation left over that the deep layer can give", Source: "[Zhao92]"},
	{Name: "B", Unit: "–", Lo: 0, Hi: 3, Doc: "exponent of the tension-water capacity curve", Source: "[Zhao92]", Sought: param.Sought{Lo: 0.1, Hi: 0.9, Log: true}},
	{Name: "IM", Unit: "–", Lo: 0, Hi: 1, Doc: "impervious share of the area", Source: "[Zhao92]"},
	{Name: "SM", Unit: "mm", Lo: 1, Hi: 200, Doc: "mean free-water capacity", Source: "[Zhao92]", Sought: param.Sought{Lo: 3.1, Hi: 200, Log: true}},
	{Name: "EX", Unit: "–", Lo: 0, Hi: 3, Doc: "exponent of the free-water capacity curve", Source: "[Zhao92]", Sought: param.Sought{Hi: 1.6}},
	{Name: "KI", Unit: "1/d", Lo: 0, Hi: 0.99, Doc: "share of the free water that becomes interflow in a day; KI + KG < 1", Source: "[Zhao92]"},
	{Name: "KG", Unit: "1/d", Lo: 0, Hi: 0.99, Doc: "share of the free water that becomes groundwater in a day", Source: "[Zhao92]"},
	{Name: "CI", Unit: "1/d", Lo: 0, Hi: 0.999, Doc: "recession of interflow: flow after a day over flow before", Source: "[Zhao92]", Sought: param.Sought{Lo: 0.5, Hi: 0.9}},
	{Name: "CG", Unit: "1/d", Lo: 0, Hi: 0.9999, Doc: "recession of groundwater flow: flow after a day over flow before", Source: "[Zhao92]", Sought: param.Sought{Lo: 0.962, Hi: 0.998}},
	{Name: "Slice", Unit: "mm", Lo: 0, Hi: 1000, Doc: "net rain of a step is divided into equal parts of at most this depth, each stored and drained in turn: 5 in the classical code; 0: not divided", Source: "[Zhao84]"},
	{Name: "Leak", Unit: "–", Lo: 0, Hi: 1, Doc: "share of the groundwater flow that leaves the catchment underground, past its outlet", Source: "[Burnash73]", Sought: param.Sought{Hi: 0.95}},
}

// deepest is the rain or evaporation of one step, mm, beyond which it is no such
// thing: it bounds the number of slices.
const deepest = 1e5

var step = param.Param{Name: "dt", Unit: "s", Lo: 0, Hi: 86400, Above: true}

// A Division says how the free-water capacity depends on the runoff-producing
// area, in which the textbooks differ.
type Division int

const (
	// FixedCapacity holds SM and its curve to be those of whatever area produces
	// runoff [Bao09].
	FixedCapacity Division = iota
	// AreaCapacity holds the curve to be that of the whole catchment, of which the
	// area that produces runoff has the smallest capacities [EH10].
	AreaCapacity
)

// Parameters are those of one catchment. Their ranges are in [Params].
type Parameters struct {
	K             float64 // –
	WUM, WLM, WDM float64 // mm
	C             float64 // –
	B             float64 // –
	IM            float64 // share
	SM            float64 // mm
	EX            float64 // –
	KI, KG        float64 // per day
	CI, CG        float64 // per day
	Slice         float64 // mm; 0: not divided
	Leak          float64 // share of the groundwater flow
	Division      Division
}

// Values returns the parameters in the order of [Params], each in the unit of its row.
// The division is not among them.
func (p Parameters) Values() []float64 {
	return []float64{p.K, p.WUM, p.WLM, p.WDM, p.C, p.B, p.IM, p.SM, p.EX, p.KI, p.KG, p.CI, p.CG, p.Slice, p.Leak}
}

// With returns p with the values v, in the order of [Params] and each in the unit of
// its row: what a calibration varies. It panics unless v has one value for each of them.
func (p Parameters) With(v []float64) Parameters {
	if len(v) != len(Params) {
		panic("xinanjiang: values and parameters differ in number")
	}
	return Parameters{K: v[0], WUM: v[1], WLM: v[2], WDM: v[3], C: v[4], B: v[5], IM: v[6], SM: v[7], EX: v[8], KI: v[9], KG: v[10], CI: v[11], CG: v[12], Slice: v[13], Leak: v[14], Division: p.Division}
}

// A Model is the method with its parameters at one time step. It is immutable
// and safe for concurrent use.
type Model struct {
	p                Parameters
	wm, pervious     float64
	tension, free    curve
	logKeep, drain   float64 // ln(1-KI-KG) d, and 1 less its exponential
	toInterflow      float64 // KI/(KI+KG)
	interflow, water float64 // 1-CI^d, 1-CG^d
}

// A State is the water in a catchment. It is a plain value: compare it with ==,
// store it as it is. A run that goes on from a stored state gives what the
// uninterrupted run gives, to the last bit.
type State struct {
	Upper, Lower, Deep float64 // tension water WU, WL, WD, mm over the pervious area
	Free               float64 // free water s·fr, mm over the pervious area
	Area               float64 // share of the pervious area that last produced runoff, fr
	Interflow          float64 // on its way as interflow, mm over the whole area
	Groundwater        float64 // on its way as groundwater, mm over the whole area
}

// A Flux is what one step moved, mm over the whole area.
type Flux struct {
	Evaporation float64
	Surface     float64 // of the free-water curve and of the impervious share
	Interflow   float64
	Groundwater float64
	Leak        float64 // left the catchment underground
}

// Total returns the water that the step sent to the channels, mm. What leaked is
// not of it.
func (f Flux) Total() float64 { return f.Surface + f.Interflow + f.Groundwater }

// New returns a model at the step dt, s, > 0 to 86,400. It fails if a parameter
// is out of range or KI + KG is 1 or more.
func New(p Parameters, dt float64) (Model, error) {
	for i, v := range p.Values() {
		if err := Params[i].Check(v); err != nil {
			return Model{}, fmt.Errorf("xinanjiang: %w", err)
		}
	}
	if err := step.Check(dt); err != nil {
		return Model{}, fmt.Errorf("xinanjiang: %w", err)
	}
	if p.KI+p.KG >= 1 {
		return Model{}, fmt.Errorf("xinanjiang: KI + KG = %g + %g 1/d: want less than 1", p.KI, p.KG)
	}
	if p.Slice > 0 && p.Slice < 1 {
		return Model{}, fmt.Errorf("xinanjiang: Slice = %g mm: want 0 or at least 1", p.Slice)
	}
	if p.Division != FixedCapacity && p.Division != AreaCapacity {
		return Model{}, fmt.Errorf("xinanjiang: division %d: want %d (FixedCapacity) or %d (AreaCapacity)", p.Division, FixedCapacity, AreaCapacity)
	}
	d := dt / 86400
	m := Model{
		p: p, wm: p.WUM + p.WLM + p.WDM, pervious: 1 - p.IM,
		tension: newCurve(p.B), free: newCurve(p.EX),
		logKeep:   math.Log1p(-(p.KI + p.KG)) * d,
		interflow: 1 - math.Pow(p.CI, d),
		water:     1 - math.Pow(p.CG, d),
	}
	m.drain = -math.Expm1(m.logKeep)
	if p.KI > 0 {
		m.toInterflow = p.KI / (p.KI + p.KG)
	}
	return m, nil
}

// Start returns a state with each tension-water layer filled to share, 0 to 1,
// and no free water. It panics if share is out of range.
func (m *Model) Start(share float64) State {
	if !(share >= 0 && share <= 1) {
		panic("xinanjiang: share is not 0 to 1")
	}
	return State{Upper: share * m.p.WUM, Lower: share * m.p.WLM, Deep: share * m.p.WDM}
}

// Check returns an error unless s can be a state of m: no store below zero or
// above its capacity. [Model.Step] keeps to that. What it finds above a capacity
// it holds to be water all the same.
func (m *Model) Check(s State) error {
	var errs []error
	for _, c := range []struct {
		name    string
		v, most float64
	}{
		{"upper tension water", s.Upper, m.p.WUM},
		{"lower tension water", s.Lower, m.p.WLM},
		{"deep tension water", s.Deep, m.p.WDM},
		{"free water", s.Free, m.MostFree(s) * (1 + 1e-12)}, // a depth times an area rounds
		{"interflow on its way", s.Interflow, math.MaxFloat64},
		{"groundwater on its way", s.Groundwater, math.MaxFloat64},
	} {
		if !(c.v >= 0 && c.v <= c.most) {
			errs = append(errs, fmt.Errorf("xinanjiang: %s = %g mm: want 0 to %g", c.name, c.v, c.most))
		}
	}
	if !(s.Area >= 0 && s.Area <= 1) {
		errs = append(errs, fmt.Errorf("xinanjiang: runoff-producing area = %g: want 0 to 1", s.Area))
	}
	return errors.Join(errs...)
}

// MostFree returns the most free water that the part of s that produced runoff can
// hold, mm over the pervious area.
func (m *Model) MostFree(s State) float64 { return s.Area * m.capacity(s.Area) }

// Storage returns the water of s, mm over the whole area.
func (m *Model) Storage(s State) float64 {
	return (s.Upper+s.Lower+s.Deep+s.Free)*m.pervious + s.Interflow + s.Groundwater
}

// Step moves s over one step with rain and potential evaporation as measured or
// tabulated (before K), both mm in the step, and returns the new state and what
// moved. It does not allocate. Rain or evaporation that is negative, NaN or above
// 100,000 mm is a programming error and panics.
func (m *Model) Step(s State, rain, pet float64) (State, Flux) {
	if !(rain >= 0 && rain <= deepest && pet >= 0 && pet <= deepest) {
		panic("xinanjiang: rain or evaporation is negative, NaN or above 100,000 mm")
	}
	ep := m.p.K * pet
	var f Flux
	var ri, rg float64
	if pe := rain - ep; pe > 0 {
		var rs float64
		if r := m.excess(&s, pe); r > 0 {
			rs, ri, rg = m.divide(&s, pe, r)
		} else {
			ri, rg = m.release(&s, m.drain)
		}
		f.Evaporation = ep
		f.Surface = rs*m.pervious + pe*m.p.IM
	} else {
		e := m.evaporate(&s, rain, ep)
		ri, rg = m.release(&s, m.drain)
		f.Evaporation = e*m.pervious + rain*m.p.IM
	}
	s.Interflow += ri * m.pervious
	f.Interflow = s.Interflow * m.interflow
	s.Interflow -= f.Interflow
	s.Groundwater += rg * m.pervious
	out := s.Groundwater * m.water
	s.Groundwater -= out
	f.Leak = out * m.p.Leak
	f.Groundwater = out - f.Leak
	return s, f
}

// evaporate takes the evaporation of the pervious area, mm, out of the tension
// layers while it rains no more than ep.
func (m *Model) evaporate(s *State, rain, ep float64) float64 {
	s.Upper += rain
	eu := min(ep, s.Upper)
	s.Upper -= eu
	want := (ep - eu) * max(s.Lower/m.p.WLM, m.p.C)
	el := min(want, s.Lower)
	s.Lower -= el
	ed := min(want-el, s.Deep)
	s.Deep -= ed
	return eu + el + ed
}

// excess returns the runoff of the pervious area, mm, of pe > 0 mm of net rain,
// and puts the rest into the tension layers.
func (m *Model) excess(s *State, pe float64) float64 {
	kept := m.tension.hold(m.wm, s.Upper+s.Lower+s.Deep, pe)
	r := pe - kept
	kept = fill(&s.Upper, m.p.WUM, kept)
	kept = fill(&s.Lower, m.p.WLM, kept)
	kept = fill(&s.Deep, m.p.WDM, kept)
	return r + kept
}

// fill puts into a layer what it has room for and returns the rest. A layer that
// is above its capacity takes nothing. The sum is compared, and not the room: the
// room of one that is nearly full may round up.
func fill(layer *float64, capacity, water float64) (rest float64) {
	if full := *layer + water; full <= capacity {
		*layer = full
		return 0
	}
	room := capacity - *layer
	if room <= 0 {
		return water
	}
	*layer = capacity
	return max(water-room, 0)
}

// divide returns the surface runoff, the interflow and the groundwater that
// r > 0 mm of runoff from pe mm of net rain release, mm over the pervious area.
func (m *Model) divide(s *State, pe, r float64) (rs, ri, rg float64) {
	area := min(1, r/pe)
	sm := m.capacity(area)
	if s.Free > area*sm && s.Area > area { // the area does not leave water behind
		area = s.Area
		sm = m.capacity(area)
	}
	s.Area = area
	n, drain := 1.0, m.drain
	if m.p.Slice > 0 && pe > m.p.Slice {
		n = math.Ceil(pe / m.p.Slice)
		drain = -math.Expm1(m.logKeep / n)
	}
	for part, i := r/n, 0.0; i < n; i++ {
		kept := min(part, area*m.free.hold(sm, s.Free/area, part/area))
		rs += part - kept
		s.Free += kept
		i1, g1 := m.release(s, drain)
		ri, rg = ri+i1, rg+g1
	}
	return rs, ri, rg
}

// release lets the share drain of the free water go and returns the interflow
// and the groundwater that it becomes, mm over the pervious area.
func (m *Model) release(s *State, drain float64) (ri, rg float64) {
	out := s.Free * drain
	s.Free -= out
	ri = out * m.toInterflow
	return ri, out - ri
}

// capacity returns the mean free-water capacity, mm, of the area that produces
// runoff.
func (m *Model) capacity(area float64) float64 {
	if m.p.Division == FixedCapacity || area >= 1 || m.p.EX == 0 {
		return m.p.SM
	}
	return m.p.SM * -math.Expm1(math.Log1p(-area)/m.p.EX) // [EH10]: smf = smmf/(1+EX)
}

// A curve is the parabola by which capacities are spread over an area.
type curve struct{ power, inverse float64 } // 1 + its exponent, and 1 over that

func newCurve(exponent float64) curve { return curve{1 + exponent, 1 / (1 + exponent)} }

// hold returns what a store keeps of pe > 0 mm, if its mean capacity is mean and
// w mm are in it.
func (c curve) hold(mean, w, pe float64) float64 {
	room := mean - w
	if room <= 0 {
		return 0
	}
	dry := mean * c.power * math.Exp(c.inverse*math.Log(room/mean)) // wmm - a: above it, all is full
	if pe >= dry {
		return min(pe, room)
	}
	return min(pe, -room*math.Expm1(c.power*math.Log1p(-pe/dry)))
}
