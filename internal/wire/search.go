package wire

import (
	"fmt"
	"math"

	"freshet/internal/hydro"
	"freshet/internal/rehearse"
	freshetv1 "freshet/proto/freshet/v1"
)

// ToSearch returns the search of releases beside a scenario. An error is a
// [hydro.FieldError].
func ToSearch(p *freshetv1.SearchReleaseRequest, x rehearse.Scenario) (rehearse.Search, error) {
	q := rehearse.Search{Scenario: x, Pieces: int(p.GetPieces()), Runs: int(p.GetRuns()), Points: int(p.GetPoints()), Seed: p.GetSeed()}
	if q.Points == 0 {
		q.Points = 5
	}
	level := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	for _, l := range p.GetReservoirs() {
		q.Limits = append(q.Limits, rehearse.Limits{
			Reservoir: l.GetReservoir(), Least: l.GetLeast(), Most: l.GetMost(), Ramp: l.GetRamp(),
			Highest: level(l.Highest), EndLeast: level(l.EndLeast), EndMost: level(l.EndMost),
		})
	}
	for i, t := range p.GetTargets() {
		y := rehearse.Target{Station: t.GetStation(), Value: level(t.Value)}
		if t.GetVariable() != freshetv1.Variable_VARIABLE_UNSPECIFIED {
			v, err := ToVariable(t.GetVariable())
			if err != nil {
				return q, &hydro.FieldError{Field: fmt.Sprintf("targets[%d].variable", i), Text: err.Error()}
			}
			y.Variable = v
		}
		q.Targets = append(q.Targets, y)
	}
	return q, nil
}

// FromFound returns what a search came to, with the rehearsal of its schedules.
func FromFound(f *rehearse.Found, r *freshetv1.Rehearsal) *freshetv1.SearchResult {
	p := &freshetv1.SearchResult{
		Runs: uint32(f.Runs), Worst: f.Worst, BaseWorst: f.BaseWorst, WorstStation: f.Station, Feasible: f.Feasible,
		Schedules: FromSchedules(f.Schedules), Rehearsal: r,
	}
	for _, b := range f.Bounds {
		p.Bounds = append(p.Bounds, &freshetv1.SearchBound{Reservoir: b.Reservoir, Limit: b.Limit, Broken: b.Broken, TextZh: b.ZH, TextEn: b.EN})
	}
	for _, t := range f.Curve {
		p.TradeOff = append(p.TradeOff, &freshetv1.TradeOff{Rise: t.Rise, Worst: t.Worst, Schedules: FromSchedules(t.Schedules), Feasible: t.Feasible})
	}
	return p
}
