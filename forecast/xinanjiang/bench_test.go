package xinanjiang_test

import (
	"testing"

	"freshet/forecast/xinanjiang"
)

// Basin-steps on one core, over 1,000 basins whose states lie side by side. The
// seasons: dry (evaporation alone), wet (every step has rain and runoff from both
// curves), and a flood season's mix with rain in one step of four.
func BenchmarkStep(b *testing.B) {
	const basins = 1000
	for _, season := range []struct {
		name  string
		rainy func(step int) bool
	}{
		{"dry", func(int) bool { return false }},
		{"mixed", func(i int) bool { return i%4 == 0 }},
		{"wet", func(int) bool { return true }},
	} {
		b.Run(season.name+"/basins=1000", func(b *testing.B) {
			models := make([]xinanjiang.Model, basins)
			states := make([]xinanjiang.State, basins)
			for i := range models {
				share := float64(i) / basins
				m, err := xinanjiang.New(xinanjiang.Parameters{K: 0.9, WUM: 20, WLM: 70, WDM: 40 + 20*share, C: 0.15, B: 0.2 + 0.3*share, IM: 0.02, SM: 15 + 20*share, EX: 1.2, KI: 0.35, KG: 0.35, CI: 0.8, CG: 0.98}, 600)
				if err != nil {
					b.Fatal(err)
				}
				models[i], states[i] = m, m.Start(0.5+0.4*share)
			}
			b.ReportAllocs()
			var sum float64
			n := 0
			for b.Loop() {
				rain := 0.0
				if season.rainy(n) {
					rain = 0.5
				}
				n++
				for i := range models {
					var f xinanjiang.Flux
					states[i], f = models[i].Step(states[i], rain, 0.02)
					sum += f.Total()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*basins), "ns/basin-step")
			if !(sum > 0 || season.name == "dry") {
				b.Fatal("no runoff")
			}
		})
	}
}
