package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/plot"
)

// The scenario that the documentation shows is read as it stands.
func TestTheScenarioOfTheDocsIsRead(t *testing.T) {
	page, err := os.ReadFile("../../docs/models/rehearsal.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	f, err := parseScenario([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	x, q := f.scenario(), f.search()
	if x.GetRain().GetTotal() != 150 || x.GetRain().GetDurationS() != 6*3600 || x.GetSoil()[0].GetFilled() != 0.9 || x.GetThresholds()[0].GetValue() != 6.2 ||
		x.GetSchedules()[0].GetReleases()[1].GetAfterS() != 6*3600 || q.GetReservoirs()[0].GetHighest() != 90 || q.GetTargets()[0].GetValue() != 6.5 {
		t.Errorf("%v\n%v", x, q)
	}
}

func TestABadScenarioFileSaysWhereAndHow(t *testing.T) {
	for text, want := range map[string]string{
		"rain: {kind: hail}":                              `"hail": write as_forecast, none, series, storm, past`,
		"name: {zh: x}\nlosst: [a]":                       `[2:1] unknown field "losst"`,
		"rain: {duration: 6}":                             `write a duration in whole seconds`,
		"thresholds: [{station: a, stage: pink}]":         `"pink": write blue, yellow, orange or red`,
		"soil: [{filled: 0.5, change: 0.5}]":              "soil[0]: filled and change",
		"reservoirs: [{reservoir: a, gates: [{after: x}]": "[1:",
	} {
		if _, err := parseScenario([]byte(text)); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}

func FuzzParseScenario(f *testing.F) {
	f.Add([]byte("rain: {kind: storm, total: 150, duration: 6h}\nlost: [a]"))
	f.Add([]byte("as_of: 2026-06-10T08:00\nsoil: [{change: -0.3}]\nsearch: {reservoirs: [{reservoir: a, most: 5}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseScenario(data)
		if err == nil {
			_ = x.search()
		} else if !errors.Is(err, hydro.ErrInvalid) {
			t.Error(err)
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
