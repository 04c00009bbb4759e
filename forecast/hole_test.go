package forecast_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// ill is mixed with a reach up-mid that has no solution in a storm: a bed of no slope
// and banks of no height, on which the iteration does not converge.
func ill() *catalog.Catalog {
	c := mixed()
	c.Basins[0].Reaches[0].Channel = catalog.Channel{Slope: 1e-7, Bottom: 0.02, Top: 0.03, N: 1, Side: 1000}
	c.Basins[0].Reaches[0].SubReaches = 1
	c.Basins[0].Nodes[0].BaseFlow = 0
	return c
}

func holesAt(f *hydro.Forecast) (stations []string) {
	for _, h := range f.Holes {
		stations = append(stations, h.Station)
	}
	return stations
}

// A reach without a solution costs what lies below it, and nothing else: all other
// stations have the forecasts, to the last bit, of a basin where it has one.
func TestAReachWithoutASolutionCostsWhatLiesBelowAlone(t *testing.T) {
	c := mixed()
	c.Basins[0].Nodes[0].BaseFlow = 0
	whole, broken := compile(t, c), compile(t, ill())
	rapid.Check(t, func(rt *rapid.T) {
		b := storm(t0.Add(-24*time.Hour), t0.Add(24*time.Hour))
		now := t0.Add(time.Duration(rapid.IntRange(-18, 6).Draw(rt, "first run")) * time.Hour)
		s, w := broken.Start(now), whole.Start(now)
		for range rapid.IntRange(1, 4).Draw(rt, "runs") {
			f, next, err := broken.Run(s, now, "schedule", b.source, forecast.Ahead{})
			if err != nil {
				rt.Fatal(err)
			}
			g, nextWhole, err := whole.Run(w, now, "schedule", b.source, forecast.Ahead{})
			if err != nil || len(g.Holes) > 0 {
				rt.Fatal(err, g.Holes)
			}
			if diff := cmp.Diff([]string{"mid", "sea"}, holesAt(&f)); diff != "" {
				rt.Fatal(diff)
			}
			for _, h := range f.Holes {
				for _, want := range []string{"reach up-mid: no solution", "part 1 of 1, step", "m³ off at a depth of", "after 100 iterations"} {
					if !strings.Contains(h.Why, want) {
						rt.Fatalf("%q does not say %q", h.Why, want)
					}
				}
				if !strings.HasPrefix(h.WhyZH, "河段up-mid无解：") || !strings.Contains(h.WhyZH, "第1段（共1段）第") || !strings.Contains(h.WhyZH, "，迭代100次后水深") || strings.Contains(h.WhyZH, "step") || h.Node != h.Station || h.From.Before(s.At) {
					rt.Fatalf("%+v", h)
				}
			}
			if en, zh := f.HonestyEN(), f.HonestyZH(); !strings.Contains(en, "no forecast at mid, sea: reach up-mid: no solution") || !strings.Contains(zh, "mid, sea无预报：河段up-mid无解（") || !strings.Contains(zh, "，迭代100次后水深") {
				rt.Fatalf("%s\n%s", en, zh)
			}
			if len(f.Stations) != 2 {
				rt.Fatalf("%d stations", len(f.Stations))
			}
			for _, id := range []string{"up", "dam"} {
				if diff := cmp.Diff(station(t, g, id), station(t, f, id), cmpopts.EquateNaNs()); diff != "" {
					rt.Fatalf("%s:\n%s", id, diff)
				}
			}
			// A state that was stored goes on as one that was not, and what had no solution
			// keeps what it held.
			again, same, err := broken.Run(restored(t, stored(t, s)), now, "schedule", b.source, forecast.Ahead{})
			if diff := diffForecasts(f, again); err != nil || diff != "" {
				rt.Fatal(err, diff)
			}
			if diff := cmp.Diff(next, same, cmpopts.EquateNaNs()); diff != "" {
				rt.Fatal(diff)
			}
			for i, r := range next.Reaches {
				if diff := cmp.Diff(s.Reaches[i], r, cmpopts.EquateNaNs()); r.ID != "dam-mid" && diff != "" {
					rt.Fatalf("the water of reach %s has moved:\n%s", r.ID, diff)
				}
			}
			s, w, now = next, nextWhole, now.Add(time.Duration(rapid.IntRange(1, 12).Draw(rt, "hours"))*time.Hour)
		}
	})
}

// Bands, too, are those of a basin where the reach has a solution.
func TestAHoleCostsNoOtherStationItsBand(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c, d := banded(), banded()
	d.Basins[0].Reaches[0] = ill().Basins[0].Reaches[0]
	whole, broken := compile(t, c), compile(t, d)
	w, now := taught(t, whole, b, 5*time.Hour)
	s, _ := taught(t, broken, b, 5*time.Hour)
	f, _, err := broken.Run(s, now, "schedule", b.source, forecast.Ahead{})
	if err != nil || len(f.Holes) == 0 {
		t.Fatal(err, f.Holes)
	}
	g, _, err := whole.Run(w, now, "schedule", b.source, forecast.Ahead{})
	if err != nil {
		t.Fatal(err)
	}
	up := station(t, g, "up")
	if diff := cmp.Diff(up, station(t, f, "up"), cmpopts.EquateNaNs()); diff != "" || len(up.Band) == 0 {
		t.Errorf("a band of %d steps:\n%s", len(up.Band), diff)
	}
}

// A reading whose flow is beyond all numbers makes a hole, and when it has left the
// warm-up the forecast comes back, but for what the gauge did not teach meanwhile.
func TestAForecastComesBackWhenItsCauseHasGone(t *testing.T) {
	m := compile(t, mixed())
	good, bad := storm(t0.Add(-24*time.Hour), t0.Add(96*time.Hour)), storm(t0.Add(-24*time.Hour), t0.Add(96*time.Hour))
	bad.put("mid", hydro.WaterLevel, t0.Add(30*time.Minute), math.MaxFloat64, hydro.Pass)
	s, w := m.Start(t0), m.Start(t0)
	holes := 0
	for h := range 90 {
		now := t0.Add(time.Duration(h) * time.Hour)
		f, next, err := m.Run(s, now, "schedule", bad.source, forecast.Ahead{})
		if err != nil {
			t.Fatal(err)
		}
		g, nextGood, err := m.Run(w, now, "schedule", good.source, forecast.Ahead{})
		if err != nil {
			t.Fatal(err)
		}
		s, w = next, nextGood
		if len(f.Holes) > 0 {
			holes++
			if diff := cmp.Diff([]string{"mid", "sea"}, holesAt(&f)); diff != "" || !strings.HasPrefix(f.Holes[0].Why, "node mid: no solution: flow is +Inf m³/s") && !strings.HasPrefix(f.Holes[0].Why, "node mid: no solution: flow is NaN m³/s") {
				t.Fatal(diff, f.Holes[0].Why)
			}
		} else if h > 60 {
			if p, q := station(t, f, "mid").Discharge[0], station(t, g, "mid").Discharge[0]; math.Abs(p-q) > 0.1*q {
				t.Fatalf("after %d h: %g, without the reading %g m³/s", h, p, q)
			}
		}
		if (len(f.Holes) > 0) != (h >= 1 && h <= 25) {
			t.Errorf("after %d h: holes %v", h, f.Holes)
		}
	}
	if holes == 0 {
		t.Error("no hole")
	}
}

// A state that cannot be computed on is left for a new one of that part alone.
func TestAStateWithoutASolutionIsLeft(t *testing.T) {
	m := compile(t, mixed())
	b := storm(t0.Add(-24*time.Hour), t0)
	for name, spoil := range map[string]func(*forecast.State){
		"reach dam-mid":  func(s *forecast.State) { s.Reaches[1].Flow[0] = math.NaN() },
		"sub-basin head": func(s *forecast.State) { s.SubBasins[0].Store.Tension = math.NaN() },
		"node up": func(s *forecast.State) {
			s.Nodes[0].Error.Count, s.Nodes[0].Error.Bias, s.Nodes[0].Error.Mean = 9, math.NaN(), math.NaN()
		},
	} {
		s := restored(t, stored(t, m.Start(t0)))
		spoil(&s)
		f, next, err := m.Run(s, t0, "schedule", b.source, forecast.Ahead{})
		if err != nil || len(f.Holes) > 0 || !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.HasPrefix(n, name+": no solution from its last state (") }) {
			t.Fatalf("%s: %v, holes %v, notes %q", name, err, f.Holes, f.Notes)
		}
		if _, _, err := m.Run(next, t0.Add(time.Hour), "schedule", b.source, forecast.Ahead{}); err != nil {
			t.Error(err)
		}
	}
}

// Where no station is left, the run has failed.
func TestARunWithoutAnyStationFails(t *testing.T) {
	m := compile(t, mixed())
	b := storm(t0.Add(-24*time.Hour), t0)
	rain := hydro.RainForecast{Basin: "b", Source: "S", IssuedAt: t0, ValidUntil: t0.Add(12 * time.Hour), From: t0, Step: time.Hour}
	for _, id := range []string{"head", "lake", "flat"} {
		rain.Areas = append(rain.Areas, hydro.RainArea{SubBasin: id, Rain: []float64{math.NaN(), 0}})
	}
	f, next, err := m.Run(m.Start(t0), t0, "schedule", b.source, forecast.Ahead{Rain: []forecast.Rain{m.Rain(&rain)}})
	if err == nil || !strings.Contains(err.Error(), `run of basin "b"`) || !strings.Contains(err.Error(), "no solution") || f.Basin != "" || !next.At.IsZero() {
		t.Errorf("%v %v %v", f.Stations, next.At, err)
	}
}

// What a node's failed try made of the gauge's error at the day's ends is forgotten:
// the second try is, to the last bit, the run of a node that had begun anew.
func TestAFailedTryTeachesNothing(t *testing.T) {
	r := runoffOf("saturation nash")
	obs := truth(t, soils(false, 0.9, r), t0.Add(52*time.Hour))
	c := soils(true, 0.4, r)
	c.Basins[0].Settings.Warmup = time.Hour
	m := compile(t, c)
	s := m.Start(t0.Add(time.Hour))
	for now := t0.Add(time.Hour); !now.After(t0.Add(20 * time.Hour)); now = now.Add(time.Hour) {
		_, s = run(t, m, s, now, obs.source)
	}
	now := t0.Add(50 * time.Hour) // beyond two midnights
	anew, spoilt := restored(t, stored(t, s)), restored(t, stored(t, s))
	flow := obs[hydro.Key{Station: "up", Variable: hydro.Discharge}] // a gap, in which the error alone speaks
	flow.Samples = slices.DeleteFunc(flow.Samples, func(v hydro.Sample) bool {
		return v.At > t0.Add(19*time.Hour).UnixMilli() && v.At < t0.Add(21*time.Hour).UnixMilli()
	})
	at := slices.IndexFunc(s.Nodes, func(n forecast.NodeState) bool { return n.ID == "up" })
	anew.Nodes[at] = m.Start(now).Nodes[at]
	anew.Nodes[at].Bands = s.Nodes[at].Bands
	spoilt.Nodes[at].Error.Count, spoilt.Nodes[at].Error.Bias, spoilt.Nodes[at].Error.Mean = 9, math.NaN(), math.NaN()
	want, wantNext := run(t, m, anew, now, obs.source)
	got, next := run(t, m, spoilt, now, obs.source)
	told := func(n string) bool {
		return strings.HasPrefix(n, "node up: no solution from its last state (")
	}
	if len(got.Holes) > 0 || !slices.ContainsFunc(got.Notes, told) || wantNext.Moisture[0].Last.Moved == 0 {
		t.Fatalf("holes %v, notes %q, last day %+v", got.Holes, got.Notes, wantNext.Moisture[0].Last)
	}
	got.Notes = slices.DeleteFunc(got.Notes, told)
	if diff := diffForecasts(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantNext, next, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}
