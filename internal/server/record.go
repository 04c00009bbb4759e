package server

import (
	"context"
	"fmt"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// An InputLog reads in-logs. *journal.Journal is one.
type InputLog interface {
	// Inputs yields the inputs of a basin behind a sequence number, in order, and
	// then follows the log until ctx is done.
	Inputs(ctx context.Context, basin string, after uint64) iter.Seq2[hydro.Input, error]
	// LastInput returns the sequence number of the last input, 0 if there is none.
	LastInput(ctx context.Context, basin string) (uint64, error)
}

// ReadInputs gives the inputs of a log up to the last one at the time of the call.
func (s *Server) ReadInputs(req *freshetv1.ReadInputsRequest, stream grpc.ServerStreamingServer[freshetv1.ReadInputsResponse]) error {
	if s.opts.Record == nil {
		return status.Error(codes.Unimplemented, "this server does not read its log out")
	}
	b, err := s.basin(req.GetBasin())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	last, err := s.opts.Record.LastInput(ctx, b.ID)
	if err != nil || req.GetAfter() >= last {
		return err
	}
	for in, err := range s.opts.Record.Inputs(ctx, b.ID, req.GetAfter()) {
		if err != nil {
			return err
		}
		data, err := wire.EncodeInput(in)
		m := &freshetv1.ReadInputsResponse{Seq: in.Seq, Last: last, Input: &freshetv1.LogInput{}}
		if err == nil {
			err = proto.Unmarshal(data, m.GetInput())
		}
		if err != nil {
			return fmt.Errorf("input %d of %s: %w", in.Seq, b.ID, err)
		}
		if err := stream.Send(m); err != nil {
			return err //nolint:wrapcheck // a status
		}
		if in.Seq >= last {
			return nil
		}
	}
	return context.Cause(stream.Context())
}
