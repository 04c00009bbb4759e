package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/qualify"
	"freshet/internal/replay"
	"freshet/internal/termui"
)

func qualityCommand() *cobra.Command {
	c := &cobra.Command{Use: "quality", Short: "Try quality control on recorded readings"}
	c.AddCommand(qualityCheckCommand())
	return c
}

// qualityCheckCommand is `freshet quality check`.
func qualityCheckCommand() *cobra.Command {
	var (
		folder, mapFile, data, labelFile, lang string
		gsdr, asJSON                           bool
	)
	c := &cobra.Command{
		Use:   "check --catalog DIR (--map FILE | --gsdr) --data DIR",
		Short: "Count what quality control says of recorded readings",
		Long: `Check plays recorded readings through quality control in the order of their
instants, with the limits of the catalogue, and prints how the readings of each
label fared: a confusion table. Labels say what is known of the readings from
elsewhere, an agency's own flags or impossible values (docs/models/quality.md).

--map reads CSV files as freshet replay does; --gsdr reads *.txt files of the Global
Sub-Daily Rainfall data set. --json has every table and the first 200 readings that
were held back, each with its reason, QARTOD flag and CMA code.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			for _, need := range []struct{ flag, value string }{{"--catalog", folder}, {"--data", data}} {
				if need.value == "" {
					return fmt.Errorf("%s is needed: %w", need.flag, hydro.ErrInvalid)
				}
			}
			if (mapFile == "") == !gsdr {
				return fmt.Errorf("one of --map and --gsdr is needed: %w", hydro.ErrInvalid)
			}
			cat, err := catalog.LoadDir(folder)
			if err != nil {
				return err
			}
			var (
				m        *replay.Map
				readings []replay.Reading
			)
			if gsdr {
				if readings, err = qualify.ReadGSDR(data, cat); err != nil {
					return err
				}
			} else {
				text, err := os.ReadFile(mapFile)
				if err != nil {
					return fmt.Errorf("--map: %w", err)
				}
				if m, err = replay.ParseMap(filepath.Base(mapFile), text, cat); err != nil {
					return err
				}
				recorded, err := replay.Read(data, m)
				if err != nil {
					return err
				}
				readings = recorded.Readings
			}
			var labels *qualify.Labels
			if labelFile != "" {
				text, err := os.ReadFile(labelFile)
				if err != nil {
					return fmt.Errorf("--labels: %w", err)
				}
				if labels, err = qualify.ParseLabels(filepath.Base(labelFile), text, cat, m, data); err != nil {
					return err
				}
			}
			report := qualify.Run(cat, readings, labels)
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(report)
			}
			return printConfusion(cmd.OutOrStdout(), &report, language)
		},
	}
	f := c.Flags()
	f.StringVar(&folder, "catalog", "", "folder of the catalogue")
	f.StringVar(&mapFile, "map", "", "what the columns of the recorded files are (docs/formats/replay-map.md)")
	f.BoolVar(&gsdr, "gsdr", false, "the files are those of the Global Sub-Daily Rainfall data set")
	f.StringVar(&data, "data", "", "folder of the recorded files")
	f.StringVar(&labelFile, "labels", "", "what is known of the readings (docs/models/quality.md)")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.BoolVar(&asJSON, "json", false, "for programs")
	return c
}

func printConfusion(out io.Writer, r *qualify.Report, lang termui.Lang) error {
	var b strings.Builder
	readings := 0
	for _, c := range r.Counts {
		readings += c.Readings
	}
	fmt.Fprintln(&b, lang.Pick(
		fmt.Sprintf("%s：%d 站 %d 个读数，%s 至 %s", r.Catalog, r.Stations, readings, stamp(r.From), stamp(r.To)),
		fmt.Sprintf("%s: %d readings of %d stations, %s to %s", r.Catalog, readings, r.Stations, stamp(r.From), stamp(r.To))))
	label := 12
	for _, c := range r.Counts {
		label = max(label, termui.Width(c.Label))
	}
	variable := ""
	for _, c := range r.Counts {
		if c.Variable != variable {
			variable = c.Variable
			fmt.Fprintf(&b, "\n%s\n", variable)
			b.WriteString("  " + termui.Pad(lang.Pick("已知", "known to be"), label))
			for _, h := range [][2]string{{"读数", "readings"}, {"通过", "pass"}, {"未检", "not eval."}, {"可疑", "suspect"}, {"错误", "fail"}, {"缺测", "missing"}} {
				b.WriteString(termui.PadLeft(lang.Pick(h[0], h[1]), 17))
			}
			b.WriteByte('\n')
		}
		name := c.Label
		if name == "" {
			name = lang.Pick("（无标注）", "(no label)")
		}
		b.WriteString("  " + termui.Pad(name, label))
		for i, n := range []int{c.Readings, c.Pass, c.NotEvaluated, c.Suspect, c.Fail, c.Missing} {
			cell := fmt.Sprint(n)
			if i > 0 && i < 5 && n > 0 {
				cell += fmt.Sprintf(" (%.2f%%)", 100*float64(n)/float64(c.Readings))
			}
			b.WriteString(termui.PadLeft(cell, 17))
		}
		b.WriteByte('\n')
		if len(c.Tests) > 0 {
			var tests []string
			for name, n := range c.Tests {
				tests = append(tests, fmt.Sprintf("%s %d", name, n))
			}
			slices.Sort(tests)
			fmt.Fprintln(&b, "    "+strings.Join(tests, ", "))
		}
	}
	if len(r.Held) > 0 {
		fmt.Fprintf(&b, "\n%s\n", lang.Pick("被扣留的读数（前几个；全部见 --json）", "held back (the first; --json has more)"))
		for _, h := range r.Held[:min(len(r.Held), 12)] {
			fmt.Fprintf(&b, "  %s %s %g %s: %s\n", stamp(h.At), h.Series, h.Value, h.Quality, h.Why)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
