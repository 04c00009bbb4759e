package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"freshet/internal/hydro"
)

// Options say how the server runs. Each one is a flag; the configuration file
// and the environment use the same names (see Configure).
type Options struct {
	Data    string // folder of the log and the embedded store
	Catalog string // folder of the catalogue

	GRPC string // address of the gRPC server; port 0 picks one
	HTTP string // address of the HTTP server; port 0 picks one

	TLSCert     string // file of the certificate of both servers, PEM; "": no TLS
	TLSKey      string // file of its key, PEM
	TLSClientCA string // file of the CAs of gateways' certificates, PEM; "": tokens only
	Auth        bool   // ask callers who they are even where only this machine reaches the server
	Insecure    bool   // let others than this machine reach a server without TLS, and without asking who they are unless Auth

	SessionIdle time.Duration // a session at a browser ends when it goes unused for that long; an open feed is use
	SessionMax  time.Duration // and after that long in any case

	OIDCIssuer   string // address of an OpenID Connect provider; "": tokens only
	OIDCClient   string // this server's id there
	OIDCSecret   string // file of its secret there; "": it has none
	OIDCRedirect string // this server's callback, as the provider knows it
	OIDCMembers  string // file that says which claims give which role

	LimitCalls       float64 // calls and new streams of one principal in a second
	LimitFrames      float64 // frames of one principal in a second; more are slowed
	LimitStreams     int     // open streams of one principal
	LimitMessage     int     // bytes of one message
	LimitConnections int     // connections of each listener

	NATS         string        // URL of an external NATS server; "" runs the log inside this process
	NATSReplicas int           // copies of each stream on an external cluster
	LogMaxAge    time.Duration // how long the log keeps messages; 0 for ever

	Store        string // "pebble" or "influx"
	InfluxURL    string
	InfluxOrg    string
	InfluxBucket string
	InfluxToken  string

	CAPCert   string // file of the certificate that signs CAP messages, PEM; "": they are not signed
	CAPKey    string // file of its RSA key, PEM
	Templates string // folder with an office's own sentences of briefing packs; empty: those shipped
	CAPPublic bool   // everybody may read CAP messages that are out and meant for the public

	Notify string // file of the receivers that warnings are sent to; "": none

	Clock string        // "wall", or "driven" by ClockService
	Tick  time.Duration // between ticks of the wall clock
	// Settle is how long readings are given to come in before a forecast starts
	// from them, on the wall clock.
	Settle time.Duration

	SnapshotEvery int // inputs between snapshots of an engine's state
	// MilestoneEvery is the engine time between states that are kept so that earlier
	// instants are quick to look at; 0: none are kept. MilestoneKeep is for how long.
	MilestoneEvery, MilestoneKeep time.Duration

	Future time.Duration // how far a reading may lie ahead of the clock
	Past   time.Duration // how old a live reading may be
	Queue  int           // readings that may wait for the disk, per basin

	LogLevel  string // "debug", "info", "warn" or "error"
	LogFormat string // "text" or "json"

	// Not flags: for callers inside the program.
	Logger   *slog.Logger         // nil: as LogLevel and LogFormat say
	Registry *prometheus.Registry // nil: a new one
	Wall     func() time.Time     // the clock by which credentials expire; nil: the machine's
	Recheck  time.Duration        // between looks at who has a stream open; 0: a second
	// NotifyWait is how receivers that are down are waited for; nil: by the machine's clock.
	NotifyWait func(ctx context.Context, d time.Duration) error
}

// DefaultOptions returns the options of a server on one machine: embedded log,
// embedded store, wall clock.
func DefaultOptions() Options {
	return Options{
		Data: "data", Catalog: "deploy/catalog/tanjiang",
		GRPC: "127.0.0.1:7070", HTTP: "127.0.0.1:8080",
		SessionIdle: time.Hour, SessionMax: 24 * time.Hour,
		LimitCalls: 50, LimitFrames: 500, LimitStreams: 16, LimitMessage: 4 << 20, LimitConnections: 10_000,
		NATSReplicas: 1,
		Store:        "pebble", InfluxURL: "http://127.0.0.1:8086", InfluxOrg: "freshet", InfluxBucket: "freshet",
		Clock: "wall", Tick: 10 * time.Second, Settle: 60 * time.Second,
		SnapshotEvery: 5000, MilestoneEvery: time.Hour, MilestoneKeep: 45 * 24 * time.Hour, Future: 10 * time.Minute, Past: 40 * 24 * time.Hour, Queue: 400_000,
		LogLevel: "info", LogFormat: "text",
	}
}

// Flags adds one flag per option to fs, with the values of o as defaults.
func (o *Options) Flags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Data, "data", o.Data, "folder of the log and of the embedded store")
	fs.StringVar(&o.Catalog, "catalog", o.Catalog, "folder of the catalogue")
	fs.StringVar(&o.GRPC, "grpc", o.GRPC, "address of the gRPC server")
	fs.StringVar(&o.HTTP, "http", o.HTTP, "address of the HTTP server")
	fs.StringVar(&o.TLSCert, "tls-cert", o.TLSCert, "file of the certificate of both servers, PEM; replaced files are used without a restart")
	fs.StringVar(&o.TLSKey, "tls-key", o.TLSKey, "file of the key of that certificate, PEM")
	fs.StringVar(&o.TLSClientCA, "tls-client-ca", o.TLSClientCA, "file of the CAs that sign gateways' certificates, PEM; empty: tokens only")
	fs.BoolVar(&o.Auth, "auth", o.Auth, "ask every caller for a token or a certificate, on the loopback interface too; beyond it they always are asked")
	fs.BoolVar(&o.Insecure, "insecure", o.Insecure, "let other machines reach a server that has no TLS and asks nobody who they are: everybody may do everything")
	fs.DurationVar(&o.SessionIdle, "session-idle", o.SessionIdle, "how long a session at a browser may go unused; an open feed is use")
	fs.DurationVar(&o.SessionMax, "session-max", o.SessionMax, "how long a session at a browser lasts at most")
	fs.StringVar(&o.OIDCIssuer, "oidc-issuer", o.OIDCIssuer, "address of an OpenID Connect provider with which people may sign in; empty: tokens only")
	fs.StringVar(&o.OIDCClient, "oidc-client-id", o.OIDCClient, "this server's id at that provider")
	fs.StringVar(&o.OIDCSecret, "oidc-secret-file", o.OIDCSecret, "file of this server's secret at that provider; empty: it has none")
	fs.StringVar(&o.OIDCRedirect, "oidc-redirect", o.OIDCRedirect, "where the provider sends people back, e.g. https://freshet.example/auth/openid/callback")
	fs.StringVar(&o.OIDCMembers, "oidc-members", o.OIDCMembers, "file that says which of the provider's claims give which role")
	fs.Float64Var(&o.LimitCalls, "limit-calls", o.LimitCalls, "calls and new streams of one token or certificate in a second")
	fs.Float64Var(&o.LimitFrames, "limit-frames", o.LimitFrames, "frames of one token or certificate in a second; more are slowed, not refused")
	fs.IntVar(&o.LimitStreams, "limit-streams", o.LimitStreams, "open streams of one token or certificate")
	fs.IntVar(&o.LimitMessage, "limit-message", o.LimitMessage, "bytes of one message")
	fs.IntVar(&o.LimitConnections, "limit-connections", o.LimitConnections, "connections of each listener")
	fs.StringVar(&o.NATS, "nats", o.NATS, "URL of an external NATS server for the log, e.g. nats://10.0.0.5:4222; empty: inside this process")
	fs.IntVar(&o.NATSReplicas, "nats-replicas", o.NATSReplicas, "copies of each stream on an external cluster")
	fs.DurationVar(&o.LogMaxAge, "log-max-age", o.LogMaxAge, "how long the log keeps messages; 0 for ever")
	fs.StringVar(&o.Store, "store", o.Store, "long history: pebble (embedded) or influx")
	fs.StringVar(&o.InfluxURL, "influx-url", o.InfluxURL, "InfluxDB server")
	fs.StringVar(&o.InfluxOrg, "influx-org", o.InfluxOrg, "InfluxDB organisation")
	fs.StringVar(&o.InfluxBucket, "influx-bucket", o.InfluxBucket, "InfluxDB bucket")
	fs.StringVar(&o.InfluxToken, "influx-token", o.InfluxToken, "InfluxDB token; better given as FRESHET_INFLUX_TOKEN")
	fs.StringVar(&o.CAPCert, "cap-cert", o.CAPCert, "file of the certificate that signs CAP messages, PEM; empty: they are not signed")
	fs.StringVar(&o.CAPKey, "cap-key", o.CAPKey, "file of the RSA key of that certificate, PEM")
	fs.StringVar(&o.Templates, "briefing-templates", o.Templates, "folder with your own templates of briefing packs (freshet briefing templates writes the shipped ones)")
	fs.BoolVar(&o.CAPPublic, "cap-public", o.CAPPublic, "let everybody read /cap/: messages that are out and of scope Public, never drafts")
	fs.StringVar(&o.Notify, "notify", o.Notify, "file of the receivers that warnings are sent to (see docs/formats/notify.md); empty: none")
	fs.StringVar(&o.Clock, "clock", o.Clock, "wall, or driven by ClockService (replays)")
	fs.DurationVar(&o.Tick, "tick", o.Tick, "time between decisions on the wall clock")
	fs.DurationVar(&o.Settle, "settle", o.Settle, "how long readings are given to come in before a forecast starts from them, on the wall clock")
	fs.IntVar(&o.SnapshotEvery, "snapshot-every", o.SnapshotEvery, "inputs between snapshots of an engine's state")
	fs.DurationVar(&o.MilestoneEvery, "milestone-every", o.MilestoneEvery, "engine time between states that are kept so that earlier instants are quick to look at; 0: none")
	fs.DurationVar(&o.MilestoneKeep, "milestone-keep", o.MilestoneKeep, "engine time for which they are kept; instants before that can still be looked at, and take longer")
	fs.DurationVar(&o.Future, "future", o.Future, "how far a reading may lie ahead of the clock")
	fs.DurationVar(&o.Past, "past", o.Past, "how old a live reading may be")
	fs.IntVar(&o.Queue, "queue", o.Queue, "readings per basin that may wait for the disk before gateways are slowed")
	fs.StringVar(&o.LogLevel, "log-level", o.LogLevel, "debug, info, warn or error")
	fs.StringVar(&o.LogFormat, "log-format", o.LogFormat, "text or json")
}

// Validate returns one error that lists everything wrong with o.
func (o *Options) Validate() error {
	var errs []error
	bad := func(name string, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: "+format+": %w", append(append([]any{name}, args...), hydro.ErrInvalid)...))
	}
	if o.Data == "" {
		bad("data", "name a folder")
	}
	if o.Catalog == "" {
		bad("catalog", "name a folder")
	}
	if o.Store != "pebble" && o.Store != "influx" {
		bad("store", "%q is neither pebble nor influx", o.Store)
	}
	if o.Store == "influx" && (o.InfluxURL == "" || o.InfluxBucket == "") {
		bad("influx-url", "the store influx needs influx-url and influx-bucket")
	}
	if o.Clock != "wall" && o.Clock != "driven" {
		bad("clock", "%q is neither wall nor driven", o.Clock)
	}
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"tick", o.Tick}, {"future", o.Future}, {"past", o.Past}, {"session-idle", o.SessionIdle}, {"session-max", o.SessionMax}} {
		if p.d <= 0 {
			bad(p.name, "%s is not above zero", p.d)
		}
	}
	for _, p := range []struct {
		name string
		n    int
	}{{"snapshot-every", o.SnapshotEvery}, {"queue", o.Queue}, {"nats-replicas", o.NATSReplicas}} {
		if p.n <= 0 {
			bad(p.name, "%d is not above zero", p.n)
		}
	}
	if o.MilestoneEvery < 0 || o.MilestoneEvery > 0 && o.MilestoneEvery < time.Minute {
		bad("milestone-every", "%s is neither 0 nor a minute or more", o.MilestoneEvery)
	}
	if o.MilestoneKeep < 0 {
		bad("milestone-keep", "%s is negative", o.MilestoneKeep)
	}
	if o.Settle < 0 || o.Settle > time.Hour {
		bad("settle", "%s is not between 0 and 1h", o.Settle)
	}
	if (o.CAPCert == "") != (o.CAPKey == "") {
		bad("cap-cert", "certificate and key belong together: give both --cap-cert and --cap-key, or neither")
	}
	if o.LogMaxAge < 0 {
		bad("log-max-age", "%s is negative", o.LogMaxAge)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
		bad("log-level", "%q is none of debug, info, warn, error", o.LogLevel)
	}
	if o.LogFormat != "text" && o.LogFormat != "json" {
		bad("log-format", "%q is neither text nor json", o.LogFormat)
	}
	return errors.Join(append(errs, o.validateAccess())...)
}

// Configure sets the flags of fs that the command line left alone, from the
// environment (FRESHET_LOG_LEVEL for --log-level) and then from a YAML file
// whose keys are the flags' names. A key or a FRESHET_ variable that is no flag
// is an error, and so is a value that does not parse; all are listed. FRESHET_TOKEN
// is for the commands that call a server. file may be "".
func Configure(fs *pflag.FlagSet, file string, environ []string) error {
	var errs []error
	set := map[string]bool{}
	fs.Visit(func(f *pflag.Flag) { set[f.Name] = true })
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		name, ours := strings.CutPrefix(key, "FRESHET_")
		if !ours {
			continue
		}
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if name == "config" || name == "token" {
			continue
		}
		if fs.Lookup(name) == nil {
			errs = append(errs, fmt.Errorf("environment: %s is no option: %w", key, hydro.ErrInvalid))
			continue
		}
		if set[name] {
			continue
		}
		if err := fs.Set(name, value); err != nil {
			errs = append(errs, fmt.Errorf("environment: %s: %w: %w", key, err, hydro.ErrInvalid))
		}
		set[name] = true
	}
	if file != "" {
		errs = append(errs, configureFile(fs, file, set)...)
	}
	return errors.Join(errs...)
}

func configureFile(fs *pflag.FlagSet, file string, set map[string]bool) []error {
	data, err := os.ReadFile(file)
	if err != nil {
		return []error{fmt.Errorf("configuration: %w: %w", err, hydro.ErrInvalid)}
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return []error{fmt.Errorf("configuration %s: %w: %w", file, err, hydro.ErrInvalid)}
	}
	var errs []error
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		var pairs []*ast.MappingValueNode
		switch n := doc.Body.(type) {
		case *ast.MappingNode:
			pairs = n.Values
		case *ast.MappingValueNode:
			pairs = []*ast.MappingValueNode{n}
		default:
			return []error{fmt.Errorf("configuration %s: write `option: value`, one a line: %w", file, hydro.ErrInvalid)}
		}
		for _, p := range pairs {
			place := fmt.Sprintf("%s:%d", file, p.Key.GetToken().Position.Line)
			name := p.Key.GetToken().Value
			if fs.Lookup(name) == nil {
				errs = append(errs, fmt.Errorf("%s: %q is no option%s: %w", place, name, nearest(fs, name), hydro.ErrInvalid))
				continue
			}
			var value any
			if err := yaml.NodeToValue(p.Value, &value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w: %w", place, err, hydro.ErrInvalid))
				continue
			}
			if set[name] {
				continue
			}
			if err := fs.Set(name, fmt.Sprint(value)); err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w: %w", place, name, err, hydro.ErrInvalid))
			}
		}
	}
	return errs
}

// nearest suggests the options that share the first part of a wrong name.
func nearest(fs *pflag.FlagSet, name string) string {
	head, _, _ := strings.Cut(strings.ReplaceAll(name, "_", "-"), "-")
	var like []string
	fs.VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, head) || strings.ReplaceAll(name, "_", "-") == f.Name {
			like = append(like, f.Name)
		}
	})
	if len(like) == 0 {
		return ""
	}
	slices.Sort(like)
	return " (did you mean " + strings.Join(like, ", ") + "?)"
}

func (o *Options) logger() *slog.Logger {
	if o.Logger != nil {
		return o.Logger
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
		level = slog.LevelInfo // Validate has refused it before
	}
	h := &slog.HandlerOptions{Level: level}
	if o.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, h))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, h))
}
