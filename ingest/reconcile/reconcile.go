// Package reconcile compares what a gateway has sent of a series in a day with
// what the history holds of it: by count and hash, and where these differ
// reading by reading. It is pure; the wire contract (proto: SeriesDay) defines
// the hash.
package reconcile

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
)

// An Item is one reading as it was sent.
type Item struct {
	At       int64   // Unix ms
	Interval uint32  // s; 0 for instantaneous values
	Raw      float64 // in the variable's unit, on the datum it was sent on
}

// same compares bits: a value that is not a number equals itself.
func (i Item) same(o Item) bool {
	return i.At == o.At && i.Interval == o.Interval && math.Float64bits(i.Raw) == math.Float64bits(o.Raw)
}

// Sort orders items by instant; of several at one instant the one that stands
// last stays. It works in place and returns the shortened slice.
func Sort(items []Item) []Item {
	slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(a.At, b.At) })
	kept := items[:0]
	for i, it := range items {
		if i+1 < len(items) && items[i+1].At == it.At {
			continue
		}
		kept = append(kept, it)
	}
	return kept
}

// Hash returns the hash of sorted items.
func Hash(items []Item) uint64 {
	h := fnv.New64a()
	var b [20]byte
	for _, it := range items {
		binary.BigEndian.PutUint64(b[:8], uint64(it.At))
		binary.BigEndian.PutUint32(b[8:12], it.Interval)
		binary.BigEndian.PutUint64(b[12:], math.Float64bits(it.Raw))
		_, _ = h.Write(b[:]) // never fails
	}
	return h.Sum64()
}

// A Difference is what two copies of a day disagree on.
type Difference struct {
	Missing []Item // sent and not held
	Changed []Item // held with another value or interval, as sent
	Extra   []Item // held and never sent by this gateway
}

// Equal reports whether nothing differs.
func (d Difference) Equal() bool { return len(d.Missing)+len(d.Changed)+len(d.Extra) == 0 }

// Compare compares sorted items that were sent with sorted items that are held.
func Compare(sent, held []Item) Difference {
	var d Difference
	for len(sent) > 0 && len(held) > 0 {
		s, h := sent[0], held[0]
		switch {
		case s.At < h.At:
			d.Missing, sent = append(d.Missing, s), sent[1:]
		case s.At > h.At:
			d.Extra, held = append(d.Extra, h), held[1:]
		default:
			if !s.same(h) {
				d.Changed = append(d.Changed, s)
			}
			sent, held = sent[1:], held[1:]
		}
	}
	d.Missing, d.Extra = append(d.Missing, sent...), append(d.Extra, held...)
	return d
}
