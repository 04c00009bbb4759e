package skill_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/forecast/skill"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) }

func draw(t *rapid.T) (observed, forecast []float64) {
	n := rapid.IntRange(3, 50).Draw(t, "n")
	value := rapid.Float64Range(1, 5000)
	for range n {
		observed = append(observed, value.Draw(t, "observed"))
		forecast = append(forecast, value.Draw(t, "forecast"))
	}
	return observed, forecast
}

func TestScoresOfASmallExample(t *testing.T) {
	o := []float64{1, 2, 3, 4}
	f := []float64{1.5, 2, 2.5, 5}
	for name, c := range map[string][2]float64{
		"NSE":   {skill.NSE(o, f), 1 - 1.5/5}, // errors .25 + 0 + .25 + 1, variation 5
		"bias":  {skill.MeanError(o, f), 0.25},
		"MAE":   {skill.MeanAbsoluteError(o, f), 0.5},
		"RMSE":  {skill.RootMeanSquareError(o, f), math.Sqrt(1.5 / 4)},
		"over":  {skill.Versus(o, f, []float64{1, 1, 2, 3}), 0.5}, // reference errors 0 + 1 + 1 + 1
		"worse": {skill.Versus(o, []float64{1, 1, 2, 1}, []float64{1, 1, 2, 3}), 1 - 11.0/3},
	} {
		if !near(c[0], c[1]) {
			t.Errorf("%s: %g, want %g", name, c[0], c[1])
		}
	}
}

func TestAPerfectForecastScoresOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, _ := draw(t)
		if n := skill.NSE(o, o); !math.IsNaN(n) && n != 1 {
			t.Fatalf("NSE %g", n)
		}
		if k := skill.KGE(o, o); !math.IsNaN(k) && !near(k, 1) {
			t.Fatalf("KGE %g", k)
		}
		if skill.MeanError(o, o) != 0 || skill.RootMeanSquareError(o, o) != 0 {
			t.Fatal("an error of a perfect forecast")
		}
	})
}

func TestTheMeanOfTheObservationsScoresZero(t *testing.T) {
	o := []float64{3, 9, 4, 1, 8}
	m := []float64{5, 5, 5, 5, 5}
	if n := skill.NSE(o, m); !near(n, 0) {
		t.Errorf("NSE %g", n)
	}
}

// The mean of 240 times 36.7 is not 36.7 to the last bit.
func TestObservationsThatNeverChangeDefineNoEfficiency(t *testing.T) {
	for _, x := range []float64{36.7, 0.1, 1e-7, 3, 0} {
		o, f := make([]float64, 240), make([]float64, 240)
		for i := range o {
			o[i], f[i] = x, x+float64(i%7)
		}
		for name, got := range map[string]float64{"NSE": skill.NSE(o, f), "KGE": skill.KGE(o, f), "KGE 2012": skill.KGE2012(o, f), "KGE of a constant forecast": skill.KGE(f, o)} {
			if !math.IsNaN(got) {
				t.Errorf("%g m³/s all along: %s %g", x, name, got)
			}
		}
	}
}

func TestScoresDoNotDependOnTheUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, f := draw(t)
		k := rapid.Float64Range(0.01, 100).Draw(t, "unit")
		o2, f2 := make([]float64, len(o)), make([]float64, len(f))
		for i := range o {
			o2[i], f2[i] = k*o[i], k*f[i]
		}
		if a, b := skill.NSE(o, f), skill.NSE(o2, f2); !(near(a, b) || math.Abs(a-b) < 1e-6*math.Abs(a)) && !math.IsNaN(a) {
			t.Fatalf("NSE %g and %g", a, b)
		}
		if a, b := skill.KGE(o, f), skill.KGE(o2, f2); math.Abs(a-b) > 1e-6*(1+math.Abs(a)) {
			t.Fatalf("KGE %g and %g", a, b)
		}
		if a, b := skill.MeanError(o, f)*k, skill.MeanError(o2, f2); math.Abs(a-b) > 1e-6*(1+math.Abs(a)) {
			t.Fatalf("bias %g and %g", a, b)
		}
		if skill.RootMeanSquareError(o, f) < skill.MeanAbsoluteError(o, f)*(1-1e-12) {
			t.Fatal("RMSE is below MAE")
		}
	})
}

// Versus against the mean of the observations is what NSE is.
func TestNSEIsSkillOverTheMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, f := draw(t)
		mean := 0.0
		for _, v := range o {
			mean += v / float64(len(o))
		}
		m := make([]float64, len(o))
		for i := range m {
			m[i] = mean
		}
		a, b := skill.NSE(o, f), skill.Versus(o, f, m)
		if math.Abs(a-b) > 1e-6*(1+math.Abs(a)) {
			t.Fatalf("%g and %g", a, b)
		}
	})
}

func TestScoresThatAreNotDefinedAreNaN(t *testing.T) {
	flat := []float64{2, 2, 2}
	for name, v := range map[string]float64{
		"NSE of flat observations": skill.NSE(flat, []float64{1, 2, 3}),
		"NSE of one pair":          skill.NSE([]float64{1}, []float64{1}),
		"KGE of flat observations": skill.KGE(flat, []float64{1, 2, 3}),
		"bias of nothing":          skill.MeanError(nil, nil),
		"MAE of nothing":           skill.MeanAbsoluteError(nil, nil),
		"RMSE of nothing":          skill.RootMeanSquareError(nil, nil),
		"skill over the perfect":   skill.Versus(flat, []float64{1, 2, 3}, flat),
		"share of a peak below 0":  skill.PeakError{Observed: -1, Forecast: 1}.Share(),
	} {
		if !math.IsNaN(v) {
			t.Errorf("%s: %g", name, v)
		}
	}
}

func TestSeriesOfDifferentLengthPanic(t *testing.T) {
	a, b := []float64{1, 2}, []float64{1}
	for name, f := range map[string]func(){
		"NSE":    func() { skill.NSE(a, b) },
		"KGE":    func() { skill.KGE(a, b) },
		"bias":   func() { skill.MeanError(a, b) },
		"MAE":    func() { skill.MeanAbsoluteError(a, b) },
		"RMSE":   func() { skill.RootMeanSquareError(a, b) },
		"Versus": func() { skill.Versus(a, a, b) },
		"Peak":   func() { skill.Peak(nil, a, a) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			f()
		}()
	}
}

func TestPeaksAreComparedInSizeAndTime(t *testing.T) {
	t0 := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	var at []time.Time
	for i := range 5 {
		at = append(at, t0.Add(time.Duration(i)*time.Hour))
	}
	p := skill.Peak(at, []float64{1, 4, 4, 2, 1}, []float64{1, 2, 3, 5, 5})
	if p.Error() != 1 || p.Share() != 0.25 || p.Late() != 2*time.Hour || !p.ObservedAt.Equal(at[1]) {
		t.Errorf("%+v", p)
	}
}

func TestGradesOfTheStandard(t *testing.T) {
	p := skill.GBT22482of2008
	for _, c := range []struct {
		dc, qr float64
		want   skill.Grade
		zh     string
	}{
		{0.90, 0.85, skill.GradeA, "甲"},
		{0.95, 0.84, skill.GradeB, "乙"},
		{0.70, 0.95, skill.GradeB, "乙"},
		{0.69, 0.95, skill.GradeC, "丙"},
		{0.95, 0.59, skill.BelowC, "丙以下"},
		{math.NaN(), 1, skill.Ungraded, "—"},
	} {
		if g := skill.Lower(p.GradeDC(c.dc), p.GradeQR(c.qr)); g != c.want || g.ZH() != c.zh {
			t.Errorf("DC %g, QR %g: %s, want %s", c.dc, c.qr, g, c.want)
		}
	}
}

func TestTheToleranceIsAShareOfTheChangeWithAFloor(t *testing.T) {
	p := skill.GBT22482of2008
	for name, c := range map[string][2]float64{
		"flow that rose":       {p.FlowTolerance(100, 200), 20},
		"flow that stood":      {p.FlowTolerance(200, 200), 10},
		"level that rose 2 m":  {p.LevelTolerance(3, 5), 0.4},
		"level that stood":     {p.LevelTolerance(3, 3), 0.1},
		"level that fell 1 m":  {p.LevelTolerance(3, 2), 0.2},
		"level below the zero": {p.LevelTolerance(-1, -0.9), 0.1},
	} {
		if !near(c[0], c[1]) {
			t.Errorf("%s: %g, want %g", name, c[0], c[1])
		}
	}
}
