package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"freshet/alert/plan"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/sheet"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// planCommand is `freshet plan`: emergency plans.
func planCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan",
		Short: "Emergency plans: what is proposed, declare, tick off, print (预案)",
		Long: `Plan shows each body's ladder of emergency responses and walks it. The service
proposes a level; a person of the body's department declares it, and its measures
open with their clocks.`,
	}
	c.AddCommand(planListCommand(), planDeclareCommand(), planStandDownCommand(), planTickCommand(), planPrintCommand())
	return c
}

func planListCommand() *cobra.Command {
	var d deskFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the plans, where they stand and what is open",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewPlanServiceClient(conn).ListResponses(ctx, &freshetv1.ListResponsesRequest{Basin: d.basin})
				switch {
				case err != nil:
					return err
				case d.asJSON:
					return printJSON(out, resp)
				}
				responses, o, err := sheetOf(resp, lang, "")
				if err != nil {
					return err
				}
				return sheet.Text(out, responses, o)
			})
		},
	}
	d.add(c)
	return c
}

// sheetOf is what a server answered, made ready for paper; of one plan, or of all
// if plan is "".
func sheetOf(resp *freshetv1.ListResponsesResponse, lang termui.Lang, plan string) ([]hydro.Response, sheet.Options, error) {
	o := sheet.Options{Chinese: lang.Pick("zh", "en") == "zh", Zone: termui.Beijing, Mark: resp.GetIllustrative()}
	if resp.GetNow() == nil {
		return nil, o, fmt.Errorf("the server has had no tick yet: %w", hydro.ErrUnavailable)
	}
	o.At = resp.GetNow().AsTime()
	var out []hydro.Response
	for _, p := range resp.GetResponses() {
		_, r, err := wire.ToResponse(p)
		if err != nil {
			return nil, o, fmt.Errorf("answer of the server: %w", err)
		}
		if plan == "" || r.Plan == plan {
			out = append(out, r)
		}
	}
	if plan != "" && len(out) == 0 {
		return nil, o, fmt.Errorf("no plan %q: %w", plan, hydro.ErrNotFound)
	}
	return out, o, nil
}

func planDeclareCommand() *cobra.Command {
	var a actFlags
	c := &cobra.Command{
		Use:   "declare PLAN LEVEL",
		Short: "Declare a level, IV to I: its measures open",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			level, err := hydro.ParseResponse(strings.ToUpper(args[1]))
			if err != nil {
				return err
			}
			return a.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewPlanServiceClient(conn).Declare(ctx, &freshetv1.DeclareRequest{
					Basin: a.basin, RequestId: a.id(), By: a.by, Plan: args[0], Level: wire.FromResponseLevel(level), Text: a.text,
				})
				return printDone(out, resp, err, a.asJSON, lang)
			})
		},
	}
	a.add(c, "why; needed where the service proposes another level")
	return c
}

func planStandDownCommand() *cobra.Command {
	var a actFlags
	c := &cobra.Command{
		Use:   "stand-down PLAN",
		Short: "End the response of a plan",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewPlanServiceClient(conn).StandDown(ctx, &freshetv1.StandDownRequest{
					Basin: a.basin, RequestId: a.id(), By: a.by, Plan: args[0], Text: a.text,
				})
				return printDone(out, resp, err, a.asJSON, lang)
			})
		},
	}
	a.add(c, "why; needed where the service still proposes a level")
	return c
}

var actions = map[string]freshetv1.MeasureAction{
	"start": freshetv1.MeasureAction_MEASURE_ACTION_START,
	"done":  freshetv1.MeasureAction_MEASURE_ACTION_DONE,
	"note":  freshetv1.MeasureAction_MEASURE_ACTION_NOTE,
}

func planTickCommand() *cobra.Command {
	var a actFlags
	c := &cobra.Command{
		Use:   "tick PLAN MEASURE start|done|note",
		Short: "Begin a measure, tick it off with its evidence, or note something on it",
		Args:  cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			action, ok := actions[args[2]]
			if !ok {
				return fmt.Errorf("%q is no action: write start, done or note: %w", args[2], hydro.ErrInvalid)
			}
			return a.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewPlanServiceClient(conn).UpdateMeasure(ctx, &freshetv1.UpdateMeasureRequest{
					Basin: a.basin, RequestId: a.id(), By: a.by, Plan: args[0], Measure: args[1], Action: action, Text: a.text,
				})
				return printDone(out, resp, err, a.asJSON, lang)
			})
		},
	}
	a.add(c, "evidence, or the note")
	return c
}

func planPrintCommand() *cobra.Command {
	var (
		d       deskFlags
		dir, id string
		asText  bool
	)
	c := &cobra.Command{
		Use:   "print",
		Short: "Print plans for paper: HTML for A4 in black and white, or text",
		Long: `Print writes the measures of what stands, with owners, deadlines and room for
signatures, as one HTML page that needs nothing beside it. With --catalog it writes
empty sheets of all levels, without a server.

  freshet plan print > plan.html
  freshet plan print --catalog deploy/catalog/tanjiang --plan water > water.html`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lang, err := termui.ParseLang(d.lang)
			if err != nil {
				return err
			}
			write := sheet.HTML
			if asText {
				write = sheet.Text
			}
			if dir != "" {
				responses, mark, err := emptySheets(dir, d.basin, id)
				if err != nil {
					return err
				}
				return write(cmd.OutOrStdout(), responses, sheet.Options{Chinese: lang.Pick("zh", "en") == "zh", Zone: termui.Beijing, Mark: mark})
			}
			return d.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewPlanServiceClient(conn).ListResponses(ctx, &freshetv1.ListResponsesRequest{Basin: d.basin})
				if err != nil {
					return err
				}
				responses, o, err := sheetOf(resp, lang, id)
				if err != nil {
					return err
				}
				o.Server = d.server.address
				return write(out, responses, o)
			})
		},
	}
	f := c.Flags()
	d.server.add(f)
	f.StringVar(&d.basin, "basin", "", "only this basin")
	f.StringVar(&d.lang, "lang", locale(), "language of the sheet, zh or en")
	f.DurationVar(&d.timeout, "timeout", 10*time.Second, "give up after this long")
	f.StringVar(&dir, "catalog", "", "folder of a catalogue: empty sheets, without a server")
	f.StringVar(&id, "plan", "", "only this plan")
	f.BoolVar(&asText, "text", false, "text instead of HTML")
	return c
}

// emptySheets are the plans of a catalogue with nothing declared, and the
// catalogue's mark.
func emptySheets(dir, basin, id string) ([]hydro.Response, string, error) {
	c, err := catalog.LoadDir(dir)
	if err != nil {
		return nil, "", err
	}
	var out []hydro.Response
	for i := range c.Basins {
		if basin != "" && c.Basins[i].ID != basin {
			continue
		}
		r, err := plan.Compile(c, c.Basins[i].ID)
		if err != nil {
			return nil, "", err
		}
		for _, x := range r.Responses(plan.State{}) {
			if id == "" || x.Plan == id {
				out = append(out, x)
			}
		}
	}
	if len(out) == 0 {
		return nil, "", fmt.Errorf("%s has no such plan: %w", dir, hydro.ErrNotFound)
	}
	return out, c.Illustrative, nil
}
