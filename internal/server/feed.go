package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

const badToken = "the resume token is damaged or not one of Freshet's: connect without a token and with from_start to read the feed from its oldest warning"

// WatchWarnings implements the duty officer's feed.
func (s *Server) WatchWarnings(req *freshetv1.WatchWarningsRequest, stream grpc.ServerStreamingServer[freshetv1.WatchWarningsResponse]) error {
	return s.watch(stream.Context(), req, streamSink{stream})
}

// A sink takes the answers of one reader.
type sink interface {
	send(a *feedAnswer) error
	// flush lets what was sent go out.
	flush() error
}

// watch sends the opening answer, which carries the token of the place where the
// feed starts, and then every item behind that place that the reader wants, until
// ctx is done or out fails. A reader who does not read costs bounded memory and
// delays nobody.
func (s *Server) watch(ctx context.Context, req *freshetv1.WatchWarningsRequest, out sink) error {
	if err := s.check(req); err != nil {
		return err
	}
	filter, err := newFilter(req)
	if err != nil {
		return err
	}
	at, err := s.startPlaces(ctx, req)
	if err != nil {
		return err
	}
	s.metrics.watchers.Inc()
	defer s.metrics.watchers.Dec()
	readers := make([]*reader, len(at))
	for i, p := range at {
		readers[i] = &reader{place: p, tail: s.tail.basins[p.basin], filter: filter}
		if err := s.tail.start(ctx, readers[i]); err != nil {
			return cmpErr(ctx, err)
		}
	}
	send := func(i *item) error {
		a := feedAnswer{item: i}
		for k, r := range readers {
			at[k] = r.place
			a.unseen += r.waiting()
		}
		if a.token = at.encode(); i != nil {
			a.now = i.now
		} else {
			a.now = s.earliestNow(at)
		}
		return out.send(&a)
	}
	if err := errors.Join(send(nil), out.flush()); err != nil {
		return err
	}
	ticker := time.NewTicker(s.opts.Heartbeat)
	defer ticker.Stop()
	for {
		changed := s.tail.wait()
		some := false
		for _, r := range readers {
			if err := s.tail.fill(ctx, r); err != nil {
				return cmpErr(ctx, err)
			}
			some = some || len(r.items) > 0
			for i := r.take(); i != nil; i = r.take() {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := send(i); err != nil {
					return err
				}
				s.metrics.warningsSent.Inc()
			}
		}
		if some {
			if err := out.flush(); err != nil {
				return err
			}
			changed = always // there may be more already
		}
		if err := pause(ctx, changed, ticker.C, func() error { return errors.Join(send(nil), out.flush()) }); err != nil {
			return err
		}
	}
}

// always is a channel that tells of a change all the time.
var always = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// pause waits for a change, and lets the heart beat when it is time.
func pause(ctx context.Context, changed <-chan struct{}, tick <-chan time.Time, beat func() error) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-tick:
		return beat()
	case <-changed:
		return nil
	}
}

// cmpErr prefers the reason why ctx ended to an error that is only its echo.
func cmpErr(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}

// A streamSink sends over gRPC.
type streamSink struct{ stream grpc.ServerStream }

func (s streamSink) send(a *feedAnswer) error { return s.stream.SendMsg(a) } //nolint:wrapcheck // a status
func (s streamSink) flush() error             { return nil }                 // gRPC does so itself

// startPlaces says where in each basin's log the feed begins.
func (s *Server) startPlaces(ctx context.Context, req *freshetv1.WatchWarningsRequest) (token, error) {
	basins := req.GetBasins()
	if len(basins) == 0 {
		basins = s.basinIDs
	}
	var resumed token
	if text := req.GetResumeToken(); text != "" {
		var ok bool
		if resumed, ok = decodeToken(text); !ok {
			return nil, badField("resume_token", badToken)
		}
	}
	known := 0
	var at token
	for _, basin := range basins {
		if _, ok := s.basins[basin]; !ok {
			return nil, fmt.Errorf("basin %q: %w", basin, hydro.ErrNotFound)
		}
		if _, twice := at.find(basin); twice {
			continue
		}
		identity, err := s.opts.Feed.Identity(ctx, basin)
		if err != nil {
			return nil, fmt.Errorf("feed of %s: %w", basin, err)
		}
		last, err := s.opts.Feed.LastOutput(ctx, basin)
		if err != nil {
			return nil, fmt.Errorf("feed of %s: %w", basin, err)
		}
		first, err := s.opts.Feed.FirstOutput(ctx, basin)
		if err != nil {
			return nil, fmt.Errorf("feed of %s: %w", basin, err)
		}
		if req.GetResumeToken() != "" || req.GetFromStart() {
			// What is known to wait must be counted, and the tail may be a moment behind.
			newest, err := s.opts.Feed.LastOf(ctx, basin, feedKinds...)
			if err == nil {
				err = s.tail.reach(ctx, basin, newest)
			}
			if err != nil {
				return nil, fmt.Errorf("feed of %s: %w", basin, cmpErr(ctx, err))
			}
		} else if err := s.tail.reach(ctx, basin, 0); err != nil {
			return nil, fmt.Errorf("feed of %s: %w", basin, cmpErr(ctx, err))
		}
		p := place{basin: basin, log: logHash(identity)}
		old, resume := resumed.find(basin)
		switch {
		case resume && old.log != p.log:
			return nil, badField("resume_token", fmt.Sprintf(
				"the resume token belongs to another installation, or the log of basin %s was made anew since: connect without a token and with from_start to read this feed from its oldest warning", basin))
		case resume && old.seq > last.Seq:
			return nil, badField("resume_token", fmt.Sprintf(
				"the resume token is ahead of the log of basin %s, which may have been restored from an older copy: connect without a token and with from_start to read this feed from its oldest warning", basin))
		case resume && old.seq+1 < first:
			return nil, badField("resume_token", fmt.Sprintf(
				"the log of basin %s no longer reaches back to the place of the resume token, so warnings may be missing in between: read them with ListWarnings, and connect without a token and with from_start to go on from the oldest that the log holds", basin))
		case resume:
			p.seq = old.seq
			known++
		case req.GetResumeToken() == "" && !req.GetFromStart():
			p.seq = last.Seq // from now on
		default:
			// From the oldest; also for a basin that was added after the token
			// was made, because no gap is promised.
		}
		at = append(at, p)
	}
	if len(resumed) > 0 && known == 0 {
		return nil, badField("resume_token",
			"the resume token is of other basins than this feed: connect without a token and with from_start to read this feed from its oldest warning")
	}
	return at, nil
}

// engineNow returns the engine time of a basin.
func (s *Server) engineNow(basin string) (now time.Time) {
	s.basins[basin].Engine.Query(func(e *engine.Engine) { now = e.Now() })
	return now
}

// earliestNow returns the earliest engine time of the basins in t.
func (s *Server) earliestNow(t token) time.Time {
	var earliest time.Time
	for i, p := range t {
		if now := s.tail.engineNow(p.basin); i == 0 || now.Before(earliest) {
			earliest = now
		}
	}
	return earliest
}

// timestamp is t, or nil for an engine that has had no tick.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
