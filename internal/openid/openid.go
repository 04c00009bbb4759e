// Package openid asks an OpenID Connect provider who somebody at a browser is: by
// the authorization code flow, with PKCE, a state and a nonce. What the answer is
// good for here is decided elsewhere, by [auth.Members].
package openid

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"freshet/internal/auth"
	"freshet/internal/hydro"
)

// Options say which provider is asked.
type Options struct {
	Issuer     string // e.g. https://id.example/realms/flood
	ClientID   string
	SecretFile string   // of the client; "": it has none and PKCE stands alone
	Redirect   string   // this server's callback, as the provider knows it
	Scopes     []string // beside openid; nil: profile and email
	Now        func() time.Time
}

const (
	// flowLife is how long somebody may take to sign in at the provider.
	flowLife = 10 * time.Minute
	// asking bounds one question to the provider.
	asking = 10 * time.Second
)

// A Provider is asked who somebody is. It is looked for when it is first needed:
// a server starts without it.
type Provider struct {
	opts   Options
	seal   cipher.AEAD // of flows
	client *http.Client

	mu       sync.Mutex
	found    *oidc.Provider
	verifier *oidc.IDTokenVerifier
}

// Validate returns what is wrong with o.
func (o *Options) Validate() error {
	for _, u := range []struct{ name, value string }{{"issuer", o.Issuer}, {"redirect", o.Redirect}} {
		parsed, err := url.Parse(u.value)
		if err != nil || parsed.Host == "" || parsed.Scheme != "https" && (parsed.Scheme != "http" || !loopback(parsed.Hostname())) {
			return fmt.Errorf("%s %q: give an address that begins with https:// (http:// on this machine only): %w", u.name, u.value, hydro.ErrInvalid)
		}
		if u.name == "redirect" && parsed.Path != "/auth/openid/callback" {
			return fmt.Errorf("redirect %q: it must end in /auth/openid/callback, where this server answers: %w", u.value, hydro.ErrInvalid)
		}
	}
	if o.ClientID == "" {
		return fmt.Errorf("the client's id is missing: register this server with the provider: %w", hydro.ErrInvalid)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// New returns a provider that has not been asked yet.
func New(o Options) (*Provider, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("openid: %w", err)
	}
	if _, err := o.secret(); err != nil {
		return nil, err
	}
	if o.Scopes == nil {
		o.Scopes = []string{"profile", "email"}
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("openid: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("openid: %w", err)
	}
	return &Provider{opts: o, seal: seal, client: &http.Client{Timeout: asking}}, nil
}

// secret reads the client's secret; a new one needs no restart.
func (o *Options) secret() (string, error) {
	if o.SecretFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(o.SecretFile)
	if err != nil {
		return "", fmt.Errorf("openid: secret of the client: %w", err)
	}
	if s := strings.TrimSpace(string(data)); s != "" {
		return s, nil
	}
	return "", fmt.Errorf("openid: secret of the client: %s is empty: %w", o.SecretFile, hydro.ErrInvalid)
}

// look finds the provider, if it was not found yet.
func (p *Provider) look(ctx context.Context) (*oidc.Provider, *oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, p.verifier, nil
	}
	// The provider keeps the context for its keys: it must outlive this call.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.opts.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("openid: look for the provider: %w: %w", err, hydro.ErrUnavailable)
	}
	p.found, p.verifier = found, found.Verifier(&oidc.Config{ClientID: p.opts.ClientID, Now: p.opts.Now})
	return p.found, p.verifier, nil
}

func (p *Provider) config(found *oidc.Provider) (*oauth2.Config, error) {
	secret, err := p.opts.secret()
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: p.opts.ClientID, ClientSecret: secret, Endpoint: found.Endpoint(), RedirectURL: p.opts.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.opts.Scopes...),
	}, nil
}

// A flow is somebody on their way to the provider and back. It is kept by their
// browser, sealed: the server keeps nothing of those who never come back.
type flow struct {
	State, Nonce, Verifier string
	Until                  time.Time
}

// Begin returns where to send the browser, and what it must show again when it
// comes back.
func (p *Provider) Begin(ctx context.Context) (to, sealed string, err error) {
	found, _, err := p.look(ctx)
	if err != nil {
		return "", "", err
	}
	c, err := p.config(found)
	if err != nil {
		return "", "", err
	}
	f := flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Until: p.opts.Now().Add(flowLife)}
	plain, err := json.Marshal(f)
	if err != nil {
		return "", "", fmt.Errorf("openid: %w", err)
	}
	nonce := make([]byte, p.seal.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	sealed = base64.RawURLEncoding.EncodeToString(p.seal.Seal(nonce, nonce, plain, nil))
	return c.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), sealed, nil
}

func (p *Provider) open(sealed string) (f flow, ok bool) {
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(data) < p.seal.NonceSize() {
		return f, false
	}
	plain, err := p.seal.Open(nil, data[:p.seal.NonceSize()], data[p.seal.NonceSize():], nil)
	if err != nil || json.Unmarshal(plain, &f) != nil {
		return f, false
	}
	return f, p.opts.Now().Before(f.Until)
}

// Finish returns whom the provider has sent back with that query, to a browser
// that shows what Begin gave it. A refusal says what is not good; an error, that
// the provider could not be asked.
func (p *Provider) Finish(ctx context.Context, sealed string, query url.Values) (*auth.Member, *auth.Refusal, error) {
	bad := func(format string, args ...any) (*auth.Member, *auth.Refusal, error) {
		return nil, &auth.Refusal{Reason: auth.BadLogin, Text: fmt.Sprintf(format, args...)}, nil
	}
	f, ok := p.open(sealed)
	if !ok || subtle.ConstantTimeCompare([]byte(f.State), []byte(query.Get("state"))) != 1 {
		return bad("this sign-in was not begun in this browser, or more than %s ago: begin again", flowLife)
	}
	if e := query.Get("error"); e != "" {
		return bad("the provider says no: %.200q %.200q", e, query.Get("error_description"))
	}
	found, verifier, err := p.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	c, err := p.config(found)
	if err != nil {
		return nil, nil, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := c.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		if no, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
			return bad("the provider does not take its code back: %.100q", no.ErrorCode)
		}
		return nil, nil, fmt.Errorf("openid: ask the provider: %w: %w", err, hydro.ErrUnavailable)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return bad("the provider's answer does not hold: %v", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return bad("the provider's answer is to another question")
	}
	if id.Subject == "" {
		return bad("the provider does not say whom it means")
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return bad("the provider's answer holds no claims")
	}
	return &auth.Member{Subject: id.Subject, Claims: texts(claims)}, nil, nil
}

// texts are the claims that are texts or lists of texts.
func texts(claims map[string]any) map[string][]string {
	out := map[string][]string{}
	for name, v := range claims {
		switch v := v.(type) {
		case string:
			out[name] = []string{v}
		case []any:
			for _, one := range v {
				if s, ok := one.(string); ok {
					out[name] = append(out[name], s)
				}
			}
		}
	}
	return out
}
