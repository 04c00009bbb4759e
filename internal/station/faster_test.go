package station_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/rtu"
	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/station"
	freshetv1 "freshet/proto/freshet/v1"
)

// The centre's wish for a faster rate goes through the gateway to the station,
// which obeys, and is given back its own rate when the river has gone down, also
// by a gateway that was not there meanwhile.
func TestAStationReportsFasterWhileTheRiverIsHigh(t *testing.T) {
	catalog := t.TempDir()
	if err := os.CopyFS(catalog, os.DirFS(catalogDir)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][]string{
		"network.yaml": {
			"    settings:\n", "    settings:\n      report_faster: {from: yellow, every: 2m, where: basin}\n",
			"dwell_raise: 10m", "dwell_raise: 0s", "dwell_lower: 1h", "dwell_lower: 0s", "dead_band: 0.10", "dead_band: 0.02",
		},
		"tables.yaml": {"{variable: water_level, blue: 5.8, yellow: 6.6, orange: 7.3, red: 8}", "{variable: water_level, blue: 5.02, yellow: 5.05, orange: 7.3, red: 8}"},
	} {
		path := filepath.Join(catalog, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(change); i += 2 {
			if !bytes.Contains(text, []byte(change[i])) {
				t.Fatalf("%s does not hold %q", name, change[i])
			}
			text = bytes.Replace(text, []byte(change[i]), []byte(change[i+1]), 1)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := serve(t, func(o *app.Options) { o.Catalog, o.Tick = catalog, 50*time.Millisecond })

	// A gauge upstream, by a stream of its own.
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	up, err := client.Open(t.Context(), conn, hydro.Hydrology, "upstream", client.Options{Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	at := time.Now().Add(-8 * time.Minute)
	river := func(levels ...float64) {
		t.Helper()
		for _, level := range levels {
			at = at.Add(time.Minute)
			if _, err := up.Send(t.Context(), client.Reports{Hydrology: []*freshetv1.HydrologyReport{{
				Station: "EX80A101", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(at)}},
				WaterLevel: &level, Datum: "PEARL_RIVER",
			}}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := up.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	c := configure(t, t.TempDir(), a.GRPCAddr(), `  - name: rtus
    kind: sl651
    listen: "127.0.0.1:0"
    settings:
      unlisted: refuse
      defaults: {department: hydrology, datum: PEARL_RIVER}
      stations:
        - {address: "0000000002", station: h-puqiao}
`)
	open := func() *station.Station {
		t.Helper()
		s, err := station.Start(t.Context(), c, station.Options{Now: time.Now, Backoff: quick})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	defer func() { s.Close() }()
	address, err := sl651.ParseAddress("0000000002")
	if err != nil {
		t.Fatal(err)
	}
	var to sync.Map
	to.Store("", s.Addr("rtus").String())
	r, err := rtu.New(rtu.Options{
		Address: address, Now: time.Now, Every: time.Hour, Minute: 20 * time.Millisecond, KeepAlive: 20 * time.Millisecond, Redial: time.Millisecond, Answer: time.Second,
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			addr, _ := to.Load("")
			return d.DialContext(ctx, "tcp", addr.(string))
		},
		Values: func(int, time.Time) []rtu.Value { return []rtu.Value{{ID: 0x39, Value: 1}} },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = r.Run(ctx) })
	await(t, func() bool { return r.Counts().Acked > 0 })
	if v := r.Parameter(sl651.ParamExtra); v != 0 {
		t.Fatalf("extra reports each %g min while the river is low", v)
	}

	river(5, 5.03, 5.06)
	await(t, func() bool { return r.Parameter(sl651.ParamExtra) == 2 })
	made := r.Counts().Made
	await(t, func() bool { return r.Counts().Made >= made+2 }) // it does report
	await(t, func() bool { return strings.Contains(ask(t, s).Inputs[0].State, "1 of 1 asked to report faster do") })

	// The gateway is away while the river goes down.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	river(5.03, 5)
	if err := archived(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	s = open()
	to.Store("", s.Addr("rtus").String())
	await(t, func() bool { return r.Parameter(sl651.ParamExtra) == 0 })
	await(t, func() bool { return !strings.Contains(ask(t, s).Inputs[0].State, "faster") })
}
