package app_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/auth"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// What the history holds is told to a gateway for its own stations alone.
func TestAGatewayComparesItsStationsAndNoOthers(t *testing.T) {
	g := guard(t)
	var mine, other string
	for _, st := range g.app.Catalog().Stations {
		switch {
		case st.Department != hydro.Hydrology:
		case mine == "":
			mine = st.ID
		case other == "":
			other = st.ID
		}
	}
	compare := func(p person, d hydro.Department) (*freshetv1.CompareDaysResponse, error) {
		day := func(station string) *freshetv1.SeriesDay {
			s := wire.FromDay(hydro.Key{Station: station, Variable: hydro.WaterLevel}, noon, noon.Add(24*time.Hour), nil)
			s.Count = 1 // so that it differs
			return s
		}
		return freshetv1.NewIngestServiceClient(g.dial(p)).CompareDays(t.Context(), &freshetv1.CompareDaysRequest{
			Gateway: "g", Department: wire.FromDepartment(d), Days: []*freshetv1.SeriesDay{day(mine), day(other)},
		})
	}
	grant := auth.Grant{Name: "one station", Role: auth.Gateway.String(), Department: hydro.Hydrology.String(), Stations: []string{mine}}
	for _, p := range []person{g.token(grant, nil), g.certificate("one", grant, time.Time{})} {
		resp, err := compare(p, hydro.Hydrology)
		if err != nil {
			t.Fatal(err)
		}
		if d := resp.GetDifferences(); len(d) != 2 || d[0].GetProblem() != "" || d[1].GetProblem() == "" || len(d[1].GetReadings()) > 0 {
			t.Errorf("%s: %v", p.name, d)
		}
		if _, err := compare(p, hydro.Weather); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s of another department: %v", p.name, err)
		}
	}
	for _, p := range []person{g.token(all(auth.Officer, hydro.Hydrology), nil), g.token(all(auth.Admin, 0), nil)} {
		if _, err := compare(p, hydro.Hydrology); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}
