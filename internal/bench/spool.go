package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/ingest/gateway/spool"
	"freshet/internal/app"
	"freshet/internal/hydro"
	"freshet/internal/station"
	"freshet/internal/store/pebble"
)

// SpoolOptions say how long the link was cut for how many stations.
type SpoolOptions struct {
	Stations int
	Span     time.Duration // of the cut
	Every    time.Duration // between the readings of a station
	Live     int           // fresh readings a second during the drain
	Kill     int           // kill -9 of the gateway and of the server, each so often, during the drain
	Seed     uint64        // of the moments
	Dir      string        // of everything; must be empty
	Binary   string        // freshet
	Now      func() time.Time
	Progress func(string) // may be nil
}

// Validate returns an error that wraps hydro.ErrInvalid if o makes no sense.
func (o *SpoolOptions) Validate() error {
	switch {
	case o.Stations < 1 || o.Stations > 100_000:
		return fmt.Errorf("stations: %d is not in 1 to 100000: %w", o.Stations, hydro.ErrInvalid)
	case o.Every < time.Minute || o.Span < o.Every || o.Span > maxSpan:
		return fmt.Errorf("a cut of %s with readings every %s: readings must be a minute or more apart, and the cut at most %s: %w", o.Span, o.Every, maxSpan, hydro.ErrInvalid)
	case o.Live < 1 || o.Live > 100_000:
		return fmt.Errorf("live: %d readings a second are not 1 to 100000: %w", o.Live, hydro.ErrInvalid)
	case o.Kill < 0 || o.Kill > 100:
		return fmt.Errorf("kill: %d is not 0 to 100: %w", o.Kill, hydro.ErrInvalid)
	case o.Dir == "" || o.Binary == "" || o.Now == nil:
		return fmt.Errorf("bench: folder, binary and clock are needed: %w", hydro.ErrInvalid)
	}
	return nil
}

// A SpoolResult is what one run measured.
type SpoolResult struct {
	Stations    int     `json:"stations"`
	Backlog     int     `json:"backlog_readings"`
	FillSeconds float64 `json:"fill_seconds"`
	SpoolBytes  int64   `json:"spool_bytes"`
	Drain       float64 `json:"drain_seconds"` // from the link's return until the backlog was acknowledged
	PerSecond   float64 `json:"backlog_per_s"`
	Live        int     `json:"live_readings"`
	LiveFiles   int     `json:"live_puts_measured"`
	LiveP50     float64 `json:"live_p50_s"` // upper bounds, of the metric's buckets: from the arrival in the spool to the ack
	LiveP99     float64 `json:"live_p99_s"`
	LiveMax     float64 `json:"live_max_s"`
	ApartFiles  int     `json:"live_puts_apart_from_restarts"` // and their times, as above
	ApartP99    float64 `json:"live_p99_apart_from_restarts_s"`
	ApartMax    float64 `json:"live_max_apart_from_restarts_s"`
	Kills       int     `json:"kills_each"`
	Restarts    float64 `json:"restart_seconds"` // from a kill until a fresh reading was acknowledged again, in all
	Longest     float64 `json:"restart_longest_s"`
	Stored      int     `json:"stored_readings"`
	Lost        int     `json:"lost"`
	Wrong       int     `json:"wrong"` // in the store with another value, or never sent
	Hash        string  `json:"hash"`
	Equal       bool    `json:"store_equals_uncut"`
}

// spoolValue is the level that a station reports at an instant: what is in the
// store can be told from what was sent without keeping either.
func spoolValue(station int, at time.Time) float64 {
	return float64((int64(station)*7+at.UnixMilli()/1000)%1500) / 100
}

func spoolStation(i int) string { return fmt.Sprintf("sp-%05d", i) }

const spoolMap = `department: hydrology
files:
  - station: STCD
    time: {column: TM, layout: unix_ms}
    columns:
      - {column: Z, variable: water_level, unit: m, datum: PEARL_RIVER}
`

// Spool fills a spool as an outage does, lets the link return, and measures how
// fresh readings fare while the backlog drains. Server and gateway are processes
// of their own, so that they can be killed.
func Spool(ctx context.Context, o SpoolOptions) (r SpoolResult, err error) {
	if err := o.Validate(); err != nil {
		return r, err
	}
	say := func(format string, args ...any) {
		if o.Progress != nil {
			o.Progress(fmt.Sprintf(format, args...))
		}
	}
	b := spoolBench{o: o, say: say, live: map[liveKey]bool{}, end: o.Now().Add(-11 * time.Minute).Truncate(time.Minute)} // all of the cut is backlog, or it would count as live
	r.Stations, r.Kills = o.Stations, o.Kill
	if err := b.prepare(); err != nil {
		return r, err
	}
	begin := o.Now()
	if r.Backlog, r.SpoolBytes, err = b.fill(ctx); err != nil {
		return r, fmt.Errorf("fill: %w", err)
	}
	r.FillSeconds = o.Now().Sub(begin).Seconds()
	say("spooled %d readings, %d MB, in %.1f s", r.Backlog, r.SpoolBytes>>20, r.FillSeconds)
	defer b.server.kill()
	defer b.gateway.kill()
	if err := b.start(ctx); err != nil {
		return r, err
	}
	if err := b.drain(ctx, &r); err != nil {
		return r, fmt.Errorf("drain: %w", err)
	}
	say("drained in %.1f s; live p99 <= %g s", r.Drain, r.LiveP99)
	if err := errors.Join(b.gateway.stop(), b.server.stop()); err != nil {
		return r, err
	}
	return r, b.compare(ctx, &r)
}

type liveKey struct {
	station int
	at      int64
}

type spoolBench struct {
	o       SpoolOptions
	say     func(string, ...any)
	end     time.Time // of the cut
	server  child
	gateway child
	status  string // address
	live    map[liveKey]bool
	h       histogram
	restart *restart  // nil: both ends run
	back    time.Time // when the last restart ended; zero before the first
}

// A restart lasts from a kill until a fresh reading is acknowledged again. What
// came before that, and so waited for it, is counted apart.
type restart struct {
	began time.Time
	count float64 // of the acknowledgements before the server was killed
}

// prepare writes catalogue, map and configuration.
func (b *spoolBench) prepare() error {
	var stations strings.Builder
	stations.WriteString(`catalog:
  name: bench
  title: {zh: 基准测试, en: Benchmark}
departments:
  - {id: hydrology, name: {zh: 水文, en: Hydrology}}
profiles:
  - id: hydrology
    parameters:
      - {variable: water_level, every: 5m, fail_outside: [0, 20]}
stations:
`)
	for i := range b.o.Stations {
		fmt.Fprintf(&stations, "  - {id: %s, name: %s, department: hydrology, kind: hydrological, basin: bench, at: [%.4f, %.4f], zone: Asia/Shanghai, datum: PEARL_RIVER, profile: hydrology}\n",
			spoolStation(i), spoolStation(i), 112+float64(i%100)*0.01, 22+float64(i/100%100)*0.01)
	}
	var addrs [3]string
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addrs[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			return err
		}
	}
	b.status = addrs[2]
	b.server = child{binary: b.o.Binary, log: filepath.Join(b.o.Dir, "server.log"), args: []string{
		"serve", "--catalog", filepath.Join(b.o.Dir, "catalog"), "--data", filepath.Join(b.o.Dir, "data"), "--grpc", addrs[0], "--http", addrs[1], "--log-level", "warn",
	}}
	b.gateway = child{binary: b.o.Binary, log: filepath.Join(b.o.Dir, "gateway.log"), args: []string{"gateway", "--config", filepath.Join(b.o.Dir, "gateway.yaml"), "--log-level", "error"}}
	config := fmt.Sprintf(`name: bench
server: {address: "%s"}
spool: {dir: spool, max_size: 64GiB, min_free: 64MiB}
status: {listen: "%s"}
inputs:
  - {name: live, kind: folder, dir: drop, settle: 1ms, every: 20ms, map: map.yaml}
`, addrs[0], addrs[2])
	for name, text := range map[string]string{
		"catalog/stations.yaml": stations.String(),
		"catalog/network.yaml":  "basins:\n  - id: bench\n    name: bench\n    season: {zone: Asia/Shanghai}\n    nodes:\n      - {id: outlet, name: outlet}\n",
		"gateway.yaml":          config,
		"map.yaml":              spoolMap,
		"drop/.keep":            "",
	} {
		path := filepath.Join(b.o.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fill puts the readings of the cut into the spool as they would have come:
// round by round.
func (b *spoolBench) fill(ctx context.Context) (n int, size int64, err error) {
	s, err := spool.Open(spool.Options{Dir: filepath.Join(b.o.Dir, "spool"), MaxBytes: 64 << 30, MinFree: 64 << 20, Now: b.o.Now})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	raws := make([]hydro.Raw, 0, spool.MaxEntry)
	for at := b.end.Add(-b.o.Span + b.o.Every); !at.After(b.end); at = at.Add(b.o.Every) {
		for i := range b.o.Stations {
			raws = append(raws, hydro.Raw{Station: spoolStation(i), Variable: hydro.WaterLevel, Value: spoolValue(i, at), Unit: hydro.UnitOwn, At: at, Datum: hydro.PearlRiver})
			if len(raws) == cap(raws) || i == b.o.Stations-1 {
				if err := s.Put(ctx, hydro.Hydrology, raws, nil); err != nil {
					return 0, 0, err
				}
				n += len(raws)
				raws = raws[:0]
			}
		}
	}
	st, err := s.Stats()
	return n, st.Bytes, err
}

func (b *spoolBench) start(ctx context.Context) error {
	if err := b.server.start(); err != nil {
		return err
	}
	// The gateway may come first; but the drain is measured from a link that is there.
	for {
		if _, err := b.get(ctx, "http://"+b.server.args[8]+"/readyz"); err == nil {
			break
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return b.gateway.start()
}

// drain drops fresh readings until the backlog is with the centre, and kills
// both ends on the way.
func (b *spoolBench) drain(ctx context.Context, r *SpoolResult) error {
	total := int64(r.Backlog)
	begin := b.o.Now()
	next, kills := begin, 0
	random := rand.New(rand.NewPCG(b.o.Seed, 0))
	said := begin
	for {
		now := b.o.Now()
		if !now.Before(next) {
			if err := b.drop(now); err != nil {
				return err
			}
			next = next.Add(time.Second)
		}
		left, err := b.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // it is starting
		case b.restart == nil && kills < b.o.Kill && left < total*int64(b.o.Kill-kills)/int64(b.o.Kill+1):
			kills++
			b.restart = &restart{began: now}
			b.say("kill %d of %d, with %d readings left", kills, b.o.Kill, left)
			for _, c := range []*child{&b.gateway, &b.server} {
				c.kill()
				if err := c.start(); err != nil {
					return err
				}
				if err := pause(ctx, time.Duration(random.Int64N(int64(500*time.Millisecond)))); err != nil {
					return err
				}
			}
			_, _ = b.poll(ctx) // the gateway may be starting; then nothing was acknowledged yet
			b.restart.count = b.h.count()
		case b.restart != nil:
			if b.h.count() > b.restart.count {
				b.back = b.o.Now()
				lasted := b.back.Sub(b.restart.began).Seconds()
				r.Restarts += lasted
				r.Longest = max(r.Longest, lasted)
				b.restart = nil
				b.say("fresh readings are acknowledged again after %.1f s", lasted)
			}
		case kills == b.o.Kill && left <= int64(3*b.o.Live):
			r.Drain = now.Sub(begin).Seconds()
			r.PerSecond = float64(r.Backlog) / r.Drain
			return b.finish(ctx, r)
		}
		if err == nil && now.Sub(said) > 10*time.Second {
			said = now
			b.say("%.0f s: %d readings left, %d live sent", now.Sub(begin).Seconds(), left, len(b.live))
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// finish waits until the last fresh readings are with the centre.
func (b *spoolBench) finish(ctx context.Context, r *SpoolResult) error {
	for {
		entries, err := os.ReadDir(filepath.Join(b.o.Dir, "drop"))
		if err != nil {
			return err
		}
		files := 0
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".csv") {
				files++
			}
		}
		if left, err := b.poll(ctx); err == nil && left == 0 && files == 0 {
			break
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	r.Live, r.LiveFiles = len(b.live), int(b.h.count())
	all := b.h.totals()
	r.LiveP50, r.LiveP99, r.LiveMax = bucketQuantile(all, 0.5), bucketQuantile(all, 0.99), bucketQuantile(all, 1)
	for le := range all {
		all[le] -= b.h.apart[le]
	}
	r.ApartFiles, r.ApartP99, r.ApartMax = int(total(all)), bucketQuantile(all, 0.99), bucketQuantile(all, 1)
	return nil
}

// drop puts a file of fresh readings into the gateway's folder, whole.
func (b *spoolBench) drop(now time.Time) error {
	var text bytes.Buffer
	text.WriteString("STCD,TM,Z\n")
	for i := range b.o.Live {
		station := i % b.o.Stations
		at := now.Add(-time.Duration(i/b.o.Stations) * time.Millisecond).Truncate(time.Millisecond)
		b.live[liveKey{station, at.UnixMilli()}] = true
		fmt.Fprintf(&text, "%s,%d,%.2f\n", spoolStation(station), at.UnixMilli(), spoolValue(station, at))
	}
	path := filepath.Join(b.o.Dir, "drop", strconv.FormatInt(now.UnixMilli(), 10)+".csv")
	if err := os.WriteFile(path+".tmp", text.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.Chtimes(path+".tmp", now, now.Add(-time.Minute)); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// poll asks the gateway how much it holds, and takes its latencies in.
func (b *spoolBench) poll(ctx context.Context) (left int64, err error) {
	body, err := b.get(ctx, "http://"+b.status+"/status.json")
	if err != nil {
		return 0, err
	}
	var st station.Status
	if err := json.Unmarshal(body, &st); err != nil {
		return 0, err
	}
	if body, err = b.get(ctx, "http://"+b.status+"/metrics"); err != nil {
		return 0, err
	}
	before := b.h.totals()
	if err := b.h.take(body); err != nil {
		return 0, err
	}
	switch {
	case b.restart != nil:
		b.h.exclude(before, 0)
	case !b.back.IsZero(): // what took longer than it is since then came before then
		b.h.exclude(before, b.o.Now().Sub(b.back).Seconds())
	}
	return st.Spool.Readings, nil
}

func (b *spoolBench) get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read whole below
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %w", url, resp.Status, hydro.ErrUnavailable)
	}
	return body, err
}

// compare lets the server archive what is on its log, and compares the store
// with what was sent.
func (b *spoolBench) compare(ctx context.Context, r *SpoolResult) error {
	opts := app.DefaultOptions()
	opts.Catalog, opts.Data, opts.LogLevel = filepath.Join(b.o.Dir, "catalog"), filepath.Join(b.o.Dir, "data"), "error"
	opts.GRPC, opts.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.Start(ctx, opts)
	if err != nil {
		return err
	}
	if err := errors.Join(archived(ctx, a), a.Close()); err != nil {
		return err
	}
	s, err := pebble.Open(pebble.Options{Dir: filepath.Join(opts.Data, "store")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	begin := b.end.Add(-b.o.Span + b.o.Every)
	rounds := int(b.o.Span / b.o.Every)
	got, want := fnv.New64a(), fnv.New64a()
	byStation := map[int][]int64{}
	for k := range b.live {
		byStation[k.station] = append(byStation[k.station], k.at)
	}
	for i := range b.o.Stations {
		expected := make([]int64, 0, rounds+len(byStation[i]))
		for n := range rounds {
			expected = append(expected, begin.Add(time.Duration(n)*b.o.Every).UnixMilli())
		}
		expected = append(expected, byStation[i]...)
		slices.Sort(expected)
		there := make(map[int64]bool, len(expected))
		for _, at := range expected {
			there[at] = false
			fmt.Fprintf(want, "%d %d %g\n", i, at, spoolValue(i, time.UnixMilli(at)))
		}
		for obs, err := range s.Observations(ctx, hydro.Key{Station: spoolStation(i), Variable: hydro.WaterLevel}, time.Time{}, time.Unix(1<<40, 0)) {
			if err != nil {
				return err
			}
			at := obs.At.UnixMilli()
			fmt.Fprintf(got, "%d %d %g\n", i, at, obs.Raw)
			r.Stored++
			if _, sent := there[at]; !sent || obs.Raw != spoolValue(i, obs.At) {
				r.Wrong++
			}
			there[at] = true
		}
		for _, found := range there {
			if !found {
				r.Lost++
			}
		}
	}
	r.Hash = fmt.Sprintf("%016x", got.Sum64())
	r.Equal = bytes.Equal(got.Sum(nil), want.Sum(nil)) && r.Lost == 0 && r.Wrong == 0
	return err
}

// archived returns when the store holds everything that is on the log.
func archived(ctx context.Context, a *app.App) error {
	if err := a.WaitReady(ctx); err != nil {
		return err
	}
	if err := a.WaitApplied(ctx); err != nil {
		return err
	}
	return a.WaitArchived(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
