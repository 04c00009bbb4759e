// Package link is the centre's side of SL 651-2014 over TCP: stations dial in,
// report, and are answered once their report is safe.
//
// A [Server] reads frames out of each connection's bytes, puts packets together,
// knows a message that is sent again, and gives each message to its handler. Only
// when the handler has returned nil is the station told that it was received
// (link modes M2 and M3; a station in mode M1 does not listen). Questions and
// commands of the centre go the other way (M4): see [Server.Query].
//
// A message may reach the handler more than once: after a crash between the
// handler and the answer, or when a station sends it again with another send
// time. It is never lost once the station was answered.
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
)

// A Message is one message of a station.
type Message struct {
	*sl651.Message
	Received time.Time
	Remote   string
	Fault    error // a *sl651.BodyFault: the rest of the body could not be read
	// Conflict means that a message with the same function code, serial number and
	// send time was there before with another body: both are given on, for somebody
	// to judge.
	Conflict bool
}

// A Handler makes a message safe. It may be called for several stations at once,
// and for one station one after the other. The message is its to keep.
type Handler func(ctx context.Context, m Message) error

// Options configure a Server. The zero durations and numbers take the defaults.
type Options struct {
	Handle Handler
	Now    func() time.Time // the wall clock: deadlines are set by it
	Log    *slog.Logger
	Admit  func(*sl651.Frame) error // nil: all; a frame that is refused is not answered
	Silent func(sl651.Address) bool // nil: none; stations of mode M1, which are not answered
	Zone   *time.Location           // of the send times that stations are told; Beijing
	HangUp bool                     // tell stations to leave after their report (EOT) and not to stay (ESC)

	MaxConns  int           // 5,000
	First     time.Duration // until a connection's first good frame; 1 min
	Idle      time.Duration // between good frames; 15 min: a station keeps alive each 255 s at most
	Write     time.Duration // of one frame; 10 s
	Packets   time.Duration // between the packets of one message; 30 s
	Answer    time.Duration // until a station answers a question; 20 s
	Assembled int64         // bytes of unfinished messages in packets, all together; 64 MB
}

// The defaults of Options.
const (
	DefaultMaxConns  = 5000
	DefaultFirst     = time.Minute
	DefaultIdle      = 15 * time.Minute
	DefaultWrite     = 10 * time.Second
	DefaultPackets   = 30 * time.Second
	DefaultAnswer    = 20 * time.Second
	DefaultAssembled = 64 << 20
)

// attempts is how often something is sent that is not answered [std 6.3.2.3].
const attempts = 3

// Stats counts what a Server did.
type Stats struct {
	Conns      int64 // open now
	Accepted   int64
	Full       int64 // connections closed because there were MaxConns
	Silenced   int64 // closed because no good frame came in time
	Superseded int64 // closed because all their stations dialled in anew
	Frames     int64 // good ones
	Noise      int64 // bytes
	BadCRC     int64
	Refused    int64 // frames that Admit refused
	Messages   int64 // given to the handler
	Repeats    int64 // known already: answered, not given to the handler
	Conflicts  int64
	Failed     int64 // the handler's errors: not answered
	Faults     int64 // messages whose body could not be read wholly
	NAKs       int64
	GivenUp    int64 // messages in packets that never became whole
}

type counters struct {
	conns, accepted, full, silenced, superseded, frames, noise, badCRC, refused, messages, repeats, conflicts, failed, faults, naks, givenUp atomic.Int64
}

// A Server is the centre for many stations.
type Server struct {
	opts Options
	n    counters

	assembled atomic.Int64

	mu       sync.Mutex
	stations map[sl651.Address]*station
	sessions map[*session]struct{}
}

// New prepares a server.
func New(opts Options) (*Server, error) {
	if opts.Handle == nil || opts.Now == nil || opts.Log == nil {
		return nil, fmt.Errorf("sl651/link: Handle, Now and Log are needed: %w", hydro.ErrInvalid)
	}
	if opts.Zone == nil {
		opts.Zone = sl651.Beijing
	}
	opts.MaxConns = orDefault(opts.MaxConns, DefaultMaxConns)
	opts.First = orDefault(opts.First, DefaultFirst)
	opts.Idle = orDefault(opts.Idle, DefaultIdle)
	opts.Write = orDefault(opts.Write, DefaultWrite)
	opts.Packets = orDefault(opts.Packets, DefaultPackets)
	opts.Answer = orDefault(opts.Answer, DefaultAnswer)
	opts.Assembled = orDefault(opts.Assembled, DefaultAssembled)
	opts.Log = opts.Log.With("component", "sl651")
	return &Server{opts: opts, stations: map[sl651.Address]*station{}, sessions: map[*session]struct{}{}}, nil
}

func orDefault[T int | int64 | time.Duration](v, standard T) T {
	if v <= 0 {
		return standard
	}
	return v
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	n := &s.n
	return Stats{
		Conns: n.conns.Load(), Accepted: n.accepted.Load(), Full: n.full.Load(), Silenced: n.silenced.Load(), Superseded: n.superseded.Load(),
		Frames: n.frames.Load(), Noise: n.noise.Load(), BadCRC: n.badCRC.Load(), Refused: n.refused.Load(), Messages: n.messages.Load(),
		Repeats: n.repeats.Load(), Conflicts: n.conflicts.Load(), Failed: n.failed.Load(), Faults: n.faults.Load(), NAKs: n.naks.Load(), GivenUp: n.givenUp.Load(),
	}
}

// Serve accepts stations until ctx ends or the listener fails, and returns when
// all connections are closed and their handlers have returned. It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	defer func() { _ = ln.Close() }()
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept stations: %w", err)
		case err != nil: // out of file descriptors, mostly: connections that end will give some back
			s.opts.Log.Warn("a station could not be accepted, waiting", "err", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		if s.n.conns.Load() >= int64(s.opts.MaxConns) {
			s.n.full.Add(1)
			_ = conn.Close()
			continue
		}
		s.n.accepted.Add(1)
		s.n.conns.Add(1)
		wg.Go(func() {
			defer s.n.conns.Add(-1)
			s.ServeConn(ctx, conn)
		})
	}
}

// ServeConn serves one connection until it ends, and closes it.
func (s *Server) ServeConn(ctx context.Context, conn net.Conn) {
	c := &session{server: s, conn: conn, remote: conn.RemoteAddr().String(), stations: map[sl651.Address]*station{}}
	s.mu.Lock()
	s.sessions[c] = struct{}{}
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, c.interrupt)
	defer stop()
	defer c.close()
	c.run(ctx)
}
