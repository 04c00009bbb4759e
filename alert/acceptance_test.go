package alert_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"freshet/alert"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// alone returns the catalogue of one station of the shipped Tanjiang, with its
// stage table and the basin's settings as they are shipped, its reports every so
// often.
func alone(t *testing.T, c *catalog.Catalog, id string, every time.Duration) *catalog.Catalog {
	t.Helper()
	s, ok := c.Station(id)
	table, staged := c.StageTable(id, start.AddDate(3, 0, 0))
	if !ok || !staged {
		t.Fatalf("no station %s with a stage table", id)
	}
	basin := c.Basins[0]
	basin.ID = "b"
	one := *s
	one.Basin = "b"
	one.Parameters = []catalog.Parameter{{Variable: hydro.WaterLevel, Interval: every}}
	return &catalog.Catalog{Basins: []catalog.Basin{basin}, Stations: []catalog.Station{one}, StageTables: []catalog.StageTable{*table}}
}

// flaps counts how often each stage was entered from below and left downwards.
type flaps struct{ raised, lowered [hydro.Red + 1]int }

func (f *flaps) add(t *testing.T, w hydro.Warning) {
	t.Helper()
	if !w.Raised() && !w.Lowered() {
		t.Fatalf("a warning that neither raises nor lowers: %s", w.ReasonEN)
	}
	for s := w.From + 1; s <= w.To; s++ {
		f.raised[s]++
	}
	for s := w.To + 1; s <= w.From; s++ {
		f.lowered[s]++
	}
}

// Acceptance 1 of the duty desk: a crest that stands for 6 h around a threshold
// and is read with ±2 cm of noise gives one raise and one lower of each stage up
// to it and none above, at every one of 1,000 seeds, at every threshold, with
// the settings and tables that are shipped.
func TestNoiseAroundEachThresholdGivesOneRaiseAndOneLowerPerStage(t *testing.T) {
	shipped, err := catalog.LoadDir("../deploy/catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	begin := start.AddDate(3, 0, 0)
	type gauge struct {
		rules *alert.Rules
		every time.Duration
		steps []float64
		key   hydro.Key
	}
	var gauges []gauge
	for i := range shipped.StageTables {
		table := &shipped.StageTables[i]
		var steps []float64
		for _, h := range table.Thresholds {
			if h.Variable == hydro.WaterLevel {
				steps = append(steps, h.Value)
			}
		}
		if len(steps) != 4 {
			continue // a rain table
		}
		for _, every := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
			gauges = append(gauges, gauge{mustCompile(t, alone(t, shipped, table.Station, every)), every, steps, hydro.Key{Station: table.Station, Variable: hydro.WaterLevel}})
		}
	}
	if len(gauges) != 20 {
		t.Fatalf("%d gauges, want ten stations with reports every 5 and every 10 min", len(gauges))
	}
	crests := 0
	for seed := range uint64(1000) {
		for crest := hydro.Blue; crest <= hydro.Red; crest++ {
			draw := rand.New(rand.NewPCG(seed, uint64(crest)))
			g := &gauges[draw.IntN(len(gauges))]
			top := g.steps[crest-hydro.Blue]
			level := slices.Concat(
				ramp(top-1.5-draw.Float64(), top, int(time.Duration(30+draw.IntN(120))*time.Minute/g.every)),
				ramp(top, top, int(6*time.Hour/g.every)),
				ramp(top, g.steps[0]-1, int(time.Duration(90+draw.IntN(120))*time.Minute/g.every)),
				ramp(g.steps[0]-1, g.steps[0]-1, int(90*time.Minute/g.every)),
			)
			var (
				h    hydro.History
				got  flaps
				now  = begin
				s    = g.rules.Start(begin)
				seen = func(hydro.Key) *hydro.History { return &h }
			)
			h.Put(hydro.Sample{At: now.UnixMilli(), Value: g.steps[0] - 1, Quality: hydro.Pass}) // seen, and clear, before it rises
			s, _ = g.rules.Evaluate(s, alert.Evidence{Now: now, History: seen})
			for _, z := range level {
				now = now.Add(g.every)
				h.Put(hydro.Sample{At: now.UnixMilli(), Value: z + 0.04*draw.Float64() - 0.02, Quality: hydro.Pass})
				var warnings []hydro.Warning
				s, warnings = g.rules.Evaluate(s, alert.Evidence{Now: now.Add(time.Second), History: seen})
				for _, w := range warnings {
					got.add(t, w)
				}
			}
			for stage := hydro.Blue; stage <= hydro.Red; stage++ {
				want := 0
				if stage <= crest {
					want = 1
				}
				if got.raised[stage] != want || got.lowered[stage] != want {
					t.Errorf("seed %d, %s every %s, crest at %s %g m: %s raised %d and lowered %d times, want %d each",
						seed, g.key.Station, g.every, crest, top, stage, got.raised[stage], got.lowered[stage], want)
				}
			}
			crests++
		}
	}
	t.Logf("%d crests", crests)
}

// ramp returns n values that go from a to b, the last of them b.
func ramp(a, b float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = a + (b-a)*float64(i+1)/float64(n)
	}
	return out
}
