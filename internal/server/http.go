package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"freshet/internal/hydro"
	"freshet/proto"
	freshetv1 "freshet/proto/freshet/v1"
)

// newHandler builds the HTTP side. REST calls travel through the gRPC server in
// memory, so that they meet the same interceptors as any other call.
func (s *Server) newHandler() (http.Handler, error) {
	dial := []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.loop.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64 << 20)),
	}
	if s.guard != nil {
		dial = append(dial, grpc.WithUnaryInterceptor(s.guard.handles.unary))
	}
	conn, err := grpc.NewClient("passthrough:///freshet", dial...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.loopConn = conn
	rest := runtime.NewServeMux()
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		freshetv1.RegisterStationServiceHandler, freshetv1.RegisterForecastServiceHandler, freshetv1.RegisterWarningServiceHandler,
		freshetv1.RegisterIngestServiceHandler, freshetv1.RegisterDutyServiceHandler,
	} {
		if err := register(s.closing, rest, conn); err != nil {
			return nil, fmt.Errorf("server: REST: %w", err)
		}
	}
	mux := http.NewServeMux()
	// guarded asks for a credential, and for a role if r says which.
	guarded := func(pattern string, r *rule, h http.Handler) {
		if s.guard != nil && (r == nil || !r.open) {
			h = s.guard.web(r, h)
		}
		mux.Handle(pattern, h)
	}
	metrics := webMetrics
	metrics.open = s.opts.Auth != nil && s.opts.Auth.OpenMetrics
	guarded("/v1/", nil, http.MaxBytesHandler(rest, int64(s.opts.MaxMessage)))
	guarded("GET /v1/warnings/feed", &webFeed, http.HandlerFunc(s.serveEvents))
	guarded("GET /openapi.json", &webPages, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(proto.OpenAPI) // the client has gone: nobody to tell
	}))
	guarded("GET /metrics", &metrics, promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{Registry: s.opts.Registerer}))
	guarded("GET /{$}", &webPages, http.HandlerFunc(s.serveIndex))
	// Probes have no token.
	open := ""
	if s.opts.Insecure != "" {
		open = "INSECURE: " + s.opts.Insecure + "\n"
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive\n"+open) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.opts.Ready(); err != nil {
			plain(w, http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n"+open)
			return
		}
		plain(w, http.StatusOK, "ready\n"+open)
	})
	return mux, nil
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // the client has gone: nobody to tell
}

// eventRetry is what a browser waits before it connects again.
const eventRetry = 2 * time.Second

// serveEvents gives the alert feed as server-sent events. Each event's id is the
// resume token, so that a browser resumes by itself with Last-Event-ID. Query
// parameters: basin (may repeat), from_start=true, resume_token.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	req := &freshetv1.WatchWarningsRequest{
		Basins:      r.URL.Query()["basin"],
		ResumeToken: r.Header.Get("Last-Event-ID"),
		FromStart:   r.URL.Query().Get("from_start") == "true",
	}
	if req.GetResumeToken() == "" {
		req.ResumeToken = r.URL.Query().Get("resume_token")
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.closing, func() { cancel(context.Cause(s.closing)) })()
	if c := callerOf(ctx); c != nil {
		watched, end, err := c.stream(ctx, r.Pattern, &webFeed)
		if err != nil {
			webError(w, err)
			return
		}
		defer end()
		ctx = watched
	}

	started := false
	out := http.NewResponseController(w)
	marshal := protojson.MarshalOptions{EmitUnpopulated: true}
	err := s.watch(ctx, req, func(resp *freshetv1.WatchWarningsResponse) error {
		data, err := marshal.Marshal(resp)
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
		// The server's write timeout is for answers that end. Clearing it is
		// right: a reader who is gone is found by the next heartbeat.
		if err := out.SetWriteDeadline(time.Time{}); err != nil {
			return fmt.Errorf("event: %w", err)
		}
		if !started {
			started = true
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Accel-Buffering", "no") // proxies must not hold warnings back
			if _, err := fmt.Fprintf(w, "retry: %d\n\n", eventRetry.Milliseconds()); err != nil {
				return fmt.Errorf("event: %w", err)
			}
		}
		event := "heartbeat"
		if resp.GetWarning() != nil {
			event = "warning"
		}
		if _, err := fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", resp.GetResumeToken(), event, data); err != nil {
			return fmt.Errorf("event: %w", err)
		}
		return out.Flush()
	})
	if started || err == nil || errors.Is(err, context.Canceled) {
		return // what is wrong now, the client learns when it connects again
	}
	st, _ := status.FromError(StatusError(err))
	if errors.Is(err, hydro.ErrUnavailable) {
		w.Header().Set("Retry-After", "2")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(runtime.HTTPStatusFromCode(st.Code()))
	_ = json.NewEncoder(w).Encode(map[string]any{"code": st.Code(), "message": st.Message()}) // the client has gone: nobody to tell
}
