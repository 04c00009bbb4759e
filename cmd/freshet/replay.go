package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
	"freshet/internal/replay"
	"freshet/internal/termui"
	"freshet/internal/wire"
)

// replayCommand is `freshet replay`: recorded readings through a server.
func replayCommand() *cobra.Command {
	var (
		server                serverFlags
		opts                  replay.RunOptions
		speed, from, to, lang string
		asJSON                bool
	)
	c := &cobra.Command{
		Use:   "replay --catalog DIR --map FILE --data DIR",
		Short: "Play recorded CSV files through a server, with engine time from the data",
		Long: `Replay plays recorded readings through gRPC into a server whose clock it drives,
and prints every warning as it falls. The map says which column of which CSV file
is which series of the catalogue, in which unit, zone and datum.

Without --server it starts one in this process; --keep then keeps its log and
store for later questions, e.g. freshet verify --store DIR. A server elsewhere
must have been started with --clock driven, an empty data folder and the same
catalogue.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			if opts.Speed, err = parseSpeed(speed); err != nil {
				return err
			}
			if opts.From, opts.To, err = parseSpan(from, to); err != nil {
				return err
			}
			for _, p := range []struct{ flag, value string }{{"catalog", opts.Catalog}, {"map", opts.Map}, {"data", opts.Data}} {
				if p.value == "" {
					return fmt.Errorf("--%s is needed: %w", p.flag, hydro.ErrInvalid)
				}
			}
			if opts.Server != "" && opts.Keep != "" {
				return fmt.Errorf("--keep is for the server in this process, not for one at --server: %w", hydro.ErrInvalid)
			}
			opts.Now, opts.Security = time.Now, server.secured()
			p := &replayPrinter{out: cmd.OutOrStdout(), notes: cmd.ErrOrStderr(), lang: language, asJSON: asJSON, now: time.Now}
			p.live = termui.Terminal(p.notes) && !asJSON
			p.colour = termui.Colours(p.out)
			opts.Opened, opts.Warning, opts.Progress = p.opened, p.warning, p.progress
			s, err := replay.Run(cmd.Context(), opts)
			p.clear()
			if err != nil {
				return plainError(err)
			}
			return p.summary(s)
		},
	}
	f := c.Flags()
	f.StringVar(&opts.Catalog, "catalog", "", "folder of the catalogue")
	f.StringVar(&opts.Map, "map", "", "file that says what the recorded columns are")
	f.StringVar(&opts.Data, "data", "", "folder of the recorded CSV files")
	f.StringVar(&opts.Server, "server", "", "address of a running server with a driven clock; empty: one in this process")
	server.addSecurity(f)
	f.StringVar(&opts.Keep, "keep", "", "folder for the log and store of the server in this process; empty: removed at the end")
	f.StringVar(&from, "from", "", "only readings from this instant on, e.g. 2020-06-05T00:00:00Z")
	f.StringVar(&to, "to", "", "only readings before this instant")
	f.StringVar(&speed, "speed", "max", "seconds of engine time per second, or max for as fast as it goes")
	f.BoolVar(&asJSON, "json", false, `print one JSON object per event, last {"type":"summary", ...}`)
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	return c
}

// parseSpeed reads "max" as 0.
func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, fmt.Errorf("--speed: %q is neither max nor a number above 0: %w", s, hydro.ErrInvalid)
	}
	return v, nil
}

// A replayPrinter prints events as they come and the summary. Its methods may be
// called from two goroutines.
type replayPrinter struct {
	out, notes   io.Writer
	lang         termui.Lang
	asJSON       bool
	live, colour bool // a status line stands on notes
	now          func() time.Time

	mu      sync.Mutex
	status  bool
	last    time.Time // that the status line was drawn
	started time.Time
}

func (p *replayPrinter) opened(o replay.Opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = p.now()
	if p.asJSON {
		_ = p.event(map[string]any{ // nothing depends on it, and the next event fails too
			"type": "start", "catalogue": o.Catalog.Name, "version": o.Catalog.Version, "readings": o.Readings, "missing": o.Missing,
			"from": o.From, "to": o.To, "server": o.Server, "illustrative": o.Catalog.Illustrative,
		})
		return
	}
	text := p.lang.Pick(
		fmt.Sprintf("%s：回放 %s 个读数，%s 至 %s", o.Catalog.TitleZH, termui.Count(uint64(o.Readings)), stamp(o.From), stamp(o.To)),
		fmt.Sprintf("%s: replaying %s readings, %s to %s", o.Catalog.TitleEN, termui.Count(uint64(o.Readings)), stamp(o.From), stamp(o.To))) + "\n"
	if o.Catalog.Illustrative != "" {
		text += o.Catalog.Illustrative + "\n"
	}
	_, _ = io.WriteString(p.out, text) // the warnings and the summary fail too
}

func (p *replayPrinter) warning(w hydro.Warning) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asJSON {
		return printJSON(p.out, wire.FromWarning(&w))
	}
	p.wipe()
	_, err := fmt.Fprintln(p.out, termui.WarningLine(w, p.lang, 1<<16, p.colour))
	return err
}

// progress draws at most four status lines a second.
func (p *replayPrinter) progress(g replay.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if !p.live || now.Sub(p.last) < 250*time.Millisecond {
		return
	}
	p.last = now
	left := ""
	if share := g.Share(); share > 0.02 {
		took := now.Sub(p.started)
		left = p.lang.Pick("，约剩 ", ", about ") + p.lang.Span(time.Duration(float64(took)*(1-share)/share)) + p.lang.Pick("", " left")
	}
	line := fmt.Sprintf("%s  %3.0f %%  %s %s%s", stamp(g.Now), 100*g.Share(), termui.Count(uint64(g.Stats.Accepted)),
		p.lang.Pick("个读数已确认", "readings acked"), left)
	width, _ := termui.Size(p.notes)
	p.wipe()
	_, _ = io.WriteString(p.notes, termui.Cut(line, max(width-1, 20))) // nothing depends on it
	p.status = true
}

func (p *replayPrinter) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
}

func (p *replayPrinter) wipe() {
	if p.status {
		_, _ = io.WriteString(p.notes, "\r\x1b[K") // nothing depends on it
		p.status = false
	}
}

func (p *replayPrinter) event(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = p.out.Write(append(data, '\n'))
	return err
}

func (p *replayPrinter) summary(s replay.Summary) error {
	if p.asJSON {
		return p.event(s)
	}
	var b strings.Builder
	say := func(zh, en, format string, args ...any) {
		fmt.Fprintf(&b, "  %s %s\n", termui.Pad(p.lang.Pick(zh, en), 22), fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(&b, p.lang.Pick("小结", "Summary"))
	say("读数 已发", "readings sent", "%d", s.Sent)
	say("读数 已确认", "readings acked", "%d", s.Acked)
	say("读数 拒收", "readings refused", "%s", counts(s.Refused))
	if s.Archived != nil {
		say("观测 入库", "observations archived", "%d", *s.Archived)
		say("观测 存疑或无效", "held back, by test", "%s", counts(s.Flagged))
		say("预报", "forecasts issued", "%d", *s.Forecasts)
	}
	say("预警 升级", "warnings raised to", "%s", counts(s.Raised))
	say("预警 降级", "warnings lowered to", "%s", counts(s.Lowered))
	blind := p.lang.Pick("无", "none")
	if len(s.Blind) > 0 {
		blind = strings.Join(s.Blind, "; ")
	}
	say("失明站点", "blind at the end", "%s", blind)
	say("预警校验", "hash of the warnings", "%s", s.WarningsHash[:16])
	say("用时", "wall time", "%.1f s", s.Seconds)
	_, err := io.WriteString(p.out, b.String())
	return err
}

// counts prints counts by name: "3 (blue 2, red 1)".
func counts(m map[string]int) string {
	total := 0
	var parts []string
	names := make([]string, 0, len(m))
	for name, n := range m {
		total += n
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, errX := hydro.ParseStage(a)
		y, errY := hydro.ParseStage(b)
		if errors.Join(errX, errY) == nil {
			return int(x) - int(y)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	if len(parts) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(parts, ", "))
}

// stamp prints an instant of a replay with its year.
func stamp(t time.Time) string { return t.In(termui.Beijing).Format("2006-01-02 15:04") }
