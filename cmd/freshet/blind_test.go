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

// An unseeing server has what it was given.
type unseeing struct {
	freshetv1.UnimplementedWarningServiceServer
	sets []hydro.BlindSet
}

func (u *unseeing) ListBlind(_ context.Context, req *freshetv1.ListBlindRequest) (*freshetv1.ListBlindResponse, error) {
	resp := &freshetv1.ListBlindResponse{Now: timestamppb.New(time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC))}
	if req.GetBasin() == "" || req.GetBasin() == "tanjiang" {
		resp.Sets = wire.FromBlind("tanjiang", u.sets)
	}
	return resp, nil
}

func TestBlindGroupsByDepartmentGatewayAndCause(t *testing.T) {
	u := &unseeing{sets: []hydro.BlindSet{
		{Cause: "silent", Department: hydro.Hydrology, Gateway: "gw-1", Stations: []string{"h-a", "h-b", "h-c"}, Escalated: []string{"h-b"}, Since: time.Date(2026, 6, 8, 1, 5, 0, 0, time.UTC)},
		{Cause: "silent", Department: hydro.Weather, Whole: true, Stations: []string{"w-a", "w-b"}, Since: time.Date(2026, 6, 8, 2, 0, 0, 0, time.UTC)},
		{Cause: "refused: datum_mismatch", Department: hydro.Hydrology, Gateway: "gw-1", Stations: []string{"h-d"}},
		{Cause: "quality: stuck", Department: hydro.WaterResources, Gateway: "gw-2", Whole: true, Stations: []string{"r-a", "h-d"}},
	}}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterWarningServiceServer(s, u) })
	run := func(args ...string) (string, error) {
		t.Helper()
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"blind", "--server", address}, args...))
		c.SetOut(&out)
		c.SetErr(&out)
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	want := `7 stations not seen in full at 2026-06-08 12:00

hydrology · gateway gw-1
    tanjiang  silent, the first since 06-08 09:05, 3 stations
        !! on a rising reach, somebody must look: h-b
        h-a, h-c
    tanjiang  refused: datum_mismatch, 1 station
        h-d

weather
    tanjiang  silent, the first since 06-08 10:00, 2 stations (all of the department)
        w-a, w-b

water resources · gateway gw-2
    tanjiang  quality: stuck, 2 stations (all of the gateway)
        r-a, h-d
`
	if got, err := run("--lang", "en"); err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	zh, err := run("--lang", "zh")
	for _, want := range []string{
		"7 站数据不全或中断 · 2026-06-08 12:00\n", "水文 · 网关 gw-1\n", "无来报，最早自 06-08 09:05 起，3 站\n", "!! 位于涨水河段，须派人查看：h-b\n",
		"来报被拒收（基面不符），1 站\n", "无来报，最早自 06-08 10:00 起，2 站（该部门全部）\n", "未通过质量检查（卡滞），2 站（该网关全部）\n",
	} {
		if err != nil || !strings.Contains(zh, want) {
			t.Errorf("%v: no %q in\n%s", err, want, zh)
		}
	}
	out, err := run("--json")
	var got struct {
		Sets []struct {
			Cause, CauseZh, Gateway string
			Stations                []string
		}
	}
	if jsonErr := json.Unmarshal([]byte(out), &got); err != nil || jsonErr != nil || len(got.Sets) != 4 || got.Sets[0].Gateway != "gw-1" || len(got.Sets[0].Stations) != 3 {
		t.Errorf("%v %v: %s", err, jsonErr, out)
	}
	if _, err := run("--exit-code"); err == nil || !strings.Contains(err.Error(), "7 stations are not seen in full") {
		t.Errorf("--exit-code: %v", err)
	}
	if out, err := run("--exit-code", "--basin", "other", "--lang", "en"); err != nil || out != "all stations are seen at 2026-06-08 12:00\n" {
		t.Errorf("nothing blind: %v %q", err, out)
	}
	if out, err := run("--lang", "zh", "--basin", "other"); err != nil || out != "各站均有数据 · 2026-06-08 12:00\n" {
		t.Errorf("nothing blind: %v %q", err, out)
	}
}
