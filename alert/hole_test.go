package alert_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
)

// A valid run without a forecast for a station says of it what no run at all says: a
// stage that a forecast holds stands while what it foretold is still to come, and does
// not go down because a river is not seen ahead.
func TestAHoleInAForecastIsNoForecastAndNotAllClear(t *testing.T) {
	const table = "thresholds: [{variable: water_level, blue: 8, yellow: 9, orange: 10}]"
	type at struct {
		After    time.Duration
		To       hydro.Stage
		Forecast hydro.Leg
	}
	play := func(hole bool) (raised int, out []at) {
		p := newPost(t, table, "z", start)
		p.none(p.feed(3, 3))
		for i := range 110 { // nine hours, each tick a new run
			switch {
			case i < 3:
				p.run = forecastOf("z", p.now, 3, 4, 6, 9, 10.5, 10.6)
			case hole:
				p.run = forecastOf("elsewhere", p.now, 1, 1, 1)
				p.run.Holes = []hydro.ForecastHole{{Node: "n", Station: "z", Why: "reach r: no solution"}}
			}
			for _, w := range p.feed(3) {
				if out = append(out, at{w.At.Sub(start), w.To, w.Forecast}); w.To == hydro.Orange {
					raised++
				}
				if raised > 0 && w.To < hydro.Orange && w.At.Before(start.Add(5*time.Hour)) {
					t.Errorf("after %s lowered to %s, before the peak that was foretold: %s", w.At.Sub(start), w.To, w.ReasonEN)
				}
			}
		}
		return raised, out
	}
	raised, without := play(false)
	if raised != 1 {
		t.Fatalf("raised %d times: %+v", raised, without)
	}
	if _, with := play(true); cmp.Diff(without, with) != "" {
		t.Error(cmp.Diff(without, with))
	}
}
