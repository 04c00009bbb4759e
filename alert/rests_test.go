package alert_test

import (
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
)

// What a warning rests on that is weak stands in its reason and in its explanation.
func TestAWarningSaysWhenItsForecastIsExtrapolatedOrNotCalibrated(t *testing.T) {
	const (
		beyondZH, beyondEN = "（超出水位流量或库容曲线实测范围，为外延值）", " (extrapolated: outside the measured range of the rating or storage curve)"
		orderZH, orderEN   = "（该概率在本站尚未检验合格，只作量级参考）", " (the chance is not calibrated here: read it as an order, not a number)"
	)
	for _, x := range []struct {
		name                       string
		extrapolated, uncalibrated bool
	}{{"sound", false, false}, {"extrapolated", true, false}, {"not calibrated", false, true}, {"both", true, true}} {
		t.Run(x.name, func(t *testing.T) {
			p := newPost(t, "thresholds: [{variable: water_level, blue: 12, orange: 13}, {variable: water_level, measure: chance, of: orange, within: 6h, yellow: 0.2}]", "z", start)
			p.none(p.feed(3, 3))
			var got []hydro.Warning
			for range 2 {
				p.now = p.now.Add(time.Minute)
				p.run = forecastOf("z", p.now, 3, 4, 5)
				p.run.Stations[0].Crossings = []hydro.Crossing{{Stage: hydro.Orange, Variable: hydro.WaterLevel, Threshold: 13, Chance: hydro.Chance{
					Until: p.now.Add(6 * time.Hour), Probability: 0.4, Early: p.now.Add(time.Hour), Middle: p.now.Add(2 * time.Hour), Late: p.now.Add(3 * time.Hour),
					Extrapolated: x.extrapolated, Uncalibrated: x.uncalibrated,
				}}}
				got = p.evaluate()
			}
			if len(got) != 1 {
				t.Fatalf("%d warnings", len(got))
			}
			w := got[0]
			if strings.Contains(w.ReasonZH, beyondZH) != x.extrapolated || strings.Contains(w.ReasonEN, beyondEN) != x.extrapolated ||
				strings.Contains(w.ReasonZH, orderZH) != x.uncalibrated || strings.Contains(w.ReasonEN, orderEN) != x.uncalibrated {
				t.Errorf("%s\n%s", w.ReasonZH, w.ReasonEN)
			}
		})
	}
	p := newPost(t, "thresholds: [{variable: water_level, blue: 8}]", "z", start)
	p.none(p.feed(3, 3))
	var got []hydro.Warning
	for range 2 {
		p.now = p.now.Add(time.Minute)
		p.run = forecastOf("z", p.now, 3, 9, 10)
		p.run.Stations[0].Extrapolated = true
		got = p.evaluate()
	}
	if len(got) != 1 || !strings.Contains(got[0].ReasonZH, beyondZH) || !strings.Contains(got[0].ReasonEN, beyondEN) {
		t.Errorf("a peak beyond the rating: %+v", got)
	}
}
