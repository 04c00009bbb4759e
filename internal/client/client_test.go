package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// quick keeps tests from waiting for a link.
var quick = client.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond}

// A server is Freshet's answering side, with the faults that a real one has
// only when it is killed or its cable is cut.
type server struct {
	freshetv1.UnimplementedIngestServiceServer
	freshetv1.UnimplementedWarningServiceServer
	freshetv1.UnimplementedClockServiceServer

	mu       sync.Mutex
	stored   map[string]int // readings on disk, by name
	faults   []fault        // one per stream, in turn; none: no fault
	streams  int
	warnings []string
	tokens   []string // that watchers came with
	advanced []time.Time
	refusals []codes.Code // of Advance, in turn
	gate     chan struct{}
	window   uint32
}

// A fault ends a stream with UNAVAILABLE.
type fault struct {
	frames int  // after it has stored so many frames
	acked  bool // and acknowledged the last of them
	half   bool // having told of the rejections of the last of them on their own
}

// start serves s on a loopback address until the test ends and returns a
// connection to it.
func start(t testing.TB, s *server) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s, l)
	return dial(t, l)
}

// serve serves s on l until stop is called or the test ends.
func serve(t testing.TB, s *server, l net.Listener) (stop func()) {
	t.Helper()
	if s.stored == nil {
		s.stored = map[string]int{}
	}
	g := grpc.NewServer()
	freshetv1.RegisterIngestServiceServer(g, s)
	freshetv1.RegisterWarningServiceServer(g, s)
	freshetv1.RegisterClockServiceServer(g, s)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = g.Serve(l)
	}()
	stop = func() {
		g.Stop()
		<-served
	}
	t.Cleanup(stop)
	return stop
}

func dial(t testing.TB, l net.Listener) *grpc.ClientConn {
	t.Helper()
	conn, err := client.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// StreamHydrology stores levels and refuses discharges.
func (s *server) StreamHydrology(stream grpc.BidiStreamingServer[freshetv1.StreamHydrologyRequest, freshetv1.StreamHydrologyResponse]) error {
	s.mu.Lock()
	f := fault{frames: -1}
	if s.streams < len(s.faults) {
		f = s.faults[s.streams]
	}
	s.streams++
	s.mu.Unlock()
	var last, accepted, refused uint64
	for n := 1; ; n++ {
		if f.frames == 0 {
			return status.Error(codes.Unavailable, "cut before the first frame")
		}
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if m.GetGateway() == "" || m.GetSequence() <= last {
			return status.Errorf(codes.InvalidArgument, "sequence: %d after %d", m.GetSequence(), last)
		}
		ack := &freshetv1.Ack{AckedSequence: last, Accepted: accepted, Refused: refused, Window: s.window}
		last = m.GetSequence()
		s.mu.Lock()
		for i, r := range m.GetReports() {
			if r.WaterLevel != nil {
				s.stored[r.GetStation()]++
				accepted++
			}
			if r.Discharge != nil {
				refused++
				ack.Rejections = append(ack.Rejections, &freshetv1.Rejection{
					Sequence: last, Report: uint32(i), Field: "discharge", Reason: freshetv1.RefusalReason_REFUSAL_REASON_UNKNOWN_VARIABLE,
				})
			}
			if r.GetStation() == "bad" {
				s.mu.Unlock()
				return status.Error(codes.InvalidArgument, "reports[0].station: no")
			}
		}
		s.mu.Unlock()
		if s.gate != nil {
			<-s.gate
		}
		if n == f.frames && f.half {
			if err := stream.Send(&freshetv1.StreamHydrologyResponse{Ack: ack}); err != nil {
				return err
			}
			ack.Rejections = nil
		}
		if n == f.frames && !f.acked {
			return status.Error(codes.Unavailable, "cut before the answer")
		}
		ack.AckedSequence, ack.Accepted, ack.Refused = last, accepted, refused
		if err := stream.Send(&freshetv1.StreamHydrologyResponse{Ack: ack}); err != nil {
			return err
		}
		if n == f.frames {
			return status.Error(codes.Unavailable, "cut after the answer")
		}
	}
}

func levels(from, n, discharges int) client.Reports {
	var out []*freshetv1.HydrologyReport
	for i := range n {
		v := 1.5
		r := &freshetv1.HydrologyReport{Station: strconv.Itoa(from + i), WaterLevel: &v, Datum: "STATION"}
		if i < discharges {
			r.Discharge = &v
		}
		out = append(out, r)
	}
	return client.Reports{Hydrology: out}
}

func TestEveryReadingCountsOnceWhateverBreaks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &server{window: uint32(rapid.IntRange(1, 6).Draw(rt, "window"))}
		for range rapid.IntRange(0, 8).Draw(rt, "faults") {
			s.faults = append(s.faults, fault{
				frames: rapid.IntRange(0, 4).Draw(rt, "after"), acked: rapid.Bool().Draw(rt, "acked"), half: rapid.Bool().Draw(rt, "half"),
			})
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			rt.Fatal(err)
		}
		stop := serve(t, s, l)
		defer stop()
		conn := dial(t, l)
		defer conn.Close()

		var acked []uint64
		rejected := 0
		gw, err := client.Open(t.Context(), conn, hydro.Hydrology, "gw", client.Options{
			Backoff: quick, Acked: func(seq uint64) { acked = append(acked, seq) }, Rejected: func(*freshetv1.Rejection) { rejected++ },
		})
		if err != nil {
			rt.Fatal(err)
		}
		defer gw.Close()
		sent, refused := 0, 0
		frames := rapid.IntRange(0, 20).Draw(rt, "frames")
		for range frames {
			n := rapid.IntRange(1, 5).Draw(rt, "reports")
			d := rapid.IntRange(0, n).Draw(rt, "discharges")
			if _, err := gw.Send(t.Context(), levels(sent, n, d)); err != nil {
				rt.Fatal(err)
			}
			sent, refused = sent+n, refused+d
		}
		if err := gw.Flush(t.Context()); err != nil {
			rt.Fatal(err)
		}
		st := gw.Stats()
		if st.Sent != sent+refused || st.Accepted != sent || st.RefusedTotal() != refused || st.Refused["unknown_variable"] != refused ||
			st.Acked != frames || st.Frames != frames || rejected != refused {
			rt.Fatalf("sent %d levels and %d discharges: %+v, rejected %d", sent, refused, st, rejected)
		}
		if len(s.stored) != sent {
			rt.Fatalf("%d of %d readings are stored", len(s.stored), sent)
		}
		if len(acked) != frames || !slices.IsSorted(acked) || len(slices.Compact(acked)) != frames {
			rt.Fatalf("acknowledged: %v", acked)
		}
	})
}

func TestAServerThatGoesAndComesBackLosesNothing(t *testing.T) {
	s := &server{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, s, l)
	conn := dial(t, l)
	gw, err := client.Open(t.Context(), conn, hydro.Hydrology, "gw", client.Options{Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	const rounds, each = 5, 7
	for i := range rounds {
		if _, err := gw.Send(t.Context(), levels(i*each, each, 0)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := gw.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		addr := l.Addr().String()
		stop()
		if l, err = net.Listen("tcp", addr); err != nil {
			t.Fatal(err)
		}
		stop = serve(t, s, l)
	}
	if err := gw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := gw.Stats(); st.Accepted != rounds*each || st.Reconnects == 0 || len(s.stored) != rounds*each {
		t.Errorf("%+v, stored %d", st, len(s.stored))
	}
}

func TestSendWaitsWhileTheWindowIsFull(t *testing.T) {
	s := &server{gate: make(chan struct{})}
	gw, err := client.Open(t.Context(), start(t, s), hydro.Hydrology, "gw", client.Options{Window: 2, Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	for i := range 2 {
		if _, err := gw.Send(t.Context(), levels(i, 1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	full, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := gw.Send(full, levels(2, 1, 0)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a third frame: %v", err)
	}
	s.gate <- struct{}{}
	seq, err := gw.Send(t.Context(), levels(2, 1, 0))
	if err != nil || seq != 3 {
		t.Fatalf("frame %d, %v", seq, err)
	}
	close(s.gate)
	if err := gw.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAFrameThatBreaksTheContractEndsTheGateway(t *testing.T) {
	s := &server{}
	gw, err := client.Open(t.Context(), start(t, s), hydro.Hydrology, "gw", client.Options{Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	bad := levels(0, 1, 0)
	bad.Hydrology[0].Station = "bad"
	if _, err := gw.Send(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	if err := gw.Flush(t.Context()); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("flush: %v", err)
	}
	if _, err := gw.Send(t.Context(), levels(0, 1, 0)); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("send: %v", err)
	}
}

func TestReportsOfAnotherDepartmentAreRefused(t *testing.T) {
	gw, err := client.Open(t.Context(), start(t, &server{}), hydro.Weather, "gw", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	if _, err := gw.Send(t.Context(), levels(0, 1, 0)); !errors.Is(err, hydro.ErrInvalid) {
		t.Error(err)
	}
	if _, err := client.Open(t.Context(), nil, 9, "gw", client.Options{}); !errors.Is(err, hydro.ErrInvalid) {
		t.Error(err)
	}
}

func TestAClosedGatewaySaysSo(t *testing.T) {
	gw, err := client.Open(t.Context(), start(t, &server{}), hydro.Hydrology, "gw", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gw.Close()
	if _, err := gw.Send(t.Context(), levels(0, 1, 0)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReadingsAreCountedPerValue(t *testing.T) {
	v := 1.0
	for _, c := range []struct {
		r    client.Reports
		want int
	}{
		{client.Reports{}, 0},
		{client.Reports{Weather: []*freshetv1.WeatherReport{{Rain: &v}, {}}}, 2},
		{client.Reports{Hydrology: []*freshetv1.HydrologyReport{{WaterLevel: &v, Rain: &v}, {}, {PanEvaporation: &v, Discharge: &v}}}, 5},
		{client.Reports{WaterResources: []*freshetv1.WaterResourcesReport{{Storage: &v, Gates: []*freshetv1.GateOpening{{Gate: 1}, {Gate: 2}}}}}, 3},
	} {
		if got := c.r.Readings(); got != c.want {
			t.Errorf("%+v: %d readings, want %d", c.r, got, c.want)
		}
	}
}

// WatchWarnings gives out s.warnings; the token is how many came before. A
// stream ends with UNAVAILABLE as its fault says.
func (s *server) WatchWarnings(req *freshetv1.WatchWarningsRequest, stream grpc.ServerStreamingServer[freshetv1.WatchWarningsResponse]) error {
	s.mu.Lock()
	f := fault{frames: -1}
	if s.streams < len(s.faults) {
		f = s.faults[s.streams]
	}
	s.streams++
	s.tokens = append(s.tokens, req.GetResumeToken())
	s.mu.Unlock()
	if req.GetResumeToken() == "damaged" {
		return status.Error(codes.InvalidArgument, "resume_token: damaged")
	}
	at, _ := strconv.Atoi(req.GetResumeToken())
	if err := stream.Send(&freshetv1.WatchWarningsResponse{ResumeToken: strconv.Itoa(at)}); err != nil {
		return err
	}
	for n := 0; at < len(s.warnings); n++ {
		if n == f.frames {
			return status.Error(codes.Unavailable, "cut")
		}
		at++
		if err := stream.Send(&freshetv1.WatchWarningsResponse{
			Warning: &freshetv1.Warning{Id: s.warnings[at-1]}, ResumeToken: strconv.Itoa(at),
		}); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func TestAFeedThatBreaksHasNoGapAndNoRepeat(t *testing.T) {
	s := &server{faults: []fault{{frames: 0}, {frames: 3}, {frames: 0}, {frames: 1}, {frames: 0}}}
	for i := range 10 {
		s.warnings = append(s.warnings, fmt.Sprint("w", i))
	}
	enough := errors.New("enough")
	var got []string
	var links []bool
	err := client.Watch(t.Context(), start(t, s), client.WatchOptions{
		FromStart: true, Backoff: quick, Connected: func(err error) { links = append(links, err == nil) },
	}, func(m *freshetv1.WatchWarningsResponse) error {
		got = append(got, m.GetWarning().GetId())
		if len(got) == len(s.warnings) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !slices.Equal(got, s.warnings) {
		t.Errorf("%v: %v", err, got)
	}
	if want := []string{"", "0", "3", "3", "4", "4"}; !slices.Equal(s.tokens, want) {
		t.Errorf("tokens %v, want %v", s.tokens, want)
	}
	if n := len(links); n != 11 || links[0] != true || links[1] != false {
		t.Errorf("links: %v", links)
	}
}

func TestADamagedTokenEndsTheFeed(t *testing.T) {
	err := client.Watch(t.Context(), start(t, &server{}), client.WatchOptions{Token: "damaged", Backoff: quick}, nil)
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Error(err)
	}
}

func TestAWatcherStopsWithItsContextAndHearsTheHeartbeat(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	beats := 0
	err := client.Watch(ctx, start(t, &server{}), client.WatchOptions{Backoff: quick, Heartbeat: func(*freshetv1.WatchWarningsResponse) error {
		beats++
		cancel()
		return nil
	}}, nil)
	if !errors.Is(err, context.Canceled) || beats != 1 {
		t.Errorf("%v after %d beats", err, beats)
	}
}

// AdvanceClock refuses as s.refusals say.
func (s *server) AdvanceClock(_ context.Context, req *freshetv1.AdvanceClockRequest) (*freshetv1.AdvanceClockResponse, error) {
	if len(s.refusals) > 0 {
		c := s.refusals[0]
		s.refusals = s.refusals[1:]
		return nil, status.Error(c, "no")
	}
	s.advanced = append(s.advanced, req.GetTo().AsTime())
	return &freshetv1.AdvanceClockResponse{Now: req.GetTo()}, nil
}

// GetClock tells of the last advance.
func (s *server) GetClock(context.Context, *freshetv1.GetClockRequest) (*freshetv1.GetClockResponse, error) {
	r := &freshetv1.GetClockResponse{Driven: true}
	if n := len(s.advanced); n > 0 {
		r.Now = timestamppb.New(s.advanced[n-1])
	}
	return r, nil
}

func TestTheClockIsAdvancedThroughAnOutage(t *testing.T) {
	s := &server{refusals: []codes.Code{codes.Unavailable, codes.Unavailable}}
	c := client.NewClock(start(t, s), quick)
	now, driven, err := c.Now(t.Context())
	if err != nil || !now.IsZero() || !driven {
		t.Fatalf("before: %s, %t, %v", now, driven, err)
	}
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	if err := c.Advance(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if now, _, err := c.Now(t.Context()); err != nil || !now.Equal(at) {
		t.Errorf("after: %s, %v", now, err)
	}
	for code, kind := range map[codes.Code]error{codes.InvalidArgument: hydro.ErrInvalid, codes.FailedPrecondition: hydro.ErrConflict} {
		s.refusals = []codes.Code{code}
		if err := c.Advance(t.Context(), at); !errors.Is(err, kind) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
