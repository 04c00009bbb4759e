package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/auth"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// waterPlan is how the response of the plan of the water resources department
// stands.
func waterPlan(t *testing.T, c freshetv1.PlanServiceClient) *freshetv1.Response {
	t.Helper()
	resp, err := c.ListResponses(t.Context(), &freshetv1.ListResponsesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetResponses()[slices.IndexFunc(resp.GetResponses(), func(r *freshetv1.Response) bool { return r.GetPlan() == "water" })]
}

// Acceptance 10: everybody tries every call of a plan. Of the right role and the
// wrong department is refused, changes nothing, and is on the log.
func TestAPlanIsCarriedOutByItsDepartments(t *testing.T) {
	g := guard(t)
	people := g.everybody()
	chief := g.token(all(auth.Admin, 0), nil)
	if err := client.NewClock(g.dial(chief), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	admin := freshetv1.NewPlanServiceClient(g.dial(chief))
	n, cells, refused := 0, 0, 0
	id := func() string { n++; return fmt.Sprint("r", n) }
	declare := &freshetv1.DeclareRequest{Plan: "water", Level: freshetv1.ResponseLevel_RESPONSE_LEVEL_IV, Text: "test"}
	for _, p := range people {
		plans := freshetv1.NewPlanServiceClient(g.dial(p))
		// In other words than the plan's: whose the plan is, and whose the measure.
		speaks := func(of ...hydro.Department) codes.Code {
			switch {
			case p.role == 0:
				return codes.Unauthenticated
			case p.role == auth.Gateway:
				return codes.PermissionDenied
			case p.role == auth.Admin || p.department != 0 && slices.Contains(of, p.department):
				return codes.OK
			}
			return codes.FailedPrecondition
		}
		try := func(what string, want codes.Code, text string, call func() error) {
			t.Helper()
			cells++
			g.wall.move(10 * time.Second) // failed attempts are held in bounds
			err := call()
			if status.Code(err) != want || want == codes.FailedPrecondition && !strings.Contains(err.Error(), text) {
				t.Errorf("%s, %s: %v, want %s with %q", p.name, what, err, want, text)
			}
			if want == codes.FailedPrecondition {
				refused++
			}
		}
		may := speaks(hydro.WaterResources)
		try("declares", may, "is declared by people of water_resources", func() error {
			declare.RequestId = id()
			_, err := plans.Declare(t.Context(), declare)
			return err
		})
		if stands := waterPlan(t, admin).GetDeclared() == declare.GetLevel(); stands != (may == codes.OK) {
			t.Errorf("%s declares (%s): it stands: %t", p.name, may, stands)
		}
		if may != codes.OK {
			declare.RequestId = id()
			if _, err := admin.Declare(t.Context(), declare); err != nil {
				t.Fatal(err)
			}
		}
		for measure, of := range map[string][]hydro.Department{"iv-duty": {hydro.WaterResources}, "iv-gauging": {hydro.Hydrology, hydro.WaterResources}} {
			want := speaks(of...)
			for _, action := range []freshetv1.MeasureAction{
				freshetv1.MeasureAction_MEASURE_ACTION_NOTE, freshetv1.MeasureAction_MEASURE_ACTION_START, freshetv1.MeasureAction_MEASURE_ACTION_DONE,
			} {
				try(action.String()+" of "+measure, want, "do not tick it", func() error {
					_, err := plans.UpdateMeasure(t.Context(), &freshetv1.UpdateMeasureRequest{RequestId: id(), Plan: "water", Measure: measure, Action: action, Text: "test"})
					return err
				})
			}
			measures := waterPlan(t, admin).GetMeasures()
			m := measures[slices.IndexFunc(measures, func(m *freshetv1.Measure) bool { return m.GetId() == measure })]
			if want == codes.OK && (m.GetState() != freshetv1.MeasureState_MEASURE_STATE_DONE || len(m.GetNotes()) != 3) ||
				want != codes.OK && (m.GetState() != freshetv1.MeasureState_MEASURE_STATE_OPEN || len(m.GetNotes()) != 0) {
				t.Errorf("%s ticks %s (%s): %v", p.name, measure, want, m)
			}
		}
		if p.token != "" && may != codes.OK { // REST asks the same
			for path, body := range map[string]string{
				"stand-down": fmt.Sprintf(`{"request_id": %q, "plan": "water"}`, id()),
				"measures":   fmt.Sprintf(`{"request_id": %q, "plan": "water", "measure": "iv-duty", "action": "MEASURE_ACTION_DONE", "text": "test"}`, id()),
			} {
				cells++
				want := http.StatusForbidden
				if may == codes.FailedPrecondition {
					want = http.StatusBadRequest
					refused++
				}
				if resp := g.rest(t.Context(), p, http.MethodPost, "/v1/responses/"+path, body, nil); resp.StatusCode != want {
					t.Errorf("%s, REST, %s: %s, want %d", p.name, path, resp.Status, want)
				}
			}
		}
		try("stands down", may, "is declared by people of water_resources", func() error {
			_, err := plans.StandDown(t.Context(), &freshetv1.StandDownRequest{RequestId: id(), Plan: "water"})
			return err
		})
		if stands := waterPlan(t, admin).GetDeclared() == declare.GetLevel(); stands != (may != codes.OK) {
			t.Errorf("%s stands down (%s): it stands: %t", p.name, may, stands)
		}
		if may != codes.OK {
			if _, err := admin.StandDown(t.Context(), &freshetv1.StandDownRequest{RequestId: id(), Plan: "water"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	events, err := freshetv1.NewDutyServiceClient(g.dial(chief)).ListDutyEvents(t.Context(), &freshetv1.ListDutyEventsRequest{
		From: timestamppb.New(noon), To: timestamppb.New(noon.Add(time.Hour)), Kinds: []string{hydro.Refused},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(events.GetEvents()); got != refused || refused == 0 {
		t.Errorf("%d refusals are on the log, %d were made", got, refused)
	}
	for _, e := range events.GetEvents() {
		if e.GetBy().GetId() == "" || e.GetTextZh() == "" {
			t.Errorf("a refusal of nobody: %v", e)
		}
	}
	t.Logf("%d people, %d cells, %d refusals on the log", len(people), cells, refused)
}

// Calls and messages are for whoever is on duty, of any department, and for nobody
// else; who it was is on the record.
func TestCallsAndMessagesAreForEverybodyOnDuty(t *testing.T) {
	g := guard(t)
	people := g.everybody()
	chief := g.token(all(auth.Admin, 0), nil)
	conn := g.dial(chief)
	if err := client.NewClock(conn, client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	raise(t, g.dial(g.token(all(auth.Gateway, hydro.Hydrology), nil)), conn)
	listed, err := freshetv1.NewCalloutServiceClient(conn).ListCalls(t.Context(), &freshetv1.ListCallsRequest{Open: true})
	if err != nil || len(listed.GetRounds()) == 0 {
		t.Fatalf("%v, %v", listed, err)
	}
	round := listed.GetRounds()[0]
	called := map[hydro.Department]*freshetv1.Call{}
	for _, d := range hydro.Departments {
		for _, c := range round.GetCalls() {
			if c.GetOutcome() == freshetv1.CallOutcome_CALL_OUTCOME_CALLING && int(c.GetDepartment()) == int(d) {
				called[d] = c
			}
		}
	}
	if len(called) != len(hydro.Departments) {
		t.Fatalf("nobody is called for some departments: %v", round)
	}
	n, cells := 0, 0
	id := func() string { n++; return fmt.Sprint("r", n) }
	refusal := func(p person) codes.Code {
		switch p.role {
		case 0:
			return codes.Unauthenticated
		case auth.Officer, auth.Admin:
			return codes.OK
		default:
			return codes.PermissionDenied
		}
	}
	by := func(p person, events []*freshetv1.DutyEvent) bool {
		return len(events) > 0 && events[0].GetBy().GetId() == "token "+p.id && events[0].GetBy().GetRole() == p.role.String()
	}
	for _, p := range people {
		c, want := freshetv1.NewCalloutServiceClient(g.dial(p)), refusal(p)
		for _, call := range called {
			cells++
			g.wall.move(10 * time.Second)
			r, err := c.RecordAttempt(t.Context(), &freshetv1.RecordAttemptRequest{RequestId: id(), Basin: round.GetBasin(), Person: call.GetPerson(), Stage: round.GetStage(), Station: round.GetStation(), Text: "no answer"})
			if status.Code(err) != want || want == codes.OK && !by(p, r.GetEvents()) {
				t.Errorf("%s records a try at %s: %v %v, want %s", p.name, call.GetPerson(), r, err, want)
			}
			if want == codes.OK {
				continue
			}
			_, err = c.ConfirmCall(t.Context(), &freshetv1.ConfirmCallRequest{RequestId: id(), Basin: round.GetBasin(), Person: call.GetPerson(), Stage: round.GetStage(), Station: round.GetStation(), Text: "answered"})
			if status.Code(err) != want {
				t.Errorf("%s confirms the call of %s: %v, want %s", p.name, call.GetPerson(), err, want)
			}
		}
	}
	// The officer of another department confirms.
	for d, call := range called {
		other := people[slices.IndexFunc(people, func(p person) bool { return p.role == auth.Officer && p.department != 0 && p.department != d })]
		r, err := freshetv1.NewCalloutServiceClient(g.dial(other)).ConfirmCall(t.Context(), &freshetv1.ConfirmCallRequest{
			RequestId: id(), Basin: round.GetBasin(), Person: call.GetPerson(), Stage: round.GetStage(), Station: round.GetStation(), Text: "answered",
		})
		if err != nil || !by(other, r.GetEvents()) {
			t.Errorf("%s confirms the call of %s: %v, %v", other.name, call.GetPerson(), r, err)
		}
	}

	draft := drafted(t, freshetv1.NewCapServiceClient(conn), "draft")
	yes := 0
	for _, p := range people {
		cells++
		g.wall.move(10 * time.Second)
		c, want := freshetv1.NewCapServiceClient(g.dial(p)), refusal(p)
		if want != codes.OK {
			_, err := c.Reject(t.Context(), &freshetv1.RejectRequest{Basin: round.GetBasin(), Message: draft.GetId(), RequestId: id(), Text: "no"})
			if status.Code(err) != want {
				t.Errorf("%s rejects: %v, want %s", p.name, err, want)
			}
		} else if yes++; yes > 1 { // all officers of the test have one name, and so are one person
			want = codes.FailedPrecondition
		}
		if p.role == auth.Admin { // of another name: the second
			continue
		}
		_, err := c.Approve(t.Context(), &freshetv1.ApproveRequest{Basin: round.GetBasin(), Message: draft.GetId(), RequestId: id()})
		if status.Code(err) != want {
			t.Errorf("%s approves: %v, want %s", p.name, err, want)
		}
	}
	if m := drafted(t, freshetv1.NewCapServiceClient(conn), "draft"); len(m.GetApprovals()) != 1 {
		t.Errorf("approved by %v", m.GetApprovals())
	}
	if _, err := freshetv1.NewCapServiceClient(conn).Approve(t.Context(), &freshetv1.ApproveRequest{Basin: round.GetBasin(), Message: draft.GetId(), RequestId: id()}); err != nil {
		t.Errorf("the second person: %v", err)
	}
	drafted(t, freshetv1.NewCapServiceClient(conn), "issued")
	t.Logf("%d people, %d cells", len(people), cells)
}
