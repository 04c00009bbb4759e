package station

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"freshet/ingest/gateway/ledger"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

const (
	keepFindings = 100             // of the status page
	healWait     = 5 * time.Second // for the centre to write what was sent again
)

// A healer compares what the centre acknowledged with what its history holds.
type healer struct {
	station *Station
	ledger  *ledger.Ledger
	found   *prometheus.CounterVec
	resent  prometheus.Counter
	missed  prometheus.Counter

	one  sync.Mutex // one comparison at a time
	mu   sync.Mutex
	last ReconcileStatus
}

// A ReconcileStatus is what the comparisons with the centre's history came to.
type ReconcileStatus struct {
	At       time.Time       `json:"at,omitzero"` // of the last comparison
	Error    string          `json:"error,omitempty"`
	Last     ReconcileReport `json:"last"` // of the last comparison of any day
	Findings []Found         `json:"findings"`
}

// Found is a series of a day in which the history differed.
type Found struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// A ReconcileReport is one comparison.
type ReconcileReport struct {
	Days     int     `json:"days"`
	Series   int     `json:"series"`
	Differ   int     `json:"differ"`   // series
	Sent     int     `json:"sent"`     // readings sent again
	Unhealed int     `json:"unhealed"` // series that differ still
	Findings []Found `json:"findings,omitempty"`
}

func newHealer(s *Station, o Options) (*healer, error) {
	l, err := ledger.Open(ledger.Options{Dir: s.config.Spool.Dir + ".ledger", Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	f := promauto.With(o.Registry)
	h := &healer{
		station: s, ledger: l,
		found: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_gateway_differing_readings_total", Help: "Readings in which the centre's history differed from what was sent, by how.",
		}, []string{"how"}),
		resent: f.NewCounter(prometheus.CounterOpts{
			Name: "freshet_gateway_healed_readings_total", Help: "Readings sent again because the centre's history had lost or changed them.",
		}),
		missed: f.NewCounter(prometheus.CounterOpts{
			Name: "freshet_gateway_uncompared_series_total", Help: "Departments' days that were forgotten before they could be compared.",
		}),
	}
	for _, how := range []string{"missing", "changed", "extra"} {
		h.found.WithLabelValues(how)
	}
	return h, nil
}

// record is a gateway's hook.
func (h *healer) record(d hydro.Department, raws []hydro.Raw) error {
	return h.ledger.Record(d, raws, h.station.opts.Now())
}

// run compares the days that are over, until ctx is done.
func (h *healer) run(ctx context.Context) error {
	t := time.NewTicker(h.station.config.Reconcile.Every)
	defer t.Stop()
	for {
		if _, err := h.heal(ctx, false); err != nil && ctx.Err() == nil {
			h.station.opts.Logger.Warn("days could not be compared with the centre; they wait", "err", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// heal compares the days that are over, or all that wait.
func (h *healer) heal(ctx context.Context, all bool) (ReconcileReport, error) {
	h.one.Lock()
	defer h.one.Unlock()
	now := h.station.opts.Now()
	var out ReconcileReport
	r, err := h.ledger.Heal(ctx, h, ledger.HealOptions{
		Now: now, After: h.station.config.Reconcile.After, All: all,
		Wait: func(ctx context.Context) error {
			t := time.NewTimer(healWait)
			defer t.Stop()
			select {
			case <-t.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Found: func(f ledger.Finding) {
			h.found.WithLabelValues("missing").Add(float64(f.Missing))
			h.found.WithLabelValues("changed").Add(float64(f.Changed))
			h.found.WithLabelValues("extra").Add(float64(f.Extra))
			h.station.opts.Logger.Warn("the centre's history differs from what was sent", "finding", f.String())
			if len(out.Findings) < keepFindings {
				out.Findings = append(out.Findings, Found{f.ZH(), f.String()})
			}
		},
	})
	h.resent.Add(float64(r.Sent))
	out.Days, out.Series, out.Differ, out.Sent, out.Unhealed = r.Days, r.Series, r.Findings, r.Sent, r.Unhealed
	h.mu.Lock()
	h.last.Error = ""
	if err != nil && ctx.Err() == nil {
		h.last.Error = err.Error()
	}
	if r.Days > 0 {
		h.last.At, h.last.Last = now.UTC(), out
		h.last.Last.Findings = nil
		h.last.Findings = append(h.last.Findings, out.Findings...)
		h.last.Findings = h.last.Findings[max(0, len(h.last.Findings)-keepFindings):]
	}
	h.mu.Unlock()
	if err != nil {
		return out, err
	}
	missed, err := h.ledger.Forget(now.Add(-h.station.config.Reconcile.Keep))
	for _, d := range missed {
		h.missed.Inc()
		h.station.opts.Logger.Error("a day was forgotten before it could be compared with the centre", slog.String("department", d.Department.String()), slog.Time("day", d.From))
	}
	return out, err
}

func (h *healer) status() *ReconcileStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.last
	out.Findings = append([]Found{}, h.last.Findings...) // a list also where it is empty
	return &out
}

// CompareDays implements [ledger.Centre].
func (h *healer) CompareDays(ctx context.Context, d ledger.Day, series []ledger.Series) ([]ledger.Held, error) {
	req := &freshetv1.CompareDaysRequest{Gateway: h.station.config.Name, Department: wire.FromDepartment(d.Department)}
	for i := range series {
		req.Days = append(req.Days, wire.FromDay(series[i].Key, d.From, d.To(), series[i].Items))
	}
	resp, err := freshetv1.NewIngestServiceClient(h.station.conn).CompareDays(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("compare with the centre: %w", err)
	}
	out := make([]ledger.Held, 0, len(resp.GetDifferences()))
	for _, p := range resp.GetDifferences() {
		out = append(out, ledger.Held{Series: int(p.GetDay()), Problem: p.GetProblem(), Items: wire.ToItems(p.GetReadings())})
	}
	return out, nil
}

// SendAgain implements [ledger.Centre].
func (h *healer) SendAgain(ctx context.Context, d hydro.Department, raws []hydro.Raw) error {
	g, err := client.Open(ctx, h.station.conn, d, h.station.config.Name, client.Options{Backoff: h.station.opts.Backoff, Logger: h.station.opts.Logger})
	if err != nil {
		return err
	}
	defer g.Close()
	r := reports(d, raws)
	r.Again = true
	if _, err := g.Send(ctx, r); err != nil {
		return err
	}
	return g.Flush(ctx)
}
