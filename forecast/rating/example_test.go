package rating_test

import (
	"fmt"

	"freshet/forecast/rating"
)

func ExampleNewRanges() {
	r, err := rating.NewRanges([]rating.Range{
		{Low: 0.4, High: 1.4, C: 78, H0: 0.3, B: 1.35}, // m, m, m³/s, m, –
		{Low: 1.4, High: 3.6, C: 44.4, H0: -0.5, B: 1.08},
	}, rating.Options{Datum: "STATION", Low: 0.4, High: 3.6})
	if err != nil {
		fmt.Println(err)
		return
	}
	q, extrapolated := r.Discharge(2)
	fmt.Printf("%.1f m³/s, extrapolated: %v\n", q, extrapolated)
	h, extrapolated := r.Level(250)
	fmt.Printf("%.3f m, extrapolated: %v\n", h, extrapolated)
	// Output:
	// 119.4 m³/s, extrapolated: false
	// 4.454 m, extrapolated: true
}

func ExampleNew() {
	r, err := rating.New([]rating.Point{{Level: 3, Discharge: 10}, {Level: 4, Discharge: 80}, {Level: 6, Discharge: 350}}, "PEARL_RIVER", 3.4, 5.5)
	if err != nil {
		fmt.Println(err)
		return
	}
	q, extrapolated := r.Discharge(5.8)
	fmt.Printf("%.0f m³/s, extrapolated: %v\n", q, extrapolated)
	// Output:
	// 323 m³/s, extrapolated: true
}
