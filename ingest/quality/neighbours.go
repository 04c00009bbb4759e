package quality

import (
	"math"
	"time"

	"freshet/internal/hydro"
)

const (
	// enoughNeighbours is how many gauges must have reported to speak about another.
	enoughNeighbours = 2
	// enoughCover is how much of a window a gauge must have reported.
	enoughCover = 0.9
	// measures is the rain in a window, mm, that shows that a funnel is open.
	measures = 1.0
)

// sum is add of what was not taken in maintenance. It remembers: all gauges around
// one ask for its rain in the same hours, and in a storm each of them for each hour.
func (b *board) sum(i int, from, to int64) (mm, cover float64) {
	s := b.memo.at(i, from, to)
	if s.call != b.memo.call || s.from != from || s.to != to {
		s.call, s.from, s.to = b.memo.call, from, to
		s.mm, s.cover = b.add(i, from, to, hydro.NoteMaintenance)
	}
	return s.mm, s.cover
}

// add returns the rain of a series in (from, to], Unix milliseconds, taken to fall
// evenly within each report, and the share of the time that reports cover. What
// failed by its own tests does not count, nor what without names.
func (b *board) add(i int, from, to int64, without hydro.Tests) (mm, cover float64) {
	h := b.all[i].History
	if h == nil || to <= from {
		return 0, 0
	}
	first, found := h.Find(from)
	if found {
		first++
	}
	covered, past := int64(0), from
	for k := first; k < len(h.Samples); k++ {
		s := &h.Samples[k]
		length := int64(s.Interval) * 1000
		if s.At-length >= to {
			break
		}
		if s.Own == hydro.Fail || length <= 0 || s.Tests&without != 0 {
			continue
		}
		if a, e := max(s.At-length, past), min(s.At, to); a < e {
			mm += s.Value * float64(e-a) / float64(length)
			covered += e - a
			past = e
		}
	}
	return mm, float64(covered) / float64(to-from)
}

// scaled returns a depth of an hour as one of a longer window: the deepest rains
// grow with about the square root of their length.
func scaled(mm float64, window int64) float64 { return mm * math.Sqrt(float64(window)/hourMS) }

// rain carries out the tests between rain gauges on one sample.
func (b *board) rain(i, k int, blocked []blockage, v *verdict) {
	s, x := &b.n.slots[i], &b.all[i]
	sample := &x.History.Samples[k]
	if s.key.Variable != hydro.Rain || sample.Own == hydro.Fail {
		return
	}
	b.dayTotal(i, sample, v)
	if int64(sample.Interval)*1000 > s.window { // what several missed reports add up to
		return
	}
	b.above(i, sample, v)
	for _, t := range s.twins {
		b.rainTwin(i, sample, t, v)
	}
	for _, c := range blocked {
		if sample.At > c.from && sample.At <= c.to {
			v.ran |= hydro.TestBlocked
			v.say(hydro.TestBlocked, "blocked: %s mm in %s while %d of %d gauges around had %s mm or more, %s mm in the mean",
				num(c.had), short(time.Duration(s.window)*time.Millisecond), c.pouring, c.present, num(c.pour), num(c.mean))
			break
		}
	}
}

func (b *board) dayTotal(i int, sample *hydro.Sample, v *verdict) {
	s := &b.n.slots[i]
	limit := s.limits.p.Limits.DayTotal
	if limit <= 0 {
		return
	}
	at := sample.Time().Add(-time.Millisecond).In(s.station.Location()) // what ends as the day begins belongs to the day before
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location()).Add(s.day)
	if day.After(at) {
		day = time.Date(at.Year(), at.Month(), at.Day()-1, 0, 0, 0, 0, at.Location()).Add(s.day)
	}
	total, _ := b.sum(i, day.UnixMilli(), sample.At)
	v.ran |= hydro.TestDayTotal
	if total > limit && sample.Value > 0 {
		v.say(hydro.TestDayTotal, "day_total: %s mm since the day began, limit %s mm", num(total), num(limit))
	}
}

// above asks whether a gauge has far more rain than all around it had an hour
// before or after.
func (b *board) above(i int, sample *hydro.Sample, v *verdict) {
	s, r := &b.n.slots[i], &b.n.rules
	from := sample.At - s.window
	had, cover := b.sum(i, from, sample.At)
	little := had <= scaled(r.Excess, s.window) // nearly always: then how much fell around does not matter
	present, most := 0, 0.0
	for _, o := range s.neighbours {
		if _, cover := b.sum(o.slot, from, sample.At); cover < enoughCover {
			continue
		}
		if present++; little {
			if present == enoughNeighbours {
				break
			}
			continue
		}
		mm, _ := b.sum(o.slot, from-hourMS, sample.At+hourMS)
		most = max(most, mm)
	}
	if present < enoughNeighbours {
		return
	}
	v.ran |= hydro.TestNeighbour
	if cover >= enoughCover {
		v.ran |= hydro.TestBlocked
	}
	limit := scaled(r.Excess, s.window) + r.Factor*most
	// Of a window above the limit only the reports that make it so are suspect, not
	// the dry ones behind a single wrong one.
	if part := limit * float64(sample.Interval) * 1000 / float64(s.window); had > limit && sample.Value > part {
		v.say(hydro.TestNeighbour, "neighbour: %s mm in %s, %d gauges within %s km had %s mm at most, limit %s mm",
			num(had), short(time.Duration(s.window)*time.Millisecond), present, num(r.Reach), num(most), num(limit))
	}
}

// rainTwin compares with another gauge of the site.
func (b *board) rainTwin(i int, sample *hydro.Sample, t twin, v *verdict) {
	s := &b.n.slots[i]
	window := max(s.window, b.n.slots[t.slot].window)
	had, cover := b.sum(i, sample.At-window, sample.At)
	its, itsCover := b.sum(t.slot, sample.At-window, sample.At)
	if cover < enoughCover || itsCover < enoughCover {
		return
	}
	v.ran |= hydro.TestSite
	if limit := scaled(t.limit, window); math.Abs(had-its) > limit {
		v.say(hydro.TestSite, "site: %s mm in %s, %s has %s mm, limit %s mm",
			num(had), short(time.Duration(window)*time.Millisecond), t.station, num(its), num(limit))
	}
}

// A blockage is a stretch of time in which a funnel passes for blocked.
type blockage struct {
	from, to         int64 // Unix ms; from does not belong to it
	had, mean, pour  float64
	pouring, present int
}

// blockages returns where the funnel of a gauge passes for blocked, as far as it
// matters for samples of the hours due. A window that had nothing, or next to it,
// while it poured at half of the gauges around or more, is blocked, and so is what
// follows until the gauge measures again or the time to hold is over.
func (b *board) blockages(i int, due Hours) []blockage {
	s, x, r := &b.n.slots[i], &b.all[i], &b.n.rules
	if len(s.neighbours) == 0 {
		return nil
	}
	samples := x.History.Samples
	first, last := -1, -1
	for k := range within(x.History, due) {
		if first < 0 {
			first = k
		}
		last = k
	}
	if first < 0 {
		return nil
	}
	hold := r.Hold.Milliseconds()
	from, to := samples[first].At-hold-s.window, samples[last].At+s.window
	pour := scaled(r.Pour, s.window)
	wet, most := 0, 0.0
	for _, o := range s.neighbours { // nearly always it pours nowhere
		mm, _ := b.sum(o.slot, from-s.window, to)
		if most = max(most, mm); mm >= pour {
			wet++
		}
	}
	if wet < enoughNeighbours {
		return nil
	}
	var out []blockage
	k, _ := x.History.Find(from)
	for ; k < len(samples) && samples[k].At <= to; k++ {
		at := samples[k].At
		had, cover := b.sum(i, at-s.window, at)
		open := len(out) > 0 && at <= out[len(out)-1].to
		c, ok := blockage{}, false
		if had <= r.Share*most { // else it is more than the share of any mean
			c, ok = b.poured(i, at, had, cover, pour)
		}
		if ok {
			c.from, c.to = at-s.window, at+hold
			if open {
				out[len(out)-1].to = c.to
			} else {
				out = append(out, c)
			}
		} else if open && had >= measures {
			out[len(out)-1].to = at - 1
		}
	}
	return out
}

// poured reports whether it poured around a gauge that had nothing in the window
// up to an instant.
func (b *board) poured(i int, at int64, had, cover, pour float64) (blockage, bool) {
	s := &b.n.slots[i]
	c := blockage{had: had, pour: pour}
	if cover < enoughCover {
		return c, false
	}
	total, weight := 0.0, 0.0
	for _, o := range s.neighbours {
		mm, cover := b.sum(o.slot, at-s.window, at)
		if cover < enoughCover {
			continue
		}
		c.present++
		if mm >= pour {
			c.pouring++
		}
		total += o.weight * mm
		weight += o.weight
	}
	if c.pouring < enoughNeighbours || 2*c.pouring < c.present {
		return c, false
	}
	c.mean = math.Round(total/weight*10) / 10
	return c, c.mean >= pour && had <= b.n.rules.Share*c.mean
}
