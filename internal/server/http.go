package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	"freshet/proto"
	freshetv1 "freshet/proto/freshet/v1"
)

// newHandler builds the HTTP side. REST calls travel through the gRPC server in
// memory, so that they meet the same interceptors as any other call.
func (s *Server) newHandler() (http.Handler, error) {
	dial := []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.loop.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// Answers are of this process: that of one of thousands of stations is as large as it is.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
	}
	if s.guard != nil {
		dial = append(dial, grpc.WithUnaryInterceptor(s.guard.handles.unary), grpc.WithStreamInterceptor(s.guard.handles.stream))
	}
	conn, err := grpc.NewClient("passthrough:///freshet", dial...)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.loopConn = conn
	rest := runtime.NewServeMux()
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		freshetv1.RegisterStationServiceHandler, freshetv1.RegisterForecastServiceHandler, freshetv1.RegisterWarningServiceHandler,
		freshetv1.RegisterIngestServiceHandler, freshetv1.RegisterCapServiceHandler, freshetv1.RegisterDutyServiceHandler,
		freshetv1.RegisterCalloutServiceHandler, freshetv1.RegisterPlanServiceHandler, freshetv1.RegisterBriefingServiceHandler,
		freshetv1.RegisterSeasonServiceHandler,
	} {
		if err := register(s.closing, rest, conn); err != nil {
			return nil, fmt.Errorf("server: REST: %w", err)
		}
	}
	mux := http.NewServeMux()
	// guarded asks for a credential, and for a role if r says which.
	guarded := func(pattern string, r *rule, h http.Handler) {
		if s.guard != nil && (r == nil || !r.open) {
			h = s.web(r, h)
		}
		mux.Handle(pattern, h)
	}
	briefings := rules[freshetv1.BriefingService_GetSituation_FullMethodName]
	for _, k := range packKinds {
		guarded("GET /v1/briefings/"+k.name, &briefings, s.servePack(k.name, k.content, k.write))
	}
	metrics := webMetrics
	metrics.open = s.opts.Auth != nil && s.opts.Auth.OpenMetrics
	bounded := http.MaxBytesHandler(rest, int64(s.opts.MaxMessage))
	guarded("/v1/", nil, bounded)
	guarded("POST /v1/rehearsals/search", nil, lasting(bounded))
	guarded("GET /v1/forecasts/{basin}/{file}", &webForecasts, http.HandlerFunc(s.serveForecast))
	guarded("GET /v1/forecasts/{basin}/{file}/st_forecast_f.csv", &webForecasts, http.HandlerFunc(s.serveSL323))
	guarded("GET /v1/warnings/feed", &webFeed, http.HandlerFunc(s.serveEvents))
	guarded("GET /v1/responses/sheet.html", &webSheet, http.HandlerFunc(s.serveSheet))
	guarded("GET /openapi.json", &webPages, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(proto.OpenAPI) // the client has gone: nobody to tell
	}))
	guarded("GET /metrics", &metrics, promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{Registry: s.opts.Registerer}))
	messages := webCAP
	messages.open = s.opts.CAP.Public
	guarded("GET /cap/feed.atom", &messages, http.HandlerFunc(s.serveAtom))
	guarded("GET /cap/{file}", &messages, http.HandlerFunc(s.serveMessage))
	guarded("GET /about", &webPages, http.HandlerFunc(s.serveIndex))
	if s.opts.Console != nil {
		mux.Handle("/", s.opts.Console) // it holds no data, and who signs in is nobody yet
	} else {
		guarded("GET /{$}", &webPages, http.HandlerFunc(s.serveIndex))
	}
	mux.HandleFunc("GET /auth/me", s.serveMe)
	mux.HandleFunc("POST /auth/login", s.serveLogin)
	if s.guard != nil && s.guard.OpenID != nil {
		mux.HandleFunc("GET /auth/openid", s.serveOpenID)
		mux.HandleFunc("GET /auth/openid/callback", s.serveOpenIDBack)
	}
	mux.HandleFunc("POST /auth/logout", s.serveLogout)
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
	return s.browsers(mux), nil
}

// lasting lets an answer take longer than the server's write timeout, for calls that
// bound themselves.
func lasting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
			plain(w, http.StatusInternalServerError, err.Error())
			return
		}
		h.ServeHTTP(w, r)
	})
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
// parameters: basin, department and kind (may repeat), min_stage,
// from_start=true, resume_token.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	req, err := feedRequest(r)
	if err != nil {
		webError(w, err)
		return
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

	out := &eventSink{w: w, out: http.NewResponseController(w)}
	err = s.watch(ctx, req, out)
	if out.started || err == nil || errors.Is(err, context.Canceled) {
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

// feedRequest reads the query of the event feed.
func feedRequest(r *http.Request) (*freshetv1.WatchWarningsRequest, error) {
	q := r.URL.Query()
	req := &freshetv1.WatchWarningsRequest{
		Basins:      q["basin"],
		ResumeToken: r.Header.Get("Last-Event-ID"),
		FromStart:   q.Get("from_start") == "true",
		Kinds:       q["kind"],
	}
	if req.GetResumeToken() == "" {
		req.ResumeToken = q.Get("resume_token")
	}
	for _, name := range q["department"] {
		d, err := hydro.ParseDepartment(name)
		if err != nil {
			return nil, StatusError(badField("department", err.Error()))
		}
		req.Departments = append(req.Departments, wire.FromDepartment(d))
	}
	if name := q.Get("min_stage"); name != "" {
		st, err := hydro.ParseStage(name)
		if err != nil {
			return nil, StatusError(badField("min_stage", err.Error()))
		}
		req.MinStage = wire.FromStage(st)
	}
	return req, nil
}
