package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// explainCommand is `freshet explain`: why a warning was given.
func explainCommand() *cobra.Command {
	var (
		server  serverFlags
		lang    string
		asJSON  bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "explain ID",
		Short: "Say why a warning was given: readings, rules, clocks, forecast run",
		Long: `Explain computes anew, from the log, why a warning was given: the readings that
decided with their flags and their way to the station's datum, the stage table with
its source, the clocks of dwell and persistence, the other leg, the forecast run and
what it lacked, and what was not seen. ID is the warning's, as watch and the feed
show it, e.g. tanjiang/20260610T063510Z/h-enping. Times are Beijing time.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			conn, err := server.dial()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // nothing is under way
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			resp, err := freshetv1.NewWarningServiceClient(conn).ExplainWarning(ctx, &freshetv1.ExplainWarningRequest{Id: args[0]})
			if err != nil {
				return callError(server.address, err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, resp)
			}
			width := 110
			if termui.Terminal(out) {
				width, _ = termui.Size(out)
			}
			x := resp.GetExplanation()
			lines := x.GetLinesEn()
			if language.Pick("zh", "en") == "zh" {
				lines = x.GetLinesZh()
			}
			fmt.Fprintln(out, resp.GetWarning().GetId())
			for _, line := range lines {
				for i, part := range termui.Wrap(line, max(40, width-5)) {
					indent := "  - "
					if i > 0 {
						indent = "    "
					}
					fmt.Fprintln(out, indent+part)
				}
			}
			printReadings(cmd, x, language)
			return nil
		},
	}
	f := c.Flags()
	server.add(f)
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 2*time.Minute, "give up after this long")
	return c
}

// explainReadings is how many observations of a series are printed.
const explainReadings = 6

// printReadings lists the latest observations of each series.
func printReadings(cmd *cobra.Command, x *freshetv1.Explanation, lang termui.Lang) {
	out := cmd.OutOrStdout()
	all := x.GetReadings()
	series := func(r *freshetv1.ExplainedReading) string {
		o := r.GetObservation()
		return fmt.Sprintf("%s/%d", strings.ToLower(strings.TrimPrefix(o.GetSeries().GetVariable().String(), "VARIABLE_")), o.GetSeries().GetSensor())
	}
	for i := range all {
		left := 0 // of the same series behind this one
		for j := i + 1; j < len(all) && series(all[j]) == series(all[i]); j++ {
			left++
		}
		if left >= explainReadings {
			continue
		}
		o := all[i].GetObservation()
		line := fmt.Sprintf("    %s  %s  %.3f", series(all[i]), o.GetAt().AsTime().In(termui.Beijing).Format("01-02 15:04"), o.GetValue())
		if all[i].GetAdded() != 0 {
			line += fmt.Sprintf("  = %s %.3f %+.3f", all[i].GetReportedDatum(), o.GetRaw(), all[i].GetAdded())
		}
		if !all[i].GetUsable() {
			line += lang.Pick("  不采用", "  not used")
		}
		if o.GetWhy() != "" {
			line += "  " + lang.Pick(hydro.WhyZH(o.GetWhy()), o.GetWhy())
		}
		fmt.Fprintln(out, line)
	}
}
