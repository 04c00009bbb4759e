package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"freshet/internal/hydro"
)

// A Log takes inputs in order. AppendInput returns when in is on disk, with its
// sequence number, and keeps nothing of in; an error that wraps
// hydro.ErrUnavailable may be mended by sending again.
type Log interface {
	AppendInput(ctx context.Context, basin string, in hydro.Input) (uint64, error)
}

// WriterOptions configure a Writer.
type WriterOptions struct {
	// Now stamps each batch: the wall clock, or the driven one. Required.
	Now func() time.Time
	// Logger hears of appends that failed; nil means nobody does.
	Logger *slog.Logger
	// Queue bounds the readings that wait or are being appended; 0 means
	// 400,000. A submission that does not fit waits: that is the flow control.
	Queue int
	// MaxBatch bounds the readings of one append; 0 means 20,000.
	MaxBatch int
	// MaxBytes bounds the estimated size of one append; 0 means 850,000, so that
	// a message stays below 900 kB.
	MaxBytes int
}

// A Writer is the group commit of one basin. While one append is on its way to
// the disk, submissions gather; the next append takes all of them.
type Writer struct {
	basin string
	log   Log
	opts  WriterOptions
	space *semaphore.Weighted

	mu     sync.Mutex
	queue  []*Ticket
	queued int // readings in queue and in the append under way
	closed error

	wake chan struct{} // capacity 1: the queue is not empty
}

// NewWriter returns the writer of a basin; nothing is appended until Run. It
// panics without log or clock.
func NewWriter(basin string, log Log, opts WriterOptions) *Writer {
	if log == nil || opts.Now == nil {
		panic("ingest: writer without log or clock")
	}
	if opts.Queue <= 0 {
		opts.Queue = 400_000
	}
	if opts.MaxBatch <= 0 {
		opts.MaxBatch = 20_000
	}
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = 850_000
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Writer{basin: basin, log: log, opts: opts, space: semaphore.NewWeighted(int64(opts.Queue)), wake: make(chan struct{}, 1)}
}

// A Ticket stands for one submission.
type Ticket struct {
	readings []hydro.Reading
	refusals []hydro.Refusal
	weight   int64
	size     int // readings and refusals as submitted
	done     chan struct{}
	err      error
}

// Done is closed when the submission is durable or has failed.
func (t *Ticket) Done() <-chan struct{} { return t.done }

// Wait blocks until all of the submission is on disk and returns nil, or returns
// why it is not known to be. After an error some of it may be on disk: send it
// again, a resend is harmless.
func (t *Ticket) Wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the log: %w", context.Cause(ctx))
	}
}

// Submit queues readings and refusals for the log, in order after all earlier
// submissions, and returns a ticket to wait on. It blocks while the queue is
// full. The slices must not be changed until the ticket is done. The error
// wraps hydro.ErrUnavailable when the writer has stopped.
func (w *Writer) Submit(ctx context.Context, readings []hydro.Reading, refusals []hydro.Refusal) (*Ticket, error) {
	t := &Ticket{readings: readings, refusals: refusals, done: make(chan struct{})}
	t.size = len(readings) + len(refusals)
	if t.size == 0 {
		close(t.done)
		return t, nil
	}
	t.weight = int64(min(t.size, w.opts.Queue)) // more than the whole queue: alone
	if err := w.space.Acquire(ctx, t.weight); err != nil {
		return nil, fmt.Errorf("wait for room in the queue of basin %s: %w", w.basin, err)
	}
	w.mu.Lock()
	if err := w.closed; err != nil {
		w.mu.Unlock()
		w.space.Release(t.weight)
		return nil, err
	}
	w.queue = append(w.queue, t)
	w.queued += t.size
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return t, nil
}

// Queued returns the number of readings that wait for the disk.
func (w *Writer) Queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queued
}

// Run appends until ctx is done, then fails what still waits with an error that
// wraps hydro.ErrUnavailable. It always returns nil; call it once.
func (w *Writer) Run(ctx context.Context) error {
	var (
		taken []*Ticket
		batch hydro.Batch
	)
	defer func() {
		stopped := fmt.Errorf("ingest of basin %s has stopped: %w", w.basin, hydro.ErrUnavailable)
		w.mu.Lock()
		w.closed = stopped
		taken, w.queue = w.queue, nil
		w.mu.Unlock()
		for _, t := range taken {
			t.err = stopped
		}
		w.finish(taken)
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
		for ctx.Err() == nil {
			w.mu.Lock()
			taken, w.queue = w.queue, taken[:0]
			w.mu.Unlock()
			if len(taken) == 0 {
				break
			}
			w.commit(ctx, taken, &batch)
			clear(taken) // let go of the submissions' memory
		}
	}
}

// commit appends everything in tickets, in as few inputs as their size allows,
// and wakes each submitter when the last of its readings is on disk.
func (w *Writer) commit(ctx context.Context, tickets []*Ticket, batch *hydro.Batch) {
	var (
		lo      int // tickets[lo:] are not finished
		size    int // estimate of the batch's encoded size
		station string
	)
	flush := func(next int) { // tickets[lo:next] have something in the batch
		if err := w.append(ctx, batch); err != nil {
			for _, t := range tickets[lo:next] {
				t.err = err
			}
		}
		batch.Readings, batch.Refusals = batch.Readings[:0], batch.Refusals[:0]
		size, station = 0, ""
	}
	for i, t := range tickets {
		readings, refusals := t.readings, t.refusals
		for t.err == nil && len(readings)+len(refusals) > 0 {
			room := w.opts.MaxBatch - len(batch.Readings)
			k := 0
			for k < len(readings) && k < room && size < w.opts.MaxBytes {
				size += readingSize(&readings[k], station)
				station = readings[k].Station
				k++
			}
			batch.Readings = append(batch.Readings, readings[:k]...)
			readings = readings[k:]
			k = 0
			for k < len(refusals) && size < w.opts.MaxBytes {
				size += 48 + len(refusals[k].Station) + len(refusals[k].Detail)
				k++
			}
			batch.Refusals = append(batch.Refusals, refusals[:k]...)
			refusals = refusals[k:]
			if len(readings)+len(refusals) > 0 {
				flush(i + 1)
				w.finish(tickets[lo:i]) // t itself has more to come, unless it failed
				lo = i
			}
		}
		if t.err != nil { // the rest of t must not follow a part that is lost
			w.finish(tickets[lo : i+1])
			lo = i + 1
		}
	}
	if len(batch.Readings)+len(batch.Refusals) > 0 {
		flush(len(tickets))
	}
	w.finish(tickets[lo:])
}

// readingSize is an upper estimate of what a reading adds to a message; before
// is the station of the reading before it, whose name is shared.
func readingSize(r *hydro.Reading, before string) int {
	n := 28
	if r.Value != r.Raw {
		n += 8
	}
	if r.Station != before {
		n += 2 + len(r.Station)
	}
	return n
}

func (w *Writer) append(ctx context.Context, batch *hydro.Batch) error {
	batch.Basin, batch.ReceivedAt = w.basin, w.opts.Now()
	_, err := w.log.AppendInput(ctx, w.basin, hydro.Input{Batch: batch})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !errors.Is(err, hydro.ErrUnavailable) {
		err = fmt.Errorf("stopping: %w: %w", err, hydro.ErrUnavailable)
	}
	w.opts.Logger.WarnContext(ctx, "readings were not appended; their gateways will send them again",
		slog.String("basin", w.basin), slog.Int("readings", len(batch.Readings)), slog.Any("err", err))
	return fmt.Errorf("append %d readings of basin %s: %w", len(batch.Readings), w.basin, err)
}

// finish wakes the submitters of tickets and gives their room back.
func (w *Writer) finish(tickets []*Ticket) {
	if len(tickets) == 0 {
		return
	}
	var size int
	var weight int64
	for _, t := range tickets {
		size += t.size
		weight += t.weight
		t.readings, t.refusals = nil, nil
		close(t.done)
	}
	w.mu.Lock()
	w.queued -= size
	w.mu.Unlock()
	w.space.Release(weight)
}
