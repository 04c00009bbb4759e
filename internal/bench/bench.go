// Package bench measures Freshet's ingest and, for comparison, InfluxDB's.
//
// The load is what gateways send: frames of reports of the three departments,
// over real gRPC streams, one connection per gateway, acknowledged when they
// are on disk. The client is cheap on purpose, because it shares the machine
// with what it measures: frames are put together by hand and nothing is kept.
// Every reading is a different point, and [Influx] writes the same points.
//
// Nothing here reads a clock: Options carries one.
package bench

import (
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// Options say what is sent.
type Options struct {
	Streams  int       // gateways, each with its own connection
	Readings int       // in all
	Frame    int       // reports per frame, 1 to 10,000
	Rate     float64   // readings per second in all, sent whether or not acks come; 0: as fast as acks allow
	Basins   int       // over which the stations are spread
	End      time.Time // observation time of the newest readings
	Now      func() time.Time
}

// Validate returns an error that wraps hydro.ErrInvalid if o makes no sense.
func (o *Options) Validate() error {
	switch {
	case o.Streams < 1 || o.Streams > 1000:
		return fmt.Errorf("streams: %d is not in 1 to 1000: %w", o.Streams, hydro.ErrInvalid)
	case o.Readings < o.Streams:
		return fmt.Errorf("readings: %d is less than one per stream: %w", o.Readings, hydro.ErrInvalid)
	case o.Frame < 1 || o.Frame > 10_000:
		return fmt.Errorf("frame: %d is not in 1 to 10000: %w", o.Frame, hydro.ErrInvalid)
	case o.Rate < 0 || math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0):
		return fmt.Errorf("rate: %g is not a rate: %w", o.Rate, hydro.ErrInvalid)
	case o.Basins < 1 || o.Basins > o.Streams:
		return fmt.Errorf("basins: %d is not in 1 to the %d streams: %w", o.Basins, o.Streams, hydro.ErrInvalid)
	case o.Now == nil || o.End.IsZero():
		return fmt.Errorf("bench: clock and end are needed: %w", hydro.ErrInvalid)
	}
	return nil
}

// A Result is what one run measured.
type Result struct {
	Streams      int     `json:"streams"`
	Readings     int     `json:"readings"`
	Frame        int     `json:"frame_reports"`
	Rate         float64 `json:"rate_asked,omitempty"`
	Seconds      float64 `json:"seconds"`        // from the first frame to the last ack
	PerSecond    float64 `json:"readings_per_s"` // acknowledged, so on disk
	AckP50       float64 `json:"ack_p50_ms"`     // from when a frame was due to its ack
	AckP99       float64 `json:"ack_p99_ms"`
	AckMax       float64 `json:"ack_max_ms"`
	FrameBytes   float64 `json:"bytes_per_reading"`
	ArchivedPerS float64 `json:"archived_per_s,omitempty"` // from the first frame until the store held all
	PeakMemoryMB float64 `json:"peak_memory_mb,omitempty"` // of the process, client included
}

// quantile returns the q-quantile (0 to 1) of ascending values, in ms.
func quantile(ascending []time.Duration, q float64) float64 {
	if len(ascending) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(ascending)))) - 1
	return float64(ascending[min(max(i, 0), len(ascending)-1)]) / float64(time.Millisecond)
}

func (r *Result) setLatencies(all []time.Duration) {
	slices.Sort(all)
	r.AckP50, r.AckP99, r.AckMax = quantile(all, 0.5), quantile(all, 0.99), quantile(all, 1)
}
