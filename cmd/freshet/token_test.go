package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/internal/auth"
	"freshet/internal/certs/certstest"
	"freshet/internal/hydro"
)

func TestTokensAreMadeListedAndRevoked(t *testing.T) {
	data := t.TempDir()
	out, notes, err := run(t.Context(), nil, "token", "create", "--data", data, "--name", "张三", "--role", "officer", "--department", "hydrology", "--lang", "zh")
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(out)
	if err := auth.CheckToken(token); err != nil || !strings.Contains(notes, "张三") || strings.Contains(notes, token) {
		t.Fatalf("%v\n%s", err, notes)
	}
	out, _, err = run(t.Context(), nil, "token", "create", "--data", data, "--name", "enping-1", "--role", "gateway", "--department", "hydrology", "--prefix", "h-enping", "--expires", "12h", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ ID, Token string }
	if err := json.Unmarshal([]byte(out), &made); err != nil || auth.CheckToken(made.Token) != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, _, err = run(t.Context(), nil, "token", "revoke", made.ID, "--data", data, "--lang", "en"); err != nil || !strings.Contains(out, "revoked") {
		t.Fatalf("%q %v", out, err)
	}
	if out, _, err = run(t.Context(), nil, "token", "list", "--data", data, "--lang", "en"); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "good, until") || !strings.Contains(lines[1], made.ID+"  revoked") || !strings.Contains(lines[1], "gateway hydrology h-enping*") {
		t.Errorf("%s", out)
	}
	asJSON, _, err := run(t.Context(), nil, "token", "list", "--data", data, "--json")
	if err != nil || !json.Valid([]byte(asJSON)) {
		t.Fatal(err)
	}
	for _, text := range []string{out, asJSON} {
		for _, secret := range []string{token[17:], made.Token[17:], `"hash"`} {
			if strings.Contains(text, secret) {
				t.Errorf("the list holds %s:\n%s", secret, text)
			}
		}
	}
}

func TestCertificatesAreBoundAndDenied(t *testing.T) {
	data, ca := t.TempDir(), certstest.New(t)
	out, _, err := run(t.Context(), nil, "token", "bind-cert", "enping-1", "--department", "hydrology", "--station", "h-enping", "--data", data, "--lang", "zh")
	if err != nil || !strings.Contains(out, "freshet://hydrology/enping-1") {
		t.Fatalf("%q %v", out, err)
	}
	pair := ca.Issue(t, t.TempDir(), certstest.Identity{Name: "enping-1"})
	for _, name := range []string{pair.Cert, strings.Repeat("AB:", 31) + "AB"} {
		if _, _, err := run(t.Context(), nil, "token", "deny-cert", name, "--data", data, "--reason", "stolen"); err != nil {
			t.Fatal(err)
		}
	}
	f, err := auth.Load(auth.PathIn(data))
	if err != nil || len(f.Certificates) != 1 || len(f.Denied) != 2 || f.Denied[0].SHA256 != auth.Fingerprint(pair.Leaf) {
		t.Fatalf("%+v %v", f, err)
	}
	if _, _, err := run(t.Context(), nil, "token", "revoke", "freshet://hydrology/enping-1", "--data", data); err != nil {
		t.Fatal(err)
	}
	if f, err = auth.Load(auth.PathIn(data)); err != nil || len(f.Certificates) != 0 {
		t.Fatalf("%+v %v", f, err)
	}
}

func TestTokenCommandsSayWhatIsWrong(t *testing.T) {
	data := t.TempDir()
	for _, c := range []struct {
		args []string
		want error
	}{
		{[]string{"create", "--name", "x"}, hydro.ErrInvalid},
		{[]string{"create", "--name", "x", "--role", "gateway", "--department", "hydrology"}, hydro.ErrInvalid},
		{[]string{"create", "--name", "x", "--role", "admin", "--expires", "soon"}, hydro.ErrInvalid},
		{[]string{"create", "--name", "x", "--role", "admin", "--expires", "2020-01-01T00:00"}, hydro.ErrInvalid},
		{[]string{"create", "--name", "x", "--role", "admin", "--lang", "fr"}, hydro.ErrInvalid},
		{[]string{"revoke", "aaaaaaaa"}, hydro.ErrNotFound},
		{[]string{"deny-cert", "nowhere.pem"}, hydro.ErrInvalid},
		{[]string{"bind-cert", "a b", "--department", "weather", "--all-stations"}, hydro.ErrInvalid},
	} {
		_, _, err := run(t.Context(), nil, append(append([]string{"token"}, c.args...), "--data", data)...)
		if !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	if _, err := os.Stat(auth.PathIn(data)); !errors.Is(err, os.ErrNotExist) {
		t.Error("a call that was wrong has written the file")
	}
}

func TestAuditVerifyFindsAChange(t *testing.T) {
	data := t.TempDir()
	now := time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC)
	a, err := auth.OpenAudit(data, 1<<20, 2, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := a.Write(auth.Event{At: now, Reason: auth.BadToken, Address: "10.0.0.1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	out, _, err := run(t.Context(), nil, "audit", "verify", "--data", data, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Lines int
		Head  string
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Lines != 4 {
		t.Fatalf("%v: %s", err, out)
	}
	if out, _, err = run(t.Context(), nil, "audit", "verify", "--data", data, "--head", r.Head, "--lang", "zh"); err != nil || !strings.Contains(out, r.Head) {
		t.Errorf("%q %v", out, err)
	}
	file := filepath.Join(data, "audit.log")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "10.0.0.1", "10.0.0.2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err = run(t.Context(), nil, "audit", "verify", "--data", data); !errors.Is(err, hydro.ErrConflict) || !strings.Contains(err.Error(), "audit.log:3") {
		t.Errorf("%v", err)
	}
}

func TestATokenThatIsThePlaceInTheFeedIsExplained(t *testing.T) {
	file := filepath.Join(t.TempDir(), "place")
	if err := os.WriteFile(file, []byte("eyJwbGFjZSI6MX0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := run(t.Context(), nil, "watch", "--server", "127.0.0.1:1", "--token-file", file)
	if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "--place-file") {
		t.Errorf("%v", err)
	}
}
