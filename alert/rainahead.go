package alert

import (
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// foreseeRain counts one run for the forecast ladder of a sum of rain. A run that
// used no rain forecast at the station is no evidence.
func (r *Rules) foreseeRain(st *station, l *Ladder, steps []step, persistence int64, o *occasion) {
	if o.RainAhead == nil {
		return
	}
	ahead, ok := o.RainAhead(st.id)
	if !ok || ahead.Step <= 0 {
		return
	}
	v, fallen, ok := st.rainView(l, steps, &ahead, o)
	if !ok {
		return
	}
	issued, until := o.run.IssuedAt.UnixMilli(), v.until.UnixMilli()
	// What an earlier run said of a window that this one does not reach still stands.
	short := v.gaps || until < l.Claim
	v.gaps = short && issued < l.Claim
	r.tally(l, steps, persistence, o.run.IssuedAt, &v)
	l.Fallen = fallen
	met, _ := r.reach(l, steps, v.best)
	switch {
	case met == hydro.Clear && l.Stage == hydro.Clear:
		l.Claim = 0
	case met > hydro.Clear && short:
		l.Claim = max(l.Claim, l.Peak)
	case met > hydro.Clear:
		l.Claim = l.Peak
	}
	l.Until = max(l.Until, l.Claim)
}

// rainView looks at the sums of the ladder's window that end after a run's issue and
// no later than its horizon and the end of its rain forecast; fallen is the part of
// the highest that has fallen. The sum is looked at wherever the forecast's steps and
// the run's output steps end: in between it runs straight, but for what has fallen.
func (st *station) rainView(l *Ladder, steps []step, ahead *hydro.RainAhead, o *occasion) (v view, fallen float64, ok bool) {
	issued := o.run.IssuedAt
	v = view{best: math.Inf(-1), until: issued.Add(o.run.Horizon)}
	if end := ahead.End(); end.Before(v.until) {
		v.until = end
	}
	if !v.until.After(issued) {
		return view{}, 0, false
	}
	split := st.reported(o, ahead)
	v.gaps = ahead.Step > l.Window // an even spread tells it too low
	for _, end := range ends(o.run, ahead, v.until) {
		from := end.Add(-l.Window)
		mm, known := ahead.Between(later(from, split), end)
		fell := 0.0
		if from.Before(split) && o.Fallen != nil {
			var coverage float64
			fell, coverage = o.Fallen(st.id, from, split)
			known += time.Duration(coverage * float64(split.Sub(from)))
		}
		if sum := fell + mm; sum > v.best {
			v.best, v.bestAt, fallen = sum, end, fell
		}
		v.gaps = v.gaps || float64(known) < minCoverage*float64(l.Window)
		for _, s := range steps {
			if k := s.stage - hydro.Blue; fell+mm >= s.value && v.cross[k].IsZero() {
				v.cross[k] = end
			}
		}
	}
	return v, fallen, !v.bestAt.IsZero() && !math.IsNaN(v.best)
}

// reported returns until when the gauge tells the rain, and the rain forecast from
// then on: the run's issue, or the last report if the next is not due yet.
func (st *station) reported(o *occasion, ahead *hydro.RainAhead) time.Time {
	issued := o.run.IssuedAt
	g, ok := st.gauge(hydro.Rain)
	h := (*hydro.History)(nil)
	if ok {
		h = history(o.Evidence, g.key)
	}
	if h == nil {
		return issued
	}
	ms := issued.UnixMilli()
	for _, s := range slices.Backward(h.Between(ms-g.interval-g.grace, ms)) {
		if last := time.UnixMilli(s.At).UTC(); counts(hydro.Rain, &s) && !last.Before(ahead.From) {
			return last
		}
	}
	return issued
}

// ends returns the instants after a run's issue, and no later than until, at which an
// output step of the run or a step of the rain forecast ends, ascending.
func ends(run *hydro.Forecast, ahead *hydro.RainAhead, until time.Time) []time.Time {
	out := []time.Time{until}
	for t := run.IssuedAt.Add(run.Step); run.Step > 0 && t.Before(until); t = t.Add(run.Step) {
		out = append(out, t)
	}
	for i := range ahead.Rain {
		if t := ahead.From.Add(time.Duration(i+1) * ahead.Step); t.After(run.IssuedAt) && t.Before(until) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// rainAhead says what a sum of rain is forecast to be.
func (r *Rules) rainAhead(steps []step, l *Ladder, leg hydro.Leg, before StationState, to hydro.Stage, now time.Time) (zh, en string) {
	windowZH, windowEN := windowText(l.Window)
	windowZH = windowZH[1:] // without its leading space
	value, fallen := number2(hydro.Rain, l.Value), number2(hydro.Rain, l.Fallen)
	atZH, atEN := "至 "+r.clock(leg.PeakAt), "by "+r.clock(leg.PeakAt)
	if l.Fallen > 0 {
		atZH += "，其中已降 " + fallen + " 毫米"
		atEN += ", of which " + fallen + " mm has fallen"
	}
	zh = fmt.Sprintf("预报最大 %s雨量 %s 毫米（%s）", windowZH, value, atZH)
	en = fmt.Sprintf("forecast highest %srain %s mm %s", windowEN, value, atEN)
	if l.Lost { // it may not announce as still to come what it once expected
		z, e := r.noForecast(l.At, true)
		zh, en = z+"，其"+zh, e+", its "+en
	}
	stage := l.Stage
	if before.Stage != hydro.Blind && before.Stage > to {
		stage = before.Stage
	}
	limit, known := stepOf(steps, stage)
	if !known {
		return zh, en
	}
	threshold, colourZH, colourEN := number2(hydro.Rain, limit.value), stageZH[stage], stageEN[stage]
	switch above := l.Value >= limit.value; {
	case above && l.Lost:
		zh += fmt.Sprintf("，曾预计至 %s 达到%s阈值 %s 毫米", r.clock(leg.At), colourZH, threshold)
		en += fmt.Sprintf(", which expected the %s threshold %s mm by %s", colourEN, threshold, r.clock(leg.At))
	case above:
		zh = fmt.Sprintf("预计至 %s %s雨量达到%s阈值 %s 毫米", r.clock(leg.At), windowZH, colourZH, threshold)
		en = fmt.Sprintf("forecast to reach the %s threshold of %srain %s mm by %s", colourEN, windowEN, threshold, r.clock(leg.At))
		if lead := leg.At.Sub(now); lead >= time.Minute {
			leadZH, leadEN := leadText(lead)
			zh += "，提前 " + leadZH
			en += ", lead time " + leadEN
		}
		zh += fmt.Sprintf("，最大 %s 毫米（%s）", value, atZH)
		en += fmt.Sprintf(", highest %s mm %s", value, atEN)
	case stage == l.Stage && before.Stage <= to: // holds
		zh += fmt.Sprintf("，%s阈值 %s 毫米，回落未稳", colourZH, threshold)
		en += fmt.Sprintf(", %s held, not yet safely below the threshold %s mm", colourEN, threshold)
	default:
		zh += fmt.Sprintf("，低于%s阈值 %s 毫米", colourZH, threshold)
		en += fmt.Sprintf(", below the %s threshold %s mm", colourEN, threshold)
	}
	return zh, en
}
