package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// scenarioCommand is `freshet scenario`: what would happen if.
func scenarioCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "scenario",
		Short: "Rehearse what would happen if, beside the situation as it is",
		Long: `Scenario asks the server what would happen if: other rain, other releases, a wetter
soil, gauges lost, other thresholds, beside the situation as it is or as it was.
Nothing of it reaches the log, the feed or an answer about what is. What is asked is
in a file (docs/models/rehearsal.md) or in flags.`,
	}
	c.AddCommand(scenarioRunCommand(), scenarioListCommand(), scenarioShowCommand(), scenarioCompareCommand(), scenarioDeleteCommand(), scenarioSearchCommand())
	return c
}

// A scenarioCall is what all of them share.
type scenarioCall struct {
	server       serverFlags
	lang         string
	asJSON       bool
	timeout      time.Duration
	svg, station string
}

func (s *scenarioCall) add(c *cobra.Command, drawing bool) {
	f := c.Flags()
	s.server.add(f)
	f.BoolVar(&s.asJSON, "json", false, "print one JSON object")
	f.StringVar(&s.lang, "lang", locale(), "language of captions, zh or en")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "give up after this long")
	if drawing {
		f.StringVar(&s.svg, "svg", "", "write the hydrograph of --station to this file, marked as a rehearsal")
		f.StringVar(&s.station, "station", "", "station of --svg")
	}
}

func (s *scenarioCall) do(cmd *cobra.Command, call func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error) error {
	lang, err := termui.ParseLang(s.lang)
	if err != nil {
		return err
	}
	if (s.svg == "") != (s.station == "") {
		return fmt.Errorf("--svg and --station belong together: %w", hydro.ErrInvalid)
	}
	conn, err := s.server.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(cmd.Context(), s.timeout)
	defer cancel()
	return callError(s.server.address, call(ctx, freshetv1.NewForecastServiceClient(conn), lang))
}

// show prints a rehearsal and draws it if that was asked for.
func (s *scenarioCall) show(cmd *cobra.Command, lang termui.Lang, r *freshetv1.Rehearsal) error {
	if s.svg != "" {
		f, err := rehearsalFigure(r, s.station, lang)
		if err != nil {
			return err
		}
		if err := writeFile(s.svg, f.SVG, cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	if s.asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	_, err := io.WriteString(cmd.OutOrStdout(), rehearsalText(r, lang))
	return err
}

func scenarioRunCommand() *cobra.Command {
	var (
		s    scenarioCall
		f    scenarioFlags
		keep bool
	)
	c := &cobra.Command{
		Use:   "run [FILE.yaml]",
		Short: "Ask a scenario",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x := &freshetv1.Scenario{}
			var file *scenarioFile
			if len(args) == 1 {
				var err error
				if file, err = readScenario(args[0]); err != nil {
					return err
				}
				x = file.scenario()
			}
			if err := f.apply(x); err != nil {
				return err
			}
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.RunScenario(ctx, &freshetv1.RunScenarioRequest{Scenario: x, Keep: keep})
				if err != nil {
					return file.refused(err)
				}
				return s.show(cmd, lang, got.GetRehearsal())
			})
		},
	}
	s.add(c, true)
	f.add(c)
	c.Flags().BoolVar(&keep, "keep", false, "keep it: others find it by its id")
	return c
}

func scenarioListCommand() *cobra.Command {
	var (
		s     scenarioCall
		basin string
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List the rehearsals that are kept",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.ListScenarios(ctx, &freshetv1.ListScenariosRequest{Basin: basin})
				if err != nil {
					return err
				}
				if s.asJSON {
					return printJSON(cmd.OutOrStdout(), got)
				}
				var b strings.Builder
				b.WriteString(lang.Pick("留存的情景推演（演练，非实况）\n", "rehearsals that are kept (not the live situation)\n"))
				for _, r := range got.GetRehearsals() {
					name := lang.Pick(r.GetScenario().GetNameZh(), r.GetScenario().GetNameEn())
					fmt.Fprintf(&b, "%s  T0 %s  %s  %s\n", r.GetId(), termui.Clock(r.GetT0().AsTime()), termui.Pad(r.GetBasin(), 12), name)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), b.String())
				return err
			})
		},
	}
	s.add(c, false)
	c.Flags().StringVar(&basin, "basin", "", "only this basin")
	return c
}

func scenarioShowCommand() *cobra.Command {
	var s scenarioCall
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show a rehearsal that is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.GetScenario(ctx, &freshetv1.GetScenarioRequest{Id: args[0]})
				if err != nil {
					return err
				}
				return s.show(cmd, lang, got.GetRehearsal())
			})
		},
	}
	s.add(c, true)
	return c
}

func scenarioDeleteCommand() *cobra.Command {
	var s scenarioCall
	c := &cobra.Command{
		Use:   "delete ID",
		Short: "Forget a rehearsal that is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, _ termui.Lang) error {
				_, err := c.DeleteScenario(ctx, &freshetv1.DeleteScenarioRequest{Id: args[0]})
				return err
			})
		},
	}
	s.add(c, false)
	return c
}

func scenarioCompareCommand() *cobra.Command {
	var s scenarioCall
	c := &cobra.Command{
		Use:   "compare ID ID",
		Short: "Lay two rehearsals that are kept side by side",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.CompareScenarios(ctx, &freshetv1.CompareScenariosRequest{A: args[0], B: args[1]})
				if err != nil {
					return err
				}
				if s.asJSON {
					return printJSON(cmd.OutOrStdout(), got)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), comparisonText(got, lang))
				return err
			})
		},
	}
	s.add(c, false)
	return c
}

func scenarioSearchCommand() *cobra.Command {
	var (
		s    scenarioCall
		keep bool
	)
	c := &cobra.Command{
		Use:   "search FILE.yaml",
		Short: "Search the releases that lower the worst exceedance downstream, within limits",
		Long: `Search looks for the releases of the reservoirs under search: in the file that lower
the worst exceedance downstream and keep every limit, and shows what they cost in
reservoir level. Progress goes to the terminal; an interrupt ends the search.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readScenario(args[0])
			if err != nil {
				return err
			}
			req := file.search()
			if len(req.GetReservoirs()) == 0 {
				return fmt.Errorf("%s: search: name the reservoirs whose releases are searched, as in search: {reservoirs: [{reservoir: jinjiang, least: 10, most: 800}]}: %w", args[0], hydro.ErrInvalid)
			}
			req.Keep = keep
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				stream, err := c.SearchRelease(ctx, req)
				if err != nil {
					return err
				}
				for {
					m, err := stream.Recv()
					if errors.Is(err, io.EOF) {
						return fmt.Errorf("the search ended without a result: %w", hydro.ErrUnavailable)
					}
					if err != nil {
						return file.refused(err)
					}
					if p := m.GetProgress(); p != nil {
						fmt.Fprintf(cmd.ErrOrStderr(), "%s %d/%d  %s %s\n", lang.Pick(p.GetDoingZh(), p.GetDoingEn()), p.GetRuns(), p.GetOf(), lang.Pick("最差超标", "worst"), figure(p.GetWorst(), 2))
						continue
					}
					if s.asJSON {
						return printJSON(cmd.OutOrStdout(), m)
					}
					if _, err := io.WriteString(cmd.OutOrStdout(), foundText(m.GetResult(), lang)); err != nil {
						return err
					}
					return s.show(cmd, lang, m.GetResult().GetRehearsal())
				}
			})
		},
	}
	s.add(c, true)
	c.Flags().BoolVar(&keep, "keep", false, "keep the best as a rehearsal")
	c.Flags().Lookup("timeout").DefValue = "10m0s"
	s.timeout = 10 * time.Minute
	return c
}

func figure(v float64, digits int) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, v)
}

// readScenario reads a file.
func readScenario(path string) (*scenarioFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	return parseScenario(path, data)
}

var stageShort = map[hydro.Stage]string{hydro.Blue: "蓝色", hydro.Yellow: "黄色", hydro.Orange: "橙色", hydro.Red: "红色"}
