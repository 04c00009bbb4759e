package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

const (
	// foldsAtOnce bounds how many folds of all basins run at a time: each holds an
	// engine of its own and a processor.
	foldsAtOnce = 2
	// keptEngines is how many engines of instants that were asked for are kept for
	// each basin: a meeting asks for the same few again and again.
	keptEngines = 4
	// keptFor is how long they are kept when nobody asks.
	keptFor = 10 * time.Minute
	// foldTold is how long a fold goes on before it says how far it is, and again.
	foldTold = 5 * time.Second
)

// errPassed says that an engine holds inputs behind the tick that was asked for.
var errPassed = errors.New("it holds inputs behind that tick")

// A past gives a basin's engine as it was. It keeps the ones that were asked for
// last; they are never applied to, only their forks are.
type past struct {
	folds chan struct{} // one element for each fold that runs, of all basins

	mu     sync.Mutex
	kept   []keptEngine // the one asked for last stands last
	forget *time.Timer  // an engine holds days of readings, and nobody may ask again
}

// A keptEngine is the state right after a tick.
type keptEngine struct {
	engine *engine.Engine
	until  time.Time // of the next tick; zero: there was none yet
}

// stands reports whether the engine is that of an instant.
func (k *keptEngine) stands(at time.Time) bool {
	now := k.engine.Now()
	return at.Equal(now) || at.After(now) && at.Before(k.until)
}

// EngineAt returns an engine that stands where the basin's stood right after the
// last tick at or before an instant: inputs behind that tick are not in it. It is
// a fold of the in-log from the newest state that is kept of before, and the same
// whatever that is. It is the caller's own.
//
// An instant that engine time has not reached is hydro.ErrConflict; one before the
// first tick, or that the log does not reach back to any more, hydro.ErrNotFound.
// A fold takes a second or two where milestones are kept, and minutes for a month
// where none are; two run at a time, and others wait until ctx is done.
func (b *basin) EngineAt(ctx context.Context, at time.Time) (*engine.Engine, error) {
	e, err := b.engineAt(ctx, at)
	if err == nil && e.Now().IsZero() {
		err = fmt.Errorf("basin %s: its first tick is after %s: %w", b.id, at.UTC().Format(time.RFC3339), hydro.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// engineAt is EngineAt, but before the first tick it returns a new engine.
func (b *basin) engineAt(ctx context.Context, at time.Time) (*engine.Engine, error) {
	b.mu.RLock()
	now, seq := b.engine.Now(), b.engine.Seq()
	var live *engine.Engine
	if at.Equal(now) && seq == b.onTick {
		live = b.engine.Fork()
	}
	b.mu.RUnlock()
	switch {
	case at.After(now):
		return nil, fmt.Errorf("basin %s: engine time is %s, before %s: %w", b.id, now.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339), hydro.ErrConflict)
	case live != nil:
		b.past.keep(keptEngine{engine: live})
		return live.Fork(), nil
	}
	if e, ok := b.past.find(at); ok {
		return e.Fork(), nil
	}
	select {
	case b.past.folds <- struct{}{}:
		defer func() { <-b.past.folds }()
	case <-ctx.Done():
		return nil, fmt.Errorf("basin %s: waiting until other instants have been computed: %w", b.id, ctx.Err())
	}
	if e, ok := b.past.find(at); ok { // another has asked for it, too
		return e.Fork(), nil
	}
	k, err := b.fold(ctx, at, seq)
	if err != nil {
		return nil, fmt.Errorf("basin %s as of %s: %w", b.id, at.UTC().Format(time.RFC3339), err)
	}
	b.past.keep(k)
	return k.engine.Fork(), nil
}

// find returns the kept engine of an instant. It must not be applied to.
func (p *past) find(at time.Time) (*engine.Engine, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.kept, func(k keptEngine) bool { return k.stands(at) })
	if i < 0 {
		return nil, false
	}
	k := p.kept[i]
	p.kept = append(slices.Delete(p.kept, i, i+1), k)
	p.asked()
	return k.engine, true
}

// before returns the newest kept engine that stands at or before an instant.
func (p *past) before(at time.Time) (e *engine.Engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.kept {
		if k := p.kept[i].engine; !k.Now().After(at) && (e == nil || k.Now().After(e.Now())) {
			e = k
		}
	}
	return e
}

func (p *past) keep(k keptEngine) {
	if k.engine.Now().IsZero() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = slices.DeleteFunc(p.kept, func(o keptEngine) bool { return o.engine.Seq() == k.engine.Seq() })
	if len(p.kept) == keptEngines {
		p.kept = slices.Delete(p.kept, 0, 1)
	}
	p.kept = append(p.kept, k)
	p.asked()
}

// asked puts off that all are forgotten. The caller holds mu.
func (p *past) asked() {
	if p.forget == nil {
		p.forget = time.AfterFunc(keptFor, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.kept = nil
		})
	}
	p.forget.Reset(keptFor)
}

// fold makes the engine of an instant from the newest state before it that can be
// used: one that is kept in memory, a milestone, the snapshot, or none. The log's
// first tick at or behind the instant is at or before the input end.
func (b *basin) fold(ctx context.Context, at time.Time, end uint64) (keptEngine, error) {
	kept := b.past.before(at)
	for m, ok := b.milestones.before(at); ok; m, ok = b.milestones.before(at) {
		if kept != nil && !m.at.After(kept.Now()) {
			break
		}
		e, err := b.milestones.load(m, b.catalog)
		if err == nil {
			return b.foldFrom(ctx, e, true, at, end)
		}
		b.logger.Warn("milestone not usable, taking an older state", "file", m.name(), "err", err)
		b.milestones.drop(m)
	}
	if kept != nil {
		return b.foldFrom(ctx, kept.Fork(), true, at, end)
	}
	if seq, data, err := b.log.LoadSnapshot(ctx, b.id); err == nil { // else the log holds it all
		if e, _, err := restore(seq, data, b.catalog); err == nil && e.Now().Before(at) {
			if k, err := b.foldFrom(ctx, e, false, at, end); !errors.Is(err, errPassed) {
				return k, err
			}
		}
	}
	return b.foldFrom(ctx, engine.New(b.id), true, at, end)
}

// foldFrom applies to e what the log holds behind it, up to and with the last tick
// at or before an instant. Inputs between ticks wait for the tick behind them: if
// that comes too late, so do they. An engine that may hold inputs behind its last
// tick (exact is false) and meets no other is errPassed.
func (b *basin) foldFrom(ctx context.Context, e *engine.Engine, exact bool, at time.Time, end uint64) (keptEngine, error) {
	if exact && e.Now().Equal(at) {
		return keptEngine{engine: e}, nil
	}
	var waiting []hydro.Input
	first, told := e.Seq(), b.now()
	for in, err := range b.log.Inputs(ctx, b.id, first) {
		if errors.Is(err, hydro.ErrNotFound) {
			return keptEngine{}, fmt.Errorf("the log no longer reaches back to where a replay up to it would begin: %w", err)
		}
		if err != nil {
			return keptEngine{}, err
		}
		waiting = append(waiting, in)
		if in.Tick != nil && in.Tick.At.After(e.Now()) {
			if in.Tick.At.After(at) {
				if !exact {
					return keptEngine{}, errPassed
				}
				return keptEngine{engine: e, until: in.Tick.At}, nil
			}
			before := e.Now()
			for _, w := range waiting {
				if _, err := e.Apply(w); err != nil {
					return keptEngine{}, err
				}
			}
			waiting, exact = waiting[:0], true
			b.milestones.passed(e, before)
			if e.Now().Equal(at) {
				return keptEngine{engine: e}, nil
			}
		}
		if in.Seq >= end {
			break
		}
		if in.Seq%256 == 0 && b.now().Sub(told) > foldTold {
			told = b.now()
			b.logger.Info("folding the log up to an earlier instant", "as_of", at, "engine_time", e.Now(), "applied", in.Seq-first, "at_most", end-first)
		}
	}
	if err := ctx.Err(); err != nil {
		return keptEngine{}, fmt.Errorf("replaying the log up to it: %w", err)
	}
	return keptEngine{}, fmt.Errorf("the log ends before it: %w", hydro.ErrUnavailable)
}
