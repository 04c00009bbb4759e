package reconcile_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/ingest/reconcile"
)

func drawDay(t *rapid.T) []reconcile.Item {
	return reconcile.Sort(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) reconcile.Item {
		return reconcile.Item{
			At: rapid.Int64Range(0, 400).Draw(t, "at"), Interval: rapid.SampledFrom([]uint32{0, 300, 3600}).Draw(t, "interval"),
			Raw: rapid.Float64().Draw(t, "raw"),
		}
	}), 0, 60).Draw(t, "items"))
}

// Whatever is taken out, changed or put in is found, each by its name, and only
// that; and the hash tells whether there is anything to find.
func TestEveryDifferenceIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := drawDay(t)
		var want reconcile.Difference
		var held []reconcile.Item
		for _, it := range sent {
			switch rapid.SampledFrom([]string{"keep", "keep", "keep", "drop", "value", "interval"}).Draw(t, "fault") {
			case "drop":
				want.Missing = append(want.Missing, it)
				continue
			case "value":
				want.Changed = append(want.Changed, it)
				it.Raw = -it.Raw // another bit pattern, of 0 and of what is not a number too
			case "interval":
				want.Changed = append(want.Changed, it)
				it.Interval++
			}
			held = append(held, it)
		}
		for _, it := range drawDay(t) {
			if !slices.ContainsFunc(sent, func(s reconcile.Item) bool { return s.At == it.At }) {
				want.Extra = append(want.Extra, it)
				held = append(held, it)
			}
		}
		held = reconcile.Sort(held)
		got := reconcile.Compare(sent, held)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("differences (-want +got):\n%s", diff)
		}
		if same := reconcile.Hash(sent) == reconcile.Hash(held); same != got.Equal() {
			t.Fatalf("hashes equal: %t, readings equal: %t", same, got.Equal())
		}
	})
}

// The value that was sent last counts, in whatever order instants came.
func TestTheLastValueOfAnInstantCounts(t *testing.T) {
	got := reconcile.Sort([]reconcile.Item{{At: 2, Raw: 1}, {At: 1, Raw: 5}, {At: 2, Raw: 2}})
	if want := []reconcile.Item{{At: 1, Raw: 5}, {At: 2, Raw: 2}}; !cmp.Equal(got, want) {
		t.Errorf("Sort = %v, want %v", got, want)
	}
}
