package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"freshet/ingest/reconcile"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// longestDay is the most that one comparison of a series may span.
const longestDay = 25 * time.Hour

// CompareDays implements IngestService.
func (s *IngestServer) CompareDays(ctx context.Context, m *freshetv1.CompareDaysRequest) (*freshetv1.CompareDaysResponse, error) {
	if s.opts.Store == nil || s.opts.Lag == nil {
		return nil, fmt.Errorf("this server keeps no history: %w", hydro.ErrUnavailable)
	}
	department, err := wire.ToDepartment(m.GetDepartment())
	if err != nil {
		return nil, err
	}
	cat := s.normalizer.Load().Catalog()
	resp := &freshetv1.CompareDaysResponse{}
	caller, denied := callerOf(ctx), 0
	for i, day := range m.GetDays() {
		from, to := day.GetFrom().AsTime(), day.GetTo().AsTime()
		if !from.Before(to) || to.Sub(from) > longestDay {
			return nil, badField(fmt.Sprintf("days[%d].to", i), fmt.Sprintf("must be later than from, by %s at most", longestDay))
		}
		variable, err := wire.ToVariable(day.GetVariable())
		if err != nil {
			return nil, err
		}
		st, ok := cat.Resolve(department, day.GetStation())
		if !ok || st.Department != department {
			resp.Differences = append(resp.Differences, &freshetv1.DayDifference{
				Day: uint32(i), Problem: fmt.Sprintf("no station %q of the department %s in the catalogue", day.GetStation(), department),
			})
			continue
		}
		if caller != nil && !writes(caller.who.Load(), st) {
			denied++
			resp.Differences = append(resp.Differences, &freshetv1.DayDifference{
				Day: uint32(i), Problem: fmt.Sprintf("this gateway may not write the station %s, so it is not told what the history holds of it", st.ID),
			})
			continue
		}
		if lag := s.opts.Lag(st.Basin); lag > 0 {
			return nil, fmt.Errorf("the history of basin %s is %d outputs behind the log: compare later: %w", st.Basin, lag, hydro.ErrUnavailable)
		}
		held, err := s.held(ctx, hydro.Key{Station: st.ID, Variable: variable, Sensor: uint8(day.GetSensor())}, from, to)
		if err != nil {
			return nil, err
		}
		if hash := reconcile.Hash(held); hash != day.GetHash() || len(held) != int(day.GetCount()) {
			resp.Differences = append(resp.Differences, &freshetv1.DayDifference{Day: uint32(i), Hash: hash, Readings: wire.FromItems(held)})
		}
	}
	if denied > 0 {
		caller.refusedReadings(ctx, "CompareDays", denied)
	}
	s.metrics.compared.Add(float64(len(m.GetDays())))
	s.metrics.differing.Add(float64(len(resp.Differences)))
	if n := len(resp.Differences); n > 0 {
		s.opts.Logger.WarnContext(ctx, "the history differs from what a gateway has sent",
			slog.String("gateway", m.GetGateway()), slog.String("department", department.String()), slog.Int("differing_days", n), slog.Int("days", len(m.GetDays())))
	}
	return resp, nil
}

// held returns what the history holds of a series, as it was sent.
func (s *IngestServer) held(ctx context.Context, k hydro.Key, from, to time.Time) ([]reconcile.Item, error) {
	var items []reconcile.Item
	for o, err := range s.opts.Store.Observations(ctx, k, from, to) {
		if err != nil {
			return nil, err
		}
		items = append(items, reconcile.Item{At: o.At.UnixMilli(), Interval: uint32(o.Interval / time.Second), Raw: o.Raw})
	}
	return items, nil
}
