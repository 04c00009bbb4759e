package influx_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/influx"
	"freshet/internal/store/influx/influxtest"
	"freshet/internal/store/storetest"
)

func open(t testing.TB, options influx.Options) *influx.Store {
	t.Helper()
	s, err := influx.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestConformance runs the suite against a real server, each case in a
// database of its own.
func TestConformance(t *testing.T) {
	server := influxtest.Run(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, influx.Options{URL: server.URL, Bucket: fmt.Sprint("case", n), CreateBucket: true})
	})
}

var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

func level(station string, minute int, value float64) hydro.Observation {
	at := noon.Add(time.Duration(minute) * time.Minute)
	return hydro.Observation{
		Reading: hydro.Reading{Key: hydro.Key{Station: station, Variable: hydro.WaterLevel}, At: at, Raw: value, Value: value, Datum: hydro.PearlRiver},
		Quality: hydro.Pass, ReceivedAt: at.Add(time.Second),
	}
}

func read(ctx context.Context, s store.Store, station string) (all []hydro.Observation, err error) {
	for o, err := range s.Observations(ctx, hydro.Key{Station: station, Variable: hydro.WaterLevel}, noon, noon.Add(24*time.Hour)) {
		if err != nil {
			return all, err
		}
		all = append(all, o)
	}
	return all, nil
}

// The same store value lives through the death of its server, begins before
// the server does, and finds what was acknowledged before a kill -9.
func TestAServerThatGoesAndComesBack(t *testing.T) {
	server, err := influxtest.New(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, influx.Options{URL: server.URL, Bucket: "storm", CreateBucket: true})
	unavailable := func(when string) {
		t.Helper()
		_, readErr := read(t.Context(), s, "a")
		_, forecastErr := s.Forecast(t.Context(), "tanjiang", noon)
		for what, err := range map[string]error{
			"write": s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 9, 9)}), "read": readErr, "forecast": forecastErr,
		} {
			if !errors.Is(err, hydro.ErrUnavailable) {
				t.Errorf("%s: a %s gives %v, want ErrUnavailable", when, what, err)
			}
		}
	}
	unavailable("before the server starts")
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var want []hydro.Observation
	for n, end := range []func() error{server.Stop, server.Kill, server.Stop} {
		o := level("a", n, float64(n))
		if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{o}); err != nil {
			t.Fatal(err)
		}
		want = append(want, o)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		unavailable(fmt.Sprint("after end ", n+1))
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := read(t.Context(), s, "a")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("after end %d: -want +got\n%s", n+1, d)
		}
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
}

// The series that a store makes are bounded by stations, not by time.
func TestCardinalityDoesNotGrowWithTime(t *testing.T) {
	server := influxtest.Run(t)
	s := open(t, influx.Options{URL: server.URL, Bucket: "storm", CreateBucket: true})
	var before []string
	for day := range 3 {
		for i := range 20 {
			at := noon.Add(time.Duration(24*day)*time.Hour + time.Duration(i)*5*time.Minute)
			o := level("a", 0, float64(i))
			o.At, o.Revision = at, uint32(i)
			f := hydro.Forecast{Basin: "tanjiang", IssuedAt: at, Step: time.Hour, Stations: []hydro.StationForecast{{Station: "a", Level: make([]float64, 72), Discharge: make([]float64, 72)}}}
			w := hydro.Warning{ID: fmt.Sprintf("tanjiang/%d/0", 100*day+i), Basin: "tanjiang", Station: "a", At: at, To: hydro.Stage(i % 6)}
			if err := errors.Join(s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{o}), s.WriteForecast(t.Context(), f), s.WriteWarning(t.Context(), w)); err != nil {
				t.Fatal(err)
			}
		}
		series := showSeries(t, server.URL, "storm")
		if day == 0 {
			before = series
			// observation, observation_revised, forecast_run, forecast_station,
			// forecast_latest; nine leads; six stages.
			if want := 5 + 9 + 6; len(series) != want {
				t.Errorf("%d series for one station, want %d:\n%s", len(series), want, strings.Join(series, "\n"))
			}
		} else if d := cmp.Diff(before, series); d != "" {
			t.Errorf("series after day %d differ (-day 1):\n%s", day+1, d)
		}
	}
}

func showSeries(t *testing.T, url, database string) []string {
	t.Helper()
	resp, err := http.Get(url + "/query?q=SHOW+SERIES&db=" + database)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Results []struct{ Series []struct{ Values [][]string } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || len(body.Results) != 1 || len(body.Results[0].Series) != 1 {
		t.Fatalf("SHOW SERIES: %v, %+v", err, body)
	}
	var all []string
	for _, v := range body.Results[0].Series[0].Values {
		all = append(all, v[0])
	}
	slices.Sort(all)
	return all
}

// Each kind of answer and of silence has its kind of error.
func TestAnswersBecomeKindsOfError(t *testing.T) {
	for status, want := range map[int]error{
		400: hydro.ErrInvalid, 413: hydro.ErrInvalid, 422: hydro.ErrInvalid,
		401: hydro.ErrUnavailable, 403: hydro.ErrUnavailable, 404: hydro.ErrUnavailable, 408: hydro.ErrUnavailable,
		429: hydro.ErrUnavailable, 500: hydro.ErrUnavailable, 502: hydro.ErrUnavailable, 503: hydro.ErrUnavailable, 504: hydro.ErrUnavailable,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		s := open(t, influx.Options{URL: server.URL, Bucket: "b"})
		if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 0, 1)}); !errors.Is(err, want) {
			t.Errorf("%d: got error %v, want one that wraps %v", status, err, want)
		}
		server.Close()
		if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 0, 1)}); !errors.Is(err, hydro.ErrUnavailable) {
			t.Errorf("connection refused: got error %v, want ErrUnavailable", err)
		}
	}
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	s := open(t, influx.Options{URL: server.URL, Bucket: "b", Timeout: 50 * time.Millisecond})
	if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 0, 1)}); !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("no answer in time: got error %v, want ErrUnavailable", err)
	}
}

// InfluxDB sends errors that it meets in the midst of an answer inside it.
func TestAnAnswerThatBreaksOffIsNoEnd(t *testing.T) {
	const header = "#datatype,string,long,dateTime:RFC3339,string\r\n#group,false,false,false,false\r\n#default,_result,,,\r\n,result,table,_time,_value\r\n"
	for name, answer := range map[string]string{
		"at once":       "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,out of memory,897\r\n",
		"after a table": header + "\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,out of memory,897\r\n",
		"in a row":      header + ",,0,2026-06-15T04:00:00Z,\"cut",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		s := open(t, influx.Options{URL: server.URL, Bucket: "b"})
		for _, err := range s.Warnings(t.Context(), "tanjiang", noon, noon.Add(time.Hour)) {
			if !errors.Is(err, hydro.ErrUnavailable) {
				t.Errorf("%s: got error %v, want ErrUnavailable", name, err)
			}
		}
		if _, err := s.Forecast(t.Context(), "tanjiang", noon); errors.Is(err, hydro.ErrNotFound) || !errors.Is(err, hydro.ErrUnavailable) {
			t.Errorf("%s: Forecast gives %v, want ErrUnavailable", name, err)
		}
		server.Close()
	}
}

// A v2 is what the store asks of an InfluxDB 2.x before its first write,
// played from the API's description.
type v2 struct {
	mu      sync.Mutex
	bucket  bool
	created []string
	writes  []string
	tokens  map[string]bool
}

func (v *v2) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens[r.Header.Get("Authorization")] = true
	w.Header().Set("Content-Type", "application/json")
	body, _ := io.ReadAll(r.Body)
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v2/setup":
		_, _ = io.WriteString(w, `{"allowed":false}`)
	case "GET /api/v2/orgs":
		_, _ = io.WriteString(w, `{"orgs":[{"id":"0123456789abcdef","name":"water"}]}`)
	case "GET /api/v2/buckets":
		if v.bucket {
			_, _ = io.WriteString(w, `{"buckets":[{"id":"1","name":"flood","orgID":"0123456789abcdef","retentionRules":[]}]}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"code":"not found","message":"bucket \"flood\" not found"}`)
	case "POST /api/v2/buckets":
		v.bucket, v.created = true, append(v.created, string(body))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"1","name":"flood","orgID":"0123456789abcdef","retentionRules":[]}`)
	case "POST /api/v2/write":
		if !v.bucket {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		v.writes = append(v.writes, r.URL.RawQuery)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusTeapot)
	}
}

func TestTheBucketOfInfluxDB2IsMadeOnce(t *testing.T) {
	v := &v2{tokens: map[string]bool{}}
	server := httptest.NewServer(v)
	defer server.Close()
	s := open(t, influx.Options{URL: server.URL, Org: "water", Bucket: "flood", Token: "secret", CreateBucket: true})
	for i := range 3 {
		if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", i, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.created) != 1 || !strings.Contains(v.created[0], `"orgID":"0123456789abcdef"`) || !strings.Contains(v.created[0], `"name":"flood"`) {
		t.Errorf("buckets made: %q", v.created)
	}
	if len(v.writes) != 3 || v.writes[0] != "bucket=flood&org=water&precision=ns" {
		t.Errorf("writes: %q", v.writes)
	}
	if d := cmp.Diff(map[string]bool{"Token secret": true}, v.tokens); d != "" {
		t.Errorf("authorisation: -want +got\n%s", d)
	}
	v.mu.Lock()
	v.bucket = false // somebody removes it
	v.mu.Unlock()
	if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 9, 1)}); !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("a bucket that is gone gives %v, want ErrUnavailable", err)
	}
	if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 9, 1)}); err != nil {
		t.Errorf("the write after that: %v", err)
	}
	if len(v.created) != 2 {
		t.Errorf("buckets made: %q, want it made again", v.created)
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for name, o := range map[string]influx.Options{
		"no url":           {Bucket: "b"},
		"not http":         {URL: "ftp://example.org", Bucket: "b"},
		"no host":          {URL: "http://", Bucket: "b"},
		"no bucket":        {URL: "http://127.0.0.1:8086"},
		"negative timeout": {URL: "http://127.0.0.1:8086", Bucket: "b", Timeout: -1},
	} {
		if _, err := influx.Open(o); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: got error %v, want one that wraps ErrInvalid", name, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	server := influxtest.Run(b)
	n := 0
	storetest.BenchmarkWrite(b, func(b *testing.B) store.Store {
		n++
		return open(b, influx.Options{URL: server.URL, Bucket: fmt.Sprint("bench", n), CreateBucket: true})
	})
}

func BenchmarkRead(b *testing.B) {
	server := influxtest.Run(b)
	storetest.BenchmarkRead(b, func(b *testing.B) store.Store {
		return open(b, influx.Options{URL: server.URL, Bucket: "bench", CreateBucket: true})
	})
}
