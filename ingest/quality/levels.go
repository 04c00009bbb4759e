package quality

import (
	"math"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	// storageLevel and storageShare are what a storage may differ from its curve
	// by: as a difference of level, m, and as a share. Both must be exceeded.
	storageLevel = 0.10
	storageShare = 0.01
)

// levels carries out the tests of levels and storages against other series.
func (b *board) levels(i, k int, v *verdict) {
	s, x := &b.n.slots[i], &b.all[i]
	sample := &x.History.Samples[k]
	if !sample.Own.Usable() {
		return
	}
	switch s.key.Variable {
	case hydro.WaterLevel:
		for _, t := range s.twins {
			b.levelTwin(i, k, t, v)
		}
		if len(s.gauges) > 0 {
			b.rainLevel(i, k, v)
		}
	case hydro.Storage:
		if s.level >= 0 {
			b.storage(i, sample, v)
		}
	default:
	}
}

// levelTwin compares with another sensor of the site. They disagree if they have
// done so in settle reports in a row. What the other's own tests hold back does
// not count, nor levels on another datum.
func (b *board) levelTwin(i, k int, t twin, v *verdict) {
	s, x, o := &b.n.slots[i], &b.all[i], &b.all[t.slot]
	if o.History == nil || x.Datum == hydro.NoDatum || x.Datum == hydro.StationDatum || x.Datum != o.Datum {
		return
	}
	patience := 3 * max(s.limits.p.Interval, b.n.slots[t.slot].limits.p.Interval, 5*time.Minute).Milliseconds() / 2
	samples := x.History.Samples
	off, newest := 0, samples[k].At
	for j := k; j >= 0 && off < settle && newest-samples[j].At <= settle*patience; j-- {
		a := &samples[j]
		if !a.Own.Usable() || a.Tests&hydro.NoteMaintenance != 0 {
			continue
		}
		its, ok := levelAt(o.History, a.At, patience)
		switch {
		case !ok && j == k:
			return
		case !ok:
			continue
		case j == k:
			v.ran |= hydro.TestSite
		}
		if math.Abs(a.Value-its) <= t.limit {
			return
		}
		off++
	}
	if off < settle {
		return
	}
	its, _ := levelAt(o.History, samples[k].At, patience)
	v.say(hydro.TestSite, "site: %s m, %s has %s m, limit %s m, %d reports in a row",
		num(samples[k].Value), t.station, num(its), num(t.limit), settle)
}

// levelAt returns the level of a history at an instant: between two usable
// samples, or the latest if it is not older than patience, ms.
func levelAt(h *hydro.History, at, patience int64) (float64, bool) {
	i, found := h.Find(at)
	after := -1
	for k := i; k < len(h.Samples) && h.Samples[k].At-at <= patience; k++ {
		if s := &h.Samples[k]; s.Own.Usable() && s.Tests&hydro.NoteMaintenance == 0 {
			after = k
			break
		}
	}
	if found && after == i {
		return h.Samples[i].Value, true
	}
	for k := i - 1; k >= 0 && at-h.Samples[k].At <= patience; k-- {
		s := &h.Samples[k]
		if !s.Own.Usable() || s.Tests&hydro.NoteMaintenance != 0 {
			continue
		}
		if after < 0 {
			return s.Value, true
		}
		o := &h.Samples[after]
		return s.Value + (o.Value-s.Value)*float64(at-s.At)/float64(o.At-s.At), true
	}
	return 0, false
}

// storage compares a storage with what the curve gives for the level.
func (b *board) storage(i int, sample *hydro.Sample, v *verdict) {
	s := &b.n.slots[i]
	h := b.all[s.level].History
	if h == nil {
		return
	}
	patience := max(s.limits.p.Interval, b.n.slots[s.level].limits.p.Interval, 5*time.Minute).Milliseconds()
	level, ok := levelAt(h, sample.At, patience)
	if !ok {
		return
	}
	fits, ok := volumeAt(s.curve, level)
	if !ok {
		return
	}
	v.ran |= hydro.TestStorageCurve
	high, okHigh := volumeAt(s.curve, level+storageLevel)
	low, okLow := volumeAt(s.curve, level-storageLevel)
	if off := math.Abs(sample.Value - fits); off <= storageShare*fits ||
		okHigh && sample.Value >= fits && sample.Value <= high || okLow && sample.Value <= fits && sample.Value >= low {
		return
	}
	v.say(hydro.TestStorageCurve, "storage_curve: %s 1e6 m3 at %s m, the curve has %s", num(sample.Value), num(level), num(fits))
}

func volumeAt(curve []catalog.LevelVolume, level float64) (float64, bool) {
	for i := 1; i < len(curve); i++ {
		a, b := curve[i-1], curve[i]
		if level >= a.Level && level <= b.Level {
			return a.Volume + (b.Volume-a.Volume)*(level-a.Level)/(b.Level-a.Level), true
		}
	}
	return 0, false
}

// rainLevel compares what a level did with the rain above it.
func (b *board) rainLevel(i, k int, v *verdict) {
	s, x := &b.n.slots[i], &b.all[i]
	c := &s.limits.p.Rain
	within := c.Within.Milliseconds()
	sample := &x.History.Samples[k]
	lowest, first, highest := math.Inf(1), math.NaN(), math.Inf(-1)
	seen := false // as far back as within
	for j := k; j >= 0; j-- {
		a := &x.History.Samples[j]
		if a.At < sample.At-2*within {
			return
		}
		if a.At <= sample.At-within {
			seen = true
		}
		if a.Own.Usable() && a.Tests&hydro.NoteMaintenance == 0 {
			lowest, first = min(lowest, a.Value), a.Value
			highest = max(highest, a.Value)
		}
		if seen {
			break
		}
	}
	if !seen {
		return
	}
	most, least := 0.0, math.Inf(1) // over both this window and the one before
	before := math.Inf(1)           // the least in the one before
	for _, g := range s.gauges {
		const without = hydro.NoteMaintenance | hydro.TestBlocked
		both, cover := b.add(g, sample.At-2*within, sample.At, without)
		if cover < enoughCover {
			return
		}
		early, _ := b.add(g, sample.At-2*within, sample.At-within, without)
		most, least, before = max(most, both), min(least, both), min(before, early)
	}
	v.ran |= hydro.TestRainLevel
	fired := hydro.TestRainLevel
	name := "rain_level"
	if c.Note {
		fired, name = hydro.NoteRainLevel, "rain_level_note"
	}
	length := short(c.Within)
	if c.Rise > 0 && sample.Value-lowest > c.Rise && most < c.Dry {
		v.say(fired, "%s: rose by %s m in %s, the gauges above had %s mm at most", name, num(sample.Value-lowest), length, num(most))
	}
	if c.Heavy > 0 && before >= c.Heavy && highest-first < c.Expect {
		v.say(fired, "%s: %s mm at every gauge above, rose by %s m in the %s behind it, expected %s m", name, num(before), num(highest-first), length, num(c.Expect))
	}
}
