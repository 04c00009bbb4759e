package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/auth"
	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

func all(role auth.Role, department hydro.Department) auth.Grant {
	g := auth.Grant{Name: "test " + role.String(), Role: role.String(), AllStations: role == auth.Gateway}
	if department != 0 {
		g.Department = department.String()
	}
	return g
}

// everybody is one person of each kind.
func (g *guarded) everybody() []person {
	out := []person{{name: "nobody", security: client.Security{CA: g.ca.File}}}
	for _, role := range auth.Roles {
		for _, d := range append([]hydro.Department{0}, hydro.Departments...) {
			if role == auth.Gateway && d == 0 {
				continue
			}
			out = append(out, g.token(all(role, d), nil))
			if role == auth.Gateway {
				out = append(out, g.certificate("matrix", all(role, d), time.Time{}))
			}
		}
	}
	return out
}

// A method is one of the methods that the server offers.
type method struct {
	name           string
	client, server bool // streams
}

// methods asks the server, by reflection, for every method of every service.
func (g *guarded) methods(p person) []method {
	t := g.t
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(g.dial(p)).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(req *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	var out []method
	for _, service := range ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}).GetListServicesResponse().GetService() {
		resp := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service.GetName()}})
		before := len(out)
		for _, raw := range resp.GetFileDescriptorResponse().GetFileDescriptorProto() {
			file := new(descriptorpb.FileDescriptorProto)
			if err := proto.Unmarshal(raw, file); err != nil {
				t.Fatal(err)
			}
			for _, s := range file.GetService() {
				if file.GetPackage()+"."+s.GetName() != service.GetName() {
					continue
				}
				for _, m := range s.GetMethod() {
					out = append(out, method{"/" + service.GetName() + "/" + m.GetName(), m.GetClientStreaming(), m.GetServerStreaming()})
				}
			}
		}
		if len(out) == before {
			t.Fatalf("no method of %s", service.GetName())
		}
	}
	return out
}

// call makes a call with an empty request and returns the code of its first
// answer.
func call(t *testing.T, conn *grpc.ClientConn, m method, req proto.Message) codes.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: m.client, ServerStreams: true}, m.name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.SendMsg(req), s.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	err = s.RecvMsg(new(emptypb.Empty))
	if errors.Is(err, io.EOF) {
		return codes.OK
	}
	return status.Code(err)
}

// may is the policy in other words than the server's table.
func may(p person, method string) bool {
	_, short, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	streams := map[string]hydro.Department{"StreamWeather": hydro.Weather, "StreamHydrology": hydro.Hydrology, "StreamWaterResources": hydro.WaterResources}
	switch {
	case short == "Check" && strings.HasPrefix(method, "/grpc.health"):
		return true
	case p.role == 0:
		return false
	case strings.HasPrefix(method, "/grpc."):
		return true
	case streams[short] != 0:
		return p.role == auth.Gateway && p.department == streams[short]
	case short == "CompareDays": // empty: of no department; see TestAGatewayComparesItsStationsAndNoOthers
		return false
	case p.role == auth.Admin:
		return true
	case short == "SubmitRainForecast", short == "Withdraw": // empty: of a rain forecast
		return p.department == hydro.Weather
	case short == "SubmitDispatchPlan":
		return p.department == hydro.WaterResources
	case short == "SubmitTide":
		return p.department == hydro.Hydrology
	case p.role == auth.Gateway, strings.HasPrefix(method, "/freshet.v1.ClockService/"), strings.HasPrefix(method, "/freshet.v1.RecordService/"):
		return false
	case short == "Acknowledge", short == "Shelve", short == "Unshelve", short == "TakeOutOfService", short == "ReturnToService":
		return p.role == auth.Officer // whose station it is: TestOnlyOnesOwnStationsArePutOutOfService
	case short == "WatchWarnings", short == "Approve", short == "Reject", strings.HasPrefix(method, "/freshet.v1.CalloutService/"):
		return p.role == auth.Officer
	}
	return true // officers and briefings read, and speak for plans of their department
}

func TestEveryCallIsAllowedToThoseItIsForAndToNobodyElse(t *testing.T) {
	g := guard(t)
	people := g.everybody()
	admin := people[slices.IndexFunc(people, func(p person) bool { return p.role == auth.Admin })]
	if err := client.NewClock(g.dial(admin), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	methods := g.methods(admin)
	if len(methods) < 20 {
		t.Fatalf("only %d methods", len(methods))
	}
	cells := 0
	for _, p := range people {
		conn := g.dial(p)
		for _, m := range methods {
			cells++
			g.wall.move(10 * time.Second) // failed attempts are held in bounds
			want := "allowed"
			if !may(p, m.name) {
				want = codes.PermissionDenied.String()
				if p.role == 0 {
					want = codes.Unauthenticated.String()
				}
			}
			got := "allowed"
			if code := call(t, conn, m, new(emptypb.Empty)); code == codes.PermissionDenied || code == codes.Unauthenticated || code == codes.ResourceExhausted {
				got = code.String()
			}
			if got != want {
				t.Errorf("%s, %s: %s, want %s", p.name, m.name, got, want)
			}
		}
		// Whose a withdrawal is hangs on what is withdrawn.
		g.wall.move(10 * time.Second)
		plan := &freshetv1.WithdrawRequest{Reservoir: "jinjiang"}
		code := call(t, conn, method{name: freshetv1.IngestService_Withdraw_FullMethodName}, plan)
		if allowed := code != codes.PermissionDenied && code != codes.Unauthenticated; allowed != (p.role == auth.Admin || p.role != 0 && p.department == hydro.WaterResources) {
			t.Errorf("%s withdraws a plan: %s", p.name, code)
		}
		g.wall.move(10 * time.Second)
		tide := &freshetv1.WithdrawRequest{Station: "h-yamen", Source: "x"}
		code = call(t, conn, method{name: freshetv1.IngestService_Withdraw_FullMethodName}, tide)
		if allowed := code != codes.PermissionDenied && code != codes.Unauthenticated; allowed != (p.role == auth.Admin || p.role != 0 && p.department == hydro.Hydrology) {
			t.Errorf("%s withdraws a tide: %s", p.name, code)
		}
	}
	// A method that nobody has thought of is nobody's.
	for _, p := range people {
		if code := call(t, g.dial(p), method{name: "/freshet.v1.StationService/Forget"}, new(emptypb.Empty)); code != codes.Unimplemented {
			t.Errorf("%s: a method that is not there: %s", p.name, code)
		}
	}
	t.Logf("%d people, %d methods, %d cells", len(people), len(methods), cells)
}

// reports has one report of each station of the catalogue, with a value that some
// stations of the department declare.
func reports(cat *catalog.Catalog, d hydro.Department, at time.Time) (r client.Reports, stations []*catalog.Station) {
	value := 1.0
	when := func() *freshetv1.ObservedAt {
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: at.UnixMilli()}}
	}
	for i := range cat.Stations {
		st := &cat.Stations[i]
		stations = append(stations, st)
		switch d {
		case hydro.Weather:
			r.Weather = append(r.Weather, &freshetv1.WeatherReport{Station: st.ID, ObservedAt: when(), Rain: &value, RainUnit: freshetv1.RainUnit_RAIN_UNIT_MM, IntervalS: 300})
		case hydro.Hydrology:
			r.Hydrology = append(r.Hydrology, &freshetv1.HydrologyReport{Station: st.ID, ObservedAt: when(), WaterLevel: &value, Datum: string(st.Datum.Name)})
		case hydro.WaterResources:
			r.WaterResources = append(r.WaterResources, &freshetv1.WaterResourcesReport{Station: st.ID, ObservedAt: when(), ReservoirLevel: &value, Datum: string(st.Datum.Name)})
		}
	}
	return r, stations
}

func TestAGatewayWritesItsStationsAndNoOthers(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	if err := client.NewClock(g.dial(admin), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	cat := g.app.Catalog()
	cells := 0
	allowed := map[string]bool{} // stations that anybody may write
	for _, d := range hydro.Departments {
		var mine []*catalog.Station
		for i := range cat.Stations {
			if cat.Stations[i].Department == d {
				mine = append(mine, &cat.Stations[i])
			}
		}
		if len(mine) < 2 {
			t.Fatalf("the catalogue has %d stations of %s", len(mine), d)
		}
		foreign := cat.Stations[slices.IndexFunc(cat.Stations, func(s catalog.Station) bool { return s.Department != d })]
		grants := []auth.Grant{
			{Stations: []string{mine[0].ID}},
			{Prefixes: []string{mine[1].ID[:len(mine[1].ID)-1]}},
			{Stations: []string{foreign.ID, mine[0].ID}, Prefixes: []string{foreign.ID[:1]}}, // another department's cannot be granted
		}
		if len(mine[0].Aliases) > 0 {
			grants = append(grants, auth.Grant{Stations: []string{mine[0].Aliases[0]}})
		}
		if d == hydro.Hydrology { // one that may write all, so that the rest is seen to be written
			grants = append(grants, auth.Grant{AllStations: true})
		}
		for k, grant := range grants {
			grant.Name, grant.Role, grant.Department = fmt.Sprintf("g%d", k), auth.Gateway.String(), d.String()
			for _, p := range []person{g.token(grant, nil), g.certificate(grant.Name, grant, time.Time{})} {
				who, err := grant.Principal()
				if err != nil {
					t.Fatal(err)
				}
				frame, stations := reports(cat, d, noon)
				refused := map[uint32]freshetv1.RefusalReason{}
				gw, err := client.Open(t.Context(), g.dial(p), d, grant.Name, client.Options{Rejected: func(r *freshetv1.Rejection) { refused[r.GetReport()] = r.GetReason() }})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := gw.Send(t.Context(), frame); err != nil {
					t.Fatal(err)
				}
				if err := gw.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				gw.Close()
				some := false
				for i, st := range stations {
					cells++
					// In other words than the server's.
					want := st.Department == d && (who.AllStations || slices.ContainsFunc(append(slices.Clone(st.Aliases), st.ID), func(n string) bool {
						return slices.Contains(who.Stations, n) || slices.ContainsFunc(who.Prefixes, func(p string) bool { return strings.HasPrefix(n, p) })
					}))
					got := refused[uint32(i)] != freshetv1.RefusalReason_REFUSAL_REASON_NOT_ALLOWED
					if got != want {
						t.Errorf("%s %+v, station %s of %s: written %t, want %t (%v)", p.name, grant, st.ID, st.Department, got, want, refused[uint32(i)])
					}
					some = some || want
					allowed[st.ID] = allowed[st.ID] || want
				}
				if !some {
					t.Errorf("%s %+v may write nothing: the test is empty", p.name, grant)
				}
			}
		}
	}
	// And nothing else is on the log, not even as refused.
	kept := 0
	for i := range cat.Basins {
		for in, err := range g.app.Inputs(t.Context(), cat.Basins[i].ID) {
			if err != nil {
				t.Fatal(err)
			}
			if in.Batch == nil {
				continue
			}
			for _, r := range in.Batch.Readings {
				kept++
				if !allowed[r.Station] {
					t.Errorf("a reading of %s is on the log", r.Station)
				}
			}
			for _, r := range in.Batch.Refusals {
				if !allowed[r.Station] || r.Reason == hydro.NotAllowed {
					t.Errorf("a refusal of %s is on the log: %s", r.Station, r.Reason)
				}
			}
		}
	}
	if kept == 0 {
		t.Error("nothing was written")
	}
	t.Logf("%d cells, %d readings on the log", cells, kept)
}

func TestTheBoxOfOneGaugeHasNoSayInTheRainToCome(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	if err := client.NewClock(g.dial(admin), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	basin := g.app.Catalog().Basins[0]
	for want, grant := range map[codes.Code]auth.Grant{
		codes.OK:               all(auth.Gateway, hydro.Weather),
		codes.PermissionDenied: {Name: "one", Role: "gateway", Department: "weather", Prefixes: []string{"w-"}},
	} {
		c := freshetv1.NewIngestServiceClient(g.dial(g.token(grant, nil)))
		_, err := c.SubmitRainForecast(t.Context(), &freshetv1.SubmitRainForecastRequest{
			Source: "test", Basin: basin.ID, IssuedAt: timestamppb.New(noon), ValidUntil: timestamppb.New(noon.Add(2 * time.Hour)), StepS: 3600,
			SubBasins: []*freshetv1.SubBasinRain{{SubBasin: basin.SubBasins[0].ID, Rain: []float64{0, 1}}},
		})
		if status.Code(err) != want {
			t.Errorf("%s submits: %v, want %s", grant.Name, err, want)
		}
		_, err = c.Withdraw(t.Context(), &freshetv1.WithdrawRequest{
			Source: "test", Basin: basin.ID, IssuedAt: timestamppb.New(noon), WithdrawnBy: "test", WithdrawnAt: timestamppb.New(noon), Reason: "test",
		})
		if status.Code(err) != want {
			t.Errorf("%s withdraws: %v, want %s", grant.Name, err, want)
		}
	}
}

func TestAGatewayOrdersOnlyForReservoirsWhoseStationItWrites(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	if err := client.NewClock(g.dial(admin), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	var reservoir *catalog.Reservoir
	for i := range g.app.Catalog().Basins {
		if b := &g.app.Catalog().Basins[i]; len(b.Reservoirs) > 0 {
			reservoir = &b.Reservoirs[0]
		}
	}
	if reservoir == nil {
		t.Fatal("no reservoir")
	}
	own := auth.Grant{Name: "own", Role: "gateway", Department: "water_resources", Stations: []string{reservoir.Station}}
	other := auth.Grant{Name: "other", Role: "gateway", Department: "water_resources", Stations: []string{"elsewhere"}}
	for want, grant := range map[codes.Code]auth.Grant{codes.OK: own, codes.PermissionDenied: other} {
		c := freshetv1.NewIngestServiceClient(g.dial(g.token(grant, nil)))
		_, err := c.SubmitDispatchPlan(t.Context(), &freshetv1.SubmitDispatchPlanRequest{
			Reservoir: reservoir.ID, OrderedBy: "test", IssuedAt: timestamppb.New(noon), ValidFrom: timestamppb.New(noon), ValidUntil: timestamppb.New(noon.Add(time.Hour)),
			Releases: []*freshetv1.Release{{From: timestamppb.New(noon), Outflow: 1}},
		})
		if status.Code(err) != want {
			t.Errorf("%s orders: %v, want %s", grant.Name, err, want)
		}
		_, err = c.Withdraw(t.Context(), &freshetv1.WithdrawRequest{
			Reservoir: reservoir.ID, IssuedAt: timestamppb.New(noon), WithdrawnBy: "test", WithdrawnAt: timestamppb.New(noon), Reason: "test",
		})
		if status.Code(err) != want {
			t.Errorf("%s withdraws: %v, want %s", grant.Name, err, want)
		}
	}
}

func TestAGatewayTellsTheTideOnlyOfStationsThatItWrites(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	if err := client.NewClock(g.dial(admin), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(g.app.Catalog().Stations, func(s catalog.Station) bool { return s.Kind == catalog.TideStation })
	if i < 0 {
		t.Fatal("no tide station")
	}
	st := g.app.Catalog().Stations[i]
	own := auth.Grant{Name: "own", Role: "gateway", Department: "hydrology", Stations: []string{st.ID}}
	other := auth.Grant{Name: "other", Role: "gateway", Department: "hydrology", Stations: []string{"elsewhere"}}
	for want, grant := range map[codes.Code]auth.Grant{codes.OK: own, codes.PermissionDenied: other} {
		c := freshetv1.NewIngestServiceClient(g.dial(g.token(grant, nil)))
		_, err := c.SubmitTide(t.Context(), &freshetv1.SubmitTideRequest{
			Station: st.ID, Source: "test", Datum: string(st.Datum.Name), IssuedAt: timestamppb.New(noon), ValidUntil: timestamppb.New(noon.Add(time.Hour)),
			StartAt: timestamppb.New(noon), StepS: 3600, Levels: []float64{0, 1},
		})
		if status.Code(err) != want {
			t.Errorf("%s tells a tide: %v, want %s", grant.Name, err, want)
		}
		_, err = c.Withdraw(t.Context(), &freshetv1.WithdrawRequest{
			Station: st.ID, Source: "test", IssuedAt: timestamppb.New(noon), WithdrawnBy: "test", WithdrawnAt: timestamppb.New(noon), Reason: "test",
		})
		if status.Code(err) != want {
			t.Errorf("%s withdraws: %v, want %s", grant.Name, err, want)
		}
	}
}
