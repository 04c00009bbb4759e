package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"freshet/ingest/feed"
)

func BenchmarkRead(b *testing.B) {
	const rows = 1000
	var table, lines strings.Builder
	table.WriteString("STCD,TM,Z,Q\n")
	for i := range rows {
		at := fmt.Sprintf("2026-06-01 %02d:%02d:00", i/60%24, i%60)
		fmt.Fprintf(&table, "EX80A1%02d,%s,5.21,315.2\n", i%100, at)
		fmt.Fprintf(&lines, "{\"STCD\":\"EX80A1%02d\",\"TM\":%q,\"Z\":5.21,\"Q\":315.2}\n", i%100, at)
	}
	for _, c := range []struct{ name, shape, data string }{
		{"rows=1000/format=csv", river, table.String()},
		{"rows=1000/format=jsonl", strings.Replace(river, "  - station", "  - format: jsonl\n    station", 1), lines.String()},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := parse(b, c.shape)
			b.ReportAllocs()
			values := 0
			for b.Loop() {
				values = 0
				if err := m.Read(strings.NewReader(c.data), func(r feed.Row) error { values += len(r.Raws); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			if values != 2*rows {
				b.Fatalf("%d values", values)
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
