package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"
	"unicode/utf8"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// Batches and observations are most of the log, so they are written straight
// from and to the domain's types: the generated code would fill a column of
// uint32 for each column of bytes and size it in a pass of its own. What is
// written here is plain protobuf (log.proto); what does not look like it was
// written here is read by the generated code.

// An encoder holds the columns of a batch, each packed as protobuf has it. A
// column in which every row holds the default stays empty.
type encoder struct {
	rows                                                                int
	at                                                                  int64  // of the row before
	lastStation                                                         string // of the row before
	lastPlace                                                           uint64 // of that station in the dictionary
	stations, datums                                                    dictionary
	station, variable, sensor, delta, interval, value, raw, datum, note []byte
	quality, tests, revision, received, ran, failed                     []byte
	batch, message                                                      []byte
}

var encoders = sync.Pool{New: func() any {
	return &encoder{stations: dictionary{index: map[string]uint64{}}, datums: dictionary{index: map[string]uint64{}}}
}}

func newEncoder() *encoder { return encoders.Get().(*encoder) }

// maxPooled bounds what an idle encoder holds on to, in bytes.
const maxPooled = 8 << 20

func (e *encoder) free() {
	if cap(e.message) > maxPooled {
		return
	}
	e.rows, e.at, e.lastStation, e.lastPlace = 0, 0, "", 0
	e.stations.reset()
	e.datums.reset()
	for _, b := range [...]*[]byte{
		&e.station, &e.variable, &e.sensor, &e.delta, &e.interval, &e.value, &e.raw, &e.datum, &e.note,
		&e.quality, &e.tests, &e.revision, &e.received, &e.ran, &e.failed, &e.batch, &e.message,
	} {
		*b = (*b)[:0]
	}
	encoders.Put(e)
}

// add appends a reading to the columns.
func (e *encoder) add(r *hydro.Reading) error {
	if err := r.Check(); err != nil {
		return err
	}
	at, err := fromMillis("at", r.At)
	if err != nil {
		return err
	}
	interval := r.Interval.Milliseconds()
	if interval > math.MaxUint32 || time.Duration(interval)*time.Millisecond != r.Interval {
		return fmt.Errorf("interval: %v is above 49 days or not whole milliseconds: %w", r.Interval, hydro.ErrInvalid)
	}
	if e.rows == 0 || r.Station != e.lastStation {
		e.lastStation, e.lastPlace = r.Station, e.stations.place(r.Station)
	}
	var datum uint64
	if r.Datum != hydro.NoDatum {
		datum = 1 + e.datums.place(string(r.Datum))
	}
	e.station = appendVarint(e.station, e.lastPlace)
	e.variable = append(e.variable, byte(FromVariable(r.Variable))) // far below 128
	e.sensor = sparse(e.sensor, e.rows, uint64(r.Sensor))
	d := at - e.at
	e.delta = appendVarint(e.delta, uint64(d<<1)^uint64(d>>63)) // zigzag
	e.interval = sparse(e.interval, e.rows, uint64(interval))
	value, raw := math.Float64bits(r.Value), math.Float64bits(r.Raw)
	if len(e.raw) > 0 || raw != value {
		if len(e.raw) == 0 {
			e.raw = append(e.raw, e.value...)
		}
		e.raw = binary.LittleEndian.AppendUint64(e.raw, raw)
	}
	e.value = binary.LittleEndian.AppendUint64(e.value, value)
	e.datum = sparse(e.datum, e.rows, datum)
	note := uint64(r.Notes)
	if r.Again {
		note |= againBit
	}
	e.note = sparse(e.note, e.rows, note)
	e.at = at
	e.rows++
	return nil
}

// sparse appends v to a column that stays empty until a row holds something
// else than 0.
func sparse(column []byte, rows int, v uint64) []byte {
	if len(column) == 0 {
		if v == 0 {
			return column
		}
		for range rows {
			column = append(column, 0)
		}
	}
	return appendVarint(column, v)
}

func appendVarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return binary.AppendUvarint(b, v)
}

// appendField appends a field of bytes, unless it is empty. Numbers are below
// 16.
func appendField[T []byte | string](b []byte, number byte, data T) []byte {
	if len(data) == 0 {
		return b
	}
	return append(appendVarint(append(b, number<<3|2), uint64(len(data))), data...)
}

// appendNumber appends a varint field, unless it is 0.
func appendNumber(b []byte, number byte, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendVarint(append(b, number<<3), v)
}

// finish puts the columns together as a Batch.
func (e *encoder) finish(basin string, receivedMS int64, refusals []hydro.Refusal) error {
	b := appendField(e.batch, 1, basin)
	b = appendNumber(b, 2, uint64(receivedMS))
	valid := utf8.ValidString(basin)
	for _, s := range e.stations.names {
		valid = valid && utf8.ValidString(s)
		b = appendField(b, 3, s)
	}
	b = appendField(b, 4, e.station)
	b = appendField(b, 5, e.variable)
	b = appendField(b, 6, e.sensor)
	b = appendField(b, 7, e.delta)
	b = appendField(b, 8, e.interval)
	b = appendField(b, 9, e.value)
	b = appendField(b, 10, e.raw)
	for _, s := range e.datums.names {
		valid = valid && utf8.ValidString(s)
		b = appendField(b, 11, s)
	}
	b = appendField(b, 12, e.datum)
	b = appendField(b, 13, e.note)
	for i := range refusals {
		r, err := fromRefusal(&refusals[i])
		if err != nil {
			return fmt.Errorf("refusals[%d].%w", i, err)
		}
		data, err := marshal(r)
		if err != nil {
			return fmt.Errorf("refusals[%d]: %w", i, err)
		}
		b = append(appendVarint(append(b, 14<<3|2), uint64(len(data))), data...)
	}
	e.batch = b
	if !valid {
		return fmt.Errorf("text is not UTF-8: %w", hydro.ErrInvalid)
	}
	return nil
}

// encodeBatch returns in as a LogInput.
func (e *encoder) encodeBatch(in *hydro.Batch) ([]byte, error) {
	if in.Basin == "" {
		return nil, fmt.Errorf("basin: missing: %w", hydro.ErrInvalid)
	}
	received, err := fromMillis("received_at", in.ReceivedAt)
	if err != nil {
		return nil, err
	}
	for i := range in.Readings {
		if err := e.add(&in.Readings[i]); err != nil {
			return nil, fmt.Errorf("readings[%d].%w", i, err)
		}
	}
	if err := e.finish(in.Basin, received, in.Refusals); err != nil {
		return nil, err
	}
	return appendField(make([]byte, 0, len(e.batch)+6), 2, e.batch), nil
}

// encodeObservations returns obs as a LogOutput.
func (e *encoder) encodeObservations(inputSeq uint64, index int, obs []hydro.Observation) ([]byte, error) {
	var first int64 // received; the default of the column
	why := 0        // observations that say why
	for i := range obs {
		o := &obs[i]
		received, err := fromMillis("received_at", o.ReceivedAt)
		if err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
		if i == 0 {
			first = received
		}
		q := FromQuality(o.Quality)
		if q == freshetv1.Quality_QUALITY_UNSPECIFIED {
			return nil, fmt.Errorf("[%d].quality: %d is unknown: %w", i, o.Quality, hydro.ErrInvalid)
		}
		e.quality = append(e.quality, byte(q)) // far below 128
		e.tests = sparse(e.tests, i, uint64(o.Tests))
		e.revision = sparse(e.revision, i, uint64(o.Revision))
		e.ran = sparse(e.ran, i, uint64(o.Ran))
		e.failed = sparse(e.failed, i, uint64(o.Failed))
		if len(e.received) > 0 || received != first {
			if len(e.received) == 0 {
				for range i {
					e.received = appendVarint(e.received, uint64(first))
				}
			}
			e.received = appendVarint(e.received, uint64(received))
		}
		if o.Why != "" {
			why++
		}
		if err := e.add(&o.Reading); err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
	}
	if err := e.finish("", first, nil); err != nil {
		return nil, err
	}
	b := appendField(e.message, 1, e.batch)
	b = appendField(b, 2, e.quality)
	b = appendField(b, 3, e.tests)
	b = appendField(b, 4, e.revision)
	b = appendField(b, 5, e.received)
	for i := 0; why > 0; i++ {
		text := obs[i].Why
		if text == "" {
			continue
		}
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("[%d].why: not UTF-8: %w", i, hydro.ErrInvalid)
		}
		var head [16]byte
		h := appendNumber(head[:0], 1, uint64(i))
		h = appendVarint(append(h, 2<<3|2), uint64(len(text)))
		b = appendVarint(append(b, 6<<3|2), uint64(len(h)+len(text)))
		b = append(append(b, h...), text...)
		why--
	}
	b = appendField(b, 7, e.ran)
	b = appendField(b, 8, e.failed)
	e.message = b
	out := appendNumber(make([]byte, 0, len(b)+24), 1, inputSeq)
	out = appendNumber(out, 2, uint64(index))
	return appendField(out, 3, b), nil
}

// A dictionary numbers texts in the order of their first use.
type dictionary struct {
	names  []string
	index  map[string]uint64
	recent [256]struct { // what place answered, by the ends of the texts
		s     string
		place uint64
	}
}

func (d *dictionary) reset() {
	clear(d.names)
	d.names = d.names[:0]
	clear(d.index)
	clear(d.recent[:])
}

// place returns the place of s, which is not empty.
func (d *dictionary) place(s string) uint64 {
	slot := s[len(s)-1] & 15
	if len(s) > 1 {
		slot |= s[len(s)-2] << 4
	}
	if r := &d.recent[slot]; r.s == s {
		return r.place
	}
	i, ok := d.index[s]
	if !ok {
		i = uint64(len(d.names))
		d.index[s] = i
		d.names = append(d.names, s)
	}
	d.recent[slot].s, d.recent[slot].place = s, i
	return i
}

// Reading what was written above. A false means that it was not, or that it
// does not hold: then the generated code reads it and says what is wrong.
