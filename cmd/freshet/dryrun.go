package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/catalog"
	"freshet/internal/dryrun"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/plot"
	"freshet/internal/termui"
)

// dryRunCommand is `freshet dry-run`: a changed catalogue over a recorded season.
func dryRunCommand() *cobra.Command {
	var (
		server         serverFlags
		folder, data   string
		opts           dryrun.Options
		from, to, lang string
		truth, figures string
		asJSON         bool
	)
	c := &cobra.Command{
		Use:   "dry-run --catalog NEW",
		Short: "Score a changed catalogue over the recorded season, against today's rules",
		Long: `Dry-run plays what a server has recorded once more, to an engine with the changed
catalogue and to one with the rules as they were recorded, in the log's order, and
says by station what would have been different: the lead time of each stage against
the observed crossing, hits, misses and false alarms, stages that were raised and
lowered again within --flap, and how often people were called between 22:00 and 07:00.

The log is that of a running server (--server, for administrators), or that in the
--data folder of a server that is not running, of which a copy is read. Nothing is
written to either. The whole log up to --to is played, --from to --to is scored.

--truth recorded judges both rules by the thresholds as they were recorded; --truth
own judges the changed rules by their own. That the recorded rules, played again, give
the warnings that were given is checked first, and said.

What people did goes to both engines. A command that names a warning or a wave which
the changed rules did not give is carried over to the station's alarm or the person's
call that stands in its place; what cannot be carried over is named.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			if folder == "" {
				return fmt.Errorf("--catalog is needed: the folder of the changed catalogue: %w", hydro.ErrInvalid)
			}
			if opts.From, opts.To, err = parseSpan(from, to); err != nil {
				return err
			}
			cat, err := catalog.LoadDir(folder)
			if err != nil {
				return err
			}
			if opts.Basin == "" {
				if len(cat.Basins) != 1 {
					return fmt.Errorf("--basin is needed: the catalogue has %d basins: %w", len(cat.Basins), hydro.ErrInvalid)
				}
				opts.Basin = cat.Basins[0].ID
			}
			opts.Files, opts.Truth = cat.Files(), dryrun.Truth(truth)
			log, end, err := recordedLog(cmd.Context(), &server, data, opts.Basin)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, end()) }()
			notes := cmd.ErrOrStderr()
			started := time.Now()
			live := termui.Terminal(notes)
			if live {
				opts.Progress = func(p dryrun.Progress) {
					_, _ = fmt.Fprintf(notes, "\r\x1b[K%d / %d  %s", p.Input, p.Last, stamp(p.Now)) // nothing depends on it
				}
			}
			r, err := dryrun.Run(cmd.Context(), log, opts)
			if live {
				_, _ = fmt.Fprint(notes, "\r\x1b[K") // nothing depends on it
			}
			if err != nil {
				if data == "" {
					return callError(server.address, err)
				}
				return err
			}
			seconds := time.Since(started).Seconds()
			_, _ = fmt.Fprintf(notes, language.Pick("已重演 %d 条输入、%d 个读数，用时 %.1f 秒，每秒 %.0f 个读数（两套规则）\n", "%d inputs and %d readings played in %.1f s, %.0f readings/s (both rules)\n"),
				r.Inputs, r.Readings, seconds, float64(r.Readings)/seconds) // nothing depends on it
			if figures != "" {
				if err := os.MkdirAll(figures, 0o755); err != nil {
					return fmt.Errorf("--plot: %w: %w", err, hydro.ErrInvalid)
				}
				if err := r.Figures(language, func(name string, f *plot.Figure) error {
					return writeFile(filepath.Join(figures, name+".svg"), f.SVG, notes)
				}); err != nil {
					return err
				}
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(r)
			}
			return printDryRun(cmd.OutOrStdout(), r, language)
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&folder, "catalog", "", "folder of the changed catalogue")
	f.StringVar(&data, "data", "", "data folder of a server that is not running, instead of --server")
	f.StringVar(&opts.Basin, "basin", "", "basin, if the catalogue has several")
	f.StringVar(&from, "from", "", "score from this instant on (RFC 3339, or Beijing time as 2026-05-21T00:00); empty: from the first tick")
	f.StringVar(&to, "to", "", "play and score up to this instant; empty: to the end of the log")
	f.StringVar(&truth, "truth", string(dryrun.Recorded), "whose thresholds the river is judged by: recorded or own")
	f.DurationVar(&opts.Flap, "flap", 6*time.Hour, "a stage raised and lowered again within this time is a flap")
	f.DurationVar(&opts.Separation, "separation", 6*time.Hour, "less than this below a threshold does not part two floods")
	f.StringVar(&figures, "plot", "", "folder for an SVG figure of each station")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of captions, zh or en")
	return c
}

// recordedLog opens what a server has recorded.
func recordedLog(ctx context.Context, server *serverFlags, data, basin string) (dryrun.Log, func() error, error) {
	if data == "" {
		conn, err := server.dial()
		if err != nil {
			return nil, nil, err
		}
		return dryrun.OfServer(conn, basin), conn.Close, nil
	}
	j, err := journal.OpenCopy(ctx, journal.Options{Dir: filepath.Join(data, "log")})
	if err != nil {
		if errors.Is(err, hydro.ErrConflict) {
			err = fmt.Errorf("%w (a server is running on that folder: ask it with --server)", err)
		}
		return nil, nil, fmt.Errorf("--data: %w", err)
	}
	return dryrun.OfJournal(j, basin), j.Close, nil
}

// printDryRun writes a report for people.
func printDryRun(out io.Writer, r *dryrun.Report, lang termui.Lang) error {
	var b strings.Builder
	pick := lang.Pick
	fmt.Fprintf(&b, "%s %s  %s – %s\n", pick("规则试演", "Rule dry-run"), r.Basin, stamp(r.From), stamp(r.To))
	if r.Illustrative != "" {
		fmt.Fprintln(&b, r.Illustrative)
	}
	if r.Reproduced.Exact {
		fmt.Fprintf(&b, pick("记录的规则重演得出全部 %d 条已发预警，逐字节相同。\n", "The recorded rules, played again, gave all %d warnings that were given, byte for byte.\n"), r.Reproduced.Given)
	} else {
		fmt.Fprintf(&b, pick("！记录的规则重演只与已发的 %d 条预警中的 %d 条相同，首个差异 %s：以下评分不可全信。\n",
			"! Of %d warnings that were given, the recorded rules, played again, gave %d alike; the first that differs is %s: do not trust the score fully.\n"),
			r.Reproduced.Given, r.Reproduced.Equal, r.Reproduced.First)
	}
	fmt.Fprintln(&b, map[dryrun.Truth]string{
		dryrun.Recorded: pick("两套规则均按记录时的阈值评定。", "Both rules are judged by the thresholds as recorded."),
		dryrun.Own:      pick("各规则按自己的阈值评定。", "Each rules' warnings are judged by its own thresholds."),
	}[r.Truth])
	pair := func(a, b int) string { return fmt.Sprintf("%d → %d", a, b) }
	for i := range r.Stations {
		s := &r.Stations[i]
		fmt.Fprintf(&b, "\n%s (%s)  %s %s  %s %s  %s %s  %s %s\n", pick(s.NameZH, s.NameEN), s.Station,
			pick("预警", "warnings"), pair(s.Recorded.Warnings, s.Changed.Warnings), pick("升级", "raised"), pair(s.Recorded.Raised, s.Changed.Raised),
			pick("反复", "flaps"), pair(s.Recorded.Flaps, s.Changed.Flaps), pick("失明", "went blind"), pair(s.Recorded.Blind, s.Changed.Blind))
		printDryStages(&b, s, lang)
	}
	if len(r.People) > 0 {
		fmt.Fprintf(&b, "\n%s\n", pick(fmt.Sprintf("夜间（%s–%s，%s）叫应，现行 → 新", r.NightFrom, r.NightTo, r.Zone), fmt.Sprintf("Calls at night (%s to %s, %s), old → new", r.NightFrom, r.NightTo, r.Zone)))
	}
	for i := range r.People {
		p := &r.People[i]
		fmt.Fprintf(&b, "  %s %s", termui.Pad(pick(p.NameZH, p.NameEN)+" ("+p.Person+")", 32), pair(p.Recorded, p.Changed))
		for _, n := range p.Nights {
			fmt.Fprintf(&b, "  %s: %s", n.Evening, pair(n.Recorded, n.Changed))
		}
		b.WriteByte('\n')
	}
	if c := &r.Commands; c.Given > 0 {
		fmt.Fprintf(&b, pick("\n人员命令 %d 条：照用 %d，转用 %d，无从转用 %d\n", "\n%d commands of people: %d as given, %d carried over, %d dropped\n"), c.Given, c.Same, c.Carried, c.Dropped)
		for k := range c.Named {
			x := &c.Named[k]
			fmt.Fprintf(&b, "  %s %s %s %s%s %s: %s\n", stamp(x.At), map[bool]string{true: pick("转用", "carried over"), false: pick("未用", "dropped")}[x.Carried], x.Kind, x.Station, x.Person, x.Named, pick(x.WhyZH, x.WhyEN))
		}
		if more := c.Carried + c.Dropped - len(c.Named); more > 0 {
			fmt.Fprintf(&b, pick("  另有 %d 条\n", "  and %d more\n"), more)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// printDryStages writes a row for each stage and side.
func printDryStages(b *strings.Builder, s *dryrun.Station, lang termui.Lang) {
	pick := lang.Pick
	widths := []int{8, 8, 12, 8, 8, 8, 8, 8, 8, 10, 10}
	row := func(cells ...string) {
		for i, c := range cells {
			b.WriteString(termui.PadLeft(c, widths[i]))
		}
		b.WriteByte('\n')
	}
	row(pick("级别", "stage"), pick("规则", "rules"), pick("阈值", "threshold"), pick("过程", "floods"), pick("命中", "hits"), pick("迟报", "late"), pick("漏报", "missed"),
		pick("空报", "false"), pick("未定", "open"), pick("中位预见", "median h"), pick("最短预见", "least h"))
	for _, stage := range []string{"blue", "yellow", "orange", "red"} {
		for _, side := range []struct {
			name  string
			score *dryrun.Score
		}{{pick("现行", "old"), &s.Recorded}, {pick("新", "new"), &s.Changed}} {
			for i := range side.score.Stages {
				x := &side.score.Stages[i]
				if x.Stage != stage {
					continue
				}
				var thresholds []string
				for _, h := range x.Thresholds {
					thresholds = append(thresholds, score(h.Threshold, "%g"))
				}
				row(stageName(stage, lang), side.name, strings.Join(thresholds, "/"), fmt.Sprint(x.Crossings), fmt.Sprint(x.InTime), fmt.Sprint(x.Late), fmt.Sprint(x.Missed),
					fmt.Sprint(x.FalseAlarms), fmt.Sprint(x.Undecided), score(x.Median, "%.2f"), score(x.Least, "%.2f"))
			}
		}
	}
}

func stageName(name string, lang termui.Lang) string {
	if st, err := hydro.ParseStage(name); err == nil && lang == termui.Chinese {
		return strings.TrimSpace(termui.StageTag(st, false))
	}
	return name
}
