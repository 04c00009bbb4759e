package wire

import (
	"fmt"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromForecast returns f with its honesty line in both languages. The slices of
// values are f's own: write to neither. Elapsed stays behind.
func FromForecast(f *hydro.Forecast) *freshetv1.Forecast {
	p := FromForecastHead(f)
	p.Stations = make([]*freshetv1.StationForecast, len(f.Stations))
	for i := range f.Stations {
		p.Stations[i] = FromStationForecast(&f.Stations[i])
	}
	return p
}

// FromForecastHead is FromForecast without the stations.
func FromForecastHead(f *hydro.Forecast) *freshetv1.Forecast {
	p := storedHead(f)
	p.Honesty.LineZh = f.HonestyZH()
	p.Honesty.LineEn = f.HonestyEN()
	return p
}

// storedHead is FromForecastHead without the sentences, which follow from the
// rest and need no room in the log.
func storedHead(f *hydro.Forecast) *freshetv1.Forecast {
	return &freshetv1.Forecast{
		Basin:     f.Basin,
		IssuedAt:  FromTime(f.IssuedAt),
		Trigger:   f.Trigger,
		Catalogue: f.Catalogue,
		StepS:     seconds(f.Step),
		HorizonS:  seconds(f.Horizon),
		BandStepS: seconds(f.BandStep),
		Honesty: &freshetv1.Honesty{
			DataCutoff:    FromTime(f.DataCutoff),
			ValidUntil:    FromTime(f.ValidUntil),
			MissingGauges: f.MissingGauges,
			RainCoverage:  f.RainCoverage,
			RainAssumed:   f.RainAssumed,
			Plan:          f.Plan,
			BandBasis:     f.BandBasis,
			Notes:         f.Notes,
			Illustrative:  f.Illustrative,
		},
		ArealRain: fromArealRain(f.ArealRain),
		Holes:     fromHoles(f.Holes),
	}
}

// FromStationForecast returns s as protobuf, sharing its slices of values.
func FromStationForecast(s *hydro.StationForecast) *freshetv1.StationForecast {
	p := &freshetv1.StationForecast{
		Station:      s.Station,
		Datum:        string(s.Datum),
		Discharge:    s.Discharge,
		Level:        s.Level,
		NowDischarge: s.NowDischarge,
		NowLevel:     s.NowLevel,
		Peak: &freshetv1.ForecastPeak{
			At: FromTime(s.Peak.At), Discharge: s.Peak.Discharge, Level: s.Peak.Level, AtEnd: s.Peak.AtEnd,
		},
		Updated:      s.Updated,
		Extrapolated: s.Extrapolated,
		Band:         fromBand(s.Band),
	}
	if len(s.Crossings) > 0 {
		p.Crossings = make([]*freshetv1.ThresholdCrossing, len(s.Crossings))
	}
	for i := range s.Crossings {
		c := &s.Crossings[i]
		p.Crossings[i] = &freshetv1.ThresholdCrossing{
			Stage: FromStage(c.Stage), Variable: FromVariable(c.Variable), Threshold: c.Threshold, At: FromTime(c.At), Chance: fromChance(&c.Chance),
		}
	}
	return p
}

// ToForecast returns the forecast, sharing p's slices of values. The basin, the
// time of issue, the step and the end of validity must be there, and each
// station must have as many levels as discharges.
func ToForecast(p *freshetv1.Forecast) (hydro.Forecast, error) {
	h := p.GetHonesty()
	f := hydro.Forecast{
		Basin:         p.GetBasin(),
		Trigger:       p.GetTrigger(),
		Catalogue:     p.GetCatalogue(),
		Step:          time.Duration(p.GetStepS()) * time.Second,
		Horizon:       time.Duration(p.GetHorizonS()) * time.Second,
		BandStep:      time.Duration(p.GetBandStepS()) * time.Second,
		MissingGauges: h.GetMissingGauges(),
		RainCoverage:  h.GetRainCoverage(),
		RainAssumed:   h.GetRainAssumed(),
		Plan:          h.GetPlan(),
		BandBasis:     h.GetBandBasis(),
		Notes:         h.GetNotes(),
		Illustrative:  h.GetIllustrative(),
	}
	var err error
	if f.IssuedAt, err = ToTime("issued_at", p.GetIssuedAt()); err != nil {
		return hydro.Forecast{}, err
	}
	if f.DataCutoff, err = optionalTime("honesty.data_cutoff", h.GetDataCutoff()); err != nil {
		return hydro.Forecast{}, err
	}
	if f.ValidUntil, err = ToTime("honesty.valid_until", h.GetValidUntil()); err != nil {
		return hydro.Forecast{}, err
	}
	if n := len(p.GetStations()); n > 0 {
		f.Stations = make([]hydro.StationForecast, n)
	}
	for i, s := range p.GetStations() {
		if f.Stations[i], err = toStationForecast(s); err != nil {
			return hydro.Forecast{}, fmt.Errorf("stations[%d].%w", i, err)
		}
	}
	f.ArealRain = toArealRain(p.GetArealRain())
	if f.Holes, err = toHoles(p.GetHoles()); err != nil {
		return hydro.Forecast{}, err
	}
	return f, checkForecast(&f)
}

// checkForecast returns an error unless f can go to the log and come back
// equal.
func checkForecast(f *hydro.Forecast) error {
	switch {
	case f.Basin == "":
		return fmt.Errorf("basin: missing: %w", hydro.ErrInvalid)
	case f.IssuedAt.IsZero():
		return fmt.Errorf("issued_at: missing: %w", hydro.ErrInvalid)
	case f.ValidUntil.IsZero():
		return fmt.Errorf("honesty.valid_until: missing: %w", hydro.ErrInvalid)
	case f.Step <= 0 || time.Duration(seconds(f.Step))*time.Second != f.Step:
		return fmt.Errorf("step_s: %v is not a positive number of whole seconds: %w", f.Step, hydro.ErrInvalid)
	case time.Duration(seconds(f.Horizon))*time.Second != f.Horizon:
		return fmt.Errorf("horizon_s: %v is not a number of whole seconds: %w", f.Horizon, hydro.ErrInvalid)
	}
	if !validTimes(f.IssuedAt, f.ValidUntil, f.DataCutoff) {
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	}
	for i := range f.Stations {
		s := &f.Stations[i]
		if len(s.Discharge) != len(s.Level) {
			return fmt.Errorf("stations[%d].level: %d levels for %d discharges: %w", i, len(s.Level), len(s.Discharge), hydro.ErrInvalid)
		}
		if !validTimes(s.Peak.At) {
			return fmt.Errorf("stations[%d].peak.at: out of range: %w", i, hydro.ErrInvalid)
		}
		for j, c := range s.Crossings {
			if FromStage(c.Stage) == 0 || FromVariable(c.Variable) == 0 || !validTimes(c.At) {
				return fmt.Errorf("stations[%d].crossings[%d]: stage, variable or time is not known: %w", i, j, hydro.ErrInvalid)
			}
		}
	}
	if err := checkHoles(f.Holes); err != nil {
		return err
	}
	return checkBands(f)
}

func toStationForecast(p *freshetv1.StationForecast) (hydro.StationForecast, error) {
	peakAt, err := optionalTime("peak.at", p.GetPeak().GetAt())
	if err != nil {
		return hydro.StationForecast{}, err
	}
	s := hydro.StationForecast{
		Station:      p.GetStation(),
		Datum:        hydro.Datum(p.GetDatum()),
		Discharge:    p.GetDischarge(),
		Level:        p.GetLevel(),
		NowDischarge: p.GetNowDischarge(),
		NowLevel:     p.GetNowLevel(),
		Peak: hydro.Peak{
			At: peakAt, Discharge: p.GetPeak().GetDischarge(), Level: p.GetPeak().GetLevel(), AtEnd: p.GetPeak().GetAtEnd(),
		},
		Updated:      p.GetUpdated(),
		Extrapolated: p.GetExtrapolated(),
	}
	if s.Band, err = toBand(p.GetBand()); err != nil {
		return hydro.StationForecast{}, err
	}
	if n := len(p.GetCrossings()); n > 0 {
		s.Crossings = make([]hydro.Crossing, n)
	}
	for i, c := range p.GetCrossings() {
		x := hydro.Crossing{Threshold: c.GetThreshold()}
		if x.Stage, err = ToStage(c.GetStage()); err == nil {
			if x.Variable, err = ToVariable(c.GetVariable()); err == nil {
				x.At, err = optionalTime("at", c.GetAt())
			}
		}
		if err == nil {
			if x.Chance, err = toChance(c.GetChance()); err != nil {
				err = fmt.Errorf("chance.%w", err)
			}
		}
		if err != nil {
			return hydro.StationForecast{}, fmt.Errorf("crossings[%d].%w", i, err)
		}
		s.Crossings[i] = x
	}
	return s, nil
}
