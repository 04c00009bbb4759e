package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"freshet/forecast/skill"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/plot"
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
		profile, figures    string
		variable, rule      string
		above               map[string]string
	)
	c := &cobra.Command{
		Use:   "verify --catalog DIR (--store DIR | --influx-url URL)",
		Short: "Compare issued forecasts with what was then observed",
		Long: `Verify reads forecasts, observations and warnings from a store and says, by
station:

  by lead time, how far the forecasts were off, whether they beat persistence (the
  value at the time of issue, held), and their grade: the lower of the grades of DC
  (the Nash-Sutcliffe efficiency) and of the share of qualified forecasts QR;
  by flood, how the runs issued so long before forecast its peak and its time;
  by stage, whether warnings came before the threshold was met, and how long.

The edition of the standard is a profile: gbt22482-2008, gbt22482-2026 or a YAML
file (docs/models/verification.md). A station is judged by discharge where that is
observed, else by level; floods are found in the variable of its lowest threshold.
Observations that quality control held back are left out.

--store is the data folder of a server that is not running, or of
freshet replay --keep. --plot writes a figure of each flood. Scores that are not
defined, because the observations did not change or there are too few, are shown
as –.`,
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
			if opts.From, opts.To, err = parseSpan(from, to); err != nil {
				return err
			}
			if opts.Profile, err = verify.LoadProfile(profile); err != nil {
				return fmt.Errorf("--profile: %w", err)
			}
			if err := eventOptions(&opts.Events, variable, rule, above); err != nil {
				return err
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
			if figures != "" {
				if err := writeFigures(cmd.Context(), s, cat, &r, language, figures, notes); err != nil {
					return err
				}
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
	f.StringVar(&profile, "profile", skill.Profiles[0].ID, "edition of the standard: gbt22482-2008, gbt22482-2026 or a YAML file")
	f.StringToStringVar(&above, "flood-above", nil, "STATION=VALUE, what a flood of that station exceeds, instead of its lowest threshold; may repeat")
	f.StringVar(&variable, "flood-by", "", "water_level or discharge, instead of the variable of the lowest threshold")
	f.DurationVar(&opts.Events.Separation, "separation", 6*time.Hour, "less than this below the threshold does not part two floods")
	f.StringVar(&rule, "rule", "", "how peaks of discharge are judged: rainfall_runoff or reach, instead of by what drains to the station")
	f.StringVar(&figures, "plot", "", "folder for an SVG figure of each flood")
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

// eventOptions reads what flags say about floods.
func eventOptions(o *verify.EventOptions, variable, rule string, above map[string]string) (err error) {
	if variable != "" {
		if o.Variable, err = hydro.ParseVariable(variable); err != nil {
			return fmt.Errorf("--flood-by: %w", err)
		}
	}
	o.Rule = verify.Rule(rule)
	if len(above) > 0 {
		o.Above = map[string]float64{}
	}
	for station, text := range above {
		if o.Above[station], err = strconv.ParseFloat(text, 64); err != nil {
			return fmt.Errorf("--flood-above %s=%s: not a number: %w", station, text, hydro.ErrInvalid)
		}
	}
	return nil
}

// writeFigures writes an SVG file for each flood.
func writeFigures(ctx context.Context, s store.Reader, cat *catalog.Catalog, r *verify.Report, lang termui.Lang, dir string, notes io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--plot: %w: %w", err, hydro.ErrInvalid)
	}
	n := 0
	err := verify.Figures(ctx, s, cat, r, lang, func(name string, f *plot.Figure) error {
		n++
		return writeFile(filepath.Join(dir, name+".svg"), f.SVG, io.Discard)
	})
	fmt.Fprintln(notes, lang.Pick(fmt.Sprintf("%s：%d 幅图", dir, n), fmt.Sprintf("%s: %d figures", dir, n)))
	return err
}
