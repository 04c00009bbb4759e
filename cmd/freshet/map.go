package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/mapcheck"
	"freshet/internal/termui"
)

// mapCommand is `freshet map`: commands on maps of department feeds, which need
// no server.
func mapCommand() *cobra.Command {
	c := &cobra.Command{Use: "map", Short: "Work on maps of department feeds"}
	c.AddCommand(mapCheckCommand())
	return c
}

func mapCheckCommand() *cobra.Command {
	var (
		o         mapCheckOptions
		now, lang string
	)
	c := &cobra.Command{
		Use:   "check FILE SAMPLE",
		Short: "Show how the rows of a sample would be understood, and why others are refused",
		Long: `Check reads SAMPLE (a file, or - for standard input) as the map FILE says, and
shows the first rows as they would be understood, why others are refused, how
often, and what looks wrong although it would be taken. Nothing is sent.

With --catalog, stations, variables and datums are judged as the server would
judge them. Times are judged as of now; for a sample of the past, state --now.

It exits with 0 if all is well, with 1 if anything is refused or suspicious, and
with 2 if the map is wrong or the sample is not what the map says.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.lang, err = termui.ParseLang(lang); err != nil {
				return err
			}
			o.now = time.Now()
			if now != "" {
				if o.now, err = parseInstant(now); err != nil {
					return fmt.Errorf("--now: %w", err)
				}
			}
			if o.rows < 0 {
				return fmt.Errorf("--rows: %d is negative: %w", o.rows, hydro.ErrInvalid)
			}
			o.file, o.sample, o.out = args[0], args[1], cmd.OutOrStdout()
			o.width, _ = termui.Size(o.out)
			return checkMap(o, cmd.InOrStdin())
		},
	}
	f := c.Flags()
	f.StringVar(&o.catalog, "catalog", "", "folder of the catalogue whose stations these are")
	f.IntVar(&o.rows, "rows", 10, "how many rows to show")
	f.StringVar(&now, "now", "", "judge times as of this instant, e.g. 2026-06-01T08:00:00+08:00")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	return c
}

type mapCheckOptions struct {
	file, sample, catalog string
	rows, width           int
	now                   time.Time
	asJSON                bool
	lang                  termui.Lang
	out                   io.Writer
}

func checkMap(o mapCheckOptions, stdin io.Reader) error {
	text, err := os.ReadFile(o.file)
	if err != nil {
		return fmt.Errorf("map: %w: %w", err, hydro.ErrInvalid)
	}
	var cat *catalog.Catalog
	if o.catalog != "" {
		if cat, err = catalog.LoadDir(o.catalog); err != nil {
			return err
		}
	}
	m, err := feed.ParseFor(filepath.Base(o.file), text, cat)
	if err != nil {
		return err
	}
	name := filepath.Base(o.sample)
	shape, err := mapcheck.Shape(m, name)
	if err != nil {
		return err
	}
	in := stdin
	if o.sample != "-" {
		file, err := os.Open(o.sample)
		if err != nil {
			return fmt.Errorf("sample: %w: %w", err, hydro.ErrInvalid)
		}
		defer func() { _ = file.Close() }() // only read
		in = file
	}
	r, readErr := mapcheck.Check(m, shape, in, mapcheck.Options{Catalog: cat, Rows: o.rows, Now: o.now})
	if readErr != nil && r.Rows == 0 {
		return fmt.Errorf("sample %s: %w", name, readErr)
	}
	if o.asJSON {
		e := json.NewEncoder(o.out)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		_, err = io.WriteString(o.out, mapText(r, o, name, cat))
	}
	switch {
	case err != nil:
		return err
	case readErr != nil:
		return fmt.Errorf("sample %s, after row %d: %w", name, r.Rows, readErr)
	case r.OK():
		return nil
	case r.Accepted == 0:
		return errors.New(o.lang.Pick("样本中没有一个值会被接收", "no value of the sample would be taken"))
	default:
		return errors.New(o.lang.Pick(fmt.Sprintf("拒收 %d，可疑 %d 处", r.Refused, len(r.Suspicions)), fmt.Sprintf("%d refused, %d suspicions", r.Refused, len(r.Suspicions))))
	}
}

// mapText is a report for people.
func mapText(r *mapcheck.Report, o mapCheckOptions, name string, cat *catalog.Catalog) string {
	var b strings.Builder
	l := o.lang
	fmt.Fprintf(&b, "%s  ←  %s\n", filepath.Base(o.file), name)
	if cat != nil {
		fmt.Fprintf(&b, "%s %s (%s)\n", l.Pick("目录", "catalogue"), l.Pick(cat.TitleZH, cat.TitleEN), cat.Version)
	} else {
		fmt.Fprintln(&b, l.Pick("没有 --catalog：测站、要素与基面未核对", "no --catalog: stations, variables and datums are not checked"))
	}
	fmt.Fprintf(&b, l.Pick("时间按北京时间 %s 判断", "times judged as of %s Beijing time")+"\n", stamp(o.now))

	if len(r.Shown) > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.Pick("前几行将被这样理解（北京时间）：", "The first rows would be understood like this (Beijing time):"))
		fmt.Fprintf(&b, "%s  %s  %s  %s  %s\n", termui.PadLeft(l.Pick("行", "line"), 5), termui.Pad(l.Pick("测站", "station"), 20),
			termui.Pad(l.Pick("要素", "variable"), 14), termui.PadLeft(l.Pick("值", "value"), 13), l.Pick("时间（雨量：止 ← 起）", "time (of rain: end ← start)"))
	}
	for i := range r.Shown {
		b.WriteString(mapLine(&r.Shown[i], l))
	}

	fmt.Fprintln(&b)
	count := func(zh, en string, n int) {
		fmt.Fprintf(&b, "%s %s\n", termui.Pad(l.Pick(zh, en), 24), termui.PadLeft(termui.Count(uint64(n)), 9))
	}
	count("行数", "rows", r.Rows)
	if r.LeftOut > 0 {
		count("　按 where 略去", "  left out by where", r.LeftOut)
	}
	count("值 接收", "values taken", r.Accepted)
	count("值 未报", "values not reported", r.NotReported)
	count("拒收", "refused", r.Refused)
	if !r.From.IsZero() {
		fmt.Fprintf(&b, "%s %s … %s\n", termui.Pad(l.Pick("所接收的时间", "taken, from … to"), 24), stamp(r.From), stamp(r.To))
	}
	if len(r.Reasons) > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.Pick("未接收的原因：", "Why values were not taken:"))
	}
	for i := range r.Reasons {
		c := &r.Reasons[i]
		fmt.Fprintf(&b, "%s × %s\n", termui.PadLeft(termui.Count(uint64(c.Count)), 7), l.Pick(mapcheck.ReasonZH(c.Reason)+"  "+c.Reason, c.Reason))
		where := fmt.Sprintf(l.Pick("首见第 %d 行：", "first in line %d: "), c.First.Line)
		b.WriteString(indented(where+l.Pick(c.First.ZH, c.First.EN), o.width))
	}
	if len(r.Suspicions) > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.Pick("可疑之处：", "What looks wrong:"))
	}
	for _, s := range r.Suspicions {
		b.WriteString(indented("! "+l.Pick(s.ZH, s.EN), o.width))
	}
	if r.OK() {
		fmt.Fprintf(&b, "\n%s\n", l.Pick("一切正常。", "All is well."))
	}
	return b.String()
}

// mapLine is one value of the table.
func mapLine(v *mapcheck.Value, l termui.Lang) string {
	station := v.Named
	if v.Station != "" {
		station = v.Station + " " + l.Pick(v.NameZH, v.NameEN)
	}
	line := termui.PadLeft(strconv.Itoa(v.Line), 5) + "  " + termui.Pad(station, 20) + "  "
	switch v.Reason {
	case "":
	case mapcheck.NotReported:
		return line + l.Pick("未报", "not reported") + "\n"
	default:
		what := v.Field
		if v.Variable != 0 {
			what = l.Pick(v.Variable.ZH(), v.Variable.String())
		}
		verdict := l.Pick("拒收：", "refused: ") + l.Pick(mapcheck.ReasonZH(v.Reason), v.Reason)
		if v.Reason == hydro.MissingValue.String() {
			verdict = l.Pick("无值", "no value")
		}
		return line + termui.Pad(what, 14) + "  " + verdict + "\n"
	}
	what := l.Pick(v.Variable.ZH(), v.Variable.String())
	if v.Sensor != 0 {
		what += " " + strconv.Itoa(int(v.Sensor))
	}
	value := strconv.FormatFloat(v.Value, 'f', 3, 64)
	value = strings.TrimSuffix(strings.TrimRight(value, "0"), ".") + " " + termui.Unit(v.Variable)
	if v.Notes&hydro.NoteTrace != 0 {
		value = l.Pick("微量", "trace") + " 0 mm"
	}
	line += termui.Pad(what, 14) + "  " + termui.PadLeft(value, 13) + "  " + stamp(v.At)
	if v.Interval != 0 {
		from := stamp(v.At.Add(-v.Interval))
		if day := len("2006-01-02 "); from[:day] == stamp(v.At)[:day] {
			from = from[day:]
		}
		line += "  ← " + from
	}
	if v.Datum != "" {
		line += "  " + string(v.Datum)
		if v.Notes&hydro.NoteDatumConverted != 0 {
			line += l.Pick("，已换算到测站基面", ", converted to the station's")
		}
	}
	if len(v.Range) == 2 {
		line += fmt.Sprintf(l.Pick("  ! 超出 %g … %g", "  ! outside %g to %g"), v.Range[0], v.Range[1])
	}
	return line + "\n"
}

// indented wraps a sentence under its line.
func indented(s string, width int) string {
	const indent = "       "
	var b strings.Builder
	for _, line := range termui.Wrap(s, max(width-len(indent), 40)) {
		b.WriteString(indent + line + "\n")
	}
	return b.String()
}
