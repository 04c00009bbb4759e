package rain

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
