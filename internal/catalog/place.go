package catalog

import "math"

// samplePoints is about how many points stand for a sub-basin.
const samplePoints = 100

// samplePolygon returns a regular grid of about samplePoints longitudes and
// latitudes inside a polygon (even-odd rule, closed by itself), and at least
// one point: the mean of the corners if the grid misses a sliver.
func samplePolygon(ring [][2]float64) [][2]float64 {
	lo, hi := ring[0], ring[0]
	for _, p := range ring {
		for i := range p {
			lo[i], hi[i] = min(lo[i], p[i]), max(hi[i], p[i])
		}
	}
	box := (hi[0] - lo[0]) * (hi[1] - lo[1])
	fill := 0.5
	if box > 0 {
		fill = math.Abs(ringArea(ring)) / box
	}
	cells := samplePoints / max(fill, 0.05)
	// Cells as square on the ground as a degree grid allows.
	width := (hi[0] - lo[0]) * math.Cos((lo[1]+hi[1])/2*math.Pi/180)
	height := hi[1] - lo[1]
	if width <= 0 || height <= 0 {
		return [][2]float64{middle(ring)}
	}
	nx := min(400, max(1, int(math.Round(math.Sqrt(cells*width/height)))))
	ny := min(400, max(1, int(math.Round(cells/float64(nx)))))
	var out [][2]float64
	for j := range ny {
		for i := range nx {
			p := [2]float64{
				lo[0] + (hi[0]-lo[0])*(float64(i)+0.5)/float64(nx),
				lo[1] + (hi[1]-lo[1])*(float64(j)+0.5)/float64(ny),
			}
			if inRing(ring, p) {
				out = append(out, p)
			}
		}
	}
	if len(out) == 0 {
		return [][2]float64{middle(ring)}
	}
	return out
}

func middle(ring [][2]float64) [2]float64 {
	var m [2]float64
	for _, p := range ring {
		m[0] += p[0] / float64(len(ring))
		m[1] += p[1] / float64(len(ring))
	}
	return m
}

// ringArea is the signed area of a ring in square degrees (shoelace formula).
func ringArea(ring [][2]float64) float64 {
	var a float64
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		a += p[0]*q[1] - q[0]*p[1]
	}
	return a / 2
}

func inRing(ring [][2]float64, p [2]float64) bool {
	in := false
	for i, a := range ring {
		b := ring[(i+1)%len(ring)]
		if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0]-a[0])*(p[1]-a[1])/(b[1]-a[1])+a[0] {
			in = !in
		}
	}
	return in
}

const kmPerDegree = 111.195 // of latitude, on a sphere of 6371 km

// sampleDisc returns a sunflower pattern of samplePoints points that fills the
// disc of that area in km².
func sampleDisc(centre [2]float64, area float64) [][2]float64 {
	radius := math.Sqrt(area/math.Pi) / kmPerDegree
	squeeze := math.Max(0.01, math.Cos(centre[1]*math.Pi/180))
	golden := math.Pi * (3 - math.Sqrt(5))
	out := make([][2]float64, samplePoints)
	for i := range out {
		r := radius * math.Sqrt((float64(i)+0.5)/samplePoints)
		sin, cos := math.Sincos(float64(i) * golden)
		// Rounded to about 0.1 m, so that the points do not depend on the
		// last bit of a processor's sine.
		out[i] = [2]float64{round6(centre[0] + r*cos/squeeze), round6(centre[1] + r*sin)}
	}
	return out
}

func round6(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// Distance returns the great-circle distance of two longitudes and latitudes
// in km, on a sphere of 6371 km (haversine formula).
func Distance(a, b [2]float64) float64 {
	const rad = math.Pi / 180
	dLat, dLon := (b[1]-a[1])*rad, (b[0]-a[0])*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(a[1]*rad)*math.Cos(b[1]*rad)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * 6371 * math.Asin(math.Min(1, math.Sqrt(h)))
}
