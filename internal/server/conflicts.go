package server

import (
	"cmp"
	"context"
	"slices"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
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
	type standing struct {
		hydro.Conflict
		now time.Time
	}
	var (
		all      []standing
		earliest time.Time
	)
	for i, b := range basins {
		b.Engine.Query(func(e *engine.Engine) {
			now := e.Now()
			if i == 0 || now.Before(earliest) {
				earliest = now
			}
			for _, c := range e.Conflicts() {
				all = append(all, standing{c, now})
			}
		})
	}
	slices.SortFunc(all, func(a, b standing) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	resp := &freshetv1.ListConflictsResponse{Now: timestamp(earliest)}
	for i := range all {
		resp.Conflicts = append(resp.Conflicts, wire.FromConflict(&all[i].Conflict, all[i].now))
	}
	return resp, nil
}
