package catalog

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"freshet/forecast/loss"
	"freshet/forecast/param"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
	"freshet/internal/hydro"
)

// Runoff is how the rain of a sub-basin becomes flow at its outlet.
type Runoff struct {
	Method       RunoffMethod        // empty: Saturation
	InitialStore float64             // share of the tension-water capacity at the first start, 0 to 1; of Saturation and Xinanjiang
	Evaporation  float64             // potential, mm/d; of Saturation and Xinanjiang
	Monthly      *xinanjiang.Monthly // by month of the season's zone, in place of Evaporation; nil: all year the same

	Pan       string  // station whose pan is gone by while it reports; empty: none. Evaporation or Monthly stands in, and after now
	PanFactor float64 // potential evaporation over that of the pan

	Capacity      float64       // of Saturation: WM, areal mean tension-water capacity, mm
	Exponent      float64       // B of the capacity curve
	Impervious    float64       // share of the area, 0 to 1
	BaseShare     float64       // share of runoff that goes to the slow store
	BaseRecession time.Duration // e-folding time of the slow store

	Xinanjiang xinanjiang.Parameters

	CN       float64       // of CurveNumber
	Ratio    float64       // initial abstraction over potential retention
	StormGap time.Duration // without rain, after which the next rain is a new storm

	Phi float64 // of PhiIndex, mm/h

	Concentration Concentration // empty: NashCascade
	UHReservoirs  float64       // n of the Nash cascade
	UHScale       time.Duration // k of the Nash cascade
	CS            float64       // of LagRecession, 1/d; 0: no store
	Lag           time.Duration
	Ordinates     []float64     // of GivenOrdinates, shares
	OrdinatesStep time.Duration // that the ordinates are of, and the runoff too that they spread
}

// A RunoffMethod says how rain becomes runoff.
type RunoffMethod string

// Methods of runoff; docs/models/runoff.md and forecast.md describe them.
const (
	Saturation  RunoffMethod = "saturation" // one layer, forecast/runoff
	Xinanjiang  RunoffMethod = "xinanjiang" // three layers and three sources, forecast/xinanjiang
	CurveNumber RunoffMethod = "scs"        // of a storm, forecast/loss
	PhiIndex    RunoffMethod = "phi"        // constant loss rate, forecast/loss
)

// A Concentration says how runoff comes to the outlet of its sub-basin.
type Concentration string

// Ways to the outlet.
const (
	NashCascade    Concentration = "nash"      // Nash's unit hydrograph
	LagRecession   Concentration = "lag"       // lag and recession of the channel network
	GivenOrdinates Concentration = "ordinates" // a unit hydrograph as it is printed
)

// usualXinanjiang stands for what a catalogue leaves out: the middle of Chinese
// practice, see docs/models/runoff.md.
var usualXinanjiang = xinanjiang.Parameters{
	K: 1, WUM: 20, WLM: 70, WDM: 50, C: 0.15, B: 0.3, IM: 0.02, SM: 25, EX: 1.3, KI: 0.35, KG: 0.35, CI: 0.7, CG: 0.98,
}

func parseRunoffMethod(s string) (RunoffMethod, error) {
	switch m := RunoffMethod(s); m {
	case Saturation, Xinanjiang, CurveNumber, PhiIndex:
		return m, nil
	}
	return "", hydro.ErrInvalid
}

// parseDivision reads how free water is divided, see docs/models/runoff.md.
func parseDivision(s string) (xinanjiang.Division, error) {
	switch s {
	case "fixed":
		return xinanjiang.FixedCapacity, nil
	case "area":
		return xinanjiang.AreaCapacity, nil
	}
	return 0, hydro.ErrInvalid
}

// in is the range of a method's parameter.
func in(p param.Param) bound {
	says := fmt.Sprintf("must be from %g to %g", p.Lo, p.Hi)
	switch {
	case math.IsInf(p.Hi, 1) && p.Above:
		says = fmt.Sprintf("must be above %g", p.Lo)
	case math.IsInf(p.Hi, 1):
		says = fmt.Sprintf("must be %g or more", p.Lo)
	case p.Above:
		says = fmt.Sprintf("must be above %g and at most %g", p.Lo, p.Hi)
	}
	if p.Unit != "–" {
		says += " " + p.Unit
	}
	return bound{func(x float64) bool { return p.Check(x) == nil }, says}
}

// runoff reads the method of a sub-basin, its parameters and the way to the
// outlet. A key of another method is an unknown key.
func (n *network) runoff(sub *mapping) Runoff {
	r := Runoff{
		Method: Saturation, InitialStore: 0.6, Evaporation: 3,
		Capacity: 120, Exponent: 0.3, Impervious: 0.02, BaseShare: 0.2, BaseRecession: 72 * time.Hour,
		Concentration: NashCascade, UHReservoirs: 3, UHScale: 2 * time.Hour,
	}
	v, ok := sub.take("runoff")
	if !ok {
		return r
	}
	m, ok := v.mapping()
	if !ok {
		return r
	}
	before := len(n.problems)
	if m.values["method"].n != nil {
		if r.Method, ok = parsed(m, "method", parseRunoffMethod, "saturation, xinanjiang, scs or phi"); !ok {
			return r // which keys belong here is not known: one problem is enough
		}
	} else {
		m.asked = append(m.asked, "method")
	}
	switch p := runoff.Params; r.Method {
	case Saturation:
		r.Capacity, r.Exponent = m.number("capacity", r.Capacity, in(p[0])), m.number("exponent", r.Exponent, in(p[1]))
		r.Impervious, r.BaseShare = m.number("impervious", r.Impervious, in(p[2])), m.number("base_share", r.BaseShare, in(p[4]))
		r.BaseRecession = m.duration("base_recession", r.BaseRecession, time.Hour)
		n.climate(m, &r)
	case Xinanjiang:
		x := usualXinanjiang.Values()
		for i, p := range xinanjiang.Params {
			x[i] = m.number(strings.ToLower(p.Name), x[i], in(p))
		}
		if m.values["division"].n != nil {
			r.Xinanjiang.Division, _ = parsed(m, "division", parseDivision, "fixed or area")
		} else {
			m.asked = append(m.asked, "division")
		}
		r.Xinanjiang = r.Xinanjiang.With(x)
		n.climate(m, &r)
	case CurveNumber:
		p := loss.CurveNumberParams
		r.CN, r.Ratio = m.needNumber("cn", in(p[0])), m.number("ratio", 0.2, in(p[1]))
		r.StormGap = m.duration("storm_gap", 24*time.Hour, n.basin.Settings.Step)
	case PhiIndex:
		r.Phi = m.needNumber("phi", in(loss.PhiParams[0]))
	}
	n.concentration(m, &r)
	m.done()
	if len(n.problems) == before {
		n.checkRunoff(m, &r)
	}
	return r
}

// climate reads what a continuous method starts from and evaporates: one rate, or
// twelve from January on.
func (n *network) climate(m *mapping, r *Runoff) {
	r.InitialStore = m.number("initial_store", r.InitialStore, share)
	n.pan(m, r)
	limit := in(runoff.Params[3]) // whatever the method
	v, ok := m.take("evaporation")
	if !ok {
		return
	}
	if _, list := v.n.(*ast.SequenceNode); !list {
		r.Evaporation = m.number("evaporation", r.Evaporation, limit)
		return
	}
	items := v.list()
	if len(items) != 12 {
		v.fail("evaporation: %d values: give one, or twelve from January on", len(items))
		return
	}
	r.Monthly = new(xinanjiang.Monthly)
	for i, item := range items {
		x, ok := item.number()
		if ok && !limit.ok(x) {
			item.fail("evaporation: %g %s", x, limit.says)
		}
		r.Monthly[i] = x
	}
}

// pan reads whose pan is gone by, and what stands in for it must be stated.
func (n *network) pan(m *mapping, r *Runoff) {
	v, ok := m.take("pan")
	if !ok {
		if f, given := m.take("pan_factor"); given {
			f.fail("pan_factor: there is no pan")
		}
		return
	}
	r.PanFactor = m.needNumber("pan_factor", in(xinanjiang.Params[0])) // K: what evaporates over what the pan says
	m.need("evaporation")
	st, ok := v.station("pan")
	if !ok {
		return
	}
	at := slices.IndexFunc(st.Parameters, func(p Parameter) bool { return p.Variable == hydro.PanEvaporation })
	switch warmup := n.basin.Settings.Warmup; {
	case st.Basin != n.basin.ID:
		v.fail("pan: station %q belongs to basin %q", st.ID, st.Basin)
	case at < 0:
		v.fail("pan: station %q does not report %s", st.ID, hydro.PanEvaporation)
	case warmup < st.Parameters[at].Interval:
		v.fail("pan: station %q reports every %s and the warm-up is %s: what it says would come too late to count", st.ID, st.Parameters[at].Interval, warmup)
	default:
		r.Pan = st.ID
	}
}

// concentration reads the way to the outlet. The keys say which.
func (n *network) concentration(m *mapping, r *Runoff) {
	given := func(keys ...string) bool {
		for _, k := range keys {
			if m.values[k].n != nil {
				return true
			}
		}
		return false
	}
	nash, lag, ordinates := given("uh_reservoirs", "uh_scale"), given("cs", "lag"), given("ordinates")
	u, c := unithydrograph.Params, xinanjiang.ConcentrationParams
	r.UHReservoirs = m.number("uh_reservoirs", r.UHReservoirs, in(u[0]))
	r.UHScale = m.duration("uh_scale", r.UHScale, time.Minute)
	r.CS, r.Lag = m.number("cs", 0, in(c[0])), m.duration("lag", 0, 0)
	for _, item := range m.list("ordinates") {
		x, ok := item.number()
		if ok && x < 0 {
			item.fail("ordinates: %g must not be negative", x)
		}
		r.Ordinates = append(r.Ordinates, x)
	}
	n.ordinatesStep(m, r, ordinates)
	switch {
	case nash && lag, nash && ordinates, lag && ordinates:
		n.report(m.at(), "runoff: give one way to the outlet: uh_reservoirs and uh_scale, or cs and lag, or ordinates")
	case lag:
		r.Concentration = LagRecession
	case ordinates:
		r.Concentration = GivenOrdinates
	}
}

// ordinatesStep reads the step that ordinates are of. It has no default: ordinates of
// an hour that were taken for those of the basin's step would make a flood of a shower.
func (n *network) ordinatesStep(m *mapping, r *Runoff, ordinates bool) {
	v, ok := m.take("ordinates_step")
	switch {
	case ok && !ordinates:
		v.fail("ordinates_step: there are no ordinates")
	case ok:
		r.OrdinatesStep = m.duration("ordinates_step", 0, time.Second)
	case ordinates:
		n.report(m.place("ordinates"), "ordinates_step: missing: write the step of the ordinates beside them, such as ordinates_step: 1h; if they were made for the basin's step that is ordinates_step: %s", n.basin.Settings.Step)
	}
}

// checkRunoff reports what the methods refuse of values that lie in their ranges.
func (n *network) checkRunoff(m *mapping, r *Runoff) {
	dt := n.basin.Settings.Step.Seconds()
	if r.Method == Xinanjiang {
		if _, err := xinanjiang.New(r.Xinanjiang, dt); err != nil {
			switch x := r.Xinanjiang; {
			case x.KI+x.KG >= 1:
				n.report(m.place("kg"), "kg: %v", err)
			case x.Slice > 0 && x.Slice < 1:
				n.report(m.place("slice"), "slice: %v", err)
			default:
				n.report(m.at(), "runoff: %v", err)
			}
		}
	}
	switch r.Concentration {
	case LagRecession:
		if _, err := xinanjiang.NewConcentration(r.CS, r.Lag.Seconds(), dt); err != nil {
			n.report(m.place("lag"), "lag: %v", err)
		}
	case GivenOrdinates:
		uh, err := unithydrograph.Given(r.Ordinates, 1)
		if err != nil {
			n.report(m.place("ordinates"), "ordinates: %v; they are shares", err)
		} else if _, err := uh.Resample(r.OrdinatesStep.Seconds(), dt); err != nil {
			n.report(m.place("ordinates_step"), "ordinates_step: %v", err)
		}
	default:
		if _, err := unithydrograph.Nash(r.UHReservoirs, r.UHScale.Seconds(), dt); err != nil {
			n.report(m.place("uh_scale"), "uh_scale: %v", err)
		}
	}
}
