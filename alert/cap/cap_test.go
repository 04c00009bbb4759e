package cap_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/alert/cap"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// schema is the copy of the OASIS schema. It is not committed: where there is
// none, cap's own checks alone are made.
const schema = "../../../shared/data/cap/CAP-v1.2.xsd"

var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

const stations = `catalog: {name: t, title: {zh: 测, en: T}}
departments: [{id: hydrology, name: {zh: 水文, en: Hydrology}}]
profiles: [{id: level, parameters: [{variable: water_level, every: 5m}]}]
stations:
  - {id: a, name: {zh: 甲站, en: A}, department: hydrology, kind: level, basin: b, at: [112, 22], zone: "+08:00", datum: STATION, profile: level, river: 潭江,
     area: [[112, 22], [112.1, 22], [112.1, 22.1], [112, 22.1]]}
  - {id: c, name: {zh: 丙站, en: C}, department: hydrology, kind: level, basin: b, at: [112.1, 22.05], zone: "+08:00", datum: STATION, profile: level}
basins:
  - id: b
    name: B
    settings: {step: 5m, every: 10m}
    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}
    nodes: [{id: upper, name: U, gauge: a}, {id: lower, name: L, gauge: c}]
    reaches: [{id: r, from: upper, to: lower, length: 10, k: 2h, x: 0.2}]
    sub_basins: [{id: s, name: S, node: upper, area: 100, centre: [112, 22]}]
`

// rules compiles the test's catalogue with a cap section.
func rules(t testing.TB, section string) *cap.Rules {
	t.Helper()
	cat, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(stations + "cap:\n  sender: flood@example.org\n  sender_name: {zh: 洪水中心, en: Flood centre}\n" + section)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	r := cap.Compile(cat, "b")
	if r == nil {
		t.Fatal("no rules")
	}
	return r
}

func warning(at time.Time, station string, from, to hydro.Stage) hydro.Warning {
	w := hydro.Warning{
		ID: fmt.Sprintf("b/%s/%s", at.Format("20060102T150405Z"), station), Basin: "b", Station: station, At: at, From: from, To: to,
		ReasonZH: "水位超过阈值", ReasonEN: "level above the threshold",
	}
	if to != hydro.Blind {
		w.Observed = hydro.Leg{Stage: to, Variable: hydro.WaterLevel, Value: 7, Threshold: 6.5, Datum: hydro.StationDatum, At: at}
	}
	return w
}

func person(id, name string) hydro.Person {
	return hydro.Person{ID: id, Name: name, Department: hydro.Hydrology, Role: "officer"}
}

func approve(id string, by hydro.Person) hydro.Command {
	return hydro.Command{ID: "c", Basin: "b", Kind: hydro.Approve, Message: id, By: by}
}

func newest(t testing.TB, s cap.State) *cap.Message {
	t.Helper()
	if len(s.Messages) == 0 {
		t.Fatal("no message")
	}
	return &s.Messages[len(s.Messages)-1]
}

func TestALifeOfAWarningInMessages(t *testing.T) {
	r := rules(t, "  status: Actual\n  automatic: [blue, yellow]\n  instructions: {red: {zh: 撤离低洼地, en: Leave low ground}}\n")
	one, two := person("t1", "张三"), person("t2", "李四")
	var s cap.State
	now := noon
	step := func(from, to hydro.Stage) {
		s, _ = r.Step(s, now, []hydro.Warning{warning(now, "a", from, to)})
		now = now.Add(time.Hour)
	}
	do := func(c hydro.Command) {
		t.Helper()
		var err error
		if s, _, err = r.Do(s, now, c); err != nil {
			t.Fatal(err)
		}
	}
	step(hydro.Clear, hydro.Blue)
	step(hydro.Blue, hydro.Red)
	do(approve(newest(t, s).ID(), one))
	do(approve(newest(t, s).ID(), two))
	step(hydro.Red, hydro.Orange) // nobody decides
	step(hydro.Orange, hydro.Yellow)
	do(approve(newest(t, s).ID(), one)) // the end of a red takes two
	do(approve(newest(t, s).ID(), two))
	step(hydro.Yellow, hydro.Clear)
	step(hydro.Clear, hydro.Blue)
	var got []string
	for i := range s.Messages {
		m := &s.Messages[i]
		in := m.Alert.Infos[1]
		got = append(got, fmt.Sprintf("%s %s %s: %s %s %s %s, %d approvals, replaces %d", m.Standing, m.Alert.MsgType, m.Stage, in.ResponseTypes[0], in.Urgency, in.Severity,
			in.Headline, len(m.Approvals), len(strings.Fields(m.Alert.References))))
	}
	want := []string{
		"issued Alert blue: Monitor Immediate Minor A: blue flood warning, 0 approvals, replaces 0",
		"issued Update red: Prepare Immediate Extreme A: flood warning raised to red, 2 approvals, replaces 1",
		"superseded Update orange: Prepare Immediate Severe A: flood warning lowered to orange, 0 approvals, replaces 2",
		"issued Update yellow: Monitor Immediate Moderate A: flood warning lowered to yellow, 2 approvals, replaces 2",
		"issued Update clear: AllClear Past Minor A: yellow flood warning ends, 0 approvals, replaces 3",
		"issued Alert blue: Monitor Immediate Minor A: blue flood warning, 0 approvals, replaces 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	red := &s.Messages[1].Alert
	if red.Infos[0].Instruction != "撤离低洼地" || red.Infos[0].Headline != "甲站洪水预警升级为红色" || red.Sent != "2026-06-15T14:00:00+08:00" ||
		red.Infos[0].Parameters[0] != (cap.Value{Name: "预警颜色", Value: "红色"}) || red.Infos[1].Parameters[0] != (cap.Value{Name: "colour", Value: "red"}) ||
		red.Infos[0].Areas[0].Polygons[0] != "22,112 22,112.1 22.1,112.1 22.1,112 22,112" || red.Status != "Actual" {
		t.Errorf("%+v", red)
	}
}

func TestAStationWithoutAnAreaHasACircleAndAForecastItsOnset(t *testing.T) {
	r := rules(t, "  radius_km: 3\n")
	w := warning(noon, "c", hydro.Clear, hydro.Blue)
	w.Forecast = w.Observed
	w.Observed = hydro.Leg{Stage: hydro.Clear, Variable: hydro.WaterLevel, Value: 3, At: noon}
	for d, want := range map[time.Duration]string{30 * time.Minute: "Expected", 5 * time.Hour: "Future", 0: "Immediate"} {
		w.Forecast.At = noon.Add(d)
		s, _ := r.Step(cap.State{}, noon, []hydro.Warning{w})
		in := newest(t, s).Alert.Infos[0]
		if in.Urgency != want || in.Certainty != "Likely" || (in.Onset != "") != (d > 0) || in.Areas[0].Circles[0] != "22.05,112.1 3" {
			t.Errorf("in %s: %+v", d, in)
		}
	}
	w.Forecast.Basis, w.Forecast.Threshold = hydro.Likelihood, 0.3
	for chance, want := range map[float64]string{0.4: "Possible", 0.5: "Possible", 0.7: "Likely"} {
		w.Forecast.Value = chance
		s, _ := r.Step(cap.State{}, noon, []hydro.Warning{w})
		if in := newest(t, s).Alert.Infos[1]; in.Certainty != want || !slices.Contains(in.Parameters, cap.Value{Name: "measure", Value: "chance"}) {
			t.Errorf("a chance of %g: %+v", chance, in)
		}
	}
	w.Forecast.Basis, w.Forecast.Variable, w.Forecast.Window = hydro.Itself, hydro.Rain, time.Hour
	s, _ := r.Step(cap.State{}, noon, []hydro.Warning{w})
	if m := newest(t, s); m.Alert.Infos[0].Event != "暴雨" || m.Alert.Status != "Test" || !strings.HasPrefix(m.Alert.Infos[0].Headline, "【测试】") {
		t.Errorf("%+v", m.Alert)
	}
}

func TestAreasBySubBasin(t *testing.T) {
	cat := func(boundary, illustrative string) (*catalog.Catalog, []catalog.Problem) {
		text := strings.Replace(stations, "centre: [112, 22]}]", "centre: [112, 22]}, {id: low, name: {zh: 下区间, en: Lower}, node: lower, area: 50, boundary: "+boundary+illustrative+"},"+
			" {id: side, name: {zh: 支流, en: Side}, node: lower, area: 9, boundary: [[112.3, 22], [112.4, 22], [112.4, 22.1]]}]", 1)
		text = strings.Replace(text, "profile: level}\nbasins", "profile: level}\n"+
			"  - {id: in, name: {zh: 内, en: In}, department: hydrology, kind: level, basin: b, at: [112.22, 22.05], zone: \"+08:00\", datum: STATION, profile: level}\n"+
			"  - {id: out, name: {zh: 外, en: Out}, department: hydrology, kind: level, basin: b, at: [113, 23], zone: \"+08:00\", datum: STATION, profile: level}\nbasins", 1)
		return catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text + "cap: {sender: s, sender_name: S, status: Actual, automatic: [blue], areas: sub_basins}\n")}})
	}
	const square = "[[112.2, 22], [112.3, 22], [112.3, 22.1], [112.2, 22.1], [112.2, 22]]"
	areas := func(mark string) (out []string, status string) {
		c, problems := cat(square, mark)
		if len(problems) > 0 {
			t.Fatal(catalog.Problems(problems))
		}
		r := cap.Compile(c, "b")
		for _, id := range []string{"a", "c", "in", "out"} {
			s, _ := r.Step(cap.State{}, noon, []hydro.Warning{warning(noon, id, hydro.Clear, hydro.Blue)})
			a := &newest(t, s).Alert
			if err := a.Check(); err != nil {
				t.Error(err)
			}
			if id == "c" {
				status = a.Status
			}
			for _, x := range a.Infos[0].Areas {
				out = append(out, id+" "+x.Desc+" "+strings.Join(append(x.Polygons, x.Circles...), ";"))
			}
		}
		return out, status
	}
	const low = "下区间 22,112.2 22,112.3 22.1,112.3 22.1,112.2 22,112.2"
	got, status := areas("")
	want := []string{
		"a 甲站 22,112 22,112.1 22.1,112.1 22.1,112 22,112", // its own
		"c " + low, "c 支流 22,112.3 22,112.4 22.1,112.4 22,112.3", // what drains to its node
		"in " + low,      // where it lies
		"out 外 23,113 5", // nothing is known
	}
	if diff := cmp.Diff(want, got); diff != "" || status != "Actual" {
		t.Errorf("%s (-want +got):\n%s", status, diff)
	}
	if _, status := areas(", illustrative: true"); status != "Test" {
		t.Errorf("an outline that is an example goes out as %s", status)
	}
	if _, problems := cat("[[112.2, 22], [112.3, 22.1], [112.3, 22], [112.2, 22.1]]", ""); len(problems) != 1 || !strings.Contains(problems[0].String(), `sub-basin "low" crosses itself`) {
		t.Errorf("a boundary that crosses itself: %v", problems)
	}
}

func TestIdentifiersByGBT35965(t *testing.T) {
	r := rules(t, "  gbt35965_units: {b: \"44078300000000\"}\n  automatic: [blue]\n")
	var ws []hydro.Warning
	for i := range 12 {
		ws = append(ws, warning(noon, fmt.Sprintf("s%02d", i), hydro.Clear, hydro.Blue))
	}
	s, _ := r.Step(cap.State{}, noon, ws)
	if first, last := s.Messages[0].ID(), s.Messages[11].ID(); first != "44078300000000_20260615120000_0" || last != "44078300000000_20260615120001_1" || len(first) != 31 {
		t.Errorf("identifiers %s to %s", first, last)
	}
}

// No way round the rule of two persons: not with two tokens of one name, not
// with one token of two names, not without a credential, not as another role.
func TestTwoPersonsAreTwoPersons(t *testing.T) {
	r := rules(t, "  automatic: [blue, yellow]\n")
	draft := func() cap.State {
		s, _ := r.Step(cap.State{}, noon, []hydro.Warning{warning(noon, "a", hydro.Clear, hydro.Orange)})
		return s
	}
	first := person("t1", "Zhang San")
	for name, second := range map[string]hydro.Person{
		"the same person again":               first,
		"another token of the same name":      person("t2", "Zhang San"),
		"the same name in another department": {ID: "t2", Name: "Zhang San", Department: hydro.Weather, Role: "officer"},
		"the same name, another role":         {ID: "t2", Name: "Zhang San", Role: "admin"},
		"the same name with more spaces":      person("t2", "  zhang   san "),
		"the same name with other marks":      person("t2", "Zhang-San."),
		"the same name in wide letters":       person("t2", "Ｚｈａｎｇ　Ｓａｎ"),
		"the same name in raised letters":     person("t2", "Zʰang San"),
		"the same name with a mark apart":     person("t2", "Zha\u0303ng San"), // a mark upon a letter, apart
		"the same name in letters with marks": person("t2", "Zhāng Sān"),
		"the same token under another name":   person("t1", "Li Si"),
		"no credential":                       {Name: "Li Si", Role: hydro.Unauthenticated},
		"no credential, but the word of one":  {Name: "Li Si", Role: "officer"},
		"a credential that proves nothing":    {ID: "t2", Name: "Li Si", Role: hydro.Unauthenticated},
		"a screen of the briefing room":       {ID: "t2", Name: "Li Si", Role: "briefing"},
		"a gateway":                           {ID: "t2", Name: "Li Si", Role: "gateway"},
		"nobody's name":                       person("t2", " .-"),
	} {
		s := draft()
		id := newest(t, s).ID()
		s, _, err := r.Do(s, noon, approve(id, first))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			after, _, err := r.Do(s, noon, approve(id, second))
			if _, told := errors.AsType[*hydro.CommandError](err); !told || newest(t, after).Standing != cap.Draft {
				t.Errorf("%s: %v, the message is %s", name, err, newest(t, after).Standing)
			}
		}
		if s, _, err = r.Do(s, noon, approve(id, person("t3", "Li Si"))); err != nil || newest(t, s).Standing != cap.Issued {
			t.Errorf("after %s two persons cannot: %v", name, err)
		}
		// Nor may such a person be the first.
		if !slices.Contains([]string{"t1", "t2"}, second.ID) || second.Role == "officer" || second.Role == "admin" {
			continue
		}
		if _, _, err := r.Do(draft(), noon, approve(id, second)); err == nil {
			t.Errorf("%s: is a first person", name)
		}
	}
}

func TestBlueTakesOnePersonUnlessItIsAutomatic(t *testing.T) {
	w := []hydro.Warning{warning(noon, "a", hydro.Clear, hydro.Blue)}
	s, _ := rules(t, "  automatic: [blue]\n").Step(cap.State{}, noon, w)
	if newest(t, s).Standing != cap.Issued {
		t.Error("automatic blue waits")
	}
	r := rules(t, "")
	s, _ = r.Step(cap.State{}, noon, w)
	if newest(t, s).Standing != cap.Draft {
		t.Error("blue went out with nobody's word")
	}
	s, _, err := r.Do(s, noon, approve(newest(t, s).ID(), hydro.Person{Name: "Li Si", Role: hydro.Unauthenticated}))
	if err != nil || newest(t, s).Standing != cap.Issued {
		t.Errorf("one person cannot approve a blue: %v", err)
	}
}

func TestARejectionInErrorAndAWithdrawal(t *testing.T) {
	r := rules(t, "  status: Actual\n")
	one, two := person("t1", "张三"), person("t2", "李四")
	s, _ := r.Step(cap.State{}, noon, []hydro.Warning{warning(noon, "a", hydro.Clear, hydro.Red)})
	id := newest(t, s).ID()
	reject := func(by hydro.Person, text string) hydro.Command {
		return hydro.Command{ID: "c", Basin: "b", Kind: hydro.Reject, Message: id, By: by, Text: text}
	}
	must := func(c hydro.Command) {
		t.Helper()
		var err error
		if s, _, err = r.Do(s, noon.Add(time.Minute), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.Do(s, noon, reject(one, " ")); err == nil {
		t.Error("rejected for no reason")
	}
	if _, _, err := r.Do(s, noon, reject(hydro.Person{Name: "x", Role: hydro.Unauthenticated}, "no")); err == nil {
		t.Error("rejected by nobody in particular")
	}
	must(reject(one, "gauge is wrong"))
	if m := newest(t, s); m.Standing != cap.Rejected || m.Text != "gauge is wrong" {
		t.Fatalf("%+v", m)
	}
	must(approve(id, two)) // it was not
	must(approve(id, one))
	if m := newest(t, s); m.Standing != cap.Issued || len(m.Approvals) != 2 {
		t.Fatalf("%+v", m)
	}
	must(reject(two, "it was after all"))
	cancel := newest(t, s)
	if cancel.Standing != cap.Draft || cancel.Alert.MsgType != "Cancel" {
		t.Fatalf("%+v", cancel)
	}
	if _, _, err := r.Do(s, noon, approve(cancel.ID(), two)); err == nil {
		t.Error("one person withdrew a red")
	}
	must(approve(cancel.ID(), one))
	if cancel = newest(t, s); cancel.Standing != cap.Issued || cancel.Alert.References != s.Messages[0].Alert.Reference() || len(cancel.Alert.Check()) > 0 {
		t.Errorf("%+v: %v", cancel, cancel.Alert.Check())
	}
	// A rejection of what the river no longer asks for stays one.
	s, _ = r.Step(s, noon.Add(time.Hour), []hydro.Warning{warning(noon, "c", hydro.Clear, hydro.Red)})
	id = newest(t, s).ID()
	must(reject(one, "no"))
	s, _ = r.Step(s, noon.Add(2*time.Hour), []hydro.Warning{warning(noon, "c", hydro.Red, hydro.Clear)})
	if _, _, err := r.Do(s, noon.Add(2*time.Hour), approve(id, two)); err == nil {
		t.Error("a rejected red of a river that has fallen is a draft again")
	}
}

// For random rivers and random people: what goes out is sound, numbered,
// approved and refers to all that it replaces; nothing illustrative is Actual; a
// restart in the midst changes nothing, and states are not written to.
func TestWhateverHappensMessagesAreSound(t *testing.T) {
	sections := []string{
		"  status: Actual\n", "  status: Actual\n  automatic: [blue, yellow]\n  expires: 6h\n", "  status: Exercise\n  min_stage: yellow\n  gbt35965_units: {b: \"44078300000000\"}\n",
	}
	compiled := []*cap.Rules{rules(t, sections[0]), rules(t, sections[1]), rules(t, sections[2])}
	people := []hydro.Person{person("t1", "张三"), person("t2", "李四"), person("t3", "张三"), person("t1", "王五"), {Name: "x", Role: hydro.Unauthenticated}}
	texts := rapid.StringN(0, 60, 200)
	rapid.Check(t, func(t *rapid.T) {
		r := compiled[rapid.IntRange(0, 2).Draw(t, "rules")]
		stage := map[string]hydro.Stage{}
		chains := map[string][]string{} // what is out, as a reader of the messages sees it
		out := map[string]hydro.Stage{}
		ids := map[string]bool{}
		var s, twin cap.State
		now := noon
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 6000).Draw(t, "pause")) * time.Second)
			restart := rapid.IntRange(0, 5).Draw(t, "restart") == 0
			before, kept := s, []byte(nil)
			if restart {
				kept = stored(t, s)
				twin = restored(t, kept)
			}
			var events, again []hydro.DutyEvent
			if len(s.Messages) > 0 && rapid.IntRange(0, 2).Draw(t, "what") > 0 {
				c := approve(s.Messages[rapid.IntRange(0, len(s.Messages)-1).Draw(t, "message")].ID(), rapid.SampledFrom(people).Draw(t, "who"))
				if rapid.IntRange(0, 4).Draw(t, "no") == 0 {
					c.Kind, c.Text = hydro.Reject, texts.Draw(t, "why")
				}
				s, events, _ = r.Do(s, now, c)
				twin, again, _ = r.Do(twin, now, c)
			} else {
				var ws []hydro.Warning
				for _, id := range []string{"a", "c", "gone"} {
					if to := rapid.SampledFrom(hydro.Stages).Draw(t, "to"); to != stage[id] && rapid.Bool().Draw(t, "moves") {
						w := warning(now, id, stage[id], to)
						w.ReasonZH, w.ReasonEN = texts.Draw(t, "zh"), texts.Draw(t, "en")
						w.Illustrative = id == "c"
						w.Observed.Threshold = rapid.SampledFrom([]float64{6.5, 1e21, 0.1}).Draw(t, "threshold")
						ws, stage[id] = append(ws, w), to
					}
				}
				s, events = r.Step(s, now, ws)
				twin, again = r.Step(twin, now, ws)
			}
			if !slices.Equal(events, again) || restart && !bytes.Equal(stored(t, s), stored(t, twin)) {
				t.Fatalf("a restart shows:\n%s", cmp.Diff(s, twin, cmpopts.EquateEmpty())+cmp.Diff(events, again))
			}
			if restart && !bytes.Equal(kept, stored(t, before)) {
				t.Fatal("the state that was given is written to")
			}
			for _, e := range events {
				if e.TextZH == "" || e.TextEN == "" || e.Message == "" {
					t.Fatalf("event %+v", e)
				}
				if e.Kind != "message_issued" {
					continue
				}
				m := s.Messages[slices.IndexFunc(s.Messages, func(m cap.Message) bool { return m.ID() == e.Message })]
				a := &m.Alert
				if problems := a.Check(); len(problems) > 0 {
					t.Fatalf("%s: %s", m.ID(), strings.Join(problems, "\n"))
				}
				text, err := a.Encode()
				if err != nil {
					t.Fatal(err)
				}
				back, err := cap.Decode([]byte(text))
				if err != nil {
					t.Fatalf("%v in\n%s", err, text)
				}
				if diff := cmp.Diff(a, back, cmpopts.IgnoreFields(cap.Alert{}, "XMLName")); diff != "" {
					t.Fatalf("written and read (-was +is):\n%s", diff)
				}
				if ids[m.ID()] {
					t.Fatalf("%s twice", m.ID())
				}
				ids[m.ID()] = true
				if want := strings.Join(chains[m.Station], " "); a.References != want || (a.MsgType == "Alert") != (want == "") {
					t.Fatalf("%s %s refers to %q, out is %q", a.MsgType, m.ID(), a.References, want)
				}
				if a.Status == "Actual" && m.Station == "c" {
					t.Fatal("illustrative, and Actual")
				}
				renewal := a.Note != "" && a.MsgType == "Update" && m.Stage == out[m.Station]
				if !renewal && max(m.Stage, out[m.Station]) >= hydro.Orange {
					if len(m.Approvals) != 2 {
						t.Fatalf("%s %s from %s went out with %d approvals", a.MsgType, m.Stage, out[m.Station], len(m.Approvals))
					}
					x, y := m.Approvals[0].By, m.Approvals[1].By
					if x.ID == y.ID || x.Name == y.Name || x.ID == "" || y.ID == "" {
						t.Fatalf("approved by %v and %v", x, y)
					}
				}
				if chains[m.Station] = append(chains[m.Station], a.Reference()); a.MsgType == "Cancel" || m.Stage == hydro.Clear {
					chains[m.Station] = nil
				}
				if out[m.Station] = m.Stage; a.MsgType == "Cancel" {
					out[m.Station] = hydro.Clear
				}
			}
			drafts := map[string]int{}
			for i := range s.Messages {
				if m := &s.Messages[i]; m.Standing == cap.Draft {
					if drafts[m.Station]++; drafts[m.Station] > 1 {
						t.Fatalf("two drafts of %s", m.Station)
					}
				}
			}
		}
	})
}

// stored is a state as it goes into a snapshot.
func stored(t *rapid.T, s cap.State) []byte {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restored(t *rapid.T, data []byte) (s cap.State) {
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatStandsIsRenewedBeforeItExpires(t *testing.T) {
	r := rules(t, "  automatic: [blue]\n  expires: 6h\n")
	s, _ := r.Step(cap.State{}, noon, []hydro.Warning{warning(noon, "a", hydro.Clear, hydro.Blue)})
	for i := range 200 {
		now := noon.Add(time.Duration(i) * 10 * time.Minute)
		s, _ = r.Step(s, now, nil)
		expires, err := time.Parse(time.RFC3339, newest(t, s).Alert.Infos[0].Expires)
		if err != nil || !expires.After(now.Add(10*time.Minute)) {
			t.Fatalf("at %s what is out expires at %s, %v", now, expires, err)
		}
	}
	last := newest(t, s)
	if n := len(s.Messages); n != 9 || len(strings.Fields(last.Alert.References)) != n-1 || len(last.Alert.Check()) > 0 {
		t.Errorf("%d messages in 33 hours; the last refers to %q; %v", n, last.Alert.References, last.Alert.Check())
	}
}

func TestAStateStaysSmall(t *testing.T) {
	r := rules(t, "  automatic: [blue]\n")
	var s cap.State
	for i := range 500 {
		from, to := hydro.Clear, hydro.Blue
		if i%2 == 1 {
			from, to = to, from
		}
		now := noon.Add(time.Duration(i) * time.Minute)
		s, _ = r.Step(s, now, []hydro.Warning{warning(now, "a", from, to)})
	}
	if len(s.Messages) > 210 || len(s.Chains) > 1 {
		t.Errorf("%d messages, %d chains", len(s.Messages), len(s.Chains))
	}
}
