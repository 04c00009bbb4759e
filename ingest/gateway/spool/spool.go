// Package spool keeps values on a gateway's disk until the centre has said that
// it holds them: a Pebble database of bounded size in a folder of its own.
//
// Values lie in entries, each of one department and one call of [Spool.Put], in
// the order in which they came. An entry has one of two lanes:
//
//	Live     it came less than Options.Live ago, and holds values that were
//	         observed less than Options.Live before they came
//	Backlog  all others
//
// so an entry that is not sent in time passes from Live to Backlog by itself.
// [Spool.Take] hands out entries of a lane, oldest first, each once; [Spool.Done]
// lets go of them when the centre holds them; [Spool.Return], after the link
// broke, makes all that were taken and are not done ready to be taken again. So
// does a new start: the disk knows nothing of what was taken.
//
// Keys, integers big endian:
//
//	entry    'e'  department 1B  old 1B  id 8B        value: see encodeEntry
//	refused  'r'  id 8B  index 4B                     value: JSON of Refused
//	dropped  'd'  station                             value: JSON of Drops
//
// An id is the microsecond in which the entry came, raised where needed so that
// ids ascend and no two are equal. old is 1 for entries that were backlog when
// they came. All of a Put is one batch, and Puts that come together share one
// fsync of the write-ahead log.
package spool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"freshet/internal/hydro"
)

// ErrFull is in the error of a Put that the bound or the disk leaves no room
// for. Nothing of that Put is kept: whoever brought the values must keep them
// and come again.
var ErrFull = errors.New("spool is full")

const (
	// MaxEntry is how many values an entry holds at most; a larger Put becomes
	// several entries.
	MaxEntry = 1000

	memTableBytes = 4 << 20
	cacheBytes    = 16 << 20
	ballastName   = "BALLAST" // removed when the disk is full
	ballastShare  = 16        // one part in so many of MinFree

	kindEntry   = 'e'
	kindRefused = 'r'
	kindDropped = 'd'
)

// A Lane is whether an entry overtakes others.
type Lane uint8

// The lanes.
const (
	Live Lane = iota
	Backlog
)

func (l Lane) String() string {
	if l == Live {
		return "live"
	}
	return "backlog"
}

// Options say where the spool is and how much it may hold.
type Options struct {
	// Dir is the database's folder; it is made if it does not exist. One process
	// at a time can open it. Required.
	Dir string
	// MaxBytes bounds the entries; 0 means 4 GiB. What the database needs beside
	// them may double that for a while.
	MaxBytes int64
	// MinFree is the room on the disk that Put leaves to others; 0 means 256 MiB.
	MinFree int64
	// DropOldest makes room by letting go of the oldest entries where Put would
	// say ErrFull for MaxBytes. What is lost is counted by station. It does not
	// help against a disk that others have filled.
	DropOldest bool
	// Live is how fresh an entry must be to overtake others; 0 means 10 min.
	Live time.Duration
	// KeepRefused is how many refused values are kept to be read; 0 means 10,000.
	KeepRefused int
	// Now is the clock. Required.
	Now func() time.Time
	// Logger gets the database's errors and what happens to the disk; nil for none.
	Logger *slog.Logger
	// FS is where the folder is; nil means the machine's disk.
	FS vfs.FS
}

// An ID names an entry.
type ID uint64

// At returns when the entry came.
func (id ID) At() time.Time { return time.UnixMicro(int64(id)).UTC() }

// An Entry is values that came together.
type Entry struct {
	ID   ID
	Lane Lane // in which it was taken
	Raws []hydro.Raw

	key key
}

// A key is an entry's place in the database.
type key struct {
	department hydro.Department
	old        bool
	id         ID
}

func (k key) append(dst []byte) []byte {
	old := byte(0)
	if k.old {
		old = 1
	}
	return binary.BigEndian.AppendUint64(append(dst, kindEntry, byte(k.department), old), uint64(k.id))
}

const keyBytes = 1 + 1 + 1 + 8

func parseKey(b []byte) (key, error) {
	if len(b) != keyBytes || b[0] != kindEntry || b[2] > 1 {
		return key{}, fmt.Errorf("spool: %x is no key of an entry: %w", b, hydro.ErrInvalid)
	}
	k := key{department: hydro.Department(b[1]), old: b[2] == 1, id: ID(binary.BigEndian.Uint64(b[3:]))}
	if k.department < hydro.Weather || int(k.department) > len(hydro.Departments) {
		return key{}, fmt.Errorf("spool: %x is a key of no department: %w", b, hydro.ErrInvalid)
	}
	return k, nil
}

// A size is how much an entry, or many, hold.
type size struct{ entries, readings, bytes int64 }

func (s *size) add(o size)      { s.entries += o.entries; s.readings += o.readings; s.bytes += o.bytes }
func (s *size) subtract(o size) { s.add(size{-o.entries, -o.readings, -o.bytes}) }

// A shelf is what the spool knows of one department without asking the disk.
type shelf struct {
	held     size
	inFlight map[key]size
	// Entries below a cursor were taken, or left. live and past run over the
	// entries that were fresh when they came, old over the others.
	live, past, old ID
	newest          [2]ID // last id put, by old
	fresh           ID    // the boundary when it was last looked at
}

// A Spool is safe for use by many goroutines.
type Spool struct {
	opts Options
	db   *pebble.DB
	fs   vfs.FS

	mu      sync.Mutex
	closed  bool
	users   sync.WaitGroup
	last    ID
	total   size
	shelves map[hydro.Department]*shelf
	changed chan struct{} // closed and replaced when something may be taken
	refused int           // in the list
	drops   map[string]Drops
	full    error // why the last Put was refused; nil if it was not
	fulls   int64
	free    freeSpace
	zones   zones
}

// Open opens or makes the spool and counts what it holds. The error wraps
// hydro.ErrUnavailable if another process has it open or the disk does not
// serve.
func Open(o Options) (_ *Spool, err error) {
	if o.Dir == "" || o.Now == nil {
		return nil, fmt.Errorf("open spool: folder and clock are needed: %w", hydro.ErrInvalid)
	}
	if o.MaxBytes < 0 || o.MinFree < 0 || o.Live < 0 || o.KeepRefused < 0 {
		return nil, fmt.Errorf("open spool: a bound is negative: %w", hydro.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 4 << 30
	}
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.Live == 0 {
		o.Live = 10 * time.Minute
	}
	if o.KeepRefused == 0 {
		o.KeepRefused = 10_000
	}
	disk := o.FS
	if disk == nil {
		disk = vfs.Default
	}
	s := &Spool{
		opts: o, changed: make(chan struct{}), shelves: map[hydro.Department]*shelf{}, drops: map[string]Drops{},
		free: freeSpace{fs: disk, dir: o.Dir, least: o.MinFree},
	}
	for _, d := range hydro.Departments {
		s.shelves[d] = &shelf{inFlight: map[key]size{}}
	}
	// A disk without room kills a Pebble. So it is told of one before it is: then
	// a file that was kept for this is removed, and Puts are refused until there
	// is room again. What the centre acknowledges can still be let go.
	s.fs = vfs.OnDiskFull(disk, s.diskFull)
	s.db, err = pebble.Open(o.Dir, &pebble.Options{
		FS:                 s.fs,
		CacheSize:          cacheBytes,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             logger{o.Logger},
		MemTableSize:       memTableBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open spool %s: %w: %w", o.Dir, hydro.ErrUnavailable, err)
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool %s: %w", o.Dir, err), s.db.Close())
	}
	if err := s.free.restore(); err != nil {
		o.Logger.Warn("no room is kept for a full disk", "err", err)
	}
	return s, nil
}

// recover counts what is on the disk.
func (s *Spool) recover() (err error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindEntry}, UpperBound: []byte{kindEntry + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		k, err := parseKey(iter.Key())
		if err != nil {
			return err
		}
		v, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		n, err := entryCount(v)
		if err != nil {
			return fmt.Errorf("entry %d: %w", k.id, err)
		}
		sh := s.shelves[k.department]
		one := size{1, int64(n), int64(len(iter.Key()) + len(v))}
		sh.held.add(one)
		s.total.add(one)
		sh.newest[btoi(k.old)] = k.id
		s.last = max(s.last, k.id)
	}
	if err := iter.Error(); err != nil {
		return err
	}
	return s.recoverLists()
}

// Close ends the use of the disk. What was taken and is not done is there when
// the spool is opened again.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.wake()
	s.mu.Unlock()
	s.users.Wait()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close spool: %w: %w", hydro.ErrUnavailable, err)
	}
	return nil
}

// begin keeps the database open until s.users.Done; the lock is held.
func (s *Spool) begin() error {
	if s.closed {
		return fmt.Errorf("spool is closed: %w", hydro.ErrUnavailable)
	}
	s.users.Add(1)
	return nil
}

// wake tells those who wait for something to take; the lock is held.
func (s *Spool) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed returns a channel that is closed when entries were put or returned.
// Get it before Take has come back empty, and wait after.
func (s *Spool) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Put keeps values of a department, and returns nil when they are on the disk.
// refused are values that cannot be sent at all: they go to the list of refused
// values, in the same batch. It does not keep raws. The error wraps ErrFull if
// there is no room, then nothing of them is kept. After any other error the
// values may or may not be kept: to put them again does no harm.
func (s *Spool) Put(ctx context.Context, d hydro.Department, raws []hydro.Raw, refused []Refused) error {
	sh := s.shelves[d]
	if sh == nil {
		return fmt.Errorf("spool: %s: %w", d, hydro.ErrInvalid)
	}
	if len(raws) == 0 && len(refused) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	now := s.opts.Now()
	lanes := s.encode(raws, now)
	batch := s.db.NewBatch()
	done, err := s.apply(sh, d, batch, lanes, refused, now)
	if err != nil {
		return errors.Join(err, batch.Close())
	}
	defer done()
	if err := batch.SyncWait(); err != nil {
		return fmt.Errorf("spool: the disk did not take the values: %w: %w", hydro.ErrUnavailable, err)
	}
	return batch.Close()
}

// encode splits raws into entries: those that are old, and the others.
func (s *Spool) encode(raws []hydro.Raw, now time.Time) (entries [2][]encoded) {
	oldest := now.Add(-s.opts.Live)
	fresh := make([]hydro.Raw, 0, len(raws))
	var old []hydro.Raw
	for i := range raws {
		if at, known := s.zones.observed(&raws[i]); known && at.Before(oldest) {
			old = append(old, raws[i])
		} else {
			fresh = append(fresh, raws[i])
		}
	}
	for i, of := range [][]hydro.Raw{fresh, old} {
		for len(of) > 0 {
			n := min(len(of), MaxEntry)
			value := encodeEntry(of[:n])
			entries[i] = append(entries[i], encoded{value, size{1, int64(n), int64(keyBytes + len(value))}})
			of = of[n:]
		}
	}
	return entries
}

type encoded struct {
	value []byte
	size  size
}

// apply makes room, names the entries and hands the batch to the database. Ids
// become visible in their order because this happens under the lock; the wait
// for the disk comes after, so that many wait together.
func (s *Spool) apply(sh *shelf, d hydro.Department, batch *pebble.Batch, entries [2][]encoded, refused []Refused, now time.Time) (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.users.Done()
		}
	}()
	var sum size
	for _, of := range entries {
		for _, e := range of {
			sum.add(e.size)
		}
	}
	lost, err := s.room(batch, sum.bytes, now)
	if err != nil {
		return nil, s.refuse(err)
	}
	s.full = nil
	var newest [2]ID
	last := s.last
	var buf []byte
	for old, of := range entries {
		for _, e := range of {
			last = max(last+1, ID(max(now.UnixMicro(), 0)))
			newest[old] = last
			buf = key{d, old == 1, last}.append(buf[:0])
			if err := batch.Set(buf, e.value, nil); err != nil {
				return nil, fmt.Errorf("spool: %w", err)
			}
		}
	}
	if len(refused) > 0 {
		last = max(last+1, ID(max(now.UnixMicro(), 0)))
		if err := s.list(batch, last, refused); err != nil {
			return nil, err
		}
	}
	if err := s.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		return nil, fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
	}
	s.last = last
	for old, id := range newest {
		sh.newest[old] = max(sh.newest[old], id)
	}
	sh.held.add(sum)
	s.total.add(sum)
	s.forget(lost)
	s.refused += len(refused)
	s.wake()
	return s.users.Done, nil
}
