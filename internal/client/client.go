// Package client is the caller's side of Freshet's services: a [Gateway] that
// sends readings and knows which of them are safe, a [Watch] of the warning feed
// that neither misses nor repeats one, and the driven [Clock].
//
// All of them outlive the server: a broken link or an UNAVAILABLE server is
// tried again with back-off until the context is done, and nothing is counted
// twice.
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"freshet/internal/hydro"
)

// LargestAnswer bounds what a caller takes in one message. gRPC's own bound is 4 MiB;
// the situation of 500 stations has 8.7 MB.
const LargestAnswer = 256 << 20

// Dial returns a connection to the gRPC server at addr, without encryption
// unless opts give credentials. It connects on first use, notices a dead link
// within half a minute, and reconnects within a second or two of the server's
// return.
func Dial(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	opts = append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(LargestAnswer)),
		grpc.WithInitialWindowSize(1 << 20),
		grpc.WithInitialConnWindowSize(4 << 20),
	}, opts...)
	conn, err := grpc.NewClient(addr, opts...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w: %w", addr, err, hydro.ErrInvalid)
	}
	return conn, nil
}

// Backoff is how long to wait before another try: Min at first, then twice as
// long each time, up to Max, each a fifth more or less so that many callers do
// not come back at once. The zero value means 100 ms and 5 s.
type Backoff struct {
	Min, Max time.Duration
}

func (b Backoff) orDefault() Backoff {
	if b.Min <= 0 {
		b.Min = 100 * time.Millisecond
	}
	if b.Max <= 0 {
		b.Max = 5 * time.Second
	}
	b.Max = max(b.Max, b.Min)
	return b
}

// wait waits before try number n, from 0, and returns ctx's error if that is
// done earlier.
func (b Backoff) wait(ctx context.Context, n int) error {
	d := b.Min
	for ; n > 0 && d < b.Max; n-- {
		d *= 2
	}
	d = time.Duration(float64(min(d, b.Max)) * (0.8 + 0.4*rand.Float64()))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again reports whether a call that ended with err may succeed later as it is.
func again(err error) bool {
	if errors.Is(err, io.EOF) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Canceled:
		return true
	default:
		return false
	}
}

// openAgain is again for streams: a link that breaks while a message is on its
// way can also look like one of these.
func openAgain(err error) bool {
	if again(err) {
		return true
	}
	switch status.Code(err) {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return true
	default:
		return false
	}
}

// kind adds the error kind of a status to err.
func kind(err error) error {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.OutOfRange:
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	case codes.NotFound:
		return fmt.Errorf("%w: %w", err, hydro.ErrNotFound)
	case codes.FailedPrecondition, codes.AlreadyExists, codes.Aborted:
		return fmt.Errorf("%w: %w", err, hydro.ErrConflict)
	case codes.Unavailable:
		return fmt.Errorf("%w: %w", err, hydro.ErrUnavailable)
	default:
		return err
	}
}
