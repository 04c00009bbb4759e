package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
)

// A basin runs one engine: it follows the in-log, applies, and publishes what
// follows to the out-log.
type basin struct {
	id            string
	log           *journal.Journal
	logger        *slog.Logger
	metrics       *metrics
	snapshotEvery int
	now           func() time.Time

	mu     sync.RWMutex // guards engine
	engine *engine.Engine

	head    atomic.Uint64 // newest input known to be on the log
	start   uint64        // head when this process began; ready means past it
	applied atomic.Uint64

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

func raise(a *atomic.Uint64, to uint64) {
	for {
		old := a.Load()
		if old >= to || a.CompareAndSwap(old, to) {
			return
		}
	}
}

// recover makes the engine from the newest snapshot that can be read, or from
// nothing. Inputs behind it are applied again by run; outputs that are already
// on the out-log are not published again.
func (b *basin) recover(ctx context.Context) error {
	if err := b.log.EnsureBasin(ctx, b.id); err != nil {
		return err
	}
	e := engine.New(b.id)
	seq, data, err := b.log.LoadSnapshot(ctx, b.id)
	switch {
	case errors.Is(err, hydro.ErrNotFound):
	case err != nil:
		return err
	default:
		restored, err := engine.Restore(data)
		if err == nil && restored.Seq() != seq {
			err = fmt.Errorf("state of input %d filed as %d: %w", restored.Seq(), seq, hydro.ErrInvalid)
		}
		if err != nil {
			b.logger.Warn("snapshot not usable, replaying the whole log", "err", err)
		} else {
			e = restored
		}
	}
	last, err := b.log.LastInput(ctx, b.id)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.engine = e
	b.mu.Unlock()
	b.applied.Store(e.Seq())
	b.advance(e.Seq()) // a snapshot is taken only when all outputs are out
	raise(&b.head, last)
	b.start = last
	return nil
}

// run applies inputs until ctx is done. A log that is not to be reached is waited
// for; another engine that publishes for this basin is an error that ends it.
func (b *basin) run(ctx context.Context) error {
	wait := 100 * time.Millisecond
	for {
		started := b.now()
		err := b.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, hydro.ErrUnavailable):
			return fmt.Errorf("basin %s: %w", b.id, err)
		}
		if b.now().Sub(started) > time.Minute {
			wait = 100 * time.Millisecond
		}
		b.logger.Warn("log not reached, trying again", "wait", wait, "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, 10*time.Second)
		if err := b.recover(ctx); err != nil && !errors.Is(err, hydro.ErrUnavailable) {
			return fmt.Errorf("basin %s: %w", b.id, err)
		}
	}
}

func (b *basin) follow(ctx context.Context) error {
	last, err := b.log.LastOutput(ctx, b.id)
	if err != nil {
		return err
	}
	publisher := b.log.Publisher(b.id, last)
	var sinceSnapshot int
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
		if caughtUp := in.Seq >= b.head.Load(); !caughtUp && sinceSnapshot < b.snapshotEvery {
			continue
		}
		// Somebody may be waiting for the outputs of what was the newest input.
		if err := publisher.Flush(ctx); err != nil {
			return err
		}
		b.advance(in.Seq)
		if sinceSnapshot >= b.snapshotEvery {
			sinceSnapshot = 0
			if err := b.snapshot(ctx); err != nil {
				b.logger.Warn("no snapshot taken, the next start replays more", "err", err)
			}
		}
	}
	return ctx.Err()
}

func (b *basin) apply(in hydro.Input) ([]hydro.Output, error) {
	start := b.now()
	b.mu.Lock()
	outs, err := b.engine.Apply(in)
	b.mu.Unlock()
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

// snapshot files the state. All outputs of all inputs in it must be on the
// out-log: what is left out of a replay is never published again.
func (b *basin) snapshot(ctx context.Context) error {
	b.mu.RLock()
	seq := b.engine.Seq()
	data, err := b.engine.Snapshot()
	b.mu.RUnlock()
	if err != nil {
		return err
	}
	return b.log.SaveSnapshot(ctx, b.id, seq, data)
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
// holds is another. The engine must have applied the log to its head.
func (b *basin) putInForce(ctx context.Context, change hydro.CatalogueChange) error {
	var version string
	b.Query(func(e *engine.Engine) {
		if c := e.Catalog(); c != nil {
			version = c.Version
		}
	})
	if version == change.Version {
		return nil
	}
	_, err := b.AppendInput(ctx, hydro.Input{Catalogue: &change})
	return err
}
