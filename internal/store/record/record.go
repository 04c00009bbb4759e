// Package record is the binary form in which stores keep observations,
// forecasts and warnings where they choose the bytes themselves. The form
// belongs to the stores: it is neither the log's nor the wire's, and it changes
// only by a new version byte, with the old one still read.
//
// Unsigned integers are LEB128 varints, signed ones zigzag varints, floats
// IEEE 754 bits little endian (so that a NaN survives with its payload), texts
// a length and UTF-8, instants milliseconds since 1970 after a byte that is 0
// for the zero time, durations nanoseconds.
//
// An observation, without its key and instant, which are in the store's key:
//
//	┌──────────────┬───────┬──────────┬─────────┬─────────────────────┬─────────────┬──────────┬─────────┬────────────┬──────────┬────────────────────┐
//	│ revision <u> │ flags │ quality  │ tests<u>│ received − at <i>   │ interval <i>│ value 8B │ raw 8B  │ datum text │ why text │ ran <u>, failed <u>│
//	│              │  1B   │   1B     │         │ ms, if flag 1       │ ms, if flag2│          │ if flag4│ if flag 8  │ if flag16│ if flag 32         │
//	└──────────────┴───────┴──────────┴─────────┴─────────────────────┴─────────────┴──────────┴─────────┴────────────┴──────────┴────────────────────┘
//
// Records from before tests had outcomes lack flag 32: which tests ran is not known.
//
// The revision stands first so that two records can be compared by it alone.
// Forecasts and warnings start with a version byte, and hold their fields in
// the order of the Go structs. Forecasts of version 1 have no bands, chances,
// band step and basis; warnings of version 1 have no group,
// escalation and measures, which follow the legs' other fields at the end.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

// ErrCorrupt says that bytes are not a record of the expected kind.
var ErrCorrupt = errors.New("corrupt record")

const (
	forecastVersion = 3 // version 1 has no bands, chances and areal rain, version 2 no flags of bands and chances, and no holes
	warningVersion  = 3 // version 1 has no group, escalation and measures, version 2 not as what it is escalated
)

// The flags of an observation: which optional parts follow.
const (
	hasReceived = 1 << iota
	hasInterval
	hasRaw
	hasDatum
	hasWhy
	hasOutcomes
)

// AppendObservation appends o, less its key and instant, to b.
func AppendObservation(b []byte, o *hydro.Observation) []byte {
	b = binary.AppendUvarint(b, uint64(o.Revision))
	var flags byte
	if !o.ReceivedAt.IsZero() {
		flags |= hasReceived
	}
	if o.Interval != 0 {
		flags |= hasInterval
	}
	if math.Float64bits(o.Raw) != math.Float64bits(o.Value) {
		flags |= hasRaw
	}
	if o.Datum != "" {
		flags |= hasDatum
	}
	if o.Why != "" {
		flags |= hasWhy
	}
	if o.Ran|o.Failed != 0 {
		flags |= hasOutcomes
	}
	b = append(b, flags, byte(o.Quality))
	b = binary.AppendUvarint(b, uint64(o.Tests|o.Notes))
	if flags&hasReceived != 0 {
		b = binary.AppendVarint(b, o.ReceivedAt.UnixMilli()-o.At.UnixMilli())
	}
	if flags&hasInterval != 0 {
		b = binary.AppendVarint(b, o.Interval.Milliseconds())
	}
	b = appendFloat(b, o.Value)
	if flags&hasRaw != 0 {
		b = appendFloat(b, o.Raw)
	}
	if flags&hasDatum != 0 {
		b = appendText(b, string(o.Datum))
	}
	if flags&hasWhy != 0 {
		b = appendText(b, o.Why)
	}
	if flags&hasOutcomes != 0 {
		b = binary.AppendUvarint(b, uint64(o.Ran))
		b = binary.AppendUvarint(b, uint64(o.Failed))
	}
	return b
}

// Observation decodes what [AppendObservation] appended. The caller gives the
// key and the instant.
func Observation(b []byte, k hydro.Key, at time.Time) (hydro.Observation, error) {
	r := reader{b: b}
	var o hydro.Observation
	o.Key, o.At = k, at
	o.Revision = uint32(r.uvarint())
	flags := r.byte()
	o.Quality = hydro.Quality(r.byte())
	o.Tests = hydro.Tests(r.uvarint())
	o.Notes = o.Tests & store.Notes
	if flags&hasReceived != 0 {
		o.ReceivedAt = time.UnixMilli(at.UnixMilli() + r.varint()).UTC()
	}
	if flags&hasInterval != 0 {
		o.Interval = time.Duration(r.varint()) * time.Millisecond
	}
	o.Value = r.float()
	o.Raw = o.Value
	if flags&hasRaw != 0 {
		o.Raw = r.float()
	}
	if flags&hasDatum != 0 {
		o.Datum = hydro.Datum(r.text())
	}
	if flags&hasWhy != 0 {
		o.Why = r.text()
	}
	if flags&hasOutcomes != 0 {
		o.Ran = hydro.Tests(r.uvarint())
		o.Failed = hydro.Tests(r.uvarint())
	}
	if err := r.end(); err != nil {
		return hydro.Observation{}, fmt.Errorf("observation: %w", err)
	}
	return o, nil
}

// Revision returns the revision of an encoded observation.
func Revision(b []byte) (uint32, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > math.MaxUint32 {
		return 0, fmt.Errorf("revision: %w", ErrCorrupt)
	}
	return uint32(v), nil
}

// AppendForecast appends f whole to b.
func AppendForecast(b []byte, f *hydro.Forecast) []byte {
	b = AppendForecastHeader(b, f)
	for i := range f.Stations {
		b = AppendStationForecast(b, &f.Stations[i])
	}
	return b
}

// Forecast decodes what [AppendForecast] appended.
func Forecast(b []byte) (hydro.Forecast, error) {
	r := reader{b: b}
	f := r.forecastHeader()
	for i := range f.Stations {
		f.Stations[i] = r.stationForecast()
	}
	if err := r.end(); err != nil {
		return hydro.Forecast{}, fmt.Errorf("forecast: %w", err)
	}
	return f, nil
}

// AppendForecastHeader appends f to b, of its stations only the ids.
func AppendForecastHeader(b []byte, f *hydro.Forecast) []byte {
	b = append(b, forecastVersion)
	b = appendText(b, f.Basin)
	b = appendTime(b, f.IssuedAt)
	b = appendText(b, f.Trigger)
	b = appendText(b, f.Catalogue)
	b = binary.AppendVarint(b, int64(f.Step))
	b = binary.AppendVarint(b, int64(f.Horizon))
	b = binary.AppendVarint(b, int64(f.BandStep))
	b = binary.AppendUvarint(b, uint64(len(f.Stations)))
	for i := range f.Stations {
		b = appendText(b, f.Stations[i].Station)
	}
	b = appendTime(b, f.DataCutoff)
	b = appendTime(b, f.ValidUntil)
	b = appendTexts(b, f.MissingGauges)
	b = appendFloat(b, f.RainCoverage)
	b = appendText(b, f.RainAssumed)
	b = appendText(b, f.Plan)
	b = appendText(b, f.BandBasis)
	b = appendTexts(b, f.Notes)
	b = appendBool(b, f.Illustrative)
	b = binary.AppendVarint(b, int64(f.Elapsed))
	b = binary.AppendUvarint(b, uint64(len(f.ArealRain)))
	for i := range f.ArealRain {
		a := &f.ArealRain[i]
		b = appendText(b, a.SubBasin)
		for _, v := range [...]float64{a.Last1h, a.Last3h, a.Last6h, a.Last24h, a.Coverage, a.Assumed} {
			b = appendFloat(b, v)
		}
		b = appendTexts(b, a.MissingGauges)
	}
	return appendHoles(b, f.Holes)
}

// ForecastHeader decodes what [AppendForecastHeader] appended: the stations
// have nothing but their ids.
func ForecastHeader(b []byte) (hydro.Forecast, error) {
	r := reader{b: b}
	f := r.forecastHeader()
	if err := r.end(); err != nil {
		return hydro.Forecast{}, fmt.Errorf("forecast: %w", err)
	}
	return f, nil
}

func (r *reader) forecastHeader() hydro.Forecast {
	v := r.forecastVersion()
	var f hydro.Forecast
	f.Basin = r.text()
	f.IssuedAt = r.time()
	f.Trigger = r.text()
	f.Catalogue = r.text()
	f.Step = time.Duration(r.varint())
	f.Horizon = time.Duration(r.varint())
	if v >= 2 {
		f.BandStep = time.Duration(r.varint())
	}
	if n := r.length(1); n > 0 {
		f.Stations = make([]hydro.StationForecast, n)
	}
	for i := range f.Stations {
		f.Stations[i].Station = r.text()
	}
	f.DataCutoff = r.time()
	f.ValidUntil = r.time()
	f.MissingGauges = r.texts()
	f.RainCoverage = r.float()
	f.RainAssumed = r.text()
	f.Plan = r.text()
	if v >= 2 {
		f.BandBasis = r.text()
	}
	f.Notes = r.texts()
	f.Illustrative = r.bool()
	f.Elapsed = time.Duration(r.varint())
	if v == 1 {
		return f
	}
	if n := r.length(50); n > 0 {
		f.ArealRain = make([]hydro.ArealRain, n)
	}
	for i := range f.ArealRain {
		a := &f.ArealRain[i]
		a.SubBasin = r.text()
		for _, to := range [...]*float64{&a.Last1h, &a.Last3h, &a.Last6h, &a.Last24h, &a.Coverage, &a.Assumed} {
			*to = r.float()
		}
		a.MissingGauges = r.texts()
	}
	if v >= 3 {
		f.Holes = r.holes()
	}
	return f
}

// AppendStationForecast appends s to b.
func AppendStationForecast(b []byte, s *hydro.StationForecast) []byte {
	b = append(b, forecastVersion)
	b = appendText(b, s.Station)
	b = appendText(b, string(s.Datum))
	b = appendFloats(b, s.Discharge)
	b = appendFloats(b, s.Level)
	b = appendFloat(b, s.NowDischarge)
	b = appendFloat(b, s.NowLevel)
	b = appendTime(b, s.Peak.At)
	b = appendFloat(b, s.Peak.Discharge)
	b = appendFloat(b, s.Peak.Level)
	b = appendBool(b, s.Peak.AtEnd)
	b = binary.AppendUvarint(b, uint64(len(s.Crossings)))
	for i := range s.Crossings {
		c := &s.Crossings[i]
		b = append(b, byte(c.Stage), byte(c.Variable))
		b = appendFloat(b, c.Threshold)
		b = appendTime(b, c.At)
		b = appendChance(b, &c.Chance)
	}
	b = appendBool(b, s.Updated)
	b = appendBool(b, s.Extrapolated)
	return appendBand(b, s.Band)
}

// StationForecast decodes what [AppendStationForecast] appended.
func StationForecast(b []byte) (hydro.StationForecast, error) {
	r := reader{b: b}
	s := r.stationForecast()
	if err := r.end(); err != nil {
		return hydro.StationForecast{}, fmt.Errorf("station forecast: %w", err)
	}
	return s, nil
}

func (r *reader) stationForecast() hydro.StationForecast {
	v := r.forecastVersion()
	var s hydro.StationForecast
	s.Station = r.text()
	s.Datum = hydro.Datum(r.text())
	s.Discharge = r.floats()
	s.Level = r.floats()
	s.NowDischarge = r.float()
	s.NowLevel = r.float()
	s.Peak.At = r.time()
	s.Peak.Discharge = r.float()
	s.Peak.Level = r.float()
	s.Peak.AtEnd = r.bool()
	if n := r.length(11); n > 0 {
		s.Crossings = make([]hydro.Crossing, n)
	}
	for i := range s.Crossings {
		c := &s.Crossings[i]
		c.Stage, c.Variable = hydro.Stage(r.byte()), hydro.Variable(r.byte())
		c.Threshold = r.float()
		c.At = r.time()
		if v >= 2 {
			c.Chance = r.chance(v)
		}
	}
	s.Updated = r.bool()
	s.Extrapolated = r.bool()
	if v >= 2 {
		s.Band = r.band(v)
	}
	return s
}

// AppendWarning appends w to b.
func AppendWarning(b []byte, w *hydro.Warning) []byte {
	b = append(b, warningVersion)
	b = appendText(b, w.ID)
	b = appendText(b, w.Basin)
	b = appendText(b, w.Station)
	b = appendTime(b, w.At)
	b = append(b, byte(w.From), byte(w.To))
	b = appendLeg(b, &w.Observed)
	b = appendLeg(b, &w.Forecast)
	b = appendText(b, w.ReasonZH)
	b = appendText(b, w.ReasonEN)
	b = appendText(b, w.Cause)
	b = appendText(b, w.Catalogue)
	b = appendTime(b, w.ForecastIssuedAt)
	b = appendBool(b, w.Illustrative)
	b = appendText(b, w.Group)
	b = appendBool(b, w.Escalated)
	for _, l := range [...]*hydro.Leg{&w.Observed, &w.Forecast} {
		b = appendFloat(append(b, byte(l.Basis)), l.Limit)
	}
	return append(b, byte(w.EscalatedAs))
}

// Warning decodes what [AppendWarning] appended.
func Warning(b []byte) (hydro.Warning, error) {
	r := reader{b: b}
	v := r.byte()
	if v < 1 || v > warningVersion {
		r.fail()
	}
	var w hydro.Warning
	w.ID = r.text()
	w.Basin = r.text()
	w.Station = r.text()
	w.At = r.time()
	w.From, w.To = hydro.Stage(r.byte()), hydro.Stage(r.byte())
	w.Observed = r.leg()
	w.Forecast = r.leg()
	w.ReasonZH = r.text()
	w.ReasonEN = r.text()
	w.Cause = r.text()
	w.Catalogue = r.text()
	w.ForecastIssuedAt = r.time()
	w.Illustrative = r.bool()
	if v >= 2 {
		w.Group = r.text()
		w.Escalated = r.bool()
		for _, l := range [...]*hydro.Leg{&w.Observed, &w.Forecast} {
			l.Basis, l.Limit = hydro.Basis(r.byte()), r.float()
		}
	}
	if v >= 3 {
		w.EscalatedAs = hydro.Stage(r.byte())
	}
	if err := r.end(); err != nil {
		return hydro.Warning{}, fmt.Errorf("warning: %w", err)
	}
	return w, nil
}

func appendLeg(b []byte, l *hydro.Leg) []byte {
	b = append(b, byte(l.Stage), byte(l.Variable))
	b = binary.AppendVarint(b, int64(l.Window))
	b = appendFloat(b, l.Value)
	b = appendFloat(b, l.Threshold)
	b = appendText(b, string(l.Datum))
	b = appendTime(b, l.At)
	b = appendFloat(b, l.PeakValue)
	return appendTime(b, l.PeakAt)
}

func (r *reader) leg() hydro.Leg {
	var l hydro.Leg
	l.Stage, l.Variable = hydro.Stage(r.byte()), hydro.Variable(r.byte())
	l.Window = time.Duration(r.varint())
	l.Value = r.float()
	l.Threshold = r.float()
	l.Datum = hydro.Datum(r.text())
	l.At = r.time()
	l.PeakValue = r.float()
	l.PeakAt = r.time()
	return l
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func appendFloats(b []byte, vs []float64) []byte {
	b = binary.AppendUvarint(b, uint64(len(vs)))
	for _, v := range vs {
		b = appendFloat(b, v)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, s := range texts {
		b = appendText(b, s)
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), t.UnixMilli())
}

// A reader takes values from the front of b. After the first fault it returns
// zeros.
type reader struct {
	b       []byte
	corrupt bool
}

func (r *reader) fail() {
	r.b, r.corrupt = nil, true
}

// end returns an error unless everything was read and whole.
func (r *reader) end() error {
	if r.corrupt || len(r.b) != 0 {
		return ErrCorrupt
	}
	return nil
}

// forecastVersion reads the version of a forecast or of a station's part of it.
func (r *reader) forecastVersion() byte {
	v := r.byte()
	if v < 1 || v > forecastVersion {
		r.fail()
	}
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) bool() bool { return r.byte() != 0 }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

// length reads the number of elements of size bytes or more that follow. More
// than can follow is a fault, so that a corrupt length cannot ask for memory.
func (r *reader) length(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) floats() []float64 {
	n := r.length(8)
	if n == 0 {
		return nil
	}
	vs := make([]float64, n)
	for i := range vs {
		vs[i] = r.float()
	}
	return vs
}

func (r *reader) text() string {
	n := r.length(1)
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) texts() []string {
	n := r.length(1)
	if n == 0 {
		return nil
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = r.text()
	}
	return texts
}

func (r *reader) time() time.Time {
	if r.byte() == 0 {
		return time.Time{}
	}
	return time.UnixMilli(r.varint()).UTC()
}
