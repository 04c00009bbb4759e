package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

const (
	riverBasin = "tanjiang" // has an engine that has seen a rise
	quietBasin = "quiet"    // has an engine that has seen nothing
	puqiao     = "h-puqiao"
)

var (
	begin = time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)
	today = begin.Add(2 * time.Hour)
)

func TestLatestHasQualityAgeAndTheMark(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{puqiao, "EX80A102"} { // id and code
		got, err := b.stations().GetLatest(t.Context(), &freshetv1.GetLatestRequest{Station: name})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.GetLatest()) == 0 || !got.GetIllustrative() {
			t.Fatalf("%v", got)
		}
		l := got.GetLatest()[0]
		if l.GetObservation().GetValue() != 1.48 || l.GetObservation().GetDatum() != "PEARL_RIVER" || l.GetAgeS() != 0 || l.GetOverdue() {
			t.Errorf("%v", l)
		}
		if got.GetStage() == freshetv1.Stage_STAGE_UNSPECIFIED || got.GetReasonZh() == "" || got.GetReasonEn() == "" {
			t.Errorf("no stage or reason: %v", got)
		}
	}
	_, err := b.stations().GetLatest(t.Context(), &freshetv1.GetLatestRequest{Station: "nowhere"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("unknown station: %v", err)
	}
}

func TestStationsCarryThresholdsAndFilters(t *testing.T) {
	b := newBench(t)
	all, err := b.stations().ListStations(t.Context(), &freshetv1.ListStationsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.GetStations()) != len(b.catalog.Stations) || all.GetCatalogue() != b.catalog.Version {
		t.Errorf("%d stations of catalogue %s", len(all.GetStations()), all.GetCatalogue())
	}
	thresholds, illustrative := 0, 0
	for _, s := range all.GetStations() {
		thresholds += len(s.GetThresholds())
		if s.GetIllustrative() {
			illustrative++
		}
	}
	if thresholds == 0 || illustrative == 0 {
		t.Errorf("%d thresholds, %d illustrative stations", thresholds, illustrative)
	}
	weather, err := b.stations().ListStations(t.Context(), &freshetv1.ListStationsRequest{Basin: riverBasin, Department: freshetv1.Department_DEPARTMENT_WEATHER})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range weather.GetStations() {
		if s.GetDepartment() != freshetv1.Department_DEPARTMENT_WEATHER {
			t.Errorf("%v", s)
		}
	}
	if n := len(weather.GetStations()); n == 0 || n == len(all.GetStations()) {
		t.Errorf("%d weather stations", n)
	}
	if _, err := b.stations().ListStations(t.Context(), &freshetv1.ListStationsRequest{Basin: "amazon"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown basin: %v", err)
	}
}

func TestAccumulationsEndAtEngineTime(t *testing.T) {
	b := newBench(t)
	got, err := b.stations().GetAccumulations(t.Context(), &freshetv1.GetAccumulationsRequest{Station: "w-datian"})
	if err != nil {
		t.Fatal(err)
	}
	if !got.GetAt().AsTime().Equal(today) {
		t.Errorf("at %s", got.GetAt().AsTime())
	}
	for _, a := range got.GetAccumulations() {
		if a.GetWindowS() == 3600 && math.Abs(a.GetRain()-18) > 1e-9 {
			t.Errorf("1 h: %v", a)
		}
	}
	if _, err := b.stations().GetAccumulations(t.Context(), &freshetv1.GetAccumulationsRequest{Station: puqiao}); status.Code(err) != codes.NotFound {
		t.Errorf("no rain: %v", err)
	}
}

func TestStagesNameEveryStation(t *testing.T) {
	b := newBench(t)
	got, err := freshetv1.NewWarningServiceClient(b.conn).ListStages(t.Context(), &freshetv1.ListStagesRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetStages()) != len(b.catalog.Stations) || !got.GetNow().AsTime().Equal(today) {
		t.Errorf("%d stages at %v", len(got.GetStages()), got.GetNow())
	}
	for _, s := range got.GetStages() {
		if s.GetNameZh() == "" || s.GetStage() == freshetv1.Stage_STAGE_UNSPECIFIED {
			t.Errorf("%v", s)
		}
	}
}

// The bench's engine knows some readings and its tick: what has not reported is
// listed, each station once, and matches the stages.
func TestWhatIsNotSeenIsListedOnce(t *testing.T) {
	b := newBench(t)
	warnings := freshetv1.NewWarningServiceClient(b.conn)
	stages, err := warnings.ListStages(t.Context(), &freshetv1.ListStagesRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	got, err := warnings.ListBlind(t.Context(), &freshetv1.ListBlindRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	var want, listed []string
	for _, s := range stages.GetStages() {
		if s.GetCause() != "" {
			want = append(want, s.GetStation())
		}
	}
	for _, s := range got.GetSets() {
		listed = append(listed, s.GetStations()...)
		if s.GetBasin() != riverBasin || s.GetCause() == "" || s.GetDepartment() == freshetv1.Department_DEPARTMENT_UNSPECIFIED {
			t.Errorf("%v", s)
		}
	}
	slices.Sort(listed)
	if len(want) == 0 || !slices.Equal(want, listed) || !got.GetNow().AsTime().Equal(today) {
		t.Errorf("not seen %q, listed %q at %v", want, listed, got.GetNow())
	}
	if code, body := get(t, b.http+"/v1/blind?basin="+riverBasin); code != http.StatusOK || !strings.Contains(body, listed[0]) {
		t.Errorf("by HTTP: %d %s", code, body)
	}
	if _, err := warnings.ListBlind(t.Context(), &freshetv1.ListBlindRequest{Basin: "elsewhere"}); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown basin: %v", err)
	}
}

func forecastOf(issued time.Time) hydro.Forecast {
	return hydro.Forecast{
		Basin: riverBasin, IssuedAt: issued, Trigger: "schedule", Catalogue: "v", Step: time.Hour, Horizon: 2 * time.Hour,
		DataCutoff: issued, ValidUntil: issued.Add(time.Hour), Illustrative: true,
		Stations: []hydro.StationForecast{
			{Station: "h-enping", Discharge: []float64{1, 2}, Level: []float64{3, 4}, Peak: hydro.Peak{At: issued.Add(2 * time.Hour), Discharge: 2, Level: 4}},
			{Station: puqiao, Discharge: []float64{5, 6}, Level: []float64{7, 8}, Peak: hydro.Peak{At: issued.Add(2 * time.Hour), Discharge: 6, Level: 8}},
		},
	}
}

func TestForecastsAreFoundByBasinStationAndTimeOfIssue(t *testing.T) {
	b := newBench(t)
	client := freshetv1.NewForecastServiceClient(b.conn)
	latest, err := client.GetForecast(t.Context(), &freshetv1.GetForecastRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	h := latest.GetForecast().GetHonesty()
	if !h.GetIllustrative() || h.GetLineZh() == "" || h.GetLineEn() == "" || len(latest.GetForecast().GetStations()) < 2 {
		t.Errorf("%v", latest.GetForecast().GetHonesty())
	}
	one, err := client.GetForecast(t.Context(), &freshetv1.GetForecastRequest{Station: puqiao})
	if err != nil {
		t.Fatal(err)
	}
	if s := one.GetForecast().GetStations(); len(s) != 1 || s[0].GetStation() != puqiao {
		t.Errorf("%d stations", len(s))
	}
	if err := b.store.WriteForecast(t.Context(), forecastOf(begin)); err != nil {
		t.Fatal(err)
	}
	old, err := client.GetForecast(t.Context(), &freshetv1.GetForecastRequest{Station: "EX80A102", IssuedAt: timestamppb.New(begin)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{7, 8}, old.GetForecast().GetStations()[0].GetLevel()); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		name string
		req  *freshetv1.GetForecastRequest
		want codes.Code
	}{
		{"no basin among two", &freshetv1.GetForecastRequest{}, codes.InvalidArgument},
		{"station of another basin", &freshetv1.GetForecastRequest{Basin: quietBasin, Station: puqiao}, codes.InvalidArgument},
		{"no run yet", &freshetv1.GetForecastRequest{Basin: quietBasin}, codes.NotFound},
		{"no run at that time", &freshetv1.GetForecastRequest{Basin: riverBasin, IssuedAt: timestamppb.New(begin.Add(time.Second))}, codes.NotFound},
		{"station that the run does not cover", &freshetv1.GetForecastRequest{Station: "w-datian"}, codes.NotFound},
	} {
		if _, err := client.GetForecast(t.Context(), c.req); status.Code(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestForecastsAreListedNewestFirstWithoutValues(t *testing.T) {
	b := newBench(t)
	const n = 60
	for i := range n {
		if err := b.store.WriteForecast(t.Context(), forecastOf(begin.Add(time.Duration(i)*time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	client := freshetv1.NewForecastServiceClient(b.conn)
	for _, c := range []struct {
		limit uint32
		want  int
	}{{0, n}, {1, 1}, {13, 13}, {40, 40}} {
		got, err := client.ListForecasts(t.Context(), &freshetv1.ListForecastsRequest{
			Basin: riverBasin, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(1000 * time.Hour)), Limit: c.limit,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.GetForecasts()) != c.want {
			t.Errorf("limit %d: %d runs", c.limit, len(got.GetForecasts()))
		}
		for i, f := range got.GetForecasts() {
			if want := begin.Add(time.Duration(n-1-i) * time.Hour); !f.GetIssuedAt().AsTime().Equal(want) {
				t.Fatalf("limit %d: run %d was issued at %s, want %s", c.limit, i, f.GetIssuedAt().AsTime(), want)
			}
			for _, s := range f.GetStations() {
				if len(s.GetLevel())+len(s.GetDischarge()) > 0 || s.GetPeak() == nil {
					t.Fatalf("%v", s)
				}
			}
		}
	}
}

func TestPastWarningsComeFromTheStoreOldestFirst(t *testing.T) {
	b := newBench(t)
	for _, basin := range []string{riverBasin, quietBasin} {
		for i := range 3 {
			w := feedWarning(basin, i)
			if err := b.store.WriteWarning(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := freshetv1.NewWarningServiceClient(b.conn).ListWarnings(t.Context(), &freshetv1.ListWarningsRequest{
		From: timestamppb.New(begin), To: timestamppb.New(begin.Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetWarnings()) != 6 {
		t.Errorf("%d warnings", len(got.GetWarnings()))
	}
	for i, w := range got.GetWarnings() {
		if i > 0 && w.GetAt().AsTime().Before(got.GetWarnings()[i-1].GetAt().AsTime()) {
			t.Errorf("warning %d is older than the one before", i)
		}
	}
}

func violated(t *testing.T, err error) []string {
	t.Helper()
	if status.Code(err) != codes.InvalidArgument {
		t.Fatalf("%v", err)
	}
	var fields []string
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
				if v.GetDescription() == "" {
					t.Errorf("%s: no description", v.GetField())
				}
			}
		}
	}
	return fields
}

func TestInvalidRequestsNameTheirFields(t *testing.T) {
	b := newBench(t)
	_, err := b.stations().GetHistory(t.Context(), &freshetv1.GetHistoryRequest{Sensor: 300, Limit: 200000})
	if diff := cmp.Diff([]string{"station", "variable", "sensor", "from", "to", "limit"}, violated(t, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, err = b.stations().GetHistory(t.Context(), &freshetv1.GetHistoryRequest{
		Station: puqiao, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, From: timestamppb.New(begin), To: timestamppb.New(begin),
	})
	if diff := cmp.Diff([]string{"to"}, violated(t, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, err = freshetv1.NewClockServiceClient(b.conn).AdvanceClock(t.Context(), &freshetv1.AdvanceClockRequest{})
	if diff := cmp.Diff([]string{"to"}, violated(t, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	stream, err := freshetv1.NewWarningServiceClient(b.conn).WatchWarnings(t.Context(), &freshetv1.WatchWarningsRequest{ResumeToken: strings.Repeat("x", 5000)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	if diff := cmp.Diff([]string{"resume_token"}, violated(t, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestErrorKindsBecomeCodes(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		code    codes.Code
		message string
	}{
		{"nothing", nil, codes.OK, ""},
		{"not found", fmt.Errorf("station x: %w", hydro.ErrNotFound), codes.NotFound, "station x: not found"},
		{"invalid", fmt.Errorf("range: %w", hydro.ErrInvalid), codes.InvalidArgument, "range: invalid"},
		{"conflict", fmt.Errorf("publish: %w", hydro.ErrConflict), codes.Aborted, "publish: conflict"},
		{"unavailable", fmt.Errorf("store: %w", hydro.ErrUnavailable), codes.Unavailable, "store: unavailable"},
		{"caller gone", fmt.Errorf("read: %w", context.Canceled), codes.Canceled, "the caller has gone"},
		{"too late", context.DeadlineExceeded, codes.DeadlineExceeded, "the deadline of the call has passed"},
		{"status", status.Error(codes.FailedPrecondition, "as it is"), codes.FailedPrecondition, "as it is"},
		{"unknown", errors.New("password of the database"), codes.Internal, "internal error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := server.StatusError(c.err)
			if s := status.Convert(got); s.Code() != c.code || s.Message() != c.message {
				t.Errorf("%s %q", s.Code(), s.Message())
			}
			if again := server.StatusError(got); status.Code(again) != c.code {
				t.Errorf("mapped twice: %v", again)
			}
		})
	}
	if err := server.StatusError(errors.New("for the log")); err.Error() != "for the log" {
		t.Errorf("the log would read %q", err)
	}
}

// A brokenEngine panics when it is asked.
type brokenEngine struct{}

func (brokenEngine) Query(func(*engine.Engine)) { panic("engine on fire") }

func TestAPanicIsAnInternalErrorWhoseTextOnlyTheLogKnows(t *testing.T) {
	b := newBench(t, func(o *server.Options) { o.Basins[1].Engine = brokenEngine{} })
	_, err := freshetv1.NewWarningServiceClient(b.conn).ListStages(t.Context(), &freshetv1.ListStagesRequest{Basin: quietBasin})
	if s := status.Convert(err); s.Code() != codes.Internal || s.Message() != "internal error" {
		t.Errorf("%v", err)
	}
	if log := b.log.String(); !strings.Contains(log, "engine on fire") {
		t.Errorf("log:\n%s", log)
	}
	if _, err := b.stations().ListStations(t.Context(), &freshetv1.ListStationsRequest{Basin: riverBasin}); err != nil {
		t.Errorf("the server does not live on: %v", err)
	}
}

func TestTheClockMovesOnlyWhereItIsDriven(t *testing.T) {
	later := today.Add(time.Minute)
	t.Run("wall", func(t *testing.T) { // closed before the other starts, whose goroutines come and go
		b := newBench(t, func(o *server.Options) { o.Clock = &handClock{now: today} })
		if _, err := freshetv1.NewClockServiceClient(b.conn).AdvanceClock(t.Context(), &freshetv1.AdvanceClockRequest{To: timestamppb.New(later)}); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("on the wall clock: %v", err)
		}
	})
	b := newBench(t)
	client := freshetv1.NewClockServiceClient(b.conn)
	got, err := client.AdvanceClock(t.Context(), &freshetv1.AdvanceClockRequest{To: timestamppb.New(later)})
	if err != nil || !got.GetNow().AsTime().Equal(later) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := client.AdvanceClock(t.Context(), &freshetv1.AdvanceClockRequest{To: timestamppb.New(begin)}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("backward: %v", err)
	}
	if now, err := client.GetClock(t.Context(), &freshetv1.GetClockRequest{}); err != nil || !now.GetDriven() || !now.GetNow().AsTime().Equal(later) {
		t.Errorf("%v, %v", now, err)
	}
}

func TestHealthFollowsReadiness(t *testing.T) {
	b := newBench(t)
	b.setReady(errors.New("replaying the log, 12 inputs to go"))
	watch, err := healthv1.NewHealthClient(b.conn).Watch(t.Context(), &healthv1.HealthCheckRequest{Service: freshetv1.WarningService_ServiceDesc.ServiceName})
	if err != nil {
		t.Fatal(err)
	}
	until := func(want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for {
			m, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if m.GetStatus() == want {
				return
			}
		}
	}
	until(healthv1.HealthCheckResponse_NOT_SERVING)
	if code, body := get(t, b.http+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "12 inputs to go") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(t, b.http+"/healthz"); code != http.StatusOK {
		t.Errorf("alive: %d", code)
	}
	b.setReady(nil)
	until(healthv1.HealthCheckResponse_SERVING)
	if code, body := get(t, b.http+"/readyz"); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	b := newBench(t)
	stream, err := reflectionv1.NewServerReflectionClient(b.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	m, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, s := range m.GetListServicesResponse().GetService() {
		got[s.GetName()] = true
	}
	for _, want := range []string{"IngestService", "StationService", "ForecastService", "WarningService", "BriefingService", "ClockService"} {
		if !got["freshet.v1."+want] {
			t.Errorf("%s is missing in %v", want, got)
		}
	}
}

func TestMissingOptionsAreAllNamed(t *testing.T) {
	_, err := server.New(server.Options{Heartbeat: -1})
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Fatal(err)
	}
	for _, name := range []string{"Catalog", "Basins", "Feed", "Store", "Clock", "Ready", "Ingest", "Registerer", "Gatherer", "Logger", "Heartbeat"} {
		if !strings.Contains(err.Error(), "option "+name+" ") {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx // tests end by their own timeout
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}
