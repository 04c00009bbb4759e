package catalog

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// A levelGiven is a level of a stage table with its place in the files: the threshold
// of a stage, or a mark that a profile was given.
type levelGiven struct {
	station string
	table   time.Time // since when its table is in force
	stage   hydro.Stage
	mark    string // "warning", "guarantee" or "highest"; "" of a threshold
	value   float64
	profile bool // the threshold follows from the table's profile
	at      place
}

// note remembers thresholds of levels that a ladder gave, to be held against the
// marks.
func (l *loader) note(t *StageTable, w *mapping, thresholds []Threshold) {
	for _, h := range thresholds {
		if h.Variable == hydro.WaterLevel {
			l.levels = append(l.levels, levelGiven{station: t.Station, table: t.ValidFrom, stage: h.Stage, value: h.Value, at: w.place(h.Stage.String())})
		}
	}
}

// noteProfile is note for a profile and the marks that it was given.
func (l *loader) noteProfile(t *StageTable, p *mapping, in map[string]float64) {
	for _, h := range t.Thresholds {
		l.levels = append(l.levels, levelGiven{station: t.Station, table: t.ValidFrom, stage: h.Stage, value: h.Value, profile: true, at: p.at()})
	}
	for _, mark := range []string{"warning", "guarantee", "highest"} {
		if v, given := in[mark]; given {
			l.levels = append(l.levels, levelGiven{station: t.Station, table: t.ValidFrom, mark: mark, value: v, at: p.place(mark)})
		}
	}
}

// checkMarks holds the levels of stage tables against the marks that are in force
// beside them. What contradicts is a warning and no problem: a catalogue that stands
// on a log must load for ever, and tables and marks may come from two offices.
func (l *loader) checkMarks() {
	tables, marks := map[string][]time.Time{}, map[string][]time.Time{} // only ever looked up
	for i := range l.cat.StageTables {
		t := &l.cat.StageTables[i]
		tables[t.Station] = append(tables[t.Station], t.ValidFrom)
	}
	for i := range l.cat.Marks {
		x := &l.cat.Marks[i]
		marks[x.Station] = append(marks[x.Station], x.ValidFrom)
	}
	for i := range l.levels {
		g := &l.levels[i]
		for k := range l.cat.Marks {
			x := &l.cat.Marks[k]
			if x.Station == g.station && x.Station != "" && together(g.table, tables[x.Station], x.ValidFrom, marks[x.Station]) {
				l.compareMarks(g, x)
			}
		}
	}
}

// together reports whether what is in force from a on, till the next of as, and what
// is from b on, till the next of bs, ever are so at one time.
func together(a time.Time, as []time.Time, b time.Time, bs []time.Time) bool {
	ends := func(from time.Time, all []time.Time, other time.Time) bool { // before the other begins
		return slices.ContainsFunc(all, func(t time.Time) bool { return t.After(from) && !t.After(other) })
	}
	return !ends(a, as, b) && !ends(b, bs, a)
}

// compareMarks warns of what contradicts between a level and the marks.
func (l *loader) compareMarks(g *levelGiven, x *Marks) {
	since := x.ValidFrom.Format(time.DateOnly)
	if g.mark != "" {
		own := map[string]float64{"warning": x.Warning, "guarantee": x.Guarantee, "highest": x.Highest.Level}[g.mark]
		if math.Abs(own-g.value) >= 0.005 { // false for NaN
			l.warn(g.at, "profile: %s is %g m here and %g m in the marks of station %q in force from %s: one of the two is wrong", g.mark, g.value, own, g.station, since)
		}
		return
	}
	name := g.stage.String()
	if g.profile {
		name = "profile: " + name
	}
	switch {
	case g.stage >= hydro.Orange && g.value < x.Warning:
		l.warn(g.at, "%s: %g m lies below the warning level 警戒水位 %g m of station %q in force from %s: nobody would call that a flood", name, g.value, x.Warning, g.station, since)
	case g.stage <= hydro.Yellow && g.value > x.Guarantee:
		l.warn(g.at, "%s: %g m lies above the guarantee level 保证水位 %g m of station %q in force from %s: it comes too late", name, g.value, x.Guarantee, g.station, since)
	}
}

func (l *loader) warn(at place, format string, args ...any) {
	l.warnings = append(l.warnings, Problem{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// inOrder sorts problems by place and leaves out what stands twice.
func inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(problems)
}

// Warnings are what is doubtful in a catalogue that loads, ascending by file, line and
// column. Nothing follows from them: they are for whoever writes it.
func (c *Catalog) Warnings() []Problem { return slices.Clone(c.warnings) }
