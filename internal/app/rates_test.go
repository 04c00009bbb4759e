package app_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// faster is the shipped catalogue with a request for a faster rate from yellow on.
func faster(t *testing.T) string {
	t.Helper()
	dir := disputed(t, "")
	path := filepath.Join(dir, "network.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	with := bytes.Replace(data, []byte("    settings:\n"), []byte("    settings:\n      report_faster: {from: yellow, every: 1m}\n"), 1)
	if bytes.Equal(with, data) {
		t.Fatal("the shipped catalogue has no settings to add to")
	}
	if err := os.WriteFile(path, with, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A riverside is a gateway of the hydrology department at Enping.
type riverside struct {
	t    *testing.T
	g    *client.Gateway
	told chan []*freshetv1.RateRequest
	now  time.Time
}

func openRiverside(t *testing.T, a *app.App) *riverside {
	t.Helper()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	r := &riverside{t: t, told: make(chan []*freshetv1.RateRequest, 1000), now: noon}
	r.g, err = client.Open(t.Context(), conn, hydro.Hydrology, "riverside", client.Options{
		Backoff: client.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
		Rates:   func(q []*freshetv1.RateRequest) { r.told <- q },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.g.Close()
		conn.Close()
	})
	return r
}

// step reports a level and lets five minutes pass.
func (r *riverside) step(a *app.App, level float64) {
	r.t.Helper()
	r.now = r.now.Add(5 * time.Minute)
	if _, err := r.g.Send(r.t.Context(), client.Reports{Hydrology: []*freshetv1.HydrologyReport{{
		Station: "EX80A101", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(r.now)}},
		WaterLevel: &level, Datum: "PEARL_RIVER",
	}}}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.g.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if err := advance(r.t, a, r.now); err != nil {
		r.t.Fatal(err)
	}
}

// hear waits until the gateway is told what is wanted: whether Enping is asked. It
// logs how long that took, which is 5 s at most where the processor is not busy.
func (r *riverside) hear(asked bool) map[string]*freshetv1.RateRequest {
	r.t.Helper()
	began, late := time.Now(), time.After(time.Minute)
	for {
		select {
		case q := <-r.told:
			got := map[string]*freshetv1.RateRequest{}
			for _, one := range q {
				got[one.GetStation()] = one
			}
			if (got["h-enping"] != nil) == asked {
				r.t.Logf("heard after %s (asked: %t)", time.Since(began).Round(time.Millisecond), asked)
				return got
			}
		case <-late:
			r.t.Fatalf("a minute after the change the gateway has not heard it (asked: %t)", asked)
		}
	}
}

func TestGatewaysAreAskedToReportFasterWhileTheRiverIsHigh(t *testing.T) {
	o := options(t)
	o.Catalog = faster(t)
	a := start(t, o)
	o.GRPC = a.GRPCAddr()                       // the gateway finds the next server there
	if err := advance(t, a, noon); err != nil { // nothing can be dated before
		t.Fatal(err)
	}
	r := openRiverside(t, a)
	if got := r.hear(false); len(got) != 0 {
		t.Fatalf("asked of a quiet river: %v", got)
	}
	r.step(a, 5.0)
	r.step(a, 5.4)
	level := 5.4
	for level < 6.79 {
		level += 0.2
		r.step(a, level)
	}
	r.step(a, level)
	r.step(a, level) // the dwell of 10 minutes is over
	got := r.hear(true)
	q := got["h-enping"]
	if q.GetIntervalS() != 60 || q.GetCause() != "h-enping" || q.GetStage() != freshetv1.Stage_STAGE_YELLOW || !cmp.Equal(q.GetCodes(), []string{"EX80A101"}) ||
		!q.GetUntil().AsTime().After(r.now) || q.GetUntil().AsTime().After(r.now.Add(30*time.Minute)) || q.GetReasonEn() != "h-enping is at yellow" || q.GetReasonZh() == "" {
		t.Errorf("%v", q)
	}
	for _, below := range []string{"h-chikan", "h-puqiao"} {
		if (got[below] != nil) != onTheWay(t, a, below) {
			t.Errorf("%s: asked %t", below, got[below] != nil)
		}
	}
	for id := range got {
		if st, _ := a.Catalog().Station(id); st.Department != hydro.Hydrology {
			t.Errorf("the hydrology department is asked for %s of %s", id, st.Department)
		}
	}
	latest := func() *freshetv1.RateRequest {
		t.Helper()
		conn, err := client.Dial(a.GRPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		resp, err := freshetv1.NewStationServiceClient(conn).GetLatest(t.Context(), &freshetv1.GetLatestRequest{Station: "h-enping"})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetRate()
	}
	if latest().GetIntervalS() != 60 {
		t.Errorf("the station does not show that it is asked: %v", latest())
	}

	// A restart: the gateway connects again and is told again.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for len(r.told) > 0 {
		<-r.told
	}
	a = start(t, o)
	if again := r.hear(true)["h-enping"]; !again.GetSince().AsTime().Equal(q.GetSince().AsTime()) {
		t.Errorf("after a restart asked since %s, want %s", again.GetSince().AsTime(), q.GetSince().AsTime())
	}
	r.step(a, level) // and held while the river stays high

	for level > 5.5 {
		level -= 0.2
		r.step(a, level)
	}
	for range 14 { // dwell_lower is an hour
		r.step(a, level)
	}
	r.hear(false)
	if q := latest(); q != nil {
		t.Errorf("still asked: %v", q)
	}

	// A replay of all inputs gives what the record holds.
	var want []string
	replayed := engine.New("tanjiang")
	for in, err := range a.Inputs(t.Context(), "tanjiang") {
		if err != nil {
			t.Fatal(err)
		}
		outs, err := replayed.Apply(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, out := range outs {
			if out.Rate != nil {
				want = append(want, fmt.Sprint(in.Seq, "/", i, " ", *out.Rate))
			}
		}
	}
	var record []string
	for _, rec := range recorded(t, a, o, "rate") {
		record = append(record, fmt.Sprint(rec.InputSeq, "/", rec.Index, " ", *rec.Output.Rate))
	}
	if diff := cmp.Diff(want, record); diff != "" || len(want) < 2 {
		t.Errorf("%d changes replayed (-replayed +on record):\n%s", len(want), diff)
	}
	if last := record[len(record)-1]; !strings.Contains(last, "h-enping") {
		t.Errorf("the last change is no withdrawal: %s", last)
	}
}

// onTheWay reports whether a station is the gauge of a node below Enping's.
func onTheWay(t *testing.T, a *app.App, station string) bool {
	t.Helper()
	b, _ := a.Catalog().Basin("tanjiang")
	down, gauge, at := map[string]string{}, map[string]string{}, ""
	for _, n := range b.Nodes {
		down[n.ID], gauge[n.ID] = n.Downstream, n.Gauge
		if n.Gauge == "h-enping" {
			at = n.ID
		}
	}
	for ; at != ""; at = down[at] {
		if gauge[at] == station {
			return true
		}
	}
	return false
}
