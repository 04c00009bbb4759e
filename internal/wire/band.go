package wire

import (
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// fromBand returns a station's band; a step without levels carries none.
func fromBand(band []hydro.BandStep) []*freshetv1.BandStep {
	if len(band) == 0 {
		return nil
	}
	out := make([]*freshetv1.BandStep, len(band))
	for i := range band {
		b := &band[i]
		out[i] = &freshetv1.BandStep{Discharge: b.Discharge[:], Errors: uint32(b.Errors), Extrapolated: b.Extrapolated}
		if gaps(&b.Level) == 0 {
			out[i].Level = b.Level[:]
		}
	}
	return out
}

func toBand(band []*freshetv1.BandStep) ([]hydro.BandStep, error) {
	if len(band) == 0 {
		return nil, nil
	}
	const n = len(hydro.BandLevels)
	out := make([]hydro.BandStep, len(band))
	for i, p := range band {
		b := &out[i]
		if len(p.GetDischarge()) != n {
			return nil, fmt.Errorf("band[%d].discharge: %d quantiles, want %d: %w", i, len(p.GetDischarge()), n, hydro.ErrInvalid)
		}
		copy(b.Discharge[:], p.GetDischarge())
		switch len(p.GetLevel()) {
		case 0:
			for k := range b.Level {
				b.Level[k] = math.NaN()
			}
		case n:
			copy(b.Level[:], p.GetLevel())
		default:
			return nil, fmt.Errorf("band[%d].level: %d quantiles, want %d or none: %w", i, len(p.GetLevel()), n, hydro.ErrInvalid)
		}
		b.Errors, b.Extrapolated = int(p.GetErrors()), p.GetExtrapolated()
	}
	return out, nil
}

func gaps(q *[len(hydro.BandLevels)]float64) int {
	n := 0
	for _, v := range q {
		if math.IsNaN(v) {
			n++
		}
	}
	return n
}

// fromChance returns nil where no band tells.
func fromChance(c *hydro.Chance) *freshetv1.CrossingChance {
	if c.Until.IsZero() {
		return nil
	}
	return &freshetv1.CrossingChance{
		Until: FromTime(c.Until), Probability: c.Probability, Early: FromTime(c.Early), Middle: FromTime(c.Middle), Late: FromTime(c.Late),
		Extrapolated: c.Extrapolated, Uncalibrated: c.Uncalibrated,
	}
}

func toChance(p *freshetv1.CrossingChance) (hydro.Chance, error) {
	if p == nil {
		return hydro.Chance{}, nil
	}
	c := hydro.Chance{Probability: p.GetProbability(), Extrapolated: p.GetExtrapolated(), Uncalibrated: p.GetUncalibrated()}
	var err error
	if c.Until, err = ToTime("until", p.GetUntil()); err != nil {
		return hydro.Chance{}, err
	}
	if c.Early, err = optionalTime("early", p.GetEarly()); err != nil {
		return hydro.Chance{}, err
	}
	if c.Middle, err = optionalTime("middle", p.GetMiddle()); err != nil {
		return hydro.Chance{}, err
	}
	c.Late, err = optionalTime("late", p.GetLate())
	return c, err
}

// checkBands is the part of checkForecast that looks at bands and chances.
func checkBands(f *hydro.Forecast) error {
	if f.BandStep < 0 || time.Duration(seconds(f.BandStep))*time.Second != f.BandStep {
		return fmt.Errorf("band_step_s: %v is not a number of whole seconds: %w", f.BandStep, hydro.ErrInvalid)
	}
	for i := range f.Stations {
		s := &f.Stations[i]
		if len(s.Band) > 0 && f.BandStep == 0 {
			return fmt.Errorf("stations[%d].band: %d steps and no band_step_s: %w", i, len(s.Band), hydro.ErrInvalid)
		}
		for j := range s.Band {
			b := &s.Band[j]
			if n := gaps(&b.Level); n != 0 && n != len(b.Level) {
				return fmt.Errorf("stations[%d].band[%d].level: %d of %d quantiles are NaN, want all or none: %w", i, j, n, len(b.Level), hydro.ErrInvalid)
			}
			if b.Errors < 0 || int64(b.Errors) > math.MaxUint32 {
				return fmt.Errorf("stations[%d].band[%d].errors: %d is out of range: %w", i, j, b.Errors, hydro.ErrInvalid)
			}
		}
		for j := range s.Crossings {
			c := s.Crossings[j].Chance
			if !validTimes(c.Until, c.Early, c.Middle, c.Late) {
				return fmt.Errorf("stations[%d].crossings[%d].chance: a time is out of range: %w", i, j, hydro.ErrInvalid)
			}
			if c.Until.IsZero() && (c.Probability != 0 || c.Extrapolated || c.Uncalibrated || !c.Early.IsZero() || !c.Middle.IsZero() || !c.Late.IsZero()) {
				return fmt.Errorf("stations[%d].crossings[%d].chance.until: missing: %w", i, j, hydro.ErrInvalid)
			}
		}
	}
	return nil
}
