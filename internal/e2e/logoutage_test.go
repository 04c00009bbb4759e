package e2e_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	natsserver "github.com/nats-io/nats-server/v2/server"

	"freshet/internal/app"
)

// An external log goes away three times in mid-storm, for as long as its restart
// takes. Gateways wait, the engine replays what it had not published, and the
// officer's feed is that of an undisturbed run.
func TestALogThatGoesAwayLosesAndDoublesNothing(t *testing.T) {
	const steps = 30 * 12
	cat, storm := loadStorm(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	alone := newServer(t)
	quiet := newSender(cat)
	if err := quiet.play(ctx, alone.spec.GRPC, storm, steps, nil); err != nil {
		t.Fatal(err)
	}
	alone.stop()
	want := storedWarnings(t, alone.spec.Data)
	if len(want) < 20 {
		t.Fatalf("the undisturbed run gave %d warnings: too few to show anything", len(want))
	}

	addr := freeAddr(t)
	log := startNATS(t, addr, t.TempDir())
	opts := app.DefaultOptions()
	opts.Catalog, opts.Clock, opts.Data, opts.SnapshotEvery = catalogDir, "driven", t.TempDir(), 50
	opts.GRPC, opts.HTTP, opts.NATS = "127.0.0.1:0", "127.0.0.1:0", "nats://"+addr
	opts.Logger = slog.New(slog.DiscardHandler)
	a, err := app.Start(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	officer, watched := watch(watching, a.GRPCAddr())

	sender := newSender(cat)
	restarts := make(chan struct{}, 3)
	restarted := make(chan struct{})
	go func() { // beside the storm, so that it goes away in the midst of a step
		defer close(restarted)
		for range restarts {
			log = log.restart()
		}
	}()
	err = sender.play(ctx, a.GRPCAddr(), storm, steps, func(i int) error {
		if i%100 == 80 {
			restarts <- struct{}{}
		}
		return nil
	})
	close(restarts)
	<-restarted
	if err != nil {
		t.Fatal(err)
	}
	got, err := officer.wait(ctx, len(want))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.WaitArchived(ctx); err != nil {
		t.Fatal(err)
	}
	stopWatching()
	if err := <-watched; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	checkStore(t, opts.Data, sender.acked)
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("the officer's feed differs (-undisturbed +outages):\n%.4000s", d)
	}
	if d := cmp.Diff(quiet.acked, sender.acked); d != "" {
		t.Errorf("acknowledged readings differ (-undisturbed +outages):\n%.2000s", d)
	}
}

// A natsServer is an external log.
type natsServer struct {
	t         *testing.T
	addr, dir string
	srv       *natsserver.Server
}

func startNATS(t *testing.T, addr, dir string) *natsServer {
	t.Helper()
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := natsserver.NewServer(&natsserver.Options{
		Host: host, Port: port, JetStream: true, MaxPayload: 8 << 20, StoreDir: dir, SyncAlways: true, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(time.Minute) {
		t.Error("the NATS server does not come up")
	}
	return &natsServer{t, addr, dir, srv}
}

func (n *natsServer) restart() *natsServer {
	n.srv.Shutdown()
	n.srv.WaitForShutdown()
	return startNATS(n.t, n.addr, n.dir)
}
