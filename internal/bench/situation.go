package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	freshetv1 "freshet/proto/freshet/v1"
)

// SituationOptions say what season is made, and what is asked of it.
type SituationOptions struct {
	Stations int           // of the basin: those of the catalogue, and more rain and river gauges
	Days     int           // of 5-min readings
	Tick     time.Duration // between ticks
	Instants int           // drawn from all of the season
	Seed     uint64
	Every    time.Duration // between milestones, engine time
	Catalog  string        // folder of the catalogue that gauges are added to
	Dir      string        // of log, store and milestones; must be empty
	Now      func() time.Time
	Progress func(string)
}

// A SituationResult is what one run measured.
type SituationResult struct {
	Stations     int     `json:"stations"`
	Days         int     `json:"days"`
	TickSeconds  float64 `json:"tick_s"`
	Inputs       uint64  `json:"inputs"`
	Readings     int     `json:"readings"`
	EverySeconds float64 `json:"milestone_every_s"`
	Replay       float64 `json:"replay_s"` // until a server had caught up with the log of the whole season
	Milestones   int     `json:"milestones"`
	Milestone    float64 `json:"milestone_kb"` // on the disk, of one
	OnDisk       float64 `json:"milestones_mb"`
	Log          float64 `json:"in_log_mb"`
	Instants     int     `json:"instants"`
	P50          float64 `json:"p50_ms"` // from the call to the answer, over gRPC
	Max          float64 `json:"max_ms"`
	CPUP50       float64 `json:"cpu_p50_ms"` // processor time of both ends meanwhile, all threads
	CPUMax       float64 `json:"cpu_max_ms"`
	AgainP50     float64 `json:"again_p50_ms"` // the same instant asked for once more
	AgainMax     float64 `json:"again_max_ms"`
	Answer       float64 `json:"answer_kb"`
}

// Validate says what is wrong with o.
func (o *SituationOptions) Validate() error {
	if o.Stations < 1 || o.Stations > 5000 || o.Days < 1 || o.Tick < time.Second || o.Instants < 1 || o.Every < 0 || o.Now == nil {
		return fmt.Errorf("stations (1 to 5000), days, tick (1 s or more) and instants must be above zero, milestones not below: %w", hydro.ErrInvalid)
	}
	return nil
}

var situationStart = time.Date(2026, 5, 20, 16, 0, 0, 0, time.UTC)

// Situation puts a season on a log, lets a server catch up with it, and asks that for
// situations as of instants drawn from all of it.
func Situation(ctx context.Context, o SituationOptions) (r SituationResult, err error) {
	if err := o.Validate(); err != nil {
		return r, err
	}
	r = SituationResult{Stations: o.Stations, Days: o.Days, TickSeconds: o.Tick.Seconds(), EverySeconds: o.Every.Seconds(), Instants: o.Instants}
	cat, err := o.catalogue()
	if err != nil {
		return r, err
	}
	if r.Inputs, r.Readings, err = o.season(ctx, cat); err != nil {
		return r, err
	}
	opts := app.DefaultOptions()
	opts.Data, opts.Catalog, opts.Clock = o.Dir, filepath.Join(o.Dir, "catalog"), "driven"
	opts.GRPC, opts.HTTP, opts.MilestoneEvery = "127.0.0.1:0", "127.0.0.1:0", o.Every
	opts.Logger = slog.New(slog.DiscardHandler)
	began := o.Now()
	a, err := app.Start(ctx, opts)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.WaitReady(ctx); err != nil {
		return r, err
	}
	r.Replay = o.Now().Sub(began).Seconds()
	o.Progress(fmt.Sprintf("a server has caught up with %d inputs after %.0f s", r.Inputs, r.Replay))
	if err := a.WaitArchived(ctx); err != nil { // else the archive would share the machine with what is measured
		return r, err
	}
	if err := o.ask(ctx, a, &r); err != nil {
		return r, err
	}
	var milestones, log int64
	if r.Milestones, milestones, err = folder(filepath.Join(o.Dir, "milestones")); err != nil {
		return r, err
	}
	if _, log, err = folder(filepath.Join(o.Dir, "log", "jetstream", "$G", "streams", "IN_"+cat.Basins[0].ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	r.OnDisk, r.Log = float64(milestones)/1e6, float64(log)/1e6
	if r.Milestones > 0 {
		r.Milestone = float64(milestones) / 1e3 / float64(r.Milestones)
	}
	return r, nil
}

// ask measures, in an order in which no instant stands near the one before it.
func (o *SituationOptions) ask(ctx context.Context, a *app.App, r *SituationResult) error {
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	briefings := freshetv1.NewBriefingServiceClient(conn)
	draw := rand.New(rand.NewPCG(o.Seed, 6))
	var first, again, cpu []time.Duration
	for range o.Instants {
		at := situationStart.Add(time.Duration(draw.Int64N(int64(o.Days) * int64(24*time.Hour))))
		var hash string
		for _, into := range []*[]time.Duration{&first, &again} {
			began, used := o.Now(), cpuTime()
			resp, err := briefings.GetSituation(ctx, &freshetv1.GetSituationRequest{AsOf: timestamppb.New(at)})
			if err != nil {
				return err
			}
			*into = append(*into, o.Now().Sub(began))
			if into == &first {
				cpu = append(cpu, cpuTime()-used)
			}
			if hash != "" && hash != resp.GetHash() {
				return fmt.Errorf("as of %s: hash %s, then %s: %w", at.Format(time.RFC3339), hash, resp.GetHash(), hydro.ErrConflict)
			}
			hash = resp.GetHash()
			r.Answer = max(r.Answer, float64(proto.Size(resp))/1e3)
		}
	}
	slices.Sort(first)
	slices.Sort(again)
	slices.Sort(cpu)
	r.CPUP50, r.CPUMax = quantile(cpu, 0.5), quantile(cpu, 1)
	r.P50, r.Max, r.AgainP50, r.AgainMax = quantile(first, 0.5), quantile(first, 1), quantile(again, 0.5), quantile(again, 1)
	return nil
}

// catalogue copies the catalogue and adds gauges to its first basin.
func (o *SituationOptions) catalogue() (*catalog.Catalog, error) {
	dir := filepath.Join(o.Dir, "catalog")
	if err := os.CopyFS(dir, os.DirFS(o.Catalog)); err != nil {
		return nil, err
	}
	cat, err := catalog.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	basin := cat.Basins[0].ID
	var b strings.Builder
	b.WriteString("stations:\n")
	for i := len(cat.Stations); i < o.Stations; i++ {
		at := fmt.Sprintf("[%.4f, %.4f]", 112.05+float64(i%40)*0.025, 22.1+float64(i/40)*0.035)
		if i%3 > 0 {
			fmt.Fprintf(&b, "  - {id: x-%04d, name: x-%04d, department: weather, kind: rain, basin: %s, at: %s, zone: UTC, profile: rain_gauge}\n", i, i, basin, at)
		} else {
			fmt.Fprintf(&b, "  - {id: x-%04d, name: x-%04d, department: hydrology, kind: hydrological, basin: %s, at: %s, zone: Asia/Shanghai, datum: PEARL_RIVER, profile: river, parameters: [{variable: water_level, fail_outside: [-5, 40]}]}\n",
				i, i, basin, at)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bench.yaml"), []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	return catalog.LoadDir(dir)
}

// season puts readings and ticks on the in-log. Each station reports all of its
// series once in five minutes, at a second of its own.
func (o *SituationOptions) season(ctx context.Context, cat *catalog.Catalog) (inputs uint64, readings int, err error) {
	j, err := journal.Open(ctx, journal.Options{Dir: filepath.Join(o.Dir, "log")})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	basin := cat.Basins[0].ID
	if err := j.EnsureBasin(ctx, basin); err != nil {
		return 0, 0, err
	}
	var waits []func(context.Context) (uint64, error)
	put := func(in hydro.Input) error {
		wait, err := j.StartAppend(basin, in)
		if err != nil {
			return err
		}
		inputs++
		if waits = append(waits, wait); len(waits) < 64 {
			return nil
		}
		_, err = waits[0](ctx)
		waits = waits[1:]
		return err
	}
	if err := put(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: cat.Version, Files: cat.Files(), At: situationStart}}); err != nil {
		return inputs, readings, err
	}
	const every = 5 * time.Minute
	end := situationStart.Add(time.Duration(o.Days) * 24 * time.Hour)
	for at, told := situationStart.Add(o.Tick), situationStart; !at.After(end); at = at.Add(o.Tick) {
		batch := &hydro.Batch{Basin: basin, ReceivedAt: at}
		for i := range cat.Stations {
			st := &cat.Stations[i]
			// What it observed at the last full five minutes comes some seconds later.
			due := at.Truncate(every).Add(time.Duration(i) * every / time.Duration(len(cat.Stations)+1) / 2)
			if st.Basin == basin && due.After(at.Add(-o.Tick)) && !due.After(at) {
				batch.Readings = o.observe(batch.Readings, st, i, at.Truncate(every))
			}
		}
		readings += len(batch.Readings)
		if len(batch.Readings) > 0 {
			if err := put(hydro.Input{Batch: batch}); err != nil {
				return inputs, readings, err
			}
		}
		if err := put(hydro.Input{Tick: &hydro.Tick{At: at, Settle: time.Minute}}); err != nil {
			return inputs, readings, err
		}
		if at.Sub(told) >= 5*24*time.Hour {
			told = at
			o.Progress(fmt.Sprintf("season up to %s is on the log", at.Format("2006-01-02")))
		}
	}
	for _, wait := range waits {
		if _, err := wait(ctx); err != nil {
			return inputs, readings, err
		}
	}
	return inputs, readings, nil
}

// observe is what a station reports: rivers that rise and fall in days, rain that
// comes in the afternoon of every third day.
func (o *SituationOptions) observe(out []hydro.Reading, st *catalog.Station, i int, at time.Time) []hydro.Reading {
	days := at.Sub(situationStart).Hours() / 24
	wave := math.Max(0, math.Sin(2*math.Pi*(days-float64(i%40)/100)/3))
	wobble := float64((at.Unix()/300*7+int64(i)*13)%11) / 1000
	for _, p := range st.Parameters {
		r := hydro.Reading{Key: hydro.Key{Station: st.ID, Variable: p.Variable, Sensor: p.Sensor}, At: at}
		switch p.Variable {
		case hydro.WaterLevel:
			r.Value, r.Datum = 4+1.5*wave+wobble, st.Datum.Name
		case hydro.Discharge, hydro.Inflow, hydro.Outflow:
			r.Value = 80 + 400*wave + 10*wobble
		case hydro.Rain:
			r.Interval = 5 * time.Minute
			if hour := int(days*24) % 72; hour < 6 {
				r.Value = math.Round(10*(2+float64((i*7+hour)%5)/2)) / 10
			}
		case hydro.Storage:
			r.Value = 200 + 50*wave
		default:
			continue
		}
		r.Raw = r.Value
		out = append(out, r)
	}
	return out
}

// folder returns how many files are in a folder and below, and how long they are.
func folder(dir string) (files int, size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files, size = files+1, size+info.Size()
		}
		return err
	})
	return files, size, err
}
