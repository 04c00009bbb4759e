package forecast_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// backward does the last task first, so that whatever hangs on their order shows.
func backward(tasks int, do func(int)) {
	for i := tasks - 1; i >= 0; i-- {
		do(i)
	}
}

// storms is a rain forecast of all sub-basins: the first is mm of each hour, what
// follows are members.
func storms(issued time.Time, mm []float64, members ...[]float64) *hydro.RainForecast {
	f := &hydro.RainForecast{Basin: "b", Source: "EPS", IssuedAt: issued, ValidUntil: issued.Add(12 * time.Hour), From: issued, Step: time.Hour}
	for _, id := range []string{"head", "lake", "flat"} {
		f.Areas = append(f.Areas, hydro.RainArea{SubBasin: id, Rain: mm, Members: members})
	}
	return f
}

// Members, hindcasts and gauges' bands in another order give the same run and the
// same state, to the last bit.
func TestARunDoesNotDependOnTheOrderOfItsTasks(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	for _, c := range []struct {
		name    string
		spread  []catalog.RainSpread
		soil    float64
		members [][]float64
	}{
		{"members", nil, 0, [][]float64{{0, 1}, {20, 8}, {9, 30}}},
		{"factors", []catalog.RainSpread{{CV: 0.4, Mean: 1}}, 0, nil},
		{"soil", nil, 0.3, [][]float64{{0, 1}, {20, 8}, {9, 30}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cat := banded()
			cat.Basins[0].Settings.RainSpread, cat.Basins[0].Settings.InitialSpread = c.spread, c.soil
			m := compile(t, cat)
			s, now := taught(t, m, b, 5*time.Hour)
			ahead := rainAhead(m, storms(now, []float64{3, 5}, c.members...))
			f, next, err := m.Run(s, now, "schedule", b.source, ahead)
			if err != nil {
				t.Fatal(err)
			}
			g, after, err := m.WithEach(backward).Run(s, now, "schedule", b.source, ahead)
			if err != nil {
				t.Fatal(err)
			}
			if diff := diffForecasts(f, g); diff != "" {
				t.Errorf("(-in order +backward):\n%s", diff)
			}
			if string(stored(t, next)) != string(stored(t, after)) {
				t.Error("the states differ")
			}
			if len(station(t, f, "up").Band) == 0 {
				t.Errorf("no band: %q", f.Notes)
			}
		})
	}
}

// A task may run where nobody recovers: what goes wrong in one comes back to the run,
// and costs it the bands and not the forecast.
func TestAPanicOfATaskCostsTheBandsAlone(t *testing.T) {
	now := t0.Add(60 * time.Hour)
	b := storm(t0.Add(-24*time.Hour), now)
	m := compile(t, small())
	f := m.Rain(storms(now, []float64{3, 5}, []float64{0, 1}, []float64{20, 8}))
	f.SubBasins[0].Members = f.SubBasins[0].Members[:1] // the second member is not there
	escaped := false
	each := func(tasks int, do func(int)) {
		defer func() {
			if p := recover(); p != nil {
				escaped = true
				panic(p)
			}
		}()
		backward(tasks, do)
	}
	got, _, err := m.WithEach(each).Run(m.Start(t0), now, "schedule", b.source, forecast.Ahead{Rain: []forecast.Rain{f}})
	said := slices.ContainsFunc(got.Notes, func(n string) bool { return strings.HasPrefix(n, "no bands in this run: panic") })
	if err != nil || !said || escaped || len(station(t, got, "up").Discharge) == 0 {
		t.Errorf("%v, escaped %t, notes %q", err, escaped, got.Notes)
	}
}
