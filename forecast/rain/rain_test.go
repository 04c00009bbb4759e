package rain_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/forecast/rain"
)

var (
	nan    = math.NaN()
	minute = time.Minute.Milliseconds()
	// Four points in a row, and a gauge near each end.
	points = []rain.Place{{Lon: 112.0, Lat: 22}, {Lon: 112.1, Lat: 22}, {Lon: 112.2, Lat: 22}, {Lon: 112.3, Lat: 22}}
	gauges = []rain.Place{{Lon: 112.01, Lat: 22}, {Lon: 112.22, Lat: 22}}
)

func TestDistanceIsThatOfTheSphere(t *testing.T) {
	// One degree along a meridian of a sphere of 6371.0088 km.
	if got, want := rain.Distance(rain.Place{Lon: 112, Lat: 22}, rain.Place{Lon: 112, Lat: 23}), 6371.0088*math.Pi/180; math.Abs(got-want) > 1e-9 {
		t.Errorf("%g km, want %g", got, want)
	}
}

func TestWeightsFollowWhatReports(t *testing.T) {
	for _, c := range []struct {
		name     string
		reach    float64
		live     []bool
		share    []float64
		coverage float64
	}{
		{"both report", 0, []bool{true, true}, []float64{0.5, 0.5}, 1},
		{"one fell silent", 0, []bool{true, false}, []float64{1, 0}, 1},
		{"none reports", 0, []bool{false, false}, []float64{0, 0}, 0},
		{"a gauge speaks only for what is in reach", 12, []bool{true, false}, []float64{1, 0}, 0.5},
		{"no gauge in reach of a point", 5, []bool{true, true}, []float64{0.5, 0.5}, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			th, err := rain.New(points, gauges, c.reach)
			if err != nil {
				t.Fatal(err)
			}
			share, coverage := th.Weights().For(c.live)
			if diff := cmp.Diff(c.share, share); diff != "" || coverage != c.coverage {
				t.Errorf("coverage %g, want %g; shares (-want +got):\n%s", coverage, c.coverage, diff)
			}
		})
	}
}

func TestSharesSumToOneAndKeptWeightsAreFresh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.Custom(func(t *rapid.T) rain.Place {
			return rain.Place{Lon: rapid.Float64Range(112, 113).Draw(t, "lon"), Lat: rapid.Float64Range(22, 23).Draw(t, "lat")}
		})
		points, gauges := rapid.SliceOfN(place, 1, 40).Draw(t, "points"), rapid.SliceOfN(place, 0, 8).Draw(t, "gauges")
		reach := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 60)).Draw(t, "reach")
		var th rain.Method
		var err error
		if rapid.Bool().Draw(t, "idw") {
			th, err = rain.NewIDW(points, gauges, reach, rapid.Float64Range(0.5, 6).Draw(t, "power"))
		} else {
			th, err = rain.New(points, gauges, reach)
		}
		if err != nil {
			t.Fatal(err)
		}
		kept := th.Weights()
		for range 5 {
			live := rapid.SliceOfN(rapid.Bool(), th.Gauges(), th.Gauges()).Draw(t, "live")
			share, coverage := kept.For(live)
			fresh, freshCoverage := th.Weights().For(live)
			if diff := cmp.Diff(fresh, share); diff != "" || coverage != freshCoverage {
				t.Fatalf("kept weights are stale: %s", diff)
			}
			depth := make([]float64, len(live))
			want, missing := 0.0, 0
			for g, l := range live {
				depth[g] = float64(g + 1)
				if !l {
					depth[g] = nan
					missing++
				} else {
					want += share[g] * depth[g]
				}
			}
			if v := kept.Areal(depth); math.Abs(v.Rain-want) > 1e-12 || v.Coverage != coverage || v.Missing != missing {
				t.Fatalf("areal rain %+v, want %g mm at coverage %g without %d gauges", v, want, coverage, missing)
			}
			sum := 0.0
			for g, v := range share {
				sum += v
				if v > 0 && !live[g] {
					t.Fatalf("gauge %d is silent and weighs %g", g, v)
				}
			}
			if coverage > 0 && math.Abs(sum-1) > 1e-12 || coverage == 0 && sum != 0 {
				t.Fatalf("shares sum to %g at coverage %g", sum, coverage)
			}
		}
	})
}

func TestRainIsProratedToSteps(t *testing.T) {
	s := func(at int64, interval time.Duration, mm float64) rain.Report {
		return rain.Report{At: at * minute, Length: interval.Milliseconds(), MM: mm}
	}
	for _, c := range []struct {
		name    string
		reports []rain.Report
		want    []float64
		latest  int64
	}{
		{"nothing reported", nil, []float64{nan, nan, nan, nan, nan, nan}, 0},
		{"an hour is spread", []rain.Report{s(20, time.Hour, 12)}, []float64{1, 1, 1, 1, nan, nan}, 20},
		{"finer than the step is summed", []rain.Report{s(3, 3*time.Minute, 1), s(5, 2*time.Minute, 2)}, []float64{3, nan, nan, nan, nan, nan}, 5},
		{"an interval across a border is cut", []rain.Report{s(7, 10*time.Minute, 10)}, []float64{5, nan, nan, nan, nan, nan}, 7},
		{"most of a step stands for all of it", []rain.Report{s(4, 4*time.Minute, 4)}, []float64{5, nan, nan, nan, nan, nan}, 4},
		{"what is not reported is a hole", []rain.Report{s(5, 5*time.Minute, 1), s(15, 5*time.Minute, 2)}, []float64{1, nan, 2, nan, nan, nan}, 15},
		{"what is told twice counts once", []rain.Report{s(5, 5*time.Minute, 1), s(10, 5*time.Minute, 1), s(15, 15*time.Minute, 6)}, []float64{1, 1, 2, nan, nan, nan}, 15},
		{"what is later than the limit is not seen", []rain.Report{s(25, 5*time.Minute, 1), s(30, 5*time.Minute, 1)}, []float64{nan, nan, nan, nan, 1, nan}, 25},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make([]float64, 6)
			latest := rain.Prorate(slices.Values(c.reports), 0, 5*minute, 27*minute, got)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
				t.Error(diff)
			}
			if latest != c.latest*minute {
				t.Errorf("latest %d min, want %d", latest/minute, c.latest)
			}
		})
	}
}

func TestProratingKeepsTheDepthOfGaplessRain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := int64(rapid.IntRange(1, 20).Draw(t, "step")) * minute
		var reports []rain.Report
		var at int64
		total := 0.0
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			length := int64(rapid.IntRange(1, 90).Draw(t, "length"))
			at += length * minute
			mm := rapid.Float64Range(0, 30).Draw(t, "mm")
			total += mm
			reports = append(reports, rain.Report{At: at, Length: length * minute, MM: mm})
		}
		depth := make([]float64, (at+step-1)/step)
		// The last step may be covered in part; a dry report completes it.
		end := int64(len(depth)) * step
		if end > at {
			reports = append(reports, rain.Report{At: end, Length: end - at})
		}
		rain.Prorate(slices.Values(reports), 0, step, end, depth)
		sum := 0.0
		for _, d := range depth {
			sum += d
		}
		if math.Abs(sum-total) > 1e-9*(1+total) {
			t.Fatalf("%g mm fell, %g mm in steps", total, sum)
		}
	})
}

func TestBadGeometryIsRefused(t *testing.T) {
	if _, err := rain.New(nil, gauges, 0); err == nil {
		t.Error("no points accepted")
	}
	if _, err := rain.New(points, gauges, -1); err == nil {
		t.Error("a negative reach accepted")
	}
	for _, power := range []float64{0, -1, 7, nan, math.Inf(1)} {
		if _, err := rain.NewIDW(points, gauges, 0, power); err == nil {
			t.Errorf("power %g accepted", power)
		}
	}
	if _, err := rain.NewIDW(nil, gauges, 0, 2); err == nil {
		t.Error("no points accepted by inverse distance")
	}
	if _, err := rain.NewIDW(points, []rain.Place{{Lon: 0, Lat: nan}}, 0, 2); err == nil {
		t.Error("a gauge that is no place accepted by inverse distance")
	}
	if _, err := rain.New([]rain.Place{{Lon: nan, Lat: 0}}, gauges, 0); err == nil {
		t.Error("a point that is no place accepted")
	}
}
