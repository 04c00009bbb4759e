package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/server"
	"freshet/internal/store/memory"
	freshetv1 "freshet/proto/freshet/v1"
)

// FeedOptions say who watches the alert feed, and what comes.
type FeedOptions struct {
	SSE, GRPC int           // watchers, each with a connection of its own
	Stalled   int           // more of each that read nothing after the first answer
	For       time.Duration // how long warnings come
	Every     time.Duration // between warnings
	Burst     int           // warnings at a time
	Breaks    float64       // connections that watchers break in a second, to come again with their tokens
	Dir       string        // of the log; must be empty
	Program   []string      // starts the watchers: a program that calls WatchFeed
	Now       func() time.Time
}

// A FeedResult is what the watchers saw.
type FeedResult struct {
	SSE, GRPC  int     `json:"-"`
	Watchers   int     `json:"watchers"`
	Stalled    int     `json:"stalled"`
	Warnings   int     `json:"warnings"`
	Deliveries int     `json:"deliveries"`
	Breaks     int     `json:"breaks"` // after which the watcher came again
	Gaps       int     `json:"gaps"`
	Repeats    int     `json:"repeats"`
	Missing    int     `json:"missing"` // watchers that did not get the last warning
	P50        float64 `json:"p50_ms"`  // from before the append to the log to the watcher, of all deliveries
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	BreakP99   float64 `json:"after_break_p99_ms"` // of deliveries to a watcher that had just come again, which count in no other figure
	Connect    float64 `json:"connect_s"`          // until all watchers were there
	Memory     float64 `json:"server_rss_mb"`      // at the end
	PerWatcher float64 `json:"rss_kb_per_watcher"` // by which it grew when they came
	Heap       float64 `json:"server_heap_mb"`     // live, after the last collection
}

// Validate says what is wrong with o.
func (o *FeedOptions) Validate() error {
	if o.SSE < 0 || o.GRPC < 0 || o.SSE+o.GRPC < 1 || o.Stalled < 0 || o.Every <= 0 || o.For < o.Every || o.Burst < 1 || o.Breaks < 0 || o.Now == nil {
		return fmt.Errorf("watchers, seconds, every and burst must be above zero, and seconds not shorter than every: %w", hydro.ErrInvalid)
	}
	return needFiles(o.SSE + o.GRPC + 2*o.Stalled)
}

const feedBasin = "bench"

type feedClock struct{ now func() time.Time }

func (c feedClock) Now() time.Time                         { return c.now() }
func (feedClock) Driven() bool                             { return false }
func (feedClock) Advance(context.Context, time.Time) error { return nil }

type feedEngine struct{ e *engine.Engine }

func (f feedEngine) Query(ask func(*engine.Engine)) { ask(f.e) }

// Feed starts a server over a log in this process and watchers in another one,
// appends warnings to the log and returns when all watchers have them.
func Feed(ctx context.Context, o FeedOptions) (r FeedResult, err error) {
	if err := o.Validate(); err != nil {
		return r, err
	}
	j, err := journal.Open(ctx, journal.Options{Dir: filepath.Join(o.Dir, "log")})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if err := j.EnsureBasin(ctx, feedBasin); err != nil {
		return r, err
	}
	registry := prometheus.NewRegistry()
	watchers := o.SSE + o.GRPC + 2*o.Stalled
	srv, err := server.New(server.Options{
		Catalog: func() *catalog.Catalog { return nil }, Basins: []server.Basin{{ID: feedBasin, Engine: feedEngine{engine.New(feedBasin)}}},
		Feed: j, Store: memory.New(), Clock: feedClock{o.Now}, Ready: func() error { return nil },
		Ingest: freshetv1.UnimplementedIngestServiceServer{}, Registerer: registry, Gatherer: registry,
		Logger: slog.New(slog.DiscardHandler), MaxConnections: watchers + 10,
	})
	if err != nil {
		return r, err
	}
	var lc net.ListenConfig
	grpcListener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	httpListener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(serving, grpcListener, httpListener) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()

	before := resident()
	began := o.Now()
	plan := FeedWatch{
		GRPCAddress: grpcListener.Addr().String(), HTTPAddress: httpListener.Addr().String(),
		SSE: o.SSE, GRPC: o.GRPC, Stalled: o.Stalled, Breaks: o.Breaks,
	}
	clients, err := startWatchers(ctx, o.Program, &plan)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, clients.stop()) }()
	if err := clients.ready(); err != nil {
		return r, err
	}
	connected := o.Now().Sub(began)
	grown := resident() - before

	publisher := j.Publisher(feedBasin, journal.Position{})
	n := 0
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for begun := o.Now(); o.Now().Sub(begun) < o.For; {
		for range o.Burst {
			n++
			at := o.Now()
			w := feedWarning(n, at)
			if err := publisher.Publish(ctx, uint64(n), []hydro.Output{{Warning: &w}}); err != nil {
				return r, err
			}
		}
		if err := publisher.Flush(ctx); err != nil {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-tick.C:
		}
	}
	r, err = clients.finish(n)
	r.Watchers, r.Warnings, r.Connect = o.SSE+o.GRPC, n, connected.Seconds()
	r.Stalled = 2 * o.Stalled
	r.Memory, r.PerWatcher = float64(resident())/1e6, float64(grown)/1e3/float64(watchers)
	r.Heap = liveHeap() / 1e6
	return r, err
}

// feedWarning is the n-th warning; its id says when it was made.
func feedWarning(n int, at time.Time) hydro.Warning {
	return hydro.Warning{
		ID: fmt.Sprintf("%s/%d/%d", feedBasin, n, at.UnixNano()), Basin: feedBasin, Station: "h-bench", At: at.UTC(), From: hydro.Clear, To: hydro.Orange,
		Observed: hydro.Leg{Stage: hydro.Orange, Variable: hydro.WaterLevel, Value: 7.31, Threshold: 7.3, Datum: hydro.PearlRiver, At: at.UTC()},
		ReasonZH: "水位 7.31 m，达到橙色阈值 7.30 m，已持续 10 分钟。", ReasonEN: "Level 7.31 m has met the orange threshold of 7.30 m for 10 minutes.", Catalogue: "bench",
	}
}

// resident is the memory of this process that is in RAM, in bytes; 0 where the
// system does not tell.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64) // the kernel writes numbers
			return kb << 10
		}
	}
	return 0
}

func liveHeap() float64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64())
}

// The watchers are a process of their own. It reads a FeedWatch, says that it is
// ready, reads the number of the last warning and writes a FeedResult, each on a
// line.
type watcherProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startWatchers(ctx context.Context, program []string, plan *FeedWatch) (*watcherProcess, error) {
	c := &watcherProcess{cmd: exec.CommandContext(ctx, program[0], program[1:]...)}
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("watchers: %w", err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("watchers: %w", err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("watchers: %w", err)
	}
	if err := json.NewEncoder(c.in).Encode(plan); err != nil {
		return nil, errors.Join(fmt.Errorf("watchers: %w", err), c.stop())
	}
	return c, nil
}

func (c *watcherProcess) ready() error {
	line, err := c.out.ReadString('\n')
	if err != nil || line != "ready\n" {
		return fmt.Errorf("the watchers did not come: %q: %w", line, errors.Join(err, hydro.ErrUnavailable))
	}
	return nil
}

func (c *watcherProcess) finish(last int) (r FeedResult, err error) {
	if _, err := fmt.Fprintln(c.in, last); err != nil {
		return r, fmt.Errorf("watchers: %w", err)
	}
	if err := json.NewDecoder(c.out).Decode(&r); err != nil {
		return r, fmt.Errorf("watchers: %w", err)
	}
	return r, nil
}

func (c *watcherProcess) stop() error {
	_ = c.in.Close() // it ends by that
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("watchers: %w", err)
	}
	return nil
}
