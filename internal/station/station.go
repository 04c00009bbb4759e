package station

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"freshet/ingest/gateway"
	"freshet/ingest/gateway/input"
	"freshet/ingest/gateway/spool"
	"freshet/internal/certs"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/wire"
)

// Options are what a station does not read from its configuration.
type Options struct {
	Now      func() time.Time // required
	Stdin    io.Reader        // of an input of kind stdin
	Logger   *slog.Logger     // nil: nobody hears
	Registry *prometheus.Registry
	Backoff  client.Backoff // of the link; zero: 100 ms to 5 s
	Retry    time.Duration  // after the centre did not let the gateway in; zero: 10 s
}

// An inlet is one running input.
type inlet interface {
	Run(ctx context.Context) error
	Status() input.Status
}

// A Station is a running gateway.
type Station struct {
	config  *Config
	opts    Options
	spool   *spool.Spool
	conn    *grpc.ClientConn
	gateway *gateway.Gateway
	healer  *healer // nil: nothing is compared
	inlets  []inlet
	http    net.Listener
	started time.Time

	closers []func() error
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // valid after done
}

// Run runs a gateway until ctx is done, a part of it fails, or, if all inputs
// come to an end, what they brought is with the centre.
func Run(ctx context.Context, c *Config, o Options) error {
	s, err := Start(ctx, c, o)
	if err != nil {
		return err
	}
	return s.Wait()
}

// Start opens everything and returns while it runs.
func Start(ctx context.Context, c *Config, o Options) (_ *Station, err error) {
	if o.Now == nil {
		return nil, fmt.Errorf("gateway: a clock is needed: %w", hydro.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
		o.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	if o.Backoff == (client.Backoff{}) {
		o.Backoff = client.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second} // a fresh reading waits no longer for a server that has come back
	}
	s := &Station{config: c, opts: o, done: make(chan struct{}), started: o.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeAll())
		}
	}()
	if s.spool, err = spool.Open(spool.Options{
		Dir: c.Spool.Dir, MaxBytes: c.Spool.MaxBytes, MinFree: c.Spool.MinFree, DropOldest: c.Spool.DropOldest, Live: c.Spool.Live,
		KeepRefused: c.Spool.KeepRefused, Now: o.Now, Logger: o.Logger,
	}); err != nil {
		return nil, err
	}
	s.onClose(s.spool.Close)
	if s.conn, err = c.Server.dial(); err != nil {
		return nil, err
	}
	s.onClose(s.conn.Close)
	var accepted func(hydro.Department, []hydro.Raw) error
	if c.Reconcile.Keep > 0 {
		if s.healer, err = newHealer(s, o); err != nil {
			return nil, err
		}
		s.onClose(s.healer.ledger.Close)
		accepted = s.healer.record
	}
	if s.gateway, err = gateway.New(gateway.Options{
		Spool: s.spool, Open: Uplinks(s.conn, c.Name, o.Backoff, o.Logger, s.spool.Dropped, s.reportFaster), Sendable: wire.Sendable, Accepted: accepted, BacklogShare: c.Spool.BacklogShare, Retry: o.Retry,
		Registerer: o.Registry, Now: o.Now, Logger: o.Logger,
	}); err != nil {
		return nil, err
	}
	if c.Status != "" {
		var lc net.ListenConfig
		if s.http, err = lc.Listen(ctx, "tcp", c.Status); err != nil {
			return nil, fmt.Errorf("status page: %w", err)
		}
		s.onClose(closed(s.http))
	}
	for i := range c.Inputs {
		in, err := s.inlet(ctx, &c.Inputs[i])
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", c.Inputs[i].Name, err)
		}
		s.inlets = append(s.inlets, in)
	}
	s.run(ctx)
	return s, nil
}

func (s *Station) inlet(ctx context.Context, c *Input) (inlet, error) {
	common := input.Common{Name: c.Name, Put: s.gateway.Put, Now: s.opts.Now, Logger: s.opts.Logger}
	switch c.Kind {
	case "folder":
		return input.NewFolder(input.FolderOptions{
			Common: common, Dir: c.Dir, Pattern: c.Files, Map: c.Map, Settle: c.Settle, Every: c.Every, Keep: c.Keep,
		})
	case "stdin":
		if s.opts.Stdin == nil {
			return nil, fmt.Errorf("there is no standard input: %w", hydro.ErrInvalid)
		}
		return input.NewLines(input.LinesOptions{Common: common, From: s.opts.Stdin, Map: c.Map})
	case "sl651":
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", c.Listen)
		if err != nil {
			return nil, err
		}
		s.onClose(closed(l))
		return input.NewRTU(input.RTUOptions{
			Common: common, Listen: l, Settings: c.Stations, MaxConns: c.MaxConns, HangUp: c.HangUp,
			Faster: filepath.Join(s.config.Spool.Dir, "FASTER-"+url.PathEscape(c.Name)),
		})
	case "mqtt":
		secure, err := certs.Client(c.CA, "", "")
		if err != nil {
			return nil, err
		}
		return input.NewMQTT(input.MQTTOptions{
			Common: common, Broker: c.Broker, ClientID: cmp.Or(c.ClientID, s.config.Name), Topics: c.Topics, Username: c.Username,
			PasswordFile: c.PasswordFile, TLS: secure, Map: c.Map,
		})
	case "sql":
		return input.NewSQL(input.SQLOptions{
			Common: common, Driver: c.Driver, DSNFile: c.DSNFile, Query: c.Query, TimeColumn: c.TimeColumn, Map: c.Map,
			Every: c.Every, Overlap: c.Overlap, Reach: c.Reach, MarkFile: filepath.Join(s.config.Spool.Dir, "MARK-"+url.PathEscape(c.Name)),
		})
	default:
		return nil, fmt.Errorf("%q is no kind of input: %w", c.Kind, hydro.ErrInvalid)
	}
}

// reportFaster passes the centre's requests on to the inputs whose stations can be
// told.
func (s *Station) reportFaster(d hydro.Department, asked []input.Faster) {
	for _, in := range s.inlets {
		if r, ok := in.(*input.RTU); ok {
			r.ReportFaster(d, asked)
		}
	}
}

// run starts the parts.
func (s *Station) run(parent context.Context) {
	ctx, cancel := context.WithCancel(parent)
	s.cancel = cancel
	g, ctx := errgroup.WithContext(ctx)
	inputs, inputsCtx := errgroup.WithContext(ctx)
	for _, in := range s.inlets {
		inputs.Go(func() error { return in.Run(inputsCtx) })
	}
	g.Go(func() error {
		if err := inputs.Wait(); err != nil || ctx.Err() != nil {
			return err
		}
		err := s.Drained(ctx)
		cancel() // nothing is left to do
		return err
	})
	g.Go(func() error { return s.gateway.Run(ctx) })
	if s.healer != nil {
		g.Go(func() error { return s.healer.run(ctx) })
	}
	if s.http != nil {
		g.Go(func() error { return s.serveHTTP(ctx) })
	}
	go func() {
		defer close(s.done)
		err := g.Wait()
		cancel()
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		s.err = errors.Join(err, s.closeAll())
	}()
}

// Drained returns when the spool is empty.
func (s *Station) Drained(ctx context.Context) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		st, err := s.spool.Stats()
		if err != nil || st.Readings == 0 {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Wait returns when the station has stopped.
func (s *Station) Wait() error {
	<-s.done
	return s.err
}

// Close stops the station and waits for it. What is in the spool stays there.
func (s *Station) Close() error {
	s.cancel()
	return s.Wait()
}

// Gateway returns what takes values besides the inputs.
func (s *Station) Gateway() *gateway.Gateway { return s.gateway }

// HTTPAddr returns the address of the status page, "" if there is none.
func (s *Station) HTTPAddr() string {
	if s.http == nil {
		return ""
	}
	return s.http.Addr().String()
}

// Addr returns where the stations of the input of that name dial in, nil if it
// has no such address.
func (s *Station) Addr(name string) net.Addr {
	for _, in := range s.inlets {
		if rtu, ok := in.(*input.RTU); ok && rtu.Status().Name == name {
			return rtu.Addr()
		}
	}
	return nil
}

func (s *Station) onClose(f func() error) { s.closers = append(s.closers, f) }

// closeAll closes what was opened, last opened first.
func (s *Station) closeAll() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// closed closes l; its server may have done so before.
func closed(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
