package forecast

import (
	"iter"

	"freshet/forecast/rain"
	"freshet/forecast/updating"
	"freshet/internal/hydro"
)

// usable are the samples that passed quality control, as forecast/updating takes them.
func usable(samples []hydro.Sample) iter.Seq[updating.Sample] {
	return func(yield func(updating.Sample) bool) {
		for i := range samples {
			if s := &samples[i]; s.Quality.Usable() && !yield(updating.Sample{At: s.At, Value: s.Value}) {
				return
			}
		}
	}
}

// reports are the samples that passed quality control, as forecast/rain takes them.
func reports(samples []hydro.Sample) iter.Seq[rain.Report] {
	return func(yield func(rain.Report) bool) {
		for i := range samples {
			if s := &samples[i]; s.Quality.Usable() && !yield(rain.Report{At: s.At, Length: int64(s.Interval) * 1000, MM: s.Value}) {
				return
			}
		}
	}
}
