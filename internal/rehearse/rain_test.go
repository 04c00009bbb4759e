package rehearse_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/rehearse"
)

// Where sub-basins take the rain of several sources, a factor and a shift are of what
// each takes.
func TestAFactorIsOfTheRainThatEachSubBasinTakes(t *testing.T) {
	text := strings.Replace(fmt.Sprintf(twin, outlets, outlets), "id: s2, name: S2, node: n2,", "id: s2, name: S2, node: n2, rain_sources: [zones],", 1)
	c, problems := catalog.Load([]hydro.File{{Name: "twin.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	s := stage(t, live(t, c, func(float64) float64 { return 0 }))
	at := s.Footing.T0
	for _, r := range []struct {
		source string
		ago    time.Duration
		mm     float64
	}{{"grid", 0, 10}, {"zones", time.Hour, 30}} {
		s.Footing.Ahead.Rain = append(s.Footing.Ahead.Rain, s.Footing.Model.Rain(&hydro.RainForecast{
			Basin: "twin", Source: r.source, IssuedAt: at.Add(-r.ago), ValidUntil: at.Add(6 * time.Hour), From: at, Step: time.Hour,
			Areas: []hydro.RainArea{{SubBasin: "s1", Rain: []float64{r.mm, 0}}, {SubBasin: "s2", Rain: []float64{r.mm, 0}}},
		}))
	}
	for _, x := range []struct {
		rain   rehearse.Rain
		s1, s2 float64
	}{{rehearse.Rain{}, 10, 30}, {rehearse.Rain{Factor: 2}, 20, 60}, {rehearse.Rain{Factor: 2, Shift: -30 * time.Minute}, 10, 30}} {
		o, err := s.Water(rehearse.Scenario{Rain: x.rain})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{x.s1, x.s2} {
			if got := o.Forecast.ArealRain[i]; math.Abs(got.Assumed-want) > 1e-9 {
				t.Errorf("%+v: %g mm in %s, want %g", x.rain, got.Assumed, got.SubBasin, want)
			}
		}
	}
	if used := s.Footing.Model.RainOf(forecast.Ahead{Rain: s.Footing.Ahead.Rain}, at); used[0] != 0 || used[1] != 1 {
		t.Errorf("taken: %v", used)
	}
}
