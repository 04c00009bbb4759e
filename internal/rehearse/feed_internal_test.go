package rehearse

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/ingest/accumulation"
	"freshet/internal/hydro"
)

// Rain is summed up as accumulations are, whatever gaps and doubts there are.
func TestRainOfTheWalkIsSummedUpAsAccumulationsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		f := feed{}
		for range rapid.IntRange(0, 200).Draw(t, "reports") {
			interval := rapid.SampledFrom([]int32{300, 600, 3600}).Draw(t, "interval")
			at += int64(interval)*1000 + rapid.SampledFrom([]int64{0, 0, 0, 60_000, 7_200_000}).Draw(t, "gap")
			f.all = append(f.all, hydro.Sample{
				At: at, Interval: interval, Value: rapid.Float64Range(0, 20).Draw(t, "mm"),
				Quality: rapid.SampledFrom([]hydro.Quality{hydro.Pass, hydro.Pass, hydro.Suspect, hydro.Fail}).Draw(t, "quality"),
			})
		}
		f.history.Samples = f.all
		if f.total(); f.fell == nil && len(f.all) > 0 {
			t.Fatal("reports that do not overlap are said to")
		}
		now := at + rapid.Int64Range(0, 7_200_000).Draw(t, "later")
		for _, s := range accumulation.Sums(&f.history, time.UnixMilli(now), 0, nil, nil) {
			if s.Window == 0 || len(f.all) == 0 {
				continue
			}
			mm, coverage := f.within(s.Window.Milliseconds(), now)
			if math.Abs(mm-s.Rain) > 1e-6 || math.Abs(coverage-s.Coverage) > 1e-9 {
				t.Fatalf("%v: %g mm of %g, accumulations say %g of %g", s.Window, mm, coverage, s.Rain, s.Coverage)
			}
		}
		if len(f.all) > 1 {
			f.all = slices.Clone(f.all)
			f.all[1].At, f.all[1].Interval, f.all[0].Quality, f.all[1].Quality = f.all[0].At+1000, 300, hydro.Pass, hydro.Pass
			f.fell = nil
			if f.total(); f.fell != nil {
				t.Fatal("reports that overlap are said not to")
			}
		}
	})
}
