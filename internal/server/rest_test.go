package server_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRESTAnswersAsTheGoldenFile(t *testing.T) {
	b := newBench(t)
	code, body := get(t, b.http+"/v1/stations/"+puqiao+"/latest")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(body), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	const path = "testdata/latest.json"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEveryUnaryCallIsThereOverREST(t *testing.T) {
	b := newBench(t)
	if err := b.store.WriteForecast(t.Context(), forecastOf(begin)); err != nil {
		t.Fatal(err)
	}
	span := "from=" + url.QueryEscape(begin.Format(time.RFC3339)) + "&to=" + url.QueryEscape(today.Format(time.RFC3339))
	for _, path := range []string{
		"/v1/stations", "/v1/stations?basin=tanjiang&department=DEPARTMENT_WEATHER",
		"/v1/stations/" + puqiao + "/latest", "/v1/stations/w-datian/accumulations",
		"/v1/stations/" + puqiao + "/history?variable=VARIABLE_WATER_LEVEL&" + span,
		"/v1/forecasts/latest?basin=tanjiang", "/v1/forecasts?basin=tanjiang&" + span,
		"/v1/stages", "/v1/warnings?" + span, "/v1/conflicts", "/v1/rate-requests", "/v1/groups",
	} {
		if code, body := get(t, b.http+path); code != http.StatusOK || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %.300s", path, code, body)
		}
	}
}

func TestRESTErrorsCarryTheFieldPath(t *testing.T) {
	b := newBench(t)
	code, body := get(t, b.http+"/v1/stations/"+puqiao+"/history?variable=VARIABLE_WATER_LEVEL")
	if code != http.StatusBadRequest || !strings.Contains(body, `"google.rpc.BadRequest"`) && !strings.Contains(body, "google.rpc.BadRequest") || !strings.Contains(body, `"from"`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get(t, b.http+"/v1/stations/nowhere/latest"); code != http.StatusNotFound {
		t.Errorf("%d %s", code, body)
	}
}

func TestOpenAPIDescribesTheCalls(t *testing.T) {
	b := newBench(t)
	code, body := get(t, b.http+"/openapi.json")
	var doc struct {
		Paths map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || code != http.StatusOK {
		t.Fatalf("%d %v", code, err)
	}
	for _, path := range []string{"/v1/stations", "/v1/stations/{station}/history", "/v1/forecasts/latest", "/v1/stages", "/v1/warnings"} {
		if doc.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
}

func TestMetricsTellStagesAndCalls(t *testing.T) {
	b := newBench(t)
	if code, _ := get(t, b.http+"/v1/stages"); code != http.StatusOK {
		t.Fatal(code)
	}
	code, body := get(t, b.http+"/metrics")
	if code != http.StatusOK {
		t.Fatal(code)
	}
	for _, want := range []string{
		`freshet_stations_by_stage{basin="tanjiang",stage="blind"} `,
		`freshet_stations_by_stage{basin="quiet",stage="red"} 0`,
		"freshet_feed_watchers 0",
		`grpc_server_handled_total{grpc_code="OK",grpc_method="ListStages",grpc_service="freshet.v1.WarningService",grpc_type="unary"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestTheIndexSaysWhatIsHere(t *testing.T) {
	b := newBench(t)
	code, body := get(t, b.http+"/")
	if code != http.StatusOK {
		t.Fatal(code)
	}
	for _, want := range []string{"/v1/stages", "/v1/warnings/feed", "/openapi.json", "/metrics", "/readyz", b.catalog.Version, b.catalog.Illustrative, "basin=tanjiang"} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if code, _ := get(t, b.http+"/nowhere"); code != http.StatusNotFound {
		t.Errorf("unknown page: %d", code)
	}
}
