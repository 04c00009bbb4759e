package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/internal/auth"
	"freshet/internal/hydro"
	"freshet/internal/openid"
)

// Auth says how callers are known and held in bounds. A Server without it lets
// everybody do everything, and must then be reached by nobody else.
type Auth struct {
	// Book knows the callers. Required.
	Book *auth.Book
	// Now is the wall clock. Required.
	Now func() time.Time
	// Sessions are those who have signed in; nil: none yet.
	Sessions *auth.Sessions
	// OpenID is the provider that may be asked who somebody is; nil: none.
	OpenID *openid.Provider
	// Refused is told of what was refused, throttled as the log is; nil: nobody.
	Refused func(auth.Event)
	// Recheck is the time between looks at the book and at who has a stream open; 0
	// means 1 s. A credential that ends stops working within twice that.
	Recheck time.Duration
	// OpenMetrics leaves /metrics open to everybody who reaches the HTTP listener.
	OpenMetrics bool
	// Limits bound each principal.
	Limits Limits
}

// Limits bound what one principal may do. Zero values are the defaults.
type Limits struct {
	Calls   float64 // calls and new streams in a second, with bursts of four seconds' worth; 0 means 50
	Streams int     // streams open at the same time; 0 means 16
	Frames  float64 // messages in a second on all its streams, which are slowed and not refused; 0 means 500
}

func (l Limits) orDefault() Limits {
	if l.Calls <= 0 {
		l.Calls = 50
	}
	if l.Streams <= 0 {
		l.Streams = 16
	}
	if l.Frames <= 0 {
		l.Frames = 500
	}
	return l
}

const (
	// Attempts that fail, from one address: that many at once and then one in
	// failureEvery are looked into, logged and recorded; more are only counted. Good
	// credentials from the same address always pass.
	failuresAtOnce = 20
	failureEvery   = 10 * time.Second
	// maxHosts bounds the addresses that failures are counted for.
	maxHosts = 4096
)

// A guard lets callers in, or not.
type guard struct {
	Auth
	logger  *slog.Logger
	refused map[auth.Reason]prometheus.Counter
	streams prometheus.Gauge
	bookOK  prometheus.Gauge
	handles handles // of REST calls

	mu       sync.Mutex
	open     map[*openStream]struct{}
	bounds   map[string]*bounds   // by the credential's name: there are no more than the book has
	failures map[string]*failures // by address or, of IPv6, by network
	bookErr  string               // told already
}

type bounds struct {
	calls, frames *rate.Limiter
	streams       int // guarded by guard.mu
}

type failures struct {
	limit  *rate.Limiter
	untold int // since the last one that was told
}

// A caller is somebody who was let in, for one call.
type caller struct {
	guard  *guard
	cred   auth.Credential
	host   string
	bounds *bounds
	who    atomic.Pointer[auth.Principal] // changes with the book while a stream is open
}

type openStream struct {
	*caller
	method string
	rule   *rule
	cancel context.CancelCauseFunc
}

func newGuard(a Auth, r prometheus.Registerer, logger *slog.Logger) (*guard, error) {
	if a.Book == nil || a.Now == nil {
		return nil, fmt.Errorf("server: option Auth needs a book and a clock: %w", hydro.ErrInvalid)
	}
	if a.Recheck <= 0 {
		a.Recheck = time.Second
	}
	if a.Sessions == nil {
		a.Sessions = auth.NewSessions(a.Book, nil, a.Now, auth.SessionBounds{})
	}
	a.Limits = a.Limits.orDefault()
	f := promauto.With(r)
	g := &guard{
		Auth: a, logger: logger, refused: map[auth.Reason]prometheus.Counter{},
		open: map[*openStream]struct{}{}, bounds: map[string]*bounds{}, failures: map[string]*failures{},
		streams: f.NewGauge(prometheus.GaugeOpts{Name: "freshet_auth_streams", Help: "Streams that are open and whose callers are looked at again and again."}),
		bookOK:  f.NewGauge(prometheus.GaugeOpts{Name: "freshet_auth_file_good", Help: "1 if the file of credentials could be read when it last changed."}),
	}
	g.bookOK.Set(1)
	refused := f.NewCounterVec(prometheus.CounterOpts{
		Name: "freshet_auth_refused_total", Help: "Calls, streams and readings refused to a caller, by reason.",
	}, []string{"reason"})
	for _, reason := range auth.Reasons {
		g.refused[reason] = refused.WithLabelValues(string(reason))
	}
	return g, nil
}

// run keeps the book fresh and ends the streams of those who may no longer have
// them.
func (g *guard) run(ctx context.Context) {
	t := time.NewTicker(g.Recheck)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.refresh(ctx)
			g.Sessions.Sweep()
			g.recheck(ctx)
		}
	}
}

func (g *guard) refresh(ctx context.Context) {
	changed, err := g.Book.Refresh()
	if peopleChanged, wrong := g.Sessions.Refresh(); peopleChanged || wrong != nil {
		changed, err = changed || peopleChanged, errors.Join(err, wrong)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.bookOK.Set(0)
		if err.Error() != g.bookErr {
			g.bookErr = err.Error()
			g.logger.ErrorContext(ctx, "the file of credentials cannot be read; those read before stay good", "err", err)
		}
		return
	}
	g.bookErr = ""
	g.bookOK.Set(1)
	if changed {
		g.logger.InfoContext(ctx, "read the file of credentials again")
	}
}

// recheck looks at everybody who has a stream open.
func (g *guard) recheck(ctx context.Context) {
	g.mu.Lock()
	streams := make([]*openStream, 0, len(g.open))
	for s := range g.open {
		streams = append(streams, s)
	}
	g.mu.Unlock()
	for _, s := range streams {
		who, no := g.Sessions.Check(s.cred)
		if no == nil && !s.rule.allows(who, nil) {
			no = notPermitted(who, s.method)
		}
		if no != nil {
			s.cancel(refusalStatus(no))
			_ = g.tell(ctx, no, s.method, s.cred, s.host) // the cause is told already
			continue
		}
		s.who.Store(who)
	}
}

// identify returns who shows that credential, and holds failed attempts in
// bounds.
func (g *guard) identify(ctx context.Context, cred auth.Credential, shown *auth.Refusal, method, host string) (*caller, error) {
	who, no := (*auth.Principal)(nil), shown
	if no == nil {
		who, no = g.Sessions.Check(cred)
	}
	if no != nil {
		return nil, refusalStatus(g.tell(ctx, no, method, cred, host))
	}
	c := &caller{guard: g, cred: cred, host: host, bounds: g.boundsOf(cred.Name())}
	c.who.Store(who)
	return c, nil
}

func (g *guard) boundsOf(name string) *bounds {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.bounds[name]
	if !ok {
		l := g.Limits
		b = &bounds{calls: rate.NewLimiter(rate.Limit(l.Calls), int(4*l.Calls)+1), frames: rate.NewLimiter(rate.Limit(l.Frames), int(l.Frames)+1)}
		g.bounds[name] = b
	}
	return b
}

// permit lets c make a call, or not.
func (c *caller) permit(ctx context.Context, method string, r *rule, req any) error {
	g, who := c.guard, c.who.Load()
	if !r.allows(who, req) {
		return refusalStatus(g.tell(ctx, notPermitted(who, method), method, c.cred, c.host))
	}
	if !c.bounds.calls.AllowN(g.Now(), 1) {
		return c.tooMany(ctx, method, fmt.Sprintf("more than %g calls in a second: come again more slowly", g.Limits.Calls))
	}
	if m, ok := req.(proto.Message); ok && !r.large && proto.Size(m) > smallRequest {
		return c.tooMany(ctx, method, fmt.Sprintf("the request is larger than %d bytes", smallRequest))
	}
	return nil
}

func (c *caller) tooMany(ctx context.Context, method, text string) error {
	no := &auth.Refusal{Reason: auth.TooMany, Text: text}
	return refusalStatus(c.guard.tell(ctx, no, method, c.cred, c.host))
}

// refusedReadings counts readings of stations that c may not write.
func (c *caller) refusedReadings(ctx context.Context, method string, n int) {
	c.guard.refused[auth.NotItsStation].Add(float64(n - 1))
	no := &auth.Refusal{Reason: auth.NotItsStation, Text: fmt.Sprintf("%d readings of stations that the gateway may not write", n)}
	_ = c.guard.tell(ctx, no, method, c.cred, c.host) // the readings come back one by one
}

// notItsStation refuses a call about a station that c may not write.
func (c *caller) notItsStation(ctx context.Context, which string) error {
	no := &auth.Refusal{Reason: auth.NotItsStation, Text: fmt.Sprintf("%s may not write the station %s", c.who.Load(), which)}
	return refusalStatus(c.guard.tell(ctx, no, "IngestService", c.cred, c.host))
}

// stream registers a stream of c until end is called. Its context ends when c
// may no longer have it.
func (c *caller) stream(ctx context.Context, method string, r *rule) (_ context.Context, end func(), err error) {
	g := c.guard
	ctx, cancel := context.WithCancelCause(ctx)
	s := &openStream{caller: c, method: method, rule: r, cancel: cancel}
	g.mu.Lock()
	full := c.bounds.streams >= g.Limits.Streams
	if !full {
		c.bounds.streams++
		g.open[s] = struct{}{}
		g.streams.Set(float64(len(g.open)))
	}
	g.mu.Unlock()
	if full {
		cancel(nil)
		return nil, nil, c.tooMany(ctx, method, fmt.Sprintf("%d streams are open: close one first", g.Limits.Streams))
	}
	return ctx, func() {
		cancel(nil)
		g.mu.Lock()
		defer g.mu.Unlock()
		c.bounds.streams--
		delete(g.open, s)
		g.streams.Set(float64(len(g.open)))
	}, nil
}

// tell counts a refusal, and logs and records it unless the same address has had
// too many of late: then the refusal to answer with says so.
func (g *guard) tell(ctx context.Context, no *auth.Refusal, method string, cred auth.Credential, host string) *auth.Refusal {
	g.refused[no.Reason].Inc()
	now := g.Now()
	g.mu.Lock()
	from := network(host)
	f, ok := g.failures[from]
	if !ok {
		if len(g.failures) >= maxHosts {
			clear(g.failures)
		}
		f = &failures{limit: rate.NewLimiter(rate.Every(failureEvery), failuresAtOnce)}
		g.failures[from] = f
	}
	if !f.limit.AllowN(now, 1) {
		f.untold++
		g.mu.Unlock()
		if credentialWrong(no.Reason) {
			return &auth.Refusal{Reason: auth.TooMany, Text: "too many failed attempts from this address: come again in a minute"}
		}
		return no
	}
	untold := f.untold
	f.untold = 0
	g.mu.Unlock()
	e := auth.Event{At: now, Reason: no.Reason, Method: method, Who: cred.Name(), Address: host, Text: no.Text, Untold: untold}
	g.logger.WarnContext(ctx, "refused", slog.String("reason", string(e.Reason)), slog.String("method", e.Method),
		slog.String("who", e.Who), slog.String("address", e.Address), slog.String("text", e.Text), slog.Int("untold", untold))
	if g.Refused != nil {
		g.Refused(e)
	}
	return no
}

func credentialWrong(r auth.Reason) bool {
	return !slices.Contains([]auth.Reason{auth.NotPermitted, auth.NotItsStation, auth.TooMany, auth.CrossSite}, r)
}

func notPermitted(who *auth.Principal, method string) *auth.Refusal {
	return &auth.Refusal{Reason: auth.NotPermitted, Text: fmt.Sprintf("%s may not call %s: see docs/security.md for who may", who, method)}
}

// refusalStatus is what a client is told.
func refusalStatus(no *auth.Refusal) error {
	code := codes.Unauthenticated
	switch no.Reason {
	case auth.NotPermitted, auth.NotItsStation, auth.CrossSite:
		code = codes.PermissionDenied
	case auth.TooMany:
		code = codes.ResourceExhausted
	default:
	}
	return status.Error(code, no.Text)
}

type callerKey struct{}

func withCaller(ctx context.Context, c *caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerOf returns who makes the call, or nil if nobody is asked who they are.
func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// admit lets a call in, or not. The caller is nil if the call is open to
// everybody.
func (g *guard) admit(ctx context.Context, method string, req any) (*caller, *rule, error) {
	r, ok := rules[method]
	if ok && r.open {
		return nil, &r, nil
	}
	c, err := g.callerOnWire(ctx, method)
	if err != nil {
		return nil, nil, err
	}
	return c, &r, c.permit(ctx, method, &r, req) // a method without a rule permits nobody
}

func (g *guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c, _, err := g.admit(ctx, info.FullMethod, req)
	if err != nil {
		return nil, err
	}
	if c != nil {
		ctx = withCaller(ctx, c)
	}
	return handler(ctx, req)
}

func (g *guard) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	c, r, err := g.admit(ss.Context(), info.FullMethod, nil)
	if err != nil {
		return err
	}
	if c == nil {
		return handler(srv, ss)
	}
	ctx, end, err := c.stream(withCaller(ss.Context(), c), info.FullMethod, r)
	if err != nil {
		return err
	}
	defer end()
	err = handler(srv, guardedStream{stream{ss, ctx}, c})
	if _, refused := status.FromError(context.Cause(ctx)); ctx.Err() != nil && refused {
		return context.Cause(ctx)
	}
	return err
}

// A guardedStream hands on nothing once its caller may no longer have it.
type guardedStream struct {
	stream
	caller *caller
}

// RecvMsg implements grpc.ServerStream. It slows a caller who sends too fast.
func (s guardedStream) RecvMsg(m any) error {
	if err := s.stream.RecvMsg(m); err != nil {
		return err
	}
	if err := s.caller.bounds.frames.Wait(s.ctx); err != nil && s.ctx.Err() == nil {
		return status.Error(codes.ResourceExhausted, "the deadline is nearer than the next frame's turn")
	}
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return nil
}

// SendMsg implements grpc.ServerStream.
func (s guardedStream) SendMsg(m any) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return s.stream.SendMsg(m)
}

// network returns what failures are counted by: in IPv6 one machine has a whole
// network of addresses.
func network(host string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() && !a.Is4In6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return host
}

// hostOf returns the address of a peer without its port.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
