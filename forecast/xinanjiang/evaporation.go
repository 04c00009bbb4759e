package xinanjiang

import (
	"fmt"
	"math"
	"time"
)

// Monthly is a table of mean potential (or pan) evaporation by month, mm/d,
// January first: for catchments without a series of it.
type Monthly [12]float64

// Check returns an error unless every month has a rate of 0 to 30 mm/d.
func (m Monthly) Check() error {
	for i, v := range m {
		if !(v >= 0 && v <= 30) {
			return fmt.Errorf("monthly evaporation: %s = %g mm/d: want 0 to 30", time.Month(i+1), v)
		}
	}
	return nil
}

// Depth returns the evaporation in mm of the step of dt s that ends at end: the
// rate of the month, in end's zone, in which the middle of the step lies. It
// panics unless dt > 0.
func (m Monthly) Depth(end time.Time, dt float64) float64 {
	if !(dt > 0) || math.IsInf(dt, 0) {
		panic("xinanjiang: step is not positive")
	}
	middle := end.Add(-time.Duration(dt / 2 * float64(time.Second)))
	return m[middle.Month()-1] * dt / 86400
}
