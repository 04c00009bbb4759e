package wire

import (
	"math"
	"time"
	"unicode/utf8"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// A Frame is one frame of reports, read without the generated code. Reading it
// is the hot path of ingest, and the generated code makes half a dozen objects
// of each report.
//
// The methods read the plain shape that gateways send and return false for
// everything else: an unknown field, a field of another type, a part given
// twice, a report without any value, text that is not UTF-8, anything that the
// rules of the contract forbid. What a Frame then holds means nothing, and the
// generated code, which decides, must read the frame again. A fuzz test holds
// the two to the same result.
type Frame struct {
	Gateway  string
	Sequence uint64
	Reports  int
	Dropped  uint64      // values that the gateway let go, ever
	Raws     []hydro.Raw // their strings are parts of the text; reused
}

// The rules of the contract; see proto/freshet/v1/ingest.proto.
const (
	maxFrameReports = 10_000
	maxGatewayBytes = 64 // longer text may still have few enough characters: the generated code knows
	maxStationBytes = 64
	maxDatumBytes   = 40
	maxZoneBytes    = 40
	maxLocalBytes   = 32
	maxFrameGates   = 64
)

// Tags of the wire format: field number and type in one byte.
const (
	varintType  = 0
	fixed64Type = 1
	bytesType   = 2
)

func tag(field, wireType byte) byte { return field<<3 | wireType }

// Weather reads a StreamWeatherRequest.
func (f *Frame) Weather(text string) bool { return f.read(text, (*Frame).weatherReport) }

// Hydrology reads a StreamHydrologyRequest.
func (f *Frame) Hydrology(text string) bool { return f.read(text, (*Frame).hydrologyReport) }

// WaterResources reads a StreamWaterResourcesRequest.
func (f *Frame) WaterResources(text string) bool { return f.read(text, (*Frame).waterResourcesReport) }

func (f *Frame) read(text string, report func(*Frame, string) bool) bool {
	f.Gateway, f.Sequence, f.Reports, f.Dropped, f.Raws = "", 0, 0, 0, f.Raws[:0]
	p := parser{s: text}
	for p.more() {
		switch p.next() {
		case tag(1, bytesType):
			f.Gateway = p.text(maxGatewayBytes)
		case tag(2, varintType):
			f.Sequence = p.varint()
		case tag(3, bytesType):
			s := p.bytes()
			if p.bad || !report(f, s) {
				return false
			}
			f.Reports++
		case tag(6, varintType):
			f.Dropped = p.varint()
		default:
			return false
		}
	}
	return !p.bad && f.Sequence > 0 && f.Reports <= maxFrameReports
}

func (f *Frame) weatherReport(s string) bool {
	p := parser{s: s}
	raw := hydro.Raw{Report: f.Reports, Field: "rain", Variable: hydro.Rain}
	var at, rain bool
	for p.more() {
		switch p.next() {
		case tag(1, bytesType):
			raw.Station = p.text(maxStationBytes)
		case tag(2, bytesType):
			at = p.observedAt(&raw, at)
		case tag(3, varintType):
			raw.Interval = p.seconds()
		case tag(4, fixed64Type):
			raw.Value, rain = p.double(), true
		case tag(5, varintType):
			switch freshetv1.RainUnit(p.small()) {
			case freshetv1.RainUnit_RAIN_UNIT_UNSPECIFIED:
				raw.Unit = hydro.UnitUnstated
			case freshetv1.RainUnit_RAIN_UNIT_MM:
				raw.Unit = hydro.UnitOwn
			case freshetv1.RainUnit_RAIN_UNIT_TENTH_MM:
				raw.Unit = hydro.TenthMM
			default:
				return false
			}
		default:
			return false
		}
	}
	f.Raws = append(f.Raws, raw)
	return !p.bad && rain && raw.Station != ""
}

func (f *Frame) hydrologyReport(s string) bool {
	p := parser{s: s}
	raw := hydro.Raw{Report: f.Reports, Unit: hydro.UnitOwn}
	var (
		datum                                                   string
		interval, panInterval                                   time.Duration
		level, discharge, rain, counter, pan                    float64
		at, hasLevel, hasDischarge, hasRain, hasCounter, hasPan bool
	)
	for p.more() {
		switch p.next() {
		case tag(1, bytesType):
			raw.Station = p.text(maxStationBytes)
		case tag(2, bytesType):
			at = p.observedAt(&raw, at)
		case tag(3, fixed64Type):
			level, hasLevel = p.double(), true
		case tag(4, bytesType):
			datum = p.text(maxDatumBytes)
		case tag(5, fixed64Type):
			discharge, hasDischarge = p.double(), true
		case tag(6, fixed64Type):
			rain, hasRain = p.double(), true
		case tag(7, varintType):
			interval = p.seconds()
		case tag(8, fixed64Type):
			counter, hasCounter = p.double(), true
		case tag(9, fixed64Type):
			pan, hasPan = p.double(), true
		case tag(10, varintType):
			panInterval = p.seconds()
		default:
			return false
		}
	}
	n := len(f.Raws)
	if hasLevel {
		v := f.add(&raw, "water_level", hydro.WaterLevel, level)
		v.Datum = hydro.Datum(datum)
	}
	if hasDischarge {
		f.add(&raw, "discharge", hydro.Discharge, discharge)
	}
	if hasRain {
		f.add(&raw, "rain", hydro.Rain, rain).Interval = interval
	}
	if hasCounter {
		f.add(&raw, "rain_counter", hydro.RainCounter, counter)
	}
	if hasPan {
		f.add(&raw, "pan_evaporation", hydro.PanEvaporation, pan).Interval = panInterval
	}
	return !p.bad && len(f.Raws) > n && raw.Station != ""
}

func (f *Frame) waterResourcesReport(s string) bool {
	p := parser{s: s}
	raw := hydro.Raw{Report: f.Reports, Unit: hydro.UnitOwn}
	var (
		datum                                   string
		unit                                    freshetv1.StorageUnit
		level, storage, inflow, outflow         float64
		at, hasLevel, hasStorage, hasIn, hasOut bool
		gates                                   int
		gate                                    [maxFrameGates]struct {
			number  uint8
			opening float64
		}
	)
	for p.more() {
		switch p.next() {
		case tag(1, bytesType):
			raw.Station = p.text(maxStationBytes)
		case tag(2, bytesType):
			at = p.observedAt(&raw, at)
		case tag(3, fixed64Type):
			level, hasLevel = p.double(), true
		case tag(4, bytesType):
			datum = p.text(maxDatumBytes)
		case tag(5, fixed64Type):
			storage, hasStorage = p.double(), true
		case tag(6, varintType):
			unit = freshetv1.StorageUnit(p.small())
		case tag(7, fixed64Type):
			inflow, hasIn = p.double(), true
		case tag(8, fixed64Type):
			outflow, hasOut = p.double(), true
		case tag(9, bytesType):
			if gates == maxFrameGates {
				return false
			}
			number, opening, ok := readGate(p.bytes())
			if !ok {
				return false
			}
			gate[gates].number, gate[gates].opening = number, opening
			gates++
		default:
			return false
		}
	}
	n := len(f.Raws)
	if hasLevel {
		f.add(&raw, "reservoir_level", hydro.WaterLevel, level).Datum = hydro.Datum(datum)
	}
	if hasStorage {
		f.add(&raw, "storage", hydro.Storage, storage).Unit = storageUnit(unit)
	}
	if hasIn {
		f.add(&raw, "inflow", hydro.Inflow, inflow)
	}
	if hasOut {
		f.add(&raw, "outflow", hydro.Outflow, outflow)
	}
	for i := range gates {
		f.add(&raw, gateField(i), hydro.GateOpening, gate[i].opening).Sensor = gate[i].number
	}
	return !p.bad && len(f.Raws) > n && raw.Station != ""
}

func (f *Frame) add(of *hydro.Raw, field string, v hydro.Variable, value float64) *hydro.Raw {
	f.Raws = append(f.Raws, *of)
	raw := &f.Raws[len(f.Raws)-1]
	raw.Field, raw.Variable, raw.Value = field, v, value
	return raw
}

func readGate(s string) (number uint8, opening float64, ok bool) {
	p := parser{s: s}
	for p.more() {
		switch p.next() {
		case tag(1, varintType):
			number = p.small()
		case tag(2, fixed64Type):
			opening = p.double()
		default:
			return 0, 0, false
		}
	}
	return number, opening, !p.bad && number > 0
}

// A parser reads the wire format from text. After a mistake it is bad, at its
// end, and returns zeros.
type parser struct {
	s   string
	i   int
	bad bool
}

func (p *parser) more() bool { return p.i < len(p.s) }

// next returns the next byte; there is one.
func (p *parser) next() byte {
	b := p.s[p.i]
	p.i++
	return b
}

func (p *parser) fail() {
	p.bad, p.i = true, len(p.s)
}

func (p *parser) varint() uint64 {
	var v uint64
	for shift := uint(0); shift < 63; shift += 7 { // nine bytes; a tenth is for negative numbers only
		if p.i == len(p.s) {
			break
		}
		b := p.s[p.i]
		p.i++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	p.fail()
	return 0
}

// small reads a number below 256.
func (p *parser) small() uint8 {
	v := p.varint()
	if v > math.MaxUint8 {
		p.fail()
		return 0
	}
	return uint8(v)
}

func (p *parser) seconds() time.Duration {
	v := p.varint()
	if v > math.MaxUint32 {
		p.fail()
		return 0
	}
	return time.Duration(v) * time.Second
}

func (p *parser) double() float64 {
	if len(p.s)-p.i < 8 {
		p.fail()
		return 0
	}
	b := p.s[p.i : p.i+8]
	p.i += 8
	return math.Float64frombits(uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56)
}

func (p *parser) bytes() string {
	n := p.varint()
	if p.bad || n > uint64(len(p.s)-p.i) {
		p.fail()
		return ""
	}
	s := p.s[p.i : p.i+int(n)]
	p.i += int(n)
	return s
}

func (p *parser) text(longest int) string {
	s := p.bytes()
	if len(s) > longest || !utf8.ValidString(s) {
		p.fail()
		return ""
	}
	return s
}

// observedAt reads an ObservedAt into raw; a second one would have to be merged
// with the first.
func (p *parser) observedAt(raw *hydro.Raw, again bool) bool {
	in := parser{s: p.bytes()}
	times := 0
	zone := ""
	for in.more() {
		switch in.next() {
		case tag(1, bytesType):
			raw.At = in.instant()
			times++
		case tag(2, varintType):
			raw.At = time.UnixMilli(int64(in.varint())).UTC()
			times++
		case tag(3, bytesType):
			raw.Local = in.text(maxLocalBytes)
			times++
		case tag(4, bytesType):
			zone = in.text(maxZoneBytes)
		default:
			in.fail()
		}
	}
	if raw.Local != "" {
		raw.Zone = zone
	}
	if again || in.bad || times != 1 || raw.Local == "" && raw.At.IsZero() {
		p.fail()
	}
	return true
}

// instant reads a google.protobuf.Timestamp since 1970.
func (p *parser) instant() time.Time {
	in := parser{s: p.bytes()}
	var seconds, nanos uint64
	for in.more() {
		switch in.next() {
		case tag(1, varintType):
			seconds = in.varint()
		case tag(2, varintType):
			nanos = in.varint()
		default:
			in.fail()
		}
	}
	const year10000 = 253402300800
	if in.bad || seconds >= year10000 || nanos >= 1e9 {
		p.fail()
		return time.Time{}
	}
	return time.Unix(int64(seconds), int64(nanos)).UTC()
}
