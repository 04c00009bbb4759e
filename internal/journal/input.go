package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
	"freshet/internal/wire"
)

// AppendInput puts in at the end of the basin's in-log and returns its sequence
// number there. When it returns nil, the input is on the disk (of a majority of
// the replicas). When it returns an error other than [hydro.ErrInvalid], the
// input may be on the log all the same: append it again, the engine ignores
// what it has already seen. The Seq of in is not used.
func (j *Journal) AppendInput(ctx context.Context, basin string, in hydro.Input) (seq uint64, err error) {
	data, err := wire.EncodeInput(in)
	if err == nil {
		err = checkBasin(basin)
	}
	if err != nil {
		return 0, fmt.Errorf("append input: %w", err)
	}
	ack, err := j.js.Publish(ctx, inSubject(basin, in.Kind()), data, jetstream.WithExpectStream(inStream(basin)))
	if err != nil {
		return 0, fmt.Errorf("append input: basin %s: %w", basin, j.kind(ctx, err))
	}
	return ack.Sequence, nil
}

// StartAppend begins what [Journal.AppendInput] does and returns while the input
// is on its way to the disk: wait returns what AppendInput would have returned.
// Nothing of in is kept. Inputs that one goroutine starts have their order on
// the log, so that several of them may be under way; if one fails, those behind
// it may be on the log all the same.
func (j *Journal) StartAppend(basin string, in hydro.Input) (wait func(context.Context) (uint64, error), err error) {
	data, err := wire.EncodeInput(in)
	if err == nil {
		err = checkBasin(basin)
	}
	if err != nil {
		return nil, fmt.Errorf("append input: %w", err)
	}
	ack, err := j.js.PublishAsync(inSubject(basin, in.Kind()), data,
		jetstream.WithExpectStream(inStream(basin)), jetstream.WithRetryAttempts(0)) // sent again, it would come behind later ones
	if err != nil {
		return nil, fmt.Errorf("append input: basin %s: %w", basin, j.kind(context.Background(), err))
	}
	return func(ctx context.Context) (uint64, error) {
		select {
		case a := <-ack.Ok():
			return a.Sequence, nil
		case err = <-ack.Err():
		case <-ctx.Done():
			err = ctx.Err()
		case <-j.closed:
			err = hydro.ErrUnavailable
		}
		return 0, fmt.Errorf("append input: basin %s: %w", basin, j.kind(ctx, err))
	}, nil
}

// LastInput returns the sequence number of the last input on the basin's
// in-log, 0 if there was never one.
func (j *Journal) LastInput(ctx context.Context, basin string) (uint64, error) {
	seq, err := j.last(ctx, basin, inStream)
	if err != nil {
		return 0, fmt.Errorf("last input: %w", err)
	}
	return seq, nil
}

// LastCatalogue returns the sequence number of the newest catalogue on the
// basin's in-log, 0 if it holds none.
func (j *Journal) LastCatalogue(ctx context.Context, basin string) (uint64, error) {
	if err := checkBasin(basin); err != nil {
		return 0, fmt.Errorf("last catalogue: %w", err)
	}
	s, err := j.js.Stream(ctx, inStream(basin))
	if err == nil {
		var m *jetstream.RawStreamMsg
		m, err = s.GetLastMsgForSubject(ctx, inSubject(basin, "catalogue"))
		switch {
		case err == nil:
			return m.Sequence, nil
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return 0, nil
		}
	}
	return 0, fmt.Errorf("last catalogue: basin %s: %w", basin, j.kind(ctx, err))
}

// last returns the last sequence number of a basin's stream.
func (j *Journal) last(ctx context.Context, basin string, name func(string) string) (uint64, error) {
	if err := checkBasin(basin); err != nil {
		return 0, err
	}
	s, err := j.js.Stream(ctx, name(basin))
	if err != nil {
		return 0, fmt.Errorf("basin %s: %w", basin, j.kind(ctx, err))
	}
	return s.CachedInfo().State.LastSeq, nil
}

// Inputs yields the inputs of the basin behind the sequence number after, in
// order and without a gap, with Seq set, and then waits for more. It ends when
// ctx is done, and after the first error it yields. Inputs that the log has
// dropped by age are an error that wraps [hydro.ErrNotFound]; a connection that
// comes and goes is none.
func (j *Journal) Inputs(ctx context.Context, basin string, after uint64) iter.Seq2[hydro.Input, error] {
	return func(yield func(hydro.Input, error) bool) {
		next := after + 1
		for m, err := range j.follow(ctx, basin, inStream, after, nil) {
			var in hydro.Input
			if err == nil && m.seq != next {
				err = fmt.Errorf("inputs %d to %d are no longer on the log: %w", next, m.seq-1, hydro.ErrNotFound)
			}
			if err == nil {
				in, err = wire.DecodeInput(m.data)
			}
			if err != nil {
				yield(hydro.Input{}, fmt.Errorf("read inputs: basin %s: %w", basin, err))
				return
			}
			in.Seq = m.seq
			if !yield(in, nil) {
				return
			}
			next++
		}
	}
}

func inSubject(basin, kind string) string { return "in." + basin + "." + kind }
