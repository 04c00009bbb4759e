package server

import (
	"context"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/season"
	freshetv1 "freshet/proto/freshet/v1"
)

// seasonFor is how long, by engine time, the hours of a season are used again: who
// looks at a screen must not have the whole season read each second.
const seasonFor = 5 * time.Minute

// A seasonBook holds the hours of each basin's season that was read last.
type seasonBook struct {
	basins map[string]*seasonPage // never changed
}

// A seasonPage is one basin's. Who holds the turn may read and write it: of many who
// ask at once one reads the store.
type seasonPage struct {
	turn    chan struct{}
	version string
	from    time.Time // of the season
	hours   map[hydro.Key]*season.Hours
	count   int
	read    *freshetv1.SeasonRead
	until   time.Time // engine time from which on it is not used any more
}

func newSeasonBook(basins []Basin) *seasonBook {
	b := &seasonBook{basins: map[string]*seasonPage{}}
	for _, x := range basins {
		b.basins[x.ID] = &seasonPage{turn: make(chan struct{}, 1)}
	}
	return b
}

// GetSeason implements SeasonService.
func (s *Server) GetSeason(ctx context.Context, req *freshetv1.GetSeasonRequest) (*freshetv1.GetSeasonResponse, error) {
	b, err := s.basin(req.GetBasin())
	if err != nil {
		return nil, err
	}
	var (
		now   time.Time
		cat   *catalog.Catalog
		model *forecast.Model
	)
	b.Engine.Query(func(e *engine.Engine) { now, cat, model = e.Now(), e.Catalog(), e.Model() })
	if cat == nil || now.IsZero() {
		return nil, errNoTime
	}
	asOf := now
	if req.GetAsOf() != nil {
		asOf = req.GetAsOf().AsTime()
	}
	if asOf.After(now) {
		return nil, status.Errorf(codes.FailedPrecondition, "as_of: %s is still to come: engine time of %s is %s",
			asOf.UTC().Format(time.RFC3339), b.ID, now.UTC().Format(time.RFC3339))
	}
	plan, err := season.At(cat, b.ID, model.Areas(), asOf)
	if err != nil {
		return nil, err
	}
	only := ""
	if name := req.GetStation(); name != "" {
		_, st, err := s.station(name)
		if err != nil {
			return nil, err
		}
		only = st.ID
	}
	hours, read, err := s.seasonHours(ctx, b.ID, cat.Version, plan, asOf, now)
	if err != nil {
		return nil, err
	}
	result := plan.Sum(hours, asOf)
	if only != "" && !hasStation(result, only) {
		return nil, badField("station", fmt.Sprintf("%s is no station of basin %s with a rain gauge", only, b.ID))
	}
	answer := seasonOf(result, cat, only)
	answer.Read = read
	return &freshetv1.GetSeasonResponse{Season: answer}, nil
}

func hasStation(r *season.Result, id string) bool {
	for i := range r.Stations {
		if r.Stations[i].ID == id {
			return true
		}
	}
	return false
}

// seasonHours returns the hours of all series of a season, at least up to an instant,
// and what was read for them.
func (s *Server) seasonHours(ctx context.Context, basin, version string, plan *season.Plan, asOf, now time.Time) (map[hydro.Key]*season.Hours, *freshetv1.SeasonRead, error) {
	page := s.seasons.basins[basin]
	select {
	case page.turn <- struct{}{}:
		defer func() { <-page.turn }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if page.version == version && page.from.Equal(plan.From) && page.count >= plan.Count(asOf) && now.Before(page.until) {
		return page.hours, page.read, nil
	}
	behind, err := s.behind(ctx, basin) // before reading: what comes meanwhile may be read too
	if err != nil {
		return nil, nil, err
	}
	n := plan.Count(now)
	to := plan.From.Add(time.Duration(n)*time.Hour + season.Around)
	hours := map[hydro.Key]*season.Hours{}
	read := &freshetv1.SeasonRead{ArchiveBehind: behind, At: timestamp(now)}
	var samples []hydro.Sample
	for _, k := range plan.Keys() {
		samples = samples[:0]
		for o, err := range s.opts.Store.Observations(ctx, k, plan.From.Add(-season.Around), to) {
			if err != nil {
				return nil, nil, fmt.Errorf("season of %s: history of %s: %w", basin, k, err)
			}
			samples = append(samples, hydro.Sample{
				At: o.At.UnixMilli(), Value: o.Value, Interval: int32(o.Interval / time.Second), Quality: o.Quality, Tests: o.Tests | o.Notes,
			})
		}
		h := plan.Hours(samples, n)
		hours[k] = &h
		read.Reports += uint64(h.Reports)
		read.LeftOut += uint64(h.LeftOut)
	}
	if behind == 0 {
		page.version, page.from, page.hours, page.count, page.read, page.until = version, plan.From, hours, n, read, now.Add(seasonFor)
	}
	return hours, read, nil
}

// behind returns by how many outputs the store is behind the log of a basin.
func (s *Server) behind(ctx context.Context, basin string) (uint64, error) {
	if s.opts.Archived == nil {
		return 0, nil
	}
	last, err := s.opts.Feed.LastOutput(ctx, basin)
	if err != nil {
		return 0, fmt.Errorf("end of the log of %s: %w", basin, err)
	}
	done := s.opts.Archived(basin)
	return last.Seq - min(done, last.Seq), nil
}

// seasonOf writes a season for the wire, with the days of one station.
func seasonOf(r *season.Result, c *catalog.Catalog, station string) *freshetv1.Season {
	s := &r.Plan.Basin.Season
	out := &freshetv1.Season{
		Basin: r.Plan.Basin.ID, NameZh: s.NameZH, NameEn: s.NameEN, From: timestamp(r.Plan.From), Until: timestamp(r.Plan.Until),
		AsOf: timestamp(r.AsOf), To: timestamp(r.To), Hours: uint32(r.Hours), SeasonHours: uint32(r.All), Catalogue: c.Version,
		BasinRain: seasonRain(r, &r.Whole, true), Ended: r.Ended, Illustrative: r.Example || c.Illustrative != "", Mark: c.Illustrative, Zone: s.Zone,
		LeastCoverage: s.LeastCoverage,
	}
	out.LineZh, out.LineEn = r.Line()
	for i := range r.SubBasins {
		out.SubBasins = append(out.SubBasins, seasonRain(r, &r.SubBasins[i], true))
	}
	for i := range r.Stations {
		out.Stations = append(out.Stations, seasonRain(r, &r.Stations[i], r.Stations[i].ID == station))
	}
	return out
}

// known is a number, or nil of NaN.
func known(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return &x
}

func seasonRain(of *season.Result, r *season.Rain, days bool) *freshetv1.SeasonRain {
	out := &freshetv1.SeasonRain{
		Id: r.ID, NameZh: r.NameZH, NameEn: r.NameEN, Rain: known(r.Rain), Coverage: r.Coverage,
		FullHours: uint32(r.Full), PartHours: uint32(r.Part), MissingHours: uint32(r.Missing), MoreGaps: uint32(r.MoreGaps),
		YearsBelow: uint32(r.YearsBelow), Gauges: r.Gauges,
	}
	out.WithheldZh, out.WithheldEn = of.Withheld(r)
	switch r.Bound {
	case season.AtLeast:
		out.Bound = freshetv1.SeasonBound_SEASON_BOUND_AT_LEAST
	case season.About:
		out.Bound = freshetv1.SeasonBound_SEASON_BOUND_ABOUT
	case season.Exact:
	}
	for _, g := range r.Gaps {
		out.Gaps = append(out.Gaps, &freshetv1.SeasonGap{From: timestamp(g.From), To: timestamp(g.To)})
	}
	if n := r.Normal; n != nil {
		out.Normal = &freshetv1.SeasonNormal{
			Rain: n.Total, Source: n.Source, Illustrative: n.Illustrative, Share: known(n.Share), Passed: n.Passed, ToDate: known(n.ToDate), Anomaly: known(n.Anomaly),
		}
	}
	for i := range r.Years {
		y := &r.Years[i]
		out.Years = append(out.Years, &freshetv1.SeasonYear{Year: int32(y.Year), Rain: y.Rain, Source: y.Source, Illustrative: y.Illustrative, ToDate: known(y.ToDate)})
	}
	if k := r.Rank; k != nil {
		out.Rank = &freshetv1.SeasonRank{Place: uint32(k.Place), Of: uint32(k.Of), Basis: freshetv1.SeasonBasis_SEASON_BASIS_TO_DATE, NotCompared: uint32(k.NotCompared)}
		if k.Basis == season.WholeSeason {
			out.Rank.Basis = freshetv1.SeasonBasis_SEASON_BASIS_WHOLE_SEASON
		}
	}
	if !days {
		return out
	}
	for i := range r.Days {
		d := &r.Days[i]
		out.Days = append(out.Days, &freshetv1.SeasonDay{
			From: timestamp(d.From), To: timestamp(d.To), Rain: known(d.Rain), Coverage: d.Coverage, Total: known(d.Total), Normal: known(d.Normal),
		})
	}
	return out
}
