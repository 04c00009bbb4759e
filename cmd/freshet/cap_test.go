package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// Signers have one draft and one message that is out, and remember what they were
// asked.
type signers struct {
	freshetv1.UnimplementedCapServiceServer
	approved *freshetv1.ApproveRequest
	rejected *freshetv1.RejectRequest
}

func (*signers) ListMessages(_ context.Context, req *freshetv1.ListMessagesRequest) (*freshetv1.ListMessagesResponse, error) {
	at := timestamppb.New(time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC))
	resp := &freshetv1.ListMessagesResponse{Messages: []*freshetv1.CapMessage{
		{Id: "m0", Basin: "b", Standing: "issued", At: at, MsgType: "Alert", Status: "Test", HeadlineZh: "甲站洪水蓝色预警", HeadlineEn: "A: blue flood warning"},
		{
			Id: "m1", Basin: "b", Standing: "draft", At: at, MsgType: "Update", Status: "Test", HeadlineZh: "甲站洪水预警升级为红色", HeadlineEn: "A: raised to red", Needed: 2,
			Approvals: []*freshetv1.CapApproval{{By: &freshetv1.Person{Name: "张三"}, At: at}},
		},
	}}
	if len(req.GetStandings()) == 1 {
		resp.Messages = nil
	}
	return resp, nil
}

func (d *signers) Approve(_ context.Context, req *freshetv1.ApproveRequest) (*freshetv1.ApproveResponse, error) {
	if d.approved = req; req.GetBy() == "twice" {
		return nil, status.Error(codes.FailedPrecondition, "another person must")
	}
	return &freshetv1.ApproveResponse{Events: []*freshetv1.DutyEvent{{TextZh: "已发布", TextEn: "issued"}}}, nil
}

func (d *signers) Reject(_ context.Context, req *freshetv1.RejectRequest) (*freshetv1.RejectResponse, error) {
	d.rejected = req
	return &freshetv1.RejectResponse{Events: []*freshetv1.DutyEvent{{TextZh: "已否决", TextEn: "rejected"}}}, nil
}

func TestMessagesAreListedApprovedAndRejected(t *testing.T) {
	d := &signers{}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterCapServiceServer(s, d) })
	run := func(args ...string) (string, error) {
		t.Helper()
		var out bytes.Buffer
		c := root()
		c.SetArgs(append(append([]string{"cap"}, args...), "--server", address))
		c.SetOut(&out)
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	got, err := run("list", "--lang", "en")
	want := "06-08 12:00  draft  A: raised to red  Test Update  m1\n             2 must approve, 1 have\n             approved 06-08 12:00 张三\n06-08 12:00  issued  A: blue flood warning  Test Alert  m0\n"
	if err != nil || got != want {
		t.Errorf("%v, %s", err, got)
	}
	if got, err := run("list", "--lang", "zh", "--standing", "draft"); err != nil || got != "没有预警信息\n" {
		t.Errorf("%v, %s", err, got)
	}
	if got, err := run("list", "--json"); err != nil || !strings.Contains(got, `"id":"m1"`) {
		t.Errorf("%v, %s", err, got)
	}
	if got, err := run("approve", "m1", "--by", "李四", "--request-id", "r"); err != nil || got != "已发布\nissued\n" ||
		d.approved.GetBasin() != "b" || d.approved.GetMessage() != "m1" || d.approved.GetBy() != "李四" || d.approved.GetRequestId() != "r" {
		t.Errorf("%v, %s: %v", err, got, d.approved)
	}
	if _, err := run("approve", "m1", "--by", "twice"); err == nil || errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "another person must") {
		t.Errorf("approved twice: %v", err)
	}
	if _, err := run("approve", "m7"); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("no such message: %v", err)
	}
	if _, err := run("reject", "m1"); !errors.Is(err, hydro.ErrInvalid) || d.rejected != nil {
		t.Errorf("rejected for no reason: %v", err)
	}
	if _, err := run("reject", "m1", "--text", "gauge is wrong"); err != nil || d.rejected.GetText() != "gauge is wrong" || d.rejected.GetRequestId() == "" {
		t.Errorf("%v: %v", err, d.rejected)
	}
}

func TestAMessageIsValidated(t *testing.T) {
	const sound = `<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>x</identifier><sender>s</sender><sent>2026-06-15T12:00:00+08:00</sent>` +
		`<status>Test</status><msgType>Update</msgType><scope>Public</scope><references>s,w,2026-06-15T11:00:00+08:00</references>` +
		`<info><category>Met</category><event>flood</event><urgency>Past</urgency><severity>Minor</severity><certainty>Observed</certainty></info></alert>`
	run := func(text string, args ...string) (string, error) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "m.xml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"cap", "validate", file}, args...))
		c.SetOut(&out)
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	if got, err := run(sound); err != nil || got != "" {
		t.Errorf("%v, %s", err, got)
	}
	if got, err := run(strings.Replace(sound, "s,w,", "s,x,", 1)); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(got, "names itself") {
		t.Errorf("%v, %s", err, got)
	}
	if got, err := run("<alert/>", "--json"); !errors.Is(err, hydro.ErrInvalid) || !strings.HasPrefix(got, `{"problems":["`) {
		t.Errorf("%v, %s", err, got)
	}
	if _, err := run(sound, "--certificate", "none"); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("no certificate: %v", err)
	}
}
