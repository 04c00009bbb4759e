package gateway

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"freshet/ingest/gateway/spool"
)

// A Status is what people ask a gateway for.
type Status struct {
	Departments []DepartmentStatus     `json:"departments"`
	Spool       SpoolStatus            `json:"spool"`
	Refused     map[string]int64       `json:"refused_since_start"` // values, by reason
	LastRefused []spool.Refused        `json:"last_refused"`        // newest first
	Dropped     int64                  `json:"dropped"`             // values, ever
	DroppedBy   map[string]spool.Drops `json:"dropped_by_station"`
}

// A DepartmentStatus is what waits for one department, and its link.
type DepartmentStatus struct {
	Department string     `json:"department"`
	Link       LinkStatus `json:"link"`
	Readings   int64      `json:"readings"` // in the spool
	Frames     int        `json:"frames"`   // on their way
}

// A SpoolStatus is how full the spool is.
type SpoolStatus struct {
	Readings int64     `json:"readings"`
	Bytes    int64     `json:"bytes"`
	MaxBytes int64     `json:"max_bytes"`
	Oldest   time.Time `json:"oldest,omitzero"`
	Full     string    `json:"full,omitempty"` // why the last input was told to come again
	Fulls    int64     `json:"full_since_start"`
	Refused  int       `json:"refused_kept"`
}

// Status returns the state now, with at most refused of the refused values.
func (g *Gateway) Status(refused int) (Status, error) {
	st, err := g.opts.Spool.Stats()
	if err != nil {
		return Status{}, err
	}
	out := Status{
		Refused: g.metrics.refusals(), Dropped: st.DroppedTotal(), DroppedBy: st.Dropped,
		Spool: SpoolStatus{
			Readings: st.Readings, Bytes: st.Bytes, MaxBytes: st.MaxBytes, Oldest: st.Oldest, Fulls: st.Fulls, Refused: st.Refused,
		},
	}
	if st.Full != nil {
		out.Spool.Full = st.Full.Error()
	}
	if out.LastRefused, err = g.opts.Spool.Refused(refused); err != nil {
		return Status{}, err
	}
	for _, s := range g.senders {
		s.mu.Lock()
		out.Departments = append(out.Departments, DepartmentStatus{
			Department: s.department.String(), Link: s.link, Readings: st.Departments[s.department].Readings, Frames: len(s.flying),
		})
		s.mu.Unlock()
	}
	return out, nil
}

type metrics struct {
	put         *prometheus.CounterVec
	sent, acked *prometheus.CounterVec
	refused     *prometheus.CounterVec
	full        prometheus.Counter
	liveSeconds prometheus.Histogram

	mu       sync.Mutex
	byReason map[string]int64
}

func newMetrics(r prometheus.Registerer, g *Gateway) *metrics {
	f := promauto.With(r)
	m := &metrics{
		put: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_gateway_put_total", Help: "Values that the inputs handed over and that are on the disk.",
		}, []string{"department"}),
		sent: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_gateway_sent_total", Help: "Values sent to the centre.",
		}, []string{"department", "lane"}),
		acked: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_gateway_acked_total", Help: "Values that the centre has dealt with for good.",
		}, []string{"department", "lane"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_gateway_refused_total", Help: "Values that the centre refused or that cannot be sent, by reason.",
		}, []string{"reason"}),
		full: f.NewCounter(prometheus.CounterOpts{
			Name: "freshet_gateway_full_total", Help: "Times that an input was told to come again because there was no room.",
		}),
		liveSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "freshet_gateway_live_ack_seconds", Help: "Time from the arrival of fresh values at the gateway to the centre's acknowledgement.",
			// The promise is 2 s at the 99th percentile.
			Buckets: []float64{.01, .02, .05, .1, .15, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 10, 20, 60, 600},
		}),
		byReason: map[string]int64{},
	}
	r.MustRegister(spoolCollector{g})
	return m
}

func (m *metrics) refuse(reason string, n int) {
	m.refused.WithLabelValues(reason).Add(float64(n))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byReason[reason] += int64(n)
}

func (m *metrics) refusals() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.byReason)
}

// A spoolCollector asks the spool when it is scraped.
type spoolCollector struct{ g *Gateway }

var (
	spoolReadings = prometheus.NewDesc("freshet_gateway_spool_readings", "Values in the spool.", []string{"department"}, nil)
	spoolBytes    = prometheus.NewDesc("freshet_gateway_spool_bytes", "Size of the values in the spool.", nil, nil)
	spoolMax      = prometheus.NewDesc("freshet_gateway_spool_max_bytes", "Bound of freshet_gateway_spool_bytes.", nil, nil)
	spoolFull     = prometheus.NewDesc("freshet_gateway_spool_full", "1 while the last input was told to come again because there was no room.", nil, nil)
	spoolOldest   = prometheus.NewDesc("freshet_gateway_spool_oldest_seconds", "Age of what has waited longest in the spool.", nil, nil)
	spoolDropped  = prometheus.NewDesc("freshet_gateway_dropped_total", "Values dropped to make room, as on_full: drop_oldest says.", nil, nil)
	linkUp        = prometheus.NewDesc("freshet_gateway_link_up", "1 while the department's link to the centre is up.", []string{"department"}, nil)
)

// Describe implements prometheus.Collector.
func (c spoolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{spoolReadings, spoolBytes, spoolMax, spoolFull, spoolOldest, spoolDropped, linkUp} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c spoolCollector) Collect(ch chan<- prometheus.Metric) {
	st, err := c.g.Status(0)
	if err != nil { // it was closed: what is not known is not shown
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, d := range st.Departments {
		gauge(spoolReadings, float64(d.Readings), d.Department)
		gauge(linkUp, boolean(d.Link.State == "up"), d.Department)
	}
	gauge(spoolBytes, float64(st.Spool.Bytes))
	gauge(spoolMax, float64(st.Spool.MaxBytes))
	gauge(spoolFull, boolean(st.Spool.Full != ""))
	age := 0.0
	if !st.Spool.Oldest.IsZero() {
		age = max(0, c.g.opts.Now().Sub(st.Spool.Oldest).Seconds())
	}
	gauge(spoolOldest, age)
	ch <- prometheus.MustNewConstMetric(spoolDropped, prometheus.CounterValue, float64(st.Dropped))
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
