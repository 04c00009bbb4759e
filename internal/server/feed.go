package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

const badToken = "the resume token is damaged or not one of Freshet's: connect without a token and with from_start to read the feed from its oldest warning"

// WatchWarnings implements the duty officer's feed.
func (s *Server) WatchWarnings(req *freshetv1.WatchWarningsRequest, stream grpc.ServerStreamingServer[freshetv1.WatchWarningsResponse]) error {
	return s.watch(stream.Context(), req, stream.Send)
}

// watch sends the opening answer, which carries the token of the place where
// the feed starts, and then every warning behind that place until ctx is done
// or send fails. Each basin's log is read by a consumer of this call alone; it
// reads at most a little ahead of send, so that a reader who does not read
// costs bounded memory and delays nobody.
func (s *Server) watch(ctx context.Context, req *freshetv1.WatchWarningsRequest, send func(*freshetv1.WatchWarningsResponse) error) error {
	if err := s.check(req); err != nil {
		return err
	}
	at, err := s.startPlaces(ctx, req)
	if err != nil {
		return err
	}
	s.metrics.watchers.Inc()
	defer s.metrics.watchers.Dec()

	heartbeat := func(unseen uint64) *freshetv1.WatchWarningsResponse {
		return &freshetv1.WatchWarningsResponse{ResumeToken: at.encode(), Unseen: unseen, Now: timestamp(s.earliestNow(at))}
	}
	if err := send(heartbeat(0)); err != nil {
		return err
	}

	type item struct {
		basin int
		rec   journal.Record
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	items := make(chan item)
	waiting := make([]atomic.Uint64, len(at)) // per basin, warnings known to wait
	for i, p := range at {
		readers.Go(func() {
			last := p.seq
			for rec, err := range s.opts.Feed.Outputs(ctx, p.basin, p.seq, "warning") {
				if err == nil {
					if rec.Seq <= last || rec.Output.Warning == nil { // redelivered, or not ours
						continue
					}
					last = rec.Seq
					waiting[i].Store(rec.Pending + 1)
				}
				select {
				case items <- item{i, rec, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
			// A log that ends while the reader is still there is a fault.
			select {
			case items <- item{i, journal.Record{}, fmt.Errorf("feed of %s: the log ended: %w", p.basin, hydro.ErrUnavailable)}:
			case <-ctx.Done():
			}
		})
	}
	unseen := func() uint64 {
		var n uint64
		for i := range waiting {
			n += waiting[i].Load()
		}
		return n
	}
	ticker := time.NewTicker(s.opts.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if err := send(heartbeat(unseen())); err != nil {
				return err
			}
		case it := <-items:
			if it.err != nil {
				return cmpErr(ctx, it.err)
			}
			at[it.basin].seq = it.rec.Seq
			waiting[it.basin].Store(it.rec.Pending)
			err := send(&freshetv1.WatchWarningsResponse{
				Warning:     wire.FromWarning(it.rec.Output.Warning),
				ResumeToken: at.encode(),
				Unseen:      unseen(),
				Now:         timestamp(s.engineNow(at[it.basin].basin)),
			})
			if err != nil {
				return err
			}
			s.metrics.warningsSent.Inc()
		}
	}
}

// cmpErr prefers the reason why ctx ended to an error that is only its echo.
func cmpErr(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}

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
		if now := s.engineNow(p.basin); i == 0 || now.Before(earliest) {
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
