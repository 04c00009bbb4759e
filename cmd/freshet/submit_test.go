package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// A desk takes submissions and remembers the last of each kind.
type desk struct {
	freshetv1.UnimplementedIngestServiceServer
	rain *freshetv1.SubmitRainForecastRequest
	plan *freshetv1.SubmitDispatchPlanRequest
	tide *freshetv1.SubmitTideRequest
	back *freshetv1.WithdrawRequest
}

func (d *desk) SubmitRainForecast(_ context.Context, m *freshetv1.SubmitRainForecastRequest) (*freshetv1.SubmitRainForecastResponse, error) {
	d.rain = m
	return &freshetv1.SubmitRainForecastResponse{Id: "r1"}, nil
}

func (d *desk) SubmitDispatchPlan(_ context.Context, m *freshetv1.SubmitDispatchPlanRequest) (*freshetv1.SubmitDispatchPlanResponse, error) {
	d.plan = m
	return &freshetv1.SubmitDispatchPlanResponse{Id: "p1"}, nil
}

func (d *desk) SubmitTide(_ context.Context, m *freshetv1.SubmitTideRequest) (*freshetv1.SubmitTideResponse, error) {
	d.tide = m
	return &freshetv1.SubmitTideResponse{Id: "t1"}, nil
}

func (d *desk) Withdraw(_ context.Context, m *freshetv1.WithdrawRequest) (*freshetv1.WithdrawResponse, error) {
	d.back = m
	return &freshetv1.WithdrawResponse{Id: "w1"}, nil
}

func TestSubmitSendsTheFilesThatItsHelpShows(t *testing.T) {
	d := &desk{}
	server := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterIngestServiceServer(s, d) })
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	example := func(name string) string {
		c, _, err := root().Find([]string{"submit", name})
		if err != nil {
			t.Fatal(err)
		}
		return c.Example
	}
	out, _, err := run(t.Context(), nil, "submit", "rain", file(example("rain")), "--server", server)
	if err != nil || out != "on disk: r1\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if r := d.rain; r.GetSource() != "Guangdong 3 km" || r.GetIssuedAt().GetSeconds() != 1780272000 || r.GetSubBasins()[0].GetRain()[2] != 12 {
		t.Errorf("sent %v", r)
	}
	out, _, err = run(t.Context(), nil, "submit", "plan", file(example("plan")), "--server", server, "--json")
	if err != nil || out != `{"id":"p1"}`+"\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if p := d.plan; p.GetOrderedBy() != "江门三防" || p.GetReleases()[1].GetOutflow() != 500 || p.GetReleases()[1].GetFrom().GetSeconds() != 1780297200 {
		t.Errorf("sent %v", p)
	}
	gates := `{"reservoir": "x", "gates": [{"from": "2026-06-01T00:00:00Z", "outlet": "spillway", "opening": 1.5}]}`
	if _, _, err = run(t.Context(), nil, "submit", "plan", file(gates), "--server", server); err != nil || d.plan.GetGates()[0].GetOpening() != 1.5 {
		t.Errorf("gates: %v", err)
	}
	out, _, err = run(t.Context(), nil, "submit", "tide", file(example("tide")), "--server", server)
	if err != nil || out != "on disk: t1\n" || d.tide.GetTurns()[1].GetLevel() != -0.44 || d.tide.GetTurns()[0].GetAt().GetSeconds() != 1780252260 {
		t.Errorf("%q, %v, sent %v", out, err, d.tide)
	}
	out, _, err = run(t.Context(), nil, "submit", "withdrawal", file(example("withdrawal")), "--server", server)
	if err != nil || out != "on disk: w1\n" || d.back.GetReservoir() != "jinjiang" || d.back.GetWithdrawnAt().GetSeconds() != 1780340400 {
		t.Errorf("%q, %v, sent %v", out, err, d.back)
	}
	if _, _, err = run(t.Context(), nil, "submit", "plan", file(`{"reservoir": "x", "releases": [{"from": "2026-06-01T00:00:00Z", "outflow": 1}]}`), "--server", server); err != nil || d.plan.GetReservoir() != "x" {
		t.Errorf("JSON: %v", err)
	}
	for name, text := range map[string]string{"an unknown field": "sorce: x", "no mapping": "[1", "no time": "issued_at: yesterday"} {
		if _, _, err = run(t.Context(), nil, "submit", "rain", file(text), "--server", server); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err = run(t.Context(), nil, "submit", "rain", "nowhere.yaml"); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("no file: %v", err)
	}
}
