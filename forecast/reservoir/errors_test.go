package reservoir_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast/rating"
	"freshet/forecast/reservoir"
)

func TestBadReservoirsAreRefusedWithTheirNumbers(t *testing.T) {
	outlet := func(f func(*reservoir.Outlet)) func(*reservoir.Options) {
		return func(o *reservoir.Options) { f(&o.Outlets[0]) }
	}
	for name, c := range map[string]struct {
		want  string
		spoil func(*reservoir.Options)
	}{
		"no step":            {"step 0s", func(o *reservoir.Options) { o.Step = 0 }},
		"half a millisecond": {"want whole milliseconds", func(o *reservoir.Options) { o.Step = 1500 * time.Microsecond }},
		"one point":          {"1 points", func(o *reservoir.Options) { o.Curve = o.Curve[:1] }},
		"falling curve": {"must rise", func(o *reservoir.Options) {
			o.Curve = []reservoir.Point{{Level: 60, Volume: 5}, {Level: 70, Volume: 4}}
		}},
		"crest above curve":  {"crest at 101 m", func(o *reservoir.Options) { o.Crest = 101 }},
		"crest below curve":  {"crest at 60 m", func(o *reservoir.Options) { o.Crest = 60 }},
		"no outlet":          {"no outlet", func(o *reservoir.Options) { o.Outlets = nil }},
		"kind unknown":       {`outlet 1 "spillway": kind 0 is not known`, outlet(func(o *reservoir.Outlet) { o.Kind = 0 })},
		"outlet below curve": {"begins at 59 m", outlet(func(o *reservoir.Outlet) { o.Level = 59 })},
		"NaN sill":           {"Level = NaN m: want -500 to 9000", outlet(func(o *reservoir.Outlet) { o.Level = math.NaN() })},
		"no width":           {"Width = 0 m: want > 0", outlet(func(o *reservoir.Outlet) { o.Width = 0 })},
		"infinite width":     {"Width = +Inf m", outlet(func(o *reservoir.Outlet) { o.Width = math.Inf(1) })},
		"weir with area":     {"Area = 3 m²: a weir has none", outlet(func(o *reservoir.Outlet) { o.Area = 3 })},
		"weir with points":   {"1 points of a weir", outlet(func(o *reservoir.Outlet) { o.Points = make([]rating.Point, 1) })},
		"curve without":      {"0 points of a curve", outlet(func(o *reservoir.Outlet) { *o = reservoir.Outlet{Kind: reservoir.Curve} })},
		"curve of one point": {"1 points", outlet(func(o *reservoir.Outlet) {
			*o = reservoir.Outlet{Kind: reservoir.Curve, Points: make([]rating.Point, 1)}
		})},
		"curve with a leap": {"2 m³/s at its first point, 70 m: want 0", outlet(func(o *reservoir.Outlet) {
			*o = reservoir.Outlet{Kind: reservoir.Curve, Points: []rating.Point{{Level: 70, Discharge: 2}, {Level: 80, Discharge: 3}}}
		})},
		"coefficient too big": {"Coefficient = 5", outlet(func(o *reservoir.Outlet) { o.Coefficient = 5 })},
		"rule unknown":        {"rule 9 is not known", func(o *reservoir.Options) { o.Rules.Otherwise = 9 }},
		"level out of reach":  {"level to keep 99 m: want 60 to 98 m", func(o *reservoir.Options) { o.Rules.Otherwise, o.Rules.Level = reservoir.KeepLevel, 99 }},
		"negative approach":   {"Approach = -3600 s: want >= 0", func(o *reservoir.Options) { o.Rules.Approach = -time.Hour }},
		"negative limit":      {"Downstream = -1 m³/s: want >= 0", func(o *reservoir.Options) { o.Rules.Downstream = -1 }},
		"infinite limit":      {"Downstream = +Inf m³/s", func(o *reservoir.Options) { o.Rules.Downstream = math.Inf(1) }},
		"limit until NaN":     {"DownstreamUntil = NaN m", func(o *reservoir.Options) { o.Rules.DownstreamUntil = math.NaN() }},
	} {
		t.Run(name, func(t *testing.T) {
			o := dam(reservoir.Rules{}, time.Hour)
			c.spoil(&o)
			if _, err := reservoir.New(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestBadInputsAreRefusedWithTheirNumbers(t *testing.T) {
	order := func(o reservoir.Order) []reservoir.Order { return []reservoir.Order{o} }
	for name, c := range map[string]struct {
		want  string
		spoil func(*reservoir.State, *reservoir.Inputs)
	}{
		"negative inflow":     {"inflow -1 m³/s after 10 in step 2", func(_ *reservoir.State, in *reservoir.Inputs) { in.Inflow[1] = -1 }},
		"NaN inflow":          {"inflow NaN m³/s", func(_ *reservoir.State, in *reservoir.Inputs) { in.Inflow[0] = math.NaN() }},
		"overfull":            {"storage 500·10⁶ m³: want 10 to 370·10⁶ m³", func(s *reservoir.State, _ *reservoir.Inputs) { s.Volume = 500 }},
		"negative storage":    {"storage -1·10⁶ m³", func(s *reservoir.State, _ *reservoir.Inputs) { s.Volume = -1 }},
		"negative hold":       {"held release -2 m³/s", func(_ *reservoir.State, in *reservoir.Inputs) { in.Hold = -2 }},
		"negative local flow": {"local flow -3 m³/s in step 1", func(_ *reservoir.State, in *reservoir.Inputs) { in.Local = []float64{-3, 0} }},
		"negative release": {"order 1: release -4 m³/s", func(_ *reservoir.State, in *reservoir.Inputs) {
			in.Plan = order(reservoir.Order{Until: 1, Release: -4})
		}},
		"order backwards": {"order 1 ends at 1 ms", func(_ *reservoir.State, in *reservoir.Inputs) { in.Plan = order(reservoir.Order{From: 2, Until: 1}) }},
		"orders overlap": {"order 2 begins at 4 ms", func(_ *reservoir.State, in *reservoir.Inputs) {
			in.Plan = []reservoir.Order{{Until: 5}, {From: 4, Until: 9}}
		}},
		"openings too few": {"1 openings for 5 outlets", func(_ *reservoir.State, in *reservoir.Inputs) {
			in.Plan = order(reservoir.Order{Until: 1, Openings: []float64{1}})
		}},
		"gate too wide": {`outlet 2 "gates" set to 9: want 0 to 8`, func(_ *reservoir.State, in *reservoir.Inputs) {
			in.Plan = order(reservoir.Order{Until: 1, Openings: []float64{1, 9, 0, 0, 1}})
		}},
		"no gate there": {`outlet 1 "spillway" set to 0: want 1 to 1`, func(_ *reservoir.State, in *reservoir.Inputs) {
			in.Plan = order(reservoir.Order{Until: 1, Openings: []float64{0, 0, 0, 0, 1}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := make1(t, dam(reservoir.Rules{Downstream: 100}, time.Hour))
			s := start(t, r, 80, 10)
			in := reservoir.Inputs{Inflow: []float64{10, 10}}
			c.spoil(&s, &in)
			if _, err := r.Route(s, in, make([]reservoir.Step, 2)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
	r := make1(t, dam(reservoir.Rules{}, time.Hour))
	if _, err := r.Start(0, 99, 0); err == nil || !strings.Contains(err.Error(), "level 99 m: want 60 to 98 m") {
		t.Errorf("a level above the crest gives %v", err)
	}
	if _, err := r.Start(0, 80, -1); err == nil || !strings.Contains(err.Error(), "inflow -1 m³/s") {
		t.Errorf("a negative inflow gives %v", err)
	}
}

func TestAPondTooSmallForTheStepIsRefused(t *testing.T) {
	r := make1(t, reservoir.Options{
		Curve:   []reservoir.Point{{Level: 0, Volume: 0}, {Level: 2, Volume: 1e-6}}, // a bathtub
		Outlets: []reservoir.Outlet{{Name: "flume", Kind: reservoir.Weir, Level: 0.5, Width: 10, Coefficient: 1.7}},
		Step:    time.Hour,
	})
	_, err := r.Route(start(t, r, 1, 0), reservoir.Inputs{Inflow: []float64{5}}, make([]reservoir.Step, 1))
	if err == nil || !strings.Contains(err.Error(), "within 3600 s: the step is too long for it") {
		t.Errorf("got %v", err)
	}
}

func TestWrongShapesPanic(t *testing.T) {
	r := make1(t, dam(reservoir.Rules{}, time.Hour))
	s := start(t, r, 80, 10)
	for name, f := range map[string]func(){
		"steps": func() { _, _ = r.Route(s, reservoir.Inputs{Inflow: make([]float64, 2)}, make([]reservoir.Step, 1)) },
		"limit": func() {
			_, _ = r.Route(s, reservoir.Inputs{Inflow: make([]float64, 2), Limit: make([]float64, 1)}, make([]reservoir.Step, 2))
		},
		"local": func() {
			_, _ = r.Route(s, reservoir.Inputs{Inflow: make([]float64, 2), Local: make([]float64, 3)}, make([]reservoir.Step, 2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != "reservoir: inputs and steps have unequal length" {
					t.Errorf("panic %v", p)
				}
			}()
			f()
		})
	}
}

func TestNamesGoThereAndBack(t *testing.T) {
	for k := reservoir.Weir; k <= reservoir.Curve; k++ {
		if got, ok := reservoir.ParseKind(k.String()); !ok || got != k {
			t.Errorf("%v came back as %v", k, got)
		}
	}
	for r := reservoir.Closed; r <= reservoir.KeepLevel; r++ {
		if got, ok := reservoir.ParseRule(r.String()); !ok || got != r {
			t.Errorf("%v came back as %v", r, got)
		}
	}
	if _, ok := reservoir.ParseKind("hole"); ok {
		t.Error("a hole is no kind")
	}
	if _, ok := reservoir.ParseRule("dance"); ok {
		t.Error("dancing is no rule")
	}
	if reservoir.Kind(9).String() != "Kind(9)" || reservoir.Rule(9).String() != "Rule(9)" || reservoir.Binding(99).String() != "Binding(99)" {
		t.Error("values that are none are not told")
	}
}
