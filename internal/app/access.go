package app

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"freshet/internal/auth"
	"freshet/internal/certs"
	"freshet/internal/hydro"
	"freshet/internal/openid"
	"freshet/internal/server"
)

// certificatesEvery is the time between looks at the files of certificates.
const certificatesEvery = time.Second

// loopback reports whether only this machine reaches a listener on that address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// beyond returns the addresses that others than this machine may reach.
func (o *Options) beyond() []string {
	var out []string
	for _, l := range []struct{ name, address string }{{"grpc", o.GRPC}, {"http", o.HTTP}} {
		if !loopback(l.address) {
			out = append(out, "--"+l.name+" "+l.address)
		}
	}
	return out
}

// asks reports whether callers are asked who they are: always beyond loopback,
// unless told in words that they are not.
func (o *Options) asks() bool { return o.Auth || len(o.beyond()) > 0 && !o.Insecure }

// insecure says in words what is open to whom, or "".
func (o *Options) insecure() string {
	beyond := o.beyond()
	if len(beyond) == 0 || o.TLSCert != "" && o.asks() {
		return ""
	}
	var open []string
	if !o.asks() {
		open = append(open, "whoever reaches "+strings.Join(beyond, " and ")+" may read everything, send readings of any station, order dispatch plans and silence alarms")
	}
	if o.TLSCert == "" {
		open = append(open, "nothing is encrypted on "+strings.Join(beyond, " and ")+", tokens included")
	}
	return strings.Join(open, "; ")
}

// validateAccess says what is wrong with the options of who may do what.
func (o *Options) validateAccess() error {
	var errs []error
	bad := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: %s: %w", name, fmt.Sprintf(format, args...), hydro.ErrInvalid))
	}
	switch {
	case o.TLSCert == "" && o.TLSKey != "":
		bad("tls-cert", "--tls-key is given without it: name the file of the certificate")
	case o.TLSCert != "" && o.TLSKey == "":
		bad("tls-key", "--tls-cert is given without it: name the file of the key")
	case o.TLSCert == "" && o.TLSClientCA != "":
		bad("tls-client-ca", "client certificates need TLS: give --tls-cert and --tls-key too")
	}
	if provider := o.provider(nil); o.OIDCIssuer != "" {
		if err := provider.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("--oidc-…: %w", err))
		}
		if o.OIDCMembers == "" {
			bad("oidc-members", "name the file that says which of the provider's claims give which role")
		}
		if !o.asks() {
			bad("oidc-issuer", "nobody is asked who they are: give --auth too")
		}
	} else if o.OIDCClient+o.OIDCSecret+o.OIDCRedirect+o.OIDCMembers != "" {
		bad("oidc-issuer", "other options of OpenID Connect are given without it")
	}
	if beyond := o.beyond(); len(beyond) > 0 && o.TLSCert == "" && !o.Insecure {
		for _, b := range beyond {
			name, address, _ := strings.Cut(strings.TrimPrefix(b, "--"), " ")
			bad(name, "%s can be reached from other machines, and there is no TLS: anybody could read, send false readings, order dispatch plans or silence alarms. "+
				"Give --tls-cert and --tls-key, and make tokens with `freshet token create`; or listen on 127.0.0.1; "+
				"or say --insecure if the network is yours alone and everybody on it may do everything", address)
		}
	}
	for _, p := range []struct {
		name string
		n    float64
	}{
		{"limit-calls", o.LimitCalls},
		{"limit-frames", o.LimitFrames},
		{"limit-streams", float64(o.LimitStreams)},
		{"limit-message", float64(o.LimitMessage)},
		{"limit-connections", float64(o.LimitConnections)},
	} {
		if !(p.n > 0) {
			bad(p.name, "%g is not above zero", p.n)
		}
	}
	return errors.Join(errs...)
}

// provider is the OpenID Connect provider of the options.
func (o *Options) provider(now func() time.Time) openid.Options {
	return openid.Options{Issuer: o.OIDCIssuer, ClientID: o.OIDCClient, SecretFile: o.OIDCSecret, Redirect: o.OIDCRedirect, Now: now}
}

// openAccess opens the certificates and the file of credentials.
func (a *App) openAccess() (*certs.Source, *server.Auth, error) {
	o := &a.opts
	if words := o.insecure(); words != "" {
		a.logger.Warn("INSECURE, as --insecure says: " + words) //nolint:sloglint // the words are for people
	}
	var source *certs.Source
	if o.TLSCert != "" {
		var err error
		source, err = certs.Open(certs.Files{Cert: o.TLSCert, Key: o.TLSKey, ClientCA: o.TLSClientCA}, certificatesEvery, a.wall, func(err error) {
			a.logger.Error("certificates are not good; those read before stay in use", "err", err)
		})
		if err != nil {
			return nil, nil, err
		}
	}
	promauto.With(o.Registry).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "freshet_tls_certificate_expires_timestamp_seconds", Help: "When the server's certificate expires; never if it has none.",
	}, func() float64 {
		if source == nil {
			return math.Inf(1)
		}
		return float64(source.Expires().Unix())
	})
	if !o.asks() {
		return source, nil, nil
	}
	book, err := auth.Open(auth.PathIn(o.Data), a.wall)
	if err != nil {
		return nil, nil, err
	}
	if book.Empty() {
		a.logger.Warn("nobody is let in yet: make a token with `freshet token create`", slog.String("file", auth.PathIn(o.Data)))
	}
	var people *auth.Members
	var provider *openid.Provider
	if o.OIDCIssuer != "" {
		if people, err = auth.OpenMembers(o.OIDCMembers); err == nil {
			provider, err = openid.New(o.provider(a.wall))
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return source, &server.Auth{
		OpenID:   provider,
		Sessions: auth.NewSessions(book, people, a.wall, auth.SessionBounds{Idle: o.SessionIdle, Absolute: o.SessionMax}),
		Book:     book, Now: a.wall, Recheck: o.Recheck, OpenMetrics: loopback(o.HTTP), Refused: a.openAudit(),
		Limits: server.Limits{Calls: o.LimitCalls, Streams: o.LimitStreams, Frames: o.LimitFrames},
	}, nil
}

// The record of refusals holds at most auditFiles and the one that is written.
const (
	auditSize  = 16 << 20
	auditFiles = 8
)

// openAudit opens the record of refusals. A server that cannot write it says so
// and goes on: the flood does not wait.
func (a *App) openAudit() func(auth.Event) {
	failed := func(err error) {
		a.logger.Error("refusals are not recorded: see to the data folder; `freshet audit verify` tells what the record holds", "err", err)
	}
	audit, err := auth.OpenAudit(a.opts.Data, auditSize, auditFiles, a.wall())
	if err != nil {
		failed(err)
		return nil
	}
	a.onClose("audit", audit.Close)
	return func(e auth.Event) {
		if err := audit.Write(e); err != nil {
			failed(err)
		}
	}
}

// wall is the wall clock, by which credentials expire even where engine time is
// driven.
func (a *App) wall() time.Time {
	if a.opts.Wall != nil {
		return a.opts.Wall()
	}
	return time.Now()
}
