package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/server"
	"freshet/internal/store/memory"
	"freshet/internal/wire"
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

// A lentEngine guards an engine as the runner of a basin does.
type lentEngine struct {
	mu sync.Mutex
	e  *engine.Engine
}

func (l *lentEngine) Query(f func(*engine.Engine)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.e)
}

// A handClock is driven engine time without engines behind it.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	driven bool
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}
func (c *handClock) Driven() bool { return c.driven }
func (c *handClock) Advance(_ context.Context, to time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.Before(c.now) {
		return fmt.Errorf("advance clock to %s: it is %s: %w", to, c.now, hydro.ErrInvalid)
	}
	c.now = to
	return nil
}

// A bench is a running server over real parts.
type bench struct {
	t        *testing.T
	catalog  *catalog.Catalog
	journal  *journal.Journal
	store    *memory.Store
	clock    *handClock
	registry *prometheus.Registry
	log      *lockedBuffer
	conn     *grpc.ClientConn
	grpcAddr string
	http     string
	stop     func() error

	mu       sync.Mutex
	notReady error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (b *bench) setReady(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notReady = err
}

// newBench starts a server. Everything is gone when the test ends, goroutines
// included.
func newBench(t *testing.T, change ...func(*server.Options)) *bench {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
	b := &bench{t: t, store: memory.New(), clock: &handClock{now: today, driven: true}, registry: prometheus.NewRegistry(), log: &lockedBuffer{}}
	var err error
	if b.catalog, err = catalog.LoadDir("../../deploy/catalog/tanjiang"); err != nil {
		t.Fatal(err)
	}
	if b.journal, err = journal.Open(t.Context(), journal.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, basin := range []string{riverBasin, quietBasin} {
		if err := b.journal.EnsureBasin(t.Context(), basin); err != nil {
			t.Fatal(err)
		}
	}
	opts := server.Options{
		Catalog: func() *catalog.Catalog { return b.catalog },
		Basins: []server.Basin{
			{ID: riverBasin, Engine: &lentEngine{e: risingRiver(t, b.catalog)}},
			{ID: quietBasin, Engine: &lentEngine{e: engine.New(quietBasin)}},
		},
		Feed: b.journal, Store: b.store, Clock: b.clock,
		Ready: func() error {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.notReady
		},
		Ingest:     freshetv1.UnimplementedIngestServiceServer{},
		Registerer: b.registry, Gatherer: b.registry,
		Logger:    slog.New(slog.NewTextHandler(b.log, nil)),
		Heartbeat: 20 * time.Millisecond, ReadyEvery: 5 * time.Millisecond,
	}
	for _, f := range change {
		f(&opts)
	}
	srv, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	grpcListener, httpListener := listen(), listen()
	b.grpcAddr, b.http = grpcListener.Addr().String(), "http://"+httpListener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, grpcListener, httpListener) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	if b.conn, err = grpc.NewClient(b.grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.conn.Close()
		if err := b.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

// risingRiver is an engine that has seen two hours of a rising river, with one
// doubtful value.
func risingRiver(t *testing.T, c *catalog.Catalog) *engine.Engine {
	t.Helper()
	e := engine.New(riverBasin)
	var seq uint64
	apply := func(in hydro.Input) {
		t.Helper()
		seq++
		in.Seq = seq
		if _, err := e.Apply(in); err != nil {
			t.Fatal(err)
		}
	}
	apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: begin}})
	for i := range 25 {
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		level := 1 + 0.02*float64(i)
		batch := &hydro.Batch{Basin: riverBasin, ReceivedAt: at.Add(3 * time.Second)}
		batch.Readings = append(batch.Readings,
			hydro.Reading{Key: hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}, At: at, Raw: level, Value: level, Datum: hydro.PearlRiver},
			hydro.Reading{Key: hydro.Key{Station: "w-datian", Variable: hydro.Rain}, At: at, Interval: 5 * time.Minute, Raw: 1.5, Value: 1.5})
		apply(hydro.Input{Batch: batch})
		apply(hydro.Input{Tick: &hydro.Tick{At: at}})
	}
	return e
}

func (b *bench) stations() freshetv1.StationServiceClient {
	return freshetv1.NewStationServiceClient(b.conn)
}

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

func (b *bench) history(t *testing.T, req *freshetv1.GetHistoryRequest) *freshetv1.GetHistoryResponse {
	t.Helper()
	got, err := b.stations().GetHistory(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func observation(k hydro.Key, at time.Time, value float64, q hydro.Quality) hydro.Observation {
	o := hydro.Observation{Reading: hydro.Reading{Key: k, At: at, Raw: value, Value: value}, Quality: q, ReceivedAt: at.Add(time.Second)}
	if k.Variable.Amount() {
		o.Interval = 30 * time.Minute
	}
	if k.Variable == hydro.WaterLevel {
		o.Datum = hydro.PearlRiver
	}
	return o
}

func TestHistoryIsCutAtTheLimitAndSaysSo(t *testing.T) {
	b := newBench(t)
	k := hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}
	var all []hydro.Observation
	for i := range 5 {
		all = append(all, observation(k, begin.Add(time.Duration(i)*time.Minute), float64(i), hydro.Pass))
	}
	if err := b.store.WriteObservations(t.Context(), riverBasin, all); err != nil {
		t.Fatal(err)
	}
	req := &freshetv1.GetHistoryRequest{
		Station: puqiao, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(4 * time.Minute)),
	}
	if got := b.history(t, req); len(got.GetObservations()) != 4 || got.GetTruncated() {
		t.Errorf("[from, to) gave %d, truncated %t", len(got.GetObservations()), got.GetTruncated())
	}
	req.Limit = 4
	if got := b.history(t, req); len(got.GetObservations()) != 4 || got.GetTruncated() {
		t.Errorf("exactly the limit: %d, truncated %t", len(got.GetObservations()), got.GetTruncated())
	}
	req.Limit = 3
	if got := b.history(t, req); len(got.GetObservations()) != 3 || !got.GetTruncated() {
		t.Errorf("%d, truncated %t", len(got.GetObservations()), got.GetTruncated())
	}
}

func TestDownSampledLevelsAreMeansOfUsableValues(t *testing.T) {
	b := newBench(t)
	k := hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}
	if err := b.store.WriteObservations(t.Context(), riverBasin, []hydro.Observation{
		observation(k, begin, 1, hydro.Pass),
		observation(k, begin.Add(20*time.Minute), 2, hydro.NotEvaluated),
		observation(k, begin.Add(40*time.Minute), 99, hydro.Suspect),
		observation(k, begin.Add(time.Hour), 3, hydro.Pass), // starts the second bucket
		observation(k, begin.Add(3*time.Hour), 77, hydro.Fail),
	}); err != nil {
		t.Fatal(err)
	}
	req := &freshetv1.GetHistoryRequest{
		Station: puqiao, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(24 * time.Hour)), EveryS: 3600,
	}
	point := func(hour int, value, low, high float64, count, held uint32) *freshetv1.HistoryPoint {
		return &freshetv1.HistoryPoint{At: timestamppb.New(begin.Add(time.Duration(hour) * time.Hour)), Value: value, Min: low, Max: high, Count: count, HeldBack: held}
	}
	nan := math.NaN()
	want := &freshetv1.GetHistoryResponse{Points: []*freshetv1.HistoryPoint{point(0, 1.5, 1, 2, 2, 1), point(1, 3, 3, 3, 1, 0), point(3, nan, nan, nan, 0, 1)}}
	if diff := cmp.Diff(want, b.history(t, req), protocmp.Transform(), nanEqual); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	req.Limit = 2
	want.Points, want.Truncated = want.Points[:2], true
	if diff := cmp.Diff(want, b.history(t, req), protocmp.Transform(), nanEqual); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A mean of levels on two datums means nothing, nor does a curve through both:
// refused, with station, datums and what to do. Each by itself is given.
func TestLevelsOnTwoDatumsAreNotDownSampledTogether(t *testing.T) {
	b := newBench(t)
	k := hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}
	moved := observation(k, begin.Add(2*time.Hour), 1.744, hydro.Pass)
	moved.Datum = hydro.National1985
	if err := b.store.WriteObservations(t.Context(), riverBasin, []hydro.Observation{observation(k, begin, 1, hydro.Pass), moved}); err != nil {
		t.Fatal(err)
	}
	req := &freshetv1.GetHistoryRequest{
		Station: puqiao, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(24 * time.Hour)), EveryS: 3600,
	}
	_, err := freshetv1.NewStationServiceClient(b.conn).GetHistory(t.Context(), req)
	if status.Code(err) != codes.InvalidArgument {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{puqiao, "PEARL_RIVER", "NATIONAL_1985", "ask for each by itself"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	req.To = timestamppb.New(begin.Add(time.Hour))
	if got := b.history(t, req); len(got.GetPoints()) != 1 {
		t.Errorf("%v", got)
	}
	req.To, req.EveryS = timestamppb.New(begin.Add(24*time.Hour)), 0
	if got := b.history(t, req); len(got.GetObservations()) != 2 || got.GetObservations()[1].GetDatum() != "NATIONAL_1985" {
		t.Errorf("%v", got)
	}
}

var nanEqual = cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })

func TestDownSampledAmountsAreTheSumOfPeriodsThatEndInTheBucket(t *testing.T) {
	for _, v := range []hydro.Variable{hydro.Rain, hydro.PanEvaporation} {
		t.Run(v.String(), func(t *testing.T) {
			b := newBench(t)
			k := hydro.Key{Station: "w-datian", Variable: v}
			var all []hydro.Observation
			for i := 0; i <= 4; i++ { // at 0:00 the period before the range ends
				all = append(all, observation(k, begin.Add(time.Duration(i)*30*time.Minute), float64(i+1), hydro.Pass))
			}
			if err := b.store.WriteObservations(t.Context(), riverBasin, all); err != nil {
				t.Fatal(err)
			}
			got := b.history(t, &freshetv1.GetHistoryRequest{
				Station: "w-datian", Variable: wire.FromVariable(v), From: timestamppb.New(begin), To: timestamppb.New(begin.Add(2 * time.Hour)), EveryS: 3600,
			})
			var sums []float64
			for _, p := range got.GetPoints() {
				sums = append(sums, p.GetValue())
			}
			if diff := cmp.Diff([]float64{2 + 3, 4 + 5}, sums); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
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
