package network_test

import (
	"fmt"
	"testing"

	"freshet/forecast/network"
	"freshet/forecast/routing"
)

// A storm through 10,000 reaches; `freshet bench route` measures larger ones.
func BenchmarkRun(b *testing.B) {
	const n, steps, dt = 10000, 96, 300.0
	tree, channels, area := rivers(b, n, 1)
	for _, method := range []string{"cunge", "mct"} {
		b.Run(fmt.Sprintf("method=%s/reaches=%d/steps=%d", method, n, steps), func(b *testing.B) {
			var m interface {
				network.Method
				SetSteady(k int, inflow, outflow float64) error
				Save() []float64
				Restore(saved []float64) error
			}
			var err error
			if method == "cunge" {
				m, err = routing.NewCungeReaches(channels, dt, routing.Previous)
			} else {
				m, err = routing.NewMCTReaches(channels, dt, routing.Current)
			}
			if err != nil {
				b.Fatal(err)
			}
			steady(b, tree, m, lowFlow(area))
			start := m.Save()
			net, err := network.New(tree, m, network.DefaultOptions())
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := m.Restore(start); err != nil {
					b.Fatal(err)
				}
				if _, err := net.Run(&network.Run{Steps: steps, Lateral: storm(area, dt)}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n/steps, "ns/reach-step")
		})
	}
}
