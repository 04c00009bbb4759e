package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// A quietDesk answers as it is told and keeps what it was asked.
type quietDesk struct {
	freshetv1.UnimplementedDutyServiceServer
	alarms []*freshetv1.Alarm
	events []*freshetv1.DutyEvent
	err    error
	asked  proto.Message
}

var dutyNow = time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC)

func (d *quietDesk) ListAlarms(_ context.Context, req *freshetv1.ListAlarmsRequest) (*freshetv1.ListAlarmsResponse, error) {
	d.asked = req
	resp := &freshetv1.ListAlarmsResponse{Now: timestamppb.New(dutyNow), Alarms: d.alarms}
	for _, a := range d.alarms {
		if a.GetState() == freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED {
			resp.Unacknowledged++
		}
	}
	return resp, nil
}

func (d *quietDesk) Acknowledge(_ context.Context, req *freshetv1.AcknowledgeRequest) (*freshetv1.AcknowledgeResponse, error) {
	d.asked = req
	return &freshetv1.AcknowledgeResponse{Events: d.events}, d.err
}

func (d *quietDesk) Shelve(_ context.Context, req *freshetv1.ShelveRequest) (*freshetv1.ShelveResponse, error) {
	d.asked = req
	return &freshetv1.ShelveResponse{Events: d.events}, d.err
}

func (d *quietDesk) Unshelve(_ context.Context, req *freshetv1.UnshelveRequest) (*freshetv1.UnshelveResponse, error) {
	d.asked = req
	return &freshetv1.UnshelveResponse{Events: d.events}, d.err
}

func (d *quietDesk) TakeOutOfService(_ context.Context, req *freshetv1.TakeOutOfServiceRequest) (*freshetv1.TakeOutOfServiceResponse, error) {
	d.asked = req
	return &freshetv1.TakeOutOfServiceResponse{Events: d.events}, d.err
}

func (d *quietDesk) ReturnToService(_ context.Context, req *freshetv1.ReturnToServiceRequest) (*freshetv1.ReturnToServiceResponse, error) {
	d.asked = req
	return &freshetv1.ReturnToServiceResponse{Events: d.events}, d.err
}

func (d *quietDesk) ListDutyEvents(_ context.Context, req *freshetv1.ListDutyEventsRequest) (*freshetv1.ListDutyEventsResponse, error) {
	d.asked = req
	return &freshetv1.ListDutyEventsResponse{Events: d.events}, d.err
}

// atDesk returns a way to run freshet duty against d.
func atDesk(t *testing.T, d *quietDesk) func(args ...string) (string, error) {
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterDutyServiceServer(s, d) })
	return func(args ...string) (string, error) {
		var out bytes.Buffer
		c := root()
		c.SetArgs(append(append([]string{"duty"}, args...), "--server", address))
		c.SetOut(&out)
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
}

func TestAlarmsAreListedForPeopleAndForScripts(t *testing.T) {
	d := &quietDesk{}
	run := atDesk(t, d)
	if got, err := run("list", "--lang", "zh"); err != nil || got != "没有警报 · 2026-06-08 12:00\n" {
		t.Errorf("%q, %v", got, err)
	}
	d.alarms = []*freshetv1.Alarm{
		{
			Station: "h-enping", NameZh: "恩平", NameEn: "Enping", State: freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED, Stage: freshetv1.Stage_STAGE_ORANGE,
			Since: timestamppb.New(dutyNow.Add(-time.Hour)), Cause: "rain silent",
		},
		{
			Station: "h-2", State: freshetv1.AlarmState_ALARM_STATE_SHELVED, Stage: freshetv1.Stage_STAGE_CLEAR, Was: freshetv1.Stage_STAGE_BLIND,
			Since: timestamppb.New(dutyNow), By: &freshetv1.Person{Name: "张三"}, Reason: "检修", Until: timestamppb.New(dutyNow.Add(time.Hour)), RoseMeanwhile: true,
		},
	}
	for lang, want := range map[string]string{
		"en": "2 alarms, 1 unacknowledged, at 2026-06-08 12:00\n\n" +
			"unacknowledged  orange  Enping (h-enping)  since 2026-06-08 11:00  rain silent\n" +
			"shelved         clear   h-2                since 2026-06-08 12:00  was blind; 张三; until 2026-06-08 13:00; 检修; it rose meanwhile\n",
		"zh": "警报 2 条，未确认 1 条 · 2026-06-08 12:00\n\n" +
			"未确认  橙色  恩平（h-enping）  自 2026-06-08 11:00  雨量无来报\n" +
			"搁置    解除  h-2               自 2026-06-08 12:00  曾为失明；张三；至 2026-06-08 13:00；检修；其间曾升级\n",
	} {
		if got, err := run("list", "--lang", lang); err != nil || got != want {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want)
		}
	}
	text, err := run("list", "--json", "--state", "shelved,unacknowledged", "--department", "hydrology")
	var got struct {
		Alarms         []struct{ State string }
		Unacknowledged int
	}
	if err := errors.Join(err, json.Unmarshal([]byte(text), &got)); err != nil || len(got.Alarms) != 2 || got.Alarms[1].State != "ALARM_STATE_SHELVED" || got.Unacknowledged != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	want := &freshetv1.ListAlarmsRequest{
		States:      []freshetv1.AlarmState{freshetv1.AlarmState_ALARM_STATE_SHELVED, freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED},
		Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_HYDROLOGY},
	}
	if !proto.Equal(d.asked, want) {
		t.Errorf("asked %v", d.asked)
	}
}

func TestDutyCommandsSendWhatTheyAreTold(t *testing.T) {
	d := &quietDesk{events: []*freshetv1.DutyEvent{{Kind: "acknowledged", TextZh: "做了", TextEn: "done"}}}
	run := atDesk(t, d)
	for _, c := range []struct {
		args []string
		want proto.Message
	}{
		{[]string{"ack", "b/20260608T000000Z/h-1", "h-2", "--note", "电话核实"}, &freshetv1.AcknowledgeRequest{Warnings: []string{"b/20260608T000000Z/h-1"}, Stations: []string{"h-2"}, Note: "电话核实"}},
		{[]string{"shelve", "h-2", "--for", "2h", "--reason", "检修"}, &freshetv1.ShelveRequest{Stations: []string{"h-2"}, Until: timestamppb.New(dutyNow.Add(2 * time.Hour)), Reason: "检修"}},
		{[]string{"shelve", "h-2", "--until", "2026-06-08T14:00:00+08:00", "--reason", "检修"}, &freshetv1.ShelveRequest{Stations: []string{"h-2"}, Until: timestamppb.New(dutyNow.Add(2 * time.Hour)), Reason: "检修"}},
		{[]string{"unshelve", "h-2"}, &freshetv1.UnshelveRequest{Stations: []string{"h-2"}}},
		{[]string{"out", "h-2", "--reason", "检修"}, &freshetv1.TakeOutOfServiceRequest{Stations: []string{"h-2"}, Reason: "检修"}},
		{[]string{"in", "h-2"}, &freshetv1.ReturnToServiceRequest{Stations: []string{"h-2"}}},
	} {
		got, err := run(append(c.args, "--by", "张三", "--request-id", "r", "--lang", "en")...)
		if err != nil || got != "done\n" {
			t.Errorf("%q: %q, %v", c.args, got, err)
		}
		f := c.want.ProtoReflect()
		f.Set(f.Descriptor().Fields().ByName("by"), protoreflect.ValueOfString("张三"))
		f.Set(f.Descriptor().Fields().ByName("request_id"), protoreflect.ValueOfString("r"))
		if !proto.Equal(d.asked, c.want) {
			t.Errorf("%q: asked %v, want %v", c.args, d.asked, c.want)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"shelve", "h-2", "--reason", "x"}, "--for, or with --until"},
		{[]string{"shelve", "h-2", "--reason", "x", "--for", "1h", "--until", "2026-06-08T14:00:00+08:00"}, "one of the two"},
		{[]string{"shelve", "h-2", "--for", "1h"}, "--reason: say why"},
		{[]string{"out", "h-2"}, "--reason: say why"},
		{[]string{"shelve", "h-2", "--until", "tomorrow", "--reason", "x"}, `--until "tomorrow"`},
		{[]string{"ack"}, "requires at least 1 arg"},
		{[]string{"list", "--state", "red"}, "returned_unacknowledged"},
		{[]string{"list", "--department", "police"}, "water_resources"},
		{[]string{"events", "--from", "yesterday"}, `--from "yesterday"`},
	} {
		if _, err := run(c.args...); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestWhatWasNotDoneIsSaidAndTheExitCodeTells(t *testing.T) {
	no := &freshetv1.DutyEvent{Kind: "refused", TextZh: "已被确认", TextEn: "it is acknowledged already", By: &freshetv1.Person{Name: "李四"}, At: timestamppb.New(dutyNow)}
	yes := &freshetv1.DutyEvent{Kind: "acknowledged", TextZh: "做了", TextEn: "done", At: timestamppb.New(dutyNow)}
	d := &quietDesk{events: []*freshetv1.DutyEvent{yes, no}}
	run := atDesk(t, d)
	got, err := run("ack", "a", "b", "--lang", "zh")
	if got != "做了\n" || err == nil || errors.Is(err, hydro.ErrInvalid) || err.Error() != "未执行：已被确认" {
		t.Errorf("%q, %v", got, err)
	}
	st, detailErr := status.New(codes.FailedPrecondition, "it is acknowledged already").WithDetails(no)
	if detailErr != nil {
		t.Fatal(detailErr)
	}
	d.err = st.Err()
	if _, err := run("ack", "a", "--lang", "en"); err == nil || err.Error() != "not done: it is acknowledged already" {
		t.Errorf("%v", err)
	}
	d.err = status.Error(codes.Unavailable, "the log is not reached")
	if _, err := run("ack", "a", "--lang", "en", "--request-id", "r-1"); err == nil || !strings.Contains(err.Error(), "send it again with --request-id r-1: it is done once") {
		t.Errorf("%v", err)
	}
	d.err = nil
	if got, err := run("events", "--lang", "zh", "--since", "2h"); err != nil || got != "2026-06-08 12:00:00  做了\n2026-06-08 12:00:00  未执行（李四）：已被确认\n" {
		t.Errorf("%q, %v", got, err)
	}
	want := &freshetv1.ListDutyEventsRequest{From: timestamppb.New(dutyNow.Add(time.Minute - 2*time.Hour)), To: timestamppb.New(dutyNow.Add(time.Minute))}
	if !proto.Equal(d.asked, want) {
		t.Errorf("asked %v", d.asked)
	}
	d.events = nil
	if got, err := run("events", "--lang", "en", "--from", "2026-06-01T00:00:00Z", "--to", "2026-06-02T00:00:00Z"); err != nil || got != "nothing on record\n" {
		t.Errorf("%q, %v", got, err)
	}
}
