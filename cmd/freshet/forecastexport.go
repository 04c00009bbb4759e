package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/app"
	"freshet/internal/hydro"
)

// exportSuffix is the end of a run's link, by format.
var exportSuffix = map[string]string{"csv": ".csv", "json": ".json", "st_forecast_f": "/st_forecast_f.csv"}

// A forecastExport is what `freshet forecast export` is asked.
type forecastExport struct {
	server                                    serverFlags
	basin, issued, format, output, unit, plan string
	timeout                                   time.Duration
}

func forecastExportCommand() *cobra.Command {
	var e forecastExport
	c := &cobra.Command{
		Use:   "export",
		Short: "Write a forecast as CSV, JSON or rows of ST_FORECAST_F",
		Long: `Export writes a run as other departments' systems and spreadsheets read it: what the
server's HTTP side gives under the stable link of the run, /v1/forecasts/…, to the
last byte (docs/formats/forecast-csv.md). With -o the file that was there is replaced
whole or not at all. Stations without a code of eight characters have no row of
ST_FORECAST_F: they are named on standard error.`,
		Example: `  freshet forecast export --basin tanjiang -o latest.csv
  freshet forecast export --basin tanjiang --issued-at "2026-06-10 14:35" --format st_forecast_f --unit U --plan P`,
		Args: cobra.NoArgs,
		RunE: e.run,
	}
	f := c.Flags()
	f.StringVar(&e.server.address, "http", app.DefaultOptions().HTTP, "address of the HTTP server")
	e.server.addSecurity(f)
	f.StringVar(&e.basin, "basin", "", "basin")
	f.StringVar(&e.issued, "issued-at", "", "the run issued at this time (RFC 3339, or Beijing time as 2026-06-10T14:35) instead of the latest")
	f.StringVar(&e.format, "format", "csv", "csv, json or st_forecast_f")
	f.StringVarP(&e.output, "output", "o", "", "file to write to; empty: standard output")
	f.StringVar(&e.unit, "unit", "", "UNITNAME of ST_FORECAST_F, who forecasts")
	f.StringVar(&e.plan, "plan", "", "PLCD of ST_FORECAST_F, the scheme")
	f.DurationVar(&e.timeout, "timeout", 30*time.Second, "give up after this long")
	_ = c.MarkFlagRequired("basin") // it is there
	return c
}

func (e *forecastExport) run(cmd *cobra.Command, _ []string) error {
	suffix, ok := exportSuffix[e.format]
	if !ok {
		return fmt.Errorf("--format %q: csv, json or st_forecast_f: %w", e.format, hydro.ErrInvalid)
	}
	run := "latest"
	if e.issued != "" {
		at, err := parseInstant(e.issued)
		if err != nil {
			return fmt.Errorf("--issued-at: %w", err)
		}
		run = at.UTC().Format("20060102T150405Z")
	}
	path := "/v1/forecasts/" + url.PathEscape(e.basin) + "/" + run + suffix
	if e.format == "st_forecast_f" {
		path += "?" + url.Values{"unit": {e.unit}, "plan": {e.plan}}.Encode()
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), e.timeout)
	defer cancel()
	resp, err := e.server.secured().Get(ctx, e.server.address, path)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or not wanted
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("no whole answer from %s: %w: %w", e.server.address, err, hydro.ErrUnavailable)
	}
	if resp.StatusCode != http.StatusOK {
		return webCallError(e.server.address, resp, body)
	}
	if without := resp.Header.Get("X-Freshet-Stations-Without-Code"); without != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "no rows, because they have no code of eight digits or capital letters:", without)
	}
	write := func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	}
	if e.output == "" {
		return write(cmd.OutOrStdout())
	}
	return replaceFile(e.output, write)
}

// webCallError says in a sentence what the HTTP side refused, and keeps the kind.
func webCallError(server string, resp *http.Response, body []byte) error {
	var said struct{ Message string }
	if json.Unmarshal(body, &said) != nil || said.Message == "" {
		said.Message = strings.TrimSpace(resp.Status + " " + string(body))
	}
	switch resp.StatusCode {
	case http.StatusBadRequest:
		return plain{said.Message, hydro.ErrInvalid}
	case http.StatusNotFound:
		return plain{said.Message, hydro.ErrNotFound}
	}
	return plain{server + ": " + said.Message, hydro.ErrUnavailable}
}
