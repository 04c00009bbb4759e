package rating_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/rating"
)

var points = []rating.Point{{1, 0}, {2, 10}, {3, 40}, {5, 200}}

func table(t testing.TB) *rating.Table {
	t.Helper()
	r, err := rating.New(points, "STATION", 1.5, 4)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheTablesPointsAreMet(t *testing.T) {
	r := table(t)
	for _, p := range points {
		if q, _ := r.Discharge(p.Level); q != p.Discharge {
			t.Errorf("%g m³/s at %g m, want %g", q, p.Level, p.Discharge)
		}
		if h, _ := r.Level(p.Discharge); h != p.Level {
			t.Errorf("%g m at %g m³/s, want %g", h, p.Discharge, p.Level)
		}
	}
	if q, _ := r.Discharge(2.5); q != 25 {
		t.Errorf("%g m³/s half-way, want 25", q)
	}
	if r.Datum() != "STATION" {
		t.Errorf("datum %q", r.Datum())
	}
}

func TestOutsideTheMeasuredRangeIsSaid(t *testing.T) {
	r := table(t)
	for _, c := range []struct {
		level, q float64
		beyond   bool
	}{{1.4, 4, true}, {1.5, 5, false}, {4, 120, false}, {4.5, 160, true}, {6, 280, true}, {0, 0, true}} {
		q, beyond := r.Discharge(c.level)
		if math.Abs(q-c.q) > 1e-12 || beyond != c.beyond {
			t.Errorf("at %g m: %g m³/s, extrapolated %v; want %g, %v", c.level, q, beyond, c.q, c.beyond)
		}
	}
	if h, beyond := r.Level(280); h != 6 || !beyond {
		t.Errorf("at 280 m³/s: %g m, extrapolated %v", h, beyond)
	}
	if q, beyond := r.Discharge(math.NaN()); q == q || beyond {
		t.Errorf("NaN gives %g, %v", q, beyond)
	}
}

func TestLevelAndDischargeAreInverseAndMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 20).Draw(t, "n")
		ps := make([]rating.Point, n)
		h, q := rapid.Float64Range(-5, 100).Draw(t, "h0"), rapid.Float64Range(0, 10).Draw(t, "q0")
		for i := range ps {
			ps[i] = rating.Point{Level: h, Discharge: q}
			h += rapid.Float64Range(0.01, 2).Draw(t, "dh")
			q += rapid.Float64Range(0.01, 500).Draw(t, "dq")
		}
		r, err := rating.New(ps, "", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		a := rapid.Float64Range(ps[0].Level-1, h+5).Draw(t, "a")
		b := rapid.Float64Range(ps[0].Level-1, h+5).Draw(t, "b")
		qa, _ := r.Discharge(a)
		qb, _ := r.Discharge(b)
		if a < b && qa > qb {
			t.Fatalf("%g m³/s at %g m and %g m³/s at %g m", qa, a, qb, b)
		}
		if back, _ := r.Level(qa); qa > 0 && math.Abs(back-a) > 1e-7 {
			t.Fatalf("%g m came back as %g m", a, back)
		}
	})
}

func TestBadTablesAreRefused(t *testing.T) {
	for name, f := range map[string]func() error{
		"one point":      func() error { _, err := rating.New(points[:1], "", 0, 0); return err },
		"falling level":  func() error { _, err := rating.New([]rating.Point{{2, 1}, {1, 2}}, "", 0, 0); return err },
		"flat discharge": func() error { _, err := rating.New([]rating.Point{{1, 1}, {2, 1}}, "", 0, 0); return err },
		"negative":       func() error { _, err := rating.New([]rating.Point{{1, -1}, {2, 1}}, "", 0, 0); return err },
		"NaN":            func() error { _, err := rating.New([]rating.Point{{1, math.NaN()}, {2, 1}}, "", 0, 0); return err },
		"empty range":    func() error { _, err := rating.New(points, "", 3, 2); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if f() == nil {
				t.Error("accepted")
			}
		})
	}
}
