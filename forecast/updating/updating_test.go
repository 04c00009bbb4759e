package updating_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast/updating"
)

var nan = math.NaN()

func corrector(t testing.TB, halfLife float64, off updating.Parts) *updating.Corrector {
	t.Helper()
	c, err := updating.NewCorrector(halfLife, 300, off)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seen is an error that has been 0 for long.
var seen = updating.Error{Count: 1000}

func TestTheObservedFlowStandsAndItsErrorFades(t *testing.T) {
	c := corrector(t, 600, updating.Parts{}) // half in two steps
	computed := []float64{10, 10, 10, 10, 10, 10}
	out := make([]float64, 6)
	e := c.Correct(seen, computed, []float64{nan, 18, nan, nan, nan, nan}, out)
	want := []float64{10, 18, 10 + 8*math.Sqrt(0.5), 14, 10 + 4*math.Sqrt(0.5), 12}
	// One observation in five minutes moves the bias by 8/288 m³/s and no more.
	if diff := cmp.Diff(want, out, cmpopts.EquateApprox(0, 0.03)); diff != "" {
		t.Error(diff)
	}
	if e.Now != 8 || e.Silent != 4 || e.Bias <= 0 || e.Bias > 8.0/288 {
		t.Errorf("error of %g m³/s, bias %g, %d steps silent; want 8, a bias of at most 8/288, and 4", e.Now, e.Bias, e.Silent)
	}
}

func TestABiasOutlivesTheRest(t *testing.T) {
	c := corrector(t, 3600, updating.Parts{NoLoss: true})
	n := 10 * 288
	computed, observed := make([]float64, n), make([]float64, n)
	for i := range computed {
		computed[i] = 100
		observed[i] = 80 + 10*math.Sin(2*math.Pi*float64(i)/288) // 20 too high, and a daily wave
	}
	e := c.Correct(seen, computed, observed, observed)
	if math.Abs(e.Bias+20) > 2 {
		t.Errorf("bias %g m³/s, want about -20", e.Bias)
	}
	out := computed[:288]
	c.Carry(updating.Error{Now: -40, Bias: -20, Mean: -30, Count: 1000}, out, out)
	if want := 90.0; math.Abs(out[287]-want) > 0.01 {
		t.Errorf("a day later %g m³/s, want %g: the bias has a half-life of a day", out[287], want)
	}
}

func TestTheBiasStartsAsThePlainMean(t *testing.T) {
	c := corrector(t, 3600, updating.Parts{})
	out := []float64{10, 10, 10}
	if e := c.Correct(updating.Error{}, out, []float64{25, 31, 28}, out); e.Now != 18 || e.Bias != 18 || e.Mean != 18 || e.Count != 3 {
		t.Errorf("now %g, bias %g, mean %g, count %d; the mean of 15, 21 and 18 is 18", e.Now, e.Bias, e.Mean, e.Count)
	}
}

func TestWithoutAHalfLifeNothingIsCarried(t *testing.T) {
	c := corrector(t, 0, updating.Parts{})
	out := []float64{10, 10, 10}
	c.Correct(updating.Error{}, out, []float64{nan, 25, nan}, out)
	if diff := cmp.Diff([]float64{10, 25, 10}, out); diff != "" {
		t.Error(diff)
	}
}

func TestAFlowNeverTurnsNegative(t *testing.T) {
	c := corrector(t, math.Inf(1), updating.Parts{})
	q := []float64{100, 50, 5}
	c.Correct(seen, q, []float64{40, nan, nan}, q)
	if q[0] != 40 || q[1] != 0 || q[2] != 0 {
		t.Errorf("%v", q)
	}
}

func TestAStoppedRunIsTheWholeRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := updating.NewCorrector(rapid.Float64Range(0, 1e6).Draw(t, "half-life"), 300, updating.Parts{})
		if err != nil {
			t.Fatal(err)
		}
		q := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 50).Draw(t, "q")
		o := make([]float64, len(q))
		for i := range o {
			o[i] = rapid.OneOf(rapid.Just(nan), rapid.Float64Range(0, 1000)).Draw(t, "o")
		}
		whole, parts := make([]float64, len(q)), make([]float64, len(q))
		e := c.Correct(updating.Error{Now: 3, Bias: 1, Mean: 2}, q, o, whole)
		cut := rapid.IntRange(0, len(q)).Draw(t, "cut")
		kept := c.Correct(updating.Error{Now: 3, Bias: 1, Mean: 2}, q[:cut], o[:cut], parts[:cut])
		if got := c.Correct(kept, q[cut:], o[cut:], parts[cut:]); got != e {
			t.Fatalf("carried %+v, want %+v", got, e)
		}
		if diff := cmp.Diff(whole, parts); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSamplesAreJoinedOverShortGapsOnly(t *testing.T) {
	minute := time.Minute.Milliseconds()
	samples := []updating.Sample{
		{At: 0, Value: 10},
		{At: 10 * minute, Value: 20},
		{At: 20 * minute, Value: 30},
		{At: 60 * minute, Value: 70},
		{At: 70 * minute, Value: 80},
	}
	got := make([]float64, 14)
	last, ok := updating.Resample(slices.Values(samples), 5*minute, 5*minute, 15*minute, 65*minute, got)
	want := []float64{15, 20, 25, 30, nan, nan, nan, nan, nan, nan, nan, 70, nan, nan}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if !ok || last.Value != 70 {
		t.Errorf("last %+v, %v; what is later than the limit must not be seen", last, ok)
	}
}

func TestBadHalfLivesAreRefused(t *testing.T) {
	for _, p := range [][2]float64{{-1, 300}, {nan, 300}, {60, 0}} {
		if _, err := updating.NewCorrector(p[0], p[1], updating.Parts{}); err == nil {
			t.Errorf("half-life %g s at step %g s accepted", p[0], p[1])
		}
	}
}

// A river whose computed flow is known, and what a gauge sees of it.
func wave(i int) float64 {
	h := float64(i) / 12
	return 100 + 40*math.Sin(2*math.Pi*h/24) + 25*math.Sin(2*math.Pi*h/12)
}

func TestALossAndALagAreLearnt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loss := rapid.Float64Range(-0.4, 0.4).Draw(t, "loss")
		lag := rapid.IntRange(6, 12).Draw(t, "lag, steps") // a smaller one may be shrunk away
		if rapid.Bool().Draw(t, "late") {
			lag = -lag
		}
		c, err := updating.NewCorrector(6*3600, 300, updating.Parts{})
		if err != nil {
			t.Fatal(err)
		}
		n := 12 * 288
		computed, observed := make([]float64, n), make([]float64, n)
		for i := range computed {
			computed[i], observed[i] = wave(i), (1-loss)*wave(i+lag)
		}
		out := make([]float64, n)
		e := c.Correct(updating.Error{}, computed, observed, out)
		r := c.Report(&e)
		if !r.Loss.Applied || math.Abs(r.Loss.Share-loss) > 0.02 {
			t.Fatalf("loss %+v, want %g", r.Loss, loss)
		}
		// The slope is that of the computed flow, of which the observed one is a share.
		if want := float64(lag) * 300 * (1 - loss); r.Lag.Seconds/want < 0.3 || r.Lag.Seconds/want > 1.2 { // it is shrunk by what the loss, not yet settled, adds in noise
			t.Fatalf("lag %g s, want %g", r.Lag.Seconds, want)
		}
	})
}

func TestWhatIsNoLossIsToldAndNotApplied(t *testing.T) {
	c := corrector(t, 3600, updating.Parts{})
	n := 3 * 288
	computed, observed := make([]float64, n), make([]float64, n)
	for i := range computed {
		computed[i], observed[i] = 10, 100
	}
	e := c.Correct(updating.Error{}, computed, observed, observed)
	if l := c.Loss(&e); l.Applied || math.Abs(l.Share+9) > 1e-9 || math.Abs(l.Flow+90) > 1e-9 {
		t.Errorf("%+v, want a gain of nine times the flow, not applied", l)
	}
	if math.Abs(e.Bias-90) > 1e-9 {
		t.Errorf("bias %g m³/s, want the 90 that are missing", e.Bias)
	}
	e = c.Correct(updating.Error{}, computed[:288], observed[:288], observed[:288])
	if l := c.Loss(&e); l.Share != 0 || l.Applied {
		t.Errorf("%+v after a day: two days are needed", l)
	}
}

// An error that turns with the wave must not be carried as far as one that lasts.
func TestAnErrorIsCarriedAsFarAsItHasBeenUseful(t *testing.T) {
	n := 8 * 288
	run := func(err func(i int) float64, off updating.Parts) updating.Report {
		c := corrector(t, 6*3600, off)
		computed, observed := make([]float64, n), make([]float64, n)
		for i := range computed {
			computed[i] = 100
			observed[i] = 100 + err(i)
		}
		e := c.Correct(seen, computed, observed, observed)
		return c.Report(&e)
	}
	turning := func(i int) float64 { return 10 * math.Cos(2*math.Pi*float64(i+1-n)/(12*20)) } // 20 h, at its crest at the end
	off := updating.Parts{NoLoss: true, NoLag: true}
	r := run(turning, off)
	if r.Carried[9] > -3 || r.Carried[0] < 7 || r.Left[9] > 0.3 {
		t.Errorf("an error of 10 m³/s that turns in 10 h is carried as %.1f after 1 h and %.1f after 10 h, %.2f of the mean square left", r.Carried[0], r.Carried[9], r.Left[9])
	}
	off.NoFit = true
	if f := run(turning, off); f.Carried[9] < 0 || f.Left[9] <= r.Left[9] {
		t.Errorf("without the fit %.1f after 10 h, %.2f left", f.Carried[9], f.Left[9])
	}
	noise := rapid.SliceOfN(rapid.Float64Range(-10, 10), n, n).Example(1)
	if r := run(func(i int) float64 { return noise[i] }, updating.Parts{NoLoss: true, NoLag: true}); math.Abs(r.Carried[2]) > 0.25*math.Abs(r.Now)+0.5 {
		t.Errorf("noise of %.1f m³/s is carried as %.1f after 3 h", r.Now, r.Carried[2])
	}
}

// One wave teaches how it went, not how the next error goes: beyond some hours hardly
// anything that was said before it was known has come true yet.
func TestWhatOneWaveTaughtIsNotCarriedOn(t *testing.T) {
	n := 36 * 12
	computed, observed := make([]float64, n), make([]float64, n)
	for i := range computed { // an error that falls, rises and falls, once
		h := float64(i) / 12
		computed[i] = 300
		observed[i] = 300 + 150*math.Exp(-(h-30)*(h-30)/30) - 60*math.Exp(-(h-18)*(h-18)/20)
	}
	carried := func(off updating.Parts) (updating.Report, []float64) {
		c := corrector(t, 6*3600, off)
		e := c.Correct(updating.Error{}, computed, observed, make([]float64, n))
		out := slices.Repeat([]float64{300}, 288)
		c.Carry(e, out, out)
		return c.Report(&e), out
	}
	_, plain := carried(updating.Parts{NoLoss: true, NoLag: true, NoFit: true})
	r, out := carried(updating.Parts{NoLoss: true, NoLag: true})
	for i := 6 * 12; i < len(out); i++ {
		if math.Abs(out[i]-plain[i]) > 15 {
			t.Fatalf("%.1f h on %.1f m³/s, %.1f by the half-lives: %v", float64(i+1)/12, out[i], plain[i], r.Carried)
		}
	}
}

func TestPartsThatAreOffDoNothing(t *testing.T) {
	n := 6 * 288
	computed, observed := make([]float64, n), make([]float64, n)
	for i := range computed {
		computed[i], observed[i] = wave(i), 0.7*wave(i+6)
	}
	c := corrector(t, 3600, updating.Parts{NoLoss: true, NoLag: true, NoFit: true, NoError: true})
	e := c.Correct(updating.Error{}, computed, observed, slices.Clone(observed))
	out := make([]float64, 288)
	c.Carry(e, computed[:288], out)
	if diff := cmp.Diff(computed[:288], out); diff != "" {
		t.Error(diff)
	}
	if r := c.Report(&e); r.Loss.Applied || r.Lag.Applied || !r.Loss.Off || math.Abs(r.Loss.Share-0.3) > 0.02 {
		t.Errorf("%+v; what is off must still be seen", r)
	}
}

func TestAGaugeThatDoesNotReportTeachesNothing(t *testing.T) {
	c := corrector(t, 3600, updating.Parts{})
	computed, none := make([]float64, 900), make([]float64, 900)
	for i := range computed {
		computed[i], none[i] = wave(i), nan
	}
	e := c.Correct(updating.Error{}, computed, none, make([]float64, 900))
	if e.Now != 0 || e.Bias != 0 || e.Count != 0 || e.Volumes.Weight != 0 || e.Fit.Seen != 0 || e.Fit.Sums != (updating.Fit{}).Sums {
		t.Errorf("learnt %+v", e)
	}
}

// What stood still in the past must not be carried a thousandfold when it moves.
func TestAnErrorIsNeverCarriedWithMuchMoreThanItsSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := updating.NewCorrector(rapid.Float64Range(600, 86400).Draw(t, "half life"), 300, updating.Parts{NoLoss: true, NoLag: true})
		if err != nil {
			t.Fatal(err)
		}
		calm := rapid.IntRange(1, 4*288).Draw(t, "calm")
		noise := math.Pow(10, rapid.Float64Range(-16, 0).Draw(t, "noise"))
		offset := rapid.Float64Range(-100, 100).Draw(t, "offset")
		jump := rapid.Float64Range(-200, 200).Draw(t, "jump")
		computed, observed := make([]float64, calm+3), make([]float64, calm+3)
		for i := range computed {
			computed[i], observed[i] = 1000, 1000+offset+noise*math.Sin(float64(i))
			if i >= calm {
				observed[i] += jump
			}
		}
		e := c.Correct(updating.Error{}, computed, observed, observed)
		bound := 1.5*(math.Abs(e.Bias)+math.Abs(e.Mean-e.Bias)+math.Abs(e.Now-e.Mean)) + 1e-9
		out := make([]float64, 3*288)
		for i := range out {
			out[i] = 1000
		}
		c.Carry(e, out, out)
		for i, q := range out {
			if math.Abs(q-1000) > bound {
				t.Fatalf("%d steps on the error is %g m³/s, want within %g", i+1, q-1000, bound)
			}
		}
	})
}
