package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// four is a gauge with three around it, and a river with a window of maintenance.
const four = `catalog: {name: four, title: T}
departments: [{id: hydrology, name: H}]
profiles: [{id: rain, parameters: [{variable: rain, every: 5m}]}]
stations:
  - {id: g, name: G, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: +08:00, profile: rain}
  - {id: n1, name: N, department: hydrology, kind: rain, basin: b, at: [112.1, 22], zone: +08:00, profile: rain}
  - {id: n2, name: N, department: hydrology, kind: rain, basin: b, at: [111.9, 22], zone: +08:00, profile: rain}
  - {id: n3, name: N, department: hydrology, kind: rain, basin: b, at: [112, 22.1], zone: +08:00, profile: rain}
  - {id: z, name: 河, department: hydrology, kind: level, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER,
     parameters: [{variable: water_level, every: 5m, fail_outside: [0, 20]}], maintenance: [{from: 2026-06-08T02:00:00Z, to: 2026-06-08T03:00:00Z, why: 换探头 new probe}]}
basins:
  - {id: b, name: B, nodes: [{id: outlet, name: O}]}
stage_tables:
  - {station: g, valid_from: 2026-01-01, source: t, thresholds: [{variable: rain, window: 1h, blue: 20, yellow: 40}]}
  - {station: z, valid_from: 2026-01-01, datum: PEARL_RIVER, source: t, thresholds: [{variable: water_level, blue: 8, red: 10}]}
`

// A run feeds an engine of a small catalogue, five minutes a step.
type run struct {
	t    *testing.T
	e    *engine.Engine
	seq  uint64
	outs []hydro.Output
}

func startRun(t *testing.T, text string) *run {
	r := &run{t: t, e: engine.New("b")}
	r.apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: "v", Files: []hydro.File{{Name: "c.yaml", Data: []byte(text)}}, At: start}})
	if r.e.Catalog() == nil {
		_, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
		t.Fatal(catalog.Problems(problems))
	}
	return r
}

func (r *run) apply(in hydro.Input) {
	r.seq++
	in.Seq = r.seq
	outs, err := r.e.Apply(in)
	if err != nil {
		r.t.Fatal(err)
	}
	r.outs = append(r.outs, outs...)
}

// step sends rain of g, rain of the gauges around it and a level, and ticks.
func (r *run) step(i int, g, around, level float64) {
	at := start.Add(time.Duration(i) * step)
	b := &hydro.Batch{Basin: "b", ReceivedAt: at}
	for _, id := range []string{"g", "n1", "n2", "n3"} {
		mm := around
		if id == "g" {
			mm = g
		}
		b.Readings = append(b.Readings, hydro.Reading{Key: hydro.Key{Station: id, Variable: hydro.Rain}, At: at, Interval: step, Raw: mm, Value: mm})
	}
	b.Readings = append(b.Readings, hydro.Reading{Key: hydro.Key{Station: "z", Variable: hydro.WaterLevel}, At: at, Raw: level, Value: level, Datum: hydro.PearlRiver})
	r.apply(hydro.Input{Batch: b})
	r.apply(hydro.Input{Tick: &hydro.Tick{At: at}})
}

func (r *run) status(station string) hydro.StationStatus {
	for _, s := range r.e.Statuses() {
		if s.Station == station {
			return s
		}
	}
	r.t.Fatalf("no status of %s", station)
	return hydro.StationStatus{}
}

func (r *run) rain(station string) (mm, coverage float64) {
	for _, s := range r.e.Accumulations(station) {
		if s.Window == time.Hour {
			return s.Rain, s.Coverage
		}
	}
	r.t.Fatalf("no accumulation of %s", station)
	return 0, 0
}

func TestAStationWithABlockedFunnelIsBlindAndNotGreen(t *testing.T) {
	r := startRun(t, four)
	for i := 1; i <= 12; i++ {
		r.step(i, 0, 0, 5)
	}
	if s := r.status("g"); s.Stage != hydro.Clear {
		t.Fatalf("before the rain: %s", s.Stage)
	}
	for i := 13; i <= 30; i++ {
		r.step(i, 0, 4, 5)
	}
	if s := r.status("g"); s.Stage != hydro.Blind || s.Cause != "quality: blocked" {
		t.Errorf("%s, %q", s.Stage, s.Cause)
	}
	if _, coverage := r.rain("g"); coverage > 0 {
		t.Errorf("what the blocked gauge did not measure covers %.2f of the hour", coverage)
	}
	// The verdict was given out again, with its reason, by the tick that saw it.
	told := slices.ContainsFunc(r.outs, func(o hydro.Output) bool {
		return slices.ContainsFunc(o.Observations, func(o hydro.Observation) bool {
			return o.Station == "g" && o.Quality == hydro.Suspect && o.Tests == hydro.TestBlocked && strings.HasPrefix(o.Why, "blocked: 0 mm in 1h while 3 of 3 gauges")
		})
	})
	latest := r.e.Latest("g")[0].Observation
	if !told || latest.Quality != hydro.Suspect || latest.Why == "" || latest.Ran&hydro.TestBlocked == 0 {
		t.Errorf("told %v, latest %+v", told, latest)
	}
	for i := 31; i <= 60; i++ { // somebody empties it
		r.step(i, 2, 2, 5)
	}
	if s := r.status("g"); s.Stage != hydro.Blue {
		t.Errorf("24 mm in the hour after it was emptied: %s, %q", s.Stage, s.Cause)
	}
}

func TestAStationUnderMaintenanceIsShownAsThatAndNeverGreen(t *testing.T) {
	r := startRun(t, four)
	for i := 1; i <= 23; i++ {
		r.step(i, 0, 0, 5)
	}
	if s := r.status("z"); s.Stage != hydro.Clear {
		t.Fatalf("before: %s", s.Stage)
	}
	for i := 24; i <= 35; i++ { // 02:00 to 02:55
		r.step(i, 0, 0, 12) // above red: somebody moves the probe
		if s := r.status("z"); s.Stage != hydro.Blind || s.Cause != "maintenance" {
			t.Fatalf("step %d: %s, %q", i, s.Stage, s.Cause)
		}
	}
	latest := r.e.Latest("z")[0].Observation
	if latest.Value != 12 || latest.Quality != hydro.Suspect || latest.Tests != hydro.NoteMaintenance || latest.Why != "maintenance: 换探头 new probe" {
		t.Errorf("latest: %+v", latest)
	}
	var told []string
	for _, o := range r.outs {
		if o.Warning != nil && o.Warning.Station == "z" {
			told = append(told, fmt.Sprintf("%s %s|%s", o.Warning.To, o.Warning.ReasonZH, o.Warning.ReasonEN))
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], "正在维护") || !strings.Contains(told[0], "under maintenance") {
		t.Errorf("warnings: %q", told)
	}
	r.step(36, 0, 0, 5)
	if s := r.status("z"); s.Stage != hydro.Clear {
		t.Errorf("after: %s, %q", s.Stage, s.Cause)
	}
}

func TestACatalogueThatDeclaresMaintenanceHoldsBackWhatIsThere(t *testing.T) {
	without := strings.Replace(four, ", maintenance: [{from: 2026-06-08T02:00:00Z, to: 2026-06-08T03:00:00Z, why: 换探头 new probe}]", "", 1)
	if without == four {
		t.Fatal("the catalogue has no such window")
	}
	r := startRun(t, without)
	for i := 20; i <= 26; i++ {
		r.step(i, 0, 0, 9)
	}
	if s := r.status("z"); s.Stage != hydro.Blue {
		t.Fatalf("before: %s", s.Stage)
	}
	n := len(r.outs)
	r.apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: "w", Files: []hydro.File{{Name: "c.yaml", Data: []byte(four)}}, At: start}})
	r.apply(hydro.Input{Tick: &hydro.Tick{At: start.Add(26*step + time.Minute)}})
	again := 0
	for _, o := range r.outs[n:] {
		for _, o := range o.Observations {
			if o.Station == "z" && o.Quality == hydro.Suspect && o.Tests == hydro.NoteMaintenance {
				again++
			}
		}
	}
	if again != 3 { // 02:00, 02:05, 02:10
		t.Errorf("%d verdicts were given out again, want 3", again)
	}
	if s := r.status("z"); s.Stage == hydro.Clear || s.Cause != "maintenance" {
		t.Errorf("%s, %q", s.Stage, s.Cause)
	}
}

// Which of the gauges around came first within a step must not show.
func TestVerdictsBetweenGaugesDoNotHangOnTheOrderOfBatches(t *testing.T) {
	play := func(order []string) []hydro.Output {
		r := startRun(t, four)
		for i := 1; i <= 30; i++ {
			at := start.Add(time.Duration(i) * step)
			for _, id := range order {
				mm := 0.0
				if i > 12 && id != "g" {
					mm = 4
				}
				r.apply(hydro.Input{Batch: &hydro.Batch{Basin: "b", ReceivedAt: at, Readings: []hydro.Reading{
					{Key: hydro.Key{Station: id, Variable: hydro.Rain}, At: at, Interval: step, Raw: mm, Value: mm},
				}}})
			}
			n := len(r.outs)
			r.apply(hydro.Input{Tick: &hydro.Tick{At: at}})
			r.outs = r.outs[n:]
		}
		return append(r.outs, hydro.Output{Observations: []hydro.Observation{r.e.Latest("g")[0].Observation, r.e.Latest("n1")[0].Observation}})
	}
	want := play([]string{"g", "n1", "n2", "n3"})
	if len(want) < 2 {
		t.Fatal("the last tick gave out no verdict")
	}
	same(t, "in another order", want, play([]string{"n3", "n1", "g", "n2"}))
}
