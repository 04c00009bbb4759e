package xinanjiang_test

import (
	"bytes"
	"encoding/gob"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/xinanjiang"
)

// drawParameters draws over the whole of the table's ranges.
func drawParameters(t *rapid.T) xinanjiang.Parameters {
	v := make([]float64, len(xinanjiang.Params))
	for i, p := range xinanjiang.Params {
		v[i] = rapid.OneOf(rapid.Float64Range(p.Lo, p.Hi), rapid.Just(p.Lo), rapid.Just(p.Hi)).Draw(t, p.Name)
	}
	p := xinanjiang.Parameters{Division: rapid.SampledFrom([]xinanjiang.Division{xinanjiang.FixedCapacity, xinanjiang.AreaCapacity}).Draw(t, "division")}.With(v)
	if sum := p.KI + p.KG; sum >= 1 {
		p.KI, p.KG = p.KI/sum*0.99, p.KG/sum*0.99
	}
	if p.Slice > 0 {
		p.Slice = max(p.Slice, 1)
	}
	return p
}

func drawModel(t *rapid.T) (xinanjiang.Model, xinanjiang.Parameters, float64) {
	p := drawParameters(t)
	dt := rapid.SampledFrom([]float64{300, 600, 3600, 10800, 86400}).Draw(t, "dt")
	m, err := xinanjiang.New(p, dt)
	if err != nil {
		t.Fatal(err)
	}
	return m, p, dt
}

func drawDepths(t *rapid.T, name string, most float64) []float64 {
	return rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, most), rapid.Float64Range(0, most/20), rapid.Just(1e-9)), 40, 40).Draw(t, name)
}

func TestTheWaterBalanceClosesAtEveryStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _, _ := drawModel(t)
		s := m.Start(rapid.Float64Range(0, 1).Draw(t, "full"))
		rain, pet := drawDepths(t, "rain", 120), drawDepths(t, "pet", 12)
		for i := range rain {
			next, f := m.Step(s, rain[i], pet[i])
			if d := rain[i] - f.Evaporation - f.Total() - f.Leak - (m.Storage(next) - m.Storage(s)); !(math.Abs(d) <= 1e-9) {
				t.Fatalf("step %d: %g mm are missing: rain %g, pet %g, %+v\nfrom %+v\nto %+v", i, d, rain[i], pet[i], f, s, next)
			}
			if f.Evaporation < 0 || f.Surface < 0 || f.Interflow < 0 || f.Groundwater < 0 || f.Leak < 0 {
				t.Fatalf("step %d: a negative flow: %+v", i, f)
			}
			if err := m.Check(next); err != nil {
				t.Fatalf("step %d: rain %g, pet %g: %v\nfrom %+v\nto %+v", i, rain[i], pet[i], err, s, next)
			}
			s = next
		}
	})
}

// A state that others have moved, say above a capacity, keeps its water too.
func TestWaterAboveACapacityIsNotCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, _, _ := drawModel(t)
		depth := rapid.Float64Range(0, 700)
		s := xinanjiang.State{Upper: depth.Draw(t, "upper"), Lower: depth.Draw(t, "lower"), Deep: depth.Draw(t, "deep"), Free: depth.Draw(t, "free"), Area: rapid.Float64Range(0, 1).Draw(t, "area")}
		rain, pet := drawDepths(t, "rain", 120), drawDepths(t, "pet", 12)
		for i := range rain {
			next, f := m.Step(s, rain[i], pet[i])
			if d := rain[i] - f.Evaporation - f.Total() - f.Leak - (m.Storage(next) - m.Storage(s)); !(math.Abs(d) <= 1e-9) {
				t.Fatalf("step %d: %g mm are missing", i, d)
			}
			s = next
		}
	})
}

func TestAStoredRunGoesOnAsIfUninterrupted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p, dt := drawModel(t)
		rain, pet := drawDepths(t, "rain", 60), drawDepths(t, "pet", 4)
		cut := rapid.IntRange(0, len(rain)-1).Draw(t, "cut")
		var whole, parts []xinanjiang.Flux
		s := m.Start(0.7)
		for i := range rain {
			var f xinanjiang.Flux
			s, f = m.Step(s, rain[i], pet[i])
			whole = append(whole, f)
		}
		r := m.Start(0.7)
		for i := range rain {
			if i == cut {
				var b bytes.Buffer
				if err := gob.NewEncoder(&b).Encode(r); err != nil {
					t.Fatal(err)
				}
				r = xinanjiang.State{}
				if err := gob.NewDecoder(&b).Decode(&r); err != nil {
					t.Fatal(err)
				}
				var err error
				if m, err = xinanjiang.New(p, dt); err != nil {
					t.Fatal(err)
				}
			}
			var f xinanjiang.Flux
			r, f = m.Step(r, rain[i], pet[i])
			parts = append(parts, f)
		}
		if diff := cmp.Diff(whole, parts); diff != "" || s != r {
			t.Fatalf("(-whole +stopped):\n%s%+v, %+v", diff, s, r)
		}
	})
}

func TestWetterGroundGivesMoreRunoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p, _ := drawModel(t)
		rain := rapid.Float64Range(0.1, 120).Draw(t, "rain")
		share := rapid.Float64Range(0, 1).Draw(t, "full")
		dry := m.Start(share)
		wet := m.Start(share + (1-share)*rapid.Float64Range(0, 1).Draw(t, "wetter"))
		gained := func(s xinanjiang.State) float64 { // what came to be free or flow
			next, f := m.Step(s, rain, 0)
			return f.Total() + f.Leak + next.Free*(1-p.IM) + next.Interflow + next.Groundwater
		}
		if a, b := gained(dry), gained(wet); b < a-1e-9 {
			t.Fatalf("%g mm of runoff, %g mm on wetter ground", a, b)
		}
	})
}

// By hand, B = 1, WM = 100 mm, dry ground, 100 mm of rain: wmm = 200 mm, a = 0,
// r = 100 - 100 + 100 (1 - 100/200)² = 25 mm, fr = 0.25. SM = 50 mm, EX = 1:
// ms = 100 mm <= 100, so rs = 0.25 (100 - 50) = 12.5 mm and 12.5 mm stay free.
// KI + KG = 0.8 of it leaves in a day, a quarter of that as interflow; with CI =
// CG = 0 all of it is out. 20 % is impervious.
func TestAStepByHand(t *testing.T) {
	m, err := xinanjiang.New(xinanjiang.Parameters{K: 1, B: 1, WUM: 20, WLM: 50, WDM: 30, SM: 50, EX: 1, KI: 0.2, KG: 0.6, IM: 0.2}, 86400)
	if err != nil {
		t.Fatal(err)
	}
	s, f := m.Step(m.Start(0), 100, 0)
	near(t, "surface", f.Surface, 0.8*12.5+20, 1e-12)
	near(t, "interflow", f.Interflow, 0.8*12.5*0.2, 1e-12)
	near(t, "groundwater", f.Groundwater, 0.8*12.5*0.6, 1e-12)
	near(t, "free water", s.Free, 12.5*0.2, 1e-12)
	near(t, "area", s.Area, 0.25, 1e-12)
	if s.Upper != 20 || s.Lower != 50 || math.Abs(s.Deep-5) > 1e-12 {
		t.Errorf("layers %+v, want 20, 50 and 5 mm", s)
	}
}

// With AreaCapacity the same storm meets smmf = 100 (1 - 0.75) = 25 mm, smf = 12.5
// mm: rs = 0.25 (100 - 12.5).
func TestTheDivisionsDifferAsTheBooksDo(t *testing.T) {
	m, err := xinanjiang.New(xinanjiang.Parameters{K: 1, B: 1, WUM: 20, WLM: 50, WDM: 30, SM: 50, EX: 1, Division: xinanjiang.AreaCapacity}, 86400)
	if err != nil {
		t.Fatal(err)
	}
	_, f := m.Step(m.Start(0), 100, 0)
	near(t, "surface", f.Surface, 0.25*87.5, 1e-12)
}

// The classical code divides net rain into parts of 5 mm, each of which meets
// what the one before has left. Full ground, SM = 5 mm with EX = 0, KI + KG = 0.75
// a step: 10 mm at once shed 5 at the surface; two parts of 5 mm keep half of the
// 5 mm in between, since two half steps make the whole, and shed 2.5.
func TestSlicesDrainBetweenThem(t *testing.T) {
	p := xinanjiang.Parameters{K: 1, WUM: 20, WLM: 50, SM: 5, KI: 0.25, KG: 0.5}
	for slice, want := range map[float64]float64{0: 5, 5: 2.5} {
		p.Slice = slice
		m, err := xinanjiang.New(p, 86400)
		if err != nil {
			t.Fatal(err)
		}
		_, f := m.Step(m.Start(1), 10, 0)
		near(t, "surface", f.Surface, want, 1e-12)
	}
}

func TestEvaporationComesFromLayerToLayer(t *testing.T) {
	m, err := xinanjiang.New(xinanjiang.Parameters{K: 0.5, C: 0.2, WUM: 20, WLM: 60, WDM: 40, SM: 10}, 86400)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		upper, lower, deep, rain, pet float64
		eu, el, ed                    float64
	}{
		"all from rain":                   {20, 60, 40, 4, 6, 3, 0, 0},
		"rain and upper layer":            {5, 60, 40, 1, 10, 5, 0, 0},
		"lower layer by what it holds":    {2, 30, 40, 0, 20, 2, 4, 0},
		"lower layer at least C":          {2, 6, 40, 0, 20, 2, 1.6, 0},
		"deep layer gives the rest":       {0, 0.5, 40, 0, 20, 0, 0.5, 1.5},
		"nothing left":                    {0, 0.5, 0.25, 0, 20, 0, 0.5, 0.25},
		"the day is done by upper layer":  {8, 1, 1, 0, 16, 8, 0, 0},
		"a lower layer that is all but 0": {0, 0, 10, 0, 10, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := m.Step(xinanjiang.State{Upper: c.upper, Lower: c.lower, Deep: c.deep}, c.rain, c.pet)
			got := [3]float64{c.upper - s.Upper, c.lower - s.Lower, c.deep - s.Deep}
			want := [3]float64{c.eu - c.rain, c.el, c.ed}
			if c.rain > c.eu { // what rains on full ground runs off
				want[0] = 0
			}
			for i := range got {
				if math.Abs(got[i]-want[i]) > 1e-12 {
					t.Errorf("layers gave %v mm, want %v", got, want)
					break
				}
			}
			if math.Abs(f.Evaporation-(c.eu+c.el+c.ed)) > 1e-12 {
				t.Errorf("evaporation %g mm, want %g", f.Evaporation, c.eu+c.el+c.ed)
			}
		})
	}
}

// Left alone, every store recedes alike at any step, which is what the rescaling
// of the constants is for; the water that leaves divides alike.
func TestRecessionsDoNotDependOnTheStep(t *testing.T) {
	p := xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, WDM: 40, B: 0.3, SM: 20, EX: 1.5, KI: 0.3, KG: 0.4, CI: 0.6, CG: 0.98}
	start := xinanjiang.State{Upper: 20, Lower: 60, Deep: 40, Free: 9, Area: 0.6, Interflow: 0, Groundwater: 0}
	for _, dt := range []float64{300, 3600, 21600, 86400} {
		m, err := xinanjiang.New(p, dt)
		if err != nil {
			t.Fatal(err)
		}
		s := start
		toWater := s
		for range int(3 * 86400 / dt) {
			s, _ = m.Step(s, 0, 0)
		}
		near(t, "free water", s.Free, 9*0.3*0.3*0.3, 1e-12)

		toWater.Free, toWater.Interflow, toWater.Groundwater = 0, 5, 30
		for range int(3 * 86400 / dt) {
			toWater, _ = m.Step(toWater, 0, 0)
		}
		near(t, "interflow", toWater.Interflow, 5*0.6*0.6*0.6, 1e-12)
		near(t, "groundwater", toWater.Groundwater, 30*0.98*0.98*0.98, 1e-12)

		p0 := p
		p0.CI, p0.CG = 0, 0 // all out at once: the division of what left
		if m, err = xinanjiang.New(p0, dt); err != nil {
			t.Fatal(err)
		}
		_, f := m.Step(start, 0, 0)
		near(t, "interflow over groundwater", f.Interflow/f.Groundwater, 0.75, 1e-12)
	}
}

// A storm gives about the same flows at 5 min as at 1 h: the curves are filled
// from below however the rain is cut, and the recessions are rescaled.
func TestAStormDoesNotDependMuchOnTheStep(t *testing.T) {
	p := xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, WDM: 40, B: 0.3, IM: 0.02, SM: 20, EX: 1.5, KI: 0.3, KG: 0.4, CI: 0.6, CG: 0.98, C: 0.1}
	total := func(dt float64) (f xinanjiang.Flux) {
		m, err := xinanjiang.New(p, dt)
		if err != nil {
			t.Fatal(err)
		}
		s := m.Start(0.8)
		hours := dt / 3600
		for i := range int(48 / hours) {
			rain := 0.0
			if at := float64(i) * hours; at >= 6 && at < 18 {
				rain = 6 * hours
			}
			var g xinanjiang.Flux
			s, g = m.Step(s, rain, 0.1*hours)
			f = xinanjiang.Flux{Evaporation: f.Evaporation + g.Evaporation, Surface: f.Surface + g.Surface, Interflow: f.Interflow + g.Interflow, Groundwater: f.Groundwater + g.Groundwater, Leak: f.Leak + g.Leak}
		}
		return f
	}
	fine, hour := total(300), total(3600)
	near(t, "surface", hour.Surface, fine.Surface, 0.05)
	near(t, "interflow", hour.Interflow, fine.Interflow, 0.05) // a linear store's input counts from the step's beginning
	near(t, "groundwater", hour.Groundwater, fine.Groundwater, 0.05)
	near(t, "evaporation", hour.Evaporation, fine.Evaporation, 1e-9)
}

// A drizzle after the area has dried must not lose the free water, nor shed it
// as a flood: the area stays as it was.
func TestAShrinkingAreaKeepsItsWater(t *testing.T) {
	m, err := xinanjiang.New(xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, WDM: 40, B: 0.3, SM: 20, EX: 1.5}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Start(0.1)
	s.Free, s.Area = 15, 0.8
	next, f := m.Step(s, 0.5, 0)
	if f.Surface > 0.5 || next.Free < 15 || next.Area != 0.8 {
		t.Errorf("%+v, %+v", next, f)
	}
}

func TestParametersOutOfRangeAreRefused(t *testing.T) {
	good := xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, WDM: 40, B: 0.3, SM: 20, EX: 1.5, KI: 0.3, KG: 0.4, CI: 0.6, CG: 0.98}
	if _, err := xinanjiang.New(good, 300); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*xinanjiang.Parameters)
		dt     float64
		says   string
	}{
		"no upper layer":      {func(p *xinanjiang.Parameters) { p.WUM = 0 }, 300, "WUM = 0 mm"},
		"no free water":       {func(p *xinanjiang.Parameters) { p.SM = 0 }, 300, "SM = 0 mm"},
		"negative B":          {func(p *xinanjiang.Parameters) { p.B = -0.1 }, 300, "B = -0.1"},
		"NaN":                 {func(p *xinanjiang.Parameters) { p.CG = math.NaN() }, 300, "CG = NaN"},
		"more than all water": {func(p *xinanjiang.Parameters) { p.KI = 0.6 }, 300, "KI + KG = 0.6 + 0.4"},
		"slices of nothing":   {func(p *xinanjiang.Parameters) { p.Slice = 0.01 }, 300, "Slice = 0.01 mm"},
		"unknown division":    {func(p *xinanjiang.Parameters) { p.Division = 7 }, 300, "division 7"},
		"no step":             {func(*xinanjiang.Parameters) {}, 0, "dt = 0 s"},
		"two days":            {func(*xinanjiang.Parameters) {}, 172800, "dt = 172800 s"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			c.change(&p)
			if _, err := xinanjiang.New(p, c.dt); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestImpossibleStatesAreNamed(t *testing.T) {
	m, err := xinanjiang.New(xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, WDM: 40, B: 0.3, SM: 20, EX: 1.5}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	for says, s := range map[string]xinanjiang.State{
		"upper tension water = 21 mm: want 0 to 20":   {Upper: 21},
		"lower tension water = -1 mm: want 0 to 60":   {Lower: -1},
		"free water = 5 mm: want 0 to 4":              {Free: 5, Area: 0.2},
		"groundwater on its way = NaN mm":             {Groundwater: math.NaN()},
		"runoff-producing area = 1.5: want 0 to 1":    {Area: 1.5},
		"deep tension water = 41 mm: want 0 to 40":    {Deep: 41},
		"interflow on its way = -0.5 mm: want 0 to 1": {Interflow: -0.5},
	} {
		if err := m.Check(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", s, err, says)
		}
	}
}

func TestImpossibleRainPanics(t *testing.T) {
	m, err := xinanjiang.New(xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, SM: 20}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]float64{{-1, 0}, {0, -1}, {math.NaN(), 0}, {0, math.NaN()}, {math.Inf(1), 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("rain %g, evaporation %g: accepted", c[0], c[1])
				}
			}()
			m.Step(m.Start(0), c[0], c[1])
		}()
	}
}

func TestAStepDoesNotAllocate(t *testing.T) {
	m, err := xinanjiang.New(xinanjiang.Parameters{K: 1, WUM: 20, WLM: 60, WDM: 40, B: 0.3, SM: 20, EX: 1.5, KI: 0.3, KG: 0.4, CI: 0.6, CG: 0.98, Slice: 5}, 3600)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Start(0.5)
	if n := testing.AllocsPerRun(100, func() { s, _ = m.Step(s, 12, 0.1) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestTheMonthOfTheMiddleOfAStepCounts(t *testing.T) {
	m := xinanjiang.Monthly{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	china := time.FixedZone("CST", 8*3600)
	for _, c := range []struct {
		end  time.Time
		dt   float64
		want float64
	}{
		{time.Date(2026, 6, 1, 0, 0, 0, 0, china), 86400, 5},
		{time.Date(2026, 6, 1, 1, 0, 0, 0, china), 3600, 6.0 / 24},
		{time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), 300, 12.0 / 288},
		{time.Date(2026, 6, 30, 20, 0, 0, 0, time.UTC), 3600, 6.0 / 24},
		{time.Date(2026, 6, 30, 20, 0, 0, 0, time.UTC).In(china), 3600, 7.0 / 24},
	} {
		if got := m.Depth(c.end, c.dt); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v, %g s: %g mm, want %g", c.end, c.dt, got, c.want)
		}
	}
	m[6] = -1
	if err := m.Check(); err == nil || !strings.Contains(err.Error(), "July = -1 mm/d") {
		t.Errorf("error %v, want one that names July", err)
	}
}
