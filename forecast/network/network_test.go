package network_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/network"
	"freshet/forecast/routing"
)

// drawForest draws downstream indices of up to 60 reaches with any number of
// outlets, numbered at random.
func drawForest(t *rapid.T) []int {
	n := rapid.IntRange(1, 60).Draw(t, "reaches")
	label := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	})).Draw(t, "numbers")
	downstream := make([]int, n)
	for i := range n {
		downstream[label[i]] = -1
		if d := rapid.IntRange(-1, i-1).Draw(t, "downstream"); d >= 0 {
			downstream[label[i]] = label[d]
		}
	}
	return downstream
}

func TestTreeOrderIsDepthFirstAndEveryBranchIsARange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		downstream := drawForest(t)
		tree, err := network.NewTree(downstream)
		if err != nil {
			t.Fatal(err)
		}
		order := tree.Order()
		if got := slices.Sorted(slices.Values(order)); len(slices.Compact(got)) != len(downstream) || got[0] != 0 {
			t.Fatalf("order %v is no permutation", order)
		}
		above := make([]int, len(order)) // reaches upstream, counted by walking down
		for p := range order {
			for d := tree.Downstream(p); d >= 0; d = tree.Downstream(d) {
				above[d]++
				if d <= p {
					t.Fatalf("position %d flows into %d", p, d)
				}
			}
		}
		for p, i := range order {
			want := -1
			if d := downstream[i]; d >= 0 {
				want = slices.Index(order, d)
			}
			if tree.Downstream(p) != want || tree.Upstream(p) != above[p] {
				t.Fatalf("position %d: downstream %d, want %d; %d upstream, want %d", p, tree.Downstream(p), want, tree.Upstream(p), above[p])
			}
			for u := p - above[p]; u < p; u++ { // all of them end up in p
				d := u
				for d >= 0 && d < p {
					d = tree.Downstream(d)
				}
				if d != p {
					t.Fatalf("position %d lies in the range of %d and does not flow there", u, p)
				}
			}
		}
		if most := 1 + int(math.Log2(float64(len(order)))); tree.Rows() > most {
			t.Fatalf("%d rows for %d reaches, want at most %d", tree.Rows(), len(order), most)
		}
	})
}

func TestATreeRefusesCirclesAndStrangers(t *testing.T) {
	for want, downstream := range map[string][]int{
		"reach 1 flows into 5: there are 3 reaches": {-1, 5, 0},
		"2 reaches flow in a circle":                {1, 0, -1},
		"2 reaches flow in a circle or out of one":  {1, 2, 1, -1},
		"1 reaches flow in a circle":                {0},
	} {
		if _, err := network.NewTree(downstream); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", downstream, err, want)
		}
	}
}

// A plain method that anyone can check: reach k delays by one step, adds its
// lateral inflow, and loses a share of the flow.
type plain struct{ last []float64 }

func (m *plain) Len() int { return len(m.last) }

func (m *plain) Route(k int, q, lateral []float64) (routing.Tally, error) {
	for t, v := range q {
		q[t], m.last[k] = 0.9*m.last[k]+lateral[t], v
	}
	return routing.Tally{Steps: int64(len(q))}, nil
}

func TestTheWalkGivesWhatReachByReachSumsGive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		downstream := drawForest(t)
		tree, err := network.NewTree(downstream)
		if err != nil {
			t.Fatal(err)
		}
		n, steps := len(downstream), rapid.IntRange(0, 12).Draw(t, "steps")
		lateral := make([][]float64, n)
		for k := range lateral {
			lateral[k] = rapid.SliceOfN(rapid.Float64Range(0, 10), steps, steps).Draw(t, "lateral")
		}
		want := make([][]float64, n) // step by step
		last := make([]float64, n)
		for s := range steps {
			inflow := make([]float64, n)
			for k := range n {
				out := 0.9*last[k] + lateral[k][s]
				last[k] = inflow[k]
				want[k] = append(want[k], out)
				if d := tree.Downstream(k); d >= 0 {
					inflow[d] += out
				}
			}
		}
		o := network.Options{Tile: rapid.IntRange(1, 15).Draw(t, "tile"), Branches: rapid.IntRange(1, 8).Draw(t, "branches")}
		net, err := network.New(tree, &plain{make([]float64, n)}, o)
		if err != nil {
			t.Fatal(err)
		}
		got := make([][]float64, n)
		r := network.Run{
			Steps:   steps,
			Lateral: func(k, from int, q []float64) { copy(q, lateral[k][from:]) },
			Flow:    func(k, _ int, q []float64) { got[k] = append(got[k], q...) },
		}
		if rapid.Bool().Draw(t, "concurrently") {
			r.Each = concurrently
		}
		tally, err := net.Run(&r)
		if err != nil || tally.Steps != int64(n*steps) {
			t.Fatalf("%+v, %v", tally, err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*(1+a) })); diff != "" {
			t.Fatal(diff)
		}
	})
}

// methods returns one of each kind over the same rivers, carrying low flow.
func methods(t *testing.T, tree *network.Tree, channels []routing.Channel, area []float64) map[string]conservingOrNot {
	t.Helper()
	const dt = 300.0
	out := map[string]conservingOrNot{}
	var linear []routing.Muskingum
	var lags []routing.Lag
	for _, c := range channels {
		m, err := routing.NewMuskingum(max(c.Length, 400), 0.2, dt, 0)
		if err != nil {
			t.Fatal(err)
		}
		l, err := routing.NewLag(0.7*c.Length, max(0.3*c.Length, 150), dt)
		if err != nil {
			t.Fatal(err)
		}
		linear, lags = append(linear, m), append(lags, l)
	}
	for name, up := range map[string]routing.Upstream{"current": routing.Current, "previous": routing.Previous} {
		for kind, make := range map[string]func() (conservingOrNot, error){
			"muskingum": func() (conservingOrNot, error) { return routing.NewMuskingumReaches(linear, up) },
			"lag":       func() (conservingOrNot, error) { return routing.NewLagReaches(lags, up) },
			"cunge":     func() (conservingOrNot, error) { return routing.NewCungeReaches(channels, dt, up) },
			"mct":       func() (conservingOrNot, error) { return routing.NewMCTReaches(channels, dt, up) },
		} {
			m, err := make()
			if err != nil {
				t.Fatal(err)
			}
			steady(t, tree, m, lowFlow(area))
			out[kind+" "+name] = m
		}
	}
	return out
}

type conservingOrNot interface {
	network.Method
	Upstream() routing.Upstream
	SetSteady(k int, inflow, outflow float64) error
	Outflow(k int) float64
	Save() []float64
	Restore(saved []float64) error
}

// flows routes steps from the method's state and returns the flow of every reach.
func flows(t *testing.T, tree *network.Tree, m network.Method, o network.Options, area []float64, steps int, each func(int, func(int)), cuts ...int) [][]float64 {
	t.Helper()
	net, err := network.New(tree, m, o)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, tree.Len())
	lateral := storm(area, 300)
	done := 0
	for _, to := range append(cuts, steps) {
		if _, err := net.Run(&network.Run{
			Steps: to - done, Each: each,
			Lateral: func(k, from int, q []float64) { lateral(k, from+done, q) },
			Flow:    func(k, _ int, q []float64) { out[k] = append(out[k], q...) },
		}); err != nil {
			t.Fatal(err)
		}
		done = to
	}
	return out
}

// No result may depend on how the network is cut, on tiles, on workers, or on
// being stopped, to the last bit.
func TestResultsDoNotDependOnTilesBranchesWorkersOrStops(t *testing.T) {
	const steps = 130
	tree, channels, area := rivers(t, 400, 5)
	for name, m := range methods(t, tree, channels, area) {
		t.Run(name, func(t *testing.T) {
			start := m.Save()
			want := flows(t, tree, m, network.Options{Tile: 48, Branches: 1}, area, steps, nil)
			end := m.Save()
			for _, c := range []struct {
				name string
				o    network.Options
				each func(int, func(int))
				cuts []int
			}{
				{"step by step", network.Options{Tile: 1, Branches: 1}, nil, nil},
				{"in one tile", network.Options{Tile: 200, Branches: 5}, nil, nil},
				{"concurrently", network.Options{Tile: 17, Branches: 64}, concurrently, nil},
				{"stopped", network.DefaultOptions(), nil, []int{1, 50, 51}},
			} {
				if err := m.Restore(start); err != nil {
					t.Fatal(err)
				}
				got := flows(t, tree, m, c.o, area, steps, c.each, c.cuts...)
				for k := range want {
					if !slices.Equal(want[k], got[k]) {
						t.Fatalf("%s: reach %d: %v, want %v", c.name, k, got[k], want[k])
					}
				}
				if !slices.Equal(end, m.Save()) {
					t.Errorf("%s: another state", c.name)
				}
			}
			if err := m.Restore(start[1:]); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("state of %d values, want %d", len(start)-1, len(start))) {
				t.Errorf("a short state: %v", err)
			}
		})
	}
}

// The kernel of t-route carries a value from one reach to the next, so that its
// results depend on the order of reaches. Here the order in which the reaches are
// given, and with it that of the walk, changes rounding at confluences at most.
func TestResultsDoNotDependOnTheOrderOfReaches(t *testing.T) {
	const n, steps, dt = 300, 288, 300.0
	rng := rand.New(rand.NewPCG(8, 1))
	downstream := randomTree(n, rng)
	tree, err := network.NewTree(downstream)
	if err != nil {
		t.Fatal(err)
	}
	_, channels, area := rivers(t, n, 8)
	route := func(label []int) [][]float64 {
		renumbered, ch, ar := make([]int, n), make([]routing.Channel, n), make([]float64, n)
		order := tree.Order()
		for p, i := range order { // channels are in the tree order of the first numbering
			renumbered[label[i]], ch[label[i]], ar[label[i]] = -1, channels[p], area[p]
			if d := downstream[i]; d >= 0 {
				renumbered[label[i]] = label[d]
			}
		}
		again, err := network.NewTree(renumbered)
		if err != nil {
			t.Fatal(err)
		}
		m, err := routing.NewCungeReaches(network.Arrange(again, ch), dt, routing.Previous)
		if err != nil {
			t.Fatal(err)
		}
		got := flows(t, again, m, network.DefaultOptions(), network.Arrange(again, ar), steps, nil)
		out := make([][]float64, n)
		back := again.Order()
		for i := range out {
			out[i] = got[slices.Index(back, label[i])]
		}
		return out
	}
	identity := make([]int, n)
	for i := range identity {
		identity[i] = i
	}
	want := route(identity)
	for range 3 {
		got := route(rng.Perm(n))
		for i := range got {
			for s := range got[i] {
				if math.Abs(got[i][s]-want[i][s]) > 1e-9*(1+want[i][s]) {
					t.Fatalf("reach %d, step %d: %g m³/s, in another order %g m³/s", i, s, got[i][s], want[i][s])
				}
			}
		}
	}
}

func TestADiversionTakesWhatTheMinimumFlowLeaves(t *testing.T) {
	tree, err := network.NewTree([]int{1, 2, -1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := routing.NewLag(0, 0, 300)
	if err != nil {
		t.Fatal(err)
	}
	m, err := routing.NewLagReaches([]routing.Lag{l, l, l}, routing.Current)
	if err != nil {
		t.Fatal(err)
	}
	net, err := network.New(tree, source{m, []float64{10, 4, 1, 0}}, network.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	taken := make([]float64, 4)
	var out []float64
	_, err = net.Run(&network.Run{
		Steps: 4,
		Flow: func(k, _ int, q []float64) {
			if k == 2 {
				out = append(out, q...)
			}
		},
		Diversions: []network.Diversion{
			{Reach: 1, Demand: []float64{5, 3, 3, 3}, Keep: 2, Taken: taken},
			{Reach: 2, Demand: []float64{0.5}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{5, 2, 0, 0}, taken); diff != "" {
		t.Error("taken", diff)
	}
	if diff := cmp.Diff([]float64{4.5, 1.5, 0.5, 0}, out); diff != "" {
		t.Error("left", diff)
	}
}

// A source lets flow into the first reach.
type source struct {
	network.Method
	flow []float64
}

func (s source) Route(k int, q, lateral []float64) (routing.Tally, error) {
	if k == 0 {
		copy(q, s.flow)
	}
	return s.Method.Route(k, q, lateral)
}

func TestRunsAreRefusedWithTheirNumbers(t *testing.T) {
	tree, channels, _ := rivers(t, 20, 1)
	m, err := routing.NewMCTReaches(channels, 300, routing.Current)
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]network.Options{
		"tile = 0 steps":  {Tile: 0, Branches: 1},
		"branches = 5000": {Tile: 1, Branches: 5000},
	} {
		if _, err := network.New(tree, m, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	few, err := routing.NewMCTReaches(channels[:19], 300, routing.Current)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := network.New(tree, few, network.DefaultOptions()); err == nil || !strings.Contains(err.Error(), "19 reaches, the tree 20") {
		t.Errorf("error %v", err)
	}
	net, err := network.New(tree, m, network.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	one := []float64{1}
	for want, r := range map[string]network.Run{
		"steps = -1":              {Steps: -1},
		"reach 20: there are 20":  {Steps: 2, Diversions: []network.Diversion{{Reach: 20, Demand: one}}},
		"reach 3 comes after 3":   {Steps: 2, Diversions: []network.Diversion{{Reach: 3, Demand: one}, {Reach: 3, Demand: one}}},
		"0 values of demand":      {Steps: 2, Diversions: []network.Diversion{{Reach: 3}}},
		"room for 1 values taken": {Steps: 2, Diversions: []network.Diversion{{Reach: 3, Demand: one, Taken: one}}},
		"minimum flow NaN":        {Steps: 2, Diversions: []network.Diversion{{Reach: 3, Demand: one, Keep: math.NaN()}}},
		"demand -1 m³/s in step":  {Steps: 2, Diversions: []network.Diversion{{Reach: 3, Demand: []float64{-1}}}},
	} {
		if _, err := net.Run(&r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestAFlowThatIsNoNumberFailsTheRunAndNamesTheReach(t *testing.T) {
	tree, channels, area := rivers(t, 200, 2)
	for name, m := range methods(t, tree, channels, area) {
		if strings.HasPrefix(name, "muskingum") || strings.HasPrefix(name, "lag") {
			continue // linear: what is no number stays none, and shows
		}
		net, err := network.New(tree, m, network.DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		_, err = net.Run(&network.Run{Steps: 100, Each: concurrently, Lateral: func(k, from int, q []float64) {
			clear(q)
			if k == 77 && from > 0 {
				q[3] = math.NaN()
			}
		}})
		if !errors.Is(err, routing.ErrNoConvergence) || !strings.Contains(err.Error(), "steps 48 to 95: reach 77: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestRoutingANetworkAllocatesNothing(t *testing.T) {
	tree, channels, area := rivers(t, 300, 6)
	lateral := storm(area, 300)
	for name, m := range methods(t, tree, channels, area) {
		net, err := network.New(tree, m, network.DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		r := network.Run{Steps: 96, Lateral: lateral, Flow: func(_, _ int, q []float64) { sum += q[0] }}
		if n := testing.AllocsPerRun(3, func() {
			if _, err := net.Run(&r); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %g allocations a run of 96 steps, want 0", name, n)
		}
	}
}
