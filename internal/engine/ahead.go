package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/internal/hydro"
)

// A heldRain is the rain forecast of one source, and what it is on the model in
// force. Neither is changed in place.
type heldRain struct {
	forecast *hydro.RainForecast
	areal    forecast.Rain
}

// applyAhead takes what is announced for the time ahead, or taken back of it. The
// error is that of Apply.
func (e *Engine) applyAhead(in hydro.Input) ([]hydro.Output, error) {
	elsewhere := func(what, basin string) error {
		if basin == e.basin {
			return nil
		}
		return fmt.Errorf("input %d: %s for basin %q on the log of %q: %w", in.Seq, what, basin, e.basin, hydro.ErrInvalid)
	}
	switch {
	case in.RainForecast != nil:
		if err := elsewhere("rain forecast", in.RainForecast.Basin); err != nil {
			return nil, err
		}
		return e.applyRainForecast(in.RainForecast), nil
	case in.DispatchPlan != nil:
		if err := elsewhere("plan", in.DispatchPlan.Basin); err != nil {
			return nil, err
		}
		return e.applyDispatchPlan(in.DispatchPlan), nil
	case in.Tide != nil:
		if err := elsewhere("tide", in.Tide.Basin); err != nil {
			return nil, err
		}
		return e.applyTide(in.Tide), nil
	}
	if err := elsewhere("withdrawal", in.Withdrawal.Basin); err != nil {
		return nil, err
	}
	return e.applyWithdrawal(in.Withdrawal), nil
}

// applyRainForecast holds a rain forecast if it is the newest of its source. What
// is held depends on what came, not on the order in which it came, unless one
// source issues two different forecasts at one time: then the first counts, and
// the record says so.
func (e *Engine) applyRainForecast(f *hydro.RainForecast) []hydro.Output {
	name := fmt.Sprintf("rain forecast of %s, issued %s", f.Source, f.IssuedAt.Format(time.RFC3339))
	if why := e.unusable(f.ValidUntil); why != "" {
		return notUsed(f.ReceivedAt, name+": "+why)
	}
	i, found := slices.BinarySearchFunc(e.rains, f.Source, func(r heldRain, source string) int { return cmp.Compare(r.forecast.Source, source) })
	if found {
		switch held := e.rains[i].forecast; {
		case held.IssuedAt.After(f.IssuedAt):
			return notUsed(f.ReceivedAt, fmt.Sprintf("%s: one issued %s is held", name, held.IssuedAt.Format(time.RFC3339)))
		case held.IssuedAt.Equal(f.IssuedAt) && held.Same(f): // a resend
			return nil
		case held.IssuedAt.Equal(f.IssuedAt):
			return notUsed(f.ReceivedAt, name+": another content was issued at that time before; send a correction with a later time of issue")
		}
	}
	r := heldRain{f, e.model.Rain(f)}
	if found {
		e.rains[i] = r
	} else {
		e.rains = slices.Insert(e.rains, i, r)
	}
	return []hydro.Output{{Audit: &hydro.Audit{
		At: f.ReceivedAt, Kind: "rain_forecast", Text: fmt.Sprintf("%s, valid until %s, is held", name, f.ValidUntil.Format(time.RFC3339)),
	}}}
}

// applyDispatchPlan is applyRainForecast for the plan of a reservoir.
func (e *Engine) applyDispatchPlan(p *hydro.DispatchPlan) []hydro.Output {
	name := p.Title(rfc3339)
	if why := e.unusable(p.ValidUntil); why != "" {
		return notUsed(p.ReceivedAt, name+": "+why)
	}
	i, found := slices.BinarySearchFunc(e.plans, p.Reservoir, func(q hydro.DispatchPlan, id string) int { return cmp.Compare(q.Reservoir, id) })
	if found {
		switch held := &e.plans[i]; {
		case held.IssuedAt.After(p.IssuedAt):
			return notUsed(p.ReceivedAt, fmt.Sprintf("%s: one issued %s is held", name, held.IssuedAt.Format(time.RFC3339)))
		case held.IssuedAt.Equal(p.IssuedAt) && held.Same(p): // a resend
			return nil
		case held.IssuedAt.Equal(p.IssuedAt):
			return notUsed(p.ReceivedAt, name+": another content was issued at that time before; send a correction with a later time of issue")
		}
		e.plans[i] = *p
	} else {
		e.plans = slices.Insert(e.plans, i, *p)
	}
	return []hydro.Output{{Audit: &hydro.Audit{
		At: p.ReceivedAt, Kind: "dispatch_plan",
		Text: fmt.Sprintf("%s, valid %s to %s, is held", name, p.ValidFrom.Format(time.RFC3339), p.ValidUntil.Format(time.RFC3339)),
	}}}
}

// applyWithdrawal marks what is withdrawn. It stays held until it is forgotten, so
// that a resend of it does not put it in force again.
func (e *Engine) applyWithdrawal(w *hydro.Withdrawal) []hydro.Output {
	var (
		what   string
		at     int
		found  bool
		issued time.Time
		held   *hydro.Withdrawal
	)
	switch {
	case w.Reservoir != "":
		what = "plan of reservoir " + w.Reservoir
		if at = slices.IndexFunc(e.plans, func(p hydro.DispatchPlan) bool { return p.Reservoir == w.Reservoir }); at >= 0 {
			issued, held, found = e.plans[at].IssuedAt, e.plans[at].Withdrawn, true
		}
	case w.Station != "":
		what = "tide of " + w.Source + " at " + w.Station
		if at, found = e.tideAt(w.Station, w.Source); found {
			issued, held = e.tides[at].IssuedAt, e.tides[at].Withdrawn
		}
	default:
		what = "rain forecast of " + w.Source
		if at = slices.IndexFunc(e.rains, func(r heldRain) bool { return r.forecast.Source == w.Source }); at >= 0 {
			issued, held, found = e.rains[at].forecast.IssuedAt, e.rains[at].forecast.Withdrawn, true
		}
	}
	name := fmt.Sprintf("withdrawal by %s of the %s, issued %s", w.By, what, rfc3339(w.IssuedAt))
	switch {
	case !found:
		return notUsed(w.ReceivedAt, name+": none is held")
	case !issued.Equal(w.IssuedAt):
		return notUsed(w.ReceivedAt, fmt.Sprintf("%s: the one held was issued %s", name, rfc3339(issued)))
	case held != nil && held.Same(w): // a resend
		return nil
	case held != nil:
		return notUsed(w.ReceivedAt, fmt.Sprintf("%s: it is %s already", name, held.Text(rfc3339)))
	}
	switch {
	case w.Reservoir != "":
		e.plans[at].Withdrawn = w // the slice is this engine's own
	case w.Station != "":
		e.tides[at].Withdrawn = w
	default:
		f := *e.rains[at].forecast
		f.Withdrawn = w
		e.rains[at] = heldRain{&f, e.rains[at].areal}
		e.rains[at].areal.Withdrawn = w
	}
	return []hydro.Output{{Audit: &hydro.Audit{
		At: w.ReceivedAt, Kind: "withdrawal", Text: fmt.Sprintf("the %s, issued %s, is %s: %s", what, rfc3339(issued), w.Text(rfc3339), w.Reason),
	}}}
}

func rfc3339(t time.Time) string { return t.Format(time.RFC3339) }

// unusable says why nothing that is valid until then is held; "" if it may be.
func (e *Engine) unusable(until time.Time) string {
	switch {
	case e.cat == nil:
		return "no catalogue is in force yet"
	case e.faded(until):
		return fmt.Sprintf("it expired %s, long before %s", until.Format(time.RFC3339), e.now.Format(time.RFC3339))
	}
	return ""
}

// faded reports whether what was valid until then expired so long ago that
// forecasts no longer name it.
func (e *Engine) faded(until time.Time) bool {
	return !e.now.IsZero() && until.Before(e.now.Add(-retention))
}

func notUsed(at time.Time, text string) []hydro.Output {
	return []hydro.Output{{Audit: &hydro.Audit{At: at, Kind: "not_used", Text: text}}}
}

// forget drops what expired long ago.
func (e *Engine) forget() {
	e.rains = slices.DeleteFunc(e.rains, func(r heldRain) bool { return e.faded(r.forecast.ValidUntil) })
	e.plans = slices.DeleteFunc(e.plans, func(p hydro.DispatchPlan) bool { return e.faded(p.ValidUntil) })
	e.tides = slices.DeleteFunc(e.tides, func(t hydro.Tide) bool { return e.faded(t.ValidUntil) })
}

// remap brings the rain forecasts to the sub-basins of the model in force.
func (e *Engine) remap() {
	for i := range e.rains {
		e.rains[i].areal = e.model.Rain(e.rains[i].forecast)
	}
}

// rainAhead tells the rain forecast that the latest run used, at a station.
func (e *Engine) rainAhead() func(station string) (hydro.RainAhead, bool) {
	if e.latest == nil {
		return nil
	}
	ahead, at := e.Ahead(), e.latest.IssuedAt
	return func(station string) (hydro.RainAhead, bool) { return e.model.RainAhead(ahead, at, station) }
}

// Ahead returns what is held for the time ahead, rain by source, plans by reservoir
// and tides by station and source. What it refers to is never changed afterwards.
func (e *Engine) Ahead() forecast.Ahead {
	a := forecast.Ahead{Plans: slices.Clone(e.plans), Tides: slices.Clone(e.tides)}
	for _, r := range e.rains {
		a.Rain = append(a.Rain, r.areal)
	}
	return a
}
