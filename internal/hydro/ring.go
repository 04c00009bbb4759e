package hydro

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Bounds of the outlines of a rain forecast's cells, positions of all their rings.
// The wire contract states them.
const (
	MaxCellPositions = 4_000
	MaxRainPositions = 40_000 // 640 kB on the log
)

// A Ring is a line of longitudes and latitudes in degrees, WGS84, that ends where
// it began: its last position is its first one again.
type Ring [][2]float64

// A touch of two lines closer than this, degrees (0.1 mm), is no crossing: what
// two programs make of one corner differs by as much.
const touching = 1e-9

// checkRings says what is wrong with the rings of a cell, or returns nil.
func checkRings(path string, rings []Ring) *FieldError {
	n := 0
	for j, r := range rings {
		at := fmt.Sprintf("%s.rings[%d].lon_lat", path, j)
		if n += len(r); n > MaxCellPositions {
			return field(at, "more than %d positions in one cell: simplify its outline", MaxCellPositions)
		}
		for k, p := range r {
			if p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90 {
				continue
			}
			if math.Abs(p[1]) <= 180 && math.Abs(p[0]) <= 90 {
				return field(at, "position %d: longitude %g, latitude %g: are the two swapped?", k, p[0], p[1])
			}
			return field(at, "position %d: longitude %g, latitude %g: want -180 to 180 and -90 to 90", k, p[0], p[1])
		}
		switch {
		case len(r) < 4:
			return field(at, "%d positions: a ring has 4 at least, the last one the first again", len(r))
		case r[0] != r[len(r)-1]:
			return field(at, "not closed: it begins at %g %g and ends at %g %g: give the first position again at its end", r[0][0], r[0][1], r[len(r)-1][0], r[len(r)-1][1])
		case r.area() < touching*touching:
			return field(at, "encloses no area")
		}
	}
	if a, b, ok := crossing(rings); ok {
		at := fmt.Sprintf("%s.rings[%d].lon_lat", path, b.ring)
		if a.ring == b.ring {
			return field(at, "crosses itself: the line from position %d, %s, crosses that from position %d, %s", a.from, a, b.from, b)
		}
		return field(at, "crosses rings[%d]: the line from position %d, %s, crosses that from its position %d, %s", a.ring, b.from, b, a.from, a)
	}
	return nil
}

// area is the area in square degrees, whichever way the ring winds.
func (r Ring) area() float64 {
	sum := 0.0
	for i := 1; i+1 < len(r); i++ {
		sum += side(r[0], r[i], r[i+1])
	}
	return math.Abs(sum) / 2
}

// An edge is the line between two positions of a ring.
type edge struct {
	ring, from int
	a, b       [2]float64
}

func (e edge) String() string { return fmt.Sprintf("%g %g to %g %g", e.a[0], e.a[1], e.b[0], e.b[1]) }

// crossing returns two edges that cross, the earlier one first, or false if none
// do. Edges that touch do not cross. It goes from west to east, so that it compares
// only those that share a longitude.
func crossing(rings []Ring) (first, second edge, ok bool) {
	var edges []edge
	for j, r := range rings {
		for i := 1; i < len(r); i++ {
			edges = append(edges, edge{j, i - 1, r[i-1], r[i]})
		}
	}
	slices.SortStableFunc(edges, func(x, y edge) int { return cmp.Compare(min(x.a[0], x.b[0]), min(y.a[0], y.b[0])) })
	for i, x := range edges {
		east := max(x.a[0], x.b[0])
		for _, y := range edges[i+1:] {
			if min(y.a[0], y.b[0]) > east {
				break
			}
			if max(x.a[1], x.b[1]) < min(y.a[1], y.b[1]) || max(y.a[1], y.b[1]) < min(x.a[1], x.b[1]) {
				continue
			}
			if x.parts(y.a, y.b) && y.parts(x.a, x.b) {
				if y.ring < x.ring || y.ring == x.ring && y.from < x.from {
					x, y = y, x
				}
				return x, y, true
			}
		}
	}
	return edge{}, edge{}, false
}

// parts reports whether the edge's line lies between two places.
func (e edge) parts(p, q [2]float64) bool {
	near := touching * (math.Abs(e.b[0]-e.a[0]) + math.Abs(e.b[1]-e.a[1]))
	s, t := side(e.a, e.b, p), side(e.a, e.b, q)
	return s > near && t < -near || s < -near && t > near
}

// side is above 0 of a place to the left of the line from a to b. It is the same
// on any processor.
func side(a, b, p [2]float64) float64 {
	return float64((b[0]-a[0])*(p[1]-a[1])) - float64((b[1]-a[1])*(p[0]-a[0]))
}
