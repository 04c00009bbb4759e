package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"freshet/internal/app"
	"freshet/internal/certs/certstest"
	"freshet/internal/hydro"
)

// The commands over a server with TLS that asks who calls, from the first token on.
func TestCommandsKnowASecuredServerAndItKnowsThem(t *testing.T) {
	ca, dir := certstest.New(t), t.TempDir()
	server := ca.Issue(t, dir, certstest.Identity{Name: "server", Server: true})
	other := ca.Issue(t, dir, certstest.Identity{Name: "other", Server: true})
	o := app.DefaultOptions()
	o.Data, o.Catalog, o.Clock = t.TempDir(), "../../deploy/catalog/tanjiang", "driven"
	o.GRPC, o.HTTP, o.Auth, o.TLSCert, o.TLSKey = "127.0.0.1:0", "127.0.0.1:0", true, server.Cert, server.Key
	o.Logger = slog.New(slog.DiscardHandler)
	tokens := map[string]string{}
	for role, args := range map[string][]string{"officer": nil, "gateway": {"--department", "weather", "--all-stations"}} {
		out, _, err := run(t.Context(), nil, append([]string{"token", "create", "--data", o.Data, "--name", role, "--role", role}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		tokens[role] = filepath.Join(dir, role+".token")
		if err := os.WriteFile(tokens[role], []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name string
		args []string
		says string
		kind error // nil: any
	}{
		{"an officer is let in", []string{"--ca", ca.File, "--token-file", tokens["officer"]}, "no forecast", hydro.ErrNotFound},
		{"a gateway may not read", []string{"--ca", ca.File, "--token-file", tokens["gateway"]}, "gateway of weather may not call", nil},
		{"nobody", []string{"--ca", ca.File}, "no token and no client certificate", nil},
		{"no CA", []string{"--token-file", tokens["officer"]}, "no answer", hydro.ErrUnavailable}, // plain text on loopback
		{"no such file", []string{"--ca", ca.File, "--token-file", "nowhere"}, "nowhere", hydro.ErrInvalid},
		{"a certificate without its key", []string{"--ca", ca.File, "--cert", server.Cert}, "key", hydro.ErrInvalid},
	} {
		_, _, err := run(t.Context(), nil, append([]string{"forecast", "--server", a.GRPCAddr(), "--timeout", "20s"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.says) || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	text, err := os.ReadFile(tokens["officer"])
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("FRESHET_TOKEN", string(text))
	if _, _, err := run(t.Context(), nil, "forecast", "--server", a.GRPCAddr(), "--ca", ca.File); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("the token in the environment: %v", err)
	}

	for cert, good := range map[string]bool{server.Cert: true, other.Cert: false, "": false} {
		out, _, err := run(t.Context(), nil, "health", "--http", a.HTTPAddr(), "--tls-cert", cert)
		if (err == nil && strings.Contains(out, "ready")) != good {
			t.Errorf("health with certificate %q: %q %v", cert, out, err)
		}
	}
}
