package replay

import (
	"context"
	"fmt"
	"iter"
	"time"

	"freshet/internal/client"
)

// A Frame is what one gateway sends in a step.
type Frame struct {
	Gateway *client.Gateway
	Reports client.Reports
}

// A Step is what arrives until engine time is To.
type Step struct {
	To     time.Time
	Frames []Frame
}

// DriveOptions steer Drive; the zero value plays as fast as it goes.
type DriveOptions struct {
	// Speed is how many seconds of engine time pass per second on the wall; 0: as
	// fast as it goes. Needs Now.
	Speed float64
	Now   func() time.Time
	// Stepped, if not nil, is told after each step; an error ends the drive.
	Stepped func(Step) error
}

// Drive plays steps: it sends the frames of a step, waits until every one of
// them is acknowledged, and moves engine time to the step's end, so that the
// decisions at that instant see all that came before it, however the gateways'
// frames interleave. Steps must ascend. It returns at the first error.
func Drive(ctx context.Context, clock *client.Clock, steps iter.Seq2[Step, error], opts DriveOptions) error {
	var first, started time.Time
	for step, err := range steps {
		if err != nil {
			return err
		}
		if opts.Speed > 0 {
			if first.IsZero() {
				first, started = step.To, opts.Now()
			}
			due := started.Add(time.Duration(float64(step.To.Sub(first)) / opts.Speed))
			if err := pause(ctx, due.Sub(opts.Now())); err != nil {
				return err
			}
		}
		for _, f := range step.Frames {
			if _, err := f.Gateway.Send(ctx, f.Reports); err != nil {
				return fmt.Errorf("send readings up to %s: %w", step.To.Format(time.RFC3339), err)
			}
		}
		for _, f := range step.Frames {
			if err := f.Gateway.Flush(ctx); err != nil {
				return fmt.Errorf("wait for the readings up to %s: %w", step.To.Format(time.RFC3339), err)
			}
		}
		if err := clock.Advance(ctx, step.To); err != nil {
			return err
		}
		if opts.Stepped != nil {
			if err := opts.Stepped(step); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
