package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// desk is a sound catalogue in which every key of rosters and plans appears.
const desk = small + `callout: {from: yellow, tries: 4, interval: 90s}
people:
  - {id: x, name: {zh: 甲, en: X}, title: {zh: 员, en: officer}, department: hydrology, phones: [001, "002"], illustrative: true}
  - {id: y, name: Y, department: weather, phones: [003]}
rosters:
  - id: one
    name: {zh: 一, en: One}
    department: hydrology
    basins: [b]
    from: red
    tries: 2
    interval: 60s
    blind: yellow
    repeat: never
    shifts:
      - {name: {zh: 夜, en: night}, from: 20:00, to: 08:00, days: [fri, sat], first: 2026-05-21, last: 2026-06-20, people: [x, y]}
    always: [y]
    then: two
    illustrative: true
  - {id: two, name: Two, department: weather, shifts: [{from: 00:00, to: 00:00, people: [y]}], only_then: true}
plans:
  - id: p1
    name: {zh: 预案, en: Plan}
    body: {zh: 局, en: Bureau}
    department: water_resources
    basin: b
    source: S
    illustrative: true
    levels:
      - level: I
        when: [{stage: red, stations: [p, a], count: 2}, {stage: orange, count: 3}]
        measures:
          - {id: m1, name: {zh: 措施, en: Measure}, owner: {department: hydrology, person: x}, within: 90m, steps: [{zh: 步, en: step}, two], evidence: {zh: 据, en: proof}}
      - {level: IV, measures: [{id: m2, name: M2, owner: {department: weather}}]}
`

func TestRostersAndPlansAreRead(t *testing.T) {
	c, problems := load(desk)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	contacts := []catalog.Contact{
		{ID: "x", NameZH: "甲", NameEN: "X", TitleZH: "员", TitleEN: "officer", Department: hydro.Hydrology, Phones: []string{"001", "002"}, Illustrative: true},
		{ID: "y", NameZH: "Y", NameEN: "Y", Department: hydro.Weather, Phones: []string{"003"}},
	}
	if diff := cmp.Diff(contacts, c.Contacts); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	rosters := []catalog.Roster{
		{
			ID: "one", NameZH: "一", NameEN: "One", Department: hydro.Hydrology, Basins: []string{"b"}, Call: catalog.Calling{From: hydro.Red, Tries: 2, Interval: time.Minute, Blind: hydro.Yellow},
			Shifts: []catalog.Shift{{NameZH: "夜", NameEN: "night", From: 20 * time.Hour, To: 8 * time.Hour, Days: []time.Weekday{time.Friday, time.Saturday}, First: "2026-05-21", Last: "2026-06-20", People: []string{"x", "y"}}},
			Always: []string{"y"}, Then: "two", Illustrative: true,
		},
		{
			ID: "two", NameZH: "Two", NameEN: "Two", Department: hydro.Weather, Call: catalog.Calling{From: hydro.Yellow, Tries: 4, Interval: 90 * time.Second, Repeat: 15 * time.Minute},
			Shifts: []catalog.Shift{{People: []string{"y"}}}, Only: true,
		},
	}
	if diff := cmp.Diff(rosters, c.Rosters); diff != "" {
		t.Errorf("rosters (-want +got):\n%s", diff)
	}
	plans := []catalog.Plan{{
		ID: "p1", NameZH: "预案", NameEN: "Plan", Basin: "b", BodyZH: "局", BodyEN: "Bureau", Department: hydro.WaterResources, Source: "S", Illustrative: true,
		Levels: []catalog.PlanLevel{
			{Level: hydro.ResponseIV, Measures: []catalog.Measure{{ID: "m2", NameZH: "M2", NameEN: "M2", Department: hydro.Weather}}},
			{
				Level: hydro.ResponseI,
				When:  []catalog.Trigger{{Stage: hydro.Red, Stations: []string{"a", "p"}, Count: 2}, {Stage: hydro.Orange, Count: 3}},
				Measures: []catalog.Measure{{
					ID: "m1", NameZH: "措施", NameEN: "Measure", Department: hydro.Hydrology, Person: "x", Within: 90 * time.Minute,
					Steps: []catalog.Text{{ZH: "步", EN: "step"}, {ZH: "two", EN: "two"}}, EvidenceZH: "据", EvidenceEN: "proof",
				}},
			},
		},
	}}
	if diff := cmp.Diff(plans, c.Plans); diff != "" {
		t.Errorf("plans (-want +got):\n%s", diff)
	}
	if got := catalog.DefaultCalling(); time.Duration(got.Tries)*got.Interval != 5*time.Minute || got.Tries != 3 || got.From != hydro.Orange {
		t.Errorf("by default %+v, want three tries in five minutes from orange on", got)
	}
}

func TestEveryMistakeOfTheDeskIsNamedWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"calls from clear", "callout: {from: yellow", "callout: {from: clear", []string{`m: ‸clear,  → from: calls cannot begin at "clear": write blue, yellow, orange or red`}},
		{"calls from an unknown stage", "from: red\n", "from: pink\n", []string{`m: ‸pink → from: calls cannot begin at "pink"`}},
		{"blind as no stage", "blind: yellow\n", "blind: yes\n", []string{`d: ‸yes → blind: a station that is blind on a rising reach cannot count as "yes": write reach (as the river around it), blue`}},
		{"again too soon", "repeat: never", "repeat: 30s", []string{`t: ‸30s → repeat: 30s is shorter than 1m0s: write how long`}},
		{"again at no time", "repeat: never", "repeat: often", []string{`t: ‸often → "often" is no duration`}},
		{"no try", "tries: 4", "tries: 0", []string{`s: ‸0, i → tries: "0" must be a whole number from 1 to 20`}},
		{"too fast", "interval: 60s", "interval: 5s", []string{`l: ‸5s → interval: 5s is shorter than 10s`}},
		{"callout twice", "rosters:\n", "callout: {}\nrosters:\n", []string{`‸callout: {} → key "callout" given twice`}},
		{"person without a phone", "phones: [003]", "phones: []", []string{`s: ‸[]} → phones: empty: somebody who cannot be called stands in no roster`}},
		{"phone twice", `phones: [001, "002"]`, `phones: [001, "001"]`, []string{`1, ‸"00 → phones: "001" given twice`}},
		{"person twice", "{id: y, name: Y", "{id: x, name: Y", []string{`{id: ‸x, name: Y → person "x" given twice`, `x, ‸y]} → people: no person "y" under people`, `s: [‸y]
 → always: no person "y" under people`, `e: [‸y]}], only → people: no person "y" under people`, `e: ‸[y]}], only → people: nobody`, `  - ‸id: one → shifts: nobody`}},
		{"unknown person", "people: [x, y]", "people: [x, z]", []string{`x, ‸z]} → people: no person "z" under people`}},
		{"basin", "basins: [b]", "basins: [bb]", []string{`s: [‸bb → basins: no basin "bb"`}},
		{"no such day", "days: [fri, sat]", "days: [fri, friday]", []string{`i, ‸frid → days: "friday" is no day: write sun, mon, tue, wed, thu, fri, sat`}},
		{"day twice", "days: [fri, sat]", "days: [fri, fri]", []string{`i, ‸fri] → days: "fri" given twice`}},
		{"no date", "first: 2026-05-21", "first: 21 May", []string{`t: ‸21 M → first: "21 May" is no date: write 2026-05-21`}},
		{"ends before it begins", "last: 2026-06-20", "last: 2026-05-20", []string{`t: ‸2026-05-20 → last: 2026-05-20 is before first 2026-05-21`}},
		{"no time of day", "from: 20:00, to: 08:00", "from: 20:00, to: 25:00", []string{`o: ‸25: → to: "25:00" is no time of day`}},
		{"nobody in a shift", "people: [x, y]", "people: []", []string{`e: ‸[]} → people: nobody; a shift names who is on duty`}},
		{"nobody on duty", "    always: [y]\n", "", []string{`  - ‸id: one → shifts: nobody is on duty on Monday at 00:00: give shifts without bounds of dates for the whole week, or somebody under always`}},
		{"a hole in the week", "shifts: [{from: 00:00, to: 00:00", "shifts: [{from: 00:00, to: 23:59", []string{`  - ‸{id: two → shifts: nobody is on duty on Monday at 23:59`}},
		{"then nobody", "then: two", "then: three", []string{`n: ‸three → then: no roster "three"`, `n: ‸true}
plans → only_then: no roster names "two" under then: it would never be called`}},
		{"in a circle", "only_then: true}", "only_then: true, then: one}", []string{`n: ‸two → then: roster "one" leads back to itself`, `n: ‸one} → then: roster "two" leads back to itself`}},
		{"roster twice", "{id: two, name: Two", "{id: one, name: Two", []string{`n: ‸two → then: no roster "two"`, `{id: ‸one, name: Two → roster "one" given twice`}},
		{"no level", "level: IV,", "level: V,", []string{`l: ‸V, m → level: "V" is not known: write IV, III, II or I`}},
		{"level twice", "level: IV,", "level: I,", []string{`l: ‸I, m → level: I given twice in this plan`}},
		{"no levels", "    levels:\n      - level: I\n        when: [{stage: red, stations: [p, a], count: 2}, {stage: orange, count: 3}]\n        measures:\n          - {id: m1, name: {zh: 措施, en: Measure}, owner: {department: hydrology, person: x}, within: 90m, steps: [{zh: 步, en: step}, two], evidence: {zh: 据, en: proof}}\n      - {level: IV, measures: [{id: m2, name: M2, owner: {department: weather}}]}\n", "    levels: []\n", []string{`s: ‸[] → levels: empty`}},
		{"proposes on clear", "{stage: orange, count: 3}", "{stage: blind, count: 3}", []string{`e: ‸blin → stage: blind proposes nothing: write blue, yellow, orange or red`}},
		{"more than there are", "count: 2}", "count: 3}", []string{`t: ‸3}, {stage: o → count: "3" must be a whole number from 1 to 2`}},
		{"a station without stages", "stations: [p, a]", "stations: [p, c]", []string{`p, ‸c], → stations: "c" has no stage table: it never stands at a stage`}},
		{"unknown station", "stations: [p, a]", "stations: [p, zz]", []string{`p, ‸zz → stations: no station "zz"`, `t: ‸2}, → count: "2" must be a whole number from 1 to 1`}},
		{"measure twice", "id: m2, name: M2", "id: m1, name: M2", []string{`: ‸m1, name: M2 → measure "m1" given twice in this plan`}},
		{"unknown owner", "person: x}", "person: z}", []string{`n: ‸z}, within → person: no person "z" under people`}},
		{"no owner", ", owner: {department: weather}}]}", "}]}", []string{`[‸{id: m2 → owner: missing`}},
		{"no such basin", "    basin: b\n    source", "    basin: bb\n    source", []string{`n: ‸bb
 → basin: no basin "bb"`, `p, ‸a], → stations: "a" is in basin "b", the plan is of "bb"`, `[‸p, a], → stations: "p" is in basin "b", the plan is of "bb"`, `t: ‸2} → count:`, `t: ‸3} → count:`}},
		{"plan twice", "plans:\n", "plans:\n  - {id: p1, name: P, body: B, department: weather, basin: b, levels: [{level: II}]}\n", []string{`- id: ‸p1 → plan "p1" given twice`}},
		{"unknown key", "source: S", "sauce: S", []string{`    ‸sauce → unknown key "sauce"; known here: basin, body, department, id, illustrative, levels, name, source`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(desk, c.old) == 0 {
				t.Fatalf("the sound catalogue does not contain %q", c.old)
			}
			broken := strings.Replace(desk, c.old, c.new, 1)
			got, problems := load(broken)
			if got != nil {
				t.Error("a catalogue came back")
			}
			missing := map[string]bool{}
			for _, p := range problems {
				missing[p.String()] = true
			}
			for _, w := range c.want {
				w = located(t, broken, w)
				found := false
				for text := range missing {
					if strings.HasPrefix(text, w) {
						delete(missing, text)
						found = true
						break
					}
				}
				if !found {
					t.Errorf("not said: %s", w)
				}
			}
			for text := range missing {
				t.Errorf("said too: %s", text)
			}
		})
	}
}

// A shift is on in exactly the minutes that a second reading of its keys gives.
func TestShiftsByTheClock(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	rapid.Check(t, func(t *rapid.T) {
		minutes := func(name string) time.Duration {
			return time.Duration(rapid.IntRange(0, 24*60-1).Draw(t, name)) * time.Minute
		}
		s := catalog.Shift{From: minutes("from"), To: minutes("to")}
		days := rapid.SliceOfDistinct(rapid.IntRange(0, 6), rapid.ID).Draw(t, "days")
		for _, d := range days {
			s.Days = append(s.Days, time.Weekday(d))
		}
		if rapid.Bool().Draw(t, "bounded") {
			s.First, s.Last = "2026-05-21", "2026-06-20"
		}
		at := time.Date(2026, 5, 18, 0, 0, 0, 0, zone).Add(time.Duration(rapid.IntRange(0, 40*24*60).Draw(t, "at")) * time.Minute)
		want := false
		for back := range 2 { // a shift that began today, or yesterday
			midnight := time.Date(at.Year(), at.Month(), at.Day()-back, 0, 0, 0, 0, zone)
			begins, ends := midnight.Add(s.From), midnight.Add(s.To)
			if s.To <= s.From {
				ends = ends.Add(24 * time.Hour)
			}
			on := len(days) == 0
			for _, d := range s.Days {
				on = on || midnight.Weekday() == d
			}
			if s.First != "" {
				on = on && !midnight.Before(time.Date(2026, 5, 21, 0, 0, 0, 0, zone)) && !midnight.After(time.Date(2026, 6, 20, 0, 0, 0, 0, zone))
			}
			want = want || on && !at.Before(begins) && at.Before(ends)
		}
		if got := s.On(at.UTC(), zone); got != want {
			t.Fatalf("%+v at %s: %v, want %v", s, at, got, want)
		}
	})
}

func TestTheShippedDeskIsMarkedAndWhole(t *testing.T) {
	c := shipped(t, "tanjiang")
	departments := map[hydro.Department]bool{}
	for _, r := range c.Rosters {
		departments[r.Department] = true
		if !r.Illustrative {
			t.Errorf("roster %s is not marked", r.ID)
		}
	}
	if len(departments) != 3 {
		t.Errorf("rosters of %d departments, want 3", len(departments))
	}
	for _, p := range c.Contacts {
		if !p.Illustrative || !strings.HasPrefix(p.NameZH, "示例") {
			t.Errorf("%s is not marked as invented", p.ID)
		}
		for _, phone := range p.Phones {
			if !strings.HasPrefix(phone, "000-") {
				t.Errorf("%s has a number that could be somebody's: %s", p.ID, phone)
			}
		}
	}
	if len(c.Plans) < 2 {
		t.Errorf("%d plans; the ladders of two bodies are to be seen apart", len(c.Plans))
	}
	for _, p := range c.Plans {
		if !p.Illustrative || !strings.Contains(p.NameZH, "示例") {
			t.Errorf("plan %s is not marked", p.ID)
		}
	}
}
