package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"freshet/internal/catalog"
)

// catalogCommand is `freshet catalog`: commands on catalogue folders that need
// no server.
func catalogCommand() *cobra.Command {
	c := &cobra.Command{Use: "catalog", Short: "Work on catalogues of stations, reaches and thresholds"}
	c.AddCommand(catalogCheckCommand())
	return c
}

func catalogCheckCommand() *cobra.Command {
	var asJSON, strict bool
	c := &cobra.Command{
		Use:   "check DIR",
		Short: "Check the *.yaml files of a catalogue and list all mistakes",
		Long: `Check reads the *.yaml files that stand directly in DIR and lists every mistake
as file:line:column. It exits with 1 if there is any, and with 2 if there is no
*.yaml file in DIR. What is doubtful, as a red level below the warning level of its
station, is listed as a warning: a catalogue with warnings is in force all the same,
and the exit code is 0 unless --strict asks for 1.`,
		Args:          cobra.ExactArgs(1),
		SilenceUsage:  true,
		SilenceErrors: false,
		RunE: func(cmd *cobra.Command, args []string) error {
			return checkCatalog(cmd.OutOrStdout(), args[0], asJSON, strict)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&strict, "strict", false, "exit with 1 if there is a warning")
	return c
}

// A catalogReport is what `freshet catalog check --json` prints.
type catalogReport struct {
	OK           bool              `json:"ok"`
	Problems     []catalog.Problem `json:"problems"`
	Warnings     []catalog.Problem `json:"warnings"`
	Name         string            `json:"name,omitempty"`
	Version      string            `json:"version,omitempty"`
	Illustrative string            `json:"illustrative,omitempty"`
	Stations     int               `json:"stations"`
	Sites        int               `json:"sites"`
	Basins       int               `json:"basins"`
	Nodes        int               `json:"nodes"`
	Reaches      int               `json:"reaches"`
	SubBasins    int               `json:"sub_basins"`
	Reservoirs   int               `json:"reservoirs"`
	Ratings      int               `json:"ratings"`
	StageTables  int               `json:"stage_tables"`
	Rosters      int               `json:"rosters"`
	Plans        int               `json:"plans"`
}

func checkCatalog(w io.Writer, dir string, asJSON, strict bool) error {
	c, err := catalog.LoadDir(dir)
	var problems catalog.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	r := catalogReport{OK: err == nil, Problems: problems}
	if r.Problems == nil {
		r.Problems = []catalog.Problem{}
	}
	r.Warnings = []catalog.Problem{}
	if c != nil {
		r.Warnings = append(r.Warnings, c.Warnings()...)
		r.Name, r.Version, r.Illustrative = c.Name, c.Version, c.Illustrative
		r.Stations, r.Sites, r.Basins = len(c.Stations), len(c.Sites), len(c.Basins)
		r.Ratings, r.StageTables = len(c.Ratings), len(c.StageTables)
		r.Rosters, r.Plans = len(c.Rosters), len(c.Plans)
		for _, b := range c.Basins {
			r.Nodes += len(b.Nodes)
			r.Reaches += len(b.Reaches)
			r.SubBasins += len(b.SubBasins)
			r.Reservoirs += len(b.Reservoirs)
		}
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	} else {
		printCatalogReport(w, c, r)
	}
	if err != nil {
		if len(problems) == 1 {
			return fmt.Errorf("%s: 1 problem", dir)
		}
		return fmt.Errorf("%s: %d problems", dir, len(problems))
	}
	if n := len(r.Warnings); strict && n > 0 {
		if n == 1 {
			return fmt.Errorf("%s: 1 warning", dir)
		}
		return fmt.Errorf("%s: %d warnings", dir, n)
	}
	return nil
}

func printCatalogReport(w io.Writer, c *catalog.Catalog, r catalogReport) {
	for _, p := range r.Problems {
		fmt.Fprintln(w, p)
	}
	for _, p := range r.Warnings {
		p.Message = "warning: " + p.Message
		fmt.Fprintln(w, p)
	}
	if c == nil {
		return
	}
	fmt.Fprintf(w, "%s %s (%s): sound\n", c.TitleZH, c.TitleEN, c.Version)
	if r.Illustrative != "" {
		fmt.Fprintln(w, r.Illustrative)
	}
	fmt.Fprintf(w, "%d stations, %d sites, %d basins, %d nodes, %d reaches, %d sub-basins, %d reservoirs, %d ratings, %d stage tables, %d rosters, %d plans\n",
		r.Stations, r.Sites, r.Basins, r.Nodes, r.Reaches, r.SubBasins, r.Reservoirs, r.Ratings, r.StageTables, r.Rosters, r.Plans)
}
