package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/calibration"
)

// rainSpreadHelp is what calibrate's help says of method rain_spread.
const rainSpreadHelp = `
Method rain_spread needs one row for each interval of each past forecast of rain: the
columns issued, its time; lead, hours from there to the interval's end; forecast and
observed, mm in the interval, means over the basin. The earlier forecasts are fitted,
the later ones are checked. --leads says where windows of lead end (24h,48h,72h),
--least from what depth on a window counts.
`

// rainSpreadFlags adds those of method rain_spread.
func rainSpreadFlags(c *cobra.Command, o *calibration.RainSpreadOptions) {
	c.Flags().DurationSliceVar(&o.Leads, "leads", nil, "rain_spread: where windows of lead end, e.g. 24h,48h,72h; empty: each 24 h")
	c.Flags().Float64Var(&o.Least, "least", 1, "rain_spread: least depth in a window, mm, of forecast and observed, for their ratio to be learnt")
}

// calibrateRainSpread is `freshet calibrate --method rain_spread`.
func calibrateRainSpread(cmd *cobra.Command, o calibration.RainSpreadOptions, all calibration.Options, asJSON bool) error {
	o.Source, o.Split, o.Fit, o.Check = all.Source, all.Split, all.Fit, all.Check
	started := time.Now()
	r, err := calibration.RunRainSpread(o)
	if err != nil {
		return err
	}
	for _, n := range r.Notes {
		fmt.Fprintln(cmd.ErrOrStderr(), n)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d forecasts in %.1f s\n", r.Fit.Forecasts, time.Since(started).Seconds())
	return printFit(cmd.OutOrStdout(), r, r.Fragment, asJSON)
}
