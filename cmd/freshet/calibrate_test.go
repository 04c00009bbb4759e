package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/internal/calibration"
	"freshet/internal/hydro"
)

// The flood of E. M. Wilson, Engineering Hydrology, 1974, step 6 h.
func wilsonFile(t *testing.T) string {
	t.Helper()
	in := strings.Fields("22 23 35 71 103 111 109 100 86 71 59 47 39 32 28 24 22 21 20 19 19 18")
	out := strings.Fields("22 21 21 26 34 44 55 66 75 82 85 84 80 73 64 54 44 36 30 25 22 19")
	text := "when;upper;lower\n"
	for i := range in {
		text += fmt.Sprintf("%s;%s;%s\n", time.Date(1974, 1, 1, 6*i, 0, 0, 0, time.UTC).Format("2006-01-02 15:04"), in[i], out[i])
	}
	file := filepath.Join(t.TempDir(), "wilson.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func calibrateCall(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, notes strings.Builder
	c := root()
	c.SetArgs(append([]string{"calibrate"}, args...))
	c.SetOut(&out)
	c.SetErr(&notes)
	err = c.ExecuteContext(t.Context())
	return out.String(), notes.String(), err
}

func TestCalibrateFindsTheKnownFitOfWilsonsFlood(t *testing.T) {
	args := []string{
		"--method", "nl3", "--data", wilsonFile(t), "--delimiter", ";", "--column", "time=when", "--column", "inflow=upper", "--column", "outflow=lower",
		"--objective", "nse", "--split", "1", "--zone", "UTC", "--id", "wilson",
	}
	yaml, notes, err := calibrateCall(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# freshet calibrate: nl3 fitted to wilson.csv, step 6h, by nse\n",
		"# fit    1974-01-01 00:00 to 1974-01-06 06:00, 22 values: NSE 0.9970, KGE 0.9762, RMSE 1.293 m³/s",
		"# reach wilson: K 1862.87, x 0.28692, m 1.8681",
	} {
		if !strings.Contains(yaml, want) {
			t.Errorf("no %q in\n%s", want, yaml)
		}
	}
	if !strings.Contains(notes, "restart 1") || !strings.Contains(notes, "evaluations in") {
		t.Errorf("progress %q", notes)
	}
	text, _, err := calibrateCall(t, append(args, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Fit      struct{ RMSE float64 }
		Fragment string
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if ssq := r.Fit.RMSE * r.Fit.RMSE * 22; math.Abs(ssq/36.7679-1) > 1e-3 || r.Fragment != yaml {
		t.Errorf("sum of squared errors %g, want 36.7679; fragment %q", ssq, r.Fragment)
	}
}

func TestCalibrateWritesTheSpreadOfRain(t *testing.T) {
	text := "run;lead_h;fc;obs\n"
	for i := range 60 {
		text += fmt.Sprintf("%s;6;10;%g\n", time.Date(2025, 5, 1, 12*i, 0, 0, 0, time.UTC).Format("2006-01-02 15:04"), []float64{5, 10, 15}[i%3])
	}
	file := filepath.Join(t.TempDir(), "rain.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--method", "rain_spread", "--data", file, "--delimiter", ";", "--column", "issued=run", "--column", "lead=lead_h", "--column", "forecast=fc", "--column", "observed=obs",
		"--zone", "UTC", "--leads", "6h", "--least", "2",
	}
	yaml, notes, err := calibrateCall(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# check  30 forecasts issued 2025-05-16 to 2025-05-30", "settings:\n  rain_spread:\n    - {to: 6h, cv: 0.49, mean: 1} # of 30 pairs\n"} {
		if !strings.Contains(yaml, want) {
			t.Errorf("no %q in\n%s", want, yaml)
		}
	}
	if !strings.Contains(notes, "30 forecasts in") {
		t.Errorf("said %q", notes)
	}
	out, _, err := calibrateCall(t, append(args, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var r calibration.RainSpreadReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Fragment != yaml || r.Check == nil || r.Check.Leads[0].N != 30 {
		t.Errorf("%v, %+v", err, r)
	}
	if _, _, err := calibrateCall(t, append(args, "--least", "0")...); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("--least 0: %v", err)
	}
}

func TestCalibrateRefusesWrongCalls(t *testing.T) {
	file := wilsonFile(t)
	for call, want := range map[string]string{
		"--method nl3":                                     "--data is needed",
		"--data x.csv":                                     "--method",
		"--method nl3 --data nowhere.csv":                  "nowhere.csv",
		"--method nl3 --data FILE":                         `no column "time"`,
		"--method nl3 --data FILE --column flow":           "write ROLE=NAME",
		"--method nl3 --data FILE --zone Nowhere":          "--zone",
		"--method nl3 --data FILE --delimiter ab":          "--delimiter",
		"--method nl3 --data FILE --flow-unit mm":          "--flow-unit",
		"--method nl3 --data FILE --stamps mid":            "--stamps",
		"--method nl3 --data FILE --warmup soon":           "--warmup",
		"--method nl3 --data FILE --delimiter ; --split 0": `no column "time"`,
		"--method nl3 --data FILE --profile sl250":         "--profile",
		"--method nl3 --data FILE --objective rmse":        "--objective",
	} {
		_, _, err := calibrateCall(t, strings.Fields(strings.ReplaceAll(call, "FILE", file))...)
		if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("freshet calibrate %s: %v, want %q, invalid", call, err, want)
		}
	}
}
