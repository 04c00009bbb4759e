package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"freshet/internal/hydro"
)

type ingestMetrics struct {
	accepted   []prometheus.Counter // by department
	refused    []prometheus.Counter // by reason
	ackSeconds prometheus.Histogram
	streams    prometheus.Gauge
	submitted  *prometheus.CounterVec // by kind
	dropped    *prometheus.CounterVec // by department
	compared   prometheus.Counter
	differing  prometheus.Counter
}

func newIngestMetrics(r prometheus.Registerer, queued func() float64) *ingestMetrics {
	f := promauto.With(r)
	accepted := f.NewCounterVec(prometheus.CounterOpts{
		Name: "freshet_ingest_accepted_total", Help: "Readings that are on disk and acknowledged.",
	}, []string{"department"})
	refused := f.NewCounterVec(prometheus.CounterOpts{
		Name: "freshet_ingest_refused_total", Help: "Readings that were not accepted, by reason.",
	}, []string{"reason"})
	m := &ingestMetrics{
		dropped: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_ingest_gateway_dropped_total", Help: "Values that gateways say they dropped to make room in their spools: they are lost.",
		}, []string{"department"}),
		ackSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "freshet_ingest_ack_seconds", Help: "Time from the arrival of a frame to its acknowledgement.",
			// From one fsync of a fast disk to a log that cannot keep up; the
			// promise is 50 ms.
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .25, 1, 5, 30},
		}),
		submitted: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_ingest_submitted_total", Help: "Rain forecasts, dispatch plans, tides and withdrawals that are on disk and acknowledged, resends included.",
		}, []string{"kind"}),
		compared: f.NewCounter(prometheus.CounterOpts{
			Name: "freshet_ingest_compared_series_total", Help: "Series, by day, that gateways compared with the history.",
		}),
		differing: f.NewCounter(prometheus.CounterOpts{
			Name: "freshet_ingest_differing_series_total", Help: "Series, by day, in which the history differed from what a gateway had sent.",
		}),
		streams: f.NewGauge(prometheus.GaugeOpts{Name: "freshet_ingest_streams", Help: "Gateways' streams that are open."}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "freshet_ingest_queued_readings", Help: "Accepted readings that wait for the disk.",
	}, queued)
	for _, kind := range []string{"rain_forecast", "dispatch_plan", "tide", "withdrawal"} {
		m.submitted.WithLabelValues(kind)
	}
	m.accepted = make([]prometheus.Counter, len(hydro.Departments)+1)
	for _, d := range hydro.Departments {
		m.accepted[d] = accepted.WithLabelValues(d.String())
	}
	reasons := hydro.RefusalReasons()
	m.refused = make([]prometheus.Counter, len(reasons)+1)
	for _, reason := range reasons {
		m.refused[reason] = refused.WithLabelValues(reason.String())
	}
	return m
}

func (m *ingestMetrics) refuse(r hydro.RefusalReason) {
	if int(r) < len(m.refused) && m.refused[r] != nil {
		m.refused[r].Inc()
	}
}
