package band_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast/band"
)

func newBand(t testing.TB, n int) band.Model {
	t.Helper()
	m, err := band.New(band.Parameters{Leads: n, Offset: 1, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A dice is a linear congruential generator: the noise of these tests is the same
// in each run.
type dice uint64

// normal returns about a normal deviate, the sum of twelve.
func (d *dice) normal() float64 {
	v := -6.0
	for range 12 {
		*d = *d*6364136223846793005 + 1442695040888963407
		v += float64(*d>>11) / (1 << 53)
	}
	return v
}

// taught returns a state that has seen that many hours of a river whose
// forecasts err, at each lead, by a normal deviate of 0.1 in ln(Q+1).
func taught(m band.Model, n, hours int) band.State {
	s := m.Start()
	var d dice = 7
	forecast := make([]float64, n)
	for i := range hours {
		at := func(h int) float64 { return math.Log(51) + 0.3*math.Sin(float64(h)/9) }
		for lead := range forecast {
			forecast[lead] = math.Exp(at(i+lead+1)) - 1
		}
		m.Step(&s, math.Exp(at(i)+0.1*d.normal())-1, forecast)
	}
	return s
}

func TestQuantilesAreThoseOfTheErrors(t *testing.T) {
	m := newBand(t, 2)
	s := taught(m, 2, 30000)
	out := make([]band.Band, 2)
	m.Quantiles(&s, [][]float64{{50, 50}}, out)
	for lead, b := range out {
		for j, p := range band.Levels {
			if got, want := math.Log((b.Quantile[j]+1)/51), 0.1*normalQuantile(p); math.Abs(got-want) > 0.04 {
				t.Errorf("lead %d, level %g: ln %g, want about %g", lead, p, got, want)
			}
		}
		if b.Errors != 128 {
			t.Errorf("lead %d rests on %d errors", lead, b.Errors)
		}
	}
}

func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

func TestABandOfUnknownErrorsHasNoWidth(t *testing.T) {
	m := newBand(t, 2)
	s := m.Start()
	out := make([]band.Band, 2)
	m.Quantiles(&s, [][]float64{{10, 20}}, out)
	for lead, q := range []float64{10, 20} {
		if out[lead].Errors != 0 || math.Abs(out[lead].Quantile[0]-q) > 1e-9 || math.Abs(out[lead].Quantile[6]-q) > 1e-9 {
			t.Errorf("%+v", out[lead])
		}
	}
}

func TestBandsAndCrossingsAgree(t *testing.T) {
	const n = 4
	m := newBand(t, n)
	s := taught(m, n, 3000)
	rapid.Check(t, func(t *rapid.T) {
		members := make([][]float64, rapid.IntRange(1, 6).Draw(t, "members"))
		for i := range members {
			members[i] = rapid.SliceOfN(rapid.Float64Range(0, 300), n, n).Draw(t, "flow")
		}
		out := make([]band.Band, n)
		m.Quantiles(&s, members, out)
		exceed, by, worst := make([]float64, n), make([]float64, n), make([]float64, 2*len(members))
		for lead, b := range out {
			if !slices.IsSorted(b.Quantile[:]) || b.Quantile[0] < 0 {
				t.Fatalf("lead %d: %v", lead, b.Quantile)
			}
			for j, p := range band.Levels {
				if b.Quantile[j] == 0 {
					continue // the mass below 0 stands at 0
				}
				m.Exceed(&s, members, b.Quantile[j]-3e-6*(b.Quantile[j]+1), exceed)
				if exceed[lead] < 1-p-1e-9 {
					t.Fatalf("lead %d: below the %g quantile %g m³/s is exceeded with %g", lead, p, b.Quantile[j], exceed[lead])
				}
				m.Exceed(&s, members, b.Quantile[j]+3e-6*(b.Quantile[j]+1), exceed)
				if exceed[lead] > 1-p+1e-9 {
					t.Fatalf("lead %d: above the %g quantile %g m³/s is exceeded with %g", lead, p, b.Quantile[j], exceed[lead])
				}
			}
		}
		threshold := rapid.Float64Range(1, 400).Draw(t, "threshold")
		m.Exceed(&s, members, threshold, exceed)
		c := m.Cross(&s, 0, members, level(threshold, n), by, worst)
		if c.Probability != by[n-1] || !slices.IsSorted(by) {
			t.Fatalf("probability %g, by lead %v", c.Probability, by)
		}
		if c.Paths == 0 { // the bands' bound
			for lead, p := range exceed {
				if by[lead] < p-1e-12 {
					t.Fatalf("crossed by lead %d with %g, exceeded there with %g", lead, by[lead], p)
				}
			}
		}
		if c.Probability > 0 && (!slices.IsSorted(c.Lead[:]) || c.Lead[0] < 0 || c.Lead[6] > n) {
			t.Fatalf("times %v", c.Lead)
		}
		higher := m.Cross(&s, 0, members, level(threshold*1.1, n), by, worst)
		if higher.Probability > c.Probability+1e-12 {
			t.Fatalf("a higher threshold is crossed with %g, the lower with %g", higher.Probability, c.Probability)
		}
		if now := m.Cross(&s, threshold, members, level(threshold, n), by, worst); now.Probability != 1 || now.Lead != [7]float64{} {
			t.Fatalf("met now: %+v", now)
		}
	})
}

// level is a threshold that is the same at each of n leads.
func level(threshold float64, n int) []float64 { return slices.Repeat([]float64{threshold}, n) }

func TestMembersWidenTheBand(t *testing.T) {
	m := newBand(t, 1)
	s := taught(m, 1, 5000)
	one, two, same := make([]band.Band, 1), make([]band.Band, 1), make([]band.Band, 1)
	m.Quantiles(&s, [][]float64{{50}}, one)
	m.Quantiles(&s, [][]float64{{35}, {65}}, two)
	m.Quantiles(&s, [][]float64{{50}, {50}, {50}}, same)
	if two[0].Quantile[0] >= one[0].Quantile[0] || two[0].Quantile[6] <= one[0].Quantile[6] {
		t.Errorf("members of 35 and 65 m³/s give %v, one of 50 %v", two[0].Quantile, one[0].Quantile)
	}
	if diff := cmp.Diff(one[0].Quantile, same[0].Quantile, cmpopts.EquateApprox(1e-5, 0)); diff != "" {
		t.Errorf("equal members are as one:\n%s", diff)
	}
}

func TestAStoredStateGoesOnAsIfNothingHadBeen(t *testing.T) {
	const n = 5
	m := newBand(t, n)
	s := taught(m, n, 700)
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	var again band.State
	if err := gob.NewDecoder(&b).Decode(&again); err != nil {
		t.Fatal(err)
	}
	copied := s.Clone()
	for i := range 50 {
		f := []float64{40, 41, 42, 43, 44 + float64(i)}
		m.Step(&s, 40+float64(i%7), f)
		m.Step(&again, 40+float64(i%7), f)
	}
	if diff := cmp.Diff(s, again, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if copied.Flows.Seen != 700 || cmp.Equal(copied, s, cmpopts.EquateNaNs()) {
		t.Error("a clone shares what its original learns")
	}
}

func TestWhatIsNotReportedTeachesNothing(t *testing.T) {
	const n = 3
	m := newBand(t, n)
	s := taught(m, n, 500)
	before := s.Clone()
	for range 2 * n {
		m.Step(&s, math.NaN(), []float64{1, 1000, 5})
	}
	for range n {
		m.Step(&s, math.NaN(), nil)
	}
	m.Step(&s, 50, nil) // answers nothing: no forecast of the last steps
	if !cmp.Equal(s.Errors, before.Errors) || !cmp.Equal(s.Outward, before.Outward) {
		t.Error("a silent gauge taught")
	}
	if s.Flows.Seen != before.Flows.Seen+1 {
		t.Errorf("%d flows seen, want one more than %d", s.Flows.Seen, before.Flows.Seen)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	const n = 6
	m := newBand(t, n)
	s := taught(m, n, 500)
	members := [][]float64{{1, 2, 3, 4, 5, 6}, {2, 3, 4, 5, 6, 7}}
	out, by, worst, four := make([]band.Band, n), make([]float64, n), make([]float64, 4), level(4, n)
	if a := testing.AllocsPerRun(20, func() {
		m.Step(&s, 3, members[0])
		m.Quantiles(&s, members, out)
		m.Exceed(&s, members, 4, by)
		m.Cross(&s, 3, members, four, by, worst)
	}); a != 0 {
		t.Errorf("%g allocations", a)
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	for _, p := range []band.Parameters{
		{Leads: 0, Offset: 1, Gain: 0.01},
		{Leads: 24, Offset: 0, Gain: 0.01},
		{Leads: 24, Offset: math.Inf(1), Gain: 0.01},
		{Leads: 24, Offset: 1, Gain: 0.6},
		{Leads: 24, Offset: 1, Gain: math.NaN()},
		{Leads: 2000, Offset: 1, Gain: 0.01},
		{Leads: 24, Far: 1001, Offset: 1, Gain: 0.01},
		{Leads: 24, Far: -1, Offset: 1, Gain: 0.01},
	} {
		if _, err := band.New(p); err == nil {
			t.Errorf("%+v accepted", p)
		}
	}
}

func TestMultipliersMakeNoWater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		cv := rapid.Float64Range(0, 2).Draw(t, "cv")
		f := make([]float64, n)
		band.Multipliers(cv, f)
		sum := 0.0
		for i, v := range f {
			sum += v
			if !(v > 0) || i > 0 && v < f[i-1]-1e-12 {
				t.Fatalf("%v", f)
			}
		}
		if math.Abs(sum/float64(n)-1) > 1e-12 {
			t.Fatalf("mean %g", sum/float64(n))
		}
	})
	f := make([]float64, 2000)
	band.Multipliers(0.5, f)
	variance := 0.0
	for _, v := range f {
		variance += (v - 1) * (v - 1) / 2000
	}
	if got := math.Sqrt(variance); math.Abs(got-0.5) > 0.01 {
		t.Errorf("coefficient of variation %g, want 0.5", got)
	}
}

func TestTheSpreadOfRainIsFound(t *testing.T) {
	f := make([]float64, 500)
	band.Multipliers(0.6, f)
	forecast, observed := make([]float64, 500), make([]float64, 500)
	for i, v := range f {
		forecast[i] = 10 + float64(i%7)
		observed[i] = 1.3 * v * forecast[i]
	}
	forecast, observed = append(forecast, 0, 0.1, math.NaN()), append(observed, 40, 40, 40) // no ratio
	cv, bias, err := band.Spread(forecast, observed, 1)
	if err != nil || math.Abs(cv-0.6) > 0.03 || math.Abs(bias-1.3) > 0.01 {
		t.Errorf("cv %g, bias %g, %v; want 0.6 and 1.3", cv, bias, err)
	}
	if _, _, err := band.Spread(forecast[:5], observed[:5], 1); err == nil {
		t.Error("five pairs accepted")
	}
}

func ExampleModel_Quantiles() {
	m, err := band.New(band.Parameters{Leads: 3, Offset: 1, Gain: 0.01})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := m.Start()
	// Five thousand hours of a forecast of 100 m³/s, and of flows up to 10 % below
	// and above it.
	for i := range 5000 {
		m.Step(&s, 90+float64(i*i*7919%201)/10, []float64{100, 100, 100})
	}
	bands := make([]band.Band, 3)
	forecast := [][]float64{{100, 100, 100}}
	m.Quantiles(&s, forecast, bands)
	fmt.Printf("in 1 h: 10 %% %.0f, 50 %% %.0f, 90 %% %.0f m³/s\n", bands[0].Quantile[1], bands[0].Quantile[3], bands[0].Quantile[5])

	by, worst := make([]float64, 3), make([]float64, 2)
	c := m.Cross(&s, 100, forecast, []float64{109, 109, 109}, by, worst)
	fmt.Printf("109 m³/s is met within 3 h with %.0f %%\n", 100*c.Probability)
	// Output:
	// in 1 h: 10 % 91, 50 % 101, 90 % 108 m³/s
	// 109 m³/s is met within 3 h with 24 %
}

func BenchmarkBand(b *testing.B) {
	const n = 24
	m := newBand(b, n)
	s := taught(m, n, 2000)
	members := make([][]float64, 50)
	for i := range members {
		members[i] = make([]float64, n)
		for lead := range members[i] {
			members[i][lead] = 40 + float64(i+lead)
		}
	}
	out := make([]band.Band, n)
	for _, k := range []int{1, 50} {
		b.Run(fmt.Sprintf("leads=24/members=%d", k), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Step(&s, 50, members[0])
				m.Quantiles(&s, members[:k], out)
			}
		})
	}
}
