package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

// A tail reads the feed's part of each basin's out-log once, for all readers of
// the feed, and keeps its newest items, encoded, in memory. A reader follows by
// sequence number. One who is behind what is kept reads pages of the log until it
// has caught up. A reader holds at most a page, whatever it does, and nothing that
// others wait for.
type tail struct {
	feed    Feed
	kept    int
	basins  map[string]*basinTail
	encode  func(basin string, r *journal.Record, now time.Time) (*item, error)
	engine  func(basin string) time.Time
	logger  *slog.Logger
	closing context.Context //nolint:containedctx // of reads that outlive who asked for them
	pages   pageCache
	slots   *semaphore.Weighted // bounds reads of pages under way
	flight  singleflight.Group

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each new view of any basin
}

const (
	// keptBytes, beside Options.FeedKept, bounds what is kept of one basin.
	keptBytes = 16 << 20
	// readBack is how far back a tail begins, in outputs of any kind, so that
	// readers who come again after a restart find what they missed in memory.
	readBack = 50_000
	// pageItems is how much is read of the log, and taken of the tail, at a time.
	pageItems = 64
	// pagesKept and pageBytes bound the pages that are kept for others who come from
	// the same place.
	pagesKept = 64
	pageBytes = 16 << 20
	// pageReads bounds the reads of pages under way: each is a consumer of the log.
	pageReads = 8
	// engineEvery is the time between looks at engine time. Readers do not look
	// themselves: an engine that is at work lets nobody in.
	engineEvery = 100 * time.Millisecond
)

// A basinTail is the tail of one basin.
type basinTail struct {
	id   string
	view atomic.Pointer[view] // nil before the log was reached
	now  atomic.Pointer[time.Time]
}

// A view is what a tail holds at one moment. It does not change.
type view struct {
	from   uint64 // all items behind it, and up to head, are in items
	head   uint64 // of the newest item, or from
	items  []*item
	totals *counts // of all items that the tail has ever held
	bytes  int
	err    error // the log cannot be read on: what is wrong
}

// An item is one record of the feed, encoded once for all.
type item struct {
	seq     uint64
	pending uint64 // items of all kinds behind it, when it was read
	class   class
	now     time.Time // engine time
	event   string    // of server-sent events
	proto   []byte    // its field of a WatchWarningsResponse
	json    []byte    // the same, "warning":{…}
}

func (i *item) size() int { return len(i.proto) + len(i.json) }

func newTail(s *Server) *tail {
	t := &tail{
		feed: s.opts.Feed, kept: s.opts.FeedKept, basins: map[string]*basinTail{}, logger: s.opts.Logger, closing: s.closing, engine: s.engineNow, encode: s.encodeItem,
		slots: semaphore.NewWeighted(pageReads), changed: make(chan struct{}),
	}
	for _, id := range s.basinIDs {
		t.basins[id] = &basinTail{id: id}
	}
	return t
}

// run reads until ctx is done.
func (t *tail) run(ctx context.Context) {
	var readers sync.WaitGroup
	for _, b := range t.basins {
		readers.Go(func() { t.follow(ctx, b) })
		readers.Go(func() { t.watchEngine(ctx, b) })
	}
	readers.Wait()
}

func (t *tail) watchEngine(ctx context.Context, b *basinTail) {
	tick := time.NewTicker(engineEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := t.engine(b.id)
			b.now.Store(&now)
		}
	}
}

// engineNow is engine time, as of late.
func (t *tail) engineNow(basin string) time.Time {
	b := t.basins[basin]
	if now := b.now.Load(); now != nil {
		return *now
	}
	return t.engine(basin)
}

// follow reads one basin. A log that cannot be read is told to the readers and
// tried again.
func (t *tail) follow(ctx context.Context, b *basinTail) {
	for ctx.Err() == nil {
		err := t.read(ctx, b)
		if ctx.Err() != nil {
			return
		}
		t.logger.WarnContext(ctx, "the feed cannot be read, trying again", "basin", b.id, "err", err)
		if v := b.view.Load(); v != nil {
			failed := *v
			failed.err = err
			t.publish(b, &failed)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (t *tail) read(ctx context.Context, b *basinTail) error {
	v := b.view.Load()
	if v == nil {
		first, err := t.feed.FirstOutput(ctx, b.id)
		if err != nil {
			return err
		}
		last, err := t.feed.LastOutput(ctx, b.id)
		if err != nil {
			return err
		}
		from := last.Seq - min(last.Seq, readBack)
		from = max(from, max(first, 1)-1)
		v = &view{from: from, head: from, totals: new(counts)}
		t.publish(b, v)
	}
	var batch []*item
	for r, err := range t.feed.Outputs(ctx, b.id, v.head, feedKinds...) {
		if err != nil {
			return err
		}
		if r.Seq <= v.head { // redelivered
			continue
		}
		i, err := t.encode(b.id, &r, t.engineNow(b.id))
		if err != nil {
			return fmt.Errorf("feed of %s: message %d: %w", b.id, r.Seq, err)
		}
		// Many at once wake the readers once.
		if batch = append(batch, i); r.Pending == 0 || len(batch) >= pageItems {
			v = v.with(batch, t.kept)
			t.publish(b, v)
			batch = batch[:0]
		}
	}
	return fmt.Errorf("feed of %s: the log ended: %w", b.id, hydro.ErrUnavailable)
}

// with returns a view with more items. Older views stay as they are: they share
// what stands before their ends.
func (v *view) with(more []*item, kept int) *view {
	next := &view{from: v.from, items: append(v.items, more...), bytes: v.bytes, totals: new(counts)}
	*next.totals = *v.totals
	for _, i := range more {
		next.totals[i.class]++
		next.bytes += i.size()
		next.head = i.seq
	}
	drop := 0
	for len(next.items)-drop > kept || next.bytes > keptBytes && len(next.items)-drop > 1 {
		next.from = next.items[drop].seq
		next.bytes -= next.items[drop].size()
		drop++
	}
	if next.items = next.items[drop:]; drop > 0 && cap(next.items) < 2*len(next.items) {
		next.items = append(make([]*item, 0, 2*len(next.items)+pageItems), next.items...) // lets the dropped ones go
	}
	return next
}

func (t *tail) publish(b *basinTail, v *view) {
	b.view.Store(v)
	t.mu.Lock()
	old := t.changed
	t.changed = make(chan struct{})
	t.mu.Unlock()
	close(old)
}

// wait returns a channel that is closed when any view is newer than those that
// are looked at after the call.
func (t *tail) wait() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// reach returns when the tail has come to an item's sequence number.
func (t *tail) reach(ctx context.Context, basin string, seq uint64) error {
	for {
		changed := t.wait()
		if v := t.basins[basin].view.Load(); v != nil {
			if v.head >= seq {
				return nil
			}
			if v.err != nil {
				return v.err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// behind returns the items behind a sequence number, at most pageItems.
func (v *view) behind(seq uint64) []*item {
	k, _ := slices.BinarySearchFunc(v.items, seq+1, func(i *item, s uint64) int {
		switch {
		case i.seq < s:
			return -1
		case i.seq > s:
			return 1
		}
		return 0
	})
	return v.items[k:]
}

// A page is a piece of the log behind what the tail holds.
type page struct {
	items []*item
	upTo  uint64 // there is no other item up to here
	bytes int
}

// page reads what stands behind a place that the tail no longer holds.
func (t *tail) page(ctx context.Context, basin string, after uint64) (*page, error) {
	key := fmt.Sprintf("%s %d", basin, after)
	if p := t.pages.get(key); p != nil {
		return p, nil
	}
	// Whoever waits with us must get it though we go.
	result := t.flight.DoChan(key, func() (any, error) {
		ctx := t.closing
		if err := t.slots.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		defer t.slots.Release(1)
		p := &page{upTo: t.basins[basin].view.Load().from} // the log holds all items up to there
		records, err := t.feed.Page(ctx, basin, after, pageItems, feedKinds...)
		if err != nil {
			return nil, err
		}
		for k := range records {
			i, err := t.encode(basin, &records[k], t.engineNow(basin))
			if err != nil {
				return nil, fmt.Errorf("feed of %s: message %d: %w", basin, records[k].Seq, err)
			}
			p.items, p.bytes = append(p.items, i), p.bytes+i.size()
		}
		if n := len(p.items); n > 0 {
			if p.upTo = max(p.upTo, p.items[n-1].seq); p.items[n-1].pending > 0 {
				p.upTo = p.items[n-1].seq
			}
		}
		t.pages.put(key, p)
		return p, nil
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*page), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A pageCache keeps the pages read last: after a restart many come from the same
// place.
type pageCache struct {
	mu    sync.Mutex
	keys  []string // oldest first
	pages map[string]*page
	bytes int
}

func (c *pageCache) get(key string) *page {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pages[key]
}

func (c *pageCache) put(key string, p *page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages == nil {
		c.pages = map[string]*page{}
	}
	if old, ok := c.pages[key]; ok {
		c.bytes -= old.bytes
		c.keys = slices.DeleteFunc(c.keys, func(k string) bool { return k == key })
	}
	c.keys, c.pages[key], c.bytes = append(c.keys, key), p, c.bytes+p.bytes
	for len(c.keys) > pagesKept || c.bytes > pageBytes && len(c.keys) > 1 {
		c.bytes -= c.pages[c.keys[0]].bytes
		delete(c.pages, c.keys[0])
		c.keys = c.keys[1:]
	}
}

// A reader is the place of one reader of the feed in one basin.
type reader struct {
	place
	tail   *basinTail
	filter *feedFilter

	items []*item // taken and not sent
	upTo  uint64  // the place behind them, where the next are taken
	paged bool    // they are of the log, not of the tail
	last  uint64  // Pending of the last one of the log that was sent

	// What waits is base and those of totals that are wanted.
	base   uint64
	counts *counts
	sum    uint64 // of counts
}

// start sets r's count of what waits for it.
func (t *tail) start(ctx context.Context, r *reader) error {
	r.upTo = r.seq
	v := r.tail.view.Load()
	if r.seq >= v.from {
		r.recount(v)
		return nil
	}
	if !r.filter.some {
		return t.fill(ctx, r) // the log knows
	}
	// What waits in the log must be looked at twice: counted, then sent.
	var n uint64
	for at := r.seq; at < v.from; {
		p, err := t.page(ctx, r.basin, at)
		if err != nil {
			return err
		}
		for _, i := range p.items {
			if i.seq <= v.from && r.filter.wants(i.class) {
				n++
			}
		}
		at = p.upTo
	}
	r.recount(v)
	r.base += n
	return nil
}

// recount counts what the tail holds behind r.
func (r *reader) recount(v *view) {
	r.base, r.counts, r.sum = 0, v.totals, r.filter.of(v.totals)
	r.base -= r.sum
	for _, i := range v.behind(max(r.seq, r.upTo)) {
		if r.filter.wants(i.class) {
			r.base++
		}
	}
	for _, i := range r.items {
		if r.filter.wants(i.class) {
			r.base++
		}
	}
}

// fill takes the next items, if there are any.
func (t *tail) fill(ctx context.Context, r *reader) error {
	for len(r.items) == 0 {
		r.seq = max(r.seq, r.upTo)
		v := r.tail.view.Load()
		if r.upTo >= v.from {
			more := v.behind(r.upTo)
			// A copy: a reader who stands still must not keep all that the tail held.
			if r.items = slices.Clone(more[:min(len(more), pageItems)]); len(r.items) > 0 {
				r.upTo = r.items[len(r.items)-1].seq
			}
			if r.paged && !r.filter.some {
				r.recount(v) // until now the log knew
			}
			r.paged = false
			if len(r.items) == 0 && v.err != nil {
				return v.err
			}
			return nil
		}
		p, err := t.page(ctx, r.basin, r.upTo)
		if err != nil {
			return err
		}
		r.items, r.paged, r.upTo = p.items, true, p.upTo
	}
	return nil
}

// take returns the next item that r wants, or nil, and moves r behind it.
func (r *reader) take() *item {
	for len(r.items) > 0 {
		i := r.items[0]
		r.items = r.items[1:]
		r.seq, r.last = i.seq, i.pending
		if r.filter.wants(i.class) {
			r.base--
			return i
		}
	}
	return nil
}

// waiting returns how many items that r wants are behind it.
func (r *reader) waiting() uint64 {
	if r.paged && !r.filter.some {
		if len(r.items) > 0 {
			return r.items[0].pending + 1
		}
		return r.last
	}
	if v := r.tail.view.Load(); v.totals != r.counts {
		r.counts, r.sum = v.totals, r.filter.of(v.totals)
	}
	return r.base + r.sum
}
