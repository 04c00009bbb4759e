package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/bench"
	"freshet/internal/hydro"
)

func benchSpoolCommand() *cobra.Command {
	var (
		o      bench.SpoolOptions
		hours  float64
		data   string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "spool",
		Short: "Cut a gateway's link, let it return, and time fresh readings while the backlog drains",
		Long: `Spool fills a gateway's spool with the readings of a cut, one every --every by each
station, starts a server and a gateway as processes of their own, and drops files
with --live fresh readings each second into the gateway's folder until the backlog
is with the server. With --kill N both are killed with kill -9 N times on the way.
Then it compares what the server's store holds with what was sent, by count, by
value and by hash.

live_p50, live_p99 and live_max count from the arrival in the spool to the
acknowledgement, times of a killed process included, and are upper bounds of
histogram buckets. A restart lasts from a kill until a fresh reading is acknowledged
again; what came before then and waited for it is counted apart as well.
A killed process takes with it what it had measured since the
last look, at most some tenths of a second.

It exits with 1 if the store is not that of an uncut run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Span = time.Duration(hours * float64(time.Hour))
			o.Now = time.Now
			o.Progress = func(s string) { fmt.Fprintln(cmd.ErrOrStderr(), s) }
			if o.Binary, err = os.Executable(); err != nil {
				return err
			}
			if o.Dir, err = os.MkdirTemp(data, "freshet-spool-"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
			r, err := bench.Spool(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				err = printSpool(cmd.OutOrStdout(), &r)
			}
			if err == nil && !r.Equal {
				err = fmt.Errorf("the store differs from that of an uncut run: %w", hydro.ErrConflict)
			}
			return err
		},
	}
	f := c.Flags()
	f.IntVar(&o.Stations, "stations", 10_000, "stations")
	f.Float64Var(&hours, "hours", 72, "length of the cut")
	f.DurationVar(&o.Every, "every", 5*time.Minute, "between the readings of a station")
	f.IntVar(&o.Live, "live", 200, "fresh readings a second during the drain")
	f.IntVar(&o.Kill, "kill", 0, "how often to kill gateway and server")
	f.Uint64Var(&o.Seed, "seed", 1, "of the moments of the kills")
	f.StringVar(&data, "data", "", "folder in which to make a folder; empty: the system's temporary folder")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func printSpool(w io.Writer, r *bench.SpoolResult) error {
	equal := "the store equals that of an uncut run"
	if !r.Equal {
		equal = "THE STORE DIFFERS from that of an uncut run"
	}
	_, err := fmt.Fprintf(w, `%d stations, %d readings spooled in %.1f s, %.1f bytes each
  drained in         %10.1f s, %.0f readings/s; both ends killed %d times
  live               %10d readings in %d puts: p50 <= %g s, p99 <= %g s, all <= %g s
  apart from restarts%10d puts: p99 <= %g s, all <= %g s; restarts took %.1f s in all, the longest %.1f s
  store              %10d readings, lost %d, wrong %d, hash %s: %s
`, r.Stations, r.Backlog, r.FillSeconds, float64(r.SpoolBytes)/float64(r.Backlog), r.Drain, r.PerSecond, r.Kills,
		r.Live, r.LiveFiles, r.LiveP50, r.LiveP99, r.LiveMax, r.ApartFiles, r.ApartP99, r.ApartMax, r.Restarts, r.Longest, r.Stored, r.Lost, r.Wrong, r.Hash, equal)
	return err
}
