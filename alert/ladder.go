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
func (r *Rules) reach(v hydro.Variable, steps []step, value float64) (met, held hydro.Stage) {
	for _, s := range steps {
		if value >= s.value {
			met = max(met, s.stage)
		}
		if value >= r.floor(v, s.value) {
			held = max(held, s.stage)
		}
	}
	return met, max(met, held)
}

// floor returns the value below which a threshold of v no longer holds.
func (r *Rules) floor(v hydro.Variable, threshold float64) float64 {
	if v == hydro.WaterLevel {
		return threshold - r.deadBand
	}
	return threshold * (1 - r.deadShare)
}

// observe takes the observations that are new to an observed ladder and moves
// it. The instant now is in Unix milliseconds.
func (r *Rules) observe(g *gauge, l *Ladder, steps []step, h *hydro.History, now int64) {
	from := now - g.window
	if l.At < from {
		l.Lost = true
	}
	switch {
	case l.Lost:
	case retracted(h, l.At):
		l.restart()
	default:
		r.note(l, steps, l.At, l.Value) // the thresholds may be new
	}
	if h != nil {
		if l.Lost {
			r.resight(l, steps, h.Between(from-1, now))
		} else {
			for _, s := range h.Between(l.At-1, now) {
				if s.Quality.Usable() && (s.At > l.At || s.Value != l.Value) {
					r.note(l, steps, s.At, s.Value)
				}
			}
		}
	}
	if !l.Lost {
		r.move(l, g.interval, g.grace, now)
	}
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
func (r *Rules) resight(l *Ladder, steps []step, samples []hydro.Sample) {
	for _, s := range slices.Backward(samples) {
		if s.Quality.Usable() && s.At >= l.At {
			r.anew(l, steps, s.At, s.Value)
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
	met, held := r.reach(l.Variable, steps, value)
	l.Stage = max(met, min(l.Stage, held))
}

// restart lets all clocks of an observed ladder start anew.
func (l *Ladder) restart() { l.Met, l.Below, l.Near = [rungs]int64{}, [rungs]int64{}, [rungs]int64{} }

// note records one value of an observed quantity.
func (r *Rules) note(l *Ladder, steps []step, at int64, value float64) {
	met, held := r.reach(l.Variable, steps, value)
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
func (r *Rules) move(l *Ladder, interval, grace, now int64) {
	for s := hydro.Red; s > l.Stage; s-- {
		first := l.Near[s-hydro.Blue]
		if l.Met[s-hydro.Blue] == 0 {
			continue // the latest value does not ask for it
		}
		if dwelt(first, l.At, interval, r.dwellRaise, now) ||
			first != 0 && now-first >= r.dwellRaise && now > l.At+interval+grace { // the report that could deny it is overdue
			l.Stage = s
			return
		}
	}
	for l.Stage > hydro.Clear && dwelt(l.Below[l.Stage-hydro.Blue], l.At, interval, r.dwellLower, now) {
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
func (r *Rules) accumulate(st *station, l *Ladder, steps []step, ev Evidence, now time.Time) {
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
	met, held := r.reach(hydro.Rain, steps, mm)
	switch {
	case coverage < minCoverage && held < l.Stage:
		// What the gaps hide may have fallen: nothing counts as below.
		l.At, l.Value = ms, mm
		l.Below = [rungs]int64{}
		for i := range l.Met {
			stage := hydro.Blue + hydro.Stage(i)
			since(&l.Met[i], met >= stage, ms)
			since(&l.Near[i], met >= stage || held >= stage && l.Near[i] != 0, ms)
		}
	case l.Lost:
		r.anew(l, steps, ms, mm)
	default:
		r.note(l, steps, ms, mm)
	}
	l.Lost = false
	r.move(l, 0, 0, ms)
}

// recheck stops what the latest evidence does not ask for: the thresholds may
// be new.
func (r *Rules) recheck(l *Ladder, steps []step) {
	met, held := r.reach(l.Variable, steps, l.Value)
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
func (r *Rules) foresee(st *station, l *Ladder, steps []step, run *hydro.Forecast) {
	f := find(run.Stations, st.id)
	if f == nil || run.Step <= 0 {
		return
	}
	values, peak, add := f.Discharge, f.Peak.Discharge, 0.0
	if l.Variable == hydro.WaterLevel {
		var ok bool
		if add, ok = st.offset(f.Datum); !ok {
			return
		}
		values, peak = f.Level, f.Peak.Level
	}
	issued := run.IssuedAt
	best, bestAt, gaps := math.Inf(-1), time.Time{}, false
	var cross [rungs]time.Time
	for i, v := range values {
		if math.IsNaN(v) {
			gaps = true
			continue
		}
		at := issued.Add(time.Duration(i+1) * run.Step)
		v += add
		if v > best {
			best, bestAt = v, at
		}
		for _, s := range steps {
			if k := s.stage - hydro.Blue; v >= s.value && cross[k].IsZero() {
				cross[k] = at
			}
		}
	}
	if bestAt.IsZero() {
		return // no value: no evidence
	}
	if p := peak + add; f.Peak.At.After(issued) && p > best { // found between two output steps; false for NaN
		best, bestAt = p, f.Peak.At
	}
	r.recheck(l, steps)
	met, held := r.reach(l.Variable, steps, best)
	l.At, l.Value, l.Peak, l.Lost = issued.UnixMilli(), best, bestAt.UnixMilli(), false
	l.Until = issued.Add(time.Duration(len(values)) * run.Step).UnixMilli()
	for i := range l.Met {
		stage := hydro.Blue + hydro.Stage(i)
		count(&l.Met[i], met >= stage)
		count(&l.Below[i], held < stage && !gaps)
		l.Cross[i] = 0
		if step, ok := stepOf(steps, stage); ok && best >= step.value {
			l.Cross[i] = crossing(f, l.Variable, step, add, cross[i], bestAt).UnixMilli()
		}
	}
	for s := hydro.Red; s > l.Stage; s-- {
		if l.Met[s-hydro.Blue] >= r.persistence {
			l.Stage = s
			return
		}
	}
	for l.Stage > hydro.Clear && l.Below[l.Stage-hydro.Blue] >= r.persistence {
		l.Stage--
	}
}

// outlast moves a forecast ladder for which no valid run speaks. It holds what
// the last run said while that is still to come: to the run's last value, or
// until after its peak the same quantity has been observed below for the dwell.
// The instant now is in Unix milliseconds.
func (r *Rules) outlast(l *Ladder, ladders []Ladder, now int64) {
	l.Lost = true
	if now > l.Until {
		l.Stage, l.Met, l.Below, l.Cross = hydro.Clear, [rungs]int64{}, [rungs]int64{}, [rungs]int64{}
	}
	for i := range ladders {
		o := &ladders[i]
		if o.Forecast || o.Lost || o.Variable != l.Variable || l.Stage == hydro.Clear {
			continue
		}
		if k := l.Stage - hydro.Blue; l.Cross[k] == 0 && l.Below[k] == 0 {
			continue // the run had gaps: its peak need not be the peak
		}
		for l.Stage > hydro.Clear && dwelt(after(o.Below[l.Stage-hydro.Blue], l.Peak), o.At, 0, r.dwellLower, now) {
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
