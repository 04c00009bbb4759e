// Package journal is Freshet's durable log: one in-log and one out-log per
// basin on NATS JetStream, with snapshots of the engine and the places of the
// log's readers beside them.
//
// By default the NATS server runs inside the process, without a listener, on a
// file store that syncs every message to the disk before it is acknowledged.
// With a URL the same code talks to a NATS server or cluster of the user, whose
// configuration must then say max_payload: 8MB, and sync_interval: always on a
// single machine, or three replicas.
//
// The messages are described in docs/formats/log.md. Every call is safe for
// concurrent use, except those of one [Publisher].
//
// Errors wrap one of hydro's kinds, or the context's error if the caller's
// context ended the call: [hydro.ErrInvalid] for a value that the log cannot
// hold, [hydro.ErrNotFound] for a basin that [Journal.EnsureBasin] did not make,
// [hydro.ErrConflict] for a publisher that another one has overtaken, and
// [hydro.ErrUnavailable] for all that may pass.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
)

// Options say where the log is.
type Options struct {
	// Dir is the folder of the embedded server's file store. It is made if need
	// be, and one process at a time can use it.
	Dir string
	// URL of an external NATS server with JetStream, e.g. "nats://host:4222".
	// Then Dir is not used.
	URL string
	// Replicas of each stream in a cluster; 0 means 1. The embedded server has 1.
	Replicas int
	// MaxAge drops messages older than this from both logs; 0 keeps all. It must
	// be longer than the oldest snapshot and the longest outage of the store.
	MaxAge time.Duration
	// Logger takes what the server and the connection have to say; nil for
	// nothing. The server's notices are at debug level.
	Logger *slog.Logger
}

func (o Options) validate() error {
	switch {
	case o.Dir == "" && o.URL == "":
		return fmt.Errorf("neither a folder nor a URL: %w", hydro.ErrInvalid)
	case o.Replicas < 0 || o.Replicas > 5:
		return fmt.Errorf("replicas: %d is not in 0 to 5: %w", o.Replicas, hydro.ErrInvalid)
	case o.URL == "" && o.Replicas > 1:
		return fmt.Errorf("replicas: the embedded server has one: %w", hydro.ErrInvalid)
	case o.MaxAge < 0 || (o.MaxAge > 0 && o.MaxAge < time.Minute):
		return fmt.Errorf("maximum age: %v is neither 0 nor a minute or more: %w", o.MaxAge, hydro.ErrInvalid)
	}
	return nil
}

const (
	// maxPayload is how large a message may be, of the embedded server and at least
	// of an external one. Batches stay far below it; a catalogue with its files, and
	// the forecast of a large basin with its bands, may need it.
	maxPayload = 8 << 20
	// requestTimeout bounds one request to the server. A disk that is busy may
	// take long for one sync.
	requestTimeout = 10 * time.Second
	// reconnectWait is the pause between attempts to reach one server again.
	reconnectWait = 250 * time.Millisecond
	// duplicates is the window in which JetStream looks for repeated message ids.
	// Freshet never repeats one, so it is as short as JetStream allows.
	duplicates = 100 * time.Millisecond
)

// A Journal is an open log.
type Journal struct {
	opts   Options
	log    *slog.Logger
	server *server.Server // nil if external
	unlock func() error
	conn   *nats.Conn
	js     jetstream.JetStream
	closed chan struct{} // when the connection is
	close  func() error

	mu      sync.Mutex
	readers map[*context.CancelFunc]struct{} // to be woken when the connection is back
}

// Open opens the log. An embedded server recovers its file store first, which
// takes a while after a crash. A folder that another process uses is an error
// that wraps [hydro.ErrConflict].
func Open(ctx context.Context, opts Options) (_ *Journal, err error) {
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.Replicas = max(opts.Replicas, 1)
	j := &Journal{opts: opts, log: opts.Logger.With("component", "journal"), closed: make(chan struct{}), readers: map[*context.CancelFunc]struct{}{}}
	j.close = sync.OnceValue(j.shutDown)
	defer func() {
		if err != nil {
			err = fmt.Errorf("open journal: %w", errors.Join(err, j.Close()))
		}
	}()
	connect := []nats.Option{
		nats.Name("freshet"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectBufSize(-1), // a lost connection is an error at once, not an unbounded queue
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			j.log.Warn("nats connection reports an error, readers resume by themselves", "err", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				j.log.Warn("nats connection lost, reconnecting", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			if err := j.roomy(); err != nil {
				j.log.Error("nats server takes too small messages, large ones will be refused", "err", err)
			}
			j.wakeReaders()
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(j.closed) }),
	}
	if opts.URL == "" {
		if err := j.serve(ctx); err != nil {
			return nil, err
		}
		connect = append(connect, nats.InProcessServer(j.server))
	}
	if j.conn, err = nats.Connect(opts.URL, connect...); err != nil {
		return nil, fmt.Errorf("connect: %w: %w", err, hydro.ErrUnavailable)
	}
	if err := j.roomy(); err != nil {
		return nil, err
	}
	js, err := jetstream.New(j.conn,
		jetstream.WithDefaultTimeout(requestTimeout), jetstream.WithPublishAsyncTimeout(requestTimeout))
	if err != nil {
		return nil, fmt.Errorf("connect: %w: %w", err, hydro.ErrUnavailable)
	}
	j.js = bounded{js}
	if _, err := js.AccountInfo(ctx); err != nil {
		return nil, fmt.Errorf("connect: %w", j.kind(ctx, err))
	}
	return j, nil
}

// roomy returns an error unless the server takes messages of maxPayload: else the
// first large one would stop a basin, in the middle of a flood rather than now.
func (j *Journal) roomy() error {
	if limit := j.conn.MaxPayload(); limit < maxPayload {
		return fmt.Errorf("nats server %s takes messages of up to %d bytes, and Freshet's may have %d (catalogues with their files, forecasts of large basins): "+
			"set max_payload: %dMB in the server's configuration, on each of a cluster, and reload it: %w", j.conn.ConnectedUrlRedacted(), limit, maxPayload, maxPayload>>20, hydro.ErrInvalid)
	}
	return nil
}

// serve starts the embedded server.
func (j *Journal) serve(ctx context.Context) error {
	dir, err := filepath.Abs(j.opts.Dir)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	if j.unlock, err = lock(dir); err != nil {
		return err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "freshet",
		DontListen: true,
		NoSigs:     true, // signals belong to main
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: true, // else an acknowledged message may be two minutes from the disk
		MaxPayload: maxPayload,
	})
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	srv.SetLoggerV2(serverLog{j.opts.Logger.With("component", "nats")}, false, false, false)
	j.server = srv
	srv.Start() // recovers the file store before it returns
	for !srv.ReadyForConnections(100 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for the server: %w", err)
		}
	}
	if !srv.JetStreamEnabled() {
		return fmt.Errorf("server: file store in %s did not open: %w", dir, hydro.ErrUnavailable)
	}
	return nil
}

// Close ends every call that is under way and shuts the embedded server down.
// Closing again does nothing.
func (j *Journal) Close() error { return j.close() }

func (j *Journal) shutDown() error {
	if j.conn != nil {
		j.conn.Close()
		<-j.closed
	}
	if j.server != nil {
		j.server.Shutdown()
		j.server.WaitForShutdown()
	}
	if j.unlock != nil {
		if err := j.unlock(); err != nil {
			return fmt.Errorf("close journal: %w", err)
		}
	}
	return nil
}

// Names of streams and subjects.

func inStream(basin string) string   { return "IN_" + basin }
func outStream(basin string) string  { return "OUT_" + basin }
func snapStream(basin string) string { return "SNAP_" + basin }

var basinName = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

func checkBasin(basin string) error {
	if !basinName.MatchString(basin) {
		return fmt.Errorf("basin %q: not 1 to 64 of a-z, 0-9, _ and -: %w", basin, hydro.ErrInvalid)
	}
	return nil
}

// EnsureBasin makes the basin's logs if they are not there, and gives them the
// settings of the Options if they are.
func (j *Journal) EnsureBasin(ctx context.Context, basin string) error {
	if err := checkBasin(basin); err != nil {
		return fmt.Errorf("ensure basin: %w", err)
	}
	for _, cfg := range []jetstream.StreamConfig{
		{Name: inStream(basin), Subjects: []string{"in." + basin + ".>"}, MaxAge: j.opts.MaxAge},
		{Name: outStream(basin), Subjects: []string{"out." + basin + ".>"}, MaxAge: j.opts.MaxAge},
		{Name: snapStream(basin), Subjects: []string{"snap." + basin + ".>"}, Compression: jetstream.S2Compression},
	} {
		cfg.Retention = jetstream.LimitsPolicy
		cfg.Storage = jetstream.FileStorage
		cfg.Replicas = j.opts.Replicas
		cfg.Duplicates = duplicates
		if _, err := j.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("ensure basin %s: stream %s: %w", basin, cfg.Name, j.kind(ctx, err))
		}
	}
	return nil
}

// wrongLastMsgID is the server's JSStreamWrongLastMsgIDErrF, which the client
// does not name.
const wrongLastMsgID jetstream.ErrorCode = 10070

// kind wraps an error of NATS with the kind that callers act on.
func (j *Journal) kind(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", err, ctx.Err())
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant, wrongLastMsgID:
			return fmt.Errorf("%w: %w", err, hydro.ErrConflict)
		case jetstream.JSErrCodeStreamNotFound, jetstream.JSErrCodeMessageNotFound:
			return fmt.Errorf("%w: %w", err, hydro.ErrNotFound)
		default: // may pass
		}
	}
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	return fmt.Errorf("%w: %w", err, hydro.ErrUnavailable)
}

// say files the server's own words under one key: they are its text, not ours.
func (l serverLog) say(level slog.Level, format string, v []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "nats server", "says", fmt.Sprintf(format, v...))
	}
}

// serverLog passes the server's words on to slog.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l serverLog) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
