package rating_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/rating"
)

// Laws that meet come back from what they give, whatever they are, and meet.
func TestLawsAreFoundBackAndMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 3).Draw(t, "ranges")
		low := rapid.Float64Range(-2, 50).Draw(t, "low")
		var breaks, h0, b []float64
		for i := range k {
			if i > 0 {
				breaks = append(breaks, low+2*float64(i))
			}
			h0 = append(h0, low+2*float64(i)-rapid.Float64Range(0.05, 2).Draw(t, "depth"))
			b = append(b, rapid.Float64Range(0.8, 3).Draw(t, "exponent"))
		}
		c := rapid.Float64Range(0.5, 200).Draw(t, "c")
		q := func(h float64) float64 { // law after law, each from the end of the one before
			flow, from := c, low
			for i := range k {
				to := math.Inf(1)
				if i < k-1 {
					to = breaks[i]
				}
				flow *= math.Pow((min(h, to)-h0[i])/(from-h0[i]), b[i])
				if h <= to {
					break
				}
				from = to
			}
			return flow
		}
		var pairs []rating.Pair
		for i := range 20 * k {
			h := low + 2*float64(k)*float64(i)/float64(20*k-1)
			pairs = append(pairs, rating.Pair{Level: h, Discharge: q(h), Weight: rapid.Float64Range(0.5, 3).Draw(t, "weight")})
		}
		laws, rest, err := rating.FitLaws(pairs, breaks, h0)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range laws {
			if math.Abs(r.B/b[i]-1) > 1e-6 || rest > 1e-9 {
				t.Fatalf("range %d: exponent %g, want %g; rest %g", i, r.B, b[i], rest)
			}
			if i > 0 {
				before := laws[i-1]
				x, y := before.C*math.Pow(before.High-before.H0, before.B), r.C*math.Pow(r.Low-r.H0, r.B)
				if math.Abs(x/y-1) > 1e-9 {
					t.Fatalf("at %g m %g and %g m³/s", r.Low, x, y)
				}
			}
		}
	})
}

func TestAFitOfLawsIsRefusedWithNumbers(t *testing.T) {
	good := []rating.Pair{{1, 1, 1}, {2, 2, 1}, {3, 3, 1}, {4, 4, 1}}
	for name, c := range map[string]struct {
		pairs      []rating.Pair
		breaks, h0 []float64
		says       string
	}{
		"no flow":         {[]rating.Pair{{1, 0, 1}}, nil, []float64{0}, "pair 1 (1 m, 0 m³/s"},
		"h0 in the range": {good, nil, []float64{1}, "h0 = 1 m"},
		"breaks":          {good, []float64{2}, []float64{0}, "1 levels of zero flow and 1 breaks"},
		"too few levels":  {good, []float64{3.5}, []float64{0, 0}, "range 2 (3.5 to 4 m): 1 different levels"},
		"a falling curve": {[]rating.Pair{{1, 3, 1}, {2, 2, 1}, {3, 1, 1}}, nil, []float64{0}, "b = -"},
	} {
		if _, _, err := rating.FitLaws(c.pairs, c.breaks, c.h0); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
