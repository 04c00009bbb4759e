package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A scenarioFile is a scenario, and a search, as people write them.
type scenarioFile struct {
	name string    // of the file
	tree *ast.File // of what stands where

	Name struct {
		ZH string `yaml:"zh"`
		EN string `yaml:"en"`
	} `yaml:"name"`
	Basin string  `yaml:"basin"`
	AsOf  instant `yaml:"as_of"`
	Rain  struct {
		Kind      rainKind             `yaml:"kind"`
		Factor    float64              `yaml:"factor"`
		Shift     span                 `yaml:"shift"`
		Step      span                 `yaml:"step"`
		Series    map[string][]float64 `yaml:"series"`
		Total     float64              `yaml:"total"`
		Duration  span                 `yaml:"duration"`
		Peak      float64              `yaml:"peak"`
		After     span                 `yaml:"after"`
		SubBasins []string             `yaml:"sub_basins"`
		From      instant              `yaml:"from"`
		Until     instant              `yaml:"until"`
	} `yaml:"rain"`
	Reservoirs []struct {
		Reservoir string `yaml:"reservoir"`
		Releases  []struct {
			After   span    `yaml:"after"`
			Outflow float64 `yaml:"outflow"`
		} `yaml:"releases"`
		Gates []struct {
			After   span    `yaml:"after"`
			Outlet  string  `yaml:"outlet"`
			Opening float64 `yaml:"opening"`
		} `yaml:"gates"`
	} `yaml:"reservoirs"`
	Soil []struct {
		SubBasin string   `yaml:"sub_basin"`
		Filled   *float64 `yaml:"filled"`
		Change   *float64 `yaml:"change"`
	} `yaml:"soil"`
	Lost       []string `yaml:"lost"`
	Thresholds []struct {
		Station  string        `yaml:"station"`
		Stage    scenarioStage `yaml:"stage"`
		Variable quantity      `yaml:"variable"`
		Value    float64       `yaml:"value"`
	} `yaml:"thresholds"`
	Search struct {
		Reservoirs []struct {
			Reservoir string   `yaml:"reservoir"`
			Least     float64  `yaml:"least"`
			Most      float64  `yaml:"most"`
			Ramp      float64  `yaml:"ramp"`
			Highest   *float64 `yaml:"highest"`
			EndLeast  *float64 `yaml:"end_least"`
			EndMost   *float64 `yaml:"end_most"`
		} `yaml:"reservoirs"`
		Targets []struct {
			Station  string   `yaml:"station"`
			Variable quantity `yaml:"variable"`
			Value    *float64 `yaml:"value"`
		} `yaml:"targets"`
		Pieces uint32 `yaml:"pieces"`
		Runs   uint32 `yaml:"runs"`
		Points uint32 `yaml:"points"`
		Seed   uint64 `yaml:"seed"`
	} `yaml:"search"`
}

// Values that say what is wrong with them.
type (
	span          time.Duration
	instant       struct{ *timestamppb.Timestamp }
	rainKind      freshetv1.ScenarioRainKind
	scenarioStage freshetv1.Stage
	quantity      freshetv1.Variable
)

// UnmarshalYAML reads a duration such as 6h or 1h30m, whole seconds.
func (s *span) UnmarshalYAML(n ast.Node) error {
	text := written(n)
	d, err := time.ParseDuration(text)
	if text == "0" {
		d, err = 0, nil
	}
	if err != nil || d%time.Second != 0 || d > 90*24*time.Hour || d < -90*24*time.Hour {
		return misread(n, "write a duration in whole seconds, such as 6h or 1h30m")
	}
	*s = span(d)
	return nil
}

func (s span) seconds() uint32 { return uint32(max(0, time.Duration(s)) / time.Second) }

// UnmarshalYAML reads an instant with its offset, or Beijing time without one.
func (i *instant) UnmarshalYAML(n ast.Node) error {
	t, err := parseInstant(written(n))
	if err != nil {
		return misread(n, "write 2026-06-10T14:35 (Beijing time) or 2026-06-10T06:35:00Z")
	}
	i.Timestamp = timestamppb.New(t)
	return nil
}

var rainKindNames = []string{"as_forecast", "none", "series", "storm", "past"}

// UnmarshalYAML reads a kind of rain.
func (k *rainKind) UnmarshalYAML(n ast.Node) error {
	i := slices.Index(rainKindNames, written(n))
	if i < 0 {
		return misread(n, "write "+strings.Join(rainKindNames, ", "))
	}
	*k = rainKind(i + 1)
	return nil
}

// UnmarshalYAML reads a colour.
func (s *scenarioStage) UnmarshalYAML(n ast.Node) error {
	stage, err := hydro.ParseStage(written(n))
	if err != nil || stage < hydro.Blue || stage > hydro.Red {
		return misread(n, "write blue, yellow, orange or red")
	}
	*s = scenarioStage(wire.FromStage(stage))
	return nil
}

// UnmarshalYAML reads a variable.
func (q *quantity) UnmarshalYAML(n ast.Node) error {
	v, err := hydro.ParseVariable(written(n))
	if err != nil {
		return misread(n, "write water_level, discharge or inflow")
	}
	*q = quantity(wire.FromVariable(v))
	return nil
}

func (f *scenarioFile) scenario() *freshetv1.Scenario {
	r := &f.Rain
	p := &freshetv1.Scenario{NameZh: f.Name.ZH, NameEn: cmp.Or(f.Name.EN, f.Name.ZH), Basin: f.Basin, AsOf: f.AsOf.Timestamp, Lost: f.Lost, Rain: &freshetv1.ScenarioRain{
		Kind: freshetv1.ScenarioRainKind(r.Kind), Factor: r.Factor, ShiftS: int32(time.Duration(r.Shift) / time.Second), StepS: r.Step.seconds(), Total: r.Total,
		DurationS: r.Duration.seconds(), Peak: r.Peak, AfterS: r.After.seconds(), SubBasins: r.SubBasins, From: r.From.Timestamp, Until: r.Until.Timestamp,
	}}
	for id, depth := range r.Series {
		p.Rain.Series = append(p.Rain.Series, &freshetv1.ScenarioSubBasinRain{SubBasin: id, Depth: depth})
	}
	slices.SortFunc(p.Rain.Series, func(a, b *freshetv1.ScenarioSubBasinRain) int { return cmp.Compare(a.GetSubBasin(), b.GetSubBasin()) })
	for _, x := range f.Reservoirs {
		s := &freshetv1.ScenarioSchedule{Reservoir: x.Reservoir}
		for _, v := range x.Releases {
			s.Releases = append(s.Releases, &freshetv1.ScenarioRelease{AfterS: v.After.seconds(), Outflow: v.Outflow})
		}
		for _, v := range x.Gates {
			s.Gates = append(s.Gates, &freshetv1.ScenarioGate{AfterS: v.After.seconds(), Outlet: v.Outlet, Opening: v.Opening})
		}
		p.Schedules = append(p.Schedules, s)
	}
	for _, x := range f.Soil {
		s := &freshetv1.ScenarioSoil{SubBasin: x.SubBasin}
		switch {
		case x.Filled != nil:
			s.Water = &freshetv1.ScenarioSoil_Filled{Filled: *x.Filled}
		case x.Change != nil:
			s.Water = &freshetv1.ScenarioSoil_Change{Change: *x.Change}
		}
		p.Soil = append(p.Soil, s)
	}
	for _, x := range f.Thresholds {
		p.Thresholds = append(p.Thresholds, &freshetv1.ScenarioThreshold{Station: x.Station, Stage: freshetv1.Stage(x.Stage), Variable: freshetv1.Variable(x.Variable), Value: x.Value})
	}
	return p
}

func (f *scenarioFile) search() *freshetv1.SearchReleaseRequest {
	p := &freshetv1.SearchReleaseRequest{Scenario: f.scenario(), Pieces: f.Search.Pieces, Runs: f.Search.Runs, Points: f.Search.Points, Seed: f.Search.Seed}
	for _, x := range f.Search.Reservoirs {
		p.Reservoirs = append(p.Reservoirs, &freshetv1.ReleaseLimits{
			Reservoir: x.Reservoir, Least: x.Least, Most: x.Most, Ramp: x.Ramp, Highest: x.Highest, EndLeast: x.EndLeast, EndMost: x.EndMost,
		})
	}
	for _, x := range f.Search.Targets {
		p.Targets = append(p.Targets, &freshetv1.ReleaseTarget{Station: x.Station, Variable: freshetv1.Variable(x.Variable), Value: x.Value})
	}
	return p
}

// scenarioFlags are the simple questions, without a file, or beside one.
type scenarioFlags struct {
	basin, asOf, name, storm string
	factor                   float64
	shift                    time.Duration
	dry                      bool
	filled                   float64
	lost, release            []string
}

func (f *scenarioFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.basin, "basin", "", "basin; may be left out if the server has one")
	fs.StringVar(&f.asOf, "as-of", "", "the situation as of this time (RFC 3339, or Beijing time as 2026-06-10T08:00); empty: now")
	fs.StringVar(&f.name, "name", "", "name of the scenario")
	fs.Float64Var(&f.factor, "rain-factor", 0, "the rain forecast in force times this")
	fs.DurationVar(&f.shift, "rain-shift", 0, "the rain later by this; negative: earlier")
	fs.StringVar(&f.storm, "storm", "", "a design storm instead, mm/duration, e.g. 150/6h")
	fs.BoolVar(&f.dry, "no-rain", false, "no further rain instead")
	fs.Float64Var(&f.filled, "soil", -1, "share of the tension water that is full at T0, 0 to 1")
	fs.StringSliceVar(&f.lost, "lost", nil, "stations whose readings do not enter")
	fs.StringSliceVar(&f.release, "release", nil, "constant release of a reservoir, e.g. jinjiang=300")
}

// apply puts what the flags say into a scenario.
func (f *scenarioFlags) apply(x *freshetv1.Scenario) error {
	if x.Rain == nil {
		x.Rain = &freshetv1.ScenarioRain{}
	}
	x.Basin, x.NameZh, x.NameEn = cmp.Or(f.basin, x.GetBasin()), cmp.Or(f.name, x.GetNameZh()), cmp.Or(f.name, x.GetNameEn())
	if f.asOf != "" {
		at, err := parseInstant(f.asOf)
		if err != nil {
			return fmt.Errorf("--as-of: %w", err)
		}
		x.AsOf = timestamppb.New(at)
	}
	if f.dry && f.storm != "" {
		return fmt.Errorf("--no-rain and --storm: give one of them: %w", hydro.ErrInvalid)
	}
	if f.dry {
		x.Rain = &freshetv1.ScenarioRain{Kind: freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_NONE}
	}
	if f.storm != "" {
		mm, length, found := strings.Cut(f.storm, "/")
		total, err := strconv.ParseFloat(mm, 64)
		d, wrong := time.ParseDuration(length)
		if !found || err != nil || wrong != nil {
			return fmt.Errorf("--storm %q: write mm/duration, e.g. 150/6h: %w", f.storm, hydro.ErrInvalid)
		}
		x.Rain = &freshetv1.ScenarioRain{Kind: freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_STORM, Total: total, DurationS: span(d).seconds(), Peak: 0.4}
	}
	if f.factor != 0 {
		x.Rain.Factor = f.factor
	}
	if f.shift != 0 {
		x.Rain.ShiftS = int32(f.shift / time.Second)
	}
	if f.filled >= 0 {
		x.Soil = append(x.Soil, &freshetv1.ScenarioSoil{Water: &freshetv1.ScenarioSoil_Filled{Filled: f.filled}})
	}
	x.Lost = append(x.Lost, f.lost...)
	for _, r := range f.release {
		id, flow, found := strings.Cut(r, "=")
		q, err := strconv.ParseFloat(flow, 64)
		if !found || err != nil {
			return fmt.Errorf("--release %q: write reservoir=m³/s, e.g. jinjiang=300: %w", r, hydro.ErrInvalid)
		}
		x.Schedules = append(x.Schedules, &freshetv1.ScenarioSchedule{Reservoir: id, Releases: []*freshetv1.ScenarioRelease{{Outflow: q}}})
	}
	return nil
}
