package calibration_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/forecast/tidal"
	"freshet/internal/calibration"
)

// A synthetic record: a known relation, and a surge that wanders.
func TestATidalRelationIsFittedCheckedAndWritten(t *testing.T) {
	want := tidal.Level{Mean: 0.3, Rise: 0.004, Gain: 0.8, Damping: 0.0015, Exponent: 2.0 / 3}
	var b strings.Builder
	b.WriteString("time,tide,flow,level\n")
	tide := func(h float64) float64 { return math.Cos(h*2*math.Pi/12.42) + 0.4*math.Cos(h*2*math.Pi/24.84) }
	flow := func(h float64) float64 { return 500 + 200*math.Sin(h/90) + 100*math.Sin(h/37) }
	for i := range 2400 {
		h := float64(i)
		surge := 0.15*math.Sin(h/25) + 0.1*math.Sin(h/61)
		fmt.Fprintf(&b, "%s,%.4f,%.3f,%.4f\n", time.Date(2026, 1, 1, i, 0, 0, 0, time.UTC).Format("2006-01-02 15:04"), tide(h), flow(h), want.At(tide(h-2), flow(h-9))+surge)
	}
	file := filepath.Join(t.TempDir(), "synthetic.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o := calibration.TidalOptions{Source: calibration.Source{File: file, Zone: time.UTC}, Station: "sea", FlowAt: "up", Datum: "PEARL_RIVER", TideDatum: "PEARL_RIVER", Split: 0.5}
	r, err := calibration.RunTidal(o)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Fitted.Gain-want.Gain) > 0.1 || r.Fitted.Damping <= 0 || r.LagS != 7200 || r.HalfLife == 0 || !r.Checked || len(r.Skill) != 5 {
		t.Errorf("%+v", r)
	}
	for _, s := range r.Skill[:3] {
		if !(s.Relation.RMSE < s.Persistence.RMSE && s.Relation.RMSE < s.TideAlone.RMSE) {
			t.Errorf("lead %g h: %+v", s.LeadS/3600, s)
		}
	}
	for _, want := range []string{"tide: {station: sea, tide_datum: PEARL_RIVER, datum: PEARL_RIVER, flow_at: up, lag: 2h", "# lead", "source: fitted to synthetic.csv}"} {
		if !strings.Contains(strings.Join(strings.Fields(r.Fragment), " "), want) {
			t.Errorf("no %q in\n%s", want, r.Fragment)
		}
	}
	o.TideDatum = ""
	if _, err := calibration.RunTidal(o); err == nil {
		t.Error("a tide without a datum is fitted")
	}
}
