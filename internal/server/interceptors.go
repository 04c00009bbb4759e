package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"buf.build/go/protovalidate"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"
)

// serverOptions puts the interceptors in order, outermost first: metrics, log,
// error codes, panics, who may call, validation.
func (s *Server) serverOptions() []grpc.ServerOption {
	logged := []logging.Option{
		logging.WithLogOnEvents(logging.FinishCall),
		logging.WithLevels(logLevel),
		logging.WithDisableLoggingFields(logging.ComponentFieldKey, logging.MethodTypeFieldKey),
	}
	logger := logging.LoggerFunc(func(ctx context.Context, level logging.Level, msg string, fields ...any) {
		if level >= logging.LevelWarn {
			s.opts.Logger.Log(ctx, slog.Level(level), msg, fields...) //nolint:sloglint // the message is the middleware's
		}
	})
	recover := recovery.WithRecoveryHandlerContext(recovered)
	unary := []grpc.UnaryServerInterceptor{
		s.metrics.calls.UnaryServerInterceptor(),
		logging.UnaryServerInterceptor(logger, logged...),
		mapUnary,
		recovery.UnaryServerInterceptor(recover),
	}
	streams := []grpc.StreamServerInterceptor{
		s.metrics.calls.StreamServerInterceptor(),
		logging.StreamServerInterceptor(logger, logged...),
		s.mapStream,
		recovery.StreamServerInterceptor(recover),
	}
	if s.guard != nil {
		unary, streams = append(unary, s.guard.unary), append(streams, s.guard.stream)
	}
	return append(GRPCOptions(),
		grpc.Creds(newTransport(s.opts.TLS, s.guard)),
		grpc.ChainUnaryInterceptor(append(unary, s.validateUnary)...),
		grpc.ChainStreamInterceptor(streams...),
		// Stations hang on radio and mobile links that die without a word: ask
		// after 30 s of silence, give up after 20 more. Gateways may ask too,
		// even between calls, but not more often than every 10 s.
		// A connection on which nobody calls is closed after a while; clients open
		// another without a word.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 20 * time.Second, MaxConnectionIdle: 15 * time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ConnectionTimeout(s.opts.Patience),
		grpc.MaxRecvMsgSize(s.opts.MaxMessage),
		grpc.MaxConcurrentStreams(1000), // of one connection; REST has one
	)
}

// logLevel says which ends of calls are worth an operator's eye: faults of the
// server. What a client did wrong is told to the client and counted.
func logLevel(code codes.Code) logging.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return logging.LevelError
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted:
		return logging.LevelWarn
	default:
		return logging.LevelDebug
	}
}

func mapUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	return resp, StatusError(err)
}

// mapStream maps errors and ends the stream's context when the server stops.
func (s *Server) mapStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, cancel := context.WithCancelCause(ss.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.closing, func() { cancel(context.Cause(s.closing)) })()
	err := handler(srv, stream{ss, ctx})
	if err != nil && errors.Is(context.Cause(ctx), errClosing) && errors.Is(err, context.Canceled) {
		err = errClosing
	}
	return StatusError(err)
}

type stream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // that is what a stream is
}

// Context returns a context that also ends when the server stops.
func (s stream) Context() context.Context { return s.ctx }

// validateUnary refuses requests that break the rules written in the contract.
// Streams validate their own messages: ingest frame by frame.
func (s *Server) validateUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if m, ok := req.(proto.Message); ok {
		if err := s.check(m); err != nil {
			return nil, err
		}
	}
	return handler(ctx, req)
}

// check returns INVALID_ARGUMENT with a google.rpc.BadRequest that names every
// field which breaks a rule.
func (s *Server) check(m proto.Message) error {
	err := s.validator.Validate(m)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return fmt.Errorf("validate %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	violations := make([]*errdetails.BadRequest_FieldViolation, 0, len(invalid.Violations))
	for _, v := range invalid.Violations {
		violations = append(violations, &errdetails.BadRequest_FieldViolation{
			Field: protovalidate.FieldPathString(v.Proto.GetField()), Description: v.Proto.GetMessage(), Reason: v.Proto.GetRuleId(),
		})
	}
	return badRequest(violations...)
}
