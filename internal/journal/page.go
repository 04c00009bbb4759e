package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
	"freshet/internal/wire"
)

// Page returns up to n outputs of the basin behind the sequence number after that
// are of one of the kinds, in order, as [Journal.Outputs] yields them, but waits
// for none: the log holds no other up to the last one's Pending. If there is none
// behind after, the page is empty. A connection that is away is waited for.
func (j *Journal) Page(ctx context.Context, basin string, after uint64, n int, kind ...string) ([]Record, error) {
	wrong := func(err error) error { return fmt.Errorf("page of outputs: basin %s: %w", basin, err) }
	if err := checkBasin(basin); err != nil {
		return nil, wrong(err)
	}
	subjects, err := outSubjects(basin, kind)
	if err != nil {
		return nil, wrong(err)
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		page, err := j.page(ctx, outStream(basin), after, n, subjects)
		if err == nil {
			return page, nil
		}
		if ctx.Err() != nil {
			return nil, wrong(context.Cause(ctx))
		}
		if err = j.kind(ctx, err); errors.Is(err, hydro.ErrNotFound) || errors.Is(err, hydro.ErrInvalid) || j.conn.IsClosed() {
			return nil, wrong(err)
		}
		j.log.Warn("a page of the log could not be read, trying again", "basin", basin, "seq", after, "pause", pause, "err", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-j.closed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (j *Journal) page(ctx context.Context, stream string, after uint64, n int, subjects []string) (_ []Record, err error) {
	cons, err := j.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubjects:    subjects,
		InactiveThreshold: inactive,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if !j.conn.IsClosed() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = j.js.DeleteConsumer(ctx, stream, cons.CachedInfo().Name) // the server will drop it
		}
	}()
	waiting := cons.CachedInfo().NumPending
	if waiting == 0 {
		return nil, nil
	}
	// Messages may go by age between the count and the delivery: then fewer come.
	fetching, stop := context.WithTimeout(ctx, heartbeat)
	defer stop()
	batch, err := cons.Fetch(int(min(uint64(n), waiting)), jetstream.FetchContext(fetching))
	if err != nil {
		return nil, err
	}
	var page []Record
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		if meta.Sequence.Consumer != uint64(len(page)+1) || meta.Sequence.Stream <= after {
			return nil, fmt.Errorf("%w: delivery %d is message %d behind %d", errGap, len(page)+1, meta.Sequence.Stream, after)
		}
		after = meta.Sequence.Stream
		r := Record{Seq: after, Pending: meta.NumPending}
		if r.InputSeq, r.Index, r.Output, err = wire.DecodeOutput(m.Data()); err != nil {
			return nil, fmt.Errorf("message %d: %w", after, err)
		}
		page = append(page, r)
	}
	if len(page) == 0 {
		return nil, fmt.Errorf("%d messages were waiting, and none came: %w", waiting, errors.Join(batch.Error(), hydro.ErrUnavailable))
	}
	return page, nil // what is missing at its end is the next page's
}

// LastOf returns the sequence number of the last output of the basin that is of
// one of the kinds, or 0 if the log holds none.
func (j *Journal) LastOf(ctx context.Context, basin string, kind ...string) (uint64, error) {
	wrong := func(err error) error { return fmt.Errorf("last output: basin %s: %w", basin, err) }
	if err := checkBasin(basin); err != nil {
		return 0, wrong(err)
	}
	subjects, err := outSubjects(basin, kind)
	if err != nil {
		return 0, wrong(err)
	}
	s, err := j.js.Stream(ctx, outStream(basin))
	if err != nil {
		return 0, wrong(j.kind(ctx, err))
	}
	var last uint64
	for _, subject := range subjects {
		m, err := s.GetLastMsgForSubject(ctx, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return 0, wrong(j.kind(ctx, err))
		default:
			last = max(last, m.Sequence)
		}
	}
	return last, nil
}

// outSubjects are the subjects of the kinds.
func outSubjects(basin string, kind []string) ([]string, error) {
	var subjects []string
	for _, k := range kind {
		if !slices.Contains(kinds, k) {
			return nil, fmt.Errorf("kind %q is not one of %q: %w", k, kinds, hydro.ErrInvalid)
		}
		if s := outSubject(basin, k); !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	return subjects, nil
}
