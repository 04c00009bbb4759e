package rehearse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/alert"
	"freshet/alert/group"
	"freshet/forecast"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// The banner of everything that is a rehearsal.
const (
	BannerZH = "演练 · 情景推演，非实况，不得作为预警发布"
	BannerEN = "REHEARSAL: a what-if, not the live situation; not to be issued as a warning"
)

// A Stage is where rehearsals of one situation begin: the footing, and what it
// comes to as it is. It may be used by several rehearsals at once.
type Stage struct {
	Footing engine.Footing
	Base    Run
	fine    forecast.Rehearsal
}

// An Outcome is the answer to a scenario.
type Outcome struct {
	Scenario    Scenario
	T0          time.Time
	Step        time.Duration // of the series
	Horizon     time.Duration
	Catalogue   string
	Seq         uint64 // input of the log that the situation ends with
	Base, Asked Run
	Stations    []Difference // every station of the basin, ascending
	Notes       []string     // of the scenario itself
}

// A Difference is one station as asked against as it is.
type Difference struct {
	Station   string
	Forecast  bool   // a run tells of it
	WhyZH     string // it does not
	WhyEN     string
	Base      *Figures // nil where no run tells of it
	Asked     *Figures
	Level     float64 // of the peaks, as asked less as it is, m; NaN where no level is forecast
	Discharge float64 // m³/s
	Later     time.Duration
	Volume    float64 // 10⁶ m³
}

// NewStage rehearses a situation as it is.
func NewStage(ctx context.Context, b engine.Footing) (*Stage, error) {
	s := &Stage{Footing: b}
	var err error
	if s.fine, err = b.Model.Rehearse(b.Water, b.T0, b.History, b.Ahead, nil); err != nil {
		return nil, fmt.Errorf("rehearsal: as it is: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.Base = figures(&b, b.Catalogue, &s.fine)
	s.Base.Walk = walk(&b, b.Catalogue, b.Rules, b.Groups, b.Plans, &s.fine, b.Ahead, nil)
	return s, nil
}

// Ask answers a scenario. Past is where a past storm is read; nil: the memory of the
// situation. An error that is [Invalid], or a [hydro.FieldError], says what in the
// scenario is to be mended.
func (s *Stage) Ask(ctx context.Context, x Scenario, past forecast.Source) (*Outcome, error) {
	b := s.Footing
	if x.Basin == "" {
		x.Basin = b.Basin
	}
	if wrong := x.Check(b.Catalogue, b.T0); len(wrong) > 0 {
		return nil, Invalid(wrong)
	}
	basin, _ := b.Catalogue.Basin(b.Basin)
	c, rules, groups := b.Catalogue, b.Rules, b.Groups
	if len(x.Thresholds) > 0 {
		c = retabled(c, x.Thresholds, b.T0)
		var err error
		if b.Model, err = forecast.Compile(c, b.Basin); err != nil {
			return nil, fmt.Errorf("rehearsal: %w", err)
		}
		if rules, err = alert.Compile(c, b.Basin); err != nil {
			return nil, fmt.Errorf("rehearsal: %w", err)
		}
		if groups, err = group.Compile(c, b.Basin); err != nil {
			return nil, fmt.Errorf("rehearsal: %w", err)
		}
	}
	ahead, notes, err := x.ahead(&b, past)
	if err != nil {
		return nil, err
	}
	fine, err := b.Model.Rehearse(b.Water, b.T0, x.source(&b), ahead, x.ground())
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &Outcome{
		Scenario: x, T0: b.T0, Step: basin.Settings.OutputStep, Horizon: basin.Settings.Horizon, Catalogue: b.Catalogue.Version, Seq: b.Seq,
		Base: s.Base, Asked: figures(&b, c, &fine), Notes: notes,
	}
	out.Asked.Walk = walk(&b, c, rules, groups, b.Plans, &fine, ahead, x.Lost)
	for i := range c.Stations {
		st := &c.Stations[i]
		if st.Basin != b.Basin || len(st.Parameters) == 0 {
			continue
		}
		d := Difference{Station: st.ID, Level: math.NaN()}
		at := slices.IndexFunc(out.Asked.Forecast.Stations, func(f hydro.StationForecast) bool { return f.Station == st.ID })
		was := slices.IndexFunc(s.Base.Forecast.Stations, func(f hydro.StationForecast) bool { return f.Station == st.ID })
		if at < 0 || was < 0 {
			d.WhyZH, d.WhyEN = "不在河网节点上：无预报", "at no node of the network: no run tells of it"
			out.Stations = append(out.Stations, d)
			continue
		}
		d.Forecast, d.Base, d.Asked = true, &s.Base.Stations[was], &out.Asked.Stations[at]
		p, q := &d.Base.Peak, &d.Asked.Peak
		d.Level, d.Discharge, d.Later, d.Volume = q.Level-p.Level, q.Discharge-p.Discharge, q.At.Sub(p.At), d.Asked.Volume-d.Base.Volume
		out.Stations = append(out.Stations, d)
	}
	return out, nil
}
