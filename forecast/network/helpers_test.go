package network_test

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"freshet/forecast/network"
	"freshet/forecast/routing"
)

// rivers returns a random tree of n reaches, numbered at random, with the channels
// of rivers from gullies to a main stem, in tree order, and each reach's share of
// the catchment, km².
func rivers(t testing.TB, n int, seed uint64) (*network.Tree, []routing.Channel, []float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	downstream := randomTree(n, rng)
	tree, err := network.NewTree(downstream)
	if err != nil {
		t.Fatal(err)
	}
	area := make([]float64, n)
	for i := range area {
		area[i] = 1.5 * math.Exp(0.7*rng.NormFloat64())
	}
	channels := make([]routing.Channel, n)
	for k, a := range tree.Accumulate(area) {
		top := 2.7 * math.Pow(a, 0.352) * math.Exp(0.3*rng.NormFloat64())
		channels[k] = routing.Channel{
			Length: min(max(1500*math.Exp(0.7*rng.NormFloat64()), 100), 10000),
			Slope:  min(max(0.02*math.Pow(a, -0.45)*math.Exp(0.8*rng.NormFloat64()), 2e-5), 0.2),
			Bottom: 0.6 * top, Top: top, Compound: 3 * top,
			N: 0.05, NCompound: 0.1, Side: 0.4 + 0.4*rng.Float64(),
		}
	}
	return tree, channels, area
}

// randomTree returns downstream indices: each reach flows into one of the fifty
// before it, all renumbered at random.
func randomTree(n int, rng *rand.Rand) []int {
	label := rng.Perm(n)
	downstream := make([]int, n)
	downstream[label[0]] = -1
	for i := 1; i < n; i++ {
		downstream[label[i]] = label[i-1-rng.IntN(min(i, 50))]
	}
	return downstream
}

// storm returns lateral inflow, m³/s: 1 l/s/km² and a storm that peaks after 8 h.
func storm(area []float64, dt float64) func(k, from int, q []float64) {
	return func(k, from int, q []float64) {
		for t := range q {
			x := (float64(from+t) + 0.5) * dt / 28800
			q[t] = area[k] * (0.001 + 0.3*x*x*math.Exp(2-2*x))
		}
	}
}

// concurrently does each task on a goroutine of its own.
func concurrently(tasks int, do func(int)) {
	var running sync.WaitGroup
	for i := range tasks {
		running.Go(func() { do(i) })
	}
	running.Wait()
}

// A conserving is a method that knows its water.
type conserving interface {
	network.Method
	Storage(k int) float64
	Outflow(k int) float64
	SetSteady(k int, inflow, outflow float64) error
}

func stored(m conserving) (sum float64) {
	for k := range m.Len() {
		sum += m.Storage(k)
	}
	return sum
}

// steady sets every reach to carry flow, m³/s, from its share of the catchment.
func steady(t testing.TB, tree *network.Tree, m interface {
	SetSteady(k int, inflow, outflow float64) error
}, local []float64,
) {
	t.Helper()
	for k, q := range tree.Accumulate(local) {
		if err := m.SetSteady(k, max(q-local[k], 0), q); err != nil {
			t.Fatal(err)
		}
	}
}

// lowFlow returns the local inflow, m³/s, before the storm.
func lowFlow(area []float64) []float64 {
	out := make([]float64, len(area))
	for i, v := range area {
		out[i] = 0.001 * v
	}
	return out
}
