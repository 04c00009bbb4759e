package rain_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/rain"
)

// boxHolds is the rule of rectangles: the western and southern edges are inside.
func boxHolds(b [4]float64, p rain.Place) bool {
	return p.Lon >= b[0] && p.Lon < b[2] && p.Lat >= b[1] && p.Lat < b[3]
}

// A rectangle is its polygon, to the last bit and on its edges and corners, however
// that is wound, begun and closed.
func TestABoxIsItsPolygon(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		degree := rapid.OneOf(rapid.Float64Range(112, 113), rapid.Map(rapid.IntRange(0, 10), func(i int) float64 { return 112 + float64(i)/10 }))
		var boxes [][4]float64
		var cells, polygons []rain.Cell
		for range rapid.IntRange(1, 12).Draw(t, "boxes") {
			x := rapid.SliceOfNDistinct(degree, 2, 2, rapid.ID[float64]).Draw(t, "lon")
			y := rapid.SliceOfNDistinct(degree, 2, 2, rapid.ID[float64]).Draw(t, "lat")
			slices.Sort(x)
			slices.Sort(y)
			boxes = append(boxes, [4]float64{x[0], y[0], x[1], y[1]})
			cells = append(cells, rain.Box(x[0], y[0], x[1], y[1]))
			ring := []rain.Place{{Lon: x[0], Lat: y[0]}, {Lon: x[0], Lat: y[1]}, {Lon: x[1], Lat: y[1]}, {Lon: x[1], Lat: y[0]}}
			polygons = append(polygons, rain.Polygon(turn(t, ring)))
		}
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rain.Place {
			return rain.Place{Lon: degree.Draw(t, "lon"), Lat: degree.Draw(t, "lat")}
		}), 1, 60).Draw(t, "points")
		want, held := make([]float64, len(boxes)), 0.0
		for _, p := range points {
			if i := slices.IndexFunc(boxes, func(b [4]float64) bool { return boxHolds(b, p) }); i >= 0 {
				want[i]++
				held++
			}
		}
		for i := range want {
			want[i] /= max(1, held)
		}
		share, coverage := rain.Shares(points, cells)
		if diff := cmp.Diff(want, share); diff != "" || coverage != held/float64(len(points)) {
			t.Fatalf("boxes: coverage %g\n%s", coverage, diff)
		}
		again, same := rain.Shares(points, polygons)
		if diff := cmp.Diff(share, again); diff != "" || same != coverage {
			t.Fatalf("polygons: coverage %g, boxes %g\n%s", same, coverage, diff)
		}
	})
}

// turn begins a ring elsewhere, and may wind it the other way and close it.
func turn(t *rapid.T, ring []rain.Place) []rain.Place {
	at := rapid.IntRange(0, len(ring)-1).Draw(t, "begin")
	out := slices.Concat(ring[at:], ring[:at])
	if rapid.Bool().Draw(t, "other way") {
		slices.Reverse(out)
	}
	if rapid.Bool().Draw(t, "closed") {
		out = append(out, out[0])
	}
	return out
}

// A mesh of crooked quadrangles and triangles that fills [112, 113] × [22, 23].
func mesh(t *rapid.T) []rain.Cell {
	n := rapid.IntRange(1, 6).Draw(t, "mesh")
	at := make([][]rain.Place, n+1)
	for i := range at {
		at[i] = make([]rain.Place, n+1)
		for j := range at[i] {
			at[i][j] = rain.Place{Lon: 112 + float64(i)/float64(n), Lat: 22 + float64(j)/float64(n)}
			shift := func(name string) float64 {
				return rapid.Float64Range(-0.2, 0.2).Draw(t, name) / float64(n)
			}
			if i > 0 && i < n && j > 0 && j < n {
				at[i][j].Lon += shift("east")
				at[i][j].Lat += shift("north")
			}
		}
	}
	var cells []rain.Cell
	for i := range n {
		for j := range n {
			a, b, c, d := at[i][j], at[i+1][j], at[i+1][j+1], at[i][j+1]
			if rapid.Bool().Draw(t, "cut") {
				cells = append(cells, rain.Polygon(turn(t, []rain.Place{a, b, c})), rain.Polygon(turn(t, []rain.Place{a, c, d})))
				continue
			}
			cells = append(cells, rain.Polygon(turn(t, []rain.Place{a, b, c, d})))
		}
	}
	return cells
}

// Cells that fill an area hold each of its points once, also those on their edges and
// corners; so the areal mean of a field is the mean over the points of its cells.
func TestATessellationHoldsEachPointOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := mesh(t)
		on := rapid.OneOf(rapid.Float64Range(0, 0.9999), rapid.Map(rapid.IntRange(0, 11), func(i int) float64 { return float64(i) / 12 }))
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rain.Place {
			return rain.Place{Lon: 112 + on.Draw(t, "lon"), Lat: 22 + on.Draw(t, "lat")}
		}), 1, 200).Draw(t, "points")
		if a, b, k, ok := rain.Overlap(points, cells); ok {
			t.Fatalf("cells %d and %d both hold %v", a, b, points[k])
		}
		share, coverage := rain.Shares(points, cells)
		if coverage != 1 {
			t.Fatalf("coverage %g of an area that the cells fill", coverage)
		}
		sum, mean, want := 0.0, 0.0, 0.0
		for i, s := range share {
			sum += s
			mean += s * float64(i*i)
		}
		for _, p := range points {
			want += float64(math.Pow(float64(slices.IndexFunc(cells, func(c rain.Cell) bool { return c.Holds(p) })), 2)) / float64(len(points))
		}
		if math.Abs(sum-1) > 1e-12 || math.Abs(mean-want) > 1e-9*(1+want) {
			t.Fatalf("shares sum to %g, areal mean %g, that of the points %g", sum, mean, want)
		}
	})
}

// Of cells that leave gaps, the shares sum to 1 over what they cover.
func TestSharesOfPolygonsSumToTheirCoverage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := mesh(t)
		var cells []rain.Cell
		for _, c := range all {
			if rapid.Bool().Draw(t, "given") {
				cells = append(cells, c)
			}
		}
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rain.Place {
			return rain.Place{Lon: rapid.Float64Range(111.8, 113.2).Draw(t, "lon"), Lat: rapid.Float64Range(21.8, 23.2).Draw(t, "lat")}
		}), 1, 100).Draw(t, "points")
		share, coverage := rain.Shares(points, cells)
		sum, held := 0.0, 0
		for i, s := range share {
			sum += s
			for _, p := range points {
				if cells[i].Holds(p) {
					held++
				}
			}
		}
		if coverage != float64(held)/float64(len(points)) || coverage > 0 && math.Abs(sum-1) > 1e-12 || coverage == 0 && sum != 0 {
			t.Fatalf("shares sum to %g at coverage %g of %d points held", sum, coverage, held)
		}
	})
}

func TestRingsAreHolesAndParts(t *testing.T) {
	square := func(w, s, e, n float64) []rain.Place { return []rain.Place{{w, s}, {e, s}, {e, n}, {w, n}} }
	c := rain.Polygon(square(1, 1, 5, 5), square(2, 2, 3, 3), square(8, 1, 9, 2))
	for _, x := range []struct {
		name string
		at   rain.Place
		want bool
	}{
		{"inside", rain.Place{Lon: 4, Lat: 4}, true},
		{"in the hole", rain.Place{Lon: 2.5, Lat: 2.5}, false},
		{"on the hole's southern edge", rain.Place{Lon: 2.5, Lat: 2}, false},
		{"on the hole's northern edge", rain.Place{Lon: 2.5, Lat: 3}, true},
		{"in a part that lies apart", rain.Place{Lon: 8.5, Lat: 1.5}, true},
		{"between the parts", rain.Place{Lon: 6, Lat: 1.5}, false},
		{"a place that is none", rain.Place{Lon: nan, Lat: 4}, false},
	} {
		if got := c.Holds(x.at); got != x.want {
			t.Errorf("%s: held %v", x.name, got)
		}
	}
	if empty := (rain.Cell{}); empty.Holds(rain.Place{}) {
		t.Error("the empty cell holds a place")
	}
}

func TestAnOverlapIsFound(t *testing.T) {
	a, b, k, ok := rain.Overlap(points, []rain.Cell{rain.Box(111, 21, 112.15, 23), rain.Box(112.15, 21, 113, 23), rain.Polygon([]rain.Place{{112.15, 21.5}, {112.35, 21.5}, {112.25, 22.9}})})
	if a != 1 || b != 2 || k != 2 || !ok {
		t.Errorf("cells %d and %d at point %d, %v", a, b, k, ok)
	}
}
