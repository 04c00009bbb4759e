package server

import (
	"context"
	"time"

	"freshet/internal/rehearse"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// searchLimit bounds how long a search may take.
const searchLimit = 10 * time.Minute

// SearchRelease searches releases, and tells how far it is.
func (s *Server) SearchRelease(req *freshetv1.SearchReleaseRequest, stream freshetv1.ForecastService_SearchReleaseServer) error {
	ctx, cancel := context.WithTimeout(stream.Context(), searchLimit)
	defer cancel()
	p := req.GetScenario()
	if p == nil {
		p = &freshetv1.Scenario{}
	}
	b, x, err := s.scenario(p)
	if err != nil {
		return err
	}
	q, err := wire.ToSearch(req, x)
	if err != nil {
		return scenarioError("", err)
	}
	leave, err := s.room.enter(ctx)
	if err != nil {
		return err
	}
	st, err := s.stage(ctx, b, x.AsOf)
	leave()
	if err != nil {
		return err
	}
	past, err := s.pastRain(ctx, &st.Footing, &x.Rain)
	if err != nil {
		return err
	}
	said := func() *freshetv1.SearchReleaseResponse {
		return &freshetv1.SearchReleaseResponse{Rehearsal: true, BannerZh: rehearse.BannerZH, BannerEn: rehearse.BannerEN}
	}
	var broken error
	found, err := st.Search(ctx, q, past, s.room.enter, func(g rehearse.Progress) {
		resp := said()
		news := &freshetv1.SearchProgress{Runs: uint32(g.Runs), Of: uint32(g.Of), Worst: g.Worst, DoingZh: "搜索泄流方案", DoingEn: "searching releases"}
		if g.Point > 0 {
			news.DoingZh, news.DoingEn = "计算权衡曲线", "the trade-off curve"
		}
		resp.News = &freshetv1.SearchReleaseResponse_Progress{Progress: news}
		if broken = stream.Send(resp); broken != nil {
			cancel()
		}
	})
	if broken != nil {
		return broken
	}
	if err != nil {
		return scenarioError("", err)
	}
	x.Schedules = mergeSchedules(x.Schedules, found.Schedules)
	if leave, err = s.room.enter(ctx); err != nil {
		return err
	}
	r, err := s.rehearsal(ctx, st, x)
	leave()
	if err == nil && req.GetKeep() {
		err = s.keep(ctx, r)
	}
	if err != nil {
		return err
	}
	resp := said()
	resp.News = &freshetv1.SearchReleaseResponse_Result{Result: wire.FromFound(found, r)}
	return stream.Send(resp)
}

// mergeSchedules returns the schedules of a scenario with those that were found in
// their place.
func mergeSchedules(given, found []rehearse.Schedule) []rehearse.Schedule {
	var out []rehearse.Schedule
	for _, g := range given {
		taken := false
		for _, f := range found {
			taken = taken || f.Reservoir == g.Reservoir
		}
		if !taken {
			out = append(out, g)
		}
	}
	return append(out, found...)
}
