// Package app is the composition root: it turns options into a running server.
//
// A running server is a log, a store, and for each basin of the catalogue an
// engine that follows the in-log, a writer that appends readings to it and an
// archive that follows the out-log; in front of them the gRPC and HTTP server.
// Nothing imports this package but cmd and tests.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"freshet/console"
	"freshet/ingest"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/kept"
	"freshet/internal/server"
	"freshet/internal/store"
	"freshet/internal/store/archive"
	"freshet/internal/store/influx"
	"freshet/internal/store/pebble"
)

// maxRehearsals are kept. Each has some 100 kB.
const maxRehearsals = 300

// An App is a running server.
type App struct {
	opts      Options
	logger    *slog.Logger
	catalog   *catalog.Catalog
	journal   *journal.Journal
	store     store.Store
	storeName string // in the archive's checkpoint
	basins    []*basin
	clock     *clock
	server    *server.Server
	metrics   *metrics
	rates     *server.RateBoard
	archives  []*archive.Archive

	grpc, http net.Listener
	closers    []closer
	cancel     context.CancelFunc
	done       chan struct{} // closed when everything has stopped
	err        error         // valid after done
	ready      chan struct{} // closed when the engines have caught up with the log
	early      bool          // the catalogue was in force before this start: ingest needs no replay
}

type closer struct {
	name  string
	close func() error
}

// Run starts a server and returns when ctx is done or a part of it fails.
func Run(ctx context.Context, opts Options) error {
	a, err := Start(ctx, opts)
	if err != nil {
		return err
	}
	a.logger.Info("serving", "grpc", a.GRPCAddr(), "http", a.HTTPAddr(), "catalogue", a.catalog.Name, "version", a.catalog.Version)
	return a.Wait()
}

// Start opens everything and returns while the engines catch up with the log;
// see Ready. Gateways may connect at once. The server runs until ctx is done or
// Close is called.
func Start(ctx context.Context, opts Options) (_ *App, err error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if opts.Registry == nil {
		opts.Registry = prometheus.NewRegistry()
		opts.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	a := &App{opts: opts, logger: opts.logger(), done: make(chan struct{}), ready: make(chan struct{}), metrics: newMetrics(opts.Registry)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.closeAll())
		}
	}()
	if a.catalog, err = catalog.LoadDir(opts.Catalog); err != nil {
		return nil, err
	}
	if a.catalog.Illustrative != "" {
		a.logger.Warn("the catalogue holds illustrative numbers", "mark", a.catalog.Illustrative)
	}
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	a.journal, err = journal.Open(ctx, journal.Options{
		Dir: filepath.Join(opts.Data, "log"), URL: opts.NATS, Replicas: opts.NATSReplicas, MaxAge: opts.LogMaxAge, Logger: a.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	a.onClose("log", a.journal.Close)
	if a.store, a.storeName, err = a.openStore(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	a.onClose("store", a.store.Close)

	a.rates = server.NewRateBoard()
	a.clock = &clock{wall: time.Now, driven: opts.Clock == "driven", every: opts.Tick, settle: opts.Settle, logger: a.logger}
	folds := make(chan struct{}, foldsAtOnce)
	for i := range a.catalog.Basins {
		id := a.catalog.Basins[i].ID
		b := &basin{
			id: id, catalog: a.catalog, log: a.journal, logger: a.logger.With("component", "engine", "basin", id), metrics: a.metrics,
			snapshotEvery: opts.SnapshotEvery, now: time.Now, rates: a.rates, durable: make(chan struct{}), past: past{folds: folds},
		}
		if err := b.recover(ctx); err != nil {
			return nil, fmt.Errorf("recover basin %s: %w", id, err)
		}
		if err := b.openMilestones(ctx, opts); err != nil {
			return nil, fmt.Errorf("milestones of basin %s: %w", id, err)
		}
		b.start = b.head.Load()
		a.basins = append(a.basins, b)
	}
	a.clock.basins = a.basins
	a.early = !a.clock.driven // a driven clock's time comes with the replay
	for _, b := range a.basins {
		a.early = a.early && b.version == a.catalog.Version
	}
	a.metrics.watchLag(opts.Registry, a.basins)
	return a, a.start(ctx)
}

// start builds every role before it lets the first one run, so that a failure
// starts none.
func (a *App) start(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	a.cancel = cancel
	g, ctx := errgroup.WithContext(ctx)

	var roles []func(context.Context) error
	writers := map[string]*ingest.Writer{}
	var basins []server.Basin
	archived := archive.NewMetrics(a.opts.Registry)
	busy := func() bool {
		for _, w := range writers {
			if w.Busy() {
				return true
			}
		}
		return false
	}
	for _, b := range a.basins {
		w := ingest.NewWriter(b.id, inlog{b}, ingest.WriterOptions{Now: a.clock.Now, Logger: a.logger, Queue: a.opts.Queue})
		writers[b.id] = w
		roles = append(roles, b.run, w.Run, b.milestones.run)
		basins = append(basins, server.Basin{ID: b.id, Engine: b, Commands: b, Explain: b, Past: b})
		r, err := archive.New(a.journal, a.store, archive.Options{
			Basin: b.id, Store: a.storeName, Busy: busy, Now: time.Now, Logger: a.logger, Metrics: archived,
		})
		if err != nil {
			return err
		}
		a.archives = append(a.archives, r)
		roles = append(roles, r.Run)
	}
	outboxes, err := a.openNotify()
	if err != nil {
		return err
	}
	for _, o := range outboxes {
		roles = append(roles, o.Run)
	}
	gateways := server.NewGatewayBook(a.wall)
	ingestServer, err := server.NewIngest(server.IngestOptions{
		Catalog: a.catalog, Limits: ingest.Limits{Future: a.opts.Future, Past: a.opts.Past},
		Writer: func(basin string) *ingest.Writer { return writers[basin] }, Log: inlogs(a.basins),
		Now: a.ingestNow, Registerer: a.opts.Registry, Rates: a.rates, Logger: a.logger, Store: a.store, Lag: a.lag,
		Gateways: gateways,
	})
	if err != nil {
		return err
	}
	source, access, err := a.openAccess()
	if err != nil {
		return err
	}
	messages, err := a.openCAP()
	if err != nil {
		return err
	}
	templates, err := a.openTemplates()
	if err != nil {
		return err
	}
	a.server, err = server.New(server.Options{
		CAP: messages, PackTemplates: templates,
		Rehearsals: kept.Open(filepath.Join(a.opts.Data, "rehearsals"), maxRehearsals),
		Catalog:    func() *catalog.Catalog { return a.catalog }, Basins: basins, Feed: a.journal, Record: a.journal, Store: a.store, Clock: a.clock,
		Ready: a.Ready, Ingest: ingestServer, Gateways: gateways, Lag: a.lag, Archived: a.archived, Registerer: a.opts.Registry, Gatherer: a.opts.Registry, Logger: a.logger,
		Console: console.Handler(), TLS: source, Auth: access, Insecure: a.opts.insecure(), MaxMessage: a.opts.LimitMessage, MaxConnections: a.opts.LimitConnections,
	})
	if err != nil {
		return err
	}

	g.Go(func() error { return a.catchUp(ctx) })
	g.Go(func() error { return a.server.Serve(ctx, a.grpc, a.http) })
	for _, run := range roles {
		g.Go(func() error { return run(ctx) })
	}
	go func() {
		defer close(a.done)
		a.err = errors.Join(ignoreCanceled(g.Wait()), a.saveSnapshots(parent), a.closeAll())
	}()
	return nil
}

// catchUp waits until the engines have applied what the log held at the start,
// puts the catalogue in force if it is a new one, and then starts the clock.
func (a *App) catchUp(ctx context.Context) error {
	for _, b := range a.basins {
		if err := b.wait(ctx, b.start); err != nil {
			return ignoreCanceled(err)
		}
	}
	a.clock.recover()
	for _, b := range a.basins {
		at := a.clock.Now()
		if at.IsZero() { // a driven clock before its first tick
			at = time.Now().UTC()
		}
		change := hydro.CatalogueChange{Version: a.catalog.Version, Files: a.catalog.Files(), At: at}
		if err := b.putInForce(ctx, change); err != nil {
			return ignoreCanceled(err)
		}
	}
	for _, b := range a.basins {
		b.serving.Store(true)
		b.tellRates()
	}
	close(a.ready)
	a.logger.Info("caught up with the log", "engine_time", a.clock.Now())
	if !a.clock.driven {
		a.clock.run(ctx)
	}
	return nil
}

// ingestNow is the clock of ingest: zero, which lets gateways come again, until
// the catalogue that their readings are normalised by is in force. If it was so
// before the start, they need not wait for the replay: a server that comes back
// in the midst of a flood takes readings at once.
func (a *App) ingestNow() time.Time {
	if a.early {
		return a.clock.Now()
	}
	select {
	case <-a.ready:
		return a.clock.Now()
	default:
		return time.Time{}
	}
}

// Ready returns nil once the engines have caught up with what the log held when
// the server started, and while the clock moves them; else the reason why not.
func (a *App) Ready() error {
	select {
	case <-a.ready:
		return a.clock.check()
	default:
	}
	for _, b := range a.basins {
		if applied := b.applied.Load(); applied < b.start {
			return fmt.Errorf("basin %s is catching up with the log: %d of %d inputs applied: %w", b.id, applied, b.start, hydro.ErrUnavailable)
		}
	}
	return fmt.Errorf("the catalogue is being put in force: %w", hydro.ErrUnavailable)
}

// WaitReady returns when Ready does not complain any more.
func (a *App) WaitReady(ctx context.Context) error {
	select {
	case <-a.ready:
		return nil
	case <-a.done:
		return fmt.Errorf("stopped before it was ready: %w", errors.Join(a.err, hydro.ErrUnavailable))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// GRPCAddr and HTTPAddr return the addresses that the server listens on.
func (a *App) GRPCAddr() string { return a.grpc.Addr().String() }

// HTTPAddr returns the address of the HTTP server.
func (a *App) HTTPAddr() string { return a.http.Addr().String() }

// Catalog returns the catalogue in force.
func (a *App) Catalog() *catalog.Catalog { return a.catalog }

// Store returns the store of long history.
func (a *App) Store() store.Store { return a.store }

// Registry returns the metrics of this server.
func (a *App) Registry() *prometheus.Registry { return a.opts.Registry }

// WaitApplied returns when all outputs of the inputs that were on the log when it
// was called are on the out-log: WaitArchived then waits for all of them.
func (a *App) WaitApplied(ctx context.Context) error {
	for _, b := range a.basins {
		last, err := a.journal.LastInput(ctx, b.id)
		if err != nil {
			return err
		}
		if err := b.wait(ctx, last); err != nil {
			return err
		}
	}
	return nil
}

// WaitArchived returns when the archive has stored all outputs that were on the
// log when it was called.
func (a *App) WaitArchived(ctx context.Context) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for i, b := range a.basins {
		last, err := a.journal.LastOutput(ctx, b.id)
		if err != nil {
			return err
		}
		for a.archives[i].Done() < last.Seq {
			select {
			case <-t.C:
			case <-ctx.Done():
				return ctx.Err()
			case <-a.done:
				return fmt.Errorf("stopped: %w", errors.Join(a.err, hydro.ErrUnavailable))
			}
		}
	}
	return nil
}

// Archived returns how many observations the archive has written since the
// start, and how many outputs it is behind the log.
func (a *App) Archived() (written, lag uint64) {
	for _, r := range a.archives {
		written += r.Written()
		lag += r.Lag()
	}
	return written, lag
}

// lag returns by how many outputs the history of a basin is behind the log.
func (a *App) lag(basin string) uint64 {
	for i, b := range a.basins {
		if b.id == basin {
			return a.archives[i].Lag()
		}
	}
	return 0
}

// archived returns up to which output of a basin the history has everything.
func (a *App) archived(basin string) uint64 {
	for i, b := range a.basins {
		if b.id == basin {
			return a.archives[i].Done()
		}
	}
	return 0
}

// Query calls f with the engine of a basin; see basin.Query. An unknown basin
// is not called.
func (a *App) Query(id string, f func(*engine.Engine)) {
	for _, b := range a.basins {
		if b.id == id {
			b.Query(f)
		}
	}
}

// Inputs yields what the in-log of a basin holds now, from its start.
func (a *App) Inputs(ctx context.Context, id string) iter.Seq2[hydro.Input, error] {
	return func(yield func(hydro.Input, error) bool) {
		last, err := a.journal.LastInput(ctx, id)
		if err != nil {
			yield(hydro.Input{}, err)
			return
		}
		if last == 0 {
			return
		}
		for in, err := range a.journal.Inputs(ctx, id, 0) {
			if !yield(in, err) || err != nil || in.Seq >= last {
				return
			}
		}
	}
}

// Wait returns when the server has stopped.
func (a *App) Wait() error {
	<-a.done
	return a.err
}

// Close stops the server and waits for it.
func (a *App) Close() error {
	a.cancel()
	return a.Wait()
}

// saveSnapshots shortens the next start. It is a courtesy: a start after a
// crash replays from the last regular snapshot.
func (a *App) saveSnapshots(parent context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), 5*time.Second)
	defer cancel()
	for _, b := range a.basins {
		if err := b.lastSnapshot(ctx); err != nil {
			a.logger.Warn("no snapshot taken, the next start replays more", "basin", b.id, "err", err)
		}
	}
	return nil
}

// openStore opens the store and says what the archive's checkpoint calls it:
// another store, or one that was deleted and made anew, has another name and is
// filled from the start of the log.
func (a *App) openStore() (s store.Store, name string, err error) {
	if a.opts.Store == "influx" {
		s, err = influx.Open(influx.Options{
			URL: a.opts.InfluxURL, Org: a.opts.InfluxOrg, Bucket: a.opts.InfluxBucket, Token: a.opts.InfluxToken, CreateBucket: true,
		})
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%s\n%s\n%s", a.opts.InfluxURL, a.opts.InfluxOrg, a.opts.InfluxBucket) // never fails
		return s, fmt.Sprintf("influx-%016x", h.Sum64()), err
	}
	dir := filepath.Join(a.opts.Data, "store")
	s, err = pebble.Open(pebble.Options{Dir: dir, Logger: a.logger})
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(dir, "FRESHET-STORE") // goes with the folder
	id, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		id = []byte("pebble-" + strings.ToLower(rand.Text()))
		err = os.WriteFile(file, id, 0o600)
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("name of the store: %w", err), s.Close())
	}
	return s, strings.TrimSpace(string(id)), nil
}

func (a *App) listen(ctx context.Context) (err error) {
	var lc net.ListenConfig
	if a.grpc, err = lc.Listen(ctx, "tcp", a.opts.GRPC); err != nil {
		return fmt.Errorf("listen on --grpc %s: %w", a.opts.GRPC, err)
	}
	a.onClose("grpc listener", closeListener(a.grpc))
	if a.http, err = lc.Listen(ctx, "tcp", a.opts.HTTP); err != nil {
		return fmt.Errorf("listen on --http %s: %w", a.opts.HTTP, err)
	}
	a.onClose("http listener", closeListener(a.http))
	return nil
}

// closeListener closes l; the server may have done so before.
func closeListener(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

func (a *App) onClose(name string, f func() error) { a.closers = append(a.closers, closer{name, f}) }

// closeAll closes what was opened, last opened first.
func (a *App) closeAll() error {
	var errs []error
	for _, v := range slices.Backward(a.closers) {
		if err := v.close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", v.name, err))
		}
	}
	a.closers = nil
	return errors.Join(errs...)
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// An inlog lets ingest append to a basin's log without choosing another basin's.
type inlog struct{ b *basin }

func (l inlog) AppendInput(ctx context.Context, _ string, in hydro.Input) (uint64, error) {
	return l.b.AppendInput(ctx, in)
}

// inlogs are the in-logs of all basins.
type inlogs []*basin

func (l inlogs) AppendInput(ctx context.Context, id string, in hydro.Input) (uint64, error) {
	for _, b := range l {
		if b.id == id {
			return b.AppendInput(ctx, in)
		}
	}
	return 0, fmt.Errorf("basin %s is not served here: %w", id, hydro.ErrUnavailable)
}

// StartAppend lets ingest have several appends under way.
func (l inlog) StartAppend(_ string, in hydro.Input) (func(context.Context) (uint64, error), error) {
	wait, err := l.b.log.StartAppend(l.b.id, in)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (uint64, error) {
		seq, err := wait(ctx)
		if err == nil {
			raise(&l.b.head, seq)
		}
		return seq, err
	}, nil
}
