package hydro

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Bounds of what is announced for the time ahead. The wire contract states them.
const (
	MaxRainValues  = 100_000             // of one rain forecast, members included: it stays below 1 MB on the log
	MaxRainSteps   = 2_000               // of one rain forecast
	MaxRainSpan    = 30 * 24 * time.Hour // of one rain forecast's values
	MaxRainDepth   = 2_000.0             // mm in one step
	MaxRainMembers = 200
	MaxPlanSpan    = 60 * 24 * time.Hour
	MaxPlanSteps   = 10_000
	MaxRelease     = 500_000.0 // m³/s
	MaxOpening     = 100.0     // m of a gate
	MaxReasonText  = 400       // characters of why something is withdrawn
)

// A RainForecast is the rain (QPF) that one source expects in one basin. Basin,
// source and time of issue name it; what has been issued does not change.
type RainForecast struct {
	Basin      string
	Source     string
	IssuedAt   time.Time
	ValidUntil time.Time     // not to be used at or after
	From       time.Time     // when the first step begins
	Step       time.Duration // of the values, whole seconds
	Areas      []RainArea    // all by sub-basin, or all by cell
	ReceivedAt time.Time     // by the server's clock; not part of what was issued
	Withdrawn  *Withdrawal   // by which it was taken back, or nil; not part of what was issued
}

// A RainArea is the forecast rain of a sub-basin or of a cell: of a grid, or a zone
// of any outline. All
// areas of a forecast have equally many steps and equally many members.
type RainArea struct {
	SubBasin string // "" of a cell
	Cell     Cell   // if SubBasin is "" and there are no Rings
	// Rings are the outline of a cell that is no such rectangle: it is what lies in
	// an odd number of them.
	Rings []Ring
	// Rain is mm per step: the forecast, or an ensemble's control run. Empty where
	// the mean of the members stands for it.
	Rain    []float64
	Members [][]float64
}

// A Cell is a rectangle in degrees, WGS84. Its western and southern edges are
// inside.
type Cell struct {
	West, South, East, North float64
}

// Steps returns the number of steps.
func (f *RainForecast) Steps() int {
	if len(f.Areas) == 0 {
		return 0
	}
	a := &f.Areas[0]
	if len(a.Rain) == 0 && len(a.Members) > 0 {
		return len(a.Members[0])
	}
	return len(a.Rain)
}

// Members returns the number of members; 0 of a forecast that is no ensemble.
func (f *RainForecast) Members() int {
	if len(f.Areas) == 0 {
		return 0
	}
	return len(f.Areas[0].Members)
}

// End returns when the last step ends.
func (f *RainForecast) End() time.Time { return f.From.Add(time.Duration(f.Steps()) * f.Step) }

// A FieldError is what is wrong with one field of a submission.
type FieldError struct {
	Field string // path in the wire contract, such as "cells[3].rain[7]"
	Text  string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Text }

// Unwrap makes a FieldError an ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

func field(path, format string, args ...any) *FieldError {
	return &FieldError{path, fmt.Sprintf(format, args...)}
}

// maxFieldErrors bounds what a check lists.
const maxFieldErrors = 16

// Check returns what is wrong with f in itself, at most 16 things. It does not
// know the catalogue.
func (f *RainForecast) Check() []*FieldError {
	var errs []*FieldError
	add := func(path, format string, args ...any) { errs = append(errs, field(path, format, args...)) }
	if f.Basin == "" {
		add("basin", "missing")
	}
	if f.Source == "" {
		add("source", "missing")
	}
	if f.IssuedAt.IsZero() {
		add("issued_at", "missing")
	}
	if !f.ValidUntil.After(f.IssuedAt) {
		add("valid_until", "%s is not later than issued_at %s", f.ValidUntil.Format(time.RFC3339), f.IssuedAt.Format(time.RFC3339))
	}
	if f.From.IsZero() {
		add("start_at", "missing")
	}
	if f.Step < time.Minute || f.Step > 24*time.Hour || f.Step%time.Second != 0 {
		add("step_s", "%v is not whole seconds from 60 s to a day", f.Step)
	}
	if len(f.Areas) == 0 {
		add("sub_basins", "give sub_basins or cells, one at least")
		return errs
	}
	steps, members := f.Steps(), f.Members()
	where := func(i int) string {
		if f.Areas[0].SubBasin == "" {
			return fmt.Sprintf("cells[%d]", i)
		}
		return fmt.Sprintf("sub_basins[%d]", i)
	}
	switch {
	case steps == 0:
		add(where(0)+".rain", "no value and no member")
	case steps > MaxRainSteps || time.Duration(steps) > MaxRainSpan/max(f.Step, time.Second):
		add(where(0)+".rain", "%d steps of %v: at most %d, and at most 30 days", steps, f.Step, MaxRainSteps)
	}
	if members > MaxRainMembers {
		add(where(0)+".members", "%d members: at most %d", members, MaxRainMembers)
	}
	if len(errs) > 0 {
		return errs
	}
	hasRain, cells := len(f.Areas[0].Rain) > 0, f.Areas[0].SubBasin == ""
	rows := members
	if hasRain {
		rows++
	}
	if n := len(f.Areas) * rows * steps; n > MaxRainValues {
		add(where(0), "%d values in all: at most %d; cut the grid to the basin, or send fewer members", n, MaxRainValues)
		return errs
	}
	positions := 0
	for i := range f.Areas {
		for _, r := range f.Areas[i].Rings {
			positions += len(r)
		}
	}
	if positions > MaxRainPositions {
		add(where(0)+".rings", "%d positions in the rings of all cells: at most %d; cut the grid to the basin, or simplify the outlines", positions, MaxRainPositions)
		return errs
	}
	for i := range f.Areas {
		a := &f.Areas[i]
		switch {
		case len(errs) >= maxFieldErrors:
			return errs[:maxFieldErrors]
		case (a.SubBasin == "") != cells:
			add(where(i)+".sub_basin", "sub-basins and cells in one forecast")
		case !cells && len(a.Rings) > 0:
			add(where(i)+".rings", "a sub-basin has the outline that the catalogue gives it")
		case len(a.Rings) > 0 && a.Cell != Cell{}:
			add(where(i)+".rings", "west, south, east or north is given too: one of the two")
		case len(a.Rings) > 0:
			if e := checkRings(where(i), a.Rings); e != nil {
				errs = append(errs, e)
			}
		case cells && !(a.Cell.West < a.Cell.East && a.Cell.South < a.Cell.North && a.Cell.West >= -180 && a.Cell.East <= 180 && a.Cell.South >= -90 && a.Cell.North <= 90):
			add(where(i), "west %g, south %g, east %g, north %g is no rectangle in degrees", a.Cell.West, a.Cell.South, a.Cell.East, a.Cell.North)
		}
		switch {
		case hasRain && len(a.Rain) != steps, !hasRain && len(a.Rain) > 0:
			add(where(i)+".rain", "%d values, the first area has %d", len(a.Rain), len(f.Areas[0].Rain))
		case len(a.Members) != members:
			add(where(i)+".members", "%d members, the first area has %d", len(a.Members), members)
		default:
			errs = checkDepths(errs, where(i)+".rain", a.Rain)
			for j, m := range a.Members {
				if len(m) != steps {
					add(fmt.Sprintf("%s.members[%d].rain", where(i), j), "%d values in %d steps", len(m), steps)
					continue
				}
				errs = checkDepths(errs, fmt.Sprintf("%s.members[%d].rain", where(i), j), m)
			}
		}
	}
	return errs[:min(len(errs), maxFieldErrors)]
}

// checkDepths appends the first depth that cannot be.
func checkDepths(errs []*FieldError, path string, mm []float64) []*FieldError {
	for i, v := range mm {
		if !(v >= 0 && v <= MaxRainDepth) {
			return append(errs, field(fmt.Sprintf("%s[%d]", path, i), "%g mm is not between 0 and %g", v, MaxRainDepth))
		}
	}
	return errs
}

// Same reports whether g says what f says: all but when it was received, and
// whether it was withdrawn.
func (f *RainForecast) Same(g *RainForecast) bool {
	return f.Basin == g.Basin && f.Source == g.Source && f.IssuedAt.Equal(g.IssuedAt) && f.ValidUntil.Equal(g.ValidUntil) &&
		f.From.Equal(g.From) && f.Step == g.Step && slices.EqualFunc(f.Areas, g.Areas, func(a, b RainArea) bool {
		return a.SubBasin == b.SubBasin && a.Cell == b.Cell && slices.EqualFunc(a.Rings, b.Rings, slices.Equal[Ring]) && slices.Equal(a.Rain, b.Rain) && slices.EqualFunc(a.Members, b.Members, slices.Equal)
	})
}

// A DispatchPlan is what was ordered for one reservoir: its releases, or the
// openings of its outlets, and not both. Basin, reservoir and time of issue name
// it; what has been issued does not change.
type DispatchPlan struct {
	Basin      string
	Reservoir  string
	OrderedBy  string
	IssuedAt   time.Time
	ValidFrom  time.Time
	ValidUntil time.Time     // not to be used at or after
	Releases   []Release     // ascending by From, the first not later than ValidFrom
	Gates      []GateSetting // ascending by From, the first of each outlet not later than ValidFrom
	ReceivedAt time.Time     // by the server's clock; not part of what was issued
	Withdrawn  *Withdrawal   // by which it was taken back, or nil; not part of what was issued
}

// A GateSetting is the opening of one outlet from an instant until the outlet's
// next one begins.
type GateSetting struct {
	From    time.Time
	Outlet  string  // name in the catalogue
	Opening float64 // m of a gate, share 0 to 1 of any other outlet
}

// Title names the plan for people: "gate plan of reservoir jinjiang, ordered by
// 江门三防, issued 2026-06-01 00:00Z", with "release plan" of one of releases.
func (p *DispatchPlan) Title(stamp func(time.Time) string) string {
	return fmt.Sprintf("%s of reservoir %s, ordered by %s, issued %s", p.What(), p.Reservoir, p.OrderedBy, stamp(p.IssuedAt))
}

// What returns "gate plan" or "release plan".
func (p *DispatchPlan) What() string {
	if len(p.Gates) > 0 {
		return "gate plan"
	}
	return "release plan"
}

// A Release holds from an instant until the next one begins.
type Release struct {
	From    time.Time
	Outflow float64 // m³/s through all outlets
}

// Check returns what is wrong with p in itself, at most 16 things. It does not
// know the catalogue.
func (p *DispatchPlan) Check() []*FieldError {
	var errs []*FieldError
	add := func(path, format string, args ...any) { errs = append(errs, field(path, format, args...)) }
	if p.Basin == "" {
		add("basin", "missing")
	}
	if p.Reservoir == "" {
		add("reservoir", "missing")
	}
	if p.OrderedBy == "" {
		add("ordered_by", "missing")
	}
	if p.IssuedAt.IsZero() {
		add("issued_at", "missing")
	}
	if p.ValidFrom.IsZero() {
		add("valid_from", "missing")
	}
	if !p.ValidUntil.After(p.ValidFrom) || p.ValidUntil.Sub(p.ValidFrom) > MaxPlanSpan {
		add("valid_until", "%s is not later than valid_from %s, by 60 days at most", p.ValidUntil.Format(time.RFC3339), p.ValidFrom.Format(time.RFC3339))
	}
	if len(p.Gates) > 0 {
		if len(p.Releases) > 0 {
			add("gates", "releases are given too: one of the two")
		}
		return p.checkGates(errs)
	}
	switch n := len(p.Releases); {
	case n == 0:
		add("releases", "none, and no gates")
	case n > MaxPlanSteps:
		add("releases", "%d: at most %d", n, MaxPlanSteps)
		return errs
	case p.Releases[0].From.After(p.ValidFrom):
		add("releases[0].from", "%s is later than valid_from %s: the plan would not say what is released until then", p.Releases[0].From.Format(time.RFC3339), p.ValidFrom.Format(time.RFC3339))
	}
	for i, r := range p.Releases {
		at := fmt.Sprintf("releases[%d].", i)
		switch {
		case len(errs) >= maxFieldErrors:
			return errs
		case r.From.IsZero():
			add(at+"from", "missing")
		case i > 0 && !r.From.After(p.Releases[i-1].From):
			add(at+"from", "%s does not ascend", r.From.Format(time.RFC3339))
		case !r.From.Before(p.ValidUntil):
			add(at+"from", "%s is not before valid_until %s", r.From.Format(time.RFC3339), p.ValidUntil.Format(time.RFC3339))
		}
		if !(r.Outflow >= 0 && r.Outflow <= MaxRelease) || math.IsInf(r.Outflow, 0) {
			add(at+"outflow", "%g m³/s is not between 0 and %g", r.Outflow, MaxRelease)
		}
	}
	return errs[:min(len(errs), maxFieldErrors)]
}

// checkGates appends what is wrong with the openings.
func (p *DispatchPlan) checkGates(errs []*FieldError) []*FieldError {
	add := func(path, format string, args ...any) { errs = append(errs, field(path, format, args...)) }
	if n := len(p.Gates); n > MaxPlanSteps {
		add("gates", "%d: at most %d", n, MaxPlanSteps)
		return errs
	}
	last := map[string]time.Time{} // only ever looked up
	for i, g := range p.Gates {
		at := fmt.Sprintf("gates[%d].", i)
		if len(errs) >= maxFieldErrors {
			return errs[:maxFieldErrors]
		}
		before, named := last[g.Outlet]
		switch {
		case g.From.IsZero():
			add(at+"from", "missing")
		case i > 0 && g.From.Before(p.Gates[i-1].From):
			add(at+"from", "%s does not ascend", g.From.Format(time.RFC3339))
		case !g.From.Before(p.ValidUntil):
			add(at+"from", "%s is not before valid_until %s", g.From.Format(time.RFC3339), p.ValidUntil.Format(time.RFC3339))
		case named && !g.From.After(before):
			add(at+"outlet", "%q set twice at %s", g.Outlet, g.From.Format(time.RFC3339))
		case !named && g.From.After(p.ValidFrom):
			add(at+"from", "%s is later than valid_from %s: the plan would not say how outlet %q stands until then", g.From.Format(time.RFC3339), p.ValidFrom.Format(time.RFC3339), g.Outlet)
		}
		last[g.Outlet] = g.From
		if g.Outlet == "" {
			add(at+"outlet", "missing")
		}
		if !(g.Opening >= 0 && g.Opening <= MaxOpening) {
			add(at+"opening", "%g is not between 0 and %g", g.Opening, MaxOpening)
		}
	}
	return errs[:min(len(errs), maxFieldErrors)]
}

// Same reports whether q says what p says: all but when it was received, and
// whether it was withdrawn.
func (p *DispatchPlan) Same(q *DispatchPlan) bool {
	return p.Basin == q.Basin && p.Reservoir == q.Reservoir && p.OrderedBy == q.OrderedBy && p.IssuedAt.Equal(q.IssuedAt) &&
		p.ValidFrom.Equal(q.ValidFrom) && p.ValidUntil.Equal(q.ValidUntil) &&
		slices.EqualFunc(p.Releases, q.Releases, func(a, b Release) bool { return a.From.Equal(b.From) && a.Outflow == b.Outflow }) &&
		slices.EqualFunc(p.Gates, q.Gates, func(a, b GateSetting) bool {
			return a.From.Equal(b.From) && a.Outlet == b.Outlet && a.Opening == b.Opening
		})
}

// Firsts joins the errors of a check into one, or returns nil.
func Firsts(errs []*FieldError) error {
	if len(errs) == 0 {
		return nil
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return fmt.Errorf("%w (and %d more)", errs[0], len(errs)-1)
}
