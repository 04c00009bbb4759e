// Package pebble is the embedded store, the default: a Pebble database in a
// directory of its own.
//
// Keys, all integers big endian so that bytes order as values do, and instants
// in milliseconds with the sign bit flipped:
//
//	observation   'o'  station 00  variable 1B  sensor 1B  at 8B
//	forecast      'f'  basin 00  issued at 8B
//	warning       'w'  basin 00  at 8B  input sequence 8B  index 8B  id
//
// Values are those of [record]. An observation is written as a merge operand,
// and the merger keeps the operand of the highest revision, among equals the
// newest: an upsert costs no read, and the order holds in compactions too.
//
// A write is one batch with one fsync of the write-ahead log.
package pebble

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/record"
)

// Options say where the store is.
type Options struct {
	// Dir is the database's directory; it is made if it does not exist. One
	// process at a time can open it.
	Dir string
	// Logger gets the database's errors; nil for none.
	Logger *slog.Logger
	// CacheBytes bounds the memory of the block cache; 0 means 64 MiB.
	CacheBytes int64
}

// A Store is a [store.Store] in a Pebble database. Use [Open].
type Store struct {
	db *pebble.DB

	mu     sync.Mutex
	closed bool
	users  sync.WaitGroup // calls and iterations that use db
}

var _ store.Store = (*Store)(nil)

const (
	kindObservation = 'o'
	kindForecast    = 'f'
	kindWarning     = 'w'

	memTableBytes = 32 << 20
	defaultCache  = 64 << 20
	// batchBytes bounds what one commit holds in memory; a larger write is cut
	// into several, which its atomicity does not need (see store.Writer).
	batchBytes = 8 << 20
	// checkEvery is the number of records between looks at the context.
	checkEvery = 256
)

// Open opens or makes the store. It returns an error that wraps ErrUnavailable
// if another process has it open or the disk does not serve.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, fmt.Errorf("open store: no directory: %w", hydro.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	db, err := pebble.Open(o.Dir, &pebble.Options{
		CacheSize:          o.CacheBytes,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             logger{o.Logger.With("component", "store")},
		MemTableSize:       memTableBytes,
		Merger:             &pebble.Merger{Name: "freshet.highest-revision", Merge: merge},
	})
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w: %w", o.Dir, hydro.ErrUnavailable, err)
	}
	return &Store{db: db}, nil
}

// Close waits for running calls and iterations, and closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.users.Wait()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", unavailable(err))
	}
	return nil
}

// use keeps the database open until done is called.
func (s *Store) use(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("store is closed: %w", hydro.ErrUnavailable)
	}
	s.users.Add(1)
	return s.users.Done, nil
}

// WriteObservations implements [store.Writer].
func (s *Store) WriteObservations(ctx context.Context, basin string, observations []hydro.Observation) error {
	if err := store.CheckObservations(basin, observations); err != nil {
		return err
	}
	done, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	var key, value []byte
	for _, i := range byKey(observations) {
		o := &observations[i]
		key = appendObservationKey(key[:0], o.Key, o.At.UnixMilli())
		value = record.AppendObservation(value[:0], o)
		if err := batch.Merge(key, value, nil); err != nil {
			return fmt.Errorf("write observations of %s: %w", basin, unavailable(err))
		}
		if batch.Len() >= batchBytes {
			if err := batch.Commit(pebble.Sync); err != nil {
				return fmt.Errorf("write observations of %s: %w", basin, unavailable(err))
			}
			batch.Reset()
		}
	}
	if batch.Empty() {
		return nil
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("write observations of %s: %w", basin, unavailable(err))
	}
	return nil
}

// byKey returns the indexes of the observations in the order of their keys, and
// as they stand among equal keys. The database inserts neighbours much faster
// than strangers.
func byKey(observations []hydro.Observation) []int32 {
	order := make([]int32, len(observations))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int {
		a, b := &observations[i], &observations[j]
		return cmp.Or(strings.Compare(a.Station, b.Station), cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Sensor, b.Sensor), a.At.Compare(b.At))
	})
	return order
}

// WriteForecast implements [store.Writer].
func (s *Store) WriteForecast(ctx context.Context, f hydro.Forecast) error {
	if err := store.CheckForecast(&f); err != nil {
		return err
	}
	if err := s.set(ctx, appendInstant(appendName(nil, kindForecast, f.Basin), f.IssuedAt.UnixMilli()), record.AppendForecast(nil, &f)); err != nil {
		return fmt.Errorf("write forecast of %s: %w", f.Basin, err)
	}
	return nil
}

// WriteWarning implements [store.Writer].
func (s *Store) WriteWarning(ctx context.Context, w hydro.Warning) error {
	if err := store.CheckWarning(&w); err != nil {
		return err
	}
	if err := s.set(ctx, appendWarningKey(nil, &w), record.AppendWarning(nil, &w)); err != nil {
		return fmt.Errorf("write warning %s: %w", w.ID, err)
	}
	return nil
}

func (s *Store) set(ctx context.Context, key, value []byte) error {
	done, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := s.db.Set(key, value, pebble.Sync); err != nil {
		return unavailable(err)
	}
	return nil
}

// Observations implements [store.Reader].
func (s *Store) Observations(ctx context.Context, k hydro.Key, from, to time.Time) iter.Seq2[hydro.Observation, error] {
	prefix := appendObservationKey(nil, k, 0)
	prefix = prefix[:len(prefix)-8]
	return scan(ctx, s, k.Station, prefix, from, to, func(key, value []byte) (hydro.Observation, error) {
		return record.Observation(value, k, instant(key[len(prefix):]))
	})
}

// Forecast implements [store.Reader].
func (s *Store) Forecast(ctx context.Context, basin string, issuedAt time.Time) (hydro.Forecast, error) {
	f, err := s.forecast(ctx, basin, issuedAt)
	if err != nil {
		return hydro.Forecast{}, fmt.Errorf("forecast of %s at %s: %w", basin, issuedAt.Format(time.RFC3339), err)
	}
	return f, nil
}

func (s *Store) forecast(ctx context.Context, basin string, issuedAt time.Time) (hydro.Forecast, error) {
	done, err := s.use(ctx)
	if err != nil {
		return hydro.Forecast{}, err
	}
	defer done()
	value, closer, err := s.db.Get(appendInstant(appendName(nil, kindForecast, basin), issuedAt.UnixMilli()))
	if errors.Is(err, pebble.ErrNotFound) {
		return hydro.Forecast{}, hydro.ErrNotFound
	}
	if err != nil {
		return hydro.Forecast{}, unavailable(err)
	}
	defer func() { _ = closer.Close() }()
	return record.Forecast(value)
}

// Forecasts implements [store.Reader].
func (s *Store) Forecasts(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Forecast, error] {
	return scan(ctx, s, basin, appendName(nil, kindForecast, basin), from, to, func(_, value []byte) (hydro.Forecast, error) {
		return record.Forecast(value)
	})
}

// Warnings implements [store.Reader].
func (s *Store) Warnings(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Warning, error] {
	return scan(ctx, s, basin, appendName(nil, kindWarning, basin), from, to, func(_, value []byte) (hydro.Warning, error) {
		return record.Warning(value)
	})
}

// scan yields the decoded records whose keys are prefix and then an instant in
// [from, to), in the order of the keys, as they were when it started. The name
// is that in the prefix; one that cannot be stored has no records.
func scan[T any](ctx context.Context, s *Store, name string, prefix []byte, from, to time.Time, decode func(key, value []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		done, err := s.use(ctx)
		if err != nil {
			yield(zero, err)
			return
		}
		defer done()
		first, last, ok := store.Range(from, to)
		if !ok || store.CheckName("name", name) != nil {
			return
		}
		it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
			LowerBound: appendInstant(bytes.Clone(prefix), first),
			UpperBound: appendInstant(bytes.Clone(prefix), last+1),
		})
		if err != nil {
			yield(zero, failure(ctx, err))
			return
		}
		defer func() { _ = it.Close() }()
		n := 0
		for more := it.First(); more; more = it.Next() {
			if n%checkEvery == 0 && ctx.Err() != nil {
				yield(zero, ctx.Err())
				return
			}
			n++
			value, err := it.ValueAndErr()
			if err != nil {
				yield(zero, failure(ctx, err))
				return
			}
			v, err := decode(it.Key(), value)
			if err != nil {
				yield(zero, fmt.Errorf("key %x: %w", it.Key(), err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(zero, failure(ctx, err))
		}
	}
}

func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("read: %w", unavailable(err))
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", hydro.ErrUnavailable, err) }

// appendName appends the kind and the name. Names hold no control character, so
// that a zero byte ends them and none is a prefix of another.
func appendName(b []byte, kind byte, name string) []byte {
	b = append(b, kind)
	b = append(b, name...)
	return append(b, 0)
}

func appendInstant(b []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(ms)^1<<63)
}

func instant(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b) ^ 1<<63)).UTC()
}

func appendObservationKey(b []byte, k hydro.Key, ms int64) []byte {
	b = appendName(b, kindObservation, k.Station)
	b = append(b, byte(k.Variable), k.Sensor)
	return appendInstant(b, ms)
}

func appendWarningKey(b []byte, w *hydro.Warning) []byte {
	b = appendInstant(appendName(b, kindWarning, w.Basin), w.At.UnixMilli())
	sequence, index, _ := store.SplitID(w.ID)
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = binary.BigEndian.AppendUint64(b, index)
	return append(b, w.ID...)
}

// A revisions keeps, of the values of one key, the one of the highest revision,
// among equals the newest.
type revisions struct {
	revision uint32
	value    []byte
}

func merge(_, value []byte) (pebble.ValueMerger, error) {
	revision, err := record.Revision(value)
	if err != nil {
		return nil, err
	}
	return &revisions{revision: revision, value: bytes.Clone(value)}, nil
}

// MergeNewer implements [pebble.ValueMerger].
func (r *revisions) MergeNewer(value []byte) error {
	return r.take(value, func(revision uint32) bool { return revision >= r.revision })
}

// MergeOlder implements [pebble.ValueMerger].
func (r *revisions) MergeOlder(value []byte) error {
	return r.take(value, func(revision uint32) bool { return revision > r.revision })
}

func (r *revisions) take(value []byte, better func(uint32) bool) error {
	revision, err := record.Revision(value)
	if err != nil {
		return err
	}
	if better(revision) {
		r.revision, r.value = revision, append(r.value[:0], value...)
	}
	return nil
}

// Finish implements [pebble.ValueMerger].
func (r *revisions) Finish(bool) ([]byte, io.Closer, error) { return r.value, nil, nil }

// A logger passes the database's errors on; its chatter about compactions is
// left out.
type logger struct{ to *slog.Logger }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.to.Error("database", "err", fmt.Sprintf(format, args...))
}

// Fatalf is called where the database cannot go on, as when its log cannot be
// written. A crash is safe: what was not acknowledged is delivered again.
func (l logger) Fatalf(format string, args ...any) {
	panic("pebble: " + fmt.Sprintf(format, args...))
}
