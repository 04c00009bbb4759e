package wire

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// next takes the field at the beginning of b apart. Fields of other types than
// varint and bytes are not ours.
func next(b []byte) (number byte, v uint64, data, rest []byte, ok bool) {
	if len(b) < 2 || b[0] >= 0x80 {
		return 0, 0, nil, nil, false
	}
	number, kind := b[0]>>3, b[0]&7
	v, n := binary.Uvarint(b[1:])
	if n <= 0 || (kind != 0 && kind != 2) {
		return 0, 0, nil, nil, false
	}
	b = b[1+n:]
	if kind == 0 {
		return number, v, nil, b, true
	}
	if v > uint64(len(b)) {
		return 0, 0, nil, nil, false
	}
	return number, v, b[:v:v], b[v:], true
}

// packed are the fields of a Batch or ObservationBatch.
type packed struct {
	fields   [16][]byte // by number; a field of texts or messages has none
	received int64
	stations []string
	datums   []string
	refusals []hydro.Refusal
}

func (p *packed) readBatch(b []byte) bool {
	for len(b) > 0 {
		number, v, data, rest, ok := next(b)
		if !ok {
			return false
		}
		b = rest
		if number == 2 {
			if data != nil || p.received != 0 {
				return false
			}
			p.received = int64(v)
			continue
		}
		if data == nil {
			return false
		}
		switch number {
		case 3, 11:
			if len(data) == 0 || !utf8.Valid(data) {
				return false
			}
			if number == 3 {
				p.stations = append(p.stations, string(data))
			} else {
				p.datums = append(p.datums, string(data))
			}
		case 14:
			var m freshetv1.LogRefusal
			if unmarshal(data, &m) != nil {
				return false
			}
			r, err := toRefusal(&m)
			if err != nil {
				return false
			}
			p.refusals = append(p.refusals, r)
		case 1, 4, 5, 6, 7, 8, 9, 10, 12, 13:
			if p.fields[number] != nil {
				return false
			}
			p.fields[number] = data
		default:
			return false
		}
	}
	return true
}

// A cursor reads the varints of a column. It moves an index and not a slice:
// storing a pointer for each number would cost more than reading it.
type cursor struct {
	b   []byte
	i   int
	bad bool
}

func (c *cursor) next() uint64 {
	if c.i < len(c.b) && c.b[c.i] < 0x80 {
		c.i++
		return uint64(c.b[c.i-1])
	}
	return c.long()
}

func (c *cursor) long() uint64 {
	v, n := binary.Uvarint(c.b[c.i:])
	if n <= 0 {
		c.bad, c.i = true, len(c.b)
		return 0
	}
	c.i += n
	return v
}

// done reports whether the column held as many numbers as were asked for.
func (c *cursor) done() bool { return !c.bad && c.i == len(c.b) }

// rows returns the number of rows.
func (p *packed) rows() (int, bool) {
	return len(p.fields[9]) / 8, len(p.fields[9])%8 == 0 && (p.fields[10] == nil || len(p.fields[10]) == len(p.fields[9]))
}

// readRows fills the readings that at returns, for rows 0 to n-1.
func (p *packed) readRows(n int, at func(int) *hydro.Reading) bool {
	column := func(number int) cursor { return cursor{b: p.fields[number]} }
	station, variable, delta := column(4), column(5), column(7)
	sensor, interval, datum, note := column(6), column(8), column(12), column(13)
	hasSensor, hasInterval, hasDatum, hasNote := len(sensor.b) > 0, len(interval.b) > 0, len(datum.b) > 0, len(note.b) > 0
	value, raw := p.fields[9], p.fields[10]
	var ms int64
	for i := range n {
		r := at(i)
		s, v := station.next(), variable.next()
		if s >= uint64(len(p.stations)) || v >= uint64(len(variablesTo)) {
			return false
		}
		r.Station, r.Variable = p.stations[s], variablesTo[v]
		if hasSensor {
			v := sensor.next()
			if v > math.MaxUint8 {
				return false
			}
			r.Sensor = uint8(v)
		}
		d := delta.next()
		ms += int64(d>>1) ^ -int64(d&1) // zigzag; may wrap, what comes of it is checked
		if !validMillis(ms) {
			return false
		}
		r.At = time.UnixMilli(ms).UTC()
		if hasInterval {
			v := interval.next()
			if v > math.MaxUint32 {
				return false
			}
			r.Interval = time.Duration(v) * time.Millisecond
		}
		bits := binary.LittleEndian.Uint64(value[8*i:])
		r.Value, r.Raw = math.Float64frombits(bits), math.Float64frombits(bits)
		if raw != nil {
			r.Raw = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		}
		if hasDatum {
			v := datum.next()
			if v > uint64(len(p.datums)) {
				return false
			}
			if v > 0 {
				r.Datum = hydro.Datum(p.datums[v-1])
			}
		}
		if hasNote {
			v := note.next()
			if v > math.MaxUint32 {
				return false
			}
			r.Notes, r.Again = hydro.Tests(v&^againBit), v&againBit != 0
		}
		if r.Check() != nil {
			return false
		}
	}
	return station.done() && variable.done() && delta.done() && sensor.done() && interval.done() && datum.done() && note.done()
}

// readInput reads a LogInput that is a batch.
func readInput(data []byte) (hydro.Input, bool) {
	number, _, data, rest, ok := next(data)
	if !ok || number != 2 || data == nil || len(rest) > 0 {
		return hydro.Input{}, false
	}
	var p packed
	if !p.readBatch(data) || len(p.fields[1]) == 0 || !utf8.Valid(p.fields[1]) || !validMillis(p.received) {
		return hydro.Input{}, false
	}
	n, ok := p.rows()
	if !ok {
		return hydro.Input{}, false
	}
	b := &hydro.Batch{Basin: string(p.fields[1]), ReceivedAt: time.UnixMilli(p.received).UTC(), Refusals: p.refusals}
	if n > 0 {
		b.Readings = make([]hydro.Reading, n)
	}
	if !p.readRows(n, func(i int) *hydro.Reading { return &b.Readings[i] }) {
		return hydro.Input{}, false
	}
	return hydro.Input{Batch: b}, true
}

// readOutput reads a LogOutput that is observations.
func readOutput(data []byte) (inputSeq uint64, index int, obs []hydro.Observation, ok bool) {
	var place [3]uint64
	for last := byte(0); ; {
		number, v, field, rest, ok := next(data)
		if !ok || number <= last || number > 3 || (number == 3) != (field != nil) {
			return 0, 0, nil, false
		}
		last = number
		if number == 3 {
			if len(rest) > 0 {
				return 0, 0, nil, false
			}
			data = field
			break
		}
		place[number], data = v, rest
	}
	if place[2] > math.MaxInt32 {
		return 0, 0, nil, false
	}
	obs, ok = readObservations(data)
	return place[1], int(place[2]), obs, ok
}

func readObservations(data []byte) ([]hydro.Observation, bool) {
	var (
		p    packed
		cols [8][]byte
		why  []struct {
			row  uint64
			text string
		}
	)
	for len(data) > 0 {
		number, _, field, rest, ok := next(data)
		switch {
		case !ok || field == nil || number < 1 || number > 8:
			return nil, false
		case number == 6:
			var row, text []byte
			var at uint64
			if row = field; len(row) > 0 && row[0] == 1<<3 {
				if _, at, _, row, ok = next(row); !ok {
					return nil, false
				}
			}
			number, _, text, row, ok = next(row)
			if !ok || number != 2 || text == nil || len(row) > 0 || !utf8.Valid(text) {
				return nil, false
			}
			why = append(why, struct {
				row  uint64
				text string
			}{at, string(text)})
		case cols[number-1] != nil:
			return nil, false
		default:
			cols[number-1] = field
		}
		data = rest
	}
	if !p.readBatch(cols[0]) || p.fields[1] != nil || !validMillis(p.received) {
		return nil, false
	}
	n, ok := p.rows()
	if !ok || n == 0 || len(cols[1]) != n {
		return nil, false
	}
	obs := make([]hydro.Observation, n)
	if !p.readRows(n, func(i int) *hydro.Reading { return &obs[i].Reading }) {
		return nil, false
	}
	tests, revision, received := cursor{b: cols[2]}, cursor{b: cols[3]}, cursor{b: cols[4]}
	ran, failed := cursor{b: cols[6]}, cursor{b: cols[7]}
	hasTests, hasRevision, hasReceived := len(tests.b) > 0, len(revision.b) > 0, len(received.b) > 0
	hasRan, hasFailed := len(ran.b) > 0, len(failed.b) > 0
	first := time.UnixMilli(p.received).UTC()
	for i := range obs {
		o := &obs[i]
		q := cols[1][i]
		if int(q) >= len(qualitiesTo) || q == 0 {
			return nil, false
		}
		o.Quality = qualitiesTo[q] - 1
		o.ReceivedAt = first
		if hasReceived {
			ms := int64(received.next())
			if !validMillis(ms) {
				return nil, false
			}
			o.ReceivedAt = time.UnixMilli(ms).UTC()
		}
		var t, r uint64
		if hasTests {
			t = tests.next()
		}
		if hasRevision {
			r = revision.next()
		}
		var could, wrong uint64
		if hasRan {
			could = ran.next()
		}
		if hasFailed {
			wrong = failed.next()
		}
		if max(t, r, could, wrong) > math.MaxUint32 {
			return nil, false
		}
		o.Tests, o.Revision = hydro.Tests(t), uint32(r)
		o.Ran, o.Failed = hydro.Tests(could), hydro.Tests(wrong)
	}
	for _, w := range why {
		if w.row >= uint64(n) {
			return nil, false
		}
		obs[w.row].Why = w.text
	}
	return obs, tests.done() && revision.done() && received.done() && ran.done() && failed.done()
}
