package demo_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	freshetv1 "freshet/proto/freshet/v1"
)

// tallied is how many moves of quantities were recomputed.
type tallied struct{ raises, lowers, ahead, atOnce, clocks int }

func (n *tallied) add(o tallied) {
	n.raises, n.lowers, n.ahead, n.atOnce, n.clocks = n.raises+o.raises, n.lowers+o.lowers, n.ahead+o.ahead, n.atOnce+o.atOnce, n.clocks+o.clocks
}

// recompute goes through the moves of every quantity of an explanation, up and
// down, from what it shows alone: values, thresholds, dead-band, and clocks, which
// are wound again from its readings.
func recompute(t *testing.T, r *freshetv1.ExplainWarningResponse) (n tallied) {
	t.Helper()
	x := r.GetExplanation()
	now := r.GetWarning().GetAt().AsTime()
	for _, q := range x.GetQuantities() {
		c := &recomputed{t: t, id: r.GetWarning().GetId(), now: now, q: q, table: x.GetTable(), x: x}
		if q.GetForecast() {
			n.add(c.ahead())
		} else {
			n.add(c.observed())
		}
	}
	return n
}

type recomputed struct {
	t     *testing.T
	id    string
	now   time.Time
	q     *freshetv1.ExplainedQuantity
	table *freshetv1.ExplainedTable
	x     *freshetv1.Explanation
}

func (c *recomputed) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("%s, %s (%s, forecast %t), %s to %s: %s", c.id, c.q.GetVariable(), c.q.GetMeasure(), c.q.GetForecast(), c.q.GetFrom(), c.q.GetTo(), fmt.Sprintf(format, args...))
}

// floor is what a value must be below for a threshold to be undercut.
func (c *recomputed) floor(threshold float64) float64 {
	db := c.table.GetDeadBand()
	switch {
	case c.q.GetMeasure() == "rise":
		return max(threshold-db, threshold/2)
	case c.q.GetMeasure() == "chance" || c.q.GetVariable() != freshetv1.Variable_VARIABLE_WATER_LEVEL:
		return threshold * (1 - c.table.GetDeadBandShare())
	}
	return threshold - db
}

// reach is the highest stage that a value meets, and the highest that it does not
// undercut.
func (c *recomputed) reach(value float64) (met, held freshetv1.Stage) {
	met, held = freshetv1.Stage_STAGE_CLEAR, freshetv1.Stage_STAGE_CLEAR
	for _, s := range c.q.GetSteps() {
		if value >= s.GetThreshold() {
			met = max(met, s.GetStage())
		}
		if value >= c.floor(s.GetThreshold()) {
			held = max(held, s.GetStage())
		}
	}
	return met, max(met, held)
}

// A seen is a reading that was new to the engine when it came.
type seen struct {
	at    time.Time
	value float64
	anew  bool // the first after the gauge was out of sight
}

// seen are the readings of the quantity. Those are left out that came behind a
// newer one, and, of what came at once after the gauge was out of sight, all but
// the latest: they move nothing.
func (c *recomputed) seen() (out []seen) {
	var all []*freshetv1.Observation
	for _, r := range c.x.GetReadings() {
		if o := r.GetObservation(); r.GetUsable() && o.GetSeries().GetVariable() == c.q.GetVariable() {
			all = append(all, o)
		}
	}
	came := func(o *freshetv1.Observation) time.Time { return o.GetReceivedAt().AsTime().Truncate(time.Minute) }
	slices.SortStableFunc(all, func(a, b *freshetv1.Observation) int {
		return cmp.Or(came(a).Compare(came(b)), a.GetAt().AsTime().Compare(b.GetAt().AsTime()))
	})
	for i, o := range all {
		at := o.GetAt().AsTime()
		var lost bool
		unknown := len(out) == 0
		if unknown { // nothing is shown before it, as far back as readings are shown
			lost = len(all) < 40 && at.After(c.now.Add(-3*time.Hour+c.window()))
		} else {
			last := out[len(out)-1].at
			if !at.After(last) {
				continue
			}
			lost = came(o).Sub(last) > c.window()
		}
		if (lost || unknown) && i+1 < len(all) && came(all[i+1]).Equal(came(o)) {
			continue
		}
		out = append(out, seen{at, o.GetValue(), lost})
	}
	return out
}

// window is how long the gauge may say nothing and be in sight.
func (c *recomputed) window() time.Duration {
	for _, s := range c.x.GetSights() {
		if class := s.GetClass(); class == "river" || class == strings.ToLower(strings.TrimPrefix(c.q.GetVariable().String(), "VARIABLE_")) {
			return time.Duration(s.GetWindowS()) * time.Second
		}
	}
	return time.Hour
}

// observed recomputes a quantity of the observed leg.
func (c *recomputed) observed() (n tallied) {
	q := c.q
	from, to, value, at := q.GetFrom(), q.GetTo(), q.GetValue(), q.GetAt().AsTime()
	raise, lower := time.Duration(q.GetDwellRaiseS())*time.Second, time.Duration(q.GetDwellLowerS())*time.Second
	met, held := c.reach(value)
	plain := q.GetMeasure() == "value" && q.GetVariable() != freshetv1.Variable_VARIABLE_RAIN
	readings := c.seen()
	// The first value after a start or after blindness decides at once.
	first := plain && len(readings) > 0 && readings[len(readings)-1].anew
	for _, s := range q.GetSteps() {
		over := value >= s.GetThreshold()
		if s.GetMet() != (over && q.GetEvidence()) {
			c.errorf("threshold %g is met by %g: %t is told", s.GetThreshold(), value, s.GetMet())
		}
		since, below := s.GetMetSince(), s.GetBelowSince()
		if q.GetEvidence() && ((below != nil) != (held < s.GetStage()) || since != nil && below != nil && value < c.floor(s.GetThreshold()) || over && since == nil) {
			c.errorf("the clocks of %s at %g, floor %g: met since %v, below since %v", s.GetStage(), value, c.floor(s.GetThreshold()), since, below)
		}
		if plain && q.GetEvidence() && len(readings) > 0 && readings[len(readings)-1].at.Equal(at) {
			n.clocks += c.clocks(s, readings)
		}
	}
	step := func(stage freshetv1.Stage) *freshetv1.ExplainedStep {
		for _, s := range q.GetSteps() {
			if s.GetStage() == stage {
				return s
			}
		}
		return nil
	}
	switch {
	case to == from:
	case first:
		n.atOnce++
		if want := max(met, min(from, held)); to != want {
			c.errorf("the first value, %g, decides at once for %s", value, want)
		}
	case to > from:
		n.raises++
		s := step(to)
		if s == nil || s.GetMetSince() == nil || value < s.GetThreshold() || c.now.Sub(s.GetMetSince().AsTime()) < raise {
			c.errorf("%g is met by %g since %s, and the dwell is %s at %s", s.GetThreshold(), value, s.GetMetSince().AsTime(), raise, c.now)
		}
		for _, s := range q.GetSteps() { // nothing higher has dwelt too
			if s.GetStage() > to && s.GetMet() && s.GetMetSince() != nil && at.Sub(s.GetMetSince().AsTime()) >= raise {
				c.errorf("%s has dwelt since %s", s.GetStage(), s.GetMetSince().AsTime())
			}
		}
	default:
		n.lowers++
		for _, s := range q.GetSteps() {
			since := s.GetBelowSince()
			switch stage := s.GetStage(); {
			case stage > to && stage <= from:
				if since == nil || value >= c.floor(s.GetThreshold()) || c.now.Sub(since.AsTime()) < lower {
					c.errorf("%s, at %g with floor %g, is undercut since %v, and the dwell is %s at %s", stage, value, c.floor(s.GetThreshold()), since.AsTime(), lower, c.now)
				}
			case stage == to && since != nil && at.Sub(since.AsTime()) >= lower:
				c.errorf("it stops at %s, which is undercut since %s", stage, since.AsTime())
			}
		}
	}
	return n
}

// clocks winds the clocks of a step again from the readings, as far as these go
// back.
func (c *recomputed) clocks(s *freshetv1.ExplainedStep, readings []seen) (n int) {
	floor := c.floor(s.GetThreshold())
	var below, near time.Time
	belowKnown, nearKnown := false, false
	for _, r := range readings {
		if r.anew {
			below, near, belowKnown, nearKnown = time.Time{}, time.Time{}, true, true
		}
		if r.value >= floor {
			below, belowKnown = time.Time{}, true
		} else if below.IsZero() {
			below = r.at
		}
		switch {
		case r.value < floor:
			near, nearKnown = time.Time{}, true
		case r.value >= s.GetThreshold() && near.IsZero():
			near = r.at
		}
	}
	same := func(what string, known bool, want time.Time, told *timestamppb.Timestamp) {
		switch {
		case want.IsZero() && !known: // it may run from before the readings that are shown
		case want.IsZero() != (told == nil):
			c.errorf("%s of %s: %v is told, the readings say %s", what, s.GetStage(), told, want)
		case told == nil:
		case known && !told.AsTime().Equal(want), told.AsTime().After(want):
			c.errorf("%s of %s: %s is told, the readings say %s", what, s.GetStage(), told.AsTime(), want)
		default:
			n++
		}
	}
	same("below since", belowKnown, below, s.GetBelowSince())
	same("met since", nearKnown, near, s.GetMetSince())
	return n
}

// ahead recomputes a quantity of the forecast leg.
func (c *recomputed) ahead() (n tallied) {
	q := c.q
	from, to, value := q.GetFrom(), q.GetTo(), q.GetValue()
	if to == from {
		return n
	}
	n.ahead++
	switch {
	case to > from:
		return n // see checkExplanation
	case q.GetEvidence():
		for _, s := range q.GetSteps() {
			if s.GetStage() > to && s.GetStage() <= from && (value >= c.floor(s.GetThreshold()) || s.GetBelowRuns() < q.GetPersistence()) {
				c.errorf("%s, at %g with floor %g, is undercut by %d of %d runs", s.GetStage(), value, c.floor(s.GetThreshold()), s.GetBelowRuns(), q.GetPersistence())
			}
			if s.GetStage() == to && s.GetBelowRuns() >= q.GetPersistence() {
				c.errorf("it stops at %s, which %d runs undercut", to, s.GetBelowRuns())
			}
		}
	case to > freshetv1.Stage_STAGE_CLEAR:
		// No valid run speaks: only what was observed behind the peak lowers by a step.
		o := slices.IndexFunc(c.x.GetQuantities(), func(o *freshetv1.ExplainedQuantity) bool {
			return !o.GetForecast() && o.GetEvidence() && o.GetVariable() == q.GetVariable() && o.GetMeasure() == q.GetMeasure() && o.GetWindowS() == q.GetWindowS()
		})
		if o < 0 {
			c.errorf("no valid run speaks, and nothing is observed")
			return n
		}
		lower := time.Duration(c.x.GetQuantities()[o].GetDwellLowerS()) * time.Second
		for _, s := range c.x.GetQuantities()[o].GetSteps() {
			if s.GetStage() > to && s.GetStage() <= from && (s.GetBelowSince() == nil || c.now.Sub(s.GetBelowSince().AsTime()) < lower || c.now.Sub(q.GetPeakAt().AsTime()) < lower) {
				c.errorf("%s: observed below since %s, the peak was expected at %s", s.GetStage(), s.GetBelowSince().AsTime(), q.GetPeakAt().AsTime())
			}
		}
	}
	return n
}
