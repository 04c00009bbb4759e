package reservoir_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast/reservoir"
)

func gated(step time.Duration) reservoir.Options {
	return reservoir.Options{
		Curve: []reservoir.Point{{Level: 40, Volume: 10}, {Level: 60, Volume: 110}},
		Outlets: []reservoir.Outlet{
			{Name: "spillway", Kind: reservoir.Weir, Level: 55, Width: 40, Coefficient: 1.84},
			{Name: "gate", Kind: reservoir.Gate, Level: 45, Width: 12, Height: 5, Coefficient: 0.62},
			{Name: "power", Kind: reservoir.Turbines, Level: 47, Capacity: 30},
		},
		Step: step,
	}
}

func TestSettingsBecomeOrders(t *testing.T) {
	r := make1(t, gated(time.Hour))
	got, err := r.Orders([]reservoir.Setting{{-5, "gate", 1}, {-5, "power", 0.5}, {10, "gate", 2}, {20, "power", 0}, {20, "gate", 0}, {99, "gate", 5}}, 0, 50)
	if err != nil {
		t.Fatal(err)
	}
	want := []reservoir.Order{
		{From: 0, Until: 10, Openings: []float64{1, 1, 0.5}}, {From: 10, Until: 20, Openings: []float64{1, 2, 0.5}}, {From: 20, Until: 50, Openings: []float64{1, 0, 0}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for want, s := range map[string][]reservoir.Setting{
		`setting 1: no outlet "x"`:                          {{0, "x", 1}},
		`setting 1: outlet "spillway": nobody can close it`: {{0, "spillway", 1}},
		`setting 2: outlet "gate" set to 5.1: want 0 to 5`:  {{0, "gate", 5}, {1, "gate", 5.1}},
		`setting 1: outlet "power" set to 1.5: want 0 to 1`: {{0, "power", 1.5}},
		`setting 2 at 3 ms, before setting 1 at 4 ms`:       {{4, "gate", 1}, {3, "gate", 1}},
	} {
		if _, err := r.Orders(s, 0, 50); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if diff := cmp.Diff([]string{"gate", "power"}, r.Closable()); diff != "" {
		t.Errorf("closable (-want +got):\n%s", diff)
	}
}

// However the gates are moved, within steps too, storage changes by what comes in
// less what goes out; without a stronger binding the outflow is what the outlets
// asked for, between what flows freely and all that can.
func TestWithGatesNoWaterIsLostOrMade(t *testing.T) {
	planned := 0
	rapid.Check(t, func(t *rapid.T) {
		o := gated(rapid.SampledFrom(steps).Draw(t, "step"))
		r, err := reservoir.New(o)
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(1, 48).Draw(t, "steps")
		end := int64(n) * o.Step.Milliseconds()
		settings := []reservoir.Setting{}
		for at := int64(0); at < end && len(settings) < 40; at += rapid.Int64Range(1, end).Draw(t, "later") {
			if rapid.Bool().Draw(t, "gate") {
				settings = append(settings, reservoir.Setting{at, "gate", rapid.Float64Range(0, 5).Draw(t, "m")})
			} else {
				settings = append(settings, reservoir.Setting{at, "power", rapid.Float64Range(0, 1).Draw(t, "share")})
			}
		}
		plan, err := r.Orders(settings, 0, end)
		if err != nil {
			t.Fatal(err)
		}
		inflow := rapid.SliceOfN(rapid.Float64Range(0, 800), n, n).Draw(t, "inflow")
		s, err := r.Start(0, rapid.Float64Range(44, 59).Draw(t, "level"), inflow[0])
		if err != nil {
			t.Fatal(err)
		}
		out := make([]reservoir.Step, n)
		if _, err := r.Route(s, reservoir.Inputs{Inflow: inflow, Plan: plan}, out); err != nil {
			t.Fatal(err)
		}
		volume, before, level := s.Volume, s.Inflow, r.Level(s.Volume)
		for i, x := range out {
			came, went := (before+inflow[i])/2*o.Step.Seconds(), x.Outflow*o.Step.Seconds()
			if off := (x.Volume-volume)*1e6 - (came - went); math.Abs(off) > 1e-9*max(came, went, volume*1e6) {
				t.Fatalf("step %d: storage is off by %g m³", i, off)
			}
			if x.Bound == reservoir.ByPlan {
				planned++
				all, _ := r.Capacity(max(level, x.Level) + 1)
				if math.Abs(x.Outflow-x.Asked) > 1e-6*(1+x.Asked) || x.Outflow > all {
					t.Fatalf("step %d: %+v as planned, at most %g m³/s", i, x, all)
				}
			}
			volume, before, level = x.Volume, inflow[i], x.Level
		}
	})
	if planned == 0 {
		t.Error("no step followed its plan")
	}
}
