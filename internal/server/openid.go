package server

import (
	"errors"
	"net/http"
	"time"

	"freshet/internal/auth"
	"freshet/internal/hydro"
)

// Signing in with an OpenID Connect provider: the browser goes there with a
// question and comes back with a code. The cookie of the way back must be sent
// though another site sends the browser, so it is not the session's, and is good
// for nothing else.

func (s *Server) flowCookie(sealed string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: "freshet_openid", Value: sealed, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, Secure: s.opts.TLS != nil, SameSite: http.SameSiteLaxMode,
	}
	if s.opts.TLS != nil {
		c.Name = "__Host-" + c.Name
	}
	if sealed == "" {
		c.MaxAge = -1
	}
	return c
}

// serveOpenID sends the browser to the provider.
func (s *Server) serveOpenID(w http.ResponseWriter, r *http.Request) {
	to, sealed, err := s.guard.OpenID.Begin(r.Context())
	if err != nil {
		s.openIDFailed(w, r, err)
		return
	}
	http.SetCookie(w, s.flowCookie(sealed, 10*time.Minute))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// serveOpenIDBack takes the browser back and begins its session.
func (s *Server) serveOpenIDBack(w http.ResponseWriter, r *http.Request) {
	sealed := ""
	if c := r.CookiesNamed(s.flowCookie("", 0).Name); len(c) == 1 {
		sealed = c[0].Value
	}
	http.SetCookie(w, s.flowCookie("", 0))
	w.Header().Set("Cache-Control", "no-store")
	member, no, err := s.guard.OpenID.Finish(r.Context(), sealed, r.URL.Query())
	if err != nil {
		s.openIDFailed(w, r, err)
		return
	}
	cred := auth.Credential{}
	if no == nil {
		cred = auth.ShowMember(member)
	}
	s.signIn(w, r, cred, no, func(auth.Credential, *auth.Principal) {
		// Not a redirect: that would be the provider's, and browsers do not send the
		// session's cookie where another site sends them.
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>Freshet</title>` +
			`<p><a href="/">已登录，进入值班台。Signed in: go on to the duty desk.</a></p></html>`)) // the client has gone: nobody to tell
	})
}

func (s *Server) openIDFailed(w http.ResponseWriter, r *http.Request, err error) {
	s.opts.Logger.WarnContext(r.Context(), "the OpenID Connect provider was not reached; tokens still sign in", "err", err)
	if !errors.Is(err, hydro.ErrUnavailable) {
		err = errors.Join(err, hydro.ErrUnavailable)
	}
	webError(w, StatusError(err))
}
