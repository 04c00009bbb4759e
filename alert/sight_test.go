package alert_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/alert"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Whatever quantities a table names and whichever of their gauges die and come back:
// two missed reports after one of them is dead, by its own interval, the station is
// not green, and says what is not seen; while all report it is not blind.
func TestNoQuantityOfATableIsLostInSilence(t *testing.T) {
	quantities := []hydro.Variable{hydro.WaterLevel, hydro.Discharge, hydro.Inflow}
	partly := 0
	rapid.Check(t, func(t *rapid.T) {
		c := one(catalog.Settings{})
		st, table := &c.Stations[0], &c.StageTables[0]
		st.Parameters, table.Thresholds = nil, nil
		for _, v := range quantities {
			every := rapid.SampledFrom([]time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour}).Draw(t, v.String())
			st.Parameters = append(st.Parameters, catalog.Parameter{Variable: v, Interval: every})
			table.Thresholds = append(table.Thresholds, catalog.Threshold{Stage: hydro.Orange, Variable: v, Value: 10, Observed: true})
		}
		rules := mustCompile(t, c)
		s := rules.Start(start)
		h := map[hydro.Key]*hydro.History{}
		dead := map[hydro.Variable]bool{}
		last := map[hydro.Variable]time.Time{}
		value := map[hydro.Variable]float64{hydro.WaterLevel: 1, hydro.Discharge: 1, hydro.Inflow: 1}
		began := start
		for now := start; now.Before(start.Add(12 * time.Hour)); now = now.Add(5 * time.Minute) {
			if now.Truncate(time.Hour).Equal(now) && now.After(start.Add(time.Hour)) {
				v := rapid.SampledFrom(quantities).Draw(t, "gauge")
				dead[v] = rapid.Bool().Draw(t, "dead")
				value[v] = rapid.SampledFrom([]float64{1, 11}).Draw(t, "value")
			}
			for _, p := range st.Parameters {
				k := hydro.Key{Station: "st", Variable: p.Variable}
				if h[k] == nil {
					h[k] = &hydro.History{}
				}
				if !dead[p.Variable] && now.Truncate(p.Interval).Equal(now) {
					h[k].Put(hydro.Sample{At: now.UnixMilli(), Value: value[p.Variable], Quality: hydro.Pass})
					last[p.Variable] = now
				}
			}
			s, _ = rules.Evaluate(s, alert.Evidence{Now: now, History: func(k hydro.Key) *hydro.History { return h[k] }})
			status := rules.Statuses(s)[0]
			lost, seen := 0, 0
			for _, p := range st.Parameters {
				grace := max(min(p.Interval/4, 5*time.Minute), time.Minute)
				if at, ok := last[p.Variable]; now.Sub(at) > 2*p.Interval+grace && (ok || now.Sub(began) > 2*p.Interval+grace) {
					lost++
				} else {
					seen++
				}
			}
			if lost > 0 && (status.Stage == hydro.Clear || status.Cause == "") {
				t.Fatalf("%v: %d quantities are silent and the station is %s: %s", now, lost, status.Stage, status.ReasonEN)
			}
			if lost > 0 && seen > 0 {
				partly++
			}
			if lost == 0 && now.Sub(began) > 3*time.Hour && (status.Stage == hydro.Blind || status.Cause != "") {
				t.Fatalf("%v: all report, and the station is %s: %s", now, status.Stage, status.ReasonEN)
			}
		}
	})
	if partly < 1000 {
		t.Errorf("a part was lost at %d instants: the test shows too little", partly)
	}
}
