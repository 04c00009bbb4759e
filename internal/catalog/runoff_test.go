package catalog_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast/loss"
	"freshet/forecast/param"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// ground is small with the runoff of its sub-basin.
func ground(keys string) string {
	return strings.Replace(small, "gauges: [p]}", "gauges: [p], runoff: {"+keys+"}}", 1)
}

func TestRunoffIsReadByMethod(t *testing.T) {
	usual := catalog.Runoff{
		Method: catalog.Saturation, InitialStore: 0.6, Evaporation: 3,
		Capacity: 120, Exponent: 0.3, Impervious: 0.02, BaseShare: 0.2, BaseRecession: 72 * time.Hour,
		Concentration: catalog.NashCascade, UHReservoirs: 3, UHScale: 2 * time.Hour,
	}
	with := func(do func(r *catalog.Runoff)) catalog.Runoff {
		r := usual
		do(&r)
		return r
	}
	for _, c := range []struct {
		keys string
		want catalog.Runoff
	}{
		{"", usual},
		{"method: saturation", usual},
		{"capacity: 200, cs: 0.3, lag: 90m", with(func(r *catalog.Runoff) {
			r.Capacity, r.Concentration, r.CS, r.Lag = 200, catalog.LagRecession, 0.3, 90*time.Minute
		})},
		{"lag: 0s", with(func(r *catalog.Runoff) { r.Concentration = catalog.LagRecession })},
		{"evaporation: [1, 1.5, 2, 3, 4, 5, 5.5, 5, 4, 3, 2, 1]", with(func(r *catalog.Runoff) {
			r.Monthly = &xinanjiang.Monthly{1, 1.5, 2, 3, 4, 5, 5.5, 5, 4, 3, 2, 1}
		})},
		{"method: xinanjiang", with(func(r *catalog.Runoff) {
			r.Method = catalog.Xinanjiang
			r.Xinanjiang = xinanjiang.Parameters{K: 1, WUM: 20, WLM: 70, WDM: 50, C: 0.15, B: 0.3, IM: 0.02, SM: 25, EX: 1.3, KI: 0.35, KG: 0.35, CI: 0.7, CG: 0.98}
		})},
		{"method: xinanjiang, k: 0.9, wum: 15, wlm: 60, wdm: 30, c: 0.12, b: 0.35, im: 0.03, sm: 20, ex: 1.4, ki: 0.4, kg: 0.2, ci: 0.6, cg: 0.99, slice: 5, leak: 0.4, division: area, initial_store: 1, evaporation: 4", with(func(r *catalog.Runoff) {
			r.Method, r.InitialStore, r.Evaporation = catalog.Xinanjiang, 1, 4
			r.Xinanjiang = xinanjiang.Parameters{K: 0.9, WUM: 15, WLM: 60, WDM: 30, C: 0.12, B: 0.35, IM: 0.03, SM: 20, EX: 1.4, KI: 0.4, KG: 0.2, CI: 0.6, CG: 0.99, Slice: 5, Leak: 0.4, Division: xinanjiang.AreaCapacity}
		})},
		{"method: scs, cn: 80", with(func(r *catalog.Runoff) {
			r.Method, r.CN, r.Ratio, r.StormGap = catalog.CurveNumber, 80, 0.2, 24*time.Hour
		})},
		{"method: scs, cn: 80, ratio: 0.05, storm_gap: 6h, ordinates: [0.2, 0.5, 0.3], ordinates_step: 10m", with(func(r *catalog.Runoff) {
			r.Method, r.CN, r.Ratio, r.StormGap = catalog.CurveNumber, 80, 0.05, 6*time.Hour
			r.Concentration, r.Ordinates, r.OrdinatesStep = catalog.GivenOrdinates, []float64{0.2, 0.5, 0.3}, 10*time.Minute
		})},
		{"method: phi, phi: 2.5, uh_reservoirs: 2, uh_scale: 30m", with(func(r *catalog.Runoff) {
			r.Method, r.Phi, r.UHReservoirs, r.UHScale = catalog.PhiIndex, 2.5, 2, 30*time.Minute
		})},
	} {
		got, problems := load(ground(c.keys))
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.keys, problems)
		} else if diff := cmp.Diff(c.want, got.Basins[0].SubBasins[0].Runoff); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.keys, diff)
		}
	}
}

func TestEveryMistakeOfRunoffIsNamedWithItsPlace(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"method: topmodel, cn: 8", `method: ‸top → method: "topmodel" is not known: write saturation, xinanjiang, scs or phi`},
		{"method: xinanjiang, capacity: 9", `xinanjiang, ‸capac → unknown key "capacity"; known here: b, c, cg, ci, cs, division, evaporation, ex, im, initial_store, k, kg, ki, lag, leak, method, ordinates, ordinates_step, pan, pan_factor, slice, sm, uh_reservoirs, uh_scale, wdm, wlm, wum`},
		{"wum: 9", `{‸wum → unknown key "wum"`},
		{"method: phi, phi: 1, initial_store: 0.5", `1, ‸initial_store → unknown key "initial_store"`},
		{"method: phi, phi: 1, evaporation: 3", `1, ‸evapo → unknown key "evaporation"`},
		{"initial_store: 1.2", `store: ‸1.2 → initial_store: 1.2 must be from 0 to 1`},
		{"evaporation: 20.5", `evaporation: ‸20 → evaporation: 20.5 must be from 0 to 20 mm/d`},
		{"method: xinanjiang, evaporation: 20.5", `evaporation: ‸20 → evaporation: 20.5 must be from 0 to 20 mm/d`},
		{"evaporation: [1, 2, 3]", `evaporation: ‸[1, → evaporation: 3 values: give one, or twelve from January on`},
		{"evaporation: [1, 2, 3, 4, 5, 6, 7, 8, 25, 8, 7, 6]", `8, ‸25, → evaporation: 25 must be from 0 to 20 mm/d`},
		{"evaporation: [1, 2, 3, 4, 5, six, 7, 8, 9, 8, 7, 6]", `5, ‸six, → "six" is no number`},
		{"capacity: 0", `capacity: ‸0} → capacity: 0 must be above 0 and at most 1000 mm`},
		{"method: xinanjiang, ki: 0.6, kg: 0.5", `kg: ‸0.5 → kg: xinanjiang: KI + KG = 0.6 + 0.5 1/d: want less than 1`},
		{"method: xinanjiang, slice: 0.5", `slice: ‸0.5 → slice: xinanjiang: Slice = 0.5 mm: want 0 or at least 1`},
		{"method: xinanjiang, division: half", `division: ‸half → division: "half" is not known: write fixed or area`},
		{"method: scs", `runoff: ‸{method: scs → cn: missing`},
		{"method: scs, cn: 101", `cn: ‸101 → cn: 101 must be from 1 to 100`},
		{"method: scs, cn: 80, storm_gap: 1m", `storm_gap: ‸1m → storm_gap: 1m0s is shorter than 5m0s`},
		{"method: phi", `runoff: ‸{method: phi → phi: missing`},
		{"method: phi, phi: -1", `phi: ‸-1 → phi: -1 must be from 0 to 1000 mm/h`},
		{"cs: 0.3, uh_scale: 2h", `runoff: ‸{cs → runoff: give one way to the outlet: uh_reservoirs and uh_scale, or cs and lag, or ordinates`},
		{"lag: 1h, ordinates: [1], ordinates_step: 1h", `runoff: ‸{lag → runoff: give one way to the outlet`},
		{"uh_reservoirs: 2, ordinates: [1], ordinates_step: 1h", `runoff: ‸{uh_r → runoff: give one way to the outlet`},
		{"cs: 1", `cs: ‸1} → cs: 1 must be from 0 to 0.999`},
		{"lag: -1h", `lag: ‸-1h → lag: -1h0m0s must not be negative`},
		{"lag: 31d", `lag: ‸31d → lag: concentration: L = 2.6784e+06 s: want 0 to 2.592e+06`},
		{"uh_scale: 3000d", `uh_scale: ‸3000d → uh_scale: unit hydrograph: n = 3, k = 2.592e+08 s at dt = 300 s is longer than 20000 steps`},
		{"ordinates: [0.5, 0.4], ordinates_step: 1h", `ordinates: ‸[0.5 → ordinates: unit hydrograph: 2 ordinates sum to 0.9: want 1 to within 1 %; they are shares`},
		{"ordinates: [0.5, 0.5]", `ordinates: ‸[0.5 → ordinates_step: missing: write the step of the ordinates beside them, such as ordinates_step: 1h; if they were made for the basin's step that is ordinates_step: 5m0s`},
		{"ordinates_step: 1h", `step: ‸1h → ordinates_step: there are no ordinates`},
		{"ordinates: [1], ordinates_step: 0s", `step: ‸0s → ordinates_step: 0s is shorter than 1s`},
		{"ordinates: [0.5, 0.5], ordinates_step: 1000d", `step: ‸1000d → ordinates_step: unit hydrograph: 2 ordinates of 8.64e+07 s are longer than 20000 steps of 300 s`},
		{"ordinates: [0.5, -0.1, 0.6], ordinates_step: 1h", `0.5, ‸-0.1 → ordinates: -0.1 must not be negative`},
		{"ordinates: [], ordinates_step: 1h", `ordinates: ‸[] → ordinates: unit hydrograph: 0 ordinates sum to 0`},
	} {
		text := ground(c.keys)
		got, problems := load(text)
		want := located(t, text, c.want)
		if got != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), want) {
			t.Errorf("%s:\n%v, want\n%s", c.keys, catalog.Problems(problems), want)
		}
	}
}

// The ranges of the catalogue are those of the methods.
func TestRangesOfRunoffAreThoseOfTheMethods(t *testing.T) {
	named := func(prefix string, params []param.Param, keys ...string) map[string]param.Param {
		out := map[string]param.Param{}
		for i, p := range params {
			key := strings.ToLower(p.Name)
			if keys != nil {
				key = keys[i]
			}
			if key != "" {
				out[prefix+key] = p
			}
		}
		return out
	}
	for _, table := range []map[string]param.Param{
		named("", runoff.Params, "capacity", "exponent", "impervious", "evaporation", "base_share", ""),
		named("method: xinanjiang, ", xinanjiang.Params),
		named("method: scs, cn: 80, ", loss.CurveNumberParams, "", "ratio"),
		named("method: scs, ", loss.CurveNumberParams, "cn", ""),
		named("method: phi, ", loss.PhiParams),
		named("", unithydrograph.Params, "uh_reservoirs", "", ""),
		named("", xinanjiang.ConcentrationParams, "cs", ""),
	} {
		for key, p := range table {
			rest := map[string]string{"KI": ", kg: 0", "KG": ", ki: 0"}[p.Name] // together less than 1
			for _, v := range []float64{p.Lo, p.Hi, math.Nextafter(p.Lo, -1), math.Nextafter(p.Hi, math.Inf(1))} {
				_, problems := load(ground(fmt.Sprintf("%s: %s%s", key, fmt.Sprint(v), rest)))
				if (len(problems) > 0) != (p.Check(v) != nil) {
					t.Errorf("%s: %g: %v, its method says %v", key, v, problems, p.Check(v))
				}
			}
		}
	}
}

// panned is ground with two stations that have a pan, "e" here and "f" elsewhere.
func panned(keys string) string {
	station := "  - {id: %s, name: E, department: hydrology, kind: hydrological, basin: %s, at: [112, 22], zone: UTC, parameters: [{variable: pan_evaporation, every: 1d, fail_outside: [0, 30], suspect_outside: [0, 15]}]}\n"
	return strings.NewReplacer(
		"sites:\n", fmt.Sprintf(station, "e", "b")+fmt.Sprintf(station, "f", "other")+"sites:\n",
		"\nbasins:\n", "\nbasins:\n  - id: other\n    name: O\n    nodes: [{id: o, name: O}]\n",
	).Replace(ground(keys))
}

func TestAPanIsReadWithWhatStandsInForIt(t *testing.T) {
	for _, keys := range []string{"pan: e, pan_factor: 0.7, evaporation: 4", "method: xinanjiang, pan: e, pan_factor: 0.7, evaporation: 4"} {
		got, problems := load(panned(keys))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", keys, catalog.Problems(problems))
		}
		b, _ := got.Basin("b")
		if r := b.SubBasins[0].Runoff; r.Pan != "e" || r.PanFactor != 0.7 || r.Evaporation != 4 {
			t.Errorf("%s: %+v", keys, r)
		}
		s, _ := got.Station("e")
		want := []catalog.Parameter{{Variable: hydro.PanEvaporation, Interval: 24 * time.Hour, Limits: catalog.Limits{
			HasRange: true, High: 30, SuspectHigh: 15, StepPer: 5 * time.Minute,
		}}}
		if diff := cmp.Diff(want, s.Parameters); diff != "" {
			t.Errorf("%s (-want +got):\n%s", keys, diff)
		}
	}
}

func TestEveryMistakeOfAPanIsNamedWithItsPlace(t *testing.T) {
	for _, c := range []struct{ keys, settings, want string }{
		{"pan: moon, pan_factor: 0.7, evaporation: 4", "", `pan: ‸moon → pan: no station "moon"`},
		{"pan: a, pan_factor: 0.7, evaporation: 4", "", `pan: ‸a, → pan: station "a" does not report pan_evaporation`},
		{"pan: f, pan_factor: 0.7, evaporation: 4", "", `pan: ‸f, → pan: station "f" belongs to basin "other"`},
		{"pan: e, evaporation: 4", "", `runoff: ‸{pan: e → pan_factor: missing`},
		{"pan: e, pan_factor: 0.7", "", `runoff: ‸{pan: e → evaporation: missing`},
		{"pan: e, pan_factor: 2.1, evaporation: 4", "", `factor: ‸2.1 → pan_factor: 2.1 must be from 0.1 to 2`},
		{"pan: e, pan_factor: 0, evaporation: 4", "", `factor: ‸0, → pan_factor: 0 must be from 0.1 to 2`},
		{"pan_factor: 0.7", "", `factor: ‸0.7 → pan_factor: there is no pan`},
		{"method: phi, phi: 1, pan: e", "", `1, ‸pan: → unknown key "pan"`},
		{"pan: e, pan_factor: 0.7, evaporation: 4", ", warmup: 23h", `pan: ‸e, → pan: station "e" reports every 24h0m0s and the warm-up is 23h0m0s: what it says would come too late to count`},
	} {
		text := strings.Replace(panned(c.keys), "every: 10m}", "every: 10m"+c.settings+"}", 1)
		got, problems := load(text)
		want := located(t, text, c.want)
		if got != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), want) {
			t.Errorf("%s:\n%v, want\n%s", c.keys, catalog.Problems(problems), want)
		}
	}
}
