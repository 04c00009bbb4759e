package calibration

import (
	"fmt"
	"math"
	"strings"
	"time"

	"freshet/forecast/loss"
	"freshet/forecast/param"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
)

// initialStore is how full a Xinanjiang model begins its warm-up: what a catalogue
// that does not say takes too.
const initialStore = 0.6

// threeSources looks for the parameters of a Xinanjiang model whose three flows go
// through Nash's unit hydrograph. It begins with the tension water at
// [initialStore] and without free water: what of that is wrong the warm-up has to
// mend.
//
// What Zhao found that the flow hardly depends on is not looked for but held at a
// usual value: WUM, C, IM and KI + KG [Zhao92]. Of the last only the share that
// becomes groundwater is looked for. Leak is: without it K alone could make a
// catchment lose water, and that in summer only. The free water is divided by
// [xinanjiang.AreaCapacity].
//
// But for those of ex each of its bounds has the value that is usual, which a catalogue takes where it
// does not say, in the middle of the search's scale: a capacity is looked for from
// the most that the parameter table accepts to as far below the usual one. So a
// pull to the middle is one to the usual model.
func threeSources(r *Record, o *Options) (*model, error) {
	if err := checkArea(o); err != nil {
		return nil, err
	}
	dt := r.Step.Seconds()
	rain, pet := r.Series(Rain), r.Series(PET)
	unit := o.Area * 1000 / dt // m³/s of 1 mm per step
	p, u := xinanjiang.Params, unithydrograph.Params
	first := within(p[0], "k", 0.5, 2).log()
	if pet == nil { // K and the rate it multiplies cannot be told apart: K is 1
		first = within(runoff.Params[3], "evaporation", 0, 10)
	}
	m := &model{parameters: []parameter{
		first,
		within(p[2], "wlm", 16, 300).log(), within(p[3], "wdm", 5, 500).log(), within(p[5], "b", 0.1, 0.9).log(),
		within(p[7], "sm", 3.1, 200).log(), within(p[8], "ex", 0, 1.6), within(groundwaterShare, "kg_share", 0, 1),
		within(p[11], "ci", 0.5, 0.9), within(p[12], "cg", 0.962, 0.998), within(p[14], "leak", 0, 0.95),
		within(u[0], "uh_reservoirs", 1, 9).log(), within(u[1], "uh_scale", max(300, dt/10), max(2*86400, 5*dt)).log(),
	}}
	const reservoirs, scale = 10, 11
	var on onTheWay
	m.simulate = func(x []float64, from, to int, out []float64) error {
		xp := threeSourcesOf(x)
		steady := 0.0 // mm in a step
		if pet == nil {
			xp.K, steady = 1, x[0]*dt/86400
		}
		ground, err := xinanjiang.New(xp, dt)
		if err != nil {
			return err
		}
		uh, err := unithydrograph.Nash(x[reservoirs], x[scale], dt)
		if err != nil {
			return err
		}
		flow := on.begin(to - from + len(uh))
		s := ground.Start(initialStore)
		var f xinanjiang.Flux
		for i := from; i < to; i++ {
			e := steady
			if pet != nil {
				e = pet[i]
			}
			s, f = ground.Step(s, rain[i], e)
			uh.Add(flow[i-from:], f.Total())
			out[i] = unit * flow[i-from]
		}
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		k := x[0]
		var evaporation, note string
		switch monthly, ok := monthlyRates(r); {
		case pet == nil:
			k, evaporation = 1, number(x[0])
		case ok:
			rates := make([]string, 12)
			for i, v := range monthly {
				rates[i] = number(math.Round(v*1000) / 1000)
			}
			evaporation = "[" + strings.Join(rates, ", ") + "]"
			note = " # means of the pet column by month; the scores are those of the column itself"
		default:
			evaporation = number(meanRate(r))
			note = " # mean of the pet column, which does not have all months; the scores are those of the column itself"
		}
		fmt.Fprintf(b, "sub_basins:\n  - id: %s # add node and gauges\n    area: %s\n    runoff:\n      method: xinanjiang\n      k: %s\n", id, number(o.Area), number(k))
		v := threeSourcesOf(x).Values()
		for i, p := range xinanjiang.Params {
			if p.Name != "K" && p.Name != "Slice" {
				fmt.Fprintf(b, "      %s: %s\n", strings.ToLower(p.Name), number(v[i]))
			}
		}
		fmt.Fprint(b, "      division: area\n")
		fmt.Fprintf(b, "      evaporation: %s%s\n      initial_store: %s\n", evaporation, note, number(initialStore))
		fmt.Fprintf(b, "      uh_reservoirs: %s\n      uh_scale: %s\n", number(x[reservoirs]), duration(x[scale]))
	}
	return m, nil
}

// groundwaterShare is KG/(KI + KG).
var groundwaterShare = param.Param{Name: "kg_share", Unit: "–", Lo: 0, Hi: 1, Doc: "share of the free water that becomes groundwater", Source: "[Zhao92]"}

// threeSourcesOf returns the parameters of what is looked for, with what is held.
func threeSourcesOf(x []float64) xinanjiang.Parameters {
	const drained = 0.7                              // KI + KG, 1/d
	kg := math.Round(x[6]*drained*100_000) / 100_000 // as the fragment has it
	return xinanjiang.Parameters{
		K: x[0], WUM: 20, WLM: x[1], WDM: x[2], C: 0.15, B: x[3], IM: 0.01, SM: x[4], EX: x[5],
		KI: math.Round((drained-kg)*100_000) / 100_000, KG: kg, CI: x[7], CG: x[8], Leak: x[9], Division: xinanjiang.AreaCapacity,
	}
}

// stormGap is that of a catalogue that does not say.
const stormGap = 24 * time.Hour

// scs looks for the curve number of a small basin and for Nash's unit hydrograph.
// Each event begins with dry ground, [stormGap] without rain ends a storm, and there
// is no other flow than that of the rain.
func scs(r *Record, o *Options) (*model, error) {
	if err := checkArea(o); err != nil {
		return nil, err
	}
	dt := r.Step.Seconds()
	rain := r.Series(Rain)
	unit := o.Area * 1000 / dt // m³/s of 1 mm per step
	p, u := loss.CurveNumberParams, unithydrograph.Params
	m := &model{parameters: []parameter{
		within(p[0], "cn", 30, 99), within(p[1], "ratio", 0, 0.4),
		within(u[0], "uh_reservoirs", 0.5, 10).log(), within(u[1], "uh_scale", max(60, dt/10), max(2*86400, 5*dt)).log(),
	}}
	var on onTheWay
	m.simulate = func(x []float64, from, to int, out []float64) error {
		ground, err := loss.NewCurveNumber(x[0], x[1])
		if err != nil {
			return err
		}
		uh, err := unithydrograph.Nash(x[2], x[3], dt)
		if err != nil {
			return err
		}
		flow := on.begin(to - from + len(uh))
		var s loss.Storm
		var excess float64
		dry := time.Duration(0)
		for i := from; i < to; i++ {
			if dry += r.Step; rain[i] > 0 {
				dry = 0
			}
			if dry >= stormGap {
				s = loss.Storm{}
			}
			s, excess = ground.Step(s, rain[i])
			uh.Add(flow[i-from:], excess)
			out[i] = unit * flow[i-from]
		}
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		fmt.Fprintf(b, "sub_basins:\n  - id: %s # add node and gauges\n    area: %s\n    runoff:\n      method: scs\n", id, number(o.Area))
		fmt.Fprintf(b, "      cn: %s\n      ratio: %s\n", number(x[0]), number(x[1]))
		fmt.Fprintf(b, "      storm_gap: %s\n", duration(stormGap.Seconds()))
		fmt.Fprintf(b, "      uh_reservoirs: %s\n      uh_scale: %s\n", number(x[2]), duration(x[3]))
	}
	return m, nil
}
