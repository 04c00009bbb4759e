package wire

import (
	"fmt"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromTide returns t as it is submitted, sharing its slice of levels.
func FromTide(t *hydro.Tide) *freshetv1.SubmitTideRequest {
	p := &freshetv1.SubmitTideRequest{
		Basin: t.Basin, Station: t.Station, Source: t.Source, IssuedAt: FromTime(t.IssuedAt), ValidUntil: FromTime(t.ValidUntil),
		Datum: string(t.Datum), StepS: seconds(t.Step), Levels: t.Levels,
	}
	if len(t.Levels) > 0 {
		p.StartAt = FromTime(t.From)
	}
	for _, w := range t.Turns {
		p.Turns = append(p.Turns, &freshetv1.TideTurn{At: FromTime(w.At), Level: w.Level})
	}
	return p
}

// ToTide returns the tide, sharing p's slice of levels, with ReceivedAt zero. An
// error that can be told by field is a [hydro.FieldError].
func ToTide(p *freshetv1.SubmitTideRequest) (hydro.Tide, error) {
	t, err := TideUnchecked(p)
	if err != nil {
		return hydro.Tide{}, err
	}
	if err := checkTide(&t); err != nil {
		return hydro.Tide{}, err
	}
	return t, nil
}

// TideUnchecked is [ToTide] before [hydro.Tide.Check], for a caller who wants to tell
// all that is wrong.
func TideUnchecked(p *freshetv1.SubmitTideRequest) (hydro.Tide, *hydro.FieldError) {
	t := hydro.Tide{Basin: p.GetBasin(), Station: p.GetStation(), Source: p.GetSource(), Datum: hydro.Datum(p.GetDatum())}
	var err *hydro.FieldError
	if t.IssuedAt, err = fieldTime("issued_at", p.GetIssuedAt()); err != nil {
		return t, err
	}
	if t.ValidUntil, err = fieldTime("valid_until", p.GetValidUntil()); err != nil {
		return t, err
	}
	for i, w := range p.GetTurns() {
		at, err := fieldTime(fmt.Sprintf("turns[%d].at", i), w.GetAt())
		if err != nil {
			return t, err
		}
		t.Turns = append(t.Turns, hydro.TideTurn{At: at, Level: w.GetLevel()})
	}
	if len(p.GetLevels()) == 0 {
		if p.GetStartAt() != nil || p.GetStepS() != 0 {
			return t, &hydro.FieldError{Field: "levels", Text: "none, with start_at or step_s: leave these out beside turns"}
		}
		return t, nil
	}
	t.Levels, t.Step = p.GetLevels(), time.Duration(p.GetStepS())*time.Second
	t.From, err = fieldTime("start_at", p.GetStartAt())
	return t, err
}

// checkTide returns an error unless t can go to the log and come back equal.
func checkTide(t *hydro.Tide) error {
	if !validTimes(t.IssuedAt, t.ValidUntil) || len(t.Levels) > 0 && !validTimes(t.From) {
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	}
	for i := range t.Turns {
		if !validTimes(t.Turns[i].At) {
			return fmt.Errorf("turns[%d].at: out of range: %w", i, hydro.ErrInvalid)
		}
	}
	if len(t.Levels) == 0 && (t.Step != 0 || !t.From.IsZero()) {
		return fmt.Errorf("levels: none, with a step or a start: %w", hydro.ErrInvalid)
	}
	return hydro.Firsts(t.Check())
}

// encodeTide is the part of [EncodeInput] for a tide.
func encodeTide(t *hydro.Tide) ([]byte, error) {
	received, err := fromMillis("received_at", t.ReceivedAt)
	if err == nil {
		err = checkTide(t)
	}
	if err != nil {
		return nil, fmt.Errorf("tide.%w", err)
	}
	return marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_Tide{Tide: &freshetv1.LogTide{ReceivedAtMs: received, Tide: FromTide(t)}}})
}

// decodeTide is the part of [DecodeInput] for a tide.
func decodeTide(p *freshetv1.LogTide) (hydro.Input, error) {
	t, err := ToTide(p.GetTide())
	if err == nil {
		t.ReceivedAt, err = toMillis("received_at", p.GetReceivedAtMs())
	}
	if err != nil {
		return hydro.Input{}, fmt.Errorf("tide.%w", err)
	}
	return hydro.Input{Tide: &t}, nil
}
