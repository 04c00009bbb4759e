package spool

// What goes out of the spool: entries that are taken, returned and done.

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"

	"freshet/internal/hydro"
)

// boundary returns the first id that is still fresh.
func (s *Spool) boundary() ID {
	return ID(max(s.opts.Now().Add(-s.opts.Live).UnixMicro(), 0))
}

// turn takes note of the boundary. When the clock was put back, entries that had
// become backlog are fresh again, and the cursor of the fresh ones is behind them.
func (sh *shelf) turn(fresh ID) {
	if fresh < sh.fresh {
		sh.live = min(sh.live, fresh)
	}
	sh.fresh = fresh
}

// Has reports whether Take may find an entry of that lane.
func (s *Spool) Has(d hydro.Department, lane Lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelves[d]
	if sh == nil || sh.held.entries == int64(len(sh.inFlight)) {
		return false
	}
	fresh := s.boundary()
	sh.turn(fresh)
	if lane == Live {
		return sh.newest[0] >= max(sh.live, fresh)
	}
	return sh.past < min(fresh, sh.newest[0]+1) || sh.old <= sh.newest[1]
}

// Take hands out entries of a lane, oldest first, until they hold readings
// values or more. They are not handed out again until Return. A backlog lane
// gives what was fresh once before what was old when it came.
func (s *Spool) Take(d hydro.Department, lane Lane, readings int) (entries []Entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelves[d]
	if sh == nil {
		return nil, fmt.Errorf("spool: %s: %w", d, hydro.ErrInvalid)
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.users.Done()
	fresh := s.boundary()
	sh.turn(fresh)
	if lane == Live {
		sh.live = max(sh.live, fresh)
		return s.scan(d, sh, false, &sh.live, sh.newest[0]+1, lane, readings, nil)
	}
	if entries, err = s.scan(d, sh, false, &sh.past, min(fresh, sh.newest[0]+1), lane, readings, entries); err != nil {
		return nil, err
	}
	return s.scan(d, sh, true, &sh.old, sh.newest[1]+1, lane, readings, entries)
}

// scan appends entries from *cursor to end and moves the cursor behind them.
func (s *Spool) scan(d hydro.Department, sh *shelf, old bool, cursor *ID, end ID, lane Lane, readings int, entries []Entry) (_ []Entry, err error) {
	for i := range entries {
		readings -= len(entries[i].Raws)
	}
	if *cursor >= end || readings <= 0 {
		return entries, nil
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: key{d, old, *cursor}.append(nil), UpperBound: key{d, old, end}.append(nil)})
	if err != nil {
		return nil, fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if readings <= 0 {
			return entries, nil
		}
		k, err := parseKey(iter.Key())
		if err != nil {
			return nil, err
		}
		*cursor = k.id + 1
		if _, taken := sh.inFlight[k]; taken {
			continue
		}
		v, err := iter.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
		}
		raws, err := decodeEntry(v)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", k.id, err)
		}
		sh.inFlight[k] = size{1, int64(len(raws)), int64(len(iter.Key()) + len(v))}
		entries = append(entries, Entry{ID: k.id, Lane: lane, Raws: raws, key: k})
		readings -= len(raws)
	}
	if err := iter.Error(); err != nil {
		return nil, fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
	}
	*cursor = max(*cursor, end)
	return entries, nil
}

// Done lets go of entries that the centre holds, and files the values of them
// that it refused. It does not wait for the disk: after a crash they may be
// there again and are sent again, which does no harm.
func (s *Spool) Done(entries []Entry, refused []Refused) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return err
	}
	defer s.users.Done()
	batch := s.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	var buf []byte
	var left []key
	for i := range entries {
		k := entries[i].key
		if _, ok := s.shelves[k.department].inFlight[k]; !ok {
			continue // done before
		}
		left = append(left, k)
		buf = k.append(buf[:0])
		if err := batch.Delete(buf, nil); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	if len(left) == 0 {
		return nil
	}
	if err := s.list(batch, left[0].id, refused); err != nil {
		return err
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
	}
	s.refused += len(refused)
	for _, k := range left {
		sh := s.shelves[k.department]
		sh.held.subtract(sh.inFlight[k])
		s.total.subtract(sh.inFlight[k])
		delete(sh.inFlight, k)
	}
	return nil
}

// Return makes all entries of d that were taken and are not done ready to be
// taken again.
func (s *Spool) Return(d hydro.Department) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelves[d]
	if sh == nil || len(sh.inFlight) == 0 {
		return
	}
	for k := range sh.inFlight {
		if k.old {
			sh.old = min(sh.old, k.id)
		} else {
			sh.live, sh.past = min(sh.live, k.id), min(sh.past, k.id)
		}
	}
	clear(sh.inFlight)
	s.wake()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A logger passes the database's errors on; its chatter about compactions is
// left out.
type logger struct{ to *slog.Logger }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.to.Error("spool database", "err", fmt.Sprintf(format, args...))
}

// Fatalf is called where the database cannot go on, as when its log cannot be
// written. A crash is safe: what Put has not returned for was not acknowledged
// to anybody.
func (l logger) Fatalf(format string, args ...any) {
	panic("spool: " + fmt.Sprintf(format, args...))
}
