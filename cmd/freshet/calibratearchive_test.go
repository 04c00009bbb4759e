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
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// A rating of what a server was sent is that of the same pairs in a file; what quality
// control did not let pass, and what has no level, is left out and counted.
func TestARatingIsFittedToWhatAServerHolds(t *testing.T) {
	a, _ := stormServer(t)
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	clock := client.NewClock(conn, client.Backoff{})
	begin := time.Date(2026, 6, 8, 4, 5, 0, 0, time.UTC)
	if err := clock.Advance(t.Context(), begin.Add(8*time.Hour)); err != nil {
		t.Fatal(err)
	}
	gw, err := client.Open(t.Context(), conn, hydro.Hydrology, "rating", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	csv := "time,level,flow\n"
	var reports []*freshetv1.HydrologyReport
	for i := range 96 { // a slow wave, 8 h
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		h := math.Round((3.5-1.5*math.Cos(2*math.Pi*float64(i)/96))*1000) / 1000
		q := math.Round(30*math.Pow(h-1.2, 1.6)*100) / 100
		r := &freshetv1.HydrologyReport{
			Station: "h-enping", WaterLevel: &h, Datum: "PEARL_RIVER", Discharge: &q,
			ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: at.UnixMilli()}},
		}
		switch i {
		case 50: // a level that no river has
			h = 99
		case 60, 61: // a discharge without a level near
			r.WaterLevel = nil
		default:
			csv += fmt.Sprintf("%s,%g,%g\n", at.Format(time.RFC3339), h, q)
		}
		reports = append(reports, r)
	}
	if _, err := gw.Send(t.Context(), client.Reports{Hydrology: reports}); err != nil {
		t.Fatal(err)
	}
	if err := gw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	gw.Close()
	if err := clock.Advance(t.Context(), begin.Add(9*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := a.WaitArchived(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pairs.csv")
	if err := os.WriteFile(file, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"--method", "rating", "--station", "h-enping", "--valid-from", "2026-01-01", "--ranges", "1", "--evaluations", "600"}
	fit := func(args ...string) (r calibration.RatingReport) {
		t.Helper()
		text, notes, err := calibrateCall(t, append(append(args, common...), "--json")...)
		if err != nil {
			t.Fatal(err, notes)
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	span := []string{"--server", a.GRPCAddr(), "--from", "2026-06-08 12:05", "--to", "2026-06-08T20:00:00+08:00", "--tolerance", "2m"}
	got, want := fit(span...), fit("--data", file, "--datum", "PEARL_RIVER")
	if len(got.Ranges) != 1 || got.Ranges[0] != want.Ranges[0] || got.Fit.N != want.Fit.N || got.Check.N != want.Check.N || got.Datum != "PEARL_RIVER" {
		t.Errorf("of the server %+v, of the file %+v", got, want)
	}
	if l := got.Ranges[0]; math.Abs(l.B-1.6) > 0.05 || math.Abs(l.H0-1.2) > 0.05 {
		t.Errorf("%+v, was sent 30 (h - 1.2)^1.6", l)
	}
	notes := strings.Join(got.Notes, "\n")
	for _, want := range []string{"1 of 94 levels left out: quality fail (range", "3 of 96 discharges left out: no level within 2m0s"} {
		if !strings.Contains(notes, want) || !strings.Contains(got.Fragment, "# "+want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
	if !strings.Contains(got.Fragment, "pairs of the archive from 2026-06-08T04:05Z to 2026-06-08T12:00Z") {
		t.Error(got.Fragment)
	}
	for _, x := range []struct {
		args []string
		want string
		kind error
	}{
		{append(span, "--datum", "NATIONAL_1985"), "the catalogue has the levels of h-enping on PEARL_RIVER", hydro.ErrInvalid},
		{append(span, "--data", file), "not both", hydro.ErrInvalid},
		{[]string{"--server", a.GRPCAddr(), "--from", "2026-06-08 12:05"}, "--from and --to are needed", hydro.ErrInvalid},
		{[]string{"--server", a.GRPCAddr(), "--from", "2026-06-07", "--to", "2026-06-08"}, "0 pairs of 0 levels and 0 discharges", hydro.ErrInvalid},
		{append(span, "--station", "nowhere"), "none of this id", hydro.ErrNotFound},
		{append(span, "--station", "w-datian"), "reports no water_level", hydro.ErrInvalid},
		{append(span, "--method", "nl3"), "only a rating", hydro.ErrInvalid},
	} {
		if _, _, err := calibrateCall(t, append(append([]string{}, common...), x.args...)...); !errors.Is(err, x.kind) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v: %v, want %q", x.args, err, x.want)
		}
	}
}
