package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
)

// Identity returns text that names the basin's out-log and no other: it differs
// between installations, and changes when the log is made anew.
func (j *Journal) Identity(ctx context.Context, basin string) (string, error) {
	if err := checkBasin(basin); err != nil {
		return "", fmt.Errorf("log identity: %w", err)
	}
	s, err := j.js.Stream(ctx, outStream(basin))
	if err != nil {
		return "", fmt.Errorf("log identity: basin %s: %w", basin, j.kind(ctx, err))
	}
	return basin + " " + s.CachedInfo().Created.UTC().Format(time.RFC3339Nano), nil
}

// FirstOutput returns the sequence number of the oldest message that the
// basin's out-log still holds, or the number that the next one will get if it
// holds none.
func (j *Journal) FirstOutput(ctx context.Context, basin string) (uint64, error) {
	if err := checkBasin(basin); err != nil {
		return 0, fmt.Errorf("first output: %w", err)
	}
	s, err := j.js.Stream(ctx, outStream(basin))
	if err != nil {
		return 0, fmt.Errorf("first output: basin %s: %w", basin, j.kind(ctx, err))
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return state.LastSeq + 1, nil
	}
	return state.FirstSeq, nil
}

// LastOutputOf returns the sequence number of the newest message of a kind (see
// [hydro.Output.Kind]) on the basin's out-log, 0 if it holds none.
func (j *Journal) LastOutputOf(ctx context.Context, basin, kind string) (uint64, error) {
	if err := checkBasin(basin); err != nil {
		return 0, fmt.Errorf("last output: %w", err)
	}
	if !slices.Contains(kinds, kind) {
		return 0, fmt.Errorf("last output: basin %s: kind %q is not one of %q: %w", basin, kind, kinds, hydro.ErrInvalid)
	}
	s, err := j.js.Stream(ctx, outStream(basin))
	if err == nil {
		var m *jetstream.RawStreamMsg
		m, err = s.GetLastMsgForSubject(ctx, outSubject(basin, kind))
		switch {
		case err == nil:
			return m.Sequence, nil
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return 0, nil
		}
	}
	return 0, fmt.Errorf("last output: basin %s: %w", basin, j.kind(ctx, err))
}
