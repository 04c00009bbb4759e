package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	apply    *prometheus.HistogramVec
	forecast *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		// From one reading to a batch of 20,000, and a tick with a forecast.
		apply: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "freshet_engine_apply_seconds", Help: "Time the engine took to apply one input.",
			Buckets: prometheus.ExponentialBuckets(20e-6, 4, 9),
		}, []string{"basin"}),
		forecast: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "freshet_forecast_duration_seconds", Help: "Time of inputs that ran the forecast.",
			Buckets: prometheus.ExponentialBuckets(0.5e-3, 2, 12),
		}, []string{"basin"}),
	}
}

// watchLag registers how far each engine is behind its in-log.
func (*metrics) watchLag(r prometheus.Registerer, basins []*basin) {
	for _, b := range basins {
		promauto.With(r).NewGaugeFunc(prometheus.GaugeOpts{
			Name: "freshet_log_lag_inputs", Help: "Inputs on the in-log that the engine has not applied yet.",
			ConstLabels: prometheus.Labels{"basin": b.id},
		}, func() float64 {
			head, applied := b.head.Load(), b.applied.Load()
			if applied >= head {
				return 0
			}
			return float64(head - applied)
		})
		promauto.With(r).NewGaugeFunc(prometheus.GaugeOpts{
			Name: "freshet_engine_time_seconds", Help: "Engine time, the last tick applied, as Unix time; 0 before the first.",
			ConstLabels: prometheus.Labels{"basin": b.id},
		}, func() float64 {
			at := b.engineTime()
			if at.IsZero() {
				return 0
			}
			return float64(at.Unix())
		})
	}
}
