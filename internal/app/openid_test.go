package app_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"freshet/internal/app"
	"freshet/internal/auth"
)

const (
	redirect = "https://freshet.example/auth/openid/callback"
	members  = "members:\n- {claim: groups, value: flood-hydrology, role: officer, department: hydrology}\n- {claim: groups, value: flood-admins, role: admin}\n"
)

// An issuer is a small OpenID Connect provider. Everybody who comes is whom the
// test says.
type issuer struct {
	t      *testing.T
	url    string
	secret string
	key    *rsa.PrivateKey
	wall   func() time.Time

	mu     sync.Mutex
	user   map[string]any        // claims of who comes next
	twist  func(map[string]any)  // what goes wrong with the claims
	forge  *rsa.PrivateKey       // signs in the issuer's place
	codes  map[string]url.Values // the questions
	away   bool
	thrown []string // secrets
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, secret: "client-secret-" + rand.Text(), key: key, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{
			"issuer": i.url, "authorization_endpoint": i.url + "/authorize", "token_endpoint": i.url + "/token", "jwks_uri": i.url + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("response_type") != "code" || q.Get("client_id") != "freshet" || q.Get("redirect_uri") != redirect || q.Get("code_challenge_method") != "S256" ||
			len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 || !strings.Contains(q.Get("scope"), "openid") {
			t.Errorf("the question is %v", q)
		}
		code := rand.Text()
		i.mu.Lock()
		i.codes[code] = q
		i.thrown = append(i.thrown, code)
		i.mu.Unlock()
		http.Redirect(w, r, redirect+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		i.mu.Lock()
		defer i.mu.Unlock()
		q, ok := i.codes[r.FormValue("code")]
		delete(i.codes, r.FormValue("code")) // good once
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || id != "freshet" || secret != i.secret || r.FormValue("grant_type") != "authorization_code" || r.FormValue("redirect_uri") != redirect ||
			base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") {
			w.WriteHeader(http.StatusBadRequest)
			reply(w, map[string]any{"error": "invalid_grant"})
			return
		}
		now := i.wall()
		claims := map[string]any{"iss": i.url, "aud": "freshet", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": q.Get("nonce")}
		maps.Copy(claims, i.user)
		if i.twist != nil {
			i.twist(claims)
		}
		key := i.key
		if i.forge != nil {
			key = i.forge
		}
		raw := sign(t, key, claims)
		i.thrown = append(i.thrown, raw)
		reply(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "id_token": raw})
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		away := i.away
		i.mu.Unlock()
		if away {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func sign(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "1"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// openIDServer is a server that asks the issuer.
func openIDServer(t *testing.T, i *issuer) (g *guarded, file string) {
	t.Helper()
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "members.yaml"), filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(members), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte(i.secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g = guard(t, func(o *app.Options) {
		o.OIDCIssuer, o.OIDCClient, o.OIDCSecret, o.OIDCRedirect, o.OIDCMembers = i.url, "freshet", secret, redirect, file
	})
	i.wall = g.wall.Now
	g.secret(i.secret)
	t.Cleanup(func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		for _, s := range i.thrown {
			g.secret(s)
		}
	})
	return g, file
}

// there sends the browser to the provider and returns with what it sends back.
func (b *browser) there(cross ...string) (back string) {
	b.g.t.Helper()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp := b.ask(http.MethodGet, "/auth/openid", "", cross...)
	if resp.StatusCode != http.StatusSeeOther {
		body, _ := io.ReadAll(resp.Body)
		b.g.t.Fatalf("%d %s", resp.StatusCode, body)
	}
	for _, c := range resp.Cookies() {
		if c.Name != "__Host-freshet_openid" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode {
			b.g.t.Errorf("cookie %+v", c)
		}
	}
	client := &http.Client{CheckRedirect: b.client.CheckRedirect}
	resp, err := client.Get(resp.Header.Get("Location"))
	if err != nil {
		b.g.t.Fatal(err)
	}
	defer resp.Body.Close()
	query, ours := strings.CutPrefix(resp.Header.Get("Location"), redirect)
	if !ours {
		b.g.t.Fatalf("sent to %q", resp.Header.Get("Location"))
	}
	return "/auth/openid/callback" + query
}

func (i *issuer) is(user map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.user = user
}

var li = map[string]any{"sub": "u-17", "name": "李工", "groups": []string{"staff", "flood-hydrology"}}

func TestSigningInWithAProvider(t *testing.T) {
	i := newIssuer(t)
	g, file := openIDServer(t, i)
	i.is(li)
	b := g.browser()
	if m := b.me(); m["openid"] != "/auth/openid" || m["signed_in"] != false {
		t.Errorf("before: %v", m)
	}
	resp := b.ask(http.MethodGet, b.there(), "", "Sec-Fetch-Site", "cross-site")
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `url=/"`) {
		t.Fatalf("%d %s %v", resp.StatusCode, body, err)
	}
	if m := b.me(); m["signed_in"] != true || m["name"] != "李工" || m["role"] != "officer" || m["department"] != "hydrology" || m["session"] != true {
		t.Errorf("signed in: %v", m)
	}
	if code := b.status(http.MethodGet, asks, ""); code != http.StatusOK {
		t.Errorf("signed in: %d", code)
	}
	// Who is made another thing is another thing, and who is kept out is out: as the
	// file says now.
	for _, c := range []struct {
		file, role string
		in         bool
	}{
		{"members:\n- {claim: groups, value: flood-hydrology, role: briefing}\n", "briefing", true},
		{members + "denied: [u-17]\n", "", false},
	} {
		before := strings.Count(g.log.String(), "read the file of credentials again")
		if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		g.until("the file of members to be read", func() bool {
			return strings.Count(g.log.String(), "read the file of credentials again") > before
		})
		if m := b.me(); m["signed_in"] != c.in || c.in && m["role"] != c.role {
			t.Errorf("%s: %v", c.file, m)
		}
	}
}

func TestWhatAProviderDidNotSayLetsNobodyIn(t *testing.T) {
	i := newIssuer(t)
	g, _ := openIDServer(t, i)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		user  map[string]any
		twist func(map[string]any)
		forge *rsa.PrivateKey
		back  func(b *browser, back string) string
		code  int
	}{
		"all is well":          {code: http.StatusOK},
		"of no role here":      {user: map[string]any{"sub": "u-18", "groups": []string{"staff"}}, code: http.StatusForbidden},
		"without a subject":    {user: map[string]any{"groups": []string{"flood-admins"}}, code: http.StatusUnauthorized},
		"another question":     {twist: func(m map[string]any) { m["nonce"] = "another" }, code: http.StatusUnauthorized},
		"for another client":   {twist: func(m map[string]any) { m["aud"] = "another" }, code: http.StatusUnauthorized},
		"of another issuer":    {twist: func(m map[string]any) { m["iss"] = "https://elsewhere.example" }, code: http.StatusUnauthorized},
		"out of date":          {twist: func(m map[string]any) { m["exp"] = noon.Add(-time.Hour).Unix() }, code: http.StatusUnauthorized},
		"signed by a stranger": {forge: stranger, code: http.StatusUnauthorized},
		"another state":        {back: func(_ *browser, back string) string { return strings.Replace(back, "state=", "state=x", 1) }, code: http.StatusUnauthorized},
		"a code that was used": {back: func(b *browser, back string) string { b.status(http.MethodGet, back, ""); return back }, code: http.StatusUnauthorized},
		"the provider says no": {back: func(_ *browser, back string) string {
			return strings.Replace(back, "code=", "error=access_denied&code=", 1)
		}, code: http.StatusUnauthorized},
		"begun in another browser": {back: func(b *browser, back string) string { b.client.Jar = nil; return back }, code: http.StatusUnauthorized},
		"begun too long ago":       {back: func(_ *browser, back string) string { g.wall.move(11 * time.Minute); return back }, code: http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			g.wall.move(10 * time.Second)
			if c.user == nil {
				c.user = li
			}
			i.is(c.user)
			i.mu.Lock()
			i.twist, i.forge = c.twist, c.forge
			i.mu.Unlock()
			b := g.browser()
			back := b.there()
			if c.back != nil {
				back = c.back(b, back)
			}
			resp := b.ask(http.MethodGet, back, "", "Sec-Fetch-Site", "cross-site")
			if resp.StatusCode != c.code {
				body, _ := io.ReadAll(resp.Body)
				t.Errorf("%d, want %d: %s", resp.StatusCode, c.code, body)
			}
			for _, k := range resp.Cookies() {
				if k.Name == "__Host-freshet_session" && c.code != http.StatusOK {
					t.Error("a session began")
				}
			}
		})
	}
}

// A server starts without its provider, lets people in by token, and finds the
// provider once it is there.
func TestAProviderThatIsAwayIsLookedForAgain(t *testing.T) {
	i := newIssuer(t)
	g, _ := openIDServer(t, i)
	i.is(li)
	i.mu.Lock()
	i.away = true
	i.mu.Unlock()
	b := g.browser()
	if code := b.status(http.MethodGet, "/auth/openid", ""); code != http.StatusServiceUnavailable {
		t.Errorf("away: %d", code)
	}
	if resp := b.login(g.token(all(auth.Officer, 0), nil)); resp.StatusCode != http.StatusOK {
		t.Errorf("a token: %d", resp.StatusCode)
	}
	i.mu.Lock()
	i.away = false
	i.mu.Unlock()
	if code := b.status(http.MethodGet, b.there(), ""); code != http.StatusOK {
		t.Errorf("back: %d", code)
	}
}
