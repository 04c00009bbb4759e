package runoff_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/runoff"
)

func draw(t *rapid.T) (runoff.Model, runoff.Parameters, runoff.State) {
	p := runoff.Parameters{
		Capacity:    rapid.Float64Range(20, 300).Draw(t, "WM"),
		Exponent:    rapid.Float64Range(0, 2).Draw(t, "B"),
		Impervious:  rapid.Float64Range(0, 0.5).Draw(t, "IM"),
		Evaporation: rapid.Float64Range(0, 10).Draw(t, "EP"),
		BaseShare:   rapid.Float64Range(0, 1).Draw(t, "share"), BaseRecession: rapid.Float64Range(600, 1e7).Draw(t, "recession"),
	}
	m, err := runoff.New(p, rapid.SampledFrom([]float64{300, 3600, 86400}).Draw(t, "dt"))
	if err != nil {
		t.Fatal(err)
	}
	return m, p, runoff.State{Tension: p.Capacity * rapid.Float64Range(0, 1).Draw(t, "w"), Slow: rapid.Float64Range(0, 50).Draw(t, "slow")}
}

func TestTheWaterBalanceClosesAtEveryStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p, s := draw(t)
		for _, rain := range rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 80)), 1, 40).Draw(t, "rain") {
			next, f := m.Step(s, rain)
			if d := rain - f.Evaporation - f.Fast - f.Slow - (m.Storage(next) - m.Storage(s)); math.Abs(d) > 1e-10*(1+rain+m.Storage(s)) {
				t.Fatalf("%g mm are missing: rain %g, %+v", d, rain, f)
			}
			if next.Tension < 0 || next.Tension > p.Capacity || next.Slow < 0 || f.Fast < 0 || f.Slow < -1e-12 || f.Evaporation < 0 {
				t.Fatalf("impossible: %+v after %+v with %g mm: %+v", next, s, rain, f)
			}
			s = next
		}
	})
}

// A state may come from a model with a larger capacity: what is above the new one
// runs off at no step, and evaporates like full ground.
func TestWaterAboveTheCapacityIsNotLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p, s := draw(t)
		s.Tension = p.Capacity * rapid.Float64Range(1, 3).Draw(t, "over capacity")
		for _, rain := range rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 80)), 1, 40).Draw(t, "rain") {
			next, f := m.Step(s, rain)
			if d := rain - f.Evaporation - f.Fast - f.Slow - (m.Storage(next) - m.Storage(s)); math.Abs(d) > 1e-10*(1+rain+m.Storage(s)) {
				t.Fatalf("%g mm are missing: rain %g, %+v", d, rain, f)
			}
			if next.Tension > max(s.Tension, p.Capacity) || f.Fast > rain*(1+1e-12) {
				t.Fatalf("%+v after %+v with %g mm: %+v", next, s, rain, f)
			}
			s = next
		}
	})
}

func TestWetterGroundGivesMoreRunoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p, s := draw(t)
		rain := rapid.Float64Range(0.1, 80).Draw(t, "rain")
		wetter := s
		wetter.Tension += (p.Capacity - s.Tension) * rapid.Float64Range(0, 1).Draw(t, "wetter")
		_, dry := m.Step(s, rain)
		_, wet := m.Step(wetter, rain)
		if wet.Fast < dry.Fast-1e-9 {
			t.Fatalf("%g mm of runoff, %g mm on wetter ground", dry.Fast, wet.Fast)
		}
	})
}

// The capacity curve integrated by hand: B = 1, WM = 100 mm, dry ground and
// 100 mm of rain. wmm = 200, a = 0, r = 100 - 100 + 100 (1 - 100/200)² = 25 mm.
func TestTheCapacityCurveByHand(t *testing.T) {
	m, err := runoff.New(runoff.Parameters{Capacity: 100, Exponent: 1}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	next, f := m.Step(runoff.State{}, 100)
	if math.Abs(f.Fast-25) > 1e-12 || math.Abs(next.Tension-75) > 1e-12 {
		t.Errorf("runoff %g mm, store %g mm; want 25 and 75", f.Fast, next.Tension)
	}
	_, f = m.Step(runoff.State{Tension: 100}, 10)
	if f.Fast != 10 {
		t.Errorf("runoff %g mm from full ground, want all 10", f.Fast)
	}
}

// Runoff must not depend on how a rain is cut into steps, evaporation apart: the
// curve is filled from below whatever the order.
func TestRunoffDoesNotDependOnTheStep(t *testing.T) {
	m, err := runoff.New(runoff.Parameters{Capacity: 120, Exponent: 0.3}, 300)
	if err != nil {
		t.Fatal(err)
	}
	start := runoff.State{Tension: 60}
	once, f := m.Step(start, 48)
	s, sum := start, 0.0
	for range 96 {
		var g runoff.Flux
		s, g = m.Step(s, 0.5)
		sum += g.Fast
	}
	if math.Abs(sum-f.Fast) > 1e-9 || math.Abs(s.Tension-once.Tension) > 1e-9 {
		t.Errorf("runoff %g mm in parts, %g mm at once", sum, f.Fast)
	}
}

func TestTheSlowStoreRecedesByItsConstant(t *testing.T) {
	m, err := runoff.New(runoff.Parameters{Capacity: 100, BaseShare: 0.5, BaseRecession: 86400}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	s := runoff.State{Slow: 10}
	for range 24 {
		s, _ = m.Step(s, 0)
	}
	if want := 10 / math.E; math.Abs(s.Slow-want) > 1e-12 {
		t.Errorf("%g mm after one recession time, want %g", s.Slow, want)
	}
}

func TestParametersOutOfRangeAreRefused(t *testing.T) {
	good := runoff.Parameters{Capacity: 100, Exponent: 0.3, BaseShare: 0.2, BaseRecession: 3600}
	for name, change := range map[string]func(*runoff.Parameters){
		"no capacity":      func(p *runoff.Parameters) { p.Capacity = 0 },
		"negative B":       func(p *runoff.Parameters) { p.Exponent = -1 },
		"share above one":  func(p *runoff.Parameters) { p.BaseShare = 1.1 },
		"all concrete":     func(p *runoff.Parameters) { p.Impervious = 1.5 },
		"no recession":     func(p *runoff.Parameters) { p.BaseRecession = 0 },
		"NaN":              func(p *runoff.Parameters) { p.Evaporation = math.NaN() },
		"negative drought": func(p *runoff.Parameters) { p.Evaporation = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			change(&p)
			if _, err := runoff.New(p, 300); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestRainThatIsNoDepthPanics(t *testing.T) {
	m, err := runoff.New(runoff.Parameters{Capacity: 120, Exponent: 0.3, Evaporation: 3}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	for _, rain := range []float64{-0.1, math.NaN(), math.Inf(-1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%g mm of rain: no panic", rain)
				}
			}()
			m.Step(runoff.State{Tension: 60}, rain)
		}()
	}
}
