package station_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/rtu"
	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/station"
)

const catalogDir = "../../deploy/catalog/tanjiang"

// quick keeps tests from waiting for a link.
var quick = client.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond}

// levels is a map of hydrology rows.
const levels = `department: hydrology
files:
  - station: STCD
    time: {column: TM, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
    columns:
      - {column: Z, variable: water_level, unit: m, datum: PEARL_RIVER}
      - {column: Q, variable: discharge, unit: m3/s}
`

// serve starts a real server.
func serve(t testing.TB, change ...func(*app.Options)) *app.App {
	t.Helper()
	o := app.DefaultOptions()
	o.Data, o.Catalog, o.GRPC, o.HTTP, o.LogLevel = t.TempDir(), catalogDir, "127.0.0.1:0", "127.0.0.1:0", "error"
	for _, f := range change {
		f(&o)
	}
	a, err := app.Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// configure writes a configuration with these inputs, and the map, into dir.
func configure(t testing.TB, dir, server, inputs string) *station.Config {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "levels.yaml"), []byte(levels), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("name: test\nserver: {address: %q}\nspool: {dir: spool, min_free: 1MiB}\nstatus: {listen: \"127.0.0.1:0\"}\ninputs:\n%s", server, inputs)
	c, err := station.Parse(filepath.Join(dir, "gateway.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// archived returns when the store holds everything that is on the log now.
func archived(ctx context.Context, a *app.App) error {
	if err := a.WaitReady(ctx); err != nil {
		return err
	}
	if err := a.WaitApplied(ctx); err != nil {
		return err
	}
	return a.WaitArchived(ctx)
}

// stored returns what the store holds of a series, by instant.
func stored(t testing.TB, a *app.App, k hydro.Key) map[string]float64 {
	t.Helper()
	if err := archived(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for o, err := range a.Store().Observations(t.Context(), k, time.Time{}, time.Unix(1<<40, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		out[o.At.UTC().Format(time.RFC3339)] = o.Raw
	}
	return out
}

// rows returns n rows of a station, five minutes apart, and what the store shall
// hold of their levels.
func rows(code string, from time.Time, n int) (text string, want map[string]float64) {
	var b strings.Builder
	want = map[string]float64{}
	for i := range n {
		at, z := from.Add(time.Duration(i)*5*time.Minute), float64(200+i)/100
		fmt.Fprintf(&b, "%s,%s,%.2f,%d\n", code, at.In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04:05"), z, 100+i)
		want[at.UTC().Format(time.RFC3339)] = z
	}
	return b.String(), want
}

func TestLinesReachTheStoreAndTheGatewayEndsWithThem(t *testing.T) {
	a := serve(t)
	text, want := rows("EX80A101", time.Now().Add(-3*time.Hour).Truncate(5*time.Minute), 20)
	c := configure(t, t.TempDir(), a.GRPCAddr(), "  - {kind: stdin, map: levels.yaml}\n")
	if err := station.Run(t.Context(), c, station.Options{Now: time.Now, Backoff: quick, Stdin: strings.NewReader("STCD,TM,Z,Q\n" + text)}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, stored(t, a, hydro.Key{Station: "h-enping", Variable: hydro.WaterLevel})); d != "" {
		t.Errorf("levels in the store (-want +got):\n%s", d)
	}
	if n := len(stored(t, a, hydro.Key{Station: "h-enping", Variable: hydro.Discharge})); n != 20 {
		t.Errorf("%d discharges in the store, want 20", n)
	}
}

// What is refused on the way and by the centre can be read, and the rest is
// with the centre.
func TestFilesAreTakenReportedAndMovedAway(t *testing.T) {
	a := serve(t)
	dir := t.TempDir()
	drop := filepath.Join(dir, "drop")
	if err := os.Mkdir(drop, 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, want := rows("EX80A101", now.Add(-3*time.Hour).Truncate(5*time.Minute), 5)
	strange, _ := rows("NOBODY", now.Add(-time.Hour).Truncate(5*time.Minute), 1)
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(drop, name)
		if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path+".tmp", now, now.Add(-time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".tmp", path); err != nil {
			t.Fatal(err)
		}
	}
	write("good.csv", "STCD,TM,Z,Q\n"+text+strange)
	write("half.csv", "STCD,TM,Z,Q\nEX80A101,2026-06-01 08:00:00,high,\n"+strings.Replace(text, "EX80A101", "h-enping", 1))
	write("bad.csv", "STATION,WHEN\nx,y\n")
	write("other.txt", "not meant")
	c := configure(t, dir, a.GRPCAddr(), "  - {name: files, kind: folder, dir: drop, files: \"*.csv\", settle: 1s, every: 10ms, map: levels.yaml}\n")
	s, err := station.Start(t.Context(), c, station.Options{Now: time.Now, Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	await(t, func() bool {
		left, err := os.ReadDir(drop)
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 3 // done, failed, other.txt
	})
	if err := s.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, stored(t, a, hydro.Key{Station: "h-enping", Variable: hydro.WaterLevel})); d != "" {
		t.Errorf("levels in the store (-want +got):\n%s", d)
	}
	names := func(sub string) (names []string) {
		entries, err := os.ReadDir(filepath.Join(drop, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	if d := cmp.Diff([]string{"good.csv", "half.csv", "half.csv.report.txt"}, names("done")); d != "" {
		t.Errorf("done (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"bad.csv", "bad.csv.report.txt"}, names("failed")); d != "" {
		t.Errorf("failed (-want +got):\n%s", d)
	}
	report, err := os.ReadFile(filepath.Join(drop, "done", "half.csv.report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(report), "refused 1") || !strings.Contains(string(report), "line 2") || !strings.Contains(string(report), "high") {
		t.Errorf("the report says:\n%s", report)
	}
	st := ask(t, s)
	if st.Refused["unknown_station"] != 2 || len(st.LastRefused) != 2 || st.LastRefused[0].Station != "NOBODY" {
		t.Errorf("refused: %v, %+v", st.Refused, st.LastRefused)
	}
	if len(st.Inputs) != 1 || st.Inputs[0].Units != 3 || st.Inputs[0].Values != 5*2*2+2 {
		t.Errorf("inputs: %+v", st.Inputs)
	}
}

// await returns when cond holds.
func await(t testing.TB, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

func get(t testing.TB, s *station.Station, path string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.HTTPAddr()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func ask(t testing.TB, s *station.Station) (st station.Status) {
	t.Helper()
	_, body := get(t, s, "/status.json")
	if err := json.Unmarshal(body, &st); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return st
}

// While the spool is full, the file stays in its folder and the page, the health
// check and the metrics say so; once there is room, it goes on by itself.
func TestAFullSpoolHoldsUpItsInputsAndSaysSo(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := dead.Addr().String()
	dead.Close() // nobody is there yet
	dir := t.TempDir()
	drop := filepath.Join(dir, "drop")
	if err := os.Mkdir(drop, 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, want := rows("EX80A101", now.Add(-30*24*time.Hour).Truncate(5*time.Minute), 3000)
	path := filepath.Join(drop, "season.csv")
	if err := os.WriteFile(path, []byte("STCD,TM,Z,Q\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := configure(t, dir, addr, "  - {name: files, kind: folder, dir: drop, settle: 1ms, every: 10ms, map: levels.yaml}\n")
	c.Spool.MaxBytes = 70_000
	s, err := station.Start(t.Context(), c, station.Options{Now: time.Now, Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	await(t, func() bool { return ask(t, s).Spool.Full != "" })
	if code, body := get(t, s, "/healthz"); code != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("full")) {
		t.Errorf("health says %d %s", code, body)
	}
	if _, body := get(t, s, "/metrics"); !bytes.Contains(body, []byte("freshet_gateway_spool_full 1")) {
		t.Error("the metrics do not say that the spool is full")
	}
	if _, body := get(t, s, "/"); !bytes.Contains(body, []byte("缓存已满")) {
		t.Error("the page does not say that the spool is full")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file has gone although it is not safe: %v", err)
	}
	a := serve(t, func(o *app.Options) { o.GRPC = addr })
	await(t, func() bool { _, err := os.Stat(path); return errors.Is(err, os.ErrNotExist) })
	if err := s.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, stored(t, a, hydro.Key{Station: "h-enping", Variable: hydro.WaterLevel})); d != "" {
		t.Errorf("levels in the store (-want +got):\n%.2000s", d)
	}
	if code, body := get(t, s, "/healthz"); code != http.StatusOK {
		t.Errorf("health says %d %s", code, body)
	}
}

// Stations dial in through a bad link: whatever they saw acknowledged is in the
// store, once, with its value.
func TestWhatStationsSawAcknowledgedIsInTheStore(t *testing.T) {
	const stations, reports = 4, 12
	a := serve(t)
	c := configure(t, t.TempDir(), a.GRPCAddr(), `  - name: rtus
    kind: sl651
    listen: "127.0.0.1:0"
    settings:
      unlisted: refuse
      defaults: {department: hydrology, datum: PEARL_RIVER}
      stations:
        - {address: "0000000001", station: h-enping}
        - {address: "0000000002", station: h-puqiao}
        - {address: "0000000003", station: EX80A101}
`)
	s, err := station.Start(t.Context(), c, station.Options{Now: time.Now, Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func(to string) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) { var d net.Dialer; return d.DialContext(ctx, "tcp", to) }
	}
	bad := rtu.Proxy{
		Seed: 3, Dial: dial(s.Addr("rtus").String()),
		Faults: rtu.Faults{Drop: 0.03, Duplicate: 0.05, Corrupt: 0.05, Noise: 0.05, Cut: 0.03, Delay: 0.1, MaxDelay: 5 * time.Millisecond},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = bad.Serve(ctx, ln) })
	start := time.Now().Add(-24 * time.Hour).Truncate(5 * time.Minute)
	var mu sync.Mutex
	acked := map[sl651.Address]map[string]float64{}
	var rtus sync.WaitGroup
	giveUp, stop := context.WithCancel(ctx)
	defer stop()
	for i := range stations {
		address, err := sl651.ParseAddress(fmt.Sprintf("%010d", i+1))
		if err != nil {
			t.Fatal(err)
		}
		acked[address] = map[string]float64{}
		known := i < 3
		r, err := rtu.New(rtu.Options{
			Address: address, Now: time.Now, Dial: dial(ln.Addr().String()),
			Every: time.Millisecond, Reports: reports, Start: start.Add(time.Duration(i) * time.Minute), Step: 5 * time.Minute,
			Answer: 300 * time.Millisecond, Redial: time.Millisecond,
			Values: func(n int, _ time.Time) []rtu.Value { return []rtu.Value{{ID: 0x39, Value: float64(300+n) / 100}} },
			Acked: func(r rtu.Report) {
				mu.Lock()
				defer mu.Unlock()
				acked[address][r.At.UTC().Format(time.RFC3339)] = r.Values[0].Value
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if known {
			rtus.Go(func() { _ = r.Run(ctx) })
		} else {
			wg.Go(func() { _ = r.Run(giveUp) })
		}
	}
	rtus.Wait()
	await(t, func() bool { return ask(t, s).Inputs[0].Problems > 0 }) // the unknown one was heard
	stop()
	if err := s.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	var n int
	want := map[string]float64{}
	for address, values := range acked {
		n += len(values)
		if address.String() == "0000000004" && len(values) > 0 {
			t.Errorf("a station that the settings do not know was answered")
		}
		if name := address.String(); name == "0000000001" || name == "0000000003" { // both are h-enping
			maps.Copy(want, values)
		}
	}
	if n != 3*reports {
		t.Errorf("%d reports were acknowledged, want %d", n, 3*reports)
	}
	if d := cmp.Diff(want, stored(t, a, hydro.Key{Station: "h-enping", Variable: hydro.WaterLevel})); d != "" {
		t.Errorf("levels in the store (-want +got):\n%s", d)
	}
	t.Log(bad.Did())
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
