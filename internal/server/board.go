package server

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// How the trend 水势 is told; the contract (BoardTrend) says the same.
const (
	trendBack     = time.Hour        // the value compared with is about this old
	trendSlack    = 30 * time.Minute // and no further from that than this
	levelDeadBand = 0.02             // m
	flowDeadShare = 0.05             // of the larger value
)

// boardWindows are the windows of rain on the board, in its order; 0 is the
// hydrological day.
var boardWindows = []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour, 24 * time.Hour, 0}

// ListBoard gives the station table in one answer.
func (s *Server) ListBoard(_ context.Context, req *freshetv1.ListBoardRequest) (*freshetv1.ListBoardResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	wall := s.opts.Clock.Now()
	resp := &freshetv1.ListBoardResponse{}
	resp.Now = timestamp(look(basins, func(id string, e *engine.Engine) {
		resp.Rows = append(resp.Rows, boardRows(c, id, e, req.GetDepartment(), wall)...)
	}))
	slices.SortFunc(resp.Rows, func(a, b *freshetv1.BoardRow) int { return cmp.Compare(a.GetStation(), b.GetStation()) })
	return resp, nil
}

// boardRows is the station table of a basin, ascending by id: of one department, or
// of all if none is given. Ages are by the clock wall.
func boardRows(c *catalog.Catalog, basin string, e *engine.Engine, of freshetv1.Department, wall time.Time) []*freshetv1.BoardRow {
	now := e.Now()
	if now.IsZero() {
		now = wall
	}
	var rows []*freshetv1.BoardRow
	statuses := e.Statuses()
	for k := range c.Stations {
		st := &c.Stations[k]
		if st.Basin == basin && (of == freshetv1.Department_DEPARTMENT_UNSPECIFIED || wire.FromDepartment(st.Department) == of) {
			rows = append(rows, boardRow(c, st, e, statuses, now, wall))
		}
	}
	return rows
}

// boardRow tells what counts of one station.
func boardRow(c *catalog.Catalog, st *catalog.Station, e *engine.Engine, statuses []hydro.StationStatus, now, wall time.Time) *freshetv1.BoardRow {
	row := &freshetv1.BoardRow{
		Station: st.ID, NameZh: st.NameZH, NameEn: st.NameEN, River: st.River, Basin: st.Basin, Department: wire.FromDepartment(st.Department),
		Kind: string(st.Kind), Illustrative: illustrative(c, st, now),
		// Until the rules have decided, nobody sees the station.
		Stage: freshetv1.Stage_STAGE_BLIND,
	}
	var newest time.Time
	latest := e.Latest(st.ID)
	for i := range latest {
		l := &latest[i]
		row.Overdue = row.Overdue || l.Overdue
		if l.Observation.At.After(newest) {
			newest = l.Observation.At
		}
	}
	if !newest.IsZero() {
		age := wall.Sub(newest).Seconds()
		row.AgeS = &age
	}
	level, flow := findLatest(latest, hydro.WaterLevel), findLatest(latest, hydro.Discharge, hydro.Inflow)
	row.Level, row.Flow = boardValue(level), boardValue(flow)
	usable, inTime := boardTrend(row, level, flow, e)
	if m, ok := c.MarksOf(st.ID, now); ok {
		row.Illustrative = row.Illustrative || m.Illustrative
		if level != nil && m.Datum == level.Observation.Datum && m.Datum != hydro.NoDatum { // else they cannot be compared
			row.WarningLevel, row.GuaranteeLevel, row.HighestLevel = given(m.Warning), given(m.Guarantee), given(m.Highest.Level)
			if inTime {
				row.OverWarning, row.OverGuarantee, row.OverHighest = given(usable-m.Warning), given(usable-m.Guarantee), given(usable-m.Highest.Level)
			}
		}
	}
	if row.FloodLimit = stationFloodLimit(c, st, now); row.FloodLimit != nil && inTime {
		row.OverFloodLimit = given(usable - row.GetFloodLimit())
	}
	sums := e.BasinAccumulations(st.ID)
	for _, w := range boardWindows {
		i := slices.IndexFunc(sums, func(s accumulation.Sum) bool { return s.Window == w })
		if i >= 0 {
			row.Rain = append(row.Rain, &freshetv1.BoardRain{WindowS: uint32(w / time.Second), Rain: sums[i].Rain, Coverage: sums[i].Coverage})
		}
	}
	if status, ok := findStatus(statuses, st.ID); ok {
		row.Stage, row.Since, row.Cause = wire.FromStage(status.Stage), wire.FromTime(status.Since), status.Cause
		row.CauseZh = hydro.CauseZH(status.Cause)
		row.ReasonZh, row.ReasonEn = status.ReasonZH, status.ReasonEN
		row.Observed, row.Forecast = wire.FromStage(status.Observed.Stage), wire.FromStage(status.Forecast.Stage)
	}
	return row
}

// given returns x, or nil for NaN.
func given(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return &x
}

// findLatest returns the newest value of the first of the variables that there
// is a value of, on the station's first sensor.
func findLatest(latest []engine.Latest, variables ...hydro.Variable) *engine.Latest {
	for _, v := range variables {
		for i := range latest {
			if latest[i].Observation.Variable == v {
				return &latest[i]
			}
		}
	}
	return nil
}

func boardValue(l *engine.Latest) *freshetv1.BoardValue {
	if l == nil {
		return nil
	}
	o := &l.Observation
	return &freshetv1.BoardValue{
		Variable: wire.FromVariable(o.Variable), Value: o.Value, At: timestamp(o.At), Datum: string(o.Datum), Quality: wire.FromQuality(o.Quality),
		Tests: o.Tests.Names(), Why: o.Why, WhyZh: hydro.WhyZH(o.Why), Overdue: l.Overdue,
	}
}

// boardTrend fills in the trend of a row. It returns the newest usable level,
// and whether there is one that is not overdue.
func boardTrend(row *freshetv1.BoardRow, level, flow *engine.Latest, e *engine.Engine) (usable float64, inTime bool) {
	of := level
	if of == nil {
		of = flow
	}
	if of == nil {
		return 0, false
	}
	key := of.Observation.Key
	h := e.History(key)
	if h == nil {
		return 0, false
	}
	last, ok := h.LastUsable()
	if !ok || e.Overdue(key, last.Time()) {
		return 0, false
	}
	row.Trend = trendOf(h, last, key.Variable)
	return last.Value, of == level
}

// trendOf compares the newest usable sample with the usable one nearest to
// trendBack before it.
func trendOf(h *hydro.History, last hydro.Sample, v hydro.Variable) *freshetv1.BoardTrend {
	t := &freshetv1.BoardTrend{Variable: wire.FromVariable(v), To: timestamp(last.Time())}
	aim := last.At - trendBack.Milliseconds()
	best := int64(math.MaxInt64)
	var from hydro.Sample
	first, _ := h.Find(aim - trendSlack.Milliseconds())
	for _, s := range h.Samples[first:] {
		off := max(s.At-aim, aim-s.At)
		if s.At > aim && off > trendSlack.Milliseconds() {
			break
		}
		if s.Quality.Usable() && off < best && s.At < last.At {
			best, from = off, s
		}
	}
	if best > trendSlack.Milliseconds() {
		return t
	}
	t.From, t.Change, t.DeadBand = timestamp(from.Time()), last.Value-from.Value, levelDeadBand
	if v != hydro.WaterLevel {
		t.DeadBand = flowDeadShare * max(math.Abs(last.Value), math.Abs(from.Value))
	}
	switch {
	case t.GetChange() > t.GetDeadBand():
		t.Trend = freshetv1.Trend_TREND_RISING
	case t.GetChange() < -t.GetDeadBand():
		t.Trend = freshetv1.Trend_TREND_FALLING
	default:
		t.Trend = freshetv1.Trend_TREND_STEADY
	}
	return t
}

// ListThresholds gives the stage tables and marks in force.
func (s *Server) ListThresholds(_ context.Context, req *freshetv1.ListThresholdsRequest) (*freshetv1.ListThresholdsResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	if _, err := s.someBasins(req.GetBasin()); err != nil {
		return nil, err
	}
	basin, only := req.GetBasin(), ""
	if req.GetStation() != "" {
		_, st, err := s.station(req.GetStation())
		if err != nil {
			return nil, err
		}
		only = st.ID
		basin = cmp.Or(basin, st.Basin)
	}
	resp := &freshetv1.ListThresholdsResponse{Catalogue: c.Version}
	var earliest time.Time
	for _, id := range s.basinIDs {
		if basin != "" && id != basin {
			continue
		}
		now := s.now(id)
		if earliest.IsZero() || now.Before(earliest) {
			earliest = now
		}
		resp.Stations = append(resp.Stations, thresholdsOf(c, id, only, now)...)
	}
	slices.SortFunc(resp.Stations, func(a, b *freshetv1.StationThresholds) int { return cmp.Compare(a.GetStation(), b.GetStation()) })
	resp.Now = timestamp(earliest)
	return resp, nil
}

// chanceOf is the stage that a chance is about.
func chanceOf(x *catalog.Condition) freshetv1.Stage {
	if x.Basis != hydro.Likelihood {
		return freshetv1.Stage_STAGE_UNSPECIFIED
	}
	return wire.FromStage(x.Of)
}

// thresholdsOf lists what is in force at now of the stations of a basin, ascending
// by id; of one station, or of all if none is given.
func thresholdsOf(c *catalog.Catalog, basin, only string, now time.Time) []*freshetv1.StationThresholds {
	var out []*freshetv1.StationThresholds
	for i := range c.Stations {
		st := &c.Stations[i]
		if st.Basin != basin || only != "" && st.ID != only {
			continue
		}
		if t := stationThresholds(c, st, now); t != nil {
			out = append(out, t)
		}
	}
	return out
}

// stationThresholds returns the table and marks of a station, or nil if it has
// none.
func stationThresholds(c *catalog.Catalog, st *catalog.Station, now time.Time) *freshetv1.StationThresholds {
	out := &freshetv1.StationThresholds{Station: st.ID, Datum: string(st.Datum.Name), Illustrative: st.Illustrative}
	if table, ok := c.StageTable(st.ID, now); ok {
		out.ValidFrom, out.Source, out.Illustrative = wire.FromTime(table.ValidFrom), table.Source, out.GetIllustrative() || table.Illustrative
		for _, h := range table.Thresholds {
			out.Lines = append(out.Lines, &freshetv1.ThresholdLine{
				Stage: wire.FromStage(h.Stage), Variable: wire.FromVariable(h.Variable), WindowS: uint32(h.Window / time.Second),
				Value: h.Value, Observed: h.Observed, Forecast: h.Forecast, Profile: h.Profile, Years: h.Years,
			})
		}
		for _, x := range table.Conditions {
			out.Conditions = append(out.Conditions, &freshetv1.StageCondition{
				Stage: wire.FromStage(x.Stage), Basis: wire.FromBasis(x.Basis), Variable: wire.FromVariable(x.Variable), WindowS: uint32(x.Window / time.Second),
				Value: x.Value, Of: chanceOf(&x), Observed: x.Observed, Forecast: x.Forecast,
			})
		}
		if p := table.Profile; p != nil {
			out.Profile = &freshetv1.ThresholdProfile{Id: p.ID, NameZh: p.NameZH, NameEn: p.NameEN, Source: p.Source, Unverified: p.Unverified}
		}
	}
	mark := func(m freshetv1.Mark, value float64, zh, en, source, on string) {
		if !math.IsNaN(value) {
			out.Lines = append(out.Lines, &freshetv1.ThresholdLine{
				Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, Value: value, NameZh: zh, NameEn: en, Source: source, Mark: m, On: on,
			})
		}
	}
	if m, ok := c.MarksOf(st.ID, now); ok {
		out.Illustrative = out.GetIllustrative() || m.Illustrative
		mark(freshetv1.Mark_MARK_WARNING, m.Warning, "警戒水位", "warning level", m.Source, "")
		mark(freshetv1.Mark_MARK_GUARANTEE, m.Guarantee, "保证水位", "guarantee level", m.Source, "")
		on := ""
		if !m.Highest.On.IsZero() {
			on = m.Highest.On.In(st.Location()).Format(time.DateOnly)
		}
		mark(freshetv1.Mark_MARK_HIGHEST, m.Highest.Level, "历史最高水位", "highest on record", m.Highest.Source, on)
	}
	if l := stationFloodLimit(c, st, now); l != nil {
		mark(freshetv1.Mark_MARK_FLOOD_LIMIT, *l, "汛限水位", "flood-limit level", "", "")
	}
	if len(out.GetLines()) == 0 && out.GetValidFrom() == nil {
		return nil
	}
	return out
}
