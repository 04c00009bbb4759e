package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	freshetv1 "freshet/proto/freshet/v1"
)

// The scenario that the documentation shows is read as it stands.
func TestTheScenarioOfTheDocsIsRead(t *testing.T) {
	page, err := os.ReadFile("../../docs/models/rehearsal.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	f, err := parseScenario("docs.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	x, q := f.scenario(), f.search()
	if x.GetRain().GetTotal() != 150 || x.GetRain().GetDurationS() != 6*3600 || x.GetSoil()[0].GetFilled() != 0.9 || x.GetThresholds()[0].GetValue() != 6.2 ||
		x.GetSchedules()[0].GetReleases()[1].GetAfterS() != 6*3600 || q.GetReservoirs()[0].GetHighest() != 90 || q.GetTargets()[0].GetValue() != 6.5 {
		t.Errorf("%v\n%v", x, q)
	}
}

// All that is wrong with a file is told at once, by line and column, with what would
// be right.
func TestABadScenarioFileSaysWhereAndHow(t *testing.T) {
	for text, want := range map[string]string{
		"rain: {kind: hail}":        `x.yaml:1:14: "hail": write as_forecast, none, series, storm, past`,
		"name: {zh: x}\nlosst: [a]": `x.yaml:2:1: unknown key "losst": write one of name, basin, as_of, rain, reservoirs, soil, lost, thresholds, search`,
		`as_of: tomorrow
rain:
  kind: storm
  total: much
  duration: 6
  peek: 0.4
soil:
  - {filled: 0.5, change: 0.5}
lost: h-puqiao
thresholds:
  - station: h-enping
    stage: pink
  - {station: h-enping, stage: blue, variable: depth, value: 5}
reservoirs:
  - reservoir: jinjiang
    releases: [{after: x, outflow: 1}, {after: 1h, flow: 2}]
search: {pieces: -1}
`: `x.yaml:1:8: "tomorrow": write 2026-06-10T14:35 (Beijing time) or 2026-06-10T06:35:00Z
x.yaml:4:10: "much" is not a number
x.yaml:5:13: "6": write a duration in whole seconds, such as 6h or 1h30m
x.yaml:6:3: unknown key "peek": write one of kind, factor, shift, step, series, total, duration, peak, after, sub_basins, from, until
x.yaml:8:27: soil[0].change: filled and change: give one of them
x.yaml:9:7: "h-puqiao" is not a list, such as [a, b]
x.yaml:12:12: "pink": write blue, yellow, orange or red
x.yaml:13:48: "depth": write water_level, discharge or inflow
x.yaml:16:24: "x": write a duration in whole seconds, such as 6h or 1h30m
x.yaml:16:52: unknown key "flow": write one of after, outflow
x.yaml:17:18: "-1" is not a whole number of 0 or more`,
		"reservoirs: [{reservoir: a": "x.yaml:1:",
		"lost: [a]\n---\nlost: [b]":  "x.yaml:2:1: a second document: put each scenario into a file of its own",
	} {
		_, err := parseScenario("x.yaml", []byte(text))
		if !errors.Is(err, hydro.ErrInvalid) || (err.Error() != want && (!strings.HasSuffix(want, ":") || !strings.HasPrefix(err.Error(), want))) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}

// What the server finds wrong stands where it is in the file, too.
func TestWhatAServerRefusesStandsWhereItIsInTheFile(t *testing.T) {
	f, err := parseScenario("x.yaml", []byte(`name: {zh: x}
rain:
  kind: series
  step: 1h
  series:
    s2: [1, 2]
    s1: [1, 2, 3]
reservoirs:
  - {reservoir: jinjiang, releases: [{outflow: 1}, {after: 2h, outflow: -5}]}
lost: [h-enping, moon]
search:
  reservoirs: [{reservoir: a, most: 0}]
`))
	if err != nil {
		t.Fatal(err)
	}
	bad := &errdetails.BadRequest{}
	for _, field := range []string{
		"scenario.rain.series[1].depth", "scenario.rain.step_s", "scenario.schedules[0].releases[1].outflow", "scenario.lost[1]", "reservoirs[0].most", "scenario.rain.total", "scenario.name_zh",
	} {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: field, Description: "no"})
	}
	refusal, err := status.New(codes.InvalidArgument, "no").WithDetails(bad)
	if err != nil {
		t.Fatal(err)
	}
	want := `x.yaml:6:9: rain.series.s2: no
x.yaml:4:9: rain.step: no
x.yaml:9:73: reservoirs[0].releases[1].outflow: no
x.yaml:10:18: lost[1]: no
x.yaml:12:37: search.reservoirs[0].most: no
x.yaml:3:3: rain.total: no
x.yaml:1:12: name.zh: no`
	if got := f.refused(refusal.Err()); !errors.Is(got, hydro.ErrInvalid) || got.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", got, want)
	}
	if got := (*scenarioFile)(nil).refused(refusal.Err()); !strings.HasPrefix(got.Error(), "rain.series[1].depth: no\nrain.step_s: no\n") {
		t.Errorf("of flags alone: %v", got)
	}
}

func FuzzParseScenario(f *testing.F) {
	f.Add([]byte("rain: {kind: storm, total: 150, duration: 6h}\nlost: [a]"))
	f.Add([]byte("as_of: 2026-06-10T08:00\nsoil: [{change: -0.3}]\nsearch: {reservoirs: [{reservoir: a, most: 5}]}"))
	f.Add([]byte("rain: {kind: hail, peek: 1}\nlost: {a: b}\nsoil: [{filled: x, change: 1}]\nx: &a [1]\ny: *a"))
	f.Add([]byte(`{"rain": {"kind": "series", "step": "1h", "series": {"s1": [1, 2.5]}}, "thresholds": [{"station": "a", "stage": "red"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseScenario("x.yaml", data)
		if err != nil {
			if faults, ok := errors.AsType[scenarioFaults](err); !ok || len(faults) == 0 || len(faults) > maxScenarioFaults+len(data) || !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("%v", err)
			}
			return
		}
		q := x.search()
		if wire, err := proto.Marshal(q); err == nil { // text that is not UTF-8 cannot be sent
			back := &freshetv1.SearchReleaseRequest{}
			if err := proto.Unmarshal(wire, back); err != nil || !proto.Equal(q, back) && !strings.Contains(q.String(), "nan") {
				t.Errorf("%v: %v, read again %v", err, q, back)
			}
		}
	})
}

// A figure of a rehearsal says so across it, and has a frame that others have not.
func TestAFigureOfARehearsalIsNotTakenForLive(t *testing.T) {
	at := time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)
	f := plot.Figure{Title: "x", Lines: []plot.Line{{Label: "y", Points: []plot.Point{{At: at, Value: 1}, {At: at.Add(time.Hour), Value: 2}}}}}
	draw := func() string {
		var b bytes.Buffer
		if err := f.SVG(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	live := draw()
	f.Rehearsal = "演练 非实况"
	if got := draw(); strings.Contains(live, `class="rehearsal"`) || strings.Count(got, ">演练 非实况</text>") != 3 || !strings.Contains(got, `class="rehearsal"><rect`) {
		t.Errorf("%s", got)
	}
}
