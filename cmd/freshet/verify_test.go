package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/store/pebble"
)

// fillStore writes 5 days of a river with a flood on the third, hourly runs that
// know it 9 h before and are too low, and the warnings they gave.
func fillStore(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := pebble.Open(pebble.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	start := time.Date(2020, 6, 10, 0, 0, 0, 0, time.UTC)
	level := func(at time.Time) float64 { return 0.5 + 0.4*math.Exp(-math.Pow((at.Sub(start).Hours()-54)/10, 2)) }
	key := func(v hydro.Variable) hydro.Key { return hydro.Key{Station: "smithville", Variable: v} }
	var batch []hydro.Observation
	for i := range 5*48 + 1 {
		at := start.Add(time.Duration(i) * 30 * time.Minute)
		l := math.Round(1000*level(at)) / 1000
		batch = append(batch,
			hydro.Observation{Reading: hydro.Reading{Key: key(hydro.WaterLevel), At: at, Raw: l, Value: l, Datum: hydro.StationDatum}, Quality: hydro.Pass, ReceivedAt: at},
			hydro.Observation{Reading: hydro.Reading{Key: key(hydro.Discharge), At: at, Raw: 50 * l, Value: 50 * l}, Quality: hydro.Pass, ReceivedAt: at})
	}
	if err := s.WriteObservations(t.Context(), "lower_colorado", batch); err != nil {
		t.Fatal(err)
	}
	for h := range 100 {
		f := hydro.Forecast{Basin: "lower_colorado", IssuedAt: start.Add(time.Duration(h) * time.Hour), Step: time.Hour, Horizon: 24 * time.Hour}
		sf := hydro.StationForecast{Station: "smithville", Datum: hydro.StationDatum}
		for k := range 24 {
			l := level(f.IssuedAt)
			if k < 9 {
				l = 0.5 + 0.95*(level(f.IssuedAt.Add(time.Duration(k+1)*time.Hour))-0.5)
			}
			sf.Level, sf.Discharge = append(sf.Level, l), append(sf.Discharge, 50*l)
		}
		f.Stations = []hydro.StationForecast{sf}
		if err := s.WriteForecast(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []struct {
		hour     float64
		from, to hydro.Stage
	}{{40, hydro.Clear, hydro.Blue}, {41, hydro.Blue, hydro.Orange}, {64, hydro.Orange, hydro.Clear}, {70, hydro.Clear, hydro.Blue}, {72, hydro.Blue, hydro.Clear}} {
		at := start.Add(time.Duration(w.hour * float64(time.Hour)))
		if err := s.WriteWarning(t.Context(), hydro.Warning{
			ID: "lower_colorado/" + at.Format(time.RFC3339) + "/smithville", Basin: "lower_colorado", Station: "smithville", At: at, From: w.from, To: w.to,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const colorado = "../../deploy/catalog/lower_colorado"

func TestVerificationReadsAsTheGoldenFiles(t *testing.T) {
	dir := fillStore(t)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"zh", []string{"--lang", "zh", "--lead", "1h,6h,12h"}},
		{"en", []string{"--lang", "en", "--lead", "1h,6h,12h", "--profile", "gbt22482-2026", "--flood-by", "discharge", "--flood-above", "smithville=36", "--rule", "rainfall_runoff"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := run(t.Context(), nil, append([]string{"verify", "--catalog", colorado, "--store", dir}, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "verify-"+c.name+".golden")
			if *updateGolden {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}

func TestVerifyWritesAFigureOfEachFloodAndJSONForMachines(t *testing.T) {
	figures := filepath.Join(t.TempDir(), "figures")
	got, notes, err := run(t.Context(), nil, "verify", "--catalog", colorado, "--store", fillStore(t), "--json", "--lang", "en", "--lead", "1h,6h", "--plot", figures)
	if err != nil || !strings.Contains(notes, figures+": 1 figures") {
		t.Fatalf("%q, %v", notes, err)
	}
	var r struct {
		Stations []struct {
			Events   struct{ Events []struct{ Runs []any } }
			Warnings []struct {
				InTime      int `json:"in_time"`
				FalseAlarms int `json:"false_alarms"`
			}
		}
	}
	if err := json.Unmarshal([]byte(got), &r); err != nil {
		t.Fatal(err)
	}
	s := r.Stations[0]
	if len(s.Events.Events) != 1 || len(s.Events.Events[0].Runs) != 2 || len(s.Warnings) != 4 || s.Warnings[0].FalseAlarms != 1 || s.Warnings[0].InTime != 1 {
		t.Errorf("%+v", s)
	}
	data, err := os.ReadFile(filepath.Join(figures, "smithville-20200612T1400.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(data, new(struct{})); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"lead 6 h (06-12 08:00)", "RED 0.85 m", "peak 0.90", "GB/T 22482-2008"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%q is not in the figure", want)
		}
	}
}

func TestVerifyRefusesWhatItDoesNotKnow(t *testing.T) {
	for want, args := range map[string][]string{
		"gbt22482-2008, gbt22482-2026 or a YAML file": {"--profile", "sl250"},
		"not a number": {"--flood-above", "smithville=high"},
		"--flood-by":   {"--flood-by", "colour"},
	} {
		_, _, err := run(t.Context(), nil, append([]string{"verify", "--catalog", colorado, "--store", t.TempDir()}, args...)...)
		if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q, invalid", err, want)
		}
	}
}
