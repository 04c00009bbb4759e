package app_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"freshet/internal/app"
	"freshet/internal/auth"
	"freshet/internal/certs"
	"freshet/internal/certs/certstest"
	"freshet/internal/client"
	"freshet/internal/hydro"
)

// A guarded is a real server with real TLS that asks everybody who they are, and
// all who were ever let in. When the test ends, nothing that it wrote may hold a
// secret of theirs.
type guarded struct {
	t    *testing.T
	app  *app.App
	opts app.Options
	ca   *certstest.CA
	dir  string // of the certificates
	wall *handClock
	log  *syncBuffer

	mu      sync.Mutex
	secrets []string
	ways    map[string]*http.Transport
}

type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func guard(t *testing.T, change ...func(*app.Options)) *guarded {
	t.Helper()
	g := &guarded{t: t, ca: certstest.New(t), dir: t.TempDir(), wall: &handClock{now: noon}, log: &syncBuffer{}, ways: map[string]*http.Transport{}}
	server := g.ca.Issue(t, g.dir, certstest.Identity{Name: "server", Server: true})
	g.secret(server.KeyPEM)
	g.opts = options(t)
	g.opts.TLSCert, g.opts.TLSKey, g.opts.TLSClientCA, g.opts.Auth = server.Cert, server.Key, g.ca.File, true
	g.opts.Logger = slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.opts.Wall, g.opts.Recheck = g.wall.Now, 10*time.Millisecond
	for _, f := range change {
		f(&g.opts)
	}
	g.app = start(t, g.opts)
	t.Cleanup(func() {
		g.keptSecrets()
		if err := g.app.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// secret remembers what must appear nowhere.
func (g *guarded) secret(text string) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		text = strings.Split(text, "\n")[1] // a line of the key
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.secrets = append(g.secrets, text)
}

// keptSecrets looks for secrets in all that the server wrote: its log at the
// level debug, its metrics, its data folder.
func (g *guarded) keptSecrets() {
	g.t.Helper()
	if r, err := auth.VerifyAudit(g.opts.Data, auth.Hash{}); err != nil || r.Lines == 0 {
		g.t.Errorf("the record of refusals: %+v, %v", r, err)
	}
	texts := map[string]string{"the log": g.log.String()}
	families, err := g.app.Registry().Gather()
	if err != nil {
		g.t.Error(err)
	}
	texts["the metrics"] = fmt.Sprint(families)
	for _, pattern := range []string{"*.json", "*.log", "*.lock"} {
		files, err := filepath.Glob(filepath.Join(g.opts.Data, pattern))
		if err != nil {
			g.t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				g.t.Fatal(err)
			}
			texts[file] = string(data)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for where, text := range texts {
		for _, s := range g.secrets {
			if strings.Contains(text, s) {
				g.t.Errorf("a secret is in %s", where)
			}
		}
	}
	if len(g.secrets) < 2 || !strings.Contains(texts["the log"], "caught up") {
		g.t.Errorf("nothing was looked for, or nowhere: %d secrets, %d bytes of log", len(g.secrets), len(texts["the log"]))
	}
}

// change changes the file of credentials beside the running server, as freshet
// token does, and returns when the server has seen it.
func (g *guarded) change(f func(*auth.File) error) {
	g.t.Helper()
	before := strings.Count(g.log.String(), "read the file of credentials again")
	if err := auth.Update(g.t.Context(), auth.PathIn(g.opts.Data), f); err != nil {
		g.t.Fatal(err)
	}
	g.until("the file of credentials to be read", func() bool {
		return strings.Count(g.log.String(), "read the file of credentials again") > before
	})
}

// until waits for a condition.
func (g *guarded) until(what string, ok func() bool) {
	g.t.Helper()
	end := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-end:
			g.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// A person is somebody with a credential.
type person struct {
	name       string
	role       auth.Role // 0: nobody
	department hydro.Department
	security   client.Security
	token      string // for REST
	id         string // of the token
	pair       certstest.Pair
}

// token lets somebody in by token.
func (g *guarded) token(grant auth.Grant, expires *time.Time) person {
	g.t.Helper()
	p := person{name: "token of " + grant.Role + " " + grant.Department}
	g.change(func(f *auth.File) error {
		t, text, err := f.NewToken(grant, g.wall.Now(), expires)
		p.token, p.id = text, t.ID
		return err
	})
	p.identify(g.t, grant)
	g.secret(p.token)
	_, secret, _ := strings.Cut(strings.TrimPrefix(p.token, "freshet_"), "_")
	g.secret(secret)
	p.security = client.Security{CA: g.ca.File, Token: p.token}
	return p
}

// certificate lets a gateway in by certificate.
func (g *guarded) certificate(name string, grant auth.Grant, notAfter time.Time) person {
	g.t.Helper()
	p := person{name: "certificate of " + grant.Role + " " + grant.Department}
	p.identify(g.t, grant)
	identity, err := auth.Identity(p.department, name)
	if err != nil {
		g.t.Fatal(err)
	}
	g.change(func(f *auth.File) error {
		_, err := f.Bind(grant, name, g.wall.Now())
		return err
	})
	p.pair = g.ca.Issue(g.t, g.dir, certstest.Identity{Name: p.department.String() + "-" + name, URIs: []string{identity}, NotAfter: notAfter})
	g.secret(p.pair.KeyPEM)
	p.security = client.Security{CA: g.ca.File, Cert: p.pair.Cert, Key: p.pair.Key}
	return p
}

func (p *person) identify(t *testing.T, grant auth.Grant) {
	t.Helper()
	who, err := grant.Principal()
	if err != nil {
		t.Fatal(err)
	}
	p.role, p.department = who.Role, who.Department
}

func (g *guarded) dial(p person) *grpc.ClientConn {
	g.t.Helper()
	conn, err := p.security.Dial(g.app.GRPCAddr())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	return conn
}

// transport is the way to the HTTP side with that client certificate.
func (g *guarded) transport(pair certstest.Pair) *http.Transport {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, ok := g.ways[pair.Cert]; ok {
		return t
	}
	config, err := certs.Client(g.ca.File, pair.Cert, pair.Key)
	if err != nil {
		g.t.Fatal(err)
	}
	t := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	g.t.Cleanup(t.CloseIdleConnections)
	g.ways[pair.Cert] = t
	return t
}

// rest asks the HTTP side.
func (g *guarded) rest(ctx context.Context, p person, method, path, body string, header http.Header) *http.Response {
	g.t.Helper()
	_, port, err := net.SplitHostPort(g.app.HTTPAddr())
	if err != nil {
		g.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://127.0.0.1:"+port+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	if p.token != "" {
		req.Header.Add("Authorization", "Bearer "+p.token)
	}
	resp, err := (&http.Client{Transport: g.transport(p.pair)}).Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// status is the status of an answer that ends.
func (g *guarded) status(p person, method, path string, header http.Header) int {
	g.t.Helper()
	resp := g.rest(g.t.Context(), p, method, path, "{}", header)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode
}
