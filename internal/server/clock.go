package server

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	freshetv1 "freshet/proto/freshet/v1"
)

// AdvanceClock moves engine time by hand.
func (s *Server) AdvanceClock(ctx context.Context, req *freshetv1.AdvanceClockRequest) (*freshetv1.AdvanceClockResponse, error) {
	if !s.opts.Clock.Driven() {
		return nil, status.Error(codes.FailedPrecondition,
			"this server follows the wall clock: start it with --clock driven to move engine time by hand")
	}
	if err := s.opts.Clock.Advance(ctx, req.GetTo().AsTime()); err != nil {
		return nil, err
	}
	return &freshetv1.AdvanceClockResponse{Now: timestamp(s.opts.Clock.Now())}, nil
}

// GetClock tells engine time.
func (s *Server) GetClock(context.Context, *freshetv1.GetClockRequest) (*freshetv1.GetClockResponse, error) {
	return &freshetv1.GetClockResponse{Now: timestamp(s.opts.Clock.Now()), Driven: s.opts.Clock.Driven()}, nil
}
