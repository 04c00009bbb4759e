package forecast_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast"
	"freshet/forecast/runoff"
	"freshet/forecast/updating"
	"freshet/forecast/xinanjiang"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// soils is small() whose headwater "up" has a sub-basin for each kind of runoff
// given, with stores that are full to a share at the start, and whose gauge there
// adjusts them if moist.
func soils(moist bool, store float64, kinds ...catalog.Runoff) *catalog.Catalog {
	c := small()
	b := &c.Basins[0]
	head := b.SubBasins[0]
	b.SubBasins = b.SubBasins[1:]
	for i, r := range kinds {
		s := head
		s.ID, s.Runoff = fmt.Sprint("head", i), r
		s.Runoff.InitialStore = store
		b.SubBasins = append(b.SubBasins, s)
	}
	b.Nodes[0].Updating.Moisture = moist
	return c
}

// days are storms of the gauges p1 and p2 on three days from t0 on, mm per step.
func days(at time.Time) float64 {
	h := at.Sub(t0).Hours()
	sum := 0.0
	for _, peak := range []float64{10, 33, 58} {
		sum += 0.4 * math.Exp(-(h-peak)*(h-peak)/8)
	}
	return sum
}

// truth is what is observed from t0 to end where the ground is that of c: the rain
// of days, and the flow at up that c makes of it.
func truth(t testing.TB, c *catalog.Catalog, end time.Time) book {
	t.Helper()
	rain := book{}
	rain.fill("p1", hydro.Rain, t0, end, days)
	rain.fill("p2", hydro.Rain, t0, end, days)
	c.Basins[0].Settings.Warmup, c.Basins[0].Settings.Horizon = 0, 30*time.Minute
	m := compile(t, c)
	s := m.Start(t0)
	b := book{}
	maps.Copy(b, rain)
	for now := t0.Add(every5); !now.After(end); now = now.Add(every5) {
		_, s = run(t, m, s, now, rain.source)
		b.put("up", hydro.Discharge, now, flowAt(t, s, "up"), hydro.Pass)
	}
	return b
}

func flowAt(t testing.TB, s forecast.State, node string) float64 {
	t.Helper()
	i := slices.IndexFunc(s.Nodes, func(n forecast.NodeState) bool { return n.ID == node })
	if i < 0 {
		t.Fatal("no node " + node)
	}
	return s.Nodes[i].Flow
}

func runoffOf(name string) catalog.Runoff {
	all := kinds()
	return all[slices.IndexFunc(all, func(k kind) bool { return k.name == name })].runoff
}

// The ground of the catalogue begins too dry, or too wet. Two days of floods move
// it towards the true one, and the flood of the third is forecast better from them.
func TestSoilMoistureIsAdjustedTowardsWhatRanOff(t *testing.T) {
	end := t0.Add(72 * time.Hour)
	issue := t0.Add(53 * time.Hour) // before the third storm
	for _, name := range []string{"saturation nash", "xinanjiang nash", "xinanjiang lag"} {
		for _, start := range []struct{ is, assumed float64 }{{0.9, 0.4}, {0.4, 0.9}} {
			t.Run(fmt.Sprintf("%s from %g to %g", name, start.assumed, start.is), func(t *testing.T) {
				r := runoffOf(name)
				obs := truth(t, soils(false, start.is, r), end)
				flow := obs[hydro.Key{Station: "up", Variable: hydro.Discharge}]
				miss := func(moist bool) (rmse float64, next forecast.State, f hydro.Forecast) {
					c := soils(moist, start.assumed, r)
					c.Basins[0].Settings.Warmup = time.Hour
					m := compile(t, c)
					s := m.Start(t0.Add(time.Hour)) // a state at t0
					for now := t0.Add(time.Hour); now.Before(issue); now = now.Add(3 * time.Hour) {
						_, s = run(t, m, s, now, obs.source)
					}
					// The rain of the third day is known beforehand, so that the ground alone tells.
					f, next, err := m.Run(s, issue, "schedule", obs.source, forecast.Ahead{Rain: []forecast.Rain{rainOf(m, issue)}})
					if err != nil {
						t.Fatal(err)
					}
					count := 0.0
					for i, q := range station(t, f, "up").Discharge {
						if at, known := flow.Find(issue.Add(time.Duration(i+1) * f.Step).UnixMilli()); known {
							rmse += (q - flow.Samples[at].Value) * (q - flow.Samples[at].Value)
							count++
						}
					}
					return math.Sqrt(rmse / count), next, f
				}
				off, _, plain := miss(false)
				on, s, f := miss(true)
				last := s.Moisture[0].Last
				t.Logf("root mean square error of the third flood: %.1f m³/s with the adjustment, %.1f without; last day: %+v", on, off, last)
				if on > 0.9*off { // a day moves no more than 5 % of the capacity
					t.Errorf("root mean square error %.1f m³/s with the adjustment, %.1f without", on, off)
				}
				if up := start.is > start.assumed; last.Moved == 0 || up != (last.Moved > 0) || up != (last.Made > 0) || !last.At.Equal(t0.Add(48*time.Hour)) {
					t.Errorf("%+v", last)
				}
				says := func(n string) bool {
					return strings.HasPrefix(n, "soil moisture above up: in the day to 2026-06-03 00:00Z")
				}
				if !slices.ContainsFunc(f.Notes, says) || slices.ContainsFunc(plain.Notes, says) {
					t.Errorf("notes %q", f.Notes)
				}
			})
		}
	}
}

// rainOf is the rain of days from an instant on as a forecast.
func rainOf(m *forecast.Model, from time.Time) forecast.Rain {
	f := hydro.RainForecast{Source: "true", IssuedAt: from, ValidUntil: from.Add(48 * time.Hour), From: from, Step: every5}
	var rain []float64
	for i := range 240 {
		rain = append(rain, days(from.Add(time.Duration(i+1)*every5)))
	}
	for _, id := range []string{"flat", "lake", "head0", "head1", "head2"} {
		f.Areas = append(f.Areas, hydro.RainArea{SubBasin: id, Rain: rain})
	}
	return m.Rain(&f)
}

// Water made or lost is told: at the midnight of the first adjustment a state
// differs from the one without it by just that.
func TestTheWaterThatAnAdjustmentMakesIsTold(t *testing.T) {
	mixed := []catalog.Runoff{runoffOf("xinanjiang lag"), runoffOf("scs ordinates"), runoffOf("saturation nash")}
	mixed[1].CN = 60
	obs := truth(t, soils(false, 0.9, mixed...), t0.Add(30*time.Hour))
	at := func(moist bool) (forecast.State, hydro.Forecast, *forecast.Model) {
		c := soils(moist, 0.5, mixed...)
		c.Basins[0].Settings.Warmup = 0
		m := compile(t, c)
		s := m.Start(t0.Add(-24 * time.Hour))
		var f hydro.Forecast
		for now := t0.Add(-24 * time.Hour); !now.After(t0.Add(24 * time.Hour)); now = now.Add(2 * time.Hour) {
			f, s = run(t, m, s, now, obs.source)
		}
		return s, f, m
	}
	water := func(s forecast.State) float64 { // mm over the three sub-basins
		x, err := xinanjiang.New(mixed[0].Xinanjiang, 300)
		if err != nil {
			t.Fatal(err)
		}
		r := mixed[2]
		o, err := runoff.New(runoff.Parameters{Capacity: r.Capacity, Exponent: r.Exponent, Impervious: r.Impervious, BaseShare: r.BaseShare, BaseRecession: r.BaseRecession.Seconds()}, 300)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, b := range s.SubBasins {
			switch {
			case !strings.HasPrefix(b.ID, "head"):
				continue
			case b.Method == catalog.Xinanjiang:
				sum += x.Storage(b.Xinanjiang)
			case b.Method == catalog.Saturation:
				sum += o.Storage(b.Store)
			}
			sum += underWay(b) * 300 / (400 * 1000)
		}
		return sum / 3
	}
	off, _, _ := at(false)
	on, f, m := at(true)
	last := on.Moisture[0].Last
	if made := water(on) - water(off); !last.At.Equal(t0.Add(24*time.Hour)) || last.Made < 1 || math.Abs(made-last.Made) > 1e-9 {
		t.Errorf("%.12g mm more water at midnight, told %+v", made, last)
	}
	if math.Abs(last.After) > math.Abs(last.Before)*0.95 || last.Before < 2 {
		t.Errorf("%+v", last)
	}
	if want := fmt.Sprintf("the runoff was %.1f mm off, observed less computed: %.1f mm of water added", last.Before, last.Made); !strings.Contains(strings.Join(f.Notes, "\n"), want) {
		t.Errorf("notes %q, want %q", f.Notes, want)
	}
	i := slices.IndexFunc(off.SubBasins, func(b forecast.SubBasinState) bool { return b.Method == catalog.CurveNumber })
	if diff := cmp.Diff(off.SubBasins[i], on.SubBasins[i], rounding); diff != "" {
		t.Errorf("a storm's loss has no soil to adjust:\n%s", diff)
	}
	told := m.Updating(on)
	if len(told) != 2 || told[0].Moisture != last || told[1].Moisture.On {
		t.Errorf("told %+v", told)
	}
}

func TestAdjustmentsDoNotShowRunsInBetweenNorRestarts(t *testing.T) {
	mixed := []catalog.Runoff{runoffOf("xinanjiang lag"), runoffOf("saturation nash")}
	obs := truth(t, soils(false, 0.9, mixed...), t0.Add(72*time.Hour))
	gap := hydro.Key{Station: "up", Variable: hydro.Discharge}
	late := book{}
	maps.Copy(late, obs)
	late[gap] = &hydro.History{Samples: obs[gap].Between(0, t0.Add(12*time.Hour).UnixMilli())}
	c := func() *catalog.Catalog { return soils(true, 0.4, mixed...) }
	m := compile(t, c())
	often, again, delayed := m.Start(t0.Add(24*time.Hour)), m.Start(t0.Add(24*time.Hour)), m.Start(t0.Add(24*time.Hour))
	end := t0.Add(70 * time.Hour)
	moved := 0
	for now := t0.Add(24 * time.Hour); now.Before(end); now = now.Add(95 * time.Minute) {
		before := stored(t, often)
		f, next := run(t, m, often, now, obs.source)
		if string(stored(t, often)) != string(before) {
			t.Fatal("the run wrote to the state it was given")
		}
		if next.Moisture[0].Last.Moved != often.Moisture[0].Last.Moved {
			moved++
		}
		var g hydro.Forecast
		g, again = run(t, compile(t, c()), restored(t, stored(t, again)), now, obs.source)
		if diff := diffForecasts(f, g); diff != "" {
			t.Fatalf("after a restart at %s:\n%s", now, diff)
		}
		if string(stored(t, next)) != string(stored(t, again)) {
			t.Fatalf("after a restart at %s the states differ", now)
		}
		if !now.After(t0.Add(30 * time.Hour)) { // flows of 18 h come late, but within the warm-up
			_, delayed = run(t, m, delayed, now, late.source)
		} else {
			_, delayed = run(t, m, delayed, now, obs.source)
		}
		often = next
	}
	if moved == 0 {
		t.Fatal("nothing was adjusted")
	}
	want, _ := run(t, m, m.Start(t0.Add(24*time.Hour)), end, obs.source)
	for name, s := range map[string]forecast.State{"runs in between": often, "late data": delayed} {
		got, _ := run(t, m, s, end, obs.source)
		if diff := diffForecasts(want, got); diff != "" {
			t.Errorf("%s show:\n%s", name, diff)
		}
	}
}

func TestSoilMoistureIsAdjustedOnlyWhereItsGaugeTells(t *testing.T) {
	r := runoffOf("saturation nash")
	obs := truth(t, soils(false, 0.9, r), t0.Add(48*time.Hour))
	key := hydro.Key{Station: "up", Variable: hydro.Discharge}
	end := t0.Add(47 * time.Hour)
	for _, c := range []struct {
		name string
		do   func(c *catalog.Catalog, b book)
		on   bool
		why  updating.Why
	}{
		{"asked for", func(*catalog.Catalog, book) {}, true, updating.AtLimit},
		{"for the basin", func(c *catalog.Catalog, _ book) {
			c.Basins[0].Nodes[0].Updating.Moisture, c.Basins[0].Settings.Updating.Moisture = false, true
		}, true, updating.AtLimit},
		{"not asked for", func(c *catalog.Catalog, _ book) { c.Basins[0].Nodes[0].Updating.Moisture = false }, false, 0},
		{"all off at the node", func(c *catalog.Catalog, _ book) {
			c.Basins[0].Nodes[0].Updating, c.Basins[0].Settings.Updating.Moisture = catalog.NoUpdating, true
		}, false, 0},
		{"no soil", func(c *catalog.Catalog, _ book) { c.Basins[0].SubBasins[2].Runoff = runoffOf("phi nash") }, false, 0},
		{"a river arrives", func(c *catalog.Catalog, _ book) { // the dam's, in place of mid
			c.Basins[0].Nodes[1].Downstream, c.Basins[0].Reaches[1].To = "up", "up"
		}, false, 0},
		{"doubtful flow", func(_ *catalog.Catalog, b book) {
			h := &hydro.History{Samples: slices.Clone(b[key].Samples)}
			for i := range 40 {
				h.Samples[100+i].Quality = hydro.Suspect
			}
			b[key] = h
		}, true, updating.TooLittle},
		{"silent", func(_ *catalog.Catalog, b book) { delete(b, key) }, true, updating.TooLittle},
	} {
		t.Run(c.name, func(t *testing.T) {
			cat, b := soils(true, 0.4, r), book{}
			maps.Copy(b, obs)
			c.do(cat, b)
			cat.Basins[0].Settings.Warmup = 6 * time.Hour
			m := compile(t, cat)
			s := m.Start(t0)
			for now := t0; !now.After(end); now = now.Add(time.Hour) {
				_, s = run(t, m, s, now, b.source)
			}
			f, _ := run(t, m, s, end, b.source)
			asked := cat.Basins[0].Nodes[0].Updating.Moisture
			if told := slices.ContainsFunc(f.Notes, func(n string) bool { return strings.HasPrefix(n, "soil moisture at node up is not adjusted") }); told != (asked && !c.on) {
				t.Errorf("notes %q", f.Notes)
			}
			if !c.on || c.why == updating.TooLittle { // then it must not show
				cat.Basins[0].Nodes[0].Updating.Moisture, cat.Basins[0].Settings.Updating.Moisture = false, false
				m := compile(t, cat)
				got, _ := run(t, compile(t, cat), s, end, b.source)
				want, _ := run(t, m, m.Start(t0), end, b.source)
				if diff := diffForecasts(want, got); diff != "" {
					t.Errorf("it shows:\n%s", diff)
				}
			}
			if len(s.Moisture) != map[bool]int{true: 1}[c.on] {
				t.Fatalf("%+v", s.Moisture)
			}
			if c.on {
				l := s.Moisture[0].Last
				if l.Why != c.why || (l.Moved != 0) != (c.why == updating.AtLimit) || !l.At.Equal(t0.Add(24*time.Hour)) {
					t.Errorf("%v: %+v", l.Why, l)
				}
			}
		})
	}
}

// A day whose sub-basins changed is let go, the others go on.
func TestAnAdjustmentOutlivesAChangedCatalogue(t *testing.T) {
	r := runoffOf("saturation nash")
	obs := truth(t, soils(false, 0.9, r), t0.Add(60*time.Hour))
	m := compile(t, soils(true, 0.4, r))
	now := t0.Add(58 * time.Hour)
	_, s := run(t, m, m.Start(t0.Add(24*time.Hour)), now, obs.source)
	day := s.Moisture[0]
	if len(day.Begin) != 1 || len(day.Observed) != 120 || day.Last.Moved == 0 {
		t.Fatalf("%+v", day)
	}
	less := r
	less.Capacity = 60
	for _, c := range []struct {
		name string
		cat  *catalog.Catalog
		want []forecast.MoistureState
	}{
		{"another parameter", soils(true, 0.4, less), []forecast.MoistureState{day}},
		{"another method", soils(true, 0.4, runoffOf("xinanjiang nash")), []forecast.MoistureState{{Node: "up", Last: day.Last}}},
		{"one more sub-basin", soils(true, 0.4, r, r), []forecast.MoistureState{{Node: "up", Last: day.Last}}},
		{"switched off", soils(false, 0.4, r), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := compile(t, c.cat)
			if diff := cmp.Diff(c.want, n.Adopt(s, now).Moisture); diff != "" {
				t.Error(diff)
			}
			for i := range 5 {
				_, s := run(t, n, s, now.Add(time.Duration(i)*6*time.Hour), obs.source)
				if len(s.Moisture) != len(c.want) {
					t.Errorf("%+v", s.Moisture)
				}
			}
		})
	}
}
