package engine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// disputed is a small river with a site and a claim: what is drawn for it comes
// and goes around its thresholds. Shipped catalogues take longer to forecast.
const disputed = `catalog: {name: t, title: T}
profiles:
  - {id: level, parameters: [{variable: water_level, every: 5m, fail_outside: [0, 8]}]}
stations:
  - {id: up, name: U, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, profile: level}
  - {id: mate, name: M, department: water_resources, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, profile: level}
  - {id: low, name: L, department: hydrology, kind: level, basin: b, at: [112.1, 22], zone: UTC, datum: STATION, profile: level}
sites:
  - {id: s, name: S, stations: [up, mate], authority: {water_level: up}, disagree: {water_level: 0.05, dwell: 5m}}
basins:
  - id: b
    name: B
    settings: {horizon: 1h, warmup: 1h, dwell_raise: 0s, dwell_lower: 5m REPORT_FASTER}
    nodes: [{id: n1, name: N, gauge: up}, {id: n2, name: N, gauge: low}]
    reaches: [{id: r1, from: n1, to: n2, length: 10, k: 2h, x: 0.2}]
stage_tables:
  - {station: up, valid_from: 2026-01-01, datum: PEARL_RIVER, thresholds: [{variable: water_level, blue: 4, yellow: 4.1}]}
claims:
  - {station: up, department: water_resources, valid_from: 2026-06-08T00:20:00Z, source: s, to_1985: 0.7, thresholds: [{variable: water_level, yellow: 4.5}]}
`

func loadDisputed(tb testing.TB, faster bool) (*catalog.Catalog, string) {
	tb.Helper()
	with := ""
	if faster {
		with = ", report_faster: {from: blue, every: 1m}"
	}
	d, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(strings.Replace(disputed, " REPORT_FASTER", with, 1))}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	return d, "b"
}

func asJSON(tb rapid.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// An engine that is stored and restored after any tick opens, settles, requests
// and withdraws as one that never stopped, and a request for a faster rate changes
// no warning: a station that cannot obey is not blind sooner.
func TestRegisterAndRatesSurviveARestartAndChangeNoWarning(t *testing.T) {
	c, basin := loadDisputed(t, true)
	off, _ := loadDisputed(t, false)
	first, plain := begin(t, c, basin), begin(t, off, basin)
	requests, opened := 0, map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		whole, stopped, without := first.Fork(), first.Fork(), plain.Fork()
		seq := uint64(1)
		conflicts := 0
		apply := func(in hydro.Input) {
			seq++
			in.Seq = seq
			a, err := whole.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			b, err := stopped.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			n, err := without.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			var ra, rb, wa, wn []any
			for _, o := range a {
				switch {
				case o.Rate != nil:
					ra = append(ra, *o.Rate)
					requests++
				case o.Audit != nil:
					ra = append(ra, *o.Audit)
					if o.Audit.Kind == "conflict_opened" {
						conflicts++
						opened[strings.Split(o.Audit.Text, " ")[0]] = true
					}
				case o.Warning != nil:
					w := *o.Warning
					w.Catalogue = ""
					wa = append(wa, w)
				}
			}
			for _, o := range b {
				switch {
				case o.Rate != nil:
					rb = append(rb, *o.Rate)
				case o.Audit != nil:
					rb = append(rb, *o.Audit)
				}
			}
			for _, o := range n {
				if o.Warning != nil {
					w := *o.Warning
					w.Catalogue = ""
					wn = append(wn, w)
				}
				if o.Rate != nil {
					t.Fatal("a rate was requested without report_faster")
				}
			}
			if diff := cmp.Diff(asJSON(t, ra), asJSON(t, rb)); diff != "" {
				t.Fatalf("a restarted engine told otherwise:\n%s", diff)
			}
			if diff := cmp.Diff(asJSON(t, wn), asJSON(t, wa)); diff != "" {
				t.Fatalf("warnings changed because a faster rate was asked for:\n%s", diff)
			}
		}
		ticks := rapid.IntRange(3, 20).Draw(t, "ticks")
		stop := rapid.IntRange(0, ticks-1).Draw(t, "restart")
		for i := range ticks {
			at := start.Add(time.Duration(i) * step)
			b := hydro.Batch{Basin: basin, ReceivedAt: at}
			for _, st := range c.Stations {
				if rapid.IntRange(0, 9).Draw(t, "silent") == 0 {
					continue
				}
				v := rapid.SampledFrom([]float64{3.8, 4, 4.2}).Draw(t, st.ID)
				b.Readings = append(b.Readings, hydro.Reading{
					Key: hydro.Key{Station: st.ID, Variable: hydro.WaterLevel}, At: at, Raw: v, Value: v, Datum: st.Datum.Name,
				})
			}
			apply(hydro.Input{Batch: &b})
			apply(hydro.Input{Tick: &hydro.Tick{At: at}})
			if i != stop {
				continue
			}
			data, err := stopped.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if stopped, err = engine.Restore(data, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(asJSON(t, whole.Conflicts()), asJSON(t, stopped.Conflicts())); diff != "" {
				t.Fatalf("other conflicts after a restart:\n%s", diff)
			}
			if diff := cmp.Diff(asJSON(t, whole.Rates()), asJSON(t, stopped.Rates())); diff != "" {
				t.Fatalf("other requests after a restart:\n%s", diff)
			}
		}
		if now := whole.Now(); !now.Before(start.Add(4*step)) && conflicts == 0 {
			t.Fatalf("the claims came into force before %s and opened nothing", now)
		}
	})
	if requests == 0 || !opened["s:"] || !opened["up:"] {
		t.Errorf("%d requests, conflicts of %v: nothing was drawn that tests anything", requests, opened)
	}
}
