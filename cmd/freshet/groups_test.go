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

// A grouping server has one wave and one outage.
type grouping struct {
	freshetv1.UnimplementedWarningServiceServer
	groups []hydro.GroupChange
}

func (g *grouping) ListGroups(_ context.Context, req *freshetv1.ListGroupsRequest) (*freshetv1.ListGroupsResponse, error) {
	resp := &freshetv1.ListGroupsResponse{Now: timestamppb.New(time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC))}
	for i := range g.groups {
		if !req.GetOpenOnly() || !g.groups[i].Closed() {
			resp.Groups = append(resp.Groups, wire.FromGroup(&g.groups[i]))
		}
	}
	return resp, nil
}

func TestGroupsShowAWaveStationByStation(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 6, 8, hour, 30, 0, 0, time.UTC) }
	g := &grouping{groups: []hydro.GroupChange{
		{
			ID: "b/wave/20260608T013000Z/up", Basin: "b", Kind: hydro.WaveGroup, Event: hydro.GroupRaised, At: at(3), OpenedAt: at(1), Stage: hydro.Orange, Highest: hydro.Orange,
			Station: "up", TextZH: "锦江洪水波升级。", TextEN: "Flood wave rises.", Count: 4, Standing: 2,
			Stations: []hydro.GroupStation{
				{
					Station: "up", Stage: hydro.Orange, Highest: hydro.Orange, JoinedAt: at(1), PeakAt: at(3), PeakValue: 8.25, PeakVariable: hydro.WaterLevel, PeakObserved: true,
					Arrivals: []hydro.GroupArrival{{Stage: hydro.Blue, At: at(1), Observed: true}, {Stage: hydro.Orange, At: at(2), Observed: true}},
				},
				{Station: "middle", Stage: hydro.Blind, Highest: hydro.Blue, JoinedAt: at(1), Cause: "silent since 06-08 10:00"},
				{Station: "rain", Highest: hydro.Yellow, JoinedAt: at(1), LeftAt: at(3), Rain: true},
				{Station: "mouth", PeakAt: at(9), PeakValue: 900, PeakVariable: hydro.Discharge, Arrivals: []hydro.GroupArrival{{Stage: hydro.Blue, At: at(6)}}},
			},
		},
		{
			ID: "b/blind/20260608T003000Z/x", Basin: "b", Kind: hydro.BlindGroup, Event: hydro.GroupClosed, At: at(1), OpenedAt: at(0), ClosedAt: at(1), Highest: hydro.Blind,
			TextZH: "水文失明结束。", TextEN: "Over.", Cause: "silent", Department: hydro.Hydrology,
		},
	}}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterWarningServiceServer(s, g) })
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"groups", "--server", address}, args...))
		c.SetOut(&out)
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	want := `1 open, 1 closed at 2026-06-08 12:00

ORANGE  b/wave/20260608T013000Z/up
    Flood wave rises.
    up      ORANGE  BLUE 06-08 09:30  ORANGE 06-08 10:30  highest 06-08 11:30 8.25 m
    middle  BLIND   blind: silent since 06-08 10:00
    rain    back    rain
    mouth   ahead   BLUE expected 06-08 14:30  crest expected 06-08 17:30 900.00 m³/s

closed  b/blind/20260608T003000Z/x
    Over.
`
	if got := run("--lang", "en"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, want := range []string{"1 组在预警，1 组已结束 · 2026-06-08 12:00\n", "橙色    b/wave", "    锦江洪水波升级。\n", "未到    蓝色 预计 06-08 14:30  洪峰预计 06-08 17:30 900.00 m³/s\n", "已结束  b/blind"} {
		if got := run("--lang", "zh"); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	var got struct {
		Groups []struct {
			Kind, Event string
			Stations    []struct{ Arrivals []struct{ Observed bool } }
		}
	}
	if err := json.Unmarshal([]byte(run("--json", "--open")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Groups) != 1 || got.Groups[0].Kind != "GROUP_KIND_WAVE" || got.Groups[0].Event != "GROUP_EVENT_RAISED" || !got.Groups[0].Stations[0].Arrivals[1].Observed {
		t.Errorf("%+v", got)
	}
}
