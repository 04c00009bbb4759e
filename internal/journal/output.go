package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"freshet/internal/hydro"
	"freshet/internal/wire"
)

// A Position is a place in the out-log: the message of sequence number Seq is
// the Index-th one that follows from the input InputSeq. The zero Position is
// the place before the first message.
type Position struct {
	Seq      uint64
	InputSeq uint64
	Index    int
}

// covers reports whether the output of that input (from 1) and index is out when
// p is the place of the last one.
func (p Position) covers(inputSeq uint64, index int) bool {
	return inputSeq < p.InputSeq || (inputSeq == p.InputSeq && index <= p.Index)
}

// LastOutput returns the place of the last message of the basin's out-log. If
// the log has dropped that message by age, only Seq is set: any input that the
// log still holds is younger than that output.
func (j *Journal) LastOutput(ctx context.Context, basin string) (Position, error) {
	p, err := j.lastOutput(ctx, basin)
	if err != nil {
		return Position{}, fmt.Errorf("last output: %w", err)
	}
	return p, nil
}

func (j *Journal) lastOutput(ctx context.Context, basin string) (Position, error) {
	if err := checkBasin(basin); err != nil {
		return Position{}, err
	}
	s, err := j.js.Stream(ctx, outStream(basin))
	if err != nil {
		return Position{}, fmt.Errorf("basin %s: %w", basin, j.kind(ctx, err))
	}
	p := Position{Seq: s.CachedInfo().State.LastSeq}
	if p.Seq == 0 {
		return p, nil
	}
	m, err := s.GetMsg(ctx, p.Seq)
	if err != nil {
		if err = j.kind(ctx, err); errors.Is(err, hydro.ErrNotFound) {
			return p, nil
		}
		return Position{}, fmt.Errorf("basin %s: message %d: %w", basin, p.Seq, err)
	}
	p.InputSeq, p.Index, _, err = wire.DecodeOutput(m.Data)
	if err != nil {
		return Position{}, fmt.Errorf("basin %s: message %d: %w", basin, p.Seq, err)
	}
	return p, nil
}

// A Record is one message of the out-log.
type Record struct {
	Seq      uint64
	InputSeq uint64
	Index    int
	Pending  uint64 // messages behind it that match
	Output   hydro.Output
}

var kinds = []string{"observations", "forecast", "warning", "audit", "rate", "duty", "group", "forecast_watch"}

// Outputs yields the outputs of the basin behind the sequence number after that
// are of one of the kinds (see [hydro.Output.Kind]; all if none is named), in
// order and each once, and then waits for more. It ends when ctx is done, and
// after the first error it yields; a connection that comes and goes is none.
// Outputs that the log has dropped by age are left out.
func (j *Journal) Outputs(ctx context.Context, basin string, after uint64, kind ...string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		subjects, err := outSubjects(basin, kind)
		if err != nil {
			yield(Record{}, fmt.Errorf("read outputs: basin %s: %w", basin, err))
			return
		}
		for m, err := range j.follow(ctx, basin, outStream, after, subjects) {
			r := Record{Seq: m.seq, Pending: m.pending}
			if err == nil {
				r.InputSeq, r.Index, r.Output, err = wire.DecodeOutput(m.data)
			}
			if err != nil {
				yield(Record{}, fmt.Errorf("read outputs: basin %s: %w", basin, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func outSubject(basin, kind string) string { return "out." + basin + "." + kind }
