package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// A clock says what time it is for readings and decisions: the wall's time, or
// the time of a replay, which stands still between calls of Advance.
type clock struct {
	wall   func() time.Time
	driven bool
	basins []*basin

	mu  sync.Mutex // guards now; held over a whole Advance, so that ticks keep their order
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
		b.Query(func(e *engine.Engine) {
			if e.Now().After(c.now) {
				c.now = e.Now()
			}
		})
	}
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
	return c.tick(ctx, to.UTC())
}

func (c *clock) tick(ctx context.Context, to time.Time) error {
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
	if !c.driven {
		return nil
	}
	for i, b := range c.basins {
		if err := b.wait(ctx, seqs[i]); err != nil {
			return err
		}
	}
	return nil
}

// run ticks a wall clock until ctx is done. A log that is not to be reached is
// reported; the next tick makes up for it, because ticks carry the time.
func (c *clock) run(ctx context.Context, every time.Duration, failed func(error)) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := c.tick(ctx, c.wall().UTC().Truncate(time.Second)); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}
