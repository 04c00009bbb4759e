package forecast_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast"
	"freshet/forecast/reservoir"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A rating of one range with exponent 1 is a straight line, which a table of two
// points is, too.
func TestARatingOfRangesForecastsLikeOneOfPoints(t *testing.T) {
	line, law := small(), small()
	line.Ratings[1].Points = []catalog.RatingPoint{{Level: 0, Discharge: 0}, {Level: 8, Discharge: 2400}}
	law.Ratings[1].Points, law.Ratings[1].Ranges = nil, []catalog.RatingRange{{Low: 0, High: 3, C: 300, B: 1}, {Low: 3, High: 8, C: 300, B: 1}}
	now := t0.Add(20 * time.Hour)
	obs := storm(t0, now)
	a, _ := run(t, compile(t, line), compile(t, line).Start(t0.Add(24*time.Hour)), now, obs.source)
	b, _ := run(t, compile(t, law), compile(t, law).Start(t0.Add(24*time.Hour)), now, obs.source)
	x, y := station(t, a, "mid"), station(t, b, "mid")
	for i := range x.Level {
		if math.Abs(x.Level[i]-y.Level[i]) > 1e-9 || math.Abs(x.Discharge[i]-y.Discharge[i]) > 1e-6 {
			t.Fatalf("value %d: %g m, %g m³/s by points and %g m, %g m³/s by ranges", i, x.Level[i], x.Discharge[i], y.Level[i], y.Discharge[i])
		}
	}
}

func TestWhatARatingHidesIsNotedWithEachRun(t *testing.T) {
	c := small()
	c.Ratings[1].Loop = 0.4
	c.Ratings[1].Points, c.Ratings[1].Ranges = nil, []catalog.RatingRange{{Low: 0, High: 3, C: 300, B: 1}, {Low: 3, High: 8, C: 310, B: 1}}
	now := t0.Add(20 * time.Hour)
	m := compile(t, c)
	f, _ := run(t, m, m.Start(t0.Add(24*time.Hour)), now, storm(t0, now).source)
	for _, want := range []string{"rating mid of mid is one line for a loop of 0.4 m", "rating mid of mid leaps from 900 to 930 m³/s at 3 m"} {
		if !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no note says %q: %q", want, f.Notes)
		}
	}
	c.Ratings[1].Ranges[1].C = 200
	if _, err := forecast.Compile(c, "b"); err == nil || !strings.Contains(err.Error(), "discharge falls from 900 to 600 m³/s at 3 m") {
		t.Errorf("a falling rating gives %v", err)
	}
}

func lake() catalog.Reservoir {
	return catalog.Reservoir{
		ID: "dam", Station: "dam", Node: "dam", Datum: hydro.PearlRiver, DamCrest: 58,
		Storage:     []catalog.LevelVolume{{Level: 40, Volume: 10}, {Level: 60, Volume: 110}},
		FloodLimits: []catalog.FloodLimit{{FromMonth: 4, FromDay: 15, ToMonth: 10, ToDay: 15, Level: 51}},
		Outlets: []catalog.Outlet{
			{Name: "spillway", Kind: "weir", Level: 55, Width: 40, Coefficient: 1.84},
			{Name: "gates", Kind: "gate", Level: 45, Width: 12, Height: 5, Coefficient: 0.62, Controlled: true},
			{Name: "bottom", Kind: "orifice", Level: 43, Area: 4, Coefficient: 0.6, Controlled: true},
			{Name: "power", Kind: "turbines", Level: 47, Capacity: 30, Controlled: true},
			{Name: "ladder", Kind: "curve", Points: []catalog.RatingPoint{{Level: 44}, {Level: 58, Discharge: 1}}},
		},
		Rules: catalog.ReservoirRules{Otherwise: "hold", Downstream: 200},
	}
}

func TestTheCataloguesReservoirIsThatOfTheMethod(t *testing.T) {
	c := lake()
	r, periods, err := forecast.CompileReservoir(&c, every5)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]reservoir.Period{{FromMonth: 4, FromDay: 15, ToMonth: 10, ToDay: 15, Level: 51}}, periods); diff != "" {
		t.Errorf("limit levels (-want +got):\n%s", diff)
	}
	all, free := r.Capacity(56)
	g := math.Sqrt(2 * 9.80665)
	gates := 2.0 / 3 * g * 0.62 * 12 * (math.Pow(11, 1.5) - math.Pow(6, 1.5))
	bottom := 2.0 / 3 * g * 0.6 * 2 * (math.Pow(14, 1.5) - math.Pow(12, 1.5))
	over := 1.84*40 + 12.0/14
	if math.Abs(free-over) > 1e-9 || math.Abs(all-(over+gates+bottom+30)) > 1e-9 {
		t.Errorf("%g m³/s, %g of them free; want %g and %g", all, free, over+gates+bottom+30, over)
	}
	if _, outside := r.Volume(58.1); !outside {
		t.Error("a level above the crest is inside")
	}

	c.Outlets = nil
	if r, _, err := forecast.CompileReservoir(&c, every5); r != nil || err != nil {
		t.Errorf("without outlets: %v, %v", r, err)
	}
	for want, spoil := range map[string]func(*catalog.Reservoir){
		`kind "hole" is not known`:    func(c *catalog.Reservoir) { c.Outlets[0].Kind = "hole" },
		`rule "dance" is not known`:   func(c *catalog.Reservoir) { c.Rules.Otherwise = "dance" },
		`crest at 61 m`:               func(c *catalog.Reservoir) { c.DamCrest = 61 },
		`0 points: want at least 2`:   func(c *catalog.Reservoir) { c.Storage = nil },
		`Coefficient = 0 m^½/s or –:`: func(c *catalog.Reservoir) { c.Outlets[1].Coefficient = 0 },
	} {
		c := lake()
		spoil(&c)
		if _, _, err := forecast.CompileReservoir(&c, every5); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `reservoir "dam"`) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}
