package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
)

const (
	// prefetch is how many messages a reader holds ahead of its caller.
	prefetch = 64
	// inactive is how long the server keeps the place of a reader that is gone.
	inactive = time.Minute
	// heartbeat lets a reader notice a server that forgot it.
	heartbeat = 5 * time.Second
	// Pause after a failure, doubled with each failure in a row.
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// A message is one message of a stream. Its data is the reader's own.
type message struct {
	seq     uint64
	pending uint64 // that match, behind this one
	data    []byte
}

// follow yields the messages of the basin's stream behind the sequence number
// after that match one of the subjects (all if there is none), in order, each
// once, and waits for more. It starts again behind the last message whenever
// the consumer fails. It ends when ctx is done, without an error, and after the
// first error that it yields: that the basin is not known, or the log closed.
func (j *Journal) follow(ctx context.Context, basin string, stream func(string) string, after uint64, subjects []string) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		if err := checkBasin(basin); err != nil {
			yield(message{}, err)
			return
		}
		pause := firstPause
		for ctx.Err() == nil {
			last, goOn, err := j.consumeUntilReconnect(ctx, stream(basin), after, subjects, yield)
			if !goOn || ctx.Err() != nil {
				return
			}
			if err = j.kind(ctx, err); errors.Is(err, hydro.ErrNotFound) || j.conn.IsClosed() {
				yield(message{}, err)
				return
			}
			if last != after {
				after, pause = last, firstPause
			}
			j.log.Warn("log reader was interrupted, resuming behind the last message", "basin", basin, "seq", after, "pause", pause, "err", err)
			timer := time.NewTimer(pause)
			select {
			case <-ctx.Done():
			case <-j.closed:
			case <-timer.C:
			}
			timer.Stop()
			pause = min(2*pause, lastPause)
		}
	}
}

// consumeUntilReconnect is consume, and ends it when a lost connection is back:
// the server that answers then may not know the consumer.
func (j *Journal) consumeUntilReconnect(ctx context.Context, stream string, after uint64, subjects []string, yield func(message, error) bool) (last uint64, goOn bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	j.mu.Lock()
	j.readers[&cancel] = struct{}{}
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		delete(j.readers, &cancel)
		j.mu.Unlock()
	}()
	return j.consume(ctx, stream, after, subjects, yield)
}

func (j *Journal) wakeReaders() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for cancel := range j.readers {
		(*cancel)()
	}
}

var errGap = errors.New("consumer skipped a message")

// consume yields messages from one consumer until it fails. It returns the last
// sequence number that was yielded, and whether the caller wants more.
func (j *Journal) consume(ctx context.Context, stream string, after uint64, subjects []string, yield func(message, error) bool) (last uint64, goOn bool, err error) {
	// An ephemeral consumer without acknowledgements: the reader's place is its
	// own business, so that a slow one holds up nobody.
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
		return after, true, err
	}
	fetching, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		if !j.conn.IsClosed() {
			// The caller's context may be done, and the server would take inactive.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := j.js.DeleteConsumer(ctx, stream, cons.CachedInfo().Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				j.log.Debug("consumer was not deleted, the server will drop it", "stream", stream, "err", err)
			}
		}
	}()
	// Batch by batch rather than one endless delivery: the client library gives
	// that a buffer without room for the server's notices, and a reader that is
	// slower than the log overflows it.
	for delivered := uint64(1); ; {
		batch, err := cons.Fetch(prefetch, jetstream.FetchContext(fetching), jetstream.FetchHeartbeat(heartbeat))
		if err != nil {
			return after, true, err
		}
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return after, true, err
			}
			if meta.Sequence.Consumer != delivered || meta.Sequence.Stream <= after {
				return after, true, fmt.Errorf("%w: delivery %d is message %d behind %d", errGap, delivered, meta.Sequence.Stream, after)
			}
			after = meta.Sequence.Stream
			delivered++
			if !yield(message{seq: after, pending: meta.NumPending, data: m.Data()}, nil) {
				return after, false, nil
			}
		}
		if err := batch.Error(); err != nil {
			return after, true, err
		}
	}
}
