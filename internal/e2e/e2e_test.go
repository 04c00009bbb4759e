// Package e2e_test runs whole servers: killed at random moments, without their
// store, and side by side.
package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"freshet/internal/app"
	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/replay"
	"freshet/internal/store/pebble"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

const (
	catalogDir = "../../deploy/catalog/tanjiang"
	basin      = "tanjiang"
	// asServer makes this test binary a server with the options in the variable.
	asServer = "FRESHETTEST_SERVER"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(asServer); spec != "" {
		if err := serve(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// killSteps are the steps of the storm that the test plays: 60 hours, until
// warnings have gone up to red and half of the way down.
const killSteps = 60 * 12

// loadStorm returns the catalogue of these tests and the demo's storm.
func loadStorm(t *testing.T) (*catalog.Catalog, *scenario.Storm) {
	t.Helper()
	cat, err := catalog.LoadDir(catalogDir)
	if err != nil {
		t.Fatal(err)
	}
	storm, err := scenario.New(cat, scenario.DefaultSeed)
	if err != nil {
		t.Fatal(err)
	}
	return cat, storm
}

// A spec is what a server of these tests is started with.
type spec struct {
	Catalog          string
	Data, GRPC, HTTP string
	SnapshotEvery    int
	Notify           string // file of receivers; "": none
}

// serve is a server until SIGTERM, or until its parent is gone.
func serve(text string) error {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { // the pipe ends with the parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	opts := app.DefaultOptions()
	opts.Catalog, opts.Clock, opts.LogLevel = s.Catalog, "driven", "warn"
	opts.Data, opts.GRPC, opts.HTTP, opts.SnapshotEvery = s.Data, s.GRPC, s.HTTP, s.SnapshotEvery
	opts.Notify = s.Notify
	a, err := app.Start(context.WithoutCancel(ctx), opts)
	if err != nil {
		return err
	}
	<-ctx.Done()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(a.WaitArchived(bounded), a.Close())
}

// A server is a process that can be killed and started again in its place.
type server struct {
	t    *testing.T
	spec spec
	cmd  *exec.Cmd
	hold io.WriteCloser
}

func newServer(t *testing.T) *server { return newServerOf(t, catalogDir) }

func newServerOf(t *testing.T, catalog string) *server { return newServerTelling(t, catalog, "") }

// newServerTelling starts a server that sends to the receivers of a file.
func newServerTelling(t *testing.T, catalog, notify string) *server {
	t.Helper()
	s := &server{t: t, spec: spec{Catalog: catalog, Data: t.TempDir(), GRPC: freeAddr(t), HTTP: freeAddr(t), SnapshotEvery: 97, Notify: notify}}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// freeAddr returns an address that nothing listens on: the server must come
// back at the same one.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) start() {
	s.t.Helper()
	text, err := json.Marshal(s.spec)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), asServer+"="+string(text))
	s.cmd.Stderr = os.Stderr
	if s.hold, err = s.cmd.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// kill is kill -9.
func (s *server) kill() {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = s.hold.Close()
}

// stop is SIGTERM and waits for an orderly end.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("orderly stop: %v", err)
	}
}

// A reading names what a store must hold once.
type reading struct {
	key hydro.Key
	at  int64
}

// A sender plays the first steps of the storm through three gateways and
// remembers which readings were acknowledged as accepted.
type sender struct {
	mu       sync.Mutex
	pending  map[hydro.Department]map[uint64][]hydro.Raw // frames by sequence
	rejected map[hydro.Department]map[uint64]map[[2]any]bool
	acked    map[reading]int
	cat      *catalog.Catalog
}

func newSender(cat *catalog.Catalog) *sender {
	s := &sender{
		cat: cat, acked: map[reading]int{},
		pending: map[hydro.Department]map[uint64][]hydro.Raw{}, rejected: map[hydro.Department]map[uint64]map[[2]any]bool{},
	}
	for _, d := range hydro.Departments {
		s.pending[d], s.rejected[d] = map[uint64][]hydro.Raw{}, map[uint64]map[[2]any]bool{}
	}
	return s
}

func (s *sender) reject(d hydro.Department, r *freshetv1.Rejection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rejected[d][r.GetSequence()] == nil {
		s.rejected[d][r.GetSequence()] = map[[2]any]bool{}
	}
	s.rejected[d][r.GetSequence()][[2]any{int(r.GetReport()), r.GetField()}] = true
}

// settle files the readings of all acknowledged frames. All frames that were
// sent must be acknowledged.
func (s *sender) settle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, frames := range s.pending {
		for seq, raws := range frames {
			for _, r := range raws {
				if s.rejected[d][seq][[2]any{r.Report, r.Field}] {
					continue
				}
				st, ok := s.cat.Resolve(d, r.Station)
				if !ok {
					return fmt.Errorf("station %q was accepted and is not in the catalogue", r.Station)
				}
				at, err := instant(r)
				if err != nil {
					return err
				}
				s.acked[reading{hydro.Key{Station: st.ID, Variable: r.Variable, Sensor: r.Sensor}, at}]++
			}
			delete(frames, seq)
		}
	}
	return nil
}

// play sends steps of the storm and moves the clock; it returns when all is
// acknowledged and decided.
func (s *sender) play(ctx context.Context, addr string, storm *scenario.Storm, steps int, stepped func(int) error) (err error) {
	conn, err := client.Dial(addr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	clock := client.NewClock(conn, client.Backoff{})
	if err := clock.Advance(ctx, storm.Start()); err != nil {
		return err
	}
	gateways := map[hydro.Department]*client.Gateway{}
	sequence := map[hydro.Department]uint64{}
	for _, d := range hydro.Departments {
		g, err := client.Open(ctx, conn, d, "e2e-"+d.String(), client.Options{Rejected: func(r *freshetv1.Rejection) { s.reject(d, r) }})
		if err != nil {
			return err
		}
		defer g.Close()
		gateways[d] = g
	}
	i := 0
	return replay.Drive(ctx, clock, func(yield func(replay.Step, error) bool) {
		for i = range steps {
			f := storm.Frames(i)
			var frames []replay.Frame
			add := func(d hydro.Department, r client.Reports, raws []hydro.Raw) {
				if r.Len() == 0 {
					return
				}
				sequence[d]++
				s.mu.Lock()
				s.pending[d][sequence[d]] = raws
				s.mu.Unlock()
				frames = append(frames, replay.Frame{Gateway: gateways[d], Reports: r})
			}
			add(hydro.Weather, client.Reports{Weather: f.Weather}, wire.WeatherRaw(nil, f.Weather))
			add(hydro.Hydrology, client.Reports{Hydrology: f.Hydrology}, wire.HydrologyRaw(nil, f.Hydrology))
			add(hydro.WaterResources, client.Reports{WaterResources: f.WaterResources}, wire.WaterResourcesRaw(nil, f.WaterResources))
			if !yield(replay.Step{To: f.At, Frames: frames}, nil) {
				return
			}
		}
	}, replay.DriveOptions{Stepped: func(replay.Step) error {
		if err := s.settle(); err != nil {
			return err
		}
		if stepped != nil {
			return stepped(i)
		}
		return nil
	}})
}

// instant returns the observation time of a value that was accepted.
func instant(r hydro.Raw) (int64, error) {
	if !r.At.IsZero() {
		return r.At.UnixMilli(), nil
	}
	zone, err := catalog.ParseZone(r.Zone)
	if err != nil {
		return 0, err
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, r.Local, zone); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("local time %q was accepted and cannot be read", r.Local)
}

// A watcher is a duty officer's screen: it keeps its place in the feed over
// broken links and server deaths.
type watcher struct {
	mu       sync.Mutex
	warnings []hydro.Warning
	changed  chan struct{}
}

func watch(ctx context.Context, addr string) (*watcher, <-chan error) {
	w := &watcher{changed: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		conn, err := client.Dial(addr)
		if err != nil {
			done <- err
			return
		}
		err = client.Watch(ctx, conn, client.WatchOptions{FromStart: true}, func(r *freshetv1.WatchWarningsResponse) error {
			warning, err := wire.ToWarning(r.GetWarning())
			if err != nil {
				return err
			}
			w.mu.Lock()
			w.warnings = append(w.warnings, warning)
			w.mu.Unlock()
			select {
			case w.changed <- struct{}{}:
			default:
			}
			return nil
		})
		done <- errors.Join(err, conn.Close())
	}()
	return w, done
}

// wait returns the warnings once there are n of them.
func (w *watcher) wait(ctx context.Context, n int) ([]hydro.Warning, error) {
	for {
		w.mu.Lock()
		got := w.warnings
		w.mu.Unlock()
		if len(got) >= n {
			return got, nil
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			return got, fmt.Errorf("%d of %d warnings: %w", len(got), n, ctx.Err())
		}
	}
}

func storedWarnings(t *testing.T, data string) []hydro.Warning {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: filepath.Join(data, "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out []hydro.Warning
	for w, err := range s.Warnings(t.Context(), basin, time.Time{}, time.Unix(1<<40, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, w)
	}
	return out
}

// checkStore fails unless every acknowledged reading is in the store once.
func checkStore(t *testing.T, data string, acked map[reading]int) {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: filepath.Join(data, "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys := map[hydro.Key]bool{}
	for r := range acked {
		keys[r.key] = true
	}
	found := map[reading]int{}
	for k := range keys {
		for o, err := range s.Observations(t.Context(), k, time.Time{}, time.Unix(1<<40, 0)) {
			if err != nil {
				t.Fatal(err)
			}
			found[reading{k, o.At.UnixMilli()}]++
		}
	}
	lost, doubled := 0, 0
	for r := range acked {
		switch n := found[r]; {
		case n == 0:
			lost++
			t.Logf("lost: %s at %s", r.key, time.UnixMilli(r.at).UTC())
		case n > 1:
			doubled++
		}
	}
	for r := range found {
		if acked[r] == 0 && r.key.Variable != hydro.Rain { // rain may follow from a counter
			t.Errorf("stored and never acknowledged: %s at %s", r.key, time.UnixMilli(r.at).UTC())
		}
	}
	if lost > 0 || doubled > 0 {
		t.Fatalf("of %d acknowledged readings %d are lost and %d are doubled", len(acked), lost, doubled)
	}
}
