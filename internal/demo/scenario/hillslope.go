package scenario

import "math"

// A hillslope is one place of a sub-basin; depths in mm over its area.
type hillslope struct {
	x, y float64 // km

	conductivity float64 // saturated, mm/h
	suction      float64 // ψ·Δθ of Green and Ampt, mm
	room         float64 // mm of water that the soil can take before it is full
	alpha        float64 // of sheet flow, mm^(-2/3)/h

	infiltrated float64 // since the start of the storm, mm
	soil        float64 // drainable water, mm
	sheet       float64 // on the surface, mm
}

// step takes rain in mm/h for dt hours and returns runoff and interflow in
// mm/h, and what percolates.
func (s *hillslope) step(rain, dt float64) (runoff, recharge float64) {
	capacity := s.conductivity * (1 + s.suction/max(1, s.infiltrated))
	supply := rain + s.sheet/dt
	into := max(0, min(capacity, supply, (s.room-s.soil)/dt))
	s.infiltrated += into * dt
	s.soil += into * dt
	s.sheet += (rain - into) * dt
	s.sheet = max(0, s.sheet)
	over := min(s.sheet/dt, s.alpha*math.Pow(s.sheet, 5.0/3))
	s.sheet -= over * dt
	between := s.soil / 30 // interflow, 30 h
	deep := s.soil / 110   // to the ground water
	evaporation := 0.12    // mm/h
	s.soil = max(0, s.soil-(between+deep+evaporation)*dt)
	// The suction front relaxes when it is dry.
	s.infiltrated = max(10, s.infiltrated*(1-dt/60))
	return over + between, deep
}

// A catchment is a sub-basin: hillslopes, ground water and the streams that
// gather them.
type catchment struct {
	id     string
	area   float64 // km²
	slopes []hillslope
	ground float64    // mm
	stream [2]float64 // stores, m³
	lag    float64    // of each store at 1 m³/s per km², h
}

const groundHours = 1100 // e-folding time of the ground water

// baseYield is the flow before the storm, m³/s per km².
const baseYield = 0.03

func (c *catchment) start() {
	c.ground = baseYield * 3.6 * groundHours // mm that yield it
	for i := range c.stream {
		c.stream[i] = c.storeOf(baseYield * c.area)
	}
}

// The stream stores empty as Q = Qr·(S/Sr)^(5/4), with Qr 1 m³/s per km² and Sr
// what passes at that flow within the lag.
func (c *catchment) storeOf(q float64) float64 {
	return c.area * c.lag * 3600 * math.Pow(q/c.area, 0.8)
}

// step takes the rain on each hillslope in mm/h for dt hours and returns the
// flow at the outlet in m³/s.
func (c *catchment) step(rain []float64, dt float64) float64 {
	var runoff, recharge float64
	for i := range c.slopes {
		s := &c.slopes[i]
		o, d := s.step(rain[i], dt)
		runoff += o / float64(len(c.slopes))
		recharge += d / float64(len(c.slopes))
	}
	base := c.ground / groundHours
	c.ground += (recharge - base) * dt
	q := (runoff + base) * c.area / 3.6 // mm/h on km² to m³/s
	for i := range c.stream {
		s := c.stream[i]
		out := min(s/(dt*3600), c.area*math.Pow(s/(c.area*c.lag*3600), 1.25))
		c.stream[i] = s + (q-out)*dt*3600
		q = out
	}
	return q
}
