// Package archive fills a store from the out-log of one basin.
//
// It is a reader of the log like any other and holds nothing up: with the store
// down for days, engines and warnings go on, and the archive waits, tries again
// and catches up. It acknowledges the log, by a checkpoint there, only after
// the store has returned nil. After a crash the outputs behind the checkpoint
// come once more, which the store's contract makes harmless.
package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/store"
)

// A Source is the log, as the archive uses it. [journal.Journal] is one.
type Source interface {
	// Outputs yields the basin's outputs behind the sequence number after, in
	// order and each once, and then waits for more until ctx is done.
	Outputs(ctx context.Context, basin string, after uint64, kinds ...string) iter.Seq2[journal.Record, error]
	// LastOutput returns the place of the last output.
	LastOutput(ctx context.Context, basin string) (journal.Position, error)
	// LoadCheckpoint returns what SaveCheckpoint stored last, 0 if nothing.
	LoadCheckpoint(ctx context.Context, name string) (uint64, error)
	// SaveCheckpoint stores the sequence number of the last output that the
	// reader of that name is done with.
	SaveCheckpoint(ctx context.Context, name string, seq uint64) error
}

// Options steer an archive.
type Options struct {
	// Basin is the basin whose out-log is followed.
	Basin string
	// Store names the store in the checkpoint: another store starts at the
	// beginning of the log. Words of a-z, 0-9, _ and -, with dots between.
	Store string
	// BatchObservations is how many observations are gathered for one write
	// while the log has more at hand; 0 means 10,000. A write can be larger by
	// one output.
	BatchObservations int
	// CheckpointEvery is the least time between checkpoints; 0 means 1 s. What
	// was written since the last one comes again after a crash.
	CheckpointEvery time.Duration
	// MinBackoff and MaxBackoff bound the wait before a failed write is tried
	// again; it doubles each time. 0 means 100 ms and 10 s.
	MinBackoff, MaxBackoff time.Duration
	// Busy reports that gateways wait for the log's disk. Before each write of
	// observations the archive then rests until they do not, for 1 s at most: acks
	// and warnings go first, history can wait. nil means never.
	Busy func() bool
	// Now is the clock that CheckpointEvery goes by.
	Now func() time.Time
	// Logger gets changes of state and what the store refuses; nil for none.
	Logger *slog.Logger
	// Metrics are shared by the archives of a process; nil for none.
	Metrics *Metrics
}

// Metrics are the archive's counters and gauges, by basin.
type Metrics struct {
	written, refused *prometheus.CounterVec
	errors, missed   *prometheus.CounterVec
	lag              *prometheus.GaugeVec
}

// NewMetrics registers the metrics of all archives of a process.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	basin := []string{"basin"}
	return &Metrics{
		written: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_archive_written_total", Help: "Observations, forecasts and warnings that the store has taken.",
		}, []string{"basin", "kind"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_archive_refused_total", Help: "Observations, forecasts and warnings that the store refused as invalid; they are in the log alone.",
		}, []string{"basin", "kind"}),
		errors: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_archive_errors_total", Help: "Writes to the store that failed and were tried again.",
		}, basin),
		missed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_archive_missed_outputs_total", Help: "Outputs that the log dropped by age before the store had them.",
		}, basin),
		lag: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "freshet_archive_lag_outputs", Help: "Outputs on the out-log that the store does not have yet.",
		}, basin),
	}
}

const (
	maxRest           = time.Second
	restStep          = 5 * time.Millisecond
	defaultBatch      = 10_000
	defaultCheckpoint = time.Second
	defaultMinBackoff = 100 * time.Millisecond
	defaultMaxBackoff = 10 * time.Second
	// A checkpoint is also due after this many outputs, so that a fast replay
	// does not repeat too many.
	checkpointOutputs = 5000
	// lastCheckpoint bounds the checkpoint that an orderly end takes.
	lastCheckpoint = 2 * time.Second
)

// An Archive fills a store from one basin's out-log. Use [New].
type Archive struct {
	source Source
	store  store.Writer
	opts   Options
	log    *slog.Logger

	done    atomic.Uint64 // the store has all outputs up to this one
	head    atomic.Uint64 // the last output known to be on the log
	written atomic.Uint64 // observations since the start

	saved   uint64    // the checkpoint on the log
	savedAt time.Time // when it was taken
}

// New returns an archive that is not running yet. It returns ErrInvalid if an
// option is out of range.
func New(source Source, to store.Writer, o Options) (*Archive, error) {
	if o.Basin == "" || o.Store == "" || o.Now == nil {
		return nil, fmt.Errorf("archive: basin, store and clock are needed: %w", hydro.ErrInvalid)
	}
	if o.BatchObservations < 0 || o.CheckpointEvery < 0 || o.MinBackoff < 0 || o.MaxBackoff < 0 {
		return nil, fmt.Errorf("archive: an option is negative: %w", hydro.ErrInvalid)
	}
	if o.BatchObservations == 0 {
		o.BatchObservations = defaultBatch
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = defaultCheckpoint
	}
	if o.MinBackoff == 0 {
		o.MinBackoff = defaultMinBackoff
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = max(defaultMaxBackoff, o.MinBackoff)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	o.Metrics.errors.WithLabelValues(o.Basin) // from zero on, so that the first one is an increase
	o.Metrics.missed.WithLabelValues(o.Basin)
	return &Archive{source: source, store: to, opts: o, log: o.Logger.With("component", "archive", "basin", o.Basin, "store", o.Store)}, nil
}

// Done returns the sequence number of the output up to which the store has
// everything.
func (a *Archive) Done() uint64 { return a.done.Load() }

// Lag returns how many outputs that are known to be on the log the store does
// not have yet.
func (a *Archive) Lag() uint64 {
	done, head := a.done.Load(), a.head.Load()
	return head - min(done, head)
}

// Written returns how many observations the store has taken since the start.
func (a *Archive) Written() uint64 { return a.written.Load() }

// Run archives until ctx is done and returns its error, or the error of a log
// that cannot be read. A store that fails is no reason to end: whatever it
// returns but ErrInvalid is tried again, for ever.
func (a *Archive) Run(ctx context.Context) error {
	if err := a.retry(ctx, "load the checkpoint", func() error {
		seq, err := a.source.LoadCheckpoint(ctx, a.checkpoint())
		a.saved = seq
		return err
	}); err != nil {
		return fmt.Errorf("archive %s: %w", a.opts.Basin, err)
	}
	a.done.Store(a.saved)
	a.head.Store(a.saved)
	a.savedAt = a.opts.Now()
	defer a.finish(ctx)
	for {
		// The log ends its iteration when it is out of reach; begin anew behind
		// what is done.
		if err := a.retry(ctx, "follow the log", func() error { return a.follow(ctx) }); err != nil {
			return fmt.Errorf("archive %s: %w", a.opts.Basin, err)
		}
	}
}

func (a *Archive) checkpoint() string { return "archive." + a.opts.Store + "." + a.opts.Basin }

// follow writes outputs until the log's iteration ends.
func (a *Archive) follow(ctx context.Context) error {
	last := a.done.Load()
	var pending []hydro.Observation
	for r, err := range a.source.Outputs(ctx, a.opts.Basin, last) {
		if err != nil {
			return err
		}
		if r.Seq > last+1 {
			a.log.ErrorContext(ctx, "outputs lost: the log dropped them by age before the store had them", "from", last+1, "to", r.Seq-1)
			a.opts.Metrics.missed.WithLabelValues(a.opts.Basin).Add(float64(r.Seq - last - 1))
		}
		last = r.Seq
		a.head.Store(max(r.Seq+r.Pending, a.head.Load()))
		pending = append(pending, r.Output.Observations...)
		if err := a.writeSingle(ctx, r.Output); err != nil {
			return err
		}
		if r.Pending == 0 || len(pending) >= a.opts.BatchObservations {
			a.rest(ctx)
			if err := a.writeObservations(ctx, pending); err != nil {
				return err
			}
			pending = pending[:0]
		}
		if len(pending) == 0 {
			a.done.Store(last)
			a.save(ctx)
		}
		a.showLag()
	}
	return fmt.Errorf("the log ended: %w", hydro.ErrUnavailable)
}

// rest waits while ingest is busy.
func (a *Archive) rest(ctx context.Context) {
	if a.opts.Busy == nil || !a.opts.Busy() {
		return
	}
	ticker := time.NewTicker(restStep)
	defer ticker.Stop()
	for range maxRest / restStep {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if !a.opts.Busy() {
			return
		}
	}
}

// writeSingle writes what o carries besides observations.
func (a *Archive) writeSingle(ctx context.Context, o hydro.Output) error {
	switch {
	case o.Forecast != nil:
		return a.taken(ctx, "forecast", 1, a.write(ctx, "forecast", func() error { return a.store.WriteForecast(ctx, *o.Forecast) }),
			"issued_at", o.Forecast.IssuedAt)
	case o.Warning != nil:
		return a.taken(ctx, "warning", 1, a.write(ctx, "warning", func() error { return a.store.WriteWarning(ctx, *o.Warning) }),
			"id", o.Warning.ID, "station", o.Warning.Station)
	}
	return nil
}

// writeObservations writes them in order. If the store refuses a batch, it is
// halved until the ones that it refuses stand alone.
func (a *Archive) writeObservations(ctx context.Context, observations []hydro.Observation) error {
	if len(observations) == 0 {
		return nil
	}
	err := a.write(ctx, "observations", func() error { return a.store.WriteObservations(ctx, a.opts.Basin, observations) })
	if errors.Is(err, hydro.ErrInvalid) && len(observations) > 1 {
		middle := len(observations) / 2
		if err := a.writeObservations(ctx, observations[:middle]); err != nil {
			return err
		}
		return a.writeObservations(ctx, observations[middle:])
	}
	if err == nil {
		a.written.Add(uint64(len(observations)))
	}
	o := &observations[0]
	return a.taken(ctx, "observation", len(observations), err, "series", o.String(), "at", o.At, "value", o.Value, "raw", o.Raw, "revision", o.Revision)
}

// taken counts a write that ended. One that the store refused is logged with
// what it was, and counted, and not tried again: it would hold up all that
// comes after it, and it stays in the log.
func (a *Archive) taken(ctx context.Context, kind string, n int, err error, what ...any) error {
	switch {
	case err == nil:
		a.opts.Metrics.written.WithLabelValues(a.opts.Basin, kind).Add(float64(n))
	case errors.Is(err, hydro.ErrInvalid):
		a.opts.Metrics.refused.WithLabelValues(a.opts.Basin, kind).Add(float64(n))
		a.log.ErrorContext(ctx, "the store refuses what it calls invalid; it stays in the log alone", append(what, "kind", kind, "err", err)...)
	default:
		return err
	}
	return nil
}

// write is retry for one write.
func (a *Archive) write(ctx context.Context, what string, f func() error) error {
	return a.retry(ctx, "write "+what, func() error {
		err := f()
		if err != nil && ctx.Err() == nil && !errors.Is(err, hydro.ErrInvalid) {
			a.opts.Metrics.errors.WithLabelValues(a.opts.Basin).Inc()
		}
		return err
	})
}

// retry calls f until it returns nil, an error that wraps ErrInvalid, or ctx is
// done, with growing pauses.
func (a *Archive) retry(ctx context.Context, what string, f func() error) error {
	pause := a.opts.MinBackoff
	for attempt := 1; ; attempt++ {
		err := f()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			if attempt > 1 {
				a.log.InfoContext(ctx, "archive goes on", "step", what, "attempts", attempt)
			}
			return nil
		}
		if errors.Is(err, hydro.ErrInvalid) {
			return err
		}
		if attempt == 1 {
			a.log.WarnContext(ctx, "archive waits and tries again; warnings go on", "step", what, "err", err)
		} else {
			a.log.DebugContext(ctx, "tried again in vain", "step", what, "attempts", attempt, "err", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause = min(2*pause, a.opts.MaxBackoff)
		a.lookAhead(ctx)
	}
}

// lookAhead keeps the lag true while nothing is read.
func (a *Archive) lookAhead(ctx context.Context) {
	if last, err := a.source.LastOutput(ctx, a.opts.Basin); err == nil {
		a.head.Store(max(last.Seq, a.head.Load()))
		a.showLag()
	}
}

func (a *Archive) showLag() {
	a.opts.Metrics.lag.WithLabelValues(a.opts.Basin).Set(float64(a.Lag()))
}

// save takes a checkpoint if one is due. If it fails, the next one makes up for
// it: all it costs is redelivery.
func (a *Archive) save(ctx context.Context) {
	now, done := a.opts.Now(), a.done.Load()
	if now.Sub(a.savedAt) < a.opts.CheckpointEvery && done-a.saved < checkpointOutputs {
		return
	}
	a.savedAt = now
	if err := a.source.SaveCheckpoint(ctx, a.checkpoint(), done); err != nil {
		if ctx.Err() == nil {
			a.log.WarnContext(ctx, "no checkpoint taken, the next makes up for it", "err", err)
		}
		return
	}
	a.saved = done
}

// finish takes the last checkpoint.
func (a *Archive) finish(ctx context.Context) {
	done := a.done.Load()
	if done == a.saved {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCheckpoint)
	defer cancel()
	if err := a.source.SaveCheckpoint(ctx, a.checkpoint(), done); err != nil {
		a.log.WarnContext(ctx, "no last checkpoint taken, some outputs are written once more at the next start", "err", err)
	}
}
