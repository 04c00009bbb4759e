package server

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// GetForecastWatch says how far the forecast of a basin can be used now.
func (s *Server) GetForecastWatch(_ context.Context, req *freshetv1.GetForecastWatchRequest) (*freshetv1.GetForecastWatchResponse, error) {
	if err := s.check(req); err != nil {
		return nil, err
	}
	b, err := s.basin(req.GetBasin())
	if err != nil {
		return nil, err
	}
	var w hydro.ForecastWatch
	b.Engine.Query(func(e *engine.Engine) { w = e.ForecastWatch() })
	return &freshetv1.GetForecastWatchResponse{Watch: wire.FromForecastWatch(&w)}, nil
}

// A standingCollector asks the engines for the standing of their forecasts when it
// is scraped. One of a basin's series is 1, the others are 0; all are 0 before the
// first run.
type standingCollector struct{ s *Server }

var forecastStanding = prometheus.NewDesc("freshet_forecast_standing",
	"1 for the standing of the basin's forecast now, 0 for the others.", []string{"basin", "standing"}, nil)

// Describe implements prometheus.Collector.
func (c standingCollector) Describe(ch chan<- *prometheus.Desc) { ch <- forecastStanding }

// Collect implements prometheus.Collector.
func (c standingCollector) Collect(ch chan<- prometheus.Metric) {
	for _, id := range c.s.basinIDs {
		var now hydro.ForecastStanding
		c.s.basins[id].Engine.Query(func(e *engine.Engine) { now = e.ForecastWatch().Standing })
		for _, standing := range hydro.ForecastStandings {
			value := 0.0
			if standing == now {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(forecastStanding, prometheus.GaugeValue, value, id, standing.String())
		}
	}
}
