// Package influxtest installs and runs a real InfluxDB for tests and
// benchmarks: version 1.8.10, which is pure Go and comes through the module
// proxy like any other dependency. The server listens on loopback only, on
// ports and in folders of its own.
package influxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Version is the version of InfluxDB that is run.
const Version = "v1.8.10"

const (
	installTimeout = 15 * time.Minute
	startTimeout   = 2 * time.Minute
	stopTimeout    = time.Minute
	pollEvery      = 50 * time.Millisecond
)

// Install builds influxd into .build/bin of the module that the working
// directory is in, unless it is there, and returns its path. It takes a minute
// or two the first time; processes that install at once wait for each other.
func Install(ctx context.Context) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".build", "bin")
	path := filepath.Join(bin, "influxd-"+Version)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("install influxd: %w", err)
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return "", fmt.Errorf("install influxd: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil { // another process has built it
		return path, nil
	}
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	tmp, err := os.MkdirTemp(bin, "influxd-")
	if err != nil {
		return "", fmt.Errorf("install influxd: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	cmd := exec.CommandContext(ctx, "go", "install", "github.com/influxdata/influxdb/cmd/influxd@"+Version)
	cmd.Dir = tmp // outside any influence of this module's go.mod
	cmd.Env = append(os.Environ(), "GOBIN="+tmp, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("install influxd: go install: %w\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(tmp, "influxd"), path); err != nil {
		return "", fmt.Errorf("install influxd: %w", err)
	}
	return path, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the module: no go.mod above the working directory")
		}
		dir = parent
	}
}

// lock takes the lock file, waiting for other processes.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing releases it
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// A Server is an InfluxDB that can be stopped and started again with the same
// address and data.
type Server struct {
	// URL is where it answers, such as "http://127.0.0.1:40123".
	URL string

	binary, dir, config string

	mu   sync.Mutex
	proc *process // nil while it is down
}

// A process is one life of the server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of Wait; read after done
}

// New prepares a server that keeps everything in dir, and installs InfluxDB if
// need be. Call Start.
func New(ctx context.Context, dir string) (*Server, error) {
	binary, err := Install(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://" + ports[0], binary: binary, dir: dir, config: filepath.Join(dir, "influxdb.conf")}
	text := fmt.Sprintf(`reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
  logging-enabled = false
[data]
  dir = %q
  wal-dir = %q
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = %q
  flux-enabled = true
  log-enabled = false
[logging]
  level = "warn"
  suppress-logo = true
`, ports[1], filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), ports[0])
	if err := os.WriteFile(s.config, []byte(text), 0o644); err != nil {
		return nil, fmt.Errorf("configure influxd: %w", err)
	}
	return s, nil
}

// freePorts returns loopback addresses that nobody listened on a moment ago.
func freePorts(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// Start starts the server and returns when it answers. It is an error if it
// runs.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		return errors.New("start influxd: it runs")
	}
	logFile, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start influxd: %w", err)
	}
	defer func() { _ = logFile.Close() }() // the process has its own
	cmd := exec.Command(s.binary, "-config", s.config)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	// None of the INFLUXDB_ variables that would override the configuration.
	cmd.Env = []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH")}
	p, err := run(cmd)
	if err != nil {
		return fmt.Errorf("start influxd: %w", err)
	}
	s.proc = p
	if err := s.await(ctx, p); err != nil {
		_ = p.cmd.Process.Kill()
		<-p.done
		s.proc = nil
		text, _ := os.ReadFile(s.logPath())
		return fmt.Errorf("start influxd: %w\n%s", err, text)
	}
	return nil
}

// run starts cmd so that it dies with this process where the system can do
// that. The thread that started it lives as long as it does, because it is that
// thread's death which the system goes by.
func run(cmd *exec.Cmd) (*process, error) {
	dieWithParent(cmd)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	return p, <-started
}

func (s *Server) await(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		if s.answers(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w", s.URL, ctx.Err())
		case <-p.done:
			return fmt.Errorf("it ended: %w", p.err)
		case <-ticker.C:
		}
	}
}

func (s *Server) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/ping", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode/100 == 2
}

// Stop asks the server to end, and waits; after a minute it kills it. A server
// that is down stays so.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Kill ends the server as a power cut would, but for what the system holds.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

func (s *Server) end(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.proc
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop influxd: %w", err)
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	s.proc = nil
	return nil
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "influxd.log") }

// reportDeath fails the test if the server should run and has ended.
func (s *Server) reportDeath(t testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return
	}
	select {
	case <-s.proc.done:
		text, _ := os.ReadFile(s.logPath())
		t.Errorf("influxd ended by itself: %v\n%.4000s", s.proc.err, text)
	default:
	}
}

// Run starts a server that lives as long as the test. The test fails if it
// cannot be had.
func Run(t testing.TB) *Server {
	t.Helper()
	s, err := New(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.reportDeath(t)
		if err := s.Kill(); err != nil { // its data goes with the test
			t.Error(err)
		}
	})
	return s
}
