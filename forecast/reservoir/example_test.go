package reservoir_test

import (
	"fmt"
	"time"

	"freshet/forecast/reservoir"
)

// A flood comes in; the plan holds 100 m³/s back as long as the limit level lets
// it.
func Example() {
	r, err := reservoir.New(reservoir.Options{
		Curve: []reservoir.Point{{Level: 60, Volume: 14}, {Level: 80, Volume: 120}, {Level: 100, Volume: 491}}, // m, 10⁶ m³
		Crest: 99,
		Outlets: []reservoir.Outlet{
			{Name: "spillway", Kind: reservoir.Weir, Level: 94, Width: 60, Coefficient: reservoir.BroadCrest},
			{Name: "gates", Kind: reservoir.Gate, Level: 82, Width: 36, Height: 6, Coefficient: 0.62},
			{Name: "power", Kind: reservoir.Turbines, Level: 75, Capacity: 60},
		},
		Rules: reservoir.Rules{Otherwise: reservoir.PassInflow, Downstream: 900},
		Step:  time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	begin := time.Date(2026, 6, 10, 8, 0, 0, 0, time.UTC)
	s, err := r.Start(begin.UnixMilli(), 87.7, 150) // m, m³/s
	if err != nil {
		fmt.Println(err)
		return
	}
	flood := []float64{300, 600, 900, 1100, 900, 600, 300, 200} // m³/s at the end of each hour
	limit := reservoir.LimitOn([]reservoir.Period{{FromMonth: 4, FromDay: 15, ToMonth: 10, ToDay: 15, Level: 88}}, 6, 10)
	limits := make([]float64, len(flood))
	for i := range limits {
		limits[i] = limit
	}
	out := make([]reservoir.Step, len(flood))
	if _, err = r.Route(s, reservoir.Inputs{
		Inflow: flood, Limit: limits,
		Plan: []reservoir.Order{{From: begin.UnixMilli(), Until: begin.Add(6 * time.Hour).UnixMilli(), Release: 100}},
	}, out); err != nil {
		fmt.Println(err)
		return
	}
	for i, x := range out {
		_, en := x.Bound.Text()
		fmt.Printf("%d h: asked %.0f, passed %.0f m³/s, %.3f m, %s\n", i+1, x.Asked, x.Outflow, x.Level, en)
	}
	// Output:
	// 1 h: asked 100, passed 100 m³/s, 87.724 m, as planned
	// 2 h: asked 100, passed 100 m³/s, 87.792 m, as planned
	// 3 h: asked 100, passed 100 m³/s, 87.918 m, as planned
	// 4 h: asked 100, passed 579 m³/s, 88.000 m, raised by the limit level
	// 5 h: asked 100, passed 900 m³/s, 88.019 m, cut by what the river below bears
	// 6 h: asked 100, passed 850 m³/s, 88.000 m, raised by the limit level
	// 7 h: asked 450, passed 450 m³/s, 88.000 m, no order, inflow passed
	// 8 h: asked 250, passed 250 m³/s, 88.000 m, no order, inflow passed
}
