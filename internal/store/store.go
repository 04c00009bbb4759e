// Package store is the contract for the long history of observations, forecasts
// and warnings. Its implementations are sub-packages: pebble (embedded, the
// default), influx (InfluxDB 1.8 and 2.x) and memory (for tests). A store is
// right when it passes the suite in storetest; the sub-package archive fills it
// from the out-log.
//
// # What every store promises
//
// Instants are kept to the millisecond; what is finer is cut off. Ranges are
// half-open, [from, to). Iterators yield ascending by instant, read lazily,
// stop at the first error, which they yield with a zero value, and may be left
// at any time. Nothing found is an empty iteration and no error.
//
// A write is durable and visible to later reads when it has returned nil.
// Everything a write is given is checked before anything is stored: an error
// that wraps [hydro.ErrInvalid] means that nothing of it was stored and that a
// retry is in vain. An error that wraps [hydro.ErrUnavailable] means that some
// of it may be stored: retry the same write until it returns nil.
//
// Writes are upserts. A series is written in log order, and the log may deliver
// any suffix of what it delivered before once more: a store that has seen a
// suffix twice equals one that has seen it once. The store keeps nothing of
// the slices it is given.
//
// An observation's Notes are part of its Tests (see [Notes]): what is read has
// in Tests both, and in Notes those of Tests that are notes.
//
// Methods may be called from many goroutines. Order is defined among writes of
// one goroutine.
package store

import (
	"context"
	"iter"
	"time"

	"freshet/internal/hydro"
)

// Notes are the members of [hydro.Tests] that are notes about a reading and not
// tests that fired.
const Notes = hydro.NoteTrace | hydro.NoteDatumConverted

// A Store keeps the long history.
type Store interface {
	Writer
	Reader
	// Close releases what the store holds. No other method may be called
	// during it or after it.
	Close() error
}

// A Writer is the half of a store that the archive uses.
type Writer interface {
	// WriteObservations stores observations of one basin, in log order. For one
	// key and instant the highest Revision wins; among equal revisions the one
	// written last, so that a verdict changed by later readings replaces the
	// earlier one. It returns ErrInvalid, and stores none of them, if one of
	// them fails [CheckObservation]; ErrUnavailable if the store cannot be
	// reached or cannot make them durable.
	WriteObservations(ctx context.Context, basin string, observations []hydro.Observation) error
	// WriteForecast stores a run whole, in place of a run of the same basin and
	// IssuedAt. It returns ErrInvalid if the run fails [CheckForecast], and
	// ErrUnavailable as WriteObservations does.
	WriteForecast(ctx context.Context, forecast hydro.Forecast) error
	// WriteWarning stores a warning, in place of one of the same ID, which must
	// have the same basin, station, instant and stages. Warnings with other IDs never
	// displace it, even at the same station and instant. It returns ErrInvalid
	// if the warning fails [CheckWarning], and ErrUnavailable as
	// WriteObservations does.
	WriteWarning(ctx context.Context, warning hydro.Warning) error
}

// A Reader is the half of a store that queries use. Every method and iterator
// returns ErrUnavailable if the store cannot be reached, and the context's own
// error when it is done.
type Reader interface {
	// Observations yields the observations of k in [from, to), ascending by At,
	// one per instant: the one that WriteObservations says wins. An unknown key
	// yields nothing.
	Observations(ctx context.Context, k hydro.Key, from, to time.Time) iter.Seq2[hydro.Observation, error]
	// Forecast returns the run of a basin issued at that millisecond, or
	// ErrNotFound.
	Forecast(ctx context.Context, basin string, issuedAt time.Time) (hydro.Forecast, error)
	// Forecasts yields the runs of a basin issued in [from, to), ascending by
	// IssuedAt, with all their values.
	Forecasts(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Forecast, error]
	// Warnings yields the warnings of a basin with At in [from, to), ascending
	// by At and then as [CompareIDs] orders their IDs, which is log order.
	Warnings(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Warning, error]
}
