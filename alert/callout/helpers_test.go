package callout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"freshet/alert/callout"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// base is a basin without rosters.
const base = `catalog: {name: drill, title: Drill}
departments:
  - {id: hydrology, name: {zh: 水文, en: Hydrology}}
stations:
  - {id: a, name: A, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
  - {id: c, name: C, department: hydrology, kind: level, basin: b, at: [112.1, 22], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
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

// three departments and the command that comes after them.
const rosters = `
callout: {from: orange, tries: 3, interval: 100s}
people:
  - {id: w1, name: {zh: 示例甲, en: Example A}, title: {zh: 值班员, en: duty officer}, department: weather, phones: ["000-01"], illustrative: true}
  - {id: w2, name: {zh: 示例乙, en: Example B}, title: {zh: 值班员, en: duty officer}, department: weather, phones: ["000-02"], illustrative: true}
  - {id: h1, name: {zh: 示例丙, en: Example C}, title: {zh: 值班员, en: duty officer}, department: hydrology, phones: ["000-03"], illustrative: true}
  - {id: h2, name: {zh: 示例丁, en: Example D}, title: {zh: 科长, en: head of section}, department: hydrology, phones: ["000-04"], illustrative: true}
  - {id: r1, name: {zh: 示例戊, en: Example E}, title: {zh: 值班员, en: duty officer}, department: water_resources, phones: ["000-05"], illustrative: true}
  - {id: chief, name: {zh: 示例己, en: Example F}, title: {zh: 带班领导, en: leader on duty}, department: water_resources, phones: ["000-06"], illustrative: true}
rosters:
  - id: weather
    name: {zh: 气象台, en: weather desk}
    department: weather
    shifts:
      - {from: 08:00, to: 20:00, people: [w1]}
      - {from: 20:00, to: 08:00, people: [w2]}
    then: command
  - id: hydrology
    name: {zh: 水文站, en: hydrology desk}
    department: hydrology
    shifts: [{from: 00:00, to: 00:00, people: [h1]}]
    always: [h2]
    then: command
  - id: water
    name: {zh: 水利局, en: water desk}
    department: water_resources
    always: [r1]
    then: command
  - {id: command, name: {zh: 指挥部, en: command}, department: water_resources, always: [chief], only_then: true}
`

func compile(t testing.TB, text string) *callout.Rules {
	t.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "a.yaml", Data: []byte(base)}, {Name: "rosters.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	r, err := callout.Compile(c, "b")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var zone = time.FixedZone("", 8*3600)

// three in the night, in Beijing.
var start = time.Date(2026, 6, 9, 3, 0, 0, 0, zone).UTC()

func warn(station string, at time.Time, from, to hydro.Stage, group string) hydro.Warning {
	return hydro.Warning{
		ID: fmt.Sprintf("b/%s/%s", at.UTC().Format("20060102T150405Z"), station), Basin: "b", Station: station, At: at, From: from, To: to, Group: group,
		ReasonZH: station + "达" + to.String(), ReasonEN: station + " at " + to.String(),
	}
}

// lines writes events as the golden log has them.
func lines(b *strings.Builder, events []hydro.DutyEvent) {
	for i := range events {
		e := &events[i]
		fmt.Fprintf(b, "%s %s | %s\n", e.At.In(zone).Format("15:04:05"), e.Kind, e.TextEN)
	}
}

var officer = hydro.Person{ID: "o1", Name: "Example O", Department: hydro.Hydrology, Role: "officer"}
