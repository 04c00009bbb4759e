package hydro

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Bounds of a tide. The wire contract states them.
const (
	MaxTideValues = 20_000               // levels, or turns: below 0.5 MB on the log
	MaxTideSpan   = 400 * 24 * time.Hour // a year's table and the days about it
	MaxTideStep   = time.Hour            // between levels: a line between them is a tide's yet
	MaxTideRange  = 20.0                 // m between the lowest and the highest level; the largest tide is 16 m (Fundy)
	MinTideTurn   = 2 * time.Hour        // from a high water to a low one, or the reverse
	MaxTideTurn   = 16 * time.Hour       // a diurnal tide has 12.4 h on average; where a pair of a semi-diurnal one was left out there are 18.6 h
)

// A Tide is the level that a source expects at a tide station: high and low waters,
// or regular levels, and not both. Basin, station, source and time of issue name
// it; what has been issued does not change.
type Tide struct {
	Basin      string
	Station    string
	Source     string
	IssuedAt   time.Time
	ValidUntil time.Time     // not to be used at or after
	Datum      Datum         // what the levels are above
	Turns      []TideTurn    // ascending by At
	From       time.Time     // of the first of Levels
	Step       time.Duration // between Levels, whole seconds
	Levels     []float64     // m
	ReceivedAt time.Time     // by the server's clock; not part of what was issued
	Withdrawn  *Withdrawal   // by which it was taken back, or nil; not part of what was issued
}

// A TideTurn is a high or a low water.
type TideTurn struct {
	At    time.Time
	Level float64 // m
}

// Begin returns the first instant with a level. It panics on a tide without any.
func (t *Tide) Begin() time.Time {
	if len(t.Turns) > 0 {
		return t.Turns[0].At
	}
	return t.From
}

// End returns the last instant with a level. It panics on a tide without any.
func (t *Tide) End() time.Time {
	if n := len(t.Turns); n > 0 {
		return t.Turns[n-1].At
	}
	return t.From.Add(time.Duration(len(t.Levels)-1) * t.Step)
}

// Title names the tide for people: "tide of SOA at h-yamen, issued 2026-06-01
// 00:00Z".
func (t *Tide) Title(stamp func(time.Time) string) string {
	return fmt.Sprintf("tide of %s at %s, issued %s", t.Source, t.Station, stamp(t.IssuedAt))
}

// Check returns what is wrong with t in itself, at most 16 things. It does not
// know the catalogue.
func (t *Tide) Check() []*FieldError {
	var errs []*FieldError
	add := func(path, format string, args ...any) { errs = append(errs, field(path, format, args...)) }
	for _, f := range [...]struct{ name, value string }{{"basin", t.Basin}, {"station", t.Station}, {"source", t.Source}} {
		if f.value == "" {
			add(f.name, "missing")
		}
	}
	if t.IssuedAt.IsZero() {
		add("issued_at", "missing")
	}
	if !t.ValidUntil.After(t.IssuedAt) {
		add("valid_until", "%s is not later than issued_at %s", t.ValidUntil.Format(time.RFC3339), t.IssuedAt.Format(time.RFC3339))
	}
	if t.Datum == NoDatum {
		add("datum", "missing: say what the levels are above; tide tables are mostly on chart datum")
	}
	switch {
	case len(t.Turns) > 0 && len(t.Levels) > 0:
		add("levels", "turns are given too: one of the two")
	case len(t.Turns) > 0:
		errs = t.checkTurns(errs)
	default:
		errs = t.checkLevels(errs)
	}
	return errs[:min(len(errs), maxFieldErrors)]
}

func (t *Tide) checkTurns(errs []*FieldError) []*FieldError {
	n := len(t.Turns)
	add := func(i int, name, format string, args ...any) {
		errs = append(errs, field(fmt.Sprintf("turns[%d].%s", i, name), format, args...))
	}
	if n < 2 || n > MaxTideValues {
		return append(errs, field("turns", "%d: want 2 to %d", n, MaxTideValues))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i, w := range t.Turns {
		if len(errs) >= maxFieldErrors {
			return errs
		}
		if math.IsNaN(w.Level) || math.IsInf(w.Level, 0) {
			add(i, "level", "%g is no level", w.Level)
			continue
		}
		low, high = min(low, w.Level), max(high, w.Level)
		if w.At.IsZero() {
			add(i, "at", "missing")
			continue
		}
		if i == 0 {
			continue
		}
		before := t.Turns[i-1]
		switch d := w.At.Sub(before.At); {
		case d <= 0:
			add(i, "at", "%s does not ascend", w.At.Format(time.RFC3339))
		case d < MinTideTurn || d > MaxTideTurn:
			add(i, "at", "%s is %s after the one before: want %s to %s between a high and a low water; is one left out?", w.At.Format(time.RFC3339), d, MinTideTurn, MaxTideTurn)
		}
		switch {
		case w.Level == before.Level:
			add(i, "level", "%g m, as the one before: high and low water come in turn", w.Level)
		case i > 1 && (w.Level > before.Level) == (before.Level > t.Turns[i-2].Level):
			add(i, "level", "%g m after %g and %g: high and low water come in turn; is one left out?", w.Level, t.Turns[i-2].Level, before.Level)
		}
	}
	if d := t.End().Sub(t.Begin()); d > MaxTideSpan {
		errs = append(errs, field("turns", "%s from the first to the last: at most %s", d, MaxTideSpan))
	}
	return tooWide(errs, "turns", low, high)
}

func (t *Tide) checkLevels(errs []*FieldError) []*FieldError {
	n := len(t.Levels)
	switch {
	case n == 0:
		return append(errs, field("turns", "none, and no levels"))
	case n < 2 || n > MaxTideValues:
		return append(errs, field("levels", "%d: want 2 to %d", n, MaxTideValues))
	}
	if t.From.IsZero() {
		errs = append(errs, field("start_at", "missing"))
	}
	if t.Step < time.Minute || t.Step > MaxTideStep || t.Step%time.Second != 0 {
		errs = append(errs, field("step_s", "%v is not whole seconds from 60 s to an hour", t.Step))
	} else if d := time.Duration(n-1) * t.Step; d > MaxTideSpan {
		errs = append(errs, field("levels", "%s from the first to the last: at most %s", d, MaxTideSpan))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i, v := range t.Levels {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(errs, field(fmt.Sprintf("levels[%d]", i), "%g is no level", v))
		}
		low, high = min(low, v), max(high, v)
	}
	return tooWide(errs, "levels", low, high)
}

func tooWide(errs []*FieldError, path string, low, high float64) []*FieldError {
	if high-low > MaxTideRange {
		errs = append(errs, field(path, "from %g to %g m: no tide ranges over more than %g m; are they metres?", low, high, MaxTideRange))
	}
	return errs
}

// Same reports whether u says what t says: all but when it was received, and
// whether it was withdrawn.
func (t *Tide) Same(u *Tide) bool {
	return t.Basin == u.Basin && t.Station == u.Station && t.Source == u.Source && t.IssuedAt.Equal(u.IssuedAt) && t.ValidUntil.Equal(u.ValidUntil) &&
		t.Datum == u.Datum && t.From.Equal(u.From) && t.Step == u.Step && slices.Equal(t.Levels, u.Levels) &&
		slices.EqualFunc(t.Turns, u.Turns, func(a, b TideTurn) bool { return a.At.Equal(b.At) && a.Level == b.Level })
}
