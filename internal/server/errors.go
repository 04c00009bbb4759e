package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/hydro"
)

// errClosing is the cause of streams that end because the server stops.
var errClosing = fmt.Errorf("the server is going down: connect again, with your resume token if you have one: %w", hydro.ErrUnavailable)

// StatusError turns an error of any part of Freshet into one that gRPC sends
// with the right code. It is the only place where error kinds become codes:
//
//	hydro.ErrNotFound     NOT_FOUND
//	hydro.ErrInvalid      INVALID_ARGUMENT
//	hydro.ErrConflict     ABORTED
//	hydro.ErrUnavailable  UNAVAILABLE
//	context.Canceled, context.DeadlineExceeded: their namesakes
//	a gRPC status         as it is
//	anything else         INTERNAL with the text "internal error"; Error still
//	                      tells the text, which therefore reaches the log and
//	                      not the client
//
// A nil error stays nil.
func StatusError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return err
	}
	switch {
	case errors.Is(err, hydro.ErrNotFound):
		return status.Error(codes.NotFound, err.Error())
	case errors.Is(err, hydro.ErrInvalid):
		return status.Error(codes.InvalidArgument, err.Error())
	case errors.Is(err, hydro.ErrConflict):
		return status.Error(codes.Aborted, err.Error())
	case errors.Is(err, hydro.ErrUnavailable):
		return status.Error(codes.Unavailable, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the deadline of the call has passed")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the caller has gone")
	}
	return internalError{err}
}

// An internalError shows its text to the log and hides it from the client.
type internalError struct{ err error }

func (e internalError) Error() string { return e.err.Error() }
func (e internalError) Unwrap() error { return e.err }

// GRPCStatus is how gRPC learns what to send.
func (e internalError) GRPCStatus() *status.Status {
	return status.New(codes.Internal, "internal error")
}

// recovered turns a panic of a handler into an internal error that carries the
// stack to the log.
func recovered(_ context.Context, p any) error {
	return internalError{fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
}

// badField is INVALID_ARGUMENT with a google.rpc.BadRequest that names one
// field.
func badField(field, description string) error {
	return badRequest(&errdetails.BadRequest_FieldViolation{Field: field, Description: description})
}

// badRequest is INVALID_ARGUMENT with a google.rpc.BadRequest. The message
// repeats the first violation for people who see nothing else.
func badRequest(violations ...*errdetails.BadRequest_FieldViolation) error {
	message := "the request is not valid"
	if len(violations) > 0 {
		message = violations[0].GetField() + ": " + violations[0].GetDescription()
		if n := len(violations) - 1; n > 0 {
			message = fmt.Sprintf("%s (and %d more)", message, n)
		}
	}
	st := status.New(codes.InvalidArgument, message)
	if detailed, err := st.WithDetails(&errdetails.BadRequest{FieldViolations: violations}); err == nil {
		st = detailed
	}
	return st.Err()
}
