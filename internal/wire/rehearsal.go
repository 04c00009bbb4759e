package wire

import (
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/rehearse"
	freshetv1 "freshet/proto/freshet/v1"
)

var rainKinds = map[rehearse.RainKind]freshetv1.ScenarioRainKind{
	"":                  freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_UNSPECIFIED,
	rehearse.AsForecast: freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_AS_FORECAST,
	rehearse.NoRain:     freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_NONE,
	rehearse.OwnSeries:  freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_SERIES,
	rehearse.Storm:      freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_STORM,
	rehearse.PastStorm:  freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_PAST,
}

// FromScenario returns s as protobuf. Its id stays behind.
func FromScenario(s *rehearse.Scenario) *freshetv1.Scenario {
	p := &freshetv1.Scenario{NameZh: s.NameZH, NameEn: s.NameEN, Basin: s.Basin, AsOf: FromTime(s.AsOf), Lost: s.Lost}
	r := &s.Rain
	p.Rain = &freshetv1.ScenarioRain{
		Kind: rainKinds[r.Kind], Factor: r.Factor, ShiftS: int32(r.Shift / time.Second), StepS: seconds(r.Step), Total: r.Total,
		DurationS: seconds(r.Duration), Peak: r.Peak, AfterS: seconds(r.After), SubBasins: r.SubBasins, From: FromTime(r.From), Until: FromTime(r.Until),
	}
	for _, x := range r.Series {
		p.Rain.Series = append(p.Rain.Series, &freshetv1.ScenarioSubBasinRain{SubBasin: x.SubBasin, Depth: x.Depth})
	}
	p.Schedules = FromSchedules(s.Schedules)
	for _, x := range s.Soil {
		g := &freshetv1.ScenarioSoil{SubBasin: x.SubBasin, Water: &freshetv1.ScenarioSoil_Change{Change: x.Change}}
		if x.Filled != nil {
			g.Water = &freshetv1.ScenarioSoil_Filled{Filled: *x.Filled}
		}
		p.Soil = append(p.Soil, g)
	}
	for _, x := range s.Thresholds {
		p.Thresholds = append(p.Thresholds, &freshetv1.ScenarioThreshold{Station: x.Station, Stage: FromStage(x.Stage), Variable: FromVariable(x.Variable), Value: x.Value})
	}
	return p
}

// FromSchedules returns what reservoirs are ordered to do.
func FromSchedules(all []rehearse.Schedule) []*freshetv1.ScenarioSchedule {
	var out []*freshetv1.ScenarioSchedule
	for i := range all {
		x := &freshetv1.ScenarioSchedule{Reservoir: all[i].Reservoir}
		for _, r := range all[i].Releases {
			x.Releases = append(x.Releases, &freshetv1.ScenarioRelease{AfterS: seconds(r.After), Outflow: r.Outflow})
		}
		for _, g := range all[i].Gates {
			x.Gates = append(x.Gates, &freshetv1.ScenarioGate{AfterS: seconds(g.After), Outlet: g.Outlet, Opening: g.Opening})
		}
		out = append(out, x)
	}
	return out
}

// ToScenario returns the scenario. It knows no catalogue: [rehearse.Scenario.Check]
// says what is wrong with it there. An error is a [hydro.FieldError].
func ToScenario(p *freshetv1.Scenario) (rehearse.Scenario, error) {
	s := rehearse.Scenario{NameZH: p.GetNameZh(), NameEN: p.GetNameEn(), Basin: p.GetBasin(), Lost: p.GetLost()}
	var err *hydro.FieldError
	if s.AsOf, err = timeIfSet("as_of", p.GetAsOf()); err != nil {
		return s, err
	}
	r := p.GetRain()
	found := false
	for kind, k := range rainKinds { // a kind has one number
		if k == r.GetKind() {
			s.Rain.Kind, found = kind, true
		}
	}
	if !found {
		return s, &hydro.FieldError{Field: "rain.kind", Text: fmt.Sprintf("%d is none: write as_forecast, none, series, storm or past", r.GetKind())}
	}
	span := func(v uint32) time.Duration { return time.Duration(v) * time.Second }
	s.Rain.Factor, s.Rain.Shift, s.Rain.Step = r.GetFactor(), time.Duration(r.GetShiftS())*time.Second, span(r.GetStepS())
	s.Rain.Total, s.Rain.Duration, s.Rain.Peak, s.Rain.After = r.GetTotal(), span(r.GetDurationS()), r.GetPeak(), span(r.GetAfterS())
	s.Rain.SubBasins = r.GetSubBasins()
	for _, x := range r.GetSeries() {
		s.Rain.Series = append(s.Rain.Series, rehearse.SubBasinRain{SubBasin: x.GetSubBasin(), Depth: x.GetDepth()})
	}
	if s.Rain.From, err = timeIfSet("rain.from", r.GetFrom()); err != nil {
		return s, err
	}
	if s.Rain.Until, err = timeIfSet("rain.until", r.GetUntil()); err != nil {
		return s, err
	}
	for _, x := range p.GetSchedules() {
		y := rehearse.Schedule{Reservoir: x.GetReservoir()}
		for _, v := range x.GetReleases() {
			y.Releases = append(y.Releases, rehearse.Release{After: span(v.GetAfterS()), Outflow: v.GetOutflow()})
		}
		for _, v := range x.GetGates() {
			y.Gates = append(y.Gates, rehearse.Gate{After: span(v.GetAfterS()), Outlet: v.GetOutlet(), Opening: v.GetOpening()})
		}
		s.Schedules = append(s.Schedules, y)
	}
	for _, x := range p.GetSoil() {
		y := rehearse.Soil{SubBasin: x.GetSubBasin(), Change: x.GetChange()}
		if f, ok := x.GetWater().(*freshetv1.ScenarioSoil_Filled); ok {
			y.Filled = &f.Filled
		}
		s.Soil = append(s.Soil, y)
	}
	for i, x := range p.GetThresholds() {
		y := rehearse.Threshold{Station: x.GetStation(), Value: x.GetValue()}
		stage, wrong := ToStage(x.GetStage())
		if wrong != nil {
			return s, &hydro.FieldError{Field: fmt.Sprintf("thresholds[%d].stage", i), Text: "write blue, yellow, orange or red"}
		}
		y.Stage = stage
		if x.GetVariable() != freshetv1.Variable_VARIABLE_UNSPECIFIED {
			v, wrong := ToVariable(x.GetVariable())
			if wrong != nil {
				return s, &hydro.FieldError{Field: fmt.Sprintf("thresholds[%d].variable", i), Text: wrong.Error()}
			}
			y.Variable = v
		}
		s.Thresholds = append(s.Thresholds, y)
	}
	return s, nil
}

func timeIfSet(field string, p *timestamppb.Timestamp) (time.Time, *hydro.FieldError) {
	if p == nil {
		return time.Time{}, nil
	}
	return fieldTime(field, p)
}

// FromOutcome returns an answer as protobuf, with the names of a catalogue and the
// banner that says what it is. Its id, hash and keeper are the caller's to fill.
func FromOutcome(o *rehearse.Outcome, c *catalog.Catalog, at time.Time) *freshetv1.Rehearsal {
	p := &freshetv1.Rehearsal{
		Rehearsal: true, BannerZh: rehearse.BannerZH, BannerEn: rehearse.BannerEN, Scenario: FromScenario(&o.Scenario), Basin: o.Scenario.Basin,
		T0: FromTime(o.T0), SituationAt: FromTime(at), InputSeq: o.Seq, Catalogue: o.Catalogue, Illustrative: c.Illustrative,
		StepS: seconds(o.Step), HorizonS: seconds(o.Horizon), BaseWalk: fromWalk(&o.Base.Walk), Walk: fromWalk(&o.Asked.Walk),
		BaseBasis: fromBasis(&o.Base.Forecast), Basis: fromBasis(&o.Asked.Forecast), Notes: o.Notes,
	}
	for i := range o.Stations {
		d := &o.Stations[i]
		x := &freshetv1.RehearsedStation{
			Station: d.Station, WhyNotZh: d.WhyZH, WhyNotEn: d.WhyEN, Level: d.Level, Discharge: d.Discharge, LaterS: int64(d.Later / time.Second), Volume: d.Volume,
		}
		if st, ok := c.Station(d.Station); ok {
			x.NameZh, x.NameEn = st.NameZH, st.NameEN
		}
		if d.Forecast {
			x.Datum, x.Base, x.Asked = string(d.Asked.Series.Datum), fromFigures(o.T0, d.Base), fromFigures(o.T0, d.Asked)
		}
		p.Stations = append(p.Stations, x)
	}
	basin, _ := c.Basin(o.Scenario.Basin)
	for i := range o.Asked.Pools {
		a := &o.Asked.Pools[i]
		x := &freshetv1.RehearsedReservoir{Reservoir: a.Reservoir, Station: a.Station, Asked: fromPool(a)}
		if k := slices.IndexFunc(o.Base.Pools, func(b rehearse.Pool) bool { return b.Reservoir == a.Reservoir }); k >= 0 {
			x.Base = fromPool(&o.Base.Pools[k])
		}
		if basin != nil {
			for j := range basin.Reservoirs {
				if r := &basin.Reservoirs[j]; r.ID == a.Reservoir {
					x.NameZh, x.NameEn = r.NameZH, r.NameEN
				}
			}
		}
		p.Reservoirs = append(p.Reservoirs, x)
	}
	return p
}

func fromBasis(f *hydro.Forecast) *freshetv1.RehearsedBasis {
	return &freshetv1.RehearsedBasis{RainAssumed: f.RainAssumed, Plan: f.Plan, Notes: f.Notes, LineZh: f.HonestyZH(), LineEn: f.HonestyEN()}
}

func fromFigures(t0 time.Time, f *rehearse.Figures) *freshetv1.RehearsedFigures {
	p := &freshetv1.RehearsedFigures{
		Peak:   &freshetv1.RehearsedPeak{At: FromTime(f.Peak.At), Discharge: f.Peak.Discharge, Level: f.Peak.Level, AtEnd: f.Peak.AtEnd},
		Volume: f.Volume, NowDischarge: f.Series.NowDischarge, NowLevel: f.Series.NowLevel, Discharge: f.Series.Discharge, Level: f.Series.Level,
	}
	for _, s := range f.Stages {
		x := &freshetv1.RehearsedStage{Stage: FromStage(s.Stage), Variable: FromVariable(s.Variable), Value: s.Value, At: FromTime(s.At), AboveS: seconds(s.Above)}
		if !s.At.IsZero() {
			x.Hours = s.At.Sub(t0).Hours()
		}
		p.Stages = append(p.Stages, x)
	}
	return p
}

func fromPool(p *rehearse.Pool) *freshetv1.RehearsedPool {
	out := &freshetv1.RehearsedPool{
		StartLevel: p.Path.Start, PeakLevel: p.PeakLevel, EndLevel: p.EndLevel, PeakInflow: p.PeakInflow, PeakOutflow: p.PeakOutflow,
		OverLimitS: seconds(p.OverLimit), VolumeIn: p.VolumeIn, VolumeOut: p.VolumeOut, Residual: p.Residual,
		Inflow: p.Path.Inflow, Outflow: p.Path.Outflow, Level: p.Path.Level, Limit: p.Path.Limit,
	}
	if !math.IsNaN(p.PeakLevel) {
		out.PeakAt = FromTime(p.PeakAt)
	}
	for _, b := range p.Bounds {
		out.Bounds = append(out.Bounds, &freshetv1.RehearsedBound{From: FromTime(b.From), TextZh: b.ZH, TextEn: b.EN, Most: b.Most})
	}
	return out
}

func fromWalk(w *rehearse.Walk) *freshetv1.RehearsedWalk {
	p := &freshetv1.RehearsedWalk{StepS: seconds(w.Step)}
	for _, x := range w.Changes {
		p.Changes = append(p.Changes, &freshetv1.RehearsedChange{
			At: FromTime(x.At), Station: x.Station, From: FromStage(x.From), To: FromStage(x.To), Leg: x.Leg, ReasonZh: x.ZH, ReasonEn: x.EN,
		})
	}
	for _, x := range w.Reached {
		p.Reached = append(p.Reached, &freshetv1.RehearsedReach{Station: x.Station, Stage: FromStage(x.Stage), At: FromTime(x.At), Observed: FromTime(x.Observed)})
	}
	for _, x := range w.Proposals {
		p.Proposals = append(p.Proposals, &freshetv1.RehearsedProposal{
			At: FromTime(x.At), Plan: x.Plan, From: FromResponseLevel(x.From), To: FromResponseLevel(x.To), TextZh: x.ZH, TextEn: x.EN, Assumed: x.Assumed,
		})
	}
	for i := range w.Measures {
		x := &w.Measures[i]
		p.Measures = append(p.Measures, &freshetv1.RehearsedMeasure{
			Plan: x.Plan, PlanZh: x.NameZH, PlanEn: x.NameEN, Measure: fromMeasures([]hydro.Measure{x.Measure})[0], Opened: FromTime(x.Opened), Deadline: FromTime(x.Deadline),
		})
	}
	for _, x := range w.Clashes {
		p.Clashes = append(p.Clashes, &freshetv1.RehearsedClash{
			Kind: x.Kind, Plan: x.Plan, Measure: x.A, OtherPlan: x.Other, OtherMeasure: x.B, From: FromTime(x.From), Until: FromTime(x.Until), TextZh: x.ZH, TextEn: x.EN,
		})
	}
	for i := range w.Groups {
		g := &w.Groups[i]
		if g.Kind != hydro.WaveGroup {
			continue
		}
		x := &freshetv1.RehearsedWave{Opened: FromTime(g.OpenedAt), Closed: FromTime(g.ClosedAt), Highest: FromStage(g.Highest), TextZh: g.TextZH, TextEn: g.TextEN}
		for _, s := range g.Stations {
			x.Stations = append(x.Stations, s.Station)
		}
		p.Waves = append(p.Waves, x)
	}
	for _, x := range w.Held {
		p.Held = append(p.Held, &freshetv1.RehearsedHeld{Station: x.Station, TextZh: x.ZH, TextEn: x.EN})
	}
	return p
}
