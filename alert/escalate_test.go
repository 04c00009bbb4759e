package alert_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/alert"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// reach is three stations down a river, one below the other.
const reach = `catalog: {name: reach, title: T}
departments: [{id: hydrology, name: H}]
stations:
  - {id: a, name: A, department: hydrology, kind: level, basin: b, at: [112, 22], zone: +08:00, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
  - {id: m, name: M, department: hydrology, kind: level, basin: b, at: [112, 22], zone: +08:00, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
  - {id: z, name: Z, department: hydrology, kind: level, basin: b, at: [112, 22], zone: +08:00, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
basins:
  - id: b
    name: B
    settings: {dwell_raise: 0s, dwell_lower: 30m, dead_band: 0.1, persistence: 1, rise_trigger: 0.5, rise_window: 1h}
    nodes: [{id: n1, name: N, gauge: a}, {id: n2, name: N, gauge: m, rating: q}, {id: n3, name: N, gauge: z}]
    reaches: [{id: r1, from: n1, to: n2, length: 10, k: 1h, x: 0.2}, {id: r2, from: n2, to: n3, length: 10, k: 1h, x: 0.2}]
ratings: [{id: q, station: m, datum: STATION, valid_from: 2020-01-01, points: [[0, 1], [20, 5000]]}]
stage_tables:
  - {station: a, valid_from: 2020-01-01, datum: STATION, source: t, thresholds: [{variable: water_level, blue: 2, yellow: 3, orange: 4, red: 5}]}
  - {station: m, valid_from: 2020-01-01, datum: STATION, source: t, thresholds: [{variable: water_level, blue: 2, yellow: 3, orange: 4, red: 5, legs: [observed, forecast]}]}
  - {station: z, valid_from: 2020-01-01, datum: STATION, source: t, thresholds: [{variable: water_level, blue: 2, yellow: 3, orange: 4, red: 5}]}
`

// A float is the three stations with the level of each; a station without one is
// silent.
type float struct {
	t     *testing.T
	rules *alert.Rules
	state alert.State
	now   time.Time
	h     map[hydro.Key]*hydro.History
	level map[string]float64
	run   *hydro.Forecast
	told  []hydro.Warning // of m
}

func newFloat(t *testing.T) *float {
	t.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(reach)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	f := &float{t: t, rules: mustCompile(t, c), now: start, h: map[hydro.Key]*hydro.History{}, level: map[string]float64{"a": 1, "m": 1, "z": 1}}
	f.state = f.rules.Start(start)
	return f
}

// until ticks each minute; stations report each five.
func (f *float) until(at time.Time) {
	f.t.Helper()
	for f.now.Before(at) {
		f.now = f.now.Add(time.Minute)
		for id, z := range f.level {
			k := hydro.Key{Station: id, Variable: hydro.WaterLevel}
			if f.h[k] == nil {
				f.h[k] = &hydro.History{}
			}
			if f.now.Truncate(5 * time.Minute).Equal(f.now) {
				f.h[k].Put(hydro.Sample{At: f.now.UnixMilli(), Value: z, Quality: hydro.Pass})
			}
		}
		var warnings []hydro.Warning
		f.state, warnings = f.rules.Evaluate(f.state, alert.Evidence{Now: f.now, Forecast: f.run, History: func(k hydro.Key) *hydro.History { return f.h[k] }})
		for _, w := range warnings {
			if w.Station == "m" {
				f.told = append(f.told, w)
			}
		}
	}
}

// expect is a run of now that keeps m at a level.
func (f *float) expect(level float64) {
	f.run = forecastOf("m", f.now, level, level, level)
	f.run.ValidUntil = f.now.Add(time.Hour)
	s := &f.run.Stations[0]
	s.Datum, s.Peak.Level, s.Peak.At = hydro.StationDatum, level, f.now.Add(time.Hour)
}

func (f *float) after(d time.Duration) { f.t.Helper(); f.until(f.now.Add(d)) }

// words are the warnings of m since the last call.
func (f *float) words() string {
	var out []string
	for _, w := range f.told {
		s := w.From.String() + ">" + w.To.String()
		if w.Escalated {
			s += fmt.Sprintf(" as %s", w.EscalatedAs)
		}
		if w.Escalated != strings.Contains(w.ReasonEN, "escalated: the reach is rising") {
			f.t.Errorf("escalated %t, and the reason says %q", w.Escalated, w.ReasonEN)
		}
		out = append(out, s)
	}
	f.told = nil
	return strings.Join(out, ", ")
}

func (f *float) want(what, words string) {
	f.t.Helper()
	if got := f.words(); got != words {
		f.t.Fatalf("%s: %q, want %q", what, got, words)
	}
}

func TestAnEscalationSaysHowHighTheReachStands(t *testing.T) {
	for _, c := range []struct {
		name string
		a, z float64
		as   string
	}{
		{"a rise that has reached no threshold", 1.6, 1, "blue"},
		{"a neighbour at yellow", 3.1, 1, "yellow"},
		{"the higher of two", 3.1, 4.2, "orange"},
	} {
		f := newFloat(t)
		f.after(30 * time.Minute)
		delete(f.level, "m")
		f.after(30 * time.Minute)
		f.want(c.name+", calm", "clear>blind")
		f.level["a"], f.level["z"] = c.a, c.z
		f.after(30 * time.Minute)
		f.want(c.name, "blind>blind as "+c.as)
		f.level["m"] = 1
		f.after(10 * time.Minute)
		f.want(c.name+", seen again", "blind>clear")
	}
}

// A calm shorter than the dwell of lowering is none; a rise after a longer one is
// another.
func TestAnEscalationIsToldOncePerRiseOfTheReach(t *testing.T) {
	f := newFloat(t)
	f.after(30 * time.Minute)
	delete(f.level, "m")
	f.level["a"] = 2.1
	f.after(15 * time.Minute)
	f.want("lost while the reach rises", "clear>blind as blue")
	for range 6 { // the neighbour goes to and fro around its threshold
		f.level["a"] = 1.5
		f.after(35 * time.Minute) // back to clear after 30 min, calm for less than that
		f.level["a"] = 2.1
		f.after(10 * time.Minute)
	}
	f.want("to and fro", "")
	f.level["a"] = 1.5
	f.after(3 * time.Hour)
	f.level["a"] = 2.1
	f.after(10 * time.Minute)
	f.want("a second rise", "blind>blind as blue")
}

// What moves the stage of a blind station on the very tick on which the reach
// begins to rise must not swallow the escalation: a warning that tells of one is
// either that of going blind, or has From equal To.
func TestAnEscalationIsNotLostInAnotherWarning(t *testing.T) {
	f := newFloat(t)
	f.after(30 * time.Minute)
	delete(f.level, "m")
	f.after(30 * time.Minute)
	f.expect(3.5)
	f.after(5 * time.Minute)
	f.want("the forecast keeps watch", "clear>blind, blind>yellow")
	f.level["a"] = 2.1
	f.after(4 * time.Minute)
	f.expect(1)
	f.after(5 * time.Minute)
	f.want("the forecast falls as the reach rises", "yellow>blind, blind>blind as blue")
}

func TestStandingsTellSinceWhenAStationIsEscalated(t *testing.T) {
	f := newFloat(t)
	f.after(30 * time.Minute)
	delete(f.level, "m")
	f.after(30 * time.Minute)
	since := func() time.Time {
		all := f.rules.Standings(f.state)
		return all[slices.IndexFunc(all, func(s alert.Standing) bool { return s.Station == "m" })].Escalated
	}
	if !since().IsZero() {
		t.Errorf("on a calm river since %v", since())
	}
	f.level["a"] = 2.1
	f.after(5 * time.Minute)
	at := f.now
	f.after(5 * time.Minute)
	if !since().Equal(at) {
		t.Errorf("since %v, want %v", since(), at)
	}
	f.level["m"] = 1
	f.after(5 * time.Minute)
	if !since().IsZero() {
		t.Errorf("seen, and since %v", since())
	}
}
