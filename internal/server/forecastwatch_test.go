package server_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"freshet/internal/hydro"
	"freshet/internal/journal"
	freshetv1 "freshet/proto/freshet/v1"
)

func TestTheStandingOfAForecastIsAskedByBasin(t *testing.T) {
	b := newBench(t)
	client := freshetv1.NewForecastServiceClient(b.conn)
	got, err := client.GetForecastWatch(t.Context(), &freshetv1.GetForecastWatchRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	w := got.GetWatch()
	run, err := client.GetForecast(t.Context(), &freshetv1.GetForecastRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	if w.GetStanding() != freshetv1.ForecastStanding_FORECAST_STANDING_VALID || !w.GetIssuedAt().AsTime().Equal(run.GetForecast().GetIssuedAt().AsTime()) ||
		!w.GetValidUntil().AsTime().Equal(run.GetForecast().GetHonesty().GetValidUntil().AsTime()) || w.GetDetail() == "" || w.GetDetailZh() == "" || !w.GetAt().IsValid() {
		t.Errorf("%v", w)
	}
	code, body := get(t, b.http+"/v1/forecasts/watch?basin="+riverBasin)
	over := &freshetv1.GetForecastWatchResponse{}
	if err := protojson.Unmarshal([]byte(body), over); code != 200 || err != nil || over.GetWatch().GetStanding() != w.GetStanding() {
		t.Errorf("%d %v %s", code, err, body)
	}
	quiet, err := client.GetForecastWatch(t.Context(), &freshetv1.GetForecastWatchRequest{Basin: quietBasin})
	if err != nil || quiet.GetWatch().GetStanding() != freshetv1.ForecastStanding_FORECAST_STANDING_UNSPECIFIED {
		t.Errorf("a basin without a run: %v %v", quiet, err)
	}
	for basin, want := range map[string]codes.Code{"": codes.InvalidArgument, "elsewhere": codes.NotFound} {
		if _, err := client.GetForecastWatch(t.Context(), &freshetv1.GetForecastWatchRequest{Basin: basin}); status.Code(err) != want {
			t.Errorf("%q: %v", basin, err)
		}
	}
	_, metrics := get(t, b.http+"/metrics")
	for _, line := range []string{
		`freshet_forecast_standing{basin="` + riverBasin + `",standing="valid"} 1`,
		`freshet_forecast_standing{basin="` + riverBasin + `",standing="expired"} 0`,
		`freshet_forecast_standing{basin="` + quietBasin + `",standing="valid"} 0`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s", line)
		}
	}
}

// What becomes of a forecast comes on the feed in its order, over gRPC and as an
// event, and who comes again goes on behind it.
func TestTheFeedTellsOfForecastsInOrder(t *testing.T) {
	b := newBench(t)
	watch := hydro.ForecastWatch{Basin: riverBasin, Standing: hydro.ForecastExpired, At: begin, Since: begin, IssuedAt: begin.Add(-time.Hour), ValidUntil: begin, DetailZH: "预报已过期", Detail: "expired"}
	warning := feedWarning(riverBasin, 1)
	p := b.journal.Publisher(riverBasin, journal.Position{})
	err := p.Publish(t.Context(), 1, []hydro.Output{{Watch: &watch}, {Warning: &warning}})
	if err == nil {
		err = p.Flush(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{FromStart: true})
	first := w.next()
	for first.GetForecastWatch() == nil && first.GetWarning() == nil { // a heartbeat
		first = w.next()
	}
	if first.GetForecastWatch().GetStanding() != freshetv1.ForecastStanding_FORECAST_STANDING_EXPIRED || first.GetUnseen() != 1 {
		t.Fatalf("%v", first)
	}
	if again := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{ResumeToken: first.GetResumeToken()}).warning(); again.GetWarning().GetId() != warning.ID {
		t.Errorf("behind it: %v", again)
	}
	e := b.events(t.Context(), t, "?from_start=true&kind=forecast_watch", "")
	defer e.body.Close()
	if _, m := e.item("forecast_watch"); m.GetForecastWatch().GetDetailZh() != watch.DetailZH || m.GetUnseen() != 0 {
		t.Errorf("%v", m)
	}
}
