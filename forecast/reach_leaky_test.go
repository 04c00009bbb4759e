package forecast_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/forecast/routing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// leakyReaches is small() with reaches of the methods that do not conserve water.
func leakyReaches() *catalog.Catalog {
	c := small()
	r := c.Basins[0].Reaches
	r[0] = catalog.Reach{ID: "up-mid", From: "up", To: "mid", Length: 3, Method: catalog.Cunge, Channel: river, SubReaches: 2, ShortStep: true}
	r[1] = nonlinearReach("dam-mid", "dam", "mid", 1.2, 0.1)
	return c
}

func nonlinearReach(id, from, to string, m, x float64) catalog.Reach {
	return catalog.Reach{
		ID: id, From: from, To: to, Method: catalog.Nonlinear, K: 40 * time.Minute, X: x,
		Nonlinear: catalog.NonlinearReach{AtFlow: 50, M: m, A1: 1, A2: 1, Lateral: 0.05, FittedStep: every5},
	}
}

// drawLeaky draws a reach of some method that does not conserve water.
func drawLeaky(t *rapid.T, from, to string) catalog.Reach {
	if rapid.Bool().Draw(t, "nonlinear") {
		return nonlinearReach(from+"-"+to, from, to, rapid.Float64Range(0.9, 1.3).Draw(t, "m"), rapid.Float64Range(0, 0.04).Draw(t, "x"))
	}
	r := catalog.Reach{ID: from + "-" + to, From: from, To: to, Method: catalog.Cunge, Channel: river}
	r.Length, r.SubReaches, r.ShortStep = rapid.Float64Range(0.3, 3).Draw(t, "km"), rapid.IntRange(1, 3).Draw(t, "parts"), rapid.Bool().Draw(t, "short step")
	return r
}

// held is the water in a reach by the formula of the docs, m³: what the storage
// equation keeps, or the section up to the depth.
func held(r catalog.Reach, s forecast.ReachState) float64 {
	if r.Method == catalog.Nonlinear {
		return s.Nonlinear.Storage
	}
	sum := 0.0
	for _, p := range s.Cunge {
		bank := (r.Channel.Top - r.Channel.Bottom) * r.Channel.Side / 2
		area := min(p.Depth, bank) * (r.Channel.Bottom + min(p.Depth, bank)/r.Channel.Side)
		sum += 1000 * r.Length / float64(len(s.Cunge)) * (area + max(0, p.Depth-bank)*r.Channel.Compound)
	}
	return sum
}

// A forecast over two hours tells of each reach what the states of 24 runs, one
// step on each, show: outflow and storage less inflow.
func TestARunTellsHowMuchWaterItsReachesMake(t *testing.T) {
	judged := 0
	rapid.Check(t, func(t *rapid.T) {
		c := small()
		b := &c.Basins[0]
		b.Settings.Warmup, b.Settings.Horizon, b.Settings.OutputStep = 0, 2*time.Hour, every5
		b.Nodes = []catalog.Node{
			{ID: "n0", BaseFlow: rapid.Float64Range(20, 80).Draw(t, "base flow"), Downstream: "n1"},
			{ID: "n1", Downstream: "n2"},
			{ID: "n2", Gauge: "sea", Tidal: true},
		}
		b.Reaches, b.Reservoirs, b.SubBasins = nil, nil, b.SubBasins[:1]
		for i := range 2 {
			b.Reaches = append(b.Reaches, drawLeaky(t, b.Nodes[i].ID, b.Nodes[i+1].ID))
		}
		b.SubBasins[0].Node = "n0"
		b.SubBasins[0].Runoff = catalog.Runoff{Capacity: 100, Exponent: 0.3, Impervious: 1, UHReservoirs: 1, UHScale: time.Hour}
		m, err := forecast.Compile(c, "b")
		if err != nil {
			t.Fatal(err)
		}
		obs := book{}
		for i, mm := range rapid.SliceOfN(rapid.Float64Range(0, 2), 10, 10).Draw(t, "rain") {
			obs.put("p1", hydro.Rain, t0.Add(time.Duration(i+1)*every5), mm, hydro.Pass)
		}
		s := m.Start(t0)
		if _, s, err = m.Run(s, t0.Add(10*every5), "schedule", obs.source, forecast.Ahead{}); err != nil {
			return // a sharp rise may have no outflow by the nonlinear equations: proved elsewhere
		}
		judged++
		f, _, err := m.Run(s, s.At, "schedule", obs.source, forecast.Ahead{})
		if err != nil {
			t.Fatal(err)
		}
		var made, came [2]float64
		for i := 1; i <= 24; i++ {
			_, next, err := m.Run(s, s.At.Add(every5), "schedule", obs.source, forecast.Ahead{})
			if err != nil {
				t.Fatal(err)
			}
			for j, r := range b.Reaches {
				in, out := s.Nodes[j].Flow+next.Nodes[j].Flow, s.Nodes[j+1].Flow+next.Nodes[j+1].Flow
				came[j] += 150 * in
				made[j] += 150*(out-in) + held(r, next.Reaches[j]) - held(r, s.Reaches[j])
			}
			s = next
		}
		told := ""
		for _, n := range f.Notes {
			if strings.HasPrefix(n, "methods that do not conserve water") {
				told = n
			}
		}
		for j, r := range b.Reaches {
			_, after, ok := strings.Cut(told, r.ID+" ")
			var verb string
			var volume, share float64
			if _, err := fmt.Sscanf(after, "%s %g m³, %g %%", &verb, &volume, &share); !ok || err != nil {
				t.Fatalf("%v: no volume of reach %s in %q", err, r.ID, told)
			}
			if verb == "lost" {
				volume = -volume
			}
			if math.Abs(volume-made[j]) > 0.006*math.Abs(made[j])+1e-6*came[j] || math.Abs(share-100*math.Abs(made[j])/came[j]) > 0.06*share+1e-4 {
				t.Fatalf("%s: told %q, the states show %g m³ of %g m³", r.Method, told, made[j], came[j])
			}
		}
	})
	if judged < 20 {
		t.Errorf("%d of the drawn runs had a solution: the test shows too little", judged)
	}
}

func TestALeakyReachIsRefusedWithItsNumbers(t *testing.T) {
	nl := nonlinearReach("up-mid", "up", "mid", 1.2, 0.1)
	for name, c := range map[string]struct {
		change func(*catalog.Reach)
		says   string
	}{
		"too long": {func(r *catalog.Reach) { *r = catalog.Reach{Method: catalog.Cunge, Length: 400, Channel: river} }, `reach "up-mid": muskingum-cunge: unstable: at half the bank-full depth a flood needs some 117 steps of 300 s to pass 400000 m, and a sharp rise would make outflows below 0: want at most 50; cut it into 3 parts or more, or take mct`},
		"too many parts": {func(r *catalog.Reach) {
			*r = catalog.Reach{Method: catalog.Cunge, Length: 60, Channel: river, SubReaches: 1001}
		}, `60000 m in 1001 parts: want 1 to 1000`},
		"no channel":      {func(r *catalog.Reach) { *r = catalog.Reach{Method: catalog.Cunge, Length: 1} }, `muskingum-cunge: s0 = 0`},
		"another step":    {func(r *catalog.Reach) { r.Nonlinear.FittedStep = time.Hour }, `nonlinear muskingum: fitted at a step of 1h0m0s, the basin's is 5m0s: the parameters belong to the step`},
		"answers at once": {func(r *catalog.Reach) { r.K = time.Minute }, `nonlinear muskingum: unstable: at the flow of 5 m³/s from which it starts the storage answers`},
		"x":               {func(r *catalog.Reach) { r.X = 1 }, `nonlinear muskingum: x = 1`},
	} {
		t.Run(name, func(t *testing.T) {
			cat, r := small(), nl
			c.change(&r)
			r.ID, r.From, r.To = "up-mid", "up", "mid"
			cat.Basins[0].Nodes[0].BaseFlow = 5
			cat.Basins[0].Reaches[0] = r
			_, err := forecast.Compile(cat, "b")
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}

// The reach of a forecast is the kernel's, part after part.
func TestACungeReachIsTheKernels(t *testing.T) {
	channel := routing.Channel{Length: 1500, Slope: river.Slope, Bottom: river.Bottom, Top: river.Top, Compound: river.Compound, N: river.N, NCompound: river.NPlain, Side: river.Side}
	solver, err := routing.NewCunge(channel, 300)
	if err != nil {
		t.Fatal(err)
	}
	for _, up := range []routing.Upstream{routing.Current, routing.Previous} {
		s, err := channel.Steady(20, 20)
		if err != nil {
			t.Fatal(err)
		}
		q := make([]float64, 200)
		for i := range q {
			q[i] = 20 + 600*math.Exp(-math.Pow(float64(i-60)/20, 2))
		}
		in, out, depth, before := append([]float64{20}, q...), 20.0, s.Depth, 20.0
		var tally routing.Tally
		if err := solver.Route(&s, q, nil, up, &tally); err != nil {
			t.Fatal(err)
		}
		for i := range q {
			quc := in[i+1]
			if up == routing.Previous {
				quc = before
			}
			x := solver.Step(before, quc, out, 0, depth)
			before, out, depth = in[i+1], x.Outflow, x.Depth
			if out != q[i] {
				t.Fatalf("step %d: %g m³/s, by steps %g", i, q[i], out)
			}
		}
		if s != (routing.CungeState{Inflow: before, Outflow: out, Depth: depth}) || tally.Steps != 200 {
			t.Errorf("ends at %+v after %d steps", s, tally.Steps)
		}
	}
}
