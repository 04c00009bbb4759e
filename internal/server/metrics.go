package server

import (
	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

type metrics struct {
	calls        *grpcprom.ServerMetrics
	watchers     prometheus.Gauge
	warningsSent prometheus.Counter
}

func newMetrics(r prometheus.Registerer, s *Server) *metrics {
	f := promauto.With(r)
	m := &metrics{
		calls: grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram(
			// From a query on the engine to a season's history out of a slow store.
			grpcprom.WithHistogramBuckets([]float64{.001, .005, .02, .1, .5, 2, 10}))),
		watchers: f.NewGauge(prometheus.GaugeOpts{
			Name: "freshet_feed_watchers", Help: "Readers of the alert feed that are connected, over gRPC and HTTP.",
		}),
		warningsSent: f.NewCounter(prometheus.CounterOpts{
			Name: "freshet_feed_warnings_sent_total", Help: "Warnings sent to readers of the alert feed.",
		}),
	}
	r.MustRegister(m.calls, stageCollector{s}, standingCollector{s})
	return m
}

// A stageCollector asks the engines how many stations stand at each stage when
// it is scraped. The labels are bounded by basins times stages.
type stageCollector struct{ s *Server }

var stationsByStage = prometheus.NewDesc("freshet_stations_by_stage",
	"Stations at each stage now; blind means that nobody can see.", []string{"basin", "stage"}, nil)

// Describe implements prometheus.Collector.
func (c stageCollector) Describe(ch chan<- *prometheus.Desc) { ch <- stationsByStage }

// Collect implements prometheus.Collector.
func (c stageCollector) Collect(ch chan<- prometheus.Metric) {
	for _, id := range c.s.basinIDs {
		counts := make([]int, len(hydro.Stages))
		c.s.basins[id].Engine.Query(func(e *engine.Engine) {
			for _, st := range e.Statuses() {
				counts[st.Stage]++
			}
		})
		for _, stage := range hydro.Stages {
			ch <- prometheus.MustNewConstMetric(stationsByStage, prometheus.GaugeValue, float64(counts[stage]), id, stage.String())
		}
	}
}
