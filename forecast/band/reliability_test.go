package band_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"freshet/forecast/band"
)

// don is the record of river_don, hourly means of each hour's last quarter, 2007.
func don(t testing.TB) *catchment {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "river_don", "hadfields_15min_2007.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c := &catchment{}
	for i, row := range rows[1:] {
		at, err := time.Parse("2006-01-02 15:04", row[0])
		if err != nil {
			t.Fatal(err)
		}
		q := math.NaN()
		if row[3] != "---" {
			if q, err = strconv.ParseFloat(row[3], 64); err != nil {
				t.Fatal(err)
			}
		}
		if i%4 == 0 {
			c.at, c.q = append(c.at, at), append(c.q, q)
		}
	}
	return c
}

// The chances were made with 2006 of one catchment in sight. Here are a year and a
// river that were not: 2005 after 2004 of the same catchment, and the Don in 2007
// from July on, of which nothing is forecast but that the flow stays as it is.
func TestChancesElsewhere(t *testing.T) {
	h := newHindcast(t)
	m, err := band.New(band.Parameters{Leads: leads, Offset: 1, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	year := *h
	year.chances = true
	year.train, year.test = 240, h.test-365*24
	year.c = &catchment{q: h.c.q[:h.test]}
	d := don(t)
	river := hindcast{c: d, chances: true, train: 1, test: int(time.Date(2007, 7, 1, 0, 0, 0, 0, time.UTC).Sub(d.at[0]).Hours())}
	for _, q := range d.q {
		river.perfect = append(river.perfect, slices.Repeat([]float64{q}, leads))
	}
	for _, x := range []struct {
		name      string
		h         *hindcast
		forecasts [][]float64
	}{{"2005, perfect rain", &year, h.perfect}, {"2005, no further rain", &year, h.dry}, {"the Don, persistence", &river, river.perfect}} {
		t.Run(x.name, func(t *testing.T) {
			past := slices.DeleteFunc(slices.Clone(x.h.c.q[x.h.train:x.h.test]), math.IsNaN)
			slices.Sort(past)
			_, crossings := x.h.play(t, m, x.forecasts, past[len(past)*90/100], past[len(past)*97/100])
			for k := range crossings {
				o := &crossings[k]
				t.Log(o.String())
				// The year before was wetter, and no method that learns from the past can
				// know that: what is asked is an order. (The bands' own bound says 5.2, 2.1,
				// 4.5 and 2.8 times as many as there were in 2005.)
				if o.events > 0 {
					o.judge(t, 3, -0.1)
				} else if o.said > 0.02*o.n {
					t.Errorf("%.0f m³/s: crossings said of %.0f of %.0f forecasts, and there was none", o.threshold, o.said, o.n)
				}
			}
		})
	}
}

// What was told of the past says whether to believe what is told now.
func TestChancesAreJudged(t *testing.T) {
	h := newHindcast(t)
	m, err := band.New(band.Parameters{Leads: leads, Offset: 1, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	s := m.Start()
	for i := h.train; i < len(h.c.q)-leads; i++ {
		if i == h.train+1000 && s.Judged.Calibrated() {
			t.Errorf("after 1,000 hours: %+v", s.Judged)
		}
		m.Step(&s, h.c.q[i], h.perfect[i])
	}
	j := s.Judged
	t.Logf("%+v", j)
	if !j.Calibrated() || j.Forecasts < 4000 {
		t.Errorf("%+v", j)
	}
	if (band.Judged{Forecasts: 5000, Told: 300, Met: 100}).Calibrated() || (band.Judged{Forecasts: 5000, Told: 60, Met: 100}).Calibrated() || !(band.Judged{Forecasts: 5000, Told: 120, Met: 100}).Calibrated() {
		t.Error("three times too many, too few and about as many as there were")
	}
}

// Leads beyond those that follow each other are learnt, and beyond the last the band
// only widens.
func TestFarLeads(t *testing.T) {
	const far, told = 18, 30
	m, err := band.New(band.Parameters{Leads: 4, Far: far, Offset: 1, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	if m.Last() != far {
		t.Fatalf("last lead %d", m.Last())
	}
	s := m.Start()
	var d dice = 3
	walk := 0.0
	for i := range 20000 {
		walk = 0.98*walk + 0.05*d.normal()
		forecast := slices.Repeat([]float64{50 * math.Exp(walk)}, far)
		if i%6 != 0 {
			for l := 4; l < far; l++ {
				forecast[l] = math.NaN()
			}
		}
		m.Step(&s, 50*math.Exp(walk), forecast)
	}
	out := make([]band.Band, told)
	m.Quantiles(&s, [][]float64{slices.Repeat([]float64{50}, told)}, out)
	width := func(l int) float64 {
		return math.Log((out[l-1].Quantile[5] + 1) / (out[l-1].Quantile[1] + 1))
	}
	for _, l := range []int{2, 4, 6, 9, 12, 15, 18, 24, 30} {
		// Of an autoregressive error that stays as it is: variance of 0.05² (1-0.98^2l)/(1-0.98²)
		// and of what the forecast did not fade.
		sigma := 0.0
		for i := range l {
			sigma += 0.05 * 0.05 * math.Pow(0.98, float64(2*i))
		}
		want := 2 * 1.2816 * math.Sqrt(sigma)
		if got := width(l); got < 0.7*want || got > 1.35*want {
			t.Errorf("lead %d: width %.3f of ln flow, want about %.3f", l, got, want)
		}
		if l > 2 && width(l) < 0.85*width(l-1) || out[l-1].Errors < 100 {
			t.Errorf("lead %d: width %.3f after %.3f, of %d errors", l, width(l), width(l-1), out[l-1].Errors)
		}
	}
	by, worst := make([]float64, told), make([]float64, 2)
	c := m.Cross(&s, 50, [][]float64{slices.Repeat([]float64{50}, told)}, slices.Repeat([]float64{60}, told), by, worst)
	if c.Paths < band.FewestPaths || !slices.IsSorted(by) || !(by[told-1] > by[3] && by[3] > 0) {
		t.Errorf("%+v, by lead %v", c, by)
	}
	t.Logf("a state of %d bytes", s.Bytes())
}

// The state of a gauge has a bound that docs/models/band.md names.
func TestAStateIsBounded(t *testing.T) {
	sum := 0
	for _, p := range []band.Parameters{{Leads: 23, Far: 72, Offset: 1}, {Leads: 23, Offset: 1}} {
		m, err := band.New(p)
		if err != nil {
			t.Fatal(err)
		}
		s := m.Start()
		before := s.Bytes()
		forecast := slices.Repeat([]float64{20}, m.Last())
		for range 3000 {
			m.Step(&s, 20, forecast)
		}
		t.Logf("%+v: %d bytes", p, s.Bytes())
		if s.Bytes() != before {
			t.Errorf("%d bytes, after 3,000 steps %d", before, s.Bytes())
		}
		sum += before
	}
	if sum > 600_000 {
		t.Errorf("a gauge takes %d bytes: want no more than 0.6 MB", sum)
	}
}

// A level is learnt as it is, and may be below 0.
func TestALevelIsLearntAsItIs(t *testing.T) {
	m, err := band.New(band.Parameters{Leads: 2, Linear: true, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	s := m.Start()
	var d dice = 5
	for range 5000 {
		m.Step(&s, -3+0.1*d.normal(), []float64{-3, -3})
	}
	out := make([]band.Band, 2)
	m.Quantiles(&s, [][]float64{{-3, -3}}, out)
	for j, p := range band.Levels {
		if got, want := out[1].Quantile[j]+3, 0.1*normalQuantile(p); math.Abs(got-want) > 0.04 {
			t.Errorf("level %g: %g m, want about %g", p, got, want)
		}
	}
}
