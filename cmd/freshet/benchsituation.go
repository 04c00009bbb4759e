package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/bench"
)

func benchSituationCommand() *cobra.Command {
	var (
		o      bench.SituationOptions
		data   string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "situation",
		Short: "Put a season on a log and time situations as of instants drawn from it",
		Long: `Situation adds rain and river gauges to the first basin of a catalogue, puts a season
of 5-min readings and ticks on a log, and has a server catch up with it, with the
catalogue's forecasts and stages and with milestones. Then it asks that server, over
gRPC, for the situation as of instants drawn from all of the season, each twice:
the first answer is a fold of the log, the second comes from memory, and both must
have one hash.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Now = time.Now
			o.Progress = func(s string) { fmt.Fprintln(cmd.ErrOrStderr(), s) }
			if o.Dir, err = os.MkdirTemp(data, "freshet-situation-"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
			r, err := bench.Situation(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), `%d stations, %d days, a tick each %g s: %d inputs, %d readings; replayed whole in %.0f s
  milestones         one in %s: %d, %.0f kB each, %.0f MB
  as of an instant   %d drawn: p50 %.0f ms, max %.0f ms
  the same again     p50 %.0f ms, max %.0f ms; an answer of %.0f kB
`, r.Stations, r.Days, r.TickSeconds, r.Inputs, r.Readings, r.Replay, o.Every, r.Milestones, r.Milestone, r.OnDisk, r.Instants, r.P50, r.Max, r.AgainP50, r.AgainMax, r.Answer)
			return err
		},
	}
	f := c.Flags()
	f.IntVar(&o.Stations, "stations", 500, "stations of the basin")
	f.IntVar(&o.Days, "days", 30, "length of the season")
	f.DurationVar(&o.Tick, "tick", 10*time.Second, "between ticks")
	f.IntVar(&o.Instants, "instants", 20, "instants that are asked for")
	f.Uint64Var(&o.Seed, "seed", 1, "of the instants")
	f.DurationVar(&o.Every, "milestone-every", 3*time.Hour, "engine time between milestones; 0: none")
	f.StringVar(&o.Catalog, "catalog", "deploy/catalog/tanjiang", "folder of the catalogue that gauges are added to")
	f.StringVar(&data, "data", "", "folder in which to make a folder; empty: the system's temporary folder")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
