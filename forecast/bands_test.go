package forecast_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// horizon is how many hours small() looks ahead.
const horizon = 48

// banded is small() with a warm-up of six hours, so that bands learn of five leads
// with the rain known.
func banded() *catalog.Catalog {
	c := small()
	c.Basins[0].Settings.Warmup = 6 * time.Hour
	return c
}

// season fills a book with rain each day and rivers that rise after it, none of it
// what the model computes.
func season(from, to time.Time) book {
	b := book{}
	hours := func(at time.Time) float64 { return at.Sub(from).Hours() }
	uneven := func(x float64) float64 { return math.Sin(x) + math.Sin(2.3*x+1) + math.Sin(5.1*x+2) }
	daily := func(at time.Time, peak float64) float64 {
		d := math.Mod(hours(at)-peak+48, 24)
		return math.Exp(-d / 6)
	}
	b.fill("p1", hydro.Rain, from, to, func(at time.Time) float64 {
		return max(0, 0.2*(daily(at, 6)-0.5)*(2+uneven(hours(at)/24)))
	})
	b.fill("p2", hydro.Rain, from, to, func(at time.Time) float64 {
		return max(0, 0.3*(daily(at, 7)-0.5)*(2+uneven(hours(at)/31)))
	})
	flow := func(at time.Time) float64 {
		return 25 + 12*daily(at, 9)*(3.2+uneven(hours(at)/24)) + uneven(hours(at))
	}
	b.fill("up", hydro.Discharge, from, to, flow)
	b.fill("up", hydro.WaterLevel, from, to, func(at time.Time) float64 { return flow(at) / 25 })
	b.fill("mid", hydro.WaterLevel, from, to, func(at time.Time) float64 { return 0.5 + flow(at.Add(-3*time.Hour))/30 })
	b.fill("dam", hydro.WaterLevel, from, to, constant(50))
	b.fill("dam", hydro.Inflow, from, to, constant(10))
	b.fill("dam", hydro.Outflow, from, to, constant(15))
	return b
}

const aDay = 24 * time.Hour

// taught runs m over thirty days of the season and returns the state.
func taught(t testing.TB, m *forecast.Model, b book, every time.Duration) (s forecast.State, now time.Time) {
	t.Helper()
	s = m.Start(t0)
	for now = t0; now.Before(t0.Add(30 * aDay)); now = now.Add(every) {
		_, s = run(t, m, s, now, b.source)
	}
	return s, t0.Add(30 * aDay)
}

func TestBandsHangOnDataAndNotOnRuns(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	m := compile(t, banded())
	often, now := taught(t, m, b, 35*time.Minute)
	seldom, _ := taught(t, m, b, 50*time.Hour)
	f, often := run(t, m, often, now, b.source)
	g, seldom := run(t, m, seldom, now, b.source)
	if n := len(station(t, f, "up").Band); n != horizon || f.BandStep != time.Hour || f.BandBasis == "" {
		t.Fatalf("a band of %d leads, step %v, %q", n, f.BandStep, f.BandBasis)
	}
	if diff := diffForecasts(f, g); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(often, seldom, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("states:\n%.2000s", diff)
	}
	// A stored state goes on with what it knows.
	again := restored(t, stored(t, often))
	f, _ = run(t, m, often, now.Add(3*time.Hour), b.source)
	g, _ = run(t, m, again, now.Add(3*time.Hour), b.source)
	if diff := diffForecasts(f, g); diff != "" {
		t.Error(diff)
	}
}

func TestABandIsOfFlowAndLevelAndAscends(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	m := compile(t, banded())
	s, now := taught(t, m, b, 5*time.Hour)
	f, _ := run(t, m, s, now, b.source)
	for _, id := range []string{"up", "mid"} {
		st := station(t, f, id)
		if len(st.Band) != horizon {
			t.Fatalf("%s: %d leads", id, len(st.Band))
		}
		beyond := 0
		for l, x := range st.Band {
			if x.Extrapolated {
				beyond++
			}
			if !slices.IsSorted(x.Discharge[:]) || !slices.IsSorted(x.Level[:]) || x.Errors < 24 || !(x.Discharge[6] > x.Discharge[0]) {
				t.Errorf("%s, lead %d: %+v", id, l+1, x)
			}
			// The forecast's own flow and level lie on the line that the quantiles do.
			q, h := st.Discharge[2*l+1], st.Level[2*l+1]
			for j := range x.Level {
				if (x.Discharge[j]-q)*(x.Level[j]-h) < -1e-9 {
					t.Errorf("%s, lead %d: flow %g and level %g against quantile %g of %g and %g", id, l+1, q, h, hydro.BandLevels[j], x.Discharge[j], x.Level[j])
				}
			}
		}
		// The rating of up was measured from 1 to 5 m, that of mid from 0 to 8 m: it is low water.
		if id == "up" && beyond == 0 || id == "mid" && beyond > 0 {
			t.Errorf("%s: %d of %d steps lie beyond the rating", id, beyond, len(st.Band))
		}
	}
	if dam := station(t, f, "dam"); len(dam.Band) == 0 || !math.IsNaN(dam.Band[0].Level[3]) || dam.Band[0].Discharge[3] < 5 || dam.Band[0].Discharge[3] > 15 {
		t.Errorf("dam: want the band of an inflow of 10 m³/s, have %+v", dam.Band[:min(1, len(dam.Band))])
	}
	if len(station(t, f, "sea").Band) != 0 || !slices.Contains(f.Notes, "no band at sea: the tide hides what the forecast errs by") {
		t.Errorf("sea has a band, or nothing says why not: %q", f.Notes)
	}
}

func TestChancesOfCrossing(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c := banded()
	// Levels at mid run from 1 to 4 m.
	thresholds := []catalog.Threshold{{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 0.1, Forecast: true}}
	for i := range 12 {
		thresholds = append(thresholds, catalog.Threshold{Stage: hydro.Yellow, Variable: hydro.WaterLevel, Value: 1 + 0.25*float64(i), Forecast: true})
	}
	thresholds = append(thresholds, catalog.Threshold{Stage: hydro.Red, Variable: hydro.WaterLevel, Value: 8.9, Forecast: true})
	c.StageTables[0].Thresholds = thresholds
	m := compile(t, c)
	s, now := taught(t, m, b, 5*time.Hour)
	between, calibrated := 0, 0
	for range 24 {
		now = now.Add(time.Hour)
		var f hydro.Forecast
		f, s = run(t, m, s, now, b.source)
		st := station(t, f, "mid")
		if len(st.Band) == 0 {
			continue
		}
		until := now.Add(time.Duration(len(st.Band)) * time.Hour)
		before := 1.0
		for _, x := range st.Crossings {
			h := x.Chance
			switch {
			case !h.Until.Equal(until):
				t.Errorf("until %s, want %s", h.Until, until)
			case !(h.Probability >= 0 && h.Probability <= before):
				t.Errorf("%g m is met with %g, a lower threshold with %g", x.Threshold, h.Probability, before)
			case x.Threshold <= st.NowLevel && (h.Probability != 1 || !h.Late.Equal(now)):
				t.Errorf("%g m is met by %g now: %+v", x.Threshold, st.NowLevel, h)
			case h.Probability == 0 && !h.Early.IsZero(), h.Probability > 0 && (h.Early.Before(now) || h.Middle.Before(h.Early) || h.Late.Before(h.Middle) || h.Late.After(until)):
				t.Errorf("%g m: %+v at %s", x.Threshold, h, now)
			}
			// Where nine of ten forecasts stand above a threshold, it is met.
			if last := st.Band[len(st.Band)-1].Level[1]; last > x.Threshold+1e-6 && h.Probability < 0.9-1e-9 {
				t.Errorf("%g m is met with %g, and 90 %% lie above %g m", x.Threshold, h.Probability, last)
			}
			if out := x.Threshold > 8; h.Probability < 1 && h.Extrapolated != out { // its rating was measured from 0 to 8 m
				t.Errorf("%g m: %+v", x.Threshold, h)
			}
			if !h.Uncalibrated { // after a month of a flood each day
				calibrated++
			}
			if h.Probability > 0.02 && h.Probability < 0.98 {
				between++
			}
			before = h.Probability
		}
		if st.Crossings[len(st.Crossings)-1].Chance.Probability > 0.05 {
			t.Errorf("red: %+v", st.Crossings[len(st.Crossings)-1].Chance)
		}
	}
	if calibrated == 0 {
		t.Error("no chance is calibrated")
	}
	if between < 20 {
		t.Errorf("%d chances lie between 0 and 1: this says little", between)
	}
}

func TestMembersOfTheRainWidenTheBand(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c := banded()
	m := compile(t, c)
	s, now := taught(t, m, b, 5*time.Hour)
	forecastOf := func(members ...float64) *hydro.RainForecast {
		f := &hydro.RainForecast{Basin: "b", Source: "EPS", IssuedAt: now, ValidUntil: now.Add(12 * time.Hour), From: now, Step: time.Hour}
		for _, id := range []string{"head", "lake", "flat"} {
			a := hydro.RainArea{SubBasin: id}
			for _, x := range members {
				a.Members = append(a.Members, slices.Repeat([]float64{x}, 12))
			}
			if len(members) == 1 {
				a.Rain, a.Members = a.Members[0], nil
			}
			f.Areas = append(f.Areas, a)
		}
		return f
	}
	band := func(m *forecast.Model, f *hydro.RainForecast) (hydro.Forecast, hydro.BandStep) {
		t.Helper()
		out, _, err := m.Run(s, now, "schedule", b.source, forecast.Ahead{Rain: []forecast.Rain{m.Rain(f)}})
		if err != nil {
			t.Fatal(err)
		}
		up := station(t, out, "up")
		if len(up.Band) != horizon {
			t.Fatalf("%d leads: %q", len(up.Band), out.Notes)
		}
		return out, up.Band[4]
	}
	width := func(b hydro.BandStep) float64 { return b.Discharge[6] - b.Discharge[0] }
	one, narrow := band(m, forecastOf(0.05))
	same, equal := band(m, forecastOf(0.05, 0.05, 0.05))
	eps, wide := band(m, forecastOf(0, 0.05, 0.2))
	if diff := cmp.Diff(narrow.Discharge, equal.Discharge, cmpopts.EquateApprox(1e-4, 0)); diff != "" {
		t.Errorf("equal members are as one:\n%s", diff)
	}
	if !(width(wide) > 1.05*width(narrow) && wide.Discharge[6] > narrow.Discharge[6]) {
		t.Errorf("members of 0, 0.05 and 0.2 mm/h give %v, one of 0.05 gives %v", wide.Discharge, narrow.Discharge)
	}
	const alone = "the band does not hold the uncertainty of the rain forecast itself: it has no members and the catalogue no rain_spread"
	for _, x := range []struct {
		f     hydro.Forecast
		basis string
		alone bool
	}{
		{one, "errors of past runs with the rain that fell; beyond 5 h widened as they grew up to there", true},
		{same, "errors of past runs with the rain that fell; beyond 5 h widened as they grew up to there; 3 rain members", false},
		{eps, "errors of past runs with the rain that fell; beyond 5 h widened as they grew up to there; 3 rain members", false},
	} {
		if x.f.BandBasis != x.basis || slices.Contains(x.f.Notes, alone) != x.alone {
			t.Errorf("%q, notes %q", x.f.BandBasis, x.f.Notes)
		}
	}
	// An ensemble of one is a forecast like any other.
	lone := forecastOf(0.05, 0.05)
	for i := range lone.Areas {
		lone.Areas[i].Members = lone.Areas[i].Members[:1]
	}
	single, alike := band(m, lone)
	if diff := cmp.Diff(narrow.Discharge, alike.Discharge, cmpopts.EquateApprox(1e-4, 0)); diff != "" || single.BandBasis != "errors of past runs with the rain that fell; beyond 5 h widened as they grew up to there; 1 rain member" {
		t.Errorf("one member, %q:\n%s", single.BandBasis, diff)
	}
	c.Basins[0].Settings.RainSpread = []catalog.RainSpread{{CV: 0.6, Mean: 1}}
	m = compile(t, c)
	spread, factors := band(m, forecastOf(0.05))
	if spread.BandBasis != "errors of past runs with the rain that fell; beyond 5 h widened as they grew up to there; rain forecast times 9 factors, coefficient of variation 0.6" {
		t.Errorf("%q", spread.BandBasis)
	}
	if !(width(factors) > width(narrow)) {
		t.Errorf("a spread of 0.6 gives %v, none %v", factors.Discharge, narrow.Discharge)
	}
	// The forecast itself is that of the rain as it was issued.
	if diff := cmp.Diff(station(t, one, "up").Discharge, station(t, spread, "up").Discharge); diff != "" {
		t.Error(diff)
	}
}

// A member that cannot be computed costs the band and nothing else.
func TestAMemberThatFailsCostsNoForecast(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	m := compile(t, banded())
	s, now := taught(t, m, b, 5*time.Hour)
	rain := hydro.RainForecast{Basin: "b", Source: "EPS", IssuedAt: now, ValidUntil: now.Add(12 * time.Hour), From: now, Step: time.Hour}
	for _, id := range []string{"head", "lake", "flat"} {
		rain.Areas = append(rain.Areas, hydro.RainArea{SubBasin: id, Rain: []float64{0.05, 0}, Members: [][]float64{{0.05, 0}, {math.NaN(), 0}}})
	}
	issue := func(f *hydro.RainForecast) hydro.Forecast {
		t.Helper()
		out, next, err := m.Run(s, now, "schedule", b.source, forecast.Ahead{Rain: []forecast.Rain{m.Rain(f)}})
		if err != nil || next.At.IsZero() {
			t.Fatal(err)
		}
		return out
	}
	f := issue(&rain)
	for i := range rain.Areas {
		rain.Areas[i].Members = nil
	}
	g := issue(&rain)
	if f.BandStep != 0 || !slices.Contains(f.Notes, "no band at up: no solution for member 2 of the rain ahead") {
		t.Errorf("band step %v, notes %q", f.BandStep, f.Notes)
	}
	if diff := cmp.Diff(station(t, g, "mid").Discharge, station(t, f, "mid").Discharge); diff != "" {
		t.Error(diff)
	}
}

func TestNoBandIsSaid(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c := banded()
	m := compile(t, c)
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	if f.BandStep != 0 || f.BandBasis != "" || !slices.Contains(f.Notes, "no band yet at up, dam, mid: fewer than 24 past errors in a situation like this") {
		t.Errorf("step %v, %q, notes %q", f.BandStep, f.BandBasis, f.Notes)
	}
	s, now := taught(t, m, b, 5*time.Hour)
	c.Basins[0].Settings.NoBand = true
	off := compile(t, c)
	f, _ = run(t, off, s, now, b.source)
	if f.BandStep != 0 || len(station(t, f, "up").Band) != 0 || strings.Contains(strings.Join(f.Notes, "; "), "band") {
		t.Errorf("switched off: %v, %q", f.BandStep, f.Notes)
	}
	// Errors of other leads are none.
	c = banded()
	c.Basins[0].Settings.OutputStep = 2 * time.Hour
	f, _ = run(t, compile(t, c), s, now, b.source)
	if f.BandStep != 0 || !slices.Contains(f.Notes, "no band yet at up, dam, mid: fewer than 24 past errors in a situation like this") {
		t.Errorf("another step: %v, %q", f.BandStep, f.Notes)
	}
	c.Basins[0].Settings.Warmup = time.Hour
	if f, _ = run(t, compile(t, c), s, now, b.source); !slices.Contains(f.Notes, "no bands: a warm-up of 1h0m0s and a horizon of 48h0m0s hold no lead of 2h0m0s") {
		t.Errorf("notes %q", f.Notes)
	}
}

func TestBandsOutliveAWeekOfSilence(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(52*aDay))
	m := compile(t, banded())
	s, now := taught(t, m, b, 5*time.Hour)
	later := now.Add(9 * aDay)
	_, s = run(t, m, s, later, b.source) // starts anew
	f, _ := run(t, m, s, later.Add(20*time.Hour), b.source)
	if n := len(station(t, f, "up").Band); n < 5 {
		t.Errorf("%d leads, notes %q", n, f.Notes)
	}
}

// What a few days have taught is no more than an order.
func TestAYoungChanceIsNotCalibrated(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(10*aDay))
	c := banded()
	c.StageTables[0].Thresholds = []catalog.Threshold{{Stage: hydro.Yellow, Variable: hydro.WaterLevel, Value: 3, Forecast: true}}
	m := compile(t, c)
	s := m.Start(t0)
	told := 0
	for now := t0; now.Before(t0.Add(8 * aDay)); now = now.Add(3 * time.Hour) {
		var f hydro.Forecast
		f, s = run(t, m, s, now, b.source)
		if h := station(t, f, "mid").Crossings[0].Chance; !h.Until.IsZero() && h.Probability < 1 {
			told++
			if !h.Uncalibrated {
				t.Errorf("%s: %+v", now, h)
			}
		}
	}
	if told == 0 {
		t.Error("no chance told in eight days")
	}
}

// A gauge that corrects nothing tells of its forecast's errors all the same.
func TestAGaugeThatCorrectsNothingHasABand(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c := banded()
	c.Basins[0].Settings.Updating = catalog.NoUpdating
	m := compile(t, c)
	s, now := taught(t, m, b, 5*time.Hour)
	f, _ := run(t, m, s, now, b.source)
	for _, id := range []string{"up", "mid", "dam"} {
		if st := station(t, f, id); len(st.Band) == 0 || st.Updated && id != "dam" {
			t.Errorf("%s: %d leads, updated %v; %q", id, len(st.Band), st.Updated, f.Notes)
		}
	}
}
