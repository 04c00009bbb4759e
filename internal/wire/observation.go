package wire

import (
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromKey returns k as protobuf.
func FromKey(k hydro.Key) *freshetv1.SeriesKey {
	return &freshetv1.SeriesKey{Station: k.Station, Variable: FromVariable(k.Variable), Sensor: uint32(k.Sensor)}
}

// ToKey returns the key. The station and the variable must be there, and the
// sensor number at most 255.
func ToKey(p *freshetv1.SeriesKey) (hydro.Key, error) {
	v, err := ToVariable(p.GetVariable())
	switch {
	case err != nil:
		return hydro.Key{}, fmt.Errorf("series.%w", err)
	case p.GetStation() == "":
		return hydro.Key{}, fmt.Errorf("series.station: missing: %w", hydro.ErrInvalid)
	case p.GetSensor() > math.MaxUint8:
		return hydro.Key{}, fmt.Errorf("series.sensor: %d is above 255: %w", p.GetSensor(), hydro.ErrInvalid)
	}
	return hydro.Key{Station: p.GetStation(), Variable: v, Sensor: uint8(p.GetSensor())}, nil
}

// FromObservation returns o as gateways and people see it. Intervals are given
// in whole seconds.
func FromObservation(o *hydro.Observation) *freshetv1.Observation {
	return &freshetv1.Observation{
		Series:     FromKey(o.Key),
		At:         FromTime(o.At),
		IntervalS:  seconds(o.Interval),
		Value:      o.Value,
		Raw:        o.Raw,
		Datum:      string(o.Datum),
		Quality:    FromQuality(o.Quality),
		Tests:      o.Tests.Names(),
		Why:        o.Why,
		WhyZh:      hydro.WhyZH(o.Why),
		Revision:   o.Revision,
		ReceivedAt: FromTime(o.ReceivedAt),

		Ran: o.Ran.Names(), Failed: o.Failed.Names(), NotEvaluated: (hydro.TestsOf(o.Variable) &^ o.Ran).Names(),
		QartodFlag: o.Quality.QARTOD(), CmaCode: new(o.Quality.CMA()),
	}
}

// notes are the bits of hydro.Tests that a reading can carry by itself.
const notes = hydro.NoteTrace | hydro.NoteDatumConverted

// ToObservation returns the observation. Its reading must pass
// [hydro.Reading.Check], and the quality and both times must be there. The
// reading's notes are those among the tests.
func ToObservation(p *freshetv1.Observation) (hydro.Observation, error) {
	k, err := ToKey(p.GetSeries())
	if err != nil {
		return hydro.Observation{}, err
	}
	at, err := ToTime("at", p.GetAt())
	if err != nil {
		return hydro.Observation{}, err
	}
	received, err := ToTime("received_at", p.GetReceivedAt())
	if err != nil {
		return hydro.Observation{}, err
	}
	q, err := ToQuality(p.GetQuality())
	if err != nil {
		return hydro.Observation{}, err
	}
	tests, err := hydro.ParseTests(p.GetTests())
	if err != nil {
		return hydro.Observation{}, fmt.Errorf("tests: %w", err)
	}
	ran, err := hydro.ParseTests(p.GetRan())
	if err != nil {
		return hydro.Observation{}, fmt.Errorf("ran: %w", err)
	}
	failed, err := hydro.ParseTests(p.GetFailed())
	if err != nil {
		return hydro.Observation{}, fmt.Errorf("failed: %w", err)
	}
	o := hydro.Observation{
		Reading: hydro.Reading{
			Key: k, At: at, Interval: time.Duration(p.GetIntervalS()) * time.Second,
			Raw: p.GetRaw(), Value: p.GetValue(), Datum: hydro.Datum(p.GetDatum()), Notes: tests & notes,
		},
		Quality: q, Tests: tests, Ran: ran, Failed: failed, Why: p.GetWhy(), Revision: p.GetRevision(), ReceivedAt: received,
	}
	return o, o.Check()
}

// FromRejection returns r as the answer to the frame of that sequence number.
func FromRejection(sequence uint64, r hydro.Rejection) *freshetv1.Rejection {
	return &freshetv1.Rejection{
		Sequence: sequence, Report: uint32(r.Report), Field: r.Field,
		Reason: FromRefusalReason(r.Reason), Message: r.Message,
	}
}

// ToRejection returns the rejection and the sequence number of its frame. The
// reason must be there.
func ToRejection(p *freshetv1.Rejection) (sequence uint64, r hydro.Rejection, err error) {
	reason, err := ToRefusalReason(p.GetReason())
	if err != nil {
		return 0, hydro.Rejection{}, err
	}
	return p.GetSequence(), hydro.Rejection{
		Report: int(p.GetReport()), Field: p.GetField(), Reason: reason, Message: p.GetMessage(),
	}, nil
}

// seconds returns d in whole seconds, 0 if negative, at most what fits.
func seconds(d time.Duration) uint32 {
	return uint32(min(max(d/time.Second, 0), math.MaxUint32))
}
