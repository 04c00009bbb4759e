package rehearse

import (
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// source names the rain of a scenario in a run.
const source = "rehearsal"

// ahead returns what the run of a scenario is told of the time after T0, with what
// is to be said of it. Past is where a past storm is read; nil: the footing's memory.
func (s *Scenario) ahead(b *engine.Footing, past forecast.Source) (forecast.Ahead, []string, error) {
	out := forecast.Ahead{Plans: slices.Clone(b.Ahead.Plans), Tides: b.Ahead.Tides}
	basin, _ := b.Catalogue.Basin(b.Basin)
	for i := range s.Schedules {
		p := s.Schedules[i].plan(b.Basin, b.T0, basin.Settings.Horizon)
		at := slices.IndexFunc(out.Plans, func(q hydro.DispatchPlan) bool { return q.Reservoir == p.Reservoir })
		if at < 0 {
			out.Plans = append(out.Plans, p)
		} else {
			out.Plans[at] = p
		}
	}
	slices.SortFunc(out.Plans, func(a, b hydro.DispatchPlan) int {
		if a.Reservoir < b.Reservoir {
			return -1
		}
		return 1
	})
	r := &s.Rain
	factor := r.Factor
	if factor == 0 {
		factor = 1
	}
	fall := forecast.Rain{
		Source: source, IssuedAt: b.T0, ValidUntil: b.T0.Add(basin.Settings.Horizon + time.Hour), From: b.T0, Step: b.Model.Step(),
		SubBasins: make([]forecast.SubBasinRain, len(basin.SubBasins)),
	}
	for i := range fall.SubBasins {
		fall.SubBasins[i].ID = basin.SubBasins[i].ID
	}
	var notes []string
	switch r.Kind {
	case NoRain:
		return out, nil, nil
	case OwnSeries:
		fall.Step, fall.Steps = r.Step, len(r.Series[0].Depth)
		for _, x := range r.Series {
			to := &fall.SubBasins[slices.IndexFunc(fall.SubBasins, func(b forecast.SubBasinRain) bool { return b.ID == x.SubBasin })]
			to.Coverage, to.Rain = 1, slices.Clone(x.Depth)
		}
	case Storm:
		depth := r.hyetograph(fall.Step)
		fall.From, fall.Steps = b.T0.Add(r.After), len(depth)
		for i := range fall.SubBasins {
			if to := &fall.SubBasins[i]; len(r.SubBasins) == 0 || slices.Contains(r.SubBasins, to.ID) {
				to.Coverage, to.Rain = 1, slices.Clone(depth)
			}
		}
	case PastStorm:
		if past == nil {
			past = b.History
		}
		fell := b.Model.Fallen(r.From, r.Until, past)
		heard := 0.0
		for i := range fall.SubBasins {
			to := &fall.SubBasins[i]
			to.Coverage, to.Rain = 1, fell.Rain[i]
			fall.Steps = len(to.Rain)
			heard = max(heard, fell.Heard[i])
			if fell.Heard[i] < 0.9 {
				notes = append(notes, fmt.Sprintf("past storm: gauges spoke for sub-basin %s in %.0f %% of the time; the rest counts as dry", to.ID, 100*fell.Heard[i]))
			}
		}
		if heard == 0 {
			return out, nil, &hydro.FieldError{Field: "rain.from", Text: fmt.Sprintf("no rain gauge has readings between %s and %s: take a span that was recorded", r.From.Format(time.RFC3339), r.Until.Format(time.RFC3339))}
		}
	default:
		f := b.Model.RainFor(b.Ahead, b.T0)
		if f == nil {
			if factor != 1 || r.Shift != 0 {
				return out, nil, &hydro.FieldError{Field: "rain.kind", Text: "no rain forecast is in force at T0, so there is nothing to multiply or shift: give a storm, a past storm or series"}
			}
			out.Rain = b.Ahead.Rain
			return out, nil, nil
		}
		if factor == 1 && r.Shift == 0 {
			out.Rain = b.Ahead.Rain
			return out, nil, nil
		}
		fall.From, fall.Step, fall.Steps, fall.Unknown = f.From, f.Step, f.Steps, f.Unknown
		fall.Source = f.Source + " (" + source + ")"
		for i := range f.SubBasins {
			fall.SubBasins[i].Coverage, fall.SubBasins[i].Rain = f.SubBasins[i].Coverage, slices.Clone(f.SubBasins[i].Rain)
		}
	}
	fall.From = fall.From.Add(r.Shift)
	for i := range fall.SubBasins {
		for t := range fall.SubBasins[i].Rain {
			fall.SubBasins[i].Rain[t] *= factor
		}
	}
	if !fall.End().After(b.T0) {
		notes = append(notes, "all of the rain lies before T0 once it is shifted: none is left")
		return out, notes, nil
	}
	out.Rain = []forecast.Rain{fall}
	return out, notes, nil
}

// hyetograph spreads a design storm over steps, mm each.
func (r *Rain) hyetograph(step time.Duration) []float64 {
	n := int((r.Duration + step - 1) / step)
	out := make([]float64, n)
	sum := func(x float64) float64 { // share that has fallen at the share x of the duration
		x = min(max(x, 0), 1)
		switch {
		case x <= r.Peak && r.Peak > 0:
			return x * x / r.Peak
		case r.Peak < 1:
			return 1 - (1-x)*(1-x)/(1-r.Peak)
		}
		return 1
	}
	for t := range out {
		from, to := float64(time.Duration(t)*step)/float64(r.Duration), float64(time.Duration(t+1)*step)/float64(r.Duration)
		out[t] = r.Total * (sum(to) - sum(from))
	}
	return out
}

// ground returns the soil of a scenario as the model takes it.
func (s *Scenario) ground() []forecast.Ground {
	var out []forecast.Ground
	for _, x := range s.Soil {
		g := forecast.Ground{SubBasin: x.SubBasin, Fill: math.NaN(), Share: x.Change}
		if x.Filled != nil {
			g.Fill = *x.Filled
		}
		out = append(out, g)
	}
	return out
}
