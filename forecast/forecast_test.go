package forecast_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func TestTheSameInputsGiveTheSameForecast(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(30*time.Hour))
	var first []hydro.Forecast
	for round := range 3 {
		m := compile(t, small())
		s := m.Start(t0)
		for i := range 12 {
			var f hydro.Forecast
			f, s = run(t, m, s, t0.Add(time.Duration(i)*150*time.Minute), b.source)
			if round == 0 {
				first = append(first, f)
			} else if diff := diffForecasts(first[i], f); diff != "" {
				t.Fatalf("round %d, run %d:\n%s", round, i, diff)
			}
		}
	}
}

func TestARunLeavesItsStateAlone(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(30*time.Hour))
	m := compile(t, small())
	s := m.Start(t0)
	for i := range 40 {
		before := stored(t, s)
		_, next := run(t, m, s, t0.Add(time.Duration(i)*45*time.Minute), b.source)
		if string(stored(t, s)) != string(before) {
			t.Fatalf("run %d wrote to the state it was given", i)
		}
		s = next
	}
}

func TestARunFromAStoredStateEqualsGoingOn(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(48*time.Hour))
	m := compile(t, small())
	s, again := m.Start(t0), m.Start(t0)
	for i := range 90 {
		now := t0.Add(time.Duration(i)*30*time.Minute + 7*time.Second)
		var f, g hydro.Forecast
		f, s = run(t, m, s, now, b.source)
		again = restored(t, stored(t, again))
		g, again = run(t, compile(t, small()), again, now, b.source)
		if diff := diffForecasts(f, g); diff != "" {
			t.Fatalf("run %d:\n%s", i, diff)
		}
	}
	if s.At.Before(t0) {
		t.Errorf("the state stays at %s", s.At)
	}
}

// How often it ran in between must not show: the state is a function of the
// observations alone.
func TestRunsInBetweenDoNotShow(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(48*time.Hour))
	m := compile(t, small())
	often, seldom := m.Start(t0), m.Start(t0)
	end := t0.Add(40 * time.Hour)
	for now := t0; now.Before(end); now = now.Add(25 * time.Minute) {
		_, often = run(t, m, often, now, b.source)
	}
	f, _ := run(t, m, often, end, b.source)
	g, _ := run(t, m, seldom, end, b.source)
	if diff := diffForecasts(f, g); diff != "" {
		t.Error(diff)
	}
}

func TestLateDataHeal(t *testing.T) {
	m := compile(t, small())
	// The storm begins at t0.
	whole := storm(t0.Add(-2*time.Hour), t0.Add(20*time.Hour))
	late := storm(t0.Add(-2*time.Hour), t0.Add(20*time.Hour))
	k := hydro.Key{Station: "p1", Variable: hydro.Rain}
	late[k] = &hydro.History{Samples: whole[k].Between(0, t0.UnixMilli())}
	a, b := m.Start(t0), m.Start(t0)
	for now := t0; now.Before(t0.Add(20 * time.Hour)); now = now.Add(time.Hour) {
		_, a = run(t, m, a, now, whole.source)
		_, b = run(t, m, b, now, late.source)
	}
	late[k] = whole[k] // a packet of 20 h of rain arrives
	f, _ := run(t, m, a, t0.Add(20*time.Hour), whole.source)
	g, _ := run(t, m, b, t0.Add(20*time.Hour), late.source)
	if diff := diffForecasts(f, g); diff != "" {
		t.Error(diff)
	}
}

func TestTheHonestyLineIsFilled(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0)
	m := compile(t, small())
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	if f.Basin != "b" || !f.IssuedAt.Equal(t0) || f.Catalogue != "sha256:test" || f.Trigger != "schedule" || f.Step != 30*time.Minute || f.Horizon != 48*time.Hour {
		t.Errorf("identity: %+v", f)
	}
	if !f.DataCutoff.Equal(t0) {
		t.Errorf("data cut-off %s, want %s", f.DataCutoff, t0)
	}
	if !f.ValidUntil.Equal(t0.Add(10 * time.Minute)) {
		t.Errorf("valid until %s", f.ValidUntil)
	}
	if f.RainCoverage != 1 || f.RainAssumed != "no further rain assumed" || f.Plan != "last observed outflow held" || len(f.MissingGauges) != 0 {
		t.Errorf("coverage %g, rain %q, plan %q, missing %q", f.RainCoverage, f.RainAssumed, f.Plan, f.MissingGauges)
	}
	ids := make([]string, 0, 4)
	for _, s := range f.Stations {
		ids = append(ids, s.Station)
		if len(s.Discharge) != 96 || len(s.Level) != 96 {
			t.Errorf("%s: %d and %d values, want 96", s.Station, len(s.Discharge), len(s.Level))
		}
	}
	if diff := cmp.Diff([]string{"dam", "mid", "sea", "up"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestWithNoDataAtAllAForecastIsStillIssued(t *testing.T) {
	m := compile(t, small())
	f, _ := run(t, m, m.Start(t0), t0, book{}.source)
	for id, want := range map[string]float64{"up": 20, "mid": 35, "sea": 40} {
		s := station(t, f, id)
		if math.Abs(s.NowDischarge-want) > 1e-9 || math.Abs(s.Discharge[95]-want) > 1e-9 || s.Updated {
			t.Errorf("%s: %g m³/s now, %g at the end, updated %v; want its base flow %g", id, s.NowDischarge, s.Discharge[95], s.Updated, want)
		}
	}
	if f.RainCoverage != 0 || len(f.MissingGauges) == 0 || f.Plan != "no reservoir plan used" || !f.DataCutoff.IsZero() {
		t.Errorf("coverage %g, missing %q, plan %q, cut-off %s", f.RainCoverage, f.MissingGauges, f.Plan, f.DataCutoff)
	}
	notes := strings.Join(f.Notes, "\n")
	for _, want := range []string{"no observed flow at up yet: its base flow of 20 m³/s", "no recent outflow of reservoir dam", "no observation at all", "level at sea depends on the tide"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
}

func TestWhatIsLaterThanNowIsNotRead(t *testing.T) {
	m := compile(t, small())
	f, _ := run(t, m, m.Start(t0), t0, storm(t0.Add(-24*time.Hour), t0).source)
	g, _ := run(t, m, m.Start(t0), t0, storm(t0.Add(-24*time.Hour), t0.Add(6*time.Hour)).source)
	if diff := diffForecasts(f, g); diff != "" {
		t.Error(diff)
	}
}

func TestObservedFlowRunsOnDownstream(t *testing.T) {
	c := small()
	m := compile(t, c)
	b := book{}
	b.fill("up", hydro.Discharge, t0.Add(-24*time.Hour), t0, constant(200)) // base flow is 20
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	up, mid := station(t, f, "up"), station(t, f, "mid")
	if up.NowDischarge != 200 || !up.Updated {
		t.Errorf("up: %g m³/s now, updated %v", up.NowDischarge, up.Updated)
	}
	if math.Abs(mid.NowDischarge-(35+180)) > 0.1 {
		t.Errorf("mid: %g m³/s now, want 180 more than its base flow", mid.NowDischarge)
	}
	// An error that never changed is a bias, which halves in a day.
	if q := up.Discharge[47]; math.Abs(q-110) > 1e-6 {
		t.Errorf("up in 24 h: %g m³/s, want 110", q)
	}
	if mid.Discharge[47] <= 35+90 || mid.Discharge[47] >= 35+180 {
		t.Errorf("mid in 24 h: %g m³/s, want the wave on its way", mid.Discharge[47])
	}
}

func TestAGaugeThatCannotBeTrustedCorrectsNothingAndIsNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b book)
		says string
	}{
		{"silent from the start", func(book) {}, "up: discharge: no data"},
		{"suspect", func(b book) {
			for i := range 12 {
				b.put("up", hydro.Discharge, t0.Add(time.Duration(i-11)*every5), 500, hydro.Suspect)
			}
		}, "up: discharge: suspect since 2026-05-31 23:05Z"},
		{"failed", func(b book) { b.put("up", hydro.Discharge, t0, 500, hydro.Fail) }, "up: discharge: fail since 2026-06-01 00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := compile(t, small())
			b := book{}
			c.do(b)
			f, _ := run(t, m, m.Start(t0), t0, b.source)
			if !slices.Contains(f.MissingGauges, c.says) {
				t.Errorf("missing gauges %q lack %q", f.MissingGauges, c.says)
			}
			if s := station(t, f, "up"); s.NowDischarge != 20 || s.Updated {
				t.Errorf("%g m³/s, updated %v; want the base flow", s.NowDischarge, s.Updated)
			}
		})
	}
	t.Run("silent for a while", func(t *testing.T) {
		m := compile(t, set(small(), "up", catalog.Updating{NoFit: true})) // a constant error would be seen not to fade
		b := book{}
		b.fill("up", hydro.Discharge, t0.Add(-24*time.Hour), t0.Add(-6*time.Hour), constant(200))
		f, _ := run(t, m, m.Start(t0), t0, b.source)
		s := station(t, f, "up")
		if !slices.Contains(f.MissingGauges, "up: discharge: silent since 2026-05-31 18:00Z") || s.Updated {
			t.Errorf("missing %q, updated %v", f.MissingGauges, s.Updated)
		}
		if want := 20 + 180*math.Exp2(-0.25); math.Abs(s.NowDischarge-want) > 1e-6 {
			t.Errorf("%g m³/s, want %g: what the bias has left after 6 h", s.NowDischarge, want)
		}
	})
}

func TestALevelAloneUpdatesThroughTheRating(t *testing.T) {
	m := compile(t, small())
	b := book{}
	b.fill("mid", hydro.WaterLevel, t0.Add(-24*time.Hour), t0, constant(4)) // 640 m³/s by the rating
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	s := station(t, f, "mid")
	if math.Abs(s.NowDischarge-640) > 1e-9 || s.NowLevel != 4 || !s.Updated {
		t.Errorf("%g m³/s, %g m, updated %v; want 640 and 4", s.NowDischarge, s.NowLevel, s.Updated)
	}
	if !(s.Level[0] < 4 && s.Level[0] > 3.8) {
		t.Errorf("%g m in half an hour, want a little below 4", s.Level[0])
	}
}

func TestTheForecastLevelStartsAtTheObservedOne(t *testing.T) {
	c := small()
	m := compile(t, c)
	b := book{}
	b.fill("up", hydro.Discharge, t0.Add(-24*time.Hour), t0, constant(50)) // 2 m by the rating
	b.fill("up", hydro.WaterLevel, t0.Add(-24*time.Hour), t0, constant(2.4))
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	s := station(t, f, "up")
	if s.NowLevel != 2.4 || s.NowDischarge != 50 {
		t.Errorf("now %g m, %g m³/s", s.NowLevel, s.NowDischarge)
	}
	// In 6 h the flow goes back towards 20 m³/s, and 0.4 m of offset to 0.2 m.
	if want := s.Discharge[11]/25 + 0.2; math.Abs(s.Level[11]-want) > 1e-6 || s.Discharge[11] >= 50 {
		t.Errorf("in 6 h %g m, want %g", s.Level[11], want)
	}
}

func TestAReservoirHoldsItsOutflow(t *testing.T) {
	m := compile(t, small())
	b := book{}
	from := t0.Add(-24 * time.Hour)
	b.fill("dam", hydro.Outflow, from, t0, constant(100))
	b.fill("dam", hydro.Inflow, from, t0, constant(10))
	b.fill("dam", hydro.WaterLevel, from, t0, constant(50))
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	mid, dam := station(t, f, "mid"), station(t, f, "dam")
	if q := mid.Discharge[95]; math.Abs(q-(35+90)) > 0.01 {
		t.Errorf("mid at the end: %g m³/s, want 90 more than its base flow", q)
	}
	if math.Abs(dam.NowDischarge-10) > 1e-9 || dam.NowLevel != 50 {
		t.Errorf("dam: %g m³/s of inflow, %g m", dam.NowDischarge, dam.NowLevel)
	}
	// 90 m³/s for 48 h take 15.552 million m³ from a lake of 5 million m³ a metre.
	if want := 50 - 15.552/5; math.Abs(dam.Level[95]-want) > 1e-6 {
		t.Errorf("dam at the end: %g m, want %g", dam.Level[95], want)
	}
	if f.Plan != "last observed outflow held" {
		t.Errorf("plan %q", f.Plan)
	}
	b = book{}
	b.fill("dam", hydro.Outflow, from, t0.Add(-3*time.Hour), constant(100))
	f, _ = run(t, m, m.Start(t0), t0, b.source)
	if q := station(t, f, "mid").Discharge[95]; math.Abs(q-35) > 0.5 {
		t.Errorf("mid at the end: %g m³/s, want what flows into the silent reservoir", q)
	}
	if !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, "no recent outflow of reservoir dam") }) {
		t.Errorf("notes %q", f.Notes)
	}
}

func TestTheTideIsNotForecast(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0)
	m := compile(t, small())
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	s := station(t, f, "sea")
	if s.Updated || len(s.Crossings) > 0 || math.IsNaN(s.NowLevel) {
		t.Errorf("%+v", s)
	}
	for _, l := range s.Level {
		if l == l {
			t.Fatalf("level %g", l)
		}
	}
	for _, q := range s.Discharge {
		if q < 0 || q > 1000 {
			t.Fatalf("%g m³/s: the tide's flow must not correct the river's", q)
		}
	}
}

func TestCrossingsAndPeakAreFoundBetweenTheValues(t *testing.T) {
	b := book{}
	b.fill("up", hydro.Discharge, t0.Add(-24*time.Hour), t0.Add(-90*time.Minute), constant(30))
	b.fill("up", hydro.Discharge, t0.Add(-90*time.Minute), t0, constant(800))
	m := compile(t, small())
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	s := station(t, f, "mid")
	if len(s.Crossings) != 2 || s.Crossings[0].Stage != hydro.Blue || s.Crossings[1].Stage != hydro.Red {
		t.Fatalf("crossings %+v, want blue and red of forecasts", s.Crossings)
	}
	blue := s.Crossings[0]
	if blue.At.Before(t0) || !blue.At.Before(s.Peak.At) {
		t.Errorf("blue at %s, peak at %s", blue.At, s.Peak.At)
	}
	// By the values half an hour apart it must lie in the same half hour.
	i := slices.IndexFunc(s.Level, func(l float64) bool { return l >= 2.5 })
	after := t0.Add(time.Duration(i+1) * 30 * time.Minute)
	if blue.At.After(after) || blue.At.Before(after.Add(-30*time.Minute)) {
		t.Errorf("blue at %s, values say the half hour before %s", blue.At, after)
	}
	if !s.Crossings[1].At.IsZero() {
		t.Errorf("red at %s, want no crossing", s.Crossings[1].At)
	}
	if s.Peak.Level < slices.Max(s.Level) || s.Peak.Discharge < slices.Max(s.Discharge) || s.Peak.AtEnd {
		t.Errorf("peak %+v is below the values", s.Peak)
	}
	t.Run("met already", func(t *testing.T) {
		b := book{}
		b.fill("mid", hydro.WaterLevel, t0.Add(-time.Hour), t0, constant(3))
		f, _ := run(t, m, m.Start(t0), t0, b.source)
		s := station(t, f, "mid")
		if !s.Crossings[0].At.Equal(t0) || !s.Peak.At.Equal(t0) || s.Peak.Level != 3 {
			t.Errorf("crossing %+v, peak %+v; want both now", s.Crossings[0], s.Peak)
		}
	})
}

func TestAboveTheRatingIsSaid(t *testing.T) {
	m := compile(t, small())
	b := book{}
	b.fill("up", hydro.Discharge, t0.Add(-24*time.Hour), t0, constant(1500))
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	if s := station(t, f, "up"); !s.Extrapolated {
		t.Error("not marked")
	}
	if !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, "level at up lies outside") }) {
		t.Errorf("notes %q", f.Notes)
	}
}

func TestWeightsFollowTheGaugesThatReport(t *testing.T) {
	m := compile(t, small())
	from := t0.Add(-24 * time.Hour)
	rain := func(p1, p2 bool) float64 {
		b := book{}
		if p1 {
			b.fill("p1", hydro.Rain, from, t0, constant(1))
		}
		if p2 {
			b.fill("p2", hydro.Rain, from, t0, constant(1))
		}
		f, _ := run(t, m, m.Start(t0), t0, b.source)
		return station(t, f, "mid").NowDischarge
	}
	both, one := rain(true, true), rain(true, false)
	if both < 200 || math.Abs(both-one) > 1e-6 {
		t.Errorf("even rain gives %g m³/s with both gauges and %g with one: the other must stand in", both, one)
	}
}

func TestAWeekWithoutRunsStartsAnewAndSaysSo(t *testing.T) {
	m := compile(t, small())
	_, s := run(t, m, m.Start(t0), t0, book{}.source)
	now := t0.Add(10 * 24 * time.Hour)
	f, next := run(t, m, s, now, book{}.source)
	if !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, "started anew") }) {
		t.Errorf("notes %q", f.Notes)
	}
	if !next.At.Equal(now.Add(-24 * time.Hour)) {
		t.Errorf("state at %s", next.At)
	}
	if _, _, err := m.Run(next, t0, "schedule", book{}.source, forecast.Ahead{}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("a run before its state: %v", err)
	}
}

func TestTheStateFollowsAtTheWarmup(t *testing.T) {
	m := compile(t, small())
	s := m.Start(t0)
	for i := range 10 {
		now := t0.Add(time.Duration(i)*7*time.Minute + 13*time.Second)
		_, s = run(t, m, s, now, book{}.source)
		if age := now.Sub(s.At); age < 24*time.Hour || age >= 24*time.Hour+every5 {
			t.Fatalf("the state of run %d is %v old", i, age)
		}
	}
}

func TestAPanicBecomesAnError(t *testing.T) {
	m := compile(t, small())
	_, _, err := m.Run(m.Start(t0), t0, "schedule", func(hydro.Key) *hydro.History { panic("broken history") }, forecast.Ahead{})
	if err == nil || !strings.Contains(err.Error(), "broken history") {
		t.Errorf("error %v", err)
	}
}

func TestAMarkedRiseIsTold(t *testing.T) {
	m := compile(t, small())
	b := book{}
	b.fill("mid", hydro.WaterLevel, t0.Add(-time.Hour), t0.Add(-30*time.Minute), constant(2))
	b.fill("mid", hydro.WaterLevel, t0.Add(-30*time.Minute), t0, func(at time.Time) float64 { return 2 + at.Sub(t0.Add(-30*time.Minute)).Hours() })
	if s, ok := m.Rising(t0, b.source); !ok || s != "mid" {
		t.Errorf("%q, %v; 0.5 m in half an hour is a marked rise", s, ok)
	}
	if s, ok := m.Rising(t0.Add(-20*time.Minute), b.source); ok {
		t.Errorf("%q; 0.17 m is none", s)
	}
	if s, ok := m.Rising(t0.Add(time.Hour), b.source); ok {
		t.Errorf("%q; a rise of an hour ago is none", s)
	}
	b.put("up", hydro.WaterLevel, t0.Add(-10*time.Minute), 1, hydro.Pass)
	b.put("up", hydro.WaterLevel, t0, 5, hydro.Suspect)
	b[hydro.Key{Station: "mid", Variable: hydro.WaterLevel}] = nil
	if s, ok := m.Rising(t0, b.source); ok {
		t.Errorf("%q; a doubtful level is no rise", s)
	}
}

// Rain on a drawn river without gauges on it: what leaves at the mouth is no more
// than what fell, and with nothing to lose it on the way it is all of it.
func TestNoFlowIsCreated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const area = 100.0
		lossless := rapid.Bool().Draw(t, "lossless")
		c := small()
		b := &c.Basins[0]
		b.Settings.Warmup, b.Settings.Horizon, b.Settings.OutputStep = time.Hour, 240*time.Hour, every5
		b.Nodes, b.Reaches, b.SubBasins, b.Reservoirs = nil, nil, nil, nil
		n := rapid.IntRange(1, 7).Draw(t, "nodes")
		for i := range n {
			node := catalog.Node{ID: fmt.Sprint("n", i)}
			if i < n-1 {
				node.Downstream = fmt.Sprint("n", rapid.IntRange(i+1, n-1).Draw(t, "to"))
				k := time.Duration(rapid.IntRange(10, 600).Draw(t, "minutes")) * time.Minute
				b.Reaches = append(b.Reaches, catalog.Reach{ID: "r" + node.ID, From: node.ID, To: node.Downstream, K: k, X: rapid.Float64Range(0, 0.4).Draw(t, "x")})
			} else {
				node.Gauge = "sea"
				node.Tidal = true
			}
			if !lossless {
				node.Diversion.Share = rapid.Float64Range(0, 1).Draw(t, "diversion")
			}
			b.Nodes = append(b.Nodes, node)
			ro := catalog.Runoff{Capacity: 100, Exponent: 0.3, Impervious: 1, UHReservoirs: rapid.Float64Range(0.5, 5).Draw(t, "uh n"), UHScale: time.Duration(rapid.IntRange(0, 120).Draw(t, "uh k")) * time.Minute}
			if !lossless {
				ro.Impervious, ro.InitialStore, ro.Evaporation, ro.BaseShare, ro.BaseRecession = 0.1, 0, 2, 0.3, 10*time.Hour
			}
			b.SubBasins = append(b.SubBasins, catalog.SubBasin{ID: "s" + node.ID, Node: node.ID, Area: area, Points: [][2]float64{{112, 22.2}}, Runoff: ro})
		}
		m, err := forecast.Compile(c, "b")
		if err != nil {
			t.Fatal(err)
		}
		obs := book{}
		depth := rapid.Float64Range(1, 100).Draw(t, "mm")
		obs.put("p1", hydro.Rain, t0, depth, hydro.Pass)
		f, _, err := m.Run(m.Start(t0), t0, "schedule", obs.source, forecast.Ahead{})
		if err != nil {
			t.Fatal(err)
		}
		volume := f.Stations[0].NowDischarge * 300
		for _, q := range f.Stations[0].Discharge {
			if q < 0 {
				t.Fatalf("%g m³/s", q)
			}
			volume += q * 300
		}
		fell := depth * area * 1000 * float64(n)
		if volume > fell*(1+1e-9) || lossless && volume < fell*(1-1e-4) {
			t.Fatalf("%g m³ fell, %g m³ left", fell, volume)
		}
	})
}
