package bench

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// One run of the model with 50 members, 72 h at 10 min, on one and on two goroutines.
func BenchmarkMembers(b *testing.B) {
	for _, method := range []string{"muskingum", "mct"} {
		o := ensembleOptions()
		o.Reaches, o.SubBasins, o.Members, o.Method = 1000, 200, 50, method
		m, err := newMembers(o)
		if err != nil {
			b.Fatal(err)
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("method=%s/workers=%d/reaches=%d/subs=%d/members=%d", method, workers, o.Reaches, o.SubBasins, o.Members), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := m.run(workers); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// The whole forecast, and not its peak alone: bands and chances are joined from what
// goroutines did.
func TestARunDoesNotDependOnTheWorkers(t *testing.T) {
	for _, method := range []string{"muskingum", "mct"} {
		o := ensembleOptions()
		o.Reaches, o.SubBasins, o.Steps, o.Method = 30, 15, 72, method
		b, err := newMembers(o)
		if err != nil {
			t.Fatal(err)
		}
		one, err := b.run(1)
		if err != nil {
			t.Fatal(err)
		}
		if method == "muskingum" && (len(one.Stations) < 2 || one.BandStep == 0) {
			t.Errorf("%s: %d stations, bands each %v: %q", method, len(one.Stations), one.BandStep, one.Notes)
		}
		for _, workers := range []int{2, 5} {
			many, err := b.run(workers)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(one, many, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("%s: %d workers (-one +many):\n%s", method, workers, diff)
			}
		}
		r, err := Members(o)
		if err != nil || !(r.MeanPeak > 1) || r.Seconds != 1 {
			t.Errorf("%s: %+v, %v", method, r, err)
		}
	}
}
