package server

import (
	"cmp"
	"context"
	"slices"

	"freshet/internal/engine"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// ListConflicts lists what departments say differently, the longest standing
// first.
func (s *Server) ListConflicts(_ context.Context, req *freshetv1.ListConflictsRequest) (*freshetv1.ListConflictsResponse, error) {
	if _, err := s.catalogue(); err != nil {
		return nil, err
	}
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	resp := &freshetv1.ListConflictsResponse{}
	resp.Now = timestamp(look(basins, func(_ string, e *engine.Engine) { resp.Conflicts = append(resp.Conflicts, conflictsOf(e)...) }))
	sortConflicts(resp.Conflicts)
	return resp, nil
}

// conflictsOf lists those of a basin, the longest standing first.
func conflictsOf(e *engine.Engine) []*freshetv1.Conflict {
	all := e.Conflicts()
	out := make([]*freshetv1.Conflict, len(all))
	for i := range all {
		out[i] = wire.FromConflict(&all[i], e.Now())
	}
	sortConflicts(out)
	return out
}

func sortConflicts(all []*freshetv1.Conflict) {
	slices.SortFunc(all, func(a, b *freshetv1.Conflict) int {
		return cmp.Or(a.GetSince().AsTime().Compare(b.GetSince().AsTime()), cmp.Compare(a.GetId(), b.GetId()))
	})
}
