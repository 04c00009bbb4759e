package forecast_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/forecast/tidal"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// estuarine is small() with a tide station "bay", whose tide and the flow at "mid"
// make the level at "sea".
func estuarine() *catalog.Catalog {
	c := small()
	c.Stations = append(c.Stations, catalog.Station{
		ID: "bay", Kind: catalog.TideStation, Basin: "b", Zone: "UTC", Datum: catalog.Datum{Name: hydro.StationDatum, Accepts: []catalog.DatumOffset{{From: "CHART", Add: -1.5}}},
		Parameters: []catalog.Parameter{{Variable: hydro.WaterLevel, Interval: every5}},
	})
	c.Basins[0].Nodes[3].Tide = &catalog.TidalLevel{
		Station: "bay", TideDatum: hydro.StationDatum, Datum: hydro.PearlRiver, FlowAt: "mid", Lag: time.Hour, Travel: 3 * time.Hour, HalfLife: 6 * time.Hour,
		Level: tidal.Level{Mean: 0.5, Rise: 0.01, Gain: 0.8, Damping: 0.002, Exponent: 0.7}, Flow: [2]float64{0, 5000}, Tide: [2]float64{-2, 2},
	}
	c.StageTables = append(c.StageTables, catalog.StageTable{Station: "sea", Datum: hydro.PearlRiver, Thresholds: []catalog.Threshold{
		{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 1.5, Observed: true, Forecast: true},
	}})
	return c
}

// bay is its tide on chart datum, 1.5 m above the station's numbers, for d from a day and a half ago.
func bay(d time.Duration) hydro.Tide {
	v := hydro.Tide{Basin: "b", Station: "bay", Source: "table", IssuedAt: t0.Add(-time.Hour), ValidUntil: t0.Add(96 * time.Hour), Datum: "CHART"}
	for at := t0.Add(-36 * time.Hour); !at.After(t0.Add(d)); at = at.Add(6 * time.Hour) {
		v.Turns = append(v.Turns, hydro.TideTurn{At: at, Level: 1.5 + float64(1-2*(len(v.Turns)%2))})
	}
	return v
}

func withTides(t *testing.T, c *catalog.Catalog, b book, tides ...hydro.Tide) hydro.Forecast {
	t.Helper()
	m := compile(t, c)
	f, _, err := m.Run(m.Start(t0), t0, "schedule", b.source, forecast.Ahead{Tides: tides})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheLevelBelowTheTideLimitFollowsTideFlowAndResidual(t *testing.T) {
	c := estuarine()
	b := storm(t0.Add(-24*time.Hour), t0)
	delete(b, hydro.Key{Station: "sea", Variable: hydro.WaterLevel})
	alone := withTides(t, c, b, bay(54*time.Hour))
	const why = "level at sea is of tide and flow alone"
	if s := station(t, alone, "sea"); !slices.ContainsFunc(alone.Notes, func(n string) bool { return strings.HasPrefix(n, why) }) || math.IsNaN(s.NowLevel) {
		t.Fatalf("notes %q, %+v", alone.Notes, s)
	}
	// By hand, at an instant with the flow of "mid" known from its forecast.
	e := c.Basins[0].Nodes[3].Tide
	s, mid := station(t, alone, "sea"), station(t, alone, "mid")
	for _, i := range []int{7, 20, 60, 95} { // (i+1)·30 min ahead; i-6 is 3 h before
		at := t0.Add(time.Duration(i+1) * 30 * time.Minute).Add(-e.Lag)
		h := math.Mod(at.Sub(t0.Add(-36*time.Hour)).Hours(), 12)
		if want := e.Level.At(math.Cos(math.Pi*h/6), mid.Discharge[i-6]); math.Abs(s.Level[i]-want) > 1e-6 {
			t.Errorf("value %d: %g, want %g", i, s.Level[i], want)
		}
	}
	// A surge of 0.4 m over the last day stands at first and halves in 6 h.
	shape := func(at time.Time) float64 { // what the relation gave, as far as a steady flow goes
		h := math.Mod(at.Add(-e.Lag).Sub(t0.Add(-36*time.Hour)).Hours()+48, 12)
		return e.Level.At(math.Cos(math.Pi*h/6), 60)
	}
	b.fill("sea", hydro.WaterLevel, t0.Add(-24*time.Hour), t0, func(at time.Time) float64 { return shape(at) + 0.4 })
	surged := station(t, withTides(t, c, b, bay(54*time.Hour)), "sea")
	first := surged.Level[0] - s.Level[0]
	if d := surged.Level[12] - s.Level[12]; math.Abs(d/first-0.5) > 1e-6 || first == 0 {
		t.Errorf("the residual is %g at 30 min and %g at 6 h 30 min", first, d)
	}
	if len(surged.Crossings) != 1 || surged.Crossings[0].Variable != hydro.WaterLevel || surged.Peak.Level < slices.Max(surged.Level)-1e-9 {
		t.Errorf("crossings %+v, peak %+v", surged.Crossings, surged.Peak)
	}
	highest := 0
	for i, l := range s.Level {
		if l > s.Level[highest] {
			highest = i
		}
	}
	if at := t0.Add(time.Duration(highest+1) * 30 * time.Minute); s.Peak.At.Sub(at).Abs() > 30*time.Minute {
		t.Errorf("the peak is told for %s, the highest level for %s", s.Peak.At, at)
	}
	if len(surged.Band) > 0 || surged.Updated {
		t.Errorf("a band, or corrected by its gauge: %+v", surged)
	}
}

// Where there is no tide, or no more of it, no level is told, and the run says why.
func TestWithoutATideTheTidalLevelIsNotForecast(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0)
	expired, chart, late := bay(54*time.Hour), bay(54*time.Hour), bay(54*time.Hour)
	expired.ValidUntil, expired.Source = t0, "expired"
	chart.Datum, chart.Source = "LOCAL", "chart"
	late.Source, late.IssuedAt = "other", t0.Add(-2*time.Hour)
	f := withTides(t, estuarine(), b, chart, expired)
	for _, l := range station(t, f, "sea").Level {
		if l == l {
			t.Fatalf("level %g", l)
		}
	}
	want := []string{
		"tide of chart at bay, issued " + stamp(t0.Add(-time.Hour)) + ": not used: its levels are on LOCAL, the station's on STATION, and the catalogue gives no offset",
		"tide of expired at bay, issued " + stamp(t0.Add(-time.Hour)) + ", expired at " + stamp(t0) + ": not used",
		"level at sea is not forecast: no tide at bay is in force",
	}
	for _, w := range want {
		if !slices.Contains(f.Notes, w) {
			t.Errorf("no note %q in %q", w, f.Notes)
		}
	}
	f = withTides(t, estuarine(), b, late, bay(12*time.Hour))
	s := station(t, f, "sea")
	// It ends in 12 h, and is an hour under way.
	if s.Level[25] != s.Level[25] || s.Level[26] == s.Level[26] || math.IsNaN(s.Peak.Level) {
		t.Errorf("levels %v, peak %+v", s.Level[20:30], s.Peak)
	}
	for _, w := range []string{
		"tide of table at bay, issued " + stamp(t0.Add(-time.Hour)) + ", valid until " + stamp(t0.Add(96*time.Hour)) + ": used for the level at sea",
		"tide of table at bay ends at " + stamp(t0.Add(12*time.Hour)) + ": no level is forecast from it after that",
		"tide of other at bay, issued " + stamp(t0.Add(-2*time.Hour)) + ", is held and not used: that of table was issued later",
	} {
		if !slices.Contains(f.Notes, w) {
			t.Errorf("no note %q in %q", w, f.Notes)
		}
	}
	if zh := f.HonestyZH(); strings.Contains(zh, "tide") || !strings.Contains(zh, "推求sea水位") {
		t.Error(zh)
	}
}

func TestATidalLevelBeyondWhatWasFittedIsExtrapolated(t *testing.T) {
	c := estuarine()
	c.Basins[0].Nodes[3].Tide.Flow[1], c.Basins[0].Nodes[3].Tide.Tide[1] = 10, 0.5
	f := withTides(t, c, storm(t0.Add(-24*time.Hour), t0), bay(54*time.Hour))
	if n := notesAbout(f, "level at sea is extrapolated: "); !station(t, f, "sea").Extrapolated || len(n) != 2 {
		t.Errorf("notes %q", n)
	}
}

func notesAbout(f hydro.Forecast, about string) (out []string) {
	for _, n := range f.Notes {
		if strings.HasPrefix(n, about) {
			out = append(out, n)
		}
	}
	return out
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04Z") }

// Where a tide ends before the horizon nobody may read that a threshold is not met.
func TestAThresholdOfALevelThatIsNotKnownIsLeftOpen(t *testing.T) {
	c := estuarine()
	c.StageTables[len(c.StageTables)-1].Thresholds[0].Value = 9
	b := storm(t0.Add(-24*time.Hour), t0)
	if s := station(t, withTides(t, c, b, bay(96*time.Hour)), "sea"); len(s.Crossings) != 1 || !s.Crossings[0].At.IsZero() {
		t.Errorf("known to the horizon: %+v", s.Crossings)
	}
	if s := station(t, withTides(t, c, b, bay(12*time.Hour)), "sea"); len(s.Crossings) != 0 {
		t.Errorf("known for half a day: %+v", s.Crossings)
	}
}

// Next year's table, issued later, takes no place of the one that runs.
func TestATideThatHasBegunComesFirst(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0)
	next := bay(54 * time.Hour)
	for i := range next.Turns {
		next.Turns[i].At = next.Turns[i].At.Add(200 * time.Hour)
	}
	next.Source, next.IssuedAt, next.ValidUntil = "next", t0.Add(-time.Minute), t0.Add(900*time.Hour)
	want := station(t, withTides(t, estuarine(), b, bay(54*time.Hour)), "sea").Level
	for _, tides := range [][]hydro.Tide{{next, bay(54 * time.Hour)}, {bay(54 * time.Hour), next}} {
		f := withTides(t, estuarine(), b, tides...)
		if got := station(t, f, "sea").Level; math.Abs(got[0]-want[0]) > 1e-9 {
			t.Errorf("level %g, want %g: %q", got[0], want[0], f.Notes)
		}
	}
}

func TestATravelTimeBeyondTheWarmUpIsRefused(t *testing.T) {
	c := estuarine()
	c.Basins[0].Nodes[3].Tide.Travel = 30 * time.Hour
	if _, err := forecast.Compile(c, "b"); err == nil || !strings.Contains(err.Error(), "longer than the warmup") {
		t.Errorf("%v", err)
	}
}
