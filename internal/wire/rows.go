package wire

import (
	"fmt"
	"math"
	"time"

	freshetv1 "freshet/proto/freshet/v1"

	"freshet/internal/hydro"
)

// Rows writes readings into columns. A column in which every row holds the
// default stays empty.
type rows struct {
	c            *columns
	at           int64  // of the row before
	station      string // of the row before
	stationPlace uint32 // of that station in the dictionary
	datum        hydro.Datum
	datumPlace   uint32 // 1 + the place of datum in the dictionary, 0 for none
}

func (w *rows) add(r *hydro.Reading) error {
	if err := r.Check(); err != nil {
		return err
	}
	b := &w.c.batch
	at, err := fromMillis("at", r.At)
	if err != nil {
		return err
	}
	interval := r.Interval.Milliseconds()
	if interval > math.MaxUint32 || time.Duration(interval)*time.Millisecond != r.Interval {
		return fmt.Errorf("interval: %v is above 49 days or not whole milliseconds: %w", r.Interval, hydro.ErrInvalid)
	}
	row := len(b.Station)
	if r.Station != w.station || row == 0 {
		w.station, w.stationPlace = r.Station, place(w.c.stations, &b.Stations, r.Station)
	}
	var datum uint32
	if r.Datum != hydro.NoDatum {
		if r.Datum != w.datum {
			w.datum, w.datumPlace = r.Datum, 1+place(w.c.datums, &b.Datums, string(r.Datum))
		}
		datum = w.datumPlace
	}
	b.Station = append(b.Station, w.stationPlace)
	b.Variable = append(b.Variable, uint32(FromVariable(r.Variable)))
	b.Sensor = sparse(b.Sensor, row, uint32(r.Sensor))
	b.AtDeltaMs = append(b.AtDeltaMs, at-w.at)
	b.IntervalMs = sparse(b.IntervalMs, row, uint32(interval))
	if len(b.Raw) > 0 || math.Float64bits(r.Raw) != math.Float64bits(r.Value) {
		b.Raw = append(append(b.Raw, b.Value[len(b.Raw):]...), r.Raw)
	}
	b.Value = append(b.Value, r.Value)
	b.Datum = sparse(b.Datum, row, datum)
	b.Notes = sparse(b.Notes, row, uint32(r.Notes))
	w.at = at
	return nil
}

// sparse puts v, in the given row, into a column that stays empty until a row
// holds something else than 0.
func sparse(column []uint32, row int, v uint32) []uint32 {
	if len(column) == 0 {
		if v == 0 {
			return column
		}
		for range row {
			column = append(column, 0)
		}
	}
	return append(column, v)
}

// place returns the place of s in the dictionary, putting it there if need be.
func place(index map[string]uint32, dictionary *[]string, s string) uint32 {
	i, ok := index[s]
	if !ok {
		i = uint32(len(*dictionary))
		index[s] = i
		*dictionary = append(*dictionary, s)
	}
	return i
}

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
		if col.len != n && !(col.optional && col.len == 0) {
			return 0, fmt.Errorf("%s: %d values in %d rows: %w", col.name, col.len, n, hydro.ErrInvalid)
		}
	}
	return n, nil
}

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
		out.Notes = hydro.Tests(b.Notes[i])
	}
	return out.Check()
}
