package forecast_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/forecast"
	"freshet/internal/hydro"
)

func TestTheArealRainSaysWhatItStandsOn(t *testing.T) {
	// p1 lies by head, p2 by lake, flat has both. p1 reports 0.5 mm in 5 min, p2 0.1 mm
	// until it falls silent two hours before t0.
	b := book{}
	b.fill("p1", hydro.Rain, t0.Add(-30*time.Hour), t0, constant(0.5))
	b.fill("p2", hydro.Rain, t0.Add(-30*time.Hour), t0.Add(-2*time.Hour), constant(0.1))
	c := small()
	for i, gauge := range []string{"p1", "p2"} {
		c.Basins[0].SubBasins[i].Gauges = []string{gauge}
	}
	m := compile(t, c)
	past := func(depth, coverage [5]float64) (out []hydro.RainDepth) {
		for i, hours := range []int{1, 3, 6, 12, 24} {
			out = append(out, hydro.RainDepth{Window: time.Duration(hours) * time.Hour, Depth: depth[i], Coverage: coverage[i]})
		}
		return out
	}
	rain := hydro.RainForecast{Basin: "b", Source: "s", IssuedAt: t0, ValidUntil: t0.Add(9 * time.Hour), From: t0, Step: time.Hour, Areas: []hydro.RainArea{{SubBasin: "lake", Rain: []float64{3, 4}}}}
	f, _, err := m.Run(m.Start(t0), t0, "schedule", b.source, forecast.Ahead{Rain: []forecast.Rain{m.Rain(&rain)}})
	if err != nil {
		t.Fatal(err)
	}
	full := [5]float64{1, 1, 1, 1, 1}
	want := []hydro.ArealRain{
		{SubBasin: "head", Coverage: 1, Past: past([5]float64{6, 18, 36, 72, 144}, full)},
		{SubBasin: "lake", Ahead: 7, Silent: []string{"p2"}, Past: past([5]float64{math.NaN(), 1.2, 4.8, 12, 26.4}, [5]float64{0, 1. / 3, 2. / 3, 5. / 6, 11. / 12})},
		{SubBasin: "flat", Coverage: 1, Silent: []string{"p2"}, Past: f.Rain[2].Past},
	}
	if diff := cmp.Diff(want, f.Rain, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
	// Where one gauge is silent the other speaks for all of it.
	if p := f.Rain[2].Past; math.Abs(p[0].Depth-6) > 1e-9 || p[0].Coverage != 1 || !(p[4].Depth < 144 && p[4].Depth > 26.4) {
		t.Errorf("flat: %+v", p)
	}
	// A run tells no window that it does not look back on.
	c.Basins[0].Settings.Warmup = 4 * time.Hour
	m = compile(t, c)
	if f, _ = run(t, m, m.Start(t0), t0, b.source); len(f.Rain[0].Past) != 2 || f.Rain[0].Past[1].Window != 3*time.Hour {
		t.Errorf("%+v", f.Rain[0].Past)
	}
}
