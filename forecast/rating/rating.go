// Package rating turns level into discharge and back by a rating table.
//
// Between two points of the table discharge is linear in level, which keeps the
// relation and its inverse exact opposites; a table should therefore be as dense
// as its curve is bent. Outside the table the first or the last segment is
// extended, never below zero discharge. Everything outside the range of level
// that measurements cover is marked as extrapolated, be it inside the table or
// not: a number there is an opinion.
//
// A level belongs to the datum that the table names; this package converts
// none.
package rating

import (
	"fmt"
	"math"
	"sort"
)

// A Point is one point of a rating table.
type Point struct {
	Level     float64 // m above the table's datum
	Discharge float64 // m³/s
}

// A Table is a rating table. It is immutable and safe for concurrent use.
type Table struct {
	datum     string
	points    []Point
	low, high float64
}

// New returns a table with
//
//	points     level, m, and discharge, m³/s, both strictly ascending, discharge >= 0, at least two
//	datum      name of the datum of the levels
//	low, high  range of level that measurements cover, m; both 0: the range of the table
//
// It copies points.
func New(points []Point, datum string, low, high float64) (*Table, error) {
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
	if low == 0 && high == 0 {
		low, high = points[0].Level, points[len(points)-1].Level
	}
	if !(low < high) {
		return nil, fmt.Errorf("rating: measured range %g to %g m: want low below high", low, high)
	}
	return &Table{datum: datum, points: append([]Point(nil), points...), low: low, high: high}, nil
}

// Datum returns the name of the datum of the levels.
func (t *Table) Datum() string { return t.datum }

// Measured returns the range of level that measurements cover, m.
func (t *Table) Measured() (low, high float64) { return t.low, t.high }

// Discharge returns the discharge, m³/s, at a level, m above the datum, and
// whether the level lies outside the measured range. A level below the table's
// zero-flow end gives 0. NaN gives NaN.
func (t *Table) Discharge(level float64) (q float64, extrapolated bool) {
	if math.IsNaN(level) {
		return level, false
	}
	p := t.points
	i := sort.Search(len(p)-2, func(i int) bool { return p[i+1].Level >= level })
	a, b := p[i], p[i+1]
	q = a.Discharge + (level-a.Level)*((b.Discharge-a.Discharge)/(b.Level-a.Level))
	return max(0, q), t.Extrapolates(level)
}

// Level returns the level, m above the datum, at a discharge, m³/s, and whether
// it lies outside the measured range. It is the inverse of Discharge wherever
// that is above 0. NaN gives NaN.
func (t *Table) Level(q float64) (level float64, extrapolated bool) {
	if math.IsNaN(q) {
		return q, false
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
	return level < t.low-tolerance || level > t.high+tolerance
}
