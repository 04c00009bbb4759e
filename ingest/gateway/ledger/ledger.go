// Package ledger remembers, on a gateway's disk, what the centre has
// acknowledged: for each series and day the readings as they were sent, for some
// days. With it the gateway compares itself with the centre's history (see
// ingest/reconcile) and sends again what the history lost.
//
// Days are those of UTC: from 08:00 to 08:00 in Beijing, the hydrological day.
//
// Keys, integers big endian, days as days since 1970:
//
//	reading   'l'  department 1B  day 4B  station 00  variable 1B  sensor 1B  at 8B    value: interval s 4B, raw 8B, datum
//	mark      'm'  department 1B  day 4B                                               value: when the last reading was recorded, Unix ms 8B
//
// A mark says that a day has readings that were not compared yet.
package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"freshet/ingest"
	"freshet/ingest/reconcile"
	"freshet/internal/hydro"
)

const (
	day = 24 * time.Hour

	kindReading = 'l'
	kindMark    = 'm'
)

// Options say where the ledger is.
type Options struct {
	// Dir is the database's folder; it is made if it does not exist. Required.
	Dir string
	// Logger gets the database's errors; nil for none.
	Logger *slog.Logger
	// FS is where the folder is; nil means the machine's disk.
	FS vfs.FS
}

// A Ledger is safe for use by many goroutines.
type Ledger struct {
	db *pebble.DB

	mu    sync.Mutex
	zones ingest.Zones
}

// Open opens or makes the ledger. The error wraps hydro.ErrUnavailable.
func Open(o Options) (*Ledger, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	db, err := pebble.Open(o.Dir, &pebble.Options{
		FS: o.FS, CacheSize: 8 << 20, MemTableSize: 16 << 20, FormatMajorVersion: pebble.FormatNewest, Logger: logger{o.Logger},
	})
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w: %w", o.Dir, hydro.ErrUnavailable, err)
	}
	return &Ledger{db: db}, nil
}

// Close ends the use of the disk.
func (l *Ledger) Close() error {
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("close ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	return nil
}

// A Series is one series' readings of one day, ascending by instant.
type Series struct {
	Key   hydro.Key // with the station by the gateway's name for it
	Items []reconcile.Item
	Datum []hydro.Datum // of each item; that of levels
}

// Raws returns those of the series' readings that items name by their instants,
// as they can be sent again: in the variable's unit.
func (s *Series) Raws(items []reconcile.Item) []hydro.Raw {
	out := make([]hydro.Raw, 0, len(items))
	for _, it := range items {
		i, ok := slices.BinarySearchFunc(s.Items, it.At, func(x reconcile.Item, at int64) int { return int(min(max(x.At-at, -1), 1)) })
		if !ok {
			continue
		}
		out = append(out, hydro.Raw{
			Station: s.Key.Station, Variable: s.Key.Variable, Sensor: s.Key.Sensor, Value: s.Items[i].Raw, Unit: hydro.UnitOwn,
			At: time.UnixMilli(it.At).UTC(), Interval: time.Duration(s.Items[i].Interval) * time.Second, Datum: s.Datum[i],
		})
	}
	return out
}

// A Day names a department's day that waits to be compared.
type Day struct {
	Department hydro.Department
	From       time.Time // its first instant
	Recorded   time.Time // when its last reading was recorded
}

// To returns the first instant behind the day.
func (d Day) To() time.Time { return d.From.Add(day) }

func dayOf(ms int64) uint32 { return uint32(max(floor(ms, day.Milliseconds()), 0)) }

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func dayTime(n uint32) time.Time { return time.UnixMilli(int64(n) * day.Milliseconds()).UTC() }

func markKey(d hydro.Department, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kindMark, byte(d)}, n)
}

func dayPrefix(d hydro.Department, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kindReading, byte(d)}, n)
}

// Record notes values that the centre has acknowledged and not refused, and
// returns when that is on the disk. Recording them again changes nothing; another
// value of the same instant replaces the one before. Values that no centre could
// have accepted are left out.
func (l *Ledger) Record(d hydro.Department, raws []hydro.Raw, now time.Time) error {
	batch := l.db.NewBatch()
	defer batch.Close() //nolint:errcheck // of an open batch it frees memory only
	days := map[uint32]bool{}
	var key, value []byte
	for i := range raws {
		r := &raws[i]
		if strings.IndexByte(r.Station, 0) >= 0 {
			continue
		}
		l.mu.Lock()
		item, ok := ingest.Sent(r, &l.zones)
		l.mu.Unlock()
		if !ok || item.At < 0 {
			continue
		}
		n := dayOf(item.At)
		days[n] = true
		key = binary.BigEndian.AppendUint32(append(key[:0], kindReading, byte(d)), n)
		key = append(append(key, r.Station...), 0, byte(r.Variable), r.Sensor)
		key = binary.BigEndian.AppendUint64(key, uint64(item.At))
		value = binary.BigEndian.AppendUint32(value[:0], item.Interval)
		value = binary.BigEndian.AppendUint64(value, math.Float64bits(item.Raw))
		value = append(value, r.Datum...)
		if err := batch.Set(key, value, nil); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	for n := range days {
		if err := batch.Set(markKey(d, n), binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli())), nil); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	if batch.Empty() {
		return nil
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	return nil
}

// Days returns the days that wait to be compared, by department and day.
func (l *Ledger) Days() (out []Day, err error) {
	iter, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindMark}, UpperBound: []byte{kindMark + 1}})
	if err != nil {
		return nil, fmt.Errorf("ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		k, v := iter.Key(), iter.Value()
		if len(k) != 6 || len(v) != 8 {
			return nil, fmt.Errorf("ledger: mark %x: %w", k, hydro.ErrInvalid)
		}
		out = append(out, Day{
			Department: hydro.Department(k[1]), From: dayTime(binary.BigEndian.Uint32(k[2:])),
			Recorded: time.UnixMilli(int64(binary.BigEndian.Uint64(v))).UTC(),
		})
	}
	return out, iter.Error()
}

// Compared takes a day's mark away, unless readings were recorded since.
func (l *Ledger) Compared(d Day) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := markKey(d.Department, dayOf(d.From.UnixMilli()))
	v, closer, err := l.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	same := len(v) == 8 && int64(binary.BigEndian.Uint64(v)) == d.Recorded.UnixMilli()
	if err := closer.Close(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if !same {
		return nil
	}
	if err := l.db.Delete(key, pebble.Sync); err != nil {
		return fmt.Errorf("ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	return nil
}

// Series calls f with each series of a day, in the order of their keys, until f
// fails; it may keep what it is given.
func (l *Ledger) Series(d Day, f func(Series) error) (err error) {
	prefix := dayPrefix(d.Department, dayOf(d.From.UnixMilli()))
	iter, err := l.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	var s Series
	var name []byte // of s: the part of its keys between the day and the instant
	for ok := iter.First(); ok; ok = iter.Next() {
		k, v := iter.Key()[len(prefix):], iter.Value()
		if len(k) < 8+3 || k[len(k)-8-3] != 0 || len(v) < 12 {
			return fmt.Errorf("ledger: reading %x: %w", iter.Key(), hydro.ErrInvalid)
		}
		series := k[:len(k)-8]
		if !bytes.Equal(series, name) {
			if len(s.Items) > 0 {
				if err := f(s); err != nil {
					return err
				}
			}
			name = slices.Clone(series)
			s = Series{Key: hydro.Key{
				Station: string(name[:len(name)-3]), Variable: hydro.Variable(name[len(name)-2]), Sensor: name[len(name)-1],
			}}
		}
		s.Items = append(s.Items, reconcile.Item{
			At: int64(binary.BigEndian.Uint64(k[len(k)-8:])), Interval: binary.BigEndian.Uint32(v), Raw: math.Float64frombits(binary.BigEndian.Uint64(v[4:])),
		})
		s.Datum = append(s.Datum, hydro.Datum(v[12:]))
	}
	if err := iter.Error(); err != nil {
		return fmt.Errorf("ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	if len(s.Items) > 0 {
		return f(s)
	}
	return nil
}

// Forget removes the days that ended at or before t, but not those that wait to
// be compared and had a reading recorded after t. It returns those that it removed
// although they waited.
func (l *Ledger) Forget(t time.Time) (missed []Day, err error) {
	marks, err := l.Days()
	if err != nil {
		return nil, err
	}
	end := dayOf(t.UnixMilli())
	kept := map[hydro.Department][]uint32{} // ascending, as marks are
	batch := l.db.NewBatch()
	defer batch.Close() //nolint:errcheck // of an open batch it frees memory only
	for _, d := range marks {
		n := dayOf(d.From.UnixMilli())
		switch {
		case n >= end:
		case d.Recorded.After(t):
			kept[d.Department] = append(kept[d.Department], n)
		default:
			missed = append(missed, d)
			if err := batch.Delete(markKey(d.Department, n), nil); err != nil {
				return nil, fmt.Errorf("ledger: %w", err)
			}
		}
	}
	for _, d := range hydro.Departments {
		from := uint32(0)
		for _, n := range append(kept[d], end) {
			if err := batch.DeleteRange(dayPrefix(d, from), dayPrefix(d, n), nil); err != nil {
				return nil, fmt.Errorf("ledger: %w", err)
			}
			from = n + 1
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return nil, fmt.Errorf("ledger: %w: %w", hydro.ErrUnavailable, err)
	}
	return missed, nil
}

// after returns the first key behind all that begin with prefix.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end
		}
	}
	return nil
}

// A logger hands on what an engineer should hear of.
type logger struct{ l *slog.Logger }

func (logger) Infof(string, ...any) {}
func (g logger) Errorf(format string, args ...any) {
	g.l.Error("ledger", "problem", fmt.Sprintf(format, args...))
}

func (g logger) Fatalf(format string, args ...any) {
	g.l.Error("ledger", "fatal", fmt.Sprintf(format, args...))
	panic(fmt.Sprintf("ledger: "+format, args...))
}
