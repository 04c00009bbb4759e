package rtu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Faults are what a bad link does to what passes through it, each with its
// probability for each piece of bytes that was read at once.
type Faults struct {
	Drop      float64 // the piece is lost
	Duplicate float64 // it comes twice
	Corrupt   float64 // one byte of it is another
	Noise     float64 // bytes that nobody sent come before it
	Cut       float64 // the connection breaks
	Delay     float64 // it comes late, by up to MaxDelay
	MaxDelay  time.Duration
}

// A Proxy is a bad link: it accepts connections, dials the far end for each and
// passes bytes both ways with faults.
type Proxy struct {
	Faults Faults
	Seed   uint64
	Dial   func(context.Context) (net.Conn, error)

	conns                                     atomic.Uint64
	dropped, duplicated, corrupted, cut, late atomic.Int64
}

// Serve passes connections on until ctx ends. It closes ln, and returns when all
// connections are closed.
func (p *Proxy) Serve(ctx context.Context, ln net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	for {
		near, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the end of the context is how Serve ends
			}
			return fmt.Errorf("proxy: %w", err)
		}
		n := p.conns.Add(1)
		wg.Go(func() { p.pass(ctx, near, n) })
	}
}

// Did says how many faults there were.
func (p *Proxy) Did() string {
	return fmt.Sprintf("%d connections, %d pieces dropped, %d duplicated, %d corrupted, %d late, %d connections cut",
		p.conns.Load(), p.dropped.Load(), p.duplicated.Load(), p.corrupted.Load(), p.late.Load(), p.cut.Load())
}

// Harmed returns how many faults of each kind there were: drops, duplicates,
// corruptions, cuts.
func (p *Proxy) Harmed() (dropped, duplicated, corrupted, cut int64) {
	return p.dropped.Load(), p.duplicated.Load(), p.corrupted.Load(), p.cut.Load()
}

func (p *Proxy) pass(ctx context.Context, near net.Conn, n uint64) {
	defer func() { _ = near.Close() }()
	far, err := p.Dial(ctx)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	stop := context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		p.copy(ctx, far, near, rand.New(rand.NewPCG(p.Seed, 2*n)))
		_, _ = near.Close(), far.Close()
	})
	p.copy(ctx, near, far, rand.New(rand.NewPCG(p.Seed, 2*n+1)))
	_, _ = near.Close(), far.Close()
}

func (p *Proxy) copy(ctx context.Context, from, to net.Conn, r *rand.Rand) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.piece(ctx, buf[:n], to, r) {
			return
		}
		if err != nil {
			return
		}
	}
}

// piece passes one piece on, and reports whether the connection still stands.
func (p *Proxy) piece(ctx context.Context, b []byte, to net.Conn, r *rand.Rand) bool {
	f := &p.Faults
	if r.Float64() < f.Cut {
		p.cut.Add(1)
		return false
	}
	if r.Float64() < f.Drop {
		p.dropped.Add(1)
		return true
	}
	if f.MaxDelay > 0 && r.Float64() < f.Delay {
		p.late.Add(1)
		timer := time.NewTimer(time.Duration(r.Int64N(int64(f.MaxDelay))))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
	if r.Float64() < f.Noise {
		noise := make([]byte, 1+r.IntN(20))
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		if _, err := to.Write(noise); err != nil {
			return false
		}
	}
	times := 1
	if r.Float64() < f.Duplicate {
		p.duplicated.Add(1)
		times = 2
	}
	if r.Float64() < f.Corrupt {
		p.corrupted.Add(1)
		b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
	}
	for range times {
		if _, err := to.Write(b); err != nil {
			return false
		}
	}
	return true
}
