package server

import (
	"context"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// ListBlind tells what is not seen now, grouped by cause, department and gateway,
// basin after basin.
func (s *Server) ListBlind(_ context.Context, req *freshetv1.ListBlindRequest) (*freshetv1.ListBlindResponse, error) {
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	resp := &freshetv1.ListBlindResponse{}
	var earliest time.Time
	for i, b := range basins {
		var (
			id   string
			sets []hydro.BlindSet
			now  time.Time
		)
		b.Engine.Query(func(e *engine.Engine) { id, sets, now = e.Basin(), e.Blind(), e.Now() })
		if i == 0 || now.Before(earliest) {
			earliest = now
		}
		resp.Sets = append(resp.Sets, wire.FromBlind(id, sets)...)
	}
	resp.Now = timestamp(earliest)
	return resp, nil
}
