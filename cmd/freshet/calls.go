package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// callsCommand is `freshet calls`: call-and-confirm.
func callsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "calls",
		Short: "Who is to be called about a warning, who has confirmed, who was not reached (叫应)",
		Long: `Calls shows the rounds of call-and-confirm and records what was done about them. A
warning at or above a set stage has people of each roster called, one after
another, until one has confirmed; Freshet keeps the clocks and calls nobody itself.`,
	}
	c.AddCommand(callsListCommand(), callsUnreachedCommand(), callsAttemptCommand(), callsConfirmCommand())
	return c
}

func callsListCommand() *cobra.Command {
	var (
		d    deskFlags
		open bool
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List the rounds of calls, the newest first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewCalloutServiceClient(conn).ListCalls(ctx, &freshetv1.ListCallsRequest{Basin: d.basin, Open: open})
				switch {
				case err != nil:
					return err
				case d.asJSON:
					return printJSON(out, resp)
				}
				_, err = io.WriteString(out, callsText(resp, lang))
				return err
			})
		},
	}
	d.add(c)
	c.Flags().BoolVar(&open, "open", false, "only rounds in which somebody is still called")
	return c
}

func callsUnreachedCommand() *cobra.Command {
	var d deskFlags
	c := &cobra.Command{
		Use:   "unreached",
		Short: "List everybody whose tries ran out without a confirmation",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewCalloutServiceClient(conn).ListUnreached(ctx, &freshetv1.ListUnreachedRequest{Basin: d.basin})
				switch {
				case err != nil:
					return err
				case d.asJSON:
					return printJSON(out, resp)
				}
				_, err = io.WriteString(out, unreachedText(resp, lang))
				return err
			})
		},
	}
	d.add(c)
	return c
}

// callFlags name a call.
type callFlags struct {
	actFlags
	group, station, stage string
}

func (f *callFlags) add(c *cobra.Command, text string) {
	f.actFlags.add(c, text)
	c.Flags().StringVar(&f.group, "group", "", "which wave, by its group; needed only where the person is called for two")
	c.Flags().StringVar(&f.station, "station", "", "which wave, by a station")
	c.Flags().StringVar(&f.stage, "stage", "", "which round of the wave; default: the newest that is open")
}

func (f *callFlags) stageOf() (freshetv1.Stage, error) {
	if f.stage == "" {
		return freshetv1.Stage_STAGE_UNSPECIFIED, nil
	}
	s, err := hydro.ParseStage(f.stage)
	return wire.FromStage(s), err
}

func callsAttemptCommand() *cobra.Command {
	var f callFlags
	c := &cobra.Command{
		Use:   "attempt PERSON",
		Short: "Record that somebody was tried, and how it went",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			stage, err := f.stageOf()
			if err != nil {
				return err
			}
			return f.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewCalloutServiceClient(conn).RecordAttempt(ctx, &freshetv1.RecordAttemptRequest{
					Basin: f.basin, RequestId: f.id(), By: f.by, Person: args[0], Group: f.group, Station: f.station, Stage: stage, Text: f.text,
				})
				return printDone(out, resp, err, f.asJSON, lang)
			})
		},
	}
	f.add(c, "how it went: no answer, busy (needed)")
	return c
}

func callsConfirmCommand() *cobra.Command {
	var f callFlags
	c := &cobra.Command{
		Use:   "confirm PERSON",
		Short: "Record that somebody has confirmed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			stage, err := f.stageOf()
			if err != nil {
				return err
			}
			return f.run(cmd, func(ctx context.Context, conn *grpc.ClientConn, out io.Writer, lang termui.Lang) error {
				resp, err := freshetv1.NewCalloutServiceClient(conn).ConfirmCall(ctx, &freshetv1.ConfirmCallRequest{
					Basin: f.basin, RequestId: f.id(), By: f.by, Person: args[0], Group: f.group, Station: f.station, Stage: stage, Text: f.text,
				})
				return printDone(out, resp, err, f.asJSON, lang)
			})
		},
	}
	f.add(c, "by what it was confirmed: by telephone, in the room (needed)")
	return c
}

var outcomesText = map[freshetv1.CallOutcome][2]string{
	freshetv1.CallOutcome_CALL_OUTCOME_CALLING:    {"呼叫中", "calling"},
	freshetv1.CallOutcome_CALL_OUTCOME_CONFIRMED:  {"已确认", "confirmed"},
	freshetv1.CallOutcome_CALL_OUTCOME_UNREACHED:  {"未接通", "UNREACHED"},
	freshetv1.CallOutcome_CALL_OUTCOME_STOPPED:    {"已停呼", "stopped"},
	freshetv1.CallOutcome_CALL_OUTCOME_SUPERSEDED: {"已升级另呼", "superseded"},
}

func outcomeText(o freshetv1.CallOutcome, lang termui.Lang) string {
	return lang.Pick(outcomesText[o][0], outcomesText[o][1])
}

// asOf is engine time as people read it.
func asOf(now *timestamppb.Timestamp, lang termui.Lang) string {
	if now == nil || now.AsTime().Equal(time.Time{}) {
		return lang.Pick("（系统尚未计时）", "(before the first tick)")
	}
	return now.AsTime().In(termui.Beijing).Format("2006-01-02 15:04:05")
}

func stageText(s freshetv1.Stage) string {
	stage, err := wire.ToStage(s)
	if err != nil {
		return "?"
	}
	return termui.StageTag(stage, false)
}

// callsText is the rounds for people.
func callsText(resp *freshetv1.ListCallsResponse, lang termui.Lang) string {
	var b strings.Builder
	n := len(resp.GetRounds())
	fmt.Fprintf(&b, "%s\n", lang.Pick(fmt.Sprintf("叫应 %d 轮 · %s", n, asOf(resp.GetNow(), lang)), fmt.Sprintf("%d rounds of calls at %s", n, asOf(resp.GetNow(), lang))))
	for _, r := range resp.GetRounds() {
		state := lang.Pick("进行中", "open")
		if r.GetDone() != nil {
			state = lang.Pick("结束于 ", "ended ") + termui.Clock(r.GetDone().AsTime())
		}
		fmt.Fprintf(&b, "\n%s  %s  %s  %s\n", stageText(r.GetStage()), r.GetWave(), lang.Pick("始于 ", "since ")+termui.Clock(r.GetOpened().AsTime()), state)
		if reason := lang.Pick(r.GetReasonZh(), r.GetReasonEn()); reason != "" {
			fmt.Fprintf(&b, "  %s\n", reason)
		}
		for _, c := range r.GetChains() {
			fmt.Fprintf(&b, "  %s  %s\n", lang.Pick(c.GetNameZh(), c.GetNameEn()), outcomeText(c.GetOutcome(), lang))
			for _, p := range c.GetPeople() {
				for _, call := range r.GetCalls() {
					if call.GetPerson() == p {
						fmt.Fprintf(&b, "    %s\n", callLine(call, lang))
					}
				}
			}
		}
	}
	return b.String()
}

// callLine is one person's clock.
func callLine(c *freshetv1.Call, lang termui.Lang) string {
	line := fmt.Sprintf("%s %s %s  %s  %s %d/%d  %s", c.GetPerson(), lang.Pick(c.GetNameZh(), c.GetNameEn()), lang.Pick(c.GetTitleZh(), c.GetTitleEn()),
		strings.Join(c.GetPhones(), ", "), lang.Pick("应呼", "tries"), c.GetGiven(), c.GetTries(), outcomeText(c.GetOutcome(), lang))
	switch {
	case c.GetNext() != nil:
		line += lang.Pick("，须于 ", ", due by ") + c.GetNext().AsTime().In(termui.Beijing).Format("15:04:05") + lang.Pick(" 前确认", "")
	case c.GetOutcome() == freshetv1.CallOutcome_CALL_OUTCOME_CONFIRMED:
		line += " " + termui.Clock(c.GetEnded().AsTime()) + lang.Pick("："+c.GetHow()+"（"+c.GetBy().GetName()+"记录）", ": "+c.GetHow()+" (recorded by "+c.GetBy().GetName()+")")
	}
	return line
}

// unreachedText is who was not reached, for people.
func unreachedText(resp *freshetv1.ListUnreachedResponse, lang termui.Lang) string {
	n := len(resp.GetUnreached())
	at := asOf(resp.GetNow(), lang)
	if n == 0 {
		return lang.Pick("无未接通人员 · "+at, "nobody is unreached at "+at) + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", lang.Pick(fmt.Sprintf("%d 人次未接通 · %s", n, at), fmt.Sprintf("%d not reached at %s", n, at)))
	for _, u := range resp.GetUnreached() {
		fmt.Fprintf(&b, "  %s  %s  %s\n", stageText(u.GetStage()), u.GetWave(), callLine(u.GetCall(), lang))
	}
	return b.String()
}
