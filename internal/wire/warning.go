package wire

import (
	"fmt"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromWarning returns w as protobuf.
func FromWarning(w *hydro.Warning) *freshetv1.Warning {
	return &freshetv1.Warning{
		Id:               w.ID,
		Basin:            w.Basin,
		Station:          w.Station,
		At:               FromTime(w.At),
		From:             FromStage(w.From),
		To:               FromStage(w.To),
		Observed:         FromLeg(&w.Observed),
		Forecast:         FromLeg(&w.Forecast),
		ReasonZh:         w.ReasonZH,
		ReasonEn:         w.ReasonEN,
		Cause:            w.Cause,
		CauseZh:          hydro.CauseZH(w.Cause),
		Catalogue:        w.Catalogue,
		ForecastIssuedAt: FromTime(w.ForecastIssuedAt),
		Illustrative:     w.Illustrative,
		Escalated:        w.Escalated,
		EscalatedAs:      escalatedAs(w.EscalatedAs),
		Group:            w.Group,
	}
}

// escalatedAs leaves out the stage of what is not escalated.
func escalatedAs(s hydro.Stage) freshetv1.Stage {
	if s == hydro.Clear {
		return freshetv1.Stage_STAGE_UNSPECIFIED
	}
	return FromStage(s)
}

// ToWarning returns the warning. Its id, basin, station, time and both stages
// must be there.
func ToWarning(p *freshetv1.Warning) (hydro.Warning, error) {
	w := hydro.Warning{
		ID:           p.GetId(),
		Basin:        p.GetBasin(),
		Station:      p.GetStation(),
		ReasonZH:     p.GetReasonZh(),
		ReasonEN:     p.GetReasonEn(),
		Cause:        p.GetCause(),
		Catalogue:    p.GetCatalogue(),
		Illustrative: p.GetIllustrative(),
		Escalated:    p.GetEscalated(),
		Group:        p.GetGroup(),
	}
	var err error
	if w.At, err = ToTime("at", p.GetAt()); err != nil {
		return hydro.Warning{}, err
	}
	if w.ForecastIssuedAt, err = optionalTime("forecast_issued_at", p.GetForecastIssuedAt()); err != nil {
		return hydro.Warning{}, err
	}
	if w.From, err = ToStage(p.GetFrom()); err != nil {
		return hydro.Warning{}, fmt.Errorf("from: %w", err)
	}
	if w.To, err = ToStage(p.GetTo()); err != nil {
		return hydro.Warning{}, fmt.Errorf("to: %w", err)
	}
	if p.GetEscalatedAs() != 0 {
		if w.EscalatedAs, err = ToStage(p.GetEscalatedAs()); err != nil {
			return hydro.Warning{}, fmt.Errorf("escalated_as: %w", err)
		}
	}
	if w.Observed, err = ToLeg(p.GetObserved()); err != nil {
		return hydro.Warning{}, fmt.Errorf("observed.%w", err)
	}
	if w.Forecast, err = ToLeg(p.GetForecast()); err != nil {
		return hydro.Warning{}, fmt.Errorf("forecast.%w", err)
	}
	return w, checkWarning(&w)
}

// checkWarning returns an error unless w can go to the log and come back equal.
func checkWarning(w *hydro.Warning) error {
	switch {
	case w.ID == "":
		return fmt.Errorf("id: missing: %w", hydro.ErrInvalid)
	case w.Basin == "":
		return fmt.Errorf("basin: missing: %w", hydro.ErrInvalid)
	case w.Station == "":
		return fmt.Errorf("station: missing: %w", hydro.ErrInvalid)
	case w.At.IsZero():
		return fmt.Errorf("at: missing: %w", hydro.ErrInvalid)
	case !validTimes(w.At, w.ForecastIssuedAt):
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	case FromStage(w.From) == 0 || FromStage(w.To) == 0 || FromStage(w.EscalatedAs) == 0:
		return fmt.Errorf("stage: from %d to %d is not known: %w", w.From, w.To, hydro.ErrInvalid)
	}
	for i, l := range [...]*hydro.Leg{&w.Observed, &w.Forecast} {
		if FromStage(l.Stage) == 0 || int(l.Basis) >= len(basesFrom) || (l.Variable != 0 && FromVariable(l.Variable) == 0) || !validTimes(l.At, l.PeakAt) ||
			time.Duration(seconds(l.Window))*time.Second != l.Window {
			return fmt.Errorf("leg %d: stage, variable, measure, window or time is not known: %w", i, hydro.ErrInvalid)
		}
	}
	return nil
}

// FromLeg returns l as protobuf.
func FromLeg(l *hydro.Leg) *freshetv1.Leg {
	return &freshetv1.Leg{
		Stage:     FromStage(l.Stage),
		Variable:  FromVariable(l.Variable),
		WindowS:   seconds(l.Window),
		Value:     l.Value,
		Threshold: l.Threshold,
		Datum:     string(l.Datum),
		At:        FromTime(l.At),
		PeakValue: l.PeakValue,
		PeakAt:    FromTime(l.PeakAt),
		Basis:     FromBasis(l.Basis),
		Limit:     l.Limit,
	}
}

// ToLeg returns the leg. A missing one, and one without a variable, has no
// evidence; a leg that is there must have a stage.
func ToLeg(p *freshetv1.Leg) (hydro.Leg, error) {
	if p == nil {
		return hydro.Leg{}, nil
	}
	l := hydro.Leg{
		Window:    time.Duration(p.GetWindowS()) * time.Second,
		Value:     p.GetValue(),
		Threshold: p.GetThreshold(),
		Datum:     hydro.Datum(p.GetDatum()),
		PeakValue: p.GetPeakValue(),
		Limit:     p.GetLimit(),
	}
	var err error
	if l.Basis, err = ToBasis(p.GetBasis()); err != nil {
		return hydro.Leg{}, err
	}
	if l.Stage, err = ToStage(p.GetStage()); err != nil {
		return hydro.Leg{}, err
	}
	if l.Variable, err = optionalVariable(p.GetVariable()); err != nil {
		return hydro.Leg{}, err
	}
	if l.At, err = optionalTime("at", p.GetAt()); err != nil {
		return hydro.Leg{}, err
	}
	if l.PeakAt, err = optionalTime("peak_at", p.GetPeakAt()); err != nil {
		return hydro.Leg{}, err
	}
	return l, nil
}
