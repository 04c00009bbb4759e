package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/auth"
	"freshet/internal/client"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// dutyOf is a client of a running server that asks nobody who they are.
func dutyOf(t *testing.T, a *app.App) freshetv1.DutyServiceClient {
	t.Helper()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return freshetv1.NewDutyServiceClient(conn)
}

// silence lets the clock run on without readings, so that every station goes
// blind and every alarm rises.
func silence(t *testing.T, a *app.App) time.Time {
	t.Helper()
	now := noon
	for range 5 {
		if err := advance(t, a, now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	return now.Add(-time.Hour)
}

func alarmOf(t *testing.T, c freshetv1.DutyServiceClient, station string) *freshetv1.Alarm {
	t.Helper()
	resp, err := c.ListAlarms(t.Context(), &freshetv1.ListAlarmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(resp.GetAlarms(), func(a *freshetv1.Alarm) bool { return a.GetStation() == station })
	if i < 0 {
		return &freshetv1.Alarm{State: freshetv1.AlarmState_ALARM_STATE_NORMAL}
	}
	return resp.GetAlarms()[i]
}

// posted is the answer to a POST of JSON.
func posted(t *testing.T, url, body string) (int, map[string]any) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	var got map[string]any
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return resp.StatusCode, got
}

func TestWhatAnOfficerDidStandsAcrossARestartAndIsDoneOnce(t *testing.T) {
	o := options(t)
	a := start(t, o)
	c := dutyOf(t, a)
	now := silence(t, a)
	list, err := c.ListAlarms(t.Context(), &freshetv1.ListAlarmsRequest{})
	if err != nil || len(list.GetAlarms()) != len(a.Catalog().Stations) || int(list.GetUnacknowledged()) != len(list.GetAlarms()) {
		t.Fatalf("%d alarms, %d unacknowledged, of %d blind stations: %v", len(list.GetAlarms()), list.GetUnacknowledged(), len(a.Catalog().Stations), err)
	}
	first, second, third := list.GetAlarms()[0], list.GetAlarms()[1], list.GetAlarms()[2]
	if first.GetStage() != freshetv1.Stage_STAGE_BLIND || first.GetNameZh() == "" || first.GetDepartment() == 0 || first.GetWarning() == "" || first.GetCause() == "" {
		t.Errorf("%v", first)
	}

	// Of two stations at once: by the warning that was seen, and by the station.
	ack := &freshetv1.AcknowledgeRequest{RequestId: "ack-1", By: "张三", Warnings: []string{first.GetWarning()}, Stations: []string{second.GetStation()}, Note: "已电话核实"}
	done, err := c.Acknowledge(t.Context(), ack)
	if err != nil || len(done.GetEvents()) != 2 {
		t.Fatalf("%v, %v", done, err)
	}
	if e := done.GetEvents()[0]; e.GetKind() != "acknowledged" || e.GetStation() != first.GetStation() || e.GetBy().GetName() != "张三" || e.GetBy().GetRole() != "unauthenticated" ||
		e.GetBy().GetId() != "" || !e.GetAt().AsTime().Equal(now) || !strings.Contains(e.GetTextZh(), "已电话核实") {
		t.Errorf("%v", e)
	}
	inputs := func() (n int) {
		for in, err := range a.Inputs(t.Context(), first.GetBasin()) {
			if err != nil {
				t.Fatal(err)
			}
			if in.Command != nil {
				n++
			}
		}
		return n
	}
	if again, err := c.Acknowledge(t.Context(), ack); err != nil || !cmp.Equal(done, again, protocmp.Transform()) || inputs() != 2 {
		t.Errorf("sent again: %v, %v, %d commands on the log", again, err, inputs())
	}

	// What may not be done says why, in both languages.
	_, err = c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: "ack-2", By: "李四", Stations: []string{first.GetStation()}})
	st := status.Convert(err)
	if st.Code() != codes.FailedPrecondition || !strings.Contains(st.Message(), "it is acknowledged already (by 张三, ") || len(st.Details()) != 1 {
		t.Fatalf("%v", err)
	}
	if e, ok := st.Details()[0].(*freshetv1.DutyEvent); !ok || e.GetKind() != "refused" || !strings.Contains(e.GetTextZh(), "已被确认") {
		t.Errorf("%v", st.Details())
	}
	// One of two is done: the answer says of each.
	some, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: "ack-3", By: "李四", Stations: []string{first.GetStation(), third.GetStation()}})
	if err != nil || len(some.GetEvents()) != 2 || some.GetEvents()[0].GetKind() != "refused" || some.GetEvents()[1].GetKind() != "acknowledged" {
		t.Errorf("%v, %v", some, err)
	}
	for name, c := range map[string]struct {
		call func() error
		want codes.Code
		text string
	}{
		"nobody": {func() error {
			_, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: "x", Stations: []string{first.GetStation()}})
			return err
		}, codes.InvalidArgument, "by: missing"},
		"no request id": {func() error {
			_, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{By: "张三", Stations: []string{first.GetStation()}})
			return err
		}, codes.InvalidArgument, "request_id"},
		"no station": {func() error {
			_, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: "x", By: "张三"})
			return err
		}, codes.InvalidArgument, "stations: none"},
		"an unknown station": {func() error {
			_, err := c.Unshelve(t.Context(), &freshetv1.UnshelveRequest{RequestId: "x", By: "张三", Stations: []string{"nowhere"}})
			return err
		}, codes.NotFound, "nowhere"},
		"a station of another basin": {func() error {
			_, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: "x", By: "张三", Warnings: []string{"elsewhere/20260601T000000Z/" + first.GetStation()}})
			return err
		}, codes.NotFound, "elsewhere"},
		"no id of a warning": {func() error {
			_, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: "x", By: "张三", Warnings: []string{"w"}})
			return err
		}, codes.InvalidArgument, "warnings[0]"},
		"a request id used before": {func() error {
			_, err := c.Unshelve(t.Context(), &freshetv1.UnshelveRequest{RequestId: "ack-1", By: "张三", Stations: []string{first.GetStation()}})
			return err
		}, codes.InvalidArgument, "for something else, acknowledge by"},
		"somebody else's request id": {func() error {
			again := &freshetv1.AcknowledgeRequest{RequestId: "ack-1", By: "李四", Warnings: ack.GetWarnings(), Stations: ack.GetStations(), Note: ack.GetNote()}
			_, err := c.Acknowledge(t.Context(), again)
			return err
		}, codes.InvalidArgument, "acknowledge by 张三 (unauthenticated)"},
		"a shelf too long": {func() error {
			_, err := c.Shelve(t.Context(), &freshetv1.ShelveRequest{RequestId: "x", By: "张三", Stations: []string{first.GetStation()}, Until: timestamppb.New(now.Add(9 * time.Hour)), Reason: "检修"})
			return err
		}, codes.FailedPrecondition, "at most 8h"},
	} {
		if err := c.call(); status.Code(err) != c.want || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %s with %q", name, err, c.want, c.text)
		}
	}

	// By REST.
	url := "http://" + a.HTTPAddr()
	shelf := fmt.Sprintf(`{"request_id": "shelf", "by": "张三", "stations": [%q], "until": %q, "reason": "检修"}`, second.GetStation(), now.Add(2*time.Hour).Format(time.RFC3339))
	if code, got := posted(t, url+"/v1/alarms/shelve", shelf); code != http.StatusOK || len(got["events"].([]any)) != 1 {
		t.Errorf("%d %v", code, got)
	}
	if code, got := posted(t, url+"/v1/alarms/acknowledge", fmt.Sprintf(`{"request_id": "r", "by": "李四", "stations": [%q]}`, second.GetStation())); code != http.StatusBadRequest ||
		!strings.Contains(got["message"].(string), "it is shelved: unshelve it first (by 张三") || !strings.Contains(fmt.Sprint(got["details"]), "先取消搁置") {
		t.Errorf("%d %v", code, got)
	}
	if code, got := posted(t, url+"/v1/alarms/out-of-service", fmt.Sprintf(`{"request_id": "out", "by": "张三", "stations": [%q], "reason": "换传感器"}`, third.GetStation())); code != http.StatusOK {
		t.Errorf("%d %v", code, got)
	}

	// Filters.
	for _, f := range []struct {
		req  *freshetv1.ListAlarmsRequest
		want func(*freshetv1.Alarm) bool
	}{
		{&freshetv1.ListAlarmsRequest{States: []freshetv1.AlarmState{freshetv1.AlarmState_ALARM_STATE_SHELVED, freshetv1.AlarmState_ALARM_STATE_OUT_OF_SERVICE}}, func(a *freshetv1.Alarm) bool {
			return a.GetStation() == second.GetStation() || a.GetStation() == third.GetStation()
		}},
		{&freshetv1.ListAlarmsRequest{Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_WEATHER}}, func(a *freshetv1.Alarm) bool {
			return a.GetDepartment() == freshetv1.Department_DEPARTMENT_WEATHER
		}},
	} {
		all, err := c.ListAlarms(t.Context(), &freshetv1.ListAlarmsRequest{Basin: first.GetBasin()})
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(all.GetAlarms(), func(a *freshetv1.Alarm) bool { return !f.want(a) })
		got, err := c.ListAlarms(t.Context(), f.req)
		if err != nil || len(want) == 0 {
			t.Fatalf("%d, %v", len(want), err)
		}
		if diff := cmp.Diff(want, got.GetAlarms(), protocmp.Transform()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", f.req, diff)
		}
	}

	// A restart keeps all of it, and still knows what was sent.
	before, err := c.ListAlarms(t.Context(), &freshetv1.ListAlarmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	c = dutyOf(t, a)
	after, err := c.ListAlarms(t.Context(), &freshetv1.ListAlarmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after, protocmp.Transform()); diff != "" {
		t.Errorf("after a restart (-before +after)\n%s", diff)
	}
	if again, err := c.Acknowledge(t.Context(), ack); err != nil || !cmp.Equal(done, again, protocmp.Transform()) {
		t.Errorf("sent again after a restart: %v, %v", again, err)
	}
	if got := alarmOf(t, c, third.GetStation()); got.GetState() != freshetv1.AlarmState_ALARM_STATE_OUT_OF_SERVICE || got.GetReason() != "换传感器" || got.GetBy().GetName() != "张三" {
		t.Errorf("%v", got)
	}

	// The shelf ends by itself; and all of it is on the record, in order.
	if err := advance(t, a, now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := alarmOf(t, c, second.GetStation()); got.GetState() != freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED {
		t.Errorf("%v", got)
	}
	events, err := c.ListDutyEvents(t.Context(), &freshetv1.ListDutyEventsRequest{From: timestamppb.New(now), To: timestamppb.New(now.Add(3 * time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	ids := map[string]bool{}
	for _, e := range events.GetEvents() {
		kinds = append(kinds, e.GetKind())
		ids[e.GetId()] = true
	}
	want := []string{"acknowledged", "acknowledged", "refused", "refused", "acknowledged", "refused", "shelved", "refused", "out_of_service", "shelf_expired"}
	if !slices.Equal(kinds, want) || len(ids) != len(want) {
		t.Errorf("%q with %d ids, want %q", kinds, len(ids), want)
	}
	few, err := c.ListDutyEvents(t.Context(), &freshetv1.ListDutyEventsRequest{
		Basin: first.GetBasin(), From: timestamppb.New(now.Add(time.Second)), To: timestamppb.New(now.Add(3 * time.Hour)), Kinds: []string{"shelf_expired", "shelved"}, Station: second.GetStation(),
	})
	if err != nil || len(few.GetEvents()) != 1 || few.GetEvents()[0].GetBy() != nil {
		t.Errorf("%v, %v", few, err)
	}

	// An engine that has nothing but the log comes to the same.
	replayed := engine.New(first.GetBasin())
	for in, err := range a.Inputs(t.Context(), first.GetBasin()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replayed.Apply(in); err != nil {
			t.Fatal(err)
		}
	}
	a.Query(first.GetBasin(), func(e *engine.Engine) {
		if diff := cmp.Diff(e.Alarms(), replayed.Alarms()); diff != "" {
			t.Errorf("replayed (-served +replayed)\n%s", diff)
		}
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyOnesOwnStationsArePutOutOfService(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	now := noon
	clock := client.NewClock(g.dial(admin), client.Backoff{})
	for range 5 {
		if err := clock.Advance(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	stationOf := map[hydro.Department]string{}
	for _, st := range g.app.Catalog().Stations {
		stationOf[st.Department] = st.ID
	}
	people := []person{admin}
	for _, d := range append([]hydro.Department{0}, hydro.Departments...) {
		people = append(people, g.token(all(auth.Officer, d), nil))
		if d != 0 {
			people = append(people, g.token(all(auth.Briefing, d), nil), g.token(all(auth.Gateway, d), nil))
		}
	}
	cells := 0
	for i, p := range people {
		c := freshetv1.NewDutyServiceClient(g.dial(p))
		for _, d := range hydro.Departments {
			g.wall.move(10 * time.Second) // failed attempts are held in bounds
			station := []string{stationOf[d]}
			id := fmt.Sprintf("%d-%s", i, d)
			own := p.role == auth.Admin || p.role == auth.Officer && p.department == d
			watch := p.role == auth.Admin || p.role == auth.Officer
			// Each brings the alarm back to where it was for the next.
			for _, step := range []struct {
				name string
				may  bool
				call func() (*freshetv1.DutyEvent, error)
			}{
				{"shelve", watch, func() (*freshetv1.DutyEvent, error) {
					r, err := c.Shelve(t.Context(), &freshetv1.ShelveRequest{RequestId: id + "s", Stations: station, Until: timestamppb.New(now), Reason: "r"})
					return first(r.GetEvents()), err
				}},
				{"unshelve", watch, func() (*freshetv1.DutyEvent, error) {
					r, err := c.Unshelve(t.Context(), &freshetv1.UnshelveRequest{RequestId: id + "u", Stations: station})
					return first(r.GetEvents()), err
				}},
				{"acknowledge", watch, func() (*freshetv1.DutyEvent, error) {
					r, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: id + "a", Stations: station})
					return first(r.GetEvents()), err
				}},
				{"out of service", own, func() (*freshetv1.DutyEvent, error) {
					r, err := c.TakeOutOfService(t.Context(), &freshetv1.TakeOutOfServiceRequest{RequestId: id + "o", Stations: station, Reason: "r"})
					return first(r.GetEvents()), err
				}},
				{"in service", own, func() (*freshetv1.DutyEvent, error) {
					r, err := c.ReturnToService(t.Context(), &freshetv1.ReturnToServiceRequest{RequestId: id + "i", Stations: station})
					return first(r.GetEvents()), err
				}},
			} {
				cells++
				e, err := step.call()
				if !step.may {
					if status.Code(err) != codes.PermissionDenied {
						t.Errorf("%s, %s of %s: %v, want PERMISSION_DENIED", p.name, step.name, d, err)
					}
					continue
				}
				if step.name == "acknowledge" && status.Code(err) == codes.FailedPrecondition && strings.Contains(err.Error(), "acknowledged already") {
					t.Errorf("%s: the alarm was not brought back: %v", p.name, err)
				}
				if err != nil || e.GetBy().GetId() != "token "+p.id || e.GetBy().GetRole() != p.role.String() || e.GetBy().GetName() == "" {
					t.Errorf("%s, %s of %s: %v by %v", p.name, step.name, d, err, e.GetBy())
				}
			}
			if watch && !own { // leave the alarm as it was found
				if _, err := freshetv1.NewDutyServiceClient(g.dial(admin)).TakeOutOfService(t.Context(), &freshetv1.TakeOutOfServiceRequest{RequestId: id + "x", Stations: station, Reason: "r"}); err != nil {
					t.Fatal(err)
				}
				if _, err := freshetv1.NewDutyServiceClient(g.dial(admin)).ReturnToService(t.Context(), &freshetv1.ReturnToServiceRequest{RequestId: id + "y", Stations: station}); err != nil {
					t.Fatal(err)
				}
			}
			// Nobody speaks in another's name.
			if watch {
				_, err := c.Acknowledge(t.Context(), &freshetv1.AcknowledgeRequest{RequestId: id + "n", By: "somebody else", Stations: station})
				if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "your credential says who you are") {
					t.Errorf("%s speaks in another's name: %v", p.name, err)
				}
			}
		}
	}
	t.Logf("%d people, %d cells", len(people), cells)

	// REST asks the same.
	officer := people[slices.IndexFunc(people, func(p person) bool { return p.role == auth.Officer && p.department == hydro.Weather })]
	for station, want := range map[string]int{stationOf[hydro.Weather]: http.StatusOK, stationOf[hydro.Hydrology]: http.StatusForbidden} {
		g.wall.move(10 * time.Second)
		body := fmt.Sprintf(`{"request_id": "rest", "stations": [%q], "reason": "r"}`, station)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+g.app.HTTPAddr()+"/v1/alarms/out-of-service", bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+officer.token)
		resp, err := g.transport(officer.pair).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("REST, %s: %d %s, want %d", station, resp.StatusCode, data, want)
		}
	}
}

func first(events []*freshetv1.DutyEvent) *freshetv1.DutyEvent {
	if len(events) == 0 {
		return nil
	}
	return events[0]
}
