package influx

import (
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store/record"
)

// quantileNames are the endings of the fields of hydro.BandLevels.
var quantileNames = [len(hydro.BandLevels)]string{"q05", "q10", "q25", "q50", "q75", "q90", "q95"}

// appendBandFields writes a station's band, a field for each variable, so that
// each stays below 64 kB. A run without a band writes them empty, so that a run
// that replaces another takes its band away.
func appendBandFields(l *line, band []hydro.BandStep) {
	var discharge, level, errors, beyond []float64
	for i := range band {
		b := &band[i]
		discharge = append(discharge, b.Discharge[:]...)
		level = append(level, b.Level[:]...)
		errors = append(errors, float64(b.Errors))
		flag := 0.0
		if b.Extrapolated {
			flag = 1
		}
		beyond = append(beyond, flag)
	}
	l.bytes("band_discharge", encodeFloats(discharge))
	l.bytes("band_level", encodeFloats(level))
	l.bytes("band_errors", encodeFloats(errors))
	l.bytes("band_extrapolated", encodeFloats(beyond))
}

// bandOf reads what [appendBandFields] wrote; points of before have no such
// fields and no band.
func bandOf(c columns) ([]hydro.BandStep, error) {
	var parts [4][]float64
	for i, name := range []string{"band_discharge", "band_level", "band_errors", "band_extrapolated"} {
		b, err := c.bytes(name)
		if err != nil {
			return nil, err
		}
		if parts[i], err = floats(b); err != nil {
			return nil, err
		}
	}
	const n = len(hydro.BandLevels)
	discharge, level, errors, beyond := parts[0], parts[1], parts[2], parts[3]
	if len(discharge) != n*len(errors) || len(level) != n*len(errors) || len(beyond) != 0 && len(beyond) != len(errors) {
		return nil, fmt.Errorf("band of %d discharges, %d levels and %d counts: %w", len(discharge), len(level), len(errors), record.ErrCorrupt)
	}
	if len(errors) == 0 {
		return nil, nil
	}
	band := make([]hydro.BandStep, len(errors))
	for i := range band {
		b := &band[i]
		copy(b.Discharge[:], discharge[n*i:])
		copy(b.Level[:], level[n*i:])
		b.Errors = int(errors[i])
		b.Extrapolated = len(beyond) > 0 && beyond[i] != 0 // points of before have no flag
	}
	return band, nil
}

// appendBandAt writes the quantiles at a lead for dashboards, linear between
// the band's steps and from what is now. band_issued_ms says whose they are: a
// later run without a band leaves them standing.
func appendBandAt(l *line, f *hydro.Forecast, station *hydro.StationForecast, lead time.Duration) {
	n := len(station.Band)
	if n == 0 || f.BandStep <= 0 || lead > time.Duration(n)*f.BandStep {
		return
	}
	values := make([]float64, n)
	written := false
	for k, name := range quantileNames {
		for _, q := range []struct {
			field string
			now   float64
			of    func(*hydro.BandStep) float64
		}{
			{"level_", station.NowLevel, func(b *hydro.BandStep) float64 { return b.Level[k] }},
			{"discharge_", station.NowDischarge, func(b *hydro.BandStep) float64 { return b.Discharge[k] }},
		} {
			for i := range values {
				values[i] = q.of(&station.Band[i])
			}
			if v := interpolate(q.now, values, f.BandStep, lead); !math.IsNaN(v) {
				l.float(q.field+name, v)
				written = true
			}
		}
	}
	if written {
		appendInstant(l, "band_issued_ms", f.IssuedAt)
	}
}
