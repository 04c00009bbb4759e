package main

import (
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

	"freshet/internal/bench"
)

func benchRouteCommand() *cobra.Command {
	var (
		o       bench.RouteOptions
		asJSON  bool
		profile string
	)
	c := &cobra.Command{
		Use:   "route",
		Short: "Time the routing of a flow through a synthetic river network",
		Long: `Route draws a tree of reaches with the lengths, slopes, widths and roughness of
rivers, lets it carry low flow, and times the routing of a number of steps: low
flow, or a storm of a day over all of it. Each reach has lateral inflow, and the
flow at the end of each reach in each step is handed to a function.

Methods: muskingum (linear), cunge (variable parameters by the conventions of
NOAA's t-route, upstream flow of the previous step), mct (mass-conservative).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Now, o.CPU = time.Now, processorTime
			r, err := benchRoute(o, profile)
			if err != nil {
				return err
			}
			return printRoute(cmd.OutOrStdout(), asJSON, r)
		},
	}
	fs := c.Flags()
	fs.IntVar(&o.Reaches, "reaches", 100_000, "reaches of the network")
	fs.IntVar(&o.Steps, "steps", 288, "time steps")
	fs.StringVar(&o.Method, "method", "mct", "muskingum, cunge or mct")
	fs.StringVar(&o.Flow, "flow", "low", "low or flood")
	fs.DurationVar(&o.Step, "step", 5*time.Minute, "length of a time step")
	fs.IntVar(&o.Workers, "workers", 1, "goroutines; the results do not depend on it")
	fs.IntVar(&o.Tile, "tile", 48, "steps that a reach is routed before the next one")
	fs.Uint64Var(&o.Seed, "seed", 1, "of the network")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	fs.StringVar(&profile, "cpuprofile", "", "file for a CPU profile")
	return c
}

func benchRoute(o bench.RouteOptions, profile string) (_ bench.RouteResult, err error) {
	if profile != "" {
		out, err := os.Create(profile)
		if err != nil {
			return bench.RouteResult{}, err
		}
		defer func() { err = errors.Join(err, out.Close()) }()
		if err := pprof.StartCPUProfile(out); err != nil {
			return bench.RouteResult{}, err
		}
		defer pprof.StopCPUProfile()
	}
	r, err := bench.Route(o)
	r.PeakMemoryMB = peakMemoryMB()
	return r, err
}

func printRoute(w io.Writer, asJSON bool, r bench.RouteResult) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, `%s, %s flow: %d reaches, %d steps, %d goroutines
  per reach and step %10.1f ns, %.1f ns of processor time
  reach-steps        %10.0f /s
  iterations         %10.2f a step
  peak memory        %10.0f MB
  not converged %d, abandoned %d, clipped %d, attenuation limited %d
`, r.Method, r.Flow, r.Reaches, r.Steps, r.Workers, r.NsPer, r.CPUNsPer, r.PerSecond, r.Iterations, r.PeakMemoryMB, r.Unconverged, r.Abandoned, r.Clipped, r.Limited)
	return err
}

// processorTime returns the processor time of this process so far, 0 where the
// system does not tell.
func processorTime() time.Duration {
	threads, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return 0
	}
	var sum time.Duration
	for _, name := range threads {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		running, _, _ := strings.Cut(string(data), " ")
		if ns, err := strconv.ParseInt(running, 10, 64); err == nil {
			sum += time.Duration(ns)
		}
	}
	return sum
}
