package forecast_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/forecast/xinanjiang"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// panned is small() with a station "evap" that has a pan read once in every, by
// which the sub-basins of the headwater and the lake go, and a warm-up of 48 h.
func panned(every time.Duration, factor float64) *catalog.Catalog {
	c := small()
	c.Stations = slices.Insert(c.Stations, 1, catalog.Station{
		ID: "evap", Kind: catalog.RainStation, Basin: "b", Lon: 112, Lat: 22.2, Zone: "UTC",
		Parameters: []catalog.Parameter{{Variable: hydro.PanEvaporation, Interval: every}},
	})
	c.Basins[0].Settings.Warmup, c.Basins[0].Settings.Horizon = 48*time.Hour, 6*time.Hour
	for i := range 2 {
		r := &c.Basins[0].SubBasins[i].Runoff
		r.Pan, r.PanFactor = "evap", factor
	}
	return c
}

// evaporated reports that a depth evaporated from the pan over the time to at.
func (b book) evaporated(at time.Time, over time.Duration, mm float64, q hydro.Quality) {
	k := hydro.Key{Station: "evap", Variable: hydro.PanEvaporation}
	if b[k] == nil {
		b[k] = &hydro.History{}
	}
	b[k].Put(hydro.Sample{At: at.UnixMilli(), Received: at.UnixMilli(), Value: mm, Raw: mm, Quality: q, Interval: int32(over.Seconds())})
}

// panNotes returns what a forecast says of the pan.
func panNotes(f hydro.Forecast) (out []string) {
	for _, n := range slices.Concat(f.Notes, f.MissingGauges) {
		if strings.Contains(n, "evap") {
			out = append(out, n)
		}
	}
	return out
}

// What evaporates is what the pan says times its factor: the ground is that of its
// library with that much, and keeps its water.
func TestWaterIsKeptWithAPan(t *testing.T) {
	for _, name := range []string{"saturation", "xinanjiang"} {
		r := kindNamed(t, name)
		rapid.Check(t, func(t *rapid.T) {
			every := time.Duration(rapid.IntRange(1, 36).Draw(t, "steps")) * every5
			factor := rapid.Float64Range(0.1, 2).Draw(t, "factor")
			c := panned(every, factor)
			b := &c.Basins[0]
			b.SubBasins = b.SubBasins[:1]
			sub := &b.SubBasins[0]
			sub.Gauges, sub.Runoff = []string{"p1"}, r
			sub.Runoff.Pan, sub.Runoff.PanFactor, sub.Runoff.Evaporation = "evap", factor, rapid.Float64Range(0, 20).Draw(t, "table")
			b.Settings.Warmup = 3 * time.Hour
			m, err := forecast.Compile(c, "b")
			if err != nil {
				t.Fatal(err)
			}
			start := t0.Add(-3 * time.Hour)
			obs := book{}
			rain := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 15)), 72, 72).Draw(t, "rain")
			for i, mm := range rain {
				obs.put("p1", hydro.Rain, start.Add(time.Duration(i+1)*every5), mm, hydro.Pass)
			}
			pet := make([]float64, len(rain)) // mm per step
			for i := range pet {
				pet[i] = sub.Runoff.Evaporation * 300 / 86400
			}
			steps := int(every / every5)
			for from := 0; from+steps <= len(rain); from += steps {
				if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
					continue
				}
				mm := rapid.Float64Range(0, 10).Draw(t, "pan")
				obs.evaporated(start.Add(time.Duration(from+steps)*every5), every, mm, hydro.Pass)
				for i := range steps {
					pet[from+i] = factor * mm / float64(steps)
				}
			}
			_, next, err := m.Run(m.Start(t0), t0.Add(3*time.Hour), "schedule", obs.source, forecast.Ahead{})
			if err != nil {
				t.Fatal(err)
			}
			if !next.At.Equal(t0) {
				t.Fatalf("the state is of %s", next.At)
			}
			ground := newOracle(t, &sub.Runoff)
			before, in, out := ground.storage(), 0.0, 0.0
			for i := range 36 {
				spread, direct, lost := ground.step(rain[i], pet[i])
				in, out = in+rain[i], out+spread+direct+lost
			}
			if diff := ground.diff(next.SubBasins[0]); diff != "" {
				t.Fatalf("the ground is not that of its library:\n%s", diff)
			}
			if rise := ground.storage() - before; math.Abs(in-out-rise) > 1e-9*(1+in) {
				t.Fatalf("%g mm fell, %g mm left and the store rose by %g mm", in, out, rise)
			}
		})
	}
}

func kindNamed(t *testing.T, name string) catalog.Runoff {
	t.Helper()
	for _, k := range kinds() {
		if strings.HasPrefix(k.name, name) {
			return k.runoff
		}
	}
	t.Fatalf("no kind %s", name)
	return catalog.Runoff{}
}

// A pan that says what the table says changes nothing, by rate or by month.
func TestAPanThatSaysWhatTheTableSaysChangesNothing(t *testing.T) {
	for _, monthly := range []*xinanjiang.Monthly{nil, {4: 3, 5: 3}} {
		b := storm(t0.Add(-48*time.Hour), t0)
		for at := t0.Add(-48 * time.Hour); !at.After(t0); at = at.Add(24 * time.Hour) {
			b.evaporated(at, 24*time.Hour, 4, hydro.Pass)
		}
		c := panned(24*time.Hour, 0.75)
		without := panned(24*time.Hour, 0.75)
		for i := range 3 {
			c.Basins[0].SubBasins[i].Runoff.Monthly = monthly
			r := &without.Basins[0].SubBasins[i].Runoff
			r.Monthly, r.Pan, r.PanFactor = monthly, "", 0
		}
		with, plain := compile(t, c), compile(t, without)
		f, _ := run(t, with, with.Start(t0), t0, b.source)
		g, _ := run(t, plain, plain.Start(t0), t0, b.source)
		if diff := cmp.Diff(f, g, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
			t.Error(diff)
		}
		if notes := panNotes(f); notes != nil {
			t.Errorf("notes: %q", notes)
		}
	}
}

// Up to now it is as if the pan's depth were the table, where soil moisture is
// adjusted, too: a day that is computed again has the evaporation that it had.
func TestUpToNowAPanIsTheTable(t *testing.T) {
	b := storm(t0.Add(-48*time.Hour), t0.Add(24*time.Hour))
	for at := t0.Add(-48 * time.Hour); !at.After(t0.Add(24 * time.Hour)); at = at.Add(6 * time.Hour) {
		b.evaporated(at, 6*time.Hour, 4, hydro.Pass) // 16 mm/d
	}
	c := panned(6*time.Hour, 0.5)
	c.Basins[0].Settings.Warmup = 6 * time.Hour
	c.Basins[0].Nodes[0].Updating.Moisture = true
	plain := panned(6*time.Hour, 0.5)
	plain.Basins[0].Settings.Warmup, plain.Basins[0].Nodes[0].Updating.Moisture = 6*time.Hour, true
	for i := range 2 {
		r := &plain.Basins[0].SubBasins[i].Runoff
		r.Evaporation, r.Pan, r.PanFactor = 8, "", 0
	}
	end := func(c *catalog.Catalog) forecast.State {
		m := compile(t, c)
		_, s := run(t, m, m.Start(t0.Add(-42*time.Hour)), t0.Add(-42*time.Hour), b.source)
		for now := t0.Add(-36 * time.Hour); now.Before(t0.Add(-6 * time.Hour)); now = now.Add(6 * time.Hour) {
			_, s = run(t, m, s, now, b.source)
		}
		return s
	}
	x, y := end(c), end(plain)
	near := []cmp.Option{cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 1e-9)}
	if diff := cmp.Diff(x.SubBasins, y.SubBasins, near...) + cmp.Diff(x.Moisture, y.Moisture, near...); diff != "" {
		t.Errorf("by the pan, and by the table:\n%s", diff)
	}
	if x.Moisture[0].Last.Moved == 0 {
		t.Error("no day was computed again")
	}
}

// What the pan says of the last step before now counts in it.
func TestAPanCountsUpToNow(t *testing.T) {
	m := compile(t, panned(every5, 1))
	ahead := func(last float64) []float64 {
		b := storm(t0.Add(-48*time.Hour), t0.Add(-every5))
		for i := 1; i < 24; i++ {
			b.evaporated(t0.Add(-time.Duration(i)*every5), every5, 0.01, hydro.Pass)
		}
		b.put("p1", hydro.Rain, t0, 10, hydro.Pass)
		b.evaporated(t0, every5, last, hydro.Pass)
		f, _ := run(t, m, m.Start(t0), t0, b.source)
		return station(t, f, "up").Discharge
	}
	if wet, dry := ahead(0), ahead(5); !(slices.Max(dry) < slices.Max(wet)-1) {
		t.Errorf("at most %g m³/s if 5 mm evaporate in the last step, %g if none do", slices.Max(dry), slices.Max(wet))
	}
}

// Where the pan has no usable value the table stands in, and the run says since
// when; after now it stands whatever a pan has said.
func TestWhereThePanIsSilentTheTableStandsInAndIsTold(t *testing.T) {
	const hourly = time.Hour
	c := panned(hourly, 1)
	for i := range c.Basins[0].SubBasins {
		c.Basins[0].SubBasins[i].Runoff.Evaporation = 12
	}
	m := compile(t, c)
	day := func(silent func(h int) bool, value float64, q hydro.Quality) book {
		b := book{}
		for h := -47; h <= 6; h++ {
			if !silent(h) {
				b.evaporated(t0.Add(time.Duration(h)*time.Hour), hourly, 0.5, hydro.Pass) // 12 mm/d
			} else if q != 0 {
				b.evaporated(t0.Add(time.Duration(h)*time.Hour), hourly, value, q)
			}
		}
		return b
	}
	ends := func(b book) (hydro.Forecast, forecast.State) {
		f, _ := run(t, m, m.Start(t0), t0, b.source)
		_, s := run(t, m, m.Start(t0), t0.Add(48*time.Hour), b.source)
		return f, s
	}
	all, _ := ends(day(func(int) bool { return false }, 0, 0))
	if notes := panNotes(all); notes != nil {
		t.Errorf("notes: %q", notes)
	}
	for name, k := range map[string]struct {
		silent func(h int) bool
		value  float64
		q      hydro.Quality
		notes  []string
	}{
		"a gap": {func(h int) bool { return h > -20 && h <= -15 || h == -9 }, 0, 0, []string{
			"pan evap has no usable value for 6.0 h after 2026-05-31 04:00Z: evaporation of sub-basin head, lake is by the catalogue there",
		}},
		"late": {func(h int) bool { return h > -2 }, 0, 0, []string{
			"pan evap has no usable value since 2026-05-31 22:00Z: evaporation of sub-basin head, lake is by the catalogue from then on",
		}},
		"silent": {func(h int) bool { return h > -40 }, 0, 0, []string{
			"pan evap has no usable value since 2026-05-30 08:00Z: evaporation of sub-basin head, lake is by the catalogue from then on",
			"evap: pan_evaporation: silent since 2026-05-30 08:00Z",
		}},
		"bad": {func(h int) bool { return h > -40 }, 90, hydro.Fail, []string{
			"pan evap has no usable value since 2026-05-30 08:00Z: evaporation of sub-basin head, lake is by the catalogue from then on",
			"evap: pan_evaporation: fail since 2026-05-30 09:00Z",
		}},
		"none": {func(int) bool { return true }, 0, 0, []string{
			"pan evap has no usable value: evaporation of sub-basin head, lake is by the catalogue",
			"evap: pan_evaporation: no data",
		}},
	} {
		f, _ := ends(day(k.silent, k.value, k.q))
		if diff := cmp.Diff(k.notes, panNotes(f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(all.Stations, f.Stations, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
			t.Errorf("%s: the table says what the pan would:\n%s", name, diff)
		}
		for part := range strings.SplitSeq(f.HonestyZH(), "；") {
			if strings.Contains(part, "evap") && !strings.Contains(part, "蒸发") {
				t.Errorf("%s: not in Chinese: %q", name, part)
			}
		}
	}

	// A pan of twice the table dries the ground up to now, not after.
	wet, dry := book{}, book{}
	for h := -47; h <= 48; h++ {
		wet.evaporated(t0.Add(time.Duration(h)*time.Hour), hourly, 0, hydro.Pass)
		dry.evaporated(t0.Add(time.Duration(h)*time.Hour), hourly, 1, hydro.Pass)
	}
	f, s := ends(wet)
	g, d := ends(dry)
	if a, b := s.SubBasins[0].Store.Tension, d.SubBasins[0].Store.Tension; !(b < a-1) {
		t.Errorf("%g mm of tension water by a dry pan, %g mm by a wet one", b, a)
	}
	if a, b := s.SubBasins[2].Store.Tension, d.SubBasins[2].Store.Tension; a != b {
		t.Errorf("flat goes by no pan: %g and %g mm", a, b)
	}
	if panNotes(f) != nil || panNotes(g) != nil {
		t.Errorf("notes: %q, %q", panNotes(f), panNotes(g))
	}
	later := book{}
	for h := -47; h <= 48; h++ {
		mm := 0.0
		if h > 0 {
			mm = 90
		}
		later.evaporated(t0.Add(time.Duration(h)*time.Hour), hourly, mm, hydro.Pass)
	}
	h, _ := run(t, m, m.Start(t0), t0, later.source)
	if diff := diffForecasts(f, h); diff != "" {
		t.Errorf("what a pan says after now is read:\n%s", diff)
	}
}

// daily is storm with the pan read at 08:00, but for one day, which is known up to
// now.
func daily(to, now time.Time) book {
	b := storm(t0.Add(-72*time.Hour), to)
	for i := -3; ; i++ {
		at := t0.Add(time.Duration(i)*24*time.Hour + 8*time.Hour)
		if at.After(now) {
			return b
		}
		if i != 0 {
			b.evaporated(at, 24*time.Hour, 4+2*math.Sin(float64(i)), hydro.Pass)
		}
	}
}

// A day's depth arrives when the day is over: how often it ran before must not
// show, with the adjustment of soil moisture, too.
func TestRunsBeforeAPanIsReadDoNotShow(t *testing.T) {
	for _, moist := range []bool{false, true} {
		c := panned(24*time.Hour, 0.8)
		c.Basins[0].Nodes[0].Updating.Moisture = moist
		m := compile(t, c)
		often, seldom := m.Start(t0), m.Start(t0)
		end := t0.Add(90 * time.Hour)
		told := 0
		for now := t0; now.Before(end); now = now.Add(175 * time.Minute) {
			var f hydro.Forecast
			f, often = run(t, m, often, now, daily(end, now).source)
			told += len(panNotes(f))
		}
		if told == 0 {
			t.Error("no run says that the day is not read yet")
		}
		f, a := run(t, m, often, end, daily(end, end).source)
		g, b := run(t, m, seldom, end, daily(end, end).source)
		if diff := diffForecasts(f, g); diff != "" {
			t.Errorf("moisture %t:\n%s", moist, diff)
		}
		if diff := cmp.Diff(a.SubBasins, b.SubBasins); diff != "" || !a.At.Equal(b.At) {
			t.Errorf("moisture %t: states of %s and %s:\n%s", moist, a.At, b.At, diff)
		}
	}
}

// A reading that comes late within the warm-up counts as if it had been in time.
func TestALatePanHealsWithinTheWarmup(t *testing.T) {
	m := compile(t, panned(24*time.Hour, 0.8))
	end := t0.Add(70 * time.Hour)
	late := func(now time.Time) time.Time { return now.Add(-20 * time.Hour) }
	a, b := m.Start(t0), m.Start(t0)
	for now := t0; now.Before(end); now = now.Add(2 * time.Hour) {
		_, a = run(t, m, a, now, daily(end, now).source)
		_, b = run(t, m, b, now, daily(end, late(now)).source)
	}
	f, _ := run(t, m, a, end, daily(end, end).source)
	g, _ := run(t, m, b, end, daily(end, end).source)
	if diff := diffForecasts(f, g); diff != "" {
		t.Error(diff)
	}
}

func TestARunWithAPanFromAStoredStateEqualsGoingOn(t *testing.T) {
	c := panned(24*time.Hour, 0.8)
	c.Basins[0].Nodes[0].Updating.Moisture = true
	m := compile(t, c)
	s, again := m.Start(t0), m.Start(t0)
	end := t0.Add(96 * time.Hour)
	b := daily(end, end)
	for now := t0; now.Before(end); now = now.Add(3 * time.Hour) {
		var f, g hydro.Forecast
		f, s = run(t, m, s, now, b.source)
		g, again = run(t, compile(t, c), restored(t, stored(t, again)), now, b.source)
		if diff := diffForecasts(f, g); diff != "" {
			t.Fatalf("%s:\n%s", now, diff)
		}
	}
	if !s.At.After(t0) {
		t.Errorf("the state stays at %s", s.At)
	}
}

func TestABadPanIsRefusedWithItsNumbers(t *testing.T) {
	for says, do := range map[string]func(c *catalog.Catalog, r *catalog.Runoff){
		`pan: station "moon" is not in the catalogue`:           func(_ *catalog.Catalog, r *catalog.Runoff) { r.Pan = "moon" },
		`pan: station "up" does not report pan_evaporation`:     func(_ *catalog.Catalog, r *catalog.Runoff) { r.Pan = "up" },
		`pan: station "evap" belongs to basin "x"`:              func(c *catalog.Catalog, _ *catalog.Runoff) { c.Stations[1].Basin = "x" },
		`pan factor: K = 0 –: want 0.1 to 2`:                    func(_ *catalog.Catalog, r *catalog.Runoff) { r.PanFactor = 0 },
		`pan factor: K = 2.5 –: want 0.1 to 2`:                  func(_ *catalog.Catalog, r *catalog.Runoff) { r.PanFactor = 2.5 },
		`pan factor: K = NaN –: want 0.1 to 2`:                  func(_ *catalog.Catalog, r *catalog.Runoff) { r.PanFactor = math.NaN() },
		`pan factor 0.7: there is no pan`:                       func(_ *catalog.Catalog, r *catalog.Runoff) { r.Pan = "" },
		`pan "evap": nothing evaporates by the method "phi"`:    func(_ *catalog.Catalog, r *catalog.Runoff) { r.Method, r.Phi = catalog.PhiIndex, 3 },
		`reports every 24h0m0s and the warm-up is 23h55m0s: wa`: func(c *catalog.Catalog, _ *catalog.Runoff) { c.Basins[0].Settings.Warmup = 24*time.Hour - every5 },
	} {
		c := panned(24*time.Hour, 0.7)
		do(c, &c.Basins[0].SubBasins[0].Runoff)
		_, err := forecast.Compile(c, "b")
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `sub-basin "head"`) {
			t.Errorf("%v; want %q", err, says)
		}
	}
}

// From the text of a catalogue.
func TestAPanIsReadFromTheCatalogue(t *testing.T) {
	text := strings.Replace(fmt.Sprintf(creek, "evaporation: 3, pan: e, pan_factor: 0.7"), "basins:\n",
		"  - {id: e, name: E, department: hydrology, kind: hydrological, basin: b, at: [112, 22], zone: UTC, parameters: [{variable: pan_evaporation, every: 12h}]}\nbasins:\n", 1)
	m := compile(t, loaded(t, text))
	f, _ := run(t, m, m.Start(t0), t0, book{}.source)
	if !slices.Contains(f.MissingGauges, "e: pan_evaporation: no data") {
		t.Errorf("missing: %q", f.MissingGauges)
	}
}

// A day that was begun before its evaporation was kept is let go, the water not.
func TestAMoistDayWithoutItsEvaporationIsLetGo(t *testing.T) {
	c := panned(24*time.Hour, 0.8)
	c.Basins[0].Nodes[0].Updating.Moisture = true
	m := compile(t, c)
	now := t0.Add(60*time.Hour + 10*time.Minute)
	b := daily(now, now)
	_, s := run(t, m, m.Start(t0), now, b.source)
	if len(s.Moisture[0].Evaporation) == 0 || len(s.Moisture[0].Evaporation[0]) != len(s.Moisture[0].Rain[0]) {
		t.Fatalf("of the day: %+v", s.Moisture[0])
	}
	s.Moisture[0].Evaporation = nil
	adopted := m.Adopt(s, now)
	if got := adopted.Moisture[0]; got.Begin != nil || got.Node != "up" {
		t.Errorf("of the day: %+v", got)
	}
	if diff := cmp.Diff(s.SubBasins, adopted.SubBasins); diff != "" {
		t.Error(diff)
	}
	run(t, m, s, now.Add(26*time.Hour), b.source)
}
