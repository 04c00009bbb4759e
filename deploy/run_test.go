package deploy_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// freePort returns a loopback address that nobody listened on a moment ago.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// until calls f until it returns nil. It fails the test with f's last word when
// two minutes are over.
func until(t testing.TB, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// image lays out the file system that the Dockerfile describes, with the binary
// that it builds, and returns its root.
func image(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	binary := filepath.Join(root, "freshet")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/freshet")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, in := range lastStage(t) {
		if in.name != "COPY" {
			continue
		}
		words := strings.Fields(in.args)
		from, to := words[len(words)-2], filepath.Join(root, words[len(words)-1])
		var err error
		switch {
		case from == "/out/data":
			if err = os.MkdirAll(to, 0o755); err == nil {
				err = os.Chmod(to, 0o750)
			}
		case strings.HasPrefix(words[0], "--"): // the binary is there, certificates are not needed here
		case !strings.HasSuffix(from, ".yaml"):
			err = os.CopyFS(to, os.DirFS(filepath.Join("..", from)))
		default:
			if err = os.MkdirAll(filepath.Dir(to), 0o755); err == nil {
				err = os.WriteFile(to, []byte(read(t, filepath.Join("..", from))), 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestTheImagesFileSystemIsEnough(t *testing.T) {
	root := image(t)
	f, err := elf.Open(filepath.Join(root, "freshet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Fatal("the binary is not static")
		}
	}

	// As in the container: nothing but these files, no proc, no shell, user
	// 65532. Without the right to change the root, at least no environment.
	grpc, http := freePort(t), freePort(t)
	env := []string{"FRESHET_CONFIG=/etc/freshet/freshet.yaml", "FRESHET_GRPC=" + grpc, "FRESHET_HTTP=" + http, "FRESHET_LOG_FORMAT=json"}
	command := func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "/freshet", args...)
		cmd.Dir, cmd.Env = "/", env
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return cmd
	}
	if os.Geteuid() == 0 {
		for _, dir := range []string{root, filepath.Dir(root)} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(filepath.Join(root, "var/lib/freshet"), 65532, 65532); err != nil {
			t.Fatal(err)
		}
	} else {
		command = func(ctx context.Context, args ...string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, filepath.Join(root, "freshet"), args...)
			cmd.Dir = root
			cmd.Env = append(slices.Clone(env[1:]), "FRESHET_CATALOG="+filepath.Join(root, "etc/freshet/catalog"), "FRESHET_DATA="+filepath.Join(root, "var/lib/freshet"))
			return cmd
		}
	}
	var log bytes.Buffer
	server := command(t.Context(), "serve")
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	until(t, "freshet health", func(ctx context.Context) error {
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v\n%s", err, &log)
		default:
		}
		out, err := command(ctx, "health").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil && server.ProcessState.ExitCode() != 130 {
		t.Fatalf("after SIGTERM: %v\n%s", err, &log)
	}
	if out, err := command(t.Context(), "health").CombinedOutput(); err == nil {
		t.Fatalf("healthy although stopped: %s", out)
	}
}

// prometheus is a running Prometheus.
type prometheus struct{ url string }

// get asks the HTTP API.
func (p prometheus) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, resp.Status, body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// startPrometheus runs a real Prometheus with the shipped configuration, but for
// the target and the intervals.
func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	binary := tool(t, "prometheus")
	dir := t.TempDir()
	config := strings.NewReplacer("freshet:8080", target, "interval: 10s", "interval: 200ms").Replace(read(t, "prometheus/prometheus.yml"))
	if !strings.Contains(config, target) || strings.Contains(config, "10s") {
		t.Fatalf("the configuration has changed its shape:\n%s", config)
	}
	for name, text := range map[string]string{"prometheus.yml": config, "freshet.rules.yml": read(t, "prometheus/freshet.rules.yml")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	address := freePort(t)
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary,
		"--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the test's context ends it
	}()
	t.Cleanup(func() { <-ended })
	p := prometheus{"http://" + address}
	until(t, "prometheus", func(ctx context.Context) error {
		select {
		case <-ended:
			t.Fatalf("prometheus ended:\n%s", &log)
		default:
		}
		return p.get(ctx, "/-/ready", nil)
	})
	return p
}

func TestARealPrometheusScrapesAServerAndEvaluatesTheRules(t *testing.T) {
	opts := app.DefaultOptions()
	opts.Data, opts.Catalog = t.TempDir(), "catalog/tanjiang"
	opts.GRPC, opts.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	opts.Tick = 200 * time.Millisecond
	opts.Logger = slog.New(slog.DiscardHandler)
	server, err := app.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	if err := server.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}

	// One reading that is accepted and one that is not.
	conn, err := client.Dial(server.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	gateway, err := client.Open(t.Context(), conn, hydro.Hydrology, "test", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	level, now := 5.0, time.Now().Truncate(time.Minute).UnixMilli()
	report := func(station string) *freshetv1.HydrologyReport {
		return &freshetv1.HydrologyReport{
			Station: station, ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: now}}, WaterLevel: &level, Datum: "PEARL_RIVER",
		}
	}
	if _, err := gateway.Send(t.Context(), client.Reports{Hydrology: []*freshetv1.HydrologyReport{report("h-enping"), report("nowhere")}}); err != nil {
		t.Fatal(err)
	}
	if err := gateway.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	p := startPrometheus(t, server.HTTPAddr())
	until(t, "metrics", func(ctx context.Context) error {
		var names struct{ Data []string }
		if err := p.get(ctx, "/api/v1/label/__name__/values", &names); err != nil {
			return err
		}
		var missing []string
		for _, m := range metrics {
			if !slices.Contains(names.Data, m) && !slices.Contains(names.Data, m+"_bucket") {
				missing = append(missing, m)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("not there: %s", strings.Join(missing, ", "))
		}
		return nil
	})
	value := func(ctx context.Context, query string) (string, error) {
		var answer struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		if err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(query), &answer); err != nil {
			return "", err
		}
		if len(answer.Data.Result) != 1 {
			return "", fmt.Errorf("%s: %d results", query, len(answer.Data.Result))
		}
		return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
	}
	is := func(query, want string) {
		t.Helper()
		until(t, query, func(ctx context.Context) error {
			got, err := value(ctx, query)
			if err == nil && got != want {
				err = fmt.Errorf("got %s, want %s", got, want)
			}
			return err
		})
	}
	is(`up{job="freshet"}`, "1")
	is(`freshet_ingest_accepted_total{department="hydrology"}`, "1")
	is(`freshet_ingest_refused_total{reason="unknown_station"}`, "1")
	is(`freshet_ingest_streams`, "1")
	is(`sum(freshet_stations_by_stage) > bool 0`, "1")
	until(t, "rules", func(ctx context.Context) error {
		var rules struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health, LastError string }
				}
			}
		}
		if err := p.get(ctx, "/api/v1/rules", &rules); err != nil {
			return err
		}
		n := 0
		for _, g := range rules.Data.Groups {
			for _, r := range g.Rules {
				if n++; r.Health != "ok" {
					return fmt.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
				}
			}
		}
		if n == 0 {
			return fmt.Errorf("none")
		}
		return nil
	})

	// And when the server has gone, it is noticed.
	stop()
	is(`up{job="freshet"}`, "0")
	is(`count(ALERTS{alertname="FreshetDown"})`, "1")
}
