package rehearse

import (
	"cmp"
	"math"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// A feed is one series of the walk: what was observed, and behind it what the run
// says at the times at which the gauge would report.
type feed struct {
	key     hydro.Key
	history hydro.History // what is visible now: a part of all
	all     []hydro.Sample
	sum     []accumulation.Sum // of rain, up to sumAt
	sumAt   time.Time

	// Of rain whose reports do not overlap: what has fallen up to the end of each of
	// all, mm, and how much time reports have covered, ms. Nil of others: they are
	// summed up anew at each instant, which takes long.
	fell, covered []float64
}

// total fills fell and covered, if reports do not overlap.
func (f *feed) total() {
	fell, covered := make([]float64, len(f.all)), make([]float64, len(f.all))
	end, rain, time := int64(math.MinInt64), 0.0, 0.0
	for i := range f.all {
		if s := &f.all[i]; hydro.RainCounts(s.Quality, s.Tests) && s.Interval > 0 {
			length := int64(s.Interval) * 1000
			if s.At-length < end {
				return
			}
			end, rain, time = s.At, rain+s.Value, time+float64(length)
		}
		fell[i], covered[i] = rain, time
	}
	f.fell, f.covered = fell, covered
}

// within is [accumulation.Sums] for one window that ends at an instant, Unix ms, of
// reports that do not overlap.
func (f *feed) within(window, at int64) (mm, coverage float64) {
	up := func(ms int64) (rain, time float64) {
		i, _ := slices.BinarySearchFunc(f.history.Samples, ms+1, func(s hydro.Sample, ms int64) int { return cmp.Compare(s.At, ms) })
		if i > 0 {
			rain, time = f.fell[i-1], f.covered[i-1]
		}
		// Of the next report that counts the part that lies before.
		for ; i < len(f.history.Samples); i++ {
			s := &f.history.Samples[i]
			if !hydro.RainCounts(s.Quality, s.Tests) || s.Interval <= 0 {
				continue
			}
			if length := int64(s.Interval) * 1000; ms > s.At-length {
				rain += s.Value * float64(ms-s.At+length) / float64(length)
				time += float64(ms - s.At + length)
			}
			break
		}
		return rain, time
	}
	from, covered := up(at - window)
	to, all := up(at)
	return max(0, to-from), (all - covered) / float64(window)
}

// show lets the feed reach up to an instant, Unix ms.
func (f *feed) show(ms int64) {
	n := len(f.history.Samples)
	for n < len(f.all) && f.all[n].At <= ms {
		n++
	}
	f.history.Samples = f.all[:n:n]
}

// A Held is a station, or a quantity of it, of which the run tells nothing, and what
// the walk does about it.
type Held struct {
	Station string
	ZH, EN  string
}

// A book is the series of a walk.
type book struct {
	feeds []feed
	index map[hydro.Key]int // only ever looked up
	base  forecast.Source
	held  []Held
}

// lineOf returns the value of a series of steps at an instant, by straight lines.
func lineOf(t0, step int64, now float64, v []float64, ms int64) float64 {
	d := ms - t0
	if d <= 0 || len(v) == 0 {
		return now
	}
	i := int(d / step) // value i-1 lies at or before ms
	if i >= len(v) {
		return v[len(v)-1]
	}
	before := now
	if i > 0 {
		before = v[i-1]
	}
	return before + (v[i]-before)*float64(d%step)/float64(step)
}

// newBook lays out the series of all stations of the basin.
func newBook(b *engine.Footing, c *catalog.Catalog, r *forecast.Rehearsal, lost []string) *book {
	k := &book{index: map[hydro.Key]int{}, base: b.History}
	basin, _ := c.Basin(b.Basin)
	step, t0 := b.Model.Step().Milliseconds(), b.T0.UnixMilli()
	end := t0 + basin.Settings.Horizon.Milliseconds()
	for i := range c.Stations {
		st := &c.Stations[i]
		if st.Basin != b.Basin || len(st.Parameters) == 0 {
			continue
		}
		if slices.Contains(lost, st.ID) {
			k.hold(st, "设为缺测：起报时刻起无数据", "lost in this scenario: nothing comes from it after T0")
			continue
		}
		f := find(r.Forecast.Stations, st.ID)
		path := pathOf(r.Reservoirs, st.ID)
		sub := subBasinOf(basin, r, st)
		river, told, blind := false, false, false
		for _, p := range st.Parameters {
			key := hydro.Key{Station: st.ID, Variable: p.Variable, Sensor: p.Sensor}
			last, ok := lastUsable(b.History(key), p.Variable)
			interval := p.Interval.Milliseconds()
			if interval <= 0 {
				continue
			}
			isRiver := p.Variable == hydro.WaterLevel || p.Variable == hydro.Discharge || p.Variable == hydro.Inflow
			river = river || isRiver
			if !ok || b.Now.UnixMilli()-last.At > int64(basin.Settings.BlindAfter)*interval+5*time.Minute.Milliseconds() {
				blind = blind || isRiver
				continue // out of sight: it stays so
			}
			value := func(int64) float64 { return last.Value }
			if p.Variable == hydro.Rain {
				value = func(int64) float64 { return 0 }
			}
			switch {
			case f == nil:
			case path == nil && p.Variable == hydro.Discharge, path != nil && p.Variable == hydro.Inflow:
				value, told = func(ms int64) float64 { return lineOf(t0, step, f.NowDischarge, f.Discharge, ms) }, true
			case p.Variable == hydro.WaterLevel && len(f.Level) > 0 && !math.IsNaN(f.Level[0]):
				value, told = func(ms int64) float64 { return lineOf(t0, step, f.NowLevel, f.Level, ms) }, true
			case path != nil && p.Variable == hydro.Outflow && len(path.Outflow) > 0:
				value = func(ms int64) float64 { return lineOf(t0, step, path.Outflow[0], path.Outflow, ms) }
			}
			if p.Variable == hydro.Rain && sub >= 0 {
				value = fallen(t0, step, interval, r.Rain[sub])
			}
			k.add(b.History(key), key, last.At, interval, end, value)
			if p.Variable == hydro.RainCounter {
				rain := key
				rain.Variable = hydro.Rain
				follows := func(int64) float64 { return 0 }
				if sub >= 0 {
					follows = fallen(t0, step, interval, r.Rain[sub])
				}
				k.add(b.History(rain), rain, last.At, interval, end, follows)
			}
		}
		switch {
		case river && blind && !told:
			k.hold(st, "起报时失明：维持失明", "not seen at T0: stays out of sight, its forecast alone speaks")
		case river && f == nil:
			k.hold(st, "无预报：水位流量维持现值", "no forecast: it stays at its last values")
		case river && !told:
			k.hold(st, "无该要素预报：维持现值", "the forecast tells none of its quantities: it stays at its last values")
		case !river && sub < 0 && (st.Reports(hydro.Rain) || st.Reports(hydro.RainCounter)):
			k.hold(st, "不属任何子流域：按无雨", "in no sub-basin: no rain is assumed at it")
		}
	}
	return k
}

func (k *book) hold(st *catalog.Station, zh, en string) {
	k.held = append(k.held, Held{st.ID, zh, en})
}

// add lays out one series: its past, and a value at each report due up to end.
func (k *book) add(past *hydro.History, key hydro.Key, last, interval, end int64, value func(ms int64) float64) {
	f := feed{key: key}
	var was []hydro.Sample
	if past != nil {
		was = past.Samples
	}
	f.all = make([]hydro.Sample, len(was), len(was)+int((end-last)/interval)+1)
	copy(f.all, was)
	if n := len(was); n > 0 {
		last = max(last, was[n-1].At)
	}
	for at := last + interval; at <= end; at += interval {
		v := value(at)
		f.all = append(f.all, hydro.Sample{At: at, Received: at, Value: v, Raw: v, Interval: int32(interval / 1000), Quality: hydro.Pass, Own: hydro.Pass})
	}
	f.history.Samples = f.all[:len(was):len(was)]
	if key.Variable == hydro.Rain {
		f.total()
	}
	k.index[key] = len(k.feeds)
	k.feeds = append(k.feeds, f)
}

// fallen returns the rain of the interval that ends at an instant, of rain per step.
func fallen(t0, step, interval int64, depth []float64) func(int64) float64 {
	sums := make([]float64, len(depth)+1)
	for i, v := range depth {
		sums[i+1] = sums[i] + v
	}
	up := func(ms int64) float64 {
		d := min(max(ms-t0, 0), step*int64(len(depth)))
		i := int(d / step)
		if i == len(depth) {
			return sums[i]
		}
		return sums[i] + depth[i]*float64(d%step)/float64(step)
	}
	return func(ms int64) float64 { return up(ms) - up(ms-interval) }
}

func lastUsable(h *hydro.History, v hydro.Variable) (hydro.Sample, bool) {
	if h == nil {
		return hydro.Sample{}, false
	}
	for _, s := range slices.Backward(h.Samples) {
		if s.Quality.Usable() || v == hydro.Rain && hydro.RainCounts(s.Quality, s.Tests) {
			return s, true
		}
	}
	return hydro.Sample{}, false
}

func find(all []hydro.StationForecast, id string) *hydro.StationForecast {
	for i := range all {
		if all[i].Station == id {
			return &all[i]
		}
	}
	return nil
}

func pathOf(all []forecast.ReservoirPath, station string) *forecast.ReservoirPath {
	for i := range all {
		if all[i].Station == station {
			return &all[i]
		}
	}
	return nil
}

// subBasinOf returns the number in r of the sub-basin whose rain falls on a station:
// of those that the station may serve, the one with the nearest sample point; -1 if
// there is none.
func subBasinOf(b *catalog.Basin, r *forecast.Rehearsal, st *catalog.Station) int {
	best, nearest := -1, math.Inf(1)
	for i := range b.SubBasins {
		s := &b.SubBasins[i]
		at := slices.Index(r.SubBasins, s.ID)
		if at < 0 || len(s.Gauges) > 0 && !slices.Contains(s.Gauges, st.ID) {
			continue
		}
		for _, p := range s.Points {
			x, y := (p[0]-st.Lon)*math.Cos(st.Lat*math.Pi/180), p[1]-st.Lat
			if d := x*x + y*y; d < nearest {
				best, nearest = at, d
			}
		}
	}
	return best
}

// source returns what a series holds at the instant that was shown last.
func (k *book) source(key hydro.Key) *hydro.History {
	if i, ok := k.index[key]; ok {
		return &k.feeds[i].history
	}
	return k.base(key)
}

// show lets all series reach up to an instant.
func (k *book) show(at time.Time) {
	for i := range k.feeds {
		k.feeds[i].show(at.UnixMilli())
	}
}

// rain is the accumulation of a station in a window that ends at an instant.
func (k *book) rain(c *catalog.Catalog, station string, window time.Duration, at time.Time) (mm, coverage float64, ok bool) {
	st, known := c.Station(station)
	if !known {
		return 0, 0, false
	}
	for _, p := range st.Parameters {
		if p.Variable != hydro.Rain && p.Variable != hydro.RainCounter {
			continue
		}
		key := hydro.Key{Station: station, Variable: hydro.Rain, Sensor: p.Sensor}
		i, fed := k.index[key]
		if !fed { // not seen: the sums go on from what was
			h := k.base(key)
			if h == nil {
				return 0, 0, false
			}
			return pick(accumulation.Sums(h, at, 0, nil, nil), window)
		}
		f := &k.feeds[i]
		if f.fell != nil {
			mm, coverage = f.within(window.Milliseconds(), at.UnixMilli())
			return mm, coverage, true
		}
		if !f.sumAt.Equal(at) {
			f.sum, f.sumAt = accumulation.Sums(&f.history, at, 0, nil, f.sum[:0]), at
		}
		return pick(f.sum, window)
	}
	return 0, 0, false
}

// fallen returns what a station's reports, up to now, say of (from, to], and the share
// of that time that they cover.
func (k *book) fallen(c *catalog.Catalog, station string, from, to time.Time) (mm, coverage float64) {
	st, known := c.Station(station)
	if !known {
		return 0, 0
	}
	for _, p := range st.Parameters {
		if p.Variable != hydro.Rain && p.Variable != hydro.RainCounter {
			continue
		}
		key := hydro.Key{Station: station, Variable: hydro.Rain, Sensor: p.Sensor}
		h := k.base(key)
		if i, fed := k.index[key]; fed {
			if f := &k.feeds[i]; f.fell != nil {
				return f.within(to.Sub(from).Milliseconds(), to.UnixMilli())
			}
			h = &k.feeds[i].history
		}
		sum := accumulation.Between(h, from, to)
		return sum.Rain, sum.Coverage
	}
	return 0, 0
}

func pick(all []accumulation.Sum, window time.Duration) (mm, coverage float64, ok bool) {
	for _, s := range all {
		if s.Window == window {
			return s.Rain, s.Coverage, true
		}
	}
	return 0, 0, false
}
