package group_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/alert"
	"freshet/alert/group"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var begin = time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)

// A river: up and side meet at mid, which drains to low and the mouth. The gauge w
// rains above up, by the sub-basin that names it, and v stands next to side's. Far
// is on a river that meets the mouth.
const river = `catalog: {name: t, title: T}
profiles:
  - {id: slow, parameters: [{variable: water_level, every: 5m}]}
stations:
  - {id: up, name: {zh: 上, en: Up}, department: hydrology, kind: level, basin: b, river: 锦江, at: [112, 22], zone: UTC, datum: STATION, profile: slow}
  - {id: side, name: {zh: 支, en: Side}, department: hydrology, kind: level, basin: b, river: 支水, at: [112.5, 22], zone: UTC, datum: STATION, profile: slow}
  - {id: mid, name: {zh: 中, en: Mid}, department: hydrology, kind: level, basin: b, river: 锦江, at: [112, 22], zone: UTC, datum: STATION, profile: slow}
  - {id: low, name: {zh: 下, en: Low}, department: hydrology, kind: level, basin: b, river: 锦江, at: [112, 22], zone: UTC, datum: PEARL_RIVER, profile: slow}
  - {id: mate, name: {zh: 伴, en: Mate}, department: water_resources, kind: level, basin: b, river: 锦江, at: [112, 22], zone: UTC, datum: PEARL_RIVER, profile: slow}
  - {id: mouth, name: {zh: 口, en: Mouth}, department: hydrology, kind: level, basin: b, river: 锦江, at: [112, 22], zone: UTC, datum: STATION, profile: slow}
  - {id: far, name: {zh: 远, en: Far}, department: hydrology, kind: level, basin: b, river: 他河, at: [113, 22], zone: UTC, datum: STATION, profile: slow}
  - {id: w, name: {zh: 雨, en: Rainy}, department: weather, kind: rain, basin: b, at: [113, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}
  - {id: v, name: {zh: 云, en: Cloudy}, department: weather, kind: rain, basin: b, at: [112.5, 22.01], zone: UTC, parameters: [{variable: rain, every: 5m}]}
sites:
  - {id: s, name: S, stations: [low, mate], authority: {water_level: low}}
basins:
  - id: b
    name: {zh: 潭江, en: Tanjiang}
    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}
    nodes: [{id: n1, name: N, gauge: up}, {id: n2, name: N, gauge: side}, {id: n3, name: N, gauge: mid}, {id: n4, name: N, gauge: low}, {id: n5, name: N, gauge: mouth}, {id: n6, name: N, gauge: far}]
    reaches:
      - {id: r1, from: n1, to: n3, length: 10, k: 2h, x: 0.2}
      - {id: r2, from: n2, to: n3, length: 10, k: 2h, x: 0.2}
      - {id: r3, from: n3, to: n4, length: 10, k: 2h, x: 0.2}
      - {id: r4, from: n4, to: n5, length: 10, k: 2h, x: 0.2}
      - {id: r5, from: n6, to: n5, length: 10, k: 2h, x: 0.2}
    sub_basins:
      - {id: c1, name: C, node: n1, area: 100, centre: [112, 22], gauges: [w]}
      - {id: c2, name: C, node: n2, area: 100, centre: [112.5, 22]}
stage_tables:
  - {station: up, valid_from: 2026-01-01, datum: STATION, source: t, thresholds: [{variable: water_level, blue: 1, yellow: 2, orange: 3, red: 4}]}
  - {station: low, valid_from: 2026-01-01, datum: PEARL_RIVER, source: t, thresholds: [{variable: water_level, yellow: 2}]}
  - {station: mouth, valid_from: 2026-01-01, datum: STATION, source: t, thresholds: [{variable: water_level, blue: 1}]}
`

var stations = []string{"far", "low", "mate", "mid", "mouth", "side", "up", "v", "w"}

func compile(tb testing.TB) *group.Rules {
	tb.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(river)}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	r, err := group.Compile(c, "b")
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// A walk steps the rules through time and keeps what they told.
type walk struct {
	tb       testing.TB
	rules    *group.Rules
	state    group.State
	now      time.Time
	at       map[string]alert.Standing
	forecast *hydro.Forecast
	told     []hydro.GroupChange
}

func newWalk(tb testing.TB) *walk {
	return &walk{tb: tb, rules: compile(tb), now: begin, at: map[string]alert.Standing{}}
}

func (w *walk) standings() []alert.Standing {
	var out []alert.Standing
	for _, id := range stations {
		s := w.at[id]
		s.Station = id
		out = append(out, s)
	}
	return out
}

// step moves on by d after the changes, "station=stage" or "station=blind cause",
// and returns what was told and the group of the warning of each change.
func (w *walk) step(d time.Duration, changes ...string) (told []hydro.GroupChange, groups []string) {
	w.tb.Helper()
	w.now = w.now.Add(d)
	var warnings []hydro.Warning
	for _, c := range changes {
		id, to, _ := strings.Cut(c, "=")
		to, cause, _ := strings.Cut(to, " ")
		stage, err := hydro.ParseStage(to)
		if err != nil || !slices.Contains(stations, id) {
			w.tb.Fatalf("%q: %v", c, err)
		}
		s := w.at[id]
		warnings = append(warnings, hydro.Warning{Station: id, At: w.now, From: s.Stage, To: stage})
		s.Stage, s.Cause = stage, cause
		w.at[id] = s
	}
	w.state, told = w.rules.Step(w.state, group.Evidence{Now: w.now, Stations: w.standings(), Forecast: w.forecast}, warnings)
	w.told = append(w.told, told...)
	for _, x := range warnings {
		groups = append(groups, x.Group)
	}
	return told, groups
}

// open lists the open groups of a kind as "first station: members that stand".
func (w *walk) open(kind hydro.GroupKind) string {
	var out []string
	for _, g := range w.state.Groups {
		if g.Kind != kind || !g.ClosedAt.IsZero() {
			continue
		}
		var in []string
		for _, m := range g.Members {
			if m.LeftAt.IsZero() {
				in = append(in, m.Station)
			}
		}
		out = append(out, g.ID[strings.LastIndex(g.ID, "/")+1:]+": "+strings.Join(in, " "))
	}
	return strings.Join(out, "; ")
}

func TestWhoIsInWhichWave(t *testing.T) {
	const day = 24 * time.Hour
	type move struct {
		after   time.Duration
		changes string
		want    string // open waves then
	}
	for _, c := range []struct {
		name  string
		moves []move
	}{
		{"a wave runs from the headwater to the mouth", []move{
			{0, "up=blue", "up: up"},
			{time.Hour, "mid=blue", "up: mid up"},
			{time.Hour, "low=yellow mate=blue up=clear", "up: low mate mid"},
			{3 * time.Hour, "mouth=blue mid=clear low=clear mate=clear", "up: mouth"},
		}},
		{"rain opens the wave that it feeds", []move{{0, "w=blue", "w: w"}, {time.Hour, "up=blue", "w: up w"}, {time.Hour, "v=blue side=blue", "w: side up v w"}}},
		{"tributaries that rise in one storm are one wave", []move{{0, "up=blue", "up: up"}, {time.Hour, "side=blue", "up: side up"}}},
		{"a forecast may warn the mouth first", []move{{0, "mouth=blue", "mouth: mouth"}, {time.Hour, "up=blue", "mouth: mouth up"}}},
		{"a new rise is a new wave while the old one is at the mouth", []move{
			{0, "up=blue", "up: up"},
			{time.Hour, "mouth=blue", "up: mouth up"},
			{time.Hour, "up=clear", "up: mouth"},
			{2 * time.Hour, "up=blue", "up: mouth; up: up"},
			{time.Hour, "mid=blue", "up: mouth; up: mid up"}, // it came down from up
			{time.Hour, "mouth=red", "up: mouth; up: mid up"},
			{time.Hour, "mouth=clear", "up: ; up: mid up"},
			{2 * time.Hour, "mouth=blue", "up: mid mouth up"},
		}},
		{"who rises again within the hour is in the same wave", []move{
			{0, "up=blue mouth=blue", "up: mouth up"}, {time.Hour, "up=clear", "up: mouth"}, {time.Hour, "up=blue", "up: mouth up"},
		}},
		{"all back for an hour is the end", []move{
			{0, "up=blue", "up: up"}, {time.Hour, "up=clear", "up: "}, {59 * time.Minute, "", "up: "}, {time.Minute, "", ""}, {time.Minute, "up=blue", "up: up"},
		}},
		{"who was in the wave is in it again if it comes down once more", []move{
			{0, "up=blue low=blue", "up: low up"}, {time.Hour, "low=clear", "up: up"}, {5 * time.Hour, "low=blue", "up: low up"},
		}},
		{"an old wave at the mouth takes no new storm", []move{{0, "mouth=blue", "mouth: mouth"}, {day + time.Minute, "up=blue", "mouth: mouth; up: up"}}},
		{"rain that stands for days is not upstream", []move{
			{0, "w=blue", "w: w"}, {time.Hour, "up=blue", "w: up w"}, {time.Hour, "up=clear", "w: w"}, {day, "up=blue", "w: w; up: up"},
		}},
		{"who goes blind holds the wave open", []move{
			{0, "up=blue", "up: up"},
			{time.Hour, "up=blind silent since 06-08 09:00", "up: up"},
			{5 * time.Hour, "", "up: up"},
			{time.Hour, "up=clear", "up: "},
			{time.Hour, "", ""},
		}},
		{"but not for ever", []move{
			{0, "up=blue", "up: up"}, {time.Hour, "up=blind silent since 06-08 09:00", "up: up"}, {day, "", "up: "}, {time.Hour, "", ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWalk(t)
			for i, m := range c.moves {
				changes := strings.Fields(m.changes)
				if strings.Contains(m.changes, "silent") {
					changes = []string{m.changes}
				}
				if w.step(m.after, changes...); w.open(hydro.WaveGroup) != m.want {
					t.Fatalf("move %d, %s: %q, want %q", i, m.changes, w.open(hydro.WaveGroup), m.want)
				}
			}
		})
	}
}

func TestAnOutageIsOneItem(t *testing.T) {
	w := newWalk(t)
	told, groups := w.step(0, "up=blind silent since 06-08 07:50", "mid=blind silent since 06-08 07:50", "low=blind silent since 06-08 07:50", "side=blind refused: datum_mismatch: x", "w=blind silent since 06-08 07:50")
	if got, want := w.open(hydro.BlindGroup), "low: low mid up; side: side; w: w"; got != want {
		t.Fatalf("groups %q, want %q", got, want)
	}
	if len(told) != 3 {
		t.Fatalf("%d items, want 3", len(told))
	}
	if groups[0] != groups[1] || groups[0] != groups[2] || groups[0] == groups[3] || groups[0] == groups[4] || groups[3] == groups[4] {
		t.Errorf("warnings are in the groups %q", groups)
	}
	if got, want := told[0].TextZH, "水文失明（无数据）：3 站，08:00 起：上、中、下。"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := told[0].TextEN, "Hydrology blind (silent): 3 stations since 08:00: Up, Mid, Low."; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w.step(2*time.Hour, "far=blind silent since 06-08 09:50")
	if got, want := w.open(hydro.BlindGroup), "low: low mid up; side: side; w: w; far: far"; got != want {
		t.Errorf("two hours later: %q, want %q", got, want)
	}
	if told, _ = w.step(time.Hour, "up=clear", "mid=clear", "low=clear"); len(told) != 0 {
		t.Errorf("all seen again, which may not last: %+v", told)
	}
	w.step(group.Seen-time.Minute, "up=blind silent since 06-08 11:00")
	w.step(time.Minute, "up=clear")
	told, _ = w.step(group.Seen)
	if len(told) != 1 || told[0].Event != hydro.GroupClosed || told[0].Stage != hydro.Clear || told[0].Standing != 0 || told[0].Count != 3 {
		t.Errorf("all seen for a quarter of an hour: %+v", told)
	}
}

func TestOneThatGoesBlindInAWaveIsInBoth(t *testing.T) {
	w := newWalk(t)
	_, first := w.step(0, "up=orange")
	told, groups := w.step(time.Hour, "up=orange silent since 06-08 08:50")
	if groups[0] != first[0] {
		t.Errorf("the warning is in %s, its wave is %s", groups[0], first[0])
	}
	if len(told) != 1 || told[0].Kind != hydro.BlindGroup || !strings.Contains(told[0].TextZH, "1 站预警未解除") {
		t.Errorf("%+v", told)
	}
	_, groups = w.step(time.Hour, "up=blind silent since 06-08 08:50")
	if groups[0] != first[0] || w.open(hydro.WaveGroup) != "up: up" {
		t.Errorf("blind: the warning is in %s; waves %s", groups[0], w.open(hydro.WaveGroup))
	}
	now := w.rules.Groups(w.state, nil, w.now)
	if now[0].Kind != hydro.BlindGroup && now[0].Stage != hydro.Blind {
		t.Errorf("with nobody in sight: %+v", now)
	}
	for _, g := range now {
		if g.Kind == hydro.WaveGroup && (g.Stage != hydro.Blind || g.Standing != 1 || !strings.Contains(g.TextZH, "1 站失明")) {
			t.Errorf("a wave of which nobody sees anything: %+v", g)
		}
	}
	w.step(24 * time.Hour)
	told, _ = w.step(time.Hour)
	if len(told) != 1 || told[0].Event != hydro.GroupClosed || !strings.Contains(told[0].TextZH, "其中 1 站失明，未见回落") {
		t.Errorf("closed over a blind station: %+v", told)
	}
}

func run(issued time.Time, valid time.Duration, stations ...hydro.StationForecast) *hydro.Forecast {
	return &hydro.Forecast{Basin: "b", IssuedAt: issued, ValidUntil: issued.Add(valid), Step: time.Hour, Stations: stations}
}

func TestArrivalsAreObservedOrForecast(t *testing.T) {
	w := newWalk(t)
	hour := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }
	mouth := hydro.StationForecast{
		Station: "mouth", Datum: hydro.StationDatum, Peak: hydro.Peak{At: hour(12), Level: 1.8, Discharge: 300},
		Crossings: []hydro.Crossing{{Stage: hydro.Blue, Variable: hydro.WaterLevel, Threshold: 1, At: hour(9)}, {Stage: hydro.Yellow, Variable: hydro.WaterLevel, Threshold: 2}},
	}
	up := hydro.StationForecast{
		Station: "up", Datum: hydro.StationDatum, Peak: hydro.Peak{At: hour(3), Level: 3.5},
		Crossings: []hydro.Crossing{{Stage: hydro.Blue, Variable: hydro.WaterLevel, Threshold: 1, At: hour(-1)}, {Stage: hydro.Orange, Variable: hydro.WaterLevel, Threshold: 3, At: hour(2)}},
	}
	w.forecast = run(begin, 2*time.Hour, mouth, up)
	w.at["up"] = alert.Standing{Variable: hydro.WaterLevel, Value: 2.5, At: begin, Reached: [4]time.Time{begin.Add(-20 * time.Minute), begin}}
	told, _ := w.step(0, "up=yellow")
	if len(told) != 1 {
		t.Fatalf("%d items", len(told))
	}
	got := told[0]
	want := []hydro.GroupStation{
		{
			Station: "up", Stage: hydro.Yellow, Highest: hydro.Yellow, JoinedAt: begin, PeakAt: hour(3), PeakValue: 3.5, PeakVariable: hydro.WaterLevel,
			Arrivals: []hydro.GroupArrival{{Stage: hydro.Blue, At: begin.Add(-20 * time.Minute), Observed: true}, {Stage: hydro.Yellow, At: begin, Observed: true}, {Stage: hydro.Orange, At: hour(2)}},
		},
		{
			Station: "mouth", PeakAt: hour(12), PeakValue: 1.8, PeakVariable: hydro.WaterLevel,
			Arrivals: []hydro.GroupArrival{{Stage: hydro.Blue, At: hour(9)}},
		},
	}
	if diff := cmp.Diff(want, got.Stations); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.TextZH != "锦江洪水波：1 站预警，最高黄色（上）；08:00 实测到 上（黄色）；预计 10:00 到 上（橙色）、17:00 到 口（蓝色）。" {
		t.Error(got.TextZH)
	}
	if got.TextEN != "Tanjiang: flood wave: 1 station warned, highest YELLOW (Up); observed at Up 08:00 (YELLOW); expected at Up 10:00 (ORANGE), Mouth 17:00 (BLUE)." {
		t.Error(got.TextEN)
	}

	// The peak passes; what was observed stands, and the run expires.
	w.at["up"] = alert.Standing{Stage: hydro.Yellow, Variable: hydro.WaterLevel, Value: 2.2, At: hour(2)}
	w.step(2 * time.Hour)
	g := w.rules.Groups(w.state, w.forecast, w.now)[0]
	want = []hydro.GroupStation{{
		Station: "up", Stage: hydro.Yellow, Highest: hydro.Yellow, JoinedAt: begin, PeakAt: begin, PeakValue: 2.5, PeakVariable: hydro.WaterLevel, PeakObserved: true,
		Arrivals: want[0].Arrivals[:2],
	}}
	if diff := cmp.Diff(want, g.Stations); diff != "" {
		t.Errorf("expired (-want +got):\n%s", diff)
	}
	if !g.ForecastIssuedAt.IsZero() {
		t.Errorf("the times are said to be of the run of %s, which has expired", g.ForecastIssuedAt)
	}

	// A new run moves the mouth by two hours, which alone is news, but not urgent.
	mouth.Crossings[0].At = hour(11)
	w.forecast = run(hour(2), 2*time.Hour, mouth)
	if told, _ = w.step(time.Minute); len(told) != 1 || told[0].Event != hydro.GroupExtended || !strings.Contains(told[0].TextZH, "预计 19:00 到 口") {
		t.Errorf("moved: %+v", told)
	}
	mouth.Crossings[0].At = hour(14)
	w.forecast = run(hour(2).Add(5*time.Minute), 2*time.Hour, mouth)
	if told, _ = w.step(10 * time.Minute); len(told) != 0 {
		t.Errorf("moved again after 10 min: %+v", told)
	}
	if told, _ = w.step(20 * time.Minute); len(told) != 1 || told[0].Event != hydro.GroupExtended {
		t.Errorf("moved again after 30 min: %+v", told)
	}
}

func TestTheFirstOrangeAndTheFirstRedAreToldAtOnce(t *testing.T) {
	w := newWalk(t)
	for i, stage := range []string{"yellow", "orange", "red"} {
		told, _ := w.step(time.Second, "up="+stage)
		if len(told) != 1 || told[0].Stage.String() != stage {
			t.Fatalf("%s: %+v", stage, told)
		}
		if want := []hydro.GroupEvent{hydro.GroupOpened, hydro.GroupRaised, hydro.GroupRaised}[i]; told[0].Event != want {
			t.Errorf("%s was %s, want %s", stage, told[0].Event, want)
		}
	}
	if told, _ := w.step(time.Second, "mid=red"); len(told) != 0 {
		t.Errorf("the second red within a second of the first: %+v", told)
	}
	told, _ := w.step(group.Every)
	if len(told) != 1 || told[0].Event != hydro.GroupExtended || told[0].Standing != 2 {
		t.Errorf("when there was time: %+v", told)
	}
}

// urgent reports whether an item may not wait: it is the first that tells of a
// wave's orange or red.
func urgent(g *hydro.GroupChange, highest map[string]hydro.Stage) bool {
	is := g.Kind == hydro.WaveGroup && g.Highest >= hydro.Orange && g.Highest > highest[g.ID]
	highest[g.ID] = g.Highest
	return is
}

func drawStanding(t *rapid.T, id string) alert.Standing {
	causes := []string{"silent since 06-08 08:00", "quality: stuck", "never reported", "refused: datum_mismatch: x"}
	s := alert.Standing{Station: id, Stage: rapid.SampledFrom(hydro.Stages).Draw(t, "stage")}
	if s.Stage == hydro.Blind || s.Stage > hydro.Clear && rapid.IntRange(0, 5).Draw(t, "unseen") == 0 {
		s.Cause = rapid.SampledFrom(causes).Draw(t, "cause")
	}
	return s
}

func TestPropertiesOfGroups(t *testing.T) {
	rules := compile(t)
	rapid.Check(t, func(t *rapid.T) {
		var (
			s       group.State
			at      = make([]alert.Standing, len(stations))
			now     = begin
			told    []hydro.GroupChange
			hurried []bool
			highest = map[string]hydro.Stage{}
		)
		for i, id := range stations {
			at[i].Station = id
		}
		step := func(warnings []hydro.Warning) {
			before := packed(t, s)
			next, out := rules.Step(s, group.Evidence{Now: now, Stations: at}, warnings)
			if !bytes.Equal(before, packed(t, s)) {
				t.Fatal("the state that went in was written to")
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				next = unpacked(t, packed(t, next))
			}
			s = next
			for i := range out {
				told, hurried = append(told, out[i]), append(hurried, urgent(&out[i], highest))
			}
			checkMembers(t, &s, at)
			for i := range s.Groups { // the first orange and red never wait
				if g := &s.Groups[i]; g.Kind == hydro.WaveGroup && g.Highest >= hydro.Orange && highest[g.ID] != g.Highest {
					t.Fatalf("%s: %s stands at %s and was told at %s", now, g.ID, g.Highest, highest[g.ID])
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 50 * time.Minute, 3 * time.Hour, 26 * time.Hour}).Draw(t, "step"))
			var warnings []hydro.Warning
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				i := rapid.IntRange(0, len(at)-1).Draw(t, "station")
				if slices.ContainsFunc(warnings, func(w hydro.Warning) bool { return w.Station == at[i].Station }) {
					continue
				}
				old := at[i]
				at[i] = drawStanding(t, at[i].Station)
				if old.Stage != at[i].Stage || (old.Cause == "") != (at[i].Cause == "") {
					warnings = append(warnings, hydro.Warning{Station: at[i].Station, At: now, From: old.Stage, To: at[i].Stage})
				}
			}
			step(warnings)
			for _, w := range warnings {
				n := 0
				for i := range s.Groups {
					g := &s.Groups[i]
					if g.ID == w.Group && (g.ClosedAt.IsZero() || g.ClosedAt.Equal(now)) {
						n++
					}
				}
				if n != 1 {
					t.Fatalf("%s of %s %s to %s belongs to %q, %d open groups", now, w.Station, w.From, w.To, w.Group, n)
				}
			}
		}
		checkPace(t, told, hurried)
		for range 40 { // nothing changes: what has waited is told
			now = now.Add(time.Minute)
			step(nil)
		}
		last := map[string]hydro.GroupChange{}
		for _, g := range told {
			last[g.ID] = g
		}
		for _, g := range rules.Groups(s, nil, now) {
			l, ok := last[g.ID]
			if !ok || l.Stage != g.Stage || l.Highest != g.Highest || l.Standing != g.Standing || l.Count != g.Count || l.Closed() != g.Closed() {
				t.Fatalf("%s was last told as %s %d of %d, closed %t, and is %s %d of %d, closed %t",
					g.ID, l.Stage, l.Standing, l.Count, l.Closed(), g.Stage, g.Standing, g.Count, g.Closed())
			}
		}
	})
}

// checkMembers finds each station that is warned or blind in one open group of that
// kind, and no other.
func checkMembers(t *rapid.T, s *group.State, at []alert.Standing) {
	t.Helper()
	in := map[string]int{}
	for i := range s.Groups {
		g := &s.Groups[i]
		for j := range g.Members {
			if m := &g.Members[j]; g.ClosedAt.IsZero() && m.LeftAt.IsZero() {
				in[fmt.Sprint(g.Kind, " ", m.Station)]++
			}
		}
	}
	for _, st := range at {
		wave, blind := in["wave "+st.Station], in["blind "+st.Station]
		up := st.Stage >= hydro.Blue && st.Stage <= hydro.Red
		if up && wave != 1 || st.Stage == hydro.Clear && wave != 0 || wave > 1 {
			t.Fatalf("%s stands at %s and in %d waves", st.Station, st.Stage, wave)
		}
		if want := map[bool]int{true: 1}[st.Cause != ""]; blind != want {
			t.Fatalf("%s has the cause %q and is in %d blind groups", st.Station, st.Cause, blind)
		}
	}
}

// checkPace finds no window with too many items, but for those that may not wait.
func checkPace(t *rapid.T, told []hydro.GroupChange, hurried []bool) {
	t.Helper()
	first := 0
	for i := range told {
		for told[i].At.Sub(told[first].At) >= group.Window {
			first++
		}
		all, urgent := i-first+1, 0
		for _, h := range hurried[first : i+1] {
			if h {
				urgent++
			}
		}
		if all > group.MaxItems && !hurried[i] || all-urgent > group.MaxItems-2 {
			t.Fatalf("%d items, %d of them urgent, in the 10 minutes to %s", all, urgent, told[i].At)
		}
	}
}

func packed(t *rapid.T, s group.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(t *rapid.T, data []byte) group.State {
	t.Helper()
	var s group.State
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestABasinThatIsNotThereIsAnError(t *testing.T) {
	if _, err := group.Compile(&catalog.Catalog{}, "b"); err == nil {
		t.Error("compiled")
	}
}
