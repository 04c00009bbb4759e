// Package ingest turns departments' reports into canonical readings and puts
// them on the log.
//
// A [Normalizer] is pure: it resolves stations, units, time, datum and the many
// spellings of "no value", and says in a sentence why a value was refused. A
// [Writer] is the group commit of one basin: everything that waits, from however
// many gateways, shares one append and so one fsync.
package ingest

import "time"

// Limits bound the observation times that are taken live.
type Limits struct {
	Future time.Duration // how far ahead of the server's clock a reading may be; 0 means 10 min
	Past   time.Duration // how old a reading may be; 0 means 40 days
}

// The default limits, and the intervals over which rain may accumulate.
const (
	DefaultFuture = 10 * time.Minute
	DefaultPast   = 40 * 24 * time.Hour

	MinRainInterval = time.Minute
	MaxRainInterval = 24 * time.Hour

	// Rain over more than DayTotal counts as the total of a day, which a gauge that
	// reports at least every FineRain may not send beside its rain.
	DayTotal = 12 * time.Hour
	FineRain = 6 * time.Hour
)
