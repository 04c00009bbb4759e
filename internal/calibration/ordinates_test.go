package calibration_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"freshet/internal/calibration"
)

// Ordinates that were fitted to hourly rows are hourly ones in a basin that is computed
// every 10 min: rain that is even within its hours gives the same flow at each full hour.
func TestFittedOrdinatesAreThoseOfTheDataAtAnotherStep(t *testing.T) {
	const area = 36.0 // 1 mm/h is 10 m³/s
	storm := make([]float64, 30)
	copy(storm[1:], []float64{2, 9, 14, 30, 11, 4, 1})
	u := []float64{0.1, 0.4, 0.3, 0.2}
	flow := make([]float64, len(storm))
	for i, r := range storm {
		for k, share := range u {
			if i+k < len(flow) {
				flow[i+k] += 10 * share * max(0, r-3.5)
			}
		}
	}
	o := options(record(t, "rain,flow", june, time.Hour, storm, flow), "phi")
	o.Area, o.Evaluations, o.Warmup, o.Concentration, o.Ordinates = area, 2000, 0, "ordinates", 6
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Fragment, "\n      ordinates_step: 1h\n") {
		t.Errorf("the fragment does not say the step:\n%s", r.Fragment)
	}
	hourly := forecastOf(t, r.Fragment, "wilson", time.Hour, june, 0, storm)
	var often []float64
	for _, v := range storm {
		for range 6 {
			often = append(often, v/6)
		}
	}
	got := forecastOf(t, r.Fragment, "wilson", 10*time.Minute, june.Add(-50*time.Minute), 0, often)
	for i, want := range hourly {
		if q := got[6*i+5]; math.Abs(q-want) > 1e-6 {
			t.Errorf("hour %d: %g m³/s every 10 min, %g hourly", i, q, want)
		}
	}
}
