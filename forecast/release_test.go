package forecast_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/forecast/reservoir"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// dammed is small with outlets and rules at its dam, whose limit level of the
// season is 51 m.
func dammed() *catalog.Catalog {
	c := small()
	c.Basins[0].Settings.OutputStep = every5
	c.Basins[0].Reservoirs = []catalog.Reservoir{lake()}
	return c
}

// flood is storm with a dam that stands at 50.97 m, takes in 150 m³/s and lets 15
// out.
func flood(now time.Time) book {
	b := storm(t0, now)
	b.fill("dam", hydro.WaterLevel, t0, now, constant(50.97))
	b.fill("dam", hydro.Inflow, t0, now, constant(150))
	return b
}

func noted(f hydro.Forecast, want string) bool {
	return slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, want) })
}

func TestAReservoirWithOutletsFollowsItsRulesAndLimits(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	m := compile(t, dammed())
	f, _ := run(t, m, m.Start(now), now, flood(now).source)
	d := station(t, f, "dam")
	if f.Plan != "releases by the reservoirs' own rules and limits" {
		t.Errorf("plan %q", f.Plan)
	}
	if !noted(f, "reservoir dam: no order, release held, at most 15 m³/s; from 2026-06-01 ") || !noted(f, " raised by the limit level, at most ") {
		t.Errorf("notes %q", f.Notes)
	}
	top, at51 := 0.0, 0
	for _, h := range d.Level {
		top = max(top, h)
		if math.Abs(h-51) < 1e-6 {
			at51++
		}
	}
	if top > 51+1e-9 || at51 == 0 {
		t.Errorf("the level rises to %.6f m and is at the limit level of 51 m in %d steps", top, at51)
	}

	// A month later in the year there is no limit level any more.
	c := dammed()
	c.Basins[0].Reservoirs[0].FloodLimits[0].ToMonth, c.Basins[0].Reservoirs[0].FloodLimits[0].ToDay = 5, 31
	m = compile(t, c)
	f, _ = run(t, m, m.Start(now), now, flood(now).source)
	if d := station(t, f, "dam"); slices.Max(d.Level) < 51.01 || noted(f, "limit level") {
		t.Errorf("without a limit the level rises to %.3f m; notes %q", slices.Max(d.Level), f.Notes)
	}
}

// The station's zone says when the limit level of a day begins.
func TestALimitLevelBeginsAtMidnightOfTheStation(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	begins := func(zone string) time.Time {
		c := dammed()
		c.Stations[0].Zone = zone
		c.Basins[0].Reservoirs[0].FloodLimits = []catalog.FloodLimit{{FromMonth: 6, FromDay: 2, ToMonth: 10, ToDay: 15, Level: 50.8}}
		c.Basins[0].Reservoirs[0].Rules = catalog.ReservoirRules{Otherwise: "pass_inflow"}
		m := compile(t, c)
		f, _ := run(t, m, m.Start(now), now, flood(now).source)
		d := station(t, f, "dam")
		for i, h := range d.Level {
			if i > 0 && h < d.Level[i-1]-1e-3 {
				return now.Add(time.Duration(i) * every5) // begin of the step
			}
		}
		return time.Time{}
	}
	for zone, want := range map[string]time.Time{"UTC": t0.Add(24 * time.Hour), "+08:00": t0.Add(16 * time.Hour)} {
		if got := begins(zone); !got.Equal(want) {
			t.Errorf("zone %s: drawn down from %s, want %s", zone, got, want)
		}
	}
}

func TestWithoutALevelTheLastOutflowIsHeld(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	m := compile(t, dammed())
	obs := flood(now)
	delete(obs, hydro.Key{Station: "dam", Variable: hydro.WaterLevel})
	f, _ := run(t, m, m.Start(now), now, obs.source)
	if f.Plan != "last observed outflow held" || !noted(f, "no recent level of reservoir dam: its rules are not used") {
		t.Errorf("plan %q, notes %q", f.Plan, f.Notes)
	}

	obs = flood(now)
	obs.fill("dam", hydro.WaterLevel, now.Add(-every5), now, constant(58.2)) // above its crest
	f, _ = run(t, m, m.Start(now), now, obs.source)
	if f.Plan != "last observed outflow held" || !noted(f, "reservoir dam: its rules are not used: reservoir: level 58.2 m: want 40 to 58 m") {
		t.Errorf("plan %q, notes %q", f.Plan, f.Notes)
	}

	c := dammed()
	c.Stations[0].Parameters = c.Stations[0].Parameters[1:]
	m = compile(t, c)
	f, _ = run(t, m, m.Start(now), now, flood(now).source)
	if f.Plan != "last observed outflow held" || !noted(f, "reservoir dam reports no level: its outlets and rules cannot be used") {
		t.Errorf("plan %q, notes %q", f.Plan, f.Notes)
	}
}

func TestWithoutAnOutflowTheRuleToHoldPassesTheInflow(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	m := compile(t, dammed())
	obs := flood(now)
	delete(obs, hydro.Key{Station: "dam", Variable: hydro.Outflow})
	f, _ := run(t, m, m.Start(now), now, obs.source)
	d := station(t, f, "dam")
	if !noted(f, "reservoir dam: no order, inflow passed") || math.Abs(slices.Max(d.Level)-50.97) > 1e-6 {
		t.Errorf("level up to %g m, notes %q", slices.Max(d.Level), f.Notes)
	}
}

func TestAReservoirThatTheMethodRefusesIsNotCompiled(t *testing.T) {
	c := dammed()
	c.Basins[0].Reservoirs[0].Outlets[0].Width = 0
	if _, err := forecast.Compile(c, "b"); err == nil || !strings.Contains(err.Error(), `node "dam": reservoir "dam": reservoir: outlet 1 "spillway": Width = 0 m: want > 0`) {
		t.Errorf("got %v", err)
	}
}

const alone = " for the river below reservoir dam holds for the release alone: what joins below the dam is not counted, the river may carry more than it bears"

// The limit for the river below keeps the release, and only that, below it; as the
// river then carries more, the run must say what the limit leaves out.
func TestTheLimitForTheRiverBelowSaysThatItDoesNotCountWhatJoins(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	m, obs := compile(t, dammed()), flood(now)
	delete(obs, hydro.Key{Station: "mid", Variable: hydro.WaterLevel}) // which takes from what is computed
	orders := forecast.Ahead{Plans: []hydro.DispatchPlan{damPlan(hydro.Release{From: now, Outflow: 900})}}
	f := runAhead(t, m, now, obs.source, orders)
	if !noted(f, "reservoir dam: cut by what the river below bears, at most 200 m³/s") {
		t.Fatalf("the limit does not bind: notes %q", f.Notes)
	}
	if top := slices.Max(station(t, f, "mid").Discharge); top <= 200 {
		t.Fatalf("the river below carries %g m³/s: nothing joins that could be missed", top)
	}
	if !slices.Contains(f.Notes, "limit of 200 m³/s"+alone) {
		t.Errorf("nothing says what the limit leaves out: notes %q", f.Notes)
	}
	if want := "水库dam下游安全泄量200 m³/s只限制水库下泄，未计坝下汇入的区间来水，下游河道流量可能超过安全泄量；"; !strings.Contains(f.HonestyZH(), want) {
		t.Errorf("%s, want %s in it", f.HonestyZH(), want)
	}
	h, err := m.Rehearse(m.Start(now), now, obs.source, orders, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(h.Forecast.Notes, "limit of 200 m³/s"+alone) {
		t.Errorf("a rehearsal does not say what the limit leaves out: notes %q", h.Forecast.Notes)
	}
}

// Whatever the level, the limit and the order: no release is said to be cut for the
// river below without the note, none that is goes above the limit, and without a
// limit there is nothing to note.
func TestNoReleaseIsCutForTheRiverBelowWithoutTheNote(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		c, obs := dammed(), flood(now)
		rules := &c.Basins[0].Reservoirs[0].Rules
		rules.Downstream = rapid.SampledFrom([]float64{0, 0.5, 20, 80, 200, 1e6}).Draw(t, "downstream")
		rules.Otherwise = rapid.SampledFrom([]string{"hold", "pass_inflow", "closed"}).Draw(t, "otherwise")
		obs.fill("dam", hydro.WaterLevel, t0, now, constant(rapid.Float64Range(45, 57.9).Draw(t, "level")))
		var a forecast.Ahead
		if rapid.Bool().Draw(t, "ordered") {
			a.Plans = []hydro.DispatchPlan{damPlan(hydro.Release{From: now, Outflow: rapid.Float64Range(0, 900).Draw(t, "order")})}
		}
		m, err := forecast.Compile(c, "b")
		if err != nil {
			t.Fatal(err)
		}
		h, err := m.Rehearse(m.Start(now), now, obs.source, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		said := 0
		for _, n := range h.Forecast.Notes {
			if n == fmt.Sprintf("limit of %g m³/s", rules.Downstream)+alone {
				said++
			} else if strings.Contains(n, alone) {
				t.Fatalf("note %q for a limit of %g m³/s", n, rules.Downstream)
			}
		}
		if want := min(1, int(math.Ceil(rules.Downstream))); said != want {
			t.Fatalf("said %d times what a limit of %g m³/s leaves out, want %d: %q", said, rules.Downstream, want, h.Forecast.Notes)
		}
		_, cut := reservoir.ByDownstream.Text()
		for i, b := range h.Reservoirs[0].Bound {
			if q := h.Reservoirs[0].Outflow[i]; b == cut && (said == 0 || q > rules.Downstream*(1+1e-9)+1e-6) {
				t.Fatalf("step %d: %g m³/s %s, a limit of %g m³/s; noted %d times", i, q, b, rules.Downstream, said)
			}
		}
	})
}

func gatePlan(gates ...hydro.GateSetting) forecast.Ahead {
	p := damPlan(hydro.Release{From: gates[0].From})
	p.Releases, p.Gates = nil, gates
	return forecast.Ahead{Plans: []hydro.DispatchPlan{p}}
}

// The storage of the run rises by what flows in less what the ordered opening
// passes at the level of the moment, computed here from the gate's formula.
func TestAGatePlanReleasesByTheOutletsLaw(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	c := dammed()
	c.Basins[0].Reservoirs[0].FloodLimits = nil
	c.Basins[0].Reservoirs[0].Rules.Downstream = 0
	c.Basins[0].Settings.Horizon = 72 * time.Hour
	m := compile(t, c)
	obs := flood(now)
	a := gatePlan(hydro.GateSetting{From: now, Outlet: "gates", Opening: 1}, hydro.GateSetting{From: now.Add(6 * time.Hour), Outlet: "gates", Opening: 0})
	a.Plans[0].ValidUntil = now.Add(12 * time.Hour)
	f := runAhead(t, m, now, obs.source, a)
	if want := "gate plan of reservoir dam, ordered by 江门三防, desk 2, issued 2026-05-31 23:00Z, valid 2026-06-01 12:00Z to 2026-06-02 00:00Z"; !strings.HasPrefix(f.Plan, want) {
		t.Errorf("plan %q", f.Plan)
	}
	for _, want := range []string{
		"gate plan of reservoir dam ends at 2026-06-02 00:00Z: its last openings are held",
		"gate plan of reservoir dam does not name bottom, power: taken as closed",
		"reservoir dam: as planned, at most ",
	} {
		if !noted(f, want) {
			t.Errorf("no %q in %q", want, f.Notes)
		}
	}
	// By hand: storage 5·10⁶ m³ per m, the reservoir's own inflow, trapezoidal rule.
	d := station(t, f, "dam")
	g := math.Sqrt(2 * 9.80665)
	out := func(level, a float64) float64 {
		h := level - 45
		q := 2.0 / 3 * g * 0.62 * 12 * (math.Pow(h, 1.5) - math.Pow(h-a, 1.5))
		return q + (level-44)/14 // the ladder
	}
	for i := 1; i < len(d.Level); i++ {
		opening := 1.0
		if i >= 72 {
			opening = 0
		}
		in := (d.Discharge[i-1] + d.Discharge[i]) / 2
		net := in - (out(d.Level[i-1], opening)+out(d.Level[i], opening))/2
		if rise := (d.Level[i] - d.Level[i-1]) * 5e6 / 300; math.Abs(rise-net) > 1e-3*(1+in) {
			t.Fatalf("step %d: storage rises by %g m³/s, inflow less outflow is %g", i, rise, net)
		}
	}
	// After it has closed, little more than the ladder is left to draw it down.
	if open, shut := d.Level[0]-d.Level[71], d.Level[71]-d.Level[len(d.Level)-1]; open < 0.1 || shut > open/2 {
		t.Errorf("the level falls by %g m while the gate is open, by %g m once it is closed", open, shut)
	}
	for part := range strings.SplitSeq(f.HonestyZH(), "；") {
		if strings.Contains(part, "gate plan") {
			t.Errorf("not in Chinese: %q", part)
		}
	}
}

func TestAGatePlanThatDoesNotFitIsNamedAndNotUsed(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	plan := gatePlan(hydro.GateSetting{From: now, Outlet: "gates", Opening: 4})
	const title = "gate plan of reservoir dam, ordered by 江门三防, desk 2, issued 2026-05-31 23:00Z"
	for want, change := range map[string]func(*catalog.Catalog, book){
		`: not used: setting 1: no outlet "gates"`:                    func(c *catalog.Catalog, _ book) { c.Basins[0].Reservoirs[0].Outlets[1].Name = "old gates" },
		`: not used: setting 1: outlet "gates" set to 4: want 0 to 3`: func(c *catalog.Catalog, _ book) { c.Basins[0].Reservoirs[0].Outlets[1].Height = 3 },
		": not used: the catalogue gives the reservoir no outlets, or no station for its level": func(c *catalog.Catalog, _ book) {
			c.Basins[0].Reservoirs[0].Outlets, c.Basins[0].Reservoirs[0].Rules = nil, catalog.ReservoirRules{}
		},
		": not used: no level of the reservoir to compute the release from": func(_ *catalog.Catalog, b book) {
			delete(b, hydro.Key{Station: "dam", Variable: hydro.WaterLevel})
		},
	} {
		c, obs := dammed(), flood(now)
		change(c, obs)
		m := compile(t, c)
		f := runAhead(t, m, now, obs.source, plan)
		g := runAhead(t, m, now, obs.source, forecast.Ahead{})
		if !noted(f, title+want) || f.Plan != g.Plan {
			t.Errorf("plan %q, notes %q, want %q", f.Plan, f.Notes, want)
		}
		if diff := gocmp.Diff(g.Stations, f.Stations, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: another forecast than without the plan (-without +with):\n%s", want, diff)
		}
		for part := range strings.SplitSeq(f.HonestyZH(), "；") {
			if strings.Contains(part, "gate plan") {
				t.Errorf("not in Chinese: %q", part)
			}
		}
	}
}

// The order counts before the rules, and what the river below bears before the
// order.
func TestAPlanComesBeforeTheRulesAndWithinTheLimits(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	m := compile(t, dammed())
	plan := damPlan(
		hydro.Release{From: now.Add(2 * time.Hour), Outflow: 120}, // the level would keep below its limit without it
		hydro.Release{From: now.Add(4 * time.Hour), Outflow: 900},
	)
	obs := flood(now)
	obs.fill("dam", hydro.WaterLevel, t0, now, constant(50))
	f := runAhead(t, m, now, obs.source, forecast.Ahead{Plans: []hydro.DispatchPlan{plan}})
	if !strings.HasPrefix(f.Plan, "release plan of reservoir dam, ordered by 江门三防, desk 2") || !strings.HasSuffix(f.Plan, "; releases by the reservoirs' own rules and limits") {
		t.Errorf("plan %q", f.Plan)
	}
	story := "reservoir dam: no order, release held, at most 15 m³/s; from 2026-06-01 14:00Z as planned, at most 120 m³/s; " +
		"from 2026-06-01 16:00Z cut by what the river below bears, at most 200 m³/s"
	if !noted(f, story) {
		t.Errorf("notes %q, want %q", f.Notes, story)
	}
	d := station(t, f, "dam")
	two, four, six := d.Level[23], d.Level[47], d.Level[71]
	if before := d.Level[0]; !(two > before && four-two < two-before && six < four) {
		t.Errorf("levels %.4f, %.4f, %.4f, %.4f m at 0, 2, 4 and 6 h: want a rise, a slower one, and a fall", before, two, four, six)
	}
}

// A level above the storage curve, as of a gauge that is out by metres or a lake
// over its crest, gives a volume that nobody has surveyed: what comes of it says so,
// also where the lake falls back into the curve's range.
func TestALevelOutsideTheStorageCurveIsSaid(t *testing.T) {
	m := compile(t, small())
	for _, c := range []struct {
		now, inflow float64
		said        bool
	}{{60.5, 10, true}, {59.5, 10, false}, {39.5, 300, true}} {
		b := book{}
		from := t0.Add(-24 * time.Hour)
		b.fill("dam", hydro.Outflow, from, t0, constant(100))
		b.fill("dam", hydro.Inflow, from, t0, constant(c.inflow))
		b.fill("dam", hydro.WaterLevel, from, t0, constant(c.now))
		f, _ := run(t, m, m.Start(t0), t0, b.source)
		said := slices.ContainsFunc(f.Notes, func(n string) bool {
			return strings.Contains(n, fmt.Sprintf("level of reservoir dam, %.2f m, is outside its storage curve", c.now))
		})
		if s := station(t, f, "dam"); said != c.said || s.Extrapolated != c.said {
			t.Errorf("at %g m: said %v, extrapolated %v, want %v; notes %q", c.now, said, s.Extrapolated, c.said, f.Notes)
		}
	}
}
