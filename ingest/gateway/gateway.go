// Package gateway is the agent at the stations' side of the link: it keeps the
// values of its inputs on a disk spool and sends them to the centre, fresh ones
// first, until the centre has said that it holds them.
//
// An input calls [Gateway.Put] and acknowledges to its own source only after
// Put has returned nil. So a value is always either with its source, or in the
// spool, or with the centre. It may be sent more than once; the centre knows
// values by station, variable, sensor and instant, so that does no harm.
//
// After an outage of the link fresh values overtake the backlog (see the lanes
// of [spool.Spool]): while both wait, one frame in four is backlog, and at most
// Options.BacklogWindow backlog frames are on their way at any time, so a live
// frame never waits for more than these and one more.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"freshet/ingest/gateway/spool"
	"freshet/internal/hydro"
)

// Unsendable is the reason under which values are listed that no report of
// their department can carry.
const Unsendable = "unsendable"

// An Uplink is a link to the centre for one department. It resends what was not
// acknowledged by itself, until it gives up.
type Uplink interface {
	// Send hands over a frame. Frames are numbered from 1. It sets Report and Field
	// of each value to what a rejection will call it, and keeps raws until the frame
	// is acknowledged.
	Send(ctx context.Context, raws []hydro.Raw) error
	// Done returns a channel that is closed when the uplink has given up; Err then
	// says why.
	Done() <-chan struct{}
	Err() error
	// Close ends the uplink; no hook is called after it.
	Close()
}

// Hooks are what an uplink calls, from a goroutine of its own, in order.
type Hooks struct {
	// Acked: the centre holds all values of the frame that it did not reject.
	Acked func(frame uint64)
	// Rejected: the centre will not have one value of the frame. It comes before
	// Acked of that frame.
	Rejected func(frame uint64, r hydro.Rejection)
	// Connected: nil when the link is up, else why it is down.
	Connected func(error)
}

// Options are a gateway's parts and settings.
type Options struct {
	// Spool holds the values. Required.
	Spool *spool.Spool
	// Open returns a link for a department. Required.
	Open func(ctx context.Context, d hydro.Department, h Hooks) (Uplink, error)
	// Sendable returns why no report of the department can carry a value; nil if
	// one can. Required.
	Sendable func(d hydro.Department, raw *hydro.Raw) error
	// Frame is how many values a frame holds, about; 0 means 2000.
	Frame int
	// Window is how many frames of a department may be on their way; 0 means 8.
	Window int
	// BacklogShare is the share of frames that are backlog while fresh values wait;
	// 0 means 0.25. At most 0.5.
	BacklogShare float64
	// BacklogWindow is how many backlog frames may be on their way; 0 means 2. Less
	// than Window.
	BacklogWindow int
	// Retry is how long to wait after a link gave up, e.g. because the centre does
	// not know this gateway; 0 means 10 s.
	Retry time.Duration
	// Accepted, if not nil, is told of values that the centre has acknowledged and
	// not refused, before the spool lets go of them, which it does not if there is an
	// error. It may be told of the same values again.
	Accepted func(d hydro.Department, raws []hydro.Raw) error
	// Acked, if not nil, is told of entries that the centre has dealt with.
	Acked func(d hydro.Department, entries []spool.Entry)
	// Registerer takes the metrics. Required.
	Registerer prometheus.Registerer
	// Now is the clock. Required.
	Now func() time.Time
	// Logger hears of what happens; nil means nobody does.
	Logger *slog.Logger
}

// A Gateway is safe for use by many goroutines.
type Gateway struct {
	opts    Options
	metrics *metrics
	senders []*sender
}

// New returns a gateway. The error wraps hydro.ErrInvalid.
func New(o Options) (*Gateway, error) {
	if o.Spool == nil || o.Open == nil || o.Sendable == nil || o.Registerer == nil || o.Now == nil {
		return nil, fmt.Errorf("gateway: spool, uplink, check, registerer and clock are needed: %w", hydro.ErrInvalid)
	}
	if o.Frame == 0 {
		o.Frame = 2000
	}
	if o.Window == 0 {
		o.Window = 8
	}
	if o.BacklogShare == 0 {
		o.BacklogShare = 0.25
	}
	if o.BacklogWindow == 0 {
		o.BacklogWindow = min(2, o.Window-1)
	}
	if o.Retry == 0 {
		o.Retry = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Frame < 1 || o.Frame > maxFrame:
		return nil, fmt.Errorf("gateway: frames of %d values are not of 1 to %d: %w", o.Frame, maxFrame, hydro.ErrInvalid)
	case o.Window < 2 || o.Window > 16:
		return nil, fmt.Errorf("gateway: a window of %d frames is not of 2 to 16: %w", o.Window, hydro.ErrInvalid)
	case o.BacklogWindow < 1 || o.BacklogWindow >= o.Window:
		return nil, fmt.Errorf("gateway: %d backlog frames on their way are not 1 to %d, less than the window: %w", o.BacklogWindow, o.Window-1, hydro.ErrInvalid)
	case o.BacklogShare < 0.01 || o.BacklogShare > 0.5:
		return nil, fmt.Errorf("gateway: a backlog share of %g is not 0.01 to 0.5: %w", o.BacklogShare, hydro.ErrInvalid)
	case o.Retry < 0:
		return nil, fmt.Errorf("gateway: a wait of %s is negative: %w", o.Retry, hydro.ErrInvalid)
	}
	g := &Gateway{opts: o}
	g.metrics = newMetrics(o.Registerer, g)
	for _, d := range hydro.Departments {
		g.senders = append(g.senders, newSender(g, d))
	}
	return g, nil
}

// maxFrame is the largest Options.Frame: with the last entry of a frame it stays
// below the 5000 reports that a frame of the client holds.
const maxFrame = 5000 - spool.MaxEntry

// Put returns nil when all raws are safe: on the spool's disk, or, those that
// cannot be sent as they are, in the list of refused values, with the reason.
// The error wraps [spool.ErrFull] if there is no room for them; then the caller
// must keep them, must not acknowledge them to their source, and may come again.
func (g *Gateway) Put(ctx context.Context, d hydro.Department, raws []hydro.Raw) error {
	var refused []spool.Refused
	good := raws
	for i := range raws {
		if err := g.opts.Sendable(d, &raws[i]); err != nil {
			if len(refused) == 0 {
				good = append([]hydro.Raw(nil), raws[:i]...) // the caller's slice stays as it is
			}
			refused = append(refused, spool.NewRefused(d, &raws[i], g.opts.Now(), Unsendable, err.Error()))
		} else if len(refused) > 0 {
			good = append(good, raws[i])
		}
	}
	if err := g.opts.Spool.Put(ctx, d, good, refused); err != nil {
		if errors.Is(err, spool.ErrFull) {
			g.metrics.full.Inc()
		}
		return err
	}
	g.metrics.put.WithLabelValues(d.String()).Add(float64(len(good)))
	if len(refused) > 0 {
		g.metrics.refuse(Unsendable, len(refused))
		g.opts.Logger.Warn("values cannot be sent", "count", len(refused), "first", refused[0].Message)
	}
	return nil
}

// Run sends until ctx is done or the spool's disk fails.
func (g *Gateway) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range g.senders {
		group.Go(func() error { return s.run(ctx) })
	}
	return group.Wait()
}
