package app_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// gauges is what a test sent: mm by station and the end of its five minutes.
type gauges map[string]map[time.Time]float64

// send sends five minutes' rain of stations up to instants of [from, to], and notes it.
func (g gauges) send(t *testing.T, a *app.App, from, to time.Time, mm func(i int) float64, stations ...string) {
	t.Helper()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	gw, err := client.Open(t.Context(), conn, hydro.Weather, "season", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var reports []*freshetv1.WeatherReport
	for i, at := 0, from; !at.After(to); i, at = i+1, at.Add(5*time.Minute) {
		for _, id := range stations {
			v := mm(i)
			if g[id] == nil {
				g[id] = map[time.Time]float64{}
			}
			g[id][at] = v
			reports = append(reports, &freshetv1.WeatherReport{
				Station: id, Rain: &v, RainUnit: freshetv1.RainUnit_RAIN_UNIT_MM, IntervalS: 300,
				ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: at.UnixMilli()}},
			})
		}
	}
	if _, err := gw.Send(t.Context(), client.Reports{Weather: reports}); err != nil {
		t.Fatal(err)
	}
	if err := gw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	gw.Close()
}

// sum is the independent sum of a station's reports in the season up to an instant, and
// the share of its hours that they cover.
func (g gauges) sum(id string, from, to time.Time) (mm, coverage float64) {
	for at, v := range g[id] {
		if at.After(from) && !at.After(to) {
			mm += v
			coverage += 5
		}
	}
	return mm, coverage / to.Sub(from).Minutes()
}

func askSeason(t *testing.T, a *app.App, req *freshetv1.GetSeasonRequest) (*freshetv1.Season, error) {
	t.Helper()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	resp, err := freshetv1.NewSeasonServiceClient(conn).GetSeason(t.Context(), req)
	return resp.GetSeason(), err
}

// The season over a server's real life: gauges report, some of it far too late or
// corrected, the server is stopped, and its history is lost and read from the log anew.
func TestTheSeasonIsWhatTheGaugesReported(t *testing.T) {
	o := options(t)
	a := start(t, o)
	from := time.Date(2026, 5, 21, 0, 0, 0, 0, time.UTC) // 08:00 in Beijing
	if _, err := askSeason(t, a, &freshetv1.GetSeasonRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("before the first tick: %v", err)
	}
	sent := gauges{}
	move := func(to time.Time) {
		t.Helper()
		if err := advance(t, a, to); err != nil {
			t.Fatal(err)
		}
		if err := a.WaitArchived(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, to time.Time) *freshetv1.Season {
		t.Helper()
		s, err := askSeason(t, a, &freshetv1.GetSeasonRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if !s.GetFrom().AsTime().Equal(from) || !s.GetTo().AsTime().Equal(to) || s.GetRead().GetArchiveBehind() != 0 || s.GetHours() != uint32(to.Sub(from)/time.Hour) {
			t.Fatalf("%s: from %s to %s, %d hours, read %v", what, s.GetFrom().AsTime(), s.GetTo().AsTime(), s.GetHours(), s.GetRead())
		}
		for _, x := range slices.Concat([]*freshetv1.SeasonRain{s.GetBasinRain()}, s.GetSubBasins(), s.GetStations()) {
			compared := x.Rank != nil || x.GetNormal() != nil && (x.Normal.Anomaly != nil || x.Normal.Share != nil)
			if x.GetCoverage() < s.GetLeastCoverage() && compared || compared && x.GetWithheldEn() != "" || (x.GetWithheldZh() == "") != (x.GetWithheldEn() == "") {
				t.Errorf("%s: at coverage %g of %g: %v", what, x.GetCoverage(), s.GetLeastCoverage(), x)
			}
		}
		for _, st := range s.GetStations() {
			mm, coverage := sent.sum(st.GetId(), from, to)
			if coverage == 0 {
				if st.Rain != nil || st.GetCoverage() != 0 || st.GetMissingHours() != s.GetHours() {
					t.Errorf("%s: %s reported nothing and has %v", what, st.GetId(), st)
				}
				continue
			}
			if math.Abs(st.GetRain()-mm) > 1e-6 || math.Abs(st.GetCoverage()-coverage) > 1e-9 || st.GetFullHours()+st.GetPartHours()+st.GetMissingHours() != s.GetHours() {
				t.Errorf("%s: %s has %g mm at coverage %g, was sent %g at %g", what, st.GetId(), st.GetRain(), st.GetCoverage(), mm, coverage)
			}
		}
		return s
	}

	move(from)
	const near, far, silent = "w-datian", "w-liangxi", "w-nahutown"
	light := func(i int) float64 { return float64(i%4) / 4 }
	end := from.Add(10 * time.Hour)
	move(end)
	sent.send(t, a, from.Add(-30*time.Minute), end, light, near, far) // the first half hour is of no season
	move(end.Add(20 * time.Minute))
	s := check("ten hours", end)
	if w := s.GetBasinRain(); w.Rain == nil || w.GetCoverage() <= 0 || w.GetCoverage() >= 1 || w.GetPartHours() != 10 || w.GetWithheldZh() == "" || w.GetBound() != freshetv1.SeasonBound_SEASON_BOUND_ABOUT || s.GetLeastCoverage() != 0.9 || len(w.GetDays()) != 31 || !s.GetIllustrative() || s.GetMark() == "" {
		t.Errorf("the basin by two of its gauges: %v", w)
	}
	if s.GetRead().GetReports() != 2*120 {
		t.Errorf("%d reports were read, want 240", s.GetRead().GetReports())
	}

	// Six days on, the third gauge's reports of the first day arrive, and one of the first
	// is corrected: all of it is older than what an engine remembers.
	move(from.Add(6 * 24 * time.Hour))
	check("nothing for days", from.Add(6*24*time.Hour))
	sent.send(t, a, from.Add(5*time.Minute), from.Add(5*time.Hour), light, silent)
	sent.send(t, a, from.Add(time.Hour), from.Add(time.Hour), func(int) float64 { return 3.5 }, near)
	move(from.Add(6*24*time.Hour + 10*time.Minute))
	asOf := from.Add(6 * 24 * time.Hour)
	check("six days late", asOf)

	want, err := askSeason(t, a, &freshetv1.GetSeasonRequest{AsOf: timestamppb.New(asOf), Station: silent})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range want.GetStations() {
		if days := len(st.GetDays()); (st.GetId() == silent) != (days == 31) || st.GetId() != silent && days > 0 {
			t.Errorf("%s has %d days", st.GetId(), days)
		}
	}
	again := func(what string) {
		t.Helper()
		got, err := askSeason(t, a, &freshetv1.GetSeasonRequest{AsOf: timestamppb.New(asOf), Station: silent})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	restHolds(t, a, want, asOf, silent)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	if err := a.WaitArchived(t.Context()); err != nil {
		t.Fatal(err)
	}
	again("after a restart")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(o.Data, "store")); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	defer a.Close()
	if err := a.WaitArchived(t.Context()); err != nil {
		t.Fatal(err)
	}
	again("with the store read from the log anew")

	for _, c := range []struct {
		req  *freshetv1.GetSeasonRequest
		want codes.Code
	}{
		{&freshetv1.GetSeasonRequest{AsOf: timestamppb.New(asOf.Add(time.Hour))}, codes.FailedPrecondition},
		{&freshetv1.GetSeasonRequest{Basin: "none"}, codes.NotFound},
		{&freshetv1.GetSeasonRequest{Station: "none"}, codes.NotFound},
		{&freshetv1.GetSeasonRequest{Station: "r-jinjiang"}, codes.InvalidArgument},
	} {
		if _, err := askSeason(t, a, c.req); status.Code(err) != c.want {
			t.Errorf("%v: %v, want %s", c.req, err, c.want)
		}
	}
	// Before this year's season the last one is told, of which nothing is known.
	last, err := askSeason(t, a, &freshetv1.GetSeasonRequest{AsOf: timestamppb.New(from.Add(-time.Second))})
	if err != nil || !last.GetEnded() || last.GetBasinRain().Rain != nil || last.GetBasinRain().GetMissingHours() != 744 || last.GetBasinRain().Rank != nil {
		t.Errorf("last year's: %v, %v", last.GetBasinRain(), err)
	}
}

// restHolds compares what REST answers.
func restHolds(t *testing.T, a *app.App, want *freshetv1.Season, asOf time.Time, station string) {
	t.Helper()
	resp, err := http.Get("http://" + a.HTTPAddr() + "/v1/season?" + url.Values{"as_of": {asOf.Format(time.RFC3339)}, "station": {station}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", resp.Status, body, err)
	}
	var got freshetv1.GetSeasonResponse
	if err := protojson.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.GetSeason(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	var loose struct {
		Season struct {
			Stations []map[string]any `json:"stations"`
		} `json:"season"`
	}
	if err := json.Unmarshal(body, &loose); err != nil {
		t.Fatal(err)
	}
	for _, st := range loose.Season.Stations { // unknown is null, never 0
		if st["coverage"] == 0.0 && st["rain"] != nil {
			t.Errorf("%v reported nothing and has %v mm", st["id"], st["rain"])
		}
	}
}
