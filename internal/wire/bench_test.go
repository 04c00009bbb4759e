package wire_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// batchOf returns n readings as gateways send them: forty stations in turn,
// most of them rain.
func batchOf(n int) []hydro.Reading {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	rs := make([]hydro.Reading, n)
	for i := range rs {
		r := hydro.Reading{Key: hydro.Key{Station: fmt.Sprintf("GD-ST-%03d", i%40)}, At: at.Add(time.Duration(i/40) * 5 * time.Minute), Value: float64(i%100) / 10}
		switch i % 40 % 3 {
		case 0:
			r.Variable, r.Datum = hydro.WaterLevel, hydro.PearlRiver
		default:
			r.Variable, r.Interval = hydro.Rain, 5*time.Minute
		}
		r.Raw = r.Value
		rs[i] = r
	}
	return rs
}

func observationsOf(n int) []hydro.Observation {
	os := make([]hydro.Observation, n)
	for i, r := range batchOf(n) {
		os[i] = hydro.Observation{Reading: r, Quality: hydro.Pass, ReceivedAt: r.At.Add(time.Second)}
		if i%50 == 0 {
			os[i].Quality, os[i].Tests, os[i].Why = hydro.Suspect, hydro.TestStep, "rose 2.1 m in 5 min, limit 1.5 m"
		}
	}
	return os
}

func perReading(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/reading")
}

func BenchmarkEncodeInput(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprintf("readings=%d", n), func(b *testing.B) {
			in := hydro.Input{Batch: &hydro.Batch{Basin: "tanjiang", ReceivedAt: time.UnixMilli(1), Readings: batchOf(n)}}
			b.ReportAllocs()
			var size int
			for b.Loop() {
				data, err := wire.EncodeInput(in)
				if err != nil {
					b.Fatal(err)
				}
				size = len(data)
			}
			perReading(b, n)
			b.ReportMetric(float64(size)/float64(n), "B/reading")
		})
	}
}

func BenchmarkDecodeInput(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprintf("readings=%d", n), func(b *testing.B) {
			data, err := wire.EncodeInput(hydro.Input{Batch: &hydro.Batch{Basin: "tanjiang", ReceivedAt: time.UnixMilli(1), Readings: batchOf(n)}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.DecodeInput(data); err != nil {
					b.Fatal(err)
				}
			}
			perReading(b, n)
		})
	}
}

func BenchmarkEncodeOutput(b *testing.B) {
	const n = 10000
	out := hydro.Output{Observations: observationsOf(n)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.EncodeOutput(1, 0, out); err != nil {
			b.Fatal(err)
		}
	}
	perReading(b, n)
}

func BenchmarkDecodeOutput(b *testing.B) {
	const n = 10000
	data, err := wire.EncodeOutput(1, 0, hydro.Output{Observations: observationsOf(n)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := wire.DecodeOutput(data); err != nil {
			b.Fatal(err)
		}
	}
	perReading(b, n)
}

func BenchmarkHydrologyRaw(b *testing.B) {
	const n = 1000
	reports := make([]*freshetv1.HydrologyReport, n)
	for i := range reports {
		reports[i] = &freshetv1.HydrologyReport{
			Station: "80810100", ObservedAt: unixMS(int64(i) + 1), WaterLevel: proto.Float64(1), Datum: "PEARL_RIVER", Discharge: proto.Float64(2),
		}
	}
	var raws []hydro.Raw
	b.ReportAllocs()
	for b.Loop() {
		raws = wire.HydrologyRaw(raws[:0], reports)
	}
	perReading(b, 2*n)
}
