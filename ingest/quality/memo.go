package quality

// A Memo remembers sums of rain within one call of Judge, and keeps the memory for
// the next. The zero value is ready. It must not be shared by calls that run at the
// same time.
type Memo struct {
	call uint64
	sums [][]remembered // by slot, those of a slot when first asked for
}

// A remembered sum is of the call that made it alone.
type remembered struct {
	call      uint64
	from, to  int64
	mm, cover float64
}

// places is how many sums of a gauge are remembered: more than the five-minute
// windows of a day that a storm asks for at once. Others take their place.
const places = 256

func (m *Memo) begin(slots int) {
	m.call++
	for len(m.sums) < slots {
		m.sums = append(m.sums, nil)
	}
}

// at is where a sum stands, or would.
func (m *Memo) at(slot int, from, to int64) *remembered {
	if m.sums[slot] == nil {
		m.sums[slot] = make([]remembered, places)
	}
	return &m.sums[slot][(to/60_000+(to-from)/3_600_000*37)&(places-1)]
}
