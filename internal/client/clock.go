package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	freshetv1 "freshet/proto/freshet/v1"
)

// A Clock moves the engine time of a server that was started with a driven
// clock.
type Clock struct {
	client  freshetv1.ClockServiceClient
	backoff Backoff
}

// NewClock returns the clock of the server behind conn.
func NewClock(conn grpc.ClientConnInterface, b Backoff) *Clock {
	return &Clock{client: freshetv1.NewClockServiceClient(conn), backoff: b.orDefault()}
}

// Advance moves engine time to the instant to, and returns when all engines
// have applied that. While the server is unavailable it tries again, which is
// harmless: moving to the present changes nothing. The error wraps
// hydro.ErrInvalid if to lies in the past, hydro.ErrConflict if the server's
// clock is the wall's.
func (c *Clock) Advance(ctx context.Context, to time.Time) error {
	return c.try(ctx, "advance clock", func() error {
		_, err := c.client.AdvanceClock(ctx, &freshetv1.AdvanceClockRequest{To: timestamppb.New(to)})
		return err
	})
}

// Now returns engine time, zero if there was no tick yet, and whether Advance
// moves it.
func (c *Clock) Now(ctx context.Context) (now time.Time, driven bool, err error) {
	err = c.try(ctx, "get clock", func() error {
		m, err := c.client.GetClock(ctx, &freshetv1.GetClockRequest{})
		if m.GetNow().IsValid() && err == nil {
			now = m.GetNow().AsTime()
		}
		driven = m.GetDriven()
		return err
	})
	return now, driven, err
}

func (c *Clock) try(ctx context.Context, what string, call func() error) error {
	for n := 0; ; n++ {
		err := call()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !again(err):
			return fmt.Errorf("%s: %w", what, kind(err))
		}
		if err := c.backoff.wait(ctx, n); err != nil {
			return err
		}
	}
}
