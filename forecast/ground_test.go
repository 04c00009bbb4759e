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
	"freshet/forecast/loss"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A kind is a method of runoff with a way to the outlet.
type kind struct {
	name, text string
	runoff     catalog.Runoff
}

// kinds are all methods with all ways to the outlet, as the catalogue says it and
// as it means.
func kinds() []kind {
	methods := []kind{
		{"saturation", "capacity: 120, exponent: 0.4, impervious: 0.05, initial_store: 0.7, evaporation: 4, base_share: 0.3, base_recession: 30h", catalog.Runoff{
			Method: catalog.Saturation, Capacity: 120, Exponent: 0.4, Impervious: 0.05, InitialStore: 0.7, Evaporation: 4, BaseShare: 0.3, BaseRecession: 30 * time.Hour,
		}},
		{"xinanjiang", "method: xinanjiang, k: 0.9, wum: 15, wlm: 60, wdm: 30, c: 0.12, b: 0.35, im: 0.03, sm: 20, ex: 1.4, ki: 0.4, kg: 0.3, ci: 0.6, cg: 0.98, slice: 5, leak: 0.3, division: area, initial_store: 0.7, evaporation: 4", catalog.Runoff{
			Method: catalog.Xinanjiang, InitialStore: 0.7, Evaporation: 4, Xinanjiang: xinanjiang.Parameters{
				K: 0.9, WUM: 15, WLM: 60, WDM: 30, C: 0.12, B: 0.35, IM: 0.03, SM: 20, EX: 1.4, KI: 0.4, KG: 0.3, CI: 0.6, CG: 0.98, Slice: 5, Leak: 0.3, Division: xinanjiang.AreaCapacity,
			},
		}},
		{"scs", "method: scs, cn: 75, ratio: 0.1, storm_gap: 5h", catalog.Runoff{Method: catalog.CurveNumber, CN: 75, Ratio: 0.1, StormGap: 5 * time.Hour}},
		{"phi", "method: phi, phi: 4", catalog.Runoff{Method: catalog.PhiIndex, Phi: 4}},
	}
	ways := []kind{
		{"nash", "uh_reservoirs: 2.5, uh_scale: 1h", catalog.Runoff{Concentration: catalog.NashCascade, UHReservoirs: 2.5, UHScale: time.Hour}},
		{"lag", "cs: 0.002, lag: 47m", catalog.Runoff{Concentration: catalog.LagRecession, CS: 0.002, Lag: 47 * time.Minute}},
		{"ordinates", "ordinates: [0.1, 0.3, 0.25, 0.2, 0.1, 0.05], ordinates_step: 12m", catalog.Runoff{Concentration: catalog.GivenOrdinates, Ordinates: []float64{0.1, 0.3, 0.25, 0.2, 0.1, 0.05}, OrdinatesStep: 12 * time.Minute}},
	}
	var out []kind
	for _, m := range methods {
		for _, w := range ways {
			r := m.runoff
			r.Concentration, r.UHReservoirs, r.UHScale = w.runoff.Concentration, w.runoff.UHReservoirs, w.runoff.UHScale
			r.CS, r.Lag, r.Ordinates, r.OrdinatesStep = w.runoff.CS, w.runoff.Lag, w.runoff.Ordinates, w.runoff.OrdinatesStep
			out = append(out, kind{m.name + " " + w.name, m.text + ", " + w.text, r})
		}
	}
	return out
}

// creek is a catalogue of one sub-basin of 80 km² that drains to the gauge "out",
// with the rain gauge "p".
const creek = `catalog: {name: creek, title: Creek}
departments: [{id: hydrology, name: Hydrology}]
stations:
  - {id: out, name: Out, department: hydrology, kind: hydrological, basin: b, at: [112, 22], zone: UTC, parameters: [{variable: discharge, every: 5m}]}
  - {id: p, name: P, department: hydrology, kind: rain, basin: b, at: [112, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}
basins:
  - id: b
    name: B
    settings: {step: 5m, every: 5m, output_step: 5m, horizon: 12h, warmup: 12h, updating: off}
    nodes: [{id: out, name: Out, gauge: out}]
    sub_basins:
      - {id: s, name: S, node: out, area: 80, centre: [112, 22], runoff: {%s}}
`

func loaded(t testing.TB, text string) *catalog.Catalog {
	t.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	return c
}

// burst is rain of the gauge "p", mm in the 5 min that end at at.
func burst(at time.Time) float64 {
	d := (at.Sub(t0).Hours() + 6) / 2
	return 3 * math.Exp(-d*d)
}

// ordinates returns the ordinates of a way to the outlet, in steps of 5 min.
func ordinates(t failer, r *catalog.Runoff) []float64 {
	t.Helper()
	var u unithydrograph.Hydrograph
	var err error
	switch r.Concentration {
	case catalog.LagRecession:
		u, err = unithydrograph.Lag(r.Lag.Seconds(), 300)
	case catalog.GivenOrdinates:
		if u, err = unithydrograph.Given(r.Ordinates, 1); err == nil {
			u, err = u.Resample(r.OrdinatesStep.Seconds(), 300)
		}
	default:
		u, err = unithydrograph.Nash(r.UHReservoirs, r.UHScale.Seconds(), 300)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// An oracle is the ground of a sub-basin, stepped by its own package.
type oracle struct {
	step    func(rain, pet float64) (spread, direct, lost float64) // mm
	storage func() float64                                         // mm
	diff    func(forecast.SubBasinState) string                    // to rounding of the rain
}

var rounding = cmpopts.EquateApprox(1e-11, 1e-12)

func newOracle(t failer, r *catalog.Runoff) oracle {
	t.Helper()
	nothing := func() float64 { return 0 }
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	switch r.Method {
	case catalog.Xinanjiang:
		m, err := xinanjiang.New(r.Xinanjiang, 300)
		check(err)
		s := m.Start(r.InitialStore)
		return oracle{func(rain, pet float64) (float64, float64, float64) {
			var f xinanjiang.Flux
			s, f = m.Step(s, rain, pet)
			return f.Surface + f.Interflow + f.Groundwater, 0, f.Evaporation + f.Leak
		}, func() float64 { return m.Storage(s) }, func(o forecast.SubBasinState) string { return cmp.Diff(s, o.Xinanjiang, rounding) }}
	case catalog.CurveNumber:
		m, err := loss.NewCurveNumber(r.CN, r.Ratio)
		check(err)
		s, dry := loss.Storm{}, 0.0
		return oracle{func(rain, _ float64) (excess, _, lost float64) {
			if rain == 0 {
				dry += 300
			} else if dry >= r.StormGap.Seconds() {
				s = loss.Storm{}
			}
			if rain > 0 {
				dry = 0
			}
			s, excess = m.Step(s, rain)
			return excess, 0, rain - excess
		}, nothing, func(o forecast.SubBasinState) string {
			if dry >= r.StormGap.Seconds() {
				return cmp.Diff(loss.Storm{}, o.Storm)
			}
			return cmp.Diff(s, o.Storm, rounding)
		}}
	case catalog.PhiIndex:
		m, err := loss.NewPhi(r.Phi, 300)
		check(err)
		return oracle{func(rain, _ float64) (float64, float64, float64) {
			return m.Excess(rain), 0, rain - m.Excess(rain)
		}, nothing, func(forecast.SubBasinState) string { return "" }}
	default:
		m, err := runoff.New(runoff.Parameters{
			Capacity: r.Capacity, Exponent: r.Exponent, Impervious: r.Impervious, BaseShare: r.BaseShare, BaseRecession: r.BaseRecession.Seconds(),
		}, 300)
		check(err)
		s := runoff.State{Tension: r.InitialStore * r.Capacity}
		return oracle{func(rain, pet float64) (float64, float64, float64) {
			var f runoff.Flux
			s, f = m.StepEvaporating(s, rain, pet)
			return f.Fast, f.Slow, f.Evaporation
		}, func() float64 { return m.Storage(s) }, func(o forecast.SubBasinState) string { return cmp.Diff(s, o.Store, rounding) }}
	}
}

// From the text of a catalogue to the flow at the outlet, against the methods'
// own packages and a convolution by hand.
func TestEveryRunoffMethodGivesTheFlowOfItsLibrary(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			c := loaded(t, fmt.Sprintf(creek, k.text))
			r := &c.Basins[0].SubBasins[0].Runoff
			b := book{}
			b.fill("p", hydro.Rain, t0.Add(-12*time.Hour), t0, burst)
			m := compile(t, c)
			f, _ := run(t, m, m.Start(t0), t0, b.source)

			ground, u := newOracle(t, &k.runoff), ordinates(t, &k.runoff)
			store, keep := 0.0, math.Pow(r.CS, 300.0/86400)
			want := make([]float64, 288+len(u)) // index 0 ends 5 min after the start
			for i := range 288 {
				at, rain := t0.Add(-12*time.Hour+time.Duration(i+1)*every5), 0.0
				if !at.After(t0) {
					rain = burst(at)
				}
				spread, direct, _ := ground.step(rain, r.Evaporation*300/86400)
				if r.Concentration == catalog.LagRecession {
					store += spread
					spread = store * (1 - keep)
					store -= spread
				}
				for j, share := range u {
					want[i+j] += spread * share * 80 * 1000 / 300
				}
				want[i] += direct * 80 * 1000 / 300
			}
			out := station(t, f, "out")
			peak := slices.Max(want)
			if peak < 5 {
				t.Fatalf("the storm gives %g m³/s", peak)
			}
			for i, q := range append([]float64{out.NowDischarge}, out.Discharge...) {
				if math.Abs(q-want[143+i]) > 1e-11*peak {
					t.Fatalf("%d steps after now: %.12g m³/s, want %.12g", i, q, want[143+i])
				}
			}
		})
	}
}

// draw draws parameters of a method and of a way to the outlet, within what the
// catalogue takes.
func draw(t *rapid.T) catalog.Runoff {
	r := rapid.SampledFrom(kinds()).Draw(t, "kind").runoff
	f := func(name string, lo, hi float64) float64 { return rapid.Float64Range(lo, hi).Draw(t, name) }
	r.InitialStore, r.Evaporation = f("initial store", 0, 1), f("evaporation", 0, 20)
	r.Capacity, r.Exponent, r.Impervious, r.BaseShare = f("capacity", 1, 300), f("exponent", 0, 2), f("impervious", 0, 1), f("base share", 0, 1)
	r.BaseRecession = time.Duration(rapid.IntRange(1, 200).Draw(t, "recession")) * time.Hour
	var x []float64
	for _, p := range xinanjiang.Params {
		x = append(x, f(p.Name, p.Lo, p.Hi))
	}
	r.Xinanjiang = xinanjiang.Parameters{}.With(x)
	r.Xinanjiang.KG = min(r.Xinanjiang.KG, 0.99-r.Xinanjiang.KI)
	if r.Xinanjiang.Slice < 1 {
		r.Xinanjiang.Slice = 0
	}
	r.CN, r.Ratio, r.Phi = f("cn", 1, 100), f("ratio", 0, 1), f("phi", 0, 20)
	r.StormGap = time.Duration(rapid.IntRange(1, 60).Draw(t, "gap")) * every5
	r.UHReservoirs, r.UHScale = f("n", 0.5, 5), time.Duration(rapid.IntRange(1, 90).Draw(t, "k"))*time.Minute
	r.CS, r.Lag = f("cs", 0, 0.9), time.Duration(rapid.IntRange(0, 300).Draw(t, "lag"))*time.Minute
	return r
}

// Rain on a sub-basin that drains through a reach, run after run one step on:
// what fell is what evaporated or was lost to the ground, what left, and what is
// in the ground, under way to the outlet and in the reach.
func TestTheWholeBasinKeepsItsWaterByEveryRunoffMethod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := small()
		b := &c.Basins[0]
		b.Settings.Warmup, b.Settings.Horizon = 0, 30*time.Minute
		b.Nodes = []catalog.Node{{ID: "n0", Downstream: "n1"}, {ID: "n1", Gauge: "sea", Tidal: true}}
		reach := drawReach(t, "n0", "n1")
		b.Reaches, b.Reservoirs, b.SubBasins = []catalog.Reach{reach}, nil, b.SubBasins[:1]
		sub := &b.SubBasins[0]
		sub.Node, sub.Gauges, sub.Runoff = "n0", []string{"p1"}, draw(t)
		if reach.Method == catalog.MCT {
			b.Nodes[0].BaseFlow = 1 // what MCT starts from
		}
		m, err := forecast.Compile(c, "b")
		if err != nil {
			t.Fatal(err)
		}
		obs := book{}
		rain := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 15)), 60, 60).Draw(t, "rain")
		for i, mm := range rain {
			obs.put("p1", hydro.Rain, t0.Add(time.Duration(i+1)*every5), mm, hydro.Pass)
		}
		ground := newOracle(t, &sub.Runoff)
		cubic := sub.Area * 1000 // m³ of a mm
		held := func(s forecast.State) float64 {
			sum := s.SubBasins[0].Channel
			for _, q := range s.SubBasins[0].Pending {
				sum += q
			}
			// A reach's water goes by its flows at two instants, runoff by the mean of a
			// step: half a step of it has yet to enter.
			return (sum+s.Nodes[0].Flow/2)*300 + storage(t, reach, s.Reaches[0]) + ground.storage()*cubic
		}
		s := m.Start(t0)
		before := held(s)
		in, out := 0.0, 0.0 // m³
		for i, mm := range rain {
			_, next, err := m.Run(s, t0.Add(time.Duration(i+1)*every5), "schedule", obs.source, forecast.Ahead{})
			if err != nil {
				t.Fatal(err)
			}
			_, _, lost := ground.step(mm, sub.Runoff.Evaporation*300/86400)
			if diff := ground.diff(next.SubBasins[0]); diff != "" {
				t.Fatalf("step %d: the ground is not that of its library:\n%s", i, diff)
			}
			in += mm*cubic + b.Nodes[0].BaseFlow*300
			out += lost*cubic + (s.Nodes[1].Flow+next.Nodes[1].Flow)*150
			s = next
			if now := held(s); math.Abs(in-out-(now-before)) > 1e-9*(in+out+now) {
				t.Fatalf("step %d: %.12g m³ came, %.12g left, and the water held rose by %.12g", i, in, out, now-before)
			}
		}
	})
}

// A failer is a testing.TB or a rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// changed is small() with a way of runoff for its three sub-basins, and forecasts
// of 6 h.
func changed(r catalog.Runoff) *catalog.Catalog {
	c := small()
	c.Basins[0].Settings.Horizon = 6 * time.Hour
	for i := range c.Basins[0].SubBasins {
		c.Basins[0].SubBasins[i].Runoff = r
	}
	return c
}

func TestEveryRunoffMethodGoesOnFromAStoredState(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(30*time.Hour))
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			m := compile(t, changed(k.runoff))
			s, again := m.Start(t0), m.Start(t0)
			for i := range 12 {
				now := t0.Add(time.Duration(i)*140*time.Minute + 7*time.Second)
				before := stored(t, s)
				f, next := run(t, m, s, now, b.source)
				if string(stored(t, s)) != string(before) {
					t.Fatalf("run %d wrote to the state it was given", i)
				}
				var g hydro.Forecast
				g, again = run(t, compile(t, changed(k.runoff)), restored(t, stored(t, again)), now, b.source)
				if diff := diffForecasts(f, g); diff != "" {
					t.Fatalf("run %d:\n%s", i, diff)
				}
				if string(stored(t, next)) != string(stored(t, again)) {
					t.Fatalf("run %d:\n%s", i, cmp.Diff(next, again))
				}
				s = next
			}
			if cmp.Equal(s.SubBasins, m.Start(t0).SubBasins) {
				t.Error("the storm left no trace")
			}
			end := t0.Add(29 * time.Hour)
			whole, _ := run(t, m, m.Start(t0), end, b.source)
			parts, _ := run(t, m, s, end, b.source)
			if diff := diffForecasts(whole, parts); diff != "" {
				t.Errorf("runs in between show:\n%s", diff)
			}
		})
	}
}

// underWay is the runoff that has left the ground and not come to the outlet,
// m³/s for one step.
func underWay(s forecast.SubBasinState) float64 {
	sum := s.Channel
	for _, q := range s.Pending {
		sum += q
	}
	return sum
}

func TestWaterUnderWayStaysUnderWayWhateverChanges(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(40*time.Hour))
	now := t0.Add(7 * time.Hour)
	for _, from := range kinds() {
		m := compile(t, changed(from.runoff))
		_, s := run(t, m, m.Start(t0), now, b.source) // the state is that of the storm's peak
		for i := range s.SubBasins {
			if underWay(s.SubBasins[i]) < 20 {
				t.Fatalf("%s: %g m³/s are under way in %s", from.name, underWay(s.SubBasins[i]), s.SubBasins[i].ID)
			}
		}
		for _, to := range kinds() {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				c := changed(to.runoff)
				for i := range c.Basins[0].SubBasins {
					c.Basins[0].SubBasins[i].Area *= 1.5 // which makes no water
				}
				n := compile(t, c)
				before := stored(t, s)
				got, fresh := n.Adopt(s, now), n.Start(now)
				if string(stored(t, s)) != string(before) {
					t.Fatal("the old state was written to")
				}
				for i := range got.SubBasins {
					old, o, f := s.SubBasins[i], got.SubBasins[i], fresh.SubBasins[i]
					if a, b := underWay(old), underWay(o); math.Abs(a-b) > 1e-12*a {
						t.Errorf("%s: %g m³/s were under way, now %g", o.ID, a, b)
					}
					if to.runoff.Concentration != catalog.LagRecession && o.Channel != 0 {
						t.Errorf("%s: %g m³/s in a channel store that nothing empties", o.ID, o.Channel)
					}
					if from.runoff.Method == to.runoff.Method {
						f = old
					}
					o.Channel, o.Pending, f.Channel, f.Pending = 0, nil, 0, nil
					if diff := cmp.Diff(f, o); diff != "" {
						t.Errorf("ground of %s:\n%s", o.ID, diff)
					}
				}
				// What was under way comes out. A run adopts by itself.
				f, next, err := n.Run(s, now, "schedule", b.source, forecast.Ahead{})
				g, _ := run(t, n, got, now, b.source)
				if err != nil || diffForecasts(f, g) != "" {
					t.Errorf("a run from the old state: %v\n%s", err, diffForecasts(f, g))
				}
				next, err = forward(n, next, now.Add(48*time.Hour), book{}) // no rain is reported
				if err != nil {
					t.Fatal(err)
				}
				for i, o := range next.SubBasins { // two days on; interflow never ends
					if o.Method != catalog.Xinanjiang && underWay(o) > 1e-5*underWay(s.SubBasins[i]) {
						t.Errorf("%s: %g m³/s are still under way", o.ID, underWay(o))
					}
				}
			})
		}
	}
}

func forward(m *forecast.Model, s forecast.State, now time.Time, obs book) (forecast.State, error) {
	_, next, err := m.Run(s, now, "schedule", obs.source, forecast.Ahead{})
	return next, err
}

func TestASmallerCapacityLosesNoWater(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(30*time.Hour))
	now := t0.Add(30 * time.Hour)
	wet := kinds()[0].runoff
	m := compile(t, changed(wet))
	_, s := run(t, m, m.Start(t0), now, b.source)
	less := wet
	less.Capacity, less.Evaporation = 60, 0
	n := compile(t, changed(less))
	_, next := run(t, n, s, now, book{}.source)
	_, next = run(t, n, next, now.Add(24*time.Hour), book{}.source)
	for i, o := range next.SubBasins {
		if was := s.SubBasins[i].Store.Tension; was <= 60 || o.Store.Tension != was {
			t.Errorf("%s: %g mm in the ground, before the change %g", o.ID, o.Store.Tension, was)
		}
	}
}

// Months begin at midnight of the basin: at 16:00Z the day before in China, at
// 05:00Z in Texas.
func TestMonthlyEvaporationTurnsAtLocalMidnight(t *testing.T) {
	for zone, turn := range map[string]time.Time{
		"Asia/Shanghai": time.Date(2026, 5, 31, 16, 0, 0, 0, time.UTC), "America/Chicago": time.Date(2026, 6, 1, 5, 0, 0, 0, time.UTC), "": time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	} {
		for _, k := range []kind{kinds()[0], kinds()[3]} {
			r := k.runoff
			r.InitialStore, r.Evaporation = 1, 0
			r.Monthly = &xinanjiang.Monthly{5: 8} // June
			c := changed(r)
			c.Basins[0].Season.Zone = zone
			c.Basins[0].Settings.Warmup = 0
			m := compile(t, c)
			s := m.Start(turn.Add(-time.Hour))
			var first time.Time
			for now := turn.Add(-time.Hour); now.Before(turn.Add(time.Hour)); now = now.Add(every5) {
				next, err := forward(m, s, now, book{})
				if err != nil {
					t.Fatal(err)
				}
				was, is := s.SubBasins[0], next.SubBasins[0]
				if first.IsZero() && (is.Store.Tension < was.Store.Tension || is.Xinanjiang.Upper < was.Xinanjiang.Upper) {
					first = now
				}
				s = next
			}
			if want := turn.Add(every5); !first.Equal(want) {
				t.Errorf("%s, %s: the first step of June ends at %s, want %s", zone, k.name, first, want)
			}
		}
	}
}

func TestBadRunoffIsRefusedWithItsNumbers(t *testing.T) {
	for says, do := range map[string]func(r *catalog.Runoff){
		`runoff method "topmodel": want "saturation"`:       func(r *catalog.Runoff) { r.Method = "topmodel" },
		"initial store 1.5":                                 func(r *catalog.Runoff) { r.Method, r.InitialStore = catalog.Xinanjiang, 1.5 },
		"EP = 25 mm/d: want 0 to 20":                        func(r *catalog.Runoff) { r.Evaporation = 25 },
		"evaporation: EP = 21 mm/d: want 0 to 20":           func(r *catalog.Runoff) { r.Monthly = &xinanjiang.Monthly{3: 21} },
		"xinanjiang: WUM = 0 mm: want 1 to 150":             func(r *catalog.Runoff) { r.Method = catalog.Xinanjiang; r.Xinanjiang.K = 1 },
		"curve number: CN = 0.5":                            func(r *catalog.Runoff) { r.Method, r.CN, r.StormGap = catalog.CurveNumber, 0.5, time.Hour },
		"storm gap 0s: want more than 0":                    func(r *catalog.Runoff) { r.Method, r.CN = catalog.CurveNumber, 80 },
		"phi-index: phi = -1 mm/h":                          func(r *catalog.Runoff) { r.Method, r.Phi = catalog.PhiIndex, -1 },
		"concentration: L = 2.59201e+06 s":                  func(r *catalog.Runoff) { r.Concentration, r.Lag = catalog.LagRecession, 30*24*time.Hour+10*time.Second },
		"unit hydrograph: 2 ordinates sum to 0.9":           func(r *catalog.Runoff) { r.Concentration, r.Ordinates = catalog.GivenOrdinates, []float64{0.4, 0.5} },
		"unit hydrograph: a step of 0 s: want > 0":          func(r *catalog.Runoff) { r.Concentration, r.Ordinates = catalog.GivenOrdinates, []float64{0.4, 0.6} },
		`concentration "clark": want "nash", "lag" or "ord`: func(r *catalog.Runoff) { r.Concentration = "clark" },
	} {
		r := kinds()[0].runoff
		do(&r)
		_, err := forecast.Compile(changed(r), "b")
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `sub-basin "head"`) {
			t.Errorf("%v; want %q", err, says)
		}
	}
	c := small()
	c.Basins[0].Season.Zone = "Atlantis"
	if _, err := forecast.Compile(c, "b"); err == nil || !strings.Contains(err.Error(), "season: zone") {
		t.Errorf("zone: %v", err)
	}
}

// What the catalogue takes, at the ends of each range, a model can be made of.
func TestWhatTheCatalogueTakesCompiles(t *testing.T) {
	for i := range xinanjiang.Params {
		p := xinanjiang.Params[i]
		rest := map[string]string{"KI": ", kg: 0", "KG": ", ki: 0"}[p.Name] // together less than 1
		for _, v := range []float64{p.Lo, p.Hi} {
			compile(t, loaded(t, fmt.Sprintf(creek, fmt.Sprintf("method: xinanjiang, %s: %g%s", strings.ToLower(p.Name), v, rest))))
		}
	}
}
