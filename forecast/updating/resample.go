package updating

import (
	"iter"
	"math"
)

// A Sample is a value that a gauge reports.
type Sample struct {
	At    int64   // Unix ms
	Value float64 // in any unit, which is that of [Resample]'s result
}

// Resample writes to dst the value at fromMS + i·stepMS (Unix milliseconds) for
// each i, stepMS and gapMS in ms: linear between the two samples around the instant
// where they are at most gapMS apart, else NaN. It is in the unit of the samples.
// Samples are those that can be used, and ascend by instant; those later than untilMS
// are not looked at. It returns the latest sample looked at, even if it precedes
// fromMS.
func Resample(samples iter.Seq[Sample], fromMS, stepMS, gapMS, untilMS int64, dst []float64) (last Sample, ok bool) {
	i := 0
	for s := range samples {
		if s.At > untilMS {
			break
		}
		for ; i < len(dst); i++ {
			at := fromMS + int64(i)*stepMS
			if at > s.At {
				break
			}
			switch {
			case at == s.At:
				dst[i] = s.Value
			case ok && s.At-last.At <= gapMS:
				dst[i] = last.Value + (s.Value-last.Value)*(float64(at-last.At)/float64(s.At-last.At))
			default:
				dst[i] = math.NaN()
			}
		}
		last, ok = s, true
	}
	for ; i < len(dst); i++ {
		dst[i] = math.NaN()
	}
	return last, ok
}
