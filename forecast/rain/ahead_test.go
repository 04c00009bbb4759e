package rain_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast/rain"
)

func TestInverseDistanceIsTheGaugesValueAtTheGauge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.Custom(func(t *rapid.T) rain.Place {
			return rain.Place{Lon: rapid.Float64Range(112, 113).Draw(t, "lon"), Lat: rapid.Float64Range(22, 23).Draw(t, "lat")}
		})
		gauges := rapid.SliceOfNDistinct(place, 1, 8, func(p rain.Place) rain.Place { return p }).Draw(t, "gauges")
		at := rapid.IntRange(0, len(gauges)-1).Draw(t, "at")
		w, err := rain.NewIDW(gauges[at:at+1], gauges, 0, rapid.Float64Range(0.5, 6).Draw(t, "power"))
		if err != nil {
			t.Fatal(err)
		}
		depth := rapid.SliceOfN(rapid.Float64Range(0, 100), len(gauges), len(gauges)).Draw(t, "depth")
		if v := w.Weights().Areal(depth); v.Rain != depth[at] || v.Coverage != 1 {
			t.Fatalf("%g mm at coverage %g, the gauge has %g mm", v.Rain, v.Coverage, depth[at])
		}
		// Anywhere, it lies between the lowest and the highest gauge.
		w, err = rain.NewIDW(rapid.SliceOfN(place, 1, 20).Draw(t, "points"), gauges, 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, d := range depth {
			lo, hi = min(lo, d), max(hi, d)
		}
		if v := w.Weights().Areal(depth); v.Rain < lo-1e-9 || v.Rain > hi+1e-9 {
			t.Fatalf("%g mm of gauges from %g to %g mm", v.Rain, lo, hi)
		}
	})
}

func TestInverseDistanceByHand(t *testing.T) {
	// On a meridian, 1 and 3 tenths of a degree away: weights 9 to 1 at power 2.
	point := []rain.Place{{Lon: 112, Lat: 22}}
	gauges := []rain.Place{{Lon: 112, Lat: 22.1}, {Lon: 112, Lat: 21.7}}
	w, err := rain.NewIDW(point, gauges, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	share, coverage := w.Weights().For([]bool{true, true})
	if diff := cmp.Diff([]float64{0.9, 0.1}, share, cmpopts.EquateApprox(0, 1e-9)); diff != "" || coverage != 1 {
		t.Errorf("coverage %g\n%s", coverage, diff)
	}
	if share, _ = w.Weights().For([]bool{false, true}); share[0] != 0 || share[1] != 1 {
		t.Errorf("with the nearer one silent: %g", share)
	}
	if w, err = rain.NewIDW(point, gauges, 20, 2); err != nil {
		t.Fatal(err)
	}
	if share, coverage = w.Weights().For([]bool{false, true}); share[1] != 0 || coverage != 0 {
		t.Errorf("beyond its reach a gauge weighs %g at coverage %g", share[1], coverage)
	}
}

func TestSpreadKeepsTheDepth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 50), 0, 40).Draw(t, "values")
		valueMS, stepMS := int64(rapid.IntRange(1, 200).Draw(t, "value min"))*minute, int64(rapid.IntRange(1, 90).Draw(t, "step min"))*minute
		from := int64(rapid.IntRange(-300, 300).Draw(t, "from min")) * minute
		first := int64(0)
		if from < 0 {
			first = from / stepMS * stepMS
			for first > from {
				first -= stepMS
			}
		}
		end := max(first, from+int64(len(values))*valueMS)
		depth := make([]float64, (end-first+stepMS-1)/stepMS)
		rain.Spread(values, from, valueMS, first, stepMS, depth)
		want, got := 0.0, 0.0
		for _, v := range values {
			want += v
		}
		for _, d := range depth {
			got += d
		}
		if math.Abs(want-got) > 1e-9*(1+want) {
			t.Fatalf("%g mm were forecast, %g mm are in the steps", want, got)
		}
		// A window of it holds the same steps.
		if n := len(depth); n > 2 {
			part := make([]float64, n-2)
			rain.Spread(values, from, valueMS, first+stepMS, stepMS, part)
			if diff := cmp.Diff(depth[1:n-1], part, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func TestCellsShareACatchment(t *testing.T) {
	// Four points at 112.0 to 112.3.
	for _, c := range []struct {
		name     string
		cells    []rain.Cell
		share    []float64
		coverage float64
	}{
		{"no cell", nil, []float64{}, 0},
		{"one holds all", []rain.Cell{rain.Box(112, 21, 113, 23)}, []float64{1}, 1},
		{"the eastern edge is outside", []rain.Cell{rain.Box(112, 21, 112.1, 23), rain.Box(112.1, 21, 113, 23)}, []float64{0.25, 0.75}, 1},
		{"of two the first", []rain.Cell{rain.Box(112, 21, 112.15, 23), rain.Box(112, 21, 113, 23)}, []float64{0.5, 0.5}, 1},
		{"what none holds takes the mean of the others", []rain.Cell{rain.Box(112, 21, 112.05, 23), rain.Box(112.05, 21, 112.15, 23)}, []float64{0.5, 0.5}, 0.5},
		{"elsewhere", []rain.Cell{rain.Box(22, 112, 23, 113)}, []float64{0}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			share, coverage := rain.Shares(points, c.cells)
			if diff := cmp.Diff(c.share, share); diff != "" || coverage != c.coverage {
				t.Errorf("coverage %g, want %g\n%s", coverage, c.coverage, diff)
			}
		})
	}
}

func TestGaugesOfASiteMerge(t *testing.T) {
	authority, other, third := []float64{1, nan, nan, 4}, []float64{9, 2, nan, 9}, []float64{8, 8, 3, 8}
	got := make([]float64, 4)
	rain.Merge(got, authority, other, third)
	if diff := cmp.Diff([]float64{1, 2, 3, 4}, got); diff != "" {
		t.Error(diff)
	}
	rain.Merge(authority, authority, other)
	if diff := cmp.Diff([]float64{1, 2, nan, 4}, authority, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestDisagreementIsOfTheLatestCommonHour(t *testing.T) {
	limit := rain.Limit{MM: 5, Share: 0.3}
	for _, c := range []struct {
		name         string
		a, b         []float64
		sumA, sumB   float64
		last         int
		ok, disagree bool
	}{
		{"agree", []float64{9, 1, 1, 1, 1}, []float64{0, 1, 1, 1, 2}, 4, 5, 4, true, false},
		{"beyond both limits", []float64{0, 5, 5, 5, 5}, []float64{0, 1, 1, 1, 1}, 20, 4, 4, true, true},
		{"more than 5 mm, less than 30 %", []float64{0, 10, 10, 10, 10}, []float64{0, 8, 8, 8, 8}, 40, 32, 4, true, false},
		{"more than 30 %, less than 5 mm", []float64{0, 1, 1, 1, 1}, []float64{0, 0, 0, 0, 0}, 4, 0, 4, true, false},
		{"the newest step is not in yet", []float64{5, 5, 5, 5, nan}, []float64{1, 1, 1, 1, 1}, 20, 4, 3, true, true},
		{"a hole in it", []float64{5, 5, nan, 5, 5}, []float64{1, 1, 1, 1, 1}, 0, 0, 0, false, false},
		{"one never reported", []float64{5, 5, 5, 5, 5}, []float64{nan, nan, nan, nan, nan}, 0, 0, 0, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, last, ok, disagree := rain.Disagreement(c.a, c.b, 4, 3, limit)
			if a != c.sumA || b != c.sumB || last != c.last || ok != c.ok || disagree != c.disagree {
				t.Errorf("%g and %g mm, last %d, ok %v, disagree %v; want %g and %g, %d, %v, %v", a, b, last, ok, disagree, c.sumA, c.sumB, c.last, c.ok, c.disagree)
			}
		})
	}
	old := []float64{5, 5, 5, 5, nan, nan, nan}
	if _, _, _, ok, _ := rain.Disagreement(old, old, 4, 3, limit); ok {
		t.Error("an hour that ended three steps ago was compared within three")
	}
}

func ExampleNewIDW() {
	points := []rain.Place{{Lon: 112.0, Lat: 22}, {Lon: 112.1, Lat: 22}}
	gauges := []rain.Place{{Lon: 112.0, Lat: 22}, {Lon: 112.2, Lat: 22}}
	idw, err := rain.NewIDW(points, gauges, 0, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	w := idw.Weights()
	v := w.Areal([]float64{12, 4}) // the first point is at the first gauge, the second half-way
	fmt.Printf("%.1f mm, coverage %.0f %%, %d missing\n", v.Rain, 100*v.Coverage, v.Missing)
	v = w.Areal([]float64{math.NaN(), 4})
	fmt.Printf("%.1f mm, coverage %.0f %%, %d missing\n", v.Rain, 100*v.Coverage, v.Missing)
	// Output:
	// 10.0 mm, coverage 100 %, 0 missing
	// 4.0 mm, coverage 100 %, 1 missing
}

func ExampleSpread() {
	hour := time.Hour.Milliseconds()
	steps := make([]float64, 4)
	rain.Spread([]float64{6, 2}, 0, hour, 0, hour/2, steps)
	fmt.Println(steps)
	// Output: [3 3 1 1]
}

func BenchmarkIDW(b *testing.B) {
	var points, gauges []rain.Place
	for i := range 100 {
		points = append(points, rain.Place{Lon: 112 + float64(i%10)/50, Lat: 22 + float64(i/10)/50})
	}
	for i := range 30 {
		gauges = append(gauges, rain.Place{Lon: 112 + float64(i%6)/25, Lat: 22 + float64(i/6)/25})
	}
	w, err := rain.NewIDW(points, gauges, 0, 2)
	if err != nil {
		b.Fatal(err)
	}
	weights, depth := w.Weights(), make([]float64, len(gauges))
	b.Run("points=100/gauges=30/set=changes", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			depth[i%len(depth)] = nan
			weights.Areal(depth)
			depth[i%len(depth)] = 1
		}
	})
}
