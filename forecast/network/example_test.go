package network_test

import (
	"fmt"
	"log"

	"freshet/forecast/network"
	"freshet/forecast/routing"
)

// Two tributaries meet in a main stem, from the head of which a canal takes water.
func Example() {
	tree, err := network.NewTree([]int{2, 2, -1}) // reaches 0 and 1 flow into 2
	if err != nil {
		log.Fatal(err)
	}
	brook := routing.Channel{Length: 3000, Slope: 0.002, Bottom: 6, Top: 12, Compound: 40, N: 0.045, NCompound: 0.09, Side: 0.5}
	river := routing.Channel{Length: 5000, Slope: 0.0008, Bottom: 15, Top: 30, Compound: 120, N: 0.035, NCompound: 0.07, Side: 0.5}
	const dt = 900 // s
	reaches, err := routing.NewMCTReaches(network.Arrange(tree, []routing.Channel{brook, brook, river}), dt, routing.Current)
	if err != nil {
		log.Fatal(err)
	}
	local := network.Arrange(tree, []float64{2, 3, 0}) // m³/s, steady before the rain
	outlet := tree.Len() - 1
	for k, q := range tree.Accumulate(local) {
		if err := reaches.SetSteady(k, q-local[k], q); err != nil {
			log.Fatal(err)
		}
	}
	net, err := network.New(tree, reaches, network.DefaultOptions())
	if err != nil {
		log.Fatal(err)
	}
	taken := make([]float64, 48)
	_, err = net.Run(&network.Run{
		Steps: len(taken), // 12 h
		Lateral: func(k, from int, q []float64) {
			for t := range q {
				q[t] = local[k]
				if step := from + t; step < 8 && k != outlet {
					q[t] += 20 // a storm of two hours
				}
			}
		},
		Diversions: []network.Diversion{{Reach: outlet, Demand: []float64{4}, Keep: 3, Taken: taken}},
		Flow: func(k, from int, q []float64) {
			for t := range q {
				if hour := float64(from+t+1) * dt / 3600; k == outlet && hour == float64(int(hour)) && int(hour)%2 == 0 {
					fmt.Printf("%2.0f h  %5.1f m³/s\n", hour, q[t])
				}
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("diverted at first %.1f m³/s, at last %.1f m³/s\n", taken[0], taken[len(taken)-1])
	// Output:
	// 2 h   35.4 m³/s
	//  4 h    9.5 m³/s
	//  6 h    3.8 m³/s
	//  8 h    3.1 m³/s
	// 10 h    3.0 m³/s
	// 12 h    3.0 m³/s
	// diverted at first 4.0 m³/s, at last 2.0 m³/s
}
