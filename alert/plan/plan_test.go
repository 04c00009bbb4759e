package plan_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/alert/plan"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var update = flag.Bool("update", false, "write the golden log anew")

const base = `catalog: {name: drill, title: Drill}
departments:
  - {id: hydrology, name: {zh: 水文, en: Hydrology}}
stations:
  - {id: a, name: {zh: 甲站, en: A}, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
  - {id: c, name: {zh: 丙站, en: C}, department: hydrology, kind: level, basin: b, at: [112.1, 22], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
stage_tables:
  - {station: a, valid_from: 2026-01-01, datum: STATION, thresholds: [{variable: water_level, blue: 3, yellow: 4, orange: 5, red: 6}]}
  - {station: c, valid_from: 2026-01-01, datum: STATION, thresholds: [{variable: water_level, blue: 3, yellow: 4, orange: 5, red: 6}]}
basins:
  - id: b
    name: B
    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}
    nodes:
      - {id: upper, name: U, gauge: a}
      - {id: lower, name: L, gauge: c}
    reaches:
      - {id: r1, from: upper, to: lower, length: 10, k: 2h, x: 0.2}
    sub_basins:
      - {id: s1, name: S1, node: upper, area: 100, centre: [112, 22]}
`

const plans = `
people:
  - {id: p1, name: {zh: 示例甲, en: Example A}, department: water_resources, phones: ["000-01"], illustrative: true}
plans:
  - id: water
    name: {zh: 水利响应, en: water response}
    body: {zh: 水利局, en: water bureau}
    department: water_resources
    basin: b
    illustrative: true
    levels:
      - level: III
        when: [{stage: orange}, {stage: yellow, count: 2}]
        measures:
          - {id: pump, name: {zh: 调泵, en: move pumps}, owner: {department: water_resources, person: p1}, within: 1h, steps: [{zh: 装车, en: load}], evidence: {zh: 照片, en: photo}}
          - {id: gauge, name: {zh: 加测, en: extra gaugings}, owner: {department: hydrology}, within: 30m}
      - level: IV
        when: [{stage: blue, stations: [a]}]
        measures:
          - {id: duty, name: {zh: 加强值班, en: more people on duty}, owner: {department: water_resources}, within: 20m}
          - {id: report, name: {zh: 日报, en: daily report}, owner: {department: water_resources}}
  - id: weather
    name: {zh: 气象响应, en: weather response}
    body: {zh: 气象局, en: weather bureau}
    department: weather
    basin: b
    levels:
      - level: II
        when: [{stage: red}]
`

func compile(t testing.TB, text string) *plan.Rules {
	t.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "a.yaml", Data: []byte(base)}, {Name: "plans.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	r, err := plan.Compile(c, "b")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var zone = time.FixedZone("", 8*3600)

var start = time.Date(2026, 6, 9, 3, 0, 0, 0, zone).UTC()

func warn(station string, at time.Time, from, to hydro.Stage) hydro.Warning {
	return hydro.Warning{ID: station + at.String(), Basin: "b", Station: station, At: at, From: from, To: to}
}

var (
	water   = hydro.Person{ID: "o1", Name: "Example O", Department: hydro.WaterResources, Role: "officer"}
	gauger  = hydro.Person{ID: "o2", Name: "Example P", Department: hydro.Hydrology, Role: "officer"}
	weather = hydro.Person{ID: "o3", Name: "Example Q", Department: hydro.Weather, Role: "officer"}
	admin   = hydro.Person{ID: "o4", Name: "Example R", Role: "admin"}
)

func TestWalkThroughAFlood(t *testing.T) {
	r := compile(t, plans)
	var s plan.State
	var log strings.Builder
	warnings := map[string][]hydro.Warning{
		"03:00": {warn("a", start, hydro.Clear, hydro.Yellow)},
		"03:10": {warn("c", start.Add(10*time.Minute), hydro.Clear, hydro.Blind)},
		"03:30": {warn("c", start.Add(30*time.Minute), hydro.Blind, hydro.Yellow)},
		"04:00": {warn("c", start.Add(60*time.Minute), hydro.Yellow, hydro.Blind)}, // no all-clear
		"06:00": {warn("a", start.Add(3*time.Hour), hydro.Yellow, hydro.Blue)},
		"07:00": {warn("a", start.Add(4*time.Hour), hydro.Blue, hydro.Clear)},
	}
	commands := map[string][]hydro.Command{
		"03:05": {{Kind: hydro.Declare, Response: "water/IV", By: water}},
		"03:15": {{Kind: hydro.MeasureStart, Response: "water", Measure: "duty", By: water}},
		"03:27": {{Kind: hydro.MeasureDone, Response: "water", Measure: "duty", By: water, Text: "4 people in the room"}},
		"03:40": {{Kind: hydro.Declare, Response: "water/III", By: water, Text: "consultation of 03:35"}},
		"03:50": {{Kind: hydro.MeasureStart, Response: "water", Measure: "gauge", By: gauger}},
		"04:05": {{Kind: hydro.MeasureDone, Response: "water", Measure: "gauge", By: gauger}},
		"06:10": {{Kind: hydro.Declare, Response: "water/IV", By: water}},
		"07:10": {{Kind: hydro.StandDown, Response: "water", By: water}},
	}
	for at := start; !at.After(start.Add(5 * time.Hour)); at = at.Add(time.Minute) {
		clock := at.In(zone).Format("15:04")
		var events []hydro.DutyEvent
		s, events = r.Step(s, at, warnings[clock])
		note(&log, events)
		for _, c := range commands[clock] {
			c.At = at
			var err error
			if s, events, err = r.Do(s, c); err != nil {
				t.Fatalf("%s: %v", clock, err)
			}
			note(&log, events)
		}
	}
	file := filepath.Join("testdata", "flood.txt")
	if *update {
		if err := os.WriteFile(file, []byte(log.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(log.String(), "\n")); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func note(b *strings.Builder, events []hydro.DutyEvent) {
	for _, e := range events {
		fmt.Fprintf(b, "%s %s | %s | %s\n", e.At.In(zone).Format("15:04"), e.Kind, e.TextEN, e.TextZH)
	}
}

func stored(t interface{ Fatal(...any) }, s plan.State) plan.State {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	var out plan.State
	if err := gob.NewDecoder(&b).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Drawn floods with drawn officers: the ladder moves by declarations alone, no
// clock is lost, nothing is told twice, and a replay over stored states is equal.
func TestPlanProperties(t *testing.T) {
	r := compile(t, plans)
	rapid.Check(t, func(t *rapid.T) {
		var s, again plan.State
		stage := map[string]hydro.Stage{}
		declared := map[string]string{} // by the log alone
		type clock struct {
			deadline time.Time
			late     bool
		}
		open := map[string]*clock{} // "plan/measure" still to be done, by the log alone
		at := start
		note := func(events []hydro.DutyEvent, command bool) {
			for _, e := range events {
				k := e.Response + "/" + e.Measure
				switch e.Kind {
				case plan.Declared, plan.StoodDown:
					if !command {
						t.Fatalf("the service declared: %s", e.TextEN)
					}
					if e.From != declared[e.Response] || e.From == e.To {
						t.Fatalf("%s goes from %q to %q, stood at %q", e.Response, e.From, e.To, declared[e.Response])
					}
					declared[e.Response] = e.To
				case plan.Proposed:
					if command {
						t.Fatalf("a command proposed: %s", e.TextEN)
					}
				case plan.Opened:
					open[k] = &clock{deadline: e.Until}
				case plan.Finished, plan.Closed:
					if open[k] == nil {
						t.Fatalf("%s ends and was not open", k)
					}
					delete(open, k)
				case plan.Late:
					if open[k] == nil || open[k].late || !at.After(open[k].deadline) {
						t.Fatalf("%s is told late at %s: %+v", k, at, open[k])
					}
					open[k].late = true
				}
			}
		}
		for i := range rapid.IntRange(1, 24).Draw(t, "steps") {
			at = at.Add(rapid.SampledFrom([]time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, 20 * time.Minute}).Draw(t, "gap"))
			var warnings []hydro.Warning
			for _, id := range []string{"a", "c"} {
				if to := rapid.SampledFrom(hydro.Stages).Draw(t, "to"); to != stage[id] && rapid.Bool().Draw(t, "changes") {
					warnings = append(warnings, warn(id, at, stage[id], to))
					stage[id] = to
				}
			}
			before := s
			var was plan.State
			if i%8 == 0 {
				was = stored(t, s)
				again = stored(t, again)
			}
			var events, replayed []hydro.DutyEvent
			s, events = r.Step(s, at, warnings)
			again, replayed = r.Step(again, at, warnings)
			note(events, false)
			if rapid.Bool().Draw(t, "acts") {
				c := hydro.Command{
					ID: fmt.Sprint(i), At: at,
					Kind:     rapid.SampledFrom([]hydro.CommandKind{hydro.Declare, hydro.Declare, hydro.StandDown, hydro.MeasureStart, hydro.MeasureDone, hydro.MeasureDone, hydro.MeasureNote}).Draw(t, "kind"),
					Response: rapid.SampledFrom([]string{"water/IV", "water/III", "water", "weather/II", "water/II", "other/I"}).Draw(t, "response"),
					Measure:  rapid.SampledFrom([]string{"duty", "pump", "gauge", "report", "none"}).Draw(t, "measure"),
					By:       rapid.SampledFrom([]hydro.Person{water, water, gauger, weather, admin}).Draw(t, "by"),
					Text:     rapid.SampledFrom([]string{"", "said"}).Draw(t, "text"),
				}
				next, told, err := r.Do(s, c)
				var twice error
				var more []hydro.DutyEvent
				again, more, twice = r.Do(again, c)
				if fmt.Sprint(err) != fmt.Sprint(twice) {
					t.Fatalf("%v, and %v in the replay", err, twice)
				}
				if err != nil && (len(told) > 0 || cmp.Diff(s, next, cmpopts.EquateEmpty()) != "") {
					t.Fatalf("a refused command changed something: %v", err)
				}
				s = next
				note(told, true)
				events, replayed = append(events, told...), append(replayed, more...)
			}
			if diff := cmp.Diff(events, replayed); diff != "" {
				t.Fatalf("the replay differs:\n%s", diff)
			}
			if i%8 == 0 {
				if diff := cmp.Diff(was, stored(t, before), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("a step changed the state it was given:\n%s", diff)
				}
			}
			for _, x := range r.Responses(s) {
				if x.Declared.String() != declared[x.Plan] {
					t.Fatalf("%s stands at %q, the log says %q", x.Plan, x.Declared, declared[x.Plan])
				}
				for _, m := range x.Measures {
					c := open[x.Plan+"/"+m.ID]
					running := m.State == hydro.MeasureOpened || m.State == hydro.MeasureBegun
					if running != (c != nil) {
						t.Fatalf("measure %s is %s, by the log open: %v", m.ID, m.State, c != nil)
					}
					if running && !m.Deadline.Equal(c.deadline) {
						t.Fatalf("measure %s is due %s, the log says %s", m.ID, m.Deadline, c.deadline)
					}
					if running && !c.deadline.IsZero() && at.After(c.deadline) != c.late {
						t.Fatalf("%s: measure %s due %s: told late %v", at, m.ID, c.deadline, c.late)
					}
				}
			}
		}
	})
}

// proposed runs one tick with the stations at these stages.
func proposed(t *testing.T, r *plan.Rules, stages map[string]hydro.Stage) map[string]string {
	t.Helper()
	var w []hydro.Warning
	for _, id := range []string{"a", "c"} {
		if stages[id] != hydro.Clear {
			w = append(w, warn(id, start, hydro.Clear, stages[id]))
		}
	}
	s, _ := r.Step(plan.State{}, start, w)
	out := map[string]string{}
	for _, x := range r.Responses(s) {
		out[x.Plan] = x.Proposed.String()
	}
	return out
}

func TestEachBodyHasALadderOfItsOwn(t *testing.T) {
	r := compile(t, plans)
	for _, c := range []struct {
		a, c           hydro.Stage
		water, weather string
	}{
		{hydro.Clear, hydro.Clear, "", ""},
		{hydro.Blue, hydro.Clear, "IV", ""},
		{hydro.Clear, hydro.Blue, "", ""}, // IV looks at station a alone
		{hydro.Yellow, hydro.Clear, "IV", ""},
		{hydro.Yellow, hydro.Yellow, "III", ""},
		{hydro.Clear, hydro.Orange, "III", ""},
		{hydro.Red, hydro.Clear, "III", "II"}, // the highest that the plan has
		{hydro.Blind, hydro.Blind, "", ""},    // blindness proposes nothing by itself
	} {
		got := proposed(t, r, map[string]hydro.Stage{"a": c.a, "c": c.c})
		if diff := cmp.Diff(map[string]string{"water": c.water, "weather": c.weather}, got); diff != "" {
			t.Errorf("a %s, c %s (-want +got):\n%s", c.a, c.c, diff)
		}
	}
}

func TestRefusals(t *testing.T) {
	r := compile(t, plans)
	s, _ := r.Step(plan.State{}, start, []hydro.Warning{warn("a", start, hydro.Clear, hydro.Orange)})
	do := func(c hydro.Command) {
		t.Helper()
		c.At = start
		var err error
		if s, _, err = r.Do(s, c); err != nil {
			t.Fatal(err)
		}
	}
	do(hydro.Command{Kind: hydro.Declare, Response: "water/III", By: water})
	do(hydro.Command{Kind: hydro.MeasureStart, Response: "water", Measure: "duty", By: water})
	do(hydro.Command{Kind: hydro.MeasureDone, Response: "water", Measure: "report", By: water})
	for _, c := range []struct {
		name string
		cmd  hydro.Command
		want string
	}{
		{"another department's plan", hydro.Command{Kind: hydro.Declare, Response: "water/IV", By: weather, Text: "x"}, "declared by people of water_resources, not of weather"},
		{"of no department", hydro.Command{Kind: hydro.Declare, Response: "water/IV", By: hydro.Person{Name: "x", Role: "officer"}, Text: "x"}, "not of no department"},
		{"the level that stands", hydro.Command{Kind: hydro.Declare, Response: "water/III", By: water}, "level III stands already, declared by Example O"},
		{"another level than proposed, without a reason", hydro.Command{Kind: hydro.Declare, Response: "water/IV", By: water}, "ask for level III: say why IV"},
		{"a level that the plan has not", hydro.Command{Kind: hydro.Declare, Response: "water/I", By: water, Text: "x"}, "has no level I"},
		{"no level", hydro.Command{Kind: hydro.Declare, Response: "water", By: water, Text: "x"}, "say which level"},
		{"no such level", hydro.Command{Kind: hydro.Declare, Response: "water/5", By: water, Text: "x"}, "write IV, III, II or I"},
		{"no such plan", hydro.Command{Kind: hydro.Declare, Response: "fire/I", By: water, Text: "x"}, "no plan \"fire\""},
		{"stand-down of nothing", hydro.Command{Kind: hydro.StandDown, Response: "weather", By: weather}, "no response of plan weather stands"},
		{"stand-down of another level", hydro.Command{Kind: hydro.StandDown, Response: "water/IV", By: water, Text: "x"}, "level III stands, not IV"},
		{"stand-down while a level is proposed, without a reason", hydro.Command{Kind: hydro.StandDown, Response: "water", By: water}, "still ask for level III"},
		{"done without the evidence", hydro.Command{Kind: hydro.MeasureDone, Response: "water", Measure: "pump", By: water}, "wants evidence: photo"},
		{"begun twice", hydro.Command{Kind: hydro.MeasureStart, Response: "water", Measure: "duty", By: water}, "was begun at 06-09 03:00"},
		{"done twice", hydro.Command{Kind: hydro.MeasureDone, Response: "water", Measure: "report", By: water}, "measure report is done since"},
		{"another department's measure", hydro.Command{Kind: hydro.MeasureDone, Response: "water", Measure: "duty", By: gauger}, "measure duty is of water_resources"},
		{"no such measure", hydro.Command{Kind: hydro.MeasureDone, Response: "water", Measure: "x", By: water}, "no measure \"x\""},
		{"an empty note", hydro.Command{Kind: hydro.MeasureNote, Response: "water", Measure: "duty", By: water}, "an empty note"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cmd.At = start
			_, events, err := r.Do(s, c.cmd)
			refused, ok := errors.AsType[*hydro.CommandError](err)
			if !ok || !strings.Contains(refused.EN, c.want) || refused.ZH == "" || len(events) > 0 {
				t.Errorf("%v (%d events), want %q", err, len(events), c.want)
			}
		})
	}
	do(hydro.Command{Kind: hydro.Declare, Response: "water/IV", By: admin, Text: "an admin may"})
	do(hydro.Command{Kind: hydro.MeasureDone, Response: "water", Measure: "duty", By: admin})
}

// A plan that leaves the catalogue while its response stands keeps its clocks, and
// can be stood down.
func TestAPlanThatLeavesLosesNoClock(t *testing.T) {
	r := compile(t, plans)
	s, _, err := r.Do(plan.State{}, hydro.Command{Kind: hydro.Declare, Response: "water/IV", At: start, By: water, Text: "forecast"})
	if err != nil {
		t.Fatal(err)
	}
	none := compile(t, "")
	s, events := none.Step(s, start.Add(time.Hour), nil)
	if !slices.ContainsFunc(events, func(e hydro.DutyEvent) bool { return e.Kind == plan.Late && e.Measure == "duty" }) {
		t.Errorf("no measure is late: %v", events)
	}
	s, _, err = none.Do(s, hydro.Command{Kind: hydro.StandDown, Response: "water", At: start.Add(time.Hour), By: water})
	if err != nil {
		t.Fatal(err)
	}
	s, _ = none.Step(s, start.Add(2*time.Hour), nil)
	if got := none.Responses(s); len(got) > 0 {
		t.Errorf("%v is left", got)
	}
}
