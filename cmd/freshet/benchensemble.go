package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/bench"
)

func benchEnsembleCommand() *cobra.Command {
	var (
		o             bench.EnsembleOptions
		model, asJSON bool
	)
	c := &cobra.Command{
		Use:   "ensemble",
		Short: "Time an ensemble of runoff and routing through a synthetic basin",
		Long: `Ensemble draws a basin of rivers and sub-basins, and times a Xinanjiang model in
each sub-basin and routing in each reach for all members, each with a storm of
its own. Members run side by side on the workers; the flows do not depend on them.

With --model the basin is a catalogue with gauges, and one run of the forecast is
timed as the service does it, under a rain forecast of that many members: warm-up,
updating, members, bands and chances.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Now, o.CPU = time.Now, processorTime
			run := bench.Ensemble
			if model {
				run = bench.Members
			}
			r, err := run(o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			peaks := fmt.Sprintf("peaks at the outlet %.0f, %.0f, %.0f m³/s (least, median, greatest)", r.Peak[0], r.Peak[1], r.Peak[2])
			if model {
				peaks = fmt.Sprintf("peak at the outlet %.0f m³/s, of the run on the members' mean", r.MeanPeak)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d reaches, %d sub-basins, %d members, %d steps, %d goroutines\n  %.3f s, %.3f s of processor time, %.1f ns of it per reach, step and member\n  %s\n",
				r.Method, r.Reaches, r.SubBasins, r.Members, r.Steps, r.Workers, r.Seconds, r.CPUSeconds, r.CPUNsPer, peaks)
			return err
		},
	}
	fs := c.Flags()
	fs.IntVar(&o.Reaches, "reaches", 1000, "reaches of the network")
	fs.IntVar(&o.SubBasins, "subs", 200, "sub-basins")
	fs.IntVar(&o.Members, "members", 50, "members of the ensemble")
	fs.IntVar(&o.Steps, "steps", 432, "time steps")
	fs.DurationVar(&o.Step, "step", 10*time.Minute, "length of a time step")
	fs.StringVar(&o.Method, "method", "muskingum", "muskingum or mct")
	fs.IntVar(&o.Workers, "workers", 2, "goroutines")
	fs.Uint64Var(&o.Seed, "seed", 1, "of the basin and its storms")
	fs.BoolVar(&model, "model", false, "time a run of the forecast instead of the kernels alone")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
