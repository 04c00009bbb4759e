// Package rating turns level into discharge and back, by a table of points or by
// power laws that hold in ranges of level.
//
// Between two points of a table discharge is linear in level, which keeps the
// relation and its inverse exact opposites; a table should therefore be as dense
// as its curve is bent. Outside the table the first or the last segment is
// extended, never below zero discharge. In ranges,
//
//	Q = c (h - h0)^b                         m³/s, Low <= h < High     [ISO18320]
//	h = h0 + (Q/c)^(1/b)                     m
//
// and beyond the ends the first or last law goes on; below its h0 nothing flows.
//
// Everything outside the range of level that measurements cover is marked as
// extrapolated, be it inside the table or not: a number there is an opinion.
//
// A rating is one relation. A river that rises carries more at one level than
// one that falls, and a rating drawn through measurements of both stands between
// them. This package does not correct for that: who knows how wide the loop is
// states it in [Options], and [Table.Loop] tells it to whoever shows a level.
//
// A level belongs to the datum that the table names; this package converts
// none.
//
// Sources: [ISO18320] ISO 18320:2020, Hydrometry, Determination of the
// stage-discharge relationship (before: ISO 1100-2:2010): the power law by
// segments, its extrapolation and the loop of unsteady flow.
package rating

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// A Point is one point of a rating table.
type Point struct {
	Level     float64 // m above the table's datum
	Discharge float64 // m³/s
}

// A Table is a rating, of points or of ranges. It is immutable and safe for
// concurrent use.
type Table struct {
	o      Options
	points []Point // or
	laws   []law   // ascending
	joins  []Join
}

// Options are what a rating has beside its numbers. The zero value is sound.
type Options struct {
	Datum     string    // name of the datum of the levels
	Low, High float64   // range of level that measurements cover, m; both 0: the range of the rating
	ValidFrom time.Time // the rating holds from here on; zero: always
	Loop      float64   // m by which the level at one discharge differs between a rising and a falling river; 0: not stated
}

// New returns a table with
//
//	points     level, m, and discharge, m³/s, both strictly ascending, discharge >= 0, at least two
//	datum      name of the datum of the levels
//	low, high  range of level that measurements cover, m; both 0: the range of the table
//
// It copies points. It fails if there are fewer than two, if one is not finite or not
// above the one before in level and in discharge, if a discharge is below 0, or if low
// is not below high.
func New(points []Point, datum string, low, high float64) (*Table, error) {
	return NewTable(points, Options{Datum: datum, Low: low, High: high})
}

// NewTable is [New] with all options, and fails as that does, or if the loop is below
// 0 or not finite.
func NewTable(points []Point, o Options) (*Table, error) {
	if len(points) < 2 {
		return nil, fmt.Errorf("rating: %d points: want at least 2", len(points))
	}
	for i, p := range points {
		if math.IsNaN(p.Level) || math.IsInf(p.Level, 0) || math.IsInf(p.Discharge, 0) || !(p.Discharge >= 0) {
			return nil, fmt.Errorf("rating: point %d (%g m, %g m³/s): want a finite level and a discharge of 0 or more", i+1, p.Level, p.Discharge)
		}
		if i > 0 && (p.Level <= points[i-1].Level || p.Discharge <= points[i-1].Discharge) {
			return nil, fmt.Errorf("rating: point %d (%g m, %g m³/s): level and discharge must rise from the point before (%g m, %g m³/s)",
				i+1, p.Level, p.Discharge, points[i-1].Level, points[i-1].Discharge)
		}
	}
	if err := o.check(points[0].Level, points[len(points)-1].Level); err != nil {
		return nil, err
	}
	return &Table{o: o, points: append([]Point(nil), points...)}, nil
}

// check fills the measured range, by default first to last, and checks it.
func (o *Options) check(first, last float64) error {
	if o.Low == 0 && o.High == 0 {
		o.Low, o.High = first, last
	}
	if !(o.Low < o.High) {
		return fmt.Errorf("rating: measured range %g to %g m: want low below high", o.Low, o.High)
	}
	if !(o.Loop >= 0) || math.IsInf(o.Loop, 0) {
		return fmt.Errorf("rating: loop of %g m: want a finite width of 0 or more", o.Loop)
	}
	return nil
}

// Datum returns the name of the datum of the levels.
func (t *Table) Datum() string { return t.o.Datum }

// Measured returns the range of level that measurements cover, m.
func (t *Table) Measured() (low, high float64) { return t.o.Low, t.o.High }

// ValidFrom returns the instant from which the rating holds; zero: always.
func (t *Table) ValidFrom() time.Time { return t.o.ValidFrom }

// Loop returns by how much, m, the level at one discharge differs between a
// rising and a falling river, as whoever drew the rating stated it; 0: not
// stated. The true level may lie by half of it on either side of the rating.
func (t *Table) Loop() float64 { return t.o.Loop }

// Discharge returns the discharge, m³/s, at a level, m above the datum, and
// whether the level lies outside the measured range. A level below the table's
// zero-flow end gives 0. NaN gives NaN.
func (t *Table) Discharge(level float64) (q float64, extrapolated bool) {
	if math.IsNaN(level) {
		return level, false
	}
	if t.laws != nil {
		return t.lawAt(level).discharge(level), t.Extrapolates(level)
	}
	p := t.points
	i := sort.Search(len(p)-2, func(i int) bool { return p[i+1].Level >= level })
	a, b := p[i], p[i+1]
	q = a.Discharge + (level-a.Level)*((b.Discharge-a.Discharge)/(b.Level-a.Level))
	return max(0, q), t.Extrapolates(level)
}

// Level returns the level, m above the datum, at a discharge, m³/s, and whether
// it lies outside the measured range. It is the inverse of Discharge wherever
// that is above 0; a discharge within a jump of [Table.Joins] gives the level of
// the jump, and one of 0 or less, in a rating of ranges, the lowest h0. NaN gives
// NaN.
func (t *Table) Level(q float64) (level float64, extrapolated bool) {
	if math.IsNaN(q) {
		return q, false
	}
	if t.laws != nil {
		level = t.lawLevel(q)
		return level, t.Extrapolates(level)
	}
	p := t.points
	i := sort.Search(len(p)-2, func(i int) bool { return p[i+1].Discharge >= q })
	a, b := p[i], p[i+1]
	level = a.Level + (q-a.Discharge)*((b.Level-a.Level)/(b.Discharge-a.Discharge))
	return level, t.Extrapolates(level)
}

// Extrapolates reports whether a level, m, lies outside the measured range. A
// tenth of a millimetre beyond its ends does not count.
func (t *Table) Extrapolates(level float64) bool {
	const tolerance = 1e-4
	return level < t.o.Low-tolerance || level > t.o.High+tolerance
}

// At returns the rating that holds at an instant: of those whose ValidFrom is
// not after it, the latest, of equals the last; nil if there is none.
func At(tables []*Table, at time.Time) *Table {
	var best *Table
	for _, t := range tables {
		if !t.o.ValidFrom.After(at) && (best == nil || !t.o.ValidFrom.Before(best.o.ValidFrom)) {
			best = t
		}
	}
	return best
}
