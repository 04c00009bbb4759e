package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"freshet/internal/hydro"
)

// room makes sure that bytes more may be kept. If the oldest entries must go
// for that, it deletes them in batch and returns what forget needs. The lock is
// held.
func (s *Spool) room(batch *pebble.Batch, bytes int64, now time.Time) (lost *loss, err error) {
	if err := s.free.check(now, bytes); err != nil {
		return nil, err
	}
	if s.total.bytes+bytes <= s.opts.MaxBytes {
		return nil, nil
	}
	full := fmt.Errorf("%w: it holds %d of at most %d bytes and %d more came", ErrFull, s.total.bytes, s.opts.MaxBytes, bytes)
	if !s.opts.DropOldest || bytes > s.opts.MaxBytes {
		return nil, full
	}
	if lost, err = s.oldest(s.total.bytes + bytes - s.opts.MaxBytes); err != nil {
		return nil, err
	}
	if lost == nil { // all that is old enough is under way
		return nil, full
	}
	return lost, s.deleteLost(batch, lost)
}

// refuse remembers why a Put was refused, and says so once.
func (s *Spool) refuse(err error) error {
	if !errors.Is(err, ErrFull) {
		return err
	}
	s.fulls++
	if s.full == nil {
		s.opts.Logger.Error("THE SPOOL IS FULL: inputs are told to keep what they have and come again", "err", err, "entries", s.total.entries, "readings", s.total.readings)
	}
	s.full = err
	return fmt.Errorf("spool %s: %w: %w", s.opts.Dir, err, hydro.ErrUnavailable)
}

// diskFull is called by the database's file system when a write found no room.
// It frees the room that was kept for that, so that the write can be repeated.
func (s *Spool) diskFull() {
	s.opts.Logger.Error("THE DISK OF THE SPOOL IS FULL: inputs are told to keep what they have until there is room again", "dir", s.opts.Dir)
	if err := s.free.release(); err != nil {
		s.opts.Logger.Error("the room kept for a full disk could not be freed", "err", err)
	}
}

// checkEvery is how often the disk is asked for its free room.
const checkEvery = time.Second

// A freeSpace keeps some room on the disk free. It has its own lock, because
// the file system calls release while the database holds its own.
type freeSpace struct {
	fs    vfs.FS
	dir   string
	least int64

	mu       sync.Mutex
	released bool // the ballast is gone: the disk was full
	asked    time.Time
	since    int64 // bytes let through since
	avail    int64 // -1: the disk does not tell
}

// check returns an error that wraps ErrFull if bytes more would take the room
// that others need.
func (f *freeSpace) check(now time.Time, bytes int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := now.Sub(f.asked); f.asked.IsZero() || d < 0 || d >= checkEvery || f.since > f.least/16 || f.released {
		f.asked, f.since, f.avail = now, 0, -1
		if u, err := f.fs.GetDiskUsage(f.dir); err == nil {
			f.avail = int64(min(u.AvailBytes, 1<<62))
		}
		if f.released {
			if err := f.fill(); err != nil {
				return fmt.Errorf("%w: the disk had no room left: %w", ErrFull, err)
			}
		}
	}
	if f.avail >= 0 && f.avail-f.since-bytes < f.least {
		return fmt.Errorf("%w: the disk has %d bytes left, of which %d are not for the spool", ErrFull, f.avail, f.least)
	}
	f.since += bytes
	return nil
}

// restore makes the ballast if it is not there.
func (f *freeSpace) restore() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fill()
}

// fill writes the ballast, whole or not at all. It bypasses the database's file
// system, so that a disk without room says so here. The lock is held.
func (f *freeSpace) fill() (err error) {
	name := f.fs.PathJoin(f.dir, ballastName)
	if info, err := f.fs.Stat(name); err == nil && info.Size() == f.least/ballastShare {
		f.released = false
		return nil
	}
	file, err := f.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.fs.Remove(name))
		}
	}()
	chunk := make([]byte, f.least/ballastShare)
	for i := range chunk {
		chunk[i] = byte(i * 7) // a disk that compresses zeros would keep no room
	}
	if _, err := file.Write(chunk); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	f.released = false
	return nil
}

// release removes the ballast.
func (f *freeSpace) release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.released = true
	err := f.fs.Remove(f.fs.PathJoin(f.dir, ballastName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
