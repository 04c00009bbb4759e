package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/ingest"
	"freshet/internal/auth"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

const (
	// maxRejections bounds the rejections of one answer, so that an answer stays
	// well below the 4 MB that gRPC clients accept; the rest goes into more
	// answers.
	maxRejections = 5000
	// maxViolations bounds the violations that an error names: they travel in a
	// header.
	maxViolations = 16
	// keepReadings is how large a frame's memory may be to be used again.
	keepReadings = 16_000
)

// errNoTime sends gateways away while nothing that they observe can be dated.
var errNoTime = fmt.Errorf("engine time is not known yet: the server is catching up with its log, or nobody has moved its driven clock: %w", hydro.ErrUnavailable)

// IngestOptions are the parts that an IngestServer stands on.
type IngestOptions struct {
	// Catalog knows the stations. Required; SetCatalog replaces it.
	Catalog *catalog.Catalog
	// Limits bound observation times.
	Limits ingest.Limits
	// Writer returns the writer of a basin, or nil if the basin is not served
	// here. Required.
	Writer func(basin string) *ingest.Writer
	// Log takes rain forecasts, dispatch plans, tides and withdrawals. Required.
	Log ingest.Log
	// Now is what observation times are compared with: the wall clock or the
	// driven one. Required. While it returns zero, gateways are told to come
	// again.
	Now func() time.Time
	// Registerer takes the metrics. Required.
	Registerer prometheus.Registerer
	// Logger hears of streams that failed; nil means nobody does.
	Logger *slog.Logger
	// Store and Lag are for comparisons with the history: what it holds, and by how
	// many outputs the history of a basin is behind the log. Without them none are
	// made.
	Store store.Reader
	Lag   func(basin string) uint64
	// Rates tells streams which stations are asked to report faster; nil: none is.
	Rates *RateBoard
	// Gateways is told of the streams; nil: nobody is.
	Gateways *GatewayBook
	// Window is how many frames of one stream may wait for the disk; 0 means 16.
	Window int
}

// An IngestServer takes the gateways' streams.
type IngestServer struct {
	freshetv1.UnimplementedIngestServiceServer
	opts       IngestOptions
	normalizer atomic.Pointer[ingest.Normalizer]
	metrics    *ingestMetrics
}

// NewIngest returns an ingest service. The error wraps hydro.ErrInvalid.
func NewIngest(opts IngestOptions) (*IngestServer, error) {
	if opts.Catalog == nil || opts.Writer == nil || opts.Log == nil || opts.Now == nil || opts.Registerer == nil {
		return nil, fmt.Errorf("ingest service: catalogue, writers, log, clock and registerer are needed: %w", hydro.ErrInvalid)
	}
	if opts.Window < 0 {
		return nil, fmt.Errorf("ingest service: window %d is negative: %w", opts.Window, hydro.ErrInvalid)
	}
	opts.Window = cmp.Or(opts.Window, 16)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &IngestServer{opts: opts}
	s.SetCatalog(opts.Catalog)
	s.metrics = newIngestMetrics(opts.Registerer, s.queued)
	return s, nil
}

// SetCatalog makes the stations of c known from the next frame on.
func (s *IngestServer) SetCatalog(c *catalog.Catalog) {
	s.normalizer.Store(ingest.New(c, s.opts.Limits))
}

// queued returns the number of readings that wait for the disk.
func (s *IngestServer) queued() float64 {
	n := 0
	for _, b := range s.normalizer.Load().Catalog().Basins {
		if w := s.opts.Writer(b.ID); w != nil {
			n += w.Queued()
		}
	}
	return float64(n)
}

// GRPCOptions returns the server options that streams of large frames need: an
// IngestServer works on no gRPC server without them.
func GRPCOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		// Gateways are few and send much; watchers are many and send nothing: each
		// connection has the one buffer, and shares the other.
		grpc.ReadBufferSize(64 << 10),
		grpc.WriteBufferSize(64 << 10),
		// A gateway may have a megabyte on its way before it needs a window
		// update; the readings' own bound is the frames that wait for the disk.
		grpc.InitialWindowSize(1 << 20),
		grpc.InitialConnWindowSize(4 << 20),
		grpc.ForceServerCodecV2(newCodec()),
	}
}

// StreamWeather implements IngestService.
func (s *IngestServer) StreamWeather(stream grpc.BidiStreamingServer[freshetv1.StreamWeatherRequest, freshetv1.StreamWeatherResponse]) error {
	return serveFrames(s, stream, &frameKind[*freshetv1.StreamWeatherRequest, *freshetv1.StreamWeatherResponse]{
		department: hydro.Weather,
		read:       (*wire.Frame).Weather,
		check:      checkWeather,
		raw: func(dst []hydro.Raw, m *freshetv1.StreamWeatherRequest) []hydro.Raw {
			return wire.WeatherRaw(dst, m.GetReports())
		},
		reports: func(m *freshetv1.StreamWeatherRequest) int { return len(m.GetReports()) },
		station: func(m *freshetv1.StreamWeatherRequest, i int) string { return m.GetReports()[i].GetStation() },
		answer: func(a *freshetv1.Ack) *freshetv1.StreamWeatherResponse {
			return &freshetv1.StreamWeatherResponse{Ack: a}
		},
	})
}

// StreamHydrology implements IngestService.
func (s *IngestServer) StreamHydrology(stream grpc.BidiStreamingServer[freshetv1.StreamHydrologyRequest, freshetv1.StreamHydrologyResponse]) error {
	return serveFrames(s, stream, &frameKind[*freshetv1.StreamHydrologyRequest, *freshetv1.StreamHydrologyResponse]{
		department: hydro.Hydrology,
		read:       (*wire.Frame).Hydrology,
		check:      checkHydrology,
		raw: func(dst []hydro.Raw, m *freshetv1.StreamHydrologyRequest) []hydro.Raw {
			return wire.HydrologyRaw(dst, m.GetReports())
		},
		reports: func(m *freshetv1.StreamHydrologyRequest) int { return len(m.GetReports()) },
		station: func(m *freshetv1.StreamHydrologyRequest, i int) string { return m.GetReports()[i].GetStation() },
		answer: func(a *freshetv1.Ack) *freshetv1.StreamHydrologyResponse {
			return &freshetv1.StreamHydrologyResponse{Ack: a}
		},
	})
}

// StreamWaterResources implements IngestService.
func (s *IngestServer) StreamWaterResources(stream grpc.BidiStreamingServer[freshetv1.StreamWaterResourcesRequest, freshetv1.StreamWaterResourcesResponse]) error {
	return serveFrames(s, stream, &frameKind[*freshetv1.StreamWaterResourcesRequest, *freshetv1.StreamWaterResourcesResponse]{
		department: hydro.WaterResources,
		read:       (*wire.Frame).WaterResources,
		check:      checkWaterResources,
		raw: func(dst []hydro.Raw, m *freshetv1.StreamWaterResourcesRequest) []hydro.Raw {
			return wire.WaterResourcesRaw(dst, m.GetReports())
		},
		reports: func(m *freshetv1.StreamWaterResourcesRequest) int { return len(m.GetReports()) },
		station: func(m *freshetv1.StreamWaterResourcesRequest, i int) string { return m.GetReports()[i].GetStation() },
		answer: func(a *freshetv1.Ack) *freshetv1.StreamWaterResourcesResponse {
			return &freshetv1.StreamWaterResourcesResponse{Ack: a}
		},
	})
}

// A frameKind is what differs between the departments' streams.
type frameKind[Req, Resp any] struct {
	department hydro.Department
	read       func(*wire.Frame, string) bool // false: too unusual, the generated code must read it
	check      func(Req) []*errdetails.BadRequest_FieldViolation
	raw        func([]hydro.Raw, Req) []hydro.Raw
	reports    func(Req) int
	station    func(Req, int) string
	answer     func(*freshetv1.Ack) Resp
}

// frameRequest is what the departments' frames have in common.
type frameRequest[T any] interface {
	*T
	proto.Message
	GetGateway() string
	GetSequence() uint64
	GetAgain() bool
	GetDropped() uint64
}

// A frame is one frame between its arrival and its acknowledgement.
type frame struct {
	sequence uint64
	result   ingest.Result
	tickets  []*ingest.Ticket // one per basin
	timer    *prometheus.Timer
	newest   time.Time // observation time of what was accepted; zero: nothing was
}

// serveFrames is one stream. One goroutine takes frames in and submits them; it
// stops reading when Window frames wait. The caller's goroutine answers in
// order: as soon as the oldest frame is on disk, with all that are on disk by
// then.
func serveFrames[T, Resp any, Req frameRequest[T]](s *IngestServer, stream grpc.BidiStreamingServer[T, Resp], kind *frameKind[Req, *Resp]) error {
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()

	in := &intake[T, Req, *Resp]{
		server: s, kind: kind, ctx: ctx, receive: stream.RecvMsg, caller: callerOf(ctx),
		frames: make(chan *frame, s.opts.Window), free: make(chan *frame, s.opts.Window),
		entry: s.opts.Gateways.stream(kind.department),
	}
	defer in.entry.end()
	for range s.opts.Window {
		in.free <- new(frame)
	}
	go in.run() // ends when the handler has returned, because then Recv fails

	out := answers{server: s, department: kind.department, entry: in.entry, send: func(a *freshetv1.Ack) error { return stream.Send(kind.answer(a)) }}
	batch := make([]*frame, 0, s.opts.Window)
	rates := rateTeller{server: s, department: kind.department}
	for open := true; open; {
		news, changed := rates.news()
		if news != nil {
			ack := out.next()
			ack.Rates = news
			if err := out.send(ack); err != nil {
				return err
			}
		}
		var f *frame
		select {
		case <-changed:
			continue
		case f, open = <-in.frames:
			if !open {
				continue
			}
		case <-ctx.Done():
			return StatusError(context.Cause(ctx))
		}
		if err := f.wait(ctx); err != nil {
			return s.failed(ctx, in, f, err)
		}
		batch = append(batch[:0], f)
		var late error
	more:
		for len(batch) < s.opts.Window {
			select {
			case <-changed: // news of rates must not wait for a stream that never pauses
				break more
			default:
			}
			select {
			case f, open = <-in.frames:
				if !open {
					break more
				}
			default:
				break more
			}
			if !f.done() { // answer what is on disk before waiting for the next
				if err := out.answer(batch); err != nil {
					return err
				}
				in.recycle(batch)
				batch = batch[:0]
			}
			if late = f.wait(ctx); late != nil {
				break more
			}
			batch = append(batch, f)
		}
		if err := out.answer(batch); err != nil {
			return err
		}
		in.recycle(batch)
		if late != nil {
			return s.failed(ctx, in, f, late)
		}
	}
	return StatusError(in.err)
}

// failed tells the log that a frame did not reach the disk.
func (s *IngestServer) failed(ctx context.Context, in interface{ name() string }, f *frame, err error) error {
	if ctx.Err() == nil {
		s.opts.Logger.WarnContext(ctx, "a frame was not stored; its gateway must send it again",
			slog.String("gateway", in.name()), slog.Uint64("sequence", f.sequence), slog.Any("err", err))
	}
	return StatusError(err)
}

// done reports whether nothing of f waits for the disk any more.
func (f *frame) done() bool {
	for _, t := range f.tickets {
		select {
		case <-t.Done():
		default:
			return false
		}
	}
	return true
}

// wait returns when all of f is on disk.
func (f *frame) wait(ctx context.Context) error {
	for _, t := range f.tickets {
		if err := t.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// An intake is the receiving half of a stream.
type intake[T any, Req frameRequest[T], Resp any] struct {
	server  *IngestServer
	kind    *frameKind[Req, Resp]
	ctx     context.Context //nolint:containedctx // the stream's: the intake lives as long
	receive func(any) error
	frames  chan *frame // taken in, oldest first; closed at the end
	free    chan *frame // the window: no frame is read without one

	entry  *gatewayStream
	caller *caller // nil: may write every station
	scope  *ingest.Scope
	who    *auth.Principal    // whom scope is of
	within *ingest.Normalizer // and by which stations

	plain   wire.Frame
	last    uint64
	gateway atomic.Pointer[string]
	err     error // why frames was closed; read it after that
}

func (in *intake[T, Req, Resp]) name() string {
	if p := in.gateway.Load(); p != nil {
		return *p
	}
	return ""
}

func (in *intake[T, Req, Resp]) run() {
	defer close(in.frames)
	for {
		var f *frame
		select {
		case f = <-in.free:
		case <-in.ctx.Done():
			in.err = context.Cause(in.ctx)
			return
		}
		var message rawMessage
		err := in.receive(&message)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = in.take(string(message), f)
		}
		if err != nil {
			in.err = err
			return
		}
		in.frames <- f // has room for every frame there is
	}
}

// take checks, normalises and submits one frame.
func (in *intake[T, Req, Resp]) take(message string, f *frame) error {
	f.timer = prometheus.NewTimer(in.server.metrics.ackSeconds)
	f.tickets = f.tickets[:0]
	var m Req // stays nil if the frame is plain
	p := &in.plain
	if !in.kind.read(p, message) {
		m = new(T)
		if err := proto.Unmarshal([]byte(message), m); err != nil {
			return status.Errorf(codes.InvalidArgument, "the frame is not a %s: %v", m.ProtoReflect().Descriptor().FullName(), err)
		}
		if v := in.kind.check(m); len(v) > 0 {
			return badRequest(v[:min(len(v), maxViolations)]...)
		}
		p.Gateway, p.Sequence, p.Dropped, p.Raws = m.GetGateway(), m.GetSequence(), m.GetDropped(), in.kind.raw(p.Raws[:0], m)
	}
	f.sequence = p.Sequence
	if p.Gateway != "" {
		if in.gateway.Load() == nil {
			name := strings.Clone(p.Gateway)
			in.gateway.Store(&name)
			in.entry.named(name)
		}
	} else if in.gateway.Load() == nil {
		return badField("gateway", "must name the gateway in the first frame of a stream")
	}
	if more := in.entry.dropped(p.Dropped); more > 0 {
		in.server.metrics.dropped.WithLabelValues(in.kind.department.String()).Add(float64(more))
		in.server.opts.Logger.ErrorContext(in.ctx, "VALUES ARE LOST: the gateway dropped them to make room in its spool, as on_full: drop_oldest says",
			"department", in.kind.department.String(), "gateway", *in.gateway.Load(), "dropped", more, "dropped_so_far", p.Dropped)
	}
	if f.sequence <= in.last {
		return badField("sequence", fmt.Sprintf("must ascend within the stream: %d came after %d", f.sequence, in.last))
	}
	in.last = f.sequence

	now := in.server.opts.Now()
	if now.IsZero() { // every reading would seem to lie in the future and be refused for good
		return errNoTime
	}
	n := in.server.normalizer.Load()
	n.NormalizeWithin(in.scopeOf(n), in.kind.department, p.Raws, now, &f.result)
	if f.result.NotAllowed > 0 {
		in.caller.refusedReadings(in.ctx, in.kind.department.String()+" stream", f.result.NotAllowed)
	}
	if m != nil { // also every frame with again set: that is not the plain shape
		in.rejectEmpty(m, f)
		if m.GetAgain() {
			f.result.SetAgain()
		}
	}
	clear(p.Raws) // let go of the message
	p.Gateway = ""
	if cap(p.Raws) > keepReadings {
		p.Raws = nil
	}
	f.newest = time.Time{}
	for i := range f.result.Basins {
		b := &f.result.Basins[i]
		for k := range b.Readings { // before they are the writer's
			if at := b.Readings[k].At; at.After(f.newest) {
				f.newest = at
			}
		}
		w := in.server.opts.Writer(b.Basin)
		if w == nil {
			return fmt.Errorf("basin %s is in the catalogue but is not served here: %w", b.Basin, hydro.ErrUnavailable)
		}
		t, err := w.Submit(in.ctx, b.Readings, b.Refusals)
		if err != nil {
			return err
		}
		f.tickets = append(f.tickets, t)
	}
	return nil
}

// scopeOf returns what the caller may write, computed anew only when the caller's
// grant or the catalogue has changed.
func (in *intake[T, Req, Resp]) scopeOf(n *ingest.Normalizer) *ingest.Scope {
	if in.caller == nil {
		return nil
	}
	if who := in.caller.who.Load(); who != in.who || n != in.within {
		in.who, in.within = who, n
		in.scope = n.Scope(func(st *catalog.Station) bool { return writes(who, st) })
	}
	return in.scope
}

// writes reports whether a gateway may write a station.
func writes(who *auth.Principal, st *catalog.Station) bool {
	return who.Writes(st.Department, append([]string{st.ID}, st.Aliases...)...)
}

// rejectEmpty lists the reports that hold no value at all.
func (in *intake[T, Req, Resp]) rejectEmpty(m Req, f *frame) {
	n := in.kind.reports(m)
	next := 0 // the report whose values would come now
	reject := func(end int) {
		for ; next < end; next++ {
			f.result.Rejections = append(f.result.Rejections, hydro.Rejection{
				Report: next, Reason: hydro.MissingValue,
				Message: fmt.Sprintf("The report of station %q holds no value. Leave such reports out.", in.kind.station(m, next)),
			})
		}
	}
	for i := range in.plain.Raws {
		if r := in.plain.Raws[i].Report; r >= next {
			reject(r)
			next = r + 1
		}
	}
	reject(n)
}

// recycle gives the memory of frames that were answered back to the window.
func (in *intake[T, Req, Resp]) recycle(frames []*frame) {
	for _, f := range frames {
		if f.result.Accepted+len(f.result.Rejections) > keepReadings {
			*f = frame{}
		}
		in.free <- f // has room for every frame there is
	}
}

// answers is the sending half of a stream.
type answers struct {
	server            *IngestServer
	department        hydro.Department
	entry             *gatewayStream
	send              func(*freshetv1.Ack) error
	acked             uint64
	accepted, refused uint64
}

// answer acknowledges frames, which are on disk, with one cumulative answer, or
// with several if there are many rejections: the sequence moves with the last.
func (a *answers) answer(frames []*frame) error {
	if len(frames) == 0 {
		return nil
	}
	ack := a.next()
	for _, f := range frames {
		for i := range f.result.Rejections {
			if len(ack.Rejections) == maxRejections {
				if err := a.send(ack); err != nil {
					return err
				}
				ack = a.next()
			}
			r := &f.result.Rejections[i]
			ack.Rejections = append(ack.Rejections, wire.FromRejection(f.sequence, *r))
			a.server.metrics.refuse(r.Reason)
		}
		a.accepted += uint64(f.result.Accepted)
		a.refused += uint64(len(f.result.Rejections))
		a.server.metrics.accepted[a.department].Add(float64(f.result.Accepted))
		a.acked = f.sequence
	}
	ack.AckedSequence, ack.Accepted, ack.Refused = a.acked, a.accepted, a.refused
	if err := a.send(ack); err != nil {
		return err
	}
	for _, f := range frames {
		f.timer.ObserveDuration()
	}
	a.entry.took(frames)
	return nil
}

func (a *answers) next() *freshetv1.Ack {
	return &freshetv1.Ack{AckedSequence: a.acked, Accepted: a.accepted, Refused: a.refused, Window: uint32(a.server.opts.Window)}
}
