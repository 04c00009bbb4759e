// Package memory is the store that tests use: maps and sorted slices, gone when
// the process ends.
package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"sync"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

// A Store is a [store.Store] in memory. Use [New].
type Store struct {
	mu           sync.RWMutex
	observations map[hydro.Key][]hydro.Observation // ascending by At, one per instant
	forecasts    map[string][]hydro.Forecast       // by basin, ascending by IssuedAt, one per instant
	warnings     map[string][]hydro.Warning        // by basin, ascending by At and ID
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{
		observations: make(map[hydro.Key][]hydro.Observation),
		forecasts:    make(map[string][]hydro.Forecast),
		warnings:     make(map[string][]hydro.Warning),
	}
}

// Close does nothing.
func (s *Store) Close() error { return nil }

// WriteObservations implements [store.Writer].
func (s *Store) WriteObservations(ctx context.Context, basin string, observations []hydro.Observation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.CheckObservations(basin, observations); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range observations {
		o.At, o.ReceivedAt = milli(o.At), milli(o.ReceivedAt)
		o.Interval = o.Interval.Truncate(time.Millisecond)
		o.Tests |= o.Notes
		o.Notes = o.Tests & store.Notes
		series := s.observations[o.Key]
		i := sort.Search(len(series), func(i int) bool { return !series[i].At.Before(o.At) })
		switch {
		case i == len(series) || !series[i].At.Equal(o.At):
			s.observations[o.Key] = slices.Insert(series, i, o)
		case o.Revision >= series[i].Revision:
			series[i] = o
		}
	}
	return nil
}

// WriteForecast implements [store.Writer].
func (s *Store) WriteForecast(ctx context.Context, f hydro.Forecast) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.CheckForecast(&f); err != nil {
		return err
	}
	f = cloneForecast(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	runs := s.forecasts[f.Basin]
	i, found := findForecast(runs, f.IssuedAt)
	if found {
		runs[i] = f
		return nil
	}
	s.forecasts[f.Basin] = slices.Insert(runs, i, f)
	return nil
}

// WriteWarning implements [store.Writer].
func (s *Store) WriteWarning(ctx context.Context, w hydro.Warning) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.CheckWarning(&w); err != nil {
		return err
	}
	for _, t := range []*time.Time{&w.At, &w.ForecastIssuedAt, &w.Observed.At, &w.Observed.PeakAt, &w.Forecast.At, &w.Forecast.PeakAt} {
		*t = milli(*t)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearchFunc(s.warnings[w.Basin], w, func(a, b hydro.Warning) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return store.CompareIDs(a.ID, b.ID)
	})
	if found {
		s.warnings[w.Basin][i] = w
		return nil
	}
	s.warnings[w.Basin] = slices.Insert(s.warnings[w.Basin], i, w)
	return nil
}

// Observations implements [store.Reader].
func (s *Store) Observations(ctx context.Context, k hydro.Key, from, to time.Time) iter.Seq2[hydro.Observation, error] {
	return between(ctx, s, func() []hydro.Observation {
		return slices.DeleteFunc(slices.Clone(s.observations[k]), outside(from, to, func(o hydro.Observation) time.Time { return o.At }))
	})
}

// Forecast implements [store.Reader].
func (s *Store) Forecast(ctx context.Context, basin string, issuedAt time.Time) (hydro.Forecast, error) {
	if err := ctx.Err(); err != nil {
		return hydro.Forecast{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	runs := s.forecasts[basin]
	i, found := findForecast(runs, milli(issuedAt))
	if !found {
		return hydro.Forecast{}, fmt.Errorf("forecast of %s at %s: %w", basin, issuedAt.Format(time.RFC3339), hydro.ErrNotFound)
	}
	return cloneForecast(runs[i]), nil
}

// Forecasts implements [store.Reader].
func (s *Store) Forecasts(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Forecast, error] {
	return between(ctx, s, func() []hydro.Forecast {
		runs := slices.DeleteFunc(slices.Clone(s.forecasts[basin]), outside(from, to, func(f hydro.Forecast) time.Time { return f.IssuedAt }))
		for i := range runs {
			runs[i] = cloneForecast(runs[i])
		}
		return runs
	})
}

// Warnings implements [store.Reader].
func (s *Store) Warnings(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Warning, error] {
	return between(ctx, s, func() []hydro.Warning {
		return slices.DeleteFunc(slices.Clone(s.warnings[basin]), outside(from, to, func(w hydro.Warning) time.Time { return w.At }))
	})
}

// between yields what read returns. Read is called under the lock, when the
// iteration starts; the lock is not held while the caller has the turn.
func between[T any](ctx context.Context, s *Store, read func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s.mu.RLock()
		all := read()
		s.mu.RUnlock()
		for _, v := range all {
			if err := ctx.Err(); err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			var zero T
			yield(zero, err)
		}
	}
}

func outside[T any](from, to time.Time, at func(T) time.Time) func(T) bool {
	first, last, ok := store.Range(from, to)
	return func(v T) bool {
		ms := at(v).UnixMilli()
		return !ok || ms < first || ms > last
	}
}

func findForecast(runs []hydro.Forecast, issuedAt time.Time) (int, bool) {
	return slices.BinarySearchFunc(runs, issuedAt, func(f hydro.Forecast, at time.Time) int { return f.IssuedAt.Compare(at) })
}

// cloneForecast copies f deeply, its instants cut to milliseconds.
func cloneForecast(f hydro.Forecast) hydro.Forecast {
	f.IssuedAt, f.DataCutoff, f.ValidUntil = milli(f.IssuedAt), milli(f.DataCutoff), milli(f.ValidUntil)
	f.MissingGauges, f.Notes = clone(f.MissingGauges), clone(f.Notes)
	f.Holes = clone(f.Holes)
	for i := range f.Holes {
		f.Holes[i].From = milli(f.Holes[i].From)
	}
	f.ArealRain = clone(f.ArealRain)
	for i := range f.ArealRain {
		f.ArealRain[i].MissingGauges = clone(f.ArealRain[i].MissingGauges)
	}
	f.Stations = clone(f.Stations)
	for i := range f.Stations {
		s := &f.Stations[i]
		s.Discharge, s.Level, s.Crossings = clone(s.Discharge), clone(s.Level), clone(s.Crossings)
		s.Band = clone(s.Band)
		s.Peak.At = milli(s.Peak.At)
		for j := range s.Crossings {
			c := &s.Crossings[j]
			c.At = milli(c.At)
			for _, t := range []*time.Time{&c.Chance.Until, &c.Chance.Early, &c.Chance.Middle, &c.Chance.Late} {
				*t = milli(*t)
			}
		}
	}
	return f
}

// clone copies s; an empty slice becomes nil, as in the other stores.
func clone[S ~[]E, E any](s S) S {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

// milli cuts t to milliseconds, in UTC; the zero time stays as it is.
func milli(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
