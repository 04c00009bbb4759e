package alert_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/alert"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// legs is a reservoir and the river below it. %s are the thresholds of z and of
// r.
const legs = `catalog: {name: legs, title: T}
departments: [{id: hydrology, name: H}]
stations:
  - {id: z, name: {zh: 河口, en: Hekou}, department: hydrology, kind: hydrological, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER,
     parameters: [{variable: water_level, every: 5m}, {variable: discharge, every: 5m}]}
  - {id: r, name: {zh: 水库, en: Dam}, department: hydrology, kind: reservoir, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER,
     parameters: [{variable: water_level, every: 5m}]}
basins:
  - id: b
    name: B
    settings: {dwell_raise: 10m, dwell_lower: 30m, dead_band: 0.10, persistence: 2}
    nodes: [{id: dam, name: D, reservoir: res}, {id: river, name: O, gauge: z, rating: q}]
    reaches: [{id: one, from: dam, to: river, length: 10, k: 1h, x: 0.2}]
    reservoirs:
      - {id: res, name: R, station: r, node: dam, datum: PEARL_RIVER, storage_curve: [[60, 10], [100, 500]], flood_limits: [{from: 04-15, to: 06-09, level: 86}, {from: 06-10, to: 10-15, level: 88}]}
ratings: [{id: q, station: z, datum: PEARL_RIVER, valid_from: 2020-01-01, points: [[0, 1], [20, 5000]]}]
return_periods:
  - {station: z, variable: water_level, datum: PEARL_RIVER, valid_from: 2020-01-01, source: study, points: [[5, 8.2], [20, 9.4], [50, 10.1]]}
stage_tables:
  - {station: z, valid_from: 2020-01-01, datum: PEARL_RIVER, source: t, TABLE}
  - {station: r, valid_from: 2020-01-01, datum: PEARL_RIVER, source: t, thresholds: [{variable: water_level, measure: over_limit, yellow: 0, orange: 0.5}]}
`

// A post is one station that is fed and evaluated.
type post struct {
	t       *testing.T
	rules   *alert.Rules
	state   alert.State
	now     time.Time
	station string
	h       map[hydro.Key]*hydro.History
	run     *hydro.Forecast
}

func newPost(t *testing.T, table, station string, now time.Time) *post {
	t.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(strings.Replace(legs, "TABLE", table, 1))}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	r := mustCompile(t, c)
	return &post{t: t, rules: r, state: r.Start(now), now: now, station: station, h: map[hydro.Key]*hydro.History{}}
}

func (p *post) put(v hydro.Variable, at time.Time, value float64) {
	k := hydro.Key{Station: p.station, Variable: v}
	if p.h[k] == nil {
		p.h[k] = &hydro.History{}
	}
	p.h[k].Put(hydro.Sample{At: at.UnixMilli(), Value: value, Quality: hydro.Pass})
}

func (p *post) evaluate() []hydro.Warning {
	var warnings, own []hydro.Warning
	p.state, warnings = p.rules.Evaluate(p.state, alert.Evidence{Now: p.now, Forecast: p.run, History: func(k hydro.Key) *hydro.History { return p.h[k] }})
	for _, w := range warnings {
		if w.Station == p.station {
			own = append(own, w)
		}
	}
	return own
}

// feed gives one level each five minutes and returns the warnings.
func (p *post) feed(levels ...float64) []hydro.Warning {
	var out []hydro.Warning
	for _, z := range levels {
		p.now = p.now.Add(5 * time.Minute)
		p.put(hydro.WaterLevel, p.now, z)
		out = append(out, p.evaluate()...)
	}
	return out
}

func (p *post) want(got []hydro.Warning, to hydro.Stage, zh, en string) {
	p.t.Helper()
	if len(got) != 1 || got[0].From != hydro.Clear || got[0].To != to {
		p.t.Fatalf("got %+v, want one warning from clear to %s", got, to)
	}
	if got[0].ReasonZH != zh {
		p.t.Errorf("got %s\nwant %s", got[0].ReasonZH, zh)
	}
	if got[0].ReasonEN != en {
		p.t.Errorf("got %s\nwant %s", got[0].ReasonEN, en)
	}
}

func (p *post) none(got []hydro.Warning) {
	p.t.Helper()
	if len(got) > 0 {
		p.t.Fatalf("got %s: %s", got[0].To, got[0].ReasonEN)
	}
}

func repeat(z float64, n int) []float64 { return ramp(z, z, n) }

func TestARiseOverItsWindowRaisesAndStandingStillLowers(t *testing.T) {
	p := newPost(t, "thresholds: [{variable: water_level, measure: rise, window: 1h, blue: 0.5, yellow: 1.5, legs: [observed]}]", "z", start)
	p.none(p.feed(repeat(3, 13)...))
	p.none(p.feed(ramp(3, 3.48, 12)...)) // 48 cm in an hour
	p.none(p.feed(ramp(3.48, 3.60, 3)...))
	p.none(p.feed(3.66, 3.71)) // 3.16 and 3.20 m an hour before
	p.want(p.feed(3.76), hydro.Blue,
		"河口：06-09 10:35 实测 1 小时水位涨幅 0.52 米，达到蓝色阈值 0.50 米。",
		"Hekou: observed 1 h rise of the water level 0.52 m at 06-09 10:35, at or above the BLUE threshold 0.50 m.")
	p.none(p.feed(repeat(3.76, 8)...))
	got := p.feed(repeat(3.76, 12)...)
	if len(got) != 1 || got[0].To != hydro.Clear || got[0].Observed.Basis != hydro.Rise || got[0].Observed.Datum != hydro.NoDatum {
		t.Fatalf("a river that stands still: %+v", got)
	}
}

func TestALateLowPointDoesNotMoveARiseAndASilenceDoesNotLowerOne(t *testing.T) {
	const table = "thresholds: [{variable: water_level, measure: rise, window: 1h, blue: 0.5, legs: [observed]}]"
	p := newPost(t, table, "z", start)
	p.none(p.feed(repeat(3, 6)...))
	p.now = p.now.Add(5 * time.Minute) // the point that is late
	p.none(p.feed(repeat(3, 3)...))
	p.put(hydro.WaterLevel, p.now.Add(-20*time.Minute), 1)
	for range 4 {
		p.now = p.now.Add(time.Minute)
		p.none(p.evaluate())
	}

	p = newPost(t, table, "z", start)
	p.feed(repeat(3, 12)...)
	if got := p.feed(ramp(3, 3.8, 10)...); len(got) != 1 || got[0].To != hydro.Blue {
		t.Fatalf("%+v", got)
	}
	var got []hydro.Warning
	for range 24 { // nothing comes for two hours
		p.now = p.now.Add(5 * time.Minute)
		got = append(got, p.evaluate()...)
	}
	if len(got) != 1 || got[0].To != hydro.Blind {
		t.Fatalf("%+v", got)
	}
	got = p.feed(3.8) // how far it has risen in this hour is not known
	if len(got) != 1 || got[0].To != hydro.Blue {
		t.Fatalf("back from blindness: %+v", got)
	}
	p.none(p.feed(repeat(3.8, 8)...))
	if got := p.feed(repeat(3.8, 10)...); len(got) != 1 || got[0].To != hydro.Clear {
		t.Fatalf("%+v", got)
	}
}

func TestNoRiseIsWarnedOfThatTheWindowDoesNotHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPost(t, "thresholds: [{variable: water_level, measure: rise, window: 1h, blue: 0.5, yellow: 1, legs: [observed]}]", "z", start)
		var past []float64
		z := 3.0
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			z += rapid.Float64Range(-0.1, 0.12).Draw(rt, "dz")
			past = append(past, z)
			lowest := z
			for _, x := range past[max(0, len(past)-13):] {
				lowest = min(lowest, x)
			}
			for _, w := range p.feed(z) {
				if w.Raised() && z-lowest < map[hydro.Stage]float64{hydro.Blue: 0.5, hydro.Yellow: 1}[w.To] {
					rt.Fatalf("%s with a rise of %g m", w.To, z-lowest)
				}
				if w.Raised() && math.Abs(w.Observed.Value-(z-lowest)) > 1e-9 {
					rt.Fatalf("the warning says %g m, the hour holds %g m", w.Observed.Value, z-lowest)
				}
			}
		}
	})
}

func TestAReservoirIsJudgedByTheLimitLevelOfTheDay(t *testing.T) {
	day := time.Date(2024, 6, 9, 15, 0, 0, 0, time.UTC) // 23:00 of the 9th in Beijing: the limit is 86 m until midnight
	p := newPost(t, "thresholds: [{variable: water_level, blue: 8}]", "r", day)
	p.none(p.feed(repeat(85, 2)...))
	p.none(p.feed(86.2, 86.2))
	p.want(p.feed(86.2), hydro.Yellow,
		"水库：06-09 23:25 实测超汛限幅度 0.20 米（汛限水位 86.00 米），达到黄色阈值 0.00 米。",
		"Dam: observed water level above the flood limit 0.20 m at 06-09 23:25 (limit level 86.00 m), at or above the YELLOW threshold 0.00 m.")
	p.none(p.feed(repeat(86.2, 6)...))
	if got := p.feed(repeat(86.2, 7)...); len(got) != 1 || got[0].To != hydro.Clear || got[0].Observed.Limit != 88 {
		t.Fatalf("after midnight the limit is 88 m: %+v", got)
	}
	p.none(p.feed(ramp(86.2, 87.99, 20)...))
	got := p.feed(repeat(88.6, 3)...)
	if len(got) != 1 || got[0].To != hydro.Orange || got[0].Observed.Limit != 88 || math.Abs(got[0].Observed.Value-0.6) > 1e-9 {
		t.Fatalf("%+v", got)
	}
	winter := newPost(t, "thresholds: [{variable: water_level, blue: 8}]", "r", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	winter.none(winter.feed(repeat(99, 12)...)) // no limit is in force
	p.now = time.Date(2024, 10, 15, 15, 40, 0, 0, time.UTC)
	p.feed(repeat(88.6, 3)...) // 23:55, still over
	if got := p.feed(repeat(88.6, 2)...); len(got) != 1 || got[0].To != hydro.Clear {
		t.Fatalf("the season of the limit is over: %+v", got)
	}
}

func TestAReturnPeriodStandsForTheStationsOwnValue(t *testing.T) {
	p := newPost(t, "thresholds: [{variable: water_level, blue: 8, yellow: 9.5}, {variable: water_level, measure: return_period, yellow: 5, orange: 20, red: 50}]", "z", start)
	p.none(p.feed(8.5 - 1))
	p.want(p.feed(8.5, 8.5, 8.5), hydro.Yellow, // 8.2 m is met before 9.5 m: either will do
		"河口：06-09 08:20 实测水位 8.50 米（珠江基面），达到黄色阈值 8.20 米（5 年一遇）。",
		"Hekou: observed water level 8.50 m (PEARL_RIVER) at 06-09 08:20, at or above the YELLOW threshold 8.20 m (5-year return period).")
	if got := p.feed(9.4, 9.4, 9.4); len(got) != 1 || got[0].To != hydro.Orange || got[0].Observed.Threshold != 9.4 {
		t.Fatalf("%+v", got)
	}
}

func TestAProfileExpandsAndSaysThatItIsNoOfficialSignal(t *testing.T) {
	p := newPost(t, "profile: {name: national-2013-first, warning: 7, guarantee: 9, highest: 10, near: 0.3, return_periods: true}", "z", start)
	p.none(p.feed(6))
	p.want(p.feed(repeat(6.7, 3)...), hydro.Blue,
		"河口：06-09 08:20 实测水位 6.70 米（珠江基面），达到蓝色阈值 6.70 米（内部条件，取自水情预警发布管理办法（2013）数值表，非官方预警信号）。",
		"Hekou: observed water level 6.70 m (PEARL_RIVER) at 06-09 08:20, at or above the BLUE threshold 6.70 m (internal condition by profile national-2013-first, MWR 2013 measure, first wording; not an official signal).")
	for _, c := range []struct {
		level float64
		want  hydro.Stage
	}{{7, hydro.Yellow}, {9, hydro.Orange}, {10, hydro.Red}} {
		if got := p.feed(repeat(c.level, 3)...); len(got) != 1 || got[0].To != c.want {
			t.Fatalf("at %g m: %+v", c.level, got)
		}
	}

	second := newPost(t, "profile: {name: national-2013-second, warning: 7, guarantee: 9, dyke: 10.5, near: 0.3, return_periods: true}", "z", start)
	second.feed(6)
	for _, c := range []struct {
		level float64
		want  hydro.Stage
	}{{7, hydro.Blue}, {8.7, hydro.Yellow}, {9, hydro.Orange}, {10.1, hydro.Red}} { // the fifty-year level lies below the dyke
		if got := second.feed(repeat(c.level, 3)...); len(got) != 1 || got[0].To != c.want {
			t.Fatalf("at %g m: %+v", c.level, got)
		}
	}

	practice := newPost(t, "profile: {name: guangdong-practice, warning: 7, crest: 8.5, above_red: 2}", "z", start)
	practice.none(practice.feed(repeat(9, 4)...)) // it goes by the forecast peak
	for i, c := range []struct {
		peak float64
		want hydro.Stage
	}{{7.1, hydro.Blue}, {8.3, hydro.Yellow}, {8.4, hydro.Yellow}, {8.5, hydro.Orange}, {9, hydro.Red}} {
		var got hydro.Stage
		for range 2 {
			practice.now = practice.now.Add(5 * time.Minute)
			practice.put(hydro.WaterLevel, practice.now, 6)
			practice.run = forecastOf("z", practice.now, 6.5, c.peak, 6.5)
			practice.evaluate()
			got = practice.rules.Statuses(practice.state)[1].Stage
		}
		if got != c.want {
			t.Fatalf("%d: a forecast peak of %g m gives %s, want %s", i, c.peak, got, c.want)
		}
	}
}

// forecastOf is a run of one station.
func forecastOf(station string, issued time.Time, levels ...float64) *hydro.Forecast {
	nan := make([]float64, len(levels))
	for i := range nan {
		nan[i] = math.NaN()
	}
	return &hydro.Forecast{Basin: "b", IssuedAt: issued, Step: time.Hour, ValidUntil: issued.Add(30 * time.Minute), Stations: []hydro.StationForecast{{
		Station: station, Datum: hydro.PearlRiver, Level: levels, Discharge: nan, NowLevel: levels[0], NowDischarge: math.NaN(),
		Peak: hydro.Peak{Level: math.NaN(), Discharge: math.NaN()},
	}}}
}

func TestForecastsOfARiseAndOfAnExcessCountRuns(t *testing.T) {
	p := newPost(t, "thresholds: [{variable: water_level, measure: rise, window: 2h, orange: 1}]", "z", start)
	p.none(p.feed(3, 3))
	p.run = forecastOf("z", p.now, 3, 3.4, 3.9, 4.3, 4.3)
	p.none(p.feed(3))
	p.run = forecastOf("z", p.now, 3, 3.4, 4.1, 4.3, 4.3)
	p.now = p.now.Add(time.Minute)
	p.none(p.evaluate()) // one run agrees, the one before had 90 cm in two hours
	p.now = p.now.Add(time.Minute)
	p.run = forecastOf("z", p.now, 3, 3.4, 4.1, 4.3, 4.3)
	p.want(p.evaluate(), hydro.Orange,
		"河口：预计 06-09 11:17 2 小时水位涨幅达到橙色阈值 1.00 米，提前 3 小时，最高 1.10 米（06-09 11:17）。",
		"Hekou: forecast to reach the ORANGE threshold of 2 h rise of the water level 1.00 m at 06-09 11:17, lead time 3 h, peak 1.10 m at 06-09 11:17.")

	r := newPost(t, "thresholds: [{variable: water_level, blue: 8}]", "r", start) // 06-09 08:00 in Beijing: 86 m until midnight, then 88 m
	r.none(r.feed(84))
	levels := append(ramp(84, 86.3, 14), ramp(86.3, 87.9, 14)...) // 86.3 m at 22:05, 87.9 m at noon of the 10th
	for range 2 {
		r.now = r.now.Add(time.Minute)
		r.run = forecastOf("r", r.now, levels...)
		if got := r.evaluate(); len(got) > 0 {
			l := got[0].Forecast
			if got[0].To != hydro.Orange && got[0].To != hydro.Yellow || l.Limit != 86 || l.Value > 0.55 || l.Value < 0.3 || l.PeakAt.In(beijing).Day() != 9 {
				t.Fatalf("%+v", got[0])
			}
			return
		}
	}
	t.Fatal("an excess that is forecast before midnight was not warned of")
}

func TestAChanceCountsWithinItsWindow(t *testing.T) {
	p := newPost(t, "thresholds: [{variable: water_level, blue: 8, orange: 10}, {variable: water_level, measure: chance, of: orange, within: 6h, yellow: 0.2, orange: 0.5}]", "z", start)
	p.none(p.feed(3, 3))
	run := func(probability float64, early, middle, late time.Duration) {
		p.now = p.now.Add(time.Minute)
		p.run = forecastOf("z", p.now, 3, 4, 5)
		p.run.Stations[0].Crossings = []hydro.Crossing{{Stage: hydro.Orange, Variable: hydro.WaterLevel, Threshold: 10, Chance: hydro.Chance{
			Until: p.now.Add(24 * time.Hour), Probability: probability, Early: p.now.Add(early), Middle: p.now.Add(middle), Late: p.now.Add(late),
		}}}
	}
	for range 3 { // 60 %, but half of it after 12 h: 18 % within 6 h
		run(0.6, 3*time.Hour, 12*time.Hour, 20*time.Hour)
		p.none(p.evaluate())
	}
	run(0.6, 2*time.Hour, 6*time.Hour, 12*time.Hour) // half of it within 6 h: 30 %
	p.none(p.evaluate())
	run(0.6, 2*time.Hour, 6*time.Hour, 12*time.Hour)
	p.want(p.evaluate(), hydro.Yellow,
		"河口：06-09 08:15 预报，6 小时内水位达到橙色阈值 10.00 米（珠江基面）的概率 30%，不低于黄色界限 20%。",
		"Hekou: chance 30% that the water level reaches the ORANGE threshold 10.00 m (PEARL_RIVER) within 6 h, by the run of 06-09 08:15, at or above the YELLOW limit of 20%.")
	for range 2 {
		run(0.9, time.Hour, 2*time.Hour, 5*time.Hour)
		p.evaluate()
	}
	if s := p.rules.Statuses(p.state)[1]; s.Stage != hydro.Orange || s.Forecast.Basis != hydro.Likelihood || s.Forecast.Limit != 10 || s.Forecast.Value < 0.8 || s.Forecast.Value > 0.9 {
		t.Fatalf("%+v", s)
	}
	for range 2 {
		run(0, 0, 0, 0)
		p.evaluate()
	}
	if s := p.rules.Statuses(p.state)[1]; s.Stage != hydro.Clear {
		t.Fatalf("%s", s.ReasonEN)
	}
}

func TestALadderMayHaveItsOwnDwellAndPersistence(t *testing.T) {
	p := newPost(t, "thresholds: [{variable: water_level, blue: 8, dwell_raise: 0s, dwell_lower: 5m, persistence: 3}]", "z", start)
	p.none(p.feed(7))
	if got := p.feed(8); len(got) != 1 || got[0].To != hydro.Blue {
		t.Fatalf("without a dwell: %+v", got)
	}
	if got := p.feed(7, 7); len(got) != 1 || got[0].To != hydro.Clear {
		t.Fatalf("a dwell of 5 min: %+v", got)
	}
	for i := range 3 {
		p.now = p.now.Add(time.Minute)
		p.run = forecastOf("z", p.now, 7, 9, 7)
		if got := p.evaluate(); (len(got) == 1) != (i == 2) {
			t.Fatalf("run %d of three: %+v", i+1, got)
		}
	}
}
