package app_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

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

// What a gateway dropped is told to the centre with its frames, in the plain shape
// that the hand-written reader takes, and shown.
func TestWhatAGatewayDroppedIsKnownAtTheCentre(t *testing.T) {
	a := start(t, options(t))
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var lost atomic.Uint64
	g, err := client.Open(t.Context(), conn, hydro.Hydrology, "full", client.Options{Dropped: lost.Load})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, total := range []uint64{0, 12, 12, 500} {
		lost.Store(total)
		level := 5.0
		if _, err := g.Send(t.Context(), client.Reports{Hydrology: []*freshetv1.HydrologyReport{{
			Station: "EX80A101", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(noon)}},
			WaterLevel: &level, Datum: "PEARL_RIVER",
		}}}); err != nil {
			t.Fatal(err)
		}
		if err := g.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		resp, err := freshetv1.NewStationServiceClient(conn).ListGateways(t.Context(), &freshetv1.ListGatewaysRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.GetGateways()) != 1 || resp.GetGateways()[0].GetDropped() != total {
			t.Errorf("%d values were dropped, the centre says %v", total, resp.GetGateways())
		}
	}
	res, err := http.Get("http://" + a.HTTPAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if want := `freshet_ingest_gateway_dropped_total{department="hydrology"} 500`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("no %s on /metrics, %v", want, err)
	}
}
