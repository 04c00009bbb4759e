package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

type explaining struct {
	freshetv1.UnimplementedWarningServiceServer
	x hydro.Explanation
}

func (e *explaining) ExplainWarning(_ context.Context, req *freshetv1.ExplainWarningRequest) (*freshetv1.ExplainWarningResponse, error) {
	e.x.Warning.ID = req.GetId()
	return &freshetv1.ExplainWarningResponse{Warning: wire.FromWarning(&e.x.Warning), Explanation: wire.FromExplanation(&e.x)}, nil
}

func TestExplainShowsReadingsRulesAndClocks(t *testing.T) {
	at := time.Date(2026, 6, 8, 2, 0, 0, 0, time.UTC)
	observation := hydro.Observation{
		Reading: hydro.Reading{Key: hydro.Key{Station: "h", Variable: hydro.WaterLevel}, At: at, Raw: 6.1, Value: 5.356, Datum: hydro.PearlRiver, Notes: hydro.NoteDatumConverted},
		Quality: hydro.Pass, Tests: hydro.NoteDatumConverted, ReceivedAt: at.Add(time.Minute),
	}
	e := &explaining{x: hydro.Explanation{
		Warning: hydro.Warning{
			Basin: "b", Station: "h", At: at, To: hydro.Blue, Catalogue: "sha256:0123", ReasonZH: "恩平：超蓝色。", ReasonEN: "Enping: above blue.",
			Observed: hydro.Leg{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 5.356, Threshold: 5.3, At: at},
		},
		HasTable: true, TableFrom: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), TableDatum: hydro.National1985, TableSource: "the plan", Illustrative: true,
		Quantities: []hydro.ExplainedQuantity{{
			Variable: hydro.WaterLevel, To: hydro.Blue, Decides: true, Evidence: true, Value: 5.356, At: at, Raise: 10 * time.Minute, Lower: time.Hour,
			Steps: []hydro.ExplainedStep{{Stage: hydro.Blue, Given: 6.044, Threshold: 5.3, Met: true, MetSince: at.Add(-10 * time.Minute)}, {Stage: hydro.Yellow, Given: 7, Threshold: 7}},
		}},
		Readings: []hydro.ExplainedReading{{Observation: observation, Usable: true, ReportedDatum: hydro.National1985, Added: -0.744, AddedSource: "survey"}},
		Sights:   []hydro.ExplainedSight{{Class: "sky", Window: 12 * time.Minute, Out: true}},
	}}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterWarningServiceServer(s, e) })
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"explain", "b/20260608T020000Z/h", "--server", address}, args...))
		c.SetOut(&out)
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(out.String()), " ") // without line breaks
	}
	got := run("--lang", "en")
	for _, want := range []string{
		"b/20260608T020000Z/h - Enping: above blue. - From clear to blue;",
		"Observed water level: 5.36 m at 2026-06-08 10:00; blue 5.30 m (table NATIONAL_1985 6.044 -0.744) met since 2026-06-08 09:50 (10m needed); yellow 7.00 m not met.",
		"datum NATIONAL_1985 6.100 -0.744 = PEARL_RIVER 5.356 (survey).",
		"Rules: catalogue sha256:0123, stage table valid from 2026-01-01 08:00, source: the plan; illustrative, not official.",
		"No forecast run yet.", "Not seen: the sky; last usable never, window 12m;",
		"water_level/0 06-08 10:00 5.356 = NATIONAL_1985 6.100 -0.744",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	got = run("--lang", "zh")
	for _, want := range []string{"恩平：超蓝色。", "由解除变为蓝色；", "自 2026-06-08 09:50 达", "示例阈值，非正式", "预报：尚无。", "看不见：雨情"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := run("--json"); !strings.Contains(got, `"linesEn"`) && !strings.Contains(got, `"lines_en"`) {
		t.Errorf("no lines in %s", got)
	}
}
