package bench

import (
	"errors"
	"testing"
	"time"

	"freshet/internal/hydro"
)

func routeOptions() RouteOptions {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return RouteOptions{
		Reaches: 2000, Steps: 288, Method: "mct", Flow: "flood", Step: 5 * time.Minute, Workers: 1, Tile: 48, Seed: 1,
		Now: func() time.Time { now = now.Add(time.Second); return now },
		CPU: func() time.Duration { return 0 },
	}
}

func TestRouteCarriesTheStormToTheOutletWithAnyNumberOfWorkers(t *testing.T) {
	for _, method := range []string{"muskingum", "cunge", "mct"} {
		o := routeOptions()
		o.Method = method
		one, err := Route(o)
		if err != nil {
			t.Fatal(err)
		}
		o.Workers = 3
		three, err := Route(o)
		if err != nil {
			t.Fatal(err)
		}
		if one.PeakFlow != three.PeakFlow || one.Iterations != three.Iterations || one.Limited != three.Limited || one.Abandoned != three.Abandoned {
			t.Errorf("%s: one worker %+v, three %+v", method, one, three)
		}
		o.Flow = "low"
		low, err := Route(o)
		if err != nil {
			t.Fatal(err)
		}
		if low.PeakFlow < 1 || one.PeakFlow < 10*low.PeakFlow {
			t.Errorf("%s: peak flow %g m³/s at low flow, %g m³/s in a flood", method, low.PeakFlow, one.PeakFlow)
		}
		if want := 1e9 / (2000.0 * 288); one.NsPer != want || one.PerSecond != 2000*288 { // the clock gives a second
			t.Errorf("%s: %g ns per reach-step, want %g", method, one.NsPer, want)
		}
		if one.Unconverged != 0 || one.Clipped != 0 {
			t.Errorf("%s: %+v", method, one)
		}
	}
}

func TestWrongRouteOptionsAreInvalid(t *testing.T) {
	for name, spoil := range map[string]func(*RouteOptions){
		"reaches": func(o *RouteOptions) { o.Reaches = 0 },
		"steps":   func(o *RouteOptions) { o.Steps = 0 },
		"method":  func(o *RouteOptions) { o.Method = "kinematic" },
		"flow":    func(o *RouteOptions) { o.Flow = "high" },
		"step":    func(o *RouteOptions) { o.Step = 0 },
		"workers": func(o *RouteOptions) { o.Workers = 0 },
		"tile":    func(o *RouteOptions) { o.Tile = 0 },
		"clock":   func(o *RouteOptions) { o.Now = nil },
	} {
		o := routeOptions()
		spoil(&o)
		if _, err := Route(o); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSyntheticRiversAreMostlyHeadwatersAndHaveALongMainStem(t *testing.T) {
	const n = 20000
	r, err := NewRivers(n, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := NewRivers(n, 1)
	if err != nil {
		t.Fatal(err)
	}
	heads, longest, depth := 0, 0, make([]int, n)
	for k := n - 1; k >= 0; k-- {
		if r.Channels[k] != again.Channels[k] {
			t.Fatalf("reach %d differs from run to run", k)
		}
		if r.Tree.Upstream(k) == 0 {
			heads++
		}
		if d := r.Tree.Downstream(k); d >= 0 {
			depth[k] = depth[d] + 1
			longest = max(longest, depth[k])
		}
	}
	t.Logf("%d of %d are headwaters, the longest river has %d reaches, %d rows", heads, n, longest, r.Tree.Rows())
	if heads < n/5 || heads > n/2 || longest < 200 || r.Tree.Rows() < 4 {
		t.Errorf("%d of %d are headwaters, the longest river has %d reaches, %d rows", heads, n, longest, r.Tree.Rows())
	}
}
