package record

import (
	"encoding/binary"

	"freshet/internal/hydro"
)

// A step of a band is 7 quantiles of discharge, 7 of level, the number of
// errors, and whether it is extrapolated; a chance is a zero byte where there is none.
// Version 2 has no flags.

const bandStepBytes = 2*8*len(hydro.BandLevels) + 1

func appendBand(b []byte, band []hydro.BandStep) []byte {
	b = binary.AppendUvarint(b, uint64(len(band)))
	for i := range band {
		s := &band[i]
		for _, v := range s.Discharge {
			b = appendFloat(b, v)
		}
		for _, v := range s.Level {
			b = appendFloat(b, v)
		}
		b = binary.AppendVarint(b, int64(s.Errors))
		b = appendBool(b, s.Extrapolated)
	}
	return b
}

func (r *reader) band(version byte) []hydro.BandStep {
	n := r.length(bandStepBytes)
	if n == 0 {
		return nil
	}
	band := make([]hydro.BandStep, n)
	for i := range band {
		s := &band[i]
		for k := range s.Discharge {
			s.Discharge[k] = r.float()
		}
		for k := range s.Level {
			s.Level[k] = r.float()
		}
		s.Errors = int(r.varint())
		if version >= 3 {
			s.Extrapolated = r.bool()
		}
	}
	return band
}

func appendChance(b []byte, c *hydro.Chance) []byte {
	if c.Until.IsZero() {
		return append(b, 0)
	}
	b = appendTime(b, c.Until)
	b = appendFloat(b, c.Probability)
	b = appendTime(b, c.Early)
	b = appendTime(b, c.Middle)
	b = appendTime(b, c.Late)
	b = appendBool(b, c.Extrapolated)
	return appendBool(b, c.Uncalibrated)
}

func (r *reader) chance(version byte) hydro.Chance {
	var c hydro.Chance
	if c.Until = r.time(); c.Until.IsZero() {
		return c
	}
	c.Probability = r.float()
	c.Early, c.Middle, c.Late = r.time(), r.time(), r.time()
	if version >= 3 {
		c.Extrapolated, c.Uncalibrated = r.bool(), r.bool()
	}
	return c
}
