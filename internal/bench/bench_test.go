package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"freshet/ingest"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

func options() Options {
	return Options{
		Streams: 4, Readings: 20_000, Frame: 250, Basins: 2, End: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		Now: time.Now,
	}
}

func TestTheCatalogueLoads(t *testing.T) {
	o := options()
	c, problems := catalog.Load(Catalogue(&o))
	for _, p := range problems {
		t.Error(p)
	}
	if len(problems) == 0 && (len(c.Basins) != 2 || len(c.Stations) != 200+600+120+200) {
		t.Errorf("%d basins, %d stations", len(c.Basins), len(c.Stations))
	}
}

func TestFramesAreTheContractsAndEveryReadingIsAPointOfItsOwn(t *testing.T) {
	o := options()
	seen := map[string]bool{}
	point := func(variable, station string, at *freshetv1.ObservedAt) {
		key := variable + " " + station + " " + strconv.FormatInt(at.GetUnixMs()/1000, 10)
		if seen[key] {
			t.Fatalf("%s twice", key)
		}
		seen[key] = true
	}
	readings := 0
	for _, g := range gateways(&o) {
		for from := 0; from < g.reports(); from += o.Frame {
			b := g.appendFrame(nil, uint64(from/o.Frame+1), from, min(from+o.Frame, g.reports()))
			switch g.department {
			case hydro.Hydrology:
				var m freshetv1.StreamHydrologyRequest
				decode(t, b, &m)
				for _, r := range m.GetReports() {
					point("water_level", r.GetStation(), r.GetObservedAt())
					point("discharge", r.GetStation(), r.GetObservedAt())
					point("rain", r.GetStation(), r.GetObservedAt())
				}
			case hydro.Weather:
				var m freshetv1.StreamWeatherRequest
				decode(t, b, &m)
				for _, r := range m.GetReports() {
					point("rain", r.GetStation(), r.GetObservedAt())
				}
			default:
				var m freshetv1.StreamWaterResourcesRequest
				decode(t, b, &m)
				for _, r := range m.GetReports() {
					point("water_level", r.GetStation(), r.GetObservedAt())
					point("storage", r.GetStation(), r.GetObservedAt())
					point("inflow", r.GetStation(), r.GetObservedAt())
					point("outflow", r.GetStation(), r.GetObservedAt())
					point("gate_opening", r.GetStation(), r.GetObservedAt())
				}
			}
		}
		readings += g.reports() * g.values
	}
	if len(seen) != readings || readings < o.Readings {
		t.Errorf("%d points of %d readings", len(seen), readings)
	}
	for _, g := range gateways(&o) { // the same points as line protocol
		for i := range g.reports() {
			for line := range strings.SplitSeq(strings.TrimSuffix(string(g.appendLines(nil, i)), "\n"), "\n") {
				head, rest, _ := strings.Cut(line, " ")
				_, seconds, _ := strings.Cut(rest, " ")
				key := strings.Replace(head, ",station=", " ", 1) + " " + seconds
				if !seen[key] {
					t.Fatalf("InfluxDB alone gets %s", key)
				}
				delete(seen, key)
			}
		}
	}
	if len(seen) != 0 {
		t.Errorf("InfluxDB does not get %d points", len(seen))
	}
}

func decode(t *testing.T, b []byte, m proto.Message) {
	t.Helper()
	if err := (proto.UnmarshalOptions{DiscardUnknown: false}).Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("generated code writes %d bytes, the bench %d (%v)", len(again), len(b), err)
	}
}

// A countingLog counts what is appended.
type countingLog struct {
	mu       sync.Mutex
	readings int
}

func (l *countingLog) AppendInput(_ context.Context, _ string, in hydro.Input) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readings += len(in.Batch.Readings)
	return 1, nil
}

func TestAllReadingsAreAcknowledged(t *testing.T) {
	o := options()
	log := &countingLog{}
	address := serve(t, &o, log)
	for _, rate := range []float64{0, 1e6} {
		log.readings = 0
		o.Rate = rate
		r, err := Ingest(t.Context(), address, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Readings < o.Readings || r.Readings != log.readings || r.AckP50 <= 0 || r.AckP99 < r.AckP50 || r.PerSecond <= 0 {
			t.Errorf("got %+v with %d readings on the log", r, log.readings)
		}
	}
}

func TestARefusedReadingFailsTheRun(t *testing.T) {
	o := options()
	other := o
	other.Streams, other.Basins = 1, 1
	if _, err := Ingest(t.Context(), serve(t, &other, &countingLog{}), o); err == nil || !strings.Contains(err.Error(), "No station has the id") {
		t.Errorf("got %v", err)
	}
}

func serve(t testing.TB, o *Options, log ingest.Log) string {
	t.Helper()
	c, problems := catalog.Load(Catalogue(o))
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	writers := map[string]*ingest.Writer{}
	now := func() time.Time { return o.End }
	for _, b := range c.Basins {
		w := ingest.NewWriter(b.ID, log, ingest.WriterOptions{Now: now})
		writers[b.ID] = w
		running.Go(func() { _ = w.Run(ctx) })
	}
	s, err := server.NewIngest(server.IngestOptions{
		Catalog: c, Writer: func(b string) *ingest.Writer { return writers[b] }, Log: log, Now: now, Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(server.GRPCOptions()...)
	freshetv1.RegisterIngestServiceServer(srv, s)
	running.Go(func() { _ = srv.Serve(listener) })
	t.Cleanup(func() { srv.Stop(); cancel(); running.Wait() })
	return listener.Addr().String()
}

func TestInfluxGetsEveryLineInBatches(t *testing.T) {
	o := options()
	var mu sync.Mutex
	lines, largest := 0, 0
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/query" {
			return
		}
		n := bytes.Count(body, []byte("\n"))
		mu.Lock()
		lines += n
		largest = max(largest, n)
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	defer fake.Close()
	r, err := Influx(t.Context(), o, InfluxOptions{URL: fake.URL, Database: "bench", BatchSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if r.Lines != lines || lines < o.Readings || largest > 1004 || r.PerSecond <= 0 {
		t.Errorf("got %+v; %d lines arrived, %d at most in a request", r, lines, largest)
	}
}

func TestWrongOptionsAreInvalid(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"streams":  func(o *Options) { o.Streams = 0 },
		"readings": func(o *Options) { o.Readings = 1 },
		"frame":    func(o *Options) { o.Frame = 10_001 },
		"rate":     func(o *Options) { o.Rate = -1 },
		"basins":   func(o *Options) { o.Basins = 9 },
		"clock":    func(o *Options) { o.Now = nil },
	} {
		o := options()
		spoil(&o)
		if _, err := Ingest(t.Context(), "127.0.0.1:1", o); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
