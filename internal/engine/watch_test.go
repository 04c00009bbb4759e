package engine_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// brook is one gauge and nothing else: a run that has no solution there has none at
// all. Readings have no limits in its catalogue, so that one that no river has comes
// through.
func brook(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	return loadText(tb, `catalog: {name: brook, title: Brook}
stations:
  - {id: h-up, name: {zh: 上站, en: Up}, department: hydrology, kind: hydrological, basin: brook, river: R, at: [112, 22], zone: Asia/Shanghai, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
basins:
  - id: brook
    name: B
    settings: {step: 5m, output_step: 1h, horizon: 6h, every: 5m, warmup: 5m, error_half_life: 6h, dead_band: 0, dead_band_share: 0, dwell_raise: 0s, dwell_lower: 0s, persistence: 1, blind_after: 2, band: off}
    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}
    nodes:
      - {id: up, name: N, gauge: h-up, rating: up, base_flow: 20}
ratings:
  - {id: up, station: h-up, datum: STATION, valid_from: 2026-01-01, source: t, points: [[0, 0], [10, 800]]}
stage_tables:
  - {station: h-up, valid_from: 2026-01-01, source: t, datum: STATION, thresholds: [{variable: water_level, blue: 5, yellow: 6, orange: 7, red: 8}]}
`)
}

func loadText(tb testing.TB, text string) *catalog.Catalog {
	tb.Helper()
	cat, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	return cat
}

// noRiver is a level whose flow is beyond all numbers.
const noRiver = math.MaxFloat64

// brookInputs are a reading and a tick each five minutes; value gives the level, and
// what no river has is corrected once there is another.
func brookInputs(n int, value func(i int) float64) []hydro.Input {
	var ins []hydro.Input
	for i := range n {
		at := start.Add(time.Duration(i) * step)
		b := &hydro.Batch{Basin: "brook", ReceivedAt: at}
		read := func(i int, h float64) {
			b.Readings = append(b.Readings, hydro.Reading{
				Key: hydro.Key{Station: "h-up", Variable: hydro.WaterLevel}, At: start.Add(time.Duration(i) * step), Value: h, Raw: h, Datum: "STATION",
			})
		}
		if h := value(i); !math.IsNaN(h) {
			for k := i - 1; k >= 0 && h != noRiver && value(k) == noRiver; k-- {
				read(k, h) // corrected
			}
			read(i, h)
			ins = append(ins, hydro.Input{Batch: b})
		}
		ins = append(ins, hydro.Input{Tick: &hydro.Tick{At: at}})
	}
	for i := range ins {
		ins[i].Seq = uint64(i + 2)
	}
	return ins
}

func watches(outs []hydro.Output) []hydro.ForecastWatch {
	var out []hydro.ForecastWatch
	for _, o := range outs {
		if o.Watch != nil {
			out = append(out, *o.Watch)
		}
	}
	return out
}

func TestAForecastThatIsNotRenewedIsTold(t *testing.T) {
	base := begin(t, brook(t), "brook")
	// From 30 to 50 minutes no run succeeds.
	ins := brookInputs(14, func(i int) float64 {
		if i >= 6 && i < 10 {
			return noRiver
		}
		return 5
	})
	e := base.Fork()
	type told struct {
		At       time.Duration
		Standing hydro.ForecastStanding
		Issued   time.Duration
	}
	var got []told
	for _, w := range watches(apply(t, e, ins)) {
		got = append(got, told{w.At.Sub(start), w.Standing, w.IssuedAt.Sub(start)})
		if !w.Since.Equal(w.At) || w.ValidUntil.Sub(w.IssuedAt) != 2*step || w.DetailZH == "" || w.Detail == "" {
			t.Errorf("%+v", w)
		}
	}
	want := []told{
		{6 * step, hydro.ForecastFailed, 5 * step},
		{7 * step, hydro.ForecastExpired, 5 * step}, // at its end, to the tick
		{10 * step, hydro.ForecastValid, 10 * step},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if w := e.ForecastWatch(); w.Standing != hydro.ForecastValid || !w.Since.Equal(start.Add(10*step)) || !w.At.Equal(e.Now()) || !w.IssuedAt.Equal(start.Add(13*step)) {
		t.Errorf("%+v", w)
	}
}

func TestABasinThatNeverHadAForecastIsTold(t *testing.T) {
	e := begin(t, brook(t), "brook")
	if w := e.ForecastWatch(); w.Standing != 0 || w.Basin != "brook" {
		t.Errorf("before any tick: %+v", w)
	}
	outs := apply(t, e, brookInputs(4, func(i int) float64 {
		if i < 2 {
			return noRiver
		}
		return 5
	}))
	var got []hydro.ForecastStanding
	for _, w := range watches(outs) {
		got = append(got, w.Standing)
	}
	if diff := cmp.Diff([]hydro.ForecastStanding{hydro.ForecastNone, hydro.ForecastValid}, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever comes, a standing is told when it changes and only then, one that is
// good from the first is not told, and a restored engine says the same as one that
// was never stopped.
func TestStandingsAreToldOnceAndSurviveARestart(t *testing.T) {
	cat := brook(t)
	base := begin(t, cat, "brook")
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]float64{1, 1, 2, noRiver, math.NaN()}), 3, 25).Draw(t, "values")
		ins := brookInputs(len(kinds), func(i int) float64 { return kinds[i] })
		whole := base.Fork()
		cut := rapid.IntRange(0, len(ins)).Draw(t, "cut")
		before := apply(t, whole, ins[:cut])
		restored := restarted(t, whole, cat)
		after := apply(t, whole, ins[cut:])
		same(t, "outputs after a restart", after, apply(t, restored, ins[cut:]))
		one, _ := whole.Snapshot()
		two, _ := restored.Snapshot()
		if !bytes.Equal(one, two) {
			t.Fatalf("the states differ")
		}
		last := hydro.ForecastValid
		for _, o := range append(slices.Clip(before), after...) {
			w := o.Watch
			if w == nil {
				continue
			}
			if w.Standing == last {
				t.Fatalf("%s is told twice: %+v", last, w)
			}
			if w.Standing > hydro.ForecastPartial == strings.Contains(w.DetailZH, "完整有效") {
				t.Fatalf("%s: %s", w.Standing, w.DetailZH)
			}
			last = w.Standing
		}
		if now := whole.ForecastWatch(); now.Standing != last || now.Standing == hydro.ForecastExpired && now.ValidUntil.After(whole.Now()) {
			t.Fatalf("stands %s, was told %s: %+v", now.Standing, last, now)
		}
	})
}

// fork is two headwaters that meet: a gauge "up" by level, a gauge "side" by flow, and
// "mouth", a gauge below both.
func fork(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	return loadText(tb, `catalog: {name: fork, title: Fork}
stations:
  - {id: h-up, name: {zh: 上站, en: Up}, department: hydrology, kind: hydrological, basin: fork, river: R, at: [112, 22], zone: Asia/Shanghai, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
  - {id: h-side, name: {zh: 支站, en: Side}, department: hydrology, kind: hydrological, basin: fork, river: S, at: [112.1, 22], zone: Asia/Shanghai, datum: STATION, parameters: [{variable: discharge, every: 5m}]}
  - {id: h-mouth, name: {zh: 河口, en: Mouth}, department: hydrology, kind: hydrological, basin: fork, river: R, at: [112.2, 22], zone: Asia/Shanghai, datum: STATION, parameters: [{variable: discharge, every: 5m}]}
basins:
  - id: fork
    name: B
    settings: {step: 5m, output_step: 1h, horizon: 6h, every: 5m, warmup: 20m, error_half_life: 6h, dead_band: 0, dead_band_share: 0, dwell_raise: 0s, dwell_lower: 0s, persistence: 1, blind_after: 2, band: off}
    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}
    nodes:
      - {id: up, name: N, gauge: h-up, rating: up, base_flow: 20}
      - {id: side, name: N, gauge: h-side, base_flow: 20}
      - {id: mouth, name: N, gauge: h-mouth, base_flow: 40}
    reaches:
      - {id: up-mouth, from: up, to: mouth, length: 3, k: 12m, x: 0.1, sub_reaches: 2}
      - {id: side-mouth, from: side, to: mouth, length: 3, k: 12m, x: 0.1, sub_reaches: 2}
ratings:
  - {id: up, station: h-up, datum: STATION, valid_from: 2026-01-01, source: t, points: [[0, 0], [10, 800]]}
stage_tables:
  - {station: h-up, valid_from: 2026-01-01, source: t, datum: STATION, thresholds: [{variable: water_level, blue: 5, yellow: 6, orange: 7, red: 8}]}
  - {station: h-mouth, valid_from: 2026-01-01, source: t, datum: STATION, thresholds: [{variable: discharge, blue: 300, yellow: 400, orange: 500, red: 600}]}
`)
}

// Whatever readings come, a forecast that is partial is told with its holes, stations
// beside the hole have the forecasts of a basin where all is well, and a restored engine
// goes the same way as one that was never stopped.
func TestAPartialForecastIsTold(t *testing.T) {
	cat := fork(t)
	base := begin(t, cat, "fork")
	partial := false
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(6, 24).Draw(t, "steps")
		bad := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "bad")
		flow := rapid.SliceOfN(rapid.Float64Range(1, 900), n, n).Draw(t, "flow")
		inputs := func(bad []bool) []hydro.Input {
			var ins []hydro.Input
			for i := range n {
				at := start.Add(time.Duration(i) * step)
				level := 3.0
				if bad[i] {
					level = noRiver
				}
				b := &hydro.Batch{Basin: "fork", ReceivedAt: at}
				for _, r := range []hydro.Reading{
					{Key: hydro.Key{Station: "h-up", Variable: hydro.WaterLevel}, Value: level, Datum: "STATION"},
					{Key: hydro.Key{Station: "h-side", Variable: hydro.Discharge}, Value: flow[i]},
					{Key: hydro.Key{Station: "h-mouth", Variable: hydro.Discharge}, Value: flow[i] / 2},
				} {
					r.At, r.Raw = at, r.Value
					b.Readings = append(b.Readings, r)
				}
				ins = append(ins, hydro.Input{Batch: b}, hydro.Input{Tick: &hydro.Tick{At: at}})
			}
			for i := range ins {
				ins[i].Seq = uint64(i + 2)
			}
			return ins
		}
		ins := inputs(bad)
		cut := rapid.IntRange(0, len(ins)).Draw(t, "cut")
		whole := base.Fork()
		outs := apply(t, whole, ins[:cut])
		restored := restarted(t, whole, cat)
		after := apply(t, whole, ins[cut:])
		same(t, "outputs after a restart", after, apply(t, restored, ins[cut:]))
		outs = append(outs, after...)
		same(t, "outputs of a replay", outs, apply(t, base.Fork(), ins))

		well := map[time.Time]*hydro.Forecast{}
		for _, o := range apply(t, base.Fork(), inputs(make([]bool, n))) {
			if o.Forecast != nil {
				well[o.Forecast.IssuedAt] = o.Forecast
			}
			if o.Watch != nil {
				t.Fatalf("all is well, and told is %+v", o.Watch)
			}
		}
		last, holes := hydro.ForecastValid, 0
		for _, o := range outs {
			switch {
			case o.Watch != nil:
				last = o.Watch.Standing
				if len(o.Watch.Holes) > 0 {
					partial = true
					if o.Watch.Holes[0].Station != "h-up" || !strings.Contains(o.Watch.DetailZH, "上站、河口无预报") {
						t.Fatalf("%+v", o.Watch)
					}
				}
			case o.Forecast != nil:
				f := o.Forecast
				holes = len(f.Holes)
				if ids := ids(f); holes > 0 && !slices.Equal(ids, []string{"h-side"}) || holes == 0 && len(ids) != 3 {
					t.Fatalf("%d holes, forecasts for %v", holes, ids)
				}
				at := func(f *hydro.Forecast) hydro.StationForecast {
					return f.Stations[slices.Index(ids(f), "h-side")]
				}
				if diff := cmp.Diff(at(well[f.IssuedAt]), at(f), cmpopts.EquateNaNs()); diff != "" {
					t.Fatalf("beside the hole (-well +now):\n%s", diff)
				}
			case o.Audit != nil && o.Audit.Kind == "forecast_failed":
				t.Fatalf("%s", o.Audit.Text)
			}
		}
		if now := whole.ForecastWatch(); now.Standing != last || (now.Standing == hydro.ForecastPartial) != (holes > 0) || len(now.Holes) != holes {
			t.Fatalf("stands %s, was told %s, the last run has %d holes", now.Standing, last, holes)
		}
		if k := slices.Index(bad, true); k >= 0 && !slices.Contains(bad[max(0, n-6):], true) && last != hydro.ForecastValid {
			t.Fatalf("the last bad reading is out of the warm-up, and the forecast is %s", last)
		}
	})
	if !partial {
		t.Error("no forecast was partial")
	}
}

func ids(f *hydro.Forecast) (out []string) {
	for i := range f.Stations {
		out = append(out, f.Stations[i].Station)
	}
	return out
}

// restarted returns an engine made of the snapshot of another.
func restarted(t *rapid.T, of *engine.Engine, cat *catalog.Catalog) *engine.Engine {
	t.Helper()
	data, err := of.Snapshot()
	if err != nil {
		t.Fatalf("%v", err)
	}
	e, err := engine.Restore(data, cat)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return e
}
