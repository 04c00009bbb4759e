package engine

import (
	"slices"
	"time"

	"freshet/alert"
	"freshet/internal/hydro"
)

// late takes note of an observation of series i that no stage can hang on any
// more: it is older than one that was held, or than the blind window. Last is the
// newest that was held before it.
func (e *Engine) late(s *series, o *hydro.Observation, last int64) {
	at := o.At.UnixMilli()
	if e.now.IsZero() || at > last && e.now.Sub(o.At) <= s.interval() {
		return // nearly every call
	}
	basin, _ := e.cat.Basin(e.basin)
	if at > last && e.now.Sub(o.At) <= time.Duration(basin.Settings.BlindAfter)*s.interval()+5*time.Minute {
		return
	}
	if s.LateFrom == 0 || at < s.LateFrom {
		s.LateFrom = at
	}
	s.LateTo = max(s.LateTo, at)
}

func (s *series) interval() time.Duration {
	if s.parameter == nil {
		return 0
	}
	return s.parameter.Interval
}

// old takes note of an observation that is too old for the history. What its own
// limits doubt is none to note.
func (s *series) old(o *hydro.Observation, quality hydro.Quality) {
	if quality.Usable() {
		s.Old = append(slices.Clip(s.Old), hydro.Sample{At: o.At.UnixMilli(), Value: o.Value, Quality: quality})
	}
}

// hindsight notes what observations that came too late since the last tick would
// have warned of.
func (e *Engine) hindsight(outs []hydro.Output) []hydro.Output {
	var late []alert.Late
	for i := range e.series {
		s := &e.series[i]
		if s.LateFrom == 0 && len(s.Old) == 0 {
			continue
		}
		late = append(late, alert.Late{Key: s.Key, History: &s.History, From: s.LateFrom, To: s.LateTo, Old: s.Old})
		s.LateFrom, s.LateTo, s.Old = 0, 0, nil
	}
	if len(late) == 0 {
		return outs
	}
	var notes []hydro.Audit
	e.alertState, notes = e.rules.Hindsight(e.alertState, late, e.now)
	for i := range notes {
		outs = append(outs, hydro.Output{Audit: &notes[i]})
	}
	return outs
}
