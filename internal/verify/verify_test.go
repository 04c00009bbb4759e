package verify_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast/skill"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/memory"
	"freshet/internal/verify"
)

var t0 = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func load(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.LoadDir("../../deploy/catalog/lower_colorado")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// flow is the river: a wave of 2 days.
func flow(at time.Time) float64 {
	return 30 + 10*math.Sin(2*math.Pi*at.Sub(t0).Hours()/48)
}

// fill writes 3 days of a river and hourly forecasts that are off by what off
// says.
func fill(t *testing.T, s store.Store, station string, off func(lead time.Duration) float64) {
	t.Helper()
	for i := range 3*24*12 + 1 {
		at := t0.Add(time.Duration(i) * 5 * time.Minute)
		o := hydro.Observation{
			Reading: hydro.Reading{Key: hydro.Key{Station: station, Variable: hydro.Discharge}, At: at, Raw: flow(at), Value: flow(at)},
			Quality: hydro.Pass, ReceivedAt: at,
		}
		if i == 500 {
			o.Value, o.Raw, o.Quality, o.Tests = 9999, 9999, hydro.Fail, hydro.TestRange
		}
		if err := s.WriteObservations(t.Context(), "lower_colorado", []hydro.Observation{o}); err != nil {
			t.Fatal(err)
		}
	}
	const step = 30 * time.Minute
	for h := range 72 {
		f := hydro.Forecast{Basin: "lower_colorado", IssuedAt: t0.Add(time.Duration(h) * time.Hour), Step: step, Horizon: 24 * time.Hour}
		sf := hydro.StationForecast{Station: station, Datum: hydro.StationDatum}
		for k := range 48 {
			lead := time.Duration(k+1) * step
			sf.Discharge = append(sf.Discharge, flow(f.IssuedAt.Add(lead))+off(lead))
			sf.Level = append(sf.Level, math.NaN())
		}
		f.Stations = []hydro.StationForecast{sf}
		if err := s.WriteForecast(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForecastsAreComparedWithWhatWasObserved(t *testing.T) {
	s := memory.New()
	fill(t, s, "smithville", func(lead time.Duration) float64 { return 0.5 * lead.Hours() })
	r, err := verify.Run(t.Context(), s, load(t), verify.Options{Leads: []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 48 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Standard != "GB/T 22482-2008" || r.Forecasts != 72 || len(r.Stations) != 1 || !r.From.Equal(t0) || !r.To.Equal(t0.Add(71*time.Hour)) || r.Illustrative == "" {
		t.Fatalf("%+v", r)
	}
	st := r.Stations[0]
	if st.Variable != hydro.Discharge || st.Observed != 864 || st.HeldBack["fail"] != 1 || st.Datum != "" {
		t.Errorf("%+v", st)
	}
	if len(st.Leads) != 3 { // 48 h is beyond the horizon
		t.Fatalf("%d leads", len(st.Leads))
	}
	for i, want := range []struct {
		hours, bias float64
		n           int
		beats       bool
		grade       skill.Grade
	}{
		{1, 0.5, 72, true, skill.GradeA},
		{6, 3, 67, true, skill.BelowC},    // valid up to hour 72
		{24, 12, 49, false, skill.BelowC}, // persistence is off by 20 at most, by 14 in the mean square
	} {
		l := st.Leads[i]
		if l.Hours != want.hours || l.N != want.n || math.Abs(float64(l.MeanError)-want.bias) > 1e-9 || math.Abs(float64(l.PeakError)-want.bias) > 1e-9 || l.PeakLate != 0 {
			t.Errorf("%+v, want %+v", l, want)
		}
		if want.hours < 24 && (l.Beats != want.beats || l.NSE <= l.Persistence || l.Grade != want.grade) {
			t.Errorf("%+v, want %+v", l, want)
		}
	}
}

func TestAFailedObservationIsLeftOut(t *testing.T) {
	s := memory.New()
	fill(t, s, "smithville", func(time.Duration) float64 { return 0 })
	r, err := verify.Run(t.Context(), s, load(t), verify.Options{Leads: []time.Duration{6 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	// 9999 m³/s would show in any score; the value between its neighbours is close.
	if l := r.Stations[0].Leads[0]; l.NSE < 0.999999 || math.Abs(float64(l.MeanError)) > 1e-3 || l.Qualified != 1 || l.Grade != skill.GradeA {
		t.Errorf("%+v", l)
	}
}

func TestWithoutAnObservationAtIssueOrValidTimeAForecastDoesNotCount(t *testing.T) {
	s := memory.New()
	cat := load(t)
	q := hydro.Key{Station: "bastrop", Variable: hydro.Discharge}
	put := func(at time.Time) {
		err := s.WriteObservations(t.Context(), "lower_colorado", []hydro.Observation{{Reading: hydro.Reading{Key: q, At: at, Raw: 5, Value: 5}, Quality: hydro.Pass}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range []int{0, 1, 2, 7} { // valid at 1 and 2, and 8 is not observed
		f := hydro.Forecast{
			Basin: "lower_colorado", IssuedAt: t0.Add(time.Duration(h) * time.Hour), Step: time.Hour, Horizon: time.Hour,
			Stations: []hydro.StationForecast{{Station: "bastrop", Discharge: []float64{5}, Level: []float64{math.NaN()}}},
		}
		if err := s.WriteForecast(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	put(t0.Add(-4 * time.Minute)) // stands for hour 0
	put(t0.Add(58 * time.Minute)) // with the next for hour 1, within twice the interval
	put(t0.Add(64 * time.Minute))
	put(t0.Add(2 * time.Hour))
	put(t0.Add(7 * time.Hour))
	r, err := verify.Run(t.Context(), s, cat, verify.Options{Leads: []time.Duration{time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Stations[0].Leads[0].N; n != 2 {
		t.Errorf("%d forecasts count, want 2", n)
	}
}

func TestUndefinedScoresAreNullInJSON(t *testing.T) {
	data, err := json.Marshal(verify.Lead{NSE: verify.Score(math.NaN()), KGE: 0.5, Grade: skill.GradeB})
	if err != nil || !strings.Contains(string(data), `"nse":null`) || !strings.Contains(string(data), `"kge":0.5`) || !strings.Contains(string(data), `"grade":"B"`) {
		t.Errorf("%s, %v", data, err)
	}
}

func TestNothingToVerifyIsSaid(t *testing.T) {
	cat := load(t)
	for name, c := range map[string]struct {
		opts verify.Options
		kind error
	}{
		"an empty store":     {verify.Options{}, hydro.ErrNotFound},
		"an unknown station": {verify.Options{Stations: []string{"nowhere"}}, hydro.ErrNotFound},
		"an unknown basin":   {verify.Options{Basins: []string{"nowhere"}}, hydro.ErrNotFound},
		"a lead of 0":        {verify.Options{Leads: []time.Duration{0}}, hydro.ErrInvalid},
	} {
		if _, err := verify.Run(t.Context(), memory.New(), cat, c.opts); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
