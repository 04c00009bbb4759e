package rehearse_test

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

	"freshet/internal/hydro"
	"freshet/internal/rehearse"
)

// A scenario that changes nothing is the situation as it is, and the engine that the
// fork is of is as before, whatever is asked.
func TestAScenarioThatChangesNothingIsTheSituation(t *testing.T) {
	e := live(t, twinCatalog(t, outlets), func(h float64) float64 { return 6 * math.Exp(-(h-9)*(h-9)) })
	before, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s := stage(t, e)
	o := ask(t, s, rehearse.Scenario{})
	if diff := cmp.Diff(o.Base, o.Asked, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("-as it is +asked\n%s", diff)
	}
	for _, d := range o.Stations {
		if d.Forecast && (d.Discharge != 0 || d.Later != 0 || d.Volume != 0) {
			t.Errorf("%+v", d)
		}
	}
	ask(t, s, rehearse.Scenario{Rain: rehearse.Rain{Kind: rehearse.Storm, Total: 300, Duration: 6 * time.Hour, Peak: 0.4}, Lost: []string{"town", "d1"}})
	after, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("a rehearsal changed the engine")
	}
}

// The forecast as it is, at each output step, is the run that the engine issued.
func TestTheRunAsItIsIsTheIssuedOne(t *testing.T) {
	e := live(t, twinCatalog(t, outlets), func(h float64) float64 { return 6 * math.Exp(-(h-9)*(h-9)) })
	s, f := stage(t, e), e.Forecast()
	if !s.Footing.T0.Equal(f.IssuedAt) {
		t.Fatalf("T0 %s, issued %s", s.Footing.T0, f.IssuedAt)
	}
	for i := range f.Stations {
		a, b := &f.Stations[i], &s.Base.Forecast.Stations[i]
		if diff := cmp.Diff(a, b, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 1e-9), cmpopts.IgnoreFields(hydro.StationForecast{}, "Band")); diff != "" {
			t.Errorf("%s: -issued +rehearsed\n%s", a.Station, diff)
		}
	}
}

// More rain, or a wetter soil, never lowers a peak or a volume; no order of water is
// lost on the way: each reservoir balances.
func TestMoreRainAndWetterSoilNeverLowerAPeak(t *testing.T) {
	s := stage(t, live(t, twinCatalog(t, outlets), nil))
	rapid.Check(t, func(t *rapid.T) {
		storm := rehearse.Rain{
			Kind: rehearse.Storm, Total: rapid.Float64Range(20, 400).Draw(t, "mm"), Duration: time.Duration(rapid.IntRange(1, 24).Draw(t, "hours")) * time.Hour,
			Peak: rapid.Float64Range(0, 1).Draw(t, "peak"), After: time.Duration(rapid.IntRange(0, 6).Draw(t, "after")) * time.Hour,
		}
		dry := rapid.Float64Range(0, 1).Draw(t, "soil")
		wet := dry + (1-dry)*rapid.Float64Range(0, 1).Draw(t, "wetter")
		run := func(factor, soil float64) *rehearse.Outcome {
			rain := storm
			rain.Factor = factor
			o, err := s.Ask(t.Context(), rehearse.Scenario{Rain: rain, Soil: []rehearse.Soil{{Filled: &soil}}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range o.Asked.Pools {
				if !(math.Abs(p.Residual) < 1e-6*(1+p.VolumeIn)) {
					t.Fatalf("%s: %g of %g million m³ do not balance", p.Reservoir, p.Residual, p.VolumeIn)
				}
			}
			return o
		}
		base, more, wetter := run(1, dry), run(rapid.Float64Range(1, 3).Draw(t, "factor"), dry), run(1, wet)
		for _, other := range []*rehearse.Outcome{more, wetter} {
			for i := range base.Asked.Pools {
				a, b := &base.Asked.Pools[i], &other.Asked.Pools[i]
				if b.PeakInflow < a.PeakInflow*(1-1e-9) || b.VolumeIn < a.VolumeIn*(1-1e-9) {
					t.Fatalf("%s: %.6f m³/s and %.6f million m³, with more water %.6f and %.6f", a.Reservoir, a.PeakInflow, a.VolumeIn, b.PeakInflow, b.VolumeIn)
				}
			}
		}
	})
}

// A storm that has been observed, replayed on the same soil, brings its rain again;
// shifted rain comes so much later.
func TestAPastStormFallsAgainAndRainIsShifted(t *testing.T) {
	s := stage(t, live(t, twinCatalog(t, outlets), func(h float64) float64 { return 8 * math.Exp(-(h-4)*(h-4)) }))
	full := 1.0
	past := rehearse.Rain{Kind: rehearse.PastStorm, From: begin, Until: begin.Add(8 * time.Hour)}
	a := ask(t, s, rehearse.Scenario{Rain: past, Soil: []rehearse.Soil{{Filled: &full}}})
	past.Shift = 3 * time.Hour
	b := ask(t, s, rehearse.Scenario{Rain: past, Soil: []rehearse.Soil{{Filled: &full}}})
	fell := 0.0
	for i := range 48 {
		h := float64(i+1) / 6
		fell += math.Round(80*math.Exp(-(h-4)*(h-4))) / 10
	}
	for i, r := range a.Asked.Forecast.ArealRain {
		if math.Abs(r.Assumed-fell) > 1e-6 || math.Abs(b.Asked.Forecast.ArealRain[i].Assumed-fell) > 1e-6 {
			t.Errorf("%s: %.3f mm, shifted %.3f mm, fell %.3f mm", r.SubBasin, r.Assumed, b.Asked.Forecast.ArealRain[i].Assumed, fell)
		}
	}
	for i := range a.Asked.Pools {
		x, y := a.Asked.Pools[i].Path.Inflow, b.Asked.Pools[i].Path.Inflow
		if p, q := slices.Index(x, slices.Max(x)), slices.Index(y, slices.Max(y)); q-p != 6 { // of half an hour each
			t.Errorf("%s: the inflow peaks in step %d, shifted in step %d", a.Asked.Pools[i].Reservoir, p, q)
		}
	}
	past.From, past.Until, past.Shift = begin.AddDate(0, 0, -9), begin.AddDate(0, 0, -8), 0
	if _, err := s.Ask(t.Context(), rehearse.Scenario{Rain: past}, nil); err == nil || !strings.Contains(err.Error(), "no rain gauge has readings between") {
		t.Errorf("a span of which nothing is known: %v", err)
	}
}

// A lost gauge goes out of sight in the walk; a lower threshold is reached sooner,
// and by it alone.
func TestALostGaugeGoesBlindAndALowerThresholdIsMetSooner(t *testing.T) {
	s := stage(t, live(t, twinCatalog(t, ""), nil))
	o := ask(t, s, rehearse.Scenario{Lost: []string{"town"}})
	at := -1
	for i, c := range o.Asked.Walk.Changes {
		if c.Station == "town" && c.To == hydro.Blind {
			at = i
		}
	}
	if at < 0 || o.Asked.Walk.Changes[at].At.Sub(o.T0) > time.Hour {
		t.Errorf("%+v", o.Asked.Walk.Changes)
	}
	releases := []rehearse.Release{{0, 40}, {2 * time.Hour, 90}, {3 * time.Hour, 150}}
	x := rehearse.Scenario{Schedules: []rehearse.Schedule{{Reservoir: "one", Releases: releases}}}
	high := ask(t, s, x)
	for _, p := range high.Asked.Pools { // without outlets, by the curve alone
		if !(math.Abs(p.Residual) < 1e-6*(1+p.VolumeIn)) {
			t.Errorf("%s: %g million m³ do not balance", p.Reservoir, p.Residual)
		}
	}
	x.Thresholds = []rehearse.Threshold{{Station: "town", Stage: hydro.Blue, Value: 1}}
	low := ask(t, s, x)
	first := func(o *rehearse.Outcome) time.Duration {
		for _, d := range o.Stations {
			if d.Station == "town" {
				return d.Asked.Stages[0].At.Sub(o.T0)
			}
		}
		return 0
	}
	// 80 m³/s, 130 an hour after 2 h, 190 an hour after 3 h: 1 m and 1.5 m are met on
	// the way there, within the 10 min of a step.
	if a, b := first(low), first(high); a <= 2*time.Hour+50*time.Minute || a > 3*time.Hour || b <= 3*time.Hour+50*time.Minute || b > 4*time.Hour {
		t.Errorf("blue of 1 m after %v, of 1.5 m after %v", a, b)
	}
	if diff := cmp.Diff(high.Asked.Forecast.Stations, low.Asked.Forecast.Stations, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(hydro.StationForecast{}, "Crossings")); diff != "" {
		t.Errorf("a threshold moved the water: %s", diff)
	}
}

func TestABadScenarioSaysWhatWhereAndHow(t *testing.T) {
	s := stage(t, live(t, twinCatalog(t, ""), nil))
	two := 2.0
	for _, c := range []struct {
		x    rehearse.Scenario
		want string
	}{
		{rehearse.Scenario{Basin: "other"}, `basin: "other" is not in the catalogue`},
		{rehearse.Scenario{Rain: rehearse.Rain{Factor: 1.5}}, "rain.kind: no rain forecast is in force at T0"},
		{rehearse.Scenario{Rain: rehearse.Rain{Factor: 11}}, "rain.factor: 11 is not between 0 and 10"},
		{rehearse.Scenario{Rain: rehearse.Rain{Kind: rehearse.NoRain, Factor: 2}}, "rain.kind: none has neither factor nor shift"},
		{rehearse.Scenario{Rain: rehearse.Rain{Kind: rehearse.OwnSeries}}, "rain.series: none"},
		{rehearse.Scenario{Rain: rehearse.Rain{Kind: rehearse.OwnSeries, Step: time.Hour, Series: []rehearse.SubBasinRain{{"sx", []float64{1}}}}}, `rain.series[0].sub_basin: sub-basin "sx" is not in basin twin: write one of s1, s2`},
		{rehearse.Scenario{Rain: rehearse.Rain{Kind: rehearse.Storm, Duration: time.Hour}}, "rain.total: 0 mm is not above 0"},
		{rehearse.Scenario{Schedules: []rehearse.Schedule{{Reservoir: "three"}}}, `schedules[0].reservoir: "three" is no reservoir of basin twin: write one of one, two`},
		{rehearse.Scenario{Schedules: []rehearse.Schedule{{Reservoir: "one", Releases: []rehearse.Release{{time.Hour, 5}}}}}, "schedules[0].releases[0].from: 01:00:00 is later than valid_from 00:00:00"},
		{rehearse.Scenario{Soil: []rehearse.Soil{{SubBasin: "s1", Filled: &two}}}, "soil[0].filled: 2: the share"},
		{rehearse.Scenario{Soil: []rehearse.Soil{{}}}, "soil[0].change: 0: above 0 to 1 fills"},
		{rehearse.Scenario{Lost: []string{"moon"}}, `lost[0]: "moon" is no station of basin twin`},
		{rehearse.Scenario{Thresholds: []rehearse.Threshold{{Station: "town", Stage: hydro.Red, Value: 5}}}, "thresholds[0].stage: town has no threshold red water_level: write one of blue water_level, yellow water_level, orange discharge, red discharge"},
		{rehearse.Scenario{Thresholds: []rehearse.Threshold{{Station: "town", Stage: hydro.Blue, Value: 5}}}, "thresholds[0].value: blue at 5 stands on the wrong side of yellow at 2.5"},
	} {
		_, err := s.Ask(t.Context(), c.x, nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v\n got %v\nwant %s", c.x, err, c.want)
		}
	}
}
