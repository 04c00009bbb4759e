package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/bench"
	"freshet/internal/hydro"
)

func benchFeedCommand() *cobra.Command {
	var (
		o       bench.FeedOptions
		seconds float64
		data    string
		profile string
		asJSON  bool
		watch   bool
	)
	c := &cobra.Command{
		Use:   "feed",
		Short: "Let thousands watch the alert feed, and time a warning from the log to each of them",
		Long: `Feed starts a server over a log (every message synced to the disk) in this process
and watchers in another one on this machine, each with a connection of its own:
server-sent events and gRPC. It appends warnings to the log and measures the time
from before the append until a watcher has read it, for every watcher and warning.
Some more watchers stop reading after their first answer, and connections are
broken at random, after which the watcher comes again with its resume token. It
exits with 1 if a watcher missed a warning or saw one twice.

Each process needs as many open files as there are watchers (ulimit -n). A server
of yours needs the same, --limit-connections above the watchers of either listener
and, if watchers share a token, --limit-streams above their number.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if watch {
				return bench.WatchFeed(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), time.Now)
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("this program: %w", err)
			}
			o.Now, o.Program, o.For = time.Now, []string{self, "bench", "feed", "--watchers-only"}, time.Duration(seconds*float64(time.Second))
			if o.Dir, err = os.MkdirTemp(data, "freshet-feed-"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
			if profile != "" {
				f, err := os.Create(profile)
				if err != nil {
					return fmt.Errorf("profile: %w", err)
				}
				defer func() { err = errors.Join(err, f.Close()) }()
				if err := pprof.StartCPUProfile(f); err != nil {
					return fmt.Errorf("profile: %w", err)
				}
				defer pprof.StopCPUProfile()
			}
			r, err := bench.Feed(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d watchers, and %d that read nothing, were there after %.1f s\n"+
					"  %d warnings, %d deliveries: p50 %.0f ms, p99 %.0f ms, max %.0f ms\n"+
					"  %d connections broken: %d gaps, %d repeats, p99 of the first after a break %.0f ms; %d watchers without the last warning\n"+
					"  server: %.0f MB resident, %.0f MB live on the heap; %.0f kB a watcher\n",
					r.Watchers, r.Stalled, r.Connect, r.Warnings, r.Deliveries, r.P50, r.P99, r.Max, r.Breaks, r.Gaps, r.Repeats, r.BreakP99, r.Missing, r.Memory, r.Heap, r.PerWatcher)
			}
			if err == nil && r.Gaps+r.Repeats+r.Missing > 0 {
				err = fmt.Errorf("watchers did not see each warning once: %w", hydro.ErrConflict)
			}
			return err
		},
	}
	f := c.Flags()
	f.IntVar(&o.SSE, "sse", 5000, "watchers by server-sent events")
	f.IntVar(&o.GRPC, "grpc", 5000, "watchers over gRPC")
	f.IntVar(&o.Stalled, "stalled", 1, "more of each that stop reading")
	f.Float64Var(&seconds, "seconds", 30, "how long warnings come")
	f.DurationVar(&o.Every, "every", time.Second, "between warnings")
	f.IntVar(&o.Burst, "burst", 1, "warnings at a time")
	f.Float64Var(&o.Breaks, "breaks", 20, "connections broken in a second")
	f.StringVar(&data, "data", "", "folder in which to make a folder; empty: the system's temporary folder")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&profile, "cpuprofile", "", "file for a CPU profile of the server")
	f.BoolVar(&watch, "watchers-only", false, "be the watchers, told by standard input")
	_ = f.MarkHidden("watchers-only") // it is there
	return c
}
