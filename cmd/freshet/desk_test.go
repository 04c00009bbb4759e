package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A deskServer has one round and one response, and remembers what it was asked.
type deskServer struct {
	freshetv1.UnimplementedCalloutServiceServer
	freshetv1.UnimplementedPlanServiceServer
	confirm *freshetv1.ConfirmCallRequest
	attempt *freshetv1.RecordAttemptRequest
	declare *freshetv1.DeclareRequest
	measure *freshetv1.UpdateMeasureRequest
	down    *freshetv1.StandDownRequest
}

var (
	deskNow = time.Date(2026, 6, 8, 19, 2, 0, 0, time.UTC)
	called  = hydro.Call{
		Person: "h1", NameZH: "示例丙", NameEN: "Example C", TitleZH: "值班员", TitleEN: "duty officer", Department: hydro.Hydrology, Roster: "hydrology",
		Outcome: hydro.Calling, Tries: 3, Given: 2, Interval: 100 * time.Second, Began: deskNow, Last: deskNow, Phones: []string{"000-03"},
	}
)

func (d *deskServer) ListCalls(context.Context, *freshetv1.ListCallsRequest) (*freshetv1.ListCallsResponse, error) {
	done := called
	done.Person, done.NameEN, done.Outcome, done.How, done.By, done.Ended = "w1", "Example A", hydro.CallConfirmed, "by telephone", hydro.Person{Name: "O"}, deskNow
	r := hydro.CallRound{
		Wave: "g1", Stage: hydro.Red, Station: "a", ReasonEN: "over red", ReasonZH: "超红色", Opened: deskNow,
		Chains: []hydro.CallChain{
			{Roster: "hydrology", NameZH: "水文站", NameEN: "hydrology desk", Department: hydro.Hydrology, Outcome: hydro.Calling, People: []string{"h1"}},
			{Roster: "weather", NameZH: "气象台", NameEN: "weather desk", Department: hydro.Weather, Outcome: hydro.CallConfirmed, People: []string{"w1"}},
		},
		Calls: []hydro.Call{called, done},
	}
	return &freshetv1.ListCallsResponse{Now: timestamppb.New(deskNow), Rounds: []*freshetv1.CallRound{wire.FromCallRound("b", &r)}}, nil
}

func (d *deskServer) ListUnreached(_ context.Context, req *freshetv1.ListUnreachedRequest) (*freshetv1.ListUnreachedResponse, error) {
	resp := &freshetv1.ListUnreachedResponse{Now: timestamppb.New(deskNow)}
	if req.GetBasin() != "quiet" {
		u := hydro.Unreached{Wave: "g1", Stage: hydro.Red, Call: called}
		u.Call.Outcome, u.Call.Given = hydro.CallUnreached, 3
		resp.Unreached = append(resp.Unreached, wire.FromUnreached("b", &u))
	}
	return resp, nil
}

func told(text string) []*freshetv1.DutyEvent {
	return []*freshetv1.DutyEvent{{At: timestamppb.New(deskNow), TextEn: text, TextZh: "中文：" + text}}
}

func (d *deskServer) ConfirmCall(_ context.Context, req *freshetv1.ConfirmCallRequest) (*freshetv1.ConfirmCallResponse, error) {
	d.confirm = req
	if req.GetPerson() == "nobody" {
		return nil, status.Error(codes.FailedPrecondition, `nobody calls "nobody"`)
	}
	return &freshetv1.ConfirmCallResponse{Events: told("confirmed")}, nil
}

func (d *deskServer) RecordAttempt(_ context.Context, req *freshetv1.RecordAttemptRequest) (*freshetv1.RecordAttemptResponse, error) {
	d.attempt = req
	return &freshetv1.RecordAttemptResponse{Events: told("tried")}, nil
}

func (d *deskServer) ListResponses(context.Context, *freshetv1.ListResponsesRequest) (*freshetv1.ListResponsesResponse, error) {
	r := hydro.Response{
		Plan: "water", NameZH: "水利响应", NameEN: "Water response", BodyZH: "水利局", BodyEN: "Water bureau", Department: hydro.WaterResources,
		Declared: hydro.ResponseIV, DeclaredAt: deskNow, By: hydro.Person{Name: "O"},
		Measures: []hydro.Measure{{ID: "m1", Level: hydro.ResponseIV, NameZH: "巡查", NameEN: "Patrol", Department: hydro.WaterResources, State: hydro.MeasureOpened, Opened: deskNow, Deadline: deskNow, Late: true}},
	}
	return &freshetv1.ListResponsesResponse{Now: timestamppb.New(deskNow), Responses: []*freshetv1.Response{wire.FromResponse("b", &r)}, Illustrative: "example data"}, nil
}

func (d *deskServer) Declare(_ context.Context, req *freshetv1.DeclareRequest) (*freshetv1.DeclareResponse, error) {
	d.declare = req
	return &freshetv1.DeclareResponse{Events: told("declared")}, nil
}

func (d *deskServer) StandDown(_ context.Context, req *freshetv1.StandDownRequest) (*freshetv1.StandDownResponse, error) {
	d.down = req
	return &freshetv1.StandDownResponse{Events: told("stood down")}, nil
}

func (d *deskServer) UpdateMeasure(_ context.Context, req *freshetv1.UpdateMeasureRequest) (*freshetv1.UpdateMeasureResponse, error) {
	d.measure = req
	return &freshetv1.UpdateMeasureResponse{Events: told("ticked")}, nil
}

func TestTheDeskOnATerminal(t *testing.T) {
	d := &deskServer{}
	address := serveTest(t, func(s *grpc.Server) {
		freshetv1.RegisterCalloutServiceServer(s, d)
		freshetv1.RegisterPlanServiceServer(s, d)
	})
	run := func(args ...string) (string, error) {
		t.Helper()
		var out bytes.Buffer
		c := root()
		c.SetArgs(append(args, "--server", address))
		c.SetOut(&out)
		c.SetErr(&out)
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"calls list --lang en", []string{"1 rounds of calls at 2026-06-09 03:02:00", "RED", "g1", "over red", "hydrology desk  calling", "h1 Example C duty officer  000-03  tries 2/3  calling, due by 03:03:40", "weather desk  confirmed", "by telephone (recorded by O)"}},
		{"calls list --lang zh", []string{"叫应 1 轮", "超红色", "水文站  呼叫中", "示例丙 值班员  000-03  应呼 2/3  呼叫中，须于 03:03:40 前确认"}},
		{"calls unreached --lang en", []string{"1 not reached at", "UNREACHED", "000-03"}},
		{"calls unreached --lang en --basin quiet", []string{"nobody is unreached at 2026-06-09 03:02:00"}},
		{"calls confirm h1 --text phone --lang en --by O --group g1 --stage red", []string{"06-09 03:02  confirmed"}},
		{"calls attempt h1 --text busy --lang zh --request-id r1", []string{"中文：tried"}},
		{"plan list --lang en", []string{"Water response", "Level IV · declared 2026-06-09 03:02 by O", "[IV] Patrol", "LATE!", "example data"}},
		{"plan print --lang zh", []string{"<!DOCTYPE html>", "水利响应", "巡查", "超时！", "example data"}},
		{"plan print --text --lang zh --plan water", []string{"水利响应", "巡查"}},
		{"plan declare water iii --text why --lang en", []string{"declared"}},
		{"plan stand-down water --lang en", []string{"stood down"}},
		{"plan tick water m1 done --text proof --lang en", []string{"ticked"}},
		{"plan print --catalog ../../deploy/catalog/tanjiang --plan weather --text --lang en", []string{"Level IV", "Nowcasts more often", "illustrative example"}},
	} {
		got, err := run(strings.Fields(c.args)...)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", c.args, w, got)
			}
		}
	}
	if r := d.confirm; r.GetPerson() != "h1" || r.GetText() != "phone" || r.GetBy() != "O" || r.GetGroup() != "g1" || r.GetStage() != freshetv1.Stage_STAGE_RED || len(r.GetRequestId()) < 16 {
		t.Errorf("asked to confirm: %v", r)
	}
	if r := d.attempt; r.GetRequestId() != "r1" || r.GetText() != "busy" {
		t.Errorf("asked to record: %v", r)
	}
	if r := d.declare; r.GetPlan() != "water" || r.GetLevel() != freshetv1.ResponseLevel_RESPONSE_LEVEL_III || r.GetText() != "why" {
		t.Errorf("asked to declare: %v", r)
	}
	if r := d.measure; r.GetMeasure() != "m1" || r.GetAction() != freshetv1.MeasureAction_MEASURE_ACTION_DONE || r.GetText() != "proof" {
		t.Errorf("asked to tick: %v", r)
	}
	if d.down.GetPlan() != "water" {
		t.Errorf("asked to stand down: %v", d.down)
	}
	for _, args := range []string{"calls list --json", "calls unreached --json", "plan list --json", "calls confirm h1 --text x --json", "plan declare water IV --json"} {
		got, err := run(strings.Fields(args)...)
		if err != nil || !json.Valid([]byte(got)) {
			t.Errorf("%s: %v\n%s", args, err, got)
		}
	}
	for args, want := range map[string]string{
		"calls confirm nobody --text x":            `nobody calls "nobody"`,
		"calls confirm h1 --text x --stage violet": "violet",
		"plan declare water V":                     "write IV, III, II or I",
		"plan tick water m1 finish":                "write start, done or note",
		"plan print --plan none":                   `no plan "none"`,
		"plan declare water":                       "accepts 2 arg",
	} {
		if _, err := run(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
