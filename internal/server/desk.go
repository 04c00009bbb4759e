package server

import (
	"context"
	"slices"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// someone is a basin that a request about the duty desk is for: the one that it
// names, or the only one.
func (s *Server) someone(basin string) (string, error) {
	b, err := s.basin(basin)
	return b.ID, err
}

// optionalStage is the stage of a request, Clear if it names none.
func optionalStage(p freshetv1.Stage) (hydro.Stage, error) {
	if p == freshetv1.Stage_STAGE_UNSPECIFIED {
		return hydro.Clear, nil
	}
	stage, err := wire.ToStage(p)
	if err != nil {
		return stage, badField("stage", err.Error())
	}
	return stage, nil
}

// look calls f with each basin's engine and returns the earliest engine time.
func look(basins []Basin, f func(id string, e *engine.Engine)) time.Time {
	var earliest time.Time
	for i, b := range basins {
		b.Engine.Query(func(e *engine.Engine) {
			if now := e.Now(); i == 0 || now.Before(earliest) {
				earliest = now
			}
			f(b.ID, e)
		})
	}
	return earliest
}

// ListCalls lists the rounds of call-and-confirm, the newest first.
func (s *Server) ListCalls(_ context.Context, req *freshetv1.ListCallsRequest) (*freshetv1.ListCallsResponse, error) {
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	resp := &freshetv1.ListCallsResponse{}
	resp.Now = timestamp(look(basins, func(id string, e *engine.Engine) {
		resp.Rounds = append(resp.Rounds, roundsOf(id, e, req.GetOpen())...)
	}))
	slices.SortStableFunc(resp.Rounds, func(a, b *freshetv1.CallRound) int { return b.GetOpened().AsTime().Compare(a.GetOpened().AsTime()) })
	return resp, nil
}

// roundsOf lists those of a basin, the newest first.
func roundsOf(basin string, e *engine.Engine, openOnly bool) []*freshetv1.CallRound {
	var out []*freshetv1.CallRound
	rounds := e.Calls()
	for i := range rounds {
		if !openOnly || rounds[i].Done.IsZero() {
			out = append(out, wire.FromCallRound(basin, &rounds[i]))
		}
	}
	return out
}

// ListUnreached lists everybody who was called and not reached.
func (s *Server) ListUnreached(_ context.Context, req *freshetv1.ListUnreachedRequest) (*freshetv1.ListUnreachedResponse, error) {
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	resp := &freshetv1.ListUnreachedResponse{}
	resp.Now = timestamp(look(basins, func(id string, e *engine.Engine) {
		resp.Unreached = append(resp.Unreached, unreachedOf(id, e)...)
	}))
	return resp, nil
}

func unreachedOf(basin string, e *engine.Engine) []*freshetv1.Unreached {
	var out []*freshetv1.Unreached
	all := e.Unreached()
	for i := range all {
		out = append(out, wire.FromUnreached(basin, &all[i]))
	}
	return out
}

// RecordAttempt records a try.
func (s *Server) RecordAttempt(ctx context.Context, req *freshetv1.RecordAttemptRequest) (*freshetv1.RecordAttemptResponse, error) {
	events, err := s.call(ctx, hydro.CallAttempt, req)
	if err != nil {
		return nil, err
	}
	return &freshetv1.RecordAttemptResponse{Events: events}, nil
}

// ConfirmCall records a confirmation.
func (s *Server) ConfirmCall(ctx context.Context, req *freshetv1.ConfirmCallRequest) (*freshetv1.ConfirmCallResponse, error) {
	events, err := s.call(ctx, hydro.CallConfirm, req)
	if err != nil {
		return nil, err
	}
	return &freshetv1.ConfirmCallResponse{Events: events}, nil
}

// A callRequest is about one call.
type callRequest interface {
	GetBasin() string
	GetRequestId() string
	GetBy() string
	GetPerson() string
	GetGroup() string
	GetStation() string
	GetStage() freshetv1.Stage
	GetText() string
}

func (s *Server) call(ctx context.Context, kind hydro.CommandKind, req callRequest) ([]*freshetv1.DutyEvent, error) {
	basin, err := s.someone(req.GetBasin())
	if err != nil {
		return nil, err
	}
	stage, err := optionalStage(req.GetStage())
	if err != nil {
		return nil, err
	}
	events, err := s.command(ctx, req.GetBy(), hydro.Command{
		ID: req.GetRequestId(), Basin: basin, Kind: kind, Person: req.GetPerson(), Group: req.GetGroup(), Station: req.GetStation(), Stage: stage, Text: req.GetText(),
	})
	return dutyEvents(events), err
}

// ListResponses lists the plans and where they stand.
func (s *Server) ListResponses(_ context.Context, req *freshetv1.ListResponsesRequest) (*freshetv1.ListResponsesResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	resp := &freshetv1.ListResponsesResponse{Illustrative: c.Illustrative}
	resp.Now = timestamp(look(basins, func(id string, e *engine.Engine) {
		resp.Responses = append(resp.Responses, responsesOf(id, e)...)
	}))
	return resp, nil
}

func responsesOf(basin string, e *engine.Engine) []*freshetv1.Response {
	var out []*freshetv1.Response
	all := e.Responses()
	for i := range all {
		out = append(out, wire.FromResponse(basin, &all[i]))
	}
	return out
}

// Declare declares a level of a plan.
func (s *Server) Declare(ctx context.Context, req *freshetv1.DeclareRequest) (*freshetv1.DeclareResponse, error) {
	level, err := wire.ToResponseLevel(req.GetLevel())
	if err != nil {
		return nil, badField("level", err.Error())
	}
	events, err := s.respond(ctx, req, hydro.Command{Kind: hydro.Declare, Response: req.GetPlan() + "/" + level.String()})
	if err != nil {
		return nil, err
	}
	return &freshetv1.DeclareResponse{Events: events}, nil
}

// StandDown ends the response of a plan.
func (s *Server) StandDown(ctx context.Context, req *freshetv1.StandDownRequest) (*freshetv1.StandDownResponse, error) {
	events, err := s.respond(ctx, req, hydro.Command{Kind: hydro.StandDown, Response: req.GetPlan()})
	if err != nil {
		return nil, err
	}
	return &freshetv1.StandDownResponse{Events: events}, nil
}

// UpdateMeasure begins, ends or notes something on a measure.
func (s *Server) UpdateMeasure(ctx context.Context, req *freshetv1.UpdateMeasureRequest) (*freshetv1.UpdateMeasureResponse, error) {
	kind, err := wire.ToMeasureAction(req.GetAction())
	if err != nil {
		return nil, badField("action", err.Error())
	}
	events, err := s.respond(ctx, req, hydro.Command{Kind: kind, Response: req.GetPlan(), Measure: req.GetMeasure()})
	if err != nil {
		return nil, err
	}
	return &freshetv1.UpdateMeasureResponse{Events: events}, nil
}

// A responseRequest is about a plan.
type responseRequest interface {
	GetBasin() string
	GetRequestId() string
	GetBy() string
	GetText() string
}

func (s *Server) respond(ctx context.Context, req responseRequest, c hydro.Command) ([]*freshetv1.DutyEvent, error) {
	var err error
	if c.Basin, err = s.someone(req.GetBasin()); err != nil {
		return nil, err
	}
	c.ID, c.Text = req.GetRequestId(), req.GetText()
	events, err := s.command(ctx, req.GetBy(), c)
	return dutyEvents(events), err
}
