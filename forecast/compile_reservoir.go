package forecast

import (
	"fmt"
	"time"

	"freshet/forecast/rating"
	levelpool "freshet/forecast/reservoir" // the package has a type reservoir
	"freshet/internal/catalog"
)

// compileRating turns a rating of the catalogue into that of forecast/rating.
func compileRating(r *catalog.Rating) (*rating.Table, error) {
	o := rating.Options{Datum: string(r.Datum), Low: r.MeasuredLow, High: r.MeasuredHigh, ValidFrom: r.ValidFrom, Loop: r.Loop}
	if len(r.Ranges) > 0 {
		ranges := make([]rating.Range, len(r.Ranges))
		for i, x := range r.Ranges {
			ranges[i] = rating.Range{Low: x.Low, High: x.High, C: x.C, H0: x.H0, B: x.B}
		}
		return rating.NewRanges(ranges, o)
	}
	return rating.NewTable(ratingPoints(r.Points), o)
}

func ratingPoints(points []catalog.RatingPoint) []rating.Point {
	var out []rating.Point
	for _, p := range points {
		out = append(out, rating.Point{Level: p.Level, Discharge: p.Discharge})
	}
	return out
}

// bigJump is the share of the discharge from which a jump between two ranges of
// a rating is told with every run: below, it is lost in the rating's own error.
const bigJump = 0.01

// ratingNotes tells what whoever reads a level or a flow should know of the
// rating behind it.
func (k *compiler) ratingNotes(r *catalog.Rating, t *rating.Table) {
	if loop := t.Loop(); loop > 0 {
		k.note("rating %s of %s is one line for a loop of %g m: a rising river may stand up to %g m lower, a falling one up to %g m higher", r.ID, r.Station, loop, loop/2, loop/2)
	}
	for _, j := range t.Joins() {
		if j.Jump() > bigJump*j.Below {
			k.note("rating %s of %s leaps from %.4g to %.4g m³/s at %g m", r.ID, r.Station, j.Below, j.Above, j.Level)
		}
	}
}

// CompileReservoir returns the reservoir of a catalogue, and the limit levels of
// its year, at a step of computation. It returns nil and no error for one without
// outlets: nothing is known of how it releases but what is observed.
func CompileReservoir(r *catalog.Reservoir, step time.Duration) (*levelpool.Reservoir, []levelpool.Period, error) {
	if len(r.Outlets) == 0 {
		return nil, nil, nil
	}
	o := levelpool.Options{Crest: r.DamCrest, Step: step, Rules: levelpool.Rules{
		Level: r.Rules.Level, Approach: r.Rules.Approach, Downstream: r.Rules.Downstream, DownstreamUntil: r.Rules.DownstreamUntil,
	}}
	var ok bool
	if o.Rules.Otherwise, ok = levelpool.ParseRule(r.Rules.Otherwise); !ok {
		return nil, nil, fmt.Errorf("reservoir %q: rule %q is not known", r.ID, r.Rules.Otherwise)
	}
	for _, p := range r.Storage {
		o.Curve = append(o.Curve, levelpool.Point{Level: p.Level, Volume: p.Volume})
	}
	for _, x := range r.Outlets {
		kind, ok := levelpool.ParseKind(x.Kind)
		if !ok {
			return nil, nil, fmt.Errorf("reservoir %q: outlet %q: kind %q is not known", r.ID, x.Name, x.Kind)
		}
		o.Outlets = append(o.Outlets, levelpool.Outlet{
			Name: x.Name, Kind: kind, Level: x.Level, Width: x.Width, Height: x.Height, Area: x.Area,
			Coefficient: x.Coefficient, Capacity: x.Capacity, Points: ratingPoints(x.Points), Controlled: x.Controlled,
		})
	}
	var periods []levelpool.Period
	for _, f := range r.FloodLimits {
		periods = append(periods, levelpool.Period{FromMonth: f.FromMonth, FromDay: f.FromDay, ToMonth: f.ToMonth, ToDay: f.ToDay, Level: f.Level})
	}
	out, err := levelpool.New(o)
	if err != nil {
		return nil, nil, fmt.Errorf("reservoir %q: %w", r.ID, err)
	}
	return out, periods, nil
}

// addPool gives out the outlets and rules of the catalogue.
func (k *compiler) addPool(out *reservoir, r *catalog.Reservoir, s *catalog.Station, where string) {
	pool, limits, err := CompileReservoir(r, k.m.settings.Step)
	switch {
	case err != nil:
		k.errorf("%s: %w", where, err)
	case pool != nil && out.level == nil:
		k.note("reservoir %s reports no level: its outlets and rules cannot be used", r.ID)
	default:
		out.pool, out.limits, out.zone = pool, limits, s.Location()
		for _, f := range r.Rules.Minimum {
			out.minimum = append(out.minimum, levelpool.Floor{FromMonth: f.FromMonth, FromDay: f.FromDay, ToMonth: f.ToMonth, ToDay: f.ToDay, Release: f.Release})
		}
		if pool != nil && r.Rules.Downstream > 0 && r.Rules.DownstreamAt == "" {
			// The catalogue names no place where the limit holds, so there is nothing
			// to sum what joins up to: the pool is given no Local.
			k.note("limit of %g m³/s for the river below reservoir %s holds for the release alone: what joins below the dam is not counted, the river may carry more than it bears", r.Rules.Downstream, r.ID)
		}
	}
}
