package unithydrograph

import (
	"fmt"
	"math"
	"slices"
)

// given is how far the sum of given ordinates may lie from what it should be:
// what rounding to three figures explains, and a forgotten ordinate does not.
const given = 0.01

// Given returns the hydrograph with the ordinates u, in any unit, in steps of the
// computation. Total is what they should sum to: 1 for shares, [Unit] for m³/s
// from a unit depth. They are scaled to sum to exactly 1. It fails if an ordinate
// is negative or not finite, or if the sum is more than 1 % off total.
func Given(u []float64, total float64) (Hydrograph, error) {
	if !(total > 0) || math.IsInf(total, 0) {
		return nil, fmt.Errorf("unit hydrograph: total = %g: want > 0", total)
	}
	if len(u) > maxOrdinate {
		return nil, fmt.Errorf("unit hydrograph: %d ordinates: want at most %d", len(u), maxOrdinate)
	}
	sum := 0.0
	for i, v := range u {
		if !(v >= 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("unit hydrograph: ordinate %d = %g: want >= 0", i+1, v)
		}
		sum += v
	}
	if math.Abs(sum-total) > given*total {
		return nil, fmt.Errorf("unit hydrograph: %d ordinates sum to %.6g: want %g to within %g %%", len(u), sum, total, given*100)
	}
	return Hydrograph(slices.Clone(u)).whole(), nil
}

// Unit returns what the ordinates in m³/s of a hydrograph of depth mm of runoff
// from area km² sum to, in steps of dt s. Chinese practice takes 10 mm.
func Unit(depth, area, dt float64) float64 { return depth * area * 1000 / dt }

// Lag returns the hydrograph that delays by lag s, >= 0, in steps of dt s, > 0. A
// lag between two steps is shared between them linearly, so that the mean delay
// is lag. It fails if a value is out of range or the lag longer than 20,000 steps.
func Lag(lag, dt float64) (Hydrograph, error) {
	if !(dt > 0) || math.IsInf(dt, 0) {
		return nil, fmt.Errorf("unit hydrograph: dt = %g s: want > 0", dt)
	}
	if !(lag >= 0 && lag <= maxOrdinate*dt) {
		return nil, fmt.Errorf("unit hydrograph: lag = %g s: want 0 to %g, %d steps of %g s", lag, maxOrdinate*dt, maxOrdinate, dt)
	}
	whole, part := math.Modf(lag / dt)
	u := make(Hydrograph, int(whole)+1, int(whole)+2)
	u[int(whole)] = 1 - part
	if part > 0 {
		u = append(u, 1-(1-part)) // the two sum to exactly 1
	}
	return u, nil
}
