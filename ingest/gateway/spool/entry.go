package spool

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
)

// entryVersion is the first byte of an entry. A reader refuses others.
const entryVersion = 1

// What a value's first byte says is written behind it.
const (
	sameStation = 1 << iota
	hasAt
	hasLocal
	hasSensor
	hasInterval
	hasDatum
)

// encodeEntry returns the values of one entry:
//
//	version 1B  count uvarint  values
//
// and each value as
//
//	flags 1B  variable 1B  unit 1B  value 8B  station  at varint  local  zone  sensor 1B  interval varint  datum
//
// of which those behind value stand there only if the flags say so. Texts are
// a uvarint length and bytes. At is in milliseconds, as the contract cuts it,
// less that of the value before; the interval is in milliseconds too.
func encodeEntry(raws []hydro.Raw) []byte {
	dst := []byte{entryVersion}
	dst = binary.AppendUvarint(dst, uint64(len(raws)))
	var station string
	var at int64
	for i := range raws {
		r := &raws[i]
		var flags byte
		if i > 0 && r.Station == station {
			flags |= sameStation
		}
		if !r.At.IsZero() {
			flags |= hasAt
		}
		if r.Local != "" || r.Zone != "" {
			flags |= hasLocal
		}
		if r.Sensor != 0 {
			flags |= hasSensor
		}
		if r.Interval != 0 {
			flags |= hasInterval
		}
		if r.Datum != "" {
			flags |= hasDatum
		}
		dst = append(dst, flags, byte(r.Variable), byte(r.Unit))
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(r.Value))
		if flags&sameStation == 0 {
			dst = appendText(dst, r.Station)
			station = r.Station
		}
		if flags&hasAt != 0 {
			ms := r.At.UnixMilli()
			dst = binary.AppendVarint(dst, ms-at)
			at = ms
		}
		if flags&hasLocal != 0 {
			dst = appendText(appendText(dst, r.Local), r.Zone)
		}
		if flags&hasSensor != 0 {
			dst = append(dst, r.Sensor)
		}
		if flags&hasInterval != 0 {
			dst = binary.AppendVarint(dst, r.Interval.Milliseconds())
		}
		if flags&hasDatum != 0 {
			dst = appendText(dst, string(r.Datum))
		}
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// minValueBytes is the least that a value takes.
const minValueBytes = 1 + 1 + 1 + 8

// entryCount returns how many values an entry holds.
func entryCount(b []byte) (int, error) {
	if len(b) == 0 || b[0] != entryVersion {
		return 0, fmt.Errorf("spool entry: not of version %d: %w", entryVersion, hydro.ErrInvalid)
	}
	n, k := binary.Uvarint(b[1:])
	if k <= 0 || n > uint64(len(b)/minValueBytes) {
		return 0, fmt.Errorf("spool entry: a count of values that it has no room for: %w", hydro.ErrInvalid)
	}
	return int(n), nil
}

// decodeEntry returns the values of an entry. Nothing in them refers to b.
func decodeEntry(b []byte) ([]hydro.Raw, error) {
	n, err := entryCount(b)
	if err != nil {
		return nil, err
	}
	_, k := binary.Uvarint(b[1:])
	d := decoder{b: b[1+k:]}
	raws := make([]hydro.Raw, 0, n)
	var station string
	var at int64
	for i := range n {
		flags := d.byte()
		r := hydro.Raw{Variable: hydro.Variable(d.byte()), Unit: hydro.Unit(d.byte())}
		r.Value = math.Float64frombits(binary.LittleEndian.Uint64(d.take(8)))
		if flags&sameStation == 0 {
			station = d.text()
		} else if i == 0 {
			d.bad = true
		}
		r.Station = station
		if flags&hasAt != 0 {
			at += d.varint()
			r.At = time.UnixMilli(at).UTC()
		}
		if flags&hasLocal != 0 {
			r.Local, r.Zone = d.text(), d.text()
		}
		if flags&hasSensor != 0 {
			r.Sensor = d.byte()
		}
		if flags&hasInterval != 0 {
			r.Interval = time.Duration(d.varint()) * time.Millisecond
		}
		if flags&hasDatum != 0 {
			r.Datum = hydro.Datum(d.text())
		}
		if d.bad {
			return nil, fmt.Errorf("spool entry: value %d of %d is cut short: %w", i+1, n, hydro.ErrInvalid)
		}
		raws = append(raws, r)
	}
	if len(d.b) > 0 {
		return nil, fmt.Errorf("spool entry: %d bytes behind its %d values: %w", len(d.b), n, hydro.ErrInvalid)
	}
	return raws, nil
}

// A decoder reads from b and remembers that it came to its end too early.
type decoder struct {
	b   []byte
	bad bool
}

var zeros [8]byte

func (d *decoder) take(n int) []byte {
	if len(d.b) < n {
		d.bad, d.b = true, nil
		return zeros[:n]
	}
	head := d.b[:n]
	d.b = d.b[n:]
	return head
}

func (d *decoder) byte() byte { return d.take(1)[0] }

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > uint64(len(d.b)-n) {
		d.bad, d.b = true, nil
		return ""
	}
	s := string(d.b[n : n+int(v)])
	d.b = d.b[n+int(v):]
	return s
}
