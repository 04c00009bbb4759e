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

// A Starter is a Log that can have several appends under way at once. StartAppend
// returns when in is on its way, in order behind all that were started before,
// and keeps nothing of in; wait returns what AppendInput would have returned.
// If one fails, those behind it may be on the log all the same.
type Starter interface {
	StartAppend(basin string, in hydro.Input) (wait func(context.Context) (uint64, error), err error)
}

// underWay is how many appends a Starter has under way at most. Each append
// passes through several goroutines and one fsync; with three, one is being
// encoded and one is being synced while a third is on its way.
const underWay = 3

// WriterOptions configure a Writer.
type WriterOptions struct {
	// Now stamps each batch: the wall clock, or the driven one. Required.
	Now func() time.Time
	// Logger hears of appends that failed; nil means nobody does.
	Logger *slog.Logger
	// Queue bounds the readings that wait or are being appended; 0 means
	// 400,000. A submission that does not fit waits: that is the flow control.
	Queue int
	// MaxBatch bounds the readings of one append; 0 means 30,000.
	MaxBatch int
	// MaxBytes bounds the estimated size of one append; 0 means 850,000, so that
	// a message stays below 900 kB.
	MaxBytes int
}

// A Writer is the group commit of one basin. While appends are on their way to
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
		opts.MaxBatch = 30_000
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

// Busy reports that so much waits for the disk (an eighth of the queue) that
// whoever can wait should leave disk and processors to the gateways.
func (w *Writer) Busy() bool { return w.Queued() > w.opts.Queue/8 }

// Run appends until ctx is done, then fails what still waits with an error that
// wraps hydro.ErrUnavailable. It always returns nil; call it once.
func (w *Writer) Run(ctx context.Context) error {
	commits := make(chan commit, underWay-2) // besides the one that settle waits for and the newest
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		for c := range commits {
			w.settle(ctx, c)
		}
	}()
	defer func() {
		close(commits)
		<-settled
		w.mu.Lock()
		w.closed = fmt.Errorf("ingest of basin %s has stopped: %w", w.basin, hydro.ErrUnavailable)
		left := w.queue
		w.queue = nil
		w.mu.Unlock()
		for _, t := range left {
			t.err = w.closed
		}
		w.finish(left)
	}()
	var batch hydro.Batch
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
		for ctx.Err() == nil {
			w.mu.Lock()
			taken := w.queue
			w.queue = nil
			w.mu.Unlock()
			if len(taken) == 0 {
				break
			}
			w.append(ctx, taken, &batch, commits)
		}
	}
}

// A commit is one append under way.
type commit struct {
	wait     func(context.Context) (uint64, error)
	readings int
	tickets  []*Ticket // have something in it
	done     int       // so many of them, from the front, have nothing in a later one
}

// append starts to append everything in tickets, in as few inputs as their size
// allows.
func (w *Writer) append(ctx context.Context, tickets []*Ticket, batch *hydro.Batch, commits chan<- commit) {
	var (
		lo      int // tickets[lo:] have something in the batch or behind it
		size    int // estimate of the batch's encoded size
		station string
	)
	start := func(next, done int) {
		batch.Basin, batch.ReceivedAt = w.basin, w.opts.Now()
		commits <- commit{wait: w.start(ctx, batch), readings: len(batch.Readings), tickets: tickets[lo:next], done: done - lo}
		batch.Readings, batch.Refusals = batch.Readings[:0], batch.Refusals[:0]
		lo, size, station = done, 0, ""
	}
	for i, t := range tickets {
		readings, refusals := t.readings, t.refusals
		for {
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
			if len(readings)+len(refusals) == 0 {
				break
			}
			start(i+1, i) // t has more to come
		}
	}
	start(len(tickets), len(tickets))
}

// start begins to append batch, or, with a Log that cannot, does it.
func (w *Writer) start(ctx context.Context, batch *hydro.Batch) func(context.Context) (uint64, error) {
	in := hydro.Input{Batch: batch}
	if s, ok := w.log.(Starter); ok {
		wait, err := s.StartAppend(w.basin, in)
		if err == nil {
			return wait
		}
		return func(context.Context) (uint64, error) { return 0, err }
	}
	seq, err := w.log.AppendInput(ctx, w.basin, in)
	return func(context.Context) (uint64, error) { return seq, err }
}

// settle waits for an append and wakes the submitters whose last reading is now
// on disk.
func (w *Writer) settle(ctx context.Context, c commit) {
	if _, err := c.wait(ctx); err != nil {
		if ctx.Err() != nil && !errors.Is(err, hydro.ErrUnavailable) {
			err = fmt.Errorf("stopping: %w: %w", err, hydro.ErrUnavailable)
		}
		w.opts.Logger.WarnContext(ctx, "readings were not appended; their gateways will send them again",
			slog.String("basin", w.basin), slog.Int("readings", c.readings), slog.Any("err", err))
		for _, t := range c.tickets {
			t.err = fmt.Errorf("append %d readings of basin %s: %w", c.readings, w.basin, err)
		}
	}
	w.finish(c.tickets[:c.done])
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
