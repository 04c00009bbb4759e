package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A CommandLog takes what people on duty do.
type CommandLog interface {
	// AppendInput puts an input on the basin's in-log and returns its sequence
	// number there. After an error other than hydro.ErrInvalid the input may be on
	// the log all the same.
	AppendInput(ctx context.Context, in hydro.Input) (uint64, error)
	// Wait returns when all outputs of the inputs up to seq are on the out-log.
	Wait(ctx context.Context, seq uint64) error
}

// commandWait bounds how long a call waits for a command to be obeyed.
const commandWait = 30 * time.Second

// person returns who makes the call: the credential's word, or, on a server that
// asks nobody who they are, the request's.
func person(ctx context.Context, by string) (hydro.Person, error) {
	c := callerOf(ctx)
	switch {
	case c == nil && by == "":
		return hydro.Person{}, badField("by", "missing: say your name, since this server asks nobody for a token")
	case c == nil:
		return hydro.Person{Name: by, Role: hydro.Unauthenticated}, nil
	case by != "":
		return hydro.Person{}, badField("by", "leave it empty: your credential says who you are")
	}
	who := c.who.Load()
	return hydro.Person{ID: c.cred.Name(), Name: who.Name, Department: who.Department, Role: who.Role.String()}, nil
}

// command has the engines obey commands of one call, whose ID, Basin and Kind and
// what these need are set, and returns what followed, those that were refused
// included. By is the name that the request gives. It is FAILED_PRECONDITION if
// all are refused. Sent again, it answers as the first time.
func (s *Server) command(ctx context.Context, by string, commands ...hydro.Command) ([]hydro.DutyEvent, error) {
	who, err := person(ctx, by)
	if err != nil {
		return nil, err
	}
	now := s.opts.Clock.Now()
	if now.IsZero() {
		return nil, errNoTime
	}
	basins := make([]Basin, len(commands))
	for i := range commands {
		c := &commands[i]
		c.By, c.At = who, now
		if errs := c.Check(); len(errs) > 0 {
			return nil, fieldErrors(errs...)
		}
		if basins[i], err = s.basin(c.Basin); err != nil {
			return nil, err
		}
		if basins[i].Commands == nil {
			return nil, fmt.Errorf("basin %s takes no commands here: %w", c.Basin, hydro.ErrUnavailable)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	last := map[string]uint64{} // by basin
	for i := range commands {
		if _, known := answer(basins[i], commands[i].ID); known {
			continue
		}
		seq, err := basins[i].Commands.AppendInput(ctx, hydro.Input{Command: &commands[i]})
		if err != nil {
			return nil, again(err)
		}
		last[commands[i].Basin] = seq
	}
	var events []hydro.DutyEvent
	allRefused := true
	for i := range commands {
		c := &commands[i]
		if seq, ok := last[c.Basin]; ok {
			if err := basins[i].Commands.Wait(ctx, seq); err != nil {
				return nil, again(err)
			}
		}
		a, ok := answer(basins[i], c.ID)
		switch {
		case !ok:
			return nil, again(fmt.Errorf("basin %s: the command %s was not obeyed: %w", c.Basin, c.ID, hydro.ErrUnavailable))
		case !a.Command.Same(c):
			return nil, badField("request_id", fmt.Sprintf("was used at %s for something else, %s: choose another", a.Command.At.Format(time.RFC3339), &a.Command))
		}
		events = append(events, a.Events...)
		allRefused = allRefused && slices.ContainsFunc(a.Events, isRefused)
	}
	if allRefused && len(commands) > 0 {
		return nil, refusal(events)
	}
	return events, nil
}

func isRefused(d hydro.DutyEvent) bool { return d.Kind == hydro.Refused }

// answer returns what followed from a command.
func answer(b Basin, id string) (a engine.Answer, ok bool) {
	b.Engine.Query(func(e *engine.Engine) { a, ok = e.Answer(id) })
	return a, ok
}

// again tells a caller who does not know whether the command was obeyed how to
// find out.
func again(err error) error {
	code := status.Code(StatusError(err))
	if code == codes.Internal {
		return err
	}
	return status.Error(code, fmt.Sprintf("%v; the command may be obeyed all the same: send it again with the same request_id, it is obeyed once", err))
}

// refusal is FAILED_PRECONDITION with the first reason in English and, as a
// detail, all the events, which have it in Chinese too.
func refusal(events []hydro.DutyEvent) error {
	text := events[0].TextEN
	if n := len(events) - 1; n > 0 {
		text = fmt.Sprintf("%s (and %d more)", text, n)
	}
	st := status.New(codes.FailedPrecondition, text)
	for i := range events {
		if detailed, err := st.WithDetails(wire.FromDutyEvent(&events[i])); err == nil {
			st = detailed
		}
	}
	return st.Err()
}

// dutyEvents returns events as protobuf.
func dutyEvents(events []hydro.DutyEvent) []*freshetv1.DutyEvent {
	out := make([]*freshetv1.DutyEvent, len(events))
	for i := range events {
		out[i] = wire.FromDutyEvent(&events[i])
	}
	return out
}
