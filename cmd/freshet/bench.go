package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/app"
	"freshet/internal/bench"
	"freshet/internal/hydro"
)

// benchCommand is `freshet bench`: measurements that anyone can repeat.
func benchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure this machine"}
	c.AddCommand(benchIngestCommand(), benchInfluxCommand(), benchRouteCommand(), benchEnsembleCommand(), benchSpoolCommand(), benchRTUCommand(), benchFeedCommand(), benchSituationCommand())
	return c
}

type benchFlags struct {
	bench.Options
	json    bool
	profile string
	influx  bench.InfluxOptions
}

func (f *benchFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.IntVar(&f.Streams, "streams", 8, "gateways: streams to Freshet, concurrent writers to InfluxDB")
	fs.IntVar(&f.Readings, "readings", 2_000_000, "readings to send in all")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
	fs.StringVar(&f.influx.Database, "influx-database", "freshet_bench", "database (1.8, is created) or bucket (2.x) of the comparison")
	fs.StringVar(&f.influx.Org, "influx-org", "", "organisation of InfluxDB 2.x")
	fs.StringVar(&f.influx.Token, "influx-token", "", "token of InfluxDB 2.x")
	fs.IntVar(&f.influx.BatchSize, "influx-batch", 5000, "lines per write request")
}

func benchIngestCommand() *cobra.Command {
	var (
		f    benchFlags
		data string
	)
	c := &cobra.Command{
		Use:   "ingest",
		Short: "Send readings through gRPC to a server in this process and time the acks",
		Long: `Ingest starts a whole server in this process, with embedded log (every message
synced to the disk) and embedded store in a folder that is removed at the end,
and sends it reports of the three departments over real gRPC streams, one
connection per gateway.

readings_per_s counts readings that were acknowledged, and so are on the disk.
archived_per_s counts to the moment the store held them all. With --rate the
gateways send at that pace whether or not acks come, and the latency of a frame
counts from the instant it was due.

--vs-influx URL then writes the same points as line protocol straight into that
InfluxDB, after the server has stopped, and prints the ratio.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return benchIngest(cmd.Context(), cmd.OutOrStdout(), &f, data)
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.IntVar(&f.Frame, "frame", 1000, "reports per frame")
	fs.Float64Var(&f.Rate, "rate", 0, "readings per second; 0: as fast as acks allow")
	fs.IntVar(&f.Basins, "basins", 1, "basins over which the stations are spread; each has its log and engine")
	fs.StringVar(&data, "data", "", "folder in which to make the server's folder; empty: the system's temporary folder")
	fs.StringVar(&f.influx.URL, "vs-influx", "", "InfluxDB to compare with, e.g. http://127.0.0.1:8086")
	fs.StringVar(&f.profile, "cpuprofile", "", "file for a CPU profile of sending and archiving")
	return c
}

func benchInfluxCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "influx",
		Short: "Write the points of bench ingest straight into an InfluxDB",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.Frame, f.Basins, f.Now, f.End = 1, 1, time.Now, time.Now()
			r, err := bench.Influx(cmd.Context(), f.Options, f.influx)
			if err != nil {
				return err
			}
			return printBench(cmd.OutOrStdout(), f.json, benchReport{Influx: &r})
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.influx.URL, "influx-url", "http://127.0.0.1:8086", "InfluxDB server")
	return c
}

// A benchReport is what `freshet bench --json` prints.
type benchReport struct {
	*bench.Result
	Influx *bench.InfluxResult `json:"influx,omitempty"`
	Ratio  float64             `json:"ratio_to_influx,omitempty"` // acknowledged readings per second, ours to InfluxDB's
}

func benchIngest(ctx context.Context, w io.Writer, f *benchFlags, data string) (err error) {
	f.Now, f.End = time.Now, time.Now()
	if err := f.Validate(); err != nil {
		return err
	}
	r, err := measureIngest(ctx, f, data)
	if err != nil {
		return err
	}
	report := benchReport{Result: &r}
	if f.influx.URL != "" {
		peer, err := bench.Influx(ctx, f.Options, f.influx)
		if err != nil {
			return fmt.Errorf("influx: %w", err)
		}
		report.Influx, report.Ratio = &peer, r.PerSecond/peer.PerSecond
	}
	return printBench(w, f.json, report)
}

func measureIngest(ctx context.Context, f *benchFlags, data string) (_ bench.Result, err error) {
	dir, err := os.MkdirTemp(data, "freshet-bench-")
	if err != nil {
		return bench.Result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	opts := app.DefaultOptions()
	opts.Data, opts.Catalog = filepath.Join(dir, "data"), filepath.Join(dir, "catalog")
	opts.GRPC, opts.HTTP, opts.LogLevel = "127.0.0.1:0", "127.0.0.1:0", "warn"
	if err := os.MkdirAll(opts.Catalog, 0o755); err != nil {
		return bench.Result{}, err
	}
	for _, file := range bench.Catalogue(&f.Options) {
		if err := os.WriteFile(filepath.Join(opts.Catalog, file.Name), file.Data, 0o644); err != nil {
			return bench.Result{}, err
		}
	}
	a, err := app.Start(ctx, opts)
	if err != nil {
		return bench.Result{}, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.WaitReady(ctx); err != nil {
		return bench.Result{}, err
	}
	if f.profile != "" {
		out, err := os.Create(f.profile)
		if err != nil {
			return bench.Result{}, err
		}
		defer func() { _ = out.Close() }()
		if err := pprof.StartCPUProfile(out); err != nil {
			return bench.Result{}, err
		}
		defer pprof.StopCPUProfile()
	}
	begin := time.Now()
	r, err := bench.Ingest(ctx, a.GRPCAddr(), f.Options)
	if err != nil {
		return bench.Result{}, err
	}
	if err := waitArchived(ctx, a, uint64(r.Readings)); err != nil {
		return bench.Result{}, err
	}
	r.ArchivedPerS = float64(r.Readings) / time.Since(begin).Seconds()
	r.PeakMemoryMB = peakMemoryMB()
	return r, nil
}

// waitArchived returns when the store holds that many observations.
func waitArchived(ctx context.Context, a *app.App, readings uint64) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	stopped := make(chan error, 1)
	go func() { stopped <- a.Wait() }()
	for {
		if written, _ := a.Archived(); written >= readings {
			return nil
		}
		select {
		case <-ticker.C:
		case err := <-stopped:
			return fmt.Errorf("the server stopped before the store held all readings: %w", errors.Join(err, hydro.ErrUnavailable))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// peakMemoryMB returns the largest resident size of this process so far, 0
// where the system does not tell.
func peakMemoryMB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				return 0
			}
			return kb / 1024
		}
	}
	return 0
}

func printBench(w io.Writer, asJSON bool, r benchReport) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	var b strings.Builder
	if m := r.Result; m != nil {
		fmt.Fprintf(&b, "%d readings by %d gateways, %d reports a frame, %.1f bytes a reading\n", m.Readings, m.Streams, m.Frame, m.FrameBytes)
		if m.Rate > 0 {
			fmt.Fprintf(&b, "  asked for          %10.0f readings/s\n", m.Rate)
		}
		fmt.Fprintf(&b, "  acknowledged       %10.0f readings/s\n", m.PerSecond)
		fmt.Fprintf(&b, "  ack latency        %10.1f ms median, %.1f ms p99, %.1f ms longest\n", m.AckP50, m.AckP99, m.AckMax)
		fmt.Fprintf(&b, "  archived           %10.0f readings/s\n", m.ArchivedPerS)
		fmt.Fprintf(&b, "  peak memory        %10.0f MB\n", m.PeakMemoryMB)
	}
	if p := r.Influx; p != nil {
		fmt.Fprintf(&b, "InfluxDB, the same points as line protocol: %d lines\n  acknowledged       %10.0f lines/s\n", p.Lines, p.PerSecond)
	}
	if r.Ratio > 0 {
		fmt.Fprintf(&b, "ratio                %10.2f\n", r.Ratio)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
