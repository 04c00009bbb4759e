package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/server"
)

// A basin runs one engine: it follows the in-log, applies, and publishes what
// follows to the out-log.
type basin struct {
	id            string
	catalog       *catalog.Catalog // of this start
	log           *journal.Journal
	logger        *slog.Logger
	metrics       *metrics
	snapshotEvery int
	now           func() time.Time
	rates         *server.RateBoard

	mu      sync.RWMutex   // guards both engines
	engine  *engine.Engine // what queries see
	working *engine.Engine // what inputs are applied to: behind engine while it replays after an outage of the log

	head    atomic.Uint64 // newest input known to be on the log
	start   uint64        // head when this process began; ready means past it
	version string        // of the catalogue in force at the end of the log, "" if only the replay can tell; written by recover
	applied atomic.Uint64
	ticked  bool        // by this process; the clock's
	serving atomic.Bool // the catalogue of this start is in force

	onTick     uint64 // the input that engine's time is of, 0 before the first tick that this process applied; guarded by mu
	past       past
	milestones *milestones

	durable  chan struct{} // closed and replaced whenever durableSeq grows
	progress sync.Mutex    // guards durable and durableSeq
	seq      uint64        // all outputs of all inputs up to here are on the out-log
}

// Query calls f with the engine while nothing is applied to it. f must not keep
// the engine or what its methods return without copying, and must not block.
func (b *basin) Query(f func(*engine.Engine)) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f(b.engine)
}

// AppendInput appends to the basin's in-log and remembers that there is more to
// apply.
func (b *basin) AppendInput(ctx context.Context, in hydro.Input) (uint64, error) {
	seq, err := b.log.AppendInput(ctx, b.id, in)
	if err == nil {
		raise(&b.head, seq)
	}
	return seq, err
}

// Wait returns when all outputs of the inputs up to seq are on the out-log.
func (b *basin) Wait(ctx context.Context, seq uint64) error { return b.wait(ctx, seq) }

func raise(a *atomic.Uint64, to uint64) {
	for {
		old := a.Load()
		if old >= to || a.CompareAndSwap(old, to) {
			return
		}
	}
}

// recover makes the engine from the newest snapshot that can be used, or from
// nothing. Inputs behind it are applied again by follow; outputs that are
// already on the out-log are not published again. It returns ErrConflict if the
// in-log is shorter than what is known to have been on it: going on would give
// new inputs numbers that the engine takes for old ones.
func (b *basin) recover(ctx context.Context) error {
	if err := b.log.EnsureBasin(ctx, b.id); err != nil {
		return err
	}
	lastIn, err := b.log.LastInput(ctx, b.id)
	if err != nil {
		return err
	}
	lastOut, err := b.log.LastOutput(ctx, b.id)
	if err != nil {
		return err
	}
	e := engine.New(b.id)
	seq, data, err := b.log.LoadSnapshot(ctx, b.id)
	switch {
	case errors.Is(err, hydro.ErrNotFound):
	case err != nil:
		return err
	default:
		switch restored, outs, err := restore(seq, data, b.catalog); {
		case err != nil:
			b.logger.Warn("snapshot not usable, replaying the whole log", "err", err)
		case outs > lastOut.Seq:
			b.logger.Warn("the out-log is shorter than the snapshot says, replaying the whole log to make it whole", "has", lastOut.Seq, "had", outs)
		default:
			e = restored
		}
	}
	if known := max(seq, e.Seq(), lastOut.InputSeq); known > lastIn {
		return fmt.Errorf("the in-log ends at input %d, and input %d is known to have been on it: restore the log from its backup, or start with an empty data folder: %w",
			lastIn, known, hydro.ErrConflict)
	}
	lastCatalogue, err := b.log.LastCatalogue(ctx, b.id)
	if err != nil {
		return err
	}
	b.version = ""
	if c := e.Catalog(); c != nil && lastCatalogue <= e.Seq() {
		b.version = c.Version
	}
	e.Lend(each)
	b.mu.Lock()
	b.working = e
	if b.engine == nil {
		b.engine = e
	}
	b.mu.Unlock()
	b.applied.Store(e.Seq())
	b.advance(e.Seq()) // a snapshot is taken only when all outputs are out
	raise(&b.head, lastIn)
	return nil
}

// restore reads what snapshot wrote: the state, and how long the out-log was.
func restore(seq uint64, data []byte, known *catalog.Catalog) (e *engine.Engine, outs uint64, err error) {
	if len(data) < 8 {
		return nil, 0, fmt.Errorf("snapshot of %d bytes: %w", len(data), hydro.ErrInvalid)
	}
	e, err = engine.Restore(data[8:], known)
	if err == nil && e.Seq() != seq {
		err = fmt.Errorf("state of input %d filed as %d: %w", e.Seq(), seq, hydro.ErrInvalid)
	}
	return e, binary.BigEndian.Uint64(data), err
}

// run applies inputs until ctx is done. A log that is not to be reached is waited
// for; another engine that publishes for this basin is an error that ends it.
func (b *basin) run(ctx context.Context) error {
	wait := firstWait
	for {
		started := b.now()
		err := b.follow(ctx)
		for err != nil && ctx.Err() == nil {
			if !errors.Is(err, hydro.ErrUnavailable) {
				return fmt.Errorf("basin %s: %w", b.id, err)
			}
			if b.now().Sub(started) > time.Minute {
				wait = firstWait
			}
			b.logger.Warn("log not reached, trying again", "wait", wait, "err", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			wait = min(2*wait, 10*time.Second)
			// The engine may have applied inputs whose outputs are not out: only a
			// replay gives them again.
			err = b.recover(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

const firstWait = 100 * time.Millisecond

// snapshotReadings is how many readings are applied between snapshots at the
// most: a backlog comes in few and large inputs, and a replay takes the time of
// its readings.
const snapshotReadings = 1_000_000

func (b *basin) follow(ctx context.Context) error {
	last, err := b.log.LastOutput(ctx, b.id)
	if err != nil {
		return err
	}
	publisher := b.log.Publisher(b.id, last)
	var sinceSnapshot, readings int
	for in, err := range b.log.Inputs(ctx, b.id, b.applied.Load()) {
		if err != nil {
			return err
		}
		outs, err := b.apply(in)
		if err != nil {
			return err
		}
		if err := publisher.Publish(ctx, in.Seq, outs); err != nil {
			return err
		}
		b.applied.Store(in.Seq)
		raise(&b.head, in.Seq)
		sinceSnapshot++
		if in.Batch != nil {
			readings += len(in.Batch.Readings)
		}
		due := sinceSnapshot >= b.snapshotEvery || readings >= snapshotReadings
		if caughtUp := in.Seq >= b.head.Load(); !caughtUp && !due {
			continue
		}
		// Somebody may be waiting for the outputs of what was the newest input.
		if err := publisher.Flush(ctx); err != nil {
			return err
		}
		b.advance(in.Seq)
		if due {
			sinceSnapshot, readings = 0, 0
			if err := b.snapshot(ctx, publisher.Last().Seq); err != nil {
				b.logger.Warn("no snapshot taken, the next start replays more", "err", err)
			}
		}
	}
	return ctx.Err()
}

func (b *basin) apply(in hydro.Input) ([]hydro.Output, error) {
	start := b.now()
	b.mu.Lock()
	before := b.working.Now()
	outs, err := b.working.Apply(in)
	current := b.working.Seq() >= b.engine.Seq()
	ticked := b.working.Now().After(before)
	if current {
		b.engine = b.working
		if ticked {
			b.onTick = b.working.Seq()
		}
	}
	b.mu.Unlock()
	if ticked {
		b.milestones.passed(b.working, before) // nobody else applies to it
	}
	if current && b.serving.Load() && slices.ContainsFunc(outs, func(o hydro.Output) bool { return o.Rate != nil }) {
		b.tellRates()
	}
	elapsed := b.now().Sub(start).Seconds()
	b.metrics.apply.WithLabelValues(b.id).Observe(elapsed)
	for _, o := range outs {
		if o.Forecast != nil {
			b.metrics.forecast.WithLabelValues(b.id).Observe(elapsed)
		}
		if o.Audit != nil {
			b.logger.Info("audit", "kind", o.Audit.Kind, "station", o.Audit.Station, "text", o.Audit.Text)
		}
	}
	return outs, err
}

// tellRates puts on the board which stations are asked to report faster. Until
// the catalogue of this start is in force, what a replay asks for is history.
func (b *basin) tellRates() {
	b.Query(func(e *engine.Engine) {
		may := false
		if c := e.Catalog(); c != nil {
			of, ok := c.Basin(b.id)
			may = ok && of.Settings.ReportFaster.From != hydro.Clear
		}
		b.rates.Set(b.id, may, e.Rates())
	})
}

// snapshot files the state and the length of the out-log. All outputs of all
// inputs in it must be out: what is left out of a replay is never published
// again.
func (b *basin) snapshot(ctx context.Context, outs uint64) error {
	b.mu.RLock()
	seq := b.working.Seq()
	data, err := b.working.Snapshot()
	b.mu.RUnlock()
	if err != nil {
		return err
	}
	b.progress.Lock()
	durable := b.seq
	b.progress.Unlock()
	if seq != durable {
		return fmt.Errorf("the engine has applied input %d, outputs are out up to input %d: %w", seq, durable, hydro.ErrConflict)
	}
	return b.log.SaveSnapshot(ctx, b.id, seq, append(binary.BigEndian.AppendUint64(nil, outs), data...))
}

// lastSnapshot files the state of a basin that has stopped, if it is whole.
func (b *basin) lastSnapshot(ctx context.Context) error {
	last, err := b.log.LastOutput(ctx, b.id)
	if err != nil {
		return err
	}
	return b.snapshot(ctx, last.Seq)
}

// advance tells waiters that all outputs up to the input seq are on the log.
func (b *basin) advance(seq uint64) {
	b.progress.Lock()
	defer b.progress.Unlock()
	if seq > b.seq {
		b.seq = seq
		close(b.durable)
		b.durable = make(chan struct{})
	}
}

// wait returns when all outputs of the inputs up to seq are on the out-log.
func (b *basin) wait(ctx context.Context, seq uint64) error {
	for {
		b.progress.Lock()
		reached, change := b.seq, b.durable
		b.progress.Unlock()
		if reached >= seq {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("basin %s: waiting for input %d: %w", b.id, seq, ctx.Err())
		}
	}
}

// putInForce appends the catalogue to the in-log if the newest one that the log
// holds is another, and returns when the engine has taken it. The engine must
// have applied the log to its head.
func (b *basin) putInForce(ctx context.Context, change hydro.CatalogueChange) error {
	version := func() (v string) {
		b.Query(func(e *engine.Engine) {
			if c := e.Catalog(); c != nil {
				v = c.Version
			}
		})
		return v
	}
	if version() == change.Version {
		return nil
	}
	seq, err := b.AppendInput(ctx, hydro.Input{Catalogue: &change})
	if err == nil {
		err = b.wait(ctx, seq)
	}
	if err == nil && version() != change.Version {
		err = fmt.Errorf("basin %s: the engine refused the catalogue, see the audit notes in this log; %s stays in force: %w", b.id, version(), hydro.ErrInvalid)
	}
	return err
}
