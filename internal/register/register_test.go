package register_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/register"
)

var begin = time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)

// plain is a catalogue with one site of three departments. What stands behind
// "#datum-h" and the like is what tests change.
const plain = `catalog: {name: t, title: T}
stations:
  - {id: h, name: H, department: hydrology, kind: hydrological, basin: b, at: [112, 22], zone: UTC, datum: {name: PEARL_RIVER, to_1985: 0.744, source: levelled 2019}, parameters: [{variable: water_level, every: 5m}, {variable: discharge, every: 5m}, {variable: rain, every: 5m}]}
  - {id: r, name: R, department: water_resources, kind: reservoir, basin: b, at: [112, 22], zone: UTC, datum: NATIONAL_1985, parameters: [{variable: water_level, every: 5m}]}
  - {id: w, name: W, department: weather, kind: rain, basin: b, at: [112, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}
sites:
  - {id: s, name: S, stations: [h, r, w], authority: {water_level: h, rain: w}}
basins:
  - {id: b, name: B, nodes: [{id: n, name: N, gauge: h}]}
stage_tables:
  - {station: h, valid_from: 2026-01-01, datum: PEARL_RIVER, source: plan 2026, thresholds: [{variable: water_level, yellow: 7.3, red: 9}, {variable: rain, window: 3h, blue: 40}]}
`

func load(tb testing.TB, text string) *catalog.Catalog {
	tb.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	return c
}

func nothing(hydro.Key) *hydro.History { return nil }

func at(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }

func TestWhatTheCatalogueSaysTwice(t *testing.T) {
	day := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name, more string
		change     func(string) string
		want       map[string]time.Time // id: since
	}{
		{name: "nothing"},
		{
			name: "a claimed threshold differs, in force since the later of the two",
			more: "claims:\n  - {station: h, department: water_resources, valid_from: 2026-04-01, source: their plan, thresholds: [{variable: water_level, yellow: 7.5, red: 9}]}\n",
			want: map[string]time.Time{"b/threshold/h/water_level/yellow": day(4, 1)},
		},
		{
			name: "the same threshold on another datum is the same",
			more: "claims:\n  - {station: h, department: water_resources, valid_from: 2026-04-01, source: s, datum: NATIONAL_1985, thresholds: [{variable: water_level, yellow: 8.044, red: 9.744}]}\n",
			want: map[string]time.Time{"b/datum/h": day(4, 1)},
		},
		{
			name: "a threshold that the table does not have",
			more: "claims:\n  - {station: h, department: weather, valid_from: 2026-04-01, source: s, thresholds: [{variable: rain, window: 3h, blue: 40, yellow: 60}]}\n",
			want: map[string]time.Time{"b/threshold/h/rain/3h0m0s/yellow": day(4, 1)},
		},
		{
			name: "a threshold on a datum that nobody relates to the station's",
			more: "claims:\n  - {station: h, department: weather, valid_from: 2026-04-01, source: s, datum: WUSONG, thresholds: [{variable: water_level, yellow: 7.3}]}\n",
			want: map[string]time.Time{"b/datum/h": day(4, 1), "b/threshold/h/water_level/yellow": day(4, 1)},
		},
		{
			name: "a newer claim of the same department replaces the older",
			more: "claims:\n  - {station: h, department: weather, valid_from: 2026-04-01, source: s, thresholds: [{variable: water_level, yellow: 7}]}\n" +
				"  - {station: h, department: weather, valid_from: 2026-05-01, source: s, thresholds: [{variable: water_level, yellow: 7.3}]}\n",
		},
		{
			name: "a claim that begins later",
			more: "claims:\n  - {station: h, department: weather, valid_from: 2026-07-01, source: s, thresholds: [{variable: water_level, yellow: 7}]}\n",
		},
		{
			name: "two offsets to NATIONAL_1985",
			more: "claims:\n  - {station: h, department: water_resources, valid_from: 2026-03-01, source: levelled 2024, to_1985: 0.72}\n",
			want: map[string]time.Time{"b/datum_offset/h": day(3, 1)},
		},
		{
			name: "the catalogue's own two offsets, since the catalogue is in force",
			change: func(s string) string {
				return strings.Replace(s, "source: levelled 2019}", "source: levelled 2019, accepts: [{from: NATIONAL_1985, add: -0.7, source: other}]}", 1)
			},
			want: map[string]time.Time{"b/datum_offset/h": begin},
		},
		{
			name: "one datum of two stations with two offsets",
			change: func(s string) string {
				return strings.Replace(s, "datum: NATIONAL_1985,", "datum: {name: PEARL_RIVER, to_1985: 0.6, source: s},", 1)
			},
			want: map[string]time.Time{"b/datum_offset/@s/h/r": begin},
		},
		{
			name:   "no datum in common",
			change: func(s string) string { return strings.Replace(s, "datum: NATIONAL_1985,", "datum: STATION,", 1) },
			want:   map[string]time.Time{"b/datum_unknown/@s/h/r": begin},
		},
		{
			name: "tables of two stations at one site, compared on a common datum",
			change: func(s string) string {
				return s + "  - {station: r, valid_from: 2026-02-01, datum: NATIONAL_1985, thresholds: [{variable: water_level, yellow: 8.044, red: 9.8}]}\n"
			},
			want: map[string]time.Time{"b/threshold/@s/h/r/water_level/red": day(2, 1)},
		},
		{
			name: "rain tables at one site",
			change: func(s string) string {
				return s + "  - {station: w, valid_from: 2026-02-01, thresholds: [{variable: rain, window: 3h, blue: 50}]}\n"
			},
			want: map[string]time.Time{"b/threshold/@s/h/w/rain/3h0m0s/blue": day(2, 1)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := plain
			if c.change != nil {
				if text = c.change(text); text == plain {
					t.Fatal("the change does not change the catalogue")
				}
			}
			s, changes := register.Compile(load(t, text+c.more), "b").Evaluate(register.State{}, register.Evidence{Now: begin, History: nothing})
			got := map[string]time.Time{}
			for _, o := range s.Open {
				got[o.ID] = o.Since
				if len(o.Parties) < 2 || o.WhatZH() == "" || o.WhatEN() == "" || o.SettleZH() == "" || o.SettleEN() == "" || !strings.Contains(o.Line(), o.Subject()) {
					t.Errorf("%+v does not say who, what or how to settle it", o)
				}
			}
			if c.want == nil {
				c.want = map[string]time.Time{}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(changes) != len(s.Open) {
				t.Errorf("%d changes told of %d conflicts", len(changes), len(s.Open))
			}
		})
	}
}

func TestAConflictStandsUntilTheCatalogueSettlesIt(t *testing.T) {
	claim := "claims:\n  - {station: h, department: water_resources, valid_from: 2026-06-09, source: s, thresholds: [{variable: water_level, yellow: 7.5}]}\n"
	disputed, agreed := register.Compile(load(t, plain+claim), "b"), register.Compile(load(t, plain), "b")
	begins := time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC)
	var s register.State
	var changes []register.Change
	if s, changes = disputed.Evaluate(s, register.Evidence{Now: begin, History: nothing}); len(changes) != 0 {
		t.Fatalf("a conflict before the claim begins: %+v", changes)
	}
	if s, changes = disputed.Evaluate(s, register.Evidence{Now: begins.Add(time.Minute), History: nothing}); len(changes) != 1 || !changes[0].Opened || !changes[0].Conflict.Since.Equal(begins) {
		t.Fatalf("not opened when the claim began: %+v", changes)
	}
	later := strings.Replace(claim, "2026-06-09", "2026-06-10", 1) // restated
	if s, changes = register.Compile(load(t, plain+later), "b").Evaluate(s, register.Evidence{Now: begins.Add(30 * time.Hour), History: nothing}); len(changes) != 0 || !s.Open[0].Since.Equal(begins) {
		t.Fatalf("a restated claim began anew: %+v, %+v", changes, s.Open)
	}
	if s, changes = agreed.Evaluate(s, register.Evidence{Now: begins.Add(31 * time.Hour), History: nothing}); len(changes) != 1 || changes[0].Opened || len(s.Open) != 0 {
		t.Fatalf("not settled: %+v", changes)
	}
}

// A river is two gauges of site s, on their own clocks and datums.
type river struct {
	h    map[hydro.Key]*hydro.History
	rule *register.Rules
	s    register.State
}

var (
	levelH = hydro.Key{Station: "h", Variable: hydro.WaterLevel}
	levelR = hydro.Key{Station: "r", Variable: hydro.WaterLevel}
	rainH  = hydro.Key{Station: "h", Variable: hydro.Rain}
	rainW  = hydro.Key{Station: "w", Variable: hydro.Rain}
)

func newRiver(c *catalog.Catalog) *river {
	return &river{h: map[hydro.Key]*hydro.History{}, rule: register.Compile(c, "b")}
}

func (r *river) put(k hydro.Key, at time.Time, v float64) {
	if r.h[k] == nil {
		r.h[k] = &hydro.History{}
	}
	s := hydro.Sample{At: at.UnixMilli(), Value: v, Raw: v, Quality: hydro.Pass}
	if k.Variable == hydro.Rain {
		s.Interval = 300
	}
	r.h[k].Put(s)
}

func (r *river) tick(now time.Time) (changes []register.Change) {
	r.s, changes = r.rule.Evaluate(r.s, register.Evidence{Now: now, History: func(k hydro.Key) *hydro.History { return r.h[k] }})
	return changes
}

func TestValuesThatDifferForLongAreAConflict(t *testing.T) {
	const id = "b/value/@s/water_level/r"
	r := newRiver(load(t, plain))
	off := func(m int) float64 { // r is 0.5 m off from 01:00 to 03:00, and for 10 minutes at 05:00
		if m >= 60 && m < 180 || m >= 300 && m < 310 {
			return 0.5
		}
		return 0.01
	}
	var told []string
	for m := 0; m <= 480; m += 5 {
		r.put(levelH, at(m), 3)
		if m < 120 || m >= 150 { // silent for half an hour while it stands
			r.put(levelR, at(m), 3.744+off(m))
		}
		for _, c := range r.tick(at(m).Add(time.Minute)) {
			told = append(told, fmt.Sprint(m, " ", c.Opened, " ", c.Conflict.ID, " since ", c.Conflict.Since.Format("15:04")))
		}
		if m == 145 && (len(r.s.Open) != 1 || r.s.Open[0].ID != id) {
			t.Error("silence settled the conflict")
		}
		if m == 100 {
			if c := r.s.Open[0]; math.Abs(c.Parties[0].Value-3.744) > 1e-9 || math.Abs(c.Parties[1].Value-4.244) > 1e-9 || c.Parties[0].Datum != hydro.National1985 && c.Parties[0].Datum != hydro.PearlRiver {
				t.Errorf("parties %+v", c.Parties)
			}
		}
	}
	want := []string{"90 true " + id + " since 01:00", "210 false " + id + " since 01:00"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRainOfOneSiteIsComparedByTheHour(t *testing.T) {
	r := newRiver(load(t, plain))
	var told []string
	for m := 0; m <= 300; m += 5 {
		r.put(rainH, at(m), 0)
		r.put(rainW, at(m), 1) // 12 mm in the hour
		for _, c := range r.tick(at(m)) {
			told = append(told, fmt.Sprint(m, " ", c.Opened, " ", c.Conflict.ID))
		}
	}
	// The first whole hour ends at 55, where the limit of 5 mm is passed at once.
	if diff := cmp.Diff([]string{"85 true b/value/@s/rain/h"}, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// However fast the river rises and however the gauges' clocks lie to each other,
// two gauges that say the same are no conflict, and two that do not are one, once
// they have been apart for the dwell.
func TestClocksMakeNoConflict(t *testing.T) {
	c := load(t, plain)
	rapid.Check(t, func(t *rapid.T) {
		r := newRiver(c)
		rate := rapid.Float64Range(-2, 2).Draw(t, "m/h")
		phase := rapid.IntRange(0, 299).Draw(t, "phase")
		wrong := rapid.SampledFrom([]float64{0, 0.1, -0.15, 0.3, -1}).Draw(t, "wrong")
		level := func(at time.Time) float64 { return 5 + rate*at.Sub(begin).Hours() }
		for m := 0; m <= 120; m += 5 {
			r.put(levelH, at(m), level(at(m)))
			other := at(m).Add(time.Duration(phase) * time.Second)
			r.put(levelR, other, level(other)+0.744+wrong)
			r.tick(at(m + 5))
		}
		if want := math.Abs(wrong) > 0.2; (len(r.s.Open) == 1) != want {
			t.Fatalf("off by %g m: %d conflicts", wrong, len(r.s.Open))
		}
	})
}

// Levels whose datums nobody has related to each other are never compared,
// whatever they are.
func TestLevelsWithoutACommonDatumAreNeverCompared(t *testing.T) {
	c := load(t, strings.Replace(plain, "datum: NATIONAL_1985,", "datum: STATION,", 1))
	rapid.Check(t, func(t *rapid.T) {
		r := newRiver(c)
		a, b := rapid.Float64Range(-5, 50).Draw(t, "a"), rapid.Float64Range(-5, 50).Draw(t, "b")
		for m := 0; m <= 120; m += 5 {
			r.put(levelH, at(m), a)
			r.put(levelR, at(m), b)
			r.tick(at(m))
		}
		if len(r.s.Open) != 1 || r.s.Open[0].Kind != hydro.UnknownDatum {
			t.Fatalf("%+v", r.s.Open)
		}
	})
}

// A state that was stored and read between any two ticks goes on as one that was
// not, and what was opened is settled before it is opened again.
func TestAStoredStateGoesOn(t *testing.T) {
	c := load(t, plain)
	rapid.Check(t, func(t *rapid.T) {
		one, two := newRiver(c), newRiver(c)
		standing := map[string]bool{}
		for m := 0; m <= 60*rapid.IntRange(1, 6).Draw(t, "hours"); m += 5 {
			for _, k := range []hydro.Key{levelH, levelR, rainH, rainW} {
				if rapid.IntRange(0, 9).Draw(t, "silent") == 0 {
					continue
				}
				v := rapid.SampledFrom([]float64{0, 0.1, 3}).Draw(t, "v")
				one.put(k, at(m), v)
				two.put(k, at(m), v)
			}
			a := one.tick(at(m))
			if rapid.Bool().Draw(t, "restart") {
				var b bytes.Buffer
				if err := gob.NewEncoder(&b).Encode(two.s); err != nil {
					t.Fatal(err)
				}
				two.s = register.State{}
				if err := gob.NewDecoder(&b).Decode(&two.s); err != nil {
					t.Fatal(err)
				}
			}
			if b := two.tick(at(m)); fmt.Sprint(a) != fmt.Sprint(b) {
				t.Fatalf("at %d: %v, stored %v", m, a, b)
			}
			for _, change := range a {
				if change.Opened == standing[change.Conflict.ID] {
					t.Fatalf("%s: opened or settled twice", change.Conflict.ID)
				}
				standing[change.Conflict.ID] = change.Opened
			}
		}
	})
}
