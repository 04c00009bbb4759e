package quality_test

import (
	"slices"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// The traps of issue 4 that are quality control's: docs/models/quality.md says
// what each is caught by.

// A tide that stands still for more than two hours is a dead sensor, a reservoir
// that does for a day is a reservoir, and a river in low flow may for weeks.
func TestTrapStuckByKind(t *testing.T) {
	low := &catalog.Parameter{
		Variable: hydro.WaterLevel, Interval: time.Hour,
		Limits: catalog.Limits{StuckAfter: 6 * time.Hour, StuckAbove: 2, HasStuckAbove: true},
	}
	plain := &catalog.Parameter{Variable: hydro.WaterLevel, Interval: time.Hour}
	for _, c := range []struct {
		name  string
		kind  catalog.Kind
		p     *catalog.Parameter
		level float64
		hours int
		stuck bool
	}{
		{"tide for an hour", catalog.TideStation, plain, 1, 2, false},
		{"tide for five hours", catalog.TideStation, plain, 1, 5, true},
		{"river for four days", catalog.HydrologicalStation, plain, 1, 96, false},
		{"river in low flow that the catalogue knows", catalog.HydrologicalStation, low, 1.4, 96, false},
		{"the same river above it", catalog.HydrologicalStation, low, 3.4, 10, true},
		{"reservoir for a day", catalog.ReservoirStation, plain, 80, 24, false},
		{"reservoir for four days", catalog.ReservoirStation, plain, 80, 96, true},
	} {
		s := newSeries(t, c.p)
		s.kind = c.kind
		for h := range c.hours + 1 {
			s.put(h*60, c.level)
		}
		last, _ := s.h.Last()
		if stuck := last.Tests&hydro.TestStuck != 0; stuck != c.stuck || stuck == last.Quality.Usable() {
			t.Errorf("%s: %s %v", c.name, last.Quality, last.Tests.Names())
		}
	}
}

// A funnel full of leaves measures nothing while it pours: it must not make the
// area dry, nor its station green.
func TestTrapBlockedFunnel(t *testing.T) {
	p := newPlant(t, ring, "", "")
	p.fall(5, 60, 0, func(int) float64 { return 0 })
	p.fall(65, 120, 4, func(int) float64 { return 0 }) // 48 mm in the hour around
	for _, min := range []int{65, 90, 120} {
		s := p.stands("g", hydro.Rain, min)
		if s.Tests != hydro.TestBlocked || s.Quality != hydro.Suspect || hydro.RainCounts(s.Quality, s.Tests) {
			t.Errorf("minute %d: %s %v", min, s.Quality, s.Tests.Names())
		}
	}
	p.wants("g", hydro.Rain, 5, hydro.Pass, 0)
	// The rain ends; that the funnel has nothing now says nothing of it.
	p.fall(125, 300, 0, func(int) float64 { return 0 })
	p.wants("g", hydro.Rain, 300, hydro.Suspect, hydro.TestBlocked)
	// Somebody empties it: it measures the next rain and is believed.
	p.fall(305, 420, 1, func(int) float64 { return 1 })
	p.wants("g", hydro.Rain, 420, hydro.Pass, 0)
	// One that drips on is blocked as well.
	p = newPlant(t, ring, "", "")
	p.fall(5, 60, 0, func(int) float64 { return 0 })
	p.fall(65, 180, 4, func(min int) float64 { return 0.2 * float64(min/5%2) })
	if s := p.stands("g", hydro.Rain, 180); s.Tests&hydro.TestBlocked == 0 {
		t.Errorf("1.2 mm while 48 mm fell around: %s %v", s.Quality, s.Tests.Names())
	}
}

// A gauge that pours while all around it is dry is doubted, alone never failed;
// with a second test against it, it is wrong.
func TestTrapNeighbour(t *testing.T) {
	p := newPlant(t, ring, "", "")
	p.fall(5, 60, 0, func(int) float64 { return 0 })
	p.fall(65, 120, 0, func(int) float64 { return 6 })
	p.wants("g", hydro.Rain, 120, hydro.Suspect, hydro.TestNeighbour)
	p.wants("n1", hydro.Rain, 120, hydro.Pass, 0) // one gauge makes none of its neighbours doubtful
	p.fall(125, 180, 0, func(min int) float64 { return 24 + float64(min)/1000 })
	p.wants("g", hydro.Rain, 180, hydro.Fail, hydro.TestNeighbour|hydro.TestRange)
}

// The record of the coast, 142.6 mm in an hour, with rain around it: not failed,
// not doubted by its neighbours, and counted.
func TestTrapExtremeRainKept(t *testing.T) {
	p := newPlant(t, ring, "", "")
	p.fall(5, 60, 0, func(int) float64 { return 0 })
	p.fall(65, 120, 4, func(min int) float64 { return 11.8 + 0.1*float64(min/5%2) })
	for min := 65; min <= 120; min += 5 {
		p.wants("g", hydro.Rain, min, hydro.Pass, 0)
	}
	// In one hourly report it is above what is usual: doubted, kept in the sums.
	hourly := newSeries(t, &catalog.Parameter{Variable: hydro.Rain, Interval: time.Hour})
	got := hourly.put(60, 142.6)[0]
	if got.Quality != hydro.Suspect || got.Failed != 0 || !hydro.RainCounts(got.Quality, got.Tests) {
		t.Errorf("142.6 mm: %s %v", got.Quality, got.Tests.Names())
	}
}

// The clock of a station runs ahead, or behind: each report is as early or as
// late as the last. A backlog is late too, and is none.
func TestTrapClockDrift(t *testing.T) {
	play := func(delay func(i int) time.Duration) []hydro.Observation {
		s := newSeries(t, level())
		var out []hydro.Observation
		for i := range 12 {
			at := t0.Add(time.Duration(i) * 5 * time.Minute)
			out = append(out, s.reading(reading(s.p, at, 3+0.01*float64(i)), at.Add(delay(i)))...)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		delay func(i int) time.Duration
		why   string
	}{
		{"ahead", func(i int) time.Duration { return -8*time.Minute + time.Duration(i%2)*time.Second }, "clock: the last 6 reports are stamped about 8m ahead of their arrival"},
		{"behind", func(i int) time.Duration { return 12*time.Minute + time.Duration(i%2)*4*time.Second }, "clock: the last 6 reports are stamped about 12m2s behind their arrival"},
		{"right", func(i int) time.Duration { return time.Duration(i%5) * time.Second }, ""},
		{"a slow link", func(int) time.Duration { return 4 * time.Minute }, ""},
		{"a backlog", func(i int) time.Duration { return time.Duration(12-i) * 5 * time.Minute }, "late: arrived"},
	} {
		last := play(c.delay)[11]
		if off := last.Tests&hydro.NoteClock != 0; off != (len(c.why) > 20) || last.Quality != hydro.Pass || off && last.Why != c.why {
			t.Errorf("%s: %s %v %q", c.name, last.Quality, last.Tests.Names(), last.Why)
		}
	}
}

// Two sensors at one site differ: both are doubted and named, neither wins, and no
// mean of them is made. Across datums they are not compared at all.
func TestTrapCoLocatedDisagreement(t *testing.T) {
	const stations = `
  - {id: a, name: A, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m, fail_outside: [0, 20]}, {variable: rain, every: 5m}]}
  - {id: c, name: C, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m, fail_outside: [0, 20], step: {suspect: 0.5, fail: 2}}, {variable: rain, every: 5m}]}
`
	const site = `sites: [{id: s, name: S, stations: [a, c], authority: {water_level: a, rain: a}, disagree: {water_level: 0.2, rain: 10}}]
`
	p := newPlant(t, stations, "", site)
	for i := range 13 {
		p.put("a", hydro.WaterLevel, 5*i, 5)
		p.put("c", hydro.WaterLevel, 5*i, 5+0.05*float64(i))
		p.put("a", hydro.Rain, 5*i, 0)
		p.put("c", hydro.Rain, 5*i, 1.2)
		p.tick()
	}
	for _, id := range []string{"a", "c"} {
		p.wants(id, hydro.WaterLevel, 5, hydro.Pass, 0)
		p.wants(id, hydro.WaterLevel, 60, hydro.Suspect, hydro.TestSite)
		p.wants(id, hydro.Rain, 60, hydro.Suspect, hydro.TestSite)
	}
	if w := "site: 5 m, c has 5.6 m, limit 0.2 m, 3 reports in a row"; p.why("a", hydro.WaterLevel, 60) != w {
		t.Errorf("why: %q", p.why("a", hydro.WaterLevel, 60))
	}
	if w := "site: 14.4 mm in 1h, a has 0 mm, limit 10 mm"; p.why("c", hydro.Rain, 60) != w {
		t.Errorf("why: %q", p.why("c", hydro.Rain, 60))
	}
	// One that its own tests hold back makes the other none the worse.
	p = newPlant(t, stations, "", site)
	for i := range 13 {
		p.put("a", hydro.WaterLevel, 5*i, 5)
		p.put("c", hydro.WaterLevel, 5*i, 5+float64(i%2)*10)
		p.tick()
	}
	p.wants("a", hydro.WaterLevel, 60, hydro.Pass, 0)
	_, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(head + `stations:
  - {id: a, name: A, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m}]}
  - {id: c, name: C, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 5m}]}
basins: [{id: b, name: B, nodes: [{id: outlet, name: O}]}]
sites: [{id: s, name: S, stations: [a, c], authority: {water_level: a}, disagree: {water_level: 0.2}}]
`)}})
	if len(problems) != 1 || problems[0].Line != 7 {
		t.Errorf("levels on unknown datums: %v", problems)
	}
}

// A spike is one when it comes back down: until then it is only doubtful.
func TestTrapSpikeThatComesBackDown(t *testing.T) {
	s := newSeries(t, level())
	s.run(3, 3)
	if up := s.put(10, 4); len(up) != 1 || up[0].Quality != hydro.Suspect || up[0].Outcome(hydro.TestSpike) != hydro.NotRun {
		t.Fatalf("on its way up: %+v", up)
	}
	back := s.put(15, 3.02)
	if len(back) != 2 || back[1].Quality != hydro.Fail || back[1].Outcome(hydro.TestSpike) != hydro.Condemned || back[1].Outcome(hydro.TestStep) != hydro.Suspected {
		t.Fatalf("back down: %+v", back)
	}
	if w := "step: 3 to 4 m in 5m, limit 0.5 m per 5m; spike: back at 3.02 m 5m later"; back[1].Why != w {
		t.Errorf("why: %q", back[1].Why)
	}
}

// A river may rise faster than it can fall.
func TestTrapFallFasterThanARiverCan(t *testing.T) {
	p := level()
	p.Limits.DownSuspect = 0.1
	s := newSeries(t, p)
	got := s.run(3, 3.4, 3.75, 3.55)
	for _, g := range got[:3] {
		want(t, g, hydro.Pass, 0)
	}
	want(t, got[3], hydro.Suspect, hydro.TestStep)
	if o := s.put(20, 3.2); o[0].Why != "step: 3.75 to 3.2 m in 10m, limit 0.1 m per 5m" {
		t.Errorf("why: %q", o[0].Why)
	}
}

// A counter that somebody sets to 0 did not lose rain, and did not measure any.
func TestTrapCounterReset(t *testing.T) {
	c := newCounter()
	c.minutes(100, 102, 1, 3)
	if got := c.stands(); got != "5/5:2 10/5:- 15/5:2" {
		t.Error(got)
	}
}

// PT goes to 0 at the turn of the year, in Beijing, in the middle of the rain.
func TestTrapCounterAtNewYear(t *testing.T) {
	newYear := time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC) // 00:00 in Beijing
	c := newCounter()
	c.p.Limits.High = 5000
	c.p.Resets = catalog.Resets{Every: "year", Month: 1, Day: 1}
	c.zone = time.FixedZone("", 8*3600)
	for i, v := range []float64{1999, 2000, 2002, 1.5, 2} {
		c.put(newYear.Add(time.Duration(i-2)*5*time.Minute), v)
	}
	var mm []float64
	for _, s := range c.rain.Samples {
		if s.Quality != hydro.Pass {
			t.Errorf("%s: %s %v", s.Time(), s.Quality, s.Tests.Names())
		}
		mm = append(mm, s.Value)
	}
	if !slices.Equal(mm, []float64{1, 2, 1.5, 0.5}) {
		t.Errorf("rain %v mm", mm)
	}
}

// PJ goes to 0 at 08:00. What it shows afterwards has fallen since; what fell
// between the last report and 08:00 is not known and not counted as dry.
func TestTrapCounterOfTheDay(t *testing.T) {
	eight := time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC)
	c := newCounter()
	c.p.Resets = catalog.Resets{Every: "day", At: 8 * time.Hour}
	c.zone = time.FixedZone("", 8*3600)
	c.put(eight.Add(-10*time.Minute), 40)
	c.put(eight.Add(-5*time.Minute), 41)
	c.put(eight.Add(10*time.Minute), 3)
	s := c.rain.Samples
	if len(s) != 2 || s[1].Value != 3 || s[1].Interval != 600 || s[1].Quality != hydro.Pass {
		t.Errorf("got %+v", s)
	}
	// At any other time a counter that goes down was reset by somebody.
	c.put(eight.Add(20*time.Minute), 1)
	if s = c.rain.Samples; s[2].Quality != hydro.Fail || s[2].Tests&hydro.TestCounterReset == 0 {
		t.Errorf("got %+v", s[2])
	}
}

// Somebody pours a litre into the gauge to see whether it tips, and lifts the
// sensor out of the river: kept, named, not used.
func TestTrapMaintenance(t *testing.T) {
	p := newPlant(t, `
  - {id: m, name: M, department: hydrology, kind: hydrological, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER,
     parameters: [{variable: water_level, every: 5m, fail_outside: [0, 20]}, {variable: rain, every: 5m}],
     maintenance: [{from: 2026-06-01T08:10:00+08:00, to: 2026-06-01T08:30:00+08:00, why: 校准 calibration}]}
`, "", "")
	for i := range 8 {
		p.put("m", hydro.WaterLevel, 5*i, 5)
		p.put("m", hydro.Rain, 5*i, 2)
	}
	for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Rain} {
		p.wants("m", v, 5, hydro.Pass, 0)
		p.wants("m", v, 10, hydro.Suspect, hydro.NoteMaintenance)
		p.wants("m", v, 25, hydro.Suspect, hydro.NoteMaintenance)
		p.wants("m", v, 30, hydro.Pass, 0)
		if s := p.stands("m", v, 10); v == hydro.Rain && hydro.RainCounts(s.Quality, s.Tests) {
			t.Error("what was poured in counts as rain")
		}
	}
	if w := "maintenance: 校准 calibration"; p.why("m", hydro.WaterLevel, 10) != w {
		t.Errorf("why: %q", p.why("m", hydro.WaterLevel, 10))
	}
	if obs := p.tick(); len(obs) > 0 {
		t.Errorf("the tick has nothing to add, and gave out %d", len(obs))
	}
}
