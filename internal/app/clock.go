package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// maxJump is how far the wall clock may leap ahead of the engines while the
// server runs. A leap would blind every station and, once the clock is right
// again, freeze the engines until that time has come.
const maxJump = time.Hour

// A clock says what time it is for readings and decisions: the wall's time, or
// the time of a replay, which stands still between calls of Advance.
type clock struct {
	wall   func() time.Time
	driven bool
	every  time.Duration // between ticks of the wall
	settle time.Duration // that a tick of the wall gives readings
	logger *slog.Logger
	basins []*basin

	mu  sync.Mutex // held over a whole tick, so that ticks keep their order
	cur sync.RWMutex
	now time.Time // of a driven clock
}

// Now returns the present.
func (c *clock) Now() time.Time {
	if !c.driven {
		return c.wall().UTC()
	}
	c.cur.RLock()
	defer c.cur.RUnlock()
	return c.now
}

// Driven reports whether Advance moves this clock.
func (c *clock) Driven() bool { return c.driven }

// recover sets a driven clock to the newest tick that the engines have applied.
func (c *clock) recover() {
	c.cur.Lock()
	defer c.cur.Unlock()
	for _, b := range c.basins {
		if at := b.engineTime(); at.After(c.now) {
			c.now = at
		}
	}
}

// engineTime returns the newest tick that the engine has applied.
func (b *basin) engineTime() (at time.Time) {
	b.Query(func(e *engine.Engine) { at = e.Now() })
	return at
}

// Advance moves a driven clock and returns when every engine has applied the
// tick and its outputs are on the log.
func (c *clock) Advance(ctx context.Context, to time.Time) error {
	if !c.driven {
		return fmt.Errorf("the clock is the wall's; start the server with --clock driven to move it: %w", hydro.ErrConflict)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.Now(); to.Before(now) {
		return fmt.Errorf("to: %s is before the present engine time %s, and time does not go back: %w", to.Format(time.RFC3339), now.Format(time.RFC3339), hydro.ErrInvalid)
	}
	to = to.UTC()
	seqs := make([]uint64, len(c.basins))
	for i, b := range c.basins {
		seq, err := b.AppendInput(ctx, hydro.Input{Tick: &hydro.Tick{At: to}})
		if err != nil {
			return fmt.Errorf("basin %s: tick: %w", b.id, err)
		}
		seqs[i] = seq
	}
	c.cur.Lock()
	c.now = to
	c.cur.Unlock()
	for i, b := range c.basins {
		if err := b.wait(ctx, seqs[i]); err != nil {
			return err
		}
	}
	return nil
}

// tick moves all basins to the wall's time, each for itself: a log that is
// broken for one must not stop the others' time.
func (c *clock) tick(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.wall().UTC().Truncate(time.Second)
	var errs []error
	for _, b := range c.basins {
		if at := b.engineTime(); !at.IsZero() && b.ticked && now.Sub(at) > maxJump {
			errs = append(errs, fmt.Errorf("basin %s: the machine's clock reads %s, the last tick was %s; a leap of more than %s is taken for a broken clock: check it, and restart if it is right: %w",
				b.id, now.Format(time.RFC3339), at.Format(time.RFC3339), maxJump, hydro.ErrConflict))
			continue
		}
		if _, err := b.AppendInput(ctx, hydro.Input{Tick: &hydro.Tick{At: now, Settle: c.settle}}); err != nil {
			errs = append(errs, fmt.Errorf("basin %s: tick: %w", b.id, err))
			continue
		}
		b.ticked = true
	}
	return errors.Join(errs...)
}

// run ticks a wall clock until ctx is done. A log that is not to be reached is
// reported; the next tick makes up for it, because ticks carry the time.
func (c *clock) run(ctx context.Context) {
	t := time.NewTicker(c.every)
	defer t.Stop()
	for {
		if err := c.tick(ctx); err != nil && ctx.Err() == nil {
			c.logger.Error("engine time does not move", "err", err)
		}
		if err := c.check(); err != nil && ctx.Err() == nil {
			c.logger.Error("not ready", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// check returns an error while an engine does not keep up with the wall clock:
// what it says then is old, however green it looks.
func (c *clock) check() error {
	if c.driven {
		return nil
	}
	now := c.wall().UTC()
	for _, b := range c.basins {
		at := b.engineTime()
		switch behind := now.Sub(at); {
		case at.IsZero(): // the first tick is on its way
		case behind < -time.Minute:
			return fmt.Errorf("basin %s: engine time %s is ahead of the machine's clock by %s: nothing is decided until the clock has caught up: %w",
				b.id, at.Format(time.RFC3339), (-behind).Round(time.Second), hydro.ErrUnavailable)
		case behind > 3*c.every+10*time.Second:
			return fmt.Errorf("basin %s: engine time %s is %s behind the machine's clock: %w", b.id, at.Format(time.RFC3339), behind.Round(time.Second), hydro.ErrUnavailable)
		}
	}
	return nil
}
