//go:build !race

package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/client"
	freshetv1 "freshet/proto/freshet/v1"
)

// A rain forecast and a plan are acknowledged, and the server is killed at once:
// the next run stands on both.
func TestWhatIsAnnouncedSurvivesAKill(t *testing.T) {
	cat, storm := loadStorm(t)
	b, _ := cat.Basin(basin)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	srv := newServer(t)
	dial := func() *grpc.ClientConn {
		conn, err := client.Dial(srv.spec.GRPC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	forecast := func(at time.Time) *freshetv1.Forecast {
		conn := dial()
		if err := client.NewClock(conn, client.Backoff{}).Advance(ctx, at); err != nil {
			t.Fatal(err)
		}
		f, err := freshetv1.NewForecastServiceClient(conn).GetForecast(ctx, &freshetv1.GetForecastRequest{Basin: basin}, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		return f.GetForecast()
	}
	t0 := storm.Start()
	dry := forecast(t0)
	if got := dry.GetHonesty().GetRainAssumed(); got != "no further rain assumed" {
		t.Fatalf("nothing is announced yet: %q", got)
	}

	ingest := freshetv1.NewIngestServiceClient(dial())
	at := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(t0.Add(d)) }
	rain := &freshetv1.SubmitRainForecastRequest{
		Source: "e2e", Basin: basin, IssuedAt: at(0), ValidUntil: at(12 * time.Hour), StepS: 3600,
		Cells: []*freshetv1.RainCell{{West: 111, South: 21, East: 114, North: 24, Rain: []float64{10, 30, 30, 10}}},
	}
	if _, err := ingest.SubmitRainForecast(ctx, rain); err != nil {
		t.Fatal(err)
	}
	plan := &freshetv1.SubmitDispatchPlanRequest{
		Reservoir: b.Reservoirs[0].ID, OrderedBy: "e2e", IssuedAt: at(0), ValidFrom: at(0), ValidUntil: at(96 * time.Hour),
		Releases: []*freshetv1.Release{{From: at(0), Outflow: 77}},
	}
	if _, err := ingest.SubmitDispatchPlan(ctx, plan); err != nil {
		t.Fatal(err)
	}
	srv.kill()
	srv.start()
	for round, now := range []time.Time{t0.Add(5 * time.Minute), t0.Add(10 * time.Minute)} {
		if round == 1 { // from a snapshot
			srv.stop()
			srv.start()
		}
		wet := forecast(now)
		if h := wet.GetHonesty(); !strings.HasPrefix(h.GetRainAssumed(), "rain forecast of e2e, issued ") || !strings.HasPrefix(h.GetPlan(), "release plan of reservoir "+b.Reservoirs[0].ID+", ordered by e2e") {
			t.Errorf("round %d: rain %q, plan %q", round, h.GetRainAssumed(), h.GetPlan())
		}
		rose := 0
		for i, s := range wet.GetStations() {
			if s.GetPeak().GetDischarge() > 1.5*dry.GetStations()[i].GetPeak().GetDischarge() {
				rose++
			}
		}
		if rose < 5 {
			t.Errorf("round %d: 80 mm of forecast rain raise the peak at %d stations", round, rose)
		}
	}
	// The order is cancelled; the rain forecast stands.
	back := &freshetv1.WithdrawRequest{Reservoir: b.Reservoirs[0].ID, IssuedAt: at(0), WithdrawnBy: "chief", WithdrawnAt: at(10 * time.Minute), Reason: "cancelled"}
	if _, err := freshetv1.NewIngestServiceClient(dial()).Withdraw(ctx, back); err != nil {
		t.Fatal(err)
	}
	srv.kill()
	srv.start()
	without := forecast(t0.Add(15 * time.Minute))
	if h := without.GetHonesty(); strings.Contains(h.GetPlan(), "release plan") || !strings.Contains(h.GetLineEn(), " by chief: not used") || !strings.HasPrefix(h.GetRainAssumed(), "rain forecast of e2e") {
		t.Errorf("withdrawn: %q", h.GetLineEn())
	}
	if n := len(without.GetArealRain()); n != len(b.SubBasins) || without.GetArealRain()[0].GetAssumed() < 70 {
		t.Errorf("areal rain of %d sub-basins: %v", n, without.GetArealRain())
	}
	if expired := forecast(t0.Add(12 * time.Hour)); expired.GetHonesty().GetRainAssumed() != "no further rain assumed" {
		t.Errorf("after it expired: %q", expired.GetHonesty().GetRainAssumed())
	}
}
