package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/briefing"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// GetSituation implements BriefingService.
func (s *Server) GetSituation(ctx context.Context, req *freshetv1.GetSituationRequest) (*freshetv1.GetSituationResponse, error) {
	situation, err := s.situation(ctx, req.GetBasin(), "as_of", req.GetAsOf().AsTime())
	if err != nil {
		return nil, err
	}
	hash, err := briefing.Hash(situation)
	if err != nil {
		return nil, err
	}
	return &freshetv1.GetSituationResponse{Situation: situation, Hash: hash}, nil
}

// CompareSituations implements BriefingService.
func (s *Server) CompareSituations(ctx context.Context, req *freshetv1.CompareSituationsRequest) (*freshetv1.CompareSituationsResponse, error) {
	if req.GetTo().AsTime().Before(req.GetFrom().AsTime()) {
		return nil, badField("to", "must not be earlier than from")
	}
	from, err := s.situation(ctx, req.GetBasin(), "from", req.GetFrom().AsTime())
	if err != nil {
		return nil, err
	}
	to, err := s.situation(ctx, req.GetBasin(), "to", req.GetTo().AsTime())
	if err != nil {
		return nil, err
	}
	diff := briefing.Diff(from, to)
	if diff.From.Hash, err = briefing.Hash(from); err != nil {
		return nil, err
	}
	if diff.To.Hash, err = briefing.Hash(to); err != nil {
		return nil, err
	}
	return &freshetv1.CompareSituationsResponse{Diff: diff}, nil
}

// engineAt returns the engine of a basin as it was. An instant that is still to
// come is FAILED_PRECONDITION; field names it in the request.
func (s *Server) engineAt(ctx context.Context, b Basin, field string, at time.Time) (*engine.Engine, error) {
	if b.Past == nil {
		return nil, fmt.Errorf("basin %s: this server cannot replay the log: %w", b.ID, hydro.ErrUnavailable)
	}
	var now time.Time
	b.Engine.Query(func(e *engine.Engine) { now = e.Now() })
	switch {
	case now.IsZero():
		return nil, errNoTime
	case at.After(now):
		return nil, status.Errorf(codes.FailedPrecondition, "%s: %s is still to come: engine time of %s is %s",
			field, at.UTC().Format(time.RFC3339), b.ID, now.UTC().Format(time.RFC3339))
	}
	return b.Past.EngineAt(ctx, at)
}

func (s *Server) situation(ctx context.Context, basin, field string, asOf time.Time) (*freshetv1.Situation, error) {
	b, err := s.basin(basin)
	if err != nil {
		return nil, err
	}
	e, err := s.engineAt(ctx, b, field, asOf)
	if err != nil {
		return nil, err
	}
	return SituationOf(e, asOf), nil
}

// SituationOf puts together what the calls that read would answer from an engine
// that stands on the last tick at or before an instant. The catalogue is the one
// that was in force then, ages are by engine time, and nothing of this process or
// its clock is in it.
func SituationOf(e *engine.Engine, asOf time.Time) *freshetv1.Situation {
	c, id, now := e.Catalog(), e.Basin(), e.Now()
	basin, _ := c.Basin(id)
	p := &freshetv1.Situation{
		Basin: id, AsOf: timestamp(asOf), At: timestamp(now), InputSeq: e.Seq(), Catalogue: c.Version, TitleZh: c.TitleZH, TitleEn: c.TitleEN, Mark: c.Illustrative,
		NameZh: basin.NameZH, NameEn: basin.NameEN, Zone: basin.Season.Zone,
		Board: boardRows(c, id, e, freshetv1.Department_DEPARTMENT_UNSPECIFIED, now), Stages: stageRows(c, e),
		Groups: groupsOf(e, false), Blind: wire.FromBlind(id, e.Blind()), Conflicts: conflictsOf(e),
		Responses: responsesOf(id, e), Calls: roundsOf(id, e, false), Unreached: unreachedOf(id, e),
		Thresholds: thresholdsOf(c, id, "", now), Series: seriesOf(c, id, e), Reservoirs: networkReservoirs(c, basin, now),
		SubBasins: networkSubBasins(basin, e.Forecast()),
	}
	for _, b := range p.GetSubBasins() {
		b.Boundary = nil
	}
	if f := e.Forecast(); f != nil {
		p.Forecast = wire.FromForecast(f)
	}
	watch := e.ForecastWatch()
	p.ForecastWatch = wire.FromForecastWatch(&watch)
	alarms := alarmsOf(id, e)
	sortAlarms(alarms)
	for i := range alarms {
		p.Alarms = append(p.Alarms, alarms[i].wire(c))
	}
	p.Illustrative = c.Illustrative != "" || p.GetForecast().GetHonesty().GetIllustrative() ||
		slices.ContainsFunc(p.GetBoard(), func(r *freshetv1.BoardRow) bool { return r.GetIllustrative() })
	// A briefing is read by more people than those who call.
	for _, r := range p.GetCalls() {
		for _, call := range r.GetCalls() {
			call.Phones = nil
		}
	}
	for _, u := range p.GetUnreached() {
		if u.GetCall() != nil {
			u.Call.Phones = nil
		}
	}
	return p
}

// situationSpan is how far back a situation's series reach.
const situationSpan = 72 * time.Hour

// drawn are the variables that a situation has series of, in its order.
var drawn = []hydro.Variable{hydro.WaterLevel, hydro.Discharge, hydro.Inflow, hydro.Outflow, hydro.Rain}

// seriesOf is what a basin's stations observed of late, for charts.
func seriesOf(c *catalog.Catalog, basin string, e *engine.Engine) []*freshetv1.SituationSeries {
	type declared struct {
		key   hydro.Key
		every time.Duration
	}
	var out []*freshetv1.SituationSeries
	for i := range c.Stations {
		st := &c.Stations[i]
		if st.Basin != basin {
			continue
		}
		var all []declared
		for _, p := range st.Parameters {
			v := p.Variable
			if v == hydro.RainCounter {
				v = hydro.Rain
			}
			k := hydro.Key{Station: st.ID, Variable: v, Sensor: p.Sensor}
			if slices.Contains(drawn, v) && !slices.ContainsFunc(all, func(d declared) bool { return d.key == k }) {
				all = append(all, declared{k, p.Interval})
			}
		}
		slices.SortStableFunc(all, func(a, b declared) int { // of one variable the catalogue's first comes first
			return cmp.Compare(slices.Index(drawn, a.key.Variable), slices.Index(drawn, b.key.Variable))
		})
		latest := e.Latest(st.ID)
		for _, d := range all {
			s := series(e, d.key, d.every)
			if s == nil {
				continue
			}
			for k := range latest {
				if latest[k].Observation.Key == d.key && d.key.Variable == hydro.WaterLevel {
					s.Datum = string(latest[k].Observation.Datum)
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// series is one of them, nil if there is nothing of it.
func series(e *engine.Engine, k hydro.Key, every time.Duration) *freshetv1.SituationSeries {
	h := e.History(k)
	if h == nil {
		return nil
	}
	now := e.Now().UnixMilli()
	first, _ := h.Find(now - situationSpan.Milliseconds() + 1)
	samples := h.Samples[first:]
	if len(samples) == 0 {
		return nil
	}
	s := &freshetv1.SituationSeries{
		Station: k.Station, Variable: wire.FromVariable(k.Variable), Sensor: uint32(k.Sensor), IntervalS: uint32(every / time.Second),
		OffsetMs: make([]int32, len(samples)), Value: make([]float64, len(samples)), Quality: make([]freshetv1.Quality, len(samples)),
	}
	if k.Variable == hydro.Rain {
		s.FellInS = make([]uint32, len(samples))
	}
	for i := range samples {
		o := &samples[i]
		s.OffsetMs[i], s.Value[i], s.Quality[i] = int32(o.At-now), o.Value, wire.FromQuality(o.Quality)
		if k.Variable == hydro.Rain {
			s.FellInS[i] = uint32(max(0, o.Interval))
			if !hydro.RainCounts(o.Quality, o.Tests) {
				s.NotCounted = append(s.NotCounted, uint32(i))
			}
		}
	}
	return s
}
