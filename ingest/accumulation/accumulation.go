// Package accumulation sums rain over the windows that thresholds are stated
// for. Sums are derived from a station's history each time they are asked for:
// a reading that comes late is in its windows as if it had been in order.
//
// It is pure: no clock, no I/O.
package accumulation

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// Windows are the lengths that [Sums] sums over, ascending.
var Windows = []time.Duration{
	5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 48 * time.Hour, 72 * time.Hour,
}

const (
	windowCount = 12
	// jitter is the share of a report's interval by which it may overlap the one
	// before and still be its neighbour: clocks of gauges are not exact.
	jitter = 5 // one fifth
)

// A Sum is the rain of one window.
type Sum struct {
	Window   time.Duration // 0: the hydrological day up to To
	From, To time.Time     // (From, To], UTC
	Rain     float64       // mm; where Coverage is below 1, a lower bound
	Coverage float64       // share of the window that reports cover, 0 to 1
}

// Sums appends the sums of the rain in h for each of [Windows] up to now, and
// last for the hydrological day, which begins dayStart after midnight in zone
// (nil: UTC). At the very start of a day the sum is that of the day that ends.
//
// Failed observations are left out; suspect ones count, because extreme rain
// must not vanish from the sums on one test. A report that lies partly in a
// window enters by its share of time. Where reports overlap the finer ones
// count, and of a coarser one only what they leave: a five-minute series and the
// hourly totals of the same rain are not added up.
func Sums(h *hydro.History, now time.Time, dayStart time.Duration, zone *time.Location, out []Sum) []Sum {
	t := tally{now: now.UnixMilli()}
	for i, w := range Windows {
		t.bounds[i] = bound{from: t.now - w.Milliseconds(), window: i}
	}
	day := dayBefore(now, dayStart, zone).UnixMilli()
	t.bounds[windowCount] = bound{from: day, window: windowCount}
	for i := windowCount; i > 0 && t.bounds[i].from > t.bounds[i-1].from; i-- {
		t.bounds[i], t.bounds[i-1] = t.bounds[i-1], t.bounds[i]
	}
	if h != nil {
		t.walk(h.Samples)
	}
	t.close(t.bounds[windowCount].from)

	to := time.UnixMilli(t.now).UTC()
	for i, w := range Windows {
		out = append(out, t.sum(i, w, t.now-w.Milliseconds(), to))
	}
	return append(out, t.sum(windowCount, 0, day, to))
}

// Between sums the rain in h over (from, to], as Sums does. Of nothing, or where to is
// not after from, it is zero.
func Between(h *hydro.History, from, to time.Time) Sum {
	t := tally{now: to.UnixMilli()}
	for i := range t.bounds {
		t.bounds[i] = bound{from: from.UnixMilli(), window: i}
	}
	if h != nil {
		t.walk(h.Samples)
	}
	t.close(from.UnixMilli())
	return t.sum(0, to.Sub(from), from.UnixMilli(), to.UTC())
}

// A Change is a window whose sum a late or corrected reading changed.
type Change struct {
	Window         time.Duration // 0: the hydrological day
	From, To       time.Time
	Before, After  float64 // mm
	CoverageBefore float64
	CoverageAfter  float64
}

// Changed returns the windows that differ between two results of [Sums] for the
// same instant. Windows that do not cover the same time are not compared.
func Changed(before, after []Sum) []Change {
	var out []Change
	for _, b := range before {
		i := slices.IndexFunc(after, func(a Sum) bool {
			return a.Window == b.Window && a.From.Equal(b.From) && a.To.Equal(b.To)
		})
		if i >= 0 && (after[i].Rain != b.Rain || after[i].Coverage != b.Coverage) {
			out = append(out, Change{
				Window: b.Window, From: b.From, To: b.To,
				Before: b.Rain, After: after[i].Rain, CoverageBefore: b.Coverage, CoverageAfter: after[i].Coverage,
			})
		}
	}
	return out
}

// dayBefore returns the last start of a hydrological day that is before now.
func dayBefore(now time.Time, dayStart time.Duration, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := now.In(zone).Date()
	hour, rest := int(dayStart/time.Hour), dayStart%time.Hour
	at := func(d int) time.Time {
		return time.Date(y, m, d, hour, int(rest/time.Minute), int(rest%time.Minute/time.Second), 0, zone)
	}
	if t := at(d); t.Before(now) {
		return t
	}
	return at(d - 1)
}

// A bound is the start of a window.
type bound struct {
	from   int64 // Unix milliseconds
	window int
}

// A tally walks back in time and notes the running sum at the start of each
// window as it passes it.
type tally struct {
	now     int64
	bounds  [windowCount + 1]bound // latest start first
	next    int                    // the first bound that is not passed
	rain    float64                // so far, mm
	covered int64                  // so far, ms
	rains   [windowCount + 1]float64
	covers  [windowCount + 1]int64
}

// walk adds the samples, latest first.
func (t *tally) walk(samples []hydro.Sample) {
	for i := len(samples) - 1; i >= 0 && t.next < len(t.bounds); {
		s := &samples[i]
		if !hydro.RainCounts(s.Quality, s.Tests) || s.Interval <= 0 {
			i--
			continue
		}
		from := start(s)
		k := earlier(samples, i)
		if k >= 0 && from < samples[k].At {
			over := samples[k].At - from
			if over*jitter > int64(min(s.Interval, samples[k].Interval))*1000 {
				i = t.cluster(samples, i)
				continue
			}
			from = samples[k].At
		}
		t.add(from, s.At, s.Value)
		i = k
	}
}

// add adds rain that fell evenly over (from, to]. Calls must go back in time.
func (t *tally) add(from, to int64, rain float64) {
	if from >= t.now || from >= to {
		return
	}
	if to > t.now {
		rain *= float64(t.now-from) / float64(to-from)
		to = t.now
	}
	t.close(to)
	for t.next < len(t.bounds) && t.bounds[t.next].from > from {
		b := t.bounds[t.next]
		share := float64(to-b.from) / float64(to-from)
		t.rains[b.window] = t.rain + rain*share
		t.covers[b.window] = t.covered + to - b.from
		t.next++
	}
	t.rain += rain
	t.covered += to - from
}

// close notes the windows that start at or after the instant at.
func (t *tally) close(at int64) {
	for t.next < len(t.bounds) && t.bounds[t.next].from >= at {
		w := t.bounds[t.next].window
		t.rains[w], t.covers[w] = t.rain, t.covered
		t.next++
	}
}

func (t *tally) sum(i int, window time.Duration, from int64, to time.Time) Sum {
	s := Sum{Window: window, From: time.UnixMilli(from).UTC(), To: to, Rain: t.rains[i]}
	if t.now > from {
		s.Coverage = float64(t.covers[i]) / float64(t.now-from)
	}
	return s
}

func start(s *hydro.Sample) int64 { return s.At - int64(s.Interval)*1000 }

// earlier returns the next sample before i that counts, or -1.
func earlier(samples []hydro.Sample, i int) int {
	for i--; i >= 0; i-- {
		if s := &samples[i]; hydro.RainCounts(s.Quality, s.Tests) && s.Interval > 0 {
			return i
		}
	}
	return -1
}

// A part is a stretch of time with evenly falling rain.
type part struct {
	from, to int64
	rain     float64
}

// cluster adds samples[i] and all earlier ones that overlap it, directly or by
// way of others, and returns the index of the first sample before them.
func (t *tally) cluster(samples []hydro.Sample, i int) int {
	var members []*hydro.Sample
	from := samples[i].At
	for ; i >= 0 && (len(members) == 0 || samples[i].At > from); i-- {
		s := &samples[i]
		if !hydro.RainCounts(s.Quality, s.Tests) || s.Interval <= 0 {
			continue
		}
		members = append(members, s)
		from = min(from, start(s))
	}
	// The finest first; of equals the later, which is first already.
	slices.SortStableFunc(members, func(a, b *hydro.Sample) int { return cmp.Compare(a.Interval, b.Interval) })
	var parts []part // ascending, apart from each other
	for _, s := range members {
		parts = place(parts, start(s), s.At, s.Value)
	}
	for _, p := range slices.Backward(parts) {
		t.add(p.from, p.to, p.rain)
	}
	return i
}

// place adds a report to parts: the rain that the parts inside it do not hold
// yet goes evenly into the time that they leave free.
func place(parts []part, from, to int64, rain float64) []part {
	lo, _ := slices.BinarySearchFunc(parts, from, func(p part, at int64) int {
		if p.to <= at {
			return -1
		}
		return 1
	})
	hi := lo
	var free []part
	at := from
	for ; hi < len(parts) && parts[hi].from < to; hi++ {
		p := parts[hi]
		inside := min(p.to, to) - max(p.from, from)
		rain -= p.rain * float64(inside) / float64(p.to-p.from)
		if p.from > at {
			free = append(free, part{from: at, to: p.from})
		}
		at = p.to
	}
	if at < to {
		free = append(free, part{from: at, to: to})
	}
	var length int64
	for _, f := range free {
		length += f.to - f.from
	}
	rain = max(rain, 0)
	for _, f := range free {
		f.rain = rain * float64(f.to-f.from) / float64(length)
		k, _ := slices.BinarySearchFunc(parts, f.from, func(p part, at int64) int { return cmp.Compare(p.from, at) })
		parts = slices.Insert(parts, k, f)
	}
	return parts
}
