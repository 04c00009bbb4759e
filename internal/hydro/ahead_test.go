package hydro_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/hydro"
)

var day = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func fields(errs []*hydro.FieldError) (out []string) {
	for _, e := range errs {
		out = append(out, e.Field)
	}
	return out
}

func TestARainForecastIsCheckedFieldByField(t *testing.T) {
	sound := func() hydro.RainForecast {
		return hydro.RainForecast{
			Basin: "b", Source: "s", IssuedAt: day, ValidUntil: day.Add(time.Hour), From: day, Step: time.Hour,
			Areas: []hydro.RainArea{
				{SubBasin: "x", Rain: []float64{1, 2}, Members: [][]float64{{1, 2}, {0, 0}}},
				{SubBasin: "y", Rain: []float64{0, 2000}, Members: [][]float64{{1, 2}, {0, 0}}},
			},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*hydro.RainForecast)
		want   []string
	}{
		{"sound", func(*hydro.RainForecast) {}, nil},
		{"without a control run", func(f *hydro.RainForecast) { f.Areas[0].Rain, f.Areas[1].Rain = nil, nil }, nil},
		{"nothing", func(f *hydro.RainForecast) { *f = hydro.RainForecast{} }, []string{"basin", "source", "issued_at", "valid_until", "start_at", "step_s", "sub_basins"}},
		{"expired when issued", func(f *hydro.RainForecast) { f.ValidUntil = day }, []string{"valid_until"}},
		{"a step of half a second more", func(f *hydro.RainForecast) { f.Step += time.Second / 2 }, []string{"step_s"}},
		{"no value", func(f *hydro.RainForecast) { f.Areas[0].Rain, f.Areas[0].Members = nil, nil }, []string{"sub_basins[0].rain"}},
		{"32 days", func(f *hydro.RainForecast) {
			f.Step, f.Areas = 24*time.Hour, []hydro.RainArea{{SubBasin: "x", Rain: make([]float64, 32)}}
		}, []string{"sub_basins[0].rain"}},
		{"too many values", func(f *hydro.RainForecast) {
			f.Areas = slices.Repeat([]hydro.RainArea{{Cell: hydro.Cell{East: 1, North: 1}, Rain: make([]float64, 101)}}, 1000)
		}, []string{"cells[0]"}},
		{"negative rain", func(f *hydro.RainForecast) { f.Areas[1].Rain[1] = -1 }, []string{"sub_basins[1].rain[1]"}},
		{"no number in a member", func(f *hydro.RainForecast) { f.Areas[1].Members[1][0] = math.NaN() }, []string{"sub_basins[1].members[1].rain[0]"}},
		{"more rain than falls", func(f *hydro.RainForecast) { f.Areas[0].Rain[0] = math.Inf(1) }, []string{"sub_basins[0].rain[0]"}},
		{"unequal steps", func(f *hydro.RainForecast) { f.Areas[1].Rain = f.Areas[1].Rain[:1] }, []string{"sub_basins[1].rain"}},
		{"unequal steps of a member", func(f *hydro.RainForecast) { f.Areas[1].Members[0] = []float64{1} }, []string{"sub_basins[1].members[0].rain"}},
		{"a member missing", func(f *hydro.RainForecast) { f.Areas[1].Members = f.Areas[1].Members[:1] }, []string{"sub_basins[1].members"}},
		{"a control run in one area alone", func(f *hydro.RainForecast) { f.Areas[0].Rain = nil }, []string{"sub_basins[1].rain"}},
		{"a cell among sub-basins", func(f *hydro.RainForecast) { f.Areas[1].SubBasin = "" }, []string{"sub_basins[1].sub_basin"}},
		{"a cell inside out", func(f *hydro.RainForecast) {
			for i := range f.Areas {
				f.Areas[i].SubBasin, f.Areas[i].Cell = "", hydro.Cell{West: 113, South: 22, East: 112, North: 23}
			}
		}, []string{"cells[0]", "cells[1]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := sound()
			c.change(&f)
			errs := f.Check()
			if diff := cmp.Diff(c.want, fields(errs), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := hydro.Firsts(errs); (err == nil) != (len(c.want) == 0) || err != nil && !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("as one error: %v", err)
			}
		})
	}
}

func TestAPlanIsCheckedFieldByField(t *testing.T) {
	sound := func() hydro.DispatchPlan {
		return hydro.DispatchPlan{
			Basin: "b", Reservoir: "r", OrderedBy: "o", IssuedAt: day, ValidFrom: day, ValidUntil: day.Add(time.Hour),
			Releases: []hydro.Release{{From: day, Outflow: 0}, {From: day.Add(time.Minute), Outflow: 500000}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*hydro.DispatchPlan)
		want   []string
	}{
		{"sound", func(*hydro.DispatchPlan) {}, nil},
		{"nothing", func(p *hydro.DispatchPlan) { *p = hydro.DispatchPlan{} }, []string{"basin", "reservoir", "ordered_by", "issued_at", "valid_from", "valid_until", "releases"}},
		{"ends before it begins", func(p *hydro.DispatchPlan) { p.ValidUntil = day.Add(-time.Hour) }, []string{"valid_until", "releases[0].from", "releases[1].from"}},
		{"61 days", func(p *hydro.DispatchPlan) { p.ValidUntil = day.Add(61 * 24 * time.Hour) }, []string{"valid_until"}},
		{"silent at its start", func(p *hydro.DispatchPlan) { p.Releases[0].From = day.Add(time.Second) }, []string{"releases[0].from"}},
		{"does not ascend", func(p *hydro.DispatchPlan) { p.Releases[1].From = day }, []string{"releases[1].from"}},
		{"a release after its end", func(p *hydro.DispatchPlan) { p.Releases[1].From = day.Add(time.Hour) }, []string{"releases[1].from"}},
		{"water flows back", func(p *hydro.DispatchPlan) { p.Releases[0].Outflow = -1 }, []string{"releases[0].outflow"}},
		{"no number", func(p *hydro.DispatchPlan) { p.Releases[0].Outflow = math.NaN() }, []string{"releases[0].outflow"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sound()
			c.change(&p)
			if diff := cmp.Diff(c.want, fields(p.Check()), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAGatePlanIsCheckedFieldByField(t *testing.T) {
	sound := func() hydro.DispatchPlan {
		return hydro.DispatchPlan{
			Basin: "b", Reservoir: "r", OrderedBy: "o", IssuedAt: day, ValidFrom: day, ValidUntil: day.Add(time.Hour),
			Gates: []hydro.GateSetting{{day, "a", 0}, {day, "b", 1}, {day.Add(time.Minute), "a", 100}, {day.Add(2 * time.Minute), "b", 0.5}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*hydro.DispatchPlan)
		want   []string
	}{
		{"sound", func(*hydro.DispatchPlan) {}, nil},
		{"with releases", func(p *hydro.DispatchPlan) { p.Releases = []hydro.Release{{From: day, Outflow: 1}} }, []string{"gates"}},
		{"an outlet silent at its start", func(p *hydro.DispatchPlan) { p.Gates[2].Outlet = "c" }, []string{"gates[2].from"}},
		{"does not ascend", func(p *hydro.DispatchPlan) { p.Gates[3].From = day.Add(time.Second) }, []string{"gates[3].from"}},
		{"a setting after its end", func(p *hydro.DispatchPlan) { p.Gates[3].From = day.Add(time.Hour) }, []string{"gates[3].from"}},
		{"twice at once", func(p *hydro.DispatchPlan) { p.Gates[1].Outlet = "a" }, []string{"gates[1].outlet", "gates[3].from"}},
		{"no time, no name", func(p *hydro.DispatchPlan) { p.Gates[0] = hydro.GateSetting{} }, []string{"gates[0].from", "gates[0].outlet", "gates[2].from"}},
		{"shut beyond shut", func(p *hydro.DispatchPlan) { p.Gates[0].Opening = -0.1 }, []string{"gates[0].opening"}},
		{"too wide", func(p *hydro.DispatchPlan) { p.Gates[0].Opening = 100.1 }, []string{"gates[0].opening"}},
		{"no number", func(p *hydro.DispatchPlan) { p.Gates[0].Opening = math.NaN() }, []string{"gates[0].opening"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sound()
			c.change(&p)
			if diff := cmp.Diff(c.want, fields(p.Check()), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if q := sound(); p.Same(&q) != (c.name == "sound") && c.name != "no number" {
				t.Errorf("same as the sound one: %v", p.Same(&q))
			}
		})
	}
}

func TestAWithdrawalIsCheckedFieldByField(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*hydro.Withdrawal)
		want   []string
	}{
		{"sound", func(*hydro.Withdrawal) {}, nil},
		{"nothing", func(w *hydro.Withdrawal) { *w = hydro.Withdrawal{} }, []string{"basin", "reservoir", "issued_at", "withdrawn_by", "withdrawn_at", "reason"}},
		{"two things", func(w *hydro.Withdrawal) { w.Source = "s" }, []string{"source"}},
		{"before it was issued", func(w *hydro.Withdrawal) { w.At = day.Add(-1) }, []string{"withdrawn_at"}},
		{"long, not too long", func(w *hydro.Withdrawal) { w.Reason = strings.Repeat("汛", 400) }, nil},
		{"a novel", func(w *hydro.Withdrawal) { w.Reason = strings.Repeat("汛", 401) }, []string{"reason"}},
	} {
		w := hydro.Withdrawal{Basin: "b", Reservoir: "r", IssuedAt: day, By: "o", At: day, Reason: "w"}
		sound := w
		c.change(&w)
		if diff := cmp.Diff(c.want, fields(w.Check()), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if w.Same(&sound) != (c.name == "sound") {
			t.Errorf("%s: same as the sound one: %v", c.name, w.Same(&sound))
		}
	}
}

func TestAnInputCarriesOneThing(t *testing.T) {
	for want, in := range map[string]hydro.Input{
		"": {}, "tick": {Tick: &hydro.Tick{}}, "batch": {Batch: &hydro.Batch{}}, "catalogue": {Catalogue: &hydro.CatalogueChange{}},
		"rain_forecast": {RainForecast: &hydro.RainForecast{}}, "dispatch_plan": {DispatchPlan: &hydro.DispatchPlan{}},
		"withdrawal": {Withdrawal: &hydro.Withdrawal{}}, "tide": {Tide: &hydro.Tide{}}, "command": {Command: &hydro.Command{}},
	} {
		if got := in.Kind(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if k := (hydro.Input{Tick: &hydro.Tick{}, Batch: &hydro.Batch{}}).Kind(); k != "" {
		t.Errorf("two things are %q", k)
	}
}
