package updating_test

import (
	"fmt"

	"freshet/forecast/runoff"
	"freshet/forecast/updating"
)

// A gauge below a diversion that the model does not know of.
func ExampleCorrector_Correct() {
	c, err := updating.NewCorrector(6*3600, 3600, updating.Parts{})
	if err != nil {
		fmt.Println(err)
		return
	}
	past, seen := make([]float64, 240), make([]float64, 240) // ten days
	for i := range past {
		past[i] = 100 + float64(i%24)
		seen[i] = 0.75 * past[i]
	}
	var e updating.Error // stored between runs
	e = c.Correct(e, past, seen, make([]float64, len(past)))

	forecast := []float64{100, 120, 140} // the model's next three hours
	c.Carry(e, forecast, forecast)
	l := c.Loss(&e)
	fmt.Printf("%.0f %% lost, applied: %v\nforecast %.0f m³/s\n", 100*l.Share, l.Applied, forecast)
	// Output:
	// 25 % lost, applied: true
	// forecast [75 90 105] m³/s
}

// A storm whose runoff was twice what the model made of it.
func ExampleMoisture_Adjust() {
	m, err := runoff.New(runoff.Parameters{Capacity: 120, Exponent: 0.3}, 3600)
	if err != nil {
		fmt.Println(err)
		return
	}
	volume := func(store float64) float64 {
		s, sum := runoff.State{Tension: store}, 0.0
		for range 6 {
			var f runoff.Flux
			s, f = m.Step(s, 8)
			sum += f.Fast
		}
		return sum
	}
	adjust, err := updating.NewMoisture(1, 0.1, 0.5, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	a := adjust.Adjust(60, 120, 2*volume(60), volume)
	fmt.Printf("%.1f mm of runoff are missing; %v: %.0f mm more in the soil\n", a.Before, a.Why, a.Moved)
	// Output:
	// 10.8 mm of runoff are missing; adjusted: 34 mm more in the soil
}
