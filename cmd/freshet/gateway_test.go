package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/station"
)

// The command says what a running gateway holds, in both languages and as JSON,
// and its exit tells whether there is trouble.
func TestGatewayStatus(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	file := filepath.Join(dir, "gateway.yaml")
	text := fmt.Sprintf("name: here\nserver: {address: %q}\nspool: {dir: spool, min_free: 1MiB}\nstatus: {listen: \"127.0.0.1:0\"}\ninputs:\n"+
		"  - {kind: sl651, listen: \"127.0.0.1:0\", settings: {unlisted: refuse}}\n", nobody)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := station.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := station.Start(t.Context(), c, station.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	call := func(args ...string) (string, error) {
		cmd := root()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs(append([]string{"gateway", "status", "--status", s.HTTPAddr()}, args...))
		err := cmd.ExecuteContext(context.WithoutCancel(t.Context()))
		return out.String(), err
	}
	if out, err := call("--lang", "en"); err != nil || !strings.Contains(out, "gateway here") || !strings.Contains(out, "no troubles") {
		t.Errorf("%v\n%s", err, out)
	}
	bad := hydro.Raw{Station: "s1", Variable: hydro.Storage} // no report of hydrology carries storage
	if err := s.Gateway().Put(t.Context(), hydro.Hydrology, []hydro.Raw{bad}); err != nil {
		t.Fatal(err)
	}
	if out, err := call("--lang", "zh"); !errors.Is(err, errTroubles) || !strings.Contains(out, "拒收") || !strings.Contains(out, "s1") || !strings.Contains(out, "unsendable") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := call("--json")
	var st station.Status
	if err2 := json.Unmarshal([]byte(out), &st); !errors.Is(err, errTroubles) || err2 != nil || st.Refused["unsendable"] != 1 || len(st.LastRefused) != 1 {
		t.Errorf("%v, %v\n%s", err, err2, out)
	}
}

func TestAGatewayWithAWrongConfigurationIsAnInvalidCall(t *testing.T) {
	cmd := root()
	cmd.SetArgs([]string{"gateway", "--config", filepath.Join(t.TempDir(), "none.yaml")})
	if err := cmd.ExecuteContext(t.Context()); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("%v", err)
	}
	cmd = root()
	cmd.SetArgs([]string{"gateway", "statsu"})
	if err := cmd.ExecuteContext(t.Context()); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("a wrong command: %v", err)
	}
}
