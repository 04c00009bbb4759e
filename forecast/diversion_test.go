package forecast_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/forecast/routing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// valley is a river "a" to "c" beside another, "x" to "c", both to "m"; every node has
// a gauge that corrects nothing, so that flows are seen as they are computed. Nothing
// flows but base flow: 40 m³/s at "a", 10 at "x".
func valley() *catalog.Catalog {
	c := small()
	b := &c.Basins[0]
	b.SubBasins, b.Reservoirs = nil, nil
	b.Settings.OutputStep = every5
	b.Nodes = []catalog.Node{
		{ID: "a", Gauge: "up", Tidal: true, BaseFlow: 40, Downstream: "b"},
		{ID: "b", Gauge: "mid", Tidal: true, BaseFlow: 0, Downstream: "c"},
		{ID: "x", BaseFlow: 10, Downstream: "c"},
		{ID: "c", Gauge: "sea", Tidal: true, Downstream: "m"},
		{ID: "m"},
	}
	lag := func(id, from, to string) catalog.Reach {
		return catalog.Reach{ID: id, From: from, To: to, Length: 1, Method: catalog.LagRoute, Lag: time.Hour, K: time.Hour}
	}
	b.Reaches = []catalog.Reach{lag("a-b", "a", "b"), lag("b-c", "b", "c"), lag("x-c", "x", "c"), lag("c-m", "c", "m")}
	return c
}

func divert(c *catalog.Catalog, node string, d catalog.Diversion) *catalog.Catalog {
	nodes := c.Basins[0].Nodes
	nodes[slices.IndexFunc(nodes, func(n catalog.Node) bool { return n.ID == node })].Diversion = d
	return c
}

// flows returns the steady flow at the gauge of each node that has one.
func flows(t testing.TB, c *catalog.Catalog) (map[string]float64, hydro.Forecast) {
	t.Helper()
	m := compile(t, c)
	f, _ := run(t, m, m.Start(t0), t0, book{}.source)
	out := map[string]float64{}
	for _, s := range f.Stations {
		for i, q := range s.Discharge {
			if math.Abs(q-s.Discharge[0]) > 1e-9 {
				t.Fatalf("%s: %g m³/s at first and %g after %d steps: the basin does not start steady", s.Station, s.Discharge[0], q, i)
			}
		}
		out[s.Station] = math.Round(1e6*s.Discharge[0]) / 1e6
	}
	return out, f
}

func TestADiversionTakesWhatItAsksForAndMay(t *testing.T) {
	table := []routing.DiversionPoint{{}, {Flow: 20, Taken: 2}, {Flow: 60, Taken: 22}}
	for _, c := range []struct {
		name string
		d    catalog.Diversion
		b, c float64 // m³/s of 40 and of 50
		note string
	}{
		{"a share", catalog.Diversion{Share: 0.25}, 30, 40, ""},
		{"a share, some kept", catalog.Diversion{Share: 0.9, Keep: 7}, 7, 17, "diversion at node b out of the basin: 33 m³/s in the mean to the horizon, 82 % of what arrives|diversion at node b takes less than asked for during 48 h: 7 m³/s stay in the river"},
		{"a demand", catalog.Diversion{Demand: []float64{12}}, 28, 38, "diversion at node b out of the basin: 12 m³/s in the mean to the horizon, 30 % of what arrives"},
		{"a demand beyond the river", catalog.Diversion{Demand: []float64{41}}, 0, 10, "diversion at node b out of the basin: 40 m³/s in the mean to the horizon, 100 % of what arrives|diversion at node b takes less than asked for during 48 h: the river has no more"},
		{"a demand beyond the intake", catalog.Diversion{Demand: []float64{12}, Capacity: 5}, 35, 45, "diversion at node b out of the basin: 5 m³/s in the mean to the horizon, 12 % of what arrives"},
		{"a table", catalog.Diversion{Table: table}, 28, 38, "diversion at node b out of the basin: 12 m³/s in the mean to the horizon, 30 % of what arrives"},
		{"to another node", catalog.Diversion{Demand: []float64{12}, To: "c", Lag: 100 * time.Minute}, 28, 50, "diversion at node b to node c: 12 m³/s in the mean to the horizon, 30 % of what arrives"},
		{"to another river", catalog.Diversion{Share: 0.5, Keep: 30, To: "x"}, 30, 50, "diversion at node b to node x: 10 m³/s in the mean to the horizon, 25 % of what arrives|diversion at node b takes less than asked for during 48 h: 30 m³/s stay in the river"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, f := flows(t, divert(valley(), "b", c.d))
			if want := map[string]float64{"up": 40, "mid": c.b, "sea": c.c}; c.name != "to another river" && cmp.Diff(want, got) != "" {
				t.Errorf("m³/s: %v, want %v", got, want)
			}
			if c.name == "to another river" && (got["mid"] != 30 || got["sea"] != 40) { // what is local at x makes up its base flow
				t.Errorf("m³/s: %v", got)
			}
			var notes []string
			for _, n := range f.Notes {
				if strings.HasPrefix(n, "diversion") {
					notes = append(notes, n)
				}
			}
			if strings.Join(notes, "|") != c.note {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

// What is taken of a flood joins at the other node by the lag later.
func TestDivertedWaterIsUnderWay(t *testing.T) {
	c := divert(valley(), "a", catalog.Diversion{})
	c.Basins[0].Nodes[0].Tidal = false // the gauge at "a" is the flood
	divert(c, "b", catalog.Diversion{Table: []routing.DiversionPoint{{}, {Flow: 40}, {Flow: 1040, Taken: 1000}}, To: "c", Lag: 10 * time.Hour})
	b := book{}
	b.fill("up", hydro.Discharge, t0.Add(-48*time.Hour), t0.Add(-10*time.Hour), constant(40))
	b.fill("up", hydro.Discharge, t0.Add(-10*time.Hour), t0, constant(240))
	m := compile(t, c)
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	mid, sea := station(t, f, "mid"), station(t, f, "sea")
	if q := mid.NowDischarge; math.Abs(q-40) > 1e-6 {
		t.Errorf("%g m³/s left of a flood, want 40", q)
	}
	first := slices.IndexFunc(sea.Discharge, func(q float64) bool { return q > 51 })
	// The flood leaves "a" at -10 h, is at "b" from -9 h on and by the canal at "c" from 1 h on.
	if at := time.Duration(first+1) * every5; at < time.Hour || at > time.Hour+15*time.Minute {
		t.Errorf("what is diverted comes after %v", at)
	}
	if q := sea.Discharge[first+60]; q < 200 {
		t.Errorf("%g m³/s come of 200", q)
	}
	// A later run from an older state finds the same water under way as one from a newer one.
	old := m.Start(t0.Add(-30 * time.Hour))
	_, next := run(t, m, old, t0.Add(-5*time.Hour), b.source)
	now := t0
	short, _ := run(t, m, next, now, b.source)
	_, later := run(t, m, next, now, b.source)
	again, _ := run(t, m, restored(t, stored(t, later)), now, b.source)
	if diff := diffForecasts(short, again); diff != "" {
		t.Error(diff)
	}
}

func TestADemandByMonthFollowsTheMonth(t *testing.T) {
	c := divert(valley(), "b", catalog.Diversion{Demand: []float64{1, 1, 1, 1, 5, 9, 1, 1, 1, 1, 1, 1}})
	c.Basins[0].Season.Zone = "Asia/Shanghai"
	m := compile(t, c)
	now := time.Date(2026, 5, 31, 12, 0, 0, 0, time.UTC) // June begins at 16:00 there
	f, _ := run(t, m, m.Start(now), now, book{}.source)
	q := station(t, f, "mid").Discharge
	if may, june := q[47], q[48]; math.Abs(may-june-4) > 1e-9 { // of the steps that end and begin at 16:00
		t.Errorf("%g m³/s left in May, %g in June, want 4 more in May", may, june)
	}
}

func TestDiversionsThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		c    *catalog.Catalog
		says string
	}{
		{"a ring", divert(valley(), "c", catalog.Diversion{Share: 0.1, To: "a"}), "nodes a, b, c, m lie on or below a ring of reaches and diversions"},
		{"two that feed each other", divert(divert(valley(), "b", catalog.Diversion{Share: 0.1, To: "x"}), "x", catalog.Diversion{Share: 0.1, To: "b"}), "ring of reaches and diversions"},
		{"nowhere", divert(valley(), "b", catalog.Diversion{Share: 0.1, To: "moon"}), `node "b": diversion to node "moon": it is not another node of the basin`},
		{"itself", divert(valley(), "b", catalog.Diversion{Share: 0.1, To: "b"}), `it is not another node`},
		{"two wishes", divert(valley(), "b", catalog.Diversion{Share: 0.1, Demand: []float64{3}}), "share, demand and table contradict each other"},
		{"no wish", divert(valley(), "b", catalog.Diversion{Keep: 3}), "says nothing of how much is taken"},
		{"more than flows", divert(valley(), "b", catalog.Diversion{Table: []routing.DiversionPoint{{}, {Flow: 3, Taken: 4}}}), "table: 4 m³/s taken of 3 m³/s"},
		{"some months", divert(valley(), "b", catalog.Diversion{Demand: []float64{3, 4}}), "2 demands: want one, or twelve"},
		{"a lake", divert(small(), "dam", catalog.Diversion{Demand: []float64{3}}), `water of reservoir "dam" is no diversion of a river`},
		{"a negative lateral", along(valley(), "b-c", -1), "lateral inflow -1 m³/s: want 0 to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := forecast.Compile(c.c, "b"); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

func along(c *catalog.Catalog, reach string, q ...float64) *catalog.Catalog {
	rs := c.Basins[0].Reaches
	rs[slices.IndexFunc(rs, func(r catalog.Reach) bool { return r.ID == reach })].Lateral = q
	return c
}

// Where diverted water joins is computed after where it is taken, however nodes stand.
func TestDiversionsMayStandInAnyOrder(t *testing.T) {
	c := divert(valley(), "b", catalog.Diversion{Share: 0.5, Keep: 3, To: "x"})
	c.Basins[0].Nodes[2].BaseFlow = 0
	want, _ := flows(t, c)
	if want["sea"] != 40 {
		t.Errorf("%v: want all of it at the mouth", want)
	}
	slices.Reverse(c.Basins[0].Nodes)
	got, _ := flows(t, c)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLateralInflowJoinsAlongTheReach(t *testing.T) {
	for _, method := range []catalog.Reach{
		{Method: catalog.Muskingum, K: 2 * time.Hour, X: 0.2},
		{Method: catalog.LagRoute, Lag: time.Hour, K: time.Hour},
		{Method: catalog.MCT, SubReaches: 3, Channel: channel},
		{Method: catalog.Cunge, SubReaches: 3, Channel: channel},
	} {
		t.Run(string(method.Method), func(t *testing.T) {
			c := valley()
			r := &c.Basins[0].Reaches[1]
			method.ID, method.From, method.To, method.Length, method.Lateral = r.ID, r.From, r.To, 6, []float64{3}
			*r = method
			m := compile(t, c)
			f, _ := run(t, m, m.Start(t0), t0, book{}.source)
			for _, q := range station(t, f, "sea").Discharge {
				if math.Abs(q-53) > 1e-3 {
					t.Fatalf("%g m³/s at its end, want 40 + 3 + 10", q)
				}
			}
			if want := "lateral inflow by the catalogue, always the same, is assumed along b-c: 3 m³/s in all"; !slices.Contains(f.Notes, want) {
				t.Errorf("notes %q", f.Notes)
			}
			for _, n := range f.Notes {
				_, made, leaky := strings.Cut(n, "b-c gained ")
				if _, lost, loses := strings.Cut(n, "b-c lost "); loses {
					made, leaky = lost, true
				}
				if !leaky {
					continue
				}
				var m3 float64 // 3 m³/s would be 500,000 m³ in two days
				if _, err := fmt.Sscanf(made, "%g m³", &m3); err != nil || m3 > 1 {
					t.Errorf("lateral inflow counts as made: %s: %v", n, err)
				}
			}
		})
	}
}

var channel = catalog.Channel{Slope: 0.0005, Bottom: 30, Top: 60, N: 0.035, Side: 0.5}

// A sub-basin that drains along a reach gives the same water later than one that
// drains to the node at its end.
func TestASubBasinMayDrainAlongAReach(t *testing.T) {
	b := book{}
	b.put("p1", hydro.Rain, t0, 50, hydro.Pass)
	seen := func(reach string) (volume, centre float64) {
		c := valley()
		s := small().Basins[0].SubBasins[0]
		s.Node, s.Along = "c", reach
		c.Basins[0].SubBasins = []catalog.SubBasin{s}
		m := compile(t, c)
		f, _ := run(t, m, m.Start(t0), t0, b.source)
		for i, q := range station(t, f, "sea").Discharge {
			volume += q - 50
			centre += (q - 50) * float64(i)
		}
		return volume, centre / volume
	}
	atNode, when := seen("")
	onTheWay, later := seen("b-c")
	if math.Abs(onTheWay/atNode-1) > 1e-2 || later-when < 8 || later-when > 14 { // k of an hour is 12 steps
		t.Errorf("%g m³ %g steps later, want those %g m³ about 12 steps later", onTheWay, later-when, atNode)
	}
}

func TestDiversionsAndLateralInflowAreToldInChinese(t *testing.T) {
	c := divert(divert(valley(), "b", catalog.Diversion{Demand: []float64{90}, Keep: 3, To: "c"}), "c", catalog.Diversion{Demand: []float64{90}})
	_, f := flows(t, along(c, "b-c", 2.5))
	m := compile(t, along(valley(), "a-b", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 13))
	g, _ := run(t, m, m.Start(t0), t0, book{}.source)
	line := f.HonestyZH() + g.HonestyZH()
	for _, want := range []string{
		"节点b引水至节点c，预见期内平均37 m³/s，占来水92 %；", "节点b引水有48小时不足所需：河道须保留流量3 m³/s；",
		"节点c引水（流域外）预见期内平均52.5 m³/s，占来水100 %；", "节点c引水有48小时不足所需：河道来水不足；",
		"假定河段旁侧入流按基础资料取常值（b-c），合计2.5 m³/s；", "假定河段旁侧入流按基础资料逐月取值（a-b），年平均合计2 m³/s；",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%s\nlacks %s", line, want)
		}
	}
}

// Members, hindcasts and a stored state give the same run with water under way in a
// canal, to the last bit.
func TestRunsWithDiversionsAreRepeatedBitByBit(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c := divert(banded(), "mid", catalog.Diversion{Share: 0.5, Keep: 30, Capacity: 40, To: "sea", Lag: 200 * time.Minute})
	along(c, "mid-sea", 2)
	c.Basins[0].SubBasins[2].Along = "up-mid"
	m := compile(t, c)
	s, now := taught(t, m, b, 5*time.Hour)
	ahead := rainAhead(m, storms(now, []float64{3, 5}, []float64{0, 1}, []float64{20, 8}, []float64{9, 30}))
	f, next, err := m.Run(s, now, "schedule", b.source, ahead)
	if err != nil {
		t.Fatal(err)
	}
	if !noted(f, "diversion at node mid to node sea") || len(station(t, f, "mid").Band) == 0 {
		t.Errorf("notes %q", f.Notes)
	}
	g, after, err := m.WithEach(backward).Run(restored(t, stored(t, s)), now, "schedule", b.source, ahead)
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffForecasts(f, g); diff != "" {
		t.Error(diff)
	}
	if string(stored(t, next)) != string(stored(t, after)) {
		t.Error("the states differ")
	}
	// A rehearsal that asks nothing tells the same flow.
	h, err := m.Rehearse(s, now, b.source, ahead, nil)
	if err != nil {
		t.Fatal(err)
	}
	fine, coarse := station(t, h.Forecast, "sea").Discharge, station(t, f, "sea").Discharge
	for i, q := range coarse {
		if fine[6*i+5] != q {
			t.Fatalf("step %d: %g m³/s rehearsed, %g forecast", i, fine[6*i+5], q)
		}
	}
}

// What is taken on the way down to the place of a limit leaves room for the dam, and
// what comes back to the way is counted there.
func TestTheLimitAtAPlaceCountsWhatIsDiverted(t *testing.T) {
	now := t0.Add(9 * time.Hour)
	b := wave(now, 50, 1.2, 2, 7)
	const limit = 800
	released := func(d catalog.Diversion, at string) float64 {
		h := rehearsed(t, divert(twoRivers(limit), at, d), now, b)
		if most := slices.Max(atMid(&h)); most > limit*1.001 || most < limit*0.9 {
			t.Errorf("%+v at %s: at mid at most %.1f m³/s, want about %d", d, at, most, limit)
		}
		if !noted(h.Forecast, "cut by what the river bears at mid") {
			t.Errorf("notes %q", h.Forecast.Notes)
		}
		sum := 0.0
		for _, q := range h.Reservoirs[0].Outflow[:12*12] {
			sum += q * every5.Seconds() / 1e6
		}
		return sum
	}
	without := released(catalog.Diversion{}, "mid")
	if more := released(catalog.Diversion{Demand: []float64{100}}, "mid"); more < without+1 {
		t.Errorf("%.2f·10⁶ m³ released with 100 m³/s taken above the place, %.2f without", more, without)
	}
	if more := released(catalog.Diversion{Demand: []float64{60}}, "up"); more > without+0.1 { // nothing arrives at a headwater
		t.Errorf("%.2f·10⁶ m³ released with nothing taken, %.2f before", more, without)
	}
	c := twoRivers(limit)
	r := &c.Basins[0]
	r.Reservoirs[0].Rules.DownstreamAt = "sea"
	r.Nodes = append(r.Nodes, catalog.Node{ID: "side", Downstream: "sea"})
	r.Reaches = append(r.Reaches, catalog.Reach{ID: "side-sea", From: "side", To: "sea", K: 4 * time.Hour, X: 0.1})
	compile(t, c)
	divert(c, "mid", catalog.Diversion{Share: 0.5, To: "side"})
	if _, err := forecast.Compile(c, "b"); err == nil || !strings.Contains(err.Error(), "let no diversion take water off the way to its place") {
		t.Errorf("water that leaves the way and comes back: %v", err)
	}
	divert(c, "mid", catalog.Diversion{Share: 0.5, To: "sea", Lag: time.Hour})
	rehearsed(t, c, now, b)
}

// What a diversion feeds has a hole too if nothing is known of what it takes from, and
// the other stations have not.
func TestADiversionCarriesAHole(t *testing.T) {
	c := valley()
	b := &c.Basins[0]
	b.Nodes[0].Tidal, b.Nodes[0].BaseFlow = false, 0 // the gauge at "a" is the flood
	b.Reaches[0] = catalog.Reach{ID: "a-b", From: "a", To: "b", Length: 60, Method: catalog.MCT, SubReaches: 1, Channel: catalog.Channel{Slope: 1e-7, Bottom: 0.02, Top: 0.03, N: 1, Side: 1000}}
	b.Nodes[1].Downstream = "m" // "c" is fed by "x" alone, and by what is diverted at "b"
	b.Reaches[1].ID, b.Reaches[1].To = "b-m", "m"
	obs := storm(t0.Add(-24*time.Hour), t0)
	holes := func() []string {
		m := compile(t, c)
		f, next, err := m.Run(m.Start(t0), t0, "schedule", obs.source, forecast.Ahead{})
		if err != nil {
			t.Fatal(err)
		}
		if again, _, err := m.Run(next, t0.Add(time.Hour), "schedule", obs.source, forecast.Ahead{}); err != nil || len(again.Holes) != len(f.Holes) {
			t.Errorf("the next run: %v, holes %v", err, again.Holes)
		}
		return holesAt(&f)
	}
	if diff := cmp.Diff([]string{"mid", ""}, holes()); diff != "" {
		t.Error(diff)
	}
	divert(c, "b", catalog.Diversion{Demand: []float64{1}, To: "c"})
	if diff := cmp.Diff([]string{"mid", "sea", ""}, holes()); diff != "" {
		t.Error(diff)
	}
}

// Random rivers with diversions to nodes and out of the basin, lateral inflow and
// sub-basins along reaches: what comes is what leaves, is taken and is stored.
func TestNoWaterIsMadeOrLostByDiversions(t *testing.T) {
	moved, short := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := small()
		b := &c.Basins[0]
		b.Settings.Warmup, b.Settings.Horizon, b.Settings.OutputStep = 0, time.Hour, time.Hour
		b.Nodes, b.Reaches, b.SubBasins, b.Reservoirs = nil, nil, nil, nil
		n := rapid.IntRange(2, 7).Draw(t, "nodes")
		for i := range n {
			node := catalog.Node{ID: fmt.Sprint("n", i), BaseFlow: rapid.Float64Range(0, 30).Draw(t, "base")}
			last := i == n-1
			if !last {
				node.Downstream = fmt.Sprint("n", rapid.IntRange(i+1, n-1).Draw(t, "below"))
				b.Reaches = append(b.Reaches, drawKeepingReach(t, "r"+node.ID, node.ID, node.Downstream))
			} else {
				node.Gauge, node.Tidal = "sea", true
			}
			var d catalog.Diversion
			switch rapid.IntRange(0, 4).Draw(t, "wish") {
			case 0:
				d.Share = rapid.Float64Range(0, 0.9).Draw(t, "share")
			case 1:
				d.Demand = []float64{rapid.Float64Range(0, 60).Draw(t, "demand")}
			case 2:
				d.Demand = []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
			case 3:
				q := rapid.Float64Range(1, 50).Draw(t, "flow")
				d.Table = []routing.DiversionPoint{{}, {Flow: q, Taken: q * rapid.Float64Range(0, 1).Draw(t, "of it")}, {Flow: 10 * q, Taken: q}}
			}
			if d.Share > 0 || len(d.Demand) > 0 || len(d.Table) > 0 {
				if rapid.Bool().Draw(t, "keeps") {
					d.Keep = rapid.Float64Range(0, 20).Draw(t, "keep")
				}
				if rapid.Bool().Draw(t, "bounded") {
					d.Capacity = rapid.Float64Range(0.1, 20).Draw(t, "capacity")
				}
				if !last && rapid.Bool().Draw(t, "to a node") {
					d.To = fmt.Sprint("n", rapid.IntRange(i+1, n-1).Draw(t, "to"))
					d.Lag = time.Duration(rapid.IntRange(0, 300).Draw(t, "lag")) * time.Minute
				}
			}
			node.Diversion = d
			b.Nodes = append(b.Nodes, node)
			s := catalog.SubBasin{ID: "s" + node.ID, Node: node.ID, Area: 50, Points: [][2]float64{{112, 22.2}}, Runoff: catalog.Runoff{Capacity: 100, Exponent: 0.3, Impervious: 1, UHReservoirs: 2, UHScale: 20 * time.Minute}}
			for _, r := range b.Reaches {
				if r.To == node.ID && rapid.Bool().Draw(t, "along") {
					s.Along = r.ID
				}
			}
			b.SubBasins = append(b.SubBasins, s)
		}
		if rapid.Bool().Draw(t, "reversed") {
			slices.Reverse(b.Nodes)
		}
		m, err := forecast.Compile(c, "b")
		if err != nil {
			t.Fatal(err)
		}
		obs := book{}
		s := m.Start(t0)
		obs.put("p1", hydro.Rain, t0.Add(time.Hour), rapid.Float64Range(0, 60).Draw(t, "mm"), hydro.Pass)
		w, err := m.BalanceOf(s, t0.Add(8*time.Hour), obs.source)
		if err != nil {
			t.Fatal(err)
		}
		if off := w.Came - w.Left - w.Taken - w.Stored; math.Abs(off) > 1e-9*(w.Came+w.Held+w.Moved+1) {
			t.Fatalf("%g m³ off: %+v", off, w)
		}
		if w.Broken > 0 {
			t.Fatalf("in %d steps a diversion left less than it must keep", w.Broken)
		}
		if w.Moved > 0 {
			moved++
		}
		if w.Taken > 0 {
			short++
		}
	})
	if moved < 10 || short < 10 {
		t.Errorf("water was moved in %d draws and taken in %d: too few to say anything", moved, short)
	}
}

// drawKeepingReach draws a reach of a method that conserves water, some with lateral inflow.
func drawKeepingReach(t *rapid.T, id, from, to string) catalog.Reach {
	r := catalog.Reach{ID: id, From: from, To: to, Length: 5}
	switch rapid.IntRange(0, 2).Draw(t, "method") {
	case 0:
		r.K, r.X = time.Duration(rapid.IntRange(10, 600).Draw(t, "minutes"))*time.Minute, rapid.Float64Range(0, 0.4).Draw(t, "x")
	case 1:
		r.Method, r.Lag, r.K = catalog.LagRoute, time.Duration(rapid.IntRange(0, 200).Draw(t, "lag"))*time.Minute, 40*time.Minute
	default:
		r.Method, r.SubReaches, r.Channel = catalog.MCT, rapid.IntRange(1, 4).Draw(t, "parts"), channel
	}
	switch rapid.IntRange(0, 2).Draw(t, "lateral") {
	case 0:
		r.Lateral = []float64{rapid.Float64Range(0, 5).Draw(t, "m³/s")}
	case 1:
		r.Lateral = []float64{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}
	}
	return r
}
