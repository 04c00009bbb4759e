package server

import (
	"context"
	"fmt"
	"strings"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// An Explainer says why a warning was given.
type Explainer interface {
	// Explain computes it anew from the log. An id that is none is
	// hydro.ErrInvalid; one that the log does not give, or no longer, is
	// hydro.ErrNotFound.
	Explain(ctx context.Context, id string) (hydro.Explanation, error)
}

// ExplainWarning says why a warning was given.
func (s *Server) ExplainWarning(ctx context.Context, req *freshetv1.ExplainWarningRequest) (*freshetv1.ExplainWarningResponse, error) {
	name, _, _ := strings.Cut(req.GetId(), "/")
	b, err := s.basin(name)
	if err != nil {
		return nil, fmt.Errorf("warning %q: %w", req.GetId(), err)
	}
	if b.Explain == nil {
		return nil, fmt.Errorf("warning %q: this server cannot replay the log: %w", req.GetId(), hydro.ErrUnavailable)
	}
	x, err := b.Explain.Explain(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &freshetv1.ExplainWarningResponse{Warning: wire.FromWarning(&x.Warning), Explanation: wire.FromExplanation(&x)}, nil
}
