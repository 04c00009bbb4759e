package rating_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"freshet/forecast/rating"
)

func records(t testing.TB, name string) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "river_don", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func hadfields(t testing.TB, o rating.Options) *rating.Table {
	t.Helper()
	var rs []rating.Range
	for _, row := range records(t, "hadfields_rating.csv") {
		rs = append(rs, rating.Range{Low: number(t, row[0]), High: number(t, row[1]), C: number(t, row[2]), H0: number(t, row[3]), B: number(t, row[4])})
	}
	tab, err := rating.NewRanges(rs, o)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// The year 2007 of the River Don at Sheffield Hadfields, with the flood of 25
// June, as the Environment Agency published levels and flows. Its flags say WR
// within the rating, BL> above it. It says WR of levels below 0.39 m, where the
// published ranges begin, too: the first law was meant down to its h0, 0.3077 m.
func TestTheRiverDonsRatingGivesTheAgencysFlows(t *testing.T) {
	tab := hadfields(t, rating.Options{})                            // measured: the ranges
	agencys := hadfields(t, rating.Options{Low: 0.3077, High: 3.58}) // measured: what the agency calls so
	for _, j := range tab.Joins() {
		t.Logf("join at %g m: %.4f m³/s below, %.4f above; goes over at %.6f m", j.Given, j.Below, j.Above, j.Level)
		if math.Abs(j.Above-j.Below) > 1e-3*j.Below {
			t.Errorf("at %g m the laws give %g and %g m³/s", j.Given, j.Below, j.Above)
		}
	}
	var off, offLevel []float64
	above, below, missing := 0, 0, 0
	low, high := tab.Measured()
	for _, row := range records(t, "hadfields_15min_2007.csv") {
		if row[1] == "---" || row[3] == "---" {
			missing++
			continue
		}
		level, flow := number(t, row[1]), number(t, row[3])
		q, beyond := tab.Discharge(level)
		off = append(off, math.Abs(q-flow)/flow)
		h, _ := tab.Level(flow)
		offLevel = append(offLevel, math.Abs(h-level))
		if _, b := agencys.Discharge(level); b != strings.Contains(row[4], "BL>") {
			t.Errorf("%s: %g m is %s to the agency, extrapolated %v here", row[0], level, row[4], b)
		}
		switch {
		case level > high:
			above++
		case level < low:
			below++
		}
		if beyond != (level > high || level < low) {
			t.Errorf("%s: %g m with ranges from %g to %g m: extrapolated %v", row[0], level, low, high, beyond)
		}
		if back, _ := tab.Level(q); math.Abs(back-level) > 1e-9 {
			t.Fatalf("%s: %g m came back as %.12f m", row[0], level, back)
		}
	}
	if above != 41 || missing != 34 || len(off) != 35006 {
		t.Errorf("%d readings, %d above the rating, %d missing; the file has 35006, 41 and 34", len(off), above, missing)
	}
	slices.Sort(off)
	slices.Sort(offLevel)
	n := len(off)
	t.Logf("%d readings: flow off by %.4f %% in the median, %.3f %% at 99 %%, %.2f %% at most; level %.2f mm in the median; %d above, %d below the ranges",
		n, 100*off[n/2], 100*off[n*99/100], 100*off[n-1], 1000*offLevel[n/2], above, below)
	if off[n/2] > 0.002 {
		t.Errorf("flow is off by %.4f %% in the median, want 0.2 %% at most", 100*off[n/2])
	}
}
