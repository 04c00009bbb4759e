package routing_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/routing"
)

func TestADiversionTakes(t *testing.T) {
	table := []routing.DiversionPoint{{}, {Flow: 10, Taken: 1}, {Flow: 30, Taken: 11}}
	for _, c := range []struct {
		name     string
		d        routing.Diversion
		q, taken float64
	}{
		{"nothing", routing.Diversion{}, 5, 0},
		{"a share", routing.Diversion{Share: 0.25}, 8, 2},
		{"a demand", routing.Diversion{Demand: 3}, 8, 3},
		{"no more than flows", routing.Diversion{Demand: 3}, 2, 2},
		{"no more than may be taken", routing.Diversion{Demand: 3, Keep: 6}, 8, 2},
		{"nothing of what must stay", routing.Diversion{Demand: 3, Keep: 6}, 5, 0},
		{"no more than the intake can", routing.Diversion{Share: 1, Capacity: 2}, 8, 2},
		{"by a table", routing.Diversion{Table: table}, 20, 6},
		{"at a point of it", routing.Diversion{Table: table}, 10, 1},
		{"beyond it", routing.Diversion{Table: table}, 100, 11},
		{"of a dry river", routing.Diversion{Demand: 3}, 0, 0},
	} {
		if err := c.d.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if taken, left := c.d.Take(c.q); math.Abs(taken-c.taken) > 1e-12 || math.Abs(taken+left-c.q) > 1e-12 {
			t.Errorf("%s: %g taken of %g m³/s and %g left, want %g taken", c.name, taken, c.q, left, c.taken)
		}
	}
}

func TestADiversionOutOfRangeIsRefused(t *testing.T) {
	at := func(points ...float64) (d routing.Diversion) {
		for i := 0; i < len(points); i += 2 {
			d.Table = append(d.Table, routing.DiversionPoint{Flow: points[i], Taken: points[i+1]})
		}
		return d
	}
	for says, d := range map[string]routing.Diversion{
		"contradict":              {Share: 0.1, Demand: 2},
		"share 1.5":               {Share: 1.5},
		"demand -1 m³/s":          {Demand: -1},
		"keep NaN m³/s":           {Demand: 1, Keep: math.NaN()},
		"capacity +Inf m³/s":      {Demand: 1, Capacity: math.Inf(1)},
		"begins at a flow of 1":   at(1, 0, 2, 0),
		"flow 2 m³/s comes after": at(0, 0, 2, 1, 2, 2),
		"3 m³/s taken of 2 m³/s":  at(0, 0, 2, 3),
		"one point":               at(0, 0),
	} {
		if err := d.Check(); err == nil || !contains(err, says) {
			t.Errorf("%+v: %v, want %q", d, err, says)
		}
	}
}

func TestADiversionNeverTakesWhatMustStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flow := rapid.Float64Range(0, 1e4)
		d := routing.Diversion{Keep: flow.Draw(t, "keep"), Capacity: flow.Draw(t, "capacity")}
		if rapid.Bool().Draw(t, "share") {
			d.Share = rapid.Float64Range(0, 1).Draw(t, "of it")
		} else {
			d.Demand = flow.Draw(t, "demand")
		}
		q := flow.Draw(t, "q")
		taken, left := d.Take(q)
		if left < min(q, d.Keep) || taken < 0 || taken > q || math.Abs(taken+left-q) > 1e-12*q || d.Capacity > 0 && taken > d.Capacity*(1+1e-12)+1e-12*q {
			t.Fatalf("%+v: %g taken of %g, %g left", d, taken, q, left)
		}
	})
}

// What joins along a reach leaves it or stays in it.
func TestLateralInflowConservesWater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dt := 300.0
		in := rapid.Float64Range(0, 100).Draw(t, "in")
		out := in + rapid.Float64Range(0, 20).Draw(t, "joins")
		var route func(s routing.State, q, lateral []float64)
		var storage func(s routing.State) float64
		var s routing.State
		if rapid.Bool().Draw(t, "muskingum") {
			m, err := routing.NewMuskingum(rapid.Float64Range(600, 30000).Draw(t, "k"), rapid.Float64Range(0, 0.4).Draw(t, "x"), dt, 0)
			if err != nil {
				t.Fatal(err)
			}
			route, storage, s = m.RouteLateral, m.Storage, m.SteadyLateral(in, out)
		} else {
			l, err := routing.NewLag(rapid.Float64Range(0, 9000).Draw(t, "lag"), rapid.Float64Range(300, 9000).Draw(t, "k"), dt)
			if err != nil {
				t.Fatal(err)
			}
			route, storage, s = l.RouteLateral, l.Storage, l.SteadyLateral(in, out)
		}
		q, lateral := make([]float64, 50), make([]float64, 50)
		for i := range q {
			q[i], lateral[i] = in, out-in
		}
		steady := append([]float64(nil), q...)
		route(append(routing.State(nil), s...), steady, lateral)
		if last := steady[len(q)-1]; math.Abs(last-out) > 1e-9*out {
			t.Fatalf("%g m³/s at the end of a steady reach, want %g", last, out)
		}
		balance, i0, o0 := storage(s), in, out
		came := balance
		for i := range q {
			q[i] = rapid.Float64Range(0, 200).Draw(t, "q")
			lateral[i] = rapid.Float64Range(0, 20).Draw(t, "lateral")
			balance += dt * (lateral[i] + (i0+q[i])/2)
			came, i0 = came+dt*(lateral[i]+q[i]), q[i]
		}
		route(s, q, lateral)
		for i := range q {
			if q[i] < 0 {
				t.Fatalf("%g m³/s", q[i])
			}
			balance -= dt * (o0 + q[i]) / 2
			o0 = q[i]
		}
		if off := balance - storage(s); math.Abs(off) > 1e-9*came {
			t.Fatalf("%g m³ off of %g", off, came)
		}
	})
}
