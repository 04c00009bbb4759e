package wire

import (
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// checkColumns returns the number of rows, or an error if a column has another
// number and is not an optional one that was left out.
func checkColumns(b *freshetv1.Batch) (int, error) {
	n := len(b.GetStation())
	for _, col := range [...]struct {
		name     string
		len      int
		optional bool
	}{
		{"variable", len(b.GetVariable()), false},
		{"sensor", len(b.GetSensor()), true},
		{"at_delta_ms", len(b.GetAtDeltaMs()), false},
		{"interval_ms", len(b.GetIntervalMs()), true},
		{"value", len(b.GetValue()), false},
		{"raw", len(b.GetRaw()), true},
		{"datum", len(b.GetDatum()), true},
		{"notes", len(b.GetNotes()), true},
	} {
		if col.len != n && (!col.optional || col.len != 0) {
			return 0, fmt.Errorf("%s: %d values in %d rows: %w", col.name, col.len, n, hydro.ErrInvalid)
		}
	}
	return n, nil
}

// againBit in the column of notes says that a reading was sent again because the
// archive's copy differs; the bits below are hydro.Tests.
const againBit = 1 << 31

// A reader reads the rows of checked columns, in order.
type reader struct {
	b  *freshetv1.Batch
	at int64 // of the row before
}

func (r *reader) next(i int, out *hydro.Reading) error {
	b := r.b
	station := b.Station[i]
	if int64(station) >= int64(len(b.Stations)) {
		return fmt.Errorf("station: %d is not in the dictionary of %d: %w", station, len(b.Stations), hydro.ErrInvalid)
	}
	out.Station = b.Stations[station]
	var err error
	if out.Variable, err = to(variablesTo[:], b.Variable[i], "variable"); err != nil {
		return err
	}
	if len(b.Sensor) > 0 {
		if b.Sensor[i] > math.MaxUint8 {
			return fmt.Errorf("sensor: %d is above 255: %w", b.Sensor[i], hydro.ErrInvalid)
		}
		out.Sensor = uint8(b.Sensor[i])
	}
	r.at += b.AtDeltaMs[i] // may wrap; what comes of it is checked
	if out.At, err = toMillis("at", r.at); err != nil {
		return err
	}
	if len(b.IntervalMs) > 0 {
		out.Interval = time.Duration(b.IntervalMs[i]) * time.Millisecond
	}
	out.Value, out.Raw = b.Value[i], b.Value[i]
	if len(b.Raw) > 0 {
		out.Raw = b.Raw[i]
	}
	if len(b.Datum) > 0 && b.Datum[i] != 0 {
		if int64(b.Datum[i]) > int64(len(b.Datums)) {
			return fmt.Errorf("datum: %d is not in the dictionary of %d: %w", b.Datum[i], len(b.Datums), hydro.ErrInvalid)
		}
		out.Datum = hydro.Datum(b.Datums[b.Datum[i]-1])
	}
	if len(b.Notes) > 0 {
		out.Notes, out.Again = hydro.Tests(b.Notes[i]&^againBit), b.Notes[i]&againBit != 0
	}
	return out.Check()
}
