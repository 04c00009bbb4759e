package server

import (
	"context"

	"freshet/internal/engine"
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
	resp := &freshetv1.ListGroupsResponse{}
	resp.Now = timestamp(look(basins, func(_ string, e *engine.Engine) { resp.Groups = append(resp.Groups, groupsOf(e, req.GetOpenOnly())...) }))
	return resp, nil
}

// groupsOf lists those of a basin, the open ones first.
func groupsOf(e *engine.Engine, openOnly bool) []*freshetv1.WarningGroup {
	var out []*freshetv1.WarningGroup
	groups := e.Groups()
	for i := range groups {
		if g := &groups[i]; !openOnly || !g.Closed() {
			out = append(out, wire.FromGroup(g))
		}
	}
	return out
}
