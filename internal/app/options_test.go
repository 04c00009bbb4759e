package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"freshet/internal/app"
	"freshet/internal/hydro"
)

func configure(t *testing.T, args []string, file string, env ...string) (app.Options, error) {
	t.Helper()
	o := app.DefaultOptions()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "freshet.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o, app.Configure(fs, path, env)
}

func TestCommandLineGoesBeforeEnvironmentBeforeFile(t *testing.T) {
	o, err := configure(t, []string{"--tick", "1s"}, "tick: 3s\nfuture: 30m\nqueue: 1000\n", "FRESHET_TICK=2s", "FRESHET_FUTURE=20m", "PATH=/bin")
	if err != nil {
		t.Fatal(err)
	}
	if o.Tick != time.Second || o.Future != 20*time.Minute || o.Queue != 1000 {
		t.Fatalf("tick %s, future %s, queue %d", o.Tick, o.Future, o.Queue)
	}
}

func TestWrongKeysAndValuesAreErrorsThatNameThePlace(t *testing.T) {
	_, err := configure(t, nil, "tick: 3s\ninflux_url: http://x\nqueue: many\n", "FRESHET_TOCK=1s", "FRESHET_PAST=yesterday")
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Fatalf("error: %v", err)
	}
	for _, want := range []string{"freshet.yaml:2", `"influx_url"`, "influx-url", "freshet.yaml:3", "FRESHET_TOCK", "FRESHET_PAST"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestEveryOptionOutOfRangeIsListed(t *testing.T) {
	o := app.DefaultOptions()
	o.Data, o.Store, o.Clock, o.Tick, o.Queue, o.LogLevel, o.LogMaxAge = "", "sqlite", "sun", 0, -1, "loud", -time.Second
	err := o.Validate()
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Fatalf("error: %v", err)
	}
	for _, want := range []string{"--data", "--store", "--clock", "--tick", "--queue", "--log-level", "--log-max-age"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s:\n%v", want, err)
		}
	}
	if err := (&o).Validate(); err == nil {
		t.Error("invalid options passed")
	}
	d := app.DefaultOptions()
	if err := d.Validate(); err != nil {
		t.Errorf("the defaults do not pass: %v", err)
	}
}

func TestTheShippedConfigurationIsValid(t *testing.T) {
	data, err := os.ReadFile("../../deploy/freshet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o, err := configure(t, nil, string(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestAServerBeyondLoopbackNeedsTLSOrTheWord(t *testing.T) {
	for _, c := range []struct {
		grpc, http string
		change     func(*app.Options)
		refused    []string // what the error names; none: it starts
	}{
		{"127.0.0.1:7070", "localhost:8080", nil, nil},
		{"[::1]:7070", "127.0.0.9:8080", nil, nil},
		{":7070", "127.0.0.1:8080", nil, []string{"--grpc: :7070", "--tls-cert", "freshet token create", "--insecure", "127.0.0.1"}},
		{"127.0.0.1:7070", "0.0.0.0:8080", nil, []string{"--http: 0.0.0.0:8080", "--tls-key"}},
		{"[::]:7070", "gauge.example:8080", nil, []string{"--grpc: [::]:7070", "--http: gauge.example:8080"}},
		{":7070", ":8080", func(o *app.Options) { o.Auth = true }, []string{"--grpc", "--http"}}, // tokens in clear text
		{":7070", ":8080", func(o *app.Options) { o.Insecure = true }, nil},
		{":7070", ":8080", func(o *app.Options) { o.TLSCert, o.TLSKey = "c.pem", "k.pem" }, nil},
		{"127.0.0.1:1", "127.0.0.1:2", func(o *app.Options) { o.TLSCert = "c.pem" }, []string{"--tls-key"}},
		{"127.0.0.1:1", "127.0.0.1:2", func(o *app.Options) { o.TLSKey = "k.pem" }, []string{"--tls-cert"}},
		{"127.0.0.1:1", "127.0.0.1:2", func(o *app.Options) { o.TLSClientCA = "ca.pem" }, []string{"--tls-client-ca"}},
		{"127.0.0.1:1", "127.0.0.1:2", func(o *app.Options) { o.LimitCalls, o.LimitStreams = 0, -1 }, []string{"--limit-calls", "--limit-streams"}},
	} {
		o := app.DefaultOptions()
		o.GRPC, o.HTTP = c.grpc, c.http
		if c.change != nil {
			c.change(&o)
		}
		err := o.Validate()
		if (err != nil) != (len(c.refused) > 0) || err != nil && !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s and %s: %v", c.grpc, c.http, err)
			continue
		}
		for _, want := range c.refused {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s and %s: the error does not say %q:\n%v", c.grpc, c.http, want, err)
			}
		}
	}
}
