package server

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

const (
	defaultHistory   = 10000 // observations of GetHistory when no limit is given
	defaultForecasts = 100   // runs of ListForecasts when no limit is given
	maxWarnings      = 10000 // warnings of one ListWarnings; more is refused, never cut in silence
)

// catalogue returns the catalogue in force.
func (s *Server) catalogue() (*catalog.Catalog, error) {
	if c := s.opts.Catalog(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("no catalogue is in force yet: %w", hydro.ErrUnavailable)
}

// station finds a station by its id or by a code of any department.
func (s *Server) station(name string) (*catalog.Catalog, *catalog.Station, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, nil, err
	}
	var found *catalog.Station
	for _, d := range hydro.Departments {
		st, ok := c.Resolve(d, name)
		if ok && found != nil && found != st {
			return nil, nil, fmt.Errorf("station %q: %s and %s both go by this code: use the id: %w", name, found.ID, st.ID, hydro.ErrInvalid)
		}
		if ok {
			found = st
		}
	}
	if found == nil {
		return nil, nil, fmt.Errorf("station %q: %w", name, hydro.ErrNotFound)
	}
	return c, found, nil
}

// basin returns the basin of that id, or the only one if id is empty.
func (s *Server) basin(id string) (Basin, error) {
	if id == "" {
		if len(s.basinIDs) > 1 {
			return Basin{}, badField("basin", fmt.Sprintf("needed: this server has the basins %v", s.basinIDs))
		}
		id = s.basinIDs[0]
	}
	b, ok := s.basins[id]
	if !ok {
		return Basin{}, fmt.Errorf("basin %q: this server has %v: %w", id, s.basinIDs, hydro.ErrNotFound)
	}
	return b, nil
}

// someBasins returns the basin of that id, or all if id is empty.
func (s *Server) someBasins(id string) ([]Basin, error) {
	ids := s.basinIDs
	if id != "" {
		ids = []string{id}
	}
	out := make([]Basin, len(ids))
	for i, id := range ids {
		b, err := s.basin(id)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

// now returns engine time of a basin, or the server's before its first tick, so
// that the table in force can be told.
func (s *Server) now(basin string) time.Time {
	if b, ok := s.basins[basin]; ok {
		var now time.Time
		b.Engine.Query(func(e *engine.Engine) { now = e.Now() })
		if !now.IsZero() {
			return now
		}
	}
	return s.opts.Clock.Now()
}

// span refuses an empty or backward range.
func span(from, to *timestamppb.Timestamp) (time.Time, time.Time, error) {
	f, t := from.AsTime(), to.AsTime()
	if !f.Before(t) {
		return f, t, badField("to", "must be later than from")
	}
	return f, t, nil
}

// ListStations lists the catalogue in force.
func (s *Server) ListStations(_ context.Context, req *freshetv1.ListStationsRequest) (*freshetv1.ListStationsResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	if _, err := s.someBasins(req.GetBasin()); err != nil {
		return nil, err
	}
	resp := &freshetv1.ListStationsResponse{Catalogue: c.Version}
	nows := map[string]time.Time{} // engine time by basin
	for i := range c.Stations {
		st := &c.Stations[i]
		if req.GetBasin() != "" && st.Basin != req.GetBasin() {
			continue
		}
		if d := req.GetDepartment(); d != freshetv1.Department_DEPARTMENT_UNSPECIFIED && wire.FromDepartment(st.Department) != d {
			continue
		}
		now, ok := nows[st.Basin]
		if !ok {
			now = s.now(st.Basin)
			nows[st.Basin] = now
		}
		resp.Stations = append(resp.Stations, wire.FromStation(c, st, now))
	}
	return resp, nil
}

// illustrative reports whether numbers of a station are an example: the
// station's own, or its stage table's.
func illustrative(c *catalog.Catalog, st *catalog.Station, now time.Time) bool {
	table, ok := c.StageTable(st.ID, now)
	return st.Illustrative || ok && table.Illustrative
}

// GetLatest tells the newest value of each series and where the station stands.
func (s *Server) GetLatest(_ context.Context, req *freshetv1.GetLatestRequest) (*freshetv1.GetLatestResponse, error) {
	c, st, err := s.station(req.GetStation())
	if err != nil {
		return nil, err
	}
	b, err := s.basin(st.Basin)
	if err != nil {
		return nil, err
	}
	var (
		latest []engine.Latest
		status hydro.StationStatus
		known  bool
		now    time.Time
		rate   *freshetv1.RateRequest
	)
	b.Engine.Query(func(e *engine.Engine) {
		latest, now = e.Latest(st.ID), e.Now()
		rates := e.Rates()
		if i, asked := slices.BinarySearchFunc(rates, st.ID, func(r hydro.RateRequest, id string) int { return cmp.Compare(r.Station, id) }); asked {
			rate = wire.FromRateRequest(&rates[i], st)
		}
		status, known = findStatus(e.Statuses(), st.ID)
	})
	resp := &freshetv1.GetLatestResponse{Illustrative: illustrative(c, st, now), Rate: rate}
	for _, l := range latest {
		resp.Latest = append(resp.Latest, &freshetv1.Latest{
			Observation: wire.FromObservation(&l.Observation),
			// By the server's clock: engine time may stand still, and a value must not
			// look fresh because of that.
			AgeS: s.opts.Clock.Now().Sub(l.Observation.At).Seconds(), Overdue: l.Overdue,
		})
	}
	if known {
		resp.Stage, resp.ReasonZh, resp.ReasonEn = wire.FromStage(status.Stage), status.ReasonZH, status.ReasonEN
	}
	return resp, nil
}

func findStatus(all []hydro.StationStatus, station string) (hydro.StationStatus, bool) {
	i, ok := slices.BinarySearchFunc(all, station, func(st hydro.StationStatus, id string) int { return cmp.Compare(st.Station, id) })
	if !ok {
		return hydro.StationStatus{}, false
	}
	return all[i], true
}

// GetAccumulations sums up the rain of a station.
func (s *Server) GetAccumulations(_ context.Context, req *freshetv1.GetAccumulationsRequest) (*freshetv1.GetAccumulationsResponse, error) {
	_, st, err := s.station(req.GetStation())
	if err != nil {
		return nil, err
	}
	b, err := s.basin(st.Basin)
	if err != nil {
		return nil, err
	}
	var (
		sums []accumulation.Sum
		now  time.Time
	)
	b.Engine.Query(func(e *engine.Engine) { sums, now = e.BasinAccumulations(st.ID), e.Now() })
	if len(sums) == 0 {
		return nil, fmt.Errorf("station %s has reported no rain: %w", st.ID, hydro.ErrNotFound)
	}
	resp := &freshetv1.GetAccumulationsResponse{At: timestamp(now)}
	for _, sum := range sums {
		resp.Accumulations = append(resp.Accumulations, &freshetv1.Accumulation{
			WindowS: uint32(sum.Window / time.Second), From: timestamppb.New(sum.From), Rain: sum.Rain, Coverage: sum.Coverage,
		})
	}
	return resp, nil
}

// GetHistory reads one series from the store.
func (s *Server) GetHistory(ctx context.Context, req *freshetv1.GetHistoryRequest) (*freshetv1.GetHistoryResponse, error) {
	_, st, err := s.station(req.GetStation())
	if err != nil {
		return nil, err
	}
	variable, err := wire.ToVariable(req.GetVariable())
	if err != nil {
		return nil, err
	}
	from, to, err := span(req.GetFrom(), req.GetTo())
	if err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 {
		limit = defaultHistory
	}
	resp := &freshetv1.GetHistoryResponse{}
	key := hydro.Key{Station: st.ID, Variable: variable, Sensor: uint8(req.GetSensor())}
	if every := time.Duration(req.GetEveryS()) * time.Second; every > 0 {
		resp.Points, resp.Truncated, err = s.sample(ctx, key, from, to, every, limit)
		return resp, err
	}
	for o, err := range s.opts.Store.Observations(ctx, key, from, to) {
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", key, err)
		}
		if len(resp.Observations) == limit {
			resp.Truncated = true
			break
		}
		resp.Observations = append(resp.Observations, wire.FromObservation(&o))
	}
	return resp, nil
}

// sample reduces a series to one point per bucket. Buckets start at multiples of
// every since 1970 in UTC, so that a day is the hydrological day of Beijing,
// 08:00 to 08:00. A value at the border of two buckets belongs to the one it
// starts, except an amount such as rain, which belongs to the one that its interval ends. A point
// without usable values has count 0 and NaN for its values; a bucket without
// any observation has no point.
func (s *Server) sample(ctx context.Context, key hydro.Key, from, to time.Time, every time.Duration, limit int) ([]*freshetv1.HistoryPoint, bool, error) {
	var shift time.Duration
	if key.Variable.Amount() {
		shift = time.Millisecond // the resolution of observation times
	}
	var (
		points []*freshetv1.HistoryPoint
		last   *freshetv1.HistoryPoint
		sum    float64
		level  hydro.Observation // the latest usable level
	)
	finish := func() {
		switch {
		case last == nil:
		case last.GetCount() == 0:
			last.Value, last.Min, last.Max = math.NaN(), math.NaN(), math.NaN()
		case key.Variable.Amount():
			last.Value = sum
		default:
			last.Value = sum / float64(last.GetCount())
		}
	}
	for o, err := range s.opts.Store.Observations(ctx, key, from.Add(shift), to.Add(shift)) {
		if err != nil {
			return nil, false, fmt.Errorf("history of %s: %w", key, err)
		}
		if key.Variable == hydro.WaterLevel && o.Quality.Usable() {
			if !level.At.IsZero() {
				if err := hydro.CompareDatums(key.Station, "levels up to "+level.At.Format(time.RFC3339), level.Datum, "from "+o.At.Format(time.RFC3339), o.Datum); err != nil {
					return nil, false, fmt.Errorf("history of %s by every_s: %w", key, err)
				}
			}
			level = o
		}
		start := bucket(o.At.Add(-shift), every)
		if last == nil || !last.GetAt().AsTime().Equal(start) {
			finish()
			if len(points) == limit {
				return points, true, nil
			}
			last, sum = &freshetv1.HistoryPoint{At: timestamppb.New(start), Min: math.Inf(1), Max: math.Inf(-1)}, 0
			points = append(points, last)
		}
		if !o.Quality.Usable() {
			last.HeldBack++
			continue
		}
		last.Count++
		sum += o.Value
		last.Min, last.Max = min(last.Min, o.Value), max(last.Max, o.Value)
	}
	finish()
	return points, false, nil
}

// bucket returns the start of the bucket that t falls in.
func bucket(t time.Time, every time.Duration) time.Time {
	ms, step := t.UnixMilli(), every.Milliseconds()
	start := ms - ms%step
	if ms%step < 0 {
		start -= step
	}
	return time.UnixMilli(start).UTC()
}

// GetForecast gives the latest run, or the one issued at an instant.
func (s *Server) GetForecast(ctx context.Context, req *freshetv1.GetForecastRequest) (*freshetv1.GetForecastResponse, error) {
	id, only := req.GetBasin(), ""
	if req.GetStation() != "" {
		_, st, err := s.station(req.GetStation())
		if err != nil {
			return nil, err
		}
		if id != "" && id != st.Basin {
			return nil, badField("station", fmt.Sprintf("%s is in basin %s, not in %s", st.ID, st.Basin, id))
		}
		id, only = st.Basin, st.ID
	}
	b, err := s.basin(id)
	if err != nil {
		return nil, err
	}
	var f *hydro.Forecast
	if req.GetIssuedAt() != nil {
		stored, err := s.opts.Store.Forecast(ctx, b.ID, req.GetIssuedAt().AsTime())
		if err != nil {
			return nil, fmt.Errorf("forecast of %s issued at %s: %w", b.ID, req.GetIssuedAt().AsTime().Format(time.RFC3339), err)
		}
		f = &stored
	} else {
		b.Engine.Query(func(e *engine.Engine) { f = e.Forecast() }) // a run never changes
		if f == nil {
			return nil, fmt.Errorf("no forecast has been issued for %s yet: %w", b.ID, hydro.ErrNotFound)
		}
	}
	run := *f
	if only != "" {
		i := slices.IndexFunc(run.Stations, func(sf hydro.StationForecast) bool { return sf.Station == only })
		if i < 0 {
			return nil, fmt.Errorf("the forecast of %s does not cover station %s: %w", b.ID, only, hydro.ErrNotFound)
		}
		run.Stations = run.Stations[i : i+1]
	}
	return &freshetv1.GetForecastResponse{Forecast: wire.FromForecast(&run)}, nil
}

// ListForecasts lists runs from the store, newest first, without their values.
func (s *Server) ListForecasts(ctx context.Context, req *freshetv1.ListForecastsRequest) (*freshetv1.ListForecastsResponse, error) {
	b, err := s.basin(req.GetBasin())
	if err != nil {
		return nil, err
	}
	from, to, err := span(req.GetFrom(), req.GetTo())
	if err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 {
		limit = defaultForecasts
	}
	resp := &freshetv1.ListForecastsResponse{}
	// The store reads forward. Windows that grow backward from the end read
	// little more than the runs asked for, and few windows span many years.
	for width := 12 * time.Hour; to.After(from) && len(resp.Forecasts) < limit; width *= 2 {
		start := to.Add(-width)
		if start.Before(from) {
			start = from
		}
		var window []*freshetv1.Forecast
		for f, err := range s.opts.Store.Forecasts(ctx, b.ID, start, to) {
			if err != nil {
				return nil, fmt.Errorf("forecasts of %s: %w", b.ID, err)
			}
			head := wire.FromForecast(&f)
			for _, sf := range head.GetStations() {
				sf.Discharge, sf.Level = nil, nil
			}
			window = append(window, head)
			if len(window) > limit {
				window = window[1:]
			}
		}
		for _, f := range slices.Backward(window) {
			if len(resp.Forecasts) < limit {
				resp.Forecasts = append(resp.Forecasts, f)
			}
		}
		to = start
	}
	return resp, nil
}

// ListStages tells where every station stands.
func (s *Server) ListStages(_ context.Context, req *freshetv1.ListStagesRequest) (*freshetv1.ListStagesResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	resp := &freshetv1.ListStagesResponse{}
	resp.Now = timestamp(look(basins, func(_ string, e *engine.Engine) { resp.Stages = append(resp.Stages, stageRows(c, e)...) }))
	return resp, nil
}

// stageRows tells where every station of a basin stands.
func stageRows(c *catalog.Catalog, e *engine.Engine) []*freshetv1.StationStage {
	var rows []*freshetv1.StationStage
	for _, st := range e.Statuses() {
		station, ok := c.Station(st.Station)
		row := wire.FromStatus(&st, station)
		row.Illustrative = ok && illustrative(c, station, e.Now())
		rows = append(rows, row)
	}
	return rows
}

// ListWarnings reads past warnings from the store.
func (s *Server) ListWarnings(ctx context.Context, req *freshetv1.ListWarningsRequest) (*freshetv1.ListWarningsResponse, error) {
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	from, to, err := span(req.GetFrom(), req.GetTo())
	if err != nil {
		return nil, err
	}
	var all []hydro.Warning
	for _, b := range basins {
		for w, err := range s.opts.Store.Warnings(ctx, b.ID, from, to) {
			if err != nil {
				return nil, fmt.Errorf("warnings of %s: %w", b.ID, err)
			}
			if len(all) == maxWarnings {
				return nil, badField("from", fmt.Sprintf("more than %d warnings lie in this range: ask for a shorter one", maxWarnings))
			}
			all = append(all, w)
		}
	}
	slices.SortStableFunc(all, func(a, b hydro.Warning) int { return a.At.Compare(b.At) })
	resp := &freshetv1.ListWarningsResponse{}
	for _, w := range all {
		resp.Warnings = append(resp.Warnings, wire.FromWarning(&w))
	}
	return resp, nil
}
