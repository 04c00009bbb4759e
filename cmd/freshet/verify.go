package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/influx"
	"freshet/internal/store/pebble"
	"freshet/internal/termui"
	"freshet/internal/verify"
)

// verifyCommand is `freshet verify`: how good the forecasts were.
func verifyCommand() *cobra.Command {
	var (
		dir, from, to, lang string
		in                  influx.Options
		opts                verify.Options
		folder              string
		asJSON              bool
	)
	c := &cobra.Command{
		Use:   "verify --catalog DIR (--store DIR | --influx-url URL)",
		Short: "Compare issued forecasts with what was then observed",
		Long: `Verify reads forecasts and observations from a store and says, by station and
lead time, how far the forecasts were off, whether they beat persistence (the
value at the time of issue, held), and their grade after GB/T 22482-2008: the
lower of the grades of DC and of the share of qualified forecasts QR. DC is the
Nash-Sutcliffe efficiency. A station is judged by discharge where that is
observed, else by level. Observations that quality control held back are left
out.

--store is the data folder of a server that is not running, or of
freshet replay --keep. Scores that are not defined, because the observations did
not change or there are too few, are shown as –.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			if folder == "" {
				return fmt.Errorf("--catalog is needed: %w", hydro.ErrInvalid)
			}
			if (dir == "") == (in.URL == "") {
				return fmt.Errorf("one of --store and --influx-url is needed: %w", hydro.ErrInvalid)
			}
			for _, p := range []struct {
				flag, text string
				into       *time.Time
			}{{"from", from, &opts.From}, {"to", to, &opts.To}} {
				if p.text == "" {
					continue
				}
				if *p.into, err = parseInstant(p.text); err != nil {
					return fmt.Errorf("--%s: %w", p.flag, err)
				}
			}
			cat, err := catalog.LoadDir(folder)
			if err != nil {
				return err
			}
			s, err := openHistory(dir, in)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			notes := cmd.ErrOrStderr()
			live := termui.Terminal(notes) && !asJSON
			if live {
				opts.Progress = func(basin string, n int) {
					if n%500 == 0 {
						_, _ = fmt.Fprintf(notes, "\r\x1b[K%s: %s", basin, termui.Count(uint64(n))) // nothing depends on it
					}
				}
			}
			r, err := verify.Run(cmd.Context(), s, cat, opts)
			if live {
				_, _ = fmt.Fprint(notes, "\r\x1b[K") // nothing depends on it
			}
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				if err := e.Encode(r); err != nil {
					return fmt.Errorf("write JSON: %w", err)
				}
				return nil
			}
			return printVerification(cmd.OutOrStdout(), r, language)
		},
	}
	f := c.Flags()
	f.StringVar(&folder, "catalog", "", "folder of the catalogue")
	f.StringVar(&dir, "store", "", "data folder with an embedded store")
	f.StringVar(&in.URL, "influx-url", "", "InfluxDB server, instead of --store")
	f.StringVar(&in.Org, "influx-org", "freshet", "InfluxDB organisation")
	f.StringVar(&in.Bucket, "influx-bucket", "freshet", "InfluxDB bucket")
	f.StringVar(&in.Token, "influx-token", os.Getenv("FRESHET_INFLUX_TOKEN"), "InfluxDB token; better given as FRESHET_INFLUX_TOKEN")
	f.Lookup("influx-token").DefValue = ""
	f.StringSliceVar(&opts.Basins, "basin", nil, "only this basin; may repeat")
	f.StringSliceVar(&opts.Stations, "station", nil, "only this station; may repeat")
	f.DurationSliceVar(&opts.Leads, "lead", verify.Leads, "lead times")
	f.StringVar(&from, "from", "", "only forecasts issued from this instant on, e.g. 2020-06-05T00:00:00Z")
	f.StringVar(&to, "to", "", "only forecasts issued before this instant")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of captions, zh or en")
	return c
}

// openHistory opens the store that flags name. A folder that holds none is an
// error, not a new store.
func openHistory(dir string, in influx.Options) (store.Store, error) {
	if dir == "" {
		return influx.Open(in)
	}
	if _, err := os.Stat(filepath.Join(dir, "store")); err == nil {
		dir = filepath.Join(dir, "store")
	}
	if _, err := os.Stat(filepath.Join(dir, "CURRENT")); err != nil {
		marks, _ := filepath.Glob(filepath.Join(dir, "marker.*")) // a bad pattern is the only error
		if len(marks) == 0 {
			return nil, fmt.Errorf("--store %s: holds no embedded store: %w", dir, hydro.ErrNotFound)
		}
	}
	return pebble.Open(pebble.Options{Dir: dir})
}

func printVerification(out io.Writer, r verify.Report, lang termui.Lang) error {
	var b strings.Builder
	fmt.Fprintln(&b, lang.Pick(
		fmt.Sprintf("%d 次预报，%s 至 %s 发布；评级按 %s", r.Forecasts, stamp(r.From), stamp(r.To), r.Standard),
		fmt.Sprintf("%d forecasts issued %s to %s; grades after %s", r.Forecasts, stamp(r.From), stamp(r.To), r.Standard)))
	if r.Illustrative != "" {
		fmt.Fprintln(&b, r.Illustrative)
	}
	for _, s := range r.Stations {
		unit := s.Unit
		if s.Datum != "" {
			unit += " " + string(s.Datum)
		}
		held := 0
		for _, n := range s.HeldBack {
			held += n
		}
		what := map[hydro.Variable]string{
			hydro.Discharge: lang.Pick("流量", "discharge"), hydro.WaterLevel: lang.Pick("水位", "water level"),
		}[s.Variable]
		fmt.Fprintf(&b, "\n%s (%s)  %s, %s  %s\n", lang.Pick(s.NameZH, s.NameEN), s.Station, what, unit, lang.Pick(
			fmt.Sprintf("实测 %d，质控剔除 %d", s.Observed, held), fmt.Sprintf("observed %d, held back by quality control %d", s.Observed, held)))
		row := func(cells ...string) {
			for i, c := range cells {
				width := []int{6, 7, 8, 8, 9, 8, 9, 9, 9, 9, 7, 8}[i]
				b.WriteString(termui.PadLeft(c, width))
			}
			b.WriteByte('\n')
		}
		row(lang.Pick("预见期", "lead"), "n", "NSE/DC", "KGE", lang.Pick("均差", "bias"), "RMSE", lang.Pick("峰值差", "peak"), lang.Pick("峰时差", "peak t"),
			lang.Pick("持续性", "persist"), lang.Pick("优于否", "beats it"), "QR", lang.Pick("等级", "grade"))
		for _, l := range s.Leads {
			grade := l.Grade.String()
			if lang == termui.Chinese {
				grade = l.Grade.ZH()
			}
			if float64(l.N) == 0 {
				grade = "–"
			}
			row(fmt.Sprintf("%g h", l.Hours), fmt.Sprint(l.N), score(l.NSE, "%.3f"), score(l.KGE, "%.3f"), score(l.MeanError, "%+.2f"), score(l.RMSE, "%.2f"),
				score(l.PeakError, "%+.2f"), score(l.PeakLate, "%+.1f h"), score(l.Persistence, "%.3f"),
				map[bool]string{true: lang.Pick("是", "yes"), false: lang.Pick("否", "no")}[l.Beats], score(100*l.Qualified, "%.0f%%"), grade)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// score prints a score that may be undefined.
func score(s verify.Score, format string) string {
	v := float64(s)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}
