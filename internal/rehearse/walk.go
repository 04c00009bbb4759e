package rehearse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"freshet/alert"
	"freshet/alert/group"
	"freshet/alert/plan"
	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// A Walk is the stages, groups and plans of a basin through one run, with what the
// run says standing for what would be observed.
type Walk struct {
	Step      time.Duration // between its decisions
	Changes   []Change      // of stations' stages, in the order in which they come
	Reached   []Reached     // ascending by station, lowest stage first
	Proposals []Proposal
	Measures  []Measure
	Clashes   []Clash
	Groups    []hydro.GroupChange // as they stand at the end, or when they closed
	Held      []Held
}

// A Change is one change of a station's stage.
type Change struct {
	At       time.Time
	Station  string
	From, To hydro.Stage
	Leg      string // "observed", "forecast" or "both": what stands at To
	ZH, EN   string
	Group    string
}

// A Reached is when a station first stands at a stage, from any leg, and when the
// river is at it.
type Reached struct {
	Station  string
	Stage    hydro.Stage
	At       time.Time // T0 if it does already
	Observed time.Time // zero: the river does not reach it in the walk
}

// A Proposal is a change of the level that a plan's conditions ask for.
type Proposal struct {
	At       time.Time
	Plan     string
	From, To hydro.ResponseLevel
	ZH, EN   string
	Assumed  bool // the walk takes the level as declared at that instant
}

// A Measure is a measure that opens in the walk.
type Measure struct {
	Plan     string
	NameZH   string // of the plan
	NameEN   string
	Measure  hydro.Measure
	Opened   time.Time
	Deadline time.Time // zero: no clock
}

// assumed is who declares in a walk.
var assumed = hydro.Person{Name: "rehearsal", Role: hydro.Unauthenticated}

// A walker is a walk under way.
type walker struct {
	b      *engine.Footing
	c      *catalog.Catalog
	rules  *alert.Rules
	groups *group.Rules
	plans  *plan.Rules
	book   *book
	again  *reissue
	ahead  forecast.Ahead // that the run used, at its T0

	stages   alert.State
	waves    group.State
	desk     plan.State
	first    map[reach]int // into out.Reached; only ever looked up
	observed map[reach]time.Time
	out      Walk
}

type reach struct {
	station string
	stage   hydro.Stage
}

// walk takes the rules through a run.
func walk(b *engine.Footing, c *catalog.Catalog, rules *alert.Rules, groups *group.Rules, plans *plan.Rules, r *forecast.Rehearsal, ahead forecast.Ahead, lost []string) Walk {
	basin, _ := c.Basin(b.Basin)
	step := b.Model.Step()
	w := &walker{
		b: b, c: c, rules: rules, groups: groups, plans: plans, book: newBook(b, c, r, lost), again: newReissue(b, c, r), ahead: ahead,
		stages: b.Stages, waves: b.Waves, desk: b.Responses, first: map[reach]int{}, observed: map[reach]time.Time{},
	}
	w.out.Step, w.out.Held = step, w.book.held
	w.stages.Step = step // else the first step would pass for the end of a stop
	w.standing(b.T0)
	var run *hydro.Forecast
	for k := 1; ; k++ {
		now := b.T0.Add(time.Duration(k) * step)
		if now.After(b.T0.Add(basin.Settings.Horizon)) {
			break
		}
		if (time.Duration(k)*step)%basin.Settings.Every == 0 {
			if next := w.again.at(k); next != nil {
				run = next
			}
		}
		if !now.After(b.Stages.Now) {
			continue
		}
		w.step(now, run)
	}
	w.out.Groups = groups.Groups(w.waves, run, b.T0.Add(basin.Settings.Horizon))
	slices.SortFunc(w.out.Reached, func(a, b Reached) int {
		return cmp.Or(cmp.Compare(a.Station, b.Station), cmp.Compare(a.Stage, b.Stage))
	})
	for i := range w.out.Reached {
		x := &w.out.Reached[i]
		x.Observed = w.observed[reach{x.Station, x.Stage}]
	}
	w.out.Clashes = clashes(w)
	return w.out
}

// step is one tick of the walk.
func (w *walker) step(now time.Time, run *hydro.Forecast) {
	w.book.show(now)
	var warnings []hydro.Warning
	w.stages, warnings = w.rules.Evaluate(w.stages, alert.Evidence{
		Now: now, History: w.book.source, Forecast: run, Refusal: w.b.Refusal,
		Rain: func(station string, window time.Duration) (float64, float64, bool) {
			return w.book.rain(w.c, station, window, now)
		},
		RainAhead: func(station string) (hydro.RainAhead, bool) { return w.b.Model.RainAhead(w.ahead, w.b.T0, station) },
		Fallen: func(station string, from, to time.Time) (float64, float64) {
			return w.book.fallen(w.c, station, from, to)
		},
	})
	w.waves, _ = w.groups.Step(w.waves, group.Evidence{Now: now, Stations: w.rules.Standings(w.stages), Forecast: run}, warnings)
	for i := range warnings {
		x := &warnings[i]
		x.ID, x.Basin = fmt.Sprintf("rehearsal/%s/%s", now.UTC().Format("20060102T150405Z"), x.Station), w.b.Basin
		if x.From != x.To {
			w.out.Changes = append(w.out.Changes, Change{At: now, Station: x.Station, From: x.From, To: x.To, Leg: legOf(x), ZH: x.ReasonZH, EN: x.ReasonEN, Group: x.Group})
		}
	}
	w.standing(now)
	var events []hydro.DutyEvent
	w.desk, events = w.plans.Step(w.desk, now, warnings)
	w.propose(now, events)
}

// legOf says which of a warning's legs stands where the station now does.
func legOf(w *hydro.Warning) string {
	switch {
	case w.To == hydro.Blind || w.To == hydro.Clear:
		return ""
	case w.Observed.Stage >= w.To && w.Observed.Stage != hydro.Blind && w.Forecast.Stage >= w.To:
		return "both"
	case w.Observed.Stage >= w.To && w.Observed.Stage != hydro.Blind:
		return "observed"
	default:
		return "forecast"
	}
}

// standing notes what stations stand at for the first time.
func (w *walker) standing(now time.Time) {
	for _, s := range w.rules.Standings(w.stages) {
		if s.Stage == hydro.Clear || s.Stage == hydro.Blind {
			continue
		}
		for stage := hydro.Blue; stage <= s.Stage; stage++ {
			k := reach{s.Station, stage}
			if _, known := w.first[k]; !known {
				w.first[k] = len(w.out.Reached)
				w.out.Reached = append(w.out.Reached, Reached{Station: s.Station, Stage: stage, At: now})
			}
		}
		for i, at := range s.Reached {
			k := reach{s.Station, hydro.Blue + hydro.Stage(i)}
			if _, known := w.observed[k]; !known && !at.IsZero() {
				w.observed[k] = at
			}
		}
	}
}

// propose notes what plans ask for, and declares what is higher than what stands.
func (w *walker) propose(now time.Time, events []hydro.DutyEvent) {
	for _, e := range events {
		if e.Kind != plan.Proposed {
			continue
		}
		from, _ := hydro.ParseResponse(e.From) // "" is none
		to, _ := hydro.ParseResponse(e.To)
		w.out.Proposals = append(w.out.Proposals, Proposal{At: now, Plan: e.Response, From: from, To: to, ZH: e.TextZH, EN: e.TextEN})
	}
	for i := range w.desk.Responses {
		x := w.desk.Responses[i]
		if !x.Proposed.Above(x.Declared) {
			continue
		}
		next, _, err := w.plans.Do(w.desk, hydro.Command{
			Basin: w.b.Basin, At: now, By: assumed, Kind: hydro.Declare, Response: x.Plan + "/" + x.Proposed.String(), Text: "rehearsal",
		})
		if err != nil {
			continue // a plan that has left the catalogue: it is only ever stood down
		}
		w.desk = next
		k := slices.IndexFunc(w.out.Proposals, func(p Proposal) bool { return p.Plan == x.Plan && p.At.Equal(now) })
		if k < 0 { // it was asked for before T0, and nobody has declared
			k = len(w.out.Proposals)
			w.out.Proposals = append(w.out.Proposals, Proposal{At: now, Plan: x.Plan, From: x.Declared, To: x.Proposed, ZH: x.ReasonZH, EN: x.ReasonEN})
		}
		w.out.Proposals[k].Assumed = true
		after := &w.desk.Responses[i]
		for _, m := range after.Measures {
			if m.Opened.Equal(now) && (m.State == hydro.MeasureOpened) {
				w.out.Measures = append(w.out.Measures, Measure{Plan: x.Plan, NameZH: after.NameZH, NameEN: after.NameEN, Measure: m, Opened: m.Opened, Deadline: m.Deadline})
			}
		}
	}
}
