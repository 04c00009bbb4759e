package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"freshet/ingest"
	"freshet/internal/hydro"
)

// A gatedLog appends one batch for each permit.
type gatedLog struct {
	entered chan struct{} // one value per append that has begun
	permit  chan error    // its outcome

	mu      sync.Mutex
	batches []hydro.Batch
}

func newGatedLog() *gatedLog {
	return &gatedLog{entered: make(chan struct{}), permit: make(chan error)}
}

func (l *gatedLog) AppendInput(ctx context.Context, basin string, in hydro.Input) (uint64, error) {
	select {
	case l.entered <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case err := <-l.permit:
		if err != nil {
			return 0, err
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := *in.Batch // the slices are the writer's
	b.Readings, b.Refusals = slices.Clone(b.Readings), slices.Clone(b.Refusals)
	if b.Basin != basin {
		return 0, fmt.Errorf("batch of %q for %q", b.Basin, basin)
	}
	l.batches = append(l.batches, b)
	return uint64(len(l.batches)), nil
}

// readings returns n readings of one station, numbered from first.
func readings(station string, first, n int) []hydro.Reading {
	out := make([]hydro.Reading, n)
	for i := range out {
		v := float64(first + i)
		out[i] = hydro.Reading{Key: hydro.Key{Station: station, Variable: hydro.Discharge}, At: now, Raw: v, Value: v}
	}
	return out
}

func start(t *testing.T, log ingest.Log, opts ingest.WriterOptions) *ingest.Writer {
	opts.Now = func() time.Time { return now }
	w := ingest.NewWriter("tanjiang", log, opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func submit(t *testing.T, w *ingest.Writer, r []hydro.Reading) *ingest.Ticket {
	t.Helper()
	ticket, err := w.Submit(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func isDone(t *ingest.Ticket) bool {
	select {
	case <-t.Done():
		return true
	default:
		return false
	}
}

func TestManySubmittersShareOneAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newGatedLog()
		w := start(t, log, ingest.WriterOptions{})
		first := submit(t, w, readings("a", 0, 1))
		<-log.entered // the disk is busy with the first
		var rest []*ingest.Ticket
		for g := range 100 {
			rest = append(rest, submit(t, w, readings(fmt.Sprint(g), 0, 10)))
		}
		synctest.Wait()
		if isDone(first) || w.Queued() != 1001 {
			t.Fatalf("done before the append returned, or %d queued", w.Queued())
		}
		log.permit <- nil
		if err := first.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-log.entered
		synctest.Wait()
		for _, r := range rest {
			if isDone(r) {
				t.Fatal("acked before it was on disk")
			}
		}
		log.permit <- nil
		for _, r := range rest {
			if err := r.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(log.batches) != 2 || len(log.batches[1].Readings) != 1000 {
			t.Errorf("%d appends for 101 submissions", len(log.batches))
		}
		if b := log.batches[0]; b.Basin != "tanjiang" || !b.ReceivedAt.Equal(now) {
			t.Errorf("batch of %s, received at %s", b.Basin, b.ReceivedAt)
		}
		if w.Queued() != 0 {
			t.Errorf("%d queued at the end", w.Queued())
		}
	})
}

func TestAFullQueueHoldsSubmittersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newGatedLog()
		w := start(t, log, ingest.WriterOptions{Queue: 100})
		submit(t, w, readings("a", 0, 60))
		<-log.entered
		submit(t, w, readings("b", 0, 40))
		blocked := make(chan *ingest.Ticket)
		go func() {
			ticket, err := w.Submit(t.Context(), readings("c", 0, 1000), nil) // more than the whole queue
			if err != nil {
				t.Error(err)
			}
			blocked <- ticket
		}()
		synctest.Wait()
		if q := w.Queued(); q != 100 {
			t.Errorf("%d queued", q)
		}
		short, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Submit(short, readings("d", 0, 1), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		log.permit <- nil
		<-log.entered
		log.permit <- nil
		ticket := <-blocked
		<-log.entered
		log.permit <- nil
		if err := ticket.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAnErrorReachesAllWhoShareTheAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newGatedLog()
		w := start(t, log, ingest.WriterOptions{})
		submit(t, w, readings("a", 0, 1))
		<-log.entered
		second, third := submit(t, w, readings("b", 0, 5)), submit(t, w, readings("c", 0, 5))
		log.permit <- nil
		<-log.entered
		log.permit <- fmt.Errorf("disk: %w", hydro.ErrUnavailable)
		for _, ticket := range []*ingest.Ticket{second, third} {
			if err := ticket.Wait(t.Context()); !errors.Is(err, hydro.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		again := submit(t, w, readings("b", 0, 5)) // the writer goes on
		<-log.entered
		log.permit <- nil
		if err := again.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestLargeSubmissionsAreSplitAndWakeWithTheirLastPart(t *testing.T) {
	for _, c := range []struct {
		name string
		opts ingest.WriterOptions
	}{{"by readings", ingest.WriterOptions{MaxBatch: 1000}}, {"by bytes", ingest.WriterOptions{MaxBytes: 28*999 + 10}}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newGatedLog()
				w := start(t, log, c.opts)
				submit(t, w, readings("x", 0, 1))
				<-log.entered
				a, b := submit(t, w, readings("a", 0, 2500)), submit(t, w, readings("b", 0, 100))
				log.permit <- nil
				for range 2 {
					<-log.entered
					log.permit <- nil
					synctest.Wait()
					if isDone(a) || isDone(b) {
						t.Fatal("acked before the last part was on disk")
					}
				}
				<-log.entered
				log.permit <- nil
				if err := errors.Join(a.Wait(t.Context()), b.Wait(t.Context())); err != nil {
					t.Fatal(err)
				}
				var got []float64
				for _, batch := range log.batches[1:] {
					if len(batch.Readings) > 1000 {
						t.Errorf("a batch of %d", len(batch.Readings))
					}
					for _, r := range batch.Readings {
						if r.Station == "a" {
							got = append(got, r.Value)
						}
					}
				}
				if len(got) != 2500 || !slices.IsSorted(got) {
					t.Errorf("%d readings, sorted %t", len(got), slices.IsSorted(got))
				}
			})
		})
	}
}

func TestALostPartFailsItsSubmissionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newGatedLog()
		w := start(t, log, ingest.WriterOptions{MaxBatch: 10})
		first := submit(t, w, readings("x", 0, 1))
		<-log.entered
		a, b := submit(t, w, readings("a", 0, 25)), submit(t, w, readings("b", 0, 5))
		log.permit <- nil
		<-log.entered
		log.permit <- nil
		<-log.entered
		log.permit <- hydro.ErrUnavailable // the second part of a
		<-log.entered                      // the rest of a, and b
		log.permit <- nil
		if err := a.Wait(t.Context()); !errors.Is(err, hydro.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if err := errors.Join(first.Wait(t.Context()), b.Wait(t.Context())); err != nil {
			t.Error(err)
		}
		if n := len(log.batches); n != 3 {
			t.Errorf("%d batches: %v", n, log.batches)
		}
	})
}

func TestOrderOfASubmitterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newGatedLog()
		w := start(t, log, ingest.WriterOptions{MaxBatch: 64})
		var all sync.WaitGroup
		for g := range 8 {
			all.Go(func() {
				var last *ingest.Ticket
				for i := range 50 {
					ticket, err := w.Submit(t.Context(), readings(fmt.Sprint(g), i*3, 3), nil)
					if err != nil {
						t.Error(err)
						return
					}
					last = ticket
				}
				if err := last.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		stop := make(chan struct{})
		go func() { all.Wait(); close(stop) }()
		for open := true; open; {
			select {
			case <-log.entered:
				log.permit <- nil
			case <-stop:
				open = false
			}
		}
		next := map[string]float64{}
		for _, b := range log.batches {
			for _, r := range b.Readings {
				if r.Value != next[r.Station] {
					t.Fatalf("station %s: %g where %g should be", r.Station, r.Value, next[r.Station])
				}
				next[r.Station]++
			}
		}
		for g := range 8 {
			if next[fmt.Sprint(g)] != 150 {
				t.Errorf("station %d has %g readings", g, next[fmt.Sprint(g)])
			}
		}
	})
}

func TestAStoppedWriterSaysUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newGatedLog()
		w := ingest.NewWriter("tanjiang", log, ingest.WriterOptions{Now: func() time.Time { return now }})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = w.Run(ctx) }()
		a := submit(t, w, readings("a", 0, 1))
		<-log.entered
		b := submit(t, w, readings("b", 0, 1))
		cancel()
		for _, ticket := range []*ingest.Ticket{a, b} {
			if err := ticket.Wait(t.Context()); !errors.Is(err, hydro.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
		synctest.Wait()
		if _, err := w.Submit(t.Context(), readings("c", 0, 1), nil); !errors.Is(err, hydro.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRefusalsAloneAreAppended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newGatedLog()
		w := start(t, log, ingest.WriterOptions{})
		empty, err := w.Submit(t.Context(), nil, nil)
		if err != nil || !isDone(empty) {
			t.Fatalf("nothing to write should be done at once: %v", err)
		}
		ticket, err := w.Submit(t.Context(), nil, []hydro.Refusal{{Station: "a", Reason: hydro.DatumMissing, Count: 3}})
		if err != nil {
			t.Fatal(err)
		}
		<-log.entered
		log.permit <- nil
		if err := ticket.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(log.batches) != 1 || len(log.batches[0].Refusals) != 1 {
			t.Errorf("got %+v", log.batches)
		}
	})
}

// A startingLog has appends under way until settle says what became of them.
type startingLog struct {
	gatedLog
	started chan int   // the number of readings of each append that was begun
	settle  chan error // in their order
}

func (l *startingLog) StartAppend(_ string, in hydro.Input) (func(context.Context) (uint64, error), error) {
	l.started <- len(in.Batch.Readings)
	return func(ctx context.Context) (uint64, error) {
		select {
		case err := <-l.settle:
			return 1, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}, nil
}

func TestSeveralAppendsAreUnderWayAndSettleInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &startingLog{started: make(chan int, 100), settle: make(chan error)}
		w := start(t, log, ingest.WriterOptions{})
		var tickets []*ingest.Ticket
		for range 10 {
			tickets = append(tickets, submit(t, w, readings("a", 0, 5)))
			synctest.Wait()
		}
		if n := len(log.started); n != 3 {
			t.Fatalf("%d appends under way", n)
		}
		for i := range 3 {
			if n := <-log.started; n != 5 || isDone(tickets[i]) {
				t.Errorf("append %d has %d readings, done %t", i, n, isDone(tickets[i]))
			}
		}
		log.settle <- nil
		synctest.Wait()
		if !isDone(tickets[0]) || isDone(tickets[1]) {
			t.Error("the first append settles the first submission")
		}
		if n := <-log.started; n != 35 {
			t.Errorf("the next append has %d readings of the 35 that waited", n)
		}
		log.settle <- hydro.ErrUnavailable
		log.settle <- nil
		log.settle <- nil
		for i, ticket := range tickets {
			if err := ticket.Wait(t.Context()); errors.Is(err, hydro.ErrUnavailable) != (i == 1) {
				t.Errorf("submission %d: %v", i, err)
			}
		}
	})
}
