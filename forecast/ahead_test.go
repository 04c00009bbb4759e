package forecast_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/forecast/runoff"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func runAhead(t fataler, m *forecast.Model, now time.Time, obs forecast.Source, a forecast.Ahead) hydro.Forecast {
	f, _, err := m.Run(m.Start(now), now, "schedule", obs, a)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, word := range []string{"rain forecast", "release plan", "rain gauge", "rain at site", "not used"} {
		if zh := f.HonestyZH(); strings.Contains(zh, word) {
			t.Fatalf("%q has no Chinese in %s", word, zh)
		}
	}
	return f
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// qpf is a forecast for all of small(), hourly from t0 on, valid for 12 h.
func qpf(source string, issued time.Time, mm ...float64) *hydro.RainForecast {
	f := &hydro.RainForecast{Basin: "b", Source: source, IssuedAt: issued, ValidUntil: issued.Add(12 * time.Hour), From: t0, Step: time.Hour}
	for _, id := range []string{"head", "lake", "flat"} {
		f.Areas = append(f.Areas, hydro.RainArea{SubBasin: id, Rain: mm})
	}
	return f
}

func rainAhead(m *forecast.Model, fs ...*hydro.RainForecast) (a forecast.Ahead) {
	for _, f := range fs {
		a.Rain = append(a.Rain, m.Rain(f))
	}
	return a
}

func damPlan(releases ...hydro.Release) hydro.DispatchPlan {
	return hydro.DispatchPlan{
		Basin: "b", Reservoir: "dam", OrderedBy: "江门三防, desk 2", IssuedAt: t0.Add(-time.Hour), ValidFrom: releases[0].From,
		ValidUntil: t0.Add(96 * time.Hour), Releases: releases,
	}
}

// One sub-basin that drains to a gauge which corrects nothing: all of the forecast
// rain is in the flow, in the store or in the air.
func TestForecastRainIsRunoffStorageAndEvaporation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := small()
		b := &c.Basins[0]
		b.Settings.Warmup, b.Settings.Horizon, b.Settings.OutputStep = time.Hour, 120*time.Hour, every5
		ro := catalog.Runoff{
			Capacity: rapid.Float64Range(50, 200).Draw(t, "WM"), Exponent: rapid.Float64Range(0, 2).Draw(t, "B"), Impervious: rapid.Float64Range(0, 1).Draw(t, "IM"),
			InitialStore: rapid.Float64Range(0, 1).Draw(t, "store"), Evaporation: rapid.Float64Range(0, 8).Draw(t, "EP"),
			BaseShare: rapid.Float64Range(0, 0.8).Draw(t, "base"), BaseRecession: 40 * time.Hour, UHReservoirs: 2, UHScale: time.Hour,
		}
		b.Nodes, b.Reaches, b.Reservoirs = []catalog.Node{{ID: "n", Gauge: "sea", Tidal: true}}, nil, nil
		b.SubBasins = []catalog.SubBasin{{ID: "s", Node: "n", Area: 100, Points: [][2]float64{{112, 22.2}}, Runoff: ro}}
		m, err := forecast.Compile(c, "b")
		if err != nil {
			t.Fatal(err)
		}
		step := time.Duration(rapid.IntRange(1, 200).Draw(t, "step")) * time.Minute
		// The forecast may begin before now; what lies before now is not used.
		late := time.Duration(rapid.IntRange(0, 3).Draw(t, "late")) * step
		mm := rapid.SliceOfN(rapid.Float64Range(0, 60), int(late/step)+1, int(late/step)+20).Draw(t, "rain")
		f := &hydro.RainForecast{
			Basin: "b", Source: "s", IssuedAt: t0.Add(-late), ValidUntil: t0.Add(24 * time.Hour), From: t0.Add(-late), Step: step,
			Areas: []hydro.RainArea{{SubBasin: "s", Rain: mm}},
		}
		out := runAhead(t, m, t0, book{}.source, rainAhead(m, f))

		// The same by hand: what falls, evaporates and is stored in the steps to come.
		r, err := runoff.New(runoff.Parameters{
			Capacity: ro.Capacity, Exponent: ro.Exponent, Impervious: ro.Impervious, Evaporation: ro.Evaporation, BaseShare: ro.BaseShare, BaseRecession: ro.BaseRecession.Seconds(),
		}, 300)
		if err != nil {
			t.Fatal(err)
		}
		s := runoff.State{Tension: ro.InitialStore * ro.Capacity}
		for range 12 {
			s, _ = r.Step(s, 0)
		}
		before, fell, evaporated := r.Storage(s), 0.0, 0.0
		for i := range 120 * 12 {
			depth := 0.0
			for a, left := t0.Add(time.Duration(i)*every5), every5; left > 0; { // piece by piece of the forecast's steps
				k := int(a.Sub(f.From) / step)
				piece := min(left, f.From.Add(time.Duration(k+1)*step).Sub(a))
				if k < len(mm) {
					depth += mm[k] * piece.Seconds() / step.Seconds()
				}
				a, left = a.Add(piece), left-piece
			}
			var flux runoff.Flux
			s, flux = r.Step(s, depth)
			fell += depth
			evaporated += flux.Evaporation
		}
		want := (fell - evaporated - (r.Storage(s) - before)) * 100 * 1000 // m³
		got := 0.0
		for _, q := range out.Stations[0].Discharge {
			got += q * 300
		}
		if math.Abs(got-want) > 1e-9*(1+fell+evaporated)*100*1000 {
			t.Fatalf("%g mm fell, %g mm evaporated, the store rose by %g mm: %g m³ should run off, %g m³ did", fell, evaporated, r.Storage(s)-before, want, got)
		}
	})
}

// What was forecast and then fell as forecast gives the same flow.
func TestForecastRainFlowsAsTheSameRainObserved(t *testing.T) {
	m := compile(t, small())
	mm := []float64{0, 5, 20, 12, 3, 1}
	a := runAhead(t, m, t0, book{}.source, rainAhead(m, qpf("s", t0, mm...)))
	fallen := book{}
	for _, gauge := range []string{"p1", "p2"} {
		fallen.fill(gauge, hydro.Rain, t0, t0.Add(6*time.Hour), func(at time.Time) float64 { return mm[int(at.Add(-time.Second).Sub(t0)/time.Hour)] / 12 })
	}
	f, _, err := m.Run(m.Start(t0), t0.Add(6*time.Hour), "schedule", fallen.source, forecast.Ahead{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"up", "mid", "sea", "dam"} {
		ahead, observed := station(t, a, id), station(t, f, id)
		for i, q := range observed.Discharge[:84] {
			if math.Abs(q-ahead.Discharge[i+12]) > 1e-9 {
				t.Fatalf("%s at %d: %g m³/s of observed rain, %g of the same rain forecast", id, i, q, ahead.Discharge[i+12])
			}
		}
	}
	if q := station(t, a, "up").Peak.Discharge; q < 100 {
		t.Errorf("the rain makes a peak of %g m³/s only", q)
	}
}

func TestARunNamesTheRainItUsed(t *testing.T) {
	m := compile(t, small())
	day := make([]float64, 48)
	const used = "rain forecast of CMA 3 km, issued 2026-05-31 20:00Z, valid until 2026-06-01 08:00Z"
	issued := t0.Add(-4 * time.Hour)
	part := qpf("CMA 3 km", issued, day...)
	part.Areas = part.Areas[1:]
	members := qpf("CMA 3 km", issued)
	for i := range members.Areas {
		members.Areas[i].Members = [][]float64{make([]float64, 48), slices.Repeat([]float64{2}, 48)}
	}
	soon := qpf("CMA 3 km", issued, day...)
	soon.From = t0.Add(time.Hour)
	strange := qpf("CMA 3 km", issued, day...)
	strange.Areas = append(strange.Areas, hydro.RainArea{SubBasin: "gone", Rain: day})
	over := qpf("CMA 3 km", issued, day...)
	over.From = t0.Add(-48 * time.Hour)
	for _, c := range []struct {
		name    string
		rain    []*hydro.RainForecast
		at      time.Time
		assumed string
		notes   []string // the first ones
	}{
		{"nothing announced", nil, t0, "no further rain assumed", nil},
		{"one in force", []*hydro.RainForecast{qpf("CMA 3 km", issued, day...)}, t0, used, nil},
		{"to the last instant", []*hydro.RainForecast{qpf("CMA 3 km", issued, day...)}, t0.Add(8*time.Hour - every5), used, []string{"rain forecast of CMA 3 km ends at 2026-06-03 00:00Z: no rain is assumed after it"}},
		{"expired", []*hydro.RainForecast{qpf("CMA 3 km", issued, day...)}, t0.Add(8 * time.Hour), "no further rain assumed", []string{"rain forecast of CMA 3 km, issued 2026-05-31 20:00Z, expired at 2026-06-01 08:00Z: not used"}},
		{"its values are over", []*hydro.RainForecast{over}, t0, "no further rain assumed", []string{"rain forecast of CMA 3 km, issued 2026-05-31 20:00Z, ended at 2026-06-01 00:00Z: not used"}},
		{"a part of the area", []*hydro.RainForecast{part}, t0, used, []string{"rain forecast of CMA 3 km leaves out 45 % of the area: no rain is assumed in head"}},
		{"an ensemble without a control run", []*hydro.RainForecast{members}, t0, used, []string{
			"rain forecast of CMA 3 km is the mean of 2 members",
			"levels of reservoirs at dam: the band is of the members of the rain ahead alone, not of past errors, and no chance of theirs is calibrated",
		}},
		{"it begins later", []*hydro.RainForecast{soon}, t0, used, []string{"rain forecast of CMA 3 km begins at 2026-06-01 01:00Z: no rain is assumed before it"}},
		{"a sub-basin that is gone", []*hydro.RainForecast{strange}, t0, used, []string{"rain forecast of CMA 3 km speaks of sub-basins that the catalogue does not have: gone"}},
		{"of two the newer", []*hydro.RainForecast{qpf("CMA 3 km", issued, day...), qpf("old one", issued.Add(-time.Hour), day...)}, t0, used, []string{"rain forecast of old one, issued 2026-05-31 19:00Z, is held and not used: that of CMA 3 km comes first"}},
		{"the newer has expired", []*hydro.RainForecast{qpf("CMA 3 km", issued, day...), {
			Basin: "b", Source: "nowcast", IssuedAt: t0.Add(-time.Hour), ValidUntil: t0, From: t0, Step: time.Hour, Areas: []hydro.RainArea{{SubBasin: "head", Rain: day}},
		}}, t0, used, []string{"rain forecast of nowcast, issued 2026-05-31 23:00Z, expired at 2026-06-01 00:00Z: not used"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := runAhead(t, m, c.at, storm(t0.Add(-24*time.Hour), c.at).source, rainAhead(m, c.rain...))
			if f.RainAssumed != c.assumed {
				t.Errorf("rain %q, want %q", f.RainAssumed, c.assumed)
			}
			got := slices.DeleteFunc(slices.Clone(f.Notes), func(n string) bool { return !strings.Contains(n, "rain") })
			if diff := cmp.Diff(c.notes, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThePreferredSourceComesFirst(t *testing.T) {
	c := small()
	c.Basins[0].Settings.RainSources = []string{"A", "B"}
	m := compile(t, c)
	old, mid, late := t0.Add(-3*time.Hour), t0.Add(-2*time.Hour), t0.Add(-time.Hour)
	for _, c := range []struct {
		name string
		rain []*hydro.RainForecast
		want int
	}{
		{"none", nil, -1},
		{"preferred though older", []*hydro.RainForecast{qpf("C", late, 1), qpf("B", mid, 1), qpf("A", old, 1)}, 2},
		{"second choice", []*hydro.RainForecast{qpf("C", late, 1), qpf("B", old, 1)}, 1},
		{"not listed: the newest", []*hydro.RainForecast{qpf("C", mid, 1), qpf("D", late, 1)}, 1},
		{"at once: by name", []*hydro.RainForecast{qpf("D", late, 1), qpf("C", late, 1)}, 1},
		{"preferred but expired", []*hydro.RainForecast{qpf("A", t0.Add(-12*time.Hour), 1), qpf("C", late, 1)}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := m.RainOf(rainAhead(m, c.rain...), t0); !slices.Equal(got, []int{c.want, c.want, c.want}) {
				t.Errorf("indices %v, want %d", got, c.want)
			}
		})
	}
}

func TestCellsAreMappedByTheSamplePoints(t *testing.T) {
	m := compile(t, small())
	f := qpf("grid", t0)
	f.Areas = []hydro.RainArea{
		{Cell: hydro.Cell{West: 111.95, South: 22.15, East: 112.02, North: 22.22}, Rain: []float64{8, 0}}, // holds one of head's two points
		{Cell: hydro.Cell{West: 112.05, South: 22.35, East: 112.2, North: 22.45}, Rain: []float64{1, 2}},  // both of lake's
		{Cell: hydro.Cell{West: 112.18, South: 22.15, East: 112.25, North: 22.25}, Rain: []float64{3, 4}}, // one of flat's
		{Cell: hydro.Cell{West: 112.1, South: 22.25, East: 112.18, North: 22.35}, Rain: []float64{5, 8}},  // the other
	}
	r := m.Rain(f)
	want := []forecast.SubBasinRain{
		{ID: "head", Coverage: 0.5, Rain: []float64{8, 0}}, {ID: "lake", Coverage: 1, Rain: []float64{1, 2}}, {ID: "flat", Coverage: 1, Rain: []float64{4, 6}},
	}
	if diff := cmp.Diff(want, r.SubBasins); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out := runAhead(t, m, t0, book{}.source, forecast.Ahead{Rain: []forecast.Rain{r}})
	if want := "cells of the rain forecast of grid cover 77 % of the rest; their mean stands for all of it"; !slices.Contains(out.Notes, want) {
		t.Errorf("notes %q lack %q", out.Notes, want)
	}
}

// A zone of any outline gives what the rectangle gives that has the same points, and a
// run with one is the run with the other bit by bit.
func TestZonesAreMappedAsRectanglesAre(t *testing.T) {
	m := compile(t, small())
	boxes, zones := qpf("grid", t0), qpf("grid", t0)
	boxes.Areas = []hydro.RainArea{
		{Cell: hydro.Cell{West: 111.95, South: 22.15, East: 112.07, North: 22.3}, Rain: []float64{8, 0}},
		{Cell: hydro.Cell{West: 112.07, South: 22.15, East: 112.25, North: 22.5}, Rain: []float64{3, 4}},
	}
	zones.Areas = []hydro.RainArea{
		{Rings: []hydro.Ring{{{111.95, 22.15}, {112.07, 22.15}, {112.07, 22.3}, {111.95, 22.3}, {111.95, 22.15}}}, Rain: []float64{8, 0}},
		{Rings: []hydro.Ring{{{112.07, 22.15}, {112.07, 22.3}, {112.09, 22.5}, {112.3, 22.4}, {112.25, 22.1}, {112.07, 22.15}}}, Rain: []float64{3, 4}},
	}
	if diff := cmp.Diff(m.Rain(boxes).SubBasins, m.Rain(zones).SubBasins); diff != "" {
		t.Errorf("(-boxes +zones):\n%s", diff)
	}
	b := storm(t0.Add(-24*time.Hour), t0)
	if diff := diffForecasts(runAhead(t, m, t0, b.source, rainAhead(m, boxes)), runAhead(t, m, t0, b.source, rainAhead(m, zones))); diff != "" {
		t.Errorf("runs (-boxes +zones):\n%s", diff)
	}
	zones.Areas[1].Rings = append(zones.Areas[1].Rings, hydro.Ring{{112.19, 22.19}, {112.21, 22.19}, {112.2, 22.22}, {112.19, 22.19}}) // a hole over one of flat's points
	if flat := m.Rain(zones).SubBasins[2]; flat.Coverage != 0.5 || !cmp.Equal(flat.Rain, []float64{3, 4}) {
		t.Errorf("a hole over one of two points: %+v", flat)
	}
}

func TestMembersAreRunsOfTheirOwn(t *testing.T) {
	m := compile(t, small())
	control, wet := make([]float64, 12), slices.Repeat([]float64{9}, 12)
	f := qpf("EPS", t0, control...)
	for i := range f.Areas {
		f.Areas[i].Members = [][]float64{control, wet}
	}
	r := m.Rain(f)
	same := func(what string, got forecast.Rain, mm []float64) {
		t.Helper()
		a := runAhead(t, m, t0, book{}.source, forecast.Ahead{Rain: []forecast.Rain{got}})
		b := runAhead(t, m, t0, book{}.source, rainAhead(m, qpf("EPS", t0, mm...)))
		if diff := diffForecasts(b, a); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	same("the control run", r, control)
	same("a dry member", r.Member(0), control)
	same("a wet member", r.Member(1), wet)
	for i := range f.Areas {
		f.Areas[i].Rain = nil
	}
	if got := m.Rain(f); !got.Mean || got.SubBasins[0].Rain[3] != 4.5 || got.Members != 2 || got.Steps != 12 {
		t.Errorf("mean %v, %g mm, %d members, %d steps; want 4.5 mm of 2 members", got.Mean, got.SubBasins[0].Rain[3], got.Members, got.Steps)
	}
}

func TestAPlanChangesTheFlowDownstreamFromItsInstantOn(t *testing.T) {
	m := compile(t, small())
	b := book{}
	b.fill("dam", hydro.WaterLevel, t0.Add(-24*time.Hour), t0, constant(50))
	b.fill("dam", hydro.Outflow, t0.Add(-24*time.Hour), t0, constant(15))
	held := runAhead(t, m, t0, b.source, forecast.Ahead{})
	plan := damPlan(hydro.Release{From: t0.Add(-2 * time.Hour), Outflow: 15}, hydro.Release{From: t0.Add(6 * time.Hour), Outflow: 500})
	f := runAhead(t, m, t0, b.source, forecast.Ahead{Plans: []hydro.DispatchPlan{plan}})
	if want := "release plan of reservoir dam, ordered by 江门三防, desk 2, issued 2026-05-31 23:00Z, valid 2026-05-31 22:00Z to 2026-06-05 00:00Z"; f.Plan != want {
		t.Errorf("plan %q, want %q", f.Plan, want)
	}
	before, after := station(t, held, "mid").Discharge, station(t, f, "mid").Discharge
	for i := range before { // value i is at (i+1)/2 h
		d := after[i] - before[i]
		switch {
		case i < 11 && d != 0:
			t.Fatalf("at %d half-hours the flow at mid differs by %g m³/s, before the gates open", i+1, d)
		case i > 11 && !(d > 0):
			t.Fatalf("at %d half-hours the flow at mid differs by %g m³/s", i+1, d)
		case i > 12 && d < after[i-1]-before[i-1]-1e-9:
			t.Fatalf("at %d half-hours the additional flow falls to %g m³/s", i+1, d)
		}
	}
	if d := after[95] - before[95]; math.Abs(d-485) > 0.5 {
		t.Errorf("after 42 h the plan adds %g m³/s, want 485", d)
	}
	// The reservoir after 30 h: 485 m³/s more for 24 h, at 5·10⁶ m³ to the metre, and
	// half of it in the step before, in which the release changes.
	fell := station(t, held, "dam").Level[59] - station(t, f, "dam").Level[59]
	if want := 485 * (24*3600.0 + 150) / 5e6; math.Abs(fell-want) > 1e-6 {
		t.Errorf("the level fell by %g m more, want %g", fell, want)
	}
}

func TestAPlanIsHonouredWithinItsTime(t *testing.T) {
	m := compile(t, small())
	b := book{}
	b.fill("dam", hydro.Outflow, t0.Add(-24*time.Hour), t0, constant(15))
	b.fill("dam", hydro.WaterLevel, t0.Add(-24*time.Hour), t0, constant(50))
	release := func(hours float64, q float64) hydro.Release {
		return hydro.Release{From: t0.Add(time.Duration(hours * float64(time.Hour))), Outflow: q}
	}
	ends := damPlan(release(-1, 40), release(2, 60))
	ends.ValidUntil = t0.Add(4 * time.Hour)
	expired := damPlan(release(-9, 40))
	expired.ValidUntil = t0
	elsewhere := damPlan(release(-1, 40))
	elsewhere.Reservoir = "gone"
	const held = "last observed outflow held"
	for _, c := range []struct {
		name  string
		obs   book
		plan  hydro.DispatchPlan
		says  string // of Plan
		notes []string
		mid   map[int]float64 // outflow of the dam that has reached mid by so many half-hours; base flow is 25 + it
	}{
		{"begins later", b, damPlan(release(10, 300)), "valid 2026-06-01 10:00Z to 2026-06-05 00:00Z; " + held, nil, map[int]float64{18: 15, 90: 300}},
		{"ends early", b, ends, "valid 2026-05-31 23:00Z to 2026-06-01 04:00Z", []string{"release plan of reservoir dam ends at 2026-06-01 04:00Z: its last release of 60 m³/s is held"}, map[int]float64{90: 60}},
		{"expired", b, expired, held, []string{"release plan of reservoir dam, ordered by 江门三防, desk 2, issued 2026-05-31 23:00Z, expired at 2026-06-01 00:00Z: not used"}, map[int]float64{90: 15}},
		{"behind the horizon", b, damPlan(release(50, 300)), held, []string{"release plan of reservoir dam, ordered by 江门三防, desk 2, issued 2026-05-31 23:00Z, begins at 2026-06-03 02:00Z: not used yet"}, map[int]float64{90: 15}},
		{"of a reservoir that is gone", b, elsewhere, held, []string{"release plan of reservoir gone, ordered by 江门三防, desk 2, issued 2026-05-31 23:00Z: not used, because the catalogue has no such reservoir"}, map[int]float64{90: 15}},
		{"nothing observed: the plan also tells what was released", book{}, damPlan(release(-20, 70)), "valid 2026-05-31 04:00Z to 2026-06-05 00:00Z", nil, map[int]float64{1: 70, 90: 70}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := runAhead(t, m, t0, c.obs.source, forecast.Ahead{Plans: []hydro.DispatchPlan{c.plan}})
			if !strings.HasSuffix(f.Plan, c.says) {
				t.Errorf("plan %q, want %q at its end", f.Plan, c.says)
			}
			got := slices.DeleteFunc(slices.Clone(f.Notes), func(n string) bool { return !strings.Contains(n, "reservoir") || strings.Contains(n, "storage curve") })
			if diff := cmp.Diff(c.notes, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			for at, q := range c.mid {
				if got := station(t, f, "mid").Discharge[at]; math.Abs(got-25-q) > 0.01 {
					t.Errorf("mid at %d half-hours: %g m³/s, want %g of the dam and 25 more", at+1, got, q)
				}
			}
		})
	}
}

func TestARunLeavesWhatIsAnnouncedAlone(t *testing.T) {
	m := compile(t, small())
	a := rainAhead(m, qpf("s", t0, 1, 2, 3))
	a.Plans = []hydro.DispatchPlan{damPlan(hydro.Release{From: t0, Outflow: 100})}
	before := fmt.Sprintf("%+v", a)
	first := runAhead(t, m, t0, storm(t0.Add(-24*time.Hour), t0).source, a)
	if after := fmt.Sprintf("%+v", a); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
	if diff := diffForecasts(first, runAhead(t, m, t0, storm(t0.Add(-24*time.Hour), t0).source, a)); diff != "" {
		t.Error(diff)
	}
}

func TestRainOnAnotherModelsSubBasinsIsRefused(t *testing.T) {
	m := compile(t, small())
	a := rainAhead(m, qpf("s", t0, 1))
	a.Rain[0].SubBasins = a.Rain[0].SubBasins[1:]
	if _, _, err := m.Run(m.Start(t0), t0, "schedule", book{}.source, a); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("fewer sub-basins: %v", err)
	}
	a = rainAhead(m, qpf("s", t0, 1))
	a.Rain[0].SubBasins[1].ID = "other"
	if _, _, err := m.Run(m.Start(t0), t0, "schedule", book{}.source, a); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("another sub-basin: %v", err)
	}
}

// A site: a gauge of the weather department beside p1, which has authority.
func withSite() *catalog.Catalog {
	c := small()
	w := c.Stations[2]
	w.ID, w.Site, w.Department = "w1", "town", hydro.Weather
	c.Stations[2].Site, c.Stations[2].Department = "town", hydro.Hydrology
	c.Stations = append(c.Stations, w)
	c.Sites = []catalog.Site{{ID: "town", Stations: []string{"p1", "w1"}, Authority: map[hydro.Variable]string{hydro.Rain: "p1"}}}
	c.Basins[0].Settings.RainDisagreeMM, c.Basins[0].Settings.RainDisagreeShare = 5, 0.3
	return c
}

func TestASiteIsOneGaugeOfTheOneWithAuthority(t *testing.T) {
	m := compile(t, withSite())
	from := t0.Add(-24 * time.Hour)
	base := func(authority, other float64, q hydro.Quality) book {
		b := book{}
		b.fill("p2", hydro.Rain, from, t0, constant(0))
		b.fill("w1", hydro.Rain, from, t0, constant(other))
		for at := from.Add(every5); !at.After(t0); at = at.Add(every5) {
			b.put("p1", hydro.Rain, at, authority, q)
		}
		return b
	}
	flows := func(f hydro.Forecast) []float64 { return station(t, f, "up").Discharge }
	disagree := func(f hydro.Forecast) string {
		i := slices.IndexFunc(f.Notes, func(n string) bool { return strings.HasPrefix(n, "rain at site") })
		if i < 0 {
			return ""
		}
		return f.Notes[i]
	}
	alike := runAhead(t, m, t0, base(0.5, 0.5, hydro.Pass).source, forecast.Ahead{})
	if n := disagree(alike); n != "" {
		t.Errorf("gauges that agree: %q", n)
	}
	differ := runAhead(t, m, t0, base(0.5, 2, hydro.Pass).source, forecast.Ahead{})
	if diff := cmp.Diff(flows(alike), flows(differ)); diff != "" {
		t.Errorf("the other gauge changed the flow:\n%s", diff)
	}
	if got, want := disagree(differ), "rain at site town differs over the hour to 2026-06-01 00:00Z: p1 6.0 mm, w1 24.0 mm; areal rain takes that of p1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// Authority without quality does not count: the other one speaks.
	failed := runAhead(t, m, t0, base(9, 0.5, hydro.Fail).source, forecast.Ahead{})
	if diff := cmp.Diff(flows(alike), flows(failed)); diff != "" {
		t.Errorf("the other gauge does not stand in:\n%s", diff)
	}
	if failed.RainCoverage != 1 || !slices.Contains(failed.MissingGauges, "p1: rain: fail since 2026-05-31 00:05Z") {
		t.Errorf("coverage %g, missing %q", failed.RainCoverage, failed.MissingGauges)
	}
	if n := disagree(failed); n != "" {
		t.Errorf("what failed is compared: %q", n)
	}
}

func TestInverseDistanceIsASettingOfBasinOrSubBasin(t *testing.T) {
	from := t0.Add(-24 * time.Hour)
	b := book{}
	b.fill("p1", hydro.Rain, from, t0, constant(1))
	b.fill("p2", hydro.Rain, from, t0, constant(0))
	peak := func(change func(*catalog.Basin)) float64 {
		c := small()
		change(&c.Basins[0])
		m := compile(t, c)
		return station(t, runAhead(t, m, t0, b.source, forecast.Ahead{}), "up").Peak.Discharge
	}
	nearest := peak(func(*catalog.Basin) {})
	basin := peak(func(b *catalog.Basin) { b.Settings.ArealRain = catalog.InverseDistance })
	sub := peak(func(b *catalog.Basin) { b.SubBasins[0].ArealRain = catalog.InverseDistance })
	steep := peak(func(b *catalog.Basin) { b.Settings.ArealRain, b.SubBasins[0].ArealPower = catalog.InverseDistance, 6 })
	if !(basin < nearest) || basin != sub || !(steep > basin && steep < nearest) {
		t.Errorf("peaks: nearest gauge %g, inverse distance of the basin %g, of the sub-basin %g, at power 6 %g m³/s", nearest, basin, sub, steep)
	}
	c := small()
	c.Basins[0].Settings.ArealRain = "kriging"
	if _, err := forecast.Compile(c, "b"); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), `"kriging"`) {
		t.Errorf("an unknown method: %v", err)
	}
}
