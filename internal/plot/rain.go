package plot

import (
	"math"
	"time"
)

// A Fall is a depth that a gauge measured over an interval.
type Fall struct {
	From, To time.Time
	Depth    float64 // mm
}

// RainStep is the width of the bars for a span of time, so that they can be told
// apart.
func RainStep(span time.Duration) time.Duration {
	for _, s := range []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour} {
		if span <= 160*s {
			return s
		}
	}
	return 24 * time.Hour
}

// MeanRain returns the arithmetic mean of gauges in bars that start at multiples
// of every since 1970 in UTC, from the one that holds from to the last that has
// ended by to. Rain is spread evenly over its interval. A gauge counts in a bar if
// its reports cover half of it at least; a bar in which none counts is NaN.
func MeanRain(from, to time.Time, every time.Duration, gauges [][]Fall) []Bar {
	first := from.Truncate(every)
	n := int(to.Sub(first) / every)
	if n <= 0 {
		return nil
	}
	sum, count := make([]float64, n), make([]int, n)
	depth, covered := make([]float64, n), make([]time.Duration, n)
	for _, falls := range gauges {
		clear(depth)
		clear(covered)
		for _, f := range falls {
			for i := max(0, int(f.From.Sub(first)/every)); i < n; i++ {
				a, z := first.Add(time.Duration(i)*every), first.Add(time.Duration(i+1)*every)
				if !a.Before(f.To) {
					break
				}
				if f.From.After(a) {
					a = f.From
				}
				if f.To.Before(z) {
					z = f.To
				}
				if share := z.Sub(a); share > 0 {
					covered[i] += share
					depth[i] += f.Depth * float64(share) / float64(f.To.Sub(f.From))
				}
			}
		}
		for i := range n {
			if 2*covered[i] >= every {
				sum[i] += depth[i]
				count[i]++
			}
		}
	}
	bars := make([]Bar, n)
	for i := range bars {
		bars[i] = Bar{From: first.Add(time.Duration(i) * every), To: first.Add(time.Duration(i+1) * every), Depth: math.NaN()}
		if count[i] > 0 {
			bars[i].Depth = sum[i] / float64(count[i])
		}
	}
	return bars
}
