package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/app"
	"freshet/internal/demo"
	"freshet/internal/hydro"
	"freshet/internal/termui"
)

func demoCommand() *cobra.Command {
	var (
		speed, lang string
		opts        = demo.Options{App: app.DefaultOptions(), Now: time.Now}
	)
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play a synthetic Dragon Boat storm through the whole chain",
		Long: `Play a synthetic Dragon Boat storm (龙舟水) of 96 hours down the Tanjiang through
a whole server: three simulated gateways send over gRPC, the river is forecast
and warnings go up and come down. Nothing is kept; nothing else is needed.

The storm and its river are computed by another method than the forecast's, and
sensors have noise, gaps, spikes and faults. It is an example: the numbers are
synthetic, the thresholds illustrative.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if speed != "max" {
				v, err := strconv.ParseFloat(speed, 64)
				if err != nil || v <= 0 {
					return fmt.Errorf("--speed %q: give seconds of engine time per second, e.g. 600, or max: %w", speed, hydro.ErrInvalid)
				}
				opts.Speed = v
			}
			var err error
			if opts.Lang, err = termui.ParseLang(lang); err != nil {
				return err
			}
			opts.Out = cmd.OutOrStdout()
			s, err := demo.Run(cmd.Context(), opts)
			if err != nil {
				return err
			}
			if !opts.JSON {
				demo.WriteSummary(opts.Out, s, opts.Lang)
			}
			if s.Acked != s.OnLog || s.OnLog != s.Archived {
				return errors.New("the counts of acknowledged, logged and archived readings differ: this is a defect, please report it with the summary")
			}
			return nil
		},
	}
	c.Flags().StringVar(&speed, "speed", "600", "seconds of engine time per second, or max")
	c.Flags().BoolVar(&opts.JSON, "json", false, "print an event per line and a summary")
	c.Flags().StringVar(&lang, "lang", locale(), "language of the view: zh or en")
	c.Flags().Uint64Var(&opts.Seed, "seed", 1, "seed of the storm and the sensors")
	c.Flags().StringVar(&opts.App.Catalog, "catalog", opts.App.Catalog, "folder of the Tanjiang catalogue")
	c.Flags().StringVar(&opts.App.GRPC, "grpc", "127.0.0.1:0", "address of the gRPC server while the demo runs; port 0 picks one")
	c.Flags().StringVar(&opts.App.HTTP, "http", "127.0.0.1:0", "address of the HTTP server while the demo runs; port 0 picks one")
	return c
}
