package quality_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A plant is the quality control of a basin as the engine runs it: readings are
// checked as they come, series compared on ticks.
type plant struct {
	tb    interface{ Fatalf(string, ...any) }
	c     *catalog.Catalog
	net   *quality.Network
	all   []quality.Series
	given map[hydro.Key]map[int64]hydro.Observation // what a reader of the outputs holds
	memo  quality.Memo
}

// forever is an oldest instant before which nothing stood.
var forever = t0.Add(-30 * 24 * time.Hour).UnixMilli()

const head = `catalog: {name: t, title: T}
departments: [{id: hydrology, name: H}]
`

// newPlant makes a plant of a catalogue of the basin b with the stations given
// and what else is added to the basin and to the file.
func newPlant(tb interface{ Fatalf(string, ...any) }, stations, basin, more string) *plant {
	dam := ""
	if strings.Contains(basin, "reservoirs:") {
		dam = ", reservoir: res"
	}
	text := head + "stations:\n" + stations + `
basins:
  - id: b
    name: B
` + basin + "\n    nodes: [{id: outlet, name: O" + dam + "}]\n" + more
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		tb.Fatalf("%v", catalog.Problems(problems))
	}
	return plantOf(tb, c)
}

func plantOf(tb interface{ Fatalf(string, ...any) }, c *catalog.Catalog) *plant {
	p := &plant{tb: tb, c: c, given: map[hydro.Key]map[int64]hydro.Observation{}}
	p.use(quality.NewNetwork(c, c.Basins[0].ID))
	return p
}

func (p *plant) use(n *quality.Network) {
	p.net = n
	if p.all == nil {
		p.all = make([]quality.Series, n.Len())
	}
	for i := range p.all {
		if p.all[i].History == nil {
			p.all[i] = quality.Series{History: &hydro.History{}, Changed: &quality.Hours{}}
		}
	}
}

func (p *plant) hold(obs []hydro.Observation) {
	for _, o := range obs {
		if p.given[o.Key] == nil {
			p.given[o.Key] = map[int64]hydro.Observation{}
		}
		p.given[o.Key][o.At.UnixMilli()] = o
	}
}

// take checks one reading.
func (p *plant) take(r hydro.Reading, received time.Time) {
	i := p.net.Slot(r.Key)
	st, _ := p.c.Station(r.Station)
	param, ok := st.Parameter(r.Variable, r.Sensor)
	if i < 0 || !ok {
		p.tb.Fatalf("no series %s", r.Key)
	}
	x := &p.all[i]
	x.Datum = r.Datum
	obs := quality.Check(&param, st.Kind, x.History, r, received, nil)
	for _, o := range obs {
		x.Changed.Add(o.At.UnixMilli())
	}
	p.hold(obs)
}

func (p *plant) tick() []hydro.Observation {
	obs := p.net.Judge(p.all, forever, &p.memo, nil)
	p.hold(obs)
	return obs
}

// read makes a reading of a station, min minutes after t0.
func (p *plant) read(station string, v hydro.Variable, min int, x float64) hydro.Reading {
	st, _ := p.c.Station(station)
	param, ok := st.Parameter(v, 0)
	if !ok {
		p.tb.Fatalf("%s does not measure %s", station, v)
	}
	r := hydro.Reading{Key: hydro.Key{Station: station, Variable: v}, At: t0.Add(time.Duration(min) * time.Minute), Raw: x, Value: x}
	if v == hydro.Rain {
		r.Interval = param.Interval
	}
	if v == hydro.WaterLevel {
		r.Datum = st.Datum.Name
	}
	return r
}

func (p *plant) put(station string, v hydro.Variable, min int, x float64) {
	r := p.read(station, v, min, x)
	p.take(r, r.At.Add(time.Second))
}

// stands returns the sample of a series at a minute.
func (p *plant) stands(station string, v hydro.Variable, min int) hydro.Sample {
	h := p.all[p.net.Slot(hydro.Key{Station: station, Variable: v})].History
	i, found := h.Find(t0.Add(time.Duration(min) * time.Minute).UnixMilli())
	if !found {
		p.tb.Fatalf("nothing stands for %s at minute %d", station, min)
	}
	return h.Samples[i]
}

func (p *plant) why(station string, v hydro.Variable, min int) string {
	return p.given[hydro.Key{Station: station, Variable: v}][t0.Add(time.Duration(min)*time.Minute).UnixMilli()].Why
}

func (p *plant) wants(station string, v hydro.Variable, min int, q hydro.Quality, tests hydro.Tests) {
	s := p.stands(station, v, min)
	if s.Quality != q || s.Tests != tests {
		p.tb.Fatalf("%s at minute %d, %g: %s %v, want %s %v (%s)", station, min, s.Value, s.Quality, s.Tests.Names(), q, tests.Names(), p.why(station, v, min))
	}
}

// ring is a gauge g and four around it, some 10 km off, every five minutes.
const ring = `
  - {id: g, name: G, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: +08:00, elevation: 100, parameters: [{variable: rain, every: 5m}]}
  - {id: n1, name: N, department: hydrology, kind: rain, basin: b, at: [112.1, 22], zone: +08:00, elevation: 100, parameters: [{variable: rain, every: 5m}]}
  - {id: n2, name: N, department: hydrology, kind: rain, basin: b, at: [111.9, 22], zone: +08:00, parameters: [{variable: rain, every: 5m}]}
  - {id: n3, name: N, department: hydrology, kind: rain, basin: b, at: [112, 22.1], zone: +08:00, elevation: 100, parameters: [{variable: rain, every: 5m}]}
  - {id: high, name: N, department: hydrology, kind: rain, basin: b, at: [112, 21.9], zone: +08:00, elevation: 1900, parameters: [{variable: rain, every: 5m}]}
`

var around = []string{"n1", "n2", "n3", "high"}

// fall gives every gauge around so many mm in 5 min, and g what f says, from
// minute from to minute to.
func (p *plant) fall(from, to int, mm float64, g func(min int) float64) {
	for min := from; min <= to; min += 5 {
		for _, id := range around {
			p.put(id, hydro.Rain, min, mm)
		}
		p.put("g", hydro.Rain, min, g(min))
		p.tick()
	}
}

func TestAGaugeAtAnotherHeightIsFartherOff(t *testing.T) {
	p := newPlant(t, ring, "", "")
	at := func(id string) *catalog.Station { s, _ := p.c.Station(id); return s }
	flat, steep := catalog.Apart(at("g"), at("n3"), 2), catalog.Apart(at("g"), at("high"), 2)
	if flat < 11 || flat > 11.3 || steep < 37 || steep > 38 {
		t.Errorf("%.2f km and %.2f km, want 11.1 km and hypot(11.1, 36) km", flat, steep)
	}
	if unknown := catalog.Apart(at("n2"), at("high"), 2); unknown > 16 {
		t.Errorf("%.2f km where one height is not known", unknown)
	}
	// At 1900 m it is beyond the 30 km within which gauges speak about each other.
	p.fall(5, 60, 0, func(int) float64 { return 0 })
	for min := 65; min <= 120; min += 5 {
		for _, id := range around[:3] {
			p.put(id, hydro.Rain, min, 0)
		}
		p.put("high", hydro.Rain, min, 8)
		p.put("g", hydro.Rain, min, 8)
	}
	p.tick()
	if s := p.stands("g", hydro.Rain, 120); s.Tests&hydro.TestNeighbour == 0 {
		t.Errorf("96 mm in an hour that only a gauge on another mountain had, too: %s %v", s.Quality, s.Tests.Names())
	}
}

func TestWhatRanCouldNotBeEvaluatedAndFailedIsToldApart(t *testing.T) {
	p := newPlant(t, ring, "", "")
	for min := 5; min <= 60; min += 5 {
		p.put("g", hydro.Rain, min, 0.2)
	}
	p.tick()
	o := p.given[hydro.Key{Station: "g", Variable: hydro.Rain}][t0.Add(time.Hour).UnixMilli()]
	if o.Outcome(hydro.TestNeighbour) != hydro.NotRun || o.Outcome(hydro.TestRange) != hydro.Passed {
		t.Errorf("alone: %v ran", o.Ran.Names())
	}
	for min := 5; min <= 60; min += 5 {
		for _, id := range around {
			p.put(id, hydro.Rain, min, 0.2)
		}
	}
	p.tick()
	if s := p.stands("g", hydro.Rain, 60); s.Ran&(hydro.TestNeighbour|hydro.TestBlocked) != hydro.TestNeighbour|hydro.TestBlocked || s.Quality != hydro.Pass {
		t.Errorf("with neighbours: %v ran, %s", s.Ran.Names(), s.Quality)
	}
	p.put("g", hydro.Rain, 65, 700)
	o = p.given[hydro.Key{Station: "g", Variable: hydro.Rain}][t0.Add(65*time.Minute).UnixMilli()]
	if o.Outcome(hydro.TestRange) != hydro.Condemned || o.Quality != hydro.Fail {
		t.Errorf("700 mm in 5 min: %v failed", o.Failed.Names())
	}
}

func TestALateNeighbourClearsWhatItsSilenceMadeSuspect(t *testing.T) {
	p := newPlant(t, ring, "", "")
	for min := 5; min <= 120; min += 5 {
		for _, id := range []string{"n1", "n2"} {
			p.put(id, hydro.Rain, min, 0)
		}
		mm := 0.0
		if min > 60 {
			mm = 8
		}
		p.put("g", hydro.Rain, min, mm)
		p.tick()
	}
	p.wants("g", hydro.Rain, 120, hydro.Suspect, hydro.TestNeighbour)
	if w := "neighbour: 96 mm in 1h, 2 gauges within 30 km had 0 mm at most, limit 50 mm"; p.why("g", hydro.Rain, 120) != w {
		t.Errorf("why: %q", p.why("g", hydro.Rain, 120))
	}
	for min := 5; min <= 120; min += 5 { // n3 had a broken link, and the storm
		mm := 0.0
		if min > 60 {
			mm = 6
		}
		p.put("n3", hydro.Rain, min, mm)
	}
	given := p.tick()
	p.wants("g", hydro.Rain, 120, hydro.Pass, 0)
	again := slices.ContainsFunc(given, func(o hydro.Observation) bool {
		return o.Station == "g" && o.At.Equal(t0.Add(2*time.Hour)) && o.Quality == hydro.Pass && o.Why == ""
	})
	if !again {
		t.Error("the verdict that changed was not given out again")
	}
}

func TestRainOfADayAboveTheStationsLimitIsSuspect(t *testing.T) {
	p := newPlant(t, `
  - {id: g, name: G, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: +08:00, parameters: [{variable: rain, every: 1h, day_total: 100}]}
`, "    season: {day_start: 08:00, zone: Asia/Shanghai}", "")
	for hour := 1; hour <= 30; hour++ { // t0 is 08:00 in the zone
		p.put("g", hydro.Rain, hour*60, 5)
		p.tick()
	}
	p.wants("g", hydro.Rain, 20*60, hydro.Suspect, hydro.TestStuck)
	s := p.stands("g", hydro.Rain, 21*60)
	if s.Tests&hydro.TestDayTotal == 0 {
		t.Errorf("105 mm since 08:00: %v", s.Tests.Names())
	}
	if s := p.stands("g", hydro.Rain, 25*60); s.Tests&hydro.TestDayTotal != 0 {
		t.Errorf("the next day began anew: %v", s.Tests.Names())
	}
}

func TestStorageMustFitTheLevel(t *testing.T) {
	p := newPlant(t, `
  - {id: r, name: R, department: hydrology, kind: reservoir, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m}, {variable: storage, every: 5m}]}
`, `    reservoirs: [{id: res, name: R, station: r, node: outlet, datum: PEARL_RIVER, storage_curve: [[80, 100], [90, 200]], normal: 88, dam_crest: 95, capacity: 200}]`, "")
	for i, c := range []struct {
		level, storage float64
		q              hydro.Quality
		tests          hydro.Tests
	}{
		{85, 150, hydro.Pass, 0},
		{85, 150.9, hydro.Pass, 0},
		{85, 152, hydro.Suspect, hydro.TestStorageCurve},
		{85, 1.5, hydro.Suspect, hydro.TestStorageCurve}, // 1e8 m3
		{85, 15000, hydro.Suspect, hydro.TestStorageCurve},
		{95, 210, hydro.NotEvaluated, 0}, // above the curve
	} {
		p.put("r", hydro.WaterLevel, 5*i, c.level)
		p.put("r", hydro.Storage, 5*i, c.storage)
		p.tick()
		p.wants("r", hydro.Storage, 5*i, c.q, c.tests)
	}
	if w := "storage_curve: 152 1e6 m3 at 85 m, the curve has 150"; p.why("r", hydro.Storage, 10) != w {
		t.Errorf("why: %q", p.why("r", hydro.Storage, 10))
	}
}

func TestALevelAndTheRainAboveIt(t *testing.T) {
	stations := func(then string) string {
		return fmt.Sprintf(`
  - {id: z, name: Z, department: hydrology, kind: level, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 1h, fail_outside: [-5, 50], rain: {gauges: [g], within: 3h, rise: 1, dry: 1, heavy: 60, expect: 0.1, then: %s}}]}
  - {id: g, name: G, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: +08:00, parameters: [{variable: rain, every: 1h}]}
`, then)
	}
	for _, c := range []struct {
		name, then string
		rain       [12]float64
		level      [12]float64
		q          hydro.Quality
		tests      hydro.Tests
		why        string
	}{
		{"a flood", "suspect", [12]float64{6: 30, 7: 30}, [12]float64{8: 1, 9: 1.5, 10: 2, 11: 2}, hydro.Pass, 0, ""},
		{"a rise out of dry weather", "suspect", [12]float64{}, [12]float64{9: 0.5, 10: 1, 11: 1.5}, hydro.Suspect, hydro.TestRainLevel, "rain_level: rose by 1.5 m in 3h, the gauges above had 0 mm at most"},
		{"the same as a note", "note", [12]float64{}, [12]float64{9: 0.5, 10: 1, 11: 1.5}, hydro.Pass, hydro.NoteRainLevel, "rain_level_note: rose by 1.5 m in 3h, the gauges above had 0 mm at most"},
		{"no rise after a cloudburst", "suspect", [12]float64{6: 40, 7: 50}, [12]float64{}, hydro.Suspect, hydro.TestRainLevel, "rain_level: 90 mm at every gauge above, rose by 0 m in the 3h behind it, expected 0.1 m"},
	} {
		p := newPlant(t, stations(c.then), "", "")
		for i := range 12 {
			p.put("g", hydro.Rain, 60*i, c.rain[i])
			p.put("z", hydro.WaterLevel, 60*i, c.level[i])
			p.tick()
		}
		s := p.stands("z", hydro.WaterLevel, 11*60)
		if s.Quality != c.q || s.Tests != c.tests || p.why("z", hydro.WaterLevel, 11*60) != c.why {
			t.Errorf("%s: %s %v %q", c.name, s.Quality, s.Tests.Names(), p.why("z", hydro.WaterLevel, 11*60))
		}
	}
}

func TestVerdictsBetweenSeriesHangOnTheHistoriesAlone(t *testing.T) {
	const stations = ring + `
  - {id: z, name: Z, department: hydrology, kind: level, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m, fail_outside: [-5, 50], rain: {gauges: [g, n1], within: 1h, rise: 0.3, dry: 5, then: suspect}}]}
  - {id: y, name: Y, department: hydrology, kind: level, basin: b, at: [112, 22], zone: +08:00, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m}], maintenance: [{from: 2026-06-01T01:00:00Z, to: 2026-06-01T02:00:00Z, why: cleaning}]}
`
	const more = `sites: [{id: s, name: S, stations: [y, z], authority: {water_level: z}, apart: {water_level: 0.3}}, {id: r, name: R, stations: [g, n1], authority: {rain: g}, apart: {rain: 30}}]
`
	rapid.Check(t, func(t *rapid.T) {
		whole, parts := newPlant(t, stations, "", more), newPlant(t, stations, "", more)
		var readings []hydro.Reading
		for min := 5; min <= 5*rapid.IntRange(10, 60).Draw(t, "steps"); min += 5 {
			pour := rapid.SampledFrom([]float64{0, 0, 0, 4}).Draw(t, "pour")
			for _, id := range append([]string{"g"}, around...) {
				if rapid.IntRange(0, 9).Draw(t, "report") > 0 {
					readings = append(readings, whole.read(id, hydro.Rain, min, pour*rapid.SampledFrom([]float64{1, 1, 1, 0, 10}).Draw(t, "share")))
				}
			}
			for _, id := range []string{"y", "z"} {
				readings = append(readings, whole.read(id, hydro.WaterLevel, min, 2+rapid.SampledFrom([]float64{0, 0, 0.1, 0.5, 30}).Draw(t, "level")))
			}
		}
		for _, r := range readings {
			whole.take(r, r.At)
		}
		whole.tick()
		for _, r := range rapid.Permutation(readings).Draw(t, "order") {
			parts.take(r, r.At)
			if rapid.IntRange(0, 19).Draw(t, "tick") == 0 {
				parts.tick()
			}
		}
		parts.tick()
		fired := hydro.Tests(0)
		for i := range whole.all {
			want := whole.all[i].History.Samples
			if d := cmp.Diff(want, parts.all[i].History.Samples); d != "" {
				t.Fatalf("%s: %s", whole.net.Key(i), d)
			}
			for _, s := range want {
				fired |= s.Tests
				o := parts.given[whole.net.Key(i)][s.At]
				if o.Quality != s.Quality || o.Tests != s.Tests || (o.Why != "") != (s.Tests != 0) {
					t.Fatalf("%s at %s: given out %s %v %q, stands %s %v", whole.net.Key(i), s.Time(), o.Quality, o.Tests.Names(), o.Why, s.Quality, s.Tests.Names())
				}
			}
		}
		if again := parts.tick(); len(again) > 0 {
			t.Fatalf("a tick without readings gave out %d", len(again))
		}
	})
}

func TestWhatWouldBeComparedWithForgottenValuesKeepsItsVerdict(t *testing.T) {
	p := newPlant(t, ring, "", "")
	p.fall(5, 60, 0, func(int) float64 { return 0 })
	p.fall(65, 120, 0, func(int) float64 { return 6 })
	p.wants("g", hydro.Rain, 120, hydro.Suspect, hydro.TestNeighbour)
	for i := range p.all {
		p.all[i].History.Prune(t0.Add(118 * time.Minute).UnixMilli())
		*p.all[i].Changed = quality.AllHours()
	}
	if obs := p.net.Judge(p.all, t0.Add(118*time.Minute).UnixMilli(), &p.memo, nil); len(obs) > 0 {
		t.Errorf("given out: %+v", obs)
	}
	p.wants("g", hydro.Rain, 120, hydro.Suspect, hydro.TestNeighbour)
}

func TestACatalogueThatTakesAMaintenanceWindowBackFreesItsReadings(t *testing.T) {
	const station = `
  - {id: z, name: Z, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m, fail_outside: [0, 9]}]%s}
`
	in := newPlant(t, fmt.Sprintf(station, ", maintenance: [{from: 2026-06-01T00:00:00Z, to: 2026-06-01T00:10:00Z, why: new sensor}]"), "", "")
	for min := 0; min <= 15; min += 5 {
		in.put("z", hydro.WaterLevel, min, 3)
	}
	in.tick()
	in.wants("z", hydro.WaterLevel, 5, hydro.Suspect, hydro.NoteMaintenance)
	in.wants("z", hydro.WaterLevel, 10, hydro.Pass, 0)
	free := newPlant(t, fmt.Sprintf(station, ""), "", "")
	in.use(free.net)
	*in.all[0].Changed = quality.AllHours()
	if got := in.tick(); len(got) != 2 || got[0].Quality != hydro.Pass {
		t.Errorf("given out: %+v", got)
	}
	in.wants("z", hydro.WaterLevel, 5, hydro.Pass, 0)
}

func TestJudgingDryWeatherAllocatesNothing(t *testing.T) {
	p := newPlant(t, ring, "", "")
	p.fall(5, 240, 0, func(int) float64 { return 0 })
	out := make([]hydro.Observation, 0, 1)
	if n := testing.AllocsPerRun(100, func() {
		for i := range p.all {
			p.all[i].Changed.Add(t0.Add(4 * time.Hour).UnixMilli())
		}
		out = p.net.Judge(p.all, forever, &p.memo, out[:0])
	}); n > 0 || len(out) > 0 {
		t.Errorf("%g allocations, %d given out", n, len(out))
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, gauges := range []int{100, 1000} {
		for _, weather := range []struct {
			name     string
			mm, less float64 // of each third gauge
		}{{"dry", 0, 0}, {"pouring", 2, 2}, {"showers", 2, 0}} {
			b.Run(fmt.Sprintf("gauges=%d/%s", gauges, weather.name), func(b *testing.B) {
				var text strings.Builder
				for i := range gauges {
					fmt.Fprintf(&text, "  - {id: g%d, name: G, department: hydrology, kind: rain, basin: b, at: [%g, %g], zone: UTC, parameters: [{variable: rain, every: 5m}]}\n",
						i, 112+float64(i%40)*0.05, 22+float64(i/40)*0.05)
				}
				p := newPlant(b, text.String(), "", "")
				for i := range gauges {
					for min := 5; min <= 24*60; min += 5 {
						mm := weather.mm * float64(1+i%3)
						if i%3 == 0 {
							mm = weather.less
						}
						p.put(fmt.Sprintf("g%d", i), hydro.Rain, min, mm)
					}
				}
				p.tick()
				var out []hydro.Observation
				for b.Loop() { // the newest report of every gauge is new
					for i := range p.all {
						p.all[i].Changed.Add(t0.Add(24 * time.Hour).UnixMilli())
					}
					out = p.net.Judge(p.all, forever, &p.memo, out[:0])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(gauges), "ns/gauge")
			})
		}
	}
}
