// Package outbox sends what the engines conclude to the receivers of a
// notify.yaml: webhooks, mailboxes and the robots of chat groups.
//
// An outbox is a reader of the log like the archive, and one receiver's: it has
// its own consumers, its own place on the log and its own goroutines, so that a
// receiver that is down delays neither another nor an engine. It sends one
// message at a time, in the order of the log, and tries again for ever, unless the
// receiver refuses one message again and again: that is set aside in a file, from
// where it can be sent again. The place moves only when the receiver has said yes
// or the file is on the disk; what was in flight at a crash is sent once more,
// with the same idempotency key.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"freshet/alert/notify"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/journal"
)

// A Source is the log, as an outbox uses it. [journal.Journal] is one.
type Source interface {
	// Outputs yields the basin's outputs of these kinds behind the sequence number
	// after, in order and each once, and then waits for more until ctx is done.
	Outputs(ctx context.Context, basin string, after uint64, kinds ...string) iter.Seq2[journal.Record, error]
	// FirstOutput returns the sequence number of the oldest output that is there.
	FirstOutput(ctx context.Context, basin string) (uint64, error)
	// LastOutput returns the place of the last output.
	LastOutput(ctx context.Context, basin string) (journal.Position, error)
	// LoadCheckpoint returns what SaveCheckpoint stored last, 0 if nothing.
	LoadCheckpoint(ctx context.Context, name string) (uint64, error)
	// SaveCheckpoint stores a number under that name.
	SaveCheckpoint(ctx context.Context, name string, seq uint64) error
}

// Options steer an outbox.
type Options struct {
	Receiver notify.Receiver
	// Basins are those whose out-logs are followed.
	Basins  []string
	Catalog *catalog.Catalog // names stations; nil: by their ids
	// Now is the clock of the engines: what happened long before it is said to come
	// late.
	Now func() time.Time
	// Wall is the machine's clock, which signatures and bounds of rate go by.
	Wall func() time.Time
	// Wait returns nil after d, or ctx's error when it is done before; nil means a
	// timer. Tests have others.
	Wait func(ctx context.Context, d time.Duration) error
	// MinBackoff and MaxBackoff bound the wait before a message is tried again; it
	// doubles each time. 0 means 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// Aside is the folder of messages that their receiver refuses for ever; "": there
	// is none, and such a message holds up all behind it.
	Aside string
	// Logger gets what fails; nil for none.
	Logger *slog.Logger
	// Metrics are shared by the outboxes of a process; nil for none.
	Metrics *Metrics
}

// Metrics are the counters and gauges of all outboxes, by receiver.
type Metrics struct {
	sent, failures, aside      *prometheus.CounterVec
	queue, last, down, letters *prometheus.GaugeVec
}

// NewMetrics registers the metrics of all outboxes of a process.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	receiver := []string{"receiver"}
	return &Metrics{
		sent: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_outbox_sent_total", Help: "Items that the receiver has taken.",
		}, receiver),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_outbox_failures_total", Help: "Messages that failed and are tried again.",
		}, receiver),
		aside: f.NewCounterVec(prometheus.CounterOpts{
			Name: "freshet_outbox_set_aside_total", Help: "Messages that the receiver refused so often that they were set aside.",
		}, receiver),
		letters: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "freshet_outbox_set_aside_messages", Help: "Messages that are set aside and that nobody has sent again.",
		}, receiver),
		queue: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "freshet_outbox_queue_items", Help: "Items that wait for the receiver.",
		}, receiver),
		last: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "freshet_outbox_last_success_timestamp_seconds", Help: "When the receiver last took something, as Unix time; 0: not since the start.",
		}, receiver),
		down: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "freshet_outbox_down", Help: "1 while the last message to the receiver failed.",
		}, receiver),
	}
}

const (
	defaultMinBackoff = time.Second
	defaultMaxBackoff = time.Minute
	// maxQueue is how many outputs wait in memory; the others wait on the log.
	maxQueue = 4096
	// saveEvery is how many outputs that the receiver does not want may lie behind
	// its place on the log: they are only looked at again.
	saveEvery = 100
	// lastSave bounds what an orderly end may take.
	lastSave = 2 * time.Second
)

// An Outbox sends to one receiver. Use [New].
type Outbox struct {
	source Source
	opts   Options
	log    *slog.Logger
	send   sender
	queue  chan entry
	places []place // one a basin, the sending goroutine's

	waiting atomic.Int64    // wanted entries that are read and not sent
	behind  []atomic.Uint64 // one a basin: outputs on the log behind the last one read
	lately  []time.Time     // when messages were sent, where there is a bound
}

// An entry is an output that was looked at.
type entry struct {
	basin int
	seq   uint64
	item  *notify.Item // nil: the receiver does not want it
}

// A place is how far a receiver has come on a log. Checkpoints hold the next
// number, so that they differ from the 0 of a receiver that never was there.
type place struct{ done, saved uint64 }

// New returns an outbox that is not running yet. It returns ErrInvalid if an
// option is out of range, or a file that the receiver names cannot be used.
func New(source Source, o Options) (*Outbox, error) {
	if o.Receiver.Name == "" || o.Now == nil || o.Wall == nil {
		return nil, fmt.Errorf("outbox: receiver and clocks are needed: %w", hydro.ErrInvalid)
	}
	if o.MinBackoff < 0 || o.MaxBackoff < 0 {
		return nil, fmt.Errorf("outbox: an option is negative: %w", hydro.ErrInvalid)
	}
	if o.MinBackoff == 0 {
		o.MinBackoff = defaultMinBackoff
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = max(defaultMaxBackoff, o.MinBackoff)
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	send, err := newSender(&o.Receiver)
	if err != nil {
		return nil, fmt.Errorf("receiver %s: %w", o.Receiver.Name, err)
	}
	o.Metrics.sent.WithLabelValues(o.Receiver.Name) // from zero on, so that the first one is an increase
	o.Metrics.failures.WithLabelValues(o.Receiver.Name)
	o.Metrics.aside.WithLabelValues(o.Receiver.Name)
	o.Metrics.letters.WithLabelValues(o.Receiver.Name)
	o.Metrics.queue.WithLabelValues(o.Receiver.Name)
	o.Metrics.last.WithLabelValues(o.Receiver.Name)
	o.Metrics.down.WithLabelValues(o.Receiver.Name)
	return &Outbox{
		source: source, opts: o, send: send, queue: make(chan entry, maxQueue), places: make([]place, len(o.Basins)), behind: make([]atomic.Uint64, len(o.Basins)),
		log: o.Logger.With("component", "outbox", "receiver", o.Receiver.Name, "channel", string(o.Receiver.Channel)),
	}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run sends until ctx is done and returns its error. Whatever else fails is
// tried again, for ever.
func (b *Outbox) Run(ctx context.Context) error {
	defer b.send.close()
	for i := range b.opts.Basins {
		if err := b.retry(ctx, "load the place on the log", func() error { return b.begin(ctx, i) }); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for i := range b.opts.Basins {
		g.Go(func() error { return b.read(ctx, i, b.places[i].done) })
	}
	g.Go(func() error { return b.deliver(ctx) })
	return g.Wait()
}

func (b *Outbox) checkpoint(basin int) string {
	return "outbox." + b.opts.Receiver.Name + "." + b.opts.Basins[basin]
}

// begin finds the place on a basin's log. A receiver that never was there begins
// at the end: what happened before it was named is no news to it.
func (b *Outbox) begin(ctx context.Context, basin int) error {
	id := b.opts.Basins[basin]
	next, err := b.source.LoadCheckpoint(ctx, b.checkpoint(basin))
	if err != nil {
		return err
	}
	if next == 0 {
		last, err := b.source.LastOutput(ctx, id)
		if err != nil {
			return err
		}
		next = last.Seq + 1
		if err := b.source.SaveCheckpoint(ctx, b.checkpoint(basin), next); err != nil {
			return err
		}
		b.log.InfoContext(ctx, "a new receiver: it gets what follows from now on", "basin", id, "seq", next)
	}
	first, err := b.source.FirstOutput(ctx, id)
	if err != nil {
		return err
	}
	if first > next {
		b.log.WarnContext(ctx, "the log dropped outputs by age before this receiver came to them; warnings among them are lost to it",
			"basin", id, "from", next, "to", first-1)
	}
	b.places[basin] = place{next - 1, next - 1}
	return nil
}

// read fills the queue with one basin's outputs.
func (b *Outbox) read(ctx context.Context, basin int, last uint64) error {
	for {
		err := b.retry(ctx, "follow the log", func() error {
			for r, err := range b.source.Outputs(ctx, b.opts.Basins[basin], last, notify.OutputKinds()...) {
				if err != nil {
					return err
				}
				e := entry{basin: basin, seq: r.Seq}
				if it, ok := notify.ItemOf(r.Output, b.opts.Catalog); ok && b.opts.Receiver.Wants(&it) {
					e.item = &it
					b.waiting.Add(1)
				}
				b.behind[basin].Store(r.Pending)
				b.show()
				select {
				case b.queue <- e:
				case <-ctx.Done():
					return ctx.Err()
				}
				last = r.Seq
			}
			return fmt.Errorf("the log ended: %w", hydro.ErrUnavailable)
		})
		if err != nil {
			return err
		}
	}
}

// show tells how many items wait. Of those that are still on the log alone,
// because the queue is full, nobody knows yet whether the receiver wants them.
func (b *Outbox) show() {
	n := float64(b.waiting.Load())
	for i := range b.behind {
		n += float64(b.behind[i].Load())
	}
	b.opts.Metrics.queue.WithLabelValues(b.opts.Receiver.Name).Set(n)
}

// deliver sends what is queued, in order.
func (b *Outbox) deliver(ctx context.Context) error {
	defer b.finish(ctx)
	b.resend(ctx)
	b.count()
	look := time.NewTicker(resendEvery)
	defer look.Stop()
	var pending []entry // taken from the queue, not sent; none of them unwanted before the first wanted one
	for {
		if len(pending) == 0 {
			select {
			case e := <-b.queue:
				pending = append(pending, e)
			case <-look.C:
				b.resend(ctx)
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if pending[0].item == nil {
			b.passed(ctx, pending[:1])
			pending = pending[1:]
			continue
		}
		pending = b.gather(pending)
		n, err := b.sendFirst(ctx, pending)
		if err != nil {
			return err
		}
		b.passed(ctx, pending[:n])
		pending = pending[n:]
	}
}

// gather adds what is at hand for the next message.
func (b *Outbox) gather(pending []entry) []entry {
	for len(pending) < b.opts.Receiver.Bundle {
		select {
		case e := <-b.queue:
			pending = append(pending, e)
		default:
			return pending
		}
	}
	return pending
}

// sendFirst sends one message with the first of the pending items, and those
// behind it that fit, until the receiver has taken it, or the first is set aside.
// It returns how many entries that are.
func (b *Outbox) sendFirst(ctx context.Context, pending []entry) (n int, err error) {
	var items []notify.Item
	var ends []int // of entries, behind each item
	for i, e := range pending {
		if e.item != nil {
			items = append(items, *e.item)
			ends = append(ends, i+1)
		}
	}
	fit := b.opts.Receiver.Fit(items, b.opts.Now())
	items = items[:fit]
	pause, refusals := b.opts.MinBackoff, 0
	for attempt := 1; ; attempt++ {
		if err := b.slow(ctx); err != nil {
			return 0, err
		}
		templateErr, err := b.send.send(ctx, message{items: items, now: b.opts.Now(), sent: b.opts.Wall(), attempt: attempt})
		if ctx.Err() != nil && err != nil {
			return 0, ctx.Err()
		}
		if err == nil {
			if templateErr != nil {
				b.log.ErrorContext(ctx, "a template failed; the message went out in Freshet's own words", "id", items[0].ID, "err", templateErr)
			}
			b.took(ctx, items, attempt)
			return ends[fit-1], nil
		}
		b.opts.Metrics.failures.WithLabelValues(b.opts.Receiver.Name).Inc()
		b.opts.Metrics.down.WithLabelValues(b.opts.Receiver.Name).Set(1)
		if refused(err) {
			if fit > 1 { // one of them: the first goes alone from now on
				fit, items = 1, items[:1]
			} else {
				refusals++
			}
			if most := b.opts.Receiver.SetAsideAfter; most > 0 && refusals >= most && b.opts.Aside != "" {
				asideErr := b.setAside(ctx, &pending[ends[0]-1], refusals, err)
				if asideErr == nil {
					return ends[0], nil
				}
				err = errors.Join(err, fmt.Errorf("set aside: %w", asideErr))
			}
		}
		d := max(pause, min(retryAfter(err), maxRetryAfter))
		b.log.ErrorContext(ctx, "receiver not reached; it gets everything once it answers, in order", "id", items[0].ID, "attempt", attempt,
			"waiting", b.waiting.Load(), "next_try", d, "err", err)
		if err := b.opts.Wait(ctx, d); err != nil {
			return 0, err
		}
		pause = min(2*pause, b.opts.MaxBackoff)
	}
}

// took notes that the receiver has taken items.
func (b *Outbox) took(ctx context.Context, items []notify.Item, attempts int) {
	m, name := b.opts.Metrics, b.opts.Receiver.Name
	m.sent.WithLabelValues(name).Add(float64(len(items)))
	m.last.WithLabelValues(name).Set(float64(b.opts.Wall().Unix()))
	m.down.WithLabelValues(name).Set(0)
	b.waiting.Add(-int64(len(items)))
	b.show()
	if attempts > 1 {
		b.log.InfoContext(ctx, "receiver reached again", "id", items[0].ID, "attempts", attempts, "waiting", b.waiting.Load())
	}
}

// slow waits while the receiver has had as many messages in a minute as it may.
func (b *Outbox) slow(ctx context.Context) error {
	if b.opts.Receiver.PerMinute == 0 {
		return nil
	}
	for {
		now := b.opts.Wall()
		for len(b.lately) > 0 && now.Sub(b.lately[0]) >= time.Minute {
			b.lately = b.lately[1:]
		}
		if len(b.lately) < b.opts.Receiver.PerMinute {
			b.lately = append(b.lately, now)
			return nil
		}
		if err := b.opts.Wait(ctx, b.lately[0].Add(time.Minute).Sub(now)); err != nil {
			return err
		}
	}
}

// passed notes that entries are done with. A place that cannot be stored is made
// up for by the next: all it costs is that a crash sends some items once more.
func (b *Outbox) passed(ctx context.Context, entries []entry) {
	sent := false
	for _, e := range entries {
		b.places[e.basin].done = e.seq
		sent = sent || e.item != nil
	}
	for _, e := range entries {
		if p := &b.places[e.basin]; p.done > p.saved && (sent || p.done-p.saved >= saveEvery) {
			b.save(ctx, e.basin)
		}
	}
}

func (b *Outbox) save(ctx context.Context, basin int) {
	p := &b.places[basin]
	if err := b.source.SaveCheckpoint(ctx, b.checkpoint(basin), p.done+1); err != nil {
		if ctx.Err() == nil {
			b.log.WarnContext(ctx, "place on the log not stored, the next one makes up for it", "basin", b.opts.Basins[basin], "err", err)
		}
		return
	}
	p.saved = p.done
}

// finish stores the places at an orderly end.
func (b *Outbox) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
	defer cancel()
	for i := range b.places {
		if b.places[i].done > b.places[i].saved {
			b.save(ctx, i)
		}
	}
}

// retry calls f until it returns nil or ctx is done, with growing pauses.
func (b *Outbox) retry(ctx context.Context, what string, f func() error) error {
	pause := b.opts.MinBackoff
	for {
		err := f()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			return nil
		}
		b.log.WarnContext(ctx, "the log is not reached, trying again", "step", what, "next_try", pause, "err", err)
		if err := b.opts.Wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, b.opts.MaxBackoff)
	}
}
