package routing_test

import (
	"fmt"
	"log"
	"math"

	"freshet/forecast/routing"
)

// A flood of six hours through a reach of four hours, in sub-reaches chosen for
// stability.
func ExampleMuskingum_Route() {
	reach, err := routing.NewMuskingum(4*3600, 0.2, 3600, 0)
	if err != nil {
		log.Fatal(err)
	}
	in := []float64{10, 40, 90, 120, 80, 40, 20, 10, 10, 10}
	out := make([]float64, len(in))
	reach.Route(reach.Steady(10), in, out)
	fmt.Println(reach.SubReaches(), "sub-reaches")
	fmt.Printf("%.1f\n", out)
	// Output:
	// 2 sub-reaches
	// [10.0 10.1 11.5 20.6 40.0 61.7 70.0 64.6 52.6 39.6]
}

// One step by the conventions of t-route, with all that it reports.
func ExampleCunge_Step() {
	reach, err := routing.NewCunge(routing.Channel{
		Length: 1549, Slope: 0.006, Bottom: 2.769, Top: 4.615, Compound: 13.845, N: 0.06, NCompound: 0.12, Side: 0.5944,
	}, 300)
	if err != nil {
		log.Fatal(err)
	}
	s := reach.Step(1.0, 1.2, 0.9, 0.05, 0.25)
	fmt.Printf("%.4f m³/s, %.4f m deep, %.4f m/s, Courant number %.4f\n", s.Outflow, s.Depth, s.Velocity, s.Courant)
	// Output:
	// 0.8042 m³/s, 0.3935 m deep, 0.5956 m/s, Courant number 0.1692
}

// The balance of a reach closes at every step, whatever the flood.
func ExampleMCT_Step() {
	reach, err := routing.NewMCT(routing.Channel{
		Length: 2000, Slope: 0.001, Bottom: 10, Top: 20, Compound: 80, N: 0.04, NCompound: 0.08, Side: 0.5,
	}, 900)
	if err != nil {
		log.Fatal(err)
	}
	s, err := reach.Steady(10, 10)
	if err != nil {
		log.Fatal(err)
	}
	var tally routing.Tally
	for _, inflow := range []float64{20, 60, 120, 90, 50, 30, 20} {
		before := s
		if _, err := reach.Step(&s, inflow, 0, &tally); err != nil {
			log.Fatal(err)
		}
		stored := s.Storage - before.Storage - 900*(before.Inflow+s.Inflow-before.Outflow-s.Outflow)/2
		fmt.Printf("%5.1f m³/s out, %.2f m, balanced: %t\n", s.Outflow, s.Depth, math.Abs(stored) < 1e-6)
	}
	// Output:
	// 9.4 m³/s out, 1.38 m, balanced: true
	//  20.0 m³/s out, 2.39 m, balanced: true
	//  40.6 m³/s out, 3.27 m, balanced: true
	//  72.6 m³/s out, 3.29 m, balanced: true
	//  79.7 m³/s out, 3.03 m, balanced: true
	//  71.5 m³/s out, 2.72 m, balanced: true
	//  54.0 m³/s out, 2.29 m, balanced: true
}

// A travel time of two and a half steps, then a reservoir.
func ExampleLag_Route() {
	reach, err := routing.NewLag(2.5*3600, 3600, 3600)
	if err != nil {
		log.Fatal(err)
	}
	q := []float64{0, 60, 0, 0, 0, 0, 0, 0}
	reach.Route(reach.Steady(0), q, q)
	fmt.Printf("%.1f\n", q)
	// Output:
	// [0.0 0.0 0.0 10.0 23.3 17.8 5.9 2.0]
}

// An intake that asks for 12 m³/s, can take 10, and must leave 5 to the river.
func ExampleDiversion_Take() {
	intake := routing.Diversion{Demand: 12, Capacity: 10, Keep: 5}
	for _, arriving := range []float64{3, 9, 40} {
		taken, left := intake.Take(arriving)
		fmt.Println(taken, left)
	}
	// Output:
	// 0 3
	// 4 5
	// 10 30
}
