package bench

import (
	"testing"

	"freshet/ingest"
	"freshet/internal/journal"
)

// BenchmarkIngestPath is the road from a gateway to the disk without engine and
// store behind it: client, gRPC, rules, normaliser, group commit, log.
func BenchmarkIngestPath(b *testing.B) {
	run := func(b *testing.B, log ingest.Log) {
		o := options()
		o.Streams, o.Readings, o.Frame, o.Basins = 8, 2_000_000, 1000, 1
		address := serve(b, &o, log)
		total := 0
		for b.Loop() {
			r, err := Ingest(b.Context(), address, o)
			if err != nil {
				b.Fatal(err)
			}
			total += r.Readings
		}
		b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "readings/s")
	}
	b.Run("streams=8/frame=1000/log=jetstream", func(b *testing.B) {
		j, err := journal.Open(b.Context(), journal.Options{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = j.Close() }()
		if err := j.EnsureBasin(b.Context(), "bench-0"); err != nil {
			b.Fatal(err)
		}
		run(b, j)
	})
	b.Run("streams=8/frame=1000/log=none", func(b *testing.B) { run(b, &countingLog{}) })
}
