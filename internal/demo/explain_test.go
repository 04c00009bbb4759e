package demo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"freshet/alert/cap"
	"freshet/internal/app"
	"freshet/internal/client"
	freshetv1 "freshet/proto/freshet/v1"
)

// ids returns the ids of the feed's warnings, in its order.
func ids(t *testing.T, feed []string) []string {
	t.Helper()
	var out []string
	for _, line := range feed {
		var l struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.ID == "" {
			t.Fatalf("%q names no warning: %v", line, err)
		}
		out = append(out, l.ID)
	}
	return out
}

// explain asks a server for the explanations of these warnings.
func explain(ctx context.Context, a *app.App, ids ...string) ([]*freshetv1.ExplainWarningResponse, error) {
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	warnings := freshetv1.NewWarningServiceClient(conn)
	var out []*freshetv1.ExplainWarningResponse
	for _, id := range ids {
		x, err := warnings.ExplainWarning(ctx, &freshetv1.ExplainWarningRequest{Id: id})
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// startAgain starts a server on the log that a demo left.
func startAgain(t *testing.T, data string) *app.App {
	t.Helper()
	o := options(nil).App
	o.Data, o.Clock = data, "driven"
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// The storm's whole feed is explained by a server that was started anew on the
// log of the demo. What the explanations show leads to the stages that were
// given, and those that were explained before the restart were explained alike.
func checkExplanations(t *testing.T, a *app.App, feed []string, before []*freshetv1.ExplainWarningResponse) {
	t.Helper()
	all, err := explain(t.Context(), a, ids(t, feed)...)
	if err != nil {
		t.Fatal(err)
	}
	raises := 0
	var again tallied
	for i, x := range all {
		var line struct{ From, To string }
		if err := json.Unmarshal([]byte(feed[i]), &line); err != nil {
			t.Fatal(err)
		}
		w := x.GetWarning()
		if stageWord(w.GetFrom()) != line.From || stageWord(w.GetTo()) != line.To {
			t.Errorf("%s went from %s to %s; recomputed from the log it goes from %s to %s", w.GetId(), line.From, line.To, w.GetFrom(), w.GetTo())
		}
		raises += checkExplanation(t, x)
		again.add(recompute(t, x))
	}
	t.Logf("recomputed from %d explanations: %+v", len(all), again)
	if again.raises < 20 || again.lowers < 20 || again.ahead < 10 || again.clocks < 100 {
		t.Errorf("too little was recomputed: %+v", again)
	}
	if len(all) < 80 || raises < 30 {
		t.Errorf("%d warnings explained, %d raises by a clock", len(all), raises)
	}
	for i, x := range before {
		if !proto.Equal(x, all[i]) {
			t.Errorf("%s is explained otherwise after a restart: %v, then %v", x.GetWarning().GetId(), x, all[i])
		}
	}
}

func stageWord(s freshetv1.Stage) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "STAGE_"))
}

// checkExplanation finds that what an explanation shows leads to the stage that was
// given, and returns how many quantities rose in it.
func checkExplanation(t *testing.T, r *freshetv1.ExplainWarningResponse) (raised int) {
	t.Helper()
	w, x := r.GetWarning(), r.GetExplanation()
	observed, forecast := freshetv1.Stage_STAGE_CLEAR, freshetv1.Stage_STAGE_CLEAR
	for _, q := range x.GetQuantities() {
		if q.GetForecast() {
			forecast = max(forecast, q.GetTo())
		} else {
			observed = max(observed, q.GetTo())
		}
		if q.GetTo() <= q.GetFrom() || !q.GetDecides() {
			continue
		}
		raised++
		for _, s := range q.GetSteps() {
			switch {
			case s.GetStage() != q.GetTo():
			case !s.GetMet() || q.GetValue() < s.GetThreshold():
				t.Errorf("%s: %s rises to %s and its threshold %g is not met by %g", w.GetId(), q.GetVariable(), q.GetTo(), s.GetThreshold(), q.GetValue())
			case q.GetForecast() && s.GetMetRuns() < q.GetPersistence() && w.GetObserved().GetStage() < q.GetTo(): // beside the other leg it need not persist
				t.Errorf("%s: the forecast rises to %s after %d of %d runs", w.GetId(), q.GetTo(), s.GetMetRuns(), q.GetPersistence())
			case !q.GetForecast() && s.GetMetSince().AsTime().After(w.GetAt().AsTime()):
				t.Errorf("%s: its dwell runs from %s on", w.GetId(), s.GetMetSince().AsTime())
			}
		}
	}
	blind := slices.ContainsFunc(x.GetSights(), func(s *freshetv1.ExplainedSight) bool { return s.GetOut() })
	if blind != (w.GetCause() != "") {
		t.Errorf("%s has the cause %q, out of sight: %t", w.GetId(), w.GetCause(), blind)
	}
	if toBlind := w.GetTo() == freshetv1.Stage_STAGE_BLIND; toBlind && (!blind || forecast != freshetv1.Stage_STAGE_CLEAR) || !toBlind && max(observed, forecast) != w.GetTo() {
		t.Errorf("%s goes to %s; its observed quantities stand at %s, the forecast's at %s, out of sight: %t", w.GetId(), w.GetTo(), observed, forecast, blind)
	}
	leg := w.GetObserved()
	if v := leg.GetVariable(); v != freshetv1.Variable_VARIABLE_UNSPECIFIED && v != freshetv1.Variable_VARIABLE_RAIN && w.GetTo() != freshetv1.Stage_STAGE_BLIND && w.GetCause() == "" {
		found := slices.ContainsFunc(x.GetReadings(), func(r *freshetv1.ExplainedReading) bool {
			o := r.GetObservation()
			return o.GetSeries().GetVariable() == v && o.GetAt().AsTime().Equal(leg.GetAt().AsTime()) && o.GetValue() == leg.GetValue() && r.GetUsable()
		})
		if !found {
			t.Errorf("%s: the reading that decided, %g at %s, is not shown", w.GetId(), leg.GetValue(), leg.GetAt().AsTime())
		}
	}
	if w.GetForecastIssuedAt() != nil && x.GetRun() == nil {
		t.Errorf("%s: its run is not shown", w.GetId())
	}
	zh, en := x.GetLinesZh(), x.GetLinesEn()
	if len(zh) != len(en) || len(en) < 3 || x.GetTable() == nil && len(x.GetQuantities()) > 0 {
		t.Errorf("%s is explained by %q", w.GetId(), en)
	}
	if c := w.GetCause(); c != "" && (strings.Contains(strings.Join(zh, ""), c) || w.GetCauseZh() == "" || w.GetCauseZh() == c) {
		t.Errorf("%s: the cause %q is English in Chinese: %q, %q", w.GetId(), c, w.GetCauseZh(), zh)
	}
	for _, line := range slices.Concat(zh, en) {
		if strings.Contains(line, "%!") || line == "" {
			t.Errorf("%s: %q", w.GetId(), line)
		}
	}
	return raised
}

// schema is the copy of the OASIS schema of CAP 1.2. It is not committed: where
// there is none, xmllint says only whether the messages are XML, and cap's own
// checks are made always.
const schema = "../../../shared/data/cap/CAP-v1.2.xsd"

// The example's catalogue makes CAP messages of the storm: blue and yellow go out,
// orange and red wait for two persons, and all of them are sound.
func checkMessages(t *testing.T, a *app.App) {
	t.Helper()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	resp, err := freshetv1.NewCapServiceClient(conn).ListMessages(t.Context(), &freshetv1.ListMessagesRequest{Basin: "tanjiang", Documents: true})
	if err != nil {
		t.Fatal(err)
	}
	dir, args, polygons := t.TempDir(), []string{"--noout", "--nonet"}, 0
	if _, err := os.Stat(schema); err == nil {
		args = append(args, "--schema", schema)
	}
	seen := map[string]int{}
	for i, m := range resp.GetMessages() {
		seen[m.GetStanding()]++
		if m.GetStanding() == "issued" && m.GetStage() >= freshetv1.Stage_STAGE_ORANGE {
			t.Errorf("%s of %s is out and nobody has approved it", m.GetId(), m.GetStage())
		}
		message, err := cap.Decode([]byte(m.GetDocument()))
		if err != nil {
			t.Fatal(err)
		}
		if problems := message.Check(); len(problems) > 0 || message.Status != "Exercise" {
			t.Errorf("%s, %s: %v", message.Identifier, message.Status, problems)
		}
		polygons += strings.Count(m.GetDocument(), "<polygon>")
		file := filepath.Join(dir, fmt.Sprintf("%03d.xml", i))
		if err := os.WriteFile(file, []byte(m.GetDocument()), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if seen["issued"] < 20 || seen["superseded"] < 5 || polygons < 40 {
		t.Errorf("too little came of the storm: %v, %d polygons", seen, polygons)
	}
	if out, err := exec.Command("xmllint", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
