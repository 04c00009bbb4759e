package xinanjiang_test

import (
	"math"
	"testing"
	"time"

	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
)

// Parameters for airgr_flashy, fitted on the hours of 2004-11 to 2005-12 alone,
// after a warm-up over 2004-01 to 2004-10 from ground at 0.8. Least
//
//	1 - NSE + 0.02 Σ (u - 1/2)²
//
// by gonum/optimize, CmaEsChol (population 16) and NelderMead from where that
// ended, 9,683 runs from the middle of the bounds; u is a parameter's place
// between its bounds, 0 to 1, by the logarithm for 1 - CG and k.
//
// Bounds and weight were chosen with the scores of 2006 in sight. So 2006 is no
// check of these values, and the test shows only that the model can give both
// periods with one set of them. The honest figure is that of freshet calibrate with
// its own bounds and the weight that blocks of the fit period, left out in turn,
// chose (none): NSE 0.9186 in the fit and 0.7568 in 2006, see
// docs/models/calibration.md.
// Bounds: K 0.8 to 2, WUM 5 to 150, WLM 50 to 300, WDM 0 to 300 mm, C 0.01 to 0.2,
// B 0.1 to 0.4, IM 0.01 to 0.1, SM 5 to 100 mm, EX 1 to 1.5, KI + KG 0.4 to 0.95,
// CI 0.1 to 0.9, CG 0.98 to 0.998; n 1 to 6, k 0.05 to 20 h. K is above 1 because
// the catchment sheds 1,951 mm in three years of whose rain 2,441 mm exceed the
// potential evaporation.
var (
	flashy = xinanjiang.Parameters{
		K: 1.354, WUM: 88.54, WLM: 204.4, WDM: 225.6, C: 0.1009, B: 0.3789, IM: 0.05725,
		SM: 55.55, EX: 1.240, KI: 0.2973, KG: 0.4336, CI: 0.6827, CG: 0.99733,
	}
	flashyNash = [2]float64{1.3205, 8.355 * 3600} // n and k, s, of a cascade for all three flows
)

const flashyArea = 920.0 // km²

// nse of the hours [from, to).
func nse(flow, observed []float64, from, to int) float64 {
	mean := 0.0
	for _, q := range observed[from:to] {
		mean += q / float64(to-from)
	}
	var e, v float64
	for i := from; i < to; i++ {
		e += (flow[i] - observed[i]) * (flow[i] - observed[i])
		v += (observed[i] - mean) * (observed[i] - mean)
	}
	return 1 - e/v
}

func TestOneSetOfParametersGivesAFlashyCatchmentInBothPeriods(t *testing.T) {
	data := columns(t, "airgr_flashy/airgr_L0123003_hourly_2004_2006.csv", "p_mm", "pet_mm", "q_m3s")
	rain, pet, observed := data[0], data[1], data[2]
	hour := func(year int, month time.Month) int {
		return int(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Sub(time.Date(2004, 1, 1, 0, 0, 0, 0, time.UTC)).Hours())
	}
	m, err := xinanjiang.New(flashy, 3600)
	if err != nil {
		t.Fatal(err)
	}
	u, err := unithydrograph.Nash(flashyNash[0], flashyNash[1], 3600)
	if err != nil {
		t.Fatal(err)
	}
	flow := make([]float64, len(rain)+len(u))
	s := m.Start(0.8)
	for i := range rain {
		next, f := m.Step(s, rain[i], pet[i])
		if d := rain[i] - f.Evaporation - f.Total() - (m.Storage(next) - m.Storage(s)); math.Abs(d) > 1e-9 {
			t.Fatalf("hour %d: %g mm are missing", i, d)
		}
		s = next
		u.Add(flow[i:], f.Total()*flashyArea/3.6)
	}
	for _, period := range []struct {
		name     string
		from, to int
	}{
		{"2004-11 to 2005-12, fitted", hour(2004, 11), hour(2006, 1)},
		{"2006, in sight when the bounds were chosen", hour(2006, 1), hour(2007, 1)},
	} {
		got := nse(flow, observed, period.from, period.to)
		t.Logf("%s: NSE %.4f", period.name, got)
		if !(got >= 0.80) {
			t.Errorf("%s: NSE %.4f, want at least 0.80", period.name, got)
		}
	}
}
