package quality

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Hours is a set of hours of the recent past, by their number modulo 128: more
// than what an engine remembers. The zero value is empty.
type Hours [2]uint64

const hourMS = 3_600_000

// Add puts the hour of an instant, in Unix milliseconds, into the set.
func (h *Hours) Add(at int64) { h.set(floorHour(at)) }

// AllHours returns the set of all hours.
func AllHours() Hours { return Hours{^uint64(0), ^uint64(0)} }

func (h *Hours) set(hour int64) { h[hour>>6&1] |= 1 << (hour & 63) }

func (h *Hours) has(hour int64) bool { return h[hour>>6&1]&(1<<(hour&63)) != 0 }

func (h Hours) empty() bool { return h[0]|h[1] == 0 }

func (h Hours) or(o Hours) Hours { return Hours{h[0] | o[0], h[1] | o[1]} }

// spread returns h and, for each hour in it, so many before and after.
func (h Hours) spread(before, after int) Hours {
	switch {
	case h.empty():
		return h
	case before+after >= 127:
		return AllHours()
	}
	var out Hours
	for i, word := range h {
		for ; word != 0; word &= word - 1 {
			hour := int64(64*i + bits.TrailingZeros64(word))
			for d := -before; d <= after; d++ {
				out.set(hour + int64(d) + 128)
			}
		}
	}
	return out
}

func floorHour(at int64) int64 {
	if at < 0 {
		return (at+1)/hourMS - 1
	}
	return at / hourMS
}

// A Series is what a Network sees of one series.
type Series struct {
	History *hydro.History // nil: nothing was ever reported
	Datum   hydro.Datum
	Changed *Hours // in which samples came or changed since the Network last judged
}

// A Network holds the tests that compare the series of a basin with each other.
// It is made from a catalogue, never changed, and safe for concurrent use.
type Network struct {
	slots []slot
	index map[hydro.Key]int
	rules catalog.Neighbours
}

// A slot is one series, and what its tests compare it with.
type slot struct {
	key     hydro.Key
	station *catalog.Station
	limits  limits
	sources []source

	window     int64 // ms of the sums of rain that are compared
	neighbours []neighbour
	twins      []twin
	day        time.Duration // when the hydrological day begins
	level      int           // of storage: the slot of its level, else -1
	curve      []catalog.LevelVolume
	gauges     []int // above a level
}

// A source is a series that a verdict hangs on: what changes in an hour changes
// verdicts from so many hours before to so many after it.
type source struct{ slot, before, after int }

type neighbour struct {
	slot   int
	weight float64
}

type twin struct {
	slot    int
	station string
	limit   float64
}

// NewNetwork returns the tests of a basin.
func NewNetwork(c *catalog.Catalog, basin string) *Network {
	n := &Network{index: map[hydro.Key]int{}}
	b, ok := c.Basin(basin)
	if !ok {
		return n
	}
	n.rules = b.Settings.Neighbours
	for i := range c.Stations {
		st := &c.Stations[i]
		if st.Basin != basin {
			continue
		}
		for k := range st.Parameters {
			p := &st.Parameters[k]
			n.add(st, p, p.Variable, b)
			if p.Variable == hydro.RainCounter {
				n.add(st, FollowingRain(st, p), hydro.Rain, b)
			}
		}
	}
	n.joinRain()
	for i := range c.Sites {
		n.joinSite(c, &c.Sites[i])
	}
	for i := range b.Reservoirs {
		n.joinReservoir(&b.Reservoirs[i])
	}
	n.joinLevels()
	return n
}

// FollowingRain returns the parameter of the rain that follows from a counter:
// what the catalogue says of rain of that sensor, or the counter's interval.
func FollowingRain(st *catalog.Station, counter *catalog.Parameter) *catalog.Parameter {
	for i := range st.Parameters {
		if p := &st.Parameters[i]; p.Variable == hydro.Rain && p.Sensor == counter.Sensor {
			return p
		}
	}
	return &catalog.Parameter{Variable: hydro.Rain, Sensor: counter.Sensor, Interval: counter.Interval, Maintenance: counter.Maintenance}
}

func (n *Network) add(st *catalog.Station, p *catalog.Parameter, v hydro.Variable, b *catalog.Basin) {
	k := hydro.Key{Station: st.ID, Variable: v, Sensor: p.Sensor}
	if _, ok := n.index[k]; ok {
		return
	}
	n.index[k] = len(n.slots)
	n.slots = append(n.slots, slot{
		key: k, station: st, limits: limitsOf(p, st.Kind), level: -1,
		window: max(time.Hour, p.Interval).Milliseconds(), day: b.Season.HydrologicalDayStart,
	})
}

// Len returns how many series the network knows.
func (n *Network) Len() int { return len(n.slots) }

// Slot returns the place of a series, or -1.
func (n *Network) Slot(k hydro.Key) int {
	if i, ok := n.index[k]; ok {
		return i
	}
	return -1
}

// Key returns the series at a place.
func (n *Network) Key(i int) hydro.Key { return n.slots[i].key }

// joinRain finds the neighbours of each rain gauge.
func (n *Network) joinRain() {
	for i := range n.slots {
		s := &n.slots[i]
		if s.key.Variable != hydro.Rain {
			continue
		}
		if s.limits.p.Limits.DayTotal > 0 {
			s.sources = append(s.sources, source{i, 0, 25})
		}
		if n.rules.Count == 0 {
			continue
		}
		type near struct {
			slot  int
			apart float64
		}
		var around []near
		for k := range n.slots {
			o := &n.slots[k]
			if o.key.Variable != hydro.Rain || o.station == s.station {
				continue
			}
			if d := catalog.Apart(s.station, o.station, n.rules.Climb); d <= n.rules.Reach {
				around = append(around, near{k, d})
			}
		}
		slices.SortStableFunc(around, func(a, b near) int { return cmp.Compare(a.apart, b.apart) })
		around = around[:min(len(around), n.rules.Count)]
		if len(around) < enoughNeighbours {
			continue
		}
		window := int((s.window + hourMS - 1) / hourMS)
		hold := int((n.rules.Hold + time.Hour - 1) / time.Hour)
		s.sources = append(s.sources, source{i, window + 1, hold + 2*window + 1})
		for _, a := range around {
			apart := max(a.apart, 0.5)
			s.neighbours = append(s.neighbours, neighbour{a.slot, 1 / (apart * apart)})
			s.sources = append(s.sources, source{a.slot, window + 1, hold + 2*window + 1})
		}
	}
}

// joinSite makes sensors of one site check each other.
func (n *Network) joinSite(c *catalog.Catalog, site *catalog.Site) {
	for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Rain} {
		limit := site.Apart[v]
		if limit <= 0 {
			continue
		}
		var members []int
		for _, id := range site.Stations {
			st, ok := c.Station(id)
			if !ok {
				continue
			}
			for _, p := range st.Parameters { // the first sensor of the station speaks for it
				if p.Variable == v || v == hydro.Rain && p.Variable == hydro.RainCounter {
					if i := n.Slot(hydro.Key{Station: id, Variable: v, Sensor: p.Sensor}); i >= 0 {
						members = append(members, i)
					}
					break
				}
			}
		}
		for _, i := range members {
			s := &n.slots[i]
			interval := int((s.limits.p.Interval + time.Hour - 1) / time.Hour)
			for _, k := range members {
				if k == i {
					continue
				}
				o := &n.slots[k]
				s.twins = append(s.twins, twin{k, o.station.ID, limit})
				reach := max(interval, int((o.limits.p.Interval+time.Hour-1)/time.Hour))
				s.sources = append(s.sources, source{k, 2*reach + 1, settle*reach + 2*reach + 1})
			}
			s.sources = append(s.sources, source{i, interval + 1, settle*interval + 2*interval + 1})
		}
	}
}

// joinReservoir makes storage answer to the level by the reservoir's curve.
func (n *Network) joinReservoir(r *catalog.Reservoir) {
	i := n.Slot(hydro.Key{Station: r.Station, Variable: hydro.Storage})
	level := n.Slot(hydro.Key{Station: r.Station, Variable: hydro.WaterLevel})
	if i < 0 || level < 0 || len(r.Storage) < 2 {
		return
	}
	s := &n.slots[i]
	s.level, s.curve = level, r.Storage
	reach := int((max(s.limits.p.Interval, n.slots[level].limits.p.Interval)+time.Hour-1)/time.Hour) + 1
	s.sources = append(s.sources, source{i, 0, 0}, source{level, reach, reach})
}

// joinLevels finds the gauges above levels that are compared with rain.
func (n *Network) joinLevels() {
	for i := range n.slots {
		s := &n.slots[i]
		c := &s.limits.p.Rain
		if s.key.Variable != hydro.WaterLevel || len(c.Gauges) == 0 {
			continue
		}
		reach := 2*int((c.Within+time.Hour-1)/time.Hour) + 1
		for k := range n.slots {
			if o := &n.slots[k]; o.key.Variable == hydro.Rain && slices.Contains(c.Gauges, o.key.Station) {
				s.gauges = append(s.gauges, k)
				s.sources = append(s.sources, source{k, 0, reach})
			}
		}
		s.sources = append(s.sources, source{i, 0, reach})
	}
}

// Judge carries out the tests on every sample that what changed can have changed
// the verdict of, and appends the samples whose verdict did change to out, by
// series in the order of the catalogue and ascending in time. all has one entry
// for each slot. Judge empties the sets of changed hours. What stands afterwards
// hangs on the histories alone, not on when and in which parts they came.
//
// Oldest, in Unix milliseconds, is from where on the histories are whole: a sample
// that would have to be compared with what stood before it keeps its verdict.
//
// Memo is memory that is used again from call to call; nothing hangs on what is in it.
func (n *Network) Judge(all []Series, oldest int64, memo *Memo, out []hydro.Observation) []hydro.Observation {
	b := board{n: n, all: all, oldest: oldest, memo: memo, out: out}
	b.maintenance()
	memo.begin(len(n.slots)) // what a sum is made of stays as it is from here on
	// Rain first: levels are compared with the gauges that are not blocked.
	for i := range n.slots {
		if n.slots[i].key.Variable == hydro.Rain {
			b.slot(i)
		}
	}
	for i := range n.slots {
		if n.slots[i].key.Variable != hydro.Rain {
			b.slot(i)
		}
	}
	for i := range all {
		if all[i].Changed != nil {
			*all[i].Changed = Hours{}
		}
	}
	return b.out
}

// A board is one call of Judge.
type board struct {
	n      *Network
	all    []Series
	oldest int64
	memo   *Memo
	out    []hydro.Observation
}

// maintenance marks what was taken in windows of maintenance. A catalogue can
// bring or take away a window of the past.
func (b *board) maintenance() {
	for i := range b.n.slots {
		s, x := &b.n.slots[i], &b.all[i]
		if x.History == nil || x.Changed.empty() {
			continue
		}
		for k := range within(x.History, *x.Changed) {
			sample := &x.History.Samples[k]
			_, in := catalog.Maintained(s.limits.p.Maintenance, sample.At)
			if in == (sample.Tests&hydro.NoteMaintenance != 0) {
				continue
			}
			sample.Tests ^= hydro.NoteMaintenance
			sample.Quality = overall(s.key.Variable, sample)
			b.give(i, k, "")
		}
	}
}

// within yields the indices of the samples in a set of hours.
func within(h *hydro.History, hours Hours) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		if len(h.Samples) == 0 || hours.empty() {
			return
		}
		for i := 0; i < len(h.Samples); {
			hour := floorHour(h.Samples[i].At)
			if !hours.has(hour) {
				i, _ = h.Find((hour + 1) * hourMS)
				continue
			}
			for ; i < len(h.Samples) && h.Samples[i].At < (hour+1)*hourMS; i++ {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// A verdict is what tests between series say of one sample.
type verdict struct {
	fired, ran hydro.Tests
	why        string
}

func (v *verdict) say(t hydro.Tests, format string, args ...any) {
	v.fired |= t
	if v.why != "" {
		v.why += "; "
	}
	v.why += fmt.Sprintf(format, args...)
}

// slot carries out the tests of one series.
func (b *board) slot(i int) {
	s, x := &b.n.slots[i], &b.all[i]
	if x.History == nil || len(x.History.Samples) == 0 {
		return
	}
	back := 0
	for _, src := range s.sources {
		back = max(back, src.after)
	}
	from := b.oldest + int64(back)*hourMS
	due := *x.Changed
	for _, src := range s.sources {
		if o := b.all[src.slot]; o.Changed != nil {
			due = due.or(o.Changed.spread(src.before, src.after))
		}
	}
	if due.empty() {
		return
	}
	blocked := b.blockages(i, due)
	for k := range within(x.History, due) {
		sample := &x.History.Samples[k]
		if sample.At < from {
			continue
		}
		was := *sample
		var v verdict
		if was.Tests&hydro.NoteMaintenance == 0 {
			b.rain(i, k, blocked, &v)
			b.levels(i, k, &v)
		}
		const judged = cross &^ hydro.NoteMaintenance
		sample.Tests = was.Tests&^judged | v.fired
		sample.Ran = was.Ran&^judged | v.ran
		sample.Quality = overall(s.key.Variable, sample)
		if sample.Tests != was.Tests || sample.Quality != was.Quality {
			x.Changed.Add(sample.At) // for those that compare with it
			b.give(i, k, v.why)
		}
	}
}

// give appends a sample to what is given out.
func (b *board) give(i, k int, detail string) {
	s, x := &b.n.slots[i], &b.all[i]
	sample := &x.History.Samples[k]
	why := ""
	if sample.Tests&^notes != 0 {
		why = s.limits.why(x.History.Samples, k, detail)
	}
	b.out = observe(b.out, s.key, x.Datum, sample, why)
}
