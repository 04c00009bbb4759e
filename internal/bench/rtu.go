package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/rtu"
	"freshet/internal/app"
	"freshet/internal/hydro"
	"freshet/internal/station"
)

// RTUOptions say how many stations report through a bad link.
type RTUOptions struct {
	Stations int           // at most 99,999
	Every    time.Duration // between the reports of a station
	For      time.Duration
	Faults   rtu.Faults
	Seed     uint64
	Dir      string // of everything; must be empty
	Now      func() time.Time
}

// An RTUResult is what became of the reports.
type RTUResult struct {
	Stations int    `json:"stations"`
	Made     int    `json:"made"`
	Acked    int    `json:"acknowledged"` // reports of one level each
	Resent   int    `json:"sent_again"`
	Link     string `json:"link"`
	Stored   int    `json:"stored"`
	Lost     int    `json:"lost"`  // acknowledged and not in the store
	Wrong    int    `json:"wrong"` // in the store with another value
}

// RTU lets stations dial through a bad link into a gateway that sends to a
// server, both in this process, and compares the store with what the stations
// saw acknowledged.
func RTU(ctx context.Context, o RTUOptions) (r RTUResult, err error) {
	if o.Stations < 1 || o.Stations > 99_999 || o.Every <= 0 || o.For <= 0 || o.Dir == "" || o.Now == nil {
		return r, fmt.Errorf("1 to 99999 stations, intervals above zero, a folder and a clock are needed: %w", hydro.ErrInvalid)
	}
	b := spoolBench{o: SpoolOptions{Stations: o.Stations, Dir: o.Dir, Now: o.Now}}
	if err := b.prepare(); err != nil {
		return r, err
	}
	opts := app.DefaultOptions()
	opts.Catalog, opts.Data, opts.LogLevel, opts.GRPC, opts.HTTP = filepath.Join(o.Dir, "catalog"), filepath.Join(o.Dir, "data"), "error", "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.Start(ctx, opts)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.WaitReady(ctx); err != nil {
		return r, err
	}
	var config strings.Builder
	fmt.Fprintf(&config, "name: bench\nserver: {address: %q}\nspool: {dir: spool, min_free: 64MiB}\nstatus: {listen: \"\"}\ninputs:\n"+
		"  - name: rtus\n    kind: sl651\n    listen: \"127.0.0.1:0\"\n    max_connections: 99999\n    settings:\n      unlisted: refuse\n"+
		"      defaults: {department: hydrology, datum: PEARL_RIVER}\n      stations:\n", a.GRPCAddr())
	addresses := make([]sl651.Address, o.Stations)
	for i := range addresses {
		text := fmt.Sprintf("%010d", i+1)
		if addresses[i], err = sl651.ParseAddress(text); err != nil {
			return r, err
		}
		fmt.Fprintf(&config, "        - {address: %q, station: %s}\n", text, spoolStation(i))
	}
	file := filepath.Join(o.Dir, "gateway.yaml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return r, err
	}
	c, err := station.Load(file)
	if err != nil {
		return r, err
	}
	s, err := station.Start(ctx, c, station.Options{Now: o.Now})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	acked, err := o.report(ctx, addresses, s.Addr("rtus").String(), &r)
	if err != nil {
		return r, err
	}
	if err := errors.Join(s.Drained(ctx), archived(ctx, a)); err != nil {
		return r, err
	}
	for i := range addresses {
		found := map[int64]float64{}
		for obs, err := range a.Store().Observations(ctx, hydro.Key{Station: spoolStation(i), Variable: hydro.WaterLevel}, time.Time{}, time.Unix(1<<40, 0)) {
			if err != nil {
				return r, err
			}
			r.Stored++
			found[obs.At.UnixMilli()] = obs.Raw
		}
		for at, value := range acked[i] {
			switch got, ok := found[at]; {
			case !ok:
				r.Lost++
			case got != value:
				r.Wrong++
			}
		}
	}
	return r, nil
}

// report lets the stations report through the bad link, and returns what they
// saw acknowledged.
func (o *RTUOptions) report(ctx context.Context, addresses []sl651.Address, to string, r *RTUResult) ([]map[int64]float64, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dial := func(to string) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", to) }
	}
	bad := rtu.Proxy{Faults: o.Faults, Seed: o.Seed, Dial: dial(to)}
	linkCtx, cut := context.WithCancel(ctx)
	var link, fleet sync.WaitGroup
	link.Go(func() { _ = bad.Serve(linkCtx, ln) }) // it ends with the context
	defer link.Wait()
	defer cut()
	ctx, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	var mu sync.Mutex
	acked := make([]map[int64]float64, len(addresses))
	all := make([]*rtu.RTU, len(addresses))
	start := o.Now().Add(-3 * time.Hour).Truncate(time.Minute)
	for i, address := range addresses {
		acked[i] = map[int64]float64{}
		all[i], err = rtu.New(rtu.Options{
			Address: address, Now: o.Now, Every: o.Every, Start: start, Step: time.Minute, Dial: dial(ln.Addr().String()), Answer: 2 * time.Second,
			Values: func(n int, _ time.Time) []rtu.Value {
				return []rtu.Value{{ID: 0x39, Value: float64((i+n)%1500) / 100}}
			},
			Acked: func(report rtu.Report) {
				mu.Lock()
				defer mu.Unlock()
				acked[i][report.At.UnixMilli()] = report.Values[0].Value
			},
		})
		if err != nil {
			return nil, err
		}
		begin := time.Duration(i) * o.Every / time.Duration(len(addresses))
		fleet.Go(func() {
			if pause(ctx, begin) == nil {
				_ = all[i].Run(ctx) // it ends with the context
			}
		})
	}
	fleet.Wait()
	for i := range all {
		n := all[i].Counts()
		r.Made, r.Acked, r.Resent = r.Made+n.Made, r.Acked+n.Acked, r.Resent+n.Resent
	}
	r.Stations, r.Link = len(addresses), bad.Did()
	return acked, nil
}
