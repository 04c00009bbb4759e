package store

import (
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
)

// MaxBandSteps is the largest number of steps that a station's band may have:
// 30 days of hours. It keeps the quantiles of a variable below the 64 kB that
// InfluxDB allows for a string.
const MaxBandSteps = 720

// checkBands returns an error unless the bands and chances of f hold together:
// a band step that is a multiple of the computing step, no band beyond the
// horizon, quantiles finite and ascending (the levels of a step may all be NaN),
// and chances as [checkChance] wants them.
func checkBands(f *hydro.Forecast) error {
	if f.BandStep < 0 || f.BandStep > 0 && (f.Step <= 0 || f.BandStep%f.Step != 0) {
		return fmt.Errorf("band step: %v is not a multiple of the step %v: %w", f.BandStep, f.Step, hydro.ErrInvalid)
	}
	for i := range f.Stations {
		s := &f.Stations[i]
		if err := checkBand(f, s.Band); err != nil {
			return fmt.Errorf("station %s: %w", s.Station, err)
		}
		for j := range s.Crossings {
			if err := checkChance(&s.Crossings[j].Chance); err != nil {
				return fmt.Errorf("station %s: crossing %d: chance: %w", s.Station, j, err)
			}
		}
	}
	return nil
}

func checkBand(f *hydro.Forecast, band []hydro.BandStep) error {
	if len(band) == 0 {
		return nil
	}
	if f.BandStep == 0 {
		return fmt.Errorf("band of %d steps without a band step: %w", len(band), hydro.ErrInvalid)
	}
	if most := min(MaxBandSteps, int(f.Horizon/f.BandStep)); len(band) > most {
		return fmt.Errorf("band of %d steps, want at most %d: %w", len(band), most, hydro.ErrInvalid)
	}
	for i := range band {
		b := &band[i]
		if err := checkQuantiles("discharge", &b.Discharge); err != nil {
			return fmt.Errorf("band step %d: %w", i, err)
		}
		if !allNaN(&b.Level) {
			if err := checkQuantiles("level", &b.Level); err != nil {
				return fmt.Errorf("band step %d: %w", i, err)
			}
		}
		if b.Errors < 0 || int64(b.Errors) > math.MaxUint32 {
			return fmt.Errorf("band step %d: errors: %d is out of range: %w", i, b.Errors, hydro.ErrInvalid)
		}
	}
	return nil
}

func allNaN(q *[len(hydro.BandLevels)]float64) bool {
	for _, v := range q {
		if !math.IsNaN(v) {
			return false
		}
	}
	return true
}

func checkQuantiles(what string, q *[len(hydro.BandLevels)]float64) error {
	for i, v := range q {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s quantile %g %%: %g is not finite: %w", what, 100*hydro.BandLevels[i], v, hydro.ErrInvalid)
		}
		if i > 0 && v < q[i-1] {
			return fmt.Errorf("%s quantile %g %%: %g is below %g at %g %%: %w",
				what, 100*hydro.BandLevels[i], v, q[i-1], 100*hydro.BandLevels[i-1], hydro.ErrInvalid)
		}
	}
	return nil
}

// checkChance wants a probability in [0, 1] and the quantiles of the time in
// order where there is one; without Until there is nothing else, and without a
// probability no time.
func checkChance(c *hydro.Chance) error {
	for _, t := range []struct {
		what string
		at   time.Time
	}{{"until", c.Until}, {"early", c.Early}, {"middle", c.Middle}, {"late", c.Late}} {
		if err := checkOptionalInstant(t.what, t.at); err != nil {
			return err
		}
	}
	timed := !c.Early.IsZero() || !c.Middle.IsZero() || !c.Late.IsZero()
	switch {
	case !(c.Probability >= 0 && c.Probability <= 1): // NaN too
		return fmt.Errorf("probability %g, want 0 to 1: %w", c.Probability, hydro.ErrInvalid)
	case c.Until.IsZero() && (c.Probability != 0 || timed || c.Extrapolated || c.Uncalibrated):
		return fmt.Errorf("probability %g without the instant until which it holds: %w", c.Probability, hydro.ErrInvalid)
	case c.Probability == 0 && timed:
		return fmt.Errorf("times of a crossing of probability 0: %w", hydro.ErrInvalid)
	case c.Probability > 0 && (c.Early.IsZero() || c.Middle.Before(c.Early) || c.Late.Before(c.Middle)):
		return fmt.Errorf("times %v, %v, %v are not ascending: %w", c.Early, c.Middle, c.Late, hydro.ErrInvalid)
	}
	return nil
}
