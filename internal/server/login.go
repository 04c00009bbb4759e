package server

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"time"

	"golang.org/x/text/language"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/auth"
)

// People sign in at a browser once and have a session: a cookie with 256 random
// bits that scripts cannot read, other sites cannot send and the server knows by
// its hash alone. What the session stands on is looked up again with each call,
// so it ends when its token does.

// cookieName is the cookie's name. Behind TLS its prefix makes browsers hold that
// nobody but this host set it, and over TLS.
func (s *Server) cookieName() string {
	if s.opts.TLS != nil {
		return "__Host-freshet_session"
	}
	return "freshet_session"
}

func (s *Server) cookie(id string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: s.cookieName(), Value: id, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: s.opts.TLS != nil, SameSite: http.SameSiteStrictMode,
	}
	if id == "" {
		c.MaxAge = -1 // delete it
	}
	return c
}

// sessionCookies returns the values of the session's cookie: one, if all is well.
func (s *Server) sessionCookies(r *http.Request) []string {
	var out []string
	for _, c := range r.CookiesNamed(s.cookieName()) {
		out = append(out, c.Value)
	}
	return out
}

// shown returns the credential of an HTTP request: its token or certificate or,
// if it has no Authorization header, its session.
func (s *Server) shown(r *http.Request) (auth.Credential, *auth.Refusal) {
	certificate := verified(r)
	header := r.Header.Values("Authorization")
	if ids := s.sessionCookies(r); len(header) == 0 && len(ids) > 0 {
		if len(ids) > 1 { // whose would it be?
			return auth.Credential{}, &auth.Refusal{Reason: auth.NoSession, Text: "more than one cookie of a session: delete this site's cookies and sign in again"}
		}
		return s.guard.Sessions.Show(ids[0])
	}
	return auth.Show(bearer(header), certificate)
}

// verified is the client's certificate, or nil.
func verified(r *http.Request) *x509.Certificate {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return r.TLS.PeerCertificates[0]
	}
	return nil
}

// A me says who asks; it is what the console begins with.
type me struct {
	Auth       bool       `json:"auth"`      // whether callers are asked who they are
	SignedIn   bool       `json:"signed_in"` // without Auth everybody is
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	Department string     `json:"department"` // "" for none
	Session    bool       `json:"session"`    // by a cookie, which can sign out
	ExpiresAt  *time.Time `json:"expires_at"` // of the session, at the latest
	Language   string     `json:"language"`   // that the browser asks for: "zh" or "en"
	OpenID     string     `json:"openid"`     // where to sign in with OpenID Connect; "" if nowhere
}

var spoken = language.NewMatcher([]language.Tag{language.Chinese, language.English})

func (s *Server) me(r *http.Request, cred auth.Credential, who *auth.Principal) me {
	m := me{Auth: s.guard != nil, Language: "zh"}
	if tag, _ := language.MatchStrings(spoken, r.Header.Get("Accept-Language")); r.Header.Get("Accept-Language") != "" {
		if b, _ := tag.Base(); b.String() == "en" {
			m.Language = "en"
		}
	}
	if s.guard == nil {
		m.SignedIn, m.Role = true, auth.Admin.String() // everybody may do everything
		return m
	}
	if s.guard.OpenID != nil {
		m.OpenID = "/auth/openid"
	}
	if who != nil {
		m.SignedIn, m.Name, m.Role, m.Session = true, who.Name, who.Role.String(), cred.InSession()
		if who.Department != 0 {
			m.Department = who.Department.String()
		}
		if end := s.guard.Sessions.Expires(cred); !end.IsZero() {
			m.ExpiresAt = &end
		}
	}
	return m
}

// serveMe says who asks. Somebody who is nobody gets an answer too.
func (s *Server) serveMe(w http.ResponseWriter, r *http.Request) {
	if s.guard == nil {
		answerJSON(w, s.me(r, auth.Credential{}, nil))
		return
	}
	cred, no := s.shown(r)
	var who *auth.Principal
	if no == nil {
		who, no = s.guard.Sessions.Check(cred)
	}
	if no != nil {
		if len(s.sessionCookies(r)) > 0 {
			http.SetCookie(w, s.cookie("", 0))
		}
		answerJSON(w, s.me(r, auth.Credential{}, nil))
		return
	}
	answerJSON(w, s.me(r, cred, who))
}

// serveLogin begins a session by a token: {"token": "freshet_…"}.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		webError(w, status.Error(codes.InvalidArgument, `send application/json: {"token": "freshet_…"}`))
		return
	}
	var body struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body); err != nil {
		webError(w, status.Error(codes.InvalidArgument, `the body is not {"token": "freshet_…"}`)) // without its text: that may hold the token
		return
	}
	if s.guard == nil {
		answerJSON(w, s.me(r, auth.Credential{}, nil))
		return
	}
	cred, no := auth.Show(body.Token, verified(r))
	if no == nil && body.Token == "" {
		no = &auth.Refusal{Reason: auth.NoCredential, Text: "no token"}
	}
	s.signIn(w, r, cred, no, func(cred auth.Credential, who *auth.Principal) { answerJSON(w, s.me(r, cred, who)) })
}

// signIn begins a session of somebody who has shown cred, sets its cookie and
// lets done answer; or answers with what is wrong.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, cred auth.Credential, no *auth.Refusal, done func(auth.Credential, *auth.Principal)) {
	g, ctx, host := s.guard, r.Context(), hostOf(r.RemoteAddr)
	c, err := g.identify(ctx, cred, no, r.Pattern, host)
	if err == nil {
		err = c.permit(ctx, r.Pattern, &webSession, nil)
	}
	if err != nil {
		webError(w, err)
		return
	}
	if old, no := s.shown(r); no == nil {
		g.Sessions.End(old) // one browser, one session
	}
	id, cred, who, no := g.Sessions.Start(cred)
	if no != nil {
		webError(w, refusalStatus(g.tell(ctx, no, r.Pattern, cred, host)))
		return
	}
	s.opts.Logger.InfoContext(ctx, "signed in", "who", who.String(), "by", cred.Name(), "address", host)
	http.SetCookie(w, s.cookie(id, g.Sessions.Bounds().Absolute))
	done(cred, who)
}

// serveLogout ends the session, and the feeds that it has open.
func (s *Server) serveLogout(w http.ResponseWriter, r *http.Request) {
	if s.guard != nil {
		if cred, no := s.shown(r); no == nil && cred.InSession() {
			s.guard.Sessions.End(cred)
			s.guard.recheck(context.WithoutCancel(r.Context()))
			s.opts.Logger.InfoContext(r.Context(), "signed out", slog.String("by", cred.Name()), slog.String("address", hostOf(r.RemoteAddr)))
		}
	}
	http.SetCookie(w, s.cookie("", 0))
	w.WriteHeader(http.StatusNoContent)
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nobody to tell
}

// policy is what a page of this server may do: run its own scripts and no inline
// ones, and ask this server. Inline styles stay allowed, which charts need.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; " +
	"media-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// browsers tells browsers what they may do with an answer, and keeps other sites
// from making them ask.
func (s *Server) browsers(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if no := s.crossSite(cross, r); no != nil {
			if s.guard != nil {
				no = s.guard.tell(r.Context(), no, r.Method+" "+r.URL.Path, auth.Credential{}, hostOf(r.RemoteAddr))
			}
			webError(w, refusalStatus(no))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// crossSite refuses what a page of another site made a browser ask: the browser
// adds the session's cookie or a client certificate by itself, and where nobody is
// asked who they are it needs neither. A token is never added so.
func (s *Server) crossSite(cross *http.CrossOriginProtection, r *http.Request) *auth.Refusal {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil // change nothing
	}
	if s.guard != nil && r.Header.Get("Authorization") != "" {
		return nil
	}
	no := &auth.Refusal{Reason: auth.CrossSite, Text: "a page of another site asked for this: use the console of this server, or a token"}
	if cross.Check(r) != nil {
		return no
	}
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" && len(s.sessionCookies(r)) > 0 {
		return no // a cookie, and no browser that says whose page it is
	}
	if s.guard == nil && s.opts.Insecure == "" && !loopbackName(r.Host) {
		// Only this machine reaches the server, so another name is one that somebody
		// has made point here.
		no.Text = "only this machine reaches this server: call it 127.0.0.1 or localhost"
		return no
	}
	return nil
}

func loopbackName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
