package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"freshet/internal/app"
	"freshet/internal/auth"
	"freshet/internal/certs"
	"freshet/internal/certs/certstest"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// ended returns how an open stream ends.
func ended(t *testing.T, recv func() error) codes.Code {
	t.Helper()
	for {
		if err := recv(); err != nil {
			return status.Code(err)
		}
	}
}

// openFrames opens a gateway's stream and sees it work.
func openFrames(t *testing.T, conn *grpc.ClientConn) grpc.BidiStreamingClient[freshetv1.StreamHydrologyRequest, freshetv1.StreamHydrologyResponse] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s, err := freshetv1.NewIngestServiceClient(conn).StreamHydrology(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&freshetv1.StreamHydrologyRequest{Gateway: "g", Sequence: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCredentialsThatEndStopOpenStreams(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	if err := client.NewClock(g.dial(admin), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	gateway := all(auth.Gateway, hydro.Hydrology)
	narrowed := gateway
	narrowed.Department = "weather"
	soon := noon.Add(time.Hour)
	for _, c := range []struct {
		name string
		in   func(*guarded) person
		end  func(*guarded, person)
		code codes.Code
	}{
		{
			"a token is revoked",
			func(g *guarded) person { return g.token(gateway, nil) },
			func(g *guarded, p person) {
				g.change(func(f *auth.File) error { return f.Revoke(p.id, g.wall.Now()) })
			},
			codes.Unauthenticated,
		},
		{
			"a token expires",
			func(g *guarded) person { return g.token(gateway, &soon) },
			func(g *guarded, _ person) { g.wall.move(time.Hour) },
			codes.Unauthenticated,
		},
		{
			"a token's role changes",
			func(g *guarded) person { return g.token(gateway, nil) },
			func(g *guarded, p person) {
				g.change(func(f *auth.File) error {
					for i := range f.Tokens {
						if f.Tokens[i].ID == p.id {
							f.Tokens[i].Grant = narrowed
						}
					}
					return nil
				})
			},
			codes.PermissionDenied,
		},
		{
			"a certificate is denied",
			func(g *guarded) person { return g.certificate("a", gateway, time.Time{}) },
			func(g *guarded, p person) {
				g.change(func(f *auth.File) error {
					f.Deny(auth.Fingerprint(p.pair.Leaf), "stolen", g.wall.Now())
					return nil
				})
			},
			codes.Unauthenticated,
		},
		{
			"a certificate is bound no longer",
			func(g *guarded) person { return g.certificate("b", gateway, time.Time{}) },
			func(g *guarded, _ person) {
				g.change(func(f *auth.File) error { return f.Revoke("freshet://hydrology/b", g.wall.Now()) })
			},
			codes.Unauthenticated,
		},
		{
			"a certificate expires",
			// TLS itself looks at the machine's clock: this one is good by that.
			func(g *guarded) person { return g.certificate("c", gateway, noon.AddDate(100, 0, 0)) },
			func(g *guarded, _ person) { g.wall.move(101 * 366 * 24 * time.Hour) },
			codes.Unauthenticated,
		},
		{
			"the file of credentials is taken away",
			func(g *guarded) person { return g.token(gateway, nil) },
			func(g *guarded, _ person) {
				if err := os.Remove(auth.PathIn(g.opts.Data)); err != nil {
					g.t.Fatal(err)
				}
			},
			codes.Unauthenticated,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.in(g)
			conn := g.dial(p)
			s := openFrames(t, conn)
			c.end(g, p)
			if code := ended(t, func() error { _, err := s.Recv(); return err }); code != c.code {
				t.Errorf("the open stream ended with %s, want %s", code, c.code)
			}
			again, err := freshetv1.NewIngestServiceClient(conn).StreamHydrology(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if code := ended(t, func() error { _, err := again.Recv(); return err }); code != c.code {
				t.Errorf("a new stream ended with %s, want %s", code, c.code)
			}
		})
	}
}

func TestAnOfficersFeedStopsWithTheToken(t *testing.T) {
	g := guard(t)
	officer := g.token(all(auth.Officer, 0), nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	feed, err := freshetv1.NewWarningServiceClient(g.dial(officer)).WatchWarnings(ctx, &freshetv1.WatchWarningsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Recv(); err != nil {
		t.Fatal(err)
	}
	events := g.rest(ctx, officer, http.MethodGet, "/v1/warnings/feed", "", nil)
	lines := bufio.NewReader(events.Body)
	if line, err := lines.ReadString('\n'); err != nil || events.StatusCode != http.StatusOK {
		t.Fatalf("%d %q %v", events.StatusCode, line, err)
	}
	g.change(func(f *auth.File) error { return f.Revoke(officer.id, g.wall.Now()) })
	if code := ended(t, func() error { _, err := feed.Recv(); return err }); code != codes.Unauthenticated {
		t.Errorf("the feed ended with %s", code)
	}
	if _, err := io.Copy(io.Discard, lines); err != nil { // until the server has closed it
		t.Errorf("the events ended with %v", err)
	}
	if code := g.status(officer, http.MethodGet, "/v1/warnings/feed", nil); code != http.StatusUnauthorized {
		t.Errorf("again: %d", code)
	}
}

// The promise is 5 s; the tests above wait for the condition, on a server that
// looks more often. By itself it looks every second.
func TestARunningServerLooksAtCredentialsWithinThePromise(t *testing.T) {
	g := guard(t, func(o *app.Options) { o.Recheck = 0 })
	officer := g.token(all(auth.Officer, 0), nil)
	feed, err := freshetv1.NewWarningServiceClient(g.dial(officer)).WatchWarnings(t.Context(), &freshetv1.WatchWarningsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := auth.Update(t.Context(), auth.PathIn(g.opts.Data), func(f *auth.File) error { return f.Revoke(officer.id, g.wall.Now()) }); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if code := ended(t, func() error { _, err := feed.Recv(); return err }); code != codes.Unauthenticated {
		t.Errorf("the feed ended with %s", code)
	}
	t.Logf("the stream ended %s after the revocation", time.Since(start).Round(time.Millisecond))
}

func TestADamagedFileOfCredentialsCutsNobodyOff(t *testing.T) {
	g := guard(t)
	officer := g.token(all(auth.Officer, 0), nil)
	if err := os.WriteFile(auth.PathIn(g.opts.Data), []byte(`{"version": 1, "tokens": [`), 0o600); err != nil {
		t.Fatal(err)
	}
	g.until("the damage to be told", func() bool { return strings.Contains(g.log.String(), "cannot be read") })
	if code := g.status(officer, http.MethodGet, "/v1/stages", nil); code != http.StatusOK {
		t.Errorf("%d", code)
	}
}

func TestRESTKnowsTheCallerAndCannotBeTold(t *testing.T) {
	g := guard(t)
	admin, officer := g.token(all(auth.Admin, 0), nil), g.token(all(auth.Officer, 0), nil)
	gateway, cert := g.token(all(auth.Gateway, hydro.Hydrology), nil), g.certificate("rest", all(auth.Gateway, hydro.WaterResources), time.Time{})
	nobody := person{name: "nobody"}
	for _, c := range []struct {
		p            person
		method, path string
		want         int
	}{
		{officer, "GET", "/v1/stages", 200},
		{gateway, "GET", "/v1/stages", 403},
		{cert, "GET", "/v1/stages", 403},
		{cert, "POST", "/v1/dispatch-plans", 400}, // allowed, but empty
		{gateway, "POST", "/v1/dispatch-plans", 403},
		{officer, "POST", "/v1/dispatch-plans", 403},
		{admin, "POST", "/v1/dispatch-plans", 400},
		{officer, "POST", "/v1/rehearsals/search", 503}, // a call that answers more than once: allowed, but nobody has moved the clock
		{gateway, "POST", "/v1/rehearsals/search", 403},
		{nobody, "POST", "/v1/rehearsals/search", 401},
		{nobody, "GET", "/v1/stages", 401},
		{nobody, "GET", "/v1/warnings/feed", 401},
		{gateway, "GET", "/v1/warnings/feed", 403},
		{nobody, "GET", "/v1/responses/sheet.html", 401},
		{gateway, "GET", "/v1/responses/sheet.html", 403},
		{nobody, "GET", "/openapi.json", 401},
		{nobody, "GET", "/", 200}, // the console's frame, which holds nothing and asks for a credential
		{nobody, "GET", "/about", 401},
		{gateway, "GET", "/openapi.json", 200},
		{nobody, "GET", "/healthz", 200},
		{nobody, "GET", "/readyz", 503},  // nobody has moved the driven clock; open all the same
		{nobody, "GET", "/metrics", 200}, // the listener is on loopback
	} {
		if c.path == "/readyz" && g.app.Ready() == nil {
			c.want = 200
		}
		g.wall.move(10 * time.Second)
		if got := g.status(c.p, c.method, c.path, nil); got != c.want {
			t.Errorf("%s: %s %s: %d, want %d", c.p.name, c.method, c.path, got, c.want)
		}
	}

	// What a client writes into headers makes it nobody else.
	for _, h := range []http.Header{
		{"Freshet-Caller": {admin.id}},
		{"Grpc-Metadata-Freshet-Caller": {admin.id}},
		{"Grpc-Metadata-Freshet-Caller": {"token " + admin.id, admin.id}},
		{"Grpc-Metadata-Authorization": {"Bearer " + admin.token}}, // not where tokens are looked for
		{"Authorization": {"Basic " + admin.token}},
		{"X-Forwarded-User": {"admin"}, "X-Forwarded-Client-Cert": {"URI=freshet://hydrology/rest"}},
	} {
		g.wall.move(time.Minute)
		if got := g.status(nobody, "GET", "/v1/stages", h); got != http.StatusUnauthorized {
			t.Errorf("nobody with %v: %d", h, got)
		}
		if h.Get("Authorization") != "" {
			continue // beside a token of one's own it is one header too many: below
		}
		if got := g.status(gateway, "GET", "/v1/stages", h); got != http.StatusForbidden {
			t.Errorf("a gateway with %v: %d", h, got)
		}
	}
	if got := g.status(gateway, "GET", "/v1/stages", http.Header{"Authorization": {"Bearer " + admin.token}}); got != http.StatusUnauthorized {
		t.Errorf("two tokens: %d", got)
	}
	// Nor does the metadata of a gRPC call, even with handles of calls under way.
	conn := g.dial(gateway)
	for _, value := range []string{admin.id, "token " + admin.id, admin.token} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "freshet-caller", value)
		if _, err := freshetv1.NewWarningServiceClient(conn).ListStages(ctx, &freshetv1.ListStagesRequest{}); status.Code(err) != codes.PermissionDenied {
			t.Errorf("a gateway that writes freshet-caller: %v", err)
		}
	}
	// And calls at the same time keep apart.
	var calls sync.WaitGroup
	for range 20 {
		for p, want := range map[*person]int{&officer: 200, &gateway: 403, &admin: 200} {
			calls.Go(func() {
				if got := g.status(*p, "GET", "/v1/stages", nil); got != want {
					t.Errorf("%s among others: %d, want %d", p.name, got, want)
				}
			})
		}
	}
	calls.Wait()
}

func TestMetricsBeyondLoopbackNeedARole(t *testing.T) {
	g := guard(t, func(o *app.Options) { o.HTTP, o.Auth = ":0", false }) // beyond loopback they are asked anyhow
	briefing, gateway := g.token(all(auth.Briefing, 0), nil), g.token(all(auth.Gateway, hydro.Weather), nil)
	for _, c := range []struct {
		p    person
		path string
		want int
	}{
		{person{}, "/metrics", 401},
		{gateway, "/metrics", 403},
		{briefing, "/metrics", 200},
		{person{}, "/healthz", 200},
		{person{}, "/v1/stages", 401},
	} {
		if got := g.status(c.p, "GET", c.path, nil); got != c.want {
			t.Errorf("%s: %s: %d, want %d", c.p.name, c.path, got, c.want)
		}
	}
}

func TestCallersAreHeldInBounds(t *testing.T) {
	g := guard(t, func(o *app.Options) { o.LimitCalls, o.LimitStreams, o.LimitMessage = 1, 2, 100_000 })
	officer := g.token(all(auth.Officer, 0), nil)
	conn := g.dial(officer)
	warnings := freshetv1.NewWarningServiceClient(conn)
	stages := func() codes.Code {
		_, err := warnings.ListStages(t.Context(), &freshetv1.ListStagesRequest{})
		return status.Code(err)
	}
	good := 0
	for stages() == codes.OK {
		if good++; good > 100 {
			t.Fatal("no end of calls")
		}
	}
	if code := stages(); good != 5 || code != codes.ResourceExhausted {
		t.Errorf("%d calls at once, then %s", good, code)
	}
	other := g.token(all(auth.Briefing, 0), nil)
	if code := g.status(other, "GET", "/v1/stages", nil); code != http.StatusOK {
		t.Errorf("another caller: %d", code)
	}
	g.wall.move(time.Second)
	if code := stages(); code != codes.OK {
		t.Errorf("a second later: %s", code)
	}

	g.wall.move(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	watch := func() (func() error, error) {
		s, err := warnings.WatchWarnings(ctx, &freshetv1.WatchWarningsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Recv()
		return func() error { _, err := s.Recv(); return err }, err
	}
	for i := range 3 {
		if _, err := watch(); (err == nil) != (i < 2) || err != nil && status.Code(err) != codes.ResourceExhausted {
			t.Errorf("stream %d: %v", i+1, err)
		}
	}

	g.wall.move(time.Minute)
	_, err := freshetv1.NewStationServiceClient(conn).GetLatest(t.Context(), &freshetv1.GetLatestRequest{Station: strings.Repeat("x", 200_000)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message beyond the limit: %v", err)
	}
	_, err = freshetv1.NewStationServiceClient(conn).GetLatest(t.Context(), &freshetv1.GetLatestRequest{Station: strings.Repeat("x", 70_000)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a question of 70 kB: %v", err)
	}
}

// A gateway that sends faster than it may is slowed, and loses nothing.
func TestFramesThatComeTooFastAreSlowedAndNotRefused(t *testing.T) {
	g := guard(t, func(o *app.Options) { o.LimitFrames = 4 })
	admin := g.token(all(auth.Admin, 0), nil)
	if err := client.NewClock(g.dial(admin), client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	s := openFrames(t, g.dial(g.token(all(auth.Gateway, hydro.Hydrology), nil)))
	const frames = 7 // five at once, then four in a second
	for i := uint64(2); i <= frames; i++ {
		if err := s.Send(&freshetv1.StreamHydrologyRequest{Sequence: i}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		a, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if a.GetAck().GetAckedSequence() == frames {
			break
		}
	}
	if took := time.Since(begin); took < 450*time.Millisecond { // no sooner, however fast the machine
		t.Errorf("%d frames took %s", frames, took)
	}
}

// Whatever anybody tries, right or wrong, at all doors. The look for secrets is
// keptSecrets, which every guarded server of these tests goes through at its end.
func TestNoSecretIsWrittenAnywhere(t *testing.T) {
	g := guard(t)
	people := g.everybody()
	for _, p := range people {
		g.wall.move(time.Minute)
		conn := g.dial(p)
		for _, m := range []string{freshetv1.StationService_GetLatest_FullMethodName, freshetv1.IngestService_SubmitDispatchPlan_FullMethodName, "/freshet.v1.No/No"} {
			call(t, conn, method{name: m}, &freshetv1.GetLatestRequest{Station: p.token})
		}
		for _, path := range []string{"/v1/stages", "/metrics", "/v1/stations/nowhere/latest", "/none"} {
			g.status(p, "GET", path, http.Header{"X-Token": {p.token}, "Grpc-Metadata-Token": {p.token}})
		}
		if p.token == "" {
			continue
		}
		broken := p
		broken.token = p.token[:len(p.token)-1] + "?"
		g.secret(broken.token)
		g.status(broken, "GET", "/v1/stages", nil)
		g.change(func(f *auth.File) error { return f.Revoke(p.id, g.wall.Now()) })
		g.status(p, "GET", "/v1/stages", nil)
	}
	for _, want := range []string{"reason=bad_token", "reason=revoked", "reason=no_credential", "reason=not_permitted"} {
		if !strings.Contains(g.log.String(), want) {
			t.Errorf("the log holds no %s: was anything written?", want)
		}
	}
}

func TestAnInsecureServerSaysSo(t *testing.T) {
	log := &syncBuffer{}
	o := options(t)
	o.GRPC, o.HTTP, o.Insecure = ":0", "127.0.0.1:0", true
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	a := start(t, o)
	defer a.Close()
	for _, path := range []string{"/healthz", "/readyz"} {
		resp, err := http.Get("http://" + a.HTTPAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(body), "INSECURE") || !strings.Contains(string(body), "--grpc :0") {
			t.Errorf("%s: %s %v", path, body, err)
		}
	}
	if !strings.Contains(log.String(), "INSECURE") {
		t.Errorf("the log: %s", log)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestARunningServerUsesAReplacedCertificate(t *testing.T) {
	g := guard(t)
	_, port, _ := net.SplitHostPort(g.app.HTTPAddr())
	serial := func(address string) string {
		t.Helper()
		config, err := certs.Client(g.ca.File, "", "")
		if err != nil {
			t.Fatal(err)
		}
		config.NextProtos = []string{"h2"}
		c, err := tls.Dial("tcp", address, config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial(g.app.GRPCAddr())
	pair := g.ca.Issue(t, g.dir, certstest.Identity{Name: "server", Server: true})
	g.secret(pair.KeyPEM)
	g.wall.move(time.Second)
	for _, address := range []string{g.app.GRPCAddr(), "127.0.0.1:" + port} {
		if got := serial(address); got != pair.Leaf.SerialNumber.String() || got == before {
			t.Errorf("%s shows certificate %s, want %s", address, got, pair.Leaf.SerialNumber)
		}
	}
}

func TestFailedAttemptsAreHeldInBoundsAndGoodOnesPass(t *testing.T) {
	g := guard(t)
	officer := g.token(all(auth.Officer, 0), nil)
	wrong := officer
	wrong.token = officer.token[:len(officer.token)-8] + "aaaaaaaa"
	seen := map[int]int{}
	for range 60 {
		seen[g.status(wrong, "GET", "/v1/stages", nil)]++
	}
	if seen[http.StatusUnauthorized] == 0 || seen[http.StatusTooManyRequests] < 30 {
		t.Errorf("answers: %v", seen)
	}
	if code := g.status(officer, "GET", "/v1/stages", nil); code != http.StatusOK {
		t.Errorf("the good token from the same address: %d", code)
	}
	if n := strings.Count(g.log.String(), "msg=refused"); n == 0 || n > 25 {
		t.Errorf("%d lines in the log for 60 attempts", n)
	}
	record, err := os.ReadFile(filepath.Join(g.opts.Data, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(record), `"reason":"bad_token"`); n == 0 || n > 25 || !strings.Contains(string(record), "token "+officer.id) {
		t.Errorf("%d lines in the record for 60 attempts", n)
	}
	families, err := g.app.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "freshet_auth_refused_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == string(auth.BadToken) && m.GetCounter().GetValue() < 59 {
				t.Errorf("counted %v of 60", m)
			}
		}
		return
	}
	t.Error("refusals are not counted")
}

func TestAPlainConnectionAndAStrangersCertificateGetNowhere(t *testing.T) {
	g := guard(t)
	officer := g.token(all(auth.Officer, 0), nil)
	stranger := guard(t) // another server, with another CA
	for name, sec := range map[string]client.Security{
		"plain text":      {Token: officer.token},
		"another's CA":    {CA: stranger.ca.File, Token: officer.token},
		"a system's CA":   {CA: "", Cert: g.opts.TLSCert, Key: g.opts.TLSKey, Token: officer.token},
		"another's token": {CA: g.ca.File, Token: stranger.token(all(auth.Officer, 0), nil).token},
	} {
		conn, err := sec.Dial(g.app.GRPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		_, err = freshetv1.NewWarningServiceClient(conn).ListStages(t.Context(), &freshetv1.ListStagesRequest{})
		if err == nil {
			t.Errorf("%s: let in", name)
		}
		if strings.Contains(errors.Join(err, nil).Error(), officer.token) {
			t.Errorf("%s: the error holds the token", name)
		}
		conn.Close()
	}
	// And over HTTP; both are recorded.
	_, port, err := net.SplitHostPort(g.app.HTTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/stages HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "400 Bad Request") {
		t.Errorf("plain text over HTTP: %q %v", answer, err)
	}
	for _, method := range []string{"gRPC", "HTTP"} {
		g.until("the handshakes to be recorded", func() bool {
			return strings.Contains(g.log.String(), "reason=bad_handshake method="+method)
		})
	}
}
