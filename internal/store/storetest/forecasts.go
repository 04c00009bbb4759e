package storetest

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

// forecast is a run issued minutes after noon with every field filled.
func forecast(minutes int, stations ...string) hydro.Forecast {
	var f hydro.Forecast
	fill(&f, minutes+1)
	f.Basin, f.IssuedAt = basin, noon.Add(time.Duration(minutes)*time.Minute)
	f.Step, f.Horizon, f.BandStep = 15*time.Minute, 72*time.Hour, time.Hour
	f.Stations = nil
	for i, station := range stations {
		var s hydro.StationForecast
		fill(&s, 100*minutes+i+2)
		s.Station = station
		s.Discharge, s.Level = nil, nil
		for k := range s.Band { // ascending as filled
			s.Band[k].Errors = 100 + minutes + k
		}
		for k := range s.Crossings {
			s.Crossings[k].Chance.Probability = 1 / float64(k+2)
		}
		for step := range int(f.Horizon / f.Step) {
			s.Discharge = append(s.Discharge, 100+float64(minutes+step)/3)
			s.Level = append(s.Level, 2+float64(minutes+step)/300)
		}
		f.Stations = append(f.Stations, s)
	}
	return f
}

func writeForecasts(t *testing.T, s store.Store, forecasts ...hydro.Forecast) {
	t.Helper()
	for _, f := range forecasts {
		if err := s.WriteForecast(t.Context(), f); err != nil {
			t.Fatalf("WriteForecast: %v", err)
		}
	}
}

func testForecastRoundTrip(t *testing.T, s store.Store) {
	full := forecast(0, "a", "b", "石咀")
	gaps := forecast(1, "a", "b")
	gaps.Stations[0].Level[3] = math.NaN()
	for i := range gaps.Stations[1].Level { // no rating
		gaps.Stations[1].Level[i] = math.NaN()
	}
	gaps.Stations[1].NowLevel, gaps.Stations[1].NowDischarge, gaps.Stations[1].Peak.Level = math.NaN(), math.NaN(), math.NaN()
	gaps.RainCoverage = math.NaN()
	bare := hydro.Forecast{Basin: basin, IssuedAt: noon.Add(2 * time.Minute)}
	empty := forecast(3, "a")
	empty.Stations[0] = hydro.StationForecast{Station: "a", Crossings: []hydro.Crossing{{Stage: hydro.Red}}} // no crossing within the horizon
	noLevels := forecast(4, "a", "b")                                                                        // and the second has no band
	for i := range noLevels.Stations[0].Band {
		for k := range hydro.BandLevels {
			noLevels.Stations[0].Band[i].Level[k] = math.NaN()
		}
	}
	noLevels.Stations[1].Band = nil
	noLevels.Stations[1].Crossings[0].Chance = hydro.Chance{}
	noLevels.Stations[1].Crossings[1].Chance = hydro.Chance{Until: noon.Add(24 * time.Hour)} // it will not be met
	all := []hydro.Forecast{full, gaps, bare, empty, noLevels}
	writeForecasts(t, s, all...)
	for _, want := range all {
		got, err := s.Forecast(t.Context(), basin, want.IssuedAt)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, got, want)
	}
	equal(t, collect(t, s.Forecasts(t.Context(), basin, noon, noon.Add(time.Hour))), all)
}

func testForecastReplaces(t *testing.T, s store.Store) {
	first, second := forecast(0, "a", "b", "c"), forecast(0, "a", "d")
	second.Notes, second.Stations[0].Level = nil, second.Stations[0].Level[:10]
	second.Stations[0].Discharge = second.Stations[0].Discharge[:10]
	writeForecasts(t, s, first, second)
	equal(t, collect(t, s.Forecasts(t.Context(), basin, noon, noon.Add(time.Hour))), []hydro.Forecast{second})
	writeForecasts(t, s, first, second) // a redelivery
	got, err := s.Forecast(t.Context(), basin, noon)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, second)
}

// testForecastsOverlap writes runs each 5 minutes whose valid times coincide,
// the oldest last.
func testForecastsOverlap(t *testing.T, s store.Store) {
	var all []hydro.Forecast
	for i := range 6 {
		all = append(all, forecast(5*i, "a", "b"))
	}
	for i := range all {
		writeForecasts(t, s, all[len(all)-1-i])
	}
	equal(t, collect(t, s.Forecasts(t.Context(), basin, noon, noon.Add(time.Hour))), all)
}

func testForecastBounds(t *testing.T, s store.Store) {
	a, b, c := forecast(0, "a"), forecast(5, "a"), forecast(10, "a")
	writeForecasts(t, s, c, a, b)
	for _, q := range []struct {
		from, to time.Time
		want     []hydro.Forecast
	}{
		{a.IssuedAt, c.IssuedAt, []hydro.Forecast{a, b}},
		{a.IssuedAt, c.IssuedAt.Add(1), []hydro.Forecast{a, b, c}},
		{a.IssuedAt.Add(1), c.IssuedAt, []hydro.Forecast{b}},
		{b.IssuedAt, b.IssuedAt, nil},
		{c.IssuedAt, a.IssuedAt, nil},
		{time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), []hydro.Forecast{a, b, c}},
	} {
		equal(t, collect(t, s.Forecasts(t.Context(), basin, q.from, q.to)), q.want)
	}
}

func testForecastNotFound(t *testing.T, s store.Store) {
	writeForecasts(t, s, forecast(0, "a"))
	for _, q := range []struct {
		basin string
		at    time.Time
	}{{basin, noon.Add(time.Millisecond)}, {basin, noon.Add(-time.Millisecond)}, {basin, time.Time{}}, {"other", noon}, {"", noon}, {"\xff", noon}} {
		if _, err := s.Forecast(t.Context(), q.basin, q.at); !errors.Is(err, hydro.ErrNotFound) {
			t.Errorf("%q at %s: got error %v, want one that wraps ErrNotFound", q.basin, q.at, err)
		}
	}
}

func testForecastLongest(t *testing.T, s store.Store) {
	f := forecast(0, "a")
	f.Step = 5 * time.Minute
	f.Stations[0].Discharge, f.Stations[0].Level = nil, nil
	for i := range store.MaxSteps {
		f.Stations[0].Discharge = append(f.Stations[0].Discharge, math.Sqrt(float64(i)))
		f.Stations[0].Level = append(f.Stations[0].Level, math.Cbrt(float64(i)))
	}
	writeForecasts(t, s, f)
	got, err := s.Forecast(t.Context(), basin, noon)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, f)
}

func testForecastRefused(t *testing.T, s store.Store) {
	for what, mar := range map[string]func(*hydro.Forecast){
		"no basin":        func(f *hydro.Forecast) { f.Basin = "" },
		"no instant":      func(f *hydro.Forecast) { f.IssuedAt = time.Time{} },
		"unequal lengths": func(f *hydro.Forecast) { f.Stations[0].Level = f.Stations[0].Level[1:] },
		"infinite":        func(f *hydro.Forecast) { f.Stations[0].Level[1] = math.Inf(1) },
		"too many steps": func(f *hydro.Forecast) {
			v := make([]float64, store.MaxSteps+1)
			f.Stations[0].Level, f.Stations[0].Discharge = v, v
		},
		"station twice":      func(f *hydro.Forecast) { f.Stations[1].Station = f.Stations[0].Station },
		"station descending": func(f *hydro.Forecast) { f.Stations[0].Station = "z" },
		"no station":         func(f *hydro.Forecast) { f.Stations[0].Station = "" },
		"note not UTF-8":     func(f *hydro.Forecast) { f.Notes[0] = "\xff" },

		"band without a step":        func(f *hydro.Forecast) { f.BandStep = 0 },
		"band step not of steps":     func(f *hydro.Forecast) { f.BandStep = 20 * time.Minute },
		"band step below 0":          func(f *hydro.Forecast) { f.BandStep = -time.Hour },
		"band beyond the horizon":    func(f *hydro.Forecast) { f.Horizon = 2 * time.Hour },
		"quantiles descending":       func(f *hydro.Forecast) { q := &f.Stations[1].Band[2].Discharge; q[3] = q[2] - 1 },
		"level quantiles descending": func(f *hydro.Forecast) { q := &f.Stations[1].Band[2].Level; q[3] = q[2] - 1 },
		"quantile NaN":               func(f *hydro.Forecast) { f.Stations[0].Band[0].Discharge[6] = math.NaN() },
		"some level quantiles NaN":   func(f *hydro.Forecast) { f.Stations[0].Band[0].Level[6] = math.NaN() },
		"quantile infinite":          func(f *hydro.Forecast) { f.Stations[0].Band[0].Discharge[6] = math.Inf(1) },
		"errors below 0":             func(f *hydro.Forecast) { f.Stations[0].Band[0].Errors = -1 },
		"band basis not UTF-8":       func(f *hydro.Forecast) { f.BandBasis = "\xff" },
		"probability above 1":        func(f *hydro.Forecast) { f.Stations[0].Crossings[0].Chance.Probability = 1.01 },
		"probability below 0":        func(f *hydro.Forecast) { f.Stations[0].Crossings[0].Chance.Probability = -0.01 },
		"probability NaN":            func(f *hydro.Forecast) { f.Stations[0].Crossings[0].Chance.Probability = math.NaN() },
		"chance without its end":     func(f *hydro.Forecast) { f.Stations[0].Crossings[0].Chance.Until = time.Time{} },
		"no chance but times":        func(f *hydro.Forecast) { f.Stations[0].Crossings[0].Chance.Probability = 0 },
		"chance without times":       func(f *hydro.Forecast) { f.Stations[0].Crossings[0].Chance.Early = time.Time{} },
		"late before early": func(f *hydro.Forecast) {
			c := &f.Stations[0].Crossings[0].Chance
			c.Early, c.Late = c.Late, c.Early
		},
	} {
		f := forecast(0, "a", "b")
		mar(&f)
		invalid(t, what, s.WriteForecast(t.Context(), f))
	}
	equal(t, collect(t, s.Forecasts(t.Context(), basin, noon, noon.Add(time.Hour))), nil)
}

// warning is one with every field filled, minutes after noon.
func warning(minutes, index int) hydro.Warning {
	var w hydro.Warning
	fill(&w, minutes+index+1)
	w.At = noon.Add(time.Duration(minutes) * time.Minute)
	w.ID, w.Basin = fmt.Sprintf("%s/%d/%d", basin, 7+minutes, index), basin
	w.Station, w.From, w.To = "bayi", hydro.Yellow, hydro.Red
	return w
}

func writeWarnings(t *testing.T, s store.Store, warnings ...hydro.Warning) {
	t.Helper()
	for _, w := range warnings {
		if err := s.WriteWarning(t.Context(), w); err != nil {
			t.Fatalf("WriteWarning: %v", err)
		}
	}
}

func testWarningsRoundTrip(t *testing.T, s store.Store) {
	full := warning(0, 0)
	bare := hydro.Warning{ID: basin + "/8/0", Basin: basin, Station: "bare", At: noon.Add(time.Minute)}
	blind := warning(2, 0)
	blind.To, blind.Observed, blind.Forecast, blind.Cause, blind.ForecastIssuedAt = hydro.Blind, hydro.Leg{}, hydro.Leg{}, "silent", time.Time{}
	all := []hydro.Warning{full, bare, blind}
	writeWarnings(t, s, all...)
	equal(t, collect(t, s.Warnings(t.Context(), basin, noon, noon.Add(time.Hour))), all)
}

// testWarningsOfOneInstant has warnings that differ in the ID alone, and comes
// back in log order: 9 before 10.
func testWarningsOfOneInstant(t *testing.T, s store.Store) {
	var all []hydro.Warning
	for _, sequence := range []int{9, 10, 11} {
		for index := range 12 {
			w := warning(0, 0)
			w.ID = fmt.Sprintf("%s/%d/%d", basin, sequence, index)
			w.ReasonEN = "warning " + w.ID
			if index%3 == 0 {
				w.Station = "another"
			}
			all = append(all, w)
		}
	}
	for i := range all {
		writeWarnings(t, s, all[len(all)-1-i])
	}
	equal(t, collect(t, s.Warnings(t.Context(), basin, noon, noon.Add(1))), all)
	writeWarnings(t, s, all...)
	equal(t, collect(t, s.Warnings(t.Context(), basin, noon, noon.Add(1))), all)
}

func testWarningBounds(t *testing.T, s store.Store) {
	a, b, c := warning(0, 0), warning(5, 0), warning(10, 3)
	b.To = hydro.Clear
	b.Station = "another"
	writeWarnings(t, s, c, b, a)
	for _, q := range []struct {
		from, to time.Time
		want     []hydro.Warning
	}{
		{a.At, c.At, []hydro.Warning{a, b}},
		{a.At, c.At.Add(1), []hydro.Warning{a, b, c}},
		{a.At.Add(1), c.At, []hydro.Warning{b}},
		{b.At, b.At, nil},
		{c.At, a.At, nil},
		{time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), []hydro.Warning{a, b, c}},
	} {
		equal(t, collect(t, s.Warnings(t.Context(), basin, q.from, q.to)), q.want)
	}
}

func testWarningRefused(t *testing.T, s store.Store) {
	for what, mar := range map[string]func(*hydro.Warning){
		"no id":             func(w *hydro.Warning) { w.ID = "" },
		"no basin":          func(w *hydro.Warning) { w.Basin = "" },
		"no station":        func(w *hydro.Warning) { w.Station = "" },
		"no instant":        func(w *hydro.Warning) { w.At = time.Time{} },
		"unknown stage":     func(w *hydro.Warning) { w.To = 77 },
		"reason not UTF-8":  func(w *hydro.Warning) { w.ReasonZH = "\xff" },
		"reason too long":   func(w *hydro.Warning) { w.ReasonEN = string(make([]byte, store.MaxText+1)) },
		"run before record": func(w *hydro.Warning) { w.ForecastIssuedAt = store.Earliest.Add(-time.Second) },
	} {
		w := warning(0, 0)
		mar(&w)
		invalid(t, what, s.WriteWarning(t.Context(), w))
	}
	equal(t, collect(t, s.Warnings(t.Context(), basin, noon, noon.Add(time.Hour))), nil)
}

func testBasinsAreApart(t *testing.T, s store.Store) {
	a, b := forecast(0, "a"), forecast(0, "b")
	b.Basin = basin + "2"
	wa, wb := warning(0, 0), warning(0, 1)
	wb.Basin = b.Basin
	writeForecasts(t, s, a, b)
	writeWarnings(t, s, wa, wb)
	equal(t, collect(t, s.Forecasts(t.Context(), a.Basin, noon, noon.Add(time.Hour))), []hydro.Forecast{a})
	equal(t, collect(t, s.Forecasts(t.Context(), b.Basin, noon, noon.Add(time.Hour))), []hydro.Forecast{b})
	equal(t, collect(t, s.Warnings(t.Context(), a.Basin, noon, noon.Add(time.Hour))), []hydro.Warning{wa})
	equal(t, collect(t, s.Warnings(t.Context(), b.Basin, noon, noon.Add(time.Hour))), []hydro.Warning{wb})
}
