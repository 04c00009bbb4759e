package engine

import (
	"time"

	"freshet/alert"
	"freshet/alert/group"
	"freshet/alert/plan"
	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Footing is what a rehearsal stands on: the rules of an engine and where they
// stood. It belongs to the engine that gave it, which must be a fork that nothing is
// applied to any more. Nothing of it may be changed in place.
type Footing struct {
	Basin     string
	Now       time.Time // engine time
	T0        time.Time // of the run that a rehearsal is beside
	Seq       uint64
	Catalogue *catalog.Catalog

	Model    *forecast.Model
	Water    forecast.State
	Ahead    forecast.Ahead
	Forecast *hydro.Forecast // the latest run, or nil
	History  forecast.Source
	Refusal  func(station string) (hydro.Refusal, bool)

	Rules     *alert.Rules
	Stages    alert.State
	Groups    *group.Rules
	Waves     group.State
	Plans     *plan.Rules
	Responses plan.State
}

// Footing returns what a rehearsal from here stands on; false before the first
// catalogue and the first tick. T0 is the time of issue of the latest run while that
// is valid, so that the two can be laid side by side, else engine time cut to the step
// of computation.
func (e *Engine) Footing() (Footing, bool) {
	if e.cat == nil || e.now.IsZero() {
		return Footing{}, false
	}
	t0 := e.now.Truncate(e.model.Step())
	if f := e.latest; f != nil && f.ValidUntil.After(e.now) {
		t0 = f.IssuedAt
	}
	return Footing{
		Basin: e.basin, Now: e.now.UTC(), T0: t0.UTC(), Seq: e.seq, Catalogue: e.cat,
		Model: e.model, Water: e.forecastState, Ahead: e.Ahead(), Forecast: e.latest, History: e.history, Refusal: e.refusal,
		Rules: e.rules, Stages: e.alertState, Groups: e.groups, Waves: e.groupState, Plans: e.parts.plan, Responses: e.duty.Plan,
	}, true
}

// Remembers is how far back an engine's series reach.
const Remembers = retention
