package wire_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/rehearse"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

func wholeSeconds(most int32) *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int32Range(0, most).Draw(t, "s")) * time.Second
	})
}

// anyScenario draws one with every part that there is, checked by nobody.
func anyScenario() *rapid.Generator[rehearse.Scenario] {
	return rapid.Custom(func(t *rapid.T) rehearse.Scenario {
		span := wholeSeconds(math.MaxInt32)
		s := rehearse.Scenario{
			NameZH: text().Draw(t, "zh"), NameEN: text().Draw(t, "en"), Basin: ids().Draw(t, "basin"), AsOf: maybe(instant()).Draw(t, "as of"),
			Lost: rapid.SliceOfN(ids(), 0, 3).Draw(t, "lost"),
			Rain: rehearse.Rain{
				Kind: rapid.SampledFrom(append([]rehearse.RainKind{""}, rehearse.RainKinds...)).Draw(t, "kind"), Factor: finite().Draw(t, "factor"),
				Shift: span.Draw(t, "shift"), Step: span.Draw(t, "step"), Total: finite().Draw(t, "total"), Duration: span.Draw(t, "duration"), Peak: finite().Draw(t, "peak"),
				After: span.Draw(t, "after"), SubBasins: rapid.SliceOfN(ids(), 0, 3).Draw(t, "sub-basins"), From: maybe(instant()).Draw(t, "from"), Until: maybe(instant()).Draw(t, "until"),
			},
		}
		if rapid.Bool().Draw(t, "earlier") {
			s.Rain.Shift = -s.Rain.Shift
		}
		for range rapid.IntRange(0, 3).Draw(t, "series") {
			s.Rain.Series = append(s.Rain.Series, rehearse.SubBasinRain{SubBasin: ids().Draw(t, "sub-basin"), Depth: rapid.SliceOfN(finite(), 0, 4).Draw(t, "depth")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "schedules") {
			x := rehearse.Schedule{Reservoir: ids().Draw(t, "reservoir")}
			for range rapid.IntRange(0, 3).Draw(t, "releases") {
				x.Releases = append(x.Releases, rehearse.Release{After: span.Draw(t, "after"), Outflow: finite().Draw(t, "outflow")})
			}
			for range rapid.IntRange(0, 3).Draw(t, "gates") {
				x.Gates = append(x.Gates, rehearse.Gate{After: span.Draw(t, "after"), Outlet: ids().Draw(t, "outlet"), Opening: finite().Draw(t, "opening")})
			}
			s.Schedules = append(s.Schedules, x)
		}
		for range rapid.IntRange(0, 3).Draw(t, "soils") {
			x := rehearse.Soil{SubBasin: ids().Draw(t, "sub-basin")}
			if v := finite().Draw(t, "water"); rapid.Bool().Draw(t, "filled") {
				x.Filled = &v
			} else {
				x.Change = v
			}
			s.Soil = append(s.Soil, x)
		}
		for range rapid.IntRange(0, 3).Draw(t, "thresholds") {
			s.Thresholds = append(s.Thresholds, rehearse.Threshold{
				Station: ids().Draw(t, "station"), Stage: rapid.SampledFrom([]hydro.Stage{hydro.Blue, hydro.Yellow, hydro.Orange, hydro.Red}).Draw(t, "stage"),
				Variable: rapid.SampledFrom(append([]hydro.Variable{0}, hydro.Variables...)).Draw(t, "variable"), Value: finite().Draw(t, "value"),
			})
		}
		return s
	})
}

// A scenario is the same after protobuf, and after JSON, as REST has it.
func TestAScenarioThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyScenario().Draw(t, "scenario")
		p := wire.FromScenario(&want)
		for name, again := range map[string]func(m proto.Message) error{
			"protobuf": func(m proto.Message) error {
				data, err := proto.Marshal(p)
				return errors.Join(err, proto.Unmarshal(data, m))
			},
			"JSON": func(m proto.Message) error {
				data, err := protojson.Marshal(p)
				return errors.Join(err, protojson.Unmarshal(data, m))
			},
		} {
			m := &freshetv1.Scenario{}
			if err := again(m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := wire.ToScenario(m)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s (-sent +read):\n%s", name, diff)
			}
		}
	})
}

// What a search came to tells each schedule and bound, and each point of the curve.
func TestWhatASearchFoundIsToldWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScenario().Draw(t, "scenario")
		f := rehearse.Found{
			Runs: rapid.IntRange(0, 5000).Draw(t, "runs"), Worst: finite().Draw(t, "worst"), Station: ids().Draw(t, "station"), BaseWorst: finite().Draw(t, "base"),
			Feasible: rapid.Bool().Draw(t, "feasible"), Schedules: s.Schedules,
		}
		for range rapid.IntRange(0, 3).Draw(t, "bounds") {
			f.Bounds = append(f.Bounds, rehearse.Binding{Reservoir: ids().Draw(t, "of"), Limit: name().Draw(t, "limit"), Broken: finite().Draw(t, "broken"), ZH: text().Draw(t, "zh"), EN: text().Draw(t, "en")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "points") {
			f.Curve = append(f.Curve, rehearse.Tradeoff{Rise: finite().Draw(t, "rise"), Worst: finite().Draw(t, "worst"), Schedules: s.Schedules, Feasible: rapid.Bool().Draw(t, "kept")})
		}
		p := wire.FromFound(&f, nil)
		got := rehearse.Found{Runs: int(p.GetRuns()), Worst: p.GetWorst(), Station: p.GetWorstStation(), BaseWorst: p.GetBaseWorst(), Feasible: p.GetFeasible()}
		back := func(all []*freshetv1.ScenarioSchedule) []rehearse.Schedule {
			x, err := wire.ToScenario(&freshetv1.Scenario{Schedules: all})
			if err != nil {
				t.Fatal(err)
			}
			return x.Schedules
		}
		got.Schedules = back(p.GetSchedules())
		for _, b := range p.GetBounds() {
			got.Bounds = append(got.Bounds, rehearse.Binding{Reservoir: b.GetReservoir(), Limit: b.GetLimit(), Broken: b.GetBroken(), ZH: b.GetTextZh(), EN: b.GetTextEn()})
		}
		for _, c := range p.GetTradeOff() {
			got.Curve = append(got.Curve, rehearse.Tradeoff{Rise: c.GetRise(), Worst: c.GetWorst(), Schedules: back(c.GetSchedules()), Feasible: c.GetFeasible()})
		}
		if diff := cmp.Diff(f, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-found +told\n%s", diff)
		}
	})
}

// FuzzScenario feeds scenarios and searches as they come from the network, before
// validation.
func FuzzScenario(f *testing.F) {
	filled, most := 0.5, 90.0
	for _, m := range []proto.Message{
		&freshetv1.SearchReleaseRequest{Scenario: &freshetv1.Scenario{
			Basin: "b", AsOf: wire.FromTime(time.UnixMilli(1)), Lost: []string{"a"},
			Rain:       &freshetv1.ScenarioRain{Kind: freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_SERIES, StepS: 3600, Series: []*freshetv1.ScenarioSubBasinRain{{SubBasin: "s", Depth: []float64{1}}}},
			Soil:       []*freshetv1.ScenarioSoil{{Water: &freshetv1.ScenarioSoil_Filled{Filled: filled}}},
			Thresholds: []*freshetv1.ScenarioThreshold{{Station: "a", Stage: freshetv1.Stage_STAGE_RED, Value: 5}},
			Schedules:  []*freshetv1.ScenarioSchedule{{Reservoir: "r", Gates: []*freshetv1.ScenarioGate{{AfterS: 60, Outlet: "g", Opening: 1}}}},
		}, Reservoirs: []*freshetv1.ReleaseLimits{{Reservoir: "r", Most: 5, Highest: &most}}, Targets: []*freshetv1.ReleaseTarget{{Station: "a"}}},
		&freshetv1.SearchReleaseRequest{Scenario: &freshetv1.Scenario{Thresholds: []*freshetv1.ScenarioThreshold{{Stage: 99}}, Rain: &freshetv1.ScenarioRain{Kind: 99}}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &freshetv1.SearchReleaseRequest{}
		if proto.Unmarshal(data, p) != nil {
			return
		}
		x, err := wire.ToScenario(p.GetScenario())
		if err != nil {
			if _, ok := errors.AsType[*hydro.FieldError](err); !ok {
				t.Fatalf("%v names no field", err)
			}
			return
		}
		again, err := wire.ToScenario(wire.FromScenario(&x))
		if diff := cmp.Diff(x, again, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" || err != nil {
			t.Fatalf("%v (-first +second):\n%s", err, diff)
		}
		q, err := wire.ToSearch(p, x)
		if err != nil {
			if _, ok := errors.AsType[*hydro.FieldError](err); !ok {
				t.Fatalf("%v names no field", err)
			}
			return
		}
		if len(q.Limits) != len(p.GetReservoirs()) || len(q.Targets) != len(p.GetTargets()) || slices.ContainsFunc(q.Targets, func(y rehearse.Target) bool { return y.Variable < 0 }) {
			t.Fatalf("%+v of %v", q, p)
		}
	})
}
