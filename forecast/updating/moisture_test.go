package updating_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/runoff"
	"freshet/forecast/updating"
)

// window returns the runoff, mm, of rain, mm a step, from a store.
func window(t testing.TB, rain []float64) (volume func(float64) float64, capacity float64) {
	t.Helper()
	m, err := runoff.New(runoff.Parameters{Capacity: 120, Exponent: 0.3, Impervious: 0.02, Evaporation: 3}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	return func(store float64) float64 {
		s, sum := runoff.State{Tension: store}, 0.0
		for _, p := range rain {
			var f runoff.Flux
			s, f = m.Step(s, p)
			sum += f.Fast + f.Slow
		}
		return sum
	}, 120
}

func moisture(t testing.TB, share, dead, limit, floor float64) updating.Moisture {
	t.Helper()
	m, err := updating.NewMoisture(share, dead, limit, floor)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAWrongStoreIsFoundByTheVolume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rain := rapid.SliceOfN(rapid.Float64Range(0, 12), 6, 24).Draw(rt, "mm/h")
		volume, capacity := window(t, rain)
		truth := rapid.Float64Range(0, capacity).Draw(rt, "true store")
		start := rapid.Float64Range(0, capacity).Draw(rt, "store")
		m := moisture(t, 1, 0, 1, 0.1)
		a := m.Adjust(start, capacity, volume(truth), volume)
		if a.Store < 0 || a.Store > capacity || math.Abs(a.Store-start-a.Moved) > 1e-9 {
			rt.Fatalf("%+v", a)
		}
		if got := volume(a.Store); math.Abs(volume(truth)-got-a.After) > 1e-9 {
			rt.Fatalf("error after is %g mm, said %g", volume(truth)-got, a.After)
		}
		switch a.Why {
		case updating.Adjusted:
			if math.Abs(a.After) > max(0.0101, 0.0101*math.Abs(a.Before)) {
				rt.Fatalf("%+v: from %g towards %g", a, start, truth)
			}
		case updating.NotSensitive, updating.Right, updating.TooLittle:
			if math.Abs(a.Before) > 0.02*capacity {
				rt.Fatalf("%+v: an error of %g mm and nothing is done", a, a.Before)
			}
		default:
			if math.Abs(a.After) < 1e-9 { // the true store lies at an end
				return
			}
			rt.Fatalf("%+v: the true store %g can be reached from %g", a, truth, start)
		}
		if a.Runs > 32 {
			rt.Fatalf("%d runs", a.Runs)
		}
	})
}

func TestAStoreIsMovedNoFurtherThanAllowed(t *testing.T) {
	volume, capacity := window(t, []float64{5, 10, 20, 10, 5})
	for _, c := range []struct {
		name                                string
		share, dead, limit, store, observed float64
		why                                 updating.Why
		want                                float64 // store; NaN: any
	}{
		{"off", 0, 0, 1, 60, 30, updating.Off, 60},
		{"within the dead share", 1, 0.2, 1, 60, volume(60) * 1.1, updating.Right, 60},
		{"the gauge is not to be trusted", 1, 0, 1, 60, math.NaN(), updating.TooLittle, 60},
		{"limit", 1, 0, 0.1, 60, volume(110), updating.AtLimit, 72},
		{"limit downwards", 1, 0, 0.1, 60, volume(10), updating.AtLimit, 48},
		{"full", 1, 0, 1, 60, 80, updating.AtLimit, 120},
		{"half of the error", 0.5, 0, 1, 60, volume(100), updating.Adjusted, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := moisture(t, c.share, c.dead, c.limit, 0.1).Adjust(c.store, capacity, c.observed, volume)
			if a.Why != c.why || !math.IsNaN(c.want) && a.Store != c.want {
				t.Errorf("%+v (%v), want %g mm and %q", a, a.Why, c.want, c.why)
			}
			if math.IsNaN(c.want) && math.Abs(a.After-a.Before/2) > 0.02*math.Abs(a.Before) {
				t.Errorf("%+v, want half of the error left", a)
			}
		})
	}
	dry, _ := window(t, make([]float64, 24))
	if a := moisture(t, 1, 0, 1, 0.1).Adjust(60, capacity, 3, dry); a.Why != updating.NotSensitive || a.Moved != 0 {
		t.Errorf("%+v: without rain the store explains nothing", a)
	}
}

func TestBadMoistureParametersAreRefused(t *testing.T) {
	for _, p := range [][4]float64{{-0.1, 0, 1, 1}, {1, 2, 1, 1}, {1, 0, 1.5, 1}, {1, 0, 1, 0}, {nan, 0, 1, 1}} {
		if _, err := updating.NewMoisture(p[0], p[1], p[2], p[3]); err == nil {
			t.Errorf("%v accepted", p)
		}
	}
}
