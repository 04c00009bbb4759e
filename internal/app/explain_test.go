package app_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"freshet/internal/client"
	freshetv1 "freshet/proto/freshet/v1"
)

// A warning is explained from the log by gRPC and REST, also after a restart, and
// the replay gives the warning that was recorded.
func TestAWarningIsExplainedFromTheLog(t *testing.T) {
	o := options(t)
	a := start(t, o)
	for i := range 6 { // nobody reports: when the grace is over all are blind
		if err := advance(t, a, noon.Add(time.Duration(i)*5*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	records := recorded(t, a, o, "warning")
	if len(records) == 0 {
		t.Fatal("no warning is on the record")
	}
	first := records[0].Output.Warning
	a = start(t, o)
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	warnings := freshetv1.NewWarningServiceClient(conn)
	resp, err := warnings.ExplainWarning(t.Context(), &freshetv1.ExplainWarningRequest{Id: first.ID})
	if err != nil {
		t.Fatal(err)
	}
	w, x := resp.GetWarning(), resp.GetExplanation()
	if w.GetId() != first.ID || w.GetReasonEn() != first.ReasonEN || w.GetGroup() != first.Group || w.GetTo() != freshetv1.Stage_STAGE_BLIND {
		t.Errorf("the replay gives %v, on the record is %+v", w, first)
	}
	if len(x.GetSights()) == 0 || !x.GetSights()[0].GetOut() || x.GetInputSeq() != records[0].InputSeq || !strings.Contains(strings.Join(x.GetLinesEn(), "\n"), "Not seen: ") {
		t.Errorf("%v", x)
	}

	answer, err := http.Get("http://" + a.HTTPAddr() + "/v1/warnings/explain?id=" + url.QueryEscape(first.ID))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	var rest freshetv1.ExplainWarningResponse
	if err != nil || answer.StatusCode != http.StatusOK || protojson.Unmarshal(data, &rest) != nil || rest.GetWarning().GetId() != first.ID {
		t.Errorf("%d %s %v", answer.StatusCode, data, err)
	}

	for id, want := range map[string]codes.Code{
		"tanjiang/20200101T000000Z/h-enping": codes.NotFound, // before the log
		"tanjiang/20990101T000000Z/h-enping": codes.NotFound, // to come
		"tanjiang/today/h-enping":            codes.InvalidArgument,
		"tanjiang":                           codes.InvalidArgument,
		"elsewhere/20260101T000000Z/x":       codes.NotFound,
		"":                                   codes.InvalidArgument,
	} {
		if _, err := warnings.ExplainWarning(t.Context(), &freshetv1.ExplainWarningRequest{Id: id}); status.Code(err) != want {
			t.Errorf("%q: %v, want %s", id, err, want)
		}
	}
}
