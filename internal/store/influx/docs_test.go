package influx_test

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"freshet/internal/hydro"
	"freshet/internal/store/influx"
	"freshet/internal/store/influx/influxtest"
)

// Every query of the documentation answers with rows.
func TestTheDocumentedQueriesRun(t *testing.T) {
	text, err := os.ReadFile("../../../docs/formats/influxdb.md")
	if err != nil {
		t.Fatal(err)
	}
	server := influxtest.Run(t)
	s := open(t, influx.Options{URL: server.URL, Bucket: "freshet", CreateBucket: true})
	suspect := level("bayi", 1, 9)
	suspect.Quality, suspect.Tests, suspect.Why = hydro.Suspect, hydro.TestStep, "rose 8 m in a minute"
	rain := level("dashahe", 0, 12.5)
	rain.Variable, rain.Interval, rain.Datum = hydro.Rain, 5*time.Minute, ""
	values := make([]float64, 288)
	f := hydro.Forecast{
		Basin: "tanjiang", IssuedAt: noon, Step: 15 * time.Minute, Horizon: 72 * time.Hour, MissingGauges: []string{"dashahe: silent"},
		Stations: []hydro.StationForecast{{Station: "bayi", Level: values, Discharge: values, NowLevel: math.NaN(), Band: make([]hydro.BandStep, 24)}}, BandStep: time.Hour,
	}
	w := hydro.Warning{ID: "tanjiang/7/0", Basin: "tanjiang", Station: "bayi", At: noon, To: hydro.Red, ReasonEN: "why", ReasonZH: "因为"}
	if err := errors.Join(
		s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("bayi", 0, 1), suspect, rain}),
		s.WriteForecast(t.Context(), f), s.WriteWarning(t.Context(), w),
	); err != nil {
		t.Fatal(err)
	}
	client := influxdb2.NewClient(server.URL, "")
	defer client.Close()
	blocks := strings.Split(string(text), "```flux\n")[1:]
	if len(blocks) < 7 {
		t.Fatalf("%d queries in the documentation, want 7 or more", len(blocks))
	}
	for _, block := range blocks {
		query, _, _ := strings.Cut(block, "```")
		query = strings.NewReplacer(
			"v.timeRangeStart", noon.Add(-time.Hour).Format(time.RFC3339), "v.timeRangeStop", noon.Add(24*time.Hour).Format(time.RFC3339),
		).Replace(query)
		result, err := client.QueryAPI("-").Query(t.Context(), query)
		if err != nil {
			t.Errorf("%v\n%s", err, query)
			continue
		}
		rows := 0
		for result.Next() {
			rows++
		}
		if result.Err() != nil || rows == 0 {
			t.Errorf("%d rows, error %v\n%s", rows, result.Err(), query)
		}
	}
}
