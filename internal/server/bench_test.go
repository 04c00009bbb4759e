package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/server"
	"freshet/internal/store/memory"
	freshetv1 "freshet/proto/freshet/v1"
)

// A lentEngine guards an engine as the runner of a basin does.
type lentEngine struct {
	mu sync.Mutex
	e  *engine.Engine
}

func (l *lentEngine) Query(f func(*engine.Engine)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.e)
}

// A handClock is driven engine time without engines behind it.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	driven bool
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}
func (c *handClock) Driven() bool { return c.driven }
func (c *handClock) Advance(_ context.Context, to time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.Before(c.now) {
		return fmt.Errorf("advance clock to %s: it is %s: %w", to, c.now, hydro.ErrInvalid)
	}
	c.now = to
	return nil
}

// A bench is a running server over real parts.
type bench struct {
	t        *testing.T
	catalog  *catalog.Catalog
	journal  *journal.Journal
	store    *memory.Store
	clock    *handClock
	registry *prometheus.Registry
	log      *lockedBuffer
	conn     *grpc.ClientConn
	grpcAddr string
	http     string
	stop     func() error

	mu       sync.Mutex
	notReady error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (b *bench) setReady(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notReady = err
}

// newBench starts a server. Everything is gone when the test ends, goroutines
// included.
func newBench(t *testing.T, change ...func(*server.Options)) *bench {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
	b := &bench{t: t, store: memory.New(), clock: &handClock{now: today, driven: true}, registry: prometheus.NewRegistry(), log: &lockedBuffer{}}
	var err error
	if b.catalog, err = catalog.LoadDir("../../deploy/catalog/tanjiang"); err != nil {
		t.Fatal(err)
	}
	if b.journal, err = journal.Open(t.Context(), journal.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, basin := range []string{riverBasin, quietBasin} {
		if err := b.journal.EnsureBasin(t.Context(), basin); err != nil {
			t.Fatal(err)
		}
	}
	opts := server.Options{
		Catalog: func() *catalog.Catalog { return b.catalog },
		Basins: []server.Basin{
			{ID: riverBasin, Engine: &lentEngine{e: risingRiver(t, b.catalog)}},
			{ID: quietBasin, Engine: &lentEngine{e: engine.New(quietBasin)}},
		},
		Feed: b.journal, Store: b.store, Clock: b.clock,
		Ready: func() error {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.notReady
		},
		Ingest:     freshetv1.UnimplementedIngestServiceServer{},
		Registerer: b.registry, Gatherer: b.registry,
		Logger:    slog.New(slog.NewTextHandler(b.log, nil)),
		Heartbeat: 20 * time.Millisecond, ReadyEvery: 5 * time.Millisecond,
	}
	for _, f := range change {
		f(&opts)
	}
	srv, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	grpcListener, httpListener := listen(), listen()
	b.grpcAddr, b.http = grpcListener.Addr().String(), "http://"+httpListener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, grpcListener, httpListener) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	if b.conn, err = grpc.NewClient(b.grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.conn.Close()
		if err := b.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

// risingRiver is an engine that has seen two hours of a rising river, with one
// doubtful value.
func risingRiver(t *testing.T, c *catalog.Catalog) *engine.Engine {
	t.Helper()
	e := engine.New(riverBasin)
	var seq uint64
	apply := func(in hydro.Input) {
		t.Helper()
		seq++
		in.Seq = seq
		if _, err := e.Apply(in); err != nil {
			t.Fatal(err)
		}
	}
	apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: begin}})
	for i := range 25 {
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		level := 1 + 0.02*float64(i)
		batch := &hydro.Batch{Basin: riverBasin, ReceivedAt: at.Add(3 * time.Second)}
		batch.Readings = append(batch.Readings,
			hydro.Reading{Key: hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}, At: at, Raw: level, Value: level, Datum: hydro.PearlRiver},
			hydro.Reading{Key: hydro.Key{Station: "w-datian", Variable: hydro.Rain}, At: at, Interval: 5 * time.Minute, Raw: 1.5, Value: 1.5})
		apply(hydro.Input{Batch: batch})
		apply(hydro.Input{Tick: &hydro.Tick{At: at}})
	}
	return e
}

func (b *bench) stations() freshetv1.StationServiceClient {
	return freshetv1.NewStationServiceClient(b.conn)
}
