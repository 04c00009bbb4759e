package xinanjiang_test

import (
	"fmt"
	"time"

	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
)

// A storm of six hours over 200 km², hour by hour to the outlet. The constants are
// per day, whatever the step.
func ExampleModel_Step() {
	const dt, area = 3600.0, 200.0
	model, err := xinanjiang.New(xinanjiang.Parameters{
		K: 0.9, WUM: 20, WLM: 70, WDM: 50, C: 0.15, B: 0.3, IM: 0.02,
		SM: 25, EX: 1.3, KI: 0.35, KG: 0.35, CI: 0.7, CG: 0.98,
	}, dt)
	if err != nil {
		fmt.Println(err)
		return
	}
	channels, err := xinanjiang.NewConcentration(0.01, 1.5*3600, dt)
	if err != nil {
		fmt.Println(err)
		return
	}
	rain := []float64{4, 12, 25, 18, 6, 2, 0, 0, 0, 0}
	flow := make([]float64, len(rain)+len(channels.Lag))
	state, store := model.Start(0.8), 0.0 // both are all that a stored run needs, with what is in flow
	for i, mm := range rain {
		var f xinanjiang.Flux
		state, f = model.Step(state, mm, 0.1)
		var out float64
		store, out = channels.Step(store, f.Total())
		channels.Lag.Add(flow[i:], out*area/3.6) // mm per hour over km² as m³/s
	}
	fmt.Printf("%.0f m³/s\n%.0f mm of tension water\n", flow[:len(rain)], state.Upper+state.Lower+state.Deep)
	// Output:
	// [0 1 6 39 95 128 125 108 90 74] m³/s
	// 140 mm of tension water
}

// Surface runoff by a unit hydrograph, the slow flows straight to the outlet.
func ExampleFlux() {
	model, err := xinanjiang.New(xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, WDM: 40, C: 0.1, B: 0.3, SM: 20, EX: 1.5, KI: 0.3, KG: 0.4, CI: 0.6, CG: 0.98}, 3600)
	if err != nil {
		fmt.Println(err)
		return
	}
	uh, err := unithydrograph.Given([]float64{0.2, 0.5, 0.3}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	outlet := make([]float64, 8)
	state := model.Start(1)
	for i, rain := range []float64{30, 10, 0, 0} {
		var f xinanjiang.Flux
		state, f = model.Step(state, rain, 0)
		uh.Add(outlet[i:], f.Surface)
		outlet[i] += f.Interflow + f.Groundwater
	}
	fmt.Printf("%.2f mm\n", outlet[:4])
	// Output: [2.41 7.59 7.53 2.37] mm
}

func ExampleMonthly() {
	table := xinanjiang.Monthly{1.2, 1.5, 2.1, 3.0, 3.8, 4.4, 5.1, 4.9, 4.0, 3.2, 2.2, 1.4}
	if err := table.Check(); err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, time.July, 3, 14, 0, 0, 0, time.FixedZone("CST", 8*3600))
	fmt.Printf("%.3f mm in the hour to %s\n", table.Depth(at, 3600), at.Format("15:04"))
	// Output: 0.212 mm in the hour to 14:00
}
