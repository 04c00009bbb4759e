//go:build !race

package e2e_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/client"
	freshetv1 "freshet/proto/freshet/v1"
)

// gatedCatalog returns a copy of the catalogue in which a reservoir has outlets.
func gatedCatalog(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const end = "[38.6, 200], [42, 258]]\n"
	found := 0
	files, err := filepath.Glob(filepath.Join(catalogDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found += strings.Count(string(text), end)
		out := strings.ReplaceAll(string(text), end, "[38.6, 200], [42, 258], [44, 294]]\n"+
			"        outlets: [{name: gates, kind: gate, sill: 20, width: 10, height: 6, coefficient: 0.6}, {name: power, kind: turbines, min_level: 19, capacity: 20}]\n")
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found != 1 {
		t.Fatalf("%d reservoirs given outlets", found)
	}
	return dir
}

// Gates are ordered while it rains, and the server is killed at once: the next run
// stands on the order. It is withdrawn over REST, and the server killed again: the
// next run does not.
func TestAGatePlanSurvivesAKillAndIsWithdrawn(t *testing.T) {
	cat, storm := loadStorm(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	srv := newServerOf(t, gatedCatalog(t))
	const steps, dam = 12, "dashahe"
	if err := newSender(cat).play(ctx, srv.spec.GRPC, storm, steps, nil); err != nil {
		t.Fatal(err)
	}
	now := storm.Frames(steps - 1).At
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
	level := func(f *freshetv1.Forecast) float64 { // at the horizon
		for _, s := range f.GetStations() {
			if l := s.GetLevel(); s.GetStation() == "r-"+dam && len(l) > 0 {
				return l[len(l)-1]
			}
		}
		return math.NaN()
	}

	plan := &freshetv1.SubmitDispatchPlanRequest{
		Reservoir: dam, OrderedBy: "e2e", IssuedAt: timestamppb.New(now), ValidFrom: timestamppb.New(now), ValidUntil: timestamppb.New(now.Add(96 * time.Hour)),
		Gates: []*freshetv1.GateSetting{{From: timestamppb.New(now), Outlet: "door", Opening: 2}},
	}
	ingest := freshetv1.NewIngestServiceClient(dial())
	if _, err := ingest.SubmitDispatchPlan(ctx, plan); status.Code(err) != codes.InvalidArgument || !strings.Contains(status.Convert(err).Message(), `no outlet "door"`) {
		t.Errorf("a gate that is not there: %v", err)
	}
	plan.Gates[0].Outlet = "gates"
	if _, err := ingest.SubmitDispatchPlan(ctx, plan); err != nil {
		t.Fatal(err)
	}
	srv.kill()
	srv.start()
	ordered := forecast(now.Add(5 * time.Minute))
	if h := ordered.GetHonesty(); !strings.HasPrefix(h.GetPlan(), "gate plan of reservoir "+dam+", ordered by e2e") || !strings.Contains(h.GetLineEn(), "reservoir "+dam+": as planned, at most ") || !strings.Contains(h.GetLineZh(), "闸门调度方案") {
		t.Errorf("plan %q, %s", h.GetPlan(), h.GetLineEn())
	}

	text, err := protojson.Marshal(&freshetv1.WithdrawRequest{
		Reservoir: dam, IssuedAt: timestamppb.New(now), WithdrawnBy: "chief", WithdrawnAt: timestamppb.New(now.Add(5 * time.Minute)), Reason: "cancelled",
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+srv.spec.HTTP+"/v1/withdrawals", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), "/"+dam+`"`) {
		t.Fatalf("%s: %s, %v", answer.Status, body, err)
	}
	srv.kill()
	srv.start()
	without := forecast(now.Add(10 * time.Minute))
	if h := without.GetHonesty(); strings.Contains(h.GetPlan(), "gate plan") || !strings.Contains(h.GetLineEn(), " by chief: not used") {
		t.Errorf("withdrawn: plan %q, %s", h.GetPlan(), h.GetLineEn())
	}
	if a, b := level(ordered), level(without); !(a < b-0.5) {
		t.Errorf("at the horizon %g m with the gates 2 m open, %g m without the order", a, b)
	}
}
