package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// A FeedWatch is what a process of watchers is to do.
type FeedWatch struct {
	GRPCAddress, HTTPAddress string
	SSE, GRPC, Stalled       int
	Breaks                   float64 // in a second, of all
}

const (
	// connecting is how many watchers connect at the same time.
	connecting = 64
	// patience is how long the last warning may take.
	patience = time.Minute
)

// WatchFeed is the process of the watchers; see [Feed].
func WatchFeed(ctx context.Context, in io.Reader, out io.Writer, now func() time.Time) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	var plan FeedWatch
	if err := json.Unmarshal(line, &plan); err != nil {
		return fmt.Errorf("plan: %w: %w", err, hydro.ErrInvalid)
	}
	if err := needFiles(plan.SSE + plan.GRPC + 2*plan.Stalled); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watchers{plan: plan, now: now}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	g, connected := errgroup.WithContext(ctx)
	g.SetLimit(connecting)
	for i := range plan.SSE + plan.GRPC + 2*plan.Stalled {
		f := &follower{w: w, stalled: i >= plan.SSE+plan.GRPC, cut: make(chan struct{}, 1)}
		f.grpc = i >= plan.SSE && i < plan.SSE+plan.GRPC || i >= plan.SSE+plan.GRPC+plan.Stalled
		if !f.stalled {
			w.all = append(w.all, f)
		}
		g.Go(func() error {
			open := make(chan error, 1)
			running.Go(func() { f.run(ctx, open) })
			select {
			case err := <-open:
				return err
			case <-connected.Done():
				return connected.Err()
			}
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if _, err := io.WriteString(out, "ready\n"); err != nil {
		return fmt.Errorf("ready: %w", err)
	}
	breaking, calm := context.WithCancel(ctx)
	running.Go(func() { w.breakSome(breaking) })
	line, err = lines.ReadBytes('\n')
	if calm(); err != nil {
		return nil //nolint:nilerr // the server's process has gone
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		return fmt.Errorf("last warning: %w: %w", err, hydro.ErrInvalid)
	}
	return json.NewEncoder(out).Encode(w.result(ctx, last))
}

type watchers struct {
	plan   FeedWatch
	now    func() time.Time
	all    []*follower // but those who stand still
	breaks atomic.Int64
}

// breakSome breaks connections at random.
func (w *watchers) breakSome(ctx context.Context) {
	if w.plan.Breaks <= 0 {
		return
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / w.plan.Breaks))
	defer tick.Stop()
	rnd := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // whom it meets must only be spread
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			select {
			case w.all[rnd.IntN(len(w.all))].cut <- struct{}{}:
			default: // it is being cut
			}
		}
	}
}

func (w *watchers) result(ctx context.Context, last int) FeedResult {
	deadline := w.now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	missing := func() (n int) {
		for _, f := range w.all {
			if f.seen.Load() < int64(last) {
				n++
			}
		}
		return n
	}
	for missing() > 0 && w.now().Before(deadline) && ctx.Err() == nil {
		<-tick.C
	}
	r := FeedResult{Breaks: int(w.breaks.Load()), Missing: missing()}
	var steady, after []time.Duration
	for _, f := range w.all {
		f.mu.Lock()
		steady, after = append(steady, f.steady...), append(after, f.after...)
		r.Gaps += f.gaps
		r.Repeats += f.repeats
		f.mu.Unlock()
	}
	slices.Sort(steady)
	slices.Sort(after)
	r.Deliveries = len(steady) + len(after)
	r.P50, r.P99, r.Max, r.BreakP99 = quantile(steady, .5), quantile(steady, .99), quantile(steady, 1), quantile(after, .99)
	return r
}

// A follower is one watcher.
type follower struct {
	w             *watchers
	grpc, stalled bool
	cut           chan struct{}
	token         string
	again         bool // it has come again and no warning came since it caught up
	seen          atomic.Int64

	mu            sync.Mutex
	steady, after []time.Duration
	gaps, repeats int
}

// run watches until ctx is done. open hears of the first answer.
func (f *follower) run(ctx context.Context, open chan<- error) {
	opened := sync.OnceFunc(func() { open <- nil })
	for ctx.Err() == nil {
		watching, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			select {
			case <-f.cut:
				f.w.breaks.Add(1)
				stop()
			case <-watching.Done():
			}
		}()
		watch := f.watchSSE
		if f.grpc {
			watch = f.watchGRPC
		}
		err := watch(watching, opened)
		f.again = true
		stop()
		<-done
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			select {
			case open <- err: // nobody is there any more if it was open before
			default:
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// got takes an answer: the id of its warning or "", and its token.
func (f *follower) got(id, token string, unseen uint64) {
	f.token = token
	if id == "" {
		return
	}
	at := f.w.now().UnixNano()
	parts := strings.Split(id, "/")
	n, _ := strconv.ParseInt(parts[1], 10, 64)    // our own
	made, _ := strconv.ParseInt(parts[2], 10, 64) // our own
	took := time.Duration(at - made)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch seen := f.seen.Load(); {
	case n <= seen:
		f.repeats++
		return
	case n > seen+1:
		f.gaps++
	}
	f.seen.Store(n)
	if f.again {
		f.after = append(f.after, took)
		f.again = unseen > 0
	} else {
		f.steady = append(f.steady, took)
	}
}

func (f *follower) watchGRPC(ctx context.Context, opened func()) error {
	conn, err := grpc.NewClient(f.w.plan.GRPCAddress, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithReadBufferSize(4<<10), grpc.WithWriteBufferSize(4<<10), grpc.WithDisableServiceConfig())
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	stream, err := freshetv1.NewWarningServiceClient(conn).WatchWarnings(ctx, &freshetv1.WatchWarningsRequest{ResumeToken: f.token})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("watch: %w", err)
		}
		f.got(m.GetWarning().GetId(), m.GetResumeToken(), m.GetUnseen())
		if opened(); f.stalled {
			<-ctx.Done()
		}
	}
}

// watchSSE speaks HTTP by hand: five thousand of net/http's clients would be
// what is measured.
func (f *follower) watchSSE(ctx context.Context, opened func()) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", f.w.plan.HTTPAddress)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	resume := ""
	if f.token != "" {
		resume = "Last-Event-ID: " + f.token + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "GET /v1/warnings/feed HTTP/1.1\r\nHost: %s\r\n%s\r\n", f.w.plan.HTTPAddress, resume); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	in := bufio.NewReaderSize(conn, 4<<10)
	status, err := in.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("the server says %q: %w", status, errors.Join(err, hydro.ErrUnavailable))
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		// What stands between the events, and the sizes of HTTP's chunks, is passed over.
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		var m struct {
			Warning     struct{ ID string }
			ResumeToken string
			Unseen      uint64 `json:",string"`
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("event %q: %w", data, err)
		}
		f.got(m.Warning.ID, m.ResumeToken, m.Unseen)
		if opened(); f.stalled {
			<-ctx.Done()
		}
	}
}
