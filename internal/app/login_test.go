package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"freshet/internal/auth"
	"freshet/internal/hydro"
)

// A browser keeps cookies and says whose page asks, as browsers do.
type browser struct {
	g      *guarded
	client *http.Client
	base   string
}

func (g *guarded) browser() *browser {
	g.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(g.app.HTTPAddr())
	if err != nil {
		g.t.Fatal(err)
	}
	return &browser{g, &http.Client{Transport: g.transport(person{}.pair), Jar: jar}, "https://127.0.0.1:" + port}
}

// ask sends a request as a page of this server does; header may change that.
func (b *browser) ask(method, path, body string, header ...string) *http.Response {
	b.g.t.Helper()
	req, err := http.NewRequestWithContext(b.g.t.Context(), method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		req.Header.Set("Origin", b.base)
	}
	for i := 0; i < len(header); i += 2 {
		if req.Header.Del(header[i]); header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.g.t.Fatal(err)
	}
	b.g.t.Cleanup(func() { resp.Body.Close() })
	for _, c := range resp.Cookies() {
		if c.Value != "" {
			b.g.secret(c.Value)
		}
	}
	return resp
}

func (b *browser) status(method, path, body string, header ...string) int {
	b.g.t.Helper()
	resp := b.ask(method, path, body, header...)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.g.t.Fatal(err)
	}
	return resp.StatusCode
}

func (b *browser) login(p person) *http.Response {
	b.g.t.Helper()
	return b.ask(http.MethodPost, "/auth/login", `{"token":"`+p.token+`"}`)
}

func (b *browser) me() map[string]any {
	b.g.t.Helper()
	resp := b.ask(http.MethodGet, "/auth/me", "")
	m := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || resp.StatusCode != http.StatusOK {
		b.g.t.Fatal(resp.StatusCode, err)
	}
	return m
}

const asks = "/v1/stages"

func TestSigningInAndOut(t *testing.T) {
	g := guard(t)
	officer := g.token(all(auth.Officer, hydro.Hydrology), nil)
	b := g.browser()
	if m := b.me(); m["auth"] != true || m["signed_in"] != false || m["language"] != "zh" {
		t.Errorf("before: %v", m)
	}
	if code := b.status(http.MethodGet, asks, ""); code != http.StatusUnauthorized {
		t.Errorf("before: %d", code)
	}
	resp := b.login(officer)
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		t.Fatal(resp.StatusCode, resp.Cookies())
	}
	c := resp.Cookies()[0]
	if c.Name != "__Host-freshet_session" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) != 52 {
		t.Errorf("cookie %+v", c)
	}
	if m := b.me(); m["signed_in"] != true || m["name"] != "test officer" || m["role"] != "officer" || m["department"] != "hydrology" || m["session"] != true || m["expires_at"] == nil {
		t.Errorf("signed in: %v", m)
	}
	if code := b.status(http.MethodGet, asks, ""); code != http.StatusOK {
		t.Errorf("signed in: %d", code)
	}
	if code := b.status(http.MethodPost, "/v1/dispatch-plans", "{}"); code != http.StatusForbidden { // it is who it is, over the wire in memory too
		t.Errorf("an officer of hydrology orders: %d", code)
	}
	first := c.Value
	if resp = b.login(officer); resp.Cookies()[0].Value == first { // a new session, and the old one is over
		t.Error("the id stays the same")
	}
	if code := b.status(http.MethodGet, asks, "", "Cookie", c.Name+"="+first); code != http.StatusUnauthorized {
		t.Errorf("the session before: %d", code)
	}
	last := resp.Cookies()[0].Value
	if code := b.status(http.MethodPost, "/auth/logout", ""); code != http.StatusNoContent {
		t.Errorf("logout: %d", code)
	}
	if m := b.me(); m["signed_in"] != false {
		t.Errorf("signed out: %v", m)
	}
	if code := b.status(http.MethodGet, asks, "", "Cookie", c.Name+"="+last); code != http.StatusUnauthorized { // the cookie kept by somebody
		t.Errorf("after logout: %d", code)
	}
	for _, wrong := range []string{`{"token":"`, `{}`, `{"token":"freshet_aaaaaaaa_` + strings.Repeat("a", 52) + `"}`} {
		if code := b.status(http.MethodPost, "/auth/login", wrong); code != http.StatusUnauthorized && code != http.StatusBadRequest {
			t.Errorf("%s: %d", wrong, code)
		}
	}
	gateway := g.token(all(auth.Gateway, hydro.Weather), nil)
	if resp := b.login(gateway); resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) != 0 {
		t.Errorf("a gateway signs in: %d", resp.StatusCode)
	}
	if resp := b.ask(http.MethodGet, "/auth/me", "", "Accept-Language", "en-GB,en;q=0.9,zh;q=0.5"); true {
		m := map[string]any{}
		if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || m["language"] != "en" {
			t.Error(m, err)
		}
	}
}

func TestASessionEndsByItselfAndWithItsToken(t *testing.T) {
	for name, end := range map[string]func(*guarded, person, *browser){
		"revoked": func(g *guarded, p person, _ *browser) {
			g.change(func(f *auth.File) error { return f.Revoke(p.id, g.wall.Now()) })
		},
		"too old": func(g *guarded, _ person, b *browser) {
			for range 24 {
				if code := b.status(http.MethodGet, asks, ""); code != http.StatusOK {
					g.t.Errorf("in use, and ended: %d", code)
				}
				g.wall.move(time.Hour - time.Second)
			}
			g.wall.move(time.Minute)
		},
		"signed out": func(_ *guarded, _ person, b *browser) { b.status(http.MethodPost, "/auth/logout", "") },
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t)
			p := g.token(all(auth.Officer, 0), nil)
			b := g.browser()
			b.login(p)
			feed := b.ask(http.MethodGet, "/v1/warnings/feed", "")
			lines := bufio.NewScanner(feed.Body)
			if !lines.Scan() || feed.StatusCode != http.StatusOK {
				t.Fatalf("no feed: %d", feed.StatusCode)
			}
			end(g, p, b)
			for lines.Scan() { // to its end, which must come
			}
			if code := b.status(http.MethodGet, asks, ""); code != http.StatusUnauthorized {
				t.Errorf("after: %d", code)
			}
		})
	}
	g := guard(t)
	b := g.browser()
	b.login(g.token(all(auth.Briefing, 0), nil))
	g.wall.move(time.Hour - time.Second)
	if code := b.status(http.MethodGet, asks, ""); code != http.StatusOK {
		t.Errorf("before it is idle for an hour: %d", code)
	}
	g.wall.move(time.Hour)
	if code := b.status(http.MethodGet, asks, ""); code != http.StatusUnauthorized {
		t.Errorf("idle for an hour: %d", code)
	}
}

func TestASessionOutlivesARestart(t *testing.T) {
	g := guard(t)
	p := g.token(all(auth.Officer, 0), nil)
	b, out := g.browser(), g.browser()
	b.login(p)
	out.login(p)
	if code := out.status(http.MethodPost, "/auth/logout", ""); code != http.StatusNoContent {
		t.Fatal(code)
	}
	if err := g.app.Close(); err != nil {
		t.Fatal(err)
	}
	g.app = start(t, g.opts)
	again := g.browser()
	b.base, out.base = again.base, again.base
	if m := b.me(); m["signed_in"] != true || m["name"] != "test officer" {
		t.Errorf("after a restart: %v", m)
	}
	if m := out.me(); m["signed_in"] != false {
		t.Errorf("signed out before: %v", m)
	}
	g.change(func(f *auth.File) error { return f.Revoke(p.id, g.wall.Now()) })
	if m := b.me(); m["signed_in"] != false {
		t.Errorf("revoked: %v", m)
	}
}

func TestAPageOfAnotherSiteGetsNothingDone(t *testing.T) {
	g := guard(t)
	officer := g.token(all(auth.Admin, 0), nil)
	b := g.browser()
	b.login(officer)
	for name, header := range map[string][]string{
		"another site":             {"Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site"},
		"an old browser":           {"Origin", "https://elsewhere.example", "Sec-Fetch-Site", ""},
		"another port":             {"Origin", "https://127.0.0.1:1", "Sec-Fetch-Site", "same-site"},
		"no origin":                {"Origin", "null", "Sec-Fetch-Site", ""},
		"a browser that is silent": {"Origin", "", "Sec-Fetch-Site", ""},
	} {
		for _, path := range []string{"/v1/dispatch-plans", "/v1/rain-forecasts", "/auth/logout", "/auth/login"} {
			if code := b.status(http.MethodPost, path, "{}", header...); code != http.StatusForbidden {
				t.Errorf("%s, %s: %d", name, path, code)
			}
		}
		g.wall.move(time.Minute)
	}
	if m := b.me(); m["signed_in"] != true {
		t.Errorf("signed out by another site: %v", m)
	}
	// Its own page, and a program with a token, get an answer about the content.
	if code := b.status(http.MethodPost, "/v1/rain-forecasts", "{}"); code != http.StatusBadRequest {
		t.Errorf("its own page: %d", code)
	}
	if code := g.status(officer, http.MethodPost, "/v1/rain-forecasts", nil); code != http.StatusBadRequest {
		t.Errorf("a token: %d", code)
	}
}

// Where nobody is asked who they are, a page of the internet in a browser on this
// machine must not be able to send either.
func TestAnOpenServerTakesNothingFromAnotherSite(t *testing.T) {
	a := start(t, options(t))
	defer a.Close()
	post := func(host string, header ...string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.HTTPAddr()+"/v1/rain-forecasts", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	for name, c := range map[string]struct {
		host   string
		header []string
		want   int
	}{
		"a program":                       {"", nil, http.StatusBadRequest},
		"its own page":                    {"", []string{"Origin", "http://" + a.HTTPAddr()}, http.StatusBadRequest},
		"another site":                    {"", []string{"Origin", "http://elsewhere.example"}, http.StatusForbidden},
		"a name that was made point here": {"elsewhere.example", []string{"Origin", "http://elsewhere.example"}, http.StatusForbidden},
		"the same, a token makes no odds": {"elsewhere.example", []string{"Origin", "http://elsewhere.example", "Authorization", "Bearer x"}, http.StatusForbidden},
		"this machine by its common name": {"localhost:8080", []string{"Origin", "http://localhost:8080"}, http.StatusBadRequest},
	} {
		if code := post(c.host, c.header...); code != c.want {
			t.Errorf("%s: %d, want %d", name, code, c.want)
		}
	}
	resp, err := http.Get("http://" + a.HTTPAddr() + "/auth/me")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	m := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || m["auth"] != false || m["signed_in"] != true || m["role"] != "admin" {
		t.Error(m, err)
	}
}

func TestPagesRunNoScriptButTheirOwn(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	for _, path := range []string{"/", "/about", "/auth/me", "/healthz", "/nowhere", asks, "/metrics", "/openapi.json"} {
		resp := g.rest(t.Context(), admin, http.MethodGet, path, "", nil)
		policy := map[string]string{}
		for part := range strings.SplitSeq(resp.Header.Get("Content-Security-Policy"), ";") {
			name, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
			policy[name] = rest
		}
		if policy["default-src"] != "'none'" || policy["script-src"] != "'self'" || policy["frame-ancestors"] != "'none'" || policy["base-uri"] != "'none'" ||
			resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, resp.Header)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(body); strings.Contains(resp.Header.Get("Content-Type"), "html") && (strings.Contains(text, "<script>") || strings.Contains(text, " onclick")) {
			t.Errorf("%s holds an inline script", path)
		}
	}
}
