package rain

// A Box is a rectangle in degrees, WGS84. Its western and southern edges are
// inside.
type Box struct {
	West, South, East, North float64
}

// Shares returns the share of each box in a catchment that is sampled by points
// of equal area, summing to 1, or all 0 where no box holds a point; and the
// coverage, the share of the points that a box holds. Each point takes the first
// box that holds it; points that none holds take the mean of the others.
func Shares(points []Place, boxes []Box) (share []float64, coverage float64) {
	share = make([]float64, len(boxes))
	covered := 0
	for _, p := range points {
		for i := range boxes {
			if b := &boxes[i]; p.Lon >= b.West && p.Lon < b.East && p.Lat >= b.South && p.Lat < b.North {
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

// Spread writes to depth the rain, mm, of each step of stepMS ms, the first of
// which begins at fromMS (Unix milliseconds), of values whose steps are valueMS
// long, the first beginning at valuesFromMS. Each value is spread evenly over its
// step; what lies outside values is dry. So the sum is kept: what of values lies
// within depth's time is in depth. It panics unless both steps are above 0.
func Spread(values []float64, valuesFromMS, valueMS, fromMS, stepMS int64, depth []float64) {
	if valueMS <= 0 || stepMS <= 0 {
		panic("rain: a step is not above 0")
	}
	clear(depth)
	end := fromMS + int64(len(depth))*stepMS
	for i, v := range values {
		a := valuesFromMS + int64(i)*valueMS
		b := min(a+valueMS, end)
		a = max(a, fromMS)
		if v == 0 || a >= b {
			continue
		}
		for t := int((a - fromMS) / stepMS); a < b; t++ {
			to := min(b, fromMS+int64(t+1)*stepMS)
			depth[t] += v * (float64(to-a) / float64(valueMS))
			a = to
		}
	}
}
