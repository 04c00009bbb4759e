package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// dutyCommand is `freshet duty`: alarms, and what people do with them.
func dutyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "duty",
		Short: "List alarms; acknowledge, shelve and put them out of service",
		Long: `Duty is the life of alarms, one a station: who has seen what, what is set aside and
until when, what is out of service. docs/models/duty.md has the whole state machine.
Times are Beijing time.

Stations go by their id or a code of any department. To acknowledge or shelve what
you have seen, and nothing that came after it, give the id of its warning instead, as
freshet watch shows it. On a server that asks nobody who they are, say it with --by.

The exit code is 0 if all of it was done, and 1 if any of it was refused.`,
	}
	c.AddCommand(
		alarmsCommand(), dutyEventsCommand(),
		alarmCommand("ack", "Say that you have seen alarms", "", func(ctx context.Context, c freshetv1.DutyServiceClient, a *alarmArgs) (alarmAnswer, error) {
			return c.Acknowledge(ctx, &freshetv1.AcknowledgeRequest{RequestId: a.id, By: a.by, Stations: a.stations, Warnings: a.warnings, Note: a.words})
		}),
		alarmCommand("shelve", "Set alarms aside for a time", "reason", func(ctx context.Context, c freshetv1.DutyServiceClient, a *alarmArgs) (alarmAnswer, error) {
			return c.Shelve(ctx, &freshetv1.ShelveRequest{RequestId: a.id, By: a.by, Stations: a.stations, Warnings: a.warnings, Until: timestamppb.New(a.until), Reason: a.words})
		}),
		alarmCommand("unshelve", "Take alarms off the shelf before its time", "", func(ctx context.Context, c freshetv1.DutyServiceClient, a *alarmArgs) (alarmAnswer, error) {
			return c.Unshelve(ctx, &freshetv1.UnshelveRequest{RequestId: a.id, By: a.by, Stations: a.stations, Note: a.words})
		}),
		alarmCommand("out", "Put alarms of your department's stations out of service", "reason", func(ctx context.Context, c freshetv1.DutyServiceClient, a *alarmArgs) (alarmAnswer, error) {
			return c.TakeOutOfService(ctx, &freshetv1.TakeOutOfServiceRequest{RequestId: a.id, By: a.by, Stations: a.stations, Reason: a.words})
		}),
		alarmCommand("in", "Return alarms to service", "", func(ctx context.Context, c freshetv1.DutyServiceClient, a *alarmArgs) (alarmAnswer, error) {
			return c.ReturnToService(ctx, &freshetv1.ReturnToServiceRequest{RequestId: a.id, By: a.by, Stations: a.stations, Note: a.words})
		}),
	)
	return c
}

// An alarmArgs is what a command about alarms was told.
type alarmArgs struct {
	id, by, words      string
	stations, warnings []string
	until              time.Time
}

// An alarmAnswer is what any of the calls answers.
type alarmAnswer interface {
	proto.Message
	GetEvents() []*freshetv1.DutyEvent
}

// alarmCommand is one of the commands that change alarms. Words is what its words
// are called if they must be given; "" if they are a note.
func alarmCommand(name, short, words string, call func(context.Context, freshetv1.DutyServiceClient, *alarmArgs) (alarmAnswer, error)) *cobra.Command {
	var (
		server  serverFlags
		a       alarmArgs
		length  time.Duration
		until   string
		lang    string
		asJSON  bool
		timeout time.Duration
	)
	use := name + " STATION..."
	if name == "ack" || name == "shelve" {
		use = name + " STATION|WARNING..."
	}
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			switch {
			case words != "" && a.words == "":
				return fmt.Errorf("--%s: say why: %w", words, hydro.ErrInvalid)
			case name == "shelve" && (length > 0) == (until != ""):
				return fmt.Errorf("say how long with --for, or with --until: one of the two: %w", hydro.ErrInvalid)
			case until != "":
				if a.until, err = time.Parse(time.RFC3339, until); err != nil {
					return fmt.Errorf("--until %q: write it as 2026-06-01T08:00:00+08:00: %w", until, hydro.ErrInvalid)
				}
			}
			a.id, a.stations, a.warnings = cmp.Or(a.id, rand.Text()), nil, nil
			for _, arg := range args {
				if strings.Contains(arg, "/") && use != name+" STATION..." {
					a.warnings = append(a.warnings, arg)
				} else {
					a.stations = append(a.stations, arg)
				}
			}
			conn, err := server.dial()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // nothing is under way
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			client := freshetv1.NewDutyServiceClient(conn)
			if length > 0 { // by the server's clock, which may be that of a replay
				now, err := client.ListAlarms(ctx, &freshetv1.ListAlarmsRequest{})
				if err != nil {
					return callError(server.address, err)
				}
				a.until = now.GetNow().AsTime().Add(length)
			}
			answer, err := call(ctx, client, &a)
			if err != nil {
				return dutyError(server.address, a.id, language, err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				err = printJSON(out, answer)
			} else {
				for _, e := range answer.GetEvents() {
					if e.GetKind() != hydro.Refused {
						fmt.Fprintln(out, language.Pick(e.GetTextZh(), e.GetTextEn()))
					}
				}
			}
			if refusals := refusalsOf(answer.GetEvents(), language); err == nil && refusals != "" {
				return plain{refusals, errRefused}
			}
			return err
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&a.by, "by", "", "your name, on a server that asks nobody who they are")
	f.StringVar(&a.words, cmp.Or(words, "note"), "", cmp.Or(map[string]string{"reason": "why; needed"}[words], "what there is to say"))
	if name == "shelve" {
		f.DurationVar(&length, "for", 0, "how long, as 2h30m")
		f.StringVar(&until, "until", "", "until when, as 2026-06-01T08:00:00+08:00")
	}
	f.StringVar(&a.id, "request-id", "", "name of this request: the same one sent again is done once; empty: a new one")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 30*time.Second, "give up after this long")
	return c
}

var errRefused = fmt.Errorf("refused: %w", hydro.ErrConflict)

// refusalsOf says why what was refused was, one a line.
func refusalsOf(events []*freshetv1.DutyEvent, lang termui.Lang) string {
	var lines []string
	for _, e := range events {
		if e.GetKind() == hydro.Refused {
			lines = append(lines, lang.Pick("未执行：", "not done: ")+lang.Pick(e.GetTextZh(), e.GetTextEn()))
		}
	}
	return strings.Join(lines, "\n")
}

// dutyError is the error of a call that changes something, for people.
func dutyError(server, id string, lang termui.Lang, err error) error {
	st := status.Convert(err)
	switch st.Code() { //nolint:exhaustive // the rest is told as it is
	case codes.FailedPrecondition:
		var events []*freshetv1.DutyEvent
		for _, d := range st.Details() {
			if e, ok := d.(*freshetv1.DutyEvent); ok {
				events = append(events, e)
			}
		}
		if text := refusalsOf(events, lang); text != "" {
			return plain{text, errRefused}
		}
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		told := callError(server, err)
		return plain{told.Error() + lang.Pick("；可用 --request-id "+id+" 重发，只会执行一次", "; send it again with --request-id "+id+": it is done once"), told}
	}
	return callError(server, err)
}

// alarmsCommand is `freshet duty list`.
func alarmsCommand() *cobra.Command {
	var (
		server              serverFlags
		basin, lang         string
		states, departments []string
		asJSON              bool
		timeout             time.Duration
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List the alarms that are not normal, worst first",
		Long: `List shows every alarm that is not normal: unacknowledged first, then those that
have returned before anybody has seen them, acknowledged, shelved, out of service.
The exit code is 0 whether there are any or not.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			req := &freshetv1.ListAlarmsRequest{Basin: basin}
			for _, s := range states {
				n, ok := freshetv1.AlarmState_value["ALARM_STATE_"+strings.ToUpper(s)]
				if !ok || n == 0 {
					return fmt.Errorf("--state %q: write unacknowledged, returned_unacknowledged, acknowledged, shelved or out_of_service: %w", s, hydro.ErrInvalid)
				}
				req.States = append(req.States, freshetv1.AlarmState(n))
			}
			for _, d := range departments {
				n, ok := freshetv1.Department_value["DEPARTMENT_"+strings.ToUpper(d)]
				if !ok || n == 0 {
					return fmt.Errorf("--department %q: write weather, hydrology or water_resources: %w", d, hydro.ErrInvalid)
				}
				req.Departments = append(req.Departments, freshetv1.Department(n))
			}
			conn, err := server.dial()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // nothing is under way
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			resp, err := freshetv1.NewDutyServiceClient(conn).ListAlarms(ctx, req)
			if err != nil {
				return callError(server.address, err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, resp)
			}
			_, err = io.WriteString(out, alarmsText(resp, language))
			return err
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "only this basin")
	f.StringSliceVar(&states, "state", nil, "only alarms in these states")
	f.StringSliceVar(&departments, "department", nil, "only stations of these departments")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	return c
}

var (
	alarmStatesText = map[freshetv1.AlarmState][2]string{
		freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED:          {"未确认", "unacknowledged"},
		freshetv1.AlarmState_ALARM_STATE_RETURNED_UNACKNOWLEDGED: {"已恢复未确认", "returned, unacknowledged"},
		freshetv1.AlarmState_ALARM_STATE_ACKNOWLEDGED:            {"已确认", "acknowledged"},
		freshetv1.AlarmState_ALARM_STATE_SHELVED:                 {"搁置", "shelved"},
		freshetv1.AlarmState_ALARM_STATE_OUT_OF_SERVICE:          {"停用", "out of service"},
	}
	alarmStagesText = map[freshetv1.Stage][2]string{
		freshetv1.Stage_STAGE_CLEAR: {"解除", "clear"}, freshetv1.Stage_STAGE_BLUE: {"蓝色", "blue"}, freshetv1.Stage_STAGE_YELLOW: {"黄色", "yellow"},
		freshetv1.Stage_STAGE_ORANGE: {"橙色", "orange"}, freshetv1.Stage_STAGE_RED: {"红色", "red"}, freshetv1.Stage_STAGE_BLIND: {"失明", "blind"},
	}
)

// alarmsText is the list of alarms for people.
func alarmsText(resp *freshetv1.ListAlarmsResponse, lang termui.Lang) string {
	pick := lang.Pick
	clock := func(t *timestamppb.Timestamp) string { return t.AsTime().In(termui.Beijing).Format("2006-01-02 15:04") }
	var b strings.Builder
	at := pick("（系统尚未计时）", "(before the first tick)")
	if resp.GetNow() != nil {
		at = clock(resp.GetNow())
	}
	n, open := len(resp.GetAlarms()), resp.GetUnacknowledged()
	if n == 0 {
		return pick("没有警报 · "+at, "no alarms at "+at) + "\n"
	}
	b.WriteString(pick(fmt.Sprintf("警报 %d 条，未确认 %d 条 · %s", n, open, at), fmt.Sprintf("%d alarms, %d unacknowledged, at %s", n, open, at)) + "\n\n")
	rows := make([][]string, n)
	widths := make([]int, 4)
	for i, a := range resp.GetAlarms() {
		state, stage := alarmStatesText[a.GetState()], alarmStagesText[a.GetStage()]
		name := cmp.Or(pick(a.GetNameZh(), a.GetNameEn()), a.GetStation())
		if name != a.GetStation() {
			name += pick("（"+a.GetStation()+"）", " ("+a.GetStation()+")")
		}
		rows[i] = []string{pick(state[0], state[1]), pick(stage[0], stage[1]), name, pick("自 ", "since ") + clock(a.GetSince())}
		for k, cell := range rows[i] {
			widths[k] = max(widths[k], termui.Width(cell))
		}
	}
	for i, a := range resp.GetAlarms() {
		var line strings.Builder
		for k, cell := range rows[i] {
			line.WriteString(termui.Pad(cell, widths[k]) + "  ")
		}
		var more []string
		if was := alarmStagesText[a.GetWas()]; a.GetWas() != 0 {
			more = append(more, pick("曾为"+was[0], "was "+was[1]))
		}
		if a.GetCause() != "" {
			more = append(more, pick(hydro.CauseZH(a.GetCause()), a.GetCause()))
		}
		if a.GetBy() != nil {
			more = append(more, a.GetBy().GetName())
		}
		if a.GetUntil() != nil {
			more = append(more, pick("至 ", "until ")+clock(a.GetUntil()))
		}
		if a.GetReason() != "" {
			more = append(more, a.GetReason())
		}
		if a.GetRoseMeanwhile() {
			more = append(more, pick("其间曾升级", "it rose meanwhile"))
		}
		line.WriteString(strings.Join(more, pick("；", "; ")))
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// dutyEventsCommand is `freshet duty events`.
func dutyEventsCommand() *cobra.Command {
	var (
		server               serverFlags
		basin, station, lang string
		from, to             string
		since                time.Duration
		kinds                []string
		asJSON               bool
		timeout              time.Duration
	)
	c := &cobra.Command{
		Use:   "events",
		Short: "List what was done with alarms, calls, plans and messages, and by whom",
		Long: `Events lists the record, oldest first: of the last 24 hours, or of --since, or from
--from to --to. It reaches back as far as the server's log is kept.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
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
			client := freshetv1.NewDutyServiceClient(conn)
			req := &freshetv1.ListDutyEventsRequest{Basin: basin, Station: station, Kinds: kinds}
			if from == "" || to == "" { // by the server's clock, which may be that of a replay
				now, err := client.ListAlarms(ctx, &freshetv1.ListAlarmsRequest{})
				if err != nil {
					return callError(server.address, err)
				}
				end := now.GetNow().AsTime().Add(time.Minute)
				req.From, req.To = timestamppb.New(end.Add(-since)), timestamppb.New(end)
			}
			for _, given := range []struct {
				name, text string
				at         **timestamppb.Timestamp
			}{{"from", from, &req.From}, {"to", to, &req.To}} {
				if given.text == "" {
					continue
				}
				t, err := time.Parse(time.RFC3339, given.text)
				if err != nil {
					return fmt.Errorf("--%s %q: write it as 2026-06-01T08:00:00+08:00: %w", given.name, given.text, hydro.ErrInvalid)
				}
				*given.at = timestamppb.New(t)
			}
			resp, err := client.ListDutyEvents(ctx, req)
			if err != nil {
				return callError(server.address, err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, resp)
			}
			for _, e := range resp.GetEvents() {
				text := language.Pick(e.GetTextZh(), e.GetTextEn())
				if e.GetKind() == hydro.Refused {
					text = language.Pick("未执行（"+e.GetBy().GetName()+"）：", "not done ("+e.GetBy().GetName()+"): ") + text
				}
				fmt.Fprintf(out, "%s  %s\n", e.GetAt().AsTime().In(termui.Beijing).Format("2006-01-02 15:04:05"), text)
			}
			if len(resp.GetEvents()) == 0 {
				fmt.Fprintln(out, language.Pick("没有记录", "nothing on record"))
			}
			return nil
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "only this basin")
	f.StringVar(&station, "station", "", "only this station")
	f.StringSliceVar(&kinds, "kind", nil, "only these kinds, as acknowledged or refused")
	f.DurationVar(&since, "since", 24*time.Hour, "how far back")
	f.StringVar(&from, "from", "", "from when, as 2026-06-01T08:00:00+08:00")
	f.StringVar(&to, "to", "", "to when")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	return c
}
