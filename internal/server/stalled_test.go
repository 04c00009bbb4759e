package server_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

// Acceptance 7 of the duty desk. Watchers, one over gRPC and one of server-sent
// events, stop reading. All others, beside them on the connection or elsewhere,
// have every item before these are read at all; of these the server sends no more
// than their windows take; and when they read again they have lost nothing.
func TestAStalledWatcherDelaysNobody(t *testing.T) {
	const n, rounds, size = 100, 5, 16 << 10 // little of it is kept in memory
	const window, quota = 64 << 10, 64 << 10 // of the client's stream; of what gRPC takes from the server ahead of it
	b := newBench(t, func(o *server.Options) { o.FeedKept = 16 })
	all := &freshetv1.WatchWarningsRequest{FromStart: true}
	conn, err := grpc.NewClient(b.grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(16*window)) // said, they do not grow
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stalled := watchOver(t.Context(), t, conn, all)
	stalled.next() // it is open, and reads no further
	beside, apart, web := watchOver(t.Context(), t, conn, all), b.watch(t.Context(), t, all), b.events(t.Context(), t, "?from_start=true", "")
	defer web.body.Close()
	others := map[string]func() *freshetv1.WatchWarningsResponse{
		"on its connection": beside.warning,
		"elsewhere":         apart.warning,
		"of events": func() *freshetv1.WatchWarningsResponse {
			_, m := web.warning()
			return m
		},
	}
	large := func(w *hydro.Warning) { w.Cause = strings.Repeat("x", size) }
	reads := func(name string, next func() *freshetv1.WatchWarningsResponse, from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if m := next(); m.GetWarning().GetId() != feedWarning(riverBasin, i).ID || len(m.GetWarning().GetCause()) != size {
				t.Fatalf("%s: warning %d is %s", name, i, m.GetWarning().GetId())
			}
		}
	}
	for round := range rounds {
		from, to := round*n/rounds, (round+1)*n/rounds
		if err := b.publish(t.Context(), riverBasin, from, to, large); err != nil {
			t.Fatal(err)
		}
		for name, next := range others {
			reads(name, next, from, to)
		}
		sent := gauge(t, b.registry, "freshet_feed_warnings_sent_total") - float64(to*len(others))
		if most := float64((window+quota)/size + 2); sent > most {
			t.Fatalf("%v items were sent to a watcher who does not read, %v at most have a place on the way", sent, most)
		}
	}
	// A second one stops behind the first few events: there is no item of its own
	// that others would wait for.
	small := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(64 << 10) // the system takes little ahead of it
		}
		return conn, err
	}}
	defer small.CloseIdleConnections()
	second := b.eventsBy(t.Context(), t, &http.Client{Transport: small}, "?from_start=true", "")
	defer second.body.Close()
	next := func() *freshetv1.WatchWarningsResponse {
		_, m := second.warning()
		return m
	}
	reads("the second", next, 0, 3)
	if err := b.publish(t.Context(), riverBasin, n, n+20, large); err != nil {
		t.Fatal(err)
	}
	for name, next := range others {
		reads(name, next, n, n+20)
	}
	// Now they read, and have all, in order, once.
	reads("the stalled watcher", stalled.warning, 0, n+20)
	reads("the second", next, 3, n+20)
	if err := b.publish(t.Context(), riverBasin, n+20, n+21, large); err != nil {
		t.Fatal(err)
	}
	others["stalled before"], others["second"] = stalled.warning, next
	for name, next := range others {
		reads(name, next, n+20, n+21)
	}
}
