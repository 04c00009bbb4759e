package app_test

import (
	"testing"
	"time"

	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// The desk sees who is connected, what came, what was refused and why, and what
// of that keeps a station blind.
func TestTheDeskSeesTheGatewaysAndWhatTheyWereRefused(t *testing.T) {
	a := start(t, options(t))
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stations := freshetv1.NewStationServiceClient(conn)
	list := func(d freshetv1.Department) *freshetv1.ListGatewaysResponse {
		t.Helper()
		got, err := stations.ListGateways(t.Context(), &freshetv1.ListGatewaysRequest{Department: d})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := list(0); len(got.GetGateways()) != 0 || len(got.GetLags()) != 1 {
		t.Errorf("before anybody came: %v", got)
	}
	gw, err := client.Open(t.Context(), conn, hydro.Hydrology, "yamen", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	level := 7.0
	report := func(station, datum string) *freshetv1.HydrologyReport {
		return &freshetv1.HydrologyReport{
			Station: station, WaterLevel: &level, Datum: datum,
			ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: noon.Add(-time.Minute).UnixMilli()}},
		}
	}
	if _, err := gw.Send(t.Context(), client.Reports{Hydrology: []*freshetv1.HydrologyReport{
		report("h-enping", "PEARL_RIVER"), report("h-puqiao", "NAVD88"), report("h-nowhere", "PEARL_RIVER"),
	}}); err != nil {
		t.Fatal(err)
	}
	if err := gw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := advance(t, a, noon.Add(time.Minute)); err != nil { // behind the batch, on the log
		t.Fatal(err)
	}
	got := list(freshetv1.Department_DEPARTMENT_HYDROLOGY)
	if len(got.GetGateways()) != 1 {
		t.Fatalf("%v", got)
	}
	g := got.GetGateways()[0]
	if g.GetGateway() != "yamen" || g.GetDepartment() != freshetv1.Department_DEPARTMENT_HYDROLOGY || g.GetStreams() != 1 || g.GetConnectedSince() == nil ||
		g.GetDisconnectedAt() != nil || !g.GetLastReadingAt().AsTime().Equal(noon.Add(-time.Minute)) || g.LagS == nil || g.GetLagS() != 120 {
		t.Errorf("%v", g)
	}
	if g.GetAccepted() != 1 || g.GetRefused() != 2 || len(g.GetRefusals()) != 2 ||
		g.GetRefusals()[0].GetReason() != freshetv1.RefusalReason_REFUSAL_REASON_UNKNOWN_STATION ||
		g.GetRefusals()[1].GetReason() != freshetv1.RefusalReason_REFUSAL_REASON_DATUM_MISMATCH || g.GetRefusals()[1].GetMessage() == "" {
		t.Errorf("%v", g)
	}
	if len(got.GetRefusals()) != 1 || got.GetRefusals()[0].GetStation() != "h-puqiao" || got.GetRefusals()[0].GetReason() != freshetv1.RefusalReason_REFUSAL_REASON_DATUM_MISMATCH {
		t.Errorf("what the engine holds: %v", got.GetRefusals())
	}
	blind := map[string]int{}
	for _, b := range list(0).GetBlind() {
		for _, st := range b.GetStations() {
			blind[st]++
		}
		if b.GetDepartment() == freshetv1.Department_DEPARTMENT_UNSPECIFIED || b.GetCause() == "" {
			t.Errorf("%v", b)
		}
	}
	for i := range a.Catalog().Stations { // one reported: all others are not seen, each once
		if id := a.Catalog().Stations[i].ID; id != "h-enping" && blind[id] != 1 {
			t.Errorf("%s is in %d groups of what is not seen", id, blind[id])
		}
	}
	if other := list(freshetv1.Department_DEPARTMENT_WEATHER); len(other.GetGateways()) != 0 || len(other.GetRefusals()) != 0 {
		t.Errorf("of weather: %v", other)
	}
	gw.Close()
	end := time.After(time.Minute)
	ended := func() bool {
		g := list(0).GetGateways()
		return len(g) == 1 && g[0].GetStreams() == 0 && g[0].GetDisconnectedAt() != nil
	}
	for tick := time.NewTicker(5 * time.Millisecond); !ended(); { // the server sees the end a moment after its client
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("the stream does not end")
		}
	}
	// A refusal explains blindness only for as long as the blind window.
	if err := advance(t, a, noon.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := list(0); len(got.GetRefusals()) != 0 {
		t.Errorf("a day later: %v", got.GetRefusals())
	}
}
