// Package server is Freshet's face: the gRPC services, REST and server-sent
// events over HTTP, metrics and health.
//
// It holds no state of its own. Queries read a basin's engine or the store; the
// feed reads the out-log; readings go to the ingest service that it was given.
// It alone knows status codes: everything below returns the error kinds of
// internal/hydro.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"buf.build/go/protovalidate"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	"freshet/internal/briefing/pack"
	"freshet/internal/catalog"
	"freshet/internal/certs"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/store"
	freshetv1 "freshet/proto/freshet/v1"
)

// Options are the parts that a Server stands on. All without a stated default
// are required.
type Options struct {
	// Catalog returns the catalogue in force.
	Catalog func() *catalog.Catalog
	// Basins are the basins that the server answers for.
	Basins []Basin
	// Feed reads the out-logs.
	Feed Feed
	// Store holds the long history.
	Store store.Reader
	// Clock tells and, if driven, moves engine time.
	Clock Clock
	// Ready returns nil once the engines have caught up with the log, else the
	// reason why not. It is called often and must be quick.
	Ready func() error
	// Ingest takes the gateways' streams.
	Ingest freshetv1.IngestServiceServer
	// Gateways knows the gateways' streams; nil: nothing is known of them.
	Gateways *GatewayBook
	// Record reads the in-logs; nil: nobody can.
	Record InputLog
	// Lag tells by how many outputs the store is behind the log of a basin; nil: it
	// is not.
	Lag func(basin string) uint64
	// Archived returns the sequence number of the output of a basin up to which the
	// store has everything; nil: it always has.
	Archived func(basin string) uint64
	// Registerer and Gatherer hold the metrics of the process.
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	// Logger gets what operators must know.
	Logger *slog.Logger

	// Console is served at / to everybody: the pages and scripts of the console,
	// which hold no data. nil means a page that says what is here.
	Console http.Handler
	// Auth says who callers are and what they may do; nil lets everybody do
	// everything.
	Auth *Auth
	// TLS has the certificates of both listeners; nil means plain text.
	TLS *certs.Source
	// Insecure says in words what is open to whom; "" if nothing is. It goes into
	// every answer about health.
	Insecure string
	// MaxMessage bounds a message, in bytes; 0 means 4 MB, which the contract
	// promises.
	MaxMessage int
	// MaxConnections bounds the connections of each listener; 0 means 10,000.
	MaxConnections int

	// FeedKept is how many items of the feed are kept in memory for each basin; who
	// is further behind reads the log; 0 means 4096.
	FeedKept int
	// Heartbeat is the longest silence of the feed; 0 means 15 s.
	Heartbeat time.Duration
	// ReadyEvery is the time between looks at Ready for the health service; 0
	// means 500 ms.
	ReadyEvery time.Duration
	// Patience is how long a connection may take to say what it wants: the
	// handshake of gRPC and the header of an HTTP request; 0 means 10 s.
	Patience time.Duration
	// StopWithin bounds how long a stop waits for calls in flight; 0 means 5 s.
	StopWithin time.Duration
	// Rehearsals keeps rehearsals; nil: none are kept.
	Rehearsals Shelf
	// CAP says how messages of the Common Alerting Protocol are served.
	CAP CAP
	// PackTemplates are the sentences of briefing packs; nil: those shipped.
	PackTemplates *pack.Templates
}

// A Basin is one river system and the engine that follows it.
type Basin struct {
	ID     string
	Engine Engine
	// Commands takes what people on duty do; nil: nothing is taken.
	Commands CommandLog
	// Explain says why warnings were given; nil: nobody can.
	Explain Explainer
	// Past gives the engine as it was; nil: nobody can.
	Past Past
}

// A Past gives a basin's engine as it was.
type Past interface {
	// EngineAt returns an engine of the caller's own that stands where the basin's
	// stood right after the last tick at or before an instant. One that engine time
	// has not reached is hydro.ErrConflict; one before the first tick, or that the
	// log does not reach back to any more, hydro.ErrNotFound.
	EngineAt(ctx context.Context, at time.Time) (*engine.Engine, error)
}

// An Engine lends the state machine of a basin for a query. The function must
// be quick, must not keep the engine and must not change it.
type Engine interface {
	Query(f func(*engine.Engine))
}

// A Feed reads out-logs. *journal.Journal is one.
type Feed interface {
	// Outputs yields the records of a basin's out-log behind the sequence number
	// after, of the given kinds (all if none), ascending, and then follows the
	// log until ctx is done.
	Outputs(ctx context.Context, basin string, after uint64, kinds ...string) iter.Seq2[journal.Record, error]
	// Page returns up to n records that follow the sequence number after, without
	// waiting for more.
	Page(ctx context.Context, basin string, after uint64, n int, kinds ...string) ([]journal.Record, error)
	// LastOf returns the sequence number of the last record of the given kinds, or 0.
	LastOf(ctx context.Context, basin string, kinds ...string) (uint64, error)
	// FirstOutput returns the sequence number of the oldest record that a basin's
	// out-log still holds, or will hold if it is empty.
	FirstOutput(ctx context.Context, basin string) (uint64, error)
	// LastOutput returns the end of a basin's out-log.
	LastOutput(ctx context.Context, basin string) (journal.Position, error)
	// LastOutputOf returns the sequence number of the newest record of a kind on a
	// basin's out-log, 0 if it holds none.
	LastOutputOf(ctx context.Context, basin, kind string) (uint64, error)
	// Identity returns text that differs from that of any other log of the
	// basin, here or elsewhere, for as long as the log exists.
	Identity(ctx context.Context, basin string) (string, error)
}

// A Clock is engine time.
type Clock interface {
	// Now returns engine time; zero before the first tick.
	Now() time.Time
	// Driven reports whether engine time moves only by Advance.
	Driven() bool
	// Advance moves engine time of all basins and returns when the engines have
	// applied the tick. Going back is hydro.ErrInvalid; the present time changes
	// nothing.
	Advance(ctx context.Context, to time.Time) error
}

func (o *Options) validate() error {
	missing := func(name string, absent bool) error {
		if absent {
			return fmt.Errorf("server: option %s is missing: %w", name, hydro.ErrInvalid)
		}
		return nil
	}
	errs := []error{
		missing("Catalog", o.Catalog == nil), missing("Basins", len(o.Basins) == 0), missing("Feed", o.Feed == nil),
		missing("Store", o.Store == nil), missing("Clock", o.Clock == nil), missing("Ready", o.Ready == nil),
		missing("Ingest", o.Ingest == nil), missing("Registerer", o.Registerer == nil), missing("Gatherer", o.Gatherer == nil),
		missing("Logger", o.Logger == nil),
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{
		{"Heartbeat", &o.Heartbeat, 15 * time.Second},
		{"ReadyEvery", &o.ReadyEvery, 500 * time.Millisecond},
		{"StopWithin", &o.StopWithin, 5 * time.Second},
		{"Patience", &o.Patience, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.zero
		}
		if *d.value < 0 {
			errs = append(errs, fmt.Errorf("server: option %s is negative: %w", d.name, hydro.ErrInvalid))
		}
	}
	o.MaxMessage, o.MaxConnections = cmp.Or(o.MaxMessage, 4<<20), cmp.Or(o.MaxConnections, 10_000)
	if o.FeedKept = cmp.Or(o.FeedKept, 4096); o.FeedKept < 0 {
		errs = append(errs, fmt.Errorf("server: option FeedKept is negative: %w", hydro.ErrInvalid))
	}
	if o.MaxMessage < 0 || o.MaxConnections < 0 {
		errs = append(errs, fmt.Errorf("server: option MaxMessage or MaxConnections is negative: %w", hydro.ErrInvalid))
	}
	return errors.Join(errs...)
}

// A Server answers gateways, officers, briefings and operators.
type Server struct {
	freshetv1.UnimplementedStationServiceServer
	freshetv1.UnimplementedForecastServiceServer
	freshetv1.UnimplementedWarningServiceServer
	freshetv1.UnimplementedClockServiceServer
	freshetv1.UnimplementedDutyServiceServer
	freshetv1.UnimplementedCalloutServiceServer
	freshetv1.UnimplementedPlanServiceServer
	freshetv1.UnimplementedBriefingServiceServer
	freshetv1.UnimplementedSeasonServiceServer
	freshetv1.UnimplementedRecordServiceServer

	opts      Options
	room      *rehearsalRoom
	seasons   *seasonBook
	basins    map[string]Basin
	basinIDs  []string // ascending
	metrics   *metrics
	validator protovalidate.Validator
	tail      *tail
	guard     *guard // nil: everybody may do everything
	grpc      *grpc.Server
	health    *health.Server
	handler   http.Handler
	loop      *bufconn.Listener // REST's way to the gRPC services
	loopConn  *grpc.ClientConn
	closing   context.Context // done when streams must end
	stop      context.CancelCauseFunc
}

// New returns a server that serves once Serve is called. Close one that is
// never served.
func New(opts Options) (*Server, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	validator, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("server: compile the rules of the contract: %w", err)
	}
	opts.Logger = opts.Logger.With("component", "server")
	s := &Server{opts: opts, room: newRehearsalRoom(), seasons: newSeasonBook(opts.Basins), basins: map[string]Basin{}, validator: validator, health: health.NewServer(), loop: bufconn.Listen(1 << 20)}
	for _, b := range opts.Basins {
		if _, twice := s.basins[b.ID]; twice || b.Engine == nil || b.ID == "" {
			return nil, fmt.Errorf("server: basin %q: named twice, or without id or engine: %w", b.ID, hydro.ErrInvalid)
		}
		s.basins[b.ID] = b
		s.basinIDs = append(s.basinIDs, b.ID)
	}
	slices.Sort(s.basinIDs)
	s.closing, s.stop = context.WithCancelCause(context.Background())
	s.metrics = newMetrics(opts.Registerer, s)
	s.tail = newTail(s)
	if opts.Auth != nil {
		if s.guard, err = newGuard(*opts.Auth, opts.Registerer, opts.Logger); err != nil {
			return nil, err
		}
	}

	s.grpc = grpc.NewServer(s.serverOptions()...)
	freshetv1.RegisterIngestServiceServer(s.grpc, opts.Ingest)
	freshetv1.RegisterStationServiceServer(s.grpc, s)
	freshetv1.RegisterForecastServiceServer(s.grpc, s)
	freshetv1.RegisterWarningServiceServer(s.grpc, s)
	freshetv1.RegisterClockServiceServer(s.grpc, s)
	freshetv1.RegisterCapServiceServer(s.grpc, &capServer{s: s})
	freshetv1.RegisterDutyServiceServer(s.grpc, s)
	freshetv1.RegisterCalloutServiceServer(s.grpc, s)
	freshetv1.RegisterPlanServiceServer(s.grpc, s)
	freshetv1.RegisterBriefingServiceServer(s.grpc, s)
	freshetv1.RegisterSeasonServiceServer(s.grpc, s)
	freshetv1.RegisterRecordServiceServer(s.grpc, s)
	healthv1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.setHealth(false)
	s.metrics.calls.InitializeMetrics(s.grpc)

	if s.handler, err = s.newHandler(); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler returns the HTTP side: REST, feed, metrics, health. Its calls reach
// the services only while Serve runs.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers gRPC on grpcListener and HTTP on httpListener until ctx is done
// or a listener fails. It closes both. A stop is announced by the health
// service, ends the streams with UNAVAILABLE and waits at most StopWithin for
// calls in flight. Serve can be called once.
func (s *Server) Serve(ctx context.Context, grpcListener, httpListener net.Listener) error {
	web := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.opts.Patience,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute, // the event feed extends its own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(webLog{s.guard, slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn), rate.NewLimiter(1, 20)}, "", 0),
	}
	grpcListener = netutil.LimitListener(grpcListener, s.opts.MaxConnections)
	httpListener = netutil.LimitListener(httpListener, s.opts.MaxConnections)
	serveWeb := web.Serve
	if s.opts.TLS != nil {
		web.TLSConfig = s.opts.TLS.Config("h2", "http/1.1")
		serveWeb = func(l net.Listener) error { return web.ServeTLS(l, "", "") }
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return describe("gRPC", s.grpc.Serve(grpcListener)) })
	g.Go(func() error { return describe("loop", s.grpc.Serve(loopListener{s.loop})) })
	g.Go(func() error {
		if err := serveWeb(httpListener); !errors.Is(err, http.ErrServerClosed) {
			return describe("HTTP", err)
		}
		return nil
	})
	g.Go(func() error { s.followReady(ctx); return nil })
	g.Go(func() error { s.tail.run(ctx); return nil })
	if s.guard != nil {
		g.Go(func() error { s.guard.run(ctx); return nil })
	}
	g.Go(func() error {
		<-ctx.Done()
		s.health.Shutdown()
		s.stop(errClosing)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.StopWithin)
		defer cancel()
		if err := web.Shutdown(bounded); err != nil {
			_ = web.Close()
		}
		_ = s.loopConn.Close()
		stopGRPC(bounded, s.grpc)
		return nil
	})
	return g.Wait()
}

// Close frees a server that was not served. After Serve it does nothing.
func (s *Server) Close() error {
	s.stop(errClosing)
	_ = s.loopConn.Close() // closed before: no matter
	s.grpc.Stop()
	return nil
}

func describe(what string, err error) error {
	if err == nil || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", what, err)
}

// stopGRPC lets calls in flight end and breaks them off when ctx is done.
func stopGRPC(ctx context.Context, srv *grpc.Server) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.GracefulStop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		srv.Stop()
		<-done
	}
}

// followReady keeps the health service equal to Ready.
func (s *Server) followReady(ctx context.Context) {
	ticker := time.NewTicker(s.opts.ReadyEvery)
	defer ticker.Stop()
	was := false
	for {
		if ready := s.opts.Ready() == nil; ready != was {
			s.setHealth(ready)
			s.opts.Logger.InfoContext(ctx, "readiness changed", "ready", ready)
			was = ready
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) setHealth(ready bool) {
	st := healthv1.HealthCheckResponse_NOT_SERVING
	if ready {
		st = healthv1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", st)
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, st)
	}
}
