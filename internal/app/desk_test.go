package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/app"
	"freshet/internal/auth"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

const drill = "../../alert/callout/testdata"

var beijing = time.FixedZone("", 8*3600)

// A desk is a server with the drill's catalogue and its connection.
type desk struct {
	t     *testing.T
	app   *app.App
	conn  *grpc.ClientConn
	clock *client.Clock
}

func openDesk(t *testing.T, o app.Options) *desk {
	t.Helper()
	d := &desk{t: t, app: start(t, o)}
	conn, err := client.Dial(d.app.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	d.conn, d.clock = conn, client.NewClock(conn, client.Backoff{})
	return d
}

// observe sends a level of each station.
func (d *desk) observe(at time.Time, levels map[string]float64) {
	d.t.Helper()
	gw, err := client.Open(d.t.Context(), d.conn, hydro.Hydrology, "drill", client.Options{Rejected: func(r *freshetv1.Rejection) { d.t.Errorf("rejected: %v", r) }})
	if err != nil {
		d.t.Fatal(err)
	}
	defer gw.Close()
	var r client.Reports
	for id, level := range levels {
		r.Hydrology = append(r.Hydrology, &freshetv1.HydrologyReport{
			Station: id, ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: at.UnixMilli()}}, WaterLevel: &level, Datum: "STATION",
		})
	}
	if _, err := gw.Send(d.t.Context(), r); err != nil {
		d.t.Fatal(err)
	}
	if err := gw.Flush(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// The 叫应 drill with an accelerated clock, on a server that restarts in the
// middle: three departments, one person who cannot be reached, an upgrade. The log
// is the one that the engine alone writes.
func TestDrillOnAServer(t *testing.T) {
	o := options(t)
	o.Catalog = filepath.Join(drill, "catalog")
	d := openDesk(t, o)
	calls := func() freshetv1.CalloutServiceClient { return freshetv1.NewCalloutServiceClient(d.conn) }
	confirm := func(person, id string) error {
		_, err := calls().ConfirmCall(t.Context(), &freshetv1.ConfirmCallRequest{RequestId: id, By: "Example O", Person: person, Text: "by telephone"})
		return err
	}
	attempt := func(person, id string) error {
		_, err := calls().RecordAttempt(t.Context(), &freshetv1.RecordAttemptRequest{RequestId: id, By: "Example O", Person: person, Text: "no answer"})
		return err
	}
	began := time.Date(2026, 6, 9, 3, 0, 0, 0, beijing).UTC()
	levels := map[string]float64{"02:55:00": 2, "03:00:00": 5.2, "03:20:00": 6.2}
	acts := map[string]func(){
		"03:00:40": func() {
			for range 2 { // sent again: once on the log
				if err := attempt("h1", "1"); err != nil {
					t.Error(err)
				}
				if err := confirm("w2", "2"); err != nil {
					t.Error(err)
				}
			}
		},
		"03:02:20": func() {
			if err := attempt("h1", "3"); err != nil {
				t.Error(err)
			}
		},
		"03:02:40": func() {
			if err := confirm("r1", "4"); err != nil {
				t.Error(err)
			}
			d.conn.Close()
			if err := d.app.Close(); err != nil {
				t.Fatal(err)
			}
			d = openDesk(t, o)
		},
		"03:06:00": func() {
			if err := confirm("h2", "5"); err != nil {
				t.Error(err)
			}
			err := confirm("h2", "6")
			if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "has confirmed already") || len(status.Convert(err).Details()) != 1 {
				t.Errorf("a second confirmation: %v", err)
			}
		},
		"03:20:40": func() {
			for id, p := range map[string]string{"7": "w2"} {
				if err := confirm(p, id); err != nil {
					t.Error(err)
				}
			}
			// The last one over REST.
			resp, err := http.Post("http://"+d.app.HTTPAddr()+"/v1/calls/confirmations", "application/json",
				strings.NewReader(`{"basin": "b", "requestId": "8", "by": "Example O", "person": "r1", "stage": "STAGE_RED", "station": "a", "text": "by telephone"}`))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if data, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", resp.Status, data)
			}
		},
	}
	if err := d.clock.Advance(t.Context(), began.Add(-6*time.Minute)); err != nil { // nothing is taken before the first tick
		t.Fatal(err)
	}
	level := 0.0
	for at := began.Add(-5 * time.Minute); !at.After(began.Add(36 * time.Minute)); at = at.Add(20 * time.Second) {
		clock := at.In(beijing).Format("15:04:05")
		if x, ok := levels[clock]; ok {
			level = x
		}
		if at.Equal(at.Truncate(5 * time.Minute)) {
			d.observe(at, map[string]float64{"a": level, "c": 1})
		}
		if err := d.clock.Advance(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		if act := acts[clock]; act != nil {
			act()
		}
	}
	// Who was not reached, with their numbers, over gRPC and REST.
	resp, err := calls().ListUnreached(t.Context(), &freshetv1.ListUnreachedRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, u := range resp.GetUnreached() {
		missing = append(missing, strings.TrimPrefix(u.GetStage().String(), "STAGE_")+" "+u.GetCall().GetPerson()+" "+strings.Join(u.GetCall().GetPhones(), ","))
	}
	if diff := cmp.Diff([]string{"RED h1 000-03", "RED h2 000-04", "RED chief 000-06", "ORANGE h1 000-03"}, missing); diff != "" {
		t.Errorf("unreached (-want +got):\n%s", diff)
	}
	var rest struct{ Unreached []any }
	d.get("/v1/calls/unreached?basin=b", &rest)
	if len(rest.Unreached) != 4 {
		t.Errorf("%d unreached over REST", len(rest.Unreached))
	}
	listed, err := calls().ListCalls(t.Context(), &freshetv1.ListCallsRequest{})
	if err != nil || len(listed.GetRounds()) != 2 || listed.GetRounds()[0].GetStage() != freshetv1.Stage_STAGE_RED || len(listed.GetRounds()[0].GetChains()) != 3 {
		t.Errorf("rounds: %v, %v", listed.GetRounds(), err)
	}
	if open, err := calls().ListCalls(t.Context(), &freshetv1.ListCallsRequest{Open: true}); err != nil || len(open.GetRounds()) != 0 {
		t.Errorf("open rounds: %v, %v", open.GetRounds(), err)
	}
	d.conn.Close()
	var got strings.Builder
	for _, r := range recordedOf(t, d.app, o, "b", "duty") {
		e := r.Output.Duty
		if strings.HasPrefix(e.Kind, "call_") || e.Kind == hydro.Refused {
			fmt.Fprintf(&got, "%s %s | %s\n", e.At.In(beijing).Format("15:04:05"), e.Kind, e.TextEN)
		}
	}
	want, err := os.ReadFile(filepath.Join(drill, "drill_server.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// get reads an answer of REST.
func (d *desk) get(path string, into any) {
	d.t.Helper()
	resp, err := http.Get("http://" + d.app.HTTPAddr() + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: %s %v", path, data, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		d.t.Fatal(err)
	}
}

// A plan on a server with tokens: who may declare hangs on the plan, also for
// those whom the access rules let through, and what is refused is on the log.
func TestAPlanIsDeclaredByItsBody(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	clock := client.NewClock(g.dial(admin), client.Backoff{})
	if err := clock.Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	n := 0
	declare := func(p person, plan string, level freshetv1.ResponseLevel, text string) error {
		n++
		_, err := freshetv1.NewPlanServiceClient(g.dial(p)).Declare(t.Context(), &freshetv1.DeclareRequest{RequestId: fmt.Sprint(n), Plan: plan, Level: level, Text: text})
		return err
	}
	const iv, iii = freshetv1.ResponseLevel_RESPONSE_LEVEL_IV, freshetv1.ResponseLevel_RESPONSE_LEVEL_III
	officer := g.token(all(auth.Officer, hydro.WaterResources), nil)
	for _, c := range []struct {
		who  person
		want codes.Code
	}{
		{g.token(all(auth.Gateway, hydro.WaterResources), nil), codes.PermissionDenied},
		{g.token(all(auth.Officer, hydro.Hydrology), nil), codes.FailedPrecondition},
		{g.token(all(auth.Officer, 0), nil), codes.FailedPrecondition},
		{g.token(all(auth.Briefing, hydro.Weather), nil), codes.FailedPrecondition},
		{g.token(all(auth.Briefing, hydro.WaterResources), nil), codes.OK},
		{officer, codes.FailedPrecondition}, // it stands
	} {
		if err := declare(c.who, "water", iv, "consultation"); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.who.name, err, c.want)
		}
	}
	if err := declare(officer, "water", iii, ""); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "say why III") {
		t.Errorf("without a reason: %v", err)
	}
	if err := declare(admin, "weather", iv, "the admin speaks for all"); err != nil {
		t.Error(err)
	}
	plans := freshetv1.NewPlanServiceClient(g.dial(officer))
	tick := func(id, measure string, action freshetv1.MeasureAction, text string) error {
		_, err := plans.UpdateMeasure(t.Context(), &freshetv1.UpdateMeasureRequest{RequestId: id, Plan: "water", Measure: measure, Action: action, Text: text})
		return err
	}
	const done = freshetv1.MeasureAction_MEASURE_ACTION_DONE
	if err := tick("a", "iv-duty", done, ""); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "wants evidence") {
		t.Errorf("without evidence: %v", err)
	}
	if err := tick("b", "iv-duty", done, "12:10, 6 people"); err != nil {
		t.Error(err)
	}
	if err := clock.Advance(t.Context(), noon.Add(31*time.Minute)); err != nil {
		t.Fatal(err)
	}
	resp, err := plans.ListResponses(t.Context(), &freshetv1.ListResponsesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	water := resp.GetResponses()[slices.IndexFunc(resp.GetResponses(), func(r *freshetv1.Response) bool { return r.GetPlan() == "water" })]
	if water.GetDeclared() != iv || !water.GetIllustrative() || resp.GetIllustrative() == "" || len(water.GetLadder()) != 4 || !water.GetDeclaredAt().AsTime().Equal(noon) {
		t.Errorf("%v", water)
	}
	got := map[string]string{}
	for _, m := range water.GetMeasures() {
		got[m.GetId()] = fmt.Sprint(m.GetState(), " late ", m.GetLate())
	}
	if diff := cmp.Diff(map[string]string{"iv-duty": "MEASURE_STATE_DONE late false", "iv-gauging": "MEASURE_STATE_OPEN late true"}, got); diff != "" {
		t.Errorf("measures (-want +got):\n%s", diff)
	}
	sheetIs(g, officer)
	events, err := plans.StandDown(t.Context(), &freshetv1.StandDownRequest{RequestId: "c", Plan: "water"})
	if err != nil || len(events.GetEvents()) != 2 || events.GetEvents()[0].GetKind() != "stood_down" || events.GetEvents()[1].GetKind() != "measure_closed" {
		t.Errorf("%v, %v", events, err)
	}
	if by := events.GetEvents()[0].GetBy(); by.GetDepartment() != freshetv1.Department_DEPARTMENT_WATER_RESOURCES || by.GetRole() != "officer" {
		t.Errorf("stood down by %v", by)
	}
}

// sheetIs holds the printed sheet to what stands: the evidence as it was given, the
// plan that was asked for and no other, in both languages, and empty if wanted.
func sheetIs(g *guarded, who person) {
	g.t.Helper()
	for query, want := range map[string]struct {
		code     int
		has, not []string
	}{
		"?plan=water":            {200, []string{`lang="zh-CN"`, "12:10, 6 people", "IV级响应 · 2026-", "超时！", "截至 "}, []string{"the admin speaks for all", "空白表"}},
		"?lang=en":               {200, []string{`lang="en"`, "12:10, 6 people", "the admin speaks for all", "As of "}, []string{"Empty sheet"}},
		"?plan=water&empty=true": {200, []string{"空白表", "I级响应", "IV级响应"}, []string{"12:10, 6 people", "截至 "}},
		"?plan=nowhere":          {404, []string{`no plan \"nowhere\"`}, nil},
		"?lang=fr":               {400, []string{"zh or en"}, nil},
		"?basin=nowhere":         {404, []string{"nowhere"}, nil},
	} {
		resp := g.rest(g.t.Context(), who, http.MethodGet, "/v1/responses/sheet.html"+query, "", nil)
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			g.t.Fatal(err)
		}
		if resp.StatusCode != want.code || resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			g.t.Errorf("%s: %s %s", query, resp.Status, resp.Header.Get("Content-Type"))
		}
		for _, w := range want.has {
			if !strings.Contains(string(body), w) {
				g.t.Errorf("%s does not say %q:\n%.2000s", query, w, body)
			}
		}
		for _, w := range want.not {
			if strings.Contains(string(body), w) {
				g.t.Errorf("%s says %q", query, w)
			}
		}
	}
}
