package storetest

import (
	"fmt"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

// BenchmarkWrite measures durable writes of observations as the archive makes
// them: the series of 400 stations side by side, each batch later than the one
// before, some flagged and explained.
func BenchmarkWrite(b *testing.B, open func(*testing.B) store.Store) {
	for _, size := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := open(b)
			batch := make([]hydro.Observation, size)
			written, seconds := 0, 0
			for b.Loop() {
				fillBatch(batch, seconds)
				seconds++
				if err := s.WriteObservations(b.Context(), basin, batch); err != nil {
					b.Fatal(err)
				}
				written += size
			}
			b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "points/s")
		})
	}
}

var benchStations = func() (ids [400]string) {
	for i := range ids {
		ids[i] = fmt.Sprintf("station-%03d", i)
	}
	return ids
}()

func fillBatch(batch []hydro.Observation, seconds int) {
	at := noon.Add(time.Duration(seconds) * time.Minute)
	for i := range batch {
		v := float64((seconds*7+i*13)%100_000) / 1000
		o := hydro.Observation{
			Reading: hydro.Reading{
				Key: hydro.Key{Station: benchStations[i%len(benchStations)], Variable: hydro.WaterLevel},
				At:  at.Add(time.Duration(i/len(benchStations)) * time.Second), Raw: v, Value: v, Datum: hydro.PearlRiver,
			},
			Quality: hydro.Pass, ReceivedAt: at.Add(90 * time.Second),
		}
		if i%50 == 0 {
			o.Quality, o.Tests, o.Why = hydro.Suspect, hydro.TestStep, "rose 1.23 m in 5 min, more than 1.00 m in 5 min"
		}
		batch[i] = o
	}
}

// BenchmarkRead measures reads of one series of 10,000 observations.
func BenchmarkRead(b *testing.B, open func(*testing.B) store.Store) {
	const n = 10_000
	s := open(b)
	batch := make([]hydro.Observation, n)
	for i := range batch {
		batch[i] = level("a", i, float64(i)/8)
	}
	if err := s.WriteObservations(b.Context(), basin, batch); err != nil {
		b.Fatal(err)
	}
	read := 0
	for b.Loop() {
		for _, err := range s.Observations(b.Context(), key("a"), noon, noon.Add(n*time.Minute)) {
			if err != nil {
				b.Fatal(err)
			}
			read++
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "points/s")
}
