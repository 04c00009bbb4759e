package dryrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// OfJournal returns the log of a basin in a journal. Nothing is written to it.
func OfJournal(j *journal.Journal, basin string) Log { return journalLog{j, basin} }

type journalLog struct {
	j     *journal.Journal
	basin string
}

func (l journalLog) Last(ctx context.Context) (uint64, error) { return l.j.LastInput(ctx, l.basin) }

func (l journalLog) Inputs(ctx context.Context) iter.Seq2[hydro.Input, error] {
	return func(yield func(hydro.Input, error) bool) {
		last, err := l.Last(ctx)
		if err != nil {
			yield(hydro.Input{}, err)
			return
		}
		if last == 0 {
			return
		}
		for in, err := range l.j.Inputs(ctx, l.basin, 0) {
			if !yield(in, err) || err != nil || in.Seq >= last {
				return
			}
		}
	}
}

// pageWarnings is how many warnings are read of the log at a time.
const pageWarnings = 256

func (l journalLog) Warnings(ctx context.Context, to time.Time) ([]hydro.Warning, error) {
	var out []hydro.Warning
	for after := uint64(0); ; {
		page, err := l.j.Page(ctx, l.basin, after, pageWarnings, "warning")
		if err != nil || len(page) == 0 {
			return out, err
		}
		for i := range page {
			if w := page[i].Output.Warning; w.At.After(to) {
				return out, nil
			}
			out = append(out, *page[i].Output.Warning)
		}
		after = page[len(page)-1].Seq
	}
}

// OfServer returns the log of a basin of a running server.
func OfServer(conn grpc.ClientConnInterface, basin string) Log { return serverLog{conn, basin} }

type serverLog struct {
	conn  grpc.ClientConnInterface
	basin string
}

// maxInput bounds one input: a catalogue travels whole.
const maxInput = 64 << 20

func (l serverLog) open(ctx context.Context, after uint64) (grpc.ServerStreamingClient[freshetv1.ReadInputsResponse], error) {
	return freshetv1.NewRecordServiceClient(l.conn).ReadInputs(ctx, &freshetv1.ReadInputsRequest{Basin: l.basin, After: after}, grpc.MaxCallRecvMsgSize(maxInput))
}

// Last asks for the first input, which says which one is the last.
func (l serverLog) Last(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := l.open(ctx, 0)
	if err != nil {
		return 0, err
	}
	m, err := s.Recv()
	if errors.Is(err, io.EOF) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return m.GetLast(), nil
}

func (l serverLog) Inputs(ctx context.Context) iter.Seq2[hydro.Input, error] {
	return func(yield func(hydro.Input, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s, err := l.open(ctx, 0)
		if err != nil {
			yield(hydro.Input{}, err)
			return
		}
		for {
			m, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			var in hydro.Input
			if err == nil {
				if in, err = toInput(m); err != nil {
					err = fmt.Errorf("input %d: %w", m.GetSeq(), err)
				}
			}
			if !yield(in, err) || err != nil {
				return
			}
		}
	}
}

func toInput(m *freshetv1.ReadInputsResponse) (hydro.Input, error) {
	data, err := proto.Marshal(m.GetInput())
	if err != nil {
		return hydro.Input{}, err
	}
	in, err := wire.DecodeInput(data)
	in.Seq = m.GetSeq()
	return in, err
}

// window is the span of one question for warnings: the server answers a bounded
// number of them at a time.
const window = 7 * 24 * time.Hour

// Warnings reads them of the store, which holds what the out-log held.
func (l serverLog) Warnings(ctx context.Context, to time.Time) ([]hydro.Warning, error) {
	c := freshetv1.NewWarningServiceClient(l.conn)
	first, err := l.firstTick(ctx)
	if err != nil {
		return nil, err
	}
	var out []hydro.Warning
	for from := first; !from.After(to); from = from.Add(window) {
		end := from.Add(window)
		if end.After(to) {
			end = to.Add(time.Millisecond)
		}
		m, err := c.ListWarnings(ctx, &freshetv1.ListWarningsRequest{Basin: l.basin, From: timestamppb.New(from), To: timestamppb.New(end)}, grpc.MaxCallRecvMsgSize(maxInput))
		if err != nil {
			return nil, err
		}
		for _, x := range m.GetWarnings() {
			w, err := wire.ToWarning(x)
			if err != nil {
				return nil, fmt.Errorf("warning %s: %w", x.GetId(), err)
			}
			out = append(out, w)
		}
	}
	return out, nil
}

func (l serverLog) firstTick(ctx context.Context) (time.Time, error) {
	for in, err := range l.Inputs(ctx) {
		if err != nil {
			return time.Time{}, err
		}
		if in.Tick != nil {
			return in.Tick.At, nil
		}
	}
	return time.Time{}, fmt.Errorf("the log of %s has no tick: %w", l.basin, hydro.ErrNotFound)
}
