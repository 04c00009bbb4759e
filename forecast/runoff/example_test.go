package runoff_test

import (
	"fmt"
	"log"

	"freshet/forecast/runoff"
)

// Two hours of rain on a catchment that is three quarters full.
func ExampleModel_Step() {
	const dt = 3600 // s
	m, err := runoff.New(runoff.Parameters{
		Capacity: 120, Exponent: 0.3, Impervious: 0.02, Evaporation: 3, BaseShare: 0.2, BaseRecession: 48 * 3600,
	}, dt)
	if err != nil {
		log.Fatal(err)
	}
	s := runoff.State{Tension: 90}
	for _, mm := range []float64{30, 30, 0} {
		var f runoff.Flux
		s, f = m.Step(s, mm)
		fmt.Printf("%2.0f mm of rain: %4.1f mm run off at once, %.2f mm slowly; the soil holds %.1f mm\n", mm, f.Fast, f.Slow, s.Tension)
	}
	// Output:
	// 30 mm of rain:  8.6 mm run off at once, 0.02 mm slowly; the soil holds 109.6 mm
	// 30 mm of rain: 15.7 mm run off at once, 0.08 mm slowly; the soil holds 120.0 mm
	//  0 mm of rain:  0.0 mm run off at once, 0.12 mm slowly; the soil holds 119.9 mm
}
