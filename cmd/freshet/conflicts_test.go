package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A disputed server has one conflict, or none.
type disputed struct {
	freshetv1.UnimplementedStationServiceServer
	conflicts []hydro.Conflict
}

func (d *disputed) ListConflicts(context.Context, *freshetv1.ListConflictsRequest) (*freshetv1.ListConflictsResponse, error) {
	now := time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC)
	resp := &freshetv1.ListConflictsResponse{Now: timestamppb.New(now)}
	for i := range d.conflicts {
		resp.Conflicts = append(resp.Conflicts, wire.FromConflict(&d.conflicts[i], now))
	}
	return resp, nil
}

func TestConflictsAreAWorkList(t *testing.T) {
	d := &disputed{conflicts: []hydro.Conflict{{
		ID: "b/threshold/h/water_level/yellow", Kind: hydro.ThresholdConflict, Basin: "b", Site: "town", Station: "h", Variable: hydro.WaterLevel, Stage: hydro.Yellow,
		Since: time.Date(2026, 6, 6, 4, 0, 0, 0, time.UTC),
		Parties: []hydro.Party{
			{HasValue: true, Value: 7.3, Datum: hydro.PearlRiver, Source: "plan"},
			{Department: hydro.WaterResources, HasValue: true, Value: 7.5, Datum: hydro.PearlRiver, Source: "their plan", At: time.Date(2026, 6, 6, 4, 0, 0, 0, time.UTC)},
		},
	}}}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterStationServiceServer(s, d) })
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"conflicts", "--server", address}, args...))
		c.SetOut(&out)
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for _, want := range []string{
		"1 conflict at 2026-06-08 12:00\n", "since 2026-06-06 12:00, for 2 d 00 h  h (site town)  yellow thresholds of water level differ\n",
		"    catalogue        7.30 m (PEARL_RIVER)  plan\n", "    water resources  7.50 m (PEARL_RIVER)  their plan  in force since 2026-06-06 12:00\n",
		"    to settle: agree on one threshold, give it in stage_tables",
	} {
		if got := run("--lang", "en"); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, want := range []string{"1 项不一致待处理", "自 2026-06-06 12:00 起，已 2 天 00 小时  h（站址 town）  黄色水位阈值不一致", "    基础资料  7.30 m (PEARL_RIVER)", "    水利      7.50 m", "处理：各部门商定同一阈值"} {
		if got := run("--lang", "zh"); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	var got struct {
		Conflicts []struct {
			Kind    string
			Parties []struct{ Value *float64 }
			StoodS  float64
		}
	}
	if err := json.Unmarshal([]byte(run("--json")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Conflicts) != 1 || got.Conflicts[0].Kind != "CONFLICT_KIND_THRESHOLD" || *got.Conflicts[0].Parties[1].Value != 7.5 || got.Conflicts[0].StoodS != 48*3600 {
		t.Errorf("%+v", got)
	}
	d.conflicts = nil
	if got := run("--lang", "en"); got != "no conflicts at 2026-06-08 12:00\n" {
		t.Errorf("%q", got)
	}
}
