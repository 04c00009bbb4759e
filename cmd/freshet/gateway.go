package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
	"freshet/internal/station"
	"freshet/internal/termui"
)

// gatewayCommand is `freshet gateway`.
func gatewayCommand() *cobra.Command {
	var config, level, format string
	c := &cobra.Command{
		Use:   "gateway",
		Short: "Run the agent at the stations' side: inputs, disk spool, link to the centre",
		Long: `Gateway takes values from RTUs (SL 651 over TCP), files in a folder, MQTT, rows of
a database and the standard input, keeps them on a disk spool, and sends them to
the centre until the centre holds them. After an outage fresh values go first.

It says where it listens for "freshet gateway status" and for a browser in its
configuration (status.listen). If all its inputs come to an end, as the standard
input does, it ends when everything is with the centre.

It exits with 2 if the configuration or a map is wrong, with 1 if it fails, and
with 0 or 130 after it was told to stop. What is in the spool is kept.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(cmd.ErrOrStderr(), level, format)
			if err != nil {
				return err
			}
			conf, err := station.Load(config)
			if err != nil {
				return err
			}
			return station.Run(cmd.Context(), conf, station.Options{Now: time.Now, Stdin: cmd.InOrStdin(), Logger: log})
		},
	}
	c.Flags().StringVar(&config, "config", "gateway.yaml", "configuration file, see docs/formats/gateway.md")
	c.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	c.Flags().StringVar(&format, "log-format", "text", "text or json")
	c.AddCommand(gatewayStatusCommand(), gatewayReconcileCommand())
	return c
}

func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: %q is none of debug, info, warn, error: %w", level, hydro.ErrInvalid)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	default:
		return nil, fmt.Errorf("--log-format: %q is neither text nor json: %w", format, hydro.ErrInvalid)
	}
}

func gatewayStatusCommand() *cobra.Command {
	var (
		address, lang string
		asJSON        bool
		timeout       time.Duration
	)
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what a running gateway holds, its link and its troubles",
		Long: `Status asks the gateway on this machine. It exits with 0 if there is no trouble,
and with 1 if there is one or the gateway does not answer.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			st, raw, err := askGateway(ctx, address)
			if err != nil {
				return err
			}
			if asJSON {
				_, err = cmd.OutOrStdout().Write(raw)
			} else {
				_, err = io.WriteString(cmd.OutOrStdout(), gatewayText(&st, language))
			}
			if err == nil && len(st.Troubles) > 0 {
				err = errTroubles
			}
			return err
		},
	}
	c.Flags().StringVar(&address, "status", "127.0.0.1:7071", "the gateway's status.listen")
	c.Flags().StringVar(&lang, "lang", locale(), "language, zh or en")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait for an answer")
	return c
}

func gatewayReconcileCommand() *cobra.Command {
	var (
		address, lang string
		asJSON        bool
		timeout       time.Duration
	)
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare what the centre acknowledged with its history now, and send again what it lost",
		Long: `Reconcile tells the gateway on this machine to compare all days that wait, the
present one too, with the centre's history. It exits with 0 if nothing that was
sent differs any more, and with 1 if something does or it could not be compared.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			var r station.ReconcileReport
			raw, err := callGateway(ctx, http.MethodPost, address, "/reconcile", &r)
			if err != nil {
				return err
			}
			if asJSON {
				_, err = cmd.OutOrStdout().Write(raw)
			} else {
				_, err = io.WriteString(cmd.OutOrStdout(), reconcileText(&r, language))
			}
			if err == nil && r.Unhealed > 0 {
				err = errUnhealed
			}
			return err
		},
	}
	c.Flags().StringVar(&address, "status", "127.0.0.1:7071", "the gateway's status.listen")
	c.Flags().StringVar(&lang, "lang", locale(), "language, zh or en")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "how long to wait for an answer")
	return c
}

// reconcileText is a comparison for people.
func reconcileText(r *station.ReconcileReport, l termui.Lang) string {
	var b strings.Builder
	fmt.Fprintf(&b, l.Pick("核对 %d 个部门日，%d 个序列：%d 个与中心不一致；重发 %d 个数据；仍不一致 %d 个序列\n",
		"%d days of departments with %d series compared: %d differed, %d readings sent again, %d series differ still\n"), r.Days, r.Series, r.Differ, r.Sent, r.Unhealed)
	for _, f := range r.Findings {
		b.WriteString("  " + l.Pick(f.Zh, f.En) + "\n")
	}
	return b.String()
}

var errUnhealed = errors.New("the centre's history differs still: see the log of the gateway and of the centre")

var errTroubles = errors.New("the gateway has troubles")

// askGateway returns the status that the gateway at that address tells.
func askGateway(ctx context.Context, address string) (st station.Status, raw []byte, err error) {
	raw, err = callGateway(ctx, http.MethodGet, address, "/status.json", &st)
	return st, raw, err
}

// callGateway asks the gateway at that address and reads its answer into out.
func callGateway(ctx context.Context, method, address, path string, out any) (raw []byte, err error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("--status %s: %w: %w", address, err, hydro.ErrInvalid)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("--status %s: %w: %w", address, err, hydro.ErrInvalid)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the gateway does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // read whole below
	raw, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("the gateway's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the gateway says %s: %s", resp.Status, strings.TrimSpace(string(raw)))
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, fmt.Errorf("the gateway's answer: %w", err)
	}
	return raw, nil
}

// gatewayText is a status for people.
func gatewayText(s *station.Status, l termui.Lang) string {
	var b strings.Builder
	clock := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.In(termui.Beijing).Format("2006-01-02 15:04:05")
	}
	fmt.Fprintf(&b, l.Pick("网关 %s, 中心 %s, %s (+08:00)\n", "gateway %s, centre %s, %s (+08:00)\n"), s.Name, s.Server, clock(s.At))
	if len(s.Troubles) == 0 {
		b.WriteString(l.Pick("正常\n", "no troubles\n"))
	}
	for _, t := range s.Troubles {
		b.WriteString("! " + l.Pick(t.Zh, t.En) + "\n")
	}
	table := func(head []string, rows [][]string) {
		rows = append([][]string{head}, rows...)
		widths := make([]int, len(head))
		for _, r := range rows {
			for i, cell := range r {
				widths[i] = max(widths[i], termui.Width(cell))
			}
		}
		b.WriteString("\n")
		for _, r := range rows {
			for i, cell := range r {
				if i == len(r)-1 {
					b.WriteString(cell)
				} else {
					b.WriteString(termui.Pad(cell, widths[i]) + "  ")
				}
			}
			b.WriteString("\n")
		}
	}
	var rows [][]string
	for _, d := range s.Departments {
		rows = append(rows, []string{d.Department, d.Link.State, clock(d.Link.LastAck), fmt.Sprint(d.Readings)})
	}
	table([]string{l.Pick("部门", "department"), l.Pick("链路", "link"), l.Pick("最近确认", "last ack"), l.Pick("待发", "in the spool")}, rows)

	age := "-"
	if !s.Spool.Oldest.IsZero() {
		age = l.Span(s.At.Sub(s.Spool.Oldest))
	}
	table([]string{l.Pick("缓存", "spool"), l.Pick("大小", "size"), l.Pick("上限", "bound"), l.Pick("最早已等", "oldest waits"), l.Pick("丢弃", "dropped")}, [][]string{{
		fmt.Sprint(s.Spool.Readings), megabytes(s.Spool.Bytes), megabytes(s.Spool.MaxBytes), age, fmt.Sprint(s.Dropped),
	}})
	if r := s.Reconcile; r != nil {
		table([]string{l.Pick("核对时间", "compared at"), l.Pick("部门日", "days"), l.Pick("序列", "series"), l.Pick("不一致", "differed"), l.Pick("重发", "sent again"), l.Pick("仍不一致", "differ still")}, [][]string{{
			clock(r.At), fmt.Sprint(r.Last.Days), fmt.Sprint(r.Last.Series), fmt.Sprint(r.Last.Differ), fmt.Sprint(r.Last.Sent), fmt.Sprint(r.Last.Unhealed),
		}})
		for _, f := range r.Findings[max(0, len(r.Findings)-5):] {
			b.WriteString(l.Pick(f.Zh, f.En) + "\n")
		}
	}
	rows = nil
	for _, in := range s.Inputs {
		rows = append(rows, []string{in.Name, in.Kind, in.State, fmt.Sprint(in.Values), fmt.Sprint(in.Problems), clock(in.Last)})
	}
	table([]string{l.Pick("输入", "input"), l.Pick("类型", "kind"), l.Pick("状态", "state"), l.Pick("数据", "values"), l.Pick("问题", "problems"), l.Pick("最近", "last")}, rows)
	rows = nil
	reasons := make([]string, 0, len(s.Refused))
	for reason := range s.Refused {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		rows = append(rows, []string{reason, fmt.Sprint(s.Refused[reason])})
	}
	table([]string{l.Pick("拒收原因", "refused"), l.Pick("个数", "values")}, rows)
	rows = nil
	for _, r := range s.LastRefused {
		rows = append(rows, []string{clock(r.RefusedAt), r.Station, r.Variable, r.Value, r.Time, r.Reason, r.Message})
	}
	if len(rows) > 0 {
		table([]string{
			l.Pick("拒收时间", "refused at"), l.Pick("站", "station"), l.Pick("要素", "variable"), l.Pick("值", "value"),
			l.Pick("观测时间", "observed"), l.Pick("原因", "reason"), l.Pick("说明", "message"),
		}, rows)
	}
	return b.String()
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
