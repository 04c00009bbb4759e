package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/app"
	"freshet/internal/bench"
)

func benchScenarioCommand() *cobra.Command {
	var asJSON bool
	o := bench.ScenarioOptions{App: app.DefaultOptions()}
	c := &cobra.Command{
		Use:   "scenario",
		Short: "Time rehearsals of the demo's storm",
		Long: `Scenario starts a whole server in this process, plays the first hours of the
demo's storm to it, and times rehearsals over gRPC, one after the other: 72 h of
forecast, the stages of every station and the emergency plans walked, beside the
situation as it is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			dir, err := os.MkdirTemp("", "freshet-bench-")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			o.App.Data, o.App.GRPC, o.App.HTTP, o.App.Logger = dir, "127.0.0.1:0", "127.0.0.1:0", slog.New(slog.DiscardHandler)
			o.Now, o.CPU = time.Now, processorTime
			r, err := bench.Scenario(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d rehearsals of %.0f h, %d stations, %d changes of stage walked\n  first %.0f ms, median %.0f ms, 99 of 100 within %.0f ms, at most %.0f ms\n  all in %.2f s, %.2f s of processor time\n",
				r.Rehearsals, r.HorizonH, r.Stations, r.Changes, r.FirstMS, r.MedianMS, r.P99MS, r.MostMS, r.Seconds, r.CPUSeconds)
			return err
		},
	}
	fs := c.Flags()
	fs.StringVar(&o.App.Catalog, "catalog", o.App.Catalog, "folder of the catalogue, which has the basin tanjiang")
	fs.IntVar(&o.Hours, "hours", 36, "of the storm before the rehearsals")
	fs.IntVar(&o.Count, "count", 100, "rehearsals")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
