package alert

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// Late is what came too late for the stage of a series to hang on it.
type Late struct {
	Key     hydro.Key
	History *hydro.History // with the late observations in it
	// The late ones in the history lie in [From, To], Unix milliseconds; 0 if there
	// are none.
	From, To int64
	// Old ones are kept in no history: they are not checked by anything but their
	// limits, and what stood then is forgotten.
	Old []hydro.Sample
}

// A Stood says since when a station has stood at a stage.
type Stood struct {
	Since int64 // Unix milliseconds
	Stage hydro.Stage
}

// A Noted is an event that has been noted: late values of a series at or above
// a threshold, without a longer break than its blind window.
type Noted struct {
	Station  string
	Variable hydro.Variable
	Basis    hydro.Basis
	Window   time.Duration
	Stage    hydro.Stage // the highest
	From, To int64       // Unix milliseconds
}

const (
	// pastKept is how long ago stages are remembered: as long as histories reach.
	pastKept = 96 * time.Hour
	// notedKept and maxNoted bound what is remembered of notes: a gateway that sends
	// the same old value again for longer than that is noted again.
	notedKept = 30 * 24 * time.Hour
	maxNoted  = 1000
)

// stand remembers that a station stands at a stage. It does not write to the
// memory behind past.
func stand(past []Stood, stage hydro.Stage, now int64) []Stood {
	from := 0
	for from+1 < len(past) && past[from+1].Since < now-pastKept.Milliseconds() {
		from++
	}
	return append(slices.Clone(past[from:]), Stood{now, stage})
}

// stood returns the highest colour that a station stood at within [from, to].
func (s *StationState) stood(from, to int64) hydro.Stage {
	highest := hydro.Clear
	for i, p := range s.Past {
		if p.Since <= to && (i+1 == len(s.Past) || s.Past[i+1].Since > from) && p.Stage != hydro.Blind {
			highest = max(highest, p.Stage)
		}
	}
	return highest
}

// Hindsight says for which stages late observations would have raised, had they
// come in time, where the station stood lower then. It changes no stage. It goes
// through the ladders again, on the thresholds that were in force, and notes each
// event once, and once more for each higher stage that more of it brings. It does
// not write to the memory behind s.
func (r *Rules) Hindsight(s State, late []Late, now time.Time) (State, []hydro.Audit) {
	if !r.fits(s) {
		return s, nil
	}
	late = slices.Clone(late)
	slices.SortStableFunc(late, func(a, b Late) int {
		return cmp.Or(cmp.Compare(a.Key.Station, b.Key.Station), cmp.Compare(a.Key.Variable, b.Key.Variable), cmp.Compare(a.Key.Sensor, b.Key.Sensor))
	})
	w := hindsight{rules: r, now: now.UTC(), noted: slices.Clone(s.Noted)}
	w.noted = slices.DeleteFunc(w.noted, func(n Noted) bool { return n.To < w.now.Add(-notedKept).UnixMilli() })
	for i := range late {
		x := &late[i]
		j, ok := findState(s.Stations, x.Key.Station)
		if !ok {
			continue
		}
		st := &r.stations[j]
		for k := range st.count {
			l := &s.Ladders[st.first+k]
			g, measured := st.gauge(l.Variable)
			if l.Forecast || !measured || g.key.Sensor != x.Key.Sensor || l.Variable != x.Key.Variable {
				continue
			}
			if x.History != nil && x.From != 0 {
				w.again(st, &s.Stations[j], k, g, x)
			}
			w.old(st, k, g, x.Old)
		}
	}
	s.Noted = w.noted
	if n := len(s.Noted); n > maxNoted {
		s.Noted = s.Noted[n-maxNoted:]
	}
	return s, w.audits
}

// A hindsight is one look back.
type hindsight struct {
	rules  *Rules
	now    time.Time
	noted  []Noted
	audits []hydro.Audit
}

// again lets a ladder of its own go over what is now known of the span of the late
// observations, from so far before it that its clocks are right.
func (w *hindsight) again(st *station, state *StationState, k int, g *gauge, x *Late) {
	r, l := w.rules, w.rules.ladders[st.first+k].ladder()
	most := r.timing
	for i := range st.tables {
		own := st.tables[i].timings[k]
		most.raise, most.lower = max(most.raise, own.raise), max(most.lower, own.lower)
	}
	before := most.raise + most.lower + g.window + l.Window.Milliseconds()
	after := most.raise + g.interval
	if l.Variable == hydro.Rain {
		after += l.Window.Milliseconds() // it is in the sums of so long
	}
	until := min(x.To+after, w.now.UnixMilli())
	for _, s := range x.History.Between(x.From-before-1, until) {
		if !counts(l.Variable, &s) {
			continue
		}
		t := st.table(time.UnixMilli(s.At))
		steps := t.steps(k)
		if len(steps) == 0 {
			l = l.key().ladder()
			continue
		}
		if l.At < s.At-g.window {
			l.Lost = true
		}
		stage := l.Stage
		if l.Variable == hydro.Rain {
			mm, coverage := sumUpTo(x.History, s.At, l.Window)
			_, held := r.reach(&l, steps, mm)
			switch {
			case coverage < minCoverage && held < l.Stage:
				r.unsure(&l, steps, s.At, mm)
			case l.Lost:
				r.anew(&l, steps, s.At, mm)
			default:
				r.note(&l, steps, s.At, mm)
			}
			l.Lost = false
			r.move(&l, t.timings[k], 0, 0, s.At)
		} else {
			r.take(st, &l, steps, x.History, &s)
			r.move(&l, t.timings[k], g.interval, g.grace, s.At)
		}
		if s.At < x.From || l.Stage == hydro.Clear {
			continue
		}
		if l.Stage > stage && l.Stage > state.stood(s.At, s.At+g.interval+g.grace) {
			w.note(st, k, g, l, s.At, "")
		} else {
			w.extend(&l, g.window, s.At)
		}
	}
}

// sumUpTo returns the rain of the window that ends at an instant, and the share of
// it that reports cover.
func sumUpTo(h *hydro.History, at int64, window time.Duration) (mm, coverage float64) {
	var covered time.Duration
	for _, s := range h.Between(at-window.Milliseconds(), at) {
		if counts(hydro.Rain, &s) {
			mm += s.Value
			covered += time.Duration(s.Interval) * time.Second
		}
	}
	return mm, min(1, float64(covered)/float64(window))
}

// old notes values that no history holds, one by one and without any dwell.
func (w *hindsight) old(st *station, k int, g *gauge, samples []hydro.Sample) {
	l := w.rules.ladders[st.first+k].ladder()
	if l.Basis != hydro.Itself || l.Variable == hydro.Rain {
		return
	}
	samples = slices.Clone(samples)
	slices.SortFunc(samples, func(a, b hydro.Sample) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Value, a.Value)) })
	for _, s := range samples {
		steps := st.table(time.UnixMilli(s.At)).steps(k)
		if met, _ := w.rules.reach(&l, steps, s.Value); met > hydro.Clear {
			l.Stage, l.Value, l.At = met, s.Value, s.At
			w.note(st, k, g, l, s.At, "old")
		}
	}
}

// event returns the event to which an instant belongs, if it has been noted.
func (w *hindsight) event(l *Ladder, gap, at int64) *Noted {
	for i := range w.noted {
		n := &w.noted[i]
		if n.Station == l.Station && n.Variable == l.Variable && n.Basis == l.Basis && n.Window == l.Window && at >= n.From-gap && at <= n.To+gap {
			return n
		}
	}
	return nil
}

func (w *hindsight) extend(l *Ladder, gap, at int64) {
	if n := w.event(l, gap, at); n != nil {
		n.From, n.To = min(n.From, at), max(n.To, at)
	}
}

// note gives one note, unless the event has one of this stage or a higher one.
func (w *hindsight) note(st *station, k int, g *gauge, l Ladder, at int64, old string) {
	n := w.event(&l, g.window, at)
	if n != nil {
		n.From, n.To = min(n.From, at), max(n.To, at)
		if n.Stage >= l.Stage {
			return
		}
		n.Stage = l.Stage
	} else {
		w.noted = append(w.noted, Noted{l.Station, l.Variable, l.Basis, l.Window, l.Stage, at, at})
	}
	t := st.table(time.UnixMilli(at))
	limit, _ := stepOf(t.steps(k), l.Stage)
	what := measured(&l)
	windowZH, windowEN := "", ""
	if l.Window > 0 {
		windowZH, windowEN = windowText(l.Window)
	}
	value, threshold := number2(l.Variable, l.Value), number2(l.Variable, limit.value)
	when := w.rules.clock(time.UnixMilli(at))
	lateZH, lateEN := leadText(w.now.Sub(time.UnixMilli(at)).Truncate(time.Minute))
	zhName, enName := st.names()
	zh := fmt.Sprintf("%s：按迟到数据，本应在 %s 发出%s预警：%s%s %s %s，阈值 %s %s；数据迟到 %s",
		zhName, when, stageZH[l.Stage], windowZH, what.zh, value, what.unitZH, threshold, what.unitZH, lateZH)
	en := fmt.Sprintf("%s: would have warned at %s (%s): %s%s %s %s, threshold %s %s; known %s later",
		enName, when, stageEN[l.Stage], windowEN, what.en, value, what.unitEN, threshold, what.unitEN, lateEN)
	if old != "" {
		zh += "（单值，未与前后值核对，当时的状态已不可查）"
		en += " (one value, checked against nothing but its limits; what stood then is no longer remembered)"
	}
	if t != nil && t.illustrative {
		zh += "（示例阈值，非正式）"
		en += " (illustrative thresholds, not official)"
	}
	w.audits = append(w.audits, hydro.Audit{
		At: w.now, Kind: hydro.AuditWouldHaveWarned, Station: l.Station, Before: limit.value, After: l.Value,
		Text: zh + "。" + en + ".",
	})
}
