package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// Given is what a server gave from some hours of the demo's storm: its out-log,
// and answers about what is.
type given struct {
	outs    [][]byte
	answers map[string]string
}

// storms plays two hours of the demo's storm in which rivers rise. Beside are
// called with the server once it plays.
func storms(t *testing.T, beside func(ctx context.Context, a *app.App)) given {
	t.Helper()
	o := options(t)
	a := start(t, o)
	defer a.Close()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	storm, err := scenario.New(a.Catalog(), scenario.DefaultSeed)
	if err != nil {
		t.Fatal(err)
	}
	const first, steps = 30 * 12, 24
	clock := client.NewClock(conn, client.Backoff{})
	if err := clock.Advance(t.Context(), storm.Frames(first).At.Add(-storm.Step())); err != nil {
		t.Fatal(err)
	}
	var gateways []*client.Gateway
	for _, d := range hydro.Departments {
		g, err := client.Open(t.Context(), conn, d, "storm-"+d.String(), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		gateways = append(gateways, g)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if beside != nil {
			beside(ctx, a)
		}
	}()
	for i := first; i < first+steps; i++ {
		f := storm.Frames(i)
		for d, r := range []client.Reports{{Weather: f.Weather}, {Hydrology: f.Hydrology}, {WaterResources: f.WaterResources}} {
			if r.Len() == 0 {
				continue
			}
			if _, err := gateways[d].Send(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if err := gateways[d].Flush(t.Context()); err != nil { // else what is one input is the disk's doing
				t.Fatal(err)
			}
		}
		if err := clock.Advance(t.Context(), f.At); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	<-done
	got := given{answers: map[string]string{}}
	for _, path := range []string{
		"/v1/stages", "/v1/groups", "/v1/blind", "/v1/conflicts", "/v1/alarms", "/v1/responses", "/v1/calls", "/v1/board", "/v1/forecasts/latest", "/v1/stations/h-enping/latest",
	} {
		resp, err := http.Get("http://" + a.HTTPAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v %s", path, resp.Status, err, body)
		}
		got.answers[path] = string(body)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(o.Data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	all, err := j.Page(t.Context(), "tanjiang", 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if x := r.Output.Audit; x != nil && x.Kind == "catalogue" {
			continue // put in force at the start, by the machine's clock
		}
		data, err := wire.EncodeOutput(r.InputSeq, r.Index, r.Output)
		if err != nil {
			t.Fatal(err)
		}
		got.outs = append(got.outs, data)
	}
	return got
}

// What a server says of what is, its log included, is the same to the byte whether or
// not it rehearses as fast as it can all the while.
func TestRehearsalsAtFullLoadLeaveNoTraceInWhatIs(t *testing.T) {
	quiet := storms(t, nil)
	var asked, stages atomic.Int64
	loud := storms(t, func(ctx context.Context, a *app.App) {
		conn, err := client.Dial(a.GRPCAddr())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		c := freshetv1.NewForecastServiceClient(conn)
		for i := 0; ctx.Err() == nil; i++ {
			x := &freshetv1.Scenario{
				NameEn: fmt.Sprint("storm ", i),
				Rain:   &freshetv1.ScenarioRain{Kind: freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_STORM, Total: float64(100 + i), DurationS: 6 * 3600, Peak: 0.5},
				Soil:   []*freshetv1.ScenarioSoil{{Water: &freshetv1.ScenarioSoil_Filled{Filled: 1}}},
				Lost:   []string{"h-puqiao"},
				Schedules: []*freshetv1.ScenarioSchedule{{
					Reservoir: "jinjiang", Releases: []*freshetv1.ScenarioRelease{{Outflow: 900}},
				}},
				Thresholds: []*freshetv1.ScenarioThreshold{{Station: "h-enping", Stage: freshetv1.Stage_STAGE_BLUE, Value: 4}},
			}
			got, err := c.RunScenario(ctx, &freshetv1.RunScenarioRequest{Scenario: x, Keep: i%4 == 0})
			switch {
			case err == nil:
				asked.Add(1)
				stages.Add(int64(len(got.GetRehearsal().GetWalk().GetChanges())))
				if p := got.GetRehearsal(); !p.GetRehearsal() || p.GetBannerZh() == "" || p.GetBannerEn() == "" {
					t.Errorf("an answer that does not say what it is: %v", p.GetId())
				}
			case ctx.Err() == nil:
				t.Error(err)
				return
			}
		}
	})
	if asked.Load() == 0 || stages.Load() == 0 {
		t.Fatalf("%d rehearsals with %d changes of stage: no load", asked.Load(), stages.Load())
	}
	if len(quiet.outs) != len(loud.outs) || len(quiet.outs) < 100 {
		t.Fatalf("%d outputs, with rehearsals %d", len(quiet.outs), len(loud.outs))
	}
	for i := range quiet.outs {
		if !bytes.Equal(quiet.outs[i], loud.outs[i]) {
			t.Fatalf("output %d differs beside rehearsals:\n%x\n%x", i, quiet.outs[i], loud.outs[i])
		}
	}
	for path, want := range quiet.answers {
		if got := loud.answers[path]; got != want {
			t.Errorf("%s differs beside rehearsals\n%s\n%s", path, want, got)
		}
	}
	t.Logf("%d outputs and %d answers equal beside %d rehearsals with %d changes of stage", len(quiet.outs), len(quiet.answers), asked.Load(), stages.Load())
}

// A rehearsal that is kept is found by its id after a restart, lies beside another,
// and is forgotten when it is deleted.
func TestAKeptRehearsalIsFoundComparedAndForgotten(t *testing.T) {
	o := options(t)
	a := start(t, o)
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	dial := func() (freshetv1.ForecastServiceClient, func() error) {
		conn, err := client.Dial(a.GRPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		return freshetv1.NewForecastServiceClient(conn), conn.Close
	}
	c, hang := dial()
	run := func(mm float64) *freshetv1.Rehearsal {
		got, err := c.RunScenario(t.Context(), &freshetv1.RunScenarioRequest{Keep: true, Scenario: &freshetv1.Scenario{
			NameZh: "暴雨", Rain: &freshetv1.ScenarioRain{Kind: freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_STORM, Total: mm, DurationS: 6 * 3600},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetRehearsal()
	}
	x, y, again := run(100), run(200), run(100)
	if x.GetId() == y.GetId() || x.GetId() != again.GetId() || !proto.Equal(x, again) {
		t.Errorf("ids %s, %s, the first again %s", x.GetId(), y.GetId(), again.GetId())
	}
	_, err := c.RunScenario(t.Context(), &freshetv1.RunScenarioRequest{Scenario: &freshetv1.Scenario{Lost: []string{"moon", "sun"}}})
	if st := status.Convert(err); st.Code() != codes.InvalidArgument || st.Message() != `scenario.lost[0]: "moon" is no station of basin tanjiang: freshet network shows them (and 1 more)` {
		t.Errorf("stations that there are not: %v", err)
	}
	if err := hang(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	defer a.Close()
	c, hang = dial()
	defer hang()
	got, err := c.GetScenario(t.Context(), &freshetv1.GetScenarioRequest{Id: y.GetId()})
	if err != nil || !proto.Equal(got.GetRehearsal(), y) {
		t.Errorf("kept and read again: %v\n%v\n%v", err, got.GetRehearsal(), y)
	}
	list, err := c.ListScenarios(t.Context(), &freshetv1.ListScenariosRequest{})
	if err != nil || len(list.GetRehearsals()) != 2 || list.GetRehearsals()[0].GetWalk() != nil || !list.GetRehearsals()[0].GetRehearsal() {
		t.Errorf("%d kept, %v", len(list.GetRehearsals()), err)
	}
	pair, err := c.CompareScenarios(t.Context(), &freshetv1.CompareScenariosRequest{A: x.GetId(), B: y.GetId()})
	if err != nil || !pair.GetRehearsal() || len(pair.GetStations()) < 10 || len(pair.GetNotesEn()) > 0 {
		t.Fatalf("%d stations, notes %q, %v", len(pair.GetStations()), pair.GetNotesEn(), err)
	}
	for _, d := range pair.GetStations() {
		if d.GetDischarge() < -1e-9 || d.GetVolume() < -1e-9 {
			t.Errorf("%s: twice the rain and %g m³/s, %g million m³", d.GetStation(), d.GetDischarge(), d.GetVolume())
		}
	}
	if _, err := c.DeleteScenario(t.Context(), &freshetv1.DeleteScenarioRequest{Id: x.GetId()}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetScenario(t.Context(), &freshetv1.GetScenarioRequest{Id: x.GetId()}); status.Code(err) != codes.NotFound {
		t.Errorf("deleted: %v", err)
	}
}
