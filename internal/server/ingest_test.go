package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"freshet/ingest"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

var ingestNow = time.Date(2026, 6, 1, 4, 0, 0, 0, time.UTC)

func ingestCatalog() *catalog.Catalog {
	p := func(v hydro.Variable, sensor uint8) catalog.Parameter {
		return catalog.Parameter{Variable: v, Sensor: sensor, Interval: 5 * time.Minute}
	}
	return &catalog.Catalog{
		Basins: []catalog.Basin{
			{
				ID: "north", Reservoirs: []catalog.Reservoir{lakeWithOutlets, {ID: "pond"}},
				SubBasins: []catalog.SubBasin{{ID: "n1", Points: [][2]float64{{112, 22}}}, {ID: "n2", Points: [][2]float64{{112.5, 22}}}},
			},
			{ID: "south", Reservoirs: []catalog.Reservoir{{ID: "pond"}}},
		},
		Stations: []catalog.Station{
			{ID: "hy-1", Department: hydro.Hydrology, Basin: "north", Datum: catalog.Datum{Name: hydro.PearlRiver}, Parameters: []catalog.Parameter{p(hydro.WaterLevel, 0), p(hydro.Discharge, 0)}},
			{ID: "hy-2", Department: hydro.Hydrology, Basin: "south", Datum: catalog.Datum{Name: hydro.PearlRiver}, Parameters: []catalog.Parameter{p(hydro.WaterLevel, 0)}},
			{ID: "wx-1", Department: hydro.Weather, Basin: "north", Parameters: []catalog.Parameter{p(hydro.Rain, 0)}},
			{ID: "wr-1", Department: hydro.WaterResources, Basin: "north", Parameters: []catalog.Parameter{p(hydro.GateOpening, 1)}},
		},
	}
}

// A memoryLog keeps what is appended. If gate is set, each append waits for a
// value of it, and fails with it if it is an error.
type memoryLog struct {
	gate chan error

	mu       sync.Mutex
	readings []hydro.Reading
	refusals []hydro.Refusal
	ahead    []hydro.Input // rain forecasts and plans
}

func (l *memoryLog) AppendInput(ctx context.Context, _ string, in hydro.Input) (uint64, error) {
	if l.gate != nil {
		select {
		case err := <-l.gate:
			if err != nil {
				return 0, err
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.Batch == nil {
		l.ahead = append(l.ahead, in)
		return 1, nil
	}
	l.readings = append(l.readings, in.Batch.Readings...)
	l.refusals = append(l.refusals, in.Batch.Refusals...)
	return 1, nil
}

func (l *memoryLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.readings)
}

type ingestBench struct {
	log      *memoryLog
	server   *server.IngestServer
	registry *prometheus.Registry
	now      atomic.Pointer[time.Time]
}

func newIngest(t *testing.T, log *memoryLog, window int) *ingestBench {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	writers := map[string]*ingest.Writer{}
	for _, b := range []string{"north", "south", "tanjiang"} {
		w := ingest.NewWriter(b, log, ingest.WriterOptions{Now: func() time.Time { return ingestNow }})
		writers[b] = w
		running.Go(func() { _ = w.Run(ctx) })
	}
	bench := &ingestBench{log: log, registry: prometheus.NewRegistry()}
	bench.now.Store(&ingestNow)
	s, err := server.NewIngest(server.IngestOptions{
		Catalog: ingestCatalog(), Writer: func(b string) *ingest.Writer { return writers[b] }, Log: log,
		Now: func() time.Time { return *bench.now.Load() }, Registerer: bench.registry, Window: window,
	})
	if err != nil {
		t.Fatal(err)
	}
	bench.server = s
	return bench
}

// dial serves b over gRPC in memory.
func (b *ingestBench) dial(t *testing.T) freshetv1.IngestServiceClient {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	srv := grpc.NewServer(server.GRPCOptions()...)
	freshetv1.RegisterIngestServiceServer(srv, b.server)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); srv.Stop(); <-done })
	return freshetv1.NewIngestServiceClient(conn)
}

// levels is a frame of that many levels of a station, a minute apart.
func levels(sequence uint64, station string, n int) *freshetv1.StreamHydrologyRequest {
	m := &freshetv1.StreamHydrologyRequest{Gateway: "gw", Sequence: sequence}
	for i := range n {
		m.Reports = append(m.Reports, &freshetv1.HydrologyReport{
			Station: station, WaterLevel: new(5.0), Datum: "PEARL_RIVER",
			ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: ingestNow.Add(-time.Duration(i) * time.Minute).UnixMilli()}},
		})
	}
	return m
}

// A fakeStream is a stream whose two ends are channels.
type fakeStream struct {
	grpc.ServerStream
	ctx context.Context
	in  chan *freshetv1.StreamHydrologyRequest
	out chan *freshetv1.StreamHydrologyResponse
}

func newFakeStream(ctx context.Context) *fakeStream {
	return &fakeStream{ctx: ctx, in: make(chan *freshetv1.StreamHydrologyRequest), out: make(chan *freshetv1.StreamHydrologyResponse, 1000)}
}

func (s *fakeStream) Context() context.Context { return s.ctx }

// Recv is not what the server reads with.
func (s *fakeStream) Recv() (*freshetv1.StreamHydrologyRequest, error) {
	return nil, errors.ErrUnsupported
}

func (s *fakeStream) RecvMsg(m any) error {
	select {
	case in, ok := <-s.in:
		if !ok {
			return io.EOF
		}
		b, err := proto.Marshal(in)
		if err != nil {
			return err
		}
		reflect.ValueOf(m).Elem().SetString(string(b)) // as the server's codec does
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

func (s *fakeStream) Send(m *freshetv1.StreamHydrologyResponse) error {
	s.out <- m
	return nil
}

func TestAnAckComesOnlyAfterTheAppendAndCoversEarlierFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{gate: make(chan error)}
		b := newIngest(t, log, 16)
		st := newFakeStream(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.server.StreamHydrology(st) }()
		for i := range 5 {
			st.in <- levels(uint64(10+i), "hy-1", 3)
			synctest.Wait() // the first is with the log before the others come
		}
		if len(st.out) != 0 {
			t.Fatal("acked before the append returned")
		}
		if q := gauge(t, b.registry, "freshet_ingest_queued_readings"); q != 15 {
			t.Errorf("%g readings queued", q)
		}
		log.gate <- nil // the first frame alone
		synctest.Wait()
		if ack := (<-st.out).GetAck(); ack.GetAckedSequence() != 10 || ack.GetAccepted() != 3 || ack.GetWindow() != 16 {
			t.Errorf("got %v", ack)
		}
		log.gate <- nil // all others together
		synctest.Wait()
		if ack := (<-st.out).GetAck(); ack.GetAckedSequence() != 14 || ack.GetAccepted() != 15 || len(st.out) != 0 {
			t.Errorf("got %v and %d more answers", ack, len(st.out))
		}
		close(st.in)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := gauge(t, b.registry, "freshet_ingest_ack_seconds"); got != 5 {
			t.Errorf("%g ack times observed", got)
		}
	})
}

// gauge returns the value of a metric, of a histogram the number of samples,
// summed over its labels.
func gauge(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func TestASlowLogStopsTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{gate: make(chan error)}
		b := newIngest(t, log, 4)
		st := newFakeStream(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.server.StreamHydrology(st) }()
		sent := 0
		push := func() (taken int) {
			for {
				synctest.Wait()
				select {
				case st.in <- levels(uint64(sent+1), "hy-1", 1):
					sent++
					taken++
				default:
					return taken
				}
			}
		}
		if n := push(); n != 4 {
			t.Errorf("took %d frames with a window of 4", n)
		}
		log.gate <- nil // the first frame
		if n := push(); n != 1 {
			t.Errorf("took %d frames when one was done", n)
		}
		close(log.gate) // from now on all appends pass
		for range 10 {
			sent++
			st.in <- levels(uint64(sent), "hy-1", 1)
		}
		close(st.in)
		if err := <-ended; err != nil || log.len() != sent {
			t.Errorf("%d of %d readings on the log, %v", log.len(), sent, err)
		}
	})
}

func TestAStreamOfTwoBasinsIsAckedWhenBothAreOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{gate: make(chan error)}
		b := newIngest(t, log, 4)
		st := newFakeStream(t.Context())
		go func() { _ = b.server.StreamHydrology(st) }()
		m := levels(1, "hy-1", 1)
		m.Reports = append(m.Reports, levels(1, "hy-2", 1).Reports...)
		st.in <- m
		log.gate <- nil
		synctest.Wait()
		if len(st.out) != 0 {
			t.Error("acked with one basin on disk")
		}
		log.gate <- nil
		if ack := (<-st.out).GetAck(); ack.GetAccepted() != 2 {
			t.Errorf("got %v", ack)
		}
	})
}

func TestAFailedAppendEndsTheStreamWithUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{gate: make(chan error)}
		b := newIngest(t, log, 4)
		st := newFakeStream(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.server.StreamHydrology(st) }()
		st.in <- levels(1, "hy-1", 1)
		synctest.Wait()
		st.in <- levels(2, "hy-1", 1)
		log.gate <- nil
		log.gate <- fmt.Errorf("disk full: %w", hydro.ErrUnavailable)
		if err := <-ended; status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
		if ack := (<-st.out).GetAck(); ack.GetAckedSequence() != 1 || len(st.out) != 0 {
			t.Errorf("got %v and %d more", ack, len(st.out))
		}
	})
}

// A server that does not know the time yet must not judge readings by it: they
// would be refused as lying in the future, acknowledged, and lost.
func TestBeforeEngineTimeIsKnownGatewaysAreToldToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newIngest(t, &memoryLog{}, 4)
		b.now.Store(&time.Time{})
		st := newFakeStream(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.server.StreamHydrology(st) }()
		st.in <- levels(1, "hy-1", 1)
		if err := <-ended; status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
		if len(st.out) != 0 || b.log.len() != 0 {
			t.Errorf("%d answers and %d readings on the log, want none", len(st.out), b.log.len())
		}
	})
}

func TestAClosingServerEndsStreamsThatWaitForTheirGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newIngest(t, &memoryLog{}, 4)
		ctx, cancel := context.WithCancelCause(t.Context())
		st := newFakeStream(t.Context()) // Recv goes on waiting, as a gRPC stream's does
		wrapped := &closingStream{st, ctx}
		ended := make(chan error, 1)
		go func() { ended <- b.server.StreamHydrology(wrapped) }()
		synctest.Wait()
		cancel(fmt.Errorf("closing: %w", hydro.ErrUnavailable))
		if err := <-ended; status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
		close(st.in)
	})
}

type closingStream struct {
	*fakeStream
	ctx context.Context
}

func (s *closingStream) Context() context.Context { return s.ctx }

func TestRejectionsComeBackWithSequenceIndexAndField(t *testing.T) {
	b := newIngest(t, &memoryLog{}, 0)
	st, err := b.dial(t).StreamHydrology(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := levels(7, "hy-1", 3)
	m.Reports[1].WaterLevel = new(9999.999)
	m.Reports[2].Datum = ""
	m.Reports = append(m.Reports, &freshetv1.HydrologyReport{Station: "hy-1"})
	if err := st.Send(m); err != nil {
		t.Fatal(err)
	}
	answer, err := st.Recv()
	if err != nil {
		t.Fatal(err)
	}
	ack := answer.GetAck()
	var got []string
	for _, r := range ack.GetRejections() {
		got = append(got, fmt.Sprintf("%d/%d %q %s", r.GetSequence(), r.GetReport(), r.GetField(), r.GetReason()))
		if r.GetMessage() == "" {
			t.Errorf("no message: %v", r)
		}
	}
	want := []string{
		`7/1 "water_level" REFUSAL_REASON_MISSING_VALUE`,
		`7/2 "water_level" REFUSAL_REASON_DATUM_MISSING`,
		`7/3 "" REFUSAL_REASON_MISSING_VALUE`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if ack.GetAckedSequence() != 7 || ack.GetAccepted() != 1 || ack.GetRefused() != 3 {
		t.Errorf("got %v", ack)
	}
	if err := st.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if got := gauge(t, b.registry, "freshet_ingest_refused_total"); got != 3 {
		t.Errorf("%g refused", got)
	}
	if got := gauge(t, b.registry, "freshet_ingest_accepted_total"); got != 1 {
		t.Errorf("%g accepted", got)
	}
	if b.log.len() != 1 || len(b.log.refusals) != 2 {
		t.Errorf("the log has %d readings and refusals %+v", b.log.len(), b.log.refusals)
	}
}

func TestManyRejectionsFitTheAnswersThatClientsAccept(t *testing.T) {
	b := newIngest(t, &memoryLog{}, 0)
	st, err := b.dial(t).StreamHydrology(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Send(levels(3, strings.Repeat("水", 64), 10_000)); err != nil {
		t.Fatal(err)
	}
	var seen []uint32
	for {
		answer, err := st.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range answer.GetAck().GetRejections() {
			seen = append(seen, r.GetReport())
		}
		if answer.GetAck().GetAckedSequence() == 3 {
			break
		}
		if answer.GetAck().GetAckedSequence() != 0 {
			t.Fatalf("got %d", answer.GetAck().GetAckedSequence())
		}
	}
	if len(seen) != 10_000 || !slices.IsSorted(seen) {
		t.Errorf("%d rejections", len(seen))
	}
}

func TestBrokenFramesEndTheStreamAndNameTheField(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame func(*freshetv1.StreamHydrologyRequest)
		field string
	}{
		{"no sequence", func(m *freshetv1.StreamHydrologyRequest) { m.Sequence = 0 }, "sequence"},
		{"sequence repeated", func(m *freshetv1.StreamHydrologyRequest) { m.Sequence = 5 }, "sequence"},
		{"sequence goes back", func(m *freshetv1.StreamHydrologyRequest) { m.Sequence = 4 }, "sequence"},
		{"report without station", func(m *freshetv1.StreamHydrologyRequest) { m.Reports[1].Station = "" }, "reports[1].station"},
		{"long zone", func(m *freshetv1.StreamHydrologyRequest) {
			m.Reports[0].ObservedAt.Zone = strings.Repeat("z", 41)
		}, "reports[0].observed_at.zone"},
		{"everything wrong", func(m *freshetv1.StreamHydrologyRequest) {
			for _, r := range m.Reports {
				r.Station = ""
			}
		}, "reports[0].station"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newIngest(t, &memoryLog{}, 0)
			st, err := b.dial(t).StreamHydrology(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Send(levels(5, "hy-1", 2)); err != nil {
				t.Fatal(err)
			}
			bad := levels(6, "hy-1", 5000)
			bad.Gateway = ""
			c.frame(bad)
			if err := st.Send(bad); err != nil {
				t.Fatal(err)
			}
			if answer, err := st.Recv(); err != nil || answer.GetAck().GetAckedSequence() != 5 {
				t.Fatalf("the good frame before it: %v, %v", answer, err)
			}
			_, err = st.Recv()
			if field := badField(t, err); field != c.field {
				t.Errorf("field %q in %v", field, err)
			}
			if n := b.log.len(); n != 2 {
				t.Errorf("%d readings stored", n)
			}
		})
	}
	t.Run("nameless gateway", func(t *testing.T) {
		st, err := newIngest(t, &memoryLog{}, 0).dial(t).StreamHydrology(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m := levels(1, "hy-1", 1)
		m.Gateway = ""
		if err := st.Send(m); err != nil {
			t.Fatal(err)
		}
		_, err = st.Recv()
		if field := badField(t, err); field != "gateway" {
			t.Errorf("field %q in %v", field, err)
		}
	})
}

func badField(t *testing.T, err error) string {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != codes.InvalidArgument {
		t.Fatalf("got %v", err)
	}
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	t.Fatalf("no BadRequest in %v", err)
	return ""
}

func TestEachDepartmentHasItsStream(t *testing.T) {
	b := newIngest(t, &memoryLog{}, 0)
	client := b.dial(t)
	at := &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: "2026-06-01 12:00"}, Zone: "Asia/Shanghai"}
	weather, err := client.StreamWeather(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := weather.Send(&freshetv1.StreamWeatherRequest{Gateway: "w", Sequence: 1, Reports: []*freshetv1.WeatherReport{
		{Station: "wx-1", ObservedAt: at, IntervalS: 300, Rain: new(25.0), RainUnit: freshetv1.RainUnit_RAIN_UNIT_TENTH_MM},
		{Station: "hy-1", ObservedAt: at, IntervalS: 300, Rain: new(25.0), RainUnit: freshetv1.RainUnit_RAIN_UNIT_TENTH_MM},
	}}); err != nil {
		t.Fatal(err)
	}
	if a, err := weather.Recv(); err != nil || a.GetAck().GetAccepted() != 1 || a.GetAck().GetRejections()[0].GetReason() != freshetv1.RefusalReason_REFUSAL_REASON_WRONG_DEPARTMENT {
		t.Errorf("got %v, %v", a, err)
	}
	water, err := client.StreamWaterResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := water.Send(&freshetv1.StreamWaterResourcesRequest{Gateway: "r", Sequence: 1, Reports: []*freshetv1.WaterResourcesReport{
		{Station: "wr-1", ObservedAt: at, Gates: []*freshetv1.GateOpening{{Gate: 1, OpeningM: 2}}},
	}}); err != nil {
		t.Fatal(err)
	}
	if a, err := water.Recv(); err != nil || a.GetAck().GetAccepted() != 1 {
		t.Errorf("got %v, %v", a, err)
	}
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	for _, r := range b.log.readings {
		if !r.At.Equal(ingestNow) || r.Variable == hydro.Rain && r.Value != 2.5 {
			t.Errorf("got %+v", r)
		}
	}
}

func TestACatalogueIsSwappedUnderAnOpenStream(t *testing.T) {
	b := newIngest(t, &memoryLog{}, 0)
	st, err := b.dial(t).StreamHydrology(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{0, 1} {
		if err := st.Send(levels(uint64(i+1), "new", 1)); err != nil {
			t.Fatal(err)
		}
		a, err := st.Recv()
		if err != nil || a.GetAck().GetAccepted() != want {
			t.Fatalf("got %v, %v", a, err)
		}
		c := ingestCatalog()
		c.Stations[0].ID = "new"
		b.server.SetCatalog(c)
	}
}
