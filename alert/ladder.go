package alert

import (
	"math"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// reach returns the highest stage whose threshold value meets, and the highest
// whose threshold less the dead-band it is not below of. The first is never
// above the second.
func (r *Rules) reach(l *Ladder, steps []step, value float64) (met, held hydro.Stage) {
	for _, s := range steps {
		if value >= s.value {
			met = max(met, s.stage)
		}
		if value >= r.floor(l, s.value) {
			held = max(held, s.stage)
		}
	}
	return met, max(met, held)
}

// floor returns the value below which a threshold of l no longer holds. That of a
// rise is never below half of it: a river that has stopped rising must let go.
func (r *Rules) floor(l *Ladder, threshold float64) float64 {
	switch {
	case l.Basis == hydro.Rise:
		return max(threshold-r.deadBand, threshold/2)
	case l.Basis == hydro.Likelihood || l.Variable != hydro.WaterLevel:
		return threshold * (1 - r.deadShare)
	}
	return threshold - r.deadBand
}

// observe takes the observations that are new to an observed ladder and moves
// it. The instant now is in Unix milliseconds.
func (r *Rules) observe(st *station, g *gauge, l *Ladder, steps []step, within timing, h *hydro.History, now int64) {
	from := now - g.window
	if l.At < from {
		l.Lost = true
	}
	switch {
	case l.Lost:
	case retracted(h, l.At):
		l.restart()
	case l.Part:
		r.unsure(l, steps, l.At, l.Value)
	default:
		r.note(l, steps, l.At, l.Value) // the thresholds may be new
	}
	if h != nil {
		if l.Lost {
			r.resight(st, l, steps, h, h.Between(from-1, now))
		} else {
			for _, s := range h.Between(l.At-1, now) {
				if s.Quality.Usable() && (s.At > l.At || s.Value != l.Level) {
					r.take(st, l, steps, h, &s)
				}
			}
		}
	}
	if !l.Lost {
		r.move(l, within, g.interval, g.grace, now)
	}
}

// take lets an observation, which is usable and in h, be the latest evidence.
func (r *Rules) take(st *station, l *Ladder, steps []step, h *hydro.History, s *hydro.Sample) {
	value, limit, whole, ok := st.worth(l, h, s)
	if !ok {
		return
	}
	l.Level, l.Limit = s.Value, limit
	_, held := r.reach(l, steps, value)
	switch {
	case !whole && held < l.Stage:
		r.unsure(l, steps, s.At, value)
	case l.Lost:
		r.anew(l, steps, s.At, value)
	default:
		r.note(l, steps, s.At, value)
	}
	l.Lost, l.Part = false, !whole
}

// worth returns what an observation is by the measure of a ladder, and the limit
// level that an excess is above. Whole is false if it may be more: the window of a
// rise is covered by reports for less than three quarters. Old points in the window
// of a rise count once the next report comes; they move nothing by themselves.
func (st *station) worth(l *Ladder, h *hydro.History, s *hydro.Sample) (value, limit float64, whole, ok bool) {
	switch l.Basis {
	case hydro.Rise:
		window := l.Window.Milliseconds()
		lowest, first := s.Value, s.At
		for _, x := range slices.Backward(h.Between(s.At-window-1, s.At)) {
			if x.Quality.Usable() {
				lowest, first = min(lowest, x.Value), x.At
			}
		}
		return s.Value - lowest, 0, float64(s.At-first) >= minCoverage*float64(window), true
	case hydro.OverLimit:
		limit, ok := st.limit(time.UnixMilli(s.At))
		return s.Value - limit, limit, true, ok
	case hydro.Itself, hydro.Likelihood:
	}
	return s.Value, 0, true, true
}

// limit returns the limit level in force at a reservoir's station.
func (st *station) limit(at time.Time) (float64, bool) {
	if st.reservoir == nil {
		return 0, false
	}
	return st.reservoir.FloodLimit(at, st.zone)
}

func (st *station) limited(at time.Time) bool {
	_, ok := st.limit(at)
	return ok
}

// retracted reports whether what h holds at an instant is no longer usable.
func retracted(h *hydro.History, at int64) bool {
	if h == nil {
		return false
	}
	samples := h.Between(at-1, at)
	return len(samples) > 0 && !samples[0].Quality.Usable()
}

// resight lets the latest usable sample, if there is one, decide a ladder that
// had no evidence.
func (r *Rules) resight(st *station, l *Ladder, steps []step, h *hydro.History, samples []hydro.Sample) {
	for _, s := range slices.Backward(samples) {
		if s.Quality.Usable() && s.At >= l.At {
			r.take(st, l, steps, h, &s)
			return
		}
	}
}

// anew decides a ladder that had no evidence at once: on what the value meets,
// but not below the stage that it held if the value is within its dead-band.
func (r *Rules) anew(l *Ladder, steps []step, at int64, value float64) {
	l.restart()
	l.Lost = false
	r.note(l, steps, at, value)
	met, held := r.reach(l, steps, value)
	l.Stage = max(met, min(l.Stage, held))
}

// restart lets all clocks of an observed ladder start anew.
func (l *Ladder) restart() { l.Met, l.Below, l.Near = [rungs]int64{}, [rungs]int64{}, [rungs]int64{} }

// unsure records one value that counts as met, and not as below: what is not
// known may be above.
func (r *Rules) unsure(l *Ladder, steps []step, at int64, value float64) {
	met, held := r.reach(l, steps, value)
	l.At, l.Value = at, value
	l.Below = [rungs]int64{}
	for i := range l.Met {
		stage := hydro.Blue + hydro.Stage(i)
		since(&l.Met[i], met >= stage, at)
		since(&l.Near[i], met >= stage || held >= stage && l.Near[i] != 0, at)
	}
}

// note records one value of an observed quantity.
func (r *Rules) note(l *Ladder, steps []step, at int64, value float64) {
	met, held := r.reach(l, steps, value)
	l.At, l.Value = at, value
	for i := range l.Met {
		stage := hydro.Blue + hydro.Stage(i)
		since(&l.Met[i], met >= stage, at)
		since(&l.Below[i], held < stage, at)
		since(&l.Near[i], held >= stage && (met >= stage || l.Near[i] != 0), at)
	}
}

// since keeps the instant from which a condition has held.
func since(t *int64, holds bool, at int64) {
	switch {
	case !holds:
		*t = 0
	case *t == 0:
		*t = at
	}
}

// move raises or lowers an observed ladder whose dwell is over. Interval and
// grace are those of the reports, in milliseconds, 0 for a quantity that is
// known at every instant.
func (r *Rules) move(l *Ladder, within timing, interval, grace, now int64) {
	for s := hydro.Red; s > l.Stage; s-- {
		first := l.Near[s-hydro.Blue]
		if l.Met[s-hydro.Blue] == 0 {
			continue // the latest value does not ask for it
		}
		if dwelt(first, l.At, interval, within.raise, now) ||
			first != 0 && now-first >= within.raise && now > l.At+interval+grace { // the report that could deny it is overdue
			l.Stage = s
			return
		}
	}
	for l.Stage > hydro.Clear && dwelt(l.Below[l.Stage-hydro.Blue], l.At, interval, within.lower, now) {
		l.Stage--
	}
}

// dwelt reports whether a condition that holds from first (0: it does not) to
// the latest evidence has held for dwell, with no report due in between that
// could have denied it. All are in milliseconds.
func dwelt(first, latest, interval, dwell, now int64) bool {
	if first == 0 || now-first < dwell {
		return false
	}
	return latest-first >= dwell || latest+interval > first+dwell
}

// accumulate moves the ladder of a rain accumulation. Its evidence is the sum
// of the window that ends now, as long as the gauge is in sight.
func (r *Rules) accumulate(st *station, l *Ladder, steps []step, within timing, ev Evidence, now time.Time) {
	g, ok := st.gauge(hydro.Rain)
	if !ok || ev.Rain == nil {
		return
	}
	ms := now.UnixMilli()
	mm, coverage, ok := ev.Rain(st.id, l.Window)
	if !ok || math.IsNaN(mm) || !fresh(history(ev, g.key), ms-g.window, ms) {
		l.Lost = true
		return
	}
	r.recheck(l, steps)
	_, held := r.reach(l, steps, mm)
	switch {
	case coverage < minCoverage && held < l.Stage: // what the gaps hide may have fallen
		r.unsure(l, steps, ms, mm)
	case l.Lost:
		r.anew(l, steps, ms, mm)
	default:
		r.note(l, steps, ms, mm)
	}
	l.Lost = false
	r.move(l, within, 0, 0, ms)
}

// recheck stops what the latest evidence does not ask for: the thresholds may
// be new.
func (r *Rules) recheck(l *Ladder, steps []step) {
	met, held := r.reach(l, steps, l.Value)
	for i := range l.Met {
		stage := hydro.Blue + hydro.Stage(i)
		if met < stage {
			l.Met[i] = 0
			if held < stage {
				l.Near[i] = 0
			}
		}
		if held >= stage {
			l.Below[i] = 0
		}
	}
}

// fresh reports whether h, of rain, holds a sample in [from, to] that counts.
func fresh(h *hydro.History, from, to int64) bool {
	if h == nil {
		return false
	}
	for i := len(h.Samples) - 1; i >= 0 && h.Samples[i].At >= from; i-- {
		if s := &h.Samples[i]; s.At <= to && counts(hydro.Rain, s) {
			return true
		}
	}
	return false
}

// foresee counts one run for a forecast ladder.
func (r *Rules) foresee(st *station, l *Ladder, steps []step, persistence int64, run *hydro.Forecast) {
	f := find(run.Stations, st.id)
	if f == nil || run.Step <= 0 {
		return
	}
	var add float64
	if l.Variable == hydro.WaterLevel {
		offset, known := st.offset(f.Datum)
		if !known {
			return
		}
		add = offset
	}
	var (
		v  view
		ok bool
	)
	if l.Basis == hydro.Likelihood {
		v, ok = chanceOf(l, steps, f, add, run.IssuedAt)
	} else {
		v, ok = st.ahead(l, steps, f, add, run)
	}
	if !ok {
		return // no value: no evidence
	}
	for i := range v.cross {
		if step, ok := stepOf(steps, hydro.Blue+hydro.Stage(i)); ok && l.Basis == hydro.Itself && v.best >= step.value {
			v.cross[i] = crossing(f, l.Variable, step, add, v.cross[i], v.bestAt)
		}
	}
	r.tally(l, steps, persistence, run.IssuedAt, &v)
}

// tally counts what a run says for a forecast ladder, and moves it.
func (r *Rules) tally(l *Ladder, steps []step, persistence int64, issued time.Time, v *view) {
	r.recheck(l, steps)
	met, held := r.reach(l, steps, v.best)
	l.At, l.Value, l.Limit, l.Peak, l.Lost = issued.UnixMilli(), v.best, v.limit, v.bestAt.UnixMilli(), false
	l.Until = v.until.UnixMilli()
	l.Extrapolated, l.Uncalibrated = v.extrapolated, v.uncalibrated
	for i := range l.Met {
		stage := hydro.Blue + hydro.Stage(i)
		count(&l.Met[i], met >= stage)
		count(&l.Below[i], held < stage && !v.gaps)
		l.Cross[i] = 0
		if step, ok := stepOf(steps, stage); ok && v.best >= step.value {
			at := v.cross[i]
			if at.IsZero() {
				at = v.bestAt
			}
			l.Cross[i] = at.UnixMilli()
		}
	}
	for s := hydro.Red; s > l.Stage; s-- {
		if l.Met[s-hydro.Blue] >= persistence {
			l.Stage = s
			return
		}
	}
	for l.Stage > hydro.Clear && l.Below[l.Stage-hydro.Blue] >= persistence {
		l.Stage--
	}
}

// A view is what a run says of one ladder.
type view struct {
	best   float64 // the highest value ahead
	bestAt time.Time
	limit  float64          // the limit level at bestAt, or the threshold that may be met
	cross  [rungs]time.Time // when an output step first meets each threshold; zero if none does
	until  time.Time        // of which the run speaks
	// beyond the rating's measured range; and a chance that is not known to be near what happens
	extrapolated, uncalibrated bool
	gaps                       bool // some values are not known: the peak need not be the peak
}

// ahead looks at the values of a run: themselves, their rise, or their excess over
// the limit level in force at their time.
func (st *station) ahead(l *Ladder, steps []step, f *hydro.StationForecast, add float64, run *hydro.Forecast) (view, bool) {
	values, peak, now := f.Discharge, f.Peak.Discharge, f.NowDischarge
	if l.Variable == hydro.WaterLevel {
		values, peak, now = f.Level, f.Peak.Level, f.NowLevel
	}
	out := view{best: math.Inf(-1), until: run.IssuedAt.Add(time.Duration(len(values)) * run.Step), extrapolated: f.Extrapolated}
	back := int(l.Window / run.Step) // of a rise
	for i, value := range values {
		at := run.IssuedAt.Add(time.Duration(i+1) * run.Step)
		x, limit := value+add, 0.0
		switch l.Basis {
		case hydro.Rise:
			lowest := value
			for j := i - 1; j >= max(i-back, -1); j-- {
				before := now
				if j >= 0 {
					before = values[j]
				}
				if before < lowest { // false for NaN
					lowest = before
				}
			}
			x = value - lowest
		case hydro.OverLimit:
			var ok bool
			if limit, ok = st.limit(at); !ok {
				continue
			}
			x -= limit
		case hydro.Itself, hydro.Likelihood:
		}
		if math.IsNaN(x) {
			out.gaps = true
			continue
		}
		if x > out.best {
			out.best, out.bestAt, out.limit = x, at, limit
		}
		for _, s := range steps {
			if k := s.stage - hydro.Blue; x >= s.value && out.cross[k].IsZero() {
				out.cross[k] = at
			}
		}
	}
	if out.bestAt.IsZero() {
		return view{}, false
	}
	if p := peak + add; l.Basis == hydro.Itself && f.Peak.At.After(run.IssuedAt) && p > out.best { // found between two output steps; false for NaN
		out.best, out.bestAt = p, f.Peak.At
	}
	return out, true
}

// chanceOf looks at a run's band: how probable it is that the threshold of l.Of is
// met within the window of the ladder. Until the end of the band the run tells
// that itself; for a shorter window it is shared out by when the threshold is met,
// if it is, straight between the three quantiles that are told.
func chanceOf(l *Ladder, steps []step, f *hydro.StationForecast, add float64, issued time.Time) (view, bool) {
	out := view{best: math.Inf(-1), until: issued.Add(l.Window)}
	for i := range f.Crossings {
		c := &f.Crossings[i]
		if c.Stage != l.Of || c.Variable != l.Variable || c.Chance.Until.IsZero() || math.IsNaN(c.Chance.Probability) {
			continue
		}
		p, middle := c.Chance.Probability, out.until
		if p > 0 {
			middle = c.Chance.Middle
			p *= shareBy(&c.Chance, issued, out.until)
		}
		if p > out.best {
			out.best, out.bestAt, out.limit = p, middle, c.Threshold+add
			out.extrapolated, out.uncalibrated = c.Chance.Extrapolated, c.Chance.Uncalibrated
		}
	}
	if out.bestAt.IsZero() {
		return view{}, false
	}
	for _, s := range steps {
		if k := s.stage - hydro.Blue; out.best >= s.value {
			out.cross[k] = out.bestAt
		}
	}
	return out, true
}

// shareBy returns the share of the crossings of a chance that come by an instant.
func shareBy(c *hydro.Chance, issued, by time.Time) float64 {
	knots := [...]struct {
		at    time.Time
		share float64
	}{{issued, 0}, {c.Early, 0.1}, {c.Middle, 0.5}, {c.Late, 0.9}, {c.Until, 1}}
	if !by.Before(c.Until) {
		return 1
	}
	share := 0.0
	for i := 1; i < len(knots); i++ {
		a, b := knots[i-1], knots[i]
		switch {
		case !by.Before(b.at):
			share = b.share
		case by.After(a.at):
			return a.share + (b.share-a.share)*by.Sub(a.at).Seconds()/b.at.Sub(a.at).Seconds()
		}
	}
	return share
}

// outlast moves a forecast ladder for which no valid run speaks. It holds what
// the last run said while that is still to come: to the run's last value, or
// until after its peak the same quantity has been observed below for the dwell.
// The instant now is in Unix milliseconds.
func (r *Rules) outlast(l *Ladder, ladders []Ladder, lower, now int64) {
	l.Lost = true
	if now > l.Until {
		l.Stage, l.Met, l.Below, l.Cross = hydro.Clear, [rungs]int64{}, [rungs]int64{}, [rungs]int64{}
	}
	for i := range ladders {
		o := &ladders[i]
		if o.Forecast || o.Lost || o.Variable != l.Variable || o.Basis != l.Basis || o.Window != l.Window || l.Stage == hydro.Clear {
			continue
		}
		if k := l.Stage - hydro.Blue; l.Cross[k] == 0 && l.Below[k] == 0 {
			continue // the run had gaps: its peak need not be the peak
		}
		for l.Stage > hydro.Clear && dwelt(after(o.Below[l.Stage-hydro.Blue], max(l.Peak, l.Claim)), o.At, 0, lower, now) {
			l.Stage--
		}
	}
}

// after returns the later of the instant from which a condition has held, which
// stays 0 if it does not, and at.
func after(first, at int64) int64 {
	if first == 0 {
		return 0
	}
	return max(first, at)
}

// count keeps the number of runs in a row.
func count(n *int64, agrees bool) {
	if agrees {
		*n++
	} else {
		*n = 0
	}
}

// crossing returns when a run crosses a threshold: as the run says it, which is
// at the routing step, or else at the first output step that reaches it, or at
// the peak if that alone does.
func crossing(f *hydro.StationForecast, v hydro.Variable, s step, add float64, first, peak time.Time) time.Time {
	for _, c := range f.Crossings {
		if c.Stage == s.stage && (c.Variable == v || v == hydro.Inflow && c.Variable == hydro.Discharge) && !c.At.IsZero() &&
			math.Abs(c.Threshold+add-s.value) < 1e-9 && (first.IsZero() || !c.At.After(first)) {
			return c.At
		}
	}
	if first.IsZero() {
		return peak
	}
	return first
}

// find returns the forecast of a station; stations ascend by id.
func find(stations []hydro.StationForecast, id string) *hydro.StationForecast {
	lo, hi := 0, len(stations)
	for lo < hi {
		if mid := (lo + hi) / 2; stations[mid].Station < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(stations) && stations[lo].Station == id {
		return &stations[lo]
	}
	return nil
}
