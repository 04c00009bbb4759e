package hydro

import (
	"fmt"
	"math"
	"time"
)

// A Key names one series of readings.
type Key struct {
	Station  string   // Freshet's station id
	Variable Variable // with it the unit
	Sensor   uint8    // 0, or the number of the gate or sensor where a station has several
}

func (k Key) String() string {
	if k.Sensor == 0 {
		return k.Station + "/" + k.Variable.String()
	}
	return fmt.Sprintf("%s/%s/%d", k.Station, k.Variable, k.Sensor)
}

// A Reading is one canonical value: the station known, the unit the variable's,
// the time UTC.
type Reading struct {
	Key
	At       time.Time     // UTC; the end of the interval for Rain
	Interval time.Duration // over which a Rain value accumulated; 0 for instantaneous values
	Raw      float64       // as reported, in the variable's unit but on the reported datum
	Value    float64       // on the station's datum; equals Raw unless NoteDatumConverted
	Datum    Datum         // the datum of Value, for WaterLevel only
	Notes    Tests         // NoteTrace, NoteDatumConverted; of a Derived reading also TestCounterReset: not rain
	Derived  bool          // follows from other readings, so it is never resent; not kept and not on the wire
}

// Check returns an error that wraps ErrInvalid unless r is a possible reading.
func (r Reading) Check() error {
	switch {
	case r.Station == "":
		return fmt.Errorf("station: missing: %w", ErrInvalid)
	case r.Variable == 0 || int(r.Variable) >= variableCount:
		return fmt.Errorf("variable: %d is unknown: %w", r.Variable, ErrInvalid)
	case r.At.IsZero():
		return fmt.Errorf("at: missing: %w", ErrInvalid)
	case math.IsNaN(r.Value) || math.IsInf(r.Value, 0) || math.IsNaN(r.Raw) || math.IsInf(r.Raw, 0):
		return fmt.Errorf("value: not finite: %w", ErrInvalid)
	case r.Interval < 0:
		return fmt.Errorf("interval: negative: %w", ErrInvalid)
	case r.Variable.Amount() && r.Interval == 0:
		return fmt.Errorf("interval: %s needs one: %w", r.Variable, ErrInvalid)
	}
	return nil
}

// A RefusalReason says why a reading was not accepted. The wire contract
// describes each one for gateway vendors (proto: RefusalReason).
type RefusalReason uint8

// The reasons.
const (
	UnknownStation      RefusalReason = iota + 1
	WrongDepartment                   // the station belongs to another department
	UnknownVariable                   // the station does not measure this
	MissingValue                      // a sentinel for "no value": nothing to store
	NotFinite                         // NaN or infinite
	TimeMissing                       // no observation time
	TimeInFuture                      // later than the server's clock allows
	TimeTooOld                        // older than the server accepts live
	UnitUnknown                       // the unit is not stated or not known
	ZoneUnknown                       // a local time without a zone
	DatumMissing                      // a level without a datum
	DatumMismatch                     // a datum for which the station declares no offset
	IntervalInvalid                   // rain without a usable accumulation interval
	ValueImpossible                   // outside what physics allows (not a quality limit)
	refusalReasonMarker               // keep last
)

// RefusalReasons lists all reasons in order.
func RefusalReasons() []RefusalReason {
	out := make([]RefusalReason, 0, int(refusalReasonMarker)-1)
	for r := UnknownStation; r < refusalReasonMarker; r++ {
		out = append(out, r)
	}
	return out
}

var refusalNames = [...]string{
	"", "unknown_station", "wrong_department", "unknown_variable", "missing_value", "not_finite", "time_missing",
	"time_in_future", "time_too_old", "unit_unknown", "zone_unknown", "datum_missing", "datum_mismatch", "interval_invalid", "value_impossible",
}

func (r RefusalReason) String() string { return name(refusalNames[:], int(r), "reason") }

// ParseRefusalReason returns the reason of that name.
func ParseRefusalReason(s string) (RefusalReason, error) {
	return parse[RefusalReason](refusalNames[:], s, "reason")
}

// A Refusal counts readings of a known station that were refused, so that the
// engine can say why the station is silent.
type Refusal struct {
	Station  string
	Variable Variable // 0 if not known
	Reason   RefusalReason
	Detail   string // for people: names what, where and how to mend it
	Count    int
	LastAt   time.Time // observation time of the last one, if it had one
}

// An Observation is a reading with the verdict of quality control.
type Observation struct {
	Reading
	Quality    Quality
	Tests      Tests  // the tests that fired and the notes
	Ran        Tests  // the tests that could be evaluated: those of them not in Tests passed
	Failed     Tests  // those of Tests that make the value wrong by themselves; the others make it doubtful
	Why        string // which test fired and on what numbers; "" if none
	Revision   uint32 // 0 for the first value of an instant
	ReceivedAt time.Time
}
