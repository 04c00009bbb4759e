package calibration

import (
	"fmt"
	"math"
	"strings"

	"freshet/forecast/param"
	"freshet/forecast/runoff"
	"freshet/forecast/xinanjiang"
)

// initialStore is how full a Xinanjiang model begins its warm-up: what a catalogue
// that does not say takes too.
const initialStore = 0.6

// threeSources looks for the parameters of a Xinanjiang model whose three flows go
// to the outlet together. It begins with the tension water at
// [initialStore] and without free water: what of that is wrong the warm-up has to
// mend.
//
// What Zhao found that the flow hardly depends on is not looked for but held at a
// usual value, unless somebody frees it: WUM, C, IM and KI + KG [Zhao92]; so are the
// depth of a slice and the division of free water. Of the last only the share that
// becomes groundwater is looked for. Leak is: without it K alone could make a
// catchment lose water, and that in summer only.
//
// But for those of ex each of its bounds has the value that is usual, which a catalogue takes where it
// does not say, in the middle of the search's scale: a capacity is looked for from
// the most that the parameter table accepts to as far below the usual one. So a
// pull to the middle is one to the usual model.
func threeSources(r *Record, _ *Options) (*ground, error) {
	dt := r.Step.Seconds()
	rain, pet := r.Series(Rain), r.Series(PET)
	p := xinanjiang.Params
	first := within(p[0], "k", dt)
	if pet == nil { // K and the rate it multiplies cannot be told apart: K is 1
		first = within(runoff.Params[3], "evaporation", dt)
	}
	g := &ground{parameters: []parameter{
		first, within(p[2], "wlm", dt), within(p[3], "wdm", dt), within(p[5], "b", dt), within(p[7], "sm", dt), within(p[8], "ex", dt),
		within(groundwaterShare, "kg_share", dt), within(p[11], "ci", dt), within(p[12], "cg", dt), within(p[14], "leak", dt),
		holding(p[1], "wum", 20), holding(p[4], "c", 0.15), holding(p[6], "im", 0.01), holding(drained, "ki_kg", 0.7),
		holding(p[13], "slice", 0), holding(division, "division", float64(xinanjiang.AreaCapacity)),
	}}
	g.runoff = func(x []float64, from, to int, spread, _ []float64) error {
		xp := threeSourcesOf(x)
		steady := 0.0 // mm in a step
		if pet == nil {
			xp.K, steady = 1, x[0]*dt/86400
		}
		m, err := xinanjiang.New(xp, dt)
		if err != nil {
			return err
		}
		s := m.Start(initialStore)
		var f xinanjiang.Flux
		for i := from; i < to; i++ {
			e := steady
			if pet != nil {
				e = pet[i]
			}
			s, f = m.Step(s, rain[i], e)
			spread[i-from] = f.Total()
		}
		return nil
	}
	g.fragment = func(b *strings.Builder, x []float64) {
		k := x[0]
		var evaporation, note string
		if pet == nil {
			k, evaporation = 1, number(x[0])
		} else {
			evaporation, note = petRates(r, 1)
			note = " # " + note
		}
		fmt.Fprintf(b, "      method: xinanjiang\n      k: %s\n", number(k))
		v := threeSourcesOf(x).Values()
		for i, p := range xinanjiang.Params {
			if p.Name != "K" && (p.Name != "Slice" || v[i] > 0) {
				fmt.Fprintf(b, "      %s: %s\n", strings.ToLower(p.Name), number(v[i]))
			}
		}
		fmt.Fprintf(b, "      division: %s\n", map[xinanjiang.Division]string{xinanjiang.FixedCapacity: "fixed", xinanjiang.AreaCapacity: "area"}[threeSourcesOf(x).Division])
		fmt.Fprintf(b, "      evaporation: %s%s\n      initial_store: %s\n", evaporation, note, number(initialStore))
	}
	return g, nil
}

// groundwaterShare is KG/(KI + KG).
var groundwaterShare = param.Param{Name: "kg_share", Unit: "–", Lo: 0, Hi: 1, Doc: "share of the free water that becomes groundwater", Source: "[Zhao92]", Sought: param.Sought{Hi: 1}}

// drained is KI + KG, and division says which capacity free water has.
var (
	drained  = param.Param{Name: "ki_kg", Unit: "1/d", Lo: 0, Hi: 0.99, Doc: "KI + KG: share of the free water that leaves in a day", Source: "[Zhao92]"}
	division = param.Param{Name: "division", Unit: "–", Lo: 0, Hi: 1, Doc: "0: FixedCapacity, 1: AreaCapacity", Sought: param.Sought{Hi: 1, Whole: true}}
)

// threeSourcesOf returns the parameters for x, looked for or held.
func threeSourcesOf(x []float64) xinanjiang.Parameters {
	kg := math.Round(x[6]*x[13]*100_000) / 100_000 // as the fragment has it
	return xinanjiang.Parameters{
		K: x[0], WUM: x[10], WLM: x[1], WDM: x[2], C: x[11], B: x[3], IM: x[12], SM: x[4], EX: x[5],
		KI: math.Round((x[13]-kg)*100_000) / 100_000, KG: kg, CI: x[7], CG: x[8], Leak: x[9], Slice: x[14], Division: xinanjiang.Division(x[15]),
	}
}
