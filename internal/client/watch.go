package client

import (
	"context"
	"fmt"
	"log/slog"

	"google.golang.org/grpc"

	freshetv1 "freshet/proto/freshet/v1"
)

// WatchOptions say which part of the feed to read; the zero value reads all
// basins from now on.
type WatchOptions struct {
	Basins    []string // empty: all
	Token     string   // go on behind the answer that carried it
	FromStart bool     // without a token: from the oldest warning on the log
	Backoff   Backoff
	// Heartbeat, if not nil, is called for answers without a warning: the opening
	// one, which carries the token of the place where the feed begins, and those
	// that tell a quiet feed from a dead one.
	Heartbeat func(*freshetv1.WatchWarningsResponse) error
	// Forecast, if not nil, is called in its place for the standing of a basin's forecast.
	Forecast func(*freshetv1.WatchWarningsResponse) error
	// Connected, if not nil, is told of each change of the link: nil when an answer
	// came over a new stream, else why the old one broke.
	Connected func(error)
	// Logger hears of lost links; nil means nobody does.
	Logger *slog.Logger
}

// Watch calls each for every warning of the feed, in order. After a broken link
// it goes on right behind the last answer for which each returned nil: no gap,
// no repeat. It returns when ctx is done, when each, Forecast or Heartbeat returns an
// error (that error), or when the server says that going on is in vain (e.g.
// the token is of another log).
func Watch(ctx context.Context, conn grpc.ClientConnInterface, opts WatchOptions, each func(*freshetv1.WatchWarningsResponse) error) error {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.Backoff = opts.Backoff.orDefault()
	w := watch{WatchOptions: opts, client: freshetv1.NewWarningServiceClient(conn), each: each}
	tries := 0
	for {
		heard, mine, err := w.once(ctx)
		if heard {
			tries = 0
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case mine:
			return err
		case !openAgain(err):
			return fmt.Errorf("watch warnings: %w", kind(err))
		}
		w.Logger.WarnContext(ctx, "feed lost, will connect again", "err", err)
		if w.Connected != nil {
			w.Connected(err)
		}
		if err := w.Backoff.wait(ctx, tries); err != nil {
			return err
		}
		tries++
	}
}

type watch struct {
	WatchOptions
	client freshetv1.WarningServiceClient
	each   func(*freshetv1.WatchWarningsResponse) error
}

// once reads one stream. heard reports whether an answer came, mine whether err
// is a callback's.
func (w *watch) once(ctx context.Context) (heard, mine bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.client.WatchWarnings(ctx, &freshetv1.WatchWarningsRequest{
		Basins: w.Basins, ResumeToken: w.Token, FromStart: w.FromStart && w.Token == "",
	})
	if err != nil {
		return false, false, err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return heard, false, err
		}
		if !heard && w.Connected != nil {
			w.Connected(nil)
		}
		heard = true
		switch {
		case m.GetWarning() != nil:
			err = w.each(m)
		case m.GetForecastWatch() != nil && w.Forecast != nil:
			err = w.Forecast(m)
		case w.Heartbeat != nil:
			err = w.Heartbeat(m)
		}
		if err != nil {
			return heard, true, err
		}
		if t := m.GetResumeToken(); t != "" {
			w.Token = t
		}
	}
}
