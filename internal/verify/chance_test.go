package verify_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/store/memory"
	"freshet/internal/verify"
)

// withBands rewrites the forecasts that fill wrote: a band each hour whose 50 %
// holds until hour 36 of the issue and misses from then on, whose 80 % always
// holds, for 6 h, and what chances says of a crossing.
func withBands(t *testing.T, s *memory.Store, chances func(f *hydro.Forecast) []hydro.Crossing) {
	t.Helper()
	var runs []hydro.Forecast
	for f, err := range s.Forecasts(t.Context(), "lower_colorado", t0, t0.Add(100*time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, f)
	}
	for _, f := range runs {
		f.BandStep = time.Hour
		sf := &f.Stations[0]
		for h := range 6 {
			x := sf.Discharge[2*h+1]
			b := hydro.BandStep{Discharge: [7]float64{x - 3, x - 2, x - 1, x, x + 1, x + 2, x + 3}, Errors: 100}
			if f.IssuedAt.Sub(t0).Hours() >= 36 {
				b.Discharge[2] = x + 0.5
				b.Discharge[3] = x + 0.7
			}
			for k := range b.Level {
				b.Level[k] = math.NaN()
			}
			sf.Band = append(sf.Band, b)
		}
		sf.Crossings = chances(&f)
		if err := s.WriteForecast(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheBandThatRunsCarryIsVerifiedByLead(t *testing.T) {
	s := memory.New()
	fill(t, s, "smithville", func(time.Duration) float64 { return 0 })
	withBands(t, s, func(*hydro.Forecast) []hydro.Crossing { return nil })
	st := run(t, s, verify.Options{Leads: []time.Duration{30 * time.Minute, time.Hour, 6 * time.Hour, 7 * time.Hour}}).Stations[0]
	near := cmp.Comparer(func(a, b verify.Score) bool { return math.Abs(float64(a-b)) < 1e-9 })
	// At 6 h the last runs have no observation to be compared with.
	for i, want := range [][]verify.Coverage{
		{},
		{{Band: 0.9, N: 72, Held: 1}, {Band: 0.8, N: 72, Held: 1}, {Band: 0.5, N: 72, Held: 0.5}},
		{{Band: 0.9, N: 67, Held: 1}, {Band: 0.8, N: 67, Held: 1}, {Band: 0.5, N: 67, Held: 36. / 67}},
		{},
	} {
		if diff := cmp.Diff(want, st.Leads[i].Band, near); diff != "" {
			t.Errorf("lead %g h (-want +got):\n%s", st.Leads[i].Hours, diff)
		}
	}
	if len(st.Chances) != 0 {
		t.Errorf("chances that no run gave: %+v", st.Chances)
	}
}

// The river of fill rises through 35.01 m³/s a little after hours 4 and 52 and
// falls through it a little before hours 20 and 68. A run issued within 6 h
// before a rise sees it met.
func TestChancesAreScoredAgainstTheBaseRate(t *testing.T) {
	threshold := 35.01
	comes := func(h float64) bool { return h >= 47 && h <= 52 || h <= 4 }
	for _, c := range []struct {
		name         string
		say          func(h float64) float64
		brier, skill float64 // NaN: that of the Brier score against the base rate
	}{
		{"a sure run that is right has full skill", func(h float64) float64 { return map[bool]float64{true: 1}[comes(h)] }, 0, 1},
		{"a sure run that is wrong", func(h float64) float64 { return map[bool]float64{false: 1}[comes(h)] }, 1, math.NaN()},
		{"a half said always", func(float64) float64 { return 0.5 }, 0.25, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memory.New()
			fill(t, s, "lagrange", func(time.Duration) float64 { return 0 })
			withBands(t, s, func(f *hydro.Forecast) []hydro.Crossing {
				until := f.IssuedAt.Add(6 * time.Hour)
				p := c.say(f.IssuedAt.Sub(t0).Hours())
				x := hydro.Chance{Until: until, Probability: p}
				if p > 0 {
					x.Early, x.Middle, x.Late = f.IssuedAt.Add(time.Hour), f.IssuedAt.Add(2*time.Hour), until
				}
				return []hydro.Crossing{{Stage: hydro.Orange, Variable: hydro.Discharge, Threshold: threshold, Chance: x}}
			})
			st := run(t, s, verify.Options{Leads: []time.Duration{time.Hour}}).Stations[0]
			if len(st.Chances) != 1 {
				t.Fatalf("%+v", st.Chances)
			}
			got := st.Chances[0]
			// Hours 0 to 4 and 47 to 52 see a rise, 20 to 46 none. At those between the
			// river stands above, and behind 67 the record ends before the chance does.
			if got.Stage != "orange" || got.N != got.Met+27 || got.Met != 11 {
				t.Fatalf("%+v", got)
			}
			base := float64(got.Met) / float64(got.N)
			skill := c.skill
			if math.IsNaN(skill) {
				skill = 1 - c.brier/(base*(1-base))
			}
			for what, x := range map[string][2]float64{
				"base rate": {float64(got.Base), base}, "Brier": {float64(got.Brier), c.brier}, "skill": {float64(got.Skill), skill},
				"Brier of the base rate": {float64(got.BaseBrier), base * (1 - base)},
			} {
				if math.Abs(x[0]-x[1]) > 1e-9 {
					t.Errorf("%s: %g, want %g", what, x[0], x[1])
				}
			}
		})
	}
}
