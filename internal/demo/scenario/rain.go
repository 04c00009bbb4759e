package scenario

import (
	"math"
	"math/rand/v2"
)

// A cell is one convective cell: a Gaussian of rain that is born, moves and
// dies.
type cell struct {
	born, life float64 // h after the start; h
	x, y       float64 // at birth, km east and north of the origin
	u, v       float64 // km/h
	sigma      float64 // km
	peak       float64 // mm/h
}

// The origin of the plane, somewhere in the middle of the basin.
const originLon, originLat = 112.5, 22.3

func toPlane(lon, lat float64) (x, y float64) {
	const kmPerDegree = 111.195
	return (lon - originLon) * kmPerDegree * math.Cos(originLat*math.Pi/180), (lat - originLat) * kmPerDegree
}

// A rainField is the rain of the storm at any place and time.
type rainField struct {
	cells []cell
	scale float64 // of all rain; 1 before the total is known
}

// stormTotal is the areal rain of the 96 hours, mm. Cells are scaled to it, so
// that every seed makes a flood of about the same size, if not at the same
// places.
const stormTotal = 140

// newRainField draws the cells: a first band that wets the ground, a lull, the
// main rain that trains along the river from Enping to Kaiping, and a tail.
func newRainField(r *rand.Rand) rainField {
	jitter := func(x, by float64) float64 { return x + by*(2*r.Float64()-1) }
	f := rainField{scale: 1}
	for i := range 8 { // the first band, hours 2 to 10
		f.cells = append(f.cells, cell{
			born: jitter(2+float64(i)*0.9, 0.3), life: jitter(2.6, 0.4),
			x: jitter(-56+13*float64(i), 5), y: jitter(-12+6*float64(i%4), 8),
			u: jitter(12, 3), v: jitter(3, 2), sigma: jitter(14, 2), peak: jitter(17, 4),
		})
	}
	for i := range 24 { // the main rain, hours 14 to 28
		f.cells = append(f.cells, cell{
			born: jitter(14+float64(i)*0.55, 0.2), life: jitter(2.6, 0.4),
			x: jitter(-62+float64(i*29%84), 6), y: jitter(-26+float64(i*11%44), 6),
			u: jitter(11, 3), v: jitter(5, 2), sigma: jitter(11.5, 2), peak: jitter(24, 7),
		})
	}
	for i := range 4 { // the tail, hours 28 to 34
		f.cells = append(f.cells, cell{
			born: jitter(28+float64(i)*1.2, 0.3), life: jitter(2.4, 0.4),
			x: jitter(-40+22*float64(i), 8), y: jitter(-4, 12),
			u: jitter(16, 4), v: jitter(3, 3), sigma: jitter(13, 2), peak: jitter(12, 3),
		})
	}
	return f
}

// rate returns the rain in mm/h at a place of the plane, h hours after the
// start.
func (f rainField) rate(x, y, h float64) float64 {
	// Drizzle of the trough, hours 1 to 34.
	sum := 0.0
	if h > 1 && h < 34 {
		sum = 1.6 * math.Sin((h-1)/33*math.Pi)
	}
	for i := range f.cells {
		c := &f.cells[i]
		age := h - c.born
		if age <= 0 || age >= c.life {
			continue
		}
		dx, dy := x-c.x-c.u*age, y-c.y-c.v*age
		d2 := (dx*dx + dy*dy) / (2 * c.sigma * c.sigma)
		if d2 > 12 {
			continue
		}
		grow := math.Sin(age / c.life * math.Pi)
		sum += c.peak * grow * grow * math.Exp(-d2)
	}
	return sum * f.scale
}

// over returns the rain in mm over the five minutes that end at step i.
func (f rainField) over(x, y float64, i int) float64 {
	if i == 0 {
		return 0
	}
	return f.rate(x, y, (float64(i)-0.5)*stepHours) * stepHours
}
