package server

import (
	"context"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// ListGroups lists waves and outages, basin by basin: those that are open first,
// the highest first.
func (s *Server) ListGroups(_ context.Context, req *freshetv1.ListGroupsRequest) (*freshetv1.ListGroupsResponse, error) {
	if _, err := s.catalogue(); err != nil {
		return nil, err
	}
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	var (
		groups   []hydro.GroupChange
		earliest time.Time
	)
	for i, b := range basins {
		b.Engine.Query(func(e *engine.Engine) {
			if now := e.Now(); i == 0 || now.Before(earliest) {
				earliest = now
			}
			groups = append(groups, e.Groups()...)
		})
	}
	resp := &freshetv1.ListGroupsResponse{Now: timestamp(earliest)}
	for i := range groups {
		if g := &groups[i]; !req.GetOpenOnly() || !g.Closed() {
			resp.Groups = append(resp.Groups, wire.FromGroup(g))
		}
	}
	return resp, nil
}
