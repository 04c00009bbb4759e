package rain

// A Cell is an area that a value of a rain forecast stands for: what lies in an
// odd number of its rings. So a hole is a ring within another, and parts that lie
// apart are rings beside each other. The zero value is empty.
type Cell struct {
	rings                    [][]Place
	west, south, east, north float64
}

// Polygon returns the cell of rings of straight lines in longitude and latitude,
// degrees WGS84. Each is closed by itself, whether its last place is its first
// again or not; which way it winds does not matter. The rings are kept, not
// copied. They should not cross themselves or each other, and not the 180th
// meridian.
func Polygon(rings ...[]Place) Cell {
	c := Cell{rings: rings}
	first := true
	for _, ring := range rings {
		for _, p := range ring {
			if first {
				c.west, c.south, c.east, c.north = p.Lon, p.Lat, p.Lon, p.Lat
				first = false
			}
			c.west, c.east = min(c.west, p.Lon), max(c.east, p.Lon)
			c.south, c.north = min(c.south, p.Lat), max(c.north, p.Lat)
		}
	}
	return c
}

// Box returns the cell of a rectangle in degrees, WGS84.
func Box(west, south, east, north float64) Cell {
	return Polygon([]Place{{west, south}, {east, south}, {east, north}, {west, north}})
}

// Holds reports whether a place is in the cell. Of a place on an edge it is true
// of the cell to the east, or to the north of an edge that runs from west to east:
// of cells that share their edges, corner by corner, exactly one holds it.
func (c *Cell) Holds(p Place) bool {
	if !(p.Lon >= c.west && p.Lon < c.east && p.Lat >= c.south && p.Lat < c.north) {
		return false
	}
	in := false
	for _, ring := range c.rings {
		for i, b := range ring {
			a := ring[(i+len(ring)-1)%len(ring)]
			if (a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lon < meets(a, b, p.Lat) {
				in = !in
			}
		}
	}
	return in
}

// meets returns the longitude at which the edge from a to b, which is not level,
// meets a latitude: the same to the last bit for the edge from b to a, so that
// neighbours agree, and on any processor.
func meets(a, b Place, lat float64) float64 {
	if a.Lat > b.Lat {
		a, b = b, a
	}
	lon := a.Lon + float64((b.Lon-a.Lon)*((lat-a.Lat)/(b.Lat-a.Lat)))
	return min(max(lon, min(a.Lon, b.Lon)), max(a.Lon, b.Lon))
}

// Shares returns the share of each cell in a catchment that is sampled by points
// of equal area, summing to 1, or all 0 where no cell holds a point; and the
// coverage, the share of the points that a cell holds. Each point takes the first
// cell that holds it; points that none holds take the mean of the others.
func Shares(points []Place, cells []Cell) (share []float64, coverage float64) {
	share = make([]float64, len(cells))
	near := nearby(points, cells)
	covered := 0
	for _, p := range points {
		for _, i := range near {
			if cells[i].Holds(p) {
				share[i]++
				covered++
				break
			}
		}
	}
	if covered == 0 {
		return share, 0
	}
	for i := range share {
		share[i] /= float64(covered)
	}
	return share, float64(covered) / float64(len(points))
}

// Overlap returns two cells, a before b, that hold one point, and the index of the
// first such point; ok is false where no point is held twice.
func Overlap(points []Place, cells []Cell) (a, b, point int, ok bool) {
	near := nearby(points, cells)
	for k, p := range points {
		a = -1
		for _, i := range near {
			switch {
			case !cells[i].Holds(p):
			case a < 0:
				a = i
			default:
				return a, i, k, true
			}
		}
	}
	return 0, 0, 0, false
}

// nearby returns the indices of the cells that may hold one of the points.
func nearby(points []Place, cells []Cell) []int {
	var out []int
	all := Polygon(points)
	for i := range cells {
		if c := &cells[i]; len(points) > 0 && c.west <= all.east && all.west < c.east && c.south <= all.north && all.south < c.north {
			out = append(out, i)
		}
	}
	return out
}
