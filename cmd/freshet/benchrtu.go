package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"freshet/ingest/sl651/rtu"
	"freshet/internal/bench"
	"freshet/internal/hydro"
)

func benchRTUCommand() *cobra.Command {
	var (
		o      bench.RTUOptions
		data   string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "rtu",
		Short: "Let simulated stations report through a bad link into a gateway, and compare the store",
		Long: `Rtu starts a server and a gateway in this process and lets simulated stations dial
into the gateway by SL 651 through a link that drops, delays, duplicates and
corrupts what passes and breaks connections. Then it looks in the server's store
for every level that a station saw acknowledged. It exits with 1 if one is missing
or has another value.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Now = time.Now
			if o.Dir, err = os.MkdirTemp(data, "freshet-rtu-"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
			r, err := bench.RTU(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d stations: %d reports made, %d acknowledged, %d sent again\n  link   %s\n  store  %d levels; of those acknowledged %d lost, %d wrong\n",
					r.Stations, r.Made, r.Acked, r.Resent, r.Link, r.Stored, r.Lost, r.Wrong)
			}
			if err == nil && r.Lost+r.Wrong > 0 {
				err = fmt.Errorf("the store does not hold what was acknowledged: %w", hydro.ErrConflict)
			}
			return err
		},
	}
	f := c.Flags()
	f.IntVar(&o.Stations, "stations", 2000, "stations")
	f.DurationVar(&o.Every, "every", 5*time.Second, "between the reports of a station")
	f.DurationVar(&o.For, "for", 2*time.Minute, "how long they report")
	o.Faults = rtu.Faults{MaxDelay: 200 * time.Millisecond}
	f.Float64Var(&o.Faults.Drop, "drop", 0.01, "probability that a piece of bytes is lost")
	f.Float64Var(&o.Faults.Duplicate, "duplicate", 0.02, "that it comes twice")
	f.Float64Var(&o.Faults.Corrupt, "corrupt", 0.02, "that a byte of it is another")
	f.Float64Var(&o.Faults.Cut, "cut", 0.005, "that the connection breaks")
	f.Float64Var(&o.Faults.Delay, "delay", 0.1, "that it comes up to 0.2 s late")
	f.Uint64Var(&o.Seed, "seed", 1, "of the faults")
	f.StringVar(&data, "data", "", "folder in which to make a folder; empty: the system's temporary folder")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
