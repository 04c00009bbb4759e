//go:build !race

package station_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/app"
	"freshet/internal/hydro"
	"freshet/internal/station"
	"freshet/internal/store/pebble"
)

// asChild makes this test binary a server or a gateway.
const asChild = "FRESHETTEST_STATION_CHILD"

// A spec is what a child is started with.
type spec struct {
	Config           string // of a gateway; "": a server
	Data, GRPC, HTTP string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(asChild); text != "" {
		if err := child(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child runs until SIGTERM, or until its parent is gone.
func child(text string) error {
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
	if s.Config != "" {
		c, err := station.Load(s.Config)
		if err != nil {
			return err
		}
		return station.Run(ctx, c, station.Options{Now: time.Now, Backoff: quick})
	}
	o := app.DefaultOptions()
	o.Catalog, o.LogLevel, o.Data, o.GRPC, o.HTTP = catalogDir, "error", s.Data, s.GRPC, s.HTTP
	a, err := app.Start(context.WithoutCancel(ctx), o)
	if err != nil {
		return err
	}
	<-ctx.Done()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(archived(bounded, a), a.Close())
}

// A process can be killed and started again in its place.
type process struct {
	t    *testing.T
	spec spec
	cmd  *exec.Cmd
	hold io.WriteCloser
}

func newProcess(t *testing.T, s spec) *process {
	t.Helper()
	p := &process{t: t, spec: s}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *process) start() {
	p.t.Helper()
	text, err := json.Marshal(p.spec)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), asChild+"="+string(text))
	p.cmd.Stderr = os.Stderr
	if p.hold, err = p.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill is kill -9.
func (p *process) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.hold.Close()
}

// stop is SIGTERM and waits for an orderly end.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("orderly stop: %v", err)
	}
}

// The same files go through a gateway and a server that are left alone, and
// through ones that are killed at random moments. The stores must hold the same.
func TestKilledOnBothSidesTheStoreIsThatOfAnUncutRun(t *testing.T) {
	const files, perFile = 24, 200
	codes := []string{"EX80A101", "h-puqiao", "h-changsha"}
	from := time.Now().Add(-20 * 24 * time.Hour).Truncate(5 * time.Minute)
	var texts []string
	for i := range files {
		text, _ := rows(codes[i%len(codes)], from.Add(time.Duration(i/len(codes)*perFile)*5*time.Minute), perFile)
		texts = append(texts, "STCD,TM,Z,Q\n"+text)
	}
	run := func(r *rand.Rand) map[string]float64 {
		dir := t.TempDir()
		drop := filepath.Join(dir, "drop")
		if err := os.Mkdir(drop, 0o755); err != nil {
			t.Fatal(err)
		}
		data, grpc := t.TempDir(), freeAddr(t)
		if err := os.WriteFile(filepath.Join(dir, "levels.yaml"), []byte(levels), 0o600); err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(dir, "gateway.yaml")
		text := fmt.Sprintf("name: test\nserver: {address: %q}\nspool: {dir: spool, min_free: 1MiB}\nstatus: {listen: \"\"}\ninputs:\n"+
			"  - {kind: folder, dir: drop, settle: 1ms, every: 5ms, map: levels.yaml}\n", grpc)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		server := newProcess(t, spec{Data: data, GRPC: grpc, HTTP: freeAddr(t)})
		gateway := newProcess(t, spec{Config: config})
		for i, text := range texts {
			path := filepath.Join(drop, fmt.Sprintf("f%02d.csv", i))
			if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".tmp", path); err != nil {
				t.Fatal(err)
			}
			if r == nil || i%4 != 3 {
				continue
			}
			// Both die, at moments that follow from the seed and how fast the machine is.
			for _, p := range []*process{gateway, server} {
				moment := time.NewTimer(time.Duration(r.Int64N(int64(400 * time.Millisecond))))
				<-moment.C
				p.kill()
				p.start()
			}
		}
		await(t, func() bool { // all files are in the spool or with the centre
			left, err := os.ReadDir(drop)
			if err != nil {
				t.Fatal(err)
			}
			return len(left) == 1
		})
		gateway.kill() // it may just have been started: it cannot yet be told to stop
		// The rest of the spool, in this process: it ends when the centre holds all.
		c, err := station.Load(config)
		if err != nil {
			t.Fatal(err)
		}
		s, err := station.Start(t.Context(), c, station.Options{Now: time.Now, Backoff: quick})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Drained(t.Context()), s.Close()); err != nil {
			t.Fatal(err)
		}
		server.stop()
		return contents(t, data)
	}
	want := run(nil)
	if len(want) != files*perFile*2 {
		t.Fatalf("the uncut run left %d values in the store, want %d", len(want), files*perFile*2)
	}
	seed := rand.Uint64()
	t.Logf("seed of the moments: %d", seed)
	if d := cmp.Diff(want, run(rand.New(rand.NewPCG(seed, 0)))); d != "" {
		t.Errorf("the store differs (-uncut +killed):\n%.2000s", d)
	}
}

// contents returns all observed values of a store, by series and instant.
func contents(t *testing.T, data string) map[string]float64 {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: filepath.Join(data, "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := map[string]float64{}
	for _, id := range []string{"h-enping", "h-puqiao", "h-changsha"} {
		for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Discharge} {
			k := hydro.Key{Station: id, Variable: v}
			for o, err := range s.Observations(t.Context(), k, time.Time{}, time.Unix(1<<40, 0)) {
				if err != nil {
					t.Fatal(err)
				}
				out[k.String()+" "+o.At.UTC().Format(time.RFC3339)] = o.Raw
			}
		}
	}
	return out
}
