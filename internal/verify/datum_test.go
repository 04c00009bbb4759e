package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/store/memory"
	"freshet/internal/termui"
	"freshet/internal/verify"
)

// Levels on another datum, observed or forecast, change no score and are told.
func TestLevelsOnAnotherDatumAreNotScored(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0.15, 4*time.Hour)
	want := run(t, s, verify.Options{}).Stations[0]
	if len(want.Apart) != 0 {
		t.Fatalf("on one datum: %+v", want.Apart)
	}
	// A crest of 90 m on another datum at the time of the flood, and runs that
	// would be 90 m off.
	for i := range 10 {
		at := t0.Add(48*time.Hour + time.Duration(i)*5*time.Minute + time.Minute)
		o := hydro.Observation{
			Reading: hydro.Reading{Key: hydro.Key{Station: "smithville", Variable: hydro.WaterLevel}, At: at, Raw: 90, Value: 90, Datum: hydro.National1985},
			Quality: hydro.Pass, ReceivedAt: at,
		}
		if err := s.WriteObservations(t.Context(), "lower_colorado", []hydro.Observation{o}); err != nil {
			t.Fatal(err)
		}
	}
	got := run(t, s, verify.Options{}).Stations[0]
	if got.Apart["NATIONAL_1985"] != 10 || got.LevelDatum != hydro.StationDatum {
		t.Errorf("not told: %+v on %s", got.Apart, got.LevelDatum)
	}
	if e, w := got.Events.Events, want.Events.Events; len(e) != 1 || e[0].Peak != w[0].Peak || !e[0].PeakAt.Equal(w[0].PeakAt) {
		t.Errorf("another flood was found: %+v, want %+v", e, w)
	}
}

func TestARunOnAnotherDatumIsNeitherScoredNorDrawn(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0.15, 4*time.Hour)
	before := run(t, s, verify.Options{})
	var f hydro.Forecast
	for x, err := range s.Forecasts(t.Context(), "lower_colorado", t0, t0.Add(200*time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		if x.IssuedAt.Equal(t0.Add(42 * time.Hour)) {
			f = x
		}
	}
	f.Stations[0].Datum = hydro.PearlRiver
	for k := range f.Stations[0].Level {
		f.Stations[0].Level[k] += 50
	}
	if err := s.WriteForecast(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	rep := run(t, s, verify.Options{})
	if got := rep.Stations[0]; got.Apart["PEARL_RIVER"] != 1 {
		t.Errorf("not told: %+v", got.Apart)
	}
	judged := func(r *verify.Report) bool {
		return slices.ContainsFunc(r.Stations[0].Events.Events[0].Runs, func(p verify.PeakRun) bool { return p.IssuedAt.Equal(f.IssuedAt) })
	}
	if !judged(&before) || judged(&rep) {
		t.Errorf("the run issued %s was judged %t, on another datum %t", f.IssuedAt, judged(&before), judged(&rep))
	}
	o := hydro.Observation{
		Reading: hydro.Reading{Key: hydro.Key{Station: "smithville", Variable: hydro.WaterLevel}, At: t0.Add(48*time.Hour + time.Minute), Raw: 90, Value: 90, Datum: hydro.National1985},
		Quality: hydro.Suspect, Tests: hydro.TestSpike, ReceivedAt: t0,
	}
	if err := s.WriteObservations(t.Context(), "lower_colorado", []hydro.Observation{o}); err != nil {
		t.Fatal(err)
	}
	drawn := 0
	if err := verify.Figures(t.Context(), s, load(t), &rep, termui.English, func(name string, f *plot.Figure) error {
		drawn++
		points := f.Doubtful
		for _, line := range f.Lines {
			points = append(points, line.Points...)
		}
		for _, p := range points {
			if p.Value > 2 {
				t.Errorf("%s: %g m of another datum is on the axis", name, p.Value)
				break
			}
		}
		if notes := strings.Join(f.Notes, "\n"); !strings.Contains(notes, "1 levels observed at smithville are not on STATION: they are not drawn.") {
			t.Errorf("%s does not say so: %s", name, notes)
		}
		return nil
	}); err != nil || drawn == 0 {
		t.Fatalf("%d figures, %v", drawn, err)
	}
}
