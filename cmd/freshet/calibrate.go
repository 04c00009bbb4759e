package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/forecast/calibrate"
	"freshet/forecast/skill"
	"freshet/internal/calibration"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/verify"
)

// calibrateCommand is `freshet calibrate`: parameters from the user's own events.
func calibrateCommand() *cobra.Command {
	var (
		opts                  calibration.Options
		columns               []string
		zone, delimiter, unit string
		stamps, warmup        string
		profile               string
		asJSON                bool
		rate                  calibration.RatingOptions
		rains                 calibration.RainSpreadOptions
		archive               archiveFlags
		reaches, along        string
		zeros                 bool
		tide                  calibration.TidalOptions
		listed                strings.Builder
	)
	for _, m := range calibration.Methods {
		fmt.Fprintf(&listed, "  %-11s %s\n", m.Name, m.Doc)
	}
	fmt.Fprintf(&listed, "  %-11s %s\n", "rating", "rating curve: power laws by range of level, of pairs of level and discharge")
	fmt.Fprintf(&listed, "  %-11s %s\n", calibration.RainSpreadMethod, "factors between observed and forecast rain by lead, for bands")
	fmt.Fprintf(&listed, "  %-11s %s\n", "tidal", "level where the tide reaches: by the tide at the mouth and the flow from above")
	c := &cobra.Command{
		Use:   "calibrate --method METHOD --data FILE",
		Short: "Fit a reach or a sub-basin to recorded series and check the fit",
		Long: `Calibrate looks for the parameters with which a model comes closest to what was
observed, checks them on the part of the record that the fit did not see, and
prints them as a fragment of a catalogue with the scores as comments.

Methods:
` + listed.String() + `
A reach needs the columns inflow and outflow, in m³/s; a sub-basin rain, in mm per
step, flow, in m³/s, and --area. With a column pet, mm per step, its potential
evaporation is taken from there. --column says what a column is called in the file:
--column flow=q_m3s. Methods mct and cunge need --length and --slope of the channel too, and cunge
takes a column lateral, m³/s that join along the reach. A cell without a value is a
gap: observed gaps are left out, input must be whole.

Method error needs the columns computed, of a model without updating, and observed.
A rating needs the columns level, m, and flow, --datum, --station and --valid-from; its
pairs are dealt to fit and check in turn along the level unless --fit and --check name
periods of a column time. Without --data, level and discharge of --station from --from to
--to are read from a running server: what quality control let pass, each discharge with
the level nearest in time, on the datum of its catalogue. A discharge that the station
itself made of its level by a rating gives that rating back.
Method tidal needs the columns tide and level, m, flow, --datum and --tide-datum; the
part that is not fitted gives its table of skill by lead time, beside persistence and
the tide alone.
` + rainSpreadHelp + `
Without --fit, --check and --events the first half of the record is fitted and the
second is checked; with --fit alone what is left of the record is checked. --split 1
fits all and checks nothing. The scheme is graded by GB/T 22482 (--profile) on the
floods of the fit and of the check: each event of --events is one, in other periods
what stands above --flood-above. Durations may be given
to --bound where the unit is s: --bound k=6h:3d.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			reading := archive.from != "" || archive.to != ""
			switch {
			case reading && opts.Method != "rating":
				return fmt.Errorf("--from and --to: only a rating is fitted to what a server holds, --method %s takes --data: %w", opts.Method, hydro.ErrInvalid)
			case reading && opts.Source.File != "":
				return fmt.Errorf("--data, and --from and --to: give a file or a server's readings, not both: %w", hydro.ErrInvalid)
			case !reading && opts.Source.File == "":
				return fmt.Errorf("--data is needed (for a rating --from and --to do): %w", hydro.ErrInvalid)
			}
			if opts.Method == "rating" {
				if err := source(&opts.Source, columns, zone, delimiter, unit, stamps); err != nil {
					return err
				}
				if len(opts.Set) > 0 {
					return fmt.Errorf("--set %s: a rating holds no parameter: %w", opts.Set[0], hydro.ErrInvalid)
				}
				rate.Source, rate.ID, rate.Split, rate.Fit, rate.Check = opts.Source, opts.ID, opts.Split, opts.Fit, opts.Check
				rate.Evaluations, rate.Seed, rate.Bounds = opts.Evaluations, opts.Seed, opts.Bounds
				if reading {
					var datum string
					if rate.Gaugings, datum, err = archive.read(cmd.Context(), rate.Station, zone); err != nil {
						return err
					}
					if rate.Datum != "" && rate.Datum != datum {
						return fmt.Errorf("--datum %s: the catalogue has the levels of %s on %s: %w", rate.Datum, rate.Station, datum, hydro.ErrInvalid)
					}
					rate.Datum = datum
				}
				return calibrateRating(cmd, rate, asJSON)
			}
			if opts.Method == calibration.RainSpreadMethod {
				if err := source(&opts.Source, columns, zone, delimiter, unit, stamps); err != nil {
					return err
				}
				return calibrateRainSpread(cmd, rains, opts, asJSON)
			}
			if opts.Method == "tidal" {
				if err := source(&opts.Source, columns, zone, delimiter, unit, stamps); err != nil {
					return err
				}
				tide.Source, tide.Station, tide.Datum, tide.Split = opts.Source, rate.Station, rate.Datum, opts.Split
				r, err := calibration.RunTidal(tide)
				if err != nil {
					return err
				}
				for _, n := range r.Notes {
					fmt.Fprintln(cmd.ErrOrStderr(), n)
				}
				return printFit(cmd.OutOrStdout(), r, r.Fragment, asJSON)
			}
			method, err := calibration.MethodOf(opts.Method)
			if err != nil {
				return err
			}
			if opts.Warmup = method.Warmup; warmup != "" {
				if opts.Warmup, err = time.ParseDuration(warmup); err != nil || opts.Warmup < 0 {
					return fmt.Errorf("--warmup %q: want a duration such as 720h: %w", warmup, hydro.ErrInvalid)
				}
			}
			if !cmd.Flags().Changed("pull") {
				opts.Pull = method.Pull
			}
			if err := source(&opts.Source, columns, zone, delimiter, unit, stamps); err != nil {
				return err
			}
			if reaches != "" {
				side := opts.Source
				side.File = along
				if opts.Network, err = calibration.ReadNetwork(reaches, side, zeros); err != nil {
					return err
				}
			}
			if opts.Profile, err = verify.LoadProfile(profile); err != nil {
				return fmt.Errorf("--profile: %w", err)
			}
			p := fitProgress{out: cmd.ErrOrStderr(), live: termui.Terminal(cmd.ErrOrStderr()), restart: -1}
			opts.Progress = p.tell
			started := time.Now()
			r, err := calibration.Run(cmd.Context(), opts)
			p.clear()
			if err != nil {
				return err
			}
			for _, n := range r.Notes {
				fmt.Fprintln(cmd.ErrOrStderr(), n)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d evaluations in %.1f s\n", r.Evaluations, time.Since(started).Seconds())
			return printFit(cmd.OutOrStdout(), r, r.Fragment, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&opts.Method, "method", "", "what to fit, see above")
	f.StringVar(&opts.Source.File, "data", "", "CSV file with the series")
	f.StringArrayVar(&columns, "column", nil, "ROLE=NAME: the column that is time, inflow, outflow, lateral, rain, pet, flow, level, tide, computed, observed, issued, lead or forecast; may repeat")
	f.StringVar(&opts.Source.Layout, "layout", "", `how times are written, e.g. "02.01.2006 15:04"; empty: one of the usual ways`)
	f.StringVar(&zone, "zone", "Asia/Shanghai", "zone of times without an offset, in the file and in periods")
	f.StringVar(&delimiter, "delimiter", ",", "between cells")
	f.StringArrayVar(&opts.Source.Missing, "missing", nil, "cell that means no value, e.g. -9999; may repeat")
	f.StringVar(&unit, "flow-unit", "m3/s", "unit of flows: m3/s, l/s or ft3/s")
	f.StringVar(&stamps, "stamps", "end", "end or start: the time of a row is that of its interval of rain and pet")
	f.Float64Var(&opts.Area, "area", 0, "area of the sub-basin, km²")
	f.Float64Var(&opts.Length, "length", 0, "length of the reach, km; of methods mct and cunge")
	f.Float64Var(&opts.Slope, "slope", 0, "slope of the bed, e.g. 0.0003; of methods mct and cunge")
	f.IntVar(&opts.Parts, "sub-reaches", 0, "equal parts of the reach; of method cunge; 0: 1")
	f.BoolVar(&opts.ShortStep, "short-step", false, "methods cunge and network: what enters in a step is the flow at its beginning, as t-route's assume_short_ts")
	f.StringVar(&reaches, "network", "", "network: CSV file of the reaches, with the columns of the National Water Model's channel table (docs/models/calibration.md)")
	f.StringVar(&along, "network-lateral", "", "network: CSV file of the lateral inflow, a column for each reach, mean of the step that ends at a row's time")
	f.BoolVar(&zeros, "lateral-zeros", false, "network: a cell of --network-lateral without a value is 0; else it is refused")
	f.DurationVar(&opts.RoutingStep, "routing-step", 5*time.Minute, "network: step of the routing, a whole part of the data's")
	f.StringVar(&opts.Concentration, "concentration", "nash", "way to the outlet of a sub-basin: nash, lag (CS and L) or ordinates")
	f.IntVar(&opts.Ordinates, "ordinates", 0, "how many ordinates of the unit hydrograph, in steps of the data; 0: 24")
	f.Float64Var(&opts.Smooth, "smooth", 0.001, "weight of the second differences of the ordinates; 0: they follow every error of the rain")
	f.BoolVar(&opts.Lateral, "lateral", false, "nonlinear reach: look for the lateral flow too")
	f.StringVar(&opts.ID, "id", "fitted", "id of the reach or sub-basin in the fragment")
	f.StringVar(&opts.Objective, "objective", "kge", "kge, kge2012, nse, mix (mean of kge and nse) or nselog (mean of nse and that of the logarithms)")
	f.StringArrayVar(&opts.Bounds, "bound", nil, "NAME=LO:HI, in place of the method's own bounds; a parameter that the method holds is looked for; may repeat")
	f.StringArrayVar(&opts.Set, "set", nil, "NAME=VALUE: hold a parameter there; with all of them held a scheme is only graded; may repeat")
	f.StringArrayVar(&opts.Fit, "fit", nil, "FROM..TO, rows to fit, e.g. 2004-11-01..2005-12-31; may repeat")
	f.StringArrayVar(&opts.Check, "check", nil, "FROM..TO, rows to check; may repeat")
	f.StringVar(&opts.Events, "events", "", "CSV file with the columns from, to and, if you like, use: fit or check")
	f.Float64Var(&opts.Split, "split", 0.5, "share of the record, or of the events without a use, that is fitted; 1: all")
	f.StringVar(&warmup, "warmup", "", "how long a model runs before it counts; empty: 1440h for saturation, 8760h for xinanjiang, 96h for error, else 0")
	f.IntVar(&opts.Evaluations, "evaluations", 0, "runs of the model at most; 0: for each parameter 1000 of saturation and xinanjiang, 2000 of scs, phi and cunge, 30 of error, 5000 of another reach")
	f.Float64Var(&opts.Pull, "pull", 0, "weight of the parameters' squared distances from the middle of their bounds; default: that of the method")
	f.Uint64Var(&opts.Seed, "seed", 1, "of the search: equal seeds give equal results")
	f.DurationVar(&opts.Lead, "lead", 6*time.Hour, "floods are judged as if forecast so long before their peaks; of method error how far ahead the forecasts are issued that are scored")
	f.StringVar(&profile, "profile", skill.Profiles[0].ID, "edition of the standard by which the scheme is graded: gbt22482-2008, gbt22482-2026 or a YAML file")
	f.Float64Var(&opts.FloodAbove, "flood-above", 0, "m³/s that a flood exceeds, where --events does not name floods; 0: what nine tenths of the observed flows do not")
	f.DurationVar(&opts.Separation, "separation", 6*time.Hour, "less than this below that flow does not part two floods")
	f.StringVar(&rate.Datum, "datum", "", "rating, tidal: datum of the levels, as the station's in the catalogue; of a rating not needed with --from and --to")
	f.StringVar(&rate.Station, "station", "", "rating: station whose rating it is; tidal: the tide station")
	f.StringVar(&tide.TideDatum, "tide-datum", "", "tidal: datum of the tide, as the tide station's in the catalogue")
	f.StringVar(&tide.FlowAt, "flow-at", "", "tidal: node of the catalogue whose flow it is")
	f.StringVar(&rate.ValidFrom, "valid-from", "", "rating: day from which it holds, e.g. 2026-01-01")
	f.IntVar(&rate.Ranges, "ranges", 0, "rating: how many power laws, 1 to 5; 0: as many of 1 to 3 as pay")
	rainSpreadFlags(c, &rains)
	archive.add(f)
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// calibrateRating is `freshet calibrate --method rating`.
func calibrateRating(cmd *cobra.Command, o calibration.RatingOptions, asJSON bool) error {
	p := fitProgress{out: cmd.ErrOrStderr(), live: termui.Terminal(cmd.ErrOrStderr()), restart: -1, says: "ln of the mean square of ln Q/q"}
	o.Progress = p.tell
	r, err := calibration.RunRating(cmd.Context(), o)
	p.clear()
	if err != nil {
		return err
	}
	for _, n := range r.Notes {
		fmt.Fprintln(cmd.ErrOrStderr(), n)
	}
	return printFit(cmd.OutOrStdout(), r, r.Fragment, asJSON)
}

// printFit prints a report, or its fragment alone.
func printFit(w io.Writer, report any, fragment string, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, fragment)
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(report); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// source fills in what the flags say about the file.
func source(s *calibration.Source, columns []string, zone, delimiter, unit, stamps string) (err error) {
	if s.Zone, err = catalog.ParseZone(zone); err != nil {
		return fmt.Errorf("--zone: %w", err)
	}
	d := []rune(delimiter)
	if len(d) != 1 || d[0] == '"' || d[0] == '\n' {
		return fmt.Errorf("--delimiter %q: want one character: %w", delimiter, hydro.ErrInvalid)
	}
	s.Delimiter = d[0]
	factor, ok := map[string]float64{"m3/s": 1, "l/s": 0.001, "ft3/s": 0.028316846592}[unit]
	if !ok {
		return fmt.Errorf("--flow-unit %q: want m3/s, l/s or ft3/s: %w", unit, hydro.ErrInvalid)
	}
	s.Flow = factor
	if stamps != "end" && stamps != "start" {
		return fmt.Errorf("--stamps %q: want end or start: %w", stamps, hydro.ErrInvalid)
	}
	s.AtStart = stamps == "start"
	s.Columns = map[string]string{}
	for _, c := range columns {
		role, name, ok := strings.Cut(c, "=")
		if !ok || role == "" || name == "" {
			return fmt.Errorf("--column %q: write ROLE=NAME, e.g. flow=q_m3s: %w", c, hydro.ErrInvalid)
		}
		s.Columns[role] = name
	}
	return nil
}

// A fitProgress shows how far a search has come: in place on a terminal, else one
// line for each restart.
type fitProgress struct {
	out     io.Writer
	live    bool
	drawn   bool
	restart int
	says    string // what the value is; "": a score is 1 less the value
}

func (p *fitProgress) tell(g calibrate.Progress) {
	best := "no value yet"
	if !math.IsInf(g.Value, 1) {
		if best = fmt.Sprintf("best score %.5f", 1-g.Value); p.says != "" {
			best = fmt.Sprintf("%s %.4g", p.says, g.Value)
		}
	}
	switch {
	case p.live:
		fmt.Fprintf(p.out, "\r\x1b[K%3d %%  restart %d  %d of %d evaluations  %s", 100*g.Evaluations/g.Most, g.Restart, g.Evaluations, g.Most, best)
		p.drawn = true
	case g.Restart != p.restart:
		p.restart = g.Restart
		fmt.Fprintf(p.out, "restart %d  %d of %d evaluations  %s\n", g.Restart, g.Evaluations, g.Most, best)
	}
}

func (p *fitProgress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
