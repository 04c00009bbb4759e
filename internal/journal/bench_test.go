package journal_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

func openBench(b *testing.B) *journal.Journal {
	b.Helper()
	j, err := journal.Open(b.Context(), journal.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := j.EnsureBasin(b.Context(), basin); err != nil {
		b.Fatal(err)
	}
	return j
}

func perSecond(b *testing.B, perOp int, unit string) {
	b.ReportMetric(float64(perOp)*float64(b.N)/b.Elapsed().Seconds(), unit)
}

// BenchmarkAppendInput appends 64 kB messages, each synced, from some
// goroutines at a time.
func BenchmarkAppendInput(b *testing.B) {
	data := make([]byte, 64<<10)
	src := rand.NewChaCha8([32]byte{})
	if _, err := io.ReadFull(src, data); err != nil {
		b.Fatal(err)
	}
	in := hydro.Input{Catalogue: &hydro.CatalogueChange{At: start, Files: []hydro.File{{Data: data}}}}
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("size=64k/writers=%d", writers), func(b *testing.B) {
			j := openBench(b)
			for b.Loop() {
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						if _, err := j.AppendInput(b.Context(), basin, in); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
			}
			perSecond(b, writers, "msg/s")
		})
	}
}

// BenchmarkPublish publishes outputs of one input after the other, pipelined.
func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct {
		name string
		out  hydro.Output
	}{
		{"warning", warning(1)},
		{"observations=100", observations(100)},
		{"observations=10000", observations(10_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			j := openBench(b)
			p := j.Publisher(basin, journal.Position{})
			seq := uint64(0)
			for b.Loop() {
				seq++
				if err := p.Publish(b.Context(), seq, []hydro.Output{c.out}); err != nil {
					b.Fatal(err)
				}
			}
			if err := p.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			perSecond(b, 1, "msg/s")
		})
	}
}

// BenchmarkOutputs reads what is there, as a recovering archive does.
func BenchmarkOutputs(b *testing.B) {
	const n = 2000
	j := openBench(b)
	p := j.Publisher(basin, journal.Position{})
	for i := range n {
		if err := p.Publish(b.Context(), uint64(i+1), []hydro.Output{observations(100)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		read := 0
		for _, err := range j.Outputs(b.Context(), basin, 0) {
			if err != nil {
				b.Fatal(err)
			}
			if read++; read == n {
				break
			}
		}
	}
	perSecond(b, n, "msg/s")
}
