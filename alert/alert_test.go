package alert_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/alert"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func throughGob(from alert.State, to *alert.State) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(from); err != nil {
		return err
	}
	return gob.NewDecoder(&b).Decode(to)
}

var start = time.Date(2024, 6, 9, 0, 0, 0, 0, time.UTC)

// one is a basin with one level station "st" that reports every 5 min, with
// thresholds at 8, 9, 10 and 11 m, and rain thresholds on request.
func one(set catalog.Settings) *catalog.Catalog {
	return &catalog.Catalog{
		Basins: []catalog.Basin{{ID: "b", Settings: set}},
		Stations: []catalog.Station{{
			ID: "st", NameZH: "恩平", NameEN: "Enping", Basin: "b", Datum: catalog.Datum{Name: hydro.PearlRiver},
			Parameters: []catalog.Parameter{{Variable: hydro.WaterLevel, Interval: 5 * time.Minute}},
		}},
		StageTables: []catalog.StageTable{{
			Station: "st", Datum: hydro.PearlRiver, ValidFrom: start.AddDate(-1, 0, 0),
			Thresholds: []catalog.Threshold{
				{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 8, Observed: true, Forecast: true},
				{Stage: hydro.Yellow, Variable: hydro.WaterLevel, Value: 9, Observed: true, Forecast: true},
				{Stage: hydro.Orange, Variable: hydro.WaterLevel, Value: 10, Observed: true, Forecast: true},
				{Stage: hydro.Red, Variable: hydro.WaterLevel, Value: 11, Observed: true, Forecast: true},
			},
		}},
	}
}

func mustCompile(t interface{ Fatal(...any) }, c *catalog.Catalog) *alert.Rules {
	r, err := alert.Compile(c, "b")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCompileRefusesAndNamesWhatCannotBeCompared(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*catalog.Catalog)
		want  string
	}{
		"another datum":         {func(c *catalog.Catalog) { c.StageTables[0].Datum = hydro.Huanghai1956 }, `on datum "HUANGHAI_1956", the station's levels are on "PEARL_RIVER"`},
		"no datum":              {func(c *catalog.Catalog) { c.StageTables[0].Datum = hydro.NoDatum }, `on datum ""`},
		"a colour that is none": {func(c *catalog.Catalog) { c.StageTables[0].Thresholds[0].Stage = hydro.Blind }, "blue, yellow, orange or red"},
		"rain without a window": {func(c *catalog.Catalog) { c.StageTables[0].Thresholds[0].Variable = hydro.Rain }, "needs its window"},
		"storage":               {func(c *catalog.Catalog) { c.StageTables[0].Thresholds[0].Variable = hydro.Storage }, "water_level, discharge, inflow or rain"},
		"a negative dead-band":  {func(c *catalog.Catalog) { c.Basins[0].Settings.DeadBand = -1 }, "dead-band"},
		"a zone":                {func(c *catalog.Catalog) { c.Basins[0].Season.Zone = "Nowhere/Else" }, "zone"},
	} {
		t.Run(name, func(t *testing.T) {
			cat := one(catalog.Settings{})
			c.spoil(cat)
			_, err := alert.Compile(cat, "b")
			if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want it to say %q", err, c.want)
			}
		})
	}
	if _, err := alert.Compile(one(catalog.Settings{}), "elsewhere"); !errors.Is(err, hydro.ErrNotFound) {
		t.Fatalf("unknown basin: %v", err)
	}
}

func TestThe1985DatumIsConvertedWhenTheStationDeclaresIt(t *testing.T) {
	c := one(catalog.Settings{})
	to1985 := 0.744
	c.Stations[0].Datum.To1985 = &to1985
	c.StageTables[0].Datum = hydro.National1985
	for i := range c.StageTables[0].Thresholds {
		c.StageTables[0].Thresholds[i].Value += to1985
	}
	r := mustCompile(t, c)
	h := &hydro.History{}
	h.Put(hydro.Sample{At: start.UnixMilli(), Value: 9, Quality: hydro.Pass})
	_, warnings := r.Evaluate(r.Start(start), alert.Evidence{Now: start, History: func(hydro.Key) *hydro.History { return h }})
	if len(warnings) != 1 || warnings[0].To != hydro.Yellow {
		t.Fatalf("got %+v, want yellow at 9 m", warnings)
	}
}

func TestAWarningShowsBothLegs(t *testing.T) {
	r := mustCompile(t, one(catalog.Settings{}))
	h := &hydro.History{}
	h.Put(hydro.Sample{At: start.UnixMilli(), Value: 8.25, Quality: hydro.Pass})
	nan := math.NaN()
	f := &hydro.Forecast{
		IssuedAt: start, ValidUntil: start.Add(time.Hour), Step: time.Hour,
		Stations: []hydro.StationForecast{{
			Station: "st", Datum: hydro.PearlRiver, Level: []float64{8.5, 9.2, 10.4, 10.1}, Discharge: []float64{nan, nan, nan, nan},
			NowLevel: 8.25, NowDischarge: nan,
			Peak:      hydro.Peak{At: start.Add(190 * time.Minute), Level: 10.43, Discharge: nan},
			Crossings: []hydro.Crossing{{Stage: hydro.Orange, Variable: hydro.WaterLevel, Threshold: 10, At: start.Add(160 * time.Minute)}},
		}},
	}
	now := start.Add(time.Minute)
	_, warnings := r.Evaluate(r.Start(start), alert.Evidence{Now: now, Forecast: f, History: func(hydro.Key) *hydro.History { return h }})
	want := []hydro.Warning{{
		Station: "st", At: now, From: hydro.Clear, To: hydro.Orange, ForecastIssuedAt: start,
		Observed: hydro.Leg{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 8.25, Threshold: 8, Datum: hydro.PearlRiver, At: start},
		Forecast: hydro.Leg{
			Stage: hydro.Orange, Variable: hydro.WaterLevel, Value: 10.43, Threshold: 10, Datum: hydro.PearlRiver,
			At: start.Add(160 * time.Minute), PeakValue: 10.43, PeakAt: start.Add(190 * time.Minute),
		},
		ReasonZH: "恩平：预计 06-09 10:40 水位达到橙色阈值 10.00 米，提前 2 小时 39 分，最高 10.43 米（珠江基面）（06-09 11:10）。",
		ReasonEN: "Enping: forecast to reach the ORANGE threshold of water level 10.00 m at 06-09 10:40, lead time 2 h 39 min, peak 10.43 m (PEARL_RIVER) at 06-09 11:10.",
	}}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Fatal(diff)
	}
}

func TestATickThatIsNotLaterChangesNothing(t *testing.T) {
	r := mustCompile(t, one(catalog.Settings{}))
	h := &hydro.History{}
	ev := alert.Evidence{Now: start, History: func(hydro.Key) *hydro.History { return h }}
	s, _ := r.Evaluate(r.Start(start), ev)
	h.Put(hydro.Sample{At: start.UnixMilli(), Value: 12, Quality: hydro.Pass})
	again, warnings := r.Evaluate(s, ev)
	if diff := cmp.Diff(s, again); diff != "" || len(warnings) != 0 {
		t.Fatalf("%v %s", warnings, diff)
	}
}

func TestAStationThatIsGoneIsForgottenAndANewOneIsWatchedFromNow(t *testing.T) {
	r := mustCompile(t, one(catalog.Settings{}))
	s := r.Start(start)
	c := one(catalog.Settings{})
	c.Stations[0].ID, c.StageTables[0].Station = "other", "other"
	now := start.Add(time.Hour)
	s = mustCompile(t, c).Adopt(s, now)
	if len(s.Stations) != 1 || s.Stations[0].Station != "other" || !s.Stations[0].Since.Equal(now) {
		t.Fatalf("got %+v", s.Stations)
	}
}

// A drawn course of levels, gaps, bad samples and forecasts for one station.
type course struct {
	rules    *alert.Rules
	settings catalog.Settings
	h        *hydro.History
	state    alert.State
	now      time.Time
	run      *hydro.Forecast
}

func (c *course) tick(d time.Duration) []hydro.Warning {
	c.now = c.now.Add(d)
	var warnings []hydro.Warning
	c.state, warnings = c.rules.Evaluate(c.state, alert.Evidence{Now: c.now, History: func(hydro.Key) *hydro.History { return c.h }, Forecast: c.run})
	return warnings
}

func drawCourse(t *rapid.T) *course {
	set := catalog.Settings{
		DeadBand:    rapid.SampledFrom([]float64{0, 0.05, 0.2}).Draw(t, "dead-band"),
		DwellRaise:  time.Duration(rapid.IntRange(0, 3).Draw(t, "raise")) * 5 * time.Minute,
		DwellLower:  time.Duration(rapid.IntRange(0, 6).Draw(t, "lower")) * 5 * time.Minute,
		Persistence: rapid.IntRange(1, 3).Draw(t, "persistence"),
		BlindAfter:  2,
	}
	r := mustCompile(t, one(set))
	return &course{rules: r, settings: set, h: &hydro.History{}, state: r.Start(start), now: start.Add(-5 * time.Minute)}
}

// step draws what arrives in the next 5 min and ticks. It returns the latest
// observation that may be used, if it is in the blind window, and the latest
// run.
func (c *course) step(t *rapid.T) []hydro.Warning {
	at := c.now.Add(5 * time.Minute)
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1: // nothing comes
	case 2:
		c.h.Put(hydro.Sample{At: at.UnixMilli(), Value: rapid.Float64Range(6, 13).Draw(t, "bad"), Quality: hydro.Suspect, Tests: hydro.TestStuck})
	default:
		c.h.Put(hydro.Sample{At: at.UnixMilli(), Value: rapid.Float64Range(6, 13).Draw(t, "level"), Quality: hydro.Pass})
	}
	if rapid.Bool().Draw(t, "run") {
		levels := rapid.SliceOfN(rapid.Float64Range(6, 13), 1, 6).Draw(t, "levels")
		if rapid.IntRange(0, 5).Draw(t, "tide") == 0 {
			levels[0] = math.NaN()
		}
		c.run = &hydro.Forecast{IssuedAt: at, ValidUntil: at.Add(15 * time.Minute), Step: time.Hour, Stations: []hydro.StationForecast{{
			Station: "st", Datum: hydro.PearlRiver, Level: levels, Peak: hydro.Peak{Level: math.NaN()},
		}}}
	}
	return c.tick(5 * time.Minute)
}

// asks returns the stage whose threshold a level meets.
func asks(level float64) hydro.Stage {
	stage := hydro.Clear
	for s := hydro.Blue; s <= hydro.Red; s++ {
		if level >= 7+float64(s) {
			stage = s
		}
	}
	return stage
}

func TestAStageNeverLowersWhileEvidenceIsAboveItsThreshold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			for _, w := range c.step(t) {
				if !w.Lowered() {
					continue
				}
				last, _ := c.h.LastUsable()
				if got := asks(last.Value); got > w.To {
					t.Fatalf("lowered to %s while %g m is observed, which asks for %s", w.To, last.Value, got)
				}
				if c.run != nil && c.run.ValidUntil.After(c.now) {
					for _, v := range c.run.Stations[0].Level {
						if asks(v) > w.To {
							t.Fatalf("lowered to %s while %g m is forecast", w.To, v)
						}
					}
				}
				if silent := c.now.Sub(last.Time()) > 12*time.Minute; silent && (c.run == nil || !c.run.IssuedAt.Equal(c.now)) {
					t.Fatalf("lowered to %s on silence", w.To)
				}
			}
		}
	})
}

func TestASilentStationIsNeverClear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c.step(t)
			status := c.rules.Statuses(c.state)[0]
			last, ok := c.h.LastUsable()
			silent := !ok || c.now.Sub(last.Time()) > 11*time.Minute+15*time.Second
			if silent && (status.Stage == hydro.Clear || status.Cause == "" || status.Observed.Stage != hydro.Blind) {
				t.Fatalf("silent since %v at %v, and shown as %+v", last.Time(), c.now, status)
			}
			if !silent && (status.Stage == hydro.Blind || status.Cause != "") {
				t.Fatalf("in sight, and shown as %+v", status)
			}
			if asked := status.Forecast.Stage; status.Stage == hydro.Blind && asked != hydro.Clear {
				t.Fatalf("blindness hides a forecast of %s", asked)
			}
		}
	})
}

func TestOldPointsNeverChangeAStage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			c.step(t)
		}
		last, ok := c.h.LastUsable()
		if !ok {
			return
		}
		calm := *c // the same course without the back-fill
		calm.h = &hydro.History{Samples: append([]hydro.Sample(nil), c.h.Samples...)}
		for range rapid.IntRange(1, 20).Draw(t, "old") {
			c.h.Put(hydro.Sample{
				At: last.At - int64(rapid.IntRange(1, 20_000_000).Draw(t, "ms")), Value: rapid.Float64Range(6, 13).Draw(t, "level"), Quality: hydro.Pass,
			})
		}
		for range 12 {
			if diff := cmp.Diff(calm.tick(time.Minute), c.tick(time.Minute)); diff != "" {
				t.Fatal(diff)
			}
		}
		if diff := cmp.Diff(calm.state, c.state); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestNoiseOnACrestGivesOneRaiseAndOneLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := catalog.Settings{DeadBand: 0.05, DwellLower: 30 * time.Minute, DwellRaise: time.Duration(rapid.IntRange(0, 2).Draw(t, "raise")) * 5 * time.Minute}
		r := mustCompile(t, one(set))
		c := &course{rules: r, h: &hydro.History{}, state: r.Start(start), now: start}
		height := rapid.Float64Range(7.5, 11.5).Draw(t, "height")
		var raised, lowered int
		highest := hydro.Clear
		for i := range 200 { // a parabola of 16 h with its crest in the middle
			x := float64(i-100) / 100
			level := height - 4*x*x + rapid.Float64Range(-0.02, 0.02).Draw(t, "noise")
			c.h.Put(hydro.Sample{At: c.now.Add(5 * time.Minute).UnixMilli(), Value: level, Quality: hydro.Pass})
			for _, w := range c.tick(5 * time.Minute) {
				if w.Raised() {
					raised++
				}
				if w.Lowered() {
					lowered++
				}
				highest = max(highest, w.To)
			}
		}
		if raised > int(highest) || lowered > int(highest) || raised < 1 && height > 8.1 || (raised == 0) != (lowered == 0) {
			t.Fatalf("crest at %g m: %d raised, %d lowered, up to %s", height, raised, lowered, highest)
		}
	})
}

func TestAStoredStateGoesOnAsTheOriginal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			c.step(t)
		}
		var loaded alert.State
		if err := throughGob(c.state, &loaded); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.state, loaded); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(c.state, c.rules.Adopt(loaded, c.now)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	r := mustCompile(b, one(catalog.Settings{}))
	h := &hydro.History{}
	s, now := r.Start(start), start
	for b.Loop() {
		now = now.Add(10 * time.Second)
		h.Put(hydro.Sample{At: now.UnixMilli(), Value: 7, Quality: hydro.Pass})
		if len(h.Samples) > 1000 {
			h.Samples = h.Samples[:0]
		}
		s, _ = r.Evaluate(s, alert.Evidence{Now: now, History: func(hydro.Key) *hydro.History { return h }})
	}
}

func TestTheShippedCataloguesCompile(t *testing.T) {
	dirs, err := filepath.Glob("../deploy/catalog/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no catalogues: %v", err)
	}
	for _, dir := range dirs {
		c, err := catalog.LoadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range c.Basins {
			r, err := alert.Compile(c, b.ID)
			if err != nil {
				t.Fatal(err)
			}
			if s := r.Start(start); len(s.Stations) == 0 || len(s.Ladders) == 0 {
				t.Errorf("%s/%s: %d stations and %d ladders", c.Name, b.ID, len(s.Stations), len(s.Ladders))
			}
		}
	}
}
