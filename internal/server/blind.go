package server

import (
	"context"

	"freshet/internal/engine"
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
	resp.Now = timestamp(look(basins, func(id string, e *engine.Engine) { resp.Sets = append(resp.Sets, wire.FromBlind(id, e.Blind())...) }))
	return resp, nil
}
