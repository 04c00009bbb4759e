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
	"freshet/internal/hydro"
)

// Rain that falls evenly is the same in each sub-basin, whoever is silent; where
// nobody reported it is not known, and what is assumed is what was forecast.
func TestArealRainTravelsWithTheForecast(t *testing.T) {
	m := compile(t, small())
	now := t0.Add(12 * time.Hour)
	obs := book{}
	var gauges []string
	for _, s := range small().Stations {
		for _, p := range s.Parameters {
			if p.Variable == hydro.Rain || p.Variable == hydro.RainCounter {
				gauges = append(gauges, s.ID)
				obs.fill(s.ID, hydro.Rain, t0.Add(-72*time.Hour), now, constant(0.5))
			}
		}
	}
	if len(gauges) < 2 {
		t.Fatalf("rain gauges %q", gauges)
	}
	a := rainAhead(m, qpf("A", now, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)) // from t0: 13 + 14 mm lie ahead
	f := runAhead(t, m, now, obs.source, a)
	ids := []string{}
	for _, r := range f.ArealRain {
		ids = append(ids, r.SubBasin)
		for _, c := range []struct {
			name      string
			got, want float64
		}{{"1 h", r.Last1h, 6}, {"3 h", r.Last3h, 18}, {"6 h", r.Last6h, 36}, {"coverage", r.Coverage, 1}, {"ahead", r.Assumed, 27}} {
			if math.Abs(c.got-c.want) > 1e-9 {
				t.Errorf("%s: %s %g, want %g", r.SubBasin, c.name, c.got, c.want)
			}
		}
		if len(r.MissingGauges) > 0 {
			t.Errorf("%s: missing %q", r.SubBasin, r.MissingGauges)
		}
	}
	if diff := cmp.Diff([]string{"head", "lake", "flat"}, ids); diff != "" {
		t.Errorf("sub-basins (-want +got):\n%s", diff)
	}

	silence := func(gauge string) { // two hours ago
		delete(obs, hydro.Key{Station: gauge, Variable: hydro.Rain})
		obs.fill(gauge, hydro.Rain, t0.Add(-72*time.Hour), now.Add(-2*time.Hour), constant(0.5))
	}
	// One gauge falls silent two hours ago: the others stand for it, and it is named
	// where it would count.
	silence(gauges[0])
	f = runAhead(t, m, now, obs.source, forecast.Ahead{})
	named := 0
	for _, r := range f.ArealRain {
		if r.Assumed != 0 {
			t.Errorf("%s: %g mm assumed", r.SubBasin, r.Assumed)
		}
		if len(r.MissingGauges) > 0 {
			named++
			if diff := cmp.Diff(gauges[:1], r.MissingGauges); diff != "" {
				t.Errorf("%s (-want +got):\n%s", r.SubBasin, diff)
			}
		}
		if r.Coverage > 0 && math.Abs(r.Last6h-36) > 1e-9 {
			t.Errorf("%s: 6 h %g mm, coverage %g", r.SubBasin, r.Last6h, r.Coverage)
		}
	}
	if named == 0 {
		t.Errorf("nobody misses %s: %+v", gauges[0], f.ArealRain)
	}

	// Nobody reports since two hours ago: that is most of three hours, and little of a day.
	for _, g := range gauges {
		silence(g)
	}
	f = runAhead(t, m, now, obs.source, forecast.Ahead{})
	for _, r := range f.ArealRain {
		if !math.IsNaN(r.Last1h) || !math.IsNaN(r.Last3h) || math.Abs(r.Last24h-132) > 1e-9 || r.Coverage != 0 || len(r.MissingGauges) == 0 {
			t.Errorf("all silent: %+v", r)
		}
	}
	// Nobody ever did, and the run begins with its warm-up.
	f = runAhead(t, m, now, book{}.source, forecast.Ahead{})
	want := hydro.ArealRain{SubBasin: "head", Last1h: math.NaN(), Last3h: math.NaN(), Last6h: math.NaN(), Last24h: math.NaN()}
	if diff := cmp.Diff(want, f.ArealRain[0], cmpopts.EquateNaNs(), cmpopts.IgnoreFields(hydro.ArealRain{}, "MissingGauges")); diff != "" {
		t.Errorf("no data (-want +got):\n%s", diff)
	}
}

// Rain that nobody told of is dry for the model, also when all gauges speak again: a
// flood can be of it, and so every run says it while its warm-up holds the gap.
func TestAnOutageOfRainThatHasEndedIsTold(t *testing.T) {
	m := compile(t, small())
	now := t0.Add(12 * time.Hour)
	with := func(gap time.Duration) hydro.Forecast {
		obs := book{}
		for _, s := range small().Stations {
			for _, p := range s.Parameters {
				if p.Variable == hydro.Rain || p.Variable == hydro.RainCounter {
					obs.fill(s.ID, hydro.Rain, t0.Add(-72*time.Hour), now.Add(-2*time.Hour-gap), constant(0.5))
					obs.fill(s.ID, hydro.Rain, now.Add(-2*time.Hour), now, constant(0.5))
				}
			}
		}
		return runAhead(t, m, now, obs.source, forecast.Ahead{})
	}
	told := func(f hydro.Forecast) []string {
		return slices.DeleteFunc(slices.Clone(f.Notes), func(n string) bool { return !strings.HasPrefix(n, "no rain gauge spoke in the last ") })
	}
	if got := told(with(0)); len(got) > 0 {
		t.Errorf("nothing missing: %q", got)
	}
	f := with(4 * time.Hour)
	want := []string{"no rain gauge spoke in the last 24 h for sub-basin head (4 h), lake (4 h), flat (4 h): no rain is assumed to have fallen then"}
	if diff := cmp.Diff(want, told(f)); diff != "" {
		t.Errorf("four hours missing (-want +got):\n%s", diff)
	}
	if zh := f.HonestyZH(); !strings.Contains(zh, "曾无雨量资料，缺测时段按无雨计：head (4 h)") {
		t.Error(zh)
	}
	for _, r := range f.ArealRain {
		if r.Coverage != 1 || !math.IsNaN(r.Last6h) {
			t.Errorf("%+v", r)
		}
	}
}
