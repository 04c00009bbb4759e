package server

import (
	"runtime"
	"testing"
	"time"
	"weak"
)

// What one reader who stands still keeps in memory is a page, however much the
// feed goes on.
func TestAReaderWhoStandsStillKeepsNoMoreThanAPage(t *testing.T) {
	const kept, n = 100, 5000
	alive := func(stand bool) (count int) {
		b := &basinTail{id: "b"}
		now := time.Unix(1, 0)
		b.now.Store(&now)
		tl := &tail{kept: kept, basins: map[string]*basinTail{"b": b}, changed: make(chan struct{})}
		v := &view{totals: new(counts)}
		b.view.Store(v)
		r := &reader{place: place{basin: "b"}, tail: b, filter: &feedFilter{}}
		var items []weak.Pointer[item]
		for seq := uint64(1); seq <= n; seq++ {
			i := &item{seq: seq, proto: make([]byte, 100)}
			items = append(items, weak.Make(i))
			v = v.with([]*item{i}, kept)
			tl.publish(b, v)
			if stand && seq == kept { // takes what there is, sends one, and stands
				if err := tl.fill(t.Context(), r); err != nil || len(r.items) != pageItems || r.take() == nil {
					t.Fatalf("%d items taken: %v", len(r.items), err)
				}
			}
		}
		runtime.GC()
		for _, i := range items {
			if i.Value() != nil {
				count++
			}
		}
		runtime.KeepAlive(b)
		runtime.KeepAlive(r)
		return count
	}
	without, with := alive(false), alive(true)
	if without < kept || without > 3*kept || with <= without || with > without+pageItems {
		t.Errorf("of %d items %d are in memory, %d with a reader who stands still: %d more at most", n, without, with, pageItems)
	}
	t.Logf("%d items in memory, %d with a reader who stands still", without, with)
}
