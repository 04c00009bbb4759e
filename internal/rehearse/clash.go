package rehearse

import (
	"fmt"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// The kinds of clash.
const (
	ByPerson     = "person"     // one person has two measures at one time
	ByDepartment = "department" // a department that names nobody has two measures at one time
	ByTime       = "time"       // a measure is due only after the river is where it was to be done before
)

// A Clash is two measures that need the same hands at one time, or one that comes
// too late.
type Clash struct {
	Kind        string
	Plan, Other string // ids of plans; Other "" of a clash in time
	A, B        string // ids of measures; B "" of a clash in time
	From, Until time.Time
	ZH, EN      string
	Owner       string           // person's id, "" of a department
	Department  hydro.Department // of the owner
	Station     string           // of a clash in time: where the river is first
	Stage       hydro.Stage      // and at which stage
}

// clashes compares the measures of a walk.
func clashes(w *walker) []Clash {
	var out []Clash
	ms := w.out.Measures
	for i := range ms {
		a := &ms[i]
		if a.Deadline.IsZero() {
			continue // without a clock it can wait
		}
		for j := i + 1; j < len(ms); j++ {
			b := &ms[j]
			if b.Deadline.IsZero() || a.Measure.Person != b.Measure.Person || a.Measure.Department != b.Measure.Department {
				continue
			}
			from, until := later(a.Opened, b.Opened), earlier(a.Deadline, b.Deadline)
			if !from.Before(until) {
				continue
			}
			x := Clash{Kind: ByPerson, Plan: a.Plan, Other: b.Plan, A: a.Measure.ID, B: b.Measure.ID, From: from, Until: until, Owner: a.Measure.Person, Department: a.Measure.Department}
			whoZH, whoEN := a.Measure.PersonZH, a.Measure.PersonEN
			if a.Measure.Person == "" {
				x.Kind = ByDepartment
				whoZH, whoEN = departmentZH[a.Measure.Department]+"部门（未指定人）", a.Measure.Department.String()+" (nobody named)"
			}
			x.ZH = fmt.Sprintf("%s须同时办理「%s」与「%s」", whoZH, a.Measure.NameZH, b.Measure.NameZH)
			x.EN = fmt.Sprintf("%s has %q and %q to do at once", whoEN, a.Measure.NameEN, b.Measure.NameEN)
			out = append(out, x)
		}
	}
	for i := range ms {
		if x, late := w.late(&ms[i]); late {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Clash) int { return a.From.Compare(b.From) })
	return out
}

var departmentZH = [...]string{"", "气象", "水文", "水利"}

// late reports whether a measure is due only after the river itself has met a
// condition of its level.
func (w *walker) late(m *Measure) (Clash, bool) {
	p, ok := w.c.Plan(m.Plan)
	if !ok || m.Deadline.IsZero() {
		return Clash{}, false
	}
	l, ok := p.At(m.Measure.Level)
	if !ok {
		return Clash{}, false
	}
	var first Clash
	found := false
	for i := range l.When {
		t := &l.When[i]
		var met []Reached
		for _, x := range w.out.Reached {
			if at, seen := w.observed[reach{x.Station, x.Stage}]; seen && x.Stage == t.Stage && (len(t.Stations) == 0 || slices.Contains(t.Stations, x.Station)) {
				met = append(met, Reached{Station: x.Station, Stage: x.Stage, Observed: at})
			}
		}
		if len(met) < t.Count {
			continue
		}
		slices.SortStableFunc(met, func(a, b Reached) int { return a.Observed.Compare(b.Observed) })
		x := met[max(t.Count, 1)-1]
		if x.Observed.Before(m.Deadline) && (!found || x.Observed.Before(first.From)) {
			found = true
			first = Clash{Kind: ByTime, Plan: m.Plan, A: m.Measure.ID, From: x.Observed, Until: m.Deadline, Owner: m.Measure.Person, Department: m.Measure.Department, Station: x.Station, Stage: x.Stage}
		}
	}
	if found {
		zh, en := first.Station, first.Station
		if st, ok := w.c.Station(first.Station); ok {
			zh, en = st.NameZH, st.NameEN
		}
		over := first.Until.Sub(first.From).Round(time.Minute)
		first.ZH = fmt.Sprintf("「%s」时限晚于%s实际达到%s %d分钟", m.Measure.NameZH, zh, stageZH[first.Stage], int(over.Minutes()))
		first.EN = fmt.Sprintf("%q is due %d min after the river at %s is at %s", m.Measure.NameEN, int(over.Minutes()), en, first.Stage)
	}
	return first, found
}

var stageZH = [...]string{"解除", "蓝色", "黄色", "橙色", "红色", "失明"}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
