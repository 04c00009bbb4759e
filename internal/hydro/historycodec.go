package hydro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// What a sample's head byte says of the fields behind it.
const (
	rawIsOther    = 1 << iota // Raw follows; else it is Value
	hasSuperseded             // Superseded follows; else it is 0
)

// sampleSize is what a sample takes as a rule, a little more than less;
// leastSample is what it takes at least.
const (
	sampleSize  = 24
	leastSample = 18
)

// GobEncode packs the samples, several times smaller and faster than field by
// field: histories are nearly all of an engine's state.
func (h History) GobEncode() ([]byte, error) {
	b := make([]byte, 0, 10+sampleSize*len(h.Samples))
	b = binary.AppendUvarint(b, uint64(len(h.Samples)))
	var last int64
	for i := range h.Samples {
		s := &h.Samples[i]
		var head byte
		value, raw, superseded := math.Float64bits(s.Value), math.Float64bits(s.Raw), math.Float64bits(s.Superseded)
		if raw != value {
			head |= rawIsOther
		}
		if superseded != 0 {
			head |= hasSuperseded
		}
		b = append(b, head, byte(s.Quality), byte(s.Own))
		b = binary.AppendVarint(b, s.At-last)
		b = binary.AppendVarint(b, s.Received-s.At)
		b = binary.LittleEndian.AppendUint64(b, value)
		if raw != value {
			b = binary.LittleEndian.AppendUint64(b, raw)
		}
		if superseded != 0 {
			b = binary.LittleEndian.AppendUint64(b, superseded)
		}
		b = binary.AppendVarint(b, int64(s.Interval))
		for _, u := range [...]uint64{uint64(s.Revision), uint64(s.Tests), uint64(s.Ran), uint64(s.Failed)} {
			b = binary.AppendUvarint(b, u)
		}
		last = s.At
	}
	return b, nil
}

var errHistory = errors.New("history: bytes are missing or left over")

// GobDecode reads what GobEncode wrote. The error wraps ErrInvalid.
func (h *History) GobDecode(data []byte) error {
	d := historyDecoder{data: data}
	n := d.uvarint(uint64(len(data) / leastSample))
	samples := make([]Sample, 0, n)
	var last int64
	for range n {
		var s Sample
		head := d.byte()
		s.Quality, s.Own = Quality(d.byte()), Quality(d.byte())
		s.At = last + d.varint()
		s.Received = s.At + d.varint()
		s.Value = d.float()
		s.Raw = s.Value
		if head&rawIsOther != 0 {
			s.Raw = d.float()
		}
		if head&hasSuperseded != 0 {
			s.Superseded = d.float()
		}
		s.Interval = int32(d.varint()) //nolint:gosec // written from one
		s.Revision = uint32(d.uvarint(math.MaxUint32))
		s.Tests, s.Ran, s.Failed = Tests(d.uvarint(math.MaxUint32)), Tests(d.uvarint(math.MaxUint32)), Tests(d.uvarint(math.MaxUint32))
		if d.err != nil {
			break
		}
		last = s.At
		samples = append(samples, s)
	}
	if d.err == nil && len(d.data) > 0 {
		d.err = errHistory
	}
	if d.err != nil {
		return fmt.Errorf("%w: %w", d.err, ErrInvalid)
	}
	h.Samples = nil
	if len(samples) > 0 {
		h.Samples = samples
	}
	return nil
}

// A historyDecoder reads from data; after its first error all is zero.
type historyDecoder struct {
	data []byte
	err  error
}

func (d *historyDecoder) take(n int) []byte {
	if d.err != nil || n <= 0 || n > len(d.data) {
		d.err = errHistory
		return make([]byte, 8)
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *historyDecoder) byte() byte { return d.take(1)[0] }

func (d *historyDecoder) float() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(d.take(8)))
}

func (d *historyDecoder) uvarint(limit uint64) uint64 {
	u, n := binary.Uvarint(d.data)
	d.take(n)
	if u > limit {
		d.err = errHistory
	}
	if d.err != nil {
		return 0
	}
	return u
}

func (d *historyDecoder) varint() int64 {
	v, n := binary.Varint(d.data)
	d.take(n)
	if d.err != nil {
		return 0
	}
	return v
}
