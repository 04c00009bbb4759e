package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"freshet/ingest"
	"freshet/internal/hydro"
)

// A Refused is a value that the centre will not have, or that cannot be sent.
// It is never sent again as it is.
type Refused struct {
	RefusedAt  time.Time `json:"refused_at"`
	Department string    `json:"department"`
	Station    string    `json:"station"`
	Variable   string    `json:"variable"`
	Sensor     uint8     `json:"sensor,omitempty"`
	Value      string    `json:"value"` // text, because it may be NaN
	Time       string    `json:"time"`  // as stated
	Reason     string    `json:"reason"`
	Message    string    `json:"message"`
}

// NewRefused returns raw as a refused value.
func NewRefused(d hydro.Department, raw *hydro.Raw, at time.Time, reason, message string) Refused {
	r := Refused{
		RefusedAt: at.UTC(), Department: d.String(), Station: raw.Station, Variable: raw.Variable.String(), Sensor: raw.Sensor,
		Value: fmt.Sprint(raw.Value), Time: strings.TrimSpace(raw.Local + " " + raw.Zone), Reason: reason, Message: message,
	}
	if !raw.At.IsZero() {
		r.Time = raw.At.UTC().Format(time.RFC3339Nano)
	}
	return r
}

// Drops count the values of one station that were let go for want of room.
type Drops struct {
	Count  int64     `json:"count"`
	Oldest time.Time `json:"oldest"` // when they came, or were observed where that is known
	Newest time.Time `json:"newest"`
}

func (d Drops) with(o Drops) Drops {
	if d.Count == 0 {
		return o
	}
	d.Count += o.Count
	if o.Oldest.Before(d.Oldest) {
		d.Oldest = o.Oldest
	}
	if o.Newest.After(d.Newest) {
		d.Newest = o.Newest
	}
	return d
}

// A loss is what must go to make room.
type loss struct {
	keys  []key
	sizes []size
	drops map[string]Drops // the new counts
}

// oldest chooses the oldest entries that are not under way until they free
// bytes; nil if there are not enough.
func (s *Spool) oldest(bytes int64) (_ *loss, err error) {
	type head struct {
		iter *pebble.Iterator
		key  key
	}
	var heads []*head
	defer func() {
		for _, h := range heads {
			err = errors.Join(err, h.iter.Close())
		}
	}()
	advance := func(h *head, ok bool) (bool, error) {
		for ; ok; ok = h.iter.Next() {
			if h.key, err = parseKey(h.iter.Key()); err != nil {
				return false, err
			}
			if _, taken := s.shelves[h.key.department].inFlight[h.key]; !taken {
				return true, nil
			}
		}
		return false, h.iter.Error()
	}
	live := map[*head]bool{}
	for _, d := range hydro.Departments {
		for _, old := range []bool{false, true} {
			iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: key{d, old, 0}.append(nil), UpperBound: key{d, old, math.MaxUint64}.append(nil)})
			if err != nil {
				return nil, fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
			}
			h := &head{iter: iter}
			heads = append(heads, h)
			if live[h], err = advance(h, iter.First()); err != nil {
				return nil, err
			}
		}
	}
	l := &loss{drops: map[string]Drops{}}
	for bytes > 0 {
		var first *head
		for _, h := range heads {
			if live[h] && (first == nil || h.key.id < first.key.id) {
				first = h
			}
		}
		if first == nil {
			return nil, nil
		}
		v, err := first.iter.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
		}
		raws, err := decodeEntry(v)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", first.key.id, err)
		}
		one := size{1, int64(len(raws)), int64(keyBytes + len(v))}
		l.keys, l.sizes = append(l.keys, first.key), append(l.sizes, one)
		bytes -= one.bytes
		for i := range raws {
			at, known := s.zones.observed(&raws[i])
			if !known {
				at = first.key.id.At()
			}
			before, ok := l.drops[raws[i].Station]
			if !ok {
				before = s.drops[raws[i].Station]
			}
			l.drops[raws[i].Station] = before.with(Drops{1, at, at})
		}
		if live[first], err = advance(first, first.iter.Next()); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// deleteLost writes a loss into batch.
func (s *Spool) deleteLost(batch *pebble.Batch, l *loss) error {
	for _, k := range l.keys {
		if err := batch.Delete(k.append(nil), nil); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	for station, d := range l.drops {
		value, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		if err := batch.Set(append([]byte{kindDropped}, station...), value, nil); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	return nil
}

// forget counts a loss that is in the database; the lock is held.
func (s *Spool) forget(l *loss) {
	if l == nil {
		return
	}
	var sum size
	for i, k := range l.keys {
		s.shelves[k.department].held.subtract(l.sizes[i])
		sum.add(l.sizes[i])
	}
	s.total.subtract(sum)
	for station, d := range l.drops {
		s.drops[station] = d
		s.opts.Logger.Error("VALUES WERE DROPPED to make room, as on_full: drop_oldest says", "station", station, "dropped_so_far", d.Count, "newest", d.Newest)
	}
}

// list writes refused values into batch and removes the oldest ones that are
// more than are kept; the lock is held.
func (s *Spool) list(batch *pebble.Batch, id ID, refused []Refused) error {
	for i := range refused {
		value, err := json.Marshal(refused[i])
		if err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		k := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{kindRefused}, uint64(id)), uint32(i))
		if err := batch.Set(k, value, nil); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	more := s.refused + len(refused) - s.opts.KeepRefused
	if more <= 0 {
		return nil
	}
	return s.eachRefused(false, func(k, _ []byte) (bool, error) {
		if more == 0 {
			return false, nil
		}
		more--
		s.refused--
		return true, batch.Delete(k, nil)
	})
}

// eachRefused calls f with the refused values, oldest or newest first, until it
// says false.
func (s *Spool) eachRefused(newestFirst bool, f func(key, value []byte) (bool, error)) (err error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindRefused}, UpperBound: []byte{kindRefused + 1}})
	if err != nil {
		return fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	first, next := iter.First, iter.Next
	if newestFirst {
		first, next = iter.Last, iter.Prev
	}
	for ok := first(); ok; ok = next() {
		v, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
		}
		if more, err := f(iter.Key(), v); err != nil || !more {
			return err
		}
	}
	return iter.Error()
}

// recoverLists counts the refused values and reads what was dropped.
func (s *Spool) recoverLists() (err error) {
	if err := s.eachRefused(false, func(_, _ []byte) (bool, error) { s.refused++; return true, nil }); err != nil {
		return err
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindDropped}, UpperBound: []byte{kindDropped + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		v, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		var d Drops
		if err := json.Unmarshal(v, &d); err != nil {
			return fmt.Errorf("dropped values of %q: %w: %w", iter.Key()[1:], err, hydro.ErrInvalid)
		}
		s.drops[string(iter.Key()[1:])] = d
	}
	return iter.Error()
}

// Refused returns the newest refused values, newest first, at most limit.
func (s *Spool) Refused(limit int) (out []Refused, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.users.Done()
	err = s.eachRefused(true, func(_, value []byte) (bool, error) {
		if len(out) >= limit {
			return false, nil
		}
		var r Refused
		if err := json.Unmarshal(value, &r); err != nil {
			return false, fmt.Errorf("refused value: %w: %w", err, hydro.ErrInvalid)
		}
		out = append(out, r)
		return true, nil
	})
	return out, err
}

// Stats are what the spool holds.
type Stats struct {
	Departments map[hydro.Department]Held
	Readings    int64
	Bytes       int64
	MaxBytes    int64
	Oldest      time.Time // when the oldest entry came; zero if there is none
	Refused     int       // values in the list of refused ones
	Dropped     map[string]Drops
	Full        error // why the last Put was refused; nil if it was not
	Fulls       int64 // Puts refused since the start
}

// Held is what the spool holds of one department.
type Held struct {
	Entries, Readings int64
	InFlight          int // entries
}

// DroppedTotal returns how many values were dropped in all.
func (s *Stats) DroppedTotal() int64 {
	var n int64
	for _, d := range s.Dropped {
		n += d.Count
	}
	return n
}

// Dropped returns how many values were dropped in all.
func (s *Spool) Dropped() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.drops {
		n += uint64(d.Count)
	}
	return n
}

// Stats returns the counts.
func (s *Spool) Stats() (_ Stats, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return Stats{}, err
	}
	defer s.users.Done()
	out := Stats{
		Departments: map[hydro.Department]Held{}, Readings: s.total.readings, Bytes: s.total.bytes, MaxBytes: s.opts.MaxBytes,
		Refused: s.refused, Dropped: maps.Clone(s.drops), Full: s.full, Fulls: s.fulls,
	}
	var oldest []ID
	for d, sh := range s.shelves {
		out.Departments[d] = Held{sh.held.entries, sh.held.readings, len(sh.inFlight)}
		if sh.held.entries == 0 {
			continue
		}
		for k := range sh.inFlight {
			oldest = append(oldest, k.id)
		}
		for _, from := range []key{{d, false, min(sh.live, sh.past)}, {d, true, sh.old}} {
			id, ok, err := s.first(from)
			if err != nil {
				return Stats{}, err
			}
			if ok {
				oldest = append(oldest, id)
			}
		}
	}
	if len(oldest) > 0 {
		out.Oldest = slices.Min(oldest).At()
	}
	return out, nil
}

// first returns the first entry at or after from, of its department and age.
func (s *Spool) first(from key) (_ ID, ok bool, err error) {
	end := from
	end.id = math.MaxUint64
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from.append(nil), UpperBound: end.append(nil)})
	if err != nil {
		return 0, false, fmt.Errorf("spool: %w: %w", hydro.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.First() {
		return 0, false, iter.Error()
	}
	k, err := parseKey(iter.Key())
	return k.id, true, err
}

// zones tell instants, for many goroutines.
type zones struct {
	mu sync.Mutex
	z  ingest.Zones
}

// observed returns when a value was observed, if that can be told.
func (z *zones) observed(r *hydro.Raw) (time.Time, bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	at, reason := z.z.Instant(r)
	return at, reason == 0
}
