package server

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"freshet/internal/auth"
	"freshet/internal/certs"
)

// REST calls reach the gRPC services over a connection in memory. Who makes them
// was found out on the HTTP side; the gRPC side must learn it, and from nobody
// else. So a call over that connection carries a handle, drawn for this call and
// good until it ends, and handles are looked at on that connection alone. What a
// client writes into its headers is neither.

// handleKey is the metadata that carries the handle. The HTTP side overwrites
// what came with the request.
const handleKey = "freshet-caller"

// A loopListener marks the connections in memory.
type loopListener struct{ *bufconn.Listener }

type loopConn struct{ net.Conn }

// Accept implements net.Listener.
func (l loopListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return loopConn{c}, nil
}

// loopInfo marks the calls on connections in memory.
type loopInfo struct{ credentials.CommonAuthInfo }

// AuthType implements credentials.AuthInfo.
func (loopInfo) AuthType() string { return "loop" }

// transport is TLS if the server has certificates, but not on connections in
// memory.
type transport struct {
	credentials.TransportCredentials
	guard *guard // hears of handshakes that fail; may be nil
}

func newTransport(source *certs.Source, g *guard) transport {
	if source == nil {
		return transport{insecure.NewCredentials(), g}
	}
	return transport{credentials.NewTLS(source.Config("h2")), g}
}

// ServerHandshake implements credentials.TransportCredentials.
func (t transport) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if _, ok := c.(loopConn); ok {
		return c, loopInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
	}
	conn, info, err := t.TransportCredentials.ServerHandshake(c)
	if err != nil && t.guard != nil {
		t.guard.handshakeFailed("gRPC", c.RemoteAddr().String(), err.Error())
	}
	return conn, info, err //nolint:wrapcheck // as gRPC knows it
}

// handshakeFailed counts a connection that came to nothing.
func (g *guard) handshakeFailed(what, address, text string) {
	_ = g.tell(context.Background(), &auth.Refusal{Reason: auth.BadHandshake, Text: text}, what, auth.Credential{}, hostOf(address)) // nobody to answer
}

// A webLog takes what net/http has to say: of handshakes that fail, the guard
// decides what is told, because strangers cause them; and in any case not more
// than a line a second.
type webLog struct {
	guard *guard // may be nil
	out   *log.Logger
	limit *rate.Limiter
}

// Write implements io.Writer.
func (l webLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if rest, ok := strings.CutPrefix(text, "http: TLS handshake error from "); ok && l.guard != nil {
		if address, why, ok := strings.Cut(rest, ": "); ok {
			l.guard.handshakeFailed("HTTP", address, why)
			return len(p), nil
		}
	}
	if l.limit.Allow() {
		l.out.Print(text)
	}
	return len(p), nil
}

// Clone implements credentials.TransportCredentials.
func (t transport) Clone() credentials.TransportCredentials {
	return transport{t.TransportCredentials.Clone(), t.guard}
}

// handles are the REST calls under way.
type handles struct{ m sync.Map } // string to *caller

// unary puts the caller of the HTTP side into the call.
func (h *handles) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, done := h.hand(ctx)
	defer done()
	return invoke(ctx, method, req, reply, cc, opts...)
}

// stream does so for a call that answers more than once, which ends with ctx.
func (h *handles) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	handed, done := h.hand(ctx)
	context.AfterFunc(ctx, done)
	return open(handed, desc, cc, method, opts...)
}

// hand returns ctx with a handle of its caller in the place of their credential.
// Done forgets the handle.
func (h *handles) hand(ctx context.Context) (handed context.Context, done func()) {
	md, _ := metadata.FromOutgoingContext(ctx)
	md = md.Copy()
	md.Delete(handleKey)
	for _, shown := range []string{"authorization", "grpcgateway-authorization", "grpcgateway-cookie"} {
		md.Delete(shown)
	}
	done = func() {}
	if c := callerOf(ctx); c != nil {
		handle := rand.Text()
		h.m.Store(handle, c)
		done = func() { h.m.Delete(handle) }
		md.Set(handleKey, handle)
	}
	return metadata.NewOutgoingContext(ctx, md), done
}

func (h *handles) find(ctx context.Context) *caller {
	v := metadata.ValueFromIncomingContext(ctx, handleKey)
	if len(v) != 1 {
		return nil
	}
	c, _ := h.m.Load(v[0])
	found, _ := c.(*caller)
	return found
}

// callerOnWire returns who makes a gRPC call.
func (g *guard) callerOnWire(ctx context.Context, method string) (*caller, error) {
	p, _ := peer.FromContext(ctx)
	if p == nil {
		p = &peer.Peer{Addr: &net.UnixAddr{Name: "nowhere"}}
	}
	var certificate *x509.Certificate
	switch info := p.AuthInfo.(type) {
	case loopInfo:
		if c := g.handles.find(ctx); c != nil {
			return c, nil
		}
		return g.identify(ctx, auth.Credential{}, nil, method, "loop")
	case credentials.TLSInfo:
		if len(info.State.VerifiedChains) > 0 {
			certificate = info.State.PeerCertificates[0]
		}
	}
	cred, no := auth.Show(bearer(metadata.ValueFromIncomingContext(ctx, "authorization")), certificate)
	return g.identify(ctx, cred, no, method, hostOf(p.Addr.String()))
}

// bearer returns the token of Authorization headers. What is there but is no
// bearer token comes back as it is, to be refused: it must not pass for nothing.
func bearer(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	if len(headers) > 1 {
		return "more than one"
	}
	scheme, token, ok := strings.Cut(headers[0], " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return "not a bearer token"
	}
	return strings.TrimSpace(token)
}

// web lets HTTP requests in, or not. What stands behind a nil rule finds out
// itself who may do what: REST calls, on the gRPC side.
func (s *Server) web(r *rule, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		cred, no := s.shown(req)
		c, err := s.guard.identify(req.Context(), cred, no, req.Pattern, hostOf(req.RemoteAddr))
		if err == nil && r != nil {
			err = c.permit(req.Context(), req.Pattern, r, nil)
		}
		if err != nil {
			webError(w, err)
			return
		}
		next.ServeHTTP(w, req.WithContext(withCaller(req.Context(), c)))
	})
}

// webError answers as REST calls do.
func webError(w http.ResponseWriter, err error) {
	st, _ := status.FromError(err)
	code := runtime.HTTPStatusFromCode(st.Code())
	if code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="freshet"`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": st.Code(), "message": st.Message(), "details": []any{}}) // the client has gone: nobody to tell
}
