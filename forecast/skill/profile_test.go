package skill_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/forecast/skill"
)

func TestGradesChangeAtTheirBoundaries(t *testing.T) {
	for _, p := range skill.Profiles {
		for _, c := range []struct {
			dc   float64
			want skill.Grade
		}{
			{1, skill.GradeA},
			{0.90, skill.GradeA},
			{0.8999999, skill.GradeB},
			{0.70, skill.GradeB},
			{0.6999999, skill.GradeC},
			{0.50, skill.GradeC},
			{0.4999999, skill.BelowC},
			{-3, skill.BelowC},
			{math.NaN(), skill.Ungraded},
		} {
			if g := p.GradeDC(c.dc); g != c.want {
				t.Errorf("%s: DC %g is %s, want %s", p.Name, c.dc, g, c.want)
			}
		}
		for _, c := range []struct {
			qualified, of int
			want          skill.Grade
		}{
			{17, 20, skill.GradeA},
			{85, 100, skill.GradeA},
			{849, 1000, skill.GradeB},
			{7, 10, skill.GradeB},
			{699, 1000, skill.GradeC},
			{3, 5, skill.GradeC},
			{599, 1000, skill.BelowC},
			{0, 1, skill.BelowC},
		} {
			if g := p.GradeQR(float64(c.qualified) / float64(c.of)); g != c.want {
				t.Errorf("%s: QR %d of %d is %s, want %s", p.Name, c.qualified, c.of, g, c.want)
			}
		}
		if g := p.Scheme(0.95, 0.65); g != skill.GradeC {
			t.Errorf("%s: DC of grade A and QR of grade C make %s", p.Name, g)
		}
		if g := p.Scheme(0.72, 0.99); g != skill.GradeB {
			t.Errorf("%s: DC of grade B and QR of grade A make %s", p.Name, g)
		}
		if g := p.Scheme(math.NaN(), 0.99); g != skill.Ungraded {
			t.Errorf("%s: without DC a scheme is %s", p.Name, g)
		}
	}
}

func TestPermissibleErrorsHaveFloors(t *testing.T) {
	old, recent := skill.GBT22482of2008, skill.GBT22482of2026
	for name, c := range map[string][2]float64{
		"peak of 1000 m³/s, 2008, 250 km²":           {old.PeakTolerance(1000, 250), 200},
		"peak of 1000 m³/s, 2026, 250 km²":           {recent.PeakTolerance(1000, 250), 300},
		"peak of 1000 m³/s, 2026, 3000 km²":          {recent.PeakTolerance(1000, 3000), 300},
		"peak of 1000 m³/s, 2026, 3001 km²":          {recent.PeakTolerance(1000, 3001), 200},
		"peak of 1000 m³/s, 2026, area not known":    {recent.PeakTolerance(1000, 0), 200},
		"runoff of 5 mm: the least":                  {old.DepthTolerance(5), 3},
		"runoff of 50 mm":                            {old.DepthTolerance(50), 10},
		"runoff of 300 mm: the most":                 {old.DepthTolerance(300), 20},
		"flow from 100 to 400":                       {old.FlowTolerance(100, 400), 60},
		"flow from 390 to 400: a share of it":        {old.FlowTolerance(390, 400), 20},
		"flow that changes by a quarter: both equal": {old.FlowTolerance(300, 400), 20},
		"level from 3 to 3.4: the floor":             {old.LevelTolerance(3, 3.4), 0.1},
		"level from 3 to 4":                          {old.LevelTolerance(3, 4), 0.2},
	} {
		if !near(c[0], c[1]) {
			t.Errorf("%s: %g, want %g", name, c[0], c[1])
		}
	}
	if got := recent.PeakTolerance(1000, 200); !math.IsNaN(got) {
		t.Errorf("a peak of a basin of 200 km² may be off by %g: the profile of 2026 does not say", got)
	}
	for _, c := range []struct{ ahead, step, want time.Duration }{
		{20 * time.Hour, time.Hour, 6 * time.Hour}, {10 * time.Hour, time.Hour, 3 * time.Hour}, {5 * time.Hour, 6 * time.Hour, 6 * time.Hour},
	} {
		if got := old.PeakTimeTolerance(c.ahead, c.step); got != c.want {
			t.Errorf("a peak %s ahead, step %s: %s, want %s", c.ahead, c.step, got, c.want)
		}
	}
}

func TestPermissibleErrorsGrowWithWhatHappened(t *testing.T) {
	p := skill.GBT22482of2008
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Float64Range(0, 5000).Draw(t, "from")
		a := rapid.Float64Range(0, 5000).Draw(t, "rise")
		b := a + rapid.Float64Range(0, 5000).Draw(t, "more")
		if p.FlowTolerance(from, from+b) < p.FlowTolerance(from, from+a) || p.LevelTolerance(from, from+b) < p.LevelTolerance(from, from+a) || p.DepthTolerance(b) < p.DepthTolerance(a) {
			t.Fatalf("from %g: rising by %g is permitted a smaller error than by %g", from, b, a)
		}
		if p.FlowTolerance(from, from+a) < 0.05*(from+a) || p.LevelTolerance(from, from+a) < 0.1 || p.DepthTolerance(a) < 3 || p.DepthTolerance(a) > 20 {
			t.Fatal("a permissible error outside its floor or top")
		}
	})
}

func TestEveryNumberOfAProfileSaysHowItIsKnown(t *testing.T) {
	for _, p := range skill.Profiles {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		for _, item := range []string{"dc", "qr", "single", "peak", "change", "flow_floor", "level_floor", "peak_time", "runoff_depth", "scheme"} {
			n := 0
			for _, b := range p.Basis {
				if b.Item == item && b.Trust != "" && b.Source != "" {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s: %s has %d bases", p.Name, item, n)
			}
			if !strings.Contains(p.Table(), "| "+item+" | ") {
				t.Errorf("%s: %s is not in its table", p.Name, item)
			}
		}
		if len(p.Trusted(skill.Recalled)) == 0 {
			t.Errorf("%s claims to know all: nobody here has read its text", p.Name)
		}
	}
}

func TestProfilesThatCannotBeAreRefusedWithTheNumber(t *testing.T) {
	for want, change := range map[string]func(*skill.Profile){
		"dc [0.9 0.9 0.5]":       func(p *skill.Profile) { p.DC[1] = 0.9 },
		"qr [85 70 60]":          func(p *skill.Profile) { p.QR = [3]float64{85, 70, 60} },
		"single [0.25 0.25 1]":   func(p *skill.Profile) { p.Single[1] = 0.25 },
		"share 20":               func(p *skill.Profile) { p.Peak = []skill.AreaShare{{0, 20}} },
		"areas above 3000 km²":   func(p *skill.Profile) { p.Peak = []skill.AreaShare{{200, 0.3}, {3000, 0.2}} },
		"no row":                 func(p *skill.Profile) { p.Peak = nil },
		"change: share 0":        func(p *skill.Profile) { p.ChangeShare = 0 },
		"level_floor: -0.1 m":    func(p *skill.Profile) { p.LevelFloor = -0.1 },
		"flow_floor: share NaN":  func(p *skill.Profile) { p.FlowFloor = math.NaN() },
		"least 30 mm":            func(p *skill.Profile) { p.DepthLeast = 30 },
		"peak_time: floor -1h0m": func(p *skill.Profile) { p.PeakTimeFloor = -time.Hour },
	} {
		p := skill.GBT22482of2008
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestOneForecastIsRatedByItsErrorOverThePermissibleOne(t *testing.T) {
	for _, p := range skill.Profiles {
		for _, c := range []struct {
			err, permissible, ratio float64
			want                    skill.Rating
		}{
			{0, 200, 0, skill.Excellent},
			{-50, 200, 0.25, skill.Excellent},
			{51, 200, 0.255, skill.Good},
			{100, 200, 0.5, skill.Good},
			{-101, 200, 0.505, skill.Qualified},
			{200, 200, 1, skill.Qualified},
			{200.1, 200, 1.0005, skill.Unqualified},
			{1, 0, math.NaN(), skill.Unrated},
			{1, math.NaN(), math.NaN(), skill.Unrated},
			{math.NaN(), 200, math.NaN(), skill.Unrated},
		} {
			ratio, got := p.Rate(c.err, c.permissible)
			if got != c.want || !near(ratio, c.ratio) && !(math.IsNaN(ratio) && math.IsNaN(c.ratio)) {
				t.Errorf("%s: an error of %g of %g is %s at %g, want %s at %g", p.Name, c.err, c.permissible, got, ratio, c.want, c.ratio)
			}
		}
	}
}
