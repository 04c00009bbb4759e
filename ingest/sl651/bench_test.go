package sl651_test

import (
	"testing"
	"time"

	"freshet/ingest/sl651"
)

// BenchmarkDecode reads foreign frames out of a stream, takes their bodies apart
// and makes readings of them.
func BenchmarkDecode(b *testing.B) {
	var stream []byte
	n := 0
	for _, raw := range frames(b) {
		if f, _, err := sl651.DecodeFrame(raw); err == nil && f.Packets == 0 {
			stream = append(stream, raw...)
			n++
		}
	}
	set := settings(b, "defaults: {department: hydrology, datum: STATION, bases: {F5: 0}, behind: 200000h}")
	received := time.Date(2026, 7, 1, 6, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		do   func(f sl651.Frame)
	}{
		{"frames", func(sl651.Frame) {}},
		{"messages", func(f sl651.Frame) { _, _ = sl651.Parse(f) }},
		{"readings", func(f sl651.Frame) {
			m, _ := sl651.Parse(f)
			set.Read(m, received)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			var s sl651.Splitter
			total := 0
			for b.Loop() {
				s.Write(stream)
				for {
					f, ok := s.Next()
					if !ok {
						break
					}
					total++
					c.do(f)
				}
			}
			if total != n*b.N {
				b.Fatalf("%d frames, want %d", total, n*b.N)
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "frames/s")
			b.ReportMetric(float64(total)/float64(b.N), "frames/op")
		})
	}
}
