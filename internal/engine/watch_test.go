package engine_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
		data, err := whole.Snapshot()
		if err != nil {
			t.Fatalf("%v", err)
		}
		restored, err := engine.Restore(data, cat)
		if err != nil {
			t.Fatalf("%v", err)
		}
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
