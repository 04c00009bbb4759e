// Package wire converts between Freshet's domain types (internal/hydro) and its
// protobuf messages (proto/freshet/v1). It is the only package that knows both.
//
// Functions named From… make protobuf from a domain value and do not fail: what
// the domain holds can be shown. Functions named To… and Decode… make a domain
// value, check it, and return an error that wraps [hydro.ErrInvalid]: a missing
// time is an error and never 1970, an unknown enum number is an error and never
// a default.
//
// Enums are spelled out in both directions, so that neither numbering can move
// the other.
//
// The log's own messages ([EncodeInput], [EncodeOutput]) keep instants to the
// millisecond; everything else keeps them to the nanosecond.
package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var (
	departmentsFrom = [...]freshetv1.Department{
		hydro.Weather:        freshetv1.Department_DEPARTMENT_WEATHER,
		hydro.Hydrology:      freshetv1.Department_DEPARTMENT_HYDROLOGY,
		hydro.WaterResources: freshetv1.Department_DEPARTMENT_WATER_RESOURCES,
	}
	departmentsTo = [...]hydro.Department{
		freshetv1.Department_DEPARTMENT_WEATHER:         hydro.Weather,
		freshetv1.Department_DEPARTMENT_HYDROLOGY:       hydro.Hydrology,
		freshetv1.Department_DEPARTMENT_WATER_RESOURCES: hydro.WaterResources,
	}

	variablesFrom = [...]freshetv1.Variable{
		hydro.WaterLevel:     freshetv1.Variable_VARIABLE_WATER_LEVEL,
		hydro.Discharge:      freshetv1.Variable_VARIABLE_DISCHARGE,
		hydro.Rain:           freshetv1.Variable_VARIABLE_RAIN,
		hydro.RainCounter:    freshetv1.Variable_VARIABLE_RAIN_COUNTER,
		hydro.Storage:        freshetv1.Variable_VARIABLE_STORAGE,
		hydro.Inflow:         freshetv1.Variable_VARIABLE_INFLOW,
		hydro.Outflow:        freshetv1.Variable_VARIABLE_OUTFLOW,
		hydro.GateOpening:    freshetv1.Variable_VARIABLE_GATE_OPENING,
		hydro.PanEvaporation: freshetv1.Variable_VARIABLE_PAN_EVAPORATION,
	}
	variablesTo = [...]hydro.Variable{
		freshetv1.Variable_VARIABLE_WATER_LEVEL:     hydro.WaterLevel,
		freshetv1.Variable_VARIABLE_DISCHARGE:       hydro.Discharge,
		freshetv1.Variable_VARIABLE_RAIN:            hydro.Rain,
		freshetv1.Variable_VARIABLE_RAIN_COUNTER:    hydro.RainCounter,
		freshetv1.Variable_VARIABLE_STORAGE:         hydro.Storage,
		freshetv1.Variable_VARIABLE_INFLOW:          hydro.Inflow,
		freshetv1.Variable_VARIABLE_OUTFLOW:         hydro.Outflow,
		freshetv1.Variable_VARIABLE_GATE_OPENING:    hydro.GateOpening,
		freshetv1.Variable_VARIABLE_PAN_EVAPORATION: hydro.PanEvaporation,
	}

	qualitiesFrom = [...]freshetv1.Quality{
		hydro.NotEvaluated: freshetv1.Quality_QUALITY_NOT_EVALUATED,
		hydro.Pass:         freshetv1.Quality_QUALITY_PASS,
		hydro.Suspect:      freshetv1.Quality_QUALITY_SUSPECT,
		hydro.Fail:         freshetv1.Quality_QUALITY_FAIL,
	}
	// In the tables below a domain value of 0 has a meaning, so that they hold
	// one more than the value and 0 stands for "not known".
	qualitiesTo = [...]hydro.Quality{
		freshetv1.Quality_QUALITY_NOT_EVALUATED: hydro.NotEvaluated + 1,
		freshetv1.Quality_QUALITY_PASS:          hydro.Pass + 1,
		freshetv1.Quality_QUALITY_SUSPECT:       hydro.Suspect + 1,
		freshetv1.Quality_QUALITY_FAIL:          hydro.Fail + 1,
	}

	stagesFrom = [...]freshetv1.Stage{
		hydro.Clear:  freshetv1.Stage_STAGE_CLEAR,
		hydro.Blue:   freshetv1.Stage_STAGE_BLUE,
		hydro.Yellow: freshetv1.Stage_STAGE_YELLOW,
		hydro.Orange: freshetv1.Stage_STAGE_ORANGE,
		hydro.Red:    freshetv1.Stage_STAGE_RED,
		hydro.Blind:  freshetv1.Stage_STAGE_BLIND,
	}
	stagesTo = [...]hydro.Stage{
		freshetv1.Stage_STAGE_CLEAR:  hydro.Clear + 1,
		freshetv1.Stage_STAGE_BLUE:   hydro.Blue + 1,
		freshetv1.Stage_STAGE_YELLOW: hydro.Yellow + 1,
		freshetv1.Stage_STAGE_ORANGE: hydro.Orange + 1,
		freshetv1.Stage_STAGE_RED:    hydro.Red + 1,
		freshetv1.Stage_STAGE_BLIND:  hydro.Blind + 1,
	}

	refusalsFrom = [...]freshetv1.RefusalReason{
		hydro.UnknownStation:  freshetv1.RefusalReason_REFUSAL_REASON_UNKNOWN_STATION,
		hydro.WrongDepartment: freshetv1.RefusalReason_REFUSAL_REASON_WRONG_DEPARTMENT,
		hydro.UnknownVariable: freshetv1.RefusalReason_REFUSAL_REASON_UNKNOWN_VARIABLE,
		hydro.MissingValue:    freshetv1.RefusalReason_REFUSAL_REASON_MISSING_VALUE,
		hydro.NotFinite:       freshetv1.RefusalReason_REFUSAL_REASON_NOT_FINITE,
		hydro.TimeMissing:     freshetv1.RefusalReason_REFUSAL_REASON_TIME_MISSING,
		hydro.TimeInFuture:    freshetv1.RefusalReason_REFUSAL_REASON_TIME_IN_FUTURE,
		hydro.TimeTooOld:      freshetv1.RefusalReason_REFUSAL_REASON_TIME_TOO_OLD,
		hydro.UnitUnknown:     freshetv1.RefusalReason_REFUSAL_REASON_UNIT_UNKNOWN,
		hydro.ZoneUnknown:     freshetv1.RefusalReason_REFUSAL_REASON_ZONE_UNKNOWN,
		hydro.DatumMissing:    freshetv1.RefusalReason_REFUSAL_REASON_DATUM_MISSING,
		hydro.DatumMismatch:   freshetv1.RefusalReason_REFUSAL_REASON_DATUM_MISMATCH,
		hydro.IntervalInvalid: freshetv1.RefusalReason_REFUSAL_REASON_INTERVAL_INVALID,
		hydro.ValueImpossible: freshetv1.RefusalReason_REFUSAL_REASON_VALUE_IMPOSSIBLE,
		hydro.NotAllowed:      freshetv1.RefusalReason_REFUSAL_REASON_NOT_ALLOWED,
	}
	refusalsTo = [...]hydro.RefusalReason{
		freshetv1.RefusalReason_REFUSAL_REASON_UNKNOWN_STATION:  hydro.UnknownStation,
		freshetv1.RefusalReason_REFUSAL_REASON_WRONG_DEPARTMENT: hydro.WrongDepartment,
		freshetv1.RefusalReason_REFUSAL_REASON_UNKNOWN_VARIABLE: hydro.UnknownVariable,
		freshetv1.RefusalReason_REFUSAL_REASON_MISSING_VALUE:    hydro.MissingValue,
		freshetv1.RefusalReason_REFUSAL_REASON_NOT_FINITE:       hydro.NotFinite,
		freshetv1.RefusalReason_REFUSAL_REASON_TIME_MISSING:     hydro.TimeMissing,
		freshetv1.RefusalReason_REFUSAL_REASON_TIME_IN_FUTURE:   hydro.TimeInFuture,
		freshetv1.RefusalReason_REFUSAL_REASON_TIME_TOO_OLD:     hydro.TimeTooOld,
		freshetv1.RefusalReason_REFUSAL_REASON_UNIT_UNKNOWN:     hydro.UnitUnknown,
		freshetv1.RefusalReason_REFUSAL_REASON_ZONE_UNKNOWN:     hydro.ZoneUnknown,
		freshetv1.RefusalReason_REFUSAL_REASON_DATUM_MISSING:    hydro.DatumMissing,
		freshetv1.RefusalReason_REFUSAL_REASON_DATUM_MISMATCH:   hydro.DatumMismatch,
		freshetv1.RefusalReason_REFUSAL_REASON_INTERVAL_INVALID: hydro.IntervalInvalid,
		freshetv1.RefusalReason_REFUSAL_REASON_VALUE_IMPOSSIBLE: hydro.ValueImpossible,
		freshetv1.RefusalReason_REFUSAL_REASON_NOT_ALLOWED:      hydro.NotAllowed,
	}
)

// from returns the protobuf number of v, or 0 (unspecified) if v is none.
func from[D ~uint8, P ~int32](table []P, v D) P {
	if int(v) < len(table) {
		return table[v]
	}
	return 0
}

// to returns the entry of table for the protobuf number p, or an error if p is
// unspecified or unknown.
func to[D ~uint8, P ~int32 | ~uint32](table []D, p P, kind string) (D, error) {
	if uint32(p) < uint32(len(table)) { // a negative number is a large one
		if v := table[p]; v != 0 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%s: number %d is unspecified or unknown: %w", kind, p, hydro.ErrInvalid)
}

// FromDepartment returns the protobuf number of d, unspecified for none.
func FromDepartment(d hydro.Department) freshetv1.Department { return from(departmentsFrom[:], d) }

// ToDepartment returns the department. Unspecified is an error.
func ToDepartment(p freshetv1.Department) (hydro.Department, error) {
	return to(departmentsTo[:], p, "department")
}

// FromVariable returns the protobuf number of v, unspecified for none.
func FromVariable(v hydro.Variable) freshetv1.Variable { return from(variablesFrom[:], v) }

// ToVariable returns the variable. Unspecified is an error.
func ToVariable(p freshetv1.Variable) (hydro.Variable, error) {
	return to(variablesTo[:], p, "variable")
}

// optionalVariable is ToVariable where unspecified means none.
func optionalVariable(p freshetv1.Variable) (hydro.Variable, error) {
	if p == freshetv1.Variable_VARIABLE_UNSPECIFIED {
		return 0, nil
	}
	return ToVariable(p)
}

// FromQuality returns the protobuf number of q.
func FromQuality(q hydro.Quality) freshetv1.Quality { return from(qualitiesFrom[:], q) }

// ToQuality returns the verdict. Unspecified is an error.
func ToQuality(p freshetv1.Quality) (hydro.Quality, error) {
	q, err := to(qualitiesTo[:], p, "quality")
	if err != nil {
		return 0, err
	}
	return q - 1, nil
}

// FromStage returns the protobuf number of s.
func FromStage(s hydro.Stage) freshetv1.Stage { return from(stagesFrom[:], s) }

// ToStage returns the stage. Unspecified is an error.
func ToStage(p freshetv1.Stage) (hydro.Stage, error) {
	s, err := to(stagesTo[:], p, "stage")
	if err != nil {
		return 0, err
	}
	return s - 1, nil
}

// FromRefusalReason returns the protobuf number of r, unspecified for none.
func FromRefusalReason(r hydro.RefusalReason) freshetv1.RefusalReason {
	return from(refusalsFrom[:], r)
}

// ToRefusalReason returns the reason. Unspecified is an error.
func ToRefusalReason(p freshetv1.RefusalReason) (hydro.RefusalReason, error) {
	return to(refusalsTo[:], p, "reason")
}

// FromTime returns t as a Timestamp, and nil for the zero time: a message that
// says nothing says "none", not 1970.
func FromTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// ToTime returns the instant in UTC. A missing Timestamp, and one outside the
// years 1 to 9999, are errors. Field names the field in the error.
func ToTime(field string, p *timestamppb.Timestamp) (time.Time, error) {
	t, err := optionalTime(field, p)
	if err == nil && t.IsZero() {
		return t, fmt.Errorf("%s: missing: %w", field, hydro.ErrInvalid)
	}
	return t, err
}

// optionalTime is ToTime where a missing Timestamp means the zero time.
func optionalTime(field string, p *timestamppb.Timestamp) (time.Time, error) {
	if p == nil {
		return time.Time{}, nil
	}
	if !p.IsValid() {
		return time.Time{}, fmt.Errorf("%s: out of range: %w", field, hydro.ErrInvalid)
	}
	return p.AsTime(), nil
}

// validTimes reports whether each time is in the years 1 to 9999; the zero time
// is.
func validTimes(times ...time.Time) bool {
	for _, t := range times {
		if s := t.Unix(); s < firstMS/1000 || s > lastMS/1000 {
			return false
		}
	}
	return true
}

// Unix milliseconds of the years 1 to 9999. The first is the zero time.
const (
	firstMS = -62135596800000
	lastMS  = 253402300799999
)

// fromMillis returns the log's form of an instant that must be there.
func fromMillis(field string, t time.Time) (int64, error) {
	ms := t.UnixMilli()
	if t.IsZero() || !validMillis(ms) {
		return 0, fmt.Errorf("%s: missing or out of range: %w", field, hydro.ErrInvalid)
	}
	return ms, nil
}

// toMillis is the reverse of fromMillis.
func toMillis(field string, ms int64) (time.Time, error) {
	if !validMillis(ms) {
		return time.Time{}, fmt.Errorf("%s: missing or out of range: %w", field, hydro.ErrInvalid)
	}
	return time.UnixMilli(ms).UTC(), nil
}

// validMillis reports whether ms can stand in the log: 0 is a field that was
// not set.
func validMillis(ms int64) bool { return ms != 0 && ms > firstMS && ms <= lastMS }
