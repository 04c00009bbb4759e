package app_test

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/forecastcsv"
	freshetv1 "freshet/proto/freshet/v1"
)

// A server whose clock was moved has issued a run at each step: they are read by
// page, by link and as they come.
func TestForecastsAreReadByMachine(t *testing.T) {
	o := app.DefaultOptions()
	o.Catalog, o.Data, o.Clock, o.GRPC, o.HTTP = "../../deploy/catalog/river_don", t.TempDir(), "driven", "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Security{}.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := freshetv1.NewForecastServiceClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	start := time.Date(2007, 6, 24, 0, 0, 0, 0, time.UTC)
	const n = 7
	issued := func(i int) time.Time { return start.Add(time.Duration(i) * 5 * time.Minute) }
	advance := func(i int) {
		t.Helper()
		if err := client.NewClock(conn, client.Backoff{}).Advance(ctx, issued(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		advance(i)
	}
	if err := a.WaitArchived(ctx); err != nil {
		t.Fatal(err)
	}

	var listed []time.Time
	pages := 0
	for token := ""; ; pages++ {
		m, err := c.ListForecasts(ctx, &freshetv1.ListForecastsRequest{From: timestamppb.New(start), To: timestamppb.New(start.Add(48 * time.Hour)), Limit: 3, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.GetForecasts() {
			listed = append(listed, f.GetIssuedAt().AsTime())
		}
		if token = m.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(listed) != n || pages > 3 {
		t.Fatalf("%d runs in %d pages: %v", len(listed), pages+1, listed)
	}
	for i, at := range listed {
		if !at.Equal(issued(n - 1 - i)) {
			t.Errorf("run %d is of %s", i, at)
		}
	}

	// As they come: behind a time of issue, and behind a token.
	watch := func(req *freshetv1.WatchForecastsRequest, want ...int) (token string) {
		t.Helper()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s, err := c.WatchForecasts(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		for len(want) > 0 {
			m, err := s.Recv()
			if err != nil {
				t.Fatal(err)
			}
			token = m.GetResumeToken()
			if m.GetForecast() == nil {
				continue
			}
			if at := m.GetForecast().GetIssuedAt().AsTime(); !at.Equal(issued(want[0])) || len(m.GetForecast().GetStations()[0].GetDischarge()) == 0 {
				t.Fatalf("a run of %s, want that of %s", at, issued(want[0]))
			}
			want = want[1:]
		}
		return token
	}
	for i := range n - 1 {
		var want []int
		for k := i + 1; k < n; k++ {
			want = append(want, k)
		}
		watch(&freshetv1.WatchForecastsRequest{IssuedAfter: timestamppb.New(issued(i))}, want...)
	}
	token := watch(&freshetv1.WatchForecastsRequest{IssuedAfter: timestamppb.New(issued(1))}, 2, 3)
	advance(n)
	watch(&freshetv1.WatchForecastsRequest{ResumeToken: token}, 4, 5, 6, 7)

	get := func(path string, code int) (http.Header, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.HTTPAddr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != code {
			t.Fatalf("%s: %s, %v: %s", path, resp.Status, err, b)
		}
		return resp.Header, string(b)
	}
	_, latest := get("/v1/forecasts/river_don/latest.csv", http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(latest)).ReadAll()
	if err != nil || len(rows) < 2 || strings.Join(rows[0], ",") != strings.Join(forecastcsv.Header, ",") || rows[1][1] != issued(n).Format(time.DateTime) {
		t.Fatalf("%d rows, %v: %.300s", len(rows), err, latest)
	}
	if _, old := get("/v1/forecasts/river_don/20070624T001000Z.csv", http.StatusOK); !strings.Contains(old, ",2007-06-24 00:10:00,") {
		t.Errorf("%.300s", old)
	}
	if h, text := get("/v1/forecasts/river_don/latest/st_forecast_f.csv?unit=U&plan=P", http.StatusOK); text != strings.Join(forecastcsv.HeaderSL323, ",")+"\n" || h.Get("X-Freshet-Stations-Without-Code") != "hadfields" {
		t.Errorf("%v %.300s", h, text) // the station has no code of eight characters
	}
	if _, text := get("/v1/forecasts/river_don/latest.json", http.StatusOK); !strings.Contains(text, `"river_don"`) {
		t.Errorf("%.300s", text)
	}
	get("/v1/forecasts/river_don/never.csv", http.StatusBadRequest)
	get("/v1/forecasts/river_don/20060624T001000Z.csv", http.StatusNotFound)
	get("/v1/forecasts/other/latest.csv", http.StatusNotFound)
}
