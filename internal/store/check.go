package store

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"freshet/internal/hydro"
)

// MaxSteps is the largest number of values that a station's forecast may have:
// 20 days at 5 minutes. It keeps a series below the 64 kB that InfluxDB allows
// for a string.
const MaxSteps = 5760

// MaxText is the largest length of a text, in bytes, for the same reason.
const MaxText = 16 << 10

// MaxName is the largest length of a name (basin, station, ID), in bytes.
const MaxName = 200

// MaxRevision is the largest revision of an observation: InfluxDB keeps the
// revisions of an instant apart by as many nanoseconds of its millisecond.
const MaxRevision = 999_999

// MaxForecastText is the largest sum of the lengths of a forecast's texts and
// station ids, in bytes; the areal rain of a sub-basin counts as 50 bytes and its
// texts.
const MaxForecastText = 40 << 10

// Earliest and Latest bound the instants that a store keeps, both included:
// what fits in 64 bits of nanoseconds, with a margin.
var (
	Earliest = time.Date(1680, 1, 1, 0, 0, 0, 0, time.UTC)
	Latest   = time.Date(2260, 1, 1, 0, 0, 0, 0, time.UTC)
)

// CheckName returns an error that wraps ErrInvalid unless s can name a basin, a
// station or a warning: 1 to [MaxName] bytes of UTF-8 without control
// characters and without a backslash, which the line protocol of InfluxDB
// cannot carry at the end of a tag.
func CheckName(what, s string) error {
	if s == "" || len(s) > MaxName {
		return fmt.Errorf("%s: %d bytes, want 1 to %d: %w", what, len(s), MaxName, hydro.ErrInvalid)
	}
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 0x7f || c == '\\' {
			return fmt.Errorf("%s %q: control character or backslash: %w", what, s, hydro.ErrInvalid)
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		return fmt.Errorf("%s %q: not UTF-8: %w", what, s, hydro.ErrInvalid)
	}
	return nil
}

// CheckText returns an error that wraps ErrInvalid unless s is at most
// [MaxText] bytes of UTF-8 whose only control characters are tab and newline.
func CheckText(what, s string) error {
	if len(s) > MaxText {
		return fmt.Errorf("%s: %d bytes, want at most %d: %w", what, len(s), MaxText, hydro.ErrInvalid)
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return fmt.Errorf("%s %q: control character: %w", what, s, hydro.ErrInvalid)
		}
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s %q: not UTF-8: %w", what, s, hydro.ErrInvalid)
	}
	return nil
}

func checkInstant(what string, t time.Time) error {
	if t.Before(Earliest) || t.After(Latest) {
		return fmt.Errorf("%s: %s is outside %d to %d: %w", what, t.Format(time.RFC3339), Earliest.Year(), Latest.Year(), hydro.ErrInvalid)
	}
	return nil
}

// checkOptionalInstant admits the zero time, which says that there is none.
func checkOptionalInstant(what string, t time.Time) error {
	if t.IsZero() {
		return nil
	}
	return checkInstant(what, t)
}

// CheckObservation returns an error that wraps ErrInvalid unless o can be
// stored: a reading that passes [hydro.Reading.Check] (so that its values are
// finite), known quality and tests, names and texts as [CheckName] and
// [CheckText] want them, an instant from [Earliest] to [Latest], and a
// ReceivedAt in the same range or zero.
func CheckObservation(o *hydro.Observation) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := CheckName("station", o.Station); err != nil {
		return err
	}
	if err := checkInstant("at", o.At); err != nil {
		return err
	}
	if err := checkOptionalInstant("received at", o.ReceivedAt); err != nil {
		return err
	}
	if o.Quality > hydro.Fail {
		return fmt.Errorf("quality: %d is unknown: %w", o.Quality, hydro.ErrInvalid)
	}
	if t := o.Tests | o.Notes | o.Ran | o.Failed; t&^hydro.AllTests != 0 {
		return fmt.Errorf("tests: %#x has unknown bits: %w", uint32(t), hydro.ErrInvalid)
	}
	if o.Revision > MaxRevision {
		return fmt.Errorf("revision: %d, want at most %d: %w", o.Revision, MaxRevision, hydro.ErrInvalid)
	}
	if o.Datum != "" {
		if err := CheckText("datum", string(o.Datum)); err != nil {
			return err
		}
	}
	if o.Why != "" {
		return CheckText("why", o.Why)
	}
	return nil
}

// CheckObservations is [CheckName] for the basin and [CheckObservation] for
// each observation; the error names the first that fails.
func CheckObservations(basin string, observations []hydro.Observation) error {
	if err := CheckName("basin", basin); err != nil {
		return err
	}
	for i := range observations {
		o := &observations[i]
		if err := CheckObservation(o); err != nil {
			return fmt.Errorf("observation %d of %d (%s at %s): %w", i, len(observations), o.Key, o.At.Format(time.RFC3339), err)
		}
	}
	return nil
}

// CheckForecast returns an error that wraps ErrInvalid unless f can be stored:
// names, texts and instants as for an observation, stations ascending, no two
// the same, Discharge and Level of equal length and at most [MaxSteps] long.
// Their values may be NaN, which marks a gap, but not infinite. Bands have finite
// ascending quantiles, at most [MaxBandSteps], and chances are from 0 to 1.
func CheckForecast(f *hydro.Forecast) error {
	if err := CheckName("basin", f.Basin); err != nil {
		return err
	}
	if err := checkInstant("issued at", f.IssuedAt); err != nil {
		return err
	}
	for _, t := range []struct {
		what string
		at   time.Time
	}{{"data cut-off", f.DataCutoff}, {"valid until", f.ValidUntil}} {
		if err := checkOptionalInstant(t.what, t.at); err != nil {
			return err
		}
	}
	for _, t := range []struct{ what, text string }{{"trigger", f.Trigger}, {"catalogue", f.Catalogue}, {"rain assumed", f.RainAssumed}, {"plan", f.Plan}, {"band basis", f.BandBasis}} {
		if err := CheckText(t.what, t.text); err != nil {
			return err
		}
	}
	for _, texts := range [][]string{f.MissingGauges, f.Notes} {
		for _, s := range texts {
			if err := CheckText("honesty line", s); err != nil {
				return err
			}
		}
	}
	if n := forecastText(f); n > MaxForecastText {
		return fmt.Errorf("%d bytes of text, want at most %d: %w", n, MaxForecastText, hydro.ErrInvalid)
	}
	for i := range f.Holes {
		h := &f.Holes[i]
		for _, s := range [...]string{h.Node, h.Station, h.Why, h.WhyZH} {
			if err := CheckText("hole", s); err != nil {
				return err
			}
		}
	}
	for i := range f.ArealRain {
		if err := checkArealRain(&f.ArealRain[i]); err != nil {
			return fmt.Errorf("areal rain %d: %w", i, err)
		}
	}
	for i := range f.Stations {
		if i > 0 && f.Stations[i].Station <= f.Stations[i-1].Station {
			return fmt.Errorf("station %s: not ascending: %w", f.Stations[i].Station, hydro.ErrInvalid)
		}
		if err := checkStationForecast(&f.Stations[i]); err != nil {
			return fmt.Errorf("station %s: %w", f.Stations[i].Station, err)
		}
	}
	return checkBands(f)
}

func checkArealRain(a *hydro.ArealRain) error {
	for _, s := range append([]string{a.SubBasin}, a.MissingGauges...) {
		if err := CheckText("areal rain", s); err != nil {
			return err
		}
	}
	for _, v := range [...]float64{a.Last1h, a.Last3h, a.Last6h, a.Last24h, a.Coverage, a.Assumed} {
		if math.IsInf(v, 0) {
			return fmt.Errorf("sub-basin %s: infinite: %w", a.SubBasin, hydro.ErrInvalid)
		}
	}
	return nil
}

func forecastText(f *hydro.Forecast) int {
	n := len(f.Trigger) + len(f.Catalogue) + len(f.RainAssumed) + len(f.Plan) + len(f.BandBasis)
	for _, texts := range [][]string{f.MissingGauges, f.Notes} {
		for _, s := range texts {
			n += len(s)
		}
	}
	for i := range f.Stations {
		n += len(f.Stations[i].Station)
	}
	for i := range f.Holes {
		h := &f.Holes[i]
		if n += 20 + len(h.Node) + len(h.Station); i == 0 || !h.SameReason(&f.Holes[i-1]) {
			n += len(h.Why) + len(h.WhyZH)
		}
	}
	for i := range f.ArealRain {
		n += 50 + len(f.ArealRain[i].SubBasin)
		for _, s := range f.ArealRain[i].MissingGauges {
			n += len(s)
		}
	}
	return n
}

func checkStationForecast(s *hydro.StationForecast) error {
	if err := CheckName("station", s.Station); err != nil {
		return err
	}
	if len(s.Discharge) != len(s.Level) || len(s.Level) > MaxSteps {
		return fmt.Errorf("%d discharges and %d levels, want the same and at most %d: %w", len(s.Discharge), len(s.Level), MaxSteps, hydro.ErrInvalid)
	}
	for _, values := range [][]float64{s.Discharge, s.Level, {s.NowDischarge, s.NowLevel, s.Peak.Discharge, s.Peak.Level}} {
		for _, v := range values {
			if math.IsInf(v, 0) {
				return fmt.Errorf("infinite value: %w", hydro.ErrInvalid)
			}
		}
	}
	if err := checkOptionalInstant("peak", s.Peak.At); err != nil {
		return err
	}
	for _, c := range s.Crossings {
		if err := checkOptionalInstant("crossing", c.At); err != nil {
			return err
		}
	}
	return CheckText("datum", string(s.Datum))
}

// CheckWarning returns an error that wraps ErrInvalid unless w can be stored:
// names (ID, basin, station), texts, instants and stages as they should be.
func CheckWarning(w *hydro.Warning) error {
	for _, n := range []struct{ what, name string }{{"id", w.ID}, {"basin", w.Basin}, {"station", w.Station}} {
		if err := CheckName(n.what, n.name); err != nil {
			return err
		}
	}
	if err := checkInstant("at", w.At); err != nil {
		return err
	}
	if w.From > hydro.Blind || w.To > hydro.Blind {
		return fmt.Errorf("stage: %d to %d is unknown: %w", w.From, w.To, hydro.ErrInvalid)
	}
	for _, t := range []time.Time{w.ForecastIssuedAt, w.Observed.At, w.Observed.PeakAt, w.Forecast.At, w.Forecast.PeakAt} {
		if err := checkOptionalInstant("instant", t); err != nil {
			return err
		}
	}
	for _, t := range []struct{ what, text string }{
		{"reason", w.ReasonZH},
		{"reason", w.ReasonEN},
		{"cause", w.Cause},
		{"catalogue", w.Catalogue},
		{"datum", string(w.Observed.Datum)},
		{"datum", string(w.Forecast.Datum)},
	} {
		if err := CheckText(t.what, t.text); err != nil {
			return err
		}
	}
	return nil
}

// SplitID returns the input sequence and the index that a warning's ID
// "<basin>/<input sequence>/<index>" ends with, or zeros and false for an ID of
// another form.
func SplitID(id string) (sequence, index uint64, ok bool) {
	j := strings.LastIndexByte(id, '/')
	if j < 0 {
		return 0, 0, false
	}
	i := strings.LastIndexByte(id[:j], '/')
	sequence, err := strconv.ParseUint(id[i+1:j], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if index, err = strconv.ParseUint(id[j+1:], 10, 64); err != nil {
		return 0, 0, false
	}
	return sequence, index, true
}

// CompareIDs orders warnings' IDs as the log does: by input sequence, then by
// index, then as text. An ID of another form than [SplitID] knows stands as if
// both were zero.
func CompareIDs(a, b string) int {
	aSeq, aIndex, _ := SplitID(a)
	bSeq, bIndex, _ := SplitID(b)
	return cmp.Or(cmp.Compare(aSeq, bSeq), cmp.Compare(aIndex, bIndex), cmp.Compare(a, b))
}

// Range returns the milliseconds first and last, both included, of the whole
// milliseconds in [from, to) that a store can hold, and false if there are none.
func Range(from, to time.Time) (first, last int64, ok bool) {
	if from.Before(Earliest) {
		from = Earliest
	}
	if end := Latest.Add(time.Millisecond); to.After(end) {
		to = end
	}
	first, last = ceilMilli(from), ceilMilli(to)-1
	return first, last, first <= last
}

func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli() // rounds down
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return ms
}
