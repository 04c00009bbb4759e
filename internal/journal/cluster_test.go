package journal_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

// nodeOf, in the environment, makes this test binary a NATS server of a cluster:
// "<its number> <folder> <ports of the clients, then of the routes>".
const nodeOf = "FRESHET_JOURNAL_TEST_NODE"

// node runs a server until it is killed.
func node(text string) error {
	var i int
	var dir string
	var ports [6]int
	if _, err := fmt.Sscan(text, &i, &dir, &ports[0], &ports[1], &ports[2], &ports[3], &ports[4], &ports[5]); err != nil {
		return err
	}
	routes := fmt.Sprintf("nats://127.0.0.1:%d,nats://127.0.0.1:%d,nats://127.0.0.1:%d", ports[3], ports[4], ports[5])
	srv, err := server.NewServer(&server.Options{
		ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: ports[i], NoLog: true, JetStream: true, StoreDir: dir, MaxPayload: 8 << 20,
		Cluster: server.ClusterOpts{Name: "freshet", Host: "127.0.0.1", Port: ports[3+i]},
		Routes:  server.RoutesFromStr(routes),
	})
	if err != nil {
		return err
	}
	srv.Start()
	srv.WaitForShutdown()
	return nil
}

// A cluster is three NATS servers as users run them on three machines.
type cluster struct {
	t     *testing.T
	dirs  [3]string
	ports [6]int // of the clients, then of the routes
	nodes [3]*exec.Cmd
	js    jetstream.JetStream
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t}
	var held []net.Listener
	for i := range c.ports { // a server that comes back must be found where it was
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held, c.ports[i] = append(held, l), l.Addr().(*net.TCPAddr).Port
	}
	for _, l := range held {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.nodes {
		c.dirs[i] = t.TempDir()
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.kill(i)
		}
	})
	conn, err := nats.Connect(c.url(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if c.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) start(i int) {
	c.t.Helper()
	c.nodes[i] = exec.Command(os.Args[0])
	c.nodes[i].Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s", nodeOf, i, c.dirs[i], strings.Trim(fmt.Sprint(c.ports), "[]")))
	c.nodes[i].Stderr = os.Stderr
	if err := c.nodes[i].Start(); err != nil {
		c.t.Fatal(err)
	}
}

// kill is kill -9.
func (c *cluster) kill(i int) {
	_ = c.nodes[i].Process.Kill()
	_ = c.nodes[i].Wait() // says that it was killed
}

// leads returns the server that leads a stream, once there is one.
func (c *cluster) leads(stream string) int {
	c.t.Helper()
	for c.t.Context().Err() == nil {
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		var info *jetstream.StreamInfo
		s, err := c.js.Stream(ctx, stream)
		if err == nil {
			info, err = s.Info(ctx)
		}
		cancel()
		var i int
		if err != nil || info.Cluster == nil {
			continue
		}
		if _, err := fmt.Sscanf(info.Cluster.Leader, "n%d", &i); err == nil {
			return i
		}
	}
	c.t.Fatal("no leader of " + stream)
	return 0
}

func (c *cluster) url() string {
	return fmt.Sprintf("nats://127.0.0.1:%d,nats://127.0.0.1:%d,nats://127.0.0.1:%d", c.ports[0], c.ports[1], c.ports[2])
}

// openWhenReady is open, once the cluster has a leader.
func (c *cluster) openWhenReady(opts journal.Options) *journal.Journal {
	c.t.Helper()
	for c.t.Context().Err() == nil {
		j, err := journal.Open(c.t.Context(), opts)
		if err == nil {
			err = j.EnsureBasin(c.t.Context(), basin)
			if err == nil {
				c.t.Cleanup(func() {
					if err := j.Close(); err != nil {
						c.t.Error(err)
					}
				})
				return j
			}
			closeNow(c.t, j)
		}
		if !errors.Is(err, hydro.ErrUnavailable) {
			c.t.Fatal(err)
		}
	}
	return nil
}

// While servers that lead a log are killed and come back, whoever writes tries
// again, and readers go on: what was acknowledged is there, in its place, and no
// output is lost or doubled.
func TestALogOfThreeReplicasLosesNothingWithAServer(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	j := c.openWhenReady(journal.Options{URL: c.url(), Replicas: 3})
	const each = 40
	acked := map[uint64]time.Time{} // instant of the tick, by its place
	n := 0
	p := j.Publisher(basin, lastOutput(t, j))
	for _, name := range []string{"IN_", "OUT_"} {
		down := c.leads(name + basin)
		for i := range each {
			if i == each/4 {
				c.kill(down)
			}
			n++
			for {
				seq, err := j.AppendInput(t.Context(), basin, tick(n))
				if err == nil {
					acked[seq] = tick(n).Tick.At
					break
				}
				if !errors.Is(err, hydro.ErrUnavailable) {
					t.Fatal(err)
				}
			}
			for {
				err := p.Publish(t.Context(), uint64(n), []hydro.Output{warning(n), audit(n)})
				if err == nil && i%10 == 9 {
					err = p.Flush(t.Context())
				}
				if err == nil {
					break
				}
				// As a basin does: begin again from what is out.
				if !errors.Is(err, hydro.ErrUnavailable) && !errors.Is(err, hydro.ErrConflict) {
					t.Fatal(err)
				}
				last, err := j.LastOutput(t.Context(), basin)
				if err != nil {
					continue
				}
				p = j.Publisher(basin, last)
				for k := max(1, int(last.InputSeq)); k < n && err == nil; k++ {
					err = p.Publish(t.Context(), uint64(k), []hydro.Output{warning(k), audit(k)})
				}
			}
		}
		c.start(down)
	}
	flush(t, p)

	last, err := j.LastInput(t.Context(), basin)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range takeInputs(t, j, 0, int(last)) {
		if at, ok := acked[in.Seq]; ok && !in.Tick.At.Equal(at) {
			t.Errorf("input %d is of %s, acknowledged was %s", in.Seq, in.Tick.At, at)
		}
		delete(acked, in.Seq)
	}
	if len(acked) > 0 {
		t.Errorf("%d acknowledged inputs are lost", len(acked))
	}
	outs := takeOutputs(t, j, 0, 2*n)
	for i, r := range outs {
		if r.InputSeq != uint64(1+i/2) || r.Index != i%2 {
			t.Fatalf("output %d is %d/%d", i+1, r.InputSeq, r.Index)
		}
	}
	if end := lastOutput(t, j); end.Seq != uint64(2*n) {
		t.Errorf("the out-log ends at %d, want %d", end.Seq, 2*n)
	}
}
