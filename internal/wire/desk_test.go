package wire_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

func level() *rapid.Generator[hydro.ResponseLevel] {
	return rapid.SampledFrom(append([]hydro.ResponseLevel{hydro.NoResponse}, hydro.ResponseLevels...))
}

func department() *rapid.Generator[hydro.Department] { return rapid.SampledFrom(hydro.Departments) }

func measure() *rapid.Generator[hydro.Measure] {
	return rapid.Custom(func(t *rapid.T) hydro.Measure {
		m := hydro.Measure{
			ID: name().Draw(t, "id"), Level: level().Draw(t, "level"), NameZH: text().Draw(t, "zh"), NameEN: text().Draw(t, "en"),
			Department: department().Draw(t, "department"), Person: text().Draw(t, "person"), PersonZH: text().Draw(t, "person zh"), PersonEN: text().Draw(t, "person en"),
			StepsZH: rapid.SliceOfN(text(), 0, 3).Draw(t, "steps"), StepsEN: rapid.SliceOfN(text(), 0, 3).Draw(t, "steps"),
			EvidenceZH: text().Draw(t, "evidence"), EvidenceEN: text().Draw(t, "evidence"),
			State:  rapid.SampledFrom([]hydro.MeasureState{0, hydro.MeasureOpened, hydro.MeasureBegun, hydro.MeasureFinished, hydro.MeasureDropped}).Draw(t, "state"),
			Opened: maybe(instant()).Draw(t, "opened"), Within: time.Duration(rapid.IntRange(0, 1e6).Draw(t, "within")) * time.Second,
			Deadline: maybe(instant()).Draw(t, "deadline"), Started: maybe(instant()).Draw(t, "started"), Ended: maybe(instant()).Draw(t, "ended"), Late: rapid.Bool().Draw(t, "late"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "notes") {
			m.Notes = append(m.Notes, hydro.MeasureRemark{At: instant().Draw(t, "at"), By: person().Draw(t, "by"), Kind: hydro.MeasureNote, Text: text().Draw(t, "text")})
		}
		return m
	})
}

func TestAResponseGoesThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := hydro.Response{
			Plan: name().Draw(t, "plan"), NameZH: text().Draw(t, "zh"), NameEN: text().Draw(t, "en"), BodyZH: text().Draw(t, "body"), BodyEN: text().Draw(t, "body"),
			Department: department().Draw(t, "department"), Source: text().Draw(t, "source"), Illustrative: rapid.Bool().Draw(t, "illustrative"),
			Proposed: level().Draw(t, "proposed"), ProposedAt: maybe(instant()).Draw(t, "at"), ReasonZH: text().Draw(t, "zh"), ReasonEN: text().Draw(t, "en"),
			Blind: rapid.SliceOfN(name(), 0, 3).Draw(t, "blind"), Declared: level().Draw(t, "declared"), DeclaredAt: maybe(instant()).Draw(t, "at"),
			By: person().Draw(t, "by"), Text: text().Draw(t, "text"), Measures: rapid.SliceOfN(measure(), 0, 2).Draw(t, "measures"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "rungs") {
			r.Ladder = append(r.Ladder, hydro.Rung{
				Level: level().Draw(t, "level"), WhenZH: rapid.SliceOfN(text(), 0, 2).Draw(t, "when"), WhenEN: rapid.SliceOfN(text(), 0, 2).Draw(t, "when"),
				Measures: rapid.SliceOfN(measure(), 0, 2).Draw(t, "measures"),
			})
		}
		basin, got, err := wire.ToResponse(wire.FromResponse("b", &r))
		if err != nil || basin != "b" {
			t.Fatalf("%s: %v", basin, err)
		}
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// What people see of a call is what there is, each outcome under its own name.
func TestACallIsShownWhole(t *testing.T) {
	seen := map[freshetv1.CallOutcome]bool{}
	for o := hydro.Calling; o <= hydro.CallSuperseded; o++ {
		at := time.Date(2026, 6, 9, 3, 0, 0, 0, time.UTC)
		by := hydro.Person{Name: "n", Department: hydro.Hydrology, Role: "officer"}
		c := hydro.Call{
			Person: "p", NameZH: "甲", NameEN: "A", TitleZH: "员", TitleEN: "officer", Department: hydro.Weather, Roster: "r", Outcome: o, Tries: 3, Interval: 100 * time.Second,
			Given: 2, Missed: 1, Began: at, Last: at, Ended: at, By: by, How: "by telephone", Phones: []string{"000"}, Attempts: []hydro.CallTry{{At: at, By: by, Text: "no answer"}},
		}
		p := wire.FromCall(&c)
		if p.GetOutcome() == 0 || seen[p.GetOutcome()] {
			t.Errorf("%s is shown as %s", o, p.GetOutcome())
		}
		seen[p.GetOutcome()] = true
		if runs := p.GetNext() != nil; runs != (o == hydro.Calling) {
			t.Errorf("%s: its clock runs: %t", o, runs)
		}
		m := p.ProtoReflect()
		for i := range m.Descriptor().Fields().Len() {
			if f := m.Descriptor().Fields().Get(i); !m.Has(f) && f.Name() != "next" {
				t.Errorf("%s is not shown", f.Name())
			}
		}
		if name, err := hydro.ParseCallOutcome(o.String()); err != nil || name != o {
			t.Errorf("%s goes by another name: %s, %v", o, name, err)
		}
	}
}
